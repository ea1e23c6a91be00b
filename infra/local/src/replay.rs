//! `cuadre replay`: an archived run made again from the very objects that it read, and compared byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use cuadre::aws::bucket::Bucket;
use cuadre::aws::{self, Patience};
use cuadre::config::env;
use cuadre_reconcile::{JudgeError, Manifest, Mismatch, again, first_mismatch};
use serde_json::json;

use crate::cli::ReplayArguments;
use crate::failure::Failure;
use crate::{Done, Verdict};

/// What a run read is named here.
const INPUTS: &str = "inputs.json";

/// A copy of the bucket may have the run this many folders below its root: `runs/tienda/dry/20260305T120000Z-…`.
const FOLDERS_UP_MAX: usize = 5;

/// As much of a line as is shown.
const LINE_CHARS_MAX: usize = 160;

pub(crate) fn run(arguments: &ReplayArguments) -> Result<Done, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::defect("the runtime does not start", &error))?;
    let replayed = runtime.block_on(async {
        let archive = Archive::of(&arguments.run, arguments.bucket.as_deref()).await?;
        replay(&archive, arguments.any_version).await
    })?;
    let report = if arguments.json { replayed.as_json() } else { replayed.as_text() };
    let verdict = if replayed.is_same() { Verdict::Agreed } else { Verdict::Breaks };
    Ok(Done { verdict, report })
}

/// Where a run lies with everything that it read.
#[derive(Debug)]
pub(crate) enum Archive {
    /// A folder with the run's files; its objects lie below it by name, or beside it as in a copy of the whole bucket.
    Folder(PathBuf),
    /// A bucket, and the run's prefix in it.
    Bucket(Bucket, String),
}

impl Archive {
    /// A folder of that name, else a run in a bucket: `tienda/20260305T120000Z`, or `s3://…` as the alert writes it.
    async fn of(run: &str, bucket: Option<&str>) -> Result<Archive, Failure> {
        if Path::new(run).is_dir() {
            return Ok(Archive::Folder(PathBuf::from(run)));
        }
        let (named, key) = match run.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
            Some((bucket, key)) => (Some(bucket.to_owned()), key),
            None => (None, run),
        };
        let name = named.or_else(|| bucket.map(str::to_owned)).or_else(|| env::process("BUCKET_NAME"));
        let name = name.ok_or_else(|| {
            let sentence =
                "is no folder, and no bucket is named: give --bucket, BUCKET_NAME, or s3://BUCKET/runs/…/";
            Failure::Input(format!("{run} {sentence}"))
        })?;
        let key = key.trim_end_matches(INPUTS).trim_matches('/');
        let key = key.strip_prefix("runs/").unwrap_or(key);
        let bucket = Bucket::new(&aws::load_config().await, Patience::WORK, &name);
        Ok(Archive::Bucket(bucket, format!("runs/{key}/")))
    }

    /// A file of the run itself.
    async fn file(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Archive::Folder(folder) => read(&folder.join(name)),
            Archive::Bucket(_, prefix) => self.object(&format!("{prefix}{name}"), None).await,
        }
    }

    /// An object that the run read.
    async fn object(&self, key: &str, version_id: Option<&str>) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Archive::Folder(folder) => in_copy(folder, key),
            Archive::Bucket(bucket, _) => {
                let object = bucket.get(key, version_id).await;
                let object = object.map_err(|error| Failure::defect(key, &error))?;
                Ok(object.map(|object| object.bytes))
            }
        }
    }
}

/// An object in a copy of the bucket: below the run's folder, or below one of those that hold it.
fn in_copy(folder: &Path, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    let below = Path::new(key);
    if !below.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Failure::Input(format!("{INPUTS} names {key:?}, which is no name of an object")));
    }
    let folder = folder.canonicalize().map_err(|error| unreadable(folder, &error))?;
    for root in folder.ancestors().take(FOLDERS_UP_MAX) {
        if let Some(bytes) = read(&root.join(below))? {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Defect(format!("{} cannot be read: {error}", path.display()))
}

/// What came of making a run again.
#[derive(Debug)]
pub(crate) struct Replayed {
    account: String,
    as_of: String,
    /// The engine that made it, and this one.
    engines: [String; 2],
    objects: usize,
    files: Vec<(String, Comparison)>,
}

/// How a file of now stands to the archived one.
#[derive(Debug)]
enum Comparison {
    Same(usize),
    Missing,
    Other(Mismatch),
}

/// Makes the run again and compares.
pub(crate) async fn replay(archive: &Archive, any_version: bool) -> Result<Replayed, Failure> {
    let json = archive.file(INPUTS).await?.ok_or_else(|| {
        Failure::Input(format!("there is no {INPUTS} of that run: name it as the alert does, or its folder"))
    })?;
    let manifest = Manifest::read(&json).map_err(JudgeError::Manifest).map_err(|error| failed(&error))?;
    let engines = [manifest.engine_version.clone(), env!("CARGO_PKG_VERSION").to_owned()];
    if let [made_by, this] = &engines
        && made_by != this
        && !any_version
    {
        return Err(Failure::Input(format!(
            "the run was made by version {made_by} and this is version {this}, which may judge otherwise: replay it with that one, or say --any-version"
        )));
    }
    let mut objects = BTreeMap::new();
    for object in manifest.objects() {
        if let Some(bytes) = archive.object(&object.key, object.version_id.as_deref()).await? {
            objects.insert(object.key.clone(), bytes);
        }
    }
    let count = objects.len();
    let mut files = Vec::new();
    for (name, bytes) in again(&manifest, objects).map_err(|error| failed(&error))? {
        let comparison = match archive.file(&name).await? {
            None => Comparison::Missing,
            Some(archived) => match first_mismatch(&archived, &bytes) {
                None => Comparison::Same(bytes.len()),
                Some(mismatch) => Comparison::Other(mismatch),
            },
        };
        files.push((name, comparison));
    }
    let Manifest { account, as_of, .. } = manifest;
    Ok(Replayed { account, as_of, engines, objects: count, files })
}

fn failed(error: &JudgeError) -> Failure {
    Failure::defect("the run cannot be made again", error)
}

impl Replayed {
    /// Whether every file is the same, byte for byte.
    pub(crate) fn is_same(&self) -> bool {
        self.files.iter().all(|(_, comparison)| matches!(comparison, Comparison::Same(_)))
    }

    fn as_text(&self) -> String {
        let [made_by, this] = &self.engines;
        let mut text = format!(
            "The run of {} as of {}, made by version {made_by}, made again by version {this} from {} objects:\n",
            self.account, self.as_of, self.objects
        );
        for (name, comparison) in &self.files {
            let line = match comparison {
                Comparison::Same(bytes) => format!("  {name}: the same {bytes} bytes"),
                Comparison::Missing => format!("  {name}: NOT ARCHIVED"),
                Comparison::Other(mismatch) => described(name, mismatch),
            };
            text.push_str(&line);
            text.push('\n');
        }
        let verdict = if self.is_same() { "The same bytes." } else { "NOT the same." };
        text.push_str(verdict);
        text
    }

    fn as_json(&self) -> String {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(name, comparison)| match comparison {
                Comparison::Same(bytes) => json!({"file": name, "same": true, "bytes": bytes}),
                Comparison::Missing => json!({"file": name, "same": false, "archived": false}),
                Comparison::Other(Mismatch { line, column, .. }) => {
                    json!({"file": name, "same": false, "line": line, "column": column})
                }
            })
            .collect();
        let [made_by, this] = &self.engines;
        json!({
            "account": self.account, "as_of": self.as_of, "same": self.is_same(), "objects": self.objects,
            "engine_version": made_by, "replayed_by": this, "files": files,
        })
        .to_string()
    }
}

/// Where a file differs first, with both lines.
fn described(name: &str, mismatch: &Mismatch) -> String {
    let Mismatch { line, column, archived, now } = mismatch;
    let shown = |text: &Option<String>| match text {
        Some(text) => text.chars().take(LINE_CHARS_MAX).collect(),
        None => "(ends before)".to_owned(),
    };
    let mut text = format!("  {name}: differs first in line {line}, byte {column}\n");
    // Writing to a String cannot fail.
    let written = write!(text, "    archived  {}\n    now       {}", shown(archived), shown(now));
    debug_assert!(written.is_ok());
    text
}

#[cfg(test)]
mod tests;
