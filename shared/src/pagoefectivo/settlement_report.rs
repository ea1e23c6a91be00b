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
    Defect, Field, Fields, FileError, Format, Kind, Layout, Leg, LegMapping, Source, Table,
    number_settlement_lines, read_layout,
};
use crate::lifecycle::evidence::{SettlementKind, SettlementRow};
use crate::money::{Micros, Rate};
use crate::run::SettlementLayout;

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

/// Whether a file begins with the header of such a report, of whatever version.
#[must_use]
pub fn is_one(bytes: &[u8]) -> bool {
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let holds = |field: Field| memchr::memmem::find(header, field.name.as_bytes()).is_some();
    holds(TRANSACTION_ID) && holds(BUSINESS_TYPE)
}

/// The layout as a run takes it.
pub const LAYOUT_OF_SETTLEMENTS: SettlementLayout = SettlementLayout { is_one, read };

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
    let mut table = read.map_err(of_another_version)?;
    if two_fees.get() {
        let reason = "has both FeeAmount and TotalFeeAmount, as no version that is known has".to_owned();
        return Err(FileError::BrokenHeader { file: source.name.to_owned(), reason });
    }
    number_settlement_lines(&mut table.rows);
    table.unknown_columns.retain(|column| !SILENT_COLUMNS.contains(&column.as_str()));
    Ok(table)
}

/// A column that is not there says that the report is of no version that is known, and that is what can be done about it.
fn of_another_version(error: FileError) -> FileError {
    let remedy =
        "Cuadre reads versions 5 to 7 of the Settlement Report, with their header, by the names of its columns"
            .to_owned();
    match error {
        FileError::MissingColumn { file, column, .. } => FileError::MissingColumn { file, column, remedy },
        // A line of amounts stands where the header is missing, and amounts repeat.
        FileError::DuplicateColumn { file, column } if !is_known(&column) => {
            FileError::MissingColumn { file, column: TRANSACTION_ID.name.to_owned(), remedy }
        }
        other => other,
    }
}

fn is_known(column: &str) -> bool {
    LAYOUT.field(column).is_some() || SILENT_COLUMNS.contains(&column)
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
        ordinal: 1,
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

#[cfg(test)]
mod tests {
    use super::*;

    const V5: &str = "MID,TransactionID,DebitNr,Currency,GrossAmount,FeeAmount,PercentageOfTax,DebitAmount,ExchangeRate,\
                      InvoiceNumber,DebitTimestamp,NetAmount,BusinessType,OriginalTransactionID,PaymentInstrument,\
                      PaymentInstrumentSubtype";
    const PAYMENT: [&str; 16] = [
        "1000001",
        "pay_1",
        "1",
        "PEN",
        "100.00",
        "2.89123",
        "18.00",
        "100.00",
        "1.00000",
        "INV-7",
        "2026-03-02 09:30:00.000",
        "97.10877",
        "I",
        "",
        "PAGOEFECTIVO",
        "cash",
    ];

    /// The payment with some columns replaced, as the report quotes it.
    fn line(changed: &[(&str, &str)]) -> String {
        let value = |(name, good): (&str, &str)| {
            let other = changed.iter().find(|(column, _)| *column == name);
            format!("\"{}\"", other.map_or(good, |(_, value)| *value))
        };
        V5.split(',').zip(PAYMENT).map(value).collect::<Vec<_>>().join(",")
    }

    fn report(header: &str, lines: &[String]) -> String {
        format!("{header}\r\n{}\r\n", lines.join("\r\n"))
    }

    fn read_text(text: &str) -> Result<Table<SettlementRow<'_>>, FileError> {
        let source = Source { name: "s.csv", bytes: text.as_bytes(), format: Format::Ndjson, account: None };
        read(&source, "tienda")
    }

    fn amounts(row: &SettlementRow<'_>) -> (String, String) {
        (row.gross.to_string(), row.net.to_string())
    }

    #[test]
    fn a_payment_becomes_a_line_of_its_invoice() {
        let text = report(V5, &[line(&[])]);
        let table = read_text(&text).unwrap();
        let [row] = table.rows.as_slice() else { panic!("{:?}", table.rejected) };
        assert_eq!(
            (&*row.account, &*row.settlement_id, row.kind),
            ("tienda", "INV-7", SettlementKind::Payment)
        );
        assert_eq!((row.provider_id.as_deref(), row.cip), (Some("pay_1"), None));
        assert_eq!(amounts(row), ("100.000000".to_owned(), "97.108770".to_owned()));
        assert_eq!(row.commission.unwrap().to_string(), "2.891230");
        assert_eq!(row.fx_rate, Some(Rate::ONE));
        let extra =
            |name: &str| row.extras.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        assert_eq!(extra("PaymentInstrument"), Some("PAGOEFECTIVO"));
        assert_eq!(extra("PercentageOfTax"), Some("18.00"));
        assert_eq!(extra("DebitAmount"), Some("100.00"));
        assert_eq!(extra("BusinessType"), Some("I"));
        assert_eq!((table.unknown_columns.as_slice(), table.latest), ([].as_slice(), None));
        assert!(table.cleansed.is_empty());
    }

    #[test]
    fn three_versions_are_told_by_their_columns() {
        let check = |header: String, payment: &str, unknown: &[&str], bank_reference: Option<&str>| {
            let text = report(&header, &[payment.to_owned()]);
            let table = read_text(&text).unwrap();
            let [row] = table.rows.as_slice() else { panic!("{:?}", table.rejected) };
            assert_eq!(row.commission.unwrap().to_string(), "2.891230", "{header}");
            assert_eq!(row.bank_reference.as_deref(), bank_reference, "{header}");
            assert_eq!(table.unknown_columns, unknown, "{header}");
        };
        let v6 = V5.replace("FeeAmount", "TotalFeeAmount");
        let v7 = format!("{v6},PercentageFeeAmount,BankID,RetailerId,paymentNumber");
        check(V5.to_owned(), &line(&[]), &[], None);
        check(v6, &line(&[]), &[], None);
        check(v7.clone(), &(line(&[]) + ",2.0,9,77,P-5"), &["RetailerId"], Some("P-5"));
        check(v7, &(line(&[]) + ",2.0,9,77,"), &["RetailerId"], None);
    }

    #[test]
    fn a_report_of_another_version_is_refused_by_its_column() {
        let check = |header: String, column: &str| {
            let expected = format!(
                "s.csv has no column \"{column}\": Cuadre reads versions 5 to 7 of the Settlement Report, with their \
                 header, by the names of its columns"
            );
            assert_eq!(read_text(&report(&header, &[line(&[])])).unwrap_err().to_string(), expected);
        };
        check(V5.replace("TransactionID,DebitNr", "TransactionId,DebitNr"), "TransactionID");
        check(V5.replace("InvoiceNumber", "Invoice"), "InvoiceNumber");
        check(V5.replace("FeeAmount", "Fee"), "FeeAmount\" or \"TotalFeeAmount");
        check(V5.replace("PaymentInstrument,", "Instrument,"), "PaymentInstrument");
        // Without its header, the first line stands for one.
        check(line(&[]), "TransactionID");
        let both = V5.replace("DebitNr", "TotalFeeAmount");
        assert_eq!(
            read_text(&report(&both, &[line(&[])])).unwrap_err().to_string(),
            "the header of s.csv cannot be read because it has both FeeAmount and TotalFeeAmount, as no version that \
             is known has: correct the first line"
        );
    }

    #[test]
    fn a_zero_without_its_first_digit_is_zero() {
        let text =
            report(V5, &[line(&[("FeeAmount", ".00000"), ("NetAmount", "-.5"), ("ExchangeRate", ".00000")])]);
        let table = read_text(&text).unwrap();
        let row = &table.rows[0];
        assert_eq!((row.commission, row.net, row.fx_rate), (Some(Micros(0)), Micros(-500_000), None));
    }

    #[test]
    fn a_refund_takes_from_the_batch_whatever_it_leaves_empty() {
        let check = |changed: &[(&str, &str)], expected: Option<(&str, &str)>| {
            let refund =
                [("TransactionID", "ref_1"), ("BusinessType", "R"), ("OriginalTransactionID", "pay_1")];
            let text = report(V5, &[line(&[&refund, changed].concat())]);
            let table = read_text(&text).unwrap();
            let found = table.rows.first().map(amounts);
            assert_eq!(found.as_ref().map(|(gross, net)| (&**gross, &**net)), expected, "{changed:?}");
            assert!(table.rows.iter().all(|row| row.kind == SettlementKind::Refund));
            assert!(table.rejected.iter().all(|rejected| rejected.field == "GrossAmount"), "{changed:?}");
        };
        let no = |name| (name, "");
        check(&[("NetAmount", "100.00")], Some(("-100.000000", "-100.000000")));
        check(&[("GrossAmount", "-100.00"), ("NetAmount", "-97.5")], Some(("-100.000000", "-97.500000")));
        check(&[no("NetAmount"), no("FeeAmount")], Some(("-100.000000", "-100.000000")));
        check(&[no("NetAmount"), ("FeeAmount", "1.5")], Some(("-100.000000", "-101.500000")));
        check(&[no("GrossAmount"), no("FeeAmount"), ("NetAmount", "5")], Some(("-5.000000", "-5.000000")));
        let none = [no("GrossAmount"), no("NetAmount"), no("FeeAmount"), no("ExchangeRate")];
        check(&none, Some(("-100.000000", "-100.000000")));
        let exchanged = [no("GrossAmount"), no("NetAmount"), no("FeeAmount"), ("ExchangeRate", "3.75")];
        check(&exchanged, None);
        check(&[no("GrossAmount"), no("NetAmount"), no("DebitAmount")], None);
    }

    #[test]
    fn a_payout_is_an_adjustment_and_paysafecash_a_payment() {
        let text = report(V5, &[line(&[("BusinessType", "P")]), line(&[("BusinessType", "L")])]);
        let table = read_text(&text).unwrap();
        let found: Vec<_> = table.rows.iter().map(|row| (row.kind, row.gross.0)).collect();
        assert_eq!(
            found,
            [(SettlementKind::Adjustment, -100_000_000), (SettlementKind::Payment, 100_000_000)]
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_is_set_aside_and_the_others_go_on() {
        let check = |changed: (&str, &str), reason: &str| {
            let text = report(V5, &[line(&[]), line(&[changed]), line(&[])]);
            let table = read_text(&text).unwrap();
            assert_eq!(table.rows.len(), 2, "{changed:?}");
            let [rejected] = table.rejected.as_slice() else { panic!("{changed:?}") };
            assert_eq!(
                (rejected.line, rejected.field.as_str(), rejected.reason.as_str()),
                (3, changed.0, reason)
            );
        };
        let decimal = "is not a plain decimal such as 1234.50";
        check(
            ("InvoiceNumber", ""),
            "is empty, since there is no invoice yet: take the report again when there is one",
        );
        check(("BusinessType", "X"), "is not a known status: expected one of I, L, R, P");
        check(("Currency", "EUR"), "is not PEN or USD");
        check(("GrossAmount", ""), "is missing: expected an amount such as 1234.50");
        check(("NetAmount", ""), "is missing: expected an amount such as 1234.50");
        check(("NetAmount", "1,234.50"), decimal);
        check(("FeeAmount", "."), decimal);
        check(
            ("FeeAmount", "0.0000001"),
            "has more than 6 decimals: expected a plain decimal such as 1234.50",
        );
        check(("TransactionID", ""), "is missing: expected a text of at most 256 bytes");
    }

    #[test]
    fn a_report_is_told_by_its_header() {
        assert!(is_one(report(V5, &[line(&[])]).as_bytes()));
        assert!(is_one(V5.replace(',', "\",\"").as_bytes()));
        assert!(!is_one(b"settlement_id,gross\nTransactionID,BusinessType\n"));
        assert!(!is_one(b""));
    }

    #[test]
    fn a_report_without_lines_is_good_and_one_without_a_byte_is_not() {
        assert_eq!(read_text(V5).unwrap().rows, []);
        assert!(matches!(read_text(""), Err(FileError::Empty { .. })));
    }
}
