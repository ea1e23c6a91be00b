//! Under what the relations beside the pairs are judged, and how long each of them waits.

use super::Coverage;
use super::judge::still_silent;
use crate::calendar::{Grace, Instant};
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

/// A payment that was not settled so long after its grace is urgent.
const OVERDUE: Grace = Grace::BusinessDays(10);

impl Under<'_> {
    /// When something of this account may no longer be silent.
    pub fn end_of_grace(&self, account: &str, awaited: Awaited, start: Instant) -> Instant {
        let graces = self.policy.grace(account);
        let grace = match awaited {
            Awaited::Settlement => graces.settlement,
            Awaited::Deposit => graces.deposit,
            Awaited::Explanation => graces.unknown_deposit,
            Awaited::Refund => graces.refund,
        };
        self.policy.grace_end(grace, start)
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
            Some(start) => still_silent(covered, self.end_of_grace(account, awaited, start)),
            // Without any time there is nothing to wait from; but a leg that says nothing at all cannot be held to it.
            None => covered.is_none(),
        }
    }

    /// The largest difference from this amount that still agrees, in minor units.
    pub fn tolerance_minor(&self, account: &str, expected: Money) -> i64 {
        self.policy.tolerance_minor(account, expected)
    }

    /// Whether a settlement is missing for much longer than its grace.
    pub fn is_overdue(&self, account: &str, paid_at: Option<Instant>) -> bool {
        paid_at.is_some_and(|paid_at| {
            let end = self.end_of_grace(account, Awaited::Settlement, paid_at);
            // A moment before the end lies on the last day of grace itself.
            let last = end.moved(chrono::TimeDelta::nanoseconds(-1));
            self.as_of >= self.policy.grace_end(OVERDUE, last)
        })
    }
}
