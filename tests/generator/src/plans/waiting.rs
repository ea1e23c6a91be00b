//! Pairs on which one side may still speak.

use crate::book::Book;
use crate::rows::{Order, Report};
use crate::time::{DAY, END, HOUR, MINUTE};

/// Those with an order; the next variant is a payment that no order expects yet.
pub(super) const WAITING: u64 = 7;

/// The other side has not been silent for its grace: not a break yet.
pub(super) fn waiting(book: &mut Book, variant: u64) {
    let placed = book.order();
    let paid = book.chance.between(placed.created + MINUTE, END - 4 * HOUR - MINUTE);
    let told = |status| placed.clone().paid_at(status, paid + 30);
    let (order, report) = match variant {
        0 => (Some(told("paid")), None),
        1 => (Some(told("refunded")), None),
        2 => {
            let far = Some(END + 2 * DAY);
            let order = told("fulfilled");
            let seen = Report { expires: far, ..book.snapshot(&order, "pending", paid + MINUTE) };
            book.tell_report(&seen);
            (Some(order), Some(seen))
        }
        _ => (None, Some(tell_payment(book, &placed, variant, paid))),
    };
    let order = order.or(match variant {
        3 => Some(placed.clone()),
        4 | 5 => Some(told("paid")),
        6 => Some(told("refunded")),
        _ => None,
    });
    match (order, report) {
        (Some(order), report) => {
            book.tell_order(&order);
            book.expect("open", "", &order, report.as_ref());
        }
        (None, Some(report)) => book.expect_alone("open", &report),
        (None, None) => {}
    }
}

/// A payment that the shop may not have recorded, reversed, refunded or even ordered yet.
fn tell_payment(book: &mut Book, placed: &Order, variant: u64, paid: i64) -> Report {
    let payment = book.payment(placed, paid);
    book.tell_payment(&payment);
    let back = match variant {
        4 => Some(book.taken_back(&payment, "reversed")),
        5 => Some(book.taken_back(&payment, "refunded")),
        _ => None,
    };
    let order = (variant < WAITING).then_some(placed);
    if let Some(back) = back {
        book.tell_report(&back);
        // What was given back before it was paid out is not paid out.
        book.never_settle(order, &payment);
    } else {
        book.settle(order, &payment);
    }
    payment
}

pub(super) const BOUNDARIES: u64 = 4;

/// A leg is inside its grace while `covered_until` < start + 24 hours: at exactly 24 hours it has been silent too long.
pub(super) fn boundary(book: &mut Book, variant: u64) {
    let start = END - DAY + i64::from(variant.rem_euclid(2) == 1);
    book.start = start - HOUR;
    let placed = book.order();
    if variant < 2 {
        let order = placed.paid_at("paid", start);
        let class = if variant == 0 { "missing_at_provider" } else { "open" };
        book.tell_order(&order);
        book.expect(class, "", &order, None);
    } else {
        let payment = book.payment(&placed, start);
        let (class, reason) =
            if variant == 2 { ("status_mismatch", "paid_not_recorded") } else { ("open", "") };
        book.tell_order(&placed);
        book.tell_payment(&payment);
        book.settle(Some(&placed), &payment);
        book.expect(class, reason, &placed, Some(&payment));
    }
}

/// In the last hours a pair that agrees agrees, and nothing need be waited for.
pub(super) fn recent(book: &mut Book, variant: u64) {
    let placed = book.order();
    let paid = book.chance.between(placed.created + MINUTE, END - 4 * HOUR);
    if variant == 0 {
        book.tell_order(&placed);
        book.expect("unpaid", "", &placed, None);
    } else {
        let order = placed.paid_at("paid", paid);
        let payment = book.payment(&order, paid);
        book.tell_order(&order);
        book.tell_payment(&payment);
        book.settle(Some(&order), &payment);
        book.expect("matched", "", &order, Some(&payment));
    }
}
