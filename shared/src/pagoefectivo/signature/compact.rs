//! The body without the white space between JSON's tokens. Works on bytes: strings and numbers stay as they are.

use serde::de::IgnoredAny;

/// The compact form, where there is another one than the body itself. Only JSON has one: white space between what is no
/// JSON may be all that keeps two tokens apart.
pub(super) fn compact(body: &[u8]) -> Option<Vec<u8>> {
    let mut form = Vec::with_capacity(body.len());
    let mut text = Text::Outside;
    for byte in body {
        if text != Text::Outside || !is_space(*byte) {
            form.push(*byte);
        }
        text = text.after(*byte);
    }
    let is_json = || serde_json::from_slice::<IgnoredAny>(body).is_ok();
    (form.len() < body.len() && is_json()).then_some(form)
}

/// White space as JSON has it.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Where a byte of JSON stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Text {
    /// Where the byte after this one stands.
    pub(super) fn after(self, byte: u8) -> Text {
        match (self, byte) {
            (Text::Outside, b'"') | (Text::Escaped, _) => Text::Inside,
            (Text::Inside, b'"') => Text::Outside,
            (Text::Inside, b'\\') => Text::Escaped,
            (where_it_is, _) => where_it_is,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn only_white_space_between_tokens_goes() {
        let check = |body: &str, expected: Option<&str>| {
            let form = compact(body.as_bytes()).map(|form| String::from_utf8(form).unwrap());
            assert_eq!(form.as_deref(), expected, "{body:?}");
        };
        check(r#"{"a":1}"#, None);
        check(r#"{ "a": 1 }"#, Some(r#"{"a":1}"#));
        check("{\"a\":1}\n", Some(r#"{"a":1}"#));
        check("{\r\n\t\"a\" : [ 1 , 2 ]\r\n}\r\n", Some(r#"{"a":[1,2]}"#));
        check(r#"{"a": 22.50, "b": 1.0E+2}"#, Some(r#"{"a":22.50,"b":1.0E+2}"#));
        check(r#"{ "a b": "  c  " }"#, Some(r#"{"a b":"  c  "}"#));
        check(r#"{ "a": "say \" x \" y" }"#, Some(r#"{"a":"say \" x \" y"}"#));
        check(r#"{ "a": "ends in \\" , "b": " " }"#, Some(r#"{"a":"ends in \\","b":" "}"#));
        check(r#"{ "a": "\\\" , " }"#, Some(r#"{"a":"\\\" , "}"#));
        check(r#"{ "ñ": "\u00f1 ñ 文\/" }"#, Some(r#"{"ñ":"\u00f1 ñ 文\/"}"#));
        check("{ \"a\": \"no-break\u{a0}space\" }", Some("{\"a\":\"no-break\u{a0}space\"}"));
        check(r#"[ { "a": { "b": [ [ ], { } ] } } ]"#, Some(r#"[{"a":{"b":[[],{}]}}]"#));
        check(r#"{ "a": 1, "a": 2 }"#, Some(r#"{"a":1,"a":2}"#));
        check(" true ", Some("true"));
    }

    #[test]
    fn what_is_no_json_has_no_compact_form() {
        for body in [
            "",
            " ",
            "{ \"a\": 1 2 }",
            "{ \"a\": tr ue }",
            "{ \"a\": 1",
            "{ ] }",
            "{ \"a\": \"open }",
            "a = 1 & b = 2",
            "\u{feff}{ }",
            "{ \"a\":\u{a0}1 }",
            "{ } { }",
            "{ \"a\": \"line\nbreak\" }",
        ] {
            assert_eq!(compact(body.as_bytes()), None, "{body:?}");
        }
        assert_eq!(compact(b"{ \"a\": \xff }"), None);
        let deep = format!("{} {}", "[".repeat(30_000), "]".repeat(30_000));
        assert_eq!(compact(deep.as_bytes()).map(|form| form.len()), Some(60_000));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (any::<i32>(), 0_u32..100)
                .prop_map(|(whole, cents)| { serde_json::from_str(&format!("{whole}.{cents:02}")).unwrap() }),
            any::<String>().prop_map(Value::from),
            r#"[ \\"\t\r\n{}:,ñ]{0,12}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(r#"[a-z \\"]{0,6}"#, inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_compact_form_is_what_a_compact_serialiser_writes(value in json()) {
            let (pretty, expected) = (serde_json::to_vec_pretty(&value).unwrap(), serde_json::to_vec(&value).unwrap());
            prop_assert_eq!(compact(&pretty).unwrap_or(pretty), expected);
        }

        #[test]
        fn a_compact_form_has_no_other(value in json()) {
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            let form = compact(&pretty).unwrap_or(pretty);
            prop_assert_eq!(compact(&form), None);
        }

        #[test]
        fn any_bytes_are_borne(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(form) = compact(&body) {
                prop_assert!(form.len() < body.len());
                prop_assert_eq!(compact(&form), None);
            }
        }

        #[test]
        fn json_like_text_is_borne(body in r#"[\[\]{}:," \\\n1e.-]{0,60}"#) {
            if let Some(form) = compact(body.as_bytes()) {
                prop_assert!(serde_json::from_slice::<IgnoredAny>(&form).is_ok());
            }
        }
    }
}
