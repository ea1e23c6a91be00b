//! One file of the inbox: its rows into the table and below `normalized/`, and what came of it.

use std::borrow::Cow;

use cuadre::aws::bucket::{Bucket, Object, Written};
use cuadre::aws::rows::{TOO_LARGE, unpacked};
use cuadre::aws::table::{Columns, Drift, FileName, FileRecord};
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::Instant;
use cuadre::config::files::FileRule;
use cuadre::formats::{FileError, Leg};
use cuadre::report::rejected_csv;
use serde::Serialize;

use crate::facts::Counts;
use crate::legs::{self, Sorted};
use crate::notification::Arrival;
use crate::reading::{self, ImportError};
use crate::{Clients, Config};

/// Rows of one file: an invocation has to write them all to the table in its time. Our choice, not measured on AWS.
pub(crate) const ROWS_MAX: usize = 200_000;

/// Lines of one file, blank ones and those inside of quotes included: beyond it a file is not even read, since rows take
/// memory that the function does not have.
const LINES_MAX: usize = ROWS_MAX.saturating_mul(5);

/// The legs whose files are taken in.
pub(crate) const LEGS: [Leg; 4] = [Leg::Orders, Leg::Reports, Leg::Settlements, Leg::Bank];

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What can be read of it is in the table and below `normalized/`, the rest below `rejected/`.
    Imported(Imported),
    /// Nothing was taken; why, without a word of the content. Reads on after the object's name.
    Rejected(Cow<'static, str>),
    /// The version is not there any longer.
    Gone,
    /// An empty object that stands for a folder.
    Folder,
}

/// What a file brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    /// Rows that could be read.
    pub(crate) rows: usize,
    /// Rows that were set aside.
    pub(crate) rejected: usize,
    /// Rows that told the table something new; of settlements and bank lines, which are no facts yet, none ever do.
    pub(crate) new: u64,
    /// Rows that say something else than a fact under the same key.
    pub(crate) contradicting: u64,
    /// These rows were stored before, by this file or by one with the same content.
    pub(crate) stored_before: bool,
    /// What its columns and words have that the file before did not.
    pub(crate) drift: Drift,
}

/// The note about a file that was rejected whole.
#[derive(Serialize)]
struct Note<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
    reason: &'a str,
}

/// Whose words a file holds.
#[derive(Clone, Copy, Debug)]
struct Place<'c> {
    leg: Leg,
    account: &'c str,
}

/// Takes one object in. The same object again changes nothing.
pub(crate) async fn take_in(
    arrival: &Arrival,
    clients: &Clients,
    config: &Config,
    now: Instant,
) -> Result<Outcome, ImportError> {
    if arrival.key.ends_with('/') {
        return Ok(Outcome::Folder);
    }
    let place = place_of(arrival, config);
    let outcome = match place {
        Ok(place) => Box::pin(import(arrival, place, clients, now)).await?,
        Err(reason) => Outcome::Rejected(reason.into()),
    };
    if let Outcome::Rejected(reason) = &outcome {
        note_rejection(arrival, place.ok(), reason, &clients.bucket).await?;
    }
    if let (Outcome::Imported(imported), Ok(place)) = (&outcome, place)
        && imported.rows > 0
    {
        // Also where the rows were there before: the attempt that stored them may have come no further.
        clients.runs.after_arrival(place.account, now).await?;
    }
    Ok(outcome)
}

/// Whose words the folders of a key announce.
///
/// # Errors
/// What is wrong with them; reads on after the key.
fn place_of<'c>(arrival: &Arrival, config: &'c Config) -> Result<Place<'c>, &'static str> {
    const ELSEWHERE: &str =
        "does not lie below inbox/{leg}/{account}/, the leg being orders, reports, settlements or bank";
    if arrival.bucket != config.bucket_name {
        return Err("lies in another bucket than this deployment's");
    }
    let mut folders = arrival.key.strip_prefix(layout::INBOX).ok_or(ELSEWHERE)?.splitn(3, '/');
    let leg = folders.next().and_then(|word| LEGS.into_iter().find(|leg| leg.word() == word));
    let (Some(leg), Some(folder), Some(_)) = (leg, folders.next(), folders.next()) else {
        return Err(ELSEWHERE);
    };
    let account = config.accounts.find(folder);
    let account = account.ok_or("lies in the folder of an account that ACCOUNTS does not list")?;
    Ok(Place { leg, account })
}

async fn import(
    arrival: &Arrival,
    place: Place<'_>,
    clients: &Clients,
    now: Instant,
) -> Result<Outcome, ImportError> {
    let rejected = |reason: String| Ok(Outcome::Rejected(reason.into()));
    let rule = clients.policies.at(now).await?.file_rule(place.account, place.leg);
    if let Err(reason) = reading::check_name(place.leg, &rule, &arrival.key) {
        return Ok(Outcome::Rejected(reason.into()));
    }
    let got = clients.bucket.get(&arrival.key, arrival.version_id.as_deref()).await;
    let bytes = match fetched(got)? {
        Fetched::Object(Object { bytes, .. }) => bytes,
        Fetched::Gone => return Ok(Outcome::Gone),
        Fetched::TooLarge => return rejected(TOO_LARGE.to_owned()),
    };
    let bytes = match unpacked(&arrival.key, bytes) {
        Ok(bytes) => bytes,
        Err(reason) => return rejected(reason),
    };
    let lines = memchr::memchr_iter(b'\n', &bytes).count();
    if lines > LINES_MAX {
        return rejected(format!("has {lines} lines: split it into files of at most {ROWS_MAX} rows"));
    }
    match Box::pin(read(arrival, place, &rule, &bytes, clients)).await? {
        Ok((sorted, counts)) => keep(arrival, place, sorted, counts, clients).await.map(Outcome::Imported),
        Err(reason) => Ok(Outcome::Rejected(reason)),
    }
}

/// Reads the rows and records those that are facts; the inner error is why the file is rejected whole.
async fn read(
    arrival: &Arrival,
    place: Place<'_>,
    rule: &FileRule,
    bytes: &[u8],
    clients: &Clients,
) -> Result<Result<(Sorted, Counts), Cow<'static, str>>, ImportError> {
    let reading = match reading::of(place.leg, rule, &arrival.key, bytes) {
        Ok(reading) => reading,
        Err(reason) => return Ok(Err(reason.into())),
    };
    let mapping = reading::mapping(rule, &clients.bucket).await?;
    let file = legs::File { key: &arrival.key, bytes, account: place.account, reading, mapping: &mapping };
    let table = &clients.table;
    let read = match place.leg {
        Leg::Orders => Box::pin(legs::orders(&file, table)).await?,
        Leg::Reports => Box::pin(legs::reports(&file, table)).await?,
        Leg::Settlements => legs::settlements(&file).map(|sorted| (sorted, Counts::default())),
        Leg::Bank => legs::bank(&file).map(|sorted| (sorted, Counts::default())),
        Leg::Notices => return Ok(Err("holds notices, which come signed and by no file".into())),
    };
    Ok(read.map_err(Cow::Owned))
}

/// Stores the rows, those that were set aside, and last what came of the file.
async fn keep(
    arrival: &Arrival,
    place: Place<'_>,
    sorted: Sorted,
    counts: Counts,
    clients: &Clients,
) -> Result<Imported, ImportError> {
    let Place { leg, account } = place;
    let Sorted { rows, content, set_aside, columns, unknown_columns, cleansed, latest } = sorted;
    let stored_before = rows > 0 && !store(arrival, place, content, counts, &clients.bucket).await?;
    if !set_aside.is_empty() {
        let csv = rejected_csv(&set_aside).map_err(not_written)?;
        let key = layout::rejected_rows_key(leg, account, arrival.arrived_at, &csv);
        clients.bucket.put_new(&key, csv).await?;
    }
    let name = FileName {
        account,
        leg,
        arrived_at: arrival.arrived_at,
        key: &arrival.key,
        version_id: arrival.version_id.as_deref(),
    };
    let words = set_aside.iter().filter(|row| row.has_unknown_status()).map(|row| row.value.clone());
    let words: Vec<String> = words.collect();
    let columns =
        Columns::new(!columns.is_empty(), if columns.is_empty() { &unknown_columns } else { &columns });
    let drift = Drift::between(clients.table.columns_before(&name).await?.as_ref(), &columns, &words);
    let record = FileRecord {
        name,
        rows,
        rejected: set_aside.len(),
        columns,
        unknown_columns,
        cleansed,
        covered_until: latest,
        drift,
    };
    clients.table.record_file(&record).await?;
    let Counts { new, contradicting } = counts;
    let (rejected, drift) = (set_aside.len(), record.drift);
    Ok(Imported { rows, rejected, new, contradicting, stored_before, drift })
}

#[derive(Debug, PartialEq, Eq)]
enum Fetched {
    Object(Object),
    Gone,
    TooLarge,
}

fn fetched(got: Result<Option<Object>, StoreError>) -> Result<Fetched, StoreError> {
    match got {
        Ok(Some(object)) => Ok(Fetched::Object(object)),
        Ok(None) => Ok(Fetched::Gone),
        // What S3 says where the object is there and this version of it is not.
        Err(StoreError::Refused { code, .. }) if code == "NoSuchVersion" => Ok(Fetched::Gone),
        Err(StoreError::TooLarge { .. }) => Ok(Fetched::TooLarge),
        Err(error) => Err(error),
    }
}

/// Writes the rows, unless the same ones are there already; tells whether they were new there.
///
/// The table alone does not say that they are: an attempt that failed between table and bucket leaves facts without rows.
/// Where it had nothing new to record, and only there, the bucket is asked.
async fn store(
    arrival: &Arrival,
    place: Place<'_>,
    content: Vec<u8>,
    counts: Counts,
    bucket: &Bucket,
) -> Result<bool, StoreError> {
    if counts == Counts::default() && is_stored(place, &content, bucket).await? {
        return Ok(false);
    }
    let key = layout::imported_rows_key(place.leg, place.account, arrival.arrived_at, &content);
    bucket.put_new(&key, content).await.map(|written| written == Written::New)
}

async fn is_stored(place: Place<'_>, content: &[u8], bucket: &Bucket) -> Result<bool, StoreError> {
    let prefix = layout::rows_prefix(place.leg, place.account);
    match bucket.list(&prefix, None).await {
        Ok(objects) => Ok(objects.iter().any(|object| layout::is_imported_content(&object.key, content))),
        // Rows that stand there twice do no harm, rows that stand nowhere do.
        Err(StoreError::TooLarge { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes down that a file was rejected whole, for whoever looks for its rows.
async fn note_rejection(
    arrival: &Arrival,
    place: Option<Place<'_>>,
    reason: &str,
    bucket: &Bucket,
) -> Result<(), StoreError> {
    let version_id = arrival.version_id.as_deref();
    let note = serde_json::to_vec(&Note { key: &arrival.key, version_id, reason }).map_err(not_written)?;
    let place = place.map(|place| (place.leg, place.account));
    bucket.put_new(&layout::rejected_file_key(place, &arrival.key, version_id), note).await.map(drop)
}

/// Should a writer into memory ever refuse.
fn not_written(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused { operation: "write", code: error.to_string() }
}

/// What is wrong with a file, without a word out of it: where the header is missing, its columns are some shopper's data.
pub(crate) fn fault(error: &FileError) -> String {
    match error {
        FileError::Empty { .. } => {
            "has no content at all: a day without rows still has its header line".to_owned()
        }
        FileError::NoHeader { .. } => "has only blank lines: export it again with its header line".to_owned(),
        FileError::NotText { what, remedy, .. } => format!("is {what}, not plain text: {remedy}"),
        FileError::HeaderEncoding { .. } | FileError::EncodingContradicts { .. } => {
            "is not UTF-8: save it as UTF-8".to_owned()
        }
        FileError::BrokenHeader { .. } => {
            "has a header that cannot be read: correct its first line".to_owned()
        }
        FileError::DuplicateColumn { .. } => {
            "names a column twice in its header, or has no header".to_owned()
        }
        FileError::MissingColumn { column, .. } => format!("has no column \"{column}\": see docs/formats.md"),
        FileError::MappedColumnMissing { field, .. } => {
            format!("has no column for {field}: see docs/formats.md")
        }
        FileError::NoAccount { .. } => "has no column \"account\"".to_owned(),
        FileError::NoStatement { what, .. } => {
            format!("has no {what} statement in it: ask the bank for it again")
        }
        FileError::StatementRefused { line, part, reason, .. } => {
            format!("has a statement in line {line} whose {part} {reason}: ask the bank for it again")
        }
        FileError::BalanceBroken { line, reason, remedy, .. } => {
            format!("has a balance in line {line} that {reason}: {remedy}")
        }
        FileError::Unreadable { what, .. } => format!("{what}: see docs/formats.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_read_is_told_from_what_is_refused_for_now() {
        let refused = |code: &str| Err(StoreError::Refused { operation: "GetObject", code: code.to_owned() });
        let check = |got: Result<Option<Object>, StoreError>, expected: Option<Fetched>| {
            let shown = format!("{got:?}");
            assert_eq!(fetched(got).ok(), expected, "{shown}");
        };
        let object = Object { bytes: vec![1], version_id: None };
        check(Ok(Some(object.clone())), Some(Fetched::Object(object)));
        check(Ok(None), Some(Fetched::Gone));
        // The emulator of S3 does not know this word; AWS documents it for a version that is not there.
        check(refused("NoSuchVersion"), Some(Fetched::Gone));
        check(refused("AccessDenied"), None);
        check(Err(StoreError::TooLarge { what: "a.csv".to_owned(), max: 1 }), Some(Fetched::TooLarge));
        check(Err(StoreError::Unavailable { operation: "GetObject", source: "down".into() }), None);
    }
}
