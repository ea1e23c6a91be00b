//! What the function reads from its environment, once, before the first event.

use cuadre::aws::run_orders::RunOrdersConfig;
use cuadre::config::env::{self, Accounts, EnvError, Lookup};

/// The settings of the reconcile function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `BUCKET_NAME`.
    pub bucket_name: String,
    /// `TOPIC_ARN`.
    pub topic_arn: String,
    /// `RUNS_URL`: the FIFO queue of runs.
    pub runs: RunOrdersConfig,
    /// `ACCOUNTS`: a tick without account is for each of them.
    pub accounts: Accounts,
}

impl Config {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// [`EnvError`] names the first variable that is not as it must be.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Config, EnvError> {
        Ok(Config {
            table_name: env::table_name(lookup)?,
            bucket_name: env::bucket_name(lookup)?,
            topic_arn: env::topic_arn(lookup)?,
            runs: RunOrdersConfig::from_env(lookup)?,
            accounts: Accounts::from_env(lookup)?,
        })
    }
}
