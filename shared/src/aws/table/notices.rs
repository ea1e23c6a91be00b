//! Notices: one fact, one item, one conditional put.

use std::borrow::Cow;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use super::super::{StoreError, failed};
use super::facts::cip_partition;
use super::{Item, Table};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::NoticeRow;
use crate::money::{Currency, Money, format_minor};
use crate::pagoefectivo::notice;

pub(super) const KIND: &str = "notice";
pub(super) const QUARANTINE_KIND: &str = "quarantine";

/// What came of recording a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is a new fact.
    New,
    /// The same fact stands there already, and says the same.
    Repeated,
    /// The same fact stands there already and says something else; that one stays.
    Contradicts,
}

/// A signed notice that was set aside for a person, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// When it arrived.
    pub received_at: Instant,
    /// Why it was set aside.
    pub reason: String,
}

/// The bytes of a notice as they arrived, and what proves that they are the provider's.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The body that was signed.
    pub body: &'a [u8],
    /// The header that carried the signature, in lower case.
    pub header: &'a str,
    /// The signature as it arrived.
    pub signature: &'a str,
    /// Over which form of the body it agreed.
    pub form: &'a str,
}

/// A notice as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// The header that carried the signature.
    pub header: String,
    /// The signature as it arrived.
    pub signature: String,
    /// Over which form of the body it agreed.
    pub form: String,
}

/// Bodies and signatures are shown to nobody.
impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received").field("form", &self.form).finish_non_exhaustive()
    }
}

/// A recorded notice with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// Its fields.
    pub row: NoticeRow<'static>,
    /// As it arrived.
    pub received: Received,
    /// The sort key of its item.
    pub key: String,
}

impl Table {
    /// Records a verified notice as it arrived, once.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` the outcome is unknown and the same call settles it.
    pub async fn record_notice(
        &self,
        row: &NoticeRow<'_>,
        signed: Signed<'_>,
    ) -> Result<Recorded, StoreError> {
        let content_hash = notice::content_hash(row);
        match self.put_once(item_of(row, signed, &content_hash)).await? {
            None => Ok(Recorded::New),
            Some(standing) if standing.get("content_hash")? == content_hash => Ok(Recorded::Repeated),
            Some(_) => Ok(Recorded::Contradicts),
        }
    }

    /// A notice as it arrived, by the key of its item; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where the item is none of ours.
    pub async fn received(&self, account: &str, cip: Cip, sk: &str) -> Result<Option<Received>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .consistent_read(true)
            .key("pk", AttributeValue::S(cip_partition(account, cip)))
            .key("sk", AttributeValue::S(sk.to_owned()));
        let answer = request.send().await.map_err(|error| failed("GetItem", error))?;
        answer.item.map(|attributes| received_of(&Item::read(KIND, attributes))).transpose()
    }

    /// Every notice of a CIP as it arrived, by the keys of their items.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where an item is none of ours.
    pub async fn noticed(&self, account: &str, cip: Cip) -> Result<Vec<Noticed>, StoreError> {
        let mut items = self.partition(cip_partition(account, cip)).into_paginator().items().send();
        let mut noticed = Vec::new();
        while let Some(attributes) = items.next().await {
            let item = Item::read(KIND, attributes.map_err(|error| failed("Query", error))?);
            if item.find("kind") == Some(KIND) {
                noticed.push(noticed_of(&item)?);
            }
        }
        Ok(noticed)
    }

    /// Keeps a signed body that a person has to look at; the same body again changes nothing. `cip` is whose it is, as
    /// far as it can be read.
    ///
    /// # Errors
    /// [`StoreError`], as for [`Table::record_notice`].
    pub async fn quarantine(
        &self,
        account: &str,
        cip: Option<Cip>,
        signed: Signed<'_>,
        reason: &str,
        received_at: Instant,
    ) -> Result<(), StoreError> {
        let body_hash = hex::encode(Sha256::digest(signed.body));
        let item = Item::new(QUARANTINE_KIND, quarantine_partition(account), body_hash)
            .text("account", account)
            .some_text("cip", cip.map(|cip| cip.to_string()))
            .text("reason", reason)
            .text("received_at", received_at.to_string())
            .signed(signed);
        self.put_once(item).await.map(drop)
    }

    /// What lies in quarantine for an account, the newest first.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where an item is none of ours.
    pub async fn quarantined(&self, account: &str) -> Result<Vec<Quarantined>, StoreError> {
        let request =
            self.partition(quarantine_partition(account)).projection_expression("reason, received_at");
        let mut items = request.into_paginator().items().send();
        let mut quarantined = Vec::new();
        while let Some(attributes) = items.next().await {
            let attributes = attributes.map_err(|error| failed("Query", error))?;
            let item = Item::read(QUARANTINE_KIND, attributes);
            let received_at = item.parsed("received_at", Instant::parse)?;
            quarantined.push(Quarantined { received_at, reason: item.get("reason")?.to_owned() });
        }
        quarantined.sort_by(|a, b| b.received_at.cmp(&a.received_at).then_with(|| a.reason.cmp(&b.reason)));
        Ok(quarantined)
    }
}

fn quarantine_partition(account: &str) -> String {
    format!("QUARANTINE#{account}")
}

pub(super) fn received_of(item: &Item) -> Result<Received, StoreError> {
    Ok(Received {
        body: item.get_bytes("body")?.to_vec(),
        header: item.get("signature_header")?.to_owned(),
        signature: item.get("signature")?.to_owned(),
        form: item.get("signature_form")?.to_owned(),
    })
}

pub(super) fn noticed_of(item: &Item) -> Result<Noticed, StoreError> {
    Ok(Noticed { row: row_of(item)?, received: received_of(item)?, key: item.get("sk")?.to_owned() })
}

/// The item that made a condition fail.
pub(super) fn standing_item<R>(kind: &'static str, error: &SdkError<PutItemError, R>) -> Option<Item> {
    match error.as_service_error()? {
        PutItemError::ConditionalCheckFailedException(failure) => {
            Some(Item::read(kind, failure.item.clone().unwrap_or_default()))
        }
        _ => None,
    }
}

impl Item {
    fn signed(self, signed: Signed<'_>) -> Item {
        self.text("signature_header", signed.header)
            .text("signature", signed.signature)
            .text("signature_form", signed.form)
            .bytes("body", signed.body)
    }
}

fn sort_key(row: &NoticeRow<'_>) -> String {
    format!("NOTICE#{}", notice::identity(row))
}

fn item_of(row: &NoticeRow<'_>, signed: Signed<'_>, content_hash: &str) -> Item {
    let pk = cip_partition(&row.account, row.cip);
    let sk = sort_key(row);
    let code =
        row.extras.iter().find(|(name, _)| name == notice::TRANSACTION_CODE).map(|(_, value)| value.as_ref());
    Item::new(KIND, pk, sk)
        .text("account", row.account.as_ref())
        .text("cip", row.cip.to_string())
        .text("event_type", row.event_type.as_ref())
        .some_text("operation_number", row.operation_number.as_deref())
        .text("amount", format_minor(i128::from(row.amount.minor)))
        .text("currency", row.amount.currency.code())
        .some_text("paid_at", row.paid_at.map(|time| time.to_string()))
        .text("received_at", row.received_at.to_string())
        .some_text(notice::TRANSACTION_CODE, code)
        .text("content_hash", content_hash)
        .signed(signed)
}

pub(super) fn row_of(item: &Item) -> Result<NoticeRow<'static>, StoreError> {
    let currency = item.parsed("currency", Currency::from_code)?;
    Ok(NoticeRow {
        account: Cow::Owned(item.get("account")?.to_owned()),
        cip: item.parsed("cip", Cip::parse)?,
        event_type: Cow::Owned(item.get("event_type")?.to_owned()),
        operation_number: item.find("operation_number").map(|number| Cow::Owned(number.to_owned())),
        amount: item.parsed("amount", |text| Money::parse(text, currency).ok())?,
        paid_at: item.parsed_if_there("paid_at", Instant::parse)?,
        received_at: item.parsed("received_at", Instant::parse)?,
        extras: Vec::new(),
    })
}
