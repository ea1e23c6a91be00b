//! Days join by arrival: rule 8, told day by day, and that any cut into days ends where one run over everything ends.

mod cuts;
mod payouts;

use crate::desk::{Before, Desk, Outcome, desk};

/// Runs day by day, each over what arrived that day and what the days before have left, and compares the classes of each
/// day's lines. Each day's opening is what the day before carried.
#[track_caller]
fn check(days: &[(Desk, &[&str])]) -> (Vec<Outcome>, Before) {
    let mut before = Before::default();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (number, (day, expected)) in days.iter().enumerate() {
        let outcome = day.run_after(&before);
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(outcome.classes(), expected, "day {}: {:#?}", number + 1, outcome.lines());
        if let Some(yesterday) = outcomes.last() {
            opens_with_what_was_carried(yesterday, &outcome);
        }
        before = outcome.leaves(&before);
        outcomes.push(outcome);
    }
    (outcomes, before)
}

/// "Opening + new = closed + carried", from one day to the next.
#[track_caller]
fn opens_with_what_was_carried(yesterday: &Outcome, today: &Outcome) {
    for leg in ["orders", "reports", "notices", "settlements", "bank"] {
        for currency in ["PEN", "USD"] {
            let share = |day: &Outcome, moved: &str| {
                let share = &day.summary["carry"][leg][currency][moved];
                (share["rows"].as_i64().unwrap_or(0), share["minor"].as_i64().unwrap_or(0))
            };
            assert_eq!(share(yesterday, "carried"), share(today, "opening"), "{leg} {currency}");
        }
    }
}

fn plain_desk() -> Desk {
    desk().plain()
}

/// The clock of a source: an order, or a code, beside the case, so that its file covers what is up to that time.
fn heard(desk: Desk, orders: &str, reports: &str) -> Desk {
    let desk = match orders {
        "" => desk,
        until => desk.order(&format!("reference_id=CLOCK-{until} cip= status=expired created_at={until}")),
    };
    match reports {
        "" => desk,
        until => desk.report(&format!("reference_id=CLOCK cip=900 status=expired observed_at={until}")),
    }
}

/// "An order of Monday, paid on Tuesday and reported on Wednesday is simply open until Wednesday": the 2nd of March 2026 is
/// a Monday.
#[test]
fn an_order_of_monday_paid_on_tuesday_and_reported_on_wednesday_is_never_a_break() {
    let monday = plain_desk().order("status=pending created_at=2T10:00");
    let tuesday = plain_desk().order("status=paid created_at=2T10:00 paid_at=3T11:00 updated_at=3T11:01");
    let wednesday = plain_desk().report("paid_at=3T11:00 observed_at=4T09:00");
    let (outcomes, _) = check(&[(monday, &["unpaid"]), (tuesday, &["open"]), (wednesday, &["matched"])]);
    let share = |moved: &str| outcomes[2].summary["carry"]["orders"]["PEN"][moved]["rows"].clone();
    assert_eq!([share("opening"), share("new"), share("closed"), share("carried")], [2, 0, 2, 0]);
}

/// The same with one source two days late.
#[test]
fn a_source_that_is_two_days_late_makes_no_break() {
    // The reports of Wednesday come on Friday; the shop goes on telling orders every day.
    let orders = |until: &str| heard(plain_desk(), until, "");
    let monday = orders("2T20:00").order("status=pending created_at=2T10:00");
    let tuesday =
        orders("3T20:00").order("status=paid created_at=2T10:00 paid_at=3T11:00 updated_at=3T11:01");
    let friday = heard(plain_desk(), "6T20:00", "6T09:00").report("paid_at=3T11:00 observed_at=4T09:00");
    check(&[
        (monday, &["unpaid", "unpaid"]),
        (tuesday, &["open", "unpaid", "unpaid"]),
        (orders("4T20:00"), &["open", "unpaid", "unpaid", "unpaid"]),
        (orders("5T20:00"), &["open", "unpaid", "unpaid", "unpaid", "unpaid"]),
        (friday, &["matched", "unpaid", "unpaid", "unpaid", "unpaid", "unpaid", "unpaid"]),
    ]);
}

/// What was silent yesterday up to a time is known today, although today's files do not say it again.
#[test]
fn silence_that_was_heard_is_remembered() {
    let first = heard(plain_desk(), "", "3T10:00");
    let second = plain_desk().order("paid_at=2T10:00");
    check(&[(first, &["unpaid"]), (second, &["missing_at_provider", "unpaid"])]);
}

/// Every leg is heard to the end; the moment of judgement is the day's.
fn at(moment: &str) -> Desk {
    desk().judged_at(moment)
}

/// "Closed pairs stay as stubs for 180 days so that later facts can reopen them."
#[test]
fn a_late_reversal_reopens_its_pair_through_the_stub() {
    let closed = || (at("5T12:00").order("").report(""), &["matched"][..]);
    let reversal = |moment: &str, reversed_at: &str| {
        at(moment).report(&format!("status=reversed paid_at={reversed_at} reference_id="))
    };
    // 100 days after.
    let late = reversal("2026-06-13T12:00:00-05:00", "2026-06-10T12:00:00-05:00");
    let (outcomes, _) = check(&[closed(), (late, &["status_mismatch reversed_not_recorded"])]);
    let line = outcomes[1].only();
    assert_eq!((line["reference_id"].as_str(), line["order_amount"].as_str()), ("R1", "50.00"));
    assert_eq!(outcomes[1].summary["carry"]["orders"]["PEN"]["reopened"]["rows"], 1);
    // On the 180th day to the minute, and past it: then it is told as what it is by itself.
    let last = reversal("2026-09-01T12:00:00-05:00", "2026-08-30T12:00:00-05:00");
    check(&[closed(), (last, &["status_mismatch reversed_not_recorded"])]);
    let too_late = reversal("2026-09-01T12:00:01-05:00", "2026-08-30T12:00:00-05:00");
    let (outcomes, _) = check(&[closed(), (too_late, &["missing_order"])]);
    let warnings = outcomes[1].summary["warnings"].to_string();
    assert!(warnings.contains("closed more than 180 days ago"), "{warnings}");
}

/// Only what an arrival touches is taken in.
#[test]
fn a_stub_that_nothing_touches_stays_closed() {
    let first = at("5T12:00")
        .order("")
        .report("")
        .order("reference_id=R2 cip=200")
        .report("reference_id=R2 cip=200 operation_number=8");
    let second = at("6T12:00").report("status=reversed");
    let expected = ["status_mismatch reversed_not_recorded"];
    let (outcomes, _) = check(&[(first, &["matched", "matched"]), (second, &expected)]);
    assert_eq!(outcomes[1].summary["carry"]["orders"]["PEN"]["reopened"]["rows"], 1);
}

/// A break keeps the time at which it was first seen; one that closed and comes back is a new one.
#[test]
fn a_break_keeps_its_age_until_it_closes() {
    let paid = "status=paid updated_at=7T09:00";
    let not_recorded = ["status_mismatch paid_not_recorded"];
    let (outcomes, _) = check(&[
        (at("5T12:00").order("status=pending").report(""), &not_recorded),
        (at("6T12:00"), &not_recorded),
        (at("7T12:00").order(paid), &["matched"]),
        (at("8T12:00").order("status=pending updated_at=8T09:00"), &not_recorded),
    ]);
    let opened = |day: usize| outcomes[day].breaks[0]["opened_at"].clone();
    assert_eq!(opened(0), "2026-03-05T12:00:00-05:00");
    assert_eq!(opened(1), opened(0));
    assert_eq!(opened(3), "2026-03-08T12:00:00-05:00");
}

/// A shop that tells its open orders every day does not make them grow.
#[test]
fn a_fact_that_is_told_every_day_is_one_fact() {
    let day = |moment: &str| at(moment).order("status=pending").report("status=pending expires_at=30T00:00");
    let days = [day("2T12:00"), day("3T12:00"), day("4T12:00")].map(|day| (day, &["unpaid"][..]));
    let (outcomes, _) = check(&days);
    for outcome in &outcomes[1..] {
        let share = |moved: &str| outcome.summary["carry"]["reports"]["PEN"][moved]["rows"].clone();
        assert_eq!([share("opening"), share("new"), share("told_again"), share("carried")], [1, 1, 1, 1]);
        assert_eq!(outcome.rows_in("reports", "PEN", "duplicate_row"), 0);
    }
}

/// A payment that waits for its notice has no line, and is not forgotten.
#[test]
fn what_waits_without_a_line_lives_on() {
    let policy = "[coverage]\norders = \"complete\"\nreports = \"complete\"\n";
    let first = at("1T12:00").policy(policy).order("").report("").without_notices();
    let other = "cip=900 operation_number=9 received_at=2T11:00 paid_at=2T11:00";
    let second = at("2T12:00").policy(policy).notice(other);
    let third =
        at("3T12:00").policy(policy).report("cip=900 operation_number=9 reference_id=X paid_at=2T11:00");
    check(&[
        (first, &["matched"]),
        (second, &["matched", "missing_notice"]),
        (third, &["matched", "missing_notice", "missing_order"]),
    ]);
}

/// Nobody's money is forgotten where a reference stands on more codes than one line names.
#[test]
fn a_crowd_of_candidates_is_carried_whole() {
    let mut first = at("5T12:00").order("cip=").order("cip= created_at=1T09:30");
    for number in 0..150 {
        first = first.report(&format!("cip={} operation_number={number}", 1000 + number));
    }
    let before = first.run().leaves(&Before::default());
    let (today, yesterday) = (at("6T12:00").run_after(&before), first.run());
    assert_eq!(today.classes(), yesterday.classes());
    opens_with_what_was_carried(&yesterday, &today);
}

/// Late cash is never refused: what ran out unpaid is kept open for a while, and closed then.
#[test]
fn an_unpaid_code_is_kept_open_for_late_cash() {
    let share = |outcome: &Outcome| outcome.summary["carry"]["orders"]["PEN"]["carried"]["rows"].clone();
    let expired = "status=expired expires_at=1T20:00";
    let case = |moment: &str| share(&at(moment).order("status=pending").report(expired).run());
    assert_eq!(case("2026-04-05T19:59:59-05:00"), 1);
    assert_eq!(case("2026-04-05T20:00:00-05:00"), 0);
    let pending = "status=pending expires_at=2026-12-31T00:00:00-05:00";
    assert_eq!(share(&at("2026-12-30T00:00:00-05:00").order("status=pending").report(pending).run()), 1);
}
