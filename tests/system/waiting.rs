//! Silence counts only where it was heard: rule 10 and the fine print *Waiting*.

use crate::desk::{COMPLETE, Desk, desk};

/// A desk judged at the end of its grace, where one leg was heard up to a time and the others to the end.
///
/// What tells the leg's time is an order or a CIP beside the case; it is `unpaid` and nothing more.
fn heard(leg: &str, until: &str) -> Desk {
    let others: String = ["orders", "reports", "notices"]
        .iter()
        .filter(|other| **other != leg)
        .map(|other| format!("{other} = \"complete\"\n"))
        .collect();
    let desk = desk().policy(&format!("[coverage]\n{others}"));
    match leg {
        "orders" => desk.order(&format!("reference_id=CLOCK cip=900 status=pending created_at={until}")),
        _ => desk.report(&format!("reference_id=CLOCK cip=900 status=expired observed_at={until}")),
    }
}

/// The case waits while the leg was heard to a second before `start` + 24 hours, and speaks from then on.
#[track_caller]
fn check(leg: &str, order: Option<&str>, reports: &[&str], class: &str) {
    let case = |until: &str| {
        let desk = heard(leg, until);
        let desk = reports.iter().fold(desk, |desk, fields| desk.report(fields));
        match order {
            Some(order) => desk.order(order),
            None => desk,
        }
    };
    // Every case's clock starts on the 1st at 10:00.
    case("2T09:59:59").expect(&["open", "unpaid"]);
    case("2T10:00:00").expect(&[class, "unpaid"]);
    case("5T10:00:00").expect(&[class, "unpaid"]);
}

#[test]
fn missing_order_waits_for_the_orders() {
    check("orders", None, &[""], "missing_order");
    check("orders", None, &["", "status=reversed"], "missing_order");
}

#[test]
fn missing_at_provider_waits_for_the_reports() {
    for status in ["paid", "fulfilled", "refunded"] {
        check("reports", Some(&format!("status={status} paid_at=1T10:00")), &[], "missing_at_provider");
    }
}

#[test]
fn paid_not_recorded_waits_for_the_orders() {
    for status in ["pending", "cancelled", "expired"] {
        check("orders", Some(&format!("status={status}")), &[""], "status_mismatch paid_not_recorded");
    }
}

#[test]
fn claimed_unpaid_waits_for_the_reports() {
    let order = "paid_at=1T10:00";
    let pending = "status=pending observed_at=1T09:30 expires_at=30T00:00";
    check("reports", Some(order), &[pending], "status_mismatch claimed_unpaid");
    check("reports", Some(order), &["status=removed observed_at=1T09:30"], "status_mismatch claimed_unpaid");
}

#[test]
fn refund_not_recorded_waits_for_the_orders() {
    check("orders", Some(""), &["", "status=refunded"], "status_mismatch refund_not_recorded");
    check(
        "orders",
        Some(""),
        &["", "status=refunded refunded_amount=20.00"],
        "status_mismatch refund_not_recorded",
    );
}

#[test]
fn refund_not_done_waits_for_the_reports() {
    check("reports", Some("status=refunded"), &[""], "status_mismatch refund_not_done");
}

#[test]
fn reversed_not_recorded_waits_for_the_orders() {
    check("orders", Some(""), &["", "status=reversed"], "status_mismatch reversed_not_recorded");
}

/// "The clock starts at the payment time, else `paid_at` of the order, else `created_at`".
#[test]
fn the_clock_starts_at_the_payment_else_at_the_order_s_times() {
    check("orders", Some("status=pending paid_at=1T09:00"), &[""], "status_mismatch paid_not_recorded");
    check("reports", Some("paid_at=1T10:00"), &[], "missing_at_provider");
    check("reports", Some("created_at=1T10:00"), &[], "missing_at_provider");
    check(
        "orders",
        Some("status=pending created_at=1T10:00"),
        &["paid_at="],
        "status_mismatch paid_not_recorded",
    );
}

/// "(for `missing_order` of the report; without any it speaks at once)"
#[test]
fn missing_order_without_payment_time_waits_from_the_cip_s_creation_or_not_at_all() {
    check("orders", None, &["paid_at= created_at=1T10:00"], "missing_order");
    heard("orders", "1T09:30").report("paid_at=").expect(&["missing_order", "unpaid"]);
}

/// What does not rest on silence does not wait.
#[test]
fn a_plain_contradiction_does_not_wait() {
    let case = |order: &str, report: &str| heard("orders", "1T10:00").order(order).report(report);
    case("", "amount=60.00").expect(&["amount_mismatch", "unpaid"]);
    case("", "currency=USD").expect(&["currency_mismatch", "unpaid"]);
    case("expires_at=1T09:30", "").expect(&["late_payment", "unpaid"]);
    case("status=cancelled", "status=pending expires_at=30T00:00")
        .expect(&["status_mismatch still_payable", "unpaid"]);
    case("", "").expect(&["matched", "unpaid"]);
}

/// "Each source states `covered_until` (… for a plain file the latest time in it …)": of the times that tell of the past.
#[test]
fn a_plain_file_covers_what_is_up_to_the_latest_time_in_it() {
    let check = |field: &str, class: &str| {
        let desk = desk().plain().judged_at("20T12:00").order("paid_at=1T10:00");
        desk.report(&format!("reference_id=CLOCK cip=900 status=removed observed_at= {field}"))
            .expect(&[class, "unpaid"]);
    };
    for field in ["created_at", "observed_at"] {
        check(&format!("{field}=2T10:00"), "missing_at_provider");
        check(&format!("{field}=2T09:59:59"), "open");
    }
    check("created_at=1T09:00 expires_at=9T00:00", "open");
    check("", "open");
}

#[test]
fn every_time_of_an_order_but_its_expiry_tells_how_far_the_orders_go() {
    let check = |field: &str, class: &str| {
        let clock = format!("reference_id=CLOCK cip=900 status=pending {field}");
        desk().plain().judged_at("20T12:00").order(&clock).report("").expect(&[class, "unpaid"]);
    };
    for field in ["created_at", "paid_at", "fulfilled_at", "updated_at"] {
        check(&format!("{field}=2T10:00"), "missing_order");
        check(&format!("{field}=2T09:59:59"), "open");
    }
    check("expires_at=9T00:00", "open");
}

/// "it covers all accounts in the file"
#[test]
fn a_plain_file_covers_all_accounts_in_it() {
    desk()
        .plain()
        .judged_at("20T12:00")
        .order("account=1 paid_at=1T10:00")
        .report("account=2 reference_id=CLOCK cip=900 status=removed observed_at=2T10:00")
        .expect(&["missing_at_provider", "unpaid"]);
}

/// "a file without times covers nothing, and the command says so"
#[test]
fn a_file_without_times_covers_nothing_and_says_so() {
    let desk = desk().plain().judged_at("20T12:00").order("paid_at=1T10:00");
    let outcome =
        desk.report("reference_id=X cip=900 status=removed observed_at=").expect(&["open", "unpaid"]);
    assert_eq!(outcome.run.warnings.len(), 1);
    assert!(outcome.run.warnings[0].contains("reports.csv"), "{:?}", outcome.run.warnings);
}

/// "`covered_until` is at most `as_of`."
#[test]
fn nothing_is_covered_beyond_the_moment_of_judgement() {
    let desk = |as_of: &str| desk().plain().judged_at(as_of).order("paid_at=1T10:00");
    let clock = "reference_id=CLOCK cip=900 status=removed observed_at=9T09:00";
    desk("2T09:59:59").report(clock).expect(&["open", "unpaid"]);
    desk("2T10:00").report(clock).expect(&["missing_at_provider", "unpaid"]);
}

/// "for files the latest time found in them unless given" (rule 9)
#[test]
fn files_are_judged_at_the_latest_time_in_any_of_them() {
    let outcome = desk().plain().order("updated_at=3T10:00").report("").expect(&["matched"]);
    assert_eq!(outcome.summary["as_of"], "2026-03-03T10:00:00-05:00");
}

/// "a policy may say `complete`"
#[test]
fn a_leg_that_is_complete_is_heard_to_the_end() {
    let complete = "[coverage]\nreports = \"complete\"\n";
    desk().policy(complete).judged_at("2T10:00").order("paid_at=1T10:00").expect(&["missing_at_provider"]);
    desk().policy(complete).judged_at("2T09:59:59").order("paid_at=1T10:00").expect(&["open"]);
}

/// "Default grace: 24 hours."; the policy may set another for each leg.
#[test]
fn the_policy_sets_the_grace_of_each_leg() {
    let policy = |leg: &str, hours: u32| {
        format!("[grace]\n{leg}_hours = {hours}\n[coverage]\norders = \"complete\"\nreports = \"complete\"\n")
    };
    let missing = |policy: &str| desk().policy(policy).judged_at("1T13:00").order("paid_at=1T10:00");
    missing(&policy("reports", 3)).expect(&["missing_at_provider"]);
    missing(&policy("reports", 4)).expect(&["open"]);
    missing(&policy("orders", 3)).expect(&["open"]);
    let strange = |policy: &str| desk().policy(policy).judged_at("1T13:00").report("");
    strange(&policy("orders", 3)).expect(&["missing_order"]);
    strange(&policy("orders", 4)).expect(&["open"]);
    strange(&policy("reports", 0)).expect(&["open"]);
    desk().policy(&policy("orders", 0)).judged_at("1T10:00").report("").expect(&["missing_order"]);
}

/// Paid on Friday, 24 July 2026. Tuesday and Wednesday are the Fiestas Patrias.
#[test]
fn a_grace_in_business_days_waits_over_weekends_and_holidays() {
    let check = |policy: &str, as_of: &str, expected: &str| {
        desk()
            .policy(&format!("{COMPLETE}{policy}"))
            .judged_at(as_of)
            .order("created_at=2026-07-24T09:00:00-05:00 paid_at=2026-07-24T10:00:00-05:00")
            .expect(&[expected]);
    };
    let two_days = "[grace]\nreports = \"2bd\"\n";
    check(two_days, "2026-07-30T23:59:59-05:00", "open");
    check(two_days, "2026-07-31T00:00:00-05:00", "missing_at_provider");
    let closed = format!("{two_days}[holidays]\nextra = [\"2026-07-30\"]\n");
    check(&closed, "2026-07-31T23:59:59-05:00", "open");
    check(&closed, "2026-08-01T00:00:00-05:00", "missing_at_provider");
    let open = format!("{two_days}[holidays]\nnot = [\"2026-07-28\"]\n");
    check(&open, "2026-07-28T23:59:59-05:00", "open");
    check(&open, "2026-07-29T00:00:00-05:00", "missing_at_provider");
    check("[grace]\nreports = \"48h\"\n", "2026-07-26T10:00:00-05:00", "missing_at_provider");
}

#[test]
fn an_account_waits_by_its_own_grace() {
    let policy = format!("{COMPLETE}[accounts.2.grace]\norders = \"2h\"\nreports = \"3h\"\n");
    let at = |time: &str| desk().policy(&policy).judged_at(time);
    let missing = |time: &str, account: u8| at(time).order(&format!("account={account} paid_at=1T10:00"));
    missing("1T12:59:59", 2).expect(&["open"]);
    missing("1T13:00", 2).expect(&["missing_at_provider"]);
    missing("1T13:00", 1).expect(&["open"]);
    let strange = |time: &str, account: u8| at(time).report(&format!("account={account}"));
    strange("1T11:59:59", 2).expect(&["open"]);
    strange("1T12:00", 2).expect(&["missing_order"]);
    strange("1T12:00", 1).expect(&["open"]);
}

/// "for a search the last look at that CIP"
#[test]
fn a_search_covers_a_cip_up_to_the_last_look_at_it() {
    let case =
        |looks: &[(u64, &str)]| desk().plain().judged_at("20T12:00").order("paid_at=1T10:00").searched(looks);
    case(&[(100, "2T10:00")]).expect(&["missing_at_provider"]);
    case(&[(100, "2T09:59:59")]).expect(&["open"]);
    case(&[(200, "9T10:00")]).expect(&["open"]);
    case(&[(100, "2T10:00"), (100, "1T12:00")]).expect(&["missing_at_provider"]);
    case(&[]).expect(&["open"]);
}

#[test]
fn a_row_that_the_search_found_is_a_look_itself() {
    let case = |observed: &str| {
        let desk = desk().plain().judged_at("20T12:00").order("paid_at=1T10:00").searched(&[]);
        desk.report(&format!("status=pending expires_at=30T00:00 observed_at={observed}"))
    };
    case("2T10:00").expect(&["status_mismatch claimed_unpaid"]);
    case("2T09:00").expect(&["open"]);
}
