//! The one DynamoDB table, on demand, keys `pk` and `sk`, both strings.
//!
//! | what | pk | sk | rest |
//! | --- | --- | --- | --- |
//! | notice | `CIP#{account}#{cip}` | `NOTICE#{event}#{operation number, else payment time, else -}` | parsed fields, `content_hash`, raw `body`, `signature` |
//! | order | `CIP#{account}#{cip}`, each CIP that any row of the order lists | `ORDER#{reference}#{created_at}#{updated_at, else -}` | `row`: the canonical line |
//! | report | `CIP#{account}#{cip}` | `REPORT#{source}#{status and operation, or look}#{observed_at, else -}` | `row`: the canonical line |
//! | doubt | `CIP#{account}#{cip}` | `DOUBT#{source}#{id}` | `reason`, `observed_at` |
//! | state | `CIP#{account}#{cip}` | `STATE` | what the world was last told: `version`, `detail`, `announced` |
//! | order row | `ORDER#{account}#{reference}` | `{created_at}#{updated_at, else -}` | `row`: the canonical line |
//! | pointer | `OPERATION#{account}#{number}` | `CIP#{cip}` | |
//! | check | `CIP#{account}#{cip}` | `CHECK` | `begun_at`, `heard_at`, `ordered_at`, `row`, `doubted`; while it is to be asked for: `due_at`, `due_in` |
//! | quarantine | `QUARANTINE#{account}` | SHA-256 of the body | `reason`, `received_at`, raw `body`, `signature`, `cip` if it can be read |
//! | refused | `REFUSED#{account}` | the hour | `refused`: how many callbacks had a bad signature, counted by instances and so rather too few |
//! | break | `BREAK#{account}` | break id | `state` open or closed, `opened_at`, what it is about, `content_hash` |
//! | run | `RUN#{account}` | `as_of` | `state` alerting or done, counts, where the report lies |
//! | newest run | `RUN#{account}` | `newest` | `as_of` of the newest run that has begun to write breaks |
//! | file | `FILE#{account}` | `{leg}#{arrived_at}#{key}#{version, else -}` | `rows`, `rejected`, `columns` (JSON, as all lists here), `unknown_columns`, `cleansed`, `covered_until`; where it drifted: `new_columns`, `gone_columns`, `unknown_words` |
//! | missing file | `FILE#{account}` | `missing#{leg}#{day}` | `claimed_at`, then `told_at`: that the file of that day had not come |
//! | watermark | `WATERMARK#{account}` | source | `covered_until` |
//! | lock | `LOCK#{account}` | source | `worker`, `until` |
//! | pull | `PULL#{account}` | source, and for one by hand `#{from}#{to}` | `progress` |
//!
//! Every item has `kind`. A fact is written once, under its natural key: that key, not a record that expires, is what makes a
//! repeated delivery harmless. A row that contradicts the one under its key is kept beside it (`…#{hash}`). A state, a
//! pointer and a doubt follow from facts. Accounts hold no `#` (see `config::env`). The index `due` (keys `due_in` and `due_at`,
//! all attributes) holds the checks that have both.

mod breaks;
mod checks;
mod facts;
mod files;
mod notices;
mod pulls;
mod refused;
mod runs;
mod states;
pub mod stream;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Patience, SdkConfig, StoreError, failed};
use crate::calendar::Instant;

pub use breaks::{BreakRecord, BreakState};
pub use checks::{Check, Checked};
pub use facts::Facts;
pub use files::{Columns, Drift, FileName, FileRecord};
pub use notices::{Noticed, Quarantined, Received, Recorded, Signed};
pub use runs::{Claim, RunRecord, RunState};
pub use states::PublishedState;

/// The table and how long its callers can wait.
#[derive(Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// Makes the client; nothing is read yet.
    #[must_use]
    pub fn new(config: &SdkConfig, patience: Patience, name: &str) -> Table {
        Table { client: Client::new(&patience.applied_to(config)), name: name.to_owned() }
    }

    /// Asks for every item of a partition, as it stands after all writes so far.
    fn partition(&self, pk: String) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", AttributeValue::S(pk))
    }
}

type Attributes = HashMap<String, AttributeValue>;

/// An item on its way into the table or out of it.
#[derive(Clone)]
struct Item {
    kind: &'static str,
    attributes: Attributes,
}

impl Item {
    fn new(kind: &'static str, pk: String, sk: String) -> Item {
        let item = Item { kind, attributes: HashMap::new() };
        item.text("pk", pk).text("sk", sk).text("kind", kind)
    }

    fn read(kind: &'static str, attributes: Attributes) -> Item {
        Item { kind, attributes }
    }

    fn text(mut self, name: &str, value: impl Into<String>) -> Item {
        self.attributes.insert(name.to_owned(), AttributeValue::S(value.into()));
        self
    }

    /// Leaves the attribute out where there is nothing: an absent side stays absent.
    fn some_text(self, name: &str, value: Option<impl Into<String>>) -> Item {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    fn number(mut self, name: &str, value: impl ToString) -> Item {
        self.attributes.insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    fn bytes(mut self, name: &str, value: &[u8]) -> Item {
        self.attributes.insert(name.to_owned(), AttributeValue::B(Blob::new(value)));
        self
    }

    fn get(&self, name: &'static str) -> Result<&str, StoreError> {
        self.find(name).ok_or_else(|| self.unreadable(name))
    }

    fn get_bytes(&self, name: &'static str) -> Result<&[u8], StoreError> {
        match self.attributes.get(name) {
            Some(AttributeValue::B(bytes)) => Ok(bytes.as_ref()),
            _ => Err(self.unreadable(name)),
        }
    }

    /// A text or the digits of a number.
    fn find(&self, name: &'static str) -> Option<&str> {
        match self.attributes.get(name)? {
            AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
            _ => None,
        }
    }

    /// Reads an attribute that has to be there.
    fn parsed<T>(&self, name: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        read(self.get(name)?).ok_or_else(|| self.unreadable(name))
    }

    /// Reads an attribute that may be absent, and is not nonsense if it is there.
    fn parsed_if_there<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        self.find(name).map(|text| read(text).ok_or_else(|| self.unreadable(name))).transpose()
    }

    fn unreadable(&self, field: &'static str) -> StoreError {
        StoreError::Unreadable { what: self.kind, field }
    }
}

/// What came of a conditional put: `true` = written, `false` = its condition did not hold.
fn unless_condition_failed(
    answer: Result<PutItemOutput, SdkError<PutItemError, HttpResponse>>,
) -> Result<bool, StoreError> {
    match answer {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), PutItemError::ConditionalCheckFailedException(_)) =>
        {
            Ok(false)
        }
        Err(error) => Err(failed("PutItem", error)),
    }
}

/// A time as a text that sorts by time: UTC to the nanosecond.
fn sortable(time: Instant) -> String {
    time.to_utc().format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}
