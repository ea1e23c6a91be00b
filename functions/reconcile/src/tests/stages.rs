//! Runs in stages, as the state machine makes them.

use serde_json::{Value, json};

use super::days::{order, report};
use super::*;

impl World {
    /// Orders, their payments and their notices, some of which do not agree.
    async fn many_pairs(&self) {
        for cip in 20..60 {
            let paid_at = format!("2026-03-02T{:02}:30:00-05:00", cip % 24);
            let file = format!("o{cip}");
            self.arrives("orders", "2026-03-03", &file, &order(cip, "paid", "2026-03-03T09:00:00-05:00"))
                .await;
            if cip % 9 != 0 {
                self.arrives("reports", "2026-03-03", &file, &report(cip, "paid", &paid_at)).await;
            }
            if cip % 7 != 0 {
                // One operation number on two codes, now and then.
                let operation = if cip % 10 == 0 { cip + 1 } else { cip };
                self.announce(&cip.to_string(), &format!("{operation}01"), "2026-03-03T00:30:05-05:00").await;
            }
        }
    }

    async fn stage(&self, event: Value) -> Result<Value, ReconcileError> {
        let event = Event::read(event).unwrap();
        let answer = handle(&event, &self.clients, &self.config, &at(MORNING)).await?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    /// What the state machine does, each invocation twice: it may repeat any. Gives the answer of the last, and the number of
    /// parts.
    async fn in_stages(&self, order: Value) -> (Value, usize) {
        let plan = json!({"stage": "plan", "order": order, "started_at": MORNING});
        let planned = self.stage(plan.clone()).await.unwrap();
        assert_eq!(self.stage(plan).await.unwrap(), planned);
        let of = |name: &str| planned[name].as_array().unwrap().clone();
        let stages = [of("cuts"), vec![planned["judge"].clone()], of("parts")].concat();
        for stage in stages {
            let done = self.stage(stage.clone()).await.unwrap();
            assert_eq!(done, json!({"done": stage["stage"]}));
            self.stage(stage).await.unwrap();
        }
        (self.stage(planned["join"].clone()).await.unwrap(), of("parts").len())
    }
}

/// A run of everything in one invocation.
async fn in_one(world: &World) -> Reconciled {
    let task = Task { full: true, cut: Some(MORNING.to_owned()), ..of_account() };
    world.by_hand(task, &at(MORNING)).await.unwrap()
}

/// Makes the run of two equal worlds both ways, and fails the test where they differ.
async fn check(whole: &World, cut: &World) {
    let expected = in_one(whole).await;
    let (gave, parts) = cut.in_stages(json!({"account": "tienda", "part_bytes": 1500})).await;
    assert!(parts > 3, "{parts}");
    assert_eq!(gave, serde_json::to_value(Answer::Reconciled(expected)).unwrap());
    // The names of versions are the bucket's own.
    let told =
        |outputs: Vec<(String, Vec<u8>)>| outputs.into_iter().filter(|(name, _)| name != "inputs.json");
    let expected: Vec<_> = told(whole.outputs("20260305T120000Z").await).collect();
    let gave: Vec<_> = told(cut.outputs("20260305T120000Z").await).collect();
    for ((name, expected), (known, gave)) in expected.iter().zip(&gave) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!((name, text(expected)), (known, text(gave)));
    }
    assert_eq!(expected.len(), gave.len());
    assert_eq!(whole.states().await, cut.states().await);
    let alerts = |world: &World| {
        world.aws.alerts().into_iter().map(|alert| (alert.subject, alert.body)).collect::<Vec<_>>()
    };
    assert_eq!(alerts(whole), alerts(cut));
    assert_eq!(alerts(cut).len(), 1);
}

#[tokio::test]
async fn a_run_in_stages_is_the_run_of_one_invocation() {
    let (whole, cut) = (World::start().await, World::start().await);
    for world in [&whole, &cut] {
        world.many_pairs().await;
    }
    check(&whole, &cut).await;
}

#[tokio::test]
async fn settlements_and_the_bank_are_part_of_a_run_in_stages() {
    let (whole, cut) = (World::start().await, World::start().await);
    for world in [&whole, &cut] {
        world.many_pairs().await;
        let line = |cip: u64| {
            format!("L-{},PEN,payment,{cip},10.00,0.50,0.09,9.41,2026-03-04,OP-{}\n", cip % 3, cip % 3)
        };
        let lines: String = (20..58).filter(|cip| cip % 9 != 0).map(line).collect();
        let header = "settlement_id,currency,kind,cip,gross,commission,igv,net,paid_on,bank_reference\n";
        world.arrives("settlements", "2026-03-04", "week", &format!("{header}{lines}")).await;
        // Of three settlements one is paid in full.
        let bank = "bank_account,bank_reference,value_date,amount,currency,description\n\
             191-1,OP-0,2026-03-05,84.69,PEN,ABONO\n191-1,OP-1,2026-03-05,100.00,PEN,ABONO\n";
        world.arrives("bank", "2026-03-05", "day", bank).await;
    }
    check(&whole, &cut).await;
    let outputs = cut.outputs("20260305T120000Z").await;
    let text = |name: &str| {
        let (_, bytes) = outputs.iter().find(|(known, _)| known == name).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let settlements = text("settlements.csv");
    assert!(settlements.contains(",matched,"), "{settlements}");
    assert!(text("closed.ndjson").contains("\"L-0\""), "stubs of paid pairs have their lines of settlements");
}

/// A tick's run went on from the one before: to read its inputs alone would close what has been open since then.
#[tokio::test]
async fn a_run_of_everything_is_never_made_from_the_inputs_of_one_that_went_on() {
    let world = World::start().await;
    world.run("2026-03-04T07:00:00-05:00").await.unwrap();
    world.run(MORNING).await.unwrap();
    assert!(world.manifest("20260305T120000Z").await.carried.is_some());
    let order = json!({"account": "tienda", "cut": MORNING});
    let plan = |order: Value| json!({"stage": "plan", "order": order, "started_at": MORNING});
    let error = world.stage(plan(order)).await.unwrap_err().to_string();
    assert!(error.contains("name another cut"), "{error}");
    let task = Task { full: true, cut: Some(MORNING.to_owned()), ..of_account() };
    let error = world.by_hand(task, &at(MORNING)).await.unwrap_err().to_string();
    assert!(error.contains("name another cut"), "{error}");
    // Nobody has named the moment: the next one is as good.
    let (staged, _) = world.in_stages(json!({"account": "tienda"})).await;
    assert_eq!((&staged["as_of"], &staged["breaks"]), (&json!("2026-03-05T07:00:01-05:00"), &json!(1)));
    assert_eq!(world.manifest("20260305T120001Z").await.carried, None);
    assert_eq!(world.open_classes().await, ["status_mismatch A-7"]);
    let whole = world.by_hand(Task { full: true, ..of_account() }, &at(MORNING)).await.unwrap();
    assert_eq!((whole.as_of.as_str(), whole.breaks), ("2026-03-05T07:00:01-05:00", 1));
}

#[tokio::test]
async fn a_stage_that_comes_before_its_time_says_what_it_misses() {
    let world = World::start().await;
    let early = json!({"stage": "join", "account": "tienda", "as_of": MORNING});
    let error = world.stage(early.clone()).await.unwrap_err().to_string();
    assert!(error.contains("inputs.json"), "{error}");
    let planned = world
        .stage(json!({"stage": "plan", "order": {"account": "tienda"}, "started_at": MORNING}))
        .await
        .unwrap();
    let error = world.stage(early).await.unwrap_err().to_string();
    assert!(error.contains("work/tienda/20260305T120000Z/") && error.contains("is not there"), "{error}");
    let error = world.stage(json!({"stage": "cut", "account": "tienda", "as_of": MORNING, "cut": 99})).await;
    assert!(error.unwrap_err().to_string().contains("cuts"));
    let nobody = json!({"stage": "join", "account": "nobody", "as_of": MORNING});
    assert!(world.stage(nobody).await.unwrap_err().to_string().contains("ACCOUNTS"));
    // What arrives after the plan belongs to the next run, as in a run of one invocation.
    world.arrives("orders", "2026-03-05", "late", &order(9, "paid", MORNING)).await;
    let stages = [planned["cuts"].as_array().unwrap().clone(), vec![planned["judge"].clone()]].concat();
    for stage in stages.into_iter().chain(planned["parts"].as_array().unwrap().clone()) {
        world.stage(stage).await.unwrap();
    }
    world.stage(planned["join"].clone()).await.unwrap();
    assert!(!world.legs_read_by("20260305T120000Z", &["orders"]).await.contains(&"late.csv".to_owned()));
}

/// An output may be larger than what one request or the memory takes.
#[tokio::test]
async fn an_output_is_written_piece_by_piece() {
    let world = World::start().await;
    let whole: Vec<u8> = (0..40_u32 << 20).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let mut upload = world.clients.bucket.upload("runs/tienda/large");
    for piece in whole.chunks(7 << 20) {
        upload.append(piece).await.unwrap();
    }
    assert!(world.aws.keys("runs/tienda/large").await.unwrap().is_empty(), "it is there when it is whole");
    upload.finish().await.unwrap();
    assert!(world.aws.object("runs/tienda/large").await.unwrap() == whole);
    world.break_network(Service::S3, "uploadId", Trouble::Status(403), None);
    let mut upload = world.clients.bucket.upload("runs/tienda/lost");
    assert!(upload.append(&whole).await.is_err());
}

/// A run over a whole past closes more than one object that is read may hold.
#[tokio::test]
async fn the_run_after_remembers_the_end_of_very_many_stubs() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    let key = "runs/tienda/20260305T120000Z/closed.ndjson";
    let stub = world.aws.object(key).await.unwrap();
    assert!(stub.ends_with(b"\n"));
    let count = cuadre::aws::bucket::OBJECT_BYTES_MAX / stub.len() + 1;
    world.aws.put_object(key, &stub.repeat(count)).await.unwrap();
    let run = world.run(NEXT_MORNING).await.unwrap();
    assert_eq!(run.breaks, 1);
    let manifest = world.manifest("20260306T120000Z").await;
    let note = &manifest.notes[0];
    assert!(note.contains("the last 134") && note.contains("are remembered"), "{note}");
    let [kept] = manifest.carried.unwrap().closed.try_into().unwrap();
    assert!(kept.bytes <= 128 * 1024 * 1024 && kept.bytes > 127 * 1024 * 1024, "{}", kept.bytes);
}
