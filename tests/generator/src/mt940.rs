//! The statement of one bank account as MT940.

use std::fmt::Write as _;

use crate::banking_days::Day;
use crate::ledger::BankLine;
use crate::rows::{Currency, write_minor};

const OPENING_MINOR: i64 = 1_000_000;

/// Writes the lines of one account, which come in the order of their days, with the balances before and after them.
pub(crate) fn statement(bank_account: &str, currency: Currency, lines: &[&BankLine], end: Day) -> String {
    let first = lines.first().map_or(end, |line| line.value_date);
    let mut out = format!(":20:EXTRACTO\n:25:{bank_account}\n:28C:1/1\n");
    balance(&mut out, ":60F:", OPENING_MINOR, currency, first);
    for line in lines {
        let mark = if line.minor < 0 { 'D' } else { 'C' };
        let reference = line.bank_reference.as_deref().map(cleansed);
        let mut amount = String::new();
        write_minor(&mut amount, line.minor.saturating_abs());
        // Writing to a String cannot fail.
        let written = write!(
            out,
            ":61:{}{mark}{}NTRF{}\n:86:{}\n",
            short(line.value_date),
            amount.replace('.', ","),
            reference.as_deref().unwrap_or("NONREF"),
            line.description
        );
        debug_assert!(written.is_ok());
    }
    let moved: i64 = lines.iter().map(|line| line.minor).sum();
    balance(&mut out, ":62F:", OPENING_MINOR + moved, currency, end);
    out.push_str("-\n");
    out
}

fn balance(out: &mut String, tag: &str, minor: i64, currency: Currency, day: Day) {
    let mark = if minor < 0 { 'D' } else { 'C' };
    let mut amount = String::new();
    write_minor(&mut amount, minor.saturating_abs());
    let amount = amount.replace('.', ",");
    out.push_str(&format!("{tag}{mark}{}{}{amount}\n", short(day), currency.code()));
}

/// The day as `260302`.
fn short(day: Day) -> String {
    let mut long = String::new();
    day.write(&mut long);
    long.replace('-', "").split_off(2)
}

/// What a careless table means: this channel of the bank is a tidy one.
fn cleansed(reference: &str) -> String {
    reference.replace('\u{200b}', "").replace(['\u{a0}', '\n'], " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::BEGIN;

    #[test]
    fn a_statement_leads_from_one_balance_to_the_other() {
        let line = |minor, reference: Option<&str>| BankLine {
            bank_account: "0011-1",
            bank_reference: reference.map(str::to_owned),
            value_date: Day::of(BEGIN),
            minor,
            currency: Currency::Usd,
            description: "ABONO".to_owned(),
            movement: String::new(),
        };
        let lines = [line(1_050, Some(" TRF-\u{200b}1\u{3000}")), line(-5, None)];
        let written = statement("0011-1", Currency::Usd, &lines.each_ref(), Day::of(BEGIN).plus(1));
        let expected = ":20:EXTRACTO\n:25:0011-1\n:28C:1/1\n:60F:C260302USD10000,00\n\
                        :61:260302C10,50NTRFTRF-1\n:86:ABONO\n:61:260302D0,05NTRFNONREF\n:86:ABONO\n\
                        :62F:C260303USD10010,45\n-\n";
        assert_eq!(written, expected);
    }
}
