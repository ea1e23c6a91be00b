//! Which line of a settlement is about which payment.

use super::super::payment::{Payment, Payments, Span};
use super::batch::Batch;
use crate::formats::SettlementIdentity;
use crate::lifecycle::evidence::{SettlementKind, SettlementRow};
use crate::lifecycle::operations::Standing;
use crate::lifecycle::settle::RowIndex;
use crate::money::Money;

/// A minor unit in millionths.
pub(in super::super) const MICROS_PER_MINOR: i64 = 10_000;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum About {
    /// No payment: a fee, a tax, a correction. Also a line that only repeats another.
    NoPayment,
    /// A payment that no report knows, or one of several that equally may be meant.
    Unknown,
    /// This payment.
    Payment(usize),
    /// This payment, which another line has settled already.
    Again(usize),
    /// This payment, of which nobody says that money of it went back.
    NotGivenBack(usize),
}

/// The bindings of a run.
pub(in super::super) struct Binding {
    /// What each row of the leg is about.
    pub about: Vec<About>,
    /// How many lines settle each payment.
    pub settled: Vec<u32>,
    /// How many lines give money of each payment back.
    pub given_back: Vec<u32>,
}

/// A line that may be about one of some payments.
struct Claim {
    span: Span,
    /// Its place in the order of lines, whatever the order of files.
    place: usize,
    row: RowIndex,
    /// The payment that bears the provider's id of the line.
    named: Option<usize>,
}

/// Binds each line by CIP, else by the provider's id. Batches come in the order of their payout, so that of two lines for
/// one payment the earlier settles it.
pub(in super::super) fn bind(
    rows: &[SettlementRow<'_>],
    batches: &[Batch<'_>],
    payments: &Payments<'_>,
) -> Binding {
    let mut binding = Binding {
        about: vec![About::NoPayment; rows.len()],
        settled: vec![0; payments.list.len()],
        given_back: vec![0; payments.list.len()],
    };
    let mut order: Vec<&Batch<'_>> = batches.iter().collect();
    order.sort_by_key(|batch| {
        (batch.paid_on.is_none(), batch.paid_on, batch.account, batch.id, batch.currency)
    });
    let (mut settling, mut returning) = (Vec::new(), Vec::new());
    for (place, row) in order.iter().flat_map(|batch| &batch.rows).enumerate() {
        let Some(line) = rows.get(*row) else { continue };
        let claims = match line.kind {
            SettlementKind::Payment => &mut settling,
            SettlementKind::Refund | SettlementKind::Reversal => &mut returning,
            _ => continue,
        };
        match claim(line, payments) {
            Some((span, named)) => claims.push(Claim { span, place, row: *row, named }),
            None => binding.set(*row, About::Unknown),
        }
    }
    for claims in grouped(&mut settling) {
        binding.settle(claims, rows, payments);
    }
    for claims in grouped(&mut returning) {
        binding.give_back(claims, rows, payments);
    }
    binding
}

/// The payments that a line may be about, and the one that it names by the provider's id.
fn claim(line: &SettlementRow<'_>, payments: &Payments<'_>) -> Option<(Span, Option<usize>)> {
    let by_id = line.provider_id.as_deref().and_then(|id| payments.of_provider_id(&line.account, id));
    match line.cip.and_then(|cip| payments.of_cip(&line.account, cip)) {
        Some(span) => {
            Some((span, by_id.and_then(|(_, named)| named).filter(|named| span.indices().contains(named))))
        }
        // A line that names a CIP does not mean a payment of another one.
        None => by_id.filter(|(span, _)| {
            line.cip.is_none()
                || payments.list.get(span.first).is_some_and(|payment| payment.key.cip().is_none())
        }),
    }
}

/// The claims by payments, those on one code together and in the order of lines.
fn grouped(claims: &mut [Claim]) -> impl Iterator<Item = &[Claim]> {
    claims.sort_unstable_by_key(|claim| (claim.span.first, claim.place));
    claims.chunk_by(|a, b| a.span.first == b.span.first)
}

impl Binding {
    fn set(&mut self, row: RowIndex, about: About) {
        if let Some(slot) = self.about.get_mut(row) {
            *slot = about;
        }
    }

    /// The payment that a line is about, if it is about one.
    pub fn payment_of(&self, row: RowIndex) -> Option<usize> {
        match self.about.get(row)? {
            About::Payment(index) | About::Again(index) | About::NotGivenBack(index) => Some(*index),
            About::NoPayment | About::Unknown => None,
        }
    }

    fn is_settled(&self, payment: usize) -> bool {
        self.settled.get(payment).is_some_and(|count| *count > 0)
    }

    /// First the payments that lines name, then those of equal amount, the earliest first, then the only one left. What went
    /// back need not be settled at all, so that of equals the one that stands comes first.
    fn settle(&mut self, claims: &[Claim], rows: &[SettlementRow<'_>], payments: &Payments<'_>) {
        let mut open: Vec<&Claim> = claims.iter().collect();
        for rule in [Rule::Named, Rule::EqualAndLive, Rule::EqualAmount, Rule::OnlyLive, Rule::OnlyOne] {
            open.retain(|claim| {
                let Some(line) = rows.get(claim.row) else { return false };
                let mut free = claim.span.indices().filter(|index| {
                    !self.is_settled(*index)
                        && payments
                            .list
                            .get(*index)
                            .is_some_and(|payment| rule.fits(claim, line, *index, payment))
                });
                let found = match (free.next(), free.next(), rule) {
                    (Some(only), None, _)
                    | (Some(only), _, Rule::Named | Rule::EqualAndLive | Rule::EqualAmount) => Some(only),
                    _ => None,
                };
                drop(free);
                if let Some(payment) = found {
                    self.take(claim.row, payment);
                }
                found.is_none()
            });
        }
        for claim in open {
            let Some(line) = rows.get(claim.row) else { continue };
            let same_currency = |index: &usize| {
                payments.list.get(*index).is_some_and(|payment| payment.money.currency == line.currency)
            };
            let candidates: Vec<usize> = claim.span.indices().filter(same_currency).collect();
            let equal = |index: &&usize| {
                payments.list.get(**index).is_some_and(|payment| is_amount(line, payment.money))
            };
            // Where payments are left, several equally may be meant, and nobody decides by guessing.
            let left = candidates.iter().any(|index| !self.is_settled(*index));
            let about = match candidates.iter().find(equal).or(candidates.first()) {
                Some(payment) if !left => About::Again(*payment),
                _ => About::Unknown,
            };
            self.set(claim.row, about);
        }
    }

    fn take(&mut self, row: RowIndex, payment: usize) {
        self.set(row, About::Payment(payment));
        if let Some(count) = self.settled.get_mut(payment) {
            *count = count.saturating_add(1);
        }
    }

    /// Of the payments whose money went back: the one that the line names, else one of equal amount that no line has given
    /// back yet, else any that none has, else the first. Where none went back, the first stands for the code.
    fn give_back(&mut self, claims: &[Claim], rows: &[SettlementRow<'_>], payments: &Payments<'_>) {
        for claim in claims {
            let Some(line) = rows.get(claim.row) else { continue };
            let of_currency = |index: &usize| {
                payments.list.get(*index).is_some_and(|payment| payment.money.currency == line.currency)
            };
            let candidates: Vec<usize> = claim.span.indices().filter(of_currency).collect();
            let back: Vec<usize> = candidates
                .iter()
                .copied()
                .filter(|index| payments.list.get(*index).is_some_and(Payment::goes_back))
                .collect();
            let fresh = |index: &&usize| self.given_back.get(**index).is_some_and(|count| *count == 0);
            let equal = |index: &&usize| {
                payments.list.get(**index).is_some_and(|payment| is_given_back(line, payment))
            };
            let named = back.iter().find(|index| claim.named == Some(**index));
            let chosen = named
                .or_else(|| back.iter().filter(fresh).find(equal))
                .or_else(|| back.iter().find(fresh))
                .or(back.first());
            let about = match (chosen, candidates.first()) {
                (Some(payment), _) => About::Payment(*payment),
                (None, Some(payment)) => About::NotGivenBack(*payment),
                (None, None) => About::Unknown,
            };
            self.set(claim.row, about);
            if let About::Payment(payment) = about
                && let Some(count) = self.given_back.get_mut(payment)
            {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// By what a line finds its payment, the surest first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Named,
    EqualAndLive,
    EqualAmount,
    OnlyLive,
    OnlyOne,
}

impl Rule {
    fn fits(self, claim: &Claim, line: &SettlementRow<'_>, index: usize, payment: &Payment<'_>) -> bool {
        // Currencies never meet.
        payment.money.currency == line.currency
            && match self {
                Rule::Named => claim.named == Some(index),
                Rule::EqualAndLive => payment.standing == Standing::Live && is_amount(line, payment.money),
                Rule::EqualAmount => is_amount(line, payment.money),
                Rule::OnlyLive => payment.standing == Standing::Live,
                Rule::OnlyOne => true,
            }
    }
}

fn is_amount(line: &SettlementRow<'_>, money: Money) -> bool {
    money.minor.checked_mul(MICROS_PER_MINOR) == Some(line.gross.0)
}

fn is_given_back(line: &SettlementRow<'_>, payment: &Payment<'_>) -> bool {
    let minor = payment.refund.map_or(payment.money.minor, |refund| refund.minor);
    let micros = minor.checked_mul(MICROS_PER_MINOR);
    micros.is_some() && micros == line.gross.0.checked_abs()
}

/// How lines are named in what is told of them: by CIP, else by the provider's id, else by what they are about.
pub(in super::super) fn name(line: &SettlementRow<'_>) -> String {
    match (line.cip, line.provider_id.as_deref()) {
        (Some(cip), _) => cip.to_string(),
        (None, Some(id)) => id.to_owned(),
        (None, None) => SettlementIdentity::of(line).kind.word().to_owned(),
    }
}
