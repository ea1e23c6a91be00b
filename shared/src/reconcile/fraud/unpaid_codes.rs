//! `shared_payer` and `shared_ip`: one payer, or one network address, behind many CIPs that nobody paid.
//!
//! Codes without end hold goods back from other shoppers, or try out whose data a shop believes. Whole districts share an
//! address of their mobile network, so that most of the CIPs of the time have to be unpaid, not only many.

use std::collections::HashMap;
use std::ops::Range;

use super::super::class::Reason;
use super::super::line::{LegRows, Line};
use super::super::orders::OrderView;
use super::Fate;
use super::finding::{Finding, Side, order_name, order_subject};
use super::window::{Tally, stretches};
use crate::calendar::Instant;
use crate::config::fraud::{Fraud, FraudRules, UnpaidCodes};
use crate::lifecycle::evidence::OrderRow;

/// By what orders are seen to come from one hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Payer,
    Ip,
}

impl Party {
    pub const ALL: [Party; 2] = [Party::Payer, Party::Ip];

    const fn reason(self) -> Reason {
        match self {
            Party::Payer => Reason::SharedPayer,
            Party::Ip => Reason::SharedIp,
        }
    }

    pub fn rule(self, rules: &FraudRules) -> UnpaidCodes {
        match self {
            Party::Payer => rules.shared_payer,
            Party::Ip => rules.shared_ip,
        }
    }

    /// The party of an order, where the rule looks at its account.
    pub fn of<'o>(self, rules: &FraudRules, row: &'o OrderRow<'_>) -> Option<&'o str> {
        let party = match self {
            Party::Payer => row.payer_id.as_deref(),
            Party::Ip => row.ip.as_deref(),
        };
        party.filter(|_| self.rule(rules).enabled)
    }
}

/// CIPs of an order that were paid, or were not.
struct Decided<'o, 'r, 'a> {
    party: (&'o str, &'o str),
    /// Absent where only its CIP's end is known.
    order: Option<&'o OrderView<'r, 'a>>,
    at: Instant,
    worth: Worth,
}

/// What a CIP came to of an order that is not at hand, and when the order was placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub at: Instant,
    pub unpaid: bool,
}

/// An order without known CIP stands for one.
pub(super) fn codes(row: &OrderRow<'_>) -> u64 {
    u64::try_from(row.cips.len().max(1)).unwrap_or(u64::MAX)
}

/// The findings among the orders; `others` tells of a party what its further orders came to, and nothing of one that has
/// too few unpaid CIPs anywhere.
pub(super) fn findings<'b>(
    party: Party,
    fraud: &Fraud,
    orders: &[OrderView<'_, '_>],
    fates: &[Fate],
    others: &impl Fn(&str, &str) -> Option<&'b [Other]>,
) -> Vec<Line> {
    let decided = || orders.iter().zip(fates).filter(|(_, fate)| **fate != Fate::Open);
    let mut unpaid: HashMap<(&str, &str), u64> = HashMap::new();
    for (order, _) in decided().filter(|(_, fate)| **fate == Fate::Unpaid) {
        if let Some(key) = key_of(party, fraud, order.row(), others) {
            let count = unpaid.entry(key).or_default();
            *count = count.saturating_add(codes(order.row()));
        }
    }
    unpaid.retain(|(account, _), count| *count >= u64::from(party.rule(fraud.of(account)).cips_min));
    if unpaid.is_empty() {
        return Vec::new();
    }
    let mut rows: Vec<Decided<'_, '_, '_>> = decided()
        .filter_map(|(order, fate)| {
            let key = key_of(party, fraud, order.row(), others).filter(|key| unpaid.contains_key(key))?;
            let worth = Worth { codes: codes(order.row()), unpaid: *fate == Fate::Unpaid };
            Some(Decided { party: key, order: Some(order), at: order.row().created_at, worth })
        })
        .collect();
    for key in unpaid.keys() {
        let others = others(key.0, key.1).unwrap_or_default().iter();
        rows.extend(others.map(|Other { at, unpaid }| {
            let worth = Worth { codes: 1, unpaid: *unpaid };
            Decided { party: *key, order: None, at: *at, worth }
        }));
    }
    rows.sort_unstable_by(|a, b| {
        let by_time = (a.party, a.at).cmp(&(b.party, b.at));
        let (a, b) = (a.order.map(OrderView::row), b.order.map(OrderView::row));
        by_time.then_with(|| a.map(|row| &row.reference_id).cmp(&b.map(|row| &row.reference_id)))
    });
    let of_parties = rows.chunk_by(|a, b| a.party == b.party);
    of_parties.flat_map(|decided| of_party(party, fraud, decided)).collect()
}

/// Account and party of an order at which the rule looks.
fn key_of<'o, 'b>(
    party: Party,
    fraud: &Fraud,
    row: &'o OrderRow<'_>,
    others: &impl Fn(&str, &str) -> Option<&'b [Other]>,
) -> Option<(&'o str, &'o str)> {
    let account = row.account.as_ref();
    let party = party.of(fraud.of(account), row)?;
    others(account, party).map(|_| (account, party))
}

fn of_party(party: Party, fraud: &Fraud, decided: &[Decided<'_, '_, '_>]) -> Vec<Line> {
    let Some((account, _)) = decided.first().map(|one| one.party) else { return Vec::new() };
    let rule = party.rule(fraud.of(account));
    let times: Vec<Instant> = decided.iter().map(|one| one.at).collect();
    let worths: Vec<Worth> = decided.iter().map(|one| one.worth).collect();
    let stretches = mostly_unpaid(rule, &times, &worths);
    let of_stretch = |stretch| line(party, account, decided.get(stretch)?);
    stretches.into_iter().filter_map(of_stretch).collect()
}

fn line(party: Party, account: &str, decided: &[Decided<'_, '_, '_>]) -> Option<Line> {
    // Whatever is unpaid in a stretch is at hand.
    let unpaid = || decided.iter().filter(|one| one.worth.unpaid);
    let orders: Vec<&OrderView<'_, '_>> = unpaid().filter_map(|one| one.order).collect();
    let (first, last) = (orders.first()?.row(), orders.last()?.row());
    let unpaid_codes = unpaid().map(|one| one.worth.codes).fold(0, u64::saturating_add);
    let all_codes = decided.iter().map(|one| one.worth.codes).fold(0, u64::saturating_add);
    let finding = Finding {
        account,
        rule: party.reason(),
        subject: order_subject(first),
        side: Side::Order,
        members: orders.iter().map(|order| (order_name(order.row()), order.row().amount)).collect(),
        first: first.created_at,
        last: last.created_at,
        details: vec![format!("unpaid={unpaid_codes} of {all_codes}")],
        rows: LegRows {
            orders: orders.iter().map(|order| order.settled.speaker).collect(),
            ..LegRows::default()
        },
    };
    Some(finding.line())
}

/// What an order counts for.
#[derive(Clone, Copy)]
pub(super) struct Worth {
    pub codes: u64,
    pub unpaid: bool,
}

/// Every stretch in which enough CIPs are unpaid and few are paid beside them, of orders placed at ascending times.
pub(super) fn mostly_unpaid(rule: UnpaidCodes, times: &[Instant], orders: &[Worth]) -> Vec<Range<usize>> {
    let mut tally = MostlyUnpaid { rule, orders, unpaid: 0, all: 0 };
    stretches(times, |begin| begin.plus_hours(rule.window_hours), &mut tally)
}

/// Enough unpaid CIPs inside the window, and few paid ones beside them.
struct MostlyUnpaid<'o> {
    rule: UnpaidCodes,
    orders: &'o [Worth],
    unpaid: u64,
    all: u64,
}

impl MostlyUnpaid<'_> {
    /// Unpaid CIPs and all CIPs of an order.
    fn worth(&self, index: usize) -> (u64, u64) {
        let worth = self.orders.get(index).copied();
        worth.map_or((0, 0), |Worth { codes, unpaid }| (if unpaid { codes } else { 0 }, codes))
    }
}

impl Tally for MostlyUnpaid<'_> {
    fn add(&mut self, index: usize) {
        let (unpaid, all) = self.worth(index);
        self.unpaid = self.unpaid.saturating_add(unpaid);
        self.all = self.all.saturating_add(all);
    }

    fn remove(&mut self, index: usize) {
        let (unpaid, all) = self.worth(index);
        self.unpaid = self.unpaid.saturating_sub(unpaid);
        self.all = self.all.saturating_sub(all);
    }

    fn holds(&self) -> bool {
        let share = u64::from(self.rule.unpaid_percent).saturating_mul(self.all);
        self.unpaid >= u64::from(self.rule.cips_min) && self.unpaid.saturating_mul(100) >= share
    }
}
