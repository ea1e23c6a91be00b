//! Which stubs a run takes in: those that something touches which has arrived, and what these bring along.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;

use super::fact::{Fact, Key};
use super::living::Legs;
use super::reading::{Item, Place, lines_of, read};
use super::{CarriedFile, CarryError, Told};
use crate::calendar::Instant;
use crate::formats::Leg;
use crate::reconcile::{Inputs, settlement_of};

/// How many rows of each leg have arrived; those that were carried on follow them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrived {
    orders: usize,
    reports: usize,
    notices: usize,
    settlements: usize,
    bank: usize,
}

impl Arrived {
    /// All rows of a run that has taken nothing over yet.
    pub(crate) fn all(inputs: &Inputs<'_>) -> Arrived {
        let Legs { orders, reports, notices, settlements, bank } = Legs::of(inputs);
        Arrived {
            orders: orders.len(),
            reports: reports.len(),
            notices: notices.len(),
            settlements: settlements.len(),
            bank: bank.len(),
        }
    }

    /// The same of settlements and the bank alone, where the rows of pairs lie elsewhere.
    pub(crate) fn beside_pairs(inputs: &Inputs<'_>) -> Arrived {
        let Arrived { settlements, bank, .. } = Arrived::all(inputs);
        Arrived { settlements, bank, ..Arrived::default() }
    }
}

/// Keys by which a run takes stubs in.
#[derive(Debug, Default)]
pub(crate) struct Touched(HashSet<u64>);

impl Touched {
    /// What has arrived touches stubs, and so does what lives on and belongs to it. Whatever else lives on was held against them
    /// when they were closed.
    pub(crate) fn by(inputs: &Inputs<'_>, arrived: Arrived) -> Touched {
        Touched::beside(HashSet::new(), inputs, arrived)
    }

    /// The same where `touched` holds what other rows that have arrived touch: of them the inputs hold none.
    pub(crate) fn beside(touched: HashSet<u64>, inputs: &Inputs<'_>, arrived: Arrived) -> Touched {
        let legs = Legs::of(inputs);
        // A line of a settlement that is closed is there for its payment, and brings nothing of the settlement back.
        let closed: Vec<bool> = legs
            .settlements
            .iter()
            .map(|row| {
                !inputs.closed_settlements.is_empty()
                    && inputs.closed_settlements.contains(&settlement_of(row))
            })
            .collect();
        let mut spread = Spread { touched, with_bank: inputs.bank.is_some() };
        let mut left = [
            vec![true; legs.orders.len()],
            vec![true; legs.reports.len()],
            vec![true; legs.notices.len()],
            vec![true; legs.settlements.len()],
            vec![true; legs.bank.len()],
        ];
        let [orders, reports, notices, settlements, bank] = &mut left;
        loop {
            let before = spread.touched.len();
            spread.take(legs.orders, arrived.orders, orders, |_| false);
            spread.take(legs.reports, arrived.reports, reports, |_| false);
            spread.take(legs.notices, arrived.notices, notices, |_| false);
            let is_closed = |index: usize| closed.get(index).copied().unwrap_or(false);
            spread.take(legs.settlements, arrived.settlements, settlements, is_closed);
            spread.take(legs.bank, arrived.bank, bank, |_| false);
            if spread.touched.len() == before {
                return Touched(spread.touched);
            }
        }
    }

    /// Settlements of an account, by name.
    pub(crate) fn by_settlements<'s>(settlements: impl Iterator<Item = (&'s str, &'s str)>) -> Touched {
        Touched(settlements.map(|(account, id)| Key::Settlement(id).number(account)).collect())
    }

    /// The stubs that bear one of the keys, and those that share a key (and not a mere hint) with these. Only what is taken in
    /// is kept. A stub that was closed before `oldest` is counted and left alone.
    pub(crate) fn stubs<'a>(
        self,
        files: &[CarriedFile<'a>],
        oldest: Option<Instant>,
    ) -> Result<Told<'a>, CarryError> {
        let mut told = Told::default();
        if self.0.is_empty() {
            return Ok(told);
        }
        let index = Index::of(files)?;
        let mut known = self.0;
        let mut new: Vec<u64> = known.iter().copied().collect();
        let mut met: Vec<usize> = Vec::new();
        let mut is_met = vec![false; index.stubs.len()];
        while let Some(key) = new.pop() {
            for stub in index.with(key) {
                let Some(slot) = is_met.get_mut(stub) else { continue };
                if std::mem::replace(slot, true) {
                    continue;
                }
                let Some((place, line)) = index.stubs.get(stub).copied() else { continue };
                let item: Item<'_> = read(place, line)?;
                if is_too_old(place, &item, oldest)? {
                    told.forgotten = told.forgotten.saturating_add(1);
                    continue;
                }
                met.push(stub);
                let keys = key_numbers(place, &item.account, &item.keys)?.into_iter();
                let keys = keys.filter(|(_, is_hint)| !is_hint);
                for (key, _) in keys.chain(key_numbers(place, &item.account, &item.brings)?) {
                    if known.insert(key) {
                        new.push(key);
                    }
                }
            }
        }
        // In the order of the files, whatever led to them.
        met.sort_unstable();
        for (place, line) in met.into_iter().filter_map(|stub| index.stubs.get(stub).copied()) {
            told.take(place, read(place, line)?)?;
        }
        Ok(told)
    }
}

/// Notes what a row touches that has arrived; `with_bank` says whether the bank is a part of the run.
pub(crate) fn touch<R: Fact>(row: &R, with_bank: bool, touched: &mut HashSet<u64>) {
    touched.extend(row.touches().map(|key| key.number(row.account())));
    if with_bank {
        touched.extend(row.bank_words());
    }
}

/// Keys while they are gathered.
struct Spread {
    touched: HashSet<u64>,
    /// A debit may have shown the refund of a payment before anybody told of the refund.
    with_bank: bool,
}

impl Spread {
    /// Takes the keys of rows that have arrived or belong to those that have, each row once. Of a row that `is_closed` there are
    /// only its keys.
    fn take<R: Fact>(
        &mut self,
        rows: &[R],
        arrived: usize,
        left: &mut [bool],
        is_closed: impl Fn(usize) -> bool,
    ) {
        for (index, (row, left)) in rows.iter().zip(left).enumerate().filter(|(_, (_, left))| **left) {
            let keys = || row.keys().into_iter().map(|key| key.number(row.account()));
            let hints = || row.hints().into_iter().map(|key| key.number(row.account()));
            // Settlements and lines of a bank find each other by hints alone.
            let by_hint = matches!(R::LEG, Leg::Settlements | Leg::Bank) && !is_closed(index);
            let belongs = index < arrived
                || keys().any(|key| self.touched.contains(&key))
                || (by_hint && hints().any(|hint| self.touched.contains(&hint)));
            if !belongs {
                continue;
            }
            *left = false;
            self.touched.extend(keys());
            if !is_closed(index) {
                self.touched.extend(hints());
            }
            if self.with_bank {
                self.touched.extend(row.bank_words());
            }
        }
    }
}

/// Where each key stands in the files of stubs.
struct Index<'a> {
    stubs: Vec<(Place<'a>, &'a [u8])>,
    /// Sorted: a key, and a stub that bears it.
    keys: Vec<(u64, usize)>,
}

/// What of a stub its index needs.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(default)]
    account: String,
    #[serde(borrow, default)]
    keys: Vec<Cow<'a, str>>,
}

impl<'a> Index<'a> {
    fn of(files: &[CarriedFile<'a>]) -> Result<Index<'a>, CarryError> {
        let mut index = Index { stubs: Vec::new(), keys: Vec::new() };
        for (place, line) in files.iter().flat_map(lines_of) {
            let item: Keys<'_> = read(place, line)?;
            let stub = index.stubs.len();
            let keys = key_numbers(place, &item.account, &item.keys)?;
            index.keys.extend(keys.into_iter().map(|(key, _)| (key, stub)));
            index.stubs.push((place, line));
        }
        index.keys.sort_unstable();
        Ok(index)
    }

    fn with(&self, key: u64) -> impl Iterator<Item = usize> {
        let first = self.keys.partition_point(|(known, _)| *known < key);
        let from = self.keys.get(first..).unwrap_or_default();
        from.iter().take_while(move |(known, _)| *known == key).map(|(_, stub)| *stub)
    }
}

/// The keys of a stub, each with whether it is a mere hint.
fn key_numbers(
    place: Place<'_>,
    account: &str,
    words: &[Cow<'_, str>],
) -> Result<Vec<(u64, bool)>, CarryError> {
    let number = |word: &Cow<'_, str>| {
        let key = Key::of_word(word).ok_or_else(|| place.error("keys", "names what is no key"))?;
        Ok((key.number(account), key.is_hint()))
    };
    words.iter().map(number).collect()
}

fn is_too_old(place: Place<'_>, item: &Item<'_>, oldest: Option<Instant>) -> Result<bool, CarryError> {
    let Some(closed_at) = &item.closed_at else { return Ok(false) };
    let closed_at =
        Instant::parse(closed_at).ok_or_else(|| place.error("closed_at", "is no RFC 3339 time"))?;
    Ok(oldest.is_some_and(|oldest| closed_at < oldest))
}
