//! Settlements and lines of the bank that are about some of a world's payments, rightly or not.

use super::{Chance, File, Row, csv};
use cuadre::formats::Leg;

const BATCHES: [(&str, &str, &str); 4] = [
    ("L-1001", "2026-03-04", "OP-77"),
    ("L-1002", "2026-03-10", "OP-77"),
    ("L-1003", "2026-03-18", "OP-78"),
    ("L-1004", "", ""),
];

/// The files of both legs, each there in half of the worlds.
pub(super) fn files(chance: &mut Chance, reports: &[Row]) -> Vec<File> {
    let mut files = Vec::new();
    if chance.odds(2) {
        let lines = settlements(chance, reports);
        files.push(file(Leg::Settlements, "settlements.csv", &lines, chance));
    }
    if chance.odds(2) {
        let lines = bank(chance, reports);
        files.push(file(Leg::Bank, "bank.csv", &lines, chance));
    }
    files
}

fn file(leg: Leg, name: &'static str, lines: &[Row], chance: &mut Chance) -> File {
    let columns: Vec<&str> = lines.first().into_iter().flatten().map(|(name, _)| *name).collect();
    File { leg, name, text: csv(&columns, lines, chance) }
}

fn value(row: &Row, name: &str) -> String {
    row.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Lines for most of the reported rows, and some for codes that nobody reported.
fn settlements(chance: &mut Chance, reports: &[Row]) -> Vec<Row> {
    let mut lines = Vec::new();
    let stray = chance.report();
    for report in reports.iter().chain([&stray]) {
        if chance.odds(5) {
            continue;
        }
        let (id, paid_on, reference) = BATCHES[if chance.odds(9) { 3 } else { chance.index(3) }];
        let kind = chance.one(&["payment", "payment", "payment", "payment", "refund", "adjustment"]);
        let amount = if chance.odds(12) { "49.00".to_owned() } else { value(report, "amount") };
        let amount =
            if amount.parse::<f64>().is_ok_and(|amount| amount > 0.0) { amount } else { "50.00".to_owned() };
        let signed = if kind == "payment" { amount } else { format!("-{amount}") };
        let of_payment = |text: String| if kind == "adjustment" { String::new() } else { text };
        lines.push(vec![
            ("account", value(report, "account").trim().to_owned()),
            ("settlement_id", id.to_owned()),
            ("currency", value(report, "currency")),
            ("kind", kind.to_owned()),
            (
                "provider_id",
                of_payment(if chance.odds(3) { value(report, "provider_id") } else { String::new() }),
            ),
            ("cip", of_payment(if chance.odds(8) { String::new() } else { value(report, "cip") })),
            ("gross", signed.clone()),
            ("net", if chance.odds(15) { "1.00".to_owned() } else { signed }),
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
