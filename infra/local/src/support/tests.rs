//! What a pack holds, and what it never does.

use std::collections::BTreeMap;
use std::io::Read;

use clap::Parser;
use cuadre_emulators::{BUCKET_NAME, Emulators};
use cuadre_sandbox::{Config, Fault, FaultRule};

use super::*;
use crate::cli::{Cli, Command};

const ACCESS_KEY: &str = "canaryACCESS4411";
const SECRET_KEY: &str = "canary/KEY+9c1f7e2ab4d0==";
const NAME: &str = "Canaria Quispe Mamani";
const MAIL: &str = "canaria.quispe@example.pe";
const DOCUMENT: &str = "40128877";
const CIP: &str = "99887766554433";
const REFERENCE: &str = "PED-CANARY-5";
const CANARIES: [&str; 9] =
    [ACCESS_KEY, SECRET_KEY, NAME, MAIL, DOCUMENT, CIP, REFERENCE, "eyJ", "secret-path"];

/// Runs the command against a simulator with these faults.
fn support_pack(folder: &Path, out: &Path, faults: &[FaultRule]) -> Result<Done, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = Config::new(1234, ACCESS_KEY, SECRET_KEY, 7, aws::now().to_utc());
    let sandbox = runtime.block_on(cuadre_sandbox::start(config)).unwrap();
    for fault in faults {
        sandbox.inject(fault.clone());
    }
    let secret = folder.join("secret.json");
    let keys = json!({"id_service": 1234, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY});
    fs::write(&secret, keys.to_string()).unwrap();
    let callback = format!("{}/v1/cips/search?key=secret-path", sandbox.base_url());
    let (secret, out, url) = (secret.display().to_string(), out.display().to_string(), sandbox.base_url());
    let line = ["cuadre", "support-pack", "tienda", "--secret-file", &secret, "--out", &out, "--url", &url];
    let more = ["--cip", CIP, "--probe", "--callback-url", &callback];
    let Some(Command::SupportPack(arguments)) = Cli::parse_from(line.into_iter().chain(more)).command else {
        panic!("support-pack")
    };
    run(&arguments)
}

fn in_folder(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

fn check_canaries(files: &BTreeMap<String, String>) {
    for (name, text) in files {
        for canary in CANARIES {
            assert!(!text.contains(canary), "{name} holds {canary}: {text}");
        }
    }
}

#[test]
fn a_pack_tells_of_every_request_and_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack");
    let faults = [
        FaultRule::once(Fault::Internal, "POST /v1/cips/search", 0),
        FaultRule::once(Fault::Cut, "POST /v1/cips/search", 0),
        FaultRule::once(Fault::ForeignCip, "POST /v1/cips/search", 0),
    ];
    let done = support_pack(folder.path(), &out, &faults).unwrap();
    assert!(done.report.contains("requests, no pulls"), "{}", done.report);
    let files = in_folder(&out);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["README.txt", "checks.json", "requests.ndjson", "summary.json"]);
    check_canaries(&files);
    let requests: Vec<Value> =
        files["requests.ndjson"].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(requests[0]["what"], "/v1/authorizations");
    assert_eq!((&requests[1]["status"], &requests[1]["code"]), (&json!(500), &json!("166")));
    assert!(requests[2]["fault"].as_str().unwrap().contains("breaks off"), "{}", requests[2]);
    assert_eq!(requests[3]["shape"]["data[].cip"], "number");
    let mut answered = requests.iter().filter(|request| request["status"].is_number());
    assert!(answered.all(|request| request["headers"]["date"].is_string()));
    let summary: Value = serde_json::from_str(&files["summary.json"]).unwrap();
    assert_eq!((&summary["requests"], &summary["requests_failed"]), (&json!(requests.len()), &json!(3)));
    assert!(summary["client"].as_str().unwrap().starts_with("cuadre/"));
}

#[test]
fn a_zip_holds_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("pack.zip");
    support_pack(folder.path(), &out, &[]).unwrap();
    let mut zip = zip::ZipArchive::new(fs::File::open(&out).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.insert(name, text);
    }
    assert_eq!(files.len(), 4);
    check_canaries(&files);
    let error = support_pack(folder.path(), &out, &[]).unwrap_err();
    assert!(error.sentence().contains("is there already"), "{}", error.sentence());
}

#[test]
fn of_a_pull_only_when_and_how_much_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pulls = runtime.block_on(async {
        let aws = Emulators::start().await.unwrap();
        let manifest = |tick: usize| {
            json!({
                "account": "tienda", "source": "portal_api", "kind": "report", "mode": "full",
                "from": "2026-03-02T00:00:00-05:00", "tick": format!("2026-03-02T{tick:02}:00:00-05:00"),
                "counts": {"rows": 3, "pages": 2, "of": NAME}, "totals": {"PEN": {"minor": 12345}},
                "pages": ["raw/portal_api/account=tienda/page-00001", MAIL], "unknown_columns": [NAME, DOCUMENT],
                "restates": format!("pulls/{REFERENCE}"), "engine": "0.1.0", "ended_at": MAIL, "rows_hash": CIP,
            })
        };
        for tick in 0..23 {
            let key = format!("pulls/portal_api/account=tienda/window=a_b/{tick:02}/manifest.json");
            aws.put_object(&key, manifest(tick).to_string().as_bytes()).await.unwrap();
        }
        let other = [
            "pulls/portal_api/account=otra/window=a_b/1/manifest.json",
            "pulls/portal_api/account=tienda/window=a_b/1/rows-00001.zst",
            "pulls/bank/account=tienda/window=a_b/1/manifest.json",
        ];
        for key in other {
            aws.put_object(key, b"no JSON").await.unwrap();
        }
        let bucket = Bucket::new(&aws.sdk_config(), Patience::WORK, BUCKET_NAME);
        last_pulls(&bucket, "tienda").await.unwrap()
    });
    assert_eq!(pulls.len(), PULLS_MAX);
    assert_eq!(pulls[0]["tick"], "2026-03-02T03:00:00-05:00");
    let expected = json!({
        "source": "portal_api", "kind": "report", "mode": "full", "from": "2026-03-02T00:00:00-05:00",
        "tick": "2026-03-02T22:00:00-05:00", "counts": {"rows": 3, "pages": 2}, "pages": 2, "restates": true,
        "engine": "0.1.0",
    });
    assert_eq!(pulls.last(), Some(&expected));
    let text = Value::Array(pulls).to_string();
    check_canaries(&BTreeMap::from([("pulls.ndjson".to_owned(), text)]));
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = support_pack(folder.path(), &file, &[]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.sentence().contains("name a folder, or a new file"), "{}", error.sentence());
}
