//! What the general rules make of rows that cannot be judged where they lie, ready to be written at its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::heard::Heard;
use super::packed::{order_of, report_of};
use super::parts::{Part, Shared};
use super::routes::Routes;
use super::sort::{Entry, Group, Ranks, is_plain};
use super::{RunError, Settings, days};
use crate::calendar::Instant;
use crate::carry::{Balance, Living};
use crate::reconcile::class::{Class, Reason};
use crate::reconcile::{
    self, Booked, ClassTotals, ClosedFees, Conservation, Coverage, Inputs, Line, NoticeTally, Scope, Settled,
    Settlement,
};
use crate::report::{ClosedLines, Facts, HandedOn, OpenLines, Tables};

/// Under what the rows of a run are judged.
#[derive(Clone, Copy)]
pub(super) struct Judging<'j> {
    pub settings: &'j Settings<'j>,
    pub coverage: &'j Coverage,
    pub as_of: Option<Instant>,
    pub heard: &'j Heard,
    /// The names of the accounts by number.
    pub names: &'j [String],
    pub ranks: &'j Ranks<'j>,
    pub shared: &'j Shared,
    pub keep_breaks: bool,
    /// Whether stubs are kept of what has come to its end.
    pub keep_closed: bool,
    /// Whether plain pairs are judged where they lie, without the general rules.
    pub shortcut: bool,
}

impl Judging<'_> {
    /// The part and the group of a CIP of an account, whether rows are there or not.
    pub(super) fn place(&self, account: &str, cip: Option<u64>) -> (usize, Group) {
        (self.shared.part_of(account, cip), Group::new(self.ranks.of(account), cip))
    }

    /// Whether a group that is not linked is judged where it lies.
    pub(super) fn is_plain(&self, group: &[Entry]) -> bool {
        self.shortcut && is_plain(group)
    }
}

/// A line of the general rules with its bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Ready {
    pub group: Group,
    pub part: usize,
    pub tables: Tables,
    /// The line itself, if it is a break and breaks are kept.
    pub kept: Option<Line>,
}

/// What the general rules made of some rows.
#[derive(Default)]
pub(super) struct General {
    /// In the order of the outputs.
    pub lines: Vec<Ready>,
    pub totals: BTreeMap<Class, ClassTotals>,
    /// What the fraud rules found.
    pub findings: BTreeMap<Reason, ClassTotals>,
    pub conservation: Conservation,
    /// By which matched reports and orders differ, by account.
    pub booked: BTreeMap<String, Booked>,
    /// What of the rows is closed and what is carried on.
    pub balance: Balance,
    /// Lines of `open.ndjson` for settlements that live on.
    pub payouts: Vec<u8>,
    /// Lines of `closed.ndjson` for those that are closed.
    pub closed_payouts: Vec<u8>,
    /// Lines of `open.ndjson` for rows that live on and on which no line rests.
    pub without_line: Vec<Vec<u8>>,
    /// Lines of `closed.ndjson` of the same kind.
    pub closed_without_line: Vec<Vec<u8>>,
    pub notice_health: NoticeTally,
    pub settlements: Vec<Settlement>,
    /// What settlements kept back that are closed.
    pub fees: Vec<ClosedFees>,
}

/// Gathers the rows of entries.
pub(super) fn gather<'p>(
    part: &'p Part,
    entries: &[Entry],
    names: &'p [String],
    inputs: &mut Inputs<'p>,
) -> Result<(), RunError> {
    for entry in entries {
        if entry.is_report() {
            let row = part.reports.get(entry.at).and_then(|row| report_of(row, names));
            inputs.reports.push(row.ok_or(RunError::Packing)?);
        } else {
            let row = part.orders.get(entry.at).and_then(|row| order_of(row, names));
            inputs.orders.push(row.ok_or(RunError::Packing)?);
        }
    }
    Ok(())
}

/// Gathers all rows of a part.
pub(super) fn gather_all<'p>(
    part: &'p Part,
    names: &'p [String],
    inputs: &mut Inputs<'p>,
) -> Result<(), RunError> {
    for (_, row) in part.orders.rows() {
        inputs.orders.push(order_of(row, names).ok_or(RunError::Packing)?);
    }
    for (_, row) in part.reports.rows() {
        inputs.reports.push(report_of(row, names).ok_or(RunError::Packing)?);
    }
    Ok(())
}

/// What is known already of the relations beyond the reports.
pub(super) struct Beyond<'b> {
    pub settled: Settled,
    /// Which lines of settlements are told, and booked, with the pairs that they name.
    pub routes: &'b Routes,
}

/// Judges rows by the general rules.
pub(super) fn judge(
    inputs: &Inputs<'_>,
    beyond: Option<Beyond<'_>>,
    judging: Judging<'_>,
    scope: Scope<'_>,
) -> Result<General, RunError> {
    let (settled, routes) = beyond.map(|beyond| (beyond.settled, beyond.routes)).unzip();
    let without_notices = inputs.notices.as_ref().is_none_or(Vec::is_empty);
    let without_rows = inputs.orders.is_empty() && inputs.reports.is_empty() && without_notices;
    if without_rows && settled.is_none() && inputs.refused.is_none() {
        return Ok(General::default());
    }
    let settings = judging.settings;
    let moment = judging.as_of.unwrap_or_default();
    let (coverage, policy, opened) = (judging.coverage, settings.policy, settings.opened);
    let mut outcome = reconcile::run_within(inputs, settled, coverage, policy, moment, opened, scope)?;
    if judging.as_of.is_none() {
        outcome
            .lines
            .iter_mut()
            .for_each(|line| line.opened_at = settings.opened.get(&line.break_id).copied());
    }
    let living = Living::new(inputs, &outcome, settings.policy, judging.as_of);
    let mut balance = Balance::default();
    let elsewhere = routes.map(Routes::in_parts).unwrap_or_default();
    days::book_ends(&mut balance, inputs, &living, &elsewhere);
    let facts = Facts { inputs, sources: &judging.heard.sources };
    let (looks, lines) = (&judging.coverage.looks, &outcome.lines);
    let bundles = &outcome.bundles;
    let (living, elsewhere, as_of) = (&living, &elsewhere[..], judging.as_of);
    let handed = HandedOn { lines, facts, looks, bundles, living, elsewhere, as_of };
    let mut open = OpenLines::new(&handed);
    let ended = if judging.keep_closed { living.inverted() } else { Living::default() };
    let mut closed = judging.keep_closed.then(|| ClosedLines::new(&handed, &ended));
    let mut payouts = Vec::new();
    open.write_payouts(&mut payouts);
    let written = lines.iter().map(|line| {
        let mut tables = Tables::default();
        tables.write(&line.shown(), || facts.evidence(line));
        open.write(line, &mut tables.open);
        if let Some(closed) = &mut closed {
            closed.write(line, &mut tables.closed);
        }
        tables
    });
    let written: Vec<Tables> = written.collect();
    let without_line = open.without_line();
    let mut closed_payouts = Vec::new();
    if let Some(closed) = &mut closed {
        closed.write_payouts(&mut closed_payouts);
    }
    let closed_without_line = closed.map(ClosedLines::without_line).unwrap_or_default();
    let fees = days::closed_fees(inputs, bundles, living, settings.policy, judging.as_of);
    let ready = |(line, tables): (Line, Tables)| {
        let (part, group) = judging.place(&line.account, line.sort_cip);
        let kept = (judging.keep_breaks && line.class.is_break()).then_some(line);
        Ready { group, part, tables, kept }
    };
    let lines = outcome.lines.into_iter().zip(written).map(ready).collect();
    Ok(General {
        lines,
        totals: outcome.totals,
        findings: outcome.findings,
        conservation: outcome.conservation,
        booked: outcome.booked,
        balance,
        payouts,
        closed_payouts,
        without_line,
        closed_without_line,
        notice_health: outcome.notice_health,
        settlements: outcome.settlements,
        fees,
    })
}
