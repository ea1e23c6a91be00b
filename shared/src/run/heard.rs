//! What the files of a run gave beside their rows: how far they were heard, what was set aside, what a person must know.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::bank::BankHeard;
use super::{FileCoverage, Look, RunError, Settings};
use crate::calendar::Instant;
use crate::carry;
use crate::config::{Coverage as CoverageRule, Policy};
use crate::formats::{Leg, Rejected, Table};
use crate::reconcile::{BankCoverage, Coverage, Inputs};
use crate::report::InputRecord;

/// How a file is spoken of.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileName<'f> {
    pub leg: Leg,
    pub name: &'f str,
    pub source: &'f str,
    pub coverage: FileCoverage,
}

/// What reading a file gave, apart from its rows.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct FileFacts {
    pub rows: u64,
    pub rejected: Vec<Rejected>,
    pub cleansed: BTreeMap<Cow<'static, str>, u64>,
    pub unknown_columns: Vec<String>,
    pub latest: Option<Instant>,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
}

impl FileFacts {
    /// What a table holds beside its rows, without the hash.
    pub(super) fn of<R>(table: &Table<R>) -> Self {
        FileFacts {
            rows: u64::try_from(table.rows.len()).unwrap_or(u64::MAX),
            rejected: table.rejected.clone(),
            cleansed: words(&table.cleansed),
            unknown_columns: table.unknown_columns.clone(),
            latest: table.latest,
            sha256: String::new(),
        }
    }

    /// Moves the rows out of a table and keeps the rest.
    pub(super) fn take<R>(table: Table<R>, sha256: String, rows: &mut Vec<R>) -> Self {
        let facts = FileFacts {
            rows: u64::try_from(table.rows.len()).unwrap_or(u64::MAX),
            rejected: table.rejected,
            cleansed: words(&table.cleansed),
            unknown_columns: table.unknown_columns,
            latest: table.latest,
            sha256,
        };
        if rows.is_empty() {
            *rows = table.rows;
        } else {
            rows.extend(table.rows);
        }
        facts
    }
}

/// How often fields were changed, by words that may be read again.
pub(super) fn words(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<Cow<'static, str>, u64> {
    counts.iter().map(|(word, count)| (Cow::Borrowed(*word), *count)).collect()
}

/// What the files gave so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Heard {
    pub sources: Vec<String>,
    pub records: Vec<InputRecord>,
    pub rejected_rows: Vec<Rejected>,
    pub rejected: BTreeMap<Leg, u64>,
    pub covered_until: BTreeMap<Leg, Instant>,
    pub bank: BankHeard,
    latest: BTreeMap<Leg, Instant>,
    pub looks: Vec<Look>,
    /// The moment at which the run before judged.
    pub before: Option<Instant>,
    pub needs_person: Vec<String>,
    pub warnings: Vec<String>,
}

impl Heard {
    pub(super) fn new(settings: &Settings<'_>) -> Heard {
        let (needs_person, warnings) = (settings.needs_person.to_vec(), settings.notes.to_vec());
        Heard { needs_person, warnings, ..Heard::default() }
    }

    /// The number of a report source.
    pub(super) fn source_id(&mut self, source: &str) -> Result<u16, RunError> {
        let index = self.sources.iter().position(|known| known == source).unwrap_or_else(|| {
            self.sources.push(source.to_owned());
            self.sources.len().saturating_sub(1)
        });
        u16::try_from(index).map_err(|_| RunError::TooManySources)
    }

    /// Rows of another account would be judged twice: here, and in that account's own run.
    pub(super) fn note_left_out(&mut self, file: &str, own: &str, left_out: u64) {
        if left_out > 0 {
            self.needs_person.push(format!(
                "rows of {file} belong to another account than {own} and were left out ({left_out}): put them into that account's folder",
            ));
        }
    }

    /// Notes what a file gave.
    pub(super) fn note(&mut self, file: FileName<'_>, policy: &Policy, facts: FileFacts) {
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
            leg: file.leg.word().into(),
            name: file.name.to_owned(),
            source: file.source.to_owned(),
            sha256: facts.sha256,
            rows: facts.rows,
            rejected,
            covered_until: covered.map(|time| time.to_string()),
            cleansed: facts.cleansed,
            unknown_columns: facts.unknown_columns,
        });
    }

    /// The latest time of any leg, and of the run before.
    pub(super) fn latest_of_all(&self) -> Option<Instant> {
        self.latest.values().max().copied().max(self.before)
    }

    /// How far this run has heard, for the next one, of the legs that are a part of it.
    pub(super) fn for_the_next(&self, as_of: Option<Instant>, inputs: &Inputs<'_>) -> carry::Heard {
        let accounts = inputs.accounts().into_iter().map(str::to_owned).collect();
        let bank = self.bank.carried();
        let mut heard =
            carry::Heard { version: carry::Heard::VERSION, as_of, accounts, bank, ..carry::Heard::default() };
        let legs = [
            (Leg::Orders, true),
            (Leg::Reports, true),
            (Leg::Notices, inputs.notices.is_some()),
            (Leg::Settlements, inputs.settlements.is_some()),
            (Leg::Bank, inputs.bank.is_some()),
        ];
        for (currency, names) in inputs.bank_accounts() {
            let names = names.into_iter().map(str::to_owned).collect();
            heard.bank_accounts.insert(currency.code().to_owned(), names);
        }
        for (leg, _) in legs.into_iter().filter(|(_, is_there)| *is_there) {
            heard.set(leg, self.covered_until.get(&leg).copied());
        }
        heard
    }

    /// Up to when each leg was heard, and never beyond the moment of judgement.
    pub(super) fn coverage(&self, settings: &Settings<'_>, moment: Instant) -> Coverage {
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
                coverage.looks.insert(look.account.clone(), HashMap::new());
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
