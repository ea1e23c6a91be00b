//! The mapping: how a file of another program names and writes the canonical fields.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::plan::{Field, Kind, Layout};
use super::values::{DateFormatError, Dates, Encoding, Marks, Zone, canonical_day};
use super::{bank, notices, orders, reports, settlements};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::money::{Currency, Micros, Money, Rate, parse_minor, parse_signed_minor};

/// The mapping of all legs; the default reads the canonical formats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The table `[orders]`.
    pub orders: LegMapping,
    /// The table `[reports]`.
    pub reports: LegMapping,
    /// The table `[notices]`.
    pub notices: LegMapping,
    /// The table `[settlements]`.
    pub settlements: LegMapping,
    /// The table `[bank]`.
    pub bank: LegMapping,
}

/// The mapping of one leg; the default reads the canonical format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegMapping {
    /// Source columns by field.
    columns: BTreeMap<String, Vec<String>>,
    /// Values by field, for what no column says.
    constants: BTreeMap<String, String>,
    /// Words of the file with the canonical word that each stands for.
    statuses: Vec<(String, &'static str)>,
    /// What stands between the values of several columns.
    pub(super) join: String,
    pub(super) dates: Dates,
    pub(super) marks: Marks,
    pub(super) delimiter: u8,
    pub(super) encoding: Encoding,
    /// The sheet of a workbook; its first where nothing is said.
    pub(super) sheet: Option<String>,
    /// The row of a sheet, or line of a CSV, that names the columns; the first with a value where nothing is said.
    pub(super) header_row: Option<u64>,
    /// Where a JSON or XML document holds its records.
    pub(super) records: Option<String>,
    /// The column of a CSV by which a row that tells nothing else is told to go on with the record before.
    pub(super) repeats: Option<String>,
}

/// Why a mapping cannot be used: names the key and says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("line {line} of the mapping: {message}")]
    Toml {
        /// Line of the text, 1 for the first.
        line: usize,
        /// What is wrong and what was expected.
        message: String,
    },
    /// A field that the leg does not have.
    #[error("[{leg}.{table}] names {field}, which is not a field of {leg}: use one of {known}")]
    UnknownField {
        /// Leg of the table.
        leg: &'static str,
        /// `columns` or `constants`.
        table: &'static str,
        /// The key.
        field: String,
        /// The fields of the leg.
        known: String,
    },
    /// A source column that is neither a name nor a list of names.
    #[error(
        "{field} under [{leg}.columns] must be a column name, or a list of column names such as [\"date\", \"time\"]"
    )]
    BadColumns {
        /// Leg of the table.
        leg: &'static str,
        /// The key.
        field: String,
    },
    /// A field with a column and a constant: either could be meant.
    #[error("{field} stands under [{leg}.columns] and under [{leg}.constants]: remove one of them")]
    FedTwice {
        /// Leg of the tables.
        leg: &'static str,
        /// The field.
        field: String,
    },
    /// A constant that the field cannot hold.
    #[error("{field} under [{leg}.constants] must be {expected}")]
    BadConstant {
        /// Leg of the table.
        leg: &'static str,
        /// The field.
        field: String,
        /// What the canonical format allows.
        expected: &'static str,
    },
    /// A status word that leads nowhere.
    #[error("{word} = \"{target}\" under [{leg}.status] leads to no status of {leg}: use one of {known}")]
    UnknownStatus {
        /// Leg of the table.
        leg: &'static str,
        /// The file's word.
        word: String,
        /// What it should stand for.
        target: String,
        /// The canonical words.
        known: String,
    },
    /// Status words for a leg without a status.
    #[error("[{leg}.status] has no effect because rows of {leg} have no status: remove it")]
    NoStatus {
        /// Leg of the table.
        leg: &'static str,
    },
    /// A key with a value out of its range.
    #[error("{key} = \"{value}\" under [{leg}] must be {expected}")]
    BadValue {
        /// Leg of the table.
        leg: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// Times without an offset and nobody who says where they were taken.
    #[error(
        "date_format under [{leg}] has no offset: add zone = \"America/Lima\" or the zone in which the file's times are"
    )]
    ZoneNeeded {
        /// Leg of the table.
        leg: &'static str,
    },
}

/// The tables as TOML has them, before anything is checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tables {
    orders: Table,
    reports: Table,
    notices: Table,
    settlements: Table,
    bank: Table,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    columns: BTreeMap<String, toml::Value>,
    join: Option<String>,
    constants: BTreeMap<String, String>,
    status: BTreeMap<String, String>,
    date_format: Option<String>,
    zone: Option<String>,
    decimal_mark: Option<String>,
    thousands_mark: Option<String>,
    delimiter: Option<String>,
    encoding: Option<String>,
    sheet: Option<String>,
    header_row: Option<i64>,
    records: Option<String>,
    repeats: Option<String>,
}

impl Mapping {
    /// Reads and wholly checks a mapping; an empty text gives the canonical one.
    ///
    /// # Errors
    /// [`MappingError`] names the first key at fault and what to write instead.
    pub fn parse(toml_text: &str) -> Result<Mapping, MappingError> {
        let tables: Tables = toml::from_str(toml_text).map_err(|error| {
            let (line, message) = toml_fault(toml_text, &error);
            MappingError::Toml { line, message }
        })?;
        Ok(Mapping {
            orders: LegMapping::new(tables.orders, &orders::LAYOUT)?,
            reports: LegMapping::new(tables.reports, &reports::LAYOUT)?,
            notices: LegMapping::new(tables.notices, &notices::LAYOUT)?,
            settlements: LegMapping::new(tables.settlements, &settlements::LAYOUT)?,
            bank: LegMapping::new(tables.bank, &bank::LAYOUT)?,
        })
    }
}

impl Default for LegMapping {
    fn default() -> LegMapping {
        LegMapping {
            columns: BTreeMap::new(),
            constants: BTreeMap::new(),
            statuses: Vec::new(),
            join: "-".to_owned(),
            dates: Dates::default(),
            marks: Marks::default(),
            delimiter: b',',
            encoding: Encoding::Utf8,
            sheet: None,
            header_row: None,
            records: None,
            repeats: None,
        }
    }
}

impl LegMapping {
    /// Whether the mapping says where a document holds its records, which lines of their own do not have.
    #[must_use]
    pub fn names_records(&self) -> bool {
        self.records.is_some()
    }

    fn new(table: Table, layout: &'static Layout) -> Result<LegMapping, MappingError> {
        let canonical = LegMapping::default();
        let columns = columns(&table, layout)?;
        check_constants(&table, &columns, layout)?;
        Ok(LegMapping {
            statuses: statuses(&table, layout)?,
            join: table.join.clone().unwrap_or(canonical.join),
            dates: dates(&table, layout)?,
            marks: marks(&table, layout)?,
            delimiter: delimiter(&table, layout)?,
            encoding: encoding(&table, layout)?,
            sheet: named("sheet", table.sheet.as_deref(), layout)?,
            header_row: header_row(&table, layout)?,
            records: named("records", table.records.as_deref(), layout)?,
            repeats: named("repeats", table.repeats.as_deref(), layout)?,
            constants: table.constants,
            columns,
        })
    }

    /// The source columns of a field, its own name where the mapping says nothing.
    pub(super) fn sources<'m>(&'m self, field: &Field) -> Vec<&'m str> {
        match self.columns.get(field.name) {
            Some(columns) => columns.iter().map(String::as_str).collect(),
            None => vec![field.name],
        }
    }

    /// Whether the mapping names a column for the field.
    pub(super) fn maps(&self, field: &str) -> bool {
        self.columns.contains_key(field)
    }

    /// The constant of a field, already checked.
    pub(super) fn constant(&self, field: &str) -> Option<&str> {
        self.constants.get(field).map(String::as_str)
    }

    /// The canonical status of a word of the file, and whether its letter case was another than the mapping's.
    pub(super) fn status(&self, word: &str) -> Option<(&'static str, bool)> {
        if let Some((_, status)) = self.statuses.iter().find(|(known, _)| known == word) {
            return Some((status, false));
        }
        if self.statuses.is_empty() {
            return None;
        }
        let lower = word.to_lowercase();
        let found = self.statuses.iter().find(|(known, _)| known.to_lowercase() == lower);
        found.map(|(_, status)| (*status, true))
    }

    /// The mapping's status words, for messages.
    pub(super) fn status_words(&self) -> impl Iterator<Item = &str> {
        self.statuses.iter().map(|(word, _)| word.as_str())
    }
}

fn columns(table: &Table, layout: &'static Layout) -> Result<BTreeMap<String, Vec<String>>, MappingError> {
    let leg = layout.leg.word();
    let mut columns = BTreeMap::new();
    for (field, value) in &table.columns {
        check_field(layout, "columns", field)?;
        let bad = || MappingError::BadColumns { leg, field: field.clone() };
        let names: Option<Vec<&str>> = match value {
            toml::Value::String(name) => Some(vec![name]),
            toml::Value::Array(names) => names.iter().map(toml::Value::as_str).collect(),
            _ => None,
        };
        let names: Vec<String> =
            names.ok_or_else(bad)?.into_iter().map(|name| name.trim().to_owned()).collect();
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(bad());
        }
        columns.insert(field.clone(), names);
    }
    Ok(columns)
}

fn check_field(layout: &'static Layout, table: &'static str, field: &str) -> Result<Field, MappingError> {
    layout.field(field).ok_or_else(|| MappingError::UnknownField {
        leg: layout.leg.word(),
        table,
        field: field.to_owned(),
        known: layout.names(),
    })
}

fn check_constants(
    table: &Table,
    columns: &BTreeMap<String, Vec<String>>,
    layout: &'static Layout,
) -> Result<(), MappingError> {
    let leg = layout.leg.word();
    for (name, value) in &table.constants {
        let field = check_field(layout, "constants", name)?;
        if columns.contains_key(name) {
            return Err(MappingError::FedTwice { leg, field: name.clone() });
        }
        let (holds, expected) = holds(field.kind, value, layout);
        if !holds {
            return Err(MappingError::BadConstant { leg, field: name.clone(), expected });
        }
    }
    Ok(())
}

/// Whether a constant is a canonical value of its field, and what one is.
fn holds(kind: Kind, value: &str, layout: &'static Layout) -> (bool, &'static str) {
    match kind {
        Kind::Text | Kind::Number | Kind::Prose => {
            let plain =
                !value.trim().is_empty() && value.trim() == value && !value.chars().any(char::is_control);
            (
                plain && value.len() <= super::fields::TEXT_BYTES_MAX,
                "a text of 1 to 256 bytes without blanks at its ends",
            )
        }
        Kind::Cip => (Cip::parse(value).is_some(), "a CIP of 1 to 14 digits"),
        Kind::Cips => (value.split(';').all(|cip| Cip::parse(cip).is_some()), "a CIP of 1 to 14 digits"),
        Kind::Amount => (Money::parse(value, Currency::Pen).is_ok(), "an amount such as \"1234.50\""),
        Kind::Refund => (parse_minor(value).is_ok(), "an amount such as \"1234.50\""),
        Kind::Fee => (Micros::parse(value).is_ok(), "an amount such as \"1.250000\""),
        Kind::Currency => (Currency::from_code(value).is_some(), "\"PEN\" or \"USD\""),
        Kind::Status => (layout.statuses.contains(&value), "a status word of the canonical format"),
        Kind::Time => (Instant::parse(value).is_some(), "a time such as \"2026-03-02T09:30:00-05:00\""),
        Kind::Day => (canonical_day(value).is_some(), "a day such as \"2026-03-02\""),
        Kind::Signed => (parse_signed_minor(value).is_ok(), "an amount such as \"-1234.50\""),
        Kind::Rate => (Rate::parse(value).is_ok(), "a rate such as \"3.7525\""),
    }
}

fn statuses(table: &Table, layout: &'static Layout) -> Result<Vec<(String, &'static str)>, MappingError> {
    let leg = layout.leg.word();
    if layout.statuses.is_empty() && !table.status.is_empty() {
        return Err(MappingError::NoStatus { leg });
    }
    let lead = |(word, target): (&String, &String)| {
        let status = layout.statuses.iter().find(|status| *status == target);
        status.map(|status| (word.trim().to_owned(), *status)).ok_or_else(|| MappingError::UnknownStatus {
            leg,
            word: word.clone(),
            target: target.clone(),
            known: layout.statuses.join(", "),
        })
    };
    table.status.iter().map(lead).collect()
}

fn dates(table: &Table, layout: &'static Layout) -> Result<Dates, MappingError> {
    let leg = layout.leg.word();
    let bad =
        |key, value: &str, expected| MappingError::BadValue { leg, key, value: value.to_owned(), expected };
    let zone =
        match table.zone.as_deref() {
            Some(name) => Some(Zone::from_name(name).ok_or_else(|| {
                bad("zone", name, "\"America/Lima\", \"UTC\" or an offset such as \"+08:00\"")
            })?),
            None => None,
        };
    let format = table.date_format.as_deref();
    // A leg of days alone needs no zone: its days are taken as they are written.
    let has_times = layout.fields.iter().any(|field| field.kind == Kind::Time);
    Dates::new(format, zone, has_times).map_err(|error| match error {
        DateFormatError::Unreadable => {
            bad("date_format", format.unwrap_or_default(), "a strftime format such as \"%d/%m/%Y %H:%M:%S\"")
        }
        DateFormatError::ZoneNeeded => MappingError::ZoneNeeded { leg },
    })
}

fn marks(table: &Table, layout: &'static Layout) -> Result<Marks, MappingError> {
    let leg = layout.leg.word();
    let bad =
        |key, value: &str, expected| MappingError::BadValue { leg, key, value: value.to_owned(), expected };
    let decimal = match table.decimal_mark.as_deref() {
        None | Some(".") => '.',
        Some(",") => ',',
        Some(other) => return Err(bad("decimal_mark", other, "\".\" or \",\"")),
    };
    let expected = "one of \",\", \".\", \" \", \"'\", \"_\", and another than the decimal mark";
    let thousands = match table.thousands_mark.as_deref() {
        None => None,
        Some(text) => Some(
            single(text)
                .filter(|mark| ",. '_".contains(*mark) && *mark != decimal)
                .ok_or_else(|| bad("thousands_mark", text, expected))?,
        ),
    };
    Ok(Marks { decimal, thousands })
}

fn delimiter(table: &Table, layout: &'static Layout) -> Result<u8, MappingError> {
    let Some(text) = table.delimiter.as_deref() else { return Ok(LegMapping::default().delimiter) };
    let usable = |mark: &char| *mark == '\t' || (mark.is_ascii_punctuation() && !"\"-.+".contains(*mark));
    let byte = single(text).filter(usable).and_then(|mark| u8::try_from(mark).ok());
    byte.ok_or_else(|| MappingError::BadValue {
        leg: layout.leg.word(),
        key: "delimiter",
        value: text.to_owned(),
        expected: "one of \",\", \";\", \"|\", \"\\t\" or another single ASCII mark",
    })
}

fn encoding(table: &Table, layout: &'static Layout) -> Result<Encoding, MappingError> {
    let Some(name) = table.encoding.as_deref() else { return Ok(Encoding::Utf8) };
    Encoding::from_name(name).ok_or_else(|| MappingError::BadValue {
        leg: layout.leg.word(),
        key: "encoding",
        value: name.to_owned(),
        expected: "\"utf-8\" or \"latin-1\"",
    })
}

/// The name of a place in a file.
fn named(
    key: &'static str,
    value: Option<&str>,
    layout: &'static Layout,
) -> Result<Option<String>, MappingError> {
    let Some(value) = value else { return Ok(None) };
    let name = value.trim();
    if name.is_empty() {
        let expected = match key {
            "sheet" => "the name of a sheet, such as \"Pedidos\"",
            "repeats" => "the name of a column, such as \"Name\"",
            _ => "a path to the records, such as \"data.items\" in JSON or \"Orders/Order\" in XML",
        };
        return Err(MappingError::BadValue {
            leg: layout.leg.word(),
            key,
            value: value.to_owned(),
            expected,
        });
    }
    Ok(Some(name.to_owned()))
}

fn header_row(table: &Table, layout: &'static Layout) -> Result<Option<u64>, MappingError> {
    let Some(number) = table.header_row else { return Ok(None) };
    match u64::try_from(number) {
        Ok(row) if row > 0 => Ok(Some(row)),
        _ => Err(MappingError::BadValue {
            leg: layout.leg.word(),
            key: "header_row",
            value: number.to_string(),
            expected: "the number of a row, 1 for the first",
        }),
    }
}

/// The line of a fault in TOML, 1 for the first, and what is wrong there, in one line: the parser's own text draws the
/// place over four.
pub(crate) fn toml_fault(toml_text: &str, error: &toml::de::Error) -> (usize, String) {
    let before = error.span().and_then(|span| toml_text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    (line, error.message().lines().collect::<Vec<_>>().join(", "))
}

/// The only character of a text.
fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

#[cfg(test)]
mod tests;
