//! Batches that the platform hands to a function, and the answer that says which parts of one have to come again.
//!
//! Types of our own, as few fields as are used: those of the event crate bring some twenty crates for them.

use serde::{Deserialize, Serialize};

/// Messages of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Messages {
    /// In a FIFO queue, in the order of their groups.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// By which it is named in the answer.
    pub message_id: String,
    /// By which it is postponed.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// What the queue says of it.
    #[serde(default)]
    pub attributes: MessageAttributes,
}

impl Message {
    /// How often it has been received, this time included.
    #[must_use]
    pub fn received(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
}

/// What the queue says of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MessageAttributes {
    /// The first time is 1.
    pub approximate_receive_count: String,
    /// The group whose messages keep their order; empty outside of FIFO queues.
    pub message_group_id: String,
}

/// Which parts of a batch have to come again; all others are dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchAnswer {
    /// The failed ones, in the order of the batch.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<Failure>,
}

/// A part of a batch that has to come again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The id of a message, or the place of a record in its stream.
    #[serde(rename = "itemIdentifier")]
    pub item: String,
}

impl BatchAnswer {
    /// Says that this part has to come again.
    pub fn fail(&mut self, item: &str) {
        self.failures.push(Failure { item: item.to_owned() });
    }

    /// Whether this part has been said to have failed.
    #[must_use]
    pub fn has_failed(&self, item: &str) -> bool {
        self.failures.iter().any(|failure| failure.item == item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_written_as_the_platform_takes_it() {
        let mut answer = BatchAnswer::default();
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"batchItemFailures":[]}"#);
        answer.fail("7");
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#
        );
        assert!(answer.has_failed("7") && !answer.has_failed("8"));
    }

    #[test]
    fn a_message_of_a_plain_queue_has_no_group() {
        let event = r#"{"Records":[{"messageId":"1","receiptHandle":"r","body":"{}","attributes":{"ApproximateReceiveCount":"2"}}]}"#;
        let messages: Messages = serde_json::from_str(event).unwrap();
        let attributes = &messages.records[0].attributes;
        assert_eq!(
            (attributes.approximate_receive_count.as_str(), attributes.message_group_id.as_str()),
            ("2", "")
        );
    }
}
