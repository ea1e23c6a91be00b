//! The doctor against the simulator of the provider, with its faults.

use std::fs;
use std::time::Duration;

use chrono::TimeDelta;
use clap::Parser;
use cuadre::pagoefectivo::contract::Contract;
use cuadre_emulators::Emulators;
use cuadre_sandbox::{Config, Fault, FaultRule, Sandbox};

use super::*;
use crate::cli::{Cli, Command};

const ACCESS_KEY: &str = "canaryACCESS4411";
const SECRET_KEY: &str = "canary/KEY+9c1f7e2ab4d0==";
const TOKENS: &str = "POST /v1/authorizations";
const SEARCHES: &str = "POST /v1/cips/search";

/// A simulator beside the command, which blocks.
struct World {
    sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    /// For one request; short where silence is what is waited for.
    request: Duration,
}

impl World {
    fn start() -> World {
        World::start_with(TimeDelta::zero())
    }

    /// With the provider's clock so far from ours.
    fn start_with(skew: TimeDelta) -> World {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let config = Config::new(1234, ACCESS_KEY, SECRET_KEY, 7, aws::now().to_utc() + skew);
        let sandbox = runtime.block_on(cuadre_sandbox::start(config)).unwrap();
        let world =
            World { sandbox, runtime, folder: tempfile::tempdir().unwrap(), request: Duration::from_secs(5) };
        world.secret(1234, ACCESS_KEY, SECRET_KEY);
        world
    }

    fn secret(&self, id_service: u64, access_key: &str, secret_key: &str) {
        let secret = json!({"id_service": id_service, "access_key": access_key, "secret_key": secret_key});
        fs::write(self.folder.path().join("secret.json"), secret.to_string()).unwrap();
    }

    fn examine(&self, more: &[&str]) -> Examination {
        let file = self.folder.path().join("secret.json").display().to_string();
        let url = self.sandbox.base_url();
        let mut line = vec!["cuadre", "doctor", "tienda", "--secret-file", &file];
        line.extend(more);
        if !more.contains(&"--url") {
            line.extend(["--url", &url]);
        }
        let Some(Command::Doctor(arguments)) = Cli::parse_from(line).command else { panic!("doctor") };
        let persistence = Persistence {
            request: self.request,
            first_wait: Duration::from_millis(1),
            ..Persistence::default()
        };
        let examination = examine(&arguments, persistence).unwrap();
        let told = format!(
            "{} {} {:?} {}",
            as_text(&examination.findings),
            as_json(&examination.findings),
            examination.records,
            examination.environment
        );
        for canary in [ACCESS_KEY, SECRET_KEY, "eyJ"] {
            assert!(!told.contains(canary), "{canary}: {told}");
        }
        examination
    }
}

/// The checks that are not good, each with its word.
fn not_good(examination: &Examination) -> Vec<(&'static str, &'static str)> {
    let findings = examination.findings.iter().filter(|finding| finding.health != Health::Good);
    findings.map(|finding| (finding.check, finding.health.word())).collect()
}

fn says<'e>(examination: &'e Examination, check: &str) -> &'e str {
    &examination.findings.iter().find(|finding| finding.check == check).unwrap().says
}

const NOT_ASKED_FOR: [(&str, &str); 2] = [("contract", "not tried"), ("callback", "not tried")];

#[test]
fn a_healthy_account_is_good_in_every_way() {
    let world = World::start();
    let examination = world.examine(&[]);
    assert_eq!(not_good(&examination), NOT_ASKED_FOR, "{}", as_text(&examination.findings));
    assert_eq!(examination.counts(), [7, 0, 2]);
    assert!(says(&examination, "search").contains("CIP 1 is not known there"));
    assert_eq!(as_text(&examination.findings).lines().count(), 9);
    let list: serde_json::Value = serde_json::from_str(&as_json(&examination.findings)).unwrap();
    assert_eq!(list[7]["health"], "not_tried");
}

#[test]
fn each_fault_is_found_where_it_lies() {
    let check = |fault: Fault, matching: &str, bad: &[(&str, &str)]| {
        let mut world = World::start();
        if fault == Fault::Silent {
            world.request = Duration::from_millis(200);
        }
        world.sandbox.inject(FaultRule::always(fault.clone(), matching));
        let examination = world.examine(&[]);
        let found: Vec<_> =
            examination.findings.iter().filter(|finding| finding.health == Health::Bad).collect();
        assert_eq!(found.len(), bad.len(), "{fault:?}: {}", as_text(&examination.findings));
        for (finding, (check, part)) in found.iter().zip(bad) {
            assert!(finding.check == *check && finding.says.contains(part), "{fault:?}: {finding:?}");
        }
    };
    let not_allowed = "it is not allowed (403): tell PagoEfectivo the address";
    check(Fault::Status(403), TOKENS, &[("address", not_allowed), ("token", "HTTP 403")]);
    check(Fault::Status(403), SEARCHES, &[("address", not_allowed), ("search", "HTTP 403")]);
    check(Fault::Status(401), SEARCHES, &[("search", "check access_key and secret_key")]);
    check(Fault::Internal, SEARCHES, &[("search", "code 166): an internal error of the provider")]);
    check(Fault::Busy("3600".to_owned()), SEARCHES, &[("search", "too many requests")]);
    check(Fault::Status(502), TOKENS, &[("token", "do not answer one another")]);
    check(Fault::Code(508), TOKENS, &[("token", "the token does not belong to this service")]);
    check(Fault::Silent, TOKENS, &[("connection", "does not answer in time"), ("token", "in time")]);
    check(Fault::Redirect, TOKENS, &[("token", "it points elsewhere")]);
    check(Fault::Html, SEARCHES, &[("search", "is a page or XML")]);
    check(Fault::Gzip, SEARCHES, &[("search", "is compressed")]);
    check(Fault::ForeignCip, SEARCHES, &[("search", "send a support pack")]);
    check(Fault::TextCode, "", &[]);
}

#[test]
fn wrong_keys_and_a_wrong_clock_are_told_apart() {
    let world = World::start();
    world.secret(1234, ACCESS_KEY, "canary/OLDKEY+77aa02b1c9==");
    let examination = world.examine(&[]);
    assert!(says(&examination, "hash").contains("secret_key is not the one that belongs"));
    world.secret(1234, "replace-me", "replace-me");
    let examination = world.examine(&[]);
    assert!(says(&examination, "keys").contains("placeholder"));
    assert_eq!(examination.counts(), [0, 1, 8]);
    world.secret(999, "OTHER", SECRET_KEY);
    assert!(says(&world.examine(&[]), "hash").contains("keys of test and production differ"));
    world.secret(1234, ACCESS_KEY, &format!("{SECRET_KEY} "));
    assert!(says(&world.examine(&[]), "keys").contains("white space"));

    for (skew, part) in [(-600, "600 seconds ahead of"), (600, "600 seconds behind")] {
        let world = World::start_with(TimeDelta::seconds(skew));
        let examination = world.examine(&[]);
        let says = says(&examination, "clock");
        let near = part.replace("600", "599");
        let far = part.replace("600", "601");
        assert!([part, &near, &far].iter().any(|part| says.contains(part)), "{says}");
    }
    let world = World::start_with(TimeDelta::hours(5));
    assert!(says(&world.examine(&[]), "hash").contains("the time in it is not accepted"));
}

#[test]
fn what_is_in_the_way_of_a_connection_is_named() {
    let world = World::start();
    let plain = world.sandbox.base_url();
    let check = |url: &str, part: &str| {
        let examination = world.examine(&["--url", url]);
        let says = says(&examination, "connection");
        assert!(says.contains(part), "{says}");
        assert!(!examination.environment.contains("secret-path"), "{}", examination.environment);
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    check(&format!("http://{free}/secret-path"), "nobody listens there");
    check(&plain.replace("http:", "https:"), "TLS fails");
    check("https://provider.invalid", "its name is not resolved");
}

#[test]
fn the_callback_must_turn_away_what_is_not_signed() {
    let world = World { request: Duration::from_millis(500), ..World::start() };
    let check = |path: &str, rule: Option<Fault>, health: Health, part: &str| {
        world.sandbox.clear_faults();
        if let Some(fault) = rule {
            world.sandbox.inject(FaultRule::always(fault, "POST /v1/cips/search"));
        }
        let url = format!("{}{path}", world.sandbox.base_url());
        let examination = world.examine(&["--callback-url", &url]);
        let finding = examination.findings.last().unwrap();
        assert!(finding.health == health && finding.says.contains(part), "{finding:?}");
    };
    let api = "/v1/cips/search";
    check(api, None, Health::Good, "turns away what is not signed");
    check(api, Some(Fault::Html), Health::Bad, "it takes what nobody signed (HTTP 200)");
    check(api, Some(Fault::Status(403)), Health::Bad, "a firewall");
    check(api, Some(Fault::Status(415)), Health::Bad, "HTTP 415 in place of 401");
    check(api, Some(Fault::Status(503)), Health::Bad, "runbook");
    check(api, Some(Fault::Redirect), Health::Bad, "points elsewhere");
    check(api, Some(Fault::Silent), Health::Bad, "no whole answer in time");
    check("/nowhere", None, Health::Bad, "ends in /callbacks/ACCOUNT");
}

#[test]
fn the_simulator_s_answers_have_the_recorded_shape_and_a_change_is_told() {
    let world = World::start();
    let examination = world.examine(&["--probe"]);
    let contract = says(&examination, "contract");
    assert!(contract.contains("6 answers have the recorded shape"), "{contract}");
    assert_eq!(Contract::recorded().unwrap().answers.len(), 6);
    world.sandbox.inject(FaultRule::always(Fault::TextCode, "PATCH"));
    world.sandbox.inject(FaultRule::always(Fault::Long(3), SEARCHES));
    let examination = world.examine(&["--probe"]);
    let contract = says(&examination, "contract");
    for part in [
        "200 PATCH /v1/cips/{cip}: code was number and is string",
        "200 /v1/cips/search: padding is new (string)",
        "compare docs/contract/v1.json",
    ] {
        assert!(contract.contains(part), "{contract}");
    }
    assert_eq!(world.sandbox.requests("DELETE"), 2);
    drop(world.runtime);
}

#[test]
fn what_cannot_be_examined_says_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), SECRET_KEY).unwrap();
    let check = |words: &[&str], part: &str| {
        let file = folder.path().join("key").display().to_string();
        let words = words.iter().map(|word| if *word == "key" { file.as_str() } else { word });
        let line: Vec<&str> = ["cuadre", "doctor"].into_iter().chain(words).collect();
        let Some(Command::Doctor(arguments)) = Cli::parse_from(line).command else { panic!("doctor") };
        let Err(failure) = run(&arguments) else { panic!("{part}") };
        assert_eq!(failure.exit_code(), 2);
        let sentence = failure.sentence();
        assert!(sentence.contains(part) && !sentence.contains(SECRET_KEY), "{sentence}");
    };
    check(&["tienda", "--secret-file", "key"], "give the account's secret as JSON");
    check(&["tienda", "--secret-file", "absent"], "check the path");
    check(&["tienda"], "name a file with --secret-file, or set SECRET_PREFIX");
    check(&["tienda", "--url", "staging"], "--url is not production, test or");
    check(&["tienda", "--url", "http://shop.example"], "--url is not production, test or");
    check(&["tienda", "--cip", "x"], "--cip is not 1 to 14 digits");
    check(&["tienda", "--callback-url", "shop.example"], "--callback-url");
    check(&["tienda", "--url", "production", "--probe"], "add --url test");
    check(&[" "], "--account is empty");
}

#[test]
fn the_keys_of_a_deployment_come_from_its_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let aws = Emulators::start().await.unwrap();
        let keys = json!({"id_service": 1234, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY});
        aws.put_secret("cuadre/accounts/tienda", &keys.to_string()).await.unwrap();
        aws.put_secret("cuadre/accounts/rota", SECRET_KEY).await.unwrap();
        let sdk = aws.sdk_config();
        let found = keys_of_deployment("tienda", "cuadre", &sdk).await.unwrap();
        assert_eq!((found.id_service, found.access_key.expose()), (1234, ACCESS_KEY));
        for (account, part) in [("otra", "does not exist"), ("rota", "\"access_key\": text")] {
            let failure = keys_of_deployment(account, "cuadre", &sdk).await.unwrap_err();
            let sentence = failure.sentence();
            assert!(failure.exit_code() == 2 && sentence.contains(part), "{sentence}");
            assert!(!sentence.contains(SECRET_KEY), "{sentence}");
        }
    });
}
