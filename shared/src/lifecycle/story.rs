//! The story of one CIP: the state that all its facts add up to, from every leg.
//!
//! The state is counted from the facts: `story = fold(evidence, as_of)`. Neither the order in which they arrived nor the
//! times of their receipt take part, and the same fact again changes nothing.
#![deny(clippy::arithmetic_side_effects)]

mod announced;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::cip::{CipKey, CipView, CodeState};
use super::evidence::{Deposit, Doubt, NoticeRow, OrderRow, OrderStatus, ReportRow, SettledPayment};
use super::meaning::{Meaning, Meanings};
use super::operations::{Operation, Standing};
use super::settle::settle;
use crate::calendar::{Day, Instant};
use crate::ids::Cip;
use crate::money::Money;

/// The source that signed notices are, among the sources of report rows; those are numbered from zero.
pub const NOTICES: u16 = u16::MAX;

/// Everything that is known of one CIP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// Rows of orders that list it.
    pub orders: Vec<OrderRow<'a>>,
    /// Signed notices of it.
    pub notices: Vec<NoticeRow<'a>>,
    /// What the provider says of it otherwise.
    pub reports: Vec<ReportRow<'a>>,
    /// Lines of settlements that carry its payments.
    pub settled: Vec<SettledPayment<'a>>,
    /// Bank lines that pay those settlements.
    pub deposits: Vec<Deposit<'a>>,
    /// What was told and is not understood.
    pub doubts: Vec<Doubt>,
}

/// One taking of cash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its operation number, the smallest where sources number it differently.
    pub number: Option<String>,
    /// What was paid.
    pub money: Money,
    /// When, as far as is known.
    pub paid_at: Option<Instant>,
    /// Live, or how it went back.
    pub standing: Standing,
    /// Minor units given back while the payment stays live.
    pub refunded_part: Option<i64>,
    /// Paid after the expiry in force; exactly at the expiry is in time.
    pub late: bool,
    /// The settlement that carries it.
    pub settlement_id: Option<String>,
    /// The bank's day of the deposit that pays that settlement.
    pub deposited_on: Option<Day>,
}

/// The order that a CIP was issued for, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The shop's number.
    pub reference_id: String,
    /// What the shopper owes.
    pub amount: Money,
    /// What the shop says.
    pub status: OrderStatus,
}

/// What the facts of a CIP add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Whether the code waits, is paid, ran out or was deleted; absent where no fact that is understood tells of the code.
    pub state: Option<CodeState>,
    /// Until when it may be paid, as far as is known.
    pub expires_at: Option<Instant>,
    /// The payments, earliest first.
    pub payments: Vec<Payment>,
    /// The orders that list the code, by reference and creation.
    pub orders: Vec<Expected>,
    /// Facts that contradict each other.
    pub conflict: bool,
    /// What is not understood, each once, in order.
    pub doubts: Vec<Doubt>,
}

impl Story {
    /// The payments that are live, earliest first.
    pub fn live(&self) -> impl Iterator<Item = &Payment> {
        self.payments.iter().filter(|payment| payment.standing == Standing::Live)
    }
}

/// Counts the facts of one CIP at `as_of`.
#[must_use]
pub fn fold(cip: Cip, evidence: &Evidence<'_>, meanings: &Meanings, as_of: Instant) -> Story {
    let rows = announced::provider_rows(cip, evidence, meanings);
    let indexed: Vec<_> = rows.iter().enumerate().collect();
    let view = CipView::new(CipKey::Cip(cip), &indexed);
    let orders = orders(cip, &evidence.orders);
    let order_expires_at = orders.iter().filter_map(|order| order.expires_at).max();
    let expires_at = view.expires_at().or(order_expires_at);
    let payments = payments(&view, evidence, expires_at);
    let mut story = Story {
        state: state(&view, evidence, meanings, as_of, order_expires_at),
        expires_at,
        conflict: !view.conflicting.is_empty()
            || view.operations.iter().any(gives_back_other_money)
            || orders.iter().any(|order| order.contradicted || order.changed_after_payment(&payments)),
        payments,
        orders: orders.into_iter().map(|order| order.expected).collect(),
        doubts: Vec::new(),
    };
    story.doubts = doubts(&story, evidence, meanings);
    story
}

/// The state of the code. Nothing is known of one that no order lists and that nobody told anything of that is understood.
fn state(
    view: &CipView<'_, '_>,
    evidence: &Evidence<'_>,
    meanings: &Meanings,
    as_of: Instant,
    order_expires_at: Option<Instant>,
) -> Option<CodeState> {
    let mut understood =
        evidence.notices.iter().filter_map(|notice| meanings.of(&notice.event_type)).peekable();
    if evidence.orders.is_empty() && evidence.reports.is_empty() && understood.peek().is_none() {
        return None;
    }
    let removed = understood.any(|meaning| meaning == Meaning::Removed);
    Some(match view.code_state(as_of, order_expires_at) {
        // A removal has no time that a look could overtake, and cash comes before it.
        CodeState::Pending | CodeState::Expired if removed => CodeState::Removed,
        state => state,
    })
}

/// Whether what went back is more than what was paid, or in another currency.
fn gives_back_other_money(operation: &Operation<'_, '_>) -> bool {
    let Some(paid) = operation.money() else { return false };
    operation.refunded_stated().is_some_and(|back| back > paid.minor)
        || operation.returns.iter().any(|back| back.row.amount.currency != paid.currency)
}

struct Order {
    expected: Expected,
    expires_at: Option<Instant>,
    /// When it was paid, as far as the shop knows.
    paid_at: Option<Instant>,
    /// Rows as new as the one that stands say otherwise.
    contradicted: bool,
    /// What each update said that is owed, newest first.
    owed: Vec<(Option<Instant>, Money)>,
}

impl Order {
    /// Whether an update after the payment that stands names other money than the row that it supersedes.
    fn changed_after_payment(&self, payments: &[Payment]) -> bool {
        let live = payments.iter().find(|payment| payment.standing == Standing::Live);
        let stands = live.or(payments.last());
        let Some(paid_at) = stands.and_then(|payment| payment.paid_at.or(self.paid_at)) else { return false };
        self.owed.windows(2).any(|pair| match pair {
            [(updated_at, newer), (_, older)] => {
                newer != older && updated_at.is_some_and(|time| time > paid_at)
            }
            _ => false,
        })
    }
}

/// The orders that list the code as they stand, by reference and creation. One whose newest row lists other codes alone no
/// longer expects this one to be paid.
fn orders(cip: Cip, rows: &[OrderRow<'_>]) -> Vec<Order> {
    let identity = |row: &OrderRow<'_>| (row.reference_id.clone().into_owned(), row.created_at);
    let mut sorted: Vec<_> = rows.iter().enumerate().collect();
    sorted.sort_by_cached_key(|(_, row)| identity(row));
    let settled = sorted
        .chunk_by(|(_, a), (_, b)| identity(a) == identity(b))
        .filter_map(|rows| settle(rows.iter().copied(), |row| row.updated_at))
        .filter(|settled| settled.row.cips.is_empty() || settled.row.cips.contains(&cip));
    let standing = settled.map(|settled| {
        let row = settled.row.as_ref();
        let newest_first = std::iter::once(&settled.speaker).chain(&settled.superseded);
        Order {
            expected: Expected {
                reference_id: row.reference_id.clone().into_owned(),
                amount: row.amount,
                status: row.status,
            },
            expires_at: row.expires_at,
            paid_at: row.paid_at,
            contradicted: !settled.contradicting.is_empty(),
            owed: newest_first
                .filter_map(|index| rows.get(*index))
                .map(|row| (row.updated_at, row.amount))
                .collect(),
        }
    });
    standing.collect()
}

fn payments(view: &CipView<'_, '_>, evidence: &Evidence<'_>, expires_at: Option<Instant>) -> Vec<Payment> {
    let late = |operation: &Operation<'_, '_>| {
        operation.paid_at().zip(expires_at).is_some_and(|(paid, expiry)| paid > expiry)
    };
    let payment = |operation: &Operation<'_, '_>| {
        let rows = operation.paid.iter().chain(&operation.returns);
        Some(Payment {
            number: operation.number().map(str::to_owned),
            money: operation.money()?,
            paid_at: operation.paid_at(),
            standing: operation.standing,
            refunded_part: operation.refunded_part,
            late: late(operation),
            settlement_id: rows
                .filter_map(|settled| settled.row.settlement_id.as_deref())
                .min()
                .map(str::to_owned),
            deposited_on: None,
        })
    };
    let mut payments: Vec<Payment> = view.operations.iter().filter_map(payment).collect();
    settle_payments(&mut payments, &evidence.settled);
    for payment in &mut payments {
        payment.deposited_on = deposited_on(payment, evidence);
    }
    payments
}

/// Gives each line of a settlement to a payment that no other line carries yet: of those of its amount a live one before
/// one that went back, and the earliest. A statement names the CIP and not the operation.
fn settle_payments(payments: &mut [Payment], lines: &[SettledPayment<'_>]) {
    for (settlement_id, gross) in sorted_lines(lines) {
        if payments.iter().any(|payment| carries(payment, settlement_id, gross)) {
            continue;
        }
        let free = |payment: &&mut Payment| payment.settlement_id.is_none() && payment.money == gross;
        let payment =
            payments.iter_mut().filter(free).min_by_key(|payment| payment.standing != Standing::Live);
        if let Some(payment) = payment {
            payment.settlement_id = Some(settlement_id.to_owned());
        }
    }
}

/// What the settlements carry of the CIP, each once.
fn sorted_lines<'l>(lines: &'l [SettledPayment<'_>]) -> Vec<(&'l str, Money)> {
    let mut lines: Vec<_> = lines.iter().map(|line| (line.settlement_id.as_ref(), line.gross)).collect();
    lines.sort_unstable_by_key(|(id, gross)| (*id, gross.minor, gross.currency));
    lines.dedup();
    lines
}

fn carries(payment: &Payment, settlement_id: &str, gross: Money) -> bool {
    payment.settlement_id.as_deref() == Some(settlement_id) && payment.money == gross
}

/// The first day on which the bank paid the settlement of a payment.
fn deposited_on(payment: &Payment, evidence: &Evidence<'_>) -> Option<Day> {
    let settlement_id = payment.settlement_id.as_deref()?;
    let of_batch = evidence.settled.iter().filter(|line| line.settlement_id == settlement_id);
    let names: BTreeSet<&str> =
        of_batch.filter_map(|line| line.bank_reference.as_deref()).chain([settlement_id]).collect();
    let paying = evidence.deposits.iter().filter(|deposit| names.contains(deposit.bank_reference.as_ref()));
    paying.map(|deposit| deposit.value_date).min()
}

/// What still waits for a person: events of unknown types, what a source said that no later look of it has settled, and
/// settlements that carry cash of which nothing else tells while no payment is live.
fn doubts(story: &Story, evidence: &Evidence<'_>, meanings: &Meanings) -> Vec<Doubt> {
    let newest_look = evidence.reports.iter().filter_map(|row| row.observed_at).max();
    let unsettled = |doubt: &&Doubt| match (doubt.observed_at, newest_look) {
        (Some(doubted), Some(understood)) => doubted >= understood,
        _ => true,
    };
    let unknown = evidence.notices.iter().filter(|notice| meanings.of(&notice.event_type).is_none());
    let unknown = unknown.map(|notice| Doubt {
        source: "notice".to_owned(),
        reason: format!("the event type {} is not known", notice.event_type),
        observed_at: None,
    });
    let unpaid = story.live().next().is_none();
    let unmatched = |(settlement_id, gross): &(&str, Money)| {
        unpaid && !story.payments.iter().any(|payment| carries(payment, settlement_id, *gross))
    };
    let unexplained = sorted_lines(&evidence.settled).into_iter().filter(unmatched);
    let unexplained = unexplained.map(|(settlement_id, _)| Doubt {
        source: "settlement".to_owned(),
        reason: format!("the settlement {settlement_id} carries a payment that nothing else tells of"),
        observed_at: None,
    });
    let told = evidence.doubts.iter().filter(unsettled).cloned();
    let doubts: BTreeSet<Doubt> = told.chain(unknown).chain(unexplained).collect();
    doubts.into_iter().collect()
}
