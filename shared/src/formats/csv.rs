//! Splits CSV into records without copying: RFC 4180 quotes, LF or CRLF, any single-byte delimiter.
//!
//! A record of the wrong shape costs its first physical line and no more: reading resumes on the next one. A stray
//! quote may well find its partner thousands of rows further down, and those rows are good.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use super::cleanse::is_printable;
use super::values::Encoding;

/// The byte order mark that some programs put before UTF-8.
pub(super) const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A quoted field that is longer than this has lost its closing quote.
const QUOTED_BYTES_MAX: usize = 1 << 20;

/// More columns than any export has; bounds what a header of separators alone can cost.
pub(super) const COLUMNS_MAX: usize = 1000;

/// A longer record is looked at field by field.
const PLAIN_BYTES_MAX: usize = 4096;

/// Why a record is not a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The quote that opens this column has no partner.
    Unterminated { column: usize },
    /// Something other than a delimiter or line end follows this column's closing quote.
    TextAfterQuote { column: usize },
    /// So many fields, fewer than the header.
    TooFew { found: usize },
    /// More fields than the header.
    TooMany,
}

/// One record, as positions in the file's bytes.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Physical line on which the record begins, 1 for the first.
    pub line: u64,
    bytes: &'a [u8],
    /// The same as text, unless a byte of it is not UTF-8.
    text: Option<&'a str>,
    /// Whether every byte is printable ASCII and there are not many of them, as in nearly every record.
    plain: bool,
    spans: Vec<Span>,
}

#[derive(Clone, Debug)]
struct Span {
    range: Range<usize>,
    /// Whether doubled quotes inside stand for single ones.
    doubled: bool,
}

/// A field that cannot be text; `shown` is what a person may be shown of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8 {
    pub shown: String,
}

impl<'a> Record<'a> {
    /// A record to be filled by [`Splitter::next`].
    pub(super) const fn new() -> Record<'a> {
        Record { line: 0, bytes: &[], text: None, plain: false, spans: Vec::new() }
    }

    /// Number of fields.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The record's bytes; of a faulty one those of its first line.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The field of a column if cleansing has nothing to look for in it, which is told at a glance.
    pub(super) fn clean_field(&self, column: usize) -> Option<&'a str> {
        let span = self.spans.get(column).filter(|span| self.plain && !span.doubled)?;
        let text = self.text?.get(span.range.clone())?;
        let ends = [text.as_bytes().first(), text.as_bytes().last()];
        (!ends.contains(&Some(&b' '))).then_some(text)
    }

    /// Takes over the bytes that the spans speak of.
    fn hold(&mut self, bytes: &'a [u8]) {
        self.bytes = bytes;
        self.text = std::str::from_utf8(bytes).ok();
        self.plain = bytes.len() <= PLAIN_BYTES_MAX && is_printable(bytes);
    }

    /// The field of a column with its quotes taken off; empty where the record has no such column.
    pub(super) fn field(&self, column: usize, encoding: Encoding) -> Result<Cow<'a, str>, NotUtf8> {
        let Some(span) = self.spans.get(column) else { return Ok(Cow::Borrowed("")) };
        let text = match self.text.and_then(|text| text.get(span.range.clone())) {
            Some(text) => Cow::Borrowed(text),
            None => {
                let bytes = self.bytes.get(span.range.clone()).unwrap_or_default();
                encoding
                    .decode(bytes)
                    .map_err(|_| NotUtf8 { shown: String::from_utf8_lossy(bytes).into_owned() })?
            }
        };
        Ok(if span.doubled { Cow::Owned(text.replace("\"\"", "\"")) } else { text })
    }
}

/// Goes through the records of a file.
#[derive(Debug)]
pub(super) struct Splitter<'a> {
    rest: &'a [u8],
    line: u64,
    delimiter: u8,
    /// Fields that a record must have; `None` while the header is read.
    columns: Option<usize>,
}

impl<'a> Splitter<'a> {
    /// Begins at the first line of `bytes`, which no longer have a byte order mark.
    pub(super) const fn new(bytes: &'a [u8], delimiter: u8) -> Splitter<'a> {
        Splitter { rest: bytes, line: 1, delimiter, columns: None }
    }

    /// Passes over so many physical lines, which stand above the header.
    pub(super) fn skip_lines(&mut self, lines: u64) {
        for _ in 0..lines {
            if self.rest.is_empty() {
                return;
            }
            self.take_line(memchr(b'\n', self.rest).unwrap_or(self.rest.len()));
        }
    }

    /// What has not been read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The physical line on which that begins.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// States how many fields each record from here on must have.
    pub(super) const fn expect_columns(&mut self, columns: usize) {
        self.columns = Some(columns);
    }

    /// Reads the next record that is not a blank line; `None` at the end of the file.
    pub(super) fn next(&mut self, record: &mut Record<'a>) -> Option<Result<(), Fault>> {
        loop {
            let rest = self.rest;
            if rest.is_empty() {
                return None;
            }
            record.line = self.line;
            record.spans.clear();
            let stop = memchr2(b'\n', b'"', rest);
            let quoted = stop.is_some_and(|at| rest.get(at) == Some(&b'"'));
            if quoted {
                return Some(self.next_quoted(record));
            }
            let line = self.take_line(stop.unwrap_or(rest.len()));
            if line.trim_ascii().is_empty() && !line.contains(&self.delimiter) {
                continue;
            }
            self.split_plain(line, &mut record.spans);
            record.hold(line);
            return Some(self.check_shape(record.spans.len()));
        }
    }

    /// Takes one physical line whose line feed (or the file's end) is at `end`; returns it without its end.
    fn take_line(&mut self, end: usize) -> &'a [u8] {
        let (line, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest.get(1..).unwrap_or_default();
        self.line = self.line.saturating_add(1);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Splits a line that has no quote; stops after one field too many.
    fn split_plain(&self, line: &[u8], spans: &mut Vec<Span>) {
        let mut start = 0;
        for end in memchr_iter(self.delimiter, line) {
            spans.push(Span { range: start..end, doubled: false });
            if spans.len() > self.columns_max() {
                return;
            }
            start = end.saturating_add(1);
        }
        spans.push(Span { range: start..line.len(), doubled: false });
    }

    /// Splits a record that has quotes in its first line and may go on for several.
    fn next_quoted(&mut self, record: &mut Record<'a>) -> Result<(), Fault> {
        let split = self.split_quoted(&mut record.spans);
        let shape = split.and_then(|end| self.check_shape(record.spans.len()).map(|()| end));
        match shape {
            Ok(end) => {
                let (bytes, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
                let breaks = memchr_iter(b'\n', bytes).count();
                self.line = self.line.saturating_add(u64::try_from(breaks).unwrap_or(u64::MAX));
                self.rest = rest;
                record.hold(bytes);
                Ok(())
            }
            Err(fault) => {
                record.bytes = self.take_line(memchr(b'\n', self.rest).unwrap_or(self.rest.len()));
                Err(fault)
            }
        }
    }

    /// Finds the fields from the start of `rest`; returns where the record ends, its line end included.
    ///
    /// Time stays linear in the file although a faulty record is scanned again from its second line: a scan ends at
    /// the first odd run of quotes in each of at most [`COLUMNS_MAX`] fields.
    fn split_quoted(&self, spans: &mut Vec<Span>) -> Result<usize, Fault> {
        let mut start = 0;
        loop {
            let column = spans.len();
            if column >= self.columns_max() {
                return Err(Fault::TooMany);
            }
            let (span, end) = match self.rest.get(start) {
                Some(b'"') => self.quoted_field(start, column)?,
                _ => self.unquoted_field(start),
            };
            spans.push(span);
            match self.rest.get(end) {
                Some(b'\n') => return Ok(end.saturating_add(1)),
                Some(b'\r') => return Ok(end.saturating_add(2).min(self.rest.len())),
                Some(_) => start = end.saturating_add(1),
                None => return Ok(self.rest.len()),
            }
        }
    }

    /// An unquoted field and the position of what ends it: delimiter, line end (its CR, if it has one) or file end.
    fn unquoted_field(&self, start: usize) -> (Span, usize) {
        let tail = self.rest.get(start..).unwrap_or_default();
        let length = memchr2(self.delimiter, b'\n', tail).unwrap_or(tail.len());
        let field = tail.get(..length).unwrap_or_default();
        let at_line_end = tail.get(length) != Some(&self.delimiter);
        let length = if at_line_end { field.strip_suffix(b"\r").unwrap_or(field).len() } else { length };
        let end = start.saturating_add(length);
        (Span { range: start..end, doubled: false }, end)
    }

    /// A quoted field, without its quotes, and the position of what ends it.
    fn quoted_field(&self, start: usize, column: usize) -> Result<(Span, usize), Fault> {
        let first = start.saturating_add(1);
        let limit = first.saturating_add(QUOTED_BYTES_MAX).saturating_add(1).min(self.rest.len());
        let mut doubled = false;
        let mut from = first;
        loop {
            let tail = self.rest.get(from..limit).unwrap_or_default();
            let close = from.saturating_add(memchr(b'"', tail).ok_or(Fault::Unterminated { column })?);
            let end = close.saturating_add(1);
            let after = self.rest.get(end..).unwrap_or_default();
            match after {
                [b'"', ..] => {
                    doubled = true;
                    from = end.saturating_add(1);
                }
                [] | [b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..] => {
                    return Ok((Span { range: first..close, doubled }, end));
                }
                [next, ..] if *next == self.delimiter => {
                    return Ok((Span { range: first..close, doubled }, end));
                }
                _ => return Err(Fault::TextAfterQuote { column }),
            }
        }
    }

    const fn columns_max(&self) -> usize {
        match self.columns {
            Some(columns) => columns,
            None => COLUMNS_MAX,
        }
    }

    fn check_shape(&self, found: usize) -> Result<(), Fault> {
        if found > self.columns_max() {
            return Err(Fault::TooMany);
        }
        match self.columns {
            Some(columns) if found < columns => Err(Fault::TooFew { found }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines with their fields joined by `|`, or the fault.
    fn split(text: &str, columns: usize) -> Vec<(u64, Result<String, Fault>)> {
        let mut splitter = Splitter::new(text.as_bytes(), b',');
        splitter.expect_columns(columns);
        let mut record = Record::new();
        let mut found = Vec::new();
        while let Some(result) = splitter.next(&mut record) {
            let fields =
                (0..record.len()).map(|column| record.field(column, Encoding::Utf8).unwrap().into_owned());
            found.push((record.line, result.map(|()| fields.collect::<Vec<_>>().join("|"))));
        }
        found
    }

    fn check(text: &str, columns: usize, expected: &[(u64, Result<&str, Fault>)]) {
        let expected: Vec<_> = expected.iter().map(|(line, row)| (*line, row.map(str::to_owned))).collect();
        assert_eq!(split(text, columns), expected, "{text:?}");
    }

    #[test]
    fn well_formed_records_are_split() {
        check("a,b\nc,d\n", 2, &[(1, Ok("a|b")), (2, Ok("c|d"))]);
        check("a,b\r\nc,d", 2, &[(1, Ok("a|b")), (2, Ok("c|d"))]);
        check("a,\n,b", 2, &[(1, Ok("a|")), (2, Ok("|b"))]);
        check("\n\r\n  \na,b\n\n", 2, &[(4, Ok("a|b"))]);
        check(",\n", 2, &[(1, Ok("|"))]);
        check("", 2, &[]);
    }

    #[test]
    fn quotes_follow_rfc_4180() {
        check("\"a\",\"b,c\"\n", 2, &[(1, Ok("a|b,c"))]);
        check("\"a \"\"b\"\"\",\"\"\r\nc,d\n", 2, &[(1, Ok("a \"b\"|")), (2, Ok("c|d"))]);
        check("\"a\nb\r\nc\",d\r\ne,f", 2, &[(1, Ok("a\nb\r\nc|d")), (4, Ok("e|f"))]);
        check("a,\"b\"", 2, &[(1, Ok("a|b"))]);
        check("a,\"b\"\r", 2, &[(1, Ok("a|b"))]);
        check("\"a\",", 2, &[(1, Ok("a|"))]);
        check("24\",x\"y\"\na,b", 2, &[(1, Ok("24\"|x\"y\"")), (2, Ok("a|b"))]);
    }

    #[test]
    fn a_record_of_wrong_shape_costs_one_line() {
        check("a,b\nc\nd,e\n", 2, &[(1, Ok("a|b")), (2, Err(Fault::TooFew { found: 1 })), (3, Ok("d|e"))]);
        check("a,b,c\nd,e\n", 2, &[(1, Err(Fault::TooMany)), (2, Ok("d|e"))]);
        check("\"a\",b,c\nd,e\n", 2, &[(1, Err(Fault::TooMany)), (2, Ok("d|e"))]);
        check("a,\"b\nc,d\n", 2, &[(1, Err(Fault::Unterminated { column: 1 })), (2, Ok("c|d"))]);
        check("\"a\"b,c\nd,e", 2, &[(1, Err(Fault::TextAfterQuote { column: 0 })), (2, Ok("d|e"))]);
        // The stray quote of line 1 closes at the opening quote of line 3.
        let rows = [(1, Err(Fault::TextAfterQuote { column: 1 })), (2, Ok("c|d")), (3, Ok("e|f"))];
        check("a,\"b\nc,d\ne,\"f\"\n", 2, &rows);
    }

    #[test]
    fn a_quoted_field_beyond_its_limit_counts_as_unterminated() {
        let long = "x".repeat(QUOTED_BYTES_MAX + 1);
        let rows = [(1, Err(Fault::Unterminated { column: 0 })), (2, Ok("c|d"))];
        check(&format!("\"{long}\",b\nc,d\n"), 2, &rows);
        let longest = "x".repeat(QUOTED_BYTES_MAX);
        assert!(split(&format!("\"{longest}\",b\n"), 2)[0].1.is_ok());
    }

    #[test]
    fn stray_quotes_on_every_line_do_not_take_quadratic_time() {
        let text = "a\",\"b\n".repeat(100_000);
        assert_eq!(split(&text, 3).len(), 100_000);
    }
}
