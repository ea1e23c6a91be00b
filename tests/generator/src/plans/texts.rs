//! Texts that cleansing heals, and rows that nothing heals.

use crate::book::{Book, File};
use crate::rows::{Dirt, Report};
use crate::time::MINUTE;

/// Every kind of dirt, those first that touch the reference.
const DIRT: [Dirt; 10] = [
    Dirt::Ends,
    Dirt::NoBreakSpace,
    Dirt::LineBreak,
    Dirt::ZeroWidth,
    Dirt::FullWidth,
    Dirt::CurrencyWord,
    Dirt::MissingWord,
    Dirt::LetterCase,
    Dirt::ZeroRefund,
    Dirt::NoDate,
];

pub(super) const KINDS_OF_DIRT: u64 = 10;

/// An order and its payment meet although one side is written carelessly. They meet by reference, so that a reference
/// that is not healed would show.
pub(super) fn dirty(book: &mut Book, variant: u64) {
    let Some(dirt) = usize::try_from(variant).ok().and_then(|index| DIRT.get(index)).copied() else { return };
    let mut placed = book.order();
    let paid = book.pay_time(&placed);
    placed.reference = format!("PED {} A", placed.reference.replace(' ', "-"));
    let mut order = placed.paid_at("paid", paid + MINUTE);
    let mut payment = book.payment(&order, paid);
    order.cips = Vec::new();
    if book.chance.percent(50) {
        order.dirt = Some(dirt);
    } else {
        payment.dirt = Some(dirt);
    }
    book.tell_order(&order);
    book.tell_payment(&payment);
    book.settle(Some(&order), &payment);
    book.expect("matched", "", &order, Some(&payment));
}

pub(super) const UNREADABLE: u64 = 17;

/// A row that must be set aside; the field named is the first bad one in the order of the format.
pub(super) fn unreadable(book: &mut Book, variant: u64) {
    let reference = format!("BAD-{}", book.operation());
    let cip = book.cip().to_string();
    let at = "2026-03-10T09:30:00-05:00";
    let order = |reference: &str, cip: &str, amount: &str, currency: &str, status: &str, created: &str| {
        format!("1101,{reference},{cip},{amount},{currency},{status},{created},,,,,,miraflores,,,,web")
            .into_bytes()
    };
    let report = |cip: &str, amount: &str, status: &str, paid: &str| {
        format!("2202,{cip},{reference},,{amount},PEN,{status},,,{paid},,,,,,outlet,").into_bytes()
    };
    let (file, record, field) = match variant {
        0 => (File::Orders, order(&reference, &cip, "\"1,234.5x\"", "PEN", "paid", at), "amount"),
        1 => (File::Orders, order(&reference, &cip, "12.345", "PEN", "paid", at), "amount"),
        2 => (File::Orders, order(&reference, &cip, "-0", "PEN", "paid", at), "amount"),
        3 => (File::Orders, order(&reference, &cip, "45.00", "EUR", "paid", at), "currency"),
        4 => (File::Orders, order(&reference, &cip, "45.00", "PEN", "despachado", at), "status"),
        5 => {
            (File::Orders, order(&reference, &cip, "45.00", "PEN", "paid", "10/03/2026 09:30"), "created_at")
        }
        6 => (File::Orders, order("", &cip, "45.00", "PEN", "paid", at), "reference_id"),
        7 => (File::Orders, latin_1(&order(&reference, &cip, "45.00", "PEN", "paid", at)), "reference_id"),
        8 => (File::Reports, report("123456789012345", "45.00", "paid", at), "cip"),
        9 => (File::Reports, report(&cip, "0.00", "paid", at), "amount"),
        10 => (File::Reports, report(&cip, "45.00", "paid", "2026-02-30T09:30:00-05:00"), "paid_at"),
        11 => {
            let text = format!(
                "{{\"account\":\"2202\",\"cip\":{cip},\"amount\":1e2,\"currency\":\"PEN\",\"status\":\"paid\",\
                 \"paid_at\":\"{at}\"}}"
            );
            (File::Portal, text.into_bytes(), "amount")
        }
        12 => {
            let text = format!("1101,{cip},cip.paid,,45.00,PEN,{at},");
            (File::Notices, text.into_bytes(), "received_at")
        }
        _ => unreadable_money(variant, &reference, &cip),
    };
    book.tell_unreadable(file, &record, field);
}

/// A row of a settlement or of the bank that must be set aside.
fn unreadable_money(variant: u64, reference: &str, cip: &str) -> (File, Vec<u8>, &'static str) {
    let line = |kind: &str, net: &str| {
        format!("1101,{reference},PEN,{kind},,{cip},45.00,1.575,0.2835,{net},,2026-03-10,{reference}")
            .into_bytes()
    };
    let moved = |day: &str, amount: &str| {
        format!("191-1101101-0-11,{reference},{day},{amount},PEN,ABONO PAGOEFECTIVO,{reference}").into_bytes()
    };
    match variant {
        13 => (File::Settlements, line("abono", "43.1415"), "kind"),
        14 => (File::Settlements, line("payment", "43.14151234"), "net"),
        15 => (File::Bank, moved("2026-02-30", "43.14"), "value_date"),
        _ => (File::Bank, moved("2026-03-10", "43.1415"), "amount"),
    }
}

/// Spells the reference's hyphen as a byte of latin-1 that is no UTF-8.
fn latin_1(record: &[u8]) -> Vec<u8> {
    record.iter().map(|byte| if *byte == b'B' { 0xD1 } else { *byte }).collect()
}

/// A CIP without order whose rows come from the portal alone: still pending, or money without an order.
pub(super) fn portal_alone(book: &mut Book, variant: u64) {
    let stranger = book.order();
    let paid = book.pay_time(&stranger);
    let row = if variant == 0 {
        book.snapshot(&stranger, "expired", stranger.created + 4 * 86_400)
    } else {
        book.payment(&stranger, paid)
    };
    book.tell_portal(&row);
    if variant == 0 {
        book.expect_alone("unpaid", &row);
    } else {
        book.announce(&row);
        book.settle(None, &row);
        book.expect_alone("missing_order", &Report { observed: None, ..row });
    }
}
