//! `open.ndjson` and `closed.ndjson`: what lives on into the next run, and what has come to its end, both with the facts
//! that a later run needs.
//!
//! A fact stands once in a file, with the first line that rests on it; so the file's facts are the rows that are carried.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::facts::Facts;
use super::tables::{CLASS_COLUMN, Cell, SHARED_MEMBERS, cells};
use crate::calendar::Instant;
use crate::carry::{Fact, Heard, Key, Legs, Living, marked, payment_keys};
use crate::formats::{write_cips, write_json_text};
use crate::ids::Cip;
use crate::lifecycle::evidence::{OrderRow, ReportRow};
use crate::lifecycle::settle::RowIndex;
use crate::money::{write_digits, write_minor};
use crate::reconcile::class::Class;
use crate::reconcile::{Bundle, CipText, LegRows, Line, Shown};

/// The class of facts on which no line rests: a notice that waits for its report, an event that claims no money.
const NO_LINE: &str = "evidence";

/// The class of settlements with the lines of the bank that pay them.
const PAYOUT: &str = "payout";

/// What is handed on, and from which run.
#[derive(Clone, Copy, Debug)]
pub struct HandedOn<'h> {
    /// Every line of the run, in the order of the outputs.
    pub lines: &'h [Line],
    /// The rows.
    pub facts: Facts<'h>,
    /// The last look at each CIP, by account.
    pub looks: &'h HashMap<String, HashMap<Cip, Instant>>,
    /// Settlements and bank lines that belong together.
    pub bundles: &'h [Bundle],
    /// The rows that live on.
    pub living: &'h Living,
    /// Which lines of settlements are told elsewhere, with the pairs that they name.
    pub elsewhere: &'h [bool],
    /// The moment of judgement.
    pub as_of: Option<Instant>,
}

/// How far a run has heard: the first line of `open.ndjson`.
///
/// # Errors
/// None in practice: every field is text.
pub fn open_header(heard: &Heard) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = b"{\"carry\":".to_vec();
    serde_json::to_writer(&mut out, heard)?;
    out.extend_from_slice(b"}\n");
    Ok(out)
}

/// Writes the lines of `open.ndjson` after its header, in the order of the outputs.
pub(crate) struct OpenLines<'h>(Items<'h>);

impl<'h> OpenLines<'h> {
    /// Begins with what lives on.
    pub(crate) fn new(handed: &'h HandedOn<'h>) -> Self {
        OpenLines(Items::new(handed, handed.living))
    }

    /// Appends the settlements that live on, before all lines: theirs rest on all of them, and no pair tells them.
    pub(crate) fn write_payouts(&mut self, out: &mut Vec<u8>) {
        self.0.write_payouts(out);
    }

    /// Appends a line, if it lives on.
    pub(crate) fn write(&mut self, line: &Line, out: &mut Vec<u8>) {
        if self.0.holds(line) {
            let share = self.0.share_of(line);
            begin_open(&line.shown(), out);
            self.0.finish(&line.account, &share, out);
        }
    }

    /// The facts that live on and on which no line rests, when all lines are written: one line each, sorted.
    pub(crate) fn without_line(self) -> Vec<Vec<u8>> {
        self.0.without_line()
    }
}

/// Appends a line that lives on and rests on one row of each leg at most, of which nothing else is known.
pub(crate) fn write_open_rows(
    line: &Shown<'_>,
    order: Option<&OrderRow<'_>>,
    report: Option<(&str, &ReportRow<'_>)>,
    out: &mut Vec<u8>,
) {
    begin_open(line, out);
    out.extend_from_slice(b",\"facts\":{\"orders\":[");
    if let Some(row) = order {
        row.write(out);
    }
    out.extend_from_slice(b"],\"reports\":[");
    if let Some((source, row)) = report {
        write_told(source, row, out);
    }
    out.extend_from_slice(b"]}}\n");
}

/// The lines that have come to their end, one JSON object each, with the keys by which a later fact may touch them.
#[must_use]
pub fn closed_ndjson(handed: &HandedOn<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let ended = handed.living.inverted();
    let mut closed = ClosedLines::new(handed, &ended);
    handed.lines.iter().for_each(|line| closed.write(line, &mut out));
    closed.write_payouts(&mut out);
    out.extend(closed.without_line().into_iter().flatten());
    out
}

/// Writes the lines of `closed.ndjson` one by one, in the order of the outputs.
pub(crate) struct ClosedLines<'h>(Items<'h>);

impl<'h> ClosedLines<'h> {
    /// Begins with what has come to its end: all that does not live on.
    pub(crate) fn new(handed: &'h HandedOn<'h>, ended: &'h Living) -> Self {
        let mut items = Items::new(handed, ended);
        items.closed_at = Some(handed.as_of.map(|time| time.to_string()).unwrap_or_default());
        ClosedLines(items)
    }

    /// Appends a line, if it has come to its end. A stub is there for its facts; one that has none left is told with
    /// another line.
    pub(crate) fn write(&mut self, line: &Line, out: &mut Vec<u8>) {
        let share = if self.0.holds(line) { self.0.share_of(line) } else { Share::default() };
        if !share.is_empty() {
            begin(line.class.word(), out);
            member(out, "account", &line.account);
            self.0.finish(&line.account, &share, out);
        }
    }

    /// Appends the settlements that are closed, after all lines: a payment's stub has its own lines of them, and who touches
    /// the settlement is given all.
    pub(crate) fn write_payouts(&mut self, out: &mut Vec<u8>) {
        self.0.write_payouts(out);
    }

    /// The facts that have come to their end and on which no line rests: one line each, sorted.
    pub(crate) fn without_line(self) -> Vec<Vec<u8>> {
        self.0.without_line()
    }
}

fn begin(class: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"class\":");
    write_json_text(class, out);
}

/// The shared columns of a line, its class first, and since when it is a break.
fn begin_open(line: &Shown<'_>, out: &mut Vec<u8>) {
    begin(line.class.word(), out);
    for (place, (name, cell)) in SHARED_MEMBERS.iter().zip(cells(line)).enumerate() {
        if place != CLASS_COLUMN {
            out.extend_from_slice(name.as_bytes());
            write_cell(&cell, out);
        }
    }
    if let Some(opened_at) = line.opened_at.filter(|_| line.class.is_break()) {
        member(out, "opened_at", &opened_at.to_string());
    }
}

/// A member after the first of its object.
fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b',');
    write_json_text(name, out);
    out.push(b':');
    write_json_text(value, out);
}

/// Rows of each leg that are told on one line.
#[derive(Default)]
struct Share {
    orders: Vec<RowIndex>,
    reports: Vec<RowIndex>,
    notices: Vec<RowIndex>,
    /// Lines of settlements that are judged.
    settlements: Vec<RowIndex>,
    /// Lines of settlements that are closed.
    settled: Vec<RowIndex>,
    bank: Vec<RowIndex>,
}

impl Share {
    fn is_empty(&self) -> bool {
        let Share { orders, reports, notices, settlements, settled, bank } = self;
        [orders, reports, notices, settlements, settled, bank].iter().all(|rows| rows.is_empty())
    }
}

/// The lines of one file while they are written.
struct Items<'h> {
    handed: &'h HandedOn<'h>,
    legs: Legs<'h, 'h>,
    /// The rows that belong into the file.
    which: &'h Living,
    /// Those of them that are still to be told, each fact once.
    left: Living,
    notices: HashMap<u64, Vec<RowIndex>>,
    settled: HashMap<u64, Vec<RowIndex>>,
    /// In a file of stubs, when they were closed; empty where no moment is known.
    closed_at: Option<String>,
}

/// Rows that are left, by each of their keys.
fn by_key<R: Fact>(rows: &[R], left: &[bool]) -> HashMap<u64, Vec<RowIndex>> {
    let mut by_key: HashMap<u64, Vec<RowIndex>> = HashMap::new();
    for (index, row) in marked(rows, left) {
        row.key_numbers().for_each(|key| by_key.entry(key).or_default().push(index));
    }
    by_key
}

impl<'h> Items<'h> {
    fn new(handed: &'h HandedOn<'h>, which: &'h Living) -> Self {
        let legs = Legs::of(handed.facts.inputs);
        let mut left = which.each_fact_once(handed.facts.inputs);
        let elsewhere =
            left.settlements.iter_mut().zip(handed.elsewhere).filter(|(_, elsewhere)| **elsewhere);
        elsewhere.for_each(|(left, _)| *left = false);
        let notices = by_key(legs.notices, &left.notices);
        let settled = by_key(legs.settlements, &left.settlements);
        Items { handed, legs, which, left, notices, settled, closed_at: None }
    }

    /// Settlements with the lines of the bank that pay them, which stay together.
    fn write_payouts(&mut self, out: &mut Vec<u8>) {
        let mut items: Vec<Vec<u8>> = Vec::new();
        for (bundle, _) in self.handed.bundles.iter().zip(&self.which.bundles).filter(|(_, here)| **here) {
            let share = Share {
                settlements: self.take_whole(&bundle.rows.settlements),
                bank: take(&mut self.left.bank, &bundle.rows.bank),
                ..Share::default()
            };
            let first = bundle.rows.settlements.first().and_then(|row| self.legs.settlements.get(*row));
            let account = first.map_or("", |row| row.account.as_ref());
            let mut item = Vec::new();
            begin(PAYOUT, &mut item);
            member(&mut item, "account", account);
            self.finish(account, &share, &mut item);
            items.push(item);
        }
        items.sort();
        out.extend(items.into_iter().flatten());
    }

    /// All lines of a settlement. In a file of stubs those that live on for their payments are among them.
    fn take_whole(&mut self, rows: &[RowIndex]) -> Vec<RowIndex> {
        let taken = take(&mut self.left.settlements, rows);
        if self.closed_at.is_none() { taken } else { rows.to_vec() }
    }

    /// Whether a line belongs into the file. One that rests on no row, as a count of refused callbacks, lives on for its age.
    fn holds(&self, line: &Line) -> bool {
        let without_rows = line.rows == LegRows::default() && self.closed_at.is_none();
        let lives_alone = without_rows || line.class == Class::FeeInvoiceVariance && self.closed_at.is_none();
        self.which.has_any(&line.rows) || (lives_alone && line.class.is_break())
    }

    /// The keys of a line by which facts are told with it on which it does not rest; none where there are no such facts.
    fn keys_beside(&self, line: &Line) -> Vec<u64> {
        if self.notices.is_empty() && self.settled.is_empty() {
            return Vec::new();
        }
        let orders = line.rows.orders.iter().filter_map(|index| self.legs.orders.get(*index));
        let reports = line.rows.reports.iter().filter_map(|index| self.legs.reports.get(*index));
        let of_orders = orders.flat_map(Fact::key_numbers);
        of_orders.chain(reports.flat_map(Fact::key_numbers)).collect()
    }

    /// Takes the facts of a line that no line before it has told.
    fn share_of(&mut self, line: &Line) -> Share {
        let keys = self.keys_beside(line);
        let beside = |rows: &HashMap<u64, Vec<RowIndex>>| {
            keys.iter().filter_map(|key| rows.get(key)).flatten().copied().collect::<Vec<RowIndex>>()
        };
        let notices = [line.rows.notices.clone(), beside(&self.notices)].concat();
        let settled = beside(&self.settled);
        Share {
            orders: take(&mut self.left.orders, &line.rows.orders),
            reports: take(&mut self.left.reports, &line.rows.reports),
            notices: take(&mut self.left.notices, &notices),
            settled: take(&mut self.left.settlements, &settled),
            bank: take(&mut self.left.bank, &line.rows.bank),
            ..Share::default()
        }
    }

    /// The facts on which no line rests, one by one, in an order of their own.
    fn without_line(mut self) -> Vec<Vec<u8>> {
        let left = std::mem::take(&mut self.left);
        let mut items: Vec<Vec<u8>> = Vec::new();
        let mut add = |account: &str, share: Share| {
            let mut item = Vec::new();
            begin(NO_LINE, &mut item);
            member(&mut item, "account", account);
            self.finish(account, &share, &mut item);
            items.push(item);
        };
        for (index, row) in marked(self.legs.orders, &left.orders) {
            add(row.account(), Share { orders: vec![index], ..Share::default() });
        }
        for (index, row) in marked(self.legs.reports, &left.reports) {
            add(row.account(), Share { reports: vec![index], ..Share::default() });
        }
        for (index, row) in marked(self.legs.notices, &left.notices) {
            add(row.account(), Share { notices: vec![index], ..Share::default() });
        }
        for (index, row) in marked(self.legs.settlements, &left.settlements) {
            add(row.account(), Share { settled: vec![index], ..Share::default() });
        }
        for (index, row) in marked(self.legs.bank, &left.bank) {
            add(row.account(), Share { bank: vec![index], ..Share::default() });
        }
        items.sort();
        items
    }

    /// Everything after the columns: in a stub its time and keys, then looks and facts.
    fn finish(&self, account: &str, share: &Share, out: &mut Vec<u8>) {
        if let Some(closed_at) = &self.closed_at {
            if !closed_at.is_empty() {
                member(out, "closed_at", closed_at);
            }
            out.extend_from_slice(b",\"keys\":");
            texts_list(&self.keys(share), out);
            let brings = self.brings(share);
            if !brings.is_empty() {
                out.extend_from_slice(b",\"brings\":");
                texts_list(&brings, out);
            }
        }
        let looks = self.looks(account, share);
        if !looks.is_empty() {
            out.extend_from_slice(b",\"looks\":{");
            for (place, (cip, look)) in looks.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_json_text(cip, out);
                out.push(b':');
                write_json_text(look, out);
            }
            out.push(b'}');
        }
        self.write_facts(share, out);
        out.extend_from_slice(b"}\n");
    }

    /// By what a stub is touched. A whole settlement is touched by its name, not by each of its payments.
    fn keys(&self, share: &Share) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        words(self.legs.orders, &share.orders, |row| row.touches().collect(), &mut keys);
        words(self.legs.reports, &share.reports, |row| row.touches().collect(), &mut keys);
        words(self.legs.notices, &share.notices, |row| row.touches().collect(), &mut keys);
        words(self.legs.settlements, &share.settlements, Fact::hints, &mut keys);
        words(self.legs.settlements, &share.settled, Fact::keys, &mut keys);
        words(self.legs.bank, &share.bank, Fact::hints, &mut keys);
        keys
    }

    /// What a stub that is touched brings in: a settlement its payments, a payment the debits that may name it.
    fn brings(&self, share: &Share) -> BTreeSet<String> {
        let mut brings = BTreeSet::new();
        words(self.legs.settlements, &share.settlements, Fact::keys, &mut brings);
        if self.handed.facts.inputs.bank.is_some() {
            let named = |reference: Option<&str>, cips: &[Cip]| payment_keys(reference, cips.iter().copied());
            for row in share.orders.iter().filter_map(|index| self.legs.orders.get(*index)) {
                brings.extend(named(Some(&row.reference_id), &row.cips));
            }
            for row in share.reports.iter().filter_map(|index| self.legs.reports.get(*index)) {
                brings.extend(named(row.reference_id.as_deref(), row.cip.as_slice()));
            }
        }
        brings
    }

    /// The last look at each CIP that the facts name.
    fn looks(&self, account: &str, share: &Share) -> BTreeMap<String, String> {
        let Some(known) = self.handed.looks.get(account) else { return BTreeMap::new() };
        let orders = share.orders.iter().filter_map(|index| self.legs.orders.get(*index));
        let reports = share.reports.iter().filter_map(|index| self.legs.reports.get(*index));
        let notices = share.notices.iter().filter_map(|index| self.legs.notices.get(*index));
        let lines = share.settlements.iter().chain(&share.settled);
        let lines = lines.filter_map(|index| self.legs.settlements.get(*index));
        let named = orders
            .flat_map(|row| row.cips.iter().copied())
            .chain(reports.filter_map(|row| row.cip))
            .chain(notices.map(|row| row.cip))
            .chain(lines.filter_map(|row| row.cip));
        let look = |cip: Cip| Some((cip.to_string(), known.get(&cip)?.to_string()));
        named.filter_map(look).collect()
    }

    fn write_facts(&self, share: &Share, out: &mut Vec<u8>) {
        let sources = self.handed.facts.sources;
        out.extend_from_slice(b",\"facts\":{\"orders\":");
        list(out, texts(self.legs.orders, &share.orders));
        out.extend_from_slice(b",\"reports\":");
        let reports = share.reports.iter().filter_map(|index| self.legs.reports.get(*index));
        let told = reports.map(|row| {
            let mut text = Vec::new();
            write_told(sources.get(usize::from(row.source)).map_or("", String::as_str), row, &mut text);
            text
        });
        list(out, told.collect());
        let (settlements, bank) = (self.legs.settlements, self.legs.bank);
        let further = [
            ("notices", texts(self.legs.notices, &share.notices)),
            ("settlements", numbered(settlements, &share.settlements, |row| row.ordinal)),
            ("settled", numbered(settlements, &share.settled, |row| row.ordinal)),
            ("bank", numbered(bank, &share.bank, |row| row.ordinal)),
        ];
        for (name, texts) in further.into_iter().filter(|(_, texts)| !texts.is_empty()) {
            out.push(b',');
            write_json_text(name, out);
            out.push(b':');
            list(out, texts);
        }
        out.push(b'}');
    }
}

/// A report row is a fact of its source: numbers are compared only within one.
fn write_told(source: &str, row: &ReportRow<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"source\":");
    write_json_text(source, out);
    out.extend_from_slice(b",\"row\":");
    row.write(out);
    out.push(b'}');
}

/// Takes those of the rows that are left.
fn take(left: &mut [bool], rows: &[RowIndex]) -> Vec<RowIndex> {
    let mut is_left = |row: &RowIndex| left.get_mut(*row).is_some_and(std::mem::take);
    rows.iter().copied().filter(|row| is_left(row)).collect()
}

fn words<'r, R: Fact>(
    rows: &'r [R],
    indices: &[RowIndex],
    keys: impl Fn(&'r R) -> Vec<Key<'r>>,
    words: &mut BTreeSet<String>,
) {
    for row in indices.iter().filter_map(|index| rows.get(*index)) {
        words.extend(keys(row).iter().map(Key::word));
    }
}

/// A JSON array of texts.
fn texts_list(texts: &BTreeSet<String>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_json_text(text, out);
    }
    out.push(b']');
}

fn texts<R: Fact>(rows: &[R], indices: &[RowIndex]) -> Vec<Vec<u8>> {
    let text = |row: &R| {
        let mut text = Vec::new();
        row.write(&mut text);
        text
    };
    indices.iter().filter_map(|index| rows.get(*index)).map(text).collect()
}

/// Lines that nothing but their number may tell apart, each with it.
fn numbered<R: Fact>(rows: &[R], indices: &[RowIndex], ordinal: impl Fn(&R) -> u32) -> Vec<Vec<u8>> {
    let text = |row: &R| {
        let mut text = format!("{{\"ordinal\":{},\"row\":", ordinal(row)).into_bytes();
        row.write(&mut text);
        text.push(b'}');
        text
    };
    indices.iter().filter_map(|index| rows.get(*index)).map(text).collect()
}

/// A JSON array of objects, in an order of their own, so that the rows may have come in any.
fn list(out: &mut Vec<u8>, mut objects: Vec<Vec<u8>>) {
    objects.sort();
    out.push(b'[');
    out.extend(objects.join(&b','));
    out.push(b']');
}

fn write_cell(cell: &Cell<'_>, out: &mut Vec<u8>) {
    if let Cell::Text(text) | Cell::Cip(CipText::Text(text)) = cell {
        return write_json_text(text, out);
    }
    out.push(b'"');
    match cell {
        Cell::Cip(CipText::One(cip)) => write_digits(cip.number(), out),
        Cell::Cip(CipText::Listed(cips)) => write_cips(cips, out),
        Cell::Minor(Some(minor)) => write_minor(*minor, out),
        Cell::Plain(text) => out.extend_from_slice(text.as_bytes()),
        Cell::Id(id) => out.extend_from_slice(id.digits()),
        Cell::Minor(None) | Cell::Text(_) | Cell::Cip(CipText::Text(_)) => {}
    }
    out.push(b'"');
}
