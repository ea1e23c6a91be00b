//! What runs have found to agree of which nobody was told: those after arrivals that found nothing new to look at. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::difference::{ToldError, Total};
use crate::money::format_minor;
use crate::reconcile::class::Class;

/// The classes of pairs that agree.
const AGREED: [Class; 2] = [Class::Matched, Class::MatchedWithinTolerance];

/// What has come to its end since somebody was last told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meanwhile {
    runs: usize,
    pairs: u64,
    minor: BTreeMap<String, i128>,
}

#[derive(Deserialize)]
struct SummaryFile {
    classes: BTreeMap<String, Total>,
}

impl Meanwhile {
    /// Adds a run by its `summary.json`.
    ///
    /// # Errors
    /// [`ToldError`] where it is no summary.
    pub fn add(&mut self, summary: &[u8]) -> Result<(), ToldError> {
        let SummaryFile { classes } = serde_json::from_slice(summary)?;
        self.runs = self.runs.saturating_add(1);
        for total in AGREED.iter().filter_map(|class| classes.get(class.word())) {
            self.pairs = self.pairs.saturating_add(total.count);
            for (currency, held) in &total.by_currency {
                let sum = self.minor.entry(currency.clone()).or_default();
                *sum = sum.saturating_add(held.minor);
            }
        }
        Ok(())
    }

    /// One line for people; absent where there was no such run.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let runs = match self.runs {
            0 => return None,
            1 => "1 run".to_owned(),
            runs => format!("{runs} runs"),
        };
        let pairs = if self.pairs == 1 { "1 pair".to_owned() } else { format!("{} pairs", self.pairs) };
        let amounts =
            self.minor.iter().map(|(currency, minor)| format!("{currency} {}", format_minor(*minor)));
        let amounts = amounts.collect::<Vec<_>>().join(" + ");
        let amounts = if amounts.is_empty() { amounts } else { format!(", {amounts}") };
        Some(format!("Found to agree by {runs} since the last alert: {pairs}{amounts}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agreed_in_silence_is_summed_up_over_runs_and_currencies() {
        let summary = |pen: u64, usd: u64| {
            let held = |count: u64| serde_json::json!({"count": count, "minor": count * 150});
            serde_json::json!({"classes": {
                "matched": {"count": pen, "minor": 0, "by_currency": {"PEN": held(pen)}},
                "matched_within_tolerance": {"count": usd, "minor": 0, "by_currency": {"USD": held(usd)}},
                "unpaid": {"count": 7, "minor": 0, "by_currency": {"PEN": held(7)}},
            }})
            .to_string()
        };
        let check = |runs: &[(u64, u64)], expected: Option<&str>| {
            let mut meanwhile = Meanwhile::default();
            runs.iter().for_each(|(pen, usd)| meanwhile.add(summary(*pen, *usd).as_bytes()).unwrap());
            assert_eq!(meanwhile.sentence().as_deref(), expected);
        };
        check(&[], None);
        check(
            &[(2, 0), (1, 1)],
            Some("Found to agree by 2 runs since the last alert: 4 pairs, PEN 4.50 + USD 1.50."),
        );
        check(&[(1, 0)], Some("Found to agree by 1 run since the last alert: 1 pair, PEN 1.50 + USD 0.00."));
        assert!(Meanwhile::default().add(b"{}").is_err());
    }
}
