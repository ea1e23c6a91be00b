//! Generated data sets against their answer keys, row by row.

use std::collections::BTreeMap;

use cuadre::formats::Leg;
use cuadre::run::InputFile;
use cuadre_generator::{Dataset, generate};

use crate::desk::{Outcome, Row, execute_files, input, read_csv};

/// The run that the data set's README names.
pub fn reconcile(data: &Dataset) -> Outcome {
    reconcile_with(data, &[])
}

/// The same with further files, which tell nothing that the others do not.
fn reconcile_with(data: &Dataset, further: &[(Leg, &'static str)]) -> Outcome {
    let legs = [
        (Leg::Orders, "orders.csv"),
        (Leg::Reports, "reports.csv"),
        (Leg::Reports, "portal.ndjson"),
        (Leg::Notices, "notices.csv"),
        (Leg::Settlements, "settlements.csv"),
        (Leg::Bank, "bank.csv"),
    ];
    let file = |(leg, name): &(Leg, &'static str)| {
        // A statement is known by how it begins, whatever it is called.
        let known_as = if name.ends_with(".sta") { "bank.csv" } else { name };
        InputFile { name, source: name, ..input(*leg, known_as, data.file(name).unwrap()) }
    };
    let files: Vec<_> = legs.iter().chain(further).map(file).collect();
    let policy = std::str::from_utf8(data.file("cuadre.toml").unwrap()).unwrap();
    execute_files(&files, policy, None, &[])
}

const COLUMNS: [&str; 12] = [
    "class",
    "reason",
    "account",
    "cip",
    "reference_id",
    "operation_number",
    "currency",
    "order_amount",
    "report_amount",
    "file",
    "line",
    "field",
];

/// A line as the key has it: the reason of those classes alone that have one by the design.
fn key_of(row: &Row) -> String {
    let mut row = row.clone();
    let told = ["status_mismatch", "settlement_variance", "finding"];
    if row.get("class").is_some_and(|class| !told.contains(&class.as_str())) {
        row.remove("reason");
    }
    COLUMNS.map(|column| row.get(column).map_or("", String::as_str)).join(",")
}

fn counted(rows: impl IntoIterator<Item = String>) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row).or_default() += 1;
    }
    counts
}

/// What the key says, each line with how often it is there.
pub fn expected_lines(data: &Dataset) -> BTreeMap<String, i64> {
    let key = read_csv(data.file("answer-key.csv").unwrap());
    counted(key.iter().map(key_of))
}

/// What a run says: lines of pairs and what stands beside them, findings, and rows set aside.
pub fn found_lines(outcome: &Outcome) -> BTreeMap<String, i64> {
    let findings = outcome.breaks.iter().filter(|line| line["class"] == "finding").cloned();
    let rejected = outcome.rejected.iter().map(|row| {
        let mut row = row.clone();
        row.insert("class".to_owned(), "rejected".to_owned());
        row
    });
    let lines = outcome.lines().into_iter().chain(findings).chain(rejected);
    counted(lines.map(|row| key_of(&row)))
}

#[track_caller]
fn check(orders: u64, seed: u64) {
    let data = generate(orders, seed);
    let (expected, found) = (expected_lines(&data), found_lines(&reconcile(&data)));
    let missing: Vec<&String> =
        expected.iter().filter(|(row, n)| found.get(*row) != Some(n)).map(|(row, _)| row).collect();
    let surplus: Vec<&String> =
        found.iter().filter(|(row, n)| expected.get(*row) != Some(n)).map(|(row, _)| row).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "seed {seed}: {} expected lines are missing:\n{missing:#?}\n{} lines were not expected:\n{surplus:#?}",
        missing.len(),
        surplus.len()
    );
}

#[test]
fn five_thousand_orders_agree_with_their_key_row_by_row() {
    check(5_000, 3);
}

#[test]
fn other_seeds_agree_with_their_keys() {
    for seed in 1..=12 {
        check(600, seed);
    }
}

#[test]
fn a_shop_of_few_orders_agrees_with_its_key() {
    for orders in [1, 2, 5, 40] {
        check(orders, 9);
    }
}

#[test]
fn what_is_told_again_in_other_files_and_forms_changes_nothing() {
    let data = generate(1_500, 6);
    let again = [
        (Leg::Settlements, "settlements-again.csv"),
        (Leg::Bank, "bank-overlap.csv"),
        (Leg::Bank, "bank.sta"),
    ];
    for (_, name) in &again {
        assert!(data.file(name).unwrap().iter().filter(|byte| **byte == b'\n').count() > 20, "{name}");
    }
    assert_eq!(found_lines(&reconcile_with(&data, &again)), found_lines(&reconcile(&data)));
}

/// A header without rows is a good file.
#[test]
fn a_shop_without_orders_has_nothing_to_settle() {
    let data = generate(0, 1);
    let outcome = {
        let file = |leg, name| input(leg, name, data.file(name).unwrap());
        let files = [file(Leg::Orders, "orders.csv"), file(Leg::Reports, "reports.csv")];
        execute_files(&files, "", None, &[])
    };
    assert!(outcome.lines().is_empty() && outcome.run.agrees());
}
