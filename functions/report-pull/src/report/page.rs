//! One page of a report: what is asked for it, and what it says of itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::FixedOffset;
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
    let url = filled(&request.url, &values, |text| utf8_percent_encode(text, PLAIN).to_string());
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

/// What is asked, as the archive keeps it: without what proves whose it is.
pub(super) fn for_archive(question: &Question) -> serde_json::Value {
    serde_json::json!({ "method": question.method.as_str(), "url": question.url, "body": question.body })
}

fn values(request: &Request, which: Which<'_>) -> Vec<(&'static str, String)> {
    let lima = |time: Instant| {
        let utc = time.to_utc();
        let zone = FixedOffset::west_opt(5 * 3600);
        let time = zone.map_or_else(|| utc.fixed_offset(), |zone| utc.with_timezone(&zone));
        time.format(&request.time_format).to_string()
    };
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
