//! What a run changes among the breaks that are known. Pure.

use std::collections::BTreeMap;

use cuadre::aws::table::{BreakRecord, BreakState};
use cuadre::calendar::Instant;
use cuadre::ids::BreakId;
use cuadre::reconcile::Line;

/// When each break that is open was first seen: a run shows it, and counts age from it.
pub(crate) fn opened(known: &BTreeMap<BreakId, BreakRecord>) -> BTreeMap<BreakId, Instant> {
    let open = known.values().filter(|record| record.state == BreakState::Open);
    open.map(|record| (record.id.clone(), record.opened_at)).collect()
}

/// The records to write: breaks that are new, have changed or have come back, and those that the run no longer finds.
/// What stands as it was is not written again.
pub(crate) fn changes(
    known: &BTreeMap<BreakId, BreakRecord>,
    found: &[Line],
    as_of: Instant,
) -> Vec<BreakRecord> {
    let found: BTreeMap<BreakId, BreakRecord> =
        found.iter().map(|line| (line.break_id.clone(), record_of(line, as_of))).collect();
    let stands = |record: &BreakRecord| {
        known.get(&record.id).is_some_and(|known| {
            known.state == BreakState::Open && known.content_hash() == record.content_hash()
        })
    };
    let gone = known
        .values()
        .filter(|record| record.state == BreakState::Open && !found.contains_key(&record.id))
        .map(|record| BreakRecord { state: BreakState::Closed, closed_at: Some(as_of), ..record.clone() });
    let mut changes: Vec<BreakRecord> = gone.collect();
    changes.extend(found.values().filter(|record| !stands(record)).cloned());
    changes
}

fn record_of(line: &Line, as_of: Instant) -> BreakRecord {
    BreakRecord {
        id: line.break_id.clone(),
        state: BreakState::Open,
        opened_at: line.opened_at.unwrap_or(as_of),
        closed_at: None,
        class: line.class.word().to_owned(),
        reason: line.reason.map(|reason| reason.word().to_owned()).unwrap_or_default(),
        severity: line.severity.word().to_owned(),
        store: line.store.clone(),
        cip: line.cip.clone(),
        reference_id: line.reference_id.clone(),
        operation_number: line.operation_number.clone(),
        currency: line.currency.code().to_owned(),
        order_minor: line.order_minor,
        report_minor: line.report_minor,
    }
}
