//! Answers: `{code, message, data}` for both success and failure (vendor documentation v1.1).

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Everything went well.
pub(crate) const CODE_SUCCESS: u16 = 100;
const CODE_INVALID_DATA: u16 = 111;
const CODE_REQUIRED: u16 = 112;
const CODE_INVALID_VALUE: u16 = 113;
const CODE_INTERNAL: u16 = 166;
const CODE_TOKEN_SERVICE: u16 = 508;
const CODE_AMOUNT_MAXIMUM: u16 = 511;

/// What is wrong with one field of a request.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    code: u16,
    message: String,
    field: String,
}

impl FieldError {
    pub(crate) fn required(field: &str) -> FieldError {
        FieldError {
            code: CODE_REQUIRED,
            message: format!("The field {field} is required."),
            field: field.to_owned(),
        }
    }

    pub(crate) fn invalid(field: &str, why: &str) -> FieldError {
        FieldError {
            code: CODE_INVALID_VALUE,
            message: format!("The field {field} {why}."),
            field: field.to_owned(),
        }
    }
}

/// A request that is not done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// No token, or one that is unknown or has run out. The body is not known from public material: configuration.
    Unauthorized(String),
    /// 400 with code 111 and one entry for each bad field; no entry if the body is not a JSON object.
    Invalid(Vec<FieldError>),
    /// 400 with code 508, which stands for the whole request (that it is the outer code is our assumption).
    TokenService,
    /// 400 with code 511, which stands for the whole request (that it is the outer code is our assumption).
    AmountMaximum,
    /// 404: no such CIP to change or remove. The body is our assumption.
    UnknownCip,
    /// 500 with code 166.
    Internal,
}

impl ApiError {
    /// One bad field.
    pub(crate) fn invalid(field: &str, why: &str) -> ApiError {
        ApiError::Invalid(vec![FieldError::invalid(field, why)])
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    code: u16,
    message: &'a str,
    data: T,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let none = Vec::new();
        match self {
            ApiError::Unauthorized(body) => json_response(StatusCode::UNAUTHORIZED, body.into_bytes()),
            ApiError::Invalid(errors) => {
                failure(StatusCode::BAD_REQUEST, CODE_INVALID_DATA, "The request has invalid data.", errors)
            }
            ApiError::TokenService => failure(
                StatusCode::BAD_REQUEST,
                CODE_TOKEN_SERVICE,
                "The service of the token is invalid.",
                none,
            ),
            ApiError::AmountMaximum => {
                let message = "The amount is above the maximum of the service.";
                failure(StatusCode::BAD_REQUEST, CODE_AMOUNT_MAXIMUM, message, none)
            }
            ApiError::UnknownCip => failure(StatusCode::NOT_FOUND, 404, "The CIP does not exist.", none),
            ApiError::Internal => internal(),
        }
    }
}

/// An answer with code 100.
pub(crate) fn success<T: Serialize>(status: StatusCode, data: T) -> Response {
    envelope(status, CODE_SUCCESS, "The request was successful.", data)
}

fn failure(status: StatusCode, code: u16, message: &str, errors: Vec<FieldError>) -> Response {
    envelope(status, code, message, errors)
}

fn internal() -> Response {
    failure(StatusCode::INTERNAL_SERVER_ERROR, CODE_INTERNAL, "Internal error.", Vec::new())
}

fn envelope<T: Serialize>(status: StatusCode, code: u16, message: &str, data: T) -> Response {
    match serde_json::to_vec(&Envelope { code, message, data }) {
        Ok(body) => json_response(status, body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Bytes that are JSON already.
pub(crate) fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
