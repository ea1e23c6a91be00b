//! What has arrived since the run before: the objects that neither it nor one before it has read.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use cuadre::aws::bucket::{Bucket, Listed, Object};
use cuadre::aws::layout;
use cuadre::aws::rows::{check_fit, format_of, unpacked};
use cuadre::calendar::Instant;
use cuadre::formats::{self, FileError, Leg, Mapping, Source};
use cuadre::ids::short_id;

use crate::ReconcileError;
use crate::judge::{LEG_BYTES_MAX, Objects, RUN_BYTES_MAX};
use crate::manifest::{LeftOut, Manifest, Version};

/// How many days before the run before rows are listed again. They bear the day of their arrival, and may be written as late as the
/// queues keep the message of them: twice fourteen days.
const ROWS_LISTED_AGAIN: TimeDelta = TimeDelta::days(35);

/// The same of notices, of which there are many objects. publish writes them within the day for which the stream keeps them, or when
/// somebody has it do so again out of a queue that keeps fourteen days.
const NOTICES_LISTED_AGAIN: TimeDelta = TimeDelta::days(16);

/// The same of looks: one that is written later than that is followed by others.
const LOOKS_LISTED_AGAIN: TimeDelta = TimeDelta::days(3);

/// How far back looks are read where there is no run before; the rows that a search found bear their own time and count without them.
const LOOKS_DAYS: TimeDelta = TimeDelta::days(200);

/// So many objects are in memory at once where they are not kept.
const READ_AT_ONCE: usize = 16;

/// Objects that have been read so far.
pub(crate) struct Arrivals<'c> {
    bucket: &'c Bucket,
    account: &'c str,
    as_of: Instant,
    /// What the run before had seen, and when it was; absent where everything is read anew.
    before: Option<(Instant, &'c BTreeSet<String>)>,
    /// Rows are looked at and not kept.
    rows_pass: bool,
    /// How much of all legs may still be read.
    bytes_left: usize,
    pub(crate) objects: Objects,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) seen: BTreeSet<String>,
}

impl<'c> Arrivals<'c> {
    pub(crate) fn new(
        bucket: &'c Bucket,
        account: &'c str,
        as_of: Instant,
        before: Option<&'c Manifest>,
        rows_pass: bool,
    ) -> Arrivals<'c> {
        let before = before.and_then(|manifest| Some((manifest.moment()?, &manifest.seen)));
        let (objects, left_out, seen) = (Objects::new(), Vec::new(), BTreeSet::new());
        let bytes_left = if rows_pass { usize::MAX } else { RUN_BYTES_MAX };
        Arrivals { bucket, account, as_of, before, rows_pass, bytes_left, objects, left_out, seen }
    }

    /// The rows of a leg that lie in the folders of these accounts. What cannot be read is left out, and is looked at again by the
    /// next run.
    pub(crate) async fn leg(&mut self, leg: Leg, folders: &[&str]) -> Result<Vec<Version>, ReconcileError> {
        let mut wanted = Vec::new();
        let again = if leg == Leg::Notices { NOTICES_LISTED_AGAIN } else { ROWS_LISTED_AGAIN };
        for folder in folders {
            for listed in self.listed(&layout::rows_prefix(leg, folder), again, None).await? {
                match format_of(&listed.key) {
                    Ok(_) => wanted.push(listed),
                    Err(reason) => self.leave_out(listed.key, format!("it {reason}")),
                }
            }
        }
        let account = self.account;
        let is_whole = !self.rows_pass || leg.is_judged_whole();
        let leg_max = if is_whole { LEG_BYTES_MAX } else { usize::MAX };
        check_fit(&layout::rows_prefix(leg, account), &wanted, leg_max.min(self.bytes_left))?;
        let bytes = wanted.iter().fold(0_u64, |sum, listed| sum.saturating_add(listed.bytes));
        self.bytes_left = self.bytes_left.saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
        self.read(wanted, self.rows_pass, true, |key, bytes| readable(leg, key, bytes, account)).await
    }

    /// Which CIPs were asked for. These objects are written once under names of their own, so that the name is enough.
    pub(crate) async fn looks(&mut self) -> Result<Vec<Version>, ReconcileError> {
        let wanted = layout::looks_prefix(self.account);
        let wanted = self.listed(&wanted, LOOKS_LISTED_AGAIN, Some(LOOKS_DAYS)).await?;
        self.read(wanted, false, false, |_, _| Ok(())).await
    }

    /// The objects below a prefix that are not known yet.
    async fn listed(
        &mut self,
        prefix: &str,
        again: TimeDelta,
        back_at_most: Option<TimeDelta>,
    ) -> Result<Vec<Listed>, ReconcileError> {
        let first = match self.before {
            Some((before, _)) => Some(before.moved(-again)),
            None => back_at_most.map(|days| self.as_of.moved(-days)),
        };
        let after = first.map(|first| format!("{prefix}day={}", first.business_day()));
        let mut listed = self.bucket.list(prefix, after.as_deref()).await?;
        let listed_by_the_next = format!("{prefix}day={}", self.as_of.moved(-again).business_day());
        listed.retain(|object| {
            let hash = hash(object);
            let is_known = self.before.is_some_and(|(_, seen)| seen.contains(&hash));
            if is_known && object.key > listed_by_the_next {
                self.seen.insert(hash);
            }
            !is_known
        });
        Ok(listed)
    }

    async fn read(
        &mut self,
        wanted: Vec<Listed>,
        pass: bool,
        with_version: bool,
        check: impl Fn(&str, &[u8]) -> Result<(), String>,
    ) -> Result<Vec<Version>, ReconcileError> {
        let mut versions = Vec::with_capacity(wanted.len());
        for some in wanted.chunks(READ_AT_ONCE) {
            let names: Vec<_> = some.iter().map(|listed| (listed.key.clone(), None)).collect();
            let objects = self.bucket.get_all(&names).await?;
            self.take(some, objects, (pass, with_version), &check, &mut versions);
        }
        Ok(versions)
    }

    fn take(
        &mut self,
        some: &[Listed],
        objects: Vec<(String, Option<Object>)>,
        (pass, with_version): (bool, bool),
        check: impl Fn(&str, &[u8]) -> Result<(), String>,
        versions: &mut Vec<Version>,
    ) {
        for ((key, object), listed) in objects.into_iter().zip(some) {
            let Some(object) = object else {
                // It went between the list and the reading.
                self.leave_out(key, "it is gone".to_owned());
                continue;
            };
            // A file that cannot be read at all must not keep the rest from being reconciled; a person has to mend it.
            if let Err(reason) = check(&key, &object.bytes) {
                self.leave_out(key, reason);
                continue;
            }
            versions.push(Version::of(&key, object.version_id.filter(|_| with_version), &object.bytes));
            self.seen.insert(hash(listed));
            if !pass {
                self.objects.insert(key, object.bytes);
            }
        }
    }

    fn leave_out(&mut self, key: String, reason: String) {
        self.left_out.push(LeftOut { key, reason });
    }
}

/// What tells an object and its content from all others: a quarter of a SHA-256, for there may be hundreds of thousands.
fn hash(object: &Listed) -> String {
    let mut hash = short_id(&[&object.key, &object.e_tag]);
    hash.truncate(16);
    hash
}

/// Whether an object is a file of its leg.
///
/// # Errors
/// Why it is none; reads on after "was left out: ".
fn readable(leg: Leg, key: &str, bytes: &[u8], account: &str) -> Result<(), String> {
    let bytes = unpacked(key, bytes.to_vec()).map_err(|reason| format!("it {reason}"))?;
    let format = format_of(key).map_err(|reason| format!("it {reason}"))?;
    let source = Source { name: key, bytes: &bytes, format, account: Some(account) };
    let mapping = Mapping::default();
    let read: Result<(), FileError> = match leg {
        Leg::Orders => formats::read_orders(&source, &mapping.orders).map(drop),
        Leg::Reports => formats::read_reports(&source, 0, &mapping.reports).map(drop),
        Leg::Notices => formats::read_notices(&source, &mapping.notices).map(drop),
        Leg::Settlements => formats::read_settlements(&source, &mapping.settlements).map(drop),
        Leg::Bank => formats::read_bank(&source, &mapping.bank).map(drop),
    };
    read.map_err(|error| error.to_string())
}
