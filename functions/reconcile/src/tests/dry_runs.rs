//! Runs that change nothing.

use serde_json::Value;

use super::*;

const OTHER: &str = "[tolerance]\nabsolute = \"3.00\"\n";

fn dry() -> Task {
    Task { dry_run: true, ..of_account() }
}

fn under(policy_text: &str) -> Task {
    Task { policy_text: Some(policy_text.to_owned()), ..dry() }
}

impl World {
    /// Two breaks: one is unknown to the shop, one is 2.50 too little.
    async fn with_two_breaks() -> World {
        let world = World::start().await;
        let rows = "reference_id,cip,amount,currency,status,created_at,updated_at\n\
             A-7,7,22.50,PEN,pending,2026-03-02T09:00:00-05:00,2026-03-05T06:00:00-05:00\n\
             A-8,8,25.00,PEN,paid,2026-03-02T09:00:00-05:00,2026-03-05T06:00:00-05:00\n";
        world.put(ORDERS, rows).await;
        world
    }

    async fn dry_run(&self, task: Task, now: &str) -> Result<DryRun, ReconcileError> {
        match handle(&Event::Task(task), &self.clients, &self.config, &at(now)).await? {
            Answer::DryRun(run) => Ok(run),
            other => panic!("{other:?}"),
        }
    }

    async fn difference(&self, run: &DryRun) -> Value {
        let prefix = run.report.split_once(BUCKET_NAME).unwrap().1.trim_start_matches('/');
        serde_json::from_slice(&self.aws.object(&format!("{prefix}difference.json")).await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn another_policy_is_tried_on_the_last_run_without_changing_anything() {
    let world = World::with_two_breaks().await;
    world.run(MORNING).await.unwrap();
    let items = world.aws.items().await.unwrap();
    // What arrives afterwards is not the policy's doing.
    world.put_orders("paid").await;
    world.put("config/other.toml", OTHER).await;
    let task = Task { policy: Some("config/other.toml".to_owned()), ..dry() };
    let run = world.dry_run(task, "2026-03-05T09:00:00-05:00").await.unwrap();

    assert_eq!((run.as_of.as_str(), run.breaks), (MORNING, 1));
    assert!(run.report.contains("/runs/tienda/dry/20260305T140000Z-"), "{}", run.report);
    assert_eq!((run.since.new, run.since.gone, run.since.changed, run.since.same), (0, 1, 0, 1));
    assert_eq!(run.policy_tables_changed, ["tolerance"]);
    let difference = world.difference(&run).await;
    assert_eq!(difference["gone"][0]["before"]["class"], "amount_mismatch");
    assert_eq!(difference["gone"][0]["reference_id"], "A-8");
    let class = &difference["classes"]["matched_within_tolerance"];
    assert_eq!((&class["before"]["count"], &class["after"]["count"]), (&Value::from(0), &Value::from(1)));

    assert_eq!(world.aws.items().await.unwrap(), items, "the table is as it was");
    assert_eq!(world.aws.alerts().len(), 1);
    let inline = world.dry_run(under(OTHER), "2026-03-05T09:00:00-05:00").await.unwrap();
    assert_eq!(inline, run, "the same text is the same dry run");
}

#[tokio::test]
async fn a_cut_without_a_run_is_judged_with_what_there_is() {
    let world = World::with_two_breaks().await;
    assert!(matches!(world.dry_run(dry(), MORNING).await, Err(ReconcileError::Task(TaskError::NoRun))));
    world.run(MORNING).await.unwrap();
    let row = "reference_id,cip,amount,currency,status,created_at,updated_at\n\
        A-7,7,22.50,PEN,paid,2026-03-02T09:00:00-05:00,2026-03-05T07:30:00-05:00\n";
    world.put(&export(1), row).await;
    let cut = Task { cut: Some("2026-03-05T08:00:00-05:00".to_owned()), ..dry() };
    let run = world.dry_run(cut, "2026-03-05T09:00:00-05:00").await.unwrap();
    assert_eq!((run.breaks, run.since.gone, run.since.same), (1, 1, 1));
    assert_eq!(run.against.and_then(|terms| terms.as_of).as_deref(), Some(MORNING));
    // The next real run is not kept from anything.
    assert_eq!(world.run("2026-03-05T08:00:00-05:00").await.unwrap().breaks, 1);
}

#[tokio::test]
async fn everything_is_read_anew_where_that_is_asked_for() {
    let world = World::with_two_breaks().await;
    world.run(MORNING).await.unwrap();
    let full = Task { full: true, ..under(OTHER) };
    let run = world.dry_run(full, "2026-03-05T09:00:00-05:00").await.unwrap();
    assert_eq!((run.as_of.as_str(), run.since.gone, run.since.same), (MORNING, 1, 1));
    let prefix = run.report.split_once(BUCKET_NAME).unwrap().1.trim_matches('/').to_owned();
    let manifest = world.manifest(prefix.trim_start_matches("runs/tienda/")).await;
    assert!(manifest.carried.is_none() && manifest.objects().any(|object| object.key == ORDERS));
}

#[tokio::test]
async fn a_policy_with_a_fault_is_told_before_anything_is_written() {
    let world = World::with_two_breaks().await;
    world.run(MORNING).await.unwrap();
    let check = async |task: Task, part: &str| {
        let error = world.dry_run(task, NEXT_MORNING).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check(under("no_such_key = 1"), "no_such_key").await;
    check(Task { policy: Some("config/none.toml".to_owned()), ..dry() }, "not in the bucket").await;
    check(Task { cut: Some("2026-03-06T07:02:00-05:00".to_owned()), ..dry() }, "still to come").await;
    assert_eq!(world.aws.keys("runs/tienda/dry/").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_policy_that_was_changed_is_told_with_the_tables_that_were() {
    let world = World::with_two_breaks().await;
    world.put("config/cuadre.toml", "[tolerance]\nabsolute = \"0.05\"\n").await;
    world.run(MORNING).await.unwrap();
    assert!(!world.aws.alerts()[0].body.contains("policy"));
    world.put("config/cuadre.toml", OTHER).await;
    world.run(NEXT_MORNING).await.unwrap();
    let body = world.aws.alerts().pop().unwrap().body;
    let note = "Note: the policy has changed since the run of 2026-03-05 07:00: ";
    assert!(body.contains(note) && body.contains(" (tolerance)"), "{body}");
    let outputs: HashMap<_, _> = world.outputs("20260306T120000Z").await.into_iter().collect();
    let summary: Value = serde_json::from_slice(&outputs["summary.json"]).unwrap();
    assert!(summary["warnings"][0].as_str().unwrap().starts_with("the policy has changed"), "{summary}");
    let difference: Value = serde_json::from_slice(&outputs["difference.json"]).unwrap();
    assert_eq!(difference["policy_tables_changed"], serde_json::json!(["tolerance"]));
    assert_ne!(difference["before"]["policy_sha256"], difference["after"]["policy_sha256"]);
}
