//! The table's stream, read as the platform reads it for a function.

use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::Database;
use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use serde_json::{Value, json};

use crate::{EmulatorError, REGION, TABLE_NAME};

/// A reader that remembers how far it has come.
#[derive(Clone)]
pub(crate) struct Stream {
    database: Database,
    arn: Arc<Mutex<Option<String>>>,
    taken: Arc<Mutex<Option<String>>>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Stream {
    pub(crate) fn new(database: Database) -> Stream {
        Stream { database, arn: Arc::default(), taken: Arc::default() }
    }

    pub(crate) fn set_arn(&self, arn: &str) {
        *self.arn.lock().unwrap_or_else(PoisonError::into_inner) = Some(arn.to_owned());
    }

    /// The next records, as the event of a function; the same ones again until [`Stream::done_with`].
    pub(crate) fn batch(&self, max: usize) -> Result<Value, EmulatorError> {
        let refused = |error: dynoxide::DynoxideError| EmulatorError::Refused {
            operation: "GetRecords",
            reason: error.to_string(),
        };
        let arn = self.arn.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let described = self
            .database
            .describe_stream(DescribeStreamRequest { stream_arn: arn.clone(), ..Default::default() })
            .map_err(refused)?;
        let mut records = Vec::new();
        for shard in described.stream_description.shards {
            let kind = if taken.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
            let iterator = self.database.get_shard_iterator(GetShardIteratorRequest {
                stream_arn: arn.clone(),
                shard_id: shard.shard_id,
                shard_iterator_type: kind.to_owned(),
                sequence_number: taken.clone(),
            });
            let Some(iterator) = iterator.map_err(refused)?.shard_iterator else { continue };
            let request = GetRecordsRequest { shard_iterator: iterator, limit: Some(max) };
            records.extend(self.database.get_records(request).map_err(refused)?.records);
        }
        // The emulator bears its own name in place of a region, and belongs to account 0.
        let label = arn.rsplit('/').next().unwrap_or_default();
        let source_arn = format!("arn:aws:dynamodb:{REGION}:123456789012:table/{TABLE_NAME}/stream/{label}");
        let records: Vec<Value> = records
            .iter()
            .map(|record| {
                let mut record = serde_json::to_value(record).unwrap_or_default();
                if let Some(fields) = record.as_object_mut() {
                    fields.insert("awsRegion".to_owned(), json!(REGION));
                    fields.insert("eventSourceARN".to_owned(), json!(source_arn));
                }
                record
            })
            .collect();
        Ok(json!({ "Records": records }))
    }

    /// Goes on behind this record.
    pub(crate) fn done_with(&self, sequence_number: &str) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(sequence_number.to_owned());
    }
}
