#![doc = include_str!("../README.md")]

mod config;
mod facts;
mod notification;
mod orders;
#[cfg(test)]
mod tests;

use cuadre::aws::batch::{BatchAnswer, Messages};
use cuadre::aws::bucket::Bucket;
use cuadre::aws::table::Table;
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::telemetry;

pub use config::Config;
use notification::Arrival;
use orders::{Imported, Outcome};

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    bucket: Bucket,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Clients {
        Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            bucket: Bucket::new(sdk, Patience::WORK, &config.bucket_name),
        }
    }
}

/// Takes in the files that the messages tell of, one after the other. Gives the messages that have to come again; all
/// others are dealt with.
pub async fn handle(event: &Messages, clients: &Clients, config: &Config) -> BatchAnswer {
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
            let taken_in = Box::pin(orders::take_in(arrival, clients, config)).await;
            tell(arrival, &taken_in);
            failed |= taken_in.is_err();
        }
        if failed {
            answer.fail(message_id);
        }
    }
    answer
}

/// The one line of the log that tells what became of an object.
fn tell(arrival: &Arrival, taken_in: &Result<Outcome, StoreError>) {
    let object = arrival.key.as_str();
    match taken_in {
        Ok(Outcome::Imported(Imported { rows, rejected, new, contradicting, stored_before })) => {
            let (rows, rejected, new, contradicting) = (*rows, *rejected, *new, *contradicting);
            if contradicting > 0 {
                tracing::warn!(
                    outcome = "imported",
                    object,
                    rows,
                    rejected,
                    new,
                    contradicting,
                    stored_before,
                    "orders taken in, some of which say something else than an earlier file"
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
                    "orders taken in"
                );
            }
        }
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
