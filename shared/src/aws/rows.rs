//! The canonical files of one leg and account, as they lie under `normalized/`, and objects in numbers.

use tokio::task::JoinSet;

use super::StoreError;
use super::bucket::{Bucket, Listed, OBJECT_BYTES_MAX, Object};
use crate::formats::{Format, Leg};

/// How many objects are fetched at a time.
const FETCHES_MAX: usize = 16;

/// A file of rows, decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFile {
    /// Whose words it holds.
    pub leg: Leg,
    /// Its name in the bucket.
    pub key: String,
    /// How it is laid out.
    pub format: Format,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The rows of one leg.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFiles {
    /// The files, by key.
    pub files: Vec<RowFile>,
    /// Objects that were left out, each with the reason: a person put something there that cannot be read.
    pub left_out: Vec<(String, String)>,
}

impl RowFiles {
    /// Unpacks objects of a leg (`.csv`, `.ndjson`, `.jsonl`, plain or with `.zst`), in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] when they are larger than `bytes_max` together.
    pub fn unpacked(
        leg: Leg,
        mut objects: Vec<(String, Vec<u8>)>,
        bytes_max: usize,
    ) -> Result<RowFiles, StoreError> {
        objects.sort();
        let (mut read, mut bytes_left) = (RowFiles::default(), bytes_max);
        for (key, bytes) in objects {
            let format = match format_of(&key) {
                Ok(format) => format,
                Err(reason) => {
                    read.left_out.push((key, reason.to_owned()));
                    continue;
                }
            };
            match plain(&key, bytes, bytes_left) {
                Err(Unfit::Itself(reason)) => read.left_out.push((key, reason)),
                Err(Unfit::Together) => {
                    let what = format!("the leg {}, decompressed,", leg.word());
                    return Err(StoreError::TooLarge { what, max: bytes_max });
                }
                Ok(bytes) => {
                    bytes_left = bytes_left.saturating_sub(bytes.len());
                    read.files.push(RowFile { leg, key, format, bytes });
                }
            }
        }
        Ok(read)
    }
}

/// Whether a function whose memory takes `bytes_max` of them takes these objects, from the sizes in their listing: before any is
/// fetched.
///
/// # Errors
/// [`StoreError::TooLarge`] when they are larger together.
pub fn check_fit(what: &str, objects: &[Listed], bytes_max: usize) -> Result<(), StoreError> {
    let bytes = objects.iter().fold(0_u64, |sum, object| sum.saturating_add(object.bytes));
    if bytes > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        let what = format!("{what} with its {bytes} bytes in {} objects", objects.len());
        return Err(StoreError::TooLarge { what, max: bytes_max });
    }
    Ok(())
}

impl Bucket {
    /// Fetches objects, or versions of them, several at a time, in the order given; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get_all(
        &self,
        versions: &[(String, Option<String>)],
    ) -> Result<Vec<(String, Option<Object>)>, StoreError> {
        let mut objects = Vec::with_capacity(versions.len());
        for some in versions.chunks(FETCHES_MAX) {
            let mut fetches = JoinSet::new();
            for (number, (key, version_id)) in some.iter().cloned().enumerate() {
                let bucket = self.clone();
                fetches.spawn(async move {
                    let object = bucket.get(&key, version_id.as_deref()).await;
                    (number, key, object)
                });
            }
            let mut fetched = fetches.join_all().await;
            fetched.sort_unstable_by_key(|(number, ..)| *number);
            for (_, key, object) in fetched {
                objects.push((key, object?));
            }
        }
        Ok(objects)
    }
}

/// How an object of rows is laid out, by its name.
///
/// # Errors
/// What is wrong with the name; reads on after it.
pub fn format_of(key: &str) -> Result<Format, &'static str> {
    let plain = |format: &Format| matches!(format, Format::Csv | Format::Ndjson) && !key.ends_with(".gz");
    let format = Format::from_name(key).filter(plain);
    format.ok_or("is not named .csv, .ndjson, .jsonl or one of these with .zst")
}

/// The bytes of one object of rows without the compression that its name tells of; at most [`OBJECT_BYTES_MAX`].
///
/// # Errors
/// What is wrong with it; reads on after its name, and holds nothing of the content.
pub fn unpacked(key: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    plain(key, bytes, OBJECT_BYTES_MAX).map_err(|unfit| match unfit {
        Unfit::Itself(reason) => reason,
        Unfit::Together => TOO_LARGE.to_owned(),
    })
}

/// What is said of an object beyond [`OBJECT_BYTES_MAX`]; reads on after its name.
pub const TOO_LARGE: &str = "is larger than 256 MiB";

/// Why an object's bytes are not taken.
#[derive(Debug, PartialEq, Eq)]
enum Unfit {
    /// It is unfit by itself, and is left out.
    Itself(String),
    /// It does not fit beside those that are there already.
    Together,
}

/// The bytes without their compression, never more in memory than `bytes_left` and one object may have.
fn plain(key: &str, bytes: Vec<u8>, bytes_left: usize) -> Result<Vec<u8>, Unfit> {
    if !key.ends_with(".zst") {
        return if bytes.len() > bytes_left { Err(Unfit::Together) } else { Ok(bytes) };
    }
    let not_zstd = |error: std::io::Error| Unfit::Itself(format!("is no zstd file: {error}"));
    let bytes_max = bytes_left.min(OBJECT_BYTES_MAX);
    let mut limited = std::io::Read::take(
        zstd::Decoder::new(bytes.as_slice()).map_err(not_zstd)?,
        u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1),
    );
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut limited, &mut text).map_err(not_zstd)?;
    match text.len() {
        length if length <= bytes_max => Ok(text),
        _ if bytes_left < OBJECT_BYTES_MAX => Err(Unfit::Together),
        _ => Err(Unfit::Itself(TOO_LARGE.to_owned())),
    }
}

/// Compresses an object that is read rarely.
///
/// # Errors
/// [`StoreError::Refused`] should the compressor ever refuse.
pub fn compressed(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::encode_all(bytes, 0)
        .map_err(|error| StoreError::Refused { operation: "compress", code: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_unpacked_to_its_end() {
        let text = vec![b'a'; 1_000];
        let packed = compressed(&text).unwrap();
        assert_eq!(plain("a.csv", text.clone(), 1_000), Ok(text.clone()));
        assert_eq!(plain("a.csv", text.clone(), 999), Err(Unfit::Together));
        assert_eq!(plain("a.csv.zst", packed.clone(), 1_000), Ok(text));
        assert_eq!(plain("a.csv.zst", packed, 999), Err(Unfit::Together));
        assert!(matches!(plain("a.csv.zst", b"no".to_vec(), 999), Err(Unfit::Itself(_))));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_listing() {
        let objects = [3, 4].map(|bytes| Listed { key: String::new(), bytes, e_tag: String::new() });
        assert!(check_fit("orders/", &objects, 7).is_ok());
        let error = check_fit("orders/", &objects, 6).unwrap_err().to_string();
        assert!(error.contains("orders/ with its 7 bytes in 2 objects is larger than 6"), "{error}");
    }

    #[test]
    fn files_of_a_leg_are_unpacked_by_key_as_long_as_they_fit_together() {
        let objects = || {
            let packed = compressed(b"second").unwrap();
            let all = [("b.csv.zst", packed), ("a.csv", b"first".to_vec()), ("c.xlsx", b"PK".to_vec())];
            all.map(|(key, bytes)| (key.to_owned(), bytes)).to_vec()
        };
        let read = RowFiles::unpacked(Leg::Orders, objects(), 11).unwrap();
        let texts: Vec<&[u8]> = read.files.iter().map(|file| file.bytes.as_slice()).collect();
        assert_eq!(texts, [&b"first"[..], b"second"]);
        assert_eq!(read.left_out[0].0, "c.xlsx");
        let error = RowFiles::unpacked(Leg::Orders, objects(), 10).unwrap_err().to_string();
        assert!(error.contains("the leg orders, decompressed, is larger than 10"), "{error}");
    }

    #[test]
    fn one_object_is_unpacked_as_its_name_says() {
        let check = |key: &str, bytes: &[u8], expected: Option<&[u8]>| {
            assert_eq!(unpacked(key, bytes.to_vec()).ok().as_deref(), expected, "{key}");
        };
        check("a.csv", b"text", Some(b"text"));
        check("a.csv.zst", &compressed(b"text").unwrap(), Some(b"text"));
        check("a.csv.zst", b"text", None);
    }

    #[test]
    fn a_format_that_is_not_unpacked_here_is_refused_by_name() {
        let check = |key: &str, expected: Option<Format>| assert_eq!(format_of(key).ok(), expected, "{key}");
        check("a/b.csv", Some(Format::Csv));
        check("a/b.jsonl.zst", Some(Format::Ndjson));
        check("a/b.csv.gz", None);
        check("a/b.xlsx", None);
    }
}
