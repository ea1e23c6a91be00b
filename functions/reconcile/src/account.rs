//! One run of one account: inputs fixed, judged, written, told.

use cuadre::aws::bucket::Bucket;
use cuadre::aws::layout;
use cuadre::aws::table::{Claim, RunRecord, RunState, Table};
use cuadre::calendar::{Clock, Instant};
use cuadre::report::alert::{About, alert};
use cuadre::report::difference::Counts;
use cuadre::run::Run;
use cuadre::telemetry;
use serde::Serialize;

use crate::gather::Wanted;
use crate::judge::{Judged, judge};
use crate::manifest::ENGINE_VERSION;
use crate::{Clients, ReconcileError, breaks, gather, moment};

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'o> {
    pub(crate) account: &'o str,
    pub(crate) as_of: Instant,
    /// It is told of only where it finds something new.
    pub(crate) after_arrival: bool,
    /// Everything is read anew.
    pub(crate) full: bool,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// The PagoEfectivo service.
    pub account: String,
    /// The moment of judgement.
    pub as_of: String,
    /// Breaks found.
    pub breaks: u64,
    /// Rows that could not be read.
    pub rejected: u64,
    /// Where the outputs lie.
    pub report: String,
    /// Whether this invocation sent the alert; a repetition does not.
    pub alerted: bool,
    /// A newer run has spoken already, so that this one changed no break and sent no alert.
    pub overtaken: bool,
    /// Breaks against the run before; absent where this invocation did not judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Counts>,
}

/// Makes the run, once per account and time.
pub(crate) async fn reconcile(
    order: Order<'_>,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<Reconciled, ReconcileError> {
    let Order { account, as_of, after_arrival, full } = order;
    let Clients { table, bucket, .. } = clients;
    let as_of = if after_arrival || full { as_of } else { with_the_word(account, as_of, table).await? };
    if let Some(run) = table.run(account, as_of).await?
        && (run.state == RunState::Done || (run.state == RunState::Quiet && after_arrival))
    {
        return Ok(result(&run, None));
    }
    let prefix = layout::run_prefix(account, as_of);
    let record = new_record(account, as_of, bucket);
    if table.newest_run(account).await?.is_some_and(|newest| newest > as_of) {
        // Its breaks would undo what the later run has found.
        return Ok(Reconciled { overtaken: true, ..result(&record, None) });
    }
    let (manifest, objects) =
        gather::fixed(&Wanted { account, as_of, full, dry: false }, &prefix, None, clients).await?;
    if full {
        moment::check_own(&manifest)?;
    }
    let mut judged = judge(&manifest, objects)?;
    for (name, bytes) in std::mem::take(&mut judged.outputs) {
        bucket.put(&format!("{prefix}{name}"), bytes).await?;
    }
    finish(record, &judged, manifest.policy_sha256, after_arrival, clients, clock).await
}

/// A run of which nothing is known yet.
pub(crate) fn new_record(account: &str, as_of: Instant, bucket: &Bucket) -> RunRecord {
    RunRecord {
        account: account.to_owned(),
        as_of,
        state: RunState::Alerting,
        breaks: 0,
        rejected: 0,
        report: bucket.location(&layout::run_prefix(account, as_of)),
        policy_hash: String::new(),
        engine_version: ENGINE_VERSION.to_owned(),
    }
}

/// Writes the breaks of a run whose outputs are written, and tells of it.
pub(crate) async fn finish(
    mut record: RunRecord,
    judged: &Judged,
    policy_hash: String,
    after_arrival: bool,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<Reconciled, ReconcileError> {
    let table = &clients.table;
    let (account, as_of) = (record.account.clone(), record.as_of);
    if !save_breaks(table, &account, as_of, &judged.run).await? {
        return Ok(Reconciled { overtaken: true, ..result(&record, None) });
    }
    record.breaks = u64::try_from(judged.run.breaks.len()).unwrap_or(u64::MAX);
    record.rejected = judged.run.rejected;
    record.policy_hash = policy_hash;
    let nothing_new = !judged.difference.needs_telling() && was_told(judged, &account, table).await?;
    let alerted = if after_arrival && nothing_new {
        table.keep_quiet(&record).await?;
        false
    } else {
        tell(&record, judged, clients, clock).await?
    };
    Ok(Reconciled { alerted, ..result(&record, Some(judged.difference.breaks)) })
}

/// The moment whose run is told of: the one that is asked for, or a newer one after arrivals that has overtaken it and kept quiet. Else
/// a morning would go by without a word.
async fn with_the_word(account: &str, as_of: Instant, table: &Table) -> Result<Instant, ReconcileError> {
    let Some(newest) = table.newest_run(account).await?.filter(|newest| *newest > as_of) else {
        return Ok(as_of);
    };
    let quiet = table.run(account, newest).await?.is_some_and(|run| run.state == RunState::Quiet);
    Ok(if quiet { newest } else { as_of })
}

/// Whether somebody knows what the run before said: one that wrote its breaks and could not send its alert was not heard.
async fn was_told(judged: &Judged, account: &str, table: &Table) -> Result<bool, ReconcileError> {
    let before = judged.difference.before.as_ref().and_then(|terms| Instant::parse(terms.as_of.as_deref()?));
    let Some(before) = before else { return Ok(false) };
    let run = table.run(account, before).await?;
    Ok(run.is_some_and(|run| run.state != RunState::Alerting))
}

/// Sends the run's alert, once; `false` where it is out already.
async fn tell(
    record: &RunRecord,
    judged: &Judged,
    clients: &Clients,
    clock: Clock<'_>,
) -> Result<bool, ReconcileError> {
    let Clients { table, topic, .. } = clients;
    let account = record.account.as_str();
    let claimed_at = clock();
    match table.claim_alert(record, claimed_at).await? {
        Claim::Sent => return Ok(false),
        Claim::Taken => return Err(ReconcileError::AlertTaken),
        Claim::Mine => {}
    }
    let run_id = format!("{account}/{}", layout::stamp(record.as_of));
    let message = alert(
        &judged.run,
        About {
            account,
            run_id: &run_id,
            report_location: &record.report,
            since: Some(&judged.difference),
            meanwhile: Some(&judged.meanwhile),
        },
    );
    if let Err(error) = topic.publish(&message).await {
        if let Err(second) = table.release_alert(record, claimed_at).await {
            // The first one is what has to be mended, and is what the caller logs.
            tracing::error!(
                account,
                error = telemetry::chain(&second),
                "the claim of the alert stays for a minute"
            );
        }
        return Err(error.into());
    }
    table.finish_run(record).await?;
    Ok(true)
}

/// Writes what the run changes among the breaks; `false` where a newer run has spoken, so that this one may not.
async fn save_breaks(
    table: &Table,
    account: &str,
    as_of: Instant,
    run: &Run,
) -> Result<bool, ReconcileError> {
    if !table.begin_breaks(account, as_of).await? {
        return Ok(false);
    }
    // Read after it has begun: what an older run has written until then is in it, and from then on it writes nothing.
    let changes = breaks::changes(&table.breaks(account).await?, &run.breaks, as_of);
    Ok(table.save_breaks(account, as_of, &changes).await?)
}

pub(crate) fn result(run: &RunRecord, since: Option<Counts>) -> Reconciled {
    Reconciled {
        account: run.account.clone(),
        as_of: run.as_of.to_string(),
        breaks: run.breaks,
        rejected: run.rejected,
        report: run.report.clone(),
        alerted: false,
        overtaken: false,
        since,
    }
}
