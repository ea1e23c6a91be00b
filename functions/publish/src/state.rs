//! Which change of a code is told, and whom it concerns at once. Pure.

use cuadre::aws::table::PublishedState;
use cuadre::ids::short_id;
use cuadre::lifecycle::cip::CodeState;
use cuadre::lifecycle::shipping::Hold;
use cuadre::report::code::{CodeReport, Judged};
use cuadre::report::urgent::Urgency;
use serde::{Deserialize, Serialize};

/// The detail of the event `payment.state_changed` (docs/events.md): what is said of a code, and which change of it it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Detail {
    /// The same in every repetition of this change.
    pub(crate) event_id: String,
    /// Counts the changes of this code, from 1.
    pub(crate) version: u64,
    previous_state: Option<String>,
    previously_may_ship: bool,
    /// An earlier change said that the order may ship, and nobody has been told since that the money was taken back.
    cleared: bool,
    pub(crate) content: CodeReport,
}

/// What was told of a code so far.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// 0 where nothing was.
    version: u64,
    /// None too where another version of Cuadre told it in a form of its own: then all of it is told anew.
    pub(crate) detail: Option<Detail>,
}

impl Before {
    pub(crate) fn read(state: &PublishedState) -> Before {
        Before { version: state.version, detail: serde_json::from_str(&state.detail).ok() }
    }

    /// Whether somebody may have shipped, and does not know yet that the money is gone.
    fn was_cleared(&self) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.cleared || detail.content.may_ship)
    }
}

/// The next detail after `before`, with the reasons to tell somebody at once that came up; none where there is nothing new
/// to tell.
pub(crate) fn after(before: &Before, judged: &Judged) -> Option<(Detail, Vec<Urgency>)> {
    let content = &judged.report;
    let told = before.detail.as_ref();
    if told.is_some_and(|told| told.content == *content) {
        return None;
    }
    let version = before.version.saturating_add(1);
    let raised = raised(before, judged);
    let detail = Detail {
        event_id: short_id(&[&content.account, &content.cip.to_string(), &version.to_string()]),
        version,
        previous_state: told.and_then(|told| told.content.state.clone()),
        previously_may_ship: told.is_some_and(|told| told.content.may_ship),
        cleared: before.was_cleared() && !raised.contains(&Urgency::TakenBack),
        content: content.clone(),
    };
    Some((detail, raised))
}

fn raised(before: &Before, judged: &Judged) -> Vec<Urgency> {
    let was = |hold: Hold| {
        let held = |told: &Detail| told.content.holds.iter().any(|word| word == hold.word());
        let paid = |told: &Detail| told.content.state.as_deref() == Some(CodeState::Paid.word());
        // While nothing was paid, an order that was not known or given up hurt nobody, and nobody was told.
        before.detail.as_ref().is_some_and(|told| held(told) && (is_always_urgent(hold) || paid(told)))
    };
    let is_paid = judged.story.state == Some(CodeState::Paid);
    let urgent = |hold: Hold| is_always_urgent(hold) || (is_paid && is_urgent_when_paid(hold));
    let holds = judged.holds.iter().copied().filter(|hold| urgent(*hold) && !was(*hold));
    let taken_back =
        (before.was_cleared() && judged.holds.contains(&Hold::Unpaid)).then_some(Urgency::TakenBack);
    holds.map(Urgency::Held).chain(taken_back).collect()
}

const fn is_always_urgent(hold: Hold) -> bool {
    matches!(hold, Hold::Conflict | Hold::Review)
}

const fn is_urgent_when_paid(hold: Hold) -> bool {
    matches!(
        hold,
        Hold::OrderUnknown
            | Hold::OrderAmbiguous
            | Hold::CurrencyDiffers
            | Hold::AmountDiffers
            | Hold::OrderClosed
    )
}
