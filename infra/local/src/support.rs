//! `cuadre support-pack`: what PagoEfectivo's support needs to find our requests in its own logs.
//!
//! It holds times, questions, statuses, codes, request ids, durations and counts. It holds no key, token, body, amount,
//! CIP, reference or word of a shopper's: only what is listed here is ever written, and nothing is copied whole.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use cuadre::aws::bucket::Bucket;
use cuadre::aws::{self, Patience, StoreError};
use cuadre::config::env;
use cuadre::pagoefectivo::client::{Persistence, Record};
use serde_json::{Map, Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::cli::SupportPackArguments;
use crate::doctor::{self, Examination};
use crate::failure::Failure;
use crate::{Done, Verdict};

/// Pulls of each source that are told, the latest ones.
const PULLS_MAX: usize = 20;

/// Where manifests of pulls lie, and how their names end.
const PULLS: &str = "pulls/";
const MANIFEST: &str = "/manifest.json";

/// Members of a manifest that are told: when and how much, never what. Texts are told only where they are a time, a plain
/// word or a version.
const MANIFEST_MEMBERS: [&str; 11] =
    ["source", "kind", "from", "to", "mode", "tick", "ended_at", "counts", "shrunk_by", "engine", "began_at"];

/// Longest text of a manifest that is told.
const TEXT_BYTES_MAX: usize = 40;

pub(crate) fn run(arguments: &SupportPackArguments) -> Result<Done, Failure> {
    let place = Place::of(&arguments.out)?;
    let examination = doctor::examine(&arguments.doctor, Persistence::default())?;
    let bucket = arguments.bucket.clone().or_else(|| env::process("BUCKET_NAME"));
    let pulls = match bucket {
        Some(bucket) => Some(pulls_of(&bucket, &arguments.doctor.account)?),
        None => None,
    };
    let files = pack(&examination, pulls.as_deref(), aws::now().to_utc());
    place.write(&files)?;
    let [good, bad, not_tried] = examination.counts();
    let report = format!(
        "{}: {} requests, {} pulls; checks: {good} good, {bad} bad, {not_tried} not tried. Read it through before you send it.",
        arguments.out.display(),
        examination.records.len(),
        pulls.map_or_else(|| "no".to_owned(), |pulls| pulls.len().to_string()),
    );
    Ok(Done { verdict: Verdict::Agreed, report })
}

/// Where the pack goes, checked before anything is asked.
enum Place {
    Zip(PathBuf),
    Folder(PathBuf),
}

impl Place {
    fn of(out: &Path) -> Result<Place, Failure> {
        let is_zip = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        if is_zip && out.exists() {
            return Err(Failure::Input(format!("--out {} is there already: name a new file", out.display())));
        }
        if !is_zip && out.is_file() {
            let sentence =
                format!("--out {} is a file: name a folder, or a new file that ends in .zip", out.display());
            return Err(Failure::Input(sentence));
        }
        Ok(if is_zip { Place::Zip(out.to_owned()) } else { Place::Folder(out.to_owned()) })
    }

    fn write(&self, files: &[(&str, String)]) -> Result<(), Failure> {
        let written = match self {
            Place::Zip(path) => zipped(files)
                .map_err(std::io::Error::other)
                .and_then(|bytes| fs::File::create_new(path).and_then(|mut file| file.write_all(&bytes))),
            Place::Folder(path) => fs::create_dir_all(path)
                .and_then(|()| files.iter().try_for_each(|(name, text)| fs::write(path.join(name), text))),
        };
        written.map_err(|error| Failure::Input(format!("the pack cannot be written ({error}): check --out")))
    }
}

fn zipped(files: &[(&str, String)]) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The files of the pack.
fn pack(
    examination: &Examination,
    pulls: Option<&[Value]>,
    now: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    let [good, bad, not_tried] = examination.counts();
    let summary = json!({
        "client": concat!("cuadre/", env!("CARGO_PKG_VERSION")),
        "environment": examination.environment,
        "began_at": time(examination.began_at.to_utc()),
        "ended_at": time(now),
        "requests": examination.records.len(),
        "requests_failed": examination.records.iter().filter(|record| record.fault.is_some()).count(),
        "checks": { "good": good, "bad": bad, "not_tried": not_tried },
    });
    let requests =
        examination.records.iter().map(request).map(|request| request.to_string() + "\n").collect();
    // Texts of checks name the CIP that was searched for; the machine's words do.
    let checks: Vec<Value> = examination
        .findings
        .iter()
        .map(|finding| json!({ "check": finding.check, "health": finding.health.word() }))
        .collect();
    let mut files = vec![
        ("README.txt", README.to_owned()),
        ("summary.json", pretty(&summary)),
        ("checks.json", pretty(&Value::Array(checks))),
        ("requests.ndjson", requests),
    ];
    if let Some(pulls) = pulls {
        files.push(("pulls.ndjson", pulls.iter().map(|pull| pull.to_string() + "\n").collect()));
    }
    files
}

const README: &str = "\
For the support of PagoEfectivo, written by `cuadre support-pack`.

summary.json     which client in which environment, from when to when, and how much
checks.json      what was checked, and how it ended
requests.ndjson  each request: when it was sent (UTC), what was asked, status and code of the answer, how long it took,
                 headers that name it at your side, and the shape of the answer (names and types, no values)
pulls.ndjson     if the deployment could be asked: its last pulls, when and how much

There are no keys, tokens, bodies, amounts, CIPs or personal data in it.
";

fn request(record: &Record) -> Value {
    let headers: Map<String, Value> =
        record.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "sent_at": time(record.sent_at),
        "method": record.method,
        "what": record.what,
        "status": record.status,
        "code": record.code,
        "fault": record.fault,
        "duration_ms": u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
        "body_bytes": record.body_bytes,
        "headers": headers,
        "shape": record.shape,
    })
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A value always serialises.
fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn pulls_of(bucket: &str, account: &str) -> Result<Vec<Value>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::defect("the runtime does not start", &error))?;
    runtime.block_on(async {
        let bucket = Bucket::new(&aws::load_config().await, Patience::WORK, bucket);
        last_pulls(&bucket, account)
            .await
            .map_err(|error| Failure::defect("the manifests of the pulls cannot be read", &error))
    })
}

/// What may be told of an account's last pulls. Names of manifests sort by window within a source.
async fn last_pulls(bucket: &Bucket, account: &str) -> Result<Vec<Value>, StoreError> {
    let of_account = format!("/account={account}/");
    let mut keys: Vec<String> =
        bucket.list(PULLS, None).await?.into_iter().map(|listed| listed.key).collect();
    keys.retain(|key| key.contains(&of_account) && key.ends_with(MANIFEST));
    let source = |key: &str| key.split('/').nth(1).unwrap_or_default().to_owned();
    let mut pulls = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let later = keys.iter().skip(place).filter(|other| source(other) == source(key)).count();
        if later > PULLS_MAX {
            continue;
        }
        let Some(object) = bucket.get(key, None).await? else { continue };
        pulls.extend(serde_json::from_slice(&object.bytes).ok().as_ref().and_then(pull));
    }
    Ok(pulls)
}

/// What may be told of one manifest.
fn pull(manifest: &Value) -> Option<Value> {
    let manifest = manifest.as_object()?;
    let told =
        MANIFEST_MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), safe(manifest.get(*name)?)?)));
    let pages = manifest.get("pages").and_then(Value::as_array).map(|pages| json!(pages.len()));
    let pages = pages.map(|pages| ("pages".to_owned(), pages));
    let restates =
        manifest.get("restates").map(|restates| ("restates".to_owned(), json!(!restates.is_null())));
    Some(Value::Object(told.chain(pages).chain(restates).collect()))
}

/// Numbers, plain words and times, and objects of them.
fn safe(value: &Value) -> Option<Value> {
    let is_plain = |text: &str| {
        text.len() <= TEXT_BYTES_MAX
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte))
    };
    match value {
        Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        Value::String(text) if is_plain(text) => Some(value.clone()),
        Value::Object(members) => {
            let numbers = members.iter().filter(|(name, member)| is_plain(name) && member.is_number());
            Some(Value::Object(numbers.map(|(name, member)| (name.clone(), member.clone())).collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
