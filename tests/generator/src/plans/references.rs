//! Orders and CIPs that meet by reference, in other accounts, or not without a person.

use crate::book::Book;
use crate::rows::{Order, Report};
use crate::time::{HOUR, MINUTE};

fn paid_order(book: &mut Book) -> (Order, Report) {
    let placed = book.order();
    let paid = book.pay_time(&placed);
    let order = placed.paid_at("paid", paid + MINUTE);
    let payment = book.payment(&order, paid);
    (order, payment)
}

/// Writes an agreeing pair and expects it.
fn agree(book: &mut Book, order: &Order, payment: &Report) {
    book.tell_order(order);
    book.tell_payment(payment);
    book.settle(Some(order), payment);
    book.expect("matched", "", order, Some(payment));
}

pub(super) const BY_REFERENCE: u64 = 4;

/// An order that meets its CIP under the reference.
pub(super) fn by_reference(book: &mut Book, variant: u64) {
    let (mut order, payment) = paid_order(book);
    match variant {
        // The order names another CIP, of which the provider says nothing.
        0 => order.cips = vec![book.cip()],
        _ => order.cips = Vec::new(),
    }
    agree(book, &order, &payment);
    match variant {
        // Two CIPs under the reference, both paid.
        2 => {
            let further = Report { cip: Some(book.cip()), ..book.paid_again(&payment, HOUR) };
            book.tell_payment(&further);
            book.settle(Some(&order), &further);
            book.expect_further(Some(&order), &further);
        }
        // Reported with its reference in one row alone: the CIP is a candidate under it all the same.
        3 => book.tell_portal(&Report { reference: None, ..payment }),
        _ => {}
    }
}

pub(super) const SAME_TWICE: u64 = 4;

/// Two orders that share a reference or a CIP number, and yet each meets its own.
pub(super) fn same_but_apart(book: &mut Book, variant: u64) {
    let (mut order, mut payment) = paid_order(book);
    book.start += 37 * MINUTE;
    let (mut twin, mut twin_payment) = paid_order(book);
    match variant {
        // One reference, two orders, a CIP each.
        0 => {
            (twin.account, twin.store) = (order.account, order.store);
            twin.reference.clone_from(&order.reference);
        }
        // References that differ in letter case alone, without CIPs.
        1 => {
            (twin.account, twin.store) = (order.account, order.store);
            twin.reference = order.reference.to_lowercase();
            order.cips = Vec::new();
            twin.cips = Vec::new();
        }
        // One CIP number in two accounts, and one reference in two accounts.
        _ => {
            (order.account, order.store) = ("1101", "miraflores");
            (twin.account, twin.store) = ("2202", "outlet");
            if variant == 2 {
                twin.cips.clone_from(&order.cips);
                twin_payment.cip = payment.cip;
            } else {
                twin.reference.clone_from(&order.reference);
                order.cips = Vec::new();
                twin.cips = Vec::new();
            }
        }
    }
    for (order, payment) in [(&order, &mut payment), (&twin, &mut twin_payment)] {
        (payment.account, payment.store) = (order.account, order.store);
        payment.reference = Some(order.reference.clone());
        agree(book, order, payment);
    }
}

pub(super) const AMBIGUOUS: u64 = 3;

/// Two orders that may both be meant: a person decides.
pub(super) fn ambiguous(book: &mut Book, variant: u64) {
    let (mut order, payment) = paid_order(book);
    let mut twin = Order { created: order.created + 19 * MINUTE, ..order.clone() };
    if variant == 0 {
        // One reference, no CIP on either.
        order.cips = Vec::new();
        twin.cips = Vec::new();
    } else {
        // One CIP on both.
        twin.reference = format!("{}-B", order.reference);
    }
    book.tell_order(&order);
    book.tell_order(&twin);
    // A shared CIP is ambiguous with or without a row of the provider.
    if variant != 2 {
        book.tell_payment(&payment);
        let mut pair = book.pair(Some(&order), &payment);
        pair.untold.order = true;
        book.settle_pair(pair, &payment);
    }
    book.expect_ambiguous(&order);
    book.expect_ambiguous(&twin);
}
