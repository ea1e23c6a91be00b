//! Stream, queues and bus as the functions meet them: by the real SDK clients, and as the events that AWS makes of them.
#![cfg(test)]

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use cuadre_emulators::{BUS_NAME, Emulators, FORWARDS_URL, Fault, INBOX_URL, Service, TABLE_NAME, Trouble};
use serde_json::{Value, json};

async fn put(aws: &Emulators, sk: &str, body: &[u8]) {
    let item = HashMap::from([
        ("pk".to_owned(), AttributeValue::S("CIP#tienda#7".to_owned())),
        ("sk".to_owned(), AttributeValue::S(sk.to_owned())),
        ("version".to_owned(), AttributeValue::N("1".to_owned())),
        ("body".to_owned(), AttributeValue::B(Blob::new(body))),
    ]);
    let client = aws_sdk_dynamodb::Client::new(&aws.sdk_config());
    client.put_item().table_name(TABLE_NAME).set_item(Some(item)).send().await.unwrap();
}

fn records(event: &Value) -> &[Value] {
    event["Records"].as_array().unwrap()
}

fn sort_keys(event: &Value) -> Vec<&str> {
    records(event).iter().map(|record| record["dynamodb"]["Keys"]["sk"]["S"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_record_of_the_stream_is_what_a_function_gets() {
    let aws = Emulators::start().await.unwrap();
    put(&aws, "a", &[0xFB, 0xFF, 0x00]).await;
    let event = aws.stream_batch(10).unwrap();
    let [record] = records(&event) else { panic!("{event}") };
    for (field, expected) in [
        ("eventName", "INSERT"),
        ("eventVersion", "1.1"),
        ("eventSource", "aws:dynamodb"),
        ("awsRegion", "us-east-1"),
    ] {
        assert_eq!(record[field], expected, "{field}");
    }
    assert!(record["eventID"].as_str().is_some_and(|id| !id.is_empty()));
    let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/cuadre/stream/";
    assert!(record["eventSourceARN"].as_str().unwrap().starts_with(arn), "{record}");
    let change = &record["dynamodb"];
    assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert_eq!(change["Keys"], json!({"pk": {"S": "CIP#tienda#7"}, "sk": {"S": "a"}}));
    assert_eq!(change["NewImage"]["body"], json!({"B": "+/8A"}), "bytes are padded standard base64");
    assert_eq!(change["NewImage"]["version"], json!({"N": "1"}));
    assert!(change.get("OldImage").is_none());
    assert!(change["SizeBytes"].is_number() && change["ApproximateCreationDateTime"].is_number());
    assert!(change["SequenceNumber"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()));
}

#[tokio::test]
async fn a_batch_comes_again_until_it_is_done_with() {
    let aws = Emulators::start().await.unwrap();
    for sk in ["a", "b", "c"] {
        put(&aws, sk, b"1").await;
    }
    let first = aws.stream_batch(2).unwrap();
    assert_eq!(sort_keys(&first), ["a", "b"]);
    assert_eq!(aws.stream_batch(2).unwrap(), first, "as after a failure");
    aws.done_with(records(&first)[0]["dynamodb"]["SequenceNumber"].as_str().unwrap());
    assert_eq!(sort_keys(&aws.stream_batch(10).unwrap()), ["b", "c"], "from the first that failed");

    put(&aws, "a", b"2").await;
    let keys =
        [("pk", "CIP#tienda#7"), ("sk", "b")].map(|(name, key)| (name, AttributeValue::S(key.to_owned())));
    aws.delete_item(keys).await.unwrap();
    let all = aws.stream_batch(10).unwrap();
    let [.., changed, gone] = records(&all) else { panic!("{all}") };
    assert_eq!(changed["eventName"], "MODIFY");
    assert_eq!(changed["dynamodb"]["OldImage"]["body"], json!({"B": "MQ=="}));
    assert_eq!(gone["eventName"], "REMOVE");
    assert!(gone["dynamodb"].get("NewImage").is_none());
    aws.done_with(gone["dynamodb"]["SequenceNumber"].as_str().unwrap());
    assert_eq!(aws.stream_batch(10).unwrap(), json!({"Records": []}));
}

#[tokio::test]
async fn a_message_of_the_sdk_is_what_a_function_gets() {
    let aws = Emulators::start().await.unwrap();
    let client = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let send = async |id: &str| {
        let request = client.send_message().queue_url(FORWARDS_URL).message_body(format!("ñ {id}"));
        request.message_group_id("tienda#7").message_deduplication_id(id).send().await.unwrap()
    };
    let sent = send("1").await;
    assert_eq!(send("1").await.message_id(), sent.message_id(), "the same id is the same message");
    send("2").await;
    let event = aws.receive(FORWARDS_URL, 1);
    let [record] = records(&event) else { panic!("{event}") };
    assert_eq!((record["messageId"].as_str(), &record["body"]), (sent.message_id(), &json!("ñ 1")));
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:123456789012:cuadre-forwards.fifo");
    let attributes = &record["attributes"];
    assert_eq!(attributes["ApproximateReceiveCount"], "1");
    assert_eq!(
        (&attributes["MessageGroupId"], &attributes["MessageDeduplicationId"]),
        (&json!("tienda#7"), &json!("1"))
    );
    assert!(attributes["SequenceNumber"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(aws.receive(FORWARDS_URL, 10), json!({"Records": []}), "the second waits for the first");

    let postpone = client.change_message_visibility().queue_url(FORWARDS_URL).visibility_timeout(40);
    postpone.receipt_handle(record["receiptHandle"].as_str().unwrap()).send().await.unwrap();
    let unknown = client.change_message_visibility().queue_url(FORWARDS_URL).visibility_timeout(40);
    unknown.receipt_handle("no such").send().await.unwrap_err();
    assert_eq!(aws.return_all(FORWARDS_URL), [Some(40)]);
    aws.delete(FORWARDS_URL, record["messageId"].as_str().unwrap());
    assert_eq!(aws.waiting(FORWARDS_URL), ["ñ 2"]);
}

#[tokio::test]
async fn a_plain_queue_takes_no_group_and_has_no_order_to_keep() {
    let aws = Emulators::start().await.unwrap();
    let client = aws_sdk_sqs::Client::new(&aws.sdk_config());
    for body in ["one", "one"] {
        client.send_message().queue_url(INBOX_URL).message_body(body).send().await.unwrap();
    }
    let event = aws.receive(INBOX_URL, 1);
    assert!(records(&event)[0]["attributes"].get("MessageGroupId").is_none());
    assert_eq!(records(&aws.receive(INBOX_URL, 10)).len(), 1, "one in flight blocks nothing");
    let grouped = client.send_message().queue_url(INBOX_URL).message_body("x").message_group_id("a");
    grouped.send().await.unwrap_err();
}

#[tokio::test]
async fn an_event_stands_on_the_bus_unless_it_is_malformed_or_too_large() {
    let aws = Emulators::start().await.unwrap();
    let client = aws_sdk_eventbridge::Client::new(&aws.sdk_config());
    let entry = |detail: String| {
        let entry = PutEventsRequestEntry::builder().event_bus_name(BUS_NAME).source("cuadre");
        entry.detail_type("payment.state_changed").detail(detail).build()
    };
    let large = json!({"a": "x".repeat(256 * 1024)}).to_string();
    let request =
        client.put_events().entries(entry("{\"a\": 1}".to_owned())).entries(entry("[1]".to_owned()));
    let answer = request.entries(entry(large)).send().await.unwrap();
    assert_eq!(answer.failed_entry_count(), 2);
    let codes: Vec<_> = answer.entries().iter().map(|entry| entry.error_code()).collect();
    assert_eq!(codes, [None, Some("MalformedDetail"), Some("ValidationException")]);
    let events = aws.events();
    let [event] = events.as_slice() else { panic!("{}", events.len()) };
    assert_eq!((event.bus.as_str(), event.source.as_str()), (BUS_NAME, "cuadre"));
    assert_eq!((event.detail_type.as_str(), event.detail.as_str()), ("payment.state_changed", "{\"a\": 1}"));
}

#[tokio::test]
async fn faults_meet_queues_and_bus_and_a_lost_answer_doubles_no_message_with_an_id() {
    let aws = Emulators::start().await.unwrap();
    let fault = |service, matching: &str, trouble| {
        aws.faults().inject(Fault { service, matching: matching.to_owned(), trouble, times: Some(1) });
    };
    fault(Service::Sqs, "SendMessage", Trouble::LostAnswer);
    let client = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let request = client.send_message().queue_url(FORWARDS_URL).message_body("1");
    request.message_group_id("a").message_deduplication_id("1").send().await.unwrap();
    assert_eq!(aws.waiting(FORWARDS_URL), ["1"]);
    assert_eq!(aws.faults().calls(Service::Sqs), 2, "sent, lost, repeated by the SDK");

    fault(Service::EventBridge, "PutEvents", Trouble::Status(400));
    let client = aws_sdk_eventbridge::Client::new(&aws.sdk_config());
    let entry = PutEventsRequestEntry::builder().source("a").detail_type("b").detail("{}").build();
    client.put_events().entries(entry).send().await.unwrap_err();
    assert_eq!((aws.events().len(), aws.faults().calls(Service::EventBridge)), (0, 1));
}
