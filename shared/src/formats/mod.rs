//! Readers and writers of the canonical formats: bytes in, rows and rejects out; no I/O and no clock.
//!
//! A reader never gives up on a file because of a row: what cannot be read is set aside with file, line, field and
//! reason, and the rest goes on. Only a file whose header cannot be understood is refused, in one sentence that says
//! what to do. `docs/formats.md` is the reference for users.

mod balanced;
mod bank;
mod camt053;
mod cleanse;
mod csv;
mod error;
mod fields;
mod json;
mod lane;
mod mapping;
mod members;
mod mt940;
mod ndjson;
mod notices;
mod orders;
mod place;
mod plan;
mod preset;
mod propose;
mod reader;
mod reports;
mod rows;
mod running_balance;
mod scan;
mod settlement_lines;
mod settlements;
mod statements;
mod stream;
mod values;
mod write;
mod xlsx;
mod xml;

#[cfg(test)]
mod bad_input_tests;
#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
mod property_tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calendar::Instant;
use crate::lifecycle::evidence::{BankRow, NoticeRow, OrderRow, ReportRow, SettlementRow};

// What a provider's own layout of a leg is read with.
pub(crate) use fields::{Defect, Fields};
pub(crate) use mapping::toml_fault;
pub(crate) use plan::{Field, Kind, Layout};
pub(crate) use reader::read as read_layout;
pub(crate) use settlement_lines::number as number_settlement_lines;

pub use error::FileError;
pub use mapping::{LegMapping, Mapping, MappingError};
pub use place::text_at;
pub use preset::preset;
pub use propose::{Preview, Proposal, ProposalError, propose};
pub use settlement_lines::{SettlementIdentity, repeated};
pub use statements::merge_statements;
pub(crate) use stream::{Piece, Sheet};
pub use write::{
    write_bank_ndjson, write_notice_ndjson, write_order_ndjson, write_report_ndjson, write_settlement_ndjson,
};
pub(crate) use write::{write_cips, write_json_text};

/// Whose words a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Leg {
    /// What the merchant expects.
    Orders,
    /// What the provider says by search, portal or report.
    Reports,
    /// The provider's signed callbacks.
    Notices,
    /// The provider's batches of payments (liquidaciones), line by line.
    Settlements,
    /// The lines of the bank's statements.
    Bank,
}

impl Leg {
    /// The name of the leg in paths, mappings and outputs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Leg::Orders => "orders",
            Leg::Reports => "reports",
            Leg::Notices => "notices",
            Leg::Settlements => "settlements",
            Leg::Bank => "bank",
        }
    }

    /// Whether its lines are judged in one place, however a run is cut: they are about payments of all parts.
    #[must_use]
    pub const fn is_judged_whole(self) -> bool {
        matches!(self, Leg::Settlements | Leg::Bank)
    }
}

/// How the bytes of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A header line, then one row a record (RFC 4180; the delimiter comes from the mapping).
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// One JSON document with an array of objects.
    Json,
    /// One XML document whose records are elements.
    Xml,
    /// A workbook of SpreadsheetML, of which one sheet is read.
    Xlsx,
}

impl Format {
    /// Reads the format off a file name: `.csv`, `.ndjson`, `.jsonl`, `.json`, `.xml` or `.xlsx` in any letter
    /// case, also before `.gz` or `.zst`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Format> {
        let name = name.to_ascii_lowercase();
        let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        let (_, extension) = plain.rsplit_once('.')?;
        match extension {
            "csv" => Some(Format::Csv),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "json" => Some(Format::Json),
            "xml" => Some(Format::Xml),
            "xlsx" => Some(Format::Xlsx),
            _ => None,
        }
    }

    /// Guesses the format of bytes without a telling name: by the first mark of JSON, XML or a workbook, all else is
    /// CSV. An object that the first line only opens is JSON, any other NDJSON.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Format {
        let text = bytes.strip_prefix(csv::UTF8_MARK).unwrap_or(bytes);
        match text.trim_ascii_start().first() {
            Some(b'{') => match text.trim_ascii_start().split(|byte| *byte == b'\n').next() {
                Some(line) if line.trim_ascii_end() == b"{" => Format::Json,
                _ => Format::Ndjson,
            },
            Some(b'[') => Format::Json,
            Some(b'<') => Format::Xml,
            _ if xlsx::is_container(bytes) => Format::Xlsx,
            _ => Format::Csv,
        }
    }
}

/// How a bank writes a statement that states its balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatementFormat {
    /// SWIFT's customer statement message.
    Mt940,
    /// The bank-to-customer statement of ISO 20022, an XML document, of any version.
    Camt053,
}

impl StatementFormat {
    /// Recognizes a statement by its beginning; `None` for any other file, a table of bank lines among them.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<StatementFormat> {
        let head = bytes.get(..STATEMENT_HEAD_BYTES).unwrap_or(bytes);
        let holds = |text: &[u8]| memchr::memmem::find(head, text).is_some();
        if holds(b"BkToCstmrStmt") || holds(b"camt.053") {
            return Some(StatementFormat::Camt053);
        }
        // At the beginning of a line, for times of day look alike.
        let mut lines = head.split(|byte| matches!(byte, b'\n' | b'\r'));
        let mut begins = |tag: &[u8]| {
            lines.any(|line| {
                let line = line.strip_prefix(csv::UTF8_MARK).unwrap_or(line);
                line.starts_with(tag) || memchr::memmem::rfind(line, &[b"{4:", tag].concat()).is_some()
            })
        };
        (begins(b":20:") && begins(b":25")).then_some(StatementFormat::Mt940)
    }
}

/// So far into a file a statement has begun.
const STATEMENT_HEAD_BYTES: usize = 4096;

/// One input as the caller holds it. Rows borrow from `bytes` wherever cleansing left a field alone.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The name under which errors and rejects speak of the file.
    pub name: &'a str,
    /// The whole file, decompressed, in the encoding that the mapping states.
    pub bytes: &'a [u8],
    /// How to read it.
    pub format: Format,
    /// The account for a table without account column, and for records that name none.
    pub account: Option<&'a str>,
}

/// What a file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<R> {
    /// The rows that could be read, in the order of the file.
    pub rows: Vec<R>,
    /// The rows that could not, in the order of the file.
    pub rejected: Vec<Rejected>,
    /// How many fields of the accepted rows were changed, by kind of change (`trimmed`, `letter_case`, …).
    pub cleansed: BTreeMap<&'static str, u64>,
    /// The columns of a header, in its order; empty for files whose records name their own.
    pub columns: Vec<String>,
    /// Source columns that feed no field: in the order of a header, sorted where records name their own (the first 256).
    pub unknown_columns: Vec<String>,
    /// The latest time that an accepted row tells of, expiry apart: so far a plain file covers. `None` covers nothing.
    pub latest: Option<Instant>,
}

/// A row that was set aside, as `rejected.csv` shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rejected {
    /// Name of the file.
    pub file: String,
    /// Physical line on which the record begins, the first line being 1; the row of a sheet; the place of a record in a
    /// JSON or XML document.
    pub line: u64,
    /// The first bad field in the order of the format, or the source column where no field is fed by it; empty where
    /// no single field is to blame.
    pub field: String,
    /// What is wrong and what was expected; reads on after the field's name.
    pub reason: String,
    /// The text at fault as it stands in the file, at most 120 characters, control characters shown as blanks.
    pub value: String,
}

impl Rejected {
    /// Whether the row was set aside for a status word, or a kind, that nobody knows; [`Rejected::value`] is the word then.
    #[must_use]
    pub fn has_unknown_status(&self) -> bool {
        self.reason.starts_with(fields::UNKNOWN_STATUS)
    }
}

/// Whether a text may be an account given for whole files ([`Source::account`]): with any other, every reader rejects
/// each row that it is given to.
#[must_use]
pub fn is_account(text: &str) -> bool {
    fields::is_account(text)
}

/// Reads a file of orders.
///
/// # Errors
/// [`FileError`] when the file as a whole cannot be read; bad rows are in [`Table::rejected`].
pub fn read_orders<'a>(source: &Source<'a>, mapping: &LegMapping) -> Result<Table<OrderRow<'a>>, FileError> {
    reader::read(source, &orders::LAYOUT, mapping, orders::read, orders::latest)
}

/// Reads a file of provider reports; `source_id` becomes the `source` of each row.
///
/// # Errors
/// [`FileError`], as for [`read_orders`].
pub fn read_reports<'a>(
    source: &Source<'a>,
    source_id: u16,
    mapping: &LegMapping,
) -> Result<Table<ReportRow<'a>>, FileError> {
    reader::read(source, &reports::LAYOUT, mapping, |row| reports::read(row, source_id), reports::latest)
}

/// Reads a file of notices.
///
/// # Errors
/// [`FileError`], as for [`read_orders`].
pub fn read_notices<'a>(
    source: &Source<'a>,
    mapping: &LegMapping,
) -> Result<Table<NoticeRow<'a>>, FileError> {
    reader::read(source, &notices::LAYOUT, mapping, notices::read, notices::latest)
}

/// Reads a file of settlement lines; identical lines are numbered from 1 in its order.
///
/// # Errors
/// [`FileError`], as for [`read_orders`].
pub fn read_settlements<'a>(
    source: &Source<'a>,
    mapping: &LegMapping,
) -> Result<Table<SettlementRow<'a>>, FileError> {
    let mut table =
        reader::read(source, &settlements::LAYOUT, mapping, settlements::read, settlements::latest)?;
    settlement_lines::number(&mut table.rows);
    Ok(table)
}

/// Reads a file of bank lines, which counts as one statement: identical lines are numbered from 1 in its order. The
/// account of [`Source::account`] is PagoEfectivo's and plays no part.
///
/// # Errors
/// [`FileError`], as for [`read_orders`], and when the file's lines do not lead from one of its balances to the next.
pub fn read_bank<'a>(source: &Source<'a>, mapping: &LegMapping) -> Result<Table<BankRow<'a>>, FileError> {
    let read = reader::read(source, &bank::LAYOUT, mapping, bank::read, bank::latest)?;
    running_balance::check(source.name, mapping, &read)?;
    let Table { rows, rejected, cleansed, columns, unknown_columns, latest } = read;
    let mut rows: Vec<BankRow<'a>> = rows.into_iter().map(|line| line.row).collect();
    statements::number_lines(&mut rows);
    Ok(Table { rows, rejected, cleansed, columns, unknown_columns, latest })
}

/// Reads a file of statements that state their balances; [`Source::format`] and [`Source::account`] play no part.
///
/// An entry that cannot be read is set aside, and its amount still counts in the balance. A statement whose balances do
/// not add up is refused whole. Statements of one file that follow one another are counted together, any others as
/// [`merge_statements`] does. A statement covers its lines up to the first instant of its closing balance's day.
///
/// # Errors
/// [`FileError`] when no statement of the file can be taken; one among others that can is in [`Table::rejected`].
pub fn read_statement(
    source: &Source<'_>,
    format: StatementFormat,
) -> Result<Table<BankRow<'static>>, FileError> {
    match format {
        StatementFormat::Mt940 => mt940::read(source),
        StatementFormat::Camt053 => camt053::read(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_read_off_the_name() {
        let check =
            |name: &str, expected: Option<Format>| assert_eq!(Format::from_name(name), expected, "{name}");
        check("orders.csv", Some(Format::Csv));
        check("a/b/ORDERS.CSV", Some(Format::Csv));
        check("portal.ndjson", Some(Format::Ndjson));
        check("portal.jsonl.gz", Some(Format::Ndjson));
        check("orders.csv.zst", Some(Format::Csv));
        check("csv", None);
        check("orders.xlsx", Some(Format::Xlsx));
        check("orders.json", Some(Format::Json));
        check("Pedidos.XML", Some(Format::Xml));
        check("orders.xls", None);
        check("-", None);
    }

    #[test]
    fn a_statement_is_told_by_its_beginning() {
        let check = |bytes: &[u8], expected: Option<StatementFormat>| {
            assert_eq!(StatementFormat::sniff(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        };
        let mt940 = Some(StatementFormat::Mt940);
        check(b":20:A\r\n:25:191-1\r\n", mt940);
        check(b"\xEF\xBB\xBF:20:A\n:25P:191-1\n", mt940);
        check(b"{1:F01}{2:O940}{4:\n:20:A\n:25:1\n", mt940);
        check(b"{1:F01}{2:O940}{4::20:A\r:25:1\r", mt940);
        check(b"<?xml?><Document><BkToCstmrStmt>", Some(StatementFormat::Camt053));
        check(b"date,time\n2026-03-02,10:20:25:25\n", None);
        check(b":25:1\n:20:A\n", None);
        check(b"", None);
    }

    #[test]
    fn the_format_is_guessed_from_the_first_character() {
        let check = |bytes: &[u8], expected: Format| assert_eq!(Format::sniff(bytes), expected);
        check(b"\xEF\xBB\xBF \n{\"account\":1}", Format::Ndjson);
        check(b"account,amount\n", Format::Csv);
        check(b"", Format::Csv);
        check(b"{\n  \"orders\": []\n}", Format::Json);
        check(b" [{}]", Format::Json);
        check(b"<?xml version=\"1.0\"?>", Format::Xml);
        check(b"PK\x03\x04", Format::Xlsx);
        check(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Format::Xlsx);
    }
}
