//! Messages of the queue: each one pull of one source.

use std::time::Duration;

use cuadre::aws::batch::{BatchAnswer, Message, Messages};
use cuadre::aws::queue::rest;
use cuadre::calendar::Clock;
use cuadre::telemetry;

use crate::{Clients, Config, Ending, PullError, Pulled, Task, source};

/// How long a failed pull rests before it is tried again, the first time and at most.
const WAIT_FIRST: Duration = Duration::from_secs(30);
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a pull rests whose time was up. The next invocation goes on with it.
const PAUSE: Duration = Duration::from_secs(1);

/// Pulls the sources that the messages name. One that fails or whose time is up comes again.
pub(crate) async fn work(
    messages: &Messages,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    for message in &messages.records {
        let Ok(task) = serde_json::from_str::<Task>(&message.body) else {
            // It would only come again as it is.
            tracing::error!(outcome = "unreadable", message.id = message.message_id, "message is no task");
            continue;
        };
        match Box::pin(source::pull(&task, clients, config, clock)).await {
            Ok(pulled) => {
                tell(&pulled);
                if pulled.ending == Ending::Paused {
                    answer.fail(&message.message_id);
                    postpone(message, PAUSE, clients).await;
                }
            }
            // Of a source that has left the policy meanwhile there is nothing to pull, however often it is tried.
            Err(PullError::Task(error)) => {
                let (account, source) = (task.account, task.source);
                tracing::error!(outcome = "dropped", account, source, reason = %error, "message cannot be worked on");
            }
            Err(error) => {
                answer.fail(&message.message_id);
                let wait = rest(WAIT_FIRST, WAIT_MAX, message.received(), &message.message_id);
                tell_failure(&task, &error, message.received(), wait);
                postpone(message, wait, clients).await;
            }
        }
    }
    answer
}

fn tell(pulled: &Pulled) {
    let Pulled { account, source, ending } = pulled;
    let outcome = match ending {
        Ending::AlreadyDone => "already_done",
        Ending::Left => "left",
        Ending::Searched(_) | Ending::Reported(_) => "pulled",
        Ending::Paused => "paused",
    };
    // A struct of numbers and names always serialises.
    let counts = serde_json::to_string(ending).unwrap_or_default();
    tracing::info!(outcome, account, source, counts, "pull ended");
}

fn tell_failure(task: &Task, error: &PullError, attempts: u32, wait: Duration) {
    tracing::error!(
        outcome = "failed",
        account = task.account,
        source = task.source,
        attempts,
        wait_seconds = wait.as_secs(),
        error = telemetry::chain(error),
        "pull failed"
    );
}

/// Lets a message rest. Should even that fail, the queue's own time-out brings it back.
async fn postpone(message: &Message, wait: Duration, clients: &Clients) {
    if let Err(error) = clients.pulls.postpone(&message.receipt_handle, wait).await {
        tracing::warn!(error = telemetry::chain(&error), "message cannot be postponed");
    }
}
