//! The event bus, for programs that want to know when a payment changes.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::{Patience, SdkConfig, StoreError, failed};
use crate::calendar::Instant;

/// Who our events are from.
pub const SOURCE: &str = "cuadre";

/// An EventBridge bus.
#[derive(Debug)]
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// Makes the client; nothing is sent yet.
    #[must_use]
    pub fn new(config: &SdkConfig, patience: Patience, name: &str) -> EventBus {
        EventBus { client: Client::new(&patience.applied_to(config)), name: name.to_owned() }
    }

    /// Sends one event. `detail` is a JSON object.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` it may have been sent all the same.
    pub async fn put(&self, detail_type: &str, detail: &str, time: Instant) -> Result<(), StoreError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(detail_type)
            .detail(detail)
            .time(DateTime::from_secs(time.to_utc().timestamp()))
            .build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| failed("PutEvents", error))?;
        // The call succeeds even where the bus took nothing.
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            None => Ok(()),
            Some(code @ ("ThrottlingException" | "InternalFailure" | "InternalException")) => {
                Err(StoreError::Unavailable { operation: "PutEvents", source: code.into() })
            }
            Some(code) => Err(StoreError::Refused { operation: "PutEvents", code: code.to_owned() }),
        }
    }
}
