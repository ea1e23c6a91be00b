//! Queues in place of SQS, with the order and the blocking of FIFO groups, which the emulator crates do not keep
//! (`winterbaume-sqs` 0.2 knows the groups and hands their messages out in any case).
//!
//! No time passes in them: what is postponed comes back when a test says so, and a deduplication id counts for good, within
//! its group as in the template. What was received as often as the template lets it moves to the queue's dead-letter queue
//! instead of being received once more. The requests of the SDK are `SendMessage` and `ChangeMessageVisibility`; receiving
//! and deleting is what the platform does for a function, and is done by hand here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// The FIFO queue of notices that go on to a shop.
pub const FORWARDS_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-forwards.fifo";
/// Where a notice lies that a shop has not taken in a hundred tries.
pub const FORWARDS_DEAD_URL: &str =
    "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-forwards-dead.fifo";
/// The queue of what the bucket says of files that are dropped into it.
pub const INBOX_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-inbox";
/// Where a file's message lies that could not be dealt with in five tries.
pub const INBOX_DEAD_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-inbox-dead";
/// The FIFO queue of pulls, each of one source.
pub const PULLS_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-pulls.fifo";
/// Where a pull lies that has failed every time.
pub const PULLS_DEAD_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-pulls-dead.fifo";
/// The FIFO queue of runs, each of one account.
pub const RUNS_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-runs.fifo";
/// Where the order of a run lies that has failed every time.
pub const RUNS_DEAD_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-runs-dead.fifo";
/// The queue of what has to be done again by hand.
pub const FAILURES_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/cuadre-failures";

/// Queue, its dead-letter queue, and how often a message is received before it goes there, as in the template.
const REDRIVES: [(&str, &str, u32); 4] = [
    (FORWARDS_URL, FORWARDS_DEAD_URL, 100),
    (INBOX_URL, INBOX_DEAD_URL, 5),
    (PULLS_URL, PULLS_DEAD_URL, 50),
    (RUNS_URL, RUNS_DEAD_URL, 12),
];

/// The queues; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queues(Arc<Mutex<BTreeMap<String, Vec<Message>>>>);

#[derive(Clone, Debug)]
struct Message {
    id: String,
    group: Option<String>,
    dedup: Option<String>,
    body: String,
    received: u32,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    /// Received, and neither deleted nor back; postponed for so many seconds, if it was.
    InFlight(Option<u64>),
    Deleted,
}

impl Queues {
    /// Answers one request of the SDK: status and body of the reply.
    pub(crate) fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let answered = match target {
            "AmazonSQS.SendMessage" => self.send(&request),
            "AmazonSQS.ChangeMessageVisibility" => self.postpone(&request),
            _ => Err("com.amazonaws.sqs#UnsupportedOperation"),
        };
        match answered {
            Ok(answer) => (200, answer.to_string()),
            Err(code) => (400, json!({"__type": code}).to_string()),
        }
    }

    fn with<T>(&self, url: &str, act: impl FnOnce(&mut Vec<Message>) -> T) -> T {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(queues.entry(url.to_owned()).or_default())
    }

    fn send(&self, request: &Value) -> Result<Value, &'static str> {
        let text = |name: &str| request.get(name).and_then(Value::as_str).map(str::to_owned);
        let url = text("QueueUrl").ok_or("com.amazonaws.sqs#QueueDoesNotExist")?;
        let (group, dedup) = (text("MessageGroupId"), text("MessageDeduplicationId"));
        if url.ends_with(".fifo") != group.is_some() || group.is_some() != dedup.is_some() {
            return Err("com.amazonaws.sqs#InvalidParameterValue");
        }
        let body = text("MessageBody").filter(|body| !body.is_empty());
        let body = body.ok_or("com.amazonaws.sqs#MissingParameter")?;
        Ok(self.with(&url, |messages| {
            let same =
                messages.iter().find(|known| known.group == group && known.dedup == dedup && dedup.is_some());
            let id = match same {
                Some(same) => same.id.clone(),
                None => {
                    let id = format!("00000000-0000-0000-0000-{:012}", messages.len() + 1);
                    let place = Place::Waiting;
                    messages.push(Message { id: id.clone(), group, dedup, body, received: 0, place });
                    id
                }
            };
            json!({"MessageId": id, "MD5OfMessageBody": "00000000000000000000000000000000"})
        }))
    }

    fn postpone(&self, request: &Value) -> Result<Value, &'static str> {
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        let seconds = request.get("VisibilityTimeout").and_then(Value::as_u64);
        let seconds = seconds.filter(|seconds| *seconds <= 43_200);
        let seconds = seconds.ok_or("com.amazonaws.sqs#InvalidParameterValue")?;
        self.with(text("QueueUrl"), |messages| {
            let message = messages.iter_mut().find(|message| {
                receipt(message) == text("ReceiptHandle") && matches!(message.place, Place::InFlight(_))
            });
            message.map(|message| message.place = Place::InFlight(Some(seconds)))
        })
        .ok_or("com.amazonaws.sqs#MessageNotInflight")?;
        Ok(json!({}))
    }

    /// What the platform hands to a function: messages in their order, none of a group of which one is in flight.
    pub(crate) fn receive(&self, url: &str, max: usize) -> Value {
        self.give_up(url);
        let records = self.with(url, |messages| {
            let mut blocked: BTreeSet<String> = messages
                .iter()
                .filter(|message| matches!(message.place, Place::InFlight(_)))
                .filter_map(|message| message.group.clone())
                .collect();
            let mut records = Vec::new();
            for message in messages.iter_mut().filter(|message| message.place == Place::Waiting) {
                if records.len() == max || message.group.as_ref().is_some_and(|group| blocked.contains(group))
                {
                    // A later message of the group must not pass the one that did not fit.
                    blocked.extend(message.group.clone());
                    continue;
                }
                message.place = Place::InFlight(None);
                message.received += 1;
                records.push(record(url, message));
            }
            records
        });
        json!({ "Records": records })
    }

    /// Moves what has been received too often to the dead-letter queue. It keeps its id and its group there.
    fn give_up(&self, url: &str) {
        let Some((_, dead_url, received_max)) = REDRIVES.iter().find(|(queue, ..)| *queue == url) else {
            return;
        };
        let given_up = self.with(url, |messages| {
            let mut given_up = Vec::new();
            for message in messages.iter_mut() {
                if message.place == Place::Waiting && message.received >= *received_max {
                    given_up.push(message.clone());
                    message.place = Place::Deleted;
                }
            }
            given_up
        });
        self.with(dead_url, |messages| messages.extend(given_up));
    }

    pub(crate) fn delete(&self, url: &str, message_id: &str) {
        self.with(url, |messages| {
            for message in messages.iter_mut().filter(|message| message.id == message_id) {
                message.place = Place::Deleted;
            }
        });
    }

    /// Brings everything back that was received and not deleted; gives for how long each was postponed.
    pub(crate) fn return_all(&self, url: &str) -> Vec<Option<u64>> {
        self.with(url, |messages| {
            let mut postponed = Vec::new();
            for message in messages.iter_mut() {
                if let Place::InFlight(seconds) = message.place {
                    postponed.push(seconds);
                    message.place = Place::Waiting;
                }
            }
            postponed
        })
    }

    /// The bodies that are neither deleted nor in flight, in their order.
    pub(crate) fn waiting(&self, url: &str) -> Vec<String> {
        self.with(url, |messages| {
            let waiting = messages.iter().filter(|message| message.place == Place::Waiting);
            waiting.map(|message| message.body.clone()).collect()
        })
    }
}

fn receipt(message: &Message) -> String {
    format!("{}-{}", message.id, message.received)
}

fn record(url: &str, message: &Message) -> Value {
    let name = url.rsplit('/').next().unwrap_or_default();
    let mut attributes = json!({
        "ApproximateReceiveCount": message.received.to_string(),
        "SentTimestamp": "1772461805000",
        "SenderId": "AIDAEXAMPLE",
        "ApproximateFirstReceiveTimestamp": "1772461805001",
    });
    if let (Some(fields), Some(group)) = (attributes.as_object_mut(), &message.group) {
        fields.insert("MessageGroupId".to_owned(), json!(group));
        fields.insert("MessageDeduplicationId".to_owned(), json!(message.dedup));
        let digits: String = message.id.chars().filter(char::is_ascii_digit).collect();
        let number = digits.trim_start_matches('0');
        fields.insert("SequenceNumber".to_owned(), json!(format!("{number:0>20}")));
    }
    json!({
        "messageId": message.id,
        "receiptHandle": receipt(message),
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "00000000000000000000000000000000",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{name}"),
        "awsRegion": "us-east-1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(queues: &Queues, url: &str, group: Option<&str>, id: &str) -> u16 {
        let request = json!({"QueueUrl": url, "MessageBody": id, "MessageGroupId": group,
            "MessageDeduplicationId": group.map(|_| id)});
        queues.answer("AmazonSQS.SendMessage", request.to_string().as_bytes()).0
    }

    fn bodies(event: &Value) -> Vec<&str> {
        let records = event["Records"].as_array().unwrap();
        records.iter().map(|record| record["body"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_group_keeps_its_order_and_waits_for_its_first() {
        let queues = Queues::default();
        for (group, id) in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a1"), ("a", "a3")] {
            assert_eq!(send(&queues, FORWARDS_URL, Some(group), id), 200);
        }
        let first = queues.receive(FORWARDS_URL, 1);
        assert_eq!(bodies(&first), ["a1"]);
        assert_eq!(bodies(&queues.receive(FORWARDS_URL, 10)), ["b1"], "the others of a wait");
        let postpone = json!({"QueueUrl": FORWARDS_URL, "VisibilityTimeout": 40,
            "ReceiptHandle": first["Records"][0]["receiptHandle"]});
        assert_eq!(
            queues.answer("AmazonSQS.ChangeMessageVisibility", postpone.to_string().as_bytes()).0,
            200
        );
        assert_eq!(queues.return_all(FORWARDS_URL), [Some(40), None]);
        let again = queues.receive(FORWARDS_URL, 10);
        assert_eq!(bodies(&again), ["a1", "a2", "b1", "a3"]);
        assert_eq!(again["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");
        for record in again["Records"].as_array().unwrap() {
            queues.delete(FORWARDS_URL, record["messageId"].as_str().unwrap());
        }
        assert_eq!(send(&queues, FORWARDS_URL, Some("a"), "a1"), 200);
        assert_eq!(queues.waiting(FORWARDS_URL), [""; 0], "its id was used");
    }

    #[test]
    fn what_is_received_too_often_moves_to_the_dead_letter_queue_and_frees_its_group() {
        for (url, dead_url, received_max) in REDRIVES {
            let queues = Queues::default();
            let group = url.ends_with(".fifo").then_some("a");
            for id in ["a1", "a2"] {
                assert_eq!(send(&queues, url, group, id), 200);
            }
            for received in 1..=received_max {
                let event = queues.receive(url, 1);
                assert_eq!(bodies(&event), ["a1"], "{url}");
                assert_eq!(
                    event["Records"][0]["attributes"]["ApproximateReceiveCount"],
                    received.to_string()
                );
                queues.return_all(url);
            }
            assert_eq!(queues.waiting(dead_url), [""; 0], "{url}");
            assert_eq!(bodies(&queues.receive(url, 10)), ["a2"], "{url}");
            assert_eq!(queues.waiting(dead_url), ["a1"]);
            assert_eq!(queues.waiting(url), [""; 0]);
        }
    }

    #[test]
    fn a_fifo_queue_wants_a_group_and_a_plain_one_does_not() {
        let queues = Queues::default();
        assert_eq!(send(&queues, FORWARDS_URL, None, "x"), 400);
        assert_eq!(send(&queues, FAILURES_URL, Some("a"), "x"), 400);
        assert_eq!(send(&queues, FAILURES_URL, None, "x"), 200);
        assert_eq!(queues.waiting(FAILURES_URL), ["x"]);
    }
}
