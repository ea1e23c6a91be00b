//! What stays together from run to run beyond the pairs: settlements, the lines of the bank that pay them, and the fees of
//! those that are closed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::LegRows;
use super::settlement::{Batch, fees_of};
use crate::calendar::Day;
use crate::lifecycle::evidence::SettlementRow;
use crate::lifecycle::settle::RowIndex;
use crate::money::Currency;

/// Account, settlement and currency.
pub type SettlementName = (String, String, Currency);

/// The settlement of a line.
pub(crate) fn settlement_of(row: &SettlementRow<'_>) -> SettlementName {
    (row.account.to_string(), row.settlement_id.to_string(), row.currency)
}

/// The settlements of some lines. Those of one settlement often follow each other.
pub(crate) fn settlements_of<'r, 'a: 'r>(
    rows: impl IntoIterator<Item = &'r SettlementRow<'a>>,
) -> BTreeSet<SettlementName> {
    let mut settlements = BTreeSet::new();
    let mut last = None;
    for row in rows {
        let name = (&row.account, &row.settlement_id, row.currency);
        if last != Some(name) {
            settlements.insert(settlement_of(row));
            last = Some(name);
        }
    }
    settlements
}

/// Settlements that are paid together, with the lines of the bank that pay them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Their rows.
    pub rows: LegRows,
    /// What they kept back.
    pub fees: Vec<ClosedFees>,
}

/// What a closed settlement kept back in one month: an invoice is about all of a month, and a run has the settlements that
/// are not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedFees {
    /// The PagoEfectivo service.
    pub account: String,
    /// The currency, in the word of the formats.
    pub currency: String,
    /// The month of the payout: `2026-03`; empty where no day of it is known.
    pub month: String,
    /// The settlement; absent in the sum of those that are too old to be judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<String>,
    /// The commission, in millionths.
    pub commission: i64,
    /// The tax on it, in millionths.
    pub igv: i64,
}

impl ClosedFees {
    /// Whether they are those of one of these settlements.
    pub(crate) fn is_of(&self, settlements: &BTreeSet<SettlementName>) -> bool {
        let (Some(settlement), Some(currency)) = (&self.settlement, Currency::from_code(&self.currency))
        else {
            return false;
        };
        settlements.contains(&(self.account.clone(), settlement.clone(), currency))
    }

    /// One entry for each settlement and month, also of those that kept nothing back, for an invoice may name them; and one for
    /// all settlements of a month before `oldest`.
    pub(crate) fn summed(fees: impl Iterator<Item = ClosedFees>, oldest: &str) -> Vec<ClosedFees> {
        let mut sums: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        for fee in fees {
            let is_young = fee.month.is_empty() || fee.month.as_str() >= oldest;
            let settlement = fee.settlement.filter(|_| is_young);
            let key = (fee.account, fee.currency, fee.month, settlement);
            let (commission, igv) = sums.entry(key).or_default();
            *commission = commission.saturating_add(fee.commission);
            *igv = igv.saturating_add(fee.igv);
        }
        sums.retain(|(_, _, _, settlement), sum| settlement.is_some() || *sum != (0, 0));
        let fees = sums.into_iter().map(|((account, currency, month, settlement), (commission, igv))| {
            ClosedFees { account, currency, month, settlement, commission, igv }
        });
        fees.collect()
    }
}

/// The month of a day, as fees name it.
pub(crate) fn month_of(day: Day) -> String {
    day.to_string().chars().take(7).collect()
}

/// The bundle of settlements that are paid by these lines.
pub(super) fn bundle<'b, 'r: 'b>(
    rows: &[SettlementRow<'_>],
    batches: impl Iterator<Item = &'b Batch<'r>>,
    bank: Vec<RowIndex>,
) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.rows.bank = bank;
    for batch in batches {
        bundle.rows.settlements.extend(batch.rows.iter().chain(&batch.duplicates));
        bundle.fees.extend(fees_kept(rows, batch));
    }
    bundle
}

/// What a settlement kept back in each month.
fn fees_kept(rows: &[SettlementRow<'_>], batch: &Batch<'_>) -> Vec<ClosedFees> {
    let mut by_day: BTreeMap<Option<Day>, (i128, i128)> = BTreeMap::new();
    for line in batch.rows.iter().filter_map(|row| rows.get(*row)) {
        let (commission, igv) = fees_of(line);
        let sums = by_day.entry(line.paid_on.or(batch.paid_on)).or_default();
        *sums = (sums.0.saturating_add(commission), sums.1.saturating_add(igv));
    }
    let micros = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
    let fees = by_day.into_iter().map(|(day, (commission, igv))| ClosedFees {
        account: batch.account.to_owned(),
        currency: batch.currency.code().to_owned(),
        month: day.map(month_of).unwrap_or_default(),
        settlement: Some(batch.id.to_owned()),
        commission: micros(commission),
        igv: micros(igv),
    });
    ClosedFees::summed(fees, "")
}
