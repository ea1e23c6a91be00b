//! Amounts: whole minor units inside, exact text outside. No amount passes through a float.

use serde_json::value::RawValue;

/// A currency in which PagoEfectivo takes cash (vendor documentation v1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// Peruvian sol.
    Pen,
    /// United States dollar.
    Usd,
}

impl Currency {
    /// The ISO 4217 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Currency::Pen => "PEN",
            Currency::Usd => "USD",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Currency> {
        [Currency::Pen, Currency::Usd].into_iter().find(|currency| currency.code() == code)
    }
}

/// The most whole digits that the provider's N(18,2) holds.
const WHOLE_DIGITS_MAX: usize = 16;

/// Reads a plain decimal greater than zero with at most two places as minor units.
pub(crate) fn parse_minor(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "00"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() > WHOLE_DIGITS_MAX || fraction.len() > 2 {
        return None;
    }
    let minor: i64 = format!("{whole}{fraction:0<2}").parse().ok()?;
    (minor > 0).then_some(minor)
}

/// Reads an amount that a client sent as a JSON number or, as some integrators do, as a string.
pub(crate) fn parse_json(raw: &RawValue) -> Option<i64> {
    parse_minor(raw.get().trim_matches('"'))
}

/// `22.50`: as notices carry it.
pub(crate) fn two_decimals(minor: i64) -> String {
    format!("{}.{:02}", minor.div_euclid(100), minor.rem_euclid(100))
}

/// `22.5`, `25`: as the API writes it, without trailing zeros (vendor screenshots of 2018).
pub(crate) fn shortest(minor: i64) -> String {
    let text = two_decimals(minor);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A JSON number with exactly this text.
pub(crate) fn json_number(text: String) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(parse_minor(text), expected, "{text:?}");
        check("22.50", Some(2_250));
        check("22.5", Some(2_250));
        check("25", Some(2_500));
        check("0.01", Some(1));
        check("9999999999999999.99", Some(999_999_999_999_999_999));
        for text in ["", "0", "0.00", "-1", "1.", ".5", "1.234", "1e2", "1,5", "10000000000000000", "abc"] {
            check(text, None);
        }
    }

    #[test]
    fn the_api_drops_trailing_zeros_and_a_notice_keeps_them() {
        let check = |minor: i64, api: &str, notice: &str| {
            assert_eq!(shortest(minor), api);
            assert_eq!(two_decimals(minor), notice);
        };
        check(2_250, "22.5", "22.50");
        check(2_500, "25", "25.00");
        check(10_000, "100", "100.00");
        check(5, "0.05", "0.05");
    }
}
