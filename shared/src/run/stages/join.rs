//! The end of a run in stages.

use super::super::general::{Found, append, close};
use super::super::write::Closed;
use super::super::{Outputs, OutputsInMemory, Run, RunError, Settings};
use super::Plan;
use super::wire::{Done, Judged, unpacked};
use crate::report;

/// What belongs to the outputs beside what the parts have written.
#[derive(Debug)]
pub struct Joined {
    /// What the run came to, without its outputs.
    pub run: Run,
    /// By output: what stands before that of the first part.
    pub begin: Vec<(&'static str, Vec<u8>)>,
    /// By output: what stands behind that of the last part.
    pub end: Vec<(&'static str, Vec<u8>)>,
}

/// Puts together what the parts came to, in their order, and closes the books.
///
/// # Errors
/// [`RunError`] where the books do not add up, which is a defect.
pub fn join(
    plan: &Plan,
    judged: &[u8],
    parts: &[Vec<u8>],
    settings: &Settings<'_>,
) -> Result<Joined, RunError> {
    let settings = &Settings { only_account: Some(plan.account()), ..*settings };
    let Judged { terms, heard, mut books, begun, closed_payouts, orders_read, reports_read } =
        unpacked(judged)?;
    let mut breaks = Vec::new();
    for part in parts {
        let mut done: Done = unpacked(part)?;
        books.add(done.books);
        breaks.append(&mut done.kept);
    }
    let (mut begin, mut end) = (OutputsInMemory::default(), OutputsInMemory::default());
    append(&begun, &mut begin)?;
    if terms.keep_closed {
        begin.append("closed.ndjson", &[])?;
    }
    let Closed { found, without_line, closed_without_line } = books.close(&orders_read, &reports_read)?;
    end.append("open.ndjson", &without_line)?;
    if terms.keep_closed {
        end.append("closed.ndjson", &closed_payouts)?;
        end.append("closed.ndjson", &closed_without_line)?;
    }
    if found.conservation.settlements.is_some() {
        end.append("settlements.csv", &report::settlements_csv(&found.settlements)?)?;
    }
    let run = close(heard, settings, terms.as_of, Found { breaks, ..found }, &mut end)?;
    Ok(Joined { run, begin: begin.in_order(), end: end.in_order() })
}
