//! Refunds in part, as either side states them.

use crate::book::Book;
use crate::rows::Report;
use crate::time::MINUTE;

pub(super) const PARTS: u64 = 11;

/// One order and one payment of which a part went back, or was said to.
pub(super) fn part(book: &mut Book, variant: u64) {
    let placed = book.large_order();
    let paid = book.pay_time(&placed);
    let part = book.chance.between(500, 2_000);
    let other = part + book.chance.between(6, 900);
    // The shop's status and part, the provider's part, and what follows from them.
    let (status, by_order, by_provider, reason) = match variant {
        0 => ("paid", None, Some(part), "refund_not_recorded"),
        1 => ("fulfilled", None, Some(part), "refund_not_recorded"),
        2 => ("pending", None, Some(part), "refund_not_recorded"),
        3 => ("paid", Some(part), Some(part), ""),
        4 => ("fulfilled", Some(part), Some(part), ""),
        5 => ("refunded", Some(part), Some(part), ""),
        6 => ("paid", Some(part), Some(other), "refund_amount_differs"),
        7 => ("refunded", Some(other), Some(part), "refund_amount_differs"),
        // A part that only the order states leaves the cell as it is.
        8 => ("paid", Some(part), None, ""),
        9 => ("refunded", Some(part), None, "refund_not_done"),
        // The provider gave all of it back and says so.
        _ => ("refunded", Some(part), Some(placed.minor), "refund_amount_differs"),
    };
    let mut order = match status {
        "pending" => placed,
        _ => placed.paid_at(status, paid + MINUTE),
    };
    order.refunded = by_order;
    let mut payment = book.payment(&order, paid);
    // The part may stand on the payment's own row, or on a row of its own under the same number.
    if variant == 1 {
        payment.refunded = by_provider;
    } else if by_provider.is_some() {
        let back = Report { refunded: by_provider, ..book.taken_back(&payment, "refunded") };
        book.tell_report(&back);
    }
    book.tell_order(&order);
    book.tell_payment(&payment);
    let given_back = by_provider.or(by_order).unwrap_or(payment.minor);
    book.settle_and_refund(Some(&order), &payment, given_back);
    let class = if reason.is_empty() { "matched" } else { "status_mismatch" };
    book.expect(class, reason, &order, Some(&payment));
}
