//! `breaks.csv`, `matched.csv` and `rejected.csv`.

use super::facts::Facts;
use crate::formats::Rejected;
use crate::money::format_minor;
use crate::reconcile::Line;
use crate::reconcile::class::Bucket;

/// The columns that `breaks.csv` and `matched.csv` share, and `open.ndjson` names its fields by.
pub(super) const SHARED_COLUMNS: [&str; 16] = [
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
];

const BREAK_COLUMNS: [&str; 4] = ["business_day", "opened_at", "evidence", "suggestion"];

/// A line under the shared columns; an absent side is empty.
pub(super) fn shared_fields(line: &Line) -> [String; 16] {
    let amount = |minor: Option<i64>| minor.map(|minor| format_minor(i128::from(minor))).unwrap_or_default();
    [
        line.break_id.to_string(),
        line.class.word().to_owned(),
        line.reason.map(|reason| reason.word().to_owned()).unwrap_or_default(),
        line.severity.word().to_owned(),
        line.account.clone(),
        line.store.clone(),
        line.cip.clone(),
        line.reference_id.clone(),
        line.operation_number.clone(),
        line.currency.code().to_owned(),
        amount(line.order_minor),
        amount(line.report_minor),
        amount(line.difference_minor),
        line.order_status.to_owned(),
        line.report_status.to_owned(),
        line.differences.clone(),
    ]
}

/// Everything that somebody must look at.
///
/// # Errors
/// None in practice: the writer fails only where memory cannot be written.
pub fn breaks_csv(lines: &[Line], facts: Facts<'_>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(SHARED_COLUMNS.iter().chain(&BREAK_COLUMNS))?;
    for line in lines.iter().filter(|line| line.class.is_break()) {
        let own = [
            line.business_day.map(|day| day.to_string()).unwrap_or_default(),
            line.opened_at.map(|time| time.to_string()).unwrap_or_default(),
            facts.evidence(line),
            line.suggestion().to_owned(),
        ];
        writer.write_record(shared_fields(line).iter().chain(&own))?;
    }
    finish(writer)
}

/// What agrees, to the céntimo or within the tolerance, and what nobody claims.
///
/// # Errors
/// As for [`breaks_csv`].
pub fn matched_csv(lines: &[Line]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(SHARED_COLUMNS)?;
    for line in lines.iter().filter(|line| matches!(line.class.bucket(), Bucket::Matched | Bucket::Unpaid)) {
        writer.write_record(shared_fields(line))?;
    }
    finish(writer)
}

/// The rows that could not be read.
///
/// # Errors
/// As for [`breaks_csv`].
pub fn rejected_csv(rejected: &[Rejected]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file", "line", "field", "reason", "value"])?;
    for row in rejected {
        let line = row.line.to_string();
        writer.write_record([&row.file, &line, &row.field, &row.reason, &row.value])?;
    }
    finish(writer)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
