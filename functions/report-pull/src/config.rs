//! What the function reads from its environment, once, before the first event.

use chrono::TimeDelta;
use cuadre::config::env::{self, Accounts, EnvError, Lookup};
use cuadre::pagoefectivo::client::BATCH_CIPS_DEFAULT;

/// How long an expired CIP is still asked for. A payment made just before the expiry, or an extension by the merchant,
/// may show late; how late is not public. Our choice.
const EXPIRED_DAYS_DEFAULT: u64 = 3;

/// The settings of the report-pull function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `BUCKET_NAME`.
    pub bucket_name: String,
    /// `SECRET_PREFIX`.
    pub secret_prefix: String,
    /// `ACCOUNTS`: a tick without account is for each of them.
    pub accounts: Accounts,
    /// `PROVIDER_URL`; absent, the provider's production host.
    pub provider_url: String,
    /// `SEARCH_BATCH_CIPS`: CIPs in one request; absent, 50.
    pub batch_cips: usize,
    /// `EXPIRED_DAYS`: how many days after its expiry a CIP is still asked for; absent, 3.
    pub asked_after_expiry: TimeDelta,
}

impl Config {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// [`EnvError`] names the first variable that is not as it must be.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Config, EnvError> {
        let days = env::count(lookup, "EXPIRED_DAYS", 0..=60)?.unwrap_or(EXPIRED_DAYS_DEFAULT);
        let batch = env::count(lookup, "SEARCH_BATCH_CIPS", 1..=500)?;
        Ok(Config {
            table_name: env::table_name(lookup)?,
            bucket_name: env::bucket_name(lookup)?,
            secret_prefix: env::secret_prefix(lookup)?,
            accounts: Accounts::from_env(lookup)?,
            provider_url: env::provider_url(lookup)?,
            batch_cips: batch.and_then(|batch| batch.try_into().ok()).unwrap_or(BATCH_CIPS_DEFAULT),
            asked_after_expiry: TimeDelta::days(days.try_into().unwrap_or(0)),
        })
    }
}
