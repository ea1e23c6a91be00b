//! `[accounts.X.files.LEG]` of the policy: how files of a leg are read, and by when one has to come.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::calendar::{BankCalendar, Day, Instant};
use crate::formats::{Leg, StatementFormat};

/// Why the rule of a leg's files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("policy key accounts.{account}.files.{leg}.{key} {reason}")]
pub struct FileRuleError {
    /// The account.
    pub account: String,
    /// The leg.
    pub leg: &'static str,
    /// The key below the leg.
    pub key: &'static str,
    /// What is wrong and what to write; reads on after the key.
    pub reason: String,
}

/// A format that is no table of columns, and so needs no mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// A bank's statement with its balances.
    Statement(StatementFormat),
    /// The Settlement Report of the Paysafe group.
    SettlementReport,
}

impl FileFormat {
    const ALL: [(&'static str, FileFormat, Leg); 3] = [
        ("mt940", FileFormat::Statement(StatementFormat::Mt940), Leg::Bank),
        ("camt053", FileFormat::Statement(StatementFormat::Camt053), Leg::Bank),
        ("settlement_report", FileFormat::SettlementReport, Leg::Settlements),
    ];
}

/// On which days of the calendar in Lima a file is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedOn {
    /// Each day.
    #[default]
    EveryDay,
    /// Monday to Friday, holidays too.
    Weekdays,
    /// The days on which banks work, by the policy's calendar.
    BusinessDays,
}

/// By when a file has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Minutes after midnight in Lima.
    minutes: u16,
    on: ExpectedOn,
}

/// The last minute by which a file may be expected, 23:00: a look an hour later still falls on the same day.
const MINUTES_MAX: u16 = 23 * 60;

impl Expected {
    /// The time by which a file of that day has to be there; `None` on a day on which none is expected.
    #[must_use]
    pub fn deadline(self, day: Day, calendar: &BankCalendar) -> Option<Instant> {
        let is_expected = match self.on {
            ExpectedOn::EveryDay => true,
            ExpectedOn::Weekdays => day.is_weekday(),
            ExpectedOn::BusinessDays => calendar.is_business_day(day),
        };
        if !is_expected {
            return None;
        }
        day.start().map(|start| start.plus_minutes(self.minutes.into()))
    }
}

/// How files of one leg of an account are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRule {
    /// The name of a mapping in the bucket, or of a preset; absent, the canonical format.
    pub mapping: Option<String>,
    /// Absent, it is told by name and content.
    pub format: Option<FileFormat>,
    /// Absent, nobody waits for a file.
    pub expected: Option<Expected>,
}

/// The rules of an account, by leg.
pub(super) type FileRules = BTreeMap<Leg, FileRule>;

/// The table `files` as TOML has it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FilesTable {
    orders: Option<FileTable>,
    reports: Option<FileTable>,
    settlements: Option<FileTable>,
    bank: Option<FileTable>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct FileTable {
    mapping: Option<String>,
    format: Option<String>,
    expected_by: Option<String>,
    expected_on: Option<ExpectedOn>,
}

/// Checks the rules of an account.
pub(super) fn read(account: &str, table: FilesTable) -> Result<FileRules, FileRuleError> {
    let legs = [
        (Leg::Orders, table.orders),
        (Leg::Reports, table.reports),
        (Leg::Settlements, table.settlements),
        (Leg::Bank, table.bank),
    ];
    let mut rules = FileRules::new();
    for (leg, table) in legs {
        if let Some(table) = table {
            let refused = |(key, reason): (&'static str, String)| FileRuleError {
                account: account.to_owned(),
                leg: leg.word(),
                key,
                reason,
            };
            rules.insert(leg, rule(leg, table).map_err(refused)?);
        }
    }
    Ok(rules)
}

fn rule(leg: Leg, table: FileTable) -> Result<FileRule, (&'static str, String)> {
    let format = table.format.map(|word| format(leg, &word)).transpose()?;
    let mapping = table.mapping;
    if let Some(name) = mapping.as_deref() {
        if !is_name(name) {
            let reason = "is no name of a mapping: write 1 to 64 letters, digits, - or _, without .toml";
            return Err(("mapping", reason.to_owned()));
        }
        if format.is_some() {
            let reason = "has no effect beside format, whose columns are known: remove one of them";
            return Err(("mapping", reason.to_owned()));
        }
    }
    let expected = match (table.expected_by, table.expected_on) {
        (None, None) => None,
        (None, Some(_)) => {
            return Err(("expected_on", "has no effect without expected_by: add it".to_owned()));
        }
        (Some(text), on) => {
            let minutes = minutes(&text).ok_or_else(|| {
                let reason = format!(
                    "is {text:?}: write a time in Lima from \"00:00\" to \"23:00\", such as \"09:00\""
                );
                ("expected_by", reason)
            })?;
            Some(Expected { minutes, on: on.unwrap_or_default() })
        }
    };
    Ok(FileRule { mapping, format, expected })
}

fn format(leg: Leg, word: &str) -> Result<FileFormat, (&'static str, String)> {
    let of_leg = FileFormat::ALL.iter().filter(|(_, _, of)| *of == leg);
    let known: Vec<String> = of_leg.clone().map(|(known, _, _)| format!("{known:?}")).collect();
    let found = of_leg.clone().find(|(known, _, _)| *known == word).map(|(_, format, _)| *format);
    found.ok_or_else(|| {
        let reason = match known.as_slice() {
            [] => "has no effect: files of this leg are told by their names".to_owned(),
            known => format!("is {word:?}: write {}, or leave it out", known.join(" or ")),
        };
        ("format", reason)
    })
}

/// Whether a text may be part of an object's name.
fn is_name(name: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(harmless)
}

/// Minutes after midnight of `HH:MM`, at most [`MINUTES_MAX`].
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let sum = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && sum <= MINUTES_MAX).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    #[test]
    fn each_leg_has_a_rule_of_its_own() {
        let policy = Policy::parse(
            "[accounts.a.files.orders]\nmapping = \"shopify\"\nexpected_by = \"09:00\"\n\
             [accounts.a.files.bank]\nformat = \"mt940\"\nexpected_by = \"10:30\"\nexpected_on = \"weekdays\"\n\
             [accounts.a.files.settlements]\nformat = \"settlement_report\"\n[accounts.a.files.reports]\n",
        );
        let policy = policy.unwrap();
        let rule = |leg| policy.file_rule("a", leg);
        let every_day = Expected { minutes: 540, on: ExpectedOn::EveryDay };
        assert_eq!(
            rule(Leg::Orders),
            FileRule { mapping: Some("shopify".to_owned()), format: None, expected: Some(every_day) }
        );
        assert_eq!(rule(Leg::Bank).format, Some(FileFormat::Statement(StatementFormat::Mt940)));
        assert_eq!(rule(Leg::Bank).expected, Some(Expected { minutes: 630, on: ExpectedOn::Weekdays }));
        assert_eq!(rule(Leg::Settlements).format, Some(FileFormat::SettlementReport));
        assert_eq!(rule(Leg::Reports), FileRule::default());
        assert_eq!(policy.file_rule("b", Leg::Orders), FileRule::default());
    }

    #[test]
    fn a_deadline_is_in_lima_and_none_where_no_file_is_expected() {
        let check = |on, day: &str, expected: Option<&str>| {
            let calendar = BankCalendar::default();
            let deadline = Expected { minutes: 570, on }.deadline(Day::parse(day).unwrap(), &calendar);
            assert_eq!(deadline.map(|time| time.to_string()).as_deref(), expected, "{day}");
        };
        check(ExpectedOn::EveryDay, "2026-03-01", Some("2026-03-01T09:30:00-05:00"));
        check(ExpectedOn::Weekdays, "2026-03-01", None);
        check(ExpectedOn::Weekdays, "2026-02-28", None);
        check(ExpectedOn::Weekdays, "2026-03-02", Some("2026-03-02T09:30:00-05:00"));
        // The second of April 2026 is Maundy Thursday.
        check(ExpectedOn::Weekdays, "2026-04-02", Some("2026-04-02T09:30:00-05:00"));
        check(ExpectedOn::BusinessDays, "2026-04-02", None);
        check(ExpectedOn::BusinessDays, "2026-04-01", Some("2026-04-01T09:30:00-05:00"));
    }

    #[test]
    fn a_wrong_rule_names_its_key() {
        let check = |leg: &str, keys: &str, expected: &str| {
            let text = format!("[accounts.a.files.{leg}]\n{keys}\n");
            let message = Policy::parse(&text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check("order", "", "unknown field `order`");
        check("notices", "", "unknown field `notices`");
        check("orders", "maping = \"a\"", "line 2 of the policy, \"maping\"");
        check("orders", "mapping = \"../a\"", "accounts.a.files.orders.mapping is no name of a mapping");
        check("orders", "mapping = \"a.toml\"", "without .toml");
        check("orders", "format = \"mt940\"", "files.orders.format has no effect");
        check("bank", "format = \"mt941\"", "is \"mt941\": write \"mt940\" or \"camt053\", or leave it out");
        check("settlements", "format = \"camt053\"", "write \"settlement_report\"");
        check(
            "bank",
            "format = \"mt940\"\nmapping = \"a\"",
            "files.bank.mapping has no effect beside format",
        );
        check("bank", "expected_on = \"weekdays\"", "expected_on has no effect without expected_by");
        check("bank", "expected_by = \"09:00\"\nexpected_on = \"sundays\"", "sundays");
        for time in ["9:00", "24:00", "23:01", "09:60", "09:00:00", "", "9"] {
            check("bank", &format!("expected_by = {time:?}"), "expected_by is");
        }
    }
}
