//! Nothing appears and nothing vanishes: every row in one bucket, every céntimo of variance booked.

use std::collections::BTreeMap;

use thiserror::Error;

use serde::{Deserialize, Serialize};

use super::class::Bucket;
use super::variance::Booked;
use crate::lifecycle::settle::RowIndex;
use crate::money::{Currency, Money};

/// The books do not add up. This is an error in Cuadre, never in the data; nothing may be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConservationError {
    /// A row was forgotten.
    #[error("row {index} of the {leg} leg is in no bucket: this is a defect of Cuadre, nothing was written")]
    Unassigned {
        /// The leg of the row.
        leg: &'static str,
        /// Its index among the rows that were read.
        index: usize,
    },
    /// Rows were read that were not booked, or booked that were not read.
    #[error(
        "{read} rows of the {leg} leg were read and {booked} booked, or their sums differ: this is a defect of Cuadre, nothing was written"
    )]
    Lost {
        /// The leg.
        leg: &'static str,
        /// Rows read.
        read: u64,
        /// Rows in some bucket.
        booked: u64,
    },
    /// Report − order over what matched is not what was booked: the variance, and what was exchanged between currencies.
    #[error(
        "matched rows differ by {rows_minor} {currency} and {booked_minor} was booked: this is a defect of Cuadre, nothing was written"
    )]
    Variance {
        /// The currency.
        currency: Currency,
        /// Σ report − Σ order over matched rows, in minor units.
        rows_minor: i128,
        /// Σ differences of matched lines, in minor units.
        booked_minor: i128,
    },
}

/// Rows and money of one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How many rows.
    pub rows: u64,
    /// Their sum in minor units.
    pub minor: i128,
}

impl Held {
    pub(crate) fn add(&mut self, minor: i64) {
        self.rows = self.rows.saturating_add(1);
        self.minor = self.minor.saturating_add(i128::from(minor));
    }

    pub(crate) fn merge(&mut self, other: Held) {
        self.rows = self.rows.saturating_add(other.rows);
        self.minor = self.minor.saturating_add(other.minor);
    }
}

/// What each bucket of a leg holds, by currency.
pub type Buckets = BTreeMap<Currency, BTreeMap<Bucket, Held>>;

/// Rows and money of one leg by currency and bucket, where each row is counted as soon as it is judged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally([[Held; Bucket::ALL.len()]; Currency::ALL.len()]);

impl Tally {
    /// Counts a row.
    pub(crate) fn add(&mut self, money: Money, bucket: Bucket) {
        let place = self.0.get_mut(money.currency.place()).and_then(|held| held.get_mut(bucket.place()));
        if let Some(held) = place {
            held.add(money.minor);
        }
    }

    /// Adds what was counted into other books.
    pub(crate) fn merge_into(&self, buckets: &mut Buckets) {
        for (currency, held) in Currency::ALL.into_iter().zip(&self.0) {
            for (bucket, held) in Bucket::ALL.into_iter().zip(held).filter(|(_, held)| held.rows > 0) {
                buckets.entry(currency).or_default().entry(bucket).or_default().merge(*held);
            }
        }
    }
}

/// Rows and money of one leg as they were read, to hold the books against.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ReadRows([Held; Currency::ALL.len()]);

impl ReadRows {
    /// Counts a row.
    pub(crate) fn add(&mut self, money: Money) {
        if let Some(held) = self.0.get_mut(money.currency.place()) {
            held.add(money.minor);
        }
    }

    /// Adds what another thread read.
    pub(crate) fn merge(&mut self, other: &ReadRows) {
        self.0.iter_mut().zip(other.0).for_each(|(held, other)| held.merge(other));
    }

    /// How many rows of each currency, and their money.
    pub(crate) fn held(&self) -> impl Iterator<Item = (Currency, Held)> {
        Currency::ALL.into_iter().zip(self.0)
    }

    /// Checks that each row is in a bucket, and with it its money.
    pub(crate) fn check(&self, leg: &'static str, buckets: &Buckets) -> Result<(), ConservationError> {
        for (currency, read) in Currency::ALL.into_iter().zip(self.0) {
            let mut booked = Held::default();
            buckets.get(&currency).into_iter().flatten().for_each(|(_, held)| booked.merge(*held));
            if read != booked {
                return Err(ConservationError::Lost { leg, read: read.rows, booked: booked.rows });
            }
        }
        Ok(())
    }
}

/// The bucket of each row of one leg while a run fills them.
pub(super) struct Ledger {
    leg: &'static str,
    buckets: Vec<Option<Bucket>>,
}

impl Ledger {
    pub fn new(leg: &'static str, rows: usize) -> Self {
        Ledger { leg, buckets: vec![None; rows] }
    }

    /// Puts rows into a bucket; a later word about a row replaces an earlier one.
    pub fn put<'i>(&mut self, rows: impl IntoIterator<Item = &'i RowIndex>, bucket: Bucket) {
        for row in rows {
            if let Some(slot) = self.buckets.get_mut(*row) {
                *slot = Some(bucket);
            }
        }
    }

    /// Sums up. A row has one place in the ledger, so that it cannot be counted twice; one without a bucket is an error.
    pub fn close(self, amounts: impl Iterator<Item = Money>) -> Result<Buckets, ConservationError> {
        self.close_amounts(amounts.map(|money| (money.currency, money.minor)))
    }

    /// The same of amounts in whatever unit the leg has.
    pub fn close_amounts(
        self,
        amounts: impl Iterator<Item = (Currency, i64)>,
    ) -> Result<Buckets, ConservationError> {
        let leg = self.leg;
        let mut buckets: Buckets = BTreeMap::new();
        for (index, ((currency, amount), bucket)) in amounts.zip(self.buckets).enumerate() {
            let bucket = bucket.ok_or(ConservationError::Unassigned { leg, index })?;
            buckets.entry(currency).or_default().entry(bucket).or_default().add(amount);
        }
        Ok(buckets)
    }
}

/// Checks that report − order over the matched rows is what the matched lines book: variance, and what was exchanged.
pub(crate) fn check_variance(
    orders: &Buckets,
    reports: &Buckets,
    booked: &BTreeMap<String, Booked>,
) -> Result<(), ConservationError> {
    let matched = |buckets: &Buckets, currency: Currency| {
        buckets.get(&currency).and_then(|held| held.get(&Bucket::Matched)).map_or(0, |held| held.minor)
    };
    for currency in Currency::ALL {
        let rows_minor = matched(reports, currency).saturating_sub(matched(orders, currency));
        let differences = booked.values().map(|booked| booked.difference_minor(currency));
        let booked_minor = differences.fold(0, i128::saturating_add);
        if rows_minor != booked_minor {
            return Err(ConservationError::Variance { currency, rows_minor, booked_minor });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::variance::Variance;

    const TEN: Money = Money { minor: 1000, currency: Currency::Pen };

    #[test]
    fn a_forgotten_row_is_an_error() {
        let mut ledger = Ledger::new("orders", 2);
        ledger.put([&0], Bucket::Matched);
        let expected = ConservationError::Unassigned { leg: "orders", index: 1 };
        assert_eq!(ledger.close([TEN, TEN].into_iter()), Err(expected));
    }

    #[test]
    fn a_variance_that_is_not_booked_is_an_error() {
        let held = |minor: i64| {
            let mut ledger = Ledger::new("orders", 1);
            ledger.put([&0], Bucket::Matched);
            ledger.close([Money { minor, ..TEN }].into_iter()).unwrap()
        };
        let booked = |over_minor: i128| {
            let variance = Variance { over_minor, ..Variance::default() };
            let variance = BTreeMap::from([(Currency::Pen, variance)]);
            BTreeMap::from([("a".to_owned(), Booked { variance, ..Booked::default() })])
        };
        assert_eq!(check_variance(&held(1000), &held(1004), &booked(4)), Ok(()));
        let expected =
            ConservationError::Variance { currency: Currency::Pen, rows_minor: 4, booked_minor: 0 };
        assert_eq!(check_variance(&held(1000), &held(1004), &booked(0)), Err(expected));
    }
}
