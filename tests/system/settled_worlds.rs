//! Small worlds of payments, settlements and bank lines by chance, judged by a second implementation: slow, obvious, and
//! written from docs/reconciliation.md alone. Everything has been heard, so that nothing waits.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::desk::{Desk, Outcome, Row, desk};

const WORLDS: u64 = 400;

/// A payment of a CIP by its operation number; cents.
#[derive(Clone, Debug, PartialEq)]
struct Paid {
    cip: u32,
    number: u32,
    minor: i64,
}

/// A line of a settlement; tenths of a cent. Fees play no part here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    batch: usize,
    kind: &'static str,
    cip: u32,
    gross: i64,
    net: i64,
}

/// A line of the bank; cents.
#[derive(Clone, Debug, PartialEq)]
struct Moved {
    reference: &'static str,
    minor: i64,
    text: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    paid: Vec<Paid>,
    lines: Vec<Line>,
    bank: Vec<Moved>,
}

/// Name, day of the payout, currency and reference of each settlement that a world may have.
const BATCHES: [(&str, &str, &str, &str); 5] = [
    ("L-1001", "2026-03-04", "PEN", "OP-77"),
    ("L-1002", "2026-03-03", "PEN", "OP-77"),
    ("L-1003", "2026-03-04", "PEN", "OP-78"),
    ("L-1004", "2026-03-05", "PEN", ""),
    ("L-1001", "2026-03-04", "USD", "OP-77"),
];

impl World {
    pub(crate) fn by_chance(seed: u64) -> World {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut world = World { paid: Vec::new(), lines: Vec::new(), bank: Vec::new() };
        for cip in [100, 200, 300] {
            for number in 0..random.random_range(0..3_u32) {
                let minor = *[5_000, 5_000, 6_000].choose(&mut random).unwrap();
                world.paid.push(Paid { cip, number: 7 + number, minor });
            }
        }
        for _ in 0..random.random_range(0..7) {
            let kind = *["payment", "payment", "payment", "payment", "refund", "adjustment"]
                .choose(&mut random)
                .unwrap();
            let size = *[50_000, 50_000, 50_000, 60_000, 55_000].choose(&mut random).unwrap();
            let gross = if kind == "payment" { size } else { -size };
            let error = *[0, 0, 0, 0, 5, -5, 6, 100, -100].choose(&mut random).unwrap();
            let batch = random.random_range(0..BATCHES.len());
            let cip = *[100, 200, 300, 400].choose(&mut random).unwrap();
            world.lines.push(Line { batch, kind, cip, gross, net: gross + error });
        }
        for _ in 0..random.random_range(0..4) {
            let minor = *[5_000, 5_005, 5_006, 10_000, 11_000, -5_000].choose(&mut random).unwrap();
            let reference = *["OP-77", "OP-77", "OP-78", "OP-99", ""].choose(&mut random).unwrap();
            let text = *["ABONO", "ABONO L-1004", "L-1003 L-1004", "L-10011"].choose(&mut random).unwrap();
            world.bank.push(Moved { reference, minor, text });
        }
        world
    }

    pub(crate) fn desk(&self) -> Desk {
        // A code that nobody has paid, so that the run is about an account whatever else is there.
        let nobody = "cip=900 reference_id=R9 status=pending";
        let mut desk = desk().report(nobody).next_settlements().next_statement();
        for Paid { cip, number, minor } in &self.paid {
            let amount = decimal(*minor, 2);
            desk = desk.report(&format!(
                "cip={cip} reference_id=R{cip} operation_number={number} amount={amount} paid_at=1T1{}:00",
                number - 7
            ));
        }
        for Line { batch, kind, cip, gross, net } in &self.lines {
            let (id, day, currency, reference) = BATCHES[*batch];
            let cip = if *kind == "adjustment" { String::new() } else { cip.to_string() };
            desk = desk.settlement(&format!(
                "settlement_id={id} currency={currency} kind={kind} cip={cip} gross={} commission= igv= net={} paid_on={day} bank_reference={reference}",
                decimal(*gross, 3),
                decimal(*net, 3)
            ));
        }
        for Moved { reference, minor, text } in &self.bank {
            let text = text.replace(' ', "_");
            desk = desk.bank(&format!(
                "bank_reference={reference} amount={} description={text}",
                decimal(*minor, 2)
            ));
        }
        desk
    }
}

fn decimal(amount: i64, places: usize) -> String {
    let base = 10_i64.pow(u32::try_from(places).unwrap());
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}.{:0places$}", amount.abs() / base, amount.abs() % base)
}

/// The second implementation.
struct Model<'w> {
    world: &'w World,
    told: BTreeMap<String, u32>,
}

impl Model<'_> {
    fn tell(&mut self, line: String) {
        *self.told.entry(line).or_default() += 1;
    }

    fn judge(mut self) -> BTreeMap<String, u32> {
        let mut reasons: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); BATCHES.len()];
        let mut gross_errors: Vec<Vec<i64>> = vec![Vec::new(); BATCHES.len()];
        let mut settled: Vec<bool> = vec![false; self.world.paid.len()];
        let mut order: Vec<&Line> = self.world.lines.iter().collect();
        // The earlier payout settles; of one payout, the settlement that comes first by name, then the smaller line.
        order.sort_by_key(|line| {
            (BATCHES[line.batch].1, BATCHES[line.batch].0, BATCHES[line.batch].2, (*line).clone())
        });
        let payments: Vec<&Line> = order.iter().copied().filter(|line| line.kind == "payment").collect();
        let mut bound: Vec<Option<usize>> = vec![None; payments.len()];
        for exact in [true, false] {
            for (place, line) in payments.iter().enumerate() {
                if bound[place].is_some() || BATCHES[line.batch].2 != "PEN" {
                    continue;
                }
                let free: Vec<usize> = (0..self.world.paid.len())
                    .filter(|index| !settled[*index] && self.world.paid[*index].cip == line.cip)
                    .filter(|index| !exact || self.world.paid[*index].minor * 10 == line.gross)
                    .collect();
                if let (Some(first), true) = (free.first(), exact || free.len() == 1) {
                    settled[*first] = true;
                    bound[place] = Some(*first);
                }
            }
        }
        for (place, line) in payments.iter().enumerate() {
            let own: Vec<usize> =
                (0..self.world.paid.len()).filter(|index| self.world.paid[*index].cip == line.cip).collect();
            let known = BATCHES[line.batch].2 == "PEN" && !own.is_empty();
            match bound[place] {
                Some(paid) => {
                    let error = line.gross - self.world.paid[paid].minor * 10;
                    if error != 0 {
                        gross_errors[line.batch].push(error);
                    }
                }
                None if known && own.iter().all(|index| settled[*index]) => {
                    reasons[line.batch].insert("4 settled_twice");
                }
                None => {
                    reasons[line.batch].insert("3 unknown_payment");
                }
            }
        }
        for line in order.iter().filter(|line| line.kind == "refund") {
            let known =
                BATCHES[line.batch].2 == "PEN" && self.world.paid.iter().any(|paid| paid.cip == line.cip);
            reasons[line.batch].insert(if known { "5 unknown_refund" } else { "3 unknown_payment" });
        }
        for (batch, reasons) in reasons.iter_mut().enumerate() {
            let lines = || self.world.lines.iter().filter(|line| line.batch == batch);
            let off: i64 = lines().map(|line| line.net - line.gross).sum();
            let count = i64::try_from(lines().count()).unwrap();
            let errors = &gross_errors[batch];
            if off.abs() > 5 * count {
                reasons.insert("0 unexplained");
            } else if lines().any(|line| (line.net - line.gross).abs() > 5)
                || (!errors.is_empty() && errors.iter().sum::<i64>() == 0)
            {
                reasons.insert("1 offsetting_errors");
            }
            if !errors.is_empty() {
                reasons.insert("2 gross_differs");
            }
        }
        for (batch, reasons) in reasons.iter().enumerate() {
            if let Some(first) = reasons.first() {
                let (id, _, currency, _) = BATCHES[batch];
                let (_, reason) = first.split_once(' ').unwrap();
                self.tell(format!("settlement_variance {reason} {id} {currency}"));
            }
        }
        for (index, paid) in self.world.paid.iter().enumerate() {
            if !settled[index] {
                self.tell(format!("unsettled  {} {}", paid.cip, paid.number));
            }
        }
        self.judge_bank();
        self.told
    }

    fn judge_bank(&mut self) {
        let net = |batch: usize| -> i64 {
            self.world.lines.iter().filter(|line| line.batch == batch).map(|line| line.net).sum()
        };
        let there = |batch: &usize| self.world.lines.iter().any(|line| line.batch == *batch);
        // All lines of the bank are in soles, and so can pay no settlement in dollars.
        let mut groups: Vec<BTreeSet<usize>> = Vec::new();
        for batch in (0..BATCHES.len()).filter(there) {
            let same = |group: &BTreeSet<usize>| {
                let other = BATCHES[*group.first().unwrap()];
                !BATCHES[batch].3.is_empty() && other.3 == BATCHES[batch].3 && other.2 == BATCHES[batch].2
            };
            match groups.iter().position(same) {
                Some(place) => drop(groups[place].insert(batch)),
                None => groups.push(BTreeSet::from([batch])),
            }
        }
        let mut pays: Vec<Option<usize>> = vec![None; self.world.bank.len()];
        let reference = |group: &BTreeSet<usize>| BATCHES[*group.first().unwrap()].3;
        let in_soles = |group: &BTreeSet<usize>| BATCHES[*group.first().unwrap()].2 == "PEN";
        for (place, line) in self.world.bank.iter().enumerate() {
            pays[place] = groups
                .iter()
                .filter(|group| in_soles(group) && !line.reference.is_empty())
                .find(|group| reference(group) == line.reference)
                .map(|group| *group.first().unwrap());
        }
        let of = |groups: &[BTreeSet<usize>], batch: usize| {
            groups.iter().position(|group| group.contains(&batch)).unwrap()
        };
        let credited = |groups: &[BTreeSet<usize>], pays: &[Option<usize>], batch: usize| {
            let group = of(groups, batch);
            (0..pays.len()).any(|line| {
                self.world.bank[line].minor > 0 && pays[line].is_some_and(|paid| of(groups, paid) == group)
            })
        };
        let open: Vec<usize> = (0..BATCHES.len())
            .filter(there)
            .filter(|batch| BATCHES[*batch].2 == "PEN" && !credited(&groups, &pays, *batch))
            .collect();
        for (place, line) in self.world.bank.iter().enumerate() {
            if pays[place].is_some() || line.minor <= 0 {
                continue;
            }
            let named: Vec<usize> = open
                .iter()
                .copied()
                .filter(|batch| line.text.split(' ').any(|word| word == BATCHES[*batch].0))
                .collect();
            for batch in &named {
                let (a, b) = (of(&groups, named[0]), of(&groups, *batch));
                if a != b {
                    let moved = std::mem::take(&mut groups[b]);
                    groups[a].extend(moved);
                    groups.retain(|group| !group.is_empty());
                }
            }
            pays[place] = named.first().copied();
        }
        for group in groups.clone() {
            let sum: i64 = group.iter().map(|batch| net(*batch)).sum();
            let lines: Vec<&Moved> = (0..pays.len())
                .filter(|line| pays[*line].is_some_and(|paid| group.contains(&paid)))
                .map(|line| &self.world.bank[line])
                .collect();
            let (id, _, currency, _) =
                BATCHES[*group.iter().min_by_key(|batch| (BATCHES[**batch].0, BATCHES[**batch].2)).unwrap()];
            if sum > 0 && !lines.iter().any(|line| line.minor > 0) {
                for batch in group.iter().filter(|batch| net(**batch) > 0) {
                    self.tell(format!("missing_deposit  {} {}", BATCHES[*batch].0, BATCHES[*batch].2));
                }
            } else if !lines.is_empty() {
                let paid_in: i64 = lines.iter().map(|line| line.minor * 10).sum();
                let rounded =
                    self.world.lines.iter().filter(|line| group.contains(&line.batch) && line.net % 10 != 0);
                let allowed = 50 + 5 * i64::try_from(rounded.count()).unwrap();
                if (paid_in - sum).abs() > allowed {
                    let reason = if paid_in > sum { "overpaid" } else { "underpaid" };
                    self.tell(format!("deposit_variance {reason} {id} {currency}"));
                }
            }
        }
        for (place, line) in self.world.bank.iter().enumerate() {
            if pays[place].is_none() && line.minor > 0 {
                self.tell(format!("unknown_deposit  {} {}", line.reference, decimal(line.minor, 2)));
            }
        }
    }
}

fn told(outcome: &Outcome) -> BTreeMap<String, u32> {
    let mut told = BTreeMap::new();
    for line in &outcome.breaks {
        let class = line["class"].as_str();
        let subject = match class {
            "unsettled" => format!("{} {}", line["cip"], line["operation_number"]),
            "unknown_deposit" => format!("{} {}", line["reference_id"], line["report_amount"]),
            "settlement_variance" | "missing_deposit" | "deposit_variance" => {
                format!("{} {}", line["reference_id"], line["currency"])
            }
            _ => continue,
        };
        *told.entry(format!("{class} {} {subject}", line["reason"])).or_default() += 1;
    }
    told
}

#[test]
fn both_implementations_find_the_same() {
    let mut met = BTreeSet::new();
    for seed in 0..WORLDS {
        let world = World::by_chance(seed);
        let expected = Model { world: &world, told: BTreeMap::new() }.judge();
        assert_eq!(told(&world.desk().run()), expected, "seed {seed}: {world:#?}");
        met.extend(expected.keys().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")));
    }
    // The worlds hold what they are there for.
    for class in [
        "unsettled ",
        "settlement_variance unexplained",
        "settlement_variance offsetting_errors",
        "settlement_variance gross_differs",
        "settlement_variance unknown_payment",
        "settlement_variance settled_twice",
        "settlement_variance unknown_refund",
        "missing_deposit ",
        "deposit_variance underpaid",
        "deposit_variance overpaid",
        "unknown_deposit ",
    ] {
        assert!(met.contains(class), "{class} is in no world: {met:#?}");
    }
}

/// I1: the same facts in any order, and told again by another file, give the same outcome.
#[test]
fn settled_worlds_may_come_in_any_order_and_twice() {
    let tables = |outcome: &Outcome| {
        ["breaks.csv", "settlements.csv"].map(|name| String::from_utf8(outcome.bytes(name).to_vec()).unwrap())
    };
    for seed in 0..WORLDS / 2 {
        let world = World::by_chance(seed).desk();
        let original = world.run();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut turned = world.clone();
        turned.reports.shuffle(&mut random);
        for file in turned.settlements.iter_mut().chain(&mut turned.bank) {
            file.shuffle(&mut random);
        }
        let turned = turned.run();
        assert_eq!(tables(&turned), tables(&original), "seed {seed}: {world:#?}");
        assert_eq!(turned.summary["conservation"], original.summary["conservation"], "seed {seed}");
        let mut again = world.clone();
        for files in [&mut again.settlements, &mut again.bank] {
            let part = |file: &Vec<Row>| file.iter().take(file.len().div_ceil(2)).cloned().collect();
            let copies: Vec<Vec<Row>> = files.iter().map(part).collect();
            files.extend(copies);
        }
        assert_eq!(tables(&again.run()), tables(&original), "seed {seed}: {world:#?}");
    }
}

/// Every row of both legs is in one bucket, with its money, counted here from the rows themselves.
#[test]
fn every_line_of_settlements_and_bank_is_counted_once() {
    for seed in 0..WORLDS / 2 {
        let world = World::by_chance(seed);
        let summary = world.desk().run().summary;
        let held = |buckets: &serde_json::Value, unit: &str| {
            buckets.as_object().into_iter().flatten().fold((0, 0), |(rows, sum), (_, held)| {
                (rows + held["rows"].as_i64().unwrap(), sum + held[unit].as_i64().unwrap())
            })
        };
        for currency in ["PEN", "USD"] {
            let lines = world.lines.iter().filter(|line| BATCHES[line.batch].2 == currency);
            let expected = lines.fold((0, 0), |(rows, sum), line| (rows + 1, sum + line.net * 1_000));
            let conservation = &summary["conservation"]["settlements"][currency];
            assert_eq!(held(conservation, "micros"), expected, "seed {seed}");
            assert_eq!(held(&summary["settled"]["deposits"][currency], "micros"), expected, "seed {seed}");
        }
        let expected = world.bank.iter().fold((0, 0), |(rows, sum), line| (rows + 1, sum + line.minor));
        assert_eq!(held(&summary["conservation"]["bank"]["PEN"], "minor"), expected, "seed {seed}");
        let expected = world.paid.iter().fold((0, 0), |(rows, sum), paid| (rows + 1, sum + paid.minor));
        assert_eq!(held(&summary["settled"]["payments"]["PEN"], "minor"), expected, "seed {seed}");
    }
}
