//! The control surface under `/_sandbox`: what shoppers, collectors and time do, for use by hand and by tests in other
//! languages. The provider has nothing like it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::envelope::json_response;
use crate::fault::{Fault, FaultRule};
use crate::ledger::{PaymentError, PaymentOptions};
use crate::notice::SignedNotice;
use crate::server::{Delivery, Shared};
use crate::{amount, wire_time};

/// A request that cannot be done, with one sentence that says why.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        answer(self.0, &json!({ "error": self.1 }))
    }
}

impl From<PaymentError> for Refused {
    fn from(error: PaymentError) -> Refused {
        let status = match error {
            PaymentError::UnknownCip(_) => StatusCode::NOT_FOUND,
            PaymentError::BadAmount | PaymentError::LongOperationNumber => StatusCode::BAD_REQUEST,
            _ => StatusCode::CONFLICT,
        };
        Refused(status, error.to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    cip: u64,
    amount: Option<Box<RawValue>>,
    operation_number: Option<String>,
    #[serde(default)]
    after_expiry: bool,
    #[serde(default)]
    again: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extorno {
    cip: u64,
    operation_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveClock {
    advance_seconds: Option<u32>,
    now: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeUrl {
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trouble {
    /// How many are hit; absent, all.
    requests: Option<u32>,
    #[serde(default)]
    skip: u32,
    /// The beginning of `METHOD path`; absent, every request.
    #[serde(default)]
    matching: String,
    /// Absent, 500 with code 166.
    fault: Option<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forge {
    cip: u64,
    key: Option<String>,
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sandbox", get(overview))
        .route("/_sandbox/pay", post(pay))
        .route("/_sandbox/extorno", post(extorno))
        .route("/_sandbox/clock", post(move_clock))
        .route("/_sandbox/notice-url", post(notice_url))
        .route("/_sandbox/notices", get(notices))
        .route("/_sandbox/notices/send", post(send_notices))
        .route("/_sandbox/forge", post(forge))
        .route("/_sandbox/fault", post(fault))
}

async fn overview(State(shared): State<Arc<Shared>>) -> Response {
    let book = shared.book();
    let state = json!({
        "now": wire_time::lima(shared.clock.now()),
        "id_service": shared.config.id_service,
        "cips": book.ledger.count(),
        "notice_url": book.notice_url,
        "notices_due": book.notices_due().len(),
    });
    answer(StatusCode::OK, &state)
}

async fn pay(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refused> {
    let wanted: Pay = read(&body)?;
    let amount_minor = match wanted.amount {
        Some(raw) => Some(amount::parse_json(&raw).ok_or(PaymentError::BadAmount)?),
        None => None,
    };
    let options = PaymentOptions {
        amount_minor,
        operation_number: wanted.operation_number,
        after_expiry: wanted.after_expiry,
        again: wanted.again,
    };
    let payment = shared.pay(wanted.cip, options)?;
    let has_url = shared.book().notice_url.is_some();
    let deliveries = if has_url { shared.send_notices().await.unwrap_or_default() } else { Vec::new() };
    let state = json!({
        "operation_number": payment.operation_number,
        "paid_at": wire_time::lima(payment.paid_at),
        "notices": deliveries.iter().map(delivery).collect::<Vec<_>>(),
    });
    Ok(answer(StatusCode::OK, &state))
}

async fn extorno(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refused> {
    let wanted: Extorno = read(&body)?;
    let payment = shared.extorno(wanted.cip, wanted.operation_number.as_deref())?;
    let state = json!({
        "operation_number": payment.operation_number,
        "taken_back_at": payment.taken_back_at.map(wire_time::lima),
    });
    Ok(answer(StatusCode::OK, &state))
}

async fn move_clock(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refused> {
    let wanted: MoveClock = read(&body)?;
    match (wanted.advance_seconds, wanted.now) {
        (Some(seconds), None) => shared.clock.advance(Duration::from_secs(u64::from(seconds))),
        (None, Some(text)) => match wire_time::parse(&text) {
            Some(now) => shared.clock.set(now),
            None => return Err(bad("now must be a time such as 2026-03-02T09:30:00-05:00")),
        },
        _ => return Err(bad("give either advance_seconds or now")),
    }
    Ok(answer(StatusCode::OK, &json!({ "now": wire_time::lima(shared.clock.now()) })))
}

async fn notice_url(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refused> {
    let wanted: NoticeUrl = read(&body)?;
    if wanted.url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err(bad("url must begin with http:// or https://"));
    }
    shared.set_notice_url(wanted.url.clone());
    Ok(answer(StatusCode::OK, &json!({ "notice_url": wanted.url })))
}

async fn notices(State(shared): State<Arc<Shared>>) -> Response {
    let due: Vec<_> = shared.book().notices_due().iter().map(notice).collect();
    answer(StatusCode::OK, &due)
}

async fn send_notices(State(shared): State<Arc<Shared>>) -> Result<Response, Refused> {
    let deliveries =
        shared.send_notices().await.map_err(|error| Refused(StatusCode::CONFLICT, error.to_string()))?;
    Ok(answer(StatusCode::OK, &deliveries.iter().map(delivery).collect::<Vec<_>>()))
}

async fn forge(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refused> {
    let wanted: Forge = read(&body)?;
    let key = wanted.key.as_deref().unwrap_or("not the merchant's key");
    let forged = shared.forged_notice(wanted.cip, key)?;
    Ok(answer(StatusCode::OK, &notice(&forged)))
}

async fn fault(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refused> {
    let Trouble { requests, skip, matching, fault } = read(&body)?;
    let rule = FaultRule { fault: fault.unwrap_or(Fault::Internal), matching, skip, times: requests };
    let mut book = shared.book();
    book.faults.clear();
    book.faults.inject(rule);
    Ok(answer(StatusCode::OK, &json!({ "requests": requests })))
}

fn notice(notice: &SignedNotice) -> serde_json::Value {
    json!({ "body": String::from_utf8_lossy(&notice.body), "signature": notice.signature })
}

fn delivery(delivery: &Delivery) -> serde_json::Value {
    json!({ "attempts": delivery.attempts, "status": delivery.status })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body)
        .map_err(|error| bad(&format!("the body is not what is expected here: {error}")))
}

fn bad(why: &str) -> Refused {
    Refused(StatusCode::BAD_REQUEST, why.to_owned())
}

fn answer<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json_response(status, body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
