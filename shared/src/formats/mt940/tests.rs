use super::super::{Format, Rejected};
use super::*;

/// One statement of 100.00 in, 30.50 out.
const GOOD: &str = ":20:STARTUMS\n:25:191-1\n:28C:7/1\n:60F:C260301PEN1000,00\n\
                    :61:2603020302C100,00NTRFOP-77//BANK9\n:86:ABONO PAGOEFECTIVO\n\
                    :61:260302D30,5NCHGNONREF\n:86:COMISION\nMANTENIMIENTO\n\
                    :62F:C260302PEN1069,50\n-\n";

fn statements(bytes: &[u8]) -> Result<Table<BankRow<'static>>, FileError> {
    read(&Source { name: "f.sta", bytes, format: Format::Csv, account: None })
}

fn good(bytes: &[u8]) -> Table<BankRow<'static>> {
    let table = statements(bytes).unwrap();
    assert_eq!(table.rejected, []);
    table
}

/// Entries between balances that fit them.
fn with_entry(entry: &str, closing: &str) -> String {
    format!(":20:A\n:25:191-1\n:28C:1\n:60F:C260301PEN1000,00\n{entry}\n:62F:{closing}\n")
}

fn minors(table: &Table<BankRow<'_>>) -> Vec<i64> {
    table.rows.iter().map(|row| row.amount.minor).collect()
}

#[test]
fn a_statement_becomes_lines() {
    let table = good(GOOD.as_bytes());
    let [credit, debit] = table.rows.as_slice() else { panic!() };
    assert_eq!(
        (&*credit.bank_account, credit.amount.minor, credit.amount.currency),
        ("191-1", 10_000, Currency::Pen)
    );
    assert_eq!(
        (credit.bank_reference.as_deref(), &*credit.description),
        (Some("OP-77"), "ABONO PAGOEFECTIVO")
    );
    assert_eq!(
        credit.extras,
        [("transaction_type".into(), "NTRF".into()), ("other_reference".into(), "BANK9".into())]
    );
    assert_eq!((debit.amount.minor, debit.bank_reference.as_deref()), (-3_050, None));
    assert_eq!(&*debit.description, "COMISION MANTENIMIENTO");
    assert_eq!(debit.value_date.to_string(), "2026-03-02");
    assert_eq!(table.latest.unwrap().to_string(), "2026-03-02T00:00:00-05:00");
}

#[test]
fn the_same_statement_is_read_in_every_dress() {
    let expected = good(GOOD.as_bytes()).rows;
    let check = |text: String| assert_eq!(good(text.as_bytes()).rows, expected, "{text:?}");
    check(GOOD.replace('\n', "\r\n"));
    check(GOOD.replace('\n', "\r"));
    check(format!("\u{FEFF}{GOOD}"));
    check(format!("{{1:F01BANKPEPL0000}}{{2:O940}}{{4:\n{}", GOOD.replace("\n-\n", "\n-}{5:{CHK:1}}\n")));
    check(GOOD.replace("\n-\n", "\n"));
    check(GOOD.replace(":28C:", ":28:"));
    check(GOOD.replace("260302D30,5", "260302    D30,5"));
    check(GOOD.replace("D30,5N", "DN 30.50N"));
    check(GOOD.replace("D30,5N", "D\n30,50N"));
    check(GOOD.replace("PEN1069,50", "1069,50"));
    check(GOOD.replace(":25:191-1", ":25P:191-1\nBANKPEPL"));
    check(GOOD.replace(":62F:", ":64:C260302PEN1,00\n:62F:"));
}

#[test]
fn latin_1_is_read_where_it_is_no_utf_8() {
    let text = GOOD.replace("COMISION", "COMISI\u{D3}N");
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(&*good(&latin).rows[1].description, "COMISIÓN MANTENIMIENTO");
    assert_eq!(&*good(text.as_bytes()).rows[1].description, "COMISIÓN MANTENIMIENTO");
}

#[test]
fn marks_tell_where_the_money_went() {
    let check = |entry: &str, closing: &str, expected: i64, reversal: bool| {
        let table = good(with_entry(entry, closing).as_bytes());
        assert_eq!(minors(&table), [expected], "{entry}");
        let marked = table.rows[0].extras.contains(&("reversal".into(), "true".into()));
        assert_eq!(marked, reversal, "{entry}");
    };
    check(":61:260302C1,NTRFX", "C260302PEN1001,00", 100, false);
    check(":61:260302D1,NTRFX", "C260302PEN999,00", -100, false);
    check(":61:260302RC1,NTRFX", "C260302PEN999,00", -100, true);
    check(":61:260302RD1,NTRFX", "C260302PEN1001,00", 100, true);
    check(":61:260302CN,05NTRFX", "C260302PEN1000,05", 5, false);
    check(":61:260302D1500,NTRFX", "D260302PEN500,00", -150_000, false);
    check(":61:260302C0,NTRFX", "C260302PEN1000,", 0, false);
}

#[test]
fn balances_that_do_not_add_up_refuse_the_statement_with_all_numbers() {
    let check = |text: String, expected: &str| {
        assert_eq!(statements(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
    };
    check(
        GOOD.replace("1069,50", "1069,49"),
        "the statement in line 1 of f.sta cannot be taken, for its closing balance does not add up: opening 1000.00 \
         and entries 69.50 give 1069.50, closing is 1069.49, difference 0.01: ask the bank for it again",
    );
    check(
        GOOD.replace("D30,5N", "C30,5N"),
        "the statement in line 1 of f.sta cannot be taken, for its closing balance does not add up: opening 1000.00 \
         and entries 130.50 give 1130.50, closing is 1069.50, difference 61.00: ask the bank for it again",
    );
    let refused = |part: &str| {
        format!("the statement in line 1 of f.sta cannot be taken, for its {part}: ask the bank for it again")
    };
    let cut = GOOD.split(":62F:").next().unwrap();
    check(cut.to_owned(), &refused("closing balance is missing: the statement may be cut off"));
    check(
        GOOD.replace(":60F:C260301PEN1000,00\n", ""),
        &refused("opening balance is missing: the statement may be cut off"),
    );
    check(GOOD.replace(":25:191-1\n", ""), &refused("bank account is missing: the statement may be cut off"));
    check(
        GOOD.replace("C260302PEN1069", "C260302USD1069"),
        &refused("closing balance is in USD and the opening one in PEN"),
    );
    check(
        GOOD.replace("PEN1000,00", "EUR1000,00"),
        &refused("opening balance is in a currency other than PEN and USD"),
    );
    check(
        GOOD.replace("C260301PEN1000,00", "C260231PEN1000,00"),
        &refused("opening balance is not a balance such as C260302PEN1000,00"),
    );
    check(
        GOOD.replace("C100,00N", "C1.100,00N"),
        &refused("closing balance cannot be checked, since the amount in line 5 cannot be read"),
    );
}

#[test]
fn an_entry_that_cannot_be_read_is_set_aside_and_still_counts() {
    let text = GOOD.replace(":61:260302D", ":61:260231D");
    let table = statements(text.as_bytes()).unwrap();
    assert_eq!(minors(&table), [10_000]);
    let [Rejected { line, field, reason, value, .. }] = table.rejected.as_slice() else { panic!() };
    assert_eq!((*line, field.as_str(), value.as_str()), (7, "value_date", "260231"));
    assert_eq!(reason, "is not a day of the calendar as YYMMDD");
    let long = GOOD.replace("OP-77", &"x".repeat(300));
    assert_eq!(statements(long.as_bytes()).unwrap().rejected[0].field, "bank_reference");
    let nul = GOOD.replace("COMISION", "CO\0");
    assert_eq!(statements(nul.as_bytes()).unwrap().rejected[0].field, "description");
    let huge = GOOD.replace("COMISION", &"x".repeat(70_000));
    assert_eq!(statements(huge.as_bytes()).unwrap().rejected[0].field, "description");
}

#[test]
fn a_statement_that_cannot_be_taken_does_not_keep_the_others() {
    let other = GOOD.replace("191-1", "191-2").replace("1069,50", "1,00");
    let table = statements(format!("{GOOD}{other}").as_bytes()).unwrap();
    assert_eq!(minors(&table), [10_000, -3_050]);
    let [rejected] = table.rejected.as_slice() else { panic!() };
    assert_eq!((rejected.line, rejected.field.as_str()), (12, "closing_balance"));
    assert!(rejected.reason.starts_with("does not add up"), "{}", rejected.reason);
}

/// A statement of one entry of 1.00 in from the balance of one day to that of another.
fn day(id: &str, from: (&str, u32), to: &str) -> String {
    let (day, opening) = from;
    format!(
        ":20:{id}\n:25:191-1\n:28C:0\n:60F:C{day}PEN{opening},\n:61:260302C1,NTRFSAME\n:62F:C{to}PEN{},\n",
        opening + 1
    )
}

#[test]
fn statements_of_one_file_are_chained_or_overlap() {
    let check = |statements: &[String], expected: &[u32]| {
        let table = good(statements.concat().as_bytes());
        let ordinals: Vec<u32> = table.rows.iter().map(|row| row.ordinal).collect();
        assert_eq!(ordinals, expected, "{statements:?}");
    };
    let (monday, tuesday) = (day("A", ("260302", 5), "260302"), day("B", ("260302", 6), "260303"));
    check(std::slice::from_ref(&monday), &[1]);
    // The second begins where the first ends, and its line is another one, though it looks the same.
    check(&[monday.clone(), tuesday.clone()], &[1, 2]);
    check(&[tuesday.clone(), monday.clone()], &[1, 2]);
    // The same one again brings nothing.
    check(&[monday.clone(), monday.clone()], &[1]);
    check(&[monday.clone(), tuesday.clone(), monday.clone(), tuesday], &[1, 2]);
    // Some banks give all statements one name.
    let wednesday = day("A", ("260304", 6), "260304");
    check(&[monday.clone(), wednesday], &[1, 2]);
    // One that begins before the first ends overlaps with it.
    check(&[monday, day("C", ("260301", 5), "260302")], &[1]);
}

#[test]
fn a_statement_that_ends_where_it_began_is_a_repetition_under_the_same_name() {
    let statement = |id: &str| {
        format!(
            ":20:{id}\n:25:191-1\n:28C:0\n:60F:C260302PEN5,\n:61:260302C1,NTRFX\n:61:260302D1,NTRFX\n:62F:C260302PEN5,\n"
        )
    };
    let lines = |statements: [String; 2]| good(statements.concat().as_bytes()).rows.len();
    assert_eq!(lines([statement("A"), statement("A")]), 2);
    assert_eq!(lines([statement("A"), statement("B")]), 4);
}

#[test]
fn pages_of_a_statement_add_up_each() {
    let first = ":20:A\n:25:191-1\n:28C:7/1\n:60F:C260302PEN10,\n:61:260302C1,NTRFX\n:62M:C260302PEN11,\n-\n";
    let second =
        ":20:A\n:25:191-1\n:28C:7/2\n:60M:C260302PEN11,\n:61:260302C1,NTRFX\n:62F:C260302PEN12,\n-\n";
    let table = good(format!("{first}{second}").as_bytes());
    assert_eq!(table.rows.iter().map(|row| row.ordinal).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_statement_without_entries_is_a_good_file() {
    let table = good(b":20:A\n:25:191-1\n:28C:1\n:60F:C260301PEN1,\n:62F:C260302PEN1,\n");
    assert_eq!(table.rows, []);
    assert!(table.latest.is_some());
}

#[test]
fn unknown_tags_are_named_and_known_ones_are_not() {
    let text = GOOD.replace(":62F:", ":99Z:x\n:62F:").replace(":60F:", ":13D:x\n:60F:");
    assert_eq!(good(text.as_bytes()).unknown_columns, [":99Z:"]);
}

#[test]
fn what_is_no_statement_is_refused() {
    let check = |bytes: &[u8], expected: &str| {
        assert_eq!(statements(bytes).unwrap_err().to_string(), expected);
    };
    check(
        b"bank_account,amount\n",
        "f.sta has no MT940 statement in it: ask the bank for the statement as MT940, or give it as CSV",
    );
    check(b"", "f.sta has no content at all: export it again (a day without rows still has its header line)");
    check(b"\xFF\xFE:\0", "f.sta is UTF-16, not plain text: save it as UTF-8");
}
