//! How far statements of the bank speak.

use std::collections::BTreeMap;

use super::FileCoverage;
use crate::calendar::Instant;
use crate::formats::Table;
use crate::lifecycle::evidence::BankRow;
use crate::reconcile::BankCoverage;

/// How far the files of the bank speak, and of which of its accounts.
#[derive(Default)]
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
