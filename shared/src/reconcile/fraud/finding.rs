//! From a set of orders or payments to the line of a finding.

use std::collections::BTreeMap;

use super::super::advice;
use super::super::class::{Class, Reason};
use super::super::line::{LegRows, Line};
use super::super::subject::listed;
use crate::calendar::Instant;
use crate::ids::{BreakId, Cip};
use crate::lifecycle::cip::ProviderState;
use crate::lifecycle::evidence::OrderRow;
use crate::lifecycle::settle::RowIndex;
use crate::money::{Currency, Money, format_minor};

/// The relation of the break identity.
const RULE: &str = "rule";

/// How many CIPs a finding names; the rest is counted.
const NAMED_MAX: usize = 20;

/// Which side's amounts a set adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Order,
    Report,
}

/// What is found of several orders or payments, whose members come in the order of time.
#[derive(Debug)]
pub(super) struct Finding<'f> {
    pub account: &'f str,
    pub rule: Reason,
    /// What the identity is made of beside account and rule; it stays as the set grows.
    pub subject: Vec<String>,
    pub side: Side,
    /// How each member is called, and what it is worth.
    pub members: Vec<(String, Money)>,
    pub first: Instant,
    pub last: Instant,
    /// Further words of evidence, each `name=value`.
    pub details: Vec<String>,
    pub rows: LegRows,
}

impl Finding<'_> {
    /// The line. Its value is the sum in the currency of most members; the sums of all stand in `differences`.
    pub fn line(self) -> Line {
        let mut sums: BTreeMap<Currency, (usize, i64)> = BTreeMap::new();
        for (_, money) in &self.members {
            let (count, sum) = sums.entry(money.currency).or_default();
            *count = count.saturating_add(1);
            *sum = sum.saturating_add(money.minor);
        }
        // Of equally many the first currency: `max_by_key` takes the last.
        let most = sums.iter().rev().max_by_key(|(_, (count, _))| *count);
        let (currency, minor) = most.map_or((Currency::Pen, 0), |(currency, (_, sum))| (*currency, *sum));
        let mut words = vec![format!("cips={}", names(self.members.iter().map(|(name, _)| name.clone())))];
        if sums.len() > 1 {
            let sum = |(currency, (_, minor)): (&Currency, &(usize, i64))| {
                format!("{currency} {}", format_minor(i128::from(*minor)))
            };
            words.push(format!("sum={}", sums.iter().map(sum).collect::<Vec<_>>().join(" + ")));
        }
        words.push(format!("from={}", self.first));
        words.push(format!("to={}", self.last));
        words.extend(self.details);
        let mut line = blank(self.account, self.rule, &self.subject);
        match self.side {
            Side::Order => line.order_minor = Some(minor),
            Side::Report => line.report_minor = Some(minor),
        }
        (line.currency, line.report_currency, line.value_currency) = (currency, currency, currency);
        line.value_minor = minor;
        line.differences = words.join("; ");
        line.business_day = Some(self.first.business_day());
        line.rows = self.rows;
        line
    }
}

/// The first names of a set, and how many more there are.
pub(super) fn names(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED_MAX);
    let named = all.take(NAMED_MAX).collect::<Vec<_>>().join(";");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// What an order is called: its CIPs, else its reference.
pub(super) fn order_name(row: &OrderRow<'_>) -> String {
    if row.cips.is_empty() { format!("reference_id {}", row.reference_id) } else { listed(&row.cips) }
}

/// What the identity of a finding about an order is made of.
pub(super) fn order_subject(row: &OrderRow<'_>) -> Vec<String> {
    vec!["order".to_owned(), row.reference_id.to_string(), row.created_at.to_utc().to_rfc3339()]
}

/// The line of a finding about one order.
pub(super) fn order_line(row: &OrderRow<'_>, rule: Reason, speaker: RowIndex) -> Line {
    let mut line = blank(&row.account, rule, &order_subject(row));
    let Money { minor, currency } = row.amount;
    line.store = row.store.as_ref().map(ToString::to_string).unwrap_or_default();
    line.cip = listed(&row.cips);
    line.sort_cip = row.cips.first().copied().map(Cip::number);
    line.reference_id = row.reference_id.to_string();
    (line.currency, line.report_currency, line.value_currency) = (currency, currency, currency);
    line.order_minor = Some(minor);
    line.value_minor = minor;
    line.order_status = row.status.word().into();
    line.business_day = Some(row.created_at.business_day());
    line.rows.orders.push(speaker);
    line
}

/// The line of a finding with nothing but what every one has.
pub(super) fn blank(account: &str, rule: Reason, subject: &[String]) -> Line {
    let parts: Vec<&str> = std::iter::once(rule.word()).chain(subject.iter().map(String::as_str)).collect();
    Line {
        break_id: BreakId::new(account, RULE, &parts),
        class: Class::Finding,
        reason: Some(rule),
        severity: advice::severity(Class::Finding, Some(rule), None, ProviderState::Absent),
        account: account.to_owned(),
        store: String::new(),
        cip: String::new(),
        reference_id: String::new(),
        operation_number: String::new(),
        currency: Currency::Pen,
        order_minor: None,
        report_minor: None,
        report_currency: Currency::Pen,
        difference_minor: None,
        exchange: None,
        order_status: "".into(),
        report_status: "".into(),
        differences: String::new(),
        business_day: None,
        opened_at: None,
        value_minor: 0,
        value_currency: Currency::Pen,
        sort_cip: None,
        rows: LegRows::default(),
    }
}
