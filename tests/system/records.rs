//! Rows of one identity: repeated, superseded, merged, or in conflict. Fine print *Sources*, *Orders*, *Report rows*,
//! *Finer*, *Finest* and *Content*.

use crate::desk::desk;

/// "Orders are known by (account, reference, `created_at`): a later `updated_at` supersedes".
#[test]
fn a_later_update_supersedes() {
    let outcome = desk()
        .order("status=paid updated_at=1T10:05")
        .order("status=pending updated_at=1T09:00")
        .report("")
        .expect(&["matched"]);
    assert_eq!(outcome.rows_in("orders", "PEN", "superseded"), 1);
}

/// "fully equal rows are duplicates"
#[test]
fn fully_equal_rows_are_duplicates() {
    let outcome = desk().order("").order("").order("").report("").report("").expect(&["matched"]);
    assert_eq!(outcome.rows_in("orders", "PEN", "duplicate_row"), 2);
    assert_eq!(outcome.rows_in("reports", "PEN", "duplicate_row"), 1);
}

/// "other content without a later `updated_at` is `conflicting_record`"
#[test]
fn other_content_without_a_later_update_is_a_conflict() {
    desk().order("").order("amount=60.00").report("").expect(&["conflicting_record"]);
    desk().order("").order("status=cancelled").report("").expect(&["conflicting_record"]);
    desk()
        .order("updated_at=1T10:05")
        .order("updated_at=1T10:05 amount=60.00")
        .report("")
        .expect(&["conflicting_record"]);
}

/// "A row without `updated_at` or `observed_at` is older than any that has it."
#[test]
fn a_row_without_time_of_change_is_older() {
    desk().order("status=pending").order("status=paid updated_at=1T10:05").report("").expect(&["matched"]);
    desk()
        .order("status=cancelled")
        .report("status=pending expires_at=30T00:00 observed_at=")
        .report("status=expired")
        .expect(&["unpaid"]);
}

/// "An order told twice with different content counts once; of conflicting rows the one with the earliest payment time
/// stands, then the smaller amount."
#[test]
fn of_conflicting_order_rows_the_smaller_amount_stands() {
    let outcome = desk()
        .order("amount=60.00")
        .order("amount=40.00")
        .report("amount=60.00")
        .expect(&["conflicting_record"]);
    assert_eq!(outcome.only()["order_amount"], "40.00");
    assert_eq!(outcome.summary["classes"]["conflicting_record"]["count"], 1);
    assert_eq!(outcome.summary["classes"]["conflicting_record"]["minor"], 4_000);
}

#[test]
fn of_conflicting_order_rows_the_earliest_payment_time_stands_first() {
    let outcome = desk()
        .order("amount=60.00 paid_at=1T10:00")
        .order("amount=40.00 paid_at=1T10:30")
        .report("amount=60.00")
        .expect(&["conflicting_record"]);
    assert_eq!(outcome.only()["order_amount"], "60.00");
}

/// "A tie of conflicting rows goes by currency, then by the cleansed fields in the order of section 7."
#[test]
fn a_tie_of_conflicting_rows_goes_by_currency() {
    let check = |first: &str, second: &str| {
        let outcome = desk().order(first).order(second).report("").expect(&["conflicting_record"]);
        assert_eq!(outcome.only()["currency"], "PEN");
    };
    check("currency=USD", "currency=PEN");
    check("currency=PEN", "currency=USD");
}

/// "One reference with two `created_at` is two orders."
#[test]
fn one_reference_with_two_times_of_creation_is_two_orders() {
    let outcome = desk()
        .order("cip=")
        .order("cip= created_at=1T09:00:01")
        .expect(&["missing_at_provider", "missing_at_provider"]);
    assert_eq!(outcome.rows_in("orders", "PEN", "break"), 2);
}

/// "A field that only one of two rows carries contradicts nothing and is merged."
#[test]
fn a_field_that_only_one_row_carries_is_merged() {
    let outcome = desk().order("").order("expires_at=1T09:30").report("").expect(&["late_payment"]);
    assert_eq!(outcome.rows_in("orders", "PEN", "duplicate_row"), 1);
    desk().order("").report("").report("expires_at=1T09:30").expect(&["late_payment"]);
}

/// "A row that only adds fields to another of its identity, or an unnumbered one that repeats an operation, is a
/// duplicate row."
#[test]
fn a_row_that_only_adds_or_repeats_is_a_duplicate_row() {
    let outcome = desk()
        .order("")
        .report("")
        .report("commission=1.25 igv=0.225 net=48.525")
        .report("operation_number=")
        .expect(&["matched"]);
    assert_eq!(outcome.rows_in("reports", "PEN", "duplicate_row"), 2);
    assert_eq!(outcome.rows_in("reports", "PEN", "matched"), 1);
}

/// "events, known by (account, CIP, status, operation number, else payment time)": another amount or time under one
/// number is a contradiction, not a second payment.
#[test]
fn one_operation_with_two_amounts_is_a_conflict() {
    let outcome = desk().order("").report("").report("amount=51.00").expect(&["conflicting_record"]);
    assert_eq!(outcome.only()["report_amount"], "50.00");
}

#[test]
fn one_operation_with_two_times_is_a_conflict_and_the_earlier_stands() {
    let line = desk()
        .order("")
        .report("paid_at=1T11:00 amount=49.00")
        .report("")
        .expect(&["conflicting_record"])
        .only();
    assert_eq!(line["report_amount"], "50.00");
}

/// "without an order it bears the amount of the row that would stand"
#[test]
fn a_conflict_without_order_is_told_once_with_the_amount_that_would_stand() {
    let outcome = desk().report("amount=51.00").report("").expect(&["conflicting_record"]);
    assert_eq!(outcome.only()["report_amount"], "50.00");
    assert_eq!(outcome.summary["classes"]["conflicting_record"]["minor"], 5_000);
}

/// "the newest `observed_at` speaks"
#[test]
fn the_newest_snapshot_speaks() {
    let pending = "status=pending expires_at=30T00:00";
    let outcome = desk()
        .order("status=cancelled")
        .report(&format!("{pending} observed_at=1T12:00"))
        .report("status=removed observed_at=2T12:00")
        .expect(&["unpaid"]);
    assert_eq!(outcome.rows_in("reports", "PEN", "superseded"), 1);
    desk()
        .order("status=cancelled")
        .report("status=expired observed_at=1T12:00")
        .report(&format!("{pending} observed_at=2T12:00"))
        .expect(&["status_mismatch still_payable"]);
}

/// "two different ones of one source at one (or no) time are `conflicting_record`"
#[test]
fn two_snapshots_of_one_source_at_one_time_conflict() {
    desk()
        .order("status=pending")
        .report("status=pending expires_at=30T00:00")
        .report("status=removed")
        .expect(&["conflicting_record"]);
    desk()
        .order("status=pending")
        .report("status=pending expires_at=30T00:00 observed_at=")
        .report("status=removed observed_at=")
        .expect(&["conflicting_record"]);
}

/// "Snapshots that contradict at one time are a conflict only until a newer one speaks; every snapshot but the newest is
/// superseded".
#[test]
fn a_newer_snapshot_settles_a_contradiction() {
    let outcome = desk()
        .order("status=cancelled")
        .report("status=pending expires_at=30T00:00")
        .report("status=removed")
        .report("status=removed observed_at=3T09:00")
        .expect(&["unpaid"]);
    assert_eq!(outcome.rows_in("reports", "PEN", "superseded"), 2);
}

#[test]
fn equal_snapshots_at_one_time_are_duplicate_rows() {
    let outcome =
        desk().order("status=pending").report("status=removed").report("status=removed").expect(&["unpaid"]);
    assert_eq!(outcome.rows_in("reports", "PEN", "duplicate_row"), 1);
}

/// "one that says expired or removed after a payment changes nothing"
#[test]
fn a_dead_cip_seen_after_the_payment_changes_nothing() {
    for status in ["expired", "removed"] {
        let outcome = desk().order("").report("").report(&format!("status={status}")).expect(&["matched"]);
        assert_eq!(outcome.only()["report_status"], "paid");
    }
}

/// "\"Changes after a payment\" (rule 5) means: a snapshot observed after the payment with another amount or currency
/// than it".
#[test]
fn a_snapshot_with_another_amount_after_the_payment_is_a_conflict() {
    let line = desk()
        .order("")
        .report("")
        .report("status=expired amount=51.00")
        .expect(&["conflicting_record"])
        .only();
    assert_eq!(line["report_amount"], "50.00");
    desk().order("").report("").report("status=expired currency=USD").expect(&["conflicting_record"]);
    desk()
        .order("")
        .report("")
        .report("status=expired amount=51.00 observed_at=1T09:30")
        .expect(&["matched"]);
}

/// "a snapshot is held against every payment made before it"
#[test]
fn a_snapshot_is_held_against_every_payment_before_it() {
    desk()
        .order("")
        .report("")
        .report("operation_number=8 paid_at=1T11:00 amount=48.00")
        .report("status=expired amount=50.00")
        .expect(&["conflicting_record", "duplicate_payment"]);
}

/// "or an order row updated after the payment with another than the row it supersedes"
#[test]
fn an_order_changed_after_the_payment_is_a_conflict() {
    desk()
        .order("amount=60.00 updated_at=1T09:30")
        .order("amount=50.00 updated_at=1T10:30")
        .report("")
        .expect(&["conflicting_record"]);
    desk()
        .order("currency=USD updated_at=1T09:30")
        .order("currency=PEN updated_at=1T10:30")
        .report("")
        .expect(&["conflicting_record"]);
}

#[test]
fn an_order_changed_before_the_payment_is_none() {
    desk()
        .order("amount=60.00 updated_at=1T09:30")
        .order("amount=50.00 updated_at=1T09:45")
        .report("")
        .expect(&["matched"]);
}

/// "\"Updated after the payment\" means the payment that stands".
#[test]
fn a_change_before_the_payment_that_stands_is_no_conflict() {
    desk()
        .order("amount=60.00 updated_at=1T09:30")
        .order("amount=50.00 updated_at=2T09:00")
        .report("operation_number=7 paid_at=1T10:00")
        .report("operation_number=7 status=reversed paid_at=1T12:00")
        .report("operation_number=8 paid_at=3T10:00")
        .expect(&["matched"]);
}

/// "Rows of one identity from different sources are one fact; if a field that both carry differs, they are
/// `conflicting_record`."
#[test]
fn two_channels_tell_one_fact() {
    let outcome = desk().order("").report("").portal("").expect(&["matched"]);
    assert_eq!(outcome.rows_in("reports", "PEN", "duplicate_row"), 1);
    desk().order("").report("commission=1.25").portal("net=48.00").expect(&["matched"]);
    desk().order("").report("").portal("amount=51.00").expect(&["conflicting_record"]);
    desk().order("").report("").portal("paid_at=1T10:30").expect(&["conflicting_record"]);
    desk().order("").report("commission=1.25").portal("commission=1.30").expect(&["conflicting_record"]);
}

/// "Operation numbers are compared only **within** one source; sources bind by equal number, else by being the only
/// payment. The number of payments of a CIP is the largest that any one source shows." (rule 2)
#[test]
fn channels_with_numbers_of_their_own_bind_by_the_only_payment() {
    desk().order("").report("operation_number=7").portal("operation_number=P-1").expect(&["matched"]);
}

#[test]
fn the_number_of_payments_is_the_largest_that_one_source_shows() {
    desk()
        .order("")
        .report("operation_number=7")
        .report("operation_number=8 paid_at=1T11:00")
        .portal("operation_number=P-1")
        .expect(&["matched", "duplicate_payment"]);
    desk()
        .order("")
        .report("operation_number=7")
        .portal("operation_number=7")
        .portal("operation_number=8 paid_at=1T11:00")
        .expect(&["matched", "duplicate_payment"]);
}

/// "Across sources an unnumbered row binds to the only payment of the same currency."
#[test]
fn an_unnumbered_row_binds_to_the_only_payment_of_its_currency() {
    desk().order("").report("").portal("operation_number= paid_at=").expect(&["matched"]);
    desk()
        .order("")
        .report("")
        .portal("operation_number= amount=51.00 paid_at=")
        .expect(&["conflicting_record"]);
    desk()
        .order("")
        .report("")
        .portal("operation_number= currency=USD amount=14.00 paid_at=1T11:00")
        .expect(&["matched", "duplicate_payment"]);
}

/// "Of one event the newest `observed_at` speaks".
#[test]
fn of_one_event_the_newest_observation_speaks() {
    let outcome = desk()
        .order("refunded_amount=20.00")
        .report("refunded_amount=10.00 observed_at=2T09:00")
        .report("refunded_amount=20.00 observed_at=3T09:00")
        .expect(&["matched"]);
    assert_eq!(outcome.rows_in("reports", "PEN", "superseded"), 1);
}
