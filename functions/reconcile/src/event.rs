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
    /// One stage of a run that does not fit into one invocation, from the state machine.
    Stage(Stage),
}

/// A stage of a run that is cut into parts. The first one names the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stage {
    /// Fixes what the run reads, and how it is cut.
    Plan {
        /// What is to be run.
        order: StagedOrder,
        /// When the state machine began: the moment of judgement, where the order names none.
        started_at: String,
    },
    /// Reads some of the files.
    Cut {
        /// The account.
        account: String,
        /// The moment of judgement.
        as_of: String,
        /// Which of the cuts, 0 for the first.
        cut: usize,
    },
    /// Judges what hangs together across parts.
    Judge {
        /// The account.
        account: String,
        /// The moment of judgement.
        as_of: String,
    },
    /// Judges a part and writes its lines.
    Write {
        /// The account.
        account: String,
        /// The moment of judgement.
        as_of: String,
        /// Which of the parts, 0 for the first.
        part: usize,
    },
    /// Puts everything together, and tells.
    Join {
        /// The account.
        account: String,
        /// The moment of judgement.
        as_of: String,
    },
}

/// What a person gives the state machine: `{"account": "tienda"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagedOrder {
    /// The account.
    pub account: String,
    /// The moment of judgement; absent, when the state machine began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// About so many bytes of rows go to each invocation; absent, as many as fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_bytes: Option<usize>,
}

impl Stage {
    /// The account.
    pub(crate) fn account(&self) -> &str {
        match self {
            Stage::Plan { order, .. } => &order.account,
            Stage::Cut { account, .. }
            | Stage::Judge { account, .. }
            | Stage::Write { account, .. }
            | Stage::Join { account, .. } => account,
        }
    }

    /// The moment of judgement.
    ///
    /// # Errors
    /// [`TaskError`].
    pub(crate) fn as_of(&self) -> Result<Instant, TaskError> {
        let read = |text: &str| Instant::parse(text).ok_or(TaskError::Tick(TickError::BadTime));
        match self {
            Stage::Plan { order, started_at } => {
                Task { cut: order.cut.clone(), ..Task::default() }.time(read(started_at)?)
            }
            Stage::Cut { as_of, .. }
            | Stage::Judge { as_of, .. }
            | Stage::Write { as_of, .. }
            | Stage::Join { as_of, .. } => read(as_of),
        }
    }
}

impl Event {
    /// Tells the two apart.
    ///
    /// # Errors
    /// What is wrong, of an event that is neither.
    pub fn read(event: Value) -> Result<Event, serde_json::Error> {
        if event.get("Records").is_some() {
            serde_json::from_value(event).map(Event::Messages)
        } else if event.get("stage").is_some() {
            serde_json::from_value(event).map(Event::Stage)
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
    /// The run of the moment that was named did not read everything.
    #[error(
        "a run of this moment stands that went on from the one before and did not read everything: name another cut, or none"
    )]
    Taken,
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

    /// Whether the event names a time.
    pub(crate) fn names_time(&self) -> bool {
        self.cut.is_some() || self.scheduled_at.is_some()
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
    fn a_stage_says_of_which_run_it_is() {
        let read = |event: Value| match Event::read(event).map_err(|error| error.to_string())? {
            Event::Stage(stage) => {
                let as_of = stage.as_of().map_err(|error| error.to_string())?;
                Ok(format!("{} {as_of}", stage.account()))
            }
            other => Err(format!("{other:?}")),
        };
        let check = |event: Value, expected: Result<&str, &str>| match (read(event.clone()), expected) {
            (Ok(gave), Ok(expected)) => assert_eq!(gave, expected, "{event}"),
            (Err(gave), Err(expected)) => assert!(gave.contains(expected), "{event}: {gave}"),
            (gave, expected) => panic!("{event}: gave {gave:?}, expected {expected:?}"),
        };
        let started_at = "2026-03-05T12:00:00.345Z";
        let plan = |order: Value| json!({"stage": "plan", "order": order, "started_at": started_at});
        check(plan(json!({"account": "a"})), Ok("a 2026-03-05T07:00:00-05:00"));
        let cut = json!({"account": "a", "cut": "2026-03-04T07:00:00-05:00"});
        check(plan(cut), Ok("a 2026-03-04T07:00:00-05:00"));
        check(plan(json!({"account": "a", "cut": "2026-03-06T07:00:00-05:00"})), Err("still to come"));
        check(plan(json!({"account": "a", "full": true})), Err("unknown field `full`"));
        let of = json!({"stage": "write", "account": "a", "as_of": "2026-03-05T07:00:00-05:00", "part": 3});
        check(of, Ok("a 2026-03-05T07:00:00-05:00"));
        check(json!({"stage": "end", "account": "a"}), Err("unknown variant `end`"));
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
