//! Lines of a bank that nothing but their number tells apart, within one statement and across several.

use std::collections::HashMap;

use crate::calendar::Day;
use crate::lifecycle::evidence::BankRow;
use crate::money::{Currency, Money};

/// What two lines have to share to be identical; neither unknown columns nor the ordinal belong to it.
type Identity<'r> = (&'r str, Option<&'r str>, Day, i64, Currency, &'r str);

fn identity<'r>(row: &'r BankRow<'_>) -> Identity<'r> {
    let Money { minor, currency } = row.amount;
    (&row.bank_account, row.bank_reference.as_deref(), row.value_date, minor, currency, &row.description)
}

/// How often a line was met.
#[derive(Clone, Copy, Default)]
struct Met {
    /// In the statement that has most of it so far.
    most: u32,
    /// In the statement that is being counted.
    here: u32,
    /// Number of that statement.
    statement: usize,
}

/// The ordinal of each line, the lines given statement by statement; `None` for one that an earlier statement has.
fn ordinals<'r, 'a: 'r>(lines: impl Iterator<Item = (usize, &'r BankRow<'a>)>) -> Vec<Option<u32>> {
    let mut met: HashMap<Identity<'r>, Met> = HashMap::new();
    let mut ordinal = |(statement, row): (usize, &'r BankRow<'a>)| {
        let met = met.entry(identity(row)).or_default();
        if met.statement != statement {
            *met = Met { here: 0, statement, ..*met };
        }
        met.here = met.here.saturating_add(1);
        let is_new = met.here > met.most;
        met.most = met.here.max(met.most);
        is_new.then_some(met.here)
    };
    lines.map(&mut ordinal).collect()
}

/// Numbers the identical lines of one statement from 1, in its order.
pub(super) fn number_lines(rows: &mut [BankRow<'_>]) {
    let found = ordinals(rows.iter().map(|row| (0, row)));
    for (row, ordinal) in rows.iter_mut().zip(found) {
        row.ordinal = ordinal.unwrap_or(row.ordinal);
    }
}

/// Puts statements together that may overlap: of identical lines as many are kept as the statement that has most of
/// them shows. Two exports of one week give its lines once, and a line that is twice in either is kept twice.
///
/// The lines keep the order in which they are met, and are numbered anew.
#[must_use]
pub fn merge_statements<'a>(statements: Vec<Vec<BankRow<'a>>>) -> Vec<BankRow<'a>> {
    let lines = statements.iter().enumerate();
    let found = ordinals(lines.flat_map(|(statement, rows)| rows.iter().map(move |row| (statement, row))));
    let rows = statements.into_iter().flatten().zip(found);
    rows.filter_map(|(row, ordinal)| Some(BankRow { ordinal: ordinal?, ..row })).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn line(day: &str, minor: i64, description: &'static str) -> BankRow<'static> {
        BankRow {
            bank_account: Cow::Borrowed("191-1"),
            bank_reference: None,
            value_date: Day::parse(day).unwrap(),
            amount: Money { minor, currency: Currency::Pen },
            description: Cow::Borrowed(description),
            ordinal: 1,
            extras: Vec::new(),
        }
    }

    /// Lines as one letter each; all move as much on the same day.
    fn statement(letters: &'static str) -> Vec<BankRow<'static>> {
        (0..letters.len()).map(|at| line("2026-03-02", 100, letters.get(at..=at).unwrap())).collect()
    }

    fn letters(rows: &[BankRow<'_>]) -> String {
        rows.iter().map(|row| format!("{}{}", row.description, row.ordinal)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn identical_lines_of_one_statement_are_numbered_in_its_order() {
        let mut rows = statement("ABAAB");
        number_lines(&mut rows);
        assert_eq!(letters(&rows), "A1 B1 A2 A3 B2");
        let mut rows =
            vec![line("2026-03-02", 100, "A"), line("2026-03-03", 100, "A"), line("2026-03-02", 101, "A")];
        number_lines(&mut rows);
        assert_eq!(letters(&rows), "A1 A1 A1");
    }

    #[test]
    fn overlapping_statements_take_the_larger_count() {
        let check = |statements: &[&'static str], expected: &str| {
            let merged = merge_statements(statements.iter().map(|letters| statement(letters)).collect());
            assert_eq!(letters(&merged), expected, "{statements:?}");
        };
        check(&[], "");
        check(&["AB"], "A1 B1");
        check(&["AB", "AB"], "A1 B1");
        check(&["AAB", "AB"], "A1 A2 B1");
        check(&["AB", "AAB"], "A1 B1 A2");
        check(&["AB", "BC", "CCA"], "A1 B1 C1 C2");
        check(&["AA", "AAA", "A"], "A1 A2 A3");
    }

    #[test]
    fn another_unknown_column_makes_no_other_line() {
        let mut other = statement("A");
        other[0].extras.push((Cow::Borrowed("oficina"), Cow::Borrowed("7")));
        assert_eq!(merge_statements(vec![statement("A"), other]).len(), 1);
    }
}
