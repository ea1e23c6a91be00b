#![doc = include_str!("../README.md")]

mod archive;
mod changes;
mod config;
mod publication;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;

use cuadre::aws::batch::BatchAnswer;
use cuadre::aws::bucket::Bucket;
use cuadre::aws::events::EventBus;
use cuadre::aws::policy::{Policies, PolicyUnavailable};
use cuadre::aws::queue::Queue;
use cuadre::aws::table::Table;
use cuadre::aws::topic::Topic;
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::Clock;
use cuadre::ids::Cip;
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

/// The code whose state is told, and whose notices are archived and sent on, once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// The PagoEfectivo service.
    pub account: String,
    /// The code.
    pub cip: Cip,
}

/// Why a change was not dealt with.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A service of AWS.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyUnavailable),
    /// Records of one code come one after the other, so that this takes a person's hand at the same moment.
    #[error("another writer told of this code at the same time, several times over")]
    Overtaken,
    /// What there is to tell does not become JSON.
    #[error("what is to be told cannot be written down")]
    Unwritable(#[from] serde_json::Error),
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
            PublishError::Unwritable(_) => false,
        }
    }
}

/// Deals with a batch. A record that fails for a while comes again, and with it those behind it of the same code; one that
/// can never be dealt with is put aside, so that it holds nothing up.
///
/// # Errors
/// [`PublishError`] where the work by hand failed: whoever asked for it has to know. A batch never fails as a whole.
pub async fn handle(event: &Event, clients: &Clients, clock: Clock<'_>) -> Result<BatchAnswer, PublishError> {
    if let Some(again) = &event.again {
        // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
        Box::pin(do_again(again, clients, clock)).await?;
    }
    Ok(changes::deal_with(&event.records, clients, clock).await)
}

/// Everything that is done for a code, as if all its facts had just arrived.
async fn do_again(again: &Again, clients: &Clients, clock: Clock<'_>) -> Result<(), PublishError> {
    let Again { account, cip } = again;
    let noticed = clients.table.noticed(account, *cip).await?;
    let mut archive = Archive::default();
    for noticed in &noticed {
        archive.add(noticed);
    }
    archive.store(&clients.bucket).await?;
    for noticed in &noticed {
        publication::pass_on(clients, noticed, clock()).await?;
    }
    publication::tell(clients, account, *cip, clock()).await?;
    tracing::info!(outcome = "again", account, cip.number = cip.number(), "code published again");
    Ok(())
}
