//! `bad_signatures`: many callbacks whose signature was refused.
//!
//! Somebody tries keys or forges notices, or a key was changed on one side only. Nothing of it was believed.

use super::super::class::Reason;
use super::super::line::Line;
use super::finding::blank;
use super::window::{Tally, stretches};
use crate::calendar::Instant;
use crate::config::fraud::Fraud;

/// How many callbacks of an account were refused for their signature in an hour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedCallbacks {
    /// The PagoEfectivo service that they were addressed to.
    pub account: String,
    /// When the hour begins.
    pub hour: Instant,
    /// How many.
    pub count: u64,
}

pub(super) fn findings(fraud: &Fraud, refused: &[RefusedCallbacks]) -> Vec<Line> {
    let mut hours: Vec<&RefusedCallbacks> =
        refused.iter().filter(|hour| fraud.of(&hour.account).bad_signatures.enabled).collect();
    hours.sort();
    hours.chunk_by(|a, b| a.account == b.account).flat_map(|hours| of_account(fraud, hours)).collect()
}

fn of_account(fraud: &Fraud, hours: &[&RefusedCallbacks]) -> Vec<Line> {
    let Some(account) = hours.first().map(|hour| hour.account.as_str()) else { return Vec::new() };
    let rule = fraud.of(account).bad_signatures;
    let times: Vec<Instant> = hours.iter().map(|hour| hour.hour).collect();
    let mut tally = Refused { hours, count: 0, least: u64::from(rule.refused_min) };
    // A window of one hour holds one hour's count: its end is the begin of the next one's.
    let last = |begin: Instant| begin.plus_hours(rule.window_hours.saturating_sub(1));
    stretches(&times, last, &mut tally)
        .into_iter()
        .filter_map(|stretch| {
            let hours = hours.get(stretch)?;
            let (first, last) = (hours.first()?, hours.last()?);
            let count = hours.iter().map(|hour| hour.count).fold(0, u64::saturating_add);
            // The first hour stays the first one while the attempts go on.
            let mut line = blank(account, Reason::BadSignatures, &[first.hour.to_utc().to_rfc3339()]);
            let until = last.hour.plus_hours(1);
            line.differences = format!("refused={count}; from={}; to={until}", first.hour);
            line.business_day = Some(first.hour.business_day());
            Some(line)
        })
        .collect()
}

struct Refused<'h> {
    hours: &'h [&'h RefusedCallbacks],
    count: u64,
    least: u64,
}

impl Refused<'_> {
    fn count_of(&self, index: usize) -> u64 {
        self.hours.get(index).map_or(0, |hour| hour.count)
    }
}

impl Tally for Refused<'_> {
    fn add(&mut self, index: usize) {
        self.count = self.count.saturating_add(self.count_of(index));
    }

    fn remove(&mut self, index: usize) {
        self.count = self.count.saturating_sub(self.count_of(index));
    }

    fn holds(&self) -> bool {
        self.count >= self.least
    }
}
