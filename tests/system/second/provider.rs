//! What the provider's rows add up to: the payments and the newest snapshot of each CIP.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::AS_OF;
use super::shop::{differ, last};
use super::world::Report;

/// By what a code is known: a row without CIP stands for a code of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    Cip(u64),
    Reference(&'static str),
}

/// One time that cash was taken.
#[derive(Clone, Debug)]
pub struct Payment {
    pub number: &'static str,
    /// The paid row, else that of its return.
    pub row: Report,
    pub state: &'static str,
    /// The largest amount that any row states as given back.
    pub refunded: Option<i64>,
    pub refunded_in_part: bool,
    expiries: Vec<i64>,
    seen_paid_at: Option<i64>,
}

/// All that is known of one code.
#[derive(Debug)]
pub struct Known {
    pub code: Code,
    /// Earliest first.
    pub payments: Vec<Payment>,
    pub snapshot: Option<Report>,
    pub references: BTreeSet<&'static str>,
    pub contradicted: bool,
}

fn contradict(a: &Report, b: &Report) -> bool {
    a.minor != b.minor
        || a.currency != b.currency
        || a.status != b.status
        || differ(a.reference, b.reference)
        || differ(a.expires_at, b.expires_at)
        || differ(a.paid_at, b.paid_at)
        || differ(a.refunded, b.refunded)
}

fn complete(row: &mut Report, by: &Report) {
    row.reference = row.reference.or(by.reference);
    row.expires_at = row.expires_at.or(by.expires_at);
    row.paid_at = row.paid_at.or(by.paid_at);
    row.refunded = row.refunded.or(by.refunded);
}

fn preference(row: &Report) -> impl Ord + use<> {
    let statuses = ["pending", "paid", "expired", "removed", "refunded", "reversed"];
    (
        last(row.paid_at),
        row.minor,
        row.currency,
        last(row.reference),
        statuses.iter().position(|status| *status == row.status),
        last(row.expires_at),
        last(row.refunded),
    )
}

/// The rows of one identity: who speaks, and whether another as new contradicts. Of an event what only older rows carry holds on.
fn settle(rows: &[&Report], of_event: bool) -> (Report, bool) {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| (last(row.observed_at.map(Reverse)), preference(row)));
    let mut speaker = rows[0].clone();
    let mut contradicted = false;
    for row in &rows[1..] {
        if row.observed_at == speaker.observed_at {
            if contradict(&speaker, row) {
                contradicted = true;
            } else {
                complete(&mut speaker, row);
            }
        } else if of_event && !contradict(&speaker, row) {
            complete(&mut speaker, row);
        }
    }
    (speaker, contradicted)
}

/// The codes of a world.
pub fn codes(rows: &[Report]) -> Vec<Known> {
    let mut by_code: BTreeMap<Code, Vec<&Report>> = BTreeMap::new();
    for row in rows {
        let code = row.cip.map_or_else(|| Code::Reference(row.reference.unwrap()), Code::Cip);
        by_code.entry(code).or_default().push(row);
    }
    by_code.into_iter().map(|(code, rows)| known(code, &rows)).collect()
}

fn known(code: Code, rows: &[&Report]) -> Known {
    let (events, looks): (Vec<&Report>, Vec<&Report>) = rows.iter().partition(|row| row.number.is_some());
    let mut contradicted = false;
    let mut by_number: BTreeMap<&'static str, Vec<&Report>> = BTreeMap::new();
    for row in &events {
        by_number.entry(row.number.unwrap()).or_default().push(row);
    }
    let mut payments: Vec<Payment> =
        by_number.into_iter().map(|(number, rows)| payment(number, &rows, &mut contradicted)).collect();

    let mut by_time: BTreeMap<Option<i64>, Vec<&Report>> = BTreeMap::new();
    for row in looks {
        by_time.entry(row.observed_at).or_default().push(row);
    }
    // Ascending, and one without time is older than any that has one.
    let snapshots: Vec<(Report, bool)> = by_time.values().map(|rows| settle(rows, false)).collect();
    contradicted |= snapshots.last().is_some_and(|(_, contradicted)| *contradicted);
    for (snapshot, _) in &snapshots {
        for payment in &mut payments {
            let (Some(paid_at), Some(seen)) = (payment.row.paid_at, snapshot.observed_at) else { continue };
            if paid_at >= seen {
                continue;
            }
            contradicted |= (snapshot.minor, snapshot.currency) != (payment.row.minor, payment.row.currency);
            let seen_paid_again = payment.seen_paid_at.is_some_and(|again| again > seen);
            if snapshot.status == "pending" && payment.state == "paid" && !seen_paid_again {
                payment.state = "reversed";
                payment.refunded_in_part = false;
            }
        }
    }
    payments.sort_by_key(order_of_payments);
    Known {
        code,
        payments,
        snapshot: snapshots.last().map(|(snapshot, _)| snapshot.clone()),
        references: rows.iter().filter_map(|row| row.reference).collect(),
        contradicted,
    }
}

/// By time, then by number, which go by length and character; missing times last.
pub fn order_of_payments(payment: &Payment) -> impl Ord + use<> {
    (last(payment.row.paid_at), payment.number.len(), payment.number)
}

fn payment(number: &'static str, rows: &[&Report], contradicted: &mut bool) -> Payment {
    let mut of = |status: &str| {
        let rows: Vec<&Report> = rows.iter().filter(|row| row.status == status).copied().collect();
        let (row, conflict) = (!rows.is_empty()).then(|| settle(&rows, true))?;
        *contradicted |= conflict;
        Some(row)
    };
    let (paid, reversed, refunded) = (of("paid"), of("reversed"), of("refunded"));
    let told: Vec<&Report> = [&paid, &reversed, &refunded].into_iter().flatten().collect();
    let row: Report = told[0].clone();
    let stated = told.iter().filter_map(|row| row.refunded).max();
    let whole = refunded.as_ref().is_some_and(|refund| refund.refunded.is_none())
        || stated.is_some_and(|stated| stated >= row.minor);
    let state = match (&reversed, whole) {
        (Some(_), _) => "reversed",
        (None, true) => "refunded",
        (None, false) => "paid",
    };
    Payment {
        number,
        state,
        refunded: stated,
        refunded_in_part: state == "paid" && stated.is_some(),
        expiries: told.iter().filter_map(|row| row.expires_at).collect(),
        seen_paid_at: paid.as_ref().and_then(|paid| paid.observed_at),
        row,
    }
}

impl Known {
    pub fn live(&self) -> impl Iterator<Item = &Payment> {
        self.payments.iter().filter(|payment| payment.state == "paid")
    }

    /// The expiry that the provider states.
    pub fn expires_at(&self) -> Option<i64> {
        let in_payments = self.payments.iter().flat_map(|payment| payment.expiries.iter().copied()).max();
        self.snapshot.as_ref().and_then(|row| row.expires_at).or(in_payments)
    }

    /// The provider's column of the table.
    pub fn state(&self, order_expires_at: Option<i64>) -> &'static str {
        if self.live().next().is_some() {
            return "paid";
        }
        if let Some(latest) = self.payments.last() {
            return latest.state;
        }
        let run_out = self.expires_at().or(order_expires_at).is_some_and(|expiry| AS_OF >= expiry);
        match self.snapshot.as_ref().map(|row| row.status) {
            None => "none",
            Some("removed") => "removed",
            Some("expired") => "expired",
            Some(_) if run_out => "expired",
            Some(_) => "pending",
        }
    }
}
