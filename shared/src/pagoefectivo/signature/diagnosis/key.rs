//! What a signer may have done with the key.

use hmac::{KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::{KeyText, Prepared, Scheme, Tag};
use super::header::from_base64;

/// One way to make a tag of a message.
pub(super) struct KeyUse {
    /// What is wrong with it; `None` for the right way.
    pub(super) words: Option<&'static str>,
    way: Way,
}

enum Way {
    /// HMAC with these bytes as key.
    Keyed(Prepared),
    /// HMAC with the message as key and these bytes as message.
    Swapped(Zeroizing<Vec<u8>>),
    /// SHA-256 of these bytes, the message, and those bytes.
    Plain(Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>),
}

impl KeyUse {
    pub(super) fn cost(&self) -> usize {
        usize::from(self.words.is_some())
    }

    pub(super) fn tag(&self, message: &[u8]) -> Tag {
        match &self.way {
            Way::Keyed(prepared) => finished(prepared.clone(), message),
            // A key of any length fits HMAC; the error is one of the trait.
            Way::Swapped(key) => {
                Prepared::new_from_slice(message).map_or([0; 32], |prepared| finished(prepared, key))
            }
            Way::Plain(before, after) => {
                Sha256::new().chain_update(before).chain_update(message).chain_update(after).finalize().into()
            }
        }
    }
}

fn finished(mut prepared: Prepared, message: &[u8]) -> Tag {
    prepared.update(message);
    prepared.finalize().into_bytes().into()
}

/// The right use first, then the mistaken ones. `bare` is the key without white space around it, `stored` with it.
pub(super) fn uses(scheme: &Scheme, bare: &str, stored: &str) -> Vec<KeyUse> {
    let decoded = from_base64(bare).map(Zeroizing::new);
    let text = Zeroizing::new(bare.as_bytes().to_vec());
    let (right, other, other_words) = match scheme.key() {
        KeyText::Text => (Some(text.clone()), decoded, decoding_words(scheme)),
        KeyText::Base64 => {
            (decoded, Some(text.clone()), "the key was used as text: the scheme needs \"key\": \"text\"")
        }
    };
    let mut keyed: Vec<(Option<&'static str>, Zeroizing<Vec<u8>>)> = Vec::new();
    let mut add = |words: Option<&'static str>, key: Option<Zeroizing<Vec<u8>>>| {
        // Of two uses that come to the same, the first has the simpler words.
        keyed.extend(key.filter(|key| keyed.iter().all(|(_, known)| known != key)).map(|key| (words, key)));
    };
    let bytes = |text: String| Some(Zeroizing::new(text.into_bytes()));
    add(None, right.clone());
    add(Some(other_words), other);
    add(Some("the key was used with the white space around it"), bytes(stored.to_owned()));
    add(
        Some("the key was used with a line break (LF) at its end, as an editor leaves one"),
        bytes(format!("{bare}\n")),
    );
    add(
        Some("the key was used with a line break (CRLF) at its end, as an editor leaves one"),
        bytes(format!("{bare}\r\n")),
    );
    add(Some("the key was used in upper case"), bytes(bare.to_uppercase()));
    add(Some("the key was used in lower case"), bytes(bare.to_lowercase()));

    let mut uses: Vec<KeyUse> = Vec::new();
    for (words, key) in keyed {
        // A key of any length fits HMAC; the error is one of the trait.
        uses.extend(
            Prepared::new_from_slice(&key).ok().map(|prepared| KeyUse { words, way: Way::Keyed(prepared) }),
        );
    }
    let empty = || Zeroizing::new(Vec::new());
    let mut mistaken = |words, way| uses.push(KeyUse { words: Some(words), way });
    mistaken("key and message are swapped", Way::Swapped(text.clone()));
    mistaken("it is a plain SHA-256 without any key, not an HMAC", Way::Plain(empty(), empty()));
    mistaken("it is a plain SHA-256 of key and message, not an HMAC", Way::Plain(text.clone(), empty()));
    mistaken("it is a plain SHA-256 of message and key, not an HMAC", Way::Plain(empty(), text));
    uses
}

fn decoding_words(scheme: &Scheme) -> &'static str {
    match scheme {
        Scheme::PagoEfectivo { .. } => "the key was base64-decoded, and its text is what signs",
        _ => "the key was base64-decoded: the scheme needs \"key\": \"base64\"",
    }
}
