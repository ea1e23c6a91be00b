//! Lines of what stands beside the pairs: settlements, deposits, invoices, refunds, and payments that lack one.

use super::advice;
use super::class::{Class, Reason};
use super::line::{LegRows, Line};
use super::payment::Payment;
use super::subject::{key_text, operation_key_of};
use crate::calendar::{Day, Instant};
use crate::ids::{BreakId, Cip};
use crate::lifecycle::cip::ProviderState;
use crate::lifecycle::operations::Standing;
use crate::money::{Currency, Money};

/// Relations of the break identity.
pub(super) const REPORT_SETTLEMENT: &str = "report-settlement";
pub(super) const SETTLEMENT_DEPOSIT: &str = "settlement-deposit";
pub(super) const PAYMENT: &str = "payment";

/// What every such line has.
pub(super) struct Beside<'s> {
    pub account: &'s str,
    pub relation: &'static str,
    /// The parts of the break's subject.
    pub subject: &'s [&'s str],
    pub class: Class,
    pub reason: Option<Reason>,
    /// What the class counts for it.
    pub value: Money,
    pub day: Option<Day>,
}

impl Beside<'_> {
    /// The line; whoever has more to say fills in the rest.
    pub fn line(&self) -> Line {
        Line {
            break_id: BreakId::new(self.account, self.relation, self.subject),
            class: self.class,
            reason: self.reason,
            severity: advice::severity(self.class, self.reason, None, ProviderState::Absent),
            account: self.account.to_owned(),
            store: String::new(),
            cip: String::new(),
            reference_id: String::new(),
            operation_number: String::new(),
            currency: self.value.currency,
            order_minor: None,
            report_minor: None,
            report_currency: self.value.currency,
            difference_minor: None,
            exchange: None,
            order_status: "".into(),
            report_status: "".into(),
            differences: String::new(),
            business_day: self.day,
            opened_at: None,
            value_minor: self.value.minor,
            value_currency: self.value.currency,
            sort_cip: None,
            rows: LegRows::default(),
        }
    }
}

/// The line of a payment, named as in the line of a further payment; `kind` tells several lines of one payment apart.
pub(super) fn payment_line(
    payment: &Payment<'_>,
    relation: &'static str,
    kind: &str,
    class: Class,
    minor: i64,
) -> Line {
    let key = key_text(payment.key);
    let operation = operation_key_of(payment.number, payment.paid_at, payment.told_as.word());
    let value = Money { minor, currency: payment.money.currency };
    let day = payment.paid_at.map(Instant::business_day);
    let subject = [kind, &key, &operation];
    let mut line =
        Beside { account: payment.account, relation, subject: &subject, class, reason: None, value, day }
            .line();
    line.store = payment.store.unwrap_or_default().to_owned();
    line.cip = payment.key.cip().map(|cip| cip.to_string()).unwrap_or_default();
    line.reference_id = payment.reference.unwrap_or_default().to_owned();
    line.operation_number = payment.number.unwrap_or_default().to_owned();
    line.report_minor = Some(payment.money.minor);
    let state = match payment.standing {
        Standing::Live => "paid",
        Standing::Refunded => "refunded",
        Standing::Reversed => "reversed",
    };
    line.report_status = state.into();
    line.sort_cip = payment.key.cip().map(Cip::number);
    line.rows.reports.push(payment.report);
    line.rows.orders.extend(payment.order);
    line
}

/// A line of a settlement in one currency shows the settlement's id where others show the reference.
pub(super) fn settlement_line(
    account: &str,
    (id, currency): (&str, Currency),
    relation: &'static str,
    (class, reason): (Class, Option<Reason>),
    minor: i64,
    day: Option<Day>,
) -> Line {
    let subject = ["settlement", id, currency.code()];
    let value = Money { minor, currency };
    let mut line = Beside { account, relation, subject: &subject, class, reason, value, day }.line();
    line.reference_id = id.to_owned();
    line
}

/// Millionths as whole minor units, half a unit away from zero.
pub(super) fn rounded_minor(micros: i128) -> i64 {
    let half = if micros < 0 { -5_000 } else { 5_000 };
    let minor = micros.saturating_add(half).checked_div(10_000).unwrap_or(0);
    i64::try_from(minor).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}

/// The size of an amount in whole minor units, never zero for what is not: nothing that differs counts for nothing.
pub(super) fn value_minor(micros: i128) -> i64 {
    let minor = micros.saturating_abs().saturating_add(9_999).div_euclid(10_000);
    i64::try_from(minor).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_are_rounded_away_from_zero() {
        let check = |micros: i128, rounded: i64, value: i64| {
            assert_eq!((rounded_minor(micros), value_minor(micros)), (rounded, value), "{micros}");
        };
        check(0, 0, 0);
        check(4_999, 0, 1);
        check(5_000, 1, 1);
        check(10_000, 1, 1);
        check(14_999, 1, 2);
        check(-5_000, -1, 1);
        check(-14_999, -1, 2);
        check(i128::MAX, i64::MAX, i64::MAX);
    }
}
