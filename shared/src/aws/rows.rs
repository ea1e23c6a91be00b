//! The canonical files of one leg and account, as they lie under `normalized/`.

use tokio::task::JoinSet;

use super::bucket::{Bucket, OBJECT_BYTES_MAX};
use super::{StoreError, layout};
use crate::formats::{Format, Leg};

/// How many objects are fetched at a time.
const FETCHES_MAX: usize = 16;

/// All of one leg together; past it the function would run out of memory in the middle of its work.
const BYTES_MAX: usize = 512 * 1024 * 1024;

/// A file of rows, decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFile {
    /// Whose words it holds.
    pub leg: Leg,
    /// Its name in the bucket.
    pub key: String,
    /// Which version of the object it is.
    pub version_id: Option<String>,
    /// How it is laid out.
    pub format: Format,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What lies under a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFiles {
    /// The files, by key.
    pub files: Vec<RowFile>,
    /// Objects that were left out, each with the reason: a person put something there that cannot be read.
    pub left_out: Vec<(String, String)>,
}

impl Bucket {
    /// Reads every file of a leg of an account: `.csv`, `.ndjson`, `.jsonl`, plain or with `.zst`.
    ///
    /// # Errors
    /// [`StoreError`], `TooLarge` when they do not fit into memory together.
    pub async fn row_files(&self, leg: Leg, account: &str) -> Result<RowFiles, StoreError> {
        let prefix = layout::rows_prefix(leg, account);
        let keys = self.list(&prefix).await?;
        self.row_files_of(leg, keys.into_iter().map(|key| (key, None)).collect()).await
    }

    /// Reads given versions of files of a leg, as an earlier reading found them.
    ///
    /// # Errors
    /// [`StoreError`], as for [`Bucket::row_files`].
    pub async fn row_files_of(
        &self,
        leg: Leg,
        versions: Vec<(String, Option<String>)>,
    ) -> Result<RowFiles, StoreError> {
        let mut read = RowFiles::default();
        let mut wanted = Vec::new();
        for (key, version_id) in versions {
            match Format::from_name(&key) {
                Some(format) if !key.ends_with(".gz") => wanted.push((key, version_id, format)),
                _ => {
                    let reason = "is not named .csv, .ndjson, .jsonl or one of these with .zst";
                    read.left_out.push((key, reason.to_owned()));
                }
            }
        }
        self.fetch(leg, wanted, &mut read).await?;
        Ok(read)
    }

    async fn fetch(
        &self,
        leg: Leg,
        wanted: Vec<(String, Option<String>, Format)>,
        read: &mut RowFiles,
    ) -> Result<(), StoreError> {
        let mut bytes_total: usize = 0;
        for some in wanted.chunks(FETCHES_MAX) {
            let mut fetches = JoinSet::new();
            for (key, version_id, format) in some.iter().cloned() {
                let bucket = self.clone();
                fetches.spawn(async move {
                    let object = bucket.get(&key, version_id.as_deref()).await;
                    (key, format, object)
                });
            }
            for (key, format, object) in fetches.join_all().await {
                match object? {
                    None => read.left_out.push((key, "is gone".to_owned())),
                    Some(object) => match plain(&key, object.bytes) {
                        Err(reason) => read.left_out.push((key, reason)),
                        Ok(bytes) => {
                            bytes_total = bytes_total.saturating_add(bytes.len());
                            read.files.push(RowFile {
                                leg,
                                key,
                                version_id: object.version_id,
                                format,
                                bytes,
                            });
                        }
                    },
                }
            }
            if bytes_total > BYTES_MAX {
                return Err(StoreError::TooLarge { what: format!("the leg {}", leg.word()), max: BYTES_MAX });
            }
        }
        read.files.sort_by(|a, b| a.key.cmp(&b.key));
        read.left_out.sort();
        Ok(())
    }
}

/// The bytes without their compression.
fn plain(key: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if !key.ends_with(".zst") {
        return Ok(bytes);
    }
    let mut limited = std::io::Read::take(
        zstd::Decoder::new(bytes.as_slice()).map_err(|error| format!("is no zstd file: {error}"))?,
        u64::try_from(OBJECT_BYTES_MAX).unwrap_or(u64::MAX),
    );
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut limited, &mut text)
        .map_err(|error| format!("is no zstd file: {error}"))?;
    if text.len() >= OBJECT_BYTES_MAX { Err("is larger than 256 MiB".to_owned()) } else { Ok(text) }
}

/// Compresses an object that is read rarely.
///
/// # Errors
/// [`StoreError::Refused`] should the compressor ever refuse.
pub fn compressed(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::encode_all(bytes, 0)
        .map_err(|error| StoreError::Refused { operation: "compress", code: error.to_string() })
}
