//! Notices beside the parts: each is judged with the rows of its CIP.

use std::collections::HashSet;

use super::link::Judging;
use super::read::Rows;
use super::sort::{Group, Sorted};
use super::sorted::link_places;
use crate::lifecycle::evidence::NoticeRow;

/// Notices by where they are judged.
pub(super) struct Announced<'a> {
    /// With all that hangs together across parts.
    pub linked: Vec<NoticeRow<'a>>,
    /// With the other rows of their part.
    pub by_part: Vec<Vec<NoticeRow<'a>>>,
}

/// Sorts notices by where they are judged. Links the groups that hang together by notices alone.
pub(super) fn announce<'a>(
    notices: Vec<NoticeRow<'a>>,
    rows: &Rows,
    sorted: &mut [Sorted],
    judging: Judging<'_>,
) -> Announced<'a> {
    let placed = notices.into_iter().map(|row| (judging.place(&row.account, Some(row.cip.number())), row));
    let placed: Vec<((usize, Group), NoticeRow<'a>)> = placed.collect();
    let listed = listed(rows, judging);
    let mut linked: Vec<(usize, Group)> = with_shared_numbers(&placed);
    linked.extend(placed.iter().map(|(place, _)| *place).filter(|(_, group)| listed.contains(group)));
    link_places(linked, sorted);
    let by_part = sorted.iter().map(|_| Vec::new()).collect();
    let mut announced = Announced { linked: Vec::new(), by_part };
    for ((part, group), row) in placed {
        let is_linked = sorted.get(part).is_none_or(|sorted| sorted.is_linked(group));
        match announced.by_part.get_mut(part) {
            Some(of_part) if !is_linked => of_part.push(row),
            _ => announced.linked.push(row),
        }
    }
    announced
}

/// Moves notices from their parts to the linked ones, where their groups have been linked since.
pub(super) fn follow<'n: 'l, 'l>(
    by_part: &mut [Vec<NoticeRow<'n>>],
    sorted: &[Sorted],
    judging: Judging<'_>,
    linked: &mut Option<Vec<NoticeRow<'l>>>,
) {
    let Some(linked) = linked else { return };
    for (of_part, sorted) in by_part.iter_mut().zip(sorted) {
        let is_linked =
            |row: &mut NoticeRow<'_>| sorted.is_linked(judging.place(&row.account, Some(row.cip.number())).1);
        for row in of_part.extract_if(.., is_linked) {
            linked.push(row);
        }
    }
}

/// The CIPs of orders that list several: such orders lie in no part.
fn listed(rows: &Rows, judging: Judging<'_>) -> HashSet<Group> {
    let name = |account: u32| usize::try_from(account).ok().and_then(|account| judging.names.get(account));
    let listed = rows.shared_cips.iter();
    listed.filter_map(|(account, cip)| Some(judging.place(name(*account)?, Some(cip.number())).1)).collect()
}

/// The groups whose notices bear a number that a notice of another CIP bears as well: a fraud rule looks at these.
fn with_shared_numbers(placed: &[((usize, Group), NoticeRow<'_>)]) -> Vec<(usize, Group)> {
    let number = |row: &NoticeRow<'_>| row.operation_number.is_some();
    let mut numbered: Vec<&((usize, Group), NoticeRow<'_>)> =
        placed.iter().filter(|(_, row)| number(row)).collect();
    let key =
        |row: &NoticeRow<'_>| (row.account.to_string(), row.operation_number.as_deref().map(str::to_owned));
    numbered.sort_by_cached_key(|(place, row)| (key(row), *place));
    let same = |a: &&((usize, Group), NoticeRow<'_>), b: &&((usize, Group), NoticeRow<'_>)| {
        (&a.1.account, &a.1.operation_number) == (&b.1.account, &b.1.operation_number)
    };
    let several = numbered.chunk_by(same).filter(
        |chunk| matches!((chunk.first(), chunk.last()), (Some(first), Some(last)) if first.0 != last.0),
    );
    several.flatten().map(|(place, _)| *place).collect()
}
