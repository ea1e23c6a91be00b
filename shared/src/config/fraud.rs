//! `[fraud.RULE]` of the policy: which rules look for fraud, and from where on they speak.
//!
//! Every threshold is an assumption of ours; neither the provider nor a supervisor publishes one.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

/// A threshold that a rule cannot have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("policy key {key}: {found} is out of bounds; write a whole number from {least} to {most}")]
pub struct FraudError {
    /// The whole key.
    pub key: String,
    /// The number found.
    pub found: u32,
    /// The smallest that the key takes.
    pub least: u32,
    /// The largest that the key takes.
    pub most: u32,
}

/// One operation number on several CIPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedNumber {
    /// Whether the rule runs.
    pub enabled: bool,
    /// From how many CIPs on.
    pub cips_min: u32,
    /// Within how many hours of each other.
    pub window_hours: u32,
}

/// One payer, or one network address, behind many CIPs that nobody paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpaidCodes {
    /// Whether the rule runs.
    pub enabled: bool,
    /// From how many unpaid CIPs on.
    pub cips_min: u32,
    /// Orders placed within how many hours of each other.
    pub window_hours: u32,
    /// How many of a hundred CIPs of that time have to be unpaid at least; those that still wait count for nothing.
    pub unpaid_percent: u32,
}

/// Many payments of one amount within minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Whether the rule runs.
    pub enabled: bool,
    /// From how many paid CIPs on.
    pub cips_min: u32,
    /// Within how many minutes.
    pub window_minutes: u32,
    /// How many times as often as this amount is paid outside of the burst.
    pub times_usual: u32,
}

/// Goods that left before their payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fulfilled {
    /// Whether the rule runs.
    pub enabled: bool,
    /// By more than how many minutes; the clocks of shop and provider differ.
    pub minutes_over: u32,
}

/// Refunds that went to somebody else than the payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherPayee {
    /// Whether the rule runs.
    pub enabled: bool,
    /// From how many such orders of one payee on.
    pub orders_min: u32,
}

/// Callbacks whose signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignatures {
    /// Whether the rule runs.
    pub enabled: bool,
    /// From how many refused callbacks on.
    pub refused_min: u32,
    /// Within how many hours.
    pub window_hours: u32,
}

/// The rules of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FraudRules {
    /// One operation number on several CIPs.
    pub shared_operation_number: SharedNumber,
    /// One payer behind many unpaid CIPs.
    pub shared_payer: UnpaidCodes,
    /// One network address behind many unpaid CIPs.
    pub shared_ip: UnpaidCodes,
    /// Many payments of one amount within minutes.
    pub equal_amount_burst: Burst,
    /// Goods that left before their payment.
    pub fulfilled_before_paid: Fulfilled,
    /// Refunds to somebody else than the payer.
    pub refund_to_other_payee: OtherPayee,
    /// Callbacks whose signature was refused.
    pub bad_signatures: BadSignatures,
}

impl Default for FraudRules {
    fn default() -> Self {
        FraudRules {
            shared_operation_number: SharedNumber { enabled: true, cips_min: 2, window_hours: 72 },
            shared_payer: UnpaidCodes { enabled: true, cips_min: 10, window_hours: 24, unpaid_percent: 80 },
            // Whole districts share an address of their mobile network.
            shared_ip: UnpaidCodes { enabled: true, cips_min: 30, window_hours: 24, unpaid_percent: 90 },
            equal_amount_burst: Burst { enabled: true, cips_min: 20, window_minutes: 10, times_usual: 10 },
            fulfilled_before_paid: Fulfilled { enabled: true, minutes_over: 5 },
            refund_to_other_payee: OtherPayee { enabled: true, orders_min: 1 },
            bad_signatures: BadSignatures { enabled: true, refused_min: 100, window_hours: 24 },
        }
    }
}

/// The rules of every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fraud {
    all: FraudRules,
    by_account: BTreeMap<String, FraudRules>,
}

impl Fraud {
    /// The rules that look at an account.
    #[must_use]
    pub fn of(&self, account: &str) -> &FraudRules {
        if self.by_account.is_empty() {
            return &self.all;
        }
        self.by_account.get(account).unwrap_or(&self.all)
    }

    /// The rules under each of their tables: that for all accounts, and each account's own.
    pub fn tables(&self) -> impl Iterator<Item = &FraudRules> {
        std::iter::once(&self.all).chain(self.by_account.values())
    }
}

/// Hours that a window may have at most, a year: what lies further apart has nothing to do with each other.
const HOURS_MAX: u32 = 366 * 24;

/// The table `fraud` as TOML has it, below the root or below an account.
#[derive(Clone, Copy, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FraudTable {
    enabled: Option<bool>,
    shared_operation_number: SharedNumberTable,
    shared_payer: UnpaidCodesTable,
    shared_ip: UnpaidCodesTable,
    equal_amount_burst: BurstTable,
    fulfilled_before_paid: FulfilledTable,
    refund_to_other_payee: OtherPayeeTable,
    bad_signatures: BadSignaturesTable,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SharedNumberTable {
    enabled: Option<bool>,
    cips_min: Option<u32>,
    window_hours: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct UnpaidCodesTable {
    enabled: Option<bool>,
    cips_min: Option<u32>,
    window_hours: Option<u32>,
    unpaid_percent: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct BurstTable {
    enabled: Option<bool>,
    cips_min: Option<u32>,
    window_minutes: Option<u32>,
    times_usual: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct FulfilledTable {
    enabled: Option<bool>,
    minutes_over: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct OtherPayeeTable {
    enabled: Option<bool>,
    orders_min: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct BadSignaturesTable {
    enabled: Option<bool>,
    refused_min: Option<u32>,
    window_hours: Option<u32>,
}

/// Checks the table for all accounts and those of single ones, which keep what they do not say.
pub(super) fn read(table: FraudTable, accounts: BTreeMap<String, FraudTable>) -> Result<Fraud, FraudError> {
    let all = Reader { prefix: "fraud" }.rules(&FraudRules::default(), table)?;
    let mut by_account = BTreeMap::new();
    for (account, table) in accounts {
        let prefix = format!("accounts.{account}.fraud");
        let rules = Reader { prefix: &prefix }.rules(&all, table)?;
        if rules != all {
            by_account.insert(account, rules);
        }
    }
    Ok(Fraud { all, by_account })
}

/// Lays what a table says over what holds without it.
struct Reader<'p> {
    prefix: &'p str,
}

impl Reader<'_> {
    fn rules(&self, base: &FraudRules, table: FraudTable) -> Result<FraudRules, FraudError> {
        let on = |rule: Option<bool>, before: bool| rule.or(table.enabled).unwrap_or(before);
        let (number, burst) = (table.shared_operation_number, table.equal_amount_burst);
        let (fulfilled, payee) = (table.fulfilled_before_paid, table.refund_to_other_payee);
        let signatures = table.bad_signatures;
        Ok(FraudRules {
            shared_operation_number: SharedNumber {
                enabled: on(number.enabled, base.shared_operation_number.enabled),
                cips_min: self.least_two(
                    "shared_operation_number.cips_min",
                    number.cips_min,
                    base.shared_operation_number.cips_min,
                )?,
                window_hours: self.hours(
                    "shared_operation_number.window_hours",
                    number.window_hours,
                    base.shared_operation_number.window_hours,
                )?,
            },
            shared_payer: UnpaidCodes {
                enabled: on(table.shared_payer.enabled, base.shared_payer.enabled),
                ..self.unpaid_codes("shared_payer", table.shared_payer, base.shared_payer)?
            },
            shared_ip: UnpaidCodes {
                enabled: on(table.shared_ip.enabled, base.shared_ip.enabled),
                ..self.unpaid_codes("shared_ip", table.shared_ip, base.shared_ip)?
            },
            equal_amount_burst: Burst {
                enabled: on(burst.enabled, base.equal_amount_burst.enabled),
                ..self.burst(burst, base.equal_amount_burst)?
            },
            fulfilled_before_paid: Fulfilled {
                enabled: on(fulfilled.enabled, base.fulfilled_before_paid.enabled),
                minutes_over: self.number(
                    "fulfilled_before_paid.minutes_over",
                    fulfilled.minutes_over,
                    base.fulfilled_before_paid.minutes_over,
                    (0, HOURS_MAX),
                )?,
            },
            refund_to_other_payee: OtherPayee {
                enabled: on(payee.enabled, base.refund_to_other_payee.enabled),
                orders_min: self.number(
                    "refund_to_other_payee.orders_min",
                    payee.orders_min,
                    base.refund_to_other_payee.orders_min,
                    (1, u32::MAX),
                )?,
            },
            bad_signatures: BadSignatures {
                enabled: on(signatures.enabled, base.bad_signatures.enabled),
                refused_min: self.number(
                    "bad_signatures.refused_min",
                    signatures.refused_min,
                    base.bad_signatures.refused_min,
                    (1, u32::MAX),
                )?,
                window_hours: self.hours(
                    "bad_signatures.window_hours",
                    signatures.window_hours,
                    base.bad_signatures.window_hours,
                )?,
            },
        })
    }

    fn unpaid_codes(
        &self,
        rule: &str,
        table: UnpaidCodesTable,
        base: UnpaidCodes,
    ) -> Result<UnpaidCodes, FraudError> {
        let key = |name: &str| format!("{rule}.{name}");
        Ok(UnpaidCodes {
            enabled: base.enabled,
            cips_min: self.least_two(&key("cips_min"), table.cips_min, base.cips_min)?,
            window_hours: self.hours(&key("window_hours"), table.window_hours, base.window_hours)?,
            unpaid_percent: self.number(
                &key("unpaid_percent"),
                table.unpaid_percent,
                base.unpaid_percent,
                (1, 100),
            )?,
        })
    }

    fn burst(&self, table: BurstTable, base: Burst) -> Result<Burst, FraudError> {
        let minutes_max = HOURS_MAX.saturating_mul(60);
        Ok(Burst {
            enabled: base.enabled,
            cips_min: self.least_two("equal_amount_burst.cips_min", table.cips_min, base.cips_min)?,
            window_minutes: self.number(
                "equal_amount_burst.window_minutes",
                table.window_minutes,
                base.window_minutes,
                (1, minutes_max),
            )?,
            times_usual: self.number(
                "equal_amount_burst.times_usual",
                table.times_usual,
                base.times_usual,
                (1, 1_000_000),
            )?,
        })
    }

    fn least_two(&self, key: &str, found: Option<u32>, base: u32) -> Result<u32, FraudError> {
        self.number(key, found, base, (2, u32::MAX))
    }

    fn hours(&self, key: &str, found: Option<u32>, base: u32) -> Result<u32, FraudError> {
        self.number(key, found, base, (1, HOURS_MAX))
    }

    fn number(
        &self,
        key: &str,
        found: Option<u32>,
        base: u32,
        (least, most): (u32, u32),
    ) -> Result<u32, FraudError> {
        match found {
            Some(found) if found < least || found > most => {
                Err(FraudError { key: format!("{}.{key}", self.prefix), found, least, most })
            }
            found => Ok(found.unwrap_or(base)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    fn rules(text: &str, account: &str) -> FraudRules {
        *Policy::parse(text).unwrap().fraud.of(account)
    }

    #[test]
    fn what_a_table_does_not_say_keeps_its_default() {
        let found = rules("[fraud.shared_payer]\ncips_min = 4\n", "tienda");
        let usual = FraudRules::default();
        let expected =
            FraudRules { shared_payer: UnpaidCodes { cips_min: 4, ..usual.shared_payer }, ..usual };
        assert_eq!(found, expected);
    }

    #[test]
    fn an_account_overrides_what_holds_for_all() {
        let text = "[fraud.shared_ip]\nenabled = false\nwindow_hours = 6\n\
                    [accounts.tienda.fraud.shared_ip]\nenabled = true\n";
        assert!(!rules(text, "otra").shared_ip.enabled);
        assert!(rules(text, "tienda").shared_ip.enabled);
        assert_eq!(rules(text, "tienda").shared_ip.window_hours, 6);
    }

    #[test]
    fn all_rules_are_switched_off_at_once_and_single_ones_on() {
        let found = rules("[fraud]\nenabled = false\n[fraud.bad_signatures]\nenabled = true\n", "tienda");
        assert!(!found.shared_payer.enabled && !found.equal_amount_burst.enabled);
        assert!(!found.shared_operation_number.enabled && !found.refund_to_other_payee.enabled);
        assert!(found.bad_signatures.enabled);
    }

    #[test]
    fn a_threshold_out_of_bounds_names_its_key() {
        let check = |text: &str, part: &str| {
            let message = Policy::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        check(
            "[fraud.shared_payer]\ncips_min = 1",
            "policy key fraud.shared_payer.cips_min: 1 is out of bounds; write a whole number from 2",
        );
        check("[fraud.shared_ip]\nunpaid_percent = 101", "fraud.shared_ip.unpaid_percent: 101");
        check("[fraud.equal_amount_burst]\nwindow_minutes = 0", "from 1 to");
        check(
            "[accounts.a.fraud.bad_signatures]\nwindow_hours = 0",
            "accounts.a.fraud.bad_signatures.window_hours",
        );
        check("[fraud.shared_payer]\ncip_min = 3", "cip_min");
    }
}
