//! Reads `open.ndjson` and `closed.ndjson`: each line's facts go, as canonical rows, to the reader of their leg.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::{CarriedFile, Heard};
use crate::calendar::Instant;
use crate::formats::{Leg, Rejected};
use crate::ids::{BreakId, Cip};
use crate::run::Look;

/// A file of a run before this one that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} of {file}: {field} {reason}; give the file as the run before wrote it")]
pub struct CarryError {
    /// Name of the file.
    pub file: String,
    /// Its line, 1 for the first.
    pub line: u64,
    /// The member at fault.
    pub field: String,
    /// What is wrong with it; reads on after the field.
    pub reason: String,
}

/// Where a fact stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: u64,
}

/// Facts of one leg and source, one canonical row a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct FactText<'a> {
    pub(crate) ndjson: Vec<u8>,
    /// Of lines that nothing but their number tells apart, the number of each.
    pub(crate) ordinals: Vec<u32>,
    places: Vec<Place<'a>>,
}

impl<'a> FactText<'a> {
    fn push(&mut self, place: Place<'a>, row: &RawValue) {
        self.ndjson.extend_from_slice(row.get().as_bytes());
        self.ndjson.push(b'\n');
        self.places.push(place);
    }

    fn push_numbered(&mut self, place: Place<'a>, line: &RawNumbered<'_>) {
        self.push(place, line.row);
        self.ordinals.push(line.ordinal);
    }

    /// The error for a fact that is no row of its leg.
    pub(crate) fn error(&self, leg: Leg, rejected: &Rejected) -> CarryError {
        let index = usize::try_from(rejected.line).unwrap_or(usize::MAX).saturating_sub(1);
        let place = self.places.get(index);
        CarryError {
            file: place.map(|place| place.file.to_owned()).unwrap_or_default(),
            line: place.map_or(0, |place| place.line),
            field: format!("facts.{}.{}", leg.word(), rejected.field),
            reason: rejected.reason.clone(),
        }
    }
}

/// What files of earlier runs tell.
#[derive(Clone, Debug, Default)]
pub struct Told<'a> {
    pub(crate) heard: Heard,
    pub(crate) orders: FactText<'a>,
    /// By source.
    pub(crate) reports: BTreeMap<String, FactText<'a>>,
    pub(crate) notices: FactText<'a>,
    /// Lines of settlements that are judged.
    pub(crate) settlements: FactText<'a>,
    /// Lines of settlements that are closed, each there for its payment.
    pub(crate) settled: FactText<'a>,
    pub(crate) bank: FactText<'a>,
    pub(crate) opened: BTreeMap<BreakId, Instant>,
    pub(crate) looks: Vec<Look>,
    /// Stubs that something touched and that are too old to be reopened.
    pub(crate) forgotten: u64,
}

/// One line of either file; columns for people are passed over.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(default)]
    pub(super) account: String,
    #[serde(default)]
    break_id: String,
    opened_at: Option<String>,
    pub(super) closed_at: Option<String>,
    #[serde(default)]
    looks: BTreeMap<String, String>,
    #[serde(borrow, default)]
    pub(super) keys: Vec<Cow<'a, str>>,
    /// Keys that the stub brings in once it is touched by another.
    #[serde(borrow, default)]
    pub(super) brings: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    facts: RawFacts<'a>,
}

#[derive(Deserialize, Default)]
struct RawFacts<'a> {
    #[serde(borrow, default)]
    orders: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    reports: Vec<RawReport<'a>>,
    #[serde(borrow, default)]
    notices: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    settlements: Vec<RawNumbered<'a>>,
    #[serde(borrow, default)]
    settled: Vec<RawNumbered<'a>>,
    #[serde(borrow, default)]
    bank: Vec<RawNumbered<'a>>,
}

#[derive(Deserialize)]
struct RawNumbered<'a> {
    ordinal: u32,
    #[serde(borrow)]
    row: &'a RawValue,
}

#[derive(Deserialize)]
struct RawReport<'a> {
    source: String,
    #[serde(borrow)]
    row: &'a RawValue,
}

#[derive(Deserialize)]
struct Header {
    carry: Heard,
}

impl<'a> Told<'a> {
    /// Reads `open.ndjson` of runs before this one.
    ///
    /// # Errors
    /// [`CarryError`] names file, line and member: what lived on must not be lost by half.
    pub fn open(files: &[CarriedFile<'a>]) -> Result<Told<'a>, CarryError> {
        let mut told = Told::default();
        for file in files {
            let mut lines = lines_of(file);
            let (place, header) = lines.next().unwrap_or((Place { file: file.name, line: 1 }, b""));
            let heard = serde_json::from_slice::<Header>(header).map_err(|_| {
                place.error("carry", "is not there: the first line says how far the run before had heard")
            })?;
            if heard.carry.version != Heard::VERSION {
                return Err(place.error("carry.version", "is not one that this version of Cuadre reads"));
            }
            told.heard.join(&heard.carry);
            for (place, line) in lines {
                told.take(place, read(place, line)?)?;
            }
        }
        Ok(told)
    }

    /// How many facts one file tells.
    pub(crate) fn rows_of(&self, file: &str) -> u64 {
        let legs = [&self.orders, &self.notices, &self.settlements, &self.settled, &self.bank];
        let texts = legs.into_iter().chain(self.reports.values());
        let told = texts.flat_map(|text| &text.places).filter(|place| place.file == file);
        u64::try_from(told.count()).unwrap_or(u64::MAX)
    }

    pub(super) fn take(&mut self, place: Place<'a>, item: Item<'_>) -> Result<(), CarryError> {
        let time = |field: &str, text: &str| {
            Instant::parse(text).ok_or_else(|| place.error(field, "is no RFC 3339 time"))
        };
        if let Some(opened_at) = &item.opened_at {
            let id = BreakId::parse(&item.break_id)
                .ok_or_else(|| place.error("break_id", "is not 32 hexadecimal digits"))?;
            let opened_at = time("opened_at", opened_at)?;
            let known = self.opened.entry(id).or_insert(opened_at);
            *known = opened_at.min(*known);
        }
        for (cip, looked_at) in &item.looks {
            let cip = Cip::parse(cip).ok_or_else(|| place.error("looks", "names what is no CIP"))?;
            let looked_at = time("looks", looked_at)?;
            self.looks.push(Look { account: item.account.clone(), cip, looked_at });
        }
        for row in item.facts.orders {
            self.orders.push(place, row);
        }
        for report in item.facts.reports {
            self.reports.entry(report.source).or_default().push(place, report.row);
        }
        for row in item.facts.notices {
            self.notices.push(place, row);
        }
        item.facts.settlements.iter().for_each(|line| self.settlements.push_numbered(place, line));
        item.facts.settled.iter().for_each(|line| self.settled.push_numbered(place, line));
        item.facts.bank.iter().for_each(|line| self.bank.push_numbered(place, line));
        Ok(())
    }
}

impl Place<'_> {
    pub(super) fn error(&self, field: &str, reason: &str) -> CarryError {
        CarryError {
            file: self.file.to_owned(),
            line: self.line,
            field: field.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

pub(super) fn lines_of<'a>(file: &CarriedFile<'a>) -> impl Iterator<Item = (Place<'a>, &'a [u8])> {
    let name = file.name;
    let numbered = (1u64..).zip(file.bytes.split(|byte| *byte == b'\n'));
    numbered
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(move |(line, bytes)| (Place { file: name, line }, bytes))
}

pub(super) fn read<'l, T: Deserialize<'l>>(place: Place<'_>, line: &'l [u8]) -> Result<T, CarryError> {
    serde_json::from_slice(line).map_err(|error| {
        // The parser repeats texts that it stumbles over; its category is enough.
        let what = match error.classify() {
            serde_json::error::Category::Data => "has a member of the wrong kind",
            _ => "is not one whole JSON object",
        };
        place.error("the line", what)
    })
}
