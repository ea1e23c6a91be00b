//! What the function reads from its environment, once, before the first event.

use cuadre::config::env::{self, EnvError, Lookup};

/// The settings of the forward function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `BUCKET_NAME`.
    pub bucket_name: String,
    /// `FORWARDS_URL`: the FIFO queue that the events come from.
    pub forwards_url: String,
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
            forwards_url: env::required(lookup, "FORWARDS_URL")?,
        })
    }
}
