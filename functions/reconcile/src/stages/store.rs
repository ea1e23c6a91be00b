//! Where the stages of a run leave what the next ones need.

use std::io;

use cuadre::aws::bucket::{Bucket, Upload};
use cuadre::aws::layout;
use cuadre::aws::rows::{RowFile, RowFiles};
use cuadre::calendar::Instant;
use cuadre::run::stages::Left;
use tokio::runtime::Handle;

use crate::ReconcileError;
use crate::gather;
use crate::judge::JudgeError;
use crate::manifest::Manifest;
use crate::stages::plan::Listed;

/// Under what the parts are written.
pub(super) const TERMS: &str = "terms";

/// What was judged over all parts, for the end.
pub(super) const JUDGED: &str = "judged";

pub(super) fn gist(cut: usize) -> String {
    format!("gists/{cut:05}")
}

/// What a cut has left of a part.
pub(super) fn piece(part: usize, cut: usize) -> String {
    format!("{}{cut:05}", pieces(part))
}

fn pieces(part: usize) -> String {
    format!("parts/{part:05}/")
}

/// What was judged over all and belongs into a part.
pub(super) fn elsewhere(part: usize) -> String {
    format!("judged/{part:05}")
}

/// What a part has written of an output.
pub(super) fn output(part: usize, name: &str) -> String {
    format!("written/{part:05}/{name}")
}

/// What a part came to.
pub(super) fn done(part: usize) -> String {
    format!("done/{part:05}")
}

/// The objects of one run.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) bucket: Bucket,
    /// Where stages leave what the next ones need.
    prefix: String,
    /// Where the run's inputs are named and its outputs go.
    pub(super) run_prefix: String,
}

impl Store {
    pub(super) fn of(account: &str, as_of: Instant, bucket: &Bucket) -> Store {
        Store {
            bucket: bucket.clone(),
            prefix: layout::stages_prefix(account, as_of),
            run_prefix: layout::run_prefix(account, as_of),
        }
    }

    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ReconcileError> {
        Ok(self.bucket.put(&format!("{}{name}", self.prefix), bytes).await?)
    }

    pub(super) async fn put_output(&self, name: &str, bytes: Vec<u8>) -> Result<(), ReconcileError> {
        Ok(self.bucket.put(&format!("{}{name}", self.run_prefix), bytes).await?)
    }

    /// Begins an output of the run.
    pub(super) fn upload(&self, name: &str) -> Upload {
        self.bucket.upload(&format!("{}{name}", self.run_prefix))
    }

    pub(super) async fn find(&self, name: &str) -> Result<Option<Vec<u8>>, ReconcileError> {
        let object = self.bucket.get(&format!("{}{name}", self.prefix), None).await?;
        Ok(object.map(|object| object.bytes))
    }

    /// What another stage must have left.
    pub(super) async fn get(&self, name: &str) -> Result<Vec<u8>, ReconcileError> {
        let gone = || JudgeError::Gone(format!("{}{name}", self.prefix));
        Ok(self.find(name).await?.ok_or_else(gone)?)
    }

    /// What the run reads, if that has been fixed.
    pub(super) async fn manifest(&self) -> Result<Option<Manifest>, ReconcileError> {
        gather::manifest_of(&self.bucket, &self.run_prefix).await
    }

    /// What is said where the first stage has not been.
    pub(super) fn not_planned(&self) -> JudgeError {
        JudgeError::Gone(format!("{}{}", self.run_prefix, gather::INPUTS))
    }

    /// All that the cuts have left of a part.
    pub(super) async fn pieces(&self, part: usize) -> Result<Vec<Vec<u8>>, ReconcileError> {
        let listed = self.bucket.list(&format!("{}{}", self.prefix, pieces(part)), None).await?;
        let names: Vec<_> = listed.into_iter().map(|listed| (listed.key, None)).collect();
        let mut pieces = Vec::with_capacity(names.len());
        for (key, object) in self.bucket.get_all(&names).await? {
            pieces.push(object.ok_or(JudgeError::Gone(key))?.bytes);
        }
        Ok(pieces)
    }

    /// What so many cuts have left, for threads that wait for what is brought.
    pub(super) fn left(&self, cuts: usize) -> Stored {
        Stored { store: self.clone(), cuts, handle: Handle::current() }
    }

    /// Objects with rows, unpacked, each with its place.
    pub(super) async fn rows(&self, files: &[Listed<'_>]) -> Result<Vec<(usize, RowFile)>, ReconcileError> {
        let name = |file: &Listed<'_>| (file.version.key.clone(), file.version.version_id.clone());
        let names: Vec<_> = files.iter().map(name).collect();
        let mut rows = Vec::with_capacity(files.len());
        for (file, (key, object)) in files.iter().zip(self.bucket.get_all(&names).await?) {
            let bytes = object.ok_or_else(|| JudgeError::Gone(key.clone()))?.bytes;
            if !file.version.is(&bytes) {
                return Err(JudgeError::Other(key).into());
            }
            let mut read = RowFiles::unpacked(file.leg, vec![(key.clone(), bytes)], usize::MAX)?;
            let unpacked = read.files.pop().ok_or(JudgeError::Unreadable { key, what: "rows" })?;
            rows.push((file.place, unpacked));
        }
        Ok(rows)
    }
}

/// What the cuts have left in the bucket.
pub(super) struct Stored {
    store: Store,
    cuts: usize,
    handle: Handle,
}

impl Left for Stored {
    fn cuts(&self) -> usize {
        self.cuts
    }

    fn gist(&self, cut: usize) -> io::Result<Vec<u8>> {
        self.handle.block_on(self.store.get(&gist(cut))).map_err(io::Error::other)
    }

    fn pieces(&self, part: usize) -> io::Result<Vec<Vec<u8>>> {
        self.handle.block_on(self.store.pieces(part)).map_err(io::Error::other)
    }
}
