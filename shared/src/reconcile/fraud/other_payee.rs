//! `refund_to_other_payee`: refunds that went to somebody else than the one who paid.
//!
//! A refund to the clerk's own account, or to whoever took a shopper's account over. Families pay for each other: a
//! single one may be right, several to one payee seldom are.

use std::collections::HashMap;

use super::super::class::Reason;
use super::super::line::Line;
use super::super::orders::OrderView;
use super::finding::{names, order_line, order_name};
use crate::config::fraud::Fraud;
use crate::lifecycle::evidence::OrderRow;

/// Whether an order was refunded to another than its payer.
pub(super) fn went_elsewhere(row: &OrderRow<'_>) -> bool {
    let (payee, payer) = (row.refund_payee_id.as_deref(), row.payer_id.as_deref());
    payee.zip(payer).is_some_and(|(payee, payer)| payee != payer)
}

/// Account and payee of an order that was refunded to another than its payer.
fn payee<'o>(fraud: &Fraud, row: &'o OrderRow<'_>) -> Option<(&'o str, &'o str)> {
    let payee = row.refund_payee_id.as_deref().filter(|_| went_elsewhere(row))?;
    let looks = fraud.of(&row.account).refund_to_other_payee.enabled;
    looks.then_some((row.account.as_ref(), payee))
}

/// One finding for each order, so that it keeps its identity whatever else is refunded to the same payee.
pub(super) fn findings(fraud: &Fraud, orders: &[OrderView<'_, '_>]) -> Vec<Line> {
    let mut by_payee: HashMap<(&str, &str), Vec<&OrderView<'_, '_>>> = HashMap::new();
    for order in orders {
        if let Some(key) = payee(fraud, order.row()) {
            by_payee.entry(key).or_default().push(order);
        }
    }
    let mut lines = Vec::new();
    for ((account, _), orders) in by_payee {
        let least = fraud.of(account).refund_to_other_payee.orders_min;
        if usize::try_from(least).is_ok_and(|least| orders.len() >= least) {
            // The orders come by account, reference and creation, and so do their names.
            let all = names(orders.iter().map(|order| order_name(order.row())));
            lines.extend(orders.iter().map(|order| line(order, &all)));
        }
    }
    lines
}

fn line(order: &OrderView<'_, '_>, all: &str) -> Line {
    let row = order.row();
    let mut line = order_line(row, Reason::RefundToOtherPayee, order.settled.speaker);
    line.value_minor = row.refunded_minor.unwrap_or(row.amount.minor);
    let refunded_at = row.updated_at.map(|time| format!("; refunded_by={time}")).unwrap_or_default();
    line.differences = format!("refunds_to_this_payee={all}{refunded_at}");
    line
}
