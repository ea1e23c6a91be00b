//! What matched pairs differ by, booked by account and currency, and what pairs in two currencies exchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Line;
use super::class::Bucket;
use crate::money::Currency;

/// What agreed within the tolerance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variance {
    /// Pairs with a difference.
    pub count: u64,
    /// Minor units that the provider says more than the orders.
    pub over_minor: i128,
    /// Minor units that it says less.
    pub under_minor: i128,
}

impl Variance {
    fn add(&mut self, difference_minor: i64) {
        if difference_minor == 0 {
            return;
        }
        self.count = self.count.saturating_add(1);
        let size = i128::from(difference_minor.unsigned_abs());
        let side = if difference_minor > 0 { &mut self.over_minor } else { &mut self.under_minor };
        *side = side.saturating_add(size);
    }

    fn merge(&mut self, other: Variance) {
        self.count = self.count.saturating_add(other.count);
        self.over_minor = self.over_minor.saturating_add(other.over_minor);
        self.under_minor = self.under_minor.saturating_add(other.under_minor);
    }
}

/// What pairs in two currencies moved in one of them, at the policy's rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    /// Pairs.
    pub count: u64,
    /// Minor units: what stands for an amount of the other currency at the provider, less what stands so in orders.
    pub minor: i128,
}

impl Exchanged {
    fn add(&mut self, minor: i128) {
        self.count = self.count.saturating_add(1);
        self.minor = self.minor.saturating_add(minor);
    }

    fn merge(&mut self, other: Exchanged) {
        self.count = self.count.saturating_add(other.count);
        self.minor = self.minor.saturating_add(other.minor);
    }
}

/// Everything by which matched reports and matched orders of one account differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// By the currency in which amounts were compared.
    pub variance: BTreeMap<Currency, Variance>,
    /// By currency; empty where no pair was in two.
    pub exchanged: BTreeMap<Currency, Exchanged>,
}

impl Booked {
    /// Books the matched lines of each account. The lines are sorted by account.
    pub(super) fn by_account(lines: &[Line]) -> BTreeMap<String, Booked> {
        let mut accounts = BTreeMap::new();
        for of_account in lines.chunk_by(|a, b| a.account == b.account) {
            let mut booked = Booked::default();
            let matched = of_account.iter().filter(|line| line.class.bucket() == Bucket::Matched);
            matched.for_each(|line| booked.enter(line));
            if let Some(line) = of_account.first().filter(|_| !booked.variance.is_empty()) {
                accounts.insert(line.account.clone(), booked);
            }
        }
        accounts
    }

    /// Books a matched line whose sides are in one currency.
    pub(crate) fn enter_plain(&mut self, currency: Currency, difference_minor: i64) {
        self.variance.entry(currency).or_default().add(difference_minor);
    }

    /// Adds what was booked elsewhere.
    pub(crate) fn merge(&mut self, other: &Booked) {
        for (currency, other) in &other.variance {
            self.variance.entry(*currency).or_default().merge(*other);
        }
        for (currency, other) in &other.exchanged {
            self.exchanged.entry(*currency).or_default().merge(*other);
        }
    }

    fn enter(&mut self, line: &Line) {
        let Some(exchange) = &line.exchange else {
            return self.enter_plain(line.currency, line.difference_minor.unwrap_or(0));
        };
        self.variance.entry(exchange.currency).or_default().add(exchange.difference_minor());
        // One side stands in the currency of comparison as it is. What the other one came to there is booked against it,
        // and its own amount against its own currency.
        let (report_minor, order_minor) = if exchange.currency == line.currency {
            (line.report_minor.unwrap_or(0), exchange.report_minor)
        } else {
            (exchange.order_minor, line.order_minor.unwrap_or(0))
        };
        self.exchanged.entry(line.report_currency).or_default().add(i128::from(report_minor));
        let taken = i128::from(order_minor).saturating_neg();
        self.exchanged.entry(line.currency).or_default().add(taken);
    }

    /// Σ report − Σ order in one currency, as the lines have it, in minor units.
    pub(super) fn difference_minor(&self, currency: Currency) -> i128 {
        let variance = self.variance.get(&currency).copied().unwrap_or_default();
        let exchanged = self.exchanged.get(&currency).map_or(0, |exchanged| exchanged.minor);
        variance.over_minor.saturating_sub(variance.under_minor).saturating_add(exchanged)
    }
}
