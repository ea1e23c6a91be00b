//! Cleansing: the few changes that a reader makes to a text, each of them counted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::lifecycle::evidence::Text;

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// White space at an end was cut off.
    Trimmed,
    /// A blank of Unicode (no-break, ideographic, …) inside became a plain one.
    UnicodeSpace,
    /// A line break or tab inside became a blank; another control or invisible character was taken out.
    ControlCharacter,
    /// Full-width digits, letters and marks of a number became ASCII.
    FullWidthDigit,
    /// A word or sign such as `S/` became its currency code.
    CurrencyWord,
    /// A word such as `N/A` was read as nothing.
    MissingWord,
    /// A status word was written in other letter case.
    LetterCase,
    /// A refunded amount of zero was read as none stated.
    ZeroRefund,
    /// The provider's `1900-01-01` was read as no date.
    NoDate,
    /// A minus sign after the number, parentheses around it or a plus sign before it became the canonical sign.
    Sign,
    /// A description was cut at its longest.
    Shortened,
    /// A row that only goes on with the record before it was passed over.
    FurtherRow,
}

impl Change {
    const ALL: [Change; 12] = [
        Change::Trimmed,
        Change::UnicodeSpace,
        Change::ControlCharacter,
        Change::FullWidthDigit,
        Change::CurrencyWord,
        Change::MissingWord,
        Change::LetterCase,
        Change::ZeroRefund,
        Change::NoDate,
        Change::Sign,
        Change::Shortened,
        Change::FurtherRow,
    ];

    /// The stable key under which outputs count this kind.
    const fn key(self) -> &'static str {
        match self {
            Change::Trimmed => "trimmed",
            Change::UnicodeSpace => "unicode_space",
            Change::ControlCharacter => "control_character",
            Change::FullWidthDigit => "full_width_digit",
            Change::CurrencyWord => "currency_word",
            Change::MissingWord => "missing_word",
            Change::LetterCase => "letter_case",
            Change::ZeroRefund => "zero_refund",
            Change::NoDate => "no_date",
            Change::Sign => "sign",
            Change::Shortened => "shortened",
            Change::FurtherRow => "further_row",
        }
    }
}

/// The changes made to one row, and in sum to a file: fields changed, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    counts: [u64; Change::ALL.len()],
    any: bool,
}

impl Changes {
    /// Notes that one field was changed so.
    pub(super) fn note(&mut self, change: Change) {
        if let Some((count, _)) = self.counts.iter_mut().zip(Change::ALL).find(|(_, kind)| *kind == change) {
            *count = count.saturating_add(1);
            self.any = true;
        }
    }

    /// Adds a row's changes and empties them for the next row.
    pub(super) fn take_in(&mut self, row: &mut Changes) {
        if row.any {
            self.any = true;
            for (sum, count) in self.counts.iter_mut().zip(row.counts) {
                *sum = sum.saturating_add(count);
            }
            row.forget();
        }
    }

    /// Drops what a rejected row noted.
    pub(super) fn forget(&mut self) {
        if self.any {
            *self = Changes::default();
        }
    }

    /// The kinds that occurred.
    pub(super) fn by_key(&self) -> BTreeMap<&'static str, u64> {
        let counted = Change::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0);
        counted.map(|(kind, count)| (kind.key(), count)).collect()
    }
}

/// What a text is read as, which decides how far cleansing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// Names and references: full-width letters may be meant.
    Words,
    /// Amounts, times, CIPs, operation numbers: full-width forms are only an input method's.
    Number,
}

/// Trims the ends, makes blanks plain and takes control characters out; borrows whatever was clean.
pub(super) fn clean<'a>(text: Text<'a>, nature: Nature, changes: &mut Changes) -> Text<'a> {
    if is_clean(text.as_bytes()) {
        return text;
    }
    let trimmed = trim(text, changes);
    if is_clean(trimmed.as_bytes()) {
        return trimmed;
    }
    let healed = heal_inside(&trimmed, changes);
    match nature {
        Nature::Number if healed.chars().any(is_full_width) => {
            changes.note(Change::FullWidthDigit);
            Cow::Owned(healed.chars().map(to_half_width).collect())
        }
        _ if healed == trimmed => trimmed,
        _ => Cow::Owned(healed),
    }
}

/// Whether a text stands for nothing: empty, or one of the words that exports write for it.
pub(super) fn is_missing(text: &str, changes: &mut Changes) -> bool {
    let word = matches!(text, "-" | "N/A" | "NA" | "null" | "NULL" | "None");
    if word {
        changes.note(Change::MissingWord);
    }
    word || text.is_empty()
}

/// Printable ASCII without blanks at the ends, which is nearly every field of nearly every file.
pub(super) fn is_clean(bytes: &[u8]) -> bool {
    is_printable(bytes) && bytes.first() != Some(&b' ') && bytes.last() != Some(&b' ')
}

/// Whether all is printable ASCII. Looks at every byte, for that goes many at a time.
pub(super) fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |printable, byte| printable & (0x20..0x7F).contains(byte))
}

fn trim<'a>(text: Text<'a>, changes: &mut Changes) -> Text<'a> {
    let at_an_end = |c: char| c.is_whitespace() || is_invisible(c);
    let inner = text.trim_matches(at_an_end);
    if inner.len() == text.len() {
        return text;
    }
    let ends = || {
        let start = text.chars().take_while(|c| at_an_end(*c));
        start.chain(text.chars().rev().take_while(|c| at_an_end(*c)))
    };
    if ends().any(char::is_whitespace) {
        changes.note(Change::Trimmed);
    }
    if ends().any(is_invisible) {
        changes.note(Change::ControlCharacter);
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(at_an_end)),
        Cow::Owned(_) => Cow::Owned(inner.to_owned()),
    }
}

fn heal_inside(text: &str, changes: &mut Changes) -> String {
    let mut healed = String::with_capacity(text.len());
    let (mut control, mut space) = (false, false);
    let mut before = ' ';
    for c in text.chars() {
        if is_line_break_or_tab(c) {
            control = true;
            // CR LF is one line break, so it gives one blank.
            if (before, c) != ('\r', '\n') {
                healed.push(' ');
            }
        } else if is_invisible(c) {
            control = true;
        } else if c.is_whitespace() && c != ' ' {
            space = true;
            healed.push(' ');
        } else {
            healed.push(c);
        }
        before = c;
    }
    if control {
        changes.note(Change::ControlCharacter);
    }
    if space {
        changes.note(Change::UnicodeSpace);
    }
    healed
}

const fn is_line_break_or_tab(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that a person does not see and a comparison would: controls, zero-width marks, marks of direction.
fn is_invisible(c: char) -> bool {
    let zero_width = matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    zero_width || (c.is_control() && !is_line_break_or_tab(c))
}

const fn is_full_width(c: char) -> bool {
    matches!(c, '\u{FF01}'..='\u{FF5E}')
}

/// The full-width forms lie in the order of ASCII, 0xFEE0 higher.
fn to_half_width(c: char) -> char {
    if is_full_width(c) { u32::from(c).checked_sub(0xFEE0).and_then(char::from_u32).unwrap_or(c) } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(nature: Nature, text: &str, expected: &str, counted: &[&str]) {
        let mut changes = Changes::default();
        let cleaned = clean(Cow::Borrowed(text), nature, &mut changes);
        assert_eq!(cleaned, expected, "{text:?}");
        assert_eq!(changes.by_key().into_keys().collect::<Vec<_>>(), counted, "{text:?}");
        let again = clean(cleaned.clone(), nature, &mut Changes::default());
        assert_eq!(again, cleaned, "cleansing twice must change nothing: {text:?}");
    }

    #[test]
    fn each_kind_of_dirt_is_healed_and_counted() {
        let words = |text, expected, counted: &[&str]| check(Nature::Words, text, expected, counted);
        words("ORD-1", "ORD-1", &[]);
        words("a b", "a b", &[]);
        words("Miraflores Perú", "Miraflores Perú", &[]);
        words("  ORD-1 ", "ORD-1", &["trimmed"]);
        words("\u{A0}ORD-1\u{3000}", "ORD-1", &["trimmed"]);
        words("ORD\u{A0}1", "ORD 1", &["unicode_space"]);
        words("ORD\t1", "ORD 1", &["control_character"]);
        words("one\r\ntwo", "one two", &["control_character"]);
        words("ORD-1\n", "ORD-1", &["trimmed"]);
        words("ORD\u{200B}-1\u{7}", "ORD-1", &["control_character"]);
        words("\u{FEFF} x", "x", &["control_character", "trimmed"]);
        words(" a\u{2009}b\u{200D} ", "a b", &["control_character", "trimmed", "unicode_space"]);
        words("   ", "", &["trimmed"]);
        words("１２", "１２", &[]);
    }

    #[test]
    fn full_width_forms_become_ascii_in_numbers_alone() {
        let number = |text, expected, counted: &[&str]| check(Nature::Number, text, expected, counted);
        number("１２．５０", "12.50", &["full_width_digit"]);
        number("　１２", "12", &["full_width_digit", "trimmed"]);
        number("2026－03－02", "2026-03-02", &["full_width_digit"]);
        number("٣", "٣", &[]);
    }

    #[test]
    fn words_for_nothing_are_exact() {
        for (text, expected) in
            [("", true), ("-", true), ("N/A", true), ("None", true), ("none", false), ("0", false)]
        {
            assert_eq!(is_missing(text, &mut Changes::default()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_clean_text_stays_borrowed() {
        let cleaned = |text| clean(Cow::Borrowed(text), Nature::Words, &mut Changes::default());
        assert!(matches!(cleaned("ORD-1"), Cow::Borrowed("ORD-1")));
        assert!(matches!(cleaned(" ORD-1 "), Cow::Borrowed("ORD-1")));
        assert!(matches!(cleaned("Perú"), Cow::Borrowed("Perú")));
    }
}
