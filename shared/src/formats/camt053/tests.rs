use super::super::Format;
use super::*;

fn read_bytes(bytes: &[u8]) -> Result<Table<BankRow<'static>>, FileError> {
    read(&Source { name: "f.xml", bytes, format: Format::Csv, account: None })
}

fn good(text: &str) -> Table<BankRow<'static>> {
    let table = read_bytes(text.as_bytes()).unwrap();
    assert_eq!(table.rejected, [], "{text}");
    table
}

fn refused(text: &str) -> String {
    read_bytes(text.as_bytes()).unwrap_err().to_string()
}

fn document(statements: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n\
         {statements}\n</BkToCstmrStmt></Document>\n"
    )
}

fn balance(kind: &str, amount: &str, day: &str) -> String {
    format!(
        "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"PEN\">{amount}</Amt>\
         <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )
}

fn entry(amount: &str, mark: &str, rest: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"PEN\">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
         <ValDt><Dt>2026-03-02</Dt></ValDt>{rest}</Ntry>\n"
    )
}

fn statement(id: &str, opening: &str, closing: &str, entries: &str) -> String {
    format!(
        "<Stmt><Id>{id}</Id><Acct><Id><IBAN>PE-191</IBAN></Id></Acct>{}{}{entries}</Stmt>\n",
        balance("OPBD", opening, "2026-03-02"),
        balance("CLBD", closing, "2026-03-02")
    )
}

/// One statement of 1000.00 with the given entries.
fn with(entries: &str, closing: &str) -> String {
    document(&statement("S-1", "1000.00", closing, entries))
}

const DETAILS: &str = "<AcctSvcrRef>BANK9</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>OP-77</EndToEndId></Refs>\
                       <RmtInf><Ustrd>ABONO</Ustrd><Ustrd>PAGO &amp; CIA</Ustrd></RmtInf></TxDtls></NtryDtls>";

#[test]
fn a_statement_becomes_lines() {
    let entries =
        entry("100.00", "CRDT", DETAILS) + &entry("30.5", "DBIT", "<AddtlNtryInf>ITF</AddtlNtryInf>");
    let table = good(&with(&entries, "1069.50"));
    let [credit, debit] = table.rows.as_slice() else { panic!() };
    assert_eq!(
        (&*credit.bank_account, credit.amount.minor, credit.amount.currency),
        ("PE-191", 10_000, Currency::Pen)
    );
    assert_eq!((credit.bank_reference.as_deref(), &*credit.description), (Some("OP-77"), "ABONO PAGO & CIA"));
    assert_eq!(credit.extras, [("other_reference".into(), "BANK9".into())]);
    assert_eq!(
        (debit.amount.minor, debit.bank_reference.as_deref(), &*debit.description),
        (-3_050, None, "ITF")
    );
    assert_eq!(table.latest.unwrap().to_string(), "2026-03-02T00:00:00-05:00");
}

#[test]
fn the_same_statement_is_read_in_every_dress() {
    let text = with(&entry("1.00", "CRDT", DETAILS), "1001.00");
    let expected = good(&text).rows;
    let check = |text: String| assert_eq!(good(&text).rows, expected, "{text}");
    check(text.replace('\n', "\r\n"));
    check(format!("\u{FEFF}{text}"));
    check(text.replace("<Cd>BOOK</Cd>", "BOOK"));
    check(text.replace("<Sts><Cd>BOOK</Cd></Sts>", ""));
    check(text.replace("<Dt>2026-03-02</Dt></ValDt>", "<DtTm>2026-03-02T23:59:00</DtTm></ValDt>"));
    check(text.replace("ValDt>", "BookgDt>"));
    check(text.replace("OPBD", "PRCD"));
    check(text.replace("OPBD", "ITBD").replace("CLBD", "ITBD"));
    check(text.replace("<IBAN>PE-191</IBAN>", "<Othr><Id>PE-191</Id></Othr>"));
    check(text.replace("camt.053.001.08", "camt.053.001.02"));
    check(text.replace("<Ustrd>ABONO</Ustrd>", "<Ustrd><![CDATA[ABONO]]></Ustrd>"));
    let prefixed =
        text.replace("</", "</n:").replace('<', "<n:").replace("<n:/n:", "</n:").replace("<n:?", "<?");
    check(prefixed.replace("xmlns=", "xmlns:n="));
}

#[test]
fn latin_1_is_read_where_it_is_no_utf_8() {
    let text = with(&entry("1.00", "CRDT", "<AddtlNtryInf>DEP\u{D3}SITO</AddtlNtryInf>"), "1001.00");
    let text = text.replace("UTF-8", "ISO-8859-1");
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(&*read_bytes(&latin).unwrap().rows[0].description, "DEPÓSITO");
}

#[test]
fn marks_tell_where_the_money_went() {
    let reversal = "<RvslInd>true</RvslInd>";
    let check = |mark: &str, rest: &str, closing: &str, expected: i64, marked: bool| {
        let table = good(&with(&entry("1.00", mark, rest), closing));
        assert_eq!(table.rows[0].amount.minor, expected, "{mark} {rest}");
        assert_eq!(!table.rows[0].extras.is_empty(), marked, "{mark} {rest}");
    };
    check("CRDT", "", "1001.00", 100, false);
    check("DBIT", "", "999.00", -100, false);
    check("CRDT", reversal, "1001.00", 100, true);
    check("DBIT", reversal, "999.00", -100, true);
    check("RCRD", "", "999.00", -100, true);
    check("RDBT", "", "1001.00", 100, true);
    check("CRDT", "<RvslInd>false</RvslInd>", "1001.00", 100, false);
}

#[test]
fn balances_that_do_not_add_up_refuse_the_statement_with_all_numbers() {
    let one = entry("1.00", "CRDT", "");
    let check = |text: String, part: &str| {
        let expected = format!(
            "the statement in line 3 of f.xml cannot be taken, for its {part}: ask the bank for it again"
        );
        assert_eq!(refused(&text), expected);
    };
    check(
        with(&one, "1002.00"),
        "closing balance does not add up: opening 1000.00 and entries 1.00 give 1001.00, closing is 1002.00, \
         difference -1.00",
    );
    let good = with(&one, "1001.00");
    check(good.replace("CLBD", "CLAV"), "closing balance is missing: the statement may be cut off");
    check(good.replace("OPBD", "FWAV"), "opening balance is missing: the statement may be cut off");
    check(good.replace("<IBAN>PE-191</IBAN>", ""), "bank account is missing: the statement may be cut off");
    check(
        good.replacen("Ccy=\"PEN\"", "Ccy=\"EUR\"", 1),
        "opening balance is in a currency other than PEN and USD",
    );
    check(
        good.replacen("Ccy=\"PEN\"", "Ccy=\"USD\"", 1),
        "closing balance is in PEN and the opening one in USD",
    );
    check(
        good.replace("<Ntry><Amt Ccy=\"PEN\">", "<Ntry><Amt Ccy=\"USD\">"),
        "closing balance cannot be checked, since the amount in line 3 is not in PEN",
    );
    check(
        good.replace(">1.00<", ">1,000.00<"),
        "closing balance cannot be checked, since the amount in line 3 cannot be read",
    );
}

#[test]
fn an_entry_that_cannot_be_read_is_set_aside_and_one_that_is_not_booked_counts_for_nothing() {
    let check = |entries: &str, closing: &str, field: &str| {
        let table =
            read_bytes(with(&(entries.to_owned() + &entry("1", "CRDT", "")), closing).as_bytes()).unwrap();
        assert_eq!(table.rows.len(), 1, "{entries}");
        let [rejected] = table.rejected.as_slice() else { panic!("{entries}") };
        assert_eq!((rejected.line, rejected.field.as_str()), (3, field), "{entries}");
    };
    let other = entry("2", "CRDT", "");
    check(other.replace("2026-03-02", "2026-02-31").trim(), "1003", "value_date");
    check(other.replace("BOOK", "PDNG").trim(), "1001", "status");
    check(other.replace("BOOK", "INFO").trim(), "1001", "status");
    let long = format!("<AcctSvcrRef>{}</AcctSvcrRef>", "x".repeat(300));
    check(entry("2", "CRDT", &long).trim(), "1003", "bank_reference");
}

#[test]
fn the_reference_of_one_payment_of_several_does_not_name_the_entry() {
    let details = DETAILS
        .replace("</NtryDtls>", "<TxDtls><Refs><EndToEndId>OP-78</EndToEndId></Refs></TxDtls></NtryDtls>");
    let table = good(&with(&entry("1", "CRDT", &details), "1001"));
    assert_eq!(table.rows[0].bank_reference.as_deref(), Some("BANK9"));
    let none = DETAILS.replace("OP-77", "NOTPROVIDED");
    let table = good(&with(&entry("1", "CRDT", &none), "1001"));
    assert_eq!(table.rows[0].bank_reference.as_deref(), Some("BANK9"));
}

#[test]
fn several_statements_are_chained_and_one_that_fails_does_not_keep_the_others() {
    let one = entry("1.00", "CRDT", "");
    let pages = statement("S-1", "5.00", "6.00", &one) + &statement("S-2", "6.00", "7.00", &one);
    let ordinals = |text: &str| good(text).rows.iter().map(|row| row.ordinal).collect::<Vec<_>>();
    assert_eq!(ordinals(&document(&pages)), [1, 2]);
    let again = statement("S-1", "5.00", "6.00", &one).repeat(2);
    assert_eq!(ordinals(&document(&again)), [1]);
    let bad = pages.replace(">7.00<", ">8.00<");
    let table = read_bytes(document(&bad).as_bytes()).unwrap();
    assert_eq!((table.rows.len(), table.rejected.len()), (1, 1));
    assert_eq!(table.rejected[0].field, "closing_balance");
}

#[test]
fn a_statement_without_entries_is_a_good_file() {
    assert_eq!(good(&with("", "1000.00")).rows, []);
    assert_eq!(good(&with("", "1000.00").replace("</Acct>", "</Acct><AddtlStmtInf/>")).rows, []);
}

#[test]
fn a_document_that_must_not_be_read_is_refused() {
    let good = with(&entry("1.00", "CRDT", DETAILS), "1001.00");
    let check = |text: &str, expected: &str| assert_eq!(refused(text), expected, "{text:.200}");
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>\n<Document";
    check(&good.replace("<Document", laughs), "f.xml has a DOCTYPE, which is never read: take it out");
    check(
        &good.replace("&amp;", "&lol;"),
        "f.xml uses an entity other than the five of XML: write the character itself",
    );
    check(
        &good.replace("</Document>", ""),
        "f.xml is not well-formed XML in line 7: export or transfer it again",
    );
    check(
        &good.replace("</Ntry>", ""),
        "f.xml is not well-formed XML in line 4: export or transfer it again",
    );
    check(
        &good.replace("BkToCstmrStmt", "BkToCstmrAcctRpt"),
        "f.xml is a CAMT.052 or CAMT.054 message, which has no closing balance: ask the bank for the statement, \
         CAMT.053",
    );
    check(
        &format!("{good}<Document/>"),
        "f.xml is not well-formed XML in line 7: export or transfer it again",
    );
    check(
        "<Document></Document>",
        "f.xml has no CAMT.053 statement in it: ask the bank for the statement as CAMT.053, or give it as CSV",
    );
    check(
        &"<a>".repeat(10_000),
        "f.xml is nested more than 64 elements deep: ask the bank for the statement again",
    );
    check(
        &good.replace("ABONO", &"x".repeat(70_000)),
        "f.xml holds a text longer than 64 KiB: ask the bank for the statement again",
    );
    check("no XML", "f.xml is not well-formed XML in line 1: export or transfer it again");
    check("", "f.xml has no content at all: export it again (a day without rows still has its header line)");
}

#[test]
fn many_remittance_texts_are_cut() {
    let many = format!(
        "<NtryDtls>{}</NtryDtls>",
        "<TxDtls><RmtInf><Ustrd>abcdefgh</Ustrd></RmtInf></TxDtls>".repeat(9_000)
    );
    let table = good(&with(&entry("1", "CRDT", &many), "1001"));
    assert!(table.rows[0].description.len() <= 2_048);
    assert_eq!(table.cleansed.get("shortened"), Some(&1));
}
