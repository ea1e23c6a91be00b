//! The provider's invoice of a month against the fees that its settlements kept back.

use std::collections::BTreeSet;

use super::super::beside::{Beside, REPORT_SETTLEMENT, rounded_minor, value_minor};
use super::super::bundle::ClosedFees;
use super::super::class::Class;
use super::super::line::Line;
use super::super::under::Under;
use super::amount_text;
use super::batch::Batch;
use super::statement::fees_of;
use crate::config::settlements::FeeInvoice;
use crate::lifecycle::evidence::SettlementRow;
use crate::lifecycle::settle::RowIndex;
use crate::money::Money;

/// Invoices of the accounts of this run that differ from the fees by more than the tolerance, each with its line.
///
/// An invoice is about the settlements that bear its number; where none does, about the lines that were paid out in its
/// month, once settlements have been heard to the month's end.
pub(in super::super) fn variances(
    rows: &[SettlementRow<'_>],
    batches: &[Batch<'_>],
    closed: &[ClosedFees],
    accounts: &BTreeSet<&str>,
    under: &Under<'_>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for account in accounts {
        let rules = under.policy.settlement_rules(account);
        for invoice in &rules.fee_invoices {
            let own = || {
                batches.iter().filter(|batch| batch.account == *account && batch.currency == invoice.currency)
            };
            let before = || {
                closed
                    .iter()
                    .filter(|fees| fees.account == *account && fees.currency == invoice.currency.code())
            };
            let by_number = |fees: &&ClosedFees| fees.settlement.as_deref() == Some(invoice.number.as_str());
            let fees = match (own().find(|batch| batch.id == invoice.number), before().find(by_number)) {
                (Some(batch), _) => Fees::of(rows, batch.rows.iter().copied()),
                (None, Some(_)) => Fees::default().with(before().filter(by_number)),
                (None, None) if is_heard(invoice, under) => {
                    let month = invoice.month.first.to_string();
                    let of_month =
                        |fees: &&ClosedFees| !fees.month.is_empty() && month.starts_with(&fees.month);
                    Fees::of(rows, rows_of_month(rows, own(), invoice)).with(before().filter(of_month))
                }
                (None, None) => continue,
            };
            if fees.differ(invoice, rules.fee_invoice_tolerance.0) {
                lines.push(line(account, invoice, fees));
            }
        }
    }
    lines
}

fn is_heard(invoice: &FeeInvoice, under: &Under<'_>) -> bool {
    let end = invoice.month.next.start();
    matches!((under.coverage.settlements, end), (Some(covered), Some(end)) if covered >= end)
}

fn rows_of_month<'b>(
    rows: &'b [SettlementRow<'_>],
    batches: impl Iterator<Item = &'b Batch<'b>>,
    invoice: &'b FeeInvoice,
) -> impl Iterator<Item = RowIndex> {
    batches.flat_map(move |batch| {
        batch.rows.iter().copied().filter(move |row| {
            let paid_on = rows.get(*row).and_then(|line| line.paid_on).or(batch.paid_on);
            paid_on.is_some_and(|day| invoice.month.holds(day))
        })
    })
}

/// The fees of some lines, in millionths.
#[derive(Default)]
struct Fees {
    commission: i128,
    igv: i128,
    /// The lines that bear any.
    rows: Vec<RowIndex>,
}

impl Fees {
    fn of(rows: &[SettlementRow<'_>], indices: impl Iterator<Item = RowIndex>) -> Fees {
        let mut fees = Fees::default();
        for index in indices {
            let Some(line) = rows.get(index) else { continue };
            let (commission, igv) = fees_of(line);
            if (commission, igv) != (0, 0) {
                fees.rows.push(index);
            }
            fees.commission = fees.commission.saturating_add(commission);
            fees.igv = fees.igv.saturating_add(igv);
        }
        fees
    }

    /// With those of settlements that are closed.
    fn with<'f>(mut self, closed: impl Iterator<Item = &'f ClosedFees>) -> Fees {
        for fees in closed {
            self.commission = self.commission.saturating_add(fees.commission.into());
            self.igv = self.igv.saturating_add(fees.igv.into());
        }
        self
    }

    fn total(&self) -> i128 {
        self.commission.saturating_add(self.igv)
    }

    /// Where lines state the tax apart, errors of commission and tax that cancel out do not hide each other.
    fn differ(&self, invoice: &FeeInvoice, tolerance: i64) -> bool {
        let apart = |a: i128, b: i128| a.saturating_sub(b).saturating_abs() > tolerance.into();
        let (commission, igv) = (invoice.commission.0.into(), invoice.igv.0.into());
        apart(self.total(), total(invoice))
            || (self.igv != 0 && (apart(self.commission, commission) || apart(self.igv, igv)))
    }
}

fn total(invoice: &FeeInvoice) -> i128 {
    i128::from(invoice.commission.0).saturating_add(invoice.igv.0.into())
}

fn line(account: &str, invoice: &FeeInvoice, fees: Fees) -> Line {
    let currency = invoice.currency;
    let (expected, stated) = (fees.total(), total(invoice));
    let by_part = |part: i128, of: i64| part.saturating_sub(of.into()).saturating_abs();
    let largest = by_part(fees.commission, invoice.commission.0).max(by_part(fees.igv, invoice.igv.0));
    let apart = stated.saturating_sub(expected).saturating_abs();
    let minor = value_minor(if apart == 0 { largest } else { apart });
    let mut line = Beside {
        account,
        relation: REPORT_SETTLEMENT,
        subject: &["invoice", &invoice.number, currency.code()],
        class: Class::FeeInvoiceVariance,
        reason: None,
        value: Money { minor, currency },
        day: Some(invoice.month.first),
    }
    .line();
    line.reference_id.clone_from(&invoice.number);
    let (expected_minor, stated_minor) = (rounded_minor(expected), rounded_minor(stated));
    line.order_minor = Some(expected_minor);
    line.report_minor = Some(stated_minor);
    line.difference_minor = Some(stated_minor.saturating_sub(expected_minor));
    line.differences = format!(
        "commission={}|{}; igv={}|{}",
        amount_text(fees.commission),
        amount_text(invoice.commission.0.into()),
        amount_text(fees.igv),
        amount_text(invoice.igv.0.into())
    );
    line.rows.settlements = fees.rows;
    line
}
