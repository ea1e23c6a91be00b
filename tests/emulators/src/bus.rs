//! A recorder in place of EventBridge: it keeps what was put and matches no rules.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// The bus of the imaginary account.
pub const BUS_NAME: &str = "cuadre";

/// Larger entries are refused by AWS.
const ENTRY_BYTES_MAX: usize = 256 * 1024;

/// One event that was put on a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusEvent {
    /// The bus.
    pub bus: String,
    /// Who put it there.
    pub source: String,
    /// What kind of event it is.
    pub detail_type: String,
    /// A JSON object.
    pub detail: String,
}

/// The recorder; clones share what was recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bus(Arc<Mutex<Vec<BusEvent>>>);

impl Bus {
    pub(crate) fn events(&self) -> Vec<BusEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers one request: status and body of the reply. Only `PutEvents` is known.
    pub(crate) fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
        if target != "AWSEvents.PutEvents" {
            return (400, json!({"__type": "UnknownOperationException"}).to_string());
        }
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let entries = request.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
        let answers: Vec<Value> = entries.iter().map(|entry| self.put(entry)).collect();
        let failed = answers.iter().filter(|answer| answer.get("ErrorCode").is_some()).count();
        (200, json!({"FailedEntryCount": failed, "Entries": answers}).to_string())
    }

    fn put(&self, entry: &Value) -> Value {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let event = BusEvent {
            bus: text("EventBusName"),
            source: text("Source"),
            detail_type: text("DetailType"),
            detail: text("Detail"),
        };
        let is_object = serde_json::from_str::<Value>(&event.detail).is_ok_and(|detail| detail.is_object());
        if !is_object {
            return json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."});
        }
        if event.source.len() + event.detail_type.len() + event.detail.len() > ENTRY_BYTES_MAX {
            return json!({"ErrorCode": "ValidationException", "ErrorMessage": "Total size of the entry is too large."});
        }
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        json!({"EventId": format!("00000000-0000-0000-0000-{:012}", events.len())})
    }
}
