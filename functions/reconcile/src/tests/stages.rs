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

#[tokio::test]
async fn a_run_in_stages_is_the_run_of_one_invocation() {
    let (whole, cut) = (World::start().await, World::start().await);
    for world in [&whole, &cut] {
        world.many_pairs().await;
    }
    let expected = in_one(&whole).await;
    let (gave, parts) = cut.in_stages(json!({"account": "tienda", "part_bytes": 1500})).await;
    assert!(parts > 3, "{parts}");
    assert_eq!(gave, serde_json::to_value(Answer::Reconciled(expected)).unwrap());
    let (expected, gave) = (whole.outputs("20260305T120000Z").await, cut.outputs("20260305T120000Z").await);
    // The names of versions are the bucket's own.
    let told =
        |outputs: Vec<(String, Vec<u8>)>| outputs.into_iter().filter(|(name, _)| name != "inputs.json");
    let (expected, gave): (Vec<_>, Vec<_>) = (told(expected).collect(), told(gave).collect());
    for ((name, expected), (known, gave)) in expected.iter().zip(&gave) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!((name, text(expected)), (known, text(gave)));
    }
    assert_eq!(expected.len(), gave.len());
    assert_eq!(whole.states().await, cut.states().await);
    let alerts = |world: &World| {
        world.aws.alerts().into_iter().map(|alert| (alert.subject, alert.body)).collect::<Vec<_>>()
    };
    assert_eq!(alerts(&whole), alerts(&cut));
    assert_eq!(alerts(&cut).len(), 1);
}
