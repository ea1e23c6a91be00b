//! Findings beside the classes: patterns over many orders and payments that a person should see.
//!
//! A rule never changes what became of a pair. It compares pseudonyms and network addresses and writes none of them: a
//! finding names CIPs and orders, and its identity is made of those alone, since a hash of an address can be undone.

mod burst;
mod finding;
mod fulfilled;
mod other_payee;
mod prescreen;
mod seen;
mod shared_number;
mod signatures;
mod suspects;
mod unpaid_codes;
mod window;

pub(crate) use seen::{Code, Seen};
pub use signatures::RefusedCallbacks;
pub(crate) use suspects::{Beside, Suspects};

use self::burst::Usual;
use self::prescreen::Prescreen;
use super::class::Reason;
use super::judge::{Judge, still_silent};
use super::orders::OrderView;
use super::{Inputs, Line};
use crate::calendar::Instant;
use crate::config::fraud::{Fraud, FraudRules};
use crate::lifecycle::cip::CipView;
use crate::lifecycle::evidence::{OrderRow, OrderStatus, ReportRow, ReportStatus};

/// What the rows at hand are to the rules over many.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'b> {
    /// All rows of a run.
    Whole,
    /// Groups of a run, which stand for themselves alone.
    Groups,
    /// Every row of a run on which a finding may rest.
    Suspects(&'b Beside),
}

/// What became of the CIPs of an order, as far as the rules ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It may still be paid, or it is not clear whose a payment is.
    #[default]
    Open,
    /// Cash was taken, or the order says so.
    Taken,
    /// The time to pay is over, the provider was heard, and nobody paid.
    Unpaid,
}

/// Looks at the groups of a run as they are entered, and at everything in the end.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// By order.
    fates: Vec<Fate>,
    lines: Vec<Line>,
}

impl Watch {
    /// Watches so many orders; none where no rule over many looks at them.
    pub fn new(orders: usize) -> Self {
        Watch { fates: vec![Fate::default(); orders], lines: Vec::new() }
    }

    /// Notes what became of the orders of a group; `indices` are theirs among all orders.
    pub fn enter<'c, 'r: 'c, 'a: 'r>(
        &mut self,
        judge: &Judge<'_>,
        indices: &[usize],
        orders: &[&OrderView<'_, '_>],
        cips: impl Iterator<Item = &'c CipView<'r, 'a>> + Clone,
    ) {
        if let Some(first) = orders.first().filter(|_| !self.fates.is_empty()) {
            // Once for a group: a reference that thousands of orders and CIPs bear must not be looked at a million times.
            let codes = Codes::of(judge, &first.row().account, cips.clone());
            for (index, order) in indices.iter().zip(orders) {
                if let Some(fate) = self.fates.get_mut(*index) {
                    *fate = fate_of(judge, order.row(), &codes, orders.len() == 1);
                }
            }
        }
        if let [order] = orders {
            let rule = judge.policy.fraud.of(&order.row().account).fulfilled_before_paid;
            self.lines.extend(fulfilled::finding(rule, order, cips));
        }
    }

    /// Every finding, in no particular order.
    pub fn close(
        self,
        fraud: &Fraud,
        inputs: &Inputs<'_>,
        orders: &[OrderView<'_, '_>],
        scope: Scope<'_>,
    ) -> Vec<Line> {
        let mut lines = self.lines;
        let (unknown, beside) = match scope {
            Scope::Whole => (Usual::default(), None),
            Scope::Suspects(beside) => (Usual::default(), Some(beside)),
            Scope::Groups => return lines,
        };
        let mut numbers = Prescreen::default();
        let mut amounts = Prescreen::default();
        for (index, row) in inputs.reports.iter().enumerate() {
            shared_number::screen(fraud, index, row, &mut numbers);
            burst::screen(fraud, index, row, &mut amounts);
        }
        lines.extend(shared_number::findings(fraud, inputs, numbers));
        let usual = beside.map_or(&unknown, |beside| &beside.usual);
        lines.extend(burst::findings(fraud, inputs, amounts, usual));
        for party in unpaid_codes::Party::ALL {
            let others = |account: &str, name: &str| {
                beside.map_or(Some(&[][..]), |beside| beside.others(party, account, name))
            };
            lines.extend(unpaid_codes::findings(party, fraud, orders, &self.fates, &others));
        }
        lines.extend(other_payee::findings(fraud, orders));
        lines.extend(signatures::findings(fraud, inputs.refused.unwrap_or_default()));
        lines
    }
}

/// What the provider says of the CIPs of a group.
struct Codes {
    /// Cash was taken for one of them.
    taken: bool,
    /// How many it knows by their number.
    known: usize,
    /// There are some, and the provider says of each that it ran out or was removed.
    over: bool,
    /// The latest expiry that it states.
    expiry: Option<Instant>,
    /// Up to when it was heard on all of them; absent where it knows none.
    heard_until: Option<Option<Instant>>,
}

impl Codes {
    fn of<'c, 'r: 'c, 'a: 'r>(
        judge: &Judge<'_>,
        account: &str,
        cips: impl Iterator<Item = &'c CipView<'r, 'a>> + Clone,
    ) -> Codes {
        let over = |cip: &CipView<'_, '_>| {
            let status = cip.snapshot().map(|row| row.status);
            matches!(status, Some(ReportStatus::Expired | ReportStatus::Removed))
        };
        let numbers = cips.clone().filter_map(|cip| cip.key.cip());
        let known = numbers.clone().count();
        Codes {
            taken: cips.clone().any(|cip| !cip.operations.is_empty()),
            known,
            over: cips.clone().next().is_some() && cips.clone().all(over),
            expiry: cips.filter_map(CipView::expires_at).max(),
            heard_until: (known > 0).then(|| judge.coverage.of_cips(account, numbers)),
        }
    }
}

/// What became of an order whose only CIP the provider tells of in one row, if at all.
pub(super) fn fate_of_pair(judge: &Judge<'_>, order: &OrderRow<'_>, report: Option<&ReportRow<'_>>) -> Fate {
    let cip = report.and_then(|row| row.cip);
    let codes = Codes {
        taken: report.is_some_and(|row| row.status.is_event()),
        known: usize::from(cip.is_some()),
        over: report.is_some_and(|row| matches!(row.status, ReportStatus::Expired | ReportStatus::Removed)),
        expiry: report.and_then(|row| row.expires_at),
        heard_until: cip.map(|cip| judge.coverage.of_cips(&order.account, [cip])),
    };
    fate_of(judge, order, &codes, true)
}

/// Whether goods of such an order left before they were paid.
pub(super) fn left_early(judge: &Judge<'_>, order: &OrderRow<'_>, report: &ReportRow<'_>) -> bool {
    let times = order.fulfilled_at.zip(report.paid_at.filter(|_| report.status == ReportStatus::Paid));
    times.is_some_and(|(fulfilled_at, paid_at)| {
        let rule = judge.policy.fraud.of(&order.account).fulfilled_before_paid;
        fulfilled::is_early(rule, fulfilled_at, paid_at)
    })
}

fn fate_of(judge: &Judge<'_>, order: &OrderRow<'_>, codes: &Codes, alone: bool) -> Fate {
    if codes.taken {
        return if alone { Fate::Taken } else { Fate::Open };
    }
    let given_up = match order.status {
        OrderStatus::Paid | OrderStatus::Fulfilled | OrderStatus::Refunded => return Fate::Taken,
        OrderStatus::Cancelled | OrderStatus::Expired => true,
        OrderStatus::Pending => false,
    };
    // One that the provider has not told of may still be paid.
    if codes.over && order.cips.len() <= codes.known {
        return Fate::Unpaid;
    }
    let expiry = codes.expiry.or(order.expires_at);
    let Some(end) = expiry.or_else(|| given_up.then_some(order.created_at)) else { return Fate::Open };
    let own = judge.coverage.of_cips(&order.account, order.cips.iter().copied());
    let covered = match codes.heard_until {
        Some(found) if order.cips.is_empty() => found,
        Some(found) => own.min(found),
        None => own,
    };
    let grace = judge.policy.grace(&order.account).reports;
    let silent = still_silent(covered, judge.policy.grace_end(grace, end));
    if end <= judge.as_of && !silent { Fate::Unpaid } else { Fate::Open }
}

/// The rules that a run has what they need for, and that are on for any account.
pub(crate) fn ran(fraud: &Fraud, inputs: &Inputs<'_>) -> Vec<Reason> {
    let on = |enabled: fn(&FraudRules) -> bool| fraud.tables().any(enabled);
    let rules = [
        (Reason::SharedOperationNumber, on(|rules| rules.shared_operation_number.enabled)),
        (Reason::SharedPayer, on(|rules| rules.shared_payer.enabled)),
        (Reason::SharedIp, on(|rules| rules.shared_ip.enabled)),
        (Reason::EqualAmountBurst, on(|rules| rules.equal_amount_burst.enabled)),
        (Reason::FulfilledBeforePaid, on(|rules| rules.fulfilled_before_paid.enabled)),
        (Reason::RefundToOtherPayee, on(|rules| rules.refund_to_other_payee.enabled)),
        (Reason::BadSignatures, inputs.refused.is_some() && on(|rules| rules.bad_signatures.enabled)),
    ];
    rules.into_iter().filter_map(|(rule, on)| on.then_some(rule)).collect()
}
