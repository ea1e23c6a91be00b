//! Settlements and lines of the bank that are about some of a world's payments, rightly or not.

use std::collections::{BTreeMap, BTreeSet};

use cuadre::formats::Leg;

use super::texts::csv;
use super::{Chance, File, Row};

const BATCHES: [(&str, &str, &str); 4] = [
    ("L-1001", "2026-03-04", "OP-77"),
    ("L-1002", "2026-03-10", "OP-77"),
    ("L-1003", "2026-03-18", "OP-78"),
    ("L-1004", "", ""),
];

/// The files of both legs, each there in half of the worlds. In half of those all lines agree with a payment, and the bank
/// pays what they add up to, so that most of it is closed.
pub(super) fn files(chance: &mut Chance, reports: &[Row]) -> Vec<File> {
    let mut files = Vec::new();
    let agree = chance.odds(2);
    let mut payouts = Vec::new();
    if chance.odds(2) {
        let lines = settlements(chance, reports, agree);
        if agree {
            payouts = payouts_of(&lines);
        }
        files.push(file(Leg::Settlements, "settlements.csv", &lines, chance));
    }
    if chance.odds(2) {
        let mut lines = bank(chance, reports);
        lines.extend(payouts);
        files.push(file(Leg::Bank, "bank.csv", &lines, chance));
    }
    files
}

/// Céntimos, of what is written as an amount.
fn cents(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || fraction.len() > 2 || !(fraction.is_empty() || digits(fraction)) {
        return None;
    }
    format!("{whole}{fraction:0<2}").parse().ok().filter(|cents| *cents > 0)
}

/// A credit for what the lines of each reference and currency add up to.
fn payouts_of(lines: &[Row]) -> Vec<Row> {
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    for line in lines.iter().filter(|line| !value(line, "bank_reference").is_empty()) {
        let key = (value(line, "bank_reference"), value(line, "currency"));
        *sums.entry(key).or_default() += cents(&value(line, "net")).unwrap();
    }
    let credit = |((reference, currency), sum): ((String, String), i64)| {
        vec![
            ("bank_account", "191-1".to_owned()),
            ("bank_reference", reference),
            ("value_date", "2026-03-19".to_owned()),
            ("amount", format!("{}.{:02}", sum / 100, sum % 100)),
            ("currency", currency),
            ("description", "ABONO".to_owned()),
        ]
    };
    sums.into_iter().map(credit).collect()
}

fn file(leg: Leg, name: &'static str, lines: &[Row], chance: &mut Chance) -> File {
    let columns: Vec<&str> = lines.first().into_iter().flatten().map(|(name, _)| *name).collect();
    File { leg, name, text: csv(&columns, lines, chance) }
}

fn value(row: &Row, name: &str) -> String {
    row.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Lines for most of the reported rows, and some for codes that nobody reported; or only such as agree.
fn settlements(chance: &mut Chance, reports: &[Row], agree: bool) -> Vec<Row> {
    let mut lines = Vec::new();
    let mut settled = BTreeSet::new();
    let stray = chance.report();
    for report in reports.iter().chain([&stray]) {
        let amount = value(report, "amount");
        let amount = if cents(&amount).is_some() { amount } else { "50.00".to_owned() };
        let name = |name| value(report, name).trim().to_owned();
        let agrees = name("status").to_lowercase() == "paid" && cents(&value(report, "amount")).is_some();
        if chance.odds(5) || agree && !(agrees && settled.insert((name("account"), name("cip")))) {
            continue;
        }
        let (id, paid_on, reference) = BATCHES[if chance.odds(9) { 3 } else { chance.index(3) }];
        let kinds = ["payment", "payment", "payment", "payment", "refund", "adjustment"];
        let kind = if agree { "payment" } else { chance.one(&kinds) };
        let amount = if !agree && chance.odds(12) { "49.00".to_owned() } else { amount };
        let signed = if kind == "payment" { amount } else { format!("-{amount}") };
        let of_payment = |text: String| if kind == "adjustment" { String::new() } else { text };
        let provider_id = if chance.odds(3) { name("provider_id") } else { String::new() };
        let cip = if !agree && chance.odds(8) { String::new() } else { name("cip") };
        lines.push(vec![
            ("account", name("account")),
            ("settlement_id", id.to_owned()),
            ("currency", value(report, "currency")),
            ("kind", kind.to_owned()),
            ("provider_id", of_payment(provider_id)),
            ("cip", of_payment(cip)),
            ("gross", signed.clone()),
            ("net", if !agree && chance.odds(15) { "1.00".to_owned() } else { signed }),
            ("paid_on", paid_on.to_owned()),
            ("bank_reference", reference.to_owned()),
        ]);
    }
    lines
}

/// Credits that may be payouts, and debits that may be refunds.
fn bank(chance: &mut Chance, reports: &[Row]) -> Vec<Row> {
    let mut lines = Vec::new();
    for _ in 0..=chance.index(6) {
        let report = reports.get(chance.index(reports.len().max(1)));
        let named =
            report.map(|report| value(report, chance.one(&["cip", "reference_id"]))).unwrap_or_default();
        let debit = chance.odds(2);
        lines.push(vec![
            ("bank_account", chance.one(&["191-1", "191-1", "191-2"]).to_owned()),
            ("bank_reference", chance.one(&["OP-77", "OP-78", "OP-99", ""]).to_owned()),
            ("value_date", chance.one(&["2026-03-05", "2026-03-11", "2026-03-19"]).to_owned()),
            (
                "amount",
                chance
                    .one(if debit { &["-50.00", "-20.00"] } else { &["50.00", "100.00", "150.08"] })
                    .to_owned(),
            ),
            ("currency", chance.one(&["PEN", "PEN", "USD"]).to_owned()),
            (
                "description",
                if debit {
                    format!("DEVOLUCION {}", named.replace([',', '"'], ""))
                } else {
                    "ABONO L-1002".to_owned()
                },
            ),
        ]);
    }
    lines
}
