//! Why a signature is not right: tries what is known to go wrong between two implementations, and names the simplest
//! mistake that explains the header.
//!
//! For a person with the key in hand, never for the answer to a sender. What it says holds neither a signature nor any
//! part of the key or the body.

mod bodies;
mod header;
mod key;
mod rewriting;
#[cfg(test)]
mod tests;
mod writing;

use std::ops::ControlFlow;

use bodies::Candidate;
use key::KeyUse;

use super::keys::trimmed;
use super::parameters::Unreadable;
use super::{Encoding, Form, KeyError, Scheme, Secret, SignatureError, Tag, Verifier, verify};
use crate::calendar::Instant;

/// A body with its header, as received, and what it is checked with.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// How the account's notices are signed. Of PagoEfectivo's own scheme the compact form is tried in any case.
    pub scheme: &'a Scheme,
    /// The key as it is stored, white space around it included.
    pub secret_key: &'a Secret,
    /// The bytes of the body.
    pub body: &'a [u8],
    /// The value of the signature's header.
    pub header: &'a str,
    /// The moment of receipt, for schemes that sign a time.
    pub now: Instant,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What the signature is right over; `None` where it is not right.
    pub form: Option<Form>,
    /// One sentence for a person.
    pub text: String,
}

const UNEXPLAINED: &str = "it is of another key or another body";

/// Checks a signature and, where it is not right, looks for the mistake.
///
/// # Errors
/// [`KeyError::Short`] for a key that can be nobody's. One that is padded or cannot be decoded is diagnosed.
pub fn diagnose(case: &Case<'_>) -> Result<Diagnosis, KeyError> {
    let bare = Secret::new(trimmed(case.secret_key.expose()).to_owned());
    let lenient = match case.scheme {
        Scheme::PagoEfectivo { .. } => Scheme::PagoEfectivo { compact: true },
        other => other.clone(),
    };
    let is_padded = bare != *case.secret_key;
    let outcome = match Verifier::new(lenient, &bare) {
        Ok(verifier) => {
            let header = || std::iter::once(case.header.as_bytes());
            verify(&[verifier], case.body, |_| header(), case.now).map(|found| found.form)
        }
        Err(KeyError::Short) => return Err(KeyError::Short),
        Err(KeyError::Padded | KeyError::NotBase64) => Err(SignatureError::Wrong),
    };
    Ok(match outcome {
        Ok(form) if !is_padded => Diagnosis { form: Some(form), text: right(case, form) },
        Ok(_) => wrong(&[PADDED.to_owned(), "without it the signature is right".to_owned()]),
        Err(error) => explain(case, &bare, is_padded, error),
    })
}

const PADDED: &str =
    "secret_key begins or ends with white space, and the callback refuses such a key: store it without";

fn right(case: &Case<'_>, form: Form) -> String {
    let over = match form {
        Form::Raw => "the body as received",
        Form::Compact => "the body without the white space between JSON's tokens",
        Form::Canonical => "the body's sorted parameters",
    };
    let mut text = format!("ok: the signature is right over {over} ({})", form.word());
    if form == Form::Compact && *case.scheme == Scheme::default() {
        text.push_str("; the account needs \"compact\": true in its signature scheme");
    }
    let is_upper = |byte: u8| byte.is_ascii_uppercase();
    if case.scheme.encoding() == Encoding::Hex && case.header.bytes().any(is_upper) {
        text.push_str("; its digits are in upper case, which is accepted");
    }
    text
}

fn wrong(clauses: &[String]) -> Diagnosis {
    Diagnosis { form: None, text: format!("wrong: {}", clauses.join("; ")) }
}

/// What is wrong with a signature that is not right with the bare key, or whose key cannot be prepared.
fn explain(case: &Case<'_>, bare: &Secret, is_padded: bool, error: SignatureError) -> Diagnosis {
    let mut clauses = Vec::new();
    if is_padded {
        clauses.push(PADDED.to_owned());
    }
    match error {
        SignatureError::Stale => clauses.push(stale(case)),
        SignatureError::Timestamp => clauses.push(
            "the signature is right, and the signed time is missing or not in the configured field and format".to_owned(),
        ),
        _ => clauses.extend(mistakes(case, bare)),
    }
    wrong(&clauses)
}

fn stale(case: &Case<'_>) -> String {
    let distance = match case.scheme {
        Scheme::Canonical(canonical) => canonical.distance(case.body, case.now),
        _ => None,
    };
    let seconds = distance.map(|distance| distance.num_seconds()).unwrap_or_default();
    format!(
        "the signature is right, and the signed time lies {seconds} seconds from now, which is more than tolerance_seconds: \
         compare the clocks, or give the time of receipt with --now"
    )
}

/// The clauses of the simplest explanation, or of what is known without one.
fn mistakes(case: &Case<'_>, bare: &Secret) -> Vec<String> {
    let mut clauses = Vec::new();
    let uses = key::uses(case.scheme, bare.expose(), case.secret_key.expose());
    // Said only where no other use of the key explains the signature.
    let no_base64 = Verifier::new(case.scheme.clone(), bare).err() == Some(KeyError::NotBase64);
    let reading = header::read(case.scheme, case.header);
    if let Some(found) = simplest(case, &uses, &reading.tags) {
        clauses.extend(found.header.iter().map(|mistake| mistake.words(case.scheme).to_owned()));
        clauses.extend(found.key.words.map(str::to_owned));
        clauses.extend(found.body);
        return clauses;
    }
    clauses.extend(reading.faults);
    if no_base64 {
        clauses.push(KeyError::NotBase64.to_string());
    }
    clauses.extend(unreadable(case).map(|reason| reason.to_string()));
    if !reading.tags.is_empty() {
        clauses.push(UNEXPLAINED.to_owned());
    }
    clauses
}

/// Why the body has no parameters to sign, where they are what is signed.
fn unreadable(case: &Case<'_>) -> Option<Unreadable> {
    match case.scheme {
        Scheme::Canonical(canonical) => canonical.message(case.body, case.now).err(),
        _ => None,
    }
}

/// Mistakes that together make the tag of the header.
struct Explanation<'a> {
    cost: usize,
    header: &'a [header::Mistake],
    key: &'a KeyUse,
    body: Option<String>,
}

/// The explanation with the fewest mistakes. Tags are compared plainly: nobody but the holder of the key is told.
fn simplest<'a>(
    case: &Case<'_>,
    uses: &'a [KeyUse],
    tags: &'a [(Vec<header::Mistake>, Tag)],
) -> Option<Explanation<'a>> {
    let mut best: Option<Explanation<'a>> = None;
    let _broken_off = bodies::each(case, |Candidate { message, cost, words }| {
        if best.as_ref().is_some_and(|best| best.cost <= cost) {
            return ControlFlow::Break(());
        }
        for key in uses {
            let tag = key.tag(message);
            for (header, _) in tags.iter().filter(|(_, wanted)| *wanted == tag) {
                let cost = cost + header.len() + key.cost();
                if best.as_ref().is_none_or(|best| cost < best.cost) {
                    best = Some(Explanation { cost, header, key, body: words() });
                }
            }
        }
        ControlFlow::Continue(())
    });
    best
}
