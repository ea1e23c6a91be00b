//! A second implementation of the order–report relation: slow, obvious, written from the rules and sharing no code with the
//! engine. Small worlds by chance are judged by both.
//!
//! The worlds hold what decides most: several orders that share references and CIPs, payments that repeat, contradict,
//! are refunded in part or whole or taken back, snapshots that overtake each other, rows without times, and silence. Left out
//! are payments without number and a second source of reports, whose binding has tables of its own (`operations.rs`), and notices.

mod judge;
mod provider;
mod shop;
mod world;

use std::collections::BTreeMap;

use cuadre::calendar::Instant;
use cuadre::formats::Leg;

use crate::desk::{COMPLETE, Outcome, execute_files, input, long_time};
use world::{World, worlds};

/// How many worlds are judged; `CUADRE_WORLDS` asks for more.
const WORLDS: u64 = 60_000;
/// So many are judged in one run, each under an account of its own.
const WORLDS_A_RUN: u64 = 2_000;

/// What both implementations must say of a line: class, reason of a status mismatch, CIPs, reference, operation number, both amounts.
pub type Told = [String; 7];

/// Up to when each side was heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub orders: Option<i64>,
    pub reports: Option<i64>,
}

/// Minutes since the month began in Lima; every time of a world is a whole minute.
pub const AS_OF: i64 = (19 * 24 + 12) * 60;

fn by_the_engine(outcome: &Outcome) -> BTreeMap<String, Vec<Told>> {
    let mut lines: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for row in outcome.lines() {
        let reason = if row["class"] == "status_mismatch" { row["reason"].clone() } else { String::new() };
        let [class, account, cip, reference, number, order, report] =
            ["class", "account", "cip", "reference_id", "operation_number", "order_amount", "report_amount"]
                .map(|column| row[column].clone());
        lines.entry(account).or_default().push([class, reason, cip, reference, number, order, report]);
    }
    lines.values_mut().for_each(|lines| lines.sort());
    lines
}

fn check(first_seed: u64, complete: bool) {
    let worlds: Vec<World> = worlds(first_seed, WORLDS_A_RUN);
    let (orders, reports) = world::csv(&worlds);
    let heard =
        if complete { Heard { orders: Some(AS_OF), reports: Some(AS_OF) } } else { world::heard(&worlds) };
    let files = [input(Leg::Orders, "orders.csv", &orders), input(Leg::Reports, "reports.csv", &reports)];
    let policy = if complete { COMPLETE } else { "" };
    let as_of = Instant::parse(&long_time("20T12:00"));
    let mut engine = by_the_engine(&execute_files(&files, policy, as_of, &[]));
    for world in &worlds {
        let found = engine.remove(&world.account).unwrap_or_default();
        let expected = judge::lines(world, heard);
        assert_eq!(found, expected, "left: the engine, right: the rules, of {world:#?}");
    }
    assert!(engine.is_empty(), "lines of accounts that have no rows: {engine:#?}");
}

#[test]
fn both_implementations_say_the_same() {
    let worlds = std::env::var("CUADRE_WORLDS").ok().map_or(WORLDS, |number| number.parse().unwrap());
    for run in 0..worlds.div_ceil(WORLDS_A_RUN) {
        check(run * WORLDS_A_RUN, run % 3 != 2);
    }
}
