//! Reads a file piece by piece: the header once, then any number of pieces that each begin and end with a record, in any
//! order and by several threads at once.
//!
//! This is possible where a line feed ends a record for sure: NDJSON, and CSV without quotes. Whatever else a file may
//! be, [`Sheet::open`] or [`Sheet::orders`] says so, and the general reader reads it whole.

use std::collections::BTreeSet;

use memchr::memchr;

use super::cleanse::Changes;
use super::csv::{Record, Splitter};
use super::error::FileError;
use super::fields::{Defect, Fields, Row};
use super::lane::{Lane, Plain};
use super::mapping::LegMapping;
use super::members::Shapes;
use super::ndjson::Object;
use super::plan::{Layout, Plan};
use super::reader::{note_unknown, read_header, read_object, shape_defect, text_of};
use super::rows::Rows;
use super::{Format, Rejected, Source, orders, reports};
use crate::calendar::Instant;
use crate::lifecycle::evidence::{OrderRow, ReportRow};

/// What the beginning of a file says of all its rows.
#[derive(Debug)]
pub(crate) struct Sheet<'h, 'm> {
    plan: Plan<'h, 'm>,
    file: &'h str,
    format: Format,
    /// Where the first row begins, in bytes from the start of the file.
    pub(crate) body_start: usize,
    /// The physical line on which it begins, 1 for the first of the file.
    pub(crate) first_line: u64,
}

/// A quote: where records end is told only by reading from the start.
#[derive(Debug)]
pub(crate) struct Quoted;

/// What the rows of one piece gave beside themselves.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// Physical lines, counted by their ends.
    pub lines: u64,
    /// Rows that could be read.
    pub rows: u64,
    /// Rows that could not, their lines counted from 0 at the start of the piece.
    pub rejected: Vec<Rejected>,
    changes: Changes,
    /// Keys that the format does not know.
    unknown: BTreeSet<String>,
    /// The latest time that a row tells of.
    pub latest: Option<Instant>,
}

impl Piece {
    /// Adds what the next piece of the same file gave.
    pub(crate) fn add(&mut self, mut next: Piece) {
        for rejected in &mut next.rejected {
            rejected.line = rejected.line.saturating_add(self.lines);
        }
        self.rejected.append(&mut next.rejected);
        self.lines = self.lines.saturating_add(next.lines);
        self.rows = self.rows.saturating_add(next.rows);
        self.changes.take_in(&mut next.changes);
        self.latest = self.latest.max(next.latest);
        self.unknown.append(&mut next.unknown);
        super::reader::keep_first_unknown(&mut self.unknown);
    }

    /// How many fields of the rows were changed, by kind.
    pub(crate) fn cleansed(&self) -> std::collections::BTreeMap<&'static str, u64> {
        self.changes.by_key()
    }
}

impl<'h, 'm> Sheet<'h, 'm> {
    /// Reads the beginning of a file of orders; see [`Sheet::open`].
    pub(crate) fn of_orders(
        head: &Source<'h>,
        mapping: &'m LegMapping,
    ) -> Result<Option<Sheet<'h, 'm>>, FileError> {
        Sheet::open(head, &orders::LAYOUT, mapping)
    }

    /// Reads the beginning of a file of reports; see [`Sheet::open`].
    pub(crate) fn of_reports(
        head: &Source<'h>,
        mapping: &'m LegMapping,
    ) -> Result<Option<Sheet<'h, 'm>>, FileError> {
        Sheet::open(head, &reports::LAYOUT, mapping)
    }

    /// Reads the beginning of a file, of which `head.bytes` is as much as is needed for the header. `None` where the file
    /// has to be read whole.
    ///
    /// # Errors
    /// [`FileError`], as the general reader gives it.
    fn open(
        head: &Source<'h>,
        layout: &'static Layout,
        mapping: &'m LegMapping,
    ) -> Result<Option<Sheet<'h, 'm>>, FileError> {
        if !matches!(head.format, Format::Csv | Format::Ndjson) || mapping.repeats.is_some() {
            return Ok(None);
        }
        let body = text_of(head, layout, mapping)?;
        let (plan, rest, first_line) = match head.format {
            Format::Ndjson => (Plan::for_ndjson(head, layout, mapping), body.len(), 1),
            _ => {
                let mut splitter = Splitter::new(body, mapping.delimiter);
                splitter.skip_lines(mapping.header_row.map_or(0, |row| row.saturating_sub(1)));
                let columns = read_header(head, layout, mapping, &mut splitter, &mut Record::new())?;
                let before = body.len().saturating_sub(splitter.rest().len());
                let read = body.get(..before).unwrap_or_default();
                if memchr(b'"', read).is_some() || !read.ends_with(b"\n") {
                    return Ok(None);
                }
                let plan = Plan::for_csv(head, layout, mapping, columns)?;
                (plan, splitter.rest().len(), splitter.line())
            }
        };
        let body_start = head.bytes.len().saturating_sub(rest);
        Ok(Some(Sheet { plan, file: head.name, format: head.format, body_start, first_line }))
    }

    /// The names of columns that feed no field.
    pub(crate) fn unknown_columns(&self, piece: &Piece) -> Vec<String> {
        match self.format {
            Format::Ndjson => piece.unknown.iter().cloned().collect(),
            _ => self.plan.unknown_names().map(|name| name.clone().into_owned()).collect(),
        }
    }

    /// Reads the orders of a piece and shows each to `take`.
    ///
    /// # Errors
    /// [`Quoted`]: the piece may not begin or end with a record, and what was taken so far is not to be used.
    pub(crate) fn orders<'a>(
        &'a self,
        bytes: &'a [u8],
        take: impl FnMut(&OrderRow<'a>),
    ) -> Result<Piece, Quoted> {
        self.read(bytes, Lane::blank_order, orders::read, take)
    }

    /// Reads the report rows of a piece and shows each to `take`.
    ///
    /// # Errors
    /// [`Quoted`], as for [`Sheet::orders`].
    pub(crate) fn reports<'a>(
        &'a self,
        bytes: &'a [u8],
        source: u16,
        take: impl FnMut(&ReportRow<'a>),
    ) -> Result<Piece, Quoted> {
        let general = |row: &mut Fields<'a, '_>| reports::read(row, source);
        let blank = |lane: &Lane<'a>| ReportRow { source, ..lane.blank_report() };
        self.read(bytes, blank, general, take)
    }

    /// `blank` gives the row into which the quick way puts what it reads.
    fn read<'a, R: Plain<'a>>(
        &'a self,
        bytes: &'a [u8],
        blank: impl Fn(&Lane<'a>) -> R,
        general: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
        take: impl FnMut(&R),
    ) -> Result<Piece, Quoted> {
        let lane = Lane::new(&self.plan).map(|lane| (blank(&lane), lane));
        let (piece, row_changes) = (Piece::default(), Changes::default());
        let mut sorter = Sorter { file: self.file, piece, row_changes, take };
        match self.format {
            Format::Ndjson => self.read_objects(bytes, lane, general, &mut sorter),
            _ => self.read_records(bytes, lane, general, &mut sorter)?,
        }
        Ok(sorter.piece)
    }

    fn read_objects<'a, R: Plain<'a>>(
        &'a self,
        bytes: &'a [u8],
        mut lane: Option<(R, Lane<'a>)>,
        general: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
        sorter: &mut Sorter<'_, impl FnMut(&R)>,
    ) {
        let names = &self.plan.columns;
        let mut object = Object::new(names.len());
        let (mut rows, mut shapes) = (Rows::of_json(bytes), Shapes::default());
        while let Some(line) = rows.next() {
            let read = lane.as_mut().and_then(|(row, lane)| {
                row.fill(lane, rows.members(line, names, &mut shapes)?).ok()?;
                Some(&*row)
            });
            let line = bytes.get(line.start..line.end).unwrap_or_default();
            if let Some(row) = read {
                sorter.keep(row);
            } else if !line.trim_ascii().is_empty() {
                object.line = sorter.piece.lines;
                let outcome = read_object(line, &mut object, &self.plan).and_then(|()| {
                    note_unknown(&object, &mut sorter.piece.unknown);
                    general(&mut Fields::new(&self.plan, Row::Json(&object), &mut sorter.row_changes))
                });
                sorter.sort(outcome);
            }
            sorter.piece.lines = sorter.piece.lines.saturating_add(1);
        }
    }

    fn read_records<'a, R: Plain<'a>>(
        &'a self,
        bytes: &'a [u8],
        mut lane: Option<(R, Lane<'a>)>,
        general: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
        sorter: &mut Sorter<'_, impl FnMut(&R)>,
    ) -> Result<(), Quoted> {
        let mut record = Record::new();
        let mut rows = Rows::of_csv(bytes, self.plan.mapping.delimiter, self.plan.columns.len());
        while let Some(line) = rows.next() {
            let read = lane.as_mut().and_then(|(row, lane)| {
                row.fill(lane, rows.cells(line, lane.columns)?).ok()?;
                Some(&*row)
            });
            if let Some(row) = read {
                sorter.keep(row);
            } else {
                let line = bytes.get(line.start..line.after).unwrap_or_default();
                if memchr(b'"', line).is_some() {
                    return Err(Quoted);
                }
                let mut splitter = Splitter::new(line, self.plan.mapping.delimiter);
                splitter.expect_columns(self.plan.columns.len());
                if let Some(shape) = splitter.next(&mut record) {
                    record.line = sorter.piece.lines;
                    let outcome = match shape {
                        Ok(()) => {
                            general(&mut Fields::new(&self.plan, Row::Csv(&record), &mut sorter.row_changes))
                        }
                        Err(fault) => Err(shape_defect(fault, &record, &self.plan)),
                    };
                    sorter.sort(outcome);
                }
            }
            sorter.piece.lines = sorter.piece.lines.saturating_add(1);
        }
        Ok(())
    }
}

/// Sorts rows into what is kept and what is rejected.
struct Sorter<'f, T> {
    file: &'f str,
    piece: Piece,
    row_changes: Changes,
    /// Takes what is kept.
    take: T,
}

impl<T> Sorter<'_, T> {
    fn keep<'a, R: Plain<'a>>(&mut self, row: &R)
    where
        T: FnMut(&R),
    {
        self.piece.rows = self.piece.rows.saturating_add(1);
        self.piece.latest = self.piece.latest.max(row.latest());
        (self.take)(row);
    }

    /// Sorts what the general reader made of a row.
    fn sort<'a, R: Plain<'a>>(&mut self, outcome: Result<R, Defect>)
    where
        T: FnMut(&R),
    {
        match outcome {
            Ok(row) => {
                self.piece.changes.take_in(&mut self.row_changes);
                self.keep(&row);
            }
            Err(defect) => {
                self.row_changes.forget();
                self.piece.rejected.push(defect.into_rejected(self.file, self.piece.lines));
            }
        }
    }
}
