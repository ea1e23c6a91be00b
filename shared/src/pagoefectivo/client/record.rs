//! What is kept of each request for the provider's support: when, what, how it ended, by which ids it can be found there.
//!
//! No address, key, token, body or value of a field is in it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{self, HeaderMap, HeaderName};

use super::error::ClientError;
use super::wait::http_date;
use super::wire::Question;
use crate::pagoefectivo::contract::Shape;

/// Requests that are kept; older ones are forgotten.
const RECORDS_MAX: usize = 1_000;

/// Headers of answers that name the request at the provider or on the way to it, or say how it was dealt with.
const HEADERS: [&str; 16] = [
    "cf-ray",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "request-id",
    "retry-after",
    "server",
    "via",
    "x-amz-cf-id",
    "x-amzn-requestid",
    "x-azure-ref",
    "x-correlation-id",
    "x-ms-request-id",
    "x-request-id",
    "x-trace-id",
];

const HEADER_BYTES_MAX: usize = 120;

/// What was sent and is shorter may stand in any header by chance.
const SENT_BYTES_MIN: usize = 5;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was asked, such as `/v1/cips/search`.
    pub what: &'static str,
    /// The HTTP method.
    pub method: String,
    /// When it was sent, by this machine's clock.
    pub sent_at: DateTime<Utc>,
    /// From sending to the end of the answer.
    pub duration: Duration,
    /// The status, where there was an answer.
    pub status: Option<u16>,
    /// `code` of an error's envelope.
    pub code: Option<String>,
    /// How it ended, in one sentence; absent where it ended well.
    pub fault: Option<String>,
    /// Bytes of the answer's body, as far as it came.
    pub body_bytes: Option<usize>,
    /// The shape of the answer's body, where it is JSON: names and types, no values.
    pub shape: Option<Shape>,
    /// Headers of the answer that are safe to be shown.
    pub headers: Vec<(String, String)>,
}

impl Record {
    /// What the answer's `Date` says.
    #[must_use]
    pub fn date(&self) -> Option<DateTime<Utc>> {
        let date = self.headers.iter().find(|(name, _)| name == header::DATE.as_str());
        date.and_then(|(_, text)| http_date(text))
    }
}

/// The latest requests of a wire.
#[derive(Debug, Default)]
pub(super) struct Records(Mutex<VecDeque<Record>>);

impl Records {
    pub(super) fn keep(&self, record: Record) {
        // A list of records is whole after each step.
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= RECORDS_MAX {
            records.pop_front();
        }
        records.push_back(record);
    }

    pub(super) fn all(&self) -> Vec<Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The headers that may be shown. One that repeats what was sent is not: it may be a key, or of a shopper's.
pub(super) fn safe_headers(headers: &HeaderMap, question: &Question) -> Vec<(String, String)> {
    let keys = question.headers.iter().filter(|(name, _)| is_key(name)).map(|(_, value)| value.expose());
    let sent: Vec<&str> = keys
        .flat_map(|key| key.split(' '))
        .chain(question.body.iter().flat_map(|body| body.split('"')))
        .filter(|text| text.len() >= SENT_BYTES_MIN)
        .collect();
    let is_safe = |text: &&str| {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        printable && text.len() <= HEADER_BYTES_MAX && !sent.iter().any(|sent| text.contains(sent))
    };
    let safe = |name: &&str| {
        let text = headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), Some(text).filter(is_safe).unwrap_or("[not shown]").to_owned()))
    };
    HEADERS.iter().filter_map(safe).collect()
}

/// Whether a header may hold a key; the others say what form the bodies have, as answers do.
fn is_key(name: &HeaderName) -> bool {
    ![header::CONTENT_TYPE, header::ACCEPT, header::ORIGIN].contains(name)
}

/// The code of an error, where it has one.
pub(super) fn code(error: &ClientError) -> Option<String> {
    match error {
        ClientError::Trouble { code, .. } | ClientError::Refused { code, .. } => Some(code.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;
    use crate::pagoefectivo::Secret;
    use crate::pagoefectivo::client::wire::{Method, Repeat};

    #[test]
    fn headers_are_shown_unless_they_repeat_what_was_sent() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let question = Question {
            what: "q",
            method: Method::POST,
            url: "http://127.0.0.1/canary".to_owned(),
            headers: vec![
                (header::ACCEPT, secret("application/json")),
                (header::AUTHORIZATION, secret("Bearer token.of.ours")),
            ],
            body: Some(r#"{"accessKey":"ACCESS","userName":"Canaria"}"#.to_owned()),
            body_max: 1,
            repeat: Repeat::Safe,
        };
        let check = |name: &'static str, value: &str, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            let shown = safe_headers(&headers, &question);
            assert_eq!(shown.first().map(|(_, value)| value.as_str()), expected, "{name}: {value}");
        };
        check("x-request-id", "8f14e45f", Some("8f14e45f"));
        check("content-type", "application/json", Some("application/json"));
        check("x-request-id", "for-ACCESS-1", Some("[not shown]"));
        check("x-request-id", "token.of.ours", Some("[not shown]"));
        check("x-correlation-id", "Canaria", Some("[not shown]"));
        check("server", &"x".repeat(121), Some("[not shown]"));
        check("set-cookie", "session=1", None);
        check("x-user", "somebody", None);
    }

    #[test]
    fn no_more_is_kept_than_a_pack_holds() {
        let records = Records::default();
        let record = |number: u64| Record {
            what: "q",
            method: "GET".to_owned(),
            sent_at: DateTime::UNIX_EPOCH,
            duration: Duration::from_secs(number),
            status: None,
            code: None,
            fault: None,
            body_bytes: None,
            shape: None,
            headers: vec![("date".to_owned(), "Mon, 02 Mar 2026 14:30:00 GMT".to_owned())],
        };
        for number in 0..1_005 {
            records.keep(record(number));
        }
        let kept = records.all();
        assert_eq!((kept.len(), kept[0].duration.as_secs()), (RECORDS_MAX, 5));
        assert_eq!(
            kept[0].date().map(|date| date.to_rfc3339()).as_deref(),
            Some("2026-03-02T14:30:00+00:00")
        );
    }
}
