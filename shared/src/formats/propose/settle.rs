//! What holds for a whole file: one style of dates, one of numbers, and the words of its status.

use std::collections::BTreeSet;

use super::super::plan::{Field, Kind};
use super::assign::Assignment;
use super::sample::Column;
use super::style::{self, DateStyle, FoundMarks};
use super::words;

/// Kinds whose values are written with the marks of numbers.
const NUMBERS: [Kind; 5] = [Kind::Amount, Kind::Refund, Kind::Fee, Kind::Signed, Kind::Rate];

/// Status words that are listed; a column of more holds something else.
const STATUSES_MAX: usize = 30;

/// Finds the one style of all dates, joins the hour of a day where it has a column of its own, and lets go of optional
/// columns that are written otherwise.
pub(super) fn dates(found: &mut Assignment, columns: &[Column], styles: &[DateStyle]) -> Option<DateStyle> {
    let of = found.of_kinds(&[Kind::Time, Kind::Day]);
    let values = values(&of, columns);
    let dates = style::dates(styles, &values)?;
    if let Some((other, example)) = &dates.or_else {
        let format = dates.style.format.as_deref().unwrap_or_default();
        found.doubts.push(format!(
            "day and month cannot be told apart: all dates, such as {example}, are also good as {other}; {format} is taken, as is usual in Peru"
        ));
    }
    let mut style = join_hour(found, columns, &dates.style).unwrap_or(dates.style);
    for (field, column) in of {
        let Some(column) = columns.get(column) else { continue };
        let joined = found.columns_of(field.name).is_some_and(|columns| columns.len() > 1);
        let strange = column.filled().find(|text| !joined && !style.reads(field.kind, text));
        if let Some(text) = strange {
            let (name, text) = (field.name, text.to_owned());
            let all = column.filled().all(|text| !style.reads(field.kind, text));
            if all && !field.required {
                found.fed.retain(|fed| fed.field != field);
                found.doubts.push(format!("{name} would be {:?}, whose dates, such as {text:?}, are written otherwise: it is left out", column.name));
            } else {
                found.doubts.push(format!(
                    "{:?} has dates that are written otherwise, such as {text:?}: their rows are set aside",
                    column.name
                ));
            }
        }
    }
    settle_zone(found, columns, &mut style);
    Some(style)
}

/// What stands in some columns, with the field that each feeds.
fn values<'c>(of: &[(Field, usize)], columns: &'c [Column]) -> Vec<(Field, &'c str)> {
    let with_columns = of.iter().filter_map(|(field, column)| Some((*field, columns.get(*column)?)));
    with_columns.flat_map(|(field, column)| column.filled().map(move |text| (field, text))).collect()
}

/// Where times without offset were taken: Lima, unless the names say UTC.
fn settle_zone(found: &mut Assignment, columns: &[Column], style: &mut DateStyle) {
    let times = found.of_kinds(&[Kind::Time]);
    let mut names =
        times.iter().filter_map(|(_, column)| columns.get(*column)).map(|column| column.name.as_str());
    if let Some(zone) = &mut style.zone {
        if names.clone().any(words::is_utc) {
            *zone = "UTC";
        } else if names.next().is_some() {
            found.doubts.push(format!("no time says where it was taken: zone = {zone:?} is written"));
        }
    }
}

/// Joins a column of hours to the only one of days.
fn join_hour(found: &mut Assignment, columns: &[Column], style: &DateStyle) -> Option<DateStyle> {
    let times: Vec<usize> = found.of_kinds(&[Kind::Time]).into_iter().map(|(_, column)| column).collect();
    let day =
        *times.first().filter(|first| style.is_day_alone() && times.iter().all(|time| time == *first))?;
    let free = |column: &usize| found.fed.iter().all(|fed| !fed.columns.contains(column));
    let with_hours = (0..columns.len()).filter(free).find_map(|column| {
        let values: Vec<&str> = columns.get(column)?.filled().collect();
        Some((column, style::hours(values.into_iter())?))
    });
    let (column, hour) = with_hours?;
    let style = style.with_hour(hour)?;
    for fed in found.fed.iter_mut().filter(|fed| fed.field.kind == Kind::Time) {
        fed.columns = vec![day, column];
    }
    Some(style)
}

/// Finds the one style of all numbers.
pub(super) fn marks(found: &mut Assignment, columns: &[Column]) -> FoundMarks {
    let of = found.of_kinds(&NUMBERS);
    let values = values(&of, columns);
    let marks = style::marks(&values);
    if let Some((other, example)) = &marks.or_else {
        found.doubts.push(format!(
            "the decimal mark is unsure: {example:?} is a number with {:?} and with {other:?}; the first is taken",
            marks.decimal
        ));
    }
    if let Some((_, text)) = values.iter().find(|(_, text)| style::has_currency_sign(text)) {
        found.doubts.push(format!(
            "amounts such as {text:?} bear a currency, which Cuadre does not read: export the numbers alone"
        ));
    }
    marks
}

/// The words of the status column with what each seems to stand for; those that are canonical need no line.
pub(super) fn statuses(found: &mut Assignment, columns: &[Column]) -> Vec<(String, Option<&'static str>)> {
    let leg = found.layout.leg;
    let column = found.of_kinds(&[Kind::Status]).first().and_then(|(_, column)| columns.get(*column));
    let words: BTreeSet<&str> = column.into_iter().flat_map(Column::filled).collect();
    let canonical = |word: &str| found.layout.statuses.contains(&word.to_lowercase().as_str());
    let foreign = words.into_iter().filter(|word| !canonical(word)).take(STATUSES_MAX);
    let statuses: Vec<(String, Option<&'static str>)> =
        foreign.map(|word| (word.to_owned(), words::status(leg, word))).collect();
    let unknown: Vec<String> =
        statuses.iter().filter(|(_, known)| known.is_none()).map(|(word, _)| format!("{word:?}")).collect();
    if !unknown.is_empty() {
        found.doubts.push(format!(
            "nobody knows what {} stands for: say so under [{}.status]",
            unknown.join(", "),
            leg.word()
        ));
    }
    let cancelado = statuses.iter().find(|(word, _)| words::is_cancelado(word));
    if let Some((word, Some(canonical))) = cancelado {
        let (shop, provider) = ("cancelled in most shops", "paid where PagoEfectivo says it");
        found.doubts.push(format!("{word:?} is {shop} and {provider}: {canonical:?} is taken here"));
    }
    statuses
}
