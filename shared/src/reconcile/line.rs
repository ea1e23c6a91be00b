//! One line of a run's outputs: a pair, a further payment, or a notice, with its class.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::advice;
use super::class::{Class, Reason, Severity};
use super::exchange::Exchange;
use crate::calendar::{Day, Instant};
use crate::ids::{BreakId, Cip, compare_operation_numbers};
use crate::lifecycle::settle::RowIndex;
use crate::money::Currency;

/// What a run says of one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The lasting identity of the subject.
    pub break_id: BreakId,
    /// What became of it.
    pub class: Class,
    /// Why, as far as the class alone does not say it; for an open line, what will be said if nothing arrives.
    pub reason: Option<Reason>,
    /// How soon somebody must look.
    pub severity: Severity,
    /// The PagoEfectivo service.
    pub account: String,
    /// The shop inside the account.
    pub store: String,
    /// The CIP that stands, else the order's list, separated by `;`.
    pub cip: String,
    /// The order's reference, else the provider's.
    pub reference_id: String,
    /// The operation number of the payment that stands.
    pub operation_number: String,
    /// The order's currency, else the provider's.
    pub currency: Currency,
    /// What the order expects, in minor units.
    pub order_minor: Option<i64>,
    /// What the provider says, in minor units.
    pub report_minor: Option<i64>,
    /// The currency of what the provider says; it differs from the order's in a `currency_mismatch`.
    pub report_currency: Currency,
    /// Report − order, where both are there in one currency.
    pub difference_minor: Option<i64>,
    /// How the amounts were compared, where they are in two currencies and the policy has a rate.
    pub exchange: Option<Box<Exchange>>,
    /// The order's status, in the words of the format.
    pub order_status: Cow<'static, str>,
    /// The provider's state, in the words of the format.
    pub report_status: Cow<'static, str>,
    /// Every field that both sides have and that differs: `field=order|report`, joined by `; `.
    pub differences: String,
    /// The Lima day of the payment, else of the creation.
    pub business_day: Option<Day>,
    /// When a run first saw this as a break; absent on lines that are none.
    pub opened_at: Option<Instant>,
    /// What the class counts for this line, in minor units of `value_currency`.
    pub value_minor: i64,
    /// The currency of the value.
    pub value_currency: Currency,
    /// The CIP by which the line is sorted; none comes last.
    pub sort_cip: Option<u64>,
    /// The facts behind the line, as rows of each leg.
    pub rows: LegRows,
}

/// The CIP of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CipText<'l> {
    /// The one that stands.
    One(Cip),
    /// The order's list, separated by `;`; empty where there is none.
    Listed(&'l [Cip]),
    /// As it was written.
    Text(&'l str),
}

impl fmt::Display for CipText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CipText::One(cip) => cip.fmt(f),
            CipText::Listed(cips) => {
                for (place, cip) in cips.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ";" })?;
                    cip.fmt(f)?;
                }
                Ok(())
            }
            CipText::Text(text) => f.write_str(text),
        }
    }
}

/// A line while its texts still stand where they were read. Most lines are written once and never kept.
#[derive(Clone, Debug)]
pub(crate) struct Shown<'l> {
    pub break_id: BreakId,
    pub class: Class,
    pub reason: Option<Reason>,
    pub severity: Severity,
    pub account: &'l str,
    pub store: &'l str,
    pub cip: CipText<'l>,
    pub reference_id: &'l str,
    pub operation_number: &'l str,
    pub currency: Currency,
    pub order_minor: Option<i64>,
    pub report_minor: Option<i64>,
    pub report_currency: Currency,
    pub difference_minor: Option<i64>,
    pub order_status: &'l str,
    pub report_status: &'l str,
    pub differences: Cow<'l, str>,
    /// The business day, where it is known as such.
    pub day: Option<Day>,
    /// Else what lies on it: the day costs more than all else of a line that nobody writes with its day.
    pub moment: Option<Instant>,
    pub opened_at: Option<Instant>,
    pub value_minor: i64,
    pub value_currency: Currency,
    pub sort_cip: Option<u64>,
}

impl Shown<'_> {
    /// What to do about it, in one sentence; empty where there is nothing to do.
    pub(crate) fn suggestion(&self) -> &'static str {
        advice::suggestion(self.class, self.reason)
    }

    /// The Lima day of the payment, else of the creation.
    pub(crate) fn business_day(&self) -> Option<Day> {
        self.day.or_else(|| self.moment.map(Instant::business_day))
    }

    /// The line to keep; its facts are not known here.
    pub(crate) fn to_line(&self) -> Line {
        Line {
            break_id: self.break_id.clone(),
            class: self.class,
            reason: self.reason,
            severity: self.severity,
            account: self.account.to_owned(),
            store: self.store.to_owned(),
            cip: self.cip.to_string(),
            reference_id: self.reference_id.to_owned(),
            operation_number: self.operation_number.to_owned(),
            currency: self.currency,
            order_minor: self.order_minor,
            report_minor: self.report_minor,
            report_currency: self.report_currency,
            difference_minor: self.difference_minor,
            exchange: None,
            order_status: self.order_status.to_owned().into(),
            report_status: self.report_status.to_owned().into(),
            differences: self.differences.clone().into_owned(),
            business_day: self.business_day(),
            opened_at: self.opened_at,
            value_minor: self.value_minor,
            value_currency: self.value_currency,
            sort_cip: self.sort_cip,
            rows: LegRows::default(),
        }
    }
}

/// Rows of each leg by index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRows {
    /// Rows of the orders leg.
    pub orders: Vec<RowIndex>,
    /// Rows of the reports leg.
    pub reports: Vec<RowIndex>,
    /// Rows of the notices leg.
    pub notices: Vec<RowIndex>,
    /// Rows of the settlements leg; those in question first.
    pub settlements: Vec<RowIndex>,
    /// Rows of the bank leg.
    pub bank: Vec<RowIndex>,
}

impl Line {
    /// What to do about it, in one sentence; empty where there is nothing to do.
    #[must_use]
    pub fn suggestion(&self) -> &'static str {
        advice::suggestion(self.class, self.reason)
    }

    /// Shows by which rate the amounts were compared.
    pub(super) fn show_exchange(&mut self, exchange: Exchange) {
        if !self.differences.is_empty() {
            self.differences.push_str("; ");
        }
        self.differences.push_str(&exchange.shown());
        self.exchange = Some(Box::new(exchange));
    }

    /// The line as the writers take it.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown {
            break_id: self.break_id.clone(),
            class: self.class,
            reason: self.reason,
            severity: self.severity,
            account: &self.account,
            store: &self.store,
            cip: CipText::Text(&self.cip),
            reference_id: &self.reference_id,
            operation_number: &self.operation_number,
            currency: self.currency,
            order_minor: self.order_minor,
            report_minor: self.report_minor,
            report_currency: self.report_currency,
            difference_minor: self.difference_minor,
            order_status: &self.order_status,
            report_status: &self.report_status,
            differences: Cow::Borrowed(&self.differences),
            day: self.business_day,
            moment: None,
            opened_at: self.opened_at,
            value_minor: self.value_minor,
            value_currency: self.value_currency,
            sort_cip: self.sort_cip,
        }
    }

    /// The order of every output: account, CIP, reference, operation number.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let cip = |line: &Self| (line.sort_cip.is_none(), line.sort_cip);
        self.account
            .cmp(&other.account)
            .then_with(|| cip(self).cmp(&cip(other)))
            .then_with(|| self.cip.cmp(&other.cip))
            .then_with(|| self.reference_id.cmp(&other.reference_id))
            .then_with(|| compare_operation_numbers(self.number(), other.number()))
            .then_with(|| self.class.cmp(&other.class))
            .then_with(|| self.break_id.cmp(&other.break_id))
    }

    fn number(&self) -> Option<&str> {
        Some(self.operation_number.as_str()).filter(|number| !number.is_empty())
    }
}
