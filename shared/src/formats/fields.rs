//! Typed fields of one row: cell → cleansed text → value, or a defect that names the field and what was expected.

pub(super) mod ledger;

use std::borrow::Cow;

use super::Rejected;
use super::cleanse::{Change, Changes, Nature, clean, is_clean, is_missing};
use super::csv::Record;
use super::ndjson::{Object, Value};
use super::plan::{Binding, Field, Plan};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::{Extras, Text};
use crate::money::{AmountError, Currency, Micros, Money, parse_minor};

/// A longer field is a broken export, not a value.
pub(super) const FIELD_BYTES_MAX: usize = 64 * 1024;

/// Longest account, reference or other id, in bytes after cleansing; keys of the store have to hold several.
pub(super) const TEXT_BYTES_MAX: usize = 256;

/// How the reason begins where a status word is not known.
pub(super) const UNKNOWN_STATUS: &str = "is not a known status";

/// Characters of a bad value that rejects show.
const SHOWN_CHARACTERS: usize = 120;

/// What is wrong with a row, before file and line are known. Boxed, because every field of every row returns room
/// for one and next to none has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defect(Box<Finding>);

/// The parts of a reject that the row itself gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub field: String,
    pub reason: String,
    pub value: String,
}

impl Defect {
    /// Notes a defect; name and value are cut and their control characters are made visible as blanks, for both may
    /// come from the file.
    pub(super) fn new(field: &str, reason: impl Into<String>, value: &str) -> Defect {
        let shown = |text: &str| {
            let cut = text.chars().take(SHOWN_CHARACTERS);
            cut.map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        Defect(Box::new(Finding { field: shown(field), reason: reason.into(), value: shown(value) }))
    }

    /// Takes the parts out.
    pub(super) fn into_finding(self) -> Finding {
        *self.0
    }

    /// The reject of a row in a file.
    pub(super) fn into_rejected(self, file: &str, line: u64) -> Rejected {
        let Finding { field, reason, value } = self.into_finding();
        Rejected { file: file.to_owned(), line, field, reason, value }
    }
}

/// A row of either format.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row<'a, 'r> {
    Csv(&'r Record<'a>),
    Json(&'r Object<'a>),
}

/// Who wrote a text, which decides whether the mapping's marks and formats apply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The file's program.
    Column,
    /// The file's program, as a JSON number, whose mark is always a point.
    JsonNumber,
    /// A spreadsheet, as a date that has no offset and whose form no mapping can change.
    Calendar,
    /// The mapping or the caller, in canonical form.
    Canonical,
}

/// Reads the fields of one row. Callers ask in the order of the format, so that the first defect is the one reported.
pub(crate) struct Fields<'a, 'r> {
    plan: &'r Plan<'a, 'r>,
    row: Row<'a, 'r>,
    changes: &'r mut Changes,
}

type Found<'a> = Option<(Text<'a>, Origin)>;

impl<'a, 'r> Fields<'a, 'r> {
    /// Begins with a row; what cleansing changes is noted in `changes`.
    pub(super) const fn new(
        plan: &'r Plan<'a, 'r>,
        row: Row<'a, 'r>,
        changes: &'r mut Changes,
    ) -> Fields<'a, 'r> {
        Fields { plan, row, changes }
    }

    /// Where the row stands, as rejects count: the physical line on which it begins, or its place among the records.
    pub(super) const fn line(&self) -> u64 {
        match self.row {
            Row::Csv(record) => record.line,
            Row::Json(object) => object.line,
        }
    }

    /// Whether the file has a column for the field.
    pub(crate) fn has(&self, field: Field) -> bool {
        *self.plan.binding(field) != Binding::Absent
    }

    /// An optional name or reference.
    pub(crate) fn text(&mut self, field: Field) -> Result<Option<Text<'a>>, Defect> {
        self.short(field, Nature::Words)
    }

    /// A required name or reference.
    pub(crate) fn required_text(&mut self, field: Field) -> Result<Text<'a>, Defect> {
        self.text(field)?.ok_or_else(|| self.missing(field, "a text of at most 256 bytes"))
    }

    /// An optional operation number: letters may occur, full-width digits are not meant.
    pub(super) fn operation_number(&mut self, field: Field) -> Result<Option<Text<'a>>, Defect> {
        self.short(field, Nature::Number)
    }

    /// An optional single CIP.
    pub(super) fn cip(&mut self, field: Field) -> Result<Option<Cip>, Defect> {
        let Some((text, _)) = self.value(field, Nature::Number)? else { return Ok(None) };
        Cip::parse(&text).map(Some).ok_or_else(|| self.defect(field, "is not a CIP: expected 1 to 14 digits"))
    }

    /// A required single CIP.
    pub(super) fn required_cip(&mut self, field: Field) -> Result<Cip, Defect> {
        self.cip(field)?.ok_or_else(|| self.missing(field, "a CIP of 1 to 14 digits"))
    }

    /// Any number of CIPs separated by `;`, ascending and without repetition.
    pub(super) fn cips(&mut self, field: Field) -> Result<Vec<Cip>, Defect> {
        let Some((text, _)) = self.value(field, Nature::Number)? else { return Ok(Vec::new()) };
        if let Some(only) = Cip::parse(&text) {
            return Ok(vec![only]);
        }
        let mut cips = Vec::new();
        let mut padded = false;
        for part in text.split(';') {
            let cip = part.trim();
            padded |= cip.len() != part.len();
            if !cip.is_empty() {
                let reason = "is not a CIP, or several separated by ;: expected 1 to 14 digits each";
                cips.push(Cip::parse(cip).ok_or_else(|| self.defect(field, reason))?);
            }
        }
        if padded {
            self.changes.note(Change::Trimmed);
        }
        cips.sort_unstable();
        cips.dedup();
        Ok(cips)
    }

    /// A required amount greater than zero, in minor units of whatever currency the row names.
    pub(super) fn amount(&mut self, field: Field) -> Result<i64, Defect> {
        let found = self.decimal(field)?.ok_or_else(|| self.missing(field, "an amount such as 1234.50"))?;
        // The currency comes after the amount in the order of the format, and the digits do not depend on it.
        Money::parse(&found, Currency::Pen)
            .map(|money| money.minor)
            .map_err(|error| self.not_amount(field, error))
    }

    /// An optional refunded amount; zero says no more than nothing.
    pub(super) fn refunded(&mut self, field: Field) -> Result<Option<i64>, Defect> {
        let Some(text) = self.decimal(field)? else { return Ok(None) };
        match parse_minor(&text).map_err(|error| self.not_amount(field, error))? {
            0 => {
                self.changes.note(Change::ZeroRefund);
                Ok(None)
            }
            minor => Ok(Some(minor)),
        }
    }

    /// An optional fee, tax or net amount.
    pub(super) fn fee(&mut self, field: Field) -> Result<Option<Micros>, Defect> {
        let Some(text) = self.decimal(field)? else { return Ok(None) };
        Micros::parse(&text).map(Some).map_err(|error| self.not_amount(field, error))
    }

    /// The required currency.
    pub(crate) fn currency(&mut self, field: Field) -> Result<Currency, Defect> {
        let expected = "PEN or USD";
        let (text, _) = self.value(field, Nature::Words)?.ok_or_else(|| self.missing(field, expected))?;
        if let Some(currency) = Currency::from_code(&text) {
            return Ok(currency);
        }
        let currency = match text.to_lowercase().as_str() {
            "s/" | "s/." | "sol" | "soles" => Currency::Pen,
            "us$" | "dolares" | "dólares" | "dollars" => Currency::Usd,
            "pen" => return Ok(self.in_other_case(Currency::Pen)),
            "usd" => return Ok(self.in_other_case(Currency::Usd)),
            _ => return Err(self.defect(field, format!("is not {expected}"))),
        };
        self.changes.note(Change::CurrencyWord);
        Ok(currency)
    }

    fn in_other_case(&mut self, currency: Currency) -> Currency {
        self.changes.note(Change::LetterCase);
        currency
    }

    /// The required status: a word of the mapping, else of the format.
    pub(crate) fn status<S: Copy>(
        &mut self,
        field: Field,
        all: &[S],
        word: fn(S) -> &'static str,
    ) -> Result<S, Defect> {
        // The mapping may give a meaning to a word that else stands for nothing, so it is asked first.
        let mapping = self.plan.mapping;
        let find = |canonical: &str| all.iter().copied().find(|status| word(*status) == canonical);
        let (text, origin) =
            self.cleaned(field, Nature::Words)?.unwrap_or((Cow::Borrowed(""), Origin::Column));
        let mapped = if origin == Origin::Column || origin == Origin::JsonNumber {
            mapping.status(&text)
        } else {
            None
        };
        if let Some((status, other_case)) = mapped.and_then(|(word, case)| Some((find(word)?, case))) {
            if other_case {
                self.changes.note(Change::LetterCase);
            }
            return Ok(status);
        }
        if let Some(status) = find(&text) {
            return Ok(status);
        }
        let known = || {
            let canonical = all.iter().map(|status| word(*status));
            canonical.chain(mapping.status_words()).collect::<Vec<_>>().join(", ")
        };
        if is_missing(&text, self.changes) {
            return Err(self.missing(field, &format!("one of {}", known())));
        }
        let Some(status) = find(&text.to_lowercase()) else {
            return Err(self.defect(field, format!("{UNKNOWN_STATUS}: expected one of {}", known())));
        };
        self.changes.note(Change::LetterCase);
        Ok(status)
    }

    /// An optional time; the provider's `1900-01-01` is none.
    pub(super) fn time(&mut self, field: Field) -> Result<Option<Instant>, Defect> {
        let Some((text, origin)) = self.value(field, Nature::Number)? else { return Ok(None) };
        let dates = &self.plan.mapping.dates;
        if origin == Origin::Calendar && !dates.has_zone() {
            let leg = self.plan.layout.leg.word();
            let reason = format!(
                "is a date of a spreadsheet, which has no offset: write zone = \"America/Lima\", or where it was \
                 taken, under [{leg}] in the mapping"
            );
            return Err(self.defect(field, reason));
        }
        let time = match origin {
            Origin::Canonical => Instant::parse(&text),
            Origin::Calendar => dates.read_calendar(&text),
            Origin::Column | Origin::JsonNumber => dates.read(&text),
        };
        let time = time.ok_or_else(|| {
            let example = dates.example();
            self.defect(
                field,
                if dates.is_out_of_range(&text) {
                    format!("lies outside the years 1678 to 2262: expected {example}")
                } else {
                    format!("is not {example}")
                },
            )
        })?;
        if time.is_no_date() {
            self.changes.note(Change::NoDate);
            return Ok(None);
        }
        Ok(Some(time))
    }

    /// A required time.
    pub(super) fn required_time(&mut self, field: Field) -> Result<Instant, Defect> {
        self.time(field)?.ok_or_else(|| self.missing(field, &self.plan.mapping.dates.example()))
    }

    /// Whatever feeds no field, as it stands in the file; empty cells are left out.
    pub(crate) fn extras(&self) -> Result<Extras<'a>, Defect> {
        let mut extras = Vec::new();
        match self.row {
            Row::Csv(record) => {
                for column in &self.plan.unknown {
                    let value = self.csv_cell(record, *column)?;
                    if !value.is_empty() {
                        let name = self.plan.columns.get(*column).cloned().unwrap_or_default();
                        extras.push((name, self.checked(value, *column)?));
                    }
                }
            }
            Row::Json(object) => {
                for (name, value) in &object.extras {
                    match value {
                        Value::Null => {}
                        Value::Text(text)
                        | Value::Number(text)
                        | Value::Calendar(text)
                        | Value::Other(_, text)
                            if text.is_empty() => {}
                        Value::Text(text)
                        | Value::Number(text)
                        | Value::Calendar(text)
                        | Value::Other(_, text) => {
                            check_bounds(name, text)?;
                            extras.push((name.clone(), text.clone()));
                        }
                    }
                }
            }
        }
        Ok(extras)
    }

    /// A defect of a field, with its value as it stands in the file.
    pub(crate) fn defect(&self, field: Field, reason: impl Into<String>) -> Defect {
        match self.raw(field) {
            Ok(Some((text, _))) => Defect::new(field.name, reason, &text),
            Ok(None) | Err(_) => Defect::new(field.name, reason, ""),
        }
    }

    #[cold]
    fn missing(&self, field: Field, expected: &str) -> Defect {
        self.defect(field, format!("is missing: expected {expected}"))
    }

    #[cold]
    fn not_amount(&self, field: Field, error: AmountError) -> Defect {
        let example = self.plan.mapping.marks.example();
        self.defect(
            field,
            match error {
                AmountError::NotDecimal => format!("is not a plain decimal such as {example}"),
                other => format!("{other}: expected a plain decimal such as {example}"),
            },
        )
    }

    fn short(&mut self, field: Field, nature: Nature) -> Result<Option<Text<'a>>, Defect> {
        let Some((text, _)) = self.value(field, nature)? else { return Ok(None) };
        if text.len() > TEXT_BYTES_MAX {
            return Err(
                self.defect(field, format!("is longer than {TEXT_BYTES_MAX} bytes: expected a shorter text"))
            );
        }
        Ok(Some(text))
    }

    /// A number in canonical form, its digits not yet checked.
    fn decimal(&mut self, field: Field) -> Result<Option<Text<'a>>, Defect> {
        let Some((text, origin)) = self.value(field, Nature::Number)? else { return Ok(None) };
        let marks = self.plan.mapping.marks;
        if origin != Origin::Column || marks == super::values::Marks::default() {
            return Ok(Some(text));
        }
        match marks.to_plain(&text) {
            Some(plain) => Ok(Some(Cow::Owned(plain.into_owned()))),
            None => Err(self.not_amount(field, AmountError::NotDecimal)),
        }
    }

    /// A cleansed text; `None` where there is nothing or a word for nothing.
    fn value(&mut self, field: Field, nature: Nature) -> Result<Found<'a>, Defect> {
        let found = self.cleaned(field, nature)?;
        Ok(found.filter(|(text, _)| !is_missing(text, self.changes)))
    }

    fn cleaned(&mut self, field: Field, nature: Nature) -> Result<Found<'a>, Defect> {
        match (self.plan.binding(field), self.row) {
            (Binding::Absent, _) => return Ok(None),
            (Binding::Column(column), Row::Csv(record)) => {
                if let Some(text) = record.clean_field(*column) {
                    return Ok(Some((Cow::Borrowed(text), Origin::Column)));
                }
            }
            (Binding::Column(slot), Row::Json(object)) => {
                let (text, origin) = match object.member(*slot) {
                    Some(Value::Text(Cow::Borrowed(text))) => (*text, Origin::Column),
                    Some(Value::Number(Cow::Borrowed(text))) => (*text, Origin::JsonNumber),
                    None if self.plan.fallback_account.is_none() => return Ok(None),
                    _ => return self.cleaned_with_care(field, nature),
                };
                if text.len() <= FIELD_BYTES_MAX && is_clean(text.as_bytes()) {
                    return Ok(Some((Cow::Borrowed(text), origin)));
                }
            }
            _ => {}
        }
        self.cleaned_with_care(field, nature)
    }

    /// The same for whatever is not simply a stretch of the file.
    fn cleaned_with_care(&mut self, field: Field, nature: Nature) -> Result<Found<'a>, Defect> {
        let found = self.raw(field)?;
        Ok(found.map(|(text, origin)| (clean(text, nature, self.changes), origin)))
    }

    /// The text of a field as it stands in the file.
    fn raw(&self, field: Field) -> Result<Found<'a>, Defect> {
        match self.plan.binding(field) {
            Binding::Column(column) => {
                let found = self.cell(*column)?;
                Ok(match self.plan.fallback_account {
                    Some(account) if found.is_none() && field.index == 0 => {
                        Some((Cow::Borrowed(account), Origin::Canonical))
                    }
                    _ => found,
                })
            }
            Binding::Joined(columns) => self.joined(field, columns),
            Binding::Attribute(column, name) => self.attribute(field, *column, name),
            Binding::Constant(constant) => Ok(Some((Cow::Owned(constant.clone()), Origin::Canonical))),
            Binding::Given(account) => Ok(Some((Cow::Borrowed(account), Origin::Canonical))),
            Binding::Absent => Ok(None),
        }
    }

    /// Several cells in one. All empty is nothing; some empty would make one reference look like another.
    fn joined(&self, field: Field, columns: &[usize]) -> Result<Found<'a>, Defect> {
        let mut parts = Vec::with_capacity(columns.len());
        let mut calendar = true;
        for column in columns {
            let part = self.cell(*column)?.map(|(text, origin)| {
                calendar &= origin == Origin::Calendar;
                text.trim().to_owned()
            });
            parts.push(part.unwrap_or_default());
        }
        let text = parts.join(&self.plan.mapping.join);
        if parts.iter().all(String::is_empty) {
            return Ok(None);
        }
        match parts.iter().zip(columns).find(|(part, _)| part.is_empty()) {
            Some((_, column)) => {
                let name = self.plan.columns.get(*column).map_or("", |name| name);
                Err(Defect::new(
                    field.name,
                    format!("has no value in column \"{name}\": expected all of its columns or none"),
                    &text,
                ))
            }
            // A day and a time of day of a spreadsheet are one time, however the mapping joins other texts.
            None if calendar => Ok(Some((Cow::Owned(parts.join("T")), Origin::Calendar))),
            None => Ok(Some((Cow::Owned(text), Origin::Column))),
        }
    }

    /// The value behind `name:` in the only line of a cell that begins so.
    fn attribute(&self, field: Field, column: usize, name: &str) -> Result<Found<'a>, Defect> {
        let Some((text, origin)) = self.cell(column)? else { return Ok(None) };
        let value = |line: &str| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        };
        let mut values = text.lines().filter_map(value);
        match (values.next(), values.next()) {
            (_, Some(_)) => {
                let reason = format!("stands in two lines \"{name}: …\": expected one");
                Err(Defect::new(field.name, reason, &text))
            }
            (found, None) => Ok(found.map(|value| (Cow::Owned(value), origin))),
        }
    }

    fn cell(&self, column: usize) -> Result<Found<'a>, Defect> {
        match self.row {
            Row::Csv(record) => {
                let text = self.csv_cell(record, column)?;
                Ok(Some((self.checked(text, column)?, Origin::Column)))
            }
            Row::Json(object) => match object.member(column) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::Text(text)) => Ok(Some((self.checked(text.clone(), column)?, Origin::Column))),
                Some(Value::Number(text)) => {
                    Ok(Some((self.checked(text.clone(), column)?, Origin::JsonNumber)))
                }
                Some(Value::Calendar(text)) => {
                    Ok(Some((self.checked(text.clone(), column)?, Origin::Calendar)))
                }
                Some(Value::Other(kind, text)) => {
                    let reason = format!("is {kind}: expected a string or a number");
                    Err(Defect::new(self.plan.label(column), reason, text))
                }
            },
        }
    }

    fn csv_cell(&self, record: &Record<'a>, column: usize) -> Result<Text<'a>, Defect> {
        record
            .field(column, self.plan.mapping.encoding)
            .map_err(|not_utf8| Defect::new(self.plan.label(column), self.plan.not_utf8(), &not_utf8.shown))
    }

    fn checked(&self, text: Text<'a>, column: usize) -> Result<Text<'a>, Defect> {
        match check_bounds("", &text) {
            Ok(()) => Ok(text),
            Err(Defect(finding)) => {
                Err(Defect(Box::new(Finding { field: self.plan.label(column).to_owned(), ..*finding })))
            }
        }
    }
}

/// Refuses a key that no column could be named by; the same bounds as for what it names.
pub(super) fn check_name(name: &str) -> Result<(), Defect> {
    let reason = if name.len() > FIELD_BYTES_MAX {
        "has a key longer than 64 KiB: expected a key of at most 65536 bytes"
    } else if memchr::memchr(0, name.as_bytes()).is_some() {
        "has a key that holds a NUL byte: expected text"
    } else {
        return Ok(());
    };
    Err(Defect::new("", reason, name))
}

/// Whether every reader would take a text as an account: something is left of it after cleansing, and not too much.
pub(super) fn is_account(text: &str) -> bool {
    let mut changes = Changes::default();
    let cleaned = clean(Cow::Borrowed(text), Nature::Words, &mut changes);
    check_bounds("", text).is_ok() && cleaned.len() <= TEXT_BYTES_MAX && !is_missing(&cleaned, &mut changes)
}

/// Refuses what no field may hold, however it is cleansed.
pub(super) fn check_bounds(name: &str, text: &str) -> Result<(), Defect> {
    if text.len() > FIELD_BYTES_MAX {
        return Err(Defect::new(
            name,
            "is longer than 64 KiB: expected a field of at most 65536 bytes",
            text,
        ));
    }
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(Defect::new(name, "holds a NUL byte: expected text", text));
    }
    Ok(())
}
