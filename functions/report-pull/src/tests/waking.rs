//! What lets a code be asked for again, in any order and after any crash.

use cuadre::aws::table::Checked;

use super::*;

const DONE: &str = "2026-03-02T10:10:00-05:00";

/// A code whose story is over, as far as the search knows.
async fn ended() -> (World, Cip) {
    let world = World::start().await;
    let cip = Cip::parse(&world.order(1).await[0].to_string()).unwrap();
    let table = &world.clients.table;
    let due = table.due_checks("tienda", time(DONE)).await.unwrap();
    table
        .save_checked("tienda", &due[0], &Checked { due_at: None, row: None, doubted: false })
        .await
        .unwrap();
    assert_eq!(table.check("tienda", cip).await.unwrap(), None);
    (world, cip)
}

#[tokio::test]
async fn a_notice_that_is_told_again_after_a_newer_one_takes_nothing_back() {
    let (world, cip) = ended().await;
    let table = &world.clients.table;
    let (older, newer) = (time("2026-03-02T11:00:00-05:00"), time("2026-03-02T12:00:00-05:00"));
    for heard_at in [older, newer, older] {
        table.wake_check("tienda", cip, heard_at, heard_at.plus_hours(1)).await.unwrap();
    }
    let check = table.check("tienda", cip).await.unwrap().unwrap();
    assert_eq!(
        (check.heard_at, check.due_at),
        (Some(newer), older.plus_hours(1)),
        "due sooner, and not put off"
    );
}

#[tokio::test]
async fn a_new_row_of_an_order_wakes_its_code_whatever_fails_meanwhile() {
    // A request fails, or its answer is lost, and what is repeated is known already in part.
    for (trouble, operation) in [
        (Trouble::Status(403), "UpdateItem"),
        (Trouble::Status(403), "PutItem"),
        (Trouble::LostAnswer, "PutItem"),
        (Trouble::Status(403), "Query"),
    ] {
        let (world, cip) = ended().await;
        let row = format!(
            "reference_id,cip,amount,currency,status,created_at,updated_at\n\
             A-0,{cip},22.50,PEN,cancelled,{START},2026-03-02T10:05:00-05:00\n"
        );
        world.break_network(Service::DynamoDb, operation, trouble, Some(1));
        let table = &world.clients.table;
        let source =
            Source { name: "orders", bytes: row.as_bytes(), format: Format::Csv, account: Some("tienda") };
        let orders = formats::read_orders(&source, &Mapping::default().orders).unwrap();
        if table.record_order(&orders.rows[0]).await.is_err() {
            table.record_order(&orders.rows[0]).await.unwrap();
        }
        let check = table.check("tienda", cip).await.unwrap();
        assert!(check.is_some(), "{operation} {trouble:?}");
        // Told again it wakes nobody.
        let done = Checked { due_at: None, row: None, doubted: false };
        table.save_checked("tienda", &check.unwrap(), &done).await.unwrap();
        table.record_order(&orders.rows[0]).await.unwrap();
        assert_eq!(table.check("tienda", cip).await.unwrap(), None);
    }
}
