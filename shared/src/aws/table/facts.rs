//! The facts of a CIP other than its notices: orders, what reports say, and what is not understood. One item a fact, with
//! the canonical line of its row, written once.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::super::{StoreError, failed};
use super::notices::{self, Recorded, standing_item};
use super::states::{self, PublishedState};
use super::{Attributes, Item, Table, sortable, unless_condition_failed};
use crate::calendar::Instant;
use crate::formats::{self, Format, Leg, Mapping, Source};
use crate::ids::{Cip, hash_parts};
use crate::lifecycle::evidence::{Doubt, NoticeRow, OrderRow, ReportRow};
use crate::lifecycle::story::Evidence;
use crate::pagoefectivo::notice;

pub(super) const ORDER_KIND: &str = "order";
/// Not a fact of a CIP yet, and told to nobody.
const ORDER_ROW_KIND: &str = "order row";
pub(super) const REPORT_KIND: &str = "report";
pub(super) const DOUBT_KIND: &str = "doubt";

/// The facts of one CIP as they stand in the table.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    notices: Vec<NoticeRow<'static>>,
    orders: Vec<String>,
    /// By source, so that each has a number of its own whatever was stored first.
    reports: BTreeMap<String, Vec<String>>,
    doubts: Vec<Doubt>,
    /// What the world was last told of it.
    pub published: Option<PublishedState>,
}

impl Facts {
    /// The facts, ready to be counted.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where a stored line is none of ours.
    pub fn evidence(&self) -> Result<Evidence<'_>, StoreError> {
        let mut evidence =
            Evidence { notices: self.notices.clone(), doubts: self.doubts.clone(), ..Evidence::default() };
        for line in &self.orders {
            evidence.orders.push(order_of(line)?);
        }
        for (source, lines) in (0_u16..).zip(self.reports.values()) {
            for line in lines {
                evidence.reports.push(report_of(line, source)?);
            }
        }
        Ok(evidence)
    }

    /// Whether nothing at all is known of the CIP.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty() && self.orders.is_empty() && self.reports.is_empty() && self.doubts.is_empty()
    }

    fn take(&mut self, attributes: Attributes) -> Result<(), StoreError> {
        let kind =
            attributes.get("kind").and_then(|kind| kind.as_s().ok()).map_or("", String::as_str).to_owned();
        match kind.as_str() {
            notices::KIND => self.notices.push(notices::row_of(&Item::read(notices::KIND, attributes))?),
            ORDER_KIND => self.orders.push(Item::read(ORDER_KIND, attributes).get("row")?.to_owned()),
            REPORT_KIND => {
                let item = Item::read(REPORT_KIND, attributes);
                self.reports
                    .entry(item.get("source")?.to_owned())
                    .or_default()
                    .push(item.get("row")?.to_owned());
            }
            DOUBT_KIND => self.doubts.push(doubt_of(&Item::read(DOUBT_KIND, attributes))?),
            states::KIND => self.published = Some(states::state_of(&Item::read(states::KIND, attributes))?),
            // Written by a newer version; what it means is that one's business.
            _ => {}
        }
        Ok(())
    }
}

impl Table {
    /// Everything that is known of a CIP.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where an item is none of ours.
    pub async fn facts(&self, account: &str, cip: Cip) -> Result<Facts, StoreError> {
        let request = self.partition(cip_partition(account, cip)).projection_expression(
            "#kind, account, cip, event_type, operation_number, amount, currency, paid_at, received_at, \
             #row, #source, reason, observed_at, version, announced, detail, raised",
        );
        let request = request
            .expression_attribute_names("#kind", "kind")
            .expression_attribute_names("#row", "row")
            .expression_attribute_names("#source", "source");
        let mut items = request.into_paginator().items().send();
        let mut facts = Facts::default();
        while let Some(attributes) = items.next().await {
            facts.take(attributes.map_err(|error| failed("Query", error))?)?;
        }
        Ok(facts)
    }

    /// Records a row of an order: in the order's own partition, and then every row of that order under every CIP that any of
    /// them lists. So an update that lists no CIP, or another one, reaches each of the order's CIPs whatever came first. What
    /// was recorded before stays; a repetition after a failure finishes what was begun.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` the outcome is unknown and the same call settles it.
    pub async fn record_order(&self, row: &OrderRow<'_>) -> Result<Recorded, StoreError> {
        let mut line = Vec::new();
        formats::write_order_ndjson(row, &mut line);
        let partition = order_partition(&row.account, &row.reference_id);
        let outcome =
            self.record_line(ORDER_ROW_KIND, partition.clone(), order_key(row), &line, |item| item).await?;
        let lines = self.lines(partition, &format!("{}#", sortable(row.created_at))).await?;
        let rows = lines.iter().map(|line| order_of(line)).collect::<Result<Vec<_>, _>>()?;
        let cips: BTreeSet<Cip> = rows.iter().flat_map(|row| row.cips.iter().copied()).collect();
        for cip in &cips {
            // Before the fact: what is a fact already would never be asked for otherwise.
            let told_at = row.updated_at.unwrap_or(row.created_at);
            self.wake_check_for_order(&row.account, *cip, told_at, row.created_at).await?;
            for (row, line) in rows.iter().zip(&lines) {
                let named = |item: Item| {
                    item.text("account", row.account.as_ref())
                        .text("cip", cip.to_string())
                        .text("reference_id", row.reference_id.as_ref())
                };
                let (pk, sk) = (cip_partition(&row.account, *cip), format!("ORDER#{}", order_fact_key(row)));
                self.record_line(ORDER_KIND, pk, sk, line.as_bytes(), named).await?;
            }
        }
        Ok(outcome)
    }

    /// Records what a source says of a CIP; nothing for a row without one.
    ///
    /// # Errors
    /// [`StoreError`], as for [`Table::record_order`].
    pub async fn record_report(&self, source: &str, row: &ReportRow<'_>) -> Result<Recorded, StoreError> {
        let Some(cip) = row.cip else { return Ok(Recorded::Repeated) };
        let mut line = Vec::new();
        formats::write_report_ndjson(row, &mut line);
        let observed_at = row.observed_at.map_or_else(|| "-".to_owned(), sortable);
        let number = row.operation_number.as_deref();
        let subject = if row.status.is_event() {
            format!("{}#{}", row.status.word(), notice::operation_key(number, row.paid_at))
        } else {
            "look".to_owned()
        };
        let sk = format!("REPORT#{source}#{subject}#{observed_at}");
        let named = |item: Item| {
            item.text("account", row.account.as_ref())
                .text("cip", cip.to_string())
                .text("source", source)
                .some_text("operation_number", number)
        };
        self.record_line(REPORT_KIND, cip_partition(&row.account, cip), sk, &line, named).await
    }

    /// Records that something told of a CIP is not understood. `id` tells it from other doubts of the same source; seen
    /// again later, it takes the place of the earlier one.
    ///
    /// # Errors
    /// [`StoreError`], as for [`Table::record_order`].
    pub async fn record_doubt(
        &self,
        account: &str,
        cip: Cip,
        id: &str,
        doubt: &Doubt,
    ) -> Result<(), StoreError> {
        let observed_at = doubt.observed_at.map(sortable);
        let item = Item::new(DOUBT_KIND, cip_partition(account, cip), doubt_key(&doubt.source, id))
            .text("account", account)
            .text("cip", cip.to_string())
            .text("source", &doubt.source)
            .text("reason", &doubt.reason)
            .some_text("observed_at", observed_at.as_deref());
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        let request = match observed_at {
            None => request.condition_expression("attribute_not_exists(pk)"),
            Some(observed_at) => request
                .condition_expression("attribute_not_exists(pk) OR observed_at < :observed_at")
                .expression_attribute_values(":observed_at", AttributeValue::S(observed_at)),
        };
        unless_condition_failed(request.send().await).map(drop)
    }

    /// Takes a doubt back that a person has settled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_doubt(
        &self,
        account: &str,
        cip: Cip,
        source: &str,
        id: &str,
    ) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.name);
        let request = request.key("pk", AttributeValue::S(cip_partition(account, cip)));
        let request = request.key("sk", AttributeValue::S(doubt_key(source, id)));
        request.send().await.map(drop).map_err(|error| failed("DeleteItem", error))
    }

    /// Notes which CIP an operation number was seen with, so that it can be looked up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_operation(&self, account: &str, number: &str, cip: Cip) -> Result<(), StoreError> {
        self.point(format!("OPERATION#{account}#{number}"), cip).await
    }

    /// The CIPs that any row of an order of this number lists.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cips_of_order(
        &self,
        account: &str,
        reference_id: &str,
    ) -> Result<BTreeSet<Cip>, StoreError> {
        let lines = self.lines(order_partition(account, reference_id), "").await?;
        let mut cips = BTreeSet::new();
        for line in &lines {
            cips.extend(order_of(line)?.cips);
        }
        Ok(cips)
    }

    /// The CIPs that an operation number was seen with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cips_of_operation(&self, account: &str, number: &str) -> Result<BTreeSet<Cip>, StoreError> {
        self.pointed_to(format!("OPERATION#{account}#{number}")).await
    }

    async fn point(&self, pk: String, cip: Cip) -> Result<(), StoreError> {
        let item = Item::new("pointer", pk, format!("CIP#{cip}"));
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        request.send().await.map(drop).map_err(|error| failed("PutItem", error))
    }

    async fn pointed_to(&self, pk: String) -> Result<BTreeSet<Cip>, StoreError> {
        let mut items = self.partition(pk).into_paginator().items().send();
        let mut cips = BTreeSet::new();
        while let Some(attributes) = items.next().await {
            let item = Item::read("pointer", attributes.map_err(|error| failed("Query", error))?);
            cips.insert(item.parsed("sk", |key| Cip::parse(key.strip_prefix("CIP#")?))?);
        }
        Ok(cips)
    }

    /// The lines of an order's own partition whose sort keys begin so.
    async fn lines(&self, pk: String, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut items = self.partition(pk).into_paginator().items().send();
        let mut lines = Vec::new();
        while let Some(attributes) = items.next().await {
            let item = Item::read(ORDER_ROW_KIND, attributes.map_err(|error| failed("Query", error))?);
            if item.get("sk")?.starts_with(prefix) {
                lines.push(item.get("row")?.to_owned());
            }
        }
        Ok(lines)
    }

    /// Records a line under its natural key. What stands there already and says something else stays, and the line is
    /// kept beside it, so that whoever counts the facts sees the contradiction.
    async fn record_line(
        &self,
        kind: &'static str,
        pk: String,
        sk: String,
        line: &[u8],
        named: impl Fn(Item) -> Item,
    ) -> Result<Recorded, StoreError> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        let content_hash = hex::encode(hash_parts([text.as_bytes()]));
        let item = |sk: String| {
            let item = Item::new(kind, pk.clone(), sk).text("row", text).text("content_hash", &content_hash);
            named(item)
        };
        let standing = match self.put_once(item(sk.clone())).await? {
            None => return Ok(Recorded::New),
            Some(standing) => standing,
        };
        if standing.get("content_hash")? == content_hash {
            return Ok(Recorded::Repeated);
        }
        let beside = format!("{sk}#{}", content_hash.get(..16).unwrap_or(&content_hash));
        match self.put_once(item(beside)).await? {
            None => Ok(Recorded::Contradicts),
            Some(_) => Ok(Recorded::Repeated),
        }
    }

    /// Puts an item unless its key is taken; gives what stands there then.
    pub(super) async fn put_once(&self, item: Item) -> Result<Option<Item>, StoreError> {
        let kind = item.kind;
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.attributes))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(None),
            Err(error) => match standing_item(kind, &error) {
                Some(standing) => Ok(Some(standing)),
                None => Err(failed("PutItem", error)),
            },
        }
    }
}

/// Where everything of one CIP lies.
pub(super) fn cip_partition(account: &str, cip: Cip) -> String {
    format!("CIP#{account}#{cip}")
}

/// Where the rows of an order lie, whatever CIPs they list.
fn order_partition(account: &str, reference_id: &str) -> String {
    format!("ORDER#{account}#{reference_id}")
}

/// By what a row is known within its order's partition: the order it tells of, and which telling it is.
fn order_key(row: &OrderRow<'_>) -> String {
    let updated_at = row.updated_at.map_or_else(|| "-".to_owned(), sortable);
    format!("{}#{updated_at}", sortable(row.created_at))
}

/// The same within the partition of a CIP.
fn order_fact_key(row: &OrderRow<'_>) -> String {
    format!("{}#{}", notice::key_part(&row.reference_id), order_key(row))
}

fn doubt_key(source: &str, id: &str) -> String {
    format!("DOUBT#{source}#{id}")
}

fn doubt_of(item: &Item) -> Result<Doubt, StoreError> {
    Ok(Doubt {
        source: item.get("source")?.to_owned(),
        reason: item.get("reason")?.to_owned(),
        observed_at: item.parsed_if_there("observed_at", Instant::parse)?,
    })
}

fn source(line: &str) -> Source<'_> {
    Source { name: "row", bytes: line.as_bytes(), format: Format::Ndjson, account: None }
}

fn order_of(line: &str) -> Result<OrderRow<'_>, StoreError> {
    let table = formats::read_orders(&source(line), &Mapping::default().orders).ok();
    let row = table.and_then(|table| table.rows.into_iter().next());
    row.ok_or(StoreError::Unreadable { what: Leg::Orders.word(), field: "row" })
}

fn report_of(line: &str, number: u16) -> Result<ReportRow<'_>, StoreError> {
    let table = formats::read_reports(&source(line), number, &Mapping::default().reports).ok();
    let row = table.and_then(|table| table.rows.into_iter().next());
    row.ok_or(StoreError::Unreadable { what: Leg::Reports.word(), field: "row" })
}
