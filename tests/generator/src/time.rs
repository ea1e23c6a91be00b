//! The time line of a data set: unix seconds, the rhythm of a Peruvian day, and three ways to write one instant.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Timelike};

use crate::chance::Chance;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

pub(crate) const LIMA_OFFSET: i64 = -5 * HOUR;

/// Monday, 2 March 2026, midnight in Lima. Easter lies inside: the banks are closed on the 2nd and 3rd of April.
pub(crate) const BEGIN: i64 = 1_772_427_600;

/// From here back, a case that needs every grace to be over may begin: payment (two days at most), what takes it back
/// (one more) and the longest grace, ten business days for a refund, fit before [`END`].
pub(crate) const SETTLED_UNTIL: i64 = BEGIN + 28 * DAY;

/// The latest time in every file of the data set, hence its `as_of` and each leg's `covered_until`: the first instant of
/// Monday, 20 April.
pub(crate) const END: i64 = BEGIN + 49 * DAY;

/// How many of a hundred orders are placed in each hour of the day in Lima.
const RHYTHM: [u64; 24] = [2, 1, 1, 0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 6, 5, 5, 5, 5, 6, 7, 8, 7, 5, 3];

/// When a case may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Early enough that every grace is over at the end.
    Settled,
    /// At any time: what is expected does not rest on anybody's silence.
    Any,
    /// In the last hours, where the other side may still speak.
    Recent,
}

/// A time at which a case begins.
pub(crate) fn begin_of_case(when: When, chance: &mut Chance) -> i64 {
    let (first, last) = match when {
        When::Settled => (BEGIN, SETTLED_UNTIL),
        When::Any => (BEGIN, END - 3 * HOUR),
        When::Recent => return chance.between(END - 20 * HOUR, END - 5 * HOUR),
    };
    let day = chance.between(0, (last - first).div_euclid(DAY) - 1);
    let mut left = chance.below(RHYTHM.iter().sum());
    let mut hour = 0;
    for share in RHYTHM {
        if left < share {
            break;
        }
        left -= share;
        hour += 1;
    }
    (first + day * DAY + hour * HOUR + chance.between(0, HOUR - 1)).min(last)
}

/// In which zone a row writes its times; the instants are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Lima,
    Utc,
    China,
}

/// The zone of a row: mostly the provider's own.
pub(crate) fn zone(chance: &mut Chance) -> Zone {
    match chance.below(10) {
        0 | 1 => Zone::Utc,
        2 => Zone::China,
        _ => Zone::Lima,
    }
}

/// Writes an instant as RFC 3339 in the zone.
pub(crate) fn write_time(out: &mut String, unix_seconds: i64, zone: Zone) {
    let (offset, suffix) = match zone {
        Zone::Lima => (LIMA_OFFSET, "-05:00"),
        Zone::Utc => (0, "Z"),
        Zone::China => (8 * HOUR, "+08:00"),
    };
    let time = DateTime::from_timestamp(unix_seconds + offset, 0).unwrap_or_default();
    // Writing to a String cannot fail.
    let written = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{suffix}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_is_written_in_three_zones() {
        let check = |zone, expected: &str| {
            let mut out = String::new();
            write_time(&mut out, BEGIN + 9 * HOUR, zone);
            assert_eq!(out, expected);
        };
        check(Zone::Lima, "2026-03-02T09:00:00-05:00");
        check(Zone::Utc, "2026-03-02T14:00:00Z");
        check(Zone::China, "2026-03-02T22:00:00+08:00");
    }

    #[test]
    fn a_case_begins_inside_its_window() {
        let mut chance = Chance::new(1);
        for _ in 0..2_000 {
            let settled = begin_of_case(When::Settled, &mut chance);
            assert!((BEGIN..=SETTLED_UNTIL).contains(&settled));
            let any = begin_of_case(When::Any, &mut chance);
            assert!((BEGIN..=END - 3 * HOUR).contains(&any));
            let recent = begin_of_case(When::Recent, &mut chance);
            assert!((END - 20 * HOUR..=END - 5 * HOUR).contains(&recent));
        }
    }
}
