//! `[tolerance]` and `[accounts.A.tolerance]` of the policy: how far amounts may lie apart and still agree.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::money::{self, AmountError, Currency, Money};

/// Why a tolerance cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ToleranceError {
    /// Not an amount.
    #[error("policy key {table}.{key}: {value:?} {reason}; write an amount such as \"0.05\"")]
    Amount {
        /// `tolerance`, or that of an account.
        table: String,
        /// The key below it.
        key: String,
        /// The text found.
        value: String,
        /// Why it is not an amount.
        reason: AmountError,
    },
    /// Not a share of an amount.
    #[error(
        "policy key {table}.{key}: {value:?} {reason}; write percent, with at most four decimals and at most 100, such as \"0.5\""
    )]
    Percent {
        /// `tolerance`, or that of an account.
        table: String,
        /// The key below it.
        key: String,
        /// The text found.
        value: String,
        /// Why it is none.
        reason: AmountError,
    },
    /// A currency that PagoEfectivo does not collect in.
    #[error("policy key {table}.{key}: the currency is neither PEN nor USD; write one of them")]
    Currency {
        /// `tolerance`, or that of an account.
        table: String,
        /// The key below it.
        key: String,
    },
}

/// The largest difference, over or under, that still agrees: an amount or a share of the order's, whichever is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tolerance {
    absolute_minor: i64,
    /// Ten-thousandths of a percent.
    share_millionths: i64,
}

impl Tolerance {
    const DEFAULT: Tolerance = Tolerance { absolute_minor: 5, share_millionths: 0 };

    fn of(self, order_minor: i64) -> i64 {
        if self.share_millionths == 0 {
            return self.absolute_minor;
        }
        let product = i128::from(order_minor).saturating_mul(i128::from(self.share_millionths));
        // Rounded down: a share never allows more than it says. It is no more than the order's amount, and so it fits.
        let share = i64::try_from(product.div_euclid(1_000_000)).unwrap_or(self.absolute_minor);
        share.max(self.absolute_minor)
    }
}

/// The tolerances of an account, by currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerances {
    pen: Tolerance,
    usd: Tolerance,
}

impl Default for Tolerances {
    fn default() -> Self {
        Tolerances { pen: Tolerance::DEFAULT, usd: Tolerance::DEFAULT }
    }
}

impl Tolerances {
    /// The largest difference from an order over this money, over or under, that still agrees, in its minor units.
    #[must_use]
    pub fn allowed_minor(&self, order: Money) -> i64 {
        match order.currency {
            Currency::Pen => self.pen.of(order.minor),
            Currency::Usd => self.usd.of(order.minor),
        }
    }

    fn set(&mut self, currency: Currency, change: impl Fn(&mut Tolerance)) {
        match currency {
            Currency::Pen => change(&mut self.pen),
            Currency::Usd => change(&mut self.usd),
        }
    }
}

/// The table as TOML has it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ToleranceTable {
    absolute: Option<String>,
    percent: Option<String>,
    by_currency: BTreeMap<String, String>,
    percent_by_currency: BTreeMap<String, String>,
}

/// Reads a table; what it leaves out is as in `otherwise`. What it says of all currencies holds but for those that it
/// names.
pub(super) fn read(
    table: &str,
    found: &ToleranceTable,
    otherwise: Tolerances,
) -> Result<Tolerances, ToleranceError> {
    let mut tolerances = otherwise;
    if let Some(value) = &found.absolute {
        let minor = amount(table, "absolute", value)?;
        Currency::ALL.into_iter().for_each(|currency| {
            tolerances.set(currency, |tolerance| tolerance.absolute_minor = minor);
        });
    }
    if let Some(value) = &found.percent {
        let share = percent(table, "percent", value)?;
        Currency::ALL.into_iter().for_each(|currency| {
            tolerances.set(currency, |tolerance| tolerance.share_millionths = share);
        });
    }
    for (code, value) in &found.by_currency {
        let key = format!("by_currency.{code}");
        let (currency, minor) = (currency(table, &key, code)?, amount(table, &key, value)?);
        tolerances.set(currency, |tolerance| tolerance.absolute_minor = minor);
    }
    for (code, value) in &found.percent_by_currency {
        let key = format!("percent_by_currency.{code}");
        let (currency, share) = (currency(table, &key, code)?, percent(table, &key, value)?);
        tolerances.set(currency, |tolerance| tolerance.share_millionths = share);
    }
    Ok(tolerances)
}

fn currency(table: &str, key: &str, code: &str) -> Result<Currency, ToleranceError> {
    Currency::from_code(code)
        .ok_or_else(|| ToleranceError::Currency { table: table.to_owned(), key: key.to_owned() })
}

fn amount(table: &str, key: &str, value: &str) -> Result<i64, ToleranceError> {
    money::parse_minor(value).map_err(|reason| ToleranceError::Amount {
        table: table.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
        reason,
    })
}

fn percent(table: &str, key: &str, value: &str) -> Result<i64, ToleranceError> {
    money::parse_percent(value).map_err(|reason| ToleranceError::Percent {
        table: table.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    fn allowed(policy: &str, account: &str, minor: i64, currency: Currency) -> i64 {
        Policy::parse(policy).unwrap().tolerances(account).allowed_minor(Money { minor, currency })
    }

    #[test]
    fn the_larger_of_amount_and_share_is_allowed() {
        let check = |table: &str, order_minor: i64, expected: i64| {
            let policy = format!("[tolerance]\n{table}\n");
            assert_eq!(
                allowed(&policy, "a", order_minor, Currency::Pen),
                expected,
                "{table} of {order_minor}"
            );
        };
        check("", 1_000_000, 5);
        check("absolute = \"0.10\"", 1_000_000, 10);
        check("percent = \"1\"", 500, 5);
        check("percent = \"1\"", 599, 5);
        check("percent = \"1\"", 600, 6);
        check("percent = \"1\"", 699, 6);
        check("absolute = \"0\"\npercent = \"0.0001\"", 999_999, 0);
        check("absolute = \"0\"\npercent = \"0.0001\"", 1_000_000, 1);
        check("percent = \"100\"", 999_999_999_999_999_999, 999_999_999_999_999_999);
        check("absolute = \"20\"\npercent = \"0.5\"", 10_000, 2_000);
    }

    #[test]
    fn a_currency_and_an_account_may_have_their_own() {
        let policy = "[tolerance]\nabsolute = \"0.10\"\npercent = \"1\"\nby_currency = { USD = \"0.02\" }\n\
                      percent_by_currency = { PEN = \"2\" }\n\
                      [accounts.a.tolerance]\npercent = \"0\"\n\
                      [accounts.b.tolerance]\nabsolute = \"0.30\"\nby_currency = { PEN = \"0.40\" }\n";
        let check = |account: &str, minor: i64, currency: Currency, expected: i64| {
            assert_eq!(allowed(policy, account, minor, currency), expected, "{account} {minor} {currency}");
        };
        check("c", 100, Currency::Pen, 10);
        check("c", 10_000, Currency::Pen, 200);
        check("c", 100, Currency::Usd, 2);
        check("c", 10_000, Currency::Usd, 100);
        check("a", 10_000, Currency::Pen, 10);
        check("a", 10_000, Currency::Usd, 2);
        check("b", 100, Currency::Pen, 40);
        check("b", 100, Currency::Usd, 30);
    }

    #[test]
    fn what_is_no_tolerance_is_told_with_its_key_and_remedy() {
        let check = |policy: &str, parts: &[&str]| {
            let message = Policy::parse(policy).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        };
        check("[tolerance]\nabsolute = \"0.055\"", &["policy key tolerance.absolute: ", "such as \"0.05\""]);
        check("[tolerance]\npercent = \"0.00001\"", &["tolerance.percent", "more than 4 decimals"]);
        check("[tolerance]\npercent = \"100.01\"", &["tolerance.percent", "is larger than 100"]);
        check("[tolerance]\npercent = \"1%\"", &["tolerance.percent", "write percent"]);
        check(
            "[tolerance]\nby_currency = { EUR = \"1\" }",
            &["tolerance.by_currency.EUR", "neither PEN nor USD"],
        );
        check(
            "[accounts.a.tolerance]\npercent_by_currency = { PEN = \"-1\" }",
            &["policy key accounts.a.tolerance.percent_by_currency.PEN: \"-1\""],
        );
    }
}
