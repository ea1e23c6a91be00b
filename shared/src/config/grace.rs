//! `[grace]` and `[accounts.A.grace]` of the policy: how long each leg may be silent after an event.

use serde::Deserialize;
use thiserror::Error;

use crate::calendar::{BUSINESS_DAYS_MAX, Grace};

/// Why a grace cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraceError {
    /// Neither hours nor business days.
    #[error(
        "policy key {table}.{key}: {value:?} is no time of waiting; write hours such as \"24h\", or business days of the banks, {BUSINESS_DAYS_MAX} at most, such as \"2bd\""
    )]
    Unreadable {
        /// `grace`, or that of an account.
        table: String,
        /// The leg.
        key: &'static str,
        /// The text found.
        value: String,
    },
    /// Two keys for one leg.
    #[error("policy key {table}.{key}_hours: {key} says how long that is already; remove one of them")]
    Twice {
        /// `grace`, or that of an account.
        table: String,
        /// The leg.
        key: &'static str,
    },
}

/// How long each side may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graces {
    /// The shop's orders, after a payment.
    pub orders: Grace,
    /// The provider's reports, after a payment or an order.
    pub reports: Grace,
    /// The signed callbacks, after a payment.
    pub notices: Grace,
    /// The settlements, after a payment.
    pub settlement: Grace,
    /// The bank's line, after a settlement was paid out.
    pub deposit: Grace,
    /// The settlement, after a line of the bank.
    pub unknown_deposit: Grace,
    /// The money that goes back, after somebody decided so.
    pub refund: Grace,
}

impl Default for Graces {
    fn default() -> Self {
        Graces {
            orders: Grace::Hours(24),
            reports: Grace::Hours(24),
            notices: Grace::Hours(24),
            settlement: Grace::BusinessDays(3),
            deposit: Grace::BusinessDays(2),
            unknown_deposit: Grace::BusinessDays(1),
            refund: Grace::BusinessDays(10),
        }
    }
}

/// The table as TOML has it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GraceTable {
    orders: Option<String>,
    reports: Option<String>,
    notices: Option<String>,
    settlement: Option<String>,
    deposit: Option<String>,
    unknown_deposit: Option<String>,
    refund: Option<String>,
    orders_hours: Option<u32>,
    reports_hours: Option<u32>,
    notices_hours: Option<u32>,
}

/// Reads a table; what it leaves out is as in `otherwise`.
pub(super) fn read(table: &str, found: &GraceTable, otherwise: Graces) -> Result<Graces, GraceError> {
    let text = |key: &'static str, value: Option<&String>, otherwise: Grace| match value {
        None => Ok(otherwise),
        Some(value) => Grace::parse(value).ok_or_else(|| GraceError::Unreadable {
            table: table.to_owned(),
            key,
            value: value.chars().take(40).collect(),
        }),
    };
    let either = |key: &'static str, value: Option<&String>, hours: Option<u32>, otherwise: Grace| match (
        value, hours,
    ) {
        (Some(_), Some(_)) => Err(GraceError::Twice { table: table.to_owned(), key }),
        (value, hours) => text(key, value, hours.map_or(otherwise, Grace::Hours)),
    };
    Ok(Graces {
        orders: either("orders", found.orders.as_ref(), found.orders_hours, otherwise.orders)?,
        reports: either("reports", found.reports.as_ref(), found.reports_hours, otherwise.reports)?,
        notices: either("notices", found.notices.as_ref(), found.notices_hours, otherwise.notices)?,
        settlement: text("settlement", found.settlement.as_ref(), otherwise.settlement)?,
        deposit: text("deposit", found.deposit.as_ref(), otherwise.deposit)?,
        unknown_deposit: text("unknown_deposit", found.unknown_deposit.as_ref(), otherwise.unknown_deposit)?,
        refund: text("refund", found.refund.as_ref(), otherwise.refund)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    fn graces(policy: &str, account: &str) -> String {
        let graces = Policy::parse(policy).unwrap().grace(account);
        let Graces { orders, reports, notices, settlement, deposit, unknown_deposit, refund } = graces;
        format!("{orders} {reports} {notices} {settlement} {deposit} {unknown_deposit} {refund}")
    }

    #[test]
    fn each_leg_has_a_grace_of_its_own() {
        let check = |policy: &str, expected: &str| assert_eq!(graces(policy, "a"), expected, "{policy}");
        check("", "24h 24h 24h 3bd 2bd 1bd 10bd");
        check("[grace]\norders_hours = 1\nreports_hours = 2\nnotices_hours = 3", "1h 2h 3h 3bd 2bd 1bd 10bd");
        check("[grace]\norders = \"36h\"\nreports = \"1bd\"", "36h 1bd 24h 3bd 2bd 1bd 10bd");
        check(
            "[grace]\nsettlement = \"4bd\"\ndeposit = \"5bd\"\nunknown_deposit = \"6bd\"\nrefund = \"48h\"\nnotices = \"7bd\"",
            "24h 24h 7bd 4bd 5bd 6bd 48h",
        );
    }

    #[test]
    fn an_account_overrides_what_it_names_and_keeps_the_rest() {
        let policy = "[grace]\norders = \"2h\"\nreports = \"3h\"\n[accounts.a.grace]\nreports = \"1bd\"\n[accounts.b]\n";
        assert_eq!(graces(policy, "a"), "2h 1bd 24h 3bd 2bd 1bd 10bd");
        assert_eq!(graces(policy, "b"), "2h 3h 24h 3bd 2bd 1bd 10bd");
        assert_eq!(graces(policy, "c"), "2h 3h 24h 3bd 2bd 1bd 10bd");
    }

    #[test]
    fn what_is_no_grace_is_told_with_its_key_and_remedy() {
        let check = |policy: &str, parts: &[&str]| {
            let message = Policy::parse(policy).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        };
        check("[grace]\ndeposit = \"2 days\"", &["policy key grace.deposit: \"2 days\"", "\"2bd\""]);
        check("[grace]\nrefund = \"300bd\"", &["grace.refund", "250 at most"]);
        check("[grace]\norders = \"1h\"\norders_hours = 1", &["policy key grace.orders_hours", "remove one"]);
        check("[accounts.a.grace]\nreports = \"\"", &["policy key accounts.a.grace.reports: \"\""]);
        check("[grace]\norders = 24", &["\"orders\"", "expected a string"]);
    }
}
