//! The money of a data set, followed from the payments to the bank by the pairs, apart from where a fault was planted.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::ledger::{micros_of, to_minor};
use crate::payouts::itf;

type Row = BTreeMap<String, String>;

fn rows(data: &Dataset, name: &str) -> Vec<Row> {
    let mut records = records(&text(data, name)).into_iter().map(|(_, fields)| fields);
    let header = records.next().unwrap();
    records.map(|fields| header.iter().cloned().zip(fields).collect()).collect()
}

fn portal(data: &Dataset) -> Vec<Row> {
    let member = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let object = |line: &str| -> BTreeMap<String, serde_json::Value> { serde_json::from_str(line).unwrap() };
    let row = |line| object(line).iter().map(|(name, value)| (name.clone(), member(value))).collect();
    text(data, "portal.ndjson").lines().map(row).collect()
}

/// Millionths of an amount as it is written.
fn amount(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let part: i64 = format!("{part:0<6}").parse().unwrap();
    whole.parse::<i64>().unwrap() * 1_000_000 + sign * part
}

fn sums(rows: &[Row], key: impl Fn(&Row) -> String, value: impl Fn(&Row) -> i64) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for row in rows {
        *sums.entry(key(row)).or_default() += value(row);
    }
    sums
}

/// The batches of which nothing is wrong, by the case of the payments in them; a batch of fees has none.
fn sound_batches(pairs: &[Row], wrong: &[&str]) -> BTreeSet<String> {
    let by = |wanted: bool| -> BTreeSet<String> {
        let of_case = |pair: &&Row| wrong.iter().any(|case| pair["case"].starts_with(case)) == wanted;
        pairs.iter().filter(of_case).map(|pair| pair["settlement_id"].clone()).collect()
    };
    by(false).difference(&by(true)).filter(|id| !id.is_empty()).cloned().collect()
}

#[test]
fn every_payment_that_a_report_tells_has_one_pair() {
    for seed in 1..4 {
        let data = generate(2_000, seed);
        let named = |row: &Row| -> Option<[String; 3]> {
            let part = |name: &str| row.get(name).cloned().unwrap_or_default();
            (!part("operation_number").is_empty())
                .then(|| [part("account"), part("cip"), part("operation_number")])
        };
        let told: BTreeSet<_> = [rows(&data, "reports.csv"), portal(&data)]
            .concat()
            .iter()
            .filter(|row| row["status"].to_lowercase() == "paid")
            .filter_map(named)
            .collect();
        let pairs: Vec<_> = rows(&data, "pairs.csv").iter().filter_map(named).collect();
        assert_eq!(pairs.len(), told.len());
        assert_eq!(pairs.into_iter().collect::<BTreeSet<_>>(), told);
    }
}

#[test]
fn batches_pay_out_what_their_payments_are_worth() {
    let data = generate(4_000, 5);
    let (pairs, lines) = (rows(&data, "pairs.csv"), rows(&data, "settlements.csv"));
    let sound = sound_batches(&pairs, &WRONG_IN_BATCH);
    assert!(sound.len() > 100, "{}", sound.len());
    let paid = sums(&pairs, |pair| pair["settlement_id"].clone(), |pair| amount(&pair["amount"]));
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).cloned().collect::<Vec<_>>();
    let gross = sums(&of("payment"), |line| line["settlement_id"].clone(), |line| amount(&line["gross"]));
    for id in &sound {
        assert_eq!(paid.get(id), gross.get(id), "{id}");
    }
}

#[test]
fn deposits_are_what_their_batches_pay_out() {
    let data = generate(4_000, 6);
    let (pairs, lines) = (rows(&data, "pairs.csv"), rows(&data, "settlements.csv"));
    let net = sums(&lines, |line| line["settlement_id"].clone(), |line| amount(&line["net"]));
    let bank: BTreeMap<String, Row> =
        rows(&data, "bank.csv").into_iter().map(|line| (line["movement"].clone(), line)).collect();
    let mut batches: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let sound = sound_batches(&pairs, &WRONG_AT_BANK);
    for pair in pairs.iter().filter(|pair| sound.contains(&pair["settlement_id"])) {
        batches.entry(pair["movement"].clone()).or_default().insert(pair["settlement_id"].clone());
    }
    let mut seen = 0;
    for (movement, ids) in batches.iter().filter(|(movement, _)| !movement.is_empty()) {
        let expected: i64 = ids.iter().map(|id| to_minor(net[id])).sum();
        let tax = if bank[movement]["bank_account"].starts_with("0011-") { itf(expected) } else { 0 };
        assert_eq!(amount(&bank[movement]["amount"]), micros_of(expected - tax), "{movement} {ids:?}");
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

/// Cases that put something wrong into a batch.
const WRONG_IN_BATCH: [&str; 2] = ["wrong settlement", "settled twice"];
/// Cases whose batches come with another deposit than they pay out.
const WRONG_AT_BANK: [&str; 1] = ["deposit differs"];

/// The provider's own number names one payment.
#[test]
fn no_two_payments_share_a_number_of_the_provider() {
    let data = generate(3_000, 4);
    let mut bearers: BTreeMap<String, BTreeSet<[String; 3]>> = BTreeMap::new();
    for row in [rows(&data, "reports.csv"), portal(&data)].concat() {
        if let Some(id) = row.get("provider_id").filter(|id| id.starts_with("PE")) {
            let paid =
                ["cip", "operation_number", "paid_at"].map(|name| row.get(name).cloned().unwrap_or_default());
            // A row without number or of a refund repeats the payment, in whatever zone it writes the time.
            if row["status"].eq_ignore_ascii_case("paid") && !paid[1].is_empty() {
                bearers.entry(id.clone()).or_default().insert([
                    paid[0].clone(),
                    paid[1].clone(),
                    String::new(),
                ]);
            }
        }
    }
    assert!(bearers.len() > 300);
    let shared: Vec<_> = bearers.iter().filter(|(_, payments)| payments.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

/// Also where the provider makes several batches a day.
#[test]
fn settlements_and_each_account_of_the_bank_speak_up_to_the_end() {
    let data = generate(30_000, 5);
    let days = |name: &str, account: &str, day: &str| -> BTreeMap<String, String> {
        let mut latest = BTreeMap::new();
        for row in rows(&data, name).iter().filter(|row| !row["bank_reference"].starts_with("BAD-")) {
            let known: &mut String = latest.entry(row[account].clone()).or_default();
            *known = row[day].clone().max(known.clone());
        }
        latest
    };
    for (name, account, day, accounts) in
        [("settlements.csv", "currency", "paid_on", 2), ("bank.csv", "bank_account", "value_date", 4)]
    {
        let latest = days(name, account, day);
        assert_eq!(latest.len(), accounts, "{latest:?}");
        assert!(latest.values().all(|day| day == "2026-04-20"), "{name}: {latest:?}");
    }
    let lines = sums(&rows(&data, "settlements.csv"), |line| line["settlement_id"].clone(), |_| 1);
    assert!(lines.values().all(|lines| *lines <= 250) && lines.values().any(|lines| *lines == 250));
}
