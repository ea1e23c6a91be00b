//! CIPs as the API shows them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::amount;
use crate::config::Assumptions;
use crate::envelope::{ApiError, FieldError};
use crate::ledger::{CipRecord, Standing};
use crate::wire_time;

/// Host of the made-up CIP pages; `.invalid` resolves nowhere, so nobody takes them for real ones.
const PAGE_BASE: &str = "https://payment.pagoefectivo.invalid";

/// The answer to a creation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedCip<'a> {
    cip: u64,
    currency: &'a str,
    amount: Box<RawValue>,
    transaction_code: &'a str,
    date_expiry: String,
    cip_url: String,
}

impl<'a> CreatedCip<'a> {
    pub(crate) fn of(record: &'a CipRecord) -> Result<CreatedCip<'a>, serde_json::Error> {
        Ok(CreatedCip {
            cip: record.number,
            currency: record.currency.code(),
            amount: amount::json_number(amount::shortest(record.amount_minor))?,
            transaction_code: &record.reference,
            date_expiry: wire_time::lima(record.expires_at),
            cip_url: format!("{PAGE_BASE}/{}.html", record.page),
        })
    }
}

/// One CIP in the answer to a search.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundCip<'a> {
    cip: u64,
    transaction_code: &'a str,
    /// Once paid, the cash taken: our assumption, since the vendor shows only CIPs that were paid as asked.
    amount: Box<RawValue>,
    currency: &'a str,
    status: u16,
    status_name: &'a str,
    date_creation: String,
    date_expiry: String,
    date_payment: String,
    date_removal: String,
    token: &'a str,
}

impl<'a> FoundCip<'a> {
    pub(crate) fn of(
        record: &'a CipRecord,
        now: DateTime<Utc>,
        assumptions: &Assumptions,
    ) -> Result<FoundCip<'a>, serde_json::Error> {
        let payment = record.shown_payment(assumptions.paid_twice);
        let (status, status_name) = status(record.standing(now), assumptions);
        let minor = payment.map_or(record.amount_minor, |payment| payment.amount_minor);
        Ok(FoundCip {
            cip: record.number,
            transaction_code: &record.reference,
            amount: amount::json_number(amount::shortest(minor))?,
            currency: record.currency.code(),
            status,
            status_name,
            date_creation: wire_time::lima(record.created_at),
            date_expiry: wire_time::lima(record.expires_at),
            date_payment: date_or_none(payment.map(|payment| payment.paid_at)),
            date_removal: date_or_none(record.removed_at),
            token: &record.page,
        })
    }
}

/// An unknown CIP between known ones: the vendor's SDK documentation says "empty structures". `{}` is our reading.
#[derive(Serialize)]
pub(crate) struct UnknownCip {}

/// One entry of the answer to a search.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum SearchEntry<'a> {
    Found(FoundCip<'a>),
    Unknown(UnknownCip),
}

/// 22 is on a vendor screenshot, 21 and 23 in an integrator's code, the number of removed CIPs is an assumption. Names
/// end in a full stop, and a paid CIP is "Cancelado": paid off, not called off.
fn status(standing: Standing, assumptions: &Assumptions) -> (u16, &'static str) {
    match standing {
        Standing::Expired => (21, "Expirado."),
        Standing::Generated => (22, "Generado."),
        Standing::Paid => (23, "Cancelado."),
        Standing::Removed => (assumptions.removed_status, "Eliminado."),
    }
}

fn date_or_none(date: Option<DateTime<Utc>>) -> String {
    date.map_or_else(|| wire_time::NO_DATE.to_owned(), wire_time::lima)
}

#[derive(Deserialize)]
struct SearchRequest {
    data: Option<Vec<SearchedCip>>,
}

#[derive(Deserialize)]
struct SearchedCip {
    cip: Option<u64>,
}

/// Reads `{"data":[{"cip":n}]}`.
pub(crate) fn read_search(body: &[u8], cips_max: usize) -> Result<Vec<u64>, ApiError> {
    let request: SearchRequest = serde_json::from_slice(body).map_err(|_| ApiError::Invalid(Vec::new()))?;
    let required = |field| ApiError::Invalid(vec![FieldError::required(field)]);
    let wanted = request.data.filter(|data| !data.is_empty()).ok_or_else(|| required("data"))?;
    if wanted.len() > cips_max {
        return Err(ApiError::invalid("data", &format!("must name at most {cips_max} CIPs")));
    }
    wanted.into_iter().map(|entry| entry.cip.ok_or_else(|| required("cip"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_names_cips_as_numbers() {
        let check = |body: &str, expected: Option<Vec<u64>>| {
            assert_eq!(read_search(body.as_bytes(), 2).ok(), expected, "{body}");
        };
        check(r#"{"data":[{"cip":1},{"cip":2}]}"#, Some(vec![1, 2]));
        check(r#"{"data":[{"cip":1},{"cip":2},{"cip":3}]}"#, None);
        check(r#"{"data":[]}"#, None);
        check(r#"{"data":[{}]}"#, None);
        check(r#"{"data":[{"cip":"1"}]}"#, None);
        check(r#"{"cip":1}"#, None);
        check("", None);
    }
}
