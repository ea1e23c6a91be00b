//! Which rows may share something, found with eight bytes a row and one sort, before anything is compared exactly.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::lifecycle::settle::RowIndex;

/// Half of a hash and a row in one number. Rows whose hashes meet by chance come out too; whoever asks compares.
#[derive(Debug, Default)]
pub(super) struct Prescreen(Vec<u64>);

impl Prescreen {
    /// Notes a row under what it may share. Rows beyond four thousand million are not looked at; no run holds so many.
    pub fn add(&mut self, shared: &impl Hash, row: RowIndex) {
        let mut hasher = DefaultHasher::new();
        shared.hash(&mut hasher);
        if let Ok(row) = u32::try_from(row) {
            let upper = hasher.finish() & !u64::from(u32::MAX);
            self.0.push(upper | u64::from(row));
        }
    }

    /// The rows of which at least so many may share something.
    pub fn rows(mut self, least: usize) -> Vec<RowIndex> {
        self.0.sort_unstable();
        let runs = self.0.chunk_by(|a, b| a >> 32 == b >> 32).filter(|run| run.len() >= least);
        let row = |packed: &u64| RowIndex::try_from(packed & u64::from(u32::MAX)).ok();
        runs.flatten().filter_map(row).collect()
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
}
