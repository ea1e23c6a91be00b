//! Amounts and currencies that differ.

use crate::book::Book;
use crate::rows::Report;
use crate::time::{DAY, END, MINUTE};

/// Céntimos over and under the order, around the tolerance of 0.05.
const AROUND_TOLERANCE: [(i64, &str); 8] = [
    (1, "matched_within_tolerance"),
    (4, "matched_within_tolerance"),
    (5, "matched_within_tolerance"),
    (6, "amount_mismatch"),
    (-1, "matched_within_tolerance"),
    (-4, "matched_within_tolerance"),
    (-5, "matched_within_tolerance"),
    (-6, "amount_mismatch"),
];

pub(super) const TOLERANCES: u64 = 8;

/// A payment a few céntimos over or under the order.
pub(super) fn tolerance(book: &mut Book, variant: u64) {
    let index = usize::try_from(variant).unwrap_or(0);
    let Some((difference, class)) = AROUND_TOLERANCE.get(index).copied() else { return };
    let placed = book.order();
    let paid = book.pay_time(&placed);
    let order = placed.paid_at("paid", paid);
    let payment = Report { minor: order.minor + difference, ..book.payment(&order, paid) };
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    book.expect(class, "", &order, Some(&payment));
}

pub(super) const MISMATCHES: u64 = 6;

/// An amount or a currency that is plainly another: on a payment, on a CIP that is still payable, on one that is not.
pub(super) fn mismatch(book: &mut Book, variant: u64) {
    let placed = book.large_order();
    let paid = book.pay_time(&placed);
    let off = book.chance.between(100, 4_000);
    let off = if book.chance.percent(50) { off } else { -off };
    let told = placed.clone().paid_at("paid", paid);
    let (order, class) = match variant {
        0 => (told, "amount_mismatch"),
        // The shop has not heard of the payment; the amount speaks before the status.
        1 | 2 => (placed, "amount_mismatch"),
        3 => (told, "currency_mismatch"),
        // Both differ: the currency speaks first.
        4 => (told, "currency_mismatch"),
        _ => (placed, "currency_mismatch"),
    };
    let row = if matches!(variant, 2 | 5) {
        Report { expires: Some(END + 3 * DAY), ..book.snapshot(&order, "pending", paid) }
    } else {
        book.payment(&order, paid)
    };
    let minor = if matches!(variant, 0 | 1 | 2 | 4) { row.minor + off } else { row.minor };
    let currency = if variant >= 3 { row.currency.other() } else { row.currency };
    let row = Report { minor, currency, ..row };
    book.tell_order(&order);
    book.tell_report(&row);
    if row.paid.is_some() {
        book.announce(&row);
        book.settle(Some(&order), &row);
    }
    book.expect(class, "", &order, Some(&row));
}

/// A dead CIP's amount is not held against the order.
pub(super) fn dead_cip(book: &mut Book, variant: u64) {
    let mut order = book.order();
    let (told, over) = match variant {
        0 => ("expired", order.expires.unwrap_or(order.created) + MINUTE),
        _ => ("removed", order.created + MINUTE),
    };
    order.status = book.chance.pick("pending", &["cancelled"]);
    let row = book.snapshot(&order, told, over);
    let row = Report { minor: row.minor + 700, ..row };
    book.tell_order(&order);
    book.tell_report(&row);
    book.expect("unpaid", "", &order, Some(&row));
}
