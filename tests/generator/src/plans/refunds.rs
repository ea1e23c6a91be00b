//! Refunds in part, as either side states them.

use crate::book::Book;
use crate::key::KeyRow;
use crate::rows::{Order, Report};
use crate::time::{DAY, HOUR, MINUTE};

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

pub(super) const UNPAID: u64 = 6;

/// Money that shop or provider says went back, and that neither a batch nor the bank shows.
pub(super) fn unpaid(book: &mut Book, variant: u64) {
    let placed = book.large_order();
    let paid = book.pay_time(&placed);
    let part = book.chance.between(500, 2_000);
    let status = if matches!(variant, 0 | 3 | 4) { "refunded" } else { "paid" };
    let decided = paid + book.chance.between(HOUR, DAY);
    let mut order = placed.paid_at(status, paid + MINUTE);
    order.updated = (variant != 2).then_some(decided);
    order.refunded = matches!(variant, 1 | 5).then_some(part);
    let payment = book.payment(&order, paid);
    if matches!(variant, 0 | 2 | 4) {
        let back = book.taken_back(&payment, "refunded");
        book.tell_report(&back);
    }
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    let (class, reason) = match variant {
        2 => ("status_mismatch", "refund_not_recorded"),
        3 => ("status_mismatch", "refund_not_done"),
        _ => ("matched", ""),
    };
    book.expect(class, reason, &order, Some(&payment));
    let unresolvable = variant == 4;
    match variant {
        // The transfer names a CIP, and it is not this one.
        4 => {
            let stranger = Order { cips: vec![book.cip()], ..order.clone() };
            book.give_back_by_bank(&stranger, payment.minor, decided);
        }
        // The transfer names the order and not the CIP: that is enough.
        5 => return book.give_back_by_reference(&order, part, decided),
        _ => {}
    }
    let row = Book::of_payment("refund_unpaid", Some(&order), &payment);
    book.note(KeyRow { unresolvable, ..row });
}
