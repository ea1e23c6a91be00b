//! Who belongs together, and what is said of it.

use std::collections::BTreeSet;

use super::provider::{Code, Known, Payment, codes, order_of_payments};
use super::shop::{Standing, orders};
use super::world::{World, money};
use super::{Heard, Told};

const TOLERANCE: i64 = 5;
const GRACE_MINUTES: i64 = 24 * 60;

/// Orders and codes that are linked; `further` are codes with money under the reference of an order that was paired already.
#[derive(Default)]
struct Group {
    orders: BTreeSet<usize>,
    codes: BTreeSet<usize>,
    further: BTreeSet<usize>,
}

/// Every line that the rules ask for.
pub fn lines(world: &World, heard: Heard) -> Vec<Told> {
    let (orders, codes) = (orders(&world.orders), codes(&world.reports));
    let mut lines = Vec::new();
    for group in groups(&orders, &codes) {
        let of = |indices: &BTreeSet<usize>| indices.iter().map(|index| &codes[*index]).collect::<Vec<_>>();
        let (own, further) = (of(&group.codes), of(&group.further));
        let in_group: Vec<&Standing> = group.orders.iter().map(|index| &orders[*index]).collect();
        match in_group.as_slice() {
            [] => own.iter().for_each(|code| alone(code, heard, &mut lines)),
            [order] => pair(order, &own, &further, heard, &mut lines),
            several => ambiguous(several, &own, &further, &mut lines),
        }
    }
    lines.sort();
    lines
}

/// Join 1 by CIP, join 2 on what is left by reference; what is linked in any way is one group.
fn groups(orders: &[Standing], codes: &[Known]) -> Vec<Group> {
    let carries =
        |order: &Standing, code: &Known| matches!(code.code, Code::Cip(cip) if order.row.cips.contains(&cip));
    let paired: Vec<bool> =
        orders.iter().map(|order| codes.iter().any(|code| carries(order, code))).collect();
    let mut groups: Vec<Group> = (0..orders.len())
        .map(|index| Group { orders: BTreeSet::from([index]), ..Group::default() })
        .collect();
    for (index, code) in codes.iter().enumerate() {
        let mut group = Group::default();
        let carriers = orders.iter().enumerate().filter(|(_, order)| carries(order, code));
        group.orders.extend(carriers.map(|(index, _)| index));
        let mut further = false;
        if group.orders.is_empty() {
            let bearers: Vec<usize> = (0..orders.len())
                .filter(|order| code.references.contains(orders[*order].row.reference))
                .collect();
            group.orders.extend(bearers.iter().filter(|order| !paired[**order]));
            if group.orders.is_empty() && bearers.len() == 1 && !code.payments.is_empty() {
                group.orders.extend(&bearers);
                further = true;
            }
        }
        if further { &mut group.further } else { &mut group.codes }.insert(index);
        groups.push(group);
    }
    for (a, order) in orders.iter().enumerate() {
        for (b, other) in orders.iter().enumerate().skip(a + 1) {
            if order.row.cips.iter().any(|cip| other.row.cips.contains(cip)) {
                groups.push(Group { orders: BTreeSet::from([a, b]), ..Group::default() });
            }
        }
    }
    while let Some((a, b)) = two_that_touch(&groups) {
        let group = groups.remove(b);
        groups[a].orders.extend(group.orders);
        groups[a].codes.extend(group.codes);
        groups[a].further.extend(group.further);
    }
    groups
}

fn two_that_touch(groups: &[Group]) -> Option<(usize, usize)> {
    let pairs = (0..groups.len()).flat_map(|a| (a + 1..groups.len()).map(move |b| (a, b)));
    pairs.into_iter().find(|(a, b)| !groups[*a].orders.is_disjoint(&groups[*b].orders))
}

/// The code and the payment that stand.
struct Stands<'c> {
    code: &'c Known,
    payment: Option<&'c Payment>,
    state: &'static str,
}

fn stands<'c>(codes: &[&'c Known], order_expires_at: Option<i64>) -> Option<Stands<'c>> {
    let payments = || codes.iter().flat_map(|code| code.payments.iter().map(move |payment| (*code, payment)));
    let key = |(code, payment): &(&Known, &Payment)| (order_of_payments(payment), code.code.clone());
    let live = payments().filter(|(_, payment)| payment.state == "paid").min_by_key(key);
    if let Some((code, payment)) = live.or_else(|| payments().max_by_key(key)) {
        return Some(Stands { code, payment: Some(payment), state: payment.state });
    }
    let state = |code: &Known| code.state(order_expires_at);
    let pending = codes.iter().filter(|code| state(code) == "pending").min_by_key(|code| code.code.clone());
    let code = pending.or_else(|| codes.iter().max_by_key(|code| code.code.clone()))?;
    Some(Stands { code, payment: None, state: state(code) })
}

impl Stands<'_> {
    fn money(&self) -> Option<(i64, &'static str)> {
        let row = self.payment.map(|payment| &payment.row).or(self.code.snapshot.as_ref());
        row.map(|row| (row.minor, row.currency))
    }

    fn paid_at(&self) -> Option<i64> {
        self.payment.and_then(|payment| payment.row.paid_at)
    }
}

fn told(
    class: &str,
    cips: String,
    reference: &str,
    number: &str,
    order: Option<i64>,
    report: Option<i64>,
) -> Told {
    let (class, reason) = class.split_once(' ').unwrap_or((class, ""));
    let amount = |minor: Option<i64>| minor.map(money).unwrap_or_default();
    [
        class.to_owned(),
        reason.to_owned(),
        cips,
        reference.to_owned(),
        number.to_owned(),
        amount(order),
        amount(report),
    ]
}

fn cip_of(code: &Known) -> String {
    match code.code {
        Code::Cip(cip) => cip.to_string(),
        Code::Reference(_) => String::new(),
    }
}

fn list(cips: &[u64]) -> String {
    cips.iter().map(u64::to_string).collect::<Vec<_>>().join(";")
}

/// Whether a side that was heard so far may still speak of what began then.
fn silent(heard: Option<i64>, began: i64) -> bool {
    heard.is_none_or(|heard| heard < began + GRACE_MINUTES)
}

/// A code that no order expects.
fn alone(code: &Known, heard: Heard, lines: &mut Vec<Told>) {
    let stands = stands(&[code], None).unwrap();
    let class = if code.contradicted {
        "conflicting_record"
    } else if !["paid", "reversed", "refunded"].contains(&stands.state) {
        "unpaid"
    } else if stands.paid_at().is_some_and(|began| silent(heard.orders, began)) {
        "open"
    } else {
        "missing_order"
    };
    let row = stands.payment.map(|payment| &payment.row).or(code.snapshot.as_ref()).unwrap();
    let number = stands.payment.map_or("", |payment| payment.number);
    let reference = row.reference.unwrap_or_default();
    lines.push(told(class, cip_of(code), reference, number, None, Some(row.minor)));
    further_payments(code, stands.payment, None, lines);
}

/// Every live payment beside the one that stands is a break of its own.
fn further_payments(code: &Known, stands: Option<&Payment>, order: Option<&Standing>, lines: &mut Vec<Told>) {
    for payment in code.live().filter(|payment| stands.is_none_or(|stands| stands.number != payment.number)) {
        let reference = order.map_or(payment.row.reference.unwrap_or_default(), |order| order.row.reference);
        lines.push(told(
            "duplicate_payment",
            cip_of(code),
            reference,
            payment.number,
            None,
            Some(payment.row.minor),
        ));
    }
}

fn ambiguous(orders: &[&Standing], own: &[&Known], further: &[&Known], lines: &mut Vec<Told>) {
    let all: Vec<&Known> = own.iter().chain(further).copied().collect();
    let paid_at = stands(&all, None).and_then(|stands| stands.paid_at());
    let class = if conflict(orders, &all, paid_at) { "conflicting_record" } else { "ambiguous_reference" };
    for order in orders {
        let row = &order.row;
        lines.push(told(class, list(&row.cips), row.reference, "", Some(row.minor), None));
    }
    for code in all {
        let first = code.live().next().or(code.payments.last());
        further_payments(code, first, None, lines);
    }
}

fn conflict(orders: &[&Standing], codes: &[&Known], paid_at: Option<i64>) -> bool {
    orders.iter().any(|order| order.contradicted)
        || codes.iter().any(|code| code.contradicted)
        || paid_at.is_some_and(|paid_at| orders.iter().any(|order| order.changed_after(paid_at)))
}

fn pair(order: &Standing, own: &[&Known], further: &[&Known], heard: Heard, lines: &mut Vec<Told>) {
    let row = &order.row;
    let stands = stands(own, row.expires_at);
    let all: Vec<&Known> = own.iter().chain(further).copied().collect();
    let payment = stands.as_ref().and_then(|stands| stands.payment);
    let paid_at = payment.and_then(|payment| payment.row.paid_at.or(row.paid_at));
    let class = if conflict(&[order], &all, paid_at) {
        "conflicting_record".to_owned()
    } else {
        class_of(order, stands.as_ref(), heard)
    };
    let shown = stands.as_ref().map(|stands| cip_of(stands.code)).filter(|cip| !cip.is_empty());
    let number = payment.map_or("", |payment| payment.number);
    let report = stands.as_ref().and_then(Stands::money).map(|(minor, _)| minor);
    let cips = shown.unwrap_or_else(|| list(&row.cips));
    lines.push(told(&class, cips, row.reference, number, Some(row.minor), report));
    for code in all {
        let its = stands.as_ref().filter(|stands| std::ptr::eq(stands.code, code)).and(payment);
        further_payments(code, its, Some(order), lines);
    }
}

/// The table of the two states.
fn cell(order: &str, provider: &str) -> &'static str {
    match (order, provider) {
        ("pending", "paid") => "status_mismatch paid_not_recorded",
        ("pending", "refunded") => "status_mismatch refund_not_recorded",
        ("pending", _) => "unpaid",
        ("paid" | "fulfilled" | "refunded", "none") => "missing_at_provider",
        ("paid" | "fulfilled", "paid") => "matched",
        ("paid" | "fulfilled", "reversed") => "status_mismatch reversed_not_recorded",
        ("paid" | "fulfilled", "refunded") => "status_mismatch refund_not_recorded",
        ("paid" | "fulfilled" | "refunded", "pending" | "expired" | "removed") => {
            "status_mismatch claimed_unpaid"
        }
        ("cancelled" | "expired", "pending") => "status_mismatch still_payable",
        ("cancelled" | "expired", "paid") => "status_mismatch paid_not_recorded",
        ("cancelled" | "expired", "refunded") => "matched",
        ("cancelled" | "expired", _) => "unpaid",
        ("refunded", "paid") => "status_mismatch refund_not_done",
        ("refunded", _) => "matched",
        other => panic!("no such cell: {other:?}"),
    }
}

/// What refunds in part make of a cell.
fn with_refunds(order: &Standing, stands: Option<&Stands<'_>>, cell: &'static str) -> &'static str {
    let Some(payment) = stands.and_then(|stands| stands.payment) else { return cell };
    match (order.row.refunded, payment.refunded) {
        (Some(a), Some(b)) if (a - b).abs() > TOLERANCE => "status_mismatch refund_amount_differs",
        (Some(_), Some(_))
            if payment.refunded_in_part && ["paid", "fulfilled", "refunded"].contains(&order.row.status) =>
        {
            "matched"
        }
        (None, Some(_)) if payment.refunded_in_part => "status_mismatch refund_not_recorded",
        _ => cell,
    }
}

fn class_of(order: &Standing, stands: Option<&Stands<'_>>, heard: Heard) -> String {
    let row = &order.row;
    let state = stands.map_or("none", |stands| stands.state);
    let cell = with_refunds(order, stands, cell(row.status, state));
    let began = stands.and_then(Stands::paid_at).or(row.paid_at).unwrap_or(row.created_at);
    let rests_on = match cell.rsplit(' ').next().unwrap() {
        "missing_at_provider" | "claimed_unpaid" | "refund_not_done" => Some(heard.reports),
        "paid_not_recorded" | "refund_not_recorded" | "reversed_not_recorded" => Some(heard.orders),
        _ => None,
    };
    let waits = rests_on.is_some_and(|heard| silent(heard, began));
    if cell == "missing_at_provider" {
        return if waits { "open" } else { cell }.to_owned();
    }
    let taken_or_payable = ["paid", "reversed", "refunded", "pending"].contains(&state);
    let found = stands.and_then(Stands::money);
    if let Some((minor, currency)) = found.filter(|_| taken_or_payable) {
        if currency != row.currency {
            return "currency_mismatch".to_owned();
        }
        if (minor - row.minor).abs() > TOLERANCE {
            return "amount_mismatch".to_owned();
        }
    }
    if waits {
        return "open".to_owned();
    }
    if let Some(stands) = stands.filter(|stands| stands.state == "paid") {
        let (paid_at, expiry) =
            (stands.paid_at().or(row.paid_at), stands.code.expires_at().or(row.expires_at));
        if matches!((paid_at, expiry), (Some(paid_at), Some(expiry)) if paid_at > expiry) {
            return "late_payment".to_owned();
        }
    }
    if cell == "matched" && found.is_some_and(|(minor, _)| minor != row.minor) {
        return "matched_within_tolerance".to_owned();
    }
    cell.to_owned()
}
