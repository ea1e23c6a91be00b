//! The Settlement Report of the Paysafe group (paysafecard), versions 5 to 7, by the names of its columns.
//!
//! Columns, five decimals, `.00000` for zero, `BusinessType` and empty amounts of refunds by the group's "Settlement
//! Report API" description. It leaves open what follows, each an **assumption** of ours:
//!
//! - The batch is what `InvoiceNumber` names. A line without one is not settled yet and is set aside: the report of a
//!   later day has it again. The bank is told `paymentNumber` (version 7: "id of the settlement transfer").
//! - Of a refund (`R`) and of a payout (`P`) all amounts take from the batch, whichever sign the report writes. A payout is
//!   an adjustment: it is money for a customer that belongs to no payment.
//! - Where a refund or payout leaves `GrossAmount` or `NetAmount` empty, the other stands for it, the fee apart; where both
//!   are empty, `DebitAmount` does, unless it is in another currency, which `ExchangeRate` tells. Of a payment (`I`, `L`)
//!   both are required.
//! - `FeeAmount` (to version 5) and `TotalFeeAmount` (from version 6) are the commission, tax included: the report has a
//!   percentage of tax and no amount of it.
//! - Lines of other payment instruments stay in, since they are in the same transfer.
//! - No column is the day of the payout, and the times have no zone; so a report covers nothing.
//!
//! The report names no CIP: lines are known by `TransactionID`. Every other column is kept with its row.

use std::borrow::Cow;
use std::cell::Cell;

use crate::formats::{
    Defect, Field, Fields, FileError, Format, Kind, Layout, Leg, LegMapping, Source, Table, read_layout,
};
use crate::lifecycle::evidence::{SettlementKind, SettlementRow};
use crate::money::{Micros, Rate};

const ACCOUNT: Field = Field::required(0, "account", Kind::Text);
const TRANSACTION_ID: Field = Field::required(1, "TransactionID", Kind::Text);
const CURRENCY: Field = Field::required(2, "Currency", Kind::Currency);
const GROSS: Field = Field::required(3, "GrossAmount", Kind::Fee);
const FEE: Field = Field::optional(4, "FeeAmount", Kind::Fee);
const TOTAL_FEE: Field = Field::optional(5, "TotalFeeAmount", Kind::Fee);
const DEBIT: Field = Field::required(6, "DebitAmount", Kind::Fee);
const EXCHANGE_RATE: Field = Field::required(7, "ExchangeRate", Kind::Rate);
const INVOICE: Field = Field::required(8, "InvoiceNumber", Kind::Text);
const NET: Field = Field::required(9, "NetAmount", Kind::Fee);
const BUSINESS_TYPE: Field = Field::required(10, "BusinessType", Kind::Status);
/// Tells a report of version 5 or newer from its forerunners.
const INSTRUMENT: Field = Field::required(11, "PaymentInstrument", Kind::Text);
const PAYMENT_NUMBER: Field = Field::optional(12, "paymentNumber", Kind::Text);

const LAYOUT: Layout = Layout {
    leg: Leg::Settlements,
    fields: &[
        ACCOUNT,
        TRANSACTION_ID,
        CURRENCY,
        GROSS,
        FEE,
        TOTAL_FEE,
        DEBIT,
        EXCHANGE_RATE,
        INVOICE,
        NET,
        BUSINESS_TYPE,
        INSTRUMENT,
        PAYMENT_NUMBER,
    ],
    one_of: &[FEE, TOTAL_FEE],
    statuses: &[
        BusinessType::Payment.word(),
        BusinessType::Cash.word(),
        BusinessType::Refund.word(),
        BusinessType::Payout.word(),
    ],
};

/// Columns of versions 5 to 7 that feed no field, and so are known without being read.
const SILENT_COLUMNS: [&str; 21] = [
    "MID",
    "DebitNr",
    "ReportingCriteria",
    "MerchantClientID",
    "PercentageOfTax",
    "VoucherNumber",
    "DebitTimestamp",
    "InitialAmount",
    "DispositionAmount",
    "CreationTimestamp",
    "ShopID",
    "ClientIpCountry",
    "CardOrigin",
    "CustomerPscId",
    "OriginalTransactionID",
    "DistributorReferenceId",
    "MerchantReferenceId",
    "PaymentInstrumentSubtype",
    "PercentageFeeAmount",
    "FixedFeeAmount",
    "BankID",
];

/// What `BusinessType` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BusinessType {
    Payment,
    /// Paysafecash: paid in cash at a till.
    Cash,
    Refund,
    Payout,
}

impl BusinessType {
    const ALL: [BusinessType; 4] =
        [BusinessType::Payment, BusinessType::Cash, BusinessType::Refund, BusinessType::Payout];

    const fn word(self) -> &'static str {
        match self {
            BusinessType::Payment => "I",
            BusinessType::Cash => "L",
            BusinessType::Refund => "R",
            BusinessType::Payout => "P",
        }
    }

    const fn kind(self) -> SettlementKind {
        match self {
            BusinessType::Payment | BusinessType::Cash => SettlementKind::Payment,
            BusinessType::Refund => SettlementKind::Refund,
            BusinessType::Payout => SettlementKind::Adjustment,
        }
    }
}

/// Reads a report of any of the three versions, whose rows become settlement lines of `account`; a comma stands between
/// its columns, and it has to have its header (`include_header=true`). [`Source::format`] and [`Source::account`] play no
/// part.
///
/// # Errors
/// [`FileError`] when the file as a whole cannot be read; one that lacks a column, as a report of another version does,
/// names it. Bad rows are in [`Table::rejected`].
pub fn read<'a>(source: &Source<'a>, account: &'a str) -> Result<Table<SettlementRow<'a>>, FileError> {
    let source = Source { account: Some(account), format: Format::Csv, ..*source };
    let two_fees = Cell::new(false);
    let build = |fields: &mut Fields<'a, '_>| {
        two_fees.set(two_fees.get() || (fields.has(FEE) && fields.has(TOTAL_FEE)));
        row(fields)
    };
    let read = read_layout(&source, &LAYOUT, &LegMapping::default(), build, |_| None);
    let mut table = read.map_err(|error| match error {
        FileError::MissingColumn { file, column, .. } => {
            let remedy =
                "Cuadre reads versions 5 to 7 of the Settlement Report, with their header, by the names of \
                          its columns"
                    .to_owned();
            FileError::MissingColumn { file, column, remedy }
        }
        other => other,
    })?;
    if two_fees.get() {
        let reason = "has both FeeAmount and TotalFeeAmount, as no version that is known has".to_owned();
        return Err(FileError::BrokenHeader { file: source.name.to_owned(), reason });
    }
    table.unknown_columns.retain(|column| !SILENT_COLUMNS.contains(&column.as_str()));
    Ok(table)
}

fn row<'a>(fields: &mut Fields<'a, '_>) -> Result<SettlementRow<'a>, Defect> {
    let account = fields.required_text(ACCOUNT)?;
    let provider_id = fields.required_text(TRANSACTION_ID)?;
    let currency = fields.currency(CURRENCY)?;
    let stated = Stated {
        gross: fields.bare_exact(GROSS)?,
        fee: fields.bare_exact(FEE)?.or(fields.bare_exact(TOTAL_FEE)?),
        debit: fields.bare_exact(DEBIT)?,
        rate: fields.bare_rate(EXCHANGE_RATE)?,
        net: fields.bare_exact(NET)?,
    };
    let settlement_id = fields.text(INVOICE)?.ok_or_else(|| {
        let reason = "is empty, since there is no invoice yet: take the report again when there is one";
        fields.defect(INVOICE, reason)
    })?;
    let business = fields.status(BUSINESS_TYPE, &BusinessType::ALL, BusinessType::word)?;
    let (gross, net) = match business.kind() {
        SettlementKind::Payment => {
            let gross = stated.gross.ok_or_else(|| empty(fields, GROSS))?;
            (gross, stated.net.ok_or_else(|| empty(fields, NET))?)
        }
        _ => stated.taken().ok_or_else(|| {
            let reason =
                "is empty, and no other amount stands for it: a refund or payout has to state what it takes";
            fields.defect(GROSS, reason)
        })?,
    };
    let mut extras = fields.extras()?;
    for field in [BUSINESS_TYPE, INSTRUMENT, DEBIT] {
        // What is read of them is not all that they say.
        extras.extend(fields.text(field)?.map(|text| (Cow::Borrowed(field.name), text)));
    }
    Ok(SettlementRow {
        account,
        settlement_id,
        currency,
        kind: business.kind(),
        provider_id: Some(provider_id),
        cip: None,
        gross,
        commission: stated.fee,
        igv: None,
        net,
        fx_rate: stated.rate,
        paid_on: None,
        bank_reference: fields.text(PAYMENT_NUMBER)?,
        extras,
    })
}

fn empty(fields: &Fields<'_, '_>, field: Field) -> Defect {
    fields.defect(field, "is missing: expected an amount such as 1234.50")
}

/// The amounts of one line as the report has them.
struct Stated {
    gross: Option<Micros>,
    fee: Option<Micros>,
    debit: Option<Micros>,
    rate: Option<Rate>,
    net: Option<Micros>,
}

impl Stated {
    /// Gross and net of a line that takes from the batch; `None` where it states neither, or where they are too large to
    /// be added up.
    fn taken(&self) -> Option<(Micros, Micros)> {
        let out = |amount: Micros| amount.0.checked_abs()?.checked_neg();
        let exchanged = self.rate.is_some_and(|rate| rate != Rate::ONE);
        let debit = self.debit.filter(|_| !exchanged);
        let fee = self.fee.unwrap_or_default().0;
        let (gross, net) = match (self.gross, self.net, debit) {
            (Some(gross), Some(net), _) => (out(gross)?, out(net)?),
            (Some(alone), None, _) | (None, None, Some(alone)) => {
                let gross = out(alone)?;
                (gross, gross.checked_sub(fee)?)
            }
            (None, Some(net), _) => {
                let net = out(net)?;
                (net.checked_add(fee)?, net)
            }
            (None, None, None) => return None,
        };
        Some((Micros(gross), Micros(net)))
    }
}
