//! A generated data set told day by day ends with what its answer key says.

use std::collections::{BTreeMap, BTreeSet};

use cuadre::formats::Leg;
use cuadre_generator::{DataFile, Dataset, generate_by_day};

use crate::answer_key::{expected_lines, found_lines};
use crate::desk::{Before, Outcome, execute_counted, input};

const LEGS: [(Leg, &str); 6] = [
    (Leg::Orders, "orders.csv"),
    (Leg::Reports, "reports.csv"),
    (Leg::Reports, "portal.ndjson"),
    (Leg::Notices, "notices.csv"),
    (Leg::Settlements, "settlements.csv"),
    (Leg::Bank, "bank.csv"),
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

fn policy(data: &Dataset) -> &str {
    std::str::from_utf8(data.file("cuadre.toml").unwrap()).unwrap()
}

/// The header of a file, which makes its leg a part of the run on days of which nothing has come.
fn header<'d>(data: &'d Dataset, name: &str) -> &'d [u8] {
    data.file(name).unwrap().split_inclusive(|byte| *byte == b'\n').next().unwrap()
}

fn run(data: &Dataset, before: &Before, files: &[(&str, &DataFile)]) -> Outcome {
    let of_leg = |(leg, known): &(Leg, &'static str)| {
        let of_leg = files.iter().filter(|(name, _)| name == known);
        of_leg.map(|(_, file)| input(*leg, known, &file.bytes)).collect::<Vec<_>>()
    };
    let legs = LEGS.iter().flat_map(of_leg);
    let always = [(Leg::Settlements, "settlements.csv"), (Leg::Bank, "bank.csv")];
    let empty = always.into_iter().map(|(leg, name)| input(leg, name, header(data, name)));
    execute_counted(before, &legs.chain(empty).collect::<Vec<_>>(), policy(data), None, &[], None)
}

/// Runs day by day over what arrived; the outcome of each day.
fn told_by_day(data: &Dataset) -> Vec<Outcome> {
    let (mut before, mut outcomes) = (Before::default(), Vec::new());
    for files in days(data).values() {
        let outcome = run(data, &before, files);
        before = outcome.leaves(&before);
        outcomes.push(outcome);
    }
    outcomes
}

/// One run over all that arrived on the first so many days, in the files of the days: a statement speaks of the accounts in it.
fn told_at_once(data: &Dataset, days_read: usize) -> Outcome {
    let files: Vec<(&str, &DataFile)> = days(data).into_values().take(days_read).flatten().collect();
    run(data, &Before::default(), &files)
}

/// What somebody must look at or wait for. Rows set aside are told on the day on which they came.
fn standing(lines: BTreeMap<String, i64>) -> BTreeSet<String> {
    let gone = ["matched", "matched_within_tolerance", "unpaid", "rejected"];
    let class = |line: &String| line.split(',').next().unwrap_or_default().to_owned();
    lines.into_keys().filter(|line| !gone.contains(&class(line).as_str())).collect()
}

/// Compares what stands at the end of a day. A pattern over pairs that came to their end on different days is seen by a run over
/// everything alone.
#[track_caller]
fn compare(what: &str, found: &BTreeSet<String>, expected: &BTreeSet<String>) {
    let lasting = |line: &&String| !line.starts_with("finding,");
    let missing: Vec<&String> = expected.difference(found).filter(lasting).collect();
    let surplus: Vec<&String> = found.difference(expected).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "{what}: missing {missing:#?}, surplus {surplus:#?}");
}

#[test]
fn seven_weeks_day_by_day_end_with_the_answer_key() {
    for seed in 1..=2 {
        let data = generate_by_day(500, seed);
        let last = told_by_day(&data).pop().unwrap();
        compare(&format!("seed {seed}"), &standing(found_lines(&last)), &standing(expected_lines(&data)));
    }
}

/// No day's border makes a difference: each day ends as one run over all days until then.
#[test]
fn every_day_of_seven_weeks_ends_as_one_run_over_all_days_before() {
    let data = generate_by_day(400, 3);
    for (number, outcome) in (1..).zip(told_by_day(&data)).filter(|(number, _)| number % 4 == 0) {
        let whole = told_at_once(&data, number);
        compare(&format!("day {number}"), &standing(found_lines(&outcome)), &standing(found_lines(&whole)));
    }
}
