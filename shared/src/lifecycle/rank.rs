//! The total order of rows that tell of one thing, and what it means that two of them contradict each other.

use std::cmp::Ordering;

use super::evidence::{OrderRow, ReportRow};
use crate::ids::compare_operation_numbers;

/// A row of which several may claim one identity.
pub trait Claim: Clone {
    /// Whether a field that both rows carry differs.
    fn contradicts(&self, other: &Self) -> bool;

    /// Takes over the fields that this row lacks.
    fn complete_from(&mut self, other: &Self);

    /// Takes over what an older row of the same identity knew and this newer one leaves out.
    fn inherit(&mut self, older: &Self);

    /// The order in which conflicting rows are preferred: earliest payment, smaller amount, currency, then the fields
    /// as the format lists them; what is missing comes last.
    fn rank(&self, other: &Self) -> Ordering;
}

/// Compares what may be missing, missing last.
pub fn missing_last<T: Ord>(a: Option<&T>, b: Option<&T>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn differ<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

fn complete<T: Clone>(mine: &mut Option<T>, other: Option<&T>) {
    if mine.is_none() {
        *mine = other.cloned();
    }
}

impl Claim for OrderRow<'_> {
    fn contradicts(&self, other: &Self) -> bool {
        self.amount != other.amount
            || self.status != other.status
            || (self.cips != other.cips && !self.cips.is_empty() && !other.cips.is_empty())
            || differ(self.expires_at.as_ref(), other.expires_at.as_ref())
            || differ(self.paid_at.as_ref(), other.paid_at.as_ref())
            || differ(self.fulfilled_at.as_ref(), other.fulfilled_at.as_ref())
            || differ(self.refunded_minor.as_ref(), other.refunded_minor.as_ref())
            || differ(self.refund_payee_id.as_ref(), other.refund_payee_id.as_ref())
            || differ(self.store.as_ref(), other.store.as_ref())
            || differ(self.payer_id.as_ref(), other.payer_id.as_ref())
            || differ(self.ip.as_ref(), other.ip.as_ref())
    }

    fn complete_from(&mut self, other: &Self) {
        if self.cips.is_empty() {
            self.cips.clone_from(&other.cips);
        }
        complete(&mut self.expires_at, other.expires_at.as_ref());
        complete(&mut self.paid_at, other.paid_at.as_ref());
        complete(&mut self.fulfilled_at, other.fulfilled_at.as_ref());
        complete(&mut self.refunded_minor, other.refunded_minor.as_ref());
        complete(&mut self.refund_payee_id, other.refund_payee_id.as_ref());
        complete(&mut self.store, other.store.as_ref());
        complete(&mut self.payer_id, other.payer_id.as_ref());
        complete(&mut self.ip, other.ip.as_ref());
    }

    /// An update that names no CIP does not take the order's CIPs away; all else is as the newer row says it.
    fn inherit(&mut self, older: &Self) {
        if self.cips.is_empty() {
            self.cips.clone_from(&older.cips);
        }
    }

    fn rank(&self, other: &Self) -> Ordering {
        missing_last(self.paid_at.as_ref(), other.paid_at.as_ref())
            .then_with(|| self.amount.minor.cmp(&other.amount.minor))
            .then_with(|| self.amount.currency.cmp(&other.amount.currency))
            .then_with(|| self.cips.is_empty().cmp(&other.cips.is_empty()))
            .then_with(|| self.cips.cmp(&other.cips))
            .then_with(|| self.status.cmp(&other.status))
            .then_with(|| missing_last(self.expires_at.as_ref(), other.expires_at.as_ref()))
            .then_with(|| missing_last(self.fulfilled_at.as_ref(), other.fulfilled_at.as_ref()))
            .then_with(|| missing_last(self.refunded_minor.as_ref(), other.refunded_minor.as_ref()))
            .then_with(|| missing_last(self.refund_payee_id.as_ref(), other.refund_payee_id.as_ref()))
            .then_with(|| missing_last(self.store.as_ref(), other.store.as_ref()))
            .then_with(|| missing_last(self.payer_id.as_ref(), other.payer_id.as_ref()))
            .then_with(|| missing_last(self.ip.as_ref(), other.ip.as_ref()))
            .then_with(|| self.extras.cmp(&other.extras))
    }
}

impl Claim for ReportRow<'_> {
    /// Operation numbers take no part: they are compared only within one source, and there they are the identity.
    fn contradicts(&self, other: &Self) -> bool {
        self.amount != other.amount
            || self.status != other.status
            || differ(self.reference_id.as_ref(), other.reference_id.as_ref())
            || differ(self.provider_id.as_ref(), other.provider_id.as_ref())
            || differ(self.created_at.as_ref(), other.created_at.as_ref())
            || differ(self.expires_at.as_ref(), other.expires_at.as_ref())
            || differ(self.paid_at.as_ref(), other.paid_at.as_ref())
            || differ(self.refunded_minor.as_ref(), other.refunded_minor.as_ref())
            || differ(self.commission.as_ref(), other.commission.as_ref())
            || differ(self.igv.as_ref(), other.igv.as_ref())
            || differ(self.net.as_ref(), other.net.as_ref())
            || differ(self.settlement_id.as_ref(), other.settlement_id.as_ref())
            || differ(self.store.as_ref(), other.store.as_ref())
    }

    fn complete_from(&mut self, other: &Self) {
        complete(&mut self.reference_id, other.reference_id.as_ref());
        complete(&mut self.provider_id, other.provider_id.as_ref());
        complete(&mut self.operation_number, other.operation_number.as_ref());
        complete(&mut self.created_at, other.created_at.as_ref());
        complete(&mut self.expires_at, other.expires_at.as_ref());
        complete(&mut self.paid_at, other.paid_at.as_ref());
        complete(&mut self.refunded_minor, other.refunded_minor.as_ref());
        complete(&mut self.commission, other.commission.as_ref());
        complete(&mut self.igv, other.igv.as_ref());
        complete(&mut self.net, other.net.as_ref());
        complete(&mut self.settlement_id, other.settlement_id.as_ref());
        complete(&mut self.store, other.store.as_ref());
    }

    /// Of a payment, what only the older observation carries still holds. Of a snapshot it does not: where the newest
    /// gives no expiry, no older one's is used.
    fn inherit(&mut self, older: &Self) {
        if self.status.is_event() && !self.contradicts(older) {
            self.complete_from(older);
        }
    }

    fn rank(&self, other: &Self) -> Ordering {
        missing_last(self.paid_at.as_ref(), other.paid_at.as_ref())
            .then_with(|| self.amount.minor.cmp(&other.amount.minor))
            .then_with(|| self.amount.currency.cmp(&other.amount.currency))
            .then_with(|| missing_last(self.reference_id.as_ref(), other.reference_id.as_ref()))
            .then_with(|| missing_last(self.provider_id.as_ref(), other.provider_id.as_ref()))
            .then_with(|| {
                compare_operation_numbers(self.operation_number.as_deref(), other.operation_number.as_deref())
            })
            .then_with(|| self.status.cmp(&other.status))
            .then_with(|| missing_last(self.created_at.as_ref(), other.created_at.as_ref()))
            .then_with(|| missing_last(self.expires_at.as_ref(), other.expires_at.as_ref()))
            .then_with(|| missing_last(self.refunded_minor.as_ref(), other.refunded_minor.as_ref()))
            .then_with(|| missing_last(self.commission.as_ref(), other.commission.as_ref()))
            .then_with(|| missing_last(self.igv.as_ref(), other.igv.as_ref()))
            .then_with(|| missing_last(self.net.as_ref(), other.net.as_ref()))
            .then_with(|| missing_last(self.settlement_id.as_ref(), other.settlement_id.as_ref()))
            .then_with(|| missing_last(self.store.as_ref(), other.store.as_ref()))
            .then_with(|| missing_last(self.observed_at.as_ref(), other.observed_at.as_ref()))
            .then_with(|| self.extras.cmp(&other.extras))
            .then_with(|| self.source.cmp(&other.source))
    }
}
