//! Which change of a code is told, and whom it concerns at once. Pure.

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
    pub(crate) content: CodeReport,
}

/// The next detail after `before`; none where there is nothing new to tell.
pub(crate) fn after(before: Option<&Detail>, judged: &Judged) -> Option<Detail> {
    let content = &judged.report;
    if before.is_some_and(|before| before.content == *content) {
        return None;
    }
    let version = before.map_or(1, |before| before.version.saturating_add(1));
    Some(Detail {
        event_id: short_id(&[&content.account, &content.cip.to_string(), &version.to_string()]),
        version,
        previous_state: before.and_then(|before| before.content.state.clone()),
        previously_may_ship: before.is_some_and(|before| before.content.may_ship),
        content: content.clone(),
    })
}

/// The reasons to tell somebody at once that came up since `before`.
pub(crate) fn raised(before: Option<&Detail>, judged: &Judged) -> Vec<Urgency> {
    let was = |hold: Hold| {
        let held = |before: &Detail| before.content.holds.iter().any(|word| word == hold.word());
        let paid = |before: &Detail| before.content.state.as_deref() == Some(CodeState::Paid.word());
        // While nothing was paid, an order that was not known or given up hurt nobody, and nobody was told.
        before.is_some_and(|before| held(before) && (is_always_urgent(hold) || paid(before)))
    };
    let is_paid = judged.story.state == Some(CodeState::Paid);
    let urgent = |hold: Hold| is_always_urgent(hold) || (is_paid && is_urgent_when_paid(hold));
    let holds = judged.holds.iter().copied().filter(|hold| urgent(*hold) && !was(*hold));
    let was_cleared = before.is_some_and(|before| before.content.may_ship);
    let taken_back = (was_cleared && judged.holds.contains(&Hold::Unpaid)).then_some(Urgency::TakenBack);
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
