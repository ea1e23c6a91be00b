//! One reconciliation from bytes to outputs: the same function behind the command and the Lambda. Pure.

mod days;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::calendar::Instant;
use crate::carry::{Balance, BalanceError, Carried, CarryError, Living, Moved, Told};
use crate::config::{Coverage as CoverageRule, Policy};
use crate::formats::{
    self, FileError, Format, Leg, LegMapping, Mapping, Rejected, Source, StatementFormat, Table,
};
use crate::ids::{BreakId, Cip};
use crate::lifecycle::evidence::{BankRow, SettlementRow};
use crate::reconcile::class::Class;
use crate::reconcile::{
    self, BankCoverage, ClassTotals, ConservationError, Coverage, Inputs, Line, NoticeHealth,
    RefusedCallbacks,
};
use crate::report::{self, Facts, HandedOn, InputRecord, Summary};

/// One input of a run.
#[derive(Clone, Copy, Debug)]
pub struct InputFile<'a> {
    /// Whose words it holds.
    pub leg: Leg,
    /// Its name in errors, rejects and the summary.
    pub name: &'a str,
    /// The source that tells it; operation numbers are compared only within one.
    pub source: &'a str,
    /// Its bytes, decompressed.
    pub bytes: &'a [u8],
    /// How they are laid out.
    pub format: Format,
    /// How far it speaks.
    pub coverage: FileCoverage,
}

/// How far the silence of a file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCoverage {
    /// Up to the latest time found in it, for everything.
    Plain,
    /// Up to the last look at each CIP, for that CIP alone.
    Search,
    /// Up to a time that is known otherwise, for everything.
    UpTo(Instant),
}

/// A search asked for this CIP at this time, whether or not the provider knew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The PagoEfectivo service.
    pub account: String,
    /// The CIP asked for.
    pub cip: Cip,
    /// When.
    pub looked_at: Instant,
}

/// A provider's own layout of settlements, which is told by how a file begins. The core knows none itself.
#[derive(Clone, Copy, Debug)]
pub struct SettlementLayout {
    /// Whether a file is in it.
    pub is_one: fn(&[u8]) -> bool,
    /// Reads it; the lines are of the account given.
    pub read: for<'a> fn(&Source<'a>, &'a str) -> Result<Table<SettlementRow<'a>>, FileError>,
}

/// Under what a run is made.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The account of files without account column.
    pub account: Option<&'a str>,
    /// How the files' columns are read.
    pub mapping: &'a Mapping,
    /// What the merchant decided.
    pub policy: &'a Policy,
    /// The moment of judgement; absent = the latest time found in the files.
    pub as_of: Option<Instant>,
    /// What searches asked for, beside the rows that they found.
    pub looks: &'a [Look],
    /// When breaks that are known already were first seen.
    pub opened: &'a BTreeMap<BreakId, Instant>,
    /// The run is this account's alone: rows of another one are left out, and a person is told.
    pub only_account: Option<&'a str>,
    /// How many callbacks were refused for their signature; absent where nobody counted.
    pub refused: Option<&'a [RefusedCallbacks]>,
    /// Layouts of settlements beside the canonical one.
    pub settlement_layouts: &'a [SettlementLayout],
    /// What somebody must look at beside the rows: a file that cannot be read, a notice in quarantine.
    pub needs_person: &'a [String],
    /// What the person who started the run should know beside what the run finds out itself.
    pub notes: &'a [String],
}

/// Why a run gave nothing.
#[derive(Debug, Error)]
pub enum RunError {
    /// A file cannot be read at all: the user has to mend it.
    #[error(transparent)]
    File(#[from] FileError),
    /// More report sources than can be told apart.
    #[error("more than 65535 report sources in one run: give fewer files")]
    TooManySources,
    /// The books do not add up: a defect of Cuadre.
    #[error(transparent)]
    Conservation(#[from] ConservationError),
    /// A file of a run before this one is not as it was written: the user has to give the right one.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// What a run before this one has left beside files of a leg that runs do not hand on.
    #[error(
        "{file}: lines of the leg {leg} are not handed on from run to run yet, so what was settled before would be missed: leave out what earlier runs have left, and give the files of all days"
    )]
    NotCarried {
        /// The first of the leg's files.
        file: String,
        /// The leg.
        leg: &'static str,
    },
    /// What came in from the run before and what goes out to the next do not add up: a defect of Cuadre.
    #[error(transparent)]
    Balance(#[from] BalanceError),
    /// An output could not be written to memory.
    #[error("an output cannot be written: {0}")]
    Csv(#[from] csv::Error),
    /// An output could not be written to memory.
    #[error("an output cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// What a run gave.
#[derive(Debug)]
pub struct Run {
    /// The moment of judgement; absent where no row bears a time and none was given.
    pub as_of: Option<Instant>,
    /// The files: name and bytes.
    pub outputs: Vec<(&'static str, Vec<u8>)>,
    /// What somebody must look at, in the order of `breaks.csv`.
    pub breaks: Vec<Line>,
    /// Every class of the run.
    pub totals: BTreeMap<Class, ClassTotals>,
    /// How well each account is told of its payments; empty where notices are no part of the run.
    pub notice_health: BTreeMap<String, NoticeHealth>,
    /// Rows that could not be read.
    pub rejected: u64,
    /// What somebody must look at beside breaks and rejected rows.
    pub needs_person: Vec<String>,
    /// What the person who started the run should know.
    pub warnings: Vec<String>,
}

impl Run {
    /// Whether nothing needs a person: no break, no rejected row, nothing left out.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.breaks.is_empty() && self.rejected == 0 && self.needs_person.is_empty()
    }
}

/// Reads the files, reconciles them and writes the outputs to memory.
///
/// # Errors
/// [`RunError`]: a file that cannot be read at all, or a defect. Bad rows are no error; they are in `rejected.csv`.
pub fn execute(files: &[InputFile<'_>], settings: &Settings<'_>) -> Result<Run, RunError> {
    execute_after(&Carried::default(), files, settings)
}

/// The same, going on from where earlier runs ended: `files` hold what has arrived since.
///
/// # Errors
/// As for [`execute`], and where a file of an earlier run is not as it was written.
pub fn execute_after(
    carried: &Carried<'_>,
    files: &[InputFile<'_>],
    settings: &Settings<'_>,
) -> Result<Run, RunError> {
    let ledger = files.iter().find(|file| matches!(file.leg, Leg::Settlements | Leg::Bank));
    if let Some(InputFile { name, leg, .. }) = ledger.filter(|_| carried.goes_on()) {
        return Err(RunError::NotCarried { file: (*name).to_owned(), leg: leg.word() });
    }
    let open = Told::open(carried.open)?;
    let (needs_person, warnings) = (settings.needs_person.to_vec(), settings.notes.to_vec());
    let mut reading = Reading { needs_person, warnings, ..Reading::default() };
    for file in files {
        reading.read(file, settings)?;
    }
    reading.book_arrivals();
    reading.take_over(&open, Moved::Opening, settings)?;
    let as_of = settings.as_of.or(reading.latest_of_all());
    let stubs = reading.touched_stubs(carried.closed, settings, as_of)?;
    reading.take_over(&stubs, Moved::Reopened, settings)?;
    reading.note_carried(carried, &open, &stubs);
    // Without a single time nothing can be late, expired or waited for: any moment judges alike.
    let moment = as_of.unwrap_or_default();
    reading.inputs.refused = settings.refused;
    let coverage = reading.coverage(settings, moment);
    let opened = days::opened(settings, &open);
    let mut outcome = reconcile::run(&reading.inputs, &coverage, settings.policy, moment, &opened)?;
    if as_of.is_none() {
        // No moment is known, and so none at which a break was first seen.
        outcome.lines.iter_mut().for_each(|line| line.opened_at = opened.get(&line.break_id).copied());
    }
    let living = Living::new(&reading.inputs, &outcome.lines, &outcome.waiting, settings.policy, as_of);
    reading.close_balance(&living)?;
    let heard = reading.heard(as_of);

    let Reading {
        inputs, sources, records, rejected_rows, rejected, needs_person, warnings, balance, ..
    } = &mut reading;
    rejected_rows.sort();
    let facts = Facts { inputs, sources };
    let summary = report::summary_json(Summary {
        as_of,
        policy_hash: &settings.policy.hash_hex(),
        inputs: records,
        totals: &outcome.totals,
        findings: &outcome.findings,
        conservation: &outcome.conservation,
        booked: &outcome.booked,
        notice_health: &outcome.notice_health,
        carry: balance,
        settlements: &outcome.settlements,
        rejected,
        needs_person,
        warnings,
    })?;
    let handed = HandedOn { lines: &outcome.lines, facts, looks: &coverage.looks, living: &living, as_of };
    let settlements = match &inputs.settlements {
        Some(_) => Some(report::settlements_csv(&outcome.settlements)?),
        None => None,
    };
    let mut outputs = vec![
        ("summary.json", summary),
        ("breaks.csv", report::breaks_csv(&outcome.lines, facts)?),
        ("matched.csv", report::matched_csv(&outcome.lines)?),
        ("rejected.csv", report::rejected_csv(rejected_rows)?),
        ("open.ndjson", report::open_ndjson(&handed, &heard)?),
    ];
    if carried.keep_closed {
        outputs.push(("closed.ndjson", report::closed_ndjson(&handed)?));
    }
    outputs.extend(settlements.map(|bytes| ("settlements.csv", bytes)));
    Ok(Run {
        as_of,
        outputs,
        breaks: outcome.lines.into_iter().filter(|line| line.class.is_break()).collect(),
        totals: outcome.totals,
        notice_health: outcome.notice_health,
        rejected: rejected.values().sum(),
        needs_person: std::mem::take(needs_person),
        warnings: std::mem::take(warnings),
    })
}

/// What the files gave so far.
#[derive(Default)]
struct Reading<'a> {
    inputs: Inputs<'a>,
    sources: Vec<String>,
    records: Vec<InputRecord>,
    rejected_rows: Vec<Rejected>,
    rejected: BTreeMap<Leg, u64>,
    covered_until: BTreeMap<Leg, Instant>,
    bank: BankHeard,
    latest: BTreeMap<Leg, Instant>,
    looks: Vec<Look>,
    /// The moment at which the run before judged.
    before: Option<Instant>,
    balance: Balance,
    needs_person: Vec<String>,
    warnings: Vec<String>,
}

/// What reading a file gave, apart from its rows.
struct FileFacts {
    rows: usize,
    rejected: Vec<Rejected>,
    cleansed: BTreeMap<&'static str, u64>,
    unknown_columns: Vec<String>,
    latest: Option<Instant>,
}

impl FileFacts {
    /// Moves the rows out of a table and keeps the rest.
    fn take<R>(table: formats::Table<R>, rows: &mut Vec<R>) -> Self {
        let facts = FileFacts {
            rows: table.rows.len(),
            rejected: table.rejected,
            cleansed: table.cleansed,
            unknown_columns: table.unknown_columns,
            latest: table.latest,
        };
        if rows.is_empty() {
            *rows = table.rows;
        } else {
            rows.extend(table.rows);
        }
        facts
    }
}

impl<'a> Reading<'a> {
    fn read(&mut self, file: &InputFile<'a>, settings: &Settings<'a>) -> Result<(), RunError> {
        let source =
            Source { name: file.name, bytes: file.bytes, format: file.format, account: settings.account };
        let facts = match file.leg {
            Leg::Orders => {
                let mut table = formats::read_orders(&source, &settings.mapping.orders)?;
                self.leave_out_others(file, settings, &mut table.rows, |row| &row.account);
                FileFacts::take(table, &mut self.inputs.orders)
            }
            Leg::Reports => {
                let source_id = self.source_id(file.source)?;
                let mut table = formats::read_reports(&source, source_id, &settings.mapping.reports)?;
                self.leave_out_others(file, settings, &mut table.rows, |row| &row.account);
                if file.coverage == FileCoverage::Search {
                    let seen = |row: &crate::lifecycle::evidence::ReportRow<'_>| {
                        let (cip, looked_at) = (row.cip?, row.observed_at?);
                        Some(Look { account: row.account.to_string(), cip, looked_at })
                    };
                    self.looks.extend(table.rows.iter().filter_map(seen));
                }
                FileFacts::take(table, &mut self.inputs.reports)
            }
            Leg::Notices => {
                let mut table = formats::read_notices(&source, &settings.mapping.notices)?;
                self.leave_out_others(file, settings, &mut table.rows, |row| &row.account);
                FileFacts::take(table, self.inputs.notices.get_or_insert_default())
            }
            Leg::Settlements => {
                let mut table = read_settlements(&source, settings)?;
                self.leave_out_others(file, settings, &mut table.rows, |row| &row.account);
                FileFacts::take(table, self.inputs.settlements.get_or_insert_default())
            }
            Leg::Bank => {
                let table = read_bank(&source, &settings.mapping.bank)?;
                self.bank.hear(&table, file.coverage);
                FileFacts::take(table, self.inputs.bank.get_or_insert_default())
            }
        };
        self.note(file, settings.policy, facts);
        Ok(())
    }

    /// Rows of another account would be judged twice: here, and in that account's own run.
    fn leave_out_others<R>(
        &mut self,
        file: &InputFile<'_>,
        settings: &Settings<'_>,
        rows: &mut Vec<R>,
        account: impl Fn(&R) -> &str,
    ) {
        let Some(own) = settings.only_account else { return };
        let before = rows.len();
        rows.retain(|row| account(row) == own);
        let left_out = before.saturating_sub(rows.len());
        if left_out > 0 {
            self.needs_person.push(format!(
                "rows of {} belong to another account than {own} and were left out ({left_out}): put them into that account's folder",
                file.name
            ));
        }
    }

    fn source_id(&mut self, source: &str) -> Result<u16, RunError> {
        let index = self.sources.iter().position(|known| known == source).unwrap_or_else(|| {
            self.sources.push(source.to_owned());
            self.sources.len().saturating_sub(1)
        });
        u16::try_from(index).map_err(|_| RunError::TooManySources)
    }

    fn note(&mut self, file: &InputFile<'_>, policy: &Policy, facts: FileFacts) {
        let vouched_for = coverage_rule(policy, file.leg) == CoverageRule::Complete;
        let covered = match file.coverage {
            FileCoverage::Plain => facts.latest,
            FileCoverage::Search => None,
            FileCoverage::UpTo(time) => Some(time),
        };
        if file.coverage == FileCoverage::Plain && facts.latest.is_none() && facts.rows > 0 && !vouched_for {
            self.warnings.push(format!(
                "{} bears no time, so its silence counts for nothing: map a time column, or declare coverage.{} = \"complete\" in the policy",
                file.name,
                file.leg.word()
            ));
        }
        let keep_latest = |times: &mut BTreeMap<Leg, Instant>, time: Option<Instant>| {
            if let Some(time) = time {
                times.entry(file.leg).and_modify(|known| *known = time.max(*known)).or_insert(time);
            }
        };
        keep_latest(&mut self.covered_until, covered);
        keep_latest(&mut self.latest, facts.latest);
        let rejected = u64::try_from(facts.rejected.len()).unwrap_or(u64::MAX);
        let count = self.rejected.entry(file.leg).or_default();
        *count = count.saturating_add(rejected);
        self.rejected_rows.extend(facts.rejected);
        self.records.push(InputRecord {
            leg: file.leg.word(),
            name: file.name.to_owned(),
            source: file.source.to_owned(),
            sha256: hex::encode(Sha256::digest(file.bytes)),
            rows: u64::try_from(facts.rows).unwrap_or(u64::MAX),
            rejected,
            covered_until: covered.map(|time| time.to_string()),
            cleansed: facts.cleansed,
            unknown_columns: facts.unknown_columns,
        });
    }

    fn latest_of_all(&self) -> Option<Instant> {
        self.latest.values().max().copied().max(self.before)
    }

    /// Up to when each leg was heard, and never beyond the moment of judgement.
    fn coverage(&self, settings: &Settings<'_>, moment: Instant) -> Coverage {
        let of = |leg: Leg| match coverage_rule(settings.policy, leg) {
            CoverageRule::Complete => Some(moment),
            CoverageRule::Latest => self.covered_until.get(&leg).map(|time| moment.min(*time)),
        };
        let mut coverage = Coverage {
            orders: of(Leg::Orders),
            reports: of(Leg::Reports),
            notices: of(Leg::Notices),
            settlements: of(Leg::Settlements),
            bank: match coverage_rule(settings.policy, Leg::Bank) {
                CoverageRule::Complete => BankCoverage { all: Some(moment), ..BankCoverage::default() },
                CoverageRule::Latest => self.bank.coverage(moment),
            },
            ..Coverage::default()
        };
        for look in self.looks.iter().chain(settings.looks) {
            let looked_at = moment.min(look.looked_at);
            if !coverage.looks.contains_key(&look.account) {
                coverage.looks.insert(look.account.clone(), std::collections::HashMap::new());
            }
            if let Some(of_account) = coverage.looks.get_mut(&look.account) {
                let known = of_account.entry(look.cip).or_insert(looked_at);
                *known = looked_at.max(*known);
            }
        }
        coverage
    }
}

fn coverage_rule(policy: &Policy, leg: Leg) -> CoverageRule {
    match leg {
        Leg::Orders => policy.coverage.orders,
        Leg::Reports => policy.coverage.reports,
        Leg::Notices => policy.coverage.notices,
        Leg::Settlements => policy.ledger_coverage.settlements,
        Leg::Bank => policy.ledger_coverage.bank,
    }
}

/// Reads a file of settlements: by the mapping where there is one, since a mapping speaks of columns whatever a file looks
/// like, else by how it begins.
fn read_settlements<'a>(
    source: &Source<'a>,
    settings: &Settings<'a>,
) -> Result<Table<SettlementRow<'a>>, FileError> {
    let mapping = &settings.mapping.settlements;
    let own = settings.settlement_layouts.iter().find(|layout| (layout.is_one)(source.bytes));
    match own.filter(|_| *mapping == LegMapping::default()) {
        Some(layout) => {
            let account = source.account.ok_or_else(|| FileError::NoAccount {
                file: source.name.to_owned(),
                remedy: "give the account whose settlements these are".to_owned(),
            })?;
            (layout.read)(source, account)
        }
        None => formats::read_settlements(source, mapping),
    }
}

/// Reads a file of the bank in the same way.
fn read_bank<'a>(source: &Source<'a>, mapping: &LegMapping) -> Result<Table<BankRow<'a>>, FileError> {
    let statement = StatementFormat::sniff(source.bytes).filter(|_| *mapping == LegMapping::default());
    match statement {
        Some(format) => formats::read_statement(source, format),
        None => formats::read_bank(source, mapping),
    }
}

/// How far the files of the bank speak, and of which of its accounts.
#[derive(Default)]
struct BankHeard {
    all: Option<Instant>,
    by_account: BTreeMap<String, Option<Instant>>,
    /// Files without a line, which do not say whose they are.
    quiet: Option<Instant>,
}

impl BankHeard {
    fn hear(&mut self, table: &Table<BankRow<'_>>, coverage: FileCoverage) {
        if let FileCoverage::UpTo(time) = coverage {
            self.all = self.all.max(Some(time));
        }
        let until = table.latest.filter(|_| coverage == FileCoverage::Plain);
        if table.rows.is_empty() {
            self.quiet = self.quiet.max(until);
        }
        for row in &table.rows {
            match self.by_account.get_mut(row.bank_account.as_ref()) {
                Some(known) => *known = until.max(*known),
                None => drop(self.by_account.insert(row.bank_account.to_string(), until)),
            }
        }
    }

    fn coverage(&self, moment: Instant) -> BankCoverage {
        // Where there is one account at most, nobody else can be meant.
        let quiet = self.quiet.filter(|_| self.by_account.len() <= 1);
        let by_account = self.by_account.iter().filter_map(|(name, until)| Some((name.clone(), (*until)?)));
        BankCoverage {
            all: self.all.max(quiet).map(|time| time.min(moment)),
            by_account: by_account.map(|(name, until)| (name, until.min(moment))).collect(),
        }
    }
}
