//! What the function is woken by: the schedule's tick, a message of its own queue, or a person.

use cuadre::aws::batch::Messages;
use cuadre::aws::schedule::{Tick, TickError};
use cuadre::calendar::Instant;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the function is woken by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages of the queue, each one run of one account.
    Messages(Messages),
    /// The schedule, or a person.
    Task(Task),
}

impl Event {
    /// Tells the two apart.
    ///
    /// # Errors
    /// What is wrong, of an event that is neither.
    pub fn read(event: Value) -> Result<Event, serde_json::Error> {
        if event.get("Records").is_some() {
            serde_json::from_value(event).map(Event::Messages)
        } else {
            serde_json::from_value(event).map(Event::Task)
        }
    }
}

/// What is to be run: `{"account": "tienda", "cut": "…", "dry_run": true, "policy": "config/other.toml"}`. All may be absent:
/// without account every account, by the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Task {
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The time for which the schedule wants the run; absent, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<String>,
    /// The same, as a person names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// Nothing is written beside the outputs, and nobody is told.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// Everything is read anew, whatever runs before have read and left.
    #[serde(skip_serializing_if = "is_false")]
    pub full: bool,
    /// The object below `config/` that holds another policy, for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The text of another policy, for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_text: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Why a task cannot be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Not an account or a time for which work can be done.
    #[error(transparent)]
    Tick(#[from] TickError),
    /// Two times.
    #[error("scheduled_at and cut are the same thing: name one of them")]
    TwoTimes,
    /// Reading everything anew is for one account.
    #[error("full is for one account: name it as account")]
    FullOfMany,
    /// A dry run is of one account.
    #[error("a dry run is for one account: name it as account")]
    DryRunOfMany,
    /// A policy of a real run is that of the deployment.
    #[error("policy and policy_text are for a dry run: say \"dry_run\": true, or change config/cuadre.toml")]
    PolicyOfRealRun,
    /// Two policies.
    #[error("policy and policy_text are two policies: name one of them")]
    TwoPolicies,
    /// A policy outside of its folder.
    #[error("policy is not the name of an object below config/ such as config/other.toml")]
    PolicyElsewhere,
    /// A policy that is not there.
    #[error(
        "policy names an object that is not in the bucket: put it there, or write its text as policy_text"
    )]
    NoPolicy,
    /// A dry run without anything to judge.
    #[error("there is no run of this account yet to judge again: name a cut, the time up to which to judge")]
    NoRun,
}

impl Task {
    /// Checks what the type alone does not.
    ///
    /// # Errors
    /// [`TaskError`].
    pub(crate) fn check(&self) -> Result<(), TaskError> {
        let one_policy = self.policy.is_some() != self.policy_text.is_some();
        let any_policy = self.policy.is_some() || self.policy_text.is_some();
        let below_config = |key: &String| key.starts_with("config/") && !key.contains("..");
        match self {
            Task { scheduled_at: Some(_), cut: Some(_), .. } => Err(TaskError::TwoTimes),
            Task { dry_run: false, .. } if any_policy => Err(TaskError::PolicyOfRealRun),
            Task { full: true, account: None, .. } => Err(TaskError::FullOfMany),
            Task { dry_run: true, account: None, .. } => Err(TaskError::DryRunOfMany),
            _ if any_policy && !one_policy => Err(TaskError::TwoPolicies),
            Task { policy: Some(key), .. } if !below_config(key) => Err(TaskError::PolicyElsewhere),
            _ => Ok(()),
        }
    }

    /// The time that the event names, if it names one, else now.
    ///
    /// # Errors
    /// [`TickError`].
    pub(crate) fn time(&self, now: Instant) -> Result<Instant, TaskError> {
        let scheduled_at = self.cut.clone().or_else(|| self.scheduled_at.clone());
        Ok(Tick { account: None, scheduled_at }.time(now)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_messages_or_a_task_and_a_misspelt_one_says_where() {
        let read = |event: Value| Event::read(event).map_err(|error| error.to_string());
        assert_eq!(read(json!({"Records": []})), Ok(Event::Messages(Messages::default())));
        assert_eq!(read(json!({})), Ok(Event::Task(Task::default())));
        assert!(read(json!({"acount": "tienda"})).unwrap_err().contains("unknown field `acount`"));
    }

    #[test]
    fn a_task_says_one_thing() {
        let check = |event: Value, expected: Result<(), TaskError>| {
            let task: Task = serde_json::from_value(event.clone()).unwrap();
            assert_eq!(task.check(), expected, "{event}");
        };
        check(json!({}), Ok(()));
        check(json!({"account": "a", "cut": "2026-03-05T07:00:00-05:00"}), Ok(()));
        check(json!({"account": "a", "dry_run": true}), Ok(()));
        check(json!({"account": "a", "dry_run": true, "policy": "config/b.toml"}), Ok(()));
        check(json!({"account": "a", "dry_run": true, "policy_text": ""}), Ok(()));
        check(json!({"cut": "x", "scheduled_at": "y"}), Err(TaskError::TwoTimes));
        check(json!({"dry_run": true}), Err(TaskError::DryRunOfMany));
        check(json!({"full": true}), Err(TaskError::FullOfMany));
        check(json!({"account": "a", "policy": "config/b.toml"}), Err(TaskError::PolicyOfRealRun));
        check(json!({"account": "a", "policy_text": ""}), Err(TaskError::PolicyOfRealRun));
        check(
            json!({"account": "a", "dry_run": true, "policy": "config/b.toml", "policy_text": ""}),
            Err(TaskError::TwoPolicies),
        );
        for key in ["runs/a/inputs.json", "config/../runs/a", "other.toml"] {
            check(json!({"account": "a", "dry_run": true, "policy": key}), Err(TaskError::PolicyElsewhere));
        }
    }
}
