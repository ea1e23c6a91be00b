#![doc = include_str!("../README.md")]

mod bus;
mod network;
mod queues;
mod secrets;
mod stream;
mod topic;

use std::collections::HashMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use winterbaume_core::MockAws;
use winterbaume_s3::S3Service;
use winterbaume_secretsmanager::SecretsManagerService;

pub use bus::{BUS_NAME, BusEvent};
pub use network::{Fault, Faults, Service, Trouble};
pub use queues::{
    FAILURES_URL, FORWARDS_DEAD_URL, FORWARDS_URL, INBOX_DEAD_URL, INBOX_URL, PULLS_DEAD_URL, PULLS_URL,
    RUNS_DEAD_URL, RUNS_URL,
};
pub use topic::Alert;

/// The table that [`Emulators::start`] makes, with the keys of the deployed one.
pub const TABLE_NAME: &str = "cuadre";
/// The versioned bucket that [`Emulators::start`] makes.
pub const BUCKET_NAME: &str = "cuadre-data";
/// The topic whose messages are recorded.
pub const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:123456789012:cuadre-alerts";

const REGION: &str = "us-east-1";

/// Why the emulators did not start, or did not do what a test asked of them.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// No loopback port could be taken.
    #[error("the loopback listener of DynamoDB does not start")]
    Listener(#[from] std::io::Error),
    /// The DynamoDB emulator could not make its database.
    #[error("the DynamoDB emulator does not start: {0}")]
    Database(String),
    /// An emulator refused a request of ours.
    #[error("the emulator refuses {operation}: {reason}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// The SDK's account of it.
        reason: String,
    },
}

/// The running services of one imaginary AWS account; dropping it ends them.
#[derive(Debug)]
pub struct Emulators {
    config: SdkConfig,
    network: network::Network,
    stream: stream::Stream,
    listener: JoinHandle<()>,
}

impl Emulators {
    /// Starts the services, makes the table [`TABLE_NAME`] and the bucket [`BUCKET_NAME`].
    ///
    /// # Errors
    /// [`EmulatorError`] when no port is free or an emulator refuses to be set up.
    pub async fn start() -> Result<Emulators, EmulatorError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let dynamodb_endpoint = format!("http://{}", listener.local_addr()?);
        let database =
            dynoxide::Database::memory().map_err(|error| EmulatorError::Database(error.to_string()))?;
        let mock = MockAws::builder()
            .with_service(SecretsManagerService::new())
            .with_service(S3Service::new())
            .build();
        let network = network::Network {
            faults: Faults::default(),
            recorder: topic::Recorder::default(),
            bus: bus::Bus::default(),
            queues: queues::Queues::default(),
            dynamodb_endpoint,
            loopback: aws_smithy_http_client::Builder::new().build_http(),
            in_process: mock.http_client(),
        };
        let emulators = Emulators {
            config: sdk_config(network.clone()),
            network,
            stream: stream::Stream::new(database.clone()),
            listener: tokio::spawn(dynoxide::server::serve_on(listener, database)),
        };
        emulators.make_table().await?;
        emulators.make_bucket().await?;
        Ok(emulators)
    }

    /// What every SDK client is built from. It reads no environment, profile or metadata service.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        self.config.clone()
    }

    /// Where DynamoDB listens, for a person with the AWS command line.
    #[must_use]
    pub fn dynamodb_endpoint(&self) -> &str {
        &self.network.dynamodb_endpoint
    }

    /// The faults of the network between the SDK and the services.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.network.faults
    }

    /// Everything that was published to any topic, in order.
    #[must_use]
    pub fn alerts(&self) -> Vec<Alert> {
        self.network.recorder.alerts()
    }

    /// Everything that was put on any bus, in order.
    #[must_use]
    pub fn events(&self) -> Vec<BusEvent> {
        self.network.bus.events()
    }

    /// The next changes of the table, at most so many, as the event that a function on its stream gets. They come again
    /// until [`Emulators::done_with`].
    ///
    /// # Errors
    /// [`EmulatorError::Refused`].
    pub fn stream_batch(&self, max: usize) -> Result<serde_json::Value, EmulatorError> {
        self.stream.batch(max)
    }

    /// Goes on behind the record with this sequence number.
    pub fn done_with(&self, sequence_number: &str) {
        self.stream.done_with(sequence_number);
    }

    /// Messages of a queue, at most so many, as the event that a function on it gets. They are in flight then.
    #[must_use]
    pub fn receive(&self, queue_url: &str, max: usize) -> serde_json::Value {
        self.network.queues.receive(queue_url, max)
    }

    /// Deletes a message that was dealt with.
    pub fn delete(&self, queue_url: &str, message_id: &str) {
        self.network.queues.delete(queue_url, message_id);
    }

    /// Lets everything in flight come back, as after the time it was postponed for; gives those times in seconds, in the
    /// order of the messages, `None` where a message was not postponed.
    pub fn return_all(&self, queue_url: &str) -> Vec<Option<u64>> {
        self.network.queues.return_all(queue_url)
    }

    /// The bodies of the messages that wait in a queue, in their order.
    #[must_use]
    pub fn waiting(&self, queue_url: &str) -> Vec<String> {
        self.network.queues.waiting(queue_url)
    }

    /// Puts an object into the bucket.
    ///
    /// # Errors
    /// [`EmulatorError::Refused`].
    pub async fn put_object(&self, key: &str, bytes: &[u8]) -> Result<(), EmulatorError> {
        let body = aws_sdk_s3::primitives::ByteStream::from(bytes.to_vec());
        let put = self.s3().put_object().bucket(BUCKET_NAME).key(key).body(body).send().await;
        put.map(drop).map_err(|error| refused("PutObject", &error))
    }

    /// The bytes of an object of the bucket.
    ///
    /// # Errors
    /// [`EmulatorError::Refused`], also where there is no such object.
    pub async fn object(&self, key: &str) -> Result<Vec<u8>, EmulatorError> {
        let found = self.s3().get_object().bucket(BUCKET_NAME).key(key).send().await;
        let body = found.map_err(|error| refused("GetObject", &error))?.body;
        let bytes = body.collect().await.map_err(|error| refused("GetObject", &error))?;
        Ok(bytes.to_vec())
    }

    /// The keys of the bucket under a prefix, in order.
    ///
    /// # Errors
    /// [`EmulatorError::Refused`].
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, EmulatorError> {
        let mut pages =
            self.s3().list_objects_v2().bucket(BUCKET_NAME).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| refused("ListObjectsV2", &error))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        keys.sort();
        Ok(keys)
    }

    /// Every item of the table.
    ///
    /// # Errors
    /// [`EmulatorError::Refused`].
    pub async fn items(&self) -> Result<Vec<HashMap<String, AttributeValue>>, EmulatorError> {
        let mut pages = self.dynamodb().scan().table_name(TABLE_NAME).into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| refused("Scan", &error))?);
        }
        Ok(items)
    }

    /// Deletes an item of the table, as a person does in the console.
    ///
    /// # Errors
    /// [`EmulatorError::Refused`].
    pub async fn delete_item(
        &self,
        key: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<(), EmulatorError> {
        let key = key.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let request = self.dynamodb().delete_item().table_name(TABLE_NAME).set_key(Some(key));
        request.send().await.map(drop).map_err(|error| refused("DeleteItem", &error))
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    async fn make_table(&self) -> Result<(), EmulatorError> {
        let refused_here = |error: &dyn std::error::Error| refused("CreateTable", error);
        let stream = StreamSpecification::builder().stream_enabled(true);
        let stream = stream.stream_view_type(StreamViewType::NewAndOldImages).build();
        let stream = stream.map_err(|error| refused_here(&error))?;
        let mut request =
            self.dynamodb().create_table().table_name(TABLE_NAME).billing_mode(BillingMode::PayPerRequest);
        request = request.stream_specification(stream);
        let key = |name: &str, role: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(role).build()
        };
        let key = |name, role| key(name, role).map_err(|error| refused_here(&error));
        for name in ["pk", "sk", "due_in", "due_at"] {
            let attribute = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .map_err(|error| refused_here(&error))?;
            request = request.attribute_definitions(attribute);
        }
        request = request.key_schema(key("pk", KeyType::Hash)?).key_schema(key("sk", KeyType::Range)?);
        let due = GlobalSecondaryIndex::builder()
            .index_name("due")
            .key_schema(key("due_in", KeyType::Hash)?)
            .key_schema(key("due_at", KeyType::Range)?)
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()
            .map_err(|error| refused_here(&error))?;
        request = request.global_secondary_indexes(due);
        let created = request.send().await.map_err(|error| refused_here(&error))?;
        let arn = created.table_description().and_then(|table| table.latest_stream_arn());
        self.stream.set_arn(arn.unwrap_or_default());
        Ok(())
    }

    async fn make_bucket(&self) -> Result<(), EmulatorError> {
        let client = self.s3();
        let created = client.create_bucket().bucket(BUCKET_NAME).send().await;
        created.map_err(|error| refused("CreateBucket", &error))?;
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let request = client.put_bucket_versioning().bucket(BUCKET_NAME).versioning_configuration(versioning);
        request.send().await.map(drop).map_err(|error| refused("PutBucketVersioning", &error))
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn sdk_config(network: network::Network) -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "emulated", None, None, "emulators");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(SharedHttpClient::new(network))
        .build()
}

fn refused(operation: &'static str, error: &dyn std::error::Error) -> EmulatorError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    EmulatorError::Refused { operation, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_real_clients_work_on_it() {
        let aws = Emulators::start().await.unwrap();
        aws.put_object("normalized/account=a/a b=c.ndjson", b"one").await.unwrap();
        assert_eq!(aws.keys("normalized/").await.unwrap(), ["normalized/account=a/a b=c.ndjson"]);
        assert_eq!(aws.object("normalized/account=a/a b=c.ndjson").await.unwrap(), b"one");
        let again = aws.s3().put_object().bucket(BUCKET_NAME).key("normalized/account=a/a b=c.ndjson");
        let again = again.if_none_match("*").send().await;
        assert_eq!(again.unwrap_err().raw_response().unwrap().status().as_u16(), 412);

        let item = aws.dynamodb().put_item().table_name(TABLE_NAME);
        let item = item.item("pk", AttributeValue::S("a".into())).item("sk", AttributeValue::S("b".into()));
        item.send().await.unwrap();
        assert_eq!(aws.items().await.unwrap().len(), 1);

        let sns = aws_sdk_sns::Client::new(&aws.sdk_config());
        let kind = aws_sdk_sns::types::MessageAttributeValue::builder().data_type("Number").string_value("3");
        let publish = sns.publish().topic_arn(TOPIC_ARN).subject("three").message("áé\nb & c");
        publish.message_attributes("breaks", kind.build().unwrap()).send().await.unwrap();
        let alert = aws.alerts().pop().unwrap();
        assert_eq!((alert.subject.as_str(), alert.body.as_str()), ("three", "áé\nb & c"));
        assert_eq!(alert.attributes["breaks"], ("Number".to_owned(), "3".to_owned()));
    }

    #[tokio::test]
    async fn a_fault_breaks_what_it_names_as_often_as_it_says() {
        let aws = Emulators::start().await.unwrap();
        let before = aws.faults().calls(Service::S3);
        aws.faults().inject(Fault {
            service: Service::S3,
            matching: "PUT".to_owned(),
            trouble: Trouble::Status(403),
            times: Some(1),
        });
        assert!(aws.put_object("a", b"1").await.is_err());
        aws.put_object("a", b"1").await.unwrap();
        assert_eq!(aws.faults().calls(Service::S3), before + 2);

        aws.faults().inject(Fault {
            service: Service::DynamoDb,
            matching: "PutItem".to_owned(),
            trouble: Trouble::LostAnswer,
            times: Some(1),
        });
        let item = aws.dynamodb().put_item().table_name(TABLE_NAME);
        let item = item.item("pk", AttributeValue::S("a".into())).item("sk", AttributeValue::S("b".into()));
        item.send().await.unwrap();
        assert_eq!(aws.items().await.unwrap().len(), 1, "done, lost, repeated by the SDK");
    }
}
