#![doc = include_str!("../README.md")]

mod config;
mod expected;
mod facts;
mod file;
mod legs;
mod notification;
mod reading;
#[cfg(test)]
mod tests;

use cuadre::aws::batch::{BatchAnswer, Messages};
use cuadre::aws::bucket::Bucket;
use cuadre::aws::policy::Policies;
use cuadre::aws::run_orders::RunOrders;
use cuadre::aws::schedule::Tick;
use cuadre::aws::table::Table;
use cuadre::aws::topic::Topic;
use cuadre::aws::{Patience, SdkConfig};
use cuadre::calendar::Clock;
use cuadre::telemetry;

pub use config::Config;
pub use expected::{ExpectedError, Missing, look};
use file::{Imported, Outcome};
use notification::Arrival;
use reading::ImportError;

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    bucket: Bucket,
    policies: Policies,
    topic: Topic,
    runs: RunOrders,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Clients {
        Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            policies: Policies::new(Bucket::new(sdk, Patience::WORK, &config.bucket_name)),
            bucket: Bucket::new(sdk, Patience::WORK, &config.bucket_name),
            topic: Topic::new(sdk, Patience::WORK, &config.topic_arn),
            runs: RunOrders::new(sdk, Patience::WORK, &config.runs),
        }
    }
}

/// What the function is invoked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Files have come.
    Files(Messages),
    /// It is time to look for files that have not.
    Tick(Tick),
}

impl Event {
    /// Tells the two apart: messages have `Records`, a tick has none.
    ///
    /// # Errors
    /// It is neither.
    pub fn read(event: serde_json::Value) -> serde_json::Result<Event> {
        if event.get("Records").is_some() {
            serde_json::from_value(event).map(Event::Files)
        } else {
            serde_json::from_value(event).map(Event::Tick)
        }
    }
}

/// Takes in the files that the messages tell of, one after the other. Gives the messages that have to come again; all
/// others are dealt with.
pub async fn handle(event: &Messages, clients: &Clients, config: &Config, clock: Clock<'_>) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    for message in &event.records {
        let message_id = message.message_id.as_str();
        let Some(arrivals) = notification::read(&message.body) else {
            // It would only come again as it is.
            tracing::error!(
                outcome = "unreadable",
                message.id = message_id,
                "message is no notification of S3"
            );
            continue;
        };
        if arrivals.is_empty() {
            tracing::info!(outcome = "ignored", message.id = message_id, "message tells of no new object");
        }
        let mut failed = false;
        for arrival in &arrivals {
            // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
            let taken_in = Box::pin(file::take_in(arrival, clients, config, clock())).await;
            tell(arrival, &taken_in);
            failed |= taken_in.is_err();
        }
        if failed {
            answer.fail(message_id);
        }
    }
    answer
}

/// The line of the log that tells what became of an object.
fn tell(arrival: &Arrival, taken_in: &Result<Outcome, ImportError>) {
    let object = arrival.key.as_str();
    match taken_in {
        Ok(Outcome::Imported(imported)) => tell_of_rows(object, imported),
        Ok(Outcome::Rejected(reason)) => {
            tracing::warn!(
                outcome = "rejected",
                object,
                reason = reason.as_ref(),
                "file rejected as a whole"
            );
        }
        Ok(Outcome::Gone) => tracing::warn!(outcome = "gone", object, "object is no longer there"),
        Ok(Outcome::Folder) => tracing::info!(outcome = "ignored", object, "folder made by hand"),
        Err(error) if error.is_passing() => {
            tracing::warn!(
                outcome = "waiting",
                object,
                error = telemetry::chain(error),
                "file has to come again"
            );
        }
        Err(error) => {
            tracing::error!(
                outcome = "failed",
                object,
                error = telemetry::chain(error),
                "file cannot be taken in"
            );
        }
    }
}

/// One line of what was taken, and one more where the file is of another kind than those before. Neither names a column
/// or a word, which stand in the file's item of the table.
fn tell_of_rows(object: &str, imported: &Imported) {
    let Imported { rows, rejected, new, contradicting, stored_before, ref drift } = *imported;
    if contradicting > 0 {
        tracing::warn!(
            outcome = "imported",
            object,
            rows,
            rejected,
            new,
            contradicting,
            stored_before,
            "rows taken in, some of which say something else than an earlier file"
        );
    } else {
        tracing::info!(
            outcome = "imported",
            object,
            rows,
            rejected,
            new,
            contradicting,
            stored_before,
            "rows taken in"
        );
    }
    if !drift.is_none() {
        tracing::warn!(
            outcome = "drift",
            object,
            new_columns = drift.new_columns.len(),
            gone_columns = drift.gone_columns.len(),
            unknown_words = drift.unknown_words.len(),
            "file has other columns or words than the one before"
        );
    }
}
