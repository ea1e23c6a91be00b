//! One pull of one source, by one worker at a time.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use chrono::TimeDelta;
use cuadre::calendar::{Clock, Instant};
use cuadre::config::sources::{Mode, Source, SourceKind, Window};
use cuadre::telemetry;
use tokio::time;

use crate::{Clients, Config, Ending, PullError, Pulled, Task, TaskError, fan_out, report, search};

/// What the function needs after its budget to store what it has: within it no other worker takes the source.
const LEASE_BEYOND_BUDGET: Duration = Duration::from_secs(90);

/// What all parts of one pull go by.
pub(crate) struct Pull<'p> {
    pub(crate) account: &'p str,
    pub(crate) clients: &'p Clients,
    pub(crate) config: &'p Config,
    /// The time for which the work is done.
    pub(crate) tick: Instant,
    /// The window that a person names.
    pub(crate) window: Option<Window>,
    pub(crate) mode: Option<Mode>,
    /// Nothing more is asked after this.
    pub(crate) stop_at: time::Instant,
    pub(crate) clock: Clock<'p>,
}

impl Pull<'_> {
    pub(crate) fn time_left(&self) -> bool {
        time::Instant::now() < self.stop_at
    }
}

/// Pulls the source that the task names.
pub(crate) async fn pull(
    task: &Task,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Pulled, PullError> {
    let now = clock();
    let policy = clients.policies.at(now).await?;
    let account = fan_out::account(task.account.as_deref().unwrap_or_default(), config, &policy)?;
    let wanted = task.source.as_deref().unwrap_or_default();
    let sources = policy.sources(account);
    let source = sources.iter().find(|source| source.name == wanted).ok_or(TaskError::UnknownSource)?;
    if matches!(source.kind, SourceKind::CipSearch(_)) && task.is_by_hand() {
        return Err(TaskError::WindowOfSearch.into());
    }
    let pull = Pull {
        account,
        clients,
        config,
        tick: task.time(now)?,
        window: task.window()?,
        mode: task.mode,
        stop_at: time::Instant::now() + config.budget,
        clock,
    };
    let worker = worker();
    let lease = config.budget.saturating_add(LEASE_BEYOND_BUDGET);
    let until = now.moved(TimeDelta::from_std(lease).unwrap_or_default());
    let ending = if clients.table.lock_source(account, wanted, &worker, now, until).await? {
        let ending = Box::pin(work(&pull, source)).await;
        if let Err(error) = clients.table.unlock_source(account, wanted, &worker).await {
            tracing::warn!(error = telemetry::chain(&error), "the source stays taken until its time is up");
        }
        let ending = ending?;
        if ending.brought_news() {
            order_run(&pull).await;
        }
        ending
    } else {
        Ending::Left
    };
    Ok(Pulled { account: account.to_owned(), source: wanted.to_owned(), ending })
}

async fn work(pull: &Pull<'_>, source: &Source) -> Result<Ending, PullError> {
    match &source.kind {
        SourceKind::CipSearch(search) => Box::pin(search::pull(pull, *search)).await,
        SourceKind::TransactionReport(report) | SourceKind::SettlementReport(report) => {
            Box::pin(report::pull(pull, source, report)).await
        }
    }
}

/// What has come is judged at the end of its slot. Should the order be lost, a later one or the run of the day reads it all the
/// same, so that the pull is not done again for it.
async fn order_run(pull: &Pull<'_>) {
    // An account that the policy alone names is pulled and has no runs.
    let Some(account) = pull.config.accounts.find(pull.account) else { return };
    if let Err(error) = pull.clients.runs.after_arrival(account, (pull.clock)()).await {
        tracing::warn!(
            outcome = "run_not_ordered",
            account,
            error = telemetry::chain(&error),
            "the run of what has come waits for the next one"
        );
    }
}

/// A name that no other invocation has.
fn worker() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
