//! What the policy says once for all accounts, and otherwise for some.

use std::collections::BTreeMap;

/// A decision for all accounts, with those of single ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ByAccount<T> {
    general: T,
    of_account: BTreeMap<String, T>,
}

impl<T> ByAccount<T> {
    /// The same for all.
    pub const fn general(general: T) -> Self {
        ByAccount { general, of_account: BTreeMap::new() }
    }

    /// Decides otherwise for one account.
    pub fn set(&mut self, account: &str, decision: T) {
        self.of_account.insert(account.to_owned(), decision);
    }

    /// What holds where an account says nothing.
    pub const fn for_all(&self) -> &T {
        &self.general
    }

    /// What holds for an account.
    pub fn of(&self, account: &str) -> &T {
        self.of_account.get(account).unwrap_or(&self.general)
    }
}
