//! The function over the real SDK, against the emulators.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lambda_events::http::Method;
use cuadre_emulators::{Emulators, Fault, Service, TABLE_NAME, Trouble};

use super::*;

const KEY: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";

struct World {
    aws: Emulators,
    config: Config,
    clients: Clients,
    now: Instant,
}

impl World {
    async fn start() -> World {
        let aws = Emulators::start().await.unwrap();
        aws.put_secret("cuadre/accounts/tienda", &secret(KEY)).await.unwrap();
        let variables = HashMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("SECRET_PREFIX", "cuadre/"),
            ("ACCOUNTS", "tienda, sin-secreto, vecina"),
        ]);
        let config = Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned())).unwrap();
        let clients = Clients::new(&aws.sdk_config(), &config);
        World { aws, config, clients, now: Instant::parse("2026-03-02T09:30:05-05:00").unwrap() }
    }

    async fn send(&self, event: ApiGatewayV2httpRequest) -> (i64, String) {
        let answer = handle(event, &self.clients, &self.config, self.now).await;
        let Some(aws_lambda_events::encodings::Body::Text(body)) = answer.body else {
            panic!("an answer has a text");
        };
        assert_eq!(answer.headers.get(header::RETRY_AFTER).is_some(), answer.status_code == 503);
        (answer.status_code, body)
    }

    async fn check(&self, event: ApiGatewayV2httpRequest, status: i64, result: &str) {
        let (got, body) = self.send(event).await;
        assert_eq!(got, status, "{body}");
        assert!(body.contains(result), "{body}");
    }

    /// The keys of the items in the table, in order.
    async fn stored(&self) -> Vec<(String, String)> {
        let items = self.aws.items().await.unwrap();
        let text = |item: &HashMap<_, _>, name: &str| match item.get(name) {
            Some(value) => format!("{value:?}").split('"').nth(1).unwrap().to_owned(),
            None => String::new(),
        };
        let mut keys: Vec<_> = items.iter().map(|item| (text(item, "pk"), text(item, "sk"))).collect();
        keys.sort();
        keys
    }

    fn break_network(&self, service: Service, matching: &str, trouble: Trouble, times: Option<u32>) {
        self.aws.faults().inject(Fault { service, matching: matching.to_owned(), trouble, times });
    }
}

fn later(time: Instant, minutes: i64) -> Instant {
    Instant::from_utc(time.to_utc() + chrono::TimeDelta::minutes(minutes)).unwrap()
}

fn secret(key: &str) -> String {
    format!(r#"{{"id_service":1234,"access_key":"access","secret_key":"{key}"}}"#)
}

fn sample(name: &str) -> ApiGatewayV2httpRequest {
    let path = format!("{}/../../events/callback/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn paid() -> Vec<(String, String)> {
    vec![("CIP#tienda#3154722".to_owned(), "NOTICE#cip.paid#778899".to_owned())]
}

#[tokio::test]
async fn every_sample_event_is_answered_as_its_name_says() {
    let world = World::start().await;
    world.check(sample("ok-paid"), 200, "recorded").await;
    world.check(sample("dup-paid"), 200, "duplicate").await;
    world.check(sample("ok-base64"), 200, "recorded").await;
    world.check(sample("ok-no-operation"), 200, "recorded").await;
    let recorded = world.stored().await;
    assert_eq!(recorded.len(), 3);
    assert!(recorded.contains(&("CIP#tienda#3154724".to_owned(), "NOTICE#cip.paid#-".to_owned())));

    world.check(sample("bad-signature"), 401, "unauthorized").await;
    world.check(sample("bad-unsigned"), 401, "unauthorized").await;
    world.check(sample("bad-account"), 401, "unauthorized").await;
    world.check(sample("bad-method"), 405, "method").await;
    assert_eq!(world.stored().await, recorded);

    world.check(sample("bad-unreadable"), 200, "quarantined").await;
    world.check(sample("bad-contradicting"), 200, "quarantined").await;
    assert_eq!(world.stored().await.len(), 5);
}

#[tokio::test]
async fn a_changed_bit_gets_401_and_leaves_no_trace() {
    let world = World::start().await;
    let event = sample("ok-paid");
    let body = event.body.clone().unwrap().into_bytes();
    let tag = event.headers.get(signature::HEADER).unwrap().as_bytes().to_vec();
    for bit in 0..body.len() * 8 {
        let mut body = body.clone();
        body[bit / 8] ^= 1 << (bit % 8);
        let mut event = event.clone();
        // As the API hands over bytes that may be no text.
        event.body = Some(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &body));
        event.is_base64_encoded = true;
        world.check(event, 401, "unauthorized").await;
    }
    for bit in 0..tag.len() * 8 {
        let mut changed = tag.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // The case of a hexadecimal digit is its sixth bit, and carries no meaning.
        if changed.eq_ignore_ascii_case(&tag) {
            continue;
        }
        let mut event = event.clone();
        match HeaderValue::from_bytes(&changed) {
            Ok(value) => event.headers.insert(signature::HEADER, value),
            Err(_) => event.headers.remove(signature::HEADER),
        };
        world.check(event, 401, "unauthorized").await;
    }
    assert_eq!(world.stored().await, []);
}

#[tokio::test]
async fn two_signatures_are_not_believed() {
    let world = World::start().await;
    let mut event = sample("ok-paid");
    let tag = event.headers.get(signature::HEADER).unwrap().clone();
    event.headers.append(signature::HEADER, tag);
    world.check(event, 401, "unauthorized").await;
    assert_eq!(world.stored().await, []);
}

#[tokio::test]
async fn another_account_s_key_is_not_believed() {
    let world = World::start().await;
    world
        .aws
        .put_secret("cuadre/accounts/vecina", &secret("the-other-key-that-is-long-enough"))
        .await
        .unwrap();
    let mut event = sample("ok-paid");
    event.path_parameters.insert("account".to_owned(), "vecina".to_owned());
    world.check(event, 401, "unauthorized").await;
    assert_eq!(world.stored().await, []);
    // With the key that signed it, the same request is good: nothing but the key was wrong.
    world.aws.put_secret("cuadre/accounts/vecina", &secret(KEY)).await.unwrap();
    let mut event = sample("ok-paid");
    event.path_parameters.insert("account".to_owned(), "vecina".to_owned());
    let answer = handle(event, &world.clients, &world.config, later(world.now, 2)).await;
    assert_eq!(answer.status_code, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_notice_ten_times_in_parallel_is_one_fact() {
    let world = Arc::new(World::start().await);
    let mut deliveries = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let world = Arc::clone(&world);
        deliveries.spawn(async move { world.send(sample("ok-paid")).await });
    }
    let answers = deliveries.join_all().await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
    assert_eq!(answers.iter().filter(|(_, body)| body.contains("recorded")).count(), 1);
    assert_eq!(world.stored().await, paid());
}

#[tokio::test]
async fn a_warm_function_makes_one_call_to_storage() {
    let world = World::start().await;
    world.check(sample("ok-base64"), 200, "recorded").await;
    let (table, secrets) =
        (world.aws.faults().calls(Service::DynamoDb), world.aws.faults().calls(Service::SecretsManager));
    world.check(sample("ok-paid"), 200, "recorded").await;
    assert_eq!(world.aws.faults().calls(Service::DynamoDb), table + 1);
    assert_eq!(world.aws.faults().calls(Service::SecretsManager), secrets);
}

#[tokio::test]
async fn while_storage_is_down_the_sender_is_asked_to_come_again() {
    let world = World::start().await;
    for trouble in [Trouble::Refused, Trouble::Status(503), Trouble::Status(400)] {
        world.break_network(Service::DynamoDb, "", trouble, None);
        world.check(sample("ok-paid"), 503, "try again").await;
        world.aws.faults().clear();
        assert_eq!(world.stored().await, [], "{trouble:?}");
    }
    world.check(sample("ok-paid"), 200, "recorded").await;
}

#[tokio::test]
async fn a_silent_storage_is_answered_for_within_three_seconds() {
    let world = World::start().await;
    world.break_network(Service::DynamoDb, "", Trouble::Silence, None);
    let began = std::time::Instant::now();
    world.check(sample("ok-paid"), 503, "try again").await;
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_answer_lost_on_the_way_back_is_no_second_fact() {
    let world = World::start().await;
    world.break_network(Service::DynamoDb, "PutItem", Trouble::LostAnswer, Some(1));
    world.check(sample("ok-paid"), 200, "duplicate").await;
    assert_eq!(world.stored().await, paid());
}

#[tokio::test]
async fn without_its_key_nothing_is_believed_and_nothing_is_lost() {
    let world = World::start().await;
    world.break_network(Service::SecretsManager, "", Trouble::Status(500), None);
    world.check(sample("ok-paid"), 503, "try again").await;
    world.aws.faults().clear();
    let mut event = sample("ok-paid");
    event.path_parameters.insert("account".to_owned(), "sin-secreto".to_owned());
    world.check(event, 503, "try again").await;
    assert_eq!(world.stored().await, []);
}

#[tokio::test]
async fn a_rotated_key_and_the_one_before_it_are_accepted() {
    let mut world = World::start().await;
    world.check(sample("ok-base64"), 200, "recorded").await;
    world.aws.put_secret("cuadre/accounts/tienda", &secret("a-new-key-that-is-long-enough")).await.unwrap();
    world.check(sample("ok-paid"), 200, "recorded").await;
    // Five minutes later the keys are read again; the former one is the previous one now.
    world.now = Instant::parse("2026-03-02T09:36:00-05:00").unwrap();
    world.check(sample("dup-paid"), 200, "duplicate").await;
    world.aws.put_secret("cuadre/accounts/tienda", &secret("a-newer-key-that-is-long-enough")).await.unwrap();
    world.now = Instant::parse("2026-03-02T09:42:00-05:00").unwrap();
    world.check(sample("dup-paid"), 401, "unauthorized").await;
}

#[tokio::test]
async fn a_previous_key_is_accepted_for_72_hours() {
    let mut world = World::start().await;
    world.aws.put_secret("cuadre/accounts/tienda", &secret("a-new-key-that-is-long-enough")).await.unwrap();
    // The store dates a version by the machine's clock, to the second.
    let rotated = cuadre::aws::now();
    world.now = later(rotated, 72 * 60 - 1);
    world.check(sample("ok-paid"), 200, "recorded").await;
    world.now = later(rotated, 72 * 60 + 1);
    world.check(sample("dup-paid"), 401, "unauthorized").await;
}

#[tokio::test]
async fn a_key_newer_than_ours_is_looked_for_at_most_once_a_minute() {
    let mut world = World::start().await;
    world.aws.put_secret("cuadre/accounts/tienda", &secret("another-key-that-is-long-enough")).await.unwrap();
    world
        .aws
        .put_secret("cuadre/accounts/tienda", &secret("one-more-key-that-is-long-enough"))
        .await
        .unwrap();
    world.check(sample("ok-paid"), 401, "unauthorized").await;
    let calls = world.aws.faults().calls(Service::SecretsManager);
    world.aws.put_secret("cuadre/accounts/tienda", &secret(KEY)).await.unwrap();
    let setting = world.aws.faults().calls(Service::SecretsManager) - calls;
    world.check(sample("ok-paid"), 401, "unauthorized").await;
    assert_eq!(world.aws.faults().calls(Service::SecretsManager), calls + setting, "asked a moment ago");
    world.now = Instant::parse("2026-03-02T09:31:06-05:00").unwrap();
    world.check(sample("ok-paid"), 200, "recorded").await;
}

#[tokio::test]
async fn a_short_key_verifies_nothing() {
    let world = World::start().await;
    world.aws.put_secret("cuadre/accounts/sin-secreto", &secret("short")).await.unwrap();
    let mut event = sample("ok-paid");
    event.path_parameters.insert("account".to_owned(), "sin-secreto".to_owned());
    world.check(event, 503, "try again").await;
    assert_eq!(world.stored().await, []);
}

#[tokio::test]
async fn another_method_is_told_which_one_is_right() {
    let world = World::start().await;
    let mut event = sample("ok-paid");
    event.request_context.http.method = Method::PUT;
    let answer = handle(event, &world.clients, &world.config, world.now).await;
    assert_eq!(answer.headers.get(header::ALLOW).unwrap(), "POST");
}
