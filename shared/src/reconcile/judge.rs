//! One class for each pair: the first that holds.

use std::cmp::Ordering;

use super::Coverage;
use super::class::{Class, Reason};
use super::exchange::{Common, Compared, Exchange};
use super::table::{Cell, RestsOn, cell};
use crate::calendar::Instant;
use crate::config::Policy;
use crate::ids::Cip;
use crate::lifecycle::cip::{CipView, ProviderState};
use crate::lifecycle::evidence::{OrderRow, OrderStatus};
use crate::lifecycle::operations::{Operation, Standing};
use crate::money::{Currency, Money};

/// What the provider says of the CIP and the payment that stand for an order, or for themselves where there is no order.
#[derive(Clone, Copy)]
pub(super) struct Stand<'s> {
    /// The CIP that stands, where the provider names one.
    pub cip: Option<Cip>,
    /// What the provider says at the time of the run.
    pub state: ProviderState,
    /// The money that the provider names: that of the payment, else that of the snapshot.
    pub money: Option<Money>,
    /// When cash was taken, if it was.
    pub paid_at: Option<Instant>,
    /// When the CIP was made, as far as the speaking row knows.
    pub created_at: Option<Instant>,
    /// Until when the provider would take money.
    pub expires_at: Option<Instant>,
    /// What the provider states as given back so far, in part or whole.
    pub refunded_stated: Option<i64>,
    /// Minor units given back while the payment stays live.
    pub refunded_part: Option<i64>,
    /// Whether cash was ever taken.
    pub has_payment: bool,
    /// The number of the payment that stands.
    pub operation_number: Option<&'s str>,
    /// The merchant's number in the speaking row.
    pub reference_id: Option<&'s str>,
    /// The shop inside the account in the speaking row.
    pub store: Option<&'s str>,
}

impl<'s> Stand<'s> {
    /// What a CIP and one of its payments, if it has any, amount to.
    pub fn of(
        cip: &'s CipView<'_, '_>,
        operation: Option<&'s Operation<'_, '_>>,
        state: ProviderState,
    ) -> Self {
        let by_payment = operation.and_then(Operation::speaker).map(|settled| settled.row.as_ref());
        let row = by_payment.or_else(|| cip.snapshot());
        Stand {
            cip: cip.key.cip(),
            state,
            money: operation.and_then(Operation::money).or_else(|| cip.snapshot().map(|row| row.amount)),
            paid_at: operation.and_then(Operation::paid_at),
            created_at: row.and_then(|row| row.created_at),
            expires_at: cip.expires_at(),
            refunded_stated: operation.and_then(Operation::refunded_stated),
            refunded_part: operation.and_then(|operation| operation.refunded_part),
            has_payment: operation.is_some(),
            operation_number: operation.and_then(Operation::number),
            reference_id: row.and_then(|row| row.reference_id.as_deref()),
            store: row.and_then(|row| row.store.as_deref()),
        }
    }
}

/// What the provider says of a payment by what has become of it.
pub(super) const fn state_of(standing: Standing) -> ProviderState {
    match standing {
        Standing::Live => ProviderState::Paid,
        Standing::Reversed => ProviderState::Reversed,
        Standing::Refunded => ProviderState::Refunded,
    }
}

/// The CIP and the payment that were chosen to stand.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'c, 'r, 'a> {
    /// The CIP that stands.
    pub cip: &'c CipView<'r, 'a>,
    /// Its payment that stands, if cash was ever taken.
    pub operation: Option<&'c Operation<'r, 'a>>,
    /// What they amount to.
    pub stand: Stand<'c>,
}

impl<'c, 'r, 'a> Chosen<'c, 'r, 'a> {
    /// Chooses among CIPs: one with a live payment (the earliest), else one whose money went back (the latest), else
    /// the smallest pending one, else the largest of the others.
    pub fn among(
        cips: &[&'c CipView<'r, 'a>],
        as_of: Instant,
        order_expires_at: Option<Instant>,
    ) -> Option<Chosen<'c, 'r, 'a>> {
        let operations =
            || cips.iter().flat_map(|cip| cip.operations.iter().map(move |operation| (*cip, operation)));
        let live =
            operations().filter(|(_, operation)| operation.standing == Standing::Live).min_by(by_payment);
        if let Some((cip, operation)) = live.or_else(|| operations().max_by(by_payment)) {
            let stand = Stand::of(cip, Some(operation), state_of(operation.standing));
            return Some(Chosen { cip, operation: Some(operation), stand });
        }
        let with_state = || cips.iter().map(|cip| (*cip, cip.state(as_of, order_expires_at)));
        let pending = with_state().filter(|(_, state)| *state == ProviderState::Pending);
        let (cip, state) = pending
            .min_by(|(a, _), (b, _)| a.key.cmp(&b.key))
            .or_else(|| with_state().max_by(|(a, _), (b, _)| a.key.cmp(&b.key)))?;
        Some(Chosen { cip, operation: None, stand: Stand::of(cip, None, state) })
    }
}

/// A payment with its CIP, borrowed while one is chosen.
type Candidate<'c, 'r, 'a> = (&'c CipView<'r, 'a>, &'c Operation<'r, 'a>);

/// Payments of different CIPs with equal time and number go by CIP.
fn by_payment(a: &Candidate<'_, '_, '_>, b: &Candidate<'_, '_, '_>) -> Ordering {
    a.1.compare(b.1).then_with(|| a.0.key.cmp(&b.0.key))
}

/// What the judgement of one pair may look at.
pub(super) struct Judge<'c> {
    pub policy: &'c Policy,
    pub coverage: &'c Coverage,
    pub as_of: Instant,
}

/// A class with its reason.
pub(super) type Judgement = (Class, Option<Reason>);

impl Judge<'_> {
    /// Judges an order against what stands for it at the provider.
    pub fn pair(&self, order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> Judgement {
        let state = stand.map_or(ProviderState::Absent, |stand| stand.state);
        let cell = self.cell_with_refunds(order, stand, state);
        if cell == Cell::MissingAtProvider {
            return self.unless_waiting(order, stand, cell, (Class::MissingAtProvider, None));
        }
        if let Some(mismatch) = self.money_mismatch(order, stand) {
            return mismatch;
        }
        if let Some(rests_on) = cell.rests_on()
            && self.waits(rests_on, self.start(order, stand), order, stand)
        {
            return (Class::Open, open_reason(cell));
        }
        if is_late(order, stand) {
            return (Class::LatePayment, None);
        }
        match cell {
            Cell::Mismatch(reason) => (Class::StatusMismatch, Some(reason)),
            Cell::Matched => (self.matched_class(order, stand), other_cip(order, stand)),
            Cell::Unpaid | Cell::MissingOrder | Cell::MissingAtProvider => {
                (Class::Unpaid, other_cip(order, stand))
            }
        }
    }

    /// Judges a CIP that no order expects.
    pub fn without_order(&self, account: &str, stand: &Stand<'_>) -> Judgement {
        if cell(None, stand.state) != Cell::MissingOrder {
            return (Class::Unpaid, None);
        }
        // Without any time there is nothing to wait from, and the money is there.
        let start = stand.paid_at.or(stand.created_at);
        let grace = self.policy.grace(account).orders;
        let waits = start
            .is_some_and(|start| still_silent(self.coverage.orders, self.policy.grace_end(grace, start)));
        if waits { (Class::Open, Some(Reason::NoOrder)) } else { (Class::MissingOrder, None) }
    }

    fn unless_waiting(
        &self,
        order: &OrderRow<'_>,
        stand: Option<&Stand<'_>>,
        cell: Cell,
        spoken: Judgement,
    ) -> Judgement {
        match cell.rests_on() {
            Some(rests_on) if self.waits(rests_on, self.start(order, stand), order, stand) => {
                (Class::Open, open_reason(cell))
            }
            _ => spoken,
        }
    }

    /// The table's cell, with what partial refunds make of it.
    fn cell_with_refunds(
        &self,
        order: &OrderRow<'_>,
        stand: Option<&Stand<'_>>,
        state: ProviderState,
    ) -> Cell {
        let cell = cell(Some(order.status), state);
        let Some(stand) = stand.filter(|stand| stand.has_payment) else { return cell };
        match (order.refunded_minor, stand.refunded_stated) {
            (Some(stated), Some(reported)) => {
                let agrees = matches!(
                    order.status,
                    OrderStatus::Paid | OrderStatus::Fulfilled | OrderStatus::Refunded
                );
                if self.refunds_apart(order, stand, stated, reported) {
                    Cell::Mismatch(Reason::RefundAmountDiffers)
                } else if stand.refunded_part.is_some() && agrees {
                    Cell::Matched
                } else {
                    cell
                }
            }
            (None, Some(_)) if stand.refunded_part.is_some() => Cell::Mismatch(Reason::RefundNotRecorded),
            _ => cell,
        }
    }

    /// Whether the amounts that both sides state as given back differ by more than the order's tolerance.
    fn refunds_apart(&self, order: &OrderRow<'_>, stand: &Stand<'_>, stated: i64, reported: i64) -> bool {
        let told = stand.money.map_or(order.amount.currency, |money| money.currency);
        let common = self.common(order, stand, told);
        let apart = common.and_then(|common| {
            let stated = common.bring(Money { minor: stated, ..order.amount })?;
            let reported = common.bring(Money { minor: reported, currency: told })?;
            let allowed = self.tolerance(order, common.bring(order.amount)?);
            Some(stated.minor.abs_diff(reported.minor) > allowed)
        });
        // In two currencies nothing agrees.
        apart.unwrap_or(true)
    }

    /// What is allowed to an order over this money, which is its amount in the currency of comparison.
    fn tolerance(&self, order: &OrderRow<'_>, owed: Money) -> u64 {
        self.policy.tolerance_minor(&order.account, owed).unsigned_abs()
    }

    /// In which currency amounts of the pair are compared; `None` where they are in two and the policy has no rate for the
    /// day of the payment.
    fn common(&self, order: &OrderRow<'_>, stand: &Stand<'_>, told: Currency) -> Option<Common> {
        if told == order.amount.currency {
            return Some(Common::Same);
        }
        self.policy.fx_rate(self.start(order, Some(stand)).business_day()).map(Common::By)
    }

    /// What was owed and what the provider names, where money was taken or the CIP can still be paid.
    fn compared(&self, order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> Compared {
        let held = |stand: &&Stand<'_>| stand.state.took_money() || stand.state == ProviderState::Pending;
        let Some((stand, told)) = stand.filter(held).and_then(|stand| Some((stand, stand.money?))) else {
            return Compared::Nothing;
        };
        Compared::of(self.common(order, stand, told.currency), order.amount, told)
    }

    /// The exchange by which the pair is compared, if it is.
    pub fn exchange(&self, order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> Option<Exchange> {
        match self.compared(order, stand) {
            Compared::Alike { exchange, .. } => exchange,
            Compared::Nothing | Compared::Apart => None,
        }
    }

    fn money_mismatch(&self, order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> Option<Judgement> {
        match self.compared(order, stand) {
            Compared::Nothing => None,
            Compared::Apart => Some((Class::CurrencyMismatch, None)),
            Compared::Alike { owed, told_minor, .. } => {
                let apart = told_minor.abs_diff(owed.minor) > self.tolerance(order, owed);
                let reason = if told_minor > owed.minor { Reason::Overpaid } else { Reason::Underpaid };
                apart.then_some((Class::AmountMismatch, Some(reason)))
            }
        }
    }

    fn matched_class(&self, order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> Class {
        match self.compared(order, stand) {
            Compared::Alike { owed, told_minor, .. } if told_minor != owed.minor => {
                Class::MatchedWithinTolerance
            }
            _ => Class::Matched,
        }
    }

    /// The time from which a side may still be silent.
    fn start(&self, order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> Instant {
        stand.and_then(|stand| stand.paid_at).or(order.paid_at).unwrap_or(order.created_at)
    }

    fn waits(
        &self,
        rests_on: RestsOn,
        start: Instant,
        order: &OrderRow<'_>,
        stand: Option<&Stand<'_>>,
    ) -> bool {
        let graces = self.policy.grace(&order.account);
        match rests_on {
            RestsOn::Orders => {
                still_silent(self.coverage.orders, self.policy.grace_end(graces.orders, start))
            }
            RestsOn::Reports => {
                let found = stand.and_then(|stand| stand.cip);
                let covered = self.coverage.of_cips(&order.account, order.cips.iter().copied().chain(found));
                still_silent(covered, self.policy.grace_end(graces.reports, start))
            }
        }
    }
}

/// Whether a leg may still speak of an event: it has not been heard up to the end of its grace.
pub(super) fn still_silent(covered_until: Option<Instant>, grace_end: Instant) -> bool {
    covered_until.is_none_or(|covered| covered < grace_end)
}

const fn open_reason(cell: Cell) -> Option<Reason> {
    match cell {
        Cell::MissingAtProvider => Some(Reason::NothingAtProvider),
        Cell::Mismatch(reason) => Some(reason),
        Cell::Matched | Cell::Unpaid | Cell::MissingOrder => None,
    }
}

/// Paid after the expiry in force; exactly at expiry is in time.
fn is_late(order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> bool {
    let Some(stand) = stand.filter(|stand| stand.state == ProviderState::Paid) else { return false };
    let expiry = stand.expires_at.or(order.expires_at);
    matches!((stand.paid_at.or(order.paid_at), expiry), (Some(paid), Some(expiry)) if paid > expiry)
}

/// The note that the order names another CIP than the one found by its reference.
fn other_cip(order: &OrderRow<'_>, stand: Option<&Stand<'_>>) -> Option<Reason> {
    let found = stand?.cip?;
    (!order.cips.is_empty() && !order.cips.contains(&found)).then_some(Reason::OtherCip)
}
