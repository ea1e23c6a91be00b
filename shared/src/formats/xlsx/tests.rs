mod archives;
mod book;

use super::super::*;
use book::{Book, archive, number, row, text};

const NAMES: [&str; 8] =
    ["account", "reference_id", "cip", "amount", "currency", "status", "created_at", "store"];

const LIMA: &str = "[orders]\nzone = \"America/Lima\"\n";

fn header() -> String {
    row(&NAMES.map(text))
}

/// A good order, with some of its cells replaced.
fn order(others: &[(&str, String)]) -> String {
    let good = |name: &str| match name {
        "account" => text("1234"),
        "reference_id" => text("ORD-1"),
        "cip" => number("2405617", 0),
        "amount" => number("22.5", 3),
        "currency" => text("PEN"),
        "status" => text("paid"),
        "created_at" => number("46083.395833333336", 2),
        _ => text("Lima"),
    };
    let other = |name: &str| others.iter().find(|(other, _)| *other == name).map(|(_, cell)| cell.clone());
    row(&NAMES.map(|name| other(name).unwrap_or_else(|| good(name))))
}

fn read(bytes: &[u8], mapping: &str) -> Result<Table<OrderRow<'static>>, String> {
    let mapping = Mapping::parse(mapping).unwrap();
    // A workbook's rows borrow nothing from it.
    let bytes: &'static [u8] = bytes.to_vec().leak();
    let source = Source { name: "p.xlsx", bytes, format: Format::Xlsx, account: None };
    read_orders(&source, &mapping.orders).map_err(|error| error.to_string())
}

fn orders(rows: &str) -> Table<OrderRow<'static>> {
    read(&Book::of(&(header() + rows)).bytes(), LIMA).unwrap()
}

/// Puts an order between two good ones, and checks the reject of its row.
fn check(others: &[(&str, String)], field: &str, reason: &str, value: &str) {
    let table = orders(&[order(&[]), order(others), order(&[])].concat());
    assert_eq!(table.rows.len(), 2, "{others:?}");
    let [rejected] = table.rejected.as_slice() else { panic!("{others:?} {:?}", table.rejected) };
    assert_eq!((rejected.file.as_str(), rejected.line), ("p.xlsx", 3));
    let found = (rejected.field.as_str(), rejected.reason.as_str(), rejected.value.as_str());
    assert_eq!(found, (field, reason, value));
}

fn refused(bytes: &[u8], expected: &str) {
    assert_eq!(read(bytes, LIMA).unwrap_err(), format!("p.xlsx {expected}"));
}

#[test]
fn a_row_is_read_as_a_csv_would_be() {
    let table = orders(&order(&[]));
    let csv = "account,reference_id,cip,amount,currency,status,created_at,store\n\
               1234,ORD-1,2405617,22.50,PEN,paid,2026-03-02T09:30:00-05:00,Lima\n";
    let source = Source { name: "p.csv", bytes: csv.as_bytes(), format: Format::Csv, account: None };
    assert_eq!(table, read_orders(&source, &LegMapping::default()).unwrap());
}

#[test]
fn cells_are_texts_and_numbers_as_they_are_shown() {
    let check = |cell: &str, expected: &str| {
        let table = orders(&order(&[("store", cell.to_owned())]));
        assert_eq!(
            table.rows.first().and_then(|row| row.store.as_deref()),
            Some(expected),
            "{cell} {table:?}"
        );
    };
    check(
        "<c t=\"inlineStr\"><is><r><rPr><b/></rPr><t>Mira</t></r><r><t>flores</t></r></is></c>",
        "Miraflores",
    );
    check(
        "<c t=\"inlineStr\"><is><t>東京</t><rPh sb=\"0\" eb=\"2\"><t>トウキョウ</t></rPh></is></c>",
        "東京",
    );
    check("<c t=\"inlineStr\"><is><t>A &amp; B &#241;<![CDATA[<c>]]></t></is></c>", "A & B ñ<c>");
    check("<c t=\"inlineStr\"><is><t>a_x000A_b</t></is></c>", "a b");
    check("<c t=\"str\"><f>A1&amp;B1</f><v>counted</v></c>", "counted");
    check("<c t=\"b\"><v>1</v></c>", "TRUE");
    check("<c t=\"b\"><v>0</v></c>", "FALSE");
    check("<c><v>1.1000000000000001</v></c>", "1.1");
    check("<c t=\"n\"><v>1.5E3</v></c>", "1500");
    check("<c s=\"1\"><v>46083</v></c>", "2026-03-02");
    check("<c s=\"99\"><v>46083</v></c>", "46083");
    check("<c><f>SUM(A1:A2)</f><v>12</v></c>", "12");
}

#[test]
fn shared_texts_are_put_together_and_their_readings_left_out() {
    let cell = |index: &str| format!("<c t=\"s\"><v>{index}</v></c>");
    let rows = [header(), order(&[("store", cell("1"))]), order(&[("store", cell("2"))])].concat();
    let shared = [
        "<t>Lima</t>",
        "<r><t>San </t></r><r><t xml:space=\"preserve\">Isidro</t></r><rPh><t>no</t></rPh>",
        "<t></t>",
    ];
    let book = Book { shared: shared.map(str::to_owned).to_vec(), ..Book::of(&rows) };
    let table = read(&book.bytes(), LIMA).unwrap();
    let stores: Vec<Option<&str>> = table.rows.iter().map(|row| row.store.as_deref()).collect();
    assert_eq!(stores, [Some("San Isidro"), None]);
    let reason = "is a text that the workbook does not hold: expected a string or a number";
    for index in ["0", "-1", "x", "99999999999999999999"] {
        check(&[("status", cell(index))], "status", reason, index);
    }
}

#[test]
fn dates_follow_the_calendar_of_the_workbook_and_the_zone_of_the_mapping() {
    let check = |properties: &'static str, zone: &str, cell: String, expected: &str| {
        let rows = header() + &order(&[("created_at", cell)]);
        let book = Book { properties, ..Book::of(&rows) };
        let table = read(&book.bytes(), &format!("[orders]\nzone = \"{zone}\"")).unwrap();
        let found: Vec<String> = table.rows.iter().map(|row| row.created_at.to_string()).collect();
        assert_eq!(found, [expected], "{:?}", table.rejected);
    };
    check("", "America/Lima", number("46083.5", 1), "2026-03-02T12:00:00-05:00");
    check("", "UTC", number("46083.5", 1), "2026-03-02T07:00:00-05:00");
    check("", "America/Lima", number("46083", 2), "2026-03-02T00:00:00-05:00");
    check("", "America/Lima", number("46083.999988425923", 2), "2026-03-02T23:59:59-05:00");
    check("date1904=\"1\"", "America/Lima", number("44621.5", 1), "2026-03-02T12:00:00-05:00");
    check("date1904=\"true\"", "America/Lima", number("44621.5", 1), "2026-03-02T12:00:00-05:00");
    check("date1904=\"0\"", "America/Lima", number("46083.5", 1), "2026-03-02T12:00:00-05:00");
    let written = "<c t=\"d\"><v>2026-03-02T09:30:00</v></c>".to_owned();
    check("", "America/Lima", written, "2026-03-02T09:30:00-05:00");
    check("", "America/Lima", text("2026-03-02T09:30:00Z"), "2026-03-02T04:30:00-05:00");
}

#[test]
fn a_date_without_zone_is_not_guessed() {
    let table = read(&Book::of(&(header() + &order(&[]))).bytes(), "").unwrap();
    assert_eq!(table.rows, []);
    assert_eq!(table.rejected[0].field, "created_at");
    assert_eq!(
        table.rejected[0].reason,
        "is a date of a spreadsheet, which has no offset: write zone = \"America/Lima\", or where it was taken, under \
         [orders] in the mapping"
    );
}

#[test]
fn a_day_and_a_time_of_day_are_one_time() {
    let names = row(&["account", "reference_id", "amount", "currency", "status", "Fecha", "Hora"].map(text));
    let first = ["1234", "ORD-1", "7", "PEN", "paid"].map(text).concat();
    let cells = |day: &str, hour: &str| format!("<row>{first}{}{}</row>", number(day, 1), number(hour, 2));
    let rows = [names, cells("46083", "0.395833333333333"), cells("46083", "7")].concat();
    let mapping = format!("{LIMA}columns = {{ created_at = [\"Fecha\", \"Hora\"] }}");
    let table = read(&Book::of(&rows).bytes(), &mapping).unwrap();
    assert_eq!(table.rows[0].created_at.to_string(), "2026-03-02T09:30:00-05:00");
    assert_eq!((table.rows.len(), table.rejected[0].field.as_str()), (1, "created_at"));
}

#[test]
fn a_cell_that_is_no_value_sets_its_row_aside() {
    let error = "<c t=\"e\"><f>VLOOKUP(A1,B:C,2,0)</f><v>#N/A</v></c>".to_owned();
    check(&[("amount", error)], "amount", "is the error of a formula: expected a string or a number", "#N/A");
    let uncounted = |cell: &str| {
        let reason = "is a formula without a stored result: expected a string or a number";
        check(&[("amount", cell.to_owned())], "amount", reason, "=A2*1.18");
    };
    uncounted("<c><f>A2*1.18</f></c>");
    uncounted("<c><f>A2*1.18</f><v></v></c>");
    uncounted("<c><f>A2*1.18</f><v/></c>");
    let shared = "<c><f t=\"shared\" si=\"0\"/></c>".to_owned();
    let reason = "is a formula without a stored result: expected a string or a number";
    check(&[("store", shared)], "store", reason, "=");
    let empty = "<c t=\"str\"><f>IF(A1,\"\",1)</f><v></v></c>".to_owned();
    check(&[("amount", empty)], "amount", "is missing: expected an amount such as 1234.50", "");
}

#[test]
fn an_amount_is_never_rounded_to_its_cents() {
    let decimals = "has more than 2 decimals: expected a plain decimal such as 1234.50";
    check(&[("amount", number("22.505", 3))], "amount", decimals, "22.505");
    check(&[("amount", number("33.333333333333336", 3))], "amount", decimals, "33.3333333333333");
    let digits = "is a number of more than 15 digits, of which a spreadsheet keeps only 15: expected a string or a number";
    check(&[("amount", number("12345678901234.561", 3))], "amount", digits, "12345678901234.561");
    check(&[("reference_id", number("1234567890123456", 0))], "reference_id", digits, "1234567890123456");
    let wrong = "is no number, though the workbook says so: expected a string or a number";
    check(&[("amount", number("22,5", 0))], "amount", wrong, "22,5");
    let day = "is a date that the calendar does not have: expected a string or a number";
    check(&[("created_at", number("60", 1))], "created_at", day, "60");
    let amounts = ["22.550000000000001", "2.2549999999999999E1", "22.55"].map(|stored| number(stored, 3));
    let rows: String = amounts.into_iter().map(|cell| order(&[("amount", cell)])).collect();
    let minors: Vec<i64> = orders(&rows).rows.iter().map(|row| row.amount.minor).collect();
    assert_eq!(minors, [2255, 2255, 2255]);
}

#[test]
fn an_error_in_a_column_that_nothing_reads_is_kept_as_its_text() {
    let names = format!("<row>{}{}</row>", NAMES.map(text).concat(), text("Margen"));
    let cells = order(&[]).replace("</row>", "<c t=\"e\"><v>#DIV/0!</v></c></row>");
    let table = read(&Book::of(&(names + &cells)).bytes(), LIMA).unwrap();
    assert_eq!(table.rows[0].extras, [("Margen".into(), "#DIV/0!".into())]);
    assert_eq!(table.unknown_columns, ["Margen"]);
    assert_eq!(table.columns.len(), 9);
}

#[test]
fn lines_are_the_rows_of_the_sheet() {
    let bad = order(&[("amount", text("x"))]).replace("<row>", "<row r=\"1048576\">");
    let rows = [order(&[]), "<row r=\"9\"/><row r=\"11\"><c r=\"C11\"/></row>".to_owned(), bad].concat();
    let table = orders(&rows);
    assert_eq!((table.rows.len(), table.rejected.len(), table.rejected[0].line), (1, 1, 1_048_576));
}

#[test]
fn cells_stand_where_their_place_says() {
    let places = [("H", "Lima"), ("ZZ", "far"), ("i", "note")];
    let expected = [("Lima", 0), ("", 1), ("", 1)];
    for ((column, value), (store, rejected)) in places.into_iter().zip(expected) {
        let cell = format!("<c r=\"{column}2\" t=\"inlineStr\"><is><t>{value}</t></is></c>");
        let table = orders(&order(&[("store", cell)]));
        assert_eq!(table.rejected.len(), rejected, "{column}");
        assert!(table.rejected.iter().all(|row| row.reason == "has more fields than the header: expected 8"));
        assert!(table.rows.iter().all(|row| row.store.as_deref() == Some(store)));
    }
    let disordered = "has its cells out of order: expected each column once, from left to right";
    for place in ["A3", "G3"] {
        let cell = format!("<c r=\"{place}\"><v>1</v></c>");
        check(&[("store", cell)], "", disordered, "");
    }
}

#[test]
fn the_header_is_the_first_row_with_a_value_or_the_row_of_the_mapping() {
    let title =
        [row(&[]), row(&[text(" ")]), row(&[text("Pedidos de marzo")]), header(), order(&[])].concat();
    let bytes = Book::of(&title).bytes();
    assert!(read(&bytes, LIMA).unwrap_err().contains("has no column \"account\""));
    assert_eq!(read(&bytes, &format!("{LIMA}header_row = 4")).unwrap().rows.len(), 1);
    let nothing = "p.xlsx has nothing in row 2: correct header_row under [orders] in the mapping";
    assert_eq!(read(&bytes, &format!("{LIMA}header_row = 2")).unwrap_err(), nothing);
    let blank = "has only blank lines: export it again with its header line";
    refused(&Book::of(&row(&[text(" ")])).bytes(), blank);
    refused(&Book::of("").bytes(), blank);
    let twice = format!("<row>{}{}</row>", NAMES.map(text).concat(), text("store "));
    assert!(read(&Book::of(&twice).bytes(), LIMA).unwrap_err().contains("the column \"store\" twice"));
    let wide = header().replace("</row>", "<c r=\"ALM1\" t=\"inlineStr\"><is><t>x</t></is></c></row>");
    assert!(read(&Book::of(&wide).bytes(), LIMA).unwrap_err().contains("more than 1000 columns"));
    let back = header().replace("</row>", "<c r=\"A1\"><v>1</v></c></row>");
    assert!(read(&Book::of(&back).bytes(), LIMA).unwrap_err().contains("out of order"));
}

#[test]
fn the_sheet_is_the_first_that_is_shown_or_the_one_of_the_mapping() {
    let sheet = |store: &str| header() + &order(&[("store", text(store))]);
    let sheets = vec![
        ("Listas", "state=\"veryHidden\"", sheet("hidden")),
        ("Pedidos", "", sheet("shown")),
        ("Pagos &amp; más", "", sheet("named")),
    ];
    let bytes = Book { sheets, ..Book::of("") }.bytes();
    let check = |mapping: &str, expected: &str| {
        let table = read(&bytes, &format!("{LIMA}{mapping}")).unwrap();
        assert_eq!(table.rows[0].store.as_deref(), Some(expected));
    };
    check("", "shown");
    check("sheet = \"Pagos & más\"", "named");
    check("sheet = \"Listas\"", "hidden");
    assert_eq!(
        read(&bytes, &format!("{LIMA}sheet = \"Marzo\"")).unwrap_err(),
        "p.xlsx has no sheet \"Marzo\": correct sheet under [orders] in the mapping to one of \"Listas\", \"Pedidos\", \
         \"Pagos & más\""
    );
    let hidden = vec![("Pedidos", "state=\"hidden\"", sheet("alone"))];
    assert_eq!(read(&Book { sheets: hidden, ..Book::of("") }.bytes(), LIMA).unwrap().rows.len(), 1);
}

#[test]
fn parts_are_found_however_a_program_names_them() {
    let rows = header() + &order(&[]);
    let sheet = format!("<x:worksheet xmlns:x=\"urn:s\"><x:sheetData>{rows}</x:sheetData></x:worksheet>");
    let kind = "http://purl.oclc.org/ooxml/officeDocument/relationships";
    let check = |target: &str, part: &'static str| {
        let link = |id, kind_of, target| {
            format!("<Relationship Id=\"{id}\" Type=\"{kind}/{kind_of}\" Target=\"{target}\"/>")
        };
        let links = link("a", "worksheet", target) + &link("b", "styles", "styles.xml");
        let workbook =
            "<x:workbook><x:sheets><x:sheet name=\"P\" sheetId=\"1\" q:id=\"a\"/></x:sheets></x:workbook>";
        let parts = vec![
            ("xl/_rels/workbook.xml.rels", format!("<Relationships>{links}</Relationships>")),
            ("xl/workbook.xml", workbook.to_owned()),
            (part, sheet.clone()),
        ];
        let book = Book { sheets: vec![], parts, ..Book::of("") };
        assert_eq!(read(&book.bytes(), LIMA).map(|table| table.rows.len()), Ok(1), "{target} {part}");
    };
    check("worksheets/sheet.xml", "xl/worksheets/sheet.xml");
    check("/xl/worksheets/sheet.xml", "xl/worksheets/sheet.xml");
    check("../xl/./worksheets/sheet.xml", "xl/worksheets/sheet.xml");
    check("worksheets/sheet.xml", "xl/Worksheets/Sheet.xml");
    check("worksheets/sheet.xml", "xl\\worksheets\\sheet.xml");
}
#[test]
fn other_legs_are_read_by_the_same_cells() {
    let names = ["Cuenta", "Fecha", "Cargo", "Abono", "currency", "description"];
    let cells = |day: String, debit: &str, credit: String| {
        row(&[text("191-1"), day, number(debit, 3), credit, text("PEN"), text("ITF")])
    };
    let rows = [
        row(&names.map(text)),
        cells(number("46083.75", 2), "0", number("46.590000000000003", 3)),
        cells(text("03/03/2026"), "0.05", text("0,00")),
        cells(text("2026-03-04"), "1", text("")),
    ];
    let mapping = "[bank]\ndecimal_mark = \",\"\ndate_format = \"%d/%m/%Y\"\n[bank.columns]\nbank_account = \"Cuenta\"\n\
                   value_date = \"Fecha\"\ndebit = \"Cargo\"\ncredit = \"Abono\"";
    let bytes = Book::of(&rows.concat()).bytes();
    let source = Source { name: "b.xlsx", bytes: &bytes, format: Format::Xlsx, account: None };
    let table = read_bank(&source, &Mapping::parse(mapping).unwrap().bank).unwrap();
    let lines: Vec<(String, i64)> =
        table.rows.iter().map(|row| (row.value_date.to_string(), row.amount.minor)).collect();
    assert_eq!(lines, [("2026-03-02".to_owned(), 4659), ("2026-03-03".to_owned(), -5)]);
    assert_eq!((table.rejected.len(), table.rejected[0].field.as_str()), (1, "value_date"));
}

#[test]
fn balances_of_a_bank_are_checked_by_the_numbers_of_the_sheet() {
    let names = ["bank_account", "value_date", "amount", "currency", "description", "Saldo"];
    let line = |amount: &str, balance: &str| {
        let cells = [text("191-1"), text("2026-03-02"), number(amount, 3), text("PEN"), text("x")];
        row(&[cells.as_slice(), &[number(balance, 3)]].concat())
    };
    let mapping = Mapping::parse("[bank.columns]\nbalance = \"Saldo\"\n").unwrap();
    let check = |balance: &str, expected: Result<usize, &str>| {
        let rows = [row(&names.map(text)), line("0.1", "0.3"), line("0.2", balance)].concat();
        let bytes = Book::of(&rows).bytes();
        let source = Source { name: "p.xlsx", bytes: &bytes, format: Format::Xlsx, account: None };
        let read = read_bank(&source, &mapping.bank);
        let found = read.map(|table| table.rows.len()).map_err(|error| error.to_string());
        let expected = expected.map_err(|reason| {
            let remedy =
                "export the whole period again, or correct the columns of amount and balance in the mapping";
            format!("p.xlsx cannot be taken, for its balance in line 3 does not add up: {reason}: {remedy}")
        });
        assert_eq!(found, expected, "{balance}");
    };
    check("0.5", Ok(2));
    let reason = "0.30 in line 2 and 0.20 moved since give 0.50, stated is 0.51, difference -0.01";
    check("0.51", Err(reason));
}
