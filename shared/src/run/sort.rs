//! The rows of a part in the order of account and CIP, and which of them cannot be judged by themselves.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::RunError;
use super::packed::{Head, report_of};
use super::parts::Part;
use super::pile::At;
use super::references::{Bins, Tags, provider_hash, reference_hash, tag_of};

/// More accounts than can be numbered in a key.
pub(super) const ACCOUNTS_MAX: usize = 1 << 15;

/// A row's place in the order of account and CIP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Rank of the account, CIP, and whether the row is a report's.
    key: u64,
    pub at: At,
    /// A short hash of the row's reference; of a report row, its lowest bit says whether its status alone tells all of its
    /// payment.
    tag: u32,
}

impl Entry {
    pub(super) const fn is_report(self) -> bool {
        self.key & 1 == 1
    }

    const fn speaks_plainly(self) -> bool {
        self.tag & SPEAKS_PLAINLY != 0
    }

    /// A short hash of the row's reference; 0 where it has none.
    const fn reference(self) -> u32 {
        self.tag & !SPEAKS_PLAINLY
    }

    /// The same row at another place.
    pub(super) const fn moved(self, at: At) -> Entry {
        Entry { at, ..self }
    }

    pub(super) const fn group(self) -> Group {
        Group(self.key >> 1)
    }
}

/// In the tag of a report row that states no refunded amount.
const SPEAKS_PLAINLY: u32 = 1;

/// Account and CIP, in the order of the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Group(u64);

/// Room for a CIP of fourteen digits.
const CIP_BITS: u32 = 47;

impl Group {
    /// In place of the group of rows without CIP.
    pub(super) const LOOSE: Group = Group(u64::MAX);

    /// A CIP of the account with this rank, which takes sixteen bits; none comes after all.
    pub(super) fn new(rank: u32, cip: Option<u64>) -> Group {
        let last = (1 << CIP_BITS) - 1;
        Group(u64::from(rank) << CIP_BITS | cip.unwrap_or(last).min(last))
    }

    /// The CIP; none for the rows without.
    pub(super) fn cip(self) -> Option<u64> {
        let cip = self.0 & ((1 << CIP_BITS) - 1);
        (self != Group::LOOSE).then_some(cip)
    }
}

/// The accounts of the rows in parts, in the order of their names.
pub(super) struct Ranks<'n>(Vec<&'n str>);

impl<'n> Ranks<'n> {
    pub(super) fn new(names: &'n [String]) -> Ranks<'n> {
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        Ranks(names)
    }

    /// Where an account stands among the others; one that is not among them stands between two.
    pub(super) fn of(&self, account: &str) -> u32 {
        let place = match self.0.binary_search(&account) {
            Ok(place) => place.saturating_mul(2).saturating_add(1),
            Err(place) => place.saturating_mul(2),
        };
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}

/// What all parts need to know while they are sorted.
pub(super) struct Terms<'t> {
    /// The references that orders bear.
    pub references: &'t Bins,
    pub names: &'t [String],
    /// The rank of each account by its number.
    pub ranks: &'t [u32],
    /// Tags of the references that several orders bear, or one that was told more than once.
    pub repeated: &'t Tags,
    pub shared_cips: &'t HashSet<Group>,
    /// Whether all that is not plain counts as linked: settlements may link any payments.
    pub settles: bool,
}

impl Terms<'_> {
    pub(super) fn rank(&self, account: u32) -> u32 {
        usize::try_from(account).ok().and_then(|account| self.ranks.get(account)).copied().unwrap_or_default()
    }
}

/// A part, sorted.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub entries: Vec<Entry>,
    /// Groups whose rows hang together with rows elsewhere, ascending.
    pub linked: Vec<Group>,
    /// Tags of the references that may lead from linked groups to orders elsewhere.
    pub wanted: Vec<u32>,
    /// What rows of other groups may bear as well: references that no order of their group bears, and the provider's ids.
    pub keys: Vec<(u64, Group)>,
}

impl Sorted {
    /// Whether a group hangs together with rows elsewhere.
    pub(super) fn is_linked(&self, group: Group) -> bool {
        self.linked.binary_search(&group).is_ok()
    }

    /// The same of a group's rows.
    pub(super) fn are_linked(&self, group: &[Entry]) -> bool {
        group.first().is_some_and(|first| self.is_linked(first.group()))
    }

    /// Links groups, whether they are linked already or not.
    pub(super) fn link(&mut self, groups: impl IntoIterator<Item = Group>) {
        self.linked.extend(groups);
        self.linked.sort_unstable();
        self.linked.dedup();
    }

    /// The rows of a group.
    pub(super) fn of_group(&self, group: Group) -> &[Entry] {
        let from = self.entries.partition_point(|entry| entry.group() < group);
        let rest = self.entries.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|entry| entry.group() == group)).unwrap_or_default()
    }
}

/// The rows of one account and CIP.
pub(super) fn groups(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|a, b| a.group() == b.group())
}

/// Whether a group can be judged as it is: an order and a row at most, and a row that says no more than its status.
pub(super) fn is_plain(group: &[Entry]) -> bool {
    match group {
        [only] => !only.is_report() || only.speaks_plainly(),
        [first, second] => !first.is_report() && second.is_report() && second.speaks_plainly(),
        _ => false,
    }
}

/// The rows of a part in their order, and whether any of them bears an id of the provider's; `rank` is that of an account by
/// its number.
pub(super) fn in_order(part: &Part, rank: impl Fn(u32) -> u32) -> Result<(Vec<Entry>, bool), RunError> {
    let mut entries = Vec::with_capacity(part.orders.count() + part.reports.count());
    let mut with_provider_ids = false;
    for (rows, leg) in [(&part.orders, 0), (&part.reports, 1)] {
        rows.rows().try_for_each(|(at, row)| {
            let head = Head::read(row).ok_or(RunError::Packing)?;
            let group = Group::new(rank(head.account), Some(head.cip));
            let plainly = leg == 1 && !head.states_refund();
            let tag = head.tag | if plainly { SPEAKS_PLAINLY } else { 0 };
            with_provider_ids |= leg == 1 && head.has_provider_id();
            entries.push(Entry { key: group.0 << 1 | leg, at, tag });
            Ok::<(), RunError>(())
        })?;
    }
    entries.sort_unstable_by_key(|entry| entry.key);
    Ok((entries, with_provider_ids))
}

/// Sorts a part.
pub(super) fn sort(part: &Part, terms: &Terms<'_>) -> Result<Sorted, RunError> {
    let (entries, with_provider_ids) = in_order(part, |account| terms.rank(account))?;
    let mut sorted = Sorted::default();
    for group in groups(&entries) {
        for entry in group.iter().filter(|entry| entry.is_report()) {
            let strays = is_stray(group, *entry);
            if strays || with_provider_ids {
                let row = part.reports.get(entry.at).ok_or(RunError::Packing)?;
                keys(row, entry.group(), strays, terms, &mut sorted.keys)?;
            }
        }
        if let Some(first) = group.first()
            && (terms.settles && !is_plain(group) || is_linked(part, group, terms)?)
        {
            sorted.linked.push(first.group());
            for entry in group.iter().filter(|entry| entry.is_report()) {
                sorted.wanted.extend(wanted(part, *entry, terms)?);
            }
        }
    }
    sorted.entries = entries;
    Ok(sorted)
}

fn is_linked(part: &Part, group: &[Entry], terms: &Terms<'_>) -> Result<bool, RunError> {
    if !terms.shared_cips.is_empty()
        && group.first().is_some_and(|first| terms.shared_cips.contains(&first.group()))
    {
        return Ok(true);
    }
    for entry in group {
        let linked = if entry.is_report() {
            is_stray(group, *entry) && wanted(part, *entry, terms)?.is_some()
        } else {
            !terms.repeated.is_empty() && terms.repeated.contains(&entry.tag)
        };
        if linked {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a report row bears a reference that no order of its group bears. Two references of one short hash count as one.
fn is_stray(group: &[Entry], entry: Entry) -> bool {
    let mut orders = group.iter().take_while(|entry| !entry.is_report());
    entry.reference() != 0 && orders.all(|order| order.reference() != entry.reference())
}

/// Notes by what a report row may belong to rows of other groups: its reference, if it strays, and the provider's id.
pub(super) fn keys(
    bytes: &[u8],
    group: Group,
    strays: bool,
    terms: &Terms<'_>,
    keys: &mut Vec<(u64, Group)>,
) -> Result<(), RunError> {
    let account = Head::read(bytes).ok_or(RunError::Packing)?.account;
    let row = report_of(bytes, terms.names).ok_or(RunError::Packing)?;
    let reference = row.reference_id.as_deref().filter(|_| strays);
    keys.extend(reference.map(|reference| (reference_hash(account, reference), group)));
    keys.extend(row.provider_id.as_deref().map(|id| (provider_hash(account, id), group)));
    Ok(())
}

/// The keys that rows of several groups bear.
pub(super) fn shared_keys(mut keys: Vec<(u64, Group)>) -> HashSet<u64> {
    keys.sort_unstable();
    let shared = keys.chunk_by(|a, b| a.0 == b.0).filter(
        |chunk| matches!((chunk.first(), chunk.last()), (Some(first), Some(last)) if first.1 != last.1),
    );
    shared.filter_map(|chunk| chunk.first().map(|(key, _)| *key)).collect()
}

/// Links the groups whose rows bear a shared key.
pub(super) fn link_shared(sorted: &mut Sorted, shared: &HashSet<u64>) {
    let bearers = sorted.keys.iter().filter(|(key, _)| shared.contains(key)).map(|(_, group)| *group);
    sorted.link(bearers.collect::<Vec<_>>());
}

/// The tag of a report row's reference, if an order may bear it.
fn wanted(part: &Part, entry: Entry, terms: &Terms<'_>) -> Result<Option<u32>, RunError> {
    let bytes = part.reports.get(entry.at).ok_or(RunError::Packing)?;
    wanted_by(bytes, terms)
}

/// The same of any packed report row.
pub(super) fn wanted_by(bytes: &[u8], terms: &Terms<'_>) -> Result<Option<u32>, RunError> {
    let account = Head::read(bytes).ok_or(RunError::Packing)?.account;
    let row = report_of(bytes, terms.names).ok_or(RunError::Packing)?;
    let hash = row.reference_id.as_deref().map(|reference| reference_hash(account, reference));
    Ok(hash.filter(|hash| terms.references.holds(*hash)).map(tag_of))
}

/// Links the groups whose orders bear a wanted reference.
pub(super) fn link_bearers(sorted: &mut Sorted, wanted: &Tags) {
    let bears = |entry: &Entry| !entry.is_report() && wanted.contains(&entry.tag);
    let bearers = groups(&sorted.entries).filter(|group| group.iter().any(bears));
    let bearers: Vec<Group> = bearers.filter_map(|group| group.first().map(|first| first.group())).collect();
    sorted.link(bearers);
}
