#![doc = include_str!("../README.md")]

mod archive;
mod config;
mod publication;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use cuadre::aws::batch::{BatchAnswer, Failure};
use cuadre::aws::bucket::Bucket;
use cuadre::aws::events::EventBus;
use cuadre::aws::policy::{Policies, PolicyUnavailable};
use cuadre::aws::queue::Queue;
use cuadre::aws::table::Table;
use cuadre::aws::table::stream::{self, Change};
use cuadre::aws::topic::Topic;
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::Clock;
use cuadre::ids::Cip;
use cuadre::report::urgent;
use cuadre::telemetry;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use archive::Archive;
pub use config::Config;

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    bucket: Bucket,
    policies: Policies,
    topic: Topic,
    events: EventBus,
    forwards: Queue,
    failures: Queue,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Clients {
        let bucket = Bucket::new(sdk, Patience::WORK, &config.bucket_name);
        Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            policies: Policies::new(bucket.clone()),
            bucket,
            topic: Topic::new(sdk, Patience::WORK, &config.topic_arn),
            events: EventBus::new(sdk, Patience::WORK, &config.event_bus),
            forwards: Queue::new(sdk, Patience::WORK, &config.forwards_url),
            failures: Queue::new(sdk, Patience::WORK, &config.failures_url),
        }
    }
}

/// A batch of the table's stream, or one code whose work is done once more by hand.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Event {
    /// The records as they came, in the order of their shard.
    #[serde(rename = "Records")]
    pub records: Vec<Box<RawValue>>,
    /// By hand, and what is put into the queue of failures.
    pub again: Option<Again>,
}

/// Records hold bodies and signatures, which are shown to nobody.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("records", &self.records.len()).field("again", &self.again).finish()
    }
}

/// The code whose state is told, and whose notices are sent on, once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// The PagoEfectivo service.
    pub account: String,
    /// The code.
    pub cip: Cip,
}

/// Why a change was not dealt with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Policy(#[from] PolicyUnavailable),
    #[error("another writer told of this code at the same time, several times over")]
    Overtaken,
    #[error("what was told of this code before cannot be read")]
    DetailUnreadable,
}

impl PublishError {
    /// Whether the same change can be dealt with later without anybody's doing, or as soon as the policy is mended, which
    /// concerns every change.
    fn comes_again(&self) -> bool {
        match self {
            PublishError::Store(error) | PublishError::Policy(PolicyUnavailable::Store(error)) => {
                error.is_passing()
            }
            PublishError::Policy(_) | PublishError::Overtaken => true,
            PublishError::DetailUnreadable => false,
        }
    }
}

/// Deals with a batch. A record that fails for a while comes again, and with it those behind it of the same code; one that
/// can never be dealt with is put aside, so that it holds nothing up.
pub async fn handle(event: &Event, clients: &Clients, clock: Clock<'_>) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    if let Some(again) = &event.again {
        do_again(again, clients, clock).await;
    }
    let mut archive = Archive::default();
    let mut waiting: BTreeSet<String> = BTreeSet::new();
    let mut first_notice = None;
    for record in &event.records {
        let envelope = match stream::envelope(record) {
            Ok(envelope) => envelope,
            Err(error) => {
                tracing::error!(
                    outcome = "unreadable",
                    error = telemetry::chain(&error),
                    "record of no known form"
                );
                continue;
            }
        };
        let failure = Failure { item: envelope.sequence_number };
        if waiting.contains(&envelope.partition) {
            answer.failures.push(failure);
            continue;
        }
        let change = match stream::read(record) {
            Ok(change) => change,
            Err(error) => {
                let what = format!("the change {} of the table", failure.item);
                if !put_aside(None, &what, &error, clients).await {
                    waiting.insert(envelope.partition);
                    answer.failures.push(failure);
                }
                continue;
            }
        };
        if matches!(change, Change::Noticed(_) | Change::Quarantined(_)) {
            first_notice.get_or_insert_with(|| failure.clone());
        }
        // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
        if let Err(error) = Box::pin(deal_with(&change, &mut archive, clients, clock)).await
            && (error.comes_again()
                || !put_aside(again_of(&change), "a change of the table", &error, clients).await)
        {
            tracing::warn!(outcome = "waiting", error = telemetry::chain(&error), "change has to come again");
            waiting.insert(envelope.partition);
            answer.failures.push(failure);
        }
    }
    if let Err(error) = archive.store(&clients.bucket).await {
        // Everything else that the batch asked for is done, and done again without harm.
        tracing::warn!(
            outcome = "waiting",
            error = telemetry::chain(&error),
            "notices cannot be archived yet"
        );
        answer.failures.splice(0..0, first_notice);
    }
    answer
}

async fn deal_with(
    change: &Change,
    archive: &mut Archive,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<(), PublishError> {
    match change {
        Change::Noticed(noticed) => {
            archive.add(noticed);
            let row = &noticed.row;
            publication::send_on(clients, &row.account, row.cip, &noticed.key, clock()).await?;
            if let Some(number) = row.operation_number.as_deref() {
                clients.table.note_operation(&row.account, number, row.cip).await?;
            }
            publication::tell(clients, &row.account, row.cip, clock()).await
        }
        Change::Quarantined(set_aside) => {
            archive.add_quarantined(set_aside);
            publication::tell_of_quarantine(clients, set_aside).await
        }
        Change::Settled { account, cip: Some(cip), id } => clients
            .table
            .settle_doubt(account, *cip, publication::QUARANTINE, id)
            .await
            .map_err(PublishError::from),
        Change::Fact { account, cip, operation_number } => {
            if let Some(number) = operation_number.as_deref() {
                clients.table.note_operation(account, number, *cip).await?;
            }
            publication::tell(clients, account, *cip, clock()).await
        }
        Change::Settled { cip: None, .. } | Change::Other => Ok(()),
    }
}

/// Sends every notice of a code on and tells its state, as if all had just arrived.
async fn do_again(again: &Again, clients: &Clients, clock: Clock<'_>) {
    let work = async {
        let facts = clients.table.facts(&again.account, again.cip).await?;
        for key in facts.notice_keys() {
            publication::send_on(clients, &again.account, again.cip, &key, clock()).await?;
        }
        publication::tell(clients, &again.account, again.cip, clock()).await
    };
    let Again { account, cip } = again;
    match Box::pin(work).await {
        Ok(()) => {
            tracing::info!(outcome = "again", account, cip.number = cip.number(), "code published again")
        }
        Err(error) => {
            let error = telemetry::chain(&error);
            tracing::error!(
                outcome = "failed",
                account,
                cip.number = cip.number(),
                error,
                "code cannot be published"
            );
        }
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
    again: Option<Again>,
    what: &str,
    error: &(dyn std::error::Error + Send + Sync),
    clients: &Clients,
) -> bool {
    let reason = telemetry::chain(error);
    let account = again.as_ref().map_or("-", |again| again.account.as_str());
    tracing::error!(outcome = "set_aside", account, error = reason, "change set aside");
    let what = again.as_ref().map_or_else(|| what.to_owned(), |again| format!("{what} of CIP {}", again.cip));
    let message = serde_json::json!({ "again": &again, "what": &what, "reason": &reason }).to_string();
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
