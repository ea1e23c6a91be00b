//! Facts that are told twice are one fact: a row that was carried on and arrives again, or that stands in two files of
//! runs before, would otherwise grow from day to day.

use std::collections::HashMap;

use super::fact::Fact;
use crate::lifecycle::settle::RowIndex;

/// The first row of each fact, found again by equality.
struct Firsts<'r, R>(HashMap<u64, Vec<(RowIndex, &'r R)>>);

impl<'r, R: Fact> Firsts<'r, R> {
    fn new() -> Self {
        Firsts(HashMap::new())
    }

    fn find(&self, row: &R) -> Option<RowIndex> {
        let alike = self.0.get(&row.fingerprint())?;
        alike.iter().find(|(_, known)| *known == row).map(|(index, _)| *index)
    }

    /// Whether the row is the first of its fact.
    fn insert(&mut self, index: RowIndex, row: &'r R) -> bool {
        if self.find(row).is_some() {
            return false;
        }
        self.0.entry(row.fingerprint()).or_default().push((index, row));
        true
    }
}

/// Which of these rows say what an earlier one of them says in every field.
pub(crate) fn repeats<'r, R: Fact + 'r>(rows: impl Iterator<Item = (RowIndex, &'r R)>) -> Vec<RowIndex> {
    let mut firsts = Firsts::new();
    rows.filter_map(|(index, row)| (!firsts.insert(index, row)).then_some(index)).collect()
}

/// Carried rows, each fact once, and apart from them those that are known already.
pub(crate) fn without_known<R: Fact>(known: &[R], carried: Vec<R>) -> (Vec<R>, Vec<R>) {
    let mut is_known = vec![false; carried.len()];
    let mut is_first = vec![true; carried.len()];
    let mut firsts = Firsts::new();
    for (index, row) in carried.iter().enumerate() {
        if let (false, Some(slot)) = (firsts.insert(index, row), is_first.get_mut(index)) {
            *slot = false;
        }
    }
    for row in known {
        if let Some(slot) = firsts.find(row).and_then(|index| is_known.get_mut(index)) {
            *slot = true;
        }
    }
    drop(firsts);
    let (mut new, mut told_again) = (Vec::new(), Vec::new());
    for ((row, first), known) in carried.into_iter().zip(is_first).zip(is_known) {
        match (first, known) {
            (false, _) => {}
            (true, true) => told_again.push(row),
            (true, false) => new.push(row),
        }
    }
    (new, told_again)
}
