//! Small worlds of report rows, written as words: `paid #7 10.00 at 09:00 seen 10:00 from b expires 12:00`.

use super::cip::{CipKey, CipView, ProviderState};
use super::evidence::{ReportRow, ReportStatus, Text};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::money::{Currency, Money, format_minor, parse_minor};

fn time(clock: &str) -> Instant {
    Instant::parse(&format!("2026-03-02T{clock}:00-05:00")).unwrap()
}

fn row(words: &str) -> ReportRow<'_> {
    let mut words = words.split_whitespace();
    let status = words.next().unwrap();
    let status = ReportStatus::ALL.into_iter().find(|known| known.word() == status).unwrap();
    let amount = Money { minor: 1000, currency: Currency::Pen };
    let mut row = ReportRow::new(0, Text::Borrowed("tienda"), Cip::parse("100").unwrap(), status, amount);
    while let Some(word) = words.next() {
        match (word, word.strip_prefix('#')) {
            (_, Some(number)) => row.operation_number = Some(Text::Borrowed(number)),
            ("at", _) => row.paid_at = words.next().map(time),
            ("seen", _) => row.observed_at = words.next().map(time),
            ("expires", _) => row.expires_at = words.next().map(time),
            ("from", _) => row.source = if words.next() == Some("b") { 1 } else { 0 },
            ("back", _) => row.refunded_minor = words.next().map(|amount| parse_minor(amount).unwrap()),
            ("store", _) => row.store = words.next().map(Text::Borrowed),
            ("USD", _) => row.amount.currency = Currency::Usd,
            (amount, _) => row.amount.minor = parse_minor(amount).unwrap(),
        }
    }
    row
}

/// State and operations as words, then the rows that conflict, repeat and are superseded.
fn told(rows: &[ReportRow<'_>]) -> String {
    let indexed: Vec<_> = rows.iter().enumerate().collect();
    let view = CipView::new(CipKey::Cip(Cip::parse("100").unwrap()), &indexed);
    let mut told = vec![view.state(time("23:00"), None).word().to_owned()];
    for operation in &view.operations {
        let amount = format_minor(i128::from(operation.money().unwrap().minor));
        let number = operation.number().map(|number| format!("#{number} ")).unwrap_or_default();
        let part = operation.refunded_part.map(|part| format!(" less {}", format_minor(i128::from(part))));
        told.push(format!("{number}{amount} {:?}{}", operation.standing, part.unwrap_or_default()));
    }
    for (name, count) in [
        ("conflict", view.conflicting.len()),
        ("repeat", view.duplicates.len()),
        ("old", view.superseded.len()),
    ] {
        if count > 0 {
            told.push(format!("{name} {count}"));
        }
    }
    told.join(", ")
}

/// Checks in every rotation and in reverse: the order of arrival takes no part.
fn check(facts: &[&str], expected: &str) {
    let mut rows: Vec<ReportRow<'_>> = facts.iter().map(|words| row(words)).collect();
    for _ in 0..rows.len() {
        rows.rotate_left(1);
        assert_eq!(told(&rows), expected, "{facts:?}");
        let reversed: Vec<_> = rows.iter().rev().cloned().collect();
        assert_eq!(told(&reversed), expected, "{facts:?} reversed");
    }
}

#[test]
fn numbers_tell_payments_apart_within_a_source() {
    check(&["paid #1 at 09:00", "paid #2 at 09:00"], "paid, #1 10.00 Live, #2 10.00 Live");
    check(&["paid #1 at 09:00", "paid #1 at 09:00"], "paid, #1 10.00 Live, repeat 1");
    check(&["paid #99", "paid #100"], "paid, #99 10.00 Live, #100 10.00 Live");
}

#[test]
fn a_row_that_only_adds_fields_repeats() {
    check(&["paid #1 at 09:00", "paid #1 at 09:00 store centro"], "paid, #1 10.00 Live, repeat 1");
}

#[test]
fn one_number_with_two_amounts_is_a_conflict_and_the_smaller_stands() {
    check(&["paid #1 12.00 at 09:00", "paid #1 10.00 at 09:00"], "paid, #1 10.00 Live, conflict 2");
    check(
        &["paid #1 10.00 at 09:00", "paid #1 10.00 at 09:00 from b", "paid #1 12.00 at 09:00 from b"],
        "paid, #1 10.00 Live, conflict 2, repeat 1",
    );
}

#[test]
fn of_one_event_the_newest_observation_speaks() {
    check(
        &["paid #1 12.00 at 09:00 seen 10:00", "paid #1 10.00 at 09:00 seen 11:00"],
        "paid, #1 10.00 Live, old 1",
    );
    check(&["paid #1 12.00 at 09:00", "paid #1 10.00 at 09:00 seen 11:00"], "paid, #1 10.00 Live, old 1");
}

#[test]
fn sources_that_name_different_money_conflict_whichever_looked_last() {
    check(
        &["paid #1 12.00 at 09:00 from b", "paid #1 10.00 at 09:00 seen 11:00"],
        "paid, #1 10.00 Live, conflict 1, old 1",
    );
}

#[test]
fn a_payment_without_number_belongs_to_the_only_operation_that_fits() {
    check(&["paid #1 at 09:00", "paid"], "paid, #1 10.00 Live, repeat 1");
    check(&["paid #1 at 09:00", "paid at 10:00"], "paid, #1 10.00 Live, 10.00 Live");
    check(
        &["paid #1 at 09:00", "paid #2 at 10:00", "paid"],
        "paid, #1 10.00 Live, #2 10.00 Live, 10.00 Live",
    );
    check(&["paid #1 at 09:00", "paid 11.00"], "paid, #1 10.00 Live, 11.00 Live");
}

#[test]
fn sources_bind_by_equal_number_else_by_being_the_only_payment() {
    check(&["paid #1 at 09:00", "paid #9 at 09:00 from b"], "paid, #1 10.00 Live, repeat 1");
    check(&["paid #1 at 09:00", "paid at 09:00 from b"], "paid, #1 10.00 Live, repeat 1");
    check(
        &["paid #1 at 09:00", "paid #2 at 10:00", "paid #2 at 10:00 from b", "paid #7 at 09:00 from b"],
        "paid, #1 10.00 Live, #2 10.00 Live, repeat 2",
    );
}

#[test]
fn the_number_of_payments_is_the_largest_that_any_source_shows() {
    check(
        &["paid #1 at 09:00", "paid #2 at 10:00", "paid at 10:00 from b"],
        "paid, #1 10.00 Live, #2 10.00 Live, repeat 1",
    );
    check(&["paid #1 at 09:00", "paid USD from b"], "paid, #1 10.00 Live, 10.00 Live");
}

#[test]
fn a_refund_or_reversal_takes_back_what_it_names_else_the_latest_before_it() {
    check(&["paid #1 at 09:00", "reversed #1 at 10:00"], "reversed, #1 10.00 Reversed");
    check(
        &["paid #1 at 09:00", "paid #2 at 10:00", "reversed #1 at 11:00"],
        "paid, #1 10.00 Reversed, #2 10.00 Live",
    );
    check(
        &["paid #1 at 09:00", "paid #2 at 10:00", "refunded at 11:00"],
        "paid, #1 10.00 Live, #2 10.00 Refunded",
    );
    check(
        &["paid #1 at 09:00", "paid #2 at 10:00", "refunded at 09:30"],
        "paid, #1 10.00 Refunded, #2 10.00 Live",
    );
    check(&["paid #1 at 09:00", "refunded at 09:00"], "refunded, #1 10.00 Refunded");
    check(&["paid #1 at 09:00", "paid #2 at 10:00", "reversed"], "paid, #1 10.00 Live, #2 10.00 Reversed");
}

#[test]
fn a_return_with_a_time_does_not_reach_a_payment_without_one() {
    check(&["paid #1", "reversed at 10:00"], "paid, 10.00 Reversed, #1 10.00 Live");
    check(&["paid #1", "reversed"], "reversed, #1 10.00 Reversed");
}

#[test]
fn a_return_whose_payment_is_unknown_came_and_went_back() {
    check(&["reversed #8 at 10:00"], "reversed, #8 10.00 Reversed");
    check(&["refunded"], "refunded, 10.00 Refunded");
    check(&["paid #1 at 09:00", "reversed #8 at 10:00"], "paid, #1 10.00 Live, #8 10.00 Reversed");
}

#[test]
fn a_return_told_again_without_its_number_repeats() {
    check(
        &["paid #1 at 09:00", "reversed #1 at 10:00", "reversed at 10:00"],
        "reversed, #1 10.00 Reversed, repeat 1",
    );
    check(
        &["paid #1 at 09:00", "paid #2 at 09:30", "reversed #1 at 10:00", "reversed at 10:00"],
        "paid, #1 10.00 Reversed, #2 10.00 Live, repeat 1",
    );
}

#[test]
fn the_strongest_of_an_operation_s_rows_is_its_state() {
    check(
        &["paid #1 at 09:00", "refunded #1 at 10:00", "reversed #1 at 11:00"],
        "reversed, #1 10.00 Reversed",
    );
}

#[test]
fn a_refund_in_part_leaves_the_payment_live() {
    check(&["paid #1 at 09:00", "refunded #1 back 4.00"], "paid, #1 10.00 Live less 4.00");
    check(&["paid #1 at 09:00 back 4.00"], "paid, #1 10.00 Live less 4.00");
    check(&["paid #1 at 09:00 back 4.00", "refunded #1 back 4.00"], "paid, #1 10.00 Live less 4.00");
    check(&["paid #1 at 09:00", "refunded #1 back 10.00"], "refunded, #1 10.00 Refunded");
    check(&["refunded #1 back 4.00"], "paid, #1 10.00 Live less 4.00");
    // What is stated is what went back so far, not what went back this time.
    check(
        &["paid #1 at 09:00", "refunded at 10:00 back 4.00", "refunded at 11:00 back 6.00"],
        "paid, #1 10.00 Live less 6.00",
    );
    check(
        &["paid #1 at 09:00", "refunded at 10:00 back 4.00", "refunded at 11:00 back 10.00"],
        "refunded, #1 10.00 Refunded",
    );
}

#[test]
fn an_extorno_takes_back_what_was_left_of_a_payment() {
    check(
        &["paid #1 at 09:00", "refunded #1 at 09:30 back 4.00", "pending seen 10:00"],
        "reversed, #1 10.00 Reversed",
    );
}

#[test]
fn a_return_that_two_sources_tell_is_one() {
    check(
        &["paid #1 at 09:00", "paid #2 at 09:30", "reversed at 10:00", "reversed from b"],
        "paid, #1 10.00 Live, #2 10.00 Reversed, repeat 1",
    );
    check(
        &[
            "paid #1 at 09:00",
            "refunded #1 at 12:00 back 4.00",
            "refunded at 11:00 back 4.00 from b",
            "refunded at 12:00 back 4.00 from b",
        ],
        "paid, #1 10.00 Live less 4.00, repeat 1",
    );
}

#[test]
fn what_only_an_older_observation_of_a_payment_carries_still_holds() {
    let rows = [row("paid #1 at 09:00"), row("paid #1 seen 10:00 from b")];
    let indexed: Vec<_> = rows.iter().enumerate().collect();
    let view = CipView::new(CipKey::Cip(Cip::parse("100").unwrap()), &indexed);
    assert_eq!(view.operations.first().unwrap().paid_at(), Some(time("09:00")));
}

#[test]
fn sources_bind_where_the_payments_fit_before_they_bind_by_place() {
    check(
        &[
            "paid #1 10.00 at 10:00",
            "paid #2 12.00 at 11:00",
            "paid #3 14.00 at 09:00 from b",
            "paid #4 10.00 at 10:00 from b",
        ],
        "paid, #2 14.00 Live, #1 10.00 Live, conflict 2, repeat 1",
    );
}

#[test]
fn many_rows_of_one_payment_take_no_more_than_their_time() {
    let rows: Vec<_> = (0..20_000).map(|_| row("paid #1 at 09:00")).collect();
    assert_eq!(told(&rows), "paid, #1 10.00 Live, repeat 19999");
}

#[test]
fn a_pending_snapshot_after_a_payment_is_an_extorno() {
    check(&["paid #1 at 09:00", "pending seen 10:00"], "reversed, #1 10.00 Reversed");
    check(&["paid #1 at 09:00", "pending seen 09:00"], "paid, #1 10.00 Live");
    check(&["paid #1 at 09:00", "pending seen 08:00"], "paid, #1 10.00 Live");
    check(&["paid #1", "pending seen 10:00"], "paid, #1 10.00 Live");
    check(
        &["paid #1 at 09:00", "pending seen 10:00", "expired seen 11:00"],
        "reversed, #1 10.00 Reversed, old 1",
    );
    check(
        &["paid #1 at 09:00", "pending seen 10:00", "paid #2 at 11:00"],
        "paid, #1 10.00 Reversed, #2 10.00 Live",
    );
}

#[test]
fn a_payment_seen_again_after_the_pending_snapshot_was_none_taken_back() {
    check(&["paid #1 at 09:00 seen 11:00", "pending seen 10:00"], "paid, #1 10.00 Live");
    check(&["paid #1 at 09:00 seen 09:30", "pending seen 10:00"], "reversed, #1 10.00 Reversed");
}

#[test]
fn expired_or_removed_after_a_payment_changes_nothing() {
    check(&["paid #1 at 09:00", "expired seen 10:00"], "paid, #1 10.00 Live");
    check(&["paid #1 at 09:00", "removed seen 10:00"], "paid, #1 10.00 Live");
}

#[test]
fn the_newest_snapshot_speaks_and_one_without_time_is_the_oldest() {
    check(&["pending seen 09:00", "removed seen 10:00"], "removed, old 1");
    check(&["removed", "pending seen 10:00 expires 23:30"], "pending, old 1");
}

#[test]
fn snapshots_that_contradict_at_one_time_conflict_until_a_newer_one_speaks() {
    check(&["pending seen 09:00", "removed seen 09:00"], "pending, conflict 2");
    check(&["pending", "removed"], "pending, conflict 2");
    check(&["pending seen 09:00", "removed seen 09:00", "removed seen 10:00"], "removed, old 2");
    check(&["pending seen 09:00", "pending seen 09:00"], "pending, repeat 1");
}

#[test]
fn money_that_changes_after_a_payment_is_a_conflict() {
    check(&["paid #1 at 09:00", "expired 12.00 seen 10:00"], "paid, #1 10.00 Live, conflict 1");
    check(&["paid #1 at 09:00", "expired USD seen 10:00"], "paid, #1 10.00 Live, conflict 1");
    check(&["paid #1 at 09:00", "pending 12.00 seen 08:00"], "paid, #1 10.00 Live");
}

#[test]
fn the_expiry_in_force_is_the_newest_snapshot_s_and_it_is_reached_exactly() {
    check(&["pending seen 09:00 expires 23:00"], "expired");
    check(&["pending seen 09:00 expires 23:01"], "pending");
    check(&["pending seen 09:00 expires 10:00", "pending seen 11:00 expires 23:30"], "pending, old 1");
    // The newest gives none, and no older one's is used.
    check(&["pending seen 09:00 expires 10:00", "pending seen 11:00"], "pending, old 1");
}

#[test]
fn without_rows_of_its_own_the_expiry_is_the_order_s() {
    let rows = [row("pending seen 09:00")];
    let indexed: Vec<_> = rows.iter().enumerate().collect();
    let view = CipView::new(CipKey::Cip(Cip::parse("100").unwrap()), &indexed);
    assert_eq!(view.state(time("12:00"), Some(time("12:00"))), ProviderState::Expired);
    assert_eq!(view.state(time("11:59"), Some(time("12:00"))), ProviderState::Pending);
}

#[test]
fn two_times_of_one_reversal_are_one_reversal_in_any_order() {
    check(
        &["reversed #1 at 10:00", "reversed #1 at 11:00", "reversed at 10:00 from b"],
        "reversed, #1 10.00 Reversed, conflict 2, repeat 1",
    );
}
