//! The provider's book of CIPs and payments. Pure but for its seeded numbers: every time comes as an argument.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;

use crate::amount::Currency;
use crate::config::PaidTwice;

/// CIPs get ten digits that do not fit 32 bits: real ones have up to 14, and a client that cuts them must fail here.
const CIP_FIRST: u64 = 5_000_000_000;
const CIP_COUNT: u64 = 5_000_000_000;
/// Operation numbers get eight digits; the documentation allows up to 14 characters.
const OPERATION_FIRST: u64 = 10_000_000;
const OPERATION_COUNT: u64 = 90_000_000;
/// The longest operation number (vendor documentation v1.1).
const OPERATION_NUMBER_CHARS_MAX: usize = 14;

/// Each kind of number has a stream of its own, so that one more token does not change the next CIP.
const STREAM_CIPS: u64 = 1;
const STREAM_OPERATIONS: u64 = 2;

/// What may differ from a shopper who brings the right cash in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentOptions {
    /// Cash taken in minor units, where it is not what the CIP asks for.
    pub amount_minor: Option<i64>,
    /// The collector's number, at most 14 characters, may be empty; made up from the seed if absent.
    pub operation_number: Option<String>,
    /// Takes the cash although the CIP has expired. Whether the provider ever does is not known from public material.
    pub after_expiry: bool,
    /// Takes the cash although the CIP is paid, as a collector that was cut off from the provider might.
    pub again: bool,
}

/// One time that cash was taken for a CIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The collector's number; empty if it gave none.
    pub operation_number: String,
    /// Cash taken, in minor units of the CIP's currency.
    pub amount_minor: i64,
    /// When, by the simulated clock.
    pub paid_at: DateTime<Utc>,
    /// When the collector took the payment back (extorno).
    pub taken_back_at: Option<DateTime<Utc>>,
}

/// Why the collector cannot do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PaymentError {
    /// No CIP of this number was created here.
    #[error("there is no CIP {0}: create it first")]
    UnknownCip(u64),
    /// The merchant deleted it.
    #[error("CIP {0} was removed and takes no cash")]
    Removed(u64),
    /// Its time ran out.
    #[error("CIP {0} has expired: extend it, or pay with after_expiry")]
    Expired(u64),
    /// It has a live payment.
    #[error("CIP {0} is paid: take the payment back, or pay with again")]
    AlreadyPaid(u64),
    /// There is nothing to take back.
    #[error("CIP {0} has no live payment with that operation number to take back")]
    NotPaid(u64),
    /// Zero, negative or unreadable cash.
    #[error("the amount must be greater than zero with at most two decimals")]
    BadAmount,
    /// The provider has at most 14 characters for it.
    #[error("the operation number must have at most 14 characters")]
    LongOperationNumber,
}

/// What is asked for when a CIP is created.
pub(crate) struct NewCip {
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: Currency,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Where a CIP stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Generated,
    Paid,
    Expired,
    Removed,
}

/// One payment code with its history.
#[derive(Clone, Debug)]
pub(crate) struct CipRecord {
    pub(crate) number: u64,
    /// Name of its page at the provider, 32 hexadecimal digits with hyphens; not a bearer token.
    pub(crate) page: String,
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: Currency,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) removed_at: Option<DateTime<Utc>>,
    pub(crate) payments: Vec<Payment>,
}

impl CipRecord {
    /// Expired means `now` ≥ expiry for who looks (our assumption, as a payment at that very second is still in time).
    pub(crate) fn standing(&self, now: DateTime<Utc>) -> Standing {
        if self.payments.iter().any(|payment| payment.taken_back_at.is_none()) {
            Standing::Paid
        } else if self.removed_at.is_some() {
            Standing::Removed
        } else if now >= self.expires_at {
            Standing::Expired
        } else {
            Standing::Generated
        }
    }

    /// The live payment that a search shows.
    pub(crate) fn shown_payment(&self, which: PaidTwice) -> Option<&Payment> {
        let mut live = self.payments.iter().filter(|payment| payment.taken_back_at.is_none());
        match which {
            PaidTwice::First => live.next(),
            PaidTwice::Latest => live.next_back(),
        }
    }
}

/// All CIPs of the service.
pub(crate) struct Ledger {
    cip_numbers: ChaCha8Rng,
    operation_numbers: ChaCha8Rng,
    operations_used: BTreeSet<String>,
    cips: BTreeMap<u64, CipRecord>,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Ledger {
        Ledger {
            cip_numbers: stream(seed, STREAM_CIPS),
            operation_numbers: stream(seed, STREAM_OPERATIONS),
            operations_used: BTreeSet::new(),
            cips: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&self, cip: u64) -> Option<&CipRecord> {
        self.cips.get(&cip)
    }

    /// How many CIPs were created.
    pub(crate) fn count(&self) -> usize {
        self.cips.len()
    }

    pub(crate) fn create(&mut self, new: NewCip) -> &CipRecord {
        let mut number = next_in(&mut self.cip_numbers, CIP_FIRST, CIP_COUNT);
        while self.cips.contains_key(&number) {
            number = next_in(&mut self.cip_numbers, CIP_FIRST, CIP_COUNT);
        }
        let page = guid(&mut self.cip_numbers);
        self.cips.entry(number).or_insert(CipRecord {
            number,
            page,
            reference: new.reference,
            amount_minor: new.amount_minor,
            currency: new.currency,
            created_at: new.created_at,
            expires_at: new.expires_at,
            removed_at: None,
            payments: Vec::new(),
        })
    }

    /// Takes cash for a CIP.
    pub(crate) fn pay(
        &mut self,
        cip: u64,
        options: PaymentOptions,
        now: DateTime<Utc>,
    ) -> Result<(&CipRecord, Payment), PaymentError> {
        let record = self.cips.get(&cip).ok_or(PaymentError::UnknownCip(cip))?;
        let at_the_last_second = now == record.expires_at;
        match record.standing(now) {
            Standing::Removed => return Err(PaymentError::Removed(cip)),
            Standing::Expired if !options.after_expiry && !at_the_last_second => {
                return Err(PaymentError::Expired(cip));
            }
            Standing::Paid if !options.again => return Err(PaymentError::AlreadyPaid(cip)),
            Standing::Paid | Standing::Expired | Standing::Generated => {}
        }
        let amount_minor = options.amount_minor.unwrap_or(record.amount_minor);
        if amount_minor <= 0 {
            return Err(PaymentError::BadAmount);
        }
        let operation_number = match options.operation_number {
            Some(given) if given.chars().count() > OPERATION_NUMBER_CHARS_MAX => {
                return Err(PaymentError::LongOperationNumber);
            }
            Some(given) => given,
            None => self.next_operation_number(),
        };
        self.operations_used.insert(operation_number.clone());
        let payment = Payment { operation_number, amount_minor, paid_at: now, taken_back_at: None };
        let record = self.cips.get_mut(&cip).ok_or(PaymentError::UnknownCip(cip))?;
        record.payments.push(payment.clone());
        Ok((record, payment))
    }

    /// The collector takes a payment back: the one named, else the latest live one. The CIP may then be paid again, as
    /// in the old kit, where an extorno returned it to "pending payment"; that v1 does so too is our assumption.
    pub(crate) fn extorno(
        &mut self,
        cip: u64,
        operation_number: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Payment, PaymentError> {
        let record = self.cips.get_mut(&cip).ok_or(PaymentError::UnknownCip(cip))?;
        let payment = record
            .payments
            .iter_mut()
            .filter(|payment| payment.taken_back_at.is_none())
            .rfind(|payment| operation_number.is_none_or(|wanted| payment.operation_number == wanted))
            .ok_or(PaymentError::NotPaid(cip))?;
        payment.taken_back_at = Some(now);
        Ok(payment.clone())
    }

    /// Gives a CIP another expiry; an expired one is thereby generated again (vendor documentation site).
    pub(crate) fn extend(&mut self, cip: u64, expires_at: DateTime<Utc>) {
        if let Some(record) = self.cips.get_mut(&cip) {
            record.expires_at = expires_at;
        }
    }

    pub(crate) fn remove(&mut self, cip: u64, now: DateTime<Utc>) {
        if let Some(record) = self.cips.get_mut(&cip) {
            record.removed_at = Some(now);
        }
    }

    fn next_operation_number(&mut self) -> String {
        loop {
            let number = next_in(&mut self.operation_numbers, OPERATION_FIRST, OPERATION_COUNT).to_string();
            if !self.operations_used.contains(&number) {
                return number;
            }
        }
    }
}

/// One of the seed's independent streams of random numbers.
pub(crate) fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// A number from `first` up, of `count` many. The slight bias of the remainder does not matter to made-up numbers.
fn next_in(random: &mut ChaCha8Rng, first: u64, count: u64) -> u64 {
    first + random.next_u64() % count
}

/// 32 random hexadecimal digits in the usual groups.
pub(crate) fn guid(random: &mut ChaCha8Rng) -> String {
    let (high, low) = (random.next_u64(), random.next_u64());
    let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_460_000 + seconds, 0).unwrap()
    }

    /// A book with one CIP over S/22.50 that may be paid until second 100.
    fn book() -> (Ledger, u64) {
        let mut ledger = Ledger::new(1);
        let new = NewCip {
            reference: "PED-1".to_owned(),
            amount_minor: 2_250,
            currency: Currency::Pen,
            created_at: at(0),
            expires_at: at(100),
        };
        let cip = ledger.create(new).number;
        (ledger, cip)
    }

    fn late() -> PaymentOptions {
        PaymentOptions { after_expiry: true, ..PaymentOptions::default() }
    }

    #[test]
    fn cash_is_taken_until_the_second_of_expiry() {
        let check = |second: i64, options: PaymentOptions, accepted: bool| {
            let (mut ledger, cip) = book();
            let result = ledger.pay(cip, options, at(second)).map(|(_, payment)| payment.amount_minor);
            assert_eq!(
                result,
                if accepted { Ok(2_250) } else { Err(PaymentError::Expired(cip)) },
                "second {second}"
            );
        };
        check(99, PaymentOptions::default(), true);
        check(100, PaymentOptions::default(), true);
        check(101, PaymentOptions::default(), false);
        check(101, late(), true);
    }

    #[test]
    fn who_looks_sees_it_expired_from_that_second_on() {
        let (ledger, cip) = book();
        let standing = |second: i64| ledger.get(cip).unwrap().standing(at(second));
        assert_eq!(standing(99), Standing::Generated);
        assert_eq!(standing(100), Standing::Expired);
    }

    #[test]
    fn a_second_payment_is_taken_only_if_asked_for() {
        let (mut ledger, cip) = book();
        ledger.pay(cip, PaymentOptions::default(), at(1)).unwrap();
        let again = ledger.pay(cip, PaymentOptions::default(), at(2)).map(|_| ());
        assert_eq!(again, Err(PaymentError::AlreadyPaid(cip)));
        let options = PaymentOptions { again: true, ..PaymentOptions::default() };
        ledger.pay(cip, options, at(3)).unwrap();
        let record = ledger.get(cip).unwrap();
        let shown = |which| record.shown_payment(which).map(|payment| payment.paid_at);
        assert_eq!((shown(PaidTwice::First), shown(PaidTwice::Latest)), (Some(at(1)), Some(at(3))));
        assert_ne!(record.payments[0].operation_number, record.payments[1].operation_number);
    }

    #[test]
    fn an_extorno_makes_a_cip_payable_again() {
        let (mut ledger, cip) = book();
        let (_, first) = ledger.pay(cip, PaymentOptions::default(), at(1)).unwrap();
        assert_eq!(ledger.extorno(cip, Some("other"), at(2)), Err(PaymentError::NotPaid(cip)));
        assert_eq!(
            ledger.extorno(cip, None, at(2)).map(|back| back.operation_number),
            Ok(first.operation_number)
        );
        assert_eq!(ledger.get(cip).unwrap().standing(at(2)), Standing::Generated);
        assert_eq!(ledger.extorno(cip, None, at(3)), Err(PaymentError::NotPaid(cip)));
        assert!(ledger.pay(cip, PaymentOptions::default(), at(4)).is_ok());
    }

    #[test]
    fn what_cannot_be_paid_says_why() {
        let (mut ledger, cip) = book();
        let mut pay = |options: PaymentOptions| ledger.pay(cip, options, at(1)).map(|_| ());
        let amount = |minor| PaymentOptions { amount_minor: Some(minor), ..PaymentOptions::default() };
        assert_eq!(pay(amount(0)), Err(PaymentError::BadAmount));
        let number =
            |text: &str| PaymentOptions { operation_number: Some(text.to_owned()), ..Default::default() };
        assert_eq!(pay(number("123456789012345")), Err(PaymentError::LongOperationNumber));
        assert_eq!(pay(number("")), Ok(()));
        assert_eq!(
            ledger.pay(7, PaymentOptions::default(), at(1)).map(|_| ()),
            Err(PaymentError::UnknownCip(7))
        );
    }

    #[test]
    fn a_removed_cip_takes_no_cash() {
        let (mut ledger, cip) = book();
        ledger.remove(cip, at(1));
        assert_eq!(ledger.pay(cip, late(), at(2)).map(|_| ()), Err(PaymentError::Removed(cip)));
    }

    #[test]
    fn a_seed_decides_every_number() {
        let numbers = |seed| {
            let mut random = stream(seed, STREAM_CIPS);
            (next_in(&mut random, CIP_FIRST, CIP_COUNT), guid(&mut random))
        };
        assert_eq!(numbers(5), numbers(5));
        assert_ne!(numbers(5), numbers(6));
        assert!(numbers(5).0 > u64::from(u32::MAX));
    }
}
