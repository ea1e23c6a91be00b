//! The same facts in any order give the same outputs, and the books add up whatever the facts are.

use cuadre::formats::Leg;
use cuadre_generator::{Dataset, generate};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::desk::{Desk, Outcome, desk, execute_files, input};

/// "A shuffle of rows changes nothing but `inputs` in `summary.json` and line numbers in `rejected.csv`."
#[track_caller]
fn check_same(shuffled: &Outcome, original: &Outcome) {
    for name in ["breaks.csv", "matched.csv", "open.ndjson"] {
        let text = |outcome: &Outcome| String::from_utf8(outcome.bytes(name).to_vec()).unwrap();
        let (a, b) = (text(shuffled), text(original));
        let differing = a.lines().zip(b.lines()).find(|(a, b)| a != b);
        assert!(a == b, "{name} differs, first in {differing:#?}");
    }
    let without_inputs = |outcome: &Outcome| {
        let mut summary = outcome.summary.clone();
        summary.as_object_mut().unwrap().remove("inputs");
        summary
    };
    assert_eq!(without_inputs(shuffled), without_inputs(original));
    let without_lines = |outcome: &Outcome| {
        let mut rows = outcome.rejected.clone();
        rows.iter_mut().for_each(|row| drop(row.remove("line")));
        rows.sort_unstable();
        rows
    };
    assert_eq!(without_lines(shuffled), without_lines(original));
}

fn shuffle_csv(bytes: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
    let mut records: Vec<csv::ByteRecord> = reader.byte_records().map(Result::unwrap).collect();
    records[1..].shuffle(random);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    records.iter().for_each(|record| writer.write_byte_record(record).unwrap());
    writer.into_inner().unwrap()
}

fn shuffle_lines(bytes: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    lines.shuffle(random);
    lines.concat()
}

fn reconcile(data: &Dataset) -> Outcome {
    let legs = [
        (Leg::Orders, "orders.csv"),
        (Leg::Reports, "reports.csv"),
        (Leg::Reports, "portal.ndjson"),
        (Leg::Notices, "notices.csv"),
    ];
    let files = legs.map(|(leg, name)| input(leg, name, data.file(name).unwrap()));
    execute_files(&files, "", None, &[])
}

#[test]
fn a_generated_day_may_come_in_any_order() {
    for seed in 1..=6 {
        let data = generate(700, seed);
        let original = reconcile(&data);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut shuffled = data.clone();
        for file in &mut shuffled.files {
            file.bytes = match file.name.as_str() {
                "portal.ndjson" => shuffle_lines(&file.bytes, &mut random),
                "orders.csv" | "reports.csv" | "notices.csv" => shuffle_csv(&file.bytes, &mut random),
                _ => continue,
            };
        }
        check_same(&reconcile(&shuffled), &original);
    }
}

/// Desks on which much depends on which row is looked at first, if anything does.
fn tricky() -> Vec<Desk> {
    vec![
        desk()
            .order("amount=60.00")
            .order("amount=40.00 paid_at=1T10:00")
            .order("currency=USD")
            .order("status=cancelled")
            .report(""),
        desk()
            .order("")
            .report("")
            .report("amount=51.00")
            .report("paid_at=1T10:30 amount=50.50")
            .report("operation_number= paid_at=")
            .report("currency=USD"),
        desk()
            .order("")
            .report("operation_number= paid_at=1T10:00")
            .report("operation_number= paid_at=1T11:00")
            .report("operation_number= paid_at=")
            .report("status=reversed operation_number= paid_at=1T12:00")
            .report("status=refunded operation_number= paid_at="),
        desk()
            .order("reference_id=A cip=100;200")
            .order("reference_id=B cip=200")
            .order("reference_id=A cip= created_at=1T09:30")
            .report("reference_id=A cip=300")
            .report("reference_id=B cip=200 operation_number=8"),
        desk()
            .order("status=pending")
            .report("status=pending observed_at=2T09:00")
            .report("status=removed observed_at=2T09:00")
            .report("status=expired observed_at=")
            .report("status=pending amount=60.00 observed_at=")
            .report("status=pending expires_at=30T00:00 observed_at=1T09:00"),
        desk()
            .order("updated_at=1T09:00 status=pending amount=60.00")
            .order("updated_at=1T11:00 amount=50.00")
            .order("updated_at=1T11:00 amount=55.00")
            .order("status=expired")
            .report("")
            .portal("operation_number=P1")
            .portal("operation_number= amount=52.00 paid_at="),
        desk()
            .order("")
            .report("refunded_amount=10.00 observed_at=2T09:00")
            .report("refunded_amount=20.00 observed_at=3T09:00")
            .report("status=pending observed_at=2T12:00")
            .report("status=refunded refunded_amount=15.00")
            .notice("")
            .notice("received_at=1T10:09")
            .notice("amount=51.00")
            .notice("operation_number="),
    ]
}

/// Every permutation of up to six rows, or so many by chance of more.
#[test]
fn no_row_is_special_for_coming_first() {
    for (number, desk) in tricky().into_iter().enumerate() {
        let original = desk.run();
        let mut random = ChaCha8Rng::seed_from_u64(number.try_into().unwrap());
        for _ in 0..60 {
            let mut turned = desk.clone();
            turned.orders.shuffle(&mut random);
            turned.reports.shuffle(&mut random);
            turned.portal.shuffle(&mut random);
            turned.notices.iter_mut().for_each(|rows| rows.shuffle(&mut random));
            check_same(&turned.run(), &original);
        }
    }
}

/// "Whatever the order, delay or repetition of arrival, the same facts give the same state": told twice, every row but one
/// is a duplicate, and no line changes.
#[test]
fn every_row_told_twice_changes_no_line() {
    for desk in tricky() {
        let once = desk.run();
        let mut twice = desk.clone();
        for rows in [&mut twice.orders, &mut twice.reports, &mut twice.portal] {
            rows.extend(rows.clone());
        }
        let twice = twice.run();
        assert_eq!(twice.bytes("matched.csv"), once.bytes("matched.csv"));
        let told = |outcome: &Outcome| -> Vec<(String, String, String)> {
            let fields = |line: &crate::desk::Row| {
                (line["class"].clone(), line["break_id"].clone(), line["differences"].clone())
            };
            outcome.lines().iter().map(fields).collect()
        };
        assert_eq!(told(&twice), told(&once));
    }
}

/// Σ rows = Σ matched + unpaid + open + break + superseded + duplicate rows, in number and in money (rule 7).
#[test]
fn the_buckets_of_each_leg_hold_every_row_and_its_money() {
    for desk in tricky() {
        let outcome = desk.run();
        let legs = [
            ("orders", desk.orders.clone()),
            ("reports", desk.reports.iter().chain(&desk.portal).cloned().collect()),
            ("notices", desk.notices.clone().unwrap_or_default()),
        ];
        for (leg, rows) in legs {
            for currency in ["PEN", "USD"] {
                let of_currency = rows.iter().filter(|row| row["currency"] == currency);
                let minors = of_currency.map(|row| cuadre::money::parse_minor(&row["amount"]).unwrap());
                let (count, sum) = minors.fold((0, 0), |(count, sum), minor| (count + 1, sum + minor));
                assert_eq!(held(&outcome, leg, currency), (count, sum), "{leg} {currency}");
            }
        }
    }
}

/// Rows and minor units over all buckets of a leg.
fn held(outcome: &Outcome, leg: &str, currency: &str) -> (i64, i64) {
    let buckets = &outcome.summary["conservation"][leg][currency];
    let all = buckets.as_object().into_iter().flatten();
    all.fold((0, 0), |(rows, minor), (_, held)| {
        (rows + held["rows"].as_i64().unwrap(), minor + held["minor"].as_i64().unwrap())
    })
}

#[test]
fn a_generated_day_is_conserved() {
    let outcome = reconcile(&generate(2_000, 4));
    for leg in ["orders", "reports", "notices"] {
        let inputs = outcome.summary["inputs"].as_array().unwrap();
        let read: i64 = inputs
            .iter()
            .filter(|input| input["leg"] == leg)
            .map(|input| input["rows"].as_i64().unwrap())
            .sum();
        let (pen, _) = held(&outcome, leg, "PEN");
        let (usd, _) = held(&outcome, leg, "USD");
        assert_eq!(pen + usd, read, "{leg}");
    }
}

/// "Σ report − Σ order over matched = the booked variance."
#[test]
fn the_variance_is_booked() {
    let outcome = desk()
        .order("reference_id=A cip=1")
        .report("reference_id=A cip=1 amount=50.04")
        .order("reference_id=B cip=2")
        .report("reference_id=B cip=2 amount=49.99")
        .order("reference_id=C cip=3")
        .report("reference_id=C cip=3")
        .expect(&["matched", "matched_within_tolerance", "matched_within_tolerance"]);
    let minor = |leg: &str| outcome.summary["conservation"][leg]["PEN"]["matched"]["minor"].as_i64().unwrap();
    assert_eq!(minor("reports") - minor("orders"), 3);
}
