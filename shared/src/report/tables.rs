//! `breaks.csv`, `matched.csv` and `rejected.csv`.

use serde::{Deserialize, Serialize};

use super::formula;
use crate::formats::{Rejected, write_cips};
use crate::ids::BreakId;
use crate::money::{write_digits, write_minor};
use crate::reconcile::class::Bucket;
use crate::reconcile::{CipText, Shown};

/// Names of columns, and as the members of an object after its first.
macro_rules! columns {
    ($($name:literal),+ $(,)?) => {
        /// The columns that `breaks.csv` and `matched.csv` share.
        const SHARED_COLUMNS: [&str; 16] = [$($name),+];

        /// The same as `open.ndjson` names its fields by.
        pub(super) const SHARED_MEMBERS: [&str; 16] = [$(concat!(",\"", $name, "\":")),+];
    };
}

columns!(
    "break_id",
    "class",
    "reason",
    "severity",
    "account",
    "store",
    "cip",
    "reference_id",
    "operation_number",
    "currency",
    "order_amount",
    "report_amount",
    "difference",
    "order_status",
    "report_status",
    "differences",
);

/// The place of the class among them.
pub(super) const CLASS_COLUMN: usize = 1;

const BREAK_COLUMNS: [&str; 4] = ["business_day", "opened_at", "evidence", "suggestion"];

/// What a column of a line holds.
pub(super) enum Cell<'l> {
    /// A text, which may need quotes or escapes.
    Text(&'l str),
    /// A text of digits, letters and hyphens.
    Plain(&'l str),
    Id(&'l BreakId),
    Cip(CipText<'l>),
    Minor(Option<i64>),
}

/// A line under the shared columns; an absent side is empty.
pub(super) fn cells<'l>(line: &'l Shown<'_>) -> [Cell<'l>; 16] {
    [
        Cell::Id(&line.break_id),
        Cell::Plain(line.class.word()),
        Cell::Plain(line.reason.map_or("", |reason| reason.word())),
        Cell::Plain(line.severity.word()),
        Cell::Text(line.account),
        Cell::Text(line.store),
        Cell::Cip(line.cip),
        Cell::Text(line.reference_id),
        Cell::Text(line.operation_number),
        Cell::Plain(line.currency.code()),
        Cell::Minor(line.order_minor),
        Cell::Minor(line.report_minor),
        Cell::Minor(line.difference_minor),
        Cell::Plain(line.order_status),
        Cell::Plain(line.report_status),
        Cell::Text(&line.differences),
    ]
}

/// Appends the shared columns of a line, without a line end.
fn write_shared(line: &Shown<'_>, out: &mut Vec<u8>) {
    let plain = |text: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(text.as_bytes());
        out.push(b',');
    };
    let field = |text: &str, out: &mut Vec<u8>| {
        write_field(text, out);
        out.push(b',');
    };
    out.extend_from_slice(line.break_id.digits());
    out.push(b',');
    plain(line.class.word(), out);
    plain(line.reason.map_or("", |reason| reason.word()), out);
    plain(line.severity.word(), out);
    field(line.account, out);
    field(line.store, out);
    match line.cip {
        CipText::One(cip) => write_digits(cip.number(), out),
        CipText::Listed(cips) => write_cips(cips, out),
        CipText::Text(text) => write_field(text, out),
    }
    out.push(b',');
    field(line.reference_id, out);
    field(line.operation_number, out);
    plain(line.currency.code(), out);
    write_amounts(line, out);
    plain(line.order_status, out);
    plain(line.report_status, out);
    write_field(&line.differences, out);
}

/// Appends both amounts and their difference, each with its comma. Mostly there is none, and then one amount is the other.
fn write_amounts(line: &Shown<'_>, out: &mut Vec<u8>) {
    let amount = |minor: Option<i64>, out: &mut Vec<u8>| {
        if let Some(minor) = minor {
            write_minor(minor, out);
        }
        out.push(b',');
    };
    let start = out.len();
    amount(line.order_minor, out);
    if line.order_minor == line.report_minor {
        out.extend_from_within(start..);
    } else {
        amount(line.report_minor, out);
    }
    match line.difference_minor {
        Some(0) => out.extend_from_slice(b"0.00,"),
        other => amount(other, out),
    }
}

/// Whether a text may need quotes: all that needs them lies below the hyphen. Looks at eight bytes at once.
fn may_need_quotes(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    let below = |word: u64| word.wrapping_sub(ONES.wrapping_mul(b'-'.into())) & !word & HIGHEST != 0;
    let (words, rest) = text.as_chunks::<8>();
    match text.last_chunk::<8>() {
        // The last eight bytes overlap those before, which does no harm.
        Some(last) => words.iter().chain([last]).any(|word| below(u64::from_le_bytes(*word))),
        None => rest.iter().any(|byte| *byte < b'-'),
    }
}

/// Appends a field, in quotes where it holds what would end it, and never as a formula.
pub(super) fn write_field(text: &str, out: &mut Vec<u8>) {
    let needs = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let apostrophe: &[u8] = if formula::begins(text) { b"'" } else { b"" };
    if !may_need_quotes(text.as_bytes()) || !text.bytes().any(needs) {
        out.extend_from_slice(apostrophe);
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(apostrophe);
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn write_header(columns: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(columns.join(",").as_bytes());
    out.push(b'\n');
}

/// The tables that hold lines, as far as they are written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tables {
    /// `breaks.csv`: everything that somebody must look at.
    pub breaks: Vec<u8>,
    /// `matched.csv`: what agrees, to the céntimo or within the tolerance, and what nobody claims.
    pub matched: Vec<u8>,
    /// `open.ndjson`: what lives on into the next run; others write it.
    pub open: Vec<u8>,
    /// `closed.ndjson`: stubs of what has come to its end, where they are kept; others write it.
    pub closed: Vec<u8>,
}

impl Tables {
    /// Tables with their headers and no line.
    pub(crate) fn begin() -> Tables {
        let mut tables = Tables::default();
        write_header(&[&SHARED_COLUMNS[..], &BREAK_COLUMNS[..]].concat(), &mut tables.breaks);
        write_header(&SHARED_COLUMNS, &mut tables.matched);
        tables
    }

    /// How many bytes they hold.
    pub(crate) const fn len(&self) -> usize {
        let agreed = self.breaks.len().saturating_add(self.matched.len());
        agreed.saturating_add(self.open.len()).saturating_add(self.closed.len())
    }

    /// Empties the tables and keeps their room.
    pub(crate) fn clear(&mut self) {
        self.breaks.clear();
        self.matched.clear();
        self.open.clear();
        self.closed.clear();
    }

    /// Writes a line into the table of what agrees or of what somebody must look at, if it belongs into one of them;
    /// `evidence` is asked for only where it is shown.
    pub(crate) fn write(&mut self, line: &Shown<'_>, evidence: impl FnOnce() -> String) {
        match line.class.bucket() {
            Bucket::Matched | Bucket::Unpaid => {
                write_shared(line, &mut self.matched);
                self.matched.push(b'\n');
            }
            Bucket::Break => write_break(line, &evidence(), &mut self.breaks),
            Bucket::Open | Bucket::Superseded | Bucket::DuplicateRow => {}
        }
    }
}

fn write_break(line: &Shown<'_>, evidence: &str, out: &mut Vec<u8>) {
    write_shared(line, out);
    out.push(b',');
    if let Some(day) = line.business_day() {
        day.write_to(out);
    }
    out.push(b',');
    if let Some(time) = line.opened_at {
        time.write_to(out);
    }
    out.push(b',');
    write_field(evidence, out);
    out.push(b',');
    write_field(line.suggestion(), out);
    out.push(b'\n');
}

/// The rows that could not be read.
///
/// # Errors
/// None in practice: the writer fails only where memory cannot be written.
pub fn rejected_csv(rejected: &[Rejected]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file", "line", "field", "reason", "value"])?;
    for row in rejected {
        let line = row.line.to_string();
        let [file, field, reason, value] =
            [&row.file, &row.field, &row.reason, &row.value].map(|text| formula::harmless(text));
        writer.write_record([file.as_ref(), &line, &field, &reason, &value])?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_as_the_common_writer_quotes_them() {
        let long = "12345678-12345678-1234567,".to_owned();
        for text in [
            long.as_str(),
            &long.replace(',', "x"),
            "ñandú, 1234",
            "",
            "plain",
            "a b",
            " a",
            "1,5",
            "say \"x\"",
            "\"",
            "a\nb",
            "a\rb",
            "Perú",
            ";",
            "'",
            "#",
            "\t",
            "a\t",
            "=1",
            "=HYPERLINK(\"https://example.com\",\"x\")",
            "-15.00",
            "-x",
        ] {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record([&*formula::harmless(text), "end"]).unwrap();
            let expected = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let mut out = Vec::new();
            write_field(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap() + ",end\n", expected, "{text:?}");
        }
    }
}
