//! Every cell of the order × provider table.

use crate::book::Book;
use crate::rows::{Order, Report};
use crate::time::{DAY, END, HOUR, MINUTE};

/// Rows of the table.
const ORDER_ROWS: [Option<&str>; 7] = [
    Some("pending"),
    Some("paid"),
    Some("fulfilled"),
    Some("cancelled"),
    Some("expired"),
    Some("refunded"),
    None,
];

/// Columns of the table, those apart that two provider states share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Nothing,
    Pending,
    Paid,
    Expired,
    Removed,
    Reversed,
    Refunded,
}

const COLUMNS: [Column; 7] = [
    Column::Nothing,
    Column::Pending,
    Column::Paid,
    Column::Expired,
    Column::Removed,
    Column::Reversed,
    Column::Refunded,
];

/// How many variants [`cell`] has.
pub(super) const CELLS: u64 = 49;

/// One cell; the variant counts through the rows and, inside each, through the columns.
pub(super) fn cell(book: &mut Book, variant: u64) {
    let position = |number: u64| usize::try_from(number).unwrap_or(0);
    let Some(status) = ORDER_ROWS.get(position(variant.div_euclid(7))).copied() else { return };
    let Some(column) = COLUMNS.get(position(variant.rem_euclid(7))).copied() else { return };
    let placed = book.order();
    let paid = book.pay_time(&placed);
    let report = tell_provider(book, &placed, column, paid);
    let (class, reason) = expected(status, column);
    pay_out(book, status, status.map(|_| &placed), column, report.as_ref());
    match (status, report) {
        (Some(status), report) => {
            let order = ordered(&placed, status, paid);
            book.tell_order(&order);
            book.expect(class, reason, &order, report.as_ref());
        }
        (None, Some(report)) => book.expect_alone(class, &report),
        (None, None) => {}
    }
}

/// What comes of the money, so that no refund is owed: what the shop or the provider calls refunded has gone back.
fn pay_out(
    book: &mut Book,
    status: Option<&str>,
    order: Option<&Order>,
    column: Column,
    report: Option<&Report>,
) {
    let refunded = status == Some("refunded");
    match (column, report) {
        (Column::Paid, Some(payment)) if !refunded => {
            book.settle(order, payment);
        }
        (Column::Paid | Column::Refunded, Some(payment)) => {
            book.settle_and_refund(order, payment, payment.minor);
        }
        (Column::Reversed, Some(payment)) if refunded => {
            book.settle_and_take(order, payment, "reversal", payment.minor);
        }
        (Column::Reversed, Some(payment)) => book.reverse(order, payment),
        // The shop says that it gave back what the provider never saw.
        (_, _) if refunded => {
            if let Some(order) = order {
                book.give_back_by_bank(order, order.minor, book.start + 2 * DAY);
            }
        }
        _ => {}
    }
}

/// The order as a shop with this status tells it.
fn ordered(placed: &Order, status: &'static str, paid: i64) -> Order {
    match status {
        "paid" | "fulfilled" | "refunded" => placed.clone().paid_at(status, paid + 30),
        _ => Order { status, ..placed.clone() },
    }
}

/// Writes what the provider says and returns the row that stands for it.
fn tell_provider(book: &mut Book, order: &Order, column: Column, paid: i64) -> Option<Report> {
    match column {
        Column::Nothing => None,
        Column::Pending => {
            // Still payable: the provider's expiry lies beyond the end, whatever the shop thinks.
            let later = Some(END + book.chance.between(1, 20) * DAY);
            let seen = Report { expires: later, ..book.snapshot(order, "pending", paid) };
            book.tell_report(&seen);
            Some(seen)
        }
        Column::Expired => {
            let over = order.expires.unwrap_or(paid);
            // A pending row whose time has run out says the same as one that says expired.
            let seen = if book.chance.percent(50) {
                book.snapshot(order, "expired", over + MINUTE)
            } else {
                book.snapshot(order, "pending", order.created + MINUTE)
            };
            book.tell_report(&seen);
            Some(seen)
        }
        Column::Removed => {
            let seen = book.snapshot(order, "removed", paid);
            book.tell_report(&seen);
            Some(seen)
        }
        Column::Paid => {
            let payment = book.payment(order, paid);
            book.tell_payment(&payment);
            Some(payment)
        }
        Column::Reversed => Some(taken_back(book, order, "reversed", paid)),
        Column::Refunded => Some(taken_back(book, order, "refunded", paid)),
    }
}

/// A payment and what took it back: a row with its number, a row without, or (an extorno only) the CIP seen pending.
fn taken_back(book: &mut Book, order: &Order, status: &'static str, paid: i64) -> Report {
    let payment = book.payment(order, paid);
    book.tell_payment(&payment);
    let back = book.taken_back(&payment, status);
    match book.chance.below(3) {
        0 => book.tell_report(&back),
        1 => book.tell_report(&Report { operation: None, ..back }),
        _ if status == "reversed" => {
            let seen = book.snapshot(order, "pending", paid + HOUR);
            book.tell_report(&Report { expires: Some(paid + 3 * DAY), ..seen });
        }
        _ => book.tell_report(&Report { refunded: Some(payment.minor), ..back }),
    }
    payment
}

/// Section 4.1's table, as it stands there. Each leg is silent for longer than its grace.
fn expected(status: Option<&str>, column: Column) -> (&'static str, &'static str) {
    use Column::{Expired, Nothing, Paid, Pending, Refunded, Removed, Reversed};
    let status_mismatch = |reason| ("status_mismatch", reason);
    match (status, column) {
        (Some("pending"), Nothing | Pending | Expired | Removed | Reversed) => ("unpaid", ""),
        (Some("pending"), Paid) => status_mismatch("paid_not_recorded"),
        (Some("pending"), Refunded) => status_mismatch("refund_not_recorded"),

        (Some("paid" | "fulfilled"), Nothing) => ("missing_at_provider", ""),
        (Some("paid" | "fulfilled"), Pending | Expired | Removed) => status_mismatch("claimed_unpaid"),
        (Some("paid" | "fulfilled"), Paid) => ("matched", ""),
        (Some("paid" | "fulfilled"), Reversed) => status_mismatch("reversed_not_recorded"),
        (Some("paid" | "fulfilled"), Refunded) => status_mismatch("refund_not_recorded"),

        (Some("cancelled" | "expired"), Nothing | Expired | Removed | Reversed) => ("unpaid", ""),
        (Some("cancelled" | "expired"), Pending) => status_mismatch("still_payable"),
        (Some("cancelled" | "expired"), Paid) => status_mismatch("paid_not_recorded"),
        (Some("cancelled" | "expired"), Refunded) => ("matched", ""),

        (Some(_), Nothing) => ("missing_at_provider", ""),
        (Some(_), Pending | Expired | Removed) => status_mismatch("claimed_unpaid"),
        (Some(_), Paid) => status_mismatch("refund_not_done"),
        (Some(_), Reversed | Refunded) => ("matched", ""),

        (None, Nothing | Pending | Expired | Removed) => ("unpaid", ""),
        (None, Paid | Reversed | Refunded) => ("missing_order", ""),
    }
}
