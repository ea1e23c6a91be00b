#![doc = include_str!("../README.md")]

mod config;
mod shop;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use cuadre::aws::batch::{BatchAnswer, Message, Messages};
use cuadre::aws::bucket::Bucket;
use cuadre::aws::policy::{Policies, PolicyUnavailable};
use cuadre::aws::queue::{Queue, rest};
use cuadre::aws::table::Table;
use cuadre::aws::{Patience, SdkConfig, StoreError};
use cuadre::calendar::{Clock, Instant};
use cuadre::ids::Cip;
use cuadre::telemetry;
use serde::Deserialize;

pub use config::Config;
use shop::{Shop, ShopError};

/// The wait after the first failure; each further one doubles it.
const WAIT_FIRST: Duration = Duration::from_secs(10);
/// No wait is longer: a shop that is up again is not kept waiting for an hour.
const WAIT_MAX: Duration = Duration::from_secs(900);

/// The clients that the function keeps between events.
#[derive(Debug)]
pub struct Clients {
    table: Table,
    policies: Policies,
    forwards: Queue,
    shop: Shop,
}

impl Clients {
    /// Makes the clients; nothing is asked yet.
    ///
    /// # Errors
    /// The HTTP client could not be set up.
    pub fn new(sdk: &SdkConfig, config: &Config) -> Result<Clients, reqwest::Error> {
        Clients::with_hosts(sdk, config, &[])
    }

    /// Makes the clients for a machine on which some hosts are found at addresses of their own, such as a simulated shop.
    ///
    /// # Errors
    /// The HTTP client could not be set up.
    pub fn with_hosts(
        sdk: &SdkConfig,
        config: &Config,
        hosts: &[(&str, SocketAddr)],
    ) -> Result<Clients, reqwest::Error> {
        Ok(Clients {
            table: Table::new(sdk, Patience::WORK, &config.table_name),
            policies: Policies::new(Bucket::new(sdk, Patience::WORK, &config.bucket_name)),
            forwards: Queue::new(sdk, Patience::WORK, &config.forwards_url),
            shop: Shop::new(hosts)?,
        })
    }
}

/// A notice on its way, as publish writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Forward {
    event_id: String,
    account: String,
    cip: Cip,
    notice: String,
}

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    /// The account no longer wants notices to be sent on.
    NotWanted,
    /// There is no such notice: nothing can be sent.
    Gone,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::NotWanted => "not_wanted",
            Outcome::Gone => "gone",
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum ForwardError {
    #[error("the message is none of publish's")]
    Unreadable,
    #[error(transparent)]
    Policy(#[from] PolicyUnavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Shop(#[from] ShopError),
}

/// Sends notices on. One that fails is postponed, longer each time, and the later ones of its code stay behind it.
pub async fn handle(event: &Messages, clients: &Clients, clock: Clock<'_>) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    let mut stopped: BTreeSet<&str> = BTreeSet::new();
    for message in &event.records {
        let group = message.attributes.message_group_id.as_str();
        if stopped.contains(group) {
            answer.fail(&message.message_id);
            continue;
        }
        match Box::pin(send_on(message, clients, clock())).await {
            Ok(outcome) => {
                tracing::info!(outcome = outcome.word(), message.group = group, "notice dealt with")
            }
            Err(error) => {
                stopped.insert(group);
                answer.fail(&message.message_id);
                postpone(message, &error, clients).await;
            }
        }
    }
    answer
}

async fn send_on(message: &Message, clients: &Clients, now: Instant) -> Result<Outcome, ForwardError> {
    let Forward { event_id, account, cip, notice } =
        serde_json::from_str(&message.body).map_err(|_| ForwardError::Unreadable)?;
    let policy = clients.policies.at(now).await?;
    let Some(url) = policy.forward_url(&account) else {
        return Ok(Outcome::NotWanted);
    };
    let Some(received) = clients.table.received(&account, cip, &notice).await? else {
        return Ok(Outcome::Gone);
    };
    clients.shop.post(url, received, &account, &event_id).await?;
    Ok(Outcome::Delivered)
}

/// Lets a failed message rest. Should even that fail, the queue's own time-out brings it back.
async fn postpone(message: &Message, error: &ForwardError, clients: &Clients) {
    let received = message.received();
    let wait = wait(received, &message.message_id);
    tracing::warn!(
        outcome = "postponed",
        message.group = message.attributes.message_group_id,
        attempts = received,
        wait_seconds = wait.as_secs(),
        error = telemetry::chain(error),
        "notice not delivered"
    );
    if let Err(error) = clients.forwards.postpone(&message.receipt_handle, wait).await {
        tracing::warn!(error = telemetry::chain(&error), "message cannot be postponed");
    }
}

/// 10 s, 20 s, 40 s … up to 15 minutes.
fn wait(received: u32, message_id: &str) -> Duration {
    rest(WAIT_FIRST, WAIT_MAX, received, message_id)
}
