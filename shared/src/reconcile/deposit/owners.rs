//! Whose a line of the bank is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::under::Under;
use crate::lifecycle::evidence::BankRow;
use crate::money::Currency;

/// Which accounts of the run are paid into which accounts at the bank.
pub(in super::super) struct Owners<'v> {
    /// Accounts of the run by the bank accounts that the policy lists for them; none for those of others.
    listed: HashMap<&'v str, Vec<&'v str>>,
    /// Accounts of the run for which the policy lists none: any other bank account may be theirs.
    unlisted: Vec<&'v str>,
    /// The bank accounts with lines in a currency.
    seen: BTreeMap<Currency, BTreeSet<&'v str>>,
}

impl<'v> Owners<'v> {
    pub fn new(accounts: &BTreeSet<&'v str>, rows: &'v [BankRow<'_>], under: Under<'v>) -> Self {
        let mut listed: HashMap<&str, Vec<&str>> = HashMap::new();
        for (bank_account, account) in under.policy.bank_accounts() {
            let owners = listed.entry(bank_account).or_default();
            if accounts.contains(account) && !owners.contains(&account) {
                owners.push(account);
            }
        }
        let lists_none = |account: &&&str| under.policy.settlement_rules(account).bank_accounts.is_empty();
        let unlisted = accounts.iter().filter(lists_none).copied().collect();
        let mut seen: BTreeMap<Currency, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            let names = seen.entry(row.amount.currency).or_default();
            if !names.contains(row.bank_account.as_ref()) {
                names.insert(&row.bank_account);
            }
        }
        Owners { listed, unlisted, seen }
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
