//! Faults on the way: what a provider in trouble, a proxy before it or a bad line does to an answer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::envelope::{ApiError, json_response};
use crate::server::Shared;
use crate::wire_time;

/// The largest answer that is taken apart to be spoilt.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// `{"code":100,"data":[]}` as any gzip writes it.
const GZIPPED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x4a, 0xce, 0x4f, 0x49, 0x55,
    0xb2, 0x32, 0x34, 0x30, 0xd0, 0x51, 0x4a, 0x49, 0x2c, 0x49, 0x54, 0xb2, 0x8a, 0x8e, 0xad, 0x05, 0x00,
    0x5e, 0x11, 0xa0, 0x09, 0x16, 0x00, 0x00, 0x00,
];

/// What goes wrong. The first group happens before the request takes effect, the second after.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 500 with code 166, as documented.
    Internal,
    /// This status with a page of HTML, as a gateway answers.
    Status(u16),
    /// 429 with `Retry-After` as this text.
    Busy(String),
    /// 302 to another host.
    Redirect,
    /// Nothing is ever answered.
    Silent,
    /// 200 with a page of HTML, as a site under repair answers.
    Html,
    /// 200 without a body.
    Empty,
    /// A CIP that nobody asked for, paid, in place of all others.
    ForeignCip,
    /// The request takes effect, and nothing is ever answered.
    Late,
    /// The answer breaks off in its middle.
    Cut,
    /// The answer says that it is HTML.
    WrongType,
    /// The answer is gzip, and says so.
    Gzip,
    /// The answer carries so many bytes more in a field of its own.
    Long(usize),
    /// Every entry of the answer is an empty structure.
    EmptyStructures,
    /// `code` comes as a text.
    TextCode,
    /// The status is one of success, and the code in it is this one.
    Code(u16),
}

/// Which requests a fault hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// The beginning of `METHOD path`, such as `POST /v1/cips/search`; empty for all requests.
    pub matching: String,
    /// So many matching requests pass first.
    pub skip: u32,
    /// So many are hit then; `None` for all.
    pub times: Option<u32>,
}

impl FaultRule {
    /// Every request of this kind is hit.
    #[must_use]
    pub fn always(fault: Fault, matching: &str) -> FaultRule {
        FaultRule { fault, matching: matching.to_owned(), skip: 0, times: None }
    }

    /// One request of this kind is hit, after so many that pass.
    #[must_use]
    pub fn once(fault: Fault, matching: &str, skip: u32) -> FaultRule {
        FaultRule { fault, matching: matching.to_owned(), skip, times: Some(1) }
    }
}

/// The faults asked for, and the requests that came.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<FaultRule>,
    requests: BTreeMap<String, u32>,
}

impl Faults {
    pub(crate) fn inject(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn requests(&self, matching: &str) -> u32 {
        let counts = self.requests.iter().filter(|(call, _)| call.starts_with(matching));
        counts.map(|(_, count)| *count).sum()
    }

    /// Counts a request and gives the fault that hits it: that of the first rule that is not spent.
    fn next(&mut self, call: &str) -> Option<Fault> {
        *self.requests.entry(call.to_owned()).or_default() += 1;
        let rule =
            self.rules.iter_mut().find(|rule| call.starts_with(&rule.matching) && rule.times != Some(0))?;
        if let Some(left) = rule.skip.checked_sub(1) {
            rule.skip = left;
            return None;
        }
        rule.times = rule.times.map(|times| times.saturating_sub(1));
        Some(rule.fault.clone())
    }
}

/// Stands before the API: every request passes here.
pub(crate) async fn pass(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let call = format!("{} {}", request.method(), request.uri().path());
    let fault = shared.book().faults.next(&call);
    let mut response = match fault {
        None => next.run(request).await,
        Some(fault) => spoil(fault, request, next).await,
    };
    // The provider's clock is the simulated one.
    if let Ok(date) = HeaderValue::from_str(&wire_time::http_date(shared.clock.now())) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

async fn spoil(fault: Fault, request: Request, next: Next) -> Response {
    match fault {
        Fault::Internal => ApiError::Internal.into_response(),
        Fault::Status(status) => page(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)),
        Fault::Busy(retry_after) => {
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, retry_after)]).into_response()
        }
        Fault::Redirect => (StatusCode::FOUND, [(LOCATION, "http://elsewhere.invalid/")]).into_response(),
        Fault::Silent => std::future::pending().await,
        Fault::Html => page(StatusCode::OK),
        Fault::Empty => StatusCode::OK.into_response(),
        Fault::ForeignCip => json_response(StatusCode::OK, foreign().to_string().into_bytes()),
        Fault::Late => {
            drop(next.run(request).await);
            std::future::pending().await
        }
        Fault::Cut | Fault::WrongType | Fault::Gzip | Fault::Long(_) => {
            after(&fault, next.run(request).await).await
        }
        Fault::EmptyStructures | Fault::TextCode | Fault::Code(_) => {
            rewritten(&fault, next.run(request).await).await
        }
    }
}

fn page(status: StatusCode) -> Response {
    let html = "<!DOCTYPE html><html><body>We will be back soon.</body></html>";
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

fn foreign() -> Value {
    json!({"code": 100, "message": "The request was successful.", "data": [{
        "cip": 9_999_999_999_u64, "transactionCode": "NOT-YOURS", "amount": 1, "currency": "PEN", "status": 23,
        "statusName": "Cancelado.", "dateCreation": "2026-03-02T09:30:00-05:00",
        "dateExpiry": "2026-03-03T09:30:00-05:00", "datePayment": "2026-03-02T10:30:00-05:00",
        "dateRemoval": wire_time::NO_DATE, "token": "00000000-0000-4000-8000-000000000000",
    }]})
}

/// Spoils an answer on its way back.
async fn after(fault: &Fault, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = match fault {
        Fault::Cut => {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            let half = bytes.slice(..bytes.len().checked_div(2).unwrap_or_default());
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            Body::from_stream(stream::iter([Ok(half), Err(broken)]))
        }
        Fault::Gzip => {
            parts.headers.remove(CONTENT_LENGTH);
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Body::from(GZIPPED)
        }
        Fault::Long(more) => {
            parts.headers.remove(CONTENT_LENGTH);
            let rest = bytes.strip_prefix(b"{").map(Bytes::copy_from_slice).unwrap_or_default();
            let padding = Bytes::from(vec![b'x'; *more]);
            let pieces = [Bytes::from_static(b"{\"padding\":\""), padding, Bytes::from_static(b"\","), rest];
            Body::from_stream(stream::iter(pieces).map(Ok::<_, Infallible>))
        }
        _ => {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            Body::from(bytes)
        }
    };
    Response::from_parts(parts, body)
}

/// Writes an answer of JSON anew, with something else in it.
async fn rewritten(fault: &Fault, response: Response) -> Response {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.unwrap_or_default();
    let Ok(Value::Object(mut answer)) = serde_json::from_slice::<Value>(&bytes) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match fault {
        Fault::EmptyStructures => {
            let entries = answer.get("data").and_then(Value::as_array).map_or(1, Vec::len);
            answer.insert("data".to_owned(), Value::Array(vec![json!({}); entries]));
        }
        Fault::Code(code) => {
            answer.insert("code".to_owned(), json!(code));
        }
        _ => {
            let code = answer.get("code").map(ToString::to_string).unwrap_or_default();
            answer.insert("code".to_owned(), Value::String(code));
        }
    }
    json_response(status, Value::Object(answer).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_hits_what_it_names_and_is_spent() {
        let mut faults = Faults::default();
        faults.inject(FaultRule::once(Fault::Html, "POST /v1/cips/search", 1));
        faults.inject(FaultRule::always(Fault::Silent, "DELETE"));
        let mut check =
            |call: &str, expected: Option<Fault>| assert_eq!(faults.next(call), expected, "{call}");
        check("POST /v1/authorizations", None);
        check("POST /v1/cips/search", None);
        check("POST /v1/cips/search", Some(Fault::Html));
        check("POST /v1/cips/search", None);
        check("DELETE /v1/cips/7", Some(Fault::Silent));
        check("DELETE /v1/cips/8", Some(Fault::Silent));
        assert_eq!((faults.requests("POST /v1/cips/search"), faults.requests("DELETE")), (3, 2));
    }
}
