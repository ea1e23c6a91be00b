//! How well an account is told of its payments: how many notices were lost, and how long after the payment they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::notices::Hearing;
use crate::money::{Currency, Money};

/// A delay of more seconds than this is counted apart.
const LONG_SECONDS: u32 = 3600;

/// What the notices of one account are worth. `reported` is the sum of the three below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeHealth {
    /// Payments of CIPs that the reports know.
    pub reported: u64,
    /// Those that a notice announced.
    pub announced: u64,
    /// Those that a notice may still announce.
    pub waiting: u64,
    /// Those that no notice announced in time: each is a `missing_notice`, and counts by its report all the same.
    pub lost: u64,
    /// What the lost ones amount to, in minor units.
    pub lost_minor: BTreeMap<Currency, i128>,
    /// How long notices took; absent where no confirmed one bears the time of its payment.
    pub delay: Option<NoticeDelay>,
    /// Confirmed notices that came before the payment that they announce: a clock is wrong. They are no part of `delay`.
    pub before_payment: u64,
}

/// From the payment to the first delivery of its notice, in whole seconds, over the notices that a report confirms. A
/// percentile is the smallest delay that so many percent of them do not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeDelay {
    /// How many were measured.
    pub count: u64,
    /// Half of them took no longer.
    pub p50_seconds: u32,
    /// Nine in ten took no longer.
    pub p90_seconds: u32,
    /// 99 in a hundred took no longer.
    pub p99_seconds: u32,
    /// The longest.
    pub max_seconds: u32,
    /// How many took more than an hour.
    pub over_one_hour: u64,
}

/// Counts while the notices of a run are entered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NoticeTally {
    accounts: BTreeMap<String, Account>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Account {
    health: NoticeHealth,
    delays: Vec<u32>,
}

impl NoticeTally {
    fn account(&mut self, name: &str) -> &mut Account {
        self.accounts.entry(name.to_owned()).or_default()
    }

    /// Counts a payment that the reports know.
    pub(super) fn payment(&mut self, account: &str, hearing: Hearing, money: Option<Money>) {
        let health = &mut self.account(account).health;
        let one_more = |count: &mut u64| *count = count.saturating_add(1);
        one_more(&mut health.reported);
        match hearing {
            Hearing::Announced => one_more(&mut health.announced),
            Hearing::Waits => one_more(&mut health.waiting),
            Hearing::Lost => {
                one_more(&mut health.lost);
                if let Some(money) = money {
                    let sum = health.lost_minor.entry(money.currency).or_default();
                    *sum = sum.saturating_add(i128::from(money.minor));
                }
            }
        }
    }

    /// Counts how many seconds after its payment a notice came first.
    pub(super) fn delay(&mut self, account: &str, seconds: i64) {
        let of_account = self.account(account);
        match u32::try_from(seconds) {
            Ok(seconds) => of_account.delays.push(seconds),
            Err(_) if seconds < 0 => {
                of_account.health.before_payment = of_account.health.before_payment.saturating_add(1);
            }
            Err(_) => of_account.delays.push(u32::MAX),
        }
    }

    /// Adds what was counted of other CIPs.
    pub(crate) fn merge(&mut self, other: NoticeTally) {
        for (name, other) in other.accounts {
            let known = self.accounts.entry(name).or_default();
            known.health.merge(&other.health);
            known.delays.extend(other.delays);
        }
    }

    /// What the notices of each account are worth, when all are counted.
    pub(crate) fn close(self) -> BTreeMap<String, NoticeHealth> {
        let health = |account: Account| NoticeHealth { delay: measured(account.delays), ..account.health };
        self.accounts.into_iter().map(|(name, account)| (name, health(account))).collect()
    }
}

impl NoticeHealth {
    /// Adds everything but the delays, of which no sum tells the percentiles.
    fn merge(&mut self, other: &NoticeHealth) {
        let counts = [
            (&mut self.reported, other.reported),
            (&mut self.announced, other.announced),
            (&mut self.waiting, other.waiting),
            (&mut self.lost, other.lost),
            (&mut self.before_payment, other.before_payment),
        ];
        counts.into_iter().for_each(|(count, other)| *count = count.saturating_add(other));
        for (currency, minor) in &other.lost_minor {
            let sum = self.lost_minor.entry(*currency).or_default();
            *sum = sum.saturating_add(*minor);
        }
    }
}

fn measured(mut delays: Vec<u32>) -> Option<NoticeDelay> {
    delays.sort_unstable();
    let within = |percent| nearest_rank(&delays, percent);
    let long = delays.iter().filter(|seconds| **seconds > LONG_SECONDS).count();
    Some(NoticeDelay {
        count: u64::try_from(delays.len()).unwrap_or(u64::MAX),
        p50_seconds: within(50)?,
        p90_seconds: within(90)?,
        p99_seconds: within(99)?,
        max_seconds: within(100)?,
        over_one_hour: u64::try_from(long).unwrap_or(u64::MAX),
    })
}

/// The smallest of the sorted values that so many percent of them do not exceed; `None` of none.
fn nearest_rank(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let check = |values: &[u32], expected: [u32; 4]| {
            let of = |percent| nearest_rank(values, percent).unwrap();
            assert_eq!([of(50), of(90), of(99), of(100)], expected, "{values:?}");
        };
        check(&[7], [7, 7, 7, 7]);
        check(&[1, 2], [1, 2, 2, 2]);
        check(&[1, 2, 3], [2, 3, 3, 3]);
        check(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [5, 9, 10, 10]);
        let hundred: Vec<u32> = (1..=100).collect();
        check(&hundred, [50, 90, 99, 100]);
        assert_eq!(nearest_rank(&[], 50), None);
    }

    #[test]
    fn delays_are_measured_and_what_came_before_its_payment_is_counted_apart() {
        let mut tally = NoticeTally::default();
        for seconds in [3600, 2, -1, 3601, i64::MAX] {
            tally.delay("a", seconds);
        }
        let health = tally.close().remove("a").unwrap();
        let expected = NoticeDelay {
            count: 4,
            p50_seconds: 3600,
            p90_seconds: u32::MAX,
            p99_seconds: u32::MAX,
            max_seconds: u32::MAX,
            over_one_hour: 2,
        };
        assert_eq!((health.delay, health.before_payment), (Some(expected), 1));
    }
}
