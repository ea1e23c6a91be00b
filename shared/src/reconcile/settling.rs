//! The relations beyond the reports: payments to settlements, settlements to the bank, refunds to either.

use serde::{Deserialize, Serialize};

use super::bundle::{self, Bundle};
use super::class::{Class, Reason};
use super::deposit::{self, Owners, Paid};
use super::line::{LegRows, Line};
use super::payment::Payments;
use super::refund::Evidence;
use super::settlement::{self, Judged, Statement};
use super::under::Under;
use super::{Buckets, ConservationError, Inputs};
use crate::calendar::Day;
use crate::lifecycle::settle::RowIndex;
use crate::money::Currency;

/// A settlement in one currency, as `settlements.csv` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The PagoEfectivo service.
    pub account: String,
    /// The provider's name for the batch.
    pub settlement_id: String,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The last day on which a line of it was paid out.
    pub paid_on: Option<Day>,
    /// What it adds up to.
    pub statement: Statement,
    /// What the bank calls the payout, separated by `;` where there are several names.
    pub bank_reference: String,
    /// What the bank paid in; absent where no deposit was found or no bank was heard, and on all but the first of the
    /// settlements that share a deposit.
    pub deposit: Option<DepositPaid>,
    /// What became of it.
    pub class: Class,
    /// Why, as far as the class alone does not say it.
    pub reason: Option<Reason>,
}

/// What the bank paid in for one settlement, or for several together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositPaid {
    /// In minor units.
    pub minor: i128,
    /// The tax that the bank took, in minor units.
    pub itf_minor: i128,
    /// Deposit less what was expected of it, in millionths.
    pub difference: i128,
}

/// What the relations beyond the reports gave.
#[derive(Debug, Default)]
pub(super) struct Settling {
    pub lines: Vec<Line>,
    /// Rows of what waits without a line of its own: payments for their settlement or refund, settlements for the bank, credits
    /// for their settlement.
    pub waiting: LegRows,
    /// In the order of account, settlement and currency.
    pub settlements: Vec<Settlement>,
    /// Settlements with the lines of the bank that pay them.
    pub bundles: Vec<Bundle>,
    /// Which lines of settlements agree with the reports, in millionths.
    pub settlement_rows: Option<Buckets>,
    /// Which payments are settled.
    pub payments: Option<Buckets>,
    /// Which lines of settlements have been paid in, in millionths.
    pub deposits: Option<Buckets>,
    /// Which lines of the bank are explained.
    pub bank: Option<Buckets>,
}

/// Judges the legs that are there.
///
/// # Errors
/// [`ConservationError`] where a row was forgotten.
pub(super) fn judge(
    inputs: &Inputs<'_>,
    payments: &Payments<'_>,
    under: Under<'_>,
) -> Result<Settling, ConservationError> {
    let mut settling = Settling::default();
    let accounts = inputs.accounts();
    let before = settlement::Before { closed: &inputs.closed_settlements, fees: &inputs.closed_fees };
    let judged = match &inputs.settlements {
        Some(rows) => Some(settlement::judge(rows, before, payments, &accounts, under)?),
        None => None,
    };
    let bank = inputs.bank.as_deref();
    let mut owners = Owners::new(&accounts, inputs.bank_accounts(), under);
    if inputs.is_of_one_account {
        owners.share_with_others(&accounts, under);
    }
    let settled = judged.as_ref().zip(inputs.settlements.as_deref()).map(|(judged, rows)| (rows, judged));
    let mut at_bank = match bank {
        Some(rows) => Some(deposit::judge(rows, settled, payments, &owners, under)?),
        None => None,
    };
    let evidence =
        Evidence { settled: judged.as_ref(), bank: bank.zip(at_bank.as_mut()), owners: &owners, under };
    settling.lines = evidence.unpaid(payments, &mut settling.waiting);
    let groups = at_bank.as_mut().map(|at_bank| std::mem::take(&mut at_bank.bundles));
    let paid = at_bank.as_ref().map(|at_bank| at_bank.batches.as_slice());
    if let Some(mut judged) = judged {
        settling.lines.append(&mut judged.lines);
        settling.waiting.reports.append(&mut judged.waiting.reports);
        settling.waiting.settlements.append(&mut judged.waiting.settlements);
        settling.bundles = bundles(inputs, &judged, groups);
        settling.settlements = shown(&judged, paid);
        settling.settlement_rows = Some(judged.rows);
        settling.payments = Some(judged.payments);
    }
    if let (Some(at_bank), Some(rows)) = (at_bank, bank) {
        settling.lines.extend(at_bank.lines);
        settling.waiting.settlements.extend(at_bank.waiting.settlements);
        settling.waiting.bank = at_bank.waiting.bank;
        settling.deposits = at_bank.settlements;
        settling.bank = Some(at_bank.rows.close(rows.iter().map(|row| row.amount))?);
    }
    Ok(settling)
}

/// Each settlement by itself, or with those that are paid together with it and the lines that pay them.
fn bundles(
    inputs: &Inputs<'_>,
    judged: &Judged<'_>,
    groups: Option<Vec<(Vec<usize>, Vec<RowIndex>)>>,
) -> Vec<Bundle> {
    let rows = inputs.settlements.as_deref().unwrap_or_default();
    let alone = || (0..judged.batches.len()).map(|batch| (vec![batch], Vec::new())).collect();
    let groups = groups.unwrap_or_else(alone);
    let bundle = |(batches, lines): (Vec<usize>, Vec<RowIndex>)| {
        let batches = batches.iter().filter_map(|batch| judged.batches.get(*batch));
        bundle::bundle(rows, batches, lines)
    };
    groups.into_iter().map(bundle).collect()
}

fn shown(judged: &Judged<'_>, paid: Option<&[Paid]>) -> Vec<Settlement> {
    let each = judged.batches.iter().zip(&judged.statements).zip(&judged.verdicts).enumerate();
    each.map(|(place, ((batch, statement), verdict))| {
        let paid = paid.and_then(|paid| paid.get(place));
        // What the statement says comes first: a deposit of a wrong amount may be wrong for that alone.
        let (class, reason) = match paid {
            Some(paid) if verdict.class == Class::Matched => (paid.class, paid.reason),
            Some(paid) if verdict.class == Class::Open && paid.class.is_break() => (paid.class, paid.reason),
            _ => (verdict.class, verdict.reason),
        };
        Settlement {
            account: batch.account.to_owned(),
            settlement_id: batch.id.to_owned(),
            currency: batch.currency,
            paid_on: batch.paid_on,
            statement: *statement,
            bank_reference: batch.references.join(";"),
            deposit: paid.and_then(|paid| paid.deposit),
            class,
            reason,
        }
    })
    .collect()
}
