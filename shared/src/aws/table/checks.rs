//! When each CIP is to be asked for next. One item a CIP, in an index that holds those alone that are still to be asked for
//! (`due`, by `due_in` and `due_at`), spread over shards so that no partition of it takes all writes of an account.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::super::{StoreError, failed};
use super::facts::cip_partition;
use super::{Attributes, Item, Table, sortable};
use crate::calendar::Instant;
use crate::ids::Cip;

const KIND: &str = "check";
const SORT_KEY: &str = "CHECK";
const INDEX: &str = "due";

/// Into how many parts an account's due CIPs are spread. A part takes a thousand writes a second.
const SHARDS: u64 = 8;

/// What the search knows of a CIP that it is to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The CIP.
    pub cip: Cip,
    /// When it is due.
    pub due_at: Instant,
    /// When it was first heard of.
    pub begun_at: Instant,
    /// When a notice last told of it.
    pub heard_at: Option<Instant>,
    /// What the newest row of its order says of its own time.
    pub ordered_at: Option<Instant>,
    /// The canonical line of the newest row that the search brought, if it brought any.
    pub row: Option<String>,
    /// The last answer was one that nobody understands.
    pub doubted: bool,
}

/// What a look changes about a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked<'a> {
    /// When the CIP is due again; absent, it is asked for no more until something is heard of it.
    pub due_at: Option<Instant>,
    /// The canonical line of the newest row.
    pub row: Option<&'a str>,
    /// Whether the answer was one that nobody understands.
    pub doubted: bool,
}

impl Table {
    /// Lets a CIP be asked for at `due_at` or before, whatever was planned, since a notice told of it at `heard_at`. One that
    /// is told again, or after a newer one, changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wake_check(
        &self,
        account: &str,
        cip: Cip,
        heard_at: Instant,
        due_at: Instant,
    ) -> Result<(), StoreError> {
        self.wake(account, cip, ("heard_at", heard_at), heard_at, due_at).await
    }

    /// Lets a CIP be asked for, known or not, for a row of an order that was created at `created_at` and tells what it was at `told_at`: it is due at
    /// once. Call it with every row, known or not, since a crash may lie between the row and this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wake_check_for_order(
        &self,
        account: &str,
        cip: Cip,
        told_at: Instant,
        created_at: Instant,
    ) -> Result<(), StoreError> {
        self.wake(account, cip, ("ordered_at", told_at), created_at, created_at).await
    }

    /// Wakes a check unless what wakes it, a time under a name, is not newer than what woke it under that name before. One
    /// that is due sooner stays so.
    async fn wake(
        &self,
        account: &str,
        cip: Cip,
        (name, time): (&str, Instant),
        begun_at: Instant,
        due_at: Instant,
    ) -> Result<(), StoreError> {
        const IS_NEWER: &str = "(attribute_not_exists(#time) OR #time < :time)";
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let update = || {
            let request = self.check_update(account, cip).expression_attribute_names("#time", name);
            request.expression_attribute_values(":time", text(&sortable(time)))
        };
        let woken = update()
            .update_expression(
                "SET #kind = :kind, account = :account, cip = :cip, due_in = :shard, due_at = :due, \
                 begun_at = if_not_exists(begun_at, :begun), #time = :time",
            )
            .condition_expression(format!("{IS_NEWER} AND (attribute_not_exists(due_at) OR due_at > :due)"))
            .expression_attribute_names("#kind", "kind")
            .expression_attribute_values(":kind", text(KIND))
            .expression_attribute_values(":account", text(account))
            .expression_attribute_values(":cip", text(&cip.to_string()))
            .expression_attribute_values(":shard", text(&shard_of(account, cip)))
            .expression_attribute_values(":due", text(&sortable(due_at)))
            .expression_attribute_values(":begun", text(&sortable(begun_at)))
            .send()
            .await;
        if done(woken)? {
            return Ok(());
        }
        let noted = update().update_expression("SET #time = :time").condition_expression(IS_NEWER);
        done(noted.send().await).map(drop)
    }

    /// The CIPs of an account that are due by a moment, those first that have been due the longest. The index follows the
    /// table within moments; what it does not show yet is due at the next time of asking.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where an item is none of ours.
    pub async fn due_checks(&self, account: &str, by: Instant) -> Result<Vec<Check>, StoreError> {
        let mut checks = Vec::new();
        for shard in 0..SHARDS {
            let query = self.client.query().table_name(&self.name).index_name(INDEX);
            let query = query
                .key_condition_expression("due_in = :shard AND due_at <= :by")
                .expression_attribute_values(":shard", AttributeValue::S(shard_name(account, shard)))
                .expression_attribute_values(":by", AttributeValue::S(sortable(by)));
            let mut items = query.into_paginator().items().send();
            while let Some(attributes) = items.next().await {
                checks.push(check_of(attributes.map_err(|error| failed("Query", error))?)?);
            }
        }
        checks.sort_by_key(|check| (check.due_at, check.cip));
        Ok(checks)
    }

    /// What is planned for one CIP.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn check(&self, account: &str, cip: Cip) -> Result<Option<Check>, StoreError> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let answer = request.set_key(Some(key(account, cip))).send().await;
        let item = answer.map_err(|error| failed("GetItem", error))?.item;
        item.filter(|item| item.contains_key("due_at")).map(check_of).transpose()
    }

    /// Writes down what a look at a CIP came to, unless something was heard of the CIP meanwhile: then it stays due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_checked(
        &self,
        account: &str,
        check: &Check,
        checked: &Checked<'_>,
    ) -> Result<(), StoreError> {
        let mut set = vec!["doubted = :doubted"];
        let mut values = HashMap::from([
            // As a text: what reads the table's stream knows texts, numbers and bytes.
            (":doubted".to_owned(), AttributeValue::S(if checked.doubted { "yes" } else { "no" }.to_owned())),
            (":seen".to_owned(), AttributeValue::S(sortable(check.due_at))),
        ]);
        if let Some(row) = checked.row {
            set.push("#row = :row");
            values.insert(":row".to_owned(), AttributeValue::S(row.to_owned()));
        }
        let mut remove = "";
        match checked.due_at {
            Some(due_at) => {
                set.push("due_at = :due");
                values.insert(":due".to_owned(), AttributeValue::S(sortable(due_at)));
            }
            None => remove = " REMOVE due_in, due_at",
        }
        let mut request = self.check_update(account, check.cip);
        if checked.row.is_some() {
            request = request.expression_attribute_names("#row", "row");
        }
        let mut unmoved = "due_at = :seen".to_owned();
        for (name, time) in [("heard_at", check.heard_at), ("ordered_at", check.ordered_at)] {
            match time {
                Some(time) => {
                    unmoved.push_str(&format!(" AND {name} = :{name}"));
                    values.insert(format!(":{name}"), AttributeValue::S(sortable(time)));
                }
                None => unmoved.push_str(&format!(" AND attribute_not_exists({name})")),
            }
        }
        let request = request
            .update_expression(format!("SET {}{remove}", set.join(", ")))
            .condition_expression(unmoved)
            .set_expression_attribute_values(Some(values));
        done(request.send().await).map(drop)
    }

    fn check_update(&self, account: &str, cip: Cip) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(key(account, cip)))
    }
}

/// What came of a conditional update: `true` = done, `false` = its condition did not hold.
fn done<O>(answer: Result<O, SdkError<UpdateItemError, HttpResponse>>) -> Result<bool, StoreError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(failed("UpdateItem", error)),
    }
}

fn key(account: &str, cip: Cip) -> Attributes {
    let text = |value: String| AttributeValue::S(value);
    Attributes::from([
        ("pk".to_owned(), text(cip_partition(account, cip))),
        ("sk".to_owned(), text(SORT_KEY.to_owned())),
    ])
}

fn shard_of(account: &str, cip: Cip) -> String {
    shard_name(account, cip.number().rem_euclid(SHARDS))
}

fn shard_name(account: &str, shard: u64) -> String {
    format!("CHECK#{account}#{shard}")
}

fn check_of(attributes: Attributes) -> Result<Check, StoreError> {
    let item = Item::read(KIND, attributes);
    Ok(Check {
        cip: item.parsed("cip", Cip::parse)?,
        due_at: item.parsed("due_at", Instant::parse)?,
        begun_at: item.parsed("begun_at", Instant::parse)?,
        heard_at: item.parsed_if_there("heard_at", Instant::parse)?,
        ordered_at: item.parsed_if_there("ordered_at", Instant::parse)?,
        row: item.find("row").map(str::to_owned),
        doubted: item.find("doubted") == Some("yes"),
    })
}
