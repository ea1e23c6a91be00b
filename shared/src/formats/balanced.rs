//! Statements that state their balances, as MT940 and CAMT.053 do: what adds up is taken, what does not is refused whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::bank;
use super::cleanse::{Change, Changes, Nature, clean, is_missing};
use super::error::FileError;
use super::fields::ledger::shortened;
use super::fields::{Defect, Finding, TEXT_BYTES_MAX, check_bounds};
use super::mapping::LegMapping;
use super::reader::text_of;
use super::statements::merge_statements;
use super::values::Encoding;
use super::{Rejected, Source, Table};
use crate::calendar::Day;
use crate::lifecycle::evidence::{BankRow, Text};
use crate::money::{Currency, Money, format_minor, parse_minor};

/// Statements of one file that are named in rejects; a file of empty ones could bring any number.
const UNKNOWN_NAMES_MAX: usize = 256;

/// What was on the account, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Balance {
    pub minor: i64,
    pub currency: Currency,
    pub day: Day,
}

/// What the amount of an entry is worth to the balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// Minor units, what went out negative.
    Minor(i64),
    /// Nothing, for it is not booked.
    Nothing,
    /// Nobody knows, so that the balance cannot be checked.
    Unread,
}

/// An entry before it is known whether its statement adds up.
#[derive(Debug)]
pub(super) struct Entry {
    pub line: u64,
    pub moved: Moved,
    /// The entry's own currency, where the format states one.
    pub currency: Option<Currency>,
    pub value_date: Result<Day, Defect>,
    /// Candidates in the order in which they are taken; the words for "none" are none.
    pub references: Vec<String>,
    pub description: String,
    pub extras: Vec<(&'static str, String)>,
    /// Whatever else is wrong with it.
    pub fault: Option<Defect>,
}

impl Entry {
    /// Whether the entry states a currency, and not this one.
    fn is_other_than(&self, currency: Currency) -> bool {
        self.currency.is_some_and(|own| own != currency)
    }
}

/// A statement under construction.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub line: u64,
    /// Everything by which the bank names the statement; two with one name are the same statement.
    pub id: String,
    pub bank_account: Option<String>,
    pub opening: Option<Balance>,
    pub closing: Option<Balance>,
    pub entries: Vec<Entry>,
    /// What makes the statement unusable, whatever its entries are.
    pub fault: Option<Defect>,
}

impl Draft {
    /// Notes what makes the statement unusable; the first stands.
    pub(super) fn blame(&mut self, defect: Defect) {
        self.fault.get_or_insert(defect);
    }

    /// The account and the balances, if they fit together and the entries lead from one to the other.
    fn check(&self) -> Result<(&str, Balance, Balance), Defect> {
        if let Some(defect) = &self.fault {
            return Err(defect.clone());
        }
        let refuse = |field: &str, reason: String| Defect::new(field, reason, &self.id);
        let absent = |field: &str| refuse(field, "is missing: the statement may be cut off".to_owned());
        let account = self.bank_account.as_deref().ok_or_else(|| absent("bank_account"))?;
        let opening = self.opening.ok_or_else(|| absent("opening_balance"))?;
        let closing = self.closing.ok_or_else(|| absent("closing_balance"))?;
        if opening.currency != closing.currency {
            let reason = format!("is in {} and the opening one in {}", closing.currency, opening.currency);
            return Err(refuse("closing_balance", reason));
        }
        if let Some(other) = self.entries.iter().find(|entry| entry.is_other_than(opening.currency)) {
            let reason = format!(
                "cannot be checked, since the amount in line {} is not in {}",
                other.line, opening.currency
            );
            return Err(refuse("closing_balance", reason));
        }
        let mut sum: i128 = 0;
        for entry in &self.entries {
            match entry.moved {
                Moved::Minor(minor) => sum = sum.saturating_add(minor.into()),
                Moved::Nothing => {}
                Moved::Unread => {
                    let reason =
                        format!("cannot be checked, since the amount in line {} cannot be read", entry.line);
                    return Err(refuse("closing_balance", reason));
                }
            }
        }
        let expected = sum.saturating_add(opening.minor.into());
        let difference = expected.saturating_sub(closing.minor.into());
        if difference != 0 {
            let [opening, sum, expected, closing, difference] =
                [opening.minor.into(), sum, expected, closing.minor.into(), difference].map(format_minor);
            let reason = format!(
                "does not add up: opening {opening} and entries {sum} give {expected}, closing is {closing}, \
                 difference {difference}"
            );
            return Err(refuse("closing_balance", reason));
        }
        Ok((account, opening, closing))
    }
}

/// A statement that adds up.
#[derive(Debug)]
struct Sound {
    bank_account: String,
    opening: Balance,
    closing: Balance,
    id: String,
    rows: Vec<BankRow<'static>>,
}

/// Statements that follow one another and so are counted as one.
#[derive(Debug)]
struct Chain {
    bank_account: String,
    closing: Balance,
    ids: Vec<String>,
    rows: Vec<BankRow<'static>>,
}

impl Chain {
    /// Whether a statement begins where this ends. One that begins on a later day cannot overlap, even if its bank gives
    /// all statements one name; on the same day the balance has to be the same, and the name another, else it is a
    /// repetition.
    fn continues_in(&self, next: &Sound) -> bool {
        let opening = next.opening;
        let later = opening.day > self.closing.day;
        let joins = opening.day == self.closing.day
            && opening.minor == self.closing.minor
            && !self.ids.contains(&next.id);
        let same = self.bank_account == next.bank_account && self.closing.currency == opening.currency;
        same && (later || joins)
    }
}

/// Puts statements into chains, whatever their order in the file: some banks write the newest first.
fn chained(mut statements: Vec<Sound>) -> Vec<Chain> {
    statements.sort_by_key(|statement| (statement.opening.day, statement.closing.day));
    let mut chains: Vec<Chain> = Vec::new();
    for mut next in statements {
        match chains.iter_mut().find(|chain| chain.continues_in(&next)) {
            Some(chain) => {
                chain.closing = next.closing;
                chain.ids.push(next.id);
                chain.rows.append(&mut next.rows);
            }
            None => chains.push(Chain {
                bank_account: next.bank_account,
                closing: next.closing,
                ids: vec![next.id],
                rows: next.rows,
            }),
        }
    }
    chains
}

/// The statements of one file.
#[derive(Debug)]
pub(super) struct Statements<'s> {
    file: &'s str,
    sound: Vec<Sound>,
    rejected: Vec<Rejected>,
    /// Line, field and reason of the first statement that cannot be taken.
    refused: Option<(u64, String, String)>,
    found: bool,
    changes: Changes,
    unknown: BTreeSet<String>,
}

impl<'s> Statements<'s> {
    pub(super) fn new(file: &'s str) -> Statements<'s> {
        Statements {
            file,
            sound: Vec::new(),
            rejected: Vec::new(),
            refused: None,
            found: false,
            changes: Changes::default(),
            unknown: BTreeSet::new(),
        }
    }

    /// Notes a part of the file that is not understood.
    pub(super) fn note_unknown(&mut self, name: String) {
        if self.unknown.len() < UNKNOWN_NAMES_MAX {
            self.unknown.insert(name);
        }
    }

    /// Takes a statement if it adds up.
    pub(super) fn take(&mut self, draft: Draft) {
        self.found = true;
        let checked = draft.check();
        let (bank_account, opening, closing) = match checked.and_then(|(account, opening, closing)| {
            Ok((reference(account, "bank_account", &mut self.changes)?.into_owned(), opening, closing))
        }) {
            Ok(known) => known,
            Err(defect) => return self.refuse(draft.line, defect),
        };
        let mut rows = Vec::with_capacity(draft.entries.len());
        for entry in draft.entries {
            let mut changes = Changes::default();
            match row_of(&entry, &bank_account, closing.currency, &mut changes) {
                Ok(row) => {
                    self.changes.take_in(&mut changes);
                    rows.push(row);
                }
                Err(defect) => self.set_aside(entry.line, defect),
            }
        }
        self.sound.push(Sound { bank_account, opening, closing, id: draft.id, rows });
    }

    fn refuse(&mut self, line: u64, defect: Defect) {
        let Finding { field, reason, .. } = defect.clone().into_finding();
        self.refused.get_or_insert((line, field.replace('_', " "), reason));
        self.set_aside(line, defect);
    }

    fn set_aside(&mut self, line: u64, defect: Defect) {
        let Finding { field, reason, value } = defect.into_finding();
        self.rejected.push(Rejected { file: self.file.to_owned(), line, field, reason, value });
    }

    /// What the file gave; `what` names its format.
    pub(super) fn finish(mut self, what: &'static str) -> Result<Table<BankRow<'static>>, FileError> {
        if !self.found {
            return Err(FileError::NoStatement { file: self.file.to_owned(), what });
        }
        if let Some((line, part, reason)) = self.refused.filter(|_| self.sound.is_empty()) {
            return Err(FileError::StatementRefused { file: self.file.to_owned(), line, part, reason });
        }
        let chains = chained(self.sound);
        self.rejected.sort_by_key(|rejected| rejected.line);
        let mut table = Table {
            rows: Vec::new(),
            rejected: self.rejected,
            cleansed: BTreeMap::new(),
            columns: Vec::new(),
            unknown_columns: self.unknown.into_iter().collect(),
            latest: chains.iter().filter_map(|chain| chain.closing.day.start()).max(),
        };
        table.rows = merge_statements(chains.into_iter().map(|chain| chain.rows).collect());
        table.cleansed = self.changes.by_key();
        Ok(table)
    }
}

/// An entry as a line of the bank, if all of it can be read.
fn row_of(
    entry: &Entry,
    bank_account: &str,
    currency: Currency,
    changes: &mut Changes,
) -> Result<BankRow<'static>, Defect> {
    if let Some(defect) = &entry.fault {
        return Err(defect.clone());
    }
    let Moved::Minor(minor) = entry.moved else {
        return Err(Defect::new("amount", "is not booked: expected an amount", ""));
    };
    let mut references = Vec::new();
    for candidate in &entry.references {
        let text = reference(candidate, "bank_reference", changes)?;
        if !is_missing(&text, changes) && !matches!(&*text, "NONREF" | "NOTPROVIDED") {
            references.push(text);
        }
    }
    references.dedup();
    let mut references = references.into_iter();
    let bank_reference = references.next();
    let mut extras: Vec<(Text<'static>, Text<'static>)> = Vec::new();
    let others = references.map(|other| ("other_reference", other));
    let known = entry.extras.iter().map(|(name, value)| (*name, Cow::Owned(value.clone())));
    for (name, value) in known.chain(others) {
        if !extras.iter().any(|(known, _)| known == name) {
            extras.push((Cow::Borrowed(name), value));
        }
    }
    Ok(BankRow {
        bank_account: Cow::Owned(bank_account.to_owned()),
        bank_reference,
        value_date: entry.value_date.clone()?,
        amount: Money { minor, currency },
        description: description(&entry.description, changes)?,
        ordinal: 1,
        extras,
    })
}

/// A name or reference after cleansing.
fn reference(text: &str, field: &str, changes: &mut Changes) -> Result<Text<'static>, Defect> {
    check_bounds(field, text)?;
    let cleaned = clean(Cow::Borrowed(text), Nature::Words, changes).into_owned();
    if cleaned.len() > TEXT_BYTES_MAX {
        let reason = format!("is longer than {TEXT_BYTES_MAX} bytes: expected a shorter text");
        return Err(Defect::new(field, reason, text));
    }
    Ok(Cow::Owned(cleaned))
}

/// A description after cleansing; the line breaks that formats of fixed width put into it count as no change.
fn description(text: &str, changes: &mut Changes) -> Result<Text<'static>, Defect> {
    check_bounds("description", text)?;
    let words =
        text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let cleaned = clean(Cow::Borrowed(&words), Nature::Words, changes);
    if is_missing(&cleaned, changes) {
        return Ok(Cow::Borrowed(""));
    }
    let cut = shortened(&cleaned);
    if cut.len() != cleaned.len() {
        changes.note(Change::Shortened);
    }
    Ok(Cow::Owned(cut.to_owned()))
}

/// The characters of a statement: UTF-8, else what banks that say Latin-1 write. Only descriptions are ever other than
/// ASCII, so that a wrong guess spoils a letter and no amount.
pub(super) fn decode<'a>(source: &Source<'a>) -> Result<Cow<'a, str>, FileError> {
    let body = text_of(source, &bank::LAYOUT, &LegMapping::default())?;
    let decoded = Encoding::Utf8.decode(body).or_else(|_| Encoding::Latin1.decode(body));
    decoded.map_err(|_| FileError::NotText {
        file: source.name.to_owned(),
        what: "in no encoding that is known",
        remedy: "save it as UTF-8",
    })
}

/// Reads an amount without sign as the two formats write it: `1234,5`, `1234,`, `,05`, `1234.50000`.
pub(super) fn magnitude(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once([',', '.']).unwrap_or((text, ""));
    let whole = if whole.is_empty() && !decimals.is_empty() { "0" } else { whole };
    // Zeros beyond the céntimo say nothing, and anything else there is refused.
    let cents = decimals.get(..2).filter(|_| decimals.bytes().skip(2).all(|byte| byte == b'0'));
    match cents.unwrap_or(decimals) {
        "" => parse_minor(whole).ok(),
        decimals => parse_minor(&format!("{whole}.{decimals}")).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_statements_write_them() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(magnitude(text), expected, "{text:?}");
        check("1234,5", Some(123_450));
        check("1234,", Some(123_400));
        check("1234", Some(123_400));
        check(",05", Some(5));
        check("0,00", Some(0));
        check("1234.50", Some(123_450));
        check("1234.50000", Some(123_450));
        check("1234.505", None);
        check("1.234,50", None);
        check("1,234.50", None);
        check("-5,00", None);
        check("", None);
        check(",", None);
        check("5,ñ", None);
        check("9999999999999999,99", Some(999_999_999_999_999_999));
        check("99999999999999999,00", None);
    }
}
