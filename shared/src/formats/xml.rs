//! Reads an XML document: each element at a path of the mapping is a record, its leaves and attributes are the columns.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::memchr_iter;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::Source;
use super::error::{FileError, Refusal};
use super::fields::{Defect, FIELD_BYTES_MAX, Fields, Row};
use super::mapping::LegMapping;
use super::ndjson::{Object, Value};
use super::plan::{Layout, Plan};
use super::reader::{RECORDS_MAX, Sorter, note_unknown, shown};
use super::values::Encoding;
use crate::calendar::Instant;

/// Elements within elements; no export comes near.
const DEPTH_MAX: usize = 64;

/// Leaves and attributes of one record, as many as an NDJSON object may have keys.
const MEMBERS_MAX: usize = 1000;

/// Most bytes that all paths and values may have together: a name is written once and stands in every path below it.
const UNFOLDED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What the text of a record itself is called.
const OWN_TEXT: &str = ".";

/// Reads the records in the order of the document; a record's line is its place among them, 1 for the first.
pub(super) fn read<'a, R, L: Fn(&R) -> Option<Instant>>(
    source: &Source<'a>,
    body: &'a [u8],
    layout: &'static Layout,
    mapping: &LegMapping,
    sorter: &mut Sorter<'_, R, L>,
    build: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
) -> Result<(), FileError> {
    let refuse = |refusal: Refusal| refusal.of(source.name, layout.leg.word());
    let text = decode(body, mapping.encoding).map_err(refuse)?;
    let plan = Plan::for_ndjson(source, layout, mapping);
    let mut object = Object::new(plan.columns.len());
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    let take = |ordinal: u64, record: Record| {
        let outcome = lay_out(record, ordinal, &mut object, &plan).and_then(|()| {
            note_unknown(&object, &mut unknown);
            build(&mut Fields::new(&plan, Row::Json(&object), &mut sorter.row_changes))
        });
        sorter.take(ordinal, outcome);
    };
    let walked = Walk::new(&text, mapping.records.as_deref(), take).run();
    sorter.table.unknown_columns = unknown.into_iter().collect();
    walked.map_err(refuse)
}

/// The characters of a document: as it declares them, else as the mapping does.
fn decode(body: &[u8], encoding: Encoding) -> Result<Cow<'_, str>, Refusal> {
    let declaration = body.strip_prefix(b"<?xml").and_then(|rest| {
        let end = memchr::memmem::find(rest, b"?>")?;
        std::str::from_utf8(rest.get(..end)?).ok()
    });
    let declared = declaration.and_then(|text| text.split_once("encoding=")).and_then(|(_, value)| {
        let quote = value.chars().next().filter(|c| "\"'".contains(*c))?;
        value.split(quote).nth(1)
    });
    let encoding = match declared {
        None => encoding,
        Some(name) if name.eq_ignore_ascii_case("us-ascii") => Encoding::Utf8,
        Some(name) => Encoding::from_name(name).ok_or_else(|| {
            Refusal::new("declares an encoding other than UTF-8 or ISO-8859-1", "save it as UTF-8")
        })?,
    };
    encoding.decode(body).map_err(|_| {
        Refusal::new(
            "is not UTF-8",
            "save it as UTF-8, or write encoding = \"latin-1\" under [] in the mapping",
        )
    })
}

/// What one element at the path holds.
#[derive(Debug, Default)]
struct Record {
    /// Path within the record and value.
    members: Vec<(String, Value<'static>)>,
    bytes: usize,
    too_many: bool,
}

impl Record {
    fn add(&mut self, name: String, value: Value<'static>) {
        if self.members.len() < MEMBERS_MAX {
            let length = if let Value::Text(text) = &value { text.len() } else { 0 };
            self.bytes = self.bytes.saturating_add(name.len()).saturating_add(length);
            self.members.push((name, value));
        } else {
            self.too_many = true;
        }
    }
}

/// An open element of a record.
#[derive(Debug, Default)]
struct Open {
    /// Bytes of the record's path before it.
    outer: usize,
    text: String,
    has_children: bool,
    is_nil: bool,
}

/// A walk through the document.
struct Walk<'t, F> {
    text: &'t str,
    records: Option<Vec<&'t str>>,
    take: F,
    /// Names of the open elements.
    path: Vec<String>,
    ordinal: u64,
    root_seen: bool,
    /// Whether the element around the records was met, and whether anything stood in it.
    parent_seen: bool,
    child_seen: bool,
    record: Option<Record>,
    unfolded_bytes_left: usize,
    /// Open elements of the record, and the path from the record to the innermost.
    open: Vec<Open>,
    inner: String,
}

impl<'t, F: FnMut(u64, Record)> Walk<'t, F> {
    fn new(text: &'t str, records: Option<&'t str>, take: F) -> Walk<'t, F> {
        Walk {
            text,
            records: records.map(|path| path.split('/').filter(|name| !name.is_empty()).collect()),
            take,
            path: Vec::new(),
            ordinal: 0,
            root_seen: false,
            parent_seen: false,
            child_seen: false,
            record: None,
            unfolded_bytes_left: UNFOLDED_BYTES_MAX,
            open: Vec::new(),
            inner: String::new(),
        }
    }

    fn run(mut self) -> Result<(), Refusal> {
        let mut reader = Reader::from_str(self.text);
        reader.config_mut().expand_empty_elements = true;
        let malformed = |at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
            let line = memchr_iter(b'\n', before).count().saturating_add(1);
            Refusal::new(format!("is not well-formed XML in line {line}"), "export or transfer it again")
        };
        loop {
            let here = reader.buffer_position();
            let event = reader.read_event().map_err(|_| malformed(reader.error_position()))?;
            let fits = match event {
                Event::Start(tag) | Event::Empty(tag) => self.start(&tag)?,
                Event::End(_) => self.end()?,
                Event::Text(text) => self.text(&text.xml10_content()),
                Event::CData(text) => self.text(&text.xml10_content()),
                Event::GeneralRef(entity) => match character(&entity) {
                    Some(c) => self.text(c.encode_utf8(&mut [0; 4])),
                    None => {
                        let what = "uses an entity other than the five of XML";
                        return Err(Refusal::new(what, "write the character itself"));
                    }
                },
                Event::DocType(_) => {
                    return Err(Refusal::new("has a DOCTYPE, which is never read", "take it out"));
                }
                Event::Eof if self.path.is_empty() && self.root_seen => return self.finish(),
                Event::Eof => false,
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => true,
            };
            if !fits {
                return Err(malformed(here));
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<bool, Refusal> {
        if self.path.len() >= DEPTH_MAX {
            return Err(Refusal::new(
                format!("is nested more than {DEPTH_MAX} elements deep"),
                "export it flat",
            ));
        }
        if self.path.is_empty() && self.root_seen {
            return Ok(false);
        }
        self.root_seen = true;
        let name = tag.local_name().as_ref().to_owned();
        if self.record.is_some() {
            if let Some(parent) = self.open.last_mut() {
                parent.has_children = true;
            }
            let outer = self.inner.len();
            if outer > 0 {
                self.inner.push('/');
            }
            self.inner.push_str(&name);
            if self.inner.len() > FIELD_BYTES_MAX {
                return Err(Refusal::new(
                    "has names of more than 64 KiB within each other",
                    "export it flat",
                ));
            }
            self.open.push(Open { outer, ..Open::default() });
            self.path.push(name);
            return Ok(self.attributes(tag));
        }
        let Some(records) = &self.records else {
            self.path.push(name);
            // The first child of the root is what is most likely meant.
            return if let [root, child] = self.path.as_slice() {
                let path = format!("{}/{}", shown(root), shown(child));
                let remedy =
                    format!("if \"{path}\" is one, write records = \"{path}\" under [] in the mapping");
                Err(Refusal::new("is XML, and nothing says which elements are records", remedy))
            } else {
                Ok(true)
            };
        };
        let below = records.split_last().is_some_and(|(_, parent)| self.path == parent);
        self.child_seen |= below;
        self.path.push(name);
        let here = self.path == *records;
        self.parent_seen |= below || records.split_last().is_some_and(|(_, parent)| self.path == parent);
        if here {
            self.record = Some(Record::default());
            self.inner.clear();
            self.open.push(Open::default());
            return Ok(self.attributes(tag));
        }
        Ok(true)
    }

    /// Takes the attributes of the innermost open element in; false where they are malformed.
    fn attributes(&mut self, tag: &BytesStart<'_>) -> bool {
        let (Some(record), Some(open)) = (&mut self.record, self.open.last_mut()) else { return true };
        // The parser compares each name with all before it, so more than a few would cost quadratic time. The one beyond
        // the bound makes itself known.
        for attribute in tag.attributes().take(MEMBERS_MAX.saturating_add(1)) {
            let Ok(attribute) = attribute else { return false };
            let Ok(value) = attribute.normalized_value(XmlVersion::Explicit1_0) else { return false };
            let key = attribute.key;
            if key.as_ref() == "xmlns" || key.as_ref().starts_with("xmlns:") {
                continue;
            }
            let local = key.local_name();
            if key.as_ref().contains(':') && local.as_ref() == "nil" {
                open.is_nil = value == "true" || value == "1";
                continue;
            }
            let separator = if self.inner.is_empty() { "" } else { "/" };
            let name = format!("{}{separator}@{}", self.inner, local.as_ref());
            record.add(name, Value::Text(Cow::Owned(value.into_owned())));
        }
        true
    }

    fn end(&mut self) -> Result<bool, Refusal> {
        if self.path.pop().is_none() {
            return Ok(false);
        }
        let Some(open) = self.open.pop() else { return Ok(true) };
        let name = self.inner.clone();
        self.inner.truncate(open.outer);
        let value = match open {
            Open { is_nil: true, .. } => Value::Null,
            Open { has_children: true, .. } => {
                Value::Other("an element with others inside", Cow::Borrowed(""))
            }
            Open { text, .. } => Value::Text(Cow::Owned(text)),
        };
        let Some(record) = &mut self.record else { return Ok(true) };
        if !self.open.is_empty() {
            record.add(name, value);
            return Ok(true);
        }
        if matches!(&value, Value::Text(text) if !text.trim().is_empty()) {
            record.add(OWN_TEXT.to_owned(), value);
        }
        let record = self.record.take().unwrap_or_default();
        let left = self.unfolded_bytes_left.checked_sub(record.bytes);
        self.unfolded_bytes_left = left.ok_or_else(|| {
            Refusal::new("says more than 256 MiB in its paths and values", "split it, or export it as CSV")
        })?;
        self.ordinal = self.ordinal.saturating_add(1);
        if self.ordinal > RECORDS_MAX {
            let what =
                format!("has more than {RECORDS_MAX} records, too many for rows in a file of its size");
            return Err(Refusal::new(what, "correct records under [] in the mapping"));
        }
        (self.take)(self.ordinal, record);
        Ok(true)
    }

    /// Text outside the root may only be blank.
    fn text(&mut self, text: &str) -> bool {
        if let Some(open) = self.open.last_mut() {
            open.text.push_str(text);
        }
        !self.path.is_empty() || text.trim_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']).is_empty()
    }

    fn finish(self) -> Result<(), Refusal> {
        let Some(records) = self.records else {
            let what = "is XML, and nothing says which elements are records";
            return Err(Refusal::new(what, "write records = \"…\" under [] in the mapping"));
        };
        if self.ordinal > 0 || (self.parent_seen && !self.child_seen) {
            return Ok(());
        }
        let what = format!("has no element at \"{}\"", records.join("/"));
        Err(Refusal::new(what, "correct records under [] in the mapping"))
    }
}

/// The character of a reference by number, or of one of the five entities that XML has without a DTD.
pub(super) fn character(entity: &BytesRef<'_>) -> Option<char> {
    match entity.as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => entity.resolve_char_ref().ok().flatten(),
    }
}

/// Puts a record's members where the plan wants them. What repeats and feeds no field is kept once.
fn lay_out<'a>(
    record: Record,
    ordinal: u64,
    object: &mut Object<'a>,
    plan: &Plan<'a, '_>,
) -> Result<(), Defect> {
    object.begin(ordinal);
    if record.too_many {
        let reason = format!("has more than {MEMBERS_MAX} elements and attributes: expected one record");
        return Err(Defect::new("", reason, ""));
    }
    for (name, value) in record.members {
        match plan.columns.iter().position(|column| *column == name) {
            Some(slot) => {
                if !object.put(slot, value) {
                    let reason = "stands twice in the record: expected each element once";
                    return Err(Defect::new(plan.label(slot), reason, &name));
                }
            }
            None if matches!(value, Value::Other(..) | Value::Null) => {}
            None if object.extras.iter().any(|(known, _)| *known == name) => {}
            None => object.extras.push((Cow::Owned(name), value)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
