//! Files that should have come.

use super::*;

const POLICY: &str = "[accounts.tienda.files.orders]\nexpected_by = \"09:00\"\n\
                      [accounts.tienda.files.bank]\nexpected_by = \"10:00\"\nexpected_on = \"weekdays\"\n";

/// A Monday.
const MONDAY: &str = "2026-03-02";
const SUNDAY: &str = "2026-03-01";

async fn world() -> World {
    let world = World::start().await;
    world.aws.put_object("config/cuadre.toml", POLICY.as_bytes()).await.unwrap();
    world
}

/// Looks at a time in Lima; gives the legs that were told of.
async fn look_at(world: &World, day: &str, hour: &str) -> Result<Vec<&'static str>, ExpectedError> {
    let now = time(&format!("{day}T{hour}:00-05:00"));
    let tick = Tick { scheduled_at: Some(now.to_string()), ..Tick::default() };
    let missing = Box::pin(look(&tick, &world.clients, &world.config, &|| now)).await?;
    Ok(missing.into_iter().map(|missing| missing.leg).collect())
}

async fn arrive(world: &World, key: &str, bytes: &[u8], time_of_arrival: &str) {
    let mut arrival = world.put(key, bytes).await;
    arrival.arrived_at = time(time_of_arrival);
    assert!(matches!(world.take_in(&arrival).await.unwrap(), Outcome::Imported(_)));
}

#[tokio::test]
async fn a_file_that_has_not_come_by_its_hour_is_told_once_a_day() {
    let world = world().await;
    assert_eq!(look_at(&world, MONDAY, "08:59").await.unwrap(), [""; 0]);
    assert_eq!(look_at(&world, MONDAY, "09:00").await.unwrap(), ["orders"]);
    assert_eq!(look_at(&world, MONDAY, "10:00").await.unwrap(), ["bank"]);
    for hour in ["10:00", "11:00", "23:59"] {
        assert_eq!(look_at(&world, MONDAY, hour).await.unwrap(), [""; 0], "{hour}");
    }
    let alerts = world.aws.alerts();
    assert_eq!(alerts.len(), 2);
    assert_eq!(alerts[0].topic_arn, TOPIC_ARN);
    assert_eq!(alerts[0].subject, "Cuadre tienda: no file of orders on 2026-03-02");
    assert_eq!(look_at(&world, "2026-03-03", "09:30").await.unwrap(), ["orders"], "the next day anew");
}

#[tokio::test]
async fn a_file_counts_on_the_day_in_lima_on_which_it_came() {
    let check = async |arrived_at: &str, expected: &[&str]| {
        let world = world().await;
        arrive(&world, "inbox/orders/tienda/a.csv", &orders(1), arrived_at).await;
        assert_eq!(look_at(&world, MONDAY, "09:30").await.unwrap(), expected, "{arrived_at}");
    };
    check("2026-03-02T04:59:59.999Z", &["orders"]).await;
    check("2026-03-02T05:00:00Z", &[]).await;
    check("2026-03-02T14:29:00Z", &[]).await;
    check("2026-03-03T05:00:00Z", &["orders"]).await;
}

#[tokio::test]
async fn a_day_without_rows_has_its_file_and_one_that_was_rejected_has_none() {
    let world = world().await;
    let arrival = world.put("inbox/orders/tienda/bad.csv", b"").await;
    assert!(matches!(world.take_in(&arrival).await.unwrap(), Outcome::Rejected(_)));
    // Nor does a file of another account or leg count.
    arrive(&world, "inbox/orders/tienda-2/a.csv", &orders(1), "2026-03-02T13:00:00Z").await;
    assert_eq!(look_at(&world, MONDAY, "09:30").await.unwrap(), ["orders"]);
    let other = self::world().await;
    arrive(&other, "inbox/orders/tienda/a.csv", HEADER.as_bytes(), "2026-03-02T13:00:00Z").await;
    assert_eq!(look_at(&other, MONDAY, "09:30").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn no_bank_is_waited_for_on_a_sunday() {
    let world = world().await;
    assert_eq!(look_at(&world, SUNDAY, "12:00").await.unwrap(), ["orders"]);
}

#[tokio::test]
async fn a_message_that_could_not_be_sent_is_sent_by_the_next_look() {
    let world = world().await;
    world.break_network(Service::Sns, "", Trouble::Status(503), None);
    let failed = look_at(&world, MONDAY, "09:00").await.unwrap_err().to_string();
    assert_eq!(failed, "the look for missing files failed for tienda: see the log");
    world.aws.faults().clear();
    assert_eq!(look_at(&world, MONDAY, "09:00").await.unwrap(), [""; 0], "the claim may be at work still");
    assert_eq!(look_at(&world, MONDAY, "09:02").await.unwrap(), ["orders"]);
    assert_eq!(look_at(&world, MONDAY, "09:04").await.unwrap(), [""; 0]);
    assert_eq!(world.aws.alerts().len(), 1);
}

#[tokio::test]
async fn a_look_without_policy_or_for_an_account_waits_for_nothing_else() {
    let plain = World::start().await;
    assert_eq!(look_at(&plain, MONDAY, "23:00").await.unwrap(), [""; 0]);
    let world = world().await;
    let tick = |account: &str| Tick { account: Some(account.to_owned()), scheduled_at: None };
    let now = time("2026-03-02T12:00:00-05:00");
    let told = Box::pin(look(&tick("tienda-2"), &world.clients, &world.config, &|| now)).await.unwrap();
    assert_eq!(told, []);
    let unknown = Box::pin(look(&tick("otra"), &world.clients, &world.config, &|| now)).await;
    assert!(matches!(unknown, Err(ExpectedError::Tick(_))));
}

#[tokio::test]
async fn a_broken_policy_fails_the_look() {
    let world = World::start().await;
    world
        .aws
        .put_object("config/cuadre.toml", b"[accounts.a.files.orders]\nexpected_by = \"9\"\n")
        .await
        .unwrap();
    assert!(matches!(look_at(&world, MONDAY, "09:00").await, Err(ExpectedError::Policy(_))));
}
