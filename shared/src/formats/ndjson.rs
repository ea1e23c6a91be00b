//! Reads one line of NDJSON into cells, numbers as they are written: an amount never becomes a float.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::lifecycle::evidence::Text;

/// More keys than any export has; bounds the search for repeated keys.
const KEYS_MAX: usize = 1000;

/// Characters of the parser's words that are kept: it repeats a text that stands where an object should.
const REASON_CHARACTERS_MAX: usize = 160;

/// A value of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// `null`: as if the key were not there.
    Null,
    /// A string, unescaped.
    Text(Text<'a>),
    /// A number, in its own digits.
    Number(Text<'a>),
    /// A date or time of a spreadsheet, without offset: `2026-03-02`, `2026-03-02T09:30:00` or `09:30:00`.
    Calendar(Text<'a>),
    /// What no field can hold, with its kind for messages and its JSON text.
    Other(&'static str, Text<'a>),
}

impl Value<'_> {
    pub(super) fn into_owned(self) -> Value<'static> {
        let own = |text: Text<'_>| Cow::Owned(text.into_owned());
        match self {
            Value::Null => Value::Null,
            Value::Text(text) => Value::Text(own(text)),
            Value::Number(text) => Value::Number(own(text)),
            Value::Calendar(text) => Value::Calendar(own(text)),
            Value::Other(kind, text) => Value::Other(kind, own(text)),
        }
    }
}

/// Why a line is not a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not one JSON object, or one cut short; carries the parser's words.
    NotObject(String),
    /// One key twice: either value could be meant.
    RepeatedKey(String),
}

/// The members of one object, laid out by slot; kept from line to line so that nothing is allocated anew.
#[derive(Debug)]
pub(super) struct Object<'a> {
    /// Physical line, 1 for the first.
    pub line: u64,
    slots: Vec<Option<Value<'a>>>,
    /// Members without a slot, in the order of the line.
    pub extras: Vec<(Text<'a>, Value<'a>)>,
    members: Vec<(Text<'a>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// An object with so many slots, to be filled by [`Object::read`].
    pub(super) fn new(slots: usize) -> Object<'a> {
        Object { line: 0, slots: vec![None; slots], extras: Vec::new(), members: Vec::new() }
    }

    /// The member in a slot; `None` where the object has none.
    pub(super) fn member(&self, slot: usize) -> Option<&Value<'a>> {
        self.slots.get(slot)?.as_ref()
    }

    /// Begins the record of another container, without members.
    pub(super) fn begin(&mut self, line: u64) {
        self.line = line;
        self.slots.fill(None);
        self.extras.clear();
    }

    /// Puts a member into its slot; false where one is there already.
    pub(super) fn put(&mut self, slot: usize, value: Value<'a>) -> bool {
        match self.slots.get_mut(slot) {
            Some(empty @ None) => {
                *empty = Some(value);
                true
            }
            _ => false,
        }
    }

    /// Reads a line; `names` are the keys of the slots.
    pub(super) fn read(&mut self, line: Text<'a>, names: &[Text<'_>]) -> Result<(), Fault> {
        self.slots.fill(None);
        self.extras.clear();
        self.members.clear();
        match line {
            Cow::Borrowed(line) => parse(line, &mut self.members)?,
            Cow::Owned(line) => {
                let mut members = Vec::new();
                parse(&line, &mut members)?;
                let owned = members
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()));
                self.members.extend(owned);
            }
        }
        for (key, value) in self.members.drain(..) {
            match names.iter().position(|name| *name == key) {
                Some(slot) => match self.slots.get_mut(slot) {
                    Some(empty @ None) => *empty = Some(value),
                    _ => return Err(Fault::RepeatedKey(key.into_owned())),
                },
                None if self.extras.iter().any(|(known, _)| *known == key) => {
                    return Err(Fault::RepeatedKey(key.into_owned()));
                }
                None => self.extras.push((key, value)),
            }
        }
        Ok(())
    }
}

/// Parses a line into its members in order.
pub(super) fn parse<'l>(line: &'l str, members: &mut Vec<(Text<'l>, Value<'l>)>) -> Result<(), Fault> {
    let mut json = serde_json::Deserializer::from_str(line);
    let read = Members(members).deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| Fault::NotObject(without_position(&error.to_string())))
}

/// The parser counts lines within the one line that it is given, which would mislead.
fn without_position(message: &str) -> String {
    let cut = |text: &str| text.chars().take(REASON_CHARACTERS_MAX).collect::<String>();
    match message.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{} at character {column}", cut(what)),
        None => cut(message),
    }
}

struct Members<'v, 'l>(&'v mut Vec<(Text<'l>, Value<'l>)>);

impl<'l> DeserializeSeed<'l> for Members<'_, 'l> {
    type Value = ();

    fn deserialize<D: Deserializer<'l>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'l> Visitor<'l> for Members<'_, 'l> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one JSON object")
    }

    fn visit_map<A: MapAccess<'l>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            if self.0.len() >= KEYS_MAX {
                return Err(A::Error::custom(format_args!("more than {KEYS_MAX} keys")));
            }
            let raw: &'l RawValue = map.next_value()?;
            self.0.push((key, value(raw.get()).map_err(A::Error::custom)?));
        }
        Ok(())
    }
}

/// Reads a key, borrowed unless it has escapes.
struct Key;

impl<'l> DeserializeSeed<'l> for Key {
    type Value = Text<'l>;

    fn deserialize<D: Deserializer<'l>>(self, deserializer: D) -> Result<Text<'l>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'l> Visitor<'l> for Key {
    type Value = Text<'l>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'l str) -> Result<Text<'l>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Text<'l>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Tells a value's kind from its first character, which the parser has found to be well-formed JSON.
pub(super) fn value(raw: &str) -> Result<Value<'_>, serde_json::Error> {
    Ok(match raw.as_bytes().first() {
        Some(b'"') => Value::Text(match raw.get(1..raw.len().saturating_sub(1)) {
            Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
            _ => Cow::Owned(serde_json::from_str(raw)?),
        }),
        Some(b'n') => Value::Null,
        Some(b't' | b'f') => Value::Other("a truth value", Cow::Borrowed(raw)),
        Some(b'{') => Value::Other("an object", Cow::Borrowed(raw)),
        Some(b'[') => Value::Other("a list", Cow::Borrowed(raw)),
        _ => Value::Number(Cow::Borrowed(raw)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Object<'_>, Fault> {
        let names = [Cow::Borrowed("cip"), Cow::Borrowed("amount")];
        let mut object = Object::new(names.len());
        object.read(Cow::Borrowed(line), &names)?;
        Ok(object)
    }

    #[test]
    fn members_find_their_slots_in_any_order() {
        let object = read(r#" {"x": true, "amount": 10.50, "cip": "1\u00322"} "#).unwrap();
        assert_eq!(object.member(0), Some(&Value::Text("122".into())));
        assert_eq!(object.member(1), Some(&Value::Number("10.50".into())));
        assert_eq!(object.extras, [("x".into(), Value::Other("a truth value", "true".into()))]);
    }

    #[test]
    fn null_is_kept_apart_from_absence() {
        let object = read(r#"{"cip": null}"#).unwrap();
        assert_eq!((object.member(0), object.member(1)), (Some(&Value::Null), None));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for line in [
            "",
            "[]",
            "5",
            "{\"cip\":1",
            "{} {}",
            "{\"cip\":1,}",
            "{\"cip\":tru}",
            "{\"cip\":\"\\ud800\"}",
            "{\"cip\":01}",
        ] {
            assert!(matches!(read(line), Err(Fault::NotObject(_))), "{line}");
        }
        let deep = format!("{{\"cip\":{}", "[".repeat(100_000));
        assert!(matches!(read(&deep), Err(Fault::NotObject(_))));
    }

    #[test]
    fn a_repeated_key_is_refused_known_or_not() {
        for line in [r#"{"cip":1,"cip":1}"#, r#"{"x":1,"x":2}"#, r#"{"cip":1,"c\u0069p":null}"#] {
            assert!(matches!(read(line), Err(Fault::RepeatedKey(_))), "{line}");
        }
    }

    #[test]
    fn an_object_of_too_many_keys_is_refused() {
        let members: Vec<String> = (0..=KEYS_MAX).map(|key| format!("\"k{key}\":1")).collect();
        let Err(Fault::NotObject(reason)) = read(&format!("{{{}}}", members.join(","))) else {
            panic!("accepted")
        };
        assert!(reason.starts_with("more than 1000 keys"), "{reason}");
    }
}
