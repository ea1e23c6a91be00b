//! The inputs of a run, fixed before the run is made: a repetition of the same run reads the same ones, whatever has
//! arrived since.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use cuadre::aws::bucket::{Bucket, Written};
use cuadre::aws::layout;
use cuadre::aws::table::{Quarantined, RunState, Table};
use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::config::sources::SourceKind;
use cuadre::formats::Leg;

use crate::arrivals::Arrivals;
use crate::chain::{self, Chain};
use crate::judge::{JudgeError, LEGS, Objects};
use crate::manifest::{ENGINE_VERSION, Heard, Manifest, Previous, Quarantine, Version, sha256};
use crate::{Clients, ReconcileError, breaks};

/// What a run reads is named here, below the run's prefix.
pub(crate) const INPUTS: &str = "inputs.json";

/// How far back refused callbacks are read: after that a finding about them closes by itself.
const REFUSED_DAYS: TimeDelta = TimeDelta::days(30);

/// Of how many silent runs it is said what they found: those of two days.
const UNTOLD_MAX: usize = 100;

/// How many reasons of notices in quarantine are told.
const REASONS_MAX: usize = 3;

/// The run whose inputs are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'w> {
    pub(crate) account: &'w str,
    pub(crate) as_of: Instant,
    /// Everything is read anew, whatever runs before have read and left.
    pub(crate) full: bool,
    /// It is held against the run of the same moment, where there is one.
    pub(crate) dry: bool,
}

/// The inputs of the run whose outputs go below `prefix`: those that an earlier attempt at it has fixed, else what there is now,
/// which is fixed thereby. With another policy, they are judged by that one.
pub(crate) async fn fixed(
    wanted: &Wanted<'_>,
    prefix: &str,
    other_policy: Option<String>,
    clients: &Clients,
) -> Result<(Manifest, Objects), ReconcileError> {
    let bucket = &clients.bucket;
    if let Some(standing) = manifest_of(bucket, prefix).await? {
        let standing = by_this_engine(standing, prefix, bucket).await?;
        let objects = fetched(bucket, &standing).await?;
        return Ok((standing, objects));
    }
    let (mut manifest, objects) = gathered(wanted, prefix, false, clients).await?;
    if other_policy.is_some() {
        manifest = manifest.under(other_policy);
    }
    fix(manifest, objects, prefix, bucket).await
}

/// A run that an older engine began and did not end is ended by this one, from the same inputs, and says so.
async fn by_this_engine(
    standing: Manifest,
    prefix: &str,
    bucket: &Bucket,
) -> Result<Manifest, ReconcileError> {
    if standing.engine_version == ENGINE_VERSION {
        return Ok(standing);
    }
    let policy = standing.policy.clone();
    let manifest = standing.under(policy);
    bucket.put(&format!("{prefix}{INPUTS}"), written(&manifest)?).await?;
    Ok(manifest)
}

fn written(manifest: &Manifest) -> Result<Vec<u8>, JudgeError> {
    Ok(serde_json::to_vec_pretty(manifest)?)
}

/// Writes down what a run reads, unless a simultaneous attempt has; what is there holds.
pub(crate) async fn fix(
    manifest: Manifest,
    objects: Objects,
    prefix: &str,
    bucket: &Bucket,
) -> Result<(Manifest, Objects), ReconcileError> {
    match bucket.put_new(&format!("{prefix}{INPUTS}"), written(&manifest)?).await? {
        Written::New => Ok((manifest, objects)),
        Written::AlreadyThere => {
            let standing = manifest_of(bucket, prefix).await?;
            let standing = standing.ok_or_else(|| JudgeError::Gone(format!("{prefix}{INPUTS}")))?;
            let objects = if standing == manifest { objects } else { fetched(bucket, &standing).await? };
            Ok((standing, objects))
        }
    }
}

/// What the run below `prefix` reads, if that has been fixed.
pub(crate) async fn manifest_of(bucket: &Bucket, prefix: &str) -> Result<Option<Manifest>, ReconcileError> {
    let Some(object) = bucket.get(&format!("{prefix}{INPUTS}"), None).await? else { return Ok(None) };
    Ok(Some(Manifest::read(&object.bytes).map_err(JudgeError::Manifest)?))
}

/// The objects that a manifest names. One that is gone is missed where it is needed.
pub(crate) async fn fetched(bucket: &Bucket, manifest: &Manifest) -> Result<Objects, ReconcileError> {
    let versions: Vec<(String, Option<String>)> =
        manifest.objects().map(|version| (version.key.clone(), version.version_id.clone())).collect();
    let objects = bucket.get_all(&versions).await?.into_iter();
    Ok(objects.filter_map(|(key, object)| Some((key, object?.bytes))).collect())
}

/// What there is at this moment: what has arrived since the run before, and what that one has left; or everything anew.
///
/// With `rows_pass`, objects with rows are looked at and not kept, so that any number of them goes.
pub(crate) async fn gathered(
    wanted: &Wanted<'_>,
    prefix: &str,
    rows_pass: bool,
    clients: &Clients,
) -> Result<(Manifest, Objects), ReconcileError> {
    let Wanted { account, as_of, .. } = *wanted;
    let Clients { bucket, table, .. } = clients;
    // Before anything is fixed: a run that has fixed a policy with a fault would fail every time, mended or not.
    let (policy, parsed) = policy(bucket).await?;
    let before = Before::of(wanted, prefix, &parsed, clients).await?;
    let going_on = before.chain.is_some().then_some(before.manifest.as_ref()).flatten();
    let mut arrivals = Arrivals::new(bucket, account, as_of, going_on, rows_pass);
    let mut rows = BTreeMap::new();
    for leg in LEGS {
        rows.insert(leg.word().to_owned(), arrivals.leg(leg, &folders(leg, account, &parsed)).await?);
    }
    let looks = arrivals.looks().await?;
    let opened = breaks::opened(&table.breaks(account).await?);
    let refused = table.refused(account, as_of.moved(-REFUSED_DAYS), as_of).await?;
    let Arrivals { mut objects, left_out, seen, .. } = arrivals;
    objects.extend(before.objects);
    let (carried, notes) = match before.chain {
        Some(chain) => {
            objects.extend(chain.objects);
            (Some(chain.left), chain.forgotten)
        }
        None => (None, Vec::new()),
    };
    let manifest = Manifest {
        account: account.to_owned(),
        as_of: as_of.to_string(),
        engine_version: ENGINE_VERSION.to_owned(),
        rows,
        looks,
        left_out,
        opened: opened.iter().map(|(id, time)| (id.to_string(), time.to_string())).collect(),
        heard: heard(account, as_of, &parsed, table).await?,
        quarantine: quarantine(as_of, &table.quarantined(account).await?),
        refused: refused.into_iter().map(|refused| (refused.hour.to_string(), refused.count)).collect(),
        policy_sha256: sha256(policy.as_deref().unwrap_or_default().as_bytes()),
        policy,
        previous: before.previous,
        untold: before.untold,
        carried,
        seen,
        notes,
    };
    Ok((manifest, objects))
}

/// The accounts in whose folders rows of a leg lie that a run needs. A statement lies in one, and may be of all accounts whose own
/// accounts at the bank the policy lists.
fn folders<'f>(leg: Leg, account: &'f str, policy: &'f Policy) -> Vec<&'f str> {
    let mut folders = vec![account];
    if leg == Leg::Bank && !policy.settlement_rules(account).bank_accounts.is_empty() {
        folders.extend(policy.bank_accounts().map(|(_, owner)| owner));
        folders.sort_unstable();
        folders.dedup();
    }
    folders
}

/// The run before: what it is held against, what it read, and what it has left.
#[derive(Default)]
struct Before {
    previous: Option<Previous>,
    untold: Vec<Version>,
    objects: Objects,
    manifest: Option<Manifest>,
    /// Absent where everything is to be read anew.
    chain: Option<Chain>,
}

impl Before {
    /// The newest run before this one: its outputs were written before it was named in the table. None where there is none or its
    /// outputs have been deleted.
    async fn of(
        wanted: &Wanted<'_>,
        prefix: &str,
        policy: &Policy,
        clients: &Clients,
    ) -> Result<Before, ReconcileError> {
        let Clients { bucket, table, .. } = clients;
        let Wanted { as_of, dry, .. } = *wanted;
        let newest = table.newest_run(wanted.account).await?;
        let newest = newest.filter(|newest| *newest < as_of || (dry && *newest == as_of));
        let Some(newest) = newest else { return Ok(Before::default()) };
        let prefix_before = layout::run_prefix(wanted.account, newest);
        let (previous, mut objects) = previous(&prefix_before, bucket).await?;
        let manifest = manifest_of(bucket, &prefix_before).await?;
        let chain = match &manifest {
            Some(manifest) if !wanted.full && previous.is_some() => {
                let oldest = chain::oldest(wanted.as_of, policy.carry.closed_days);
                chain::chain(manifest, &prefix_before, oldest, prefix, bucket).await?
            }
            _ => None,
        };
        let quiet = table.run(wanted.account, newest).await?.is_some_and(|run| run.state == RunState::Quiet);
        let untold = match (&manifest, &previous) {
            (Some(manifest), Some(previous)) if quiet => untold(&manifest.untold, previous, bucket).await?,
            _ => (Vec::new(), Objects::new()),
        };
        objects.extend(untold.1);
        Ok(Before { previous, untold: untold.0, objects, manifest, chain })
    }
}

/// The summaries of the runs of which nobody was told, and the run before is one of them.
async fn untold(
    earlier: &[Version],
    previous: &Previous,
    bucket: &Bucket,
) -> Result<(Vec<Version>, Objects), ReconcileError> {
    let skipped = earlier.len().saturating_sub(UNTOLD_MAX);
    let mut untold: Vec<Version> = earlier.iter().skip(skipped).cloned().collect();
    let names: Vec<_> = untold.iter().map(|version| (version.key.clone(), None)).collect();
    let mut objects = Objects::new();
    for (key, object) in bucket.get_all(&names).await? {
        objects.insert(key.clone(), object.ok_or(JudgeError::Gone(key))?.bytes);
    }
    untold.push(previous.summary.clone());
    Ok((untold, objects))
}

/// A run to hold another one against; none where its outputs have been deleted.
pub(crate) async fn previous(
    prefix: &str,
    bucket: &Bucket,
) -> Result<(Option<Previous>, Objects), ReconcileError> {
    let names = ["summary.json", "breaks.csv", INPUTS];
    let wanted = names.map(|name| (format!("{prefix}{name}"), None));
    let mut versions = Vec::new();
    let mut objects = Objects::new();
    for (key, object) in bucket.get_all(&wanted).await? {
        let Some(object) = object else { return Ok((None, Objects::new())) };
        // A run that is repeated writes the same bytes again, so that the hash alone names them.
        versions.push(Version::of(&key, None, &object.bytes));
        objects.insert(key, object.bytes);
    }
    let [summary, breaks, inputs] = versions.try_into().map_err(|_| JudgeError::Part("previous"))?;
    Ok((Some(Previous { summary, breaks, inputs }), objects))
}

/// The policy of the deployment, text and meaning; the default one where the bucket has none.
async fn policy(bucket: &Bucket) -> Result<(Option<String>, Policy), ReconcileError> {
    let object = bucket.get(layout::POLICY_KEY, None).await?;
    let text = object.map(|object| String::from_utf8(object.bytes)).transpose();
    let text =
        text.map_err(|_| JudgeError::Unreadable { key: layout::POLICY_KEY.to_owned(), what: "UTF-8 text" })?;
    let parsed = Policy::parse(text.as_deref().unwrap_or_default()).map_err(JudgeError::Policy)?;
    Ok((text, parsed))
}

/// The watermarks of the sources that list all payments of a window, as far as they lie before the cut. One that has never
/// been heard has none; the search says of single CIPs alone when it looked.
async fn heard(
    account: &str,
    as_of: Instant,
    policy: &Policy,
    table: &Table,
) -> Result<Vec<Heard>, ReconcileError> {
    let mut heard = Vec::new();
    for source in policy.sources(account) {
        let leg = match &source.kind {
            SourceKind::TransactionReport(report) | SourceKind::SettlementReport(report) => report.leg,
            SourceKind::CipSearch(_) => continue,
        };
        if LEGS.contains(&leg)
            && let Some(until) = table.watermark(account, &source.name).await?
        {
            let (leg, until) = (leg.word().to_owned(), until.min(as_of).to_string());
            heard.push(Heard { leg, source: source.name, until });
        }
    }
    Ok(heard)
}

/// What had arrived at the cut, out of a list with the newest first. Bodies stay where they are.
fn quarantine(as_of: Instant, quarantined: &[Quarantined]) -> Quarantine {
    let mut quarantine = Quarantine::default();
    for notice in quarantined.iter().filter(|notice| notice.received_at <= as_of) {
        quarantine.notices = quarantine.notices.saturating_add(1);
        let reasons = &mut quarantine.newest_reasons;
        if reasons.len() < REASONS_MAX && !reasons.contains(&notice.reason) {
            reasons.push(notice.reason.clone());
        }
    }
    quarantine
}
