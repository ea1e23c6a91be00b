//! The files that should have come by now: who waits for one hears of it, once a day.

use cuadre::aws::StoreError;
use cuadre::aws::policy::PolicyUnavailable;
use cuadre::aws::schedule::{Tick, TickError};
use cuadre::calendar::{Clock, Instant};
use cuadre::config::Policy;
use cuadre::formats::Leg;
use cuadre::report::urgent;
use cuadre::telemetry;
use serde::Serialize;

use crate::file::LEGS;
use crate::{Clients, Config};

/// Why a look came to no end. The platform repeats it; what was told is not told again.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// The event cannot be worked on.
    #[error(transparent)]
    Tick(#[from] TickError),
    /// There is no policy to say what is expected.
    #[error(transparent)]
    Policy(#[from] PolicyUnavailable),
    /// Some accounts failed; each has its own line in the log. The others are done.
    #[error("the look for missing files failed for {0}: see the log")]
    Accounts(String),
}

/// A file that somebody was told of by this look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The PagoEfectivo service.
    pub account: String,
    /// The leg.
    pub leg: &'static str,
    /// The day in Lima.
    pub day: String,
}

/// Looks, for each account and leg that expects one, whether a file of the tick's day in Lima has come.
///
/// # Errors
/// [`ExpectedError`]; an account that fails does not keep the others from being looked at.
pub async fn look(
    tick: &Tick,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Vec<Missing>, ExpectedError> {
    let as_of = tick.time(clock())?;
    let policy = clients.policies.at(clock()).await?;
    let (mut missing, mut failed) = (Vec::new(), Vec::new());
    for account in tick.accounts(&config.accounts)? {
        // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
        match Box::pin(look_at(account, as_of, &policy, clients, clock)).await {
            Ok(mut told) => missing.append(&mut told),
            Err(error) => {
                tracing::error!(outcome = "failed", account, error = telemetry::chain(&error), "look failed");
                failed.push(account);
            }
        }
    }
    if !failed.is_empty() {
        return Err(ExpectedError::Accounts(failed.join(", ")));
    }
    tracing::info!(outcome = "looked", missing = missing.len(), "expected files looked for");
    Ok(missing)
}

async fn look_at(
    account: &str,
    as_of: Instant,
    policy: &Policy,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<Vec<Missing>, StoreError> {
    let day = as_of.business_day();
    let mut missing = Vec::new();
    for leg in LEGS {
        let expected = policy.file_rule(account, leg).expected;
        let deadline = expected.and_then(|expected| expected.deadline(day, policy.calendar()));
        let Some(deadline) = deadline else { continue };
        if as_of < deadline || clients.table.came_on(account, leg, day).await? {
            continue;
        }
        if tell(account, leg, deadline, clients, clock).await? {
            tracing::warn!(outcome = "missing", account, leg = leg.word(), "expected file has not come");
            missing.push(Missing { account: account.to_owned(), leg: leg.word(), day: day.to_string() });
        }
    }
    Ok(missing)
}

/// Tells of a file; false where that was done before. Should the message fail, the next look tells.
async fn tell(
    account: &str,
    leg: Leg,
    deadline: Instant,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<bool, StoreError> {
    let day = deadline.business_day();
    if !clients.table.claim_missing(account, leg, day, clock()).await? {
        return Ok(false);
    }
    clients.topic.publish(&urgent::file_missing(account, leg, day, deadline)).await?;
    clients.table.missing_told(account, leg, day, clock()).await?;
    Ok(true)
}
