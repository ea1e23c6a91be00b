//! A part judged and written: plain pairs where they lie, all else as the general rules made it, each line at its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RunError;
use super::general::Found;
use super::link::{Beyond, General, Judging, Ready, gather, judge};
use super::packed::{unpack_order, unpack_report};
use super::parts::Part;
use super::routes::Routes;
use super::sort::{Entry, Sorted, groups};
use super::threads::Shelf;
use crate::carry::{Balance, Ends, rows_stay};
use crate::formats::Leg;
use crate::lifecycle::evidence::{NoticeRow, OrderRow, ReportRow, SettlementRow};
use crate::money::{Currency, Money};
use crate::reconcile::class::{Bucket, Class, Reason};
use crate::reconcile::{
    Booked, Buckets, ClassTotals, Conservation, Held, Inputs, Line, NoticeTally, PlainJudge, ReadRows, Scope,
    Settled, Settlement, Shown, Tally, check_variance, empty_totals,
};
use crate::report::{Tables, evidence_of_rows, write_open_rows};

/// What a part gave.
#[derive(Default)]
pub(super) struct Written {
    pub tables: Tables,
    /// Breaks in the order of the outputs, if they are kept.
    pub kept: Vec<Line>,
}

/// The books of a run, as far as they are kept.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Books {
    /// Of plain pairs, where each line counts.
    orders: Tally,
    reports: Tally,
    order_ends: Ends,
    report_ends: Ends,
    plain: Vec<(Class, [Held; Currency::ALL.len()])>,
    /// Plain lines come account by account: what is booked of the last one.
    account: String,
    of_account: Booked,
    /// Of all else.
    general: Conservation,
    balance: Balance,
    classes: BTreeMap<Class, ClassTotals>,
    /// What the fraud rules found.
    findings: BTreeMap<Reason, ClassTotals>,
    booked: BTreeMap<String, Booked>,
    without_line: Vec<Vec<u8>>,
    closed_without_line: Vec<Vec<u8>>,
    notice_health: NoticeTally,
    settlements: Vec<Settlement>,
}

/// The books of a run when they are closed.
pub(super) struct Closed {
    pub found: Found,
    /// The last lines of `open.ndjson`.
    pub without_line: Vec<u8>,
    /// The last lines of `closed.ndjson`.
    pub closed_without_line: Vec<u8>,
}

/// What belongs into a part beside the rows that lie in it.
#[derive(Default)]
pub(super) struct Elsewhere<'e> {
    /// Lines that were made of linked rows.
    pub lines: Vec<Ready>,
    /// Notices of CIPs that are not linked; absent where notices are no part of the run.
    pub notices: Option<Vec<NoticeRow<'e>>>,
    /// Lines of settlements that are closed, each about a pair of the part; absent where settlements are no part of the run.
    pub settlements: Option<Vec<SettlementRow<'e>>>,
    /// Whether the bank is a part of the run.
    pub has_bank: bool,
}

impl Books {
    /// Begins the books of a run: every class of its legs and every fraud rule that looks; `balance` says what has come in.
    pub(super) fn begin(inputs: &Inputs<'_>, rules: &[Reason], balance: Balance) -> Books {
        let classes = empty_totals(inputs, !rules.is_empty());
        let mut books = Books { classes, balance, ..Books::default() };
        books.general.notices = inputs.notices.as_ref().map(|_| Buckets::new());
        books.findings.extend(rules.iter().map(|rule| (*rule, ClassTotals::default())));
        books
    }

    /// Enters a plain line and the money of its rows; `lives` says whether it lives on.
    fn enter(&mut self, line: &Shown<'_>, order: Option<Money>, report: Option<Money>, lives: bool) {
        let bucket = line.class.bucket();
        if let Some(money) = order {
            self.orders.add(money, bucket);
            self.order_ends.add(money, lives);
        }
        if let Some(money) = report {
            self.reports.add(money, bucket);
            self.report_ends.add(money, lives);
        }
        if bucket == Bucket::Matched {
            if self.account != line.account {
                self.leave_account();
                line.account.clone_into(&mut self.account);
            }
            self.of_account.enter_plain(line.currency, line.difference_minor.unwrap_or(0));
        }
        // A list of the few classes that occur is quicker than a map.
        let place = self.plain.iter().position(|(class, _)| *class == line.class).unwrap_or_else(|| {
            self.plain.push((line.class, Default::default()));
            self.plain.len().saturating_sub(1)
        });
        let held = self.plain.get_mut(place).and_then(|(_, held)| held.get_mut(line.value_currency.place()));
        if let Some(held) = held {
            held.add(line.value_minor);
        }
    }

    fn leave_account(&mut self) {
        let booked = std::mem::take(&mut self.of_account);
        if booked != Booked::default() {
            self.booked.entry(self.account.clone()).or_default().merge(&booked);
        }
    }

    /// Enters what the general rules made.
    pub(super) fn enter_general(&mut self, general: &mut General) {
        merge(&mut self.general.orders, &general.conservation.orders);
        merge(&mut self.general.reports, &general.conservation.reports);
        let Conservation { settlements, payments, deposits, bank, .. } = &mut general.conservation;
        // They are judged once, over all payments.
        self.general.settlements = self.general.settlements.take().or(settlements.take());
        self.general.payments = self.general.payments.take().or(payments.take());
        self.general.deposits = self.general.deposits.take().or(deposits.take());
        self.general.bank = self.general.bank.take().or(bank.take());
        self.settlements.append(&mut general.settlements);
        for (class, totals) in &general.totals {
            self.classes.entry(*class).or_default().merge(totals);
        }
        self.count_findings(&general.findings);
        self.book_all(&general.booked);
        self.balance.merge(&general.balance);
        merge_notices(&mut self.general, &general.conservation);
        self.without_line.append(&mut general.without_line);
        self.closed_without_line.append(&mut general.closed_without_line);
        self.notice_health.merge(std::mem::take(&mut general.notice_health));
    }

    fn count_findings(&mut self, findings: &BTreeMap<Reason, ClassTotals>) {
        for (rule, totals) in findings {
            self.findings.entry(*rule).or_default().merge(totals);
        }
    }

    fn book_all(&mut self, booked: &BTreeMap<String, Booked>) {
        for (account, booked) in booked {
            self.booked.entry(account.clone()).or_default().merge(booked);
        }
    }

    /// Puts what was counted of plain pairs to all else.
    fn settle(&mut self) {
        std::mem::take(&mut self.orders).merge_into(&mut self.general.orders);
        std::mem::take(&mut self.reports).merge_into(&mut self.general.reports);
        self.balance.book_ends(Leg::Orders, &std::mem::take(&mut self.order_ends));
        self.balance.book_ends(Leg::Reports, &std::mem::take(&mut self.report_ends));
        self.leave_account();
        for (class, held) in std::mem::take(&mut self.plain) {
            for (currency, held) in Currency::ALL.into_iter().zip(held).filter(|(_, held)| held.rows > 0) {
                self.classes.entry(class).or_default().merge(&ClassTotals::of(currency, held));
            }
        }
    }

    /// Adds the books of another thread.
    pub(super) fn add(&mut self, mut other: Books) {
        other.settle();
        merge(&mut self.general.orders, &other.general.orders);
        merge(&mut self.general.reports, &other.general.reports);
        for (class, totals) in &other.classes {
            self.classes.entry(*class).or_default().merge(totals);
        }
        self.count_findings(&other.findings);
        self.book_all(&other.booked);
        self.balance.merge(&other.balance);
        merge_notices(&mut self.general, &other.general);
        self.without_line.append(&mut other.without_line);
        self.closed_without_line.append(&mut other.closed_without_line);
        self.notice_health.merge(other.notice_health);
    }

    /// Closes the books: every row that was read is in one bucket, and closed, carried on or told again; every céntimo of
    /// variance is booked.
    pub(super) fn close(
        mut self,
        orders_read: &ReadRows,
        reports_read: &ReadRows,
    ) -> Result<Closed, RunError> {
        self.settle();
        orders_read.check("orders", &self.general.orders)?;
        reports_read.check("reports", &self.general.reports)?;
        check_variance(&self.general.orders, &self.general.reports, &self.booked)?;
        self.balance.check()?;
        self.without_line.sort();
        self.closed_without_line.sort();
        let found = Found {
            totals: self.classes,
            findings: self.findings,
            conservation: self.general,
            booked: self.booked,
            notice_health: self.notice_health.close(),
            balance: self.balance,
            settlements: self.settlements,
            ..Found::default()
        };
        let closed_without_line = self.closed_without_line.concat();
        Ok(Closed { found, without_line: self.without_line.concat(), closed_without_line })
    }
}

fn merge(buckets: &mut Buckets, other: &Buckets) {
    for (currency, held) in other {
        for (bucket, held) in held {
            buckets.entry(*currency).or_default().entry(*bucket).or_default().merge(*held);
        }
    }
}

fn merge_notices(known: &mut Conservation, other: &Conservation) {
    if let Some(other) = &other.notices {
        merge(known.notices.get_or_insert_default(), other);
    }
}

/// Judges a part and writes its lines; `elsewhere` is what belongs here beside its rows. Gives what was written last and is not
/// on the shelf.
pub(super) fn write(
    part: &Part,
    sorted: &Sorted,
    elsewhere: Elsewhere<'_>,
    judging: Judging<'_>,
    plain: &PlainJudge<'_>,
    books: &mut Books,
    shelf: &mut Shelf<'_, '_>,
) -> Result<Written, RunError> {
    let Elsewhere { lines: elsewhere, notices, settlements, has_bank } = elsewhere;
    // Lines of the bank are judged once, with all payments, but stubs say by what they may name a payment.
    let mut inputs = Inputs { notices, settlements, bank: has_bank.then(Vec::new), ..Inputs::default() };
    let left = |group: &&[Entry]| !judging.is_plain(group) && !sorted.are_linked(group);
    for group in groups(&sorted.entries).filter(left) {
        gather(part, group, judging.names, &mut inputs)?;
    }
    let settles = inputs.settlements.is_some() || has_bank;
    let routes = Routes::default();
    let beyond = settles.then(|| Beyond { settled: Settled::elsewhere(), routes: &routes });
    let mut general = judge(&inputs, beyond, judging, Scope::Groups)?;
    books.enter_general(&mut general);
    let mut ready = general.lines;
    ready.extend(elsewhere);
    // Lines of one group all come from one run of the general rules, so that their order among each other stays.
    ready.sort_by_key(|line| line.group);
    let mut ready = ready.into_iter().peekable();

    let mut scribe = Scribe {
        part,
        judging,
        plain,
        books,
        written: shelf.empty(),
        order: OrderRow::blank(),
        report: ReportRow::blank(),
        name: Vec::new(),
    };
    let mut ahead = sorted.entries.chunks(ENTRIES_AHEAD);
    let (mut near, mut passed) = (0_usize, 0_usize);
    for group in groups(&sorted.entries) {
        passed = passed.saturating_add(group.len());
        while passed > near
            && let Some(next) = ahead.next()
        {
            look_ahead(part, next);
            near = near.saturating_add(next.len());
        }
        if !judging.is_plain(group) || sorted.are_linked(group) {
            continue;
        }
        let here = group.first().map(|first| first.group());
        while ready.peek().is_some_and(|line| Some(line.group) < here) {
            ready.next().into_iter().for_each(|line| scribe.put(line));
        }
        scribe.write_plain(group)?;
        shelf.put_long(&mut scribe.written)?;
    }
    for line in ready {
        scribe.put(line);
        shelf.put_long(&mut scribe.written)?;
    }
    Ok(scribe.written)
}

/// So many rows are looked at before they are read one by one.
const ENTRIES_AHEAD: usize = 32;

fn look_ahead(part: &Part, entries: &[Entry]) {
    let look = |entry: &Entry| {
        if entry.is_report() { part.reports.look(entry.at) } else { part.orders.look(entry.at) }
    };
    std::hint::black_box(entries.iter().fold(0_u8, |sum, entry| sum.wrapping_add(look(entry))));
}

/// Writes the lines of a part one after the other.
struct Scribe<'s, 'j> {
    part: &'s Part,
    judging: Judging<'j>,
    plain: &'s PlainJudge<'s>,
    books: &'s mut Books,
    written: Written,
    /// Rows to be filled again and again: moving them would take longer than judging them.
    order: OrderRow<'s>,
    report: ReportRow<'s>,
    /// Where names are put together.
    name: Vec<u8>,
}

impl<'s, 'j: 's> Scribe<'s, 'j> {
    fn put(&mut self, line: Ready) {
        self.written.tables.breaks.extend_from_slice(&line.tables.breaks);
        self.written.tables.matched.extend_from_slice(&line.tables.matched);
        self.written.tables.open.extend_from_slice(&line.tables.open);
        self.written.tables.closed.extend_from_slice(&line.tables.closed);
        self.written.kept.extend(line.kept);
    }

    /// Reads out the rows of a plain group, and tells whether there is an order and a report's row. `None` is a defect of the packing.
    fn read_out(&mut self, group: &[Entry]) -> Option<(bool, bool)> {
        let (mut has_order, mut has_report) = (false, false);
        for entry in group {
            if entry.is_report() {
                unpack_report(self.part.reports.get(entry.at)?, self.judging.names, &mut self.report)?;
                has_report = true;
            } else {
                unpack_order(self.part.orders.get(entry.at)?, self.judging.names, &mut self.order)?;
                has_order = true;
            }
        }
        Some((has_order, has_report))
    }

    fn write_plain(&mut self, group: &[Entry]) -> Result<(), RunError> {
        let (has_order, has_report) = self.read_out(group).ok_or(RunError::Packing)?;
        let (order, report) = (has_order.then_some(&self.order), has_report.then_some(&self.report));
        if order.zip(report).is_some_and(|(order, report)| self.plain.left_early(order, report)) {
            return self.write_found(group);
        }
        let line = match (order, report) {
            (Some(order), report) => self.plain.pair(order, report, &mut self.name),
            (None, Some(report)) => self.plain.alone(report),
            (None, None) => return Ok(()),
        };
        let Judging { settings, as_of, heard, .. } = self.judging;
        let lives = rows_stay(line.class, line.report_status, order, report, settings.policy, as_of);
        self.books.enter(&line, order.map(|row| row.amount), report.map(|row| row.amount), lives);
        let tables = &mut self.written.tables;
        tables.write(&line, || evidence_of_rows(order, report));
        if lives {
            let source =
                |row: &ReportRow<'_>| heard.sources.get(usize::from(row.source)).map_or("", String::as_str);
            write_open_rows(&line, order, report.map(|row| (source(row), row)), &mut tables.open);
        }
        if self.judging.keep_breaks && line.class.is_break() {
            self.written.kept.push(line.to_line());
        }
        Ok(())
    }

    /// Writes a pair of which a rule finds something: its rows live on for the finding, which the general rules know.
    fn write_found(&mut self, group: &[Entry]) -> Result<(), RunError> {
        let mut inputs = Inputs::default();
        gather(self.part, group, self.judging.names, &mut inputs)?;
        let mut general = judge(&inputs, None, self.judging, Scope::Groups)?;
        self.books.enter_general(&mut general);
        general.lines.into_iter().for_each(|line| self.put(line));
        Ok(())
    }
}

/// Where a group's lines stand among those of other groups.
pub(super) fn by_part(lines: Vec<Ready>, parts: usize) -> Vec<Vec<Ready>> {
    let mut by_part: Vec<Vec<Ready>> = (0..parts).map(|_| Vec::new()).collect();
    for line in lines {
        if let Some(part) = by_part.get_mut(line.part) {
            part.push(line);
        }
    }
    by_part
}
