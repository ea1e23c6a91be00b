//! The function over the real SDK and real HTTP, against the emulators and a shop on loopback.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use cuadre::aws::table::Signed;
use cuadre::pagoefectivo::notice;
use cuadre_emulators::{BUCKET_NAME, Emulators, FORWARDS_URL, Fault, Service, TABLE_NAME, Trouble};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

/// What a shop got: headers and body.
type Delivered = (HeaderMap, Vec<u8>);

/// A shop that answers what it is told to, and keeps what it got.
#[derive(Clone, Default)]
struct ShopEnd {
    answers: Arc<Mutex<Vec<u16>>>,
    got: Arc<Mutex<Vec<Delivered>>>,
}

impl ShopEnd {
    async fn start(&self) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/pagoefectivo", listener.local_addr().unwrap());
        let router = Router::new().route("/pagoefectivo", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn bodies(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(_, body)| String::from_utf8(body.clone()).unwrap()).collect()
    }
}

async fn take(
    State(shop): State<ShopEnd>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, String); 1]) {
    shop.got.lock().unwrap().push((headers, body.to_vec()));
    let mut answers = shop.answers.lock().unwrap();
    let status = if answers.is_empty() { 200 } else { answers.remove(0) };
    (StatusCode::from_u16(status).unwrap(), [("location", "http://127.0.0.1:1/elsewhere".to_owned())])
}

struct World {
    aws: Emulators,
    clients: Clients,
    shop: ShopEnd,
    now: Instant,
}

fn body(cip: u64, operation: &str) -> String {
    format!(
        "{{ \"eventType\":\"cip.paid\",\"operationNumber\":\"{operation}\",\r\n \"data\":{{\"cip\":\"{cip}\",\"currency\":\"PEN\",\"amount\":22.50}} }}"
    )
}

impl World {
    async fn start() -> World {
        let aws = Emulators::start().await.unwrap();
        let shop = ShopEnd::default();
        let url = shop.start().await;
        let policy = format!("[accounts.tienda]\nforward_url = \"{url}\"\n");
        aws.put_object("config/cuadre.toml", policy.as_bytes()).await.unwrap();
        let variables = HashMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("BUCKET_NAME", BUCKET_NAME),
            ("FORWARDS_URL", FORWARDS_URL),
        ]);
        let config = Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned())).unwrap();
        let clients = Clients::new(&aws.sdk_config(), &config).unwrap();
        World { aws, clients, shop, now: Instant::parse("2026-03-02T09:30:00-05:00").unwrap() }
    }

    /// A notice that was recorded and handed over as publish does it.
    async fn handed_over(&self, cip: u64, operation: &str) {
        let body = body(cip, operation);
        let row = notice::read("tienda", body.as_bytes(), self.now).unwrap();
        let signed =
            Signed { body: body.as_bytes(), header: "pe-signature", signature: "1EF79822dcb0", form: "raw" };
        self.clients.table.record_notice(&row, signed).await.unwrap();
        let message = json!({"event_id": format!("id-{cip}-{operation}"), "account": "tienda", "cip": cip.to_string(),
            "notice": format!("NOTICE#cip.paid#{operation}")});
        let id = format!("{cip}-{operation}");
        self.clients.forwards.send(&format!("tienda#{cip}"), &id, message.to_string()).await.unwrap();
    }

    /// One delivery of at most so many messages; deletes what was dealt with, as the platform does.
    async fn deliver(&self, max: usize) -> usize {
        let event = self.aws.receive(FORWARDS_URL, max);
        let answer =
            handle(&serde_json::from_value(event.clone()).unwrap(), &self.clients, &|| self.now).await;
        for record in event["Records"].as_array().unwrap() {
            let id = record["messageId"].as_str().unwrap();
            if !answer.has_failed(id) {
                self.aws.delete(FORWARDS_URL, id);
            }
        }
        answer.failures.len()
    }
}

#[tokio::test]
async fn a_shop_gets_body_and_signature_as_they_arrived() {
    let world = World::start().await;
    world.handed_over(7, "1").await;
    assert_eq!(world.deliver(10).await, 0);
    let got = world.shop.got.lock().unwrap().clone();
    let [(headers, sent)] = got.as_slice() else { panic!("once") };
    assert_eq!(sent, body(7, "1").as_bytes());
    let header = |name: &str| headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(header("pe-signature"), "1EF79822dcb0");
    assert_eq!(header("content-type"), "application/json");
    assert_eq!((header("cuadre-event-id"), header("cuadre-account")), ("id-7-1", "tienda"));
    assert_eq!(world.aws.return_all(FORWARDS_URL), []);
}

#[tokio::test]
async fn what_a_shop_does_not_take_comes_again_later_and_later() {
    let world = World::start().await;
    world.handed_over(7, "1").await;
    *world.shop.answers.lock().unwrap() = vec![500, 503, 404, 301, 401];
    let mut waits = Vec::new();
    for _ in 0..5 {
        assert_eq!(world.deliver(1).await, 1);
        waits.extend(world.aws.return_all(FORWARDS_URL));
    }
    assert_eq!(world.deliver(1).await, 0);
    let waits: Vec<u64> = waits.into_iter().map(|wait| wait.unwrap()).collect();
    for (wait, whole) in waits.iter().zip([10, 20, 40, 80, 160]) {
        assert!((whole * 4 / 5 - 1..=whole).contains(wait), "{waits:?}");
    }
    let got = world.shop.got.lock().unwrap().clone();
    let ids: Vec<_> = got.iter().map(|(headers, _)| headers["cuadre-event-id"].to_str().unwrap()).collect();
    assert_eq!(ids, ["id-7-1"; 6], "a repetition is known by its id, and no redirect is followed");
}

#[tokio::test]
async fn the_notices_of_a_code_keep_their_order_and_other_codes_go_on() {
    let world = World::start().await;
    for (cip, operation) in [(7, "1"), (7, "2"), (8, "1"), (7, "3")] {
        world.handed_over(cip, operation).await;
    }
    *world.shop.answers.lock().unwrap() = vec![500];
    assert_eq!(world.deliver(10).await, 3, "all three of CIP 7");
    world.aws.return_all(FORWARDS_URL);
    while world.deliver(1).await > 0 || !world.aws.waiting(FORWARDS_URL).is_empty() {}
    let bodies = world.shop.bodies();
    assert_eq!(bodies[..2], [body(7, "1"), body(8, "1")]);
    assert_eq!(bodies[2..], [body(7, "1"), body(7, "2"), body(7, "3")]);
}

#[tokio::test]
async fn a_shop_out_of_reach_and_a_store_out_of_reach_are_waited_for() {
    let world = World::start().await;
    world.handed_over(7, "1").await;
    let gone = "[accounts.tienda]\nforward_url = \"http://127.0.0.1:1/\"\n";
    world.aws.put_object("config/cuadre.toml", gone.as_bytes()).await.unwrap();
    assert_eq!(world.deliver(1).await, 1);
    assert_eq!(world.aws.return_all(FORWARDS_URL).len(), 1);
    for service in [Service::DynamoDb, Service::Sqs] {
        let trouble = Trouble::Status(400);
        world.aws.faults().inject(Fault { service, matching: String::new(), trouble, times: None });
        assert_eq!(world.deliver(1).await, 1, "{service:?}");
        world.aws.return_all(FORWARDS_URL);
        world.aws.faults().clear();
    }
}

#[tokio::test]
async fn every_sample_event_is_dealt_with_as_its_name_says() {
    let samples = std::fs::read_dir(format!("{}/../../events/forward", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut told = Vec::new();
    for sample in samples {
        let path = sample.unwrap().path();
        let world = World::start().await;
        world.handed_over(3_154_722, "778899").await;
        let event: Messages = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let failed = handle(&event, &world.clients, &|| world.now).await.failures.len();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        told.push((name, failed, world.shop.bodies().len()));
    }
    told.sort();
    let told: Vec<_> = told.iter().map(|(name, failed, sent)| (name.as_str(), *failed, *sent)).collect();
    let expected = [
        ("bad-gone", 0, 0),
        ("bad-unreadable", 1, 0),
        ("dup-notice", 0, 1),
        ("ok-not-wanted", 0, 0),
        ("ok-notice", 0, 1),
    ];
    assert_eq!(told, expected);
}

#[test]
fn waits_double_up_to_a_quarter_of_an_hour() {
    let check = |received: u32, whole: u64| {
        let spread: std::collections::BTreeSet<u64> =
            (0..50).map(|number: u32| wait(received, &number.to_string()).as_secs()).collect();
        assert!(
            spread.iter().all(|wait| (whole * 4 / 5 - 1..=whole).contains(wait)),
            "{received}: {spread:?}"
        );
        assert!(spread.len() > 1, "{received}: all at once");
    };
    for (received, whole) in [(1, 10), (2, 20), (7, 640), (8, 900), (100, 900), (u32::MAX, 900)] {
        check(received, whole);
    }
}

#[test]
fn a_hundred_tries_take_about_21_hours() {
    for message_id in ["a", "b", "c"] {
        let waits = (1..=100).map(|received| wait(received, message_id));
        let minutes = waits.sum::<Duration>().as_secs() / 60;
        assert!((20 * 60 + 30..22 * 60).contains(&minutes), "{message_id}: {minutes}");
    }
}
