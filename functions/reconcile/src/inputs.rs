//! The inputs of a run, fixed before the run is made: a repetition of the same run reads the same ones, whatever has
//! arrived since.

use std::collections::{BTreeMap, BTreeSet};

use cuadre::aws::bucket::{Bucket, Written};
use cuadre::aws::rows::RowFiles;
use cuadre::aws::table::Table;
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::Instant;
use cuadre::formats::{self, Leg};
use cuadre::ids::{BreakId, Cip};
use cuadre::run::Look;
use serde::{Deserialize, Serialize};

use crate::{ReconcileError, breaks};

/// The header of an empty file of notices: a deployment with a callback hears notices, also when there are none.
const NO_NOTICES: &[u8] = b"account,cip,event_type,operation_number,amount,currency,paid_at,received_at\n";

/// Everything that a run reads.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) orders: RowFiles,
    pub(crate) reports: RowFiles,
    pub(crate) notices: Vec<u8>,
    pub(crate) looks: Vec<Look>,
    pub(crate) opened: BTreeMap<BreakId, Instant>,
    pub(crate) policy: Option<String>,
}

/// `inputs.json` of a run.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    orders: Vec<Version>,
    reports: Vec<Version>,
    looks: Vec<Version>,
    opened: BTreeMap<String, String>,
    policy: Option<String>,
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
            let (manifest, files) = gather(account, bucket, table).await?;
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
            bucket.row_files_of(Leg::Orders, pairs(&manifest.orders)).await?,
            bucket.row_files_of(Leg::Reports, pairs(&manifest.reports)).await?,
        ),
    };
    let notices = bucket.get(&notices_key(&prefix), None).await?.ok_or(unreadable("notices", "object"))?;
    let opened = manifest.opened.iter().map(|(id, time)| Some((BreakId::parse(id)?, Instant::parse(time)?)));
    Ok(Inputs {
        orders,
        reports,
        notices: notices.bytes,
        looks: read_looks(bucket, &manifest.looks).await?,
        opened: opened.collect::<Option<_>>().ok_or(unreadable("manifest", "opened"))?,
        policy: manifest.policy,
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
    let files =
        (bucket.row_files(Leg::Orders, account).await?, bucket.row_files(Leg::Reports, account).await?);
    let (orders, reports) = (versions(&files.0), versions(&files.1));
    // Looks are written once under names of their own, so that the name is enough.
    let looks = bucket.list(&layout::looks_prefix(account)).await?;
    let looks = looks.into_iter().map(|key| Version { key, version_id: None }).collect();
    let opened = breaks::opened(&table.breaks(account).await?);
    let opened = opened.iter().map(|(id, time)| (id.to_string(), time.to_string())).collect();
    let policy = bucket.get(layout::POLICY_KEY, None).await?;
    let policy = policy.map(|object| String::from_utf8(object.bytes)).transpose();
    let policy = policy.map_err(|_| unreadable("policy", layout::POLICY_KEY))?;
    Ok((Manifest { orders, reports, looks, opened, policy }, files))
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
    let keys: BTreeSet<&str> = versions.iter().map(|version| version.key.as_str()).collect();
    for key in keys {
        let object = bucket.get(key, None).await?.ok_or(unreadable("looks", "object"))?;
        for line in object.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: LookLine = serde_json::from_slice(line).map_err(|_| unreadable("looks", "line"))?;
            let cip = Cip::parse(&line.cip).ok_or(unreadable("looks", "cip"))?;
            let looked_at = Instant::parse(&line.looked_at).ok_or(unreadable("looks", "looked_at"))?;
            let known = newest.entry((line.account, cip)).or_insert(looked_at);
            *known = looked_at.max(*known);
        }
    }
    Ok(newest.into_iter().map(|((account, cip), looked_at)| Look { account, cip, looked_at }).collect())
}

fn pairs(versions: &[Version]) -> Vec<(String, Option<String>)> {
    versions.iter().map(|version| (version.key.clone(), version.version_id.clone())).collect()
}

fn unreadable(what: &'static str, field: &'static str) -> StoreError {
    StoreError::Unreadable { what, field }
}
