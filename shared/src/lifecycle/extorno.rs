//! The extorno that nobody announces: a CIP that waits for cash again after it was paid.

use super::cip::Snapshots;
use super::evidence::ReportStatus;
use super::operations::{Operation, Standing};

/// Takes back every live payment made before a pending snapshot, also when a newer snapshot has superseded it, unless
/// the payment was seen as paid again afterwards.
pub(super) fn apply(operations: &mut [Operation<'_, '_>], snapshots: &Snapshots<'_, '_>) {
    for operation in operations {
        let Some(paid_at) = operation.paid_at() else { continue };
        let seen_paid_at = operation.paid.as_ref().and_then(|paid| paid.row.observed_at);
        let taken_back = snapshots.rows().any(|row| {
            row.status == ReportStatus::Pending
                && row.observed_at.is_some_and(|observed_at| {
                    paid_at < observed_at && seen_paid_at.is_none_or(|seen| seen <= observed_at)
                })
        });
        if taken_back && operation.standing == Standing::Live {
            operation.reverse();
        }
    }
}
