//! The parameters of a JSON body: every value that is no object or array, under its dotted name (`data.cip`, `items.0`).

use std::borrow::Cow;

use super::json::{Json, unescaped};

/// A notice has about ten; the bound keeps a forger from making work.
const PARAMETERS_MAX: usize = 1000;

/// Objects and arrays inside one another, the body itself included.
const DEPTH_MAX: usize = 32;

/// One parameter as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) name: String,
    /// A string without quotes and escapes, anything else by its literal text.
    pub(super) value: Cow<'a, str>,
    /// An empty string or `null`.
    pub(super) is_empty: bool,
}

/// Why a body cannot be signed by its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the body is no JSON object in UTF-8")]
    NoObject,
    #[error("the body has no parameter to sign")]
    NoParameter,
    #[error("the body has more than {PARAMETERS_MAX} parameters")]
    TooMany,
    #[error("objects and arrays of the body lie more than {DEPTH_MAX} deep")]
    TooDeep,
    #[error("two parameters of the body have the same name")]
    SameName,
    #[error(
        "a name or value of the body holds the separator, so that the signed text could be another body's too"
    )]
    Separator,
}

/// All parameters, in the order of the body.
pub(super) fn read(body: &[u8]) -> Result<Vec<Parameter<'_>>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NoObject)?;
    let json = Json::read(text).filter(|json| matches!(json, Json::Object(_)));
    let mut found = Vec::new();
    walk(json.ok_or(Unreadable::NoObject)?, &mut String::new(), 0, &mut found)?;
    Ok(found)
}

/// Adds the parameters of one value. `depth` is the number of objects and arrays around it.
fn walk<'a>(
    json: Json<'a>,
    name: &mut String,
    depth: usize,
    found: &mut Vec<Parameter<'a>>,
) -> Result<(), Unreadable> {
    match json {
        Json::Object(_) | Json::Array(_) if depth == DEPTH_MAX => Err(Unreadable::TooDeep),
        Json::Object(members) => members.into_iter().try_for_each(|(literal, value)| {
            let part = unescaped(literal).ok_or(Unreadable::NoObject)?;
            walk_below(&part, value, name, depth, found)
        }),
        Json::Array(values) => values
            .into_iter()
            .enumerate()
            .try_for_each(|(index, value)| walk_below(&index.to_string(), value, name, depth, found)),
        Json::Text(_) | Json::Word(_) if found.len() == PARAMETERS_MAX => Err(Unreadable::TooMany),
        Json::Text(literal) => {
            let value = unescaped(literal).ok_or(Unreadable::NoObject)?;
            let is_empty = value.is_empty();
            found.push(Parameter { name: name.clone(), value, is_empty });
            Ok(())
        }
        Json::Word(literal) => {
            let value = Cow::Borrowed(literal);
            found.push(Parameter { name: name.clone(), value, is_empty: literal == "null" });
            Ok(())
        }
    }
}

/// Adds the parameters of a part of an object or array, whose name is its own behind that of the whole.
fn walk_below<'a>(
    part: &str,
    value: &'a str,
    name: &mut String,
    depth: usize,
    found: &mut Vec<Parameter<'a>>,
) -> Result<(), Unreadable> {
    let length = name.len();
    if depth > 0 {
        name.push('.');
    }
    name.push_str(part);
    let json = Json::of_part(value).ok_or(Unreadable::NoObject)?;
    let walked = walk(json, name, depth + 1, found);
    name.truncate(length);
    walked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(body: &str) -> Result<Vec<String>, Unreadable> {
        let parameters = read(body.as_bytes())?;
        let text = |parameter: Parameter<'_>| {
            let empty = if parameter.is_empty { " (empty)" } else { "" };
            format!("{}: {}{empty}", parameter.name, parameter.value)
        };
        Ok(parameters.into_iter().map(text).collect())
    }

    #[test]
    fn every_value_has_its_dotted_name_and_literal_text() {
        let check = |body: &str, expected: &[&str]| {
            assert_eq!(named(body), Ok(expected.iter().map(|text| (*text).to_owned()).collect()), "{body}");
        };
        check(
            r#"{"z":1,"data":{"cip":"3154722","amount":22.50}}"#,
            &["z: 1", "data.cip: 3154722", "data.amount: 22.50"],
        );
        check(
            r#"{"items":["a",{"b":true},[1.0E+2]]}"#,
            &["items.0: a", "items.1.b: true", "items.2.0: 1.0E+2"],
        );
        check(
            r#"{"a":"","b":null,"c":"null","d":false}"#,
            &["a:  (empty)", "b: null (empty)", "c: null", "d: false"],
        );
        check(r#"{"\u00f1":"say \"x\"\\\/\n"}"#, &["ñ: say \"x\"\\/\n"]);
        check(r#"{"":{"":1}}"#, &[".: 1"]);
        check(r#"{"a":{},"b":[]}"#, &[]);
        check("{}", &[]);
    }

    #[test]
    fn what_is_no_object_has_no_parameters() {
        for body in ["", "[1]", "1", "null", "a=1&b=2", "{", "{\"a\":1}{}", "\u{feff}{}", r#"{"a":"\ud800"}"#]
        {
            assert_eq!(read(body.as_bytes()), Err(Unreadable::NoObject), "{body}");
        }
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Err(Unreadable::NoObject));
    }

    #[test]
    fn the_bounds_are_exact() {
        let wide = |count: usize| {
            let members: Vec<String> = (0..count).map(|index| format!("\"p{index}\":{index}")).collect();
            read(format!("{{{}}}", members.join(",")).as_bytes()).map(|parameters| parameters.len())
        };
        assert_eq!(wide(PARAMETERS_MAX), Ok(PARAMETERS_MAX));
        assert_eq!(wide(PARAMETERS_MAX + 1), Err(Unreadable::TooMany));
        let deep = |depth: usize| {
            let body = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            read(body.as_bytes()).map(|parameters| parameters.len())
        };
        assert_eq!(deep(DEPTH_MAX), Ok(1));
        assert_eq!(deep(DEPTH_MAX + 1), Err(Unreadable::TooDeep));
        assert_eq!(deep(10_000), Err(Unreadable::TooDeep));
    }
}
