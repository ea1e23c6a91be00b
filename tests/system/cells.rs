//! Every cell of the order × provider table of section 4.1. Every leg has been heard to the end, so nothing waits.

use crate::desk::{Outcome, desk};

const NOTHING: &[&str] = &[];
const PENDING: &[&str] = &["status=pending expires_at=30T00:00"];
const PAID: &[&str] = &["status=paid"];
const EXPIRED: &[&str] = &["status=expired"];
const REMOVED: &[&str] = &["status=removed"];
const REVERSED: &[&str] = &["status=paid", "status=reversed"];
const REFUNDED: &[&str] = &["status=paid", "status=refunded"];

#[track_caller]
fn check(order: &str, reports: &[&str], expected: &str) -> Outcome {
    let desk = desk().order(&format!("status={order}"));
    reports.iter().fold(desk, |desk, fields| desk.report(fields)).expect(&[expected])
}

#[track_caller]
fn check_without_order(reports: &[&str], expected: &str) {
    reports.iter().fold(desk(), |desk, fields| desk.report(fields)).expect(&[expected]);
}

#[test]
fn pending_order_and_no_row_is_unpaid() {
    check("pending", NOTHING, "unpaid");
}

#[test]
fn pending_order_and_pending_cip_is_unpaid() {
    check("pending", PENDING, "unpaid");
}

#[test]
fn pending_order_and_payment_is_paid_not_recorded() {
    check("pending", PAID, "status_mismatch paid_not_recorded");
}

#[test]
fn pending_order_and_expired_cip_is_unpaid() {
    check("pending", EXPIRED, "unpaid");
}

#[test]
fn pending_order_and_removed_cip_is_unpaid() {
    check("pending", REMOVED, "unpaid");
}

#[test]
fn pending_order_and_reversed_payment_is_unpaid() {
    check("pending", REVERSED, "unpaid");
}

#[test]
fn pending_order_and_refunded_payment_is_refund_not_recorded() {
    check("pending", REFUNDED, "status_mismatch refund_not_recorded");
}

#[test]
fn paid_order_and_no_row_is_missing_at_provider() {
    check("paid", NOTHING, "missing_at_provider");
}

#[test]
fn paid_order_and_pending_cip_is_claimed_unpaid() {
    check("paid", PENDING, "status_mismatch claimed_unpaid");
}

#[test]
fn paid_order_and_payment_is_matched() {
    check("paid", PAID, "matched");
}

#[test]
fn paid_order_and_expired_cip_is_claimed_unpaid() {
    check("paid", EXPIRED, "status_mismatch claimed_unpaid");
}

#[test]
fn paid_order_and_removed_cip_is_claimed_unpaid() {
    check("paid", REMOVED, "status_mismatch claimed_unpaid");
}

#[test]
fn paid_order_and_reversed_payment_is_reversed_not_recorded() {
    check("paid", REVERSED, "status_mismatch reversed_not_recorded");
}

#[test]
fn paid_order_and_refunded_payment_is_refund_not_recorded() {
    check("paid", REFUNDED, "status_mismatch refund_not_recorded");
}

#[test]
fn fulfilled_order_and_no_row_is_missing_at_provider() {
    check("fulfilled", NOTHING, "missing_at_provider");
}

#[test]
fn fulfilled_order_and_pending_cip_is_claimed_unpaid() {
    check("fulfilled", PENDING, "status_mismatch claimed_unpaid");
}

#[test]
fn fulfilled_order_and_payment_is_matched() {
    check("fulfilled", PAID, "matched");
}

#[test]
fn fulfilled_order_and_expired_cip_is_claimed_unpaid() {
    check("fulfilled", EXPIRED, "status_mismatch claimed_unpaid");
}

#[test]
fn fulfilled_order_and_removed_cip_is_claimed_unpaid() {
    check("fulfilled", REMOVED, "status_mismatch claimed_unpaid");
}

#[test]
fn fulfilled_order_and_reversed_payment_is_reversed_not_recorded() {
    check("fulfilled", REVERSED, "status_mismatch reversed_not_recorded");
}

#[test]
fn fulfilled_order_and_refunded_payment_is_refund_not_recorded() {
    check("fulfilled", REFUNDED, "status_mismatch refund_not_recorded");
}

#[test]
fn cancelled_order_and_no_row_is_unpaid() {
    check("cancelled", NOTHING, "unpaid");
}

#[test]
fn cancelled_order_and_pending_cip_is_still_payable() {
    check("cancelled", PENDING, "status_mismatch still_payable");
}

#[test]
fn cancelled_order_and_payment_is_paid_not_recorded() {
    check("cancelled", PAID, "status_mismatch paid_not_recorded");
}

#[test]
fn cancelled_order_and_expired_cip_is_unpaid() {
    check("cancelled", EXPIRED, "unpaid");
}

#[test]
fn cancelled_order_and_removed_cip_is_unpaid() {
    check("cancelled", REMOVED, "unpaid");
}

#[test]
fn cancelled_order_and_reversed_payment_is_unpaid() {
    check("cancelled", REVERSED, "unpaid");
}

#[test]
fn cancelled_order_and_refunded_payment_is_matched() {
    check("cancelled", REFUNDED, "matched");
}

#[test]
fn expired_order_and_no_row_is_unpaid() {
    check("expired", NOTHING, "unpaid");
}

#[test]
fn expired_order_and_pending_cip_is_still_payable() {
    check("expired", PENDING, "status_mismatch still_payable");
}

#[test]
fn expired_order_and_payment_is_paid_not_recorded() {
    check("expired", PAID, "status_mismatch paid_not_recorded");
}

#[test]
fn expired_order_and_expired_cip_is_unpaid() {
    check("expired", EXPIRED, "unpaid");
}

#[test]
fn expired_order_and_removed_cip_is_unpaid() {
    check("expired", REMOVED, "unpaid");
}

#[test]
fn expired_order_and_reversed_payment_is_unpaid() {
    check("expired", REVERSED, "unpaid");
}

#[test]
fn expired_order_and_refunded_payment_is_matched() {
    check("expired", REFUNDED, "matched");
}

#[test]
fn refunded_order_and_no_row_is_missing_at_provider() {
    check("refunded", NOTHING, "missing_at_provider");
}

#[test]
fn refunded_order_and_pending_cip_is_claimed_unpaid() {
    check("refunded", PENDING, "status_mismatch claimed_unpaid");
}

#[test]
fn refunded_order_and_payment_is_refund_not_done() {
    check("refunded", PAID, "status_mismatch refund_not_done");
}

#[test]
fn refunded_order_and_expired_cip_is_claimed_unpaid() {
    check("refunded", EXPIRED, "status_mismatch claimed_unpaid");
}

#[test]
fn refunded_order_and_removed_cip_is_claimed_unpaid() {
    check("refunded", REMOVED, "status_mismatch claimed_unpaid");
}

#[test]
fn refunded_order_and_reversed_payment_is_matched() {
    check("refunded", REVERSED, "matched");
}

#[test]
fn refunded_order_and_refunded_payment_is_matched() {
    check("refunded", REFUNDED, "matched");
}

#[test]
fn no_order_and_pending_cip_is_unpaid() {
    check_without_order(PENDING, "unpaid");
}

#[test]
fn no_order_and_payment_is_missing_order() {
    check_without_order(PAID, "missing_order");
}

#[test]
fn no_order_and_expired_cip_is_unpaid() {
    check_without_order(EXPIRED, "unpaid");
}

#[test]
fn no_order_and_removed_cip_is_unpaid() {
    check_without_order(REMOVED, "unpaid");
}

#[test]
fn no_order_and_reversed_payment_is_missing_order() {
    check_without_order(REVERSED, "missing_order");
}

#[test]
fn no_order_and_refunded_payment_is_missing_order() {
    check_without_order(REFUNDED, "missing_order");
}

/// "`fulfilled` against anything unpaid is critical."
#[test]
fn goods_that_left_without_money_are_critical() {
    for reports in [NOTHING, PENDING, EXPIRED, REMOVED] {
        let class = if reports.is_empty() { "missing_at_provider" } else { "status_mismatch claimed_unpaid" };
        assert_eq!(check("fulfilled", reports, class).only()["severity"], "critical", "{reports:?}");
        assert_ne!(check("paid", reports, class).only()["severity"], "critical", "{reports:?}");
    }
}

/// A pending row whose expiry has come speaks like one that says expired: "*expired* when the newest snapshot says so or
/// `as_of` ≥ the expiry in force".
#[test]
fn a_pending_row_is_expired_from_its_expiry_on() {
    let check = |expires: &str, expected: &str| {
        check("cancelled", &[&format!("status=pending expires_at={expires}")], expected)
    };
    check("20T11:59:59", "unpaid");
    check("20T12:00:00", "unpaid");
    check("20T12:00:01", "status_mismatch still_payable");
}
