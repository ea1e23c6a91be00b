//! Several rows that claim one identity: which one speaks, which repeat it, which it supersedes, which contradict it.

use std::borrow::Cow;

use super::rank::{Claim, missing_last};
use crate::calendar::Instant;

/// The index of a row in the input of its leg.
pub type RowIndex = usize;

/// What became of the rows of one identity. Every row is in exactly one of the lists, or is the speaker.
#[derive(Clone, Debug)]
pub struct Settled<'r, R: Claim> {
    /// What is known: the speaker's fields, completed from the rows that only add to it.
    pub row: Cow<'r, R>,
    /// The row that stands.
    pub speaker: RowIndex,
    /// Rows that say the same or less.
    pub duplicates: Vec<RowIndex>,
    /// Rows that a newer one overtook.
    pub superseded: Vec<RowIndex>,
    /// Rows as new as the speaker that say otherwise.
    pub contradicting: Vec<RowIndex>,
}

/// Settles rows by their time stamp (`updated_at`, `observed_at`): the newest speak, a row without a stamp is older
/// than any that has one, and among equally new rows the rank decides which stands.
///
/// Returns `None` for no rows.
pub fn settle<'r, R: Claim>(
    rows: impl IntoIterator<Item = (RowIndex, &'r R)>,
    stamp: impl Fn(&R) -> Option<Instant>,
) -> Option<Settled<'r, R>> {
    let mut rows: Vec<(RowIndex, &R)> = rows.into_iter().collect();
    let newest_first = |a: &R, b: &R| {
        let (a, b) = (stamp(a), stamp(b));
        // Reversed among present stamps, and the missing ones still last.
        match (a, b) {
            (Some(a), Some(b)) => b.cmp(&a),
            _ => missing_last(a.as_ref(), b.as_ref()),
        }
    };
    rows.sort_by(|(ia, a), (ib, b)| newest_first(a, b).then_with(|| a.rank(b)).then_with(|| ia.cmp(ib)));

    let mut settled: Option<Settled<'r, R>> = None;
    let mut overtaken: Option<&R> = None;
    for (index, row) in rows {
        let Some(so_far) = settled.as_mut() else {
            settled = Some(Settled {
                row: Cow::Borrowed(row),
                speaker: index,
                duplicates: Vec::new(),
                superseded: Vec::new(),
                contradicting: Vec::new(),
            });
            continue;
        };
        if stamp(row) != stamp(&so_far.row) {
            let repeats_overtaken =
                overtaken.is_some_and(|old| stamp(old) == stamp(row) && !old.contradicts(row));
            if repeats_overtaken {
                so_far.duplicates.push(index);
            } else {
                so_far.superseded.push(index);
                overtaken = Some(row);
            }
            if inherits(so_far.row.as_ref(), row) {
                so_far.row.to_mut().inherit(row);
            }
        } else if so_far.row.contradicts(row) {
            so_far.contradicting.push(index);
        } else {
            if adds_fields(so_far.row.as_ref(), row) {
                so_far.row.to_mut().complete_from(row);
            }
            so_far.duplicates.push(index);
        }
    }
    settled
}

fn adds_fields<R: Claim>(row: &R, other: &R) -> bool {
    let mut completed = row.clone();
    completed.complete_from(other);
    completed.rank(row).is_ne()
}

fn inherits<R: Claim>(row: &R, older: &R) -> bool {
    let mut completed = row.clone();
    completed.inherit(older);
    completed.rank(row).is_ne()
}
