#![doc = include_str!("../README.md")]

mod config;
mod event;
mod refusals;
mod request;
#[cfg(test)]
mod tests;

use std::time::Duration;

use cuadre::aws::secrets::{AccountKeys, SecretError, Secrets};
use cuadre::aws::table::{Recorded, Signed, Table};
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::Instant;
use cuadre::pagoefectivo::notice;
use cuadre::pagoefectivo::signature::{self, Form, KeyError, SignatureError};
use cuadre::telemetry;

use self::refusals::Refusals;

pub use config::Config;
pub use event::{Answer, Context, Event, Headers, Http, PathParameters};
pub use request::{BODY_BYTES_MAX, Delivery, Refusal, read};

/// After this the sender gets its answer, whatever storage does. What was under way may still take effect; the
/// sender's repetition finds it.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_700);

/// How long the start waits for keys. The first event may be waiting already, and asks for them itself.
const START_WITHIN: Duration = Duration::from_millis(500);

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    secrets: Secrets,
    refusals: Refusals,
}

/// None of the accounts has a key that anything could be verified with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no account has a usable key: {0}")]
pub struct NoKey(String);

impl Clients {
    /// Makes the clients; nothing is asked yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Clients {
        Clients {
            table: Table::new(sdk, Patience::REQUEST, &config.table_name),
            secrets: Secrets::new(sdk, Patience::REQUEST, &config.secret_prefix),
            refusals: Refusals::default(),
        }
    }

    /// Reads the accounts' keys before the first event. An account whose key is empty or too short is told about and will
    /// answer 503, beside the others; keys that cannot be read now are asked for again with the first event.
    ///
    /// # Errors
    /// [`NoKey`] where every account's keys were read and not one of them is usable.
    pub async fn read_keys(&self, config: &Config, now: Instant) -> Result<(), NoKey> {
        let mut unusable = Vec::new();
        let reading = async {
            for account in config.accounts.iter() {
                match self.secrets.keys(account, now).await {
                    Ok(keys) => match keys.verifiers_at(now) {
                        Ok(_) => {}
                        Err(error) => {
                            tracing::error!(outcome = "unusable_key", account, reason = %error, "key cannot be used");
                            unusable.push(format!("{account}: {error}"));
                        }
                    },
                    Err(error) => {
                        let error = telemetry::chain(&error);
                        tracing::warn!(account, error, "keys cannot be read yet");
                    }
                }
            }
        };
        if tokio::time::timeout(START_WITHIN, reading).await.is_err() {
            tracing::warn!("keys cannot be read yet");
        }
        let all = unusable.len() == config.accounts.iter().count();
        if all { Err(NoKey(unusable.join("; "))) } else { Ok(()) }
    }
}

/// What came of a delivery; one log line and one answer for each.
#[derive(Debug)]
enum Outcome {
    Refused(Refusal),
    Unsigned(SignatureError),
    New(Proof),
    Repeated(Proof),
    /// Signed, and unreadable or in contradiction to what stands: kept for a person.
    Quarantined(Proof, String),
    Unavailable(Trouble),
}

/// How a signature agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proof {
    form: Form,
    /// Whether the key was the one before the current one.
    by_previous_key: bool,
}

/// Why a delivery could not be dealt with now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("storage was not done in time")]
    Late,
}

/// Deals with one delivery: verifies it, records it with one conditional write, answers.
pub async fn handle(event: Event, clients: &Clients, config: &Config, now: Instant) -> Answer {
    let outcome = match read(&event, config) {
        Err(refusal) => Outcome::Refused(refusal),
        Ok(delivery) => {
            // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
            let dealt_with = Box::pin(deal_with(&delivery, &event.headers, clients, now));
            match tokio::time::timeout(ANSWER_WITHIN, dealt_with).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(trouble)) => Outcome::Unavailable(trouble),
                Err(_) => Outcome::Unavailable(Trouble::Late),
            }
        }
    };
    let account = event.account().and_then(|name| config.accounts.find(name));
    log(&outcome, account.unwrap_or_default());
    answer(&outcome)
}

async fn deal_with(
    delivery: &Delivery<'_>,
    headers: &Headers,
    clients: &Clients,
    now: Instant,
) -> Result<Outcome, Trouble> {
    let (account, body) = (delivery.account, delivery.body.as_ref());
    let keys = clients.secrets.keys(account, now).await?;
    let mut verdict = verify(body, headers, &keys, now);
    if !matches!(verdict, Ok(Ok(_))) {
        // It may be of a key that came into force since.
        let keys = clients.secrets.refreshed_keys(account, now).await?;
        verdict = verify(body, headers, &keys, now);
    }
    let Verified { proof, header, signature } = match verdict? {
        Ok(verified) => verified,
        Err(error) => {
            clients.refusals.count(account, &clients.table, now).await;
            return Ok(Outcome::Unsigned(error));
        }
    };
    let signed = Signed { body, header: &header, signature, form: proof.form.word() };
    let (cip, reason) = match notice::read(account, body, now) {
        Ok(row) => match clients.table.record_notice(&row, signed).await? {
            Recorded::New => return Ok(Outcome::New(proof)),
            Recorded::Repeated => return Ok(Outcome::Repeated(proof)),
            Recorded::Contradicts => {
                let reason = "contradicts the notice that stands under its CIP, event and operation";
                (Some(row.cip), reason.to_owned())
            }
        },
        Err(error) => (notice::cip(body), error.to_string()),
    };
    clients.table.quarantine(account, cip, signed, &reason, now).await?;
    Ok(Outcome::Quarantined(proof, reason))
}

/// A signature that agreed, and where it stood.
struct Verified<'a> {
    proof: Proof,
    header: String,
    signature: &'a str,
}

/// Checks the signature with every key that counts now.
fn verify<'a>(
    body: &[u8],
    headers: &'a Headers,
    keys: &AccountKeys,
    now: Instant,
) -> Result<Result<Verified<'a>, SignatureError>, KeyError> {
    let verifiers = keys.verifiers_at(now)?;
    let values = |name: &str| headers.values(name).map(str::as_bytes).collect::<Vec<_>>().into_iter();
    Ok(signature::verify(verifiers, body, values, now).map(|agreed| {
        let header =
            verifiers.get(agreed.key).map(|verifier| verifier.header().to_owned()).unwrap_or_default();
        let signature = headers.values(&header).next().unwrap_or_default();
        Verified { proof: Proof { form: agreed.form, by_previous_key: agreed.key > 0 }, header, signature }
    }))
}

fn log(outcome: &Outcome, account: &str) {
    let key = |proof: &Proof| if proof.by_previous_key { "previous" } else { "current" };
    match outcome {
        Outcome::New(proof) => {
            let (form, key) = (proof.form.word(), key(proof));
            tracing::info!(
                outcome = "new",
                account,
                signature.form = form,
                signature.key = key,
                "notice recorded"
            );
        }
        Outcome::Repeated(proof) => {
            let (form, key) = (proof.form.word(), key(proof));
            tracing::info!(
                outcome = "repeated",
                account,
                signature.form = form,
                signature.key = key,
                "notice was recorded before"
            );
        }
        Outcome::Quarantined(proof, reason) => {
            let (form, key) = (proof.form.word(), key(proof));
            tracing::warn!(
                outcome = "quarantined",
                account,
                reason,
                signature.form = form,
                signature.key = key,
                "signed notice set aside for a person"
            );
        }
        Outcome::Refused(refusal) => {
            tracing::warn!(outcome = "refused", account, reason = ?refusal, "request is no notice");
        }
        Outcome::Unsigned(error) => {
            tracing::warn!(outcome = "unsigned", account, reason = %error, "notice is not believed");
        }
        Outcome::Unavailable(trouble) => {
            let error = telemetry::chain(trouble);
            tracing::error!(outcome = "unavailable", account, error, "notice could not be dealt with");
        }
    }
}

fn answer(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::New(_) => Answer::new(200, r#"{"result":"recorded"}"#),
        Outcome::Repeated(_) => Answer::new(200, r#"{"result":"duplicate"}"#),
        Outcome::Quarantined(..) => Answer::new(200, r#"{"result":"quarantined"}"#),
        Outcome::Refused(Refusal::Sender | Refusal::UnknownAccount | Refusal::BadBase64)
        | Outcome::Unsigned(_) => Answer::new(401, r#"{"error":"unauthorized"}"#),
        Outcome::Refused(Refusal::Method) => {
            let mut answer = Answer::new(405, r#"{"error":"method not allowed"}"#);
            answer.headers.allow = Some("POST");
            answer
        }
        Outcome::Refused(Refusal::MediaType) => Answer::new(415, r#"{"error":"unsupported media type"}"#),
        Outcome::Refused(Refusal::TooLarge) => Answer::new(413, r#"{"error":"too large"}"#),
        Outcome::Unavailable(_) => {
            let mut answer = Answer::new(503, r#"{"error":"try again"}"#);
            answer.headers.retry_after = Some("1");
            answer
        }
    }
}
