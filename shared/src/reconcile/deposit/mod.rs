//! The bank: which settlements it has paid in, which not, and what nobody can explain.

mod groups;
mod itf;
mod judge;
mod lump;
mod owners;
mod search;
mod words;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

pub(super) use self::groups::Ledger as DepositLedger;
use self::groups::{Group, by_key};
use self::itf::itf_minor;
use self::judge::Verdict;
pub(super) use self::owners::Owners;
use self::search::Searched;
pub(super) use self::words::{Names, words};
use super::class::{Bucket, Class, Reason};
use super::conservation::Ledger;
use super::line::{LegRows, Line};
use super::payment::Payments;
use super::settlement::{Judged as Settled, Statement};
use super::settling::DepositPaid;
use super::under::{Awaited, Under};
use super::{Buckets, ConservationError};
use crate::calendar::{Day, Instant};
use crate::config::settlements::Itf;
use crate::formats::repeated;
use crate::lifecycle::evidence::{BankRow, SettlementRow};
use crate::lifecycle::settle::RowIndex;
use crate::money::{Currency, Money};

/// The bank leg, judged.
pub(super) struct Judged {
    pub lines: Vec<Line>,
    /// Settlements that wait for their deposit, and credits that wait for their settlement or for an account that owns them.
    pub waiting: LegRows,
    /// Where each row of the leg is counted, while refunds may still take some.
    pub rows: Ledger,
    /// The lines that stand, in an order of their content.
    pub order: Vec<RowIndex>,
    /// Lines that only repeat another, and lines that are bound or stand for a deposit: nothing for others to take.
    pub taken: HashSet<RowIndex>,
    /// Which lines of settlements have been paid in, in millionths; absent where there are no settlements in the run.
    pub settlements: Option<Buckets>,
    /// What became of each batch.
    pub batches: Vec<Paid>,
    /// Batches that are paid together, with the lines of the bank that pay them.
    pub bundles: Vec<(Vec<usize>, Vec<RowIndex>)>,
}

/// What became of a batch at the bank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paid {
    pub class: Class,
    pub reason: Option<Reason>,
    /// On the first batch of those that are paid together.
    pub deposit: Option<DepositPaid>,
}

impl Judged {
    /// Counts the lines that pay a group, and the taxes that the bank took beside them.
    fn put_lines(&mut self, group: &Group, taxes: &[(RowIndex, i128)], verdict: &Verdict) {
        if verdict.paid.is_some() {
            let counted = if verdict.bucket == Bucket::Break { Bucket::Break } else { Bucket::Matched };
            self.rows.put(&group.lines, counted);
            self.taken.extend(&group.lines);
        }
        for (row, _) in taxes {
            self.rows.put([row], Bucket::Matched);
            self.taken.insert(*row);
        }
    }

    /// Counts a line that pays no settlement of the run.
    fn put_unbound(
        &mut self,
        ledger: &DepositLedger<'_, '_, '_>,
        row: RowIndex,
        line: &BankRow<'_>,
        waits: impl FnOnce() -> bool,
        searched: &Searched,
    ) {
        if ledger.may_find_owner(line) {
            self.waiting.bank.push(row);
        }
        if !ledger.is_of_interest(line) {
            return;
        }
        self.taken.insert(row);
        if waits() {
            self.rows.put([&row], Bucket::Open);
            self.waiting.bank.push(row);
        } else if !ledger.owners.is_shared(&line.bank_account) {
            self.rows.put([&row], Bucket::Break);
            self.lines.push(judge::unknown(ledger, row, line, searched));
        }
    }
}

/// Judges the bank leg against the settlements, where there are any.
///
/// # Errors
/// [`ConservationError`] where a line was forgotten.
pub(super) fn judge(
    bank: &[BankRow<'_>],
    settlements: Option<(&[SettlementRow<'_>], &Settled<'_>)>,
    payments: &Payments<'_>,
    owners: &Owners<'_>,
    under: Under<'_>,
) -> Result<Judged, ConservationError> {
    let duplicates = told_again(bank);
    let mut rows = Ledger::new("bank", bank.len());
    rows.put(&(0..bank.len()).collect::<Vec<_>>(), Bucket::Unpaid);
    rows.put(&duplicates, Bucket::DuplicateRow);
    let (batches, statements): (&[_], &[Statement]) =
        settlements.map_or((&[], &[]), |(_, settled)| (&settled.batches, &settled.statements));
    let ledger = DepositLedger {
        settlement_rows: settlements.map_or(&[], |(rows, _)| rows),
        batches,
        statements,
        bank,
        lines: in_order(bank, &duplicates),
        owners,
        under,
    };
    let is_tax = |line: &BankRow<'_>, paid: &[usize]| is_own_tax(&ledger, line, paid);
    let mut sets = by_key(&ledger, is_tax);
    let waits = |line: &BankRow<'_>| {
        let account = ledger.owners.shown(&line.bank_account);
        // Where no settlements are in the run, their silence says nothing, whoever vouches for it.
        let covered = under.coverage.settlements.filter(|_| settlements.is_some());
        under.may_come(account, Awaited::Explanation, line.value_date.start(), covered)
    };
    // Nothing is proved by a sum of a credit that may be another account's.
    let is_open = |line: &BankRow<'_>| waits(line) || ledger.owners.is_shared(&line.bank_account);
    let searched = search::search(&ledger, &mut sets, is_open);
    let groups = sets.groups();
    let taxes = separate_taxes(&ledger, &groups);
    let mut judged = Judged {
        lines: Vec::new(),
        waiting: LegRows::default(),
        rows,
        order: ledger.lines.clone(),
        taken: duplicates,
        settlements: None,
        batches: vec![Paid { class: Class::Matched, reason: None, deposit: None }; batches.len()],
        bundles: Vec::new(),
    };
    let mut paid_in = settlements.map(|(rows, settled)| {
        let mut ledger = Ledger::new("settlements at the bank", rows.len());
        ledger.put(&settled.closed, Bucket::Matched);
        ledger
    });
    for (place, group) in groups.iter().enumerate() {
        let own: &[(RowIndex, i128)] = taxes.get(&place).map_or(&[], Vec::as_slice);
        let tax = own.iter().fold(0_i128, |sum, (_, minor)| sum.saturating_add(*minor));
        let spoken_for = group.batches.iter().any(|batch| searched.spoken_for.contains(batch));
        let last = settlements.and_then(|(_, settled)| last_payment(settled, payments, group));
        let verdict = judge::group(&ledger, group, tax, spoken_for, last);
        judged.put_lines(group, own, &verdict);
        for (number, batch) in group.batches.iter().enumerate() {
            if let Some(slot) = judged.batches.get_mut(*batch) {
                let deposit = verdict.paid.filter(|_| number == 0);
                *slot = Paid { class: verdict.class, reason: verdict.reason, deposit };
            }
            if let (Some(paid_in), Some(batch)) = (&mut paid_in, batches.get(*batch)) {
                paid_in.put(&batch.rows, verdict.bucket);
                paid_in.put(&batch.duplicates, Bucket::DuplicateRow);
                if verdict.bucket == Bucket::Open {
                    judged.waiting.settlements.extend(&batch.rows);
                }
            }
        }
        judged.lines.extend(verdict.lines);
        let lines = group.lines.iter().chain(own.iter().map(|(row, _)| row)).copied();
        judged.bundles.push((group.batches.clone(), lines.collect()));
    }
    for row in &ledger.lines {
        if let Some(line) = ledger.line(*row).filter(|_| !sets.is_bound(*row)) {
            judged.put_unbound(&ledger, *row, line, || waits(line), &searched);
        }
    }
    if let (Some(paid_in), Some((rows, _))) = (paid_in, settlements) {
        judged.settlements = Some(paid_in.close_amounts(rows.iter().map(|row| (row.currency, row.net.0)))?);
    }
    Ok(judged)
}

/// What makes a line of the bank the same line in another statement.
type Identity<'r> = (&'r str, Day, Option<&'r str>, i64, Currency, &'r str, u32);

fn identity<'r>(row: &'r BankRow<'_>) -> Identity<'r> {
    let Money { minor, currency } = row.amount;
    let reference = row.bank_reference.as_deref();
    (&row.bank_account, row.value_date, reference, minor, currency, &row.description, row.ordinal)
}

/// The lines that another statement has as well. Of statements that overlap, that with most of a line's repetitions counts.
fn told_again(rows: &[BankRow<'_>]) -> HashSet<RowIndex> {
    let mut candidates = repeated(rows, identity);
    candidates.sort_by_cached_key(|index| {
        let row = rows.get(*index);
        (row.map(identity), Reverse(row.map(|row| &row.extras)))
    });
    let same = |a: &RowIndex, b: &RowIndex| rows.get(*a).map(identity) == rows.get(*b).map(identity);
    candidates.chunk_by(same).flat_map(|chunk| chunk.iter().skip(1)).copied().collect()
}

/// The lines that stand, whatever the order of files: by day, then by what they say.
fn in_order(rows: &[BankRow<'_>], duplicates: &HashSet<RowIndex>) -> Vec<RowIndex> {
    let mut lines: Vec<RowIndex> = (0..rows.len()).filter(|row| !duplicates.contains(row)).collect();
    lines.sort_by_cached_key(|index| rows.get(*index).map(|row| (row.value_date, identity(row))));
    lines
}

/// Whether a debit with the reference of settlements is the bank's tax on their deposit, where the policy says that the bank
/// books it apart: it says so, or it is as much.
fn is_own_tax(ledger: &DepositLedger<'_, '_, '_>, line: &BankRow<'_>, paid: &[usize]) -> bool {
    let Some(batch) = paid.first().and_then(|place| ledger.batches.get(*place)) else { return false };
    let rules = &ledger.under.policy.settlement_rules(batch.account).deposits;
    let net = groups::amounts(ledger, paid).net.div_euclid(10_000);
    let as_much = i128::from(line.amount.minor).saturating_neg() == itf_minor(net, rules.itf_percent.0);
    rules.itf == Itf::SeparateLine && (as_much || says_itf(line))
}

fn says_itf(line: &BankRow<'_>) -> bool {
    words(&line.description).any(|(_, word)| word.eq_ignore_ascii_case("itf"))
}

/// The lines of the bank's tax on the deposits of each group, where the policy says that the bank books it apart: a debit
/// with the deposit's reference, else one that says so on the same day and account. Of several the one that is as much
/// as the tax; where none is, the only one.
fn separate_taxes(
    ledger: &DepositLedger<'_, '_, '_>,
    groups: &[Group],
) -> BTreeMap<usize, Vec<(RowIndex, i128)>> {
    let mut debits: HashMap<(&str, Day, Currency), Vec<RowIndex>> = HashMap::new();
    for row in &ledger.lines {
        let Some(line) = ledger.line(*row).filter(|line| line.amount.minor < 0) else { continue };
        debits.entry((&line.bank_account, line.value_date, line.amount.currency)).or_default().push(*row);
    }
    let mut taxes: BTreeMap<usize, Vec<(RowIndex, i128)>> = BTreeMap::new();
    for (place, group) in groups.iter().enumerate() {
        let Some(batch) = group.batches.first().and_then(|batch| ledger.batches.get(*batch)) else {
            continue;
        };
        let rules = &ledger.under.policy.settlement_rules(batch.account).deposits;
        if rules.itf != Itf::SeparateLine {
            continue;
        }
        for row in &group.lines {
            let Some(deposit) = ledger.line(*row).filter(|line| line.amount.minor > 0) else { continue };
            let day = (deposit.bank_account.as_ref(), deposit.value_date, deposit.amount.currency);
            let Some(of_day) = debits.get_mut(&day) else { continue };
            let due = itf_minor(deposit.amount.minor.into(), rules.itf_percent.0);
            if let Some(tax) = tax_of(ledger, deposit, due, of_day, &group.lines) {
                of_day.retain(|row| *row != tax.0);
                taxes.entry(place).or_default().push(tax);
            }
        }
    }
    taxes
}

fn tax_of(
    ledger: &DepositLedger<'_, '_, '_>,
    deposit: &BankRow<'_>,
    due: i128,
    debits: &[RowIndex],
    bound: &[RowIndex],
) -> Option<(RowIndex, i128)> {
    let free = || {
        debits
            .iter()
            .filter(|row| !bound.contains(row))
            .filter_map(|row| Some((*row, ledger.line(*row)?)))
            .map(|(row, line)| (row, line, i128::from(line.amount.minor).saturating_neg()))
    };
    let same_reference =
        |line: &BankRow<'_>| line.bank_reference.is_some() && line.bank_reference == deposit.bank_reference;
    let by_reference =
        free().find(|(_, line, minor)| same_reference(line) && (*minor == due || says_itf(line)));
    let said = || free().filter(|(_, line, _)| says_itf(line));
    let by_amount = || said().find(|(_, _, minor)| *minor == due);
    let only = || {
        let mut said = said();
        said.next().filter(|_| said.next().is_none())
    };
    by_reference.or_else(by_amount).or_else(only).map(|(row, _, minor)| (row, minor))
}

/// The latest time of the payments that the lines of a group are about.
fn last_payment(settled: &Settled<'_>, payments: &Payments<'_>, group: &Group) -> Option<Instant> {
    let batches = group.batches.iter().filter_map(|place| settled.batches.get(*place));
    let rows = batches.filter(|batch| batch.paid_on.is_none()).flat_map(|batch| &batch.rows);
    rows.filter_map(|row| settled.binding.payment_of(*row))
        .filter_map(|index| payments.list.get(index)?.paid_at)
        .max()
}
