//! The batches of the settlements leg: which lines belong together, and which only repeat another.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::calendar::Day;
use crate::formats::{SettlementIdentity, repeated};
use crate::lifecycle::evidence::SettlementRow;
use crate::lifecycle::settle::RowIndex;
use crate::money::Currency;

/// The lines of one settlement in one currency.
#[derive(Clone, Debug)]
pub(in super::super) struct Batch<'r> {
    pub account: &'r str,
    pub id: &'r str,
    pub currency: Currency,
    /// The lines that stand, in an order of their content.
    pub rows: Vec<RowIndex>,
    /// Lines that another file tells as well.
    pub duplicates: Vec<RowIndex>,
    /// The last day on which a line of it was paid out.
    pub paid_on: Option<Day>,
    /// What the bank calls the payout, each once, ascending; nearly always one.
    pub references: Vec<&'r str>,
}

/// Gathers the batches, in the order of account, settlement and currency.
///
/// A line is known by its account, settlement, currency, kind, ids and amounts, and by its number among identical ones
/// of its file. So the same line in two files is one line, and of lines that a file has twice both count.
pub(in super::super) fn batches<'r>(rows: &'r [SettlementRow<'_>]) -> Vec<Batch<'r>> {
    let told_again = told_again(rows);
    let mut found: Vec<Batch<'r>> = Vec::new();
    let mut known: HashMap<(&str, &str, Currency), usize> = HashMap::new();
    let mut last: Option<((&str, &str, Currency), usize)> = None;
    for (index, row) in rows.iter().enumerate() {
        let key = (row.account.as_ref(), row.settlement_id.as_ref(), row.currency);
        // Lines of a batch mostly stand together.
        let place = match last.filter(|(known, _)| *known == key) {
            Some((_, place)) => place,
            None => *known.entry(key).or_insert_with(|| {
                found.push(Batch::new(key));
                found.len().saturating_sub(1)
            }),
        };
        last = Some((key, place));
        let Some(batch) = found.get_mut(place) else { continue };
        batch.paid_on = batch.paid_on.max(row.paid_on);
        if let Some(reference) = row.bank_reference.as_deref()
            && batch.references.last() != Some(&reference)
        {
            batch.references.push(reference);
        }
        if told_again.contains(&index) { batch.duplicates.push(index) } else { batch.rows.push(index) }
    }
    for batch in &mut found {
        batch.references.sort_unstable();
        batch.references.dedup();
        batch.rows.sort_by_cached_key(|index| {
            rows.get(*index).map(|row| (SettlementIdentity::of(row), row.ordinal))
        });
    }
    found.sort_unstable_by_key(|batch| (batch.account, batch.id, batch.currency));
    found
}

impl<'r> Batch<'r> {
    fn new((account, id, currency): (&'r str, &'r str, Currency)) -> Self {
        Batch {
            account,
            id,
            currency,
            rows: Vec::new(),
            duplicates: Vec::new(),
            paid_on: None,
            references: Vec::new(),
        }
    }
}

/// The lines that another file tells as well; of each, the one that says most stands.
fn told_again(rows: &[SettlementRow<'_>]) -> HashSet<RowIndex> {
    let identity = |row| (SettlementIdentity::of(row), row.ordinal);
    let mut candidates: Vec<RowIndex> = repeated(rows, identity);
    candidates.sort_by_cached_key(|index| {
        let row = rows.get(*index);
        let says = row.map(|row| (row.paid_on, row.bank_reference.as_deref(), row.fx_rate, &row.extras));
        (row.map(identity), Reverse(says))
    });
    let same = |a: &RowIndex, b: &RowIndex| rows.get(*a).map(identity) == rows.get(*b).map(identity);
    candidates.chunk_by(same).flat_map(|chunk| chunk.iter().skip(1)).copied().collect()
}
