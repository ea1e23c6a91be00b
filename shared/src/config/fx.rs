//! `[[fx.rates]]` of the policy: by which rates an order and a payment in two currencies may be compared. None by default.

use serde::Deserialize;
use thiserror::Error;

use crate::calendar::Day;
use crate::money::{AmountError, Currency, Money, Rate};

/// Why a rate cannot be used. `number` counts the rates of the policy from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FxError {
    /// Neither of the two currencies.
    #[error("policy key fx.rates[{number}].{key}: the currency is neither PEN nor USD; write one of them")]
    Currency {
        /// Which rate.
        number: usize,
        /// `from` or `to`.
        key: &'static str,
    },
    /// A rate of a currency to itself.
    #[error("policy key fx.rates[{0}].to: the currency is that of from; write the other one")]
    Same(usize),
    /// Not a rate.
    #[error(
        "policy key fx.rates[{number}].rate: {value:?} {reason}; write what one unit of from is worth in to, such as \"3.75\""
    )]
    Rate {
        /// Which rate.
        number: usize,
        /// The text found.
        value: String,
        /// Why it is none.
        reason: AmountError,
    },
    /// Not a day.
    #[error("policy key fx.rates[{number}].{key}: {value:?} is no day; write one such as \"2026-03-01\"")]
    Day {
        /// Which rate.
        number: usize,
        /// `from_day` or `to_day`.
        key: &'static str,
        /// The text found.
        value: String,
    },
    /// The last day is before the first.
    #[error("policy key fx.rates[{0}].to_day: the day is before from_day; exchange them")]
    Backwards(usize),
    /// Two rates hold on one day.
    #[error(
        "policy key fx.rates[{second}]: it holds on a day of fx.rates[{first}]; end one before the other begins"
    )]
    Overlap {
        /// The earlier in the policy.
        first: usize,
        /// The later.
        second: usize,
    },
}

/// What one unit of a currency is worth in the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FxRate {
    /// The currency that is exchanged.
    pub from: Currency,
    /// The currency in which amounts are compared.
    pub to: Currency,
    /// Units of `to` for one of `from`.
    pub rate: Rate,
}

impl FxRate {
    /// An amount in the currency of comparison: exchanged, rounded half up to its minor unit, or as it is where it is in
    /// that currency already. `None` where it is larger than any amount.
    #[must_use]
    pub fn bring(&self, money: Money) -> Option<Money> {
        if money.currency == self.to {
            return Some(money);
        }
        Some(Money { minor: self.rate.of_minor(money.minor)?, currency: self.to })
    }
}

/// The rates of a policy, each with the days on which it holds, both included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rates(Vec<Dated>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dated {
    rate: FxRate,
    first: Option<Day>,
    last: Option<Day>,
}

impl Dated {
    fn holds_on(&self, day: Day) -> bool {
        self.first.is_none_or(|first| first <= day) && self.last.is_none_or(|last| day <= last)
    }

    fn meets(&self, other: &Dated) -> bool {
        let begins_in =
            |a: &Dated, b: &Dated| a.first.is_none_or(|first| b.last.is_none_or(|last| first <= last));
        begins_in(self, other) && begins_in(other, self)
    }
}

impl Rates {
    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rate of a day, if the policy has one.
    pub fn on(&self, day: Day) -> Option<FxRate> {
        self.0.iter().find(|dated| dated.holds_on(day)).map(|dated| dated.rate)
    }
}

/// The table as TOML has it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FxTable {
    rates: Vec<RateTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    from: String,
    to: String,
    rate: String,
    from_day: Option<String>,
    to_day: Option<String>,
}

/// Reads the rates. PagoEfectivo collects in two currencies, so that any two rates are of the same pair, in whichever
/// direction: on one day only one may hold.
pub(super) fn read(table: &FxTable) -> Result<Rates, FxError> {
    let mut rates: Vec<Dated> = Vec::new();
    for (number, found) in (1..).zip(&table.rates) {
        let dated = dated(number, found)?;
        if let Some((first, _)) = (1..).zip(&rates).find(|(_, earlier)| earlier.meets(&dated)) {
            return Err(FxError::Overlap { first, second: number });
        }
        rates.push(dated);
    }
    Ok(Rates(rates))
}

fn dated(number: usize, found: &RateTable) -> Result<Dated, FxError> {
    let currency =
        |key: &'static str, code: &str| Currency::from_code(code).ok_or(FxError::Currency { number, key });
    let day = |key: &'static str, text: Option<&String>| {
        text.map(|text| Day::parse(text).ok_or_else(|| FxError::Day { number, key, value: shown(text) }))
            .transpose()
    };
    let (from, to) = (currency("from", &found.from)?, currency("to", &found.to)?);
    if from == to {
        return Err(FxError::Same(number));
    }
    let rate = Rate::parse(&found.rate).map_err(|reason| FxError::Rate {
        number,
        value: shown(&found.rate),
        reason,
    })?;
    let (first, last) = (day("from_day", found.from_day.as_ref())?, day("to_day", found.to_day.as_ref())?);
    if matches!((first, last), (Some(first), Some(last)) if last < first) {
        return Err(FxError::Backwards(number));
    }
    Ok(Dated { rate: FxRate { from, to, rate }, first, last })
}

/// As much of a text as an error repeats.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    fn rate(more: &str) -> String {
        format!("[[fx.rates]]\nfrom = \"USD\"\nto = \"PEN\"\nrate = \"3.75\"\n{more}\n")
    }

    #[test]
    fn a_rate_holds_on_its_days_and_none_by_default() {
        let policy = format!(
            "{}{}",
            rate("to_day = \"2026-03-01\""),
            rate("from_day = \"2026-03-03\"").replace("3.75", "3.8")
        );
        let policy = Policy::parse(&policy).unwrap();
        let check = |day: &str, expected: Option<&str>| {
            let found = policy.fx_rate(Day::parse(day).unwrap());
            assert_eq!(
                found.map(|found| found.rate),
                expected.map(|text| Rate::parse(text).unwrap()),
                "{day}"
            );
        };
        check("2020-01-01", Some("3.75"));
        check("2026-03-01", Some("3.75"));
        check("2026-03-02", None);
        check("2026-03-03", Some("3.8"));
        assert_eq!(Policy::default().fx_rate(Day::parse("2026-03-01").unwrap()), None);
    }

    #[test]
    fn an_amount_is_exchanged_half_up_and_one_of_the_other_currency_stays() {
        let check = |rate: &str, minor: i64, expected: Option<i64>| {
            let rate = FxRate { from: Currency::Usd, to: Currency::Pen, rate: Rate::parse(rate).unwrap() };
            let brought = rate.bring(Money { minor, currency: Currency::Usd });
            assert_eq!(brought, expected.map(|minor| Money { minor, currency: Currency::Pen }), "{minor}");
            let soles = Money { minor, currency: Currency::Pen };
            assert_eq!(rate.bring(soles), Some(soles));
        };
        check("3.75", 1000, Some(3750));
        check("0.5", 1, Some(1));
        check("0.5", 3, Some(2));
        check("0.499999999", 1, Some(0));
        check("3.754999999", 100, Some(375));
        check("3.755", 100, Some(376));
        check("9000000000", 999_999_999_999_999_999, None);
    }

    #[test]
    fn a_wrong_rate_is_told_with_its_number_and_remedy() {
        let check = |text: &str, part: &str| {
            let message = Policy::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        check(
            &rate("").replace("USD", "EUR"),
            "policy key fx.rates[1].from: the currency is neither PEN nor USD",
        );
        check(&rate("").replace("USD", "PEN"), "policy key fx.rates[1].to: the currency is that of from");
        check(
            &rate("").replace("3.75", "0"),
            "fx.rates[1].rate: \"0\" must be greater than zero; write what one unit",
        );
        check(&rate("from_day = \"1/3/2026\""), "fx.rates[1].from_day: \"1/3/2026\" is no day");
        check(
            &rate("from_day = \"2026-03-02\"\nto_day = \"2026-03-01\""),
            "fx.rates[1].to_day: the day is before from_day",
        );
        let bounded = |first: &str, last: &str| {
            rate(&format!("from_day = \"2026-03-{first}\"\nto_day = \"2026-03-{last}\""))
        };
        let march = |days: [(&str, &str); 2]| days.map(|(first, last)| bounded(first, last)).concat();
        check(&march([("01", "05"), ("05", "09")]), "fx.rates[2]: it holds on a day of fx.rates[1]");
        check(
            &format!("{}{}", march([("01", "05"), ("06", "09")]), rate("")),
            "fx.rates[3]: it holds on a day of fx.rates[1]",
        );
        assert!(Policy::parse(&march([("06", "09"), ("01", "05")])).is_ok());
        check("[[fx.rates]]\nfrom = \"USD\"\n", "missing field");
    }
}
