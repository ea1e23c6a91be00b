//! Settlements against the bank, and refunds against both.

use cuadre::report::alert::{About, alert};

use crate::desk::{COMPLETE, Desk, Outcome, desk};

/// A payment of CIP 100, settled with `L-1001` over 48.23, with the bank in the input.
fn settled() -> Desk {
    desk().order("").report("").settlement("").next_statement()
}

/// Another settlement `L-1002` of the next payment: CIP 200, over 18.00.
fn two_settled(second: &str) -> Desk {
    let line = format!("settlement_id=L-1002 cip=200 gross=20.00 commission=2.00 igv= net=18.00 {second}");
    settled()
        .order("reference_id=R2 cip=200 amount=20.00")
        .report("reference_id=R2 cip=200 amount=20.00 operation_number=8")
        .settlement(&line)
}

fn policy(text: &str) -> String {
    format!("{COMPLETE}{text}")
}

#[track_caller]
fn check(desk: Desk, breaks: &[&str]) -> Outcome {
    let outcome = desk.run();
    let mut expected = breaks.to_vec();
    expected.sort_unstable();
    assert_eq!(outcome.money_breaks(), expected, "{:#?}", outcome.breaks);
    outcome
}

fn settlement(outcome: &Outcome, columns: &[&str]) -> Vec<String> {
    columns.iter().map(|name| outcome.settlements()[0][*name].clone()).collect()
}

#[test]
fn a_settlement_that_the_bank_paid_in_agrees() {
    let outcome = check(settled().bank(""), &[]);
    assert!(outcome.run.agrees());
    assert_eq!(outcome.rows_in("bank", "PEN", "matched"), 1);
    assert_eq!(
        settlement(&outcome, &["deposit", "itf", "deposit_difference", "class", "reason"]),
        ["48.23", "0.00", "0.00", "matched", ""]
    );
    assert_eq!(outcome.summary["settled"]["deposits"]["PEN"]["matched"]["micros"], 48_230_000);
}

#[test]
fn without_bank_lines_nothing_is_missing() {
    let outcome = check(desk().order("").report("").settlement(""), &[]);
    for class in ["missing_deposit", "unknown_deposit", "deposit_variance"] {
        assert!(outcome.summary["classes"][class].is_null(), "{class}");
    }
    assert_eq!(settlement(&outcome, &["deposit", "class"]), ["", "matched"]);
    assert!(outcome.summary["settled"]["deposits"].is_null());
}

#[test]
fn a_settlement_without_deposit_is_missing() {
    let outcome = check(settled(), &["missing_deposit"]);
    let line = outcome.line("missing_deposit");
    let shown = ["reference_id", "order_amount", "report_amount", "differences", "business_day", "severity"];
    assert_eq!(
        shown.map(|name| line[name].as_str()),
        ["L-1001", "48.23", "", "bank_reference=OP-77|", "2026-03-04", "high"]
    );
    assert_eq!(settlement(&outcome, &["class"]), ["missing_deposit"]);
    assert_eq!(outcome.summary["settled"]["deposits"]["PEN"]["break"]["rows"], 1);
}

/// Grace: two business days. Paid out on Wednesday the 4th, the bank may be silent up to and with Friday the 6th; its
/// lines of a day speak for that day's beginning alone.
#[test]
fn a_deposit_has_two_business_days() {
    let heard = |day: &str| {
        settled().policy("").bank(&format!("bank_reference=X value_date=2026-03-{day} amount=-1.00"))
    };
    let outcome = check(heard("06"), &[]);
    assert_eq!(settlement(&outcome, &["class"]), ["open"]);
    assert_eq!(outcome.summary["settled"]["deposits"]["PEN"]["open"]["rows"], 1);
    check(heard("07"), &["missing_deposit"]);
    // Paid out on Friday the 6th: Monday and Tuesday.
    let friday = |day: &str| {
        let mut desk = heard(day);
        desk.settlements[0][0].insert("paid_on".to_owned(), "2026-03-06".to_owned());
        desk
    };
    check(friday("10"), &[]);
    check(friday("11"), &["missing_deposit"]);
}

/// A statement says nothing of another account at the bank.
#[test]
fn silence_counts_on_the_account_that_was_heard() {
    let dollars =
        settled().policy("").bank("bank_account=194-9 currency=USD value_date=2026-03-20 amount=-1.00");
    check(dollars.clone(), &[]);
    check(dollars.bank("value_date=2026-03-07 amount=-1.00"), &["missing_deposit"]);
    let listed = "[accounts.1]\nbank_accounts = [\"191-1\"]\n";
    let other = settled().policy(listed).bank("bank_account=194-9 value_date=2026-03-20 amount=-1.00");
    check(other, &[]);
}

#[test]
fn a_deposit_of_another_amount_is_a_variance() {
    // 0.05 is the tolerance, and exactly that is within.
    check(settled().bank("amount=48.18"), &[]);
    check(settled().bank("amount=48.28"), &[]);
    let outcome = check(settled().bank("amount=48.17"), &["deposit_variance underpaid"]);
    let line = outcome.line("deposit_variance");
    let shown = ["reference_id", "order_amount", "report_amount", "difference", "severity"];
    assert_eq!(shown.map(|name| line[name].as_str()), ["L-1001", "48.23", "48.17", "-0.06", "high"]);
    assert_eq!(
        settlement(&outcome, &["deposit", "deposit_difference", "class"]),
        ["48.17", "-0.06", "deposit_variance"]
    );
    assert_eq!(outcome.rows_in("bank", "PEN", "break"), 1);
    let line = check(settled().bank("amount=48.29"), &["deposit_variance overpaid"]).line("deposit_variance");
    assert_eq!(line["severity"], "medium");
    // Paid in twice.
    check(settled().bank("").bank(""), &["deposit_variance overpaid"]);
    // In two parts, and one of them taken back.
    check(settled().bank("amount=40.00").bank("amount=8.23"), &[]);
    check(settled().bank("amount=58.23").bank("amount=-10.00"), &[]);
}

/// Only lines whose net is no whole céntimo can have been rounded.
#[test]
fn rounding_explains_half_a_centimo_a_line() {
    let lines = |net: &str, deposit: &str| {
        let strict = policy("[tolerance]\nabsolute = \"0.00\"\n");
        settled_with(net).policy(&strict).bank(&format!("amount={deposit}"))
    };
    fn settled_with(net: &str) -> Desk {
        desk().order("").report("").settlement(&format!("net={net}"))
    }
    check(lines("48.2265", "48.23"), &[]);
    check(lines("48.2265", "48.22"), &["deposit_variance underpaid"]);
    check(lines("48.23", "48.23"), &[]);
    check(lines("48.23", "48.22"), &["deposit_variance underpaid"]);
}

#[test]
fn currencies_never_meet() {
    check(settled().bank("currency=USD"), &["missing_deposit", "unknown_deposit"]);
}

#[test]
fn two_settlements_with_one_reference_are_one_deposit() {
    let outcome = check(two_settled("").bank("amount=66.23"), &[]);
    let deposits: Vec<String> = outcome.settlements().iter().map(|row| row["deposit"].clone()).collect();
    assert_eq!(deposits, ["66.23", ""]);
    let line = check(two_settled("").bank(""), &["deposit_variance underpaid"]).line("deposit_variance");
    assert!(line["differences"].contains("settlements=L-1001+L-1002|"), "{}", line["differences"]);
    check(two_settled(""), &["missing_deposit", "missing_deposit"]);
    // With references of their own, each has its own.
    check(two_settled("bank_reference=OP-78").bank("").bank("bank_reference=OP-78 amount=18.00"), &[]);
}

#[test]
fn the_settlement_s_id_in_the_text_is_a_key() {
    let with = |line: &str| settled().bank(&format!("bank_reference= {line}"));
    check(with("description=ABONO_L-1001"), &[]);
    check(with("bank_reference=L-1001"), &[]);
    check(with("description=ABONO_L-10011"), &["missing_deposit", "unknown_deposit"]);
    check(with("description=ABONO_l-1001"), &["missing_deposit", "unknown_deposit"]);
    check(with("description=ABONO"), &["missing_deposit", "unknown_deposit"]);
    // A line may name several settlements.
    let both = |text: &str| {
        two_settled("bank_reference=").bank(&format!("bank_reference= amount=66.23 description={text}"))
    };
    check(both("L-1001_L-1002"), &[]);
    check(both("L-1001"), &["deposit_variance overpaid", "missing_deposit"]);
    // A short id stands in too many texts by chance.
    let short = desk().order("").report("").settlement("settlement_id=L-7");
    check(short.bank("bank_reference= description=L-7"), &["missing_deposit", "unknown_deposit"]);
}

/// A settlement that has its deposit by reference is open no longer.
#[test]
fn an_id_is_looked_for_among_open_settlements() {
    check(
        settled().bank("").bank("bank_reference=X description=AJUSTE_L-1001 amount=5.00"),
        &["unknown_deposit"],
    );
}

#[test]
fn a_credit_that_nothing_explains_is_unknown() {
    let outcome = check(settled().bank("").bank("bank_reference=OP-99 amount=7.00"), &["unknown_deposit"]);
    let line = outcome.line("unknown_deposit");
    let shown = ["account", "reference_id", "report_amount", "differences", "business_day"];
    assert_eq!(
        shown.map(|name| line[name].as_str()),
        ["1", "OP-99", "7.00", "bank_account=|191-1; value_date=|2026-03-04", "2026-03-04"]
    );
    assert!(line["evidence"].starts_with("bank:"), "{}", line["evidence"]);
    // A debit is nobody's deposit.
    let outcome = check(settled().bank("").bank("bank_reference=OP-99 amount=-7.00"), &[]);
    assert_eq!(outcome.rows_in("bank", "PEN", "unpaid"), 1);
}

/// Grace: one business day after the value date, until which a settlement may still come.
#[test]
fn a_credit_waits_a_business_day_for_its_settlement() {
    let heard = |day: &str| {
        desk()
            .policy("")
            .order("")
            .report("")
            .settlement(&format!("paid_on=2026-03-{day} bank_reference="))
            .bank("bank_reference=OP-99 amount=7.00 value_date=2026-03-05")
    };
    let outcome = check(heard("06"), &[]);
    assert_eq!(outcome.rows_in("bank", "PEN", "open"), 1);
    check(heard("07"), &["unknown_deposit"]);
    // Without settlements in the run nothing can be said.
    let alone = check(desk().order("").report("").bank("amount=7.00"), &[]);
    assert_eq!(alone.rows_in("bank", "PEN", "open"), 1);
    assert!(alone.run.outputs.iter().all(|(name, _)| *name != "settlements.csv"));
}

#[test]
fn only_credits_with_the_payer_s_words_are_deposits() {
    let words = policy("[accounts.1.deposits]\npayer_contains = [\"PagoEfectivo\", \"ORBIS\"]\n");
    let with = |line: &str| settled().policy(&words).bank(line);
    check(with("description=ABONO_PAGOEFECTIVO_SAC"), &[]);
    check(with("description=orbis"), &[]);
    let outcome = check(with("description=VENTA"), &["missing_deposit"]);
    assert_eq!(outcome.rows_in("bank", "PEN", "unpaid"), 1);
}

#[test]
fn statements_that_overlap_give_their_lines_once() {
    let outcome = check(settled().bank("").next_statement().bank(""), &[]);
    assert_eq!(outcome.rows_in("bank", "PEN", "duplicate_row"), 1);
    let halves = || desk().order("").report("").settlement("net=48.23");
    let part = "amount=24.10";
    let overlapping = halves().bank(part).next_statement().bank(part).bank(part).bank("amount=0.03");
    let outcome = check(overlapping, &[]);
    assert_eq!(settlement(&outcome, &["deposit"]), ["48.23"]);
    assert_eq!(outcome.rows_in("bank", "PEN", "duplicate_row"), 1);
}

#[test]
fn a_settlement_that_takes_expects_no_deposit() {
    let back = || desk().report("status=pending").settlement("kind=adjustment gross=-30.00");
    let outcome = check(back().next_statement(), &[]);
    assert_eq!(outcome.summary["settled"]["deposits"]["PEN"]["unpaid"]["rows"], 1);
    let outcome = check(back().bank("amount=-30.00"), &[]);
    assert_eq!(outcome.rows_in("bank", "PEN", "matched"), 1);
    check(back().bank("amount=-40.00"), &["deposit_variance underpaid"]);
}

/// A payment of 2000.00 settled at 2000.00, of which the bank takes 0.10.
fn large(deposits: &str) -> Desk {
    let policy = policy(&format!("[tolerance]\nabsolute = \"0.00\"\n[accounts.1.deposits]\n{deposits}\n"));
    desk()
        .policy(&policy)
        .order("amount=2000.00")
        .report("amount=2000.00")
        .settlement("gross=2000.00 commission= igv= net=2000.00")
}

#[test]
fn the_tax_on_deposits_shows_in_three_ways() {
    let exempt = |line: &str| large("itf = \"exempt\"").bank(line);
    check(exempt("amount=2000.00"), &[]);
    check(exempt("amount=1999.90"), &["deposit_variance underpaid"]);

    let netted = |line: &str| large("itf = \"netted\"").bank(line);
    let outcome = check(netted("amount=1999.90"), &[]);
    assert_eq!(settlement(&outcome, &["deposit", "itf", "deposit_difference"]), ["1999.90", "0.10", "0.00"]);
    check(netted("amount=2000.00"), &["deposit_variance overpaid"]);
    // The rate is the merchant's to state: 0.01 % of 2000.00.
    let double = |line: &str| large("itf = \"netted\"\nitf_percent = \"0.01\"").bank(line);
    check(double("amount=1999.80"), &[]);

    let separate = |line: &str| large("itf = \"separate_line\"").bank("amount=2000.00").bank(line);
    let outcome = check(separate("bank_reference= description=ITF amount=-0.10"), &[]);
    assert_eq!(settlement(&outcome, &["deposit", "itf"]), ["2000.00", "0.10"]);
    assert_eq!(outcome.rows_in("bank", "PEN", "matched"), 2);
    // With the deposit's reference it is the tax, whatever the bank calls it.
    check(separate("amount=-0.10 description=CARGO"), &[]);
    check(separate("amount=-0.20 description=itf"), &[]);
    check(separate("amount=-0.20 description=CARGO"), &["deposit_variance underpaid"]);
    // Of another day, or one of several that are not as much.
    let outcome = check(separate("bank_reference= description=ITF amount=-0.10 value_date=2026-03-05"), &[]);
    assert_eq!(outcome.rows_in("bank", "PEN", "unpaid"), 1);
    let several = separate("bank_reference= description=ITF amount=-0.15")
        .bank("bank_reference= description=ITF amount=-0.20");
    assert_eq!(check(several, &[]).rows_in("bank", "PEN", "unpaid"), 2);
}

const SEARCH: &str = "[accounts.1.deposits]\nsearch = true\n";

/// Settlements of 48.23 and 18.00 without any reference, searched.
fn searched(lines: &[&str]) -> Desk {
    let mut desk = two_settled("bank_reference=").policy(&policy(SEARCH));
    desk.settlements[0][0].remove("bank_reference");
    lines.iter().fold(desk, |desk, line| desk.bank(&format!("bank_reference= {line}")))
}

#[test]
fn a_lump_is_proved_where_one_set_adds_up() {
    let outcome = check(searched(&["amount=66.23"]), &[]);
    assert_eq!(
        settlement(&outcome, &["deposit", "class", "reason"]),
        ["66.23", "matched", "proved_by_search"]
    );
    assert_eq!(outcome.rows_in("bank", "PEN", "matched"), 1);
    check(searched(&["amount=48.23", "amount=18.00"]), &[]);
    // Off by default.
    let off = searched(&["amount=66.23"]).policy(COMPLETE);
    check(off, &["missing_deposit", "missing_deposit", "unknown_deposit"]);
}

#[test]
fn a_lump_that_nothing_adds_up_to_is_impossible() {
    check(searched(&["amount=66.24"]), &["missing_deposit", "missing_deposit", "unknown_deposit no_split"]);
}

/// Equal candidates are all named and left to a person; neither is missing.
#[test]
fn a_lump_with_several_answers_is_left_to_a_person() {
    let equal = || {
        let mut desk = searched(&["amount=48.23"]);
        let second = &mut desk.settlements[0][1];
        for (name, value) in [("gross", "20.00"), ("commission", "-28.23"), ("net", "48.23")] {
            second.insert(name.to_owned(), value.to_owned());
        }
        desk
    };
    let outcome = check(equal(), &["unknown_deposit several_splits"]);
    let line = outcome.line("unknown_deposit");
    assert!(
        line["differences"].ends_with("split=L-1002|; split=L-1001|")
            || line["differences"].ends_with("split=L-1001|; split=L-1002|"),
        "{}",
        line["differences"]
    );
    assert_eq!(outcome.summary["settled"]["deposits"]["PEN"]["open"]["rows"], 2);
    // Two deposits of one settlement's amount claim it both.
    let claimed = searched(&["amount=48.23", "amount=48.23 description=OTRO", "amount=18.00"]);
    check(claimed, &["unknown_deposit several_splits", "unknown_deposit several_splits"]);
}

/// What one deposit is proved to pay is out of the question for the others.
#[test]
fn a_proof_makes_way_for_the_next() {
    let third = |desk: Desk| {
        desk.order("reference_id=R3 cip=300 amount=66.23")
            .report("reference_id=R3 cip=300 amount=66.23 operation_number=9")
            .settlement("settlement_id=L-1003 cip=300 gross=66.23 commission= igv= net=66.23 bank_reference=")
    };
    check(third(searched(&["amount=66.23"])), &["unknown_deposit several_splits"]);
    let outcome = check(third(searched(&["amount=18.00", "amount=66.23"])), &["missing_deposit"]);
    assert_eq!(outcome.line("missing_deposit")["reference_id"], "L-1001");
}

#[test]
fn a_search_stops_at_its_bounds() {
    let bounded = |bounds: &str| searched(&["amount=66.23"]).policy(&policy(&format!("{SEARCH}{bounds}\n")));
    let stopped = ["missing_deposit", "missing_deposit", "unknown_deposit search_stopped"];
    check(bounded("search_items_max = 1"), &stopped);
    check(bounded("search_items_max = 2"), &[]);
    check(bounded("search_steps_max = 2"), &stopped);
    check(bounded("search_steps_max = 3"), &[]);
    // A settlement that is older than the search goes, or younger than the deposit, is no candidate.
    let impossible = ["missing_deposit", "missing_deposit", "unknown_deposit no_split"];
    let on = |day: &str| searched(&[&format!("amount=66.23 value_date=2026-03-{day}")]);
    check(on("14"), &[]);
    check(on("15"), &impossible);
    check(on("03"), &impossible);
}

/// Nothing is proved while a settlement may still come, and what may be in the deposit is not missing so long.
#[test]
fn a_search_waits_for_the_settlements() {
    let waiting = searched(&["amount=66.23 value_date=2026-03-05", "amount=-1.00 value_date=2026-03-20"]);
    let outcome = check(waiting.policy(SEARCH), &[]);
    assert_eq!(outcome.rows_in("bank", "PEN", "open"), 1);
    assert_eq!(outcome.summary["settled"]["deposits"]["PEN"]["open"]["rows"], 2);
}

#[test]
fn a_netted_lump_is_searched_before_its_tax() {
    let desk = large("itf = \"netted\"\nsearch = true").bank("bank_reference= amount=1999.90");
    check(desk, &[]);
}

/// Two services of a merchant, each paid into an account of its own, or both into one.
#[test]
fn a_line_belongs_to_the_account_that_the_policy_lists() {
    let both = |lists: &str| {
        let second = "account=2 reference_id=R2 cip=200";
        settled()
            .order(second)
            .report(&format!("{second} operation_number=8"))
            .settlement("account=2 settlement_id=M-2002 cip=200")
            .policy(&policy(lists))
    };
    let apart = "[accounts.1]\nbank_accounts = [\"191-1\"]\n[accounts.2]\nbank_accounts = [\"191-2\"]\n";
    check(both(apart).bank("").bank("bank_account=191-2"), &[]);
    // What comes in on the account of the one does not pay the other's settlement.
    check(both(apart).bank("amount=96.46"), &["deposit_variance overpaid", "missing_deposit"]);
    let shared = "[accounts.1]\nbank_accounts = [\"191-1\"]\n[accounts.2]\nbank_accounts = [\"191-1\"]\n";
    check(both(shared).bank("amount=96.46"), &[]);
    check(both("").bank("amount=96.46"), &[]);
    // Whose a line on a shared account is, nobody says.
    let line = check(both("").bank("amount=96.46").bank("bank_reference=X"), &["unknown_deposit"])
        .line("unknown_deposit");
    assert_eq!(line["account"], "");
    let line = check(
        both(apart).bank("").bank("bank_account=191-2").bank("bank_account=191-2 bank_reference=X"),
        &["unknown_deposit"],
    );
    assert_eq!(line.line("unknown_deposit")["account"], "2");
}

/// A refunded order whose payment had been settled, judged when all has been heard.
fn refunded(order: &str, report: &str) -> Desk {
    let desk = desk().order(order).report("").judged_at("31T12:00").settlement("").bank("");
    if report.is_empty() { desk } else { desk.report(report) }
}

#[test]
fn a_refund_that_neither_settlement_nor_bank_shows_is_unpaid() {
    for (order, report) in [
        ("status=refunded updated_at=3T10:00", "status=refunded"),
        ("status=refunded updated_at=3T10:00", ""),
        ("refunded_amount=20.00 updated_at=3T10:00", ""),
        ("status=paid", "status=refunded"),
        ("status=paid", "status=refunded refunded_amount=20.00"),
    ] {
        check(refunded(order, report), &["refund_unpaid"]);
        check(refunded(order, report).settlement("kind=refund settlement_id=L-1009 bank_reference="), &[]);
        check(refunded(order, report).settlement("kind=reversal settlement_id=L-1009 bank_reference="), &[]);
        check(refunded(order, report).bank("bank_reference=R1 amount=-50.00 description=DEVOLUCION"), &[]);
        check(refunded(order, report).bank("bank_reference=100 amount=-50.00 description=DEVOLUCION"), &[]);
    }
    let part = refunded("refunded_amount=20.00 updated_at=3T10:00", "").run().line("refund_unpaid");
    let shown = ["cip", "reference_id", "operation_number", "severity"].map(|name| part[name].as_str());
    assert_eq!(shown, ["100", "R1", "7", "high"]);
    let outcome = refunded("refunded_amount=20.00 updated_at=3T10:00", "").run();
    assert_eq!(outcome.summary["classes"]["refund_unpaid"]["minor"], 2000);
    // Nothing was decided, or the collector took it back.
    check(refunded("", ""), &[]);
    check(refunded("status=refunded", "status=reversed"), &[]);
}

/// The debit bears the reference or the CIP as a whole word of six characters, or as its whole reference.
#[test]
fn a_refund_is_known_by_reference_or_cip() {
    let with = |line: &str| {
        desk()
            .judged_at("31T12:00")
            .order("reference_id=PED-1001 cip=2405617 status=refunded updated_at=3T10:00")
            .report("reference_id=PED-1001 cip=2405617")
            .settlement("cip=2405617")
            .bank("")
            .bank(&format!("bank_reference=X amount=-50.00 {line}"))
    };
    check(with("description=DEVOLUCION_PED-1001"), &[]);
    check(with("description=DEV_0002405617."), &[]);
    check(with("description=DEV_PED-10011"), &["refund_unpaid"]);
    check(with("description=DEV_24056170"), &["refund_unpaid"]);
    check(with("description=DEV_PED-1001 currency=USD"), &["refund_unpaid"]);
    // Money that came in is no refund.
    check(with("description=DEV_PED-1001 amount=50.00"), &["refund_unpaid", "unknown_deposit"]);
    assert_eq!(check(with("description=PED-1001"), &[]).rows_in("bank", "PEN", "matched"), 2);
}

/// Each refund needs a line of its own.
#[test]
fn one_line_shows_one_refund() {
    let two = || {
        refunded("status=refunded updated_at=3T10:00", "status=refunded")
            .report("operation_number=8 paid_at=1T11:00")
            .report("operation_number=8 status=refunded paid_at=1T12:30")
            .settlement("settlement_id=L-1002 bank_reference=OP-78")
            .bank("bank_reference=OP-78")
    };
    let refund = "kind=refund settlement_id=L-1009 bank_reference=";
    check(two(), &["refund_unpaid", "refund_unpaid"]);
    check(two().settlement(refund), &["refund_unpaid"]);
    check(two().settlement(refund).settlement(refund), &[]);
    let debit = "bank_reference=R1 amount=-50.00";
    check(two().bank(debit), &["refund_unpaid"]);
    check(two().bank(debit).bank(debit), &[]);
}

/// Grace: ten business days after the decision, of every leg that is in the run. Decided on Tuesday the 3rd: Tuesday the
/// 17th is the tenth.
#[test]
fn a_refund_has_ten_business_days() {
    let heard = |settled: &str, bank: &str| {
        desk()
            .policy("")
            .order("status=refunded updated_at=3T10:00")
            .report("")
            .settlement("")
            .settlement(&format!(
                "settlement_id=L-1009 kind=adjustment gross=-1.00 paid_on=2026-03-{settled} bank_reference="
            ))
            .bank("")
            .bank(&format!("value_date=2026-03-{bank} bank_reference=X amount=-1.00"))
    };
    check(heard("18", "18"), &["refund_unpaid"]);
    check(heard("17", "18"), &[]);
    check(heard("18", "17"), &[]);
}

/// What the provider gave back before it settled it never reached the merchant.
#[test]
fn a_refund_of_what_was_never_settled_is_not_sought() {
    let never = |report: &str| {
        desk()
            .judged_at("31T12:00")
            .order("status=refunded updated_at=3T10:00")
            .report("")
            .report(report)
            .next_settlements()
    };
    check(never("status=refunded"), &[]);
    // With the bank alone nobody knows what was settled.
    let alone = desk().judged_at("31T12:00").order("status=refunded updated_at=3T10:00").report("");
    check(alone.report("status=refunded").next_statement(), &["refund_unpaid"]);
}

/// The message of a run calls settlements and deposits by their names.
#[test]
fn the_message_of_a_run_says_what_each_side_says() {
    let about = About {
        account: "1",
        run_id: "run-1",
        report_location: "s3://bucket/runs/",
        since: None,
        meanwhile: None,
    };
    let check = |desk: Desk, parts: [&str; 2]| {
        let body = alert(&desk.run().run, about).body;
        assert!(parts.iter().all(|part| body.contains(part)), "{body}");
    };
    check(settled(), ["high: missing_deposit, settlement L-1001\n", "  paid out PEN 48.23, bank nothing\n"]);
    check(
        settled().bank("amount=48.00"),
        ["high: deposit_variance (underpaid), settlement L-1001\n", "  paid out PEN 48.23, bank PEN 48.00\n"],
    );
    check(
        settled().bank("").bank("bank_reference=OP-99 amount=7.00"),
        ["medium: unknown_deposit, bank reference OP-99\n", "  paid out nothing, bank PEN 7.00\n"],
    );
    check(
        refunded("status=refunded updated_at=3T10:00", ""),
        [
            "high: refund_unpaid, order R1, CIP 100, operation 7\n",
            "  paid back nothing, provider PEN 50.00 paid\n",
        ],
    );
}

/// The order of lines and of statements decides nothing.
#[test]
fn bank_lines_may_come_in_any_order() {
    let desk = searched(&[
        "amount=66.23",
        "amount=-1.00",
        "amount=48.23 description=A",
        "amount=48.23 description=B",
        "amount=7.00",
        "amount=7.00",
    ])
    .next_statement()
    .bank("bank_reference= amount=7.00")
    .bank("bank_reference= amount=66.23")
    .bank("bank_reference=R1 amount=-20.00");
    let original = desk.run();
    let mut turned = desk;
    turned.bank.reverse();
    turned.bank.iter_mut().for_each(|file| file.reverse());
    turned.settlements.iter_mut().for_each(|file| file.reverse());
    let turned = turned.run();
    for name in ["breaks.csv", "settlements.csv", "matched.csv"] {
        let text = |outcome: &Outcome| String::from_utf8(outcome.bytes(name).to_vec()).unwrap();
        assert_eq!(text(&turned), text(&original), "{name}");
    }
    assert_eq!(turned.summary["conservation"], original.summary["conservation"]);
    assert_eq!(turned.summary["settled"], original.summary["settled"]);
}
