//! Fields of the provider's JSON: numbers come as texts and texts as numbers, so both are read from their literal text.

use std::borrow::Cow;

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::calendar::Instant;
use crate::lifecycle::evidence::Text;

/// Longest text that a field may carry; the provider's own limits are far below.
const TEXT_BYTES_MAX: usize = 256;

/// The text of a string, or the literal text of a number, trimmed; `None` for null and for nothing but blanks.
///
/// # Errors
/// What was expected instead.
pub(super) fn scalar(raw: Option<&RawValue>) -> Result<Option<Text<'_>>, &'static str> {
    let Some(literal) = raw.map(RawValue::get) else {
        return Ok(None);
    };
    let text: Text<'_> = match literal.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<PlainText<'_>>(literal).map_err(|_| "is no JSON text")?.0,
        Some(b'0'..=b'9' | b'-') => Cow::Borrowed(literal),
        _ => return Err("is neither text nor a number"),
    };
    if text.len() > TEXT_BYTES_MAX {
        return Err("is longer than 256 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("holds control characters");
    }
    let trimmed = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Ok(Some(trimmed).filter(|text| !text.is_empty()))
}

/// A JSON string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct PlainText<'a>(#[serde(borrow)] Text<'a>);

/// A time with its offset, or, as our assumption, Lima time where there is none. `Some(None)` is the provider's way of
/// writing that there is no date; `None` is a text of another form.
pub(super) fn date(text: &str) -> Option<Option<Instant>> {
    let local = || {
        let text = text.replacen(' ', "T", 1);
        NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Instant::parse(&format!("{text}-05:00"))
    };
    let time = Instant::parse(text).or_else(local)?;
    Some(Some(time).filter(|time| !time.is_no_date()))
}
