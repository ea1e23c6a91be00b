//! What one provider says of one CIP: its payments, its newest snapshot, and the state that they add up to.
//!
//! The state is counted from the facts; the order in which they arrived takes no part.

use super::evidence::{ReportRow, ReportStatus, Text};
use super::operations::{Operation, Row, Standing, operations};
use super::settle::{RowIndex, Settled, settle};
use super::{extorno, rank::missing_last};
use crate::calendar::Instant;
use crate::ids::Cip;

/// By what the provider knows a payment code. A report row without CIP stands for a code of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CipKey<'a> {
    /// The CIP itself.
    Cip(Cip),
    /// The provider's own id, where a report names no CIP.
    Provider(Text<'a>),
    /// The merchant's reference, where there is nothing else.
    Reference(Text<'a>),
}

impl<'a> CipKey<'a> {
    /// The key under which a report row is gathered.
    #[must_use]
    pub fn of(row: &ReportRow<'a>) -> CipKey<'a> {
        match (row.cip, &row.provider_id, &row.reference_id) {
            (Some(cip), _, _) => CipKey::Cip(cip),
            (None, Some(provider_id), _) => CipKey::Provider(provider_id.clone()),
            (None, None, reference_id) => CipKey::Reference(reference_id.clone().unwrap_or_default()),
        }
    }

    /// The CIP, where there is one.
    #[must_use]
    pub const fn cip(&self) -> Option<Cip> {
        match self {
            CipKey::Cip(cip) => Some(*cip),
            CipKey::Provider(_) | CipKey::Reference(_) => None,
        }
    }
}

/// The provider's column of the table by which pairs are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderState {
    /// The provider has no row at all.
    Absent,
    /// Waits for cash.
    Pending,
    /// A payment is live.
    Paid,
    /// The time to pay ran out.
    Expired,
    /// Deleted by the merchant.
    Removed,
    /// No payment is live and the collector took the latest back.
    Reversed,
    /// No payment is live and the latest was given back.
    Refunded,
}

impl ProviderState {
    /// The word of the canonical format; empty where the provider has no row.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            ProviderState::Absent => "",
            ProviderState::Pending => ReportStatus::Pending.word(),
            ProviderState::Paid => ReportStatus::Paid.word(),
            ProviderState::Expired => ReportStatus::Expired.word(),
            ProviderState::Removed => ReportStatus::Removed.word(),
            ProviderState::Reversed => ReportStatus::Reversed.word(),
            ProviderState::Refunded => ReportStatus::Refunded.word(),
        }
    }

    /// Whether cash was taken at some time.
    #[must_use]
    pub const fn took_money(self) -> bool {
        matches!(self, ProviderState::Paid | ProviderState::Reversed | ProviderState::Refunded)
    }
}

/// Whether the time to pay has run out; exactly at the expiry it has.
pub(crate) fn expired_at(expires_at: Option<Instant>, as_of: Instant) -> bool {
    expires_at.is_some_and(|expiry| as_of >= expiry)
}

/// What a code is: whether it can be paid, is paid, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeState {
    /// Issued, and waits for cash.
    Pending,
    /// A payment is live.
    Paid,
    /// The time to pay ran out.
    Expired,
    /// Deleted by the merchant.
    Removed,
}

impl CodeState {
    /// The word in answers and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            CodeState::Pending => ReportStatus::Pending.word(),
            CodeState::Paid => ReportStatus::Paid.word(),
            CodeState::Expired => ReportStatus::Expired.word(),
            CodeState::Removed => ReportStatus::Removed.word(),
        }
    }
}

/// The snapshots of a CIP, one group for each source and time of looking, newest first.
#[derive(Clone, Debug)]
pub struct Snapshots<'r, 'a> {
    groups: Vec<Settled<'r, ReportRow<'a>>>,
}

impl<'r, 'a> Snapshots<'r, 'a> {
    fn new(rows: &[Row<'r, 'a>]) -> Self {
        let mut sorted: Vec<Row<'r, 'a>> = rows.to_vec();
        sorted.sort_by_key(|(_, row)| (row.source, row.observed_at));
        let mut groups: Vec<_> = sorted
            .chunk_by(|(_, a), (_, b)| a.source == b.source && a.observed_at == b.observed_at)
            .filter_map(|group| settle(group.iter().copied(), |row| row.observed_at))
            .collect();
        groups.sort_by(|a, b| {
            use super::rank::Claim;
            let newest_first = missing_last(b.row.observed_at.as_ref(), a.row.observed_at.as_ref());
            let undated_last = a.row.observed_at.is_none().cmp(&b.row.observed_at.is_none());
            undated_last.then(newest_first).then_with(|| a.row.rank(&b.row))
        });
        Snapshots { groups }
    }

    /// The newest snapshot, which speaks.
    #[must_use]
    pub fn newest(&self) -> Option<&Settled<'r, ReportRow<'a>>> {
        self.groups.first()
    }

    /// Every snapshot as it was settled, superseded ones included.
    pub fn rows(&self) -> impl Iterator<Item = &ReportRow<'a>> {
        self.groups.iter().map(|group| group.row.as_ref())
    }

    /// The row that speaks for each time of looking.
    pub fn speakers(&self) -> impl Iterator<Item = RowIndex> {
        self.groups.iter().map(|group| group.speaker)
    }

    fn older(&self) -> impl Iterator<Item = &Settled<'r, ReportRow<'a>>> {
        self.groups.iter().skip(1)
    }

    /// Snapshots seen after a payment that name another amount or currency than it.
    fn changed_after<'s>(
        &'s self,
        operations: &'s [Operation<'_, '_>],
    ) -> impl Iterator<Item = RowIndex> + 's {
        self.groups.iter().filter_map(move |group| {
            let after = |operation: &&Operation<'_, '_>| {
                matches!((operation.paid_at(), group.row.observed_at), (Some(paid), Some(seen)) if paid < seen)
            };
            let changed = operations.iter().filter(after).any(|operation| operation.money() != Some(group.row.amount));
            changed.then_some(group.speaker)
        })
    }
}

/// The rows of one CIP, counted.
#[derive(Clone, Debug)]
pub struct CipView<'r, 'a> {
    /// What the provider knows it by.
    pub key: CipKey<'a>,
    /// The payments, earliest first.
    pub operations: Vec<Operation<'r, 'a>>,
    /// The snapshots, newest first.
    pub snapshots: Snapshots<'r, 'a>,
    /// Every reference that the rows carry, each once, ascending.
    pub references: Vec<&'r str>,
    /// Rows that contradict each other, or the payment that they were seen after.
    pub conflicting: Vec<RowIndex>,
    /// Rows that repeat another.
    pub duplicates: Vec<RowIndex>,
    /// Rows that a newer one overtook.
    pub superseded: Vec<RowIndex>,
}

impl<'r, 'a> CipView<'r, 'a> {
    /// Counts the rows of one CIP; without any it is a code of which nothing is known.
    #[must_use]
    pub fn new(key: CipKey<'a>, rows: &[Row<'r, 'a>]) -> Self {
        let (events, looks): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, row)| row.status.is_event());
        let (mut operations, repeats) = operations(&events);
        let snapshots = Snapshots::new(&looks);
        extorno::apply(&mut operations, &snapshots);

        let mut references: Vec<&str> =
            rows.iter().filter_map(|(_, row)| row.reference_id.as_deref()).collect();
        references.sort_unstable();
        references.dedup();

        let mut view = CipView {
            key,
            operations,
            snapshots,
            references,
            conflicting: Vec::new(),
            duplicates: repeats,
            superseded: Vec::new(),
        };
        view.sort_rows_out();
        view
    }

    fn sort_rows_out(&mut self) {
        for operation in &self.operations {
            for settled in operation.paid.iter().chain(&operation.returns) {
                self.duplicates.extend(&settled.duplicates);
                self.superseded.extend(&settled.superseded);
                if !settled.contradicting.is_empty() {
                    self.conflicting.push(settled.speaker);
                    self.conflicting.extend(&settled.contradicting);
                }
            }
            if operation.sources_disagree() {
                self.conflicting.extend(operation.paid.as_ref().map(|paid| paid.speaker));
            }
        }
        if let Some(newest) = self.snapshots.newest() {
            self.duplicates.extend(&newest.duplicates);
            if !newest.contradicting.is_empty() {
                self.conflicting.push(newest.speaker);
                self.conflicting.extend(&newest.contradicting);
            }
        }
        for older in self.snapshots.older() {
            self.duplicates.extend(&older.duplicates);
            self.superseded.push(older.speaker);
            // A contradiction is one only until a newer snapshot speaks.
            self.superseded.extend(&older.contradicting);
        }
        self.conflicting.extend(self.snapshots.changed_after(&self.operations));
        self.conflicting.sort_unstable();
        self.conflicting.dedup();
    }

    /// The payments that are live, earliest first.
    pub fn live(&self) -> impl Iterator<Item = &Operation<'r, 'a>> {
        self.operations.iter().filter(|operation| operation.standing == Standing::Live)
    }

    /// The row that speaks where there is no payment: the newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&ReportRow<'a>> {
        self.snapshots.newest().map(|settled| settled.row.as_ref())
    }

    /// The expiry that the provider states: the newest snapshot's, else the latest in the payment rows. Where the
    /// newest snapshot gives none, no older snapshot's is used.
    #[must_use]
    pub fn expires_at(&self) -> Option<Instant> {
        let in_payments = || {
            let settled =
                self.operations.iter().flat_map(|operation| operation.paid.iter().chain(&operation.returns));
            settled.filter_map(|settled| settled.row.expires_at).max()
        };
        self.snapshot().and_then(|row| row.expires_at).or_else(in_payments)
    }

    /// What the code itself is at `as_of`, whatever became of earlier payments of it: one that was paid and taken back
    /// can be paid again, and waits, or has run out. `order_expires_at` is in force where the provider states no expiry.
    #[must_use]
    pub fn code_state(&self, as_of: Instant, order_expires_at: Option<Instant>) -> CodeState {
        let expired = || expired_at(self.expires_at().or(order_expires_at), as_of);
        match self.snapshot().map(|row| row.status) {
            _ if self.live().next().is_some() => CodeState::Paid,
            Some(ReportStatus::Removed) => CodeState::Removed,
            Some(ReportStatus::Expired) => CodeState::Expired,
            _ if expired() => CodeState::Expired,
            _ => CodeState::Pending,
        }
    }

    /// The state at `as_of` with what became of the latest payment; `order_expires_at` is in force where the provider
    /// states no expiry.
    #[must_use]
    pub fn state(&self, as_of: Instant, order_expires_at: Option<Instant>) -> ProviderState {
        if self.live().next().is_some() {
            return ProviderState::Paid;
        }
        if let Some(latest) = self.operations.last() {
            return match latest.standing {
                Standing::Live => ProviderState::Paid,
                Standing::Reversed => ProviderState::Reversed,
                Standing::Refunded => ProviderState::Refunded,
            };
        }
        if self.snapshot().is_none() {
            return ProviderState::Absent;
        }
        match self.code_state(as_of, order_expires_at) {
            CodeState::Paid => ProviderState::Paid,
            CodeState::Removed => ProviderState::Removed,
            CodeState::Expired => ProviderState::Expired,
            CodeState::Pending => ProviderState::Pending,
        }
    }
}
