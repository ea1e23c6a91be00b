use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::time::{END, Zone, write_time};

mod money;

fn text<'a>(data: &'a Dataset, name: &str) -> std::borrow::Cow<'a, str> {
    String::from_utf8_lossy(data.file(name).unwrap())
}

/// Splits CSV into records with the line at which each begins; quotes as RFC 4180 has them.
fn records(csv: &str) -> Vec<(u64, Vec<String>)> {
    let (mut all, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut line, mut began) = (false, 1, 1);
    let mut letters = csv.chars().peekable();
    while let Some(letter) = letters.next() {
        line += u64::from(letter == '\n');
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                all.push((began, std::mem::take(&mut record)));
                began = line;
            }
            letter => field.push(letter),
        }
    }
    assert!(field.is_empty() && record.is_empty() && !quoted, "the last record ends with its line");
    all
}

fn key(data: &Dataset) -> Vec<Vec<String>> {
    records(&text(data, "answer-key.csv")).into_iter().skip(1).map(|(_, fields)| fields).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    assert_eq!(generate(600, 3), generate(600, 3));
    assert_ne!(generate(600, 3).file("orders.csv"), generate(600, 4).file("orders.csv"));
}

#[test]
fn the_book_has_exactly_so_many_orders() {
    for orders in [0, 1, 2, 17, 300, 5_000] {
        let data = generate(orders, 3);
        let unreadable: BTreeSet<String> =
            key(&data).into_iter().filter(|row| row[9] == "orders.csv").map(|row| row[10].clone()).collect();
        let rows = records(&text(&data, "orders.csv"));
        let mut known = BTreeSet::new();
        for (line, fields) in rows.iter().skip(1).filter(|(line, _)| !unreadable.contains(&line.to_string()))
        {
            let instant =
                chrono::DateTime::parse_from_rfc3339(&fields[6]).unwrap_or_else(|_| panic!("line {line}"));
            let reference = fields[1].replace(['\u{a0}', '\n'], " ").replace('\u{200b}', "");
            known.insert((fields[0].clone(), reference.trim().to_owned(), instant.timestamp()));
        }
        assert_eq!(u64::try_from(known.len()).unwrap(), orders);
    }
}

#[test]
fn some_400_orders_are_enough_for_every_variant() {
    let orders: u64 = crate::plans::PLANS.iter().map(|plan| plan.orders * plan.variants).sum();
    assert!((350..400).contains(&orders), "{orders}");
}

#[test]
fn every_class_and_every_reason_is_planted() {
    for (orders, seed) in [(400, 1), (5_000, 3)] {
        let rows = key(&generate(orders, seed));
        let found = |column: usize| -> BTreeSet<&str> {
            rows.iter().map(|row| row[column].as_str()).filter(|word| !word.is_empty()).collect()
        };
        assert_eq!(found(0).into_iter().collect::<Vec<_>>(), CLASSES);
        assert_eq!(found(1).into_iter().collect::<Vec<_>>(), REASONS);
        let cases: BTreeSet<&str> = rows.iter().map(|row| row[14].rsplit_once('/').unwrap().0).collect();
        let silent = ["deposit by another key", "sound settlement"];
        for plan in crate::plans::PLANS.iter().filter(|plan| !silent.contains(&plan.name)) {
            assert!(cases.contains(plan.name), "{}", plan.name);
        }
        assert_eq!(found(15).into_iter().collect::<Vec<_>>(), ["no", "yes"]);
    }
}

const CLASSES: [&str; 24] = [
    "ambiguous_reference",
    "amount_mismatch",
    "conflicting_record",
    "currency_mismatch",
    "deposit_variance",
    "duplicate_payment",
    "fee_invoice_variance",
    "finding",
    "late_payment",
    "matched",
    "matched_within_tolerance",
    "missing_at_provider",
    "missing_deposit",
    "missing_notice",
    "missing_order",
    "open",
    "refund_unpaid",
    "rejected",
    "settlement_variance",
    "status_mismatch",
    "unconfirmed_notice",
    "unknown_deposit",
    "unpaid",
    "unsettled",
];

/// Of status mismatches, settlements in question, and findings.
const REASONS: [&str; 20] = [
    "claimed_unpaid",
    "equal_amount_burst",
    "fee_differs",
    "fulfilled_before_paid",
    "gross_differs",
    "offsetting_errors",
    "paid_not_recorded",
    "refund_amount_differs",
    "refund_not_done",
    "refund_not_recorded",
    "refund_to_other_payee",
    "reversed_not_recorded",
    "settled_twice",
    "shared_ip",
    "shared_operation_number",
    "shared_payer",
    "still_payable",
    "unexplained",
    "unknown_payment",
    "unknown_refund",
];

#[test]
fn every_record_has_the_fields_of_its_header_and_rejects_name_their_line() {
    let data = generate(3_000, 7);
    let tables = ["orders.csv", "reports.csv", "notices.csv", "settlements.csv", "bank.csv", "pairs.csv"];
    for name in tables.into_iter().chain(["answer-key.csv"]) {
        let rows = records(&text(&data, name));
        let width = rows[0].1.len();
        assert!(rows.iter().all(|(_, fields)| fields.len() == width), "{name}");
    }
    for line in text(&data, "portal.ndjson").lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["account"].is_string() && value["amount"].is_number(), "{line}");
    }
    let orders: BTreeMap<String, Vec<String>> = records(&text(&data, "orders.csv"))
        .into_iter()
        .map(|(line, fields)| (line.to_string(), fields))
        .collect();
    let rejected: Vec<Vec<String>> =
        key(&data).into_iter().filter(|row| row[0] == "rejected" && row[9] == "orders.csv").collect();
    assert!(!rejected.is_empty());
    for row in rejected {
        let fields = &orders[&row[10]];
        assert!(
            fields[1].starts_with("BAD-") || fields[1].starts_with('\u{fffd}') || fields[1].is_empty(),
            "{fields:?}"
        );
    }
}

#[test]
fn the_key_is_sorted_and_names_no_line_twice() {
    let data = generate(5_000, 3);
    assert!(text(&data, "answer-key.csv").lines().skip(1).is_sorted());
    let rows = key(&data);
    let mut once: Vec<&Vec<String>> = rows.iter().filter(|row| row[0] != "ambiguous_reference").collect();
    let all = once.len();
    once.dedup();
    assert_eq!(once.len(), all);
}

#[test]
fn every_file_is_silent_after_the_end_and_speaks_at_it() {
    let data = generate(2_000, 5);
    let mut end = String::new();
    write_time(&mut end, END, Zone::Utc);
    let end = chrono::DateTime::parse_from_rfc3339(&end).unwrap();
    for (name, columns) in
        [("orders.csv", &[6, 8, 9, 15][..]), ("reports.csv", &[7, 9, 16]), ("notices.csv", &[6, 7])]
    {
        let rows = records(&text(&data, name));
        let times = rows.iter().flat_map(|(_, fields)| columns.iter().map(|column| fields[*column].clone()));
        let latest = times.filter_map(|time| chrono::DateTime::parse_from_rfc3339(&time).ok()).max();
        assert_eq!(latest, Some(end), "{name}");
    }
    let portal = text(&data, "portal.ndjson");
    let times = portal.lines().flat_map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        ["created_at", "paid_at", "observed_at"]
            .map(|name| value[name].as_str().unwrap_or_default().to_owned())
    });
    assert_eq!(times.filter_map(|time| chrono::DateTime::parse_from_rfc3339(&time).ok()).max(), Some(end));
}

#[test]
fn most_orders_agree_and_every_thousandth_row_or_so_cannot_be_read() {
    let rows = key(&generate(20_000, 11));
    let share = |class: &str| rows.iter().filter(|row| row[0] == class).count() * 1_000 / rows.len();
    assert!((780..=900).contains(&share("matched")), "{}", share("matched"));
    assert!((80..=160).contains(&share("unpaid")), "{}", share("unpaid"));
    assert!((1..=4).contains(&share("rejected")), "{}", share("rejected"));
}

#[test]
fn the_days_hold_each_row_once_and_none_before_it_could_be_known() {
    let data = generate_by_day(1_500, 2);
    assert_eq!(data.files[0], generate(1_500, 2).files[0]);
    for name in ["orders.csv", "reports.csv", "notices.csv", "settlements.csv", "bank.csv"] {
        let sorted = |mut rows: Vec<Vec<String>>| {
            rows.sort_unstable();
            rows
        };
        let rows = |file: &str| -> Vec<Vec<String>> {
            records(&text(&data, file)).into_iter().skip(1).map(|(_, fields)| fields).collect()
        };
        let days: Vec<&str> = data
            .files
            .iter()
            .map(|file| file.name.as_str())
            .filter(|file| file.ends_with(&format!("/{name}")))
            .collect();
        assert!(days.len() > 30, "{name}: {}", days.len());
        assert_eq!(sorted(days.iter().flat_map(|day| rows(day)).collect()), sorted(rows(name)), "{name}");
        let column = match name {
            "settlements.csv" => 11,
            "bank.csv" => 2,
            _ => continue,
        };
        for day in &days {
            let of_day = day.strip_prefix("day=").and_then(|rest| rest.get(..10)).unwrap();
            let told = rows(day).into_iter().filter(|fields| !fields[1].starts_with("BAD-"));
            assert!(told.map(|fields| fields[column].clone()).all(|known| known == of_day), "{day}");
        }
    }
}

#[test]
fn what_is_written_to_a_folder_is_what_is_made_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let places = write(folder.path(), 120, 5, true).unwrap();
    let data = generate_by_day(120, 5);
    assert_eq!(places.len(), data.files.len());
    for (file, place) in data.files.iter().zip(places) {
        assert_eq!(place, folder.path().join(&file.name));
        assert!(std::fs::read(place).unwrap() == file.bytes, "{}", file.name);
    }
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with('.')));
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("orders.csv")).unwrap();
    assert_eq!(write(folder.path(), 20, 5, false).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    assert!(!folder.path().join("reports.csv").exists());
}
