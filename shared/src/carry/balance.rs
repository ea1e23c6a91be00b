//! Opening + new = closed + carried: no row is lost between two runs, and none appears.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::fact::Fact;
use crate::formats::Leg;
use crate::money::{Currency, Money};

/// Rows that came in or went out without adding up. A defect of Cuadre, never of the data; nothing may be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{in_rows} rows of the {leg} leg worth {in_minor} {currency} came in and {out_rows} worth {out_minor} are closed, carried or repeated: this is a defect of Cuadre, nothing was written"
)]
pub struct BalanceError {
    /// The leg.
    pub leg: &'static str,
    /// The currency.
    pub currency: Currency,
    /// Rows that opened, reopened or arrived.
    pub in_rows: u64,
    /// Their sum.
    pub in_minor: i128,
    /// Rows that are closed, carried on or told again.
    pub out_rows: u64,
    /// Their sum.
    pub out_minor: i128,
}

/// How a row takes part in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// It was carried on by the run before.
    Opening,
    /// It came out of a stub, for something arrived that belongs to it.
    Reopened,
    /// It arrived.
    New,
    /// It says what another row of this run says in every field.
    ToldAgain,
    /// Its pair has come to its end.
    Closed,
    /// It lives on into the next run.
    Carried,
}

impl Moved {
    const COMES_IN: [Moved; 3] = [Moved::Opening, Moved::Reopened, Moved::New];
    const GOES_OUT: [Moved; 3] = [Moved::ToldAgain, Moved::Closed, Moved::Carried];

    /// Every way, in the order of the summary.
    pub const ALL: [Moved; 6] =
        [Moved::Opening, Moved::Reopened, Moved::New, Moved::ToldAgain, Moved::Closed, Moved::Carried];
}

/// Rows and their sum, in minor units of the leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many rows.
    pub rows: u64,
    /// Their sum.
    pub minor: i128,
}

impl Share {
    fn plus(self, other: Share) -> Share {
        Share { rows: self.rows.saturating_add(other.rows), minor: self.minor.saturating_add(other.minor) }
    }
}

/// Rows of one leg that come to their end and that are carried on, counted one by one, by currency.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ends([[Share; 2]; Currency::ALL.len()]);

impl Ends {
    /// Counts a row.
    pub(crate) fn add(&mut self, money: Money, lives: bool) {
        if let Some([closed, carried]) = self.0.get_mut(money.currency.place()) {
            let share = if lives { carried } else { closed };
            *share = share.plus(Share { rows: 1, minor: i128::from(money.minor) });
        }
    }
}

/// What moved between the days, by leg and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance(BTreeMap<(Leg, Currency), BTreeMap<Moved, Share>>);

impl Balance {
    /// Books rows of one leg.
    pub(crate) fn book<'r, R: Fact + 'r>(&mut self, moved: Moved, rows: impl IntoIterator<Item = &'r R>) {
        let mut sums: BTreeMap<Currency, Share> = BTreeMap::new();
        for row in rows {
            let (currency, minor) = row.worth();
            let sum = sums.entry(currency).or_default();
            *sum = sum.plus(Share { rows: 1, minor });
        }
        for (currency, sum) in sums {
            let share = self.0.entry((R::LEG, currency)).or_default().entry(moved).or_default();
            *share = share.plus(sum);
        }
    }

    /// Books so many rows of one leg that were counted already.
    pub(crate) fn book_share(&mut self, leg: Leg, currency: Currency, moved: Moved, counted: Share) {
        if counted.rows > 0 {
            let share = self.0.entry((leg, currency)).or_default().entry(moved).or_default();
            *share = share.plus(counted);
        }
    }

    /// Books what is closed and what is carried on of one leg.
    pub(crate) fn book_ends(&mut self, leg: Leg, ends: &Ends) {
        for (currency, [closed, carried]) in Currency::ALL.into_iter().zip(ends.0) {
            self.book_share(leg, currency, Moved::Closed, closed);
            self.book_share(leg, currency, Moved::Carried, carried);
        }
    }

    /// Adds what was booked elsewhere.
    pub(crate) fn merge(&mut self, other: &Balance) {
        for ((leg, currency), shares) in &other.0 {
            for (moved, share) in shares {
                self.book_share(*leg, *currency, *moved, *share);
            }
        }
    }

    /// What moved so, of one leg and currency.
    #[must_use]
    pub fn share(&self, leg: Leg, currency: Currency, moved: Moved) -> Share {
        self.0.get(&(leg, currency)).and_then(|shares| shares.get(&moved)).copied().unwrap_or_default()
    }

    /// The legs and currencies of which anything moved.
    pub fn kinds(&self) -> impl Iterator<Item = (Leg, Currency)> {
        self.0.keys().copied()
    }

    /// Checks that what came in is what went out.
    ///
    /// # Errors
    /// [`BalanceError`] names the first leg and currency that do not add up.
    pub fn check(&self) -> Result<(), BalanceError> {
        for (leg, currency) in self.kinds() {
            let sum = |ways: [Moved; 3]| {
                let shares = ways.into_iter().map(|moved| self.share(leg, currency, moved));
                shares.fold(Share::default(), Share::plus)
            };
            let (came, went) = (sum(Moved::COMES_IN), sum(Moved::GOES_OUT));
            if came != went {
                return Err(BalanceError {
                    leg: leg.word(),
                    currency,
                    in_rows: came.rows,
                    in_minor: came.minor,
                    out_rows: went.rows,
                    out_minor: went.minor,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Cip;
    use crate::lifecycle::evidence::{ReportRow, ReportStatus};
    use crate::money::Money;

    #[test]
    fn what_came_in_has_to_go_out() {
        let row = |minor: i64| {
            let money = Money { minor, currency: Currency::Pen };
            ReportRow::new(0, "1".into(), Cip::parse("1").unwrap(), ReportStatus::Paid, money)
        };
        let check = |came: &[i64], went: &[i64], expected: bool| {
            let mut balance = Balance::default();
            balance.book(Moved::New, came.iter().map(|minor| row(*minor)).collect::<Vec<_>>().iter());
            balance.book(Moved::Closed, went.iter().map(|minor| row(*minor)).collect::<Vec<_>>().iter());
            assert_eq!(balance.check().is_ok(), expected, "{came:?} {went:?}");
        };
        check(&[], &[], true);
        check(&[5, 7], &[7, 5], true);
        check(&[5, 7], &[12], false);
        check(&[5, 7], &[6, 7], false);
        check(&[], &[1], false);
    }
}
