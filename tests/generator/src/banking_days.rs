//! Calendar days in Lima, and those of them on which banks work.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Weekday};

use crate::time::{DAY, LIMA_OFFSET};

/// A calendar day in Lima, counted from 1 January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(i64);

/// Holy Thursday and Good Friday, the only holidays between March and April 2026.
const HOLIDAYS: [(u32, u32); 2] = [(4, 2), (4, 3)];

impl Day {
    /// The day in Lima of an instant.
    pub(crate) const fn of(unix_seconds: i64) -> Day {
        Day((unix_seconds + LIMA_OFFSET).div_euclid(DAY))
    }

    fn date(self) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp(self.0.saturating_mul(DAY), 0).unwrap_or_default()
    }

    /// Whether banks work on it.
    pub(crate) fn is_business(self) -> bool {
        let date = self.date();
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        !weekend && !HOLIDAYS.contains(&(date.month(), date.day()))
    }

    /// So many business days later; with 0, the day itself.
    pub(crate) fn plus_business(self, days: u64) -> Day {
        let mut day = self;
        for _ in 0..days {
            day = day.plus(1);
            while !day.is_business() {
                day = day.plus(1);
            }
        }
        day
    }

    /// So many calendar days later.
    pub(crate) const fn plus(self, days: i64) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// Its month, 1 for January.
    pub(crate) fn month(self) -> u32 {
        self.date().month()
    }

    /// As `2026-03-02`.
    pub(crate) fn write(self, out: &mut String) {
        let date = self.date();
        // Writing to a String cannot fail.
        let written = write!(out, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
        debug_assert!(written.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{BEGIN, END};

    #[test]
    fn payouts_skip_weekends_and_easter() {
        let check = |from: i64, days, expected: &str| {
            let mut out = String::new();
            Day::of(BEGIN).plus(from).plus_business(days).write(&mut out);
            assert_eq!(out, expected);
        };
        check(0, 0, "2026-03-02");
        check(0, 1, "2026-03-03");
        check(4, 1, "2026-03-09");
        check(5, 1, "2026-03-09");
        check(30, 1, "2026-04-06");
        check(29, 2, "2026-04-06");
    }

    #[test]
    fn a_day_begins_at_midnight_in_lima() {
        assert_eq!(Day::of(BEGIN - 1).plus(1), Day::of(BEGIN));
        assert_eq!(Day::of(END), Day::of(BEGIN).plus(49));
    }
}
