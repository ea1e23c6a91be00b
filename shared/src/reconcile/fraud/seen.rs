//! What the rules over many rows ask of each, in few bytes. It is taken down while rows are read that nobody holds
//! unpacked, and says in which of them a rule may find something ([`suspects`](super::suspects)).

use serde::{Deserialize, Serialize};

use super::burst::{Span, paid_at, seconds};
use super::other_payee::went_elsewhere;
use super::prescreen::hash_of;
use super::shared_number::{number_of, time_of};
use super::unpaid_codes::{Party, codes};
use crate::calendar::Instant;
use crate::config::fraud::FraudRules;
use crate::ids::Cip;
use crate::lifecycle::evidence::{OrderRow, ReportRow};
use crate::money::Currency;

/// Room for a CIP of fourteen digits.
const CIP_BITS: u32 = 47;

/// A CIP of an account, which goes by its number, or a row of the account that no single CIP places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Code(u64);

impl Code {
    /// Accounts beyond the sixteenth bit are taken for one; a run with so many is not watched.
    fn new(account: u32, cip: Option<Cip>) -> Code {
        let account = account.min(u32::from(u16::MAX));
        Code(u64::from(account) << CIP_BITS | cip.map_or(0, Cip::number))
    }

    /// The number of the account.
    pub(crate) fn account(self) -> u32 {
        u32::try_from(self.0 >> CIP_BITS).unwrap_or(u32::MAX)
    }

    pub(crate) fn cip(self) -> Option<Cip> {
        Cip::from_number(self.0 & ((1 << CIP_BITS) - 1))
    }
}

/// A row of a report that tells of a payment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Payment {
    /// Hash of its source and number; 0 where it has none, or nobody asks.
    pub number: u64,
    pub minor: i64,
    pub code: Code,
    /// When it falls, in whole seconds. What a 32-bit number does not hold is taken for its first or last.
    pub seconds: u32,
    pub currency: Currency,
    /// Whether it may be part of a burst.
    pub is_timed: bool,
}

/// A CIP of an order of one hand.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Sighting {
    /// Hash of whose hand it is.
    pub party: u64,
    pub at: Instant,
    pub code: Code,
}

/// An order that was refunded to somebody.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Refund {
    /// Hash of the payee.
    pub payee: u64,
    pub code: Code,
    /// Whether the row itself says that another paid; a row may be completed from older ones.
    pub elsewhere: bool,
}

/// What was seen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(super) payments: Blocks<Payment>,
    /// In the order of [`Party::ALL`].
    pub(super) parties: [Blocks<Sighting>; Party::ALL.len()],
    pub(super) refunds: Blocks<Refund>,
    /// By the number of the account.
    pub(super) spans: Vec<Option<Span>>,
}

impl Seen {
    /// Takes down an order of the account with this number.
    pub(crate) fn order(&mut self, rules: &FraudRules, account: u32, row: &OrderRow<'_>) {
        let only_cip = if let [cip] = row.cips.as_slice() { Some(*cip) } else { None };
        let code = Code::new(account, only_cip);
        for (party, seen) in Party::ALL.into_iter().zip(&mut self.parties) {
            if let Some(name) = party.of(rules, row) {
                let sighting = Sighting { party: hash_of(&name), at: row.created_at, code };
                (0..codes(row)).for_each(|_| seen.push(sighting));
            }
        }
        if let Some(payee) = row.refund_payee_id.as_deref().filter(|_| rules.refund_to_other_payee.enabled) {
            self.refunds.push(Refund { payee: hash_of(&payee), code, elsewhere: went_elsewhere(row) });
        }
    }

    /// Takes down a row of a report in the same way.
    pub(crate) fn report(&mut self, rules: &FraudRules, account: u32, row: &ReportRow<'_>) {
        let number = number_of(&rules.shared_operation_number, row);
        let paid_at = paid_at(&rules.equal_amount_burst, row);
        if number.is_none() && paid_at.is_none() {
            return;
        }
        if let Some(at) = paid_at {
            self.extend_span(account, Span::of(at));
        }
        let at = seconds(time_of(row)).clamp(0, i64::from(u32::MAX));
        self.payments.push(Payment {
            number: number.map_or(0, |number| hash_of(&(row.source, number)).max(1)),
            minor: row.amount.minor,
            code: Code::new(account, row.cip),
            seconds: u32::try_from(at).unwrap_or_default(),
            currency: row.amount.currency,
            is_timed: paid_at.is_some(),
        });
    }

    fn extend_span(&mut self, account: u32, span: Span) {
        let Ok(place) = usize::try_from(account.min(u32::from(u16::MAX))) else { return };
        if self.spans.len() <= place {
            self.spans.resize(place.saturating_add(1), None);
        }
        if let Some(known) = self.spans.get_mut(place) {
            *known = Some(known.map_or(span, |known| known.and(span)));
        }
    }

    /// Adds what another thread has seen.
    pub(crate) fn append(&mut self, other: Seen) {
        self.payments.append(other.payments);
        self.refunds.append(other.refunds);
        self.parties.iter_mut().zip(other.parties).for_each(|(own, other)| own.append(other));
        for (account, span) in (0..).zip(other.spans) {
            span.into_iter().for_each(|span| self.extend_span(account, span));
        }
    }
}

/// Room of a block. One of this size is given back to the system when it is done with, and not kept for others.
const BLOCK_BYTES: usize = 4 << 20;

/// A list that grows by a block at a time and is never copied to grow.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Blocks<T> {
    full: Vec<Vec<T>>,
    open: Vec<T>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Blocks { full: Vec::new(), open: Vec::new() }
    }
}

impl<T> Blocks<T> {
    pub fn push(&mut self, thing: T) {
        if self.open.len() == self.open.capacity() {
            let room = BLOCK_BYTES.div_euclid(size_of::<T>().max(1));
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(room));
            self.full.push(full);
        }
        self.open.push(thing);
    }

    /// Adds the blocks of another list.
    pub fn append(&mut self, other: Blocks<T>) {
        self.full.extend(other.full);
        self.full.push(other.open);
    }

    pub fn len(&self) -> usize {
        self.full.iter().map(Vec::len).fold(self.open.len(), usize::saturating_add)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().chain([&self.open]).flatten()
    }
}
