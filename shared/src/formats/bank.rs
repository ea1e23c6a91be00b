//! The bank lines' columns and how a row of them is put together.

use super::Leg;
use super::fields::{Defect, Fields};
use super::plan::{Field, Kind, Layout};
use crate::calendar::Instant;
use crate::lifecycle::evidence::BankRow;
use crate::money::Money;

const BANK_ACCOUNT: Field = Field::required(0, "bank_account", Kind::Text);
const BANK_REFERENCE: Field = Field::optional(1, "bank_reference", Kind::Text);
const VALUE_DATE: Field = Field::required(2, "value_date", Kind::Day);
const AMOUNT: Field = Field::optional(3, "amount", Kind::Signed);
const DEBIT: Field = Field::optional(4, "debit", Kind::Signed);
const CREDIT: Field = Field::optional(5, "credit", Kind::Signed);
const CURRENCY: Field = Field::required(6, "currency", Kind::Currency);
const DESCRIPTION: Field = Field::required(7, "description", Kind::Prose);
pub(super) const BALANCE: Field = Field::optional(8, "balance", Kind::Signed);

/// The format, in the order of docs/formats.md. Debit and credit stand for the amount where a bank has two columns;
/// what Cuadre writes has the amount alone. The balance is checked and not kept: what is written of a file may be a part
/// of its lines, which no longer lead from one balance to the next.
pub(super) const LAYOUT: Layout = Layout {
    leg: Leg::Bank,
    fields: &[
        BANK_ACCOUNT,
        BANK_REFERENCE,
        VALUE_DATE,
        AMOUNT,
        DEBIT,
        CREDIT,
        CURRENCY,
        DESCRIPTION,
        BALANCE,
    ],
    one_of: &[AMOUNT, DEBIT, CREDIT],
    statuses: &[],
};

/// A line with what its file's balances are checked by.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub row: BankRow<'a>,
    /// Where it stands, as rejects count.
    pub number: u64,
    /// What was on the account after it, in minor units of its currency.
    pub balance: Option<i64>,
}

/// Reads one row, field by field in the order of the format. Its ordinal is 1 until the file's lines are counted.
pub(super) fn read<'a>(row: &mut Fields<'a, '_>) -> Result<Line<'a>, Defect> {
    let bank_account = row.required_text(BANK_ACCOUNT)?;
    let bank_reference = row.text(BANK_REFERENCE)?;
    let value_date = row.required_day(VALUE_DATE)?;
    let minor = moved(row)?;
    let currency = row.currency(CURRENCY)?;
    let description = row.prose(DESCRIPTION)?;
    let balance = row.signed(BALANCE)?;
    let amount = Money { minor, currency };
    let extras = row.extras()?;
    let line = BankRow { bank_account, bank_reference, value_date, amount, description, ordinal: 1, extras };
    Ok(Line { row: line, number: row.line(), balance })
}

/// What the line moved, from one signed amount or from two columns, of which banks fill the other with nothing or zero.
fn moved(row: &mut Fields<'_, '_>) -> Result<i64, Defect> {
    let amount = row.signed(AMOUNT)?;
    // Some banks write a minus in the column of debits and others do not; either way the money went out.
    let debit = row.signed(DEBIT)?.map(i64::saturating_abs);
    let credit = row.signed(CREDIT)?;
    if credit.is_some_and(|credit| credit < 0) {
        return Err(row.defect(CREDIT, "is negative: expected a credit without a minus sign"));
    }
    let other = "stands beside another amount: expected one of amount, debit and credit";
    let named = [(AMOUNT, amount), (DEBIT, debit.map(i64::saturating_neg)), (CREDIT, credit)];
    let mut moving =
        named.iter().filter_map(|(field, minor)| Some((*field, minor.filter(|minor| *minor != 0)?)));
    match (moving.next(), moving.next()) {
        (Some(_), Some((field, _))) => Err(row.defect(field, other)),
        (Some((_, minor)), None) => Ok(minor),
        (None, _) if named.iter().any(|(_, minor)| minor.is_some()) => Ok(0),
        (None, _) => Err(row.absent(AMOUNT, "an amount such as -1234.50, or a debit or a credit")),
    }
}

/// The first instant of the value date: of the rest of that day the row says nothing.
pub(super) fn latest(line: &Line<'_>) -> Option<Instant> {
    line.row.value_date.start()
}
