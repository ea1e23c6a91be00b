//! From the event to the parts that count, or to the refusal. No I/O.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Config;
use crate::event::Event;

/// Largest body that is looked at; a notice has a few hundred bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What a request is refused with, before its signature is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401, as for a bad signature: not from an address that notices may come from.
    Sender,
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
pub struct Delivery<'a> {
    /// The account's configured name.
    pub account: &'a str,
    /// The body as it was sent.
    pub body: Cow<'a, [u8]>,
}

/// Shown to nobody.
impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Checks everything that does not need a key.
///
/// # Errors
/// [`Refusal`], the first that holds.
pub fn read<'a>(event: &'a Event, config: &'a Config) -> Result<Delivery<'a>, Refusal> {
    let http = &event.request_context.http;
    if !is_allowed(&http.source_ip, config) {
        return Err(Refusal::Sender);
    }
    if http.method != "POST" {
        return Err(Refusal::Method);
    }
    if !event.headers.values("content-type").next().is_some_and(is_json) {
        return Err(Refusal::MediaType);
    }
    let text = event.body.as_deref().unwrap_or_default();
    // Base64 takes four characters for three bytes; refused before anything is decoded.
    let text_bytes_max =
        if event.is_base64_encoded { BODY_BYTES_MAX.div_ceil(3) * 4 } else { BODY_BYTES_MAX };
    if text.len() > text_bytes_max {
        return Err(Refusal::TooLarge);
    }
    let named = event.account().unwrap_or_default();
    let account = config.accounts.find(named).ok_or(Refusal::UnknownAccount)?;
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

/// Whether notices may come from this address. The platform tells it; a header such as `X-Forwarded-For` says what its
/// sender likes, and is not looked at.
fn is_allowed(source_ip: &str, config: &Config) -> bool {
    let within = |address: IpAddr| config.allowed_from.iter().any(|network| network.contains(&address));
    config.allowed_from.is_empty() || source_ip.parse().is_ok_and(within)
}

/// `application/json` or `…+json`, with or without parameters, in any letter case.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/').unwrap_or_default();
    let is_plain = subtype.eq_ignore_ascii_case("json");
    let has_suffix =
        || subtype.rsplit_once('+').is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"));
    kind.eq_ignore_ascii_case("application") && (is_plain || has_suffix())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Headers, PathParameters};
    use cuadre::config::env::Accounts;

    fn config(allowed_from: &[&str]) -> Config {
        Config {
            table_name: "t".to_owned(),
            secret_prefix: "s".to_owned(),
            accounts: Accounts::parse("tienda").unwrap(),
            allowed_from: allowed_from.iter().map(|network| network.parse().unwrap()).collect(),
        }
    }

    fn event(method: &str, media_type: Option<&str>, body: &str, base64: bool) -> Event {
        let mut event = Event::default();
        event.request_context.http.method = method.to_owned();
        event.request_context.http.source_ip = "192.0.2.10".to_owned();
        let media_type = media_type.map(|value| ("Content-Type".to_owned(), value.to_owned()));
        event.headers = Headers(media_type.into_iter().collect());
        event.path_parameters = Some(PathParameters { account: "tienda".to_owned() });
        event.body = Some(body.to_owned());
        event.is_base64_encoded = base64;
        event
    }

    fn check(event: &Event, expected: Result<&[u8], Refusal>) {
        check_within(event, &[], expected);
    }

    fn check_within(event: &Event, allowed_from: &[&str], expected: Result<&[u8], Refusal>) {
        assert_eq!(
            read(event, &config(allowed_from)).map(|delivery| delivery.body.into_owned()),
            expected.map(<[u8]>::to_vec)
        );
    }

    #[test]
    fn a_posted_json_body_is_taken_byte_for_byte() {
        let json = Some("application/json");
        check(&event("POST", json, "{ }\r\n", false), Ok(b"{ }\r\n"));
        check(&event("POST", Some("Application/JSON; charset=utf-8"), "{}", false), Ok(b"{}"));
        check(&event("POST", Some("application/problem+json"), "{}", false), Ok(b"{}"));
        check(&event("POST", json, "/+8=", true), Ok(b"\xFF\xEF"));
    }

    #[test]
    fn what_is_no_notice_is_refused_by_its_form() {
        let json = Some("application/json");
        for method in ["GET", "PUT", "post", ""] {
            check(&event(method, json, "{}", false), Err(Refusal::Method));
        }
        for media_type in
            [None, Some(""), Some("text/plain"), Some("text/json"), Some("application/jsonx"), Some("json")]
        {
            check(&event("POST", media_type, "{}", false), Err(Refusal::MediaType));
        }
        for damaged in ["not base64", "/+8", "/+8=\n", "\u{f1}+8="] {
            check(&event("POST", json, damaged, true), Err(Refusal::BadBase64));
        }
    }

    #[test]
    fn sixty_four_kilobytes_are_taken_and_no_more() {
        let json = Some("application/json");
        let largest = "a".repeat(BODY_BYTES_MAX);
        check(&event("POST", json, &largest, false), Ok(largest.as_bytes()));
        check(&event("POST", json, &format!("{largest}a"), false), Err(Refusal::TooLarge));
        check(&event("POST", json, &STANDARD.encode(&largest), true), Ok(largest.as_bytes()));
        check(&event("POST", json, &STANDARD.encode(format!("{largest}a")), true), Err(Refusal::TooLarge));
    }

    #[test]
    fn an_account_is_known_by_its_exact_name() {
        let mut event = event("POST", Some("application/json"), "{}", false);
        for name in ["", "Tienda", "tienda ", "tienda#1", "otra"] {
            event.path_parameters = Some(PathParameters { account: name.to_owned() });
            check(&event, Err(Refusal::UnknownAccount));
        }
        event.path_parameters = None;
        check(&event, Err(Refusal::UnknownAccount));
        for path in
            ["/callbacks/", "/callbacks/tienda/", "/callbacks/%74ienda", "/callbacks/../tienda", "tienda"]
        {
            event.raw_path = path.to_owned();
            check(&event, Err(Refusal::UnknownAccount));
        }
        event.raw_path = "/callbacks/tienda".to_owned();
        check(&event, Ok(b"{}"));
    }

    #[test]
    fn where_addresses_are_listed_no_other_is_let_in_whatever_a_header_says() {
        let mut event = event("POST", Some("application/json"), "{}", false);
        event.headers.0.push(("X-Forwarded-For".to_owned(), "203.0.113.7".to_owned()));
        check_within(&event, &["192.0.2.0/24"], Ok(b"{}"));
        check_within(&event, &["203.0.113.0/24", "192.0.2.10/32"], Ok(b"{}"));
        check_within(&event, &["203.0.113.0/24"], Err(Refusal::Sender));
        check_within(&event, &["192.0.2.11/32"], Err(Refusal::Sender));
        event.request_context.http.source_ip = "2001:db8::1".to_owned();
        check_within(&event, &["2001:db8::/32"], Ok(b"{}"));
        check_within(&event, &["192.0.2.0/24"], Err(Refusal::Sender));
        for unreadable in ["", "unknown", "192.0.2.10, 203.0.113.7"] {
            event.request_context.http.source_ip = unreadable.to_owned();
            check_within(&event, &["192.0.2.0/24"], Err(Refusal::Sender));
            check_within(&event, &[], Ok(b"{}"));
        }
    }
}
