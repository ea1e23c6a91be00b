use proptest::collection::vec;
use proptest::prelude::*;

use super::super::reader::{RECORDS_MAX, WHOLE_BYTES_MAX};
use super::super::*;
use super::{Step, steps, walk};
use crate::formats::ndjson::Value;

const GOOD: &str = r#"{"account":"1234","reference_id":"ORD-1","cip":2405617,"amount":10.50,"currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00-05:00"}"#;

fn read<'a>(bytes: &'a [u8], mapping: &str) -> Result<Table<OrderRow<'a>>, String> {
    let mapping = Mapping::parse(&format!("[orders]\n{mapping}")).unwrap();
    let source = Source { name: "o.json", bytes, format: Format::Json, account: None };
    read_orders(&source, &mapping.orders).map_err(|error| error.to_string())
}

/// Puts a record between two good ones, and checks its reject.
fn check(record: &str, field: &str, reason: &str) {
    let text = format!("[{GOOD},\n{record} ,{GOOD}]");
    let table = read(text.as_bytes(), "").unwrap();
    assert_eq!(table.rows.len(), 2, "{record}");
    let [rejected] = table.rejected.as_slice() else { panic!("{record} {:?}", table.rejected) };
    assert_eq!((rejected.line, rejected.field.as_str(), rejected.reason.as_str()), (2, field, reason));
}

fn refused(text: &[u8], mapping: &str, expected: &str) {
    assert_eq!(read(text, mapping).unwrap_err(), format!("o.json {expected}"));
}

/// The good order with one member written in another way.
fn with(member: &str, value: &str) -> String {
    let (before, after) = GOOD.split_once(&format!("\"{member}\":")).unwrap();
    let end = after.find([',', '}']).unwrap();
    format!("{before}\"{member}\":{value}{}", after.split_at(end).1)
}

#[test]
fn an_array_is_read_as_lines_would_be() {
    let lines = format!("{GOOD}\n{GOOD}\n");
    let source = Source { name: "o.json", bytes: lines.as_bytes(), format: Format::Ndjson, account: None };
    let expected = read_orders(&source, &LegMapping::default()).unwrap();
    let check = |text: String, mapping: &str| {
        assert_eq!(read(text.as_bytes(), mapping).as_ref(), Ok(&expected), "{text}");
    };
    check(format!("[{GOOD},{GOOD}]"), "");
    check(format!("\u{FEFF} [\r\n\t{GOOD}\n,\n{GOOD} ]\n"), "");
    check(
        format!(r#"{{"count":2,"data":{{"items":[{GOOD},{GOOD}]}},"next":null}}"#),
        "records = \"data.items\"",
    );
    check(format!(r#"{{"d\u0061ta":[{GOOD},{GOOD}]}}"#), "records = \"data\"");
}

#[test]
fn an_array_of_nothing_is_a_good_file() {
    for (text, mapping) in [("[]", ""), (" [ ] ", ""), (r#"{"a":{"b":[]}}"#, "records = \"a.b\"")] {
        assert_eq!(read(text.as_bytes(), mapping).map(|table| table.rows.len()), Ok(0), "{text}");
    }
}

#[test]
fn the_account_of_the_caller_fills_records_without_one() {
    let text = format!("[{},{}]", GOOD.replace("\"account\":\"1234\",", ""), GOOD);
    let source = Source { name: "o", bytes: text.as_bytes(), format: Format::Json, account: Some("77") };
    let table = read_orders(&source, &LegMapping::default()).unwrap();
    assert_eq!(table.rows.iter().map(|row| &*row.account).collect::<Vec<_>>(), ["77", "1234"]);
}

#[test]
fn a_document_without_records_is_refused_with_what_to_do() {
    let no_array = "is JSON, but no array of records: write records";
    refused(b"{}", "", &format!("{no_array} = \"…\" under [orders] in the mapping"));
    refused(b"5", "", &format!("{no_array} = \"…\" under [orders] in the mapping"));
    let beside = br#"{"page":1,"orders":[],"links":[]}"#;
    refused(beside, "", &format!("{no_array} = \"orders\" under [orders] in the mapping"));
    let long = format!("{{\"{}\\u0007\":[]}}", "x".repeat(59));
    let expected = format!("{no_array} = \"{} \" under [orders] in the mapping", "x".repeat(59));
    refused(long.as_bytes(), "", &expected);
    for text in
        ["[]", "{}", r#"{"a":1}"#, r#"{"a":{"b":{}}}"#, r#"{"a":{"b":[]},"a":1}"#, r#"{"a":"{\"b\":[]}"}"#]
    {
        let expected = "has no array of records at \"a.b\": correct records under [orders] in the mapping";
        refused(text.as_bytes(), "records = \"a.b\"", expected);
    }
}

#[test]
fn a_document_that_is_cut_or_broken_gives_no_rows() {
    let again = "export it again";
    refused(b"[{]", "", &format!("is not well-formed JSON at line 1, column 3: {again}"));
    refused(b"[\n{'a':1}]", "", &format!("is not well-formed JSON at line 2, column 2: {again}"));
    refused(b"[{},]", "", &format!("is not well-formed JSON at line 1, column 5: {again}"));
    refused(b"[NaN]", "", &format!("is not well-formed JSON at line 1, column 2: {again}"));
    refused(b"[\"a\0b\"]", "", &format!("is not well-formed JSON at line 1, column 3: {again}"));
    refused(b"[1\x002]", "", &format!("is not well-formed JSON at line 1, column 3: {again}"));
    refused(b"<html>", "", &format!("is not well-formed JSON at line 1, column 1: {again}"));
    let lines = "name it .ndjson if it has one object a line, else export it again";
    refused(b"{}\n{}\n", "", &format!("has more in line 2 after the end of its JSON: {lines}"));
    refused(b"[] x", "", &format!("has more in line 1 after the end of its JSON: {lines}"));
    refused(b" \n", "", "is JSON that breaks off in line 2: export or transfer it again");
    let whole = format!("[\n{GOOD},\n{GOOD}\n]");
    for length in 1..whole.len() {
        let error = read(&whole.as_bytes()[..length], "").unwrap_err();
        // A number that is cut behind its point looks broken to the parser.
        let cut =
            error.contains("is JSON that breaks off in line ") || whole.split_at(length).0.ends_with("10.");
        assert!(cut, "{length} {error}");
    }
}

#[test]
fn a_file_that_is_no_json_text_is_refused() {
    refused(b"", "", "has no content at all: export it again (a day without rows still has its header line)");
    refused(
        b"\xEF\xBB\xBF",
        "",
        "has no content at all: export it again (a day without rows still has its header line)",
    );
    refused(b"\xFF\xFE[\0", "", "is UTF-16, not plain text: save it as UTF-8");
    let encoding =
        "is not UTF-8: save it as UTF-8, or write encoding = \"latin-1\" under [orders] in the mapping";
    refused(b"[\"\xF1\"]", "", encoding);
    let mut large = vec![b' '; WHOLE_BYTES_MAX + 1];
    refused(&large, "", "is larger than 50 MiB: split it, or export it as CSV or NDJSON");
    large.truncate(WHOLE_BYTES_MAX);
    large[WHOLE_BYTES_MAX - 2..].copy_from_slice(b"[]");
    assert_eq!(read(&large, "").map(|table| table.rows.len()), Ok(0));
}

#[test]
fn more_records_than_there_can_be_rows_are_refused() {
    let elements = "1,".repeat(usize::try_from(RECORDS_MAX).unwrap());
    let expected = "has more than 1100000 records, too many for rows in a file of its size: correct records under [orders] in \
                    the mapping";
    refused(format!("[{elements}1]").as_bytes(), "", expected);
}

#[test]
fn latin_1_is_read_where_the_mapping_says_so() {
    let text = [b"[", with("reference_id", "\"A\u{00D1}O\"").as_bytes(), b"]"].concat();
    let latin: Vec<u8> = String::from_utf8(text).unwrap().chars().map(|c| u8::try_from(c).unwrap()).collect();
    let table = read(&latin, "encoding = \"latin-1\"").unwrap();
    assert_eq!(table.rows[0].reference_id, "AÑO");
}

#[test]
fn a_record_that_cannot_be_read_is_set_aside_alone() {
    check(
        "[]",
        "",
        "is not one JSON object: invalid type: sequence, expected one JSON object at character 0",
    );
    check("null", "", "is not one JSON object: invalid type: null, expected one JSON object at character 4");
    check(
        "\"x\"",
        "",
        "is not one JSON object: invalid type: string \"x\", expected one JSON object at character 3",
    );
    let long = format!("\"{}\"", "x".repeat(10_000));
    let text = format!("[{long},{GOOD}]");
    assert!(read(text.as_bytes(), "").unwrap().rejected[0].reason.len() < 300);
    check(r#"{"cip":1,"cip":2}"#, "cip", "stands twice in the object: expected each key once");
    check(r#"{"x":1,"\u0078":2}"#, "x", "stands twice in the object: expected each key once");
    check(&with("amount", "true"), "amount", "is a truth value: expected a string or a number");
    check(&with("amount", "{\"v\":1}"), "amount", "is an object: expected a string or a number");
    check(&with("amount", "[1]"), "amount", "is a list: expected a string or a number");
    check(&with("amount", "1e3"), "amount", "is not a plain decimal such as 1234.50");
    let decimals = "has more than 2 decimals: expected a plain decimal such as 1234.50";
    check(&with("amount", "10.505"), "amount", decimals);
    check(&with("amount", "10.500000000000000000000000000001"), "amount", decimals);
    let large = "is larger than 9999999999999999.99: expected a plain decimal such as 1234.50";
    check(&with("amount", &"9".repeat(60_000)), "amount", large);
    let long = "is longer than 64 KiB: expected a field of at most 65536 bytes";
    check(&with("amount", &"9".repeat(70_000)), "amount", long);
    check(&with("status", "\"pa\\u0000id\""), "status", "holds a NUL byte: expected text");
    check(
        &with("status", "\"\\ud800\""),
        "",
        "is not one JSON object: unexpected end of hex escape at character 8",
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check(&with("amount", &deep), "amount", "is a list: expected a string or a number");
    let keys: Vec<String> = (0..=1000).map(|key| format!("\"k{key}\":1")).collect();
    let text = format!("[{GOOD},{{{}}}]", keys.join(","));
    assert!(read(text.as_bytes(), "").unwrap().rejected[0].reason.contains("more than 1000 keys"));
}

#[test]
fn numbers_keep_their_digits() {
    let text =
        format!("[{}]", with("amount", "9007199254740993.01").replace("\"ORD-1\"", "900719925474099301"));
    let table = read(text.as_bytes(), "").unwrap();
    assert_eq!(table.rows[0].amount.minor, 900_719_925_474_099_301);
    assert_eq!(table.rows[0].reference_id, "900719925474099301");
}

#[test]
fn deep_documents_are_read_without_recursion() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let inner = if open == "[" { "" } else { "1" };
        let deep = format!("{}{inner}{}", open.repeat(200_000), close.repeat(200_000));
        let text = format!("{{\"x\":{deep},\"r\":[{GOOD}]}}");
        assert_eq!(read(text.as_bytes(), "records = \"r\"").map(|table| table.rows.len()), Ok(1));
        let cut = text.split_at(100_000).0;
        assert!(read(cut.as_bytes(), "").unwrap_err().contains("breaks off"));
    }
}

#[test]
fn a_column_name_is_a_path() {
    let key = |name: &str| Step::Key(name.to_owned());
    let pick = |key: &str, value: &str| Step::Pick { key: key.to_owned(), value: value.to_owned() };
    let check = |name: &str, expected: &[Step]| assert_eq!(steps(name), expected, "{name}");
    check("id", &[key("id")]);
    check("customer.id", &[key("customer"), key("id")]);
    check("lines.0.sku", &[key("lines"), key("0"), key("sku")]);
    check("notes[name=cip].value", &[key("notes"), pick("name", "cip"), key("value")]);
    check("notes[name=a.b]", &[key("notes"), pick("name", "a.b")]);
    check("Monto [S/]", &[key("Monto [S/]")]);
    check("a[", &[key("a[")]);
    check("a..b.", &[key("a"), key("b")]);
}

#[test]
fn a_path_leads_to_one_value_or_to_none() {
    let text = r#"{"id":7,"c":{"id":"x","e":{}},"l":[{"s":1},[2,3],null],
        "n":[{"name":"cip","value":"240"},{"name":7,"value":"n"},{"name":"two"},{"name":"two"},5,{"other":1}],"d":{"k":1,"k":2}}"#;
    let check = |path: &str, expected: Option<Value<'_>>| {
        assert_eq!(walk(text, &steps(path)), Ok(expected), "{path}");
    };
    check("id", Some(Value::Number("7".into())));
    check("c.id", Some(Value::Text("x".into())));
    check("c.e", Some(Value::Other("an object", "{}".into())));
    check("l.0.s", Some(Value::Number("1".into())));
    check("l.1.1", Some(Value::Number("3".into())));
    check("l.2", Some(Value::Null));
    check("n[name=cip].value", Some(Value::Text("240".into())));
    check("n[name=7].value", Some(Value::Text("n".into())));
    for nowhere in [
        "x",
        "id.x",
        "c.x",
        "c.0",
        "l.3",
        "l.-1",
        "l.x",
        "l.2.x",
        "n[name=x].value",
        "c[name=cip]",
        "id[a=b]",
    ] {
        check(nowhere, None);
    }
    for doubtful in ["n[name=two].value", "d.k"] {
        assert!(walk(text, &steps(doubtful)).is_err(), "{doubtful}");
    }
}

#[test]
fn columns_are_found_by_their_paths() {
    let mapping =
        "[orders.columns]\ncip = \"notes[name=cip].value\"\nstore = \"shop.name\"\npayer_id = \"shop.ids.1\"";
    let good = with(
        "cip",
        r#"7,"notes":[{"name":"cip","value":"240"}],"shop":{"name":"Lima","ids":[1,2],"more":{}}"#,
    );
    let twice = good.replace("[{", r#"[{"name":"cip","value":"9"},{"#);
    let flat = with("cip", r#"7,"shop.name":"Flat","shop":"none""#);
    let text = format!("[{good},{twice},{flat}]");
    let table = read(text.as_bytes(), mapping).unwrap();
    let first = &table.rows[0];
    assert_eq!(first.cips.iter().map(ToString::to_string).collect::<Vec<_>>(), ["240"]);
    assert_eq!((first.store.as_deref(), first.payer_id.as_deref()), (Some("Lima"), Some("2")));
    // What a path went into is not kept beside, what none did is.
    assert_eq!(first.extras, [("cip".into(), "7".into())]);
    assert_eq!(table.rows[1].store.as_deref(), Some("Flat"));
    assert_eq!(table.unknown_columns, ["cip", "shop"]);
    let [rejected] = table.rejected.as_slice() else { panic!("{:?}", table.rejected) };
    assert_eq!((rejected.line, rejected.field.as_str()), (2, "name=cip"));
    assert_eq!(rejected.reason, "stands twice in the object: expected each key once");
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let text = include_str!("../../../../docs/formats.md");
    let (_, text) = text.split_once("\n`{\"data\"").unwrap();
    let (sample, rest) = text.split_once("`:\n").unwrap();
    let (_, mapping) = rest.split_once("[orders]\n").unwrap();
    let others = r#""account":"1","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00Z""#;
    let sample = format!("{{\"data\"{}", sample.replace('…', others));
    let table = read(sample.as_bytes(), mapping.split_once("```").unwrap().0).unwrap();
    let row = table.rows.first().unwrap_or_else(|| panic!("{:?}", table.rejected));
    assert_eq!((&*row.reference_id, row.amount.minor, row.payer_id.as_deref()), ("1001", 2250, Some("7")));
    assert_eq!(row.cips, [crate::ids::Cip::parse("2405617").unwrap()]);
}

/// JSON as a program writes it, with what each value should be read as.
fn written() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[\\x00-\\x1f\"\\\\/\u{2028}\u{10FFFF}ñ]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            vec(("[a-c.]{1,2}", inner), 0..5)
                .prop_map(|members| { serde_json::Value::Object(members.into_iter().collect()) }),
        ]
    })
}

/// What the reader should make of a value, by another reader of JSON.
fn expected(value: &serde_json::Value) -> (&'static str, String) {
    match value {
        serde_json::Value::Null => ("nothing", String::new()),
        serde_json::Value::String(text) => ("text", text.clone()),
        serde_json::Value::Number(number) => ("number", number.to_string()),
        serde_json::Value::Bool(truth) => ("a truth value", truth.to_string()),
        serde_json::Value::Array(_) => ("a list", value.to_string()),
        serde_json::Value::Object(_) => ("an object", value.to_string()),
    }
}

fn found(value: &Value<'_>) -> (&'static str, String) {
    match value {
        Value::Null => ("nothing", String::new()),
        Value::Text(text) => ("text", text.to_string()),
        Value::Number(text) => ("number", text.to_string()),
        Value::Calendar(text) => ("calendar", text.to_string()),
        // Its text may be written with other blanks.
        Value::Other(kind, text) => {
            (kind, serde_json::from_str::<serde_json::Value>(text).unwrap().to_string())
        }
    }
}

proptest! {
    #[test]
    fn values_are_what_another_reader_of_json_finds(value in written(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let mut places = vec![(Vec::<Step>::new(), &value)];
        while let Some((path, value)) = places.pop() {
            let read = walk(&text, &path).unwrap();
            prop_assert_eq!(read.as_ref().map(found), Some(expected(value)), "{} {:?}", text, path);
            let below = |step: String| path.iter().cloned().chain([Step::Key(step)]).collect::<Vec<Step>>();
            match value {
                serde_json::Value::Array(list) => {
                    places.extend(list.iter().enumerate().map(|(at, inner)| (below(at.to_string()), inner)));
                }
                serde_json::Value::Object(members) => {
                    places.extend(members.iter().map(|(key, inner)| (below(key.clone()), inner)));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn numbers_are_read_digit_by_digit(number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,9})?") {
        let text = format!("{{\"n\": {number} }}");
        prop_assert_eq!(walk(&text, &steps("n")), Ok(Some(Value::Number(number.as_str().into()))));
    }

    #[test]
    fn every_record_of_well_formed_json_ends_in_rows_or_rejected(records in vec(written(), 0..8), good in 0_usize..8) {
        let mut texts: Vec<String> = records.iter().map(ToString::to_string).collect();
        texts.insert(good.min(texts.len()), GOOD.to_owned());
        let text = format!("[{}]", texts.join(","));
        let table = read(text.as_bytes(), "[orders.columns]\nstore = \"a.b[a=b].0\"").unwrap();
        prop_assert_eq!(table.rows.len() + table.rejected.len(), texts.len());
        prop_assert_eq!(table.rows.len(), 1);
    }

    #[test]
    fn documents_of_any_pieces_never_panic(pieces in vec(prop_oneof![
        4 => prop::sample::select(vec!["[", "]", "{", "}", ",", ":", "\"a\"", "\"", "\\", "1", "-", "e9", "null", "\\ud800", "\u{FEFF}", "\0", " ", "\n", GOOD]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ], 0..30)) {
        let bytes = pieces.concat();
        for mapping in ["", "records = \"a\"", "encoding = \"latin-1\"", "[orders.columns]\ncip = \"a[a=1].0.a\""] {
            if let Ok(table) = read(&bytes, mapping) {
                prop_assert!(table.rejected.is_sorted_by(|a, b| a.line < b.line));
                prop_assert!(table.rejected.iter().all(|row| row.value.chars().count() <= 120));
            }
        }
    }
}
