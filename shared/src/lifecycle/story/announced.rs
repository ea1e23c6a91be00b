//! What the provider says by notice, as rows of the kind that reports have, so that both are counted together.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Evidence, NOTICES};
use crate::calendar::Instant;
use crate::ids::Cip;
use crate::lifecycle::evidence::{NoticeRow, ReportRow, ReportStatus, Text};
use crate::lifecycle::meaning::{Meaning, Meanings};
use crate::lifecycle::operations::{Operation, Row, Standing, operations};
use crate::lifecycle::rank::Claim;
use crate::money::Money;

/// Everything that the provider says of the CIP, by notice or otherwise.
pub(super) fn provider_rows<'a>(
    cip: Cip,
    evidence: &Evidence<'a>,
    meanings: &Meanings,
) -> Vec<ReportRow<'a>> {
    let announced = evidence.notices.iter().filter_map(|notice| announced_row(cip, notice, meanings));
    let (returns, others): (Vec<_>, Vec<_>) = announced.partition(|row| gives_back(row.status));
    let removed = others.iter().any(|row| row.status == ReportStatus::Removed);
    // That a code ran out and that it was deleted are two events, not two opinions; deleted is what it stays.
    let overtaken = |row: &ReportRow<'_>| removed && row.status == ReportStatus::Expired;
    let mut rows = evidence.reports.clone();
    rows.extend(others.into_iter().filter(|row| !overtaken(row)));
    add_returns(&mut rows, returns);
    rows
}

const fn gives_back(status: ReportStatus) -> bool {
    matches!(status, ReportStatus::Refunded | ReportStatus::Reversed)
}

/// A notice as a row; none where it changes nothing or is not understood.
fn announced_row<'a>(cip: Cip, notice: &NoticeRow<'a>, meanings: &Meanings) -> Option<ReportRow<'a>> {
    let status = match meanings.of(&notice.event_type)? {
        Meaning::Paid => ReportStatus::Paid,
        Meaning::Refunded => ReportStatus::Refunded,
        Meaning::Reversed => ReportStatus::Reversed,
        Meaning::Expired => ReportStatus::Expired,
        Meaning::Removed => ReportStatus::Removed,
        Meaning::Nothing => return None,
    };
    Some(ReportRow {
        operation_number: notice.operation_number.clone(),
        paid_at: notice.paid_at.filter(|_| status.is_event()),
        // A refund's amount is what this event gave back: less than the payment, it is a refund in part.
        refunded_minor: (status == ReportStatus::Refunded).then_some(notice.amount.minor),
        ..ReportRow::new(NOTICES, notice.account.clone(), cip, status, notice.amount)
    })
}

/// Adds the notices of returns, each under the number of the payment that it takes back.
///
/// "Number of the operation that caused the event" (vendor doc v1.1) may be that of the giving back itself: one that no
/// other row bears names no payment, and the latest is taken back. Two such numbers are two events, and two refunds of one
/// payment add up. Both are our assumption. A notice without number is placed as any row without.
fn add_returns<'a>(rows: &mut Vec<ReportRow<'a>>, returns: Vec<ReportRow<'a>>) {
    let (mut numbered, unnumbered): (Vec<_>, Vec<_>) =
        returns.into_iter().partition(|row| row.operation_number.is_some());
    sort_events(&mut numbered, rows);
    let mut placed: Vec<Placed> = Vec::new();
    let same_event = |a: &ReportRow<'_>, b: &ReportRow<'_>| event_of(a) == event_of(b);
    for event in numbered.chunk_by(same_event) {
        let Some((first, contradicting)) = event.split_first() else { continue };
        let Some(payment) = payment_of(first, rows, &placed) else {
            // Nothing is left to take back: it is of a payment that came and went.
            rows.extend(event.iter().cloned());
            continue;
        };
        let row = payment.named_by(first);
        let before = placed.iter().find(|known| known.status == row.status && known.payment == payment);
        match before.and_then(|known| rows.get_mut(known.index)) {
            Some(before) if before.amount == row.amount => {
                before.refunded_minor = sum(before.refunded_minor, row.refunded_minor);
            }
            _ => {
                placed.push(Placed { status: row.status, payment: payment.clone(), index: rows.len() });
                rows.push(row);
            }
        }
        rows.extend(contradicting.iter().map(|row| payment.named_by(row)));
    }
    let measured = |row: ReportRow<'a>| match payment_of(&row, rows, &placed) {
        Some(payment) => payment.measure(row),
        None => row,
    };
    let unnumbered: Vec<_> = unnumbered.into_iter().map(measured).collect();
    rows.extend(unnumbered);
}

/// What an event is known by, inside its CIP.
fn event_of<'r>(row: &'r ReportRow<'_>) -> (ReportStatus, Option<&'r str>) {
    (row.status, row.operation_number.as_deref())
}

/// Those first that bear a number which another row bears too; then as rows without number are placed: reversals before
/// refunds, dated before undated. The same event again is dropped.
fn sort_events(events: &mut Vec<ReportRow<'_>>, rows: &[ReportRow<'_>]) {
    let known: BTreeSet<&str> = rows.iter().filter_map(|row| row.operation_number.as_deref()).collect();
    let unknown = |row: &ReportRow<'_>| event_of(row).1.is_none_or(|number| !known.contains(number));
    let first_of = |event: &ReportRow<'_>| (unknown(event), Reverse(event.status));
    // All contents of one event stand together, at the place of the one that ranks first.
    let mut ranked = std::mem::take(events);
    ranked.sort_by(|a, b| first_of(a).cmp(&first_of(b)).then_with(|| a.rank(b)));
    ranked.dedup();
    for row in ranked {
        let place = events.iter().rposition(|known| event_of(known) == event_of(&row));
        events.insert(place.map_or(events.len(), |last| last.saturating_add(1)), row);
    }
}

/// What went back in two events; unknown where one is in another currency than its payment.
fn sum(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    Some(a?.saturating_add(b?))
}

/// A notice of a return that has found its payment.
struct Placed {
    status: ReportStatus,
    payment: TakenBack,
    /// Its row among the provider's.
    index: usize,
}

/// The payment that a notice of a return is of.
#[derive(Clone, PartialEq, Eq)]
struct TakenBack {
    number: Option<String>,
    paid_at: Option<Instant>,
    money: Option<Money>,
}

impl TakenBack {
    fn new(operation: &Operation<'_, '_>) -> Self {
        TakenBack {
            number: operation.number().map(str::to_owned),
            paid_at: operation.paid_at(),
            money: operation.money(),
        }
    }

    /// The notice's row as one that names this payment: by its number, else by its time.
    fn named_by<'a>(&self, row: &ReportRow<'a>) -> ReportRow<'a> {
        let mut row = self.measure(row.clone());
        row.operation_number = self.number.clone().map(Text::Owned);
        if self.number.is_none() {
            row.paid_at = self.paid_at.or(row.paid_at);
        }
        row
    }

    /// A notice states what the event gave back, a report the payment and what of it went back. In another currency than
    /// the payment's it cannot be said to be a part.
    fn measure<'a>(&self, mut row: ReportRow<'a>) -> ReportRow<'a> {
        match self.money {
            Some(money) if row.status == ReportStatus::Refunded && money.currency == row.amount.currency => {
                row.amount = money;
            }
            Some(money) if money.currency != row.amount.currency => row.refunded_minor = None,
            _ => {}
        }
        row
    }
}

/// The payment that a return is of: the one whose number it bears, else one of whose return only others have told, else
/// the latest live one made at or before it.
fn payment_of(event: &ReportRow<'_>, rows: &[ReportRow<'_>], placed: &[Placed]) -> Option<TakenBack> {
    let payments: Vec<Row<'_, '_>> =
        rows.iter().enumerate().filter(|(_, row)| row.status.is_event()).collect();
    let (operations, _) = operations(&payments);
    let bears = |operation: &&Operation<'_, '_>| {
        event.operation_number.as_deref().is_some_and(|number| operation.numbers.contains(&number))
    };
    let told_by_others = |operation: &&Operation<'_, '_>| {
        let payment = TakenBack::new(operation);
        let told = placed.iter().any(|known| known.status == event.status && known.payment == payment);
        let same = |known: &ReportRow<'_>| {
            let apart = matches!((known.paid_at, event.paid_at), (Some(a), Some(b)) if a != b);
            known.status == event.status && known.source != NOTICES && !apart
        };
        !told && operation.returns.iter().any(|known| same(&known.row))
    };
    let reached = |operation: &&Operation<'_, '_>| {
        operation.standing == Standing::Live
            && match (event.paid_at, operation.paid_at()) {
                (None, _) => true,
                (Some(back), Some(paid)) => paid <= back,
                (Some(_), None) => false,
            }
    };
    let named = operations.iter().find(bears).or_else(|| operations.iter().find(told_by_others));
    let latest = || operations.iter().filter(reached).max_by(|a, b| a.compare(b));
    named.or_else(latest).map(TakenBack::new)
}
