//! The balance that a bank's table states after its lines: each follows from the one before, or the file is refused whole.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::bank::{BALANCE, LAYOUT, Line};
use super::error::FileError;
use super::mapping::LegMapping;
use super::{Rejected, Table};
use crate::money::{Currency, format_minor};

/// What to do about lines that are not there, or not what the bank meant.
const ASK_AGAIN: &str =
    "export the whole period again, or correct the columns of amount and balance in the mapping";

/// What to do about lines that could not be read.
const MEND_LINES: &str = "correct what was set aside, or the mapping by which it is read";

/// Checks the lines of each account and currency, all of the file oldest first or all newest first. A line without
/// balance counts towards the next that has one.
///
/// # Errors
/// [`FileError::BalanceBroken`] where a balance does not follow from the one before, [`FileError::Unreadable`] where the
/// mapping names a column of balances and no line has one, for then nothing would be checked.
pub(super) fn check(file: &str, mapping: &LegMapping, table: &Table<Line<'_>>) -> Result<(), FileError> {
    let lines = &table.rows;
    if mapping.maps(BALANCE.name) && !lines.is_empty() && lines.iter().all(|line| line.balance.is_none()) {
        return Err(FileError::Unreadable {
            file: file.to_owned(),
            what: "has no balance in any line, and the mapping names a column of balances".to_owned(),
            remedy: "correct balance under [bank.columns], or take it out".to_owned(),
        });
    }
    let (Some(oldest_first), Some(newest_first)) = (breaks(lines.iter()), breaks(lines.iter().rev())) else {
        return Ok(());
    };
    let days = |line: &Line<'_>| line.row.value_date;
    // A file on one day alone does not tell its order; then the one with less to object to is meant.
    let meant = match lines.first().map(days).cmp(&lines.last().map(days)) {
        Ordering::Greater => newest_first,
        Ordering::Equal if newest_first.count < oldest_first.count => newest_first,
        Ordering::Equal | Ordering::Less => oldest_first,
    };
    Err(meant.first.refusal(file, &table.rejected))
}

/// A balance where it stands.
#[derive(Clone, Copy, Debug)]
struct Stated {
    line: u64,
    minor: i64,
}

/// Two balances of one account, and lines between them that do not lead from one to the other.
#[derive(Clone, Copy, Debug)]
struct Break {
    before: Stated,
    here: Stated,
    /// What the lines after `before` moved, up to and with that of `here`.
    moved: i128,
}

/// What is wrong with the balances in one order of the lines.
#[derive(Clone, Copy, Debug)]
struct Breaks {
    first: Break,
    count: usize,
}

/// Goes through the lines, which begin with the oldest; `None` where every balance follows from the one before.
fn breaks<'l, 'a: 'l>(lines: impl Iterator<Item = &'l Line<'a>>) -> Option<Breaks> {
    let mut accounts: HashMap<(&str, Currency), (Option<Stated>, i128)> = HashMap::new();
    let mut found: Option<Breaks> = None;
    for line in lines {
        let (last, moved) = accounts.entry((&line.row.bank_account, line.row.amount.currency)).or_default();
        *moved = moved.saturating_add(line.row.amount.minor.into());
        let Some(minor) = line.balance else { continue };
        let here = Stated { line: line.number, minor };
        if let Some(before) = last.replace(here) {
            let step = Break { before, here, moved: *moved };
            if step.difference() != 0 {
                let breaks = found.get_or_insert(Breaks { first: step, count: 0 });
                breaks.count = breaks.count.saturating_add(1);
            }
        }
        *moved = 0;
    }
    found
}

impl Break {
    fn expected(&self) -> i128 {
        self.moved.saturating_add(self.before.minor.into())
    }

    fn difference(&self) -> i128 {
        self.expected().saturating_sub(self.here.minor.into())
    }

    fn refusal(&self, file: &str, rejected: &[Rejected]) -> FileError {
        let [before, moved, expected, here, difference] = [
            self.before.minor.into(),
            self.moved,
            self.expected(),
            self.here.minor.into(),
            self.difference(),
        ]
        .map(format_minor);
        let mut reason = format!(
            "does not add up: {before} in line {} and {moved} moved since give {expected}, stated is {here}, \
             difference {difference}",
            self.before.line
        );
        let between = self.before.line.min(self.here.line)..self.before.line.max(self.here.line);
        let mut lost = rejected.iter().filter(|rejected| between.contains(&rejected.line));
        let remedy = match lost.next() {
            Some(first) => {
                reason.push_str(&explanation(first, lost.count()));
                MEND_LINES
            }
            None => ASK_AGAIN,
        };
        FileError::BalanceBroken { file: file.to_owned(), line: self.here.line, reason, remedy }
    }
}

/// Names the first line between two balances that was set aside, for its amount is missing from the sum.
fn explanation(first: &Rejected, others: usize) -> String {
    let Rejected { line, field, reason, .. } = first;
    // A name that the format does not have is the file's own, and an error holds nothing of a file but its balances.
    let field = LAYOUT.field(field).map_or("it".to_owned(), |field| format!("its {}", field.name));
    let others = match others {
        0 => String::new(),
        1 => ", and 1 more line was".to_owned(),
        others => format!(", and {others} more lines were"),
    };
    format!(", for which line {line} may account: {field} {reason}, so that it was set aside{others}")
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Mapping, Source, Table, read_bank};
    use super::*;
    use crate::lifecycle::evidence::BankRow;

    const MAPPED: &str = "[bank.columns]\nvalue_date = \"day\"\nbalance = \"saldo\"\n\
                          [bank.constants]\ndescription = \"x\"\n";

    fn read<'a>(text: &'a str, format: Format, mapping: &str) -> Result<Table<BankRow<'a>>, FileError> {
        let source = Source { name: "f", bytes: text.as_bytes(), format, account: None };
        read_bank(&source, &Mapping::parse(mapping).unwrap().bank)
    }

    /// Lines of account, currency, day of March, amount and balance.
    fn csv(lines: &[&str]) -> String {
        let line = |line: &&str| match line.split(' ').collect::<Vec<_>>().as_slice() {
            [account, currency, day, amount, balance] => {
                format!("{account},{currency},2026-03-{day},{amount},{balance}\n").replace('_', "")
            }
            _ => panic!("{line}"),
        };
        let lines: String = lines.iter().map(line).collect();
        format!("bank_account,currency,day,amount,saldo\n{lines}")
    }

    fn lines_taken(lines: &[&str]) -> Result<usize, String> {
        let text = csv(lines);
        read(&text, Format::Csv, MAPPED).map(|table| table.rows.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_that_lead_from_balance_to_balance_are_taken() {
        let check = |lines: &[&str]| assert_eq!(lines_taken(lines), Ok(lines.len()), "{lines:?}");
        check(&[]);
        check(&["A PEN 02 5 7"]);
        check(&["A PEN 02 5 105", "A PEN 02 -3.50 101.50", "A PEN 03 0 101.50", "A PEN 04 -200 -98.50"]);
        // The newest first, on several days and on one.
        check(&["A PEN 04 -200 -98.50", "A PEN 03 0 101.50", "A PEN 02 -3.50 101.50", "A PEN 02 5 105"]);
        check(&["A PEN 02 1 7", "A PEN 02 2 6", "A PEN 02 4 4"]);
        // No balance at the beginning, between and at the end.
        check(&[
            "A PEN 02 9 _",
            "A PEN 02 5 105",
            "A PEN 02 1 _",
            "A PEN 02 2 _",
            "A PEN 02 3 111",
            "A PEN 02 7 _",
        ]);
        check(&["A PEN 03 3 111", "A PEN 03 2 _", "A PEN 02 1 _", "A PEN 02 5 105"]);
        // Accounts and currencies lie between each other and have balances of their own.
        check(&[
            "A PEN 02 1 11",
            "B PEN 02 1 501",
            "A USD 02 1 71",
            "A PEN 03 2 13",
            "B PEN 03 2 503",
            "A USD 03 2 73",
        ]);
        check(&["A PEN 02 1 11", "B PEN 02 1 _", "A PEN 03 2 13", "B PEN 03 2 _"]);
        check(&["B PEN 03 2 503", "A PEN 03 2 13", "B PEN 02 1 501", "A PEN 02 1 11"]);
        let largest = "9999999999999999.99";
        check(&[
            &format!("A PEN 02 1 -{largest}"),
            &format!("A PEN 02 {largest} 0"),
            &format!("A PEN 02 {largest} {largest}"),
        ]);
    }

    #[test]
    fn a_file_is_refused_whole_at_the_first_balance_that_does_not_follow() {
        let check = |lines: &[&str], line: u64, reason: &str| {
            let remedy =
                "export the whole period again, or correct the columns of amount and balance in the mapping";
            let expected = format!(
                "f cannot be taken, for its balance in line {line} does not add up: {reason}: {remedy}"
            );
            assert_eq!(lines_taken(lines), Err(expected), "{lines:?}");
        };
        check(
            &["A PEN 02 5 105", "A PEN 02 1 107", "A PEN 03 1 109"],
            3,
            "105.00 in line 2 and 1.00 moved since give 106.00, stated is 107.00, difference -1.00",
        );
        check(
            &["A PEN 02 5 105", "A PEN 02 1 _", "A PEN 03 -2.50 103.49"],
            4,
            "105.00 in line 2 and -1.50 moved since give 103.50, stated is 103.49, difference 0.01",
        );
        // The newest first: the oldest fault is named, and the balance that comes after it.
        check(
            &["A PEN 04 1 9", "A PEN 03 1 7", "A PEN 02 1 6", "A PEN 01 1 4"],
            4,
            "4.00 in line 5 and 1.00 moved since give 5.00, stated is 6.00, difference -1.00",
        );
        // On one day, the order that fits more of the lines is meant.
        check(
            &["A PEN 02 1 9", "A PEN 02 2 8", "A PEN 02 1 5", "A PEN 02 1 4"],
            3,
            "5.00 in line 4 and 2.00 moved since give 7.00, stated is 8.00, difference -1.00",
        );
        // What one account has too much, another does not lack.
        check(
            &["A PEN 02 1 11", "B PEN 02 1 11", "A PEN 03 2 14", "B PEN 03 2 12"],
            4,
            "11.00 in line 2 and 2.00 moved since give 13.00, stated is 14.00, difference -1.00",
        );
        check(
            &["A PEN 02 1 11", "A USD 02 1 12", "A PEN 02 1 13"],
            4,
            "11.00 in line 2 and 1.00 moved since give 12.00, stated is 13.00, difference -1.00",
        );
        // All lines of a file have one order.
        check(
            &["A PEN 02 1 11", "A PEN 03 2 13", "B PEN 04 5 13", "B PEN 04 2 8"],
            5,
            "13.00 in line 4 and 2.00 moved since give 15.00, stated is 8.00, difference 7.00",
        );
        let largest = "9999999999999999.99";
        check(
            &[&format!("A PEN 02 1 {largest}"), &format!("A PEN 03 {largest} -{largest}")],
            3,
            "9999999999999999.99 in line 2 and 9999999999999999.99 moved since give 19999999999999999.98, stated is \
             -9999999999999999.99, difference 29999999999999999.97",
        );
    }

    #[test]
    fn a_line_that_was_set_aside_between_two_balances_is_named() {
        let check = |lines: &[&str], line: u64, explained: &str| {
            let error = lines_taken(lines).unwrap_err();
            let begin = format!("f cannot be taken, for its balance in line {line} does not add up: ");
            let end =
                format!(", {explained}: correct what was set aside, or the mapping by which it is read");
            assert!(error.starts_with(&begin) && error.ends_with(&end), "{lines:?}: {error}");
        };
        let day = "its value_date is not a day such as 2026-03-02, so that it was set aside";
        check(
            &["A PEN 01 5 105", "A PEN 32 1 106", "A PEN 03 1 107"],
            4,
            &format!("difference -1.00, for which line 3 may account: {day}"),
        );
        check(
            &["A PEN 03 1 107", "A PEN 32 1 106", "A PEN 01 5 105"],
            2,
            &format!("difference -1.00, for which line 3 may account: {day}"),
        );
        check(
            &["A PEN 01 5 105", "A PEN 32 1 106", "A PEN 02 1 _", "A PEN 02 x 109", "A PEN 03 1 110"],
            6,
            &format!("difference -3.00, for which line 3 may account: {day}, and 1 more line was"),
        );
        check(
            &["A PEN 01 5 105", "A PEN 02 1 1.0.0", "A PEN 02 x _", "A PEN 02 x _", "A PEN 03 1 110"],
            6,
            "difference -4.00, for which line 3 may account: its balance is not a plain decimal such as 1234.50, so \
             that it was set aside, and 2 more lines were",
        );
    }

    #[test]
    fn a_refusal_holds_no_name_and_no_value_of_the_file() {
        let lines = csv(&["A PEN 01 5 105", "A PEN 02 1 106", "A PEN 03 1 107"]);
        let text =
            lines.replace("saldo\n", "saldo,Rosa\n").replace("105\n", "105,\n").replace("107\n", "107,\n");
        let error =
            read(&text.replace("106\n", "106,Quispe\0\n"), Format::Csv, MAPPED).unwrap_err().to_string();
        assert!(
            error.contains("for which line 3 may account: it holds a NUL byte: expected text, so"),
            "{error}"
        );
        assert!(!error.contains("Rosa") && !error.contains("Quispe"), "{error}");
    }

    #[test]
    fn a_line_that_was_set_aside_elsewhere_explains_nothing() {
        let lines = ["A PEN 32 5 1", "A PEN 01 5 105", "A PEN 02 1 107", "A PEN 32 5 1"];
        let error = lines_taken(&lines).unwrap_err();
        assert!(error.contains("difference -1.00: export the whole period again"), "{error}");
        // A subtotal is no line, and leaves the balances as they are.
        assert_eq!(
            lines_taken(&["A PEN 32 5 1", "A PEN 01 5 105", "A PEN 02 _ 105", "A PEN 02 1 106"]),
            Ok(2)
        );
    }

    #[test]
    fn balances_are_read_in_every_format_and_as_the_bank_writes_numbers() {
        let marks = "[bank]\ndecimal_mark = \",\"\nthousands_mark = \".\"\ndelimiter = \";\"\n\
                     [bank.columns]\nbalance = \"Saldo\"\ndebit = \"Cargo\"\ncredit = \"Abono\"\n";
        let header = "bank_account;currency;value_date;description;Cargo;Abono;Saldo\n";
        let text = |last: &str| {
            format!("{header}A;PEN;2026-03-02;x;;1.000,50;900,00\nA;PEN;2026-03-02;x;1.000,50;;{last}\n")
        };
        let check = |text: &str, format, mapping: &str, expected: Result<usize, u64>| {
            let found =
                read(text, format, mapping).map(|table| table.rows.len()).map_err(|error| match error {
                    FileError::BalanceBroken { line, .. } => line,
                    other => panic!("{other}"),
                });
            assert_eq!(found, expected, "{text}");
        };
        check(&text("(100,50)"), Format::Csv, marks, Ok(2));
        check(&text("100,50-"), Format::Csv, marks, Ok(2));
        check(&text("100,50"), Format::Csv, marks, Err(3));
        let object = |day: &str, amount: &str, balance: &str| {
            format!(
                "{{\"bank_account\":\"A\",\"currency\":\"PEN\",\"day\":\"{day}\",\"amount\":{amount},\"saldo\":{balance}}}"
            )
        };
        let (first, good, bad) = (
            object("2026-03-02", "1", "7"),
            object("2026-03-03", "2", "9.00"),
            object("2026-03-03", "2", "\"10\""),
        );
        check(&format!("{first}\n\n{good}\n"), Format::Ndjson, MAPPED, Ok(2));
        check(&format!("{first}\n\n{bad}\n"), Format::Ndjson, MAPPED, Err(3));
        check(&format!("[{first},{}]", good.replace("9.00", "null")), Format::Json, MAPPED, Ok(2));
        check(&format!("[{first},{bad}]"), Format::Json, MAPPED, Err(2));
        let xml = |last: &str| {
            let line = |balance: &str| {
                format!(
                    "<l><bank_account>A</bank_account><currency>PEN</currency><day>2026-03-02</day><amount>2</amount><saldo>{balance}</saldo></l>"
                )
            };
            format!("<s>{}{}</s>", line("7"), line(last))
        };
        let records = format!("[bank]\nrecords = \"s/l\"\n{MAPPED}");
        check(&xml("9"), Format::Xml, &records, Ok(2));
        check(&xml("10"), Format::Xml, &records, Err(2));
    }

    #[test]
    fn a_canonical_balance_is_checked_and_not_written_again() {
        let header = "bank_account,currency,value_date,description,amount,balance\n";
        let text = format!("{header}A,PEN,2026-03-02,x,1,7\nA,PEN,2026-03-02,x,2,9\n");
        let table = read(&text, Format::Csv, "").unwrap();
        assert_eq!(table.unknown_columns, [""; 0]);
        assert!(table.rows.iter().all(|row| row.extras.is_empty()), "{:?}", table.rows);
        let mut written = Vec::new();
        super::super::write_bank_ndjson(&table.rows[1], &mut written);
        assert!(!String::from_utf8(written).unwrap().contains("balance"));
        assert!(read(&text.replace(",9", ",8"), Format::Csv, "").is_err());
    }

    #[test]
    fn a_mapped_balance_that_no_line_has_is_no_check_at_all() {
        let refused = "f has no balance in any line, and the mapping names a column of balances: correct balance under \
                       [bank.columns], or take it out";
        assert_eq!(lines_taken(&["A PEN 02 5 _", "A PEN 02 5 _"]), Err(refused.to_owned()));
        let renamed = csv(&["A PEN 02 5 7"]).replace("saldo", "saldo contable");
        assert_eq!(read(&renamed, Format::Csv, MAPPED).unwrap_err().to_string(), refused);
        assert_eq!(lines_taken(&["A PEN 02 5 _", "A PEN 02 5 9"]), Ok(2));
        // No line at all, or none that can be read, needs none.
        assert_eq!(lines_taken(&[]), Ok(0));
        assert_eq!(lines_taken(&["A PEN 32 5 _"]), Ok(0));
        // What is not mapped is not asked for.
        let text = "bank_account,currency,value_date,description,amount,balance\nA,PEN,2026-03-02,x,1,\n";
        assert_eq!(read(text, Format::Csv, "").unwrap().rows.len(), 1);
    }
}
