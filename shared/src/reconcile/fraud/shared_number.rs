//! `shared_operation_number`: one operation number, within one source, on several CIPs.
//!
//! One payment has one number. The same number on a second CIP is a voucher shown twice, a copied notice, or a
//! collector whose numbers begin anew, which is why only what lies near each other is held against each other.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::super::Inputs;
use super::super::class::Reason;
use super::super::line::{LegRows, Line};
use super::super::subject::key_text;
use super::finding::{Finding, Side};
use super::prescreen::Prescreen;
use super::window::{AtLeast, Distinct, stretches};
use crate::calendar::Instant;
use crate::config::fraud::{Fraud, SharedNumber};
use crate::lifecycle::cip::CipKey;
use crate::lifecycle::evidence::{NoticeRow, ReportRow};
use crate::lifecycle::rank::{Claim, missing_last};
use crate::lifecycle::settle::RowIndex;
use crate::money::Money;

/// A row that bears a number.
#[derive(Clone, Copy)]
enum Bearer<'r, 'a> {
    Report(RowIndex, &'r ReportRow<'a>),
    Notice(RowIndex, &'r NoticeRow<'a>),
}

impl<'r, 'a> Bearer<'r, 'a> {
    fn account(self) -> &'r str {
        match self {
            Bearer::Report(_, row) => &row.account,
            Bearer::Notice(_, row) => &row.account,
        }
    }

    fn number(self) -> Option<&'r str> {
        match self {
            Bearer::Report(_, row) => row.operation_number.as_deref(),
            Bearer::Notice(_, row) => row.operation_number.as_deref(),
        }
    }

    /// Numbers are compared only within one source, and the notices are one.
    fn source(self) -> Option<u16> {
        match self {
            Bearer::Report(_, row) => Some(row.source),
            Bearer::Notice(..) => None,
        }
    }

    fn time(self) -> Instant {
        match self {
            Bearer::Report(_, row) => time_of(row),
            Bearer::Notice(_, row) => row.paid_at.unwrap_or(row.received_at),
        }
    }

    fn key(self) -> CipKey<'a> {
        match self {
            Bearer::Report(_, row) => CipKey::of(row),
            Bearer::Notice(_, row) => CipKey::Cip(row.cip),
        }
    }

    fn money(self) -> Money {
        match self {
            Bearer::Report(_, row) => row.amount,
            Bearer::Notice(_, row) => row.amount,
        }
    }

    /// What the rows that are held against each other share.
    fn place(self) -> (&'r str, Option<&'r str>, Option<u16>) {
        (self.account(), self.number(), self.source())
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.time().cmp(&other.time()).then_with(|| self.key().cmp(&other.key())).then_with(|| {
            match (self, other) {
                (Bearer::Report(_, a), Bearer::Report(_, b)) => a.rank(b),
                (Bearer::Notice(_, a), Bearer::Notice(_, b)) => {
                    let told = |row: &NoticeRow<'_>| (row.amount.minor, row.amount.currency, row.received_at);
                    missing_last(a.paid_at.as_ref(), b.paid_at.as_ref()).then_with(|| told(a).cmp(&told(b)))
                }
                (Bearer::Report(..), Bearer::Notice(..)) => Ordering::Less,
                (Bearer::Notice(..), Bearer::Report(..)) => Ordering::Greater,
            }
        })
    }
}

/// When a row falls. Rows without any time fall on one moment, and so are held against each other.
pub(super) fn time_of(row: &ReportRow<'_>) -> Instant {
    row.paid_at.or(row.created_at).or(row.observed_at).unwrap_or_default()
}

/// The number of a row of a report at which the rule looks.
pub(super) fn number_of<'r>(rule: &SharedNumber, row: &'r ReportRow<'_>) -> Option<&'r str> {
    row.operation_number.as_deref().filter(|_| rule.enabled && row.status.is_event())
}

/// Notes a row of a report that bears a number.
pub(super) fn screen(fraud: &Fraud, index: RowIndex, row: &ReportRow<'_>, numbers: &mut Prescreen) {
    if let Some(number) = number_of(&fraud.of(&row.account).shared_operation_number, row) {
        numbers.add(&(row.source, number), index);
    }
}

pub(super) fn findings(fraud: &Fraud, inputs: &Inputs<'_>, numbers: Prescreen) -> Vec<Line> {
    let reports = numbers.rows(2).into_iter();
    let mut bearers: Vec<Bearer<'_, '_>> =
        reports.filter_map(|index| Some(Bearer::Report(index, inputs.reports.get(index)?))).collect();
    let notices = inputs.notices.as_deref().unwrap_or_default();
    let mut screened = Prescreen::default();
    for (index, row) in notices.iter().enumerate() {
        if let Some(number) = row.operation_number.as_deref()
            && fraud.of(&row.account).shared_operation_number.enabled
        {
            screened.add(&number, index);
        }
    }
    let announced = screened.rows(2).into_iter();
    bearers.extend(announced.filter_map(|index| Some(Bearer::Notice(index, notices.get(index)?))));
    bearers.sort_unstable_by(|a, b| a.place().cmp(&b.place()).then_with(|| a.compare(b)));
    let same =
        |a: &Bearer<'_, '_>, b: &Bearer<'_, '_>| (a.account(), a.number()) == (b.account(), b.number());
    bearers.chunk_by(same).filter_map(|bearers| finding(fraud, bearers)).collect()
}

/// What the sources, each for itself, say of one number.
fn finding(fraud: &Fraud, bearers: &[Bearer<'_, '_>]) -> Option<Line> {
    let first = bearers.first()?;
    let rule = fraud.of(first.account()).shared_operation_number;
    let least = usize::try_from(rule.cips_min).unwrap_or(usize::MAX);
    let mut found: Vec<Bearer<'_, '_>> = Vec::new();
    for of_source in bearers.chunk_by(|a, b| a.source() == b.source()) {
        let times: Vec<Instant> = of_source.iter().map(|bearer| bearer.time()).collect();
        let keys: Vec<CipKey<'_>> = of_source.iter().map(|bearer| bearer.key()).collect();
        let mut tally = AtLeast { distinct: Distinct::new(&keys), least };
        let stretches = stretches(&times, |begin| begin.plus_hours(rule.window_hours), &mut tally);
        found.extend(stretches.into_iter().filter_map(|stretch| of_source.get(stretch)).flatten());
    }
    found.sort_by(Bearer::compare);
    let (begin, end) = (found.first()?.time(), found.last()?.time());
    let mut rows = LegRows::default();
    let mut told = HashSet::new();
    let mut members = Vec::new();
    for bearer in &found {
        match bearer {
            Bearer::Report(index, _) => rows.reports.push(*index),
            Bearer::Notice(index, _) => rows.notices.push(*index),
        }
        let key = bearer.key();
        if told.insert(key.clone()) {
            members.push((key_text(&key), bearer.money()));
        }
    }
    let number = first.number()?.to_owned();
    let mut line = Finding {
        account: first.account(),
        rule: Reason::SharedOperationNumber,
        subject: vec![format!("operation {number}")],
        side: Side::Report,
        members,
        first: begin,
        last: end,
        details: Vec::new(),
        rows,
    }
    .line();
    line.operation_number = number;
    Some(line)
}
