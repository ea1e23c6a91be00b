//! What stays together from run to run beyond the pairs: settlements, the lines of the bank that pay them, and the fees of
//! those that are closed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::LegRows;
use super::settlement::{Batch, fees_of};
use crate::config::Policy;
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

/// What closed settlements kept back in one month: an invoice is about all of a month, and a run has the settlements that
/// are not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedFees {
    /// The PagoEfectivo service.
    pub account: String,
    /// The currency, in the word of the formats.
    pub currency: String,
    /// The month of the payout: `2026-03`.
    pub month: String,
    /// The settlement, where the policy lists an invoice by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The commission, in millionths.
    pub commission: i64,
    /// The tax on it, in millionths.
    pub igv: i64,
}

impl ClosedFees {
    /// What takes these fees out of a sum.
    #[must_use]
    pub fn negated(&self) -> ClosedFees {
        let ClosedFees { commission, igv, .. } = *self;
        ClosedFees { commission: commission.saturating_neg(), igv: igv.saturating_neg(), ..self.clone() }
    }

    /// One sum for each account, currency, month and invoice; nothing for those that come to nothing.
    #[must_use]
    pub fn summed<'f>(fees: impl Iterator<Item = &'f ClosedFees>) -> Vec<ClosedFees> {
        let mut sums: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        for fee in fees {
            let key = (&fee.account, &fee.currency, &fee.month, &fee.number);
            let (commission, igv) = sums.entry(key).or_default();
            *commission = commission.saturating_add(fee.commission);
            *igv = igv.saturating_add(fee.igv);
        }
        sums.retain(|_, sum| *sum != (0, 0));
        let fees =
            sums.into_iter().map(|((account, currency, month, number), (commission, igv))| ClosedFees {
                account: account.clone(),
                currency: currency.clone(),
                month: month.clone(),
                number: number.clone(),
                commission,
                igv,
            });
        fees.collect()
    }
}

/// The bundle of settlements that are paid by these lines.
pub(super) fn bundle<'b, 'r: 'b>(
    rows: &[SettlementRow<'_>],
    batches: impl Iterator<Item = &'b Batch<'r>>,
    bank: Vec<RowIndex>,
    policy: &Policy,
) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.rows.bank = bank;
    for batch in batches {
        bundle.rows.settlements.extend(batch.rows.iter().chain(&batch.duplicates));
        let invoices = &policy.settlement_rules(batch.account).fee_invoices;
        let listed = invoices.iter().any(|invoice| invoice.number == batch.id);
        for line in batch.rows.iter().filter_map(|row| rows.get(*row)) {
            let Some(day) = line.paid_on.or(batch.paid_on) else { continue };
            let (commission, igv) = fees_of(line);
            let micros = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
            let month = day.to_string().chars().take(7).collect::<String>();
            let numbers = BTreeSet::from([None, listed.then(|| batch.id.to_owned())]);
            bundle.fees.extend(numbers.into_iter().map(|number| ClosedFees {
                account: batch.account.to_owned(),
                currency: batch.currency.code().to_owned(),
                month: month.clone(),
                number,
                commission: micros(commission),
                igv: micros(igv),
            }));
        }
    }
    bundle.fees = ClosedFees::summed(bundle.fees.iter());
    bundle
}
