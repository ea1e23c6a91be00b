//! The rows of a sheet, one at a time.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::super::ndjson::Value;
use super::Refusal;
use super::number;
use super::workbook::{Workbook, attribute, next, push_entity, unescaped};

/// Columns and rows of the largest sheet there can be.
const COLUMNS_MAX: usize = 16_384;
const ROWS_MAX: u64 = 1_048_576;

/// The cells of one row that hold something.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Number in the sheet, 1 for the first.
    pub(super) row: u64,
    /// Column, 0 for the first, and value.
    pub(super) values: Vec<(usize, Value<'static>)>,
}

impl Cells {
    /// Whether no cell holds more than blanks.
    pub(super) fn is_blank(&self) -> bool {
        self.values.iter().all(|(_, value)| super::text_of(value).trim().is_empty())
    }
}

/// A cell while it is read.
#[derive(Debug, Default)]
struct Cell {
    column: usize,
    kind: String,
    style: usize,
    text: String,
}

/// An opened sheet.
pub(super) struct Sheet<R> {
    reader: Reader<R>,
    buffer: Vec<u8>,
    row: u64,
    in_data: bool,
    data_ended: bool,
}

impl<R: BufRead> Sheet<R> {
    pub(super) fn open(part: R) -> Sheet<R> {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Sheet { reader, buffer: Vec::new(), row: 0, in_data: false, data_ended: false }
    }

    /// Reads on to the next row, blank ones included; false after the last, when the part has been read to its end.
    pub(super) fn next_row(&mut self, workbook: &Workbook, cells: &mut Cells) -> Result<bool, Refusal> {
        cells.values.clear();
        let mut in_row = false;
        let mut cell: Option<Cell> = None;
        let (mut in_value, mut in_reading) = (false, false);
        let mut column_after = 0;
        loop {
            self.buffer.clear();
            match next(&mut self.reader, &mut self.buffer)? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "sheetData" => self.in_data = true,
                    "row" if self.in_data => {
                        in_row = true;
                        self.row = row_number(&tag, self.row)?;
                        cells.row = self.row;
                    }
                    "c" if in_row => {
                        let opened = open_cell(&tag, column_after)?;
                        column_after = opened.column + 1;
                        cell = Some(opened);
                    }
                    "v" | "t" if cell.is_some() => in_value = !in_reading,
                    "rPh" => in_reading = true,
                    _ => {}
                },
                Event::End(tag) => match tag.local_name().as_ref() {
                    "sheetData" => (self.in_data, self.data_ended) = (false, true),
                    "row" if in_row => return Ok(true),
                    "c" => {
                        if let Some(cell) = cell.take()
                            && !cell.text.is_empty()
                        {
                            cells.values.push((cell.column, value(cell, workbook)));
                        }
                    }
                    "v" | "t" => in_value = false,
                    "rPh" => in_reading = false,
                    _ => {}
                },
                Event::Text(text) if in_value => push(&mut cell, &text.xml10_content()),
                Event::CData(text) if in_value => push(&mut cell, &text.xml10_content()),
                Event::GeneralRef(entity) if in_value => {
                    if let Some(cell) = &mut cell {
                        push_entity(&entity, &mut cell.text)?;
                    }
                }
                // The part ends without an error also where it was cut between two rows.
                Event::Eof if self.data_ended => return Ok(false),
                Event::Eof => return Err(Refusal::damaged()),
                _ => {}
            }
        }
    }
}

fn push(cell: &mut Option<Cell>, text: &str) {
    if let Some(cell) = cell {
        cell.text.push_str(text);
    }
}

fn row_number(tag: &BytesStart<'_>, before: u64) -> Result<u64, Refusal> {
    let number = match attribute(tag, "r") {
        Some(number) => number.parse().ok(),
        None => Some(before.saturating_add(1)),
    };
    number.filter(|row| (1..=ROWS_MAX).contains(row)).ok_or_else(Refusal::damaged)
}

fn open_cell(tag: &BytesStart<'_>, column_after: usize) -> Result<Cell, Refusal> {
    let column = match attribute(tag, "r") {
        Some(place) => column(&place),
        None => Some(column_after),
    };
    Ok(Cell {
        column: column.filter(|column| *column < COLUMNS_MAX).ok_or_else(Refusal::damaged)?,
        kind: attribute(tag, "t").unwrap_or_default(),
        style: attribute(tag, "s").and_then(|style| style.parse().ok()).unwrap_or(0),
        text: String::new(),
    })
}

/// The column of a place such as `AB12`, 0 for `A`.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters
        .take(4)
        .fold(0_usize, |number, letter| number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1)
}

/// What a cell says; a formula says the result that was stored with it.
fn value(cell: Cell, workbook: &Workbook) -> Value<'static> {
    let Cell { kind, style, text, .. } = cell;
    match kind.as_str() {
        "s" => match text.trim().parse().ok().and_then(|index| workbook.text(index)) {
            Some(shared) => Value::Text(Cow::Owned(shared.to_owned())),
            None => Value::Other("a text that the workbook does not hold", Cow::Owned(text)),
        },
        "str" | "inlineStr" => Value::Text(Cow::Owned(unescaped(&text))),
        "b" => Value::Text(Cow::Borrowed(if text.trim() == "1" { "TRUE" } else { "FALSE" })),
        "e" => Value::Other("the error of a formula", Cow::Owned(text)),
        "d" => Value::Calendar(Cow::Owned(text)),
        _ => {
            let read = if workbook.is_date(style) {
                number::date(&text, workbook.calendar).map(|text| Value::Calendar(Cow::Owned(text)))
            } else {
                number::plain(&text).map(|text| Value::Number(Cow::Owned(text)))
            };
            read.unwrap_or_else(|what| Value::Other(what, Cow::Owned(text)))
        }
    }
}
