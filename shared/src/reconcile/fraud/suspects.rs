//! In which rows the rules over many may find something: what was seen of all rows, held against the thresholds.
//!
//! Whatever a rule finds among the rows of a run, it finds among the suspects: a threshold is never reached by what is left
//! out here. What the rules need to know of the others is told with the suspects ([`Beside`]).

use std::collections::{HashMap, HashSet};

use super::Fate;
use super::burst::{Span, Usual, bursts, least_in_stretch, stretch_of};
use super::prescreen::{Counts, hash_of};
use super::seen::{Blocks, Code, Payment, Refund, Seen, Sighting};
use super::unpaid_codes::{Other, Party, Worth, mostly_unpaid};
use super::window::{AtLeast, Distinct, Tally, stretches};
use crate::calendar::Instant;
use crate::config::fraud::{Fraud, FraudRules};
use crate::money::Currency;

/// The rules of each account by its number.
struct Rules<'f> {
    fraud: &'f Fraud,
    of: Vec<&'f FraudRules>,
}

impl<'f> Rules<'f> {
    fn new(fraud: &'f Fraud, accounts: &[String]) -> Rules<'f> {
        Rules { fraud, of: accounts.iter().map(|account| fraud.of(account)).collect() }
    }

    fn of(&self, code: Code) -> Option<&'f FraudRules> {
        self.of.get(usize::try_from(code.account()).ok()?).copied()
    }
}

/// An account by its number, and the hash of whose hand orders come from: sixty-four bits that tell hands apart.
type Hand = (u32, u64);

/// A CIP of a hand, and what became of it, where that is told.
type Told = (Sighting, Option<Fate>);

/// What payments share that may be one burst.
type Amount = (u32, Currency, i64);

impl Payment {
    fn amount(&self) -> Amount {
        (self.code.account(), self.currency, self.minor)
    }

    fn time(&self) -> Instant {
        Instant::from_unix_nanos(i64::from(self.seconds).saturating_mul(1_000_000_000))
    }
}

/// What tells CIPs apart. A row without CIP may be of any, and counts for one of its own.
fn key(place: usize, code: Code) -> (Code, usize) {
    (code, if code.cip().is_some() { 0 } else { place.saturating_add(1) })
}

/// The rows in which a rule may find something, by their CIPs. Rows that no CIP places are not among them.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    codes: Vec<Code>,
    /// Amounts that may have been paid in a burst, and every CIP that was paid with them.
    amounts: Vec<(Amount, Vec<Code>)>,
    spans: Vec<Option<Span>>,
    /// Orders of hands with many, until it is known which were paid.
    many: [Vec<Sighting>; Party::ALL.len()],
    /// Of hands with enough unpaid CIPs, what each CIP of a plain pair came to.
    hands: [HashMap<Hand, Vec<(Code, Other)>>; Party::ALL.len()],
}

impl Suspects {
    /// Finds the suspects in what was seen; `accounts` are the names by number.
    pub(crate) fn among(seen: Seen, fraud: &Fraud, accounts: &[String]) -> Suspects {
        let rules = Rules::new(fraud, accounts);
        let mut suspects = Suspects { spans: seen.spans, ..Suspects::default() };
        suspects.note_numbers(&seen.payments, &rules);
        suspects.note_bursts(&seen.payments, &rules);
        suspects.note_refunds(&seen.refunds, &rules);
        for ((party, seen), many) in Party::ALL.into_iter().zip(seen.parties).zip(&mut suspects.many) {
            *many = hands_with_many(party, &seen, &rules);
        }
        suspects
    }

    fn add(&mut self, codes: impl Iterator<Item = Code>) {
        self.codes.extend(codes.filter(|code| code.cip().is_some()));
    }

    /// Numbers on several CIPs within the window.
    fn note_numbers(&mut self, payments: &Blocks<Payment>, rules: &Rules<'_>) {
        let numbered = || payments.iter().filter(|payment| payment.number != 0);
        let counts = Counts::of(numbered().map(|payment| payment.number), payments.len());
        let mut shared: Vec<Payment> =
            numbered().filter(|payment| counts.may_reach(payment.number, 2)).copied().collect();
        let number = |payment: &Payment| (payment.number, payment.code.account());
        shared.sort_unstable_by_key(|payment| (number(payment), payment.seconds));
        for bearers in shared.chunk_by(|a, b| number(a) == number(b)) {
            let Some(first) = bearers.first() else { continue };
            // Most are a payment and its refund.
            if first.code.cip().is_some() && bearers.iter().all(|bearer| bearer.code == first.code) {
                continue;
            }
            let Some(rule) = rules.of(first.code).map(|rules| rules.shared_operation_number) else {
                continue;
            };
            let (times, keys) = times_and_keys(bearers);
            let least = usize::try_from(rule.cips_min).unwrap_or(usize::MAX);
            let mut tally = AtLeast { distinct: Distinct::new(&keys), least };
            let found = stretches(&times, |begin| begin.plus_hours(rule.window_hours), &mut tally);
            self.add(found.into_iter().filter_map(|stretch| bearers.get(stretch)).flatten().map(code_of));
        }
    }

    /// Amounts that were paid far more often than usual within the window.
    fn note_bursts(&mut self, payments: &Blocks<Payment>, rules: &Rules<'_>) {
        let timed = || payments.iter().filter(|payment| payment.is_timed);
        let hash = |payment: &Payment| {
            let rule = rules.of(payment.code)?.equal_amount_burst;
            Some(hash_of(&(payment.amount(), stretch_of(&rule, i64::from(payment.seconds)))))
        };
        let counts = Counts::of(timed().filter_map(hash), payments.len());
        let least = least_in_stretch(rules.fraud);
        let is_dense = |payment: &&Payment| hash(payment).is_some_and(|hash| counts.may_reach(hash, least));
        let dense: HashSet<Amount> = timed().filter(is_dense).map(Payment::amount).collect();
        if dense.is_empty() {
            return;
        }
        let mut of_dense: Vec<Payment> =
            timed().filter(|payment| dense.contains(&payment.amount())).copied().collect();
        of_dense.sort_unstable_by_key(|payment| (payment.amount(), payment.seconds));
        for payments in of_dense.chunk_by(|a, b| a.amount() == b.amount()) {
            let Some(first) = payments.first() else { continue };
            let Some(rule) = rules.of(first.code).map(|rules| rules.equal_amount_burst) else { continue };
            let span = usize::try_from(first.code.account()).ok().and_then(|account| self.spans.get(account));
            let span_seconds = span.copied().flatten().map_or(0, Span::seconds);
            // Rows without CIP count inside of the window and not outside: they may all be of one.
            let mut with_cip: Vec<Code> =
                payments.iter().map(code_of).filter(|code| code.cip().is_some()).collect();
            with_cip.sort_unstable();
            with_cip.dedup();
            let (times, keys) = times_and_keys(payments);
            let found = bursts(rule, &times, &keys, with_cip.len(), span_seconds);
            if !found.is_empty() {
                self.add(
                    found.into_iter().filter_map(|stretch| payments.get(stretch)).flatten().map(code_of),
                );
                self.amounts.push((first.amount(), with_cip));
            }
        }
    }

    /// Orders that were refunded to another than their payer.
    fn note_refunds(&mut self, refunds: &Blocks<Refund>, rules: &Rules<'_>) {
        let least = rules.fraud.tables().map(|rules| rules.refund_to_other_payee.orders_min).min();
        let least = least.and_then(|least| usize::try_from(least).ok()).unwrap_or(usize::MAX);
        if refunds.iter().next().is_some() {
            let counts = Counts::of(refunds.iter().map(|refund| refund.payee), refunds.len());
            let may_fire = |refund: &&Refund| refund.elsewhere && counts.may_reach(refund.payee, least);
            self.add(refunds.iter().filter(may_fire).map(|refund| refund.code));
        }
    }

    /// Whether it has to be known what became of orders.
    pub(crate) fn asks_for_fates(&self) -> bool {
        self.many.iter().any(|many| !many.is_empty())
    }

    /// Takes those CIPs of hands as suspects of which enough are unpaid within the window. Where `fates` do not tell what
    /// became of a CIP it counts as unpaid, by which a threshold is reached the sooner.
    ///
    /// # Errors
    /// That of `fates`.
    pub(crate) fn weigh<E>(
        &mut self,
        fraud: &Fraud,
        accounts: &[String],
        mut fates: impl FnMut(&[Code]) -> Result<Vec<Option<Fate>>, E>,
    ) -> Result<(), E> {
        let rules = Rules::new(fraud, accounts);
        let many = std::mem::take(&mut self.many);
        for ((party, many), place) in Party::ALL.into_iter().zip(many).zip(0_usize..) {
            let codes: Vec<Code> = many.iter().map(|sighting| sighting.code).collect();
            let fates = fates(&codes)?;
            let told: Vec<Told> = many.into_iter().zip(fates).collect();
            for hand in told.chunk_by(|(a, _), (b, _)| same_hand(a, b)) {
                self.weigh_hand(party, place, hand, &rules);
            }
        }
        Ok(())
    }

    fn weigh_hand(&mut self, party: Party, place: usize, hand: &[Told], rules: &Rules<'_>) {
        let Some((first, _)) = hand.first() else { return };
        let Some(rule) = rules.of(first.code).map(|rules| party.rule(rules)) else { return };
        let decided: Vec<&Told> = hand.iter().filter(|(_, fate)| *fate != Some(Fate::Open)).collect();
        let times: Vec<Instant> = decided.iter().map(|(sighting, _)| sighting.at).collect();
        let unpaid = decided.iter().map(|(_, fate)| *fate != Some(Fate::Taken));
        let worths: Vec<Worth> = unpaid.map(|unpaid| Worth { codes: 1, unpaid }).collect();
        let found = mostly_unpaid(rule, &times, &worths);
        if found.is_empty() {
            return;
        }
        let in_stretch = found.into_iter().filter_map(|stretch| decided.get(stretch)).flatten();
        let unknown = decided.iter().filter(|(_, fate)| fate.is_none());
        self.add(in_stretch.chain(unknown).map(|(sighting, _)| sighting.code));
        let known = decided.iter().filter_map(|(sighting, fate)| {
            let other = Other { at: sighting.at, unpaid: (*fate)? == Fate::Unpaid };
            Some((sighting.code, other))
        });
        if let Some(hands) = self.hands.get_mut(place) {
            hands.insert((first.code.account(), first.party), known.collect());
        }
    }

    /// The CIPs of the suspects, some of them more than once.
    pub(crate) fn codes(&self) -> &[Code] {
        &self.codes
    }

    /// What the rules need to know of rows that are not among those at hand; `is_at_hand` tells of a CIP whether all its
    /// rows are.
    pub(crate) fn beside(self, accounts: &[String], is_at_hand: impl Fn(Code) -> bool) -> Beside {
        let name = |account: u32| accounts.get(usize::try_from(account).ok()?).cloned();
        let mut cips: HashMap<(String, Currency, i64), usize> = HashMap::new();
        for ((account, currency, minor), codes) in self.amounts {
            if let Some(account) = name(account) {
                let others = codes.into_iter().filter(|code| !is_at_hand(*code)).count();
                cips.insert((account, currency, minor), others);
            }
        }
        let spans = accounts.iter().zip(self.spans);
        let spans = spans.filter_map(|(account, span)| Some((account.clone(), span?))).collect();
        let usual = Usual { spans, cips: Some(cips) };
        let numbers = accounts.iter().cloned().zip(0..).collect();
        let others = |codes: Vec<(Code, Other)>| {
            codes.into_iter().filter(|(code, _)| !is_at_hand(*code)).map(|(_, other)| other).collect()
        };
        let hands =
            self.hands.map(|hands| hands.into_iter().map(|(hand, codes)| (hand, others(codes))).collect());
        Beside { usual, numbers, hands }
    }
}

/// What the rules need to know of rows that are not at hand.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(super) usual: Usual,
    /// The number of each account.
    numbers: HashMap<String, u32>,
    /// Of hands with enough unpaid CIPs.
    hands: [HashMap<Hand, Vec<Other>>; Party::ALL.len()],
}

impl Beside {
    /// What the orders of a hand came to that are not at hand; `None` where it has too few unpaid CIPs anywhere.
    pub(super) fn others(&self, party: Party, account: &str, name: &str) -> Option<&[Other]> {
        let (_, hands) = Party::ALL.iter().zip(&self.hands).find(|(known, _)| **known == party)?;
        let hand = (*self.numbers.get(account)?, hash_of(&name));
        hands.get(&hand).map(Vec::as_slice)
    }
}

fn code_of(payment: &Payment) -> Code {
    payment.code
}

fn times_and_keys(payments: &[Payment]) -> (Vec<Instant>, Vec<(Code, usize)>) {
    let keys = payments.iter().enumerate().map(|(place, payment)| key(place, payment.code));
    (payments.iter().map(Payment::time).collect(), keys.collect())
}

fn same_hand(a: &Sighting, b: &Sighting) -> bool {
    (a.party, a.code.account()) == (b.party, b.code.account())
}

/// The orders of hands that have enough CIPs within the window, paid or not, hand by hand in the order of time.
fn hands_with_many(party: Party, seen: &Blocks<Sighting>, rules: &Rules<'_>) -> Vec<Sighting> {
    if seen.iter().next().is_none() {
        return Vec::new();
    }
    let least = rules.fraud.tables().map(|rules| party.rule(rules).cips_min).min();
    let least = least.and_then(|least| usize::try_from(least).ok()).unwrap_or(usize::MAX);
    let counts = Counts::of(seen.iter().map(|sighting| sighting.party), seen.len());
    let mut many: Vec<Sighting> =
        seen.iter().filter(|sighting| counts.may_reach(sighting.party, least)).copied().collect();
    many.sort_unstable_by_key(|sighting| (sighting.party, sighting.code.account(), sighting.at));
    let has_many = |hand: &&[Sighting]| {
        let Some(rule) = hand.first().and_then(|first| rules.of(first.code)).map(|rules| party.rule(rules))
        else {
            return false;
        };
        let times: Vec<Instant> = hand.iter().map(|sighting| sighting.at).collect();
        let mut tally = Count { inside: 0, least: usize::try_from(rule.cips_min).unwrap_or(usize::MAX) };
        !stretches(&times, |begin| begin.plus_hours(rule.window_hours), &mut tally).is_empty()
    };
    many.chunk_by(same_hand).filter(has_many).flatten().copied().collect()
}

/// How many are inside the window, and how many are enough.
struct Count {
    inside: usize,
    least: usize,
}

impl Tally for Count {
    fn add(&mut self, _: usize) {
        self.inside = self.inside.saturating_add(1);
    }

    fn remove(&mut self, _: usize) {
        self.inside = self.inside.saturating_sub(1);
    }

    fn holds(&self) -> bool {
        self.inside >= self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Cip;
    use crate::lifecycle::evidence::{OrderRow, ReportRow, ReportStatus};
    use crate::money::Money;

    const SECOND: i64 = 1_000_000_000;

    fn cip(number: u64) -> Option<Cip> {
        (number > 0).then(|| Cip::from_number(number).unwrap())
    }

    fn paid(number: u64, operation: &str, seconds: i64) -> ReportRow<'_> {
        ReportRow {
            cip: cip(number),
            operation_number: Some(operation.into()),
            status: ReportStatus::Paid,
            paid_at: Some(Instant::from_unix_nanos(seconds.saturating_mul(SECOND))),
            amount: Money { minor: 1000, currency: Currency::Pen },
            ..ReportRow::blank()
        }
    }

    fn among(seen: Seen) -> Suspects {
        Suspects::among(seen, &Fraud::default(), &["a".to_owned(), "b".to_owned()])
    }

    fn cips(suspects: &Suspects) -> Vec<u64> {
        let mut cips: Vec<u64> =
            suspects.codes().iter().filter_map(|code| code.cip()).map(Cip::number).collect();
        cips.sort_unstable();
        cips
    }

    #[track_caller]
    fn check(rows: &[(u32, ReportRow<'_>)], expected: &[u64]) {
        let mut seen = Seen::default();
        rows.iter().for_each(|(account, row)| seen.report(&FraudRules::default(), *account, row));
        assert_eq!(cips(&among(seen)), expected);
    }

    #[test]
    fn a_number_on_two_cips_within_three_days_is_suspect() {
        let hours = 3600;
        check(&[(0, paid(1, "7", 0)), (0, paid(2, "7", 72 * hours))], &[1, 2]);
        check(&[(0, paid(1, "7", 0)), (0, paid(2, "7", 72 * hours + 1))], &[]);
        check(&[(0, paid(1, "7", 0)), (0, paid(1, "7", 1))], &[]);
        check(&[(0, paid(1, "7", 0)), (1, paid(2, "7", 0))], &[]);
        // What no CIP places is at hand whatever it shares, and may be of any.
        check(&[(0, paid(1, "7", 0)), (0, paid(0, "7", 0))], &[1]);
        check(&[(0, paid(0, "7", 0)), (0, paid(0, "7", 0))], &[]);
        // Whoever writes no dates writes one: it is held against the first that fits.
        check(&[(0, paid(1, "7", -90 * 365 * 24 * hours)), (0, paid(2, "7", 0))], &[1, 2]);
    }

    #[test]
    fn of_an_amount_that_was_paid_in_a_burst_the_others_are_counted() {
        let numbers: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        let row = |number: u64| {
            let text = numbers.get(usize::try_from(number).unwrap()).unwrap();
            paid(number + 1, text, if number < 20 { 0 } else { 1_000_000 + i64::try_from(number).unwrap() })
        };
        let mut seen = Seen::default();
        (0..30).for_each(|number| seen.report(&FraudRules::default(), 1, &row(number)));
        let suspects = among(seen);
        assert_eq!(cips(&suspects), (1..=20).collect::<Vec<_>>());
        let beside = suspects.beside(&["a".to_owned(), "b".to_owned()], |code| {
            code.cip().is_some_and(|cip| cip.number() <= 21)
        });
        let key = ("b".to_owned(), Currency::Pen, 1000);
        assert_eq!(beside.usual.cips, Some(HashMap::from([(key, 9)])));
        assert_eq!(beside.usual.spans["b"].seconds(), 1_000_029);
    }

    #[test]
    fn of_a_hand_with_enough_unpaid_codes_the_others_are_told() {
        let order = |number: u64, seconds: i64| OrderRow {
            cips: cip(number).into_iter().collect(),
            payer_id: Some("p".into()),
            created_at: Instant::from_unix_nanos(seconds.saturating_mul(SECOND)),
            ..OrderRow::blank()
        };
        let check = |unpaid: u64, suspect: &[u64], others: Option<usize>| {
            let mut seen = Seen::default();
            for number in 1..=30_u64 {
                let at = if number > 20 { 10_000_000 } else { 0 };
                seen.order(&FraudRules::default(), 0, &order(number, at));
            }
            let (accounts, fraud) = (["a".to_owned()], Fraud::default());
            let mut suspects = Suspects::among(seen, &fraud, &accounts);
            assert!(suspects.asks_for_fates());
            let fate = |code: &Code| {
                let number = code.cip().unwrap().number();
                Some(if number > 20 && number <= 20 + unpaid { Fate::Unpaid } else { Fate::Taken })
            };
            let fates = |codes: &[Code]| Ok::<_, ()>(codes.iter().map(fate).collect());
            suspects.weigh(&fraud, &accounts, fates).unwrap();
            assert_eq!(cips(&suspects), suspect);
            let beside = suspects.beside(&accounts, |code| code.cip().unwrap().number() > 20);
            assert_eq!(beside.others(Party::Payer, "a", "p").map(<[_]>::len), others);
            assert!(beside.others(Party::Ip, "a", "p").is_none());
        };
        check(9, &[], None);
        check(10, &(21..=30).collect::<Vec<_>>(), Some(20));
    }
}
