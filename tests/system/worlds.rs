//! Small worlds by chance, in which rows collide far more often than in life: whatever they say, the run ends, the books
//! add up (a run that does not conserve fails), and neither order nor repetition changes what is found.

use std::collections::BTreeSet;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::desk::{COMPLETE, Desk, Outcome, desk};

const WORLDS: u64 = 200;
const TURNS: u64 = 3;

struct Chance(ChaCha8Rng);

impl Chance {
    fn one<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values.choose(&mut self.0).copied().unwrap_or_default()
    }

    /// `name=value`, or nothing.
    fn maybe(&mut self, name: &str, values: &[&str]) -> String {
        if self.0.random_ratio(1, 2) { String::new() } else { format!(" {name}={}", self.one(values)) }
    }

    fn times(&mut self) -> u64 {
        self.0.random_range(0..5)
    }
}

const REFERENCES: [&str; 3] = ["A", "B", ""];
const CIPS: [&str; 3] = ["100", "200", ""];
const AMOUNTS: [&str; 4] = ["50.00", "50.00", "50.04", "60.00"];
const CURRENCIES: [&str; 5] = ["PEN", "PEN", "PEN", "PEN", "USD"];
const TIMES: [&str; 5] = ["1T10:00", "1T11:00", "1T12:00", "2T09:00", "19T09:00"];

fn order(chance: &mut Chance) -> String {
    let status = chance.one(&["pending", "paid", "fulfilled", "cancelled", "expired", "refunded"]);
    format!(
        "reference_id={} cip={} amount={} currency={} status={status} created_at={}{}{}{}{}",
        chance.one(&["A", "B"]),
        chance.one(&["100", "200", "100;200", ""]),
        chance.one(&AMOUNTS),
        chance.one(&CURRENCIES),
        chance.one(&["1T09:00", "1T09:00", "1T09:30"]),
        chance.maybe("paid_at", &TIMES),
        chance.maybe("expires_at", &TIMES),
        chance.maybe("updated_at", &TIMES),
        chance.maybe("refunded_amount", &["20.00", "50.00"]),
    )
}

fn report(chance: &mut Chance) -> String {
    let status = chance.one(&["pending", "paid", "paid", "expired", "removed", "refunded", "reversed"]);
    let (cip, mut reference) = (chance.one(&CIPS), chance.one(&REFERENCES));
    // A row must be known by something.
    if cip.is_empty() && reference.is_empty() {
        reference = "A";
    }
    let event = ["paid", "refunded", "reversed"].contains(&status);
    format!(
        "cip={cip} reference_id={reference} amount={} currency={} status={status} operation_number={} paid_at={} observed_at={}{}{}",
        chance.one(&AMOUNTS),
        chance.one(&CURRENCIES),
        if event { chance.one(&["7", "8", "P1", ""]) } else { "" },
        if event { chance.one(&["1T10:00", "1T11:00", "1T12:00", "19T09:00", ""]) } else { "" },
        chance.one(&["1T10:00", "1T11:00", "2T09:00", "", ""]),
        chance.maybe("expires_at", &["1T11:00", "30T00:00"]),
        chance.maybe("refunded_amount", &["20.00", "50.00"]),
    )
}

fn notice(chance: &mut Chance) -> String {
    format!(
        "cip={} operation_number={} amount={} event_type={} received_at={}",
        chance.one(&["100", "200"]),
        chance.one(&["7", "8", ""]),
        chance.one(&AMOUNTS),
        chance.one(&["cip.paid", "cip.paid", "cip.expired"]),
        chance.one(&TIMES),
    )
}

pub(crate) fn world(seed: u64) -> (Desk, ChaCha8Rng) {
    let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
    let mut world = desk();
    if seed.is_multiple_of(3) {
        world = world.plain().judged_at("20T12:00");
    }
    for _ in 0..chance.times() {
        world = world.order(&order(&mut chance));
    }
    for _ in 0..chance.times() + 1 {
        world = world.report(&report(&mut chance));
    }
    for _ in 0..chance.times() / 2 {
        world = world.portal(&report(&mut chance));
    }
    // In every other world all rows are of one CIP and one currency, so that payments and what takes them back collide.
    if seed.is_multiple_of(2) {
        for _ in 0..chance.times() {
            world = world.report(&report(&mut chance));
        }
        for row in world.orders.iter_mut().chain(&mut world.reports).chain(&mut world.portal) {
            row.insert("cip".to_owned(), "100".to_owned());
            row.insert("currency".to_owned(), "PEN".to_owned());
        }
    }
    for _ in 0..chance.times() {
        world = world.notice(&notice(&mut chance));
    }
    (world, chance.0)
}

const TABLES: [&str; 3] = ["breaks.csv", "matched.csv", "open.ndjson"];

fn outputs(outcome: &Outcome) -> [String; 3] {
    TABLES.map(|name| String::from_utf8(outcome.bytes(name).to_vec()).unwrap())
}

/// I1: the same facts in any order give the same outcome.
#[test]
fn rows_may_come_in_any_order() {
    for seed in 0..WORLDS {
        let (world, mut random) = world(seed);
        let original = world.run();
        for _ in 0..TURNS {
            let mut turned = world.clone();
            turned.orders.shuffle(&mut random);
            turned.reports.shuffle(&mut random);
            turned.portal.shuffle(&mut random);
            turned.notices.iter_mut().for_each(|rows| rows.shuffle(&mut random));
            let turned = turned.run();
            assert_eq!(outputs(&turned), outputs(&original), "seed {seed}: {world:#?}");
            assert_eq!(turned.summary["classes"], original.summary["classes"], "seed {seed}");
            assert_eq!(
                turned.summary["conservation"], original.summary["conservation"],
                "seed {seed}: {world:#?}"
            );
        }
    }
}

/// I1: the same facts any number of times give the same outcome.
#[test]
fn rows_may_be_told_again() {
    for seed in 0..WORLDS {
        let (world, mut random) = world(seed);
        let mut again = world.clone();
        for rows in [&mut again.orders, &mut again.reports, &mut again.portal] {
            let copies: Vec<_> = rows.iter().filter(|_| random.random_ratio(1, 2)).cloned().collect();
            rows.extend(copies);
        }
        again.notices.iter_mut().for_each(|rows| rows.extend(rows.clone()));
        let (once, again) = (world.run(), again.run());
        assert_eq!(outputs(&again), outputs(&once), "seed {seed}: {world:#?}");
    }
}

/// Every order gets one line of its pair, and no line is told twice.
#[test]
fn every_order_is_judged_once() {
    for seed in 0..WORLDS {
        let (world, _) = world(seed);
        let known: BTreeSet<(&String, &String)> =
            world.orders.iter().map(|row| (&row["reference_id"], &row["created_at"])).collect();
        let outcome = world.run();
        let lines = outcome.lines();
        let pairs = lines.iter().filter(|line| !line["order_amount"].is_empty()).count();
        assert_eq!(pairs, known.len(), "seed {seed}: {lines:#?}");
        let identities: BTreeSet<&String> = lines.iter().map(|line| &line["break_id"]).collect();
        assert_eq!(identities.len(), lines.len(), "seed {seed}: {lines:#?}");
    }
}

/// Every leg's buckets hold every row and its money (rule 7), counted here from the rows themselves.
#[test]
fn every_row_is_counted_once() {
    for seed in 0..WORLDS {
        let (world, _) = world(seed);
        let outcome = world.run();
        let legs = [
            ("orders", world.orders.clone()),
            ("reports", world.reports.iter().chain(&world.portal).cloned().collect()),
            ("notices", world.notices.clone().unwrap_or_default()),
        ];
        for (leg, rows) in legs {
            for currency in ["PEN", "USD"] {
                let minors = rows.iter().filter(|row| row["currency"] == currency);
                let minors = minors.map(|row| cuadre::money::parse_minor(&row["amount"]).unwrap());
                let told = minors.fold((0, 0), |(count, sum), minor| (count + 1, sum + minor));
                let buckets = &outcome.summary["conservation"][leg][currency];
                let held =
                    buckets.as_object().into_iter().flatten().fold((0, 0), |(rows, minor), (_, held)| {
                        (rows + held["rows"].as_i64().unwrap(), minor + held["minor"].as_i64().unwrap())
                    });
                assert_eq!(held, told, "seed {seed}, {leg} {currency}");
            }
        }
    }
}

/// Σ report − Σ order over what matched is what is booked (rule 7), per currency, also where amounts in two meet at a rate
/// and a share of the order is tolerated.
#[test]
fn what_matched_differs_by_what_is_booked() {
    let policy =
        "[tolerance]\npercent = \"1\"\n[[fx.rates]]\nfrom = \"USD\"\nto = \"PEN\"\nrate = \"1.001\"\n";
    let policy = format!("{COMPLETE}{policy}");
    let mut exchanging = 0;
    for seed in (1..WORLDS * 10).step_by(2) {
        let (world, _) = world(seed);
        let summary = world.policy(&policy).run().summary;
        for currency in ["PEN", "USD"] {
            let matched =
                |leg: &str| summary["conservation"][leg][currency]["matched"]["minor"].as_i64().unwrap_or(0);
            let booked = |part: &str, key: &str| summary[part]["1"][currency][key].as_i64().unwrap_or(0);
            let varied = booked("variance", "over_minor") - booked("variance", "under_minor");
            let exchanged = booked("fx", "minor");
            assert_eq!(matched("reports") - matched("orders"), varied + exchanged, "seed {seed} {currency}");
            exchanging += u32::from(exchanged != 0);
        }
    }
    assert!(exchanging > 7, "only {exchanging} sums were exchanged");
}
