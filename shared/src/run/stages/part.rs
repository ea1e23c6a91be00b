//! One part, judged and written.

use super::super::heard::Heard;
use super::super::link::Judging;
use super::super::sort::Ranks;
use super::super::threads::Queue;
use super::super::write::{Books, Elsewhere as Beside, write as write_part};
use super::super::{Outputs, RunError, Settings, Work};
use super::Plan;
use super::load::Loaded;
use super::wire::{Done, Elsewhere, Terms, packed, unpacked};
use crate::reconcile::PlainJudge;

/// Judges a part and writes its lines; `pieces` is all that the cuts have left of it, `terms` and `own` what the judge has left.
/// Gives what the end needs to know.
///
/// # Errors
/// [`RunError`]: an output that cannot be stored, or a defect.
pub fn write(
    plan: &Plan,
    terms: &[u8],
    own: &[u8],
    pieces: &[Vec<u8>],
    settings: &Settings<'_>,
    work: Work,
    outputs: &mut dyn Outputs,
) -> Result<Vec<u8>, RunError> {
    let Terms { coverage, as_of, keep_closed, shortcut, has_notices, has_bank } = unpacked(terms)?;
    let Elsewhere { linked, lines, settlements } = unpacked(own)?;
    let (names, shared) = (plan.names(), plan.shared());
    let settings = &Settings { only_account: Some(plan.account()), ..*settings };
    let heard: Heard = plan.heard(settings);
    let ranks = Ranks::new(&names);
    let judging = Judging {
        settings,
        coverage: &coverage,
        as_of,
        heard: &heard,
        names: &names,
        ranks: &ranks,
        shared: &shared,
        keep_breaks: work.keep_breaks,
        keep_closed,
        shortcut,
    };
    let mut loaded = Loaded::of(pieces)?;
    let sorted = loaded.in_order(linked, judging)?;
    let mut notices = std::mem::take(&mut loaded.notices);
    notices.retain(|row| !sorted.is_linked(judging.place(&row.account, Some(row.cip.number())).1));
    let beside = Beside { lines, notices: has_notices.then_some(notices), settlements, has_bank };
    let plain = PlainJudge::new(&coverage, settings.policy, as_of, settings.opened);
    let mut books = Books::default();
    let queue = Queue::new(outputs, work.piece_bytes);
    let mut shelf = queue.of_part(0);
    let last = write_part(&loaded.pairs, &sorted, beside, judging, &plain, &mut books, &mut shelf)?;
    shelf.end(last)?;
    packed(&Done { books, kept: queue.finish() })
}
