//! Each named mistake, made on purpose, with the words that name it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

const KEY: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";
const OTHER_KEY: &str = "bm90IHRoZSBzYW1lIGtleSBhdCBhbGwsIHN1cmVseQ==";

/// As the provider may send it: compact, an amount with two decimals, a letter beyond ASCII, a slash, blanks in a string.
const SENT: &str = r#"{"eventType":"cip.paid","operationNumber":"778899","data":{"cip":"3154722","currency":"PEN","amount":22.50,"concept":"Muñoz / Hijos"}}"#;
/// As above, indented.
const INDENTED: &str = "{\n  \"eventType\": \"cip.paid\",\n  \"data\": {\n    \"cip\": \"3154722\",\n    \"amount\": 100.00\n  }\n}";

const PAGOEFECTIVO: &str = r#"{"scheme":"pagoefectivo"}"#;
const PAYSAFE: &str = r#"{"scheme":"paysafe"}"#;
const CANONICAL: &str = r#"{"scheme":"canonical","timestamp":null}"#;

fn tag(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref()).unwrap();
    mac.update(message.as_ref());
    mac.finalize().into_bytes().to_vec()
}

fn hex(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> String {
    hex::encode(tag(key, message))
}

fn base64(key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> String {
    STANDARD.encode(tag(key, message))
}

fn decoded_key() -> Vec<u8> {
    STANDARD.decode(KEY).unwrap()
}

/// Diagnoses, and makes sure that what it says gives nothing away.
fn say(scheme: &str, key: &str, body: &[u8], header: &str) -> Diagnosis {
    let scheme: Scheme = serde_json::from_str(scheme).unwrap();
    let now = Instant::parse("2026-03-02T09:30:00-05:00").unwrap();
    let secret_key = Secret::new(key.to_owned());
    let found = diagnose(&Case { scheme: &scheme, secret_key: &secret_key, body, header, now }).unwrap();
    holds_nothing_secret(&found.text, key, body, header);
    found
}

fn holds_nothing_secret(text: &str, key: &str, body: &[u8], header: &str) {
    let text = text.to_lowercase();
    let bare = key.trim().to_lowercase();
    let pieces = |secret: &str, length: usize| {
        let characters: Vec<char> = secret.chars().collect();
        characters.windows(length).map(|piece| piece.iter().collect::<String>()).collect::<Vec<_>>()
    };
    for piece in pieces(&bare, 5) {
        assert!(!text.contains(&piece), "{text} holds a part of the key");
    }
    let mut signatures = vec![header.to_lowercase()];
    for key in [
        bare.as_bytes(),
        key.trim().as_bytes(),
        key.as_bytes(),
        &STANDARD.decode(key.trim()).unwrap_or_default(),
    ] {
        signatures.push(hex(key, body));
        signatures.push(base64(key, body).to_lowercase());
    }
    for piece in signatures.iter().flat_map(|signature| pieces(signature, 12)) {
        assert!(!text.contains(&piece), "{text} holds a part of a signature");
    }
}

/// The header is of another message or key than it should be, and all parts of the answer are expected.
#[track_caller]
fn check(body: impl AsRef<[u8]>, header: &str, parts: &[&str]) {
    check_scheme(PAGOEFECTIVO, body, header, parts);
}

#[track_caller]
fn check_scheme(scheme: &str, body: impl AsRef<[u8]>, header: &str, parts: &[&str]) {
    let found = say(scheme, KEY, body.as_ref(), header);
    assert_eq!(found.form, None, "{}", found.text);
    assert!(found.text.starts_with("wrong: "), "{}", found.text);
    for part in parts {
        assert!(found.text.contains(part), "{part:?} is not in {:?}", found.text);
    }
    let clauses = found.text.split("; ").filter(|clause| !clause.starts_with("sign and verify")).count();
    assert_eq!(clauses, parts.len().max(1), "{}", found.text);
}

#[track_caller]
fn accepted(scheme: &str, body: &str, header: &str, form: Form, part: &str) {
    let found = say(scheme, KEY, body.as_bytes(), header);
    assert_eq!(found.form, Some(form), "{}", found.text);
    assert!(found.text.starts_with("ok: ") && found.text.contains(part), "{}", found.text);
}

#[test]
fn what_is_right_is_ok_with_its_form() {
    accepted(PAGOEFECTIVO, SENT, &hex(KEY, SENT), Form::Raw, "(raw)");
    accepted(PAGOEFECTIVO, SENT, &hex(KEY, SENT).to_uppercase(), Form::Raw, "upper case, which is accepted");
    let compact = INDENTED.replace(['\n', ' '], "");
    accepted(PAGOEFECTIVO, INDENTED, &hex(KEY, &compact), Form::Compact, "needs \"compact\": true");
    accepted(PAGOEFECTIVO, INDENTED, &hex(KEY, INDENTED), Form::Raw, "(raw)");
    let lenient = r#"{"scheme":"pagoefectivo","compact":true}"#;
    accepted(lenient, INDENTED, &hex(KEY, &compact), Form::Compact, "(compact)");
    assert!(!say(lenient, KEY, INDENTED.as_bytes(), &hex(KEY, &compact)).text.contains("needs"));
    accepted(PAYSAFE, SENT, &base64(decoded_key(), SENT), Form::Raw, "(raw)");
    accepted(CANONICAL, r#"{"b":1,"a":2}"#, &hex(KEY, "a=2&b=1"), Form::Canonical, "(canonical)");
}

#[test]
fn a_malformed_header_is_described_without_being_repeated() {
    let right = hex(KEY, SENT);
    let cut = |length: usize| right.chars().take(length).collect::<String>();
    check(SENT, "", &["the header is empty"]);
    check(SENT, "  ", &["white space stands around", "the header is empty"]);
    check(SENT, &cut(63), &["63 hexadecimal digits, and 64 are expected"]);
    check(SENT, &cut(32), &["as many as MD5 gives"]);
    check(SENT, &cut(40), &["as many as SHA-1 gives"]);
    check(SENT, &format!("{right}{right}"), &["as many as SHA-512 gives"]);
    let position = right.find(char::is_alphabetic).unwrap() + 1;
    let odd = right.replacen(char::is_alphabetic, "g", 1);
    check(SENT, &odd, &[&format!("of its 64 characters, number {position} is none")]);
    check(SENT, &STANDARD.encode([1; 20]), &["looks like base64, of other than 32 bytes"]);
    check_scheme(PAYSAFE, SENT, &cut(40), &["40 hexadecimal digits"]);
    check(SENT, &format!("sha256={}", cut(63)), &["prefix such as sha256=", "63 hexadecimal digits"]);
    check(SENT, "sha256=00", &["prefix such as sha256=", "2 hexadecimal digits"]);
    check(SENT, &format!("\"{}\"", cut(10)), &["quotation marks", "10 hexadecimal digits"]);
    check(SENT, "YQ==", &["looks like base64"]);
    check_scheme(PAYSAFE, SENT, "ñandú", &["it has 5 characters, and 44 are expected"]);
    check(SENT, &format!("{},x", cut(40)), &["joined by a comma", "none of them is a whole signature"]);
}

#[test]
fn a_header_that_was_wrapped_or_encoded_otherwise_is_recognised() {
    let right = hex(KEY, SENT);
    check(SENT, &format!("sha256={right}"), &["prefix such as sha256="]);
    check(SENT, &format!("v1={right}"), &["prefix"]);
    check(SENT, &format!("{right},{}", hex(OTHER_KEY, SENT)), &["several values joined by a comma"]);
    check(SENT, &format!("{}, {right}", hex(OTHER_KEY, SENT)), &["several values joined by a comma"]);
    check(SENT, &format!("t=1772461800,v1={right}"), &["several values joined by a comma", "prefix"]);
    check(SENT, &format!(" {right}\r\n"), &["white space stands around"]);
    check(SENT, &format!("\"{right}\""), &["quotation marks"]);
    check(SENT, &format!("PE-Signature: {right}"), &["the header's name stands in its value"]);
    check(SENT, &base64(KEY, SENT), &["the header is base64, and hexadecimal digits are expected"]);
    check(SENT, &URL_SAFE_NO_PAD.encode(tag(KEY, SENT)), &["the header is base64"]);
    check(SENT, &STANDARD.encode(&right), &["base64 of the hexadecimal digits"]);
    check_scheme(PAYSAFE, SENT, &hex(decoded_key(), SENT), &["hexadecimal digits, and base64 is expected"]);
    let unpadded = base64(decoded_key(), SENT).replace('=', "");
    check_scheme(PAYSAFE, SENT, &unpadded, &["without its padding"]);
    check_scheme(CANONICAL, r#"{"a":1}"#, &base64(KEY, "a=1"), &["needs \"encoding\": \"base64\""]);
    check(SENT, &format!("sha256={}", hex(OTHER_KEY, SENT)), &["prefix", "another key or another body"]);
}

#[test]
fn a_key_used_otherwise_is_recognised() {
    check(SENT, &hex(decoded_key(), SENT), &["the key was base64-decoded, and its text is what signs"]);
    check_scheme(
        PAYSAFE,
        SENT,
        &base64(KEY, SENT),
        &["the key was used as text: the scheme needs \"key\": \"text\""],
    );
    let text = r#"{"scheme":"paysafe","key":"text"}"#;
    check_scheme(text, SENT, &base64(decoded_key(), SENT), &["the scheme needs \"key\": \"base64\""]);
    check(SENT, &hex(format!("{KEY}\n"), SENT), &["with a line break (LF) at its end"]);
    check(SENT, &hex(format!("{KEY}\r\n"), SENT), &["with a line break (CRLF) at its end"]);
    check(SENT, &hex(KEY.to_uppercase(), SENT), &["the key was used in upper case"]);
    check(SENT, &hex(KEY.to_lowercase(), SENT), &["the key was used in lower case"]);
    check(SENT, &hex(SENT, KEY), &["key and message are swapped"]);
    check(SENT, &hex(SENT, KEY).to_uppercase(), &["key and message are swapped"]);
    let plain = |text: String| hex::encode(Sha256::digest(text));
    check(SENT, &plain(SENT.to_owned()), &["plain SHA-256 without any key"]);
    check(SENT, &plain(format!("{KEY}{SENT}")), &["plain SHA-256 of key and message"]);
    check(SENT, &plain(format!("{SENT}{KEY}")), &["plain SHA-256 of message and key"]);
}

#[test]
fn a_key_that_cannot_be_the_right_one_is_told() {
    let padded = |key: &str, header: &str| say(PAGOEFECTIVO, key, SENT.as_bytes(), header);
    let (blank, feed) = (format!("{KEY} "), format!("{KEY}\n"));
    let found = padded(&blank, &hex(KEY, SENT));
    assert!(
        found.form.is_none() && found.text.contains("without it the signature is right"),
        "{}",
        found.text
    );
    let found = padded(&blank, &hex(&blank, SENT));
    assert!(found.text.contains("white space, and the callback refuses"), "{}", found.text);
    assert!(found.text.contains("the key was used with the white space around it"), "{}", found.text);
    let found = padded(&feed, &hex(OTHER_KEY, SENT));
    assert!(found.text.contains("white space") && found.text.contains("another key"), "{}", found.text);

    let text_key = "¿una-clave-en-castellano?";
    let found = say(PAYSAFE, text_key, SENT.as_bytes(), &base64(text_key, SENT));
    assert_eq!(found.text, "wrong: the key was used as text: the scheme needs \"key\": \"text\"");
    let found = say(PAYSAFE, text_key, SENT.as_bytes(), &base64(KEY, SENT));
    assert!(found.text.contains("secret_key is not base64"), "{}", found.text);

    let refused = |scheme: &str, key: &str| {
        let scheme: Scheme = serde_json::from_str(scheme).unwrap();
        let secret_key = Secret::new(key.to_owned());
        let case = Case {
            scheme: &scheme,
            secret_key: &secret_key,
            body: b"{}",
            header: "",
            now: Instant::UNIX_EPOCH,
        };
        diagnose(&case).unwrap_err()
    };
    for (scheme, key) in [
        (PAGOEFECTIVO, ""),
        (PAGOEFECTIVO, " \n"),
        (PAGOEFECTIVO, "fifteen bytes.."),
        (PAYSAFE, "MDEyMzQ1Njc4OWFiY2Rl"),
    ] {
        assert_eq!(refused(scheme, key), KeyError::Short, "{key:?}");
    }
}

#[test]
fn a_body_changed_on_the_way_is_recognised() {
    let cut = |text: &str| text.replace([' ', '\n'], "");
    check(SENT, &hex(KEY, format!("{SENT}\n")), &["a line break (LF) at the end was signed"]);
    check(SENT, &hex(KEY, format!("{SENT}\r\n")), &["a line break (CRLF) at the end was signed"]);
    check_scheme(
        PAYSAFE,
        format!("{SENT}\n"),
        &base64(decoded_key(), SENT),
        &["the white space between JSON's tokens was not signed"],
    );
    check(
        format!("{INDENTED}\n"),
        &hex(KEY, INDENTED),
        &["the line break at the end of this body was not signed"],
    );
    check(
        format!("{INDENTED}\r\n"),
        &hex(KEY, INDENTED),
        &["the line break at the end of this body was not signed"],
    );
    check(
        format!("\n{INDENTED} "),
        &hex(KEY, INDENTED),
        &["the white space around this body was not signed"],
    );
    check(SENT, &hex(KEY, format!("\u{feff}{SENT}")), &["a byte order mark (BOM) was signed"]);
    check(
        format!("\u{feff}{SENT}"),
        &hex(KEY, SENT),
        &["the byte order mark (BOM) of this body was not signed"],
    );
    check(INDENTED, &hex(KEY, INDENTED.replace('\n', "\r\n")), &["signed as CRLF, and are LF"]);
    check(INDENTED.replace('\n', "\r\n"), &hex(KEY, INDENTED), &["signed as LF, and are CRLF"]);
    check(
        SENT,
        &hex(KEY, cut(SENT)),
        &["all white space was stripped before signing, inside of strings too"],
    );
    check(SENT, &hex(KEY, SENT.to_uppercase()), &["signed in upper case"]);
    check(SENT, &hex(KEY, SENT.to_lowercase()), &["signed in lower case"]);
    check(SENT, &hex(KEY, ""), &["an empty body was signed"]);
    check(STANDARD.encode(SENT), &hex(KEY, SENT), &["still base64, as API Gateway hands it over"]);
    check(SENT, &hex(KEY, STANDARD.encode(SENT)), &["the base64 of the body was signed"]);
    let latin: Vec<u8> = SENT.chars().map(|character| u8::try_from(character).unwrap()).collect();
    check(SENT, &hex(KEY, &latin), &["signed in Latin-1, and this one is UTF-8"]);
    check(&latin, &hex(KEY, SENT), &["signed in UTF-8, and this one is Latin-1"]);
    check(SENT, &hex(KEY, serde_json::to_string(SENT).unwrap()), &["serialised twice"]);
}

/// `SENT` as Python's `json.dumps` writes it, with other options each.
const PYTHON: &str = r#"{"eventType": "cip.paid", "operationNumber": "778899", "data": {"cip": "3154722", "currency": "PEN", "amount": 22.5, "concept": "Mu\u00f1oz / Hijos"}}"#;
const PYTHON_SORTED: &str = r#"{"data": {"amount": 22.5, "cip": "3154722", "concept": "Mu\u00f1oz / Hijos", "currency": "PEN"}, "eventType": "cip.paid", "operationNumber": "778899"}"#;
const PHP: &str = r#"{"eventType":"cip.paid","operationNumber":"778899","data":{"cip":"3154722","currency":"PEN","amount":22.5,"concept":"Mu\u00f1oz \/ Hijos"}}"#;

#[test]
fn a_body_written_again_by_another_program_is_recognised_both_ways() {
    let signed = |text: &str| hex(KEY, text);
    let normalised = SENT.replace("22.50", "22.5");
    check(SENT, &signed(&normalised), &["re-serialised before signing, or since: with numbers normalised"]);
    check(&normalised, &signed(SENT), &["with amounts padded to two decimals"]);
    check(INDENTED, &signed(&INDENTED.replace("100.00", "100")), &["100.00 to 100)"]);
    check(INDENTED, &signed(&INDENTED.replace("100.00", "100.0")), &["100.00 to 100.0)"]);
    check(
        INDENTED.replace("100.00", "100"),
        &signed(&INDENTED.replace("100.00", "100.0")),
        &["floating point"],
    );
    check(INDENTED.replace("100.00", "100"), &signed(INDENTED), &["with amounts padded to two decimals"]);
    check(
        SENT.replace("\"3154722\"", "3154722"),
        &signed(&SENT.replace("\"3154722\"", "3154722.00")),
        &["all numbers padded"],
    );

    check(
        SENT,
        &signed(PYTHON),
        &["json.dumps), with letters beyond ASCII escaped as \\u00f1, with numbers normalised"],
    );
    check(
        SENT,
        &signed(PYTHON_SORTED),
        &["json.dumps), with sorted keys, with letters beyond ASCII escaped"],
    );
    check(
        PYTHON,
        &signed(&normalised),
        &["without white space, with escapes such as \\u00f1 and \\/ undone"],
    );
    check(
        PYTHON,
        &signed(SENT),
        &["without white space, with escapes such as \\u00f1 and \\/ undone, with amounts padded"],
    );
    check(
        SENT,
        &signed(PHP),
        &["letters beyond ASCII escaped as \\u00f1 and slashes as \\/ (as PHP's json_encode)"],
    );
    check(PHP, &signed(&normalised), &["with escapes such as \\u00f1 and \\/ undone"]);
    check(SENT, &signed(&SENT.replace('/', "\\/")), &["with slashes escaped as \\/ (as PHP's json_encode)"]);
    check(SENT, &signed(&SENT.replace('ñ', "\\u00f1")), &["with letters beyond ASCII escaped as \\u00f1"]);

    let value: serde_json::Value = serde_json::from_str(r#"{"a":1,"b":{"c":[2,"x y"]}}"#).unwrap();
    let (compact, two) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
    let four = two.replace("  ", "    ");
    let tabs = two.replace("  ", "\t");
    check(&compact, &signed(&two), &["indented by 2 blanks with LF"]);
    check(&compact, &signed(&four), &["indented by 4 blanks with LF"]);
    check(&compact, &signed(&tabs), &["indented by a tab with LF"]);
    check(&compact, &signed(&two.replace('\n', "\r\n")), &["indented by 2 blanks with CRLF"]);
    check(&compact, &signed(&four.replace('\n', "\r\n")), &["indented by 4 blanks with CRLF"]);
    check(&two, &signed(&four), &["indented by 4 blanks with LF"]);
    check(r#"{"b":1,"a":2}"#, &signed(r#"{"a":2,"b":1}"#), &["without white space, with sorted keys"]);
}

#[test]
fn a_body_mistake_and_a_key_or_header_mistake_are_found_together() {
    let normalised = SENT.replace("22.50", "22.5");
    check(SENT, &base64(KEY, &normalised), &["the header is base64", "numbers normalised"]);
    check(
        SENT,
        &hex(decoded_key(), format!("{SENT}\n")),
        &["the key was base64-decoded", "a line break (LF)"],
    );
    check(SENT, &hex(decoded_key(), PYTHON_SORTED), &["the key was base64-decoded", "with sorted keys"]);
    check(SENT, &hex(&normalised, KEY), &["swapped", "numbers normalised"]);
    check(SENT, &hex::encode(Sha256::digest(PYTHON)), &["plain SHA-256", "json.dumps"]);
    check(
        SENT,
        &format!("sha256={}", base64(format!("{KEY}\n"), &normalised)),
        &["prefix", "the header is base64", "the key was used with a line break", "numbers normalised"],
    );
    check(
        INDENTED,
        &hex(decoded_key(), INDENTED.replace(['\n', ' '], "")),
        &["the key was base64-decoded", "white space between"],
    );
}

#[test]
fn the_simplest_explanation_is_given() {
    // Without anything to escape or normalise, a compact copy is the same whoever wrote it.
    check_scheme(
        PAYSAFE,
        "{ \"a\": 1 }",
        &base64(decoded_key(), r#"{"a":1}"#),
        &["the white space between JSON's tokens"],
    );
    check("a b", &hex(KEY, "ab"), &["all white space was stripped"]);
    // In a key without letters, upper case is no mistake.
    let digits = "1234567890123456";
    assert_eq!(say(PAGOEFECTIVO, digits, SENT.as_bytes(), &hex(digits, SENT)).form, Some(Form::Raw));
}

#[test]
fn a_scheme_of_signed_parameters_is_compared_option_by_option() {
    let body = r#"{"B":"x y","a":"","cip":"1/2","signature":"z"}"#;
    let check = |text: &str, parts: &[&str]| check_scheme(CANONICAL, body, &hex(KEY, text), parts);
    check("B=x y&cip=1/2", &["needs \"empty_values\": \"skip\""]);
    check("a=&b=x y&cip=1/2", &["needs \"letter_case\": \"lower\""]);
    check("A=&B=x y&CIP=1/2", &["needs \"letter_case\": \"upper\""]);
    check("B=x+y&a=&cip=1%2F2", &["needs \"url_encoding\": \"form\""]);
    check("B=x%20y&a=&cip=1%2F2", &["needs \"url_encoding\": \"percent\""]);
    check("B=x y|a=|cip=1/2", &["needs \"field_separator\": \"|\""]);
    check("B=x y&a=&cip=1/2&signature=z", &["needs \"signature_field\": null"]);
    check("b=x y&cip=1/2", &["needs \"empty_values\": \"skip\" and \"letter_case\": \"lower\""]);
    check(body, &["the body itself was signed, and not its parameters"]);
    check("B=x y&a=&cip=1/2\n", &["a line break (LF) at the end"]);
    check("nothing like it", &["another key or another body"]);
    check_scheme(CANONICAL, body, &hex(decoded_key(), "B=x y&a=&cip=1/2"), &["needs \"key\": \"base64\""]);
    check_scheme(
        CANONICAL,
        "[1]",
        &hex(KEY, "1"),
        &["the body is no JSON object", "another key or another body"],
    );
    check_scheme(
        CANONICAL,
        r#"{"a":1,"a":2}"#,
        &hex(KEY, "1"),
        &["the same name", "another key or another body"],
    );
}

#[test]
fn a_signed_time_that_is_off_is_told_apart_from_a_wrong_signature() {
    let timed = r#"{"scheme":"canonical"}"#;
    check_scheme(
        timed,
        r#"{"timestamp":1772461499}"#,
        &hex(KEY, "timestamp=1772461499"),
        &["lies 301 seconds from now"],
    );
    check_scheme(timed, r#"{"cip":"1"}"#, &hex(KEY, "cip=1"), &["the signed time is missing"]);
    check_scheme(timed, r#"{"cip":"1"}"#, &hex(OTHER_KEY, "cip=1"), &["another key or another body"]);
}

#[test]
fn what_nothing_explains_is_another_key_or_another_body() {
    check(SENT, &hex(OTHER_KEY, SENT), &["another key or another body"]);
    check(SENT, &hex(KEY, SENT.replace("22.50", "22.51")), &["another key or another body"]);
    check(b"\xff\xfe\x00", &hex(OTHER_KEY, SENT), &["another key or another body"]);
    check("", &hex(OTHER_KEY, SENT), &["another key or another body"]);
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    check(&long, &hex(OTHER_KEY, SENT), &["another key or another body"]);
    check(
        format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
        &hex(OTHER_KEY, SENT),
        &["another key or another body"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn anything_is_diagnosed(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            r#"[\[\]{}:," \\n1e.-]{0,30}"#.prop_map(String::into_bytes),
            r#"\{"[a-ñ"\\]{0,5}": ?("[a-ñ/\\]{0,9}"|[0-9.]{1,6}|null)\}"#.prop_map(String::into_bytes),
        ],
        header in prop_oneof![any::<String>(), "[0-9a-fA-F=,:;\"' ]{0,90}"],
        scheme in prop::sample::select(vec![PAGOEFECTIVO, PAYSAFE, CANONICAL]),
    ) {
        let scheme: Scheme = serde_json::from_str(scheme).unwrap();
        let secret_key = Secret::new(KEY.to_owned());
        let case = Case { scheme: &scheme, secret_key: &secret_key, body: &body, header: &header, now: Instant::UNIX_EPOCH };
        let found = diagnose(&case).unwrap();
        prop_assert!(found.form.is_none() && found.text.starts_with("wrong: "));
        prop_assert!(found.text.len() > "wrong: ".len(), "{}", found.text);
    }
}
