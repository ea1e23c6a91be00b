//! `settlements.csv`, and the same in sums for `summary.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::formula;
use super::summary::{LegRecord, Unit, leg_record_in};
use crate::money::format_minor;
use crate::reconcile::{Conservation, Settlement, Statement, amount_text};

const COLUMNS: [&str; 21] = [
    "account",
    "settlement_id",
    "currency",
    "paid_on",
    "payments",
    "gross",
    "commission",
    "igv",
    "refunds",
    "adjustments",
    "tax",
    "fx",
    "rounding",
    "net",
    "unexplained",
    "bank_reference",
    "deposit",
    "itf",
    "deposit_difference",
    "class",
    "reason",
];

/// One line for each settlement and currency. Amounts are exact, with up to six decimals;
/// `gross − commission − igv − refunds + adjustments + tax + fx + rounding + unexplained = net`.
///
/// # Errors
/// None in practice: the writer fails only where memory cannot be written.
pub fn settlements_csv(settlements: &[Settlement]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for settlement in settlements {
        writer.write_record(fields(settlement))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn fields(settlement: &Settlement) -> [String; 21] {
    let Statement {
        payments,
        gross,
        commission,
        igv,
        refunds,
        adjustments,
        tax,
        fx,
        net,
        rounding,
        unexplained,
        ..
    } = settlement.statement;
    let deposit = settlement.deposit;
    [
        settlement.account.clone(),
        formula::harmless(&settlement.settlement_id).into_owned(),
        settlement.currency.code().to_owned(),
        settlement.paid_on.map(|day| day.to_string()).unwrap_or_default(),
        payments.to_string(),
        amount_text(gross),
        amount_text(commission),
        amount_text(igv),
        amount_text(refunds),
        amount_text(adjustments),
        amount_text(tax),
        amount_text(fx),
        amount_text(rounding),
        amount_text(net),
        amount_text(unexplained),
        formula::harmless(&settlement.bank_reference).into_owned(),
        deposit.map(|deposit| format_minor(deposit.minor)).unwrap_or_default(),
        deposit.map(|deposit| format_minor(deposit.itf_minor)).unwrap_or_default(),
        deposit.map(|deposit| amount_text(deposit.difference)).unwrap_or_default(),
        settlement.class.word().to_owned(),
        settlement.reason.map(|reason| reason.word().to_owned()).unwrap_or_default(),
    ]
}

/// Settlements and deposits in sums.
#[derive(Serialize)]
pub(super) struct SettledRecord {
    /// The payments of the reports, by what became of their settlement.
    #[serde(skip_serializing_if = "Option::is_none")]
    payments: Option<LegRecord>,
    /// The lines of the settlements, by what became of their deposit.
    #[serde(skip_serializing_if = "Option::is_none")]
    deposits: Option<LegRecord>,
    /// The columns of `settlements.csv` added up, by currency.
    statements: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
}

/// Absent where no settlements are in the run.
pub(super) fn settled(conservation: &Conservation, settlements: &[Settlement]) -> Option<SettledRecord> {
    conservation.settlements.as_ref()?;
    let mut sums: BTreeMap<&'static str, (u64, Statement)> = BTreeMap::new();
    for settlement in settlements {
        let (count, sum) = sums.entry(settlement.currency.code()).or_default();
        *count = count.saturating_add(1);
        sum.absorb(&settlement.statement);
    }
    let statements = sums
        .into_iter()
        .map(|(currency, (count, sum))| {
            let amounts = [
                ("gross", sum.gross),
                ("commission", sum.commission),
                ("igv", sum.igv),
                ("refunds", sum.refunds),
                ("adjustments", sum.adjustments),
                ("tax", sum.tax),
                ("fx", sum.fx),
                ("rounding", sum.rounding),
                ("net", sum.net),
                ("unexplained", sum.unexplained),
            ];
            let counts = [("settlements", count), ("rows", sum.rows), ("payments", sum.payments)];
            let counts = counts.map(|(name, count)| (name, count.to_string()));
            (
                currency,
                amounts.map(|(name, sum)| (name, amount_text(sum))).into_iter().chain(counts).collect(),
            )
        })
        .collect();
    let payments = conservation.payments.as_ref().map(|held| leg_record_in(held, 0, Unit::Minor));
    let deposits = conservation.deposits.as_ref().map(|held| leg_record_in(held, 0, Unit::Micros));
    Some(SettledRecord { payments, deposits, statements })
}
