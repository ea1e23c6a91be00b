//! Notices beside the pair: the last paragraph of section 4.2.

use crate::desk::{Desk, desk};

fn paid() -> Desk {
    desk().order("").report("")
}

/// "`missing_notice` once per payment that no `cip.paid` of its CIP (and number, where both have one) announced"
#[test]
fn a_payment_that_no_notice_announced_is_a_missing_notice() {
    let outcome = paid().without_notices().expect(&["matched", "missing_notice"]);
    let line = outcome.line("missing_notice");
    assert_eq!((line["cip"].as_str(), line["operation_number"].as_str()), ("100", "7"));
    assert_eq!((line["reference_id"].as_str(), line["report_amount"].as_str()), ("R1", "50.00"));
}

#[test]
fn an_announced_payment_is_not_missed() {
    paid().notice("").expect(&["matched"]);
}

#[test]
fn numbers_must_agree_where_both_have_one() {
    paid().notice("operation_number=").expect(&["matched"]);
    desk().order("").report("operation_number=").notice("operation_number=7").expect(&["matched"]);
    paid().notice("operation_number=8").expect(&["matched", "missing_notice", "unconfirmed_notice"]);
}

#[test]
fn a_notice_of_another_cip_or_account_announces_nothing() {
    paid().notice("cip=200").expect(&["matched", "missing_notice", "unconfirmed_notice"]);
    paid().notice("account=2").expect(&["matched", "missing_notice", "unconfirmed_notice"]);
}

#[test]
fn only_cip_paid_announces_a_payment() {
    paid().notice("event_type=cip.expired").expect(&["matched", "missing_notice"]);
    desk()
        .order("status=pending")
        .report("status=expired")
        .notice("event_type=cip.expired")
        .expect(&["unpaid"]);
}

#[test]
fn each_payment_of_a_cip_needs_its_notice() {
    let twice = || paid().report("operation_number=8 paid_at=1T14:00");
    twice().notice("").notice("operation_number=8 paid_at=1T14:00").expect(&["matched", "duplicate_payment"]);
    let outcome = twice().notice("").expect(&["matched", "duplicate_payment", "missing_notice"]);
    assert_eq!(outcome.line("missing_notice")["operation_number"], "8");
    twice().without_notices().expect(&["matched", "duplicate_payment", "missing_notice", "missing_notice"]);
}

/// A payment that went back was a payment, and needed a notice.
#[test]
fn a_payment_that_went_back_was_to_be_announced_too() {
    let back = || desk().order("status=refunded").report("").report("status=refunded");
    back().without_notices().expect(&["matched", "missing_notice"]);
    back().notice("").expect(&["matched"]);
}

#[test]
fn a_payment_without_order_was_to_be_announced_too() {
    desk().report("").without_notices().expect(&["missing_order", "missing_notice"]);
    desk().report("").notice("").expect(&["missing_order"]);
}

/// "`unconfirmed_notice` once per announced payment that no report confirms."
#[test]
fn an_announced_payment_that_no_report_confirms_is_unconfirmed() {
    let line = desk()
        .order("status=pending")
        .report("status=pending expires_at=30T00:00")
        .notice("")
        .expect(&["unpaid", "unconfirmed_notice"])
        .line("unconfirmed_notice");
    assert_eq!((line["cip"].as_str(), line["operation_number"].as_str()), ("100", "7"));
    desk().notice("").expect(&["unconfirmed_notice"]);
    desk().order("status=paid").notice("").expect(&["missing_at_provider", "unconfirmed_notice"]);
}

/// "A line shows the order's reference and currency, else the provider's."
#[test]
fn an_unconfirmed_notice_shows_the_order_s_reference() {
    let outcome =
        desk().order("status=pending").report("status=pending expires_at=30T00:00").notice("").run();
    assert_eq!(outcome.line("unconfirmed_notice")["reference_id"], "R1");
}

#[test]
fn a_missing_notice_shows_the_order_s_reference() {
    let outcome = desk()
        .order("")
        .report("reference_id=OTHER")
        .without_notices()
        .expect(&["matched", "missing_notice"]);
    assert_eq!(outcome.line("missing_notice")["reference_id"], "R1");
}

#[test]
fn repeated_deliveries_of_a_forged_notice_are_one_break() {
    let outcome = desk().notice("").notice("received_at=1T10:05").notice("").expect(&["unconfirmed_notice"]);
    assert_eq!(outcome.summary["classes"]["unconfirmed_notice"]["count"], 1);
    desk().notice("").notice("operation_number=8").expect(&["unconfirmed_notice", "unconfirmed_notice"]);
}

/// "Repetitions that differ in `received_at` alone are duplicate rows."
#[test]
fn repetitions_are_duplicate_rows() {
    let outcome =
        paid().notice("").notice("received_at=1T10:05").notice("received_at=1T10:09").expect(&["matched"]);
    assert_eq!(outcome.rows_in("notices", "PEN", "duplicate_row"), 2);
    assert_eq!(outcome.rows_in("notices", "PEN", "matched"), 1);
}

/// "Without notices in the input neither class exists."
#[test]
fn without_notices_neither_class_exists() {
    let outcome = paid().expect(&["matched"]);
    assert!(outcome.summary["classes"].get("missing_notice").is_none());
    assert!(outcome.summary["classes"].get("unconfirmed_notice").is_none());
    assert!(outcome.summary["conservation"].get("notices").is_none());
}

/// Rule 10 holds for this relation too: a notice may be under way, and so may a report.
#[test]
fn a_missing_notice_waits_for_the_notices() {
    let policy = "[coverage]\norders = \"complete\"\nreports = \"complete\"\n";
    let heard = |until: &str| {
        let clock = format!("event_type=cip.expired cip=900 received_at={until}");
        paid().policy(policy).notice(&clock).run().classes().contains(&"missing_notice".to_owned())
    };
    assert!(!heard("2T09:59:59"));
    assert!(heard("2T10:00"));
}

#[test]
fn an_unconfirmed_notice_waits_for_the_reports() {
    let policy = "[coverage]\norders = \"complete\"\nnotices = \"complete\"\n";
    let heard = |until: &str| {
        let clock = format!("reference_id=CLOCK cip=900 status=expired observed_at={until}");
        desk()
            .policy(policy)
            .report(&clock)
            .notice("")
            .run()
            .classes()
            .contains(&"unconfirmed_notice".to_owned())
    };
    assert!(!heard("2T09:59:59"));
    assert!(heard("2T10:00"));
}

/// What was lost and what was heard adds up to what the reports know, and each loss is a `missing_notice`.
#[test]
fn loss_and_delay_of_notices_are_measured_by_account() {
    let payment = |desk: Desk, cip: u32, fields: &str| {
        desk.report(&format!("reference_id=R{cip} cip={cip} paid_at=1T10:00 {fields}"))
    };
    let desk = (101..=104).fold(desk(), |desk, cip| payment(desk, cip, ""));
    let desk = payment(desk, 105, "amount=7.50");
    let desk = payment(desk, 106, "currency=USD");
    let desk = payment(desk, 201, "account=2");
    let desk = desk
        .notice("cip=101 received_at=1T10:00:02")
        .notice("cip=102 received_at=1T12:00")
        // Delivered twice: the first time counts. And once with a clock that is behind.
        .notice("cip=103 received_at=1T10:00:09")
        .notice("cip=103 received_at=1T10:00:05")
        .notice("cip=104 received_at=1T09:59:59")
        // Nobody confirms this one: it says nothing of how long notices take.
        .notice("cip=199 received_at=9T10:00");
    let outcome = desk.run();
    let expected = serde_json::json!({
        "1": {
            "reported": 6, "announced": 4, "waiting": 0, "lost": 2,
            "lost_minor": { "PEN": 750, "USD": 5000 },
            "before_payment": 1,
            "delay": {
                "count": 3, "p50_seconds": 5, "p90_seconds": 7200, "p99_seconds": 7200, "max_seconds": 7200,
                "over_one_hour": 1
            },
        },
        "2": {
            "reported": 1, "announced": 0, "waiting": 0, "lost": 1, "lost_minor": { "PEN": 5000 },
            "before_payment": 0, "delay": null,
        },
    });
    assert_eq!(outcome.summary["notice_health"], expected);
    assert_eq!(outcome.summary["classes"]["missing_notice"]["count"], 3);
}

#[test]
fn a_notice_that_may_still_come_is_not_lost() {
    let policy = "[coverage]\norders = \"complete\"\nreports = \"complete\"\n";
    let clock = "event_type=cip.expired cip=900 received_at=2T09:59:59";
    let health = &desk().policy(policy).report("").notice(clock).run().summary["notice_health"]["1"];
    assert_eq!((&health["waiting"], &health["lost"]), (&1.into(), &0.into()));
}

#[test]
fn without_notices_there_is_no_health_of_them() {
    assert!(paid().run().summary.get("notice_health").is_none());
}
