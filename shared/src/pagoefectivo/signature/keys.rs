//! The key of an account: which texts are none, and which bytes of the others sign.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{KeyText, Secret};

/// A shorter key can be guessed, and an empty one is a configuration that somebody forgot.
const KEY_BYTES_MIN: usize = 16;

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Too short to be a key, or empty.
    #[error("secret_key is shorter than {KEY_BYTES_MIN} bytes: store the key that the provider gave")]
    Short,
    /// A blank, line break or byte order mark was stored with the key, so that no signature could ever agree.
    #[error("secret_key begins or ends with white space: store it without")]
    Padded,
    /// The scheme decodes the key, and it cannot be decoded.
    #[error(
        "secret_key is not base64, as its signature scheme says: store the whole key, or set \"key\": \"text\""
    )]
    NotBase64,
}

/// The bytes that sign.
pub(super) fn usable(key: KeyText, secret_key: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = secret_key.expose();
    if trimmed(text).len() < text.len() {
        return Err(KeyError::Padded);
    }
    if text.len() < KEY_BYTES_MIN {
        return Err(KeyError::Short);
    }
    let bytes = match key {
        KeyText::Text => Zeroizing::new(text.as_bytes().to_vec()),
        KeyText::Base64 => Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError::NotBase64)?),
    };
    if bytes.len() < KEY_BYTES_MIN { Err(KeyError::Short) } else { Ok(bytes) }
}

/// The key without what an editor or a copy leaves around it.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_be_the_provider_s_is_refused() {
        let check = |key: KeyText, text: &str, expected: Result<&[u8], KeyError>| {
            let usable = usable(key, &Secret::new(text.to_owned()));
            assert_eq!(
                usable.as_deref().map(Vec::as_slice),
                expected.as_ref().map(|bytes| *bytes),
                "{text:?}"
            );
        };
        check(KeyText::Text, "", Err(KeyError::Short));
        check(KeyText::Text, "fifteen-bytes..", Err(KeyError::Short));
        check(KeyText::Text, "sixteen-bytes...", Ok(b"sixteen-bytes..."));
        check(KeyText::Text, "MDEyMzQ1Njc4OWFiY2RlZg==", Ok(b"MDEyMzQ1Njc4OWFiY2RlZg=="));
        for padded in [
            "a-key-with-a-line-break\n",
            "a-key-with-two\r\n",
            " blank-before-the-key",
            "\t",
            "\u{a0}a-no-break-space",
        ] {
            check(KeyText::Text, padded, Err(KeyError::Padded));
        }
        check(KeyText::Text, "\u{feff}a-byte-order-mark", Err(KeyError::Padded));
        check(KeyText::Base64, "MDEyMzQ1Njc4OWFiY2RlZg==", Ok(b"0123456789abcdef"));
        check(KeyText::Base64, "MDEyMzQ1Njc4OWFiY2Rl", Err(KeyError::Short));
        check(KeyText::Base64, "MDEyMzQ1Njc4OWFiY2RlZg", Err(KeyError::NotBase64));
        check(KeyText::Base64, "no base64 at all, surely", Err(KeyError::NotBase64));
        check(KeyText::Base64, "MDEyMzQ1Njc4OWFiY2RlZg==\n", Err(KeyError::Padded));
    }
}
