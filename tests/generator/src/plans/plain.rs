//! The ordinary day: orders that were paid and agree, and orders that nobody paid.

use crate::banking_days::Day;
use crate::book::Book;
use crate::ledger::{SettlementLine, micros_of};
use crate::payouts::{BANK_ACCOUNTS, Batch};
use crate::rows::{Currency, Notice, Order, Report};
use crate::time::{END, HOUR, MINUTE};

/// Paid, reported, announced: the case of nearly every order.
pub(super) fn paid(book: &mut Book, _: u64) {
    let placed = book.order();
    let paid = book.pay_time(&placed);
    let told = book.chance.between(0, 2 * MINUTE);
    let status = book.chance.pick("paid", &["paid", "fulfilled"]);
    let mut order = placed.clone().paid_at(status, paid + told);
    order.dirt = book.harmless_dirt();
    if book.chance.percent(10) {
        order.updated = Some(paid + told + 1);
        book.tell_order(&Order { updated: Some(placed.created), ..placed.clone() });
    }
    book.tell_order(&order);
    if book.chance.percent(10) && paid > placed.created + 2 * MINUTE {
        let observed = book.chance.between(placed.created + MINUTE, paid - 1);
        let seen = book.snapshot(&order, "pending", observed);
        book.tell_report(&seen);
    }
    let payment = book.payment(&order, paid);
    tell_by_channels(book, &payment);
    book.settle(Some(&order), &payment);
    let notice = announce(book, &payment);
    if let Some(notice) = notice.filter(|_| book.chance.percent(5)) {
        book.tell_notice(&Notice { received: notice.received + 30, ..notice });
    }
    book.expect("matched", "", &order, Some(&payment));
}

fn announce(book: &mut Book, payment: &Report) -> Option<Notice> {
    let notice = book.notice(payment, payment.cip?);
    book.tell_notice(&notice);
    Some(notice)
}

/// Most payments stand in the operations report alone, some in the portal too, some in the portal alone.
fn tell_by_channels(book: &mut Book, payment: &Report) {
    let dirt = book.harmless_dirt();
    match book.chance.below(10) {
        0 => book.tell_portal(payment),
        1 => {
            book.tell_report(&Report { dirt, ..payment.clone() });
            book.tell_portal(payment);
        }
        2 | 3 => {
            book.tell_report(&Report { dirt, ..payment.clone() });
            book.tell_portal(&Report { operation: None, ..payment.clone() });
        }
        _ => book.tell_report(&Report { dirt, ..payment.clone() }),
    }
}

/// Nobody claims money, in the ways in which that comes about.
pub(super) fn unpaid(book: &mut Book, variant: u64) {
    let mut order = book.order();
    let expired_at = order.expires.unwrap_or(END) + MINUTE;
    let seen_at = book.chance.between(order.created + MINUTE, END);
    let snapshot = match variant {
        // Long over: the shop and the provider have both given up.
        0 if expired_at <= END => {
            order.status = "expired";
            Some(book.snapshot(&order, "expired", expired_at))
        }
        1 => {
            order.status = "cancelled";
            Some(book.snapshot(&order, "removed", seen_at))
        }
        2 => {
            order.status = "cancelled";
            None
        }
        3 => None,
        _ => Some(book.snapshot(&order, "pending", seen_at)),
    };
    book.tell_order(&order);
    if let Some(snapshot) = &snapshot {
        book.tell_report(snapshot);
    }
    book.expect("unpaid", "", &order, snapshot.as_ref());
}

/// The last order of every data set: each file's latest time is [`END`], so each leg is covered up to there.
pub(crate) fn closing(book: &mut Book) {
    book.start = END - 3 * HOUR;
    let paid = END - HOUR;
    let order = Order { updated: Some(END), ..book.order().paid_at("paid", paid) };
    let payment = Report { observed: Some(END), ..book.payment(&order, paid) };
    book.tell_order(&order);
    book.tell_report(&payment);
    book.settle(Some(&order), &payment);
    book.tell_portal(&Report { operation: None, ..payment.clone() });
    if let Some(cip) = payment.cip {
        let notice = book.notice(&payment, cip);
        book.tell_notice(&Notice { received: END, ..notice });
    }
    book.expect("matched", "", &order, Some(&payment));
    close_money(book, order.account);
}

/// A month's fee that is paid out of nothing, and a movement on each account of the bank: settlements and statements speak
/// at [`END`] too.
fn close_money(book: &mut Book, account: &'static str) {
    let mut batch = Batch::new(account, Currency::Pen, Day::of(END));
    batch.lines.push(SettlementLine::plain("fee", -micros_of(1_500)));
    let head = book.head(&batch, None);
    book.tell_batch(&head, &batch.lines);
    for (_, currency, number) in BANK_ACCOUNTS {
        let text = "COMISION MANTENIMIENTO".to_owned();
        let line = book.movement(number, currency, Day::of(END), -1_000, None, text);
        book.book_movement(line);
    }
}
