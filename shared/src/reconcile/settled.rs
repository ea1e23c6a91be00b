//! The relations beyond the reports where most pairs are judged elsewhere: settlements and the bank are held against the
//! payments of all pairs, and only rows that something is said of have to be with the run.

use super::payment::{self, PlainPayment, plain_payment_of};
use super::settling::{self, Settling};
use super::{Bundle, ConservationError, Coverage, Inputs, LegRows, account_cips, join, orders, under};
use crate::calendar::Instant;
use crate::config::Policy;
use crate::lifecycle::cip::CipKey;
use crate::lifecycle::settle::RowIndex;

/// What the relations beyond the reports gave.
#[derive(Debug)]
pub(crate) struct Settled(pub(super) Settling);

/// The rows of a plain payment, when they are with the run: that of the report and that of the order.
pub(crate) type PlainRows = (RowIndex, Option<RowIndex>);

/// Judges settlements and lines of the bank against the payments of these inputs and plain payments beside them, which come
/// in the order of account and CIP.
///
/// # Errors
/// [`ConservationError`] where a row was forgotten.
pub(crate) fn settle(
    inputs: &Inputs<'_>,
    plain: &[PlainPayment<'_>],
    coverage: &Coverage,
    policy: &Policy,
    as_of: Instant,
) -> Result<Settled, ConservationError> {
    let orders = orders::views(&inputs.orders);
    let cips = account_cips(&inputs.reports);
    let groups = join::groups(&orders, &cips);
    let keys: Vec<CipKey<'_>> = plain.iter().map(|payment| CipKey::Cip(payment.cip)).collect();
    let payments = payment::with_plain(payment::gather(&groups, &orders, &cips), plain, &keys);
    settling::judge(inputs, &payments, under::Under { policy, coverage, as_of }).map(Settled)
}

impl Settled {
    /// Nothing is said of any payment: lines of settlements are there for their payments alone, and are judged elsewhere.
    pub(crate) fn elsewhere() -> Settled {
        Settled(Settling::default())
    }

    /// The rows on which each line rests, and those of what waits without a line.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &LegRows> {
        self.0.lines.iter().map(|line| &line.rows).chain([&self.0.waiting])
    }

    /// Settlements with the lines of the bank that pay them.
    pub(crate) fn bundles(&self) -> &[Bundle] {
        &self.0.bundles
    }

    /// The plain payments of which something is said.
    pub(crate) fn plain(&self) -> impl Iterator<Item = usize> {
        self.rows()
            .flat_map(|rows| rows.orders.iter().chain(&rows.reports))
            .filter_map(|row| plain_payment_of(*row))
    }

    /// Puts the rows of plain payments in place of the numbers that stand for them; `false` where one is missing.
    pub(crate) fn place(&mut self, rows_of: impl Fn(usize) -> Option<PlainRows>) -> bool {
        let mut all = true;
        let mut put = |rows: &mut [RowIndex], is_order: bool| {
            for row in rows {
                let Some(payment) = plain_payment_of(*row) else { continue };
                let found = rows_of(payment);
                let found = if is_order {
                    found.and_then(|(_, order)| order)
                } else {
                    found.map(|(report, _)| report)
                };
                match found {
                    Some(found) => *row = found,
                    None => all = false,
                }
            }
        };
        for rows in self.0.lines.iter_mut().map(|line| &mut line.rows).chain([&mut self.0.waiting]) {
            put(&mut rows.orders, true);
            put(&mut rows.reports, false);
        }
        all
    }
}
