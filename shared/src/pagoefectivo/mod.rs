//! Everything that knows the provider: its signature, its notice, its API.
//!
//! What is known of PagoEfectivo comes from its "Integración API CIP" v1.1 (2018), its C# demo, screenshots in its own
//! documentation, and integrators' code; each doc comment here names its source, and says so where it is our
//! assumption.

pub mod client;
pub mod contract;
mod fields;
pub mod notice;
pub mod search;
pub mod settlement_report;
pub mod signature;

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A text that must not be shown: `Debug` hides it, and its memory is wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over.
    #[must_use]
    pub fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// The text itself, for a signature, a hash or a header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The keys of one account (one PagoEfectivo service of the merchant).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `idService`: four digits in the vendor document, five seen in production.
    pub id_service: u64,
    /// `accessKey`.
    pub access_key: Secret,
    /// `secretKey`: looks like base64 and is used as text, never decoded (vendor demo).
    pub secret_key: Secret,
}

/// What the template puts into a new secret until somebody stores the keys that PagoEfectivo gave.
const PLACEHOLDER: &str = "replace-me";

impl Credentials {
    /// Whether the secret still holds the template's placeholder.
    #[must_use]
    pub fn are_placeholder(&self) -> bool {
        self.access_key.expose() == PLACEHOLDER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_shown() {
        let secret = || Secret::new("c2VjcmV0".to_owned());
        let keys = Credentials { id_service: 1234, access_key: secret(), secret_key: secret() };
        assert_eq!(
            format!("{keys:?}"),
            "Credentials { id_service: 1234, access_key: [secret], secret_key: [secret] }"
        );
    }
}
