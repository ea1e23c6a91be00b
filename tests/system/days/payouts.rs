//! The days of settlements and deposits: a payment is closed when its money has come in, and not before.

use std::collections::BTreeSet;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cuts::check_cuts;
use super::{check, plain_desk};
use crate::desk::{COMPLETE, Desk, Row, desk};
use crate::settled_worlds::World;

/// A day of a shop that hears settlements and the bank, whether or not they say anything.
fn day() -> Desk {
    plain_desk().next_settlements().next_statement()
}

/// What the bank moves for others, so that its statement covers the day.
fn bank_until(desk: Desk, day: &str) -> Desk {
    desk.bank(&format!("bank_reference=FEE-{day} value_date=2026-03-{day} amount=-1.00 description=COMISION"))
}

const SETTLED: &str = "cip=100 paid_on=2026-03-06";

/// "An order of Monday, paid Tuesday, reported Wednesday, settled Friday, deposited Monday after a holiday": the 2nd of
/// March 2026 is a Monday; the 5th is a holiday here.
#[test]
fn an_order_of_monday_whose_money_comes_in_on_monday_is_never_a_break() {
    let policy = "[holidays]\nextra = [\"2026-03-05\"]\n";
    let monday = day().order("status=pending created_at=2T10:00");
    let tuesday = day().order("status=paid created_at=2T10:00 paid_at=3T11:00 updated_at=3T11:01");
    let wednesday = day().report("paid_at=3T11:00 observed_at=4T09:00");
    let deposit = "value_date=2026-03-09";
    let days = [
        (monday, &["unpaid"][..]),
        (tuesday, &["open"]),
        (wednesday, &["matched"]),
        (bank_until(day(), "05"), &["matched"]),
        (bank_until(day().settlement(SETTLED), "06"), &["matched"]),
        (day().bank(deposit), &["matched"]),
        (bank_until(day(), "10"), &[]),
    ];
    let days = days.map(|(day, expected)| (day.policy(policy), expected));
    let (outcomes, _) = check(&days);
    assert_eq!(outcomes[4].settlements()[0]["class"], "open");
    assert_eq!(outcomes[5].settlements()[0]["class"], "matched");
    assert!(outcomes[6].settlements().is_empty());
}

/// A holiday after the payout gives the bank a day more; the same with the bank two days late.
#[test]
fn a_bank_that_is_late_makes_no_break() {
    let first =
        || day().order("created_at=2T10:00 paid_at=3T11:00").report("paid_at=3T11:00 observed_at=4T09:00");
    let case = |policy: &str, days: [Desk; 3], expected: &[&str]| {
        let [bank, later, deposit] = days;
        let told = [
            (first(), &["matched"][..]),
            (day().settlement(SETTLED), &["matched"]),
            (bank, &["matched"]),
            (later, expected),
            (deposit, &["matched"]),
        ];
        check(&told.map(|(day, expected)| (day.policy(policy), expected)));
    };
    let deposit = |on: &str| day().bank(&format!("value_date=2026-03-{on}"));
    // Two business days after Friday the 6th are over with Tuesday the 10th, or with Wednesday the 11th.
    let bank = || [bank_until(day(), "09"), bank_until(day(), "11"), deposit("11")];
    case("[holidays]\nextra = [\"2026-03-09\"]\n", bank(), &["matched"]);
    case("", bank(), &["matched", "missing_deposit"]);
    case("", [day(), day(), deposit("09")], &["matched"]);
}

/// The settlement report of Friday comes on Sunday, or after the money itself.
#[test]
fn a_settlement_report_that_is_late_makes_no_break() {
    let first =
        || day().order("created_at=2T10:00 paid_at=3T11:00").report("paid_at=3T11:00 observed_at=4T09:00");
    let case = |days: [Desk; 3]| {
        let told = [first()].into_iter().chain(days).map(|day| (day, &["matched"][..]));
        let (_, before) = check(&told.collect::<Vec<_>>());
        let last = bank_until(day(), "12").run_after(&before);
        assert!(last.lines().is_empty() && last.settlements().is_empty(), "{:#?}", last.lines());
    };
    let settlement = || day().settlement(SETTLED);
    let deposit = || day().bank("value_date=2026-03-09");
    case([bank_until(day(), "06"), settlement(), deposit()]);
    case([deposit(), bank_until(day(), "11"), settlement()]);
    case([bank_until(deposit(), "10"), day(), settlement()]);
}

/// On a day without a statement the bank has been heard as far as the day before, of all its accounts.
#[test]
fn a_deposit_that_is_missing_is_so_on_a_day_without_a_statement() {
    let first = day()
        .order("created_at=2T10:00 paid_at=3T11:00")
        .report("paid_at=3T11:00 observed_at=4T09:00")
        .settlement(SETTLED);
    let missing = ["matched", "missing_deposit"];
    check(&[
        (bank_until(first, "06"), &["matched"]),
        (bank_until(day(), "11"), &missing),
        (day(), &missing),
        (day().bank("value_date=2026-03-12"), &missing[..1]),
        (day(), &[]),
    ]);
}

/// A settlement that is closed is not judged by the one line that a payment of it still needs.
#[test]
fn a_settlement_that_is_closed_stays_closed() {
    let first = desk()
        .order("")
        .report("")
        .order("reference_id=R2 cip=200")
        .report("reference_id=R2 cip=200 operation_number=8")
        .settlement("")
        .settlement("cip=200")
        .bank("amount=96.46");
    // The order of CIP 200 is found to be cancelled: its pair comes back, with its line of the settlement alone.
    let second = desk().order("reference_id=R2 cip=200 status=cancelled updated_at=19T09:00");
    let not_recorded = "status_mismatch paid_not_recorded";
    let again = desk().settlement("cip=100");
    let (outcomes, _) = check(&[
        (first, &["matched", "matched"]),
        (second, &[not_recorded]),
        (desk(), &[not_recorded]),
        (again, &["matched", not_recorded]),
        (desk(), &[not_recorded]),
    ]);
    assert_eq!(outcomes[0].settlements()[0]["class"], "matched");
    assert!(outcomes[1].settlements().is_empty());
    assert_eq!(outcomes[3].settlements()[0]["class"], "matched");
}

/// The invoice of a month is held against all of its settlements, closed long ago or not.
#[test]
fn the_fees_of_closed_settlements_count_for_their_invoice() {
    let invoice = |commission: &str| {
        format!(
            "{COMPLETE}[[accounts.1.fee_invoices]]\nnumber = \"F1\"\nmonth = \"2026-03\"\ncurrency = \"PEN\"\ncommission = \"{commission}\"\nigv = \"0.54\"\n"
        )
    };
    let case = |commission: &str, expected: &[&str]| {
        let policy = invoice(commission);
        let one = |cip: u64, id: &str| {
            desk()
                .judged_at("2026-04-02T12:00:00-05:00")
                .policy(&policy)
                .order(&format!("reference_id=R{cip} cip={cip}"))
                .report(&format!("reference_id=R{cip} cip={cip} operation_number={cip}"))
                .settlement(&format!(
                    "cip={cip} settlement_id={id} bank_reference= net=48.23 commission=1.50 igv=0.27"
                ))
        };
        let days = [one(100, "L-1001"), one(200, "L-1002"), desk().next_settlements().policy(&policy)];
        let [first, second, third] = days;
        let mut before = crate::desk::Before::default();
        for day in [first, second] {
            before = day.run_after(&before).leaves(&before);
        }
        let last = third.judged_at("2026-04-03T12:00:00-05:00").run_after(&before);
        assert_eq!(last.classes(), expected, "{:#?}", last.lines());
    };
    case("3.00", &[]);
    case("3.10", &["fee_invoice_variance"]);
}

struct Chance(ChaCha8Rng);

impl Chance {
    fn one<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values.choose(&mut self.0).copied().unwrap_or_default()
    }
}

/// Orders and payments of three codes, and settlements and bank lines that often do not fit. No two lines of a leg are
/// identical, for those are told apart by their number inside one file.
fn world(seed: u64) -> (Desk, ChaCha8Rng) {
    let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
    let mut world = desk().next_settlements().next_statement();
    for cip in ["100", "200", "300"] {
        let status = chance.one(&["paid", "paid", "paid", "refunded", "cancelled"]);
        world = world.order(&format!("reference_id=R1000{cip} cip={cip} status={status}"));
        let status = chance.one(&["paid", "paid", "paid", "refunded", "reversed"]);
        world = world.report(&format!("reference_id=R1000{cip} cip={cip} operation_number=7{cip}"));
        if status != "paid" {
            world = world.report(&format!("reference_id= cip={cip} status={status} operation_number=7{cip}"));
        }
    }
    for _ in 0..chance.0.random_range(1..6) {
        let kind = chance.one(&["payment", "payment", "payment", "refund", "adjustment"]);
        let gross = if kind == "payment" { chance.one(&["50.00", "60.00"]) } else { "-50.00" };
        let cip = if kind == "adjustment" { "" } else { chance.one(&["100", "200", "300", "400"]) };
        // Day and reference are those of the batch.
        let batches =
            [("1", "04", "OP-7001"), ("2", "06", "OP-7002"), ("3", "06", "OP-7002"), ("4", "11", "OP-7004")];
        let (batch, paid_on, reference) = *batches.choose(&mut chance.0).unwrap();
        world = world.settlement(&format!(
            "settlement_id=L-100{batch} kind={kind} cip={cip} gross={gross} commission= igv= net={gross} paid_on=2026-03-{paid_on} bank_reference={reference}"
        ));
    }
    for _ in 0..chance.0.random_range(0..5) {
        let reference = chance.one(&["OP-7001", "OP-7002", "", "R1000100", "X-9999"]);
        let description = chance.one(&["PAGOEFECTIVO", "ABONO-L-1001", "DEV-R1000200"]);
        let amount = chance.one(&["50.00", "100.00", "60.00", "-50.00"]);
        let (account, date) =
            (chance.one(&["191-1", "191-1", "191-2"]), chance.one(&["06", "09", "11", "13"]));
        world = world.bank(&format!(
            "bank_account={account} bank_reference={reference} amount={amount} value_date=2026-03-{date} description={description}"
        ));
    }
    // A file speaks of all its accounts up to its latest day, and a day's part of it would not: each has a file of its own.
    let lines: Vec<Row> = world.bank.drain(..).flatten().collect();
    world.bank = lines.into_iter().fold(vec![Vec::new(), Vec::new()], |mut files, line| {
        files[usize::from(line["bank_account"] == "191-2")].push(line);
        files
    });
    each_line_once(&mut world);
    (world, chance.0)
}

fn each_line_once(world: &mut Desk) {
    for file in world.settlements.iter_mut().chain(&mut world.bank) {
        let mut met: BTreeSet<Row> = BTreeSet::new();
        file.retain(|row| met.insert(row.clone()));
    }
}

/// An invoice of the month, and one that a settlement bears the number of.
#[test]
fn any_cut_holds_invoices_against_the_same_fees() {
    let invoice = |number: &str| {
        format!(
            "[[accounts.1.fee_invoices]]\nnumber = \"{number}\"\nmonth = \"2026-03\"\ncurrency = \"PEN\"\ncommission = \"1.00\"\nigv = \"0.18\"\n"
        )
    };
    let policy = format!("{COMPLETE}{}{}", invoice("F1"), invoice("L-1002"));
    let mut told = BTreeSet::new();
    for seed in 400..460 {
        let (mut world, mut random) = world(seed);
        for line in world.settlements.iter_mut().flatten().filter(|line| line["gross"] == "50.00") {
            let fees = [("commission", "1.50"), ("igv", "0.27"), ("net", "48.23")];
            line.extend(fees.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        let world = world.policy(&policy).judged_at("2026-04-02T12:00:00-05:00");
        told.extend(
            world.run().breaks.iter().map(|line| (line["class"].clone(), line["order_amount"].clone())),
        );
        check_cuts(seed, &world, &mut random);
    }
    let sums = told.iter().filter(|(class, _)| class == "fee_invoice_variance").count();
    assert!(sums > 3, "{told:#?}");
}

/// Codes that are paid several times, settlements that share a reference, deposits that name several, two currencies.
#[test]
fn any_cut_of_the_settled_worlds_ends_with_the_breaks_of_one_run() {
    for seed in 0..200 {
        let mut world = World::by_chance(seed).desk();
        each_line_once(&mut world);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        check_cuts(seed, &world, &mut random);
        check_cuts(seed, &world.plain(), &mut random);
    }
}

#[test]
fn any_cut_of_settlements_and_bank_lines_ends_with_the_breaks_of_one_run() {
    for seed in 0..200 {
        let (world, mut random) = world(seed);
        check_cuts(seed, &world, &mut random);
    }
}

#[test]
fn any_cut_of_settlements_ends_so_where_each_file_speaks_for_itself() {
    for seed in 200..400 {
        let (world, mut random) = world(seed);
        check_cuts(seed, &world.plain(), &mut random);
    }
}
