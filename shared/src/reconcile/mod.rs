//! One run: from the rows of each leg to what agrees, what waits, and what somebody must look at. Pure.
#![deny(clippy::arithmetic_side_effects)]

mod advice;
mod beside;
mod book;
mod bundle;
pub mod class;
mod conservation;
mod deposit;
mod exchange;
mod fraud;
mod join;
mod judge;
mod line;
mod notice_health;
mod notices;
mod orders;
mod payment;
mod plain;
mod refund;
mod settled;
mod settlement;
mod settling;
mod subject;
pub mod table;
mod under;
mod variance;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) use book::empty_totals;
pub use bundle::{Bundle, ClosedFees, SettlementName};
pub(crate) use bundle::{month_of, settlement_of, settlements_of};
pub use conservation::{Buckets, ConservationError, Held};
pub(crate) use conservation::{ReadRows, Tally, check_variance};
pub use exchange::Exchange;
pub use fraud::RefusedCallbacks;
pub(crate) use fraud::ran as fraud_rules_ran;
pub(crate) use fraud::{Beside, Code, Fate, Scope, Seen, Suspects};
pub(crate) use line::{CipText, Shown};
pub use line::{LegRows, Line};
pub use notice_health::{NoticeDelay, NoticeHealth, NoticeTally};
pub(crate) use payment::PlainPayment;
pub(crate) use plain::PlainJudge;
pub(crate) use settled::{PlainRows, Settled, settle};
pub use settlement::{Statement, amount_text};
pub use settling::{DepositPaid, Settlement};
pub use variance::{Booked, Exchanged, Variance};

use self::book::Book;
use self::class::{Class, Reason};
use self::join::AccountCip;
use serde::{Deserialize, Serialize};

use crate::calendar::Instant;
use crate::config::Policy;
use crate::ids::{BreakId, Cip};
use crate::lifecycle::cip::{CipKey, CipView};
use crate::lifecycle::evidence::{BankRow, NoticeRow, OrderRow, ReportRow, SettlementRow};
use crate::money::Currency;

/// The rows of a run.
#[derive(Debug, Default)]
pub struct Inputs<'a> {
    /// What the merchant expects.
    pub orders: Vec<OrderRow<'a>>,
    /// What the provider says otherwise than by notice.
    pub reports: Vec<ReportRow<'a>>,
    /// Signed callbacks; absent where notices are no part of the run.
    pub notices: Option<Vec<NoticeRow<'a>>>,
    /// Callbacks that were refused for their signature; absent where nobody counted.
    pub refused: Option<&'a [RefusedCallbacks]>,
    /// Lines of the provider's settlements; absent where they are no part of the run.
    pub settlements: Option<Vec<SettlementRow<'a>>>,
    /// Lines of the bank's statements; absent where they are no part of the run.
    pub bank: Option<Vec<BankRow<'a>>>,
    /// The run is one account's alone: other runs have what explains the lines of the bank that are others'.
    pub is_of_one_account: bool,
    /// The accounts that earlier runs were about.
    pub known_accounts: BTreeSet<String>,
    /// The accounts at the bank of which earlier runs have had lines in a currency.
    pub known_bank_accounts: BTreeMap<Currency, BTreeSet<String>>,
    /// Settlements that an earlier run has closed. Of them there are only lines that payments of this run need, and nothing
    /// of them is judged.
    pub closed_settlements: BTreeSet<SettlementName>,
    /// What settlements kept back that earlier runs have closed and this one does not judge.
    pub closed_fees: Vec<ClosedFees>,
}

impl<'a> Inputs<'a> {
    /// The accounts that this run and those before it are about.
    pub(crate) fn accounts(&self) -> BTreeSet<&str> {
        let mut accounts: BTreeSet<&str> = self.known_accounts.iter().map(String::as_str).collect();
        let mut last = "";
        let orders = self.orders.iter().map(|row| row.account.as_ref());
        let reports = self.reports.iter().map(|row| row.account.as_ref());
        let settlements = self.settlements.iter().flatten().map(|row| row.account.as_ref());
        for account in orders.chain(reports).chain(settlements) {
            if account != last {
                accounts.insert(account);
                last = account;
            }
        }
        accounts
    }

    /// The accounts at the bank with lines in a currency, in this run or those before it.
    pub(crate) fn bank_accounts(&self) -> BTreeMap<Currency, BTreeSet<&str>> {
        let mut seen: BTreeMap<Currency, BTreeSet<&str>> = BTreeMap::new();
        for (currency, names) in &self.known_bank_accounts {
            seen.entry(*currency).or_default().extend(names.iter().map(String::as_str));
        }
        for row in self.bank.iter().flatten() {
            let names = seen.entry(row.amount.currency).or_default();
            if !names.contains(row.bank_account.as_ref()) {
                names.insert(&row.bank_account);
            }
        }
        seen
    }
}

/// Up to when each leg has been heard. Silence counts only where it was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The shop's orders.
    pub orders: Option<Instant>,
    /// The provider's reports on everything.
    pub reports: Option<Instant>,
    /// The signed callbacks.
    pub notices: Option<Instant>,
    /// The provider's settlements.
    pub settlements: Option<Instant>,
    /// The bank, by the account that its statements are of.
    pub bank: BankCoverage,
    /// The last look at single CIPs, by account: a search says nothing of those that it was not asked about.
    pub looks: HashMap<String, HashMap<Cip, Instant>>,
}

/// Up to when the bank has been heard. A statement says nothing of other accounts than its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankCoverage {
    /// On every account.
    pub all: Option<Instant>,
    /// On single accounts, as the statements write them.
    pub by_account: HashMap<String, Instant>,
}

impl BankCoverage {
    /// Up to when the bank has been heard on all of these accounts; without any, on every account.
    #[must_use]
    pub fn of<'n>(&self, bank_accounts: impl IntoIterator<Item = &'n str>) -> Option<Instant> {
        let least = bank_accounts.into_iter().map(|name| self.by_account.get(name).copied()).min().flatten();
        self.all.max(least)
    }
}

impl Coverage {
    /// Up to when the provider has been heard on all of these CIPs.
    fn of_cips(&self, account: &str, cips: impl IntoIterator<Item = Cip>) -> Option<Instant> {
        let looks = self.looks.get(account);
        let least =
            cips.into_iter().map(|cip| looks.and_then(|looks| looks.get(&cip)).copied()).min().flatten();
        self.reports.max(least)
    }
}

/// What a class amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassTotals {
    /// How many orders, CIPs without order, further payments or notices.
    pub count: u64,
    /// Their value in minor units over all currencies: a control total, not an amount of money.
    pub minor: i128,
    /// Count and value of each currency.
    pub by_currency: BTreeMap<Currency, Held>,
}

impl ClassTotals {
    /// What lines of one currency amount to.
    pub(crate) fn of(currency: Currency, held: Held) -> ClassTotals {
        let by_currency = BTreeMap::from([(currency, held)]);
        ClassTotals { count: held.rows, minor: held.minor, by_currency }
    }

    /// Counts one line of a value in minor units.
    pub(crate) fn add(&mut self, minor: i64, currency: Currency) {
        self.count = self.count.saturating_add(1);
        self.minor = self.minor.saturating_add(i128::from(minor));
        self.by_currency.entry(currency).or_default().add(minor);
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn merge(&mut self, other: &ClassTotals) {
        self.count = self.count.saturating_add(other.count);
        self.minor = self.minor.saturating_add(other.minor);
        for (currency, held) in &other.by_currency {
            self.by_currency.entry(*currency).or_default().merge(*held);
        }
    }
}

/// What a run found.
#[derive(Debug)]
pub struct Outcome {
    /// Every line, in the order of the outputs.
    pub lines: Vec<Line>,
    /// Rows of what waits without a line of its own: a payment for its notice or its settlement, a notice for its report, a
    /// settlement for its deposit.
    pub waiting: LegRows,
    /// Settlements that are judged, with the lines of the bank that pay them.
    pub bundles: Vec<Bundle>,
    /// Every class of the run, those without a line included.
    pub totals: BTreeMap<Class, ClassTotals>,
    /// Every fraud rule that ran, those without a finding included.
    pub findings: BTreeMap<Reason, ClassTotals>,
    /// What the buckets of each leg hold.
    pub conservation: Conservation,
    /// By which matched reports and orders differ, by account.
    pub booked: BTreeMap<String, Booked>,
    /// How well each account is told of its payments, as far as it is counted; empty where notices are no part of the run.
    pub notice_health: NoticeTally,
    /// The settlements, in the order of account, name and currency.
    pub settlements: Vec<Settlement>,
}

/// The buckets of each leg.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conservation {
    /// Of the orders, in their relation to the reports.
    pub orders: Buckets,
    /// Of the reports, in their relation to the orders.
    pub reports: Buckets,
    /// Of the notices, in their relation to the reports; absent where there are none in the run.
    pub notices: Option<Buckets>,
    /// Of the settlements, in their relation to the reports, their net in millionths; absent where there are none in the run.
    pub settlements: Option<Buckets>,
    /// Of the payments of the reports, in their relation to the settlements.
    pub payments: Option<Buckets>,
    /// Of the settlements, in their relation to the bank, their net in millionths; absent where either is not in the run.
    pub deposits: Option<Buckets>,
    /// Of the lines of the bank; absent where there are none in the run.
    pub bank: Option<Buckets>,
}

/// Reconciles. The same inputs in any order give the same outcome.
///
/// # Errors
/// [`ConservationError`] when the books do not add up: nothing may be written then.
pub fn run(
    inputs: &Inputs<'_>,
    coverage: &Coverage,
    policy: &Policy,
    as_of: Instant,
    opened: &BTreeMap<BreakId, Instant>,
) -> Result<Outcome, ConservationError> {
    run_within(inputs, None, coverage, policy, as_of, opened, Scope::Whole)
}

/// The same of rows that are not the whole run; `settled` is what is known already of the relations beyond the reports.
///
/// # Errors
/// [`ConservationError`], as for [`run`].
pub(crate) fn run_within(
    inputs: &Inputs<'_>,
    settled: Option<Settled>,
    coverage: &Coverage,
    policy: &Policy,
    as_of: Instant,
    opened: &BTreeMap<BreakId, Instant>,
    scope: Scope<'_>,
) -> Result<Outcome, ConservationError> {
    let orders = orders::views(&inputs.orders);
    let cips = account_cips(&inputs.reports);
    let groups = join::groups(&orders, &cips);
    let mut book = Book::new(inputs, coverage, policy, as_of, scope);
    for group in &groups {
        book.enter_group(group, &orders, &cips);
    }
    if let Some(notices) = &inputs.notices {
        book.enter_notices(notices, &orders, &cips);
    }
    book.enter_findings(&orders);
    if let Some(Settled(settling)) = settled {
        book.enter_settling(settling);
    } else if inputs.settlements.is_some() || inputs.bank.is_some() {
        let payments = payment::gather(&groups, &orders, &cips);
        let under = under::Under { policy, coverage, as_of };
        book.enter_settling(settling::judge(inputs, &payments, under)?);
    }
    book.close(opened)
}

/// The CIPs of every account, in the order of account and CIP.
fn account_cips<'r, 'a>(rows: &'r [ReportRow<'a>]) -> Vec<AccountCip<'r, 'a>> {
    let mut keyed: Vec<(&'r str, CipKey<'a>, usize, &'r ReportRow<'a>)> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| (row.account.as_ref(), CipKey::of(row), index, row))
        .collect();
    keyed.sort_unstable_by(|a, b| (a.0, &a.1, a.2).cmp(&(b.0, &b.1, b.2)));
    keyed
        .chunk_by(|a, b| a.0 == b.0 && a.1 == b.1)
        .filter_map(|chunk| {
            let (account, key, ..) = chunk.first()?;
            let rows: Vec<_> = chunk.iter().map(|(_, _, index, row)| (*index, *row)).collect();
            Some(AccountCip { account, view: CipView::new(key.clone(), &rows) })
        })
        .collect()
}
