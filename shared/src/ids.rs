//! The names by which the field knows things: CIP, operation number, break, fact.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// PagoEfectivo's payment code, up to 14 digits. The provider writes it as a number in its API and as a string in its
/// notices (pagoefectivo documentation v1.1), so it is kept as the number and leading zeros carry no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cip(u64);

/// A text that is no CIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not 1 to 14 digits")]
pub struct NoCip;

impl TryFrom<String> for Cip {
    type Error = NoCip;

    fn try_from(text: String) -> Result<Cip, NoCip> {
        Cip::parse(&text).ok_or(NoCip)
    }
}

impl From<Cip> for String {
    fn from(cip: Cip) -> String {
        cip.to_string()
    }
}

impl Cip {
    /// Reads 1 to 14 digits that are not all zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cip> {
        let plain = (1..=14).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok().filter(|number| *number > 0).map(Cip))?
    }

    /// The code as the number that the provider's API takes.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Cip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Orders operation numbers by length, then by character, a missing one last, so that numbers without leading zeros
/// come in their numeric order without a limit on their length.
#[must_use]
pub fn compare_operation_numbers(a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// SHA-256 over named parts, each with its length before it, so that no two lists of parts give the same bytes.
#[must_use]
pub fn hash_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hasher.update(length.to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The first half of [`hash_parts`] over texts, as 32 hexadecimal digits: long enough that no two names meet by chance.
#[must_use]
pub fn short_id(parts: &[&str]) -> String {
    let hash = hash_parts(parts.iter().map(|part| part.as_bytes()));
    hex::encode(hash.first_chunk::<16>().copied().unwrap_or_default())
}

/// The lasting identity of a break: it names what is in doubt, not what was found about it, so that a difference keeps
/// its history while its class or amount changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BreakId(String);

impl BreakId {
    /// Makes the identity from account, relation and the parts of the subject.
    #[must_use]
    pub fn new(account: &str, relation: &str, subject: &[&str]) -> BreakId {
        let parts: Vec<&str> = [account, relation].into_iter().chain(subject.iter().copied()).collect();
        BreakId(short_id(&parts))
    }

    /// Reads an identity that was written by [`BreakId::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<BreakId> {
        let is_id = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| BreakId(text.to_owned()))
    }

    /// The identity as outputs and keys write it: 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BreakId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cip_is_one_to_fourteen_digits() {
        let check =
            |text: &str, expected: Option<u64>| assert_eq!(Cip::parse(text).map(Cip::number), expected);
        check("1", Some(1));
        check("99999999999999", Some(99_999_999_999_999));
        check("0042", Some(42));
        for text in ["", "0", "000", "123456789012345", "12a", "-1", " 1", "１"] {
            check(text, None);
        }
    }

    #[test]
    fn operation_numbers_come_in_numeric_order_and_missing_ones_last() {
        let mut numbers = [None, Some("100"), Some("99"), Some("9"), Some("101")];
        numbers.sort_by(|a, b| compare_operation_numbers(*a, *b));
        assert_eq!(numbers, [Some("9"), Some("99"), Some("100"), Some("101"), None]);
    }

    #[test]
    fn parts_that_join_to_the_same_text_stay_apart() {
        let id = |subject: &[&str]| BreakId::new("tienda", "order-report", subject);
        assert_ne!(id(&["ab", "c"]), id(&["a", "bc"]));
        assert_eq!(id(&["ab"]).as_str().len(), 32);
        assert_eq!(BreakId::parse(id(&["ab"]).as_str()), Some(id(&["ab"])));
        assert_eq!(BreakId::parse("AB"), None);
    }
}
