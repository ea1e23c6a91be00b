//! The function over the real SDK and real HTTP, against the emulators and the simulator of the provider.

mod doubts;
mod reports;
mod samples;
mod waking;

use std::collections::HashMap;
use std::time::Duration;

use cuadre::aws::batch::Messages;
use cuadre::calendar::{Clock, Instant};
use cuadre::formats::{self, Format, Mapping, Source};
use cuadre::ids::Cip;
use cuadre_emulators::{BUCKET_NAME, Emulators, Fault, PULLS_URL, RUNS_URL, Service, TABLE_NAME, Trouble};
use cuadre_sandbox::{FaultRule, PaymentOptions, Sandbox};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;

const SECRET: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";
const START: &str = "2026-03-02T10:00:00-05:00";

struct World {
    aws: Emulators,
    sandbox: Sandbox,
    config: Config,
    clients: Clients,
}

fn time(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn search_at(scheduled_at: &str) -> Event {
    Event::Task(Task {
        account: Some("tienda".to_owned()),
        source: Some("search".to_owned()),
        scheduled_at: Some(scheduled_at.to_owned()),
        ..Task::default()
    })
}

impl World {
    async fn start() -> World {
        World::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut cuadre_sandbox::Config)) -> World {
        let mut provider = cuadre_sandbox::Config::new(1234, "ACCESS", SECRET, 7, time(START).to_utc());
        change(&mut provider);
        let sandbox = cuadre_sandbox::start(provider).await.unwrap();
        let aws = Emulators::start().await.unwrap();
        let keys = json!({"id_service": 1234, "access_key": "ACCESS", "secret_key": SECRET});
        aws.put_secret("cuadre/accounts/tienda", &keys.to_string()).await.unwrap();
        let url = sandbox.base_url();
        let variables = HashMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("BUCKET_NAME", BUCKET_NAME),
            ("SECRET_PREFIX", "cuadre"),
            ("PULLS_URL", PULLS_URL),
            ("RUNS_URL", RUNS_URL),
            ("ACCOUNTS", "tienda"),
            ("PROVIDER_URL", url.as_str()),
            ("SEARCH_BATCH_CIPS", "2"),
        ]);
        let config = Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned())).unwrap();
        let persistence = Persistence { first_wait: Duration::from_millis(1), ..Persistence::default() };
        let clients = Clients::with_persistence(&aws.sdk_config(), &config, persistence).unwrap();
        World { aws, sandbox, config, clients }
    }

    /// Creates CIPs at the provider as a shop does, and their orders in the table as import does.
    async fn order(&self, count: usize) -> Vec<u64> {
        let mut cips = Vec::new();
        let mut orders = "reference_id,cip,amount,currency,status,created_at,expires_at\n".to_owned();
        for number in 0..count {
            let cip = self.create(&format!("A-{number}")).await;
            orders
                .push_str(&format!("A-{number},{cip},22.50,PEN,pending,{START},2026-03-03T10:00:00-05:00\n"));
            cips.push(cip);
        }
        self.record(&orders).await;
        cips
    }

    /// Records orders as import does.
    async fn record(&self, orders: &str) {
        let source =
            Source { name: "orders", bytes: orders.as_bytes(), format: Format::Csv, account: Some("tienda") };
        for row in &formats::read_orders(&source, &Mapping::default().orders).unwrap().rows {
            self.clients.table.record_order(row).await.unwrap();
        }
    }

    async fn create(&self, reference: &str) -> u64 {
        let hash = hex::encode(Sha256::digest(format!("1234.ACCESS.{SECRET}.{START}")));
        let keys =
            json!({"accessKey": "ACCESS", "idService": 1234, "dateRequest": START, "hashString": hash});
        let token =
            self.call("/v1/authorizations", "", &keys).await["data"]["token"].as_str().unwrap().to_owned();
        let cip = json!({"currency": "PEN", "amount": 22.5, "transactionCode": reference, "userEmail": "a@example.com",
            "userPhone": "999999999", "userCodeCountry": "+51", "dateExpiry": "2026-03-03T10:00:00-05:00"});
        self.call("/v1/cips", &token, &cip).await["data"]["cip"].as_u64().unwrap()
    }

    async fn call(&self, path: &str, token: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.sandbox.base_url()));
        let request =
            request.header("content-type", "application/json").header("origin", "web").bearer_auth(token);
        let answer = request.body(body.to_string()).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// Searches at a time.
    async fn pull(&self, scheduled_at: &str) -> Result<Searched, PullError> {
        match self.pull_at(scheduled_at, &|| time(scheduled_at)).await? {
            Ending::Searched(searched) => Ok(searched),
            ending => panic!("{ending:?}"),
        }
    }

    async fn pull_at(&self, scheduled_at: &str, clock: Clock<'_>) -> Result<Ending, PullError> {
        self.sandbox.clock().set(clock().to_utc());
        match handle(&search_at(scheduled_at), &self.clients, &self.config, clock).await? {
            Answer::Pulled(pulled) => Ok(pulled.ending),
            answer => panic!("{answer:?}"),
        }
    }

    async fn lines(&self, prefix: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        for key in self.aws.keys(prefix).await.unwrap() {
            let text = String::from_utf8(self.aws.object(&key).await.unwrap()).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str(line).unwrap()));
        }
        lines
    }

    async fn rows(&self) -> Vec<Value> {
        self.lines("normalized/reports/account=tienda/day=2026-03-02/search-").await
    }

    async fn watermark(&self) -> Option<Instant> {
        self.clients.table.watermark("tienda", "search").await.unwrap()
    }

    fn break_network(&self, service: Service, matching: &str, trouble: Trouble, times: Option<u32>) {
        self.aws.faults().inject(Fault { service, matching: matching.to_owned(), trouble, times });
    }
}

#[tokio::test]
async fn open_cips_are_asked_for_and_news_is_stored_with_every_look() {
    let world = World::start().await;
    let cips = world.order(3).await;
    let first = world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
    assert_eq!((first.asked, first.news, first.unknown), (3, 3, 0));
    assert_eq!(world.watermark().await, Some(time("2026-03-02T10:10:00-05:00")));
    assert_eq!(world.aws.keys("raw/search/account=tienda/").await.unwrap().len(), 2, "batches of two");
    let manifest = "pulls/search/account=tienda/day=2026-03-02/20260302T151000Z/manifest.json";
    let manifest: Value = serde_json::from_slice(&world.aws.object(manifest).await.unwrap()).unwrap();
    assert_eq!(
        (&manifest["asked"], &manifest["batches"], &manifest["news"]),
        (&json!(3), &json!(2), &json!(3))
    );

    world.sandbox.pay(cips[1], PaymentOptions::default()).unwrap();
    let second = world.pull("2026-03-02T10:25:00-05:00").await.unwrap();
    assert_eq!((second.asked, second.news), (3, 1), "a row that tells nothing new is not stored");
    let paid = world.rows().await.pop().unwrap();
    assert_eq!(
        (paid["cip"].as_str(), paid["status"].as_str()),
        (Some(cips[1].to_string().as_str()), Some("paid"))
    );
    assert_eq!(paid["observed_at"], "2026-03-02T10:25:00-05:00");

    let third = world.pull("2026-03-02T10:40:00-05:00").await.unwrap();
    assert_eq!((third.asked, third.news), (2, 0), "what was paid just now is asked for again in an hour");
    let fourth = world.pull("2026-03-02T11:25:00-05:00").await.unwrap();
    assert_eq!((fourth.asked, fourth.news), (3, 0), "it may be taken back");
    assert_eq!(world.lines("normalized/looks/account=tienda/").await.len(), 11);
    let last = world.pull("2026-03-05T10:25:00-05:00").await.unwrap();
    assert_eq!(last.asked, 3, "what was paid three days ago is asked for once more");
    assert_eq!(world.pull("2026-03-06T10:05:00-05:00").await.unwrap().asked, 2, "and then no longer");
}

#[tokio::test]
async fn a_pull_that_brings_something_new_orders_a_run_and_one_that_does_not_orders_none() {
    let world = World::start().await;
    world.order(3).await;
    world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
    let expected =
        json!({"account": "tienda", "scheduled_at": "2026-03-02T10:30:00-05:00", "after_arrival": true});
    let ordered = || {
        let bodies = world.aws.waiting(RUNS_URL);
        bodies.iter().map(|body| serde_json::from_str::<Value>(body).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ordered(), [expected]);
    assert_eq!(world.pull("2026-03-02T10:35:00-05:00").await.unwrap().news, 0);
    assert_eq!(ordered().len(), 1);
}

#[tokio::test]
async fn a_run_that_cannot_be_ordered_does_not_undo_the_pull() {
    let world = World::start().await;
    world.order(1).await;
    world.break_network(Service::Sqs, "SendMessage", Trouble::Status(400), None);
    assert_eq!(world.pull("2026-03-02T10:10:00-05:00").await.unwrap().news, 1);
    assert_eq!(world.watermark().await, Some(time("2026-03-02T10:10:00-05:00")));
    assert_eq!(world.aws.waiting(RUNS_URL), [""; 0]);
}

#[tokio::test]
async fn a_cip_that_the_provider_does_not_know_is_looked_at_all_the_same() {
    let world = World::start().await;
    let order = format!("reference_id,cip,amount,currency,status,created_at\nA-1,77,1.00,PEN,paid,{START}\n");
    world.record(&order).await;
    let pulled = world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
    assert_eq!((pulled.asked, pulled.unknown, pulled.news), (1, 1, 0));
    let look = json!({"account": "tienda", "cip": "77", "looked_at": "2026-03-02T10:10:00-05:00"});
    assert_eq!(world.lines("normalized/looks/").await, [look]);
}

#[tokio::test]
async fn a_reference_that_cleansing_changes_is_news_only_once() {
    let world = World::start().await;
    let cip = world.create("A\u{a0}1").await;
    let order =
        format!("reference_id,cip,amount,currency,status,created_at\nA 1,{cip},22.50,PEN,pending,{START}\n");
    world.record(&order).await;
    assert_eq!(world.pull("2026-03-02T10:10:00-05:00").await.unwrap().news, 1);
    let again = world.pull("2026-03-02T10:25:00-05:00").await.unwrap();
    assert_eq!((again.asked, again.news), (1, 0));
}

#[tokio::test]
async fn a_tick_that_is_delivered_again_asks_and_stores_nothing() {
    let world = World::start().await;
    world.order(1).await;
    world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
    let keys = world.aws.keys("").await.unwrap();
    let again = world.pull_at("2026-03-02T10:10:00-05:00", &|| time("2026-03-02T10:12:00-05:00")).await;
    assert_eq!(again.unwrap(), Ending::AlreadyDone);
    assert_eq!(world.aws.keys("").await.unwrap(), keys);
}

#[tokio::test]
async fn the_watermark_never_passes_data_that_is_not_durable() {
    for matching in ["/raw/", "/normalized/reports/", "/normalized/looks/"] {
        let world = World::start().await;
        world.order(3).await;
        world.break_network(
            Service::S3,
            &format!("PUT https://{BUCKET_NAME}.s3.us-east-1.amazonaws.com{matching}"),
            Trouble::Status(403),
            None,
        );
        world.pull("2026-03-02T10:10:00-05:00").await.unwrap_err();
        assert_eq!(world.watermark().await, None, "{matching}");

        world.aws.faults().clear();
        world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
        assert_eq!(world.watermark().await, Some(time("2026-03-02T10:10:00-05:00")));
        assert_eq!(world.rows().await.len(), 3, "nothing is lost and nothing doubled: {matching}");
        assert_eq!(world.lines("normalized/looks/").await.len(), 3);
    }
}

#[tokio::test]
async fn an_answer_of_s3_that_is_lost_doubles_nothing() {
    let world = World::start().await;
    world.order(1).await;
    world.break_network(Service::S3, "/normalized/reports/", Trouble::LostAnswer, Some(2));
    world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
    assert_eq!(world.rows().await.len(), 1);
}

#[tokio::test]
async fn trouble_at_the_provider_is_waited_for_a_little_while() {
    let world = World::start().await;
    world.order(3).await;
    world.sandbox.fail_next(2);
    assert_eq!(world.pull("2026-03-02T10:10:00-05:00").await.unwrap().news, 3);
    world.sandbox.fail_next(100);
    world.pull("2026-03-02T10:25:00-05:00").await.unwrap_err();
    assert_eq!(world.watermark().await, Some(time("2026-03-02T10:10:00-05:00")));
}

#[tokio::test]
async fn a_token_is_renewed_when_it_has_expired() {
    let world = World::start_with(|provider| provider.token_lifetime_seconds = 300).await;
    world.order(1).await;
    for minute in [10, 25, 40, 55] {
        let pulled = world.pull(&format!("2026-03-02T10:{minute}:00-05:00")).await.unwrap();
        assert_eq!(pulled.asked, 1);
    }
}

#[tokio::test]
async fn a_token_that_the_provider_no_longer_takes_is_renewed_once() {
    let world = World::start_with(|provider| provider.token_lifetime_seconds = 300).await;
    world.order(1).await;
    world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
    // The provider's clock runs ahead: by ours the token is still good.
    world.sandbox.clock().advance(Duration::from_secs(600));
    let at = "2026-03-02T10:25:00-05:00";
    let answer = handle(&search_at(at), &world.clients, &world.config, &|| time(at)).await.unwrap();
    let Answer::Pulled(Pulled { ending: Ending::Searched(searched), .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(searched.asked, 1);
}

#[tokio::test]
async fn no_secret_and_no_token_is_stored() {
    let world = World::start().await;
    world.order(2).await;
    world.pull("2026-03-02T10:10:00-05:00").await.unwrap();
    let raw = world.aws.keys("raw/").await.unwrap();
    let text = world.aws.object(&raw[0]).await.unwrap();
    let text = zstd::decode_all(text.as_slice()).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("22.5"), "{text}");
    for secret in [SECRET, "ACCESS", "Bearer"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.contains(r#"\"token\":\""#) || text.contains("[removed]"), "{text}");
}

#[tokio::test]
async fn a_secret_that_was_never_filled_is_said_to_be_one() {
    let world = World::start().await;
    world.order(1).await;
    let keys = json!({"id_service": 1234, "access_key": "replace-me", "secret_key": SECRET});
    world.aws.put_secret("cuadre/accounts/tienda", &keys.to_string()).await.unwrap();
    let error = world.pull("2026-03-02T10:10:00-05:00").await.unwrap_err();
    let is_placeholder = |source: &ClientError| matches!(source, ClientError::PlaceholderKeys);
    assert!(matches!(&error, PullError::Provider { source, .. } if is_placeholder(source)), "{error}");
}

#[tokio::test]
async fn an_answer_of_another_shape_is_told_and_a_probe_needs_an_account() {
    let mut world = World::start().await;
    world.config.probe_url = world.sandbox.base_url();
    let event = Event::read(json!({"probe": true})).unwrap();
    let probe = async |world: &World| handle(&event, &world.clients, &world.config, &|| time(START)).await;
    assert!(matches!(probe(&world).await, Err(PullError::Probe(ProbeFailure::NoAccount))));
    world.config.probe_account = Some("tienda".to_owned());
    assert_eq!(probe(&world).await.unwrap(), Answer::Probed { answers: 6, changes: Vec::new() });
    world.sandbox.inject(FaultRule::always(cuadre_sandbox::Fault::TextCode, "PATCH"));
    let Answer::Probed { changes, .. } = probe(&world).await.unwrap() else { panic!() };
    assert_eq!(changes, ["200 PATCH /v1/cips/{cip}: code was number and is string"]);
}

#[test]
fn a_probe_is_never_played_where_money_moves() {
    let config = |url: &'static str| {
        let variables = HashMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("BUCKET_NAME", BUCKET_NAME),
            ("SECRET_PREFIX", "cuadre"),
            ("PULLS_URL", PULLS_URL),
            ("RUNS_URL", RUNS_URL),
            ("ACCOUNTS", "tienda"),
            ("PROBE_URL", url),
        ]);
        Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned()))
    };
    for url in ["production", "https://services.pagoefectivo.pe", "http://example.com"] {
        assert!(config(url).is_err(), "{url}");
    }
    assert_eq!(config("test").unwrap().probe_url, "https://pre1a.services.pagoefectivo.pe");
    assert_eq!(config("").unwrap().probe_url, "https://pre1a.services.pagoefectivo.pe");
}

#[tokio::test]
async fn a_batch_that_is_refused_does_not_keep_the_others_from_being_asked() {
    // The simulator refuses a search for more than one CIP here; three CIPs are a batch of two and one of one.
    let world = World::start_with(|provider| provider.assumptions.search_cips_max = 1).await;
    world.order(3).await;
    let error = world.pull("2026-03-02T10:10:00-05:00").await.unwrap_err();
    let refused = |source: &ClientError| matches!(source, ClientError::Refused { status: 400, .. });
    assert!(
        matches!(&error, PullError::Provider { failed: 1, unasked: 0, source } if refused(source)),
        "{error}"
    );
    assert_eq!(world.watermark().await, None);
    assert_eq!(world.rows().await.len(), 1, "what the other batch brought is stored");
    assert_eq!(world.lines("normalized/looks/").await.len(), 1);
}

#[tokio::test]
async fn nothing_is_asked_when_the_time_is_up_and_the_repetition_goes_on() {
    let mut world = World::start().await;
    world.order(3).await;
    let budget = std::mem::replace(&mut world.config.budget, Duration::ZERO);
    let at = "2026-03-02T10:10:00-05:00";
    assert_eq!(world.pull_at(at, &|| time(at)).await.unwrap(), Ending::Paused);
    assert_eq!(world.watermark().await, None);
    world.config.budget = budget;
    assert_eq!(world.pull(at).await.unwrap().asked, 3);
    assert_eq!(world.watermark().await, Some(time(at)));
}

#[tokio::test]
async fn a_code_that_was_heard_of_while_it_was_asked_for_stays_due() {
    let world = World::start().await;
    let cip = Cip::parse(&world.order(1).await[0].to_string()).unwrap();
    let table = &world.clients.table;
    let stale = table.due_checks("tienda", time("2026-03-02T10:10:00-05:00")).await.unwrap();
    let heard_at = time("2026-03-02T10:10:01-05:00");
    table.wake_check("tienda", cip, heard_at, time("2026-03-02T10:20:01-05:00")).await.unwrap();
    let later = cuadre::aws::table::Checked { due_at: None, row: None, doubted: false };
    table.save_checked("tienda", &stale[0], &later).await.unwrap();
    let check = table.check("tienda", cip).await.unwrap().unwrap();
    assert_eq!((check.due_at, check.heard_at), (time(START), Some(heard_at)), "due already, and not put off");
    assert_eq!(check.begun_at, time(START));
    table.save_checked("tienda", &check, &later).await.unwrap();
    assert_eq!(table.check("tienda", cip).await.unwrap(), None, "no longer due");
}

#[tokio::test]
async fn every_authorization_carries_the_time_at_which_it_is_made() {
    let world = World::start().await;
    world.order(1).await;
    // The event is an hour and a half old when the provider is asked: its time would be refused.
    let calls = std::sync::atomic::AtomicU32::new(0);
    let clock = || {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        time(if first { "2026-03-02T10:10:00-05:00" } else { "2026-03-02T11:40:00-05:00" })
    };
    world.sandbox.clock().set(time("2026-03-02T11:40:00-05:00").to_utc());
    let event = search_at("2026-03-02T10:10:00-05:00");
    let answer = handle(&event, &world.clients, &world.config, &clock).await.unwrap();
    assert!(matches!(
        answer,
        Answer::Pulled(Pulled { ending: Ending::Searched(Searched { asked: 1, .. }), .. })
    ));
}
