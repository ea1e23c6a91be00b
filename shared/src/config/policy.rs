//! `cuadre.toml`: what a merchant decides about matching. No secrets; its hash stands in every run.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::by_account::ByAccount;
use super::carry::Carry;
use super::env;
use super::files::{self, FileRule, FileRuleError, FileRules, FilesTable};
use super::fraud::{self, Fraud, FraudError, FraudTable};
use super::fx::{self, FxError, FxRate, FxTable, Rates};
use super::grace::{self, GraceError, GraceTable, Graces};
use super::holidays::{self, HolidayError, HolidaysTable};
use super::settlements::{
    self, DepositsTable, FeeInvoiceTable, FeeTermsTable, LedgerCoverage, SettlementRuleError, SettlementRules,
};
use super::sources::{self, Source, SourceError, SourceTable};
use super::tolerance::{self, ToleranceError, ToleranceTable, Tolerances};
use crate::calendar::{BankCalendar, Day, Grace, Instant};
use crate::formats::{Leg, toml_fault};
use crate::lifecycle::meaning::{Meaning, Meanings};
use crate::money::Money;

/// Why a policy cannot be used.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("line {line} of the policy, {key:?}: {message}; correct it, or leave it out for the default")]
    Toml {
        /// Line of the text, 1 for the first.
        line: usize,
        /// The key or table on that line.
        key: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// A tolerance that cannot be used.
    #[error(transparent)]
    Tolerance(#[from] ToleranceError),
    /// A meaning that is none.
    #[error(
        "policy key events.{event:?}: {value:?} is no meaning; write paid, refunded, reversed, expired, removed or nothing"
    )]
    Meaning {
        /// The event type.
        event: String,
        /// The text found.
        value: String,
    },
    /// An address that a payment's body must not be sent to.
    #[error(
        "policy key accounts.{0}.forward_url is not an https:// address (plain http:// is for 127.0.0.1, localhost and [::1])"
    )]
    ForwardUrl(String),
    /// A time of waiting that cannot be used.
    #[error(transparent)]
    Grace(#[from] GraceError),
    /// A day on which banks are closed, or open, that cannot be used.
    #[error(transparent)]
    Holiday(#[from] HolidayError),
    /// A rate of exchange that cannot be used.
    #[error(transparent)]
    Fx(#[from] FxError),
    /// A rule for files that cannot be used.
    #[error(transparent)]
    FileRule(#[from] FileRuleError),
    /// A source of reports that cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A threshold of a fraud rule that it cannot have.
    #[error(transparent)]
    Fraud(#[from] FraudError),
    /// A rule of settlements or deposits that cannot be used.
    #[error(transparent)]
    Settlements(#[from] SettlementRuleError),
}

/// How far a source is taken to have spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// Up to the latest time found in it.
    Latest,
    /// Up to the run's `as_of`: the merchant vouches that nothing is missing.
    Complete,
}

/// The legs whose silence a class may rest on, each with a value of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerLeg<T> {
    /// The shop's orders.
    pub orders: T,
    /// The provider's reports.
    pub reports: T,
    /// The signed callbacks.
    pub notices: T,
}

/// The decisions that a run is made under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    tolerances: ByAccount<Tolerances>,
    graces: ByAccount<Graces>,
    calendar: BankCalendar,
    rates: Rates,
    /// How far each leg's plain files are taken to have spoken.
    pub coverage: PerLeg<Coverage>,
    /// How long what has come to its end is remembered.
    pub carry: Carry,
    /// The same of settlements and bank lines.
    pub ledger_coverage: LedgerCoverage,
    /// What the provider's event types mean.
    pub meanings: Meanings,
    /// What looks for fraud beside the classes.
    pub fraud: Fraud,
    forward_urls: BTreeMap<String, Address>,
    file_rules: BTreeMap<String, FileRules>,
    /// By account; those that the policy names alone.
    sources: BTreeMap<String, Vec<Source>>,
    settlements: BTreeMap<String, SettlementRules>,
    usual_settlements: SettlementRules,
    hash: [u8; 32],
}

/// An address, which `Debug` hides: people put keys into addresses.
#[derive(Clone, PartialEq, Eq)]
struct Address(String);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[address]")
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct PolicyFile {
    tolerance: ToleranceTable,
    grace: GraceTable,
    holidays: HolidaysTable,
    fx: FxTable,
    coverage: CoverageTable,
    carry: Carry,
    events: BTreeMap<String, String>,
    fraud: FraudTable,
    accounts: BTreeMap<String, AccountTable>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct AccountTable {
    forward_url: Option<String>,
    tolerance: ToleranceTable,
    grace: GraceTable,
    files: FilesTable,
    sources: BTreeMap<String, SourceTable>,
    fraud: FraudTable,
    fee_terms: Option<FeeTermsTable>,
    fee_invoices: Vec<FeeInvoiceTable>,
    fee_invoice_tolerance: Option<String>,
    deposits: DepositsTable,
    bank_accounts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CoverageTable {
    orders: Coverage,
    reports: Coverage,
    notices: Coverage,
    settlements: Coverage,
    bank: Coverage,
}

impl Default for CoverageTable {
    fn default() -> Self {
        CoverageTable {
            orders: Coverage::Latest,
            reports: Coverage::Latest,
            notices: Coverage::Latest,
            settlements: Coverage::Latest,
            bank: Coverage::Latest,
        }
    }
}

impl Policy {
    /// Reads a policy. Keys that are left out keep their defaults: tolerance 0.05, grace 24 hours, coverage `latest`.
    ///
    /// # Errors
    /// [`PolicyError`] names the key and what to write.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        let file: PolicyFile = toml::from_str(text).map_err(|error| in_toml(text, &error))?;
        let mut meanings = Meanings::default();
        for (event, value) in file.events {
            match Meaning::from_word(&value) {
                Some(meaning) => meanings.set(&event, meaning),
                None => return Err(PolicyError::Meaning { event, value }),
            }
        }
        let tolerances = tolerance::read("tolerance", &file.tolerance, Tolerances::default())?;
        let mut tolerances = ByAccount::general(tolerances);
        let mut graces = ByAccount::general(grace::read("grace", &file.grace, Graces::default())?);
        let calendar = holidays::read(&file.holidays)?;
        let rates = fx::read(&file.fx)?;
        let (mut forward_urls, mut file_rules) = (BTreeMap::new(), BTreeMap::new());
        let by_account = file.accounts.iter().map(|(account, table)| (account.clone(), table.fraud));
        let fraud = fraud::read(file.fraud, by_account.collect())?;
        let (mut sources, mut settlements) = (BTreeMap::new(), BTreeMap::new());
        for (account, table) in file.accounts {
            let place = |key: &str| format!("accounts.{account}.{key}");
            let own = tolerance::read(&place("tolerance"), &table.tolerance, *tolerances.for_all())?;
            tolerances.set(&account, own);
            graces.set(&account, grace::read(&place("grace"), &table.grace, *graces.for_all())?);
            file_rules.insert(account.clone(), files::read(&account, table.files)?);
            sources.insert(account.clone(), sources::read(&account, table.sources)?);
            let tables = settlements::Tables {
                fee_terms: table.fee_terms,
                fee_invoices: table.fee_invoices,
                fee_invoice_tolerance: table.fee_invoice_tolerance,
                deposits: table.deposits,
                bank_accounts: table.bank_accounts,
            };
            settlements.insert(account.clone(), settlements::read(&account, tables)?);
            match table.forward_url.map(|url| env::keeps_secrets(&url).then_some(url)) {
                Some(Some(url)) => drop(forward_urls.insert(account, Address(url))),
                Some(None) => return Err(PolicyError::ForwardUrl(account)),
                None => {}
            }
        }
        Ok(Policy {
            tolerances,
            carry: file.carry,
            meanings,
            fraud,
            forward_urls,
            file_rules,
            sources,
            graces,
            calendar,
            rates,
            settlements,
            usual_settlements: SettlementRules::default(),
            ledger_coverage: LedgerCoverage {
                settlements: file.coverage.settlements,
                bank: file.coverage.bank,
            },
            coverage: PerLeg {
                orders: file.coverage.orders,
                reports: file.coverage.reports,
                notices: file.coverage.notices,
            },
            hash: Sha256::digest(text.as_bytes()).into(),
        })
    }

    /// How far amounts of an account may lie apart and still agree.
    #[must_use]
    pub fn tolerances(&self, account: &str) -> &Tolerances {
        self.tolerances.of(account)
    }

    /// The largest difference from an order over this money, over or under, that still agrees, in its minor units.
    #[must_use]
    pub fn tolerance_minor(&self, account: &str, order: Money) -> i64 {
        self.tolerances(account).allowed_minor(order)
    }

    /// How long the legs of an account may be silent after an event.
    #[must_use]
    pub fn grace(&self, account: &str) -> Graces {
        *self.graces.of(account)
    }

    /// When a leg that has this grace may no longer be silent of an event, by the calendar of the banks.
    #[must_use]
    pub fn grace_end(&self, grace: Grace, event: Instant) -> Instant {
        grace.end(event, &self.calendar)
    }

    /// By which rate amounts in two currencies are compared where the payment was made on this day; absent, they are not.
    #[must_use]
    pub fn fx_rate(&self, day: Day) -> Option<FxRate> {
        self.rates.on(day)
    }

    /// Whether amounts in two currencies are compared on any day.
    #[must_use]
    pub const fn has_fx_rates(&self) -> bool {
        !self.rates.is_empty()
    }

    /// The days on which banks do business.
    #[must_use]
    pub const fn calendar(&self) -> &BankCalendar {
        &self.calendar
    }

    /// Where the notices of an account are sent on to, if anywhere.
    #[must_use]
    pub fn forward_url(&self, account: &str) -> Option<&str> {
        self.forward_urls.get(account).map(|address| address.0.as_str())
    }

    /// How an account's files of a leg are read; the rule without any key where the policy has none.
    #[must_use]
    pub fn file_rule(&self, account: &str, leg: Leg) -> FileRule {
        let rules = self.file_rules.get(account);
        rules.and_then(|rules| rules.get(&leg)).cloned().unwrap_or_default()
    }

    /// Where an account's reports come from: what the policy says of it, else the search.
    #[must_use]
    pub fn sources(&self, account: &str) -> Vec<Source> {
        self.sources.get(account).cloned().unwrap_or_else(sources::usual)
    }

    /// What the policy says of an account's settlements and deposits; nothing where it does not name the account.
    #[must_use]
    pub fn settlement_rules(&self, account: &str) -> &SettlementRules {
        self.settlements.get(account).unwrap_or(&self.usual_settlements)
    }

    /// The accounts at the bank that the policy lists, each with the account whose deposits it takes.
    pub fn bank_accounts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settlements.iter().flat_map(|(account, rules)| {
            rules.bank_accounts.iter().map(move |bank_account| (bank_account.as_str(), account.as_str()))
        })
    }

    /// Whether an account at the bank may take deposits of this account: the policy lists it for this account, or lists none for
    /// this account and it for no other.
    #[must_use]
    pub fn may_take_deposits(&self, account: &str, bank_account: &str) -> bool {
        let own = &self.settlement_rules(account).bank_accounts;
        let is_nobodys = || !self.bank_accounts().any(|(listed, _)| listed == bank_account);
        if own.is_empty() { is_nobodys() } else { own.iter().any(|listed| listed == bank_account) }
    }

    /// The accounts that the policy names.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// SHA-256 of the policy's text, in hexadecimal; that of the empty text for the defaults.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        hex::encode(self.hash)
    }
}

fn in_toml(text: &str, error: &toml::de::Error) -> PolicyError {
    let (line, message) = toml_fault(text, error);
    let found = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let key = found.split('=').next().unwrap_or_default().trim().chars().take(80).collect();
    PolicyError::Toml { line, key, message }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            tolerances: ByAccount::general(Tolerances::default()),
            carry: Carry::default(),
            meanings: Meanings::default(),
            fraud: Fraud::default(),
            forward_urls: BTreeMap::new(),
            file_rules: BTreeMap::new(),
            sources: BTreeMap::new(),
            graces: ByAccount::general(Graces::default()),
            calendar: BankCalendar::default(),
            rates: Rates::default(),
            settlements: BTreeMap::new(),
            usual_settlements: SettlementRules::default(),
            ledger_coverage: LedgerCoverage::default(),
            coverage: PerLeg {
                orders: Coverage::Latest,
                reports: Coverage::Latest,
                notices: Coverage::Latest,
            },
            hash: Sha256::digest(b"").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_policy_is_the_default_one() {
        assert_eq!(Policy::parse("").unwrap(), Policy::default());
    }

    #[test]
    fn every_key_is_read() {
        let policy = Policy::parse(
            "[coverage]\norders = \"complete\"\n\
             [carry]\nunpaid_days = 4\nclosed_days = 5\n\
             [events]\n\"cip.reversed\" = \"reversed\"\n\
             [accounts.tienda]\nforward_url = \"https://shop.example/pe\"\n",
        )
        .unwrap();
        assert_eq!(policy.coverage.orders, Coverage::Complete);
        assert_eq!(policy.coverage.reports, Coverage::Latest);
        assert_eq!(policy.carry, Carry { unpaid_days: 4, closed_days: 5 });
        assert_eq!(policy.meanings.of("cip.reversed"), Some(Meaning::Reversed));
        assert_eq!(policy.meanings.of("cip.paid"), Some(Meaning::Paid));
        assert_eq!(policy.meanings.of("cip.other"), None);
        assert_eq!(policy.forward_url("tienda"), Some("https://shop.example/pe"));
        assert_eq!(policy.forward_url("otra"), None);
        assert_ne!(policy.hash_hex(), Policy::default().hash_hex());
    }

    #[test]
    fn an_account_at_the_bank_is_whose_it_is_listed_for_or_else_of_those_that_list_none() {
        let policy = Policy::parse(
            "[accounts.a]\nbank_accounts = [\"1\", \"3\"]\n[accounts.b]\nbank_accounts = [\"2\", \"3\"]\n[accounts.c]\n",
        )
        .unwrap();
        let check = |bank_account: &str, expected: &[&str]| {
            let may = |account: &&str| policy.may_take_deposits(account, bank_account);
            let found: Vec<&str> = ["a", "b", "c", "unnamed"].into_iter().filter(may).collect();
            assert_eq!(found, expected, "{bank_account}");
        };
        check("1", &["a"]);
        check("2", &["b"]);
        check("3", &["a", "b"]);
        check("9", &["c", "unnamed"]);
    }

    #[test]
    fn the_example_of_the_documentation_is_good() {
        let text = include_str!("../../../docs/policy.md");
        let (_, example) = text.split_once("```toml\n").unwrap();
        let policy = Policy::parse(example.split_once("```").unwrap().0).unwrap();
        assert_eq!(policy.file_rule("tienda", Leg::Orders).mapping.as_deref(), Some("tienda-propia"));
        assert!(policy.file_rule("tienda", Leg::Bank).expected.is_some());
    }

    #[test]
    fn a_wrong_policy_names_the_key() {
        let check = |text: &str, part: &str| {
            let message = Policy::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        };
        check("[grace]\nhours = 3", "line 2 of the policy, \"hours");
        check("[grace]\norders_hours = \"a day\"", "line 2 of the policy, \"orders_hours\": ");
        check("[carry]\nunpaid_days = -1", "line 2 of the policy, \"unpaid_days\"");
        check("[grace", "line 1 of the policy, \"[grace\"");
        check("[coverage]\norders = \"all\"", "orders");
        check("[events]\n\"cip.x\" = \"payed\"", "events.\"cip.x\": \"payed\" is no meaning");
        check(
            "[accounts.a]\nforward_url = \"http://shop.example\"",
            "accounts.a.forward_url is not an https",
        );
    }
}
