//! The function over the real SDK, against the emulators: facts are written as their functions write them, and come back
//! through the table's stream.

use std::collections::HashMap;

use cuadre::aws::batch::Failure;
use cuadre::aws::table::stream;
use cuadre::aws::table::{PublishedState, Signed};
use cuadre::calendar::Instant;
use cuadre::formats::{self, Format, Mapping, Source};
use cuadre::lifecycle::evidence::Doubt;
use cuadre::pagoefectivo::notice;
use cuadre_emulators::{
    BUCKET_NAME, BUS_NAME, Emulators, FAILURES_URL, FORWARDS_URL, Fault, Service, TABLE_NAME, TOPIC_ARN,
    Trouble,
};
use serde_json::{Value, json};

use super::*;

const POLICY: &str = "[accounts.tienda]\nforward_url = \"https://shop.example/pagoefectivo\"\n";

struct World {
    aws: Emulators,
    clients: Clients,
    now: Instant,
}

fn time(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn body(cip: u64, operation: &str, amount: &str) -> String {
    format!(
        r#"{{"eventType":"cip.paid","operationNumber":"{operation}","data":{{"cip":"{cip}","currency":"PEN","amount":{amount},"paymentDate":"2026-03-02T09:00:00-05:00","userName":"Ana"}}}}"#
    )
}

impl World {
    async fn start() -> World {
        let aws = Emulators::start().await.unwrap();
        aws.put_object("config/cuadre.toml", POLICY.as_bytes()).await.unwrap();
        let variables = HashMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("BUCKET_NAME", BUCKET_NAME),
            ("TOPIC_ARN", TOPIC_ARN),
            ("EVENT_BUS", BUS_NAME),
            ("FORWARDS_URL", FORWARDS_URL),
            ("FAILURES_URL", FAILURES_URL),
        ]);
        let config = Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned())).unwrap();
        let clients = Clients::new(&aws.sdk_config(), &config);
        World { aws, clients, now: time("2026-03-02T09:30:00-05:00") }
    }

    /// The search has shown the order of CIP 7 paid, and the shop was told that it may ship.
    async fn with_cip_7_cleared() -> World {
        let world = World::start().await;
        world.ordinary_order(7).await;
        world.look("tienda,7,22.50,PEN,paid,2026-03-02T09:00:00-05:00,2026-03-02T09:15:00-05:00").await;
        world.settle().await;
        world
    }

    async fn notice(&self, body: &str) {
        let row = notice::read("tienda", body.as_bytes(), self.now).unwrap();
        self.clients.table.record_notice(&row, signed(body)).await.unwrap();
    }

    async fn order(&self, line: &str) {
        let text = format!(
            "account,reference_id,cip,amount,currency,status,created_at,expires_at,updated_at\n{line}\n"
        );
        let source = Source { name: "o", bytes: text.as_bytes(), format: Format::Csv, account: None };
        let table = formats::read_orders(&source, &Mapping::default().orders).unwrap();
        for row in &table.rows {
            self.clients.table.record_order(row).await.unwrap();
        }
        assert_eq!((table.rows.len(), table.rejected.len()), (1, 0));
    }

    async fn look(&self, line: &str) {
        let text = format!("account,cip,amount,currency,status,paid_at,observed_at\n{line}\n");
        let source = Source { name: "r", bytes: text.as_bytes(), format: Format::Csv, account: None };
        let table = formats::read_reports(&source, 0, &Mapping::default().reports).unwrap();
        self.clients.table.record_report("search", &table.rows[0]).await.unwrap();
    }

    async fn ordinary_order(&self, cip: u64) {
        let times = "2026-03-02T08:00:00-05:00,2026-03-03T08:00:00-05:00,2026-03-02T08:00:00-05:00";
        self.order(&format!("tienda,A-{cip},{cip},22.50,PEN,pending,{times}")).await;
    }

    async fn handle(&self, event: &Event) -> BatchAnswer {
        handle(event, &self.clients, &|| self.now).await.unwrap()
    }

    /// One delivery of what is new in the stream; goes on behind it if nothing failed.
    async fn deliver(&self) -> BatchAnswer {
        let batch = self.aws.stream_batch(100).unwrap();
        let event: Event = serde_json::from_value(batch.clone()).unwrap();
        let answer = self.handle(&event).await;
        if answer == BatchAnswer::default()
            && let Some(last) = batch["Records"].as_array().unwrap().last()
        {
            self.aws.done_with(last["dynamodb"]["SequenceNumber"].as_str().unwrap());
        }
        answer
    }

    /// Deliveries until the stream, which tells of what publish itself writes too, has nothing new.
    async fn settle(&self) {
        for _ in 0..10 {
            if self.aws.stream_batch(1).unwrap()["Records"] == json!([]) {
                return;
            }
            assert_eq!(self.deliver().await, BatchAnswer::default());
        }
        panic!("the stream does not come to rest");
    }

    /// What was put on the bus: CIP, version, state, may_ship and holds.
    fn told(&self) -> Vec<String> {
        let told = |event: cuadre_emulators::BusEvent| {
            assert_eq!((event.bus.as_str(), event.source.as_str()), (BUS_NAME, "cuadre"));
            assert_eq!(event.detail_type, "payment.state_changed");
            let detail: Value = serde_json::from_str(&event.detail).unwrap();
            let content = &detail["content"];
            let holds = content["holds"].as_array().unwrap().iter().map(|hold| hold.as_str().unwrap());
            format!(
                "{} v{} {} {} [{}] {}",
                content["cip"].as_str().unwrap(),
                detail["version"],
                content["state"].as_str().unwrap_or("-"),
                if content["may_ship"] == true { "ships" } else { "holds" },
                holds.collect::<Vec<_>>().join(" "),
                content["label"].as_str().unwrap(),
            )
        };
        self.aws.events().into_iter().map(told).collect()
    }

    fn alerted(&self) -> Vec<String> {
        self.aws.alerts().into_iter().map(|alert| alert.subject).collect()
    }

    fn break_network(&self, service: Service, matching: &str, trouble: Trouble, times: Option<u32>) {
        self.aws.faults().inject(Fault { service, matching: matching.to_owned(), trouble, times });
    }
}

fn signed(body: &str) -> Signed<'_> {
    Signed { body: body.as_bytes(), header: "pe-signature", signature: "abc123", form: "raw" }
}

const PAID_UNKNOWN: &str = "7 v1 paid holds [order_unknown] being_checked";

#[tokio::test]
async fn a_payment_is_told_to_shop_programs_and_people_and_clears_when_its_order_comes() {
    let world = World::start().await;
    world.notice(&body(7, "778899", "22.50")).await;
    world.settle().await;
    assert_eq!(world.told(), [PAID_UNKNOWN]);
    assert_eq!(world.alerted(), ["Cuadre tienda: CIP 7 order_unknown"]);
    let waiting = world.aws.waiting(FORWARDS_URL);
    let forward: Value = serde_json::from_str(&waiting[0]).unwrap();
    assert_eq!((waiting.len(), forward["notice"].as_str()), (1, Some("NOTICE#cip.paid#778899")));

    world.ordinary_order(7).await;
    world.settle().await;
    assert_eq!(world.told()[1..], ["7 v2 paid ships [] paid"]);
    assert_eq!(world.alerted().len(), 1);
    assert_eq!(
        world.clients.table.cips_of_operation("tienda", "778899").await.unwrap(),
        std::collections::BTreeSet::from([Cip::parse("7").unwrap()])
    );
    assert_eq!(
        world.clients.table.cips_of_order("tienda", "A-7").await.unwrap(),
        std::collections::BTreeSet::from([Cip::parse("7").unwrap()])
    );
}

#[tokio::test]
async fn an_order_waits_and_its_payment_ships_at_once() {
    let world = World::start().await;
    world.ordinary_order(7).await;
    world.notice(&body(7, "1", "22.50")).await;
    world.settle().await;
    // Both were there when the first of them was told.
    assert_eq!(world.told(), ["7 v1 paid ships [] paid"]);
    world.ordinary_order(8).await;
    world.settle().await;
    world.notice(&body(8, "2", "22.50")).await;
    world.settle().await;
    assert_eq!(
        world.told()[1..],
        ["8 v1 pending holds [unpaid] waiting_for_cash", "8 v2 paid ships [] paid"]
    );
    assert_eq!(world.alerted(), [""; 0]);
}

#[tokio::test]
async fn money_that_does_not_fit_the_order_is_held_and_told_at_once() {
    let world = World::start().await;
    world.ordinary_order(7).await;
    world.notice(&body(7, "1", "20.00")).await;
    world.settle().await;
    assert_eq!(world.told(), ["7 v1 paid holds [amount_differs] being_checked"]);
    assert_eq!(world.alerted(), ["Cuadre tienda: CIP 7 amount_differs"]);
    let alert = &world.aws.alerts()[0];
    assert!(alert.body.contains("order A-7, PEN 20.00"), "{}", alert.body);
    assert_eq!(alert.attributes["kind"].1, "payment");
}

#[tokio::test]
async fn the_same_batch_any_number_of_times_tells_nothing_new() {
    let world = World::start().await;
    world.notice(&body(7, "1", "22.50")).await;
    world.ordinary_order(7).await;
    let event: Event = serde_json::from_value(world.aws.stream_batch(100).unwrap()).unwrap();
    for _ in 0..3 {
        assert_eq!(world.handle(&event).await, BatchAnswer::default());
    }
    assert_eq!(world.told(), ["7 v1 paid ships [] paid"]);
    assert_eq!(world.aws.waiting(FORWARDS_URL).len(), 1);
    assert_eq!(world.aws.keys("raw/callback/").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_payment_taken_back_after_it_was_cleared_is_told_at_once() {
    let world = World::with_cip_7_cleared().await;
    world.look("tienda,7,22.50,PEN,pending,,2026-03-02T11:00:00-05:00").await;
    world.settle().await;
    assert_eq!(world.told(), ["7 v1 paid ships [] paid", "7 v2 pending holds [unpaid] taken_back"]);
    assert_eq!(world.alerted(), ["Cuadre tienda: CIP 7 taken_back"]);
}

#[tokio::test]
async fn a_payment_taken_back_is_told_though_a_hold_came_in_between() {
    let world = World::with_cip_7_cleared().await;
    let doubt = Doubt { source: "bank".to_owned(), reason: "?".to_owned(), observed_at: None };
    world.clients.table.record_doubt("tienda", Cip::parse("7").unwrap(), "1", &doubt).await.unwrap();
    world.settle().await;
    world.look("tienda,7,22.50,PEN,pending,,2026-03-02T11:00:00-05:00").await;
    world.settle().await;
    // It is told once: what came back and went again after it would be news again, this is not.
    world.clients.table.settle_doubt("tienda", Cip::parse("7").unwrap(), "bank", "1").await.unwrap();
    world.settle().await;
    assert_eq!(
        world.told(),
        [
            "7 v1 paid ships [] paid",
            "7 v2 paid holds [review] being_checked",
            "7 v3 pending holds [unpaid review] being_checked",
            "7 v4 pending holds [unpaid] taken_back"
        ]
    );
    assert_eq!(world.alerted(), ["Cuadre tienda: CIP 7 review", "Cuadre tienda: CIP 7 taken_back"]);
}

#[tokio::test]
async fn a_state_told_by_another_version_of_cuadre_is_told_anew() {
    let world = World::start().await;
    world.ordinary_order(7).await;
    world.notice(&body(7, "1", "22.50")).await;
    let detail = r#"{"form":"of another time"}"#.to_owned();
    let told = PublishedState { version: 1, detail, raised: Vec::new(), announced: false };
    assert!(world.clients.table.save_state("tienda", Cip::parse("7").unwrap(), &told).await.unwrap());
    world.settle().await;
    assert_eq!(world.told(), ["7 v2 paid ships [] paid"]);
}

#[tokio::test]
async fn a_notice_in_quarantine_holds_its_code_back_until_somebody_has_settled_it() {
    let world = World::start().await;
    world.ordinary_order(7).await;
    world.notice(&body(7, "1", "22.50")).await;
    let (cip, other) = (Cip::parse("7"), body(7, "1", "99.00"));
    world.clients.table.quarantine("tienda", cip, signed(&other), "contradicts", world.now).await.unwrap();
    world.settle().await;
    assert_eq!(world.told().last().unwrap(), "7 v2 paid holds [review] being_checked");
    assert_eq!(
        world.alerted(),
        ["Cuadre tienda: signed notice of CIP 7 set aside", "Cuadre tienda: CIP 7 review"]
    );

    let dynamodb = world.aws.items().await.unwrap();
    let item = dynamodb.iter().find(|item| item["pk"].as_s().unwrap() == "QUARANTINE#tienda").unwrap();
    let keys = [("pk", item["pk"].clone()), ("sk", item["sk"].clone())];
    world.aws.delete_item(keys).await.unwrap();
    world.settle().await;
    assert_eq!(world.told().last().unwrap(), "7 v3 paid ships [] paid");
}

#[tokio::test]
async fn an_update_without_a_code_is_about_the_codes_of_its_order() {
    let world = World::start().await;
    world.ordinary_order(7).await;
    world.notice(&body(7, "1", "22.50")).await;
    world.settle().await;
    let times = "2026-03-02T08:00:00-05:00,2026-03-03T08:00:00-05:00,2026-03-02T09:20:00-05:00";
    world.order(&format!("tienda,A-7,,22.50,PEN,cancelled,{times}")).await;
    // Another order of the same number is another order.
    let times = "2026-03-01T08:00:00-05:00,2026-03-03T08:00:00-05:00,2026-03-02T09:20:00-05:00";
    world.order(&format!("tienda,A-7,,99.00,PEN,pending,{times}")).await;
    world.settle().await;
    assert_eq!(world.told(), ["7 v1 paid ships [] paid", "7 v2 paid holds [order_closed] being_checked"]);
    assert_eq!(world.alerted(), ["Cuadre tienda: CIP 7 order_closed"]);
}

#[tokio::test]
async fn what_nobody_understands_is_held_and_told_until_it_is_understood() {
    let world = World::start().await;
    world.ordinary_order(7).await;
    let seen = Some(time("2026-03-02T09:15:00-05:00"));
    let doubt = Doubt { source: "search".to_owned(), reason: "status 25".to_owned(), observed_at: seen };
    world.clients.table.record_doubt("tienda", Cip::parse("7").unwrap(), "latest", &doubt).await.unwrap();
    world.settle().await;
    world.look("tienda,7,22.50,PEN,paid,2026-03-02T09:00:00-05:00,2026-03-02T09:20:00-05:00").await;
    world.settle().await;
    assert_eq!(world.told(), ["7 v1 pending holds [unpaid review] being_checked", "7 v2 paid ships [] paid"]);
    assert_eq!(world.alerted(), ["Cuadre tienda: CIP 7 review"]);
}

#[tokio::test]
async fn notices_are_archived_as_they_came_and_as_rows() {
    let world = World::start().await;
    let sent = [body(7, "1", "22.50"), body(8, "2", "22.50")];
    for body in &sent {
        world.notice(body).await;
    }
    world.settle().await;
    let raw = world.aws.keys("raw/callback/account=tienda/day=2026-03-02/").await.unwrap();
    assert_eq!(raw.len(), 1, "one object a batch");
    let rows = world.aws.keys("normalized/notices/account=tienda/day=2026-03-02/callback-").await.unwrap();
    let text = String::from_utf8(world.aws.object(&rows[0]).await.unwrap()).unwrap();
    assert_eq!((rows.len(), text.lines().count()), (1, 2));
    let packed = world.aws.object(&raw[0]).await.unwrap();
    let bodies: Vec<String> = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap())
        .unwrap()
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (line["signature"].as_str(), line["signature_form"].as_str()),
                (Some("abc123"), Some("raw"))
            );
            let body = base64::Engine::decode(
                &base64::engine::general_purpose::STANDARD,
                line["body_base64"].as_str().unwrap(),
            );
            String::from_utf8(body.unwrap()).unwrap()
        })
        .collect();
    assert_eq!(bodies, sent);
}

#[tokio::test]
async fn trouble_brings_a_code_s_records_back_and_lets_the_others_go_on() {
    let world = World::start().await;
    // With an order, so that nobody has to be alerted of it.
    world.ordinary_order(8).await;
    world.notice(&body(7, "1", "22.50")).await;
    world.notice(&body(8, "2", "22.50")).await;
    world.notice(&body(7, "3", "22.50")).await;
    // The alert of CIP 7 does not go out.
    world.break_network(Service::Sns, "", Trouble::Status(500), Some(4));
    let failures = world.deliver().await.failures;
    assert_eq!(failures.len(), 2, "both records of CIP 7, in their order");
    assert!(failures[0].item < failures[1].item);
    assert_eq!(world.told(), ["8 v1 paid ships [] paid"]);
    world.settle().await;
    let told = world.told();
    assert_eq!(told[1], "7 v1 paid holds [order_unknown] being_checked");
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(world.aws.waiting(FORWARDS_URL).len(), 3);
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_told_again_byte_for_byte() {
    for trouble in [Trouble::LostAnswer, Trouble::Refused] {
        let world = World::start().await;
        world.notice(&body(7, "1", "22.50")).await;
        world.break_network(Service::EventBridge, "", trouble, Some(4));
        assert_eq!(world.deliver().await.failures.len(), 1);
        let before = world.aws.events();
        // Meanwhile the order comes: what was about to be told is told first.
        world.ordinary_order(7).await;
        world.aws.faults().clear();
        world.settle().await;
        let events = world.aws.events();
        assert!(before.iter().all(|event| *event == events[0]), "{trouble:?}");
        assert_eq!(world.told().last().unwrap(), "7 v2 paid ships [] paid", "{trouble:?}");
        let mut different = events.clone();
        different.dedup();
        assert_eq!(different.len(), 2, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_record_that_can_never_be_read_holds_nothing_up() {
    let world = World::start().await;
    world.notice(&body(7, "1", "22.50")).await;
    let mut batch = world.aws.stream_batch(100).unwrap();
    let mut bad = batch["Records"][0].clone();
    bad["dynamodb"]["Keys"]["pk"]["S"] = json!("CIP#tienda#9");
    bad["dynamodb"]["NewImage"]["amount"]["S"] = json!("much");
    let mut records = vec![bad];
    records.extend(batch["Records"].as_array().unwrap().clone());
    batch["Records"] = json!(records);
    let event: Event = serde_json::from_value(batch).unwrap();
    assert_eq!(world.handle(&event).await, BatchAnswer::default());
    assert_eq!(world.told(), [PAID_UNKNOWN]);
    let failures = world.aws.waiting(FAILURES_URL);
    assert_eq!(failures.len(), 1);
    assert!(failures[0].contains("lacks amount"), "{}", failures[0]);
    assert_eq!(world.alerted()[0], "Cuadre -: a change was set aside");

    // Where not even that is possible, it comes again.
    world.break_network(Service::Sqs, "", Trouble::Refused, None);
    assert_eq!(world.handle(&event).await.failures.len(), 2);
}

#[tokio::test]
async fn a_record_of_no_known_form_is_put_aside_or_brings_the_whole_batch_back() {
    let world = World::start().await;
    world.notice(&body(7, "1", "22.50")).await;
    let mut batch = world.aws.stream_batch(100).unwrap();
    batch["Records"].as_array_mut().unwrap().insert(0, json!({"eventName": "INSERT"}));
    let event: Event = serde_json::from_value(batch).unwrap();
    world.break_network(Service::Sqs, "", Trouble::Refused, Some(4));
    let failures = world.handle(&event).await.failures;
    assert_eq!(failures[0].item, "");
    world.aws.faults().clear();
    assert_eq!(world.handle(&event).await, BatchAnswer::default());
    assert_eq!(world.told(), [PAID_UNKNOWN]);
    let set_aside = world.aws.waiting(FAILURES_URL);
    assert!(set_aside[0].contains("a record of no known form"), "{set_aside:?}");
}

#[tokio::test]
async fn codes_are_dealt_with_side_by_side_and_the_changes_of_one_in_their_order() {
    let world = World::start().await;
    for cip in 1..=40 {
        world.ordinary_order(cip).await;
        world.notice(&body(cip, "1", "22.50")).await;
        world.notice(&body(cip, "2", "22.50")).await;
    }
    let batch = world.aws.stream_batch(200).unwrap();
    let event: Event = serde_json::from_value(batch).unwrap();
    assert_eq!(world.handle(&event).await, BatchAnswer::default());
    assert_eq!(world.told().len(), 40);
    let waiting: Vec<Value> = world
        .aws
        .waiting(FORWARDS_URL)
        .iter()
        .map(|message| serde_json::from_str(message).unwrap())
        .collect();
    for cip in 1..=40 {
        let own = waiting.iter().filter(|forward| forward["cip"] == json!(cip.to_string()));
        let notices: Vec<&str> = own.map(|forward| forward["notice"].as_str().unwrap()).collect();
        assert_eq!(notices, ["NOTICE#cip.paid#1", "NOTICE#cip.paid#2"], "CIP {cip}");
    }
}

#[tokio::test]
async fn a_role_without_a_right_loses_nothing() {
    let world = World::start().await;
    world.notice(&body(7, "1", "22.50")).await;
    world.break_network(Service::EventBridge, "", Trouble::Status(400), None);
    assert_eq!(world.deliver().await, BatchAnswer::default());
    world.aws.faults().clear();
    let failure: Value = serde_json::from_str(&world.aws.waiting(FAILURES_URL)[0]).unwrap();
    let by_hand: Event = serde_json::from_value(failure).unwrap();
    assert_eq!(by_hand.again, Some(Again { account: "tienda".to_owned(), cip: Cip::parse("7").unwrap() }));
    assert_eq!(world.handle(&by_hand).await, BatchAnswer::default());
    assert_eq!(world.told(), [PAID_UNKNOWN]);
    assert_eq!(world.aws.waiting(FORWARDS_URL).len(), 1);
}

#[tokio::test]
async fn by_hand_everything_is_done_again_and_a_failure_is_told_to_whoever_asked() {
    let world = World::start().await;
    world.notice(&body(7, "778899", "22.50")).await;
    let by_hand: Event = serde_json::from_value(json!({"again": {"account": "tienda", "cip": "7"}})).unwrap();
    world.break_network(Service::EventBridge, "", Trouble::Status(400), None);
    let failed = handle(&by_hand, &world.clients, &|| world.now).await;
    assert!(failed.unwrap_err().to_string().contains("PutEvents"));
    world.aws.faults().clear();
    assert_eq!(world.handle(&by_hand).await, BatchAnswer::default());
    assert_eq!(world.told(), [PAID_UNKNOWN]);
    assert_eq!(world.aws.waiting(FORWARDS_URL).len(), 1);
    assert_eq!(world.aws.keys("raw/callback/").await.unwrap().len(), 1);
    let cips = world.clients.table.cips_of_operation("tienda", "778899").await.unwrap();
    assert_eq!(cips, std::collections::BTreeSet::from([Cip::parse("7").unwrap()]));
}

#[tokio::test]
async fn while_the_policy_cannot_be_read_everything_waits() {
    let world = World::start().await;
    world.aws.put_object("config/cuadre.toml", b"[accounts").await.unwrap();
    world.notice(&body(7, "1", "22.50")).await;
    assert_eq!(world.deliver().await.failures.len(), 1);
    assert_eq!(world.told(), [""; 0]);
    world.aws.put_object("config/cuadre.toml", b"").await.unwrap();
    world.settle().await;
    assert_eq!(world.told(), [PAID_UNKNOWN]);
    assert_eq!(world.aws.waiting(FORWARDS_URL), [""; 0], "this policy names no shop");
}

#[tokio::test]
async fn an_archive_that_takes_nothing_brings_the_whole_batch_back_before_anything_is_told() {
    let world = World::start().await;
    world.ordinary_order(8).await;
    world.notice(&body(7, "1", "22.50")).await;
    world.break_network(Service::S3, "PUT", Trouble::Status(503), None);
    let failures = world.deliver().await.failures;
    assert_eq!(failures, [Failure { item: String::new() }]);
    assert_eq!((world.told().len(), world.aws.waiting(FORWARDS_URL).len()), (0, 0));
    world.aws.faults().clear();
    world.settle().await;
    assert_eq!(world.aws.keys("raw/callback/").await.unwrap().len(), 1);
    assert_eq!(world.told().len(), 2);
}

#[tokio::test]
async fn two_writers_at_once_tell_each_version_once() {
    let world = std::sync::Arc::new(World::start().await);
    world.notice(&body(7, "1", "22.50")).await;
    world.ordinary_order(7).await;
    let batch = world.aws.stream_batch(100).unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (world, batch) = (std::sync::Arc::clone(&world), batch.clone());
        writers.spawn(async move { world.handle(&serde_json::from_value(batch).unwrap()).await });
    }
    writers.join_all().await;
    let mut told = world.told();
    told.dedup();
    assert_eq!(told, ["7 v1 paid ships [] paid"]);
}

#[tokio::test]
async fn the_sample_events_are_what_their_names_say() {
    let samples = std::fs::read_dir(format!("{}/../../events/publish", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut names = Vec::new();
    for sample in samples {
        let path = sample.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let event: Event = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let world = World::start().await;
        let answer = world.handle(&event).await;
        assert_eq!(answer, BatchAnswer::default(), "{name}");
        let set_aside = world.aws.waiting(FAILURES_URL).len();
        assert_eq!(set_aside > 0, name.starts_with("bad-"), "{name}");
        names.push(name);
    }
    names.sort();
    let expected = [
        "bad-no-record",
        "bad-unreadable",
        "dup-notice",
        "ok-again",
        "ok-doubt",
        "ok-notice",
        "ok-order",
        "ok-quarantine",
        "ok-report",
        "ok-settled",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_batch_is_read_record_by_record() {
    let event: Event = serde_json::from_str(r#"{"Records":[{"anything":1},2]}"#).unwrap();
    assert_eq!(event.records.len(), 2);
    assert!(event.records.iter().all(|record| stream::envelope(record).is_err()));
}
