//! The payments of a run, one by one: what the relations beside the pairs look at.

use std::collections::HashMap;

use super::join::{AccountCip, Group};
use super::orders::OrderView;
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::cip::CipKey;
use crate::lifecycle::evidence::{OrderRow, OrderStatus, ReportStatus};
use crate::lifecycle::operations::{Operation, Standing};
use crate::lifecycle::settle::RowIndex;
use crate::money::Money;

/// One taking of cash, with what of its order matters to settlements and refunds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payment<'v> {
    pub account: &'v str,
    /// By what the provider knows the code.
    pub key: &'v CipKey<'v>,
    /// Number of the operation: the smallest.
    pub number: Option<&'v str>,
    /// What the row that speaks says.
    pub told_as: ReportStatus,
    pub money: Money,
    pub paid_at: Option<Instant>,
    pub standing: Standing,
    /// Money that is to go back to the shopper, or has gone.
    pub refund: Option<Refund>,
    /// The order's reference where one order owns the payment, else the provider's.
    pub reference: Option<&'v str>,
    /// The order's store, else the provider's.
    pub store: Option<&'v str>,
    /// The row of the report that speaks.
    pub report: RowIndex,
    /// The row of the order that speaks, where one order owns the payment.
    pub order: Option<RowIndex>,
}

/// A payment of a pair that is judged elsewhere: one row of a report that says that cash was taken and nothing more, and one
/// order at most, which claims no refund.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainPayment<'v> {
    pub account: &'v str,
    pub cip: Cip,
    /// Number of the operation.
    pub number: Option<&'v str>,
    pub money: Money,
    pub paid_at: Option<Instant>,
    /// The order's reference where there is an order, else the provider's.
    pub reference: Option<&'v str>,
    /// The order's store, else the provider's.
    pub store: Option<&'v str>,
    /// The provider's own id.
    pub provider_id: Option<&'v str>,
    pub has_order: bool,
}

/// Rows of plain payments are no rows of the run. What is said of them bears numbers beyond those of any row.
const ELSEWHERE: RowIndex = RowIndex::MAX / 2;

/// The number that stands for the row of a plain payment's order or report.
const fn elsewhere(payment: usize, is_order: bool) -> RowIndex {
    ELSEWHERE.saturating_add(payment.saturating_mul(2)).saturating_add(if is_order { 1 } else { 0 })
}

/// The plain payment that a number stands for, if it stands for one.
pub(super) fn plain_payment_of(row: RowIndex) -> Option<usize> {
    row.checked_sub(ELSEWHERE).map(|row| row / 2)
}

impl<'v> PlainPayment<'v> {
    fn as_payment(&self, key: &'v CipKey<'v>, index: usize) -> Payment<'v> {
        Payment {
            account: self.account,
            key,
            number: self.number,
            told_as: ReportStatus::Paid,
            money: self.money,
            paid_at: self.paid_at,
            standing: Standing::Live,
            refund: None,
            reference: self.reference,
            store: self.store,
            report: elsewhere(index, false),
            order: self.has_order.then(|| elsewhere(index, true)),
        }
    }
}

/// A refund that somebody decided or declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refund {
    /// How much, in minor units of the payment's currency.
    pub minor: i64,
    /// When: the order's last change where the order states it, else the provider's time.
    pub decided_at: Option<Instant>,
}

impl Payment<'_> {
    /// Whether money of it went back, wholly or in part, or is said to go back.
    pub fn goes_back(&self) -> bool {
        self.standing != Standing::Live || self.refund.is_some()
    }
}

/// The payments of a run. Those of one code stand together, in the order of payments.
pub(super) struct Payments<'v> {
    pub list: Vec<Payment<'v>>,
    /// First payment and number of payments of each code.
    by_cip: HashMap<(&'v str, Cip), Span>,
    /// Payments by the ids that the provider gives them in its reports.
    provider_ids: Vec<(&'v str, &'v str, usize)>,
}

/// Payments of one code: the first, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    pub first: usize,
    pub count: usize,
}

impl Span {
    pub fn indices(self) -> std::ops::Range<usize> {
        self.first..self.first.saturating_add(self.count)
    }
}

impl<'v> Payments<'v> {
    /// Takes payments, those of one code together, and each provider's id with the payment that bears it.
    pub fn new(list: Vec<Payment<'v>>, mut provider_ids: Vec<(&'v str, &'v str, usize)>) -> Self {
        let mut by_cip: HashMap<(&'v str, Cip), Span> = HashMap::with_capacity(list.len());
        for (index, payment) in list.iter().enumerate() {
            if let Some(cip) = payment.key.cip() {
                let span = by_cip.entry((payment.account, cip)).or_insert(Span { first: index, count: 0 });
                span.count = span.count.saturating_add(1);
            }
        }
        provider_ids.sort_unstable();
        provider_ids.dedup();
        Payments { list, by_cip, provider_ids }
    }

    /// The payments of a code.
    pub fn of_cip(&self, account: &str, cip: Cip) -> Option<Span> {
        self.by_cip.get(&(account, cip)).copied()
    }

    /// The payments of the code that bears a provider's id, and the one that does so itself, where exactly one does. An id
    /// that payments of several codes bear says nothing.
    pub fn of_provider_id(&self, account: &str, id: &str) -> Option<(Span, Option<usize>)> {
        let from = self.provider_ids.partition_point(|known| (known.0, known.1) < (account, id));
        let bearing: Vec<usize> = self
            .provider_ids
            .iter()
            .skip(from)
            .take_while(|known| (known.0, known.1) == (account, id))
            .map(|(_, _, index)| *index)
            .collect();
        let span = self.beside(*bearing.first()?)?;
        let only = bearing.first().copied().filter(|_| bearing.len() == 1);
        bearing.iter().all(|index| span.indices().contains(index)).then_some((span, only))
    }

    /// All payments of the code that this one is of.
    fn beside(&self, index: usize) -> Option<Span> {
        let payment = self.list.get(index)?;
        match payment.key.cip() {
            Some(cip) => self.of_cip(payment.account, cip),
            None => {
                let same = |other: &Payment<'_>| other.account == payment.account && other.key == payment.key;
                let before = self.list.iter().take(index).rev().take_while(|other| same(other)).count();
                let first = index.saturating_sub(before);
                let count = self.list.iter().skip(first).take_while(|other| same(other)).count();
                Some(Span { first, count })
            }
        }
    }
}

/// Puts plain payments among those that were gathered. Both come in the order of account and code, and no code is in both.
pub(super) fn with_plain<'v>(
    gathered: Payments<'v>,
    plain: &[PlainPayment<'v>],
    keys: &'v [CipKey<'v>],
) -> Payments<'v> {
    let plain = plain.iter().zip(keys).enumerate();
    let mut plain =
        plain.map(|(index, (payment, key))| (payment.provider_id, payment.as_payment(key, index))).peekable();
    let mut list = Vec::with_capacity(gathered.list.len().saturating_add(keys.len()));
    let mut provider_ids = Vec::new();
    let mut places = Vec::with_capacity(gathered.list.len());
    let mut add = |(id, payment): (Option<&'v str>, Payment<'v>), list: &mut Vec<Payment<'v>>| {
        provider_ids.extend(id.map(|id| (payment.account, id, list.len())));
        list.push(payment);
    };
    for payment in gathered.list {
        let place = (payment.account, payment.key);
        while let Some(before) = plain.next_if(|(_, plain)| (plain.account, plain.key) < place) {
            add(before, &mut list);
        }
        places.push(list.len());
        list.push(payment);
    }
    plain.for_each(|payment| add(payment, &mut list));
    let moved = gathered.provider_ids.into_iter();
    let moved = moved.filter_map(|(account, id, index)| Some((account, id, *places.get(index)?)));
    provider_ids.extend(moved);
    Payments::new(list, provider_ids)
}

/// Gathers the payments of all codes. The only place that turns codes into payments.
pub(super) fn gather<'v>(
    groups: &[Group],
    orders: &'v [OrderView<'_, '_>],
    cips: &'v [AccountCip<'_, '_>],
) -> Payments<'v> {
    let mut owners: Vec<Option<usize>> = vec![None; cips.len()];
    let mut decided: HashMap<(usize, usize), Refund> = HashMap::new();
    for group in groups {
        let [owner] = group.orders.as_slice() else { continue };
        for cip in group.cips.iter().chain(&group.further) {
            if let Some(slot) = owners.get_mut(*cip) {
                *slot = Some(*owner);
            }
        }
        if let Some(order) = orders.get(*owner) {
            decided.extend(refund_by_order(order.row(), group, cips));
        }
    }
    let mut list = Vec::with_capacity(cips.len());
    let mut provider_ids = Vec::new();
    for (index, (cip, owner)) in cips.iter().zip(&owners).enumerate() {
        let order = owner.and_then(|owner| orders.get(owner));
        for (number, operation) in cip.view.operations.iter().enumerate() {
            let Some(mut payment) = payment(cip, operation, order) else { continue };
            payment.refund = payment.refund.or_else(|| decided.get(&(index, number)).copied());
            let settled = operation.paid.iter().chain(&operation.returns);
            let ids = settled.filter_map(|settled| settled.row.provider_id.as_deref());
            provider_ids.extend(ids.map(|id| (cip.account, id, list.len())));
            list.push(payment);
        }
    }
    Payments::new(list, provider_ids)
}

fn payment<'v>(
    cip: &'v AccountCip<'_, '_>,
    operation: &'v Operation<'_, '_>,
    order: Option<&'v OrderView<'_, '_>>,
) -> Option<Payment<'v>> {
    let speaker = operation.speaker()?;
    let row = speaker.row.as_ref();
    let order_row = order.map(OrderView::row);
    Some(Payment {
        account: cip.account,
        key: &cip.view.key,
        number: operation.number(),
        told_as: row.status,
        money: row.amount,
        paid_at: row.paid_at,
        standing: operation.standing,
        refund: refund_by_report(operation, order_row),
        reference: order_row.map(|order| order.reference_id.as_ref()).or(row.reference_id.as_deref()),
        store: order_row.and_then(|order| order.store.as_deref()).or(row.store.as_deref()),
        report: speaker.speaker,
        order: order.map(|order| order.settled.speaker),
    })
}

/// Whether the shop says that money of the order went back.
fn states_refund(order: &OrderRow<'_>) -> bool {
    order.status == OrderStatus::Refunded || order.refunded_minor.is_some()
}

/// The refund that the provider declares. What the collector took back is none: the money is with the shopper.
fn refund_by_report(operation: &Operation<'_, '_>, order: Option<&OrderRow<'_>>) -> Option<Refund> {
    let whole = operation.standing == Standing::Refunded;
    if !whole && operation.refunded_part.is_none() {
        return None;
    }
    let amount = operation.money()?.minor;
    let stated = operation.refunded_part.or_else(|| operation.refunded_stated());
    let row = operation.returns.iter().find(|settled| settled.row.status == ReportStatus::Refunded);
    let row = row.or(operation.paid.as_ref()).map(|settled| settled.row.as_ref());
    let by_provider = row.and_then(|row| match row.status {
        ReportStatus::Refunded => row.paid_at.or(row.observed_at),
        _ => row.observed_at.or(row.paid_at),
    });
    let by_order = order.filter(|order| states_refund(order)).and_then(|order| order.updated_at);
    Some(Refund { minor: stated.unwrap_or(amount).min(amount), decided_at: by_order.or(by_provider) })
}

/// The refund that the shop decided and the provider does not declare: of the payment that stands for the order. Where
/// money of any payment of the order went back, the shop means that one.
fn refund_by_order(
    order: &OrderRow<'_>,
    group: &Group,
    cips: &[AccountCip<'_, '_>],
) -> Option<((usize, usize), Refund)> {
    if !states_refund(order) {
        return None;
    }
    let views = || {
        let indices = group.cips.iter().chain(&group.further);
        indices.filter_map(|index| Some((*index, &cips.get(*index)?.view)))
    };
    let came_back = |operation: &Operation<'_, '_>| {
        operation.standing != Standing::Live || operation.refunded_part.is_some()
    };
    if views().any(|(_, view)| view.operations.iter().any(came_back)) {
        return None;
    }
    let (index, number, operation) = views()
        .flat_map(|(index, view)| {
            view.operations.iter().enumerate().map(move |(number, operation)| (index, number, operation))
        })
        .min_by(|a, b| a.2.compare(b.2).then_with(|| (a.0, a.1).cmp(&(b.0, b.1))))?;
    let amount = operation.money()?.minor;
    let minor = order.refunded_minor.unwrap_or(amount).min(amount);
    let decided_at = order.updated_at.or_else(|| operation.paid_at()).or(Some(order.created_at));
    Some(((index, number), Refund { minor, decided_at }))
}
