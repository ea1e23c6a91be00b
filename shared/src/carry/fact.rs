//! What days have to know of a row, whatever its leg: by what it is found, what it is worth, how it is written.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::formats::{Leg, write_notice_ndjson, write_order_ndjson, write_report_ndjson};
use crate::ids::Cip;
use crate::lifecycle::evidence::{NoticeRow, OrderRow, ReportRow};
use crate::money::{Currency, Money};

/// One thing by which rows belong together, inside its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key<'k> {
    /// A payment code.
    Cip(Cip),
    /// The merchant's own number.
    Reference(&'k str),
    /// The provider's own id of a payment or a code.
    Provider(&'k str),
    /// The number of an operation, which one payment alone should bear.
    Operation(&'k str),
    /// Whom a refund went to, where that is not the payer.
    Payee(&'k str),
}

impl Key<'_> {
    /// The key as a number. Two that meet by chance keep a pair alive, or take a stub in, for nothing; no more.
    pub(crate) fn number(&self, account: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (account, self).hash(&mut hasher);
        hasher.finish()
    }

    /// Whether rows that share it do not belong together for that alone.
    pub(crate) const fn is_hint(&self) -> bool {
        matches!(self, Key::Operation(_) | Key::Payee(_))
    }

    /// The key as a stub names it.
    pub(crate) fn word(&self) -> String {
        match self {
            Key::Cip(cip) => format!("cip {cip}"),
            Key::Reference(reference) => format!("reference_id {reference}"),
            Key::Provider(id) => format!("provider_id {id}"),
            Key::Operation(number) => format!("operation_number {number}"),
            Key::Payee(id) => format!("refund_payee_id {id}"),
        }
    }

    /// Reads what [`Key::word`] wrote.
    pub(crate) fn of_word(word: &str) -> Option<Key<'_>> {
        let (kind, value) = word.split_once(' ')?;
        match kind {
            "cip" => Cip::parse(value).map(Key::Cip),
            "reference_id" => Some(Key::Reference(value)),
            "provider_id" => Some(Key::Provider(value)),
            "operation_number" => Some(Key::Operation(value)),
            "refund_payee_id" => Some(Key::Payee(value)),
            _ => None,
        }
    }
}

/// A row that runs hand on to each other.
pub(crate) trait Fact: Clone + PartialEq {
    /// Whose words it is.
    const LEG: Leg;

    /// The PagoEfectivo service.
    fn account(&self) -> &str;

    /// Everything by which other rows may belong to it.
    fn keys(&self) -> Vec<Key<'_>>;

    /// By what it may be held against a row that does not belong to it: a stub is taken in for it, and no pair lives on.
    fn hint(&self) -> Option<Key<'_>>;

    /// What it is worth in the books of its leg, by currency.
    fn worth(&self) -> (Currency, i128);

    /// Writes it as a canonical JSON object, without line feed.
    fn write(&self, out: &mut Vec<u8>);

    /// The keys as numbers.
    fn key_numbers(&self) -> impl Iterator<Item = u64> {
        self.keys().into_iter().map(|key| key.number(self.account()))
    }

    /// Keys and hint, by which a stub is touched.
    fn touches(&self) -> impl Iterator<Item = Key<'_>> {
        self.keys().into_iter().chain(self.hint())
    }

    /// The same for rows that are equal, and seldom for others.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let (currency, amount) = self.worth();
        (self.account(), self.keys(), currency, amount).hash(&mut hasher);
        hasher.finish()
    }
}

fn worth(money: Money) -> (Currency, i128) {
    (money.currency, i128::from(money.minor))
}

/// The writers end a line; here an object stands inside of one.
fn without_line_feed(out: &mut Vec<u8>) {
    if out.last() == Some(&b'\n') {
        out.pop();
    }
}

impl Fact for OrderRow<'_> {
    const LEG: Leg = Leg::Orders;

    fn account(&self) -> &str {
        &self.account
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let cips = self.cips.iter().map(|cip| Key::Cip(*cip));
        cips.chain([Key::Reference(&self.reference_id)]).collect()
    }

    fn hint(&self) -> Option<Key<'_>> {
        let payee = self.refund_payee_id.as_deref()?;
        (self.payer_id.as_deref() != Some(payee)).then_some(Key::Payee(payee))
    }

    fn worth(&self) -> (Currency, i128) {
        worth(self.amount)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_order_ndjson(self, out);
        without_line_feed(out);
    }
}

impl Fact for ReportRow<'_> {
    const LEG: Leg = Leg::Reports;

    fn account(&self) -> &str {
        &self.account
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let cip = self.cip.map(Key::Cip);
        let provider = self.provider_id.as_deref().map(Key::Provider);
        let reference = self.reference_id.as_deref().map(Key::Reference);
        cip.into_iter().chain(provider).chain(reference).collect()
    }

    fn hint(&self) -> Option<Key<'_>> {
        self.operation_number.as_deref().map(Key::Operation)
    }

    fn worth(&self) -> (Currency, i128) {
        worth(self.amount)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_report_ndjson(self, out);
        without_line_feed(out);
    }
}

impl Fact for NoticeRow<'_> {
    const LEG: Leg = Leg::Notices;

    fn account(&self) -> &str {
        &self.account
    }

    fn keys(&self) -> Vec<Key<'_>> {
        vec![Key::Cip(self.cip)]
    }

    fn hint(&self) -> Option<Key<'_>> {
        self.operation_number.as_deref().map(Key::Operation)
    }

    fn worth(&self) -> (Currency, i128) {
        worth(self.amount)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_notice_ndjson(self, out);
        without_line_feed(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let cip = Cip::parse("5000000001").unwrap();
        let others = [Key::Provider("P-1"), Key::Operation("007"), Key::Payee("p:1")];
        for key in [Key::Cip(cip), Key::Reference("PED 1"), Key::Reference("")].into_iter().chain(others) {
            assert_eq!(Key::of_word(&key.word()), Some(key));
        }
        assert_eq!(Key::of_word("cip none"), None);
        assert_eq!(Key::of_word("5000000001"), None);
    }

    #[test]
    fn keys_of_two_accounts_are_not_one() {
        assert_ne!(Key::Reference("R1").number("1"), Key::Reference("R1").number("2"));
        assert_ne!(Key::Reference("1").number("1"), Key::Provider("1").number("1"));
    }
}
