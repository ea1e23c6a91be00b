//! Signed parameters: names and values of the body, sorted and joined. How exactly differs from aggregator to aggregator,
//! so that every step is an option; none of them is documented by PagoEfectivo.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::parameters::{self, Parameter, Unreadable};
use super::{Encoding, KeyText, SignatureError};
use crate::calendar::Instant;

/// What RFC 3986 calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How an aggregator signs the parameters of the JSON body.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Canonical {
    #[serde(deserialize_with = "header_name")]
    header: String,
    encoding: Encoding,
    key: KeyText,
    #[serde(deserialize_with = "separator")]
    pair_separator: String,
    #[serde(deserialize_with = "separator")]
    field_separator: String,
    empty_values: EmptyValues,
    letter_case: LetterCase,
    url_encoding: UrlEncoding,
    /// The parameter that repeats the signature, and so cannot be signed.
    signature_field: Option<String>,
    timestamp: Option<Timestamp>,
}

impl<'de> Deserialize<'de> for Canonical {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Canonical, D::Error> {
        // What `remote` derives: the reading of the single options.
        let canonical = Canonical::deserialize(deserializer)?;
        if canonical.pair_separator.contains(|shared| canonical.field_separator.contains(shared)) {
            return Err(D::Error::custom(
                "separators that share a character would let one signature fit several bodies",
            ));
        }
        Ok(canonical)
    }
}

/// Whether empty strings and `null` are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyValues {
    /// With their names; `null` as the word.
    #[default]
    Keep,
    /// Left out.
    Skip,
}

/// In which letter case names are sorted and joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterCase {
    /// In that of the body.
    #[default]
    AsSent,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
}

/// How names and values are encoded before they are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlEncoding {
    /// Not at all.
    #[default]
    None,
    /// As forms are: a blank becomes `+`.
    Form,
    /// As RFC 3986 says: a blank becomes `%20`.
    Percent,
}

/// The signed time, which bounds for how long a notice can be repeated by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timestamp {
    /// Dotted name of the parameter, as sent.
    field: String,
    format: TimestampFormat,
    /// How far from now, either way, it may be; exactly so far is accepted.
    tolerance_seconds: u32,
}

/// How a signed time is written, as a JSON string or number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampFormat {
    /// Whole seconds since 1970.
    #[default]
    UnixSeconds,
    /// Whole milliseconds since 1970.
    UnixMilliseconds,
    /// With its offset.
    Rfc3339,
}

impl Default for Canonical {
    fn default() -> Canonical {
        Canonical {
            header: "signature".to_owned(),
            encoding: Encoding::Hex,
            key: KeyText::Text,
            pair_separator: "=".to_owned(),
            field_separator: "&".to_owned(),
            empty_values: EmptyValues::Keep,
            letter_case: LetterCase::AsSent,
            url_encoding: UrlEncoding::None,
            signature_field: Some("signature".to_owned()),
            timestamp: Some(Timestamp::default()),
        }
    }
}

impl Default for Timestamp {
    fn default() -> Timestamp {
        Timestamp {
            field: "timestamp".to_owned(),
            format: TimestampFormat::UnixSeconds,
            tolerance_seconds: 300,
        }
    }
}

/// What is signed of a body.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: String,
    /// Whether the signed time is near enough; counts only once the signature is known to be right.
    pub(super) in_time: Result<(), SignatureError>,
}

impl Canonical {
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn key(&self) -> KeyText {
        self.key
    }

    /// What is signed of the body.
    pub(super) fn message(&self, body: &[u8], now: Instant) -> Result<Message, Unreadable> {
        let mut parameters = parameters::read(body)?;
        let signature_field = self.signature_field.as_deref();
        parameters.retain(|parameter| Some(parameter.name.as_str()) != signature_field);
        let in_time = self.timestamp.as_ref().map_or(Ok(()), |timestamp| timestamp.check(&parameters, now));

        for parameter in &mut parameters {
            parameter.name = self.letter_case.of(std::mem::take(&mut parameter.name));
        }
        parameters.sort_by(|left, right| left.name.cmp(&right.name));
        if parameters.iter().zip(parameters.iter().skip(1)).any(|(left, right)| left.name == right.name) {
            return Err(Unreadable::SameName);
        }
        if self.empty_values == EmptyValues::Skip {
            parameters.retain(|parameter| !parameter.is_empty);
        }
        if parameters.is_empty() {
            return Err(Unreadable::NoParameter);
        }
        Ok(Message { text: self.joined(&parameters)?, in_time })
    }

    fn joined(&self, parameters: &[Parameter<'_>]) -> Result<String, Unreadable> {
        let mut text = String::new();
        let mut values = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            if !values.is_empty() {
                text.push_str(&self.field_separator);
            }
            let name = self.url_encoding.of(&parameter.name);
            text.push_str(&name);
            text.push_str(&self.pair_separator);
            let begin = text.len();
            text.push_str(&self.url_encoding.of(&parameter.value));
            values.push(Placed { name: name.into_owned(), begin, end: text.len() });
        }
        let names = values.iter().skip(1).map(|value| Some(value.name.as_str())).chain([None]);
        let doubtful = values.iter().zip(names).any(|(value, next)| self.reads_otherwise(&text, value, next));
        if doubtful { Err(Unreadable::Separator) } else { Ok(text) }
    }

    /// Whether the joined text could be that of other parameters as well: a name holds a separator, or a value holds what
    /// would pass for a further parameter between this one and the next.
    fn reads_otherwise(&self, text: &str, placed: &Placed, next: Option<&str>) -> bool {
        let (pair, field) = (self.pair_separator.as_str(), self.field_separator.as_str());
        let with_pair = format!("{}{pair}", placed.name);
        if placed.name.contains(field) || with_pair.find(pair) != Some(placed.name.len()) {
            return true;
        }
        let starts = (placed.begin..placed.end).filter_map(|at| text.get(at..)?.strip_prefix(field));
        // Up to the next separator only, since names hold none: the work stays proportional to the text.
        let pieces = starts.map(|rest| {
            let end = rest.find(field).map_or(rest.len(), |at| at + field.len());
            rest.get(..end).unwrap_or(rest)
        });
        let mut names = pieces.filter_map(|piece| piece.split_once(pair).map(|(name, _)| name));
        names.any(|name| {
            let sorted = name > placed.name.as_str() && next.is_none_or(|next| name < next);
            // Names are sorted before they are encoded, so that the order of encoded ones says nothing.
            !name.contains(field) && (sorted || self.url_encoding != UrlEncoding::None)
        })
    }

    /// How far the signed time of the body is from now, ahead of it or behind.
    pub(super) fn distance(&self, body: &[u8], now: Instant) -> Option<TimeDelta> {
        self.timestamp.as_ref()?.distance(&parameters::read(body).ok()?, now)
    }

    /// The same scheme with one other option each, and what the option is called: what a configuration may have wrong.
    pub(super) fn neighbours(&self) -> Vec<(&'static str, Canonical)> {
        let mut found = Vec::new();
        let mut with = |option: &'static str, change: &dyn Fn(&mut Canonical)| {
            let mut neighbour = self.clone();
            change(&mut neighbour);
            if neighbour != *self {
                found.push((option, neighbour));
            }
        };
        with(r#""empty_values": "keep""#, &|scheme| scheme.empty_values = EmptyValues::Keep);
        with(r#""empty_values": "skip""#, &|scheme| scheme.empty_values = EmptyValues::Skip);
        with(r#""letter_case": "as_sent""#, &|scheme| scheme.letter_case = LetterCase::AsSent);
        with(r#""letter_case": "lower""#, &|scheme| scheme.letter_case = LetterCase::Lower);
        with(r#""letter_case": "upper""#, &|scheme| scheme.letter_case = LetterCase::Upper);
        with(r#""url_encoding": "none""#, &|scheme| scheme.url_encoding = UrlEncoding::None);
        with(r#""url_encoding": "form""#, &|scheme| scheme.url_encoding = UrlEncoding::Form);
        with(r#""url_encoding": "percent""#, &|scheme| scheme.url_encoding = UrlEncoding::Percent);
        with(r#""pair_separator": "=""#, &|scheme| "=".clone_into(&mut scheme.pair_separator));
        with(r#""pair_separator": ":""#, &|scheme| ":".clone_into(&mut scheme.pair_separator));
        with(r#""field_separator": "&""#, &|scheme| "&".clone_into(&mut scheme.field_separator));
        with(r#""field_separator": "|""#, &|scheme| "|".clone_into(&mut scheme.field_separator));
        with(r#""field_separator": ",""#, &|scheme| ",".clone_into(&mut scheme.field_separator));
        with(r#""field_separator": ";""#, &|scheme| ";".clone_into(&mut scheme.field_separator));
        with(r#""signature_field": null"#, &|scheme| scheme.signature_field = None);
        found
    }
}

/// One parameter in the joined text: its encoded name, and where its value stands.
struct Placed {
    name: String,
    begin: usize,
    end: usize,
}

impl LetterCase {
    fn of(self, name: String) -> String {
        match self {
            LetterCase::AsSent => name,
            LetterCase::Lower => name.to_lowercase(),
            LetterCase::Upper => name.to_uppercase(),
        }
    }
}

impl UrlEncoding {
    fn of(self, text: &str) -> Cow<'_, str> {
        match self {
            UrlEncoding::None => Cow::Borrowed(text),
            UrlEncoding::Form => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
            UrlEncoding::Percent => utf8_percent_encode(text, RESERVED).into(),
        }
    }
}

impl Timestamp {
    fn check(&self, parameters: &[Parameter<'_>], now: Instant) -> Result<(), SignatureError> {
        let distance = self.distance(parameters, now).ok_or(SignatureError::Timestamp)?;
        if distance <= TimeDelta::seconds(i64::from(self.tolerance_seconds)) {
            Ok(())
        } else {
            Err(SignatureError::Stale)
        }
    }

    /// How far the signed time is from now; `None` where it is missing, there twice, or unreadable.
    fn distance(&self, parameters: &[Parameter<'_>], now: Instant) -> Option<TimeDelta> {
        let mut named = parameters.iter().filter(|parameter| parameter.name == self.field);
        let (Some(parameter), None) = (named.next(), named.next()) else { return None };
        let signed_at = self.format.read(&parameter.value)?;
        Some(now.to_utc().signed_duration_since(signed_at.to_utc()).abs())
    }
}

impl TimestampFormat {
    fn read(self, text: &str) -> Option<Instant> {
        match self {
            TimestampFormat::UnixSeconds => Instant::from_utc(DateTime::from_timestamp_secs(digits(text)?)?),
            TimestampFormat::UnixMilliseconds => {
                Instant::from_utc(DateTime::from_timestamp_millis(digits(text)?)?)
            }
            TimestampFormat::Rfc3339 => Instant::parse(text),
        }
    }
}

/// A number without sign, decimals or exponent.
fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn header_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(D::Error::custom("header is not the name of an HTTP header"));
    }
    Ok(name.to_ascii_lowercase())
}

fn separator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let separator = String::deserialize(deserializer)?;
    if separator.is_empty() {
        return Err(D::Error::custom("an empty separator would let one signature fit several bodies"));
    }
    Ok(separator)
}
