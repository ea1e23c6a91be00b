#![doc = include_str!("../README.md")]

mod config;
mod request;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::http::{HeaderValue, header};
use cuadre::aws::secrets::{AccountKeys, SecretError, Secrets};
use cuadre::aws::table::{Recorded, Table};
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::Instant;
use cuadre::pagoefectivo::notice;
use cuadre::pagoefectivo::signature::{self, KeyError, SignatureError, SigningKey};
use cuadre::telemetry;

pub use config::Config;
use request::{Delivery, Refusal};

/// After this the sender gets its answer, whatever storage does. What was under way may still take effect; the
/// sender's repetition finds it.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_700);

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    secrets: Secrets,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Clients {
        Clients {
            table: Table::new(sdk, Patience::REQUEST, &config.table_name),
            secrets: Secrets::new(sdk, Patience::REQUEST, &config.secret_prefix),
        }
    }
}

/// What came of a delivery; one log line and one answer for each.
#[derive(Debug)]
enum Outcome {
    Refused(Refusal),
    Unsigned(SignatureError),
    New,
    Repeated,
    /// Signed, and unreadable or in contradiction to what stands: kept for a person.
    Quarantined(String),
    Unavailable(Trouble),
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
pub async fn handle(
    event: ApiGatewayV2httpRequest,
    clients: &Clients,
    config: &Config,
    now: Instant,
) -> ApiGatewayV2httpResponse {
    let outcome = match request::read(&event, &config.accounts) {
        Err(refusal) => Outcome::Refused(refusal),
        Ok(delivery) => {
            let signatures: Vec<&[u8]> =
                event.headers.get_all(signature::HEADER).iter().map(HeaderValue::as_bytes).collect();
            // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
            let dealt_with = Box::pin(deal_with(&delivery, &signatures, clients, now));
            match tokio::time::timeout(ANSWER_WITHIN, dealt_with).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(trouble)) => Outcome::Unavailable(trouble),
                Err(_) => Outcome::Unavailable(Trouble::Late),
            }
        }
    };
    let account = event.path_parameters.get("account").and_then(|name| config.accounts.find(name));
    log(&outcome, account.unwrap_or_default());
    answer(&outcome)
}

async fn deal_with(
    delivery: &Delivery<'_>,
    signatures: &[&[u8]],
    clients: &Clients,
    now: Instant,
) -> Result<Outcome, Trouble> {
    if let Err(error) = verify(delivery, signatures, &clients.secrets, now).await? {
        return Ok(Outcome::Unsigned(error));
    }
    let (account, body) = (delivery.account, delivery.body.as_ref());
    let reason = match notice::read(account, body, now) {
        Ok(row) => match clients.table.record_notice(&row, body).await? {
            Recorded::New => return Ok(Outcome::New),
            Recorded::Repeated => return Ok(Outcome::Repeated),
            Recorded::Contradicts => {
                "contradicts the notice that stands under its CIP, event and operation".to_owned()
            }
        },
        Err(error) => error.to_string(),
    };
    clients.table.quarantine(account, body, &reason, now).await?;
    Ok(Outcome::Quarantined(reason))
}

/// Checks the signature with the account's keys, and once more with newly read ones when it does not fit: it may be of
/// a key that came into force since.
async fn verify(
    delivery: &Delivery<'_>,
    signatures: &[&[u8]],
    secrets: &Secrets,
    now: Instant,
) -> Result<Result<(), SignatureError>, Trouble> {
    let check = |keys: &AccountKeys| -> Result<Result<(), SignatureError>, KeyError> {
        let keys = signing_keys(keys, now)?;
        Ok(signature::verify(&delivery.body, signatures.iter().copied(), &keys))
    };
    let keys = secrets.keys(delivery.account, now).await?;
    match check(&keys) {
        Ok(Err(SignatureError::Wrong)) | Err(_) => {
            let keys = secrets.refreshed_keys(delivery.account, now).await?;
            Ok(check(&keys)?)
        }
        Ok(verdict) => Ok(verdict),
    }
}

/// The keys that a notice may be signed with: the current one, which has to be good, and for a while the one before it if
/// it is.
fn signing_keys(keys: &AccountKeys, now: Instant) -> Result<Vec<SigningKey>, KeyError> {
    let current = SigningKey::new(keys.current.secret_key.clone())?;
    let previous = keys.previous_at(now).map(|keys| SigningKey::new(keys.secret_key.clone()));
    Ok(std::iter::once(current).chain(previous.and_then(Result::ok)).collect())
}

fn log(outcome: &Outcome, account: &str) {
    match outcome {
        Outcome::New => tracing::info!(outcome = "new", account, "notice recorded"),
        Outcome::Repeated => tracing::info!(outcome = "repeated", account, "notice was recorded before"),
        Outcome::Quarantined(reason) => {
            tracing::warn!(outcome = "quarantined", account, reason, "signed notice set aside for a person");
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

/// The answer: a status, and nothing that would help a forger.
fn answer(outcome: &Outcome) -> ApiGatewayV2httpResponse {
    let (status, body) = match outcome {
        Outcome::New => (200, r#"{"result":"recorded"}"#),
        Outcome::Repeated => (200, r#"{"result":"duplicate"}"#),
        Outcome::Quarantined(_) => (200, r#"{"result":"quarantined"}"#),
        Outcome::Refused(Refusal::UnknownAccount | Refusal::BadBase64) | Outcome::Unsigned(_) => {
            (401, r#"{"error":"unauthorized"}"#)
        }
        Outcome::Refused(Refusal::Method) => (405, r#"{"error":"method not allowed"}"#),
        Outcome::Refused(Refusal::MediaType) => (415, r#"{"error":"unsupported media type"}"#),
        Outcome::Refused(Refusal::TooLarge) => (413, r#"{"error":"too large"}"#),
        Outcome::Unavailable(_) => (503, r#"{"error":"try again"}"#),
    };
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = status;
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match outcome {
        Outcome::Unavailable(_) => {
            response.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Outcome::Refused(Refusal::Method) => {
            response.headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        _ => {}
    }
    response.body = Some(body.into());
    response
}
