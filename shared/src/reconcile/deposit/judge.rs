//! What of a deposit does not fit, what has not come, and what nobody can explain.

use super::super::beside::{Beside, SETTLEMENT_DEPOSIT, rounded_minor, settlement_line, value_minor};
use super::super::class::{Bucket, Class, Reason};
use super::super::line::Line;
use super::super::settlement::amount_text;
use super::super::settling::DepositPaid;
use super::super::under::Awaited;
use super::groups::{Amounts, Group, Ledger, amounts};
use super::itf::itf_minor;
use super::search::{Searched, Unproved};
use crate::calendar::{Day, Instant};
use crate::config::settlements::Itf;
use crate::lifecycle::evidence::BankRow;
use crate::lifecycle::settle::RowIndex;
use crate::money::{Money, format_minor};

/// A minor unit in millionths.
const MICROS_PER_MINOR: i128 = 10_000;

/// What became of settlements that are paid together.
pub(super) struct Verdict {
    pub bucket: Bucket,
    /// `matched`, `open`, `missing_deposit` or `deposit_variance`.
    pub class: Class,
    pub reason: Option<Reason>,
    pub paid: Option<DepositPaid>,
    pub lines: Vec<Line>,
}

impl Verdict {
    const fn plain(bucket: Bucket, class: Class) -> Verdict {
        Verdict { bucket, class, reason: None, paid: None, lines: Vec::new() }
    }
}

/// Judges settlements that are paid together. `tax` is what the bank took by lines of its own, in minor units; `spoken_for`
/// says that a deposit which is not decided yet may pay them; `last_payment` is the latest time of their payments.
pub(super) fn group(
    ledger: &Ledger<'_, '_, '_>,
    group: &Group,
    tax: i128,
    spoken_for: bool,
    last_payment: Option<Instant>,
) -> Verdict {
    let amounts = amounts(ledger, &group.batches);
    let lines: Vec<&BankRow<'_>> = group.lines.iter().filter_map(|row| ledger.line(*row)).collect();
    let came_in = lines.iter().any(|line| line.amount.minor > 0);
    if amounts.net > 0 && !came_in {
        return not_paid(ledger, group, &amounts, spoken_for, last_payment);
    }
    // Of a settlement that pays out nothing no deposit is expected; a debit may carry what it takes.
    if lines.is_empty() {
        return Verdict::plain(Bucket::Unpaid, Class::Matched);
    }
    compare(ledger, group, &amounts, &lines, tax)
}

fn compare(
    ledger: &Ledger<'_, '_, '_>,
    group: &Group,
    amounts: &Amounts,
    lines: &[&BankRow<'_>],
    tax: i128,
) -> Verdict {
    let Some(first) = group.batches.first().and_then(|place| ledger.batches.get(*place)) else {
        return Verdict::plain(Bucket::Matched, Class::Matched);
    };
    let rules = &ledger.under.policy.settlement_rules(first.account).deposits;
    let netted = match rules.itf {
        Itf::Netted => itf_minor(amounts.net.div_euclid(MICROS_PER_MINOR), rules.itf_percent.0),
        Itf::Exempt | Itf::SeparateLine => 0,
    };
    let minor = lines.iter().fold(0_i128, |sum, line| sum.saturating_add(line.amount.minor.into()));
    let expected = amounts.net.saturating_sub(netted.saturating_mul(MICROS_PER_MINOR));
    let difference = minor.saturating_mul(MICROS_PER_MINOR).saturating_sub(expected);
    let expected_minor = rounded_minor(expected);
    let tolerance = ledger
        .under
        .tolerance_minor(first.account, Money { minor: expected_minor, currency: first.currency });
    let allowed = i128::from(tolerance)
        .saturating_mul(MICROS_PER_MINOR)
        .saturating_add(i128::from(amounts.fractional).saturating_mul(5_000));
    let paid = Some(DepositPaid { minor, itf_minor: netted.saturating_add(tax), difference });
    if difference.saturating_abs() <= allowed {
        let reason = group.by_search.then_some(Reason::ProvedBySearch);
        return Verdict { reason, paid, ..Verdict::plain(Bucket::Matched, Class::Matched) };
    }
    let reason = Some(if difference > 0 { Reason::Overpaid } else { Reason::Underpaid });
    let class = Class::DepositVariance;
    let subject = (first.id, first.currency);
    let value = value_minor(difference);
    let mut line =
        settlement_line(first.account, subject, SETTLEMENT_DEPOSIT, (class, reason), value, amounts.paid_on);
    let deposited = i64::try_from(minor).unwrap_or(i64::MAX);
    line.order_minor = Some(expected_minor);
    line.report_minor = Some(deposited);
    line.difference_minor = Some(deposited.saturating_sub(expected_minor));
    let mut told = vec![format!("deposit={}|{}", amount_text(expected), format_minor(minor))];
    if group.batches.len() > 1 {
        told.push(format!("settlements={}|", names(ledger, &group.batches)));
    }
    if netted != 0 {
        told.push(format!("itf={}|", format_minor(netted)));
    }
    line.differences = told.join("; ");
    line.rows.settlements = rows_of(ledger, &group.batches);
    line.rows.bank.clone_from(&group.lines);
    Verdict { bucket: Bucket::Break, class, reason, paid, lines: vec![line] }
}

/// A settlement that pays out and has no deposit: it waits until the bank has been heard, then each of the group is missing.
fn not_paid(
    ledger: &Ledger<'_, '_, '_>,
    group: &Group,
    amounts: &Amounts,
    spoken_for: bool,
    last_payment: Option<Instant>,
) -> Verdict {
    let waits = group.batches.iter().filter_map(|place| ledger.batches.get(*place)).any(|batch| {
        let bank_accounts = ledger.owners.bank_accounts(batch.account, batch.currency);
        let covered = ledger.under.coverage.bank.of(bank_accounts);
        // A statement that tells no day of its payout was paid out after its payments were settled.
        let settled = || {
            let last = last_payment?;
            Some(ledger.under.end_of_grace(batch.account, Awaited::Settlement, last))
        };
        let start = amounts.paid_on.and_then(Day::start).or_else(settled);
        ledger.under.may_come(batch.account, Awaited::Deposit, start, covered)
    });
    if waits || spoken_for {
        return Verdict::plain(Bucket::Open, Class::Open);
    }
    let mut verdict = Verdict::plain(Bucket::Break, Class::MissingDeposit);
    for place in &group.batches {
        let (Some(batch), Some(statement)) = (ledger.batches.get(*place), ledger.statements.get(*place))
        else {
            continue;
        };
        // In a group that pays out as a whole, one part may take from it.
        if statement.net <= 0 {
            continue;
        }
        let minor = rounded_minor(statement.net);
        let subject = (batch.id, batch.currency);
        let class = (Class::MissingDeposit, None);
        let mut line =
            settlement_line(batch.account, subject, SETTLEMENT_DEPOSIT, class, minor, batch.paid_on);
        line.order_minor = Some(minor);
        if !batch.references.is_empty() {
            line.differences = format!("bank_reference={}|", batch.references.join(";"));
        }
        line.rows.settlements.clone_from(&batch.rows);
        verdict.lines.push(line);
    }
    verdict
}

/// A credit that is bound to nothing, once settlements have been heard beyond its day.
pub(super) fn unknown(
    ledger: &Ledger<'_, '_, '_>,
    row: RowIndex,
    line: &BankRow<'_>,
    searched: &Searched,
) -> Line {
    let (reason, told) = match searched.splits.get(&row) {
        None => (None, Vec::new()),
        Some(Unproved::Impossible) => (Some(Reason::NoSplit), Vec::new()),
        Some(Unproved::Stopped) => (Some(Reason::SearchStopped), Vec::new()),
        Some(Unproved::Several(sets)) => {
            let told = sets.iter().map(|set| format!("split={}|", names(ledger, set))).collect();
            (Some(Reason::SeveralSplits), told)
        }
    };
    let account = ledger.owners.shown(&line.bank_account);
    let day = line.value_date.to_string();
    let (minor, ordinal) = (line.amount.minor.to_string(), line.ordinal.to_string());
    let subject = [
        "bank",
        &line.bank_account,
        &day,
        line.bank_reference.as_deref().unwrap_or_default(),
        &minor,
        line.amount.currency.code(),
        &line.description,
        &ordinal,
    ];
    let class = Class::UnknownDeposit;
    let relation = SETTLEMENT_DEPOSIT;
    let (value, day) = (line.amount, Some(line.value_date));
    let mut found = Beside { account, relation, subject: &subject, class, reason, value, day }.line();
    found.reference_id = line.bank_reference.as_deref().unwrap_or_default().to_owned();
    found.report_minor = Some(line.amount.minor);
    let place = format!("bank_account=|{}; value_date=|{}", line.bank_account, line.value_date);
    found.differences = [vec![place], told].concat().join("; ");
    found.rows.bank.push(row);
    found
}

fn names(ledger: &Ledger<'_, '_, '_>, batches: &[usize]) -> String {
    let ids = batches.iter().filter_map(|place| ledger.batches.get(*place)).map(|batch| batch.id);
    ids.collect::<Vec<_>>().join("+")
}

fn rows_of(ledger: &Ledger<'_, '_, '_>, batches: &[usize]) -> Vec<RowIndex> {
    batches
        .iter()
        .filter_map(|place| ledger.batches.get(*place))
        .flat_map(|batch| batch.rows.iter().copied())
        .collect()
}
