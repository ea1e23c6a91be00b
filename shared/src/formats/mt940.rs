//! MT940, SWIFT's customer statement message, as banks write it.
//!
//! What real files do beyond the standard is understood where it has one meaning: no or other text around the message,
//! `:28:` for `:28C:`, an entry date of blanks, a blank or line break before the amount, a point for the comma, no
//! transaction type, references longer than 16 characters.

use super::balanced::{Balance, Draft, Entry, Moved, Statements, decode, magnitude};
use super::error::FileError;
use super::fields::Defect;
use super::{Source, Table};
use crate::calendar::Day;
use crate::lifecycle::evidence::BankRow;
use crate::money::Currency;

/// Tags that a statement may have and that tell nothing of its lines.
const SILENT_TAGS: [&str; 8] = ["13D", "21", "34F", "64", "65", "90C", "90D", "NS"];

/// Reads all statements of a file.
pub(super) fn read(source: &Source<'_>) -> Result<Table<BankRow<'static>>, FileError> {
    let text = decode(source)?;
    let mut message = Message { statements: Statements::new(source.name), draft: None, in_entry: false };
    let mut open: Option<Field> = None;
    // Line feeds end lines, with or without carriage return; some systems of old write the latter alone.
    let mark = if text.contains('\n') { '\n' } else { '\r' };
    for (number, line) in (1_u64..).zip(text.split(mark)) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        // The blocks of a SWIFT envelope end in the one that holds the statement.
        let line = line.rsplit_once("{4:").map_or(line, |(_, inner)| inner);
        if let Some((tag, rest)) = tagged(line) {
            message.take(open.take());
            open = Some(Field { tag: tag.to_owned(), line: number, text: rest.to_owned() });
        } else if line == "-" || line.starts_with("-}") {
            message.take(open.take());
            message.end_statement();
        } else if let Some(field) = &mut open {
            field.text.push('\n');
            field.text.push_str(line);
        }
    }
    message.take(open);
    message.end_statement();
    message.statements.finish("MT940")
}

/// The tag that a line begins with, and the rest of the line.
fn tagged(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.strip_prefix(':')?.split_once(':')?;
    let shape = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    ((2..=3).contains(&tag.len()) && tag.bytes().all(shape)).then_some((tag, rest))
}

/// One tag with its lines.
struct Field {
    tag: String,
    line: u64,
    text: String,
}

/// A walk through the fields.
struct Message<'s> {
    statements: Statements<'s>,
    draft: Option<Draft>,
    /// Whether a description now would be the last entry's.
    in_entry: bool,
}

impl Message<'_> {
    fn take(&mut self, field: Option<Field>) {
        let Some(Field { tag, line, text }) = field else { return };
        let closed = self.draft.as_ref().is_some_and(|draft| draft.closing.is_some());
        if tag == "20" || (closed && matches!(tag.as_str(), "25" | "60F" | "60M" | "61")) {
            self.end_statement();
        }
        let draft = self.draft.get_or_insert_with(|| Draft { line, ..Draft::default() });
        let first = text.lines().next().unwrap_or_default();
        match tag.as_str() {
            "20" | "28" | "28C" => {
                draft.id.push_str(first.trim());
                draft.id.push(' ');
            }
            // 25P adds the bank's code in a line of its own.
            "25" | "25P" => {
                draft.bank_account = Some(first.to_owned()).filter(|text| !text.trim().is_empty())
            }
            "60F" | "60M" => match balance(&text, None) {
                Ok(balance) => draft.opening = Some(balance),
                Err(reason) => draft.blame(Defect::new("opening_balance", reason, &text)),
            },
            "62F" | "62M" => match balance(&text, draft.opening.map(|opening| opening.currency)) {
                Ok(balance) => draft.closing = Some(balance),
                Err(reason) => draft.blame(Defect::new("closing_balance", reason, &text)),
            },
            "61" => draft.entries.push(entry(line, &text)),
            "86" if self.in_entry => {
                if let Some(entry) = draft.entries.last_mut() {
                    entry.description.push('\n');
                    entry.description.push_str(&text);
                }
            }
            // Information on the statement as a whole.
            "86" => {}
            known if SILENT_TAGS.contains(&known) => {}
            unknown => self.statements.note_unknown(format!(":{unknown}:")),
        }
        self.in_entry = tag == "61" || (self.in_entry && tag == "86");
    }

    fn end_statement(&mut self) {
        self.in_entry = false;
        if let Some(draft) = self.draft.take() {
            self.statements.take(draft);
        }
    }
}

/// Reads `C260302PEN1000,00`. Some banks leave the currency out of the closing balance, which then is the opening's.
fn balance(text: &str, other: Option<Currency>) -> Result<Balance, &'static str> {
    let shape = "is not a balance such as C260302PEN1000,00";
    let text = text.trim();
    let (sign, rest) = match text.split_at_checked(1).ok_or(shape)? {
        ("C", rest) => (1, rest),
        ("D", rest) => (-1, rest),
        _ => return Err(shape),
    };
    let (day, rest) = rest.split_at_checked(6).ok_or(shape)?;
    let day = day_of(day).ok_or(shape)?;
    let (currency, amount) = match rest.split_at_checked(3) {
        Some((code, amount)) if code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            (Currency::from_code(code).ok_or("is in a currency other than PEN and USD")?, amount)
        }
        _ => (other.ok_or(shape)?, rest),
    };
    let minor = magnitude(amount.trim()).and_then(|minor| minor.checked_mul(sign)).ok_or(shape)?;
    Ok(Balance { minor, currency, day })
}

/// Reads `YYMMDD`, of this century.
fn day_of(text: &str) -> Option<Day> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = text.split_at_checked(2)?;
    let (month, day) = rest.split_at_checked(2)?;
    Day::parse(&format!("20{year}-{month}-{day}"))
}

/// An entry's head: the text of its value date, and what it moved with the rest of the field.
struct Head<'t> {
    day: &'t str,
    minor: i64,
    is_reversal: bool,
    rest: &'t str,
}

/// Reads `2603020302C1000,00NTRFCUSTOMER//BANK` and its supplementary line.
fn entry(line: u64, text: &str) -> Entry {
    let Some(head) = head(text) else {
        let reason = "is not an entry such as 2603020302C1000,00NTRFREFERENCE//BANK";
        return Entry {
            line,
            moved: Moved::Unread,
            currency: None,
            value_date: Err(Defect::new("amount", reason, text)),
            references: Vec::new(),
            description: String::new(),
            extras: Vec::new(),
            fault: Some(Defect::new("amount", reason, text)),
        };
    };
    let value_date = day_of(head.day)
        .ok_or_else(|| Defect::new("value_date", "is not a day of the calendar as YYMMDD", head.day));
    let (first, supplement) = head.rest.split_once('\n').unwrap_or((head.rest, ""));
    let (kind, references) = match first.split_at_checked(4) {
        Some((kind, references)) if kind.starts_with(['N', 'F', 'S']) => (kind.trim(), references),
        _ => ("", first),
    };
    let (customer, bank) = references.split_once("//").unwrap_or((references, ""));
    let mut extras = Vec::new();
    if !kind.is_empty() {
        extras.push(("transaction_type", kind.to_owned()));
    }
    if head.is_reversal {
        extras.push(("reversal", "true".to_owned()));
    }
    Entry {
        line,
        moved: Moved::Minor(head.minor),
        currency: None,
        value_date,
        references: vec![customer.to_owned(), bank.to_owned()],
        description: supplement.to_owned(),
        extras,
        fault: None,
    }
}

fn head(text: &str) -> Option<Head<'_>> {
    let (day, rest) = text.split_at_checked(6)?;
    if !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The entry date, which banks leave out or fill with blanks.
    let entry_day = rest.bytes().take(4).take_while(|byte| byte.is_ascii_digit() || *byte == b' ').count();
    let rest = if entry_day == 4 { rest.get(4..)? } else { rest.trim_start_matches(' ') };
    // A reversal moves against what it takes back: RC out, RD in.
    let marks = [("RC", -1, true), ("RD", 1, true), ("C", 1, false), ("D", -1, false)];
    let (sign, is_reversal, rest) = marks
        .iter()
        .find_map(|(mark, sign, is_reversal)| Some((*sign, *is_reversal, rest.strip_prefix(mark)?)))?;
    // The funds code, which is the third letter of the currency.
    let rest = rest.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(rest);
    let rest = rest.trim_start_matches([' ', '\n']);
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ',' || c == '.')).unwrap_or(rest.len());
    let (amount, rest) = rest.split_at_checked(end)?;
    let minor: i64 = magnitude(amount)?.checked_mul(sign)?;
    Some(Head { day, minor, is_reversal, rest })
}

#[cfg(test)]
mod tests;
