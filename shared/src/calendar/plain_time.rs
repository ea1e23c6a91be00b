//! The one form of RFC 3339 that nearly every file writes, `2026-03-02T09:30:00-05:00`, without the general machinery:
//! a run reads and writes millions of them.

use std::cell::Cell;

use super::LIMA_OFFSET_SECONDS;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Days in a cycle of four hundred years.
const DAYS_PER_ERA: i64 = 146_097;

/// The days that were read last, by their last digit, and what each came to: times of one row lie on a few days that follow
/// each other.
#[derive(Debug)]
pub(crate) struct LastDays([Cell<([u8; 10], i64)>; 10]);

impl Default for LastDays {
    fn default() -> Self {
        LastDays(std::array::from_fn(|_| Cell::new((*b"1970-01-01", 0))))
    }
}

impl LastDays {
    /// Days since 1970 of `2026-03-02`.
    #[inline]
    fn read(&self, day: [u8; 10]) -> Option<i64> {
        let [.., last] = day;
        let place = self.0.get(usize::from(last.wrapping_sub(b'0')))?;
        let (known, days) = place.get();
        if known == day {
            return Some(days);
        }
        let days = read_day(day)?;
        place.set((day, days));
        Some(days)
    }
}

/// Reads the usual form as nanoseconds since 1970; `None` for everything that needs a closer look.
#[inline]
pub(super) fn read(text: &[u8], last: &LastDays) -> Option<i64> {
    let (day, rest) = text.split_first_chunk::<10>()?;
    let (clock, zone) = rest.split_first_chunk::<9>()?;
    let days = last.read(*day)?;
    let [b'T', h1, h2, b':', n1, n2, b':', s1, s2] = *clock else { return None };
    let offset = match *zone {
        [b'Z'] => 0,
        [b'-', h1, h2, b':', n1, n2] => -offset_seconds([h1, h2], [n1, n2])?,
        [b'+', h1, h2, b':', n1, n2] => offset_seconds([h1, h2], [n1, n2])?,
        _ => return None,
    };
    let (hour, minute, second) = (two_digits([h1, h2])?, two_digits([n1, n2])?, two_digits([s1, s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((days * SECONDS_PER_DAY + (hour * 60 + minute) * 60 + second - offset) * NANOS_PER_SECOND)
}

/// Days since 1970 of `2026-03-02`.
fn read_day([y1, y2, y3, y4, dash, m1, m2, other_dash, d1, d2]: [u8; 10]) -> Option<i64> {
    let year = two_digits([y1, y2])? * 100 + two_digits([y3, y4])?;
    let (month, day) = (two_digits([m1, m2])?, two_digits([d1, d2])?);
    // The years at the edge of what nanoseconds can hold are left to the general way.
    let usual = dash == b'-' && other_dash == b'-' && (1700..2200).contains(&year);
    let exists = (1..=days_in_month(year, month)).contains(&day);
    (usual && exists).then(|| days_from_civil(year, month, day))
}

/// Writes whole seconds on a clock in Lima; `None` where the usual form does not do.
#[inline]
pub(super) fn in_lima(nanos: i64) -> Option<[u8; 25]> {
    if nanos.rem_euclid(NANOS_PER_SECOND) != 0 {
        return None;
    }
    let local = nanos.div_euclid(NANOS_PER_SECOND) + i64::from(LIMA_OFFSET_SECONDS);
    let (year, month, day) = civil_from_days(local.div_euclid(SECONDS_PER_DAY));
    let second = local.rem_euclid(SECONDS_PER_DAY);
    let [y1, y2] = digits(year / 100)?;
    let [y3, y4] = digits(year % 100)?;
    let [m1, m2] = digits(month)?;
    let [d1, d2] = digits(day)?;
    let [h1, h2] = digits(second / 3600)?;
    let [n1, n2] = digits(second / 60 % 60)?;
    let [s1, s2] = digits(second % 60)?;
    Some([
        y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'-', b'0',
        b'5', b':', b'0', b'0',
    ])
}

/// Writes a day; `None` for a year that has not four digits.
pub(super) fn day(year: i64, month: i64, day: i64) -> Option<[u8; 10]> {
    if !(1000..10_000).contains(&year) {
        return None;
    }
    let ([y1, y2], [y3, y4]) = (digits(year / 100)?, digits(year % 100)?);
    let ([m1, m2], [d1, d2]) = (digits(month)?, digits(day)?);
    Some([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2])
}

fn offset_seconds(hours: [u8; 2], minutes: [u8; 2]) -> Option<i64> {
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60)
}

fn two_digits([a, b]: [u8; 2]) -> Option<i64> {
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    (a < 10 && b < 10).then(|| i64::from(a) * 10 + i64::from(b))
}

fn digits(number: i64) -> Option<[u8; 2]> {
    let digit = |number: i64| u8::try_from(number).ok().map(|digit| b'0' + digit % 10);
    Some([digit(number / 10)?, digit(number % 10)?])
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days since 1970-01-01; the year is taken to begin in March, so that the leap day is its last.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH
}

/// Year, month and day of so many days since 1970-01-01.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + DAYS_TO_EPOCH;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}
