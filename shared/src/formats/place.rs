//! What stands at one place of a JSON or XML document: a number or a text that tells of the document itself.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Format;

/// Elements within elements; no report comes near.
const DEPTH_MAX: usize = 64;

/// The longest text that is taken from a place.
const TEXT_BYTES_MAX: usize = 4096;

/// The number or text at a place, by names from the outermost to the innermost. `None` where nothing stands there, or
/// null, or a structure, or more than a few kilobytes, and for files of other formats.
#[must_use]
pub fn text_at<S: AsRef<str>>(format: Format, bytes: &[u8], place: &[S]) -> Option<String> {
    let found = match format {
        Format::Json => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            let mut json = serde_json::Deserializer::from_slice(bytes);
            let raw = At(place).deserialize(&mut json).ok()??;
            scalar(&raw)
        }
        Format::Xml => element(bytes, place),
        _ => None,
    };
    found.filter(|text| text.len() <= TEXT_BYTES_MAX)
}

fn scalar(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'-' | b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}

/// Goes down to the place and passes over the rest without keeping it; a scalar or a list on the way is an error of its own.
struct At<'p, S>(&'p [S]);

impl<'de, S: AsRef<str>> DeserializeSeed<'de> for At<'_, S> {
    type Value = Option<Box<RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return <Box<RawValue> as serde::Deserialize>::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: AsRef<str>> Visitor<'de> for At<'_, S> {
    type Value = Option<Box<RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((name, rest)) = self.0.split_first() else { return Ok(None) };
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == name.as_ref() {
                found = map.next_value_seed(At(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The text of the first element at the place, the outermost name being that of the root.
fn element<S: AsRef<str>>(bytes: &[u8], place: &[S]) -> Option<String> {
    let mut reader = Reader::from_reader(bytes);
    let (mut buffer, mut path, mut text) = (Vec::new(), Vec::<String>::new(), None::<String>);
    let is_here = |path: &[String]| {
        path.len() == place.len() && path.iter().zip(place).all(|(name, wanted)| name == wanted.as_ref())
    };
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).ok()? {
            Event::DocType(_) | Event::Eof => return None,
            Event::Start(tag) => {
                if path.len() >= DEPTH_MAX || text.is_some() {
                    return None;
                }
                path.push(tag.local_name().as_ref().to_owned());
                if is_here(&path) {
                    text = Some(String::new());
                }
            }
            Event::Text(part) => {
                if let Some(text) = &mut text {
                    text.push_str(part.xml10_content().trim());
                }
            }
            Event::End(_) => {
                if text.is_some() {
                    return text.filter(|text| !text.is_empty());
                }
                path.pop();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_text_is_found_by_its_names() {
        let check = |format, document: &str, place: &[&str], expected: Option<&str>| {
            let found = text_at(format, document.as_bytes(), place);
            assert_eq!(found.as_deref(), expected, "{document} {place:?}");
        };
        let json = r#"{"rows":[{"meta":{"next":"no"}}],"meta":{"next":"a\u0062\"","total":1000000000000000001,"page":{},"none":null,"ok":true}}"#;
        check(Format::Json, json, &["meta", "next"], Some("ab\""));
        check(Format::Json, json, &["meta", "total"], Some("1000000000000000001"));
        check(Format::Json, json, &["meta", "page"], None);
        check(Format::Json, json, &["meta", "none"], None);
        check(Format::Json, json, &["meta", "ok"], None);
        check(Format::Json, json, &["meta", "next", "more"], None);
        check(Format::Json, json, &["rows", "meta"], None);
        check(Format::Json, json, &["absent"], None);
        check(Format::Json, "{\"meta\":", &["meta"], None);
        check(Format::Json, "<html>", &["meta"], None);
        let xml = "<?xml version=\"1.0\"?><r:report xmlns:r=\"x\"><meta><next> 7 </next><empty/><e></e></meta><next>8</next></r:report>";
        check(Format::Xml, xml, &["report", "meta", "next"], Some("7"));
        check(Format::Xml, xml, &["report", "next"], Some("8"));
        check(Format::Xml, xml, &["report", "meta"], None);
        check(Format::Xml, xml, &["report", "meta", "e"], None);
        check(Format::Xml, "<!DOCTYPE a><report><next>8</next></report>", &["report", "next"], None);
        check(Format::Csv, json, &["meta", "next"], None);
        check(Format::Json, &format!("{{\"a\":\"{}\"}}", "x".repeat(5000)), &["a"], None);
    }
}
