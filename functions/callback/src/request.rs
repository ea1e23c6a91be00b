//! From the event of the HTTP API to the parts that count, or to the refusal. No I/O.

use std::borrow::Cow;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::http::{Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cuadre::config::env::Accounts;

/// A notice has a few hundred bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What a request is refused with, before its signature is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 405.
    Method,
    /// 415.
    MediaType,
    /// 413.
    TooLarge,
    /// 401, as for a bad signature: the sender learns nothing about which accounts there are.
    UnknownAccount,
    /// 401: a body that the API damaged cannot be verified.
    BadBase64,
}

/// The account and the bytes that its provider may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery<'a> {
    pub(crate) account: &'a str,
    pub(crate) body: Cow<'a, [u8]>,
}

/// Checks everything that does not need a key.
pub(crate) fn read<'a>(
    event: &'a ApiGatewayV2httpRequest,
    accounts: &'a Accounts,
) -> Result<Delivery<'a>, Refusal> {
    if event.request_context.http.method != Method::POST {
        return Err(Refusal::Method);
    }
    let media_type = event.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media_type.is_some_and(is_json) {
        return Err(Refusal::MediaType);
    }
    let text = event.body.as_deref().unwrap_or_default();
    // Base64 takes four characters for three bytes; refused before anything is decoded.
    let text_bytes_max =
        if event.is_base64_encoded { BODY_BYTES_MAX.div_ceil(3) * 4 } else { BODY_BYTES_MAX };
    if text.len() > text_bytes_max {
        return Err(Refusal::TooLarge);
    }
    let named = event.path_parameters.get("account").map(String::as_str).unwrap_or_default();
    let account = accounts.find(named).ok_or(Refusal::UnknownAccount)?;
    let body = if event.is_base64_encoded {
        Cow::Owned(STANDARD.decode(text).map_err(|_| Refusal::BadBase64)?)
    } else {
        Cow::Borrowed(text.as_bytes())
    };
    if body.len() > BODY_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    Ok(Delivery { account, body })
}

/// `application/json` or `…+json`, with or without parameters, in any letter case.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(method: Method, media_type: Option<&str>, body: &str, base64: bool) -> ApiGatewayV2httpRequest {
        let mut event = ApiGatewayV2httpRequest::default();
        event.request_context.http.method = method;
        if let Some(media_type) = media_type {
            event.headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        event.path_parameters.insert("account".to_owned(), "tienda".to_owned());
        event.body = Some(body.to_owned());
        event.is_base64_encoded = base64;
        event
    }

    fn check(event: &ApiGatewayV2httpRequest, expected: Result<&[u8], Refusal>) {
        let accounts = Accounts::parse("tienda").unwrap();
        assert_eq!(
            read(event, &accounts).map(|delivery| delivery.body.into_owned()),
            expected.map(<[u8]>::to_vec)
        );
    }

    #[test]
    fn a_posted_json_body_is_taken_byte_for_byte() {
        let json = Some("application/json");
        check(&event(Method::POST, json, "{ }\r\n", false), Ok(b"{ }\r\n"));
        check(&event(Method::POST, Some("Application/JSON; charset=utf-8"), "{}", false), Ok(b"{}"));
        check(&event(Method::POST, Some("application/problem+json"), "{}", false), Ok(b"{}"));
        check(&event(Method::POST, json, "/+8=", true), Ok(b"\xFF\xEF"));
    }

    #[test]
    fn what_is_no_notice_is_refused_by_its_form() {
        let json = Some("application/json");
        check(&event(Method::GET, json, "{}", false), Err(Refusal::Method));
        check(&event(Method::PUT, json, "{}", false), Err(Refusal::Method));
        check(&event(Method::POST, None, "{}", false), Err(Refusal::MediaType));
        check(&event(Method::POST, Some("text/plain"), "{}", false), Err(Refusal::MediaType));
        check(&event(Method::POST, json, "not base64", true), Err(Refusal::BadBase64));
    }

    #[test]
    fn sixty_four_kilobytes_are_taken_and_no_more() {
        let json = Some("application/json");
        let largest = "a".repeat(BODY_BYTES_MAX);
        check(&event(Method::POST, json, &largest, false), Ok(largest.as_bytes()));
        check(&event(Method::POST, json, &format!("{largest}a"), false), Err(Refusal::TooLarge));
        check(&event(Method::POST, json, &STANDARD.encode(&largest), true), Ok(largest.as_bytes()));
        check(
            &event(Method::POST, json, &STANDARD.encode(format!("{largest}a")), true),
            Err(Refusal::TooLarge),
        );
    }

    #[test]
    fn an_account_is_known_by_its_exact_name() {
        let mut event = event(Method::POST, Some("application/json"), "{}", false);
        for name in ["", "Tienda", "tienda ", "tienda#1", "otra"] {
            event.path_parameters.insert("account".to_owned(), name.to_owned());
            check(&event, Err(Refusal::UnknownAccount));
        }
        event.path_parameters.clear();
        check(&event, Err(Refusal::UnknownAccount));
    }
}
