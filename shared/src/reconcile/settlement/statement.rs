//! What a settlement adds up to: gross less commission, IGV and refunds, more or less corrections, makes net.

use serde::{Deserialize, Serialize};

use crate::lifecycle::evidence::{SettlementKind, SettlementRow};
use crate::money::Micros;

/// What rounding may explain of one line, in millionths: half a minor unit.
pub(in super::super) const ROUNDING_PER_ROW: i128 = 5_000;

/// The sums of a settlement in one currency, in millionths. Exact: nothing is rounded.
///
/// `gross − commission − igv − refunds + adjustments + tax + fx + rounding + unexplained = net`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Lines, those that only repeat another apart.
    pub rows: u64,
    /// Lines about payments.
    pub payments: u64,
    /// What shoppers paid.
    pub gross: i128,
    /// What the provider kept back, also by lines of their own.
    pub commission: i128,
    /// The tax on it.
    pub igv: i128,
    /// What went back to shoppers, by refund or reversal.
    pub refunds: i128,
    /// Corrections; negative where they take from the payout.
    pub adjustments: i128,
    /// Other taxes; negative where they take from the payout.
    pub tax: i128,
    /// What changing the currency brought; negative where it cost.
    pub fx: i128,
    /// What the provider says that it pays out.
    pub net: i128,
    /// The part of the difference that rounding explains.
    pub rounding: i128,
    /// The part that nothing explains.
    pub unexplained: i128,
}

/// What one line brings into a statement.
struct Share {
    gross: i128,
    commission: i128,
    igv: i128,
}

impl Share {
    /// Fees are written in two ways: as a commission, or as a gross amount that takes from the batch.
    fn of(line: &SettlementRow<'_>) -> Share {
        let amount = |amount: Option<Micros>| i128::from(amount.unwrap_or_default().0);
        let gross = i128::from(line.gross.0);
        let (commission, igv) = (amount(line.commission), amount(line.igv));
        match line.kind {
            SettlementKind::Fee if line.commission.is_none() => {
                Share { gross: 0, commission: gross.saturating_neg(), igv }
            }
            SettlementKind::Igv if line.igv.is_none() => {
                Share { gross: 0, commission, igv: gross.saturating_neg() }
            }
            SettlementKind::Fee | SettlementKind::Igv => Share { gross: 0, commission, igv },
            _ => Share { gross, commission, igv },
        }
    }

    fn net(&self) -> i128 {
        self.gross.saturating_sub(self.commission).saturating_sub(self.igv)
    }
}

/// What a line states as net beyond what its own amounts make, in millionths.
pub(in super::super) fn error_of(line: &SettlementRow<'_>) -> i128 {
    i128::from(line.net.0).saturating_sub(Share::of(line).net())
}

/// Commission and tax of a line, in millionths.
pub(in super::super) fn fees_of(line: &SettlementRow<'_>) -> (i128, i128) {
    let share = Share::of(line);
    (share.commission, share.igv)
}

impl Statement {
    /// Adds lines up.
    pub(in super::super) fn of<'r, 'a: 'r>(
        lines: impl IntoIterator<Item = &'r SettlementRow<'a>>,
    ) -> Statement {
        let mut statement = Statement::default();
        lines.into_iter().for_each(|line| statement.add(line));
        statement.explain();
        statement
    }

    fn add(&mut self, line: &SettlementRow<'_>) {
        let share = Share::of(line);
        let add = |sum: &mut i128, amount: i128| *sum = sum.saturating_add(amount);
        self.rows = self.rows.saturating_add(1);
        add(&mut self.commission, share.commission);
        add(&mut self.igv, share.igv);
        add(&mut self.net, line.net.0.into());
        match line.kind {
            SettlementKind::Payment => {
                self.payments = self.payments.saturating_add(1);
                add(&mut self.gross, share.gross);
            }
            SettlementKind::Refund | SettlementKind::Reversal => {
                add(&mut self.refunds, share.gross.saturating_neg());
            }
            SettlementKind::Tax => add(&mut self.tax, share.gross),
            SettlementKind::Fx => add(&mut self.fx, share.gross),
            // Of fees nothing is left that is no commission and no tax.
            SettlementKind::Adjustment | SettlementKind::Fee | SettlementKind::Igv => {
                add(&mut self.adjustments, share.gross);
            }
        }
    }

    /// What the lines give as net.
    #[must_use]
    pub fn computed(&self) -> i128 {
        let taken = self.commission.saturating_add(self.igv).saturating_add(self.refunds);
        let corrected = self.adjustments.saturating_add(self.tax).saturating_add(self.fx);
        self.gross.saturating_sub(taken).saturating_add(corrected)
    }

    /// Tells rounding from what nothing explains: a difference is the one or the other, never some of both.
    fn explain(&mut self) {
        let difference = self.net.saturating_sub(self.computed());
        let limit = ROUNDING_PER_ROW.saturating_mul(self.rows.into());
        let is_rounding = difference.saturating_abs() <= limit;
        (self.rounding, self.unexplained) = if is_rounding { (difference, 0) } else { (0, difference) };
    }

    /// Adds another statement, for totals.
    pub fn absorb(&mut self, other: &Statement) {
        self.rows = self.rows.saturating_add(other.rows);
        self.payments = self.payments.saturating_add(other.payments);
        let pairs = [
            (&mut self.gross, other.gross),
            (&mut self.commission, other.commission),
            (&mut self.igv, other.igv),
            (&mut self.refunds, other.refunds),
            (&mut self.adjustments, other.adjustments),
            (&mut self.tax, other.tax),
            (&mut self.fx, other.fx),
            (&mut self.net, other.net),
            (&mut self.rounding, other.rounding),
            (&mut self.unexplained, other.unexplained),
        ];
        for (sum, amount) in pairs {
            *sum = sum.saturating_add(amount);
        }
    }
}
