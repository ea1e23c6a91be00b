//! CIPs and orders with several payments, and payments that came and went.

use crate::book::Book;
use crate::rows::{Order, Report};
use crate::time::{DAY, END, HOUR, MINUTE};

/// A paid order of which nothing is written yet, and its first payment.
fn paid_order(book: &mut Book) -> (Order, Report) {
    let mut placed = book.order();
    // Long enough that a second payment, should it be the one that stands, is in time.
    placed.expires = Some(placed.created + 5 * DAY);
    let paid = book.pay_time(&placed);
    let order = placed.paid_at("paid", paid + MINUTE);
    let payment = book.payment(&order, paid);
    (order, payment)
}

pub(super) const TWICE: u64 = 5;

/// One CIP paid more than once: the earliest stands, every further one is a break of its own.
pub(super) fn twice(book: &mut Book, variant: u64) {
    let (order, mut payment) = paid_order(book);
    let mut further = vec![book.paid_again(&payment, 20 * MINUTE)];
    match variant {
        // Equal times: the shorter number comes first, though its text is the larger.
        0 => {
            let number = book.operation();
            payment.operation = Some(format!("9{number}"));
            let operation = Some(format!("10{number}"));
            further = vec![Report { operation, provider_id: None, ..payment.clone() }];
        }
        1 => further.push(book.paid_again(&payment, 3 * HOUR)),
        // Without numbers, other times are other payments.
        2 => {
            payment.operation = None;
            let paid = payment.paid.map(|paid| paid + HOUR);
            further = vec![Report { paid, provider_id: None, ..payment.clone() }];
        }
        // Another amount: the further payment bears its own.
        3 => further.iter_mut().for_each(|row| row.minor += 1_250),
        _ => {}
    }
    book.tell_order(&order);
    // The file need not be in the order of time.
    for row in further.iter().rev() {
        book.tell_payment(row);
        book.settle(Some(&order), row);
        book.expect_further(Some(&order), row);
    }
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    book.expect("matched", "", &order, Some(&payment));
}

/// A CIP that no order expects, paid twice: one order is missing, and one payment is too many.
pub(super) fn twice_without_order(book: &mut Book, _: u64) {
    let (_, payment) = paid_order(book);
    let further = book.paid_again(&payment, 2 * HOUR);
    for payment in [&payment, &further] {
        book.tell_payment(payment);
        book.settle(None, payment);
    }
    book.expect_alone("missing_order", &payment);
    book.expect_further(None, &further);
}

pub(super) const TWO_CIPS: u64 = 5;

/// One order with two CIPs.
pub(super) fn two_cips(book: &mut Book, variant: u64) {
    let mut placed = book.order();
    let first = placed.cips.first().copied().unwrap_or_default();
    let second = book.cip();
    placed.cips = vec![second, first];
    let paid = book.pay_time(&placed);
    let order = if variant <= 2 { placed.clone().paid_at("paid", paid + MINUTE) } else { placed };
    book.tell_order(&order);
    let on = |cip: u64, row: Report| Report { cip: Some(cip), ..row };
    match variant {
        // Both paid, the CIP with the larger number first.
        0 | 1 => {
            let early = on(if variant == 0 { second } else { first }, book.payment(&order, paid));
            let late =
                on(if variant == 0 { first } else { second }, book.payment(&order, paid + 40 * MINUTE));
            for payment in [&late, &early] {
                book.tell_payment(payment);
                book.settle(Some(&order), payment);
            }
            book.expect("matched", "", &order, Some(&early));
            book.expect_further(Some(&order), &late);
        }
        2 => {
            let dead = on(first, book.snapshot(&order, "expired", order.created + 3 * DAY));
            let live = on(second, book.payment(&order, paid));
            book.tell_report(&dead);
            book.tell_payment(&live);
            book.settle(Some(&order), &live);
            book.expect("matched", "", &order, Some(&live));
        }
        // Neither paid: of several pending CIPs the smallest number stands, of several others the largest.
        3 => {
            let far = Some(END + 5 * DAY);
            for cip in [second, first] {
                let seen = on(cip, Report { expires: far, ..book.snapshot(&order, "pending", paid) });
                book.tell_report(&seen);
                if cip == first {
                    book.expect("unpaid", "", &order, Some(&seen));
                }
            }
        }
        _ => {
            for cip in [second, first] {
                let seen = on(cip, book.snapshot(&order, "expired", order.created + 3 * DAY));
                book.tell_report(&seen);
                if cip == second {
                    book.expect("unpaid", "", &order, Some(&seen));
                }
            }
        }
    }
}

/// A CIP that the order does not list, found under its reference, with money: too much, since the listed one was paid.
pub(super) fn further_cip_by_reference(book: &mut Book, _: u64) {
    let (order, payment) = paid_order(book);
    let unlisted = Report { cip: Some(book.cip()), ..book.paid_again(&payment, 3 * HOUR) };
    book.tell_order(&order);
    for payment in [&payment, &unlisted] {
        book.tell_payment(payment);
        book.settle(Some(&order), payment);
    }
    book.expect("matched", "", &order, Some(&payment));
    book.expect_further(Some(&order), &unlisted);
}

pub(super) const COME_AND_GONE: u64 = 6;

/// Two payments of which one went back, or one that was taken for gone: a single live one is left, and it agrees.
pub(super) fn come_and_gone(book: &mut Book, variant: u64) {
    let (order, payment) = paid_order(book);
    let second = book.paid_again(&payment, 5 * HOUR);
    let between = payment.paid.map_or(order.created, |paid| paid + 2 * HOUR);
    let back_of_second = |status, operation| {
        let paid = second.paid.map(|paid| paid + HOUR);
        Report { status, operation, paid, fees: false, ..second.clone() }
    };
    book.tell_order(&order);
    book.tell_payment(&payment);
    if variant != 5 {
        book.tell_payment(&second);
    }
    // What says so, the payment that is left, and the one that went back.
    let (evidence, live, gone) = match variant {
        0 => (back_of_second("reversed", second.operation.clone()), &payment, Some(&second)),
        1 => (back_of_second("refunded", second.operation.clone()), &payment, Some(&second)),
        // Without a number the latest live payment goes back.
        2 => (back_of_second("reversed", None), &payment, Some(&second)),
        3 => {
            let back = Report { status: "reversed", paid: Some(between), fees: false, ..payment.clone() };
            (back, &second, Some(&payment))
        }
        // The collector took the first back, seen between the two, and the shopper paid again.
        4 => (pending_again(book, &order, between), &second, Some(&payment)),
        // A look that lagged behind: the payment was still reported after it.
        _ => {
            let later = Report { observed: Some(between + HOUR), ..payment.clone() };
            book.tell_portal(&later);
            (pending_again(book, &order, between), &payment, None)
        }
    };
    book.tell_report(&evidence);
    book.settle(Some(&order), live);
    match gone {
        Some(gone) if variant == 1 => book.settle_and_take(Some(&order), gone, "refund", gone.minor),
        Some(gone) => book.reverse(Some(&order), gone),
        None => {}
    }
    book.expect("matched", "", &order, Some(live));
}

fn pending_again(book: &mut Book, order: &Order, observed: i64) -> Report {
    Report { expires: Some(observed + 3 * DAY), ..book.snapshot(order, "pending", observed) }
}
