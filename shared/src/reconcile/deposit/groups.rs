//! Settlements that are paid together, and the lines of the bank that pay them.

use std::collections::HashMap;

use super::super::settlement::{Batch, Statement};
use super::super::under::Under;
use super::owners::Owners;
use super::words::Names;
use crate::calendar::Day;
use crate::lifecycle::evidence::{BankRow, SettlementRow};
use crate::lifecycle::settle::RowIndex;
use crate::money::Currency;

/// The least characters of a settlement's id that is looked for in a text.
const ID_CHARS_MIN: usize = 6;

/// What the deposit relation looks at.
pub(in super::super) struct Ledger<'v, 'r, 'a> {
    pub settlement_rows: &'r [SettlementRow<'a>],
    pub batches: &'v [Batch<'r>],
    pub statements: &'v [Statement],
    pub bank: &'v [BankRow<'a>],
    /// The lines of the bank that stand, in an order of their content.
    pub lines: Vec<RowIndex>,
    pub owners: &'v Owners<'v>,
    pub under: Under<'v>,
}

impl<'v> Ledger<'v, '_, '_> {
    pub fn line(&self, row: RowIndex) -> Option<&'v BankRow<'_>> {
        self.bank.get(row)
    }

    /// Whether a line may pay a settlement: in its currency, on an account at the bank that is its account's.
    pub fn may_pay(&self, line: &BankRow<'_>, batch: usize) -> bool {
        self.batches.get(batch).is_some_and(|batch| {
            batch.currency == line.amount.currency && self.owners.owns(batch.account, &line.bank_account)
        })
    }

    /// Whether money came in for an account that no run has heard of yet. Like late cash it is kept for a while, and not for
    /// ever, since a statement may be of others as well.
    pub fn may_find_owner(&self, line: &BankRow<'_>) -> bool {
        let Under { policy, as_of, .. } = self.under;
        let hours = policy.carry.unpaid_days.saturating_mul(24);
        let is_kept = || line.value_date.start().is_some_and(|start| as_of < start.plus_hours(hours));
        line.amount.minor > 0 && self.owners.of(&line.bank_account).is_empty() && is_kept()
    }

    /// Whether a line may be a deposit: money that came in, for an account of the run, with the words that its deposits
    /// bear.
    pub fn is_of_interest(&self, line: &BankRow<'_>) -> bool {
        let owners = self.owners.of(&line.bank_account);
        if line.amount.minor <= 0 || owners.is_empty() {
            return false;
        }
        let mut lower = None;
        owners.iter().any(|account| {
            let words = &self.under.policy.settlement_rules(account).deposits.payer_contains;
            let text = lower.get_or_insert_with(|| line.description.to_lowercase());
            words.is_empty() || words.iter().any(|word| text.contains(word.as_str()))
        })
    }
}

/// Settlements that one deposit or several pay together.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Group {
    /// Places of its batches, ascending.
    pub batches: Vec<usize>,
    /// Lines of the bank that pay it.
    pub lines: Vec<RowIndex>,
    /// A search found them, not a key.
    pub by_search: bool,
}

/// Sets of batches, each named by its smallest member, with the lines that pay it.
pub(in super::super) struct Sets {
    parent: Vec<usize>,
    lines: Vec<Vec<RowIndex>>,
    by_search: Vec<bool>,
    /// The batch by which each line was bound.
    bound: HashMap<RowIndex, usize>,
}

impl Sets {
    fn new(count: usize) -> Sets {
        Sets {
            parent: (0..count).collect(),
            lines: vec![Vec::new(); count],
            by_search: vec![false; count],
            bound: HashMap::new(),
        }
    }

    pub fn root(&mut self, mut batch: usize) -> usize {
        while let Some(&parent) = self.parent.get(batch)
            && parent != batch
        {
            let above = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(batch) {
                *slot = above;
            }
            batch = above;
        }
        batch
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let (root, other) = (a.min(b), a.max(b));
        if let Some(slot) = self.parent.get_mut(other) {
            *slot = root;
        }
        let moved = self.lines.get_mut(other).map(std::mem::take).unwrap_or_default();
        if let Some(lines) = self.lines.get_mut(root) {
            lines.extend(moved);
        }
        let searched = self.by_search.get(other).copied().unwrap_or(false);
        if let Some(slot) = self.by_search.get_mut(root) {
            *slot = *slot || searched;
        }
    }

    /// Binds a line to batches, which it thereby pays together.
    pub fn bind(&mut self, row: RowIndex, batches: &[usize], by_search: bool) {
        let Some(first) = batches.first() else { return };
        batches.iter().for_each(|batch| self.join(*first, *batch));
        let root = self.root(*first);
        if let Some(lines) = self.lines.get_mut(root) {
            lines.push(row);
        }
        if let Some(slot) = self.by_search.get_mut(root) {
            *slot = *slot || by_search;
        }
        self.bound.insert(row, *first);
    }

    pub fn is_bound(&self, row: RowIndex) -> bool {
        self.bound.contains_key(&row)
    }

    /// The sets in the order of their smallest batch.
    pub fn groups(&mut self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<usize, usize> = HashMap::new();
        for batch in 0..self.parent.len() {
            let root = self.root(batch);
            let place = *places.entry(root).or_insert_with(|| {
                groups.push(Group {
                    batches: Vec::new(),
                    lines: self.lines.get(root).cloned().unwrap_or_default(),
                    by_search: self.by_search.get(root).copied().unwrap_or(false),
                });
                groups.len().saturating_sub(1)
            });
            if let Some(group) = groups.get_mut(place) {
                group.batches.push(batch);
            }
        }
        groups
    }

    /// Whether money came in for the set of this batch.
    pub fn has_credit(&mut self, batch: usize, ledger: &Ledger<'_, '_, '_>) -> bool {
        let root = self.root(batch);
        let lines = self.lines.get(root).map_or(&[][..], Vec::as_slice);
        lines.iter().any(|row| ledger.line(*row).is_some_and(|line| line.amount.minor > 0))
    }
}

/// Binds lines to settlements by key: by equal reference, then, for settlements without a deposit, by their id standing as
/// a whole word in what the bank wrote. `is_tax` tells lines that are the bank's tax on a deposit.
pub(in super::super) fn by_key(
    ledger: &Ledger<'_, '_, '_>,
    is_tax: impl Fn(&BankRow<'_>, &[usize]) -> bool,
) -> Sets {
    let mut sets = Sets::new(ledger.batches.len());
    let mut bearers: HashMap<(Currency, &str), Vec<usize>> = HashMap::new();
    for (place, batch) in ledger.batches.iter().enumerate() {
        for reference in &batch.references {
            bearers.entry((batch.currency, reference)).or_default().push(place);
        }
    }
    // Settlements of one account with one reference are paid together, and so are those of one settlement's references.
    for places in bearers.values() {
        for (index, place) in places.iter().enumerate() {
            let account = |place: usize| ledger.batches.get(place).map(|batch| batch.account);
            let same = places.iter().take(index).find(|other| account(**other) == account(*place));
            if let Some(other) = same {
                sets.join(*other, *place);
            }
        }
    }
    for row in &ledger.lines {
        let Some(line) = ledger.line(*row) else { continue };
        let Some(reference) = line.bank_reference.as_deref() else { continue };
        let Some(places) = bearers.get(&(line.amount.currency, reference)) else { continue };
        let paid: Vec<usize> = places.iter().copied().filter(|place| ledger.may_pay(line, *place)).collect();
        let counts = if line.amount.minor > 0 {
            ledger.is_of_interest(line)
        } else {
            line.amount.minor < 0 && !is_tax(line, &paid)
        };
        if counts {
            sets.bind(*row, &paid, false);
        }
    }
    by_id(ledger, &mut sets);
    sets
}

fn by_id(ledger: &Ledger<'_, '_, '_>, sets: &mut Sets) {
    let open: Vec<usize> =
        (0..ledger.batches.len()).filter(|batch| !sets.has_credit(*batch, ledger)).collect();
    let named = open.iter().filter_map(|place| Some((ledger.batches.get(*place)?.id, *place)));
    let names = Names::new(named, ID_CHARS_MIN);
    for row in &ledger.lines {
        let Some(line) = ledger.line(*row) else { continue };
        if sets.is_bound(*row) || !ledger.is_of_interest(line) {
            continue;
        }
        let texts = [line.bank_reference.as_deref().unwrap_or_default(), &line.description];
        let mut found: Vec<(&str, usize)> = texts
            .iter()
            .flat_map(|text| names.within(text))
            .filter(|(_, place)| ledger.may_pay(line, *place))
            .collect();
        found.sort_unstable();
        found.dedup();
        // An id that several settlements bear says nothing; a line may name several settlements by an id each.
        let unique = found.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() == 1);
        let paid: Vec<usize> = unique.flatten().map(|(_, place)| *place).collect();
        sets.bind(*row, &paid, false);
    }
}

/// What a group amounts to.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Amounts {
    /// What its settlements pay out, in millionths.
    pub net: i128,
    /// Lines whose net is no whole minor unit; only they can have been rounded.
    pub fractional: u64,
    /// The last day of payout; absent where a settlement states none.
    pub paid_on: Option<Day>,
}

/// Adds a group up.
pub(in super::super) fn amounts(ledger: &Ledger<'_, '_, '_>, batches: &[usize]) -> Amounts {
    let mut amounts = Amounts { net: 0, fractional: 0, paid_on: None };
    let mut undated = false;
    for place in batches {
        let (Some(batch), Some(statement)) = (ledger.batches.get(*place), ledger.statements.get(*place))
        else {
            continue;
        };
        amounts.net = amounts.net.saturating_add(statement.net);
        amounts.paid_on = amounts.paid_on.max(batch.paid_on);
        undated = undated || batch.paid_on.is_none();
        let fractional = batch.rows.iter().filter_map(|row| ledger.settlement_rows.get(*row));
        let fractional = fractional.filter(|line| line.net.0.rem_euclid(10_000) != 0).count();
        amounts.fractional = amounts.fractional.saturating_add(u64::try_from(fractional).unwrap_or(u64::MAX));
    }
    if undated {
        amounts.paid_on = None;
    }
    amounts
}
