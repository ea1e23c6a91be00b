//! Patterns over many orders and payments, each beside a near miss of which nothing may be said. Pairs are as they would
//! be without.

use super::settlements::paid_order;
use crate::book::Book;
use crate::key::KeyRow;
use crate::rows::{Currency, Order, Report};
use crate::time::{HOUR, MINUTE};

fn finding(rule: &'static str, account: &'static str, currency: Currency) -> KeyRow {
    KeyRow { class: "finding", reason: rule, account, currency: Some(currency), ..KeyRow::default() }
}

pub(super) const NUMBERS: u64 = 2;

/// Two CIPs of one account that were paid under one number; or under one number in two accounts.
pub(super) fn shared_number(book: &mut Book, variant: u64) {
    let (order, payment) = paid_order(book);
    book.settle(Some(&order), &payment);
    let placed = book.large_order();
    let (account, store) = match (variant, order.account) {
        (0, _) => (order.account, order.store),
        (_, "1101") => ("2202", "outlet"),
        _ => ("1101", "miraflores"),
    };
    let placed = Order { account, store, currency: order.currency, ..placed };
    let paid = book.pay_time(&placed);
    let second = placed.paid_at("paid", paid + MINUTE);
    let row = book.payment(&second, paid);
    let row = Report { operation: payment.operation.clone(), provider_id: None, ..row };
    book.tell_order(&second);
    book.tell_payment(&row);
    book.settle(Some(&second), &row);
    book.expect("matched", "", &second, Some(&row));
    if variant == 0 {
        book.note(KeyRow {
            operation: row.operation.clone().unwrap_or_default(),
            report_minor: Some(payment.minor + row.minor),
            ..finding("shared_operation_number", order.account, order.currency)
        });
    }
}

/// How many orders each case of [`shared_payer`] has: from so many unpaid CIPs within a day on it is a finding.
pub(super) const PAYER_ORDERS: u64 = 10;
/// The same of [`shared_address`].
pub(super) const ADDRESS_ORDERS: u64 = 30;
/// In the second variant of both, one of the orders was paid.
pub(super) const HOARDS: u64 = 2;

/// One shopper who lets many codes run out.
pub(super) fn shared_payer(book: &mut Book, variant: u64) {
    let payer = book.chance.below(1 << 32);
    let own = |order: Order| Order { payer, ..order };
    hoard(book, "shared_payer", PAYER_ORDERS, variant == 1, own);
}

/// One network address from which many codes are asked for and not paid.
pub(super) fn shared_address(book: &mut Book, variant: u64) {
    let address = book.chance.below(1 << 32);
    let own = |order: Order| Order { address, ..order };
    hoard(book, "shared_ip", ADDRESS_ORDERS, variant == 1, own);
}

fn hoard(book: &mut Book, rule: &'static str, count: u64, one_paid: bool, own: impl Fn(Order) -> Order) {
    let mut model: Option<Order> = None;
    let mut sum = 0;
    for number in 0..count {
        let mut order = own(book.order());
        if let Some(model) = &model {
            (order.account, order.store, order.currency) = (model.account, model.store, model.currency);
        }
        model.get_or_insert_with(|| order.clone());
        if one_paid && number == 0 {
            let paid = book.pay_time(&order);
            let order = order.paid_at("paid", paid + MINUTE);
            let payment = book.payment(&order, paid);
            book.tell_order(&order);
            book.tell_payment(&payment);
            book.settle(Some(&order), &payment);
            book.expect("matched", "", &order, Some(&payment));
        } else {
            order.status = "expired";
            let over = order.expires.unwrap_or(order.created) + MINUTE;
            let seen = book.snapshot(&order, "expired", over);
            book.tell_order(&order);
            book.tell_report(&seen);
            book.expect("unpaid", "", &order, Some(&seen));
            sum += order.minor;
        }
        book.start += book.chance.between(MINUTE, 40 * MINUTE);
    }
    if let Some(model) = model.filter(|_| !one_paid) {
        let row = finding(rule, model.account, model.currency);
        book.note(KeyRow { order_minor: Some(sum), ..row });
    }
}

/// How many orders each case of [`burst`] has: from so many payments of one amount within ten minutes on it is a finding.
pub(super) const BURST_ORDERS: u64 = 20;
/// In the second variant, one of them pays another amount.
pub(super) const BURSTS: u64 = 2;

/// One amount, paid again and again within minutes.
pub(super) fn burst(book: &mut Book, variant: u64) {
    // Too large to be paid often otherwise.
    let minor = book.chance.between(200_000, 372_300);
    let mut model: Option<Order> = None;
    let begin = book.start + HOUR;
    for number in 0..BURST_ORDERS {
        let mut order = book.order();
        if let Some(model) = &model {
            (order.account, order.store, order.currency) = (model.account, model.store, model.currency);
        }
        order.minor = if variant == 1 && number == 7 { minor + 100 } else { minor };
        model.get_or_insert_with(|| order.clone());
        let paid = begin + 25 * i64::try_from(number).unwrap_or(0);
        let order = order.paid_at("paid", paid + MINUTE);
        let payment = book.payment(&order, paid);
        book.tell_order(&order);
        book.tell_payment(&payment);
        book.settle(Some(&order), &payment);
        book.expect("matched", "", &order, Some(&payment));
        book.start += 20;
    }
    if let Some(model) = model.filter(|_| variant == 0) {
        let sum = minor.saturating_mul(i64::try_from(BURST_ORDERS).unwrap_or(0));
        let row = finding("equal_amount_burst", model.account, model.currency);
        book.note(KeyRow { report_minor: Some(sum), ..row });
    }
}

pub(super) const SHIPPED: u64 = 2;

/// Goods that left before the cash came, by a second more than clocks may differ; and by exactly as much.
pub(super) fn shipped_early(book: &mut Book, variant: u64) {
    let placed = book.large_order();
    let paid = placed.created + 3 * HOUR;
    let early = 5 * MINUTE + i64::from(variant == 0);
    let mut order = placed.paid_at("fulfilled", paid + 30);
    order.fulfilled = Some(paid - early);
    let payment = book.payment(&order, paid);
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    book.expect("matched", "", &order, Some(&payment));
    if variant == 0 {
        book.note(KeyRow {
            reference: order.reference.clone(),
            cip: payment.cip_text(),
            operation: payment.operation.clone().unwrap_or_default(),
            order_minor: Some(order.minor),
            report_minor: Some(payment.minor),
            ..finding("fulfilled_before_paid", order.account, order.currency)
        });
    }
}

pub(super) const PAYEES: u64 = 2;

/// A refund that went to somebody else than the shopper; and one that went to the shopper.
pub(super) fn other_payee(book: &mut Book, variant: u64) {
    let placed = book.large_order();
    let paid = book.pay_time(&placed);
    let mut order = placed.paid_at("refunded", paid + MINUTE);
    order.refunded = Some(order.minor);
    order.payee = (variant == 0).then(|| book.chance.below(1 << 32));
    let payment = book.payment(&order, paid);
    let back = Report { refunded: Some(payment.minor), ..book.taken_back(&payment, "refunded") };
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.tell_report(&back);
    book.settle_and_refund(Some(&order), &payment, payment.minor);
    book.expect("matched", "", &order, Some(&payment));
    if variant == 0 {
        book.note(KeyRow {
            reference: order.reference.clone(),
            cip: order.cip_list(),
            order_minor: Some(order.minor),
            ..finding("refund_to_other_payee", order.account, order.currency)
        });
    }
}
