//! The rows of a sheet, one at a time.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::super::fields::FIELD_BYTES_MAX;
use super::super::ndjson::Value;
use super::Refusal;
use super::number;
use super::package::Part;
use super::workbook::{Workbook, attribute, next, referred, unescaped};

/// Columns and rows of the largest sheet there can be.
const COLUMNS_MAX: usize = 16_384;
const ROWS_MAX: u64 = 1_048_576;

/// Most bytes of shared texts that all cells may say together: a text is stored once and said by any number of them.
pub(super) const SAID_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The cells of one row that hold something.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Number in the sheet, 1 for the first.
    pub(super) row: u64,
    /// Column, 0 for the first, and value.
    pub(super) values: Vec<(usize, Value<'static>)>,
    /// Whether a cell stood before or upon another, so that either value could be meant; such cells are left out.
    pub(super) disordered: bool,
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
    /// What a formula is, with its sign; empty where the cell has none.
    formula: String,
}

/// What text belongs to while a sheet is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Neither,
    Value,
    Formula,
}

/// An opened sheet.
pub(super) struct Sheet<R> {
    reader: Reader<Part<R>>,
    buffer: Vec<u8>,
    row: u64,
    in_data: bool,
    data_ended: bool,
    said_bytes_left: usize,
}

impl<R: BufRead> Sheet<R> {
    pub(super) fn open(part: Part<R>) -> Sheet<R> {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Sheet {
            reader,
            buffer: Vec::new(),
            row: 0,
            in_data: false,
            data_ended: false,
            said_bytes_left: SAID_BYTES_MAX,
        }
    }

    /// Reads on to the next row, blank ones included; false after the last, when the part has been read to its end.
    pub(super) fn next_row(&mut self, workbook: &Workbook, cells: &mut Cells) -> Result<bool, Refusal> {
        cells.values.clear();
        cells.disordered = false;
        let mut in_row = false;
        let mut cell: Option<Cell> = None;
        let (mut inside, mut in_reading) = (Inside::Neither, false);
        let mut column_after = 0;
        loop {
            self.buffer.clear();
            match next(&mut self.reader, &mut self.buffer)? {
                Event::Start(tag) => match (tag.local_name().as_ref(), &mut cell) {
                    ("sheetData", _) => self.in_data = true,
                    ("row", _) if self.in_data => {
                        in_row = true;
                        self.row = row_number(&tag, self.row)?;
                        cells.row = self.row;
                    }
                    ("c", _) if in_row => cell = Some(open_cell(&tag, column_after)?),
                    ("v" | "t", Some(_)) if !in_reading => inside = Inside::Value,
                    ("f", Some(cell)) => {
                        inside = Inside::Formula;
                        cell.formula.push('=');
                    }
                    ("rPh", _) => in_reading = true,
                    _ => {}
                },
                Event::End(tag) => match tag.local_name().as_ref() {
                    "sheetData" => (self.in_data, self.data_ended) = (false, true),
                    "row" if in_row => return Ok(true),
                    "c" => {
                        let Some(cell) = cell.take() else { continue };
                        if cell.column < column_after {
                            cells.disordered = true;
                            continue;
                        }
                        column_after = cell.column.saturating_add(1);
                        if let Some(said) = value(&cell, workbook) {
                            let left = self.said_bytes_left.checked_sub(super::text_of(&said).len());
                            self.said_bytes_left = left.ok_or_else(says_too_much)?;
                            cells.values.push((cell.column, said));
                        }
                    }
                    "v" | "t" | "f" => inside = Inside::Neither,
                    "rPh" => in_reading = false,
                    _ => {}
                },
                Event::Text(text) => push(&mut cell, inside, &text.xml10_content()),
                Event::CData(text) => push(&mut cell, inside, &text.xml10_content()),
                Event::GeneralRef(entity) => {
                    push(&mut cell, inside, referred(&entity)?.encode_utf8(&mut [0; 4]))
                }
                // The part ends without an error also where it was cut between two rows.
                Event::Eof if self.data_ended => return Ok(false),
                Event::Eof => return Err(Refusal::damaged()),
                _ => {}
            }
        }
    }
}

fn says_too_much() -> Refusal {
    Refusal::new("says more than 256 MiB of text in its cells", "split it, or export it as CSV")
}

/// Adds text to a cell, and no more of it than shows that it is longer than any field may be.
fn push(cell: &mut Option<Cell>, inside: Inside, text: &str) {
    let Some(cell) = cell else { return };
    let place = match inside {
        Inside::Value => &mut cell.text,
        Inside::Formula => &mut cell.formula,
        Inside::Neither => return,
    };
    if place.len() <= FIELD_BYTES_MAX {
        place.push_str(text);
    }
}

fn row_number(tag: &BytesStart<'_>, before: u64) -> Result<u64, Refusal> {
    let number = match attribute(tag, "r") {
        Some(number) => number.parse().ok(),
        None => Some(before.saturating_add(1)),
    };
    number.filter(|row| (before.saturating_add(1)..=ROWS_MAX).contains(row)).ok_or_else(Refusal::damaged)
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
        ..Cell::default()
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

/// What a cell says, if anything; a formula says the result that was stored with it.
fn value(cell: &Cell, workbook: &Workbook) -> Option<Value<'static>> {
    let text = || Cow::Owned(cell.text.clone());
    if cell.text.is_empty() {
        // A text may be the empty result; a number may not, and then the program that wrote the formula never counted.
        let uncounted = !cell.formula.is_empty() && cell.kind != "str";
        let formula = || Cow::Owned(cell.formula.clone());
        return uncounted.then(|| Value::Other("a formula without a stored result", formula()));
    }
    Some(match cell.kind.as_str() {
        "s" => match cell.text.trim().parse().ok().and_then(|index| workbook.text(index)) {
            Some("") => return None,
            Some(shared) => Value::Text(Cow::Owned(shared.to_owned())),
            None => Value::Other("a text that the workbook does not hold", text()),
        },
        "str" | "inlineStr" => Value::Text(Cow::Owned(unescaped(&cell.text))),
        "b" => Value::Text(Cow::Borrowed(if cell.text.trim() == "1" { "TRUE" } else { "FALSE" })),
        "e" => Value::Other("the error of a formula", text()),
        "d" => Value::Calendar(text()),
        _ => {
            let read = if workbook.is_date(cell.style) {
                number::date(&cell.text, workbook.calendar).map(|text| Value::Calendar(Cow::Owned(text)))
            } else {
                number::plain(&cell.text).map(|text| Value::Number(Cow::Owned(text)))
            };
            read.unwrap_or_else(|what| Value::Other(what, text()))
        }
    })
}
