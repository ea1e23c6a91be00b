//! What goes wrong with a page, at the first, a middle and the last page, once and always. The table of docs/sources.md is
//! the one of this test.

use cuadre_sandbox::report::PageFault;

use super::*;

/// Rows, four to a page.
const ROWS: u64 = 20;
const PAGES: [(&str, u64); 3] = [("first", 1), ("middle", 3), ("last", 5)];

/// How often a message is received here.
const DELIVERIES: u32 = 3;

/// What comes of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The page is asked for again at once, or the answer is good as it is.
    Done,
    /// The pull fails, and the next message goes on with that page.
    Resumed,
    /// It fails every time, and people are told; these words stand in the log.
    Alerted(&'static str),
}

impl Outcome {
    fn words(self) -> String {
        match self {
            Outcome::Done => "done".to_owned(),
            Outcome::Resumed => "resumed".to_owned(),
            Outcome::Alerted(words) => format!("alerted: {words}"),
        }
    }
}

/// The faults with their names, and what each comes to, once and always.
fn faults() -> [(&'static str, PageFault, Outcome, Outcome); 15] {
    use Outcome::{Alerted, Done, Resumed};
    let silent = Alerted("does not answer");
    let status = |status| PageFault::Status(status);
    [
        ("401", status(401), Resumed, Alerted("HTTP 401")),
        ("403", status(403), Resumed, Alerted("HTTP 403")),
        ("404", status(404), Resumed, Alerted("HTTP 404")),
        ("429", status(429), Done, Alerted("HTTP 429")),
        ("500", status(500), Done, Alerted("HTTP 500")),
        ("502", status(502), Done, Alerted("HTTP 502")),
        ("503 with Retry-After", status(503), Done, Alerted("HTTP 503")),
        ("no answer in time", PageFault::Silence, Done, silent),
        ("cut body", PageFault::Cut, Done, Alerted("breaks off its answer")),
        ("HTML instead of JSON", PageFault::Html, Resumed, Alerted("cannot be read")),
        ("JSON that ends in the middle", PageFault::BrokenJson, Resumed, Alerted("is JSON that breaks off")),
        ("an empty structure", PageFault::EmptyStructure, Resumed, Alerted("cannot be read")),
        ("wrong content type", PageFault::WrongContentType, Done, Done),
        ("the page before once more", PageFault::Repeated, Resumed, Alerted("is the one before it again")),
        ("the next page in its place", PageFault::OutOfOrder, Resumed, Alerted("says that it is page")),
    ]
}

/// The first page has none before it.
fn expected(fault: PageFault, page: &str, outcome: Outcome) -> Outcome {
    if fault == PageFault::Repeated && page == "first" { Outcome::Done } else { outcome }
}

async fn small_pages() -> Reports {
    let lines = "paging = { by = \"page\", size = 4, number = \"meta.page\", pages = \"meta.pages\", total = \"meta.total\" }";
    let address = "/pages?from={from}&to={to}&page={page}&size={size}";
    let mut reports = Reports::start(ROWS, address, lines).await;
    let persistence = Persistence {
        first_wait: Duration::from_millis(1),
        request: Duration::from_millis(150),
        ..Persistence::default()
    };
    let sdk = reports.world.aws.sdk_config();
    reports.world.clients = Clients::with_persistence(&sdk, &reports.world.config, persistence).unwrap();
    reports
}

/// Every object that holds rows, and every fact, with its content.
async fn left_behind(reports: &Reports) -> Vec<(String, Vec<u8>)> {
    let mut left = Vec::new();
    for prefix in ["normalized/", "rejected/", "pulls/"] {
        for key in reports.world.aws.keys(prefix).await.unwrap() {
            left.push((key.clone(), reports.world.aws.object(&key).await.unwrap()));
        }
    }
    let items = reports.world.aws.items().await.unwrap();
    let facts = items.iter().filter(|item| item["sk"].as_s().unwrap().starts_with("REPORT#"));
    let mut facts: Vec<_> = facts.map(|item| (item["pk"].as_s().unwrap().clone(), Vec::new())).collect();
    facts.sort();
    left.extend(facts);
    left
}

async fn outcome_of(reports: &Reports, expected: Outcome) -> Outcome {
    for delivery in 1..=DELIVERIES {
        match reports.tick(TICK).await {
            Ok(Ending::Reported(_)) if delivery == 1 => return Outcome::Done,
            Ok(Ending::Reported(_)) => return Outcome::Resumed,
            Ok(ending) => panic!("{ending:?}"),
            Err(error) if delivery == DELIVERIES => {
                let told = cuadre::telemetry::chain(&error);
                let Outcome::Alerted(words) = expected else { panic!("{told}") };
                assert!(told.contains(words), "{told}");
                return expected;
            }
            Err(_) => {}
        }
    }
    unreachable!()
}

async fn check(
    fault: PageFault,
    page: u64,
    times: Option<u32>,
    expected: Outcome,
    clean: &[(String, Vec<u8>)],
) {
    let reports = small_pages().await;
    reports.service.fail(page, fault, times);
    let outcome = outcome_of(&reports, expected).await;
    assert_eq!(outcome, expected, "{fault:?} of page {page}, {times:?}");
    if let Outcome::Alerted(_) = outcome {
        assert_eq!(reports.until().await, None, "{fault:?} of page {page}");
        let rows = reports.stored().await.len();
        assert_eq!(
            u64::try_from(rows).unwrap(),
            (page - 1) * 4,
            "the good pages before are stored: {fault:?}"
        );
        assert!(reports.service.asked(1) <= 1 || page == 1, "and not asked for again");
        reports.service.heal();
        assert!(matches!(reports.tick(TICK).await, Ok(Ending::Reported(_))));
    }
    assert_eq!(reports.until().await, Some(time("2026-03-02T00:00:00-05:00")));
    assert!(
        left_behind(&reports).await == clean,
        "nothing lost, nothing doubled: {fault:?} of page {page}, {times:?}"
    );
}

#[tokio::test]
async fn every_fault_at_every_page_ends_as_the_table_says() {
    let reports = small_pages().await;
    assert_eq!(outcome_of(&reports, Outcome::Done).await, Outcome::Done);
    let clean = left_behind(&reports).await;
    for (_, fault, once, always) in faults() {
        for (name, page) in PAGES {
            check(fault, page, Some(1), expected(fault, name, once), &clean).await;
            check(fault, page, None, expected(fault, name, always), &clean).await;
        }
    }
}

#[test]
fn the_table_of_the_documentation_is_this_one() {
    let mut table = String::from("| what goes wrong | page | once | always |\n| --- | --- | --- | --- |\n");
    for (name, fault, once, always) in faults() {
        for (page, _) in PAGES {
            let [once, always] = [once, always].map(|outcome| expected(fault, page, outcome).words());
            table.push_str(&format!("| {name} | {page} | {once} | {always} |\n"));
        }
    }
    let documentation = include_str!("../../../../../docs/sources.md");
    assert!(documentation.contains(&table), "docs/sources.md lacks this table:\n{table}");
}
