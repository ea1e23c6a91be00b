//! What changes a CIP: making one, a new expiry, removal.
//!
//! There is no idempotency key and no search by reference anywhere public. A CIP is therefore never asked for twice by
//! itself: a lost answer may have made one.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::token::lima_time;
use super::wire::{Method, Repeat, Reply};
use super::{Call, Client, ClientError, good_data, json, not_understood};
use crate::calendar::{Clock, Instant};
use crate::ids::Cip;
use crate::lifecycle::evidence::ReportStatus;
use crate::money::{Currency, Money, format_minor};
use crate::pagoefectivo::{Credentials, Secret, fields};

const CREATE: &str = "POST /v1/cips";
const PATCH: &str = "PATCH /v1/cips/{cip}";
const DELETE: &str = "DELETE /v1/cips/{cip}";

/// Longest `transactionCode` (vendor doc v1.1).
const TRANSACTION_CODE_CHARS_MAX: usize = 36;

/// A CIP to be made. Lengths by the vendor doc v1.1; the provider checks them and names the field. Nothing of the shopper
/// is ever shown.
#[derive(Clone, Debug)]
pub struct NewCip {
    /// What is to be paid.
    pub amount: Money,
    /// The merchant's reference, 1 to 36 characters. The provider does not ask that it is unique; only a unique one tells
    /// what became of a lost answer.
    pub transaction_code: String,
    /// Until when it may be paid; absent, as the contract says.
    pub expires_at: Option<Instant>,
    /// `paymentConcept`, up to 50 characters.
    pub payment_concept: Option<String>,
    /// `additionalData`, up to 200 characters.
    pub additional_data: Option<Secret>,
    /// `adminEmail`, up to 100 characters: gets a copy of the mail to the shopper.
    pub admin_email: Option<Secret>,
    /// Who is to pay.
    pub shopper: Shopper,
}

/// Who is to pay. `userPhone` and `userCodeCountry` are mandatory in the vendor doc v1.1 and optional in the documentation
/// of its SDKs.
#[derive(Clone, Debug)]
pub struct Shopper {
    /// `userEmail`, mandatory, up to 100 characters.
    pub email: Secret,
    /// `userId`.
    pub id: Option<Secret>,
    /// `userName`, up to 30 characters.
    pub name: Option<Secret>,
    /// `userLastName`, up to 30 characters.
    pub last_name: Option<Secret>,
    /// `userUbigeo`: six digits of the national statistics office.
    pub ubigeo: Option<Secret>,
    /// `userCountry`, up to 20 characters.
    pub country: Option<Secret>,
    /// `userDocumentType`: DNI, PAR, PAS, LMI or NAN.
    pub document_type: Option<Secret>,
    /// `userDocumentNumber`, up to 14 characters.
    pub document_number: Option<Secret>,
    /// `userPhone`, up to 15 characters.
    pub phone: Option<Secret>,
    /// `userCodeCountry`, such as `+51`.
    pub phone_country: Option<Secret>,
}

impl Shopper {
    /// A shopper of whom only the mail address is known.
    #[must_use]
    pub fn new(email: Secret) -> Shopper {
        Shopper {
            email,
            id: None,
            name: None,
            last_name: None,
            ubigeo: None,
            country: None,
            document_type: None,
            document_number: None,
            phone: None,
            phone_country: None,
        }
    }
}

/// A CIP as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedCip {
    /// The payment code.
    pub cip: Cip,
    /// Until when it may be paid, where the answer says so.
    pub expires_at: Option<Instant>,
    /// The page that shows the shopper how to pay; whoever has its address can open it.
    pub page_url: Option<Secret>,
}

/// That a CIP is removed, and whether this call did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The provider confirmed it.
    Done,
    /// The provider refused, and its search shows that the CIP is removed: by this call, whose first answer was lost, or
    /// by an earlier one.
    Before,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest<'a> {
    currency: &'static str,
    amount: Box<RawValue>,
    transaction_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_expiry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_concept: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_email: Option<&'a str>,
    user_email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_ubigeo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_document_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_document_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_code_country: Option<&'a str>,
}

impl<'a> CreateRequest<'a> {
    /// The amount is written from its cents, with two decimals, and never passes through a float.
    fn of(new: &'a NewCip) -> Result<CreateRequest<'a>, serde_json::Error> {
        let NewCip { amount, transaction_code, expires_at, payment_concept, shopper, .. } = new;
        let text = |secret: &'a Option<Secret>| secret.as_ref().map(Secret::expose);
        Ok(CreateRequest {
            currency: amount.currency.code(),
            amount: RawValue::from_string(format_minor(amount.minor.into()))?,
            transaction_code,
            date_expiry: expires_at.map(lima_time),
            payment_concept: payment_concept.as_deref(),
            additional_data: text(&new.additional_data),
            admin_email: text(&new.admin_email),
            user_email: shopper.email.expose(),
            user_id: text(&shopper.id),
            user_name: text(&shopper.name),
            user_last_name: text(&shopper.last_name),
            user_ubigeo: text(&shopper.ubigeo),
            user_country: text(&shopper.country),
            user_document_type: text(&shopper.document_type),
            user_document_number: text(&shopper.document_number),
            user_phone: text(&shopper.phone),
            user_code_country: text(&shopper.phone_country),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PatchRequest {
    date_expiry: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    #[serde(borrow)]
    cip: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    transaction_code: Option<&'a RawValue>,
    #[serde(borrow)]
    date_expiry: Option<&'a RawValue>,
    #[serde(borrow)]
    cip_url: Option<&'a RawValue>,
}

impl Client {
    /// Makes a CIP. Nothing is asked twice once it may have taken effect.
    ///
    /// # Errors
    /// [`ClientError::OutcomeUnknown`] where a CIP may have been made that nobody knows; it names what to look for. Any
    /// other [`ClientError`] means that none was made.
    pub async fn create(
        &self,
        keys: &Credentials,
        new: &NewCip,
        clock: Clock<'_>,
    ) -> Result<CreatedCip, ClientError> {
        let chars = new.transaction_code.chars().count();
        if !(1..=TRANSACTION_CODE_CHARS_MAX).contains(&chars) || new.amount.minor <= 0 {
            let why = "it needs an amount above zero and a transactionCode of 1 to 36 characters";
            return Err(ClientError::Unsendable { what: CREATE, why });
        }
        let unsendable =
            |_| ClientError::Unsendable { what: CREATE, why: "its amount cannot be written as JSON" };
        let request = json(CREATE, &CreateRequest::of(new).map_err(unsendable)?)?;
        let call = Call {
            what: CREATE,
            method: Method::POST,
            path: "/v1/cips".to_owned(),
            body: Some(request.clone()),
            repeat: Repeat::Never,
        };
        let outcome = async {
            let reply = self.call(keys, &call, clock).await?;
            created(new, good_data(CREATE, &reply, &request)?, &reply)
        };
        outcome.await.map_err(|error| {
            // Without a token nothing was asked for.
            if error.left_no_trace() || error.is_about_token() {
                return error;
            }
            let transaction_code = new.transaction_code.clone();
            ClientError::OutcomeUnknown { what: CREATE, transaction_code, source: Box::new(error) }
        })
    }

    /// Gives a CIP a new expiry; one that has expired may then be paid again (vendor documentation site, 2018). Setting
    /// the same expiry twice is the same as once, so it is repeated while that can help.
    ///
    /// # Errors
    /// [`ClientError`]; after any of them the call may be made again.
    pub async fn patch_expiry(
        &self,
        keys: &Credentials,
        cip: Cip,
        expires_at: Instant,
        clock: Clock<'_>,
    ) -> Result<(), ClientError> {
        let request = json(PATCH, &PatchRequest { date_expiry: lima_time(expires_at) })?;
        let call = Call {
            what: PATCH,
            method: Method::PATCH,
            path: format!("/v1/cips/{cip}"),
            body: Some(request.clone()),
            repeat: Repeat::Safe,
        };
        let reply = self.call(keys, &call, clock).await?;
        good_data(PATCH, &reply, &request).map(drop)
    }

    /// Removes a CIP, which is possible only while it is generated (vendor documentation site, 2018). A removed CIP stays
    /// removed, so it is repeated while that can help. The repetition of one that worked is refused like that of a paid
    /// CIP; what the refusal means is told by a search, where a removed CIP has a `dateRemoval`.
    ///
    /// # Errors
    /// [`ClientError`]; after any of them the call may be made again. A refusal stands where the search does not show a
    /// removal.
    pub async fn remove(
        &self,
        keys: &Credentials,
        cip: Cip,
        clock: Clock<'_>,
    ) -> Result<Removal, ClientError> {
        let call = Call {
            what: DELETE,
            method: Method::DELETE,
            path: format!("/v1/cips/{cip}"),
            body: None,
            repeat: Repeat::Safe,
        };
        let outcome = match self.call(keys, &call, clock).await {
            Ok(reply) => good_data(DELETE, &reply, "").map(|_| Removal::Done),
            Err(error) => Err(error),
        };
        match outcome {
            Err(error @ ClientError::Refused { .. }) if error.concerns_one_question() => {
                let found = self.search(keys, &[cip], clock).await.map(|exchange| exchange.answer.found);
                let is_removed =
                    found.is_ok_and(|found| found.iter().any(|cip| cip.status == ReportStatus::Removed));
                if is_removed { Ok(Removal::Before) } else { Err(error) }
            }
            outcome => outcome,
        }
    }
}

/// Reads what was made, and whether it is what was asked for.
fn created(new: &NewCip, data: Option<&RawValue>, reply: &Reply) -> Result<CreatedCip, ClientError> {
    let unknown = |why| ClientError::NotUnderstood { what: CREATE, why };
    let data = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let data: Created<'_> = data.ok_or_else(|| not_understood(CREATE, &reply.body))?;
    let text = |raw| fields::scalar(raw).ok().flatten();
    let cip = text(data.cip).filter(|cip| cip != "0").and_then(|cip| Cip::parse(&cip));
    let cip = cip.ok_or_else(|| unknown("names no CIP"))?;
    let currency = text(data.currency).and_then(|code| Currency::from_code(&code));
    let amount = text(data.amount).zip(currency);
    let amount = amount.and_then(|(amount, currency)| Money::parse(&amount, currency).ok());
    if amount.is_some_and(|amount| amount != new.amount) {
        return Err(unknown("names another amount than was asked for"));
    }
    if text(data.transaction_code).is_some_and(|code| code != new.transaction_code.trim()) {
        return Err(unknown("names another transactionCode than was asked for"));
    }
    let expires_at = text(data.date_expiry).and_then(|date| fields::date(&date).flatten());
    Ok(CreatedCip { cip, expires_at, page_url: text(data.cip_url).map(|url| Secret::new(url.into_owned())) })
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Removal::Done => "removed",
            Removal::Before => "had been removed before",
        })
    }
}
