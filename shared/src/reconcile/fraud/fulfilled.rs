//! `fulfilled_before_paid`: goods that left before the payment that stands for them.
//!
//! Somebody shipped on a voucher, on trust, or in league with the shopper; that the money came in the end does not undo
//! it. Goods that left and were never paid are a break of their own.

use super::super::class::Reason;
use super::super::line::Line;
use super::super::orders::OrderView;
use super::finding::order_line;
use crate::calendar::Instant;
use crate::config::fraud::Fulfilled;
use crate::lifecycle::cip::CipView;
use crate::lifecycle::operations::Operation;

/// Whether goods that left at a time left before the payment at another.
pub(super) fn is_early(rule: Fulfilled, fulfilled_at: Instant, paid_at: Instant) -> bool {
    rule.enabled && paid_at > fulfilled_at.plus_minutes(rule.minutes_over)
}

/// Looks at an order that is alone in its group, and at the CIPs of the group.
pub(super) fn finding<'c, 'r: 'c, 'a: 'r>(
    rule: Fulfilled,
    order: &OrderView<'_, '_>,
    cips: impl Iterator<Item = &'c CipView<'r, 'a>>,
) -> Option<Line> {
    let row = order.row();
    let fulfilled_at = row.fulfilled_at.filter(|_| rule.enabled)?;
    let live = cips.flat_map(|cip| cip.live().map(move |operation| (cip, operation)));
    // Of equal payments of different CIPs the smaller CIP's, as for the pair.
    let by_payment = |a: &(&CipView<'_, '_>, &Operation<'_, '_>),
                      b: &(&CipView<'_, '_>, &Operation<'_, '_>)| {
        a.1.compare(b.1).then_with(|| a.0.key.cmp(&b.0.key))
    };
    let (cip, operation) = live.min_by(by_payment)?;
    let paid_at = operation.paid_at()?;
    if !is_early(rule, fulfilled_at, paid_at) {
        return None;
    }
    let mut line = order_line(row, Reason::FulfilledBeforePaid, order.settled.speaker);
    if let Some(number) = cip.key.cip() {
        line.cip = number.to_string();
    }
    line.operation_number = operation.number().unwrap_or_default().to_owned();
    line.report_minor = operation.money().map(|money| money.minor);
    line.report_currency = operation.money().map_or(line.report_currency, |money| money.currency);
    line.differences = format!("fulfilled_at={fulfilled_at}; paid_at={paid_at}");
    line.business_day = Some(paid_at.business_day());
    line.rows.reports.extend(operation.speaker().map(|settled| settled.speaker));
    Some(line)
}
