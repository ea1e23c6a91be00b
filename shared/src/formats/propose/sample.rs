//! The first rows of a file whose layout nobody has told, as names and texts.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use quick_xml::events::Event;
use serde_json::Value;

use super::super::cleanse::{Changes, Nature, clean, is_missing};
use super::super::csv::{Record, Splitter};
use super::super::error::FileError;
use super::super::mapping::LegMapping;
use super::super::plan::Layout;
use super::super::values::Encoding;
use super::super::{Format, Leg, Source, Table, reader};
use super::words;

/// So many rows say how a file is written.
pub(super) const ROWS_MAX: usize = 200;

/// So much of a file of lines is looked at.
const BYTES_MAX: usize = 1 << 20;

/// Columns that are looked at; documents could give each record new ones.
const COLUMNS_MAX: usize = 300;

/// Lists and objects within each other that are looked into.
const DEPTH_MAX: usize = 4;

/// How far down in a sheet its header is looked for.
const HEADER_ROW_MAX: u64 = 12;

/// No field at all: every column is unknown, and so is handed over as it stands.
static NO_FIELDS: Layout = Layout { leg: Leg::Orders, fields: &[], one_of: &[], statuses: &[] };

/// One column of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// As a mapping has to name it.
    pub name: String,
    /// Cleansed, by row; nothing where the row has nothing.
    pub cells: Vec<Option<String>>,
}

impl Column {
    /// What is there, in the order of the rows.
    pub(super) fn filled(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().flatten().map(String::as_str)
    }
}

/// The part of a file that is looked at, and how it is laid out.
#[derive(Debug)]
pub(super) struct Sample<'s> {
    /// In UTF-8 or windows-1252, without byte order mark of UTF-16.
    pub bytes: Cow<'s, [u8]>,
    pub format: Format,
    pub is_utf16: bool,
    pub encoding: Encoding,
    pub delimiter: u8,
    pub records: Option<String>,
    pub header_row: Option<u64>,
    pub columns: Vec<Column>,
}

/// Reads the first rows.
///
/// # Errors
/// [`FileError`] where no reader could make rows of the file, whatever the mapping.
pub(super) fn take<'s>(source: &Source<'s>) -> Result<Sample<'s>, FileError> {
    let utf16 = utf16(source.bytes);
    let is_utf16 = utf16.is_some();
    let bytes = utf16.map_or(Cow::Borrowed(source.bytes), |text| Cow::Owned(text.into_bytes()));
    let format = if is_utf16 && source.format == Format::Csv { Format::sniff(&bytes) } else { source.format };
    let bytes = match format {
        Format::Csv | Format::Ndjson => beginning(bytes),
        Format::Json | Format::Xml | Format::Xlsx => bytes,
    };
    let binary = format == Format::Xlsx;
    let encoding =
        if binary || std::str::from_utf8(&bytes).is_ok() { Encoding::Utf8 } else { Encoding::Latin1 };
    let mut sample = Sample {
        bytes,
        format,
        is_utf16,
        encoding,
        delimiter: b',',
        records: None,
        header_row: None,
        columns: Vec::new(),
    };
    match format {
        Format::Csv => sample.find_header(),
        Format::Json => sample.records = sample.text().and_then(|text| json_records(&text)),
        Format::Xml => sample.records = sample.text().and_then(|text| xml_records(&text)),
        Format::Ndjson | Format::Xlsx => {}
    }
    sample.columns = sample.read(source.name)?;
    if format == Format::Xlsx && !sample.has_known_columns() {
        sample.find_sheet_header(source.name)?;
    }
    Ok(sample)
}

impl Sample<'_> {
    fn text(&self) -> Option<Cow<'_, str>> {
        self.encoding.decode(&self.bytes).ok()
    }

    /// At least two names that are known, as few headers are without.
    fn has_known_columns(&self) -> bool {
        self.columns.iter().filter(|column| words::is_known(&column.name)).count() > 1
    }

    /// Finds delimiter and header of a CSV: that which most lines are split alike by, and the first such line.
    fn find_header(&mut self) {
        let mut best = (0, 0);
        for delimiter in [b',', b';', b'\t', b'|'] {
            let lines = self.split(delimiter);
            let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
            for (_, cells, _) in lines.iter().filter(|(_, cells, _)| *cells > 1) {
                *counts.entry(*cells).or_default() += 1;
            }
            let Some((cells, alike)) = counts.into_iter().max_by_key(|(cells, alike)| (*alike, *cells))
            else {
                continue;
            };
            let header = lines
                .iter()
                .position(|(_, found, filled)| *found == cells && filled.saturating_mul(2) > cells);
            if (alike, cells) > best {
                best = (alike, cells);
                self.delimiter = delimiter;
                let line = header.filter(|before| *before > 0).and_then(|header| lines.get(header));
                self.header_row = line.map(|(line, _, _)| *line);
            }
        }
    }

    /// The line, the number of cells and of those that are filled, of the first records.
    fn split(&self, delimiter: u8) -> Vec<(u64, usize, usize)> {
        let bytes = self.bytes.strip_prefix(super::super::csv::UTF8_MARK).unwrap_or(&self.bytes);
        let mut splitter = Splitter::new(bytes, delimiter);
        let mut record = Record::new();
        let mut lines = Vec::new();
        while lines.len() < ROWS_MAX {
            let Some(shape) = splitter.next(&mut record) else { break };
            let filled = |column: &usize| {
                record.field(*column, Encoding::Latin1).is_ok_and(|cell| !cell.trim().is_empty())
            };
            let cells = if shape.is_ok() { record.len() } else { 0 };
            lines.push((record.line, cells, (0..cells).filter(filled).count()));
        }
        lines
    }

    /// Looks further down for a row whose names are known; a title above the header is common in sheets.
    fn find_sheet_header(&mut self, name: &str) -> Result<(), FileError> {
        for row in 2..=HEADER_ROW_MAX {
            self.header_row = Some(row);
            if let Ok(columns) = self.read(name) {
                self.columns = columns;
                if self.has_known_columns() {
                    return Ok(());
                }
            }
        }
        self.header_row = None;
        self.columns = self.read(name)?;
        Ok(())
    }

    /// Reads names and texts as the layout found so far has them.
    fn read(&self, name: &str) -> Result<Vec<Column>, FileError> {
        let mut mapping = LegMapping::default();
        mapping.encoding = self.encoding;
        mapping.delimiter = self.delimiter;
        mapping.records.clone_from(&self.records);
        mapping.header_row = self.header_row;
        let source = Source { name, bytes: &self.bytes, format: self.format, account: None };
        let table: Table<_> = reader::read(&source, &NO_FIELDS, &mapping, |row| row.extras(), |_| None)?;
        let mut columns: Vec<Column> = match self.format {
            Format::Csv | Format::Xlsx => {
                let named = |name| Column { name, cells: Vec::new() };
                table.unknown_columns.into_iter().map(named).collect()
            }
            Format::Ndjson | Format::Json | Format::Xml => Vec::new(),
        };
        let rows = table.rows.len().min(ROWS_MAX);
        for (index, row) in table.rows.into_iter().take(ROWS_MAX).enumerate() {
            for (name, value) in row {
                if self.format == Format::Json && value.starts_with(['{', '[']) {
                    let inner = serde_json::from_str(&value).unwrap_or(Value::Null);
                    look_into(name.into_owned(), &inner, 0, &mut |name, text| {
                        put(&mut columns, index, name, text)
                    });
                } else {
                    put(&mut columns, index, name.into_owned(), &value);
                }
            }
        }
        for column in &mut columns {
            column.cells.resize(rows, None);
        }
        Ok(columns)
    }
}

/// Puts a text into its row of its column.
fn put(columns: &mut Vec<Column>, row: usize, name: String, text: &str) {
    let text = clean(Cow::Borrowed(text), Nature::Number, &mut Changes::default());
    let cell = (!is_missing(&text, &mut Changes::default())).then(|| text.into_owned());
    let place = match columns.iter().position(|column| column.name == name) {
        Some(place) => place,
        None if columns.len() < COLUMNS_MAX => {
            columns.push(Column { name, cells: Vec::new() });
            columns.len().saturating_sub(1)
        }
        None => return,
    };
    // Of elements that repeat in a record the first alone is looked at.
    if let Some(column) = columns.get_mut(place).filter(|column| column.cells.len() <= row) {
        column.cells.resize(row, None);
        column.cells.push(cell);
    }
}

/// Hands over the leaves of a JSON value under the names by which a mapping reaches them.
fn look_into(name: String, value: &Value, depth: usize, each: &mut impl FnMut(String, &str)) {
    match value {
        Value::String(text) => each(name, text),
        Value::Number(number) => each(name, &number.to_string()),
        Value::Null | Value::Bool(_) => {}
        _ if depth >= DEPTH_MAX => {}
        Value::Object(members) => {
            for (key, inner) in members {
                look_into(format!("{name}.{key}"), inner, depth.saturating_add(1), each);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let named = ["name", "key"].into_iter().find_map(|by| Some((by, element.get(by)?.as_str()?)));
                match (named, element.get("value")) {
                    (Some((by, key)), Some(inner)) => {
                        let path = format!("{name}[{by}={key}].value");
                        look_into(path, inner, depth.saturating_add(1), each);
                    }
                    // Of a plain list, the first element alone stands at the same place in each record.
                    _ if index == 0 => look_into(format!("{name}.0"), element, depth.saturating_add(1), each),
                    _ => {}
                }
            }
        }
    }
}

/// A text in UTF-16, with its byte order mark or told by the zeros of its first characters.
fn utf16(bytes: &[u8]) -> Option<String> {
    let zero_at = |from: usize| {
        let mut every_other = bytes.iter().skip(from).step_by(2).take(32);
        bytes.len() > 3 && every_other.by_ref().all(|byte| *byte == 0)
    };
    let encoding = match bytes {
        [0xFF, 0xFE, ..] => encoding_rs::UTF_16LE,
        [0xFE, 0xFF, ..] => encoding_rs::UTF_16BE,
        _ if zero_at(1) => encoding_rs::UTF_16LE,
        _ if zero_at(0) => encoding_rs::UTF_16BE,
        _ => return None,
    };
    Some(encoding.decode(bytes).0.into_owned())
}

/// As much of a file of lines as is looked at, whole lines of it.
fn beginning(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if bytes.len() <= BYTES_MAX {
        return bytes;
    }
    let end = bytes.get(..BYTES_MAX).and_then(|head| memchr::memrchr(b'\n', head)).unwrap_or(BYTES_MAX);
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..end).unwrap_or(bytes)),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            Cow::Owned(bytes)
        }
    }
}

/// The path to the longest list of objects; `None` where the document is one itself, or has none.
fn json_records(text: &str) -> Option<String> {
    if text.trim_start_matches('\u{FEFF}').trim_start().starts_with('[') {
        return None;
    }
    let mut found: Option<(usize, String)> = None;
    let value: Value = serde_json::from_str(text).ok()?;
    lists_of_objects(&value, "", 0, &mut found);
    found.map(|(_, path)| path)
}

fn lists_of_objects(value: &Value, path: &str, depth: usize, found: &mut Option<(usize, String)>) {
    let Value::Object(members) = value else { return };
    for (key, inner) in members.iter().filter(|(key, _)| !key.contains('.')) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if let Value::Array(elements) = inner {
            let objects = elements.iter().filter(|element| element.is_object()).count();
            if objects > found.as_ref().map_or(0, |(most, _)| *most) {
                *found = Some((objects, path.clone()));
            }
        }
        if depth < DEPTH_MAX {
            lists_of_objects(inner, &path, depth.saturating_add(1), found);
        }
    }
}

/// The path of the outermost elements that repeat and hold others; where none repeats, of those that hold most.
fn xml_records(text: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut path: Vec<String> = Vec::new();
    // How often each path occurs, and how many elements and attributes it holds.
    let mut seen: BTreeMap<Vec<String>, (usize, usize)> = BTreeMap::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                if let Some((_, held)) = seen.get_mut(&path) {
                    *held = held.saturating_add(1);
                }
                path.push(tag.local_name().as_ref().to_owned());
                let (count, held) = seen.entry(path.clone()).or_default();
                *count = count.saturating_add(1);
                *held = held.saturating_add(usize::from(tag.attributes().next().is_some()));
            }
            Ok(Event::End(_)) => drop(path.pop()),
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let holding = || seen.iter().filter(|(path, (_, held))| *held > 0 && path.len() > 1);
    let repeated = holding().filter(|(_, (count, _))| *count > 1);
    let outermost = repeated.min_by_key(|(path, (count, _))| (path.len(), Reverse(*count)));
    let (path, _) =
        outermost.or_else(|| holding().max_by_key(|(path, (_, held))| (*held, Reverse(path.len()))))?;
    Some(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample<'s>(bytes: &'s [u8], format: Format) -> Sample<'s> {
        take(&Source { name: "file", bytes, format, account: None }).unwrap()
    }

    fn names(sample: &Sample<'_>) -> Vec<String> {
        sample.columns.iter().map(|column| column.name.clone()).collect()
    }

    #[test]
    fn delimiter_and_header_of_a_csv_are_found() {
        let check = |text: &str, delimiter: u8, header_row: Option<u64>, first: &str| {
            let sample = sample(text.as_bytes(), Format::Csv);
            let found = (sample.delimiter, sample.header_row, names(&sample)[0].clone());
            assert_eq!(found, (delimiter, header_row, first.to_owned()), "{text:?}");
        };
        check("a,b\n1,2\n", b',', None, "a");
        check("a;b\n1,50;2,50\n3,50;4,50\n", b';', None, "a");
        check("a\tb\n1\t2\n", b'\t', None, "a");
        check("a|b\n\"1,2\"|2\n", b'|', None, "a");
        check("Cuenta: 191\nMoneda: Soles\n\na;b;c\n1;2;3\n4;5;6\n", b';', Some(4), "a");
        check("Cuenta;;;\na;b;c;d\n1;2;3;4\n", b';', Some(2), "a");
        check("alone\n1\n", b',', None, "alone");
    }

    #[test]
    fn encodings_are_told_apart() {
        let check = |bytes: &[u8], encoding: Encoding, is_utf16: bool| {
            let sample = sample(bytes, Format::Csv);
            assert_eq!((sample.encoding, sample.is_utf16), (encoding, is_utf16), "{bytes:?}");
            assert_eq!(names(&sample), ["año", "b"], "{bytes:?}");
        };
        check("año,b\n1,2\n".as_bytes(), Encoding::Utf8, false);
        check("\u{FEFF}año,b\n1,2\n".as_bytes(), Encoding::Utf8, false);
        check(b"a\xF1o,b\n1,2\n", Encoding::Latin1, false);
        let units: Vec<u16> = "año,b\n1,2\n".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        check(&little, Encoding::Utf8, true);
        check(&[&[0xFF, 0xFE], &little[..]].concat(), Encoding::Utf8, true);
        check(&[&[0xFE, 0xFF], &big[..]].concat(), Encoding::Utf8, true);
    }

    #[test]
    fn records_of_a_document_are_found() {
        let check = |format, text: &str, records: Option<&str>, expected: &[&str]| {
            let sample = sample(text.as_bytes(), format);
            assert_eq!(sample.records.as_deref(), records, "{text}");
            assert_eq!(names(&sample), expected, "{text}");
        };
        check(Format::Json, r#"[{"a":1},{"b":{"c":"2"}}]"#, None, &["a", "b.c"]);
        check(Format::Json, r#"{"n":2,"data":{"tags":[1],"rows":[{"a":1}]}}"#, Some("data.rows"), &["a"]);
        let meta = r#"[{"meta":[{"key":"cip","value":"7"},{"key":"x","value":{"y":1}}],"lines":[{"sku":"s"},{"sku":"t"}]}]"#;
        check(Format::Json, meta, None, &["meta[key=cip].value", "meta[key=x].value.y", "lines.0.sku"]);
        check(
            Format::Xml,
            "<r><h><a>1</a></h><o n=\"1\"><t>5</t><l><i>1</i></l><l><i>2</i></l></o><o n=\"2\"/></r>",
            Some("r/o"),
            &["@n", "t", "l/i"],
        );
        check(Format::Xml, "<r><o><t>5</t></o></r>", Some("r/o"), &["t"]);
        check(Format::Ndjson, "{\"b\":1}\n{\"a\":2}\n", None, &["b", "a"]);
    }

    #[test]
    fn a_cell_stands_in_its_row() {
        let sample = sample(b"a,b\n1,\n-,2\n 3 ,4\n", Format::Csv);
        let cells = |text: [Option<&str>; 3]| text.map(|cell| cell.map(str::to_owned)).to_vec();
        assert_eq!(sample.columns[0].cells, cells([Some("1"), None, Some("3")]));
        assert_eq!(sample.columns[1].cells, cells([None, Some("2"), Some("4")]));
    }
}
