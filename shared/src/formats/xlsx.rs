//! Reads one sheet of a workbook (SpreadsheetML): numbers from their stored digits, dates by the workbook's calendar.
//!
//! Of what the archive holds only five kinds of parts are ever unpacked, and never more than the archive declares. It is a
//! reader of our own on `zip` and `quick-xml` because `calamine` makes a float of every number and unpacks without bound.

mod number;
mod package;
mod sheet;
mod workbook;

use std::borrow::Cow;

use super::Source;
use super::cleanse::{Changes, Nature, clean};
use super::csv::COLUMNS_MAX;
use super::error::{FileError, Refusal};
use super::fields::{Defect, Fields, Row};
use super::mapping::LegMapping;
use super::ndjson::{Object, Value};
use super::plan::{Layout, Plan};
use super::reader::{Sorter, no_name_twice, unnamed};
use crate::calendar::Instant;
use crate::lifecycle::evidence::Text;
use package::Package;
pub(super) use package::is_container;
use sheet::{Cells, Sheet};
use workbook::Workbook;

impl Refusal {
    fn damaged() -> Refusal {
        Refusal::new("is a damaged workbook, or cut short", "save or transfer it again")
    }
}

/// Reads the rows of the sheet in their order; a row's line is its number in the sheet.
pub(super) fn read<'a, R, L: Fn(&R) -> Option<Instant>>(
    source: &Source<'a>,
    layout: &'static Layout,
    mapping: &LegMapping,
    sorter: &mut Sorter<'_, R, L>,
    build: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
) -> Result<(), FileError> {
    let refuse = |refusal: Refusal| refusal.of(source.name, layout.leg.word());
    let mut package = Package::open(source.bytes).map_err(refuse)?;
    let workbook = Workbook::read(&mut package).map_err(refuse)?;
    let part = workbook.sheet(mapping.sheet.as_deref()).map_err(refuse)?;
    let mut sheet =
        Sheet::open(package.part(part).map_err(refuse)?.ok_or_else(|| refuse(Refusal::damaged()))?);
    let mut cells = Cells::default();
    let columns = loop {
        if !sheet.next_row(&workbook, &mut cells).map_err(refuse)? {
            return Err(match mapping.header_row {
                None => FileError::NoHeader { file: source.name.to_owned() },
                Some(row) => refuse(Refusal::new(
                    format!("has nothing in row {row}"),
                    "correct header_row under [] in the mapping",
                )),
            });
        }
        if !cells.is_blank() && mapping.header_row.is_none_or(|row| row == cells.row) {
            break name_columns(source, &cells)?;
        }
    };
    let plan = Plan::for_csv(source, layout, mapping, columns)?;
    let mut object = Object::new(plan.columns.len());
    while sheet.next_row(&workbook, &mut cells).map_err(refuse)? {
        if cells.is_blank() {
            continue;
        }
        let line = cells.row;
        let outcome = lay_out(&mut cells, &mut object, &plan)
            .and_then(|()| build(&mut Fields::new(&plan, Row::Json(&object), &mut sorter.row_changes)));
        sorter.take(line, outcome);
    }
    sorter.table.columns = plan.columns.iter().map(|name| name.clone().into_owned()).collect();
    sorter.table.unknown_columns = plan.unknown_names().map(|name| name.clone().into_owned()).collect();
    Ok(())
}

/// The names in a header row; a column without one is called by its place.
fn name_columns<'a>(source: &Source<'a>, cells: &Cells) -> Result<Vec<Text<'a>>, FileError> {
    if cells.disordered {
        let reason = DISORDERED.to_owned();
        return Err(FileError::BrokenHeader { file: source.name.to_owned(), reason });
    }
    let mut names: Vec<Text<'a>> = Vec::new();
    for (column, value) in &cells.values {
        let name = clean(Cow::Owned(text_of(value).to_owned()), Nature::Words, &mut Changes::default());
        if name.is_empty() {
            continue;
        }
        if *column >= COLUMNS_MAX {
            let reason = format!("has more than {COLUMNS_MAX} columns");
            return Err(FileError::BrokenHeader { file: source.name.to_owned(), reason });
        }
        while names.len() <= *column {
            names.push(unnamed(names.len()));
        }
        if let Some(place) = names.get_mut(*column) {
            *place = name;
        }
    }
    no_name_twice(source, &names)?;
    Ok(names)
}

const DISORDERED: &str = "has its cells out of order: expected each column once, from left to right";

fn text_of<'v>(value: &'v Value<'_>) -> &'v str {
    match value {
        Value::Null => "",
        Value::Text(text) | Value::Number(text) | Value::Calendar(text) | Value::Other(_, text) => text,
    }
}

/// Puts a row's cells where the plan wants them.
fn lay_out<'a>(cells: &mut Cells, object: &mut Object<'a>, plan: &Plan<'a, '_>) -> Result<(), Defect> {
    object.begin(cells.row);
    if cells.disordered {
        return Err(Defect::new("", DISORDERED, ""));
    }
    for (column, value) in cells.values.drain(..) {
        // Each column stands once in a row that is in order, and so no place is taken.
        match plan.columns.get(column) {
            Some(name) if plan.unknown.binary_search(&column).is_ok() => {
                object.extras.push((name.clone(), value))
            }
            Some(_) => drop(object.put(column, value)),
            None if text_of(&value).trim().is_empty() => {}
            None => {
                let wanted = plan.columns.len();
                let reason = format!("has more fields than the header: expected {wanted}");
                return Err(Defect::new("", reason, text_of(&value)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
