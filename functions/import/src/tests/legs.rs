//! Files of every leg, how the policy says that they are read, and what is kept of each.

use super::*;

const REPORTS: &str = "cip,reference_id,operation_number,amount,currency,status,created_at,paid_at\n";
const SETTLEMENTS: &str = "settlement_id,currency,kind,cip,gross,commission,net,paid_on\n";
const BANK: &str = "bank_account,value_date,amount,currency,description\n";
pub(super) const MT940: &str =
    ":20:A\n:25:191-1\n:28C:1\n:60F:C260301PEN10,\n:61:260302C1,NTRFX\n:86:ABONO\n:62F:C260302PEN11,\n";

/// The attributes of the table's items of files, in the order of their keys.
async fn files(world: &World) -> Vec<Value> {
    let items = world.aws.items().await.unwrap();
    let mut files: Vec<_> =
        items.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with("FILE#")).collect();
    files.sort_by_key(|item| item["sk"].as_s().unwrap().clone());
    let text = |value: &aws_sdk_dynamodb::types::AttributeValue| {
        value.as_s().or_else(|_| value.as_n()).unwrap().clone()
    };
    files
        .iter()
        .map(|item| item.iter().map(|(name, value)| (name.clone(), Value::from(text(value)))).collect())
        .collect()
}

async fn policy(world: &World, text: &str) {
    world.aws.put_object("config/cuadre.toml", text.as_bytes()).await.unwrap();
}

/// What stands below a folder, one line a row.
async fn lines(world: &World, folder: &str) -> Vec<Value> {
    let texts = world.texts(folder).await;
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn each_leg_becomes_rows_below_its_own_folder() {
    for (leg, text) in [
        ("reports", format!("{REPORTS}7,A-1,OP-1,22.50,PEN,paid,{CREATED},{CREATED}\n")),
        ("settlements", format!("{SETTLEMENTS}L-1,PEN,payment,7,22.50,0.123456,22.376544,2026-03-02\n")),
        ("bank", format!("{BANK}191-1,2026-03-02,22.38,PEN,ABONO\n")),
    ] {
        let world = World::start().await;
        let imported = world.imported(&format!("inbox/{leg}/tienda/a.csv"), text.as_bytes()).await;
        assert_eq!((imported.rows, imported.rejected, imported.stored_before), (1, 0, false), "{leg}");
        let stored = format!("normalized/{leg}/account=tienda/day=2026-03-02/import-20260302T150000Z-");
        assert_eq!(lines(&world, &stored).await.len(), 1, "{leg}");
        let again = world.imported(&format!("inbox/{leg}/tienda/b.csv"), text.as_bytes()).await;
        assert!(again.stored_before && again.new == 0, "{leg}");
        assert_eq!(lines(&world, "normalized/").await.len(), 1, "{leg}");
    }
}

#[tokio::test]
async fn reports_that_name_a_cip_are_facts_of_the_portal() {
    let world = World::start().await;
    let text = format!(
        "{REPORTS}7,A-1,OP-1,22.50,PEN,paid,{CREATED},{CREATED}\n,A-2,,5.00,PEN,pending,{CREATED},\n"
    );
    let imported = world.imported("inbox/reports/tienda/a.csv", text.as_bytes()).await;
    assert_eq!((imported.rows, imported.new), (2, 1));
    let (facts, _) = world.state().await;
    assert_eq!(facts.len(), 1, "{facts:?}");
    assert!(facts[0].starts_with("CIP#tienda#7 REPORT#portal#paid#OP-1"), "{facts:?}");
}

#[tokio::test]
async fn two_portal_files_without_times_of_look_up_do_not_contradict_each_other() {
    let world = World::start().await;
    let row = |status: &str, time: &str| format!("{REPORTS}7,A-1,,22.50,PEN,{status},{time},\n");
    let first = row("pending", "2026-03-02T09:00:00-05:00");
    let other = "8,A-2,,1.00,PEN,pending,2026-03-03T09:00:00-05:00,\n";
    let second = row("expired", "2026-03-02T09:00:00-05:00") + other;
    assert_eq!(world.imported("inbox/reports/tienda/a.csv", first.as_bytes()).await.contradicting, 0);
    assert_eq!(world.imported("inbox/reports/tienda/b.csv", second.as_bytes()).await.contradicting, 0);
    let facts = world.clients.table.facts("tienda", Cip::parse("7").unwrap()).await.unwrap();
    let evidence = facts.evidence().unwrap();
    let seen: Vec<_> = evidence.reports.iter().map(|row| row.observed_at.unwrap().to_string()).collect();
    assert_eq!(seen, ["2026-03-02T09:00:00-05:00", "2026-03-03T09:00:00-05:00"]);
}

#[tokio::test]
async fn settlements_and_bank_lines_are_rows_and_no_facts() {
    let world = World::start().await;
    let text = format!("{SETTLEMENTS}L-1,PEN,payment,7,22.50,,22.50,2026-03-02\n");
    world.imported("inbox/settlements/tienda/a.csv", text.as_bytes()).await;
    world.imported("inbox/bank/tienda/a.sta", MT940.as_bytes()).await;
    assert_eq!(world.state().await.0, [""; 0]);
}

#[tokio::test]
async fn a_statement_is_known_by_its_content_and_refused_where_it_does_not_add_up() {
    let world = World::start().await;
    assert_eq!(world.imported("inbox/bank/tienda/a.txt", MT940.as_bytes()).await.rows, 1);
    let stored = lines(&world, "normalized/bank/account=tienda/").await;
    assert_eq!((&stored[0]["amount"], &stored[0]["bank_account"]), (&json!("1.00"), &json!("191-1")));
    let said = world.rejected("inbox/bank/tienda/b.sta", MT940.replace("PEN11,", "PEN12,").as_bytes()).await;
    assert!(said.contains("closing balance does not add up") && said.contains("difference -1.00"), "{said}");
    let said = world.rejected("inbox/bank/tienda/c.txt", BANK.as_bytes()).await;
    assert!(said.contains("is not named .csv"), "{said}");
}

#[tokio::test]
async fn a_table_of_bank_lines_is_refused_where_its_balances_do_not_add_up() {
    let world = World::start().await;
    let table = |last: &str| {
        let header = BANK.replace("description", "description,balance");
        format!("{header}191-1,2026-03-02,1.00,PEN,a,5.00\n191-1,2026-03-03,2.00,PEN,b,{last}\n")
    };
    assert_eq!(world.imported("inbox/bank/tienda/a.csv", table("7.00").as_bytes()).await.rows, 2);
    let said = world.rejected("inbox/bank/tienda/b.csv", table("8.00").as_bytes()).await;
    assert!(said.contains("has a balance in line 3 that does not add up"), "{said}");
    assert_eq!(lines(&world, "normalized/bank/account=tienda/").await.len(), 2, "none of a refused file");
}

#[tokio::test]
async fn a_settlement_report_is_known_by_its_header() {
    let world = World::start().await;
    let header = "TransactionID,Currency,GrossAmount,TotalFeeAmount,DebitAmount,ExchangeRate,InvoiceNumber,\
                  NetAmount,BusinessType,PaymentInstrument";
    let text = format!("{header}\npay_1,PEN,10.00,.30000,10.00,1.0,INV-1,9.70000,I,PAGOEFECTIVO\n");
    assert_eq!(world.imported("inbox/settlements/tienda/a.csv", text.as_bytes()).await.rows, 1);
    let stored = lines(&world, "normalized/settlements/account=tienda/").await;
    assert_eq!((&stored[0]["settlement_id"], &stored[0]["account"]), (&json!("INV-1"), &json!("tienda")));
    let old = text.replace("InvoiceNumber", "Invoice");
    let said = world.rejected("inbox/settlements/tienda/b.csv", old.as_bytes()).await;
    assert!(said.contains("InvoiceNumber"), "{said}");
}

#[tokio::test]
async fn the_policy_names_a_mapping_that_ships_or_lies_in_the_bucket() {
    let world = World::start().await;
    policy(&world, "[accounts.tienda.files.orders]\nmapping = \"tienda-propia\"\n[accounts.tienda-2.files.orders]\nmapping = \"peers\"\n").await;
    let own = "[orders]\ndelimiter = \";\"\ncolumns = { reference_id = \"Pedido\" }\n";
    world.aws.put_object("config/mappings/tienda-propia.toml", own.as_bytes()).await.unwrap();
    let text = format!("Pedido;amount;currency;status;created_at\nA-1;1.00;PEN;paid;{CREATED}\n");
    assert_eq!(world.imported("inbox/orders/tienda/a.csv", text.as_bytes()).await.rows, 1);
    let text = format!(
        "merchant_id,reference_id,amount,currency,status,created_at\ntienda-2,A-1,1.00,PEN,PAID,{CREATED}\n"
    );
    assert_eq!(world.imported("inbox/orders/tienda-2/a.csv", text.as_bytes()).await.rows, 1);
}

#[tokio::test]
async fn a_file_waits_for_a_policy_or_mapping_that_has_to_be_mended() {
    for (text, mapping) in [
        ("[accounts.tienda.files.orders]\nmapping = \"absent\"\n", None),
        ("[accounts.tienda.files.orders]\nmapping = \"broken\"\n", Some("[orders")),
        ("[accounts.tienda.files.orders]\nmaping = \"broken\"\n", None),
    ] {
        let world = World::start().await;
        policy(&world, text).await;
        if let Some(mapping) = mapping {
            world.aws.put_object("config/mappings/broken.toml", mapping.as_bytes()).await.unwrap();
        }
        let arrival = world.put("inbox/orders/tienda/a.csv", &orders(1)).await;
        world.notify(&arrival).await;
        assert_eq!(world.deliver().await, 1, "{text}");
        assert_eq!(world.state().await.0, [""; 0], "nothing is taken by a wrong mapping: {text}");
        assert!(files(&world).await.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn what_came_of_a_file_is_kept() {
    let world = World::start().await;
    let text = "reference_id,amount,currency,status,created_at,Nota\n\
                A-1, 1.00,PEN,paid,2026-03-02T09:00:00-05:00,x\n\
                A-2,1.00,PEN,Nuevo,2026-03-02T10:00:00-05:00,x\n";
    let arrival = world.put("inbox/orders/tienda/a.csv", text.as_bytes()).await;
    let first = world.take_in(&arrival).await.unwrap();
    let kept = files(&world).await;
    let [file] = kept.as_slice() else { panic!("{kept:?}") };
    let version = arrival.version_id.as_deref().unwrap();
    let key = format!("orders#2026-03-02T15:00:00.000000000Z#inbox/orders/tienda/a.csv#{version}");
    for (name, expected) in [
        ("pk", "FILE#tienda"),
        ("sk", key.as_str()),
        ("kind", "file"),
        ("rows", "1"),
        ("rejected", "1"),
        ("unknown_columns", r#"["Nota"]"#),
        ("columns", r#"["Nota","amount","created_at","currency","reference_id","status"]"#),
        ("cleansed", r#"{"trimmed":1}"#),
        ("covered_until", "2026-03-02T09:00:00-05:00"),
        ("unknown_words", r#"["Nuevo"]"#),
    ] {
        assert_eq!(file[name], expected, "{name}");
    }
    let second = world.take_in(&arrival).await.unwrap();
    assert_eq!(files(&world).await, kept, "the same message");
    let drifts = [first, second].map(|outcome| match outcome {
        Outcome::Imported(imported) => imported.drift,
        other => panic!("{other:?}"),
    });
    assert_eq!(drifts[0], drifts[1]);
}

#[tokio::test]
async fn a_column_that_is_new_or_gone_is_drift_of_that_leg_and_account() {
    let world = World::start().await;
    let header = "reference_id,amount,currency,status,created_at";
    let drift = async |folder: &str, columns: &str, time_of_arrival: &str| {
        let mut arrival =
            world.put(&format!("inbox/{folder}/a.csv"), format!("{header}{columns}\n").as_bytes()).await;
        arrival.arrived_at = time(time_of_arrival);
        match world.take_in(&arrival).await.unwrap() {
            Outcome::Imported(imported) => (imported.drift.new_columns, imported.drift.gone_columns),
            other => panic!("{other:?}"),
        }
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let none = (names(&[]), names(&[]));
    assert_eq!(drift("orders/tienda", ",cip,store", "2026-03-02T10:00:00Z").await, none);
    assert_eq!(drift("orders/tienda-2", ",cip", "2026-03-02T11:00:00Z").await, none, "another account");
    assert_eq!(drift("reports/tienda", ",cip", "2026-03-02T11:00:00Z").await, none, "another leg");
    let renamed = (names(&["tienda"]), names(&["store"]));
    assert_eq!(drift("orders/tienda", ",cip,tienda", "2026-03-02T12:00:00Z").await, renamed);
    assert_eq!(
        drift("orders/tienda", ",tienda,cip", "2026-03-02T13:00:00Z").await,
        none,
        "the order is none"
    );
    // One that comes late is held against what came before it, not after it.
    assert_eq!(drift("orders/tienda", ",cip,store", "2026-03-02T11:00:00Z").await, none);
}

#[tokio::test]
async fn a_file_that_was_rejected_leaves_no_item() {
    let world = World::start().await;
    world.rejected("inbox/orders/tienda/a.csv", b"").await;
    assert!(files(&world).await.is_empty());
}

#[tokio::test]
async fn the_item_of_a_file_waits_while_the_table_is_down_and_comes_once() {
    let world = World::start().await;
    let arrival = world.put("inbox/bank/tienda/a.sta", MT940.as_bytes()).await;
    world.notify(&arrival).await;
    world.break_network(Service::DynamoDb, "Query", Trouble::Status(503), None);
    assert_eq!(world.deliver().await, 1);
    assert!(files(&world).await.is_empty());
    world.aws.faults().clear();
    assert_eq!(world.deliver().await, 0);
    assert_eq!(files(&world).await.len(), 1);
    assert_eq!(lines(&world, "normalized/bank/").await.len(), 1);
}

#[tokio::test]
async fn what_invokes_the_function_is_told_apart() {
    let read = |event: Value| Event::read(event);
    assert!(
        matches!(read(json!({"Records": []})), Ok(Event::Files(messages)) if messages.records.is_empty())
    );
    assert!(matches!(read(json!({"scheduled_at": "2026-03-02T15:00:00Z"})), Ok(Event::Tick(_))));
    assert!(matches!(read(json!({})), Ok(Event::Tick(_))));
    assert!(read(json!({"schedule": 1})).is_err());
}
