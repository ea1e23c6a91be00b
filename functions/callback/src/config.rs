//! What the function reads from its environment, once, before the first event.

use cuadre::config::env::{self, Accounts, EnvError, Lookup};

/// The settings of the callback function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `SECRET_PREFIX`.
    pub secret_prefix: String,
    /// `ACCOUNTS`: any other account is unknown.
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
            secret_prefix: env::secret_prefix(lookup)?,
            accounts: Accounts::from_env(lookup)?,
        })
    }
}
