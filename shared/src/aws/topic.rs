//! The topic of the alerts.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;

use super::{Patience, SdkConfig, StoreError, failed};
use crate::report::alert::{Alert, Attribute};

/// An SNS topic whose subscribers filter by message attributes.
#[derive(Debug)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// Makes the client; nothing is sent yet.
    #[must_use]
    pub fn new(config: &SdkConfig, patience: Patience, arn: &str) -> Topic {
        Topic { client: Client::new(&patience.applied_to(config)), arn: arn.to_owned() }
    }

    /// Publishes an alert to every subscriber.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` it may have been published all the same.
    pub async fn publish(&self, alert: &Alert) -> Result<(), StoreError> {
        let mut request =
            self.client.publish().topic_arn(&self.arn).subject(&alert.subject).message(&alert.body);
        for (name, attribute) in &alert.attributes {
            let (data_type, text) = match attribute {
                Attribute::Text(text) => ("String", text),
                Attribute::Number(text) => ("Number", text),
                Attribute::List(text) => ("String.Array", text),
            };
            let value = MessageAttributeValue::builder().data_type(data_type).string_value(text).build();
            let refused =
                |error: BuildError| StoreError::Refused { operation: "Publish", code: error.to_string() };
            let value = value.map_err(refused)?;
            request = request.message_attributes(*name, value);
        }
        request.send().await.map(drop).map_err(|error| failed("Publish", error))
    }
}
