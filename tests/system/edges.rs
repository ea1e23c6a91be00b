//! The edges that are named one by one: tolerance, expiry, equal and missing times and numbers, zones, precedence.

use crate::desk::{COMPLETE, desk};

/// "the amounts differ by more than the tolerance, over or under (default 0.05; exactly 0.05 is within)"
#[track_caller]
fn check_tolerance(report_amount: &str, class: &str, difference: &str) {
    let outcome = desk().order("").report(&format!("amount={report_amount}")).expect(&[class]);
    let line = outcome.only();
    assert_eq!((line["order_amount"].as_str(), line["report_amount"].as_str()), ("50.00", report_amount));
    assert_eq!(line["difference"], difference);
}

#[test]
fn four_centimos_over_are_within_the_tolerance() {
    check_tolerance("50.04", "matched_within_tolerance", "0.04");
}

#[test]
fn five_centimos_over_are_within_the_tolerance() {
    check_tolerance("50.05", "matched_within_tolerance", "0.05");
}

#[test]
fn six_centimos_over_are_a_mismatch() {
    check_tolerance("50.06", "amount_mismatch", "0.06");
}

#[test]
fn four_centimos_under_are_within_the_tolerance() {
    check_tolerance("49.96", "matched_within_tolerance", "-0.04");
}

#[test]
fn five_centimos_under_are_within_the_tolerance() {
    check_tolerance("49.95", "matched_within_tolerance", "-0.05");
}

#[test]
fn six_centimos_under_are_a_mismatch() {
    check_tolerance("49.94", "amount_mismatch", "-0.06");
}

#[test]
fn the_policy_may_set_another_tolerance() {
    let policy = format!("[tolerance]\nabsolute = \"0\"\n{COMPLETE}");
    desk().policy(&policy).order("").report("amount=50.01").expect(&["amount_mismatch"]);
    desk().policy(&policy).order("").report("").expect(&["matched"]);
}

/// "`late_payment`: the live payment's time is after the expiry in force (exactly at expiry is in time)"
#[test]
fn a_payment_at_the_expiry_is_in_time() {
    desk().order("expires_at=2T09:00").report("paid_at=2T09:00").expect(&["matched"]);
}

#[test]
fn a_payment_one_second_after_the_expiry_is_late() {
    desk().order("expires_at=2T09:00").report("paid_at=2T09:00:01").expect(&["late_payment"]);
}

/// "Where an order has several live payments, the earliest (payment time, then operation number; undated last) stands
/// for the pair, and every further one is a break of its own"
#[test]
fn of_equal_payment_times_the_smaller_operation_number_stands() {
    let outcome = desk()
        .order("")
        .report("operation_number=100")
        .report("operation_number=99")
        .expect(&["matched", "duplicate_payment"]);
    assert_eq!(outcome.line("matched")["operation_number"], "99");
    assert_eq!(outcome.line("duplicate_payment")["operation_number"], "100");
}

/// "Numbers are ordered by length, then by character; missing ones, and missing times, come last."
#[test]
fn operation_numbers_of_one_length_go_by_character() {
    let outcome = desk()
        .order("")
        .report("operation_number=A9")
        .report("operation_number=A10")
        .report("operation_number=A2")
        .expect(&["matched", "duplicate_payment", "duplicate_payment"]);
    assert_eq!(outcome.line("matched")["operation_number"], "A2");
}

#[test]
fn a_payment_without_time_comes_after_those_with_one() {
    let outcome = desk()
        .order("")
        .report("operation_number=1 paid_at=")
        .report("operation_number=2 paid_at=9T10:00")
        .expect(&["matched", "duplicate_payment"]);
    assert_eq!(outcome.line("matched")["operation_number"], "2");
    assert_eq!(outcome.line("duplicate_payment")["operation_number"], "1");
}

#[test]
fn of_payments_without_times_the_smaller_number_stands() {
    let outcome = desk()
        .order("")
        .report("operation_number=12 paid_at=")
        .report("operation_number=9 paid_at=")
        .expect(&["matched", "duplicate_payment"]);
    assert_eq!(outcome.line("matched")["operation_number"], "9");
}

#[test]
fn payments_without_numbers_are_told_apart_by_their_times() {
    let outcome = desk()
        .order("")
        .report("operation_number= paid_at=1T10:00")
        .report("operation_number= paid_at=1T11:00")
        .expect(&["matched", "duplicate_payment"]);
    assert_eq!(outcome.line("duplicate_payment")["operation_number"], "");
}

#[test]
fn rows_without_number_and_time_are_one_payment() {
    desk()
        .order("")
        .report("operation_number= paid_at=")
        .report("operation_number= paid_at=")
        .expect(&["matched"]);
}

/// "Payment time is the provider's, else the order's; without either nothing is late."
#[test]
fn a_payment_without_time_is_judged_by_the_order_s() {
    let check = |order: &str, class: &str| {
        desk().order(&format!("expires_at=2T09:00 {order}")).report("paid_at=").expect(&[class]);
    };
    check("paid_at=2T09:00", "matched");
    check("paid_at=2T09:00:01", "late_payment");
    check("", "matched");
}

#[test]
fn the_provider_s_payment_time_goes_before_the_order_s() {
    desk().order("expires_at=2T09:00 paid_at=2T11:00").report("paid_at=2T08:00").expect(&["matched"]);
}

#[test]
fn without_any_expiry_nothing_is_late() {
    desk().order("").report("paid_at=19T10:00").expect(&["matched"]);
}

/// "One reference with two `created_at` is two orders."
#[test]
fn one_reference_on_two_orders_is_ambiguous_when_neither_names_the_cip() {
    let outcome = desk()
        .order("cip=")
        .order("cip= created_at=1T09:30")
        .report("")
        .expect(&["ambiguous_reference", "ambiguous_reference"]);
    assert_eq!(outcome.summary["classes"]["ambiguous_reference"]["count"], 2);
}

/// "Rows whose CIP an order carries meet that order alone."
#[test]
fn one_reference_on_two_orders_is_clear_when_each_names_its_cip() {
    desk()
        .order("cip=100")
        .order("cip=200 created_at=1T09:30")
        .report("cip=100")
        .report("cip=200 operation_number=8")
        .expect(&["matched", "matched"]);
}

#[test]
fn two_cips_on_one_order_are_one_pair_and_a_further_payment() {
    let outcome = desk()
        .order("cip=100;200")
        .report("cip=200 operation_number=8 paid_at=1T10:00")
        .report("cip=100 operation_number=9 paid_at=1T11:00")
        .expect(&["matched", "duplicate_payment"]);
    assert_eq!(outcome.line("matched")["cip"], "200");
    assert_eq!(outcome.line("duplicate_payment")["cip"], "100");
}

/// "A CIP is known by (account, CIP)"
#[test]
fn equal_cips_in_two_accounts_are_two_cips() {
    desk()
        .order("account=1")
        .order("account=2")
        .report("account=1")
        .expect(&["matched", "missing_at_provider"]);
    desk().order("account=1").report("account=2").expect(&["missing_at_provider", "missing_order"]);
}

#[test]
fn equal_references_in_two_accounts_are_two_references() {
    desk().order("account=1 cip=").report("account=2").expect(&["missing_at_provider", "missing_order"]);
}

/// "Content is compared as values after cleansing: one instant under two offsets, `10.5` and `10.50` are the same."
#[test]
fn one_instant_written_with_three_offsets_is_one_instant() {
    let outcome = desk()
        .order("created_at=2026-03-01T09:00:00-05:00 expires_at=2026-03-02T09:00:00-05:00")
        .order("created_at=2026-03-01T14:00:00Z expires_at=2026-03-02T14:00:00Z")
        .order("created_at=2026-03-01T22:00:00+08:00 expires_at=2026-03-02T22:00:00+08:00")
        .report("paid_at=2026-03-02T09:00:00-05:00")
        .report("paid_at=2026-03-02T14:00:00+00:00")
        .report("paid_at=2026-03-02T22:00:00+08:00")
        .expect(&["matched"]);
    assert_eq!(outcome.rows_in("orders", "PEN", "duplicate_row"), 2);
    assert_eq!(outcome.rows_in("reports", "PEN", "duplicate_row"), 2);
    desk()
        .order("expires_at=2026-03-02T09:00:00-05:00")
        .report("paid_at=2026-03-02T22:00:01+08:00")
        .expect(&["late_payment"]);
}

#[test]
fn amounts_that_differ_in_trailing_zeros_are_equal() {
    let outcome =
        desk().order("amount=10.5").order("amount=10.50").report("amount=10.50").expect(&["matched"]);
    assert_eq!(outcome.rows_in("orders", "PEN", "duplicate_row"), 1);
}

/// "Each pair gets one class, the first that holds".
#[test]
fn the_first_class_that_holds_is_given() {
    // In conflict, of a shared CIP, and with another currency.
    desk()
        .order("reference_id=A")
        .order("reference_id=A amount=60.00")
        .order("reference_id=B")
        .report("currency=USD")
        .expect(&["conflicting_record", "conflicting_record"]);
    desk().order("").report("currency=USD amount=90.00").expect(&["currency_mismatch"]);
    desk().order("status=pending").report("amount=90.00").expect(&["amount_mismatch"]);
    desk().order("expires_at=1T09:30").report("amount=90.00").expect(&["amount_mismatch"]);
    desk().order("status=expired expires_at=1T09:30").report("").expect(&["late_payment"]);
    desk().order("status=pending").report("amount=50.01").expect(&["status_mismatch paid_not_recorded"]);
    desk().order("expires_at=1T09:30").report("amount=50.01").expect(&["late_payment"]);
}

/// "and a list of all fields that differ with both values"
#[test]
fn the_list_of_differences_names_every_field_that_differs() {
    let line = desk()
        .order("cip=1 status=pending expires_at=2T09:00 paid_at=1T10:01")
        .report("amount=49.00 expires_at=3T09:00")
        .expect(&["amount_mismatch"])
        .only();
    assert_eq!(
        line["differences"],
        "cip=1|100; amount=50.00|49.00; status=pending|paid; \
         expires_at=2026-03-02T09:00:00-05:00|2026-03-03T09:00:00-05:00; \
         paid_at=2026-03-01T10:01:00-05:00|2026-03-01T10:00:00-05:00"
    );
}
