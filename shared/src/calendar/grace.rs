//! How long a leg may be silent after an event before its silence counts.

use std::fmt;

use super::{BankCalendar, Instant};

/// The most business days that a grace may have: about a year.
pub const BUSINESS_DAYS_MAX: u32 = 250;

/// A time of waiting, in hours or in business days of the banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// So many hours after the event, day and night.
    Hours(u32),
    /// To the end, in Lima, of the so many-th business day after the event's day; with none, to the end of that day.
    BusinessDays(u32),
}

impl Grace {
    /// Reads `24h` or `2bd`; at most [`BUSINESS_DAYS_MAX`] business days.
    #[must_use]
    pub fn parse(text: &str) -> Option<Grace> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        if let Some(hours) = text.strip_suffix('h') {
            return number(hours).map(Grace::Hours);
        }
        let days = number(text.strip_suffix("bd")?)?;
        (days <= BUSINESS_DAYS_MAX).then_some(Grace::BusinessDays(days))
    }

    /// When the grace of an event is over. A leg that was heard up to this time has had it; one that was heard up to a
    /// moment before has not.
    #[must_use]
    pub fn end(self, start: Instant, calendar: &BankCalendar) -> Instant {
        match self {
            Grace::Hours(hours) => start.plus_hours(hours),
            Grace::BusinessDays(days) => {
                calendar.plus_business_days(start.business_day(), days).end().unwrap_or(Instant::LAST)
            }
        }
    }
}

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grace::Hours(hours) => write!(f, "{hours}h"),
            Grace::BusinessDays(days) => write!(f, "{days}bd"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_business_days_are_read_and_nothing_else() {
        let check = |text: &str, expected: Option<Grace>| {
            assert_eq!(Grace::parse(text), expected, "{text:?}");
            if let Some(grace) = expected {
                assert_eq!(grace.to_string(), text);
            }
        };
        check("24h", Some(Grace::Hours(24)));
        check("0h", Some(Grace::Hours(0)));
        check("2bd", Some(Grace::BusinessDays(2)));
        check("250bd", Some(Grace::BusinessDays(250)));
        for text in
            ["", "h", "bd", "24", "24 h", "2d", "-1h", "+1h", "1.5h", "251bd", "5000000000h", "2BD", "٢h"]
        {
            check(text, None);
        }
    }

    /// 28 July 2026 is a Tuesday; it and the day after it are holidays.
    #[test]
    fn a_grace_ends_after_its_hours_or_with_its_last_business_day() {
        let calendar = BankCalendar::default();
        let check = |grace: &str, start: &str, expected: &str| {
            let end = Grace::parse(grace).unwrap().end(Instant::parse(start).unwrap(), &calendar);
            assert_eq!(end.to_string(), expected, "{grace} after {start}");
        };
        check("24h", "2026-07-27T10:00:00-05:00", "2026-07-28T10:00:00-05:00");
        check("0bd", "2026-07-27T10:00:00-05:00", "2026-07-28T00:00:00-05:00");
        check("1bd", "2026-07-24T10:00:00-05:00", "2026-07-28T00:00:00-05:00");
        check("1bd", "2026-07-27T00:00:00-05:00", "2026-07-31T00:00:00-05:00");
        // A minute before midnight in Lima is a new day in UTC already.
        check("1bd", "2026-07-27T23:59:00-05:00", "2026-07-31T00:00:00-05:00");
        check("2bd", "2026-07-28T10:00:00-05:00", "2026-08-01T00:00:00-05:00");
        check("250bd", "2262-04-11T00:00:00Z", "2262-04-11T18:47:16.854775807-05:00");
    }
}
