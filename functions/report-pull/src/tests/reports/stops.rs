//! What a pull that was stopped, mended or asked for by hand leaves behind: nothing passed over, nothing stuck, nothing twice.

use std::collections::BTreeSet;

use cuadre::config::sources::Mode;
use cuadre::formats::{self, Format, LegMapping, Source};
use cuadre_sandbox::report::PageFault;

use super::*;

const PAGES: &str = "/pages?from={from}&to={to}&page={page}&size={size}";
const PAGING: &str = "paging = { by = \"page\", size = 100, number = \"meta.page\", pages = \"meta.pages\", total = \"meta.total\" }";

fn by_hand(from: &str, to: &str) -> Task {
    Task { from: Some(from.to_owned()), to: Some(to.to_owned()), ..Task::default() }
}

fn whole() -> Task {
    Task { mode: Some(Mode::Full), ..Task::default() }
}

fn counts(ending: Result<Ending, PullError>) -> Counts {
    match ending {
        Ok(Ending::Reported(reported)) => reported.counts,
        other => panic!("{other:?}"),
    }
}

/// The source's table in the policy, written anew.
async fn describe(reports: &Reports, address: &str, lines: &str) {
    let policy = format!(
        "[accounts.tienda.sources.portal_api]\nkind = \"transaction_report\"\nurl = \"{}{address}\"\n\
         authorization = \"bearer\"\nmapping = \"portal\"\n{lines}\n",
        reports.service.url()
    );
    reports.world.aws.put_object("config/cuadre.toml", policy.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_window_that_is_not_over_moves_the_watermark_no_further_than_was_heard() {
    let reports = Reports::paged(300).await;
    reports.reported(TICK).await;
    let today = by_hand("2026-03-02T00:00:00-05:00", "2026-03-03T00:00:00-05:00");
    counts(reports.pull(today, "2026-03-02T12:00:00-05:00").await);
    assert_eq!(reports.until().await, Some(time("2026-03-02T11:45:00-05:00")), "noon, less the lag");
}

#[tokio::test]
async fn the_whole_by_hand_is_read_once_more_and_needs_a_first_day() {
    let lines = format!("since = \"2026-03-01\"\n{PAGING}");
    let reports = Reports::start(300, PAGES, &lines).await;
    reports.reported(TICK).await;
    let again = counts(reports.pull(whole(), TICK).await);
    assert_eq!((again.rows, again.new), (300, 0), "heard before, and yet it was asked for");
    let reports = Reports::paged(300).await;
    reports.reported(TICK).await;
    let refused = reports.pull(whole(), "2026-03-06T00:20:00-05:00").await;
    assert!(matches!(refused, Err(PullError::Task(TaskError::NoFirstDay))), "{refused:?}");
    assert_eq!(reports.until().await, Some(time("2026-03-02T00:00:00-05:00")), "no gap is passed over");
}

#[tokio::test]
async fn a_whole_that_was_stopped_is_read_to_its_end_once() {
    let reports = Reports::start(300, PAGES, &format!("since = \"2026-03-01\"\n{PAGING}")).await;
    reports.service.fail(3, PageFault::Status(403), Some(1));
    assert!(reports.pull(whole(), TICK).await.is_err());
    assert_eq!(counts(reports.pull(whole(), TICK).await).rows, 300);
    assert_eq!((reports.service.asked(1), reports.service.asked(3)), (1, 2));
}

#[tokio::test]
async fn a_report_that_changed_while_it_was_read_is_read_anew() {
    let reports = Reports::paged(1000).await;
    reports.service.fail(10, PageFault::Status(403), Some(1));
    assert!(reports.tick(TICK).await.is_err());
    reports.service.write(|book| book.remove(250));
    let changed = reports.tick(TICK).await;
    assert!(
        matches!(changed, Err(PullError::Report(ReportError::Incomplete { stated: 750, .. }))),
        "{changed:?}"
    );
    let counts = reports.reported(TICK).await;
    assert_eq!((counts.rows, counts.new), (750, 0), "read from the first page on, and known");
    assert_eq!(reports.stored().await.len(), 900, "nothing is stored twice");
    let later = reports.tick("2026-03-02T00:30:00-05:00").await;
    assert_eq!(later.unwrap(), Ending::AlreadyDone);
}

#[tokio::test]
async fn a_total_that_changes_between_two_pages_tells_of_rows_that_moved() {
    let reports = Reports::paged(1000).await;
    reports.service.fail(10, PageFault::Status(403), Some(1));
    assert!(reports.tick(TICK).await.is_err());
    // As if a row had come in before those that were read: all behind it stand one place further on.
    reports.service.write(|book| book.add(1));
    assert!(matches!(
        reports.tick(TICK).await,
        Err(PullError::Report(ReportError::Incomplete { stated: 1001, .. }))
    ));
    assert_eq!(reports.reported(TICK).await.rows, 1001);
    assert_eq!(reports.stored().await.len(), 1001);
}

#[tokio::test]
async fn a_source_that_was_described_anew_does_not_go_on_with_what_was_begun_before() {
    let reports = Reports::paged(1000).await;
    reports.service.fail(4, PageFault::Status(400), Some(1));
    assert!(reports.tick(TICK).await.is_err());
    describe(&reports, PAGES, &format!("window_hours = 12\n{}", PAGING.replace("100", "70"))).await;
    let counts = reports.reported("2026-03-02T00:40:00-05:00").await;
    assert_eq!((counts.rows, counts.new), (1000, 700), "in windows and pages of their new size");
    assert_eq!(reports.stored().await.len(), 1000);
    assert_eq!(reports.manifests().await.len(), 2);
}

#[tokio::test]
async fn equal_lines_of_a_settlement_are_money_each_also_after_a_stop() {
    let check = async |stop: bool| {
        let reports =
            Reports::start(8, PAGES, &format!("leg = \"settlements\"\n{}", PAGING.replace("100", "2"))).await;
        let mapping = "[settlements]\nrecords = \"rows\"\n[settlements.columns]\nsettlement_id = \"moneda\"\ncip = \"ninguno\"\n\
                       currency = \"moneda\"\nkind = \"estado\"\n\
                       gross = \"monto\"\nnet = \"monto\"\n[settlements.status]\nCancelado = \"payment\"\n";
        reports.world.aws.put_object("config/mappings/portal.toml", mapping.as_bytes()).await.unwrap();
        reports.service.write(|book| (0..8).for_each(|row| book.set_cents(row, 1000 + row % 2)));
        // Equal pages one after the other would be a report without end.
        reports.service.write(|book| [3, 6].into_iter().for_each(|row| book.set_cents(row, 1002)));
        if stop {
            reports.service.fail(3, PageFault::Status(403), Some(1));
            assert!(reports.tick(TICK).await.is_err());
        }
        counts(reports.tick(TICK).await);
        // A run takes equal lines of one object for several, and those of two objects for the same ones.
        let mut lines = BTreeSet::new();
        for key in reports.world.aws.keys("normalized/settlements/").await.unwrap() {
            let text = zstd::decode_all(reports.world.aws.object(&key).await.unwrap().as_slice()).unwrap();
            let source = Source { name: "page", bytes: &text, format: Format::Ndjson, account: None };
            let rows = formats::read_settlements(&source, &LegMapping::default()).unwrap().rows;
            lines.extend(rows.iter().map(|row| (row.gross, row.ordinal)));
        }
        // Once more, and nothing is new.
        let later = "2026-03-02T09:00:00-05:00";
        let again = counts(reports.pull(by_hand(FIRST, "2026-03-02T00:00:00-05:00"), later).await);
        assert_eq!((again.new, again.changed, again.restated), (0, 0, 0));
        lines
    };
    let clean = check(false).await;
    assert_eq!(clean.len(), 8);
    assert!(check(true).await == clean);
}

#[tokio::test]
async fn two_words_about_one_payment_in_one_report_are_stored_once_each() {
    let reports = Reports::paged(200).await;
    // By the same mapping, all rows tell of one payment of one code, and each of another order.
    let mapping =
        MAPPING.replace("cip = \"cip\"", "cip = \"ninguno\"").replace("\"operacion\"", "\"moneda\"");
    let mapping = mapping.replace("paid_at = \"fecha\"", "paid_at = \"ninguno\"\nprovider_id = \"moneda\"");
    reports.world.aws.put_object("config/mappings/portal.toml", mapping.as_bytes()).await.unwrap();
    let first = reports.reported(TICK).await;
    assert_eq!((first.rows, first.new, first.restated), (200, 200, 0));
    let second = reports.reported("2026-03-02T01:20:00-05:00").await;
    assert_eq!((second.rows, second.new, second.changed, second.restated), (200, 0, 0, 0));
    assert_eq!(reports.stored().await.len(), 200);
}
