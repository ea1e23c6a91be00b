//! The answer key: what a right reconciliation must say, noted at the moment when a case is planted.

use crate::rows::{Currency, write_minor};

/// One expected line, or one row that must be rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyRow {
    pub(crate) class: &'static str,
    pub(crate) account: &'static str,
    pub(crate) reference: String,
    pub(crate) cip: String,
    pub(crate) operation: String,
    pub(crate) reason: &'static str,
    pub(crate) currency: Option<Currency>,
    pub(crate) order_minor: Option<i64>,
    pub(crate) report_minor: Option<i64>,
    pub(crate) file: &'static str,
    pub(crate) line: Option<u64>,
    pub(crate) field: &'static str,
}

const HEADER: &str = "class,reason,account,cip,reference_id,operation_number,currency,order_amount,report_amount,\
                      file,line,field\n";

/// Writes the key as CSV, sorted by class, account, reference, CIP and operation number.
pub(crate) fn write_key(mut rows: Vec<KeyRow>) -> Vec<u8> {
    rows.sort_unstable();
    let mut out = String::with_capacity(rows.len().saturating_mul(80).saturating_add(HEADER.len()));
    out.push_str(HEADER);
    for row in &rows {
        for text in [row.class, row.reason, row.account, &row.cip, &row.reference, &row.operation] {
            out.push_str(text);
            out.push(',');
        }
        out.push_str(row.currency.map_or("", Currency::code));
        for minor in [row.order_minor, row.report_minor] {
            out.push(',');
            if let Some(minor) = minor {
                write_minor(&mut out, minor);
            }
        }
        let line = row.line.map(|line| line.to_string()).unwrap_or_default();
        for text in [row.file, &line, row.field] {
            out.push(',');
            out.push_str(text);
        }
        out.push('\n');
    }
    out.into_bytes()
}
