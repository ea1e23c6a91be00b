//! `summary.json`: what went in, what came of it, and that nothing was lost on the way.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::calendar::Instant;
use crate::formats::Leg;
use crate::reconcile::class::{Bucket, Class, Reason};
use crate::reconcile::{Buckets, ClassTotals, Conservation};

/// One input as the summary names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputRecord {
    /// The leg.
    pub leg: &'static str,
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
    pub cleansed: BTreeMap<&'static str, u64>,
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

#[derive(Serialize)]
struct HeldRecord {
    rows: u64,
    minor: i128,
}

/// A leg's buckets by currency, and its rejected rows beside them.
#[derive(Serialize)]
struct LegRecord {
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
    let document = Document {
        engine_version: env!("CARGO_PKG_VERSION"),
        as_of: summary.as_of.map(|time| time.to_string()),
        policy_sha256: summary.policy_hash,
        classes: summary.totals.iter().map(|(class, totals)| (class.word(), class_record(totals))).collect(),
        findings: summary.findings.iter().map(|(rule, totals)| (rule.word(), class_record(totals))).collect(),
        conservation: legs,
        needs_person: summary.needs_person,
        warnings: summary.warnings,
        inputs: summary.inputs,
    };
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn class_record(totals: &ClassTotals) -> ClassRecord {
    let by_currency = totals
        .by_currency
        .iter()
        .map(|(currency, held)| (currency.code(), CountRecord { count: held.rows, minor: held.minor }))
        .collect();
    ClassRecord { count: totals.count, minor: totals.minor, by_currency }
}

fn leg_record(buckets: &Buckets, rejected: u64) -> LegRecord {
    use crate::money::Currency;
    let of = |currency: Currency| {
        buckets.get(&currency).map(|held| {
            Bucket::ALL
                .into_iter()
                .map(|bucket| {
                    let held = held.get(&bucket).copied().unwrap_or_default();
                    (bucket.word(), HeldRecord { rows: held.rows, minor: held.minor })
                })
                .collect()
        })
    };
    LegRecord { pen: of(Currency::Pen), usd: of(Currency::Usd), rejected }
}
