//! What the function reads from its environment, once, before the first event.

use cuadre::config::env::{self, Accounts, EnvError, Lookup};
use ipnet::IpNet;

/// The settings of the callback function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `SECRET_PREFIX`.
    pub secret_prefix: String,
    /// `ACCOUNTS`: any other account is unknown.
    pub accounts: Accounts,
    /// `ALLOWED_CIDRS`: networks that notices may come from; empty, from anywhere.
    pub allowed_from: Vec<IpNet>,
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
            allowed_from: networks(lookup)?,
        })
    }
}

fn networks(lookup: Lookup<'_>) -> Result<Vec<IpNet>, EnvError> {
    let name = "ALLOWED_CIDRS";
    let Ok(list) = env::required(lookup, name) else {
        return Ok(Vec::new());
    };
    let networks = list.split(',').map(|network| network.trim().parse()).collect::<Result<_, _>>();
    let reason = "is not a list of networks such as 192.0.2.0/24,2001:db8::/32";
    networks.map_err(|_| EnvError::Invalid { name, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allow_list_is_empty_or_wholly_readable() {
        let check = |value: Option<&str>, expected: Result<usize, ()>| {
            let read = networks(&|_| value.map(str::to_owned)).map(|networks| networks.len());
            assert_eq!(read.map_err(drop), expected, "{value:?}");
        };
        check(None, Ok(0));
        check(Some(" "), Ok(0));
        check(Some("192.0.2.0/24, 2001:db8::/32"), Ok(2));
        for list in ["192.0.2.0/33", "192.0.2.1", "192.0.2.0/24,", "anywhere"] {
            check(Some(list), Err(()));
        }
    }
}
