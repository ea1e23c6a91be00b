//! JSON as it was written: members in their order, repeated ones included, names and values by their literal text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One value, its parts still unread.
#[derive(Clone, Debug)]
pub(super) enum Json<'a> {
    /// Literal names and values.
    Object(Vec<(&'a str, &'a str)>),
    /// Literal values.
    Array(Vec<&'a str>),
    /// A string with its quotes and escapes.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Word(&'a str),
}

impl<'a> Json<'a> {
    /// Reads one value; `None` for what is no JSON.
    pub(super) fn read(text: &'a str) -> Option<Json<'a>> {
        let value: &RawValue = serde_json::from_str(text).ok()?;
        Json::of_part(value.get())
    }

    /// Takes a part of a value that was read, and so is known to be JSON.
    pub(super) fn of_part(text: &'a str) -> Option<Json<'a>> {
        Some(match text.as_bytes().first()? {
            b'{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                Json::Object(members)
            }
            b'[' => {
                let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Json::Array(values.into_iter().map(RawValue::get).collect())
            }
            b'"' => Json::Text(text),
            _ => Json::Word(text),
        })
    }
}

/// What a string literal stands for; `None` where it stands for no text, as half a surrogate pair does.
pub(super) fn unescaped(literal: &str) -> Option<Cow<'_, str>> {
    match literal.strip_prefix('"')?.strip_suffix('"')? {
        plain if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str(literal).ok().map(Cow::Owned),
    }
}

struct Members<'a>(Vec<(&'a str, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(&'de str, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = access.next_entry::<&RawValue, &RawValue>()? {
            members.push((name.get(), value.get()));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_literal_text() {
        let Some(Json::Object(members)) =
            Json::read(" { \"a\\u0062\" : 22.50, \"a\":[ 1 ,\"x\\/\"],\"a\": null } ")
        else {
            panic!("an object")
        };
        assert_eq!(members, [("\"a\\u0062\"", "22.50"), ("\"a\"", "[ 1 ,\"x\\/\"]"), ("\"a\"", "null")]);
        let Some(Json::Array(values)) = Json::read(members[1].1) else { panic!("an array") };
        assert_eq!(values, ["1", "\"x\\/\""]);
        assert!(matches!(Json::read(values[1]), Some(Json::Text("\"x\\/\""))));
        assert!(matches!(Json::read(" 1.0 "), Some(Json::Word("1.0"))));
        for text in ["", "{", "[1,]", "\"open", "nul", "{} {}", "\u{feff}{}", "{1:2}"] {
            assert!(Json::read(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(unescaped(r#""a\u00f1\/\n""#).as_deref(), Some("añ/\n"));
        assert_eq!(unescaped(r#""\ud83d\ude00""#).as_deref(), Some("😀"));
        assert_eq!(unescaped(r#""\ud83d""#), None);
    }
}
