//! Settlements and the bank beside the parts: they are held against all payments, and the pairs that they say something of
//! are left to the general rules.
//!
//! More pairs may be left to them than need it: the bytes are the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::link::{Judging, gather};
use super::packed::{unpack_order, unpack_report};
use super::parts::Part;
use super::read::Rows;
use super::sort::{Group, Sorted, groups, is_plain};
use super::threads::share;
use super::{RunError, Work};
use crate::carry::{Fact, Key, rows_stay, settled_by_several};
use crate::ids::Cip;
use crate::lifecycle::evidence::{
    BankRow, OrderRow, OrderStatus, ReportRow, ReportStatus, SettlementRow, Text,
};
use crate::lifecycle::settle::RowIndex;
use crate::reconcile::{self, Inputs, PlainJudge, PlainPayment, PlainRows, Settled};

/// A group of rows and the part in which it lies.
type Place = (usize, Group);

/// Judges settlements and the bank, and puts the rows of the pairs that they say something of to the inputs, which hold
/// those of all linked groups.
pub(super) fn settle<'p>(
    rows: &'p Rows,
    sorted: &mut [Sorted],
    inputs: &mut Inputs<'p>,
    judging: Judging<'p>,
    plain: &PlainJudge<'_>,
    work: Work,
) -> Result<Settled, RunError> {
    let named = Named::by(inputs);
    let found = find(rows, sorted, &named, judging, plain, work)?;
    drop(named);
    promote(rows, sorted, inputs, judging, &found, &found.special)?;
    let moment = judging.as_of.unwrap_or_default();
    let mut settled =
        reconcile::settle(inputs, &found.payments, judging.coverage, judging.settings.policy, moment)?;
    let concerned = concerned(&settled, &found, inputs, judging);
    let placed = promote(rows, sorted, inputs, judging, &found, &concerned)?;
    if settled.place(|payment| placed.get(&payment).copied()) { Ok(settled) } else { Err(RunError::Packing) }
}

/// What settlements and the bank may name payments by, as numbers.
struct Named {
    /// Keys of lines of settlements.
    keys: HashSet<u64>,
    /// Words of what was paid out of the bank: a refund may be named so.
    words: HashSet<u64>,
}

impl Named {
    fn by(inputs: &Inputs<'_>) -> Named {
        let debits = inputs.bank.iter().flatten().filter(|row: &&BankRow<'_>| row.amount.minor < 0);
        Named {
            keys: inputs.settlements.iter().flatten().flat_map(SettlementRow::key_numbers).collect(),
            words: debits.flat_map(|row| row.hints()).map(|word| word.number("")).collect(),
        }
    }

    /// Whether a line of a settlement may be about these rows, or a debit.
    fn are(&self, order: Option<&OrderRow<'_>>, report: Option<&ReportRow<'_>>) -> bool {
        let has = |key| self.keys.contains(&key);
        if order.is_some_and(|row| row.key_numbers().any(has))
            || report.is_some_and(|row| row.key_numbers().any(has))
        {
            return true;
        }
        let words = || order.map(Fact::bank_words).into_iter().chain(report.map(Fact::bank_words)).flatten();
        !self.words.is_empty() && words().any(|word| self.words.contains(&word))
    }
}

/// What was found in the parts.
#[derive(Default)]
struct Found<'p> {
    /// Payments of plain pairs, in the order of account and CIP.
    payments: Vec<PlainPayment<'p>>,
    /// Where each of them lies.
    places: Vec<Place>,
    /// Pairs of which more has to be known than that a payment was made.
    special: BTreeSet<Place>,
    /// Pairs that live on and that a settlement or a debit may name.
    named: Vec<Place>,
    /// Ids of the provider's that settlements name, as keys, with the pairs that bear them.
    providers: Vec<(u64, Place)>,
}

/// Looks at the plain pairs of all parts.
fn find<'p>(
    rows: &'p Rows,
    sorted: &[Sorted],
    named: &Named,
    judging: Judging<'p>,
    plain: &PlainJudge<'_>,
    work: Work,
) -> Result<Found<'p>, RunError> {
    let parts: Vec<(&Part, &Sorted)> = rows.parts.iter().zip(sorted).collect();
    let by_thread =
        share(work, parts.len(), BTreeMap::new, |found: &mut BTreeMap<usize, Found<'p>>, number| {
            if let Some((part, sorted)) = parts.get(number) {
                let mut finder = Finder { number, named, judging, plain, found: Found::default() };
                finder.look_at(part, sorted)?;
                found.insert(number, finder.found);
            }
            Ok(())
        })?;
    let by_part: BTreeMap<usize, Found<'p>> = by_thread.into_iter().flatten().collect();
    let mut all = Found::default();
    for mut found in by_part.into_values() {
        all.payments.append(&mut found.payments);
        all.places.append(&mut found.places);
        all.special.append(&mut found.special);
        all.named.append(&mut found.named);
        all.providers.append(&mut found.providers);
    }
    all.providers.sort_unstable();
    Ok(all)
}

/// Looks at the plain pairs of one part.
struct Finder<'f, 'p> {
    number: usize,
    named: &'f Named,
    judging: Judging<'p>,
    plain: &'f PlainJudge<'f>,
    found: Found<'p>,
}

impl<'p> Finder<'_, 'p> {
    fn look_at(&mut self, part: &'p Part, sorted: &Sorted) -> Result<(), RunError> {
        let (mut order, mut report) = (OrderRow::blank(), ReportRow::blank());
        for group in groups(&sorted.entries).filter(|group| is_plain(group)) {
            let Some(place) =
                group.first().map(|first| first.group()).filter(|group| !sorted.is_linked(*group))
            else {
                continue;
            };
            let (mut has_order, mut has_report) = (false, false);
            for entry in group {
                let names = self.judging.names;
                let unpacked = if entry.is_report() {
                    has_report = true;
                    part.reports.get(entry.at).and_then(|row| unpack_report(row, names, &mut report))
                } else {
                    has_order = true;
                    part.orders.get(entry.at).and_then(|row| unpack_order(row, names, &mut order))
                };
                unpacked.ok_or(RunError::Packing)?;
            }
            self.enter(place, has_order.then_some(&order), has_report.then_some(&report));
        }
        Ok(())
    }

    fn enter(&mut self, group: Group, order: Option<&OrderRow<'p>>, report: Option<&ReportRow<'p>>) {
        let place = (self.number, group);
        let (class, state) = self.plain.class_of(order, report);
        let Judging { settings, as_of, .. } = self.judging;
        // A finding keeps a pair alive as well.
        let left_early =
            order.zip(report).is_some_and(|(order, report)| self.plain.left_early(order, report));
        let lives = left_early || rows_stay(class, state, order, report, settings.policy, as_of);
        if let Some(row) = report
            && let Some(id) = row.provider_id.as_deref()
        {
            let key = Key::Provider(id).number(&row.account);
            self.found.providers.extend(self.named.keys.contains(&key).then_some((key, place)));
        }
        if lives && self.named.are(order, report) {
            self.found.named.push(place);
        }
        if is_special(order, report) {
            self.found.special.insert(place);
        } else if let Some(payment) = report.and_then(|report| payment(order, report)) {
            self.found.payments.push(payment);
            self.found.places.push(place);
        }
    }
}

/// Whether more has to be known of a payment than that it was made.
fn is_special(order: Option<&OrderRow<'_>>, report: Option<&ReportRow<'_>>) -> bool {
    let claims_refund =
        || order.is_some_and(|order| order.status == OrderStatus::Refunded || order.refunded_minor.is_some());
    match report.map(|row| row.status) {
        Some(ReportStatus::Refunded | ReportStatus::Reversed) => true,
        Some(ReportStatus::Paid) => claims_refund(),
        _ => false,
    }
}

/// The payment of a pair, if cash was taken.
fn payment<'p>(order: Option<&OrderRow<'p>>, report: &ReportRow<'p>) -> Option<PlainPayment<'p>> {
    let of_report = |text: &Option<Text<'p>>| text.as_ref().and_then(borrowed);
    let reference = order.and_then(|order| borrowed(&order.reference_id));
    let store = order.and_then(|order| order.store.as_ref().and_then(borrowed));
    Some(PlainPayment {
        account: borrowed(&report.account)?,
        cip: report.cip.filter(|_| report.status == ReportStatus::Paid)?,
        number: of_report(&report.operation_number),
        money: report.amount,
        paid_at: report.paid_at,
        reference: reference.or_else(|| of_report(&report.reference_id)),
        store: store.or_else(|| of_report(&report.store)),
        provider_id: of_report(&report.provider_id),
        has_order: order.is_some(),
    })
}

/// A text as it lies in its part. Rows that are read out of one have no other texts.
fn borrowed<'p>(text: &Text<'p>) -> Option<&'p str> {
    match text {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

/// The pairs that settlements and the bank say something of: those of payments on which a line rests or that wait, those
/// of settlements that live on, and those that live on and may be named.
fn concerned(
    settled: &Settled,
    found: &Found<'_>,
    inputs: &Inputs<'_>,
    judging: Judging<'_>,
) -> BTreeSet<Place> {
    let mut concerned: BTreeSet<Place> = found.named.iter().copied().collect();
    concerned.extend(settled.plain().filter_map(|payment| found.places.get(payment).copied()));
    let lines = inputs.settlements.as_deref().unwrap_or_default();
    let rows = || settled.rows();
    let marked: HashSet<RowIndex> = rows().flat_map(|rows| &rows.settlements).copied().collect();
    let marked_bank: HashSet<RowIndex> = rows().flat_map(|rows| &rows.bank).copied().collect();
    let several = settled_by_several(lines, settled.bundles());
    let several: HashSet<usize> = several.into_iter().map(|(_, bundle)| bundle).collect();
    let bundles = settled.bundles().iter().map(|bundle| &bundle.rows).enumerate();
    let living = bundles.filter(|(place, rows)| {
        several.contains(place)
            || rows.settlements.iter().any(|row| marked.contains(row))
            || rows.bank.iter().any(|row| marked_bank.contains(row))
    });
    let of_living = living.flat_map(|(_, rows)| &rows.settlements).chain(&marked);
    for line in of_living.filter_map(|row| lines.get(*row)) {
        concerned.extend(places_of(line, found, judging));
    }
    for line in lines.iter().filter(|line| line.provider_id.is_some()) {
        let mut places = places_of(line, found, judging);
        places.dedup();
        // What a line names by two names is two pairs that hang together.
        if places.len() > 1 {
            concerned.extend(places);
        }
    }
    concerned
}

/// Where the pairs of a line may lie, whether they are there or not.
fn places_of(line: &SettlementRow<'_>, found: &Found<'_>, judging: Judging<'_>) -> Vec<Place> {
    let place = |cip: Cip| judging.place(&line.account, Some(cip.number()));
    let key = line.provider_id.as_deref().map(|id| Key::Provider(id).number(&line.account));
    let bearing = key.map(|key| {
        let from = found.providers.partition_point(|(known, _)| *known < key);
        found.providers.iter().skip(from).take_while(move |(known, _)| *known == key).map(|(_, place)| *place)
    });
    line.cip.map(place).into_iter().chain(bearing.into_iter().flatten()).collect()
}

/// Leaves pairs to the general rules: puts their rows to the inputs. Gives the new rows of plain payments.
fn promote<'p>(
    rows: &'p Rows,
    sorted: &mut [Sorted],
    inputs: &mut Inputs<'p>,
    judging: Judging<'p>,
    found: &Found<'_>,
    places: &BTreeSet<Place>,
) -> Result<HashMap<usize, PlainRows>, RunError> {
    let mut placed = HashMap::new();
    let mut linked: BTreeMap<usize, Vec<Group>> = BTreeMap::new();
    for place in places {
        let (number, group) = *place;
        let Some((part, sorted)) = rows.parts.get(number).zip(sorted.get(number)) else { continue };
        if sorted.is_linked(group) {
            continue;
        }
        let entries = sorted.of_group(group);
        let (order, report) = (inputs.orders.len(), inputs.reports.len());
        gather(part, entries, judging.names, inputs)?;
        if let Ok(payment) = found.places.binary_search(place) {
            let order = entries.first().filter(|first| !first.is_report()).map(|_| order);
            placed.insert(payment, (report, order));
        }
        linked.entry(number).or_default().push(group);
    }
    for (number, groups) in linked {
        if let Some(sorted) = sorted.get_mut(number) {
            sorted.link(groups);
        }
    }
    Ok(placed)
}
