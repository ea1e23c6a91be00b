//! Runs that go on from each other, told day by day both ways: every output of every day is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use cuadre::calendar::Instant;
use cuadre::carry::{Carried, CarriedFile};
use cuadre::formats::Leg;
use cuadre::ids::Cip;
use cuadre::run::{Look, Work, goes_quick, reference, stream};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    Chance, File, Row, SUSPICIOUS, Terms, UNWATCHED, WAYS, Written, classes, csv, first_difference, go,
    ledgers,
};

const WORLDS: u64 = 40;
const DAYS: usize = 4;
const LEGS: [&str; 5] = ["orders", "reports", "notices", "settlements", "bank"];

/// What the days before have left.
#[derive(Default)]
pub(super) struct Before {
    pub open: Option<Vec<u8>>,
    pub closed: Vec<Vec<u8>>,
    /// Whether this day leaves stubs.
    pub keep_closed: bool,
}

impl Chance {
    fn notice(&mut self) -> Row {
        vec![
            ("account", self.account()),
            ("cip", self.cip().split(';').next().unwrap_or_default().to_owned()),
            ("event_type", self.one(&["cip.paid", "cip.paid", "cip.paid", "cip.expired"]).to_owned()),
            ("operation_number", if self.odds(4) { String::new() } else { self.number().to_string() }),
            ("amount", self.amount()),
            ("currency", self.one(&["PEN", "PEN", "PEN", "USD"]).to_owned()),
            ("paid_at", self.time()),
            ("received_at", "2026-03-07T09:00:00-05:00".to_owned()),
        ]
    }

    /// Searches for some CIPs, whether they found anything or not.
    fn looks(&mut self) -> Vec<Look> {
        let look = |_| Look {
            account: self.one(&["a", "b", "tienda-3", "tienda-4"]).to_owned(),
            cip: Cip::parse(&(5_000_000 + self.number() * 7).to_string()).unwrap(),
            looked_at: Instant::parse("2026-03-18T10:00:00-05:00").unwrap(),
        };
        (0..30).map(look).collect()
    }

    /// New rows, and some that were told on a day before.
    fn rows_after(&mut self, before: &mut Vec<Row>, row: impl Fn(&mut Chance) -> Row) -> Vec<Row> {
        let again: Vec<Row> = before.iter().filter(|_| self.odds(8)).cloned().collect();
        let mut rows = self.rows(row);
        before.extend(rows.iter().cloned());
        rows.extend(again);
        rows
    }
}

/// The files of each day.
fn days(chance: &mut Chance) -> Vec<Vec<File>> {
    let (mut orders, mut reports, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    let columns = |row: Row| row.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let (of_order, of_report, of_notice) =
        (columns(chance.order()), columns(chance.report()), columns(chance.notice()));
    let (with_notices, with_ledgers) = (!chance.odds(4), chance.odds(2));
    let day = |_| {
        let mut files = Vec::new();
        let rows = chance.rows_after(&mut orders, Chance::order);
        files.push(File { leg: Leg::Orders, name: "orders.csv", text: csv(&of_order, &rows, chance) });
        let rows = chance.rows_after(&mut reports, Chance::report);
        files.push(File { leg: Leg::Reports, name: "reports.csv", text: csv(&of_report, &rows, chance) });
        if chance.odds(3) {
            let rows = chance.rows(Chance::report);
            files.push(File { leg: Leg::Reports, name: "portal.csv", text: csv(&of_report, &rows, chance) });
        }
        if with_ledgers {
            files.extend(ledgers::files(chance, &reports));
        }
        if with_notices && !chance.odds(4) {
            let rows = chance.rows_after(&mut notices, Chance::notice);
            files.push(File { leg: Leg::Notices, name: "notices.csv", text: csv(&of_notice, &rows, chance) });
        }
        files
    };
    (0..DAYS).map(day).collect()
}

/// A world of several days, and the terms of each.
pub(super) fn world(seed: u64) -> Vec<(Vec<File>, Terms)> {
    let random = ChaCha8Rng::seed_from_u64(seed);
    let (wide, quotes, dirt) = (seed.is_multiple_of(2), seed.is_multiple_of(5), seed.is_multiple_of(3));
    let mut chance = Chance { random, wide, quotes, dirt };
    let days = days(&mut chance);
    let fraud = [UNWATCHED, "", SUSPICIOUS, SUSPICIOUS][usize::try_from(seed / 2 % 4).unwrap()];
    let complete = "[coverage]\norders = \"complete\"\nreports = \"complete\"\nnotices = \"complete\"\n";
    let forgetful = if chance.odds(2) { "[carry]\nunpaid_days = 0\n" } else { "" };
    let policy = format!("{}{forgetful}{fraud}", if chance.odds(2) { complete } else { "" });
    let only_account = if chance.odds(4) { Some("a") } else { None };
    let (timed, searched) = (chance.odds(2), chance.odds(3));
    let moments = ["2026-03-12T12:00:00-05:00", "2026-03-20T12:00:00-05:00", "2026-04-25T12:00:00-05:00"];
    let day = |(number, files): (usize, Vec<File>)| {
        let as_of = if timed { Instant::parse(moments[number.min(2)]) } else { None };
        let looks = if searched { chance.looks() } else { Vec::new() };
        let refused = if chance.odds(3) { Some(chance.refused()) } else { None };
        (files, Terms { only_account, as_of, looks, refused, searched, ..Terms::of(&policy) })
    };
    days.into_iter().enumerate().map(day).collect()
}

/// Runs a day both ways, and fails the test where one differs from the reference.
#[track_caller]
pub(super) fn check(before: &Before, files: &[File], terms: &Terms, what: &str) -> Option<Written> {
    let open: Vec<_> = before.open.iter().map(|bytes| CarriedFile { name: "open.ndjson", bytes }).collect();
    let closed: Vec<_> =
        before.closed.iter().map(|bytes| CarriedFile { name: "closed.ndjson", bytes }).collect();
    let carried = Carried { open: &open, closed: &closed, keep_closed: before.keep_closed };
    let expected =
        go(files, terms, false, |files, settings, outputs| reference(&carried, files, settings, outputs));
    // Every other way is taken; which ones it are differs from day to day.
    let turn = files.iter().map(|file| file.text.len()).sum::<usize>();
    let ways = WAYS.into_iter().enumerate().filter(|(number, _)| (number + turn).is_multiple_of(2));
    for (threads, piece_bytes, part_bytes) in ways.map(|(_, way)| way) {
        let threads = NonZeroUsize::new(threads).unwrap();
        let work = Work { threads, piece_bytes, part_bytes, keep_breaks: true };
        let gave = go(files, terms, threads.get() > 1, |files, settings, outputs| {
            assert!(goes_quick(settings), "{what}: nothing is compared");
            stream(&carried, files, settings, work, outputs)
        });
        if gave != expected {
            panic!("{what}, {work:?}: {}", first_difference(&gave, &expected));
        }
    }
    expected.ok().map(|(written, ..)| written)
}

/// How many rows of these legs moved so, over all currencies.
pub(super) fn moved(written: &Written, way: &str, legs: &[&str]) -> u64 {
    let summary: serde_json::Value = serde_json::from_str(&written.text("summary.json")).unwrap();
    let legs = summary["carry"].as_object().unwrap().iter().filter(|(leg, _)| legs.contains(&leg.as_str()));
    let currencies = legs.flat_map(|(_, leg)| leg.as_object().unwrap().values());
    currencies.map(|shares| shares[way]["rows"].as_u64().unwrap_or(0)).sum()
}

#[test]
fn days_that_go_on_from_each_other_are_told_alike() {
    let ways = ["opening", "reopened", "new", "told_again", "closed", "carried"];
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let mut told = 0;
    for seed in 0..WORLDS {
        let mut before = Before { keep_closed: true, ..Before::default() };
        for (number, (files, terms)) in world(seed).into_iter().enumerate() {
            let what = format!("seed {seed}, day {number}");
            let Some(written) = check(&before, &files, &terms, &what) else { break };
            ways.iter().for_each(|way| *rows.entry(way).or_default() += moved(&written, way, &LEGS));
            found.extend(classes(&written));
            before.closed.push(written.text("closed.ndjson").into_bytes());
            before.open = Some(written.text("open.ndjson").into_bytes());
            told += usize::from(number == DAYS - 1);
        }
    }
    assert!(told > 20, "{told} worlds were told to their end");
    assert!(ways.iter().all(|way| rows[way] > 200), "some rows do not come up: {rows:?}");
    for class in ["missing_notice", "unconfirmed_notice", "conflicting_record", "open", "unpaid", "matched"] {
        assert!(found.contains(class), "no world has {class}: it is not tested");
    }
}
