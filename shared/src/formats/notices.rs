//! The notices' columns and how a row of them is put together.

use super::Leg;
use super::fields::{Defect, Fields};
use super::plan::{Field, Kind, Layout};
use crate::calendar::Instant;
use crate::lifecycle::evidence::NoticeRow;
use crate::money::Money;

const ACCOUNT: Field = Field::required(0, "account", Kind::Text);
const CIP: Field = Field::required(1, "cip", Kind::Cip);
const EVENT_TYPE: Field = Field::required(2, "event_type", Kind::Text);
const OPERATION_NUMBER: Field = Field::optional(3, "operation_number", Kind::Number);
const AMOUNT: Field = Field::required(4, "amount", Kind::Amount);
const CURRENCY: Field = Field::required(5, "currency", Kind::Currency);
const PAID_AT: Field = Field::optional(6, "paid_at", Kind::Time);
const RECEIVED_AT: Field = Field::required(7, "received_at", Kind::Time);

/// The format, in the order of docs/formats.md.
pub(super) const LAYOUT: Layout = Layout {
    leg: Leg::Notices,
    fields: &[ACCOUNT, CIP, EVENT_TYPE, OPERATION_NUMBER, AMOUNT, CURRENCY, PAID_AT, RECEIVED_AT],
    one_of: &[],
    statuses: &[],
};

/// Reads one row, field by field in the order of the format.
pub(super) fn read<'a>(row: &mut Fields<'a, '_>) -> Result<NoticeRow<'a>, Defect> {
    let account = row.required_text(ACCOUNT)?;
    let cip = row.required_cip(CIP)?;
    let event_type = row.required_text(EVENT_TYPE)?;
    let operation_number = row.operation_number(OPERATION_NUMBER)?;
    let minor = row.amount(AMOUNT)?;
    let currency = row.currency(CURRENCY)?;
    Ok(NoticeRow {
        account,
        cip,
        event_type,
        operation_number,
        amount: Money { minor, currency },
        paid_at: row.time(PAID_AT)?,
        received_at: row.required_time(RECEIVED_AT)?,
        extras: row.extras()?,
    })
}

/// The latest time that the row tells of.
pub(super) fn latest(row: &NoticeRow<'_>) -> Option<Instant> {
    row.paid_at.max(Some(row.received_at))
}
