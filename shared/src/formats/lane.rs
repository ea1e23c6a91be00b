//! The quick way through a table: rows that are plainly in canonical form are read straight from their bytes.
//!
//! It takes a row only where the general reader would give the very same one and count no change. Everything else, a
//! blank at an end, another letter case, a mark or a format of the mapping, is left to the general reader, which also
//! says what is wrong.

use std::borrow::Cow;

use super::cleanse::is_printable;
use super::fields::TEXT_BYTES_MAX;
use super::plan::{Binding, Plan};
use super::rows::Values;
use super::values::Marks;
use super::{orders, reports};
use crate::calendar::{Instant, LastDays};
use crate::ids::Cip;
use crate::lifecycle::evidence::{OrderRow, OrderStatus, ReportRow, ReportStatus, Text};
use crate::money::{Currency, Micros, plain_decimal};

/// What a file's plan says, as the quick way needs it.
#[derive(Debug)]
pub(super) struct Lane<'p> {
    /// The columns that feed fields, each with the field's place in the format.
    steps: Vec<(usize, usize)>,
    extras: Vec<(usize, &'p str)>,
    /// The account that stands for the whole file.
    given: Option<&'p str>,
    /// Words with the place of the status that they stand for among those of the format.
    statuses: Vec<(Word<'p>, usize)>,
    /// How many fields a record has.
    pub columns: usize,
    dates: LastDays,
}

/// A row that the quick way can fill again and again.
pub(super) trait Plain<'a>: Sized {
    /// Fills the row from a record. Where that is unusual the row holds a part of each.
    fn fill(&mut self, lane: &Lane<'a>, values: impl Values<'a>) -> Result<(), Unusual>;

    /// The latest time that the row tells of.
    fn latest(&self) -> Option<Instant>;
}

impl<'a> Plain<'a> for OrderRow<'a> {
    fn fill(&mut self, lane: &Lane<'a>, values: impl Values<'a>) -> Result<(), Unusual> {
        lane.order(values, self)
    }

    fn latest(&self) -> Option<Instant> {
        orders::latest(self)
    }
}

impl<'a> Plain<'a> for ReportRow<'a> {
    fn fill(&mut self, lane: &Lane<'a>, values: impl Values<'a>) -> Result<(), Unusual> {
        lane.report(values, self)
    }

    fn latest(&self) -> Option<Instant> {
        reports::latest(self)
    }
}

/// A field that is there but needs the general reader, and with it its row.
pub(super) struct Unusual;

impl<'p> Lane<'p> {
    /// Prepares the quick way; `None` where the mapping makes values of a file that only the general reader reads.
    pub(super) fn new(plan: &'p Plan<'_, '_>) -> Option<Lane<'p>> {
        let mapping = plan.mapping;
        let columns = plan.columns.len();
        let usual =
            mapping.marks == Marks::default() && !mapping.dates.has_format() && mapping.repeats.is_none();
        if !usual || columns < 2 {
            return None;
        }
        let (mut steps, mut given) = (Vec::new(), None);
        for field in plan.layout.fields {
            match plan.binding(*field) {
                Binding::Absent => {}
                Binding::Column(column) => steps.push((*column, field.index)),
                Binding::Given(account) if is_text(account) && is_printable(account.as_bytes()) => {
                    given = Some(*account);
                }
                _ => return None,
            }
        }
        // The words of the mapping are asked first, as the general reader does.
        let canonical = |word: &str| plan.layout.statuses.iter().position(|known| *known == word);
        let words = mapping.status_words().chain(plan.layout.statuses.iter().copied());
        let statuses = words
            .filter_map(|word| match mapping.status(word) {
                Some((status, false)) => Some((Word::new(word), canonical(status)?)),
                Some((_, true)) => None,
                None => Some((Word::new(word), canonical(word)?)),
            })
            .collect();
        let name = |column: &usize| Some((*column, plan.columns.get(*column)?.as_ref()));
        let extras = plan.unknown.iter().filter_map(name).collect();
        Some(Lane { steps, extras, given, statuses, columns, dates: LastDays::default() })
    }

    fn status<S: Copy>(&self, text: &str, all: &[S]) -> Result<S, Unusual> {
        let word = Word::new(text);
        let (_, place) = self.statuses.iter().find(|(known, _)| known.is(word)).ok_or(Unusual)?;
        all.get(*place).copied().ok_or(Unusual)
    }

    fn time(&self, text: &str) -> Result<Option<Instant>, Unusual> {
        if text.is_empty() {
            return Ok(None);
        }
        let time = Instant::parse_usual(text, &self.dates).ok_or(Unusual)?;
        if time.is_no_date() { Err(Unusual) } else { Ok(Some(time)) }
    }

    fn extras<'a>(&self, cells: impl Values<'a>) -> impl Iterator<Item = (Text<'a>, Text<'a>)>
    where
        'p: 'a,
    {
        self.extras.iter().filter_map(move |(column, name)| {
            let value = cells.cell(*column).filter(|value| !value.is_empty())?;
            Some((Cow::Borrowed(*name), Cow::Borrowed(value)))
        })
    }

    /// A row to be filled by [`Lane::order`].
    pub(super) fn blank_order<'a>(&self) -> OrderRow<'a>
    where
        'p: 'a,
    {
        OrderRow { account: Cow::Borrowed(self.given.unwrap_or_default()), ..OrderRow::blank() }
    }

    /// A row to be filled by [`Lane::report`].
    pub(super) fn blank_report<'a>(&self) -> ReportRow<'a>
    where
        'p: 'a,
    {
        ReportRow { account: Cow::Borrowed(self.given.unwrap_or_default()), ..ReportRow::blank() }
    }

    /// Reads one order into a row that held another of the same file; fields without column are as in a blank one. Where
    /// the order is unusual the row holds a part of each.
    pub(super) fn order<'a>(&self, cells: impl Values<'a>, row: &mut OrderRow<'a>) -> Result<(), Unusual>
    where
        'p: 'a,
    {
        for (column, field) in &self.steps {
            let cell = cells.cell(*column).ok_or(Unusual)?;
            match field {
                0 => row.account = required(cell)?,
                1 => row.reference_id = required(cell)?,
                2 => {
                    row.cips.clear();
                    row.cips.extend(cip(cell)?);
                }
                3 => row.amount.minor = minor(cell)?.ok_or(Unusual)?,
                4 => row.amount.currency = currency(cell)?,
                5 => row.status = self.status(cell, &OrderStatus::ALL)?,
                6 => row.created_at = self.time(cell)?.ok_or(Unusual)?,
                7 => row.expires_at = self.time(cell)?,
                8 => row.paid_at = self.time(cell)?,
                9 => row.fulfilled_at = self.time(cell)?,
                10 => row.refunded_minor = minor(cell)?,
                11 => row.refund_payee_id = optional(cell)?,
                12 => row.store = optional(cell)?,
                13 => row.payer_id = optional(cell)?,
                14 => row.ip = optional(cell)?,
                15 => row.updated_at = self.time(cell)?,
                _ => return Err(Unusual),
            }
        }
        if !self.extras.is_empty() {
            row.extras.clear();
            row.extras.extend(self.extras(cells));
        }
        Ok(())
    }

    /// The same for a row of a report.
    pub(super) fn report<'a>(&self, cells: impl Values<'a>, row: &mut ReportRow<'a>) -> Result<(), Unusual>
    where
        'p: 'a,
    {
        for (column, field) in &self.steps {
            let cell = cells.cell(*column).ok_or(Unusual)?;
            match field {
                0 => row.account = required(cell)?,
                1 => row.cip = cip(cell)?,
                2 => row.reference_id = optional(cell)?,
                3 => row.provider_id = optional(cell)?,
                4 => row.operation_number = optional(cell)?,
                5 => row.amount.minor = minor(cell)?.ok_or(Unusual)?,
                6 => row.amount.currency = currency(cell)?,
                7 => row.status = self.status(cell, &ReportStatus::ALL)?,
                8 => row.created_at = self.time(cell)?,
                9 => row.expires_at = self.time(cell)?,
                10 => row.paid_at = self.time(cell)?,
                11 => row.refunded_minor = minor(cell)?,
                12 => row.commission = fee(cell)?,
                13 => row.igv = fee(cell)?,
                14 => row.net = fee(cell)?,
                15 => row.settlement_id = optional(cell)?,
                16 => row.store = optional(cell)?,
                17 => row.observed_at = self.time(cell)?,
                _ => return Err(Unusual),
            }
        }
        if row.cip.is_none() && row.reference_id.is_none() && row.provider_id.is_none() {
            return Err(Unusual);
        }
        if !self.extras.is_empty() {
            row.extras.clear();
            row.extras.extend(self.extras(cells));
        }
        Ok(())
    }
}

fn required(text: &str) -> Result<Text<'_>, Unusual> {
    if is_text(text) { Ok(Cow::Borrowed(text)) } else { Err(Unusual) }
}

fn optional(text: &str) -> Result<Option<Text<'_>>, Unusual> {
    if text.is_empty() { Ok(None) } else { required(text).map(Some) }
}

fn cip(text: &str) -> Result<Option<Cip>, Unusual> {
    if text.is_empty() { Ok(None) } else { Cip::from_digits(text).map(Some).ok_or(Unusual) }
}

/// An amount greater than zero.
fn minor(text: &str) -> Result<Option<i64>, Unusual> {
    if text.is_empty() {
        return Ok(None);
    }
    plain_decimal(text, 2).filter(|minor| *minor > 0).map(Some).ok_or(Unusual)
}

fn fee(text: &str) -> Result<Option<Micros>, Unusual> {
    if text.is_empty() {
        Ok(None)
    } else {
        plain_decimal(text, 6).map(|fee| Some(Micros(fee))).ok_or(Unusual)
    }
}

fn currency(text: &str) -> Result<Currency, Unusual> {
    match text.as_bytes() {
        b"PEN" => Ok(Currency::Pen),
        b"USD" => Ok(Currency::Usd),
        _ => Err(Unusual),
    }
}

/// A word that is compared with others quickly: by its length and first bytes, and by the rest only where those agree.
#[derive(Clone, Copy, Debug)]
struct Word<'t> {
    text: &'t str,
    start: u64,
}

impl<'t> Word<'t> {
    fn new(text: &'t str) -> Word<'t> {
        let start = text.as_bytes().first_chunk().copied().unwrap_or_else(|| {
            let mut padded = [0; 8];
            padded.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
            padded
        });
        Word { text, start: u64::from_le_bytes(start) }
    }

    fn is(self, other: Word<'_>) -> bool {
        let (own, others) = (self.text.len(), other.text.len());
        self.start == other.start && own == others && (own <= 8 || self.text == other.text)
    }
}

/// Whether printable ASCII stands for itself: nothing to trim, not too long, and no word for nothing.
fn is_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let blank_end = bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ');
    let word_for_nothing = bytes.len() <= 4 && matches!(text, "-" | "N/A" | "NA" | "null" | "NULL" | "None");
    !blank_end && !word_for_nothing && (1..=TEXT_BYTES_MAX).contains(&bytes.len())
}

#[cfg(test)]
mod tests {
    use super::super::{orders, reports};

    /// The quick way asks for fields by their place in the format.
    #[test]
    fn fields_are_where_the_quick_way_looks_for_them() {
        let names =
            |layout: &super::super::Layout| layout.fields.iter().map(|field| field.name).collect::<Vec<_>>();
        assert_eq!(
            names(&orders::LAYOUT).join(" "),
            "account reference_id cip amount currency status created_at expires_at paid_at fulfilled_at refunded_amount \
             refund_payee_id store payer_id ip updated_at"
        );
        assert_eq!(
            names(&reports::LAYOUT).join(" "),
            "account cip reference_id provider_id operation_number amount currency status created_at expires_at paid_at \
             refunded_amount commission igv net settlement_id store observed_at"
        );
    }
}
