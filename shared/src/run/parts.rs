//! Rows sorted into parts as they are read: each part holds the rows of a range of accounts and CIPs, and the ranges lie
//! in the order of the outputs. So a part can be judged by itself, and what it gives is written behind the part before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::FixedState;

use super::general::look;
use super::packed::{pack_order, pack_report};
use super::pile::{Pile, Stock};
use super::references::{Bins, HASH, reference_hash, tag_of};
use super::{FileCoverage, Look, Settings};
use crate::config::fraud::{Fraud, FraudRules};
use crate::ids::Cip;
use crate::lifecycle::evidence::{OrderRow, ReportRow};
use crate::reconcile::{ReadRows, Seen};

/// An account and a CIP where a part begins.
pub(super) type Border = (String, u64);

/// Cuts the sorted keys of a sample into about so many parts of equal size.
pub(super) fn borders(mut sample: Vec<Border>, parts: usize) -> Vec<Border> {
    sample.sort_unstable();
    let count = sample.len();
    let mut borders: Vec<Border> =
        (1..parts).filter_map(|part| sample.get(part * count / parts).cloned()).collect();
    borders.dedup();
    borders
}

/// What all threads share while they read.
pub(super) struct Shared {
    /// Sorted; part `n` ends where border `n` begins.
    pub borders: Vec<Border>,
    accounts: Mutex<HashMap<String, u32>>,
}

impl Shared {
    pub(super) fn new(borders: Vec<Border>) -> Shared {
        Shared { borders, accounts: Mutex::new(HashMap::new()) }
    }

    pub(super) fn parts(&self) -> usize {
        self.borders.len().saturating_add(1)
    }

    /// The part of a line by its account and the CIP that it is sorted by; none comes last.
    pub(super) fn part_of(&self, account: &str, cip: Option<u64>) -> usize {
        let cip = cip.unwrap_or(u64::MAX);
        self.borders.partition_point(|(name, border)| (name.as_str(), *border) <= (account, cip))
    }

    /// The names of the accounts by number.
    pub(super) fn account_names(&self) -> Vec<String> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<(u32, String)> = accounts.iter().map(|(name, id)| (*id, name.clone())).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// The number of an account, which need not have a row in the parts.
    pub(super) fn know(&self, name: &str) -> u32 {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
        *accounts.entry(name.to_owned()).or_insert(next)
    }

    fn account<'f>(&self, name: &str, fraud: &'f Fraud) -> Account<'f> {
        let id = self.know(name);
        let first_part = self.borders.partition_point(|(border, _)| border.as_str() < name);
        let own = self.borders.iter().skip(first_part).take_while(|(border, _)| border == name);
        Account { id, first_part, cips: own.map(|(_, cip)| *cip).collect(), rules: fraud.of(name) }
    }
}

/// An account as a thread knows it.
struct Account<'f> {
    id: u32,
    /// The part in which it begins.
    first_part: usize,
    /// The CIPs at which its further parts begin.
    cips: Vec<u64>,
    /// What looks for fraud in it.
    rules: &'f FraudRules,
}

impl Account<'_> {
    fn part(&self, cip: Cip) -> usize {
        let further = self.cips.partition_point(|border| *border <= cip.number());
        self.first_part.saturating_add(further)
    }
}

/// The accounts that a thread knows, by name. A name of the usual length is its own key, so that nothing else has to be
/// looked at to find it.
struct Accounts<'f> {
    short: HashMap<u128, Account<'f>, FixedState>,
    long: HashMap<String, Account<'f>, FixedState>,
}

/// A name of up to fifteen bytes as a key, its length behind it. It is put together of words, since a word that was written letter by
/// letter cannot be read back at once.
fn short_name(name: &str) -> Option<u128> {
    /// Words that lie over each other; the first bytes of the second one are the last of the first one.
    fn overlapping<const BYTES: usize>(letters: &[u8]) -> Option<([u8; BYTES], [u8; BYTES], u32)> {
        let (first, last) = (letters.first_chunk()?, letters.last_chunk()?);
        let twice = BYTES.saturating_mul(2).checked_sub(letters.len())?;
        Some((*first, *last, u32::try_from(twice).ok()?.saturating_mul(u8::BITS)))
    }
    let letters = name.as_bytes();
    let length = u8::try_from(letters.len()).ok().filter(|length| *length < 16)?;
    let (low, high) = if let Some((first, last, twice)) = overlapping::<8>(letters) {
        (u64::from_le_bytes(first), u64::from_le_bytes(last).checked_shr(twice).unwrap_or(0))
    } else if let Some((first, last, twice)) = overlapping::<4>(letters) {
        let last = u32::from_le_bytes(last).checked_shr(twice).unwrap_or(0);
        (u64::from(last) << u32::BITS | u64::from(u32::from_le_bytes(first)), 0)
    } else {
        (letters.iter().rev().fold(0, |word, letter| word << u8::BITS | u64::from(*letter)), 0)
    };
    let high = high | u64::from(length) << (u64::BITS - u8::BITS);
    Some(u128::from(high) << u64::BITS | u128::from(low))
}

impl Default for Accounts<'_> {
    fn default() -> Self {
        Accounts { short: HashMap::with_hasher(HASH), long: HashMap::with_hasher(HASH) }
    }
}

impl<'f> Accounts<'f> {
    fn get(&self, name: &str) -> Option<&Account<'f>> {
        match short_name(name) {
            Some(key) => self.short.get(&key),
            None => self.long.get(name),
        }
    }

    fn insert(&mut self, name: &str, account: Account<'f>) {
        match short_name(name) {
            Some(key) => self.short.insert(key, account),
            None => self.long.insert(name.to_owned(), account),
        };
    }
}

/// The rows of one part.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub orders: Pile,
    pub reports: Pile,
}

impl Part {
    pub(super) fn append(&mut self, other: Part) {
        self.orders.append(other.orders);
        self.reports.append(other.reports);
    }
}

/// What one thread has read.
pub(super) struct Collected<'s> {
    shared: &'s Shared,
    /// The run is this account's alone.
    only_account: Option<&'s str>,
    fraud: &'s Fraud,
    accounts: Accounts<'s>,
    pub parts: Vec<Part>,
    /// Rows that no single CIP places: orders with none or several, report rows without.
    pub loose: Part,
    /// CIPs of orders that list several.
    pub shared_cips: Vec<(u32, Cip)>,
    /// The references that orders bear.
    pub references: Bins,
    /// What the fraud rules ask of the rows.
    pub seen: Seen,
    pub orders_read: ReadRows,
    pub reports_read: ReadRows,
    /// What searches asked for, by what they found.
    pub looks: Vec<Look>,
    /// Rows of other accounts.
    pub left_out: u64,
    packed: Vec<u8>,
    stock: Stock,
}

impl<'s> Collected<'s> {
    pub(super) fn new(shared: &'s Shared, settings: &Settings<'s>) -> Collected<'s> {
        Collected {
            shared,
            only_account: settings.only_account,
            fraud: &settings.policy.fraud,
            accounts: Accounts::default(),
            parts: (0..shared.parts()).map(|_| Part::default()).collect(),
            loose: Part::default(),
            shared_cips: Vec::new(),
            references: Bins::new(shared.parts()),
            seen: Seen::default(),
            orders_read: ReadRows::default(),
            reports_read: ReadRows::default(),
            looks: Vec::new(),
            left_out: 0,
            packed: Vec::new(),
            stock: Stock::default(),
        }
    }

    /// The number of an account, the part of a CIP in it, and its rules.
    fn place(&mut self, account: &str, cip: Option<Cip>) -> (u32, Option<usize>, &'s FraudRules) {
        let found = |account: &Account<'s>| (account.id, cip.map(|cip| account.part(cip)), account.rules);
        if let Some(known) = self.accounts.get(account) {
            return found(known);
        }
        let new = self.shared.account(account, self.fraud);
        let place = found(&new);
        self.accounts.insert(account, new);
        place
    }

    fn is_foreign(&mut self, account: &str) -> bool {
        let foreign = self.only_account.is_some_and(|own| own != account);
        self.left_out = self.left_out.saturating_add(u64::from(foreign));
        foreign
    }

    pub(super) fn order(&mut self, row: &OrderRow<'_>) {
        if self.is_foreign(&row.account) {
            return;
        }
        let only_cip = if let [cip] = row.cips.as_slice() { Some(*cip) } else { None };
        let (account, part, rules) = self.place(&row.account, only_cip);
        self.seen.order(rules, account, row);
        let reference = reference_hash(account, &row.reference_id);
        self.references.note(reference);
        self.orders_read.add(row.amount);
        pack_order(row, account, tag_of(reference), &mut self.packed);
        match part.and_then(|part| self.parts.get_mut(part)) {
            Some(part) => part.orders.push_from(&self.packed, &mut self.stock),
            None => {
                self.loose.orders.push(&self.packed);
                self.shared_cips.extend(row.cips.iter().map(|cip| (account, *cip)));
            }
        }
    }

    /// Takes a row of a file that speaks so far.
    pub(super) fn told(&mut self, row: &ReportRow<'_>, coverage: FileCoverage) {
        if coverage == FileCoverage::Search && self.only_account.is_none_or(|own| own == row.account) {
            self.looks.extend(look(row));
        }
        self.report(row);
    }

    /// An order as it would lie in its part.
    pub(super) fn packed_order(&mut self, row: &OrderRow<'_>) -> &[u8] {
        let (account, ..) = self.place(&row.account, None);
        pack_order(row, account, tag_of(reference_hash(account, &row.reference_id)), &mut self.packed);
        &self.packed
    }

    /// The same of a report's row.
    pub(super) fn packed_report(&mut self, row: &ReportRow<'_>) -> &[u8] {
        let (account, ..) = self.place(&row.account, None);
        let reference = row.reference_id.as_deref();
        let tag = reference.map_or(0, |reference| tag_of(reference_hash(account, reference)));
        pack_report(row, account, tag, &mut self.packed);
        &self.packed
    }

    pub(super) fn report(&mut self, row: &ReportRow<'_>) {
        if self.is_foreign(&row.account) {
            return;
        }
        let (account, part, rules) = self.place(&row.account, row.cip);
        self.seen.report(rules, account, row);
        self.reports_read.add(row.amount);
        let reference = row.reference_id.as_deref();
        let tag = reference.map_or(0, |reference| tag_of(reference_hash(account, reference)));
        pack_report(row, account, tag, &mut self.packed);
        match part.and_then(|part| self.parts.get_mut(part)) {
            Some(part) => part.reports.push_from(&self.packed, &mut self.stock),
            None => self.loose.reports.push(&self.packed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_told_apart_by_names_of_any_length() {
        let fraud = Fraud::default();
        let shared = Shared::new(Vec::new());
        let mut accounts = Accounts::default();
        // Of each length one name of equal letters, and others that differ from it in one place.
        let of_length = |length: usize| {
            let differing =
                move |place: usize| format!("{}b{}", "a".repeat(place), "a".repeat(length - place - 1));
            (0..length).map(differing).chain(["a".repeat(length)])
        };
        let names: Vec<String> = (0..40).flat_map(of_length).chain(["á".repeat(8)]).collect();
        for name in &names {
            assert!(accounts.get(name).is_none(), "{name}");
            accounts.insert(name, shared.account(name, &fraud));
        }
        for (id, name) in names.iter().enumerate() {
            assert_eq!(accounts.get(name).map(|account| account.id), u32::try_from(id).ok(), "{name}");
        }
    }
}
