use proptest::collection::vec;
use proptest::prelude::*;

use super::super::reader::{RECORDS_MAX, WHOLE_BYTES_MAX};
use super::super::*;
use super::{DEPTH_MAX, MEMBERS_MAX, UNFOLDED_BYTES_MAX};

const GOOD: &str = "<Order><account>1234</account><reference_id>ORD-1</reference_id><cip>2405617</cip><amount>10.50</amount>\
    <currency>PEN</currency><status>paid</status><created_at>2026-03-02T09:30:00-05:00</created_at></Order>";

const RECORDS: &str = "records = \"Orders/Order\"\n";

fn read<'a>(bytes: &'a [u8], mapping: &str) -> Result<Table<OrderRow<'a>>, String> {
    let mapping = Mapping::parse(&format!("[orders]\n{mapping}")).unwrap();
    let source = Source { name: "o.xml", bytes, format: Format::Xml, account: None };
    read_orders(&source, &mapping.orders).map_err(|error| error.to_string())
}

fn refused(text: &[u8], mapping: &str, expected: &str) {
    assert_eq!(
        read(text, mapping).unwrap_err(),
        format!("o.xml {expected}"),
        "{}",
        String::from_utf8_lossy(text)
    );
}

/// The good order with the text of one element replaced.
fn with(element: &str, text: &str) -> String {
    let (before, after) = GOOD.split_once(&format!("<{element}>")).unwrap();
    let (_, after) = after.split_once('<').unwrap();
    format!("{before}<{element}>{text}<{after}")
}

fn in_document(records: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Orders>\n{records}\n</Orders>\n")
}

/// Puts a record between two good ones, and checks its reject.
fn check(record: &str, field: &str, reason: &str) {
    let text = in_document(&[GOOD, record, GOOD].concat());
    let table = read(text.as_bytes(), RECORDS).unwrap();
    assert_eq!(table.rows.len(), 2, "{record}");
    let [rejected] = table.rejected.as_slice() else { panic!("{record} {:?}", table.rejected) };
    assert_eq!((rejected.line, rejected.field.as_str(), rejected.reason.as_str()), (2, field, reason));
}

#[test]
fn a_record_is_read_as_a_line_would_be() {
    let line = r#"{"account":"1234","reference_id":"ORD-1","cip":"2405617","amount":"10.50","currency":"PEN","status":"paid","created_at":"2026-03-02T09:30:00-05:00"}"#;
    let source = Source { name: "o.xml", bytes: line.as_bytes(), format: Format::Ndjson, account: None };
    let expected = read_orders(&source, &LegMapping::default()).unwrap();
    let check = |text: &str, mapping: &str| {
        assert_eq!(read(text.as_bytes(), mapping).as_ref(), Ok(&expected), "{text}");
    };
    check(&in_document(GOOD), RECORDS);
    check(&format!("\u{FEFF}{}", in_document(GOOD)), RECORDS);
    check(&format!("<!-- a --><Orders><?p i?><Other/>{GOOD}<Count>1</Count></Orders><!-- b -->\n"), RECORDS);
    check(&format!("<a><b>{GOOD}</b><c>{GOOD}</c></a>"), "records = \"/a/b/Order/\"");
    check(GOOD, "records = \"Order\"");
    let prefixed = GOOD.replace("</", "</o:").replace('<', "<o:").replace("<o:/o:", "</o:");
    check(&format!("<x:Orders xmlns:x=\"urn:x\" xmlns:o=\"urn:o\">{prefixed}</x:Orders>"), RECORDS);
}

#[test]
fn attributes_children_and_texts_are_columns() {
    let mapping = format!(
        "{RECORDS}[orders.columns]\naccount = \"@shop\"\nreference_id = \".\"\ncip = \"Pago/Cip\"\namount = \"Pago/Monto\"\n\
         currency = \"Pago/Monto/@moneda\"\nstatus = \"@s\"\ncreated_at = \"Pago/@at\"\nstore = \"Pago\""
    );
    let text = "<Orders><Order shop='1234' x:s=\"paid\">ORD-1</Order></Orders>";
    assert_eq!(read(text.as_bytes(), &mapping).unwrap().rejected[0].field, "amount");
    let columns =
        mapping.replace("reference_id = \".\"", "reference_id = \"Nota\"").replace("store = \"Pago\"", "");
    let text = "<Orders><Order shop='1234' x:s=\"paid\"> <Nota> A&amp;B &#241;&#xF1;<![CDATA[<&>]]><!-- no --> </Nota>\
        <Pago at='2026-03-02T14:30:00Z'><Cip>240</Cip><Monto moneda='PEN' extra='a&#10;b'>7</Monto></Pago><Nada/></Order></Orders>";
    let table = read(text.as_bytes(), &columns).unwrap();
    let row = table.rows.first().unwrap_or_else(|| panic!("{:?}", table.rejected));
    assert_eq!((&*row.reference_id, &*row.account, row.amount.minor), ("A&B ññ<&>", "1234", 700));
    assert_eq!(row.created_at.to_string(), "2026-03-02T09:30:00-05:00");
    assert_eq!(row.extras, [("Pago/Monto/@extra".into(), "a\nb".into())]);
    assert_eq!(table.unknown_columns, ["Nada", "Pago/Monto/@extra"]);
}

#[test]
fn an_element_that_is_nil_or_empty_says_nothing() {
    for store in
        ["<store xsi:nil=\"true\"/>", "<store xsi:nil='1'>x</store>", "<store/>", "<store> </store>", ""]
    {
        let record = GOOD.replace("<cip>", &format!("{store}<cip>"));
        assert_eq!(read(in_document(&record).as_bytes(), RECORDS).unwrap().rows[0].store, None, "{store}");
    }
    let record =
        GOOD.replace("<cip>", "<store nil=\"true\">x</store><store2 xsi:nil='false'>y</store2><cip>");
    assert_eq!(read(in_document(&record).as_bytes(), RECORDS).unwrap().rows[0].store.as_deref(), Some("x"));
}

#[test]
fn a_record_that_cannot_be_read_is_set_aside_alone() {
    check(&with("amount", "1,5"), "amount", "is not a plain decimal such as 1234.50");
    check(&with("amount", ""), "amount", "is missing: expected an amount such as 1234.50");
    check("<Order/>", "account", "is missing: expected a text of at most 256 bytes");
    check(
        &with("status", "<word>paid</word>"),
        "status",
        "is an element with others inside: expected a string or a number",
    );
    let twice = "stands twice in the record: expected each element once";
    check(&GOOD.replace("<cip>", "<amount>9</amount><cip>"), "amount", twice);
    check(&GOOD.replace("<cip>", "<amount/><cip>"), "amount", twice);
    let long = "is longer than 64 KiB: expected a field of at most 65536 bytes";
    check(&with("status", &"x".repeat(70_000)), "status", long);
    check(&GOOD.replace("<cip>", &format!("<z>{}</z><cip>", "x".repeat(70_000))), "z", long);
    check(&with("status", "pa\0id"), "status", "holds a NUL byte: expected text");
    let many = "has more than 1000 elements and attributes: expected one record";
    check(&format!("<Order>{}</Order>", "<z/>".repeat(MEMBERS_MAX + 1)), "", many);
    let attributes: String = (0..=MEMBERS_MAX).map(|at| format!(" a{at}=''")).collect();
    check(&format!("<Order{attributes}></Order>"), "", many);
}

#[test]
fn what_repeats_and_feeds_no_field_is_kept_once() {
    let record = GOOD.replace("<cip>", "<line><sku>A</sku></line><line><sku>B</sku></line><cip>");
    let text = in_document(&record);
    let table = read(text.as_bytes(), RECORDS).unwrap();
    assert_eq!(table.rows[0].extras, [("line/sku".into(), "A".into())]);
}

#[test]
fn a_document_without_records_is_refused_with_what_to_do() {
    let nothing_says = "is XML, and nothing says which elements are records";
    let example =
        "if \"Orders/Order\" is one, write records = \"Orders/Order\" under [orders] in the mapping";
    refused(in_document(GOOD).as_bytes(), "", &format!("{nothing_says}: {example}"));
    refused(b"<a/>", "", &format!("{nothing_says}: write records = \"…\" under [orders] in the mapping"));
    let long = format!("<{0}><b/></{0}>", "a".repeat(100_000));
    let path = format!("{}/b", "a".repeat(60));
    let example = format!("if \"{path}\" is one, write records = \"{path}\" under [orders] in the mapping");
    refused(long.as_bytes(), "", &format!("{nothing_says}: {example}"));
    let missing = "has no element at \"Orders/Order\": correct records under [orders] in the mapping";
    for text in ["<a/>", "<a><Orders/></a>", "<Orders><order/></Orders>", "<Orders><x><Order/></x></Orders>"]
    {
        refused(text.as_bytes(), RECORDS, missing);
    }
    for text in ["<Orders/>", "<Orders>\n</Orders>", "<Orders><!-- none --></Orders>"] {
        assert_eq!(read(text.as_bytes(), RECORDS).map(|table| table.rows.len()), Ok(0), "{text}");
    }
}

#[test]
fn a_document_that_is_cut_or_broken_gives_no_rows() {
    let broken = |line: usize| format!("is not well-formed XML in line {line}: export or transfer it again");
    refused(b"<Orders><Order></Orders>", RECORDS, &broken(1));
    refused(b"<Orders>\n<Order a=1/></Orders>", RECORDS, &broken(2));
    refused(b"<Orders>\n\n<Order a='1' a='2'/></Orders>", RECORDS, &broken(3));
    refused(b"<Orders><Order a='&x;'/></Orders>", RECORDS, &broken(1));
    refused(b"<Orders/><Orders/>", RECORDS, &broken(1));
    refused(b"<Orders/>\n<Orders/>", RECORDS, &broken(2));
    refused(b"<Orders/>x\n", RECORDS, &broken(1));
    refused(b"x<Orders/>", RECORDS, &broken(1));
    refused(b"</Orders>", RECORDS, &broken(1));
    refused(b"<Orders>&</Orders>", RECORDS, &broken(1));
    refused(b"<Orders>\0", RECORDS, &broken(1));
    refused(b" \n", RECORDS, &broken(2));
    refused(b"account,amount\n1,2\n", RECORDS, &broken(1));
    let whole = in_document(&[GOOD, GOOD].concat());
    let whole = whole.trim_end();
    for length in 1..whole.len() {
        let error = read(whole.split_at(length).0.as_bytes(), RECORDS).unwrap_err();
        assert!(error.contains("is not well-formed XML in line "), "{length} {error}");
    }
}

#[test]
fn nothing_is_expanded_or_fetched() {
    let doctype = "has a DOCTYPE, which is never read: take it out";
    let bomb =
        "<!DOCTYPE a [<!ENTITY b \"lol\"><!ENTITY c \"&b;&b;\">]><Orders><Order><x>&c;</x></Order></Orders>";
    refused(bomb.as_bytes(), RECORDS, doctype);
    refused(b"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><Orders/>", RECORDS, doctype);
    refused(b"<Orders/><!DOCTYPE a>", RECORDS, doctype);
    let entity = "uses an entity other than the five of XML: write the character itself";
    for name in ["c", "nbsp", "#0", "#x110000", "#xD800", "#"] {
        refused(format!("<Orders><Order>&{name};</Order></Orders>").as_bytes(), RECORDS, entity);
    }
}

#[test]
fn depth_names_and_size_are_bounded() {
    let deep = "is nested more than 64 elements deep: export it flat";
    let nested = |levels: usize| {
        format!("<Orders><Order>{}{}</Order></Orders>", "<a>".repeat(levels), "</a>".repeat(levels))
    };
    refused(nested(DEPTH_MAX - 1).as_bytes(), RECORDS, deep);
    assert_eq!(read(nested(DEPTH_MAX - 2).as_bytes(), RECORDS).unwrap().rejected.len(), 1);
    refused("<a>".repeat(100_000).as_bytes(), RECORDS, deep);
    let name = "a".repeat(40_000);
    let long = format!("<Orders><Order><{name}><{name}/></{name}></Order></Orders>");
    refused(long.as_bytes(), RECORDS, "has names of more than 64 KiB within each other: export it flat");
    let record = format!("<Order><{name}>{}</{name}></Order>", "<b/>".repeat(MEMBERS_MAX - 1));
    let records = record.repeat(UNFOLDED_BYTES_MAX / name.len() / MEMBERS_MAX + 1);
    let unfolded = "says more than 256 MiB in its paths and values: split it, or export it as CSV";
    refused(in_document(&records).as_bytes(), RECORDS, unfolded);
    refused(
        &vec![b' '; WHOLE_BYTES_MAX + 1],
        RECORDS,
        "is larger than 50 MiB: split it, or export it as CSV or NDJSON",
    );
}

#[test]
fn more_records_than_there_can_be_rows_are_refused() {
    let records = "<Order/>".repeat(usize::try_from(RECORDS_MAX).unwrap() + 1);
    let expected = "has more than 1100000 records, too many for rows in a file of its size: correct records under [orders] in \
                    the mapping";
    refused(in_document(&records).as_bytes(), RECORDS, expected);
}

#[test]
fn a_document_is_decoded_as_it_declares() {
    let document = |encoding: &str| {
        let records = with("reference_id", "A\u{00D1}O");
        format!("<?xml version='1.0' encoding='{encoding}'?><Orders>{records}</Orders>")
    };
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|c| u8::try_from(c).unwrap()).collect() };
    let reference = |bytes: &[u8], mapping: &str| {
        read(bytes, &format!("{RECORDS}{mapping}")).map(|table| table.rows[0].reference_id.to_string())
    };
    let found = Ok("AÑO".to_owned());
    assert_eq!(reference(document("UTF-8").as_bytes(), ""), found);
    assert_eq!(reference(document("utf-8").as_bytes(), "encoding = \"latin-1\""), found);
    assert_eq!(reference(&latin(&document("ISO-8859-1")), ""), found);
    assert_eq!(reference(&latin(&document("windows-1252")), ""), found);
    let (_, undeclared) = document("").split_once("?>").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(reference(&latin(&undeclared), "encoding = \"latin-1\""), found);
    let not_utf8 =
        "is not UTF-8: save it as UTF-8, or write encoding = \"latin-1\" under [orders] in the mapping";
    refused(&latin(&undeclared), RECORDS, not_utf8);
    refused(&latin(&document("UTF-8")), RECORDS, not_utf8);
    let other = "declares an encoding other than UTF-8 or ISO-8859-1: save it as UTF-8";
    refused(document("UTF-16").as_bytes(), RECORDS, other);
    refused(document("ebcdic").as_bytes(), RECORDS, other);
    refused(b"\xFF\xFE<\0", RECORDS, "is UTF-16, not plain text: save it as UTF-8");
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let text = include_str!("../../../../docs/formats.md");
    let (_, text) = text.split_once("`<Reporte>").unwrap();
    let (sample, rest) = text.split_once("`:\n").unwrap();
    let (_, mapping) = rest.split_once("```toml\n").unwrap();
    let sample = format!("<Reporte>{}", sample.replace('…', "<account>1</account><status>paid</status>"));
    let mapping = Mapping::parse(mapping.split_once("```").unwrap().0).unwrap();
    let source = Source { name: "r.xml", bytes: sample.as_bytes(), format: Format::Xml, account: None };
    let table = read_reports(&source, 0, &mapping.reports).unwrap();
    let row = table.rows.first().unwrap_or_else(|| panic!("{:?}", table.rejected));
    assert_eq!((row.cip, row.amount.minor), (crate::ids::Cip::parse("2405617"), 2250));
}

proptest! {
    #[test]
    fn texts_are_read_as_they_were_written(text in "[^\\x00-\\x1F\\x7F-\\x9F\u{FFFE}\u{FFFF}]{1,40}", cdata: bool) {
        let written = if cdata && !text.contains("]]>") {
            format!("<![CDATA[{text}]]>")
        } else {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
        };
        let record = GOOD.replace("<cip>", &format!("<z>{written}</z><cip>"));
        let document = in_document(&record);
        let table = read(document.as_bytes(), RECORDS).unwrap();
        prop_assert_eq!(&table.rows[0].extras, &[("z".into(), text.into())]);
    }

    #[test]
    fn documents_of_any_pieces_never_panic(pieces in vec(prop_oneof![
        6 => prop::sample::select(vec![
            "<Orders>", "</Orders>", "<Order>", "</Order>", "<Order a='1' ", "b=\"", "/>", ">", "<", "</", "<a:b>", "</a:b>", "<amount>",
            "</amount>", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<?xml encoding='latin-1'?>", "<!DOCTYPE a>", "&", "&amp;", "&#0;",
            "&#x", ";", "'", "\"", "xsi:nil='true'", "\0", "\u{FEFF}", "ñ", " ", "\n", GOOD,
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ], 0..30), inside: bool) {
        let bytes = pieces.concat();
        let bytes = if inside { [b"<Orders>", GOOD.as_bytes(), &bytes, b"</Orders>"].concat() } else { bytes };
        for mapping in ["", RECORDS, "records = \"Orders\"", "encoding = \"latin-1\"\nrecords = \"Orders/Order\""] {
            if let Ok(table) = read(&bytes, mapping) {
                prop_assert!(!inside || table.rows.len() + table.rejected.len() > 0);
                prop_assert!(table.rejected.is_sorted_by(|a, b| a.line < b.line));
                prop_assert!(table.rejected.iter().all(|row| row.value.chars().count() <= 120));
            }
        }
    }
}
