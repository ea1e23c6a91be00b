//! The pairs of parts that lie elsewhere, as settlements and the bank ask for them: what is told of them is kept, and of their
//! rows those that are asked for.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::super::link::Judging;
use super::super::parts::Part;
use super::super::settle::{Found, Named, Pairs, Place, Take, look_at};
use super::super::sort::{Entry, Group, Sorted};
use super::super::threads::share;
use super::super::{RunError, Work};
use super::load::{Loaded, Loader};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::{NoticeRow, SettlementRow};
use crate::money::Money;
use crate::reconcile::{PlainJudge, PlainPayment};

/// What is kept of the parts; it lives longer than the inputs that point into it.
pub(super) struct Kept {
    /// The texts of payments, by part.
    texts: Vec<OnceLock<String>>,
    /// Rows that were asked for: they are asked for twice.
    rows: [OnceLock<Part>; 2],
}

impl Kept {
    pub(super) fn new(parts: usize) -> Kept {
        Kept {
            texts: (0..parts).map(|_| OnceLock::new()).collect(),
            rows: [OnceLock::new(), OnceLock::new()],
        }
    }
}

/// The pairs of parts that are brought.
pub(super) struct Brought<'p> {
    loader: &'p Loader<'p>,
    work: Work,
    kept: &'p Kept,
    /// What lines of settlements name by their CIP alone, ascending; and what of it is there.
    named_by_cip: Vec<Place>,
    there: HashSet<Place>,
    /// The notices of groups whose rows were asked for.
    pub notices: Vec<NoticeRow<'static>>,
}

impl<'p> Brought<'p> {
    pub(super) fn new(
        loader: &'p Loader<'p>,
        kept: &'p Kept,
        lines: &[SettlementRow<'_>],
        judging: Judging<'_>,
        work: Work,
    ) -> Brought<'p> {
        let named = lines.iter().filter_map(|line| Some((&line.account, line.cip?)));
        let mut named_by_cip: Vec<Place> =
            named.map(|(account, cip)| judging.place(account, Some(cip.number()))).collect();
        named_by_cip.sort_unstable();
        named_by_cip.dedup();
        Brought { loader, work, kept, named_by_cip, there: HashSet::new(), notices: Vec::new() }
    }

    /// Those of some places, which come in order, that lie in a part.
    fn of_part(places: &[Place], number: usize) -> &[Place] {
        let from = places.partition_point(|(part, _)| *part < number);
        let rest = places.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|(part, _)| *part == number)).unwrap_or_default()
    }

    fn look_at(
        &self,
        number: usize,
        linked: &Sorted,
        named: &Named,
        judging: Judging<'_>,
        plain: &PlainJudge<'_>,
    ) -> Result<OfPart, RunError> {
        let loaded = self.loader.load(number)?;
        let sorted = loaded.in_order(linked.linked.clone(), judging)?;
        let is_there = |place: &&Place| !sorted.of_group(place.1).is_empty();
        let there = Self::of_part(&self.named_by_cip, number).iter().filter(is_there).copied().collect();
        let found = look_at(number, &loaded.pairs, &sorted, named, judging, plain)?;
        Ok(OfPart { there, ..OfPart::of(found) })
    }
}

/// What a look at a part has found, its texts for themselves.
#[derive(Default)]
struct OfPart {
    texts: String,
    payments: Vec<Payment>,
    /// All but the payments.
    rest: Found<'static>,
    there: Vec<Place>,
}

/// A payment but for its texts, of which the lengths are known.
struct Payment {
    cip: Cip,
    money: Money,
    paid_at: Option<Instant>,
    has_order: bool,
    lengths: [Option<usize>; 4],
}

impl OfPart {
    fn of(found: Found<'_>) -> OfPart {
        let Found { payments, places, special, named, providers } = found;
        let rest = Found { payments: Vec::new(), places, special, named, providers };
        let mut of_part = OfPart { rest, ..OfPart::default() };
        for payment in payments {
            let PlainPayment {
                cip, money, paid_at, has_order, number, reference, store, provider_id, ..
            } = payment;
            let texts = [number, reference, store, provider_id];
            texts.iter().flatten().for_each(|text| of_part.texts.push_str(text));
            let lengths = texts.map(|text| text.map(str::len));
            of_part.payments.push(Payment { cip, money, paid_at, has_order, lengths });
        }
        of_part
    }
}

/// The payments with their texts again, which lie one behind the other.
fn payments<'p>(
    account: &'p str,
    mut texts: &'p str,
    payments: Vec<Payment>,
) -> Option<Vec<PlainPayment<'p>>> {
    let mut take = |length: Option<usize>| {
        let Some(length) = length else { return Some(None) };
        let (text, rest) = texts.split_at_checked(length)?;
        texts = rest;
        Some(Some(text))
    };
    let payment = |payment: Payment| {
        let [number, reference, store, provider_id] = payment.lengths;
        Some(PlainPayment {
            account,
            cip: payment.cip,
            number: take(number)?,
            money: payment.money,
            paid_at: payment.paid_at,
            reference: take(reference)?,
            store: take(store)?,
            provider_id: take(provider_id)?,
            has_order: payment.has_order,
        })
    };
    payments.into_iter().map(payment).collect()
}

impl<'p> Pairs<'p> for Brought<'p> {
    fn find(
        &mut self,
        named: &Named,
        sorted: &[Sorted],
        judging: Judging<'p>,
        plain: &PlainJudge<'_>,
    ) -> Result<Found<'p>, RunError> {
        let of_parts: Vec<Mutex<OfPart>> = sorted.iter().map(|_| Mutex::default()).collect();
        let (brought, count) = (&*self, of_parts.len());
        share(
            self.work,
            count,
            || (),
            |(), number| {
                if let (Some(linked), Some(of_part)) = (sorted.get(number), of_parts.get(number)) {
                    let found = brought.look_at(number, linked, named, judging, plain)?;
                    *of_part.lock().unwrap_or_else(PoisonError::into_inner) = found;
                }
                Ok(())
            },
        )?;
        let account = judging.names.first().map(String::as_str).unwrap_or_default();
        let mut found = Vec::with_capacity(of_parts.len());
        for (of_part, texts) in of_parts.into_iter().zip(&self.kept.texts) {
            let of_part = of_part.into_inner().unwrap_or_else(PoisonError::into_inner);
            self.there.extend(of_part.there);
            let texts = texts.get_or_init(|| of_part.texts);
            let payments = payments(account, texts, of_part.payments).ok_or(RunError::Packing)?;
            found.push(Found { payments, ..of_part.rest });
        }
        Ok(Found::all(found))
    }

    fn are_there(&self, places: &[Place], _: &[Sorted]) -> Vec<bool> {
        places.iter().map(|place| self.there.contains(place)).collect()
    }

    fn bring(&mut self, places: &[Place], _: &[Sorted], take: &mut Take<'_, 'p>) -> Result<(), RunError> {
        let mut kept = Loaded::default();
        let mut brought: Vec<(Place, Vec<Entry>)> = Vec::with_capacity(places.len());
        for of_part in places.chunk_by(|a, b| a.0 == b.0) {
            let Some((number, _)) = of_part.first() else { continue };
            let groups: Vec<Group> = of_part.iter().map(|(_, group)| *group).collect();
            for (group, entries) in self.loader.groups_of(*number, &groups, &mut kept)? {
                brought.push(((*number, group), entries));
            }
        }
        self.notices.append(&mut kept.notices);
        let slot = self.kept.rows.iter().find(|slot| slot.get().is_none()).ok_or(RunError::Packing)?;
        let part = slot.get_or_init(|| kept.pairs);
        brought.iter().try_for_each(|(place, entries)| take(*place, part, entries))
    }
}
