//! What the function is woken by: the schedule's tick, a message of its own queue, or a person.

use cuadre::aws::batch::Messages;
use cuadre::aws::schedule::{Tick, TickError};
use cuadre::calendar::Instant;
use cuadre::config::sources::{Mode, Window};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the function is woken by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages of the queue, each one pull of one source.
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

/// What is to be pulled: `{"account": "tienda", "source": "portal_api", "from": "…", "to": "…", "mode": "full"}`. All may be
/// absent: without source every source of the account, without account every account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Task {
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The source, by its name in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The time for which the work is done; absent, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<String>,
    /// The beginning of a window by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The moment that a window by hand ends before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Instead of the source's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Nothing is pulled: the shape of the provider's answers is compared with the recorded one.
    #[serde(skip_serializing_if = "is_false")]
    pub probe: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_false(probe: &bool) -> bool {
    !probe
}

/// Why a task cannot be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Not a time for which work can be done.
    #[error(transparent)]
    Tick(#[from] TickError),
    /// Neither in `ACCOUNTS` nor in the policy.
    #[error("the event names an account that neither ACCOUNTS nor the policy lists")]
    UnknownAccount,
    /// Not in the policy.
    #[error("the event names a source that the policy does not list under the account")]
    UnknownSource,
    /// A window by hand that is none.
    #[error(
        "from and to stand together, are RFC 3339 times such as 2026-03-02T00:00:00-05:00, and from is before to"
    )]
    BadWindow,
    /// A window by hand is asked of one source.
    #[error("from, to and mode are for one source: name account and source too")]
    WindowOfMany,
    /// The whole is asked for of a source that does not say where it begins.
    #[error("mode full needs a first day: write since into the source's table, or name from and to")]
    NoFirstDay,
    /// A search names its codes and no time.
    #[error("a cip_search has no window: leave out from, to and mode")]
    WindowOfSearch,
}

impl Task {
    /// The time for which the work is done.
    pub(crate) fn time(&self, now: Instant) -> Result<Instant, TaskError> {
        let tick = Tick { account: None, scheduled_at: self.scheduled_at.clone() };
        Ok(tick.time(now)?)
    }

    /// The window by hand, if there is one.
    pub(crate) fn window(&self) -> Result<Option<Window>, TaskError> {
        let (from, to) = match (self.from.as_deref(), self.to.as_deref()) {
            (None, None) => return Ok(None),
            (Some(from), Some(to)) => (Instant::parse(from), Instant::parse(to)),
            _ => return Err(TaskError::BadWindow),
        };
        let window = from.zip(to).filter(|(from, to)| from < to);
        window.map(|(from, to)| Some(Window { from, to })).ok_or(TaskError::BadWindow)
    }

    /// Whether it says more than which sources to pull.
    pub(crate) fn is_by_hand(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.mode.is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_window_is_two_times_in_their_order() {
        let check = |from: Option<&str>, to: Option<&str>, expected: Result<bool, TaskError>| {
            let task = Task { from: from.map(str::to_owned), to: to.map(str::to_owned), ..Task::default() };
            assert_eq!(task.window().map(|window| window.is_some()), expected, "{from:?} {to:?}");
        };
        let (first, second) = (Some("2026-03-02T00:00:00-05:00"), Some("2026-03-02T05:00:01Z"));
        check(None, None, Ok(false));
        check(first, second, Ok(true));
        check(second, first, Err(TaskError::BadWindow));
        check(first, first, Err(TaskError::BadWindow));
        check(first, None, Err(TaskError::BadWindow));
        check(first, Some("tomorrow"), Err(TaskError::BadWindow));
    }

    #[test]
    fn an_event_is_messages_or_a_task_and_a_misspelt_one_says_where() {
        let read = |event: Value| Event::read(event).map_err(|error| error.to_string());
        assert_eq!(read(json!({"Records": []})), Ok(Event::Messages(Messages::default())));
        assert_eq!(read(json!({})), Ok(Event::Task(Task::default())));
        assert!(read(json!({"acount": "tienda"})).unwrap_err().contains("unknown field `acount`"));
        assert!(read(json!({"mode": "all"})).unwrap_err().contains("unknown variant `all`"));
    }

    #[test]
    fn a_task_travels_through_the_queue_as_it_is() {
        let task = Task { account: Some("a".to_owned()), mode: Some(Mode::Full), ..Task::default() };
        let text = serde_json::to_string(&task).unwrap();
        assert_eq!(text, r#"{"account":"a","mode":"full"}"#);
        assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), task);
    }
}
