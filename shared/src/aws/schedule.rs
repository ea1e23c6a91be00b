//! The event of a scheduled function, as EventBridge Scheduler sends it or a person by hand.

use chrono::{SubsecRound, TimeDelta};
use serde::Deserialize;

use crate::calendar::Instant;
use crate::config::env::Accounts;

/// What the template's schedule writes in place of its time; it arrives unreplaced when somebody invokes the function
/// with the schedule's own input.
const PLACEHOLDER: &str = "<aws.scheduler.scheduled-time>";

/// How far ahead of the machine's clock a tick may be: two clocks of AWS differ by less, and what lies further ahead is a
/// slip of a hand. Work for a time to come would mark that time as done before it was.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(1);

/// `{"account": "tienda", "scheduled_at": "2026-03-02T12:00:00Z"}`; both may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// The account to work on; absent, every account of the deployment.
    #[serde(default)]
    pub account: Option<String>,
    /// The time for which the work is done; absent, now. The same time again is a repetition of the same work.
    #[serde(default)]
    pub scheduled_at: Option<String>,
}

/// Why a tick cannot be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TickError {
    /// Not an account of this deployment.
    #[error("the event names an account that ACCOUNTS does not list")]
    UnknownAccount,
    /// Not a time.
    #[error("the event's scheduled_at is not an RFC 3339 time such as 2026-03-02T12:00:00Z")]
    BadTime,
    /// More than a minute ahead.
    #[error("the event's scheduled_at is still to come: name a time that has passed, or none for now")]
    Ahead,
}

impl Tick {
    /// The accounts to work on, in the order of their names.
    ///
    /// # Errors
    /// [`TickError::UnknownAccount`].
    pub fn accounts<'a>(&self, known: &'a Accounts) -> Result<Vec<&'a str>, TickError> {
        match &self.account {
            None => Ok(known.iter().collect()),
            Some(name) => known.find(name).map(|account| vec![account]).ok_or(TickError::UnknownAccount),
        }
    }

    /// The time for which the work is done; now, cut to whole seconds, where the event names none.
    ///
    /// # Errors
    /// [`TickError::BadTime`], [`TickError::Ahead`] for a time more than a minute after `now`.
    pub fn time(&self, now: Instant) -> Result<Instant, TickError> {
        let time = match self.scheduled_at.as_deref() {
            None | Some(PLACEHOLDER | "") => return Ok(whole_seconds(now)),
            Some(text) => Instant::parse(text).ok_or(TickError::BadTime)?,
        };
        let ahead = time.to_utc().signed_duration_since(now.to_utc());
        if ahead > AHEAD_MAX { Err(TickError::Ahead) } else { Ok(time) }
    }
}

/// Cut to the second, so that keys made from it are short and sort by time.
fn whole_seconds(time: Instant) -> Instant {
    Instant::from_utc(time.to_utc().trunc_subsecs(0)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_without_time_is_now() {
        let now = Instant::parse("2026-03-02T07:00:00.75-05:00").unwrap();
        let check = |json: &str, expected: Result<&str, TickError>| {
            let tick: Tick = serde_json::from_str(json).unwrap();
            assert_eq!(tick.time(now), expected.map(|text| Instant::parse(text).unwrap()), "{json}");
        };
        check("{}", Ok("2026-03-02T07:00:00-05:00"));
        check(r#"{"scheduled_at":"<aws.scheduler.scheduled-time>"}"#, Ok("2026-03-02T07:00:00-05:00"));
        check(r#"{"scheduled_at":"2026-03-01T12:00:00Z"}"#, Ok("2026-03-01T12:00:00Z"));
        check(r#"{"scheduled_at":"yesterday"}"#, Err(TickError::BadTime));
        check(r#"{"scheduled_at":"2026-03-02T07:01:00.75-05:00"}"#, Ok("2026-03-02T07:01:00.75-05:00"));
        check(r#"{"scheduled_at":"2026-03-02T07:01:00.751-05:00"}"#, Err(TickError::Ahead));
    }

    #[test]
    fn a_tick_without_account_is_for_all() {
        let known = Accounts::parse("b,a").unwrap();
        let tick = |account: Option<&str>| Tick { account: account.map(str::to_owned), scheduled_at: None };
        assert_eq!(tick(None).accounts(&known), Ok(vec!["a", "b"]));
        assert_eq!(tick(Some("b")).accounts(&known), Ok(vec!["b"]));
        assert_eq!(tick(Some("c")).accounts(&known), Err(TickError::UnknownAccount));
    }
}
