//! Fields of settlements and bank lines: signed amounts, calendar days, rates and descriptions.

use std::borrow::Cow;

use super::super::cleanse::{Change, Nature};
use super::super::plan::Field;
use super::super::values::{Marks, canonical_day};
use super::{Defect, Fields, Origin};
use crate::calendar::Day;
use crate::lifecycle::evidence::Text;
use crate::money::{AmountError, Micros, Rate, parse_signed_minor};

/// Longest description in bytes after cleansing; a longer one is cut, since no line may be lost for its text.
pub(in super::super) const PROSE_BYTES_MAX: usize = 2048;

/// What the provider writes for "no date", as a day.
const NO_DATE: &str = "1900-01-01";

impl<'a> Fields<'a, '_> {
    /// An optional amount with a sign, in minor units of whatever currency the row names; zero is an amount.
    pub(in super::super) fn signed(&mut self, field: Field) -> Result<Option<i64>, Defect> {
        let Some(text) = self.signed_decimal(field)? else { return Ok(None) };
        parse_signed_minor(&text).map(Some).map_err(|error| self.not_amount(field, error))
    }

    /// An optional amount with a sign and up to six decimals.
    pub(in super::super) fn signed_exact(&mut self, field: Field) -> Result<Option<Micros>, Defect> {
        let Some(text) = self.signed_decimal(field)? else { return Ok(None) };
        Micros::parse(&text).map(Some).map_err(|error| self.not_amount(field, error))
    }

    /// The same, required.
    pub(in super::super) fn required_signed_exact(&mut self, field: Field) -> Result<Micros, Defect> {
        self.signed_exact(field)?.ok_or_else(|| self.missing(field, "an amount such as -1234.50"))
    }

    /// An optional amount with a sign and up to six decimals, of a program that leaves the zero before the point out:
    /// `.00000` is its form of zero, and so no change.
    pub(crate) fn bare_exact(&mut self, field: Field) -> Result<Option<Micros>, Defect> {
        let Some((text, _)) = self.value(field, Nature::Number)? else { return Ok(None) };
        let (sign, magnitude) = text.strip_prefix('-').map_or(("", &*text), |magnitude| ("-", magnitude));
        let zero = if magnitude.starts_with('.') { "0" } else { "" };
        let read = Micros::parse(&format!("{sign}{zero}{magnitude}"));
        read.map(Some).map_err(|error| self.not_amount(field, error))
    }

    /// An optional rate of exchange, written in the same way; zero says that nothing was exchanged.
    pub(crate) fn bare_rate(&mut self, field: Field) -> Result<Option<Rate>, Defect> {
        let Some((text, _)) = self.value(field, Nature::Number)? else { return Ok(None) };
        let zero = if text.starts_with('.') { "0" } else { "" };
        match Rate::parse(&format!("{zero}{text}")) {
            Ok(rate) => Ok(Some(rate)),
            Err(AmountError::NotPositive) => Ok(None),
            Err(error) => Err(self.not_amount(field, error)),
        }
    }

    /// An optional rate of exchange.
    pub(in super::super) fn rate(&mut self, field: Field) -> Result<Option<Rate>, Defect> {
        let Some(text) = self.decimal(field)? else { return Ok(None) };
        Rate::parse(&text).map(Some).map_err(|error| self.not_amount(field, error))
    }

    /// An optional calendar day; the provider's `1900-01-01` is none.
    pub(in super::super) fn day(&mut self, field: Field) -> Result<Option<Day>, Defect> {
        let Some((text, origin)) = self.value(field, Nature::Number)? else { return Ok(None) };
        let dates = &self.plan.mapping.dates;
        let day = match origin {
            Origin::Canonical => canonical_day(&text),
            // A spreadsheet's day has no offset, and its hour, if it has one, changes nothing about it.
            Origin::Calendar => text.get(..NO_DATE.len()).and_then(canonical_day),
            Origin::Column | Origin::JsonNumber => dates.read_day(&text),
        };
        let day = day.ok_or_else(|| self.defect(field, format!("is not {}", dates.day_example())))?;
        if Some(day) == Day::parse(NO_DATE) {
            self.changes.note(Change::NoDate);
            return Ok(None);
        }
        Ok(Some(day))
    }

    /// A required calendar day.
    pub(in super::super) fn required_day(&mut self, field: Field) -> Result<Day, Defect> {
        self.day(field)?.ok_or_else(|| self.missing(field, &self.plan.mapping.dates.day_example()))
    }

    /// A description, empty where there is none.
    pub(in super::super) fn prose(&mut self, field: Field) -> Result<Text<'a>, Defect> {
        let Some((text, _)) = self.value(field, Nature::Words)? else { return Ok(Cow::Borrowed("")) };
        let cut = shortened(&text);
        if cut.len() == text.len() {
            return Ok(text);
        }
        self.changes.note(Change::Shortened);
        Ok(Cow::Owned(cut.to_owned()))
    }

    /// What stands at a field is not there: for the rules of a leg that ask several fields at once.
    pub(in super::super) fn absent(&self, field: Field, expected: &str) -> Defect {
        self.missing(field, expected)
    }

    /// A number in canonical form with a minus sign before it or none, its digits not yet checked.
    fn signed_decimal(&mut self, field: Field) -> Result<Option<Text<'a>>, Defect> {
        let Some((text, origin)) = self.value(field, Nature::Number)? else { return Ok(None) };
        let (sign, magnitude, rewritten) = signed(&text);
        let marks = self.plan.mapping.marks;
        let foreign = origin == Origin::Column && marks != Marks::default();
        if !rewritten && !foreign {
            return Ok(Some(text));
        }
        let plain = if foreign { marks.to_plain(magnitude) } else { Some(Cow::Borrowed(magnitude)) };
        match plain.filter(|plain| plain.starts_with(|first: char| first.is_ascii_digit())) {
            Some(plain) => {
                if rewritten {
                    self.changes.note(Change::Sign);
                }
                Ok(Some(Cow::Owned(format!("{sign}{plain}"))))
            }
            None => Err(self.not_amount(field, AmountError::NotDecimal)),
        }
    }
}

/// The text within the limit of a description, cut between characters and without blanks at its end.
pub(in super::super) fn shortened(text: &str) -> &str {
    if text.len() <= PROSE_BYTES_MAX {
        return text;
    }
    let end = text.floor_char_boundary(PROSE_BYTES_MAX);
    text.get(..end).unwrap_or_default().trim_end()
}

/// Sign, digits, and whether the sign stood otherwise than in the canonical form. Banks write what went out as `-1`,
/// `1-`, `(1)` or with a typographic minus, and some write what came in as `+1`.
fn signed(text: &str) -> (&'static str, &str, bool) {
    if let Some(magnitude) = text.strip_prefix('-') {
        let bare = magnitude.trim_start();
        return ("-", bare, bare.len() != magnitude.len());
    }
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let out = inside.or_else(|| text.strip_suffix('-')).or_else(|| text.strip_prefix('\u{2212}'));
    if let Some(magnitude) = out {
        return ("-", magnitude.trim(), true);
    }
    match text.strip_prefix('+') {
        Some(magnitude) => ("", magnitude.trim_start(), true),
        None => ("", text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_found_wherever_banks_write_them() {
        let check = |text: &str, expected| assert_eq!(signed(text), expected, "{text:?}");
        check("1.50", ("", "1.50", false));
        check("-1.50", ("-", "1.50", false));
        check("- 1.50", ("-", "1.50", true));
        check("1.50-", ("-", "1.50", true));
        check("(1.50)", ("-", "1.50", true));
        check("( 1.50 )", ("-", "1.50", true));
        check("\u{2212}1.50", ("-", "1.50", true));
        check("+1.50", ("", "1.50", true));
        check("(1.50", ("", "(1.50", false));
        // What is left of two signs is no digit, and so is refused.
        check("--1.50", ("-", "-1.50", false));
        check("-1.50-", ("-", "1.50-", false));
        check("(-1.50)", ("-", "-1.50", true));
        check("+-1.50", ("", "-1.50", true));
    }

    #[test]
    fn a_description_is_cut_between_characters() {
        assert_eq!(shortened("Depósito"), "Depósito");
        let long = format!("{}ñ", "x".repeat(PROSE_BYTES_MAX - 1));
        assert_eq!(shortened(&long).len(), PROSE_BYTES_MAX - 1);
    }
}
