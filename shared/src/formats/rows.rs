//! The lines of a piece and what stands in them, where that is plain: many bytes are looked at together, and nothing is
//! copied.

use memchr::memchr;

use super::cleanse::is_printable;
use super::members::{Members, QUOTES_MAX, QUOTES_OF_MEMBER, Shapes};
use super::scan::{self, BLOCK_BYTES};
use crate::lifecycle::evidence::Text;

/// Longest row that the quick way takes; the general reader looks at longer ones field by field.
const PLAIN_BYTES_MAX: usize = 4096;

/// Where the values of a record lie.
pub(super) trait Values<'a>: Copy {
    /// The value in a column, empty where the record has none; `None` where there is no such column.
    fn cell(self, column: usize) -> Option<&'a str>;
}

/// One record of CSV and where its fields end.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a, 'e> {
    /// Printable ASCII without quotes.
    text: &'a str,
    ends: &'e [usize],
}

impl<'a> Values<'a> for Cells<'a, '_> {
    #[inline]
    fn cell(self, column: usize) -> Option<&'a str> {
        let start = match column.checked_sub(1) {
            Some(before) => self.ends.get(before)?.saturating_add(1),
            None => 0,
        };
        self.text.get(start..*self.ends.get(column)?)
    }
}

/// One line and whether it holds nothing that the quick way stumbles over.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineAt {
    pub start: usize,
    /// Where its line feed is, or the piece ends.
    pub end: usize,
    /// Where the next line begins.
    pub after: usize,
    odd: bool,
}

/// Goes through the lines of a piece and notes where marks are: what separates fields, or the quotes of JSON.
pub(super) struct Rows<'a> {
    bytes: &'a [u8],
    /// The same as text, unless something in it is not UTF-8.
    text: Option<&'a str>,
    mark: u8,
    odd_mark: u8,
    /// Where the current line's marks are, from the start of the line, its line feed last; no more than there is room for.
    ends: Vec<usize>,
    /// How many marks the current line has.
    found: usize,
    line_start: usize,
    /// Where the block begins that `marks` tells of, and what of it is not used up yet.
    block_start: usize,
    marks: scan::Marks,
    odd_before: bool,
}

impl<'a> Rows<'a> {
    /// Lines of CSV without quotes, of so many fields.
    pub(super) fn of_csv(bytes: &'a [u8], delimiter: u8, columns: usize) -> Rows<'a> {
        Rows::new(bytes, delimiter, b'"', columns)
    }

    /// Lines of JSON without escapes.
    pub(super) fn of_json(bytes: &'a [u8]) -> Rows<'a> {
        Rows::new(bytes, b'"', b'\\', QUOTES_MAX)
    }

    fn new(bytes: &'a [u8], mark: u8, odd_mark: u8, room: usize) -> Rows<'a> {
        let mut rows = Rows {
            bytes,
            text: std::str::from_utf8(bytes).ok(),
            mark,
            odd_mark,
            ends: vec![0; room],
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
            Some(block) => scan::look(block, self.mark, self.odd_mark),
            None => {
                // What stands in for the bytes after the end is a plain letter.
                let mut block = [b'x'; BLOCK_BYTES];
                block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                scan::look(&block, self.mark, self.odd_mark)
            }
        }
    }

    /// The next line; `None` after the last.
    #[inline]
    pub(super) fn next(&mut self) -> Option<LineAt> {
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
    pub(super) fn cells(&mut self, line: LineAt, columns: usize) -> Option<Cells<'a, '_>> {
        let mut text = self.text(line).filter(|_| self.found == columns)?;
        if line.odd {
            let plain =
                |rest: &&str| is_printable(rest.as_bytes()) && memchr(b'"', rest.as_bytes()).is_none();
            text = text.strip_suffix('\r').filter(plain)?;
            *self.ends.last_mut()? = text.len();
        }
        Some(Cells { text, ends: &self.ends })
    }

    /// The members of a line that is one object of texts and nothing else, without blanks, and has no key twice; a line
    /// that ends in CR LF is not one. `names` are the keys of the slots.
    #[inline]
    pub(super) fn members<'s>(
        &'s self,
        line: LineAt,
        names: &[Text<'_>],
        shapes: &'s mut Shapes,
    ) -> Option<Members<'a, 's>> {
        let text = self.text(line).filter(|_| !line.odd)?;
        // The line feed is the last of the marks.
        let quotes = self.ends.get(..self.found.checked_sub(1)?)?;
        let quotes = match quotes.as_chunks::<QUOTES_OF_MEMBER>() {
            (members, []) => members,
            _ => return None,
        };
        let shape = shapes.of(text, quotes, names)?;
        Some(Members { text, quotes, shape })
    }

    fn text(&self, line: LineAt) -> Option<&'a str> {
        if line.end.saturating_sub(line.start) > PLAIN_BYTES_MAX {
            return None;
        }
        match self.text {
            Some(text) => text.get(line.start..line.end),
            None => std::str::from_utf8(self.bytes.get(line.start..line.end)?).ok(),
        }
    }
}
