//! How an account's notices are signed, as it stands in its configuration.

use serde::Deserialize;

use super::Canonical;

/// How an account's notices are signed. Stands beside the key in the account's secret, since a key is made for one scheme.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "lowercase", deny_unknown_fields)]
pub enum Scheme {
    /// PagoEfectivo's own API (vendor doc v1.1): `PE-Signature`, hexadecimal, keyed with the key's text.
    PagoEfectivo {
        /// Whether the body without the white space between JSON's tokens may be what was signed.
        #[serde(default)]
        compact: bool,
    },
    /// Paysafe's Payments API: `Signature`, base64, over the body as received (its public documentation).
    Paysafe {
        /// Which bytes of the key sign. The page on alternative payments decodes the key, that on embedded wallets does not;
        /// that the former holds for PagoEfectivo is our assumption.
        #[serde(default)]
        key: KeyText,
    },
    /// Aggregators that sign the body's parameters, sorted and joined.
    Canonical(Canonical),
}

impl Default for Scheme {
    fn default() -> Scheme {
        Scheme::PagoEfectivo { compact: false }
    }
}

impl Scheme {
    /// The header that carries the signature, in lower case.
    #[must_use]
    pub fn header(&self) -> &str {
        match self {
            Scheme::PagoEfectivo { .. } => "pe-signature",
            Scheme::Paysafe { .. } => "signature",
            Scheme::Canonical(canonical) => canonical.header(),
        }
    }

    /// The word that names it in the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Scheme::PagoEfectivo { .. } => "pagoefectivo",
            Scheme::Paysafe { .. } => "paysafe",
            Scheme::Canonical(_) => "canonical",
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self {
            Scheme::PagoEfectivo { .. } => Encoding::Hex,
            Scheme::Paysafe { .. } => Encoding::Base64,
            Scheme::Canonical(canonical) => canonical.encoding(),
        }
    }

    pub(super) fn key(&self) -> KeyText {
        match self {
            Scheme::PagoEfectivo { .. } => KeyText::Text,
            Scheme::Paysafe { key } => *key,
            Scheme::Canonical(canonical) => canonical.key(),
        }
    }
}

/// Which bytes of a key sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyText {
    /// The text as it stands.
    Text,
    /// What it stands for in base64 (standard alphabet, padded).
    #[default]
    Base64,
}

/// How a tag is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// 64 hexadecimal digits in either letter case.
    #[default]
    Hex,
    /// 44 characters, standard alphabet, padded.
    Base64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scheme, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let check = |text: &str, expected: Scheme| assert_eq!(read(text), Ok(expected), "{text}");
        check(r#"{"scheme":"pagoefectivo"}"#, Scheme::default());
        check(r#"{"compact":true,"scheme":"pagoefectivo"}"#, Scheme::PagoEfectivo { compact: true });
        check(r#"{"scheme":"paysafe"}"#, Scheme::Paysafe { key: KeyText::Base64 });
        check(r#"{"scheme":"paysafe","key":"text"}"#, Scheme::Paysafe { key: KeyText::Text });
        check(r#"{"scheme":"canonical"}"#, Scheme::Canonical(Canonical::default()));
    }

    #[test]
    fn what_is_not_known_is_named() {
        let check = |text: &str, part: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("{}", "missing field `scheme`");
        check(r#"{"scheme":"none"}"#, "unknown variant `none`");
        check(r#"{"scheme":"none"}"#, "`pagoefectivo`, `paysafe`, `canonical`");
        check(r#"{"scheme":"PagoEfectivo"}"#, "unknown variant");
        check(r#"{"scheme":"pagoefectivo","compcat":true}"#, "unknown field `compcat`");
        check(r#"{"scheme":"pagoefectivo","key":"text"}"#, "unknown field `key`");
        check(r#"{"scheme":"pagoefectivo","compact":"yes"}"#, "boolean");
        check(r#"{"scheme":"paysafe","key":"hex"}"#, "unknown variant `hex`");
        check(r#"{"scheme":"paysafe","compact":true}"#, "unknown field `compact`");
        check(r#"{"scheme":"canonical","seperator":"&"}"#, "unknown field `seperator`");
    }

    #[test]
    fn each_scheme_has_its_word_and_header() {
        let check = |text: &str, word: &str, header: &str| {
            let scheme = read(text).unwrap();
            assert_eq!((scheme.word(), scheme.header()), (word, header));
        };
        check(r#"{"scheme":"pagoefectivo"}"#, "pagoefectivo", "pe-signature");
        check(r#"{"scheme":"paysafe"}"#, "paysafe", "signature");
        check(r#"{"scheme":"canonical"}"#, "canonical", "signature");
        check(r#"{"scheme":"canonical","header":"X-Firma"}"#, "canonical", "x-firma");
    }
}
