//! A recorder in place of SNS: it keeps what was published and delivers nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One message that was published to a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// The topic that it was published to.
    pub topic_arn: String,
    /// The line that an e-mail subscriber sees first.
    pub subject: String,
    /// The text itself.
    pub body: String,
    /// Message attributes: name to data type and value.
    pub attributes: BTreeMap<String, (String, String)>,
}

/// The recorder; clones share what was recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Alert>>>);

impl Recorder {
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers one SNS request: status and body of the reply. Only `Publish` is known.
    pub(crate) fn answer(&self, form: &[u8]) -> (u16, String) {
        let fields: BTreeMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        if fields.get("Action").map(String::as_str) != Some("Publish") {
            return (400, error_body("InvalidAction", "the recorder knows Publish only"));
        }
        let subject = fields.get("Subject").cloned().unwrap_or_default();
        if subject.len() > 100 || !subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return (400, error_body("InvalidParameter", "Invalid parameter: Subject"));
        }
        let alert = Alert {
            topic_arn: fields.get("TopicArn").cloned().unwrap_or_default(),
            subject,
            body: fields.get("Message").cloned().unwrap_or_default(),
            attributes: attributes(&fields),
        };
        let mut alerts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        alerts.push(alert);
        (200, published_body(alerts.len()))
    }
}

/// `MessageAttributes.entry.N.{Name, Value.DataType, Value.StringValue}` of the query protocol.
fn attributes(fields: &BTreeMap<String, String>) -> BTreeMap<String, (String, String)> {
    let field =
        |entry: u32, tail: &str| fields.get(&format!("MessageAttributes.entry.{entry}.{tail}")).cloned();
    (1..)
        .map_while(|entry| {
            let name = field(entry, "Name")?;
            let data_type = field(entry, "Value.DataType").unwrap_or_default();
            Some((name, (data_type, field(entry, "Value.StringValue").unwrap_or_default())))
        })
        .collect()
}

fn published_body(ordinal: usize) -> String {
    format!(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
         <MessageId>00000000-0000-0000-0000-{ordinal:012}</MessageId></PublishResult>\
         <ResponseMetadata><RequestId>recorder</RequestId></ResponseMetadata></PublishResponse>"
    )
}

fn error_body(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>recorder</RequestId></ErrorResponse>"
    )
}
