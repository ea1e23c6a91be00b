//! Money as whole minor units with its currency; text to money and back is exact.
#![deny(clippy::arithmetic_side_effects)]

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A currency that PagoEfectivo collects in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Currency {
    /// Peruvian sol; the minor unit is the céntimo.
    Pen,
    /// United States dollar; the minor unit is the cent.
    Usd,
}

impl Currency {
    /// Every currency, in the order in which outputs list them.
    pub const ALL: [Currency; 2] = [Currency::Pen, Currency::Usd];

    /// Its place in [`Currency::ALL`].
    pub(crate) const fn place(self) -> usize {
        match self {
            Currency::Pen => 0,
            Currency::Usd => 1,
        }
    }

    /// The ISO 4217 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Currency::Pen => "PEN",
            Currency::Usd => "USD",
        }
    }

    /// Reads an ISO 4217 code, upper case as the standard writes it.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Currency> {
        Currency::ALL.into_iter().find(|currency| currency.code() == code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AmountError {
    /// Anything but digits with at most one point between digits.
    #[error("is not a plain decimal such as 1234.50")]
    NotDecimal,
    /// Rounding here would hide an error that reconciliation must report.
    #[error("has more than {0} decimals")]
    TooPrecise(usize),
    /// Zero where money was to move.
    #[error("must be greater than zero")]
    NotPositive,
    /// Larger than any amount of its kind that can be added up safely; carries the largest.
    #[error("is larger than {0}")]
    TooLarge(&'static str),
}

/// The largest amount that a row may carry: the provider's N(18,2).
const MINOR_MAX: i64 = 999_999_999_999_999_999;

/// The same in words.
const MINOR_MAX_TEXT: &str = "9999999999999999.99";

/// An amount in minor units (céntimos, cents) of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Whole céntimos or cents.
    pub minor: i64,
    /// What they are céntimos or cents of.
    pub currency: Currency,
}

impl Money {
    /// Reads an amount greater than zero such as `1001.00`, `10.5` or `7`.
    ///
    /// # Errors
    /// [`AmountError`] says what is wrong with the text; nothing is rounded or guessed.
    pub fn parse(text: &str, currency: Currency) -> Result<Money, AmountError> {
        match parse_minor(text)? {
            0 => Err(AmountError::NotPositive),
            minor => Ok(Money { minor, currency }),
        }
    }
}

/// Reads a plain decimal with at most two places, zero included, as minor units.
///
/// # Errors
/// [`AmountError`], as for [`Money::parse`].
pub fn parse_minor(text: &str) -> Result<i64, AmountError> {
    let minor = parse_scaled(text, 2, MINOR_MAX_TEXT)?;
    if minor > MINOR_MAX { Err(AmountError::TooLarge(MINOR_MAX_TEXT)) } else { Ok(minor) }
}

/// Reads the same with an optional minus sign: what a line of a bank's statement moves, out or in.
///
/// # Errors
/// [`AmountError`], as for [`Money::parse`].
pub fn parse_signed_minor(text: &str) -> Result<i64, AmountError> {
    match text.strip_prefix('-') {
        Some(rest) => parse_minor(rest)?.checked_neg().ok_or(AmountError::TooLarge(MINOR_MAX_TEXT)),
        None => parse_minor(text),
    }
}

/// The largest share of an amount: all of it.
const PERCENT_MAX: i64 = 1_000_000;

/// Reads a share in percent, from 0 to 100 with at most four decimals, as millionths: `0.5` is 5,000.
///
/// # Errors
/// [`AmountError`], as for [`Money::parse`].
pub fn parse_percent(text: &str) -> Result<i64, AmountError> {
    const LARGEST: &str = "100";
    let millionths = parse_scaled(text, 4, LARGEST)?;
    if millionths > PERCENT_MAX { Err(AmountError::TooLarge(LARGEST)) } else { Ok(millionths) }
}

/// A fee, tax or net amount in millionths of the currency unit: the provider's fees carry up to six decimals, and
/// a sum of rounded fees is not the rounded sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Micros(pub i64);

impl Micros {
    /// Reads a decimal with at most six places and an optional minus sign.
    ///
    /// # Errors
    /// [`AmountError`], as for [`Money::parse`].
    pub fn parse(text: &str) -> Result<Micros, AmountError> {
        const LARGEST: &str = "9223372036854.775807";
        let read = |digits| parse_scaled(digits, 6, LARGEST);
        match text.strip_prefix('-') {
            Some(rest) => Ok(Micros(read(rest)?.checked_neg().ok_or(AmountError::TooLarge(LARGEST))?)),
            None => read(text).map(Micros),
        }
    }

    /// The amount in millionths of its currency.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Micros {
    /// Six decimals, always: `-1.250000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:06}", magnitude.div_euclid(1_000_000), magnitude.rem_euclid(1_000_000))
    }
}

/// A rate of exchange in billionths. That of a settlement explains an amount and is never multiplied with one; that of a
/// policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rate(i64);

impl Rate {
    /// Nothing was exchanged.
    pub const ONE: Rate = Rate(1_000_000_000);

    /// Reads a decimal greater than zero with at most nine places.
    ///
    /// # Errors
    /// [`AmountError`], as for [`Money::parse`].
    pub fn parse(text: &str) -> Result<Rate, AmountError> {
        match parse_scaled(text, 9, "9223372036.854775807")? {
            0 => Err(AmountError::NotPositive),
            billionths => Ok(Rate(billionths)),
        }
    }

    /// An amount in minor units at this rate, exact and then rounded half up to the minor unit; `None` where the result is
    /// larger than any amount. Both currencies have a hundred minor units.
    #[must_use]
    pub fn of_minor(self, minor: i64) -> Option<i64> {
        let billionths = i128::from(minor).checked_mul(i128::from(self.0))?;
        let half = i128::from(Rate::ONE.0).div_euclid(2);
        let rounded = billionths.checked_add(half)?.div_euclid(i128::from(Rate::ONE.0));
        i64::try_from(rounded).ok().filter(|minor| *minor <= MINOR_MAX)
    }

    /// The rate as a person writes it: `3.75`.
    #[must_use]
    pub fn plain(self) -> String {
        self.to_string().trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl fmt::Display for Rate {
    /// Nine decimals, always: `3.752500000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000))
    }
}

/// Reads digits with at most `places` decimals as an integer of the smallest unit; `largest` is for the error.
fn parse_scaled(text: &str, places: usize, largest: &'static str) -> Result<i64, AmountError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(AmountError::NotDecimal),
        None => (text, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(AmountError::NotDecimal);
    }
    if fraction.len() > places {
        return Err(AmountError::TooPrecise(places));
    }
    let padding = std::iter::repeat_n(b'0', places.saturating_sub(fraction.len()));
    whole
        .bytes()
        .chain(fraction.bytes())
        .chain(padding)
        .try_fold(0_i64, |value, digit| {
            value.checked_mul(10)?.checked_add(i64::from(digit.checked_sub(b'0')?))
        })
        .ok_or(AmountError::TooLarge(largest))
}

/// Reads digits with at most `places` decimals as an integer of the smallest unit, provided that there are few enough to
/// fit whatever they are; `None` for everything that needs a closer look.
pub(crate) fn plain_decimal(text: &str, places: usize) -> Option<i64> {
    const DIGITS_MAX: usize = 12;
    let (whole, fraction): (&[u8], &[u8]) = match text.as_bytes() {
        [whole @ .., b'.', _, _] => (whole, text.as_bytes().last_chunk::<2>()?),
        [whole @ .., b'.', _] => (whole, text.as_bytes().last_chunk::<1>()?),
        bytes => match memchr::memchr(b'.', bytes) {
            Some(point) => (bytes.get(..point)?, bytes.get(point.checked_add(1)?..)?),
            None => (bytes, b"0"),
        },
    };
    if whole.is_empty() || whole.len() > DIGITS_MAX || fraction.is_empty() || fraction.len() > places {
        return None;
    }
    let mut value: i64 = 0;
    let mut strange = false;
    let mut take = |byte: u8| {
        let digit = byte.wrapping_sub(b'0');
        strange |= digit > 9;
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
    };
    whole.iter().for_each(|byte| take(*byte));
    fraction.iter().for_each(|byte| take(*byte));
    for _ in fraction.len()..places {
        value = value.wrapping_mul(10);
    }
    (!strange).then_some(value)
}

/// Writes minor units with two decimals: `-0.05`, `1001.00`. Takes sums too, hence the width.
#[must_use]
pub fn format_minor(minor: i128) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let magnitude = minor.unsigned_abs();
    format!("{sign}{}.{:02}", magnitude.div_euclid(100), magnitude.rem_euclid(100))
}

/// Appends what [`format_minor`] gives, without making a text of its own.
pub fn write_minor(minor: i64, out: &mut Vec<u8>) {
    if minor < 0 {
        out.push(b'-');
    }
    let magnitude = minor.unsigned_abs();
    write_digits(magnitude.div_euclid(100), out);
    let cents = u8::try_from(magnitude.rem_euclid(100)).unwrap_or_default();
    let digit = |number: u8| b'0'.saturating_add(number);
    out.extend_from_slice(&[b'.', digit(cents.div_euclid(10)), digit(cents.rem_euclid(10))]);
}

/// Appends a whole number in decimal digits.
pub(crate) fn write_digits(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_exactly_or_not_at_all() {
        let check = |text: &str, expected: Result<i64, AmountError>| {
            assert_eq!(Money::parse(text, Currency::Pen).map(|money| money.minor), expected, "{text:?}");
        };
        check("1001.00", Ok(100_100));
        check("10.5", Ok(1_050));
        check("7", Ok(700));
        check("0.01", Ok(1));
        check("0007.10", Ok(710));
        check("9999999999999999.99", Ok(MINOR_MAX));
        check("10000000000000000", Err(AmountError::TooLarge(MINOR_MAX_TEXT)));
        check("99999999999999999999999", Err(AmountError::TooLarge(MINOR_MAX_TEXT)));
        check("12.345", Err(AmountError::TooPrecise(2)));
        check("0.00", Err(AmountError::NotPositive));
        for text in ["", ".", "5.", ".5", "-0", "-1.00", "+1", "1,234.5x", "1e3", "1.2.3", " 1", "٣", "NaN"]
        {
            check(text, Err(AmountError::NotDecimal));
        }
    }

    /// The short way must be the long one wherever it gives an answer.
    #[test]
    fn a_plain_decimal_is_read_as_any_other() {
        for text in [
            "1001.00",
            "10.5",
            "7",
            "0.01",
            "0",
            "0.00",
            "007.10",
            "999999999999.99",
            "9999999999999.99",
            "12.345",
            "",
            ".",
            "5.",
            ".5",
            "-0",
            "+1",
            "1e3",
            "1.2.3",
            " 1",
            "1,5",
            "/1",
            ":1",
            "1.x",
        ] {
            for (places, largest) in [(2, MINOR_MAX_TEXT), (6, "9223372036854.775807")] {
                if let Some(value) = plain_decimal(text, places) {
                    assert_eq!(parse_scaled(text, places, largest), Ok(value), "{text:?}");
                }
            }
        }
        assert_eq!(plain_decimal("1001.5", 2), Some(100_150));
        assert_eq!(plain_decimal("3.000001", 6), Some(3_000_001));
    }

    #[test]
    fn a_fee_keeps_six_decimals_and_its_sign() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Micros::parse(text).map(|fee| fee.to_string()), Ok(expected.to_owned()));
        };
        check("1.25", "1.250000");
        check("-0.000001", "-0.000001");
        check("0", "0.000000");
        assert_eq!(Micros::parse("0.0000001"), Err(AmountError::TooPrecise(6)));
        assert_eq!(Micros::parse("--1"), Err(AmountError::NotDecimal));
        assert_eq!(Micros::parse("9223372036854.775807"), Ok(Micros(i64::MAX)));
        let error = Micros::parse("9223372036854.775808").unwrap_err();
        assert_eq!(error.to_string(), "is larger than 9223372036854.775807");
    }

    #[test]
    fn a_signed_amount_keeps_its_minus() {
        let check = |text: &str, expected: Result<i64, AmountError>| {
            assert_eq!(parse_signed_minor(text), expected, "{text:?}");
        };
        check("-10.5", Ok(-1_050));
        check("0.01", Ok(1));
        check("-0", Ok(0));
        check("--1", Err(AmountError::NotDecimal));
        check("+1", Err(AmountError::NotDecimal));
        check("1-", Err(AmountError::NotDecimal));
        check("-10000000000000000", Err(AmountError::TooLarge(MINOR_MAX_TEXT)));
    }

    #[test]
    fn a_rate_keeps_nine_decimals_and_is_never_zero() {
        let check = |text: &str, expected: Result<&str, AmountError>| {
            assert_eq!(
                Rate::parse(text).map(|rate| rate.to_string()),
                expected.map(str::to_owned),
                "{text:?}"
            );
        };
        check("3.7525", Ok("3.752500000"));
        check("0.000000001", Ok("0.000000001"));
        check("0", Err(AmountError::NotPositive));
        check("-1", Err(AmountError::NotDecimal));
        check("1.0000000001", Err(AmountError::TooPrecise(9)));
        check("9223372037", Err(AmountError::TooLarge("9223372036.854775807")));
        let plain = |text: &str| Rate::parse(text).unwrap().plain();
        assert_eq!([plain("3.7500"), plain("4"), plain("100")], ["3.75", "4", "100"]);
    }

    #[test]
    fn a_percentage_keeps_four_decimals_and_ends_at_a_hundred() {
        let check = |text: &str, expected: Result<i64, AmountError>| {
            assert_eq!(parse_percent(text), expected, "{text:?}");
        };
        check("0", Ok(0));
        check("0.5", Ok(5_000));
        check("0.0001", Ok(1));
        check("100", Ok(1_000_000));
        check("100.0001", Err(AmountError::TooLarge("100")));
        check("0.00001", Err(AmountError::TooPrecise(4)));
        check("-1", Err(AmountError::NotDecimal));
    }

    #[test]
    fn what_is_written_reads_back() {
        for minor in [1, 5, 99, 100, 123_456, MINOR_MAX] {
            assert_eq!(parse_minor(&format_minor(i128::from(minor))), Ok(minor));
        }
        for minor in [0, 1, -1, 9, 10, 99, 100, -100, 12_345, MINOR_MAX, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            write_minor(minor, &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), format_minor(i128::from(minor)));
        }
        assert_eq!(format_minor(-5), "-0.05");
    }
}
