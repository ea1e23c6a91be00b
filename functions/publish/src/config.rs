//! What the function reads from its environment, once, before the first event.

use cuadre::config::env::{self, EnvError, Lookup};

/// The settings of the publish function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `BUCKET_NAME`.
    pub bucket_name: String,
    /// `TOPIC_ARN`.
    pub topic_arn: String,
    /// `EVENT_BUS`: where states are announced.
    pub event_bus: String,
    /// `FORWARDS_URL`: the FIFO queue of notices that go on to a shop.
    pub forwards_url: String,
    /// `FAILURES_URL`: the queue of what has to be done again by hand.
    pub failures_url: String,
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
            event_bus: env::required(lookup, "EVENT_BUS")?,
            forwards_url: env::required(lookup, "FORWARDS_URL")?,
            failures_url: env::required(lookup, "FAILURES_URL")?,
        })
    }
}
