//! Signed parameters: every option with the text that it signs.

use super::*;

const TIME: &str = "1772461800"; // NOW

/// The text that is signed of a body under these options, without a timestamp.
fn signed(options: &str, body: &str) -> Result<String, parameters::Unreadable> {
    let text = format!(r#"{{"scheme":"canonical","timestamp":null{options}}}"#);
    let Scheme::Canonical(canonical) = scheme(&text) else { panic!("canonical") };
    canonical.message(body.as_bytes(), now()).map(|message| message.text)
}

#[test]
fn each_option_has_its_text() {
    let check = |options: &str, body: &str, expected: &str| {
        assert_eq!(signed(options, body).as_deref(), Ok(expected), "{options} {body}");
    };
    let body = r#"{"b":"2","data":{"cip":"3154722","amount":22.50},"a":1,"B":true,"items":["x",{"y":null}]}"#;
    check("", body, "B=true&a=1&b=2&data.amount=22.50&data.cip=3154722&items.0=x&items.1.y=null");
    check("", r#"{"a":"","b":null,"c":"say \"ñ\"\n"}"#, "a=&b=null&c=say \"ñ\"\n");
    check("", r#"{"a":1,"signature":"x","b":{"signature":2}}"#, "a=1&b.signature=2");
    check(r#","signature_field":"b.signature""#, r#"{"signature":"x","b":{"signature":2}}"#, "signature=x");
    check(r#","signature_field":null"#, r#"{"a":1,"signature":"x"}"#, "a=1&signature=x");
    check(r#","empty_values":"keep""#, r#"{"a":"","b":null,"c":0}"#, "a=&b=null&c=0");
    check(r#","empty_values":"skip""#, r#"{"a":"","b":null,"c":0,"d":"null","e":" "}"#, "c=0&d=null&e= ");
    check(r#","pair_separator":":","field_separator":"||""#, r#"{"b":1,"a":"x=y&z"}"#, "a:x=y&z||b:1");
    check(r#","letter_case":"as_sent""#, r#"{"b":1,"A":2,"C":3}"#, "A=2&C=3&b=1");
    check(r#","letter_case":"lower""#, r#"{"b":1,"A":2,"C":"X"}"#, "a=2&b=1&c=X");
    check(r#","letter_case":"upper""#, r#"{"b":1,"A_":2,"a-":3}"#, "A-=3&A_=2&B=1");
    let text = r#"{"a b":"x y&z=ñ*~+/"}"#;
    check(r#","url_encoding":"none""#, r#"{"a b":"x y=ñ*~+/"}"#, "a b=x y=ñ*~+/");
    check(r#","url_encoding":"form""#, text, "a+b=x+y%26z%3D%C3%B1*%7E%2B%2F");
    check(r#","url_encoding":"percent""#, text, "a%20b=x%20y%26z%3D%C3%B1%2A~%2B%2F");
    // Sorted before they are encoded: é is behind z, its escape before it.
    check(r#","url_encoding":"percent""#, r#"{"é":1,"z":2}"#, "z=2&%C3%A9=1");
}

#[test]
fn a_text_that_could_be_of_two_bodies_is_refused() {
    use parameters::Unreadable::{NoObject, NoParameter, SameName, Separator};
    let check = |options: &str, body: &str, expected: parameters::Unreadable| {
        assert_eq!(signed(options, body), Err(expected), "{options} {body}");
    };
    check("", r#"{"a":1,"a":2}"#, SameName);
    check("", r#"{"a":1,"\u0061":1}"#, SameName);
    check("", r#"{"a.b":1,"a":{"b":2}}"#, SameName);
    check("", r#"{"a":[1],"a.0":1}"#, SameName);
    check(r#","letter_case":"lower""#, r#"{"a":1,"A":2}"#, SameName);
    check(r#","letter_case":"upper""#, r#"{"a":1,"A":2}"#, SameName);
    check(r#","empty_values":"skip""#, r#"{"a":1,"a":null}"#, SameName);
    check("", r#"{"amount":"1&cip=2"}"#, Separator);
    check("", r#"{"amount":"1&cip=2","currency":"PEN"}"#, Separator);
    check("", r#"{"amount":"1&&cip=2"}"#, Separator);
    check("", r#"{"a=b":1}"#, Separator);
    check("", r#"{"a&b":1}"#, Separator);
    check(r#","pair_separator":"::""#, r#"{"a:":1}"#, Separator);
    check(r#","field_separator":"&&""#, r#"{"a":"1&","b":2,"c":"3&&d=4"}"#, Separator);
    let unescaped = r#","url_encoding":"percent","field_separator":".","pair_separator":"-""#;
    check(unescaped, r#"{"b":"1.c-2"}"#, Separator);
    check(unescaped, r#"{"b":"1.a-2"}"#, Separator);
    for body in ["[]", "1", "a=1", "", "{"] {
        check("", body, NoObject);
    }
    check("", "{}", NoParameter);
    check("", r#"{"signature":"x"}"#, NoParameter);
    check(r#","empty_values":"skip""#, r#"{"a":null}"#, NoParameter);
}

/// All texts over these characters up to a length.
fn texts(length_max: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut last = texts.clone();
    for _ in 0..length_max {
        last =
            last.iter().flat_map(|text| ["a", "b", "=", "&"].map(|next| format!("{text}{next}"))).collect();
        texts.extend(last.clone());
    }
    texts
}

#[test]
fn no_two_small_bodies_have_one_text() {
    let mut texts_seen = 0_usize;
    let mut check = |options: &str, names: &[&str], values_1: usize, values_2: usize| {
        let mut bodies: Vec<String> = Vec::new();
        for name in names {
            bodies.extend(texts(values_1).iter().map(|value| format!(r#"{{"{name}":"{value}"}}"#)));
            for other in names.iter().filter(|other| *other > name) {
                for value in texts(values_2) {
                    let pairs = texts(values_2);
                    bodies.extend(
                        pairs.iter().map(|next| format!(r#"{{"{name}":"{value}","{other}":"{next}"}}"#)),
                    );
                }
            }
        }
        let mut known = std::collections::HashMap::new();
        for body in bodies {
            if let Ok(text) = signed(options, &body) {
                texts_seen += 1;
                let other = known.insert(text, body.clone());
                assert_eq!(other, None, "{options}: as the text of {body}");
            }
        }
    };
    let names = ["", "a", "b", "a=", "=", "&a", "ab"];
    check("", &names, 5, 2);
    check(r#","pair_separator":"==","field_separator":"&&""#, &names, 5, 2);
    check(r#","pair_separator":"=a","field_separator":"&b""#, &names, 5, 2);
    check(r#","url_encoding":"form","pair_separator":"a","field_separator":"b""#, &["a", "b", "ab"], 4, 2);
    assert!(texts_seen > 10_000, "{texts_seen}");
}

#[test]
fn a_separator_that_can_only_be_text_is_accepted() {
    let check = |body: &str, expected: &str| assert_eq!(signed("", body).as_deref(), Ok(expected), "{body}");
    check(r#"{"a":"Muñoz & Hijos","b":1}"#, "a=Muñoz & Hijos&b=1");
    check(r#"{"url":"https://x.example/?a=1&b=2"}"#, "url=https://x.example/?a=1&b=2");
    check(r#"{"a":"1&c=2","b":1}"#, "a=1&c=2&b=1");
    check(r#"{"a":"1&","b":"&"}"#, "a=1&&b=&");
}

#[test]
fn options_are_checked_when_they_are_read() {
    let check = |options: &str, part: &str| {
        let text = format!(r#"{{"scheme":"canonical",{options}}}"#);
        let error = serde_json::from_str::<Scheme>(&text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check(r#""header":"""#, "not the name of an HTTP header");
    check(r#""header":"x firma""#, "not the name of an HTTP header");
    check(r#""field_separator":"""#, "an empty separator");
    check(r#""pair_separator":"""#, "an empty separator");
    check(r#""pair_separator":"&""#, "share a character");
    check(r#""pair_separator":"::","field_separator":";:""#, "share a character");
    check(r#""encoding":"base32""#, "unknown variant `base32`");
    check(r#""empty_values":"drop""#, "`keep` or `skip`");
    check(r#""letter_case":"title""#, "`as_sent`, `lower`, `upper`");
    check(r#""url_encoding":"raw""#, "`none`, `form`, `percent`");
    check(r#""timestamp":{"format":"unix"}"#, "`unix_seconds`, `unix_milliseconds`, `rfc3339`");
    check(r#""timestamp":{"tolerance":5}"#, "unknown field `tolerance`");
    check(r#""timestamp":{"tolerance_seconds":-1}"#, "-1");
    check(r#""timestamp":false"#, "invalid type");
}

/// Verifies a body whose signature is right.
fn verified(options: &str, body: &str, now: Instant) -> Result<Match, SignatureError> {
    let canonical = [verifier(&format!(r#"{{"scheme":"canonical"{options}}}"#), KEY)];
    let Scheme::Canonical(scheme) = &canonical[0].scheme else { panic!("canonical") };
    let text = scheme.message(body.as_bytes(), now).unwrap().text;
    let header = hex_of(&canonical[0], text.as_bytes());
    with_headers(&canonical, body.as_bytes(), &[("signature", &header)], now)
}

const CANONICAL: Result<Match, SignatureError> = Ok(Match { form: Form::Canonical, key: 0 });

#[test]
fn encoding_key_and_header_are_options() {
    let body = format!(r#"{{"cip":"1","timestamp":{TIME}}}"#);
    let text = format!("cip=1&timestamp={TIME}");
    assert_eq!(verified("", &body, now()), CANONICAL);
    let options = r#","encoding":"base64","key":"base64","header":"X-Firma""#;
    let canonical = [verifier(&format!(r#"{{"scheme":"canonical"{options}}}"#), KEY)];
    let decoded = Verifier::of_bytes(Scheme::default(), &STANDARD.decode(KEY).unwrap()).unwrap();
    let header = base64_of(&decoded, text.as_bytes());
    assert_eq!(with_headers(&canonical, body.as_bytes(), &[("x-firma", &header)], now()), CANONICAL);
    let missing = with_headers(&canonical, body.as_bytes(), &[("signature", &header)], now());
    assert_eq!(missing, Err(SignatureError::Missing));
}

#[test]
fn the_same_parameters_in_another_order_are_the_same_message() {
    let canonical = [verifier(r#"{"scheme":"canonical","timestamp":null}"#, KEY)];
    let header = hex_of(&canonical[0], b"a=1&b.c=x");
    for body in [r#"{"a":1,"b":{"c":"x"}}"#, r#"{ "b": {"c": "\u0078"}, "a": 1, "signature": "y" }"#] {
        assert_eq!(check(body.as_bytes(), &[&header], &canonical), CANONICAL, "{body}");
    }
    for body in [r#"{"a":1.0,"b":{"c":"x"}}"#, r#"{"a":1,"b":{"c":"y"}}"#, r#"{"a":1}"#] {
        assert_eq!(check(body.as_bytes(), &[&header], &canonical), Err(SignatureError::Wrong), "{body}");
    }
    assert_eq!(check(b"a=1&b.c=x", &[&header], &canonical), Err(SignatureError::Unreadable));
}

#[test]
fn the_signed_time_is_held_against_the_tolerance_exactly() {
    let time = |text: &str| Instant::parse(text).unwrap();
    let check = |options: &str, signed_at: &str, now: &str, expected: Result<(), SignatureError>| {
        let body = format!(r#"{{"cip":"1","timestamp":{signed_at}}}"#);
        let found = verified(options, &body, time(now)).map(|_| ());
        assert_eq!(found, expected, "{options} {signed_at} {now}");
    };
    let stale = Err(SignatureError::Stale);
    check("", TIME, "2026-03-02T09:30:00-05:00", Ok(()));
    check("", TIME, "2026-03-02T09:35:00-05:00", Ok(()));
    check("", TIME, "2026-03-02T09:35:00.001-05:00", stale);
    check("", TIME, "2026-03-02T09:35:01-05:00", stale);
    check("", TIME, "2026-03-02T09:25:00-05:00", Ok(()));
    check("", TIME, "2026-03-02T09:24:59.999-05:00", stale);
    check("", TIME, "2026-03-02T09:24:59-05:00", stale);
    let text = format!("\"{TIME}\"");
    check("", &text, "2026-03-02T09:35:00-05:00", Ok(()));
    check("", &text, "2026-03-02T09:35:01-05:00", stale);

    let milliseconds = r#","timestamp":{"format":"unix_milliseconds"}"#;
    check(milliseconds, "1772461800500", "2026-03-02T09:35:00.500-05:00", Ok(()));
    check(milliseconds, "1772461800500", "2026-03-02T09:35:00.501-05:00", stale);
    check(milliseconds, "1772461800500", "2026-03-02T09:25:00.500-05:00", Ok(()));
    check(milliseconds, "1772461800500", "2026-03-02T09:25:00.499-05:00", stale);

    let rfc3339 = r#","timestamp":{"format":"rfc3339","tolerance_seconds":1}"#;
    check(rfc3339, r#""2026-03-02T14:30:00.250Z""#, "2026-03-02T09:30:01.250-05:00", Ok(()));
    check(rfc3339, r#""2026-03-02T14:30:00.250Z""#, "2026-03-02T09:30:01.251-05:00", stale);

    check(r#","timestamp":{"tolerance_seconds":0}"#, TIME, NOW, Ok(()));
    check(r#","timestamp":{"tolerance_seconds":0}"#, TIME, "2026-03-02T09:30:00.001-05:00", stale);
    check(r#","timestamp":null"#, "1", NOW, Ok(()));
}

#[test]
fn a_signed_time_that_cannot_be_read_is_told() {
    let check = |options: &str, body: &str| {
        assert_eq!(verified(options, body, now()), Err(SignatureError::Timestamp), "{options} {body}");
    };
    check("", r#"{"cip":"1"}"#);
    check("", r#"{"cip":"1","Timestamp":1772461800}"#);
    check("", r#"{"timestamp":{"timestamp":1772461800}}"#);
    for value in [
        "\"\"",
        "null",
        "1772461800.0",
        "1.7e9",
        "-1772461800",
        "\" 1772461800\"",
        "\"2026-03-02T14:30:00Z\"",
        "99999999999999999999",
        "999999999999999",
        "true",
    ] {
        check("", &format!(r#"{{"timestamp":{value}}}"#));
    }
    check(r#","timestamp":{"format":"rfc3339"}"#, r#"{"timestamp":1772461800}"#);
    check(r#","timestamp":{"format":"rfc3339"}"#, r#"{"timestamp":"2026-03-02T14:30:00"}"#);
    let nested = format!(r#"{{"meta":{{"sent":{TIME}}}}}"#);
    assert_eq!(verified(r#","timestamp":{"field":"meta.sent"}"#, &nested, now()), CANONICAL);
    let lowered = format!(r#"{{"Meta":{{"Sent":{TIME}}}}}"#);
    assert_eq!(
        verified(r#","letter_case":"lower","timestamp":{"field":"Meta.Sent"}"#, &lowered, now()),
        CANONICAL
    );
}

#[test]
fn a_wrong_signature_over_an_old_time_is_wrong_and_not_stale() {
    let canonical = [verifier(r#"{"scheme":"canonical"}"#, KEY)];
    let header = hex::encode([7; 32]);
    for body in [&br#"{"cip":"1","timestamp":1}"#[..], br#"{"cip":"1"}"#] {
        assert_eq!(check(body, &[&header], &canonical), Err(SignatureError::Wrong));
    }
    let stale = br#"{"cip":"1","timestamp":1}"#;
    let header = hex_of(&canonical[0], b"cip=1&timestamp=1");
    let both = [own("another-key-that-is-long-enough"), verifier(r#"{"scheme":"canonical"}"#, KEY)];
    assert_eq!(check(stale, &[&header], &both), Err(SignatureError::Stale));
}
