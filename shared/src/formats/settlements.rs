//! The settlements' columns and how a row of them is put together.

use super::Leg;
use super::fields::{Defect, Fields};
use super::plan::{Field, Kind, Layout};
use crate::calendar::{Day, Instant};
use crate::lifecycle::evidence::{SettlementKind, SettlementRow};

const ACCOUNT: Field = Field::required(0, "account", Kind::Text);
const SETTLEMENT_ID: Field = Field::required(1, "settlement_id", Kind::Text);
const CURRENCY: Field = Field::required(2, "currency", Kind::Currency);
const KIND: Field = Field::required(3, "kind", Kind::Status);
const PROVIDER_ID: Field = Field::optional(4, "provider_id", Kind::Text);
const CIP: Field = Field::optional(5, "cip", Kind::Cip);
const GROSS: Field = Field::required(6, "gross", Kind::Fee);
const COMMISSION: Field = Field::optional(7, "commission", Kind::Fee);
const IGV: Field = Field::optional(8, "igv", Kind::Fee);
const NET: Field = Field::required(9, "net", Kind::Fee);
const FX_RATE: Field = Field::optional(10, "fx_rate", Kind::Rate);
const PAID_ON: Field = Field::optional(11, "paid_on", Kind::Day);
const BANK_REFERENCE: Field = Field::optional(12, "bank_reference", Kind::Text);

/// The format, in the order of docs/formats.md. Its `kind` takes the place of a status, in mappings too.
pub(super) const LAYOUT: Layout = Layout {
    leg: Leg::Settlements,
    fields: &[
        ACCOUNT,
        SETTLEMENT_ID,
        CURRENCY,
        KIND,
        PROVIDER_ID,
        CIP,
        GROSS,
        COMMISSION,
        IGV,
        NET,
        FX_RATE,
        PAID_ON,
        BANK_REFERENCE,
    ],
    one_of: &[],
    statuses: &[
        SettlementKind::Payment.word(),
        SettlementKind::Refund.word(),
        SettlementKind::Reversal.word(),
        SettlementKind::Fee.word(),
        SettlementKind::Igv.word(),
        SettlementKind::Adjustment.word(),
        SettlementKind::Tax.word(),
        SettlementKind::Fx.word(),
    ],
};

/// Reads one row, field by field in the order of the format. Its ordinal is 1 until the file's lines are counted.
pub(super) fn read<'a>(row: &mut Fields<'a, '_>) -> Result<SettlementRow<'a>, Defect> {
    Ok(SettlementRow {
        account: row.required_text(ACCOUNT)?,
        settlement_id: row.required_text(SETTLEMENT_ID)?,
        currency: row.currency(CURRENCY)?,
        kind: row.status(KIND, &SettlementKind::ALL, SettlementKind::word)?,
        provider_id: row.text(PROVIDER_ID)?,
        cip: row.cip(CIP)?,
        gross: row.required_signed_exact(GROSS)?,
        commission: row.signed_exact(COMMISSION)?,
        igv: row.signed_exact(IGV)?,
        net: row.required_signed_exact(NET)?,
        fx_rate: row.rate(FX_RATE)?,
        paid_on: row.day(PAID_ON)?,
        bank_reference: row.text(BANK_REFERENCE)?,
        ordinal: 1,
        extras: row.extras()?,
    })
}

/// The first instant of the payout's day: of the rest of that day the row says nothing.
pub(super) fn latest(row: &SettlementRow<'_>) -> Option<Instant> {
    row.paid_on.and_then(Day::start)
}
