//! How rows meet: by CIP, by reference, and not at all.

use crate::desk::desk;

/// "Join 2, on what is left: equal (account, reference)."
#[test]
fn an_order_without_cip_meets_the_cip_under_its_reference() {
    let line = desk().order("cip=").report("").expect(&["matched"]).only();
    assert_eq!(line["cip"], "100");
}

/// "a difference `other_cip` is noted when the order names another CIP"
#[test]
fn an_order_that_names_another_cip_meets_and_the_difference_is_noted() {
    let line = desk().order("cip=555").report("").expect(&["matched"]).only();
    assert_eq!((line["cip"].as_str(), line["differences"].as_str()), ("100", "cip=555|100"));
}

/// "If one order bears the reference, all left-over CIPs with it are attached to that order".
#[test]
fn every_left_over_cip_under_the_reference_is_attached() {
    let outcome = desk()
        .order("cip=")
        .report("cip=100 operation_number=7")
        .report("cip=200 operation_number=8 paid_at=1T11:00")
        .report("cip=300 status=expired")
        .expect(&["matched", "duplicate_payment"]);
    assert_eq!(outcome.line("duplicate_payment")["cip"], "200");
}

/// "No match without a reference. Amount and date alone never confirm anything."
#[test]
fn equal_amount_and_time_alone_confirm_nothing() {
    desk()
        .order("cip= paid_at=1T10:00")
        .report("reference_id= paid_at=1T10:00")
        .expect(&["missing_at_provider", "missing_order"]);
}

/// "Matching of references is exact after cleansing, letter case kept."
#[test]
fn references_that_differ_in_letter_case_do_not_meet() {
    desk()
        .order("cip= reference_id=ab-1")
        .report("reference_id=AB-1")
        .expect(&["missing_at_provider", "missing_order"]);
}

/// "Rows whose CIP an order carries meet that order alone."
#[test]
fn a_carried_cip_does_not_meet_another_order_by_reference() {
    let outcome = desk()
        .order("reference_id=A cip=100")
        .order("reference_id=B cip=")
        .report("cip=100 reference_id=B")
        .expect(&["matched", "missing_at_provider"]);
    assert_eq!(outcome.line("matched")["reference_id"], "A");
    assert_eq!(outcome.line("matched")["differences"], "reference_id=A|B");
}

/// "Join 2 sees only the orders that join 1 gave no row and the CIPs that no order carries".
#[test]
fn an_order_that_met_its_cip_takes_no_further_cip_without_money() {
    let outcome = desk().order("").report("").report("cip=200 status=expired").expect(&["matched", "unpaid"]);
    assert_eq!(outcome.line("unpaid")["cip"], "200");
    assert_eq!(outcome.line("unpaid")["order_amount"], "");
}

/// "A further CIP with money, of an order that join 1 already paired, found under the order's reference, is
/// `duplicate_payment` of that order."
#[test]
fn a_further_cip_with_money_under_the_reference_is_a_duplicate_payment() {
    let outcome = desk()
        .order("")
        .report("")
        .report("cip=200 operation_number=8 amount=48.00 paid_at=1T09:30")
        .expect(&["matched", "duplicate_payment"]);
    let further = outcome.line("duplicate_payment");
    assert_eq!((further["cip"].as_str(), further["reference_id"].as_str()), ("200", "R1"));
    assert_eq!(further["report_amount"], "48.00");
    assert_eq!(outcome.line("matched")["cip"], "100");
}

/// "A CIP that two orders carry makes both `ambiguous_reference`."
#[test]
fn a_cip_on_two_orders_makes_both_ambiguous() {
    desk()
        .order("reference_id=A")
        .order("reference_id=B")
        .report("reference_id=A")
        .expect(&["ambiguous_reference", "ambiguous_reference"]);
}

/// "a shared CIP is ambiguous with or without a provider row"
#[test]
fn a_cip_on_two_orders_is_ambiguous_without_a_row_too() {
    desk()
        .order("reference_id=A")
        .order("reference_id=B")
        .expect(&["ambiguous_reference", "ambiguous_reference"]);
}

/// "All orders linked through CIPs or references are one group."
#[test]
fn orders_linked_in_a_chain_are_one_group() {
    desk()
        .order("reference_id=A cip=100")
        .order("reference_id=B cip=100;200")
        .order("reference_id=C cip=200")
        .report("cip=100 reference_id=A")
        .expect(&["ambiguous_reference", "ambiguous_reference", "ambiguous_reference"]);
}

/// "A CIP is a candidate under every reference that its rows carry."
#[test]
fn a_cip_with_two_references_is_a_candidate_for_both_orders() {
    desk()
        .order("reference_id=A cip=")
        .order("reference_id=B cip=")
        .report("reference_id=A status=pending observed_at=1T09:10")
        .report("reference_id=B")
        .expect(&["ambiguous_reference", "ambiguous_reference"]);
    desk()
        .order("reference_id=A cip=")
        .report("reference_id=B status=pending observed_at=1T09:10")
        .report("reference_id=A")
        .expect(&["matched"]);
}

/// "Equal candidates are all named and left to a person." (rule 6): the evidence of each order names what may be its own.
#[test]
fn ambiguous_orders_name_their_candidates_in_the_evidence() {
    let outcome = desk()
        .order("cip=")
        .order("cip= created_at=1T09:30")
        .report("")
        .expect(&["ambiguous_reference", "ambiguous_reference"]);
    let named: Vec<Vec<&str>> = outcome
        .breaks
        .iter()
        .map(|line| line["evidence"].split(' ').filter(|fact| fact.starts_with("report:")).collect())
        .collect();
    assert!(named[0].len() == 1 && named[0] == named[1], "{:#?}", outcome.breaks);
}

/// "`cip` shows the one that stands, else the order's list.": for an ambiguous order none stands, and no amount is told.
#[test]
fn an_ambiguous_order_shows_its_own_cips_and_no_provider_amount() {
    let two = |cip: &str| {
        desk()
            .order(&format!("reference_id=A cip={cip}"))
            .order(&format!("reference_id=A created_at=1T09:30 cip={cip}"))
    };
    for cip in ["", "100"] {
        let outcome = two(cip).report("reference_id=A").run();
        for line in &outcome.breaks {
            assert_eq!((line["cip"].as_str(), line["order_amount"].as_str()), (cip, "50.00"));
            assert_eq!((line["report_amount"].as_str(), line["operation_number"].as_str()), ("", ""));
        }
    }
}

/// "Join 2 sees only the orders that join 1 gave no row": an order that met its own CIP does not make another's ambiguous.
#[test]
fn an_order_that_met_its_cip_is_no_candidate_under_the_reference() {
    let outcome = desk()
        .order("cip=100")
        .order("cip= created_at=1T09:30")
        .report("cip=100")
        .report("cip=200 operation_number=8")
        .expect(&["matched", "matched"]);
    let cips: Vec<&str> = outcome.matched.iter().map(|line| line["cip"].as_str()).collect();
    assert_eq!(cips, ["100", "200"]);
}

/// "A report row without CIP stands for a CIP of its own, known by (account, `provider_id`), else (account, reference),
/// and join 2 treats it as left over."
#[test]
fn a_row_without_cip_meets_by_reference() {
    desk().order("cip=").report("cip= provider_id=P1").expect(&["matched"]);
    desk().order("cip=").report("cip=").expect(&["matched"]);
    desk().order("cip=100").report("cip= provider_id=P1").expect(&["matched"]);
    desk()
        .order("cip=")
        .report("cip= provider_id=P1 reference_id=")
        .expect(&["missing_at_provider", "missing_order"]);
}

#[test]
fn rows_without_cip_under_two_provider_ids_are_two_codes() {
    let two = desk()
        .order("cip=")
        .report("cip= provider_id=P1")
        .report("cip= provider_id=P2 operation_number=8 paid_at=1T11:00");
    two.expect(&["matched", "duplicate_payment"]);
    let one =
        desk().order("cip=").report("cip= provider_id=P1").report("cip= provider_id=P1 operation_number=7");
    one.expect(&["matched"]);
}

/// "A CIP without order gives one `missing_order`."
#[test]
fn a_cip_without_order_is_missed_once_however_often_it_was_paid() {
    let outcome = desk()
        .report("operation_number=7")
        .report("operation_number=8 paid_at=1T11:00")
        .expect(&["missing_order", "duplicate_payment"]);
    assert_eq!(outcome.line("missing_order")["operation_number"], "7");
    assert_eq!(outcome.line("duplicate_payment")["operation_number"], "8");
}

/// "Further payments of each CIP are `duplicate_payment` with an order or without, in ambiguous and conflicting groups
/// too, each with its own amount."
#[test]
fn further_payments_show_in_ambiguous_groups() {
    let outcome = desk()
        .order("reference_id=A")
        .order("reference_id=B")
        .report("")
        .report("operation_number=8 paid_at=1T11:00 amount=47.00")
        .expect(&["ambiguous_reference", "ambiguous_reference", "duplicate_payment"]);
    assert_eq!(outcome.line("duplicate_payment")["report_amount"], "47.00");
    assert_eq!(outcome.summary["classes"]["duplicate_payment"]["minor"], 4_700);
}

#[test]
fn further_payments_show_in_conflicting_groups() {
    desk()
        .order("")
        .order("amount=60.00")
        .report("")
        .report("operation_number=8 paid_at=1T11:00")
        .expect(&["conflicting_record", "duplicate_payment"]);
}

/// "A group with a conflict is `conflicting_record`, not also ambiguous. A conflict or ambiguity is counted once per
/// order in it, once where there is none".
#[test]
fn a_conflict_in_an_ambiguous_group_is_told_once_for_each_order() {
    let outcome = desk()
        .order("reference_id=A")
        .order("reference_id=B")
        .report("amount=50.00")
        .report("amount=51.00")
        .expect(&["conflicting_record", "conflicting_record"]);
    assert_eq!(outcome.summary["classes"]["conflicting_record"]["count"], 2);
    assert_eq!(outcome.summary["classes"]["ambiguous_reference"]["count"], 0);
}
