//! `POST /v1/cips`: the checks of a request for a new CIP.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::amount::Currency;
use crate::config::Config;
use crate::envelope::ApiError;
use crate::fields::Fields;
use crate::ledger::NewCip;

/// Optional texts of the request with their longest length in characters (vendor documentation v1.1). They are checked
/// and forgotten: the simulator keeps no personal data. `userPhone` and `userCodeCountry` are mandatory in that
/// document and optional in the vendor's later SDK documentation; here they are optional.
const OPTIONAL_TEXTS: [(&str, usize); 9] = [
    ("paymentConcept", 50),
    ("additionalData", 200),
    ("adminEmail", 100),
    ("userName", 30),
    ("userLastName", 30),
    ("userCountry", 20),
    ("userDocumentNumber", 14),
    ("userPhone", 15),
    ("userCodeCountry", 5),
];

/// Kinds of identity document (vendor documentation v1.1).
const DOCUMENT_TYPES: [&str; 5] = ["DNI", "PAR", "PAS", "LMI", "NAN"];

/// Reads the request, or tells all that is wrong with it.
pub(crate) fn read(body: &[u8], config: &Config, now: DateTime<Utc>) -> Result<NewCip, ApiError> {
    let mut fields = Fields::parse(body)?;
    let service_is_other = service_is_other(&mut fields, config.id_service);
    let currency = currency(&mut fields);
    let amount_minor = fields.required_amount("amount");
    let reference = fields.required_text("transactionCode", 36);
    let expires_at = expiry(&mut fields, config, now);
    check_shopper(&mut fields);
    fields.finish()?;
    if service_is_other {
        return Err(ApiError::TokenService);
    }
    let (Some(currency), Some(amount_minor), Some(reference)) = (currency, amount_minor, reference) else {
        return Err(ApiError::Internal);
    };
    if amount_minor > config.amount_minor_max {
        return Err(ApiError::AmountMaximum);
    }
    Ok(NewCip { reference, amount_minor, currency, created_at: now, expires_at })
}

/// `serviceId` stands in the documentation's example, not in its table; one that is not the token's is error 508.
fn service_is_other(fields: &mut Fields, id_service: u64) -> bool {
    fields.optional("serviceId").is_some_and(|raw| raw.get().trim_matches('"') != id_service.to_string())
}

fn currency(fields: &mut Fields) -> Option<Currency> {
    let code = fields.required_text("currency", 3)?;
    let currency = Currency::from_code(&code);
    if currency.is_none() {
        fields.reject("currency", "must be PEN or USD");
    }
    currency
}

/// The date asked for, which must lie ahead; without one the time that the contract gives.
fn expiry(fields: &mut Fields, config: &Config, now: DateTime<Utc>) -> DateTime<Utc> {
    match fields.optional_date("dateExpiry") {
        Some(date) if date <= now => {
            fields.reject("dateExpiry", "must lie ahead");
            date
        }
        Some(date) => date,
        None => now + Duration::from_secs(u64::from(config.expiry_default_seconds)),
    }
}

fn check_shopper(fields: &mut Fields) {
    if fields.required_text("userEmail", 100).is_some_and(|email| !email.contains('@')) {
        fields.reject("userEmail", "must be an e-mail address");
    }
    for (name, chars_max) in OPTIONAL_TEXTS {
        fields.optional_text(name, chars_max);
    }
    let ubigeo = fields.optional_text("userUbigeo", 6);
    if ubigeo.is_some_and(|code| code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit())) {
        fields.reject("userUbigeo", "must have six digits");
    }
    let document = fields.optional_text("userDocumentType", 3);
    if document.is_some_and(|kind| !DOCUMENT_TYPES.contains(&kind.as_str())) {
        fields.reject("userDocumentType", "must be one of DNI, PAR, PAS, LMI, NAN");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_460_000, 0).unwrap()
    }

    /// A good request in which one field is given another value; `null` leaves it out.
    fn read_with(field: &str, value: Value) -> Result<NewCip, ApiError> {
        let mut body = json!({
            "currency": "PEN", "amount": 22.5, "transactionCode": "PED-1", "userEmail": "a@example.com",
            "dateExpiry": "2026-03-09T09:00:00-05:00",
        });
        body[field] = value;
        read(body.to_string().as_bytes(), &Config::new(1234, "A", "S", 1, now()), now())
    }

    #[test]
    fn a_good_request_is_read() {
        for (field, value) in [
            ("amount", json!("22.50")),
            ("serviceId", json!(1234)),
            ("serviceId", json!("1234")),
            ("userDocumentType", json!("DNI")),
            ("userUbigeo", json!("150101")),
            ("transactionCode", json!("x".repeat(36))),
            ("dateExpiry", json!("2026-03-09 09:00:00-05:00")),
        ] {
            let new = read_with(field, value).unwrap();
            assert_eq!((new.amount_minor, new.currency), (2_250, Currency::Pen), "{field}");
        }
    }

    #[test]
    fn without_expiry_the_contract_s_time_holds() {
        let new = read_with("dateExpiry", Value::Null).unwrap();
        assert_eq!((new.expires_at - now()).num_seconds(), 86_400);
    }

    #[test]
    fn each_bad_field_is_named() {
        for (field, value) in [
            ("currency", json!("EUR")),
            ("currency", Value::Null),
            ("amount", json!(0)),
            ("amount", json!(22.555)),
            ("transactionCode", json!("")),
            ("transactionCode", json!("x".repeat(37))),
            ("dateExpiry", json!("2026-03-01T00:00:00-05:00")),
            ("dateExpiry", json!("tomorrow")),
            ("userEmail", Value::Null),
            ("userEmail", json!("nobody")),
            ("userName", json!("x".repeat(31))),
            ("userUbigeo", json!("15")),
            ("userDocumentType", json!("RUC")),
        ] {
            let Err(ApiError::Invalid(errors)) = read_with(field, value.clone()) else {
                panic!("{field} {value}")
            };
            assert_eq!(serde_json::to_value(&errors).unwrap()[0]["field"], field);
        }
    }

    #[test]
    fn two_faults_have_codes_of_their_own() {
        assert_eq!(read_with("serviceId", json!(999)).err(), Some(ApiError::TokenService));
        assert_eq!(read_with("amount", json!(3724.01)).err(), Some(ApiError::AmountMaximum));
        assert!(read_with("amount", json!(3724)).is_ok());
    }
}
