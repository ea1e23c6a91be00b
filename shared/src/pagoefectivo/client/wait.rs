//! How long to wait: between two attempts, and for a turn within the budget of requests.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The wait before the next attempt: twice as long with every attempt, and between half and one and a half of that, so that
/// functions that failed together do not come back together.
pub(super) fn varied(first_wait: Duration, attempt: u32) -> Duration {
    let whole = first_wait.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    (whole / 2).saturating_add(part_of(whole))
}

/// Between nothing and the whole.
pub(super) fn part_of(whole: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let thousandths = u32::try_from(random.rem_euclid(1_001)).unwrap_or(500);
    whole / 1_000 * thousandths
}

/// `Retry-After`, in seconds or as an HTTP date (RFC 9110). A date is told against `now`, which is the answer's own `Date`
/// where there is one, so that a clock that is wrong at either end does no harm; one that has passed is no wait.
pub(super) fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = http_date(text)?.signed_duration_since(now);
    Some(wait.to_std().unwrap_or_default())
}

/// A date in the form that HTTP asks for, or in one of the two older ones that it still takes.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let older = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let read_older = || older.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let date = DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc());
    date.or_else(|| read_older().map(|date| date.and_utc()))
}

/// The turns of all who ask: never more of them in any minute than the budget allows.
#[derive(Debug)]
pub(super) struct Turns {
    per_minute: usize,
    /// When the latest requests went or will go, oldest first; no more than the budget.
    taken: Mutex<VecDeque<Instant>>,
}

impl Turns {
    pub(super) fn new(per_minute: NonZeroU32) -> Turns {
        let per_minute = usize::try_from(per_minute.get()).unwrap_or(usize::MAX);
        Turns { per_minute, taken: Mutex::default() }
    }

    /// Takes the next turn and says when it comes; none that would come after `deadline`.
    pub(super) fn take(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        // Whoever panicked in here left a list of times, which is whole after each step.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = taken.len() >= self.per_minute;
        let turn = match taken.front() {
            Some(oldest) if is_full => now.max(*oldest + MINUTE),
            _ => now,
        };
        if turn > deadline {
            return None;
        }
        if is_full {
            taken.pop_front();
        }
        taken.push_back(turn);
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_vary() {
        for (attempt, least, most) in [(1, 250, 750), (2, 500, 1_500), (3, 1_000, 3_000)] {
            let wait = varied(Duration::from_millis(500), attempt).as_millis();
            assert!((least..=most).contains(&wait), "attempt {attempt}: {wait}");
        }
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-03-02T14:30:00Z").unwrap().to_utc();
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        };
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("Mon, 02 Mar 2026 14:30:07 GMT", Some(7));
        check("Monday, 02-Mar-26 14:30:07 GMT", Some(7));
        check("Mon Mar  2 14:30:07 2026", Some(7));
        check("Mon, 02 Mar 2026 14:29:00 GMT", Some(0));
        check("soon", None);
        check("-1", None);
        check("1.5", None);
        check("", None);
    }

    #[test]
    fn no_minute_sees_more_requests_than_the_budget() {
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        let turns = Turns::new(NonZeroU32::new(2).unwrap());
        let take = |now: u64, deadline: u64| {
            turns.take(after(now), after(deadline)).map(|turn| turn.duration_since(start).as_secs())
        };
        assert_eq!(take(0, 40), Some(0));
        assert_eq!(take(10, 50), Some(10));
        assert_eq!(take(11, 51), None, "its turn would come too late, and it takes none from others");
        assert_eq!(take(12, 100), Some(60));
        assert_eq!(take(12, 100), Some(70));
        assert_eq!(take(12, 100), None);
        assert_eq!(take(65, 130), Some(120));
        assert_eq!(take(500, 500), Some(500), "what was not used is not saved up");
        assert_eq!(take(500, 500), Some(500));
        assert_eq!(take(500, 559), None);
    }
}
