//! What the table's stream tells of: changes of items, as a function gets them in a batch.
//!
//! Each record is read by itself, so that one that cannot be read does not keep the others from being dealt with.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::StoreError;
use super::notices::{Noticed, Received};
use super::{Attributes, Item, facts, notices};
use crate::calendar::Instant;
use crate::ids::Cip;

/// What every record has, whatever it tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Its place in the shard; a batch is taken up again from here.
    pub sequence_number: String,
    /// The partition that it changes; its records have an order among themselves.
    pub partition: String,
}

/// A change that somebody has to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A signed notice was recorded.
    Noticed(Box<Noticed>),
    /// A signed notice was set aside for a person.
    Quarantined(Box<SetAside>),
    /// Somebody has dealt with a notice that was set aside.
    Settled {
        /// The PagoEfectivo service.
        account: String,
        /// Whose it was, as far as it can be read.
        cip: Option<Cip>,
        /// Which notice.
        id: String,
    },
    /// A fact of another kind was recorded, or a doubt taken back.
    Fact {
        /// The PagoEfectivo service.
        account: String,
        /// Whose it is.
        cip: Cip,
        /// The operation that it tells of.
        operation_number: Option<String>,
    },
    /// Nothing that concerns a CIP.
    Other,
}

/// A notice in quarantine with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The PagoEfectivo service.
    pub account: String,
    /// Whose it is, as far as it can be read.
    pub cip: Option<Cip>,
    /// SHA-256 of its body.
    pub id: String,
    /// Why a person has to look at it.
    pub reason: String,
    /// When it arrived.
    pub received_at: Instant,
    /// As it arrived.
    pub received: Received,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: EventName,
    dynamodb: Body,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum EventName {
    Insert,
    Modify,
    Remove,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    sequence_number: String,
    #[serde(default)]
    keys: HashMap<String, Value>,
    #[serde(default)]
    new_image: HashMap<String, Value>,
    #[serde(default)]
    old_image: HashMap<String, Value>,
}

/// An attribute as the stream writes it; other types do not stand in our items.
#[derive(Deserialize)]
enum Value {
    S(String),
    N(String),
    B(String),
}

/// What can be said of a record without understanding what it tells of.
///
/// # Errors
/// [`StoreError::Unreadable`] where it is no record of the table's stream.
pub fn envelope(record: &RawValue) -> Result<Envelope, StoreError> {
    #[derive(Deserialize)]
    struct Outline {
        dynamodb: OutlineBody,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct OutlineBody {
        sequence_number: String,
        keys: HashMap<String, Value>,
    }
    let outline: Outline = serde_json::from_str(record.get()).map_err(|_| unreadable("dynamodb"))?;
    let partition = match outline.dynamodb.keys.get("pk") {
        Some(Value::S(partition)) => partition.clone(),
        _ => return Err(unreadable("pk")),
    };
    Ok(Envelope { sequence_number: outline.dynamodb.sequence_number, partition })
}

/// Reads a record.
///
/// # Errors
/// [`StoreError::Unreadable`] where it is none of ours.
pub fn read(record: &RawValue) -> Result<Change, StoreError> {
    let Record { event_name, dynamodb: body } =
        serde_json::from_str(record.get()).map_err(|_| unreadable("dynamodb"))?;
    debug_assert!(!body.sequence_number.is_empty() && !body.keys.is_empty());
    let gone = event_name == EventName::Remove;
    let attributes = attributes(if gone { body.old_image } else { body.new_image })?;
    let kind = attributes.get("kind").and_then(|kind| kind.as_s().ok()).map(String::as_str);
    match (kind, event_name) {
        (Some(notices::KIND), EventName::Insert) => {
            let noticed = notices::noticed_of(&Item::read(notices::KIND, attributes))?;
            Ok(Change::Noticed(Box::new(noticed)))
        }
        (Some(notices::QUARANTINE_KIND), EventName::Insert | EventName::Remove) => {
            let item = Item::read(notices::QUARANTINE_KIND, attributes);
            if gone { settled(&item) } else { set_aside(&item) }
        }
        (Some(facts::ORDER_KIND | facts::REPORT_KIND), EventName::Insert) | (Some(facts::DOUBT_KIND), _) => {
            let item = Item::read("fact", attributes);
            Ok(Change::Fact {
                account: item.get("account")?.to_owned(),
                cip: item.parsed("cip", Cip::parse)?,
                operation_number: item.find("operation_number").map(str::to_owned),
            })
        }
        _ => Ok(Change::Other),
    }
}

fn set_aside(item: &Item) -> Result<Change, StoreError> {
    Ok(Change::Quarantined(Box::new(SetAside {
        account: item.get("account")?.to_owned(),
        cip: item.parsed_if_there("cip", Cip::parse)?,
        id: item.get("sk")?.to_owned(),
        reason: item.get("reason")?.to_owned(),
        received_at: item.parsed("received_at", Instant::parse)?,
        received: notices::received_of(item)?,
    })))
}

fn settled(item: &Item) -> Result<Change, StoreError> {
    Ok(Change::Settled {
        account: item.get("account")?.to_owned(),
        cip: item.parsed_if_there("cip", Cip::parse)?,
        id: item.get("sk")?.to_owned(),
    })
}

fn attributes(image: HashMap<String, Value>) -> Result<Attributes, StoreError> {
    let read = |(name, value)| {
        let value = match value {
            Value::S(text) => AttributeValue::S(text),
            Value::N(digits) => AttributeValue::N(digits),
            Value::B(text) => {
                AttributeValue::B(Blob::new(STANDARD.decode(text).map_err(|_| unreadable("B"))?))
            }
        };
        Ok((name, value))
    };
    image.into_iter().map(read).collect()
}

const fn unreadable(field: &'static str) -> StoreError {
    StoreError::Unreadable { what: "stream record", field }
}
