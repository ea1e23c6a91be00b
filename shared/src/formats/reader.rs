//! Reads a whole file: checks that it is text, resolves its columns, and sorts its rows into good and rejected.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::{memchr, memchr_iter};

use super::cleanse::{Change, Changes, Nature, clean};
use super::csv::{self, Record, Splitter};
use super::error::FileError;
use super::fields::{Defect, Fields, Row, check_name};
use super::mapping::LegMapping;
use super::ndjson::{self, Object};
use super::plan::{Layout, Plan};
use super::values::Encoding;
use super::{Format, Source, Table, json, xlsx, xml};
use crate::calendar::Instant;
use crate::lifecycle::evidence::Text;

/// Unknown keys of an NDJSON file that are named; objects could bring a new one on every line.
const UNKNOWN_NAMES_MAX: usize = 256;

/// No row with its required fields is shorter: bounds what is reserved for a file of line feeds.
const ROW_BYTES_MIN: usize = 48;

/// Largest document that is read at once, and workbook as it is stored; lines of CSV and NDJSON may go on without end.
pub(super) const WHOLE_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Characters of a name from the file that a message shows.
const NAME_CHARACTERS_MAX: usize = 60;

/// More records than a document of that size could hold as rows; what is set aside is held as well.
pub(super) const RECORDS_MAX: u64 = 1_100_000;

/// Reads a file of one leg: `build` makes a row, `latest` tells how far it reaches.
pub(crate) fn read<'a, R>(
    source: &Source<'a>,
    layout: &'static Layout,
    mapping: &LegMapping,
    build: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
    latest: impl Fn(&R) -> Option<Instant>,
) -> Result<Table<R>, FileError> {
    // A workbook is no text; its parts say themselves how they are encoded.
    let body = if source.format == Format::Xlsx { &[] } else { text_of(source, layout, mapping)? };
    let mut sorter = Sorter::new(source.name, body, latest);
    match source.format {
        Format::Csv => read_csv(source, body, layout, mapping, &mut sorter, build)?,
        Format::Ndjson => read_ndjson(source, body, layout, mapping, &mut sorter, build),
        Format::Json => json::read(source, body, layout, mapping, &mut sorter, build)?,
        Format::Xml => xml::read(source, body, layout, mapping, &mut sorter, build)?,
        Format::Xlsx => xlsx::read(source, layout, mapping, &mut sorter, build)?,
    }
    Ok(sorter.finish())
}

/// Collects what rows give.
pub(super) struct Sorter<'s, R, L> {
    file: &'s str,
    pub(super) table: Table<R>,
    latest: L,
    pub(super) row_changes: Changes,
    changes: Changes,
}

impl<'s, R, L: Fn(&R) -> Option<Instant>> Sorter<'s, R, L> {
    fn new(file: &'s str, body: &[u8], latest: L) -> Sorter<'s, R, L> {
        let lines = memchr_iter(b'\n', body).count().saturating_add(1);
        let rows_max = lines.min(body.len().div_euclid(ROW_BYTES_MIN));
        let table = Table {
            rows: Vec::with_capacity(rows_max),
            rejected: Vec::new(),
            cleansed: Changes::default().by_key(),
            columns: Vec::new(),
            unknown_columns: Vec::new(),
            latest: None,
        };
        Sorter { file, table, latest, row_changes: Changes::default(), changes: Changes::default() }
    }

    pub(super) fn take(&mut self, line: u64, outcome: Result<R, Defect>) {
        match outcome {
            Ok(row) => {
                self.changes.take_in(&mut self.row_changes);
                self.table.latest = self.table.latest.max((self.latest)(&row));
                self.table.rows.push(row);
            }
            Err(defect) => {
                self.row_changes.forget();
                self.table.rejected.push(defect.into_rejected(self.file, line));
            }
        }
    }

    /// Leaves out a row that only goes on with the one before it.
    fn pass_over(&mut self) {
        self.row_changes.forget();
        self.changes.note(Change::FurtherRow);
    }

    fn finish(mut self) -> Table<R> {
        self.table.cleansed = self.changes.by_key();
        self.table
    }
}

/// The bytes without byte order mark, if they can be text in the encoding of the mapping.
pub(super) fn text_of<'a>(
    source: &Source<'a>,
    layout: &'static Layout,
    mapping: &LegMapping,
) -> Result<&'a [u8], FileError> {
    let file = || source.name.to_owned();
    let not_text = |what, remedy| Err(FileError::NotText { file: file(), what, remedy });
    let marked = source.bytes.strip_prefix(csv::UTF8_MARK);
    let body = marked.unwrap_or(source.bytes);
    match body {
        [] => return Err(FileError::Empty { file: file() }),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => return not_text("UTF-16", "save it as UTF-8"),
        [0x1F, 0x8B, ..] => {
            return not_text("compressed by gzip", "decompress it first");
        }
        [0x28, 0xB5, 0x2F, 0xFD, ..] => {
            return not_text("compressed by zstd", "decompress it first");
        }
        [b'P', b'K', 3, 4, ..] => {
            return not_text("a spreadsheet or ZIP archive", "name it .xlsx, or export it as CSV in UTF-8");
        }
        [b'%', b'P', b'D', b'F', b'-', ..] => return not_text("a PDF", "export it as CSV in UTF-8"),
        _ => {}
    }
    if matches!(source.format, Format::Json | Format::Xml) && body.len() > WHOLE_BYTES_MAX {
        let remedy = "split it, or export it as CSV or NDJSON".to_owned();
        return Err(FileError::Unreadable { file: file(), what: "is larger than 50 MiB".to_owned(), remedy });
    }
    if marked.is_some() && mapping.encoding == Encoding::Latin1 {
        return Err(FileError::EncodingContradicts { file: file(), leg: layout.leg.word() });
    }
    Ok(body)
}

fn read_csv<'a, R, L: Fn(&R) -> Option<Instant>>(
    source: &Source<'a>,
    body: &'a [u8],
    layout: &'static Layout,
    mapping: &LegMapping,
    sorter: &mut Sorter<'_, R, L>,
    build: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
) -> Result<(), FileError> {
    let mut splitter = Splitter::new(body, mapping.delimiter);
    splitter.skip_lines(mapping.header_row.map_or(0, |row| row.saturating_sub(1)));
    let mut record = Record::new();
    let columns = read_header(source, layout, mapping, &mut splitter, &mut record)?;
    splitter.expect_columns(columns.len());
    let plan = Plan::for_csv(source, layout, mapping, columns)?;
    let repeats = mapping.repeats.as_deref();
    let repeats = repeats.and_then(|name| plan.columns.iter().position(|column| column == name));
    let mut before = None;
    while let Some(shape) = splitter.next(&mut record) {
        let outcome = match shape {
            Ok(()) => build(&mut Fields::new(&plan, Row::Csv(&record), &mut sorter.row_changes)),
            Err(fault) => Err(shape_defect(fault, &record, &plan)),
        };
        if let Some(column) = repeats.filter(|_| shape.is_ok()) {
            let name = cell_of(&record, column, &plan);
            let goes_on = outcome.is_err() && name.is_some() && name == before;
            if goes_on && tells_nothing_beside(&record, column, &plan) {
                sorter.pass_over();
                continue;
            }
            before = name;
        }
        sorter.take(record.line, outcome);
    }
    sorter.table.columns = plan.columns.iter().map(|name| name.clone().into_owned()).collect();
    sorter.table.unknown_columns = plan.unknown_names().map(|name| name.clone().into_owned()).collect();
    Ok(())
}

/// What a cell holds, cleansed; `None` where it holds nothing or no text.
fn cell_of<'a>(record: &Record<'a>, column: usize, plan: &Plan<'a, '_>) -> Option<Text<'a>> {
    let text = record.field(column, plan.mapping.encoding).ok()?;
    Some(clean(text, Nature::Words, &mut Changes::default())).filter(|text| !text.is_empty())
}

/// Whether every other column that feeds a field is empty in this row.
fn tells_nothing_beside(record: &Record<'_>, column: usize, plan: &Plan<'_, '_>) -> bool {
    let feeding = (0..record.len()).filter(|other| plan.feeds_beside(*other, column));
    feeding
        .map(|other| record.field(other, plan.mapping.encoding))
        .all(|cell| cell.is_ok_and(|text| text.trim().is_empty()))
}

pub(super) fn read_header<'a>(
    source: &Source<'a>,
    layout: &'static Layout,
    mapping: &LegMapping,
    splitter: &mut Splitter<'a>,
    record: &mut Record<'a>,
) -> Result<Vec<Text<'a>>, FileError> {
    let file = || source.name.to_owned();
    let broken = |reason: String| FileError::BrokenHeader { file: file(), reason };
    let shape = splitter.next(record);
    if shape.is_some() && matches!(record.bytes().trim_ascii_start().first(), Some(b'{' | b'[')) {
        let remedy = "name it .json, or .ndjson where it has one object a line";
        return Err(FileError::NotText { file: file(), what: "JSON", remedy });
    }
    if shape.is_some() && has_lone_carriage_return(record.bytes()) {
        return Err(broken(
            "has a carriage return without line feed; lines have to end in LF or CRLF".to_owned(),
        ));
    }
    match shape {
        None => return Err(FileError::NoHeader { file: file() }),
        Some(Err(csv::Fault::TooMany | csv::Fault::TooFew { .. })) => {
            return Err(broken(format!("has more than {} columns", csv::COLUMNS_MAX)));
        }
        Some(Err(csv::Fault::Unterminated { column } | csv::Fault::TextAfterQuote { column })) => {
            return Err(broken(format!(
                "has quotes that do not fit together in column {}",
                column.saturating_add(1)
            )));
        }
        Some(Ok(())) => {}
    }
    if memchr(0, record.bytes()).is_some() {
        let remedy = "save it as UTF-8";
        return Err(FileError::NotText { file: file(), what: "UTF-16 or binary data", remedy });
    }
    let mut names: Vec<Text<'a>> = Vec::with_capacity(record.len());
    for column in 0..record.len() {
        let raw = record.field(column, mapping.encoding);
        let raw = raw.map_err(|_| FileError::HeaderEncoding { file: file(), leg: layout.leg.word() })?;
        // The header's own dirt changes no value, so it is not counted. A lone name may be a whole header with
        // another delimiter; it is kept as it is, so that the error can tell.
        let alone = record.len() == 1;
        let name = if alone { raw } else { clean(raw, Nature::Words, &mut Changes::default()) };
        names.push(if name.is_empty() { unnamed(column) } else { name });
    }
    no_name_twice(source, &names)?;
    Ok(names)
}

pub(super) fn no_name_twice(source: &Source<'_>, names: &[Text<'_>]) -> Result<(), FileError> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let file = source.name.to_owned();
            return Err(FileError::DuplicateColumn { file, column: name.clone().into_owned() });
        }
    }
    Ok(())
}

/// Line ends of old, which would make one line of the whole file.
fn has_lone_carriage_return(header: &[u8]) -> bool {
    let mut after = header.iter().copied().skip(1).chain([b'\n']);
    header.iter().any(|byte| after.next() != Some(b'\n') && *byte == b'\r')
}

/// Spreadsheets export columns without a name, often several.
pub(super) fn unnamed(column: usize) -> Text<'static> {
    Cow::Owned(format!("column {}", column.saturating_add(1)))
}

pub(super) fn shape_defect(fault: csv::Fault, record: &Record<'_>, plan: &Plan<'_, '_>) -> Defect {
    let wanted = plan.columns.len();
    let (field, reason) = match fault {
        csv::Fault::Unterminated { column } => (
            plan.label(column),
            "has an opening quote and no closing one: expected quotes in pairs".to_owned(),
        ),
        csv::Fault::TextAfterQuote { column } => (
            plan.label(column),
            "has text after its closing quote: expected a delimiter there, or quotes inside doubled"
                .to_owned(),
        ),
        csv::Fault::TooFew { found } => (
            plan.label(found),
            format!("is not there: expected {wanted} fields as in the header, found {found}"),
        ),
        csv::Fault::TooMany => ("", format!("has more fields than the header: expected {wanted}")),
    };
    Defect::new(field, reason, &String::from_utf8_lossy(cut(record.bytes())))
}

/// A name from the file as messages show it.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// As much of a line as a reject can show at all, so that a line of a megabyte is not decoded for it.
pub(super) fn cut(line: &[u8]) -> &[u8] {
    line.get(..1024).unwrap_or(line)
}

fn read_ndjson<'a, R, L: Fn(&R) -> Option<Instant>>(
    source: &Source<'a>,
    body: &'a [u8],
    layout: &'static Layout,
    mapping: &LegMapping,
    sorter: &mut Sorter<'_, R, L>,
    build: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
) {
    let plan = Plan::for_ndjson(source, layout, mapping);
    let mut object = Object::new(plan.columns.len());
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    let mut rest = body;
    while !rest.is_empty() {
        object.line = object.line.saturating_add(1);
        let (line, after) = match memchr(b'\n', rest) {
            Some(end) => {
                (rest.get(..end).unwrap_or_default(), rest.get(end.saturating_add(1)..).unwrap_or_default())
            }
            None => (rest, Default::default()),
        };
        rest = after;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let outcome = read_object(line, &mut object, &plan).and_then(|()| {
            note_unknown(&object, &mut unknown);
            build(&mut Fields::new(&plan, Row::Json(&object), &mut sorter.row_changes))
        });
        sorter.take(object.line, outcome);
    }
    sorter.table.unknown_columns = unknown.into_iter().collect();
}

pub(super) fn read_object<'a>(
    line: &'a [u8],
    object: &mut Object<'a>,
    plan: &Plan<'a, '_>,
) -> Result<(), Defect> {
    let Ok(text) = plan.mapping.encoding.decode(line) else {
        return Err(Defect::new(
            &field_with_bad_bytes(line, plan),
            plan.not_utf8(),
            &String::from_utf8_lossy(cut(line)),
        ));
    };
    object.read(text, &plan.columns).map_err(|fault| {
        let line = String::from_utf8_lossy(cut(line));
        match fault {
            ndjson::Fault::NotObject(why) => {
                Defect::new("", format!("is not one JSON object on one line: {why}"), &line)
            }
            ndjson::Fault::RepeatedKey(key) => {
                let field = plan.columns.iter().position(|column| *column == key);
                let field = field.map_or(key.as_str(), |slot| plan.label(slot));
                Defect::new(field, "stands twice in the object: expected each key once", &line)
            }
        }
    })?;
    object.extras.iter().try_for_each(|(name, _)| check_name(name))
}

/// Names the first member with a byte that is not UTF-8; empty where the line is no object either.
fn field_with_bad_bytes(line: &[u8], plan: &Plan<'_, '_>) -> String {
    let lossy = String::from_utf8_lossy(line).into_owned();
    let mut object = Object::new(plan.columns.len());
    if object.read(Cow::Owned(lossy), &plan.columns).is_err() {
        return String::new();
    }
    let bad = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
    let holds = |value: &ndjson::Value<'_>| match value {
        ndjson::Value::Null => false,
        ndjson::Value::Text(text)
        | ndjson::Value::Number(text)
        | ndjson::Value::Calendar(text)
        | ndjson::Value::Other(_, text) => bad(text),
    };
    let slot = (0..plan.columns.len()).find(|slot| object.member(*slot).is_some_and(holds));
    let extra = object.extras.iter().find(|(key, value)| bad(key) || holds(value));
    slot.map(|slot| plan.label(slot).to_owned())
        .or_else(|| extra.map(|(key, _)| key.clone().into_owned()))
        .unwrap_or_default()
}

/// Notes unknown keys, keeping the first in alphabetical order whatever the order of the lines.
pub(super) fn note_unknown(object: &Object<'_>, unknown: &mut BTreeSet<String>) {
    for (name, _) in &object.extras {
        if !unknown.contains(name.as_ref()) {
            unknown.insert(name.clone().into_owned());
            keep_first_unknown(unknown);
        }
    }
}

/// Drops the names beyond those that are named.
pub(super) fn keep_first_unknown(unknown: &mut BTreeSet<String>) {
    while unknown.len() > UNKNOWN_NAMES_MAX {
        unknown.pop_last();
    }
}
