//! Small worlds by chance: a few rows of one account, which collide far more often than in life.

use std::fmt::Write as _;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{AS_OF, Heard};
use crate::desk::long_time;

/// A row of the shop. Times are minutes since the month began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub reference: &'static str,
    pub cips: Vec<u64>,
    pub minor: i64,
    pub currency: &'static str,
    pub status: &'static str,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub paid_at: Option<i64>,
    pub refunded: Option<i64>,
    pub updated_at: Option<i64>,
}

/// A row of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub cip: Option<u64>,
    pub reference: Option<&'static str>,
    pub number: Option<&'static str>,
    pub minor: i64,
    pub currency: &'static str,
    pub status: &'static str,
    pub expires_at: Option<i64>,
    pub paid_at: Option<i64>,
    pub refunded: Option<i64>,
    pub observed_at: Option<i64>,
}

/// The rows of one account.
#[derive(Clone, Debug)]
pub struct World {
    pub account: String,
    pub orders: Vec<Order>,
    pub reports: Vec<Report>,
}

const DAY: i64 = 24 * 60;
const TIMES: [i64; 5] = [10 * 60, 11 * 60, 12 * 60, DAY + 9 * 60, 18 * DAY + 9 * 60];

struct Chance(ChaCha8Rng);

impl Chance {
    fn one<T: Copy>(&mut self, values: &[T]) -> T {
        *values.choose(&mut self.0).unwrap()
    }

    fn maybe<T: Copy>(&mut self, values: &[T]) -> Option<T> {
        self.0.random_ratio(1, 2).then(|| self.one(values))
    }

    fn minor(&mut self) -> i64 {
        self.one(&[5000, 5000, 5000, 5004, 5005, 5006, 6000])
    }

    fn currency(&mut self) -> &'static str {
        self.one(&["PEN", "PEN", "PEN", "PEN", "USD"])
    }

    fn order(&mut self) -> Order {
        Order {
            reference: self.one(&["A", "B"]),
            cips: self.one(&[&[100][..], &[200], &[100, 200], &[]]).to_vec(),
            minor: self.minor(),
            currency: self.currency(),
            status: self.one(&["pending", "paid", "fulfilled", "cancelled", "expired", "refunded"]),
            created_at: self.one(&[9 * 60, 9 * 60, 9 * 60 + 30]),
            expires_at: self.maybe(&TIMES),
            paid_at: self.maybe(&TIMES),
            refunded: self.maybe(&[2000, 5000]),
            updated_at: self.maybe(&TIMES),
        }
    }

    fn report(&mut self) -> Report {
        let status = self.one(&["pending", "paid", "paid", "expired", "removed", "refunded", "reversed"]);
        let (cip, mut reference) =
            (self.one(&[Some(100), Some(200), Some(300), None]), self.maybe(&["A", "B"]));
        // A row must be known by something.
        if cip.is_none() {
            reference = reference.or(Some("A"));
        }
        let event = ["paid", "refunded", "reversed"].contains(&status);
        Report {
            cip,
            reference,
            number: event.then(|| self.one(&["7", "8", "10", "P1"])),
            minor: self.minor(),
            currency: self.currency(),
            status,
            expires_at: self.maybe(&[11 * 60, 29 * DAY]),
            paid_at: if event { self.maybe(&TIMES) } else { None },
            refunded: self.one(&[None, None, Some(2000), Some(5000)]),
            observed_at: self.one(&[None, Some(10 * 60 + 30), Some(11 * 60), Some(DAY + 9 * 60)]),
        }
    }
}

/// So many worlds, each decided by its seed alone.
pub fn worlds(first_seed: u64, count: u64) -> Vec<World> {
    (first_seed..first_seed + count)
        .map(|seed| {
            let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
            let (orders, reports) = (chance.0.random_range(0..4), chance.0.random_range(0..6));
            let mut world = World {
                account: format!("w{seed}"),
                orders: (0..orders).map(|_| chance.order()).collect(),
                reports: (0..reports).map(|_| chance.report()).collect(),
            };
            // In every other world all rows are of one CIP and one currency, so that payments and what takes them back collide.
            if seed.is_multiple_of(2) {
                world.orders.iter_mut().for_each(|row| (row.cips, row.currency) = (vec![100], "PEN"));
                world.reports.iter_mut().for_each(|row| (row.cip, row.currency) = (Some(100), "PEN"));
            }
            world
        })
        .collect()
}

fn time(minutes: Option<i64>) -> String {
    let Some(minutes) = minutes else { return String::new() };
    long_time(&format!("{}T{:02}:{:02}", minutes / DAY + 1, minutes % DAY / 60, minutes % 60))
}

/// An amount as files and outputs write it.
pub fn money(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The rows of all worlds as two files.
pub fn csv(worlds: &[World]) -> (Vec<u8>, Vec<u8>) {
    let mut orders = String::from(
        "account,reference_id,cip,amount,currency,status,created_at,expires_at,paid_at,refunded_amount,updated_at\n",
    );
    let mut reports = String::from(
        "account,cip,reference_id,operation_number,amount,currency,status,expires_at,paid_at,refunded_amount,observed_at\n",
    );
    let texts = |cips: &[u64]| cips.iter().map(u64::to_string).collect::<Vec<_>>().join(";");
    for world in worlds {
        for row in &world.orders {
            let Order { reference, currency, status, .. } = row;
            let (cips, amount) = (texts(&row.cips), money(row.minor));
            let times = [Some(row.created_at), row.expires_at, row.paid_at].map(time).join(",");
            let refunded = row.refunded.map(money).unwrap_or_default();
            writeln!(
                orders,
                "{},{reference},{cips},{amount},{currency},{status},{times},{refunded},{}",
                world.account,
                time(row.updated_at)
            )
            .unwrap();
        }
        for row in &world.reports {
            let Report { currency, status, .. } = row;
            let (cip, amount) = (row.cip.map(|cip| cip.to_string()).unwrap_or_default(), money(row.minor));
            let (reference, number) = (row.reference.unwrap_or_default(), row.number.unwrap_or_default());
            let times = [row.expires_at, row.paid_at].map(time).join(",");
            let refunded = row.refunded.map(money).unwrap_or_default();
            writeln!(
                reports,
                "{},{cip},{reference},{number},{amount},{currency},{status},{times},{refunded},{}",
                world.account,
                time(row.observed_at)
            )
            .unwrap();
        }
    }
    (orders.into_bytes(), reports.into_bytes())
}

/// The latest time in each file, expiry apart; nothing is heard beyond the moment of judgement.
pub fn heard(worlds: &[World]) -> Heard {
    let of_order =
        |row: &Order| [Some(row.created_at), row.paid_at, row.updated_at].into_iter().flatten().max();
    let of_report = |row: &Report| [row.paid_at, row.observed_at].into_iter().flatten().max();
    let capped = |time: Option<i64>| time.map(|time| time.min(AS_OF));
    Heard {
        orders: capped(worlds.iter().flat_map(|world| &world.orders).filter_map(of_order).max()),
        reports: capped(worlds.iter().flat_map(|world| &world.reports).filter_map(of_report).max()),
    }
}
