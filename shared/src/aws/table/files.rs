//! What was taken out of each file that came, and which expected files somebody was told of.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;

use super::super::{StoreError, failed};
use super::{Item, Table, sortable, unless_condition_failed};
use crate::calendar::{Day, Instant};
use crate::formats::Leg;
use crate::ids::hash_parts;

const KIND: &str = "file";
const MISSING_KIND: &str = "missing file";

/// How long a claim to tell of a file holds; sending takes a few seconds.
const CLAIM_HOLDS: TimeDelta = TimeDelta::seconds(60);

/// Names of one list that are kept: an item holds 400 KB, and files of objects may bring any number.
const NAMES_MAX: usize = 256;

/// Characters of a name that are kept.
const NAME_CHARS_MAX: usize = 100;

/// Bytes of an object's name that go into a key of the table, which holds 1024.
const KEY_BYTES_MAX: usize = 700;

/// A file of an account's leg, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'a> {
    /// The PagoEfectivo service.
    pub account: &'a str,
    /// The leg.
    pub leg: Leg,
    /// When it came.
    pub arrived_at: Instant,
    /// Its name in the bucket.
    pub key: &'a str,
    /// Its version there.
    pub version_id: Option<&'a str>,
}

/// The columns of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Whether the file names its columns once; objects each name their own, and may leave some out.
    pub has_header: bool,
    /// All of a header; of objects, those that no field is fed by.
    pub names: BTreeSet<String>,
}

impl Columns {
    /// The columns as the table keeps them: at most 256, cut to 100 characters each.
    #[must_use]
    pub fn new(has_header: bool, names: &[String]) -> Columns {
        Columns { has_header, names: kept(names).collect() }
    }
}

/// How a file differs in kind from what came before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Columns that the file before did not have.
    pub new_columns: Vec<String>,
    /// Columns that it had and this one has not.
    pub gone_columns: Vec<String>,
    /// Status words that nobody knows; their rows were set aside.
    pub unknown_words: Vec<String>,
}

impl Drift {
    /// Compares a file with the one before it, if there was one.
    #[must_use]
    pub fn between(before: Option<&Columns>, now: &Columns, unknown_words: &[String]) -> Drift {
        let unknown_words: BTreeSet<String> = kept(unknown_words).collect();
        let mut drift = Drift { unknown_words: unknown_words.into_iter().collect(), ..Drift::default() };
        let Some(before) = before.filter(|before| before.has_header == now.has_header) else { return drift };
        drift.new_columns = now.names.difference(&before.names).cloned().collect();
        // An object that leaves a member out says nothing about it.
        if now.has_header {
            drift.gone_columns = before.names.difference(&now.names).cloned().collect();
        }
        drift
    }

    /// Whether nothing is new.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Drift::default()
    }
}

/// What came of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord<'a> {
    /// Which file.
    pub name: FileName<'a>,
    /// Rows that were taken.
    pub rows: usize,
    /// Rows that were set aside.
    pub rejected: usize,
    /// Its columns.
    pub columns: Columns,
    /// Those that feed no field.
    pub unknown_columns: Vec<String>,
    /// How many fields cleansing changed, by kind of change.
    pub cleansed: BTreeMap<&'static str, u64>,
    /// The latest time in it.
    pub covered_until: Option<Instant>,
    /// What is new about it.
    pub drift: Drift,
}

impl Table {
    /// Records what came of a file. The same file again leaves what is there.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` the outcome is unknown and the same call settles it.
    pub async fn record_file(&self, file: &FileRecord<'_>) -> Result<(), StoreError> {
        let name = file.name;
        let unknown: Vec<String> = kept(&file.unknown_columns).collect();
        let item = Item::new(KIND, partition(name.account), sort_key(&name))
            .text("account", name.account)
            .text("leg", name.leg.word())
            .text("key", name.key)
            .some_text("version_id", name.version_id)
            .text("arrived_at", name.arrived_at.to_string())
            .number("rows", file.rows)
            .number("rejected", file.rejected)
            .text("has_header", file.columns.has_header.to_string())
            .text("columns", json(&file.columns.names)?)
            .text("unknown_columns", json(&unknown)?)
            .text("cleansed", json(&file.cleansed)?)
            .some_text("covered_until", file.covered_until.map(|time| time.to_string()));
        let lists = [
            ("new_columns", &file.drift.new_columns),
            ("gone_columns", &file.drift.gone_columns),
            ("unknown_words", &file.drift.unknown_words),
        ];
        let mut item = item;
        for (attribute, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            item = item.text(attribute, json(names)?);
        }
        self.put_once(item).await.map(drop)
    }

    /// The columns of the file of the same account and leg that came last before this one.
    ///
    /// # Errors
    /// [`StoreError`], `Unreadable` where an item is none of ours.
    pub async fn columns_before(&self, name: &FileName<'_>) -> Result<Option<Columns>, StoreError> {
        let this = sort_key(name);
        let request = self
            .partition(partition(name.account))
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :this")
            .expression_attribute_values(":first", AttributeValue::S(format!("{}#", name.leg.word())))
            .expression_attribute_values(":this", AttributeValue::S(this.clone()))
            .scan_index_forward(false)
            // This one is among them where its message came again.
            .limit(2);
        let answer = request.send().await.map_err(|error| failed("Query", error))?;
        let items =
            answer.items.unwrap_or_default().into_iter().map(|attributes| Item::read(KIND, attributes));
        let before = items.map(|item| Ok((item.get("sk")? != this).then_some(item)));
        let before: Vec<Item> = before.filter_map(Result::transpose).collect::<Result<_, StoreError>>()?;
        let Some(item) = before.first() else { return Ok(None) };
        Ok(Some(Columns {
            has_header: item.parsed("has_header", |text| text.parse().ok())?,
            names: item.parsed("columns", |text| serde_json::from_str(text).ok())?,
        }))
    }

    /// Whether a file of a leg came on that day in Lima.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn came_on(&self, account: &str, leg: Leg, day: Day) -> Result<bool, StoreError> {
        let (Some(first), Some(after)) = (day.start(), day.start().map(|start| start.plus_hours(24))) else {
            return Ok(false);
        };
        let bound = |time| AttributeValue::S(format!("{}#{}", leg.word(), sortable(time)));
        let request = self
            .partition(partition(account))
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :after")
            .expression_attribute_values(":first", bound(first))
            // A key goes on after its time, so that a file of the next midnight lies behind this one.
            .expression_attribute_values(":after", bound(after))
            .limit(1);
        let answer = request.send().await.map_err(|error| failed("Query", error))?;
        Ok(answer.count > 0)
    }

    /// Claims to tell that a file has not come; false where that was told, or is being told at this moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_missing(
        &self,
        account: &str,
        leg: Leg,
        day: Day,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let stale = Instant::from_utc(now.to_utc() - CLAIM_HOLDS).unwrap_or(now);
        let item = missing_item(account, leg, day).text("claimed_at", sortable(now));
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.attributes))
            .condition_expression(
                "attribute_not_exists(pk) OR (attribute_not_exists(told_at) AND claimed_at < :stale)",
            )
            .expression_attribute_values(":stale", AttributeValue::S(sortable(stale)));
        unless_condition_failed(request.send().await)
    }

    /// Notes that it was told that a file has not come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn missing_told(
        &self,
        account: &str,
        leg: Leg,
        day: Day,
        now: Instant,
    ) -> Result<(), StoreError> {
        let item = missing_item(account, leg, day).text("told_at", sortable(now));
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        request.send().await.map(drop).map_err(|error| failed("PutItem", error))
    }
}

fn missing_item(account: &str, leg: Leg, day: Day) -> Item {
    Item::new(MISSING_KIND, partition(account), format!("missing#{}#{day}", leg.word()))
}

fn partition(account: &str) -> String {
    format!("FILE#{account}")
}

/// Sorts by leg, then by time of arrival.
fn sort_key(name: &FileName<'_>) -> String {
    let key = match name.key.split_at_checked(name.key.floor_char_boundary(KEY_BYTES_MAX)) {
        Some((head, rest)) if !rest.is_empty() => {
            format!("{head}~{}", hex::encode(hash_parts([name.key.as_bytes()])))
        }
        _ => name.key.to_owned(),
    };
    format!("{}#{}#{key}#{}", name.leg.word(), sortable(name.arrived_at), name.version_id.unwrap_or("-"))
}

fn kept(names: &[String]) -> impl Iterator<Item = String> {
    names.iter().take(NAMES_MAX).map(|name| name.chars().take(NAME_CHARS_MAX).collect())
}

fn json(list: &impl serde::Serialize) -> Result<String, StoreError> {
    let refused =
        |error: serde_json::Error| StoreError::Refused { operation: "write", code: error.to_string() };
    serde_json::to_string(list).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(has_header: bool, names: &[&str]) -> Columns {
        Columns::new(has_header, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn drift_is_what_the_file_before_had_otherwise() {
        let check = |before: Option<Columns>, now: Columns, new: &[&str], gone: &[&str]| {
            let drift = Drift::between(before.as_ref(), &now, &[]);
            assert_eq!((drift.new_columns, drift.gone_columns), (owned(new), owned(gone)), "{now:?}");
        };
        let owned_before = || Some(columns(true, &["a", "b"]));
        check(None, columns(true, &["a"]), &[], &[]);
        check(owned_before(), columns(true, &["b", "a"]), &[], &[]);
        check(owned_before(), columns(true, &["a", "c"]), &["c"], &["b"]);
        check(Some(columns(false, &["x", "y"])), columns(false, &["x", "z"]), &["z"], &[]);
        check(owned_before(), columns(false, &["x"]), &[], &[]);
        let words = owned(&["Nuevo", "Nuevo", "Otro"]);
        assert_eq!(Drift::between(None, &columns(true, &[]), &words).unknown_words, ["Nuevo", "Otro"]);
        assert!(Drift::between(owned_before().as_ref(), &columns(true, &["a", "b"]), &[]).is_none());
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_key_of_the_table_holds_any_name_and_sorts_by_time() {
        let name = |key, time| FileName {
            account: "a",
            leg: Leg::Bank,
            arrived_at: Instant::parse(time).unwrap(),
            key,
            version_id: Some("v"),
        };
        let (early, late) = ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00.5Z");
        assert_eq!(sort_key(&name("inbox/a", early)), "bank#2026-03-02T10:00:00.000000000Z#inbox/a#v");
        assert!(sort_key(&name("z", early)) < sort_key(&name("a", late)));
        let long = "ñ".repeat(512);
        let other = format!("{}x", "ñ".repeat(511));
        assert!(sort_key(&name(&long, early)).len() < 1_024);
        assert_ne!(sort_key(&name(&long, early)), sort_key(&name(&other, early)));
    }
}
