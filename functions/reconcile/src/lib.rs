#![doc = include_str!("../README.md")]

mod breaks;
mod config;
mod inputs;
mod judge;
#[cfg(test)]
mod tests;

use cuadre::aws::bucket::Bucket;
use cuadre::aws::schedule::{Tick, TickError};
use cuadre::aws::table::{Claim, RunRecord, RunState, Table};
use cuadre::aws::topic::Topic;
use cuadre::aws::{Patience, SdkConfig, StoreError, layout};
use cuadre::calendar::{Clock, Instant};
use cuadre::config::PolicyError;
use cuadre::report::alert::alert;
use cuadre::run::{Run, RunError};
use cuadre::telemetry;
use serde::Serialize;

pub use config::Config;

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    bucket: Bucket,
    topic: Topic,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Clients {
        Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            bucket: Bucket::new(sdk, Patience::WORK, &config.bucket_name),
            topic: Topic::new(sdk, Patience::WORK, &config.topic_arn),
        }
    }
}

/// Why a run did not come to its end. The platform repeats the event, and the repetition is the same run.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The event cannot be worked on.
    #[error(transparent)]
    Tick(#[from] TickError),
    /// Storage or messaging did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy in the bucket has to be mended.
    #[error("config/cuadre.toml: {0}")]
    Policy(#[from] PolicyError),
    /// The engine gave nothing.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Another invocation is sending this run's alert.
    #[error("another invocation is sending the alert of this run: repeat the event in a minute")]
    AlertTaken,
    /// Some accounts failed; each has its own line in the log. The others are done.
    #[error("the run failed for {0}: see the log")]
    Accounts(String),
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// The PagoEfectivo service.
    pub account: String,
    /// The moment of judgement.
    pub as_of: String,
    /// Breaks found.
    pub breaks: u64,
    /// Rows that could not be read.
    pub rejected: u64,
    /// Where the outputs lie.
    pub report: String,
    /// Whether this invocation sent the alert; a repetition does not.
    pub alerted: bool,
    /// A newer run has spoken already, so that this one changed no break and sent no alert.
    pub overtaken: bool,
}

/// Reconciles one account or all of them, once per account and time.
///
/// # Errors
/// [`ReconcileError`]; with several accounts, one that fails does not keep the others from being done.
pub async fn handle(
    tick: &Tick,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Vec<Reconciled>, ReconcileError> {
    let as_of = tick.time(clock())?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for account in tick.accounts(&config.accounts)? {
        // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
        match Box::pin(reconcile(account, as_of, clients, clock)).await {
            Ok(run) => {
                let Reconciled { breaks, rejected, alerted, .. } = run;
                if run.overtaken {
                    tracing::warn!(
                        outcome = "overtaken",
                        account,
                        as_of = run.as_of,
                        "a newer run has spoken"
                    );
                } else {
                    tracing::info!(outcome = "reconciled", account, breaks, rejected, alerted, "run done");
                }
                done.push(run);
            }
            Err(error) => {
                tracing::error!(outcome = "failed", account, error = telemetry::chain(&error), "run failed");
                failed.push(account);
            }
        }
    }
    if failed.is_empty() { Ok(done) } else { Err(ReconcileError::Accounts(failed.join(", "))) }
}

async fn reconcile(
    account: &str,
    as_of: Instant,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<Reconciled, ReconcileError> {
    let Clients { table, bucket, topic } = clients;
    if let Some(run) = table.run(account, as_of).await?
        && run.state == RunState::Done
    {
        return Ok(result(&run, false, false));
    }
    let prefix = layout::run_prefix(account, as_of);
    let mut record = RunRecord {
        account: account.to_owned(),
        as_of,
        state: RunState::Alerting,
        breaks: 0,
        rejected: 0,
        report: bucket.location(&prefix),
        policy_hash: String::new(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    if table.newest_run(account).await?.is_some_and(|newest| newest > as_of) {
        // Its breaks would undo what the later run has found.
        return Ok(result(&record, false, true));
    }
    let inputs = inputs::fixed(account, as_of, bucket, table).await?;
    let (run, policy_hash) = judge::judge(account, as_of, &inputs)?;
    for (name, bytes) in &run.outputs {
        bucket.put(&format!("{prefix}{name}"), bytes.clone()).await?;
    }
    if !save_breaks(table, account, as_of, &run).await? {
        return Ok(result(&record, false, true));
    }
    record.breaks = u64::try_from(run.breaks.len()).unwrap_or(u64::MAX);
    record.rejected = run.rejected;
    record.policy_hash = policy_hash;
    let claimed_at = clock();
    match table.claim_alert(&record, claimed_at).await? {
        Claim::Sent => return Ok(result(&record, false, false)),
        Claim::Taken => return Err(ReconcileError::AlertTaken),
        Claim::Mine => {}
    }
    let message = alert(&run, account, &format!("{account}/{}", layout::stamp(as_of)), &record.report);
    if let Err(error) = topic.publish(&message).await {
        if let Err(second) = table.release_alert(&record, claimed_at).await {
            // The first one is what has to be mended, and is what the caller logs.
            tracing::error!(
                account,
                error = telemetry::chain(&second),
                "the claim of the alert stays for a minute"
            );
        }
        return Err(error.into());
    }
    table.finish_run(&record).await?;
    Ok(result(&record, true, false))
}

/// Writes what the run changes among the breaks; `false` where a newer run has spoken, so that this one may not.
async fn save_breaks(
    table: &Table,
    account: &str,
    as_of: Instant,
    run: &Run,
) -> Result<bool, ReconcileError> {
    if !table.begin_breaks(account, as_of).await? {
        return Ok(false);
    }
    // Read after it has begun: what an older run has written until then is in it, and from then on it writes nothing.
    let changes = breaks::changes(&table.breaks(account).await?, &run.breaks, as_of);
    Ok(table.save_breaks(account, as_of, &changes).await?)
}

fn result(run: &RunRecord, alerted: bool, overtaken: bool) -> Reconciled {
    Reconciled {
        account: run.account.clone(),
        as_of: run.as_of.to_string(),
        breaks: run.breaks,
        rejected: run.rejected,
        report: run.report.clone(),
        alerted,
        overtaken,
    }
}
