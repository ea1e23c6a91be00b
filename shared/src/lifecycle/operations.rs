//! From payment rows to operations: which rows tell of one taking of cash, within a source and across sources.
//!
//! Numbers are compared only within one source. Sources bind by equal number, else by being the only payment, so that
//! the number of payments of a CIP is the largest that any one source shows.
#![deny(clippy::arithmetic_side_effects)]

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::evidence::{ReportRow, ReportStatus};
use super::rank::{Claim, missing_last};
use super::settle::{RowIndex, Settled, settle};
use crate::calendar::Instant;
use crate::ids::compare_operation_numbers;
use crate::money::Money;

/// A row with its place in the input.
pub type Row<'r, 'a> = (RowIndex, &'r ReportRow<'a>);

/// What has become of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The money is with the provider or the merchant.
    Live,
    /// The merchant gave it back, wholly.
    Refunded,
    /// The collector took it back.
    Reversed,
}

/// One taking of cash for a CIP.
#[derive(Clone, Debug)]
pub struct Operation<'r, 'a> {
    /// Its numbers: one a source at most, smallest first.
    pub numbers: Vec<&'r str>,
    /// Live, or how it went back.
    pub standing: Standing,
    /// The rows that say it was paid.
    pub paid: Option<Settled<'r, ReportRow<'a>>>,
    /// The rows that say it was given back or taken back.
    pub returns: Vec<Settled<'r, ReportRow<'a>>>,
    /// Minor units given back while the payment stays live.
    pub refunded_part: Option<i64>,
    sources: Vec<u16>,
    paid_rows: Vec<Row<'r, 'a>>,
    return_rows: Vec<Return<'r, 'a>>,
}

/// The rows of one refund or reversal. Those that bear the operation's number are one a status.
#[derive(Clone, Debug)]
struct Return<'r, 'a> {
    status: ReportStatus,
    named: bool,
    rows: Vec<Row<'r, 'a>>,
}

impl<'r, 'a> Operation<'r, 'a> {
    /// The row that speaks for the payment: its paid row, else that of its return.
    #[must_use]
    pub fn speaker(&self) -> Option<&Settled<'r, ReportRow<'a>>> {
        self.paid.as_ref().or_else(|| self.returns.first())
    }

    /// The amount taken.
    #[must_use]
    pub fn money(&self) -> Option<Money> {
        self.speaker().map(|settled| settled.row.amount)
    }

    /// When cash was taken, as far as is known.
    #[must_use]
    pub fn paid_at(&self) -> Option<Instant> {
        self.speaker().and_then(|settled| settled.row.paid_at)
    }

    /// The number to show: the smallest.
    #[must_use]
    pub fn number(&self) -> Option<&'r str> {
        self.numbers.first().copied()
    }

    /// What the provider states as given back so far, in part or whole: the largest amount that any row states.
    #[must_use]
    pub fn refunded_stated(&self) -> Option<i64> {
        self.returns.iter().chain(&self.paid).filter_map(|settled| settled.row.refunded_minor).max()
    }

    /// The order of payments: by time, then by number, what is missing last.
    #[must_use]
    pub fn compare(&self, other: &Operation<'_, '_>) -> Ordering {
        missing_last(self.paid_at().as_ref(), other.paid_at().as_ref())
            .then_with(|| compare_operation_numbers(self.number(), other.number()))
    }

    /// Whether a row without number may tell of this operation: same money and, where both have one, same time.
    fn fits(&self, row: &ReportRow<'_>) -> bool {
        let time = self.paid.as_ref().and_then(|paid| paid.row.paid_at);
        self.money() == Some(row.amount) && !matches!((time, row.paid_at), (Some(a), Some(b)) if a != b)
    }

    fn shares_source(&self, sources: &[u16]) -> bool {
        self.sources.iter().any(|source| sources.contains(source))
    }

    /// The collector took the money back, and with it what had been given back in part.
    pub(super) fn reverse(&mut self) {
        self.standing = Standing::Reversed;
        self.refunded_part = None;
    }

    fn new() -> Self {
        Operation {
            numbers: Vec::new(),
            standing: Standing::Live,
            paid: None,
            returns: Vec::new(),
            refunded_part: None,
            sources: Vec::new(),
            paid_rows: Vec::new(),
            return_rows: Vec::new(),
        }
    }

    fn note_origin(&mut self, rows: &[Row<'r, 'a>]) {
        for (_, row) in rows {
            if !self.sources.contains(&row.source) {
                self.sources.push(row.source);
            }
            if let Some(number) = row.operation_number.as_deref()
                && !self.numbers.contains(&number)
            {
                self.numbers.push(number);
            }
        }
        self.numbers.sort_by(|a, b| compare_operation_numbers(Some(a), Some(b)));
    }

    fn add_paid(&mut self, rows: &[Row<'r, 'a>]) {
        self.note_origin(rows);
        self.paid_rows.extend_from_slice(rows);
        self.recount();
    }

    fn add_return(&mut self, status: ReportStatus, named: bool, rows: &[Row<'r, 'a>]) {
        self.note_origin(rows);
        let same = |known: &&mut Return<'_, '_>| named && known.named && known.status == status;
        match self.return_rows.iter_mut().find(same) {
            Some(known) => known.rows.extend_from_slice(rows),
            None => self.return_rows.push(Return { status, named, rows: rows.to_vec() }),
        }
        self.recount();
    }

    fn absorb(&mut self, other: Operation<'r, 'a>) {
        self.add_paid(&other.paid_rows);
        for known in other.return_rows {
            self.add_return(known.status, known.named, &known.rows);
        }
    }

    /// Settles the rows and counts what of the payment is left. A refund is whole unless what is stated as given back
    /// is less than the payment; in part, the payment stays live.
    fn recount(&mut self) {
        self.paid = settle(self.paid_rows.iter().copied(), |row| row.observed_at);
        self.returns = self
            .return_rows
            .iter()
            .filter_map(|known| settle(known.rows.iter().copied(), |row| row.observed_at))
            .collect();
        // The strongest speaks where the paid row is missing, whatever arrived first.
        self.returns.sort_by(|a, b| b.row.status.cmp(&a.row.status).then_with(|| a.row.rank(&b.row)));
        let reversed = self.returns.iter().any(|known| known.row.status == ReportStatus::Reversed);
        let mut refunds = self.returns.iter().filter(|known| known.row.status == ReportStatus::Refunded);
        let part = self.refunded_stated().unwrap_or(0);
        let amount = self.money().map_or(0, |money| money.minor);
        let whole = refunds.any(|refund| refund.row.refunded_minor.is_none()) || part >= amount;
        self.standing = match (reversed, whole) {
            (true, _) => Standing::Reversed,
            (false, true) => Standing::Refunded,
            (false, false) => Standing::Live,
        };
        self.refunded_part = (self.standing == Standing::Live && part > 0).then_some(part);
    }

    /// Rows of different sources that name different money for this payment, whichever looked last.
    pub(super) fn sources_disagree(&self) -> bool {
        let Some(speaker) = self.paid.as_ref() else { return false };
        let overtaken = |index: &RowIndex| speaker.superseded.contains(index);
        self.paid_rows.iter().any(|(index, row)| {
            overtaken(index) && row.source != speaker.row.source && row.amount != speaker.row.amount
        })
    }
}

/// A payment row's identity inside its CIP and status: its number, else its time, else that there is neither.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EventKey<'r> {
    Numbered(&'r str),
    Dated(Instant),
    Bare,
}

impl<'r> EventKey<'r> {
    fn of(row: &'r ReportRow<'_>) -> Self {
        match (row.operation_number.as_deref(), row.paid_at) {
            (Some(number), _) => EventKey::Numbered(number),
            (None, Some(time)) => EventKey::Dated(time),
            (None, None) => EventKey::Bare,
        }
    }
}

/// One event as its rows, which share status and identity.
struct Event<'r, 'a> {
    key: EventKey<'r>,
    rows: Vec<Row<'r, 'a>>,
}

impl<'r, 'a> Event<'r, 'a> {
    fn first(&self) -> Option<&'r ReportRow<'a>> {
        self.rows.first().map(|(_, row)| *row)
    }

    fn sources(&self) -> Vec<u16> {
        self.rows.iter().map(|(_, row)| row.source).collect()
    }
}

/// The operations of one CIP, in the order of payments, and the rows without number that only repeat one.
pub fn operations<'r, 'a>(rows: &[Row<'r, 'a>]) -> (Vec<Operation<'r, 'a>>, Vec<RowIndex>) {
    let mut operations = numbered_operations(rows);
    bind_sources(&mut operations);
    for event in unnumbered_events(rows, ReportStatus::Paid) {
        place_payment(&mut operations, &event);
    }
    let mut repeats = Vec::new();
    for status in [ReportStatus::Reversed, ReportStatus::Refunded] {
        for event in unnumbered_events(rows, status) {
            place_return(&mut operations, &event, status, &mut repeats);
        }
    }
    operations.sort_by(Operation::compare);
    (operations, repeats)
}

fn numbered_operations<'r, 'a>(rows: &[Row<'r, 'a>]) -> Vec<Operation<'r, 'a>> {
    let mut by_number: BTreeMap<(&'r str, ReportStatus), Vec<Row<'r, 'a>>> = BTreeMap::new();
    for &(index, row) in rows {
        if let Some(number) = row.operation_number.as_deref() {
            by_number.entry((number, row.status)).or_default().push((index, row));
        }
    }
    let mut operations: BTreeMap<&'r str, Operation<'r, 'a>> = BTreeMap::new();
    for ((number, status), rows) in by_number {
        let operation = operations.entry(number).or_insert_with(Operation::new);
        match status {
            ReportStatus::Paid => operation.add_paid(&rows),
            status => operation.add_return(status, true, &rows),
        }
    }
    let mut operations: Vec<_> = operations.into_values().collect();
    operations.sort_by(Operation::compare);
    operations
}

/// Binds operations that different sources number differently. The source with the most operations is taken as the
/// measure; each other source's operations fill places that it has not filled yet, the fitting ones first.
fn bind_sources(operations: &mut Vec<Operation<'_, '_>>) {
    let mut sources: Vec<u16> = operations.iter().flat_map(|operation| operation.sources.clone()).collect();
    sources.sort_unstable();
    sources.dedup();
    if sources.len() < 2 {
        return;
    }
    // By what the sources say, not by how the files were named or ordered.
    let told_by = |operations: &[Operation<'_, '_>], source: u16| -> Vec<String> {
        let of_source = operations.iter().filter(|operation| operation.sources.contains(&source));
        of_source.filter_map(|operation| operation.number().map(str::to_owned)).collect()
    };
    sources.sort_by_cached_key(|source| {
        let told = told_by(operations, *source);
        (std::cmp::Reverse(told.len()), told)
    });
    for source in sources.into_iter().skip(1) {
        while let Some((from, to)) = next_binding(operations, source) {
            let bound = operations.remove(from);
            let to = if from < to { to.saturating_sub(1) } else { to };
            if let Some(operation) = operations.get_mut(to) {
                operation.absorb(bound);
            }
        }
    }
}

/// An operation that only this source shows, and the place among the others that it may fill: first whichever fits,
/// and only when nothing fits any longer a place of the same currency.
fn next_binding(operations: &[Operation<'_, '_>], source: u16) -> Option<(usize, usize)> {
    let pairs = || {
        let own = operations.iter().enumerate().filter(|(_, operation)| operation.sources == [source]);
        own.flat_map(|(from, own)| {
            let free = operations.iter().enumerate().filter(|(_, other)| !other.shares_source(&own.sources));
            free.map(move |(to, other)| (from, own, to, other))
        })
    };
    let fitting = pairs().find(|(_, own, _, other)| own.speaker().is_some_and(|told| other.fits(&told.row)));
    let currency = |operation: &Operation<'_, '_>| operation.money().map(|money| money.currency);
    let found = fitting.or_else(|| pairs().find(|(_, own, _, other)| currency(own) == currency(other)));
    found.map(|(from, _, to, _)| (from, to))
}

/// Events without operation number: dated before undated, earliest first.
fn unnumbered_events<'r, 'a>(rows: &[Row<'r, 'a>], status: ReportStatus) -> Vec<Event<'r, 'a>> {
    let mut events: Vec<Event<'r, 'a>> = Vec::new();
    for &(index, row) in rows {
        let key = EventKey::of(row);
        if row.status != status || matches!(key, EventKey::Numbered(_)) {
            continue;
        }
        match events.iter_mut().find(|event| event.key == key) {
            Some(event) => event.rows.push((index, row)),
            None => events.push(Event { key, rows: vec![(index, row)] }),
        }
    }
    events.sort_by(|a, b| {
        let time = |event: &Event<'_, '_>| event.first().and_then(|row| row.paid_at);
        missing_last(time(a).as_ref(), time(b).as_ref())
    });
    events
}

fn place_payment<'r, 'a>(operations: &mut Vec<Operation<'r, 'a>>, event: &Event<'r, 'a>) {
    let place = payment_place(operations, event);
    match place.and_then(|index| operations.get_mut(index)) {
        Some(operation) => operation.add_paid(&event.rows),
        None => {
            let mut operation = Operation::new();
            operation.add_paid(&event.rows);
            operations.push(operation);
        }
    }
    operations.sort_by(Operation::compare);
}

/// Where a payment without number belongs: to the only operation that fits; across sources also to the first that
/// fits, and to the first payment of the same currency even where the amounts differ (a conflict to be shown):
/// the number of payments is the largest that any one source shows.
fn payment_place(operations: &[Operation<'_, '_>], event: &Event<'_, '_>) -> Option<usize> {
    let settled = settle(event.rows.iter().copied(), |row| row.observed_at)?;
    let row = settled.row.as_ref();
    let sources = event.sources();
    let numbered: Vec<_> = operations.iter().enumerate().collect();
    let fitting: Vec<_> = numbered.iter().filter(|(_, operation)| operation.fits(row)).collect();
    if let [(only, _)] = fitting.as_slice() {
        return Some(*only);
    }
    let elsewhere = |operation: &Operation<'_, '_>| !operation.shares_source(&sources);
    if let Some((index, _)) = fitting.iter().find(|(_, operation)| elsewhere(operation)) {
        return Some(*index);
    }
    if !fitting.is_empty() {
        return None;
    }
    let same_currency = |operation: &Operation<'_, '_>| {
        operation.money().is_some_and(|money| money.currency == row.amount.currency)
    };
    numbered
        .iter()
        .find(|(_, operation)| elsewhere(operation) && same_currency(operation))
        .map(|(index, _)| *index)
}

/// Takes back the latest live payment made at or before the refund or reversal; one that reaches no payment repeats a
/// known one, else it is an operation that came and went back.
fn place_return<'r, 'a>(
    operations: &mut Vec<Operation<'r, 'a>>,
    event: &Event<'r, 'a>,
    status: ReportStatus,
    repeats: &mut Vec<RowIndex>,
) {
    let Some(settled) = settle(event.rows.iter().copied(), |row| row.observed_at) else { return };
    let row = settled.row.as_ref();
    let sources = event.sources();
    let of_status = |operation: &Operation<'_, '_>| -> Vec<(Option<Instant>, bool)> {
        let known = operation.return_rows.iter().filter(|known| known.status == status);
        let told = |known: &Return<'_, '_>| {
            // The earliest, since several rows of one number may tell different times and none of them arrived "first".
            let time = known.rows.iter().filter_map(|(_, row)| row.paid_at).min();
            (time, known.rows.iter().any(|(_, row)| sources.contains(&row.source)))
        };
        known.map(told).collect()
    };
    let either_undated = |time: Option<Instant>| time.is_none() || row.paid_at.is_none();
    let same = |operation: &Operation<'_, '_>| {
        of_status(operation).into_iter().any(|(time, by_same_source)| {
            let at_one_time = time.is_some() && time == row.paid_at && operation.money() == Some(row.amount);
            // What one source tells without a time, another may have told with one.
            at_one_time || (!by_same_source && either_undated(time))
        })
    };
    let may_repeat = |operation: &Operation<'_, '_>| {
        of_status(operation).into_iter().any(|(time, _)| either_undated(time))
    };
    let reaches = |operation: &Operation<'_, '_>| {
        operation.standing == Standing::Live
            && match (row.paid_at, operation.paid_at()) {
                (None, _) => true,
                (Some(back), Some(paid)) => paid <= back,
                (Some(_), None) => false,
            }
    };
    let latest_reached = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| reaches(operation))
        .max_by(|(_, a), (_, b)| a.compare(b))
        .map(|(index, _)| index);
    let repeated =
        operations.iter().any(same) || (latest_reached.is_none() && operations.iter().any(may_repeat));
    if repeated {
        repeats.extend(event.rows.iter().map(|(index, _)| *index));
        return;
    }
    match latest_reached.and_then(|index| operations.get_mut(index)) {
        Some(operation) => operation.add_return(status, false, &event.rows),
        None => {
            let mut operation = Operation::new();
            operation.add_return(status, false, &event.rows);
            operations.push(operation);
        }
    }
}
