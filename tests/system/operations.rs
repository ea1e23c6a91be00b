//! Payments of a CIP: which rows are one, what takes one back, which stands. Fine print *Operations*, *Which CIP stands*,
//! *The provider's column*, rule 4.

use crate::desk::desk;

const SECOND: &str = "operation_number=8 paid_at=1T14:00";

/// "A payment row without number belongs to the only operation of its CIP with the same amount, currency and, where both
/// have one, payment time; else it is an operation of its own."
#[test]
fn an_unnumbered_row_belongs_to_the_only_operation_that_fits() {
    let both = ["duplicate_payment", "matched"];
    desk().order("").report("").report("operation_number=").expect(&["matched"]);
    desk().order("").report("").report("operation_number= paid_at=").expect(&["matched"]);
    desk().order("").report("").report("operation_number= amount=49.00").expect(&both);
    desk().order("").report("").report("operation_number= currency=USD").expect(&both);
    desk().order("").report("").report("operation_number= paid_at=1T11:00").expect(&both);
}

#[test]
fn an_unnumbered_row_that_fits_two_operations_is_one_of_its_own() {
    desk().order("").report("").report(SECOND).report("operation_number= paid_at=").expect(&[
        "matched",
        "duplicate_payment",
        "duplicate_payment",
    ]);
}

/// "Its state is the strongest of its rows: reversed, refunded, paid; its amount and time are its paid row's."
#[test]
fn an_operation_has_its_strongest_state_and_its_paid_row_s_amount() {
    let line = desk()
        .order("status=refunded")
        .report("")
        .report("status=refunded amount=49.00")
        .report("status=reversed amount=48.00 paid_at=1T13:00")
        .expect(&["matched"])
        .only();
    assert_eq!((line["report_status"].as_str(), line["report_amount"].as_str()), ("reversed", "50.00"));
}

/// "A refund or reversal without number takes back the latest live payment made at or before it".
#[test]
fn an_unnumbered_reversal_takes_back_the_latest_payment_before_it() {
    let stands = |reversed_at: &str| {
        let outcome = desk()
            .order("")
            .report("")
            .report(SECOND)
            .report(&format!("status=reversed operation_number= paid_at={reversed_at}"))
            .expect(&["matched"]);
        outcome.only()["operation_number"].clone()
    };
    assert_eq!(stands("1T12:00"), "8");
    assert_eq!(stands("1T13:59:59"), "8");
    assert_eq!(stands("1T14:00"), "7");
    assert_eq!(stands("1T15:00"), "7");
    assert_eq!(stands(""), "7");
}

#[test]
fn an_unnumbered_reversal_before_any_payment_takes_nothing_back() {
    desk()
        .order("")
        .report("")
        .report("status=reversed operation_number= paid_at=1T09:30")
        .expect(&["matched"]);
}

/// "with a number that no payment has it is an operation that came and went back"
#[test]
fn a_reversal_under_an_unknown_number_came_and_went() {
    desk().order("").report("").report("status=reversed operation_number=99").expect(&["matched"]);
    let line = desk()
        .order("")
        .report("status=reversed operation_number=99")
        .expect(&["status_mismatch reversed_not_recorded"])
        .only();
    assert_eq!((line["operation_number"].as_str(), line["report_amount"].as_str()), ("99", "50.00"));
    desk().report("status=reversed operation_number=99").expect(&["missing_order"]);
}

#[test]
fn a_numbered_reversal_takes_back_the_payment_that_it_names() {
    let line = desk()
        .order("")
        .report("")
        .report(SECOND)
        .report("status=reversed paid_at=1T15:00")
        .expect(&["matched"])
        .only();
    assert_eq!(line["operation_number"], "8");
}

/// "When all were taken back, the latest stands."; "*reversed* or *refunded* when none is and the latest operation was
/// taken back so".
#[test]
fn when_all_were_taken_back_the_latest_stands() {
    let line = desk()
        .order("status=refunded")
        .report("")
        .report("status=reversed")
        .report(SECOND)
        .report("status=refunded operation_number=8 paid_at=1T15:00")
        .expect(&["matched"])
        .only();
    assert_eq!((line["operation_number"].as_str(), line["report_status"].as_str()), ("8", "refunded"));
    desk()
        .order("")
        .report("")
        .report("status=refunded")
        .report(SECOND)
        .report("status=reversed operation_number=8 paid_at=1T15:00")
        .expect(&["status_mismatch reversed_not_recorded"]);
}

/// "*reversed* … when none is [live] … (payable again or not)"
#[test]
fn a_reversed_payment_is_reversed_although_the_cip_is_payable_again() {
    let desk = |order: &str| {
        desk()
            .order(order)
            .report("")
            .report("status=reversed")
            .report("status=pending expires_at=30T00:00 observed_at=2T09:00")
    };
    desk("status=cancelled").expect(&["unpaid"]);
    desk("status=paid").expect(&["status_mismatch reversed_not_recorded"]);
}

/// "A pending snapshot observed after a payment is an extorno of every live payment made before it, also when a newer
/// snapshot has superseded it."
#[test]
fn a_pending_snapshot_after_a_payment_is_an_extorno() {
    desk()
        .order("")
        .report("")
        .report("status=pending observed_at=1T10:00:01")
        .expect(&["status_mismatch reversed_not_recorded"]);
    desk()
        .order("")
        .report("")
        .report("status=pending observed_at=1T12:00")
        .report("status=expired observed_at=3T12:00")
        .expect(&["status_mismatch reversed_not_recorded"]);
    desk()
        .order("")
        .report("")
        .report(SECOND)
        .report("status=pending observed_at=1T16:00")
        .expect(&["status_mismatch reversed_not_recorded"]);
}

#[test]
fn a_pending_snapshot_before_or_at_the_payment_is_none() {
    desk().order("").report("").report("status=pending observed_at=1T09:59:59").expect(&["matched"]);
    desk().order("").report("").report("status=pending observed_at=1T10:00").expect(&["matched"]);
    desk().order("").report("").report("status=pending observed_at=").expect(&["matched"]);
}

#[test]
fn a_cip_paid_again_after_an_extorno_is_paid_once() {
    let line = desk()
        .order("")
        .report("")
        .report("status=pending observed_at=1T12:00")
        .report(SECOND)
        .expect(&["matched"])
        .only();
    assert_eq!(line["operation_number"], "8");
}

/// "a paid row observed after a pending snapshot cancels that extorno for payments dated before both"
#[test]
fn a_paid_row_observed_after_the_pending_snapshot_cancels_the_extorno() {
    let check = |observed: &str, class: &str| {
        desk()
            .order("")
            .report(&format!("observed_at={observed}"))
            .report("status=pending observed_at=1T12:00")
            .expect(&[class]);
    };
    check("1T12:30", "matched");
    check("1T11:30", "status_mismatch reversed_not_recorded");
    check("", "status_mismatch reversed_not_recorded");
}

/// "A refund or reversal with a time, or a pending snapshot, does not reach a payment without time; a refund or reversal
/// with neither number nor time takes back the latest live payment."
#[test]
fn what_has_a_time_does_not_reach_a_payment_without() {
    let undated = || desk().order("").report("operation_number=7 paid_at=");
    undated().report("status=pending observed_at=2T09:00").expect(&["matched"]);
    undated().report("status=reversed operation_number= paid_at=2T09:00").expect(&["matched"]);
    undated()
        .report("status=reversed operation_number= paid_at=")
        .expect(&["status_mismatch reversed_not_recorded"]);
    undated()
        .report("status=reversed operation_number=7 paid_at=2T09:00")
        .expect(&["status_mismatch reversed_not_recorded"]);
}

/// "an extension reopens" and "the expiry in force (the newest snapshot's, else the latest in its payment rows, else the
/// order's …)"
#[test]
fn the_expiry_in_force_is_the_newest_snapshot_s() {
    let check = |snapshot: &str, class: &str| {
        desk()
            .order("expires_at=1T12:00")
            .report("paid_at=1T13:00 expires_at=1T12:00")
            .report(&format!("status=pending observed_at=1T09:30 {snapshot}"))
            .expect(&[class]);
    };
    check("expires_at=1T13:00", "matched");
    check("expires_at=1T12:59:59", "late_payment");
}

#[test]
fn without_a_snapshot_the_latest_expiry_of_the_payment_rows_is_in_force() {
    let two = |first: &str, second: &str| {
        desk()
            .order("expires_at=1T09:30")
            .report(&format!("expires_at={first}"))
            .report(&format!("{SECOND} expires_at={second}"))
    };
    two("1T09:30", "1T11:00").expect(&["matched", "duplicate_payment"]);
    two("1T09:30", "1T09:45").expect(&["late_payment", "duplicate_payment"]);
    desk().order("expires_at=1T09:30").report("expires_at=1T11:00").expect(&["matched"]);
}

/// "… else the order's": where no row of the provider tells an expiry.
#[test]
fn without_any_expiry_of_the_provider_the_order_s_is_in_force() {
    let check = |order: &str, class: &str| {
        desk().order(&format!("status=cancelled {order}")).report("status=pending").expect(&[class]);
    };
    check("expires_at=20T12:00", "unpaid");
    check("expires_at=20T12:00:01", "status_mismatch still_payable");
    check("", "status_mismatch still_payable");
}

/// "If the newest snapshot gives no expiry, no older one's is used."
#[test]
fn an_older_snapshot_s_expiry_is_not_used() {
    desk()
        .order("expires_at=1T12:00")
        .report("paid_at=1T11:00")
        .report("status=pending observed_at=1T09:10 expires_at=1T10:00")
        .report("status=pending observed_at=1T09:20")
        .expect(&["matched"]);
}

/// "Which CIP stands for an order with several: one with a live payment (the earliest), else one whose money went back
/// (the latest), else a pending one, else the last." and "Of several pending CIPs the smallest number stands, of several
/// others the largest".
#[test]
fn the_cip_that_stands() {
    let check = |reports: &[&str], cip: &str, class: &str| {
        let desk = desk().order("status=pending cip=100;200");
        let line = reports.iter().fold(desk, |desk, fields| desk.report(fields)).expect(&[class]).only();
        assert_eq!(line["cip"], cip, "{reports:?}");
    };
    let back = "cip=200 operation_number=8 status=reversed";
    check(
        &["cip=100 status=pending expires_at=30T00:00", "cip=200"],
        "200",
        "status_mismatch paid_not_recorded",
    );
    check(
        &["cip=100", "cip=200 operation_number=8 paid_at=1T08:00", back],
        "100",
        "status_mismatch paid_not_recorded",
    );
    check(
        &["cip=100 status=pending expires_at=30T00:00", "cip=200 operation_number=8", back],
        "200",
        "unpaid",
    );
    check(
        &[
            "cip=100 paid_at=1T11:00",
            "cip=100 status=reversed",
            "cip=200 operation_number=8 paid_at=1T10:00",
            back,
        ],
        "100",
        "unpaid",
    );
    check(&["cip=100 status=expired", "cip=200 status=pending expires_at=30T00:00"], "200", "unpaid");
    check(
        &["cip=200 status=pending expires_at=30T00:00", "cip=100 status=pending expires_at=30T00:00"],
        "100",
        "unpaid",
    );
    check(&["cip=200 status=expired", "cip=100 status=expired"], "200", "unpaid");
    check(&["cip=100 status=expired"], "100", "unpaid");
}

/// "payments of different CIPs with equal time and number go by CIP"
#[test]
fn equal_payments_of_two_cips_go_by_cip() {
    let outcome = desk()
        .order("cip=100;200")
        .report("cip=200")
        .report("cip=100")
        .expect(&["matched", "duplicate_payment"]);
    assert_eq!(outcome.line("matched")["cip"], "100");
}

/// "Payment rows are placed before refunds and reversals, dated before undated, on the only operation that fits, numbered
/// or not."
#[test]
fn rows_are_placed_whatever_their_order_in_the_file() {
    let rows = [
        "status=reversed operation_number= paid_at=1T15:00",
        "operation_number= paid_at=",
        "operation_number= paid_at=1T10:00",
    ];
    for turn in 0..3 {
        let mut rows = rows;
        rows.rotate_left(turn);
        let desk = rows.iter().fold(desk().order(""), |desk, fields| desk.report(fields));
        desk.expect(&["status_mismatch reversed_not_recorded"]);
    }
}

/// "Currency and amount are compared when money was taken or the CIP is still payable; an expired or removed one is not
/// held against an order."
#[test]
fn amounts_are_compared_where_money_moved_or_still_may() {
    let check = |order: &str, reports: &[&str], class: &str| {
        let desk = desk().order(&format!("status={order}"));
        reports.iter().fold(desk, |desk, fields| desk.report(fields)).expect(&[class]);
    };
    check("pending", &["status=pending expires_at=30T00:00 amount=49.00"], "amount_mismatch");
    check("pending", &["status=pending expires_at=30T00:00 currency=USD"], "currency_mismatch");
    check("refunded", &["amount=49.00", "status=reversed amount=49.00"], "amount_mismatch");
    check("refunded", &["currency=USD", "status=refunded currency=USD"], "currency_mismatch");
    check("pending", &["status=expired amount=49.00"], "unpaid");
    check("pending", &["status=removed currency=USD"], "unpaid");
    check("paid", &["status=expired amount=49.00"], "status_mismatch claimed_unpaid");
}
