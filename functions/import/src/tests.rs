//! The function over the real SDK against the emulators, fed by notifications as S3 writes them.

use std::collections::HashMap;

use cuadre::aws::rows::compressed;
use cuadre::calendar::Instant;
use cuadre::ids::Cip;
use cuadre_emulators::{
    BUCKET_NAME, Emulators, Fault, INBOX_DEAD_URL, INBOX_URL, RUNS_URL, Service, TABLE_NAME, TOPIC_ARN,
    Trouble,
};
use serde_json::{Value, json};

use super::*;

mod expected;
mod legs;
mod runs;

const HEADER: &str = "reference_id,cip,amount,currency,status,created_at,updated_at\n";
const CREATED: &str = "2026-03-02T09:00:00-05:00";
const ARRIVED: &str = "2026-03-02T15:00:00.000Z";
const STORED: &str = "normalized/orders/account=tienda/day=2026-03-02/import-20260302T150000Z-";
const SET_ASIDE: &str = "rejected/orders/account=tienda/day=2026-03-02/import-20260302T150000Z-";

struct World {
    aws: Emulators,
    config: Config,
    clients: Clients,
}

fn time(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn row(reference: &str, cip: &str, status: &str, updated_at: &str) -> String {
    format!("{reference},{cip},22.50,PEN,{status},{CREATED},{updated_at}\n")
}

fn csv(rows: &[String]) -> Vec<u8> {
    format!("{HEADER}{}", rows.concat()).into_bytes()
}

/// The orders `A-0` to `A-{count - 1}` with CIPs from 100 on.
fn orders(count: usize) -> Vec<u8> {
    let rows: Vec<_> = (0..count)
        .map(|number| row(&format!("A-{number}"), &(100 + number).to_string(), "pending", CREATED))
        .collect();
    csv(&rows)
}

impl World {
    async fn start() -> World {
        let aws = Emulators::start().await.unwrap();
        let variables = HashMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("BUCKET_NAME", BUCKET_NAME),
            ("TOPIC_ARN", TOPIC_ARN),
            ("RUNS_URL", RUNS_URL),
            ("ACCOUNTS", "tienda,tienda-2"),
        ]);
        let config = Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned())).unwrap();
        let clients = Clients::new(&aws.sdk_config(), &config);
        World { aws, config, clients }
    }

    /// Puts an object there and gives the arrival that S3 would tell of.
    async fn put(&self, key: &str, bytes: &[u8]) -> Arrival {
        let client = aws_sdk_s3::Client::new(&self.aws.sdk_config());
        let put = client.put_object().bucket(BUCKET_NAME).key(key).body(bytes.to_vec().into());
        let version_id = put.send().await.unwrap().version_id().map(str::to_owned);
        assert!(version_id.is_some(), "the bucket has versions");
        Arrival { bucket: BUCKET_NAME.to_owned(), key: key.to_owned(), version_id, arrived_at: time(ARRIVED) }
    }

    async fn take_in(&self, arrival: &Arrival) -> Result<Outcome, ImportError> {
        Box::pin(file::take_in(arrival, &self.clients, &self.config, time(ARRIVED))).await
    }

    async fn imported(&self, key: &str, bytes: &[u8]) -> Imported {
        let arrival = self.put(key, bytes).await;
        match self.take_in(&arrival).await.unwrap() {
            Outcome::Imported(imported) => imported,
            other => panic!("{other:?}"),
        }
    }

    async fn rejected(&self, key: &str, bytes: &[u8]) -> String {
        let arrival = self.put(key, bytes).await;
        match self.take_in(&arrival).await.unwrap() {
            Outcome::Rejected(reason) => reason.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// Puts what S3 says of an object into the queue.
    async fn notify(&self, arrival: &Arrival) {
        let key = percent_encoding::utf8_percent_encode(&arrival.key, percent_encoding::NON_ALPHANUMERIC);
        let key = key.to_string().replace("%2F", "/").replace("%20", "+");
        let body = json!({"Records": [{"eventName": "ObjectCreated:Put", "eventTime": ARRIVED, "s3": {
            "bucket": {"name": arrival.bucket},
            "object": {"key": key, "versionId": arrival.version_id, "size": 1}}}]});
        self.message(&body.to_string()).await;
    }

    async fn message(&self, body: &str) {
        let client = aws_sdk_sqs::Client::new(&self.aws.sdk_config());
        client.send_message().queue_url(INBOX_URL).message_body(body).send().await.unwrap();
    }

    /// One delivery; deletes what was dealt with and lets the rest come back, as the platform does.
    async fn deliver(&self) -> usize {
        let event: Messages = serde_json::from_value(self.aws.receive(INBOX_URL, 10)).unwrap();
        let answer = handle(&event, &self.clients, &self.config, &|| time(ARRIVED)).await;
        let failed: Vec<_> = answer.failures.into_iter().map(|failure| failure.item).collect();
        for message in &event.records {
            let id = message.message_id.clone();
            if !failed.contains(&id) {
                self.aws.delete(INBOX_URL, &id);
            }
        }
        self.aws.return_all(INBOX_URL);
        failed.len()
    }

    /// What lies below a prefix, as text.
    async fn texts(&self, prefix: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for key in self.aws.keys(prefix).await.unwrap() {
            texts.push(String::from_utf8(self.aws.object(&key).await.unwrap()).unwrap());
        }
        texts
    }

    async fn references(&self) -> Vec<String> {
        let texts = self.texts("normalized/").await;
        let rows = texts.iter().flat_map(|text| text.lines());
        let reference = |line| serde_json::from_str::<Value>(line).unwrap()["reference_id"].clone();
        rows.map(|line| reference(line).as_str().unwrap().to_owned()).collect()
    }

    /// Every fact in the table and everything in the bucket that is not in the inbox.
    async fn state(&self) -> (Vec<String>, Vec<String>) {
        let items = self.aws.items().await.unwrap();
        let (checks, mut keys): (Vec<_>, Vec<_>) = items
            .iter()
            .map(|item| format!("{} {}", item["pk"].as_s().unwrap(), item["sk"].as_s().unwrap()))
            .filter(|key| !key.starts_with("FILE#"))
            .partition(|key| key.ends_with(" CHECK"));
        // The provider is asked for each code of an order.
        for key in keys.iter().filter(|key| key.starts_with("CIP#") && key.contains(" ORDER#")) {
            let check = format!("{} CHECK", key.split(' ').next().unwrap());
            assert!(checks.contains(&check), "{key} {checks:?}");
        }
        keys.sort();
        let objects = self.aws.keys("").await.unwrap();
        (keys, objects.into_iter().filter(|key| !key.starts_with("inbox/")).collect())
    }

    fn break_network(&self, service: Service, matching: &str, trouble: Trouble, times: Option<u32>) {
        self.aws.faults().inject(Fault { service, matching: matching.to_owned(), trouble, times });
    }
}

#[tokio::test]
async fn a_csv_file_becomes_facts_and_canonical_rows() {
    let world = World::start().await;
    let arrival = world.put("inbox/orders/tienda/orders.csv", &orders(3)).await;
    world.notify(&arrival).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(world.aws.waiting(INBOX_URL), [""; 0]);
    assert_eq!(world.references().await, ["A-0", "A-1", "A-2"]);
    let (facts, objects) = world.state().await;
    assert_eq!(facts.len(), 6, "each with its pointer: {facts:?}");
    assert!(facts.iter().any(|key| key.starts_with("CIP#tienda#100 ORDER#A-0#")), "{facts:?}");
    assert!(objects[0].starts_with(STORED) && objects.len() == 1, "{objects:?}");
    let cips = world.clients.table.cips_of_order("tienda", "A-2").await.unwrap();
    assert_eq!(cips, std::collections::BTreeSet::from([Cip::parse("102").unwrap()]));
}

#[tokio::test]
async fn an_ndjson_file_and_a_compressed_one_are_read_the_same_way() {
    let world = World::start().await;
    let line = json!({"reference_id": "N-1", "cip": "7", "amount": "5.00", "currency": "PEN", "status": "paid",
        "created_at": CREATED});
    let text = format!("{line}\n");
    let first = world.imported("inbox/orders/tienda/a/b/orders.jsonl", text.as_bytes()).await;
    assert_eq!(first, Imported { rows: 1, new: 1, ..Imported::default() });
    let packed = compressed(&orders(2)).unwrap();
    let second = world.imported("inbox/orders/tienda/orders.csv.zst", &packed).await;
    assert_eq!(second, Imported { rows: 2, new: 2, ..Imported::default() });
    assert_eq!(
        world.rejected("inbox/orders/tienda/b.csv.zst", b"not zstd").await.split(':').next(),
        Some("is no zstd file")
    );
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let world = World::start().await;
    let mut file = orders(3);
    file.extend_from_slice(row("A-9", "", "pending", CREATED).as_bytes());
    file.extend_from_slice(b"A-bad,x,1.00,PEN,paid,2026-03-02T09:00:00-05:00,\n");
    let arrival = world.put("inbox/orders/tienda/orders.csv", &file).await;
    let first = world.take_in(&arrival).await.unwrap();
    let expected = Imported { rows: 4, rejected: 1, new: 4, ..Imported::default() };
    assert_eq!(first, Outcome::Imported(expected.clone()));
    let state = world.state().await;
    let again = Imported { new: 0, stored_before: true, ..expected.clone() };
    assert_eq!(world.take_in(&arrival).await.unwrap(), Outcome::Imported(again.clone()));
    assert_eq!(world.state().await, state, "the same message");

    let mut other = world.put("inbox/orders/tienda/copy.csv", &file).await;
    other.arrived_at = time("2026-03-05T15:00:00Z");
    assert_eq!(world.take_in(&other).await.unwrap(), Outcome::Imported(again));
    let (facts, objects) = world.state().await;
    assert_eq!(facts, state.0, "the same bytes under another name, another day");
    let rows = |objects: &[String]| objects.iter().filter(|key| key.starts_with("normalized/")).count();
    assert_eq!((rows(&objects), rows(&state.1)), (1, 1));
}

#[tokio::test]
async fn facts_that_stand_without_their_rows_do_not_keep_the_rows_from_being_stored() {
    let world = World::start().await;
    let arrival = world.put("inbox/orders/tienda/orders.csv", &orders(3)).await;
    world.notify(&arrival).await;
    world.break_network(Service::S3, "/normalized/", Trouble::Status(403), None);
    assert_eq!(world.deliver().await, 1);
    let (facts, objects) = world.state().await;
    assert_eq!((facts.len(), objects.len()), (6, 0), "the table was written, the bucket was not");
    world.aws.faults().clear();
    assert_eq!(world.deliver().await, 0);
    assert_eq!(world.references().await, ["A-0", "A-1", "A-2"]);
    assert_eq!(world.state().await.0, facts);
}

#[tokio::test]
async fn an_order_without_cip_is_a_fact_of_no_code_and_is_stored_once() {
    let world = World::start().await;
    let file = csv(&[row("A-1", "", "pending", CREATED)]);
    let first = world.imported("inbox/orders/tienda/a.csv", &file).await;
    assert_eq!(first, Imported { rows: 1, new: 1, ..Imported::default() });
    let second = world.imported("inbox/orders/tienda/b.csv", &file).await;
    assert!(second.stored_before);
    assert_eq!(world.references().await, ["A-1"]);
    let facts = world.aws.items().await.unwrap();
    let keys = facts.iter().map(|item| item["pk"].as_s().unwrap().as_str());
    let keys: Vec<_> = keys.filter(|key| !key.starts_with("FILE#")).collect();
    assert_eq!(keys, ["ORDER#tienda#A-1"]);
}

#[tokio::test]
async fn an_update_without_cip_is_about_those_that_its_order_named_before_in_the_file() {
    let world = World::start().await;
    let rows = [
        row("A-1", "7", "pending", "2026-03-02T10:00:00-05:00"),
        row("A-1", "", "cancelled", "2026-03-02T11:00:00-05:00"),
    ];
    let imported = world.imported("inbox/orders/tienda/orders.csv", &csv(&rows)).await;
    assert_eq!((imported.rows, imported.new), (2, 2));
    let facts = world.clients.table.facts("tienda", Cip::parse("7").unwrap()).await.unwrap();
    assert_eq!(facts.evidence().unwrap().orders.len(), 2);
}

#[tokio::test]
async fn a_row_that_came_before_the_cip_of_its_order_is_told_under_it_as_well() {
    let world = World::start().await;
    let cip = Cip::parse("7").unwrap();
    let files = [
        csv(&[row("A-1", "", "pending", "2026-03-02T10:00:00-05:00")]),
        csv(&[row("A-1", "7", "pending", "2026-03-02T11:00:00-05:00")]),
    ];
    for (file, expected) in files.iter().zip([0, 2]) {
        let imported = world.imported(&format!("inbox/orders/tienda/{expected}.csv"), file).await;
        assert_eq!((imported.rows, imported.new), (1, 1));
        let facts = world.clients.table.facts("tienda", cip).await.unwrap();
        assert_eq!(facts.evidence().unwrap().orders.len(), expected);
    }
}

#[tokio::test]
async fn an_older_update_that_comes_later_leaves_the_same_facts() {
    let newer = csv(&[row("A-1", "7", "paid", "2026-03-02T12:00:00-05:00")]);
    let older = csv(&[row("A-1", "7", "pending", "2026-03-02T10:00:00-05:00")]);
    let mut seen = Vec::new();
    for files in [[&newer, &older], [&older, &newer]] {
        let world = World::start().await;
        for (number, file) in files.into_iter().enumerate() {
            world.imported(&format!("inbox/orders/tienda/{number}.csv"), file).await;
        }
        let facts = world.clients.table.facts("tienda", Cip::parse("7").unwrap()).await.unwrap();
        let evidence = facts.evidence().unwrap();
        let orders: Vec<_> = evidence.orders.iter().map(|order| (order.status, order.updated_at)).collect();
        assert_eq!(orders.len(), 2);
        seen.push(orders);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn rows_of_one_order_are_written_in_the_order_of_their_file() {
    let world = World::start().await;
    // The same key with other content: whichever is written first is the fact, the others stand beside it.
    let rows: Vec<_> = (1..=20)
        .map(|cents| row("A-1", "7", "pending", CREATED).replace("22.50", &format!("{cents}.00")))
        .collect();
    let imported = world.imported("inbox/orders/tienda/orders.csv", &csv(&rows)).await;
    assert_eq!((imported.rows, imported.new, imported.contradicting), (20, 1, 19));
    let items = world.aws.items().await.unwrap();
    let plain = items.iter().find(|item| {
        let sk = item["sk"].as_s().unwrap();
        sk.starts_with("ORDER#") && sk.matches('#').count() == 3
    });
    let fact = plain.unwrap()["row"].as_s().unwrap();
    assert_eq!(serde_json::from_str::<Value>(fact).unwrap()["amount"], "1.00", "{fact}");
}

#[tokio::test]
async fn a_bad_row_is_set_aside_and_the_good_ones_go_on() {
    let world = World::start().await;
    let file = format!(
        "account,{HEADER}tienda,{}tienda,B-1,x,1.00,PEN,paid,{CREATED},\ntienda-2,{}tienda,{}",
        row("A-1", "1", "paid", CREATED),
        row("C-1", "3", "paid", CREATED),
        row("A-2", "2", "paid", CREATED)
    );
    let imported = world.imported("inbox/orders/tienda/orders.csv", file.as_bytes()).await;
    assert_eq!((imported.rows, imported.rejected, imported.new), (2, 2, 2));
    assert_eq!(world.references().await, ["A-1", "A-2"]);
    let set_aside = world.texts(SET_ASIDE).await;
    let [set_aside] = set_aside.as_slice() else { panic!("{set_aside:?}") };
    let lines: Vec<_> = set_aside.lines().collect();
    assert_eq!(lines[0], "file,line,field,reason,value");
    assert!(
        lines[1].starts_with("inbox/orders/tienda/orders.csv,3,cip,") && lines[1].ends_with(",x"),
        "{set_aside}"
    );
    let foreign = "inbox/orders/tienda/orders.csv,0,account,is not the account of the folder that the file lies in \
                   (reference_id C-1),tienda-2";
    assert_eq!(lines[2..], [foreign]);
    assert!(world.state().await.0.iter().all(|key| !key.contains("tienda-2")), "no fact of another account");
}

#[tokio::test]
async fn a_row_that_no_item_can_hold_does_not_hold_its_file_up() {
    let world = World::start().await;
    let columns: Vec<_> = (0..6).map(|number| format!("x{number}")).collect();
    let wide = vec!["y".repeat(60_000); 6].join(",");
    let empty = ",".repeat(5);
    let file = format!(
        "{},{}\nA-1,1,1.00,PEN,paid,{CREATED},,{wide}\nA-2,2,1.00,PEN,paid,{CREATED},,{empty}\n",
        HEADER.trim_end(),
        columns.join(",")
    );
    let imported = world.imported("inbox/orders/tienda/orders.csv", file.as_bytes()).await;
    assert_eq!((imported.rows, imported.rejected), (1, 1));
    assert_eq!(world.references().await, ["A-2"]);
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_rejected_whole_and_says_why() {
    let world = World::start().await;
    let known = "rejected/orders/account=tienda/";
    let unknown = "rejected/unknown/";
    let many = format!("{HEADER}{}", "A-1,1,1.00,PEN,paid,2026-03-02T09:00:00-05:00,\n".repeat(200_001));
    let blank = "\n".repeat(1_000_001);
    for (key, bytes, folder, reason) in [
        ("inbox/orders/otra/a.csv", orders(1), unknown, "ACCOUNTS does not list"),
        ("inbox/orders/a.csv", orders(1), unknown, "below inbox/{leg}/{account}/"),
        ("inbox/notices/tienda/a.csv", orders(1), unknown, "below inbox/{leg}/{account}/"),
        ("inbox/bank/otra/a.csv", orders(1), unknown, "ACCOUNTS does not list"),
        ("inbox/orders/tienda/a.xls", orders(1), known, "is not named .csv"),
        ("inbox/orders/tienda/a.csv.gz", orders(1), known, "is not named .csv"),
        ("inbox/orders/tienda/empty.csv", vec![], known, "no content"),
        ("inbox/orders/tienda/pdf.csv", b"%PDF-1.7".to_vec(), known, "a PDF"),
        ("inbox/orders/tienda/many.csv", many.into_bytes(), known, "has 200001 rows"),
        ("inbox/orders/tienda/lines.csv", blank.into_bytes(), known, "has 1000001 lines"),
    ] {
        let said = world.rejected(key, &bytes).await;
        assert!(said.contains(reason), "{key}: {said}");
        let name = key.rsplit('/').next().unwrap();
        let notes = world.texts(&format!("{folder}{name}-")).await;
        let mut notes = notes.iter().map(|note| serde_json::from_str::<Value>(note).unwrap());
        let note = notes.find(|note| note["key"] == key).unwrap();
        assert_eq!(note["reason"], said.as_str());
        assert!(note["version_id"].is_string());
    }
    let (facts, objects) = world.state().await;
    assert_eq!(facts, [""; 0]);
    assert!(objects.iter().all(|key| key.starts_with("rejected/")), "{objects:?}");
}

#[tokio::test]
async fn nothing_out_of_a_file_without_header_gets_into_the_note_about_it() {
    let world = World::start().await;
    for file in [
        "ana@example.com,ana@example.com,1.00\n",
        "reference-id,ana@example.com,amount\n",
        "\"ana@example.com\n",
        "statu,ana@example.com,reference_id,amount,currency,created_at\n",
    ] {
        let said = world.rejected("inbox/orders/tienda/a.csv", file.as_bytes()).await;
        assert!(!said.contains("ana") && !said.contains("statu,"), "{said}");
    }
    let notes = world.texts("rejected/").await;
    assert!(notes.len() == 4 && notes.iter().all(|note| !note.contains("ana@")), "{notes:?}");
}

#[tokio::test]
async fn a_day_without_orders_leaves_nothing_behind() {
    let world = World::start().await;
    assert_eq!(world.imported("inbox/orders/tienda/a.csv", HEADER.as_bytes()).await, Imported::default());
    assert_eq!(world.state().await, (vec![], vec![]));
}

#[tokio::test]
async fn a_message_that_cannot_be_read_holds_nothing_up() {
    let world = World::start().await;
    let arrival = world.put("inbox/orders/tienda/orders.csv", &orders(1)).await;
    world.message("no notification").await;
    world.message(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"cuadre-data"}"#).await;
    world.notify(&arrival).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(world.aws.waiting(INBOX_URL), [""; 0]);
    assert_eq!(world.references().await, ["A-0"]);
}

#[tokio::test]
async fn a_key_with_blanks_and_signs_is_read_as_it_was_given() {
    let world = World::start().await;
    let arrival = world.put("inbox/orders/tienda/2 march (a+b) 100%.csv", &orders(1)).await;
    world.notify(&arrival).await;
    assert_eq!(world.deliver().await, 0);
    assert_eq!(world.references().await, ["A-0"]);
}

#[tokio::test]
async fn the_version_that_the_message_names_is_read_and_no_newer_one() {
    let world = World::start().await;
    let first = world.put("inbox/orders/tienda/orders.csv", &orders(1)).await;
    let second = world.put("inbox/orders/tienda/orders.csv", &orders(2)).await;
    for (arrival, rows) in [(&first, 1), (&second, 2)] {
        let taken_in = world.take_in(arrival).await.unwrap();
        assert!(matches!(&taken_in, Outcome::Imported(imported) if imported.rows == rows), "{taken_in:?}");
    }
    let client = aws_sdk_s3::Client::new(&world.aws.sdk_config());
    let delete = client.delete_object().bucket(BUCKET_NAME).key(&first.key);
    delete.version_id(first.version_id.as_deref().unwrap()).send().await.unwrap();
    assert_eq!(world.take_in(&first).await.unwrap(), Outcome::Gone, "this version alone is gone");
    let nowhere = Arrival { key: "inbox/orders/tienda/no.csv".to_owned(), version_id: None, ..second };
    assert_eq!(world.take_in(&nowhere).await.unwrap(), Outcome::Gone);
}

#[tokio::test]
async fn a_file_waits_while_a_service_is_down_and_is_taken_in_once() {
    for (service, matching) in [
        (Service::DynamoDb, "PutItem"),
        (Service::S3, "/inbox/"),
        (Service::S3, "/normalized/"),
        (Service::S3, "/rejected/"),
    ] {
        for trouble in [Trouble::Status(503), Trouble::Status(403), Trouble::Refused] {
            let world = World::start().await;
            let mut file = orders(3);
            file.extend_from_slice(b"bad,x,1.00,PEN,paid,2026-03-02T09:00:00-05:00,\n");
            let arrival = world.put("inbox/orders/tienda/orders.csv", &file).await;
            world.notify(&arrival).await;
            world.break_network(service, matching, trouble, None);
            assert_eq!(world.deliver().await, 1, "{matching} {trouble:?}");
            assert_eq!(world.aws.waiting(INBOX_URL).len(), 1);
            world.aws.faults().clear();
            assert_eq!(world.deliver().await, 0, "{matching} {trouble:?}");
            assert_eq!(world.references().await, ["A-0", "A-1", "A-2"], "{matching} {trouble:?}");
            assert_eq!(world.texts(SET_ASIDE).await.len(), 1);
            assert_eq!(world.state().await.0.len(), 6, "{matching} {trouble:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_doubles_nothing() {
    for (service, matching) in [(Service::DynamoDb, "PutItem"), (Service::S3, "/normalized/")] {
        let world = World::start().await;
        let arrival = world.put("inbox/orders/tienda/orders.csv", &orders(3)).await;
        world.notify(&arrival).await;
        world.break_network(service, matching, Trouble::LostAnswer, Some(2));
        assert_eq!(world.deliver().await, 0);
        assert_eq!(world.references().await, ["A-0", "A-1", "A-2"]);
        assert_eq!(world.state().await.0.len(), 6, "{matching}: each fact and each pointer");
    }
}

#[tokio::test]
async fn what_fails_five_times_goes_to_the_dead_letter_queue() {
    let world = World::start().await;
    let arrival = world.put("inbox/orders/tienda/orders.csv", &orders(1)).await;
    world.notify(&arrival).await;
    world.break_network(Service::DynamoDb, "PutItem", Trouble::Status(400), None);
    for _ in 0..5 {
        assert_eq!(world.deliver().await, 1);
    }
    assert_eq!(world.deliver().await, 0);
    assert_eq!(world.aws.waiting(INBOX_DEAD_URL).len(), 1);
}

#[tokio::test]
async fn a_file_that_fails_does_not_keep_the_others_of_its_batch() {
    let world = World::start().await;
    for name in ["a", "b", "c"] {
        let file = csv(&[row(name, "7", "paid", CREATED)]);
        let arrival = world.put(&format!("inbox/orders/tienda/{name}.csv"), &file).await;
        world.notify(&arrival).await;
    }
    world.break_network(Service::S3, "/inbox/orders/tienda/b.csv", Trouble::Status(403), None);
    assert_eq!(world.deliver().await, 1);
    let mut references = world.references().await;
    references.sort();
    assert_eq!(references, ["a", "c"]);
}

#[tokio::test]
async fn the_sample_events_are_what_their_names_say() {
    let samples = std::fs::read_dir(format!("{}/../../events/import", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut seen = Vec::new();
    for sample in samples {
        let path = sample.unwrap().path();
        let event = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let world = World::start().await;
        let line = json!({"reference_id": "N-1", "amount": "5.00", "currency": "PEN", "status": "paid",
            "created_at": CREATED})
        .to_string();
        let bad = csv(&[
            "bad,x,1.00,PEN,paid,2026-03-02T09:00:00-05:00,\n".to_owned(),
            row("A-0", "1", "paid", ""),
        ]);
        for (key, bytes) in [
            ("inbox/orders/tienda/orders.csv", orders(1)),
            ("inbox/orders/tienda/orders of 2 march (a+b).csv", orders(1)),
            ("inbox/orders/tienda/2026/orders.ndjson", line.into_bytes()),
            ("inbox/orders/tienda/bad row.csv", bad),
            ("inbox/bank/tienda/statement.sta", legs::MT940.as_bytes().to_vec()),
        ] {
            world.aws.put_object(key, &bytes).await.unwrap();
        }
        match Event::read(event).unwrap() {
            Event::Files(messages) => {
                let answer = handle(&messages, &world.clients, &world.config, &|| time(ARRIVED)).await;
                assert_eq!(answer.failures, [], "{path:?}");
            }
            Event::Tick(tick) => {
                let clock = || time(ARRIVED);
                let missing = Box::pin(look(&tick, &world.clients, &world.config, &clock)).await;
                assert_eq!(missing.unwrap(), [], "{path:?}");
            }
        }
        let count = async |prefix: &str| world.aws.keys(prefix).await.unwrap().len();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        seen.push((name, count("normalized/").await, count("rejected/").await));
    }
    seen.sort();
    let seen: Vec<_> =
        seen.iter().map(|(name, stored, rejected)| (name.as_str(), *stored, *rejected)).collect();
    let expected = [
        ("bad-account", 0, 1),
        ("bad-bucket", 0, 1),
        ("bad-folder", 0, 1),
        ("bad-gone", 0, 0),
        ("bad-name", 0, 1),
        ("bad-row", 1, 1),
        ("bad-unreadable", 1, 0),
        ("dup-csv", 1, 0),
        ("ok-blank-in-key", 1, 0),
        ("ok-csv", 1, 0),
        ("ok-folder", 0, 0),
        ("ok-ndjson", 1, 0),
        ("ok-statement", 1, 0),
        ("ok-test-event", 0, 0),
        ("ok-tick", 0, 0),
        ("ok-two-files", 2, 0),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_mapping_of_the_deployment_goes_before_a_preset_of_its_name() {
    let world = World::start().await;
    let policy = "[accounts.tienda.files.orders]\nmapping = \"woocommerce\"\n";
    world.aws.put_object("config/cuadre.toml", policy.as_bytes()).await.unwrap();
    let sample = include_bytes!("../../../docs/mappings/samples/woocommerce.json");
    world.imported("inbox/orders/tienda/a.json", sample).await;
    let own = include_str!("../../../docs/mappings/woocommerce.toml");
    let own = own.replace("\"number\"", "[\"number\", \"id\"]");
    world.aws.put_object("config/mappings/woocommerce.toml", own.as_bytes()).await.unwrap();
    world.imported("inbox/orders/tienda/b.json", sample).await;
    let mut references = world.references().await;
    references.sort();
    assert_eq!(references, ["727", "727-727", "728", "728-728"]);
}
