//! Rows into the table, several at a time and those of one order or code in the order of their file.

use cuadre::aws::StoreError;
use cuadre::aws::table::{Recorded, Table};
use cuadre::ids::hash_parts;
use cuadre::lifecycle::evidence::{OrderRow, ReportRow};
use futures_util::future::try_join_all;

/// How many rows are written at a time.
const LANES: usize = 16;

/// The source whose facts come from files of the provider's portal.
pub(crate) const PORTAL: &str = "portal";

/// What the table said to the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows that were not there before.
    pub(crate) new: u64,
    /// Rows that say something else than the one under the same key; both are kept.
    pub(crate) contradicting: u64,
}

/// Records every row, each in the partition of its order, whether or not a CIP of it is known. The first failure ends the
/// work; what is recorded by then stays, and is met again as a repetition.
pub(crate) async fn record_orders(table: &Table, rows: &[OrderRow<'_>]) -> Result<Counts, StoreError> {
    // By its number, so that an order has one lane.
    let lanes = in_lanes(rows, |row| row.reference_id.to_string());
    let lane = async |rows: Vec<&OrderRow<'_>>| {
        let mut counts = Counts::default();
        for row in rows {
            counts.add(table.record_order(row).await?);
        }
        Ok::<_, StoreError>(counts)
    };
    // In this task, since rows borrow from their file and a task of its own may not.
    Ok(sum(try_join_all(lanes.map(|rows| Box::pin(lane(rows)))).await?))
}

/// Records every row that names a CIP, in the same manner; of the others no code could be told.
pub(crate) async fn record_reports(table: &Table, rows: &[ReportRow<'_>]) -> Result<Counts, StoreError> {
    let lanes = in_lanes(rows, |row| row.cip.map(|cip| cip.to_string()).unwrap_or_default());
    let lane = async |rows: Vec<&ReportRow<'_>>| {
        let mut counts = Counts::default();
        for row in rows {
            counts.add(table.record_report(PORTAL, row).await?);
        }
        Ok::<_, StoreError>(counts)
    };
    Ok(sum(try_join_all(lanes.map(|rows| Box::pin(lane(rows)))).await?))
}

/// Shares the rows out; those of one subject stay together and in their order.
fn in_lanes<R>(rows: &[R], subject: impl Fn(&R) -> String) -> impl Iterator<Item = Vec<&R>> {
    let mut lanes: [Vec<&R>; LANES] = [const { Vec::new() }; LANES];
    for row in rows {
        let [byte, ..] = hash_parts([subject(row).as_bytes()]);
        if let Some(lane) = lanes.get_mut(usize::from(byte).rem_euclid(LANES)) {
            lane.push(row);
        }
    }
    lanes.into_iter().filter(|rows| !rows.is_empty())
}

impl Counts {
    fn add(&mut self, recorded: Recorded) {
        match recorded {
            Recorded::New => self.new = self.new.saturating_add(1),
            Recorded::Contradicts => self.contradicting = self.contradicting.saturating_add(1),
            Recorded::Repeated => {}
        }
    }
}

fn sum(counts: Vec<Counts>) -> Counts {
    counts.into_iter().fold(Counts::default(), |sum, counts| Counts {
        new: sum.new.saturating_add(counts.new),
        contradicting: sum.contradicting.saturating_add(counts.contradicting),
    })
}
