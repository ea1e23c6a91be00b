//! Notices beside the pairs: payments that nobody announced, and announcements that nobody confirms.

use std::collections::HashMap;

use super::class::{Class, Reason};
use super::judge::still_silent;
use super::{Coverage, join::AccountCip};
use crate::calendar::Instant;
use crate::config::Policy;
use crate::ids::Cip;
use crate::lifecycle::evidence::NoticeRow;
use crate::lifecycle::operations::Operation;
use crate::lifecycle::settle::RowIndex;

/// The provider's word for a payment; the only event that its documentation lists (v1.1).
const PAID: &str = "cip.paid";

/// One announced event and the notices that tell of it.
pub(super) struct Announcement<'r, 'a> {
    /// The notice that stands.
    pub notice: &'r NoticeRow<'a>,
    pub speaker: RowIndex,
    /// Deliveries that differ in the time of receipt alone.
    pub duplicates: Vec<RowIndex>,
    /// Notices of the same event that say otherwise.
    pub contradicting: Vec<RowIndex>,
}

impl Announcement<'_, '_> {
    pub fn is_paid(&self) -> bool {
        self.notice.event_type == PAID
    }

    /// How many whole seconds after its payment it was first delivered; `None` where it bears no time of the payment.
    pub fn delay_seconds(&self, notices: &[NoticeRow<'_>]) -> Option<i64> {
        let deliveries = std::iter::once(&self.speaker).chain(&self.duplicates);
        let received_at = deliveries.filter_map(|row| notices.get(*row)).map(|notice| notice.received_at);
        Some(received_at.min()?.seconds_since(self.notice.paid_at?))
    }

    fn may_tell_of(&self, operation: &Operation<'_, '_>) -> bool {
        match self.notice.operation_number.as_deref() {
            Some(number) => operation.numbers.is_empty() || operation.numbers.contains(&number),
            None => true,
        }
    }
}

type Subject<'r> = (&'r str, Cip, &'r str, Option<&'r str>, Option<Instant>);

/// What identifies an event: its number, else its time, else that there is neither.
fn subject<'r>(notice: &'r NoticeRow<'_>) -> Subject<'r> {
    let number = notice.operation_number.as_deref();
    let time = if number.is_some() { None } else { notice.paid_at };
    (notice.account.as_ref(), notice.cip, notice.event_type.as_ref(), number, time)
}

fn contradicts(a: &NoticeRow<'_>, b: &NoticeRow<'_>) -> bool {
    a.amount != b.amount || matches!((a.paid_at, b.paid_at), (Some(a), Some(b)) if a != b)
}

/// The events that notices announce, ordered by account, CIP, event, number and time.
pub(super) fn announcements<'r, 'a>(notices: &'r [NoticeRow<'a>]) -> Vec<Announcement<'r, 'a>> {
    let mut sorted: Vec<(RowIndex, &NoticeRow<'a>)> = notices.iter().enumerate().collect();
    sorted.sort_by(|(ia, a), (ib, b)| {
        let money = |notice: &NoticeRow<'_>| (notice.amount.minor, notice.amount.currency);
        subject(a)
            .cmp(&subject(b))
            .then_with(|| a.paid_at.is_none().cmp(&b.paid_at.is_none()))
            .then_with(|| a.paid_at.cmp(&b.paid_at))
            .then_with(|| money(a).cmp(&money(b)))
            .then_with(|| a.received_at.cmp(&b.received_at))
            .then_with(|| ia.cmp(ib))
    });
    sorted
        .chunk_by(|(_, a), (_, b)| subject(a) == subject(b))
        .filter_map(|rows| {
            let ((speaker, notice), rest) = rows.split_first()?;
            let mut announcement =
                Announcement { notice, speaker: *speaker, duplicates: Vec::new(), contradicting: Vec::new() };
            for (index, row) in rest {
                let list = if contradicts(notice, row) {
                    &mut announcement.contradicting
                } else {
                    &mut announcement.duplicates
                };
                list.push(*index);
            }
            Some(announcement)
        })
        .collect()
}

/// Whether a payment was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    /// A notice tells of it.
    Announced,
    /// A notice may still come.
    Waits,
    /// None came in time.
    Lost,
}

/// What became of an announced event.
pub(super) type Heard = (Class, Option<Reason>);

/// The notice–report relation of one run.
pub(super) struct Relation<'c, 'r, 'a> {
    pub announcements: &'c [Announcement<'r, 'a>],
    pub policy: &'c Policy,
    pub coverage: &'c Coverage,
    by_cip: HashMap<(&'r str, Cip), Vec<&'c Announcement<'r, 'a>>>,
}

impl<'c, 'r, 'a> Relation<'c, 'r, 'a> {
    pub fn new(
        announcements: &'c [Announcement<'r, 'a>],
        policy: &'c Policy,
        coverage: &'c Coverage,
    ) -> Self {
        let mut by_cip: HashMap<_, Vec<_>> = HashMap::new();
        for announcement in announcements.iter().filter(|announcement| announcement.is_paid()) {
            let notice = announcement.notice;
            by_cip.entry((notice.account.as_ref(), notice.cip)).or_default().push(announcement);
        }
        Relation { announcements, policy, coverage, by_cip }
    }

    /// The payments of a CIP, each with whether a notice announced it.
    pub fn payments<'x>(&self, cip: &'x AccountCip<'r, 'a>) -> Vec<(&'x Operation<'r, 'a>, Hearing)> {
        let Some(number) = cip.view.key.cip() else { return Vec::new() };
        let grace = self.policy.grace(cip.account).notices;
        let heard = self.by_cip.get(&(cip.account, number)).map_or(&[][..], Vec::as_slice);
        let announced =
            |operation: &Operation<'_, '_>| heard.iter().any(|notice| notice.may_tell_of(operation));
        let may_come = |operation: &Operation<'_, '_>| {
            let created_at = operation.speaker().and_then(|settled| settled.row.created_at);
            let start = operation.paid_at().or(created_at);
            start
                .is_some_and(|start| still_silent(self.coverage.notices, self.policy.grace_end(grace, start)))
        };
        let hearing = |operation: &Operation<'_, '_>| match () {
            () if announced(operation) => Hearing::Announced,
            () if may_come(operation) => Hearing::Waits,
            () => Hearing::Lost,
        };
        cip.view.operations.iter().map(|operation| (operation, hearing(operation))).collect()
    }

    /// What became of the announced payments of one CIP, each with its class.
    ///
    /// Equal numbers bind first. What is left binds to reported payments that no announcement has taken: a numbered
    /// announcement to one without number, one without number to any. An announcement without number may also repeat a
    /// payment that is taken, unless their times tell them apart. So a second signed payment beside the one that the
    /// provider's search shows does not pass unseen.
    pub fn heard(
        &self,
        announced: &[&'c Announcement<'r, 'a>],
        operations: &[Operation<'r, 'a>],
    ) -> Vec<(&'c Announcement<'r, 'a>, Heard)> {
        let number = |announcement: &Announcement<'r, 'a>| announcement.notice.operation_number.as_deref();
        let named = |announcement: &Announcement<'r, 'a>, operation: &Operation<'_, '_>| {
            number(announcement).is_some_and(|number| operation.numbers.contains(&number))
        };
        let mut free: Vec<&Operation<'_, '_>> = operations
            .iter()
            .filter(|operation| !announced.iter().any(|one| named(one, operation)))
            .collect();
        let mut take = |fits: &dyn Fn(&Operation<'_, '_>) -> bool| {
            free.iter().position(|operation| fits(operation)).map(|index| free.remove(index)).is_some()
        };
        announced
            .iter()
            .map(|announcement| {
                let paid_at = announcement.notice.paid_at;
                let at_other_time = |operation: &Operation<'_, '_>| {
                    matches!((paid_at, operation.paid_at()), (Some(a), Some(b)) if a != b)
                };
                let confirmed = operations.iter().any(|operation| named(announcement, operation))
                    || match number(announcement) {
                        Some(_) => take(&|operation| operation.numbers.is_empty()),
                        None => {
                            take(&|operation| !at_other_time(operation))
                                || operations.iter().any(|operation| !at_other_time(operation))
                                || take(&|_| true)
                        }
                    };
                (*announcement, self.class_of(announcement, confirmed))
            })
            .collect()
    }

    fn class_of(&self, announcement: &Announcement<'_, '_>, confirmed: bool) -> Heard {
        let notice = announcement.notice;
        if !announcement.contradicting.is_empty() {
            return (Class::ConflictingRecord, Some(Reason::NoticesContradict));
        }
        if confirmed {
            return (Class::Matched, None);
        }
        let start = notice.paid_at.unwrap_or(notice.received_at);
        let covered = self.coverage.of_cips(&notice.account, [notice.cip]);
        let grace = self.policy.grace(&notice.account).reports;
        if still_silent(covered, self.policy.grace_end(grace, start)) {
            (Class::Open, Some(Reason::NothingAtProvider))
        } else {
            (Class::UnconfirmedNotice, None)
        }
    }

    /// The announced payments by account and CIP, in the order of the announcements.
    pub fn paid_by_cip(&self) -> Vec<((&'r str, Cip), &[&'c Announcement<'r, 'a>])> {
        let mut groups: Vec<_> = self.by_cip.iter().map(|(key, list)| (*key, list.as_slice())).collect();
        groups.sort_by_key(|(key, _)| *key);
        groups
    }
}
