//! All parts sorted, and what hangs together across them found.

use std::sync::{Mutex, PoisonError};

use super::link::Judging;
use super::parts::Part;
use super::read::Rows;
use super::references::{Bins, HASH, Tags, repeated};
use super::sort::{Group, Sorted, Terms, keys, link_bearers, link_shared, shared_keys, sort, wanted_by};
use super::threads::share;
use super::{RunError, Work};

/// Parts with their rows in order, wherever they lie.
pub(super) trait InOrder {
    /// Shows a part, if there is one of this number.
    fn look(
        &self,
        number: usize,
        look: &mut dyn FnMut(&Part, &Sorted) -> Result<(), RunError>,
    ) -> Result<(), RunError>;
}

/// Those in memory.
pub(super) struct InMemory<'m> {
    pub parts: &'m [Part],
    pub sorted: &'m [Sorted],
}

impl InOrder for InMemory<'_> {
    fn look(
        &self,
        number: usize,
        look: &mut dyn FnMut(&Part, &Sorted) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let (part, sorted) = (self.parts.get(number), self.sorted.get(number));
        part.zip(sorted).map_or(Ok(()), |(part, sorted)| look(part, sorted))
    }
}

/// Puts the references of orders in order, and tells the tags of those that occur more than once.
fn sort_references(references: Bins, work: Work) -> Result<(Bins, Tags), RunError> {
    let bins: Vec<Mutex<Vec<u64>>> = references.into_bins().into_iter().map(Mutex::new).collect();
    let found = share(work, bins.len(), Vec::new, |found: &mut Vec<u32>, number| {
        if let Some(bin) = bins.get(number) {
            found.extend(repeated(&mut bin.lock().unwrap_or_else(PoisonError::into_inner)));
        }
        Ok(())
    })?;
    let bins = bins.into_iter().map(|bin| bin.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    let mut tags = Tags::with_hasher(HASH);
    tags.extend(found.into_iter().flatten());
    Ok((Bins::from_sorted(bins), tags))
}

/// Sorts all parts, and links what hangs together across them; `settles` says whether settlements or the bank may link
/// payments too.
pub(super) fn sort_all(
    rows: &mut Rows,
    judging: Judging<'_>,
    settles: bool,
    work: Work,
) -> Result<Vec<Sorted>, RunError> {
    let (references, repeated) = sort_references(std::mem::take(&mut rows.references), work)?;
    let names = judging.names;
    let ranks: Vec<u32> = names.iter().map(|name| judging.ranks.of(name)).collect();
    let rank = |account: u32| usize::try_from(account).ok().and_then(|account| ranks.get(account)).copied();
    let shared_cips = rows.shared_cips.iter();
    let shared_cips =
        shared_cips.filter_map(|(account, cip)| Some(Group::new(rank(*account)?, Some(cip.number()))));
    let terms = Terms {
        references: &references,
        names,
        ranks: &ranks,
        repeated: &repeated,
        shared_cips: &shared_cips.collect(),
        settles,
    };
    sort_parts(rows, &terms, work)
}

fn sort_parts(rows: &Rows, terms: &Terms<'_>, work: Work) -> Result<Vec<Sorted>, RunError> {
    let sorted: Vec<Mutex<Sorted>> = rows.parts.iter().map(|_| Mutex::new(Sorted::default())).collect();
    let place =
        |number: usize| sorted.get(number).map(|place| place.lock().unwrap_or_else(PoisonError::into_inner));
    share(
        work,
        rows.parts.len(),
        || (),
        |(), number| {
            if let (Some(part), Some(mut place)) = (rows.parts.get(number), place(number)) {
                *place = sort(part, terms)?;
            }
            Ok(())
        },
    )?;
    let mut wanted = Tags::with_hasher(HASH);
    let mut all_keys: Vec<(u64, Group)> = Vec::new();
    for sorted in (0..sorted.len()).filter_map(place) {
        wanted.extend(&sorted.wanted);
        all_keys.extend(&sorted.keys);
    }
    for (_, row) in rows.loose.reports.rows() {
        wanted.extend(wanted_by(row, terms)?);
        keys(row, Group::LOOSE, true, terms, &mut all_keys)?;
    }
    let shared = shared_keys(all_keys);
    share(
        work,
        sorted.len(),
        || (),
        |(), number| {
            if let Some(mut place) = place(number) {
                if !wanted.is_empty() {
                    link_bearers(&mut place, &wanted);
                }
                if !shared.is_empty() {
                    link_shared(&mut place, &shared);
                }
                place.keys = Vec::new();
            }
            Ok(())
        },
    )?;
    Ok(sorted.into_iter().map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
}

/// Links groups of any parts, whether they are linked already or not.
pub(super) fn link_places(mut places: Vec<(usize, Group)>, sorted: &mut [Sorted]) {
    places.sort_unstable();
    for of_part in places.chunk_by(|a, b| a.0 == b.0) {
        let Some(sorted) = of_part.first().and_then(|(part, _)| sorted.get_mut(*part)) else { continue };
        sorted.link(of_part.iter().map(|(_, group)| *group));
    }
}
