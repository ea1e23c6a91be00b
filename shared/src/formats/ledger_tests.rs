//! Settlements and bank lines as tables: what is read, what is set aside, and that the rows around it go on.

use super::*;
use crate::lifecycle::evidence::SettlementKind;

const SETTLEMENTS: &str =
    "settlement_id,currency,kind,provider_id,cip,gross,commission,igv,net,fx_rate,paid_on,bank_reference";
const SETTLED: &str = "L-1,PEN,payment,P-9,100,100.00,2.890000,0.5202,96.589800,,2026-03-04,OP-77";
const BANK: &str = "bank_account,bank_reference,value_date,amount,currency,description";
const CREDITED: &str = "191-1,OP-77,2026-03-04,96.59,PEN,ABONO PAGOEFECTIVO";

fn source<'a>(bytes: &'a [u8], format: Format) -> Source<'a> {
    Source { name: "f", bytes, format, account: Some("1234") }
}

fn settlements<'a>(bytes: &'a [u8], mapping: &str) -> Result<Table<SettlementRow<'a>>, FileError> {
    read_settlements(&source(bytes, Format::Csv), &Mapping::parse(mapping).unwrap().settlements)
}

fn bank<'a>(bytes: &'a [u8], mapping: &str) -> Result<Table<BankRow<'a>>, FileError> {
    read_bank(&source(bytes, Format::Csv), &Mapping::parse(mapping).unwrap().bank)
}

/// The good row with one field replaced.
fn with(header: &str, good: &str, field: &str, value: &str) -> String {
    assert!(header.split(',').any(|name| name == field), "{field}");
    let names = header.split(',').zip(good.split(','));
    names.map(|(name, good)| if name == field { value } else { good }).collect::<Vec<_>>().join(",")
}

/// What is said of a row between two good ones.
fn said<R>(header: &str, good: &str, row: &str, read: impl Fn(&[u8]) -> Table<R>) -> (String, String) {
    let table = read(format!("{header}\n{good}\n{row}\n{good}\n").as_bytes());
    assert_eq!(table.rows.len(), 2, "the good rows go on beside {row:?}");
    let [rejected] = table.rejected.as_slice() else { panic!("{row:?}: {:?}", table.rejected) };
    assert_eq!(rejected.line, 3, "{row:?}");
    (rejected.field.clone(), rejected.reason.clone())
}

fn bad_settlement(field: &str, value: &str, reason: &str) {
    let row = with(SETTLEMENTS, SETTLED, field, value);
    let own = |bytes: &[u8]| {
        let table = settlements(bytes, "").unwrap();
        Table { rows: vec![(); table.rows.len()], rejected: table.rejected, ..empty() }
    };
    assert_eq!(said(SETTLEMENTS, SETTLED, &row, own), (field.to_owned(), reason.to_owned()), "{value:?}");
}

fn bad_line(field: &str, value: &str, reason: &str) {
    let row = with(BANK, CREDITED, field, value);
    let own = |bytes: &[u8]| {
        let table = bank(bytes, "").unwrap();
        Table { rows: vec![(); table.rows.len()], rejected: table.rejected, ..empty() }
    };
    assert_eq!(said(BANK, CREDITED, &row, own), (field.to_owned(), reason.to_owned()), "{value:?}");
}

fn empty() -> Table<()> {
    Table {
        rows: vec![],
        rejected: vec![],
        cleansed: BTreeMap::new(),
        columns: vec![],
        unknown_columns: vec![],
        latest: None,
    }
}

#[test]
fn a_settlement_line_keeps_every_decimal() {
    let text = format!("{SETTLEMENTS},Nota\n{SETTLED},x\n");
    let table = settlements(text.as_bytes(), "").unwrap();
    let [row] = table.rows.as_slice() else { panic!("{:?}", table.rejected) };
    assert_eq!((&*row.account, &*row.settlement_id, row.kind), ("1234", "L-1", SettlementKind::Payment));
    let amounts = [Some(row.gross), row.commission, row.igv, Some(row.net)];
    assert_eq!(
        amounts.map(|amount| amount.unwrap().to_string()),
        ["100.000000", "2.890000", "0.520200", "96.589800"]
    );
    assert_eq!(row.paid_on.unwrap().to_string(), "2026-03-04");
    assert_eq!(row.bank_reference.as_deref(), Some("OP-77"));
    assert_eq!(row.extras, [("Nota".into(), "x".into())]);
    assert_eq!(table.unknown_columns, ["Nota"]);
    assert_eq!(table.latest.unwrap().to_string(), "2026-03-04T00:00:00-05:00");
}

#[test]
fn a_settlement_line_may_take_from_its_batch_or_move_nothing() {
    let check = |value: &str, expected: &str, sign: u64| {
        let text = format!("{SETTLEMENTS}\n{}\n", with(SETTLEMENTS, SETTLED, "net", value));
        let table = settlements(text.as_bytes(), "").unwrap();
        assert_eq!(table.rows[0].net.to_string(), expected, "{value}");
        assert_eq!(table.cleansed.get("sign").copied().unwrap_or_default(), sign, "{value}");
    };
    check("-12.5", "-12.500000", 0);
    check("0", "0.000000", 0);
    check("12.50-", "-12.500000", 1);
    check("(12.50)", "-12.500000", 1);
    check("+12.50", "12.500000", 1);
    check("\u{2212}12.50", "-12.500000", 1);
    check("0.000001", "0.000001", 0);
}

#[test]
fn every_kind_of_settlement_line_is_known_by_its_word() {
    for kind in SettlementKind::ALL {
        let text = format!("{SETTLEMENTS}\n{}\n", with(SETTLEMENTS, SETTLED, "kind", kind.word()));
        assert_eq!(settlements(text.as_bytes(), "").unwrap().rows[0].kind, kind);
    }
}

#[test]
fn a_bad_settlement_line_is_set_aside() {
    let not_decimal = "is not a plain decimal such as 1234.50";
    let kinds = "payment, refund, reversal, fee, igv, adjustment, tax, fx";
    bad_settlement("settlement_id", "", "is missing: expected a text of at most 256 bytes");
    bad_settlement("currency", "EUR", "is not PEN or USD");
    bad_settlement("kind", "chargeback", &format!("is not a known status: expected one of {kinds}"));
    bad_settlement("kind", "", &format!("is missing: expected one of {kinds}"));
    bad_settlement("cip", "12a", "is not a CIP: expected 1 to 14 digits");
    bad_settlement("gross", "", "is missing: expected an amount such as -1234.50");
    bad_settlement("gross", "\"1,234.50\"", not_decimal);
    bad_settlement("gross", "\"1.234,50\"", not_decimal);
    for value in ["--1", "-1-", "(1", "(-1)", "1e3", "S/ 1", "-", "٣"] {
        let reason =
            if value == "-" { "is missing: expected an amount such as -1234.50" } else { not_decimal };
        bad_settlement("net", value, reason);
    }
    let precise = "has more than 6 decimals: expected a plain decimal such as 1234.50";
    bad_settlement("commission", "0.0000001", precise);
    let large = "is larger than 9223372036854.775807: expected a plain decimal such as 1234.50";
    bad_settlement("igv", "9223372036855", large);
    bad_settlement("fx_rate", "0", "must be greater than zero: expected a plain decimal such as 1234.50");
    bad_settlement("fx_rate", "-3.75", not_decimal);
    for value in ["31/02/2026", "2026-02-31", "2026-3-4", "yesterday"] {
        bad_settlement("paid_on", value, "is not a day such as 2026-03-02");
    }
}

#[test]
fn a_bank_line_is_signed_and_dated() {
    let text = format!("{BANK},Oficina\n{CREDITED},7\n191-1,,2026-03-05,-3.50,PEN,,7\n");
    let table = bank(text.as_bytes(), "").unwrap();
    let [credit, debit] = table.rows.as_slice() else { panic!("{:?}", table.rejected) };
    assert_eq!((credit.amount.minor, debit.amount.minor), (9_659, -350));
    assert_eq!((&*credit.description, &*debit.description), ("ABONO PAGOEFECTIVO", ""));
    assert_eq!((credit.ordinal, debit.ordinal), (1, 1));
    assert_eq!(debit.bank_reference, None);
    assert_eq!(table.unknown_columns, ["Oficina"]);
    assert_eq!(table.latest.unwrap().to_string(), "2026-03-05T00:00:00-05:00");
}

#[test]
fn a_bad_bank_line_is_set_aside() {
    let not_decimal = "is not a plain decimal such as 1234.50";
    bad_line("bank_account", "", "is missing: expected a text of at most 256 bytes");
    bad_line("value_date", "31/02/2026", "is not a day such as 2026-03-02");
    bad_line("value_date", "", "is missing: expected a day such as 2026-03-02");
    bad_line("value_date", "1900-01-01", "is missing: expected a day such as 2026-03-02");
    bad_line("amount", "\"1,234.50\"", not_decimal);
    bad_line("amount", "12.345", "has more than 2 decimals: expected a plain decimal such as 1234.50");
    bad_line("amount", "", "is missing: expected an amount such as -1234.50, or a debit or a credit");
    bad_line("currency", "S", "is not PEN or USD");
    bad_line("description", "a\0b", "holds a NUL byte: expected text");
    let large = "is larger than 9999999999999999.99: expected a plain decimal such as 1234.50";
    bad_line("amount", "-10000000000000000", large);
}

#[test]
fn two_columns_of_a_bank_make_one_amount() {
    let header = "bank_account,value_date,debit,credit,currency,description";
    let check = |debit: &str, credit: &str, expected: Result<i64, &str>| {
        let text = format!("{header}\n191-1,2026-03-04,{debit},{credit},PEN,x\n");
        let table = bank(text.as_bytes(), "").unwrap();
        let found = match (table.rows.as_slice(), table.rejected.as_slice()) {
            ([row], []) => Ok(row.amount.minor),
            ([], [rejected]) => Err(rejected.field.as_str()),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{debit:?} {credit:?}");
    };
    check("", "5.00", Ok(500));
    check("5.00", "", Ok(-500));
    check("-5.00", "", Ok(-500));
    check("5.00", "0.00", Ok(-500));
    check("0.00", "5.00", Ok(500));
    check("0.00", "", Ok(0));
    check("0", "0", Ok(0));
    check("5.00", "5.00", Err("credit"));
    check("", "-5.00", Err("credit"));
    check("", "", Err("amount"));
}

#[test]
fn a_bank_s_own_export_is_read_by_a_mapping() {
    let toml = r#"
        [bank]
        delimiter = ";"
        encoding = "latin-1"
        date_format = "%d/%m/%Y"
        decimal_mark = ","
        thousands_mark = "."
        join = " "
        [bank.columns]
        bank_reference = "Operación"
        value_date = "Fecha valor"
        debit = "Cargo"
        credit = "Abono"
        description = ["Descripción", "Detalle"]
        [bank.constants]
        bank_account = "191-1"
        currency = "PEN"
    "#;
    let text = "Fecha valor;Operación;Descripción;Detalle;Cargo;Abono;Saldo\n\
                04/03/2026;77;ABONO;PAGOEFECTIVO;;1.096,59;2.000,00\n\
                04/03/2026;78;ITF;LEY;(0,05);;1.999,95\n\
                31/02/2026;79;x;y;1,00-;;1.998,95\n";
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let table = bank(&latin, toml).unwrap();
    let rows: Vec<_> = table.rows.iter().map(|row| (row.amount.minor, &*row.description)).collect();
    assert_eq!(rows, [(109_659, "ABONO PAGOEFECTIVO"), (-5, "ITF LEY")]);
    assert_eq!(table.rejected[0].reason, "is not a day in the format %d/%m/%Y");
    assert_eq!(table.unknown_columns, ["Saldo"]);
    assert_eq!(table.cleansed.get("sign"), Some(&1));
}

#[test]
fn words_of_a_settlement_are_mapped_to_kinds() {
    let toml = "[settlements]\nstatus = { Abono = \"payment\", Extorno = \"reversal\" }\n\
                date_format = \"%d/%m/%Y\"\ndecimal_mark = \",\"\ndelimiter = \"|\"\n\
                [settlements.columns]\nkind = \"Tipo\"\n";
    let text = "settlement_id|currency|Tipo|gross|net|paid_on\nL|PEN|ABONO|10,5|10,5|04/03/2026\n\
                L|PEN|Extorno|-10,5|-10,5|\nL|PEN|Otro|1|1|\n";
    let table = settlements(text.as_bytes(), toml).unwrap();
    let rows: Vec<_> = table.rows.iter().map(|row| (row.kind, row.gross.0)).collect();
    assert_eq!(
        rows,
        [(SettlementKind::Payment, 10_500_000), (SettlementKind::Reversal, -10_500_000)],
        "{:?}",
        table.rejected
    );
    assert!(
        table.rejected[0].reason.ends_with("adjustment, tax, fx, Abono, Extorno"),
        "{:?}",
        table.rejected
    );
}

#[test]
fn a_file_of_either_leg_that_cannot_be_used_is_refused_in_words() {
    let check = |error: FileError, expected: &str| assert_eq!(error.to_string(), expected);
    let with_empty =
        "f has no content at all: export it again (a day without rows still has its header line)";
    check(settlements(b"", "").unwrap_err(), with_empty);
    check(bank(b"", "").unwrap_err(), with_empty);
    check(
        bank(b"bank_account,value_date,Amont,currency,description\n", "").unwrap_err(),
        "f has no column \"amount\" or \"debit\" or \"credit\": if \"Amont\" is meant, rename it or write amount = \
         \"Amont\" under [bank.columns] in the mapping",
    );
    check(
        bank(b"bank_account,amount,amount\n", "").unwrap_err(),
        "the header of f names the column \"amount\" twice: rename or remove one of them",
    );
    check(
        settlements(b"settlement_id,currency,kind,gross\n", "").unwrap_err(),
        "f has no column \"net\": add it, or name the column that holds it as net = \"\u{2026}\" under \
         [settlements.columns] in the mapping",
    );
    assert_eq!(settlements(SETTLEMENTS.as_bytes(), "").unwrap().rows, []);
    assert_eq!(bank(BANK.as_bytes(), "").unwrap().rows, []);
}

#[test]
fn the_account_of_the_folder_is_none_of_the_bank_s() {
    let without = "value_date,amount,currency,description\n2026-03-04,1,PEN,x\n";
    let error = bank(without.as_bytes(), "").unwrap_err().to_string();
    assert!(error.starts_with("f has no column \"bank_account\""), "{error}");
    let line = br#"{"value_date":"2026-03-04","amount":1,"currency":"PEN","description":"x"}"#;
    let table = read_bank(&source(line, Format::Ndjson), &LegMapping::default()).unwrap();
    assert_eq!(table.rejected[0].field, "bank_account");
}

#[test]
fn identical_lines_of_a_file_are_numbered() {
    let text = format!("{BANK}\n{CREDITED}\n{CREDITED}\n191-1,,2026-03-04,96.59,PEN,x\n");
    let ordinals: Vec<u32> = bank(text.as_bytes(), "").unwrap().rows.iter().map(|row| row.ordinal).collect();
    assert_eq!(ordinals, [1, 2, 1]);
}

#[test]
fn a_long_description_is_cut_and_counted_and_a_longer_one_set_aside() {
    let long = with(BANK, CREDITED, "description", &"ñ".repeat(3_000));
    let huge = with(BANK, CREDITED, "description", &"x".repeat(70_000));
    let text = format!("{BANK}\n{long}\n{huge}\n");
    let table = bank(text.as_bytes(), "").unwrap();
    assert_eq!(table.rows[0].description.len(), 2_048);
    assert_eq!(table.cleansed.get("shortened"), Some(&1));
    assert_eq!(table.rejected[0].field, "description");
}
