//! Breaks: open ones and closed ones, written only when they change.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem};

use super::super::{StoreError, failed};
use super::{Item, Table, runs, sortable};
use crate::calendar::Instant;
use crate::ids::{BreakId, hash_parts};

const KIND: &str = "break";

/// DynamoDB takes a hundred actions in one transaction; one of them asks whether the run is still the newest.
const TRANSACTION_BREAKS_MAX: usize = 99;
/// How often a transaction that met another one is tried, with a longer wait each time.
const CONFLICT_ROUNDS_MAX: u32 = 6;

/// Whether a break still waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakState {
    /// The newest run still finds it.
    Open,
    /// A later run no longer finds it.
    Closed,
}

impl BreakState {
    const fn word(self) -> &'static str {
        match self {
            BreakState::Open => "open",
            BreakState::Closed => "closed",
        }
    }

    fn from_word(word: &str) -> Option<BreakState> {
        [BreakState::Open, BreakState::Closed].into_iter().find(|state| state.word() == word)
    }
}

/// A break as the table keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakRecord {
    /// Its lasting identity.
    pub id: BreakId,
    /// Whether it waits for somebody.
    pub state: BreakState,
    /// When a run first saw it; for one that came back, when it came back.
    pub opened_at: Instant,
    /// When a run no longer saw it.
    pub closed_at: Option<Instant>,
    /// The class's word.
    pub class: String,
    /// The reason's word; empty where the class says it all.
    pub reason: String,
    /// The severity's word.
    pub severity: String,
    /// The shop inside the account; may be empty, as the next three.
    pub store: String,
    /// The CIP, or several.
    pub cip: String,
    /// The order's reference.
    pub reference_id: String,
    /// The operation number.
    pub operation_number: String,
    /// ISO code of both amounts.
    pub currency: String,
    /// What the order expects, in minor units.
    pub order_minor: Option<i64>,
    /// What the provider says, in minor units.
    pub report_minor: Option<i64>,
}

impl BreakRecord {
    /// What it is about, without its history: a change in it is a change of the break.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let minor = |amount: Option<i64>| amount.map(|minor| minor.to_string()).unwrap_or_default();
        let (order, report) = (minor(self.order_minor), minor(self.report_minor));
        let parts = [
            &self.class,
            &self.reason,
            &self.severity,
            &self.store,
            &self.cip,
            &self.reference_id,
            &self.operation_number,
            &self.currency,
            &order,
            &report,
        ];
        hex::encode(hash_parts(parts.map(|part| part.as_bytes())))
    }
}

impl Table {
    /// Every break of an account that any run has seen, by its identity.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where an item is none of ours.
    pub async fn breaks(&self, account: &str) -> Result<BTreeMap<BreakId, BreakRecord>, StoreError> {
        let request = self.partition(partition(account));
        let mut items = request.into_paginator().items().send();
        let mut breaks = BTreeMap::new();
        while let Some(attributes) = items.next().await {
            let attributes = attributes.map_err(|error| failed("Query", error))?;
            let record = record_of(&Item::read(KIND, attributes))?;
            breaks.insert(record.id.clone(), record);
        }
        Ok(breaks)
    }

    /// Writes the breaks of the run of `as_of` in place of what stands under their identities, as long as no newer run
    /// has begun to write ([`Table::begin_breaks`]): each transaction asks for that, so that what a newer run has read
    /// and judged is not changed behind its back. The same call again changes nothing.
    ///
    /// Says whether all was written; `false` = a newer run has begun, and the rest is left to it.
    ///
    /// # Errors
    /// [`StoreError`]; some of them may have been written.
    pub async fn save_breaks(
        &self,
        account: &str,
        as_of: Instant,
        breaks: &[BreakRecord],
    ) -> Result<bool, StoreError> {
        let newest = self.still_newest(account, as_of)?;
        for some in breaks.chunks(TRANSACTION_BREAKS_MAX) {
            let mut writes = vec![newest.clone()];
            for record in some {
                let put =
                    Put::builder().table_name(&self.name).set_item(Some(item_of(account, record).attributes));
                writes.push(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build());
            }
            if !self.write_while_newest(writes).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The action that fails a transaction once a newer run has begun to write.
    fn still_newest(&self, account: &str, as_of: Instant) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(runs::newest_key(account)))
            .condition_expression("as_of = :mine")
            .expression_attribute_values(":mine", AttributeValue::S(sortable(as_of)))
            .build();
        Ok(TransactWriteItem::builder().condition_check(check.map_err(incomplete)?).build())
    }

    /// Makes one transaction; `false` where its first action said no. One that met another transaction over the same
    /// items, as of a simultaneous delivery of the same run, is made again.
    async fn write_while_newest(&self, writes: Vec<TransactWriteItem>) -> Result<bool, StoreError> {
        for round in 0..CONFLICT_ROUNDS_MAX {
            let request = self.client.transact_write_items().set_transact_items(Some(writes.clone()));
            let error = match request.send().await {
                Ok(_) => return Ok(true),
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                error.as_service_error()
            else {
                return Err(failed("TransactWriteItems", error));
            };
            let has =
                |code: &str| cancelled.cancellation_reasons().iter().any(|why| why.code() == Some(code));
            if has("ConditionalCheckFailed") {
                return Ok(false);
            }
            let busy = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
            if !busy.into_iter().any(has) {
                return Err(failed("TransactWriteItems", error));
            }
            tokio::time::sleep(Duration::from_millis(50).saturating_mul(2_u32.saturating_pow(round))).await;
        }
        let source = "other transactions kept being in the way".into();
        Err(StoreError::Unavailable { operation: "TransactWriteItems", source })
    }
}

/// The SDK's builders refuse what lacks a part; ours lack none.
fn incomplete(error: impl std::error::Error) -> StoreError {
    StoreError::Refused { operation: "TransactWriteItems", code: error.to_string() }
}

fn partition(account: &str) -> String {
    format!("BREAK#{account}")
}

fn item_of(account: &str, record: &BreakRecord) -> Item {
    let item = Item::new(KIND, partition(account), record.id.as_str().to_owned())
        .text("state", record.state.word())
        .text("opened_at", record.opened_at.to_string())
        .some_text("closed_at", record.closed_at.map(|time| time.to_string()))
        .text("class", &record.class)
        .text("reason", &record.reason)
        .text("severity", &record.severity)
        .text("store", &record.store)
        .text("cip", &record.cip)
        .text("reference_id", &record.reference_id)
        .text("operation_number", &record.operation_number)
        .text("currency", &record.currency)
        .text("content_hash", record.content_hash());
    let item = match record.order_minor {
        Some(minor) => item.number("order_minor", minor),
        None => item,
    };
    match record.report_minor {
        Some(minor) => item.number("report_minor", minor),
        None => item,
    }
}

fn record_of(item: &Item) -> Result<BreakRecord, StoreError> {
    let text = |name: &'static str| item.get(name).map(str::to_owned);
    let minor = |name: &'static str| item.parsed_if_there(name, |digits| digits.parse().ok());
    Ok(BreakRecord {
        id: item.parsed("sk", BreakId::parse)?,
        state: item.parsed("state", BreakState::from_word)?,
        opened_at: item.parsed("opened_at", Instant::parse)?,
        closed_at: item.parsed_if_there("closed_at", Instant::parse)?,
        class: text("class")?,
        reason: text("reason")?,
        severity: text("severity")?,
        store: text("store")?,
        cip: text("cip")?,
        reference_id: text("reference_id")?,
        operation_number: text("operation_number")?,
        currency: text("currency")?,
        order_minor: minor("order_minor")?,
        report_minor: minor("report_minor")?,
    })
}
