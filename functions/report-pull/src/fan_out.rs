//! One tick becomes one message for each source of each account.

use std::collections::BTreeSet;

use cuadre::calendar::Instant;
use cuadre::config::Policy;

use crate::{Clients, Config, PullError, Task, TaskError};

/// Sends the messages; gives how many. The same tick again sends the same messages, which the queue takes once.
pub(crate) async fn send(
    task: &Task,
    clients: &Clients,
    config: &Config,
    now: Instant,
) -> Result<usize, PullError> {
    if task.is_by_hand() || task.source.is_some() {
        return Err(TaskError::WindowOfMany.into());
    }
    let time = task.time(now)?.to_string();
    let policy = clients.policies.at(now).await?;
    let mut sent: usize = 0;
    for account in accounts(task, config, &policy)? {
        for source in policy.sources(account) {
            let message = Task {
                account: Some(account.to_owned()),
                source: Some(source.name.clone()),
                scheduled_at: Some(time.clone()),
                ..Task::default()
            };
            // A struct of texts always serialises.
            let Ok(body) = serde_json::to_string(&message) else { continue };
            let group = format!("{account}#{}", source.name);
            clients.pulls.send(&group, &format!("{group}#{time}"), body).await?;
            sent = sent.saturating_add(1);
        }
    }
    tracing::info!(outcome = "sent", sent, "pulls ordered");
    Ok(sent)
}

/// The accounts of the deployment and those that the policy adds, or the one that is named.
fn accounts<'a>(task: &Task, config: &'a Config, policy: &'a Policy) -> Result<BTreeSet<&'a str>, TaskError> {
    match &task.account {
        None => Ok(config.accounts.iter().chain(policy.accounts()).collect()),
        Some(name) => account(name, config, policy).map(|account| BTreeSet::from([account])),
    }
}

/// The account of this name.
pub(crate) fn account<'a>(name: &str, config: &'a Config, policy: &'a Policy) -> Result<&'a str, TaskError> {
    let mut all = config.accounts.iter().chain(policy.accounts());
    all.find(|account| *account == name).ok_or(TaskError::UnknownAccount)
}
