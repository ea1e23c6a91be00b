//! The sample events.

use super::*;

#[tokio::test]
async fn every_sample_event_is_taken_as_its_name_says() {
    let world = World::start().await;
    let clock = at("2026-03-05T10:10:00-05:00");
    let read = |name: &str| {
        let path = format!("{}/../../events/reconcile/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Event::read(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    };
    let done = async |name: &str| handle(&read(name).unwrap(), &world.clients, &world.config, &clock).await;
    let alerted = async |name: &str| match done(name).await.unwrap() {
        Answer::Reconciled(run) => run.alerted,
        other => panic!("{name}: {other:?}"),
    };
    let alerts = || world.aws.alerts().len();

    for (name, waiting) in [("ok-scheduled", 1), ("dup-scheduled", 1), ("ok-placeholder", 2)] {
        assert_eq!(done(name).await.unwrap(), Answer::Sent { sent: 1 });
        assert_eq!(world.aws.waiting(RUNS_URL).len(), waiting, "{name}");
    }
    for (name, told) in [("ok-message", 1), ("dup-message", 1), ("ok-message-arrival", 1)] {
        assert_eq!(done(name).await.unwrap(), Answer::Batch(BatchAnswer::default()), "{name}");
        assert_eq!(alerts(), told, "{name}");
    }
    assert!(alerted("ok-cut").await);
    assert!(alerted("ok-by-hand").await);
    assert!(matches!(done("ok-dry-run").await.unwrap(), Answer::DryRun(_)));
    assert_eq!(alerts(), 3);
    assert_eq!(done("bad-message").await.unwrap(), Answer::Batch(BatchAnswer::default()));
    let refused = async |name: &str| match done(name).await {
        Err(ReconcileError::Task(error)) => error,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(refused("bad-account").await, TaskError::Tick(TickError::UnknownAccount));
    assert_eq!(refused("bad-time").await, TaskError::Tick(TickError::BadTime));
    assert_eq!(refused("bad-ahead").await, TaskError::Tick(TickError::Ahead));
    assert_eq!(refused("bad-policy").await, TaskError::PolicyOfRealRun);
    assert_eq!(refused("bad-dry-run").await, TaskError::DryRunOfMany);
    assert!(read("bad-field").is_err());
    assert!(read("bad-stage").is_err(), "it does not say which part");
    assert!(
        matches!(done("ok-stage-plan").await.unwrap(), Answer::Planned(planned) if planned.parts.len() == 1)
    );
}
