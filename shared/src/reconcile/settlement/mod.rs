//! The provider's settlements: which payments they carry, and whether they add up.

mod batch;
mod binding;
mod fees;
mod invoices;
mod judge;
mod statement;

use std::collections::BTreeSet;

pub use self::statement::Statement;

pub(super) use self::batch::{Batch, batches};
use self::binding::Binding;
use self::judge::Bench;
pub(super) use self::judge::Verdict;
pub(super) use self::statement::fees_of;
use super::bundle::{ClosedFees, SettlementName};
use super::class::Bucket;
use super::conservation::Ledger;
use super::line::{LegRows, Line};
use super::payment::Payments;
use super::under::Under;
use super::{Buckets, ConservationError};
use crate::lifecycle::evidence::SettlementRow;
use crate::lifecycle::settle::RowIndex;

/// The settlements leg, judged.
pub(super) struct Judged<'r> {
    pub batches: Vec<Batch<'r>>,
    /// One for each batch.
    pub statements: Vec<Statement>,
    /// One for each batch.
    pub verdicts: Vec<Verdict>,
    pub binding: Binding,
    pub lines: Vec<Line>,
    /// Lines of settlements that are closed.
    pub closed: Vec<RowIndex>,
    /// Payments that wait for their settlement, and settlements of which a payment may still be reported.
    pub waiting: LegRows,
    /// Which lines agree with the reports, in millionths of their net.
    pub rows: Buckets,
    /// Which payments are settled.
    pub payments: Buckets,
}

/// What earlier runs have closed.
#[derive(Clone, Copy)]
pub(super) struct Before<'b> {
    pub closed: &'b BTreeSet<SettlementName>,
    pub fees: &'b [ClosedFees],
}

/// Judges the settlements leg against the payments of the reports.
///
/// # Errors
/// [`ConservationError`] where a line or a payment was forgotten.
pub(super) fn judge<'r>(
    rows: &'r [SettlementRow<'_>],
    before: Before<'_>,
    payments: &Payments<'_>,
    accounts: &BTreeSet<&str>,
    under: Under<'_>,
) -> Result<Judged<'r>, ConservationError> {
    let batches = batches(rows);
    let binding = binding::bind(rows, &batches, payments);
    let name = |batch: &Batch<'_>| (batch.account.to_owned(), batch.id.to_owned(), batch.currency);
    let is_closed = |batch: &Batch<'_>| !before.closed.is_empty() && before.closed.contains(&name(batch));
    let (ended, batches): (Vec<_>, Vec<_>) = batches.into_iter().partition(is_closed);
    let closed: Vec<RowIndex> =
        ended.iter().flat_map(|batch| batch.rows.iter().chain(&batch.duplicates)).copied().collect();
    let bench = Bench { rows, payments, binding: &binding, under };
    let (mut lines, mut waiting) = (Vec::new(), LegRows::default());
    let (mut ledger, mut of_payments) =
        (Ledger::new("settlements", rows.len()), Ledger::new("payments", payments.list.len()));
    let (mut statements, mut verdicts) = (Vec::new(), Vec::new());
    ledger.put(&closed, Bucket::Matched);
    for batch in &batches {
        let statement = Statement::of(batch.rows.iter().filter_map(|row| rows.get(*row)));
        let mut verdict = bench.batch(batch, &statement);
        let settled = if verdict.line.is_some() { Bucket::Break } else { Bucket::Matched };
        ledger.put(&batch.rows, settled);
        ledger.put(&verdict.waiting, Bucket::Open);
        ledger.put(&batch.duplicates, Bucket::DuplicateRow);
        if !verdict.waiting.is_empty() {
            waiting.settlements.extend(&batch.rows);
        }
        lines.extend(verdict.line.take());
        statements.push(statement);
        verdicts.push(verdict);
    }
    for (index, payment) in payments.list.iter().enumerate() {
        let (bucket, line) = bench.payment(index, payment);
        of_payments.put([&index], bucket);
        if bucket == Bucket::Open {
            waiting.reports.push(payment.report);
        }
        lines.extend(line);
    }
    lines.extend(invoices::variances(rows, &batches, before.fees, accounts, &under));
    let rows = ledger.close_amounts(rows.iter().map(|row| (row.currency, row.net.0)))?;
    let payments = of_payments.close(payments.list.iter().map(|payment| payment.money))?;
    Ok(Judged { batches, statements, verdicts, binding, lines, closed, waiting, rows, payments })
}

/// An amount in millionths, exactly, with at least two decimals: `96.5898`, `-50.00`.
#[must_use]
pub fn amount_text(micros: i128) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let magnitude = micros.unsigned_abs();
    let (whole, fraction) = (magnitude.div_euclid(1_000_000), magnitude.rem_euclid(1_000_000));
    let text = format!("{fraction:06}");
    let (cents, rest) = text.split_at_checked(2).unwrap_or((&text, ""));
    format!("{sign}{whole}.{cents}{}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_keeps_what_it_has_and_two_decimals() {
        let check = |micros: i128, expected: &str| assert_eq!(amount_text(micros), expected);
        check(0, "0.00");
        check(96_589_800, "96.5898");
        check(-50_000_000, "-50.00");
        check(5_000, "0.005");
        check(-1, "-0.000001");
        check(100_100_000, "100.10");
    }
}
