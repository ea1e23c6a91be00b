//! Notices (callbacks): what the provider posts to the merchant, and the signature over it.

use std::sync::LazyLock;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;
use thiserror::Error;

use crate::amount;
use crate::config::PaymentDateForm;
use crate::ledger::{CipRecord, Payment};
use crate::wire_time;

/// The header that carries the signature (vendor documentation v1.1).
pub(crate) const SIGNATURE_HEADER: &str = "PE-Signature";

/// The only event that the vendor documentation lists.
const CIP_PAID: &str = "cip.paid";

/// How long the receiver of a notice may take.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(5);

/// Made once, because loading the system's certificates costs more than all else in a delivery. It keeps no connection
/// open: a later caller may run on another runtime.
static CLIENT: LazyLock<Result<reqwest::Client, String>> = LazyLock::new(|| {
    let client = reqwest::Client::builder()
        .timeout(NOTICE_TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build();
    client.map_err(|error| error.to_string())
});

/// A notice ready to be posted: the exact bytes and the signature over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNotice {
    /// Compact JSON.
    pub body: Vec<u8>,
    /// Lower-case hexadecimal HMAC-SHA256 of the body under the text of the secret key.
    pub signature: String,
}

/// Why a notice got no answer.
#[derive(Debug, Error)]
pub enum DeliveryError {
    /// Nobody listens, the connection broke, or the answer took more than five seconds.
    #[error("the notice did not get an answer: start the receiver, or correct the notice URL")]
    NoAnswer(#[source] reqwest::Error),
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be started: {0}")]
    Client(String),
    /// No notice URL was given.
    #[error("no notice URL is set: give one in the configuration or over the control surface")]
    NoUrl,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event_type: &'a str,
    operation_number: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    /// A string here although the API has it as a number (vendor documentation v1.1).
    cip: String,
    currency: &'a str,
    /// A number with two decimals: an integrator's validator shows that the signed text had them.
    amount: Box<RawValue>,
    transaction_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_date: Option<String>,
}

impl SignedNotice {
    /// Signs a body as the provider does; with another key than the merchant's it is a forgery.
    #[must_use]
    pub fn sign(body: Vec<u8>, key: &str) -> SignedNotice {
        let signature = hmac_hex(key, &body);
        SignedNotice { body, signature }
    }

    /// The notice of a payment.
    pub(crate) fn of_payment(
        record: &CipRecord,
        payment: &Payment,
        form: PaymentDateForm,
        key: &str,
    ) -> Result<SignedNotice, serde_json::Error> {
        let payment_date = match form {
            PaymentDateForm::WithOffset => Some(wire_time::lima(payment.paid_at)),
            PaymentDateForm::WithoutOffset => Some(wire_time::lima_without_offset(payment.paid_at)),
            PaymentDateForm::Absent => None,
        };
        let body = Body {
            event_type: CIP_PAID,
            operation_number: &payment.operation_number,
            data: Data {
                cip: record.number.to_string(),
                currency: record.currency.code(),
                amount: amount::json_number(amount::two_decimals(payment.amount_minor))?,
                transaction_code: &record.reference,
                payment_date,
            },
        };
        Ok(SignedNotice::sign(serde_json::to_vec(&body)?, key))
    }

    /// Posts the notice and gives the HTTP status of the answer.
    ///
    /// # Errors
    /// [`DeliveryError::NoAnswer`] if there is none within five seconds, [`DeliveryError::Client`] if the HTTP client
    /// cannot be made.
    pub async fn post(&self, url: &str) -> Result<u16, DeliveryError> {
        let client = CLIENT.as_ref().map_err(|error| DeliveryError::Client(error.clone()))?;
        let answer = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, &self.signature)
            .body(self.body.clone())
            .send()
            .await
            .map_err(DeliveryError::NoAnswer)?;
        Ok(answer.status().as_u16())
    }
}

fn hmac_hex(key: &str, message: &[u8]) -> String {
    match Hmac::<Sha256>::new_from_slice(key.as_bytes()) {
        Ok(mut mac) => {
            mac.update(message);
            hex::encode(mac.finalize().into_bytes())
        }
        // HMAC takes a key of any length; were that to change, an empty signature is one that nobody accepts.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Currency;
    use chrono::DateTime;

    fn notice(form: PaymentDateForm) -> SignedNotice {
        let at = DateTime::from_timestamp(1_772_461_800, 0).unwrap();
        let payment = Payment {
            operation_number: "12345678".to_owned(),
            amount_minor: 2_250,
            paid_at: at,
            taken_back_at: None,
        };
        let record = CipRecord {
            number: 5_123_456_789,
            page: String::new(),
            reference: "PED-1".to_owned(),
            amount_minor: 2_250,
            currency: Currency::Pen,
            created_at: at,
            expires_at: at,
            removed_at: None,
            payments: Vec::new(),
        };
        SignedNotice::of_payment(&record, &payment, form, "clave").unwrap()
    }

    #[test]
    fn the_body_is_compact_with_the_cip_as_text_and_two_decimals() {
        let expected = concat!(
            r#"{"eventType":"cip.paid","operationNumber":"12345678","data":{"cip":"5123456789","currency":"PEN","#,
            r#""amount":22.50,"transactionCode":"PED-1","paymentDate":"2026-03-02T09:30:00-05:00"}}"#
        );
        assert_eq!(String::from_utf8(notice(PaymentDateForm::WithOffset).body).unwrap(), expected);
    }

    #[test]
    fn the_payment_date_has_the_form_asked_for() {
        let body = |form| String::from_utf8(notice(form).body).unwrap();
        assert!(body(PaymentDateForm::WithoutOffset).ends_with(r#""paymentDate":"2026-03-02T09:30:00"}}"#));
        assert!(!body(PaymentDateForm::Absent).contains("paymentDate"));
    }

    /// RFC 4231, test case 2: the key is used as text.
    #[test]
    fn the_signature_is_hmac_sha256_in_lower_case_hex() {
        let signed = SignedNotice::sign(b"what do ya want for nothing?".to_vec(), "Jefe");
        assert_eq!(signed.signature, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
