//! Runs that the queue hands over: ordered by the schedule, and by what has arrived.

use cuadre::aws::batch::{Message, Messages};
use cuadre::aws::run_orders::{RunOrders, RunOrdersConfig};
use cuadre_emulators::RUNS_DEAD_URL;

use super::*;

const SLOT_END: &str = "2026-03-05T07:00:00-05:00";

impl World {
    /// Something has arrived.
    async fn arrival(&self, now: &str) {
        let config = RunOrdersConfig { runs_url: RUNS_URL.to_owned(), ..self.config.runs.clone() };
        let orders = RunOrders::new(&self.aws.sdk_config(), Patience::WORK, &config);
        orders.after_arrival("tienda", time(now)).await.unwrap();
    }

    /// The schedule ticks.
    async fn tick(&self, scheduled_at: &str) -> usize {
        let task = Task { scheduled_at: Some(scheduled_at.to_owned()), ..Task::default() };
        match handle(&Event::Task(task), &self.clients, &self.config, &at(scheduled_at)).await.unwrap() {
            Answer::Sent { sent } => sent,
            other => panic!("{other:?}"),
        }
    }

    /// Hands over the two messages that the queue has, each to an instance of its own, both at once.
    async fn deliver_side_by_side(&self, now: &str) {
        let both: Messages = serde_json::from_value(self.aws.receive(RUNS_URL, 10)).unwrap();
        let [first, second] = both.records.as_slice() else { panic!("{both:?}") };
        let clock = at(now);
        let run = async |message: &Message| {
            let event = Event::Messages(Messages { records: vec![message.clone()] });
            let answer = Box::pin(handle(&event, &self.clients, &self.config, &clock)).await.unwrap();
            let Answer::Batch(answer) = answer else { panic!("{answer:?}") };
            assert!(!answer.has_failed(&message.message_id));
        };
        tokio::join!(run(first), run(second));
    }

    /// Hands over what the queue has, and gives back for how long each message that was not dealt with rests.
    async fn deliver(&self, now: &str) -> Vec<Option<u64>> {
        let event: Messages = serde_json::from_value(self.aws.receive(RUNS_URL, 10)).unwrap();
        let answer =
            handle(&Event::Messages(event.clone()), &self.clients, &self.config, &at(now)).await.unwrap();
        let Answer::Batch(answer) = answer else { panic!("{answer:?}") };
        for message in event.records.iter().filter(|message| !answer.has_failed(&message.message_id)) {
            self.aws.delete(RUNS_URL, &message.message_id);
        }
        self.aws.return_all(RUNS_URL)
    }
}

#[tokio::test]
async fn many_arrivals_of_a_slot_make_one_run_at_its_end() {
    let world = World::start().await;
    for now in ["2026-03-05T06:30:00-05:00", "2026-03-05T06:41:00-05:00", "2026-03-05T06:59:59-05:00"] {
        world.arrival(now).await;
    }
    assert_eq!(world.aws.waiting(RUNS_URL).len(), 1);
    assert_eq!(world.deliver("2026-03-05T06:59:59-05:00").await, [Some(2)], "it waits for its slot to end");
    assert_eq!(world.aws.alerts().len(), 0);
    assert_eq!(world.deliver(SLOT_END).await, []);
    assert_eq!(world.aws.alerts().len(), 1);
    assert_eq!(world.outputs("20260305T120000Z").await.len(), 8);
    assert_eq!(world.aws.waiting(RUNS_URL).len(), 0);
}

#[tokio::test]
async fn a_run_after_arrivals_is_told_of_where_it_finds_something_new() {
    let world = World::start().await;
    world.run("2026-03-05T06:00:00-05:00").await.unwrap();
    let row = "reference_id,cip,amount,currency,status,created_at\n\
        B-20,20,10.00,PEN,paid,2026-03-05T06:00:00-05:00\n";
    world.put("normalized/orders/account=tienda/day=2026-03-05/new.csv", row).await;
    let row = "cip,reference_id,amount,currency,status,paid_at,observed_at\n\
        20,B-20,10.00,PEN,paid,2026-03-05T06:10:00-05:00,2026-03-05T06:10:00-05:00\n";
    world.put("normalized/reports/account=tienda/day=2026-03-05/new.csv", row).await;
    world.arrival("2026-03-05T06:45:00-05:00").await;
    world.deliver(SLOT_END).await;
    assert_eq!(world.aws.alerts().len(), 1, "the same break as before");
    assert_eq!(world.outputs("20260305T120000Z").await.len(), 8, "the run is made all the same");

    let row = "cip,reference_id,amount,currency,status,paid_at,observed_at\n\
        9,B-9,10.00,PEN,paid,2026-03-02T09:30:00-05:00,2026-03-02T09:30:00-05:00\n";
    world.put("normalized/reports/account=tienda/day=2026-03-05/portal.csv", row).await;
    world.arrival("2026-03-05T07:10:00-05:00").await;
    world.deliver("2026-03-05T07:30:00-05:00").await;
    let body = &world.aws.alerts()[1].body;
    assert!(body.contains("Found to agree by 1 run since the last alert: 1 pair, PEN 10.00."), "{body}");
    let expected = "Breaks since the run of 2026-03-05 07:00: 2 new, 0 changed, 0 gone, 1 as they were.";
    assert!(body.contains(expected), "{body}");
}

#[tokio::test]
async fn the_schedule_s_run_is_told_of_though_arrivals_had_made_it_in_silence() {
    let world = World::start().await;
    world.run("2026-03-05T06:00:00-05:00").await.unwrap();
    world.arrival("2026-03-05T06:45:00-05:00").await;
    assert_eq!(world.tick(SLOT_END).await, 1);
    assert_eq!(world.aws.waiting(RUNS_URL).len(), 2, "neither swallows the other");
    world.deliver(SLOT_END).await;
    assert_eq!(world.aws.alerts().len(), 2);
    let runs = world.aws.keys("runs/tienda/").await.unwrap();
    assert_eq!(runs.iter().filter(|key| key.ends_with("/summary.json")).count(), 2, "one run, not two");
    // Nor does the silent one take the word back when it comes again.
    world.aws.faults().clear();
    let record = RunRecord { state: RunState::Quiet, ..record() };
    world.clients.table.keep_quiet(&record).await.unwrap();
    let standing = world.clients.table.run("tienda", time(SLOT_END)).await.unwrap();
    assert_eq!(standing.map(|run| run.state), Some(RunState::Done));
}

#[tokio::test]
async fn a_schedule_s_run_that_a_silent_one_has_overtaken_makes_it_speak() {
    let world = World::start().await;
    world.run("2026-03-05T06:00:00-05:00").await.unwrap();
    world.tick("2026-03-05T06:45:00-05:00").await;
    world.arrival("2026-03-05T06:46:00-05:00").await;
    let event: Messages = serde_json::from_value(world.aws.receive(RUNS_URL, 10)).unwrap();
    let (daily, slot) = (event.records[0].clone(), event.records[1].clone());
    let work = async |record| {
        let event = Event::Messages(Messages { records: vec![record] });
        handle(&event, &world.clients, &world.config, &at(SLOT_END)).await.unwrap()
    };
    assert_eq!(work(slot).await, Answer::Batch(BatchAnswer::default()));
    assert_eq!(world.aws.alerts().len(), 1, "nothing new");
    assert_eq!(work(daily.clone()).await, Answer::Batch(BatchAnswer::default()));
    assert_eq!(world.aws.alerts().len(), 2);
    assert!(world.aws.alerts()[1].body.contains("tienda/20260305T120000Z"), "the newest has the word");
    work(daily).await;
    assert_eq!(world.aws.alerts().len(), 2, "once");
}

#[tokio::test]
async fn what_an_alert_could_not_say_the_next_run_says() {
    let world = World::start().await;
    world.break_network(Service::Sns, "", Trouble::Status(400), None);
    world.run("2026-03-05T06:45:00-05:00").await.unwrap_err();
    world.aws.faults().clear();
    world.arrival("2026-03-05T06:46:00-05:00").await;
    world.deliver(SLOT_END).await;
    assert_eq!(world.aws.alerts().len(), 1, "nothing new against a run that nobody heard");
}

#[tokio::test]
async fn an_order_that_waits_for_its_slot_holds_up_no_run_of_the_schedule() {
    let world = World::start().await;
    world.arrival("2026-03-05T06:31:00-05:00").await;
    world.tick("2026-03-05T06:45:00-05:00").await;
    assert_eq!(world.deliver("2026-03-05T06:45:00-05:00").await, [Some(901)]);
    assert_eq!(world.aws.alerts().len(), 1);
}

#[tokio::test]
async fn a_run_that_fails_rests_longer_each_time_and_ends_in_the_queue_with_the_alarm() {
    let world = World::start().await;
    world.put("config/cuadre.toml", "no_such_key = 1\n").await;
    world.tick(SLOT_END).await;
    let mut waits = Vec::new();
    for _ in 0..12 {
        waits.extend(world.deliver(SLOT_END).await.into_iter().flatten());
    }
    let mut longest: u64 = 60;
    for wait in &waits {
        assert!((longest * 4 / 5..=longest).contains(wait), "{wait} of {longest}");
        longest = (longest * 2).min(900);
    }
    assert_eq!(waits.len(), 12);
    assert_eq!(world.deliver(SLOT_END).await, []);
    assert_eq!(world.aws.waiting(RUNS_DEAD_URL).len(), 1);
    // Mended, the same run is made by hand: it has not fixed the policy with the fault.
    world.put("config/cuadre.toml", "").await;
    assert!(world.run(SLOT_END).await.unwrap().alerted);
}

#[tokio::test]
async fn an_account_whose_run_fails_holds_up_no_other() {
    let mut world = World::start().await;
    world.config.accounts = cuadre::config::env::Accounts::parse("otra,tienda").unwrap();
    world.break_network(Service::S3, "otra", Trouble::Status(400), None);
    assert_eq!(world.tick(SLOT_END).await, 2);
    assert_eq!(world.deliver(SLOT_END).await.len(), 1);
    assert_eq!(world.aws.alerts().len(), 1);
    assert!(world.aws.alerts()[0].subject.contains("tienda"));
}

#[tokio::test]
async fn a_message_that_orders_nothing_is_dropped() {
    let world = World::start().await;
    for body in [
        "no JSON",
        r#"{"account":"tienda","scheduled_at":"tomorrow"}"#,
        r#"{"account":"nobody","scheduled_at":"2026-03-05T07:00:00-05:00"}"#,
    ] {
        let client = aws_sdk_sqs::Client::new(&world.aws.sdk_config());
        let send = client.send_message().queue_url(RUNS_URL).message_body(body);
        send.message_group_id("tienda")
            .message_deduplication_id(body.len().to_string())
            .send()
            .await
            .unwrap();
    }
    assert_eq!(world.deliver(SLOT_END).await, []);
    assert_eq!(world.aws.waiting(RUNS_URL).len(), 0);
}

#[tokio::test]
async fn a_run_that_a_newer_one_has_overtaken_leaves_the_queue() {
    let world = World::start().await;
    world.tick(SLOT_END).await;
    world.run(NEXT_MORNING).await.unwrap();
    assert_eq!(world.deliver(NEXT_MORNING).await, []);
    assert_eq!((world.aws.waiting(RUNS_URL).len(), world.aws.alerts().len()), (0, 1));
}

#[tokio::test]
async fn accounts_run_side_by_side_as_each_would_alone() {
    let alone = World::start().await;
    alone.run(MORNING).await.unwrap();
    let world = World::of("tienda,otra").await;
    for key in [ORDERS, SEARCHED, LOOKS] {
        let text = String::from_utf8(world.aws.object(key).await.unwrap()).unwrap();
        world.put(&key.replace("tienda", "otra"), &text.replace("tienda", "otra")).await;
    }
    assert_eq!(world.tick(MORNING).await, 2);
    world.deliver_side_by_side(MORNING).await;
    let told = |outputs: Vec<(String, Vec<u8>)>| {
        let tables = ["breaks.csv", "matched.csv", "open.ndjson", "summary.json"];
        outputs.into_iter().filter(|(name, _)| tables.contains(&name.as_str())).collect::<Vec<_>>()
    };
    let run = "20260305T120000Z";
    assert_eq!(told(world.outputs(run).await), told(alone.outputs(run).await));
    assert_eq!(
        world.aws.keys(&format!("runs/otra/{run}/")).await.unwrap().len(),
        world.outputs(run).await.len()
    );
}
