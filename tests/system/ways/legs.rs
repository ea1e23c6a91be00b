//! Worlds of all legs in which most pairs agree: their notices are there, their settlements add up, and the money has come
//! in. Beside them lies one of each kind of trouble.

use std::collections::{BTreeMap, BTreeSet};

use cuadre::calendar::Instant;
use cuadre::formats::Leg;
use cuadre::ids::Cip;
use cuadre::run::Look;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::days::{Before, check, moved};
use super::texts::csv;
use super::{Chance, File, Row, SUSPICIOUS, Terms, UNWATCHED, classes};

const WORLDS: u64 = 120;

/// Worlds of several days, and their days.
const LONG_WORLDS: u64 = 60;
const DAYS: usize = 4;

/// Trouble that comes late or touches what is closed.
const LATE: [u32; 7] = [4, 5, 8, 22, 22, 31, 31];

/// One of a settlement, and one of a month.
const INVOICES: &str = "
[[accounts.a.fee_invoices]]
number = \"LIQ-1004\"
month = \"2026-03\"
currency = \"PEN\"
commission = \"1.00\"
igv = \"0.18\"
[[accounts.b.fee_invoices]]
number = \"F001-9\"
month = \"2026-03\"
currency = \"PEN\"
commission = \"0.50\"
igv = \"0.09\"
";

const LEDGERS: [&str; 2] = ["settlements", "bank"];

/// So many days of the calendar have payments, whatever the number of runs.
const CALENDAR: usize = 4;

/// What arrives on one day, by leg.
#[derive(Default)]
struct Day {
    orders: Vec<Row>,
    reports: Vec<Row>,
    portal: Vec<Row>,
    notices: Vec<Row>,
    settlements: Vec<Row>,
    bank: Vec<Row>,
}

/// A world while it is told.
struct World {
    chance: Chance,
    days: Vec<Day>,
    /// By settlement: what its lines add up to, in cents.
    sums: BTreeMap<(String, usize), i64>,
}

/// One payment.
struct Pair {
    account: String,
    cip: u32,
    day: usize,
    minor: i64,
}

impl Pair {
    fn amount(&self) -> String {
        soles(self.minor)
    }

    fn reference(&self) -> String {
        format!("PED-{}", self.cip)
    }

    fn provider_id(&self) -> String {
        format!("p{}", self.cip)
    }
}

fn soles(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100)
}

/// The day on which something happens: each day of a world is three of the calendar.
fn date(day: usize) -> String {
    format!("2026-03-{:02}", 2 + 3 * day)
}

fn time(day: usize, hour: u32) -> String {
    format!("{}T{hour:02}:15:00-05:00", date(day))
}

impl World {
    /// What is told of a day of the calendar, by which day at the latest.
    fn day(&mut self, day: usize) -> &mut Day {
        let (days, last) = (self.days.len(), self.days.len() - 1);
        &mut self.days[(day * days / CALENDAR).min(last)]
    }

    /// Tells a payment on all legs, with one thing wrong now and then.
    fn tell(&mut self, pair: &Pair, trouble: u32) {
        let is = |number: u32| trouble == number;
        if is(31) {
            // The bank tells of a refund before anybody tells of the payment.
            let debit = bank(pair.day, "OP-1", -pair.minor, &format!("DEV {}", pair.reference()));
            self.day(pair.day).bank.push(debit);
            let day = pair.day + 1;
            return self.tell(&Pair { account: pair.account.clone(), day, ..*pair }, 13);
        }
        if !is(1) && !is(30) {
            let row = self.order(pair, trouble);
            if is(2) {
                self.day(pair.day + 1).orders.push(row.clone());
            }
            self.day(pair.day).orders.push(row);
        }
        if !is(3) {
            let row = self.report(pair, trouble);
            if is(4) || is(30) {
                self.day(pair.day + 1).portal.push(row.clone());
            }
            let late = usize::from(is(5));
            self.day(pair.day + late).reports.push(row);
        }
        if !is(6) && !is(28) {
            let row = self.notice(pair);
            let late = usize::from(is(7));
            if is(8) {
                self.day(pair.day).notices.push(row.clone());
                self.day(pair.day + 2).notices.push(row.clone());
            }
            self.day(pair.day + late).notices.push(row);
        }
        if !is(9) {
            self.settle(pair, trouble);
        }
    }

    fn order(&mut self, pair: &Pair, trouble: u32) -> Row {
        let refunded = trouble == 10;
        let fulfilled = if trouble == 11 { time(pair.day, 8) } else { String::new() };
        let amount = if trouble == 12 { soles(pair.minor + 100) } else { pair.amount() };
        let cip = if trouble == 26 { format!("{};{}", pair.cip, pair.cip + 1) } else { pair.cip.to_string() };
        vec![
            ("account", pair.account.clone()),
            ("reference_id", pair.reference()),
            ("cip", cip),
            ("amount", amount),
            ("currency", "PEN".to_owned()),
            ("status", if refunded { "refunded" } else { "paid" }.to_owned()),
            ("created_at", time(pair.day, 7)),
            ("fulfilled_at", fulfilled),
            ("payer_id", format!("payer{}", self.chance.index(40))),
            ("refunded_amount", String::new()),
        ]
    }

    fn report(&mut self, pair: &Pair, trouble: u32) -> Row {
        let status = match trouble {
            13 => "refunded",
            14 => "pending",
            _ => "paid",
        };
        let has_id = trouble == 30 || !self.chance.odds(3);
        let provider_id = if has_id { pair.provider_id() } else { String::new() };
        let number = if trouble == 15 { 7 } else { pair.cip };
        vec![
            ("account", pair.account.clone()),
            ("cip", if trouble == 16 { String::new() } else { pair.cip.to_string() }),
            ("reference_id", if trouble == 17 { "PED-ELSE".to_owned() } else { pair.reference() }),
            ("provider_id", provider_id),
            ("operation_number", number.to_string()),
            ("amount", pair.amount()),
            ("currency", "PEN".to_owned()),
            ("status", status.to_owned()),
            ("paid_at", time(pair.day, 9)),
            ("observed_at", time(pair.day, 20)),
        ]
    }

    fn notice(&mut self, pair: &Pair) -> Row {
        vec![
            ("account", pair.account.clone()),
            ("cip", pair.cip.to_string()),
            ("event_type", "cip.paid".to_owned()),
            ("operation_number", if self.chance.odds(4) { String::new() } else { pair.cip.to_string() }),
            ("amount", pair.amount()),
            ("currency", "PEN".to_owned()),
            ("paid_at", time(pair.day, 9)),
            ("received_at", time(pair.day, 10)),
        ]
    }

    /// The line of a settlement that carries a payment. One settlement in a few has trouble of its own.
    fn settle(&mut self, pair: &Pair, trouble: u32) {
        let batch = pair.day * 3 + self.chance.index(3);
        let id = format!("LIQ-{}", 1001 + batch);
        let (cip, provider_id) = match trouble {
            18 => (pair.cip.to_string(), format!("p{}", pair.cip + 7)),
            19 => ((pair.cip + 3).to_string(), String::new()),
            20 => (String::new(), pair.provider_id()),
            // A code of which nobody else tells anything.
            27 => ((pair.cip + 2).to_string(), pair.provider_id()),
            _ if self.chance.odds(3) => (pair.cip.to_string(), pair.provider_id()),
            _ => (pair.cip.to_string(), String::new()),
        };
        let gross = if trouble == 21 { pair.minor - 100 } else { pair.minor };
        let line = vec![
            ("account", pair.account.clone()),
            ("settlement_id", id.clone()),
            ("currency", "PEN".to_owned()),
            ("kind", "payment".to_owned()),
            ("provider_id", provider_id),
            ("cip", cip),
            ("gross", soles(gross)),
            ("commission", "0.50".to_owned()),
            ("net", soles(gross - 50)),
            ("paid_on", date(pair.day + 1)),
            ("bank_reference", format!("OP-{}", 5001 + batch)),
        ];
        *self.sums.entry((pair.account.clone(), batch)).or_default() += gross - 50;
        let arrives = pair.day + 1;
        if trouble == 22 {
            // The same payment in another settlement.
            let mut again = line.clone();
            again[1].1 = format!("LIQ-{}", 2001 + batch);
            again[10].1 = format!("OP-{}", 6001 + batch);
            self.day(arrives + 1).settlements.push(again);
        }
        if trouble == 23 {
            // The same line, told again.
            let again = line.clone();
            self.day(arrives).settlements.push(again);
        }
        if trouble == 24 || trouble == 28 {
            // A debit that names the pair, which may have no notice.
            let debit = bank(pair.day + 1, "OP-1", -pair.minor, &format!("DEV {}", pair.reference()));
            self.day(arrives).bank.push(debit);
        }
        if trouble == 25 {
            // It goes back, settled and given back.
            let mut back = line.clone();
            back[3].1 = "refund".to_owned();
            (back[6].1, back[7].1, back[8].1) = (soles(-gross), String::new(), soles(-gross));
            *self.sums.entry((pair.account.clone(), batch)).or_default() -= gross;
            self.day(arrives).settlements.push(back);
        }
        if trouble == 29 {
            // A fee for a code of which nobody else tells anything but a notice.
            let mut fee = line.clone();
            (fee[3].1, fee[5].1) = ("adjustment".to_owned(), (pair.cip + 1).to_string());
            (fee[6].1, fee[7].1, fee[8].1) = (soles(-100), String::new(), soles(-100));
            *self.sums.entry((pair.account.clone(), batch)).or_default() -= 100;
            self.day(arrives).settlements.push(fee);
            let stray = Pair { account: pair.account.clone(), cip: pair.cip + 1, ..*pair };
            let notice = self.notice(&stray);
            self.day(arrives).notices.push(notice);
        }
        self.day(arrives).settlements.push(line);
    }

    /// Some rows come again a day or two later, and some of the bank only then.
    fn tell_again(&mut self) {
        let World { chance, days, .. } = self;
        for number in 1..days.len() {
            if chance.odds(4) {
                let late = std::mem::take(&mut days[number - 1].bank);
                days[number].bank.extend(late);
            }
        }
        for number in 1..days.len() {
            let (before, after) = days.split_at_mut(number);
            let (before, after) = (&before[chance.index(number)], &mut after[0]);
            let mut again =
                |rows: &[Row]| rows.iter().filter(|_| chance.odds(12)).cloned().collect::<Vec<_>>();
            after.orders.extend(again(&before.orders));
            after.reports.extend(again(&before.reports));
            after.notices.extend(again(&before.notices));
            after.settlements.extend(again(&before.settlements));
            after.bank.extend(again(&before.bank));
        }
    }

    /// The bank pays most settlements what they add up to.
    fn pay(&mut self) {
        for ((_, batch), sum) in std::mem::take(&mut self.sums) {
            let day = batch / 3 + 1;
            let credit = bank(day, &format!("OP-{}", 5001 + batch), sum, "ABONO");
            match self.chance.index(12) {
                0 => {}
                1 => self.day(day).bank.push(bank(day, "OP-99", sum + 1, "ABONO")),
                2 => self.day(day + 1).bank.push(credit),
                _ => self.day(day).bank.push(credit),
            }
        }
    }
}

fn bank(day: usize, reference: &str, minor: i64, text: &str) -> Row {
    vec![
        ("bank_account", "191-1".to_owned()),
        ("bank_reference", reference.to_owned()),
        ("value_date", date(day)),
        ("amount", soles(minor)),
        ("currency", "PEN".to_owned()),
        ("description", text.to_owned()),
    ]
}

/// A world over so many days, and how many of its pairs have trouble.
fn world(seed: u64, days: usize) -> (Chance, Vec<Day>) {
    let random = ChaCha8Rng::seed_from_u64(seed);
    let chance = Chance { random, wide: true, quotes: false, dirt: false };
    let mut world =
        World { chance, days: (0..days).map(|_| Day::default()).collect(), sums: BTreeMap::new() };
    let (accounts, odds) = (1 + seed % 3, [6, 2, 30][usize::try_from(seed / 3 % 3).unwrap()]);
    let mut trouble = 0;
    // Where only what comes late is trouble, settlements are closed before it comes.
    let is_late = days > 1 && seed.is_multiple_of(2);
    for number in 0..world.chance.random.random_range(20..120_u32) {
        let account = ["a", "b", "tienda-3"][world.chance.index(usize::try_from(accounts).unwrap())];
        trouble = match trouble {
            // The pair before has a line with the id of this one, which is told twice.
            18 => 30,
            _ if world.chance.odds(odds) && is_late => LATE[world.chance.index(LATE.len())],
            _ if world.chance.odds(odds) => world.chance.random.random_range(1..30),
            _ => 0,
        };
        let day = world.chance.index(CALENDAR);
        let minor = [5_000, 5_000, 4_990, 12_345][world.chance.index(4)];
        let pair = Pair { account: account.to_owned(), cip: 5_000_000 + number * 7, day, minor };
        world.tell(&pair, trouble);
    }
    world.pay();
    world.tell_again();
    (world.chance, world.days)
}

/// The files of a day, those without rows now and then left out.
fn files(day: &Day, legs: &[Leg], chance: &mut Chance) -> Vec<File> {
    let of_legs = [
        (Leg::Orders, "orders.csv", &day.orders),
        (Leg::Reports, "reports.csv", &day.reports),
        (Leg::Reports, "portal.csv", &day.portal),
        (Leg::Notices, "notices.csv", &day.notices),
        (Leg::Settlements, "settlements.csv", &day.settlements),
        (Leg::Bank, "bank.csv", &day.bank),
    ];
    let told = of_legs.into_iter().filter(|(leg, _, rows)| legs.contains(leg) && !rows.is_empty());
    told.map(|(leg, name, rows)| {
        let columns: Vec<&str> = rows[0].iter().map(|(name, _)| *name).collect();
        File { leg, name, text: csv(&columns, rows, chance) }
    })
    .collect()
}

/// The legs of a world; notices are there or something is searched for.
fn legs(chance: &mut Chance) -> Vec<Leg> {
    let mut legs = vec![Leg::Orders, Leg::Reports];
    if !chance.odds(4) {
        legs.push(Leg::Notices);
    }
    match chance.index(5) {
        0 => legs.push(Leg::Settlements),
        1 => legs.push(Leg::Bank),
        _ => legs.extend([Leg::Settlements, Leg::Bank]),
    }
    legs
}

fn looks(chance: &mut Chance) -> Vec<Look> {
    let look = |_| Look {
        account: chance.one(&["a", "b", "tienda-3"]).to_owned(),
        cip: Cip::parse(&(5_000_000 + chance.index(120) * 7).to_string()).unwrap(),
        looked_at: Instant::parse("2026-03-18T10:00:00-05:00").unwrap(),
    };
    (0..30).map(look).collect()
}

fn terms(seed: u64, chance: &mut Chance) -> Terms {
    let complete = "\
[coverage]
orders = \"complete\"
reports = \"complete\"
notices = \"complete\"
settlements = \"complete\"
bank = \"complete\"
";
    let fraud = [UNWATCHED, "", SUSPICIOUS][usize::try_from(seed % 3).unwrap()];
    let invoiced = if chance.odds(2) { INVOICES } else { "" };
    let forgetful = if chance.odds(2) { "[carry]\nunpaid_days = 0\n" } else { "" };
    Terms {
        only_account: if chance.odds(6) { Some("a") } else { None },
        as_of: if chance.odds(2) { Instant::parse("2026-03-20T12:00:00-05:00") } else { None },
        looks: if chance.odds(3) { looks(chance) } else { Vec::new() },
        searched: chance.odds(5),
        ..Terms::of(&format!("{}{forgetful}{fraud}{invoiced}", if chance.odds(2) { complete } else { "" }))
    }
}

/// The terms of each day: one policy, and a moment at the end of the day or none.
fn terms_of_days(seed: u64, days: usize, chance: &mut Chance) -> Vec<Terms> {
    let first = terms(seed, chance);
    let day = |number: usize| {
        let moment = format!("2026-{}T12:00:00-05:00", ["03-04", "03-09", "03-14", "04-02"][number]);
        Terms {
            policy: first.policy.clone(),
            only_account: first.only_account,
            as_of: first.as_of.and_then(|_| Instant::parse(&moment)),
            searched: first.searched,
            looks: if chance.odds(3) { looks(chance) } else { Vec::new() },
            ..Terms::of("")
        }
    };
    (0..days).map(day).collect()
}

/// How many stubs of payments bear a line of a settlement, and how many lines that live on do.
fn with_lines(text: &str) -> usize {
    text.lines().filter(|line| line.contains("\"settled\":[")).count()
}

/// All files of a world, and under what they are judged.
pub(super) fn of_one_run(seed: u64) -> (Vec<File>, Terms, bool) {
    let (mut chance, days) = world(seed, 1);
    let legs = legs(&mut chance);
    let (files, terms) = (files(&days[0], &legs, &mut chance), terms(seed, &mut chance));
    (files, terms, !chance.odds(3))
}

#[test]
fn settlements_beside_notices_searches_and_stubs_are_told_alike() {
    let mut found = BTreeSet::new();
    let (mut stubs, mut payouts, mut carried, mut plain) = (0, 0, 0, 0);
    for seed in 0..WORLDS {
        let (files, terms, keep_closed) = of_one_run(seed);
        let before = Before { keep_closed, ..Before::default() };
        let written = check(&before, &files, &terms, &format!("seed {seed}")).unwrap();
        found.extend(classes(&written));
        carried += with_lines(&written.text("open.ndjson"));
        if before.keep_closed {
            let closed = written.text("closed.ndjson");
            stubs += with_lines(&closed);
            payouts += closed.lines().filter(|line| line.contains("\"class\":\"payout\"")).count();
        } else {
            plain += 1;
        }
    }
    assert!(
        stubs > 500 && payouts > 50,
        "{stubs} stubs with lines, {payouts} of settlements: it is not tested"
    );
    assert!(
        carried > 20 && plain > 20,
        "{carried} lines of closed settlements live on, {plain} worlds without stubs"
    );
    let classes = [
        "missing_notice",
        "unconfirmed_notice",
        "settlement_variance",
        "unsettled",
        "missing_deposit",
        "unknown_deposit",
        "refund_unpaid",
        "fee_invoice_variance",
        "finding",
        "open",
        "matched",
    ];
    for class in classes {
        assert!(found.contains(class), "no world has {class}: it is not tested");
    }
}

#[test]
fn settlements_that_go_on_from_day_to_day_are_told_alike() {
    let ways = ["opening", "reopened", "new", "told_again", "closed", "carried"];
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut stubs, mut carried, mut invoices) = (0, 0, 0);
    for seed in 0..LONG_WORLDS {
        let (mut chance, days) = world(1_000_000 + seed, DAYS);
        let legs = legs(&mut chance);
        let terms = terms_of_days(seed, DAYS, &mut chance);
        let mut before = Before { keep_closed: true, ..Before::default() };
        for (number, (day, terms)) in days.iter().zip(&terms).enumerate() {
            let files = files(day, &legs, &mut chance);
            let written = check(&before, &files, terms, &format!("seed {seed}, day {number}")).unwrap();
            ways.iter().for_each(|way| *rows.entry(way).or_default() += moved(&written, way, &LEDGERS));
            let (open, closed) = (written.text("open.ndjson"), written.text("closed.ndjson"));
            if number > 0 {
                invoices += open.matches("fee_invoice_variance").count();
                stubs += with_lines(&closed);
                carried += with_lines(&open);
            }
            before.closed.push(closed.into_bytes());
            before.open = Some(open.into_bytes());
        }
    }
    assert!(
        stubs > 500 && carried > 50,
        "{stubs} stubs with lines, {carried} lines of closed settlements live on"
    );
    assert!(invoices > 10, "{invoices} invoices differ");
    assert!(ways.iter().all(|way| rows[way] > 20), "some rows do not come up: {rows:?}");
}
