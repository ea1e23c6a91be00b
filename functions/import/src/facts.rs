//! Rows into the table, several orders at a time and each order's rows in the order of their file.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use cuadre::aws::StoreError;
use cuadre::aws::table::{Recorded, Table};
use cuadre::ids::hash_parts;
use cuadre::lifecycle::evidence::OrderRow;

/// How many rows are written at a time.
const LANES: usize = 16;

/// What the table said to the rows of which it knows a CIP, by themselves or by an earlier row of their order. The others
/// have no place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Facts that were not there before.
    pub(crate) new: u64,
    /// Rows that say something else than a fact under the same key; both are kept.
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
    let counts = side_by_side(lanes.map(|rows| Box::pin(lane(table, rows))).collect()).await?;
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

/// Waits for all futures in this task, since rows borrow from their file and a task of its own may not; the first failure
/// drops the others.
async fn side_by_side<T, E, F>(mut futures: Vec<Pin<Box<F>>>) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut done = Vec::with_capacity(futures.len());
    poll_fn(|context| {
        let mut failure = None;
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(value)) => {
                done.push(value);
                false
            }
            Poll::Ready(Err(error)) => {
                failure = Some(error);
                false
            }
        });
        match failure {
            Some(error) => Poll::Ready(Err(error)),
            None if futures.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn futures_run_side_by_side_and_end_with_the_first_failure() {
        let barrier = tokio::sync::Barrier::new(3);
        let meet = async |number: u8| {
            barrier.wait().await;
            if number < 9 { Ok(number) } else { Err(number) }
        };
        let run = |numbers: [u8; 3]| side_by_side(numbers.map(|number| Box::pin(meet(number))).into());
        let mut done = run([1, 2, 3]).await.unwrap();
        done.sort_unstable();
        assert_eq!(done, [1, 2, 3], "each waits for the others");
        assert_eq!(run([1, 9, 3]).await, Err(9));
        let fail_or_wait = async |fails: bool| match fails {
            true => Err(1_u8),
            false => std::future::pending::<Result<(), u8>>().await,
        };
        let endless = [false, true].map(|fails| Box::pin(fail_or_wait(fails)));
        assert_eq!(side_by_side(endless.into()).await, Err(1), "nobody waits for the others then");
    }
}
