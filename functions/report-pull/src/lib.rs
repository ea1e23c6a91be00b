#![doc = include_str!("../README.md")]

mod config;
mod open;
mod pull;
#[cfg(test)]
mod tests;

use cuadre::aws::bucket::Bucket;
use cuadre::aws::schedule::{Tick, TickError};
use cuadre::aws::secrets::{SecretError, Secrets};
use cuadre::aws::table::Table;
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::Clock;
use cuadre::pagoefectivo::client::{Client, ClientError, Persistence};
use cuadre::telemetry;
use serde::Serialize;
use tokio::time;

pub use config::Config;

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    bucket: Bucket,
    secrets: Secrets,
    provider: Client,
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
        Ok(Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            bucket: Bucket::new(sdk, Patience::WORK, &config.bucket_name),
            secrets: Secrets::new(sdk, Patience::WORK, &config.secret_prefix),
            provider: Client::new(&config.provider_url, persistence)?,
        })
    }
}

/// Why a pull did not come to its end. The platform repeats the event, and the repetition goes on where this one
/// stopped.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The event cannot be worked on.
    #[error(transparent)]
    Tick(#[from] TickError),
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
    /// More is open than can be asked in the time of one invocation. What was answered is stored.
    #[error(
        "the time is up and {unasked} batches were not asked: raise SEARCH_BATCH_CIPS, or look why the provider is slow"
    )]
    OutOfTime {
        /// Batches that were not asked.
        unasked: usize,
    },
    /// Storage did not take or give something.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Some accounts failed; each has its own line in the log. The others are done.
    #[error("the pull failed for {0}: see the log")]
    Accounts(String),
}

/// What a pull did for one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// The PagoEfectivo service.
    pub account: String,
    /// This tick had been pulled before; nothing was asked.
    pub already_done: bool,
    /// CIPs that the provider was asked for.
    pub asked: usize,
    /// Rows that tell something new, stored.
    pub news: usize,
    /// CIPs that the provider does not know.
    pub unknown: usize,
    /// Entries of the provider that cannot be read; they are in `raw/`.
    pub unreadable: usize,
}

/// Asks the provider what became of every open CIP and stores the answers, for one account or for all. The clock is the
/// machine's; the time between calls of it counts.
///
/// # Errors
/// [`PullError`]; with several accounts, one that fails does not keep the others from being done.
pub async fn handle(
    tick: &Tick,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Vec<Pulled>, PullError> {
    let tick_time = tick.time(clock())?;
    let stop_at = time::Instant::now() + config.budget;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let accounts = tick.accounts(&config.accounts)?;
    for (index, account) in accounts.iter().copied().enumerate() {
        // What is left is shared equally, so that a large account does not keep a later one from being asked for.
        let left = stop_at.saturating_duration_since(time::Instant::now());
        let share = u32::try_from(accounts.len().saturating_sub(index)).unwrap_or(u32::MAX);
        let stop_at = time::Instant::now() + left.checked_div(share).unwrap_or(left);
        // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
        match Box::pin(pull::pull(account, clients, config, tick_time, stop_at, clock)).await {
            Ok(pulled) => {
                let Pulled { already_done, asked, news, unknown, unreadable, .. } = pulled;
                tracing::info!(
                    outcome = "pulled",
                    account,
                    already_done,
                    asked,
                    news,
                    unknown,
                    unreadable,
                    "search done"
                );
                done.push(pulled);
            }
            Err(error) => {
                tracing::error!(
                    outcome = "failed",
                    account,
                    error = telemetry::chain(&error),
                    "search failed"
                );
                failed.push(account);
            }
        }
    }
    if failed.is_empty() { Ok(done) } else { Err(PullError::Accounts(failed.join(", "))) }
}
