//! Lumps without a key: which open settlements a deposit pays, where the policy has them searched.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::groups::{Group, Ledger, Sets, amounts};
use super::itf::before_itf;
use super::lump::{Bounds, Split, split};
use crate::calendar::Day;
use crate::config::settlements::{DepositRules, Itf, SearchBounds};
use crate::lifecycle::evidence::BankRow;
use crate::lifecycle::settle::RowIndex;
use crate::reconcile::beside::rounded_minor;

/// A settlement, or several that are paid together, without a deposit.
struct Open {
    /// Places of its batches.
    batches: Vec<usize>,
    minor: i64,
    paid_on: Day,
}

/// What searches leave behind.
#[derive(Default)]
pub(in super::super) struct Searched {
    /// What was found for each line that stays unbound: nothing for lines that were not searched.
    pub splits: BTreeMap<RowIndex, Unproved>,
    /// Batches that a line which waits, or has several splits, may pay: they are not missing yet.
    pub spoken_for: BTreeSet<usize>,
}

/// Why a search proved nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Unproved {
    /// Several sets of batches add up.
    Several(Vec<Vec<usize>>),
    /// None does.
    Impossible,
    /// It ended at a bound.
    Stopped,
}

/// Searches for each unbound line of interest, and binds what is proved.
///
/// All lines look at the same open settlements. What exactly one line proves, and no other line claims, is bound, and the
/// rest is searched again without it; so the order of lines decides nothing. `waits` tells lines whose settlement may
/// still come: nothing can be proved of them, for another set might be among what is missing.
pub(in super::super) fn search(
    ledger: &Ledger<'_, '_, '_>,
    sets: &mut Sets,
    waits: impl Fn(&BankRow<'_>) -> bool,
) -> Searched {
    let mut searched = Searched::default();
    let lines: Vec<(RowIndex, &BankRow<'_>, SearchBounds)> = ledger
        .lines
        .iter()
        .filter_map(|row| Some((*row, ledger.line(*row)?)))
        .filter(|(row, line)| !sets.is_bound(*row) && ledger.is_of_interest(line))
        .filter_map(|(row, line)| Some((row, line, bounds(ledger, line)?)))
        .collect();
    if lines.is_empty() {
        return searched;
    }
    let (waiting, mut left): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(_, line, _)| waits(line));
    loop {
        let open = open_settlements(ledger, sets);
        let found: Vec<(RowIndex, Found)> =
            left.iter().map(|(row, line, bounds)| (*row, one(ledger, line, *bounds, &open))).collect();
        let mut claims: BTreeMap<usize, u32> = BTreeMap::new();
        for set in found.iter().filter_map(|(_, found)| found.proved()) {
            for place in set {
                let count = claims.entry(*place).or_default();
                *count = count.saturating_add(1);
            }
        }
        let alone = |set: &Vec<usize>| set.iter().all(|place| claims.get(place) == Some(&1));
        let proved: Vec<(RowIndex, Vec<usize>)> = found
            .iter()
            .filter_map(|(row, found)| Some((*row, found.proved().filter(|set| alone(set))?.clone())))
            .collect();
        if proved.is_empty() {
            for (_, line, bounds) in &waiting {
                searched
                    .spoken_for
                    .extend(candidates(ledger, line, *bounds, &open).flat_map(|open| &open.batches));
            }
            for (row, found) in found {
                searched.leave(row, found);
            }
            return searched;
        }
        for (row, set) in &proved {
            sets.bind(*row, set, true);
        }
        left.retain(|(row, _, _)| !sets.is_bound(*row));
    }
}

impl Searched {
    fn leave(&mut self, row: RowIndex, found: Found) {
        let unproved = match found {
            Found::Stopped => Unproved::Stopped,
            Found::Sets(sets) if sets.is_empty() => Unproved::Impossible,
            // One set alone is left here where another line claims the same settlements.
            Found::Sets(sets) => {
                self.spoken_for.extend(sets.iter().flatten());
                Unproved::Several(sets)
            }
        };
        self.splits.insert(row, unproved);
    }
}

/// What a search found, as sets of batches.
enum Found {
    Sets(Vec<Vec<usize>>),
    Stopped,
}

impl Found {
    fn proved(&self) -> Option<&Vec<usize>> {
        match self {
            Found::Sets(sets) => match sets.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            Found::Stopped => None,
        }
    }
}

/// The bounds of the first account that may own the line and has it searched.
fn bounds(ledger: &Ledger<'_, '_, '_>, line: &BankRow<'_>) -> Option<SearchBounds> {
    rules(ledger, line).and_then(|rules| rules.search)
}

fn rules<'v>(ledger: &Ledger<'v, '_, '_>, line: &BankRow<'_>) -> Option<&'v DepositRules> {
    let owners = ledger.owners.of(&line.bank_account).iter();
    let rules = owners.map(|account| &ledger.under.policy.settlement_rules(account).deposits);
    rules.into_iter().find(|rules| rules.search.is_some())
}

/// What has no deposit and should have one, in the order of batches.
fn open_settlements(ledger: &Ledger<'_, '_, '_>, sets: &mut Sets) -> Vec<Open> {
    let groups: Vec<Group> = sets.groups();
    let mut open = Vec::new();
    for Group { batches, .. } in groups {
        let paid = batches.first().is_some_and(|batch| sets.has_credit(*batch, ledger));
        let amounts = amounts(ledger, &batches);
        let minor = rounded_minor(amounts.net);
        if let Some(paid_on) = amounts.paid_on.filter(|_| !paid && minor > 0) {
            open.push(Open { batches, minor, paid_on });
        }
    }
    open
}

/// The open settlements that a line may pay: in its currency, of an account that is searched, paid out in the days before.
fn candidates<'o>(
    ledger: &'o Ledger<'_, '_, '_>,
    line: &'o BankRow<'_>,
    bounds: SearchBounds,
    open: &'o [Open],
) -> impl Iterator<Item = &'o Open> {
    let back = TimeDelta::days(i64::from(bounds.days).saturating_neg());
    let first = line.value_date.start().map(|start| start.moved(back).business_day());
    open.iter().filter(move |open| {
        let in_time = first.is_some_and(|first| first <= open.paid_on) && open.paid_on <= line.value_date;
        in_time
            && open.batches.iter().all(|place| {
                ledger.may_pay(line, *place)
                    && ledger.batches.get(*place).is_some_and(|batch| {
                        ledger.under.policy.settlement_rules(batch.account).deposits.search.is_some()
                    })
            })
    })
}

fn one(ledger: &Ledger<'_, '_, '_>, line: &BankRow<'_>, bounds: SearchBounds, open: &[Open]) -> Found {
    let candidates: Vec<&Open> = candidates(ledger, line, bounds, open).collect();
    let amounts: Vec<i64> = candidates.iter().map(|open| open.minor).collect();
    let targets = match rules(ledger, line) {
        Some(rules) if rules.itf == Itf::Netted => before_itf(line.amount.minor, rules.itf_percent.0),
        _ => vec![line.amount.minor],
    };
    let of = |set: Vec<usize>| -> Vec<usize> {
        set.iter()
            .filter_map(|place| candidates.get(*place))
            .flat_map(|open| open.batches.iter().copied())
            .collect()
    };
    let bounds = Bounds { items_max: bounds.items_max, steps_max: bounds.steps_max };
    match split(&amounts, &targets, bounds) {
        Split::Proved(set) => Found::Sets(vec![of(set)]),
        Split::Several(sets) => Found::Sets(sets.into_iter().map(of).collect()),
        Split::Impossible => Found::Sets(Vec::new()),
        Split::Stopped => Found::Stopped,
    }
}
