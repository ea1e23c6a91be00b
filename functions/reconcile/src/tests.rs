//! The function over the real SDK, against the emulators.

mod days;
mod dry_runs;
mod orders;
mod payouts;
mod replays;
mod samples;
mod stages;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use cuadre::aws::layout;
use cuadre::aws::table::{BreakRecord, BreakState, Claim, RunRecord, RunState, Signed};
use cuadre::calendar::Instant;
use cuadre::pagoefectivo::notice;
use cuadre_emulators::{BUCKET_NAME, Emulators, Fault, RUNS_URL, Service, TABLE_NAME, TOPIC_ARN, Trouble};

use super::*;

const MORNING: &str = "2026-03-05T07:00:00-05:00";
const NEXT_MORNING: &str = "2026-03-06T07:00:00-05:00";
const ORDERS: &str = "normalized/orders/account=tienda/day=2026-03-02/shop-0.csv";
const SEARCHED: &str = "normalized/reports/account=tienda/day=2026-03-02/search-20260302T150000Z-aa.ndjson";
const LOOKS: &str = "normalized/looks/account=tienda/day=2026-03-05/search-20260305T110000Z-aa.ndjson";

fn signed(body: &str) -> Signed<'_> {
    Signed { body: body.as_bytes(), header: "pe-signature", signature: "verified", form: "raw" }
}

struct World {
    aws: Emulators,
    config: Config,
    clients: Clients,
    /// How often the shop has exported its orders.
    exports: AtomicU32,
}

/// The name of one of the shop's exports.
fn export(number: u32) -> String {
    ORDERS.replace("shop-0", &format!("shop-{number}"))
}

fn time(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

/// The run of the morning, when it is about to send its alert.
fn record() -> RunRecord {
    RunRecord {
        account: "tienda".to_owned(),
        as_of: time(MORNING),
        state: RunState::Alerting,
        breaks: 1,
        rejected: 0,
        report: String::new(),
        policy_hash: String::new(),
        engine_version: String::new(),
    }
}

/// What a person asks for.
fn of_account() -> Task {
    Task { account: Some("tienda".to_owned()), ..Task::default() }
}

/// A clock that stands.
fn at(text: &str) -> impl Fn() -> Instant + Send + Sync + use<> {
    let now = time(text);
    move || now
}

impl World {
    /// One order that was paid without the shop's knowing, and one that agrees.
    async fn start() -> World {
        World::of("tienda").await
    }

    /// The same where the function is set up for these accounts.
    async fn of(accounts: &str) -> World {
        let aws = Emulators::start().await.unwrap();
        let variables = HashMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("BUCKET_NAME", BUCKET_NAME),
            ("TOPIC_ARN", TOPIC_ARN),
            ("RUNS_URL", RUNS_URL),
            ("ACCOUNTS", accounts),
        ]);
        let config = Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned())).unwrap();
        let clients = Clients::new(&aws.sdk_config(), &config);
        let world = World { aws, config, clients, exports: AtomicU32::new(0) };
        world.put_orders("pending").await;
        let row = |cip: u64, reference: &str| {
            format!(
                r#"{{"account":"tienda","cip":"{cip}","reference_id":"{reference}","amount":"22.50","currency":"PEN","status":"paid","paid_at":"2026-03-02T09:30:00-05:00","observed_at":"2026-03-02T10:00:00-05:00"}}"#
            )
        };
        world.put(SEARCHED, &format!("{}\n{}\n", row(7, "A-7"), row(8, "A-8"))).await;
        let look =
            |cip| format!(r#"{{"account":"tienda","cip":"{cip}","looked_at":"2026-03-05T06:00:00-05:00"}}"#);
        world.put(LOOKS, &format!("{}\n{}\n", look(7), look(8))).await;
        for (cip, operation) in [("7", "701"), ("8", "801")] {
            world.announce(cip, operation, "2026-03-02T09:30:05-05:00").await;
        }
        world
    }

    async fn put(&self, key: &str, text: &str) {
        self.aws.put_object(key, text.as_bytes()).await.unwrap();
    }

    /// The shop's next export, on the fifth; the status of order A-7 is what it is told.
    async fn put_orders(&self, status: &str) {
        let number = self.exports.fetch_add(1, Ordering::SeqCst);
        let rows = format!(
            "reference_id,cip,amount,currency,status,created_at,updated_at\n\
             A-7,7,22.50,PEN,{status},2026-03-02T09:00:00-05:00,2026-03-05T06:00:{number:02}-05:00\n\
             A-8,8,22.50,PEN,paid,2026-03-02T09:00:00-05:00,2026-03-05T06:00:00-05:00\n"
        );
        self.put(&export(number), &rows).await;
    }

    async fn announce(&self, cip: &str, operation: &str, received_at: &str) {
        let body = format!(
            r#"{{"eventType":"cip.paid","operationNumber":"{operation}","data":{{"cip":"{cip}","currency":"PEN","amount":22.50}}}}"#
        );
        let row = notice::read("tienda", body.as_bytes(), time(received_at)).unwrap();
        let mut text = Vec::new();
        cuadre::formats::write_notice_ndjson(&row, &mut text);
        let key = layout::notice_rows_key("tienda", row.received_at, &text);
        self.aws.put_object(&key, &text).await.unwrap();
    }

    async fn run(&self, scheduled_at: &str) -> Result<Reconciled, ReconcileError> {
        self.run_at(scheduled_at, scheduled_at).await
    }

    async fn run_at(&self, scheduled_at: &str, now: &str) -> Result<Reconciled, ReconcileError> {
        let task = Task { scheduled_at: Some(scheduled_at.to_owned()), ..of_account() };
        self.by_hand(task, &at(now)).await
    }

    async fn by_hand(&self, task: Task, clock: Clock<'_>) -> Result<Reconciled, ReconcileError> {
        match handle(&Event::Task(task), &self.clients, &self.config, clock).await? {
            Answer::Reconciled(run) => Ok(run),
            other => panic!("no run: {other:?}"),
        }
    }

    async fn outputs(&self, run: &str) -> Vec<(String, Vec<u8>)> {
        let mut outputs = Vec::new();
        for key in self.aws.keys(&format!("runs/tienda/{run}/")).await.unwrap() {
            let bytes = self.aws.object(&key).await.unwrap();
            outputs.push((key.rsplit('/').next().unwrap().to_owned(), bytes));
        }
        outputs
    }

    async fn manifest(&self, run: &str) -> Manifest {
        let key = format!("runs/tienda/{run}/inputs.json");
        Manifest::read(&self.aws.object(&key).await.unwrap()).unwrap()
    }

    async fn states(&self) -> Vec<(String, BreakState, Instant)> {
        let breaks = self.clients.table.breaks("tienda").await.unwrap();
        breaks.into_values().map(|record| (record.reason, record.state, record.opened_at)).collect()
    }

    fn break_network(&self, service: Service, matching: &str, trouble: Trouble, times: Option<u32>) {
        self.aws.faults().inject(Fault { service, matching: matching.to_owned(), trouble, times });
    }
}

#[tokio::test]
async fn a_run_writes_its_outputs_its_breaks_and_one_alert() {
    let world = World::start().await;
    let run = world.run(MORNING).await.unwrap();
    assert_eq!((run.breaks, run.rejected, run.alerted, run.overtaken), (1, 0, true, false));
    assert_eq!(run.report, format!("s3://{BUCKET_NAME}/runs/tienda/20260305T120000Z/"));

    let outputs = world.outputs("20260305T120000Z").await;
    let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "breaks.csv",
        "closed.ndjson",
        "difference.json",
        "inputs.json",
        "matched.csv",
        "open.ndjson",
        "rejected.csv",
        "summary.json",
    ];
    assert_eq!(names, expected);
    assert_eq!(world.states().await, [("paid_not_recorded".to_owned(), BreakState::Open, time(MORNING))]);

    let alerts = world.aws.alerts();
    let [alert] = alerts.as_slice() else { panic!("one alert") };
    assert_eq!(alert.subject, "Cuadre tienda 2026-03-05: 1 break, worst high, PEN 22.50");
    assert_eq!(alert.topic_arn, TOPIC_ARN);
    assert_eq!(alert.attributes["account"], ("String".to_owned(), "tienda".to_owned()));
    assert_eq!(alert.attributes["severity"], ("String".to_owned(), "high".to_owned()));
    assert_eq!(alert.attributes["breaks"], ("Number".to_owned(), "1".to_owned()));
    assert_eq!(alert.attributes["class"], ("String.Array".to_owned(), r#"["status_mismatch"]"#.to_owned()));
    for part in ["A-7", "PEN 22.50", "paid_not_recorded", "tienda/20260305T120000Z", run.report.as_str()] {
        assert!(alert.body.contains(part), "{part} is missing in\n{}", alert.body);
    }
}

#[tokio::test]
async fn the_same_run_again_alerts_once_and_changes_no_byte() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    let outputs = world.outputs("20260305T120000Z").await;
    world.put_orders("paid").await;
    let again = world.run(MORNING).await.unwrap();
    assert_eq!((again.breaks, again.alerted), (1, false));
    assert_eq!(world.outputs("20260305T120000Z").await, outputs);
    assert_eq!(world.aws.alerts().len(), 1);
}

#[tokio::test]
async fn a_run_that_failed_half_way_goes_on_with_the_inputs_it_began_with() {
    let cases = [
        (Service::S3, "/breaks.csv"),
        (Service::S3, "/summary.json"),
        (Service::DynamoDb, "TransactWriteItems"),
        (Service::DynamoDb, "PutItem"),
        (Service::Sns, ""),
    ];
    let undisturbed = World::start().await;
    undisturbed.run(MORNING).await.unwrap();
    let expected = undisturbed.outputs("20260305T120000Z").await;
    for (service, matching) in cases {
        let world = World::start().await;
        world.break_network(service, matching, Trouble::Status(400), None);
        world.run(MORNING).await.unwrap_err();
        assert_eq!(world.aws.alerts().len(), 0, "{matching}");

        world.aws.faults().clear();
        // Arrives between the attempts, and belongs to the next run.
        world.put_orders("paid").await;
        let run = world.run(MORNING).await.unwrap();
        assert_eq!((run.breaks, run.alerted), (1, true), "{matching}");
        assert_eq!(world.aws.alerts().len(), 1, "{matching}");
        let outputs = world.outputs("20260305T120000Z").await;
        for ((name, bytes), (_, other)) in
            outputs.iter().zip(&expected).filter(|((name, _), _)| name != "inputs.json")
        {
            assert_eq!(
                String::from_utf8_lossy(bytes),
                String::from_utf8_lossy(other),
                "{name} after {matching}"
            );
        }
    }
}

#[tokio::test]
async fn two_simultaneous_deliveries_send_one_alert() {
    let world = World::start().await;
    let (a, b) = tokio::join!(world.run(MORNING), world.run(MORNING));
    let alerted = [&a, &b].into_iter().filter(|run| run.as_ref().is_ok_and(|run| run.alerted)).count();
    assert_eq!((alerted, world.aws.alerts().len()), (1, 1));
}

#[tokio::test]
async fn an_alert_that_died_with_its_invocation_is_sent_by_the_repetition() {
    let world = World::start().await;
    // Claimed, and then nothing: neither sent nor given back.
    let record = record();
    assert_eq!(world.clients.table.claim_alert(&record, time(MORNING)).await.unwrap(), Claim::Mine);
    world.run_at(MORNING, "2026-03-05T07:00:30-05:00").await.unwrap_err();
    assert_eq!(world.aws.alerts().len(), 0, "the other one may still be at it");
    assert!(world.run_at(MORNING, "2026-03-05T07:01:01-05:00").await.unwrap().alerted);
    assert_eq!(world.aws.alerts().len(), 1);
}

#[tokio::test]
async fn a_claim_bears_the_time_at_which_it_is_made() {
    let world = World::start().await;
    let reads = AtomicU32::new(0);
    let faults = world.aws.faults().clone();
    // The event comes at seven; ten minutes of work later the alert is claimed, and this invocation never hears so.
    let clock = move || {
        if reads.fetch_add(1, Ordering::SeqCst) == 0 {
            return time(MORNING);
        }
        let (service, matching) = (Service::DynamoDb, "PutItem".to_owned());
        faults.inject(Fault { service, matching, trouble: Trouble::LostAnswer, times: Some(1) });
        time("2026-03-05T07:10:00-05:00")
    };
    world.by_hand(of_account(), &clock).await.unwrap_err();
    world.run_at(MORNING, "2026-03-05T07:10:30-05:00").await.unwrap_err();
    assert!(world.run_at(MORNING, "2026-03-05T07:11:01-05:00").await.unwrap().alerted);
    assert_eq!(world.aws.alerts().len(), 1);
}

#[tokio::test]
async fn a_claim_is_given_back_by_its_holder_alone() {
    let world = World::start().await;
    let table = &world.clients.table;
    let record = record();
    let claim = async |at: &str| table.claim_alert(&record, time(at)).await.unwrap();
    assert_eq!(claim("2026-03-05T07:00:00-05:00").await, Claim::Mine);
    assert_eq!(claim("2026-03-05T07:02:00-05:00").await, Claim::Mine, "the first one is stale");
    table.release_alert(&record, time("2026-03-05T07:00:00-05:00")).await.unwrap();
    assert_eq!(claim("2026-03-05T07:02:01-05:00").await, Claim::Taken);
    table.release_alert(&record, time("2026-03-05T07:02:00-05:00")).await.unwrap();
    assert_eq!(claim("2026-03-05T07:02:02-05:00").await, Claim::Mine);
    table.finish_run(&record).await.unwrap();
    table.release_alert(&record, time("2026-03-05T07:02:02-05:00")).await.unwrap();
    assert_eq!(claim("2026-03-05T07:09:00-05:00").await, Claim::Sent);
}

#[tokio::test]
async fn an_older_run_that_finishes_after_a_newer_one_opens_and_closes_nothing() {
    let world = World::start().await;
    let table = &world.clients.table;
    world.run("2026-03-04T07:00:00-05:00").await.unwrap();
    // The older run has begun, has read what is known, and is slow.
    assert!(table.begin_breaks("tienda", time(MORNING)).await.unwrap());
    let known = table.breaks("tienda").await.unwrap();
    world.run(NEXT_MORNING).await.unwrap();
    let standing = table.breaks("tienda").await.unwrap();
    assert_eq!(standing, known, "the newer run has found what stood, and had nothing to write");

    let closed = known.values().map(|record| BreakRecord {
        state: BreakState::Closed,
        closed_at: Some(time(MORNING)),
        ..record.clone()
    });
    let opened = known.values().map(|record| BreakRecord {
        id: cuadre::ids::BreakId::parse(&record.id.as_str().chars().rev().collect::<String>()).unwrap(),
        ..record.clone()
    });
    let changes: Vec<BreakRecord> = closed.chain(opened).collect();
    assert_eq!(changes.len(), 2);
    assert!(!table.save_breaks("tienda", time(MORNING), &changes).await.unwrap());
    assert_eq!(table.breaks("tienda").await.unwrap(), standing);
    // Nor does it begin again; the newest may.
    assert!(!table.begin_breaks("tienda", time(MORNING)).await.unwrap());
    assert!(table.begin_breaks("tienda", time(NEXT_MORNING)).await.unwrap());
    assert!(table.save_breaks("tienda", time(NEXT_MORNING), &changes).await.unwrap());
}

#[tokio::test]
async fn a_run_that_failed_and_was_overtaken_meanwhile_says_so_and_stays_silent() {
    let world = World::start().await;
    world.break_network(Service::DynamoDb, "TransactWriteItems", Trouble::Status(400), None);
    world.run(MORNING).await.unwrap_err();
    world.aws.faults().clear();
    world.put_orders("paid").await;
    assert_eq!(world.run(NEXT_MORNING).await.unwrap().breaks, 0);
    let run = world.run(MORNING).await.unwrap();
    assert_eq!((run.overtaken, run.alerted), (true, false));
    assert_eq!(world.states().await, []);
    assert_eq!(world.aws.alerts().len(), 1);
}

#[tokio::test]
async fn more_breaks_than_one_transaction_takes_are_all_written() {
    let world = World::start().await;
    let mut orders = String::from("reference_id,cip,amount,currency,status,created_at,updated_at\n");
    let mut reports = String::from("cip,reference_id,amount,currency,status,paid_at,observed_at\n");
    for number in 1_000..1_250 {
        orders.push_str(&format!(
            "C-{number},{number},5.00,PEN,pending,2026-03-02T09:00:00-05:00,2026-03-05T06:00:00-05:00\n"
        ));
        reports.push_str(&format!(
            "{number},C-{number},5.00,PEN,paid,2026-03-02T09:30:00-05:00,2026-03-02T10:00:00-05:00\n"
        ));
    }
    world.put(&ORDERS.replace("shop", "more"), &orders).await;
    world.put(&SEARCHED.replace("aa.ndjson", "bb.csv"), &reports).await;
    let breaks = world.run(MORNING).await.unwrap().breaks;
    assert!(breaks > 200, "{breaks}");
    assert_eq!(u64::try_from(world.states().await.len()).unwrap(), breaks);
}

#[tokio::test]
async fn a_break_closes_when_it_is_settled_and_comes_back_when_it_is_not() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    world.run("2026-03-05T08:00:00-05:00").await.unwrap();
    let word = || "paid_not_recorded".to_owned();
    assert_eq!(world.states().await, [(word(), BreakState::Open, time(MORNING))], "it keeps its age");
    world.put_orders("paid").await;
    assert_eq!(world.run(NEXT_MORNING).await.unwrap().breaks, 0);
    assert_eq!(world.states().await, [(word(), BreakState::Closed, time(MORNING))]);
    assert_eq!(world.aws.alerts().pop().unwrap().subject, "Cuadre tienda 2026-03-06: all agrees");
    world.put_orders("pending").await;
    world.run("2026-03-07T07:00:00-05:00").await.unwrap();
    assert_eq!(world.states().await, [(word(), BreakState::Open, time("2026-03-07T07:00:00-05:00"))]);
}

#[tokio::test]
async fn what_stands_is_not_written_again() {
    let world = World::start().await;
    world.run(MORNING).await.unwrap();
    world.break_network(Service::DynamoDb, "TransactWriteItems", Trouble::Refused, None);
    world.run(NEXT_MORNING).await.unwrap();
}

#[tokio::test]
async fn a_run_older_than_the_newest_is_not_made() {
    let world = World::start().await;
    world.run(NEXT_MORNING).await.unwrap();
    let run = world.run(MORNING).await.unwrap();
    assert_eq!((run.overtaken, run.alerted), (true, false));
    assert_eq!(world.aws.alerts().len(), 1);
    assert_eq!(world.aws.keys("runs/tienda/20260305T120000Z/").await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_announced_payment_that_nobody_confirms_is_a_break() {
    let world = World::start().await;
    world.announce("9", "901", "2026-03-02T09:30:05-05:00").await;
    world.announce("10", "1001", "2026-03-05T07:00:01-05:00").await;
    let look = r#"{"account":"tienda","cip":"9","looked_at":"2026-03-05T06:00:00-05:00"}"#;
    world.put(&LOOKS.replace("-aa", "-bb"), &format!("{look}\n")).await;
    let run = world.run(MORNING).await.unwrap();
    assert_eq!(run.breaks, 2, "one received after the cut waits for its own look");
    assert!(world.aws.alerts()[0].body.contains("unconfirmed_notice"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_left_out_and_told_of() {
    let world = World::start().await;
    world.put("normalized/orders/account=tienda/day=2026-03-05/empty.csv", "").await;
    world.put("normalized/orders/account=tienda/day=2026-03-05/orders.xlsx", "PK").await;
    assert_eq!(world.run(MORNING).await.unwrap().breaks, 1);
    let alert = world.aws.alerts().pop().unwrap();
    for part in ["empty.csv was left out", "orders.xlsx was left out"] {
        assert!(alert.body.contains(part), "{part} is missing in\n{}", alert.body);
    }
    // Without any break the same files keep the run from agreeing.
    world.put_orders("paid").await;
    world.run(NEXT_MORNING).await.unwrap();
    let alert = world.aws.alerts().pop().unwrap();
    assert!(!alert.subject.contains("all agrees"), "{}", alert.subject);
    assert_eq!(alert.attributes["severity"].1, "high");
}

#[tokio::test]
async fn rows_of_another_account_are_not_judged_in_this_one_s_run() {
    let world = World::start().await;
    let row = r#"{"account":"otra","reference_id":"B-1","amount":"9.00","currency":"PEN","status":"paid","created_at":"2026-03-02T09:00:00-05:00"}"#;
    world.put("normalized/orders/account=tienda/day=2026-03-05/other.ndjson", &format!("{row}\n")).await;
    assert_eq!(world.run(MORNING).await.unwrap().breaks, 1);
    let body = world.aws.alerts().pop().unwrap().body;
    assert!(
        body.contains("other.ndjson")
            && body.contains("another account than tienda")
            && !body.contains("B-1"),
        "{body}"
    );
}

#[tokio::test]
async fn notices_in_quarantine_are_told_every_day_until_somebody_has_looked() {
    let world = World::start().await;
    world.put_orders("paid").await;
    let set_aside = async |body: &str, reason: &str, received_at: &str| {
        let table = &world.clients.table;
        table.quarantine("tienda", None, signed(body), reason, time(received_at)).await.unwrap();
    };
    set_aside("secret one", "amount is no amount", "2026-03-04T09:00:00-05:00").await;
    set_aside("secret two", "is no JSON object", "2026-03-05T07:00:00-05:00").await;
    set_aside("secret three", "came after the cut", "2026-03-05T07:00:01-05:00").await;
    assert_eq!(world.run(MORNING).await.unwrap().breaks, 0);
    let alert = world.aws.alerts().pop().unwrap();
    let expected = "2 signed notices lie in quarantine (newest: is no JSON object; amount is no amount)";
    assert!(alert.body.contains(expected), "{}", alert.body);
    assert!(!alert.body.contains("secret") && !alert.subject.contains("all agrees"), "{}", alert.subject);
    assert_eq!(alert.attributes["severity"].1, "high");
    world.run(NEXT_MORNING).await.unwrap();
    assert!(world.aws.alerts().pop().unwrap().body.contains("3 signed notices lie in quarantine"));
}

/// The counter goes on; a run that is repeated counts what stood there when it began.
#[tokio::test]
async fn refused_callbacks_are_a_finding_and_fixed_with_the_inputs() {
    let world = World::start().await;
    let refuse = async |at: &str, count: u64| {
        world.clients.table.add_refused("tienda", time(at), count).await.unwrap()
    };
    refuse("2026-02-01T10:30:00-05:00", 500).await;
    refuse("2026-03-04T10:30:00-05:00", 99).await;
    assert_eq!(world.run(MORNING).await.unwrap().breaks, 1, "of 32 days ago, and one too few");
    refuse("2026-03-04T10:40:00-05:00", 1).await;
    world.break_network(Service::Sns, "", Trouble::Status(500), None);
    world.run(NEXT_MORNING).await.unwrap_err();
    world.aws.faults().clear();
    refuse("2026-03-04T10:50:00-05:00", 50).await;
    assert_eq!(world.run(NEXT_MORNING).await.unwrap().breaks, 2);
    let outputs = world.outputs("20260306T120000Z").await;
    let (_, breaks) = outputs.iter().find(|(name, _)| name == "breaks.csv").unwrap();
    let breaks = String::from_utf8_lossy(breaks).into_owned();
    assert!(breaks.contains("finding,bad_signatures,high") && breaks.contains("refused=100;"), "{breaks}");
}

#[tokio::test]
async fn a_repetition_tells_of_the_same_quarantine() {
    let world = World::start().await;
    let set_aside = async |body: &str| {
        let table = &world.clients.table;
        table
            .quarantine("tienda", None, signed(body), "is bad", time("2026-03-05T06:00:00-05:00"))
            .await
            .unwrap();
    };
    set_aside("one").await;
    world.break_network(Service::Sns, "", Trouble::Status(400), None);
    world.run(MORNING).await.unwrap_err();
    world.aws.faults().clear();
    set_aside("two").await;
    world.run(MORNING).await.unwrap();
    let body = world.aws.alerts().pop().unwrap().body;
    assert!(body.contains("1 signed notice lies in quarantine"), "{body}");
}

#[tokio::test]
async fn looks_are_read_from_many_objects_and_200_days_back() {
    let world = World::start().await;
    let look = |cip: u64| {
        format!("{{\"account\":\"tienda\",\"cip\":\"{cip}\",\"looked_at\":\"2026-03-05T06:00:00-05:00\"}}\n")
    };
    let put = async |day: &str, cip: u64| {
        let key = format!("normalized/looks/account=tienda/day={day}/search-{cip}.ndjson");
        world.put(&key, &look(cip)).await;
    };
    for cip in 100..140 {
        put("2026-03-04", cip).await;
    }
    put("2025-08-17", 200).await;
    put("2025-08-16", 300).await;
    world.run(MORNING).await.unwrap();
    let manifest = world.manifest("20260305T120000Z").await;
    let looks = manifest.objects().filter(|object| object.key.contains("/looks/"));
    assert_eq!(looks.count(), 42, "of 43, one is too old");
}

#[tokio::test]
async fn the_silence_of_a_report_counts_up_to_its_watermark() {
    let world = World::start().await;
    let order = |number: u64| {
        format!(
            "A-{number},{number},22.50,PEN,paid,2026-03-02T09:00:00-05:00,2026-03-02T09:10:00-05:00,2026-03-05T06:00:00-05:00\n"
        )
    };
    let header = "reference_id,cip,amount,currency,status,created_at,paid_at,updated_at\n";
    let orders = format!("{header}{}{}{}", order(7), order(8), order(9));
    world.put(ORDERS, &orders).await;
    let source =
        "[accounts.tienda.sources.portal_api]\nkind = \"transaction_report\"\nurl = \"https://r.example/\"\n";
    world.put("config/cuadre.toml", source).await;
    let breaks = async |run: &str| world.run(run).await.unwrap().breaks;
    assert_eq!(breaks("2026-03-05T06:00:00-05:00").await, 0, "nobody has heard the report");
    let until = time("2026-03-03T09:09:59-05:00");
    world.clients.table.move_watermark("tienda", "portal_api", until).await.unwrap();
    assert_eq!(breaks("2026-03-05T07:00:00-05:00").await, 0, "a day after the payment is not over");
    let until = time("2026-03-03T09:10:00-05:00");
    world.clients.table.move_watermark("tienda", "portal_api", until).await.unwrap();
    assert_eq!(breaks("2026-03-05T08:00:00-05:00").await, 1, "missing at the provider");
    let summary = world.outputs("20260305T130000Z").await;
    let (_, summary) = summary.into_iter().find(|(name, _)| name == "summary.json").unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["classes"]["missing_at_provider"]["count"], 1, "{summary}");
}

#[tokio::test]
async fn a_policy_is_obeyed_and_a_bad_one_ends_the_run() {
    let world = World::start().await;
    world.put("config/cuadre.toml", "no_such_key = 1\n").await;
    let error = world.run(MORNING).await.unwrap_err();
    assert!(error.to_string().starts_with("config/cuadre.toml: "), "{error}");
    assert_eq!(world.aws.alerts().len(), 0);
}
