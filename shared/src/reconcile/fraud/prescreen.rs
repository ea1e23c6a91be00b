//! Which rows may share something, found with eight bytes a row and a table of counts, before anything is compared
//! exactly.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

use crate::lifecycle::settle::RowIndex;

/// More counts than this, a byte each, would take more memory than the sort takes time.
const PLACES_MAX: usize = 1 << 26;

const HASH: FixedState = FixedState::with_seed(0x00C0_ADE5);

/// The hash by which rows are screened.
pub(super) fn hash_of(shared: &impl Hash) -> u64 {
    HASH.hash_one(shared)
}

/// How often hashes occur, a byte each. Several may be counted in one place, so that a count is never too small.
pub(super) struct Counts {
    counts: Vec<u8>,
    shift: u32,
}

impl Counts {
    /// Counts some hashes, about so many.
    pub fn of(hashes: impl Iterator<Item = u64>, about: usize) -> Counts {
        let places = about.saturating_mul(4).next_power_of_two().clamp(256, PLACES_MAX);
        let shift = u64::BITS.saturating_sub(places.trailing_zeros());
        let mut counts = Counts { counts: vec![0; places], shift };
        for hash in hashes {
            if let Some(count) = counts.place(hash).and_then(|place| counts.counts.get_mut(place)) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }

    /// Whether a hash may occur so many times; more than a byte counts are told by nobody.
    pub fn may_reach(&self, hash: u64, least: usize) -> bool {
        let count = self.place(hash).and_then(|place| self.counts.get(place)).copied();
        count.is_none_or(|count| usize::from(count) >= least.min(usize::from(u8::MAX)))
    }

    fn place(&self, hash: u64) -> Option<usize> {
        usize::try_from(hash.checked_shr(self.shift)?).ok()
    }
}

/// Half of a hash and a row in one number. Rows whose hashes meet by chance come out too; whoever asks compares.
#[derive(Debug, Default)]
pub(super) struct Prescreen(Vec<u64>);

impl Prescreen {
    /// Notes a row under what it may share. Rows beyond four thousand million are not looked at; no run holds so many.
    pub fn add(&mut self, shared: &impl Hash, row: RowIndex) {
        if let Ok(row) = u32::try_from(row) {
            let upper = hash_of(shared) & !u64::from(u32::MAX);
            self.0.push(upper | u64::from(row));
        }
    }

    /// The rows of which at least so many may share something.
    pub fn rows(mut self, least: usize) -> Vec<RowIndex> {
        self.drop_rare(least);
        self.0.sort_unstable();
        let runs = self.0.chunk_by(|a, b| a >> 32 == b >> 32).filter(|run| run.len() >= least);
        let row = |packed: &u64| RowIndex::try_from(packed & u64::from(u32::MAX)).ok();
        runs.flatten().filter_map(row).collect()
    }

    /// Drops most rows that share with too few, so that the sort has little to do.
    fn drop_rare(&mut self, least: usize) {
        let counts = Counts::of(self.0.iter().copied(), self.0.len());
        self.0.retain(|packed| counts.may_reach(*packed, least));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_share_come_out_and_others_do_not() {
        let check = |shared: &[&str], least: usize, expected: &[RowIndex]| {
            let mut screen = Prescreen::default();
            shared.iter().enumerate().for_each(|(row, shared)| screen.add(shared, row));
            let mut rows = screen.rows(least);
            rows.sort_unstable();
            assert_eq!(rows, expected, "{shared:?}");
        };
        check(&["a", "b", "a", "c"], 2, &[0, 2]);
        check(&["a", "b", "a", "c"], 3, &[]);
        check(&["a", "b", "a", "b", "a"], 3, &[0, 2, 4]);
        check(&[], 1, &[]);
    }

    #[test]
    fn of_many_rows_those_that_share_come_out() {
        let mut screen = Prescreen::default();
        (0..20_000_usize).for_each(|row| screen.add(&(row % 19_990), row));
        let mut rows = screen.rows(2);
        rows.sort_unstable();
        let expected: Vec<RowIndex> = (0..10).chain(19_990..20_000).collect();
        assert!(expected.iter().all(|row| rows.binary_search(row).is_ok()), "{rows:?}");
        assert!(rows.len() < 100, "{} rows meet by chance", rows.len());
    }

    #[test]
    fn more_than_a_byte_counts_is_no_fewer() {
        let mut screen = Prescreen::default();
        (0..1_000_usize).for_each(|row| screen.add(&"one", row));
        assert_eq!(screen.rows(1_000).len(), 1_000);
        let mut screen = Prescreen::default();
        (0..999_usize).for_each(|row| screen.add(&"one", row));
        assert_eq!(screen.rows(1_000).len(), 0);
    }
}
