//! `summary.json`: what went in, what came of it, and that nothing was lost on the way.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settlements::{SettledRecord, settled};
use crate::calendar::Instant;
use crate::carry::{Balance, Moved, Share};
use crate::formats::Leg;
use crate::money::Currency;
use crate::reconcile::class::{Bucket, Class, Reason};
use crate::reconcile::{
    Booked, Buckets, ClassTotals, Conservation, Exchanged, NoticeDelay, NoticeHealth, Settlement, Variance,
};

/// One input as the summary names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    /// The leg.
    pub leg: Cow<'static, str>,
    /// The name of the file or object.
    pub name: String,
    /// The source that it belongs to.
    pub source: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that could not be.
    pub rejected: u64,
    /// Up to when it speaks of everything; absent where it covers nothing or single CIPs alone.
    pub covered_until: Option<String>,
    /// How many fields were cleansed, by kind.
    pub cleansed: BTreeMap<Cow<'static, str>, u64>,
    /// Columns that the format does not know.
    pub unknown_columns: Vec<String>,
}

/// What the summary is made from.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'s> {
    /// The moment of judgement; absent where no row bears a time and none was given.
    pub as_of: Option<Instant>,
    /// SHA-256 of the policy.
    pub policy_hash: &'s str,
    /// The inputs in the order given.
    pub inputs: &'s [InputRecord],
    /// The classes.
    pub totals: &'s BTreeMap<Class, ClassTotals>,
    /// The fraud rules that ran.
    pub findings: &'s BTreeMap<Reason, ClassTotals>,
    /// The buckets.
    pub conservation: &'s Conservation,
    /// By which matched reports and orders differ, by account.
    pub booked: &'s BTreeMap<String, Booked>,
    /// How well each account is told of its payments; empty where notices are no part of the run.
    pub notice_health: &'s BTreeMap<String, NoticeHealth>,
    /// What moved between the runs.
    pub carry: &'s Balance,
    /// The settlements.
    pub settlements: &'s [Settlement],
    /// Rows that could not be read, by leg.
    pub rejected: &'s BTreeMap<Leg, u64>,
    /// What somebody must look at beside breaks and rejected rows.
    pub needs_person: &'s [String],
    /// What the person who started the run should know.
    pub warnings: &'s [String],
}

#[derive(Serialize)]
struct Document<'s> {
    engine_version: &'static str,
    as_of: Option<String>,
    policy_sha256: &'s str,
    classes: BTreeMap<&'static str, ClassRecord>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    findings: BTreeMap<&'static str, ClassRecord>,
    conservation: BTreeMap<&'static str, LegRecord>,
    variance: BTreeMap<&'s str, BTreeMap<&'static str, VarianceRecord>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fx: BTreeMap<&'s str, BTreeMap<&'static str, ExchangedRecord>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    notice_health: BTreeMap<&'s str, HealthRecord>,
    carry: BTreeMap<&'static str, BTreeMap<&'static str, BTreeMap<Moved, Share>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<SettledRecord>,
    needs_person: &'s [String],
    warnings: &'s [String],
    inputs: &'s [InputRecord],
}

#[derive(Serialize)]
struct ClassRecord {
    count: u64,
    minor: i128,
    by_currency: BTreeMap<&'static str, CountRecord>,
}

#[derive(Serialize)]
struct CountRecord {
    count: u64,
    minor: i128,
}

/// Rows of a bucket and their sum, in minor units, of settlements in millionths of their net.
#[derive(Serialize)]
struct HeldRecord {
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    minor: Option<i128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    micros: Option<i128>,
}

/// What agreed within the tolerance, in one currency: provider over and under orders.
#[derive(Serialize)]
struct VarianceRecord {
    count: u64,
    over_minor: i128,
    under_minor: i128,
}

impl From<Variance> for VarianceRecord {
    fn from(variance: Variance) -> Self {
        let Variance { count, over_minor, under_minor } = variance;
        VarianceRecord { count, over_minor, under_minor }
    }
}

/// What pairs in two currencies moved in one of them.
#[derive(Serialize)]
struct ExchangedRecord {
    count: u64,
    minor: i128,
}

impl From<Exchanged> for ExchangedRecord {
    fn from(exchanged: Exchanged) -> Self {
        ExchangedRecord { count: exchanged.count, minor: exchanged.minor }
    }
}

/// What the notices of an account are worth.
#[derive(Serialize)]
struct HealthRecord {
    reported: u64,
    announced: u64,
    waiting: u64,
    lost: u64,
    lost_minor: BTreeMap<&'static str, i128>,
    before_payment: u64,
    delay: Option<DelayRecord>,
}

#[derive(Serialize)]
struct DelayRecord {
    count: u64,
    p50_seconds: u32,
    p90_seconds: u32,
    p99_seconds: u32,
    max_seconds: u32,
    over_one_hour: u64,
}

/// A leg's buckets by currency, and its rejected rows beside them.
#[derive(Serialize)]
pub(super) struct LegRecord {
    #[serde(rename = "PEN", skip_serializing_if = "Option::is_none")]
    pen: Option<BTreeMap<&'static str, HeldRecord>>,
    #[serde(rename = "USD", skip_serializing_if = "Option::is_none")]
    usd: Option<BTreeMap<&'static str, HeldRecord>>,
    rejected: u64,
}

/// Writes the summary, indented, with a line end.
///
/// # Errors
/// None in practice: every key is text.
pub fn summary_json(summary: Summary<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let rejected = |leg: Leg| summary.rejected.get(&leg).copied().unwrap_or(0);
    let conservation = summary.conservation;
    let mut legs = BTreeMap::from([
        (Leg::Orders.word(), leg_record(&conservation.orders, rejected(Leg::Orders))),
        (Leg::Reports.word(), leg_record(&conservation.reports, rejected(Leg::Reports))),
    ]);
    if let Some(notices) = &conservation.notices {
        legs.insert(Leg::Notices.word(), leg_record(notices, rejected(Leg::Notices)));
    }
    if let Some(rows) = &conservation.settlements {
        let record = leg_record_in(rows, rejected(Leg::Settlements), Unit::Micros);
        legs.insert(Leg::Settlements.word(), record);
    }
    if let Some(rows) = &conservation.bank {
        legs.insert(Leg::Bank.word(), leg_record(rows, rejected(Leg::Bank)));
    }
    let document = Document {
        engine_version: env!("CARGO_PKG_VERSION"),
        as_of: summary.as_of.map(|time| time.to_string()),
        policy_sha256: summary.policy_hash,
        classes: summary.totals.iter().map(|(class, totals)| (class.word(), class_record(totals))).collect(),
        findings: summary.findings.iter().map(|(rule, totals)| (rule.word(), class_record(totals))).collect(),
        conservation: legs,
        variance: accounts(summary.booked, |booked| &booked.variance),
        fx: accounts(summary.booked, |booked| &booked.exchanged),
        notice_health: summary
            .notice_health
            .iter()
            .map(|(account, health)| (account.as_str(), health_record(health)))
            .collect(),
        carry: carry_record(summary.carry),
        settled: settled(conservation, summary.settlements),
        needs_person: summary.needs_person,
        warnings: summary.warnings,
        inputs: summary.inputs,
    };
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// What is booked of each account that has any, by currency.
fn accounts<'s, T: Copy + 's, R: From<T>>(
    booked: &'s BTreeMap<String, Booked>,
    part: impl Fn(&'s Booked) -> &'s BTreeMap<Currency, T>,
) -> BTreeMap<&'s str, BTreeMap<&'static str, R>> {
    booked
        .iter()
        .map(|(account, booked)| (account.as_str(), part(booked)))
        .filter(|(_, of_account)| !of_account.is_empty())
        .map(|(account, of_account)| {
            let records = of_account.iter().map(|(currency, value)| (currency.code(), R::from(*value)));
            (account, records.collect())
        })
        .collect()
}

fn health_record(health: &NoticeHealth) -> HealthRecord {
    let lost = health.lost_minor.iter().map(|(currency, minor)| (currency.code(), *minor));
    HealthRecord {
        reported: health.reported,
        announced: health.announced,
        waiting: health.waiting,
        lost: health.lost,
        lost_minor: lost.collect(),
        before_payment: health.before_payment,
        delay: health.delay.map(delay_record),
    }
}

fn delay_record(delay: NoticeDelay) -> DelayRecord {
    let NoticeDelay { count, p50_seconds, p90_seconds, p99_seconds, max_seconds, over_one_hour } = delay;
    DelayRecord { count, p50_seconds, p90_seconds, p99_seconds, max_seconds, over_one_hour }
}

/// By leg and currency: opening + reopened + new = told again + closed + carried.
fn carry_record(balance: &Balance) -> BTreeMap<&'static str, BTreeMap<&'static str, BTreeMap<Moved, Share>>> {
    let mut legs: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (leg, currency) in balance.kinds() {
        let shares =
            Moved::ALL.into_iter().map(|moved| (moved, balance.share(leg, currency, moved))).collect();
        legs.entry(leg.word()).or_default().insert(currency.code(), shares);
    }
    legs
}

fn class_record(totals: &ClassTotals) -> ClassRecord {
    let by_currency = totals
        .by_currency
        .iter()
        .map(|(currency, held)| (currency.code(), CountRecord { count: held.rows, minor: held.minor }))
        .collect();
    ClassRecord { count: totals.count, minor: totals.minor, by_currency }
}

/// What the sums of a leg count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Minor,
    Micros,
}

fn leg_record(buckets: &Buckets, rejected: u64) -> LegRecord {
    leg_record_in(buckets, rejected, Unit::Minor)
}

pub(super) fn leg_record_in(buckets: &Buckets, rejected: u64, unit: Unit) -> LegRecord {
    let of = |currency: Currency| {
        buckets.get(&currency).map(|held| {
            Bucket::ALL
                .into_iter()
                .map(|bucket| {
                    let held = held.get(&bucket).copied().unwrap_or_default();
                    let (minor, micros) = match unit {
                        Unit::Minor => (Some(held.minor), None),
                        Unit::Micros => (None, Some(held.minor)),
                    };
                    (bucket.word(), HeldRecord { rows: held.rows, minor, micros })
                })
                .collect()
        })
    };
    LegRecord { pen: of(Currency::Pen), usd: of(Currency::Usd), rejected }
}
