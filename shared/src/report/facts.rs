//! The facts behind a line: as canonical JSON to carry on, and as hashes to point at.

use sha2::{Digest, Sha256};

use crate::formats::{
    write_bank_ndjson, write_notice_ndjson, write_order_ndjson, write_report_ndjson, write_settlement_ndjson,
};
use crate::lifecycle::evidence::NoticeRow;
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

/// How many hexadecimal digits of a fact's SHA-256 stand in `breaks.csv`.
const SHORT_HASH_DIGITS: usize = 16;

/// How many lines of a settlement the evidence of one line names: a batch has as many as the shop has payments.
const SETTLEMENT_LINES_NAMED_MAX: usize = 100;

impl Facts<'_> {
    /// The rows of orders behind a line as canonical JSON objects, in an order of their own.
    fn orders(&self, line: &Line) -> Vec<String> {
        let rows = line.rows.orders.iter().filter_map(|index| self.inputs.orders.get(*index));
        let rows = rows.take(rows_named_max(line));
        sorted(rows.map(|row| written(|out| write_order_ndjson(row, out))))
    }

    /// The rows of reports behind a line, each with its source.
    fn reports(&self, line: &Line) -> Vec<(String, String)> {
        let rows = line.rows.reports.iter().filter_map(|index| self.inputs.reports.get(*index));
        let mut facts: Vec<(String, String)> = rows
            .take(rows_named_max(line))
            .map(|row| {
                let source = self.sources.get(usize::from(row.source)).cloned().unwrap_or_default();
                (source, written(|out| write_report_ndjson(row, out)))
            })
            .collect();
        facts.sort();
        facts.dedup();
        facts
    }

    /// Where the evidence of a line is: `leg:hash` of each fact, separated by blanks. The hash covers the parsed
    /// fields, not the bytes received and not the time of receipt.
    pub(super) fn evidence(&self, line: &Line) -> String {
        let notices = line.rows.notices.iter().filter_map(|index| self.inputs.notices.as_ref()?.get(*index));
        let notices = notices.take(rows_named_max(line));
        let mut all: Vec<String> = Vec::new();
        all.extend(self.orders(line).iter().map(|fact| format!("order:{}", short_hash(fact))));
        all.extend(self.reports(line).iter().map(|(_, fact)| format!("report:{}", short_hash(fact))));
        all.extend(
            sorted(notices.map(fact_of_notice)).iter().map(|fact| format!("notice:{}", short_hash(fact))),
        );
        let settlements = self.inputs.settlements.as_deref().unwrap_or_default();
        let lines = line.rows.settlements.iter().take(SETTLEMENT_LINES_NAMED_MAX);
        let lines = lines.filter_map(|index| settlements.get(*index));
        let lines = sorted(lines.map(|row| written(|out| write_settlement_ndjson(row, out))));
        all.extend(lines.iter().map(|fact| format!("settlement:{}", short_hash(fact))));
        let bank = self.inputs.bank.as_deref().unwrap_or_default();
        let lines = line.rows.bank.iter().filter_map(|index| bank.get(*index));
        let lines = sorted(lines.map(|row| written(|out| write_bank_ndjson(row, out))));
        all.extend(lines.iter().map(|fact| format!("bank:{}", short_hash(fact))));
        all.dedup();
        all.join(" ")
    }
}

/// The next run needs every row of a finding; a person is told by the first ones which it is.
fn rows_named_max(line: &Line) -> usize {
    if line.class == Class::Finding { ROWS_OF_FINDING_MAX } else { usize::MAX }
}

fn fact_of_notice(row: &NoticeRow<'_>) -> String {
    // Deliveries of one event differ in the time of receipt; the fact is the same.
    let mut row = row.clone();
    row.received_at = row.paid_at.unwrap_or(row.received_at);
    written(|out| write_notice_ndjson(&row, out))
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(out.trim_ascii_end()).into_owned()
}

fn sorted(facts: impl Iterator<Item = String>) -> Vec<String> {
    let mut facts: Vec<String> = facts.collect();
    facts.sort();
    facts.dedup();
    facts
}

fn short_hash(fact: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(fact.as_bytes()));
    digits.truncate(SHORT_HASH_DIGITS);
    digits
}
