//! Money that was to go back to the shopper: whether a settlement or the bank shows that it went.

use std::collections::HashMap;

use super::beside::{PAYMENT, payment_line};
use super::class::{Bucket, Class};
use super::deposit::{Judged as AtBank, Names, Owners, words};
use super::line::{LegRows, Line};
use super::payment::{Payment, Payments};
use super::settlement::Judged as Settled;
use super::under::{Awaited, Under};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::BankRow;
use crate::lifecycle::operations::Standing;
use crate::lifecycle::settle::RowIndex;

/// The least characters of a reference, or digits of a CIP, that is looked for within a text. What stands alone as the
/// bank's reference may be shorter.
const NAME_CHARS_MIN: usize = 6;

/// The legs that may show that money went back.
pub(super) struct Evidence<'e, 'r, 'a> {
    pub settled: Option<&'e Settled<'r>>,
    pub bank: Option<(&'e [BankRow<'a>], &'e mut AtBank)>,
    pub owners: &'e Owners<'e>,
    pub under: Under<'e>,
}

impl Evidence<'_, '_, '_> {
    /// The refunds of which neither leg shows anything, once both have been heard beyond their grace. Those that wait are
    /// gathered apart.
    pub fn unpaid(mut self, payments: &Payments<'_>, waiting: &mut LegRows) -> Vec<Line> {
        let mut open: Vec<usize> = (0..payments.list.len())
            .filter(|index| payments.list.get(*index).is_some_and(|payment| self.is_sought(*index, payment)))
            .collect();
        if let Some((rows, at_bank)) = &mut self.bank {
            let shown = by_debits(rows, at_bank, self.owners, payments, &open);
            for row in shown.values() {
                at_bank.rows.put([row], Bucket::Matched);
                at_bank.taken.insert(*row);
            }
            open.retain(|index| !shown.contains_key(index));
        }
        let lines = open.into_iter().filter_map(|index| {
            let payment = payments.list.get(index)?;
            let refund = payment.refund?;
            let start = refund.decided_at.or(payment.paid_at);
            let covered = self.heard_until(payment);
            if self.under.may_come(payment.account, Awaited::Refund, start, covered) {
                waiting.reports.push(payment.report);
                return None;
            }
            Some(payment_line(payment, PAYMENT, "refund", Class::RefundUnpaid, refund.minor))
        });
        lines.collect()
    }

    /// Whether money of a payment is to go back and no settlement shows it yet. What the provider gave back before it settled
    /// it never reached the merchant, and nothing of it can show.
    fn is_sought(&self, index: usize, payment: &Payment<'_>) -> bool {
        let count = |counts: &[u32]| counts.get(index).copied().unwrap_or(0);
        let Some(settled) = self.settled else { return payment.refund.is_some() };
        let never_reached = payment.standing == Standing::Refunded && count(&settled.binding.settled) == 0;
        payment.refund.is_some() && count(&settled.binding.given_back) == 0 && !never_reached
    }

    /// Up to when every leg of the run has been heard that may show the refund.
    fn heard_until(&self, payment: &Payment<'_>) -> Option<Instant> {
        let bank_accounts = self.owners.bank_accounts(payment.account, payment.money.currency);
        let coverage = self.under.coverage;
        match (self.settled.is_some(), self.bank.is_some()) {
            (true, true) => coverage.settlements.min(coverage.bank.of(bank_accounts)),
            (true, false) => coverage.settlements,
            (false, _) => coverage.bank.of(bank_accounts),
        }
    }
}

/// The debit that shows each refund: it bears the order's reference or the CIP. A debit shows one refund, of equal amount
/// where several are sought.
fn by_debits(
    rows: &[BankRow<'_>],
    at_bank: &AtBank,
    owners: &Owners<'_>,
    payments: &Payments<'_>,
    open: &[usize],
) -> HashMap<usize, RowIndex> {
    let sought: Vec<(usize, &Payment<'_>)> =
        open.iter().filter_map(|index| Some((*index, payments.list.get(*index)?))).collect();
    let references = || sought.iter().filter_map(|(index, payment)| Some((payment.reference?, *index)));
    let mut by_cip: HashMap<Cip, Vec<usize>> = HashMap::new();
    for (index, payment) in &sought {
        if let Some(cip) = payment.key.cip() {
            by_cip.entry(cip).or_default().push(*index);
        }
    }
    let mut whole: HashMap<&str, Vec<usize>> = HashMap::new();
    references().for_each(|(reference, index)| whole.entry(reference).or_default().push(index));
    let names = Names::new(references(), NAME_CHARS_MIN);
    let mut shown: HashMap<usize, RowIndex> = HashMap::new();
    if sought.is_empty() {
        return shown;
    }
    for row in &at_bank.order {
        let Some(line) = rows.get(*row).filter(|line| line.amount.minor < 0) else { continue };
        if at_bank.taken.contains(row) {
            continue;
        }
        let reference = line.bank_reference.as_deref().unwrap_or_default();
        let mut found: Vec<usize> = whole.get(reference).into_iter().flatten().copied().collect();
        found.extend(Cip::parse(reference).and_then(|cip| by_cip.get(&cip)).into_iter().flatten());
        for text in [reference, &line.description] {
            found.extend(names.within(text).map(|(_, index)| index));
            let cips = words(text).filter_map(|(_, word)| Cip::parse(word));
            let cips = cips.filter(|cip| cip.to_string().len() >= NAME_CHARS_MIN);
            found.extend(cips.filter_map(|cip| by_cip.get(&cip)).flatten());
        }
        found.sort_unstable();
        found.dedup();
        let fits = |index: &&usize| {
            payments.list.get(**index).is_some_and(|payment| {
                payment.money.currency == line.amount.currency
                    && owners.owns(payment.account, &line.bank_account)
            }) && !shown.contains_key(*index)
        };
        let equal = |index: &&usize| {
            let refund = payments.list.get(**index).and_then(|payment| payment.refund);
            refund.is_some_and(|refund| Some(refund.minor) == line.amount.minor.checked_neg())
        };
        let chosen = found.iter().filter(fits).find(equal).or_else(|| found.iter().find(fits)).copied();
        if let Some(index) = chosen {
            shown.insert(index, *row);
        }
    }
    shown
}
