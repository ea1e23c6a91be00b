//! Parts brought from where the cuts have left them, each for as long as it is looked at.

use std::sync::{Mutex, PoisonError};

use super::super::link::Judging;
use super::super::parts::Part;
use super::super::sort::{Entry, Group, Sorted, groups, in_order, is_plain};
use super::super::sorted::InOrder;
use super::super::threads::share;
use super::super::{RunError, Work};
use super::Left;
use super::wire::Piece;
use crate::lifecycle::evidence::NoticeRow;

/// Brings parts.
#[derive(Clone, Copy)]
pub(super) struct Loader<'l> {
    left: &'l dyn Left,
    judging: Judging<'l>,
}

/// The rows of a part, or some of them.
#[derive(Default)]
pub(super) struct Loaded {
    pub pairs: Part,
    pub notices: Vec<NoticeRow<'static>>,
}

impl Loaded {
    /// Puts together what the cuts have left of a part.
    pub(super) fn of(pieces: &[Vec<u8>]) -> Result<Loaded, RunError> {
        let mut loaded = Loaded::default();
        for piece in pieces {
            let Piece { pairs, mut notices } = Piece::read(piece)?;
            pairs.put_to(&mut loaded.pairs)?;
            loaded.notices.append(&mut notices);
        }
        Ok(loaded)
    }

    /// Puts a row to others; gives it with its place there.
    fn keep(&self, entry: Entry, to: &mut Part) -> Result<Entry, RunError> {
        let (from, to) = if entry.is_report() {
            (&self.pairs.reports, &mut to.reports)
        } else {
            (&self.pairs.orders, &mut to.orders)
        };
        let row = from.row(entry.at).ok_or(RunError::Packing)?;
        Ok(entry.moved(to.keep(row).ok_or(RunError::Packing)?))
    }

    /// Its rows in their order; which of them hang together with others is told beside.
    pub(super) fn in_order(&self, linked: Vec<Group>, judging: Judging<'_>) -> Result<Sorted, RunError> {
        let ranks: Vec<u32> = judging.names.iter().map(|name| judging.ranks.of(name)).collect();
        let rank =
            |account: u32| usize::try_from(account).ok().and_then(|account| ranks.get(account)).copied();
        let (entries, _) = in_order(&self.pairs, |account| rank(account).unwrap_or_default())?;
        Ok(Sorted { entries, linked, ..Sorted::default() })
    }
}

impl<'l> Loader<'l> {
    pub(super) fn new(left: &'l dyn Left, judging: Judging<'l>) -> Loader<'l> {
        Loader { left, judging }
    }

    /// The parts where these groups hang together with others.
    pub(super) fn with<'w>(&'w self, linked: &'w [Sorted]) -> Linked<'w> {
        Linked { loader: self, linked }
    }

    /// Keeps the rows and the notices of some groups of a part; gives by group where its rows are kept.
    pub(super) fn groups_of(
        &self,
        number: usize,
        wanted: &[Group],
        kept: &mut Loaded,
    ) -> Result<Vec<(Group, Vec<Entry>)>, RunError> {
        let loaded = self.load(number)?;
        let sorted = loaded.in_order(wanted.to_vec(), self.judging)?;
        let mut brought = Vec::with_capacity(wanted.len());
        for group in wanted {
            let entries = sorted.of_group(*group).iter().map(|entry| loaded.keep(*entry, &mut kept.pairs));
            brought.push((*group, entries.collect::<Result<_, _>>()?));
        }
        kept.notices.extend(loaded.notices.into_iter().filter(|row| self.is_linked(row, &sorted)));
        Ok(brought)
    }

    /// Whether a notice is about a linked group.
    fn is_linked(&self, row: &NoticeRow<'_>, sorted: &Sorted) -> bool {
        sorted.is_linked(self.judging.place(&row.account, Some(row.cip.number())).1)
    }

    pub(super) fn load(&self, number: usize) -> Result<Loaded, RunError> {
        Loaded::of(&self.left.pieces(number).map_err(RunError::Left)?)
    }
}

/// Parts in which some groups are linked.
pub(super) struct Linked<'w> {
    loader: &'w Loader<'w>,
    linked: &'w [Sorted],
}

impl Linked<'_> {
    /// The rows of all linked groups by part, and which groups those are: where settlements or the bank may link payments,
    /// all that are not plain.
    pub(super) fn linked(&self, settles: bool, work: Work) -> Result<Vec<(Loaded, Vec<Group>)>, RunError> {
        let kept: Vec<Mutex<(Loaded, Vec<Group>)>> = self.linked.iter().map(|_| Mutex::default()).collect();
        share(
            work,
            kept.len(),
            || (),
            |(), number| {
                let (Some(linked), Some(kept)) = (self.linked.get(number), kept.get(number)) else {
                    return Ok(());
                };
                if settles || !linked.linked.is_empty() {
                    *kept.lock().unwrap_or_else(PoisonError::into_inner) =
                        self.of_part(number, linked, settles)?;
                }
                Ok(())
            },
        )?;
        Ok(kept.into_iter().map(|kept| kept.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
    }

    fn of_part(
        &self,
        number: usize,
        linked: &Sorted,
        settles: bool,
    ) -> Result<(Loaded, Vec<Group>), RunError> {
        let loaded = self.loader.load(number)?;
        let mut sorted = loaded.in_order(linked.linked.clone(), self.loader.judging)?;
        if settles {
            let entangled = groups(&sorted.entries).filter(|group| !is_plain(group));
            let entangled: Vec<Group> =
                entangled.filter_map(|group| group.first().map(|first| first.group())).collect();
            sorted.link(entangled);
        }
        let mut kept = Loaded::default();
        for entry in groups(&sorted.entries).filter(|group| sorted.are_linked(group)).flatten() {
            loaded.keep(*entry, &mut kept.pairs)?;
        }
        let Loaded { mut notices, .. } = loaded;
        notices.retain(|row| self.loader.is_linked(row, &sorted));
        Ok((Loaded { notices, ..kept }, sorted.linked))
    }
}

impl InOrder for Linked<'_> {
    fn look(
        &self,
        number: usize,
        look: &mut dyn FnMut(&Part, &Sorted) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let Some(linked) = self.linked.get(number) else { return Ok(()) };
        let loaded = self.loader.load(number)?;
        look(&loaded.pairs, &loaded.in_order(linked.linked.clone(), self.loader.judging)?)
    }
}
