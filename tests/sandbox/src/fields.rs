//! Reads the fields of a request and collects all that is wrong with them, as the error envelope lists them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use crate::envelope::{ApiError, FieldError};
use crate::{amount, wire_time};

/// The fields of one JSON object; unknown ones are ignored, `null` is the same as absent.
pub(crate) struct Fields {
    values: BTreeMap<String, Box<RawValue>>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Takes a body apart.
    pub(crate) fn parse(body: &[u8]) -> Result<Fields, ApiError> {
        let mut values: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(body).map_err(|_| ApiError::Invalid(Vec::new()))?;
        values.retain(|_, value| value.get() != "null");
        Ok(Fields { values, errors: Vec::new() })
    }

    /// The JSON text of a field that must be there.
    pub(crate) fn required(&mut self, name: &str) -> Option<Box<RawValue>> {
        let value = self.values.remove(name);
        if value.is_none() {
            self.errors.push(FieldError::required(name));
        }
        value
    }

    /// The JSON text of a field that may be there.
    pub(crate) fn optional(&mut self, name: &str) -> Option<Box<RawValue>> {
        self.values.remove(name)
    }

    /// A text that must be there, not empty and of at most `chars_max` characters.
    pub(crate) fn required_text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let raw = self.required(name)?;
        match text(&raw) {
            Some(empty) if empty.is_empty() => self.fail(FieldError::required(name)),
            other => self.fitting(name, other, chars_max),
        }
    }

    /// A text that may be there, of at most `chars_max` characters.
    pub(crate) fn optional_text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let raw = self.optional(name)?;
        self.fitting(name, text(&raw), chars_max)
    }

    /// A whole number, which one integrator sends as a string.
    pub(crate) fn required_number(&mut self, name: &str) -> Option<u64> {
        let raw = self.required(name)?;
        let number = raw.get().trim_matches('"').parse().ok();
        self.checked(name, number, "must be a number")
    }

    /// An amount in minor units, from a JSON number or string.
    pub(crate) fn required_amount(&mut self, name: &str) -> Option<i64> {
        let raw = self.required(name)?;
        self.checked(name, amount::parse_json(&raw), "must be greater than zero with at most two decimals")
    }

    /// A date, if the field is there.
    pub(crate) fn optional_date(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let raw = self.optional(name)?;
        self.date(name, &raw)
    }

    /// A date that must be there.
    pub(crate) fn required_date(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let raw = self.required(name)?;
        self.date(name, &raw)
    }

    /// Notes that a field is wrong; for checks that need more than the field.
    pub(crate) fn reject(&mut self, name: &str, why: &str) {
        self.errors.push(FieldError::invalid(name, why));
    }

    /// Passes if nothing was wrong.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.errors)) }
    }

    fn date(&mut self, name: &str, raw: &RawValue) -> Option<DateTime<Utc>> {
        let date = text(raw).and_then(|text| wire_time::parse(&text));
        self.checked(name, date, "must be a date such as 2026-03-02T09:30:00-05:00")
    }

    fn fitting(&mut self, name: &str, text: Option<String>, chars_max: usize) -> Option<String> {
        let text = text.filter(|text| text.chars().count() <= chars_max);
        self.checked(name, text, &format!("must be a text of at most {chars_max} characters"))
    }

    fn checked<T>(&mut self, name: &str, value: Option<T>, why: &str) -> Option<T> {
        if value.is_none() {
            self.reject(name, why);
        }
        value
    }

    fn fail<T>(&mut self, error: FieldError) -> Option<T> {
        self.errors.push(error);
        None
    }
}

/// The text of a JSON string; `None` for anything else.
pub(crate) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let body = br#"{"a": "", "b": "toolong", "c": 1, "d": null, "e": "0", "f": "soon"}"#;
        let mut fields = Fields::parse(body).unwrap();
        assert_eq!(fields.required_text("a", 5), None);
        assert_eq!(fields.optional_text("b", 5), None);
        assert_eq!(fields.optional_text("c", 5), None);
        assert_eq!(fields.required_text("d", 5), None);
        assert_eq!(fields.required_amount("e"), None);
        assert_eq!(fields.optional_date("f"), None);
        assert_eq!(fields.optional_text("g", 5), None);
        let Err(ApiError::Invalid(errors)) = fields.finish() else { panic!("must fail") };
        let told = serde_json::to_value(&errors).unwrap();
        let told: Vec<_> =
            told.as_array().unwrap().iter().map(|e| (e["field"].clone(), e["code"].clone())).collect();
        let expected = [("a", 112), ("b", 113), ("c", 113), ("d", 112), ("e", 113), ("f", 113)];
        assert_eq!(told, expected.map(|(field, code)| (field.into(), code.into())));
    }

    #[test]
    fn a_body_that_is_no_object_has_no_fields() {
        for body in [&b""[..], b"[]", b"{", b"null", b"\xff"] {
            assert_eq!(Fields::parse(body).err(), Some(ApiError::Invalid(Vec::new())));
        }
    }
}
