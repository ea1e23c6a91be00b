//! Which rows of a report are known already, so that a window that is asked for again adds only what is new.
//!
//! A look is known by two short hashes: of its CIP, and of what it says. Of money that moved each word is an identity of its
//! own, and beside it stands what it is a word about, with the pull that told of that first. All are 64 bits. A list is such
//! pairs one after the other.

use std::collections::HashMap;

/// A row as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Of what makes it the row it is.
    pub(super) identity: u64,
    /// Of what it says.
    pub(super) content: u64,
}

const MARK_BYTES: usize = 16;

/// What a row is to those that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// Nothing like it is known.
    New,
    /// It says something else than before.
    Changed,
    /// It says the same.
    Known,
}

/// The newest content of each row that is known.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<u64, u64>);

impl Seen {
    /// Takes a list in; what is known by an earlier one gives way.
    pub(super) fn learn(&mut self, list: &[u8]) {
        for mark in list.chunks_exact(MARK_BYTES) {
            let (identity, content) = mark.split_at(MARK_BYTES / 2);
            if let (Ok(identity), Ok(content)) = (identity.try_into(), content.try_into()) {
                self.0.insert(u64::from_be_bytes(identity), u64::from_be_bytes(content));
            }
        }
    }

    /// What the row is, which is known from now on.
    pub(super) fn judge(&mut self, mark: Mark) -> Novelty {
        match self.0.insert(mark.identity, mark.content) {
            None => Novelty::New,
            Some(content) if content == mark.content => Novelty::Known,
            Some(_) => Novelty::Changed,
        }
    }
}

impl Seen {
    /// What is noted of an identity.
    pub(super) fn known(&self, identity: u64) -> Option<u64> {
        self.0.get(&identity).copied()
    }

    /// Lets a row be new the next time, whatever it says; the mark to note of it, if it was known.
    pub(super) fn forget(&mut self, identity: u64) -> Option<Mark> {
        let known = self.0.get_mut(&identity)?;
        *known = FORGOTTEN;
        Some(Mark { identity, content: FORGOTTEN })
    }
}

/// What no row says.
const FORGOTTEN: u64 = 0;

/// Adds a row to a list.
pub(super) fn note(mark: Mark, list: &mut Vec<u8>) {
    list.extend_from_slice(&mark.identity.to_be_bytes());
    list.extend_from_slice(&mark.content.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_content_counts_and_not_every_one_there_ever_was() {
        let mark = |identity, content| Mark { identity, content };
        let mut list = Vec::new();
        note(mark(1, 10), &mut list);
        note(mark(2, 20), &mut list);
        let mut seen = Seen::default();
        seen.learn(&list);
        assert_eq!(seen.judge(mark(1, 10)), Novelty::Known);
        assert_eq!(seen.judge(mark(2, 21)), Novelty::Changed);
        // Pending, paid, and pending again is an extorno and no repetition.
        assert_eq!(seen.judge(mark(2, 20)), Novelty::Changed);
        assert_eq!(seen.judge(mark(3, 20)), Novelty::New);
        assert_eq!(seen.judge(mark(3, 20)), Novelty::Known);
        let mut list = Vec::new();
        note(seen.forget(1).unwrap(), &mut list);
        assert_eq!(seen.forget(9), None);
        seen.learn(&list);
        assert_eq!(seen.judge(mark(1, 10)), Novelty::Changed);
        seen.learn(b"cut short");
        assert_eq!(seen.judge(mark(3, 20)), Novelty::Known);
    }
}
