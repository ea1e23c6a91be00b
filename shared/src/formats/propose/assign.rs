//! Which column is which field of a leg, and how sure that is.

use std::collections::BTreeSet;

use super::super::Leg;
use super::super::plan::{ACCOUNT, Field, Kind, Layout};
use super::sample::Column;
use super::style::{self, DateStyle};
use super::words::{self, TELLING};
use crate::ids::Cip;

/// What the values alone say of a field whose name no column bears.
const BY_VALUES: u32 = 30;

/// From here on a name is as good as the field's own.
const SURE: u32 = 90;

/// A field and what feeds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fed {
    pub field: Field,
    /// Positions in the sample; several are joined.
    pub columns: Vec<usize>,
    pub score: u32,
}

/// Columns and fields of one leg.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub layout: &'static Layout,
    /// In the order of the format.
    pub fed: Vec<Fed>,
    pub constants: Vec<(&'static str, &'static str)>,
    /// What is unsure, and why.
    pub doubts: Vec<String>,
    /// How well the leg suits the file.
    pub merit: i64,
}

impl Assignment {
    /// The columns of a field.
    pub(super) fn columns_of(&self, name: &str) -> Option<&[usize]> {
        self.fed.iter().find(|fed| fed.field.name == name).map(|fed| fed.columns.as_slice())
    }

    /// The fields of some kinds that one column feeds, with that column.
    pub(super) fn of_kinds(&self, kinds: &[Kind]) -> Vec<(Field, usize)> {
        let of = self.fed.iter().filter(|fed| kinds.contains(&fed.field.kind));
        of.filter_map(|fed| Some((fed.field, *fed.columns.first()?))).collect()
    }

    fn feed(&mut self, field: Field, column: usize, score: u32) {
        self.fed.push(Fed { field, columns: vec![column], score });
        self.fed.sort_by_key(|fed| fed.field.index);
    }

    fn has(&self, name: &str) -> bool {
        self.columns_of(name).is_some() || self.constants.iter().any(|(constant, _)| *constant == name)
    }
}

/// Finds the columns of a leg's fields.
pub(super) fn assign(layout: &'static Layout, columns: &[Column], styles: &[DateStyle]) -> Assignment {
    let mut found =
        Assignment { layout, fed: Vec::new(), constants: Vec::new(), doubts: Vec::new(), merit: 0 };
    let mut scores = Vec::new();
    for field in layout.fields {
        for (index, column) in columns.iter().enumerate() {
            let score = score(*field, column, styles, layout.leg);
            if score > 0 {
                scores.push((score, field.index, index, *field));
            }
        }
    }
    scores.sort_by_key(|(score, field, column, _)| (u32::MAX - *score, *field, *column));
    let mut taken = BTreeSet::new();
    for (score, _, column, field) in &scores {
        if !found.has(field.name) && !taken.contains(column) {
            taken.insert(*column);
            found.feed(*field, *column, *score);
        }
    }
    let rivals: Vec<(u32, usize, Field)> =
        scores.iter().map(|(score, _, column, field)| (*score, *column, *field)).collect();
    found.doubt_of_fed(&rivals, columns);
    found.doubt_of_unfit(columns, styles);
    found.supply(columns);
    found.merit = merit(&found, columns);
    found
}

fn score(field: Field, column: &Column, styles: &[DateStyle], leg: Leg) -> u32 {
    if column.name.is_empty() {
        // A mapping has no way to name it.
        return 0;
    }
    let named = words::score(&column.name, field.name);
    let named = if named >= TELLING { named } else { 0 };
    let is_text = matches!(field.kind, Kind::Text | Kind::Number | Kind::Prose);
    if is_text && column.filled().next().is_some_and(|text| style::is_date(text, styles)) {
        return 0;
    }
    match style::fits(field.kind, column.filled(), styles) {
        Some(false) => 0,
        // An empty column says nothing against its name, but one with values goes before it.
        None => named.saturating_sub(20),
        Some(true) if named > 0 => named,
        Some(true) => by_values(field, column, leg),
    }
}

/// What is so plain of its values that no name is needed.
fn by_values(field: Field, column: &Column, leg: Leg) -> u32 {
    let all = |test: &dyn Fn(&str) -> bool| column.filled().all(test);
    let unnamed = !words::is_known(&column.name);
    let plain = match (field.kind, field.required) {
        (Kind::Currency, _) => true,
        (Kind::Status, _) => all(&|text| words::status(leg, text).is_some()),
        (Kind::Time | Kind::Day, true) => unnamed,
        (Kind::Amount, true) => unnamed && all(&has_cents),
        (Kind::Cip | Kind::Cips, _) => unnamed && all(&is_like_cip) && are_distinct(column),
        _ => false,
    };
    if plain { BY_VALUES } else { 0 }
}

/// Two digits behind a mark, as amounts have and numbers of other things have not.
fn has_cents(text: &str) -> bool {
    let mut from_end = text.chars().rev().skip_while(|c| c.is_ascii_digit());
    let digits = text.chars().rev().take_while(char::is_ascii_digit).count();
    digits == 2 && matches!(from_end.next(), Some('.' | ',')) && style::is_number(text)
}

/// CIPs of today have 7 to 9 digits; of a name that says nothing, only such are taken for some.
fn is_like_cip(text: &str) -> bool {
    (7..=9).contains(&text.len()) && !text.starts_with('0') && Cip::parse(text).is_some()
}

fn are_distinct(column: &Column) -> bool {
    let distinct: BTreeSet<&str> = column.filled().collect();
    distinct.len() > 1 && distinct.len() == column.filled().count()
}

impl Assignment {
    /// Tells of fields that another column might feed as well, and of those that only their values tell of.
    fn doubt_of_fed(&mut self, rivals: &[(u32, usize, Field)], columns: &[Column]) {
        let name = |column: usize| columns.get(column).map_or("", |column| column.name.as_str());
        let taken: BTreeSet<usize> = self.fed.iter().flat_map(|fed| fed.columns.clone()).collect();
        let mut doubts = Vec::new();
        for fed in &self.fed {
            let Some(column) = fed.columns.first() else { continue };
            let free = |rival: &&(u32, usize, Field)| {
                let (score, other, field) = rival;
                *field == fed.field && !taken.contains(other) && score.saturating_add(20) >= fed.score
            };
            let others: Vec<String> = rivals
                .iter()
                .filter(free)
                .take(3)
                .map(|(_, other, _)| format!("{:?}", name(*other)))
                .collect();
            let field = fed.field.name;
            if !others.is_empty() {
                doubts.push(format!(
                    "{field} may as well be {}: {:?} is taken",
                    others.join(" or "),
                    name(*column)
                ));
            } else if fed.score <= BY_VALUES {
                doubts.push(format!(
                    "{field} is {:?} by its values alone: its name does not say so",
                    name(*column)
                ));
            }
        }
        self.doubts.extend(doubts);
    }

    /// Tells of columns that by their names should feed a field, and whose values cannot.
    fn doubt_of_unfit(&mut self, columns: &[Column], styles: &[DateStyle]) {
        let layout = self.layout;
        for field in layout.fields {
            if self.columns_of(field.name).is_some() {
                continue;
            }
            let unfit = |column: &&Column| {
                words::score(&column.name, field.name) >= SURE
                    && style::fits(field.kind, column.filled(), styles) == Some(false)
            };
            let Some(column) = columns.iter().find(unfit) else { continue };
            let what = match field.kind {
                Kind::Time | Kind::Day => "a date in a style that Cuadre reads",
                Kind::Currency => "PEN or USD in any of their words",
                Kind::Cip | Kind::Cips => "a CIP",
                _ => "a number",
            };
            let example = column.filled().next().unwrap_or_default();
            self.doubts.push(format!(
                "{} would be {:?}, but what stands there, such as {example:?}, is not {what}",
                field.name, column.name
            ));
        }
    }

    /// What a row has to have and no column says: from another column, or as a constant.
    fn supply(&mut self, columns: &[Column]) {
        self.share("created_at", &["paid_at", "updated_at"]);
        self.share("net", &["gross"]);
        self.share("gross", &["net"]);
        for field in self.layout.fields.iter().filter(|field| field.required) {
            if self.has(field.name) || field.name == ACCOUNT {
                continue;
            }
            let constant = match field.name {
                "currency" => Some(self.currency(columns)),
                "status" if self.layout.leg == Leg::Reports || self.columns_of("paid_at").is_some() => {
                    Some("paid")
                }
                "status" => Some("pending"),
                "kind" => Some("payment"),
                "bank_account" => Some("?"),
                "description" => Some("(none)"),
                _ => None,
            };
            let name = field.name;
            match constant {
                Some(constant) => {
                    self.constants.push((name, constant));
                    self.doubts.push(format!("{name} stands in no column: {constant:?} is written for every row, correct it"));
                }
                None => self.doubts.push(format!(
                    "no column seems to be {name}, without which no row can be read: name it under [{}.columns]",
                    self.layout.leg.word()
                )),
            }
        }
        let one_of = self.layout.one_of;
        if !one_of.is_empty() && one_of.iter().all(|field| !self.has(field.name)) {
            let names: Vec<&str> = one_of.iter().map(|field| field.name).collect();
            self.doubts.push(format!(
                "no column seems to be {}, and every row needs one of them",
                names.join(" or ")
            ));
        }
        let accounts = self.layout.field(ACCOUNT).is_some() && !self.has(ACCOUNT);
        if accounts {
            self.doubts.push("no column names the account: --account or the folder has to".to_owned());
        }
    }

    /// Feeds a required field by the column of another.
    fn share(&mut self, name: &'static str, others: &[&str]) {
        let Some(field) = self.layout.field(name).filter(|field| field.required && !self.has(name)) else {
            return;
        };
        let fed = others.iter().find_map(|other| Some((*other, *self.columns_of(other)?.first()?)));
        if let Some((other, column)) = fed {
            self.feed(field, column, BY_VALUES);
            self.doubts.push(format!("{name} stands in no column of its own: that of {other} is taken"));
        }
    }

    /// The currency of the amounts, by their names or the signs beside them.
    fn currency(&self, columns: &[Column]) -> &'static str {
        const MONEY: [Kind; 3] = [Kind::Amount, Kind::Signed, Kind::Fee];
        let money = self.of_kinds(&MONEY);
        let mut of = money.iter().filter_map(|(_, column)| columns.get(*column));
        let named = of.clone().find_map(|column| words::currency(&column.name));
        let dollars = of.any(|column| column.filled().any(|text| text.contains("US")));
        named.unwrap_or(if dollars { "USD" } else { "PEN" })
    }
}

/// How well the leg suits: what it explains of the file, less what it lacks. Fields that no other leg has count more.
fn merit(found: &Assignment, columns: &[Column]) -> i64 {
    const TELLING_FIELDS: [&str; 16] = [
        "fulfilled_at",
        "payer_id",
        "ip",
        "operation_number",
        "provider_id",
        "commission",
        "observed_at",
        "settlement_id",
        "kind",
        "gross",
        "net",
        "paid_on",
        "value_date",
        "debit",
        "credit",
        "description",
    ];
    let mut merit = 0;
    for fed in &found.fed {
        let weight = if TELLING_FIELDS.contains(&fed.field.name) { 2 } else { 1 };
        merit += i64::from(fed.score) * weight;
        if fed.field.kind == Kind::Status {
            let words = fed.columns.iter().filter_map(|column| columns.get(*column)).flat_map(Column::filled);
            let known = words.filter(|word| words::status(found.layout.leg, word).is_some()).count();
            merit += i64::try_from(known.min(10)).unwrap_or_default();
        }
    }
    let hints = columns.iter().filter(|column| words::hints_at(found.layout.leg, &column.name)).count();
    merit += 20 * i64::try_from(hints).unwrap_or_default();
    let lacking =
        |field: &&Field| field.required && field.name != ACCOUNT && found.columns_of(field.name).is_none();
    let lacks = found.layout.fields.iter().filter(lacking).count();
    let none_of =
        !found.layout.one_of.is_empty() && found.layout.one_of.iter().all(|field| !found.has(field.name));
    merit - 80 * i64::try_from(lacks + usize::from(none_of)).unwrap_or_default()
}
