//! The sample events are what their names say.

use std::collections::BTreeSet;

use cuadre::aws::schedule::TickError;

use super::reports::{Reports, TICK};
use super::*;

/// What a sample comes to, in a word.
async fn outcome(name: &str, reports: &Reports) -> String {
    let path = format!("{}/../../events/report-pull/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let Ok(event) = Event::read(event) else { return "no event".to_owned() };
    let (world, now) = (&reports.world, time("2026-03-02T10:10:00-05:00"));
    match handle(&event, &world.clients, &world.config, &|| now).await {
        Ok(Answer::Sent { sent }) => format!("{sent} sent"),
        Ok(Answer::Probed { changes, .. }) => format!("{} changes", changes.len()),
        Ok(Answer::Batch(batch)) => format!("{} again", batch.failures.len()),
        Ok(Answer::Pulled(Pulled { ending, .. })) => match ending {
            Ending::AlreadyDone => "already done".to_owned(),
            Ending::Searched(searched) => format!("{} asked", searched.asked),
            Ending::Reported(reported) => format!("{} new", reported.counts.new),
            ending => panic!("{ending:?}"),
        },
        Err(PullError::Task(error)) => match error {
            TaskError::Tick(TickError::Ahead) => "ahead",
            TaskError::Tick(_) => "no time",
            TaskError::UnknownAccount => "unknown account",
            TaskError::UnknownSource => "unknown source",
            TaskError::BadWindow => "no window",
            TaskError::WindowOfMany => "window of many",
            TaskError::NoFirstDay => "no first day",
            TaskError::WindowOfSearch => "window of a search",
        }
        .to_owned(),
        Err(error) => panic!("{name}: {error}"),
    }
}

#[tokio::test]
async fn every_sample_event_is_taken_as_its_name_says() {
    let lines = "[accounts.tienda.sources.search]\nkind = \"cip_search\"";
    let lines = format!("paging = {{ by = \"page\", size = 100 }}\nsince = \"2026-03-01\"\n{lines}");
    let address = "/pages?from={from}&to={to}&page={page}&size={size}";
    let mut reports = Reports::start(30, address, &lines).await;
    reports.world.config.probe_account = Some("tienda".to_owned());
    reports.world.config.probe_url = reports.world.sandbox.base_url();
    reports.world.order(2).await;
    assert!(time(TICK) < time("2026-03-02T10:10:00-05:00"));
    let expected = [
        ("ok-scheduled", "2 sent"),
        ("dup-scheduled", "2 sent"),
        ("ok-placeholder", "2 sent"),
        ("ok-account", "2 sent"),
        ("ok-message", "0 again"),
        ("dup-message", "0 again"),
        ("ok-by-hand", "already done"),
        ("ok-window", "30 new"),
        ("ok-full", "0 new"),
        ("ok-probe", "0 changes"),
        ("bad-message", "0 again"),
        ("bad-message-source", "0 again"),
        ("bad-account", "unknown account"),
        ("bad-source", "unknown source"),
        ("bad-ahead", "ahead"),
        ("bad-field", "no event"),
        ("bad-time", "no time"),
        ("bad-window", "no window"),
        ("bad-window-of-search", "window of a search"),
        ("bad-window-of-many", "window of many"),
    ];
    for (name, expected) in expected {
        assert_eq!(outcome(name, &reports).await, expected, "{name}");
    }
    assert_eq!(reports.world.aws.waiting(PULLS_URL).len(), 2, "the same tick is the same messages");
    let folder = format!("{}/../../events/report-pull", env!("CARGO_MANIFEST_DIR"));
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = names.collect();
    assert_eq!(names, expected.iter().map(|(name, _)| format!("{name}.json")).collect());
}
