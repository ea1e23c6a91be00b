//! The first rows of a file as Cuadre reads them with a mapping.

use serde_json::{Map, Value};

use super::super::error::FileError;
use super::super::mapping::Mapping;
use super::super::plan::{ACCOUNT, Layout};
use super::super::{
    Leg, Rejected, Source, Table, read_bank, read_orders, read_reports, read_settlements, write_bank_ndjson,
    write_order_ndjson, write_report_ndjson, write_settlement_ndjson,
};
use super::LAYOUTS;
use super::sample::Sample;

/// Rows that are shown, good ones and others each.
const SHOWN_MAX: usize = 5;

/// Stands for the account that `--account` or the folder gives.
const GIVEN: &str = "(given)";

/// What a reader makes of the beginning of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Fields that any of the rows has, in the order of the format.
    pub fields: Vec<&'static str>,
    /// The first good rows: their values by [`Preview::fields`], empty where there is none.
    pub rows: Vec<Vec<String>>,
    /// The first rows that would be set aside.
    pub rejected: Vec<Rejected>,
    /// How many rows of those that were looked at are good, and how many would be set aside.
    pub counts: (usize, usize),
    /// Why the file would be refused whole.
    pub refused: Option<FileError>,
}

/// Reads the sample with the proposed mapping.
pub(super) fn read(name: &str, sample: &Sample<'_>, leg: Leg, mapping: &Mapping) -> Preview {
    let source = Source { name, bytes: &sample.bytes, format: sample.format, account: Some(GIVEN) };
    let layout = LAYOUTS.into_iter().find(|layout| layout.leg == leg);
    let Some(layout) = layout else { return Preview::default() };
    let read = match leg {
        Leg::Orders => {
            read_orders(&source, &mapping.orders).map(|table| shown(table, layout, write_order_ndjson))
        }
        Leg::Reports => {
            read_reports(&source, 0, &mapping.reports).map(|table| shown(table, layout, write_report_ndjson))
        }
        Leg::Settlements => read_settlements(&source, &mapping.settlements)
            .map(|table| shown(table, layout, write_settlement_ndjson)),
        Leg::Bank => read_bank(&source, &mapping.bank).map(|table| shown(table, layout, write_bank_ndjson)),
        Leg::Notices => Ok(Preview::default()),
    };
    read.unwrap_or_else(|error| Preview { refused: Some(error), ..Preview::default() })
}

/// The beginning of a table by fields; what feeds none is not shown.
fn shown<R>(mut table: Table<R>, layout: &'static Layout, write: fn(&R, &mut Vec<u8>)) -> Preview {
    let counts = (table.rows.len(), table.rejected.len());
    table.rejected.truncate(SHOWN_MAX);
    let row = |row: &R| -> Map<String, Value> {
        let mut line = Vec::new();
        write(row, &mut line);
        serde_json::from_slice(&line).unwrap_or_default()
    };
    let rows: Vec<Map<String, Value>> = table.rows.iter().take(SHOWN_MAX).map(row).collect();
    let value = |row: &Map<String, Value>, field: &str| match row.get(field) {
        Some(Value::String(text)) if field == ACCOUNT && text == GIVEN => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Null) | None => None,
        Some(other) => Some(other.to_string()),
    };
    let names = layout.fields.iter().map(|field| field.name);
    let fields: Vec<&'static str> =
        names.filter(|name| rows.iter().any(|row| value(row, name).is_some())).collect();
    let by_field = |row: &Map<String, Value>| -> Vec<String> {
        fields.iter().map(|field| value(row, field).unwrap_or_default()).collect()
    };
    let rows = rows.iter().map(by_field).collect();
    Preview { rows, fields, rejected: table.rejected, counts, refused: None }
}
