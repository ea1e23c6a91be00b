//! Queues: those that keep the order of their groups (SQS FIFO), and plain ones.

use std::time::Duration;

use aws_sdk_sqs::Client;

use super::{Patience, SdkConfig, StoreError, failed};
use crate::ids::hash_parts;

/// How long a message that failed rests before it is received again: `first`, twice that, and so on up to `most`, each
/// shorter by up to a fifth so that many messages do not come back at once. What part of the fifth follows from message and
/// attempt; the first attempt is 1.
#[must_use]
pub fn rest(first: Duration, most: Duration, received: u32, message_id: &str) -> Duration {
    let doublings = received.saturating_sub(1).min(16);
    let whole = first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(most);
    let [byte, ..] = hash_parts([message_id.as_bytes(), &received.to_be_bytes()]);
    let shorter = whole.checked_div(5).unwrap_or_default().saturating_mul(u32::from(byte)).checked_div(256);
    whole.saturating_sub(shorter.unwrap_or_default())
}

/// An SQS queue.
#[derive(Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// Makes the client; nothing is sent yet.
    #[must_use]
    pub fn new(config: &SdkConfig, patience: Patience, url: &str) -> Queue {
        Queue { client: Client::new(&patience.applied_to(config)), url: url.to_owned() }
    }

    /// Puts a message into a plain queue.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` it may have been sent all the same.
    pub async fn send_unordered(&self, body: String) -> Result<(), StoreError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        request.send().await.map(drop).map_err(|error| failed("SendMessage", error))
    }

    /// Puts a message behind the others of its group. The same id again within five minutes is the same message.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` it may have been sent all the same.
    pub async fn send(&self, group: &str, id: &str, body: String) -> Result<(), StoreError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let request = request.message_group_id(group).message_deduplication_id(id);
        request.send().await.map(drop).map_err(|error| failed("SendMessage", error))
    }

    /// Lets a received message, and with it its group, rest for so long before it is received again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn postpone(&self, receipt_handle: &str, wait: Duration) -> Result<(), StoreError> {
        let seconds = i32::try_from(wait.as_secs()).unwrap_or(i32::MAX);
        let request = self.client.change_message_visibility().queue_url(&self.url);
        let request = request.receipt_handle(receipt_handle).visibility_timeout(seconds);
        request.send().await.map(drop).map_err(|error| failed("ChangeMessageVisibility", error))
    }
}
