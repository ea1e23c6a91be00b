//! `[holidays]` of the policy: on which days banks are closed besides the law's holidays, and on which of those they are open.

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use crate::calendar::{BankCalendar, Day, is_holiday};

/// Why the holidays cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("policy key holidays.{key}: {value:?} {reason}")]
pub struct HolidayError {
    /// The key below `holidays`.
    pub key: &'static str,
    /// The text found.
    pub value: String,
    /// What is wrong and what to write; reads on after the text.
    pub reason: &'static str,
}

/// The table as TOML has it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HolidaysTable {
    extra: Vec<String>,
    not: Vec<String>,
}

/// Reads the calendar of the banks.
pub(super) fn read(table: &HolidaysTable) -> Result<BankCalendar, HolidayError> {
    let extra = days("extra", &table.extra)?;
    let not = days("not", &table.not)?;
    for day in &not {
        let reason = if extra.contains(day) {
            "stands in extra as well; remove it from one of them"
        } else if is_holiday(*day) {
            continue;
        } else {
            "is no holiday by law; leave it out"
        };
        return Err(HolidayError { key: "not", value: day.to_string(), reason });
    }
    Ok(BankCalendar::new(extra, not))
}

fn days(key: &'static str, texts: &[String]) -> Result<BTreeSet<Day>, HolidayError> {
    let day = |text: &String| {
        Day::parse(text).ok_or_else(|| HolidayError {
            key,
            value: text.chars().take(40).collect(),
            reason: "is no day; write one such as \"2026-07-27\"",
        })
    };
    texts.iter().map(day).collect()
}

#[cfg(test)]
mod tests {
    use crate::calendar::Day;
    use crate::config::Policy;

    #[test]
    fn the_policy_closes_and_opens_banks() {
        let policy = Policy::parse("[holidays]\nextra = [\"2026-07-27\"]\nnot = [\"2026-07-23\"]\n").unwrap();
        let check = |policy: &Policy, text: &str, expected: bool| {
            assert_eq!(policy.calendar().is_business_day(Day::parse(text).unwrap()), expected, "{text}");
        };
        check(&policy, "2026-07-27", false);
        check(&policy, "2026-07-23", true);
        check(&policy, "2026-07-28", false);
        check(&Policy::default(), "2026-07-27", true);
        check(&Policy::default(), "2026-07-23", false);
    }

    #[test]
    fn a_wrong_day_is_told_with_its_key_and_remedy() {
        let check = |policy: &str, part: &str| {
            let message = Policy::parse(&format!("[holidays]\n{policy}")).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        check("extra = [\"27/07/2026\"]", "holidays.extra: \"27/07/2026\" is no day; write one such as");
        check("extra = [\"2026-02-30\"]", "holidays.extra");
        check("not = [\"2026-07-27\"]", "holidays.not: \"2026-07-27\" is no holiday by law");
        check("extra = [\"2026-07-28\"]\nnot = [\"2026-07-28\"]", "stands in extra as well");
    }
}
