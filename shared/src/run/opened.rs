//! The files of a run as they are opened: their headers read, and how their rows can be come by.

use std::borrow::Cow;
use std::io;

use super::digest::FileDigest;
use super::general::{unreadable, whole};
use super::heard::Heard;
use super::{Content, RunError, Settings, StreamedFile};
use crate::formats::{self, Format, Leg, Sheet, Source, Table};
use crate::lifecycle::evidence::{OrderRow, ReportRow};

/// So much of a file is read for its header.
const HEAD_BYTES: usize = 64 * 1024;

/// A piece ends with a record, so more is read until one ends.
const STEP_BYTES: usize = 4 * 1024;

/// How a file is read.
pub(super) enum Reading<'f> {
    /// By pieces.
    Pieces(Sheet<'f, 'f>),
    /// At once, by the general reader.
    Orders(Table<OrderRow<'f>>),
    Reports(Table<ReportRow<'f>>),
    /// At once, beside the pieces of other files.
    Ledger,
}

/// One file of the run.
pub(super) struct Opened<'f> {
    pub file: &'f StreamedFile<'f>,
    pub source_id: u16,
    pub reading: Reading<'f>,
    /// All bytes, where they are in memory.
    pub whole: Option<&'f [u8]>,
    /// Else the hash, as the pieces are read.
    pub digest: FileDigest,
}

/// As much of a file as is needed at once: its beginning, or all of it.
pub(super) fn head<'f>(
    file: &'f StreamedFile<'_>,
    settings: &Settings<'_>,
    quoted: bool,
) -> Result<Cow<'f, [u8]>, RunError> {
    let of_pairs = matches!(file.leg, Leg::Orders | Leg::Reports);
    let by_pieces = !quoted && of_pairs && matches!(file.format, Format::Csv | Format::Ndjson);
    if by_pieces && file.content.len() > HEAD_BYTES {
        let mut bytes = Vec::new();
        file.content.read(0, HEAD_BYTES, &mut bytes).map_err(|error| unreadable(file, error))?;
        // What is wrong with a header is told when the file's turn comes, and of the whole file.
        if matches!(sheet(file, &bytes, settings), Ok(Some(_))) {
            return Ok(bytes.into());
        }
    }
    whole(file)
}

fn sheet<'f>(
    file: &'f StreamedFile<'_>,
    bytes: &'f [u8],
    settings: &'f Settings<'_>,
) -> Result<Option<Sheet<'f, 'f>>, RunError> {
    let source = Source { name: file.name, bytes, format: file.format, account: settings.account };
    Ok(match file.leg {
        Leg::Orders => Sheet::of_orders(&source, &settings.mapping.orders)?,
        _ => Sheet::of_reports(&source, &settings.mapping.reports)?,
    })
}

fn open<'f>(
    file: &'f StreamedFile<'f>,
    bytes: &'f [u8],
    source_id: u16,
    settings: &'f Settings<'f>,
    quoted: bool,
) -> Result<Reading<'f>, RunError> {
    if !matches!(file.leg, Leg::Orders | Leg::Reports) {
        return Ok(Reading::Ledger);
    }
    if !quoted && let Some(sheet) = sheet(file, bytes, settings)? {
        return Ok(Reading::Pieces(sheet));
    }
    let source = Source { name: file.name, bytes, format: file.format, account: settings.account };
    Ok(match file.leg {
        Leg::Orders => Reading::Orders(formats::read_orders(&source, &settings.mapping.orders)?),
        _ => Reading::Reports(formats::read_reports(&source, source_id, &settings.mapping.reports)?),
    })
}

/// Opens all files; `heads` is what [`head`] gave of each. Report sources get their numbers.
pub(super) fn open_all<'f>(
    files: &'f [StreamedFile<'f>],
    heads: &'f [Cow<'f, [u8]>],
    quoted: &[bool],
    heard: &mut Heard,
    settings: &'f Settings<'f>,
) -> Result<Vec<Opened<'f>>, RunError> {
    let mut opened = Vec::with_capacity(files.len());
    for ((file, head), quoted) in files.iter().zip(heads).zip(quoted) {
        let source_id = if file.leg == Leg::Reports { heard.source_id(file.source)? } else { 0 };
        let reading = open(file, head, source_id, settings, *quoted)?;
        let (whole, before) = match (file.content, &reading) {
            (Content::Bytes(bytes), _) => (Some(bytes), 0),
            (Content::Stored(_), Reading::Pieces(sheet)) => (None, sheet.body_start),
            (Content::Stored(_), _) => (Some(head.as_ref()), 0),
        };
        let digest = FileDigest::after(head.get(..before).unwrap_or_default());
        opened.push(Opened { file, source_id, reading, whole, digest });
    }
    Ok(opened)
}

/// The rows that begin in a stretch of a file.
pub(super) struct Stretch<'b> {
    /// Whole, from the first to the last that begins there.
    pub bytes: &'b [u8],
    /// So many bytes of the buffer come before the stretch.
    pub before: usize,
}

/// Reads the rows that begin in a stretch of a file into `buffer`, unless they are in memory.
pub(super) fn piece<'b>(
    file: &StreamedFile<'b>,
    (start, end): (usize, usize),
    body_start: usize,
    buffer: &'b mut Vec<u8>,
) -> io::Result<Stretch<'b>> {
    let content = file.content;
    // A row begins at `start` only if a line ends before it.
    let from = if start > body_start { start.saturating_sub(1) } else { start };
    let before = start.saturating_sub(from);
    let first_in = |bytes: &[u8]| match before {
        0 => 0,
        _ => memchr::memchr(b'\n', bytes).map_or(bytes.len(), |feed| feed.saturating_add(1)),
    };
    if let Content::Bytes(all) = content {
        let rest = all.get(from..).unwrap_or_default();
        let stretch = rest.get(..end.saturating_sub(from)).unwrap_or(rest);
        let (skipped, upto) = (first_in(stretch), stretch.len().saturating_sub(1));
        let tail = rest.get(upto..).unwrap_or_default();
        let last = memchr::memchr(b'\n', tail)
            .map_or(rest.len(), |feed| upto.saturating_add(feed).saturating_add(1));
        let bytes = if skipped >= stretch.len() { &[] } else { rest.get(skipped..last).unwrap_or_default() };
        return Ok(Stretch { bytes, before });
    }
    content.read(from, end.saturating_sub(from), buffer)?;
    if buffer.len() < end.saturating_sub(from) {
        return Err(io::Error::other("it became shorter while it was read"));
    }
    let skipped = first_in(buffer);
    if skipped >= buffer.len() {
        return Ok(Stretch { bytes: &[], before });
    }
    let mut step = Vec::new();
    while !buffer.ends_with(b"\n") {
        content.read(from.saturating_add(buffer.len()), STEP_BYTES, &mut step)?;
        let upto = memchr::memchr(b'\n', &step).map_or(step.len(), |feed| feed.saturating_add(1));
        buffer.extend_from_slice(step.get(..upto).unwrap_or_default());
        if step.is_empty() {
            break;
        }
    }
    Ok(Stretch { bytes: buffer.get(skipped..).unwrap_or_default(), before })
}
