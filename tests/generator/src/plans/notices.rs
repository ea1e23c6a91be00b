//! Notices beside the pair: lost, never confirmed, and others that change nothing.

use crate::book::Book;
use crate::key::KeyRow;
use crate::rows::{Notice, Order, Report};
use crate::time::{DAY, END, HOUR, MINUTE};

fn paid_order(book: &mut Book) -> (Order, Report) {
    let placed = book.order();
    let paid = book.pay_time(&placed);
    let order = placed.paid_at("paid", paid + MINUTE);
    let payment = book.payment(&order, paid);
    book.tell_order(&order);
    book.tell_report(&payment);
    book.settle(Some(&order), &payment);
    book.expect("matched", "", &order, Some(&payment));
    (order, payment)
}

fn expect_missing(book: &mut Book, order: &Order, payment: &Report) {
    book.note(KeyRow {
        class: "missing_notice",
        account: order.account,
        reference: order.reference.clone(),
        cip: payment.cip_text(),
        operation: payment.operation.clone().unwrap_or_default(),
        currency: Some(order.currency),
        report_minor: Some(payment.minor),
        ..KeyRow::default()
    });
}

fn expect_unconfirmed(book: &mut Book, order: Option<&Order>, notice: &Notice) {
    book.note(KeyRow {
        class: "unconfirmed_notice",
        account: notice.account,
        reference: order.map(|order| order.reference.clone()).unwrap_or_default(),
        cip: notice.cip.to_string(),
        operation: notice.operation.clone().unwrap_or_default(),
        currency: Some(order.map_or(notice.currency, |order| order.currency)),
        ..KeyRow::default()
    });
}

pub(super) const LOST: u64 = 2;

/// A payment that no notice announced.
pub(super) fn lost(book: &mut Book, variant: u64) {
    let (order, payment) = paid_order(book);
    if variant == 0 {
        return expect_missing(book, &order, &payment);
    }
    // Paid twice, and only the first was announced: with numbers on both, a notice announces its own payment alone.
    let further = book.paid_again(&payment, HOUR);
    book.tell_report(&further);
    book.settle(Some(&order), &further);
    book.announce(&payment);
    book.expect_further(Some(&order), &further);
    expect_missing(book, &order, &further);
}

pub(super) const FORGED: u64 = 2;

/// A signed notice of a payment that no report confirms.
pub(super) fn forged(book: &mut Book, variant: u64) {
    match variant {
        // Nobody has paid this CIP.
        0 => {
            let order = book.order();
            let paid = book.pay_time(&order);
            let claimed = book.payment(&order, paid);
            let far = Some(END + DAY);
            let seen = Report { expires: far, ..book.snapshot(&order, "pending", paid + DAY) };
            book.tell_order(&order);
            book.tell_report(&seen);
            book.expect("unpaid", "", &order, Some(&seen));
            forge(book, Some(&order), &claimed);
        }
        // A second payment of a CIP that was paid once.
        _ => {
            let (order, payment) = paid_order(book);
            book.announce(&payment);
            let claimed = book.paid_again(&payment, 2 * HOUR);
            forge(book, Some(&order), &claimed);
        }
    }
}

/// A signed notice of a CIP that nobody knows.
pub(super) fn forged_for_nobody(book: &mut Book) {
    let stranger = book.order();
    let claimed = book.payment(&stranger, stranger.created + HOUR);
    forge(book, None, &claimed);
}

/// Writes the notice of a payment that did not happen; told twice, it is still one break.
fn forge(book: &mut Book, order: Option<&Order>, claimed: &Report) {
    let Some(cip) = claimed.cip else { return };
    let notice = book.notice(claimed, cip);
    book.tell_notice(&notice);
    if book.chance.percent(50) {
        book.tell_notice(&Notice { received: notice.received + 5 * MINUTE, ..notice.clone() });
    }
    expect_unconfirmed(book, order, &notice);
}

pub(super) const HARMLESS: u64 = 3;

/// Notices from which nothing follows.
pub(super) fn harmless(book: &mut Book, variant: u64) {
    let (order, payment) = paid_order(book);
    let Some(cip) = payment.cip else { return };
    let notice = book.notice(&payment, cip);
    match variant {
        // Without a number, the notice announces the CIP's payment.
        0 => book.tell_notice(&Notice { operation: None, ..notice }),
        // Another event of the CIP announces no payment, and asks for none.
        1 => {
            book.tell_notice(&Notice {
                event_type: "cip.expired",
                operation: None,
                paid: None,
                ..notice.clone()
            });
            book.tell_notice(&notice);
        }
        // Delivered after a day.
        _ => book.tell_notice(&Notice { received: order.created + 3 * DAY, ..notice }),
    }
}
