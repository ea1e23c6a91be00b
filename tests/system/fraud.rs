//! Fraud rules: each fires at its threshold, stays silent just below it, and leaves the classes as they are.

use cuadre::calendar::Instant;
use cuadre::reconcile::RefusedCallbacks;

use crate::desk::{COMPLETE, Desk, Outcome, Row, desk, long_time};

/// How many findings a rule makes of a desk, and that every other rule makes none.
#[track_caller]
fn check(rule: &str, desk: &Desk, expected: usize) -> Vec<Row> {
    let outcome = desk.run();
    let found = outcome.findings(rule);
    assert_eq!(found.len(), expected, "{found:#?}");
    let all = outcome.breaks.iter().filter(|line| line["class"] == "finding").count();
    assert_eq!(all, expected, "{:#?}", outcome.breaks);
    assert_eq!(outcome.summary["classes"]["finding"]["count"], expected);
    assert_eq!(outcome.summary["findings"][rule]["count"], expected);
    found
}

fn with_policy(desk: Desk, policy: &str) -> Desk {
    desk.policy(&format!("{COMPLETE}{policy}"))
}

/// The moment so many minutes after midnight of the first of March, as a desk writes it.
fn minute(minutes: u32) -> String {
    let (day, hour) = (1 + minutes / 1440, minutes / 60 % 24);
    format!("{day}T{hour:02}:{:02}", minutes % 60)
}

// One operation number on several CIPs.

fn paid(cip: u64, number: &str, at: &str) -> String {
    format!("cip={cip} reference_id=R{cip} operation_number={number} paid_at={at}")
}

#[test]
fn one_operation_number_on_two_cips_is_a_finding() {
    let two = |other: &str| desk().report(&paid(100, "7", "1T10:00")).report(&paid(200, other, "1T11:00"));
    check("shared_operation_number", &two("8"), 0);
    let line = check("shared_operation_number", &two("7"), 1).remove(0);
    assert_eq!((line["operation_number"].as_str(), line["severity"].as_str()), ("7", "high"));
    assert_eq!((line["cip"].as_str(), line["report_amount"].as_str()), ("", "100.00"));
    assert_eq!(
        line["differences"],
        "cips=100;200; from=2026-03-01T10:00:00-05:00; to=2026-03-01T11:00:00-05:00"
    );
    assert_eq!(line["evidence"].split(' ').count(), 2);
}

#[test]
fn a_number_that_comes_back_later_than_the_window_is_another_one() {
    let apart = |at: &str| desk().report(&paid(100, "7", "1T10:00")).report(&paid(200, "7", at));
    check("shared_operation_number", &apart("4T10:00"), 1);
    check("shared_operation_number", &apart("4T10:00:01"), 0);
}

#[test]
fn numbers_are_compared_within_one_account_and_one_source_alone() {
    let first = || desk().report(&paid(100, "7", "1T10:00"));
    check("shared_operation_number", &first().portal(&paid(200, "7", "1T11:00")), 0);
    check("shared_operation_number", &first().report(&format!("account=2 {}", paid(200, "7", "1T11:00"))), 0);
    check("shared_operation_number", &first().notice("cip=200 operation_number=7"), 0);
}

/// A payment, its refund, and a second source's word for it bear one number and are one payment.
#[test]
fn one_payment_told_several_times_shares_its_number_with_nobody() {
    let told = desk()
        .report(&paid(100, "7", "1T10:00"))
        .report("cip=100 reference_id=R100 status=refunded")
        .portal(&paid(100, "7", "1T10:00"))
        .notice("cip=100 operation_number=7");
    check("shared_operation_number", &told, 0);
}

#[test]
fn signed_notices_that_copy_a_number_are_a_finding() {
    let copied = desk().notice("cip=100").notice("cip=200 paid_at=1T11:00");
    let line = check("shared_operation_number", &copied, 1).remove(0);
    assert!(line["evidence"].split(' ').all(|fact| fact.starts_with("notice:")), "{line:?}");
}

#[test]
fn rows_without_any_time_are_held_against_each_other() {
    let undated = |cip: u64| format!("cip={cip} reference_id=R{cip} paid_at=");
    check("shared_operation_number", &desk().report(&undated(100)).report(&undated(200)), 1);
}

#[test]
fn a_set_that_grows_keeps_its_identity() {
    let three = |desk: Desk| desk.report(&paid(300, "7", "1T12:00"));
    let two = desk().report(&paid(100, "7", "1T10:00")).report(&paid(200, "7", "1T11:00"));
    let id = |desk: &Desk| check("shared_operation_number", desk, 1).remove(0)["break_id"].clone();
    assert_eq!(id(&two), id(&three(two.clone())));
}

// One payer, or one network address, behind many CIPs that nobody paid.

/// Orders of one hand, an hour apart, on CIPs that ran out.
fn unpaid(desk: Desk, cips: std::ops::Range<u32>, fields: &str) -> Desk {
    cips.fold(desk, |desk, cip| {
        let at = minute((cip - 100) * 60);
        let order = format!("cip={cip} reference_id=R{cip} status=expired created_at={at} {fields}");
        desk.order(&order).report(&format!("cip={cip} reference_id=R{cip} status=expired"))
    })
}

/// Orders of one hand that were paid, each beside an unpaid one.
fn paid_orders(desk: Desk, cips: std::ops::Range<u32>, fields: &str) -> Desk {
    cips.fold(desk, |desk, cip| {
        let (at, number) = (minute((cip - 500) * 60 + 5), cip.to_string());
        let order = format!("cip={cip} reference_id=R{cip} created_at={at} {fields}");
        desk.order(&order).report(&paid(cip.into(), &number, &at))
    })
}

#[test]
fn one_payer_behind_ten_unpaid_cips_is_a_finding() {
    let hand = "payer_id=secreto-1";
    check("shared_payer", &unpaid(desk(), 100..109, hand), 0);
    let line = check("shared_payer", &unpaid(desk(), 100..110, hand), 1).remove(0);
    assert_eq!((line["order_amount"].as_str(), line["severity"].as_str()), ("500.00", "low"));
    let words = "cips=100;101;102;103;104;105;106;107;108;109; from=2026-03-01T00:00:00-05:00; \
                 to=2026-03-01T09:00:00-05:00; unpaid=10 of 10";
    assert_eq!(line["differences"], words);
    assert_eq!(line["evidence"].split(' ').count(), 10);
}

#[test]
fn a_payer_who_is_different_each_time_or_unknown_is_no_finding() {
    let each = (100..130).fold(desk(), |desk, cip| unpaid(desk, cip..cip + 1, &format!("payer_id=p{cip}")));
    check("shared_payer", &each, 0);
    check("shared_payer", &unpaid(desk(), 100..130, ""), 0);
    let elsewhere = unpaid(unpaid(desk(), 100..109, "payer_id=p"), 109..118, "payer_id=p account=2");
    check("shared_payer", &elsewhere, 0);
}

#[test]
fn unpaid_cips_are_counted_within_the_window_alone() {
    let ten = unpaid(desk(), 100..109, "payer_id=p");
    let tenth = |at: &str| {
        let fields = format!("cip=109 reference_id=R109 status=expired payer_id=p created_at={at}");
        ten.clone().order(&fields).report("cip=109 reference_id=R109 status=expired")
    };
    check("shared_payer", &tenth("2T00:00"), 1);
    check("shared_payer", &tenth("2T00:00:01"), 0);
}

#[test]
fn every_cip_of_an_order_counts() {
    let cips = "100;101;102;103;104;105;106;107;108";
    let order = |cips: &str| {
        let fields = format!("cip={cips} status=cancelled payer_id=p expires_at=1T12:00");
        desk().order(&fields)
    };
    check("shared_payer", &order(cips), 0);
    check("shared_payer", &order(&format!("{cips};109")), 1);
}

/// At 80 of 100: ten unpaid beside two paid are enough, beside three are not.
#[test]
fn a_payer_who_pays_most_of_the_time_is_no_finding() {
    let hand = "payer_id=p";
    let line =
        check("shared_payer", &paid_orders(unpaid(desk(), 100..110, hand), 500..502, hand), 1).remove(0);
    assert!(line["differences"].ends_with("unpaid=10 of 12"), "{line:?}");
    check("shared_payer", &paid_orders(unpaid(desk(), 100..110, hand), 500..503, hand), 0);
}

#[test]
fn a_code_that_may_still_be_paid_counts_for_nothing() {
    let nine = unpaid(desk(), 100..109, "payer_id=p");
    let waits = |expiry: &str| {
        let fields = "cip=109 reference_id=R109 status=pending payer_id=p created_at=1T10:00 expires_at=";
        nine.clone().order(&format!("{fields}{expiry}"))
    };
    check("shared_payer", &waits("20T12:01"), 0);
    check("shared_payer", &waits("18T12:00"), 1);
}

/// Nine ran out, and of the tenth order a second CIP is not known to the provider and not over yet.
#[test]
fn an_order_with_a_further_code_may_still_be_paid() {
    let nine = unpaid(desk(), 100..109, "payer_id=p");
    let tenth = |cips: &str| {
        let fields = "reference_id=R109 status=pending payer_id=p created_at=1T10:00 expires_at=20T12:01";
        let report = "cip=109 reference_id=R109 status=expired";
        nine.clone().order(&format!("cip={cips} {fields}")).report(report)
    };
    check("shared_payer", &tenth("109;110"), 0);
    check("shared_payer", &tenth("109"), 1);
}

/// Silence counts only where it was heard: whether a code was paid is not known before the provider has spoken.
#[test]
fn a_code_that_ran_out_unheard_counts_for_nothing() {
    let heard = |until: &str| {
        let policy = "[coverage]\norders = \"complete\"\n";
        let codes = (100..110).fold(desk().policy(policy), |desk, cip| {
            let fields =
                format!("cip={cip} reference_id=R{cip} status=pending payer_id=p expires_at=2T10:00");
            desk.order(&fields)
        });
        codes.report(&format!("cip=900 reference_id=CLOCK status=expired observed_at={until}"))
    };
    check("shared_payer", &heard("3T09:59"), 0);
    check("shared_payer", &heard("3T10:00"), 1);
}

/// Orders of one hand, half an hour apart, that the shop has given up.
fn two_an_hour(cips: std::ops::Range<u32>, hand: &str) -> Desk {
    cips.fold(desk(), |desk, cip| {
        let fields = format!("cip={cip} reference_id=R{cip} status=cancelled expires_at=3T00:00 ");
        desk.order(&format!("{fields}created_at={} {hand}", minute((cip - 100) * 30)))
    })
}

#[test]
fn one_address_behind_thirty_unpaid_cips_is_a_finding() {
    check("shared_ip", &two_an_hour(100..129, "ip=203.0.113.9"), 0);
    let line = check("shared_ip", &two_an_hour(100..130, "ip=203.0.113.9"), 1).remove(0);
    assert!(line["differences"].contains(";119 and 10 more; "), "{line:?}");
}

/// The next code of the same hand changes the sum and not the identity, and a quiet day makes two findings of one.
#[test]
fn a_hand_keeps_its_identity_while_it_goes_on() {
    let hand = "payer_id=p";
    let ids = |desk: &Desk, expected| -> Vec<String> {
        let mut ids: Vec<_> =
            check("shared_payer", desk, expected).iter().map(|line| line["break_id"].clone()).collect();
        ids.sort();
        ids
    };
    let ten = unpaid(desk(), 100..110, hand);
    assert_eq!(ids(&ten, 1), ids(&unpaid(ten.clone(), 110..125, hand), 1));
    assert_eq!(ids(&unpaid(ten.clone(), 190..200, hand), 2).len(), 2);
}

/// A pseudonym that is a document in truth, and an address, can be guessed from a hash of theirs.
#[test]
fn a_finding_writes_neither_payer_nor_address_nor_anything_made_of_them() {
    let of = |hand: &str| two_an_hour(100..130, hand).run();
    let (one, other) = (of("payer_id=45678901 ip=203.0.113.9"), of("payer_id=40000000 ip=203.0.113.8"));
    assert_eq!(one.findings("shared_payer").len() + one.findings("shared_ip").len(), 2);
    for name in ["breaks.csv", "matched.csv", "summary.json"] {
        let text = String::from_utf8_lossy(one.bytes(name)).into_owned();
        assert!(!text.contains("45678901") && !text.contains("203.0.113.9"), "{name}: {text}");
    }
    let ids = |outcome: &Outcome| -> Vec<String> {
        outcome.breaks.iter().map(|line| line["break_id"].clone()).collect()
    };
    assert_eq!(ids(&one), ids(&other));
}

// Many payments of one amount within minutes.

/// Payments of 50.00 on CIPs of their own, so many minutes apart.
fn payments(desk: Desk, cips: std::ops::Range<u32>, first: u32, apart: u32) -> Desk {
    let begin = cips.start;
    cips.fold(desk, |desk, cip| {
        let at = minute(first + (cip - begin) * apart);
        desk.report(&paid(cip.into(), &cip.to_string(), &at))
    })
}

#[test]
fn twenty_payments_of_one_amount_within_ten_minutes_are_a_finding() {
    check("equal_amount_burst", &payments(desk(), 100..119, 600, 0), 0);
    let line = check("equal_amount_burst", &payments(desk(), 100..120, 600, 0), 1).remove(0);
    assert_eq!((line["report_amount"].as_str(), line["severity"].as_str()), ("1000.00", "medium"));
    assert!(line["differences"].ends_with("; amount=PEN 50.00"), "{line:?}");
    let two_rows = |last: u32| payments(payments(desk(), 100..119, 600, 0), 119..120, last, 0);
    check("equal_amount_burst", &two_rows(610), 1);
    check("equal_amount_burst", &two_rows(611), 0);
}

#[test]
fn amounts_currencies_accounts_and_cips_are_counted_apart() {
    let nineteen = || payments(desk(), 100..119, 600, 0);
    let one_more = |fields: &str| nineteen().report(&format!("{} {fields}", paid(200, "200", "1T10:00")));
    check("equal_amount_burst", &one_more(""), 1);
    check("equal_amount_burst", &one_more("amount=50.01"), 0);
    check("equal_amount_burst", &one_more("currency=USD"), 0);
    check("equal_amount_burst", &one_more("account=2"), 0);
    check("equal_amount_burst", &one_more("status=refunded"), 0);
    let again = (0..30).fold(nineteen(), |desk, number| {
        desk.report(&paid(100, &format!("90{number}"), &minute(600 + number % 5)))
    });
    check("equal_amount_burst", &again, 0);
}

/// A second source that tells of the same payments makes them no more.
#[test]
fn a_payment_that_two_sources_tell_of_is_one() {
    let both = (100..119).fold(payments(desk(), 100..119, 600, 0), |desk, cip| {
        desk.portal(&paid(cip, &format!("5{cip}"), "1T10:00"))
    });
    check("equal_amount_burst", &both, 0);
}

/// Twenty within ten minutes, where one in so many minutes is usual: ten times as often is a finding, less is not.
#[test]
fn a_burst_is_held_against_the_rhythm_of_its_amount() {
    // 100 more over the 500 minutes after the burst, two in ten minutes: a tenth of the burst.
    let usual = payments(payments(desk(), 100..120, 0, 0), 1000..1100, 15, 5);
    check("equal_amount_burst", &usual, 1);
    check("equal_amount_burst", &payments(usual, 2000..2001, 300, 0), 0);
}

/// A sale at one price all day long, ten thousand times: no burst, and no time is lost on it.
#[test]
fn a_shop_of_one_price_is_no_burst() {
    let rows = (0..10_000_u32).fold(String::new(), |text, number| {
        let at = long_time(&minute(number % 1440));
        text + &format!("1,{},R{number},{number},49.90,PEN,paid,{at}\n", 10_000 + number)
    });
    let header = "account,cip,reference_id,operation_number,amount,currency,status,paid_at\n";
    let text = format!("{header}{rows}");
    let files = [
        crate::desk::input(cuadre::formats::Leg::Orders, "orders.csv", ORDERS_HEADER.as_bytes()),
        crate::desk::input(cuadre::formats::Leg::Reports, "reports.csv", text.as_bytes()),
    ];
    let outcome = crate::desk::execute_files(&files, COMPLETE, None, &[]);
    assert!(outcome.findings("equal_amount_burst").is_empty());
}

const ORDERS_HEADER: &str = "account,reference_id,cip,amount,currency,status,created_at\n";

/// A day on which everything falls on one moment is one burst with bounded evidence.
#[test]
fn a_burst_of_thousands_names_twenty_and_keeps_a_hundred_facts() {
    let line = check("equal_amount_burst", &payments(desk(), 100..3100, 600, 0), 1).remove(0);
    assert!(line["differences"].starts_with("cips=100;101;"), "{line:?}");
    assert!(line["differences"].contains(";119 and 2980 more; "), "{line:?}");
    assert_eq!(line["evidence"].split(' ').count(), 100);
    assert_eq!(line["report_amount"], "150000.00");
}

#[test]
fn a_burst_keeps_its_identity_while_it_goes_on_and_another_day_is_another_one() {
    let id = |desk: &Desk| check("equal_amount_burst", desk, 1).remove(0)["break_id"].clone();
    let burst = payments(desk(), 100..120, 600, 0);
    assert_eq!(id(&burst), id(&payments(burst.clone(), 200..210, 605, 1)));
    assert_ne!(id(&burst), id(&payments(desk(), 100..120, 2040, 0)));
    check("equal_amount_burst", &payments(burst, 200..220, 2040, 0), 2);
}

// Goods that left before their payment.

fn shipped(fulfilled: &str, fields: &str) -> Desk {
    desk().order(&format!("status=fulfilled fulfilled_at={fulfilled}")).report(fields)
}

#[test]
fn goods_that_left_more_than_five_minutes_before_their_payment_are_a_finding() {
    check("fulfilled_before_paid", &shipped("1T09:55", ""), 0);
    let line = check("fulfilled_before_paid", &shipped("1T09:54:59", ""), 1).remove(0);
    assert_eq!((line["cip"].as_str(), line["reference_id"].as_str()), ("100", "R1"));
    assert_eq!((line["operation_number"].as_str(), line["severity"].as_str()), ("7", "medium"));
    assert_eq!(
        line["differences"],
        "fulfilled_at=2026-03-01T09:54:59-05:00; paid_at=2026-03-01T10:00:00-05:00"
    );
    let outcome = shipped("1T09:00", "").expect(&["matched"]);
    assert_eq!(outcome.findings("fulfilled_before_paid").len(), 1);
}

#[test]
fn goods_that_left_after_the_earliest_payment_or_were_never_paid_are_none() {
    let twice = shipped("1T11:00", "").report("operation_number=8 paid_at=1T14:00");
    check("fulfilled_before_paid", &twice, 0);
    check("fulfilled_before_paid", &shipped("1T09:00", "status=expired"), 0);
    check("fulfilled_before_paid", &shipped("1T09:00", "paid_at="), 0);
    check("fulfilled_before_paid", &shipped("1T09:00", "").report("status=reversed"), 0);
}

// Refunds to somebody else than the payer.

fn refunded(desk: Desk, cip: u32, payee: &str) -> Desk {
    let fields =
        format!("cip={cip} reference_id=R{cip} status=refunded refunded_amount=20.00 payer_id=ana{cip}");
    let report = format!("cip={cip} reference_id=R{cip} operation_number={cip}");
    desk.order(&format!("{fields} refund_payee_id={payee}"))
        .report(&report)
        .report(&format!("{report} status=refunded refunded_amount=20.00"))
}

#[test]
fn a_refund_to_another_than_the_payer_is_a_finding() {
    check("refund_to_other_payee", &refunded(desk(), 100, "ana100"), 0);
    check("refund_to_other_payee", &refunded(desk(), 100, ""), 0);
    let outcome = refunded(desk(), 100, "secreto-2").run();
    let line = check("refund_to_other_payee", &refunded(desk(), 100, "secreto-2"), 1).remove(0);
    assert_eq!((line["cip"].as_str(), line["severity"].as_str()), ("100", "high"));
    assert_eq!(line["differences"], "refunds_to_this_payee=100");
    let breaks = String::from_utf8_lossy(outcome.bytes("breaks.csv")).into_owned();
    assert!(!breaks.contains("secreto-2") && !breaks.contains("ana100"), "{breaks}");
    assert_eq!(outcome.summary["findings"]["refund_to_other_payee"]["minor"], 2000);
}

#[test]
fn refunds_to_one_payee_are_findings_from_so_many_on() {
    let policy = "[fraud.refund_to_other_payee]\norders_min = 3\n";
    let to = |payees: [&str; 3]| {
        let refunds = (100..).zip(payees).fold(desk(), |desk, (cip, payee)| refunded(desk, cip, payee));
        with_policy(refunds, policy)
    };
    check("refund_to_other_payee", &to(["eva", "eva", "luz"]), 0);
    let lines = check("refund_to_other_payee", &to(["eva", "eva", "eva"]), 3);
    assert!(lines.iter().all(|line| line["differences"] == "refunds_to_this_payee=100;101;102"), "{lines:?}");
}

// Callbacks whose signature was refused.

fn refused(hours: &[(&str, u64)]) -> Vec<RefusedCallbacks> {
    let hour = |(hour, count): &(&str, u64)| RefusedCallbacks {
        account: "1".to_owned(),
        hour: Instant::parse(&long_time(hour)).unwrap(),
        count: *count,
    };
    hours.iter().map(hour).collect()
}

#[test]
fn a_hundred_refused_signatures_within_a_day_are_a_finding() {
    check("bad_signatures", &desk().refused(refused(&[("1T10:00", 99)])), 0);
    check("bad_signatures", &desk().refused(refused(&[("1T10:00", 60), ("2T10:00", 60)])), 0);
    let two = desk().refused(refused(&[("1T10:00", 60), ("2T09:00", 40)]));
    let line = check("bad_signatures", &two, 1).remove(0);
    assert_eq!((line["account"].as_str(), line["severity"].as_str()), ("1", "high"));
    assert_eq!(
        line["differences"],
        "refused=100; from=2026-03-01T10:00:00-05:00; to=2026-03-02T10:00:00-05:00"
    );
}

#[test]
fn without_a_count_the_rule_did_not_run() {
    assert!(desk().run().summary["findings"].get("bad_signatures").is_none());
}

// What all rules share.

/// A pair agrees, or does not, whatever a rule thinks of it.
#[test]
fn a_finding_changes_no_class_and_no_bucket() {
    let many = unpaid(desk(), 100..110, "payer_id=p");
    let outcome = many.expect(&["unpaid"; 10]);
    assert_eq!(outcome.findings("shared_payer").len(), 1);
    assert_eq!(outcome.rows_in("orders", "PEN", "unpaid"), 10);
    assert_eq!(outcome.rows_in("orders", "PEN", "break"), 0);
    assert!(!outcome.run.agrees());
}

#[test]
fn rules_that_are_off_neither_speak_nor_count() {
    let many = with_policy(unpaid(desk(), 100..110, "payer_id=p"), "[fraud]\nenabled = false\n").run();
    assert!(many.breaks.is_empty());
    assert!(many.summary["classes"].get("finding").is_none() && many.summary.get("findings").is_none());
    let one = "[fraud.shared_payer]\nenabled = false\n[accounts.1.fraud.shared_payer]\nenabled = true\n";
    check("shared_payer", &with_policy(unpaid(desk(), 100..110, "payer_id=p"), one), 1);
}

/// Whatever order the rows come in, the same is found and the same is shown of it.
#[test]
fn rows_may_come_in_any_order() {
    let rows =
        |desk: Desk| refunded(payments(unpaid(desk, 100..130, "payer_id=p"), 1000..1120, 60, 0), 90, "x");
    let forward = rows(desk());
    let mut backward = forward.clone();
    backward.orders.reverse();
    backward.reports.reverse();
    let (one, other) = (forward.run(), backward.run());
    assert_eq!(one.bytes("breaks.csv"), other.bytes("breaks.csv"));
    assert_eq!(one.summary["classes"]["finding"]["count"], 3);
}
