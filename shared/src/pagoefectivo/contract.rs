//! The shape of the provider's answers: which paths there are and of which JSON types, without any value.
//!
//! What an answer looked like is recorded in `docs/contract/v1.json`. It was recorded from our own simulator, which was
//! written after the vendor doc v1.1 and screenshots of 2018: our assumption, until somebody has seen it live.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The recorded shapes, as they are committed.
const RECORDED: &str = include_str!("../../../docs/contract/v1.json");

/// Most paths of one answer that are told; what an answer has beyond is no form but data.
const PATHS_MAX: usize = 200;

/// How deep an answer is looked into.
const DEPTH_MAX: usize = 8;

/// Longest name of a member that is taken for one.
const NAME_BYTES_MAX: usize = 40;

/// Paths such as `data[].cip` with their types such as `number`, several with a bar between them. The root's path is `$`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(BTreeMap<String, Types>);

/// Types of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
struct Types(BTreeSet<String>);

impl From<String> for Types {
    fn from(text: String) -> Types {
        Types(text.split('|').map(str::to_owned).collect())
    }
}

impl From<Types> for String {
    fn from(types: Types) -> String {
        types.0.into_iter().collect::<Vec<_>>().join("|")
    }
}

/// One difference between what was recorded and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A path that was not there.
    New {
        /// Where.
        path: String,
        /// Of which type it is.
        types: String,
    },
    /// A path that is not there any more.
    Missing {
        /// Where.
        path: String,
    },
    /// A path of a type that it did not have.
    Retyped {
        /// Where.
        path: String,
        /// As recorded.
        before: String,
        /// As seen.
        now: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::New { path, types } => write!(f, "{path} is new ({types})"),
            Change::Missing { path } => write!(f, "{path} is missing"),
            Change::Retyped { path, before, now } => write!(f, "{path} was {before} and is {now}"),
        }
    }
}

impl Shape {
    /// The shape of a body; `None` where it is no JSON.
    #[must_use]
    pub fn of(body: &[u8]) -> Option<Shape> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let mut shape = Shape::default();
        shape.add("$", &value, DEPTH_MAX);
        Some(shape)
    }

    fn add(&mut self, path: &str, value: &Value, depth: usize) {
        if self.0.len() >= PATHS_MAX && !self.0.contains_key(path) {
            return;
        }
        let word = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        self.0.entry(path.to_owned()).or_default().0.insert(word.to_owned());
        let Some(depth) = depth.checked_sub(1) else { return };
        match value {
            Value::Array(entries) => {
                for entry in entries {
                    self.add(&format!("{path}[]"), entry, depth);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let name = if is_name(name) { name } else { "?" };
                    let below = if path == "$" { name.to_owned() } else { format!("{path}.{name}") };
                    self.add(&below, member, depth);
                }
            }
            _ => {}
        }
    }

    /// What is new, missing or of another type in `seen`. A list without entries says nothing of what its entries are.
    #[must_use]
    pub fn changes(&self, seen: &Shape) -> Vec<Change> {
        let text = |types: &Types| String::from(types.clone());
        let mut changes: Vec<Change> = self
            .0
            .iter()
            .filter_map(|(path, before)| match seen.0.get(path) {
                None if seen.is_silent_about(path) => None,
                None => Some(Change::Missing { path: path.clone() }),
                Some(now) if now.0.is_subset(&before.0) => None,
                Some(now) => {
                    Some(Change::Retyped { path: path.clone(), before: text(before), now: text(now) })
                }
            })
            .collect();
        let new = seen.0.iter().filter(|(path, _)| !self.0.contains_key(*path));
        changes.extend(new.map(|(path, types)| Change::New { path: path.clone(), types: text(types) }));
        changes
    }

    /// Whether the path lies below a list that has no entries here.
    fn is_silent_about(&self, path: &str) -> bool {
        path.match_indices("[]").any(|(at, brackets)| {
            let list = path.get(..at).unwrap_or_default();
            let entry = path.get(..at.saturating_add(brackets.len())).unwrap_or_default();
            self.0.contains_key(list) && !self.0.contains_key(entry)
        })
    }
}

/// Whether a member's name is one, and not data that is used as a name.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The recorded shapes by the question that they answer, such as `200 /v1/cips/search`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contract {
    /// Where the shapes come from, and how sure they are.
    pub source: String,
    /// The shape of each answer.
    pub answers: BTreeMap<String, Shape>,
}

impl Contract {
    /// The contract that is committed with this version.
    ///
    /// # Errors
    /// Where that file is no contract, which a test rules out.
    pub fn recorded() -> Result<Contract, serde_json::Error> {
        serde_json::from_str(RECORDED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(body: &str) -> Shape {
        Shape::of(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_shape_has_paths_and_types_and_no_values() {
        let shape =
            shape(r#"{"code":100,"data":[{"cip":7,"token":"canary"},{}],"canaria@example.pe":{"x":null}}"#);
        let expected = r#"{"$":"object","?":"object","?.x":"null","code":"number","data":"list","data[]":"object","data[].cip":"number","data[].token":"string"}"#;
        assert_eq!(serde_json::to_string(&shape).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Shape>(expected).unwrap(), shape);
        assert_eq!(Shape::of(b"<html>"), None);
    }

    #[test]
    fn what_is_new_missing_or_retyped_is_told() {
        let recorded = shape(r#"{"code":100,"data":[{"cip":7,"date":"x"}]}"#);
        let check = |seen: &str, expected: &[&str]| {
            let told: Vec<String> = recorded.changes(&shape(seen)).iter().map(ToString::to_string).collect();
            assert_eq!(told, expected, "{seen}");
        };
        check(r#"{"code":166,"data":[{"cip":8,"date":"y"}]}"#, &[]);
        check(r#"{"code":100,"data":[]}"#, &[]);
        check(r#"{"code":100,"data":[{}]}"#, &["data[].cip is missing", "data[].date is missing"]);
        check(r#"{"code":"100","data":[{"cip":8,"date":"y"}]}"#, &["code was number and is string"]);
        check(r#"{"code":100,"data":[{"cip":8,"date":"y","fee":1.5}]}"#, &["data[].fee is new (number)"]);
        check(r#"{"code":100,"data":[{"cip":8,"date":null}]}"#, &["data[].date was string and is null"]);
        check(
            "[]",
            &[
                "$ was object and is list",
                "code is missing",
                "data is missing",
                "data[] is missing",
                "data[].cip is missing",
                "data[].date is missing",
            ],
        );
    }

    #[test]
    fn a_shape_is_bounded() {
        let members: Vec<String> = (0..1_000).map(|number| format!("\"m{number}\":1")).collect();
        assert_eq!(shape(&format!("{{{}}}", members.join(","))).0.len(), PATHS_MAX);
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(shape(&deep).0.len(), DEPTH_MAX + 1);
    }

    #[test]
    fn the_recorded_contract_is_one() {
        let contract = Contract::recorded().unwrap();
        assert!(contract.source.contains("assumption"));
    }
}
