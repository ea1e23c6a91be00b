#![doc = include_str!("../README.md")]

mod account;
mod arrivals;
mod breaks;
mod chain;
mod config;
mod context;
mod dry;
mod event;
mod gather;
mod judge;
mod manifest;
mod moment;
mod queue;
mod replay;
mod stages;
#[cfg(test)]
mod tests;

use cuadre::aws::batch::BatchAnswer;
use cuadre::aws::bucket::Bucket;
use cuadre::aws::queue::Queue;
use cuadre::aws::run_orders::RunOrders;
use cuadre::aws::schedule::TickError;
use cuadre::aws::table::Table;
use cuadre::aws::topic::Topic;
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::Clock;
use cuadre::telemetry;
use serde::Serialize;

use account::Order;
pub use account::Reconciled;
pub use config::Config;
pub use dry::DryRun;
pub use event::{Event, Stage, StagedOrder, Task, TaskError};
pub use judge::JudgeError;
pub use manifest::{Manifest, Version};
pub use replay::{Mismatch, again, first_mismatch};
pub use stages::Planned;

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    bucket: Bucket,
    topic: Topic,
    orders: RunOrders,
    messages: Queue,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Clients {
        Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            bucket: Bucket::new(sdk, Patience::WORK, &config.bucket_name),
            topic: Topic::new(sdk, Patience::WORK, &config.topic_arn),
            orders: RunOrders::new(sdk, Patience::WORK, &config.runs),
            messages: Queue::new(sdk, Patience::WORK, &config.runs.runs_url),
        }
    }
}

/// Why a run did not come to its end. It is repeated, and the repetition is the same run.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The event cannot be worked on.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Storage or messaging did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was read gives no run.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// A stage of a run did not come to its end.
    #[error("the stage was broken off: {0}")]
    Broken(#[from] tokio::task::JoinError),
    /// Another invocation is sending this run's alert.
    #[error("another invocation is sending the alert of this run: repeat the event in a minute")]
    AlertTaken,
}

/// What the function answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To messages: which have to come again.
    Batch(BatchAnswer),
    /// To the schedule: how many messages were sent, one an account.
    Sent {
        /// Messages sent.
        sent: usize,
    },
    /// To a person who named one account: what the run came to.
    Reconciled(Reconciled),
    /// To a person who wanted to know what would be.
    DryRun(DryRun),
    /// To the state machine: which stages there are.
    Planned(Planned),
    /// To the state machine, which knows how to go on.
    Done {
        /// The stage that is done.
        done: &'static str,
    },
}

/// Makes the runs of the messages, or the one that a person names; a tick becomes one message for each account.
///
/// # Errors
/// [`ReconcileError`] for the schedule and for people; of messages, those that failed are named in the answer.
pub async fn handle(
    event: &Event,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Answer, ReconcileError> {
    // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
    match event {
        Event::Messages(messages) => {
            Ok(Answer::Batch(Box::pin(queue::work(messages, clients, config, clock)).await))
        }
        Event::Task(task) => Box::pin(by_task(task, clients, config, clock)).await,
        Event::Stage(stage) => Box::pin(stages::work(stage, clients, config, clock)).await,
    }
}

async fn by_task(
    task: &Task,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Answer, ReconcileError> {
    task.check()?;
    let Some(name) = &task.account else {
        return Ok(Answer::Sent { sent: order_all(task, clients, config, clock).await? });
    };
    let account = config.accounts.find(name).ok_or(TaskError::Tick(TickError::UnknownAccount))?;
    if task.dry_run {
        let run = Box::pin(dry::run(task, account, clients, clock)).await?;
        tracing::info!(outcome = "dry_run", account, breaks = run.breaks, "dry run done");
        return Ok(Answer::DryRun(run));
    }
    match Box::pin(run_now(task, account, clients, clock)).await {
        Ok(run) => {
            tell(&run);
            Ok(Answer::Reconciled(run))
        }
        Err(error) => {
            tracing::error!(outcome = "failed", account, error = telemetry::chain(&error), "run failed");
            Err(error)
        }
    }
}

/// Makes the run that a person wants.
async fn run_now(
    task: &Task,
    account: &str,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<Reconciled, ReconcileError> {
    let mut as_of = task.time(clock())?;
    if task.full {
        as_of = moment::free(account, as_of, task.names_time(), &clients.bucket, clock).await?;
    }
    let order = Order { account, as_of, after_arrival: false, full: task.full };
    account::reconcile(order, clients, clock).await
}

/// One tick becomes one message for each account. The same tick again sends the same messages, which the queue takes once.
async fn order_all(
    task: &Task,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<usize, ReconcileError> {
    let as_of = task.time(clock())?;
    let mut sent: usize = 0;
    for account in config.accounts.iter() {
        clients.orders.at(account, as_of).await?;
        sent = sent.saturating_add(1);
    }
    tracing::info!(outcome = "sent", sent, "runs ordered");
    Ok(sent)
}

/// The line of the log that tells what became of a run.
fn tell(run: &Reconciled) {
    let Reconciled { account, as_of, breaks, rejected, alerted, overtaken, .. } = run;
    if *overtaken {
        tracing::warn!(outcome = "overtaken", account, as_of, "a newer run has spoken");
    } else {
        tracing::info!(outcome = "reconciled", account, breaks, rejected, alerted, "run done");
    }
}
