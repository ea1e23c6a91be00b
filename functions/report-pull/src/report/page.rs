//! One page of a report: what is asked for it, and what it says of itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cuadre::calendar::Instant;
use cuadre::config::sources::{Authorization, Paging, Place, Report, Request, Window};
use cuadre::formats::{Format, text_at};
use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::client::wire::{HeaderName, Method, Question, Repeat};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::ReportError;

/// What stays as it is in an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Bytes of a page of several: it is held in memory, and its rows beside it.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of a report that comes in one piece. The group's report has 200,000 lines at most.
const WHOLE_BYTES_MAX: usize = 80 * 1024 * 1024;

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Which<'a> {
    pub(super) window: Window,
    /// How many pages came before.
    pub(super) before: u64,
    pub(super) cursor: Option<&'a str>,
}

/// The question for a page.
pub(super) fn question(
    report: &Report,
    which: Which<'_>,
    credential: Option<&Secret>,
) -> Result<Question, ReportError> {
    let request = &report.request;
    let values = values(request, which);
    let url = filled(&request.url, &values, in_address);
    let body = request.body.as_deref().map(|body| filled(body, &values, json_text));
    let mut headers = vec![(HeaderName::from_static("accept"), Secret::new(request.accept.clone()))];
    if body.is_some() {
        headers.push((HeaderName::from_static("content-type"), Secret::new(request.content_type.clone())));
    }
    headers.extend(authorization(&request.authorization, credential)?);
    Ok(Question {
        what: "the report",
        method: if body.is_some() { Method::POST } else { Method::GET },
        url,
        headers,
        body,
        body_max: if request.paging == Paging::None { WHOLE_BYTES_MAX } else { PAGE_BYTES_MAX },
        // A report is read, whatever the method.
        repeat: Repeat::Safe,
    })
}

/// What is asked, as the archive keeps it: the address up to its query, and of query and body what this page was asked for
/// by. What stands there for every page stands in the policy, and may be a key.
pub(super) fn for_archive(report: &Report, which: Which<'_>) -> serde_json::Value {
    let request = &report.request;
    let values = values(request, which);
    let method = if request.body.is_some() { Method::POST } else { Method::GET };
    let url = filled(&without_literals(&request.url), &values, in_address);
    let body = request.body.as_deref().map(|body| {
        let mut json = serde_json::from_str(&filled(body, &values, json_text)).unwrap_or_default();
        hide_literals(&mut json, &values);
        json
    });
    serde_json::json!({ "method": method.as_str(), "url": url, "body": body })
}

/// What stands in the archive for what is not kept.
const HIDDEN: &str = "…";

/// An address whose query has values only where a placeholder stands.
fn without_literals(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((_, value)) if value.starts_with('{') && value.ends_with('}') => part.to_owned(),
        Some((name, _)) => format!("{name}={HIDDEN}"),
        None => HIDDEN.to_owned(),
    });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

/// Leaves of a document what is a value and hides what is not.
fn hide_literals(json: &mut serde_json::Value, values: &[(&'static str, String)]) {
    use serde_json::Value;
    match json {
        Value::Object(fields) => fields.values_mut().for_each(|field| hide_literals(field, values)),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_literals(item, values)),
        Value::Null => {}
        Value::String(text) if values.iter().any(|(_, value)| value == text) => {}
        Value::Number(number) if values.iter().any(|(_, value)| *value == number.to_string()) => {}
        other => *other = Value::String(HIDDEN.to_owned()),
    }
}

fn values(request: &Request, which: Which<'_>) -> Vec<(&'static str, String)> {
    let lima = |time: Instant| time.in_lima().format(&request.time_format).to_string();
    let last = which.window.to.to_utc() - chrono::TimeDelta::nanoseconds(1);
    let last = Instant::from_utc(last).unwrap_or(which.window.from);
    let (first, size) = match &request.paging {
        Paging::Page { first, size, .. } => (*first, *size),
        Paging::Offset { size, .. } => (0, *size),
        Paging::None | Paging::Cursor { .. } => (0, 0),
    };
    vec![
        ("from", lima(which.window.from)),
        ("to", lima(which.window.to)),
        ("last_day", last.business_day().to_string()),
        ("page", first.saturating_add(which.before).to_string()),
        ("offset", u64::from(size).saturating_mul(which.before).to_string()),
        ("size", size.to_string()),
        ("cursor", which.cursor.unwrap_or_default().to_owned()),
    ]
}

/// The text with each placeholder's value in its place.
fn filled(text: &str, values: &[(&'static str, String)], write: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        match known {
            Some((value, after)) => {
                filled.push_str(&write(value));
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// A text as it stands in an address.
fn in_address(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A text as it stands between the quotes of a JSON string.
fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::String(text.to_owned()).to_string();
    quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
}

fn authorization(
    how: &Authorization,
    credential: Option<&Secret>,
) -> Result<Option<(HeaderName, Secret)>, ReportError> {
    if *how == Authorization::None {
        return Ok(None);
    }
    let credential = credential.ok_or(ReportError::NoCredential)?.expose();
    Ok(match how {
        Authorization::None => None,
        Authorization::Bearer => {
            Some((HeaderName::from_static("authorization"), Secret::new(format!("Bearer {credential}"))))
        }
        Authorization::Basic => {
            let pair =
                if credential.contains(':') { credential.to_owned() } else { format!("{credential}:") };
            Some((
                HeaderName::from_static("authorization"),
                Secret::new(format!("Basic {}", STANDARD.encode(pair))),
            ))
        }
        Authorization::Header(name) => {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| ReportError::NoCredential)?;
            Some((name, Secret::new(credential.to_owned())))
        }
    })
}

/// What a page says of its place among the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The cursor of the next page.
    pub(super) next: Option<String>,
    /// How many rows all pages have together.
    pub(super) total: Option<u64>,
    /// Whether it says itself that no page follows, or that one does.
    pub(super) is_last: Option<bool>,
}

/// Reads what a page says of its place.
pub(super) fn standing(
    paging: &Paging,
    format: Format,
    body: &[u8],
    before: u64,
) -> Result<Standing, ReportError> {
    let at = |place: &Place| text_at(format, body, &place.0);
    let number = |place: &Option<Place>| -> Result<Option<u64>, ReportError> {
        let Some(place) = place else { return Ok(None) };
        let number = at(place).and_then(|text| text.trim().parse().ok());
        number.map(Some).ok_or_else(|| ReportError::Silent { place: place.to_string() })
    };
    match paging {
        Paging::None => Ok(Standing { is_last: Some(true), ..Standing::default() }),
        Paging::Page { first, number: own, pages, total, .. } => {
            let asked = first.saturating_add(before);
            if let Some(got) = number(own)?.filter(|got| *got != asked) {
                return Err(ReportError::OutOfOrder { asked, got });
            }
            let is_last = number(pages)?.map(|pages| before.saturating_add(1) >= pages);
            Ok(Standing { next: None, total: number(total)?, is_last })
        }
        Paging::Offset { total, .. } => Ok(Standing { next: None, total: number(total)?, is_last: None }),
        // What has no places can name no next page, and is not known to be the last one.
        Paging::Cursor { next, .. } if !matches!(format, Format::Json | Format::Xml) => {
            Err(ReportError::Silent { place: next.to_string() })
        }
        Paging::Cursor { next, total } => {
            let next = at(next).filter(|cursor| !cursor.is_empty());
            Ok(Standing { is_last: Some(next.is_none()), next, total: number(total)? })
        }
    }
}

/// Rows of a full page, where pages have a size.
pub(super) fn size(paging: &Paging) -> Option<u64> {
    match paging {
        Paging::Page { size, .. } | Paging::Offset { size, .. } => Some(u64::from(*size)),
        Paging::None | Paging::Cursor { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use cuadre::config::Policy;
    use cuadre::config::sources::SourceKind;

    use super::*;

    /// What the archive keeps of the first page's request to a source with these lines.
    fn archived(lines: &str) -> String {
        let text = format!("[accounts.a.sources.p]\nkind = \"transaction_report\"\n{lines}\n");
        let sources = Policy::parse(&text).unwrap().sources("a");
        let SourceKind::TransactionReport(report) = &sources[0].kind else { panic!("{sources:?}") };
        let time = |text| Instant::parse(text).unwrap();
        let window =
            Window { from: time("2026-03-01T00:00:00-05:00"), to: time("2026-03-02T00:00:00-05:00") };
        for_archive(report, Which { window, before: 0, cursor: None }).to_string()
    }

    #[test]
    fn the_archive_keeps_what_a_page_was_asked_for_by_and_no_key() {
        let check = |lines: &str, expected: &str| assert_eq!(archived(lines), expected);
        check(
            "url = \"https://r.example/t?key=canary&d={from}&canary&sig=canary{to}\"",
            r#"{"body":null,"method":"GET","url":"https://r.example/t?key=…&d=2026-03-01T00%3A00%3A00-05%3A00&…&sig=…"}"#,
        );
        check(
            "url = \"https://r.example/t\"\ntime_format = \"%Y-%m-%d\"\n\
             body = '{\"auth\": {\"key\": \"canary\", \"pin\": 4711}, \"days\": [\"{from}\"], \"page\": {page}}'\n\
             paging = { by = \"page\", size = 10 }",
            r#"{"body":{"auth":{"key":"…","pin":"…"},"days":["2026-03-01"],"page":1},"method":"POST","url":"https://r.example/t"}"#,
        );
        check(
            "url = \"https://r.example/t\"\nbody = 'key=canary&d={from}'",
            r#"{"body":null,"method":"POST","url":"https://r.example/t"}"#,
        );
    }

    #[test]
    fn a_cursor_is_looked_for_where_there_are_places() {
        let paging = Paging::Cursor { next: Place(vec!["next".to_owned()]), total: None };
        let is_last = |format, body: &str| {
            standing(&paging, format, body.as_bytes(), 0).map(|standing| standing.is_last).ok().flatten()
        };
        assert_eq!(is_last(Format::Json, r#"{"next":"2"}"#), Some(false));
        assert_eq!(is_last(Format::Json, "{}"), Some(true));
        assert_eq!(is_last(Format::Csv, "cip\n7\n"), None);
        assert_eq!(is_last(Format::Ndjson, r#"{"next":"2"}"#), None);
    }
}
