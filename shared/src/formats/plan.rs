//! Where each field of a leg is found in one file: names are resolved once, rows are read by position.

use super::error::FileError;
use super::mapping::LegMapping;
use super::{Leg, Source};
use crate::lifecycle::evidence::Text;

/// What a field holds, which decides how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Cip,
    Cips,
    Amount,
    Refund,
    Fee,
    Currency,
    Status,
    Time,
    /// A calendar day.
    Day,
    /// Minor units with a sign.
    Signed,
    /// A rate of exchange.
    Rate,
    /// A longer text, which is shortened where it is longer still.
    Prose,
}

/// One field of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Position in the order of the format, which is the order in which a row's faults are looked for.
    pub index: usize,
    /// Canonical column name.
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

impl Field {
    pub(crate) const fn required(index: usize, name: &'static str, kind: Kind) -> Field {
        Field { index, name, kind, required: true }
    }

    pub(crate) const fn optional(index: usize, name: &'static str, kind: Kind) -> Field {
        Field { index, name, kind, required: false }
    }
}

/// The fields of a leg.
#[derive(Debug)]
pub(crate) struct Layout {
    pub leg: Leg,
    /// In the order of the format; the account comes first in every leg, in the bank's its own.
    pub fields: &'static [Field],
    /// At least one of these columns must be there.
    pub one_of: &'static [Field],
    /// The words of its status; empty where it has none.
    pub statuses: &'static [&'static str],
}

/// The name of the field that a caller may give for a whole file; a leg without it takes none.
pub(super) const ACCOUNT: &str = "account";

impl Layout {
    /// Finds a field by its canonical name.
    pub(crate) fn field(&self, name: &str) -> Option<Field> {
        self.fields.iter().copied().find(|field| field.name == name)
    }

    /// The canonical names, for messages.
    pub(super) fn names(&self) -> String {
        self.fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
    }
}

/// Where one field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Binding<'a> {
    /// The file does not have it.
    Absent,
    /// A column of the CSV, or a slot of the object.
    Column(usize),
    /// Several, joined by the mapping's `join`.
    Joined(Vec<usize>),
    /// The line `name: value` of a column whose cells hold several of them.
    Attribute(usize, String),
    /// The mapping's constant.
    Constant(String),
    /// The account that the caller gave, for a file without that column.
    Given(&'a str),
}

/// The bindings of one file.
#[derive(Debug)]
pub(super) struct Plan<'a, 'm> {
    pub layout: &'static Layout,
    pub mapping: &'m LegMapping,
    bindings: Vec<Binding<'a>>,
    /// Names of the CSV's columns, or of the object's slots.
    pub columns: Vec<Text<'a>>,
    /// Positions of the CSV's columns that feed no field.
    pub unknown: Vec<usize>,
    /// The account of NDJSON objects that name none.
    pub fallback_account: Option<&'a str>,
}

impl<'a, 'm> Plan<'a, 'm> {
    /// Resolves the columns of a CSV header.
    pub(super) fn for_csv(
        source: &Source<'a>,
        layout: &'static Layout,
        mapping: &'m LegMapping,
        columns: Vec<Text<'a>>,
    ) -> Result<Plan<'a, 'm>, FileError> {
        let position = |name: &str| columns.iter().position(|column| column == name);
        let bind = |field: &Field| match mapping.constant(field.name) {
            Some(constant) => Binding::Constant(constant.to_owned()),
            None => {
                let found: Option<Vec<usize>> =
                    mapping.sources(field).iter().map(|name| position(name)).collect();
                match (found.as_deref(), source.account) {
                    (Some([one]), _) => Binding::Column(*one),
                    (Some(several), _) => Binding::Joined(several.to_vec()),
                    (None, Some(account)) if field.name == ACCOUNT => Binding::Given(account),
                    (None, _) => attribute(&mapping.sources(field), &columns).unwrap_or(Binding::Absent),
                }
            }
        };
        let bindings: Vec<Binding<'a>> = layout.fields.iter().map(bind).collect();
        let used = |column: usize| bindings.iter().any(|binding| binding.uses(column));
        let unknown = (0..columns.len()).filter(|column| !used(*column)).collect();
        let plan = Plan { layout, mapping, bindings, columns, unknown, fallback_account: None };
        plan.check(source)?;
        Ok(plan)
    }

    /// Gives every source column a slot; objects may have them in any order or not at all.
    pub(super) fn for_ndjson(
        source: &Source<'a>,
        layout: &'static Layout,
        mapping: &'m LegMapping,
    ) -> Plan<'a, 'm> {
        let mut columns: Vec<Text<'a>> = Vec::new();
        let mut slot = |name: &str| {
            columns.iter().position(|column| column == name).unwrap_or_else(|| {
                columns.push(Text::Owned(name.to_owned()));
                columns.len().saturating_sub(1)
            })
        };
        let mut bind = |field: &Field| match mapping.constant(field.name) {
            Some(constant) => Binding::Constant(constant.to_owned()),
            None => {
                let slots: Vec<usize> = mapping.sources(field).iter().map(|name| slot(name)).collect();
                match slots.as_slice() {
                    [one] => Binding::Column(*one),
                    _ => Binding::Joined(slots),
                }
            }
        };
        let bindings = layout.fields.iter().map(&mut bind).collect();
        let fallback_account = source.account.filter(|_| layout.field(ACCOUNT).is_some());
        Plan { layout, mapping, bindings, columns, unknown: Vec::new(), fallback_account }
    }

    /// Where a field comes from.
    pub(super) fn binding(&self, field: Field) -> &Binding<'a> {
        self.bindings.get(field.index).unwrap_or(&Binding::Absent)
    }

    /// How rejects name a column: by the field that it feeds, else by its own name.
    pub(super) fn label(&self, column: usize) -> &str {
        let fed = self.layout.fields.iter().find(|field| self.binding(**field).uses(column));
        match fed {
            Some(field) => field.name,
            None => self.columns.get(column).map_or("", |name| name),
        }
    }

    /// What a reject says of bytes that are not UTF-8.
    pub(super) fn not_utf8(&self) -> String {
        let leg = self.layout.leg.word();
        format!(
            "is not UTF-8: save the file as UTF-8, or write encoding = \"latin-1\" under [{leg}] in the mapping"
        )
    }

    /// Names of the columns that feed no field.
    pub(super) fn unknown_names(&self) -> impl Iterator<Item = &Text<'a>> {
        self.unknown.iter().filter_map(|column| self.columns.get(*column))
    }

    /// Whether a column other than `but` feeds a field.
    pub(super) fn feeds_beside(&self, column: usize, but: usize) -> bool {
        column != but && self.bindings.iter().any(|binding| binding.uses(column))
    }

    fn check(&self, source: &Source<'a>) -> Result<(), FileError> {
        let absent = |field: &Field| *self.binding(*field) == Binding::Absent;
        if let Some(field) = self.layout.fields.iter().find(|field| field.required && absent(field)) {
            return Err(self.missing(source, field));
        }
        let one_of = self.layout.one_of;
        if !one_of.is_empty() && one_of.iter().all(absent) {
            let names: Vec<&str> = one_of.iter().map(|field| field.name).collect();
            let near =
                one_of.iter().find_map(|field| self.near(field.name).map(|column| (field.name, column)));
            return Err(FileError::MissingColumn {
                file: source.name.to_owned(),
                column: names.join("\" or \""),
                remedy: self.remedy(names.first().copied().unwrap_or_default(), near),
            });
        }
        Ok(())
    }

    fn missing(&self, source: &Source<'a>, field: &Field) -> FileError {
        let file = source.name.to_owned();
        let position = |name: &str| self.columns.iter().any(|column| column == name);
        let sources = self.mapping.sources(field);
        let named = sources.iter().find(|name| !position(name)).map_or(field.name, |name| *name);
        let near = self.near(named).map(|column| (field.name, column));
        if self.mapping.maps(field.name) {
            let remedy = match near {
                Some((_, column)) => format!("if \"{column}\" is meant, name that"),
                None => format!("correct {} under [{}.columns]", field.name, self.layout.leg.word()),
            };
            return FileError::MappedColumnMissing {
                file,
                field: field.name,
                column: named.to_owned(),
                remedy,
            };
        }
        if field.name == ACCOUNT && near.is_none() && self.columns.len() > 1 {
            let leg = self.layout.leg.word();
            let remedy = format!(
                "give it with --account, or name its column as account = \"…\" under [{leg}.columns] in the mapping"
            );
            return FileError::NoAccount { file, remedy };
        }
        FileError::MissingColumn { file, column: named.to_owned(), remedy: self.remedy(field.name, near) }
    }

    /// The unknown column whose name is nearest, if any is close.
    fn near(&self, name: &str) -> Option<&str> {
        let wanted = bare(name);
        let distances = self.unknown_names().map(|column| (distance(&wanted, &bare(column)), column));
        let (least, column) = distances.min_by_key(|(distance, _)| *distance)?;
        (least <= wanted.chars().count().div_euclid(4).max(1)).then_some(column)
    }

    fn remedy(&self, field: &str, near: Option<(&str, &str)>) -> String {
        let leg = self.layout.leg.word();
        if let Some((field, column)) = near {
            return format!(
                "if \"{column}\" is meant, rename it or write {field} = \"{column}\" under [{leg}.columns] in the mapping"
            );
        }
        let alone = if let [only] = self.columns.as_slice() { Some(only) } else { None };
        let separator =
            alone.and_then(|only| [';', '\t', '|', ','].into_iter().find(|mark| only.contains(*mark)));
        match separator {
            Some(mark) => format!(
                "its columns seem to be separated by {mark:?}, so write delimiter = \"{}\" under [{leg}] in the mapping",
                mark.escape_default()
            ),
            None => format!(
                "add it, or name the column that holds it as {field} = \"…\" under [{leg}.columns] in the mapping"
            ),
        }
    }
}

impl Binding<'_> {
    fn uses(&self, column: usize) -> bool {
        match self {
            Binding::Column(one) | Binding::Attribute(one, _) => *one == column,
            Binding::Joined(several) => several.contains(&column),
            Binding::Absent | Binding::Constant(_) | Binding::Given(_) => false,
        }
    }
}

/// Takes a name such as `Note Attributes[cip]` for a line of a column; `None` where there is no such column either.
fn attribute(sources: &[&str], columns: &[Text<'_>]) -> Option<Binding<'static>> {
    let [only] = sources else { return None };
    let (outer, name) = only.strip_suffix(']')?.rsplit_once('[')?;
    let column = columns.iter().position(|column| column == outer)?;
    Some(Binding::Attribute(column, name.to_owned()))
}

/// A name without what people vary: letter case and separators. Cut, for the distance takes quadratic time.
fn bare(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_alphanumeric()).take(64);
    kept.flat_map(char::to_lowercase).collect()
}

/// Levenshtein distance: insertions, deletions and replacements.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, from) in a.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal.saturating_add(usize::from(from != *to));
            diagonal = *cell;
            left = replaced.min(diagonal.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{bank, notices, orders, reports, settlements};
    use super::*;

    #[test]
    fn the_distance_counts_single_edits() {
        let check = |a, b, expected| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("amount", "amount", 0);
        check("amount", "amont", 1);
        check("amount", "amuont", 2);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
    }

    #[test]
    fn each_field_stands_at_its_index() {
        let legs = [&orders::LAYOUT, &reports::LAYOUT, &notices::LAYOUT, &settlements::LAYOUT, &bank::LAYOUT];
        for layout in legs {
            for (index, field) in layout.fields.iter().enumerate() {
                assert_eq!(field.index, index, "{}", field.name);
            }
            let first = if layout.leg == Leg::Bank { "bank_account" } else { ACCOUNT };
            assert_eq!(layout.fields[0].name, first);
        }
    }
}
