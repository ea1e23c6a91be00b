//! The event of an HTTP API or of a function URL (payload 2.0), as far as a callback needs it, and the answer to it.
//!
//! Types of our own: the ones of the event crate keep everything of a request, which takes longer than to verify it.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A request as the platform hands it over.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// The path, stage included where the stage has a name.
    pub raw_path: String,
    /// The headers as they were sent.
    pub headers: Headers,
    /// What the platform itself says of the request.
    pub request_context: Context,
    /// Absent from the events of a function URL.
    pub path_parameters: Option<PathParameters>,
    /// The body, as text or in base64.
    pub body: Option<String>,
    /// Whether the body is in base64.
    pub is_base64_encoded: bool,
}

/// Bodies, signatures and addresses of senders are shown to nobody.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("method", &self.request_context.http.method).finish_non_exhaustive()
    }
}

/// `requestContext`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Context {
    /// `http`.
    pub http: Http,
}

/// `requestContext.http`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    /// `POST`.
    pub method: String,
    /// Who opened the connection to the platform: unlike a header, nobody can make it up.
    pub source_ip: String,
}

/// `pathParameters` of the route `/callbacks/{account}`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PathParameters {
    /// Whose notice it is.
    pub account: String,
}

impl Event {
    /// The account that the request names, by its route or, at a function URL, by its path.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        match &self.path_parameters {
            Some(parameters) => Some(parameters.account.as_str()),
            None => self.raw_path.strip_prefix("/callbacks/"),
        }
    }
}

/// Headers in the order of the event. A name in two letter cases stands here twice.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// Every value of a header, whatever the letter case of its name.
    pub fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        let named = move |(header, value): &'h (String, String)| {
            header.eq_ignore_ascii_case(name).then_some(value.as_str())
        };
        self.0.iter().filter_map(named)
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Headers, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the headers of a request")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Headers, M::Error> {
                let mut headers = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some(header) = map.next_entry()? {
                    headers.push(header);
                }
                Ok(Headers(headers))
            }
        }
        deserializer.deserialize_map(List)
    }
}

/// The answer: a status, and nothing that would help a forger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status.
    pub status_code: u16,
    /// Its headers.
    pub headers: AnswerHeaders,
    /// A JSON object.
    pub body: &'static str,
    /// Never: the body is text.
    pub is_base64_encoded: bool,
}

/// The headers of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AnswerHeaders {
    /// Of the body.
    pub content_type: &'static str,
    /// The method that would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<&'static str>,
    /// Seconds until another try may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<&'static str>,
}

impl Answer {
    pub(crate) const fn new(status_code: u16, body: &'static str) -> Answer {
        let headers = AnswerHeaders { content_type: "application/json", allow: None, retry_after: None };
        Answer { status_code, headers, body, is_base64_encoded: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Event {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_account_is_named_by_the_route_or_by_the_path() {
        let check = |json: &str, expected: Option<&str>| assert_eq!(read(json).account(), expected, "{json}");
        check(r#"{"rawPath":"/prod/callbacks/a","pathParameters":{"account":"a"}}"#, Some("a"));
        check(r#"{"rawPath":"/callbacks/a"}"#, Some("a"));
        check(r#"{"rawPath":"/callbacks/a","pathParameters":null}"#, Some("a"));
        check(r#"{"rawPath":"/callbacks/a","pathParameters":{}}"#, Some(""));
        check(r#"{"rawPath":"/other/a"}"#, None);
        check("{}", None);
    }

    #[test]
    fn a_header_is_found_in_any_letter_case_and_as_often_as_it_stands_there() {
        let event =
            read(r#"{"headers":{"PE-Signature":"1","accept":"*","pe-signature":"2","Pe-Signature":"3"}}"#);
        assert_eq!(event.headers.values("pe-signature").collect::<Vec<_>>(), ["1", "2", "3"]);
        assert_eq!(event.headers.values("signature").count(), 0);
    }

    #[test]
    fn nothing_of_a_request_is_shown() {
        let shown = format!("{:?}", read(r#"{"headers":{"pe-signature":"1ef7"},"body":"{\"data\":1}"}"#));
        assert!(!shown.contains("1ef7") && !shown.contains("data"), "{shown}");
    }

    #[test]
    fn an_answer_is_written_as_the_api_takes_it() {
        let mut answer = Answer::new(503, "{}");
        answer.headers.retry_after = Some("1");
        let written = serde_json::to_value(&answer).unwrap();
        let expected = serde_json::json!({
            "statusCode": 503,
            "headers": {"content-type": "application/json", "retry-after": "1"},
            "body": "{}",
            "isBase64Encoded": false,
        });
        assert_eq!(written, expected);
    }
}
