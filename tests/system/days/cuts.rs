//! A world of facts cut into days, any way, and run day by day ends with the breaks of one run over everything.

use std::collections::BTreeSet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::opens_with_what_was_carried;
use crate::desk::{Before, COMPLETE, Desk, Outcome, Row};
use crate::worlds::world;

const WORLDS: u64 = 150;
const CUTS: u32 = 2;

/// Puts each row on one of the days, and some on two: what has arrived may arrive again.
fn cut(world: &Desk, days: usize, random: &mut ChaCha8Rng) -> Vec<Desk> {
    let mut cut = vec![world.clone(); days];
    for day in &mut cut {
        day.orders.clear();
        day.reports.clear();
        day.portal.clear();
        day.notices = None;
        // Legs that are a part of the input stay one, whatever they say that day.
        day.settlements.iter_mut().for_each(Vec::clear);
        day.bank.iter_mut().for_each(Vec::clear);
    }
    // Equal lines of one file of settlements or of the bank are several; those of two files are one.
    let mut deal = |rows: &[Row], are_numbered: bool, put: &dyn Fn(&mut Desk, Row)| {
        for row in rows {
            let first = random.random_range(0..days);
            put(&mut cut[first], row.clone());
            let again = random.random_range(0..days);
            if random.random_ratio(1, 5) && !(are_numbered && again == first) {
                put(&mut cut[again], row.clone());
            }
        }
    };
    deal(&world.orders, false, &|day, row| day.orders.push(row));
    deal(&world.reports, false, &|day, row| day.reports.push(row));
    deal(&world.portal, false, &|day, row| day.portal.push(row));
    deal(world.notices.as_deref().unwrap_or_default(), false, &|day, row| {
        day.notices.get_or_insert_default().push(row);
    });
    for (number, file) in world.settlements.iter().enumerate() {
        deal(file, true, &|day, row| day.settlements[number].push(row));
    }
    for (number, file) in world.bank.iter().enumerate() {
        deal(file, true, &|day, row| day.bank[number].push(row));
    }
    cut
}

/// Everything that somebody must look at or wait for: identity, class, reason and amounts.
fn standing(outcome: &Outcome) -> BTreeSet<String> {
    let columns = ["break_id", "class", "reason", "currency", "order_amount", "report_amount", "severity"];
    let lines = outcome.lines();
    let lasting = lines
        .iter()
        .filter(|line| !matches!(line["class"].as_str(), "matched" | "matched_within_tolerance" | "unpaid"));
    lasting.map(|line| columns.map(|column| line[column].as_str()).join(" ")).collect()
}

#[track_caller]
pub(super) fn check_cuts(seed: u64, world: &Desk, random: &mut ChaCha8Rng) {
    let whole = world.run();
    for _ in 0..CUTS {
        let days = cut(world, random.random_range(1..5), random);
        let mut before = Before::default();
        let mut last: Option<Outcome> = None;
        for day in &days {
            let outcome = day.run_after(&before);
            if let Some(yesterday) = &last {
                opens_with_what_was_carried(yesterday, &outcome);
            }
            before = outcome.leaves(&before);
            last = Some(outcome);
        }
        let last = last.unwrap();
        assert_eq!(standing(&last), standing(&whole), "seed {seed}: {days:#?}");
    }
}

#[test]
fn any_cut_into_days_ends_with_the_breaks_of_one_run() {
    for seed in 0..WORLDS {
        let (world, mut random) = world(seed);
        check_cuts(seed, &world, &mut random);
    }
}

/// Where nothing is kept open for late cash, stubs alone bring back what a later fact touches.
#[test]
fn stubs_alone_bring_back_what_is_closed() {
    for seed in 0..WORLDS {
        let (world, mut random) = world(seed);
        let forgetful = world.policy(&format!("{COMPLETE}[carry]\nunpaid_days = 0\n"));
        check_cuts(seed, &forgetful, &mut random);
    }
}

/// Each file covers what is up to the latest time in it, and that is the moment of judgement.
#[test]
fn coverage_is_remembered_over_any_cut() {
    for seed in 0..WORLDS {
        let (world, mut random) = world(seed);
        check_cuts(seed, &world.plain(), &mut random);
    }
}
