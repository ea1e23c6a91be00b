//! `open.ndjson`: what lives on into the next run, with the facts that it needs.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::facts::Facts;
use super::tables::{SHARED_COLUMNS, shared_fields};
use crate::reconcile::Line;
use crate::reconcile::class::Bucket;

/// One line, written with `class` first and then the shared columns in their order.
struct OpenItem<'l> {
    line: &'l Line,
    facts: Facts<'l>,
}

impl Serialize for OpenItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = shared_fields(self.line);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("class", self.line.class.word())?;
        for (name, value) in SHARED_COLUMNS.iter().zip(&fields).filter(|(name, _)| **name != "class") {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("facts", &CarriedFacts(self))?;
        map.end()
    }
}

struct CarriedFacts<'i>(&'i OpenItem<'i>);

impl Serialize for CarriedFacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let OpenItem { line, facts } = self.0;
        let raw = |text: String| RawValue::from_string(text).map_err(serde::ser::Error::custom);
        let orders = facts.orders(line).into_iter().map(raw).collect::<Result<Vec<_>, _>>()?;
        let reports = facts
            .reports(line)
            .into_iter()
            .map(|(source, row)| Ok(CarriedReport { source, row: raw(row)? }))
            .collect::<Result<Vec<_>, S::Error>>()?;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("orders", &orders)?;
        map.serialize_entry("reports", &reports)?;
        map.end()
    }
}

/// A report row is a fact of its source: numbers are compared only within one.
#[derive(serde::Serialize)]
struct CarriedReport {
    source: String,
    row: Box<RawValue>,
}

/// The lines that are open or unpaid, one JSON object each.
///
/// # Errors
/// None in practice: every field is text and every fact was written as JSON.
pub fn open_ndjson(lines: &[Line], facts: Facts<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    for line in lines.iter().filter(|line| matches!(line.class.bucket(), Bucket::Open | Bucket::Unpaid)) {
        serde_json::to_writer(&mut out, &OpenItem { line, facts })?;
        out.push(b'\n');
    }
    Ok(out)
}
