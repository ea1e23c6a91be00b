//! The body of a signed callback.
//!
//! Fields by the vendor doc v1.1: `eventType`, `operationNumber` (0 to 14 characters), `data.cip` (text, where the API
//! has a number), `data.currency`, `data.amount`. Integrators' code also reads `data.paymentDate` and
//! `data.transactionCode`; their form is not documented.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields;
use crate::calendar::Instant;
use crate::ids::{Cip, hash_parts};
use crate::lifecycle::evidence::{NoticeRow, Text};
use crate::money::{AmountError, Currency, Money, format_minor};

/// Column under which the provider's copy of the order's number is kept.
pub const TRANSACTION_CODE: &str = "transaction_code";
/// Column that keeps a payment date whose form is not known.
const PAYMENT_DATE: &str = "payment_date";

/// Why a signed body cannot be read. A person has to look at it, since money may stand behind it; repeating the
/// delivery changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// Not JSON, or no object with `data`, or a field twice.
    #[error("the body is not the JSON object of a notice")]
    NotJson,
    /// A field without which the notice tells nothing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field that holds something else than the provider's document says.
    #[error("{field} {reason}")]
    Field {
        /// The provider's name of the field.
        field: &'static str,
        /// What is expected.
        reason: &'static str,
    },
    /// An amount that cannot be read exactly.
    #[error("data.amount {0}")]
    Amount(AmountError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    operation_number: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    cip: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    payment_date: Option<&'a RawValue>,
    #[serde(borrow)]
    transaction_code: Option<&'a RawValue>,
}

/// Reads a body whose signature has been verified.
///
/// # Errors
/// [`NoticeError`] names the first field that cannot be read.
pub fn read<'a>(
    account: &'a str,
    body: &'a [u8],
    received_at: Instant,
) -> Result<NoticeRow<'a>, NoticeError> {
    let envelope: Envelope<'a> = serde_json::from_slice(body).map_err(|_| NoticeError::NotJson)?;
    let data = envelope.data.ok_or(NoticeError::Missing("data"))?;
    let event_type = required("eventType", envelope.event_type)?;
    let operation_number = scalar("operationNumber", envelope.operation_number)?;
    let cip = Cip::parse(&required("data.cip", data.cip)?)
        .ok_or(NoticeError::Field { field: "data.cip", reason: "is not 1 to 14 digits" })?;
    let currency = Currency::from_code(&required("data.currency", data.currency)?)
        .ok_or(NoticeError::Field { field: "data.currency", reason: "is not PEN or USD" })?;
    let amount = required("data.amount", data.amount)?;
    let amount = Money::parse(&amount, currency).map_err(NoticeError::Amount)?;
    let mut extras = Vec::new();
    if let Some(code) = scalar("data.transactionCode", data.transaction_code)? {
        extras.push((Cow::Borrowed(TRANSACTION_CODE), code));
    }
    let mut paid_at = None;
    if let Some(date) = scalar("data.paymentDate", data.payment_date)? {
        match fields::date(&date) {
            Some(read) => paid_at = read,
            // Its form is not documented, and a notice of money is not set aside over it: the text is kept.
            None => extras.push((Cow::Borrowed(PAYMENT_DATE), date)),
        }
    }
    let account = Cow::Borrowed(account);
    Ok(NoticeRow { account, cip, event_type, operation_number, amount, paid_at, received_at, extras })
}

/// The CIP of a body that cannot be read as a whole, so that a person finds what it belongs to.
#[must_use]
pub fn cip(body: &[u8]) -> Option<Cip> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).ok()?;
    Cip::parse(&fields::scalar(envelope.data?.cip).ok()??)
}

/// By what one notice is known within its account and CIP: the event and its operation number, else its payment time,
/// else nothing, so that there is one per CIP and event. `#` parts them and is escaped within.
#[must_use]
pub fn identity(notice: &NoticeRow<'_>) -> String {
    let operation = operation_key(notice.operation_number.as_deref(), notice.paid_at);
    format!("{}#{operation}", key_part(&notice.event_type))
}

/// By what one operation is known within its CIP and event: its number, else its payment time, else nothing.
#[must_use]
pub fn operation_key(number: Option<&str>, paid_at: Option<Instant>) -> String {
    match (number, paid_at) {
        (Some(number), _) => key_part(number),
        (None, Some(paid_at)) => paid_at.to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// The content by which a repetition is told from a contradiction: the parsed fields, neither the bytes nor the time of
/// receipt. 64 hexadecimal digits.
#[must_use]
pub fn content_hash(notice: &NoticeRow<'_>) -> String {
    let fields = [
        notice.account.clone().into_owned(),
        notice.cip.to_string(),
        notice.event_type.clone().into_owned(),
        notice.operation_number.clone().unwrap_or_default().into_owned(),
        notice.amount.currency.code().to_owned(),
        format_minor(i128::from(notice.amount.minor)),
        notice.paid_at.map(|time| time.to_string()).unwrap_or_default(),
    ];
    let extras = notice.extras.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    hex::encode(hash_parts(fields.iter().map(String::as_bytes).chain(extras)))
}

/// A text as part of an identity, kept apart from the others: a colon stands in times alone, and a lone `-` means that
/// there is nothing.
#[must_use]
pub fn key_part(part: &str) -> String {
    match part {
        "-" => "%2D".to_owned(),
        _ => part.replace('%', "%25").replace('#', "%23").replace(':', "%3A"),
    }
}

fn required<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Text<'a>, NoticeError> {
    scalar(field, raw)?.ok_or(NoticeError::Missing(field))
}

fn scalar<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Option<Text<'a>>, NoticeError> {
    fields::scalar(raw).map_err(|reason| NoticeError::Field { field, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received() -> Instant {
        Instant::parse("2026-03-02T10:00:00-05:00").unwrap()
    }

    fn body(amount: &str, more: &str) -> String {
        format!(
            r#"{{"eventType":"cip.paid","operationNumber":"778899","data":{{"cip":"3154722","currency":"PEN","amount":{amount}{more}}}}}"#
        )
    }

    fn parse(body: &str) -> Result<NoticeRow<'_>, NoticeError> {
        read("tienda", body.as_bytes(), received())
    }

    #[test]
    fn the_documented_body_is_read() {
        let body = body("22.50", "");
        let notice = parse(&body).unwrap();
        assert_eq!(notice.cip, Cip::parse("3154722").unwrap());
        assert_eq!(notice.event_type, "cip.paid");
        assert_eq!(notice.operation_number.as_deref(), Some("778899"));
        assert_eq!(notice.amount, Money { minor: 2250, currency: Currency::Pen });
        assert_eq!((notice.paid_at, notice.extras.len()), (None, 0));
        assert_eq!(notice.received_at, received());
    }

    #[test]
    fn an_amount_is_read_from_its_literal_text() {
        let check = |amount: &str, expected: Result<i64, NoticeError>| {
            assert_eq!(parse(&body(amount, "")).map(|notice| notice.amount.minor), expected, "{amount}");
        };
        check("22.5", Ok(2250));
        check("22", Ok(2200));
        check("\"1001.00\"", Ok(100_100));
        check("0.29", Ok(29));
        check("1e2", Err(NoticeError::Amount(AmountError::NotDecimal)));
        check("0", Err(NoticeError::Amount(AmountError::NotPositive)));
        check("1.005", Err(NoticeError::Amount(AmountError::TooPrecise(2))));
        check("null", Err(NoticeError::Missing("data.amount")));
        check(
            "true",
            Err(NoticeError::Field { field: "data.amount", reason: "is neither text nor a number" }),
        );
    }

    #[test]
    fn a_payment_date_may_lack_its_offset() {
        let check = |date: &str, expected: Option<&str>| {
            let body = body("1", &format!(r#","paymentDate":"{date}""#));
            let read = parse(&body).unwrap().paid_at.map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{date}");
        };
        check("2026-03-02T09:30:00-05:00", Some("2026-03-02T09:30:00-05:00"));
        check("2026-03-02T14:30:00Z", Some("2026-03-02T09:30:00-05:00"));
        check("2026-03-02T09:30:00", Some("2026-03-02T09:30:00-05:00"));
        check("2026-03-02 09:30:00.25", Some("2026-03-02T09:30:00.250-05:00"));
        check("1900-01-01T00:00:00-05:00", None);
        check("1900-01-01T00:00:00", None);
        check("", None);
    }

    #[test]
    fn a_date_of_unknown_form_is_kept_and_does_not_hold_the_money_up() {
        let body = body("1", r#","paymentDate":"02/03/2026","transactionCode":"A-1""#);
        let notice = parse(&body).unwrap();
        assert_eq!(notice.paid_at, None);
        let kept: Vec<_> =
            notice.extras.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        assert_eq!(kept, [("transaction_code", "A-1"), ("payment_date", "02/03/2026")]);
    }

    #[test]
    fn what_cannot_be_read_names_its_field() {
        let check = |body: &str, expected: &str| {
            assert_eq!(parse(body).unwrap_err().to_string(), expected, "{body}");
        };
        check("", "the body is not the JSON object of a notice");
        check("[]", "the body is not the JSON object of a notice");
        check(
            r#"{"eventType":"a","eventType":"b","data":{}}"#,
            "the body is not the JSON object of a notice",
        );
        check("{}", "data is missing");
        check(r#"{"data":{}}"#, "eventType is missing");
        check(r#"{"eventType":"cip.paid","data":{"cip":"12x"}}"#, "data.cip is not 1 to 14 digits");
        check(
            r#"{"eventType":"cip.paid","data":{"cip":7,"currency":"EUR"}}"#,
            "data.currency is not PEN or USD",
        );
        check(r#"{"eventType":{},"data":{}}"#, "eventType is neither text nor a number");
        check("{\"eventType\":\"a\\u0000b\",\"data\":{}}", "eventType holds control characters");
    }

    #[test]
    fn a_cip_is_text_or_number_and_an_operation_may_be_empty() {
        let body = r#"{"eventType":"cip.paid","operationNumber":"","data":{"cip":3154722,"currency":"USD","amount":7}}"#;
        let notice = parse(body).unwrap();
        assert_eq!((notice.cip.number(), notice.operation_number.as_deref()), (3_154_722, None));
    }

    #[test]
    fn the_identity_falls_back_from_number_to_time_to_nothing() {
        let mut notice = parse(
            r#"{"eventType":"cip.paid","operationNumber":"-","data":{"cip":7,"currency":"PEN","amount":7}}"#,
        )
        .unwrap();
        assert_eq!(identity(&notice), "cip.paid#%2D");
        notice.operation_number = Some("7#8:9".into());
        assert_eq!(identity(&notice), "cip.paid#7%238%3A9");
        notice.operation_number = None;
        assert_eq!(identity(&notice), "cip.paid#-");
        notice.paid_at = Some(received());
        assert_eq!(identity(&notice), "cip.paid#2026-03-02T10:00:00-05:00");
    }

    #[test]
    fn the_content_is_the_parsed_fields() {
        let hash = |body: &str| content_hash(&parse(body).unwrap());
        let first = hash(&body("22.50", ""));
        assert_eq!(hash(&body(" 22.5 ", "")), first, "white space and zeros are not content");
        assert_ne!(hash(&body("22.51", "")), first);
        assert_ne!(hash(&body("22.50", r#","transactionCode":"A-1""#)), first);
        let later = body("22.50", "");
        let later = read("tienda", later.as_bytes(), received().plus_hours(1)).unwrap();
        assert_eq!(content_hash(&later), first, "the time of receipt is not content");
    }
}
