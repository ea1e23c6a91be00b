//! The rows of a page: which are new, and how they go on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cuadre::calendar::Instant;
use cuadre::config::sources::{Report, SourceKind};
use cuadre::formats::{self, FileError, Format, Leg, LegMapping, Rejected, Source, Table};
use cuadre::ids::hash_parts;
use cuadre::lifecycle::evidence::{ReportRow, SettlementRow};
use cuadre::pagoefectivo::settlement_report;

use super::progress::{Counts, Total};
use super::seen::{self, Mark, Novelty, Seen};

/// How the answers of a source are read.
pub(super) enum Reader {
    /// By a mapping, in the format that the answer has.
    Mapped(Box<LegMapping>),
    /// As the group's Settlement Report.
    SettlementReport,
}

/// The rows of one page.
pub(super) enum Rows<'p> {
    Reports(Table<ReportRow<'p>>),
    Settlements(Table<SettlementRow<'p>>),
}

impl Rows<'_> {
    /// How many there are, good and bad.
    pub(super) fn count(&self) -> u64 {
        let (good, bad) = match self {
            Rows::Reports(table) => (table.rows.len(), table.rejected.len()),
            Rows::Settlements(table) => (table.rows.len(), table.rejected.len()),
        };
        u64::try_from(good.saturating_add(bad)).unwrap_or(u64::MAX)
    }

    /// What is wrong with the first row, where all are bad.
    pub(super) fn why_none_is_good(&self) -> Option<String> {
        let (good, bad) = match self {
            Rows::Reports(table) => (table.rows.len(), &table.rejected),
            Rows::Settlements(table) => (table.rows.len(), &table.rejected),
        };
        let first = bad.first().filter(|_| good == 0)?;
        Some(format!("{} {}", first.field, first.reason).trim().to_owned())
    }
}

impl Reader {
    /// Reads the rows of a page.
    pub(super) fn read<'p>(
        &self,
        report: &Report,
        name: &'p str,
        account: &'p str,
        format: Format,
        body: &'p [u8],
    ) -> Result<Rows<'p>, FileError> {
        let source = Source { name, bytes: body, format, account: Some(account) };
        match (self, report.leg) {
            (Reader::SettlementReport, _) => settlement_report::read(&source, account).map(Rows::Settlements),
            (Reader::Mapped(mapping), Leg::Settlements) => {
                formats::read_settlements(&source, mapping).map(Rows::Settlements)
            }
            (Reader::Mapped(mapping), _) => formats::read_reports(&source, 0, mapping).map(Rows::Reports),
        }
    }

    /// The format of an answer.
    pub(super) fn format(&self, body: &[u8]) -> Format {
        match self {
            Reader::SettlementReport => Format::Csv,
            // An object at the beginning is the first of many lines, or the whole of a document.
            Reader::Mapped(mapping) => match Format::sniff(body) {
                Format::Ndjson if mapping.names_records() => Format::Json,
                format => format,
            },
        }
    }
}

/// Whether a kind of source is read by a mapping.
pub(super) const fn is_mapped(kind: &SourceKind) -> bool {
    matches!(kind, SourceKind::TransactionReport(_))
}

/// What of a page is stored.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) lines: Vec<u8>,
    /// The list of the rows in `lines`.
    pub(super) marks: Vec<u8>,
    pub(super) rejected: Vec<Rejected>,
}

/// What one page came to.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) counts: Counts,
    pub(super) totals: BTreeMap<String, Total>,
    pub(super) unknown_columns: BTreeSet<String>,
    /// The contents of all rows, in their order.
    pub(super) contents: Vec<u8>,
    /// How often each line of a settlement stands in the object of this page.
    same_here: HashMap<u64, u32>,
}

/// What a pull knows while it reads pages.
pub(super) struct Taking<'t> {
    pub(super) account: &'t str,
    pub(super) tick: Instant,
    pub(super) seen: Seen,
    /// How often a settlement row has come that says the same as others.
    same: HashMap<u64, u32>,
}

impl<'t> Taking<'t> {
    /// `same` is how often each line of a settlement came in the pages before.
    pub(super) fn new(account: &'t str, tick: Instant, seen: Seen, same: HashMap<u64, u32>) -> Taking<'t> {
        Taking { account, tick, seen, same }
    }

    /// Sorts the rows of a page out; gives those of reports that are new, which become facts.
    pub(super) fn take<'p>(&mut self, rows: Rows<'p>, part: &mut Part) -> (Taken, Vec<ReportRow<'p>>) {
        match rows {
            Rows::Reports(table) => {
                let (mut taken, rows) = self.begin(table, part, |row| row.account.as_ref());
                let mut news = Vec::new();
                for row in rows {
                    news.extend(self.take_report(row, &mut taken, part));
                }
                (taken, news)
            }
            Rows::Settlements(table) => {
                let (mut taken, rows) = self.begin(table, part, |row| row.account.as_ref());
                for row in rows {
                    self.take_settlement(row, &mut taken, part);
                }
                (taken, Vec::new())
            }
        }
    }

    /// What is the same for all legs: rows that cannot be read, and rows of another account.
    fn begin<R>(&self, table: Table<R>, part: &mut Part, account_of: impl Fn(&R) -> &str) -> (Taken, Vec<R>) {
        let Table { mut rows, rejected, unknown_columns, .. } = table;
        let all = rows.len();
        rows.retain(|row| account_of(row) == self.account);
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let counts = Counts {
            rows: count(rows.len()),
            rejected: count(rejected.len()),
            foreign: count(all.saturating_sub(rows.len())),
            ..Counts::default()
        };
        part.rejected.extend(rejected);
        (Taken { counts, unknown_columns: unknown_columns.into_iter().collect(), ..Taken::default() }, rows)
    }

    fn take_report<'p>(
        &mut self,
        mut row: ReportRow<'p>,
        taken: &mut Taken,
        part: &mut Part,
    ) -> Option<ReportRow<'p>> {
        let total = Total { rows: 1, sum: row.amount.minor };
        let name = format!("{} {}", row.amount.currency.code(), row.status.word());
        taken.totals.entry(name).or_default().add(total);
        let observed_at = row.observed_at.take();
        let extras = std::mem::take(&mut row.extras);
        let mut line = Vec::new();
        formats::write_report_ndjson(&row, &mut line);
        let mark = Mark { identity: identity_of_report(&row), content: short(&line) };
        // A CIP that waits was seen to wait at some time; the tick is before every question of this pull.
        row.observed_at = observed_at.or((!row.status.is_event()).then_some(self.tick));
        row.extras = extras;
        let goes_on = match row.status.is_event() {
            true => self.note_event(mark, 1, taken, part),
            false => self.note_look(mark, taken, part),
        };
        if !goes_on {
            return None;
        }
        // Seen to wait again after this, it says what it said before, and yet the money is gone: an extorno.
        if row.status.is_event()
            && let Some(forgotten) = self.seen.forget(identity_of_look(&row))
        {
            seen::note(forgotten, &mut part.marks);
        }
        formats::write_report_ndjson(&row, &mut part.lines);
        Some(row)
    }

    fn take_settlement(&mut self, mut row: SettlementRow<'_>, taken: &mut Taken, part: &mut Part) {
        let total = Total { rows: 1, sum: row.net.millionths() };
        let name = format!("{} {}", row.currency.code(), row.kind.word());
        taken.totals.entry(name).or_default().add(total);
        let extras = std::mem::take(&mut row.extras);
        let mut line = Vec::new();
        formats::write_settlement_ndjson(&row, &mut line);
        let content = short(&line);
        row.extras = extras;
        // A settlement may hold the same line twice, and both are money.
        let same = self.same.entry(content).or_default();
        *same = same.saturating_add(1);
        let (same, is_named) = (*same, row.provider_id.is_some() || row.cip.is_some());
        // A line that nothing names is no other word about another one.
        let identity = if is_named { identity_of_settlement(&row) } else { content };
        if self.note_event(Mark { identity, content }, same, taken, part) {
            // Lines that are equal are told apart by how often they stand in one object: those of pages before stand in it again.
            let here = taken.same_here.entry(content).or_default();
            for _ in *here..same {
                formats::write_settlement_ndjson(&row, &mut part.lines);
            }
            *here = same;
        }
    }

    /// Counts a look by what is known of it, the newest alone; says whether it goes on.
    fn note_look(&mut self, mark: Mark, taken: &mut Taken, part: &mut Part) -> bool {
        taken.contents.extend_from_slice(&mark.content.to_be_bytes());
        let counts = &mut taken.counts;
        match self.seen.judge(mark) {
            Novelty::Known => return false,
            Novelty::New => counts.new = counts.new.saturating_add(1),
            Novelty::Changed => counts.changed = counts.changed.saturating_add(1),
        }
        seen::note(mark, &mut part.marks);
        true
    }

    /// The same of money that moved: what was ever said of it is known, also where several words stand side by side in one
    /// report. `same` tells lines apart that say the same and are money each.
    fn note_event(&mut self, mark: Mark, same: u32, taken: &mut Taken, part: &mut Part) -> bool {
        let Mark { identity, content } = mark;
        taken.contents.extend_from_slice(&content.to_be_bytes());
        let parts = [identity.to_be_bytes(), content.to_be_bytes(), u64::from(same).to_be_bytes()];
        let word =
            Mark { identity: first_eight(&hash_parts(parts.each_ref().map(<[u8; 8]>::as_slice))), content };
        if self.seen.judge(word) == Novelty::Known {
            return false;
        }
        seen::note(word, &mut part.marks);
        // By the pull that first told of it: a further word of the same pull changes nothing.
        let told = Mark { identity, content: short(self.tick.to_string().as_bytes()) };
        let counts = &mut taken.counts;
        match self.seen.known(identity) {
            Some(pull) if pull != told.content => {
                counts.changed = counts.changed.saturating_add(1);
                counts.restated = counts.restated.saturating_add(1);
            }
            Some(_) => counts.new = counts.new.saturating_add(1),
            None => {
                counts.new = counts.new.saturating_add(1);
                self.seen.judge(told);
                seen::note(told, &mut part.marks);
            }
        }
        true
    }
}

/// What makes a row of a report the row it is: its CIP, else what it is known by without one; of a payment its operation.
fn identity_of_report(row: &ReportRow<'_>) -> u64 {
    if !row.status.is_event() {
        return identity_of_look(row);
    }
    let paid_at = row.paid_at.map(|time| time.to_string()).unwrap_or_default();
    identity(row, [row.status.word(), row.operation_number.as_deref().unwrap_or(&paid_at)])
}

/// The same of what is seen of the CIP and is no payment.
fn identity_of_look(row: &ReportRow<'_>) -> u64 {
    identity(row, ["", ""])
}

fn identity(row: &ReportRow<'_>, [status, operation]: [&str; 2]) -> u64 {
    let cip = row.cip.map(|cip| cip.to_string()).unwrap_or_default();
    let [kind, subject] = match (&row.cip, &row.provider_id, &row.reference_id) {
        (Some(_), ..) => ["cip", cip.as_str()],
        (None, Some(id), _) => ["id", id.as_ref()],
        (None, None, reference) => ["reference", reference.as_deref().unwrap_or_default()],
    };
    first_eight(&hash_parts([kind, subject, status, operation].map(str::as_bytes)))
}

/// What names a row of a settlement.
fn identity_of_settlement(row: &SettlementRow<'_>) -> u64 {
    let cip = row.cip.map(|cip| cip.to_string()).unwrap_or_default();
    let id = row.provider_id.as_deref().unwrap_or_default();
    let parts = [row.settlement_id.as_ref(), row.currency.code(), row.kind.word(), id, cip.as_str()];
    first_eight(&hash_parts(parts.map(str::as_bytes)))
}

fn short(line: &[u8]) -> u64 {
    first_eight(&hash_parts([line]))
}

fn first_eight(hash: &[u8; 32]) -> u64 {
    u64::from_be_bytes(hash.first_chunk::<8>().copied().unwrap_or_default())
}
