//! Files as the user names them: `-` is standard input, and compressed ones are opened.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use cuadre::formats::Format;
use cuadre::run::{Blocks, Content};
use flate2::bufread::GzDecoder;

use crate::failure::Failure;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// What stands for standard input on the command line.
pub(crate) const STDIN: &str = "-";

/// An input of a run: left where it is, or in memory where it came through a pipe or compressed.
pub(crate) enum Input {
    Stored(StoredFile),
    Bytes(Vec<u8>),
}

/// So much of a file tells how it is compressed and laid out.
const HEAD_BYTES: u64 = 64 * 1024;

impl Input {
    /// Opens a file. What is compressed is decompressed now, and so is read whatever is no plain file.
    pub(crate) fn open(path: &Path) -> Result<Input, Failure> {
        let file = if path == Path::new(STDIN) {
            None
        } else {
            stored(path).map_err(|error| unreadable(path, &error))?
        };
        match file {
            Some(file) => Ok(Input::Stored(file)),
            None => read(path).map(Input::Bytes),
        }
    }

    /// The bytes for the run.
    pub(crate) fn content(&self) -> Content<'_> {
        match self {
            Input::Stored(file) => Content::Stored(file),
            Input::Bytes(bytes) => Content::Bytes(bytes),
        }
    }

    /// Enough of the beginning to tell the format by.
    pub(crate) fn head(&self) -> &[u8] {
        match self {
            Input::Stored(file) => &file.head,
            Input::Bytes(bytes) => bytes,
        }
    }
}

/// A plain file that is read as its bytes are needed.
pub(crate) struct StoredFile {
    file: File,
    length: u64,
    head: Vec<u8>,
}

/// `None` for what is compressed or no plain file.
fn stored(path: &Path) -> io::Result<Option<StoredFile>> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Ok(None);
    }
    let mut head = Vec::new();
    (&file).take(HEAD_BYTES).read_to_end(&mut head)?;
    let compressed = head.starts_with(GZIP_MAGIC) || head.starts_with(ZSTD_MAGIC);
    Ok((!compressed).then(|| StoredFile { file, length: about.len(), head }))
}

impl Blocks for StoredFile {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled: usize = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let place = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match read_some(&self.file, rest, place) {
                Ok(0) => break,
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Reads a whole file and decompresses it. What it is compressed with is told by its first bytes, so that standard
/// input and misnamed files are understood as well.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let stored = if path == Path::new(STDIN) { read_stdin() } else { fs::read(path) };
    let stored = stored.map_err(|error| unreadable(path, &error))?;
    decompress(stored).map_err(|error| {
        let name = path.display();
        Failure::Input(format!("{name} is compressed and damaged or cut short ({error}): transfer it again"))
    })
}

/// How a file is laid out: by its name, else by its first character.
pub(crate) fn format(path: &Path, bytes: &[u8]) -> Format {
    let named = path.file_name().and_then(|name| Format::from_name(&name.to_string_lossy()));
    named.unwrap_or_else(|| Format::sniff(bytes))
}

/// Reads a file of settings, which must be text.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?)
        .map_err(|_| Failure::Input(format!("{} is not UTF-8 text: save it as UTF-8", path.display())))
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let name = path.display();
    Failure::Input(match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {name}: check the path"),
        io::ErrorKind::PermissionDenied => format!("{name} may not be read: change its permissions"),
        io::ErrorKind::IsADirectory => format!("{name} is a folder: name the files in it"),
        _ => format!("{name} cannot be read ({error}): check the path"),
    })
}

fn decompress(stored: Vec<u8>) -> io::Result<Vec<u8>> {
    if stored.starts_with(GZIP_MAGIC) {
        gunzip(&stored)
    } else if stored.starts_with(ZSTD_MAGIC) {
        zstd::decode_all(stored.as_slice())
    } else {
        Ok(stored)
    }
}

/// Decompresses all members. Zeros after one are padding, as tapes and block devices leave it.
fn gunzip(stored: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let mut rest = stored;
    loop {
        let mut member = GzDecoder::new(rest);
        member.read_to_end(&mut plain)?;
        rest = member.into_inner();
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path).unwrap(), b"account,cip\n", "{name}");
        };
        check("plain.csv", b"account,cip\n");
        check("one.csv.gz", &gzip(b"account,cip\n"));
        check("one.csv.zst", &zstd::encode_all(&b"account,cip\n"[..], 0).unwrap());
        check("two-members.gz", &[gzip(b"account,"), gzip(b"cip\n")].concat());
        check("padded.gz", &[gzip(b"account,cip\n"), vec![0; 700]].concat());
        check("no-suffix", &gzip(b"account,cip\n"));
    }

    #[test]
    fn what_cannot_be_read_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: Option<&[u8]>, part: &str| {
            let path = folder.path().join(name);
            if let Some(bytes) = bytes {
                fs::write(&path, bytes).unwrap();
            }
            let Failure::Input(sentence) = read(&path).unwrap_err() else { panic!("{name}") };
            assert!(sentence.contains(part), "{sentence}");
        };
        let whole = gzip(&b"account,cip\n".repeat(50));
        check("absent.csv", None, "check the path");
        check("", None, "is a folder");
        check("cut.gz", Some(&whole[..whole.len() / 2]), "transfer it again");
        check("trailing.gz", Some(&[whole.as_slice(), b"rubbish"].concat()), "transfer it again");
        check("damaged.zst", Some(&[0x28, 0xb5, 0x2f, 0xfd, 9, 9]), "transfer it again");
        let path = folder.path().join("mapping.toml");
        fs::write(&path, b"\xff\xfe").unwrap();
        assert!(matches!(read_text(&path), Err(Failure::Input(sentence)) if sentence.contains("UTF-8")));
    }
}
