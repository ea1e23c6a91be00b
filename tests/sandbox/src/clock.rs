//! The simulator's only source of time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// The last second of the year 9999: dates of the API have four digits for the year.
const LAST_SECOND: i64 = 253_402_300_799;

/// A shared handle on the simulator's time, in whole seconds because the provider's dates have no finer ones.
///
/// It stands still until somebody moves it: nothing in this crate reads the machine's clock.
#[derive(Clone, Debug)]
pub struct SandboxClock(Arc<AtomicI64>);

impl SandboxClock {
    pub(crate) fn new(start: DateTime<Utc>) -> SandboxClock {
        let clock = SandboxClock(Arc::new(AtomicI64::new(0)));
        clock.set(start);
        clock
    }

    /// The simulated time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let seconds = self.0.load(Ordering::SeqCst);
        DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Moves the time to a named one between 1970 and 9999, forward or back; fractions of a second are cut.
    pub fn set(&self, now: DateTime<Utc>) {
        self.0.store(now.timestamp().clamp(0, LAST_SECOND), Ordering::SeqCst);
    }

    /// Moves the time forward by whole seconds; fractions of a second are cut.
    pub fn advance(&self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        let moved = self.0.load(Ordering::SeqCst).saturating_add(seconds);
        self.0.store(moved.min(LAST_SECOND), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handle_sees_the_same_time() {
        let start = DateTime::from_timestamp(1_772_460_000, 0).unwrap();
        let clock = SandboxClock::new(start);
        let other = clock.clone();
        other.advance(Duration::from_secs(90));
        assert_eq!((clock.now() - start).num_seconds(), 90);
        clock.set(start);
        assert_eq!(other.now(), start);
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        let clock = SandboxClock::new(DateTime::<Utc>::UNIX_EPOCH);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now().timestamp(), LAST_SECOND);
    }
}
