//! Under what the relations beside the pairs are judged, and how long each of them waits.

use super::Coverage;
use crate::calendar::{Day, Instant};
use crate::config::Policy;
use crate::money::Money;

/// Policy, coverage and moment of a run.
#[derive(Clone, Copy)]
pub(super) struct Under<'c> {
    pub policy: &'c Policy,
    pub coverage: &'c Coverage,
    pub as_of: Instant,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The settlement of a payment.
    Settlement,
    /// The deposit of a settlement.
    Deposit,
    /// The settlement that explains a deposit.
    Explanation,
    /// The money that is to go back.
    Refund,
}

impl Awaited {
    const fn business_days(self) -> u32 {
        match self {
            Awaited::Settlement => 3,
            Awaited::Deposit => 2,
            Awaited::Explanation => 1,
            Awaited::Refund => 10,
        }
    }
}

/// A payment that was not settled so many business days after its grace is urgent.
const OVERDUE_BUSINESS_DAYS: u32 = 10;

impl Under<'_> {
    /// When something of this account may no longer be silent: the end of its last business day of grace.
    pub fn end_of_grace(&self, _account: &str, awaited: Awaited, start: Instant) -> Instant {
        end_of_business_day(start, awaited.business_days())
    }

    /// Whether a leg that was heard up to `covered` may still tell of what is awaited since `start`.
    pub fn may_come(
        &self,
        account: &str,
        awaited: Awaited,
        start: Option<Instant>,
        covered: Option<Instant>,
    ) -> bool {
        match start {
            Some(start) => {
                let end = self.end_of_grace(account, awaited, start);
                covered.is_none_or(|covered| covered < end)
            }
            // Without any time there is nothing to wait from; but a leg that says nothing at all cannot be held to it.
            None => covered.is_none(),
        }
    }

    /// The largest difference from this amount that still agrees, in minor units.
    pub fn tolerance_minor(&self, money: Money) -> i64 {
        self.policy.tolerance_minor(money.currency)
    }

    /// Whether a settlement is missing for much longer than its grace.
    pub fn is_overdue(&self, account: &str, paid_at: Option<Instant>) -> bool {
        paid_at.is_some_and(|paid_at| {
            let end = self.end_of_grace(account, Awaited::Settlement, paid_at);
            // One nanosecond before the end lies on the last day of grace itself.
            self.as_of
                >= end_of_business_day(end.moved(chrono::TimeDelta::nanoseconds(-1)), OVERDUE_BUSINESS_DAYS)
        })
    }
}

/// The end of the n-th business day in Lima after the day of `start`.
fn end_of_business_day(start: Instant, days: u32) -> Instant {
    let mut day = start.business_day();
    let mut left = days;
    while left > 0 {
        let Some(next) = next_day(day) else { return start };
        day = next;
        left = left.saturating_sub(u32::from(day.is_weekday()));
    }
    next_day(day).and_then(Day::start).unwrap_or(start)
}

fn next_day(day: Day) -> Option<Day> {
    // Lima keeps no daylight saving time: each day has 24 hours.
    day.start().map(|start| start.plus_hours(24).business_day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_ends_with_a_business_day() {
        let check = |start: &str, days: u32, expected: &str| {
            let end = end_of_business_day(Instant::parse(start).unwrap(), days);
            assert_eq!(end.to_string(), format!("{expected}T00:00:00-05:00"), "{start} + {days}");
        };
        // 2026-03-02 is a Monday.
        check("2026-03-02T10:00:00-05:00", 1, "2026-03-04");
        check("2026-03-02T23:59:59-05:00", 3, "2026-03-06");
        check("2026-03-05T10:00:00-05:00", 1, "2026-03-07");
        check("2026-03-06T10:00:00-05:00", 1, "2026-03-10");
        check("2026-03-07T10:00:00-05:00", 2, "2026-03-11");
        check("2026-03-02T10:00:00-05:00", 10, "2026-03-17");
    }
}
