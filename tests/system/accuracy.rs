//! How much of generated data is found, class by class and step by step of a payment's way, and what is found falsely.
//!
//! `cargo test -p cuadre-tests --test system accuracy -- --nocapture` prints the tables of docs/accuracy.md;
//! `CUADRE_ACCURACY=100000` adds a data set of so many orders.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cuadre_generator::{Dataset, generate};

use crate::answer_key::{expected_lines, found_lines, reconcile};
use crate::desk::{Outcome, Row, read_csv};

/// What became of the lines of one class, or of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Score {
    planted: usize,
    /// Of these, such as nothing in the files tells: they have to be named as breaks and not paired.
    unresolvable: usize,
    found: usize,
    falsely: usize,
}

impl Score {
    const fn plus(self, other: Score) -> Score {
        Score {
            planted: self.planted + other.planted,
            unresolvable: self.unresolvable + other.unresolvable,
            found: self.found + other.found,
            falsely: self.falsely + other.falsely,
        }
    }
}

type Scores = BTreeMap<String, Score>;

fn rows(data: &Dataset, name: &str) -> Vec<Row> {
    read_csv(data.file(name).unwrap())
}

/// The lines of each class against the key.
fn by_class(data: &Dataset, outcome: &Outcome) -> Scores {
    let mut scores = Scores::new();
    let class_of = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
    for row in rows(data, "answer-key.csv") {
        let score = scores.entry(row["class"].clone()).or_default();
        score.planted += 1;
        score.unresolvable += usize::from(row["resolvable"] == "no");
    }
    let (expected, found) = (expected_lines(data), found_lines(outcome));
    for (line, count) in &found {
        let wanted = expected.get(line).copied().unwrap_or_default().min(*count);
        let score = scores.entry(class_of(line)).or_default();
        score.found += usize::try_from(wanted).unwrap();
        score.falsely += usize::try_from(count - wanted).unwrap();
    }
    scores
}

fn part(row: &Row, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| row[*name].clone()).collect()
}

const PAIR: [&str; 3] = ["account", "reference_id", "cip"];
const PAYMENT: [&str; 3] = ["account", "cip", "operation_number"];
const WHOLE: [&str; 4] = ["account", "reference_id", "cip", "operation_number"];

fn is_untold(pair: &Row, step: &str) -> bool {
    pair["unresolvable"].split(';').any(|untold| untold == step)
}

/// Which order a payment pays: what stands on one line was paired. A further payment bears the order's reference and no
/// amount of it.
fn of_orders(pairs: &[Row], key: &[Row], outcome: &Outcome) -> Score {
    let lines = outcome.lines();
    let paired =
        lines.iter().filter(|line| !line["order_amount"].is_empty() && !line["report_amount"].is_empty());
    let of_pairs =
        paired.filter(|line| !["finding", "settlement_variance"].contains(&line["class"].as_str()));
    let mut score = Score::default();
    let further = lines.iter().filter(|line| line["class"] == "duplicate_payment");
    let mut shown: BTreeSet<Vec<String>> = further.map(|line| part(line, &PAIR)).collect();
    let payments: BTreeSet<Vec<String>> = pairs.iter().map(|pair| part(pair, &WHOLE)).collect();
    let known: BTreeSet<Vec<String>> = key.iter().chain(pairs).map(|row| part(row, &PAIR)).collect();
    for line in of_pairs.filter(|line| !line["cip"].is_empty()) {
        let is_true = if line["operation_number"].is_empty() {
            known.contains(&part(line, &PAIR))
        } else {
            payments.contains(&part(line, &WHOLE))
        };
        score.falsely += usize::from(!is_true);
        shown.insert(part(line, &PAIR));
    }
    for pair in pairs.iter().filter(|pair| !pair["reference_id"].is_empty()) {
        score.planted += 1;
        score.unresolvable += usize::from(is_untold(pair, "order"));
        score.found += usize::from(shown.contains(&part(pair, &PAIR)));
    }
    score
}

/// Which batch pays a payment out: what is not unsettled was found in one.
fn of_settlements(pairs: &[Row], key: &[Row], outcome: &Outcome) -> Score {
    let unsettled = |rows: &[Row]| -> BTreeSet<Vec<String>> {
        rows.iter().filter(|row| row["class"] == "unsettled").map(|row| part(row, &PAYMENT)).collect()
    };
    let (told, found) = (unsettled(key), unsettled(&outcome.breaks));
    let mut score = Score { falsely: told.difference(&found).count(), ..Score::default() };
    for pair in pairs.iter().filter(|pair| !pair["settlement_id"].is_empty() && !pair["cip"].is_empty()) {
        score.planted += 1;
        score.unresolvable += usize::from(is_untold(pair, "settlement"));
        score.found += usize::from(!found.contains(&part(pair, &PAYMENT)));
    }
    score
}

/// Which line of the bank a batch came with. Of the batches that share a deposit the first alone bears it.
fn of_deposits(pairs: &[Row], bank: &[Row], outcome: &Outcome) -> Score {
    let amounts: BTreeMap<&str, &str> =
        bank.iter().map(|line| (line["movement"].as_str(), line["amount"].as_str())).collect();
    let truth: BTreeMap<Vec<String>, &Row> =
        pairs.iter().map(|pair| (part(pair, &["account", "settlement_id", "currency"]), pair)).collect();
    let mut score = Score::default();
    let mut came: BTreeSet<&str> = BTreeSet::new();
    let settlements = outcome.settlements();
    for batch in settlements.iter().filter(|batch| !batch["deposit"].is_empty()) {
        let pair = truth.get(&part(batch, &["account", "settlement_id", "currency"]));
        let movement = pair.map_or("", |pair| pair["movement"].as_str());
        let is_true = amounts.get(movement) == Some(&batch["deposit"].as_str());
        score.falsely += usize::from(!is_true);
        came.extend(Some(movement).filter(|_| is_true));
    }
    for pair in truth.values().filter(|pair| !pair["movement"].is_empty()) {
        score.planted += 1;
        score.unresolvable += usize::from(is_untold(pair, "deposit"));
        score.found += usize::from(came.contains(pair["movement"].as_str()));
    }
    score
}

fn by_step(data: &Dataset, outcome: &Outcome) -> Scores {
    let (pairs, key) = (rows(data, "pairs.csv"), rows(data, "answer-key.csv"));
    Scores::from([
        ("payment to order".to_owned(), of_orders(&pairs, &key, outcome)),
        ("payment to settlement".to_owned(), of_settlements(&pairs, &key, outcome)),
        ("settlement to deposit".to_owned(), of_deposits(&pairs, &rows(data, "bank.csv"), outcome)),
    ])
}

fn add(sums: &mut Scores, scores: Scores) {
    for (name, score) in scores {
        let sum = sums.entry(name).or_default();
        *sum = sum.plus(score);
    }
}

/// Lines that agree with the key are named whether they can be resolved or not; steps that cannot be resolved are not to
/// be found.
#[track_caller]
fn check(orders: u64, seed: u64) -> (Scores, Scores) {
    let data = generate(orders, seed);
    let outcome = reconcile(&data);
    let (classes, steps) = (by_class(&data, &outcome), by_step(&data, &outcome));
    for (name, score) in &classes {
        assert_eq!((score.found, score.falsely), (score.planted, 0), "{name}, {orders} orders, seed {seed}");
    }
    for (name, score) in &steps {
        let resolvable = score.planted - score.unresolvable;
        assert_eq!((score.found, score.falsely), (resolvable, 0), "{name}, {orders} orders, seed {seed}");
    }
    (classes, steps)
}

fn table(title: &str, scores: &Scores) -> String {
    let mut out =
        format!("| {title} | planted | unresolvable | found | falsely |\n| --- | --- | --- | --- | --- |\n");
    let sum = scores.values().copied().fold(Score::default(), Score::plus);
    for (name, score) in scores.iter().map(|(name, score)| (name.as_str(), *score)).chain([("all", sum)]) {
        let Score { planted, unresolvable, found, falsely } = score;
        writeln!(out, "| {name} | {planted} | {unresolvable} | {found} | {falsely} |").unwrap();
    }
    out
}

#[test]
fn nothing_is_found_falsely_and_everything_that_can_be_is_found() {
    let mut sizes: Vec<(u64, u64)> = (1..=6).map(|seed| (800, seed)).collect();
    sizes.push((5_000, 7));
    if let Some(orders) = std::env::var("CUADRE_ACCURACY").ok().and_then(|text| text.parse().ok()) {
        sizes.push((orders, 8));
    }
    let (mut classes, mut steps) = (Scores::new(), Scores::new());
    for (orders, seed) in sizes {
        let (of_classes, of_steps) = check(orders, seed);
        add(&mut classes, of_classes);
        add(&mut steps, of_steps);
    }
    println!("{}\n{}", table("class", &classes), table("step", &steps));
}
