//! Rows into the table, several orders at a time and each order's rows in the order of their file.

use cuadre::aws::StoreError;
use cuadre::aws::table::{Recorded, Table};
use cuadre::ids::hash_parts;
use cuadre::lifecycle::evidence::OrderRow;
use futures_util::future::try_join_all;

/// How many rows are written at a time.
const LANES: usize = 16;

/// What the table said to the rows, each in the partition of its order, whether or not a CIP of it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows that were not there before.
    pub(crate) new: u64,
    /// Rows that say something else than the one under the same key; both are kept.
    pub(crate) contradicting: u64,
}

/// Records every row. The first failure ends the work; what is recorded by then stays, and is met again as a repetition.
pub(crate) async fn record(table: &Table, rows: &[OrderRow<'_>]) -> Result<Counts, StoreError> {
    let mut lanes: [Vec<&OrderRow<'_>>; LANES] = Default::default();
    for row in rows {
        // By its number, so that an order has one lane.
        let [byte, ..] = hash_parts([row.reference_id.as_bytes()]);
        if let Some(lane) = lanes.get_mut(usize::from(byte).rem_euclid(LANES)) {
            lane.push(row);
        }
    }
    let lanes = lanes.into_iter().filter(|rows| !rows.is_empty());
    // In this task, since rows borrow from their file and a task of its own may not.
    let counts = try_join_all(lanes.map(|rows| Box::pin(lane(table, rows)))).await?;
    Ok(counts.into_iter().fold(Counts::default(), |sum, counts| Counts {
        new: sum.new.saturating_add(counts.new),
        contradicting: sum.contradicting.saturating_add(counts.contradicting),
    }))
}

async fn lane(table: &Table, rows: Vec<&OrderRow<'_>>) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    for row in rows {
        match table.record_order(row).await? {
            Recorded::New => counts.new = counts.new.saturating_add(1),
            Recorded::Contradicts => counts.contradicting = counts.contradicting.saturating_add(1),
            Recorded::Repeated => {}
        }
    }
    Ok(counts)
}
