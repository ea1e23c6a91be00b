//! The contract probe: the shape of the provider's answers against the recorded one.
//!
//! It makes a CIP in the test environment, looks for it, extends it and removes it. Nobody is to pay it: its shopper's mail
//! address is below `example.com`, which is nobody's.

use std::collections::BTreeMap;

use super::wire::Wire;
use super::{Client, ClientError, NewCip, Record, Shopper};
use crate::calendar::Clock;
use crate::money::{Currency, Money};
use crate::pagoefectivo::contract::{Contract, Shape};
use crate::pagoefectivo::{Credentials, Secret};

/// What a probe came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Kinds of answers that were seen.
    pub answers: usize,
    /// What differs from the recorded contract, in words and without values.
    pub changes: Vec<String>,
}

/// Why a probe says nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A question of the probe was not answered.
    #[error("the probe did not come to its end")]
    Client(#[from] ClientError),
    /// The file of this version is no contract, which a test rules out.
    #[error("the recorded contract cannot be read")]
    Contract(#[from] serde_json::Error),
}

/// Plays one of each question over the client, and compares what its wire has recorded of the answers.
///
/// # Errors
/// [`ProbeError`].
pub async fn probe(
    client: &Client,
    wire: &Wire,
    keys: &Credentials,
    clock: Clock<'_>,
) -> Result<Probed, ProbeError> {
    play(client, keys, clock).await?;
    let seen = shapes(&wire.records());
    Ok(Probed { answers: seen.len(), changes: changes(&Contract::recorded()?.answers, &seen) })
}

/// One of each question, a refusal among them.
async fn play(client: &Client, keys: &Credentials, clock: Clock<'_>) -> Result<(), ClientError> {
    let now = clock();
    let new = NewCip {
        amount: Money { minor: 500, currency: Currency::Pen },
        transaction_code: format!("CUADRE-PROBE-{}", now.to_utc().timestamp()),
        expires_at: Some(now.plus_hours(1)),
        payment_concept: Some("Cuadre contract probe".to_owned()),
        additional_data: None,
        admin_email: None,
        shopper: Shopper {
            phone: Some(Secret::new("999999999".to_owned())),
            phone_country: Some(Secret::new("+51".to_owned())),
            ..Shopper::new(Secret::new("probe@example.com".to_owned()))
        },
    };
    let made = client.create(keys, &new, clock).await?;
    client.search(keys, &[made.cip], clock).await?;
    client.patch_expiry(keys, made.cip, now.plus_hours(2), clock).await?;
    client.remove(keys, made.cip, clock).await?;
    let bad = NewCip { shopper: Shopper::new(Secret::new(String::new())), ..new };
    match client.create(keys, &bad, clock).await {
        Err(ClientError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
        // Taken without a mail address: that is told by the refusal's shape, which is missing.
        Ok(made) => client.remove(keys, made.cip, clock).await.map(drop),
    }
}

/// The last shape of each kind of answer. Trouble that passed is no part of the contract.
fn shapes(records: &[Record]) -> BTreeMap<String, Shape> {
    let named = |record: &Record| {
        let status = record.status.filter(|status| matches!(status, 200..=299 | 400))?;
        Some((format!("{status} {}", record.what), record.shape.clone()?))
    };
    records.iter().filter_map(named).collect()
}

fn changes(recorded: &BTreeMap<String, Shape>, seen: &BTreeMap<String, Shape>) -> Vec<String> {
    let mut changes = Vec::new();
    for (answer, shape) in recorded {
        match seen.get(answer) {
            None => changes.push(format!("{answer}: there was no such answer")),
            Some(now) => {
                changes.extend(shape.changes(now).iter().map(|change| format!("{answer}: {change}")))
            }
        }
    }
    let new = seen.keys().filter(|answer| !recorded.contains_key(*answer));
    changes.extend(new.map(|answer| format!("{answer}: is a new answer")));
    changes
}
