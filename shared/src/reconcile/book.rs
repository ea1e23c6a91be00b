//! The book of a run: groups are entered one by one, each giving its lines and putting every row in its bucket.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::class::{Bucket, Class, Reason};
use super::conservation::{self, Ledger};
use super::fraud::{self, Scope, Watch};
use super::join::{AccountCip, Group};
use super::judge::{Chosen, Judge, Judgement, Stand, state_of};
use super::notice_health::NoticeTally;
use super::notices::{Hearing, Relation, announcements};
use super::orders::OrderView;
use super::settling::Settling;
use super::subject;
use super::variance::Booked;
use super::{ClassTotals, Conservation, ConservationError, Coverage, Inputs, LegRows, Line, Outcome};
use crate::calendar::Instant;
use crate::config::Policy;
use crate::ids::{BreakId, Cip};
use crate::lifecycle::cip::CipView;
use crate::lifecycle::evidence::{NoticeRow, OrderRow};
use crate::lifecycle::operations::Operation;

/// How many candidates the evidence of an ambiguous order names: one reference on thousands of CIPs is a mistake in the
/// data, and naming all of them on each of thousands of orders helps nobody.
const CANDIDATES_NAMED_MAX: usize = 100;

/// A CIP of a group, and whether it came as a further one under the reference of an order that was already paired.
struct Member<'c, 'r, 'a> {
    cip: &'c AccountCip<'r, 'a>,
    further: bool,
}

pub(super) struct Book<'c, 'r, 'a> {
    inputs: &'r Inputs<'a>,
    judge: Judge<'c>,
    lines: Vec<Line>,
    waiting: LegRows,
    orders: Ledger,
    reports: Ledger,
    notices: Option<Ledger>,
    owners: Owners,
    watch: Watch,
    scope: Scope<'c>,
    health: NoticeTally,
    settling: Settling,
    /// Where names are put together before they are hashed.
    buffer: Vec<u8>,
}

/// The order that a CIP belongs to, by index, where there is exactly one; kept only for the lines beside the pairs.
type Owners = HashMap<Cip, Vec<usize>>;

impl<'c, 'r, 'a> Book<'c, 'r, 'a> {
    pub fn new(
        inputs: &'r Inputs<'a>,
        coverage: &'c Coverage,
        policy: &'c Policy,
        as_of: Instant,
        scope: Scope<'c>,
    ) -> Self {
        let watched = if matches!(scope, Scope::Groups) { 0 } else { inputs.orders.len() };
        Book {
            inputs,
            judge: Judge { policy, coverage, as_of },
            lines: Vec::new(),
            waiting: LegRows::default(),
            orders: Ledger::new("orders", inputs.orders.len()),
            reports: Ledger::new("reports", inputs.reports.len()),
            notices: inputs.notices.as_ref().map(|notices| Ledger::new("notices", notices.len())),
            owners: Owners::new(),
            watch: Watch::new(watched),
            scope,
            health: NoticeTally::default(),
            settling: Settling::default(),
            buffer: Vec::new(),
        }
    }

    /// Judges a group and enters its lines.
    pub fn enter_group(&mut self, group: &Group, orders: &[OrderView<'r, 'a>], cips: &[AccountCip<'r, 'a>]) {
        if let ([owner], Some(_)) = (group.orders.as_slice(), &self.notices) {
            let own = orders.get(*owner).into_iter().flat_map(|order| order.row().cips.iter().copied());
            let found =
                group.cips.iter().chain(&group.further).filter_map(|index| cips.get(*index)?.view.key.cip());
            for cip in own.chain(found) {
                self.owners.entry(cip).or_default().push(*owner);
            }
        }
        let orders: Vec<_> = group.orders.iter().filter_map(|index| orders.get(*index)).collect();
        let member = |further: bool| move |index: &usize| cips.get(*index).map(|cip| Member { cip, further });
        let members: Vec<_> = group
            .cips
            .iter()
            .filter_map(member(false))
            .chain(group.further.iter().filter_map(member(true)))
            .collect();
        let views = members.iter().map(|member| &member.cip.view);
        self.watch.enter(&self.judge, &group.orders, &orders, views);
        match orders.as_slice() {
            [] => members.iter().for_each(|member| self.enter_cip(member)),
            [order] => self.enter_pair(order, &members),
            several => self.enter_ambiguous(several, &members),
        }
    }

    /// A CIP that no order expects.
    fn enter_cip(&mut self, member: &Member<'_, 'r, 'a>) {
        let cip = &member.cip.view;
        let Some(chosen) = Chosen::among(&[cip], self.judge.as_of, None) else { return };
        let judgement = if cip.conflicting.is_empty() {
            self.judge.without_order(member.cip.account, &chosen.stand)
        } else {
            (Class::ConflictingRecord, Some(Reason::ReportRowsContradict))
        };
        let key = subject::key_text(&cip.key);
        let mut line = subject::cip_line(member.cip.account, &key, &chosen.stand, judgement).to_line();
        line.rows = rows_of(&[], &[member]);
        self.lines.push(line);
        self.put_cip(cip, chosen.operation, judgement.0.bucket());
        self.enter_further_payments(member, None, chosen.operation);
    }

    /// One order and the CIPs that belong to it.
    fn enter_pair(&mut self, order: &OrderView<'r, 'a>, members: &[Member<'_, 'r, 'a>]) {
        let own: Vec<_> =
            members.iter().filter(|member| !member.further).map(|member| &member.cip.view).collect();
        let chosen = Chosen::among(&own, self.judge.as_of, order.row().expires_at);
        let stand = chosen.as_ref().map(|chosen| &chosen.stand);
        let paid_at = stand.filter(|stand| stand.has_payment);
        let paid_at = paid_at.and_then(|stand| stand.paid_at.or(order.row().paid_at));
        let conflict = self.conflict_of(&[order], members, paid_at);
        let judgement = conflict.unwrap_or_else(|| self.judge.pair(order.row(), stand));
        let members_by_ref: Vec<_> = members.iter().collect();
        let mut line = subject::order_line(order.row(), stand, judgement, &mut self.buffer).to_line();
        line.rows = rows_of(&[order], &members_by_ref);
        let exchange = self.judge.exchange(order.row(), stand);
        if let Some(exchange) = exchange.filter(|_| conflict.is_none()) {
            line.show_exchange(exchange);
        }
        self.lines.push(line);
        self.put_order(order, judgement.0);
        for member in members {
            let stands = chosen.as_ref().is_some_and(|chosen| std::ptr::eq(chosen.cip, &member.cip.view));
            let (operation, bucket) = if stands {
                (chosen.as_ref().and_then(|chosen| chosen.operation), judgement.0.bucket())
            } else {
                // Nobody claims money on a CIP beside the one that stands; further payments are entered below.
                (None, Bucket::Unpaid)
            };
            self.put_cip(&member.cip.view, operation, bucket);
            self.enter_further_payments(member, Some(order), operation);
        }
    }

    /// Several orders that may own the same money: all are named and left to a person.
    fn enter_ambiguous(&mut self, orders: &[&OrderView<'r, 'a>], members: &[Member<'_, 'r, 'a>]) {
        let all: Vec<_> = members.iter().map(|member| &member.cip.view).collect();
        let chosen = Chosen::among(&all, self.judge.as_of, None);
        let conflict = self.conflict_of(orders, members, chosen.and_then(|chosen| chosen.stand.paid_at));
        let mut carried = HashSet::new();
        let by_cip = orders.iter().flat_map(|order| &order.row().cips).any(|cip| !carried.insert(*cip));
        let reason = if by_cip { Reason::CipOnSeveralOrders } else { Reason::ReferenceOnSeveralOrders };
        let judgement = conflict.unwrap_or((Class::AmbiguousReference, Some(reason)));
        let members_by_ref: Vec<_> = members.iter().take(CANDIDATES_NAMED_MAX).collect();
        for order in orders {
            let mut line = subject::order_line(order.row(), None, judgement, &mut self.buffer).to_line();
            line.rows = rows_of(&[order], &members_by_ref);
            self.lines.push(line);
            self.put_order(order, judgement.0);
        }
        for member in members {
            let first = member.cip.view.live().next().or_else(|| member.cip.view.operations.last());
            self.put_cip(&member.cip.view, first, Bucket::Break);
            self.enter_further_payments(member, None, first);
        }
    }

    fn conflict_of(
        &self,
        orders: &[&OrderView<'r, 'a>],
        members: &[Member<'_, 'r, 'a>],
        paid_at: Option<Instant>,
    ) -> Option<Judgement> {
        let reason = if orders.iter().any(|order| order.contradicts_itself()) {
            Reason::OrderRowsContradict
        } else if members.iter().any(|member| !member.cip.view.conflicting.is_empty()) {
            Reason::ReportRowsContradict
        } else if paid_at.is_some_and(|paid_at| {
            orders.iter().any(|order| order.changed_after(paid_at, &self.inputs.orders))
        }) {
            Reason::OrderChangedAfterPayment
        } else {
            return None;
        };
        Some((Class::ConflictingRecord, Some(reason)))
    }

    /// Every live payment beside the one that stands is a break of its own.
    fn enter_further_payments(
        &mut self,
        member: &Member<'_, 'r, 'a>,
        order: Option<&OrderView<'r, 'a>>,
        stands: Option<&Operation<'r, 'a>>,
    ) {
        let cip = &member.cip.view;
        for operation in cip.live() {
            if stands.is_some_and(|stands| std::ptr::eq(stands, operation)) {
                continue;
            }
            let order_row = order.map(OrderView::row);
            let class = Class::DuplicatePayment;
            let mut line = payment_line(member.cip, order_row, operation, class);
            line.rows.reports = operation.speaker().map(|settled| settled.speaker).into_iter().collect();
            self.lines.push(line);
            self.reports.put(operation.speaker().map(|settled| &settled.speaker), Bucket::Break);
            self.reports.put(&cip.conflicting, Bucket::Break);
        }
    }

    fn put_order(&mut self, order: &OrderView<'_, '_>, class: Class) {
        let settled = &order.settled;
        self.orders.put([&settled.speaker], class.bucket());
        self.orders.put(&settled.duplicates, Bucket::DuplicateRow);
        self.orders.put(&settled.superseded, Bucket::Superseded);
        self.orders.put(&settled.contradicting, Bucket::Break);
    }

    /// One row of a CIP speaks for its pair and goes into `bucket`; what it overtook or repeats is counted apart.
    fn put_cip(&mut self, cip: &CipView<'_, '_>, stands: Option<&Operation<'_, '_>>, bucket: Bucket) {
        for operation in &cip.operations {
            for settled in operation.paid.iter().chain(&operation.returns) {
                self.reports.put([&settled.speaker], Bucket::Superseded);
            }
        }
        if let Some(newest) = cip.snapshots.newest() {
            let snapshot = if cip.operations.is_empty() { bucket } else { Bucket::Superseded };
            self.reports.put([&newest.speaker], snapshot);
        }
        if let Some(speaker) = stands.and_then(Operation::speaker) {
            self.reports.put([&speaker.speaker], bucket);
        }
        self.reports.put(&cip.duplicates, Bucket::DuplicateRow);
        self.reports.put(&cip.superseded, Bucket::Superseded);
        self.reports.put(&cip.conflicting, Bucket::Break);
    }

    /// The relation of notices and reports, beside the pairs.
    pub fn enter_notices(
        &mut self,
        notices: &'r [NoticeRow<'a>],
        orders: &[OrderView<'r, 'a>],
        cips: &[AccountCip<'r, 'a>],
    ) {
        let announcements = announcements(notices);
        let relation = Relation::new(&announcements, self.judge.policy, self.judge.coverage);
        let views: HashMap<_, _> =
            cips.iter().filter_map(|cip| Some(((cip.account, cip.view.key.cip()?), &cip.view))).collect();
        for announcement in relation.announcements {
            // Events other than payments claim no money.
            self.put_announcement(announcement, Bucket::Unpaid);
        }
        for (key, announced) in relation.paid_by_cip() {
            let view = views.get(&key).copied();
            let reported = view.map_or(&[][..], |view| view.operations.as_slice());
            for (announcement, judgement) in relation.heard(announced, reported) {
                self.put_announcement(announcement, judgement.0.bucket());
                if judgement.0 == Class::Matched
                    && let Some(seconds) = announcement.delay_seconds(notices)
                {
                    self.health.delay(key.0, seconds);
                }
                if judgement.0.is_break() {
                    let order = self.owner(orders, key.0, key.1);
                    let mut line = subject::notice_line(announcement, order, view, judgement);
                    line.rows.notices.push(announcement.speaker);
                    line.rows.notices.extend(&announcement.contradicting);
                    self.lines.push(line);
                } else if judgement.0 == Class::Open {
                    self.waiting.notices.push(announcement.speaker);
                }
            }
        }
        for cip in cips {
            for (operation, hearing) in relation.payments(cip) {
                self.health.payment(cip.account, hearing, operation.money());
                if hearing == Hearing::Waits {
                    self.waiting.reports.extend(operation.speaker().map(|settled| settled.speaker));
                }
                if hearing != Hearing::Lost {
                    continue;
                }
                let order = cip.view.key.cip().and_then(|number| self.owner(orders, cip.account, number));
                let mut line = payment_line(cip, order, operation, Class::MissingNotice);
                line.rows.reports = operation.speaker().map(|settled| settled.speaker).into_iter().collect();
                self.lines.push(line);
            }
        }
    }

    fn owner<'o>(
        &self,
        orders: &'o [OrderView<'r, 'a>],
        account: &str,
        cip: Cip,
    ) -> Option<&'o OrderRow<'a>> {
        let candidates = self.owners.get(&cip)?.iter().filter_map(|index| orders.get(*index));
        candidates.map(OrderView::row).find(|row| row.account == account)
    }

    fn put_announcement(&mut self, announcement: &super::notices::Announcement<'_, '_>, bucket: Bucket) {
        if let Some(ledger) = &mut self.notices {
            ledger.put([&announcement.speaker], bucket);
            ledger.put(&announcement.duplicates, Bucket::DuplicateRow);
            ledger.put(&announcement.contradicting, Bucket::Break);
        }
    }

    /// What the fraud rules find, beside the pairs and in no bucket.
    pub fn enter_findings(&mut self, orders: &[OrderView<'r, 'a>]) {
        let watch = std::mem::take(&mut self.watch);
        self.lines.extend(watch.close(&self.judge.policy.fraud, self.inputs, orders, self.scope));
    }

    /// The relations beyond the reports, judged by themselves.
    pub fn enter_settling(&mut self, mut settling: Settling) {
        self.lines.append(&mut settling.lines);
        self.waiting.reports.append(&mut settling.waiting.reports);
        self.waiting.settlements.append(&mut settling.waiting.settlements);
        self.waiting.bank.append(&mut settling.waiting.bank);
        self.settling = settling;
    }

    /// Closes the book: sorts, sums up, and asserts conservation.
    pub fn close(self, opened: &BTreeMap<BreakId, Instant>) -> Result<Outcome, ConservationError> {
        let mut lines = self.lines;
        for line in lines.iter_mut().filter(|line| line.class.is_break()) {
            line.opened_at = Some(opened.get(&line.break_id).copied().unwrap_or(self.judge.as_of));
        }
        lines.sort_by(Line::compare);
        let notices = match (self.notices, &self.inputs.notices) {
            (Some(ledger), Some(rows)) => Some(ledger.close(rows.iter().map(|row| row.amount))?),
            _ => None,
        };
        let conservation = Conservation {
            orders: self.orders.close(self.inputs.orders.iter().map(|row| row.amount))?,
            reports: self.reports.close(self.inputs.reports.iter().map(|row| row.amount))?,
            notices,
            settlements: self.settling.settlement_rows,
            payments: self.settling.payments,
            deposits: self.settling.deposits,
            bank: self.settling.bank,
        };
        let booked = Booked::by_account(&lines);
        conservation::check_variance(&conservation.orders, &conservation.reports, &booked)?;
        let rules = fraud::ran(&self.judge.policy.fraud, self.inputs);
        let totals = totals(&lines, self.inputs, !rules.is_empty());
        let findings = findings(&lines, &rules);
        let (waiting, notice_health) = (self.waiting, self.health);
        let Settling { settlements, bundles, .. } = self.settling;
        Ok(Outcome {
            lines,
            waiting,
            bundles,
            totals,
            findings,
            conservation,
            booked,
            notice_health,
            settlements,
        })
    }
}

/// The line of one payment, beside the pair's.
fn payment_line(
    cip: &AccountCip<'_, '_>,
    order: Option<&OrderRow<'_>>,
    operation: &Operation<'_, '_>,
    class: Class,
) -> Line {
    let stand = Stand::of(&cip.view, Some(operation), state_of(operation.standing));
    let (key, payment) = (subject::key_text(&cip.view.key), subject::operation_key(operation));
    subject::payment_line(cip.account, order, (&key, &payment), &stand, class).to_line()
}

/// The facts behind a line: every row, for a superseded or repeated one may have decided it, and the next run starts
/// from these.
fn rows_of(orders: &[&OrderView<'_, '_>], members: &[&Member<'_, '_, '_>]) -> LegRows {
    let mut rows = LegRows::default();
    for order in orders {
        let settled = &order.settled;
        rows.orders.push(settled.speaker);
        rows.orders
            .extend(settled.contradicting.iter().chain(&settled.superseded).chain(&settled.duplicates));
    }
    for member in members {
        let cip = &member.cip.view;
        for operation in &cip.operations {
            rows.reports
                .extend(operation.paid.iter().chain(&operation.returns).map(|settled| settled.speaker));
        }
        rows.reports.extend(cip.snapshots.speakers());
        rows.reports.extend(cip.conflicting.iter().chain(&cip.superseded).chain(&cip.duplicates));
    }
    rows.reports.sort_unstable();
    rows.reports.dedup();
    rows
}

fn totals(lines: &[Line], inputs: &Inputs<'_>, with_findings: bool) -> BTreeMap<Class, ClassTotals> {
    let mut totals = empty_totals(inputs, with_findings);
    for line in lines {
        totals.entry(line.class).or_default().add(line.value_minor, line.value_currency);
    }
    totals
}

/// Every class that a run over these legs counts, none of them found yet.
pub(crate) fn empty_totals(inputs: &Inputs<'_>, with_findings: bool) -> BTreeMap<Class, ClassTotals> {
    let (settlements, bank) = (inputs.settlements.is_some(), inputs.bank.is_some());
    let parts: [(&[Class], bool); 6] = [
        (&Class::ALWAYS, true),
        (&Class::WITH_NOTICES, inputs.notices.is_some()),
        (&Class::WITH_SETTLEMENTS, settlements),
        (&Class::WITH_BANK, bank),
        (&Class::WITH_EITHER, settlements || bank),
        (&[Class::Finding], with_findings),
    ];
    let classes = parts.iter().filter(|(_, there)| *there).flat_map(|(classes, _)| *classes);
    classes.map(|class| (*class, ClassTotals::default())).collect()
}

fn findings(lines: &[Line], rules: &[Reason]) -> BTreeMap<Reason, ClassTotals> {
    let mut findings: BTreeMap<Reason, ClassTotals> =
        rules.iter().map(|rule| (*rule, ClassTotals::default())).collect();
    for line in lines.iter().filter(|line| line.class == Class::Finding) {
        if let Some(rule) = line.reason {
            findings.entry(rule).or_default().add(line.value_minor, line.value_currency);
        }
    }
    findings
}
