//! Pulls of reports: who is at work on a source, and how far a pull has come.

use aws_sdk_dynamodb::types::AttributeValue;

use super::super::{StoreError, failed};
use super::{Attributes, Item, Table, sortable, unless_condition_failed};
use crate::calendar::Instant;

const LOCK_KIND: &str = "lock";
const PULL_KIND: &str = "pull";

impl Table {
    /// Takes a source for one worker until a moment, after which another may take it: a worker that died holds nothing for
    /// ever. `false` where another one is at work. The same worker may take it again.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` the outcome is unknown and the same call settles it.
    pub async fn lock_source(
        &self,
        account: &str,
        source: &str,
        worker: &str,
        now: Instant,
        until: Instant,
    ) -> Result<bool, StoreError> {
        let item = Item::new(LOCK_KIND, lock_partition(account), source.to_owned())
            .text("worker", worker)
            .text("until", sortable(until));
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        let request = request
            .condition_expression("attribute_not_exists(pk) OR #until < :now OR worker = :worker")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", AttributeValue::S(sortable(now)))
            .expression_attribute_values(":worker", AttributeValue::S(worker.to_owned()));
        unless_condition_failed(request.send().await)
    }

    /// Gives a source back, if this worker has it still.
    ///
    /// # Errors
    /// [`StoreError`]; the lock ends by itself.
    pub async fn unlock_source(&self, account: &str, source: &str, worker: &str) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.name);
        let request = request
            .set_key(Some(key(lock_partition(account), source)))
            .condition_expression("worker = :worker")
            .expression_attribute_values(":worker", AttributeValue::S(worker.to_owned()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("DeleteItem", error)),
        }
    }

    /// How far a pull has come, as its worker wrote it down last; `id` names the source, and for a window by hand the
    /// window.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pull_progress(&self, account: &str, id: &str) -> Result<Option<String>, StoreError> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let answer = request.set_key(Some(key(pull_partition(account), id))).send().await;
        let item = answer.map_err(|error| failed("GetItem", error))?.item;
        let item = item.map(|attributes| Item::read(PULL_KIND, attributes));
        item.map(|item| item.get("progress").map(str::to_owned)).transpose()
    }

    /// Writes down how far a pull has come. Call it when what it says is durable.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_pull_progress(
        &self,
        account: &str,
        id: &str,
        progress: &str,
    ) -> Result<(), StoreError> {
        let item = Item::new(PULL_KIND, pull_partition(account), id.to_owned()).text("progress", progress);
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        request.send().await.map(drop).map_err(|error| failed("PutItem", error))
    }
}

fn key(pk: String, sk: &str) -> Attributes {
    let text = |value: String| AttributeValue::S(value);
    Attributes::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk.to_owned()))])
}

fn lock_partition(account: &str) -> String {
    format!("LOCK#{account}")
}

fn pull_partition(account: &str) -> String {
    format!("PULL#{account}")
}
