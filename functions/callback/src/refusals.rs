//! Refused signatures are counted for the fraud rule `bad_signatures`, so that a stranger neither fills the table nor
//! makes it pay: an instance writes a number once a minute at most, and none for a few.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cuadre::aws::table::Table;
use cuadre::calendar::Instant;
use cuadre::telemetry;

/// Fewer are forgotten with the instance: a key that is being changed, or somebody who tries his own client.
const TOGETHER_MIN: u64 = 10;

/// How long an instance writes no further number of an account.
const APART_MINUTES: u32 = 1;

/// The refused sender waits no longer than that for a number that is none of his.
const WRITE_WITHIN: Duration = Duration::from_millis(500);

/// What an instance has counted and not written yet, by account.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<String, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    count: u64,
    written_at: Option<Instant>,
}

impl Refusals {
    /// Counts one more, and writes how many there are if it is time. A number that cannot be written is given up: the
    /// rule asks for hundreds, and a repetition might count twice.
    pub(crate) async fn count(&self, account: &str, table: &Table, now: Instant) {
        let Some(count) = self.due(account, now) else { return };
        let lost = match tokio::time::timeout(WRITE_WITHIN, table.add_refused(account, now, count)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => telemetry::chain(&error),
            Err(_) => "storage was not done in time".to_owned(),
        };
        tracing::warn!(account, count, error = lost, "refused notices are not counted");
    }

    fn due(&self, account: &str, now: Instant) -> Option<u64> {
        // Whoever panicked while it held the lock left a count that is a count all the same.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(account) {
            all.insert(account.to_owned(), Waiting::default());
        }
        let waiting = all.get_mut(account)?;
        waiting.count = waiting.count.saturating_add(1);
        let rests = waiting.written_at.is_some_and(|at| now < at.plus_minutes(APART_MINUTES));
        if waiting.count < TOGETHER_MIN || rests {
            return None;
        }
        waiting.written_at = Some(now);
        Some(std::mem::take(&mut waiting.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_due_from_ten_on_and_a_minute_after_the_last() {
        let refusals = Refusals::default();
        let at = |minute: u32| Instant::UNIX_EPOCH.plus_minutes(minute);
        let due: Vec<_> = (0..25).map(|_| refusals.due("tienda", at(0))).collect();
        assert_eq!(due.iter().position(Option::is_some), Some(9));
        assert_eq!(due.iter().flatten().collect::<Vec<_>>(), [&10]);
        assert_eq!(refusals.due("otra", at(1)), None);
        assert_eq!(refusals.due("tienda", at(1)), Some(16));
    }
}
