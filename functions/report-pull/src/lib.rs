#![doc = include_str!("../README.md")]

mod config;
mod event;
mod fan_out;
mod probe;
mod queue;
mod report;
mod search;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cuadre::aws::batch::BatchAnswer;
use cuadre::aws::bucket::Bucket;
use cuadre::aws::policy::{Policies, PolicyUnavailable};
use cuadre::aws::queue::Queue;
use cuadre::aws::run_orders::RunOrders;
use cuadre::aws::secrets::{SecretError, Secrets};
use cuadre::aws::table::Table;
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::Clock;
use cuadre::pagoefectivo::client::probe::ProbeError;
use cuadre::pagoefectivo::client::wire::Wire;
use cuadre::pagoefectivo::client::{Client, ClientError, Persistence};
use serde::Serialize;

pub use config::Config;
pub use event::{Event, Task, TaskError};
pub use report::{Counts, ReportError, Reported};
pub use search::Searched;

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    bucket: Bucket,
    policies: Policies,
    secrets: Secrets,
    pulls: Queue,
    runs: RunOrders,
    provider: Client,
    reports: Arc<Wire>,
    persistence: Persistence,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(sdk: &SdkConfig, config: &Config) -> Result<Clients, ClientError> {
        Clients::with_persistence(sdk, config, Persistence::default())
    }

    /// Makes the clients with other waits between attempts at the provider: tests have no time for the real ones.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn with_persistence(
        sdk: &SdkConfig,
        config: &Config,
        persistence: Persistence,
    ) -> Result<Clients, ClientError> {
        let bucket = Bucket::new(sdk, Patience::WORK, &config.bucket_name);
        let wire = Arc::new(Wire::new(persistence, config.requests_per_minute)?);
        Ok(Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            policies: Policies::new(bucket.clone()),
            bucket,
            secrets: Secrets::new(sdk, Patience::WORK, &config.secret_prefix),
            pulls: Queue::new(sdk, Patience::WORK, &config.pulls_url),
            runs: RunOrders::new(sdk, Patience::WORK, &config.runs),
            provider: Client::over(Arc::clone(&wire), &config.provider_url),
            reports: wire,
            persistence,
        })
    }
}

/// Why a pull did not come to its end. It is repeated, and the repetition goes on where this one stopped.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The event cannot be worked on.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The policy cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyUnavailable),
    /// The account has no usable keys.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The provider gave no answer to some batches. What it said to the others is stored.
    #[error("{failed} batches brought no answer and {unasked} more were not asked")]
    Provider {
        /// Batches that were asked in vain; each has its own line in the log.
        failed: usize,
        /// Batches that were not asked, the provider being out of reach or the time up.
        unasked: usize,
        /// What became of the first one that failed.
        #[source]
        source: ClientError,
    },
    /// A report could not be pulled.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Storage did not take or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The contract could not be probed.
    #[error(transparent)]
    Probe(#[from] ProbeFailure),
}

/// Why the contract could not be probed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeFailure {
    /// The deployment has none.
    #[error("PROBE_ACCOUNT is not set: name the account whose secret holds keys of the test environment")]
    NoAccount,
    /// The probe itself.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}

/// What came of one pull of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// The PagoEfectivo service.
    pub account: String,
    /// The source.
    pub source: String,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
}

/// How a pull ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Ending {
    /// All of this was heard before; nothing was asked.
    AlreadyDone,
    /// Another worker is pulling this source at this moment.
    Left,
    /// The search asked for what was due.
    Searched(Searched),
    /// A report was read to its end.
    Reported(Reported),
    /// The time was up; what was read is stored, and the next message goes on from there.
    Paused,
}

impl Ending {
    /// Whether a run would find something that it did not find before.
    fn brought_news(&self) -> bool {
        match self {
            Ending::Searched(searched) => searched.news > 0,
            Ending::Reported(Reported { counts, .. }) => counts.new > 0 || counts.changed > 0,
            Ending::AlreadyDone | Ending::Left | Ending::Paused => false,
        }
    }
}

/// What the function answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To messages: which have to come again.
    Batch(BatchAnswer),
    /// To the schedule: how many messages were sent, one a source.
    Sent {
        /// Messages sent.
        sent: usize,
    },
    /// To a person who named one source: what came of it.
    Pulled(Pulled),
    /// To a probe: how many kinds of answers were seen, and what about them is not as recorded.
    Probed {
        /// Kinds of answers.
        answers: usize,
        /// Differences, in words and without values.
        changes: Vec<String>,
    },
}

/// Pulls what the event names: the sources of its messages, or the one that a person names; a tick becomes one message for
/// each source of each account. The clock is the machine's; the time between calls of it counts.
///
/// # Errors
/// [`PullError`] for the schedule and for people; of messages, those that failed are named in the answer.
pub async fn handle(
    event: &Event,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Answer, PullError> {
    // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
    match event {
        Event::Messages(messages) => {
            Ok(Answer::Batch(Box::pin(queue::work(messages, clients, config, clock)).await))
        }
        Event::Task(Task { probe: true, .. }) => Box::pin(probe::run(clients, config, clock)).await,
        Event::Task(task) if task.account.is_some() && task.source.is_some() => {
            let pulled = Box::pin(source::pull(task, clients, config, clock)).await?;
            tracing::info!(
                outcome = "by_hand",
                account = pulled.account,
                source = pulled.source,
                "source pulled"
            );
            Ok(Answer::Pulled(pulled))
        }
        Event::Task(task) => Ok(Answer::Sent { sent: fan_out::send(task, clients, config, clock()).await? }),
    }
}
