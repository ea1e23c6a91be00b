use super::*;
use crate::cli::{Cli, Command};
use clap::Parser;
use cuadre_emulators::{BUCKET_NAME, Emulators, RUNS_URL, TABLE_NAME, TOPIC_ARN};
use std::fs;

const RUN: &str = "runs/tienda/20260305T120000Z";

/// A bucket in which a run was made, copied to a folder as `aws s3 sync` does; and the run's folder in it.
async fn copy() -> (tempfile::TempDir, PathBuf) {
    let aws = Emulators::start().await.unwrap();
    let orders = "reference_id,cip,amount,currency,status,created_at\n\
        A-7,7,22.50,PEN,paid,2026-03-02T09:00:00-05:00\n";
    aws.put_object("normalized/orders/account=tienda/day=2026-03-02/shop.csv", orders.as_bytes())
        .await
        .unwrap();
    aws.put_object("config/cuadre.toml", b"[coverage]\nreports = \"complete\"\n").await.unwrap();
    let lookup = |name: &str| {
        let value = match name {
            "TABLE_NAME" => TABLE_NAME,
            "BUCKET_NAME" => BUCKET_NAME,
            "TOPIC_ARN" => TOPIC_ARN,
            "RUNS_URL" => RUNS_URL,
            "ACCOUNTS" => "tienda",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = cuadre_reconcile::Config::from_env(&lookup).unwrap();
    let clients = cuadre_reconcile::Clients::new(&aws.sdk_config(), &config);
    let cut = Some("2026-03-05T12:00:00Z".to_owned());
    let task = cuadre_reconcile::Task { account: Some("tienda".to_owned()), cut, ..Default::default() };
    let event = cuadre_reconcile::Event::Task(task);
    cuadre_reconcile::handle(&event, &clients, &config, &aws::now).await.unwrap();

    let bucket = Bucket::new(&aws.sdk_config(), Patience::WORK, BUCKET_NAME);
    let in_bucket = replay(&Archive::Bucket(bucket, format!("{RUN}/")), false).await.unwrap();
    assert!(in_bucket.is_same(), "{}", in_bucket.as_text());

    let folder = tempfile::tempdir().unwrap();
    for key in aws.keys("").await.unwrap() {
        let place = folder.path().join(&key);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, aws.object(&key).await.unwrap()).unwrap();
    }
    let run = folder.path().join(RUN);
    (folder, run)
}

fn command(run: &Path, more: &str) -> Result<Done, Failure> {
    let words = ["cuadre", "replay", run.to_str().unwrap()].into_iter().chain(more.split_whitespace());
    let Some(Command::Replay(arguments)) = Cli::parse_from(words).command else { panic!("replay") };
    super::run(&arguments)
}

fn world() -> (tempfile::TempDir, PathBuf) {
    tokio::runtime::Runtime::new().unwrap().block_on(copy())
}

#[test]
fn a_run_is_the_same_from_its_bucket_and_from_a_copy_of_it() {
    let (_folder, run) = world();
    let Done { verdict, report } = command(&run, "").unwrap();
    assert_eq!(verdict, Verdict::Agreed, "{report}");
    assert!(report.contains("breaks.csv: the same") && report.ends_with("The same bytes."), "{report}");
    let json: serde_json::Value = serde_json::from_str(&command(&run, "--json").unwrap().report).unwrap();
    assert_eq!((&json["same"], &json["files"][0]["same"]), (&json!(true), &json!(true)));
}

#[test]
fn a_file_that_differs_is_named_with_its_first_place() {
    let (_folder, run) = world();
    let breaks = fs::read_to_string(run.join("breaks.csv")).unwrap();
    assert!(breaks.contains("missing_at_provider"), "{breaks}");
    fs::write(run.join("breaks.csv"), breaks.replace("22.50", "22.51")).unwrap();
    fs::remove_file(run.join("matched.csv")).unwrap();
    let Done { verdict, report } = command(&run, "").unwrap();
    assert_eq!(verdict, Verdict::Breaks);
    let (at, archived) = (breaks.lines().nth(1).unwrap().find("22.50").unwrap() + 5, "22.51");
    assert!(report.contains(&format!("breaks.csv: differs first in line 2, byte {at}")), "{report}");
    assert!(report.contains(archived) && report.contains("matched.csv: NOT ARCHIVED"), "{report}");
    assert!(report.ends_with("NOT the same."), "{report}");
}

#[test]
fn another_engine_is_refused_unless_it_is_asked_for() {
    let (_folder, run) = world();
    let inputs = fs::read_to_string(run.join("inputs.json")).unwrap();
    let this = format!("\"engine_version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(run.join("inputs.json"), inputs.replace(&this, "\"engine_version\": \"0.0.7\"")).unwrap();
    let Err(Failure::Input(sentence)) = command(&run, "") else { panic!("refused") };
    assert!(sentence.contains("version 0.0.7") && sentence.contains("--any-version"), "{sentence}");
    assert_eq!(command(&run, "--any-version").unwrap().verdict, Verdict::Agreed);
}

#[test]
fn what_is_missing_or_was_changed_is_a_failure() {
    let (folder, run) = world();
    let orders = folder.path().join("normalized/orders/account=tienda/day=2026-03-02/shop.csv");
    let check = |part: &str, code: u8| {
        let failure = command(&run, "").unwrap_err();
        assert_eq!(failure.exit_code(), code, "{}", failure.sentence());
        assert!(failure.sentence().contains(part), "{}", failure.sentence());
    };
    fs::write(&orders, "other").unwrap();
    check("shop.csv is not what the run read", 3);
    fs::remove_file(&orders).unwrap();
    check("shop.csv is not there any longer", 3);
    fs::write(run.join("inputs.json"), "{}").unwrap();
    check("inputs.json is not as this version writes it", 3);
    fs::remove_file(run.join("inputs.json")).unwrap();
    check("there is no inputs.json", 2);
}

#[test]
fn a_name_that_leads_out_of_the_copy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for key in ["../secret", "/etc/hostname", "a/../../b"] {
        assert!(matches!(in_copy(folder.path(), key), Err(Failure::Input(_))), "{key}");
    }
    assert_eq!(in_copy(folder.path(), "a/b").unwrap(), None);
}
