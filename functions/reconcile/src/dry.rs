//! A run that changes nothing: the inputs of the last one under another policy, or what there is at a cut.

use cuadre::aws::layout;
use cuadre::calendar::Clock;
use cuadre::config::PolicyError;
use cuadre::report::difference::{Counts, Terms};
use serde::Serialize;

use crate::event::{Task, TaskError};
use crate::gather::Wanted;
use crate::judge::{JudgeError, Objects, judge};
use crate::manifest::{Manifest, sha256};
use crate::{Clients, ReconcileError, gather};

/// What a dry run came to; the outputs tell the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// The PagoEfectivo service.
    pub account: String,
    /// The moment of judgement.
    pub as_of: String,
    /// Where the outputs lie, `difference.json` among them.
    pub report: String,
    /// Breaks found.
    pub breaks: usize,
    /// Rows that could not be read.
    pub rejected: u64,
    /// The run that it is held against; absent where there is none.
    pub against: Option<Terms>,
    /// Breaks against that run.
    pub since: Counts,
    /// The tables in which the two policies differ.
    pub policy_tables_changed: Vec<String>,
}

/// Makes a dry run: no break is written and nobody is told.
pub(crate) async fn run(
    task: &Task,
    account: &str,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<DryRun, ReconcileError> {
    let bucket = &clients.bucket;
    let now = clock();
    let policy = policy(task, clients).await?;
    // Without a cut nothing but the policy differs from the last run.
    let cut = match task.names_time() {
        true => task.time(now)?,
        false => clients.table.newest_run(account).await?.ok_or(TaskError::NoRun)?,
    };
    let name = sha256(policy.as_deref().unwrap_or_default().as_bytes());
    let prefix = layout::dry_run_prefix(account, Task::default().time(now)?, &name);
    let (manifest, objects) =
        inputs(&Wanted { account, as_of: cut, full: task.full, dry: true }, &prefix, policy, clients).await?;
    let mut judged = judge(&manifest, objects)?;
    for (name, bytes) in std::mem::take(&mut judged.outputs) {
        bucket.put(&format!("{prefix}{name}"), bytes).await?;
    }
    Ok(DryRun {
        account: account.to_owned(),
        as_of: cut.to_string(),
        report: bucket.location(&prefix),
        breaks: judged.run.breaks.len(),
        rejected: judged.run.rejected,
        against: judged.difference.before,
        since: judged.difference.breaks,
        policy_tables_changed: judged.difference.policy_tables_changed,
    })
}

/// The inputs of the run of the cut, held against that run; where there is none, what there is now.
async fn inputs(
    wanted: &Wanted<'_>,
    prefix: &str,
    policy: Option<String>,
    clients: &Clients,
) -> Result<(Manifest, Objects), ReconcileError> {
    let bucket = &clients.bucket;
    if wanted.full {
        return gather::fixed(wanted, prefix, policy, clients).await;
    }
    let run_prefix = layout::run_prefix(wanted.account, wanted.as_of);
    let (previous, outputs) = gather::previous(&run_prefix, bucket).await?;
    let standing = gather::manifest_of(bucket, &run_prefix).await?;
    let (Some(previous), Some(standing)) = (previous, standing) else {
        return gather::fixed(wanted, prefix, policy, clients).await;
    };
    let policy = policy.or_else(|| standing.policy.clone());
    let mut objects = gather::fetched(bucket, &standing).await?;
    objects.extend(outputs);
    let manifest = Manifest { previous: Some(previous), ..standing.under(policy) };
    gather::fix(manifest, objects, prefix, bucket).await
}

/// The text of the policy that the task names, if it names one; checked, so that a slip is told before anything is written.
async fn policy(task: &Task, clients: &Clients) -> Result<Option<String>, ReconcileError> {
    let text = match (&task.policy, &task.policy_text) {
        (Some(key), _) => {
            let object = clients.bucket.get(key, None).await?.ok_or(TaskError::NoPolicy)?;
            let text = String::from_utf8(object.bytes);
            text.map_err(|_| JudgeError::Unreadable { key: key.clone(), what: "UTF-8 text" })?
        }
        (None, Some(text)) => text.clone(),
        (None, None) => return Ok(None),
    };
    let checked: Result<_, PolicyError> = cuadre::config::Policy::parse(&text);
    checked.map_err(JudgeError::Policy)?;
    Ok(Some(text))
}
