//! The signature of a notice: HMAC-SHA256 over the bytes received, in the scheme that the account is configured with.
//!
//! PagoEfectivo's own is `PE-Signature` (vendor doc v1.1): hexadecimal, keyed with the text of `secretKey`, over the body
//! as "compact JSON". No signed sample is public, so that it is open whether the body on the wire is compact itself. What
//! is verified is therefore the bytes on the wire and, where the account says so, those bytes without the white space that
//! means nothing. JSON is never parsed and written again.

mod canonical;
mod compact;
pub mod diagnosis;
mod json;
mod keys;
mod parameters;
mod scheme;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;
use crate::calendar::Instant;
use canonical::Message;
use parameters::Unreadable;

pub use canonical::{Canonical, EmptyValues, LetterCase, Timestamp, TimestampFormat, UrlEncoding};
pub use keys::KeyError;
pub use scheme::{Encoding, KeyText, Scheme};

/// Length of a whole SHA-256 tag; a shortened one is never accepted.
const TAG_BYTES: usize = 32;

/// Length of a tag in padded base64.
const TAG_BASE64_BYTES: usize = 44;

/// A SHA-256 tag.
type Tag = [u8; TAG_BYTES];

/// What a key is prepared to: cloned for each message, and wiped when it goes.
type Prepared = Hmac<Sha256>;

/// A key ready to verify with, bound to its scheme, so that no sender chooses how it is used.
pub struct Verifier {
    scheme: Scheme,
    prepared: Prepared,
}

impl Verifier {
    /// Prepares the text of a `secretKey` for its scheme.
    ///
    /// # Errors
    /// [`KeyError`] for a key that is surely not the provider's.
    pub fn new(scheme: Scheme, secret_key: &Secret) -> Result<Verifier, KeyError> {
        let key = keys::usable(scheme.key(), secret_key)?;
        Verifier::of_bytes(scheme, &key)
    }

    /// Takes any bytes for a key: published test vectors have short ones.
    fn of_bytes(scheme: Scheme, key: &[u8]) -> Result<Verifier, KeyError> {
        // A key of any length fits HMAC; the error is one of the trait.
        let prepared = Prepared::new_from_slice(key).map_err(|_| KeyError::Short)?;
        Ok(Verifier { scheme, prepared })
    }

    /// The header that carries the signature, in lower case.
    #[must_use]
    pub fn header(&self) -> &str {
        self.scheme.header()
    }

    /// Whether the tag is this key's over the message; takes as long when it is not.
    fn signed(&self, message: &[u8], tag: &Tag) -> bool {
        let mut mac = self.prepared.clone();
        mac.update(message);
        mac.verify_slice(tag).is_ok()
    }

    /// Checks one body.
    fn check<'v, 'h>(
        &'v self,
        forms: &mut Forms<'v>,
        headers: impl Iterator<Item = &'h [u8]>,
    ) -> Result<Form, SignatureError> {
        let tag = tag(self.scheme.encoding(), headers)?;
        match &self.scheme {
            Scheme::PagoEfectivo { compact } => {
                let raw = self.signed(forms.body, &tag);
                let compact = *compact && forms.compact().is_some_and(|form| self.signed(form, &tag));
                match (raw, compact) {
                    (true, _) => Ok(Form::Raw),
                    (false, true) => Ok(Form::Compact),
                    (false, false) => Err(SignatureError::Wrong),
                }
            }
            Scheme::Paysafe { .. } if self.signed(forms.body, &tag) => Ok(Form::Raw),
            Scheme::Paysafe { .. } => Err(SignatureError::Wrong),
            Scheme::Canonical(canonical) => {
                let message = forms.canonical(canonical).as_ref().map_err(|_| SignatureError::Unreadable)?;
                if !self.signed(message.text.as_bytes(), &tag) {
                    return Err(SignatureError::Wrong);
                }
                message.in_time.map(|()| Form::Canonical)
            }
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// Which of the keys agreed, and over which form of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// What was signed.
    pub form: Form,
    /// Place of the verifier in the list.
    pub key: usize,
}

/// What a signature was made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The bytes received.
    Raw,
    /// The bytes received, without the white space between JSON's tokens.
    Compact,
    /// The body's parameters, sorted and joined.
    Canonical,
}

impl Form {
    /// The word for logs and outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Form::Raw => "raw",
            Form::Compact => "compact",
            Form::Canonical => "canonical",
        }
    }
}

/// Why a notice is not believed. For logs alone: the answer to the sender never says which.
///
/// In ascending order of what they tell: where several keys fail, the greatest is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum SignatureError {
    /// No signature at all.
    #[error("the header of the signature is missing")]
    Missing,
    /// Two signatures; which of them counts would be a guess.
    #[error("the header of the signature is there more than once")]
    Repeated,
    /// Not one whole tag in the scheme's encoding.
    #[error(
        "the header of the signature is not one whole tag (64 hexadecimal digits, or 44 characters of base64)"
    )]
    Malformed,
    /// Parameters are signed, and the body is none, or could be read in two ways.
    #[error("the body is not a JSON object of parameters that can be signed in one way only")]
    Unreadable,
    /// None of the keys made this signature over this body.
    #[error("the signature is of another key or another body")]
    Wrong,
    /// The signature is right, and the signed time is missing or unreadable.
    #[error("the signed time is missing or unreadable")]
    Timestamp,
    /// The signature is right, and the signed time too far from now: a repetition, or a clock that is wrong.
    #[error("the signed time is too far from now")]
    Stale,
}

/// Checks that one of the keys signed the body. `headers` gives every value of a header by its lower-case name; each
/// verifier looks at its own. Every key is tried whatever the first one gives, so that the time taken does not tell
/// which of them agreed.
///
/// # Errors
/// [`SignatureError`], the most telling one of all keys; also [`SignatureError::Wrong`] when there is no key.
pub fn verify<'h, I: Iterator<Item = &'h [u8]>>(
    verifiers: &[Verifier],
    body: &[u8],
    headers: impl Fn(&str) -> I,
    now: Instant,
) -> Result<Match, SignatureError> {
    let mut forms = Forms { body, now, compact: OnceCell::new(), canonical: None };
    let outcomes = verifiers.iter().enumerate().map(|(key, verifier)| {
        let form = verifier.check(&mut forms, headers(verifier.header()))?;
        Ok(Match { form, key })
    });
    outcomes.reduce(better).unwrap_or(Err(SignatureError::Wrong))
}

/// What may be signed of one body, made when it is first asked for: two keys of one account mostly share their scheme.
struct Forms<'v> {
    body: &'v [u8],
    now: Instant,
    compact: OnceCell<Option<Vec<u8>>>,
    canonical: Option<(&'v Canonical, Result<Message, Unreadable>)>,
}

impl<'v> Forms<'v> {
    /// The compact form, where the body has another one than itself.
    fn compact(&self) -> Option<&[u8]> {
        self.compact.get_or_init(|| compact::compact(self.body)).as_deref()
    }

    fn canonical(&mut self, scheme: &'v Canonical) -> &Result<Message, Unreadable> {
        let known = self.canonical.take().filter(|(known, _)| *known == scheme);
        let known = known.unwrap_or_else(|| (scheme, scheme.message(self.body, self.now)));
        &self.canonical.insert(known).1
    }
}

/// The first match, else the more telling error.
fn better(
    left: Result<Match, SignatureError>,
    right: Result<Match, SignatureError>,
) -> Result<Match, SignatureError> {
    match (left, right) {
        (Ok(found), _) | (Err(_), Ok(found)) => Ok(found),
        (Err(left), Err(right)) => Err(left.max(right)),
    }
}

/// The only value of the header, decoded.
fn tag<'h>(encoding: Encoding, mut headers: impl Iterator<Item = &'h [u8]>) -> Result<Tag, SignatureError> {
    let header = headers.next().ok_or(SignatureError::Missing)?;
    if headers.next().is_some() {
        return Err(SignatureError::Repeated);
    }
    decoded(encoding, header).ok_or(SignatureError::Malformed)
}

/// A whole tag; `None` for anything else, blanks around it included.
fn decoded(encoding: Encoding, text: &[u8]) -> Option<Tag> {
    match encoding {
        Encoding::Hex => {
            let mut tag = [0; TAG_BYTES];
            hex::decode_to_slice(text, &mut tag).ok()?;
            Some(tag)
        }
        Encoding::Base64 if text.len() == TAG_BASE64_BYTES => STANDARD.decode(text).ok()?.try_into().ok(),
        Encoding::Base64 => None,
    }
}
