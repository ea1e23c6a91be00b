//! What can happen to an order, each with what a right run says of it.
//!
//! Faults that rest on somebody's silence happen on Monday and Tuesday, so that the grace of 24 hours is over by
//! Thursday morning; the one that must still be open happens on Wednesday night.

use cuadre::money::Currency;

use super::plan::{Code, DAY, Deed, HOUR, MINUTE, Second, Telling};

/// A kind of order.
pub(super) struct Story {
    /// How often it comes, against the others.
    pub(super) weight: u64,
    /// Writes its deeds and the expected lines.
    pub(super) tell: fn(&mut Telling<'_>),
}

/// Every story; a demo with few orders tells the first ones.
pub(super) const STORIES: [Story; 25] = [
    Story { weight: 120, tell: paid },
    // The shop's last sign of life on Wednesday night: up to then its silence counts.
    Story { weight: 1, tell: last_order },
    Story { weight: 30, tell: never_paid },
    Story { weight: 2, tell: notice_lost },
    Story { weight: 2, tell: two_codes_both_paid },
    Story { weight: 2, tell: paid_late },
    Story { weight: 2, tell: short_of_cash },
    Story { weight: 3, tell: forgery_refused },
    Story { weight: 1, tell: forgery_believed },
    Story { weight: 30, tell: fulfilled },
    Story { weight: 8, tell: notice_repeated },
    Story { weight: 8, tell: notice_delayed },
    Story { weight: 2, tell: notice_lost_but_asked },
    Story { weight: 1, tell: overpaid_by_a_slip },
    Story { weight: 2, tell: rounded },
    Story { weight: 1, tell: wrong_currency },
    Story { weight: 3, tell: extended },
    Story { weight: 2, tell: at_the_last_second },
    Story { weight: 3, tell: two_codes_one_paid },
    Story { weight: 1, tell: taken_back },
    Story { weight: 3, tell: cancelled },
    Story { weight: 1, tell: cancelled_still_payable },
    Story { weight: 1, tell: cancelled_then_paid },
    Story { weight: 1, tell: digit_lost },
    Story { weight: 2, tell: not_yet_recorded },
];

/// Any of the first three days, during opening hours.
fn any_time(story: &mut Telling<'_>) -> Second {
    let day = story.chance.between(0, 3) * DAY;
    day + story.chance.between(8 * HOUR, 19 * HOUR)
}

/// Monday or Tuesday morning, before the shop's export at noon.
fn early(story: &mut Telling<'_>) -> Second {
    let day = story.chance.between(0, 2) * DAY;
    day + story.chance.between(8 * HOUR, 11 * HOUR)
}

/// The afternoon of the same day, after the pull of 12:30 and before that of 20:30.
fn afternoon(story: &mut Telling<'_>, placed_at: Second) -> Second {
    let midnight = placed_at - placed_at.rem_euclid(DAY);
    midnight + story.chance.between(14 * HOUR, 19 * HOUR)
}

/// Placed in the morning, payable for a day, paid in the afternoon; gives the time of the payment.
fn paid_early(story: &mut Telling<'_>) -> Second {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    let paid_at = afternoon(story, placed_at);
    story.pay(paid_at, Code::First);
    paid_at
}

fn paid(story: &mut Telling<'_>) {
    let placed_at = any_time(story);
    story.place(placed_at, DAY);
    let paid_at = placed_at + story.chance.between(10 * MINUTE, 8 * HOUR);
    story.pay(paid_at, Code::First);
    story.notify(paid_at, Code::First);
    story.expect("matched", "");
}

fn fulfilled(story: &mut Telling<'_>) {
    let paid_at = paid_early(story);
    story.notify(paid_at, Code::First);
    story.then(paid_at + 2 * HOUR, Deed::Fulfil);
    story.expect("matched", "");
}

fn never_paid(story: &mut Telling<'_>) {
    let placed_at = any_time(story);
    story.place(placed_at, DAY);
    story.then(placed_at + DAY + 5 * MINUTE, Deed::Expire);
    story.expect("unpaid", "");
}

/// Waits for cash when the run is made.
fn last_order(story: &mut Telling<'_>) {
    story.place(2 * DAY + 22 * HOUR, DAY);
    story.expect("unpaid", "");
}

/// Three or four deliveries of one notice, at the same moment.
fn notice_repeated(story: &mut Telling<'_>) {
    let paid_at = paid_early(story);
    let deliveries = 3 + u32::from(story.chance.below(2) == 0);
    story.notify_times(paid_at + 2 * MINUTE, Code::First, deliveries, true);
    story.expect("matched", "");
}

/// The notice comes hours later, after those of later payments.
fn notice_delayed(story: &mut Telling<'_>) {
    let paid_at = paid_early(story);
    let delay = story.chance.between(2 * HOUR, 8 * HOUR);
    story.notify_times(paid_at + delay, Code::First, 1, true);
    story.expect("matched", "");
}

/// The shop never hears of the payment and gives the order up.
fn notice_lost(story: &mut Telling<'_>) {
    let paid_at = paid_early(story);
    story.lose_notice();
    story.then(paid_at + DAY, Deed::Expire);
    story.expect("status_mismatch", "paid_not_recorded");
    story.expect("missing_notice", "");
}

/// The shop asks the provider itself.
fn notice_lost_but_asked(story: &mut Telling<'_>) {
    let paid_at = paid_early(story);
    story.lose_notice();
    story.then(paid_at + 30 * MINUTE, Deed::Claim);
    story.expect("matched", "");
    story.expect("missing_notice", "");
}

fn forgery_refused(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    story.forge(placed_at + HOUR);
    story.then(placed_at + DAY + 5 * MINUTE, Deed::Expire);
    story.expect("unpaid", "");
}

/// Cuadre refuses the forgery, but the shop fell for an e-mail of the same tale and sent the goods.
fn forgery_believed(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    story.forge(placed_at + HOUR);
    story.then(placed_at + 2 * HOUR, Deed::Claim);
    story.then(placed_at + 4 * HOUR, Deed::Fulfil);
    story.expect("status_mismatch", "claimed_unpaid");
}

fn short_of_cash(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    let paid_at = afternoon(story, placed_at);
    let less = story.order.amount_minor - 100 - story.chance.between(0, 300);
    story.then(paid_at, Deed::Pay { code: Code::First, amount_minor: Some(less), after_expiry: false });
    story.notify(paid_at, Code::First);
    story.expect("amount_mismatch", "underpaid");
}

/// The shop's program made the CIP over more than the order.
fn overpaid_by_a_slip(story: &mut Telling<'_>) {
    story.order.cip_amount_minor += 1_000;
    let paid_at = paid_early(story);
    story.notify(paid_at, Code::First);
    story.expect("amount_mismatch", "overpaid");
}

/// The shop rounds its price differently for the CIP.
fn rounded(story: &mut Telling<'_>) {
    let cents = 1 + story.chance.between(0, 5);
    story.order.cip_amount_minor -= cents;
    let paid_at = paid_early(story);
    story.notify(paid_at, Code::First);
    story.expect("matched_within_tolerance", "");
}

fn wrong_currency(story: &mut Telling<'_>) {
    story.order.currency = Currency::Pen;
    story.order.cip_currency = Currency::Usd;
    let paid_at = paid_early(story);
    story.notify(paid_at, Code::First);
    story.expect("currency_mismatch", "");
}

/// The collector takes cash hours after the expiry.
fn paid_late(story: &mut Telling<'_>) {
    let placed_at = early(story);
    let midnight = placed_at - placed_at.rem_euclid(DAY);
    story.place(placed_at, midnight + 13 * HOUR - placed_at);
    let paid_at = afternoon(story, placed_at);
    story.then(paid_at, Deed::Pay { code: Code::First, amount_minor: None, after_expiry: true });
    story.notify(paid_at, Code::First);
    story.expect("late_payment", "");
}

/// Paid after the expiry that the shop has in its book, and before the one in force at the provider.
fn extended(story: &mut Telling<'_>) {
    let placed_at = early(story);
    let midnight = placed_at - placed_at.rem_euclid(DAY);
    story.place(placed_at, midnight + 13 * HOUR - placed_at);
    story.then(midnight + 11 * HOUR + 30 * MINUTE, Deed::Extend { until: midnight + DAY + 13 * HOUR });
    let paid_at = afternoon(story, placed_at);
    story.pay(paid_at, Code::First);
    story.notify(paid_at, Code::First);
    story.expect("matched", "");
}

/// Exactly at the expiry is in time.
fn at_the_last_second(story: &mut Telling<'_>) {
    let placed_at = early(story);
    let paid_at = afternoon(story, placed_at);
    story.place(placed_at, paid_at - placed_at);
    story.pay(paid_at, Code::First);
    story.notify(paid_at, Code::First);
    story.expect("matched", "");
}

fn two_codes_both_paid(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    story.then(placed_at + 20 * MINUTE, Deed::SecondCode);
    let paid_at = afternoon(story, placed_at);
    story.pay(paid_at, Code::First);
    story.notify(paid_at, Code::First);
    let again_at = paid_at + HOUR;
    story.pay(again_at, Code::Second);
    story.notify(again_at, Code::Second);
    story.expect("matched", "");
    story.expect_of("duplicate_payment", "", Code::Second);
}

fn two_codes_one_paid(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    story.then(placed_at + 20 * MINUTE, Deed::SecondCode);
    let paid_at = afternoon(story, placed_at);
    story.pay(paid_at, Code::Second);
    story.notify(paid_at, Code::Second);
    story.expect_of("matched", "", Code::Second);
}

/// The collector takes the cash back before the next pull: the notice stands alone.
fn taken_back(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    let paid_at = afternoon(story, placed_at);
    story.pay(paid_at, Code::First);
    story.notify(paid_at, Code::First);
    story.then(paid_at + 25 * MINUTE, Deed::TakeBack);
    story.expect("status_mismatch", "claimed_unpaid");
    story.expect("unconfirmed_notice", "");
}

fn cancelled(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    story.then(placed_at + 2 * HOUR, Deed::Cancel { removed: true });
    story.expect("unpaid", "");
}

/// The shop gives the order up and leaves the CIP open for a week.
fn cancelled_still_payable(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, 7 * DAY);
    story.then(placed_at + 2 * HOUR, Deed::Cancel { removed: false });
    story.expect("status_mismatch", "still_payable");
}

/// The shopper pays an order that the shop has given up, and the shop does not heed the notice.
fn cancelled_then_paid(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    story.then(placed_at + HOUR, Deed::Cancel { removed: false });
    let paid_at = afternoon(story, placed_at);
    story.pay(paid_at, Code::First);
    story.notify_times(paid_at + 2 * MINUTE, Code::First, 1, false);
    story.expect("status_mismatch", "paid_not_recorded");
}

/// The shop's book names a CIP that the provider has never seen, and says that it was paid.
fn digit_lost(story: &mut Telling<'_>) {
    let placed_at = early(story);
    story.place(placed_at, DAY);
    story.then(placed_at + MINUTE, Deed::LoseDigit);
    story.then(placed_at + HOUR, Deed::Claim);
    story.expect("missing_at_provider", "");
}

/// Paid on Wednesday night; neither the shop nor the notice has had its 24 hours.
fn not_yet_recorded(story: &mut Telling<'_>) {
    let placed_at = 2 * DAY + story.chance.between(17 * HOUR, 19 * HOUR);
    story.place(placed_at, DAY);
    let paid_at = 2 * DAY + story.chance.between(21 * HOUR, 22 * HOUR);
    story.pay(paid_at, Code::First);
    story.lose_notice();
    story.expect("open", "paid_not_recorded");
}
