//! What lives on into the next run: a line that somebody waits for or must look at, and every row that belongs to it.

use std::collections::HashSet;

use super::fact::Fact;
use super::repeats::repeats;
use crate::calendar::Instant;
use crate::config::Policy;
use crate::ids::Cip;
use crate::lifecycle::cip::ProviderState;
use crate::lifecycle::evidence::{BankRow, NoticeRow, OrderRow, ReportRow, SettlementKind, SettlementRow};
use crate::lifecycle::settle::RowIndex;
use crate::reconcile::class::{Bucket, Class};
use crate::reconcile::{Bundle, Inputs, LegRows, Line, Outcome};

/// Why a line lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// Somebody must look at it, and it closes by itself once later facts settle it.
    Break,
    /// A side may still speak.
    Waits,
    /// Nobody claims money, and cash may still be taken.
    CashMayCome,
}

/// Whether a line lives on, and why; `None` where it has come to its end.
///
/// Nothing that has come to its end becomes a break by the passing of time alone: only a further fact can make it one, and
/// that fact brings the pair back through its stub.
#[must_use]
pub fn stays(line: &Line, inputs: &Inputs<'_>, policy: &Policy, as_of: Option<Instant>) -> Option<Stays> {
    match line.class.bucket() {
        Bucket::Break => Some(Stays::Break),
        Bucket::Open => Some(Stays::Waits),
        Bucket::Unpaid => {
            let orders = line.rows.orders.iter().filter_map(|index| inputs.orders.get(*index));
            let reports = line.rows.reports.iter().filter_map(|index| inputs.reports.get(*index));
            cash_may_come(&line.report_status, orders, reports, policy, as_of).then_some(Stays::CashMayCome)
        }
        Bucket::Matched | Bucket::Superseded | Bucket::DuplicateRow => None,
    }
}

/// The same of a line that rests on one row of each leg at most, and on rows that share no key with others.
pub(crate) fn rows_stay(
    class: Class,
    report_status: &str,
    order: Option<&OrderRow<'_>>,
    report: Option<&ReportRow<'_>>,
    policy: &Policy,
    as_of: Option<Instant>,
) -> bool {
    match class.bucket() {
        Bucket::Break | Bucket::Open => true,
        Bucket::Unpaid => cash_may_come(report_status, order.into_iter(), report.into_iter(), policy, as_of),
        Bucket::Matched | Bucket::Superseded | Bucket::DuplicateRow => false,
    }
}

/// Whether a code of the line can be paid, or ran out so short a time ago that its cash may be on the way. Where no expiry
/// is known the time goes from the creation, or from the last look.
fn cash_may_come<'r, 'a: 'r>(
    report_status: &str,
    orders: impl Iterator<Item = &'r OrderRow<'a>> + Clone,
    reports: impl Iterator<Item = &'r ReportRow<'a>> + Clone,
    policy: &Policy,
    as_of: Option<Instant>,
) -> bool {
    if report_status == ProviderState::Pending.word() {
        return true;
    }
    let Some(as_of) = as_of else { return true };
    let stated = orders.clone().map(|row| row.expires_at).chain(reports.clone().map(|row| row.expires_at));
    let expiry = stated.max().flatten();
    let seen = || {
        let told = reports.map(|row| row.created_at.max(row.observed_at));
        orders.map(|row| Some(row.created_at)).chain(told).max().flatten()
    };
    let hours = policy.carry.unpaid_days.saturating_mul(24);
    expiry.or_else(seen).is_some_and(|from| as_of < from.plus_hours(hours))
}

/// The rows that live on, by leg.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Living {
    pub(crate) orders: Vec<bool>,
    pub(crate) reports: Vec<bool>,
    pub(crate) notices: Vec<bool>,
    pub(crate) settlements: Vec<bool>,
    pub(crate) bank: Vec<bool>,
    /// The bundles of settlements and bank lines that live on as a whole. A line of any other settlement lives on for its
    /// payment alone, and the settlement itself is closed.
    pub(crate) bundles: Vec<bool>,
}

impl Living {
    /// Finds every row that belongs to a line which lives on, or to something that waits without a line of its own.
    #[must_use]
    pub fn new(inputs: &Inputs<'_>, outcome: &Outcome, policy: &Policy, as_of: Option<Instant>) -> Living {
        let legs = Legs::of(inputs);
        let mut living = Living {
            orders: vec![false; legs.orders.len()],
            reports: vec![false; legs.reports.len()],
            notices: vec![false; legs.notices.len()],
            settlements: vec![false; legs.settlements.len()],
            bank: vec![false; legs.bank.len()],
            bundles: vec![false; outcome.bundles.len()],
        };
        let mut keys = HashSet::new();
        // The fees of a month are remembered as a sum, and its settlements need not live on for an invoice.
        let staying = outcome
            .lines
            .iter()
            .filter(|line| line.class != Class::FeeInvoiceVariance)
            .filter(|line| stays(line, inputs, policy, as_of).is_some());
        for rows in staying.map(|line| &line.rows).chain([&outcome.waiting]) {
            take_keys(legs.orders, &rows.orders, &mut keys);
            take_keys(legs.reports, &rows.reports, &mut keys);
            take_keys(legs.notices, &rows.notices, &mut keys);
            mark(&mut living.settlements, &rows.settlements);
            mark(&mut living.bank, &rows.bank);
        }
        living.take_seeds(&legs, &outcome.bundles, &mut keys);
        living.spread(&legs, &outcome.bundles, keys);
        living
    }

    /// A bundle of which anything lives on lives on as a whole, with the payments that its lines are about.
    fn take_seeds(&mut self, legs: &Legs<'_, '_>, bundles: &[Bundle], keys: &mut HashSet<u64>) {
        let seeds = (std::mem::take(&mut self.settlements), std::mem::take(&mut self.bank));
        let has = |marks: &[bool], rows: &[RowIndex]| {
            rows.iter().any(|row| marks.get(*row).copied().unwrap_or(false))
        };
        self.settlements = vec![false; legs.settlements.len()];
        self.bank.clone_from(&seeds.1);
        for (place, Bundle { rows, .. }) in bundles.iter().enumerate() {
            if has(&seeds.0, &rows.settlements) || has(&seeds.1, &rows.bank) {
                self.take_bundle(place, legs, bundles, keys);
            }
        }
    }

    /// Lets a bundle live on; true where it did not yet.
    fn take_bundle(
        &mut self,
        place: usize,
        legs: &Legs<'_, '_>,
        bundles: &[Bundle],
        keys: &mut HashSet<u64>,
    ) -> bool {
        let (Some(Bundle { rows, .. }), Some(lives)) = (bundles.get(place), self.bundles.get_mut(place))
        else {
            return false;
        };
        if std::mem::replace(lives, true) {
            return false;
        }
        mark(&mut self.settlements, &rows.settlements);
        mark(&mut self.bank, &rows.bank);
        take_keys(legs.settlements, &rows.settlements, keys);
        true
    }

    /// What shares a key may bring a further one, by which yet another row belongs to it.
    fn spread(&mut self, legs: &Legs<'_, '_>, bundles: &[Bundle], mut keys: HashSet<u64>) {
        let mut grows = !keys.is_empty();
        let several = settled_by_several(legs.settlements, bundles);
        while grows {
            grows = spread(legs.orders, &mut self.orders, &mut keys);
            grows |= spread(legs.reports, &mut self.reports, &mut keys);
            grows |= spread(legs.notices, &mut self.notices, &mut keys);
            grows |= spread(legs.settlements, &mut self.settlements, &mut keys);
            // Which of them settles a payment a second time can be told only where all are judged.
            for (row, place) in &several {
                if self.settlements.get(*row).copied().unwrap_or(false) {
                    grows |= self.take_bundle(*place, legs, bundles, &mut keys);
                }
            }
        }
        if legs.bank.iter().any(|row| row.amount.minor < 0) {
            self.spread_to_debits(legs, bundles);
        }
    }

    /// A debit may show the refund of a payment that it names, unless it belongs to settlements.
    fn spread_to_debits(&mut self, legs: &Legs<'_, '_>, bundles: &[Bundle]) {
        let bound: HashSet<RowIndex> = bundles.iter().flat_map(|bundle| &bundle.rows.bank).copied().collect();
        let mut words = HashSet::new();
        words.extend(marked(legs.orders, &self.orders).flat_map(|(_, row)| row.bank_words()));
        words.extend(marked(legs.reports, &self.reports).flat_map(|(_, row)| row.bank_words()));
        for (index, (row, mark)) in legs.bank.iter().zip(&mut self.bank).enumerate() {
            let is_free = || row.amount.minor < 0 && !bound.contains(&index);
            let named = || row.hints().iter().any(|word| words.contains(&word.number("")));
            *mark = *mark || (is_free() && named());
        }
    }

    /// Whether any of these rows is among them.
    pub(crate) fn has_any(&self, rows: &LegRows) -> bool {
        let any = |marks: &[bool], rows: &[RowIndex]| {
            rows.iter().any(|row| marks.get(*row).copied().unwrap_or(false))
        };
        any(&self.orders, &rows.orders)
            || any(&self.reports, &rows.reports)
            || any(&self.notices, &rows.notices)
            || any(&self.settlements, &rows.settlements)
            || any(&self.bank, &rows.bank)
    }

    /// The same without rows that say what another of them says in every field.
    pub(crate) fn each_fact_once(&self, inputs: &Inputs<'_>) -> Living {
        let legs = Legs::of(inputs);
        let mut once = self.clone();
        strike(legs.orders, &mut once.orders);
        strike(legs.reports, &mut once.reports);
        strike(legs.notices, &mut once.notices);
        strike(legs.settlements, &mut once.settlements);
        strike(legs.bank, &mut once.bank);
        once
    }

    /// The rows that have come to their end.
    pub(crate) fn inverted(&self) -> Living {
        let invert = |marks: &[bool]| marks.iter().map(|lives| !lives).collect();
        Living {
            orders: invert(&self.orders),
            reports: invert(&self.reports),
            notices: invert(&self.notices),
            settlements: invert(&self.settlements),
            bank: invert(&self.bank),
            bundles: invert(&self.bundles),
        }
    }
}

/// The rows of a run, a leg that is absent being empty.
#[derive(Clone, Copy)]
pub(crate) struct Legs<'i, 'a> {
    pub(crate) orders: &'i [OrderRow<'a>],
    pub(crate) reports: &'i [ReportRow<'a>],
    pub(crate) notices: &'i [NoticeRow<'a>],
    pub(crate) settlements: &'i [SettlementRow<'a>],
    pub(crate) bank: &'i [BankRow<'a>],
}

impl<'i, 'a> Legs<'i, 'a> {
    pub(crate) fn of(inputs: &'i Inputs<'a>) -> Self {
        Legs {
            orders: &inputs.orders,
            reports: &inputs.reports,
            notices: inputs.notices.as_deref().unwrap_or_default(),
            settlements: inputs.settlements.as_deref().unwrap_or_default(),
            bank: inputs.bank.as_deref().unwrap_or_default(),
        }
    }
}

fn mark(marks: &mut [bool], rows: &[RowIndex]) {
    for row in rows {
        if let Some(mark) = marks.get_mut(*row) {
            *mark = true;
        }
    }
}

/// Lines of payments that are in several bundles, each with its bundle.
pub(crate) fn settled_by_several(rows: &[SettlementRow<'_>], bundles: &[Bundle]) -> Vec<(RowIndex, usize)> {
    let mut lines: Vec<(Cip, &str, usize, RowIndex)> = Vec::new();
    for (place, bundle) in bundles.iter().enumerate() {
        for index in &bundle.rows.settlements {
            let payment = rows.get(*index).filter(|row| row.kind == SettlementKind::Payment);
            lines.extend(payment.and_then(|row| Some((row.cip?, row.account.as_ref(), place, *index))));
        }
    }
    lines.sort_unstable();
    let chunks = lines.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let several = chunks.filter(|chunk| chunk.first().map(|line| line.2) != chunk.last().map(|line| line.2));
    several.flatten().map(|(_, _, place, row)| (*row, *place)).collect()
}

fn take_keys<R: Fact>(rows: &[R], indices: &[RowIndex], keys: &mut HashSet<u64>) {
    for row in indices.iter().filter_map(|index| rows.get(*index)) {
        keys.extend(row.key_numbers());
    }
}

/// Marks the rows that bear one of the keys; true where that brought a key that was not known.
fn spread<R: Fact>(rows: &[R], marks: &mut [bool], keys: &mut HashSet<u64>) -> bool {
    let mut grew = false;
    for (row, mark) in rows.iter().zip(marks).filter(|(_, mark)| !**mark) {
        if row.key_numbers().any(|key| keys.contains(&key)) {
            *mark = true;
            for key in row.key_numbers() {
                grew |= keys.insert(key);
            }
        }
    }
    grew
}

/// Takes the mark from rows that repeat a marked one.
fn strike<R: Fact>(rows: &[R], marks: &mut [bool]) {
    for row in repeats(marked(rows, marks)) {
        if let Some(mark) = marks.get_mut(row) {
            *mark = false;
        }
    }
}

/// The rows of a leg that are marked.
pub(crate) fn marked<'r, R>(rows: &'r [R], marks: &'r [bool]) -> impl Iterator<Item = (RowIndex, &'r R)> {
    rows.iter().enumerate().zip(marks).filter_map(|(row, mark)| mark.then_some(row))
}
