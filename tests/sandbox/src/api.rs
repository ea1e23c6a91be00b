//! The documented API under `/v1`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{patch, post};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::cips::{CreatedCip, FoundCip, SearchEntry, UnknownCip};
use crate::envelope::{ApiError, success};
use crate::fields::Fields;
use crate::ledger::Standing;
use crate::server::{Book, Shared};
use crate::{cips, create, tokens, wire_time};

/// Nothing to say: PATCH and DELETE answer `data: {}`.
#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authorized<'a> {
    token: &'a str,
    code_service: &'a str,
    token_start: String,
    token_expires: String,
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/authorizations", post(authorize))
        .route("/v1/cips", post(create_cip))
        .route("/v1/cips/search", post(search))
        .route("/v1/cips/{cip}", patch(extend).delete(remove))
}

async fn authorize(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, ApiError> {
    let config = &shared.config;
    let now = shared.clock.now();
    let mut book = shared.book();
    let mut fields = Fields::parse(&body)?;
    let access_key = fields.required_text("accessKey", 20);
    let id_service = fields.required_number("idService");
    let date_request = fields.required_text("dateRequest", 25);
    let hash = fields.required_text("hashString", 64);
    // Which code wrong credentials get is not known; naming the field that is wrong is our assumption.
    if access_key.is_some_and(|given| given != config.access_key) {
        fields.reject("accessKey", "is not known");
    }
    if id_service.is_some_and(|given| given != config.id_service) {
        fields.reject("idService", "is not known");
    }
    if let Some(date_request) = date_request {
        if !is_current(&date_request, now, config.date_request_skew_seconds_max) {
            fields
                .reject("dateRequest", "must be the current time in Lima, such as 2026-03-02T09:30:00-05:00");
        }
        let expected = tokens::authorization_hash(
            config.id_service,
            &config.access_key,
            &config.secret_key,
            &date_request,
        );
        if hash.is_some_and(|given| given != expected) {
            fields.reject("hashString", "does not agree with the other fields and the secret key");
        }
    }
    fields.finish()?;
    let token = book
        .tokens
        .issue(config.id_service, &config.service_code, now, config.token_lifetime_seconds)
        .map_err(|_| ApiError::Internal)?;
    let data = Authorized {
        token: &token.text,
        code_service: &config.service_code,
        token_start: wire_time::lima(token.starts_at),
        token_expires: wire_time::lima(token.expires_at),
    };
    Ok(success(StatusCode::CREATED, data))
}

fn is_current(date_request: &str, now: DateTime<Utc>, skew_seconds_max: u32) -> bool {
    wire_time::parse_date_request(date_request)
        .is_some_and(|date| (date - now).num_seconds().unsigned_abs() <= u64::from(skew_seconds_max))
}

async fn create_cip(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = shared.clock.now();
    let mut book = shared.book();
    admit(&shared, &book, &headers, now)?;
    let new = create::read(&body, &shared.config, now)?;
    let record = book.ledger.create(new);
    let data = CreatedCip::of(record).map_err(|_| ApiError::Internal)?;
    Ok(success(StatusCode::CREATED, data))
}

async fn search(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = shared.clock.now();
    let assumptions = &shared.config.assumptions;
    let book = shared.book();
    admit(&shared, &book, &headers, now)?;
    let wanted = cips::read_search(&body, assumptions.search_cips_max)?;
    let found: Result<Vec<SearchEntry<'_>>, serde_json::Error> = wanted
        .into_iter()
        .map(|cip| match book.ledger.get(cip) {
            Some(record) => FoundCip::of(record, now, assumptions).map(SearchEntry::Found),
            None => Ok(SearchEntry::Unknown(UnknownCip {})),
        })
        .collect();
    Ok(success(StatusCode::OK, found.map_err(|_| ApiError::Internal)?))
}

async fn extend(
    State(shared): State<Arc<Shared>>,
    Path(cip): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = shared.clock.now();
    let mut book = shared.book();
    admit(&shared, &book, &headers, now)?;
    let (cip, standing) = standing(&book, &cip, now)?;
    let mut fields = Fields::parse(&body)?;
    let expires_at = fields.required_date("dateExpiry");
    if expires_at.is_some_and(|date| date <= now) {
        fields.reject("dateExpiry", "must lie ahead");
    }
    // What a PATCH of a paid or removed CIP answers is not known; refusing it is our assumption.
    if !matches!(standing, Standing::Generated | Standing::Expired) {
        fields.reject("cip", "is paid or removed and cannot be extended");
    }
    fields.finish()?;
    if let Some(expires_at) = expires_at {
        book.ledger.extend(cip, expires_at);
    }
    Ok(success(StatusCode::OK, Nothing {}))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    Path(cip): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let now = shared.clock.now();
    let mut book = shared.book();
    admit(&shared, &book, &headers, now)?;
    let (cip, standing) = standing(&book, &cip, now)?;
    // "Only while generated" is documented, the answer to any other CIP is not; this one is our assumption.
    if standing != Standing::Generated {
        return Err(ApiError::invalid("cip", "is not generated and cannot be removed"));
    }
    book.ledger.remove(cip, now);
    Ok(success(StatusCode::OK, Nothing {}))
}

fn admit(shared: &Shared, book: &Book, headers: &HeaderMap, now: DateTime<Utc>) -> Result<(), ApiError> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if book.tokens.admit(authorization, now) {
        Ok(())
    } else {
        Err(ApiError::Unauthorized(shared.config.assumptions.unauthorized_body.clone()))
    }
}

/// The CIP that a path names, and where it stands.
fn standing(book: &Book, cip: &str, now: DateTime<Utc>) -> Result<(u64, Standing), ApiError> {
    let number = cip.parse().map_err(|_| ApiError::invalid("cip", "must be a number"))?;
    let record = book.ledger.get(number).ok_or(ApiError::UnknownCip)?;
    Ok((number, record.standing(now)))
}
