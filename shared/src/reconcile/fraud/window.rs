//! A window that slides over times, and the stretches in which a threshold is reached.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use crate::calendar::Instant;

/// What is counted of the events inside a window, by their index.
pub(super) trait Tally {
    fn add(&mut self, index: usize);
    fn remove(&mut self, index: usize);
    /// Whether the threshold is reached.
    fn holds(&self) -> bool;
}

/// Every stretch of events that lies in a window which reaches the threshold; windows that share an event are one
/// stretch. The times are ascending; `last` gives the last moment of a window that begins at a time, inclusive.
///
/// Each event enters and leaves once, however many fall on one moment.
pub(super) fn stretches(
    times: &[Instant],
    last: impl Fn(Instant) -> Instant,
    tally: &mut impl Tally,
) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut first = 0_usize;
    for (index, time) in times.iter().enumerate() {
        tally.add(index);
        while times.get(first).is_some_and(|begin| last(*begin) < *time) {
            tally.remove(first);
            first = first.saturating_add(1);
        }
        let end = index.saturating_add(1);
        // What falls on one moment counts together, whatever its order.
        let moment_goes_on = times.get(end) == Some(time);
        if moment_goes_on || !tally.holds() {
            continue;
        }
        match found.last_mut() {
            Some(stretch) if first < stretch.end => stretch.end = end,
            _ => found.push(first..end),
        }
    }
    found
}

/// How many different keys are inside the window.
pub(super) struct Distinct<'k, K> {
    keys: &'k [K],
    inside: HashMap<&'k K, usize>,
}

impl<'k, K: Hash + Eq> Distinct<'k, K> {
    /// `keys` has one for each event.
    pub fn new(keys: &'k [K]) -> Self {
        Distinct { keys, inside: HashMap::new() }
    }

    pub fn count(&self) -> usize {
        self.inside.len()
    }

    pub fn add(&mut self, index: usize) {
        if let Some(key) = self.keys.get(index) {
            let count = self.inside.entry(key).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub fn remove(&mut self, index: usize) {
        let Some(key) = self.keys.get(index) else { return };
        if let Some(count) = self.inside.get_mut(key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.inside.remove(key);
            }
        }
    }
}

/// So many different keys reach the threshold.
pub(super) struct AtLeast<'k, K> {
    pub distinct: Distinct<'k, K>,
    pub least: usize,
}

impl<K: Hash + Eq> Tally for AtLeast<'_, K> {
    fn add(&mut self, index: usize) {
        self.distinct.add(index);
    }

    fn remove(&mut self, index: usize) {
        self.distinct.remove(index);
    }

    fn holds(&self) -> bool {
        self.distinct.count() >= self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(minutes: &[u32], keys: &[u8], window: u32, least: usize, expected: &[(usize, usize)]) {
        let times: Vec<Instant> = minutes.iter().map(|m| Instant::UNIX_EPOCH.plus_minutes(*m)).collect();
        let mut tally = AtLeast { distinct: Distinct::new(keys), least };
        let found = stretches(&times, |begin| begin.plus_minutes(window), &mut tally);
        let found: Vec<_> = found.into_iter().map(|stretch| (stretch.start, stretch.end)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_window_holds_what_is_exactly_as_far_apart_as_it_is_long() {
        check(&[0, 10], &[1, 2], 10, 2, &[(0, 2)]);
        check(&[0, 11], &[1, 2], 10, 2, &[]);
    }

    #[test]
    fn one_key_many_times_is_one() {
        check(&[0, 1, 2], &[1, 1, 1], 10, 2, &[]);
        check(&[0, 1, 2], &[1, 1, 2], 10, 2, &[(0, 3)]);
    }

    #[test]
    fn windows_that_share_an_event_are_one_stretch_and_others_are_not() {
        check(&[0, 6, 12, 18], &[1, 2, 3, 4], 6, 2, &[(0, 4)]);
        check(&[0, 1, 50, 51], &[1, 2, 3, 4], 6, 2, &[(0, 2), (2, 4)]);
    }

    #[test]
    fn what_leaves_the_window_counts_no_longer() {
        check(&[0, 5, 10, 15], &[1, 2, 3, 4], 9, 3, &[]);
        check(&[0, 5, 10, 15], &[1, 2, 3, 4], 10, 3, &[(0, 4)]);
    }
}
