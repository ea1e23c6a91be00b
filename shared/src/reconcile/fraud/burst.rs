//! `equal_amount_burst`: many CIPs paid with one amount within minutes, far more often than that amount usually is.
//!
//! A sum cut into equal parts, stolen cash paid in by a row of helpers, or a test of the shop begins like this; so does
//! a sale at one price, which is why the burst is held against the rhythm of the same amount outside of it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::super::Inputs;
use super::super::class::Reason;
use super::super::line::{LegRows, Line};
use super::super::subject::key_text;
use super::finding::{Finding, Side};
use super::prescreen::Prescreen;
use super::window::{Distinct, Tally, stretches};
use crate::calendar::{Day, Instant};
use crate::config::fraud::{Burst, Fraud};
use crate::lifecycle::cip::CipKey;
use crate::lifecycle::evidence::{ReportRow, ReportStatus};
use crate::lifecycle::rank::Claim;
use crate::lifecycle::settle::RowIndex;
use crate::money::{Currency, Money, format_minor};

/// A payment with its time.
#[derive(Clone, Copy)]
struct Paid<'r, 'a> {
    index: RowIndex,
    row: &'r ReportRow<'a>,
    at: Instant,
}

/// What payments share that may be one burst.
type Amount<'r> = (&'r str, Currency, i64);

impl<'r, 'a> Paid<'r, 'a> {
    /// A paid row with a time, of an account that the rule looks at.
    fn of(fraud: &Fraud, index: RowIndex, row: &'r ReportRow<'a>) -> Option<(Burst, Paid<'r, 'a>)> {
        let rule = fraud.of(&row.account).equal_amount_burst;
        let at = paid_at(&rule, row)?;
        Some((rule, Paid { index, row, at }))
    }

    fn amount(&self) -> Amount<'r> {
        (self.row.account.as_ref(), self.row.amount.currency, self.row.amount.minor)
    }
}

/// From the first payment of an account to its last, whatever the amount.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Span {
    first: Instant,
    last: Instant,
}

impl Span {
    pub fn of(time: Instant) -> Span {
        Span { first: time, last: time }
    }

    /// The span that holds another one too.
    pub fn and(self, other: Span) -> Span {
        Span { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    pub fn seconds(self) -> i64 {
        seconds(self.last).saturating_sub(seconds(self.first))
    }
}

pub(super) fn seconds(time: Instant) -> i64 {
    time.unix_nanos().div_euclid(1_000_000_000)
}

/// What is paid beside the rows at hand.
#[derive(Debug, Default)]
pub(super) struct Usual {
    /// From the first payment of an account to its last.
    pub spans: HashMap<String, Span>,
    /// How many other CIPs were paid with an amount. Where some are told, no other amount was paid in a burst.
    pub cips: Option<HashMap<(String, Currency, i64), usize>>,
}

impl Usual {
    /// How many other CIPs were paid with an amount; `None` where it was not paid in a burst.
    fn cips_of(&self, (account, currency, minor): Amount<'_>) -> Option<usize> {
        let known = |cips: &HashMap<_, usize>| cips.get(&(account.to_owned(), currency, minor)).copied();
        self.cips.as_ref().map_or(Some(0), known)
    }
}

/// When a payment was made at which the rule looks.
pub(super) fn paid_at(rule: &Burst, row: &ReportRow<'_>) -> Option<Instant> {
    row.paid_at.filter(|_| row.status == ReportStatus::Paid && rule.enabled)
}

/// The stretch of time in which a moment lies. A window is as long as a stretch, lies in two of them at most, and so leaves
/// half of a burst in one.
pub(super) fn stretch_of(rule: &Burst, seconds: i64) -> i64 {
    seconds.div_euclid(i64::from(rule.window_minutes.saturating_mul(60).max(1)))
}

/// The fewest payments that one stretch of time holds of a burst.
pub(super) fn least_in_stretch(fraud: &Fraud) -> usize {
    let of_rules = fraud.tables().map(|rules| rules.equal_amount_burst.cips_min.div_ceil(2));
    of_rules.min().and_then(|least| usize::try_from(least).ok()).unwrap_or(usize::MAX)
}

/// Notes a payment under its amount and the stretch of time in which it lies.
pub(super) fn screen(fraud: &Fraud, index: RowIndex, row: &ReportRow<'_>, amounts: &mut Prescreen) {
    if let Some((rule, paid)) = Paid::of(fraud, index, row) {
        let Money { minor, currency } = row.amount;
        amounts.add(&(minor, currency, stretch_of(&rule, seconds(paid.at))), index);
    }
}

pub(super) fn findings(fraud: &Fraud, inputs: &Inputs<'_>, amounts: Prescreen, usual: &Usual) -> Vec<Line> {
    let paid = |index: RowIndex| Some(Paid::of(fraud, index, inputs.reports.get(index)?)?.1);
    let dense: HashSet<Amount<'_>> = amounts
        .rows(least_in_stretch(fraud))
        .into_iter()
        .filter_map(|index| Some(paid(index)?.amount()))
        .collect();
    if dense.is_empty() {
        return Vec::new();
    }
    let mut spans: HashMap<&str, Span> =
        usual.spans.iter().map(|(account, span)| (account.as_str(), *span)).collect();
    let mut payments: Vec<Paid<'_, '_>> = Vec::new();
    for paid in (0..inputs.reports.len()).filter_map(paid) {
        let at = Span::of(paid.at);
        let span = spans.entry(paid.amount().0).or_insert(at);
        *span = span.and(at);
        if dense.contains(&paid.amount()) {
            payments.push(paid);
        }
    }
    payments.sort_unstable_by(|a, b| {
        let key = |paid: &Paid<'_, '_>| (paid.row.cip, paid.at);
        let by_time = a.amount().cmp(&b.amount()).then_with(|| a.at.cmp(&b.at));
        by_time.then_with(|| key(a).cmp(&key(b))).then_with(|| a.row.rank(b.row))
    });
    let of_amounts = payments.chunk_by(|a, b| a.amount() == b.amount());
    let span = |payments: &[Paid<'_, '_>]| {
        payments.first().and_then(|paid| spans.get(paid.amount().0)).map_or(0, |span| span.seconds())
    };
    of_amounts.flat_map(|payments| of_amount(fraud, payments, span(payments), usual)).collect()
}

/// The bursts of one amount, those of one day as one: the identity is made of the day, so that it lasts while a burst
/// grows.
fn of_amount(fraud: &Fraud, payments: &[Paid<'_, '_>], span_seconds: i64, usual: &Usual) -> Vec<Line> {
    let Some(first) = payments.first() else { return Vec::new() };
    let rule = fraud.of(&first.row.account).equal_amount_burst;
    let times: Vec<Instant> = payments.iter().map(|paid| paid.at).collect();
    let keys: Vec<CipKey<'_>> = payments.iter().map(|paid| CipKey::of(paid.row)).collect();
    let Some(others) = usual.cips_of(first.amount()) else { return Vec::new() };
    let cips = keys.iter().collect::<HashSet<_>>().len().saturating_add(others);
    let stretches = bursts(rule, &times, &keys, cips, span_seconds);
    let mut by_day: Vec<(Day, Vec<&Paid<'_, '_>>)> = Vec::new();
    for stretch in stretches {
        let Some(burst) = payments.get(stretch) else { continue };
        let Some(day) = burst.first().map(|paid| paid.at.business_day()) else { continue };
        match by_day.last_mut() {
            Some((known, members)) if *known == day => members.extend(burst),
            _ => by_day.push((day, burst.iter().collect())),
        }
    }
    by_day.into_iter().filter_map(|(day, members)| line(day, &members)).collect()
}

/// Every stretch of a burst. The times are ascending, and each has the key of its CIP; `cips` is how many were ever paid
/// with the amount, and `span_seconds` goes from the first payment of the account to its last.
pub(super) fn bursts<K: Hash + Eq>(
    rule: Burst,
    times: &[Instant],
    keys: &[K],
    cips: usize,
    span_seconds: i64,
) -> Vec<Range<usize>> {
    let mut tally = FarMoreOften { rule, distinct: Distinct::new(keys), cips, span_seconds };
    stretches(times, |begin| begin.plus_minutes(rule.window_minutes), &mut tally)
}

fn line(day: Day, members: &[&Paid<'_, '_>]) -> Option<Line> {
    let (first, last) = (members.first()?, members.last()?);
    let (account, currency, minor) = first.amount();
    let mut told = HashSet::new();
    let once = members.iter().filter(|paid| told.insert(CipKey::of(paid.row)));
    let named = once.map(|paid| (key_text(&CipKey::of(paid.row)), paid.row.amount)).collect();
    let amount = format!("{currency} {}", format_minor(i128::from(minor)));
    let finding = Finding {
        account,
        rule: Reason::EqualAmountBurst,
        subject: vec![amount.clone(), day.to_string()],
        side: Side::Report,
        members: named,
        first: first.at,
        last: last.at,
        details: vec![format!("amount={amount}")],
        rows: LegRows { reports: members.iter().map(|paid| paid.index).collect(), ..LegRows::default() },
    };
    Some(finding.line())
}

/// Enough CIPs inside the window, and so many times as often as outside of it.
struct FarMoreOften<'k, K> {
    rule: Burst,
    distinct: Distinct<'k, K>,
    /// How many CIPs were ever paid with this amount.
    cips: usize,
    /// From the first payment of the account to its last.
    span_seconds: i64,
}

impl<K: Hash + Eq> Tally for FarMoreOften<'_, K> {
    fn add(&mut self, index: usize) {
        self.distinct.add(index);
    }

    fn remove(&mut self, index: usize) {
        self.distinct.remove(index);
    }

    fn holds(&self) -> bool {
        let whole = |count: usize| u128::try_from(count).unwrap_or(u128::MAX);
        let inside = self.distinct.count();
        if whole(inside) < u128::from(self.rule.cips_min) {
            return false;
        }
        let window = u128::from(self.rule.window_minutes).saturating_mul(60);
        let outside_seconds = u128::try_from(self.span_seconds).unwrap_or(0).saturating_sub(window);
        let outside_window = u128::from(self.rule.times_usual).saturating_mul(window);
        if outside_seconds < outside_window {
            // Too little is known outside of the burst to call anything usual.
            return true;
        }
        // inside / window ≥ times · outside / seconds outside, without a division.
        let inside_rate = whole(inside).saturating_mul(outside_seconds);
        let outside = whole(self.cips.saturating_sub(inside));
        inside_rate >= outside.saturating_mul(outside_window)
    }
}
