//! Archived runs, made again from what `inputs.json` names.

use std::collections::BTreeMap;

use super::*;

impl World {
    /// What the run read, as an archive gives it: each object in the version that the manifest names.
    async fn archived(&self, manifest: &Manifest) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        for Version { key, version_id, .. } in manifest.objects() {
            let object = self.clients.bucket.get(key, version_id.as_deref()).await.unwrap().unwrap();
            objects.insert(key.clone(), object.bytes);
        }
        objects
    }
}

#[tokio::test]
async fn a_run_is_the_same_bytes_again_though_everything_has_changed_since() {
    let world = World::start().await;
    world.put("config/cuadre.toml", "[tolerance]\nabsolute = \"0.10\"\n").await;
    world.run("2026-03-04T07:00:00-05:00").await.unwrap();
    world.put("normalized/orders/account=tienda/day=2026-03-05/orders.xlsx", "PK").await;
    world.run(MORNING).await.unwrap();
    let outputs = world.outputs("20260305T120000Z").await;
    // Other orders, another policy, more notices, and breaks that are closed.
    world.put_orders("paid").await;
    world.put("config/cuadre.toml", "[tolerance]\nabsolute = \"9.00\"\n").await;
    world.announce("9", "901", "2026-03-02T09:30:05-05:00").await;
    world.run(NEXT_MORNING).await.unwrap();

    let manifest = world.manifest("20260305T120000Z").await;
    let again = again(&manifest, world.archived(&manifest).await).unwrap();
    let archived: BTreeMap<_, _> = outputs.into_iter().collect();
    assert_eq!(again.len(), 7);
    for (name, bytes) in again {
        assert_eq!(first_mismatch(&archived[&name], &bytes), None, "{name}");
    }
}

#[tokio::test]
async fn an_object_that_is_gone_or_another_one_is_named() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    let manifest = world.manifest("20260305T120000Z").await;
    let objects = world.archived(&manifest).await;
    assert_eq!(objects.len(), manifest.objects().count());
    let notices = world.aws.keys("normalized/notices/").await.unwrap();
    for key in [ORDERS, SEARCHED, LOOKS, &notices[0]] {
        let without: BTreeMap<_, _> = objects.clone().into_iter().filter(|(known, _)| known != key).collect();
        let error = again(&manifest, without).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("not there any longer"), "{error}");
        let mut other = objects.clone();
        other.get_mut(key).unwrap().push(b'\n');
        let error = again(&manifest, other).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("SHA-256"), "{error}");
    }
}

#[tokio::test]
async fn a_run_that_another_engine_began_is_ended_by_this_one_and_says_so() {
    let world = World::start().await;
    world.break_network(Service::S3, "/breaks.csv", Trouble::Status(400), None);
    world.run(MORNING).await.unwrap_err();
    world.aws.faults().clear();
    let key = "runs/tienda/20260305T120000Z/inputs.json";
    let text = String::from_utf8(world.aws.object(key).await.unwrap()).unwrap();
    let engine = format!("\"engine_version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&engine), "{text}");
    world.put(key, &text.replace(&engine, "\"engine_version\": \"0.0.1\"")).await;
    world.run(MORNING).await.unwrap();
    assert_eq!(world.manifest("20260305T120000Z").await.engine_version, env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn breaks_are_written_only_when_they_are_new_changed_closed_or_back() {
    let world = World::start().await;
    let written = async || {
        let mut written = 0;
        loop {
            let batch = world.aws.stream_batch(100).unwrap();
            let records = batch["Records"].as_array().unwrap();
            let Some(last) = records.last() else { return written };
            let of_breaks =
                |record: &&serde_json::Value| record["dynamodb"]["NewImage"]["kind"]["S"] == "break";
            written += records.iter().filter(of_breaks).count();
            world.aws.done_with(last["dynamodb"]["SequenceNumber"].as_str().unwrap());
        }
    };
    let steps = [
        ("pending", "2026-03-05T07:00:00-05:00", 1),
        ("pending", "2026-03-06T07:00:00-05:00", 0),
        ("expired", "2026-03-07T07:00:00-05:00", 0),
        ("paid", "2026-03-08T07:00:00-05:00", 1),
        ("paid", "2026-03-09T07:00:00-05:00", 0),
        ("refunded", "2026-03-10T07:00:00-05:00", 1),
        ("pending", "2026-03-11T07:00:00-05:00", 1),
    ];
    for (status, run, expected) in steps {
        world.put_orders(status).await;
        world.run(run).await.unwrap();
        assert_eq!(written().await, expected, "{status} on {run}");
    }
}
