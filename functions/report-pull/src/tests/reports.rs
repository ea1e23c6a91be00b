//! Reports over HTTP: windows, pages, what is stored of them, and what comes again.

mod faults;
mod stops;

use chrono::TimeDelta;
use cuadre_sandbox::report::{Book, ReportService};

use super::*;

/// A row every minute of the first of March in Lima, from midnight on.
const FIRST: &str = "2026-03-01T00:00:00-05:00";
/// At ten past ten on the second of March the window of the first is over.
pub(super) const TICK: &str = "2026-03-02T00:20:00-05:00";
const TOKEN: &str = "a token of the report service";

const MAPPING: &str = "[reports]\nrecords = \"rows\"\n\
    date_format = \"%Y-%m-%dT%H:%M:%S%:z\"\n\
    [reports.columns]\ncip = \"cip\"\nreference_id = \"orden\"\noperation_number = \"operacion\"\namount = \"monto\"\n\
    currency = \"moneda\"\nstatus = \"estado\"\npaid_at = \"fecha\"\n\
    [reports.status]\nCancelado = \"paid\"\nExtornado = \"reversed\"\nGenerado = \"pending\"\n";

/// A deployment with one source, and the service that it asks.
pub(super) struct Reports {
    pub(super) world: World,
    pub(super) service: ReportService,
}

impl Reports {
    /// Starts with so many rows and these further lines in the source's table.
    pub(super) async fn start(rows: u64, address: &str, lines: &str) -> Reports {
        let book = Book::new(time(FIRST).to_utc(), TimeDelta::minutes(1), rows);
        let service = ReportService::start(book, TOKEN).await.unwrap();
        let mut world = World::start().await;
        let persistence = Persistence {
            first_wait: Duration::from_millis(1),
            request: Duration::from_millis(500),
            ..Persistence::default()
        };
        world.config.requests_per_minute = 100_000.try_into().unwrap();
        world.clients =
            Clients::with_persistence(&world.aws.sdk_config(), &world.config, persistence).unwrap();
        let policy = format!(
            "[accounts.tienda.sources.portal_api]\nkind = \"transaction_report\"\nurl = \"{}{address}\"\n\
             authorization = \"bearer\"\nmapping = \"portal\"\nevery_minutes = 60\n{lines}\n",
            service.url()
        );
        world.aws.put_object("config/cuadre.toml", policy.as_bytes()).await.unwrap();
        world.aws.put_object("config/mappings/portal.toml", MAPPING.as_bytes()).await.unwrap();
        let keys = json!({"id_service": 1234, "access_key": "ACCESS", "secret_key": SECRET, "sources": {"portal_api": TOKEN}});
        world.aws.put_secret("cuadre/accounts/tienda", &keys.to_string()).await.unwrap();
        Reports { world, service }
    }

    /// In pages of a hundred rows, by number.
    pub(super) async fn paged(rows: u64) -> Reports {
        let lines = "paging = { by = \"page\", size = 100, number = \"meta.page\", pages = \"meta.pages\", total = \"meta.total\" }";
        Reports::start(rows, "/pages?from={from}&to={to}&page={page}&size={size}", lines).await
    }

    pub(super) async fn pull(&self, task: Task, now: &str) -> Result<Ending, PullError> {
        let task = Task { account: Some("tienda".to_owned()), source: Some("portal_api".to_owned()), ..task };
        let event = Event::Task(task);
        match handle(&event, &self.world.clients, &self.world.config, &|| time(now)).await? {
            Answer::Pulled(pulled) => Ok(pulled.ending),
            answer => panic!("{answer:?}"),
        }
    }

    pub(super) async fn tick(&self, now: &str) -> Result<Ending, PullError> {
        self.pull(Task { scheduled_at: Some(now.to_owned()), ..Task::default() }, now).await
    }

    async fn reported(&self, now: &str) -> Counts {
        match self.tick(now).await.unwrap() {
            Ending::Reported(Reported { counts, .. }) => counts,
            ending => panic!("{ending:?}"),
        }
    }

    pub(super) async fn until(&self) -> Option<Instant> {
        self.world.clients.table.watermark("tienda", "portal_api").await.unwrap()
    }

    /// The canonical rows that are stored, in the order of their times.
    pub(super) async fn stored(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for key in self.world.aws.keys("normalized/reports/account=tienda/").await.unwrap() {
            let text = zstd::decode_all(self.world.aws.object(&key).await.unwrap().as_slice()).unwrap();
            rows.extend(String::from_utf8(text).unwrap().lines().map(str::to_owned));
        }
        // By payment time, since the parts are named by their content.
        rows.sort_by_key(|row| serde_json::from_str::<Value>(row).unwrap()["paid_at"].to_string());
        rows
    }

    pub(super) async fn manifests(&self) -> Vec<Value> {
        let mut manifests = Vec::new();
        for key in self.world.aws.keys("pulls/").await.unwrap() {
            if key.ends_with("/manifest.json") {
                manifests.push(serde_json::from_slice(&self.world.aws.object(&key).await.unwrap()).unwrap());
            }
        }
        manifests
    }

    async fn facts(&self) -> usize {
        let items = self.world.aws.items().await.unwrap();
        items.iter().filter(|item| item["sk"].as_s().unwrap().starts_with("REPORT#portal_api#")).count()
    }
}

#[tokio::test]
async fn a_day_comes_page_by_page_and_is_proved_by_its_manifest() {
    let reports = Reports::paged(1440).await;
    let counts = reports.reported(TICK).await;
    assert_eq!((counts.rows, counts.new, counts.rejected), (1440, 1440, 0));
    let rows = reports.stored().await;
    assert_eq!((rows.len(), reports.facts().await), (1440, 1440));
    let (first, last): (Value, Value) =
        (serde_json::from_str(&rows[0]).unwrap(), serde_json::from_str(&rows[1439]).unwrap());
    assert_eq!((first["cip"].as_str(), first["amount"].as_str()), (Some("500000000"), Some("10.00")));
    assert_eq!(
        (first["paid_at"].as_str(), last["paid_at"].as_str()),
        (Some(FIRST), Some("2026-03-01T23:59:00-05:00"))
    );
    assert_eq!(reports.until().await, Some(time("2026-03-02T00:00:00-05:00")));
    let manifests = reports.manifests().await;
    let manifest = &manifests[0];
    assert_eq!(
        (manifest["from"].as_str(), manifest["to"].as_str()),
        (Some(FIRST), Some("2026-03-02T00:00:00-05:00"))
    );
    assert_eq!(
        (manifest["counts"]["rows"].as_u64(), manifest["pages"].as_array().unwrap().len()),
        (Some(1440), 15)
    );
    let cents: u64 = (0..1440).map(|row| 1000 + row * 37 % 9000).sum();
    assert_eq!(manifest["totals"]["PEN paid"], json!({"rows": 1440, "sum": cents}));
    let raw = reports.world.aws.keys("raw/portal_api/account=tienda/").await.unwrap();
    assert_eq!(raw.len(), 15, "every page as it came");
    let page = zstd::decode_all(reports.world.aws.object(&raw[0]).await.unwrap().as_slice()).unwrap();
    let page = String::from_utf8(page).unwrap();
    let (head, body) = page.split_once('\n').unwrap();
    assert!(head.contains("/pages?from=2026-03-01T00%3A00%3A00-05%3A00") && !head.contains(TOKEN), "{head}");
    assert!(body.starts_with("{\"meta\"") && body.ends_with('}'), "{body}");
}

#[tokio::test]
async fn a_payment_at_midnight_belongs_to_the_day_that_begins() {
    let reports = Reports::paged(1441).await;
    let _first = reports.reported(TICK).await;
    assert_eq!(reports.stored().await.len(), 1440, "up to 23:59 in Lima");
    let second = reports.reported("2026-03-02T01:20:00-05:00").await;
    assert_eq!((second.rows, second.new), (1441, 1), "the overlap brings nothing twice");
    let row: Value = serde_json::from_str(reports.stored().await.last().unwrap()).unwrap();
    assert_eq!(row["paid_at"], "2026-03-02T00:00:00-05:00");
}

#[tokio::test]
async fn a_tick_in_the_same_hour_asks_for_nothing() {
    let reports = Reports::paged(150).await;
    reports.reported(TICK).await;
    let objects = reports.world.aws.keys("").await.unwrap();
    assert_eq!(reports.tick("2026-03-02T01:10:00-05:00").await.unwrap(), Ending::AlreadyDone);
    assert_eq!(reports.world.aws.keys("").await.unwrap(), objects);
}

#[tokio::test]
async fn xml_a_cursor_and_one_whole_file_bring_the_same_rows() {
    let paged = Reports::paged(250).await;
    paged.reported(TICK).await;
    let expected = paged.stored().await;
    assert_eq!(expected.len(), 250);
    let check = async |address: &str, lines: &str, records: &str| {
        let reports = Reports::start(250, address, lines).await;
        let mapping = MAPPING.replace("records = \"rows\"\n", records);
        reports.world.aws.put_object("config/mappings/portal.toml", mapping.as_bytes()).await.unwrap();
        reports.reported(TICK).await;
        assert!(reports.stored().await == expected, "{address}");
    };
    check(
        "/pages.xml?from={from}&to={to}&page={page}&size={size}",
        "paging = { by = \"page\", size = 100, pages = \"report/meta/pages\", total = \"report/meta/total\" }",
        "records = \"report/rows/row\"\n",
    )
    .await;
    check(
        "/cursor?from={from}&to={to}&cursor={cursor}&size=100",
        "paging = { by = \"cursor\", next = \"next\", total = \"total\" }",
        "records = \"rows\"\n",
    )
    .await;
    check(
        "/pages?from={from}&to={to}&page={page}&size=100",
        "paging = { by = \"page\", size = 100 }",
        "records = \"rows\"\n",
    )
    .await;
    check("/whole.csv?from={from}&to={to}", "", "").await;
}

#[tokio::test]
async fn a_window_by_hand_adds_only_new_facts_and_moves_no_watermark_over_a_gap() {
    let reports = Reports::paged(300).await;
    reports.reported(TICK).await;
    let by_hand = |from: &str, to: &str, at: &str| Task {
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        scheduled_at: Some(at.to_owned()),
        ..Task::default()
    };
    let at = "2026-03-02T09:00:00-05:00";
    let again = reports.pull(by_hand(FIRST, "2026-03-02T00:00:00-05:00", at), at).await.unwrap();
    let Ending::Reported(again) = again else { panic!("{again:?}") };
    assert_eq!((again.counts.rows, again.counts.new, again.counts.changed), (300, 0, 0));
    assert_eq!((reports.stored().await.len(), reports.facts().await), (300, 300));
    let far = reports
        .pull(by_hand("2026-03-05T00:00:00-05:00", "2026-03-06T00:00:00-05:00", at), at)
        .await
        .unwrap();
    assert!(matches!(far, Ending::Reported(_)));
    assert_eq!(reports.until().await, Some(time("2026-03-02T00:00:00-05:00")));
    let next = reports.pull(by_hand("2026-03-02T00:00:00-05:00", "2026-03-02T06:00:00-05:00", at), at).await;
    assert!(matches!(next, Ok(Ending::Reported(_))));
    assert_eq!(reports.until().await, Some(time("2026-03-02T06:00:00-05:00")));
}

#[tokio::test]
async fn another_body_for_the_same_window_is_kept_beside_the_first_and_told() {
    let reports = Reports::paged(300).await;
    reports.reported(TICK).await;
    reports.service.write(|book| book.set_cents(7, 999));
    let at = "2026-03-02T09:00:00-05:00";
    let task = Task {
        from: Some(FIRST.to_owned()),
        to: Some("2026-03-02T00:00:00-05:00".to_owned()),
        scheduled_at: Some(at.to_owned()),
        ..Task::default()
    };
    let Ending::Reported(again) = reports.pull(task, at).await.unwrap() else { panic!() };
    assert_eq!((again.counts.new, again.counts.changed, again.counts.restated), (0, 1, 1));
    assert_eq!(reports.stored().await.len(), 301, "both words are evidence");
    let manifests = reports.manifests().await;
    assert!(manifests[1]["restates"].as_str().unwrap().contains("manifest.json"), "{manifests:?}");
    assert_eq!(
        reports.world.aws.keys("raw/portal_api/").await.unwrap().len(),
        4,
        "one page of three was new"
    );
}

#[tokio::test]
async fn a_code_that_waits_again_after_it_was_paid_is_news() {
    let reports = Reports::paged(200).await;
    reports.service.write(|book| book.set_status(190, "Generado"));
    reports.reported(TICK).await;
    reports.service.write(|book| book.set_status(190, "Cancelado"));
    assert_eq!(
        reports.reported("2026-03-02T01:20:00-05:00").await.new,
        1,
        "a payment is an event of its own"
    );
    reports.service.write(|book| book.set_status(190, "Generado"));
    let third = reports.reported("2026-03-02T02:20:00-05:00").await;
    assert_eq!((third.new, third.changed, third.restated), (0, 1, 0), "the money was taken back");
    let stored = reports.stored().await;
    let pending: Vec<Value> = stored.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let last = pending
        .iter()
        .filter(|row| row["status"] == "pending")
        .max_by_key(|row| row["observed_at"].to_string());
    let last = last.unwrap();
    assert_eq!(
        (last["status"].as_str(), last["observed_at"].as_str()),
        (Some("pending"), Some("2026-03-02T02:20:00-05:00"))
    );
    let fourth = reports.reported("2026-03-02T03:20:00-05:00").await;
    assert_eq!((fourth.new, fourth.changed), (0, 0));
}

#[tokio::test]
async fn a_snapshot_that_shrinks_is_told() {
    let lines = "mode = \"full\"\nsince = \"2026-03-01\"\npaging = { by = \"page\", size = 100, total = \"meta.total\" }";
    let reports = Reports::start(250, "/pages?from={from}&to={to}&page={page}&size={size}", lines).await;
    assert_eq!(reports.reported(TICK).await.new, 250);
    reports.service.write(|book| book.remove(20));
    let second = reports.reported("2026-03-02T01:20:00-05:00").await;
    assert_eq!((second.rows, second.new), (230, 0));
    let shrunk: Vec<_> =
        reports.manifests().await.iter().map(|manifest| manifest["shrunk_by"].as_u64()).collect();
    assert_eq!(shrunk, [Some(0), Some(20)]);
}

#[tokio::test]
async fn a_pull_that_is_stopped_goes_on_with_the_next_page_and_ends_the_same() {
    let clean = Reports::paged(1000).await;
    clean.reported(TICK).await;
    let mut reports = Reports::paged(1000).await;
    // The last page is not answered at first: nine pages are read, and the time runs out over the tenth.
    reports.service.fail(10, cuadre_sandbox::report::PageFault::Silence, Some(1));
    let budget = std::mem::replace(&mut reports.world.config.budget, Duration::from_millis(1500));
    let persistence = Persistence { first_wait: Duration::from_millis(1), ..Persistence::default() };
    reports.world.clients =
        Clients::with_persistence(&reports.world.aws.sdk_config(), &reports.world.config, persistence)
            .unwrap();
    assert_eq!(reports.tick(TICK).await.unwrap(), Ending::Paused);
    assert_eq!(reports.until().await, None, "the watermark moves at the end");
    reports.world.config.budget = budget;
    let counts = reports.reported(TICK).await;
    assert_eq!((counts.rows, counts.new), (1000, 1000));
    assert_eq!((reports.service.asked(1), reports.service.asked(9), reports.service.asked(10)), (1, 1, 2));
    assert!(reports.stored().await == clean.stored().await);
    assert_eq!(reports.until().await, clean.until().await);
}

#[tokio::test]
async fn of_two_pulls_at_once_one_works_and_the_other_leaves() {
    let reports = Reports::paged(100).await;
    let table = &reports.world.clients.table;
    let now = time(TICK);
    assert!(table.lock_source("tienda", "portal_api", "other", now, now.plus_hours(1)).await.unwrap());
    assert_eq!(reports.tick(TICK).await.unwrap(), Ending::Left);
    assert_eq!((reports.service.asked(1), reports.until().await), (0, None));
    // A worker that died holds the source no longer than its time.
    let later = "2026-03-02T01:20:01-05:00";
    assert!(matches!(reports.tick(later).await.unwrap(), Ending::Reported(_)));
    assert!(table.lock_source("tienda", "portal_api", "third", now, now).await.unwrap(), "given back");
}

#[tokio::test]
async fn a_tick_becomes_one_message_for_each_source_of_each_account() {
    let world = World::start().await;
    let policy = "[accounts.tienda.sources.search]\nkind = \"cip_search\"\n\
                  [accounts.tienda.sources.group]\nkind = \"settlement_report\"\nversion = 7\n[accounts.nueva]\n";
    world.aws.put_object("config/cuadre.toml", policy.as_bytes()).await.unwrap();
    let task = Task { scheduled_at: Some(TICK.to_owned()), ..Task::default() };
    for _ in 0..2 {
        let answer = handle(&Event::Task(task.clone()), &world.clients, &world.config, &|| time(TICK)).await;
        assert_eq!(answer.unwrap(), Answer::Sent { sent: 3 });
    }
    let waiting: Vec<Value> =
        world.aws.waiting(PULLS_URL).iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let message =
        |account: &str, source: &str| json!({"account": account, "source": source, "scheduled_at": TICK});
    assert_eq!(
        waiting,
        [message("nueva", "search"), message("tienda", "group"), message("tienda", "search")],
        "the same tick again is the same messages"
    );
}

#[tokio::test]
async fn a_message_that_fails_rests_longer_each_time_and_holds_up_no_other_source() {
    let reports = Reports::paged(10).await;
    reports.service.fail(1, cuadre_sandbox::report::PageFault::Status(403), None);
    let world = &reports.world;
    let task = Task { scheduled_at: Some(TICK.to_owned()), ..Task::default() };
    handle(&Event::Task(task), &world.clients, &world.config, &|| time(TICK)).await.unwrap();
    let mut waits = Vec::new();
    for _ in 0..3 {
        let messages: Messages = serde_json::from_value(world.aws.receive(PULLS_URL, 1)).unwrap();
        let id = messages.records[0].message_id.clone();
        let answer = handle(&Event::Messages(messages), &world.clients, &world.config, &|| time(TICK)).await;
        let Answer::Batch(batch) = answer.unwrap() else { panic!() };
        assert!(batch.has_failed(&id));
        waits.extend(world.aws.return_all(PULLS_URL).into_iter().flatten());
    }
    assert!(
        (24..=30).contains(&waits[0]) && (48..=60).contains(&waits[1]) && (96..=120).contains(&waits[2]),
        "{waits:?}"
    );
    reports.service.heal();
    let messages: Messages = serde_json::from_value(world.aws.receive(PULLS_URL, 1)).unwrap();
    let answer = handle(&Event::Messages(messages), &world.clients, &world.config, &|| time(TICK)).await;
    assert_eq!(answer.unwrap(), Answer::Batch(BatchAnswer::default()));
    assert_eq!(reports.stored().await.len(), 10);
}
