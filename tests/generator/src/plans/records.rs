//! Rows told twice, superseded, or in conflict with each other.

use crate::book::Book;
use crate::rows::{Notice, Order, Report};
use crate::time::{DAY, HOUR, MINUTE};

fn paid_order(book: &mut Book) -> (Order, Report) {
    let placed = book.large_order();
    let paid = book.pay_time(&placed);
    let order = placed.paid_at("paid", paid + MINUTE);
    let payment = book.payment(&order, paid);
    (order, payment)
}

pub(super) const REPEATED: u64 = 7;

/// Rows that say again what another said: nothing follows.
pub(super) fn repeated(book: &mut Book, variant: u64) {
    let (order, mut payment) = paid_order(book);
    let sparse = Report { fees: false, expires: None, created: None, ..payment.clone() };
    book.tell_order(&order);
    match variant {
        0 => book.tell_order(&order),
        // The same values in another spelling.
        1 => book.tell_order(&Book::respelled(&order)),
        2 => book.tell_report(&payment),
        // A row that adds fields to another, and one that only repeats the operation.
        3 => book.tell_report(&sparse),
        4 => book.tell_report(&Report { operation: None, ..sparse }),
        5 => book.tell_portal(&sparse),
        _ => payment.reference = None,
    }
    book.tell_report(&payment);
    book.settle(Some(&order), &payment);
    if let Some(cip) = payment.cip {
        let notice = book.notice(&payment, cip);
        book.tell_notice(&notice);
        if variant == 6 {
            book.tell_notice(&Notice { received: notice.received + 90, ..notice.clone() });
            book.tell_notice(&notice);
        }
    }
    book.expect("matched", "", &order, Some(&payment));
}

pub(super) const SUPERSEDED: u64 = 5;

/// An older row beside the one that counts.
pub(super) fn superseded(book: &mut Book, variant: u64) {
    let (mut order, payment) = paid_order(book);
    let paid = order.paid.unwrap_or(order.created);
    match variant {
        0 => {
            order.updated = Some(paid + MINUTE);
            book.tell_order(&Order { updated: Some(order.created), ..unpaid(&order) });
        }
        // A row without a time of change is older than any that has one.
        1 => {
            book.tell_order(&unpaid(&order));
            order.updated = Some(paid + MINUTE);
        }
        // The amount changed before anybody paid.
        2 => {
            let changed = Order { updated: Some(order.created + 30), ..unpaid(&order) };
            book.tell_order(&Order {
                minor: order.minor + 1_000,
                updated: Some(order.created),
                ..changed.clone()
            });
            book.tell_order(&changed);
            order.updated = Some(paid + MINUTE);
        }
        // Looks at the CIP before the payment, and one after it that says expired and changes nothing.
        3 => {
            for observed in [order.created + 30, order.created + 60] {
                let seen = book.snapshot(&order, "pending", observed);
                book.tell_report(&seen);
            }
        }
        _ => {
            let seen = book.snapshot(&order, "expired", paid + 3 * DAY);
            book.tell_report(&seen);
        }
    }
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    book.expect("matched", "", &order, Some(&payment));
}

fn unpaid(order: &Order) -> Order {
    Order { status: "pending", paid: None, fulfilled: None, ..order.clone() }
}

pub(super) const ORDER_CONFLICTS: u64 = 5;

/// Two rows of one order that cannot both be right. Of the two the smaller amount stands, times being equal.
pub(super) fn order_conflict(book: &mut Book, variant: u64) {
    let (mut order, payment) = paid_order(book);
    let paid = order.paid.unwrap_or(order.created);
    let mut other = order.clone();
    match variant {
        0 => other.minor += 500,
        1 => other.status = "cancelled",
        2 => {
            order.updated = Some(paid + HOUR);
            other = Order { minor: order.minor + 700, ..order.clone() };
        }
        // The amount was changed after the payment.
        3 => {
            order.updated = Some(paid + HOUR);
            other = Order { minor: order.minor + 900, updated: Some(order.created), ..unpaid(&order) };
        }
        // In conflict, and paid twice besides.
        _ => {
            other.minor += 300;
            let further = book.paid_again(&payment, HOUR);
            book.tell_payment(&further);
            book.settle(Some(&order), &further);
            book.expect_further(Some(&order), &further);
        }
    }
    book.tell_order(&other);
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    book.expect("conflicting_record", "", &order, Some(&payment));
}

pub(super) const REPORT_CONFLICTS: u64 = 6;

/// Two rows of the provider about one thing that cannot both be right.
pub(super) fn report_conflict(book: &mut Book, variant: u64) {
    let (order, payment) = paid_order(book);
    let more = Report { minor: payment.minor + 400, ..payment.clone() };
    if variant != 5 {
        book.tell_order(&order);
    }
    book.tell_payment(&payment);
    book.settle(Some(&order).filter(|_| variant != 5), &payment);
    match variant {
        0 => book.tell_report(&more),
        // One operation at two times: the earlier stands.
        1 => book.tell_report(&Report { paid: payment.paid.map(|paid| paid + HOUR), ..payment.clone() }),
        // Two channels disagree.
        2 => book.tell_portal(&more),
        3 => book.tell_portal(&Report {
            currency: payment.currency.other(),
            minor: more.minor,
            ..payment.clone()
        }),
        // The CIP is seen with another amount after it was paid.
        4 => {
            let seen = book.snapshot(&order, "expired", order.created + 4 * DAY);
            book.tell_report(&Report { minor: more.minor, ..seen });
        }
        _ => book.tell_report(&more),
    }
    if variant == 5 {
        book.expect_alone("conflicting_record", &payment);
    } else {
        book.expect("conflicting_record", "", &order, Some(&payment));
    }
}

pub(super) const LOOKS: u64 = 2;

/// Two looks at one moment that contradict each other: a conflict, until a newer look speaks.
pub(super) fn contradicting_looks(book: &mut Book, variant: u64) {
    let order = book.order();
    let at = order.created + HOUR;
    book.tell_order(&order);
    for status in ["pending", "removed"] {
        let seen = book.snapshot(&order, status, at);
        book.tell_report(&seen);
        if variant == 0 && status == "pending" {
            book.expect("conflicting_record", "", &order, Some(&seen));
        }
    }
    if variant == 1 {
        let newer = book.snapshot(&order, "removed", at + HOUR);
        book.tell_report(&newer);
        book.expect("unpaid", "", &order, Some(&newer));
    }
}
