//! `shared_payer` and `shared_ip`: one payer, or one network address, behind many CIPs that nobody paid.
//!
//! Codes without end hold goods back from other shoppers, or try out whose data a shop believes. Whole districts share an
//! address of their mobile network, so that most of the CIPs of the time have to be unpaid, not only many.

use std::collections::HashMap;

use super::super::class::Reason;
use super::super::line::{LegRows, Line};
use super::super::orders::OrderView;
use super::Fate;
use super::finding::{Finding, Side, order_name, order_subject};
use super::window::{Tally, stretches};
use crate::calendar::Instant;
use crate::config::fraud::{Fraud, UnpaidCodes};
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

    fn rule(self, fraud: &Fraud, account: &str) -> UnpaidCodes {
        let rules = fraud.of(account);
        match self {
            Party::Payer => rules.shared_payer,
            Party::Ip => rules.shared_ip,
        }
    }

    /// Account and party of an order whose fate is known, where the rule looks at the account.
    fn of<'o>(self, fraud: &Fraud, row: &'o OrderRow<'_>) -> Option<(&'o str, &'o str)> {
        let party = match self {
            Party::Payer => row.payer_id.as_deref(),
            Party::Ip => row.ip.as_deref(),
        };
        Some((row.account.as_ref(), party?)).filter(|(account, _)| self.rule(fraud, account).enabled)
    }
}

/// An order whose CIPs were paid, or were not.
struct Decided<'o, 'r, 'a> {
    party: (&'o str, &'o str),
    order: &'o OrderView<'r, 'a>,
    unpaid: bool,
}

/// An order without known CIP stands for one.
fn codes(row: &OrderRow<'_>) -> u64 {
    u64::try_from(row.cips.len().max(1)).unwrap_or(u64::MAX)
}

pub(super) fn findings(
    party: Party,
    fraud: &Fraud,
    orders: &[OrderView<'_, '_>],
    fates: &[Fate],
) -> Vec<Line> {
    let decided = || orders.iter().zip(fates).filter(|(_, fate)| **fate != Fate::Open);
    let mut unpaid: HashMap<(&str, &str), u64> = HashMap::new();
    for (order, _) in decided().filter(|(_, fate)| **fate == Fate::Unpaid) {
        if let Some(key) = party.of(fraud, order.row()) {
            let count = unpaid.entry(key).or_default();
            *count = count.saturating_add(codes(order.row()));
        }
    }
    unpaid.retain(|(account, _), count| *count >= u64::from(party.rule(fraud, account).cips_min));
    if unpaid.is_empty() {
        return Vec::new();
    }
    let mut rows: Vec<Decided<'_, '_, '_>> = decided()
        .filter_map(|(order, fate)| {
            let key = party.of(fraud, order.row()).filter(|key| unpaid.contains_key(key))?;
            Some(Decided { party: key, order, unpaid: *fate == Fate::Unpaid })
        })
        .collect();
    rows.sort_unstable_by(|a, b| {
        let (a_row, b_row) = (a.order.row(), b.order.row());
        let by_time = a.party.cmp(&b.party).then_with(|| a_row.created_at.cmp(&b_row.created_at));
        by_time.then_with(|| a_row.reference_id.cmp(&b_row.reference_id))
    });
    let of_parties = rows.chunk_by(|a, b| a.party == b.party);
    of_parties.flat_map(|decided| of_party(party, fraud, decided)).collect()
}

fn of_party(party: Party, fraud: &Fraud, decided: &[Decided<'_, '_, '_>]) -> Vec<Line> {
    let Some((account, _)) = decided.first().map(|one| one.party) else { return Vec::new() };
    let rule = party.rule(fraud, account);
    let times: Vec<Instant> = decided.iter().map(|one| one.order.row().created_at).collect();
    let mut tally = MostlyUnpaid { rule, decided, unpaid: 0, all: 0 };
    let stretches = stretches(&times, |begin| begin.plus_hours(rule.window_hours), &mut tally);
    let of_stretch = |stretch| line(party, account, decided.get(stretch)?);
    stretches.into_iter().filter_map(of_stretch).collect()
}

fn line(party: Party, account: &str, decided: &[Decided<'_, '_, '_>]) -> Option<Line> {
    let unpaid: Vec<&OrderView<'_, '_>> =
        decided.iter().filter(|one| one.unpaid).map(|one| one.order).collect();
    let (first, last) = (unpaid.first()?.row(), unpaid.last()?.row());
    let count =
        |orders: &mut dyn Iterator<Item = &OrderRow<'_>>| orders.map(codes).fold(0, u64::saturating_add);
    let unpaid_codes = count(&mut unpaid.iter().map(|order| order.row()));
    let all_codes = count(&mut decided.iter().map(|one| one.order.row()));
    let finding = Finding {
        account,
        rule: party.reason(),
        subject: order_subject(first),
        side: Side::Order,
        members: unpaid.iter().map(|order| (order_name(order.row()), order.row().amount)).collect(),
        first: first.created_at,
        last: last.created_at,
        details: vec![format!("unpaid={unpaid_codes} of {all_codes}")],
        rows: LegRows {
            orders: unpaid.iter().map(|order| order.settled.speaker).collect(),
            ..LegRows::default()
        },
    };
    Some(finding.line())
}

/// Enough unpaid CIPs inside the window, and few paid ones beside them.
struct MostlyUnpaid<'d, 'o, 'r, 'a> {
    rule: UnpaidCodes,
    decided: &'d [Decided<'o, 'r, 'a>],
    unpaid: u64,
    all: u64,
}

impl MostlyUnpaid<'_, '_, '_, '_> {
    /// Unpaid CIPs and all CIPs of an order.
    fn worth(&self, index: usize) -> (u64, u64) {
        let Some(decided) = self.decided.get(index) else { return (0, 0) };
        let codes = codes(decided.order.row());
        (if decided.unpaid { codes } else { 0 }, codes)
    }
}

impl Tally for MostlyUnpaid<'_, '_, '_, '_> {
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
