//! Which references orders bear, and which several of them bear.
//!
//! Threads note hashes while they read, each sorted into bins; afterwards every bin is put in order by itself. A hash that
//! two references share costs a closer look and nothing else.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// The hash by which accounts and references are looked up; it never decides anything alone.
pub(super) const HASH: FixedState = FixedState::with_seed(0x00C0_ADE5);

/// Hash of a reference inside an account.
pub(super) fn reference_hash(account: u32, reference: &str) -> u64 {
    let mut hasher = HASH.build_hasher();
    hasher.write_u32(account);
    hasher.write(reference.as_bytes());
    hasher.finish()
}

/// Hash of the provider's own id inside an account, apart from those of references.
pub(super) fn provider_hash(account: u32, id: &str) -> u64 {
    reference_hash(!account, id)
}

/// Hash of the number of an operation inside an account, apart from both.
pub(super) fn number_hash(account: u32, number: &str) -> u64 {
    reference_hash(account ^ (1 << 30), number)
}

/// The part of a hash that is stored with a row: an even number that is not 0, which says that there is none.
pub(super) const fn tag_of(hash: u64) -> u32 {
    let [_, _, _, _, a, b, c, d] = hash.to_be_bytes();
    match u32::from_be_bytes([a, b, c, d]) & !1 {
        0 => 2,
        tag => tag,
    }
}

/// Tags of references.
pub(super) type Tags = HashSet<u32, FixedState>;

/// Hashes by their highest digits.
#[derive(Debug, Default)]
pub(super) struct Bins(Vec<Vec<u64>>);

impl Bins {
    pub(super) fn new(count: usize) -> Bins {
        Bins(std::iter::repeat_with(Vec::new).take(count.max(1)).collect())
    }

    fn place(&self, hash: u64) -> usize {
        let scaled = u128::from(hash) * u128::try_from(self.0.len()).unwrap_or_default();
        usize::try_from(scaled >> 64).unwrap_or_default()
    }

    /// Notes a hash.
    pub(super) fn note(&mut self, hash: u64) {
        let place = self.place(hash);
        if let Some(bin) = self.0.get_mut(place) {
            bin.push(hash);
        }
    }

    /// Adds what another thread noted in as many bins.
    pub(super) fn append(&mut self, other: Bins) {
        for (bin, mut other) in self.0.iter_mut().zip(other.0) {
            if bin.is_empty() {
                *bin = other;
            } else {
                bin.append(&mut other);
            }
        }
    }

    /// The bins, to be put in order by several threads.
    pub(super) fn into_bins(self) -> Vec<Vec<u64>> {
        self.0
    }

    /// Bins that are in order.
    pub(super) fn from_sorted(bins: Vec<Vec<u64>>) -> Bins {
        Bins(bins)
    }

    /// Whether a hash is in bins that are in order.
    pub(super) fn holds(&self, hash: u64) -> bool {
        self.0.get(self.place(hash)).is_some_and(|bin| bin.binary_search(&hash).is_ok())
    }
}

/// Puts a bin in order; returns the tags of hashes that stand in it more than once.
pub(super) fn repeated(bin: &mut [u64]) -> Vec<u32> {
    bin.sort_unstable();
    let pairs = bin.windows(2).filter(|pair| matches!(pair, [a, b] if a == b));
    pairs.filter_map(|pair| pair.first().copied()).map(tag_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_found_and_repetition_is_told() {
        let mut bins = Bins::new(7);
        let mut other = Bins::new(7);
        for number in 0..1000_u32 {
            let hash = reference_hash(number % 3, &format!("R{number}"));
            if number % 2 == 0 { bins.note(hash) } else { other.note(hash) }
        }
        bins.note(reference_hash(0, "R3"));
        bins.append(other);
        let mut sorted = bins.into_bins();
        let told: Vec<u32> = sorted.iter_mut().flat_map(|bin| repeated(bin)).collect();
        let bins = Bins::from_sorted(sorted);
        assert_eq!(told, [tag_of(reference_hash(0, "R3"))]);
        assert!((0..1000_u32).all(|number| bins.holds(reference_hash(number % 3, &format!("R{number}")))));
        assert!(!bins.holds(reference_hash(1, "R0")));
    }
}
