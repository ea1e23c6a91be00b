//! `open.ndjson` and `closed.ndjson`: what lives on into the next run, and what has come to its end, both with the facts
//! that a later run needs.
//!
//! A fact stands once in a file, with the first line that rests on it; so the file's facts are the rows that are carried.

use std::collections::{BTreeMap, HashMap};

use super::facts::Facts;
use super::tables::{SHARED_COLUMNS, shared_fields};
use crate::calendar::Instant;
use crate::carry::{Fact, Heard, Key, Living, marked};
use crate::ids::Cip;
use crate::lifecycle::settle::RowIndex;
use crate::reconcile::{LegRows, Line};

/// The class of facts on which no line rests: a notice that waits for its report, an event that claims no money.
const NO_LINE: &str = "evidence";

/// What is handed on, and from which run.
#[derive(Clone, Copy, Debug)]
pub struct HandedOn<'h> {
    /// Every line of the run, in the order of the outputs.
    pub lines: &'h [Line],
    /// The rows.
    pub facts: Facts<'h>,
    /// The last look at each CIP, by account.
    pub looks: &'h HashMap<String, HashMap<Cip, Instant>>,
    /// The rows that live on.
    pub living: &'h Living,
    /// The moment of judgement.
    pub as_of: Option<Instant>,
}

/// The header and the lines that live on, one JSON object each.
///
/// # Errors
/// None in practice: every field is text and every fact is written as JSON.
pub fn open_ndjson(handed: &HandedOn<'_>, heard: &Heard) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"carry\":");
    serde_json::to_writer(&mut out, heard)?;
    out.extend_from_slice(b"}\n");
    Items::new(handed, handed.living).write(&mut out, |line, out| {
        for (name, value) in SHARED_COLUMNS.iter().zip(&shared_fields(line)) {
            if *name != "class" {
                member(out, name, value)?;
            }
        }
        match line.opened_at.filter(|_| line.class.is_break()) {
            Some(opened_at) => member(out, "opened_at", &opened_at.to_string()),
            None => Ok(()),
        }
    })?;
    Ok(out)
}

/// The lines that have come to their end, one JSON object each, with the keys by which a later fact may touch them.
///
/// # Errors
/// As for [`open_ndjson`].
pub fn closed_ndjson(handed: &HandedOn<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    let ended = handed.living.inverted();
    let mut items = Items::new(handed, &ended);
    items.closed_at = Some(handed.as_of.map(|time| time.to_string()).unwrap_or_default());
    items.write(&mut out, |line, out| member(out, "account", &line.account))?;
    Ok(out)
}

type Written = Result<(), serde_json::Error>;

/// A member after the first of its object.
fn member(out: &mut Vec<u8>, name: &str, value: &str) -> Written {
    out.push(b',');
    serde_json::to_writer(&mut *out, name)?;
    out.push(b':');
    serde_json::to_writer(&mut *out, value)
}

/// Rows of each leg that are told on one line.
#[derive(Default)]
struct Share {
    orders: Vec<RowIndex>,
    reports: Vec<RowIndex>,
    notices: Vec<RowIndex>,
}

impl Share {
    fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.reports.is_empty() && self.notices.is_empty()
    }
}

/// The lines of one file while they are written.
struct Items<'h> {
    handed: &'h HandedOn<'h>,
    /// The rows that belong into the file.
    which: &'h Living,
    /// Those of them that are still to be told, each fact once.
    left: Living,
    notices: HashMap<u64, Vec<RowIndex>>,
    /// In a file of stubs, when they were closed; empty where no moment is known.
    closed_at: Option<String>,
}

impl<'h> Items<'h> {
    fn new(handed: &'h HandedOn<'h>, which: &'h Living) -> Self {
        let inputs = handed.facts.inputs;
        let left = which.each_fact_once(inputs);
        let mut notices: HashMap<u64, Vec<RowIndex>> = HashMap::new();
        for (index, row) in inputs.notices.iter().flatten().enumerate() {
            if left.notices.get(index).copied().unwrap_or(false) {
                notices.entry(Key::Cip(row.cip).number(&row.account)).or_default().push(index);
            }
        }
        Items { handed, which, left, notices, closed_at: None }
    }

    fn write(mut self, out: &mut Vec<u8>, columns: impl Fn(&Line, &mut Vec<u8>) -> Written) -> Written {
        for line in self.handed.lines {
            if !self.holds(line) {
                continue;
            }
            let share = self.share_of(line);
            // A stub is there for its facts; one that has none left is told with another line.
            if self.closed_at.is_some() && share.is_empty() {
                continue;
            }
            out.extend_from_slice(b"{\"class\":");
            serde_json::to_writer(&mut *out, line.class.word())?;
            columns(line, out)?;
            self.finish(&line.account, &share, out)?;
        }
        self.write_without_line(out)
    }

    /// Whether a line belongs into the file. One that rests on no row, as a count of refused callbacks, lives on for its age.
    fn holds(&self, line: &Line) -> bool {
        let without_rows = line.rows == LegRows::default() && self.closed_at.is_none();
        self.which.has_any(&line.rows) || (without_rows && line.class.is_break())
    }

    /// Takes the facts of a line that no line before it has told.
    fn share_of(&mut self, line: &Line) -> Share {
        let inputs = self.handed.facts.inputs;
        let orders = line.rows.orders.iter().filter_map(|index| inputs.orders.get(*index));
        let reports = line.rows.reports.iter().filter_map(|index| inputs.reports.get(*index));
        let cips = orders.flat_map(|row| row.cips.iter().copied()).chain(reports.filter_map(|row| row.cip));
        let announced =
            cips.filter_map(|cip| self.notices.get(&Key::Cip(cip).number(&line.account))).flatten();
        let notices: Vec<RowIndex> = line.rows.notices.iter().chain(announced).copied().collect();
        Share {
            orders: take(&mut self.left.orders, &line.rows.orders),
            reports: take(&mut self.left.reports, &line.rows.reports),
            notices: take(&mut self.left.notices, &notices),
        }
    }

    /// The facts on which no line rests, one by one, in an order of their own.
    fn write_without_line(mut self, out: &mut Vec<u8>) -> Written {
        let inputs = self.handed.facts.inputs;
        let left = std::mem::take(&mut self.left);
        let mut items: Vec<Vec<u8>> = Vec::new();
        let mut add = |account: &str, share: &Share| {
            let mut item = Vec::new();
            item.extend_from_slice(b"{\"class\":");
            serde_json::to_writer(&mut item, NO_LINE)?;
            member(&mut item, "account", account)?;
            self.finish(account, share, &mut item)?;
            items.push(item);
            Ok::<(), serde_json::Error>(())
        };
        for (index, row) in marked(&inputs.orders, &left.orders) {
            add(row.account(), &Share { orders: vec![index], ..Share::default() })?;
        }
        for (index, row) in marked(&inputs.reports, &left.reports) {
            add(row.account(), &Share { reports: vec![index], ..Share::default() })?;
        }
        for (index, row) in marked(inputs.notices.as_deref().unwrap_or_default(), &left.notices) {
            add(row.account(), &Share { notices: vec![index], ..Share::default() })?;
        }
        items.sort();
        out.extend(items.into_iter().flatten());
        Ok(())
    }

    /// Everything after the columns: in a stub its time and keys, then looks and facts.
    fn finish(&self, account: &str, share: &Share, out: &mut Vec<u8>) -> Written {
        if let Some(closed_at) = &self.closed_at {
            if !closed_at.is_empty() {
                member(out, "closed_at", closed_at)?;
            }
            out.extend_from_slice(b",\"keys\":");
            serde_json::to_writer(&mut *out, &self.keys(share))?;
        }
        let looks = self.looks(account, share);
        if !looks.is_empty() {
            out.extend_from_slice(b",\"looks\":");
            serde_json::to_writer(&mut *out, &looks)?;
        }
        self.write_facts(share, out)?;
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    fn keys(&self, share: &Share) -> Vec<String> {
        let inputs = self.handed.facts.inputs;
        let notices = inputs.notices.as_deref().unwrap_or_default();
        let mut keys = Vec::new();
        words(&inputs.orders, &share.orders, &mut keys);
        words(&inputs.reports, &share.reports, &mut keys);
        words(notices, &share.notices, &mut keys);
        keys.sort();
        keys.dedup();
        keys
    }

    /// The last look at each CIP that the facts name.
    fn looks(&self, account: &str, share: &Share) -> BTreeMap<String, String> {
        let Some(known) = self.handed.looks.get(account) else { return BTreeMap::new() };
        let inputs = self.handed.facts.inputs;
        let orders = share.orders.iter().filter_map(|index| inputs.orders.get(*index));
        let reports = share.reports.iter().filter_map(|index| inputs.reports.get(*index));
        let notices = share.notices.iter().filter_map(|index| inputs.notices.as_ref()?.get(*index));
        let named = orders
            .flat_map(|row| row.cips.iter().copied())
            .chain(reports.filter_map(|row| row.cip))
            .chain(notices.map(|row| row.cip));
        let look = |cip: Cip| Some((cip.to_string(), known.get(&cip)?.to_string()));
        named.filter_map(look).collect()
    }

    fn write_facts(&self, share: &Share, out: &mut Vec<u8>) -> Written {
        let Facts { inputs, sources } = self.handed.facts;
        out.extend_from_slice(b",\"facts\":{\"orders\":");
        list(out, texts(&inputs.orders, &share.orders));
        out.extend_from_slice(b",\"reports\":");
        // A report row is a fact of its source: numbers are compared only within one.
        let mut told = Vec::new();
        for row in share.reports.iter().filter_map(|index| inputs.reports.get(*index)) {
            let mut text = b"{\"source\":".to_vec();
            serde_json::to_writer(
                &mut text,
                sources.get(usize::from(row.source)).map_or("", String::as_str),
            )?;
            text.extend_from_slice(b",\"row\":");
            row.write(&mut text);
            text.push(b'}');
            told.push(text);
        }
        list(out, told);
        if !share.notices.is_empty() {
            out.extend_from_slice(b",\"notices\":");
            list(out, texts(inputs.notices.as_deref().unwrap_or_default(), &share.notices));
        }
        out.push(b'}');
        Ok(())
    }
}

/// Takes those of the rows that are left.
fn take(left: &mut [bool], rows: &[RowIndex]) -> Vec<RowIndex> {
    let mut is_left = |row: &RowIndex| left.get_mut(*row).is_some_and(std::mem::take);
    rows.iter().copied().filter(|row| is_left(row)).collect()
}

fn words<R: Fact>(rows: &[R], indices: &[RowIndex], words: &mut Vec<String>) {
    for row in indices.iter().filter_map(|index| rows.get(*index)) {
        words.extend(row.touches().map(|key| key.word()));
    }
}

fn texts<R: Fact>(rows: &[R], indices: &[RowIndex]) -> Vec<Vec<u8>> {
    let text = |row: &R| {
        let mut text = Vec::new();
        row.write(&mut text);
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
