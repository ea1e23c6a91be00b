//! Payments around the expiry in force.

use crate::book::Book;
use crate::rows::{Order, Report};
use crate::time::{DAY, HOUR, MINUTE};

pub(super) const EXPIRIES: u64 = 11;

/// In time at the expiry itself, late a second after; whose expiry and whose payment time count.
pub(super) fn expiry(book: &mut Book, variant: u64) {
    let mut placed = book.order();
    let expires = placed.created + DAY;
    placed.expires = Some(expires);
    let (paid, class) = match variant {
        0 => (Some(expires), "matched"),
        1..=3 => (Some(expires + 1), "late_payment"),
        4 => (Some(expires + book.chance.between(1, 20) * HOUR), "late_payment"),
        // The provider extended the CIP; then the provider shortened it.
        5 => (Some(expires + HOUR), "matched"),
        6 => (Some(expires - HOUR), "late_payment"),
        // The provider gives no payment time: the order's counts, else nothing is late.
        7 => (None, "late_payment"),
        8 | 9 => (None, "matched"),
        // Nobody knows an expiry.
        _ => (Some(expires + DAY), "matched"),
    };
    let mut order = told(&placed, variant, paid, expires);
    let mut payment = book.payment(&order, paid.unwrap_or(expires - MINUTE));
    payment.paid = paid;
    // The expiry in force is the order's, unless the provider's rows tell another.
    payment.expires = None;
    if matches!(variant, 3 | 4) {
        payment.expires = Some(expires);
        order.expires = None;
    }
    if let Some(seen) = seen(book, &order, variant, expires) {
        book.tell_report(&seen);
    }
    if variant == 10 {
        order.expires = None;
    }
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    book.expect(class, "", &order, Some(&payment));
}

/// What the shop says: it mostly knows of the payment, and once gave the order up.
fn told(placed: &Order, variant: u64, paid: Option<i64>, expires: i64) -> Order {
    match variant {
        2 => Order { status: "expired", ..placed.clone() },
        3 => placed.clone(),
        7 => placed.clone().paid_at("paid", expires + 1),
        8 => placed.clone().paid_at("paid", expires),
        9 => Order { status: "paid", ..placed.clone() },
        _ => placed.clone().paid_at("paid", paid.unwrap_or(expires) + MINUTE),
    }
}

/// A look at the CIP before it was paid, with an expiry other than the order's.
fn seen(book: &mut Book, order: &Order, variant: u64, expires: i64) -> Option<Report> {
    let other = match variant {
        5 => expires + DAY,
        6 => expires - 2 * HOUR,
        _ => return None,
    };
    Some(Report { expires: Some(other), ..book.snapshot(order, "pending", order.created + HOUR) })
}
