//! Fraud rules: each fires at its threshold, stays silent just below it, and leaves the classes as they are.

use cuadre::calendar::Instant;
use cuadre::reconcile::RefusedCallbacks;

use crate::desk::{COMPLETE, Desk, Outcome, Row, desk, long_time};

/// How many findings a rule makes of a desk, and that every other rule makes none.
#[track_caller]
fn check(rule: &str, desk: &Desk, expected: usize) -> Vec<Row> {
    let outcome = desk.run();
    let found = outcome.findings(rule);
    assert_eq!(found.len(), expected, "{found:#?}");
    let all = outcome.breaks.iter().filter(|line| line["class"] == "finding").count();
    assert_eq!(all, expected, "{:#?}", outcome.breaks);
    assert_eq!(outcome.summary["classes"]["finding"]["count"], expected);
    assert_eq!(outcome.summary["findings"][rule]["count"], expected);
    found
}

fn with_policy(desk: Desk, policy: &str) -> Desk {
    desk.policy(&format!("{COMPLETE}{policy}"))
}

/// The moment so many minutes after midnight of the first of March, as a desk writes it.
fn minute(minutes: u32) -> String {
    let (day, hour) = (1 + minutes / 1440, minutes / 60 % 24);
    format!("{day}T{hour:02}:{:02}", minutes % 60)
}

// One operation number on several CIPs.

fn paid(cip: u64, number: &str, at: &str) -> String {
    format!("cip={cip} reference_id=R{cip} operation_number={number} paid_at={at}")
}

#[test]
fn one_operation_number_on_two_cips_is_a_finding() {
    let two = |other: &str| desk().report(&paid(100, "7", "1T10:00")).report(&paid(200, other, "1T11:00"));
    check("shared_operation_number", &two("8"), 0);
    let line = check("shared_operation_number", &two("7"), 1).remove(0);
    assert_eq!((line["operation_number"].as_str(), line["severity"].as_str()), ("7", "high"));
    assert_eq!((line["cip"].as_str(), line["report_amount"].as_str()), ("", "100.00"));
    assert_eq!(
        line["differences"],
        "cips=100;200; from=2026-03-01T10:00:00-05:00; to=2026-03-01T11:00:00-05:00"
    );
    assert_eq!(line["evidence"].split(' ').count(), 2);
}

#[test]
fn a_number_that_comes_back_later_than_the_window_is_another_one() {
    let apart = |at: &str| desk().report(&paid(100, "7", "1T10:00")).report(&paid(200, "7", at));
    check("shared_operation_number", &apart("4T10:00"), 1);
    check("shared_operation_number", &apart("4T10:00:01"), 0);
}

#[test]
fn numbers_are_compared_within_one_account_and_one_source_alone() {
    let first = || desk().report(&paid(100, "7", "1T10:00"));
    check("shared_operation_number", &first().portal(&paid(200, "7", "1T11:00")), 0);
    check("shared_operation_number", &first().report(&format!("account=2 {}", paid(200, "7", "1T11:00"))), 0);
    check("shared_operation_number", &first().notice("cip=200 operation_number=7"), 0);
}

/// A payment, its refund, and a second source's word for it bear one number and are one payment.
#[test]
fn one_payment_told_several_times_shares_its_number_with_nobody() {
    let told = desk()
        .report(&paid(100, "7", "1T10:00"))
        .report("cip=100 reference_id=R100 status=refunded")
        .portal(&paid(100, "7", "1T10:00"))
        .notice("cip=100 operation_number=7");
    check("shared_operation_number", &told, 0);
}

#[test]
fn signed_notices_that_copy_a_number_are_a_finding() {
    let copied = desk().notice("cip=100").notice("cip=200 paid_at=1T11:00");
    let line = check("shared_operation_number", &copied, 1).remove(0);
    assert!(line["evidence"].split(' ').all(|fact| fact.starts_with("notice:")), "{line:?}");
}

#[test]
fn rows_without_any_time_are_held_against_each_other() {
    let undated = |cip: u64| format!("cip={cip} reference_id=R{cip} paid_at=");
    check("shared_operation_number", &desk().report(&undated(100)).report(&undated(200)), 1);
}

#[test]
fn a_set_that_grows_keeps_its_identity() {
    let three = |desk: Desk| desk.report(&paid(300, "7", "1T12:00"));
    let two = desk().report(&paid(100, "7", "1T10:00")).report(&paid(200, "7", "1T11:00"));
    let id = |desk: &Desk| check("shared_operation_number", desk, 1).remove(0)["break_id"].clone();
    assert_eq!(id(&two), id(&three(two.clone())));
}
