//! Reads a JSON document: an array of objects, alone or below a path of the mapping. Numbers keep their digits.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Source;
use super::error::FileError;
use super::fields::{Defect, Fields, Row, check_name};
use super::mapping::LegMapping;
use super::ndjson::{Fault, Object, Value, parse, value};
use super::plan::{Layout, Plan};
use super::reader::{RECORDS_MAX, Sorter, cut, note_unknown, shown};
use crate::calendar::Instant;
use crate::lifecycle::evidence::Text;

/// Reads the records in the order of the array; a record's line is its place there, 1 for the first.
pub(super) fn read<'a, R, L: Fn(&R) -> Option<Instant>>(
    source: &Source<'a>,
    body: &'a [u8],
    layout: &'static Layout,
    mapping: &LegMapping,
    sorter: &mut Sorter<'_, R, L>,
    build: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
) -> Result<(), FileError> {
    let leg = layout.leg.word();
    let refuse =
        |what: String, remedy: String| FileError::Unreadable { file: source.name.to_owned(), what, remedy };
    let text = mapping.encoding.decode(body).map_err(|_| {
        let remedy =
            format!("save it as UTF-8, or write encoding = \"latin-1\" under [{leg}] in the mapping");
        refuse("is not UTF-8".to_owned(), remedy)
    })?;
    let plan = Plan::for_ndjson(source, layout, mapping);
    let paths: Vec<Vec<Step>> = plan.columns.iter().map(|name| steps(name)).collect();
    let mut object = Object::new(plan.columns.len());
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    let mut take = |record: Text<'a>| {
        object.line = object.line.saturating_add(1);
        let outcome = read_record(record, &mut object, &plan, &paths).and_then(|()| {
            note_unknown(&object, &mut unknown);
            build(&mut Fields::new(&plan, Row::Json(&object), &mut sorter.row_changes))
        });
        sorter.take(object.line, outcome);
    };
    let found = match &text {
        Cow::Borrowed(text) => records(text, mapping, |record| take(Cow::Borrowed(record))),
        Cow::Owned(text) => records(text, mapping, |record| take(Cow::Owned(record.to_owned()))),
    };
    sorter.table.unknown_columns = unknown.into_iter().collect();
    found.map_err(|absence| {
        let (what, remedy) = absence.told(leg, mapping);
        refuse(what, remedy)
    })
}

/// Why there are no records to read.
enum Absence {
    /// Cut off, followed by more, or no JSON; line and column of the fault.
    Malformed { kind: Fracture, line: usize, column: usize },
    /// More elements than there could be rows.
    TooMany,
    /// Something else than an array stands where the records should be; the lists that stand beside.
    NotArray(Vec<String>),
}

/// In which way a text is not one JSON document.
enum Fracture {
    CutOff,
    /// Something stands after the document: objects line by line, most likely.
    GoesOn,
    Other,
}

impl Absence {
    fn told(self, leg: &str, mapping: &LegMapping) -> (String, String) {
        match (self, mapping.records.as_deref()) {
            (Absence::Malformed { kind: Fracture::CutOff, line, .. }, _) => {
                (format!("is JSON that breaks off in line {line}"), "export or transfer it again".to_owned())
            }
            (Absence::Malformed { kind: Fracture::GoesOn, line, .. }, _) => {
                let remedy = "name it .ndjson if it has one object a line, else export it again".to_owned();
                (format!("has more in line {line} after the end of its JSON"), remedy)
            }
            (Absence::Malformed { line, column, .. }, _) => (
                format!("is not well-formed JSON at line {line}, column {column}"),
                "export it again".to_owned(),
            ),
            (Absence::TooMany, _) => (
                format!("has more than {RECORDS_MAX} records, too many for rows in a file of its size"),
                format!("correct records under [{leg}] in the mapping"),
            ),
            (Absence::NotArray(lists), None) => {
                let records = lists.first().map_or("…", String::as_str);
                let remedy = format!("write records = \"{records}\" under [{leg}] in the mapping");
                ("is JSON, but no array of records".to_owned(), remedy)
            }
            (Absence::NotArray(_), Some(path)) => {
                let remedy = format!("correct records under [{leg}] in the mapping");
                (format!("has no array of records at \"{path}\""), remedy)
            }
        }
    }
}

/// Hands over the text of each record.
fn records<'t>(text: &'t str, mapping: &LegMapping, mut each: impl FnMut(&'t str)) -> Result<(), Absence> {
    let malformed = |error: &serde_json::Error| Absence::Malformed {
        kind: match error {
            _ if error.is_eof() => Fracture::CutOff,
            // The parser has no other sign of it.
            _ if error.to_string().starts_with("trailing characters") => Fracture::GoesOn,
            _ => Fracture::Other,
        },
        line: error.line(),
        column: error.column(),
    };
    // Looked at whole first, so that a file that breaks off gives no rows at all.
    let whole: &'t RawValue = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let mut found = whole.get();
    for key in mapping.records.iter().flat_map(|path| path.split('.')) {
        found = match member(found, key) {
            Ok(Some(Value::Other(_, Cow::Borrowed(inner)))) => inner,
            _ => return Err(Absence::NotArray(Vec::new())),
        };
    }
    if !found.starts_with('[') {
        return Err(Absence::NotArray(lists(found)));
    }
    let mut count = 0_u64;
    let mut json = serde_json::Deserializer::from_str(found);
    let elements = Elements(|record| {
        count = count.saturating_add(1);
        if count <= RECORDS_MAX {
            each(record);
        }
    });
    elements.deserialize(&mut json).map_err(|error| malformed(&error))?;
    if count > RECORDS_MAX { Err(Absence::TooMany) } else { Ok(()) }
}

/// The member of an object that has this name, and no other.
fn member<'t>(object: &'t str, key: &str) -> Result<Option<Value<'t>>, Fault> {
    let mut members = Vec::new();
    parse(object, &mut members)?;
    let mut named = members.into_iter().filter(|(name, _)| name == key);
    match (named.next(), named.next()) {
        (_, Some(_)) => Err(Fault::RepeatedKey(key.to_owned())),
        (first, None) => Ok(first.map(|(_, value)| value)),
    }
}

/// The names of an object's lists, for messages.
fn lists(object: &str) -> Vec<String> {
    let mut members = Vec::new();
    if parse(object, &mut members).is_err() {
        return Vec::new();
    }
    let list = |value: &Value<'_>| matches!(value, Value::Other(_, text) if text.starts_with('['));
    members.into_iter().filter(|(_, value)| list(value)).map(|(name, _)| shown(&name)).collect()
}

/// Visits a list without holding it.
struct Elements<F>(F);

impl<'t, F: FnMut(&'t str)> DeserializeSeed<'t> for Elements<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'t, F: FnMut(&'t str)> Visitor<'t> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'t>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element::<&'t RawValue>()? {
            (self.0)(element.get());
        }
        Ok(())
    }
}

/// One step of a column's path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A member of an object, or with digits alone an element of a list, 0 for the first.
    Key(String),
    /// The one element of a list whose member has this value.
    Pick { key: String, value: String },
}

/// Takes a column name apart: `customer.id`, `lines.0.sku`, `note_attributes[name=cip].value`.
fn steps(name: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !key.is_empty() {
            steps.push(Step::Key(key.to_owned()));
        }
        rest = after.strip_prefix('.').unwrap_or(after);
        if let Some(inside) = after.strip_prefix('[') {
            let picked =
                inside.split_once(']').and_then(|(pick, after)| Some((pick.split_once('=')?, after)));
            let Some(((key, value), after)) = picked else {
                // No path at all: then only a member of this very name is meant.
                return vec![Step::Key(name.to_owned())];
            };
            steps.push(Step::Pick { key: key.to_owned(), value: value.to_owned() });
            rest = after.strip_prefix('.').unwrap_or(after);
        }
    }
    steps
}

fn read_record<'a>(
    record: Text<'a>,
    object: &mut Object<'a>,
    plan: &Plan<'a, '_>,
    paths: &[Vec<Step>],
) -> Result<(), Defect> {
    let defect = |fault: Fault| {
        let shown = String::from_utf8_lossy(cut(record.as_bytes())).into_owned();
        match fault {
            Fault::NotObject(why) => Defect::new("", format!("is not one JSON object: {why}"), &shown),
            Fault::RepeatedKey(key) => {
                let slot = plan.columns.iter().position(|column| *column == key);
                let field = slot.map_or(key.as_str(), |slot| plan.label(slot));
                Defect::new(field, "stands twice in the object: expected each key once", &shown)
            }
        }
    };
    object.read(record.clone(), &plan.columns).map_err(defect)?;
    let mut stepped_into: BTreeSet<String> = BTreeSet::new();
    for (slot, path) in paths.iter().enumerate() {
        let Some((Step::Key(first), rest)) = path.split_first() else { continue };
        if rest.is_empty() || object.member(slot).is_some() {
            continue;
        }
        let Some((_, outer)) = object.extras.iter().find(|(name, _)| name == first) else { continue };
        if let Some(value) = descend(outer, rest).map_err(defect)? {
            stepped_into.insert(first.clone());
            object.put(slot, value);
        }
    }
    object.extras.retain(|(name, _)| !stepped_into.contains(name.as_ref()));
    object.extras.iter().try_for_each(|(name, _)| check_name(name))
}

fn descend<'a>(outer: &Value<'a>, path: &[Step]) -> Result<Option<Value<'a>>, Fault> {
    match outer {
        Value::Other(_, Cow::Borrowed(text)) => walk(text, path),
        Value::Other(_, Cow::Owned(text)) => Ok(walk(text, path)?.map(Value::into_owned)),
        _ => Ok(None),
    }
}

/// Follows a path through well-formed JSON; a path that leads nowhere gives nothing.
fn walk<'t>(text: &'t str, path: &[Step]) -> Result<Option<Value<'t>>, Fault> {
    let mut current = value(text).map_err(|error| broken(&error))?;
    for step in path {
        let Value::Other(_, Cow::Borrowed(inner)) = current else { return Ok(None) };
        let next = match step {
            Step::Key(key) if inner.starts_with('{') => member(inner, key)?,
            Step::Key(digits) if inner.starts_with('[') => element(inner, digits)?,
            Step::Pick { key, value } if inner.starts_with('[') => pick(inner, key, value)?,
            Step::Key(_) | Step::Pick { .. } => None,
        };
        let Some(next) = next else { return Ok(None) };
        current = next;
    }
    Ok(Some(current))
}

fn broken(error: &serde_json::Error) -> Fault {
    Fault::NotObject(error.to_string())
}

/// The element of a list at a place, 0 for the first.
fn element<'t>(list: &'t str, digits: &str) -> Result<Option<Value<'t>>, Fault> {
    let Ok(wanted) = digits.parse::<usize>() else { return Ok(None) };
    let (mut place, mut found) = (0_usize, None);
    each_element(list, |element| {
        if place == wanted {
            found = Some(element);
        }
        place = place.saturating_add(1);
    })?;
    found.map(value).transpose().map_err(|error| broken(&error))
}

/// The only object of a list whose member `key` is the text `wanted`.
fn pick<'t>(list: &'t str, key: &str, wanted: &str) -> Result<Option<Value<'t>>, Fault> {
    let mut outcome = Ok(None);
    each_element(list, |element| {
        let Ok(picked) = &mut outcome else { return };
        if !element.starts_with('{') {
            return;
        }
        match member(element, key) {
            Ok(Some(Value::Text(text) | Value::Number(text))) if text == wanted => {
                if picked.replace(element).is_some() {
                    outcome = Err(Fault::RepeatedKey(format!("{key}={wanted}")));
                }
            }
            Ok(_) => {}
            Err(fault) => outcome = Err(fault),
        }
    })?;
    outcome?.map(value).transpose().map_err(|error| broken(&error))
}

fn each_element<'t>(list: &'t str, each: impl FnMut(&'t str)) -> Result<(), Fault> {
    Elements(each).deserialize(&mut serde_json::Deserializer::from_str(list)).map_err(|error| broken(&error))
}

#[cfg(test)]
mod tests;
