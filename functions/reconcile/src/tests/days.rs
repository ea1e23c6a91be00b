//! Runs that go on from where the one before ended: they read what has arrived since, and what that one left.

use super::*;

/// One row of the shop.
pub(super) fn order(number: u64, status: &str, updated_at: &str) -> String {
    format!(
        "reference_id,cip,amount,currency,status,created_at,updated_at\n\
         B-{number},{number},10.00,PEN,{status},2026-03-02T09:00:00-05:00,{updated_at}\n"
    )
}

/// One row of a report.
pub(super) fn report(number: u64, status: &str, paid_at: &str) -> String {
    format!(
        "cip,reference_id,operation_number,amount,currency,status,paid_at,observed_at\n\
         {number},B-{number},{number}01,10.00,PEN,{status},{paid_at},{paid_at}\n"
    )
}

impl World {
    pub(super) async fn arrives(&self, leg: &str, day: &str, name: &str, text: &str) {
        self.put(&format!("normalized/{leg}/account=tienda/day={day}/{name}.csv"), text).await;
    }

    /// The names of the orders and reports that a run has read, without their folders.
    async fn read_by(&self, run: &str) -> Vec<String> {
        self.legs_read_by(run, &["orders", "reports"]).await
    }

    pub(super) async fn legs_read_by(&self, run: &str, legs: &[&str]) -> Vec<String> {
        let manifest = self.manifest(run).await;
        let rows = legs.iter().flat_map(|leg| &manifest.rows[*leg]);
        rows.map(|version| version.key.rsplit('/').next().unwrap().to_owned()).collect()
    }

    pub(super) async fn open_classes(&self) -> Vec<String> {
        let breaks = self.clients.table.breaks("tienda").await.unwrap();
        let open = breaks.into_values().filter(|record| record.state == BreakState::Open);
        open.map(|record| format!("{} {}", record.class, record.reference_id)).collect()
    }
}

#[tokio::test]
async fn a_run_reads_what_has_arrived_since_the_one_before_and_nothing_twice() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    assert_eq!(world.read_by("20260305T120000Z").await, ["shop-0.csv", "search-20260302T150000Z-aa.ndjson"]);
    // One that bears an old day has been written late, and is an arrival like any other.
    world.arrives("orders", "2026-02-20", "late", &order(9, "pending", "2026-03-05T06:00:00-05:00")).await;
    world.run(NEXT_MORNING).await.unwrap();
    assert_eq!(world.read_by("20260306T120000Z").await, ["late.csv"]);
    world.run("2026-03-07T07:00:00-05:00").await.unwrap();
    assert_eq!(world.read_by("20260307T120000Z").await, [""; 0]);
    assert_eq!(world.open_classes().await, ["status_mismatch A-7"], "what it left lives on");
}

#[tokio::test]
async fn an_order_of_monday_is_paid_on_tuesday_and_reported_on_wednesday() {
    let world = World::start().await;
    world.put_orders("paid").await;
    let evening = |day: u32| format!("2026-03-0{day}T23:00:00-05:00");
    world.arrives("orders", "2026-03-02", "monday", &order(9, "pending", &evening(2))).await;
    world.run(&evening(2)).await.unwrap();
    world.announce("9", "901", "2026-03-03T09:30:05-05:00").await;
    world.arrives("orders", "2026-03-03", "tuesday", &order(9, "paid", &evening(3))).await;
    world.run(&evening(3)).await.unwrap();
    world
        .arrives("reports", "2026-03-04", "wednesday", &report(9, "paid", "2026-03-03T09:30:00-05:00"))
        .await;
    assert_eq!(world.run(&evening(4)).await.unwrap().breaks, 0);
    let matched = world.outputs("20260305T040000Z").await;
    let (_, matched) = matched.iter().find(|(name, _)| name == "matched.csv").unwrap();
    assert!(String::from_utf8_lossy(matched).contains("B-9"), "{}", String::from_utf8_lossy(matched));
    assert_eq!(world.run(&evening(5)).await.unwrap().breaks, 0, "and that is the end of it");
}

#[tokio::test]
async fn a_late_fact_brings_back_what_was_closed() {
    let world = World::start().await;
    world.put_orders("paid").await;
    world.arrives("orders", "2026-03-02", "orders", &order(9, "paid", "2026-03-02T12:00:00-05:00")).await;
    world.announce("9", "901", "2026-03-02T09:30:05-05:00").await;
    world.arrives("reports", "2026-03-02", "portal", &report(9, "paid", "2026-03-02T09:30:00-05:00")).await;
    assert_eq!(world.run(MORNING).await.unwrap().breaks, 0);
    // Twenty runs later the money goes back.
    for day in 6..26 {
        world.run(&format!("2026-03-{day:02}T07:00:00-05:00")).await.unwrap();
    }
    world.arrives("orders", "2026-04-10", "still", &order(8, "paid", "2026-04-10T12:00:00-05:00")).await;
    world
        .arrives("reports", "2026-04-10", "portal", &report(9, "reversed", "2026-04-09T09:30:00-05:00"))
        .await;
    world.run("2026-04-12T07:00:00-05:00").await.unwrap();
    assert!(
        world.open_classes().await.contains(&"status_mismatch B-9".to_owned()),
        "{:?}",
        world.open_classes().await
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_of_again_until_it_is_mended() {
    let world = World::start().await;
    world.put_orders("paid").await;
    world.arrives("orders", "2026-03-05", "empty", "").await;
    for run in [MORNING, NEXT_MORNING] {
        world.run(run).await.unwrap();
        assert!(world.aws.alerts().pop().unwrap().body.contains("empty.csv was left out"), "{run}");
    }
    world.arrives("orders", "2026-03-05", "empty", &order(9, "pending", "2026-03-05T06:00:00-05:00")).await;
    world.run("2026-03-07T07:00:00-05:00").await.unwrap();
    assert_eq!(world.read_by("20260307T120000Z").await, ["empty.csv"]);
}

#[tokio::test]
async fn a_notice_that_is_archived_after_the_run_of_its_day_is_not_lost() {
    let world = World::start().await;
    world.put_orders("paid").await;
    world.run(MORNING).await.unwrap();
    world.announce("9", "901", "2026-03-04T23:59:59-05:00").await;
    let look = r#"{"account":"tienda","cip":"9","looked_at":"2026-03-06T06:59:59-05:00"}"#;
    world.put(&LOOKS.replace("-aa", "-bb"), &format!("{look}\n")).await;
    world.run(NEXT_MORNING).await.unwrap();
    assert_eq!(world.open_classes().await, ["unconfirmed_notice "]);
    let read = world.legs_read_by("20260306T120000Z", &["notices"]).await;
    assert!(read.len() == 1 && read[0].starts_with("callback-"), "{read:?}");
}

#[tokio::test]
async fn many_small_days_say_what_one_run_over_everything_says() {
    let (daily, whole) = (World::start().await, World::start().await);
    let days = [
        ("2026-03-05", "orders", order(9, "pending", "2026-03-05T06:00:00-05:00")),
        ("2026-03-06", "reports", report(9, "paid", "2026-03-05T09:30:00-05:00")),
        ("2026-03-07", "orders", order(10, "paid", "2026-03-07T06:00:00-05:00")),
        ("2026-03-08", "orders", order(9, "paid", "2026-03-08T06:00:00-05:00")),
        ("2026-03-09", "reports", report(11, "paid", "2026-03-05T09:30:00-05:00")),
        ("2026-03-10", "reports", report(9, "refunded", "2026-03-09T09:30:00-05:00")),
        ("2026-03-11", "orders", order(11, "paid", "2026-03-11T06:00:00-05:00")),
    ];
    for (day, leg, text) in &days {
        for world in [&daily, &whole] {
            world.arrives(leg, day, "arrived", text).await;
        }
        daily.run(&format!("{day}T23:00:00-05:00")).await.unwrap();
    }
    let last = "2026-03-15T07:00:00-05:00";
    daily.run(last).await.unwrap();
    whole.run(last).await.unwrap();
    let (mut of_days, mut of_all) = (daily.open_classes().await, whole.open_classes().await);
    of_days.sort();
    of_all.sort();
    assert!(of_all.len() > 2, "{of_all:?}");
    assert_eq!(of_days, of_all);
}

#[tokio::test]
async fn a_run_by_hand_reads_everything_anew_where_that_is_asked_for() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    let task = Task { cut: Some(NEXT_MORNING.to_owned()), full: true, ..of_account() };
    world.by_hand(task, &at(NEXT_MORNING)).await.unwrap();
    assert_eq!(world.read_by("20260306T120000Z").await.len(), 2);
    assert_eq!(world.open_classes().await, ["status_mismatch A-7"]);
    world.run("2026-03-07T07:00:00-05:00").await.unwrap();
    assert_eq!(world.read_by("20260307T120000Z").await.len(), 0);
}

#[tokio::test]
async fn what_an_earlier_run_left_and_is_deleted_is_read_anew() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    let client = aws_sdk_s3::Client::new(&world.aws.sdk_config());
    let key = "runs/tienda/20260305T120000Z/open.ndjson";
    client.delete_object().bucket(BUCKET_NAME).key(key).send().await.unwrap();
    world.run(NEXT_MORNING).await.unwrap();
    assert_eq!(world.read_by("20260306T120000Z").await.len(), 2);
    assert_eq!(world.open_classes().await, ["status_mismatch A-7"]);
}
