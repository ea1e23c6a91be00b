//! A desk on which a test lays a few rows, runs a reconciliation over them as CSV, and reads its outputs.
//!
//! Rows are written as `field=value` pairs; what a test does not name has a plain default. Times of March 2026 in Lima are
//! written short, `3T10:00` or `3T10:00:01`. Unless a test says otherwise, the run judges at `20T12:00` and every leg is
//! complete, so that nothing waits.

use std::collections::BTreeMap;

use cuadre::calendar::Instant;
use cuadre::carry::{Carried, CarriedFile};
use cuadre::config::Policy;
use cuadre::formats::{Format, Leg, Mapping};
use cuadre::ids::BreakId;
use cuadre::reconcile::RefusedCallbacks;
use cuadre::run::{FileCoverage, InputFile, Look, Run, Settings, execute_after};

/// Fields of a row, or of a line of an output, by column.
pub type Row = BTreeMap<String, String>;

/// What lies on the desk.
#[derive(Clone, Debug)]
pub struct Desk {
    pub orders: Vec<Row>,
    pub reports: Vec<Row>,
    pub portal: Vec<Row>,
    pub notices: Option<Vec<Row>>,
    /// Files of the settlements leg.
    pub settlements: Vec<Vec<Row>>,
    /// Files of the bank leg.
    pub bank: Vec<Vec<Row>>,
    policy: String,
    as_of: Option<String>,
    looks: Vec<Look>,
    search: bool,
    refused: Option<Vec<RefusedCallbacks>>,
}

/// What a run gave, as a reader of its files sees it.
#[derive(Debug)]
pub struct Outcome {
    pub run: Run,
    pub breaks: Vec<Row>,
    pub matched: Vec<Row>,
    pub open: Vec<serde_json::Value>,
    pub rejected: Vec<Row>,
    pub summary: serde_json::Value,
}

/// What the runs before have left: the newest open items, and the stubs of all of them.
#[derive(Clone, Debug, Default)]
pub struct Before {
    pub open: Option<Vec<u8>>,
    pub closed: Vec<Vec<u8>>,
}

/// Every leg has been heard to the end.
pub const COMPLETE: &str = "[coverage]\norders = \"complete\"\nreports = \"complete\"\nnotices = \"complete\"\nsettlements = \"complete\"\nbank = \"complete\"\n";

/// The moment of judgement, unless a test chooses another.
pub const AS_OF: &str = "20T12:00";

impl Default for Desk {
    fn default() -> Desk {
        Desk {
            orders: Vec::new(),
            reports: Vec::new(),
            portal: Vec::new(),
            notices: None,
            settlements: Vec::new(),
            bank: Vec::new(),
            policy: COMPLETE.to_owned(),
            as_of: Some(AS_OF.to_owned()),
            looks: Vec::new(),
            search: false,
            refused: None,
        }
    }
}

/// An empty desk.
pub fn desk() -> Desk {
    Desk::default()
}

impl Desk {
    /// Lays an order on the desk: by default `R1` with CIP 100 over 50.00, paid.
    pub fn order(mut self, fields: &str) -> Desk {
        let defaults =
            "account=1 reference_id=R1 cip=100 amount=50.00 currency=PEN status=paid created_at=1T09:00";
        self.orders.push(row(&[defaults, fields]));
        self
    }

    /// Lays a row of the provider on the desk: by default CIP 100 over 50.00 with reference `R1`, paid on the 1st at 10:00
    /// as operation 7, taken back at noon under the same number, or seen on the 2nd.
    pub fn report(mut self, fields: &str) -> Desk {
        self.reports.push(report_row(fields));
        self
    }

    /// The same in a second channel.
    pub fn portal(mut self, fields: &str) -> Desk {
        self.portal.push(report_row(fields));
        self
    }

    /// Lays a notice on the desk: by default of operation 7 of CIP 100.
    pub fn notice(mut self, fields: &str) -> Desk {
        let defaults = "account=1 cip=100 event_type=cip.paid operation_number=7 amount=50.00 currency=PEN paid_at=1T10:00 received_at=1T10:01";
        self.notices.get_or_insert_default().push(row(&[defaults, fields]));
        self
    }

    /// Lays a line of a settlement on the desk: by default of `L-1001`, paid out on the 4th, over CIP 100 and 50.00 of which
    /// the provider keeps 1.50 and 0.27.
    pub fn settlement(mut self, fields: &str) -> Desk {
        let line = settlement_line(fields);
        match self.settlements.last_mut() {
            Some(file) => file.push(line),
            None => self.settlements.push(vec![line]),
        }
        self
    }

    /// Begins another file of settlements; the first one where there is none, so that settlements are a part of the input.
    pub fn next_settlements(mut self) -> Desk {
        self.settlements.push(Vec::new());
        self
    }

    /// Lays a line of the bank on the desk: by default the deposit of that settlement on the 4th.
    pub fn bank(mut self, fields: &str) -> Desk {
        let line = bank_line(fields);
        match self.bank.last_mut() {
            Some(file) => file.push(line),
            None => self.bank.push(vec![line]),
        }
        self
    }

    /// Begins another statement of the bank, or the first.
    pub fn next_statement(mut self) -> Desk {
        self.bank.push(Vec::new());
        self
    }

    /// Makes notices a part of the input although there is none.
    pub fn without_notices(mut self) -> Desk {
        self.notices.get_or_insert_default();
        self
    }

    /// The default policy: each file covers what is up to the latest time in it, and that is the moment of judgement.
    pub fn plain(mut self) -> Desk {
        self.policy = String::new();
        self.as_of = None;
        self
    }

    pub fn policy(mut self, text: &str) -> Desk {
        text.clone_into(&mut self.policy);
        self
    }

    pub fn judged_at(mut self, time: &str) -> Desk {
        self.as_of = Some(time.to_owned());
        self
    }

    /// Somebody counted the callbacks that were refused for their signature.
    pub fn refused(mut self, hours: Vec<RefusedCallbacks>) -> Desk {
        self.refused = Some(hours);
        self
    }

    /// The reports come from a search, which speaks of the CIPs that it looked at alone.
    pub fn searched(mut self, looks: &[(u64, &str)]) -> Desk {
        self.search = true;
        self.looks = looks
            .iter()
            .map(|(cip, time)| Look {
                account: "1".to_owned(),
                cip: cuadre::ids::Cip::parse(&cip.to_string()).unwrap(),
                looked_at: Instant::parse(&long_time(time)).unwrap(),
            })
            .collect();
        self
    }

    /// Reconciles, and fails the test when the run fails.
    pub fn run(&self) -> Outcome {
        self.run_after(&Before::default())
    }

    /// Goes on from where earlier runs ended.
    pub fn run_after(&self, before: &Before) -> Outcome {
        let orders = csv_text(&self.orders, ORDER_COLUMNS);
        let reports = csv_text(&self.reports, REPORT_COLUMNS);
        let portal = csv_text(&self.portal, REPORT_COLUMNS);
        let notices = csv_text(self.notices.as_deref().unwrap_or_default(), NOTICE_COLUMNS);
        let mut files =
            vec![input(Leg::Orders, "orders.csv", &orders), input(Leg::Reports, "reports.csv", &reports)];
        if self.search {
            files[1].coverage = FileCoverage::Search;
        }
        if !self.portal.is_empty() {
            files.push(input(Leg::Reports, "portal.csv", &portal));
        }
        if self.notices.is_some() {
            files.push(input(Leg::Notices, "notices.csv", &notices));
        }
        let settlements: Vec<_> =
            self.settlements.iter().map(|rows| csv_text(rows, SETTLEMENT_COLUMNS)).collect();
        let bank: Vec<_> = self.bank.iter().map(|rows| csv_text(rows, BANK_COLUMNS)).collect();
        files.extend(settlements.iter().map(|bytes| input(Leg::Settlements, "settlements.csv", bytes)));
        files.extend(bank.iter().map(|bytes| input(Leg::Bank, "bank.csv", bytes)));
        let as_of = self.as_of.as_deref().map(|time| Instant::parse(&long_time(time)).unwrap());
        execute_counted(before, &files, &self.policy, as_of, &self.looks, self.refused.as_deref())
    }

    /// Reconciles and compares every line, as `class`, or `class reason` for a status mismatch, in any order.
    #[track_caller]
    pub fn expect(&self, lines: &[&str]) -> Outcome {
        let outcome = self.run();
        let mut expected = lines.to_vec();
        expected.sort_unstable();
        assert_eq!(outcome.classes(), expected, "{:#?}", outcome.lines());
        outcome
    }
}

/// The least that a run is made under.
pub fn settings<'a>(
    mapping: &'a Mapping,
    policy: &'a Policy,
    opened: &'a BTreeMap<BreakId, Instant>,
) -> Settings<'a> {
    Settings {
        account: None,
        mapping,
        policy,
        as_of: None,
        looks: &[],
        opened,
        only_account: None,
        refused: None,
        settlement_layouts: &[],
        needs_person: &[],
        notes: &[],
    }
}

/// Reconciles files as they are.
pub fn execute_files(
    files: &[InputFile<'_>],
    policy: &str,
    as_of: Option<Instant>,
    looks: &[Look],
) -> Outcome {
    execute_counted(&Before::default(), files, policy, as_of, looks, None)
}

/// Reconciles files that arrived after earlier runs, with the callbacks that were refused.
pub fn execute_counted(
    before: &Before,
    files: &[InputFile<'_>],
    policy: &str,
    as_of: Option<Instant>,
    looks: &[Look],
    refused: Option<&[RefusedCallbacks]>,
) -> Outcome {
    let open: Vec<_> = before.open.iter().map(|bytes| CarriedFile { name: "open.ndjson", bytes }).collect();
    let closed: Vec<_> =
        before.closed.iter().map(|bytes| CarriedFile { name: "closed.ndjson", bytes }).collect();
    let carried = Carried { open: &open, closed: &closed, keep_closed: true };
    let (mapping, opened) = (Mapping::default(), BTreeMap::new());
    let policy = Policy::parse(policy).unwrap();
    let settings = Settings { as_of, looks, refused, ..settings(&mapping, &policy, &opened) };
    let run = execute_after(&carried, files, &settings).unwrap();
    let output = |name: &str| {
        run.outputs.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.as_slice()).unwrap()
    };
    let json_lines = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    let mut open = json_lines(output("open.ndjson"));
    assert!(!open.remove(0)["carry"].is_null(), "the first line says how far the run has heard");
    Outcome {
        breaks: read_csv(output("breaks.csv")),
        matched: read_csv(output("matched.csv")),
        open,
        rejected: read_csv(output("rejected.csv")),
        summary: serde_json::from_slice(output("summary.json")).unwrap(),
        run,
    }
}

/// A file as the command would hand it on; each report file is a source.
pub fn input<'a>(leg: Leg, name: &'a str, bytes: &'a [u8]) -> InputFile<'a> {
    let format = Format::from_name(name).unwrap();
    InputFile { leg, name, source: name, bytes, format, coverage: FileCoverage::Plain }
}

impl Outcome {
    /// An output as it would be written.
    pub fn bytes(&self, name: &str) -> &[u8] {
        self.run.outputs.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.as_slice()).unwrap()
    }

    /// What a fraud rule speaks of, in the order of `breaks.csv`.
    pub fn findings(&self, rule: &str) -> Vec<Row> {
        let of_rule = |line: &&Row| line["class"] == "finding" && line["reason"] == rule;
        self.breaks.iter().filter(of_rule).cloned().collect()
    }

    /// Every line of the run but the findings, which stand beside: breaks, what agrees or is unpaid, what is open.
    pub fn lines(&self) -> Vec<Row> {
        let is_open = |line: &&serde_json::Value| line["class"] == "open";
        let open = self.open.iter().filter(is_open).map(|line| {
            let fields = line.as_object().unwrap().iter();
            fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        });
        let breaks = self.breaks.iter().filter(|line| line["class"] != "finding");
        breaks.chain(&self.matched).cloned().chain(open).collect()
    }

    /// The classes of all lines, sorted; a status mismatch with its reason.
    pub fn classes(&self) -> Vec<String> {
        let word = |line: &Row| match line["class"].as_str() {
            class @ ("status_mismatch" | "settlement_variance") => format!("{class} {}", line["reason"]),
            class => class.to_owned(),
        };
        let mut classes: Vec<String> = self.lines().iter().map(word).collect();
        classes.sort_unstable();
        classes
    }

    /// The only line of a class.
    #[track_caller]
    pub fn line(&self, class: &str) -> Row {
        let mut found: Vec<Row> = self.lines().into_iter().filter(|line| line["class"] == class).collect();
        assert_eq!(found.len(), 1, "lines of {class} among {:?}", self.classes());
        found.remove(0)
    }

    /// The only line of all.
    #[track_caller]
    pub fn only(&self) -> Row {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines.remove(0)
    }

    /// What this run and the ones before it leave to the next.
    pub fn leaves(&self, before: &Before) -> Before {
        let closed = before.closed.iter().cloned().chain([self.bytes("closed.ndjson").to_vec()]);
        Before { open: Some(self.bytes("open.ndjson").to_vec()), closed: closed.collect() }
    }

    /// The breaks of settlements, deposits and refunds, as class and reason, sorted.
    pub fn money_breaks(&self) -> Vec<String> {
        let beside = |line: &&Row| {
            let class = line["class"].as_str();
            class.contains("settle")
                || class.contains("deposit")
                || class == "refund_unpaid"
                || class.contains("invoice")
        };
        let word = |line: &Row| format!("{} {}", line["class"], line["reason"]).trim_end().to_owned();
        let mut found: Vec<String> = self.breaks.iter().filter(beside).map(word).collect();
        found.sort_unstable();
        found
    }

    /// The lines of `settlements.csv`.
    pub fn settlements(&self) -> Vec<Row> {
        read_csv(self.bytes("settlements.csv"))
    }

    /// Rows of a leg in a bucket, as `summary.json` counts them.
    pub fn rows_in(&self, leg: &str, currency: &str, bucket: &str) -> u64 {
        self.summary["conservation"][leg][currency][bucket]["rows"].as_u64().unwrap_or(0)
    }
}

const ORDER_COLUMNS: &str = "account,reference_id,cip,amount,currency,status,created_at";
const REPORT_COLUMNS: &str = "account,cip,reference_id,provider_id,amount,currency,status";
const NOTICE_COLUMNS: &str = "account,cip,event_type,amount,currency,received_at";

const SETTLEMENT_COLUMNS: &str = "account,settlement_id,currency,kind,gross,net";
const BANK_COLUMNS: &str = "bank_account,value_date,amount,currency,description";

/// A payment's line nets 48.23 unless it says otherwise; any other line has no fees and is what it says as gross.
fn settlement_line(fields: &str) -> Row {
    let named = row(&[fields]);
    let batch =
        "account=1 settlement_id=L-1001 currency=PEN kind=payment paid_on=2026-03-04 bank_reference=OP-77";
    match named.get("kind").map_or("payment", String::as_str) {
        "payment" => row(&[batch, "cip=100 gross=50.00 commission=1.50 igv=0.27 net=48.23", fields]),
        "refund" | "reversal" => row(&[batch, "cip=100 gross=-50.00 net=-50.00", fields]),
        _ => {
            let gross = named.get("gross").cloned().unwrap_or_default();
            row(&[batch, &format!("net={gross}"), fields])
        }
    }
}

fn bank_line(fields: &str) -> Row {
    let defaults = "bank_account=191-1 bank_reference=OP-77 value_date=2026-03-04 amount=48.23 currency=PEN description=PAGOEFECTIVO";
    let mut line = row(&[defaults, fields]);
    if let Some(text) = line.get_mut("description") {
        *text = text.replace('_', " ");
    }
    line
}

fn report_row(fields: &str) -> Row {
    let named = row(&[fields]);
    let status = named.get("status").map_or("paid", String::as_str);
    let by_status = match status {
        "paid" => "operation_number=7 paid_at=1T10:00",
        "refunded" | "reversed" => "operation_number=7 paid_at=1T12:00",
        _ => "observed_at=2T09:00",
    };
    row(&["account=1 reference_id=R1 cip=100 amount=50.00 currency=PEN status=paid", by_status, fields])
}

/// Reads pairs; later lists overrule earlier ones.
fn row(lists: &[&str]) -> Row {
    let pairs = lists.iter().flat_map(|list| list.split_whitespace());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{pair} is not field=value"));
            let value = if name.ends_with("_at") { long_time(value) } else { value.to_owned() };
            (name.to_owned(), value)
        })
        .collect()
}

/// `3T10:00` is the 3rd of March 2026 in Lima; any other text stays as it is.
pub fn long_time(short: &str) -> String {
    match short.split_once('T') {
        Some((day, time)) if day.len() <= 2 && time.len() == 5 => {
            format!("2026-03-{day:0>2}T{time}:00-05:00")
        }
        Some((day, time)) if day.len() <= 2 && time.len() == 8 => format!("2026-03-{day:0>2}T{time}-05:00"),
        _ => short.to_owned(),
    }
}

/// Writes rows as CSV: the required columns, then every other one that a row names.
pub fn csv_text(rows: &[Row], required: &str) -> Vec<u8> {
    let mut columns: Vec<&str> = required.split(',').collect();
    for name in rows.iter().flat_map(BTreeMap::keys) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns).unwrap();
    for row in rows {
        writer.write_record(columns.iter().map(|name| row.get(*name).map_or("", String::as_str))).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Reads CSV into rows by column.
pub fn read_csv(bytes: &[u8]) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            header
                .iter()
                .zip(record.iter())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        })
        .collect()
}
