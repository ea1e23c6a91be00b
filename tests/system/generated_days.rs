//! A generated data set told day by day ends with what its answer key says.

use std::collections::{BTreeMap, BTreeSet};

use cuadre::formats::Leg;
use cuadre_generator::{DataFile, Dataset, generate_by_day};

use crate::answer_key::{expected_lines, found_lines};
use crate::desk::{Before, Outcome, execute_counted, input};

const LEGS: [(Leg, &str); 4] = [
    (Leg::Orders, "orders.csv"),
    (Leg::Reports, "reports.csv"),
    (Leg::Reports, "portal.ndjson"),
    (Leg::Notices, "notices.csv"),
];

/// The files of each day, by the name that they have on every day.
fn days(data: &Dataset) -> BTreeMap<&str, Vec<(&str, &DataFile)>> {
    let mut days: BTreeMap<&str, Vec<(&str, &DataFile)>> = BTreeMap::new();
    for file in &data.files {
        if let Some((day, name)) = file.name.split_once('/') {
            days.entry(day).or_default().push((name, file));
        }
    }
    days
}

/// Runs day by day over what arrived; the last day's outcome.
fn told_by_day(data: &Dataset) -> Outcome {
    let mut before = Before::default();
    let mut last = None;
    for files in days(data).values() {
        let of_leg = |(leg, known): &(Leg, &'static str)| {
            let found = files.iter().find(|(name, _)| name == known);
            found.map(|(_, file)| input(*leg, known, &file.bytes))
        };
        let legs: Vec<_> = LEGS.iter().filter_map(of_leg).collect();
        let outcome = execute_counted(&before, &legs, "", None, &[], None);
        before = outcome.leaves(&before);
        last = Some(outcome);
    }
    last.unwrap()
}

/// What somebody must look at or wait for. Rows set aside are told on the day on which they came.
fn standing(lines: BTreeMap<String, i64>) -> BTreeSet<String> {
    let gone = ["matched", "matched_within_tolerance", "unpaid", "rejected"];
    let class = |line: &String| line.split(',').next().unwrap_or_default().to_owned();
    lines.into_keys().filter(|line| !gone.contains(&class(line).as_str())).collect()
}

/// Lines of the legs that are not told by day here.
fn is_beside(line: &str) -> bool {
    let class = line.split(',').next().unwrap_or_default();
    class.contains("settle")
        || class.contains("deposit")
        || class.contains("invoice")
        || class == "refund_unpaid"
}

#[track_caller]
fn check(orders: u64, seed: u64) {
    let data = generate_by_day(orders, seed);
    let mut expected = standing(expected_lines(&data));
    expected.retain(|line| !is_beside(line));
    let found = standing(found_lines(&told_by_day(&data)));
    // A pattern over pairs that came to their end on different days is seen by a run over everything alone.
    let lasting = |line: &&String| !line.starts_with("finding,");
    let missing: Vec<&String> = expected.difference(&found).filter(lasting).collect();
    let surplus: Vec<&String> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "seed {seed}: missing {missing:#?}, surplus {surplus:#?}"
    );
}

#[test]
fn seven_weeks_day_by_day_end_with_the_answer_key() {
    for seed in 1..=2 {
        check(500, seed);
    }
}
