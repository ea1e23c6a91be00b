//! Time: stored in UTC, shown in Lima, cut into business days in Lima (UTC−5 all year).

mod bank;
mod grace;
mod plain_time;

use std::fmt;

pub use bank::{BankCalendar, is_holiday};
pub use grace::{BUSINESS_DAYS_MAX, Grace};
pub(crate) use plain_time::LastDays;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use serde::{Deserialize, Serialize};

/// Lima's distance from UTC. Peru has kept no daylight saving time since 1994.
const LIMA_OFFSET_SECONDS: i32 = -5 * 3600;

/// The provider's "no date": `1900-01-01T00:00:00-05:00` (vendor screenshot of the search answer, 2018).
const NO_DATE_UNIX_SECONDS: i64 = -2_208_970_800;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

const NANOS_PER_MINUTE: i64 = 60_000_000_000;

const NANOS_PER_HOUR: i64 = 60 * NANOS_PER_MINUTE;

/// A point in time, to the nanosecond, between 1678 and 2262. The default is the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(i64);

impl Instant {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Instant = Instant(0);

    /// The last time that can be represented.
    pub const LAST: Instant = Instant(i64::MAX);

    /// Reads an RFC 3339 time; a blank in place of the `T` is understood, as RFC 3339 allows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Instant> {
        plain_time::read(text.as_bytes(), &LastDays::default())
            .map(Instant)
            .or_else(|| Instant::parse_any(text))
    }

    /// Reads the form that nearly every file writes, `2026-03-02T09:30:00-05:00` or with `Z`; `None` for any other.
    /// `last` remembers the day, for most times of a file lie on the day of the one before.
    pub(crate) fn parse_usual(text: &str, last: &LastDays) -> Option<Instant> {
        plain_time::read(text.as_bytes(), last).map(Instant)
    }

    /// Whatever RFC 3339 allows beyond the form that nearly every file writes.
    #[cold]
    fn parse_any(text: &str) -> Option<Instant> {
        Instant::from_utc(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// The time so many nanoseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Instant {
        Instant(nanos)
    }

    /// Appends the time as [`Display`](fmt::Display) shows it.
    pub fn write_to(self, out: &mut Vec<u8>) {
        match plain_time::in_lima(self.0) {
            Some(text) => out.extend_from_slice(&text),
            None => out.extend_from_slice(self.to_lima_text().as_bytes()),
        }
    }

    fn to_lima_text(self) -> String {
        self.in_lima().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
    }

    /// Takes over a time of `chrono`, unless it lies outside the years that fit.
    #[must_use]
    pub fn from_utc(time: DateTime<Utc>) -> Option<Instant> {
        time.timestamp_nanos_opt().map(Instant)
    }

    /// The same point in time for `chrono`.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// Whether this is the provider's way of writing that there is no date.
    #[must_use]
    pub const fn is_no_date(self) -> bool {
        self.0.div_euclid(NANOS_PER_SECOND) == NO_DATE_UNIX_SECONDS
    }

    /// This time and so many whole hours; at the end of representable time, that end.
    #[must_use]
    pub fn plus_hours(self, hours: u32) -> Instant {
        Instant(self.0.saturating_add(i64::from(hours).saturating_mul(NANOS_PER_HOUR)))
    }

    /// This time and so many whole minutes; at the end of representable time, that end.
    #[must_use]
    pub fn plus_minutes(self, minutes: u32) -> Instant {
        Instant(self.0.saturating_add(i64::from(minutes).saturating_mul(NANOS_PER_MINUTE)))
    }

    /// This time and so much more, or less; the same time where that is beyond what can be represented.
    #[must_use]
    pub fn moved(self, by: TimeDelta) -> Instant {
        self.to_utc().checked_add_signed(by).and_then(Instant::from_utc).unwrap_or(self)
    }

    /// How many whole seconds this is after an earlier time, less than zero where that time is later; rounded down.
    #[must_use]
    pub const fn seconds_since(self, earlier: Instant) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(1_000_000_000)
    }

    /// The Lima calendar day on which this lies.
    #[must_use]
    pub fn business_day(self) -> Day {
        Day(self.in_lima().date_naive())
    }

    /// The same time on a clock in Lima, whatever the machine's zone.
    #[must_use]
    pub fn in_lima(self) -> DateTime<FixedOffset> {
        match FixedOffset::east_opt(LIMA_OFFSET_SECONDS) {
            Some(lima) => self.to_utc().with_timezone(&lima),
            None => self.to_utc().fixed_offset(),
        }
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 in Lima time, with as many decimals of the second as are needed: `2026-03-02T09:30:00-05:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match plain_time::in_lima(self.0) {
            Some(text) => f.pad(std::str::from_utf8(&text).unwrap_or_default()),
            None => self.to_lima_text().fmt(f),
        }
    }
}

/// Where the current time comes from, handed down to what takes long enough for it to change: the platform's clock in a
/// function, a simulated one in the demo and in tests.
pub type Clock<'a> = &'a (dyn Fn() -> Instant + Send + Sync);

/// A calendar day in Lima.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Day(NaiveDate);

/// A number that is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the number of a day")]
pub struct NoDay;

/// By the number of days since the beginning of the calendar, for what Cuadre writes for itself.
impl TryFrom<i32> for Day {
    type Error = NoDay;

    fn try_from(number: i32) -> Result<Day, NoDay> {
        NaiveDate::from_num_days_from_ce_opt(number).map(Day).ok_or(NoDay)
    }
}

impl From<Day> for i32 {
    fn from(day: Day) -> i32 {
        day.0.num_days_from_ce()
    }
}

impl Day {
    /// Reads `2026-03-02`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Day> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Day)
    }

    /// Takes over a day of `chrono`.
    #[must_use]
    pub const fn from_date(date: NaiveDate) -> Day {
        Day(date)
    }

    /// Whether it is one of Monday to Friday; a holiday may be.
    #[must_use]
    pub fn is_weekday(self) -> bool {
        !matches!(self.0.weekday(), Weekday::Sat | Weekday::Sun)
    }

    /// The day after it; `None` at the end of the calendar.
    #[must_use]
    pub fn next(self) -> Option<Day> {
        self.0.succ_opt().map(Day)
    }

    /// The first instant after the day; `None` outside the years that an [`Instant`] holds.
    #[must_use]
    pub fn end(self) -> Option<Instant> {
        self.next()?.start()
    }

    /// The first instant of the day; `None` outside the years that an [`Instant`] holds.
    #[must_use]
    pub fn start(self) -> Option<Instant> {
        let midnight = self.0.and_time(NaiveTime::MIN).and_utc();
        let seconds = midnight.timestamp().checked_sub(i64::from(LIMA_OFFSET_SECONDS))?;
        Instant::from_utc(DateTime::from_timestamp(seconds, 0)?)
    }
}

impl Day {
    /// Appends the day as [`Display`](fmt::Display) shows it.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let text = plain_time::day(self.0.year().into(), self.0.month().into(), self.0.day().into());
        match text {
            Some(text) => out.extend_from_slice(&text),
            None => out.extend_from_slice(self.to_string().as_bytes()),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_under_three_offsets_is_one_instant() {
        let lima = Instant::parse("2026-03-02T09:30:00-05:00");
        assert!(lima.is_some());
        assert_eq!(lima, Instant::parse("2026-03-02T14:30:00Z"));
        assert_eq!(lima, Instant::parse("2026-03-02T22:30:00+08:00"));
        assert_eq!(lima.unwrap().to_string(), "2026-03-02T09:30:00-05:00");
    }

    #[test]
    fn the_business_day_turns_at_midnight_in_lima() {
        let day = |text: &str| Instant::parse(text).unwrap().business_day().to_string();
        assert_eq!(day("2026-03-02T04:59:59Z"), "2026-03-01");
        assert_eq!(day("2026-03-02T05:00:00Z"), "2026-03-02");
    }

    #[test]
    fn a_day_begins_at_midnight_in_lima() {
        let start = |text: &str| Day::parse(text).unwrap().start().map(|time| time.to_string());
        assert_eq!(start("2026-03-02").as_deref(), Some("2026-03-02T00:00:00-05:00"));
        let end = |text: &str| Day::parse(text).unwrap().end().map(|time| time.to_string());
        assert_eq!(end("2026-02-28").as_deref(), Some("2026-03-01T00:00:00-05:00"));
        assert_eq!(end("2262-04-11"), None);
        assert_eq!(start("1600-01-01"), None);
        assert_eq!(start("9999-12-31"), None);
    }

    #[test]
    fn a_time_without_offset_or_calendar_is_no_time() {
        for text in [
            "",
            "2026-03-02",
            "2026-03-02T09:30:00",
            "2026-02-30T09:30:00Z",
            "02/03/2026 09:30",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(Instant::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn whole_seconds_lie_between_two_times() {
        let since = |later: &str, earlier: &str| {
            Instant::parse(later).unwrap().seconds_since(Instant::parse(earlier).unwrap())
        };
        assert_eq!(since("2026-03-02T00:00:01.999Z", "2026-03-02T00:00:00Z"), 1);
        assert_eq!(since("2026-03-02T00:00:00Z", "2026-03-02T00:00:00.001Z"), -1);
        assert_eq!(since("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"), 86_400);
    }

    #[test]
    fn the_provider_s_empty_date_is_known() {
        assert!(Instant::parse("1900-01-01T00:00:00-05:00").unwrap().is_no_date());
        assert!(!Instant::parse("2026-03-02T09:30:00Z").unwrap().is_no_date());
    }

    /// The short way of reading and writing must be the long one, only faster.
    #[test]
    fn the_usual_form_is_read_and_written_as_any_other() {
        let check = |text: &str| {
            let long = Instant::parse_any(text);
            assert_eq!(Instant::parse(text), long, "{text:?}");
            if let Some(time) = long {
                assert_eq!(time.to_string(), time.to_lima_text(), "{text:?}");
            }
        };
        for year in
            ["1677", "1678", "1700", "1900", "1969", "1970", "2000", "2024", "2025", "2100", "2262", "9999"]
        {
            for day in
                ["01-01", "01-31", "02-28", "02-29", "03-01", "04-31", "12-31", "13-01", "00-10", "10-00"]
            {
                for clock in
                    ["00:00:00", "04:59:59", "05:00:00", "23:59:59", "23:59:60", "24:00:00", "1a:00:00"]
                {
                    for zone in [
                        "Z", "z", "", "-05:00", "+00:00", "-00:00", "+14:00", "+23:59", "+24:00", "+08:60",
                        "0500",
                    ] {
                        check(&format!("{year}-{day}T{clock}{zone}"));
                    }
                }
            }
        }
        for text in [
            "2026-03-02 09:30:00Z",
            "2026-03-02t09:30:00Z",
            "2026-03-02T09:30:00.5-05:00",
            "٢026-03-02T09:30:00Z",
        ] {
            check(text);
        }
    }

    #[test]
    fn fractions_of_a_second_survive() {
        assert_eq!(
            Instant::parse("2026-03-02T14:30:00.25Z").unwrap().to_string(),
            "2026-03-02T09:30:00.250-05:00"
        );
    }
}
