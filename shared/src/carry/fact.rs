//! What days have to know of a row, whatever its leg: by what it is found, what it is worth, how it is written.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::formats::{
    Leg, write_bank_ndjson, write_notice_ndjson, write_order_ndjson, write_report_ndjson,
    write_settlement_ndjson,
};
use crate::ids::Cip;
use crate::lifecycle::evidence::{BankRow, NoticeRow, OrderRow, ReportRow, SettlementRow};
use crate::money::{Currency, Money};

/// The least length of a word by which a line of a bank is found.
const WORD_BYTES_MIN: usize = 4;

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
    /// A batch of the provider.
    Settlement(&'k str),
    /// What a bank may write for a settlement, an order or a CIP; a bank knows no account of the provider.
    Word(&'k str),
}

impl<'k> Key<'k> {
    /// The key as a number. Two that meet by chance keep a pair alive, or take a stub in, for nothing; no more.
    pub(crate) fn number(&self, account: &str) -> u64 {
        let account = if matches!(self, Key::Word(_)) { "" } else { account };
        let mut hasher = DefaultHasher::new();
        (account, self).hash(&mut hasher);
        hasher.finish()
    }

    const fn kind(&self) -> &'static str {
        match self {
            Key::Cip(_) => "cip",
            Key::Reference(_) => "reference_id",
            Key::Provider(_) => "provider_id",
            Key::Operation(_) => "operation_number",
            Key::Payee(_) => "refund_payee_id",
            Key::Settlement(_) => "settlement_id",
            Key::Word(_) => "word",
        }
    }

    /// Whether rows that share it do not belong together for that alone.
    pub(crate) const fn is_hint(&self) -> bool {
        !matches!(self, Key::Cip(_) | Key::Reference(_) | Key::Provider(_))
    }

    /// The key as a stub names it.
    pub(crate) fn word(&self) -> String {
        let kind = self.kind();
        match self {
            Key::Cip(cip) => format!("{kind} {cip}"),
            Key::Reference(text)
            | Key::Provider(text)
            | Key::Operation(text)
            | Key::Payee(text)
            | Key::Settlement(text)
            | Key::Word(text) => format!("{kind} {text}"),
        }
    }

    /// Reads what [`Key::word`] wrote.
    pub(crate) fn of_word(word: &'k str) -> Option<Key<'k>> {
        let (kind, value) = word.split_once(' ')?;
        let texts = [Key::Reference, Key::Provider, Key::Operation, Key::Payee, Key::Settlement, Key::Word];
        if kind == Key::Cip(Cip::parse("1")?).kind() {
            return Cip::parse(value).map(Key::Cip);
        }
        texts.into_iter().map(|key| key(value)).find(|key| key.kind() == kind)
    }
}

/// The words by which a bank may name something: long enough, with a digit, and no year.
fn words(text: &str) -> impl Iterator<Item = Key<'_>> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    words
        .filter(|word| {
            let is_year = word.len() == 4 && word.starts_with("20");
            word.len() >= WORD_BYTES_MIN && word.bytes().any(|byte| byte.is_ascii_digit()) && !is_year
        })
        .map(Key::Word)
}

/// The word by which a bank names something that bears a name of its own: the longest, since shorter ones stand for the shop or
/// the year in all of its names.
fn word_of(name: &str) -> Option<Key<'_>> {
    words(name).max_by_key(|word| if let Key::Word(word) = word { word.len() } else { 0 })
}

/// A name as a bank may write it: whole, or as one word of its text.
fn named(name: &str) -> impl Iterator<Item = Key<'_>> {
    word_of(name).into_iter().chain([Key::Word(name)])
}

/// A row that runs hand on to each other.
pub(crate) trait Fact: Clone + PartialEq {
    /// Whose words it is.
    const LEG: Leg;

    /// The PagoEfectivo service; empty for a bank, which knows none.
    fn account(&self) -> &str;

    /// Everything by which other rows may belong to it.
    fn keys(&self) -> Vec<Key<'_>>;

    /// By what it may be held against a row that does not belong to it: a stub is taken in for it, and no pair lives on.
    fn hints(&self) -> Vec<Key<'_>>;

    /// What it is worth in the books of its leg, by currency: minor units, of settlements the net in millionths.
    fn worth(&self) -> (Currency, i128);

    /// Writes it as a canonical JSON object, without line feed.
    fn write(&self, out: &mut Vec<u8>);

    /// What a debit of a bank may name it by, as numbers of keys.
    fn bank_words(&self) -> Vec<u64> {
        Vec::new()
    }

    /// The keys as numbers.
    fn key_numbers(&self) -> impl Iterator<Item = u64> {
        self.keys().into_iter().map(|key| key.number(self.account()))
    }

    /// Keys and hints, by which a stub is touched.
    fn touches(&self) -> impl Iterator<Item = Key<'_>> {
        self.keys().into_iter().chain(self.hints())
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

    fn hints(&self) -> Vec<Key<'_>> {
        let payee = self.refund_payee_id.as_deref().filter(|payee| self.payer_id.as_deref() != Some(*payee));
        payee.map(Key::Payee).into_iter().collect()
    }

    fn bank_words(&self) -> Vec<u64> {
        payment_words(Some(&self.reference_id), self.cips.iter().copied())
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

    fn hints(&self) -> Vec<Key<'_>> {
        self.operation_number.as_deref().map(Key::Operation).into_iter().collect()
    }

    fn bank_words(&self) -> Vec<u64> {
        payment_words(self.reference_id.as_deref(), self.cip.into_iter())
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

    fn hints(&self) -> Vec<Key<'_>> {
        self.operation_number.as_deref().map(Key::Operation).into_iter().collect()
    }

    fn worth(&self) -> (Currency, i128) {
        worth(self.amount)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_notice_ndjson(self, out);
        without_line_feed(out);
    }
}

/// A line of a settlement belongs to its payment. To the other lines of its batch it belongs while the batch is judged.
impl Fact for SettlementRow<'_> {
    const LEG: Leg = Leg::Settlements;

    fn account(&self) -> &str {
        &self.account
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let cip = self.cip.map(Key::Cip);
        cip.into_iter().chain(self.provider_id.as_deref().map(Key::Provider)).collect()
    }

    fn hints(&self) -> Vec<Key<'_>> {
        let reference = self.bank_reference.as_deref();
        let names = named(&self.settlement_id).chain(reference.into_iter().flat_map(named));
        names.chain([Key::Settlement(&self.settlement_id)]).collect()
    }

    fn worth(&self) -> (Currency, i128) {
        (self.currency, i128::from(self.net.0))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_settlement_ndjson(self, out);
        without_line_feed(out);
    }
}

/// A line of a bank belongs to what it pays, and is found by what the bank wrote.
impl Fact for BankRow<'_> {
    const LEG: Leg = Leg::Bank;

    fn account(&self) -> &str {
        ""
    }

    fn keys(&self) -> Vec<Key<'_>> {
        Vec::new()
    }

    fn hints(&self) -> Vec<Key<'_>> {
        let reference = self.bank_reference.as_deref();
        let named = reference.into_iter().flat_map(words).chain(words(&self.description));
        named.chain(reference.map(Key::Word)).collect()
    }

    fn worth(&self) -> (Currency, i128) {
        worth(self.amount)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_bank_ndjson(self, out);
        without_line_feed(out);
    }
}

/// What a bank's line may name a payment by, as numbers: the order's reference and the code.
fn payment_words(reference: Option<&str>, cips: impl Iterator<Item = Cip>) -> Vec<u64> {
    let names = names_of_payment(reference, cips);
    names.iter().flat_map(|name| named(name).map(|word| word.number(""))).collect()
}

/// The same as a stub names them.
pub(crate) fn payment_keys(reference: Option<&str>, cips: impl Iterator<Item = Cip>) -> Vec<String> {
    let names = names_of_payment(reference, cips);
    names.iter().flat_map(|name| named(name).map(|word| word.word())).collect()
}

fn names_of_payment(reference: Option<&str>, cips: impl Iterator<Item = Cip>) -> Vec<String> {
    cips.map(|cip| cip.to_string()).chain(reference.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let cip = Cip::parse("5000000001").unwrap();
        let keys = [
            Key::Cip(cip),
            Key::Reference("PED 1"),
            Key::Reference(""),
            Key::Provider("P-1"),
            Key::Operation("007"),
            Key::Payee("p:1"),
            Key::Settlement("LIQ-1"),
            Key::Word("000123"),
        ];
        for key in keys {
            assert_eq!(Key::of_word(&key.word()), Some(key));
        }
        assert_eq!(Key::of_word("cip none"), None);
        assert_eq!(Key::of_word("5000000001"), None);
    }

    #[test]
    fn keys_of_two_accounts_are_not_one() {
        assert_ne!(Key::Reference("R1").number("1"), Key::Reference("R1").number("2"));
        assert_ne!(Key::Reference("1").number("1"), Key::Provider("1").number("1"));
        assert_eq!(Key::Word("L1").number("1"), Key::Word("L1").number("2"));
    }

    #[test]
    fn a_bank_names_things_by_words_with_digits() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<Key<'_>> = words(text).collect();
            let expected: Vec<Key<'_>> = expected.iter().map(|word| Key::Word(word)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("ABONO PAGOEFECTIVO LIQ-000123", &["000123"]);
        check("PED1001/2026 No 7", &["PED1001"]);
        check("", &[]);
    }
}
