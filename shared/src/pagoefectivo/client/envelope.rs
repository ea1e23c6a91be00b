//! The provider's envelope `{code, message, data}` where it is an error, and what its codes mean.
//!
//! `data` of an error lists `{code, message, field}` (vendor doc v1.1). Codes are numbers in live screenshots and texts
//! in parts of that document. Messages and values are never taken over: they may repeat what a shopper typed.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::pagoefectivo::fields;

/// `code` of an answer that is good.
pub(crate) const CODE_GOOD: &str = "100";

/// What stands for a code that there is not.
const NO_CODE: &str = "?";

/// Most entries of an error that are told; a search names fifty CIPs and could be told of each.
const FIELDS_MAX: usize = 20;

/// Longest name of a field that is told; the provider's own have at most 18.
const FIELD_BYTES_MAX: usize = 40;

/// A field that the provider complains of. Its value is never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The provider's name of it; `?` where what it sends in its place is no name.
    pub field: String,
    /// Its code, `?` where there is none.
    pub code: String,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.as_str() {
            "112" => write!(f, "{} (missing)", self.field),
            "113" => write!(f, "{} (invalid)", self.field),
            code => write!(f, "{} (code {code})", self.field),
        }
    }
}

/// What an error's body says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) code: String,
    pub(super) fields: Vec<FieldFault>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    field: Option<&'a RawValue>,
}

/// Reads an error's body as far as it can be read. `sent` is the body of the question: what stands in there as a value is
/// never taken for a field's name.
pub(super) fn complaint(body: &[u8], sent: Option<&str>) -> Complaint {
    let envelope: Option<Envelope<'_>> = serde_json::from_slice(body).ok();
    let Some(envelope) = envelope else {
        return Complaint { code: NO_CODE.to_owned(), fields: Vec::new() };
    };
    let entries: Vec<Entry<'_>> =
        envelope.data.and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
    let complains = |entry: &&Entry<'_>| entry.code.is_some() || entry.field.is_some();
    let fields = entries.iter().filter(complains).take(FIELDS_MAX);
    let fields =
        fields.map(|entry| FieldFault { field: name(entry.field, sent), code: code(entry.code) }).collect();
    Complaint { code: code(envelope.code), fields }
}

/// A code, which is a number or a text of digits.
fn code(raw: Option<&RawValue>) -> String {
    let code = fields::scalar(raw).ok().flatten();
    code.filter(|code| code.len() <= 9 && code.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or_else(|| NO_CODE.to_owned(), Into::into)
}

fn name(raw: Option<&RawValue>, sent: Option<&str>) -> String {
    let is_name = |text: &str| {
        text.len() <= FIELD_BYTES_MAX
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.[]".contains(&byte))
    };
    let is_value = |text: &str| sent.is_some_and(|sent| sent.contains(&format!(":\"{text}\"")));
    let text = fields::scalar(raw).ok().flatten();
    text.filter(|text| is_name(text) && !is_value(text)).map_or_else(|| NO_CODE.to_owned(), Into::into)
}

/// What a refusal or a trouble means, and what to do, by HTTP status and `code`. 100, 111, 112, 113, 166, 508 and 511 are
/// documented (vendor doc v1.1); what is said of a bare status is HTTP's meaning, and our assumption for this provider.
#[must_use]
pub fn code_in_words(status: u16, code: &str) -> &'static str {
    match (status, code) {
        (200..=299, CODE_GOOD) => "all is well",
        (_, "111") => "the request has invalid data: see the fields that it names",
        (_, "112") => "a field that must be there is missing",
        (_, "113") => "a field has a value that is not taken",
        (_, "166") => {
            "an internal error of the provider: try again later, and send a support pack if it stays"
        }
        (_, "508") => {
            "the token does not belong to this service: check id_service and that the keys are one set"
        }
        (_, "511") => "the amount is above the most that the contract allows: ask PagoEfectivo to raise it",
        (401, _) => "the keys or the token are not accepted: check access_key and secret_key",
        (403, _) => {
            "not allowed: ask PagoEfectivo whether the address that you call from, or this service, is enabled"
        }
        (404, _) => "there is no such thing: check the provider's URL, and the CIP if one is named",
        (405, _) => "the provider does not take this kind of request there: check its URL",
        (408, _) => "the request did not arrive in time: try again later",
        (413, _) => "too much was asked for at once: make the batches smaller",
        (415 | 406, _) => "the provider does not take JSON there: check its URL",
        (429, _) => "too many requests: lower the budget of requests a minute, or ask PagoEfectivo for more",
        (300..=399, _) => {
            "it points elsewhere, which is not followed since keys would travel there: check the provider's URL"
        }
        (502..=504, _) => "the provider's own servers do not answer one another: try again later",
        (500..=599, _) => "an error of the provider: try again later, and send a support pack if it stays",
        (200..=299, _) => "an answer of success with a code that is none: send a support pack",
        _ => "the request is not accepted: check the account's keys and the provider's URL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_digits_or_nothing() {
        let check = |body: &str, expected: &str| {
            assert_eq!(complaint(body.as_bytes(), None).code, expected, "{body}");
        };
        check(r#"{"code":111,"message":"x"}"#, "111");
        check(r#"{"code":"508"}"#, "508");
        check(r#"{"code":"<script>"}"#, "?");
        check(r#"{"code":null}"#, "?");
        check(r#"{"code":12345678901234}"#, "?");
        check("<html>", "?");
        check("", "?");
    }

    #[test]
    fn fields_are_named_and_values_are_not() {
        let check = |data: &str, expected: &[&str]| {
            let body = format!(r#"{{"code":"111","message":"m","data":{data}}}"#);
            let sent = r#"{"userName":"canaria","amount":22.50}"#;
            let told: Vec<String> =
                complaint(body.as_bytes(), Some(sent)).fields.iter().map(ToString::to_string).collect();
            assert_eq!(told, expected, "{data}");
        };
        check(r#"[{"code":112,"message":"x","field":"userEmail"}]"#, &["userEmail (missing)"]);
        check(r#"[{"code":"113","field":"data[0].cip"}]"#, &["data[0].cip (invalid)"]);
        check(r#"[{"code":777,"field":"amount"}]"#, &["amount (code 777)"]);
        check(r#"[{"code":113,"field":"canaria"}]"#, &["? (invalid)"]);
        check(r#"[{"code":113,"field":"canaria@example.pe"}]"#, &["? (invalid)"]);
        check(r#"[{"code":113,"field":"40128877"}]"#, &["? (invalid)"]);
        check(r#"[{}]"#, &[]);
        check(r#"[1]"#, &[]);
        check("{}", &[]);
        check("null", &[]);
    }

    #[test]
    fn no_more_fields_are_told_than_a_person_reads() {
        let entry = r#"{"code":113,"field":"cip"}"#;
        let body = format!(r#"{{"code":111,"data":[{}]}}"#, vec![entry; 500].join(","));
        assert_eq!(complaint(body.as_bytes(), None).fields.len(), FIELDS_MAX);
    }

    #[test]
    fn every_documented_code_has_words_of_its_own() {
        let documented = [
            (200, "100"),
            (400, "111"),
            (400, "112"),
            (400, "113"),
            (400, "508"),
            (400, "511"),
            (500, "166"),
        ];
        let mut words: Vec<&str> =
            documented.iter().map(|(status, code)| code_in_words(*status, code)).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), documented.len());
        assert!(code_in_words(403, "?").contains("address"));
        assert!(code_in_words(302, "?").contains("not followed"));
        assert_eq!(code_in_words(400, "?"), code_in_words(400, "999"));
    }
}
