//! What the function reads from its environment, once, before the first event.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use cuadre::aws::run_orders::RunOrdersConfig;
use cuadre::config::env::{self, Accounts, EnvError, Lookup};
use cuadre::pagoefectivo::client::wire::REQUESTS_PER_MINUTE_DEFAULT;
use cuadre::pagoefectivo::client::{BATCH_CIPS_DEFAULT, Environment};

/// Days after its expiry, its payment or a notice of it during which a CIP is still asked for. A payment made just before
/// the expiry, an extension or an extorno may show late; how late is not public. Our choice.
const RECHECK_DAYS_DEFAULT: u64 = 3;

/// A notice counts as unconfirmed by a look that comes a day after it (the usual grace); fewer days would never bring one.
const RECHECK_DAYS_MIN: u64 = 2;

/// The template gives an invocation 300 seconds; the rest is for what is under way when the time is up.
const BUDGET_SECONDS_DEFAULT: u64 = 240;

/// The settings of the report-pull function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `BUCKET_NAME`.
    pub bucket_name: String,
    /// `SECRET_PREFIX`.
    pub secret_prefix: String,
    /// `PULLS_URL`: the FIFO queue of pulls.
    pub pulls_url: String,
    /// `RUNS_URL` and `RUN_SLOT_MINUTES`: a pull that brought something new makes a run.
    pub runs: RunOrdersConfig,
    /// `ACCOUNTS`: a tick without account is for each of them, and for those that the policy adds.
    pub accounts: Accounts,
    /// `PROVIDER_URL`; absent, the provider's production host.
    pub provider_url: String,
    /// `PROBE_ACCOUNT`: the account whose secret holds keys of the provider's test environment; absent, there is no probe.
    pub probe_account: Option<String>,
    /// `PROBE_URL`; absent, the provider's test host.
    pub probe_url: String,
    /// `SEARCH_BATCH_CIPS`: CIPs in one request; absent, 50.
    pub batch_cips: usize,
    /// `RECHECK_DAYS`: for how many days after its expiry, its payment or a notice of it a CIP is still asked for;
    /// absent, 3.
    pub recheck: TimeDelta,
    /// `REQUESTS_PER_MINUTE`: to all sources together, by one process; absent, 300.
    pub requests_per_minute: NonZeroU32,
    /// `BUDGET_SECONDS`: after this time no further batch is asked; absent, 240.
    pub budget: Duration,
}

impl Config {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// [`EnvError`] names the first variable that is not as it must be.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Config, EnvError> {
        let days = env::count(lookup, "RECHECK_DAYS", RECHECK_DAYS_MIN..=60)?.unwrap_or(RECHECK_DAYS_DEFAULT);
        let budget = env::count(lookup, "BUDGET_SECONDS", 10..=840)?.unwrap_or(BUDGET_SECONDS_DEFAULT);
        let per_minute = env::count(lookup, "REQUESTS_PER_MINUTE", 1..=100_000)?;
        let per_minute = per_minute.and_then(|number| NonZeroU32::new(number.try_into().ok()?));
        let batch = env::count(lookup, "SEARCH_BATCH_CIPS", 1..=500)?;
        Ok(Config {
            table_name: env::table_name(lookup)?,
            bucket_name: env::bucket_name(lookup)?,
            secret_prefix: env::secret_prefix(lookup)?,
            pulls_url: env::required(lookup, "PULLS_URL")?,
            runs: RunOrdersConfig::from_env(lookup)?,
            accounts: Accounts::from_env(lookup)?,
            provider_url: env::provider_url(lookup)?,
            probe_account: probe_account(lookup)?,
            probe_url: probe_url(lookup)?,
            batch_cips: batch.and_then(|batch| batch.try_into().ok()).unwrap_or(BATCH_CIPS_DEFAULT),
            recheck: TimeDelta::days(days.try_into().unwrap_or(0)),
            requests_per_minute: per_minute.unwrap_or(REQUESTS_PER_MINUTE_DEFAULT),
            budget: Duration::from_secs(budget),
        })
    }
}

fn probe_account(lookup: Lookup<'_>) -> Result<Option<String>, EnvError> {
    let Ok(name) = env::required(lookup, "PROBE_ACCOUNT") else { return Ok(None) };
    let reason = "is not the name of an account (letters, digits, - _ . up to 64)";
    let one = Accounts::parse(&name).is_ok_and(|accounts| accounts.find(&name).is_some());
    if one { Ok(Some(name)) } else { Err(EnvError::Invalid { name: "PROBE_ACCOUNT", reason }) }
}

/// Where the probe makes a code: never where money moves.
fn probe_url(lookup: Lookup<'_>) -> Result<String, EnvError> {
    let url = env::required(lookup, "PROBE_URL").unwrap_or_else(|_| "test".to_owned());
    let reason = "is not test or another environment than production";
    let environment = Environment::parse(&url).filter(|environment| *environment != Environment::Production);
    let environment = environment.ok_or(EnvError::Invalid { name: "PROBE_URL", reason })?;
    Ok(environment.base_url().to_owned())
}
