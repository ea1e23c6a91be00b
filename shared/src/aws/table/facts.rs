//! The facts of a CIP other than its notices: orders, what reports say, and what is not understood. One item a fact, with
//! the canonical line of its row, written once.

use std::collections::BTreeMap;

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

    /// The sort keys of the notices.
    pub fn notice_keys(&self) -> impl Iterator<Item = String> {
        self.notices.iter().map(notices::sort_key)
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

    /// Records a row of an order under each CIP that it lists, and where the order's number points to. A row that lists none
    /// says something of the CIPs that an earlier one listed.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` the outcome is unknown and the same call settles it.
    pub async fn record_order(&self, row: &OrderRow<'_>) -> Result<Recorded, StoreError> {
        let mut line = Vec::new();
        formats::write_order_ndjson(row, &mut line);
        let (created_at, updated_at) = (sortable(row.created_at), row.updated_at.map(sortable));
        let sk = format!(
            "ORDER#{}#{created_at}#{}",
            notice::key_part(&row.reference_id),
            updated_at.as_deref().unwrap_or("-")
        );
        let mut outcome = Recorded::Repeated;
        let listed = match row.cips.as_slice() {
            [] => {
                self.pointed_to("ORDER", &row.account, &row.reference_id, &format!("{created_at}#")).await?
            }
            cips => cips.to_vec(),
        };
        for cip in &listed {
            let pk = cip_partition(&row.account, *cip);
            let item = Item::new(ORDER_KIND, pk, sk.clone()).text("reference_id", row.reference_id.as_ref());
            // Before the line: a repetition that finds the line there finds the pointer too, whatever broke off between.
            self.point("ORDER", &row.account, &row.reference_id, format!("{created_at}#CIP#{cip}")).await?;
            outcome = worse(outcome, self.record_line(item, &row.account, *cip, &line).await?);
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
        let item = Item::new(REPORT_KIND, cip_partition(&row.account, cip), sk).text("source", source);
        self.record_line(item.some_text("operation_number", number), &row.account, cip, &line).await
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
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(cip_partition(account, cip)))
            .key("sk", AttributeValue::S(doubt_key(source, id)));
        request.send().await.map(drop).map_err(|error| failed("DeleteItem", error))
    }

    /// Notes which CIP an operation number was seen with, so that it can be looked up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_operation(&self, account: &str, number: &str, cip: Cip) -> Result<(), StoreError> {
        self.point("OPERATION", account, number, format!("CIP#{cip}")).await
    }

    /// The CIPs that bear an order's number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cips_of_order(&self, account: &str, reference_id: &str) -> Result<Vec<Cip>, StoreError> {
        self.pointed_to("ORDER", account, reference_id, "").await
    }

    /// The CIPs that an operation number was seen with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cips_of_operation(&self, account: &str, number: &str) -> Result<Vec<Cip>, StoreError> {
        self.pointed_to("OPERATION", account, number, "").await
    }

    async fn point(&self, kind: &str, account: &str, name: &str, sk: String) -> Result<(), StoreError> {
        let item = Item::new("pointer", format!("{kind}#{account}#{name}"), sk);
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        request.send().await.map(drop).map_err(|error| failed("PutItem", error))
    }

    /// The CIPs that a number points to, of pointers whose sort key begins so; each once.
    async fn pointed_to(
        &self,
        kind: &str,
        account: &str,
        name: &str,
        prefix: &str,
    ) -> Result<Vec<Cip>, StoreError> {
        let mut items = self.partition(format!("{kind}#{account}#{name}")).into_paginator().items().send();
        let mut cips = Vec::new();
        while let Some(attributes) = items.next().await {
            let item = Item::read("pointer", attributes.map_err(|error| failed("Query", error))?);
            if item.get("sk")?.starts_with(prefix) {
                cips.push(item.parsed("sk", |key| Cip::parse(key.rsplit_once("CIP#")?.1))?);
            }
        }
        cips.sort_unstable();
        cips.dedup();
        Ok(cips)
    }

    /// Records a line under its natural key. What stands there already and says something else stays, and the line is
    /// kept beside it, so that whoever counts the facts sees the contradiction.
    async fn record_line(
        &self,
        item: Item,
        account: &str,
        cip: Cip,
        line: &[u8],
    ) -> Result<Recorded, StoreError> {
        let text = String::from_utf8_lossy(line);
        let content_hash = hex::encode(hash_parts([line]));
        let item = item
            .text("account", account)
            .text("cip", cip.to_string())
            .text("row", text.trim_end())
            .text("content_hash", &content_hash);
        let standing = match self.put_once(item.clone()).await? {
            None => return Ok(Recorded::New),
            Some(standing) => standing,
        };
        if standing.get("content_hash")? == content_hash {
            return Ok(Recorded::Repeated);
        }
        let beside = format!("{}#{}", item.get("sk")?, content_hash.get(..16).unwrap_or(&content_hash));
        match self.put_once(item.text("sk", beside)).await? {
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

fn doubt_key(source: &str, id: &str) -> String {
    format!("DOUBT#{source}#{id}")
}

const fn worse(a: Recorded, b: Recorded) -> Recorded {
    match (a, b) {
        (Recorded::Contradicts, _) | (_, Recorded::Contradicts) => Recorded::Contradicts,
        (Recorded::New, _) | (_, Recorded::New) => Recorded::New,
        (Recorded::Repeated, Recorded::Repeated) => Recorded::Repeated,
    }
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
