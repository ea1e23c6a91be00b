//! The answer of `POST /v1/cips/search`, read without I/O.
//!
//! Fields by a vendor screenshot (2018). A CIP that the provider does not know comes back as an empty structure (vendor
//! documentation of the SDKs), which does not say which CIP it stands for: that is found by what is left over, where the
//! structures are as many.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields;
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::{ReportRow, ReportStatus, Text};
use crate::money::{AmountError, Currency, Money};

/// How long after a notice the search is given to show what it tells. How long the provider takes is not public; this is our
/// assumption.
pub const NOTICE_SETTLES: TimeDelta = TimeDelta::minutes(10);

/// What the provider says of one CIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The payment code.
    pub cip: Cip,
    /// `transactionCode`.
    pub reference_id: Option<String>,
    /// The amount of the CIP.
    pub amount: Money,
    /// Its state.
    pub status: ReportStatus,
    /// When it was made.
    pub created_at: Option<Instant>,
    /// Until when it may be paid.
    pub expires_at: Option<Instant>,
    /// When it was paid; only of a paid one.
    pub paid_at: Option<Instant>,
}

impl Snapshot {
    /// The canonical row of this snapshot.
    #[must_use]
    pub fn row<'a>(&'a self, account: &'a str, observed_at: Instant) -> ReportRow<'a> {
        ReportRow {
            reference_id: self.reference_id.as_deref().map(Cow::Borrowed),
            created_at: self.created_at,
            expires_at: self.expires_at,
            paid_at: self.paid_at,
            observed_at: Some(observed_at),
            ..ReportRow::new(0, Cow::Borrowed(account), self.cip, self.status, self.amount)
        }
    }
}

/// An entry that says something we do not understand, such as a status number that is not public, or a CIP of which the
/// answer says nothing at all. A person has to look at the raw answer; the other entries are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which CIP, as far as it can be read.
    pub cip: Option<Cip>,
    /// The field at fault, by the provider's name.
    pub field: &'static str,
    /// What was expected.
    pub reason: String,
}

/// What came of asking for some CIPs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// CIPs that the provider knows.
    pub found: Vec<Snapshot>,
    /// CIPs that it does not know.
    pub unknown: Vec<Cip>,
    /// Entries that cannot be read, and CIPs of which nothing was heard.
    pub unreadable: Vec<Unreadable>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    cip: Option<&'a RawValue>,
    #[serde(borrow)]
    transaction_code: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    date_creation: Option<&'a RawValue>,
    #[serde(borrow)]
    date_expiry: Option<&'a RawValue>,
    #[serde(borrow)]
    date_payment: Option<&'a RawValue>,
    #[serde(borrow)]
    date_removal: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

/// `code` of an answer that is good, a number or a text of digits (vendor doc v1.1 has both).
const CODE_GOOD: &str = "100";

/// The answer as a whole says nothing of CIPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not the JSON that the provider is known to send.
    #[error("the answer of the search is not a JSON object with a list `data`")]
    NotUnderstood,
    /// An error of the provider's under a status of success.
    #[error("the answer of the search does not have the code 100")]
    NotGood,
}

/// Reads the body of an answer to a search for `asked`.
///
/// # Errors
/// [`AnswerError`] when it is no answer to a search at all; a bad entry is in [`Answer::unreadable`].
pub fn read(body: &[u8], asked: &[Cip]) -> Result<Answer, AnswerError> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| AnswerError::NotUnderstood)?;
    if !matches!(fields::scalar(envelope.code), Ok(Some(code)) if code == CODE_GOOD) {
        return Err(AnswerError::NotGood);
    }
    let mut left: BTreeSet<Cip> = asked.iter().copied().collect();
    let mut answer = Answer::default();
    let mut empty: usize = 0;
    for entry in &envelope.data {
        let cip = match fields::scalar(entry.cip) {
            Ok(Some(text)) if text != "0" => Cip::parse(&text),
            Ok(_) => {
                empty = empty.saturating_add(1);
                continue;
            }
            Err(_) => None,
        };
        let bad = |(field, reason): (&'static str, String)| Unreadable { cip, field, reason };
        match cip {
            None => answer.unreadable.push(bad(("cip", "is not 1 to 14 digits".to_owned()))),
            Some(cip) if !left.remove(&cip) => {
                answer.unreadable.push(bad(("cip", "was not asked for, or is there twice".to_owned())));
            }
            Some(cip) => match snapshot(cip, entry) {
                Ok(snapshot) => answer.found.push(snapshot),
                Err(problem) => answer.unreadable.push(bad(problem)),
            },
        }
    }
    // One empty structure for each CIP left over, or the answer is cut, or something in it is not what we take it for:
    // whose the structures are is not known then, and silence must not pass for a word.
    if empty == left.len() {
        answer.unknown = left.into_iter().collect();
    } else {
        answer.unreadable.extend(left.into_iter().map(|cip| Unreadable {
            cip: Some(cip),
            field: "data",
            reason: "has neither this CIP nor an empty structure for it".to_owned(),
        }));
    }
    Ok(answer)
}

type Problem = (&'static str, String);

fn snapshot(cip: Cip, entry: &Entry<'_>) -> Result<Snapshot, Problem> {
    let currency = Currency::from_code(&required("currency", entry.currency)?)
        .ok_or_else(|| ("currency", "is not PEN or USD".to_owned()))?;
    let amount = Money::parse(&required("amount", entry.amount)?, currency)
        .map_err(|error: AmountError| ("amount", error.to_string()))?;
    let removed_at = date("dateRemoval", entry.date_removal)?;
    let status = status(&required("status", entry.status)?, removed_at.is_some())?;
    let paid_at = date("datePayment", entry.date_payment)?;
    Ok(Snapshot {
        cip,
        reference_id: text("transactionCode", entry.transaction_code)?.map(Text::into_owned),
        amount,
        status,
        created_at: date("dateCreation", entry.date_creation)?,
        expires_at: date("dateExpiry", entry.date_expiry)?,
        paid_at: paid_at.filter(|_| status == ReportStatus::Paid),
    })
}

/// 22 by a vendor screenshot, 21 and 23 by an integrator's support code; no others are public. That a removal is told
/// by its date, whatever the number, is our assumption. Names such as `Generado.` are for people and never read.
fn status(number: &str, removed: bool) -> Result<ReportStatus, Problem> {
    match number {
        "23" => Ok(ReportStatus::Paid),
        _ if removed => Ok(ReportStatus::Removed),
        "21" => Ok(ReportStatus::Expired),
        "22" => Ok(ReportStatus::Pending),
        other => Err(("status", format!("{other} is not known (21 expired, 22 pending, 23 paid)"))),
    }
}

fn text<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Option<Text<'a>>, Problem> {
    fields::scalar(raw).map_err(|reason| (field, reason.to_owned()))
}

fn required<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Text<'a>, Problem> {
    text(field, raw)?.ok_or_else(|| (field, "is missing".to_owned()))
}

fn date(field: &'static str, raw: Option<&RawValue>) -> Result<Option<Instant>, Problem> {
    match text(field, raw)? {
        None => Ok(None),
        Some(text) => fields::date(&text).ok_or_else(|| (field, "is not a time".to_owned())),
    }
}

/// The body of an answer without the tokens of the CIPs' pages: whoever has one can open the page.
#[must_use]
pub fn without_tokens(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body);
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(&text) else {
        return text;
    };
    let tokens: BTreeSet<&str> = envelope
        .data
        .iter()
        .filter_map(|entry| entry.token)
        .map(RawValue::get)
        .filter(|token| token.len() > 4)
        .collect();
    let cleared = tokens.iter().fold(text.to_string(), |text, token| text.replace(token, "\"[removed]\""));
    Cow::Owned(cleared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cip(number: u64) -> Cip {
        Cip::parse(&number.to_string()).unwrap()
    }

    fn entry(cip: &str, status: &str, more: &str) -> String {
        format!(
            r#"{{"cip":{cip},"transactionCode":"A-1","amount":25,"currency":"PEN","status":{status},"statusName":"Generado.","dateCreation":"2026-03-01T10:00:00-05:00","dateExpiry":"2026-03-03T10:00:00-05:00"{more}}}"#
        )
    }

    fn parse(entries: &str, asked: &[u64]) -> Answer {
        let asked: Vec<Cip> = asked.iter().map(|number| cip(*number)).collect();
        read(format!(r#"{{"code":100,"message":"ok","data":[{entries}]}}"#).as_bytes(), &asked).unwrap()
    }

    #[test]
    fn the_documented_entry_is_read() {
        let dates = r#","datePayment":"1900-01-01T00:00:00-05:00","dateRemoval":"1900-01-01T00:00:00-05:00","token":"8f14e45f-ceea-467f-a9b1-000000000000""#;
        let answer = parse(&entry("7", "22", dates), &[7]);
        let snapshot = &answer.found[0];
        assert_eq!(snapshot.cip, cip(7));
        assert_eq!(snapshot.amount, Money { minor: 2500, currency: Currency::Pen });
        assert_eq!((snapshot.status, snapshot.paid_at), (ReportStatus::Pending, None));
        assert_eq!(snapshot.expires_at, Instant::parse("2026-03-03T10:00:00-05:00"));
        assert_eq!((answer.unknown.len(), answer.unreadable.len()), (0, 0));
    }

    #[test]
    fn numbers_may_be_texts() {
        let answer = parse(&entry("\"7\"", "\"23\"", r#","datePayment":"2026-03-02T09:00:00-05:00""#), &[7]);
        assert_eq!(answer.found[0].status, ReportStatus::Paid);
        assert_eq!(answer.found[0].paid_at, Instant::parse("2026-03-02T09:00:00-05:00"));
    }

    #[test]
    fn a_removal_is_told_by_its_date_and_money_comes_first() {
        let removed = r#","dateRemoval":"2026-03-02T09:00:00-05:00""#;
        let status = |number: &str, more: &str| parse(&entry("7", number, more), &[7]).found[0].status;
        assert_eq!(status("24", removed), ReportStatus::Removed);
        assert_eq!(status("22", removed), ReportStatus::Removed);
        assert_eq!(status("23", removed), ReportStatus::Paid);
        assert_eq!(status("21", ""), ReportStatus::Expired);
    }

    #[test]
    fn empty_structures_are_the_cips_left_over() {
        let answer = parse(&format!("{},{{}},{{\"cip\":0}}", entry("7", "22", "")), &[7, 8, 9]);
        assert_eq!(answer.found.len(), 1);
        assert_eq!(answer.unknown, [cip(8), cip(9)]);
    }

    #[test]
    fn an_unknown_status_is_reported_and_the_rest_is_read() {
        let answer = parse(&format!("{},{}", entry("7", "25", ""), entry("8", "22", "")), &[7, 8]);
        assert_eq!(answer.found.len(), 1);
        assert_eq!(answer.unknown, []);
        let problem = &answer.unreadable[0];
        assert_eq!((problem.cip, problem.field), (Some(cip(7)), "status"));
        assert!(problem.reason.starts_with("25 is not known"));
    }

    #[test]
    fn what_was_not_asked_for_is_not_believed() {
        let answer = parse(&entry("8", "23", ""), &[7]);
        assert_eq!((answer.found.len(), answer.unreadable.len()), (0, 2));
        assert_eq!(answer.unknown, []);
        assert_eq!(read(b"[]", &[]), Err(AnswerError::NotUnderstood));
        assert_eq!(read(b"<html>", &[]), Err(AnswerError::NotUnderstood));
    }

    #[test]
    fn silence_of_a_cip_is_no_word_of_it() {
        let unheard = |answer: &Answer| -> Vec<Cip> {
            assert_eq!(answer.unknown, []);
            answer.unreadable.iter().filter_map(|entry| entry.cip).collect()
        };
        assert_eq!(unheard(&parse("", &[7, 8])), [cip(7), cip(8)], "an empty list");
        let cut = parse(&format!("{},{{}}", entry("7", "22", "")), &[7, 8, 9]);
        assert_eq!((unheard(&cut), cut.found.len()), (vec![cip(8), cip(9)], 1), "a cut list");
        assert_eq!(unheard(&parse("{},{}", &[7])), [cip(7)], "more structures than CIPs");
        let other = parse(&format!("{},{{}}", entry("\"x\"", "22", "")), &[7, 8]);
        assert_eq!(unheard(&other), [cip(7), cip(8)], "the bad entry may be either's");
    }

    #[test]
    fn an_answer_without_the_code_of_success_is_none() {
        let check = |code: &str, expected: Result<usize, AnswerError>| {
            let body = format!("{{{code}\"data\":[{{}}]}}");
            let answer = read(body.as_bytes(), &[cip(7)]);
            assert_eq!(answer.map(|answer| answer.unknown.len()), expected, "{code}");
        };
        check("\"code\":100,", Ok(1));
        check("\"code\":\"100\",", Ok(1));
        check("\"code\":166,", Err(AnswerError::NotGood));
        check("\"code\":null,", Err(AnswerError::NotGood));
        check("", Err(AnswerError::NotGood));
    }

    #[test]
    fn the_page_s_token_is_not_kept() {
        let body = format!(r#"{{"code":"100","data":[{}]}}"#, entry("7", "22", r#","token":"8f14e45f""#));
        let kept = without_tokens(body.as_bytes());
        assert!(!kept.contains("8f14e45f") && kept.contains("\"token\":\"[removed]\""), "{kept}");
        assert_eq!(read(kept.as_bytes(), &[cip(7)]).unwrap().found.len(), 1);
    }
}
