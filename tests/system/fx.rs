//! Currencies never meet, unless the policy supplies a rate for the day of the payment.

use crate::desk::{COMPLETE, Desk, desk};

/// Soles for a dollar.
const RATE: &str = "[[fx.rates]]\nfrom = \"USD\"\nto = \"PEN\"\nrate = \"3.75\"\n";

fn desk_with(policy: &str) -> Desk {
    desk().policy(&format!("{COMPLETE}{policy}"))
}

/// A payment of so many soles for an order over 50 dollars, which are 187.50 soles.
fn dollars_paid_in_soles(policy: &str, soles: &str) -> Desk {
    desk_with(policy).order("currency=USD").report(&format!("currency=PEN amount={soles}"))
}

#[test]
fn without_a_rate_no_amount_in_another_currency_agrees() {
    for soles in ["50.00", "187.50"] {
        let outcome = dollars_paid_in_soles("", soles).expect(&["currency_mismatch"]);
        assert!(!outcome.only()["differences"].contains("fx="));
        assert!(outcome.summary.get("fx").is_none());
    }
}

#[test]
fn with_a_rate_the_exchanged_amount_has_to_agree() {
    let check = |soles: &str, expected: &str| {
        let line = dollars_paid_in_soles(RATE, soles).expect(&[expected]).only();
        let shown = format!("amount=50.00|{soles}; currency=USD|PEN; amount_PEN=187.50|{soles}; fx=3.75");
        assert_eq!(line["differences"], shown);
        // The two amounts are in two currencies, and so there is no difference to show in either.
        assert_eq!((line["difference"].as_str(), line["currency"].as_str()), ("", "USD"));
    };
    check("187.50", "matched");
    check("187.55", "matched_within_tolerance");
    check("187.45", "matched_within_tolerance");
    check("187.56", "amount_mismatch");
    check("187.44", "amount_mismatch");
    let over = dollars_paid_in_soles(RATE, "200.00").run().only();
    let under = dollars_paid_in_soles(RATE, "100.00").run().only();
    assert_eq!((over["reason"].as_str(), under["reason"].as_str()), ("overpaid", "underpaid"));
}

#[test]
fn a_rate_serves_the_other_way_too() {
    let case = |soles: &str, policy: &str| {
        desk_with(policy).order(&format!("currency=PEN amount={soles}")).report("currency=USD")
    };
    let line = case("187.49", RATE).expect(&["matched_within_tolerance"]).only();
    assert_eq!(
        line["differences"],
        "amount=187.49|50.00; currency=PEN|USD; amount_PEN=187.49|187.50; fx=3.75"
    );
    case("187.44", RATE).expect(&["amount_mismatch"]);
    case("187.50", "").expect(&["currency_mismatch"]);
}

/// Two soles at 0.4975 are 0.995 dollars.
#[test]
fn an_exchanged_amount_is_rounded_half_up_to_the_cent() {
    let case = |rate: &str| {
        let policy = format!(
            "[tolerance]\nabsolute = \"0\"\n[[fx.rates]]\nfrom = \"PEN\"\nto = \"USD\"\nrate = \"{rate}\"\n"
        );
        desk_with(&policy).order("currency=USD amount=1.00").report("currency=PEN amount=2.00")
    };
    case("0.4975").expect(&["matched"]);
    case("0.497499999").expect(&["amount_mismatch"]);
    case("0.502499999").expect(&["matched"]);
    case("0.5025").expect(&["amount_mismatch"]);
}

#[test]
fn a_rate_holds_on_the_lima_day_of_the_payment_alone() {
    let case = |days: &str, paid_at: &str| {
        let report = format!("currency=PEN amount=187.50 paid_at={paid_at}");
        desk_with(&format!("{RATE}{days}")).order("currency=USD").report(&report)
    };
    let first_of_march = "from_day = \"2026-03-01\"\nto_day = \"2026-03-01\"\n";
    case(first_of_march, "1T10:00").expect(&["matched"]);
    case(first_of_march, "2026-03-02T04:59:59Z").expect(&["matched"]);
    case(first_of_march, "2026-03-02T05:00:00Z").expect(&["currency_mismatch"]);
    case(first_of_march, "2026-03-01T04:59:59Z").expect(&["currency_mismatch"]);
    // Without a time of the payment it is the order's day.
    case(first_of_march, "").expect(&["matched"]);
    case("from_day = \"2026-03-02\"\n", "").expect(&["currency_mismatch"]);
}

#[test]
fn the_tolerance_is_that_of_the_currency_of_comparison() {
    let policy = |percent: &str| format!("[tolerance]\npercent_by_currency = {{ {percent} }}\n{RATE}");
    dollars_paid_in_soles(&policy("PEN = \"1\""), "189.37").expect(&["matched_within_tolerance"]);
    dollars_paid_in_soles(&policy("PEN = \"1\""), "189.38").expect(&["amount_mismatch"]);
    dollars_paid_in_soles(&policy("USD = \"1\""), "189.37").expect(&["amount_mismatch"]);
}

#[test]
fn a_code_that_waits_in_another_currency_is_no_mismatch_at_a_rate() {
    let case = |policy: &str, soles: &str| {
        let report = format!("status=pending expires_at=30T00:00 currency=PEN amount={soles}");
        desk_with(policy).order("status=pending currency=USD").report(&report)
    };
    case(RATE, "187.50").expect(&["unpaid"]);
    case(RATE, "150.00").expect(&["amount_mismatch"]);
    case("", "187.50").expect(&["currency_mismatch"]);
}

#[test]
fn refunded_amounts_are_exchanged_as_well() {
    let case = |soles: &str| {
        let report = "currency=PEN amount=187.50";
        desk_with(RATE)
            .order("currency=USD refunded_amount=10.00")
            .report(report)
            .report(&format!("{report} status=refunded refunded_amount={soles}"))
    };
    case("37.50").expect(&["matched"]);
    case("37.55").expect(&["matched"]);
    case("37.56").expect(&["status_mismatch refund_amount_differs"]);
    case("10.00").expect(&["status_mismatch refund_amount_differs"]);
}

/// The rows of each currency add up by themselves: what was exchanged is booked beside the variance, in both.
#[test]
fn what_is_exchanged_is_booked_in_both_currencies() {
    let outcome = dollars_paid_in_soles(RATE, "187.54")
        .order("reference_id=R2 cip=200")
        .report("reference_id=R2 cip=200 amount=49.98")
        .order("reference_id=R3 cip=300 currency=PEN amount=37.50")
        .report("reference_id=R3 cip=300 currency=USD amount=10.01")
        .expect(&["matched_within_tolerance"; 3]);
    assert_eq!(
        outcome.summary["variance"],
        serde_json::json!({ "1": { "PEN": { "count": 3, "over_minor": 8, "under_minor": 2 } } })
    );
    // 187.50 soles came in for 50.00 dollars, and 10.01 dollars for what are 37.54 soles.
    assert_eq!(
        outcome.summary["fx"],
        serde_json::json!({ "1": {
            "PEN": { "count": 2, "minor": 18_750 - 3_754 },
            "USD": { "count": 2, "minor": 1_001 - 5_000 },
        } })
    );
    let held = |leg: &str, currency: &str| {
        outcome.summary["conservation"][leg][currency]["matched"]["minor"].as_i64().unwrap()
    };
    assert_eq!(held("reports", "PEN") - held("orders", "PEN"), 8 - 2 + 18_750 - 3_754);
    assert_eq!(held("reports", "USD") - held("orders", "USD"), 1_001 - 5_000);
}

#[test]
fn a_record_that_contradicts_itself_is_judged_by_no_rate() {
    let outcome = dollars_paid_in_soles(RATE, "187.50")
        .order("currency=USD amount=60.00")
        .expect(&["conflicting_record"]);
    assert!(!outcome.only()["differences"].contains("fx="));
}
