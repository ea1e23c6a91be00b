//! Reads a file piece by piece: the header once, then any number of pieces that each begin and end with a record, in any
//! order and by several threads at once.
//!
//! This is possible where a line feed ends a record for sure: NDJSON, and CSV without quotes. Whatever else a file may
//! be, [`Sheet::open`] or [`Sheet::orders`] says so, and the general reader reads it whole.

use std::collections::BTreeSet;

use memchr::{memchr, memchr_iter};

use super::cleanse::{Changes, is_printable};
use super::csv::{Record, Splitter};
use super::error::FileError;
use super::fields::{Defect, Fields, Row};
use super::lane::{Cells, Lane, Unusual};
use super::mapping::LegMapping;
use super::ndjson::Object;
use super::plan::{Layout, Plan};
use super::reader::{note_unknown, read_header, read_object, shape_defect, text_of};
use super::scan::{self, BLOCK_BYTES};
use super::{Format, Rejected, Source, orders, reports};
use crate::calendar::Instant;
use crate::lifecycle::evidence::{OrderRow, ReportRow};

/// Longest row that the quick way takes; the general reader looks at longer ones field by field.
const PLAIN_BYTES_MAX: usize = 4096;

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
        let quick = |lane: &Lane<'a>, cells: Cells<'a, '_>, row: &mut OrderRow<'a>| lane.order(cells, row);
        self.read(bytes, Lane::blank_order, quick, orders::read, orders::latest, take)
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
        let quick = |lane: &Lane<'a>, cells: Cells<'a, '_>, row: &mut ReportRow<'a>| lane.report(cells, row);
        let general = |row: &mut Fields<'a, '_>| reports::read(row, source);
        let blank = |lane: &Lane<'a>| ReportRow { source, ..lane.blank_report() };
        self.read(bytes, blank, quick, general, reports::latest, take)
    }

    /// `blank` gives the row into which the quick way puts what it reads.
    fn read<'a, R>(
        &'a self,
        bytes: &'a [u8],
        blank: impl Fn(&Lane<'a>) -> R,
        quick: impl Fn(&Lane<'a>, Cells<'a, '_>, &mut R) -> Result<(), Unusual>,
        general: impl Fn(&mut Fields<'a, '_>) -> Result<R, Defect>,
        latest: impl Fn(&R) -> Option<Instant>,
        mut take: impl FnMut(&R),
    ) -> Result<Piece, Quoted> {
        let mut sorter = Sorter { file: self.file, piece: Piece::default(), row_changes: Changes::default() };
        let mut keep = |piece: &mut Piece, row: &R| {
            piece.rows = piece.rows.saturating_add(1);
            piece.latest = piece.latest.max(latest(row));
            take(row);
        };
        if self.format == Format::Ndjson {
            let mut object = Object::new(self.plan.columns.len());
            for line in lines(bytes) {
                object.line = sorter.piece.lines;
                if !line.trim_ascii().is_empty() {
                    let outcome = read_object(line, &mut object, &self.plan).and_then(|()| {
                        note_unknown(&object, &mut sorter.piece.unknown);
                        general(&mut Fields::new(&self.plan, Row::Json(&object), &mut sorter.row_changes))
                    });
                    sorter.sort(outcome, &mut keep);
                }
                sorter.piece.lines = sorter.piece.lines.saturating_add(1);
            }
            return Ok(sorter.piece);
        }
        let mut lane = Lane::new(&self.plan).map(|lane| (blank(&lane), lane));
        let mut record = Record::new();
        let mut rows = Rows::new(bytes, self.plan.mapping.delimiter, self.plan.columns.len());
        while let Some(line) = rows.next() {
            let read = lane.as_mut().and_then(|(row, lane)| {
                quick(lane, rows.cells(line, lane.columns)?, row).ok()?;
                Some(&*row)
            });
            if let Some(row) = read {
                keep(&mut sorter.piece, row);
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
                    sorter.sort(outcome, &mut keep);
                }
            }
            sorter.piece.lines = sorter.piece.lines.saturating_add(1);
        }
        Ok(sorter.piece)
    }
}

/// Sorts what the general reader made of rows.
struct Sorter<'f> {
    file: &'f str,
    piece: Piece,
    row_changes: Changes,
}

impl Sorter<'_> {
    fn sort<R>(&mut self, outcome: Result<R, Defect>, keep: impl FnOnce(&mut Piece, &R)) {
        match outcome {
            Ok(row) => {
                self.piece.changes.take_in(&mut self.row_changes);
                keep(&mut self.piece, &row);
            }
            Err(defect) => {
                self.row_changes.forget();
                self.piece.rejected.push(defect.into_rejected(self.file, self.piece.lines));
            }
        }
    }
}

/// The lines of a piece, without their line feeds.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let unended = !bytes.is_empty() && !bytes.ends_with(b"\n");
    memchr_iter(b'\n', bytes).chain(unended.then_some(bytes.len())).filter_map(move |end| {
        let line = bytes.get(start..end);
        start = end.saturating_add(1);
        line
    })
}

/// One line and whether it holds nothing that the quick way stumbles over.
#[derive(Clone, Copy, Debug)]
struct LineAt {
    start: usize,
    /// Where its line feed is, or the piece ends.
    end: usize,
    /// Where the next line begins.
    after: usize,
    odd: bool,
}

/// Goes through the lines of a piece and notes where fields end.
struct Rows<'a> {
    bytes: &'a [u8],
    /// The same as text, unless something in it is not UTF-8.
    text: Option<&'a str>,
    delimiter: u8,
    /// Ends of the current line's fields, from the start of the line; as many as the header has.
    ends: Vec<usize>,
    /// How many fields the current line has.
    found: usize,
    line_start: usize,
    /// Where the block begins that `marks` tells of, and what of it is not used up yet.
    block_start: usize,
    marks: scan::Marks,
    odd_before: bool,
}

impl<'a> Rows<'a> {
    fn new(bytes: &'a [u8], delimiter: u8, columns: usize) -> Rows<'a> {
        let mut rows = Rows {
            bytes,
            text: std::str::from_utf8(bytes).ok(),
            delimiter,
            ends: vec![0; columns],
            found: 0,
            line_start: 0,
            block_start: 0,
            marks: scan::Marks { ends: 0, line_feeds: 0, odd: 0 },
            odd_before: false,
        };
        rows.marks = rows.look();
        rows
    }

    fn look(&self) -> scan::Marks {
        let rest = self.bytes.get(self.block_start..).unwrap_or_default();
        match rest.first_chunk::<BLOCK_BYTES>() {
            Some(block) => scan::look(block, self.delimiter),
            None => {
                // What stands in for the bytes after the end is a plain letter.
                let mut block = [b'x'; BLOCK_BYTES];
                block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                scan::look(&block, self.delimiter)
            }
        }
    }

    /// The next line; `None` after the last.
    #[inline]
    fn next(&mut self) -> Option<LineAt> {
        let start = self.line_start;
        let (mut marks, mut odd_before, mut found) = (self.marks, self.odd_before, 0_usize);
        loop {
            while marks.ends != 0 {
                let bit = marks.ends & marks.ends.wrapping_neg();
                marks.ends ^= bit;
                let place = self.block_start + usize::try_from(bit.trailing_zeros()).unwrap_or_default();
                if let Some(end) = self.ends.get_mut(found) {
                    *end = place - start;
                }
                found += 1;
                if marks.line_feeds & bit != 0 {
                    let upto = bit | (bit - 1);
                    let odd = odd_before | (marks.odd & upto != 0);
                    marks.odd &= !upto;
                    (self.marks, self.odd_before, self.found) = (marks, false, found);
                    self.line_start = place + 1;
                    return Some(LineAt { start, end: place, after: place + 1, odd });
                }
            }
            odd_before |= marks.odd != 0;
            self.block_start += BLOCK_BYTES;
            if self.block_start >= self.bytes.len() {
                let end = self.bytes.len();
                self.line_start = end;
                (self.marks, self.odd_before) = (scan::Marks { odd: 0, ..marks }, odd_before);
                // Without a line feed the last line has a field more than was found, and is the general reader's.
                self.found = usize::MAX;
                return (start < end).then_some(LineAt { start, end, after: end, odd: true });
            }
            marks = self.look();
        }
    }

    /// The line's fields, where it may be plain and has as many as the header. A line that ends in CR LF is as good as
    /// one that ends in LF.
    #[inline]
    fn cells(&mut self, line: LineAt, columns: usize) -> Option<Cells<'a, '_>> {
        let length = line.end.saturating_sub(line.start);
        if self.found != columns || length > PLAIN_BYTES_MAX {
            return None;
        }
        let mut text = match self.text {
            Some(text) => text.get(line.start..line.end)?,
            None => std::str::from_utf8(self.bytes.get(line.start..line.end)?).ok()?,
        };
        if line.odd {
            let plain =
                |rest: &&str| is_printable(rest.as_bytes()) && memchr(b'"', rest.as_bytes()).is_none();
            text = text.strip_suffix('\r').filter(plain)?;
            *self.ends.last_mut()? = text.len();
        }
        Some(Cells { text, ends: &self.ends })
    }
}
