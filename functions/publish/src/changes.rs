//! A batch of changes: those of one partition one after the other, different ones side by side.

use std::collections::BTreeMap;

use cuadre::aws::StoreError;
use cuadre::aws::batch::BatchAnswer;
use cuadre::aws::table::stream::{self, Change};
use cuadre::calendar::Clock;
use cuadre::report::urgent;
use cuadre::telemetry;
use futures_util::{StreamExt, stream as futures};
use serde_json::value::RawValue;

use crate::archive::Archive;
use crate::{Again, Clients, PublishError, publication};

/// How many partitions are dealt with at a time, so that a payment does not wait behind a file of orders.
const LANES: usize = 16;

/// A batch with an empty name among its failures comes again as a whole.
const WHOLE_BATCH: &str = "";

/// One record of a batch.
struct Step {
    /// Its place in the batch.
    at: usize,
    /// By which it is named in the answer.
    item: String,
    change: Result<Change, StoreError>,
}

/// Deals with records in the order of their shard. Gives those that have to come again.
pub(crate) async fn deal_with(records: &[Box<RawValue>], clients: &Clients, clock: Clock<'_>) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    let mut lanes: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    let (mut archive, mut strangers) = (Archive::default(), Vec::new());
    for (at, record) in records.iter().enumerate() {
        match stream::envelope(record) {
            Ok(envelope) => {
                let step = Step { at, item: envelope.sequence_number, change: stream::read(record) };
                match &step.change {
                    Ok(Change::Noticed(noticed)) => archive.add(noticed),
                    Ok(Change::Quarantined(set_aside)) => archive.add_quarantined(set_aside),
                    _ => {}
                }
                lanes.entry(envelope.partition).or_default().push(step);
            }
            Err(error) => strangers.push(error),
        }
    }
    // First, so that what cannot be archived yet is not told again and again meanwhile.
    if let Err(error) = archive.store(&clients.bucket).await {
        tracing::warn!(
            outcome = "waiting",
            error = telemetry::chain(&error),
            "notices cannot be archived yet"
        );
        answer.fail(WHOLE_BATCH);
        return answer;
    }
    for error in &strangers {
        if !put_aside(None, "a record of no known form", error, clients).await {
            answer.fail(WHOLE_BATCH);
        }
    }
    // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
    let lanes = lanes.into_values().map(|lane| Box::pin(walk(lane, clients, clock)));
    let mut left: Vec<Step> = futures::iter(lanes).buffer_unordered(LANES).concat().await;
    left.sort_by_key(|step| step.at);
    for step in &left {
        answer.fail(&step.item);
    }
    answer
}

/// Goes through the changes of one partition; gives the one that has to come again with all behind it.
async fn walk(mut lane: Vec<Step>, clients: &Clients, clock: Clock<'_>) -> Vec<Step> {
    let mut done: usize = 0;
    for step in &lane {
        let passed = match &step.change {
            Ok(change) => pass(change, clients, clock).await,
            Err(error) => {
                put_aside(None, &format!("the change {} of the table", step.item), error, clients).await
            }
        };
        if !passed {
            break;
        }
        done = done.saturating_add(1);
    }
    lane.split_off(done)
}

/// Deals with one change, or puts it aside; `false` where it has to come again.
async fn pass(change: &Change, clients: &Clients, clock: Clock<'_>) -> bool {
    let Err(error) = publish(change, clients, clock).await else {
        return true;
    };
    let again = again_of(change);
    let (account, cip) = (again.as_ref().map(|a| a.account.as_str()), again.as_ref().map(|a| a.cip.number()));
    if error.comes_again() {
        tracing::warn!(
            outcome = "waiting",
            account,
            cip.number = cip,
            error = telemetry::chain(&error),
            "change has to come again"
        );
        return false;
    }
    put_aside(again.as_ref(), "a change of the table", &error, clients).await
}

async fn publish(change: &Change, clients: &Clients, clock: Clock<'_>) -> Result<(), PublishError> {
    match change {
        Change::Noticed(noticed) => {
            publication::pass_on(clients, noticed, clock()).await?;
            publication::tell(clients, &noticed.row.account, noticed.row.cip, clock()).await
        }
        Change::Quarantined(set_aside) => publication::tell_of_quarantine(clients, set_aside).await,
        Change::Settled { account, cip: Some(cip), id } => {
            clients.table.settle_doubt(account, *cip, publication::QUARANTINE, id).await?;
            Ok(())
        }
        Change::Fact { account, cip, operation_number } => {
            publication::note_operation(clients, account, operation_number.as_deref(), *cip).await?;
            publication::tell(clients, account, *cip, clock()).await
        }
        Change::Settled { cip: None, .. } | Change::Other => Ok(()),
    }
}

fn again_of(change: &Change) -> Option<Again> {
    let (account, cip) = match change {
        Change::Noticed(noticed) => (noticed.row.account.as_ref(), noticed.row.cip),
        Change::Fact { account, cip, .. } => (account.as_str(), *cip),
        Change::Quarantined(set_aside) => (set_aside.account.as_str(), set_aside.cip?),
        Change::Settled { account, cip, .. } => (account.as_str(), (*cip)?),
        Change::Other => return None,
    };
    Some(Again { account: account.to_owned(), cip })
}

/// Puts what can never be dealt with as it is into the queue of failures and tells a person; `false` where not even that
/// is possible now.
async fn put_aside(
    again: Option<&Again>,
    what: &str,
    error: &(dyn std::error::Error + Send + Sync),
    clients: &Clients,
) -> bool {
    let reason = telemetry::chain(error);
    let account = again.map_or("-", |again| again.account.as_str());
    tracing::error!(outcome = "set_aside", account, error = reason, "change set aside");
    let what = again.map_or_else(|| what.to_owned(), |again| format!("{what} of CIP {}", again.cip));
    let message = serde_json::json!({ "again": again, "what": &what, "reason": &reason }).to_string();
    if let Err(error) = clients.failures.send_unordered(message).await {
        tracing::error!(error = telemetry::chain(&error), "the queue of failures takes nothing");
        return false;
    }
    if let Err(error) = clients.topic.publish(&urgent::set_aside(account, &what, &reason)).await {
        // The message in the queue raises an alarm of its own.
        tracing::error!(error = telemetry::chain(&error), "nobody could be told");
    }
    true
}
