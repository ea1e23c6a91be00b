//! `PE-Signature`: HMAC-SHA256 in hexadecimal over the body as it was received, keyed with the text of `secretKey`
//! (vendor doc v1.1). The document speaks of "compact JSON"; since no signed sample is public, only the bytes on the wire are verified here, never a re-serialised copy.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;

/// The header that carries the signature; the case of its letters does not matter.
pub const HEADER: &str = "pe-signature";

/// A shorter key can be guessed, and an empty one is a configuration that somebody forgot.
const KEY_BYTES_MIN: usize = 16;

/// Length of a whole SHA-256 tag; a shortened one is never accepted.
const TAG_BYTES: usize = 32;

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Too short to be a key, or empty.
    #[error("secret_key is shorter than {KEY_BYTES_MIN} bytes: store the key that PagoEfectivo gave")]
    Short,
    /// A blank or line break was stored with the key, so that no signature could ever agree.
    #[error("secret_key begins or ends with white space: store it without")]
    Padded,
}

/// A key that notices may be signed with.
#[derive(Clone, Debug)]
pub struct SigningKey(Secret);

impl SigningKey {
    /// Takes over the text of a `secretKey`.
    ///
    /// # Errors
    /// [`KeyError`] for a key that is surely not the provider's.
    pub fn new(secret_key: Secret) -> Result<SigningKey, KeyError> {
        let text = secret_key.expose();
        if text.trim().len() < text.len() {
            return Err(KeyError::Padded);
        }
        if text.len() < KEY_BYTES_MIN {
            return Err(KeyError::Short);
        }
        Ok(SigningKey(secret_key))
    }

    /// Whether the tag is this key's over the body; takes as long when it is not.
    fn signed(&self, body: &[u8], tag: &[u8; TAG_BYTES]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes()) else {
            return false;
        };
        mac.update(body);
        mac.verify_slice(tag).is_ok()
    }
}

/// Why a notice is not believed. For logs alone: the answer to the sender never says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature at all.
    #[error("the header PE-Signature is missing")]
    Missing,
    /// Two signatures; which of them counts would be a guess.
    #[error("the header PE-Signature is there more than once")]
    Repeated,
    /// Not 64 hexadecimal digits.
    #[error("the header PE-Signature is not 64 hexadecimal digits")]
    Malformed,
    /// None of the keys made this signature over this body.
    #[error("the signature is of another key or another body")]
    Wrong,
}

/// Checks that one of the keys signed the body. Every key is tried whatever the first one gives, so that the time
/// taken does not tell which of them agreed.
///
/// # Errors
/// [`SignatureError`]; also [`SignatureError::Wrong`] when there is no key.
pub fn verify<'a>(
    body: &[u8],
    mut headers: impl Iterator<Item = &'a [u8]>,
    keys: &[SigningKey],
) -> Result<(), SignatureError> {
    let header = headers.next().ok_or(SignatureError::Missing)?;
    if headers.next().is_some() {
        return Err(SignatureError::Repeated);
    }
    let mut tag = [0_u8; TAG_BYTES];
    hex::decode_to_slice(header, &mut tag).map_err(|_| SignatureError::Malformed)?;
    let agreed = keys.iter().fold(false, |agreed, key| key.signed(body, &tag) | agreed);
    if agreed { Ok(()) } else { Err(SignatureError::Wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ours, made with `openssl dgst -sha256 -hmac`: no notice with its signature and key is public.
    const KEY: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";
    const BODY: &[u8] = br#"{"eventType":"cip.paid","operationNumber":"778899","data":{"cip":"3154722","currency":"PEN","amount":22.50}}"#;
    const TAG: &str = "78086ce038ab2e647978c76c23d68b3a247b5214ad6dd545a344ff1a24c5a4dc";

    fn key(text: &str) -> SigningKey {
        SigningKey::new(Secret::new(text.to_owned())).unwrap()
    }

    fn check(body: &[u8], headers: &[&str], keys: &[SigningKey]) -> Result<(), SignatureError> {
        verify(body, headers.iter().map(|header| header.as_bytes()), keys)
    }

    #[test]
    fn the_known_answer_is_accepted_in_either_letter_case() {
        assert_eq!(check(BODY, &[TAG], &[key(KEY)]), Ok(()));
        assert_eq!(check(BODY, &[&TAG.to_uppercase()], &[key(KEY)]), Ok(()));
    }

    #[test]
    fn a_former_key_is_accepted_beside_the_current_one() {
        let other = "another-key-that-is-long-enough";
        assert_eq!(check(BODY, &[TAG], &[key(other), key(KEY)]), Ok(()));
        assert_eq!(check(BODY, &[TAG], &[key(KEY), key(other)]), Ok(()));
        assert_eq!(check(BODY, &[TAG], &[key(other)]), Err(SignatureError::Wrong));
        assert_eq!(check(BODY, &[TAG], &[]), Err(SignatureError::Wrong));
    }

    #[test]
    fn every_changed_bit_is_refused() {
        for index in 0..BODY.len() * 8 {
            let mut body = BODY.to_vec();
            body[index / 8] ^= 1 << (index % 8);
            assert_eq!(check(&body, &[TAG], &[key(KEY)]), Err(SignatureError::Wrong), "bit {index}");
        }
        let tag = hex::decode(TAG).unwrap();
        for index in 0..tag.len() * 8 {
            let mut tag = tag.clone();
            tag[index / 8] ^= 1 << (index % 8);
            assert_eq!(
                check(BODY, &[&hex::encode(tag)], &[key(KEY)]),
                Err(SignatureError::Wrong),
                "bit {index}"
            );
        }
    }

    #[test]
    fn only_one_whole_tag_is_a_signature() {
        let with_blank = format!(" {TAG}");
        let cut = |length: usize| TAG.chars().take(length).collect::<String>();
        let twice = format!("{TAG},{TAG}");
        for header in ["", &cut(62), &cut(32), &with_blank, &twice, &TAG.replace('a', "g"), "sha256="] {
            assert_eq!(check(BODY, &[header], &[key(KEY)]), Err(SignatureError::Malformed), "{header:?}");
        }
        assert_eq!(check(BODY, &[], &[key(KEY)]), Err(SignatureError::Missing));
        assert_eq!(check(BODY, &[TAG, TAG], &[key(KEY)]), Err(SignatureError::Repeated));
    }

    #[test]
    fn a_key_that_cannot_be_the_provider_s_is_refused() {
        let refused = |text: &str| SigningKey::new(Secret::new(text.to_owned())).err();
        assert_eq!(refused(""), Some(KeyError::Short));
        assert_eq!(refused("fifteen-bytes.."), Some(KeyError::Short));
        assert_eq!(refused("sixteen-bytes..."), None);
        assert_eq!(refused("a-key-with-a-line-break\n"), Some(KeyError::Padded));
        assert_eq!(format!("{:?}", key(KEY)), "SigningKey([secret])");
    }
}
