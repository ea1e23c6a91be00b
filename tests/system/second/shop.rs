//! What the shop's rows add up to: one order for each reference and time of creation.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::world::Order;

/// An order as it stands.
#[derive(Debug)]
pub struct Standing {
    pub row: Order,
    /// Rows as new as the one that speaks say otherwise.
    pub contradicted: bool,
    /// The row that speaks and those that it overtook, newest first.
    history: Vec<Order>,
}

/// What is missing comes last.
pub fn last<T>(value: Option<T>) -> (bool, Option<T>) {
    (value.is_none(), value)
}

/// Whether both are known and differ.
pub fn differ<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    a.is_some() && b.is_some() && a != b
}

fn contradict(a: &Order, b: &Order) -> bool {
    a.minor != b.minor
        || a.currency != b.currency
        || a.status != b.status
        || (!a.cips.is_empty() && !b.cips.is_empty() && a.cips != b.cips)
        || differ(a.expires_at, b.expires_at)
        || differ(a.paid_at, b.paid_at)
        || differ(a.refunded, b.refunded)
}

/// Of conflicting rows the one with the earliest payment time stands, then the smaller amount, then by currency, then by the fields
/// in the order of the format.
fn preference(row: &Order) -> impl Ord + use<> {
    let statuses = ["pending", "paid", "fulfilled", "cancelled", "expired", "refunded"];
    (
        last(row.paid_at),
        row.minor,
        row.currency,
        (row.cips.is_empty(), row.cips.clone()),
        statuses.iter().position(|status| *status == row.status),
        last(row.expires_at),
        last(row.refunded),
    )
}

/// The orders of a world.
pub fn orders(rows: &[Order]) -> Vec<Standing> {
    let mut by_identity: BTreeMap<(&str, i64), Vec<&Order>> = BTreeMap::new();
    for row in rows {
        by_identity.entry((row.reference, row.created_at)).or_default().push(row);
    }
    by_identity.into_values().map(standing).collect()
}

fn standing(mut rows: Vec<&Order>) -> Standing {
    rows.sort_by_key(|row| (last(row.updated_at.map(Reverse)), preference(row)));
    let newest = rows[0].updated_at;
    let mut speaker = rows[0].clone();
    let mut contradicted = false;
    for row in rows.iter().skip(1).filter(|row| row.updated_at == newest) {
        if contradict(&speaker, row) {
            contradicted = true;
            continue;
        }
        // A row that only adds fields completes it.
        if speaker.cips.is_empty() {
            speaker.cips.clone_from(&row.cips);
        }
        speaker.expires_at = speaker.expires_at.or(row.expires_at);
        speaker.paid_at = speaker.paid_at.or(row.paid_at);
        speaker.refunded = speaker.refunded.or(row.refunded);
    }
    let mut history = vec![rows[0].clone()];
    for row in rows.iter().filter(|row| row.updated_at != newest) {
        // An update that names no CIP does not take the order's CIPs away.
        if speaker.cips.is_empty() {
            speaker.cips.clone_from(&row.cips);
        }
        history.push((*row).clone());
    }
    Standing { row: speaker, contradicted, history }
}

impl Standing {
    /// Whether a row updated after the payment names other money than the row that it supersedes.
    pub fn changed_after(&self, paid_at: i64) -> bool {
        self.history.windows(2).any(|pair| {
            (pair[0].minor, pair[0].currency) != (pair[1].minor, pair[1].currency)
                && pair[0].updated_at.is_some_and(|updated| updated > paid_at)
        })
    }
}
