//! Reading a function's environment: each value once, wholly checked, and each message names its variable.
//!
//! The readers take a lookup, so that a test needs no environment: [`process`] is the one of a running function.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::pagoefectivo::client::Environment;

/// Longest name of an account: it becomes part of keys in the table and in the bucket.
const ACCOUNT_BYTES_MAX: usize = 64;

/// A variable that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Not set, or set to nothing.
    #[error("the environment variable {0} is not set: the template sets it, see infra/aws/template.yaml")]
    Missing(&'static str),
    /// Set to something that cannot be meant.
    #[error("the environment variable {name} {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What is expected.
        reason: &'static str,
    },
}

/// How a variable is looked up.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The lookup of a running function: the environment of the process.
#[must_use]
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A text that has to be there.
///
/// # Errors
/// [`EnvError::Missing`].
pub fn required(lookup: Lookup<'_>, name: &'static str) -> Result<String, EnvError> {
    lookup(name)
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .ok_or(EnvError::Missing(name))
}

/// `TABLE_NAME`: the DynamoDB table.
///
/// # Errors
/// [`EnvError::Missing`].
pub fn table_name(lookup: Lookup<'_>) -> Result<String, EnvError> {
    required(lookup, "TABLE_NAME")
}

/// `BUCKET_NAME`: the S3 bucket.
///
/// # Errors
/// [`EnvError::Missing`].
pub fn bucket_name(lookup: Lookup<'_>) -> Result<String, EnvError> {
    required(lookup, "BUCKET_NAME")
}

/// `SECRET_PREFIX`: what the names of the accounts' secrets begin with, without the slash that follows.
///
/// # Errors
/// [`EnvError::Missing`].
pub fn secret_prefix(lookup: Lookup<'_>) -> Result<String, EnvError> {
    required(lookup, "SECRET_PREFIX").map(|prefix| prefix.trim_end_matches('/').to_owned())
}

/// `TOPIC_ARN`: the SNS topic of the alerts.
///
/// # Errors
/// [`EnvError`], also where it is no ARN of a topic.
pub fn topic_arn(lookup: Lookup<'_>) -> Result<String, EnvError> {
    let arn = required(lookup, "TOPIC_ARN")?;
    let is_topic = arn.starts_with("arn:") && arn.split(':').nth(2) == Some("sns");
    let reason = "is not the ARN of an SNS topic (arn:aws:sns:region:account:name)";
    is_topic.then_some(arn).ok_or(EnvError::Invalid { name: "TOPIC_ARN", reason })
}

/// `PROVIDER_URL`: where the provider's API is: `production`, which holds where it is absent, `test`, or an address. Plain
/// HTTP goes to this machine only, since keys travel there.
///
/// # Errors
/// [`EnvError::Invalid`].
pub fn provider_url(lookup: Lookup<'_>) -> Result<String, EnvError> {
    let name = "PROVIDER_URL";
    let environment = match required(lookup, name) {
        Ok(text) => Environment::parse(&text),
        Err(_) => Some(Environment::Production),
    };
    let reason = "is not production, test or an https:// address (plain http:// is for 127.0.0.1, localhost and [::1])";
    environment.map(|place| place.base_url().to_owned()).ok_or(EnvError::Invalid { name, reason })
}

/// Whether what is sent to this address can be read on the way by nobody: HTTPS, or plain HTTP that stays on this machine.
#[must_use]
pub(crate) fn keeps_secrets(url: &str) -> bool {
    url.starts_with("https://") || url.strip_prefix("http://").is_some_and(is_this_machine)
}

/// Whether what follows `http://` is this machine: its name, perhaps a port, and nothing else before the path, above all
/// no user name, which would look like a host.
fn is_this_machine(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let port = ["127.0.0.1", "localhost", "[::1]"].iter().find_map(|host| authority.strip_prefix(host));
    let is_number = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    port.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_number))
}

/// A whole number that may be absent.
///
/// # Errors
/// [`EnvError::Invalid`] where it is no number or out of its range.
pub fn count(
    lookup: Lookup<'_>,
    name: &'static str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, EnvError> {
    let Ok(text) = required(lookup, name) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.map(Some).ok_or(EnvError::Invalid { name, reason: "is not a whole number in its range" })
}

/// The accounts that a deployment serves; any other name is unknown to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts(BTreeSet<String>);

impl Accounts {
    /// Reads `ACCOUNTS`: names separated by commas.
    ///
    /// # Errors
    /// [`EnvError`] where it is empty or a name could not be part of a key.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Accounts, EnvError> {
        Accounts::parse(&required(lookup, "ACCOUNTS")?)
    }

    /// Reads names separated by commas.
    ///
    /// # Errors
    /// [`EnvError::Invalid`].
    pub fn parse(list: &str) -> Result<Accounts, EnvError> {
        let names = list.split(',').map(str::trim);
        let fits = |name: &str| {
            (1..=ACCOUNT_BYTES_MAX).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let reason = "is not a list of names such as tienda-1,tienda-2 (letters, digits, - _ . up to 64)";
        let invalid = EnvError::Invalid { name: "ACCOUNTS", reason };
        if names.clone().all(fits) { Ok(Accounts(names.map(str::to_owned).collect())) } else { Err(invalid) }
    }

    /// The configured name that equals the one given.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every account, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: Option<&str>) -> impl Fn(&str) -> Option<String> {
        move |_| value.map(str::to_owned)
    }

    #[test]
    fn a_missing_variable_is_named() {
        let message = table_name(&with(None)).unwrap_err().to_string();
        assert!(message.contains("TABLE_NAME is not set"), "{message}");
        assert_eq!(bucket_name(&with(Some("  "))), Err(EnvError::Missing("BUCKET_NAME")));
    }

    #[test]
    fn accounts_are_names_that_fit_into_keys() {
        let names =
            |list: &str| Accounts::parse(list).map(|accounts| accounts.iter().map(str::to_owned).collect());
        assert_eq!(names("b, a-1.x_Y"), Ok(vec!["a-1.x_Y".to_owned(), "b".to_owned()]));
        for list in ["", "a,", "a#b", "a/b", "ñ", "a b", &"a".repeat(65)] {
            assert!(names(list).is_err(), "{list:?}");
        }
        let accounts = Accounts::parse("tienda").unwrap();
        assert_eq!((accounts.find("tienda"), accounts.find("Tienda")), (Some("tienda"), None));
    }

    #[test]
    fn keys_never_travel_in_the_clear() {
        let check = |value: Option<&str>, expected: Option<&str>| {
            assert_eq!(provider_url(&with(value)).ok().as_deref(), expected, "{value:?}");
        };
        check(None, Some("https://services.pagoefectivo.pe"));
        check(Some("test"), Some("https://pre1a.services.pagoefectivo.pe"));
        check(
            Some("https://pre1a.services.pagoefectivo.pe/"),
            Some("https://pre1a.services.pagoefectivo.pe"),
        );
        check(Some("http://127.0.0.1:4000"), Some("http://127.0.0.1:4000"));
        check(Some("http://localhost"), Some("http://localhost"));
        check(Some("http://[::1]:4000/pe"), Some("http://[::1]:4000/pe"));
        for url in [
            "http://localhost.example.com",
            "http://localhost:x@evil.example",
            "http://localhost:1@evil.example",
            "http://localhost@evil.example",
            "http://localhost:@evil.example/",
            "http://localhost\\@evil.example",
            "http://localhost?@evil.example",
            "http://localhost:",
            "http://localhost:70000",
            "http://127.0.0.1.evil.example",
            "http://[::1]evil.example",
            "http://",
        ] {
            check(Some(url), None);
        }
        check(Some("http://services.pagoefectivo.pe"), None);
        check(Some("services.pagoefectivo.pe"), None);
    }

    #[test]
    fn a_count_is_absent_or_in_its_range() {
        let check = |value: Option<&str>, expected: Result<Option<u64>, ()>| {
            assert_eq!(count(&with(value), "RECHECK_DAYS", 0..=60).map_err(drop), expected, "{value:?}");
        };
        check(None, Ok(None));
        check(Some("60"), Ok(Some(60)));
        check(Some("61"), Err(()));
        check(Some("-1"), Err(()));
    }

    #[test]
    fn a_topic_is_an_arn() {
        assert!(topic_arn(&with(Some("arn:aws:sns:us-east-1:123456789012:alerts"))).is_ok());
        assert!(topic_arn(&with(Some("alerts"))).is_err());
        assert!(topic_arn(&with(Some("arn:aws:sqs:us-east-1:123456789012:alerts"))).is_err());
    }
}
