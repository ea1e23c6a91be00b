//! Two ways, one outcome: files read by pieces and judged part by part give the bytes of the general rules, whatever the
//! number of threads, the size of a piece, or the size of a part.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroUsize;

use cuadre::calendar::Instant;
use cuadre::carry::Carried;
use cuadre::config::Policy;
use cuadre::formats::{Format, Leg, Mapping};
use cuadre::reconcile::RefusedCallbacks;
use cuadre::reconcile::class::Class;
use cuadre::run::{
    Blocks, Content, FileCoverage, Look, Outputs, RunError, Settings, StreamedFile, Work, goes_quick,
    reference, stream,
};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use texts::{csv, ndjson};

const WORLDS: u64 = 200;

/// No rule looks for fraud.
const UNWATCHED: &str = "[fraud]\nenabled = false\n";

/// Thresholds that small worlds reach, each account with some of its own.
pub const SUSPICIOUS: &str = "\
[fraud.shared_operation_number]
window_hours = 30
[fraud.shared_payer]
cips_min = 2
unpaid_percent = 60
[fraud.shared_ip]
cips_min = 2
window_hours = 100
unpaid_percent = 40
[fraud.equal_amount_burst]
cips_min = 2
window_minutes = 60
times_usual = 3
[fraud.refund_to_other_payee]
orders_min = 2
[fraud.bad_signatures]
refused_min = 10
[accounts.a.fraud.shared_operation_number]
cips_min = 3
[accounts.a.fraud.equal_amount_burst]
cips_min = 4
window_minutes = 240
[accounts.tienda-3.fraud.shared_ip]
enabled = false
[accounts.tienda-3.fraud.refund_to_other_payee]
orders_min = 1
";

/// Every fraud rule.
pub const RULES: [&str; 7] = [
    "shared_operation_number",
    "shared_payer",
    "shared_ip",
    "equal_amount_burst",
    "fulfilled_before_paid",
    "refund_to_other_payee",
    "bad_signatures",
];

mod days;
mod ledgers;
mod legs;
mod stages;
mod texts;

/// Threads, bytes of a piece, bytes of a part.
const WAYS: [(usize, usize, usize); 6] =
    [(1, 1 << 20, 1 << 20), (1, 1, 64), (2, 50, 200), (3, 97, 1000), (7, 300, 90), (2, 4096, 1 << 20)];

/// A file of a run, in memory.
#[derive(Clone, Debug)]
pub struct File {
    pub leg: Leg,
    pub name: &'static str,
    pub text: String,
}

/// Bytes that are read as if they were stored elsewhere.
struct Elsewhere<'a>(&'a [u8]);

impl Blocks for Elsewhere<'_> {
    fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.0[self.0.len().min(usize::try_from(offset).unwrap())..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written(BTreeMap<&'static str, Vec<u8>>);

impl Outputs for Written {
    fn append(&mut self, name: &'static str, bytes: &[u8]) -> io::Result<()> {
        self.0.entry(name).or_default().extend_from_slice(bytes);
        Ok(())
    }
}

impl Written {
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.0[name].clone()).unwrap()
    }

    /// How many findings a rule made.
    pub fn findings(&self, rule: &str) -> u64 {
        let summary: serde_json::Value = serde_json::from_slice(&self.0["summary.json"]).unwrap();
        summary["findings"][rule]["count"].as_u64().unwrap_or(0)
    }
}

/// A row as names and values.
type Row = Vec<(&'static str, String)>;

/// What a way gave: outputs, breaks, and what else a caller sees; or why it gave nothing.
pub type Gave = Result<(Written, Vec<String>, u64), String>;

pub struct Terms {
    policy: Policy,
    mapping: Mapping,
    account: Option<&'static str>,
    only_account: Option<&'static str>,
    as_of: Option<Instant>,
    pub refused: Option<Vec<RefusedCallbacks>>,
    looks: Vec<Look>,
    /// The reports come from a search.
    searched: bool,
}

impl Terms {
    pub fn of(policy: &str) -> Terms {
        Terms {
            policy: Policy::parse(policy).unwrap(),
            mapping: Mapping::default(),
            account: None,
            only_account: None,
            as_of: None,
            refused: None,
            looks: Vec::new(),
            searched: false,
        }
    }
}

fn go(
    files: &[File],
    terms: &Terms,
    stored: bool,
    run: impl Fn(&[StreamedFile<'_>], &Settings<'_>, &mut dyn Outputs) -> Result<cuadre::run::Run, RunError>,
) -> Gave {
    let blocks: Vec<Elsewhere<'_>> = files.iter().map(|file| Elsewhere(file.text.as_bytes())).collect();
    let opened = BTreeMap::new();
    let settings = Settings {
        account: terms.account,
        mapping: &terms.mapping,
        policy: &terms.policy,
        as_of: terms.as_of,
        looks: &terms.looks,
        opened: &opened,
        only_account: terms.only_account,
        refused: terms.refused.as_deref(),
        settlement_layouts: &[],
        needs_person: &[],
        notes: &[],
    };
    let inputs: Vec<StreamedFile<'_>> = files
        .iter()
        .zip(&blocks)
        .map(|(file, blocks)| StreamedFile {
            leg: file.leg,
            name: file.name,
            source: file.name,
            content: if stored { Content::Stored(blocks) } else { Content::Bytes(blocks.0) },
            format: Format::from_name(file.name).unwrap(),
            coverage: if terms.searched && file.name.starts_with("reports") {
                FileCoverage::Search
            } else {
                FileCoverage::Plain
            },
        })
        .collect();
    let mut written = Written::default();
    let run = run(&inputs, &settings, &mut written).map_err(|error| error.to_string())?;
    assert_eq!(u64::try_from(run.breaks.len()).unwrap(), run.break_count());
    let breaks = run
        .breaks
        .iter()
        .map(|line| format!("{} {:?} {}", line.break_id, line.opened_at, line.cip))
        .collect();
    Ok((written, breaks, run.rejected))
}

/// Where a way gave something else first.
fn first_difference(gave: &Gave, expected: &Gave) -> String {
    let (Ok((gave, breaks, rejected)), Ok((expected, ..))) = (gave, expected) else {
        return format!("gave {:?}, expected {:?}", gave.as_ref().err(), expected.as_ref().err());
    };
    for name in expected.0.keys().chain(gave.0.keys()) {
        let text =
            |written: &Written| if written.0.contains_key(name) { written.text(name) } else { String::new() };
        let (gave, expected) = (text(gave), text(expected));
        let mut lines = gave.lines().zip(expected.lines()).enumerate();
        if let Some((line, (gave, expected))) = lines.find(|(_, (gave, expected))| gave != expected) {
            return format!("{name}, line {}:\n  gave {gave}\n  expected {expected}", line + 1);
        }
        if gave != expected {
            let (gave, expected) = (gave.lines(), expected.lines());
            let (gave_last, expected_last) = (gave.clone().last(), expected.clone().last());
            let counts = (gave.count(), expected.count());
            return format!(
                "{name}: {counts:?} lines, the last are\n  gave {gave_last:?}\n  expected {expected_last:?}"
            );
        }
    }
    format!("other breaks kept ({breaks:?}) or rows rejected ({rejected})")
}

/// Runs the files by every way, and fails the test where one differs from the reference.
#[track_caller]
pub fn check(files: &[File], terms: &Terms, what: &str) -> Gave {
    let expected = go(files, terms, false, |files, settings, outputs| {
        reference(&Carried::default(), files, settings, outputs)
    });
    // Every other way reads the files from elsewhere; which ones it are differs from world to world.
    let turn = files.iter().map(|file| file.text.len()).sum::<usize>();
    for (number, (threads, piece_bytes, part_bytes)) in WAYS.into_iter().enumerate() {
        let threads = NonZeroUsize::new(threads).unwrap();
        let work = Work { threads, piece_bytes, part_bytes, keep_breaks: true };
        let stored = (number + turn).is_multiple_of(2);
        let gave = go(files, terms, stored, |files, settings, outputs| {
            let carried = Carried::default();
            assert!(goes_quick(settings), "{what}: nothing is compared");
            stream(&carried, files, settings, work, outputs)
        });
        if gave != expected {
            panic!("{what}, {work:?}, stored {stored}: {}", first_difference(&gave, &expected));
        }
    }
    expected
}

struct Chance {
    random: ChaCha8Rng,
    /// How many accounts, references and CIPs there are: few make rows collide, many leave most of them plain.
    wide: bool,
    quotes: bool,
    dirt: bool,
}

impl Chance {
    fn one<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values.choose(&mut self.random).copied().unwrap_or_default()
    }

    fn odds(&mut self, of: u32) -> bool {
        self.random.random_ratio(1, of)
    }

    fn index(&mut self, below: usize) -> usize {
        self.random.random_range(0..below)
    }

    fn number(&mut self) -> u32 {
        self.random.random_range(0..if self.wide { 300 } else { 12 })
    }

    fn account(&mut self) -> String {
        let account = if self.wide {
            format!("tienda-{}", self.random.random_range(0..9))
        } else {
            self.one(&["a", "b"]).to_owned()
        };
        if self.dirt && self.odds(20) { format!(" {account}") } else { account }
    }

    fn cip(&mut self) -> String {
        let number = 5_000_000 + self.number() * 7;
        match self.random.random_range(0..24) {
            0 => String::new(),
            1 => format!("{number};{}", number + 7),
            2 if self.dirt => format!("00{number}"),
            3 if self.dirt => "55x".to_owned(),
            _ => number.to_string(),
        }
    }

    fn reference(&mut self) -> String {
        let number = self.number();
        match self.random.random_range(0..20) {
            0 if self.dirt => format!("PED-{number} "),
            1 if self.quotes => format!("\"PED, {number}\""),
            2 if self.dirt => format!("Pérez {number}"),
            _ => format!("PED-{number}"),
        }
    }

    fn time(&mut self) -> String {
        let (day, hour) = (self.random.random_range(1..20), self.random.random_range(0..24));
        match self.random.random_range(0..20) {
            0 => String::new(),
            1 if self.dirt => format!("2026-03-{day:02} {hour}h"),
            2 => format!("2026-03-{day:02}T{hour:02}:30:00.250-05:00"),
            3 if self.dirt => "1900-01-01T00:00:00-05:00".to_owned(),
            4 => format!("2026-03-{day:02}T{hour:02}:00:00Z"),
            _ => format!("2026-03-{day:02}T{hour:02}:00:00-05:00"),
        }
    }

    fn amount(&mut self) -> String {
        let usual = self.one(&["50.00", "50.00", "50.04", "50", "50.5", "60.00"]).to_owned();
        if self.dirt && self.odds(20) {
            self.one(&["1,5", "0", "-", " 50.00", "50.001", ""]).to_owned()
        } else {
            usual
        }
    }

    fn status(&mut self, words: &[&str]) -> String {
        let word = self.one(words).to_owned();
        if self.dirt && self.odds(20) { word.to_uppercase() } else { word }
    }

    /// One of few hands that orders come from, if anybody knows.
    fn hand(&mut self, name: &str) -> String {
        if self.odds(4) { String::new() } else { format!("{name}{}", self.number() % 40) }
    }

    fn order(&mut self) -> Row {
        vec![
            ("account", self.account()),
            ("reference_id", self.reference()),
            ("cip", self.cip()),
            ("amount", self.amount()),
            ("currency", self.one(&["PEN", "PEN", "PEN", "USD"]).to_owned()),
            (
                "status",
                self.status(&[
                    "pending",
                    "paid",
                    "paid",
                    "paid",
                    "fulfilled",
                    "cancelled",
                    "expired",
                    "refunded",
                ]),
            ),
            (
                "created_at",
                self.one(&[
                    "2026-03-01T09:00:00-05:00",
                    "2026-03-01T09:00:00-05:00",
                    "2026-03-02T09:00:00-05:00",
                    "2026-03-02T09:00:00.5-05:00",
                    "2026-03-05T23:00:00-05:00",
                ])
                .to_owned(),
            ),
            ("expires_at", self.time()),
            ("paid_at", if self.odds(3) { self.time() } else { String::new() }),
            ("store", if self.odds(4) { "Miraflores".to_owned() } else { String::new() }),
            ("updated_at", if self.odds(4) { self.time() } else { String::new() }),
            ("fulfilled_at", if self.odds(4) { self.time() } else { String::new() }),
            ("payer_id", self.hand("payer")),
            ("refund_payee_id", if self.odds(6) { self.hand("payer") } else { String::new() }),
            ("ip", self.hand("10.0.0.")),
            ("nota", if self.odds(5) { "algo".to_owned() } else { String::new() }),
        ]
    }

    fn report(&mut self) -> Row {
        let reference = if self.odds(4) { String::new() } else { self.reference() };
        vec![
            ("operation_number", if self.odds(4) { String::new() } else { self.number().to_string() }),
            ("account", self.account()),
            ("cip", self.cip().split(';').next().unwrap_or_default().to_owned()),
            ("reference_id", reference),
            ("provider_id", if self.odds(6) { format!("p{}", self.number()) } else { String::new() }),
            ("amount", self.amount()),
            ("currency", self.one(&["PEN", "PEN", "PEN", "USD"]).to_owned()),
            (
                "status",
                self.status(&[
                    "pending", "paid", "paid", "paid", "expired", "removed", "refunded", "reversed",
                ]),
            ),
            ("paid_at", self.time()),
            ("expires_at", if self.odds(3) { self.time() } else { String::new() }),
            ("refunded_amount", if self.odds(9) { "20.00".to_owned() } else { String::new() }),
            ("commission", if self.odds(2) { "1.75".to_owned() } else { String::new() }),
            ("observed_at", if self.odds(3) { self.time() } else { String::new() }),
        ]
    }

    /// Callbacks that were refused, some of them for accounts without rows.
    fn refused(&mut self) -> Vec<RefusedCallbacks> {
        let count = self.random.random_range(0..9);
        let mut hour = |_| RefusedCallbacks {
            account: self.one(&["0", "a", "b", "tienda-35", "tienda-4", "z"]).to_owned(),
            hour: Instant::parse(self.one(&["2026-03-03T10:00:00-05:00", "2026-03-04T09:00:00-05:00"]))
                .unwrap(),
            count: self.random.random_range(0..80),
        };
        (0..count).map(&mut hour).collect()
    }

    fn rows(&mut self, row: impl Fn(&mut Chance) -> Row) -> Vec<Row> {
        let count = self.random.random_range(0..if self.wide { 250 } else { 25 });
        let mut rows: Vec<_> = (0..count).map(|_| row(self)).collect();
        if self.odds(2) {
            let again: Vec<_> = rows.iter().filter(|_| self.random.random_ratio(1, 9)).cloned().collect();
            rows.extend(again);
        }
        rows
    }
}

fn world(seed: u64) -> (Vec<File>, Terms, ChaCha8Rng) {
    let random = ChaCha8Rng::seed_from_u64(seed);
    let mut chance = Chance {
        random,
        wide: seed.is_multiple_of(2),
        quotes: seed.is_multiple_of(5),
        dirt: seed.is_multiple_of(3),
    };
    let (orders, reports) = (chance.rows(Chance::order), chance.rows(Chance::report));
    let as_json = chance.odds(5);
    let file = |leg, rows: &[Row], chance: &mut Chance, columns: Row| {
        let columns: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        match (leg, as_json) {
            (Leg::Orders, false) => File { leg, name: "orders.csv", text: csv(&columns, rows, chance) },
            (_, false) => File { leg, name: "reports.csv", text: csv(&columns, rows, chance) },
            (Leg::Orders, true) => File { leg, name: "orders.ndjson", text: ndjson(rows, chance) },
            (_, true) => File { leg, name: "reports.ndjson", text: ndjson(rows, chance) },
        }
    };
    let (order, report) = (chance.order(), chance.report());
    let mut files = vec![
        file(Leg::Orders, &orders, &mut chance, order),
        file(Leg::Reports, &reports, &mut chance, report.clone()),
    ];
    if chance.odds(3) {
        let portal = chance.rows(Chance::report);
        let columns: Vec<&str> = report.iter().map(|(name, _)| *name).collect();
        files.push(File { leg: Leg::Reports, name: "portal.csv", text: csv(&columns, &portal, &mut chance) });
    }
    files.extend(ledgers::files(&mut chance, &reports));
    let complete = "[coverage]\norders = \"complete\"\nreports = \"complete\"\n";
    let fraud = match seed / 2 % 4 {
        0 => UNWATCHED,
        1 => "",
        _ => SUSPICIOUS,
    };
    let terms = Terms {
        only_account: if chance.odds(6) { Some("a") } else { None },
        as_of: if chance.odds(2) { Instant::parse("2026-03-20T12:00:00-05:00") } else { None },
        refused: if chance.odds(3) { Some(chance.refused()) } else { None },
        ..Terms::of(&format!("{}{fraud}", if chance.odds(2) { complete } else { "" }))
    };
    (files, terms, chance.random)
}

#[test]
fn every_way_gives_the_bytes_of_the_general_rules() {
    let mut refused = 0;
    let mut found = BTreeSet::new();
    let mut fired: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..WORLDS {
        let (files, terms, _) = world(seed);
        match check(&files, &terms, &format!("seed {seed}")) {
            Ok((written, ..)) => {
                found.extend(classes(&written));
                RULES.iter().for_each(|rule| {
                    *fired.entry(rule).or_default() += u64::from(written.findings(rule) > 0);
                });
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused < WORLDS / 4, "{refused} worlds were refused: they test little");
    assert!(RULES.iter().all(|rule| fired[rule] > 2), "some rules find nothing: {fired:?}");
    let legs = Class::WITH_SETTLEMENTS.iter().chain(&Class::WITH_BANK).chain(&Class::WITH_EITHER);
    // No policy of these worlds has an invoice.
    let classes = Class::ALWAYS.iter().chain(legs).filter(|class| **class != Class::FeeInvoiceVariance);
    for class in classes {
        assert!(found.contains(class.word()), "no world has {}: it is not tested", class.word());
    }
}

/// The classes that a run found.
fn classes(written: &Written) -> Vec<String> {
    let summary: serde_json::Value = serde_json::from_slice(&written.0["summary.json"]).unwrap();
    let classes = summary["classes"].as_object().unwrap().iter();
    classes.filter(|(_, totals)| totals["count"] != 0).map(|(class, _)| class.clone()).collect()
}

#[test]
fn rows_may_come_in_any_order_on_every_way() {
    for seed in 0..WORLDS / 4 {
        let (mut files, terms, mut random) = world(seed);
        let Ok((original, ..)) = check(&files, &terms, &format!("seed {seed}")) else { continue };
        for file in files.iter_mut().filter(|file| !file.text.contains('"') && file.name.ends_with(".csv")) {
            let ended = file.text.ends_with('\n');
            let mut lines: Vec<&str> = file.text.lines().collect();
            lines.get_mut(1..).unwrap_or_default().shuffle(&mut random);
            file.text = lines.join("\n") + if ended { "\n" } else { "" };
        }
        let (turned, ..) = check(&files, &terms, &format!("seed {seed}, turned")).unwrap();
        for name in ["breaks.csv", "matched.csv", "open.ndjson"] {
            assert_eq!(turned.text(name), original.text(name), "seed {seed}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_alike() {
    let terms = || Terms::of("");
    let orders =
        "account,reference_id,cip,amount,currency,status,created_at\na,R,1,5,PEN,paid,2026-03-01T09:00:00Z\n";
    let reports = "account,cip,amount,currency,status\na,1,5,PEN,paid\n";
    let file = |leg, name, text: &str| File { leg, name, text: text.to_owned() };
    for (text, part) in [
        ("", "no content"),
        ("account,cip\n", "amount"),
        ("account,cip,cip,amount,currency,status\n", "cip"),
        ("\u{FEFF}", "no content"),
        ("{\"a\":1}\n", "JSON"),
        ("\"account\",\"cip\",\"amount\",\"currency\"\n", "status"),
    ] {
        let files = [file(Leg::Orders, "orders.csv", orders), file(Leg::Reports, "reports.csv", text)];
        let error = check(&files, &terms(), part).unwrap_err();
        assert!(error.contains(part), "{error}");
        let files = [file(Leg::Orders, "orders.csv", text), file(Leg::Reports, "reports.csv", reports)];
        check(&files, &terms(), part).unwrap_err();
    }
    check(
        &[file(Leg::Orders, "orders.csv", orders), file(Leg::Reports, "reports.csv", reports)],
        &terms(),
        "good",
    )
    .unwrap();
}
