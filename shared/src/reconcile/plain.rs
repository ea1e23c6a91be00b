//! Pairs that need no counting: one order at most, one row of the provider at most. Nearly every pair is one, and its
//! judgement is the general one (`judge`), only that nothing has to be settled before.

use std::collections::BTreeMap;

use super::Coverage;
use super::class::Class;
use super::fraud::{self, Fate};
use super::judge::{Judge, Stand, state_of};
use super::line::Shown;
use super::subject;
use crate::calendar::Instant;
use crate::config::Policy;
use crate::ids::BreakId;
use crate::lifecycle::cip::{ProviderState, expired_at};
use crate::lifecycle::evidence::{OrderRow, ReportRow, ReportStatus};
use crate::lifecycle::operations::Standing;

/// Judges plain pairs.
pub(crate) struct PlainJudge<'c> {
    judge: Judge<'c>,
    opened: &'c BTreeMap<BreakId, Instant>,
    /// When a break is seen for the first time; absent where no moment is known.
    seen_at: Option<Instant>,
}

impl<'c> PlainJudge<'c> {
    /// A judge under the terms of a run; without a moment any moment judges alike.
    pub(crate) fn new(
        coverage: &'c Coverage,
        policy: &'c Policy,
        as_of: Option<Instant>,
        opened: &'c BTreeMap<BreakId, Instant>,
    ) -> PlainJudge<'c> {
        let judge = Judge { policy, coverage, as_of: as_of.unwrap_or_default() };
        PlainJudge { judge, opened, seen_at: as_of }
    }

    /// An order and the only row of its only CIP, if there is one. The row states no refunded amount.
    pub(crate) fn pair<'s>(
        &self,
        order: &'s OrderRow<'_>,
        report: Option<&'s ReportRow<'_>>,
        buffer: &mut Vec<u8>,
    ) -> Shown<'s> {
        let stand = report.map(|row| stand_of(row, self.judge.as_of, order.expires_at));
        let judgement = self.judge.pair(order, stand.as_ref());
        let mut line = subject::order_line(order, stand.as_ref(), judgement, buffer);
        self.note_opened(&mut line);
        line
    }

    /// The only row of a CIP that no order expects.
    pub(crate) fn alone<'s>(&self, report: &'s ReportRow<'_>) -> Shown<'s> {
        let stand = stand_of(report, self.judge.as_of, None);
        let judgement = self.judge.without_order(&report.account, &stand);
        let key = report.cip.map(|cip| cip.to_string()).unwrap_or_default();
        let mut line = subject::cip_line(&report.account, &key, &stand, judgement);
        self.note_opened(&mut line);
        line
    }

    /// What the line of such rows would be classed as, and the provider's state on it.
    pub(crate) fn class_of(
        &self,
        order: Option<&OrderRow<'_>>,
        report: Option<&ReportRow<'_>>,
    ) -> (Class, &'static str) {
        let expires_at = order.and_then(|order| order.expires_at);
        let stand = report.map(|row| stand_of(row, self.judge.as_of, expires_at));
        let state = stand.map_or(ProviderState::Absent, |stand| stand.state);
        let (class, _) = match (order, report, &stand) {
            (None, Some(report), Some(stand)) => self.judge.without_order(&report.account, stand),
            (Some(order), ..) => self.judge.pair(order, stand.as_ref()),
            (None, ..) => (Class::Unpaid, None),
        };
        (class, state.word())
    }

    /// What became of such a pair, as far as the fraud rules ask.
    pub(crate) fn fate(&self, order: &OrderRow<'_>, report: Option<&ReportRow<'_>>) -> Fate {
        fraud::fate_of_pair(&self.judge, order, report)
    }

    /// Whether its goods left before they were paid.
    pub(crate) fn left_early(&self, order: &OrderRow<'_>, report: &ReportRow<'_>) -> bool {
        fraud::left_early(&self.judge, order, report)
    }

    fn note_opened(&self, line: &mut Shown<'_>) {
        if line.class.is_break() {
            line.opened_at = self.opened.get(&line.break_id).copied().or(self.seen_at);
        }
    }
}

/// What a CIP amounts to of which the provider says nothing but this row.
fn stand_of<'s>(row: &'s ReportRow<'_>, as_of: Instant, order_expires_at: Option<Instant>) -> Stand<'s> {
    let expired = || expired_at(row.expires_at.or(order_expires_at), as_of);
    let state = match row.status {
        ReportStatus::Paid => state_of(Standing::Live),
        ReportStatus::Refunded => state_of(Standing::Refunded),
        ReportStatus::Reversed => state_of(Standing::Reversed),
        ReportStatus::Removed => ProviderState::Removed,
        ReportStatus::Expired => ProviderState::Expired,
        ReportStatus::Pending if expired() => ProviderState::Expired,
        ReportStatus::Pending => ProviderState::Pending,
    };
    let has_payment = row.status.is_event();
    Stand {
        cip: row.cip,
        state,
        money: Some(row.amount),
        paid_at: row.paid_at.filter(|_| has_payment),
        created_at: row.created_at,
        expires_at: row.expires_at,
        refunded_stated: None,
        refunded_part: None,
        has_payment,
        operation_number: row.operation_number.as_deref().filter(|_| has_payment),
        reference_id: row.reference_id.as_deref(),
        store: row.store.as_deref(),
    }
}
