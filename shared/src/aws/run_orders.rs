//! The queue of runs: what the schedule orders at its time, and what arrivals order for the end of their slot.

use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};

use super::queue::Queue;
use super::{Patience, SdkConfig, StoreError};
use crate::calendar::Instant;
use crate::config::env::{self, EnvError, Lookup};

/// Within a slot many arrivals make one run. Our choice: a shop that exports every few minutes gets two runs an hour.
const SLOT_MINUTES_DEFAULT: u64 = 30;

/// A message cannot be postponed for longer than twelve hours.
const SLOT_MINUTES_MAX: u64 = 720;

const DAY_MINUTES: u64 = 1_440;

/// Where runs are ordered, and how arrivals are gathered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOrdersConfig {
    /// `RUNS_URL`: the FIFO queue of runs.
    pub runs_url: String,
    /// `RUN_SLOT_MINUTES`: how long arrivals are gathered before a run; a part of a day, at most 720; absent, 30; 0 = arrivals
    /// order no run.
    pub slot: Option<TimeDelta>,
}

impl RunOrdersConfig {
    /// Reads and checks both variables.
    ///
    /// # Errors
    /// [`EnvError`] names the one that is not as it must be.
    pub fn from_env(lookup: Lookup<'_>) -> Result<RunOrdersConfig, EnvError> {
        const NAME: &str = "RUN_SLOT_MINUTES";
        let minutes = env::count(lookup, NAME, 0..=SLOT_MINUTES_MAX)?.unwrap_or(SLOT_MINUTES_DEFAULT);
        let parts_day = minutes == 0 || DAY_MINUTES.checked_rem(minutes) == Some(0);
        if !parts_day {
            let reason = "is no part of a day: write 0, 10, 15, 20, 30, 60, 120, 180, 240, 360 or 720";
            return Err(EnvError::Invalid { name: NAME, reason });
        }
        let slot = i64::try_from(minutes).ok().filter(|minutes| *minutes > 0).map(TimeDelta::minutes);
        Ok(RunOrdersConfig { runs_url: env::required(lookup, "RUNS_URL")?, slot })
    }
}

/// One message of the queue: one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOrder {
    /// The account.
    pub account: String,
    /// The moment of judgement, and with the account the run's identity; RFC 3339.
    pub scheduled_at: String,
    /// Arrivals ordered it: it is told of only where it finds something new.
    #[serde(default)]
    pub after_arrival: bool,
}

/// Orders runs.
#[derive(Debug)]
pub struct RunOrders {
    queue: Queue,
    slot: Option<TimeDelta>,
}

impl RunOrders {
    /// Makes the client; nothing is sent yet.
    #[must_use]
    pub fn new(sdk: &SdkConfig, patience: Patience, config: &RunOrdersConfig) -> RunOrders {
        RunOrders { queue: Queue::new(sdk, patience, &config.runs_url), slot: config.slot }
    }

    /// Orders the run of an account at a time. The same one again within five minutes is the same message, later the same run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn at(&self, account: &str, time: Instant) -> Result<(), StoreError> {
        let order =
            RunOrder { account: account.to_owned(), scheduled_at: time.to_string(), after_arrival: false };
        self.send("schedule", &order).await
    }

    /// Something of an account has arrived: orders the run at the end of the slot that holds `now`, and gives that time. `None`
    /// where arrivals order none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn after_arrival(&self, account: &str, now: Instant) -> Result<Option<Instant>, StoreError> {
        let Some(end) = self.slot.and_then(|slot| slot_end(now, slot)) else { return Ok(None) };
        let order =
            RunOrder { account: account.to_owned(), scheduled_at: end.to_string(), after_arrival: true };
        self.send("arrival", &order).await?;
        Ok(Some(end))
    }

    /// Id and group name who orders as well: the schedule's run is told of in any case, and an arrival's message of the same time must
    /// not swallow it, nor hold it up while its slot lasts.
    async fn send(&self, by: &str, order: &RunOrder) -> Result<(), StoreError> {
        // A struct of texts always serialises.
        let body = serde_json::to_string(order)
            .map_err(|_| StoreError::Unreadable { what: "order of a run", field: "body" })?;
        let group = format!("{}#{by}", order.account);
        let id = format!("{group}#{}", order.scheduled_at);
        self.queue.send(&group, &id, body).await
    }
}

/// The end of the slot that holds a time. Slots begin at midnight in Lima; the end belongs to the next one.
#[must_use]
pub fn slot_end(now: Instant, slot: TimeDelta) -> Option<Instant> {
    let length = slot.num_seconds();
    let lima = now.in_lima();
    let offset = i64::from(lima.offset().local_minus_utc());
    let begun = lima.timestamp().checked_add(offset)?.checked_div_euclid(length)?;
    let end = begun.checked_add(1)?.checked_mul(length)?.checked_sub(offset)?;
    DateTime::from_timestamp(end, 0).and_then(Instant::from_utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_ends_after_the_time_it_holds_and_begins_at_lima_s_midnight() {
        let check = |now: &str, minutes: i64, expected: &str| {
            let end = slot_end(Instant::parse(now).unwrap(), TimeDelta::minutes(minutes)).unwrap();
            assert_eq!(end, Instant::parse(expected).unwrap(), "{now} in {minutes} minutes");
        };
        check("2026-03-05T07:00:00-05:00", 30, "2026-03-05T07:30:00-05:00");
        check("2026-03-05T07:29:59.999-05:00", 30, "2026-03-05T07:30:00-05:00");
        check("2026-03-05T07:30:00-05:00", 30, "2026-03-05T08:00:00-05:00");
        check("2026-03-05T04:59:00Z", 720, "2026-03-05T05:00:00Z");
        check("2026-03-05T05:00:00Z", 720, "2026-03-05T17:00:00Z");
        check("1969-12-31T23:59:00Z", 30, "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_slot_is_a_part_of_a_day() {
        let check = |minutes: Option<&str>, expected: Option<Option<i64>>| {
            let lookup = |name: &str| match name {
                "RUNS_URL" => Some("https://queue".to_owned()),
                "RUN_SLOT_MINUTES" => minutes.map(str::to_owned),
                _ => None,
            };
            let read = RunOrdersConfig::from_env(&lookup).ok();
            assert_eq!(
                read.map(|config| config.slot.map(|slot| slot.num_minutes())),
                expected,
                "{minutes:?}"
            );
        };
        check(None, Some(Some(30)));
        check(Some("0"), Some(None));
        check(Some("15"), Some(Some(15)));
        check(Some("720"), Some(Some(720)));
        for wrong in ["7", "721", "1440", "-5", "half"] {
            check(Some(wrong), None);
        }
        assert!(RunOrdersConfig::from_env(&|_| None).unwrap_err().to_string().contains("RUNS_URL"));
    }
}
