//! The reports' columns and how a row of them is put together.

use super::Leg;
use super::fields::{Defect, Fields};
use super::plan::{Field, Kind, Layout};
use crate::calendar::Instant;
use crate::lifecycle::evidence::{ReportRow, ReportStatus};
use crate::money::Money;

const ACCOUNT: Field = Field::required(0, "account", Kind::Text);
const CIP: Field = Field::optional(1, "cip", Kind::Cip);
const REFERENCE_ID: Field = Field::optional(2, "reference_id", Kind::Text);
const PROVIDER_ID: Field = Field::optional(3, "provider_id", Kind::Text);
const OPERATION_NUMBER: Field = Field::optional(4, "operation_number", Kind::Number);
const AMOUNT: Field = Field::required(5, "amount", Kind::Amount);
const CURRENCY: Field = Field::required(6, "currency", Kind::Currency);
const STATUS: Field = Field::required(7, "status", Kind::Status);
const CREATED_AT: Field = Field::optional(8, "created_at", Kind::Time);
const EXPIRES_AT: Field = Field::optional(9, "expires_at", Kind::Time);
const PAID_AT: Field = Field::optional(10, "paid_at", Kind::Time);
const REFUNDED_AMOUNT: Field = Field::optional(11, "refunded_amount", Kind::Refund);
const COMMISSION: Field = Field::optional(12, "commission", Kind::Fee);
const IGV: Field = Field::optional(13, "igv", Kind::Fee);
const NET: Field = Field::optional(14, "net", Kind::Fee);
const SETTLEMENT_ID: Field = Field::optional(15, "settlement_id", Kind::Text);
const STORE: Field = Field::optional(16, "store", Kind::Text);
const OBSERVED_AT: Field = Field::optional(17, "observed_at", Kind::Time);

/// The format, in the order of docs/formats.md.
pub(super) const LAYOUT: Layout = Layout {
    leg: Leg::Reports,
    fields: &[
        ACCOUNT,
        CIP,
        REFERENCE_ID,
        PROVIDER_ID,
        OPERATION_NUMBER,
        AMOUNT,
        CURRENCY,
        STATUS,
        CREATED_AT,
        EXPIRES_AT,
        PAID_AT,
        REFUNDED_AMOUNT,
        COMMISSION,
        IGV,
        NET,
        SETTLEMENT_ID,
        STORE,
        OBSERVED_AT,
    ],
    one_of: &[CIP, REFERENCE_ID, PROVIDER_ID],
    statuses: &[
        ReportStatus::Pending.word(),
        ReportStatus::Paid.word(),
        ReportStatus::Expired.word(),
        ReportStatus::Removed.word(),
        ReportStatus::Refunded.word(),
        ReportStatus::Reversed.word(),
    ],
};

/// Reads one row, field by field in the order of the format.
pub(super) fn read<'a>(row: &mut Fields<'a, '_>, source: u16) -> Result<ReportRow<'a>, Defect> {
    let account = row.required_text(ACCOUNT)?;
    let cip = row.cip(CIP)?;
    let reference_id = row.text(REFERENCE_ID)?;
    let provider_id = row.text(PROVIDER_ID)?;
    if cip.is_none() && reference_id.is_none() && provider_id.is_none() {
        return Err(row.defect(CIP, "is missing: expected a cip, a reference_id or a provider_id"));
    }
    let operation_number = row.operation_number(OPERATION_NUMBER)?;
    let minor = row.amount(AMOUNT)?;
    let currency = row.currency(CURRENCY)?;
    Ok(ReportRow {
        source,
        account,
        cip,
        reference_id,
        provider_id,
        operation_number,
        amount: Money { minor, currency },
        status: row.status(STATUS, &ReportStatus::ALL, ReportStatus::word)?,
        created_at: row.time(CREATED_AT)?,
        expires_at: row.time(EXPIRES_AT)?,
        paid_at: row.time(PAID_AT)?,
        refunded_minor: row.refunded(REFUNDED_AMOUNT)?,
        commission: row.fee(COMMISSION)?,
        igv: row.fee(IGV)?,
        net: row.fee(NET)?,
        settlement_id: row.text(SETTLEMENT_ID)?,
        store: row.text(STORE)?,
        observed_at: row.time(OBSERVED_AT)?,
        extras: row.extras()?,
    })
}

/// The latest time that the row tells of; an expiry lies ahead and proves nothing.
pub(super) fn latest(row: &ReportRow<'_>) -> Option<Instant> {
    [row.created_at, row.paid_at, row.observed_at].into_iter().flatten().max()
}
