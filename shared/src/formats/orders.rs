//! The orders' columns and how a row of them is put together.

use super::Leg;
use super::fields::{Defect, Fields};
use super::plan::{Field, Kind, Layout};
use crate::calendar::Instant;
use crate::lifecycle::evidence::{OrderRow, OrderStatus};
use crate::money::Money;

const ACCOUNT: Field = Field::required(0, "account", Kind::Text);
const REFERENCE_ID: Field = Field::required(1, "reference_id", Kind::Text);
const CIP: Field = Field::optional(2, "cip", Kind::Cips);
const AMOUNT: Field = Field::required(3, "amount", Kind::Amount);
const CURRENCY: Field = Field::required(4, "currency", Kind::Currency);
const STATUS: Field = Field::required(5, "status", Kind::Status);
const CREATED_AT: Field = Field::required(6, "created_at", Kind::Time);
const EXPIRES_AT: Field = Field::optional(7, "expires_at", Kind::Time);
const PAID_AT: Field = Field::optional(8, "paid_at", Kind::Time);
const FULFILLED_AT: Field = Field::optional(9, "fulfilled_at", Kind::Time);
const REFUNDED_AMOUNT: Field = Field::optional(10, "refunded_amount", Kind::Refund);
const REFUND_PAYEE_ID: Field = Field::optional(11, "refund_payee_id", Kind::Text);
const STORE: Field = Field::optional(12, "store", Kind::Text);
const PAYER_ID: Field = Field::optional(13, "payer_id", Kind::Text);
const IP: Field = Field::optional(14, "ip", Kind::Text);
const UPDATED_AT: Field = Field::optional(15, "updated_at", Kind::Time);

/// The format, in the order of docs/formats.md.
pub(super) const LAYOUT: Layout = Layout {
    leg: Leg::Orders,
    fields: &[
        ACCOUNT,
        REFERENCE_ID,
        CIP,
        AMOUNT,
        CURRENCY,
        STATUS,
        CREATED_AT,
        EXPIRES_AT,
        PAID_AT,
        FULFILLED_AT,
        REFUNDED_AMOUNT,
        REFUND_PAYEE_ID,
        STORE,
        PAYER_ID,
        IP,
        UPDATED_AT,
    ],
    one_of: &[],
    statuses: &[
        OrderStatus::Pending.word(),
        OrderStatus::Paid.word(),
        OrderStatus::Fulfilled.word(),
        OrderStatus::Cancelled.word(),
        OrderStatus::Expired.word(),
        OrderStatus::Refunded.word(),
    ],
};

/// Reads one row, field by field in the order of the format.
pub(super) fn read<'a>(row: &mut Fields<'a, '_>) -> Result<OrderRow<'a>, Defect> {
    let account = row.required_text(ACCOUNT)?;
    let reference_id = row.required_text(REFERENCE_ID)?;
    let cips = row.cips(CIP)?;
    let minor = row.amount(AMOUNT)?;
    let currency = row.currency(CURRENCY)?;
    Ok(OrderRow {
        account,
        reference_id,
        cips,
        amount: Money { minor, currency },
        status: row.status(STATUS, &OrderStatus::ALL, OrderStatus::word)?,
        created_at: row.required_time(CREATED_AT)?,
        expires_at: row.time(EXPIRES_AT)?,
        paid_at: row.time(PAID_AT)?,
        fulfilled_at: row.time(FULFILLED_AT)?,
        refunded_minor: row.refunded(REFUNDED_AMOUNT)?,
        refund_payee_id: row.text(REFUND_PAYEE_ID)?,
        store: row.text(STORE)?,
        payer_id: row.text(PAYER_ID)?,
        ip: row.text(IP)?,
        updated_at: row.time(UPDATED_AT)?,
        extras: row.extras()?,
    })
}

/// The latest time that the row tells of; an expiry lies ahead and proves nothing.
pub(super) fn latest(row: &OrderRow<'_>) -> Option<Instant> {
    [Some(row.created_at), row.paid_at, row.fulfilled_at, row.updated_at].into_iter().flatten().max()
}
