//! Rows in which the fraud rules over many may find something are judged together, and by the general rules.

use super::RunError;
use super::link::Judging;
use super::packed::{order_of, report_of};
use super::parts::Part;
use super::sort::{Group, Sorted, is_plain};
use super::sorted::{InOrder, link_places};
use crate::ids::Cip;
use crate::reconcile::{Beside, Code, Fate, PlainJudge, Suspects};

/// The part and the group of a CIP of the account with this number.
fn place(code: Code, judging: Judging<'_>) -> Option<(usize, Group)> {
    let name = judging.names.get(usize::try_from(code.account()).ok()?)?;
    Some(judging.place(name, Some(code.cip().map(Cip::number)?)))
}

/// Looks up what became of the orders of hands that have many, and takes those as suspects whose CIPs are mostly unpaid.
pub(super) fn weigh(
    suspects: &mut Suspects,
    parts: &dyn InOrder,
    judging: Judging<'_>,
    plain: &PlainJudge<'_>,
) -> Result<(), RunError> {
    if !suspects.asks_for_fates() {
        return Ok(());
    }
    let accounts = judging.names;
    suspects.weigh(&judging.settings.policy.fraud, accounts, |codes| {
        // In the order in which rows lie: looks here and there would take several times as long.
        let places = codes.iter().map(|code| place(*code, judging));
        let mut in_order: Vec<_> = places.zip(0_usize..).collect();
        in_order.sort_unstable();
        let mut fates = vec![None; codes.len()];
        let number = |place: &Option<(usize, Group)>| place.map(|(number, _)| number);
        for of_part in in_order.chunk_by(|a, b| number(&a.0) == number(&b.0)) {
            let Some(of_part_number) = of_part.first().and_then(|(place, _)| number(place)) else { continue };
            parts.look(of_part_number, &mut |part, sorted| {
                for (place, index) in of_part {
                    if let (Some((_, group)), Some(slot)) = (place, fates.get_mut(*index)) {
                        *slot = fate(part, sorted, *group, judging, plain)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(fates)
    })
}

/// What became of the order of a group, where that is plain.
fn fate(
    part: &Part,
    sorted: &Sorted,
    group: Group,
    judging: Judging<'_>,
    plain: &PlainJudge<'_>,
) -> Result<Option<Fate>, RunError> {
    let entries = sorted.of_group(group);
    if !is_plain(entries) || sorted.is_linked(group) {
        return Ok(None);
    }
    let order = entries.first().filter(|entry| !entry.is_report());
    let order = order.and_then(|entry| part.orders.get(entry.at)).map(|row| order_of(row, judging.names));
    let report = entries.last().filter(|entry| entry.is_report());
    let report = report.and_then(|entry| part.reports.get(entry.at)).map(|row| report_of(row, judging.names));
    let Some(order) = order else { return Ok(None) };
    let order = order.ok_or(RunError::Packing)?;
    let report = report.map(|row| row.ok_or(RunError::Packing)).transpose()?;
    Ok(Some(plain.fate(&order, report.as_ref())))
}

/// Links the groups of suspects, so that the general rules see them together.
pub(super) fn link_suspects(suspects: &Suspects, sorted: &mut [Sorted], judging: Judging<'_>) {
    let places = suspects.codes().iter().filter_map(|code| place(*code, judging)).collect();
    link_places(places, sorted);
}

/// What the rules need to know of rows that are not linked.
pub(super) fn beside(suspects: Suspects, sorted: &[Sorted], judging: Judging<'_>) -> Beside {
    let is_linked = |code: Code| {
        let (part, group) = place(code, judging)?;
        Some(sorted.get(part)?.is_linked(group))
    };
    suspects.beside(judging.names, |code| is_linked(code).unwrap_or(false))
}
