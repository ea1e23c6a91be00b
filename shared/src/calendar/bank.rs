//! On which days banks in Peru do business: Monday to Friday, but for the national holidays.
//!
//! The holidays are those of article 6 of Decreto Legislativo 713, as four laws have added to it: Ley 31381 (9 December,
//! promulgated in December 2021), Ley 31530 (6 August, July 2022), Ley 31788 (7 June, published on 15 June 2023) and Ley
//! 31822 (23 July, July 2023, which was a Sunday). That banks close on them, and only on them, is our assumption: they
//! announced so for 6 August 2024 and for 8 and 9 December 2025 (El Comercio), and stayed open on 26 December 2022, a day off of the
//! public sector (La República). Nor does money settle between banks on Saturdays, we assume. The policy adds and takes away days.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use super::Day;

/// Month, day, and the first year of the holidays that have a date of their own.
const FIXED: [(u32, u32, i32); 14] = [
    (1, 1, 0),
    (5, 1, 0),
    (6, 7, 2024),
    (6, 29, 0),
    (7, 23, 2023),
    (7, 28, 0),
    (7, 29, 0),
    (8, 6, 2022),
    (8, 30, 0),
    (10, 8, 0),
    (11, 1, 0),
    (12, 8, 0),
    (12, 9, 2022),
    (12, 25, 0),
];

/// The days on which banks do business, with what a policy knows better. The default is the law's calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BankCalendar {
    closed: BTreeSet<Day>,
    open: BTreeSet<Day>,
}

impl BankCalendar {
    /// The law's calendar, with further days on which banks are closed and with holidays on which they are open.
    #[must_use]
    pub const fn new(closed: BTreeSet<Day>, open: BTreeSet<Day>) -> BankCalendar {
        BankCalendar { closed, open }
    }

    /// Whether banks do business on this day. No policy opens them on a Saturday or Sunday.
    #[must_use]
    pub fn is_business_day(&self, day: Day) -> bool {
        day.is_weekday() && !self.closed.contains(&day) && (!is_holiday(day) || self.open.contains(&day))
    }

    /// The so many-th business day after a day, whatever that day is; with none, the day itself. At the end of the
    /// calendar, that end.
    #[must_use]
    pub fn plus_business_days(&self, day: Day, days: u32) -> Day {
        let (mut reached, mut left) = (day, days);
        while left > 0 {
            let Some(next) = reached.next() else { break };
            reached = next;
            if self.is_business_day(reached) {
                left = left.saturating_sub(1);
            }
        }
        reached
    }
}

/// Whether a day is a national holiday.
#[must_use]
pub fn is_holiday(day: Day) -> bool {
    let Day(date) = day;
    let fixed = |(month, of_month, since): &(u32, u32, i32)| {
        (date.month(), date.day()) == (*month, *of_month) && date.year() >= *since
    };
    FIXED.iter().any(fixed) || is_before_easter(date)
}

/// Maundy Thursday and Good Friday.
fn is_before_easter(date: NaiveDate) -> bool {
    // Easter lies between 22 March and 25 April; most days need not ask when it is.
    let days = match (date.month(), date.weekday()) {
        (3 | 4, Weekday::Thu) => 3,
        (3 | 4, Weekday::Fri) => 2,
        _ => return false,
    };
    easter(date.year()) == date.checked_add_signed(TimeDelta::days(days))
}

/// Easter Sunday of the Gregorian calendar, by the rule that Meeus prints ("Astronomical Algorithms", chapter 8).
fn easter(year: i32) -> Option<NaiveDate> {
    let split = |value: i32, by: i32| (value.div_euclid(by), value.rem_euclid(by));
    let golden = year.rem_euclid(19);
    let (century, of_century) = split(year, 100);
    let (leap_centuries, odd_centuries) = split(century, 4);
    let moon = (century - (century + 8).div_euclid(25) + 1).div_euclid(3);
    let epact = (19 * golden + century - leap_centuries - moon + 15).rem_euclid(30);
    let (leap_years, odd_years) = split(of_century, 4);
    let weekday = (32 + 2 * odd_centuries + 2 * leap_years - epact - odd_years).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday).div_euclid(451);
    let (month, day) = split(epact + weekday - 7 * late + 114, 31);
    NaiveDate::from_ymd_opt(year, month.try_into().ok()?, (day + 1).try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    /// Dates of Easter that almanacs print, the earliest and the latest possible ones among them.
    #[test]
    fn easter_is_where_almanacs_have_it() {
        for text in [
            "1818-03-22",
            "1943-04-25",
            "1961-04-02",
            "2000-04-23",
            "2008-03-23",
            "2011-04-24",
            "2019-04-21",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
            "2285-03-22",
        ] {
            let expected = NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap();
            assert_eq!(easter(expected.year()), Some(expected));
        }
    }

    #[test]
    fn the_holidays_of_2026_are_those_of_the_law() {
        let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let days = first.iter_days().take(365).map(Day::from_date).filter(|day| is_holiday(*day));
        let found: Vec<String> = days.map(|day| day.to_string().replacen("2026-", "", 1)).collect();
        assert_eq!(
            found,
            [
                "01-01", "04-02", "04-03", "05-01", "06-07", "06-29", "07-23", "07-28", "07-29", "08-06",
                "08-30", "10-08", "11-01", "12-08", "12-09", "12-25"
            ]
        );
    }

    #[test]
    fn a_holiday_holds_since_its_law() {
        let check = |text: &str, expected: bool| assert_eq!(is_holiday(day(text)), expected, "{text}");
        check("2021-12-09", false);
        check("2022-12-09", true);
        check("2021-08-06", false);
        check("2022-08-06", true);
        check("2023-06-07", false);
        check("2024-06-07", true);
        check("2022-07-23", false);
        check("2024-07-23", true);
        check("1999-07-28", true);
    }

    #[test]
    fn banks_rest_at_weekends_and_on_holidays_and_as_the_policy_says() {
        let calendar = BankCalendar::new(
            [day("2026-03-10"), day("2026-03-14")].into(),
            [day("2026-06-29"), day("2026-06-28")].into(),
        );
        let check =
            |text: &str, expected: bool| assert_eq!(calendar.is_business_day(day(text)), expected, "{text}");
        check("2026-03-06", true);
        check("2026-03-07", false);
        check("2026-03-08", false);
        check("2026-03-10", false);
        check("2026-06-29", true);
        check("2026-06-28", false);
        check("2026-07-28", false);
        check("2026-12-24", true);
        check("2026-12-31", true);
        assert!(!BankCalendar::default().is_business_day(day("2026-06-29")));
    }

    #[test]
    fn business_days_are_counted_over_weekends_and_holidays() {
        let calendar = BankCalendar::default();
        let check = |from: &str, days: u32, expected: &str| {
            assert_eq!(calendar.plus_business_days(day(from), days), day(expected), "{from} + {days}");
        };
        check("2026-03-02", 0, "2026-03-02");
        check("2026-03-02", 1, "2026-03-03");
        check("2026-03-06", 1, "2026-03-09");
        check("2026-03-07", 1, "2026-03-09");
        check("2026-03-08", 0, "2026-03-08");
        // Holy Week: from Wednesday over Thursday and Friday to Monday.
        check("2026-04-01", 1, "2026-04-06");
        check("2026-04-02", 1, "2026-04-06");
        // Friday 24 July, then Monday; Tuesday and Wednesday are the Fiestas Patrias.
        check("2026-07-24", 2, "2026-07-30");
        check("2026-12-31", 1, "2027-01-04");
        let last = Day::from_date(NaiveDate::MAX);
        assert_eq!(calendar.plus_business_days(last, 3), last);
    }
}
