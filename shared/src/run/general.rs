//! The reference: every row in memory, every pair by the general rules. Whatever is quicker must give the same bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use super::days::{self, Settlements};
use super::digest::sha256_hex;
use super::heard::{FileFacts, FileName, Heard};
use super::{FileCoverage, Look, Outputs, Run, RunError, Settings, StreamedFile, ledger};
use crate::calendar::Instant;
use crate::carry::{Arrived, Balance, Carried, Living, Moved, Told, Touched};
use crate::config::Policy;
use crate::formats::{self, Leg, Source};
use crate::lifecycle::evidence::ReportRow;
use crate::reconcile::class::{Class, Reason};
use crate::reconcile::{
    self, Booked, ClassTotals, Conservation, Coverage, Inputs, Line, NoticeHealth, Outcome, Settlement,
};
use crate::report::{self, Facts, HandedOn, OpenLines, Summary, Tables};

/// Reads the files, reconciles them and writes the outputs.
pub(super) fn execute(
    carried: &Carried<'_>,
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    outputs: &mut dyn Outputs,
) -> Result<Run, RunError> {
    let open = Told::open(carried.open)?;
    let bytes: Vec<Cow<'_, [u8]>> = files.iter().map(whole).collect::<Result<_, _>>()?;
    let mut reading = Reading { heard: Heard::new(settings), ..Reading::default() };
    for (file, bytes) in files.iter().zip(&bytes) {
        reading.read(file, bytes, settings)?;
    }
    reading.book_arrivals();
    let arrived = Arrived::all(&reading.inputs);
    reading.take_over(&open, Moved::Opening, settings)?;
    let as_of = settings.as_of.or(reading.heard.latest_of_all());
    reading.settlements.close(&mut reading.inputs);
    let by_arrivals = |reading: &Reading<'_>| Touched::by(&reading.inputs, arrived);
    let stubs = reading.touched_stubs(by_arrivals, carried.closed, settings, as_of)?;
    reading.take_over(&stubs, Moved::Reopened, settings)?;
    let elsewhere = |reading: &Reading<'_>| reading.settlements.elsewhere(&reading.inputs);
    let settlements = reading.touched_stubs(elsewhere, carried.closed, settings, as_of)?;
    reading.take_over(&settlements, Moved::Reopened, settings)?;
    reading.settlements.close(&mut reading.inputs);
    days::note_carried(&mut reading.heard, carried, &open, &[&stubs, &settlements]);
    // Without a single time nothing can be late, expired or waited for: any moment judges alike.
    let moment = as_of.unwrap_or_default();
    reading.inputs.refused = settings.refused;
    reading.inputs.is_of_one_account = settings.only_account.is_some();
    let coverage = reading.heard.coverage(settings, moment);
    let opened = days::opened(settings, &open);
    let mut outcome = reconcile::run(&reading.inputs, &coverage, settings.policy, moment, &opened)?;
    if as_of.is_none() {
        // No moment is known, and so none at which a break was first seen.
        outcome.lines.iter_mut().for_each(|line| line.opened_at = opened.get(&line.break_id).copied());
    }
    let living = Living::new(&reading.inputs, &outcome, settings.policy, as_of);
    reading.close_balance(&living)?;
    let Reading { inputs, heard, balance, .. } = reading;
    let written =
        Written { inputs: &inputs, living: &living, coverage: &coverage, policy: settings.policy, as_of };
    written.write(&outcome, &heard, carried.keep_closed, outputs)?;
    let found = Found {
        breaks: outcome.lines.into_iter().filter(|line| line.class.is_break()).collect(),
        totals: outcome.totals,
        findings: outcome.findings,
        conservation: outcome.conservation,
        booked: outcome.booked,
        notice_health: outcome.notice_health.close(),
        balance,
        settlements: outcome.settlements,
    };
    close(heard, settings, as_of, found, outputs)
}

/// What the lines of a run are written from.
struct Written<'w> {
    inputs: &'w Inputs<'w>,
    living: &'w Living,
    coverage: &'w Coverage,
    policy: &'w Policy,
    as_of: Option<Instant>,
}

impl Written<'_> {
    /// Writes everything that is told line by line.
    fn write(
        &self,
        outcome: &Outcome,
        heard: &Heard,
        keep_closed: bool,
        outputs: &mut dyn Outputs,
    ) -> Result<(), RunError> {
        let facts = Facts { inputs: self.inputs, sources: &heard.sources };
        let lines = &outcome.lines;
        let handed = HandedOn {
            lines,
            facts,
            looks: &self.coverage.looks,
            bundles: &outcome.bundles,
            living: self.living,
            elsewhere: &[],
            as_of: self.as_of,
        };
        let mut tables = Tables::begin();
        let mut next = heard.for_the_next(self.as_of, self.inputs);
        next.fees = days::closed_fees(self.inputs, &outcome.bundles, self.living, self.policy, self.as_of);
        tables.open = report::open_header(&next)?;
        let mut open = OpenLines::new(&handed);
        open.write_payouts(&mut tables.open);
        for line in lines {
            tables.write(&line.shown(), || facts.evidence(line));
            open.write(line, &mut tables.open);
        }
        tables.open.extend(open.without_line().into_iter().flatten());
        append(&tables, outputs)?;
        if keep_closed {
            outputs.append("closed.ndjson", &report::closed_ndjson(&handed))?;
        }
        if self.inputs.settlements.is_some() {
            outputs.append("settlements.csv", &report::settlements_csv(&outcome.settlements)?)?;
        }
        Ok(())
    }
}

/// What a run found, whichever way it went.
#[derive(Default)]
pub(super) struct Found {
    pub breaks: Vec<Line>,
    pub totals: BTreeMap<Class, ClassTotals>,
    pub findings: BTreeMap<Reason, ClassTotals>,
    pub conservation: Conservation,
    pub booked: BTreeMap<String, Booked>,
    pub notice_health: BTreeMap<String, NoticeHealth>,
    pub balance: Balance,
    pub settlements: Vec<Settlement>,
}

/// Writes what does not depend on single lines, and ends the run.
pub(super) fn close(
    mut heard: Heard,
    settings: &Settings<'_>,
    as_of: Option<Instant>,
    found: Found,
    outputs: &mut dyn Outputs,
) -> Result<Run, RunError> {
    heard.rejected_rows.sort();
    outputs.append("rejected.csv", &report::rejected_csv(&heard.rejected_rows)?)?;
    let summary = report::summary_json(Summary {
        as_of,
        policy_hash: &settings.policy.hash_hex(),
        inputs: &heard.records,
        totals: &found.totals,
        findings: &found.findings,
        conservation: &found.conservation,
        booked: &found.booked,
        notice_health: &found.notice_health,
        carry: &found.balance,
        settlements: &found.settlements,
        rejected: &heard.rejected,
        needs_person: &heard.needs_person,
        warnings: &heard.warnings,
    })?;
    outputs.append("summary.json", &summary)?;
    Ok(Run {
        as_of,
        outputs: Vec::new(),
        summary,
        breaks: found.breaks,
        totals: found.totals,
        notice_health: found.notice_health,
        rejected: heard.rejected.values().sum(),
        needs_person: heard.needs_person,
        warnings: heard.warnings,
    })
}

/// Hands on what was written of the tables.
pub(super) fn append(tables: &Tables, outputs: &mut dyn Outputs) -> io::Result<()> {
    outputs.append("breaks.csv", &tables.breaks)?;
    outputs.append("matched.csv", &tables.matched)?;
    outputs.append("open.ndjson", &tables.open)?;
    if tables.closed.is_empty() { Ok(()) } else { outputs.append("closed.ndjson", &tables.closed) }
}

/// All bytes of a file.
pub(super) fn whole<'a>(file: &StreamedFile<'a>) -> Result<Cow<'a, [u8]>, RunError> {
    file.content.whole().map_err(|error| unreadable(file, error))
}

pub(super) fn unreadable(file: &StreamedFile<'_>, error: io::Error) -> RunError {
    RunError::Unreadable { file: file.name.to_owned(), error }
}

/// The rows of a run, and what else the files gave.
#[derive(Default)]
pub(super) struct Reading<'a> {
    pub inputs: Inputs<'a>,
    pub heard: Heard,
    pub balance: Balance,
    pub settlements: Settlements,
}

impl<'a> Reading<'a> {
    /// Reads one file into the rows of the run.
    fn read(
        &mut self,
        file: &StreamedFile<'a>,
        bytes: &'a [u8],
        settings: &Settings<'a>,
    ) -> Result<(), RunError> {
        let source = Source { name: file.name, bytes, format: file.format, account: settings.account };
        let sha256 = sha256_hex(bytes);
        let (inputs, heard) = (&mut self.inputs, &mut self.heard);
        let facts = match file.leg {
            Leg::Orders => {
                let mut table = formats::read_orders(&source, &settings.mapping.orders)?;
                leave_out_others(heard, file.name, settings, &mut table.rows, |row| &row.account);
                FileFacts::take(table, sha256, &mut inputs.orders)
            }
            Leg::Reports => {
                let source_id = heard.source_id(file.source)?;
                let mut table = formats::read_reports(&source, source_id, &settings.mapping.reports)?;
                leave_out_others(heard, file.name, settings, &mut table.rows, |row| &row.account);
                if file.coverage == FileCoverage::Search {
                    heard.looks.extend(table.rows.iter().filter_map(look));
                }
                FileFacts::take(table, sha256, &mut inputs.reports)
            }
            Leg::Notices | Leg::Settlements | Leg::Bank => {
                ledger::read(&source, file.leg, settings)?.take(name(file), sha256, settings, inputs, heard)
            }
        };
        heard.note(name(file), settings.policy, facts);
        Ok(())
    }
}

/// A search asked for what it found.
pub(super) fn look(row: &ReportRow<'_>) -> Option<Look> {
    let (cip, looked_at) = (row.cip?, row.observed_at?);
    Some(Look { account: row.account.to_string(), cip, looked_at })
}

/// How a file is spoken of.
pub(super) fn name<'f>(file: &'f StreamedFile<'_>) -> FileName<'f> {
    FileName { leg: file.leg, name: file.name, source: file.source, coverage: file.coverage }
}

pub(super) fn leave_out_others<R>(
    heard: &mut Heard,
    file: &str,
    settings: &Settings<'_>,
    rows: &mut Vec<R>,
    account: impl Fn(&R) -> &str,
) {
    let Some(own) = settings.only_account else { return };
    let before = rows.len();
    rows.retain(|row| account(row) == own);
    heard.note_left_out(file, own, u64::try_from(before.saturating_sub(rows.len())).unwrap_or(u64::MAX));
}
