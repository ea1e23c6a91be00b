//! One file of orders: out of the inbox, into the table and below `normalized/`.

use std::borrow::Cow;

use cuadre::aws::bucket::{Bucket, Object, Written};
use cuadre::aws::rows::{TOO_LARGE, format_of, unpacked};
use cuadre::aws::{StoreError, layout};
use cuadre::formats::{self, FileError, Format, Leg, Mapping, Rejected, Source, Table, write_order_ndjson};
use cuadre::lifecycle::evidence::OrderRow;
use cuadre::report::rejected_csv;
use serde::Serialize;

use crate::facts::{self, Counts};
use crate::notification::Arrival;
use crate::{Clients, Config};

/// Rows of one file: an invocation has to write them all to the table in its time. Our choice, not measured on AWS.
const ROWS_MAX: usize = 200_000;

/// Lines of one file, blank ones and those inside of quotes included: beyond it a file is not even read, since rows take
/// memory that the function does not have.
const LINES_MAX: usize = ROWS_MAX.saturating_mul(5);

/// A row as one line. An item of the table holds 400 KB, and its line is not all that it holds.
const LINE_BYTES_MAX: usize = 300_000;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    /// Rows that could be read.
    pub(crate) rows: usize,
    /// Rows that were set aside.
    pub(crate) rejected: usize,
    /// Rows that told the table something new.
    pub(crate) new: u64,
    /// Rows that say something else than a fact under the same key.
    pub(crate) contradicting: u64,
    /// These rows were stored before, by this file or by one with the same content.
    pub(crate) stored_before: bool,
}

/// The note about a file that was rejected whole.
#[derive(Serialize)]
struct Note<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
    reason: &'a str,
}

/// Takes one object in. The same object again changes nothing.
pub(crate) async fn take_in(
    arrival: &Arrival,
    clients: &Clients,
    config: &Config,
) -> Result<Outcome, StoreError> {
    if arrival.key.ends_with('/') {
        return Ok(Outcome::Folder);
    }
    let account = account_of(arrival, config);
    let outcome = match account {
        Ok((account, format)) => Box::pin(import(arrival, account, format, clients)).await?,
        Err(Unfit { reason, .. }) => Outcome::Rejected(reason.into()),
    };
    if let Outcome::Rejected(reason) = &outcome {
        let known = account.map_or_else(|unfit| unfit.account, |(account, _)| Some(account));
        note_rejection(arrival, known, reason, &clients.bucket).await?;
    }
    Ok(outcome)
}

/// A key that names no file of orders.
#[derive(Clone, Copy)]
struct Unfit<'a> {
    /// The account, where at least that is known.
    account: Option<&'a str>,
    reason: &'static str,
}

/// Whose orders a key announces, and how they are laid out.
fn account_of<'c>(arrival: &Arrival, config: &'c Config) -> Result<(&'c str, Format), Unfit<'c>> {
    let unfit = |account, reason| Unfit { account, reason };
    if arrival.bucket != config.bucket_name {
        return Err(unfit(None, "lies in another bucket than this deployment's"));
    }
    let folder = arrival.key.strip_prefix(layout::ORDERS_INBOX).and_then(|rest| rest.split_once('/'));
    let Some((folder, _)) = folder else {
        return Err(unfit(None, "does not lie below inbox/orders/{account}/"));
    };
    let Some(account) = config.accounts.find(folder) else {
        return Err(unfit(None, "lies in the folder of an account that ACCOUNTS does not list"));
    };
    let format = format_of(&arrival.key).map_err(|reason| unfit(Some(account), reason))?;
    Ok((account, format))
}

async fn import(
    arrival: &Arrival,
    account: &str,
    format: Format,
    clients: &Clients,
) -> Result<Outcome, StoreError> {
    let rejected = |reason: String| Ok(Outcome::Rejected(reason.into()));
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
    let source = Source { name: &arrival.key, bytes: &bytes, format, account: Some(account) };
    let Table { rows, rejected: mut set_aside, .. } =
        match formats::read_orders(&source, &Mapping::default().orders) {
            Ok(table) => table,
            Err(error) => return rejected(fault(&error)),
        };
    let found = rows.len().saturating_add(set_aside.len());
    if found > ROWS_MAX {
        return rejected(format!("has {found} rows: split it into files of at most {ROWS_MAX} rows"));
    }
    let (rows, content) = sorted_out(rows, arrival, account, &mut set_aside);
    let counts = Box::pin(facts::record(&clients.table, &rows)).await?;
    let stored_before =
        !rows.is_empty() && !store(arrival, account, content, counts, &clients.bucket).await?;
    if !set_aside.is_empty() {
        let csv = rejected_csv(&set_aside).map_err(not_written)?;
        clients.bucket.put_new(&layout::rejected_orders_key(account, arrival.arrived_at, &csv), csv).await?;
    }
    Ok(Outcome::Imported(Imported {
        rows: rows.len(),
        rejected: set_aside.len(),
        new: counts.new,
        contradicting: counts.contradicting,
        stored_before,
    }))
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

/// The rows that may go on, and the same as canonical lines; the others join those that were set aside.
fn sorted_out<'a>(
    rows: Vec<OrderRow<'a>>,
    arrival: &Arrival,
    account: &str,
    set_aside: &mut Vec<Rejected>,
) -> (Vec<OrderRow<'a>>, Vec<u8>) {
    let (mut kept, mut content) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let before = content.len();
        write_order_ndjson(&row, &mut content);
        let reason = if row.account != account {
            ("account", "is not the account of the folder that the file lies in", row.account.as_ref())
        } else if content.len().saturating_sub(before) > LINE_BYTES_MAX {
            ("", "is larger than the table can hold: expected at most 300000 bytes a row", "")
        } else {
            kept.push(row);
            continue;
        };
        content.truncate(before);
        let (field, what, value) = reason;
        set_aside.push(Rejected {
            file: arrival.key.clone(),
            // The reader tells the lines of bad rows alone; this one was good in itself, and is named by its order.
            line: 0,
            field: field.to_owned(),
            reason: format!("{what} (reference_id {})", row.reference_id),
            value: value.chars().take(120).collect(),
        });
    }
    (kept, content)
}

/// Writes the rows, unless the same ones are there already; tells whether they were new there.
///
/// The table alone does not say that they are: an attempt that failed between table and bucket leaves facts without rows.
/// Where it had nothing new to record, and only there, the bucket is asked.
async fn store(
    arrival: &Arrival,
    account: &str,
    content: Vec<u8>,
    counts: Counts,
    bucket: &Bucket,
) -> Result<bool, StoreError> {
    if counts == Counts::default() && is_stored(account, &content, bucket).await? {
        return Ok(false);
    }
    let key = layout::imported_orders_key(account, arrival.arrived_at, &content);
    bucket.put_new(&key, content).await.map(|written| written == Written::New)
}

async fn is_stored(account: &str, content: &[u8], bucket: &Bucket) -> Result<bool, StoreError> {
    let prefix = layout::rows_prefix(Leg::Orders, account);
    match bucket.list(&prefix, None).await {
        Ok(objects) => Ok(objects.iter().any(|object| layout::is_imported_content(&object.key, content))),
        // Rows that stand there twice do no harm, rows that stand nowhere do.
        Err(StoreError::TooLarge { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes down that a file was rejected whole, for whoever looks for its orders.
async fn note_rejection(
    arrival: &Arrival,
    account: Option<&str>,
    reason: &str,
    bucket: &Bucket,
) -> Result<(), StoreError> {
    let version_id = arrival.version_id.as_deref();
    let note = serde_json::to_vec(&Note { key: &arrival.key, version_id, reason }).map_err(not_written)?;
    bucket.put_new(&layout::rejected_file_key(account, &arrival.key, version_id), note).await.map(drop)
}

/// Should a writer into memory ever refuse.
fn not_written(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused { operation: "write", code: error.to_string() }
}

/// What is wrong with a file, without a word out of it: where the header is missing, its columns are some shopper's data.
fn fault(error: &FileError) -> String {
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
        FileError::LegNotJudged { leg, .. } => format!("holds {leg}, which nobody reads here"),
        FileError::NoStatement { what, .. } => {
            format!("has no {what} statement in it: ask the bank for it again")
        }
        FileError::StatementRefused { line, part, reason, .. } => {
            format!("has a statement in line {line} whose {part} {reason}: ask the bank for it again")
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
