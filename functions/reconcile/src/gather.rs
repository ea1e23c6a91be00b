//! The inputs of a run, fixed before the run is made: a repetition of the same run reads the same ones, whatever has
//! arrived since.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use cuadre::aws::bucket::{Bucket, Written};
use cuadre::aws::layout;
use cuadre::aws::rows::format_of;
use cuadre::aws::table::{Quarantined, Table};
use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::config::sources::SourceKind;
use cuadre::formats::{self, Leg};

use crate::judge::{JudgeError, LEG_BYTES_MAX, LEGS, Objects};
use crate::manifest::{ENGINE_VERSION, LeftOut, Manifest, Previous, Quarantine, Version, sha256};
use crate::{Clients, ReconcileError, breaks};

/// What a run reads is named here, below the run's prefix.
pub(crate) const INPUTS: &str = "inputs.json";

/// The header of an empty file of notices: a deployment with a callback hears notices, also when there are none.
const NO_NOTICES: &[u8] = b"account,cip,event_type,operation_number,amount,currency,paid_at,received_at\n";

/// How far back looks are read; the rows that a search found bear their own time and count without them.
const LOOKS_DAYS: TimeDelta = TimeDelta::days(200);

/// How many reasons of notices in quarantine are told.
const REASONS_MAX: usize = 3;

/// The inputs of the run whose outputs go below `prefix`: those that an earlier attempt at it has fixed, else what there is now,
/// which is fixed thereby. With another policy, they are judged by that one.
pub(crate) async fn fixed(
    account: &str,
    as_of: Instant,
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
    let (mut manifest, objects) = gathered(account, as_of, prefix, clients).await?;
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

/// What there is at this moment.
async fn gathered(
    account: &str,
    as_of: Instant,
    prefix: &str,
    clients: &Clients,
) -> Result<(Manifest, Objects), ReconcileError> {
    let Clients { bucket, table, .. } = clients;
    // Before anything is fixed: a run that has fixed a policy with a fault would fail every time, mended or not.
    let (policy, parsed) = policy(bucket).await?;
    let mut gathering = Gathering { bucket, objects: Objects::new(), left_out: Vec::new() };
    let mut rows = BTreeMap::new();
    for leg in LEGS {
        rows.insert(leg.word().to_owned(), gathering.leg(leg, account).await?);
    }
    let looks = gathering.looks(account, as_of).await?;
    let notices = gathering.notices(account, as_of, prefix, table).await?;
    let previous = gathering.previous(account, as_of, table).await?;
    let opened = breaks::opened(&table.breaks(account).await?);
    let manifest = Manifest {
        account: account.to_owned(),
        as_of: as_of.to_string(),
        engine_version: ENGINE_VERSION.to_owned(),
        rows,
        notices,
        looks,
        left_out: gathering.left_out,
        opened: opened.iter().map(|(id, time)| (id.to_string(), time.to_string())).collect(),
        heard_until: heard_until(account, as_of, &parsed, table).await?,
        quarantine: quarantine(as_of, &table.quarantined(account).await?),
        policy_sha256: sha256(policy.as_deref().unwrap_or_default().as_bytes()),
        policy,
        previous,
    };
    Ok((manifest, gathering.objects))
}

/// Objects that have been read so far.
struct Gathering<'c> {
    bucket: &'c Bucket,
    objects: Objects,
    left_out: Vec<LeftOut>,
}

impl Gathering<'_> {
    async fn leg(&mut self, leg: Leg, account: &str) -> Result<Vec<Version>, ReconcileError> {
        let mut wanted = Vec::new();
        for key in self.bucket.row_keys(leg, account, LEG_BYTES_MAX).await? {
            match format_of(&key) {
                Ok(_) => wanted.push((key, None)),
                Err(reason) => self.left_out.push(LeftOut { key, reason: reason.to_owned() }),
            }
        }
        self.read(&wanted, true).await
    }

    /// Looks are written once under names of their own, so that the name is enough.
    async fn looks(&mut self, account: &str, as_of: Instant) -> Result<Vec<Version>, ReconcileError> {
        let prefix = layout::looks_prefix(account);
        let first_day = as_of.moved(-LOOKS_DAYS).business_day();
        let looks = self.bucket.list(&prefix, Some(&format!("{prefix}day={first_day}"))).await?;
        let looks: Vec<_> = looks.into_iter().map(|object| (object.key, None)).collect();
        self.read(&looks, false).await
    }

    async fn read(
        &mut self,
        wanted: &[(String, Option<String>)],
        with_version: bool,
    ) -> Result<Vec<Version>, ReconcileError> {
        let mut versions = Vec::with_capacity(wanted.len());
        for (key, object) in self.bucket.get_all(wanted).await? {
            let Some(object) = object else {
                // It went between the list and the reading.
                self.left_out.push(LeftOut { key, reason: "is gone".to_owned() });
                continue;
            };
            versions.push(Version::of(&key, object.version_id.filter(|_| with_version), &object.bytes));
            self.objects.insert(key, object.bytes);
        }
        Ok(versions)
    }

    /// Copies the notices received up to the cut out of the table, once: the table goes on changing.
    async fn notices(
        &mut self,
        account: &str,
        as_of: Instant,
        prefix: &str,
        table: &Table,
    ) -> Result<Version, ReconcileError> {
        let mut text = Vec::new();
        for row in table.notices(account).await?.iter().filter(|row| row.received_at <= as_of) {
            formats::write_notice_ndjson(row, &mut text);
        }
        if text.is_empty() {
            text.extend_from_slice(NO_NOTICES);
        }
        let key = format!("{prefix}notices.txt");
        if self.bucket.put_new(&key, text.clone()).await? == Written::AlreadyThere {
            // An earlier attempt has copied them, and what it read holds.
            let standing = self.bucket.get(&key, None).await?;
            text = standing.ok_or_else(|| JudgeError::Gone(key.clone()))?.bytes;
        }
        let version = Version::of(&key, None, &text);
        self.objects.insert(key, text);
        Ok(version)
    }

    /// The newest run before this one: its outputs were written before it was named in the table.
    async fn previous(
        &mut self,
        account: &str,
        as_of: Instant,
        table: &Table,
    ) -> Result<Option<Previous>, ReconcileError> {
        let newest = table.newest_run(account).await?.filter(|newest| *newest < as_of);
        let Some(newest) = newest else { return Ok(None) };
        let (previous, objects) = previous(&layout::run_prefix(account, newest), self.bucket).await?;
        self.objects.extend(objects);
        Ok(previous)
    }
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
/// been heard has none.
async fn heard_until(
    account: &str,
    as_of: Instant,
    policy: &Policy,
    table: &Table,
) -> Result<BTreeMap<String, String>, ReconcileError> {
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
