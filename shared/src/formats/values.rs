//! How a file writes its values: encoding, marks of numbers, dates, offsets.

use std::borrow::Cow;

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::calendar::{Day, Instant};

/// How bytes become characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The canonical encoding.
    #[default]
    Utf8,
    /// What programs that say Latin-1 write, Excel before all: windows-1252.
    Latin1,
}

/// Bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Undecodable;

impl Encoding {
    /// Reads the name that a mapping gives.
    pub(super) fn from_name(name: &str) -> Option<Encoding> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Encoding::Utf8),
            "latin-1" | "latin1" | "iso-8859-1" | "windows-1252" => Some(Encoding::Latin1),
            _ => None,
        }
    }

    /// Borrows what is ASCII (both encodings) or UTF-8; a Latin-1 text with accents has to be copied.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, Undecodable> {
        match self {
            Encoding::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Undecodable),
            Encoding::Latin1 => Ok(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0),
        }
    }
}

/// The marks inside a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// Between whole units and decimals.
    pub decimal: char,
    /// Between groups of three digits.
    pub thousands: Option<char>,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { decimal: '.', thousands: None }
    }
}

impl Marks {
    /// Rewrites a number into the canonical form: `1.234,50` → `1234.50`. `None` when the marks are not where they
    /// belong; digits are left for the reader of amounts to check.
    pub(super) fn to_plain<'t>(self, text: &'t str) -> Option<Cow<'t, str>> {
        if self == Marks::default() {
            return Some(Cow::Borrowed(text));
        }
        let (sign, number) = match text.strip_prefix('-') {
            Some(number) => ("-", number),
            None => ("", text),
        };
        let (whole, decimals) = match number.split_once(self.decimal) {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (number, None),
        };
        let whole = self.ungroup(whole)?;
        if whole.contains('.') || decimals.is_some_and(|decimals| decimals.contains('.')) {
            return None;
        }
        Some(Cow::Owned(match decimals {
            Some(decimals) => format!("{sign}{whole}.{decimals}"),
            None => format!("{sign}{whole}"),
        }))
    }

    /// Takes the thousands marks out; each but the first group must have three characters.
    fn ungroup(self, whole: &str) -> Option<Cow<'_, str>> {
        let Some(mark) = self.thousands.filter(|mark| whole.contains(*mark)) else {
            return Some(Cow::Borrowed(whole));
        };
        let mut groups = whole.split(mark);
        let first = groups.next().filter(|first| (1..=3).contains(&first.len()))?;
        let mut plain = first.to_owned();
        for group in groups {
            if group.len() != 3 {
                return None;
            }
            plain.push_str(group);
        }
        Some(Cow::Owned(plain))
    }

    /// An amount as this file should write it, for messages.
    pub(super) fn example(self) -> String {
        let thousands = self.thousands.map(String::from).unwrap_or_default();
        format!("1{thousands}234{}50", self.decimal)
    }
}

/// A fixed distance from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Zone(FixedOffset);

impl Zone {
    /// Reads `America/Lima` (UTC−5 all year), `UTC`, `+08:00` or `-05:00`.
    pub(super) fn from_name(name: &str) -> Option<Zone> {
        let offset = match name {
            "America/Lima" => FixedOffset::west_opt(5 * 3600),
            "UTC" | "Z" => FixedOffset::east_opt(0),
            _ => offset_seconds(name).and_then(FixedOffset::east_opt),
        };
        offset.map(Zone)
    }
}

/// Seconds east of UTC of `±HH:MM`.
fn offset_seconds(name: &str) -> Option<i32> {
    let (sign, rest) = match name.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes <= 59).then(|| sign * (hours * 3600 + minutes * 60))
}

/// How a file writes points in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dates {
    /// The parsed `date_format` with its text; RFC 3339 where none is given.
    format: Option<(String, Vec<Item<'static>>)>,
    /// Where times without offset were taken.
    zone: Option<Zone>,
}

/// Why a date format cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateFormatError {
    /// Not a format of `strftime`.
    Unreadable,
    /// Neither the format nor the mapping says how far from UTC the times are.
    ZoneNeeded,
}

impl Dates {
    /// Takes over what a mapping says; only a file of times has to say how far from UTC they are.
    pub(super) fn new(
        format: Option<&str>,
        zone: Option<Zone>,
        has_times: bool,
    ) -> Result<Dates, DateFormatError> {
        let format = match format {
            Some(text) => {
                let items =
                    StrftimeItems::new(text).parse_to_owned().map_err(|_| DateFormatError::Unreadable)?;
                // `%s` counts from an instant and so needs no zone, like a format with an offset.
                let absolute =
                    ["%z", "%:z", "%::z", "%#z", "%+", "%s"].iter().any(|part| text.contains(part));
                if has_times && !absolute && zone.is_none() {
                    return Err(DateFormatError::ZoneNeeded);
                }
                Some((text.to_owned(), items))
            }
            None => None,
        };
        Ok(Dates { format, zone })
    }

    /// Reads a point in time.
    pub(super) fn read(&self, text: &str) -> Option<Instant> {
        Instant::from_utc(self.read_any_year(text)?)
    }

    /// Whether something says where times without offset were taken.
    pub(super) const fn has_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// Whether times are written otherwise than RFC 3339 has it.
    pub(super) const fn has_format(&self) -> bool {
        self.format.is_some()
    }

    /// Reads a date of a spreadsheet, a day alone as its start.
    pub(super) fn read_calendar(&self, text: &str) -> Option<Instant> {
        let zone = self.zone?;
        let day = || {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            in_zone(day.and_time(NaiveTime::MIN), zone)
        };
        Instant::from_utc(read_without_offset(text, zone).or_else(day)?)
    }

    /// Reads a calendar day as it is written. Where the text is a point in time, by its own offset or by its hour and
    /// the mapping's zone, it is the Lima day of that time.
    pub(super) fn read_day(&self, text: &str) -> Option<Day> {
        let Some((_, items)) = &self.format else {
            return canonical_day(text).or_else(|| Some(self.read(text)?.business_day()));
        };
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, &with_plain_half(text), items.iter()).ok()?;
        let has_hour = parsed.hour_mod_12().is_some();
        let absolute = parsed.timestamp().is_some() || parsed.offset().is_some();
        if has_hour && parsed.to_naive_time().is_err() {
            return None;
        }
        if absolute || (has_hour && self.zone.is_some()) {
            return Some(self.read(text)?.business_day());
        }
        let day = Day::from_date(parsed.to_naive_date().ok()?);
        day.start().map(|_| day)
    }

    /// What a day should look like, for messages.
    pub(super) fn day_example(&self) -> String {
        match &self.format {
            Some((format, _)) => format!("a day in the format {format}"),
            None => "a day such as 2026-03-02".to_owned(),
        }
    }

    /// Whether a text is a time, but of a year that an [`Instant`] cannot hold.
    pub(super) fn is_out_of_range(&self, text: &str) -> bool {
        self.read_any_year(text).is_some_and(|time| Instant::from_utc(time).is_none())
    }

    fn read_any_year(&self, text: &str) -> Option<DateTime<Utc>> {
        let rfc3339 = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
        match (&self.format, self.zone) {
            (None, None) => rfc3339(),
            (None, Some(zone)) => rfc3339().or_else(|| read_without_offset(text, zone)),
            (Some((_, items)), zone) => read_formatted(text, items, zone),
        }
    }

    /// What a time should look like, for messages.
    pub(super) fn example(&self) -> String {
        match (&self.format, self.zone) {
            (Some((format, _)), _) => format!("a time in the format {format}"),
            (None, Some(_)) => "a time such as 2026-03-02T09:30:00".to_owned(),
            (None, None) => "a time with its offset such as 2026-03-02T09:30:00-05:00".to_owned(),
        }
    }
}

/// Reads `2026-03-02` and nothing like it, of a year that an [`Instant`] holds.
pub(super) fn canonical_day(text: &str) -> Option<Day> {
    let shape = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = Day::parse(text).filter(|_| shape)?;
    day.start().map(|_| day)
}

fn read_without_offset(text: &str, zone: Zone) -> Option<DateTime<Utc>> {
    let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let local = read("%Y-%m-%dT%H:%M:%S%.f").or_else(|| read("%Y-%m-%d %H:%M:%S%.f"))?;
    in_zone(local, zone)
}

/// Spanish writes the halves of a day as `a. m.` and `p. m.`, with or without the blank.
fn with_plain_half(text: &str) -> Cow<'_, str> {
    const HALVES: [(&str, &str); 4] = [("a. m.", "AM"), ("p. m.", "PM"), ("a.m.", "AM"), ("p.m.", "PM")];
    let half = |(written, plain): &(&str, &str)| {
        let start = text.len().checked_sub(written.len())?;
        let (before, end) = text.split_at_checked(start)?;
        end.eq_ignore_ascii_case(written).then(|| format!("{before}{plain}"))
    };
    HALVES.iter().find_map(half).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn read_formatted(text: &str, items: &[Item<'static>], zone: Option<Zone>) -> Option<DateTime<Utc>> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, &with_plain_half(text), items.iter()).ok()?;
    if let Ok(time) = parsed.to_datetime() {
        return Some(time.to_utc());
    }
    if let Some(seconds) = parsed.timestamp() {
        return DateTime::from_timestamp(seconds, parsed.nanosecond().unwrap_or(0));
    }
    let date = parsed.to_naive_date().ok()?;
    // A format of the day alone means its first instant; a format with an hour must give a whole time.
    let day_alone =
        parsed.hour_mod_12().is_none() && parsed.hour_div_12().is_none() && parsed.minute().is_none();
    let time = if day_alone { NaiveTime::MIN } else { parsed.to_naive_time().ok()? };
    in_zone(date.and_time(time), zone?)
}

fn in_zone(local: NaiveDateTime, zone: Zone) -> Option<DateTime<Utc>> {
    let utc = local.checked_sub_offset(zone.0)?;
    Some(utc.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_rewritten_or_refused() {
        let check = |decimal, thousands, text: &str, expected: Option<&str>| {
            let marks = Marks { decimal, thousands };
            assert_eq!(marks.to_plain(text).as_deref(), expected, "{text:?} with {marks:?}");
        };
        check('.', None, "1,234.50", Some("1,234.50"));
        check('.', Some(','), "1,234.50", Some("1234.50"));
        check('.', Some(','), "1234.50", Some("1234.50"));
        check('.', Some(','), "1,234,567", Some("1234567"));
        check('.', Some(','), "-1,234.5", Some("-1234.5"));
        check('.', Some(','), "12,34.50", None);
        check('.', Some(','), ",234", None);
        check('.', Some(','), "1234,567", None);
        check(',', Some('.'), "1.234,50", Some("1234.50"));
        check(',', Some('.'), "1.5", None);
        check(',', Some('.'), "10,5.0", None);
        check(',', None, "10,5", Some("10.5"));
        check(',', None, "10.5", None);
        check('.', Some(' '), "1 234.50", Some("1234.50"));
    }

    #[test]
    fn zones_are_fixed_offsets() {
        let seconds = |name| Zone::from_name(name).map(|zone| zone.0.local_minus_utc());
        assert_eq!(seconds("America/Lima"), Some(-18_000));
        assert_eq!(seconds("UTC"), Some(0));
        assert_eq!(seconds("+08:00"), Some(28_800));
        assert_eq!(seconds("-05:30"), Some(-19_800));
        for name in ["", "Lima", "Asia/Shanghai", "8", "+8:00", "+0800", "+15:00", "+08:60", "−05:00"] {
            assert_eq!(seconds(name), None, "{name:?}");
        }
    }

    #[test]
    fn dates_are_read_in_the_file_s_format_and_zone() {
        let check = |format: Option<&str>, zone: Option<&str>, text: &str, expected: Option<&str>| {
            let dates = Dates::new(format, zone.and_then(Zone::from_name), true).unwrap();
            assert_eq!(
                dates.read(text).map(|time| time.to_string()).as_deref(),
                expected,
                "{text:?} in {format:?}"
            );
        };
        let half_past_nine = Some("2026-03-02T09:30:00-05:00");
        check(None, None, "2026-03-02T14:30:00Z", half_past_nine);
        check(None, None, "2026-03-02T09:30:00", None);
        check(None, Some("America/Lima"), "2026-03-02T09:30:00", half_past_nine);
        check(None, Some("America/Lima"), "2026-03-02 09:30:00.5", Some("2026-03-02T09:30:00.500-05:00"));
        check(None, Some("America/Lima"), "2026-03-02T22:30:00+08:00", half_past_nine);
        check(Some("%d/%m/%Y %H:%M:%S"), Some("America/Lima"), "02/03/2026 09:30:00", half_past_nine);
        check(Some("%d/%m/%Y %H:%M"), Some("+08:00"), "02/03/2026 22:30", half_past_nine);
        check(Some("%d/%m/%Y %I:%M %p"), Some("UTC"), "02/03/2026 02:30 PM", half_past_nine);
        check(Some("%d/%m/%Y %I:%M %p"), Some("UTC"), "02/03/2026 02:30 p. m.", half_past_nine);
        check(Some("%d/%m/%Y %I:%M %p"), Some("UTC"), "02/03/2026 02:30 P.M.", half_past_nine);
        check(Some("%d/%m/%Y %I:%M %p"), Some("America/Lima"), "02/03/2026 09:30 a.m.", half_past_nine);
        check(Some("%d/%m/%Y %I:%M %p"), Some("UTC"), "02/03/2026 02:30 m.", None);
        check(Some("%d/%m/%Y"), Some("America/Lima"), "02/03/2026", Some("2026-03-02T00:00:00-05:00"));
        check(Some("%d/%m/%Y %H:%M:%S %z"), None, "02/03/2026 09:30:00 -0500", half_past_nine);
        check(Some("%s"), None, "1772461800", half_past_nine);
        check(Some("%d/%m/%Y"), Some("UTC"), "31/02/2026", None);
        check(Some("%d/%m/%Y"), Some("UTC"), "02/03/2026 10:00", None);
        check(Some("%d/%m/%Y %H"), Some("UTC"), "02/03/2026 25", None);
    }

    #[test]
    fn a_date_format_says_where_its_times_are() {
        assert_eq!(Dates::new(Some("%d/%m/%Y"), None, true), Err(DateFormatError::ZoneNeeded));
        assert_eq!(Dates::new(Some("%Q"), None, true), Err(DateFormatError::Unreadable));
        assert!(Dates::new(Some("%d/%m/%Y"), None, false).is_ok());
    }

    #[test]
    fn days_are_taken_as_written_unless_they_are_points_in_time() {
        let check = |format: Option<&str>, zone: Option<&str>, text: &str, expected: Option<&str>| {
            let dates = Dates::new(format, zone.and_then(Zone::from_name), false).unwrap();
            let day = dates.read_day(text).map(|day| day.to_string());
            assert_eq!(day.as_deref(), expected, "{text:?} in {format:?}");
        };
        let second_of_march = Some("2026-03-02");
        check(None, None, "2026-03-02", second_of_march);
        check(None, None, "2026-03-03T04:59:59Z", second_of_march);
        check(None, None, "2026-3-2", None);
        check(None, None, "2026-02-31", None);
        check(None, None, "1600-01-01", None);
        check(None, Some("+08:00"), "2026-03-02", second_of_march);
        check(Some("%d/%m/%Y"), None, "02/03/2026", second_of_march);
        check(Some("%d/%m/%Y"), Some("+08:00"), "02/03/2026", second_of_march);
        check(Some("%d/%m/%y"), None, "02/03/26", second_of_march);
        check(Some("%d/%m/%Y"), None, "31/02/2026", None);
        check(Some("%d/%m/%Y"), None, "02/03/0026", None);
        check(Some("%d/%m/%Y %H:%M"), None, "02/03/2026 23:59", second_of_march);
        check(Some("%d/%m/%Y %H:%M"), None, "02/03/2026 25:59", None);
        check(Some("%d/%m/%Y %H:%M"), Some("+08:00"), "03/03/2026 10:00", second_of_march);
        check(Some("%d/%m/%Y %H:%M %z"), None, "03/03/2026 02:00 +0000", second_of_march);
    }

    #[test]
    fn latin_1_is_read_as_windows_1252() {
        assert_eq!(Encoding::Latin1.decode(b"Per\xFA \x80").as_deref(), Ok("Perú €"));
        assert_eq!(Encoding::Utf8.decode(b"Per\xFA"), Err(Undecodable));
    }
}
