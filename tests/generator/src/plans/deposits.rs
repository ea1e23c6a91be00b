//! Deposits: those that can be told by a key although they look otherwise, and those that cannot.

use super::settlements::{batch_of, paid_like, paid_order};
use crate::book::Book;
use crate::key::KeyRow;
use crate::ledger::{BatchHead, full_width, to_minor};
use crate::payouts::{Batch, bank_account, came};
use crate::rows::Currency;
use crate::time::DAY;

const TEXT: &str = "ABONO PAGOEFECTIVO";

/// A batch of one payment of its own.
fn batch(book: &mut Book) -> Batch {
    let paid = [paid_order(book)];
    batch_of(book, &paid)
}

/// Two batches of one account and currency, paid out on one day.
fn two_batches(book: &mut Book) -> [Batch; 2] {
    let first = paid_order(book);
    let second = paid_like(book, &first.0);
    let mut batches = [batch_of(book, &[first]), batch_of(book, &[second])];
    let [a, b] = &mut batches;
    a.paid_on = a.paid_on.max(b.paid_on);
    b.paid_on = a.paid_on;
    batches
}

fn tell(book: &mut Book, batch: &Batch, reference: Option<String>) -> BatchHead {
    let head = book.head(batch, reference);
    book.tell_batch(&head, &batch.lines);
    head
}

fn expect_missing(book: &mut Book, batch: &Batch, head: &BatchHead, unresolvable: bool) {
    book.note(KeyRow {
        class: "missing_deposit",
        account: head.account,
        reference: head.id.clone(),
        currency: Some(head.currency),
        order_minor: Some(to_minor(batch.net())),
        settlement: head.id.clone(),
        unresolvable,
        ..KeyRow::default()
    });
}

/// A deposit that tells nobody what it is for.
struct Stray {
    account: &'static str,
    currency: Currency,
    /// What was paid out to make it.
    minor: i64,
    reference: Option<String>,
    movement: String,
    unresolvable: bool,
}

impl Stray {
    /// Expects a line of it; the bank's reference stands where others have the order's.
    fn expect(self, book: &mut Book) {
        book.note(KeyRow {
            class: "unknown_deposit",
            account: self.account,
            reference: self.reference.unwrap_or_default(),
            currency: Some(self.currency),
            report_minor: Some(came(self.account, self.minor)),
            movement: self.movement,
            unresolvable: self.unresolvable,
            ..KeyRow::default()
        });
    }
}

pub(super) const MISSING: u64 = 1;

/// A batch that never reaches the bank.
pub(super) fn missing(book: &mut Book, _: u64) {
    let batch = batch(book);
    let reference = book.bank_reference(batch.account);
    let head = tell(book, &batch, Some(reference));
    book.tell_pairs(&batch, &head, "");
    expect_missing(book, &batch, &head, false);
}

/// Céntimos that a deposit differs by, around the tolerance of 0.05.
const OFF: [i64; 6] = [5, -5, 6, -6, 1_500, -900];
pub(super) const DIFFERING: u64 = 6;

/// A deposit of another amount than its batch pays out.
pub(super) fn differing(book: &mut Book, variant: u64) {
    let index = usize::try_from(variant).unwrap_or(0);
    let Some(off) = OFF.get(index).copied() else { return };
    let batch = batch(book);
    let net = to_minor(batch.net());
    let reference = book.bank_reference(batch.account);
    let head = tell(book, &batch, Some(reference.clone()));
    let value_date = head.paid_on.plus_business(1);
    let movement = book.deposit(&head, value_date, net + off, Some(reference), TEXT.to_owned());
    book.tell_pairs(&batch, &head, &movement);
    if off.abs() > 5 {
        book.note(KeyRow {
            class: "deposit_variance",
            account: head.account,
            reference: head.id.clone(),
            currency: Some(head.currency),
            order_minor: Some(net),
            report_minor: Some(net + off),
            settlement: head.id.clone(),
            movement,
            ..KeyRow::default()
        });
    }
}

pub(super) const UNKNOWN: u64 = 2;

/// Money of PagoEfectivo that no batch tells of, with a reference or without.
pub(super) fn unknown(book: &mut Book, variant: u64) {
    let (account, currency) = book.chance.pick(("1101", Currency::Pen), &[("2202", Currency::Usd)]);
    let reference = (variant == 0).then(|| book.bank_reference(account));
    let minor = book.chance.between(500, 90_000);
    let value_date = crate::banking_days::Day::of(book.start + DAY).plus_business(1);
    let number = bank_account(account, currency);
    let line =
        book.movement(number, currency, value_date, came(account, minor), reference.clone(), TEXT.to_owned());
    let movement = book.book_movement(line);
    Stray { account, currency, minor, reference, movement, unresolvable: false }.expect(book);
}

pub(super) const UNTOLD: u64 = 5;

/// A deposit of the right amount on the right day whose reference does not tell the batch: nobody may guess.
pub(super) fn untold(book: &mut Book, variant: u64) {
    let mut batch = batch(book);
    let net = to_minor(batch.net());
    let clean = book.bank_reference(batch.account);
    let (told, seen) = match variant {
        0 => (None, None),
        // One digit too many, other letters, digits in full width: none of it is the same reference.
        1 => (Some(clean.clone()), Some(format!("{clean}7"))),
        2 => (Some(clean.clone()), Some(clean.to_lowercase())),
        3 => (Some(clean.clone()), Some(full_width(&clean))),
        _ => (Some(clean), None),
    };
    let head = tell(book, &batch, told);
    batch.without_key();
    let value_date = head.paid_on;
    let movement = book.deposit(&head, value_date, net, seen.clone(), TEXT.to_owned());
    book.tell_pairs(&batch, &head, &movement);
    expect_missing(book, &batch, &head, true);
    let (account, currency) = (head.account, head.currency);
    Stray { account, currency, minor: net, reference: seen, movement, unresolvable: true }.expect(book);
}

pub(super) const LUMPS: u64 = 3;

/// Two batches in one deposit: with the reference of both, with their numbers in the text, or with nothing.
pub(super) fn lump(book: &mut Book, variant: u64) {
    let mut batches = two_batches(book);
    let [first, second] = &batches;
    let (first_net, second_net) = (to_minor(first.net()), to_minor(second.net()));
    let reference = book.bank_reference(first.account);
    let told = (variant == 0).then(|| reference.clone());
    let heads = [tell(book, first, told.clone()), tell(book, second, told)];
    let [head, other] = &heads;
    let text = match variant {
        1 => format!("PAGOEFECTIVO LIQ {} {}", head.id, other.id),
        _ => TEXT.to_owned(),
    };
    let seen = (variant == 0).then_some(reference);
    let both = first_net + second_net;
    let movement = book.deposit(head, head.paid_on, both, seen, text);
    let untold = variant == 2;
    if untold {
        let (account, currency, movement) = (head.account, head.currency, movement.clone());
        Stray { account, currency, minor: both, reference: None, movement, unresolvable: true }.expect(book);
    }
    for (batch, head) in batches.iter_mut().zip(&heads) {
        if untold {
            batch.without_key();
            expect_missing(book, batch, head, true);
        }
        book.tell_pairs(batch, head, &movement);
    }
}

pub(super) const NAMED: u64 = 4;

/// A deposit that is told although its reference is another's, empty, or written carelessly.
pub(super) fn named(book: &mut Book, variant: u64) {
    let batch = batch(book);
    let net = to_minor(batch.net());
    let clean = book.bank_reference(batch.account);
    let told = (variant < 3).then(|| clean.clone());
    let head = tell(book, &batch, told);
    let (seen, text) = match variant {
        0 => (Some(format!("\u{3000}{clean} ")), TEXT.to_owned()),
        1 => (Some(clean.replace(' ', "\u{a0}")), TEXT.to_owned()),
        // The bank's reference is one of its own, and the text names the batch.
        2 => (Some(book.bank_reference(head.account)), format!("ABONO PAGOEFECTIVO/{}/PERU", head.id)),
        _ => (Some(format!("LIQ-{}", head.id)), TEXT.to_owned()),
    };
    let movement = book.deposit(&head, head.paid_on.plus_business(1), net, seen, text);
    book.tell_pairs(&batch, &head, &movement);
}
