//! How many callbacks were refused for their signature: one counter an account and hour, and nothing of what was sent.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::DateTime;

use super::super::{StoreError, failed};
use super::{Item, Table, sortable};
use crate::calendar::Instant;
use crate::reconcile::RefusedCallbacks;

const KIND: &str = "refused";

const SECONDS_PER_HOUR: i64 = 3_600;

impl Table {
    /// Adds to the count of the hour. A stranger can make one item an hour of it, however much he sends.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` the outcome is unknown, and the same call may count twice.
    pub async fn add_refused(&self, account: &str, now: Instant, count: u64) -> Result<(), StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(partition(account)))
            .key("sk", AttributeValue::S(sortable(hour_of(now))))
            .update_expression("SET #kind = :kind ADD refused :count")
            .expression_attribute_names("#kind", "kind")
            .expression_attribute_values(":kind", AttributeValue::S(KIND.to_owned()))
            .expression_attribute_values(":count", AttributeValue::N(count.to_string()));
        request.send().await.map(drop).map_err(|error| failed("UpdateItem", error))
    }

    /// The counts of the hours that begin between two moments, both included, in the order of time.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where an item is none of ours.
    pub async fn refused(
        &self,
        account: &str,
        first: Instant,
        last: Instant,
    ) -> Result<Vec<RefusedCallbacks>, StoreError> {
        let request = self
            .partition(partition(account))
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":first", AttributeValue::S(sortable(first)))
            .expression_attribute_values(":last", AttributeValue::S(sortable(last)));
        let mut items = request.into_paginator().items().send();
        let mut hours = Vec::new();
        while let Some(attributes) = items.next().await {
            let item = Item::read(KIND, attributes.map_err(|error| failed("Query", error))?);
            hours.push(RefusedCallbacks {
                account: account.to_owned(),
                hour: item.parsed("sk", Instant::parse)?,
                count: item.parsed("refused", |text| text.parse().ok())?,
            });
        }
        Ok(hours)
    }
}

/// When the hour of a moment begins, in UTC and in Lima alike.
fn hour_of(time: Instant) -> Instant {
    let seconds = time.to_utc().timestamp();
    let begin = seconds.saturating_sub(seconds.rem_euclid(SECONDS_PER_HOUR));
    DateTime::from_timestamp(begin, 0).and_then(Instant::from_utc).unwrap_or(time)
}

fn partition(account: &str) -> String {
    format!("REFUSED#{account}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_on_the_hour() {
        let check = |time: &str, expected: &str| {
            assert_eq!(hour_of(Instant::parse(time).unwrap()).to_string(), expected);
        };
        check("2026-03-02T09:59:59.9-05:00", "2026-03-02T09:00:00-05:00");
        check("2026-03-02T10:00:00-05:00", "2026-03-02T10:00:00-05:00");
        check("1969-12-31T23:30:00Z", "1969-12-31T18:00:00-05:00");
    }
}
