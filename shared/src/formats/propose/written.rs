//! The proposed mapping as TOML.

use super::super::Format;
use super::super::plan::Kind;
use super::super::values::Encoding;
use super::assign::Assignment;
use super::sample::{Column, Sample};
use super::style::{DateStyle, FoundMarks};

/// What a mapping is written from.
pub(super) struct Parts<'p> {
    pub file: &'p str,
    pub sample: &'p Sample<'p>,
    pub found: &'p Assignment,
    pub dates: Option<&'p DateStyle>,
    pub marks: &'p FoundMarks,
    /// Words of the status column with what each stands for, where that is known.
    pub statuses: &'p [(String, Option<&'static str>)],
    pub doubts: &'p [String],
}

/// What stands above a mapping: whose it is, and the doubts.
pub(super) fn heading(file: &str, doubts: &[String]) -> String {
    let mut lines = vec![format!(
        "# Proposed for {} by its first rows: look at each line before it is used.",
        one_line(file)
    )];
    if !doubts.is_empty() {
        lines.push("#".to_owned());
        lines.push("# Unsure, or to be done:".to_owned());
        lines.extend(doubts.iter().map(|doubt| format!("# - {}", one_line(doubt))));
    }
    lines.join("\n") + "\n"
}

/// Writes the mapping, its doubts first.
pub(super) fn mapping(parts: &Parts<'_>) -> String {
    let leg = parts.found.layout.leg.word();
    let mut lines = vec![heading(parts.file, parts.doubts).trim_end().to_owned()];
    lines.push(format!("\n[{leg}]"));
    lines.extend(keys(parts));
    lines.push(format!("\n[{leg}.columns]"));
    lines.extend(parts.found.fed.iter().map(|fed| {
        let names: Vec<String> = fed
            .columns
            .iter()
            .filter_map(|column| parts.sample.columns.get(*column))
            .map(|column| quoted(&column.name))
            .collect();
        match names.as_slice() {
            [only] => format!("{} = {only}", fed.field.name),
            several => format!("{} = [{}]", fed.field.name, several.join(", ")),
        }
    }));
    if !parts.found.constants.is_empty() {
        lines.push(format!("\n[{leg}.constants]"));
        lines.extend(
            parts.found.constants.iter().map(|(field, value)| format!("{field} = {}", quoted(value))),
        );
    }
    if !parts.statuses.is_empty() {
        lines.push(format!("\n[{leg}.status]"));
        lines.extend(parts.statuses.iter().map(|(word, stands_for)| match stands_for {
            Some(canonical) => format!("{} = {}", quoted(word), quoted(canonical)),
            None => format!("# {} = \"…\"", one_line(&quoted(word))),
        }));
    }
    let unused = unused(parts);
    if !unused.is_empty() {
        lines.push("\n# Feed no field, and are kept with the row:".to_owned());
        lines.extend(unused.iter().map(|column| format!("# {}", one_line(&quoted(&column.name)))));
    }
    lines.join("\n") + "\n"
}

/// The keys of the leg's own table.
fn keys(parts: &Parts<'_>) -> Vec<String> {
    let Parts { sample, found, dates, marks, .. } = parts;
    let mut keys = Vec::new();
    let mut key = |name: &str, value: &str| keys.push(format!("{name} = {}", quoted(value)));
    if sample.format == Format::Csv && sample.delimiter != b',' {
        key("delimiter", &char::from(sample.delimiter).to_string());
    }
    if sample.encoding == Encoding::Latin1 {
        key("encoding", "latin-1");
    }
    if let Some(records) = &sample.records {
        key("records", records);
    }
    if found.fed.iter().any(|fed| fed.columns.len() > 1) {
        key("join", " ");
    }
    if let Some(dates) = dates {
        if let Some(format) = &dates.format {
            key("date_format", format);
        }
        // Days are taken as they are written; an ISO time among them is read with a zone alone.
        let asked = !found.of_kinds(&[Kind::Time]).is_empty() || dates.format.is_none();
        if let Some(zone) = dates.zone.filter(|_| asked) {
            key("zone", zone);
        }
    }
    if marks.decimal != '.' {
        key("decimal_mark", &marks.decimal.to_string());
    }
    if let Some(thousands) = marks.thousands {
        key("thousands_mark", &thousands.to_string());
    }
    if let Some(row) = sample.header_row {
        keys.push(format!("header_row = {row}"));
    }
    keys
}

/// The columns that no field takes, as many as a person reads.
fn unused<'p>(parts: &'p Parts<'_>) -> Vec<&'p Column> {
    const SHOWN_MAX: usize = 40;
    let fed = |index: usize| parts.found.fed.iter().any(|fed| fed.columns.contains(&index));
    let columns = parts.sample.columns.iter().enumerate();
    columns.filter(|(index, _)| !fed(*index)).map(|(_, column)| column).take(SHOWN_MAX).collect()
}

/// A TOML string on one line, as a value or a key.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A comment ends with its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
