//! Whole refunds and refunds in part. Fine print *Refunds in part* and *A refund*.

use crate::desk::desk;

const PART: &str = "status=refunded refunded_amount=20.00";

#[track_caller]
fn check(order: &str, reports: &[&str], class: &str) {
    reports.iter().fold(desk().order(order), |desk, fields| desk.report(fields)).expect(&[class]);
}

/// "A side states one in `refunded_amount` alone. Against an order of any status that states none it is
/// `refund_not_recorded`".
#[test]
fn a_part_that_the_order_does_not_state_is_not_recorded() {
    for status in ["pending", "paid", "fulfilled", "cancelled", "expired", "refunded"] {
        let order = format!("status={status}");
        check(&order, &["", PART], "status_mismatch refund_not_recorded");
        check(&order, &["refunded_amount=20.00"], "status_mismatch refund_not_recorded");
    }
}

/// "where both state the same part, a paid, fulfilled or refunded order agrees"
#[test]
fn the_same_part_on_both_sides_agrees() {
    for status in ["paid", "fulfilled", "refunded"] {
        check(&format!("status={status} refunded_amount=20.00"), &["", PART], "matched");
        check(&format!("status={status} refunded_amount=20.00"), &["refunded_amount=20"], "matched");
    }
}

/// "other parts are `refund_amount_differs` in place of the cell"
#[test]
fn other_parts_differ() {
    for status in ["paid", "fulfilled", "refunded"] {
        check(
            &format!("status={status} refunded_amount=25.00"),
            &["", PART],
            "status_mismatch refund_amount_differs",
        );
    }
}

/// "Where both sides state a refunded amount and they differ beyond the tolerance, the reason is `refund_amount_differs`."
#[test]
fn refunded_amounts_differ_only_beyond_the_tolerance() {
    check("status=refunded refunded_amount=50.00", &["", "status=refunded refunded_amount=50.00"], "matched");
    check("status=paid refunded_amount=20.06", &["", PART], "status_mismatch refund_amount_differs");
    check("status=paid refunded_amount=19.94", &["", PART], "status_mismatch refund_amount_differs");
    check("status=paid refunded_amount=20.05", &["", PART], "matched");
}

#[test]
fn a_part_against_a_whole_refund_differs() {
    let whole = "status=refunded refunded_amount=50.00";
    check("status=refunded refunded_amount=20.00", &["", whole], "status_mismatch refund_amount_differs");
}

/// "a part that only the order states leaves the cell as it is"
#[test]
fn a_part_that_only_the_order_states_leaves_the_cell() {
    check("status=paid refunded_amount=20.00", &[""], "matched");
    check("status=refunded refunded_amount=20.00", &[""], "status_mismatch refund_not_done");
    check("status=refunded refunded_amount=20.00", &["", "status=refunded"], "matched");
}

/// "A refund is whole unless `refunded_amount` is less than the amount; in part, the payment stays live".
#[test]
fn a_refund_is_whole_unless_it_is_less_than_the_amount() {
    check("status=refunded", &["", "status=refunded"], "matched");
    check("status=refunded", &["", "status=refunded refunded_amount=50.00"], "matched");
    check(
        "status=refunded",
        &["", "status=refunded refunded_amount=49.99"],
        "status_mismatch refund_not_recorded",
    );
    check("status=cancelled", &["", "status=refunded refunded_amount=50.00"], "matched");
}

#[test]
fn a_part_refund_leaves_the_payment_live() {
    let line = desk().order("refunded_amount=20.00").report("").report(PART).expect(&["matched"]).only();
    assert_eq!((line["report_status"].as_str(), line["report_amount"].as_str()), ("paid", "50.00"));
}

/// "A part refund without its payment's row is a live payment."
#[test]
fn a_part_refund_alone_is_a_live_payment() {
    check("refunded_amount=20.00", &[PART], "matched");
    check("", &[PART], "status_mismatch refund_not_recorded");
    desk().report(PART).expect(&["missing_order"]);
}

/// A refunded amount of zero is as good as none.
#[test]
fn a_refund_of_zero_states_nothing() {
    check("refunded_amount=0.00", &["refunded_amount=0"], "matched");
    check("refunded_amount=0", &["", "status=refunded"], "status_mismatch refund_not_recorded");
}

#[test]
fn the_differing_refund_is_named_among_the_differences() {
    let line = desk()
        .order("refunded_amount=25.00")
        .report("")
        .report(PART)
        .expect(&["status_mismatch refund_amount_differs"])
        .only();
    assert_eq!(line["differences"], "refunded_amount=25.00|20.00");
}
