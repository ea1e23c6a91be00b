//! The inputs of a run, fixed before the run is made: a repetition of the same run reads the same ones, whatever has
//! arrived since.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use cuadre::aws::bucket::{Bucket, Written};
use cuadre::aws::rows::{FETCHES_MAX, RowFiles};
use cuadre::aws::table::{Quarantined, Table};
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::config::sources::SourceKind;
use cuadre::formats::{self, Leg};
use cuadre::ids::{BreakId, Cip};
use cuadre::run::Look;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{ReconcileError, breaks};

/// The header of an empty file of notices: a deployment with a callback hears notices, also when there are none.
const NO_NOTICES: &[u8] = b"account,cip,event_type,operation_number,amount,currency,paid_at,received_at\n";

/// All files of one leg together, decompressed, in the three gigabytes that the template gives: two legs, and rows that
/// take two to three times as much as the text that they point into.
const LEG_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How far back looks are read; the rows that a search found bear their own time and count without them.
const LOOKS_DAYS: TimeDelta = TimeDelta::days(200);

/// How many reasons of notices in quarantine are told.
const REASONS_MAX: usize = 3;

/// Everything that a run reads.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) orders: RowFiles,
    pub(crate) reports: RowFiles,
    pub(crate) notices: Vec<u8>,
    pub(crate) looks: Vec<Look>,
    pub(crate) opened: BTreeMap<BreakId, Instant>,
    /// Up to when each source has been heard that is pulled by windows of time.
    pub(crate) heard_until: BTreeMap<String, Instant>,
    pub(crate) policy: Option<String>,
    pub(crate) quarantine: Quarantine,
}

/// Signed notices that wait for a person: how many, and why the newest are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quarantine {
    notices: usize,
    newest_reasons: Vec<String>,
}

impl Quarantine {
    /// What had arrived at the cut, out of a list with the newest first. Bodies stay where they are.
    fn at(as_of: Instant, quarantined: &[Quarantined]) -> Quarantine {
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

    /// The line for the person, if there is anything to look at.
    pub(crate) fn note(&self, account: &str) -> Option<String> {
        let lie = match self.notices {
            0 => return None,
            1 => "1 signed notice lies".to_owned(),
            notices => format!("{notices} signed notices lie"),
        };
        let reasons = self.newest_reasons.join("; ");
        Some(format!(
            "{lie} in quarantine (newest: {reasons}): read the items QUARANTINE#{account} of the table, and delete each one that is settled"
        ))
    }
}

/// `inputs.json` of a run.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    orders: Vec<Version>,
    reports: Vec<Version>,
    looks: Vec<Version>,
    opened: BTreeMap<String, String>,
    policy: Option<String>,
    /// Absent in a run that an older version began.
    #[serde(default)]
    quarantine: Quarantine,
    /// The watermarks of the sources whose silence counts; absent in a run that an older version began.
    #[serde(default)]
    heard_until: BTreeMap<String, String>,
}

/// One object as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
}

/// The inputs of a run: those that an earlier attempt at it has fixed, else what there is now, which is fixed thereby.
pub(crate) async fn fixed(
    account: &str,
    as_of: Instant,
    bucket: &Bucket,
    table: &Table,
) -> Result<Inputs, ReconcileError> {
    let prefix = layout::run_prefix(account, as_of);
    let manifest_key = format!("{prefix}inputs.json");
    let (manifest, files) = match read_manifest(bucket, &manifest_key).await? {
        Some(manifest) => (manifest, None),
        None => {
            let (manifest, files) = gather(account, as_of, bucket, table).await?;
            store_notices(account, as_of, &prefix, bucket, table).await?;
            let text = serde_json::to_vec_pretty(&manifest).map_err(|_| unreadable("manifest", "inputs"))?;
            match bucket.put_new(&manifest_key, text).await? {
                Written::New => (manifest, Some(files)),
                // A simultaneous attempt was faster, or an answer was lost: what is there holds.
                Written::AlreadyThere => {
                    let standing = read_manifest(bucket, &manifest_key).await?;
                    (standing.ok_or(unreadable("manifest", "inputs"))?, None)
                }
            }
        }
    };
    let (orders, reports) = match files {
        Some(files) => files,
        None => (
            bucket.row_files_of(Leg::Orders, pairs(&manifest.orders), LEG_BYTES_MAX).await?,
            bucket.row_files_of(Leg::Reports, pairs(&manifest.reports), LEG_BYTES_MAX).await?,
        ),
    };
    let notices = bucket.get(&notices_key(&prefix), None).await?.ok_or(unreadable("notices", "object"))?;
    let heard = manifest.heard_until.iter();
    let heard = heard.map(|(source, until)| Some((source.clone(), Instant::parse(until)?)));
    let opened = manifest.opened.iter().map(|(id, time)| Some((BreakId::parse(id)?, Instant::parse(time)?)));
    Ok(Inputs {
        orders,
        reports,
        notices: notices.bytes,
        looks: read_looks(bucket, &manifest.looks).await?,
        opened: opened.collect::<Option<_>>().ok_or(unreadable("manifest", "opened"))?,
        heard_until: heard.collect::<Option<_>>().ok_or(unreadable("manifest", "heard_until"))?,
        policy: manifest.policy,
        quarantine: manifest.quarantine,
    })
}

async fn read_manifest(bucket: &Bucket, key: &str) -> Result<Option<Manifest>, ReconcileError> {
    let Some(object) = bucket.get(key, None).await? else {
        return Ok(None);
    };
    serde_json::from_slice(&object.bytes).map(Some).map_err(|_| unreadable("manifest", "inputs").into())
}

/// What there is at this moment, by name and version, and the files themselves: orders, then reports.
async fn gather(
    account: &str,
    as_of: Instant,
    bucket: &Bucket,
    table: &Table,
) -> Result<(Manifest, (RowFiles, RowFiles)), ReconcileError> {
    let versions = |read: &RowFiles| {
        let files = read
            .files
            .iter()
            .map(|file| Version { key: file.key.clone(), version_id: file.version_id.clone() });
        let left_out = read.left_out.iter().map(|(key, _)| Version { key: key.clone(), version_id: None });
        files.chain(left_out).collect::<Vec<_>>()
    };
    let files = (
        bucket.row_files_within(Leg::Orders, account, LEG_BYTES_MAX).await?,
        bucket.row_files_within(Leg::Reports, account, LEG_BYTES_MAX).await?,
    );
    let (orders, reports) = (versions(&files.0), versions(&files.1));
    // Looks are written once under names of their own, so that the name is enough.
    let prefix = layout::looks_prefix(account);
    let first_day =
        Instant::from_utc(as_of.to_utc() - LOOKS_DAYS).unwrap_or(Instant::UNIX_EPOCH).business_day();
    let looks = bucket.list(&prefix, Some(&format!("{prefix}day={first_day}"))).await?;
    let looks = looks.into_iter().map(|object| Version { key: object.key, version_id: None }).collect();
    let opened = breaks::opened(&table.breaks(account).await?);
    let opened = opened.iter().map(|(id, time)| (id.to_string(), time.to_string())).collect();
    let policy = bucket.get(layout::POLICY_KEY, None).await?;
    let policy = policy.map(|object| String::from_utf8(object.bytes)).transpose();
    let policy = policy.map_err(|_| unreadable("policy", layout::POLICY_KEY))?;
    let quarantine = Quarantine::at(as_of, &table.quarantined(account).await?);
    let heard_until = heard_until(account, as_of, policy.as_deref(), table).await?;
    Ok((Manifest { orders, reports, looks, opened, policy, quarantine, heard_until }, files))
}

/// The watermarks of the sources that list all payments of a window, as far as they lie before the cut. One that has never
/// been heard has none, and a policy that cannot be read ends the run later.
async fn heard_until(
    account: &str,
    as_of: Instant,
    policy: Option<&str>,
    table: &Table,
) -> Result<BTreeMap<String, String>, ReconcileError> {
    let Some(policy) = policy.and_then(|text| Policy::parse(text).ok()) else { return Ok(BTreeMap::new()) };
    let mut heard = BTreeMap::new();
    for source in policy.sources(account) {
        let lists_payments =
            matches!(&source.kind, SourceKind::TransactionReport(report) if report.leg == Leg::Reports);
        if lists_payments && let Some(until) = table.watermark(account, &source.name).await? {
            heard.insert(source.name, until.min(as_of).to_string());
        }
    }
    Ok(heard)
}

/// Copies the notices received up to the cut out of the table, once: the table goes on changing.
async fn store_notices(
    account: &str,
    as_of: Instant,
    prefix: &str,
    bucket: &Bucket,
    table: &Table,
) -> Result<(), ReconcileError> {
    let mut text = Vec::new();
    for row in table.notices(account).await?.iter().filter(|row| row.received_at <= as_of) {
        formats::write_notice_ndjson(row, &mut text);
    }
    if text.is_empty() {
        text.extend_from_slice(NO_NOTICES);
    }
    bucket.put_new(&notices_key(prefix), text).await?;
    Ok(())
}

fn notices_key(prefix: &str) -> String {
    format!("{prefix}notices.txt")
}

/// One line of `normalized/looks`.
#[derive(Deserialize)]
struct LookLine {
    account: String,
    cip: String,
    looked_at: String,
}

/// The newest look at each CIP.
async fn read_looks(bucket: &Bucket, versions: &[Version]) -> Result<Vec<Look>, ReconcileError> {
    let mut newest: BTreeMap<(String, Cip), Instant> = BTreeMap::new();
    for some in versions.chunks(FETCHES_MAX) {
        let mut fetches = JoinSet::new();
        for version in some {
            let (bucket, key) = (bucket.clone(), version.key.clone());
            fetches.spawn(async move { bucket.get(&key, None).await });
        }
        for object in fetches.join_all().await {
            let object = object?.ok_or(unreadable("looks", "object"))?;
            for line in object.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let (account, cip, looked_at) = read_look(line)?;
                let known = newest.entry((account, cip)).or_insert(looked_at);
                *known = looked_at.max(*known);
            }
        }
    }
    Ok(newest.into_iter().map(|((account, cip), looked_at)| Look { account, cip, looked_at }).collect())
}

fn read_look(line: &[u8]) -> Result<(String, Cip, Instant), StoreError> {
    let line: LookLine = serde_json::from_slice(line).map_err(|_| unreadable("looks", "line"))?;
    let cip = Cip::parse(&line.cip).ok_or(unreadable("looks", "cip"))?;
    let looked_at = Instant::parse(&line.looked_at).ok_or(unreadable("looks", "looked_at"))?;
    Ok((line.account, cip, looked_at))
}

fn pairs(versions: &[Version]) -> Vec<(String, Option<String>)> {
    versions.iter().map(|version| (version.key.clone(), version.version_id.clone())).collect()
}

fn unreadable(what: &'static str, field: &'static str) -> StoreError {
    StoreError::Unreadable { what, field }
}
