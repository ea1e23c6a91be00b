//! How far statements of the bank speak.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FileCoverage;
use crate::calendar::Instant;
use crate::carry::CoveredUntil;
use crate::formats::Table;
use crate::lifecycle::evidence::BankRow;
use crate::reconcile::BankCoverage;

/// By what `open.ndjson` names all accounts of a bank.
const EVERY_ACCOUNT: &str = "*";

/// By what it names statements without a line.
const NO_ACCOUNT: &str = "";

/// How far the files of the bank speak, and of which of its accounts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct BankHeard {
    all: Option<Instant>,
    by_account: BTreeMap<String, Option<Instant>>,
    /// Files without a line, which do not say whose they are.
    quiet: Option<Instant>,
}

impl BankHeard {
    pub(super) fn hear(&mut self, table: &Table<BankRow<'_>>, coverage: FileCoverage) {
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

    /// Takes what the run before had heard.
    pub(super) fn remember(&mut self, before: &BTreeMap<String, CoveredUntil>) {
        for (name, until) in before {
            match name.as_str() {
                EVERY_ACCOUNT => self.all = self.all.max(until.0),
                NO_ACCOUNT => self.quiet = self.quiet.max(until.0),
                name => {
                    let known = self.by_account.entry(name.to_owned()).or_default();
                    *known = until.0.max(*known);
                }
            }
        }
    }

    /// The same for the next run.
    pub(super) fn carried(&self) -> BTreeMap<String, CoveredUntil> {
        let all = self.all.map(|until| (EVERY_ACCOUNT.to_owned(), Some(until)));
        let quiet = self.quiet.map(|until| (NO_ACCOUNT.to_owned(), Some(until)));
        let single = self.by_account.iter().map(|(name, until)| (name.clone(), *until));
        single.chain(all).chain(quiet).map(|(name, until)| (name, CoveredUntil(until))).collect()
    }

    pub(super) fn coverage(&self, moment: Instant) -> BankCoverage {
        // Where there is one account at most, nobody else can be meant.
        let quiet = self.quiet.filter(|_| self.by_account.len() <= 1);
        let by_account = self.by_account.iter().filter_map(|(name, until)| Some((name.clone(), (*until)?)));
        BankCoverage {
            all: self.all.max(quiet).map(|time| time.min(moment)),
            by_account: by_account.map(|(name, until)| (name, until.min(moment))).collect(),
        }
    }
}
