//! Seeded chance: every draw of a data set comes from here, in one order.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The one source of randomness of a data set.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from 0 up to, not including, `end`; 0 when there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// A number from `first` to `last`, both included; `first` when `last` lies before it.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        if last <= first { first } else { self.0.random_range(first..=last) }
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of the values, each as likely as the next.
    pub(crate) fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let position = self.between(0, i64::try_from(others.len()).unwrap_or(0));
        usize::try_from(position - 1).ok().and_then(|index| others.get(index)).copied().unwrap_or(first)
    }

    /// Puts the values into an order of chance (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let chosen = self.below(u64::try_from(last).unwrap_or(0).saturating_add(1));
            values.swap(last, usize::try_from(chosen).unwrap_or(last));
        }
    }
}
