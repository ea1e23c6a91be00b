//! The contract probe: the shape of the provider's answers against the recorded one.
//!
//! It makes a CIP in the test environment, looks for it, extends it and removes it. Nobody is to pay it: its shopper's mail
//! address is below `example.com`, which is nobody's.

use std::collections::BTreeMap;

use cuadre::money::{Currency, Money};
use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::client::wire::Wire;
use cuadre::pagoefectivo::client::{Client, ClientError, NewCip, Record, Shopper};
use cuadre::pagoefectivo::contract::{Contract, Shape};

use super::{Case, Finding};
use crate::failure::with_causes;

const CHECK: &str = "contract";

pub(super) async fn probe(client: &Client, case: &Case<'_>, wire: &Wire) -> Finding {
    if let Err(error) = play(client, case).await {
        return Finding::bad(CHECK, format!("the probe did not come to its end: {}", with_causes(&error)));
    }
    let contract = match Contract::recorded() {
        Ok(contract) => contract,
        Err(error) => return Finding::bad(CHECK, format!("the recorded contract cannot be read: {error}")),
    };
    let seen = shapes(&wire.records());
    let changes = changes(&contract.answers, &seen);
    if changes.is_empty() {
        return Finding::good(CHECK, format!("{} answers have the recorded shape", seen.len()));
    }
    let says = format!("{}; compare docs/contract/v1.json and tell Cuadre's maintainers", changes.join("; "));
    Finding::bad(CHECK, says)
}

/// One of each question, a refusal among them.
async fn play(client: &Client, case: &Case<'_>) -> Result<(), ClientError> {
    let Case { keys, clock, .. } = case;
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
    let made = client.create(keys, &new, *clock).await?;
    client.search(keys, &[made.cip], *clock).await?;
    client.patch_expiry(keys, made.cip, now.plus_hours(2), *clock).await?;
    client.remove(keys, made.cip, *clock).await?;
    let bad = NewCip { shopper: Shopper::new(Secret::new(String::new())), ..new };
    match client.create(keys, &bad, *clock).await {
        Err(ClientError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
        // Taken without a mail address: that is told by the refusal's shape, which is missing.
        Ok(made) => client.remove(keys, made.cip, *clock).await.map(drop),
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
