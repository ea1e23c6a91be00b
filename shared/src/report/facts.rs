//! The facts behind a line as hashes to point at.

use sha2::{Digest, Sha256};

use crate::formats::{
    write_bank_ndjson, write_notice_ndjson, write_order_ndjson, write_report_ndjson, write_settlement_ndjson,
};
use crate::ids::hex_digits;
use crate::lifecycle::evidence::{NoticeRow, OrderRow, ReportRow};
use crate::reconcile::class::Class;
use crate::reconcile::{Inputs, Line};

/// The rows of a run, to look up the facts of a line.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// The rows.
    pub inputs: &'f Inputs<'f>,
    /// The names of the report sources, by their number.
    pub sources: &'f [String],
}

/// How many rows of each leg the evidence of a finding names: the first ones, by which its identity lasts.
const ROWS_OF_FINDING_MAX: usize = 100;

/// How many lines of a settlement the evidence of one line names: a batch has as many as the shop has payments.
const SETTLEMENT_LINES_NAMED_MAX: usize = 100;

/// How many words of a fact's SHA-256 stand in `breaks.csv`, eight hexadecimal digits each.
const SHORT_HASH_WORDS: usize = 2;

/// Room for the evidence of an order and a report's row.
const EVIDENCE_OF_ROWS_BYTES: usize = 64;

impl Facts<'_> {
    /// Where the evidence of a line is: `leg:hash` of each fact, separated by blanks. The hash covers the parsed
    /// fields, not the bytes received and not the time of receipt.
    pub(crate) fn evidence(&self, line: &Line) -> String {
        let (inputs, rows) = (self.inputs, &line.rows);
        let most = rows_named_max(line);
        let orders = rows.orders.iter().filter_map(|index| inputs.orders.get(*index)).take(most);
        let reports = rows.reports.iter().filter_map(|index| inputs.reports.get(*index)).take(most);
        let notices = rows.notices.iter().filter_map(|index| inputs.notices.as_ref()?.get(*index)).take(most);
        let settlements = rows.settlements.iter().take(SETTLEMENT_LINES_NAMED_MAX);
        let settlements = settlements.filter_map(|index| inputs.settlements.as_ref()?.get(*index));
        let bank = rows.bank.iter().filter_map(|index| inputs.bank.as_ref()?.get(*index));
        let source = |row: &ReportRow<'_>| self.sources.get(usize::from(row.source)).map(String::as_str);
        let mut all = Vec::new();
        name("order:", orders.map(fact_of_order), &mut all);
        let mut told: Vec<_> = reports.map(|row| (source(row), fact_of_report(row))).collect();
        told.sort();
        told.dedup();
        all.extend(told.iter().map(|(_, fact)| short_hash("report:", fact)));
        name("notice:", notices.map(fact_of_notice), &mut all);
        name(
            "settlement:",
            settlements.map(|row| written(|out| write_settlement_ndjson(row, out))),
            &mut all,
        );
        name("bank:", bank.map(|row| written(|out| write_bank_ndjson(row, out))), &mut all);
        all.dedup();
        all.join(" ")
    }
}

/// The same of a line that has one row of each leg at most.
pub(crate) fn evidence_of_rows(order: Option<&OrderRow<'_>>, report: Option<&ReportRow<'_>>) -> String {
    let mut text = String::with_capacity(EVIDENCE_OF_ROWS_BYTES);
    if let Some(row) = order {
        text.push_str("order:");
        push_short_hash(&fact_of_order(row), &mut text);
    }
    if let Some(row) = report {
        text.push_str(if order.is_some() { " report:" } else { "report:" });
        push_short_hash(&fact_of_report(row), &mut text);
    }
    text
}

/// The next run needs every row of a finding; a person is told by the first ones which it is.
fn rows_named_max(line: &Line) -> usize {
    if line.class == Class::Finding { ROWS_OF_FINDING_MAX } else { usize::MAX }
}

/// Names the facts of a leg, in an order of their own.
fn name(leg: &str, facts: impl Iterator<Item = Vec<u8>>, all: &mut Vec<String>) {
    let mut facts: Vec<Vec<u8>> = facts.collect();
    facts.sort();
    facts.dedup();
    all.extend(facts.iter().map(|fact| short_hash(leg, fact)));
}

fn fact_of_order(row: &OrderRow<'_>) -> Vec<u8> {
    written(|out| write_order_ndjson(row, out))
}

fn fact_of_report(row: &ReportRow<'_>) -> Vec<u8> {
    written(|out| write_report_ndjson(row, out))
}

fn fact_of_notice(row: &NoticeRow<'_>) -> Vec<u8> {
    // Deliveries of one event differ in the time of receipt; the fact is the same.
    let mut row = row.clone();
    row.received_at = row.paid_at.unwrap_or(row.received_at);
    written(|out| write_notice_ndjson(&row, out))
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut out);
    out.truncate(out.trim_ascii_end().len());
    out
}

fn short_hash(leg: &str, fact: &[u8]) -> String {
    let mut text = leg.to_owned();
    push_short_hash(fact, &mut text);
    text
}

fn push_short_hash(fact: &[u8], text: &mut String) {
    let hash: [u8; 32] = Sha256::digest(fact).into();
    let words = hash.as_chunks().0.iter().take(SHORT_HASH_WORDS);
    text.extend(words.flat_map(|word| hex_digits(u32::from_be_bytes(*word))).map(char::from));
}
