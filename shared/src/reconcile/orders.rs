//! The orders as they stand: rows of one identity settled.

use std::borrow::Cow;

use crate::calendar::Instant;
use crate::lifecycle::evidence::OrderRow;
use crate::lifecycle::settle::{RowIndex, Settled, settle};

/// One order, known by account, reference and time of creation.
pub(super) struct OrderView<'r, 'a> {
    /// The rows, settled by `updated_at`.
    pub settled: Settled<'r, OrderRow<'a>>,
}

impl<'r, 'a> OrderView<'r, 'a> {
    /// The order as it stands.
    pub fn row(&self) -> &OrderRow<'a> {
        &self.settled.row
    }

    /// Whether rows equally new say different things.
    pub fn contradicts_itself(&self) -> bool {
        !self.settled.contradicting.is_empty()
    }

    /// Whether a row that was updated after the payment names other money than the row that it supersedes.
    pub fn changed_after(&self, paid_at: Instant, rows: &[OrderRow<'_>]) -> bool {
        let newest_first: Vec<&OrderRow<'_>> = std::iter::once(&self.settled.speaker)
            .chain(&self.settled.superseded)
            .filter_map(|index| rows.get(*index))
            .collect();
        newest_first.windows(2).any(|pair| match pair {
            [newer, older] => {
                newer.amount != older.amount && newer.updated_at.is_some_and(|updated| updated > paid_at)
            }
            _ => false,
        })
    }
}

/// Settles the rows of an orders leg, in the order of account, reference and creation.
pub(super) fn views<'r, 'a>(rows: &'r [OrderRow<'a>]) -> Vec<OrderView<'r, 'a>> {
    let mut sorted: Vec<(RowIndex, &OrderRow<'a>)> = rows.iter().enumerate().collect();
    let identity = |row: &'r OrderRow<'a>| (row.account.as_ref(), row.reference_id.as_ref(), row.created_at);
    sorted.sort_unstable_by(|(ia, a), (ib, b)| identity(a).cmp(&identity(b)).then_with(|| ia.cmp(ib)));
    sorted
        .chunk_by(|(_, a), (_, b)| identity(a) == identity(b))
        .filter_map(|rows| match rows {
            [(speaker, row)] => Some(Settled {
                row: Cow::Borrowed(*row),
                speaker: *speaker,
                duplicates: Vec::new(),
                superseded: Vec::new(),
                contradicting: Vec::new(),
            }),
            rows => settle(rows.iter().copied(), |row| row.updated_at),
        })
        .map(|settled| OrderView { settled })
        .collect()
}
