//! When a CIP is asked for next, and whether what was heard of it is news. Pure.

use chrono::TimeDelta;
use cuadre::aws::table::Check;
use cuadre::calendar::Instant;
use cuadre::lifecycle::evidence::{ReportRow, ReportStatus};
use cuadre::pagoefectivo::search::NOTICE_SETTLES;

/// Nothing is known to live longer: aggregators name less than six months between creation and expiry. It bounds the
/// asking for CIPs that never get an expiry or an answer.
const AGE_MAX: TimeDelta = TimeDelta::days(190);

/// An open CIP is asked for this often at first, and this seldom later. Our choice: a lost notice of a young CIP keeps a
/// shopper waiting at the counter, one of an old CIP a parcel. A minute less than the usual tick, which then finds it due.
const OPEN_FIRST: TimeDelta = TimeDelta::minutes(14);
const OPEN_MOST: TimeDelta = TimeDelta::hours(4);

/// The same for a CIP that ended.
const ENDED_FIRST: TimeDelta = TimeDelta::hours(1);
const ENDED_MOST: TimeDelta = TimeDelta::hours(24);

/// How soon after its expiry a CIP is asked for.
const AFTER_EXPIRY: TimeDelta = TimeDelta::minutes(1);

/// When a CIP is due again that was asked for at `now`; `row` is the newest that the search brought. None where its story
/// is over.
pub(crate) fn next_look(
    check: &Check,
    row: Option<&ReportRow<'_>>,
    doubted: bool,
    recheck: TimeDelta,
    now: Instant,
) -> Option<Instant> {
    let heard = check.heard_at.map(|heard| heard.moved(recheck));
    let end =
        if doubted { None } else { row.and_then(|row| ended(row, check)).map(|end| end.moved(recheck)) };
    // A notice keeps a CIP in view whatever the search says of it; only a look after it confirms it.
    let last = match end {
        None => check.begun_at.max(check.heard_at.unwrap_or(check.begun_at)).moved(AGE_MAX),
        Some(end) => heard.map_or(end, |heard| heard.max(end)),
    };
    if now >= last {
        return None;
    }
    let is_open = end.is_none();
    let since = if is_open { check.begun_at } else { last.moved(-recheck) };
    // What nobody understood keeps an order from shipping, and a person waiting.
    let mut next = now.moved(if doubted { OPEN_FIRST } else { pace(now, since, is_open) });
    if is_open && let Some(expiry) = row.and_then(|row| row.expires_at).filter(|expiry| *expiry >= now) {
        next = next.min(expiry.moved(AFTER_EXPIRY));
    }
    // What a notice told is to be confirmed soon.
    if let Some(settled) = check.heard_at.map(|heard| heard.moved(NOTICE_SETTLES)).filter(|at| *at > now) {
        next = next.min(settled);
    }
    Some(next.min(last))
}

/// When the story of a CIP ended, as far as the search tells; absent while it is open.
fn ended(row: &ReportRow<'_>, check: &Check) -> Option<Instant> {
    match row.status {
        // Past its expiry perhaps, and the provider has not said so yet: its last word is still to come.
        ReportStatus::Pending => None,
        // Nothing more is to come but what a notice may tell.
        ReportStatus::Removed | ReportStatus::Refunded | ReportStatus::Reversed => Some(Instant::UNIX_EPOCH),
        // It may be extended, or show a payment late.
        ReportStatus::Expired => Some(row.expires_at.unwrap_or(check.begun_at)),
        // The collector may take it back (extorno); the CIP is pending again then.
        ReportStatus::Paid => Some(row.paid_at.or(row.observed_at).unwrap_or(check.begun_at)),
    }
}

/// A quarter of the age of what is open, half the age of what ended, within bounds.
fn pace(now: Instant, since: Instant, is_open: bool) -> TimeDelta {
    let age = now.to_utc().signed_duration_since(since.to_utc());
    if is_open { (age / 4).clamp(OPEN_FIRST, OPEN_MOST) } else { (age / 2).clamp(ENDED_FIRST, ENDED_MOST) }
}

/// Whether a row tells something that the known one does not: the time of looking is no news by itself. But a row that says
/// the same again after a notice said otherwise is: the money that was announced is not, or no longer, there.
pub(crate) fn is_news(row: &ReportRow<'_>, known: Option<&ReportRow<'_>>, check: &Check) -> bool {
    let Some(known) = known else { return true };
    let mut same_time = known.clone();
    same_time.observed_at = row.observed_at;
    same_time.source = row.source;
    same_time.extras.clone_from(&row.extras);
    if same_time != *row || check.doubted {
        return true;
    }
    let heard_between = |heard: Instant| {
        known.observed_at.is_none_or(|seen| seen <= heard)
            && row.observed_at.is_some_and(|seen| seen >= heard.moved(NOTICE_SETTLES))
    };
    check.heard_at.is_some_and(heard_between)
}

#[cfg(test)]
mod tests {
    use cuadre::formats::{self, Format, Mapping, Source};
    use cuadre::ids::Cip;

    use super::*;

    const BEGUN: &str = "2026-03-01T10:00:00-05:00";

    fn time(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    fn check_at(heard_at: Option<&str>) -> Check {
        Check {
            cip: Cip::parse("7").unwrap(),
            due_at: time(BEGUN),
            begun_at: time(BEGUN),
            heard_at: heard_at.map(time),
            ordered_at: None,
            row: None,
            doubted: false,
        }
    }

    /// Calls with the row of this status, expiry, payment time and time of looking.
    fn with_row<T>(fields: &str, act: impl FnOnce(&ReportRow<'_>) -> T) -> T {
        let text = format!(
            "account,cip,amount,currency,status,expires_at,paid_at,observed_at\na,7,10.00,PEN,{fields}\n"
        );
        let source = Source { name: "r", bytes: text.as_bytes(), format: Format::Csv, account: None };
        let table = formats::read_reports(&source, 0, &Mapping::default().reports).unwrap();
        act(&table.rows[0])
    }

    fn next(fields: Option<&str>, heard_at: Option<&str>, now: &str) -> Option<String> {
        let recheck = TimeDelta::days(3);
        let next = match fields {
            None => next_look(&check_at(heard_at), None, false, recheck, time(now)),
            Some(fields) => {
                with_row(fields, |row| next_look(&check_at(heard_at), Some(row), false, recheck, time(now)))
            }
        };
        next.map(|next| next.to_string())
    }

    fn check(fields: Option<&str>, heard_at: Option<&str>, now: &str, expected: Option<&str>) {
        let expected = expected.map(|text| time(text).to_string());
        assert_eq!(next(fields, heard_at, now), expected, "{fields:?} {heard_at:?} {now}");
    }

    #[test]
    fn an_open_cip_is_asked_for_often_at_first_and_right_after_its_expiry() {
        let pending = "pending,2026-03-03T10:00:00-05:00,,2026-03-01T10:05:00-05:00";
        check(Some(pending), None, "2026-03-01T10:05:00-05:00", Some("2026-03-01T10:19:00-05:00"));
        check(Some(pending), None, "2026-03-01T12:00:00-05:00", Some("2026-03-01T12:30:00-05:00"));
        check(Some(pending), None, "2026-03-02T10:00:00-05:00", Some("2026-03-02T14:00:00-05:00"));
        check(Some(pending), None, "2026-03-03T09:00:00-05:00", Some("2026-03-03T10:01:00-05:00"));
        // The provider still owes its last word.
        check(Some(pending), None, "2026-03-03T10:01:00-05:00", Some("2026-03-03T14:01:00-05:00"));
        check(None, None, "2026-03-01T10:00:00-05:00", Some("2026-03-01T10:14:00-05:00"));
    }

    #[test]
    fn an_expired_or_paid_cip_is_asked_for_three_more_days_and_once_at_their_end() {
        let expired = "expired,2026-03-03T10:00:00-05:00,,2026-03-03T10:01:00-05:00";
        check(Some(expired), None, "2026-03-03T10:01:00-05:00", Some("2026-03-03T11:01:00-05:00"));
        check(Some(expired), None, "2026-03-05T22:00:00-05:00", Some("2026-03-06T10:00:00-05:00"));
        check(Some(expired), None, "2026-03-06T10:00:00-05:00", None);
        let paid = "paid,2026-03-03T10:00:00-05:00,2026-03-02T10:00:00-05:00,2026-03-02T10:15:00-05:00";
        check(Some(paid), None, "2026-03-03T10:00:00-05:00", Some("2026-03-03T22:00:00-05:00"));
        check(Some(paid), None, "2026-03-05T10:00:00-05:00", None);
        // Without the time of the payment, the time at which it was first seen.
        let undated = "paid,,,2026-03-02T10:15:00-05:00";
        check(Some(undated), None, "2026-03-05T10:14:00-05:00", Some("2026-03-05T10:15:00-05:00"));
        check(Some(undated), None, "2026-03-05T10:15:00-05:00", None);
    }

    #[test]
    fn a_removed_cip_is_asked_for_no_more_unless_a_notice_told_of_it() {
        let removed = "removed,,,2026-03-02T10:15:00-05:00";
        check(Some(removed), None, "2026-03-02T10:15:00-05:00", None);
        let heard = Some("2026-03-02T10:00:00-05:00");
        check(Some(removed), heard, "2026-03-02T10:15:00-05:00", Some("2026-03-02T11:15:00-05:00"));
        check(Some(removed), heard, "2026-03-02T10:05:00-05:00", Some("2026-03-02T10:10:00-05:00"));
        check(Some(removed), heard, "2026-03-05T10:00:00-05:00", None);
    }

    #[test]
    fn nothing_is_asked_for_longer_than_a_cip_can_live() {
        check(None, None, "2026-09-07T09:00:00-05:00", Some("2026-09-07T10:00:00-05:00"));
        check(None, None, "2026-09-07T10:00:00-05:00", None);
    }

    #[test]
    fn a_doubted_cip_is_open_whatever_it_was_before() {
        let now = time("2026-03-05T10:00:00-05:00");
        let removed = "removed,,,2026-03-02T10:15:00-05:00";
        let next =
            with_row(removed, |row| next_look(&check_at(None), Some(row), true, TimeDelta::days(3), now));
        assert_eq!(next, Some(time("2026-03-05T10:14:00-05:00")));
    }

    #[test]
    fn the_same_again_is_news_after_a_notice_alone() {
        let pending = |seen: &str| format!("pending,,,{seen}");
        let judge = |known: &str, now: &str, heard: Option<&str>, doubted: bool| {
            let check = Check { doubted, ..check_at(heard) };
            with_row(&pending(known), |known| {
                with_row(&pending(now), |row| is_news(row, Some(known), &check))
            })
        };
        let (before, heard, after) =
            ("2026-03-02T09:00:00-05:00", "2026-03-02T09:30:00-05:00", "2026-03-02T09:40:00-05:00");
        assert!(!judge(before, after, None, false));
        assert!(judge(before, after, Some(heard), false));
        assert!(!judge(before, "2026-03-02T09:39:59-05:00", Some(heard), false), "the search may lag");
        assert!(!judge(after, "2026-03-02T10:00:00-05:00", Some(heard), false), "told already");
        assert!(judge(before, after, None, true));
        let paid = "paid,,2026-03-02T09:00:00-05:00,2026-03-02T09:05:00-05:00";
        let changed = with_row(&pending(before), |known| {
            with_row(paid, |row| is_news(row, Some(known), &check_at(None)))
        });
        assert!(changed);
        assert!(with_row(paid, |row| is_news(row, None, &check_at(None))));
    }
}
