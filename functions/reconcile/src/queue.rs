//! Messages of the queue: each one run of one account.

use std::time::Duration;

use cuadre::aws::batch::{BatchAnswer, Message, Messages};
use cuadre::aws::queue::rest;
use cuadre::aws::run_orders::RunOrder;
use cuadre::calendar::{Clock, Instant};
use cuadre::telemetry;

use crate::account::{Order, reconcile};
use crate::{Clients, Config, tell};

/// How long a failed run rests before it is tried again, the first time and at most.
const WAIT_FIRST: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// A message cannot be postponed for longer.
const AHEAD_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// Makes the runs that the messages order. One that fails, or whose slot has not ended, comes again.
pub(crate) async fn work(
    messages: &Messages,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    for message in &messages.records {
        let Some((order, as_of)) = read(message) else { continue };
        let Some(account) = config.accounts.find(&order.account) else {
            let account = order.account.as_str();
            tracing::error!(outcome = "dropped", account, "ACCOUNTS does not list the account of a message");
            continue;
        };
        if let Some(wait) = until(as_of, clock()) {
            answer.fail(&message.message_id);
            postpone(message, wait, clients).await;
            tracing::info!(
                outcome = "waiting",
                account,
                wait_seconds = wait.as_secs(),
                "the slot has not ended"
            );
            continue;
        }
        let order = Order { account, as_of, after_arrival: order.after_arrival, full: false };
        // Boxed, since the nested types of the SDK's futures are too deep for the compiler otherwise.
        match Box::pin(reconcile(order, clients, clock)).await {
            Ok(run) => tell(&run),
            Err(error) => {
                answer.fail(&message.message_id);
                let wait = rest(WAIT_FIRST, WAIT_MAX, message.received(), &message.message_id);
                tracing::error!(
                    outcome = "failed",
                    account,
                    attempts = message.received(),
                    wait_seconds = wait.as_secs(),
                    error = telemetry::chain(&error),
                    "run failed"
                );
                postpone(message, wait, clients).await;
            }
        }
    }
    answer
}

/// What a message orders; one that orders nothing would only come again as it is.
fn read(message: &Message) -> Option<(RunOrder, Instant)> {
    let order = serde_json::from_str::<RunOrder>(&message.body).ok();
    let order = order.and_then(|order| Some((Instant::parse(&order.scheduled_at)?, order)));
    if order.is_none() {
        tracing::error!(outcome = "unreadable", message.id = message.message_id, "message orders no run");
    }
    order.map(|(as_of, order)| (order, as_of))
}

/// How long it is until a run may be made; `None` when it may.
fn until(as_of: Instant, now: Instant) -> Option<Duration> {
    let ahead = as_of.to_utc().signed_duration_since(now.to_utc()).to_std().ok()?;
    // A second more, since a message comes back when whole seconds are over.
    let wait = ahead.saturating_add(Duration::from_secs(1)).min(AHEAD_MAX);
    (!ahead.is_zero()).then_some(wait)
}

/// Lets a message, and with it its group, rest. Should even that fail, the queue's own time-out brings it back.
async fn postpone(message: &Message, wait: Duration, clients: &Clients) {
    if let Err(error) = clients.messages.postpone(&message.receipt_handle, wait).await {
        tracing::warn!(error = telemetry::chain(&error), "message cannot be postponed");
    }
}
