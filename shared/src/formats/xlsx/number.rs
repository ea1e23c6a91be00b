//! Numbers of cells, from their stored digits and never through a float.
//!
//! Spreadsheet programs keep 15 digits of a number and write up to 17, so that `1.1` may be stored as
//! `1.1000000000000001`. Rounded to 15 digits it is again what was typed and what is shown. From 10^12 on rounding would
//! come near the céntimos, and so a number there that has more digits is refused.

use chrono::{Days, NaiveDate};

/// Digits that a spreadsheet keeps.
const DIGITS_MAX: usize = 15;

/// Digits before the point up to which a number may be rounded.
const WHOLE_DIGITS_MAX: i32 = 12;

/// Places that an exponent may move the point; what lies beyond is no value of ours.
const EXPONENT_MAX: i32 = 40;

/// Days of the last year that a spreadsheet knows.
const SERIAL_MAX: u64 = 2_958_465;

const MILLISECONDS_A_DAY: u128 = 86_400_000;

/// From when a workbook counts days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Calendar {
    /// Day 1 is 1 January 1900, and 29 February of that year is counted though there was none.
    #[default]
    From1900,
    /// Day 0 is 1 January 1904.
    From1904,
}

/// A number as sign, digits and the place of its point: `digits` × 10^-`places`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    whole: String,
    places: String,
}

/// The plain decimal of a stored number, or what is wrong with it.
pub(super) fn plain(stored: &str) -> Result<String, &'static str> {
    let Decimal { negative, whole, places } = Decimal::read(stored)?;
    let sign = if negative && (whole != "0" || !places.is_empty()) { "-" } else { "" };
    Ok(if places.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{places}") })
}

/// The day and time of a stored number: `2026-03-02`, `2026-03-02T09:30:00`, or `09:30:00` where it names no day.
pub(super) fn date(stored: &str, calendar: Calendar) -> Result<String, &'static str> {
    let beyond = "a date that the calendar does not have";
    let decimal = Decimal::read(stored)?;
    if decimal.negative {
        return Err(beyond);
    }
    let mut serial: u64 = decimal.whole.parse().ok().filter(|serial| *serial <= SERIAL_MAX).ok_or(beyond)?;
    let mut milliseconds = milliseconds(&decimal.places);
    if milliseconds == MILLISECONDS_A_DAY {
        milliseconds = 0;
        serial += 1;
    }
    let seconds = milliseconds / 1000;
    let mut time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if !milliseconds.is_multiple_of(1000) {
        time = format!("{time}.{:03}", milliseconds % 1000);
    }
    if serial == 0 {
        return Ok(time);
    }
    let (year, month, day, before) = match calendar {
        Calendar::From1904 => (1904, 1, 1, 0),
        Calendar::From1900 if serial < 60 => (1899, 12, 31, 0),
        Calendar::From1900 if serial == 60 => return Err(beyond),
        Calendar::From1900 => (1899, 12, 31, 1),
    };
    let start = NaiveDate::from_ymd_opt(year, month, day).ok_or(beyond)?;
    let day = start.checked_add_days(Days::new(serial - before)).ok_or(beyond)?;
    Ok(if milliseconds == 0 { day.to_string() } else { format!("{day}T{time}") })
}

/// The milliseconds of a part of a day, whose decimal places are given, rounded to the nearest.
fn milliseconds(places: &str) -> u128 {
    let kept = places.get(..DIGITS_MAX).unwrap_or(places);
    let scale = kept.chars().fold(1_u128, |scale, _| scale * 10);
    let part: u128 = kept.parse().unwrap_or(0);
    (part * MILLISECONDS_A_DAY + scale / 2) / scale
}

impl Decimal {
    fn read(stored: &str) -> Result<Decimal, &'static str> {
        let wrong = "no number, though the workbook says so";
        let text = stored.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| wrong)?),
            None => (text, 0),
        };
        let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{places}");
        if digits.is_empty() || digits.len() > 400 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong);
        }
        // Where the point stands, counted from the first digit that is not zero.
        let significant = digits.trim_start_matches('0');
        let zeros = digits.len() - significant.len();
        let point = i32::try_from(whole.len()).unwrap_or(0) - i32::try_from(zeros).unwrap_or(0);
        let point = point.saturating_add(exponent);
        let significant = significant.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Decimal { negative, whole: "0".to_owned(), places: String::new() });
        }
        let too_many = "a number of more than 15 digits, of which a spreadsheet keeps only 15";
        if point > 15 || (point > WHOLE_DIGITS_MAX && significant.len() > DIGITS_MAX) {
            return Err(too_many);
        }
        if point < -EXPONENT_MAX {
            return Err("a number too small to be one of a file");
        }
        let (rounded, carried) = rounded(significant);
        let point = point + i32::from(carried);
        let (whole, places) = match usize::try_from(point) {
            Ok(point) if point > 0 => {
                let padded = format!("{rounded:0<point$}");
                let (whole, places) = padded.split_at_checked(point).unwrap_or((&padded, ""));
                (whole.to_owned(), places.to_owned())
            }
            _ => {
                let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
                ("0".to_owned(), format!("{}{rounded}", "0".repeat(zeros)))
            }
        };
        Ok(Decimal { negative, whole, places })
    }
}

/// Significant digits rounded to 15, half away from zero, without zeros at the end; whether a digit was won in front.
fn rounded(digits: &str) -> (String, bool) {
    let Some((kept, cut)) = digits.split_at_checked(DIGITS_MAX) else { return (digits.to_owned(), false) };
    let mut kept: Vec<u8> = kept.bytes().collect();
    let mut carry = cut.bytes().next().is_some_and(|digit| digit >= b'5');
    for digit in kept.iter_mut().rev() {
        if !carry {
            break;
        }
        carry = *digit == b'9';
        *digit = if carry { b'0' } else { *digit + 1 };
    }
    let text: String = carry.then_some('1').into_iter().chain(kept.into_iter().map(char::from)).collect();
    (text.trim_end_matches('0').to_owned(), carry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A decimal of so many places.
    fn decimal(digits: u128, places: usize) -> String {
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, decimals) = padded.split_at(padded.len() - places);
        if places == 0 { whole.to_owned() } else { format!("{whole}.{decimals}") }
    }

    fn without_end_zeros(text: &str) -> &str {
        text.trim_end_matches('0').trim_end_matches('.')
    }

    proptest! {
        #[test]
        fn amounts_survive_the_noise_of_their_last_digits(minor in 1_u128..100_000_000_000_000, noise in -11_i32..=11) {
            // As many places as make 17 digits, which is what programs write at most.
            let more = 17 - minor.to_string().len();
            let scaled = minor * 10_u128.pow(u32::try_from(more).unwrap());
            let stored = decimal(scaled.checked_add_signed(noise.into()).unwrap(), more + 2);
            let typed = decimal(minor, 2);
            prop_assert_eq!(plain(&stored), Ok(without_end_zeros(&typed).to_owned()), "{}", stored);
        }

        #[test]
        fn a_number_is_the_same_with_an_exponent(digits in 1_u64..1_000_000_000_000_000, places in 0_usize..16, moved in -9_i32..9) {
            let written = decimal(digits.into(), places);
            let moved_back = i32::try_from(places).unwrap() + moved;
            let with_exponent = format!("{}E{}", decimal(digits.into(), places), 0);
            prop_assert_eq!(plain(&with_exponent), plain(&written));
            if let Ok(places) = usize::try_from(moved_back) {
                prop_assert_eq!(plain(&format!("{}e{moved}", decimal(digits.into(), places))), plain(&written));
            }
        }

        #[test]
        fn every_second_is_read_from_its_part_of_a_day(day in 61_u32..200_000, second in 0_u32..86_400) {
            let part = (u64::from(second) * 10_000_000_000 + 43_200) / 86_400;
            let stored = format!("{day}.{part:010}");
            let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
            let start = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap() + Days::new(day.into());
            let expected = if second == 0 { start.to_string() } else { format!("{start}T{clock}") };
            prop_assert_eq!(date(&stored, Calendar::From1900), Ok(expected));
        }
    }

    #[test]
    fn numbers_are_what_was_typed() {
        let check =
            |stored: &str, expected: &str| assert_eq!(plain(stored).as_deref(), Ok(expected), "{stored}");
        check("22.5", "22.5");
        check("0", "0");
        check("-0", "0");
        check("007", "7");
        check("10", "10");
        check("1.1000000000000001", "1.1");
        check("22.550000000000001", "22.55");
        check("0.30000000000000004", "0.3");
        check("29.999999999999996", "30");
        check("999.99999999999999", "1000");
        check("99999999999999.5", "99999999999999.5");
        check("2405617.0", "2405617");
        check("12345678901234", "12345678901234");
        check("1.2E3", "1200");
        check("1.25E-2", "0.0125");
        check("22.505", "22.505");
        check("-3.10", "-3.1");
    }

    #[test]
    fn a_number_that_a_spreadsheet_cannot_keep_is_refused() {
        for stored in [
            "1234567890123456",
            "1.23456789012345E+15",
            "999999999999999.9",
            "1E300",
            "1234567890123.4567",
            "99999999999999.984",
        ] {
            assert!(plain(stored).unwrap_err().contains("15 digits"), "{stored}");
        }
        for stored in ["", "-", ".", "1,5", "1e", "inf", "NaN", "0x1", "1e99999999999", "1E-300", "１"] {
            assert!(plain(stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn dates_are_counted_by_the_calendar_of_the_workbook() {
        let check = |calendar, stored: &str, expected: Option<&str>| {
            assert_eq!(date(stored, calendar).ok().as_deref(), expected, "{stored} {calendar:?}");
        };
        check(Calendar::From1900, "46083", Some("2026-03-02"));
        check(Calendar::From1900, "46083.395833333336", Some("2026-03-02T09:30:00"));
        check(Calendar::From1900, "46083.999988425923", Some("2026-03-02T23:59:59"));
        check(Calendar::From1900, "46083.99999999999", Some("2026-03-03"));
        check(Calendar::From1900, "46083.000005787", Some("2026-03-02T00:00:00.500"));
        check(Calendar::From1900, "0.395833333333333", Some("09:30:00"));
        check(Calendar::From1900, "1", Some("1900-01-01"));
        check(Calendar::From1900, "59", Some("1900-02-28"));
        check(Calendar::From1900, "60", None);
        check(Calendar::From1900, "61", Some("1900-03-01"));
        check(Calendar::From1904, "44621", Some("2026-03-02"));
        check(Calendar::From1904, "44621.5", Some("2026-03-02T12:00:00"));
        check(Calendar::From1900, "2958466", None);
        check(Calendar::From1900, "-1", None);
    }
}
