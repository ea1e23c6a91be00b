//! How the values of a file are written: dates, decimal marks, currencies.

use super::super::plan::{Field, Kind};
use super::super::values::{Dates, Marks, Zone};
use crate::ids::Cip;
use crate::money::{Currency, Micros, parse_signed_minor};

/// Where times without offset are taken to be from.
const ZONE: &str = "America/Lima";

/// Values by which a column's kind is told; styles are told by all.
const TRIED_MAX: usize = 30;

/// A way to write dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateStyle {
    /// `strftime`; RFC 3339 where none is given.
    pub format: Option<String>,
    /// Where its times were taken, unless they say so themselves.
    pub zone: Option<&'static str>,
    dates: Dates,
}

impl DateStyle {
    fn new(format: Option<&str>, needs_zone: bool) -> Option<DateStyle> {
        let zone = needs_zone.then_some(ZONE);
        let dates = Dates::new(format, zone.and_then(Zone::from_name), false).ok()?;
        Some(DateStyle { format: format.map(str::to_owned), zone, dates })
    }

    /// Whether a reader would take the text as a time, or as a day.
    pub(super) fn reads(&self, kind: Kind, text: &str) -> bool {
        if kind == Kind::Day { self.dates.read_day(text).is_some() } else { self.dates.read(text).is_some() }
    }

    /// Whether its dates have no hour.
    pub(super) fn is_day_alone(&self) -> bool {
        self.format.as_deref().is_some_and(|format| !format.contains(['H', 'I', 's']))
    }

    /// The style with an hour behind its day, which stands in a column of its own.
    pub(super) fn with_hour(&self, hour: &str) -> Option<DateStyle> {
        DateStyle::new(Some(&format!("{} {hour}", self.format.as_deref()?)), true)
    }

    /// The same with day and month in each other's place, if both are digits.
    fn swapped(&self) -> Option<DateStyle> {
        let format = self.format.as_deref()?;
        let day_first = ["%d/%m/", "%d-%m-", "%d.%m."];
        let month_first = ["%m/%d/", "%m-%d-", "%m.%d."];
        let mut pairs = day_first.iter().zip(month_first).chain(month_first.iter().zip(day_first));
        let (from, to) = pairs.find(|(from, _)| format.starts_with(**from))?;
        DateStyle::new(Some(&format.replacen(from, to, 1)), self.zone.is_some())
    }
}

/// Every style that is looked for, the likeliest first: in Peru the day stands before the month.
pub(super) fn date_styles() -> Vec<DateStyle> {
    let mut styles = vec![DateStyle::new(None, false), DateStyle::new(None, true)];
    let mut days = Vec::new();
    for (a, b, c) in
        [("%Y", "%m", "%d"), ("%d", "%m", "%Y"), ("%m", "%d", "%Y"), ("%d", "%m", "%y"), ("%m", "%d", "%y")]
    {
        days.extend(["-", "/", "."].map(|mark| format!("{a}{mark}{b}{mark}{c}")));
    }
    days.extend(["%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%Y年%m月%d日"].map(str::to_owned));
    for day in &days {
        styles.push(DateStyle::new(Some(day), true));
        for hour in ["%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p"] {
            styles.push(DateStyle::new(Some(&format!("{day} {hour}")), true));
        }
        styles.push(DateStyle::new(Some(&format!("{day} %H:%M:%S %z")), false));
    }
    styles.push(DateStyle::new(Some("%Y-%m-%dT%H:%M:%S%.f%z"), false));
    styles.into_iter().flatten().collect()
}

/// What was found of the dates of several columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FoundDates {
    pub style: DateStyle,
    /// The swapped style that reads all of them as well, and one of them.
    pub or_else: Option<(String, String)>,
}

/// The style that reads most of the values, if it reads any; those that every row has to have weigh before all others.
pub(super) fn dates(styles: &[DateStyle], values: &[(Field, &str)]) -> Option<FoundDates> {
    let read_by = |style: &DateStyle| {
        let read = values.iter().filter(|(field, text)| style.reads(field.kind, text));
        read.fold((0_usize, 0_usize), |(required, all), (field, _)| {
            (required.saturating_add(usize::from(field.required)), all.saturating_add(1))
        })
    };
    let mut best: Option<((usize, usize), &DateStyle)> = None;
    for style in styles {
        let count = read_by(style);
        if count > best.map_or((0, 0), |(most, _)| most) {
            best = Some((count, style));
        }
    }
    let (count, style) = best?;
    let swapped = style.swapped().filter(|swapped| read_by(swapped) == count);
    let example = values.iter().find(|(field, text)| style.reads(field.kind, text));
    let or_else = swapped.and_then(|swapped| swapped.format).zip(example.map(|(_, text)| (*text).to_owned()));
    Some(FoundDates { style: style.clone(), or_else })
}

/// The format of times of day that reads all of some values.
pub(super) fn hours<'v>(mut values: impl Iterator<Item = &'v str> + Clone) -> Option<&'static str> {
    let reads = |format: &str, text: &str| chrono::NaiveTime::parse_from_str(text, format).is_ok();
    let formats = ["%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p"];
    values.clone().next()?;
    formats.into_iter().find(|format| values.by_ref().clone().all(|text| reads(format, text)))
}

/// What was found of the numbers of several columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FoundMarks {
    pub decimal: char,
    pub thousands: Option<char>,
    /// Another decimal mark by which all of them are numbers too, and one that would be another number.
    pub or_else: Option<(char, String)>,
}

/// The marks that read most of the values.
pub(super) fn marks(values: &[(Field, &str)]) -> FoundMarks {
    let all = [
        ('.', None),
        ('.', Some(',')),
        (',', None),
        (',', Some('.')),
        ('.', Some(' ')),
        (',', Some(' ')),
        ('.', Some('\'')),
    ];
    let read = |marks: Marks, kind: Kind, text: &str| -> Option<Micros> {
        let plain = marks.to_plain(bare_number(text).0)?;
        // Money has two decimals at most, so that 1,234 can only be one thousand.
        let good = matches!(kind, Kind::Fee | Kind::Rate) || parse_signed_minor(&plain).is_ok();
        Micros::parse(&plain).ok().filter(|_| good)
    };
    let count =
        |marks: Marks| values.iter().filter(|(field, text)| read(marks, field.kind, text).is_some()).count();
    let mut best = (0, Marks::default());
    for (decimal, thousands) in all {
        let marks = Marks { decimal, thousands };
        let found = count(marks);
        if found > best.0 {
            best = (found, marks);
        }
    }
    let (found, marks) = best;
    let other = all.into_iter().map(|(decimal, thousands)| Marks { decimal, thousands });
    let mut other =
        other.filter(|other| other.decimal != marks.decimal && found > 0 && count(*other) == found);
    let or_else = other.find_map(|other| {
        let differs = |(field, text): &&(Field, &str)| {
            let (a, b) = (read(marks, field.kind, text), read(other, field.kind, text));
            a.is_some() && b.is_some() && a != b
        };
        values.iter().find(differs).map(|(_, text)| (other.decimal, (*text).to_owned()))
    });
    FoundMarks { decimal: marks.decimal, thousands: marks.thousands, or_else }
}

/// A number without its sign and without a currency before or behind it, and whether it had one.
fn bare_number(text: &str) -> (&str, bool) {
    const SIGNS: [&str; 6] = ["S/.", "S/", "US$", "PEN", "USD", "$"];
    let unsigned = |text: &'_ str| -> usize {
        text.len() - text.trim_start_matches(['-', '+', '(', '\u{2212}', ' ']).len()
    };
    let text = text.get(unsigned(text)..).unwrap_or(text).trim_end_matches(['-', ')', ' ']);
    let bare = SIGNS.iter().find_map(|sign| text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)));
    match bare {
        Some(bare) => (bare.trim().trim_start_matches('-'), true),
        None => (text, false),
    }
}

/// Whether a number stands beside a currency, which no reader takes.
pub(super) fn has_currency_sign(text: &str) -> bool {
    bare_number(text).1
}

/// Whether a text is a number in any style.
pub(super) fn is_number(text: &str) -> bool {
    let bare = bare_number(text).0;
    let marks = |c: char| c.is_ascii_digit() || ",. '".contains(c);
    bare.starts_with(|c: char| c.is_ascii_digit()) && bare.chars().all(marks)
}

/// The currency that a text is, in any of the words that readers take.
pub(super) fn currency(text: &str) -> Option<Currency> {
    match text.to_lowercase().as_str() {
        "pen" | "s/" | "s/." | "sol" | "soles" => Some(Currency::Pen),
        "usd" | "us$" | "dolares" | "dólares" | "dollars" => Some(Currency::Usd),
        _ => None,
    }
}

/// Whether a text is a date and nothing else: digits alone may be a number of any kind.
pub(super) fn is_date(text: &str, styles: &[DateStyle]) -> bool {
    let marked = text.contains(['/', '-', '.', ':']);
    marked && has_digits_of_date(text) && styles.iter().any(|style| style.reads(Kind::Day, text))
}

/// No date has fewer digits, and most texts have none at all.
fn has_digits_of_date(text: &str) -> bool {
    text.len() <= 40 && text.bytes().filter(u8::is_ascii_digit).count() >= 5
}

/// Whether a column's values can be what a field of this kind holds: half of them have to. `None` where there are none.
pub(super) fn fits<'v>(
    kind: Kind,
    values: impl Iterator<Item = &'v str>,
    styles: &[DateStyle],
) -> Option<bool> {
    let fitting = |text: &str| match kind {
        Kind::Text | Kind::Number | Kind::Prose | Kind::Status => true,
        Kind::Cip => Cip::parse(text).is_some(),
        Kind::Cips => text.split(';').all(|cip| Cip::parse(cip.trim()).is_some()),
        Kind::Amount | Kind::Refund | Kind::Fee | Kind::Signed | Kind::Rate => is_number(text),
        Kind::Currency => currency(text).is_some(),
        Kind::Time | Kind::Day => {
            has_digits_of_date(text) && styles.iter().any(|style| style.reads(kind, text))
        }
    };
    let (mut all, mut good) = (0_usize, 0_usize);
    for text in values.take(TRIED_MAX) {
        all = all.saturating_add(1);
        good = good.saturating_add(usize::from(fitting(text)));
    }
    (all > 0).then_some(good.saturating_mul(2) >= all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_of_dates_is_told_by_all_of_them() {
        let styles = date_styles();
        let check = |values: &[&str], format: Option<&str>, needs_zone: bool, or_else: Option<&str>| {
            let field = Field::required(0, "created_at", Kind::Time);
            let values: Vec<(Field, &str)> = values.iter().map(|text| (field, *text)).collect();
            let found = dates(&styles, &values).unwrap();
            assert_eq!(
                (found.style.format.as_deref(), found.style.zone.is_some()),
                (format, needs_zone),
                "{values:?}"
            );
            assert_eq!(found.or_else.map(|(format, _)| format).as_deref(), or_else, "{values:?}");
        };
        check(&["2026-03-02T09:30:00-05:00"], None, false, None);
        check(&["2026-03-02 09:30:00"], None, true, None);
        check(&["2026-03-02T09:30:00"], None, true, None);
        check(&["2026-03-02"], Some("%Y-%m-%d"), true, None);
        check(&["2026-03-02 09:30:00 -0500"], Some("%Y-%m-%d %H:%M:%S %z"), false, None);
        check(&["02/03/2026", "25/03/2026"], Some("%d/%m/%Y"), true, None);
        check(&["02/03/2026", "03/25/2026"], Some("%m/%d/%Y"), true, None);
        check(&["02/03/2026", "03/04/2026"], Some("%d/%m/%Y"), true, Some("%m/%d/%Y"));
        check(&["02-03-26 09:30", "25-03-26 21:30"], Some("%d-%m-%y %H:%M"), true, None);
        check(&["25/03/2026 09:30:00 PM"], Some("%d/%m/%Y %I:%M:%S %p"), true, None);
        check(&["20260302"], Some("%Y%m%d"), true, None);
        check(&["Mar 25, 2026 9:30:00 AM"], Some("%b %d, %Y %I:%M:%S %p"), true, None);
        // A few that are written otherwise do not change the style of the others.
        check(&["25/03/2026", "26/03/2026", "2026-03-27"], Some("%d/%m/%Y"), true, None);
        assert_eq!(dates(&styles, &[(Field::required(0, "created_at", Kind::Time), "soon")]), None);
    }

    #[test]
    fn the_marks_of_numbers_are_told_by_all_of_them() {
        let check = |kind, values: &[&str], decimal: char, thousands: Option<char>, or_else: Option<char>| {
            let field = Field::required(0, "amount", kind);
            let values: Vec<(Field, &str)> = values.iter().map(|text| (field, *text)).collect();
            let found = marks(&values);
            assert_eq!((found.decimal, found.thousands), (decimal, thousands), "{values:?}");
            assert_eq!(found.or_else.map(|(mark, _)| mark), or_else, "{values:?}");
        };
        check(Kind::Amount, &["10.50", "7"], '.', None, None);
        check(Kind::Amount, &["1,234.50", "7.00"], '.', Some(','), None);
        check(Kind::Amount, &["1.234,50", "7,00"], ',', Some('.'), None);
        check(Kind::Amount, &["10,5"], ',', None, None);
        check(Kind::Amount, &["1,234"], '.', Some(','), None);
        check(Kind::Amount, &["1.234"], ',', Some('.'), None);
        check(Kind::Signed, &["-1 234.50", "(7.00)", "S/ 5.00"], '.', Some(' '), None);
        check(Kind::Fee, &["1.234"], '.', None, Some(','));
        check(Kind::Fee, &["1.2345"], '.', None, None);
        check(Kind::Amount, &["100"], '.', None, None);
        check(Kind::Amount, &[], '.', None, None);
    }

    #[test]
    fn hours_of_a_column_of_their_own() {
        let check =
            |values: &[&str], expected| assert_eq!(hours(values.iter().copied()), expected, "{values:?}");
        check(&["09:30:00", "21:30:00"], Some("%H:%M:%S"));
        check(&["09:30"], Some("%H:%M"));
        check(&["09:30 PM"], Some("%I:%M %p"));
        check(&["09:30", "x"], None);
        check(&[], None);
    }
}
