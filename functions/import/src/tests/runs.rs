//! What has come orders a run.

use super::*;

#[tokio::test]
async fn rows_that_have_come_order_one_run_at_the_end_of_their_slot() {
    let world = World::start().await;
    for (key, rows) in [("orders/tienda/a.csv", 1), ("orders/tienda/b.csv", 2), ("orders/tienda-2/a.csv", 1)]
    {
        let arrival = world.put(&format!("inbox/{key}"), &orders(rows)).await;
        world.notify(&arrival).await;
    }
    assert_eq!(world.deliver().await, 0);
    let order = |account: &str| {
        let scheduled_at = "2026-03-02T10:30:00-05:00";
        json!({"account": account, "scheduled_at": scheduled_at, "after_arrival": true}).to_string()
    };
    let ordered: Vec<Value> =
        world.aws.waiting(RUNS_URL).iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let expected =
        [order("tienda"), order("tienda-2")].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(ordered, expected);
}

#[tokio::test]
async fn a_file_without_a_good_row_orders_no_run() {
    let world = World::start().await;
    world.imported("inbox/orders/tienda/empty.csv", HEADER.as_bytes()).await;
    world.rejected("inbox/orders/tienda/bad.csv", b"a,b\n1,2\n").await;
    assert_eq!(world.aws.waiting(RUNS_URL), [""; 0]);
}

#[tokio::test]
async fn a_run_that_could_not_be_ordered_is_ordered_when_the_file_comes_again() {
    let world = World::start().await;
    world.break_network(Service::Sqs, "SendMessage", Trouble::Status(400), None);
    let arrival = world.put("inbox/orders/tienda/a.csv", &orders(2)).await;
    world.take_in(&arrival).await.unwrap_err();
    world.aws.faults().clear();
    let again = world.take_in(&arrival).await.unwrap();
    assert!(matches!(again, Outcome::Imported(Imported { stored_before: true, .. })), "{again:?}");
    assert_eq!(world.aws.waiting(RUNS_URL).len(), 1);
}
