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
    /// No code is smaller.
    pub(crate) const SMALLEST: Cip = Cip(1);

    /// Reads 1 to 14 digits that are not all zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cip> {
        let plain = (1..=14).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok().filter(|number| *number > 0).map(Cip))?
    }

    /// The same, quicker, for what is read by the million.
    pub(crate) fn from_digits(text: &str) -> Option<Cip> {
        let bytes = text.as_bytes();
        if !(1..=14).contains(&bytes.len()) {
            return None;
        }
        let mut number: u64 = 0;
        let mut strange = 0;
        for byte in bytes {
            let digit = byte.wrapping_sub(b'0');
            strange |= u8::from(digit > 9);
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        (strange == 0 && number > 0).then_some(Cip(number))
    }

    /// The code that bears a number; `None` beyond fourteen digits.
    pub(crate) fn from_number(number: u64) -> Option<Cip> {
        (1..100_000_000_000_000).contains(&number).then_some(Cip(number))
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BreakId([u8; BREAK_ID_DIGITS]);

/// Hexadecimal digits of an identity: half a SHA-256, long enough that no two names meet by chance.
const BREAK_ID_DIGITS: usize = 32;

impl BreakId {
    /// Makes the identity from account, relation and the parts of the subject.
    #[must_use]
    pub fn new(account: &str, relation: &str, subject: &[&str]) -> BreakId {
        BreakId::with_buffer(account, relation, subject, &mut Vec::new())
    }

    /// The same with a buffer of the caller's, who makes millions of them; what it held is gone.
    ///
    /// Each part stands behind its length in bytes, so that no two lists of parts give the same bytes. A length below
    /// 255 takes one byte, which keeps the usual name within one block of the hash.
    #[must_use]
    pub fn with_buffer(account: &str, relation: &str, subject: &[&str], buffer: &mut Vec<u8>) -> BreakId {
        buffer.clear();
        for part in [account, relation].iter().chain(subject) {
            match u8::try_from(part.len()) {
                Ok(short) if short < u8::MAX => buffer.push(short),
                _ => {
                    buffer.push(u8::MAX);
                    buffer.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                }
            }
            buffer.extend_from_slice(part.as_bytes());
        }
        let mut digits = [b'0'; BREAK_ID_DIGITS];
        for (eight, word) in digits.as_chunks_mut().0.iter_mut().zip(half_sha256(buffer)) {
            *eight = hex_digits(word);
        }
        BreakId(digits)
    }

    /// Reads an identity that was written by [`BreakId::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<BreakId> {
        let digits: [u8; BREAK_ID_DIGITS] = text.as_bytes().try_into().ok()?;
        let is_id = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then_some(BreakId(digits))
    }

    /// The digits as bytes.
    pub(crate) const fn digits(&self) -> &[u8; BREAK_ID_DIGITS] {
        &self.0
    }

    /// The identity as outputs and keys write it: 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Nothing but digits is ever put into it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The first half of a SHA-256, as its words. Most names fit into one block, and then all else that a hasher keeps is left out.
/// The name is what `buffer` holds; afterwards it holds something else.
fn half_sha256(buffer: &mut Vec<u8>) -> [u32; 4] {
    /// Up to here there is room for the mark and the length behind the name.
    const ONE_BLOCK_MAX: usize = 55;
    const START: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    let length = buffer.len();
    let one_block = length <= ONE_BLOCK_MAX;
    if one_block {
        buffer.push(0x80);
        buffer.resize(64, 0);
    }
    let Some(block) = buffer.first_chunk_mut::<64>().filter(|_| one_block) else {
        return half_of(&Sha256::digest(buffer.as_slice()).into());
    };
    if let Some(bits) = block.last_chunk_mut::<8>() {
        *bits = u64::try_from(length).unwrap_or_default().saturating_mul(8).to_be_bytes();
    }
    let mut state = START;
    sha2::block_api::compress256(&mut state, &[*block]);
    let [a, b, c, d, ..] = state;
    [a, b, c, d]
}

fn half_of(hash: &[u8; 32]) -> [u32; 4] {
    let (words, _) = hash.as_chunks();
    words.first_chunk().map(|half| half.map(u32::from_be_bytes)).unwrap_or_default()
}

/// A number in lower-case hexadecimal digits, all of them at once: the halves of a half are moved apart until each digit
/// has a byte of its own.
pub(crate) const fn hex_digits(number: u32) -> [u8; 8] {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    /// From the last digit to the first letter.
    const GAP: u64 = 39;
    let [a, b, c, d] = number.to_be_bytes();
    let apart = u64::from_be_bytes([0, a, 0, b, 0, c, 0, d]);
    let digits = (apart | apart << 4) & (ONES * 0x0F);
    let letters = digits.wrapping_add(ONES * 6) >> 4 & ONES;
    digits.wrapping_add(ONES * 0x30).wrapping_add(letters.wrapping_mul(GAP)).to_be_bytes()
}

impl fmt::Display for BreakId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cip_is_one_to_fourteen_digits() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(Cip::parse(text).map(Cip::number), expected);
            assert_eq!(Cip::from_digits(text).map(Cip::number), expected);
        };
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
    fn a_number_is_written_in_hexadecimal() {
        for number in [0, 1, 0x0123_4567, 0x89AB_CDEF, 0xF0F0_F0F0, 0x9A9A_0909, u32::MAX] {
            assert_eq!(std::str::from_utf8(&hex_digits(number)).unwrap(), format!("{number:08x}"));
        }
    }

    #[test]
    fn short_names_are_hashed_like_long_ones() {
        for length in 0..200 {
            let name: Vec<u8> = (0..length).collect();
            let hash: [u8; 32] = Sha256::digest(&name).into();
            assert_eq!(half_sha256(&mut name.clone()), half_of(&hash), "{length}");
        }
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
