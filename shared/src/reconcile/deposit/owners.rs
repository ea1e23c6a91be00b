//! Whose a line of the bank is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::under::Under;
use crate::money::Currency;

/// Which accounts of the run are paid into which accounts at the bank.
pub(in super::super) struct Owners<'v> {
    /// Accounts of the run by the bank accounts that the policy lists for them; none for those of others.
    listed: HashMap<&'v str, Vec<&'v str>>,
    /// Accounts of the run for which the policy lists none: any other bank account may be theirs.
    unlisted: Vec<&'v str>,
    /// The bank accounts with lines in a currency.
    seen: BTreeMap<Currency, BTreeSet<&'v str>>,
    /// The bank accounts that the policy lists for others as well, whose settlements other runs have.
    shared: BTreeSet<&'v str>,
}

impl<'v> Owners<'v> {
    pub fn new(
        accounts: &BTreeSet<&'v str>,
        seen: BTreeMap<Currency, BTreeSet<&'v str>>,
        under: Under<'v>,
    ) -> Self {
        let mut listed: HashMap<&str, Vec<&str>> = HashMap::new();
        for (bank_account, account) in under.policy.bank_accounts() {
            let owners = listed.entry(bank_account).or_default();
            if accounts.contains(account) && !owners.contains(&account) {
                owners.push(account);
            }
        }
        let lists_none = |account: &&&str| under.policy.settlement_rules(account).bank_accounts.is_empty();
        let unlisted = accounts.iter().filter(lists_none).copied().collect();
        Owners { listed, unlisted, seen, shared: BTreeSet::new() }
    }

    /// Notes which bank accounts are those of accounts beside these, too.
    pub fn share_with_others(&mut self, accounts: &BTreeSet<&'v str>, under: Under<'v>) {
        let others = under.policy.bank_accounts().filter(|(_, account)| !accounts.contains(account));
        self.shared = others.map(|(bank_account, _)| bank_account).collect();
    }

    /// Whether money on this bank account may be that of an account which is not in the run.
    pub fn is_shared(&self, bank_account: &str) -> bool {
        self.shared.contains(bank_account)
    }

    /// The accounts that may own a line of a bank account.
    pub fn of(&self, bank_account: &str) -> &[&'v str] {
        self.listed.get(bank_account).unwrap_or(&self.unlisted)
    }

    /// Whether a line of this bank account may be of this account.
    pub fn owns(&self, account: &str, bank_account: &str) -> bool {
        self.of(bank_account).contains(&account)
    }

    /// The account to show with a line: the only one that may own it, else none.
    pub fn shown(&self, bank_account: &str) -> &'v str {
        match self.of(bank_account) {
            [only] => only,
            _ => "",
        }
    }

    /// The bank accounts on which money of this account and currency may come in, as far as lines were seen on them.
    pub fn bank_accounts<'s>(
        &'s self,
        account: &'s str,
        currency: Currency,
    ) -> impl Iterator<Item = &'v str> + 's {
        let seen = self.seen.get(&currency).into_iter().flatten().copied();
        seen.filter(move |bank_account| self.owns(account, bank_account))
    }
}
