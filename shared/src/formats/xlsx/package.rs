//! The archive around a workbook: its bounds are checked by its directory first, and again while reading.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use memchr::memmem;
use zip::ZipArchive;

use super::super::reader::WHOLE_BYTES_MAX;
use super::Refusal;

/// Most bytes that all parts may have together, unpacked.
pub(super) const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// More parts than any workbook has; the directory is held in memory.
pub(super) const PARTS_MAX: usize = 10_000;

/// Longest tag or text of a part. A cell holds 32,767 characters, so that no workbook comes near.
pub(super) const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// How each entry of an archive's directory begins.
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

/// How an OLE container begins: an old binary workbook, or a new one that is encrypted.
const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// The name, in UTF-16, of the stream that holds an encrypted workbook.
const ENCRYPTED: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";

/// Whether bytes begin like a workbook of any kind.
pub(in crate::formats) fn is_container(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(OLE)
}

/// An opened archive.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Package<'a> {
    /// Opens an archive whose directory promises to stay within bounds.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Package<'a>, Refusal> {
        let too_large = |what: String| Refusal::new(what, "split it, or export it as CSV");
        if bytes.is_empty() {
            return Err(Refusal::new("has no content at all", "export it again"));
        }
        if bytes.len() > WHOLE_BYTES_MAX {
            return Err(too_large("is a workbook of more than 50 MiB".to_owned()));
        }
        if bytes.starts_with(OLE) {
            return Err(if memmem::find(bytes, ENCRYPTED).is_some() {
                Refusal::new("is protected by a password", "save it without one")
            } else {
                Refusal::new("is a workbook of the old binary kind", "save it as .xlsx or as CSV in UTF-8")
            });
        }
        if !bytes.starts_with(b"PK") {
            return Err(Refusal::new(
                "is not an XLSX workbook",
                "save it as .xlsx, or name it for what it is",
            ));
        }
        if memmem::find_iter(bytes, DIRECTORY_ENTRY).take(PARTS_MAX + 1).count() > PARTS_MAX {
            return Err(too_large(format!("has more than {PARTS_MAX} parts")));
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Refusal::damaged())?;
        let mut unpacked = 0_u64;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|_| Refusal::damaged())?;
            if entry.encrypted() {
                return Err(Refusal::new("is protected by a password", "save it without one"));
            }
            unpacked = unpacked.saturating_add(entry.size());
        }
        if unpacked > UNPACKED_BYTES_MAX {
            return Err(too_large("unpacks to more than 256 MiB".to_owned()));
        }
        Ok(Package { archive })
    }

    /// A part by its name, unpacked while it is read; `None` where the archive has none.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Part<impl BufRead + '_>>, Refusal> {
        let Some(index) = self.index(name) else { return Ok(None) };
        let entry = self.archive.by_index(index).map_err(|_| Refusal::damaged())?;
        let left = entry.size();
        Ok(Some(Part { bytes: BufReader::new(Declared { entry, left }), event_left: EVENT_BYTES_MAX }))
    }

    /// Names of parts know no letter case, and some programs write the separators of their own system.
    fn index(&self, name: &str) -> Option<usize> {
        let folded = |name: &str| name.replace('\\', "/").to_ascii_lowercase();
        let alike = || self.archive.file_names().flatten().find(|known| folded(known) == folded(name));
        self.archive.index_for_name(name).or_else(|| self.archive.index_for_name(&alike()?))
    }
}

/// The bytes of a part. The parser holds each tag and each text whole, and so none may grow without bound.
pub(super) struct Part<R> {
    bytes: R,
    event_left: usize,
}

impl<R> Part<R> {
    /// Begins the next tag or text, which has its own bound.
    pub(super) fn begin_event(&mut self) {
        self.event_left = EVENT_BYTES_MAX;
    }
}

impl<R: BufRead> Read for Part<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Part<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.event_left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.event_left = self.event_left.saturating_sub(amount);
        self.bytes.consume(amount);
    }
}

/// A part that fails once it holds more than its directory entry declares.
struct Declared<R> {
    entry: R,
    left: u64,
}

impl<R: Read> Read for Declared<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.entry.read(buffer)?;
        let bytes = u64::try_from(read).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}
