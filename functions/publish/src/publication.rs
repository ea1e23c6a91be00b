//! Telling of one code: its state to programs, its troubles to people, its notices to the shop.

use cuadre::aws::table::stream::SetAside;
use cuadre::aws::table::{Noticed, PublishedState};
use cuadre::calendar::Instant;
use cuadre::ids::{Cip, short_id};
use cuadre::lifecycle::evidence::Doubt;
use cuadre::pagoefectivo::search::NOTICE_SETTLES;
use cuadre::report::code;
use cuadre::report::urgent::{self, Urgency};
use serde::Serialize;

use crate::state::{self, Before, Detail};
use crate::{Clients, PublishError};

/// The kind of event, for the rules of EventBridge.
const STATE_CHANGED: &str = "payment.state_changed";

/// Who doubts a code of which a signed notice lies in quarantine.
pub(crate) const QUARANTINE: &str = "quarantine";

/// How often a state is judged anew when another writer was faster; records of one code come one after the other, so that
/// this takes a person's hand.
const ROUNDS_MAX: u32 = 3;

/// Tells what is new of a code. What is told is written first, so that a repetition after a failure tells the same.
pub(crate) async fn tell(
    clients: &Clients,
    account: &str,
    cip: Cip,
    now: Instant,
) -> Result<(), PublishError> {
    let policy = clients.policies.at(now).await?;
    for _ in 0..ROUNDS_MAX {
        let facts = clients.table.facts(account, cip).await?;
        let mut before = Before::default();
        if let Some(standing) = &facts.published {
            before = Before::read(standing);
            if let Some(detail) = &before.detail
                && !standing.announced
                && !announce(clients, account, cip, standing, detail, now).await?
            {
                continue;
            }
        }
        let judged = code::judge(account, cip, &facts.evidence()?, &policy, now);
        let Some((detail, raised)) = state::after(&before, &judged) else {
            return Ok(());
        };
        let raised = raised.iter().map(|reason| reason.word().to_owned()).collect();
        let text = serde_json::to_string(&detail)?;
        let next = PublishedState { version: detail.version, detail: text, raised, announced: false };
        if clients.table.save_state(account, cip, &next).await?
            && announce(clients, account, cip, &next, &detail, now).await?
        {
            return Ok(());
        }
    }
    Err(PublishError::Overtaken)
}

/// Tells a state that is written, and writes down that it is told; `false` where another writer went on meanwhile.
async fn announce(
    clients: &Clients,
    account: &str,
    cip: Cip,
    state: &PublishedState,
    detail: &Detail,
    now: Instant,
) -> Result<bool, PublishError> {
    let reasons: Vec<Urgency> = state.raised.iter().filter_map(|word| Urgency::from_word(word)).collect();
    let content = &detail.content;
    let subject = urgent::Subject {
        account,
        cip,
        reference_id: content.reference_id.as_deref(),
        paid: content.first_paid(),
    };
    if let Some(alert) = urgent::payment(&subject, &reasons, &detail.event_id) {
        clients.topic.publish(&alert).await?;
    }
    clients.events.put(STATE_CHANGED, &state.detail, now).await?;
    let told = PublishedState { announced: true, ..state.clone() };
    let saved = clients.table.save_state(account, cip, &told).await?;
    tracing::info!(
        outcome = "published",
        account,
        cip.number = cip.number(),
        state.version = state.version,
        may_ship = content.may_ship,
        label = content.label,
        raised = state.raised.join(","),
        "state told"
    );
    Ok(saved)
}

/// Tells a person of a notice in quarantine, and holds back the code that it speaks of until that person has settled it.
pub(crate) async fn tell_of_quarantine(clients: &Clients, set_aside: &SetAside) -> Result<(), PublishError> {
    let SetAside { account, cip, id, reason, .. } = set_aside;
    if let Some(cip) = cip {
        let reason = format!("a signed notice of it lies in quarantine: {reason}");
        let doubt = Doubt { source: QUARANTINE.to_owned(), reason, observed_at: None };
        clients.table.record_doubt(account, *cip, id, &doubt).await?;
    }
    clients.topic.publish(&urgent::quarantined(account, *cip, reason, id)).await?;
    tracing::warn!(outcome = "quarantine_told", account, reason, "signed notice in quarantine");
    Ok(())
}

/// Notes where an operation was seen, as far as the fact names one, so that it can be looked up.
pub(crate) async fn note_operation(
    clients: &Clients,
    account: &str,
    number: Option<&str>,
    cip: Cip,
) -> Result<(), PublishError> {
    if let Some(number) = number {
        clients.table.note_operation(account, number, cip).await?;
    }
    Ok(())
}

/// A notice on its way to the shop, as the function forward gets it: not the notice itself, but where it lies.
#[derive(Serialize)]
struct Forward<'a> {
    event_id: &'a str,
    account: &'a str,
    cip: Cip,
    notice: &'a str,
}

/// All that is done for a notice but telling the state of its code.
pub(crate) async fn pass_on(clients: &Clients, noticed: &Noticed, now: Instant) -> Result<(), PublishError> {
    send_on(clients, noticed, now).await?;
    let row = &noticed.row;
    // The provider is asked soon whether it says the same: only a look after the notice confirms it.
    let due_at = row.received_at.moved(NOTICE_SETTLES);
    clients.table.wake_check(&row.account, row.cip, row.received_at, due_at).await?;
    note_operation(clients, &row.account, row.operation_number.as_deref(), row.cip).await
}

/// Hands a notice over to be sent on, where the account wants that. Its place is behind the earlier ones of its code.
async fn send_on(clients: &Clients, noticed: &Noticed, now: Instant) -> Result<(), PublishError> {
    let (account, cip) = (noticed.row.account.as_ref(), noticed.row.cip);
    if clients.policies.at(now).await?.forward_url(account).is_none() {
        return Ok(());
    }
    let event_id = short_id(&[account, &cip.to_string(), &noticed.key]);
    let message = Forward { event_id: &event_id, account, cip, notice: &noticed.key };
    let body = serde_json::to_string(&message)?;
    clients.forwards.send(&format!("{account}#{cip}"), &event_id, body).await?;
    Ok(())
}
