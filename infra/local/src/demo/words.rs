//! The end of a demo in words: a table that is understood at a glance, the alert, and where the files lie.

use std::cmp::Reverse;
use std::path::PathBuf;

use cuadre::money::{Currency, format_minor};

use super::acts::Aftermath;
use super::plan::{DAY, Plan};
use super::truth::{Comparison, Told, notices_as_planted};
use crate::screen;

/// Most lines that are named when the outcome is not as planted.
const DIFFERENCES_SHOWN_MAX: usize = 10;

/// Everything that the demo tells at its end.
pub(super) fn describe(
    plan: &Plan,
    aftermath: &Aftermath,
    comparison: &Comparison,
    places: &[PathBuf],
) -> String {
    let parts = [
        course(plan, aftermath),
        findings(comparison).to_string(),
        alert(aftermath),
        verdict(plan, aftermath, comparison),
        replayed(aftermath).to_owned(),
        files(places),
    ];
    parts.join("\n\n")
}

/// What happened before the run, in four lines.
fn course(plan: &Plan, aftermath: &Aftermath) -> String {
    let days = plan.events.last().map_or(0, |(second, _)| second.div_euclid(DAY));
    let planted = plan.notices;
    format!(
        "{} orders in {days} simulated days; the provider was asked {} times.\n\
         Notices: {} payments announced, {} deliveries repeated, {} lost, {} forged.\n\
         Callback: {} deliveries answered 200, {} forgeries answered 401, {} notices stored.\n\
         Publish: {} notices sent on to the shop, {} changes of a payment told, {} messages at once.",
        plan.orders.len(),
        aftermath.pulls,
        planted.announced,
        planted.repeated,
        planted.lost,
        planted.forged,
        aftermath.answers.accepted,
        aftermath.answers.refused,
        aftermath.notices_stored,
        aftermath.forwarded,
        aftermath.states_told,
        aftermath.urgent,
    )
}

/// What agrees first, then what waits, then what somebody must look at; the most frequent first.
fn findings(comparison: &Comparison) -> comfy_table::Table {
    let mut tallies: Vec<_> = comparison.tallies.iter().collect();
    tallies.sort_by_key(|((class, _), tally)| (group(class), Reverse(tally.told)));
    let rows = tallies
        .into_iter()
        .map(|((class, reason), tally)| {
            let value = |currency: Currency| tally.minor.get(&currency).map(|minor| format_minor(*minor));
            [
                group(class).word().to_owned(),
                plainly(class, reason).to_owned(),
                value(Currency::Pen).unwrap_or_default(),
                value(Currency::Usd).unwrap_or_default(),
                tally.planted.to_string(),
                tally.told.to_string(),
            ]
        })
        .collect();
    let header = ["", "what the run found", "PEN", "USD", "planted", "found"];
    screen::table(header, rows, &[2, 3, 4, 5])
}

/// What a finding asks of people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Agrees,
    Waits,
    Break,
}

impl Group {
    const fn word(self) -> &'static str {
        match self {
            Group::Agrees => "agrees",
            Group::Waits => "waits",
            Group::Break => "BREAK",
        }
    }
}

fn group(class: &str) -> Group {
    match class {
        "matched" | "matched_within_tolerance" | "unpaid" => Group::Agrees,
        "open" => Group::Waits,
        _ => Group::Break,
    }
}

/// A finding in words for people who do not know the classes.
fn plainly(class: &str, reason: &str) -> &'static str {
    match (class, reason) {
        ("matched", _) => "paid and recorded, to the céntimo",
        ("matched_within_tolerance", _) => "paid and recorded, a few céntimos apart",
        ("unpaid", _) => "nobody paid, nobody claims it",
        ("open", _) => "too early to judge",
        ("amount_mismatch", "underpaid") => "too little was paid",
        ("amount_mismatch", _) => "too much was paid",
        ("currency_mismatch", _) => "paid in another currency",
        ("late_payment", _) => "paid after the code had expired",
        ("status_mismatch", "paid_not_recorded") => "paid, and the shop does not know",
        ("status_mismatch", "claimed_unpaid") => "the shop counts on money that is not there",
        ("status_mismatch", "still_payable") => "given up, and can still be paid",
        ("status_mismatch", _) => "the two sides tell different states",
        ("duplicate_payment", _) => "paid a second time",
        ("missing_at_provider", _) => "the provider does not know the code",
        ("missing_order", _) => "money that no order expects",
        ("missing_notice", _) => "the provider's notice never came",
        ("unconfirmed_notice", _) => "announced, and not confirmed",
        ("ambiguous_reference", _) => "several orders may own the payment",
        ("conflicting_record", _) => "one side contradicts itself",
        ("rejected", _) => "a row that cannot be read",
        _ => "",
    }
}

/// The alert as its readers get it, each line marked.
fn alert(aftermath: &Aftermath) -> String {
    let mut text = format!("The alert, as it is read in the morning:\n  | {}\n  |", aftermath.alert.subject);
    for line in aftermath.alert.body.trim_end().lines() {
        text.push_str(format!("\n  | {line}").trim_end());
    }
    text
}

fn verdict(plan: &Plan, aftermath: &Aftermath, comparison: &Comparison) -> String {
    if comparison.is_equal() && notices_as_planted(plan, aftermath) {
        return format!("The outcome equals the planted truth, line by line: {} lines.", plan.planted.len());
    }
    let mut text = "The outcome is NOT the planted truth.".to_owned();
    if !notices_as_planted(plan, aftermath) {
        text.push_str("\n  The callback function took other notices than it had to.");
    }
    for (what, lines) in
        [("planted, not found", &comparison.missed), ("found, not planted", &comparison.invented)]
    {
        for Told { finding: (class, reason), reference, cip } in lines.iter().take(DIFFERENCES_SHOWN_MAX) {
            text.push_str(&format!("\n  {what}: {class} {reason} {reference} CIP {cip}"));
        }
    }
    text
}

fn replayed(aftermath: &Aftermath) -> &'static str {
    if aftermath.replayed {
        "Made again from its archived inputs, the run gave the same bytes."
    } else {
        "Made again from its archived inputs, the run did NOT give the same bytes."
    }
}

fn files(places: &[PathBuf]) -> String {
    let mut text = "Files:".to_owned();
    for place in places {
        text.push_str(&format!("\n  {}", place.display()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::plan;

    #[test]
    fn every_planted_finding_has_plain_words() {
        for planted in plan::plan(400, 1).planted {
            assert!(
                !plainly(planted.class, planted.reason).is_empty(),
                "{} {}",
                planted.class,
                planted.reason
            );
        }
    }
}
