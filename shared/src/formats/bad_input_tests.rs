//! One test per kind of bad input: what is reported, and that the good rows around it go on.

use super::*;
use crate::money::Money;

const HEADER: &str = "account,reference_id,cip,amount,currency,status,created_at,store";
const GOOD: &str = "1234,ORD-1,100,10.50,PEN,paid,2026-03-02T09:30:00-05:00,Lima";

fn source(bytes: &[u8], format: Format) -> Source<'_> {
    Source { name: "orders.csv", bytes, format, account: None }
}

fn mapping(toml_text: &str) -> Mapping {
    Mapping::parse(toml_text).unwrap()
}

fn orders(text: &[u8]) -> Table<OrderRow<'_>> {
    read_orders(&source(text, Format::Csv), &LegMapping::default()).unwrap()
}

fn refused(text: &[u8], toml_text: &str) -> String {
    read_orders(&source(text, Format::Csv), &mapping(toml_text).orders).unwrap_err().to_string()
}

/// Puts a row between two good ones and checks what is said of it.
fn check(row: &[u8], field: &str, reason: &str) -> Rejected {
    let text = [HEADER.as_bytes(), GOOD.as_bytes(), row, GOOD.as_bytes()].join(&b'\n');
    let table = orders(&text);
    let shown = String::from_utf8_lossy(row.get(..200).unwrap_or(row)).into_owned();
    assert_eq!(table.rows.len(), 2, "the good rows go on beside {shown:?}");
    assert_eq!(table.rows[0], table.rows[1]);
    let [rejected] = table.rejected.as_slice() else { panic!("{shown:?}: {:?}", table.rejected) };
    assert_eq!((rejected.file.as_str(), rejected.line), ("orders.csv", 3), "{shown:?}");
    assert_eq!((rejected.field.as_str(), rejected.reason.as_str()), (field, reason), "{shown:?}");
    rejected.clone()
}

/// The good row with one field replaced.
fn with(field: &str, value: &str) -> Vec<u8> {
    let names = HEADER.split(',').zip(GOOD.split(','));
    let row: Vec<&str> = names.map(|(name, good)| if name == field { value } else { good }).collect();
    row.join(",").into_bytes()
}

fn check_field(field: &str, value: &str, reason: &str) {
    let rejected = check(&with(field, value), field, reason);
    assert_eq!(rejected.value, value.trim_matches('"'));
}

#[test]
fn a_bad_amount() {
    let not_decimal = "is not a plain decimal such as 1234.50";
    check_field("amount", "\"1,234.5x\"", not_decimal);
    check_field("amount", "12.345", "has more than 2 decimals: expected a plain decimal such as 1234.50");
    check_field("amount", "-0", not_decimal);
    check_field("amount", "-5.00", not_decimal);
    check_field("amount", "1e3", not_decimal);
    check_field("amount", "\"1,234.50\"", not_decimal);
    check_field("amount", "S/ 10.50", not_decimal);
    check_field("amount", "0.00", "must be greater than zero: expected a plain decimal such as 1234.50");
    check_field(
        "amount",
        "99999999999999999",
        "is larger than 9999999999999999.99: expected a plain decimal such as 1234.50",
    );
    check_field("amount", "", "is missing: expected an amount such as 1234.50");
}

#[test]
fn a_bad_date() {
    let reason = "is not a time with its offset such as 2026-03-02T09:30:00-05:00";
    for value in ["yesterday", "2026-02-30T00:00:00Z", "02/03/2026", "2026-03-02T09:30:00", "2026-03-02", "0"]
    {
        check_field("created_at", value, reason);
    }
    for value in ["9999-01-01T00:00:00Z", "1600-01-01T00:00:00Z"] {
        let range = "lies outside the years 1678 to 2262: expected a time with its offset such as 2026-03-02T09:30:00-05:00";
        check_field("created_at", value, range);
    }
    let missing = "is missing: expected a time with its offset such as 2026-03-02T09:30:00-05:00";
    check_field("created_at", "1900-01-01T00:00:00-05:00", missing);
    check_field("created_at", "N/A", missing);
}

#[test]
fn a_wrong_currency() {
    for value in ["EUR", "S", "604", "PEN USD"] {
        check_field("currency", value, "is not PEN or USD");
    }
    check_field("currency", "", "is missing: expected PEN or USD");
}

#[test]
fn an_unknown_status_lists_the_known_ones() {
    let known = "pending, paid, fulfilled, cancelled, expired, refunded";
    check_field("status", "cancelado", &format!("is not a known status: expected one of {known}"));
    check_field("status", "-", &format!("is missing: expected one of {known}"));
}

#[test]
fn a_bad_cip_or_reference() {
    let reason = "is not a CIP, or several separated by ;: expected 1 to 14 digits each";
    for value in ["12a", "123456789012345", "0", "1 2", "1,2", "1.0"] {
        check_field("cip", &format!("\"{value}\""), reason);
    }
    check_field("reference_id", "", "is missing: expected a text of at most 256 bytes");
    let long = "x".repeat(257);
    let rejected = check(
        &with("reference_id", &long),
        "reference_id",
        "is longer than 256 bytes: expected a shorter text",
    );
    assert_eq!(rejected.value.len(), 120);
}

#[test]
fn the_first_bad_field_of_the_format_is_named_wherever_it_stands() {
    let text = b"status,created_at,amount,currency,reference_id,account\nx,x,x,x,R,1\n";
    assert_eq!(orders(text).rejected[0].field, "amount");
}

#[test]
fn a_truncated_last_line() {
    let text = format!("{HEADER}\n{GOOD}\n1234,ORD-2,101,10.5");
    let table = orders(text.as_bytes());
    assert_eq!(table.rows.len(), 1);
    let [rejected] = table.rejected.as_slice() else { panic!() };
    assert_eq!((rejected.line, rejected.field.as_str()), (3, "currency"));
    assert_eq!(rejected.reason, "is not there: expected 8 fields as in the header, found 4");
    assert_eq!(rejected.value, "1234,ORD-2,101,10.5");
}

#[test]
fn a_row_of_wrong_shape() {
    let more = "has more fields than the header: expected 8";
    check(format!("{GOOD},more").as_bytes(), "", more);
    check(format!("{GOOD},\"more\"").as_bytes(), "", more);
    let open = "has an opening quote and no closing one: expected quotes in pairs";
    check(b"1234,\"ORD-1,100,10.50,PEN", "reference_id", open);
    let after = "has text after its closing quote: expected a delimiter there, or quotes inside doubled";
    check(b"1234,\"ORD\"-1,100,10.50,PEN,paid,2026-03-02T09:30:00-05:00,Lima", "reference_id", after);
}

#[test]
fn a_file_of_no_bytes_and_one_of_blank_lines() {
    assert_eq!(
        refused(b"", ""),
        "orders.csv has no content at all: export it again (a day without rows still has its header line)"
    );
    assert_eq!(refused(b"\xEF\xBB\xBF", ""), refused(b"", ""));
    assert_eq!(
        refused(b"\n\r\n", ""),
        "orders.csv has only blank lines: export it again with its header line"
    );
}

#[test]
fn a_header_without_rows_is_a_good_file() {
    let table = orders(HEADER.as_bytes());
    assert_eq!((table.rows.len(), table.rejected.len(), table.latest), (0, 0, None));
}

#[test]
fn byte_order_mark_and_crlf_are_no_fault() {
    let text = format!("\u{FEFF}{HEADER}\r\n{GOOD}\r\n\r\n{GOOD}\r\n");
    let table = orders(text.as_bytes());
    assert_eq!((table.rows.len(), table.rejected.len()), (2, 0));
    assert_eq!(table.rows[0].store.as_deref(), Some("Lima"));
    assert!(table.cleansed.is_empty());
}

#[test]
fn a_quoted_field_with_line_breaks_counts_its_lines() {
    let text =
        format!("{HEADER}\n{}\n{}\n", GOOD.replace("Lima", "\"Lima\r\nCentro\""), GOOD.replace("10.50", "x"));
    let table = orders(text.as_bytes());
    assert_eq!(table.rows[0].store.as_deref(), Some("Lima Centro"));
    assert_eq!(table.cleansed, BTreeMap::from([("control_character", 1)]));
    assert_eq!(table.rejected[0].line, 4);
}

#[test]
fn a_megabyte_in_one_field() {
    let reason = "is longer than 64 KiB: expected a field of at most 65536 bytes";
    let long = "ñ".repeat(500_000);
    for value in [long.clone(), format!("\"{long}\"")] {
        let rejected = check(&with("store", &value), "store", reason);
        assert_eq!(rejected.value, "ñ".repeat(120));
    }
    let endless = with("store", &format!("\"{}", "x".repeat(2_000_000)));
    check(&endless, "store", "has an opening quote and no closing one: expected quotes in pairs");
}

#[test]
fn latin_1_bytes() {
    let row = b"1234,ORD-1,100,10.50,PEN,paid,2026-03-02T09:30:00-05:00,Per\xFA";
    let reason =
        "is not UTF-8: save the file as UTF-8, or write encoding = \"latin-1\" under [orders] in the mapping";
    check(row, "store", reason);
    let text = [
        b"account,reference_id,amount,currency,status,created_at,regi\xF3n\n".as_slice(),
        b"1,R,1,PEN,paid,2026-03-02T09:30:00Z,Jun\xEDn\n",
    ]
    .concat();
    assert!(
        refused(&text, "")
            .starts_with("the header of orders.csv is not UTF-8: save the file as UTF-8, or write")
    );
    let table = read_orders(&source(&text, Format::Csv), &mapping("[orders]\nencoding = \"latin-1\"").orders)
        .unwrap();
    assert_eq!(table.rows[0].extras, [("región".into(), "Junín".into())]);
    assert_eq!(table.unknown_columns, ["región"]);
}

#[test]
fn a_nul() {
    check(
        b"1234,OR\0D-1,100,10.50,PEN,paid,2026-03-02T09:30:00-05:00,Lima",
        "reference_id",
        "holds a NUL byte: expected text",
    );
    check(
        b"1234,ORD-1,100,10.50,PEN,paid,2026-03-02T09:30:00-05:00,\0",
        "store",
        "holds a NUL byte: expected text",
    );
}

#[test]
fn an_unknown_column_is_kept_and_may_spoil_its_row() {
    let text = "account,reference_id,colour,amount,currency,status,created_at,\n1,R,red,1,PEN,paid,2026-03-02T09:30:00Z,\n\
                1,R,re\0d,1,PEN,paid,2026-03-02T09:30:00Z,\n";
    let table = orders(text.as_bytes());
    assert_eq!(table.unknown_columns, ["colour", "column 8"]);
    assert_eq!(table.rows[0].extras, [("colour".into(), "red".into())]);
    assert_eq!((table.rejected[0].line, table.rejected[0].field.as_str()), (3, "colour"));
}

#[test]
fn a_file_that_is_not_text() {
    let check = |bytes: &[u8], expected: &str| assert_eq!(refused(bytes, ""), expected);
    check(b"\xFF\xFEa\0", "orders.csv is UTF-16, not plain text: save it as UTF-8");
    check(b"a\0c\0,\0", "orders.csv is UTF-16 or binary data, not plain text: save it as UTF-8");
    check(
        b"PK\x03\x04",
        "orders.csv is a spreadsheet or ZIP archive, not plain text: name it .xlsx, or export it as CSV in UTF-8",
    );
    assert!(
        refused(b"\x1F\x8B\x08", "").ends_with("compressed by gzip, not plain text: decompress it first")
    );
    for json in ["[{\"account\":\"x\"}]", "{\"account\":\"x\"}\n", " [\n  {}\n]", "\u{FEFF}{\"a\": \"b"] {
        check(
            json.as_bytes(),
            "orders.csv is JSON, not plain text: name it .json, or .ndjson where it has one object a line",
        );
    }
    assert_eq!(
        refused(b"\xEF\xBB\xBFaccount", "[orders]\nencoding = \"latin-1\""),
        "orders.csv says that it is UTF-8: take encoding = \"latin-1\" out of [orders] in the mapping"
    );
}

#[test]
fn a_header_that_cannot_be_used() {
    let check = |header: &str, toml_text: &str, expected: &str| {
        assert_eq!(refused(header.as_bytes(), toml_text), expected)
    };
    check(
        "account,reference_id,Amount,currency,status,created_at",
        "",
        "orders.csv has no column \"amount\": if \"Amount\" is meant, rename it or write amount = \"Amount\" under \
         [orders.columns] in the mapping",
    );
    check(
        "account,reference_id,amount,currency,created_at",
        "",
        "orders.csv has no column \"status\": add it, or name the column that holds it as status = \"…\" under \
         [orders.columns] in the mapping",
    );
    check(
        "reference_id,amount,currency,status,created_at",
        "",
        "orders.csv has no column \"account\" and no account was given: give it with --account, or name its column as \
         account = \"…\" under [orders.columns] in the mapping",
    );
    check(
        "account;reference_id;amount",
        "",
        "orders.csv has no column \"account\": its columns seem to be separated by ';', so write delimiter = \";\" \
         under [orders] in the mapping",
    );
    check(
        "account\treference_id",
        "",
        "orders.csv has no column \"account\": its columns seem to be separated by '\\t', so write delimiter = \"\\t\" \
         under [orders] in the mapping",
    );
    check(
        "account,amount,amount",
        "",
        "the header of orders.csv names the column \"amount\" twice: rename or remove one of them",
    );
    check(
        "account,reference_id,Total,currency,status,created_at",
        "[orders.columns]\namount = \"total\"",
        "orders.csv has no column \"total\", which the mapping names for the required field amount: if \"Total\" is \
         meant, name that",
    );
    check(
        "account,\"reference_id",
        "",
        "the header of orders.csv cannot be read because it has quotes that do not fit together in column 2: correct \
         the first line",
    );
    check(
        "account,reference_id\r1,R\r",
        "",
        "the header of orders.csv cannot be read because it has a carriage return without line feed; lines have to \
         end in LF or CRLF: correct the first line",
    );
    assert_eq!(
        orders(b"\"account\",reference_id,amount,currency,status,created_at,\"a\r\nb\"\r\n").unknown_columns,
        ["a b"]
    );
    let wide = ",".repeat(2_000);
    assert!(refused(wide.as_bytes(), "").contains("has more than 1000 columns"));
}

#[test]
fn a_report_needs_one_of_three_names() {
    let text = b"account,reference,amount,currency,status\n";
    let error = read_reports(&source(text, Format::Csv), 0, &LegMapping::default()).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "orders.csv has no column \"cip\" or \"reference_id\" or \"provider_id\": if \"reference\""
        ),
        "{error}"
    );
    let text = b"account,cip,reference_id,amount,currency,status\n1,,,1,PEN,paid\n1,,R,1,PEN,paid\n";
    let table = read_reports(&source(text, Format::Csv), 7, &LegMapping::default()).unwrap();
    assert_eq!((table.rows.len(), table.rows[0].source), (1, 7));
    assert_eq!((table.rejected[0].line, table.rejected[0].field.as_str()), (2, "cip"));
}

#[test]
fn bad_lines_of_ndjson() {
    let good = r#"{"account":"1","cip":100,"event_type":"cip.paid","amount":10.50,"currency":"PEN","received_at":"2026-03-02T09:30:00Z"}"#;
    let check = |line: &[u8], field: &str, reason: &str| {
        let text = [good.as_bytes(), b"", line, good.as_bytes()].join(&b'\n');
        let table = read_notices(&source(&text, Format::Ndjson), &LegMapping::default()).unwrap();
        let shown = String::from_utf8_lossy(line);
        assert_eq!(table.rows.len(), 2, "{shown}");
        assert_eq!(table.rows[0].amount.minor, 1050);
        let [rejected] = table.rejected.as_slice() else { panic!("{shown}: {:?}", table.rejected) };
        assert_eq!(
            (rejected.line, rejected.field.as_str(), rejected.reason.as_str()),
            (3, field, reason),
            "{shown}"
        );
    };
    let replaced = |from: &str, to: &str| good.replace(from, to).into_bytes();
    check(&replaced("10.50", "1e2"), "amount", "is not a plain decimal such as 1234.50");
    check(
        &replaced("10.50", "10.505"),
        "amount",
        "has more than 2 decimals: expected a plain decimal such as 1234.50",
    );
    check(&replaced("10.50", "true"), "amount", "is a truth value: expected a string or a number");
    check(&replaced("10.50", "[1]"), "amount", "is a list: expected a string or a number");
    check(&replaced("10.50", "{}"), "amount", "is an object: expected a string or a number");
    check(&replaced("10.50", "null"), "amount", "is missing: expected an amount such as 1234.50");
    check(&replaced("\"cip\":100,", ""), "cip", "is missing: expected a CIP of 1 to 14 digits");
    check(&replaced("100", "100.0"), "cip", "is not a CIP: expected 1 to 14 digits");
    check(&replaced("\"account\":\"1\",", ""), "account", "is missing: expected a text of at most 256 bytes");
    check(
        &replaced("\"cip\":", "\"cip\":1,\"cip\":"),
        "cip",
        "stands twice in the object: expected each key once",
    );
    check(&replaced("cip.paid", "cip\\u0000"), "event_type", "holds a NUL byte: expected text");
    let nul = "has a key that holds a NUL byte: expected text";
    check(&replaced("{", "{\"a\\u0000\":1,"), "", nul);
    check(
        &replaced("{", "{\"a\0\":null,"),
        "",
        "is not one JSON object on one line: control character (\\u0000-\\u001F) found while parsing a string at character 4",
    );
    check(
        &replaced("{", &format!("{{\"{}\":1,", "k".repeat(65_537))),
        "",
        "has a key longer than 64 KiB: expected a key of at most 65536 bytes",
    );
    check(
        &good.as_bytes()[..40],
        "",
        "is not one JSON object on one line: EOF while parsing a string at character 40",
    );
    let latin = [&good.as_bytes()[..good.len() - 1], b",\"city\":\"Jun\xEDn\"}"].concat();
    check(
        &latin,
        "city",
        "is not UTF-8: save the file as UTF-8, or write encoding = \"latin-1\" under [notices] in the mapping",
    );
}

#[test]
fn an_account_that_the_caller_gives_fills_in() {
    let mut csv = source(
        b"reference_id,amount,currency,status,created_at\nR,1,PEN,paid,2026-03-02T09:30:00Z\n",
        Format::Csv,
    );
    csv.account = Some("9");
    assert_eq!(read_orders(&csv, &LegMapping::default()).unwrap().rows[0].account, "9");
    let lines = br#"{"reference_id":"R","amount":"1","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00Z"}
{"account":"8","reference_id":"R","amount":"1","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00Z"}"#;
    let mut ndjson = source(lines, Format::Ndjson);
    ndjson.account = Some("9");
    let table = read_orders(&ndjson, &LegMapping::default()).unwrap();
    assert_eq!(table.rows.iter().map(|row| row.account.as_ref()).collect::<Vec<_>>(), ["9", "8"]);
}

#[test]
fn every_cleansing_heals_and_is_counted_for_good_rows_alone() {
    let header = "account,reference_id,cip,amount,currency,status,created_at,expires_at,refunded_amount,store,payer_id";
    let dirty = " 1234 ,ORD\u{A0}1,１００; 200;100,１０．５０,soles,PAID,2026-03-02T09:30:00-05:00 ,1900-01-01T00:00:00-05:00,0.00,N/A,a\tb";
    let rejected = dirty.replace("soles", "euros");
    let text = format!("{header}\n{dirty}\n{rejected}\n");
    let table = orders(text.as_bytes());
    let row = &table.rows[0];
    assert_eq!((row.account.as_ref(), row.reference_id.as_ref()), ("1234", "ORD 1"));
    assert_eq!(row.cips.iter().map(|cip| cip.number()).collect::<Vec<_>>(), [100, 200]);
    assert_eq!(row.amount, Money::parse("10.50", crate::money::Currency::Pen).unwrap());
    assert_eq!((row.expires_at, row.refunded_minor, row.store.as_deref()), (None, None, None));
    assert_eq!(row.payer_id.as_deref(), Some("a b"));
    let expected = [
        ("control_character", 1),
        ("currency_word", 1),
        ("full_width_digit", 2),
        ("letter_case", 1),
        ("missing_word", 1),
        ("no_date", 1),
        ("trimmed", 3),
        ("unicode_space", 1),
        ("zero_refund", 1),
    ];
    assert_eq!(table.cleansed, BTreeMap::from(expected));
    assert_eq!(table.rejected.len(), 1);
}

#[test]
fn currency_words() {
    let check = |word: &str, code: &str| {
        let text = format!("{HEADER}\n{}", String::from_utf8(with("currency", word)).unwrap());
        let table = orders(text.as_bytes());
        assert_eq!(table.rows[0].amount.currency.code(), code, "{word}");
    };
    for word in ["S/", "S/.", "s/", "sol", "Soles", "SOLES", "PEN", "pen", "Pen"] {
        check(word, "PEN");
    }
    for word in ["US$", "us$", "dolares", "Dólares", "dollars", "USD", "usd"] {
        check(word, "USD");
    }
}

#[test]
fn the_latest_time_is_never_an_expiry_nor_a_rejected_row_s() {
    let header =
        "account,reference_id,amount,currency,status,created_at,expires_at,paid_at,fulfilled_at,updated_at";
    let row = |amount: &str, times: &str| format!("1,R,{amount},PEN,paid,{times}");
    let day = |day: u8| format!("2026-03-{day:02}T00:00:00-05:00");
    for latest_in in [0, 2, 3, 4] {
        let mut times = vec![day(1); 5];
        times[1] = day(20);
        times[latest_in] = day(9);
        let text = format!(
            "{header}\n{}\n{}\n",
            row("1", &times.join(",")),
            row("x", &[day(25), day(25), day(25), day(25), day(25)].join(","))
        );
        assert_eq!(orders(text.as_bytes()).latest, Instant::parse(&day(9)), "{latest_in}");
    }
}

#[test]
fn a_mapping_reads_another_program_s_file() {
    let toml_text = r#"
        [reports]
        columns = { cip = "Código", reference_id = ["Serie", "Número"], amount = "Total", paid_at = ["Fecha", "Hora"], net = "Total", store = "currency", observed_at = "nowhere" }
        constants = { account = "1234", currency = "PEN" }
        status = { Cancelado = "paid", "-" = "pending" }
        join = " "
        date_format = "%d/%m/%Y %H:%M"
        zone = "America/Lima"
        decimal_mark = ","
        thousands_mark = "."
        delimiter = ";"
    "#;
    let text = "Código;Serie;Número;Total;Fecha;Hora;status;currency;note\n\
                100;A;7;1.234,50;02/03/2026;09:30;Cancelado;Lima;x\n\
                101;A;8;10,00;;;-;Lima;\n\
                102;A;9;10,00;02/03/2026;09:30;CANCELADO;;\n\
                103;A;;10,00;02/03/2026;09:30;Cancelado;;\n\
                104;A;10;10.5;02/03/2026;09:30;Cancelado;;\n\
                105;A;11;10,5;2026-03-02T09:30:00Z;09:30;Cancelado;;\n\
                106;A;12;10,5;02/03/2026;09:30;Anulado;;\n";
    let table = read_reports(&source(text.as_bytes(), Format::Csv), 1, &mapping(toml_text).reports).unwrap();
    let first = &table.rows[0];
    assert_eq!(
        (first.account.as_ref(), first.reference_id.as_deref(), first.store.as_deref()),
        ("1234", Some("A 7"), Some("Lima"))
    );
    assert_eq!((first.amount.minor, first.net.unwrap().to_string()), (123_450, "1234.500000".to_owned()));
    assert_eq!(first.paid_at, Instant::parse("2026-03-02T09:30:00-05:00"));
    assert_eq!((table.rows[1].status.word(), table.rows[1].paid_at), ("pending", None));
    assert_eq!(table.rows.len(), 3);
    assert_eq!(table.cleansed, BTreeMap::from([("letter_case", 1)]));
    assert_eq!(table.unknown_columns, ["note"]);
    let said: Vec<_> =
        table.rejected.iter().map(|row| format!("{} {} {}", row.line, row.field, row.reason)).collect();
    assert_eq!(
        said,
        [
            "5 reference_id has no value in column \"Número\": expected all of its columns or none",
            "6 amount is not a plain decimal such as 1.234,50",
            "7 paid_at is not a time in the format %d/%m/%Y %H:%M",
            "8 status is not a known status: expected one of pending, paid, expired, removed, refunded, reversed, -, Cancelado",
        ]
    );
}

#[test]
fn a_mapped_field_leaves_the_column_of_its_own_name_to_the_extras() {
    let text = "account,reference_id,amount,total,currency,status,created_at\n1,R,5,7,PEN,paid,2026-03-02T09:30:00Z\n";
    let read = |text: &str| {
        let mapping = mapping("[orders.columns]\namount = \"total\"").orders;
        let table = read_orders(&source(text.as_bytes(), Format::Csv), &mapping).unwrap();
        let mut line = Vec::new();
        write_order_ndjson(&table.rows[0], &mut line);
        (table.unknown_columns, String::from_utf8(line).unwrap())
    };
    let (unknown, line) = read(text);
    assert_eq!(unknown, ["amount"]);
    assert_eq!(
        line,
        "{\"account\":\"1\",\"reference_id\":\"R\",\"amount\":\"7.00\",\"currency\":\"PEN\",\"status\":\"paid\",\
         \"created_at\":\"2026-03-02T04:30:00-05:00\",\"source.amount\":\"5\"}\n"
    );
}

#[test]
fn latin_1_ndjson_is_decoded_line_by_line() {
    let text = b"{\"account\":\"1\",\"reference_id\":\"R\",\"amount\":1,\"currency\":\"PEN\",\"status\":\"paid\",\"created_at\":\"2026-03-02T09:30:00Z\",\"store\":\"Jun\xEDn\",\"x\":5}";
    let table =
        read_orders(&source(text, Format::Ndjson), &mapping("[orders]\nencoding = \"latin-1\"").orders)
            .unwrap();
    assert_eq!(table.rows[0].store.as_deref(), Some("Junín"));
    assert_eq!(table.rows[0].extras, [("x".into(), "5".into())]);
    assert_eq!(table.unknown_columns, ["x"]);
}
