//! Whole files, and what is proposed for them.

use std::io::{Cursor, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Format, Mapping};
use super::*;

fn proposed(name: &str, bytes: &[u8], leg: Option<Leg>) -> Proposal {
    let format = Format::from_name(name).unwrap_or_else(|| Format::sniff(bytes));
    propose(&Source { name, bytes, format, account: None }, leg).unwrap()
}

/// The mapping's lines without comments and blank ones.
fn lines(proposal: &Proposal) -> Vec<&str> {
    proposal.toml.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The values of the first row, by field.
fn first_row(proposal: &Proposal) -> String {
    let Preview { fields, rows, .. } = &proposal.preview;
    let first = fields.iter().zip(rows.first().unwrap()).filter(|(_, value)| !value.is_empty());
    first.map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>().join(" ")
}

fn has_doubt(proposal: &Proposal, part: &str) -> bool {
    proposal.doubts.iter().any(|doubt| doubt.contains(part))
}

fn windows_1252(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1252.encode(text).0.into_owned()
}

#[test]
fn a_bank_s_export_in_spanish() {
    let text = "Cuenta: 191-1234567-0-11\r\nMoneda: Soles\r\n\r\n\
        Fecha valor;Descripción;Cargo;Abono;Saldo;N° Operación\r\n\
        02/03/2026;ABONO PAGOEFECTIVO;;1.046,59;2.000,00;OP-77\r\n\
        15/03/2026;ITF;0,05;;1.999,95;\r\n";
    let broken = text.replace("1.999,95", "2.999,95");
    let proposal = proposed("marzo.csv", &windows_1252(text), None);
    assert_eq!(
        lines(&proposal),
        [
            "[bank]",
            "delimiter = \";\"",
            "encoding = \"latin-1\"",
            "date_format = \"%d/%m/%Y\"",
            "decimal_mark = \",\"",
            "thousands_mark = \".\"",
            "header_row = 4",
            "[bank.columns]",
            "bank_reference = \"N° Operación\"",
            "value_date = \"Fecha valor\"",
            "debit = \"Cargo\"",
            "credit = \"Abono\"",
            "description = \"Descripción\"",
            "balance = \"Saldo\"",
            "[bank.constants]",
            "bank_account = \"?\"",
            "currency = \"PEN\"",
        ]
    );
    assert_eq!(
        first_row(&proposal),
        "bank_account=? bank_reference=OP-77 value_date=2026-03-02 amount=1046.59 currency=PEN description=ABONO PAGOEFECTIVO"
    );
    assert_eq!(proposal.preview.counts, (2, 0));
    assert!(has_doubt(&proposal, "bank_account stands in no column"));
    assert!(!has_doubt(&proposal, "day and month"));
    let proposal = proposed("marzo.csv", &windows_1252(&broken), None);
    assert!(has_doubt(
        &proposal,
        "balance would be \"Saldo\", but these rows do not lead from one to the next"
    ));
    assert!(proposal.toml.contains("# \"Saldo\"\n"), "{}", proposal.toml);
    assert_eq!(proposal.preview.counts, (2, 0));
}

#[test]
fn a_portal_s_report_with_the_words_of_peru() {
    let text = "Código CIP\tNro. Pedido\tImporte\tMoneda\tEstado\tFecha de Emisión\tFecha de Cancelación\tNro. Operación\n\
        2405617\tORD-1\t100.00\tSoles\tCancelado\t02/03/2026 09:30\t02/03/2026 11:00\t778899\n\
        2405618\tORD-2\t25.50\tSoles\tGenerado.\t05/03/2026 09:30\t\t\n\
        2405619\tORD-3\t25.50\tSoles\tRaro\t05/03/2026 09:30\t\t\n";
    let proposal = proposed("portal.txt", text.as_bytes(), None);
    assert_eq!(proposal.leg, Leg::Reports);
    assert_eq!(
        first_row(&proposal),
        "cip=2405617 reference_id=ORD-1 operation_number=778899 amount=100.00 currency=PEN status=paid \
         created_at=2026-03-02T09:30:00-05:00 paid_at=2026-03-02T11:00:00-05:00"
    );
    assert_eq!(proposal.preview.counts, (2, 1));
    assert_eq!(
        proposal.preview.rejected.iter().map(|row| row.field.as_str()).collect::<Vec<_>>(),
        ["status"]
    );
    assert!(has_doubt(&proposal, "also good as %m/%d/%Y %H:%M"), "{:?}", proposal.doubts);
    assert!(has_doubt(&proposal, "zone = \"America/Lima\" is written"));
    assert!(has_doubt(&proposal, "nobody knows what \"Raro\" stands for"));
    assert!(has_doubt(&proposal, "\"Cancelado\" is cancelled in most shops"));
    assert!(proposal.toml.contains("# \"Raro\" = \"…\"\n"));
    // As orders, the same word means the opposite.
    let orders = proposed("portal.txt", text.as_bytes(), Some(Leg::Orders));
    assert!(first_row(&orders).contains("status=cancelled"), "{}", first_row(&orders));
}

#[test]
fn a_shop_s_orders_in_chinese_and_in_any_encoding() {
    let text = "订单号,付款码,订单金额,币种,状态,创建时间\nA1,2405617,\"1,100.00\",PEN,已支付,2026-03-02 09:30:00\n\
        A2,2405618,20.00,PEN,待支付,2026-03-02 10:30:00\n";
    let row = "reference_id=A1 cip=2405617 amount=1100.00 currency=PEN status=paid created_at=2026-03-02T09:30:00-05:00";
    let proposal = proposed("pedidos.csv", text.as_bytes(), Some(Leg::Orders));
    assert_eq!(first_row(&proposal), row);
    let little: Vec<u8> =
        [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let utf16 = proposed("pedidos.csv", &little, Some(Leg::Orders));
    assert_eq!(first_row(&utf16), row);
    assert!(has_doubt(&utf16, "the file is UTF-16"));
    assert!(!has_doubt(&proposal, "UTF-16"));
}

#[test]
fn records_of_documents() {
    let check = |name: &str, text: &str, key: &str, row: &str| {
        let proposal = proposed(name, text.as_bytes(), Some(Leg::Orders));
        assert!(lines(&proposal).contains(&key), "{name}: {}", proposal.toml);
        assert_eq!(first_row(&proposal), row, "{name}");
    };
    check(
        "o.xml",
        "<Orders><Header><n>1</n></Header>\
         <Order id=\"1\"><Number>A1</Number><CIP>2405617</CIP><Total cur=\"PEN\">10.50</Total><Status>paid</Status>\
         <Date>25/03/2026</Date><Hour>09:30</Hour></Order></Orders>",
        "records = \"Orders/Order\"",
        "reference_id=A1 cip=2405617 amount=10.50 currency=PEN status=paid created_at=2026-03-25T09:30:00-05:00",
    );
    check(
        "o.json",
        r#"{"page":1,"data":{"rows":[{"order":{"id":"A1"},"attributes":[{"name":"cip","value":"2405617"}],"total":10.5,"currency":"PEN","state":"Pagado","created_at":"2026-03-25T14:30:00Z","status":"Pagado"}]}}"#,
        "cip = \"attributes[name=cip].value\"",
        "reference_id=A1 cip=2405617 amount=10.50 currency=PEN status=paid created_at=2026-03-25T09:30:00-05:00",
    );
    check(
        "o.ndjson",
        r#"{"order_id":"A1","total":"10.50","currency":"PEN","status":"paid","date_created_gmt":"2026-03-25T14:30:00"}"#,
        "zone = \"UTC\"",
        "reference_id=A1 amount=10.50 currency=PEN status=paid created_at=2026-03-25T09:30:00-05:00",
    );
}

/// A workbook of one sheet: text in quotes, all else stored numbers, in the style of a date where it says so.
fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    const TYPES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let link = |id: &str, target: &str| {
        format!(r#"<Relationship Id="{id}" Type="{TYPES}/{id}" Target="{target}"/>"#)
    };
    let cell = |cell: &&str| match cell.strip_prefix("date ") {
        Some(stored) => format!(r#"<c s="1"><v>{stored}</v></c>"#),
        None if cell.starts_with(|c: char| c.is_ascii_digit()) => format!("<c><v>{cell}</v></c>"),
        None => format!(r#"<c t="inlineStr"><is><t>{cell}</t></is></c>"#),
    };
    let rows: String =
        rows.iter().map(|row| format!("<row>{}</row>", row.iter().map(cell).collect::<String>())).collect();
    let parts = [
        (
            "_rels/.rels",
            format!("<Relationships>{}</Relationships>", link("officeDocument", "xl/workbook.xml")),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships>{}{}</Relationships>",
                link("worksheet", "worksheets/a.xml"),
                link("styles", "styles.xml")
            ),
        ),
        (
            "xl/workbook.xml",
            r#"<workbook><sheets><sheet name="A" sheetId="1" r:id="worksheet"/></sheets></workbook>"#
                .to_owned(),
        ),
        (
            "xl/styles.xml",
            r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#.to_owned(),
        ),
        ("xl/worksheets/a.xml", format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_sheet_with_a_title_above_its_header() {
    let bytes = workbook(&[
        &["Reporte de pedidos"],
        &["Pedido", "CIP", "Monto", "Moneda", "Estado", "Fecha"],
        &["A-1", "2405617", "1100.5", "Soles", "Pagado", "date 46106.395833333336"],
        &["A-2", "2405618", "20", "Soles", "Pendiente", "date 46107.5"],
    ]);
    let proposal = proposed("pedidos.xlsx", &bytes, Some(Leg::Orders));
    assert!(lines(&proposal).contains(&"header_row = 2"), "{}", proposal.toml);
    assert!(lines(&proposal).contains(&"zone = \"America/Lima\""), "{}", proposal.toml);
    assert_eq!(
        first_row(&proposal),
        "reference_id=A-1 cip=2405617 amount=1100.50 currency=PEN status=paid created_at=2026-03-25T09:30:00-05:00"
    );
    assert_eq!(proposal.preview.counts, (2, 0));
    assert!(!has_doubt(&proposal, "day and month"));
}

#[test]
fn settlements_are_told_by_their_words() {
    let text = "Liquidación|Tipo|Moneda|CIP|Monto bruto|Comisión|IGV|Neto|Fecha de abono\n\
        L-1|Pago|PEN|2405617|100.00|2.890000|0.520200|96.589800|25/03/2026\n\
        L-1|Extorno|PEN|2405001|-50.00|||-50.00|25/03/2026\n";
    let proposal = proposed("liq.csv", text.as_bytes(), None);
    assert_eq!(proposal.leg, Leg::Settlements, "{}", proposal.toml);
    assert_eq!(
        first_row(&proposal),
        "settlement_id=L-1 currency=PEN kind=payment cip=2405617 gross=100.000000 commission=2.890000 igv=0.520200 \
         net=96.589800 paid_on=2026-03-25"
    );
    assert_eq!(proposal.preview.counts, (2, 0));
}

#[test]
fn what_cannot_be_known_is_said() {
    let check = |text: &str, doubt: &str| {
        let proposal = proposed("a.csv", text.as_bytes(), Some(Leg::Orders));
        assert!(has_doubt(&proposal, doubt), "{doubt}: {:#?}", proposal.doubts);
    };
    check(
        "pedido,total,importe,estado,fecha\nA,1.00,2.00,paid,25/03/2026\n",
        "amount may as well be \"total\": \"importe\" is taken",
    );
    check(
        "pedido,x,estado,fecha\nA,10.50,paid,25/03/2026\nB,9.50,paid,25/03/2026\n",
        "amount is \"x\" by its values alone",
    );
    check("pedido,total,estado\nA,1.00,paid\n", "no column seems to be created_at");
    check("pedido,total,estado,fecha\nA,S/ 1.00,paid,25/03/2026\n", "bear a currency");
    check("pedido,total,estado,fecha\nA,1.00,paid,25/03/2026\n", "currency stands in no column: \"PEN\"");
    check(
        "pedido,total (US$),estado,fecha\nA,1.00,paid,25/03/2026\n",
        "currency stands in no column: \"USD\"",
    );
    check("pedido,total,fecha\nA,1.00,25/03/2026\n", "status stands in no column: \"pending\"");
    check(
        "pedido,total,estado,fecha\nA,1.00,paid,25/03/2026\nB,1.00,paid,soon\n",
        "otherwise, such as \"soon\"",
    );
    check(
        "pedido,total,estado,fecha,vence\nA,1.00,paid,25/03/2026,2026-03-26\n",
        "expires_at would be \"vence\"",
    );
    check("pedido,total,estado,fecha\nA,1.00,paid,25/03/2026\n", "no column names the account");
    check(
        "pedido,total,moneda,estado,fecha\nA,1.00,EUR,paid,25/03/2026\n",
        "currency would be \"moneda\", but what stands there, such as \"EUR\", is not PEN or USD",
    );
}

#[test]
fn short_names_and_halves_of_a_day_as_peru_writes_them() {
    let check = |text: &str, leg, row: &str| {
        let proposal = proposed("a.csv", text.as_bytes(), None);
        assert_eq!((proposal.leg, first_row(&proposal).as_str()), (leg, row), "{}", proposal.toml);
    };
    check(
        "Últimos movimientos\nCuenta;0011\n\nF. Operación;F. Valor;Código;Nº. Doc.;Concepto;Importe;Oficina\n\
         03-02-2026;03-02-2026;001;000123;ABONO;12,345.60;0123\n03-14-2026;03-14-2026;002;000125;ITF;-0.60;0123\n",
        Leg::Bank,
        "bank_account=? bank_reference=000123 value_date=2026-03-02 amount=12345.60 currency=PEN description=ABONO",
    );
    check(
        "Nro;CIP;Cód. Transacción;Servicio;Monto;Moneda;Fecha Emisión;Fecha Cancelación;Estado\n\
         1;2405617;ORD-1;Tienda;100.00;S/.;25/03/2026 09:30:00 a.m.;25/03/2026 02:30:00 p. m.;Cancelado\n",
        Leg::Reports,
        "cip=2405617 reference_id=ORD-1 amount=100.00 currency=PEN status=paid \
         created_at=2026-03-25T09:30:00-05:00 paid_at=2026-03-25T14:30:00-05:00",
    );
}

#[test]
fn a_preset_s_file_gets_the_preset() {
    let sample = include_str!("../../../../docs/mappings/samples/shopify.csv");
    let proposal = proposed("orders_export.csv", sample.as_bytes(), None);
    assert!(proposal.toml.contains("repeats = \"Name\""), "{}", proposal.toml);
    assert!(has_doubt(&proposal, "the preset \"shopify\""));
    assert!(!has_doubt(&proposal, "no row has a CIP"));
    assert_eq!(proposal.preview.counts, (2, 0));
    let without = proposed("orders_export.csv", sample.replace("cip:", "code:").as_bytes(), None);
    assert!(has_doubt(&without, "no row has a CIP where the preset looks for it"));
    // Saved again by a spreadsheet, it is not what the preset reads.
    let saved = proposed("orders_export.csv", sample.replace(',', ";").as_bytes(), None);
    assert!(lines(&saved).contains(&"delimiter = \";\""), "{}", saved.toml);
}

#[test]
fn every_proposal_is_a_mapping_whatever_stands_in_the_file() {
    let names = ["a\"b", "a\\b", "a\tb", "[x]", "a = b", "#", "Estado\u{7}", "ñ", "日期", "a'b", "{", "cip"];
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let rows = quoted.join(";") + "\n" + &quoted.join(";") + "\n";
    for leg in [None, Some(Leg::Orders), Some(Leg::Reports), Some(Leg::Settlements), Some(Leg::Bank)] {
        let proposal = proposed("odd\nname.csv", rows.as_bytes(), leg);
        assert!(Mapping::parse(&proposal.toml).is_ok(), "{}", proposal.toml);
        let status = format!(
            "pedido;estado;fecha;total\nA;\"{}\";25/03/2026;1.00\n",
            names.join(" ").replace('"', "\"\"")
        );
        let proposal = proposed("odd.csv", status.as_bytes(), leg);
        assert!(Mapping::parse(&proposal.toml).is_ok(), "{}", proposal.toml);
    }
}

#[test]
fn what_needs_no_mapping_or_can_have_none_is_refused() {
    let check = |name: &str, bytes: &[u8], part: &str| {
        let format = Format::from_name(name).unwrap_or_else(|| Format::sniff(bytes));
        let error = propose(&Source { name, bytes, format, account: None }, None).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check("a.csv", b"", "has no content at all");
    check("a.csv", b"pedido,total\n", "has no rows");
    check("a.csv", b"a,a\n1,2\n", "twice");
    check("a.sta", b":20:A\n:25:1\n", "is a statement in MT940");
    check("a.xml", b"<Document><BkToCstmrStmt/></Document>", "CAMT.053");
    check("a.pdf", b"%PDF-1.7", "PDF");
    check("a.json", b"{\"a\":", "breaks off");
    check("a.xlsx", b"PK\x03\x04", "workbook");
}

/// A key may be empty where a header may not; no mapping can name it.
#[test]
fn a_column_without_a_name_feeds_no_field() {
    let source = Source {
        name: "any.ndjson",
        bytes: b"{\"pedido\":\"P-1\",\"\":\"S/ 1.50\"}\n",
        format: Format::Ndjson,
        account: None,
    };
    let proposal = propose(&source, None).unwrap();
    assert!(Mapping::parse(&proposal.toml).is_ok(), "{}", proposal.toml);
    assert!(
        proposal.doubts.iter().any(|doubt| doubt.contains("no column seems to be amount")),
        "{:?}",
        proposal.doubts
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Names and values that are known in part, in every format and encoding: whatever is proposed can be read again.
    #[test]
    fn any_file_gets_a_good_mapping_or_a_reason(
        cells in vec(vec("pedido|cip|Monto|Saldo|fecha|Hora|estado|[a-z\"'\\\\\\[\\]{}<>&;|,\t ]{0,6}|[0-9.,/: -]{0,11}|S/ 1\\.50|\\PC{0,3}", 1..6), 1..6),
        format in select(vec![Format::Csv, Format::Ndjson, Format::Json, Format::Xml]),
        separator in select(vec![",", ";", "\t", "|"]),
        latin in any::<bool>(),
    ) {
        let rows = cells.iter().map(|row| row.join(separator)).collect::<Vec<_>>().join("\n");
        let objects = || cells.iter().skip(1).map(|row| {
            let named = cells[0].iter().zip(row).map(|(name, value)| (name.clone(), value.clone().into()));
            serde_json::Value::Object(named.collect()).to_string()
        });
        let text = match format {
            Format::Ndjson => objects().collect::<Vec<_>>().join("\n"),
            Format::Json => format!("{{\"rows\":[{}]}}", objects().collect::<Vec<_>>().join(",")),
            Format::Xml => format!("<r><o><a>{}</a></o><o/></r>", rows.replace(['<', '&'], "")),
            Format::Csv | Format::Xlsx => rows,
        };
        let bytes = if latin { windows_1252(&text) } else { text.into_bytes() };
        for leg in [None, Some(Leg::Bank)] {
            let source = Source { name: "any", bytes: &bytes, format, account: None };
            match propose(&source, leg) {
                Ok(proposal) => prop_assert!(Mapping::parse(&proposal.toml).is_ok(), "{}", proposal.toml),
                Err(ProposalError::Unusable(error)) => prop_assert!(false, "{error}"),
                Err(_) => {}
            }
        }
    }
}
