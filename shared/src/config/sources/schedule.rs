//! Which windows of time a report is asked for, and when.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::calendar::{Day, Instant};

/// Whether a pull goes on from where the last one ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From the watermark, less the overlap.
    #[default]
    Incremental,
    /// All since the first day, as one snapshot.
    Full,
}

impl Mode {
    /// The word of the policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Incremental => "incremental",
            Mode::Full => "full",
        }
    }
}

/// A window of time: from the first moment up to and without the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub from: Instant,
    /// The moment that it ends before.
    pub to: Instant,
}

/// Which windows a report is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The first day; absent, the day before the first pull.
    pub since: Option<Day>,
    /// No question asks for more.
    pub window: TimeDelta,
    /// How far a pull goes back behind the watermark: what came late is seen then.
    pub overlap: TimeDelta,
    /// What is younger than this is not asked for yet.
    pub lag: TimeDelta,
    /// The end of the last window is a multiple of this in its Lima day, so that all ticks between two of them are one pull.
    pub every: TimeDelta,
    /// Whether a pull goes on from where the last one ended.
    pub mode: Mode,
}

/// The usual lengths of a kind of source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    window_hours: u32,
    overlap_hours: u32,
    lag_minutes: u32,
    every_minutes: u32,
    /// No window is shorter.
    unit_hours: u32,
}

impl Usual {
    /// Of a report by the hour. Each pull reads the overlap once more, so that six a day read a day's rows seven times.
    pub(super) const HOURS: Usual =
        Usual { window_hours: 24, overlap_hours: 24, lag_minutes: 15, every_minutes: 240, unit_hours: 1 };
    /// Of a report by whole days, whose data is there on the next one.
    pub(super) const DAYS: Usual =
        Usual { window_hours: 24, overlap_hours: 48, lag_minutes: 0, every_minutes: 1440, unit_hours: 24 };
}

/// The keys of a schedule as they are written.
#[derive(Debug, Default)]
pub(super) struct ScheduleTable {
    pub(super) since: Option<String>,
    pub(super) window_hours: Option<u32>,
    pub(super) overlap_hours: Option<u32>,
    pub(super) lag_minutes: Option<u32>,
    pub(super) every_minutes: Option<u32>,
    pub(super) mode: Option<Mode>,
}

impl ScheduleTable {
    pub(super) fn read(self, usual: Usual) -> Result<Schedule, (&'static str, String)> {
        let since = match self.since.as_deref() {
            None => None,
            Some(text) => {
                let wrong = || ("since", "is not a day such as 2026-01-31".to_owned());
                Some(Day::parse(text).ok_or_else(wrong)?)
            }
        };
        let mode = self.mode.unwrap_or_default();
        if mode == Mode::Full && since.is_none() {
            return Err(("since", "mode = \"full\" needs the first day".to_owned()));
        }
        let checked = |key, number: Option<u32>, usual, least, most| {
            let number = number.unwrap_or(usual);
            let wrong = || (key, format!("write a number from {least} to {most}"));
            if (least..=most).contains(&number) { Ok(i64::from(number)) } else { Err(wrong()) }
        };
        let year = 24 * 366;
        let window = checked("window_hours", self.window_hours, usual.window_hours, usual.unit_hours, year)?;
        let overlap = checked("overlap_hours", self.overlap_hours, usual.overlap_hours, 0, year)?;
        let lag = checked("lag_minutes", self.lag_minutes, usual.lag_minutes, 0, 7 * 1440)?;
        let every = checked("every_minutes", self.every_minutes, usual.every_minutes, 15, 1440)?;
        Ok(Schedule {
            since,
            window: TimeDelta::hours(window),
            overlap: TimeDelta::hours(overlap),
            lag: TimeDelta::minutes(lag),
            every: TimeDelta::minutes(every),
            mode,
        })
    }
}

impl Schedule {
    /// The windows to ask for at a tick, in their order: each ends where the next begins, but for the overlap, which the
    /// first one has. None where all is heard.
    #[must_use]
    pub fn windows(&self, covered_until: Option<Instant>, tick: Instant) -> Vec<Window> {
        let Some(end) = self.end_at(tick) else { return Vec::new() };
        let first_day = self.since.and_then(Day::start);
        let begin = match (self.mode, covered_until) {
            (_, Some(until)) if until >= end => return Vec::new(),
            (Mode::Incremental, Some(until)) => {
                let back = until.moved(-self.overlap);
                first_day.map_or(back, |first| first.max(back))
            }
            _ => first_day.unwrap_or_else(|| end.moved(-TimeDelta::days(1))),
        };
        if self.mode == Mode::Full {
            return if begin < end { vec![Window { from: begin, to: end }] } else { Vec::new() };
        }
        let mut windows = Vec::new();
        let mut from = begin;
        while from < end {
            let to = from.moved(self.window).min(end);
            // What can be no further from its beginning ends it; the calendar is bounded.
            if to <= from {
                break;
            }
            windows.push(Window { from, to });
            from = to;
        }
        windows
    }

    /// Up to when there is something to ask for: the last multiple of `every` in the Lima day, less the lag.
    fn end_at(&self, tick: Instant) -> Option<Instant> {
        let heard = tick.moved(-self.lag);
        let midnight = heard.business_day().start()?;
        let since_midnight = heard.to_utc().signed_duration_since(midnight.to_utc());
        let every = self.every.num_seconds().max(1);
        let whole = since_midnight.num_seconds().checked_div(every)?.checked_mul(every)?;
        Some(midnight.moved(TimeDelta::seconds(whole)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: Schedule, covered_until: Option<&str>, tick: &str, expected: &[(&str, &str)]) {
        let time = |text: &str| Instant::parse(text).unwrap();
        let windows = schedule.windows(covered_until.map(time), time(tick));
        let windows: Vec<(String, String)> =
            windows.iter().map(|window| (window.from.to_string(), window.to.to_string())).collect();
        let expected: Vec<(String, String)> =
            expected.iter().map(|(from, to)| (time(from).to_string(), time(to).to_string())).collect();
        assert_eq!(windows, expected, "{covered_until:?} {tick}");
    }

    fn hourly() -> Schedule {
        let table = ScheduleTable { every_minutes: Some(60), ..ScheduleTable::default() };
        table.read(Usual::HOURS).unwrap()
    }

    #[test]
    fn a_pull_goes_back_by_the_overlap_and_on_to_the_last_full_hour() {
        let tick = "2026-03-02T10:20:00-05:00";
        check(hourly(), None, tick, &[("2026-03-01T10:00:00-05:00", "2026-03-02T10:00:00-05:00")]);
        let until = Some("2026-03-02T08:00:00-05:00");
        check(
            hourly(),
            until,
            tick,
            &[
                ("2026-03-01T08:00:00-05:00", "2026-03-02T08:00:00-05:00"),
                ("2026-03-02T08:00:00-05:00", "2026-03-02T10:00:00-05:00"),
            ],
        );
        // The lag of a quarter of an hour is not over yet.
        check(hourly(), Some("2026-03-02T09:00:00-05:00"), "2026-03-02T10:14:59-05:00", &[]);
        check(hourly(), Some("2026-03-02T10:00:00-05:00"), tick, &[]);
    }

    #[test]
    fn a_gap_is_asked_for_in_windows_and_never_before_the_first_day() {
        let schedule = Schedule { since: Day::parse("2026-03-01"), ..hourly() };
        let until = Some("2026-03-01T12:00:00-05:00");
        check(
            schedule,
            until,
            "2026-03-03T00:16:00-05:00",
            &[
                ("2026-03-01T00:00:00-05:00", "2026-03-02T00:00:00-05:00"),
                ("2026-03-02T00:00:00-05:00", "2026-03-03T00:00:00-05:00"),
            ],
        );
    }

    #[test]
    fn whole_days_end_at_midnight_in_lima_whatever_the_zone_of_the_tick() {
        let schedule = ScheduleTable::default().read(Usual::DAYS).unwrap();
        let until = Some("2026-03-01T00:00:00-05:00");
        let expected: &[(&str, &str)] = &[
            ("2026-02-27T00:00:00-05:00", "2026-02-28T00:00:00-05:00"),
            ("2026-02-28T00:00:00-05:00", "2026-03-01T00:00:00-05:00"),
            ("2026-03-01T00:00:00-05:00", "2026-03-02T00:00:00-05:00"),
        ];
        check(schedule, until, "2026-03-02T23:59:59-05:00", expected);
        check(schedule, until, "2026-03-02T13:00:00+08:00", expected);
        check(schedule, until, "2026-03-02T12:59:59+08:00", &[]);
    }

    #[test]
    fn a_full_pull_is_one_snapshot_since_the_first_day() {
        let table = ScheduleTable {
            since: Some("2026-01-01".to_owned()),
            mode: Some(Mode::Full),
            every_minutes: Some(60),
            ..ScheduleTable::default()
        };
        let schedule = table.read(Usual::HOURS).unwrap();
        let until = Some("2026-03-02T08:00:00-05:00");
        let tick = "2026-03-02T10:20:00-05:00";
        check(schedule, until, tick, &[("2026-01-01T00:00:00-05:00", "2026-03-02T10:00:00-05:00")]);
        check(schedule, Some("2026-03-02T10:00:00-05:00"), tick, &[]);
    }
}
