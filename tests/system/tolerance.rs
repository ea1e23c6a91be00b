//! How far amounts may lie apart: by amount and by share, per currency and account, over and under alike, and booked.

use crate::desk::{COMPLETE, Desk, desk};

fn desk_with(tolerance: &str) -> Desk {
    desk().policy(&format!("{COMPLETE}{tolerance}"))
}

/// What becomes of a payment of `paid` for an order over `owed`.
#[track_caller]
fn check(tolerance: &str, owed: &str, paid: &str, expected: &str) {
    desk_with(tolerance)
        .order(&format!("amount={owed}"))
        .report(&format!("amount={paid}"))
        .expect(&[expected]);
}

#[test]
fn a_share_is_allowed_over_and_under_to_the_centimo() {
    let one_percent = "[tolerance]\npercent = \"1\"\n";
    check(one_percent, "50.00", "50.50", "matched_within_tolerance");
    check(one_percent, "50.00", "49.50", "matched_within_tolerance");
    check(one_percent, "50.00", "50.51", "amount_mismatch");
    check(one_percent, "50.00", "49.49", "amount_mismatch");
    check(one_percent, "50.00", "50.00", "matched");
}

/// 1 % of 50.99 is 0.5099, of which 0.50 is allowed; and it is a share of the order, not of the payment.
#[test]
fn a_share_is_of_the_order_and_rounded_down() {
    let one_percent = "[tolerance]\npercent = \"1\"\n";
    check(one_percent, "50.99", "51.49", "matched_within_tolerance");
    check(one_percent, "50.99", "51.50", "amount_mismatch");
    check(one_percent, "100.00", "101.01", "amount_mismatch");
}

#[test]
fn the_larger_of_amount_and_share_is_allowed() {
    let both = "[tolerance]\nabsolute = \"0.30\"\npercent = \"1\"\n";
    check(both, "10.00", "10.30", "matched_within_tolerance");
    check(both, "10.00", "10.31", "amount_mismatch");
    check(both, "100.00", "101.00", "matched_within_tolerance");
    check(both, "100.00", "101.01", "amount_mismatch");
}

#[test]
fn an_account_has_its_own_tolerance() {
    let own = "[accounts.2.tolerance]\nabsolute = \"1.00\"\n";
    let case = |account: u8| {
        let field = format!("account={account}");
        desk_with(own).order(&field).report(&format!("{field} amount=50.60"))
    };
    case(2).expect(&["matched_within_tolerance"]);
    case(1).expect(&["amount_mismatch"]);
}

#[test]
fn refunded_amounts_are_held_to_the_same_tolerance() {
    let case = |stated: &str| {
        desk_with("[tolerance]\npercent = \"1\"\n")
            .order(&format!("refunded_amount={stated}"))
            .report("")
            .report("status=refunded refunded_amount=20.00")
    };
    case("20.50").expect(&["matched"]);
    case("20.51").expect(&["status_mismatch refund_amount_differs"]);
}

#[test]
fn what_is_tolerated_is_booked_by_account_and_currency() {
    let pair = |desk: Desk, number: u32, fields: &str, paid: &str| {
        let both = format!("reference_id=R{number} cip={number} {fields}");
        desk.order(&format!("{both} amount=50.00")).report(&format!("{both} amount={paid}"))
    };
    let desk = pair(desk(), 1, "", "50.05");
    let desk = pair(desk, 2, "", "50.02");
    let desk = pair(desk, 3, "", "49.96");
    let desk = pair(desk, 4, "", "50.00");
    let desk = pair(desk, 5, "", "51.00");
    let desk = pair(desk, 6, "currency=USD", "50.00");
    let desk = pair(desk, 7, "account=2", "49.99");
    let variance = &desk.run().summary["variance"];
    let expected = serde_json::json!({
        "1": {
            "PEN": { "count": 3, "over_minor": 7, "under_minor": 4 },
            "USD": { "count": 0, "over_minor": 0, "under_minor": 0 },
        },
        "2": { "PEN": { "count": 1, "over_minor": 0, "under_minor": 1 } },
    });
    assert_eq!(*variance, expected);
}
