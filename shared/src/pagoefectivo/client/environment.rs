//! Where the provider's API is.

use crate::config::env;

/// Hosts by the vendor document v1.1; the test host was called integration there.
const PRODUCTION: &str = "https://services.pagoefectivo.pe";
const TEST: &str = "https://pre1a.services.pagoefectivo.pe";

/// One of the provider's two environments, or another address that speaks as they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// Where money moves.
    #[default]
    Production,
    /// The provider's test environment, which has keys of its own.
    Test,
    /// A simulator, or a host that the contract names.
    Other(String),
}

impl Environment {
    /// Reads `production`, `test`, or an address. Plain HTTP goes to this machine only, since keys travel there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Environment> {
        match text.trim().trim_end_matches('/') {
            "production" | PRODUCTION => Some(Environment::Production),
            "test" | TEST => Some(Environment::Test),
            url => env::keeps_secrets(url).then(|| Environment::Other(url.to_owned())),
        }
    }

    /// The address that paths such as `/v1/cips` are put behind.
    #[must_use]
    pub fn base_url(&self) -> &str {
        match self {
            Environment::Production => PRODUCTION,
            Environment::Test => TEST,
            Environment::Other(url) => url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_has_a_name_or_an_address() {
        let check = |text: &str, expected: Option<&str>| {
            let environment = Environment::parse(text);
            assert_eq!(environment.as_ref().map(Environment::base_url), expected, "{text}");
        };
        check("production", Some(PRODUCTION));
        check(" test ", Some(TEST));
        check("https://services.pagoefectivo.pe/", Some(PRODUCTION));
        check("http://127.0.0.1:4010/", Some("http://127.0.0.1:4010"));
        check("http://services.pagoefectivo.pe", None);
        check("staging", None);
        check("", None);
        assert_eq!(Environment::parse(TEST), Some(Environment::Test));
    }
}
