//! Payments that are not paid out, and settlements that are not right.

use crate::banking_days::Day;
use crate::book::Book;
use crate::key::KeyRow;
use crate::ledger::{SettlementLine, fees, micros_of, to_minor};
use crate::payouts::Batch;
use crate::rows::{Currency, Order, Report};
use crate::time::{HOUR, MINUTE};

/// An order that was paid and agrees, with its payment; not yet paid out.
pub(super) fn paid_order(book: &mut Book) -> (Order, Report) {
    let placed = book.large_order();
    agree(book, placed)
}

/// The same as another one's account and currency have it, so that both are paid out together.
pub(super) fn paid_like(book: &mut Book, model: &Order) -> (Order, Report) {
    let placed = book.large_order();
    agree(book, Order { account: model.account, store: model.store, currency: model.currency, ..placed })
}

fn agree(book: &mut Book, placed: Order) -> (Order, Report) {
    let paid = book.pay_time(&placed);
    let order = placed.paid_at("paid", paid + MINUTE);
    let payment = book.payment(&order, paid);
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.expect("matched", "", &order, Some(&payment));
    (order, payment)
}

/// A batch of its own for payments of one account and currency, paid out once all of them were made.
pub(super) fn batch_of(book: &mut Book, paid: &[(Order, Report)]) -> Batch {
    let mut batch: Option<Batch> = None;
    for (order, payment) in paid {
        let paid_on = book.payout_day(payment);
        let line = book.payment_line(payment);
        let pair = book.pair(Some(order), payment);
        let batch = batch.get_or_insert_with(|| Batch::new(order.account, payment.currency, paid_on));
        batch.paid_on = batch.paid_on.max(paid_on);
        batch.lines.push(line);
        batch.pairs.push(pair);
    }
    batch.unwrap_or_else(|| Batch::new("", Currency::Pen, Day::of(book.start)))
}

fn orders(book: &mut Book, count: usize) -> Vec<(Order, Report)> {
    let first = paid_order(book);
    let mut all = vec![first.clone()];
    while all.len() < count {
        all.push(paid_like(book, &first.0));
    }
    all
}

fn amount(book: &mut Book) -> i64 {
    let minor = book.chance.between(100, 4_000);
    micros_of(if book.chance.percent(50) { minor } else { -minor })
}

/// Changes the gross amount of a line, and its fees and net with it.
fn regross(line: &mut SettlementLine, by: i64) {
    line.gross += by;
    let (commission, igv, net) = fees(line.gross.div_euclid(10_000));
    (line.commission, line.igv, line.net) = (Some(commission), Some(igv), net);
}

pub(super) const UNSETTLED: u64 = 4;

/// A payment that no batch carries, or none that can be told to be about it.
pub(super) fn unsettled(book: &mut Book, variant: u64) {
    match variant {
        0 => {
            let (order, payment) = paid_order(book);
            book.never_settle(Some(&order), &payment);
            book.note(Book::of_payment("unsettled", Some(&order), &payment));
        }
        // Paid twice and paid out once: the earlier payment is, since both are worth the same.
        1 => {
            let (order, payment) = paid_order(book);
            let further = book.paid_again(&payment, 2 * HOUR);
            book.tell_payment(&further);
            book.expect_further(Some(&order), &further);
            let mut batch = batch_of(book, &[(order.clone(), payment.clone())]);
            batch.lines = vec![SettlementLine { provider_id: None, cip: payment.cip, ..line_of(&payment) }];
            book.pay_out(&batch);
            book.never_settle(Some(&order), &further);
            book.note(Book::of_payment("unsettled", Some(&order), &further));
        }
        // A slip in the batch: another CIP, or the provider's number in other letters.
        _ => {
            let placed = book.large_order();
            let paid = book.pay_time(&placed);
            let order = placed.paid_at("paid", paid + MINUTE);
            let mut payment = book.payment(&order, paid);
            payment.provider_id = Some(format!("PE{}", payment.operation.clone().unwrap_or_default()));
            book.tell_order(&order);
            book.tell_payment(&payment);
            book.expect("matched", "", &order, Some(&payment));
            let mut batch = batch_of(book, &[(order.clone(), payment.clone())]);
            let slip = if variant == 2 {
                SettlementLine { provider_id: None, cip: Some(book.cip()), ..line_of(&payment) }
            } else {
                let number = payment.provider_id.as_deref().map(str::to_lowercase);
                SettlementLine { provider_id: number, cip: None, ..line_of(&payment) }
            };
            batch.lines = vec![slip];
            batch.pairs.iter_mut().for_each(|pair| pair.untold.settlement = true);
            let head = book.pay_out(&batch);
            book.expect_batch("unknown_payment", &batch, &head);
            let row = Book::of_payment("unsettled", Some(&order), &payment);
            book.note(KeyRow { unresolvable: true, ..row });
        }
    }
}

fn line_of(payment: &Report) -> SettlementLine {
    let (commission, igv, net) = fees(payment.minor);
    SettlementLine {
        kind: "payment",
        gross: micros_of(payment.minor),
        commission: Some(commission),
        igv: Some(igv),
        net,
        ..SettlementLine::default()
    }
}

pub(super) const WRONG: u64 = 7;
/// How many orders each case of [`wrong`] has.
pub(super) const WRONG_ORDERS: u64 = 3;

/// One thing that is wrong in a batch of three payments; what is paid in follows what the batch says.
pub(super) fn wrong(book: &mut Book, variant: u64) {
    let paid = orders(book, 3);
    let mut batch = batch_of(book, &paid);
    let by = amount(book);
    let reason = spoil(book, &mut batch, variant, by);
    let head = book.pay_out(&batch);
    book.expect_batch(reason, &batch, &head);
}

fn spoil(book: &mut Book, batch: &mut Batch, variant: u64, by: i64) -> &'static str {
    let [first, second, ..] = batch.lines.as_mut_slice() else { return "" };
    match variant {
        0 => {
            regross(first, by);
            "gross_differs"
        }
        1 => {
            first.net += by;
            "unexplained"
        }
        // The sum of the batch shows nothing of it.
        2 => {
            first.net += by;
            second.net -= by;
            "offsetting_errors"
        }
        3 => {
            regross(first, by);
            regross(second, -by);
            "offsetting_errors"
        }
        4 => {
            let unknown = micros_of(book.chance.between(500, 9_000));
            let cip = Some(book.cip());
            batch.lines.push(SettlementLine { cip, ..SettlementLine::plain("payment", unknown) });
            if let Some(line) = batch.lines.last_mut() {
                regross(line, 0);
            }
            "unknown_payment"
        }
        // More is kept back than the contract says, and the tax on it.
        5 => {
            let more = by.saturating_abs().div_euclid(100) * 100;
            first.commission = first.commission.map(|commission| commission + more);
            first.igv = first.igv.map(|igv| igv + more.div_euclid(100) * 18);
            first.net = first.computed();
            "fee_differs"
        }
        // Money is taken back of a payment that neither shop nor provider calls given back.
        _ => {
            let mut back = SettlementLine::plain("refund", -micros_of(book.chance.between(300, 2_000)));
            (back.cip, back.provider_id) = (first.cip, first.provider_id.clone());
            batch.lines.push(back);
            "unknown_refund"
        }
    }
}

pub(super) const TWICE: u64 = 2;

/// One payment that is paid out twice: in one batch, or again in a later one.
pub(super) fn settled_twice(book: &mut Book, variant: u64) {
    let paid = orders(book, 1);
    let mut batch = batch_of(book, &paid);
    let again = batch.lines.clone();
    if variant == 0 {
        batch.lines.extend(again);
        let head = book.pay_out(&batch);
        return book.expect_batch("settled_twice", &batch, &head);
    }
    book.pay_out(&batch);
    let mut later = Batch::new(batch.account, batch.currency, batch.paid_on.plus_business(2));
    later.lines = again;
    let head = book.pay_out(&later);
    book.expect_batch("settled_twice", &later, &head);
}

pub(super) const SOUND: u64 = 9;

/// Batches with more in them than payments, and nothing wrong.
pub(super) fn sound(book: &mut Book, variant: u64) {
    if variant + 1 == SOUND {
        return taken_alone(book);
    }
    let paid = orders(book, 1);
    let mut batch = batch_of(book, &paid);
    let fee = micros_of(book.chance.between(100, 900));
    let plain = SettlementLine::plain;
    match variant {
        // A fee as what it takes from the batch, with its tax in a line of its own; and as a commission.
        0 => batch.lines.extend([plain("fee", -fee), plain("igv", -fee.div_euclid(100) * 18)]),
        1 => {
            let igv = fee.div_euclid(100) * 18;
            let line =
                SettlementLine { kind: "fee", commission: Some(fee), igv: Some(igv), ..plain("fee", 0) };
            batch.lines.push(SettlementLine { net: -fee - igv, ..line });
        }
        2 => batch.lines.push(plain("adjustment", -fee)),
        3 => batch.lines.push(plain("adjustment", fee)),
        4 => batch.lines.push(plain("tax", -fee)),
        5 => batch.lines.push(SettlementLine { fx_rate: Some("3.7525"), ..plain("fx", -fee) }),
        // Rounded to the céntimo by the provider: the net alone, or every part.
        6 => batch.lines.iter_mut().for_each(|line| line.net = whole(line.net)),
        _ => batch.lines.iter_mut().for_each(|line| {
            (line.commission, line.igv) = (line.commission.map(whole), line.igv.map(whole));
            line.net = line.computed();
        }),
    }
    book.pay_out(&batch);
}

/// Millionths rounded to whole minor units.
fn whole(micros: i64) -> i64 {
    micros_of(to_minor(micros))
}

/// Paid out in the ordinary way; a part went back afterwards, and is all that a later batch has: nothing is paid in.
fn taken_alone(book: &mut Book) {
    let placed = book.large_order();
    let paid = book.pay_time(&placed);
    let part = book.chance.between(300, 2_000);
    let order = Order { refunded: Some(part), ..placed.paid_at("paid", paid + MINUTE) };
    let payment = book.payment(&order, paid);
    let back = Report { refunded: Some(part), ..book.taken_back(&payment, "refunded") };
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.tell_report(&back);
    book.expect("matched", "", &order, Some(&payment));
    let paid_on = book.settle(Some(&order), &payment);
    let mut later = Batch::new(order.account, payment.currency, paid_on.plus_business(2));
    later
        .lines
        .push(SettlementLine { cip: payment.cip, ..SettlementLine::plain("refund", -micros_of(part)) });
    book.pay_out(&later);
}
