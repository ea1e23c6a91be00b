//! Settlements against payments: what is carried, what is not, and what does not add up.

use crate::desk::{Desk, desk};

/// One order, paid and reported, with settlements in the input.
fn paid() -> Desk {
    desk().order("").report("").next_settlements()
}

/// Two orders over 50.00 each, with CIPs 100 and 200.
fn two_paid() -> Desk {
    paid().order("reference_id=R2 cip=200").report("reference_id=R2 cip=200 operation_number=8")
}

#[track_caller]
fn check(desk: Desk, breaks: &[&str]) -> crate::desk::Outcome {
    let outcome = desk.run();
    let mut expected = breaks.to_vec();
    expected.sort_unstable();
    assert_eq!(outcome.money_breaks(), expected, "{:#?}", outcome.breaks);
    outcome
}

#[test]
fn a_payment_that_a_settlement_carries_is_settled() {
    let outcome = check(paid().settlement(""), &[]);
    assert_eq!(outcome.rows_in("settlements", "PEN", "matched"), 1);
    assert_eq!(outcome.summary["settled"]["payments"]["PEN"]["matched"]["minor"], 5000);
    assert_eq!(outcome.summary["classes"]["unsettled"]["count"], 0);
    assert!(outcome.run.agrees());
}

/// Classes of a leg exist only where the leg is in the input.
#[test]
fn without_settlements_nothing_is_unsettled() {
    let outcome = check(desk().order("").report(""), &[]);
    for class in ["unsettled", "settlement_variance", "fee_invoice_variance", "refund_unpaid"] {
        assert!(outcome.summary["classes"][class].is_null(), "{class}");
    }
    assert!(outcome.summary["settled"].is_null() && outcome.summary["conservation"]["settlements"].is_null());
}

#[test]
fn a_payment_that_no_settlement_carries_is_unsettled() {
    let line = check(paid(), &["unsettled"]).line("unsettled");
    let shown = ["cip", "reference_id", "operation_number", "report_amount", "report_status", "business_day"];
    assert_eq!(shown.map(|name| line[name].as_str()), ["100", "R1", "7", "50.00", "paid", "2026-03-01"]);
    assert!(
        line["evidence"].contains("report:") && line["evidence"].contains("order:"),
        "{}",
        line["evidence"]
    );
}

/// Each payment has its own settlement, also the second of one code.
#[test]
fn each_payment_of_a_code_is_settled_by_itself() {
    let twice = paid().report("operation_number=8 paid_at=1T11:00");
    check(twice.clone(), &["unsettled", "unsettled"]);
    check(twice.clone().settlement(""), &["unsettled"]);
    check(twice.settlement("").settlement(""), &[]);
}

/// Grace: three business days after the payment's day. The 1st of March 2026 is a Sunday, so that settlements may be silent
/// up to and with Wednesday the 4th.
#[test]
fn a_settlement_has_three_business_days() {
    let heard = |day: &str| {
        let other = format!("settlement_id=L-0009 cip=200 paid_on=2026-03-{day}");
        two_paid().policy("").settlement(&other)
    };
    check(heard("04"), &[]);
    check(heard("05"), &["unsettled"]);
    let outcome = check(heard("04"), &[]);
    assert_eq!(outcome.summary["settled"]["payments"]["PEN"]["open"]["rows"], 1);
    // Paid on Thursday the 5th: Friday, Monday, Tuesday.
    let thursday =
        |day: &str| heard(day).report("cip=300 reference_id=R3 operation_number=9 paid_at=5T23:59");
    check(thursday("10").settlement("paid_on=2026-03-04"), &[]);
    check(thursday("11").settlement("paid_on=2026-03-04"), &["unsettled"]);
}

#[test]
fn a_payment_long_overdue_is_urgent() {
    let severity = |as_of: &str| paid().judged_at(as_of).run().line("unsettled")["severity"].clone();
    assert_eq!(severity("18T23:59"), "medium");
    assert_eq!(severity("19T00:00"), "high");
}

/// What went back before it was settled is nothing to settle; what was settled and then went back is fine.
#[test]
fn a_payment_that_went_back_is_nothing_to_settle() {
    let reversed = desk().order("status=pending").report("").report("status=reversed").next_settlements();
    let outcome = check(reversed.clone(), &[]);
    assert_eq!(outcome.summary["settled"]["payments"]["PEN"]["unpaid"]["rows"], 1);
    check(reversed.settlement("").settlement("kind=reversal"), &[]);
}

/// What went back need not be settled: of two payments of one code, the line is about the one that stands, whichever was
/// first.
#[test]
fn a_line_is_about_the_payment_that_stands() {
    let early = paid().report("status=reversed paid_at=1T10:30").report("operation_number=8 paid_at=1T11:00");
    check(early.clone(), &["unsettled"]);
    check(early.clone().settlement(""), &[]);
    check(early.clone().settlement("").settlement("").settlement("kind=reversal"), &[]);
    check(early.settlement("gross=49.00 net=47.23"), &["settlement_variance gross_differs"]);
}

#[test]
fn a_line_finds_its_payment_by_the_provider_s_id() {
    let reported = |fields: &str| {
        desk().report(&format!("cip= reference_id= {fields}")).settlement("cip= provider_id=TX1")
    };
    check(reported("provider_id=TX1"), &[]);
    check(reported("provider_id=TX2"), &["settlement_variance unknown_payment", "unsettled"]);
    // Beside a CIP the id is only another name.
    check(desk().order("").report("provider_id=TX1").settlement("cip= provider_id=TX1"), &[]);
    check(
        desk().order("").report("provider_id=TX1").settlement("cip=300 provider_id=TX1"),
        &["settlement_variance unknown_payment", "unsettled"],
    );
}

/// A code that the provider knows by its id alone may be paid twice.
#[test]
fn a_code_without_cip_has_a_line_for_each_payment() {
    let twice = || {
        let code = "cip= reference_id= provider_id=TX1";
        desk().report(code).report(&format!("{code} operation_number=8 paid_at=1T11:00"))
    };
    let line = "cip= provider_id=TX1";
    check(twice().settlement(line), &["unsettled"]);
    check(twice().settlement(line).settlement(line), &[]);
    // An id on two codes says nothing.
    let two =
        desk().report("provider_id=TX1").report("cip=200 reference_id=R2 operation_number=8 provider_id=TX1");
    check(two.settlement(line), &["settlement_variance unknown_payment", "unsettled", "unsettled"]);
}

/// Of several payments of a code the one that the line names by its id, then the one of equal amount.
#[test]
fn a_line_takes_the_payment_that_it_fits() {
    let two = desk()
        .order("")
        .report("provider_id=TX1")
        .report("provider_id=TX2 operation_number=8 amount=60.00 paid_at=1T11:00")
        .next_settlements();
    let number = |desk: Desk| desk.run().line("unsettled")["operation_number"].clone();
    assert_eq!(number(two.clone().settlement("gross=60.00 net=58.23")), "7");
    assert_eq!(number(two.clone().settlement("")), "8");
    assert_eq!(number(two.clone().settlement("provider_id=TX1 gross=60.00 net=58.23")), "8");
    // 55.00 may be the one or the other: nobody guesses.
    check(
        two.clone().settlement("gross=55.00 net=53.23"),
        &["settlement_variance unknown_payment", "unsettled", "unsettled"],
    );
    check(two.settlement("").settlement("gross=55.00 net=53.23"), &["settlement_variance gross_differs"]);
}

#[test]
fn currencies_never_meet() {
    check(paid().settlement("currency=USD"), &["settlement_variance unknown_payment", "unsettled"]);
    let both = paid().settlement("").settlement("currency=USD kind=adjustment gross=5.00");
    assert_eq!(check(both, &[]).settlements().len(), 2);
}

#[test]
fn a_settlement_that_does_not_add_up_is_unexplained() {
    // One line may be rounded by half a céntimo and not by more.
    check(paid().settlement("net=48.235"), &[]);
    check(paid().settlement("net=48.225"), &[]);
    let outcome = check(paid().settlement("net=48.235001"), &["settlement_variance unexplained"]);
    let line = outcome.line("settlement_variance");
    assert_eq!(line["reference_id"], "L-1001");
    assert_eq!((line["order_amount"].as_str(), line["report_amount"].as_str()), ("48.23", "48.24"));
    assert!(line["differences"].contains("unexplained=|0.005001"), "{}", line["differences"]);
    assert_eq!(outcome.summary["classes"]["settlement_variance"]["minor"], 1);
    assert_eq!(outcome.rows_in("settlements", "PEN", "break"), 1);
    // Two lines may be rounded by a whole one together.
    check(two_paid().settlement("net=48.235").settlement("cip=200 net=48.235"), &[]);
}

#[test]
fn every_kind_of_line_has_its_place_in_the_statement() {
    let desk = two_paid()
        .report("status=refunded cip=200 operation_number=8 paid_at=3T10:00")
        .settlement("commission= igv= net=50.00")
        .settlement("cip=200 commission= igv= net=50.00")
        .settlement("kind=refund cip=200")
        .settlement("kind=fee gross=-3.00")
        .settlement("kind=igv gross=-0.54")
        .settlement("kind=adjustment gross=1.25")
        .settlement("kind=tax gross=-0.05")
        .settlement("kind=fx gross=-0.10");
    let outcome = check(desk, &[]);
    let line = &outcome.settlements()[0];
    let shown = [
        "payments",
        "gross",
        "commission",
        "igv",
        "refunds",
        "adjustments",
        "tax",
        "fx",
        "net",
        "unexplained",
    ];
    assert_eq!(
        shown.map(|name| line[name].as_str()),
        ["2", "100.00", "3.00", "0.54", "50.00", "1.25", "-0.05", "-0.10", "47.56", "0.00"]
    );
    assert_eq!((line["class"].as_str(), line["paid_on"].as_str()), ("matched", "2026-03-04"));
    assert_eq!(outcome.summary["settled"]["statements"]["PEN"]["net"], "47.56");
}

/// A fee may be a commission of a line of its own, or a gross amount that takes from the batch.
#[test]
fn a_fee_is_understood_in_either_form() {
    let with =
        |fee: &str| two_paid().settlement("commission= igv= net=50.00").settlement("cip=200").settlement(fee);
    check(with("kind=fee gross=-1.50"), &[]);
    check(with("kind=fee gross=0 commission=1.50 net=-1.50"), &[]);
    check(with("kind=fee gross=-1.50 commission=1.50 net=-1.50"), &[]);
    check(with("kind=fee gross=-1.50 igv=0.27 net=-1.77"), &[]);
    check(with("kind=fee gross=-1.50 net=-1.00"), &["settlement_variance unexplained"]);
}

#[test]
fn errors_that_cancel_out_are_told() {
    let both = two_paid().settlement("net=48.33").settlement("cip=200 net=48.13");
    let line = check(both, &["settlement_variance offsetting_errors"]).line("settlement_variance");
    assert!(line["differences"].contains("net 100=48.23|48.33"), "{}", line["differences"]);
    assert!(line["differences"].contains("net 200=48.23|48.13"), "{}", line["differences"]);
    assert_eq!(line["severity"], "high");
    // Amounts that differ from the payments by nothing in sum.
    let swapped = two_paid().settlement("gross=51.00 net=49.23").settlement("cip=200 gross=49.00 net=47.23");
    check(swapped, &["settlement_variance offsetting_errors"]);
    check(two_paid().settlement("").settlement("cip=200"), &[]);
}

#[test]
fn another_amount_than_was_paid_is_told() {
    let line = check(paid().settlement("gross=45.00 net=43.23"), &["settlement_variance gross_differs"])
        .line("settlement_variance");
    assert_eq!(line["differences"], "gross 100=50.00|45.00");
    check(paid().settlement("gross=50.000001"), &["settlement_variance gross_differs"]);
}

/// A line for a payment that no report knows waits until reports have been heard up to the payout.
#[test]
fn an_unknown_payment_waits_for_the_reports() {
    let desk = |seen: &str| {
        desk()
            .policy("")
            .report(&format!("cip=900 reference_id=R9 status=pending observed_at={seen}"))
            .settlement("")
    };
    let outcome = check(desk("3T23:59"), &[]);
    assert_eq!(outcome.rows_in("settlements", "PEN", "open"), 1);
    assert_eq!(outcome.settlements()[0]["class"], "open");
    let outcome = check(desk("4T00:00"), &["settlement_variance unknown_payment"]);
    assert_eq!(outcome.line("settlement_variance")["differences"], "unknown_payment=|100 50.00");
}

#[test]
fn a_payment_is_settled_once() {
    let again = paid().settlement("").settlement("settlement_id=L-1002 paid_on=2026-03-05");
    let line = check(again, &["settlement_variance settled_twice"]).line("settlement_variance");
    assert_eq!(
        (line["reference_id"].as_str(), line["differences"].as_str()),
        ("L-1002", "settled_twice=|100 50.00")
    );
    // Twice in one settlement.
    check(paid().settlement("").settlement(""), &["settlement_variance settled_twice"]);
}

/// The same line in two files is one line, and of lines that a file has twice both count.
#[test]
fn files_of_settlements_may_overlap() {
    let overlapping = paid().settlement("").next_settlements().settlement("");
    let outcome = check(overlapping, &[]);
    assert_eq!(outcome.rows_in("settlements", "PEN", "duplicate_row"), 1);
    assert_eq!(outcome.settlements()[0]["net"], "48.23");
    // An export from before the payout knows neither its day nor its reference.
    let earlier = paid().settlement("paid_on= bank_reference=").next_settlements().settlement("");
    let outcome = check(earlier, &[]);
    let shown = ["paid_on", "bank_reference", "net"].map(|name| outcome.settlements()[0][name].clone());
    assert_eq!(shown, ["2026-03-04", "OP-77", "48.23"]);
    let fee = "kind=fee gross=-1.00";
    let twice = paid().settlement("").settlement(fee).settlement(fee).next_settlements().settlement(fee);
    assert_eq!(check(twice, &[]).settlements()[0]["net"], "46.23");
}

#[test]
fn money_that_is_taken_back_needs_somebody_who_says_so() {
    let taken = |desk: Desk| desk.settlement("").settlement("kind=refund gross=-50.00");
    check(taken(paid()), &["settlement_variance unknown_refund"]);
    check(taken(paid().report("status=refunded")), &[]);
    check(taken(paid().report("status=reversed")), &[]);
    check(taken(desk().order("status=refunded").report("")), &[]);
    let part = desk().order("refunded_amount=20.00").report("refunded_amount=20.00");
    check(part.settlement("").settlement("kind=refund gross=-20.00 net=-20.00"), &[]);
}

const TERMS: &str = "[accounts.1.fee_terms]\npercent = \"3\"\nigv_percent = \"18\"\n";

#[test]
fn fees_are_held_against_the_contract_where_the_policy_has_one() {
    let with = |fields: &str| paid().policy(&format!("{}{TERMS}", crate::desk::COMPLETE)).settlement(fields);
    check(with(""), &[]);
    let line = check(with("commission=2.00 igv=0.36 net=47.64"), &["settlement_variance fee_differs"])
        .line("settlement_variance");
    assert_eq!(line["differences"], "fees 100=1.77|2.36");
    // Without terms nothing is recounted.
    check(paid().settlement("commission=2.00 igv=0.36 net=47.64"), &[]);
}

fn invoiced(commission: &str, igv: &str, month: &str) -> Desk {
    let invoice = format!(
        "{}[[accounts.1.fee_invoices]]\nnumber = \"F001-9\"\nmonth = \"{month}\"\ncurrency = \"PEN\"\n\
         commission = \"{commission}\"\nigv = \"{igv}\"\n",
        crate::desk::COMPLETE
    );
    two_paid().policy(&invoice).settlement("").settlement("cip=200").judged_at("31T23:59")
}

#[test]
fn an_invoice_is_held_against_the_fees_of_its_month() {
    let april = "2026-04-01T00:00:00-05:00";
    check(invoiced("3.00", "0.54", "2026-03").judged_at(april), &[]);
    check(invoiced("3.00", "0.55", "2026-03").judged_at(april), &[]);
    let line = check(invoiced("3.50", "0.63", "2026-03").judged_at(april), &["fee_invoice_variance"])
        .line("fee_invoice_variance");
    let shown = ["reference_id", "order_amount", "report_amount", "difference", "differences"];
    assert_eq!(
        shown.map(|name| line[name].as_str()),
        ["F001-9", "3.54", "4.13", "0.59", "commission=3.00|3.50; igv=0.54|0.63"]
    );
    // Errors of commission and tax that cancel out.
    check(invoiced("3.10", "0.44", "2026-03").judged_at(april), &["fee_invoice_variance"]);
    // Another month has no fees.
    check(invoiced("3.00", "0.54", "2026-02").judged_at(april), &["fee_invoice_variance"]);
    // A month that is not over says nothing yet.
    check(invoiced("3.50", "0.63", "2026-03"), &[]);
}

/// The Settlement Report calls its batch by the number of the invoice.
#[test]
fn an_invoice_may_be_the_settlement_itself() {
    let named = |commission: &str| {
        let mut desk = invoiced(commission, "0.27", "2026-03");
        desk.settlements[0][1].insert("settlement_id".to_owned(), "F001-9".to_owned());
        desk
    };
    check(named("1.50"), &[]);
    check(named("1.60"), &["fee_invoice_variance"]);
}

/// The order of rows and of files decides nothing.
#[test]
fn settlement_lines_may_come_in_any_order() {
    let desk = two_paid()
        .report("operation_number=9 paid_at=1T12:00")
        .settlement("")
        .settlement("settlement_id=L-1002 gross=49.00 net=47.23")
        .settlement("cip=200 net=49.00")
        .settlement("kind=fee gross=-1.00")
        .next_settlements()
        .settlement("kind=fee gross=-1.00")
        .settlement("cip=300")
        .settlement("settlement_id=L-1000 paid_on=2026-03-03");
    let original = desk.run();
    let mut turned = desk;
    turned.settlements.reverse();
    turned.settlements.iter_mut().for_each(|file| file.reverse());
    let turned = turned.run();
    for name in ["breaks.csv", "settlements.csv", "matched.csv"] {
        let text = |outcome: &crate::desk::Outcome| String::from_utf8(outcome.bytes(name).to_vec()).unwrap();
        assert_eq!(text(&turned), text(&original), "{name}");
    }
    assert_eq!(turned.summary["conservation"], original.summary["conservation"]);
}
