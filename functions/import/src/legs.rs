//! The rows of a file by leg: which may go on, which are set aside, and what they say as canonical lines.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cuadre::aws::StoreError;
use cuadre::aws::table::Table as Facts;
use cuadre::calendar::Instant;
use cuadre::formats::{
    self, Format, Mapping, Rejected, Source, Table, write_bank_ndjson, write_order_ndjson,
    write_report_ndjson, write_settlement_ndjson,
};
use cuadre::pagoefectivo::settlement_report;

use crate::facts::{self, Counts};
use crate::file::{ROWS_MAX, fault};
use crate::reading::Reading;

/// A row as one line. An item of the table holds 400 KB, and its line is not all that it holds.
const LINE_BYTES_MAX: usize = 300_000;

/// A file that is about to be read.
pub(crate) struct File<'a> {
    pub(crate) key: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) account: &'a str,
    pub(crate) reading: Reading,
    pub(crate) mapping: &'a Mapping,
}

impl<'a> File<'a> {
    fn source(&self) -> Source<'a> {
        // What is read by its content alone does not ask for a format.
        let format = if let Reading::Table(format) = self.reading { format } else { Format::Csv };
        Source { name: self.key, bytes: self.bytes, format, account: Some(self.account) }
    }
}

/// What a file gave, whatever its leg.
pub(crate) struct Sorted {
    /// How many rows may go on.
    pub(crate) rows: usize,
    /// The same as canonical lines.
    pub(crate) content: Vec<u8>,
    pub(crate) set_aside: Vec<Rejected>,
    pub(crate) columns: Vec<String>,
    pub(crate) unknown_columns: Vec<String>,
    pub(crate) cleansed: BTreeMap<&'static str, u64>,
    pub(crate) latest: Option<Instant>,
}

/// How a row of a leg is written, and how it is named where it has to be set aside after all.
struct Manner<'m, R> {
    write: fn(&R, &mut Vec<u8>),
    /// The account that the row names, where its leg has one.
    account: &'m dyn Fn(&R) -> Option<String>,
    name: &'m dyn Fn(&R) -> String,
}

/// Reads orders and records each; the inner error is why the file is rejected whole.
pub(crate) async fn orders(
    file: &File<'_>,
    table: &Facts,
) -> Result<Result<(Sorted, Counts), String>, StoreError> {
    let read = formats::read_orders(&file.source(), &file.mapping.orders).map_err(|error| fault(&error));
    let manner = Manner {
        write: write_order_ndjson,
        account: &|row| Some(row.account.to_string()),
        name: &|row| format!("reference_id {}", row.reference_id),
    };
    match read.and_then(|read| sorted_out(read, file, &manner)) {
        Ok((rows, sorted)) => Ok(Ok((sorted, facts::record_orders(table, &rows).await?))),
        Err(reason) => Ok(Err(reason)),
    }
}

/// Reads reports and records each row that names a CIP.
pub(crate) async fn reports(
    file: &File<'_>,
    table: &Facts,
) -> Result<Result<(Sorted, Counts), String>, StoreError> {
    let read = formats::read_reports(&file.source(), 0, &file.mapping.reports).map_err(|error| fault(&error));
    let manner = Manner {
        write: write_report_ndjson,
        account: &|row| Some(row.account.to_string()),
        name: &|row| {
            let name = row.reference_id.as_ref().or(row.provider_id.as_ref());
            row.cip
                .map_or_else(|| name.map(ToString::to_string).unwrap_or_default(), |cip| format!("cip {cip}"))
        },
    };
    let read = read.map(|mut read| {
        // A file without the times at which it was looked up was made at its latest time or later. Taken for that time,
        // two files of a code do not contradict each other, and none claims to have seen what it could not.
        for row in read.rows.iter_mut().filter(|row| row.observed_at.is_none() && !row.status.is_event()) {
            row.observed_at = read.latest;
        }
        read
    });
    match read.and_then(|read| sorted_out(read, file, &manner)) {
        Ok((rows, sorted)) => Ok(Ok((sorted, facts::record_reports(table, &rows).await?))),
        Err(reason) => Ok(Err(reason)),
    }
}

/// Reads settlement lines.
pub(crate) fn settlements(file: &File<'_>) -> Result<Sorted, String> {
    let source = file.source();
    let read = match file.reading {
        Reading::SettlementReport => settlement_report::read(&source, file.account),
        _ => formats::read_settlements(&source, &file.mapping.settlements),
    };
    let manner = Manner {
        write: write_settlement_ndjson,
        account: &|row| Some(row.account.to_string()),
        name: &|row| format!("settlement_id {}", row.settlement_id),
    };
    sorted_out(read.map_err(|error| fault(&error))?, file, &manner).map(|(_, sorted)| sorted)
}

/// Reads bank lines, which name no account of PagoEfectivo.
pub(crate) fn bank(file: &File<'_>) -> Result<Sorted, String> {
    let source = file.source();
    let read = match file.reading {
        Reading::Statement(format) => formats::read_statement(&source, format),
        _ => formats::read_bank(&source, &file.mapping.bank),
    };
    let manner = Manner {
        write: write_bank_ndjson,
        account: &|_| None,
        name: &|row| format!("value_date {}", row.value_date),
    };
    sorted_out(read.map_err(|error| fault(&error))?, file, &manner).map(|(_, sorted)| sorted)
}

/// The rows that may go on, and the same as canonical lines; the others join those that were set aside.
fn sorted_out<R>(
    table: Table<R>,
    file: &File<'_>,
    manner: &Manner<'_, R>,
) -> Result<(Vec<R>, Sorted), String> {
    let Table { rows, rejected: mut set_aside, cleansed, columns, unknown_columns, latest } = table;
    let found = rows.len().saturating_add(set_aside.len());
    if found > ROWS_MAX {
        return Err(format!("has {found} rows: split it into files of at most {ROWS_MAX} rows"));
    }
    let (mut kept, mut content) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let before = content.len();
        (manner.write)(&row, &mut content);
        let foreign = (manner.account)(&row).filter(|account| account != file.account);
        let too_large = content.len().saturating_sub(before) > LINE_BYTES_MAX;
        let (field, what, value): (_, _, Cow<'_, str>) = match foreign {
            Some(account) => {
                ("account", "is not the account of the folder that the file lies in", account.into())
            }
            None if too_large => {
                ("", "is larger than the table can hold: expected at most 300000 bytes a row", "".into())
            }
            None => {
                kept.push(row);
                continue;
            }
        };
        content.truncate(before);
        set_aside.push(Rejected {
            file: file.key.to_owned(),
            // The reader tells the lines of bad rows alone; this one was good in itself, and is named by what it is about.
            line: 0,
            field: field.to_owned(),
            reason: format!("{what} ({})", (manner.name)(&row)),
            value: value.chars().take(120).collect(),
        });
    }
    let rows = kept.len();
    Ok((kept, Sorted { rows, content, set_aside, columns, unknown_columns, cleansed, latest }))
}
