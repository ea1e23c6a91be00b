//! What a run that goes by parts takes over from the runs before it: rows come into the parts as if they had arrived, and
//! the books know better.

use std::collections::{HashMap, HashSet};

use super::days::{self, Settlements};
use super::heard::Heard;
use super::packed::{order_of, report_of};
use super::parts::{Collected, Part, Shared};
use super::pile::Pile;
use super::read::Rows;
use super::references::HASH;
use super::{RunError, Settings};
use crate::calendar::Instant;
use crate::carry::{Arrived, Balance, Carried, Fact, Moved, Share, Told, Touched, touch};
use crate::formats::{self, Leg, LegMapping, Source};
use crate::lifecycle::evidence::{OrderRow, ReportRow};
use crate::reconcile::Inputs;

/// The rows of a run while those of runs before are put to them.
pub(super) struct TakeOver<'t, 'a> {
    rows: &'t mut Rows,
    inputs: &'t mut Inputs<'a>,
    heard: &'t mut Heard,
    shared: &'t Shared,
    settings: &'t Settings<'a>,
    balance: Balance,
    settlements: Settlements,
    /// What arrivals touch, as keys; empty where there are no stubs.
    touched: HashSet<u64>,
    /// What was carried on of orders, reports and notices.
    carried: Inputs<'a>,
}

impl<'t, 'a> TakeOver<'t, 'a> {
    /// Begins with the rows that have arrived.
    pub(super) fn new(
        rows: &'t mut Rows,
        inputs: &'t mut Inputs<'a>,
        heard: &'t mut Heard,
        shared: &'t Shared,
        settings: &'t Settings<'a>,
    ) -> TakeOver<'t, 'a> {
        let (balance, touched, carried) = (Balance::default(), HashSet::new(), Inputs::default());
        let settlements = Settlements::default();
        TakeOver { rows, inputs, heard, shared, settings, balance, settlements, touched, carried }
    }

    /// Takes over all of it; `stubs` is where those are put that are touched, and then those of settlements that are touched by
    /// them. Gives the moment of judgement and what has come in.
    pub(super) fn take_all<'f>(
        mut self,
        carried: &Carried<'f>,
        told: &'a Told<'_>,
        stubs: &'a mut [Told<'f>; 2],
    ) -> Result<(Option<Instant>, Balance), RunError> {
        self.book_arrivals();
        let arrived = Arrived::beside_pairs(self.inputs);
        if !carried.closed.is_empty() {
            let has_bank = |told: &Told<'_>| told.heard.has(Leg::Bank) || !told.bank.ndjson.is_empty();
            self.touch(self.inputs.bank.is_some() || has_bank(told))?;
        }
        self.take(told, Moved::Opening)?;
        let as_of = self.settings.as_of.or(self.heard.latest_of_all());
        self.settlements.close(self.inputs);
        let [stubs, settlements] = stubs;
        if !carried.closed.is_empty() {
            let touched = self.touched(arrived);
            *stubs = days::take_stubs(touched, carried.closed, self.settings, as_of, self.heard)?;
        }
        let stubs = &*stubs;
        self.take(stubs, Moved::Reopened)?;
        if !carried.closed.is_empty() {
            let touched = self.settlements.elsewhere(self.inputs);
            *settlements = days::take_stubs(touched, carried.closed, self.settings, as_of, self.heard)?;
        }
        let settlements = &*settlements;
        self.take(settlements, Moved::Reopened)?;
        self.settlements.close(self.inputs);
        days::note_carried(self.heard, carried, told, &[stubs, settlements]);
        Ok((as_of, self.balance))
    }

    /// Books everything that was read so far as having arrived.
    fn book_arrivals(&mut self) {
        for (leg, read) in [(Leg::Orders, &self.rows.orders_read), (Leg::Reports, &self.rows.reports_read)] {
            for (currency, held) in read.held() {
                let share = Share { rows: held.rows, minor: held.minor };
                self.balance.book_share(leg, currency, Moved::New, share);
            }
        }
        self.balance.book(Moved::New, self.inputs.notices.iter().flatten());
        self.balance.book(Moved::New, self.inputs.settlements.iter().flatten());
        self.balance.book(Moved::New, self.inputs.bank.iter().flatten());
        self.settlements.judge(self.inputs.settlements.iter().flatten());
    }

    /// Notes what arrivals touch, before anything else is put to them.
    fn touch(&mut self, with_bank: bool) -> Result<(), RunError> {
        let names = &self.rows.names;
        for part in self.rows.parts.iter().chain([&self.rows.loose]) {
            for (_, row) in part.orders.rows() {
                touch(&order_of(row, names).ok_or(RunError::Packing)?, with_bank, &mut self.touched);
            }
            for (_, row) in part.reports.rows() {
                touch(&report_of(row, names).ok_or(RunError::Packing)?, with_bank, &mut self.touched);
            }
        }
        self.inputs.notices.iter().flatten().for_each(|row| touch(row, with_bank, &mut self.touched));
        Ok(())
    }

    /// By what stubs are touched: by what has arrived, and by what was carried on and belongs to it.
    fn touched(&mut self, arrived: Arrived) -> Touched {
        let mut beside = std::mem::take(&mut self.carried);
        beside.settlements = self.inputs.settlements.take();
        beside.bank = self.inputs.bank.take();
        beside.closed_settlements.clone_from(&self.inputs.closed_settlements);
        let touched = Touched::beside(std::mem::take(&mut self.touched), &beside, arrived);
        self.inputs.settlements = beside.settlements.take();
        self.inputs.bank = beside.bank.take();
        touched
    }

    /// Takes over what files of earlier runs tell, each fact once. What has arrived again counts as arrived.
    fn take(&mut self, told: &'a Told<'_>, moved: Moved) -> Result<(), RunError> {
        let canonical = LegMapping::default();
        let is_own = |account: &str| self.settings.only_account.is_none_or(|own| account == own);
        let read_orders = |source: &Source<'a>| formats::read_orders(source, &canonical);
        let mut orders = days::read(&told.orders, Leg::Orders, read_orders)?;
        let mut reports = Vec::new();
        for (name, facts) in &told.reports {
            let source_id = self.heard.source_id(name)?;
            let read_one = |source: &Source<'a>| formats::read_reports(source, source_id, &canonical);
            reports.extend(days::read(facts, Leg::Reports, read_one)?);
        }
        let read_notices = |source: &Source<'a>| formats::read_notices(source, &canonical);
        let mut notices = days::read(&told.notices, Leg::Notices, read_notices)?;
        orders.retain(|row| is_own(&row.account));
        reports.retain(|row| is_own(&row.account));
        notices.retain(|row| is_own(&row.account));
        self.join_pairs(orders, reports, moved);
        if !notices.is_empty() || told.heard.has(Leg::Notices) {
            let known = self.inputs.notices.get_or_insert_default();
            let arrived = known.len();
            days::join(&mut self.balance, moved, known, notices);
            let new = known.get(arrived..).unwrap_or_default();
            self.carried.notices.get_or_insert_default().extend_from_slice(new);
        }
        self.settlements.take_over(told, moved, self.settings, self.inputs, &mut self.balance)?;
        days::remember(self.inputs, self.heard, told, self.settings);
        Ok(())
    }

    /// Puts orders and rows of reports to the others.
    fn join_pairs(&mut self, orders: Vec<OrderRow<'a>>, reports: Vec<ReportRow<'a>>, moved: Moved) {
        let mut collected = Collected::new(self.shared, self.settings);
        let known = |leg: fn(&Part) -> &Pile| {
            let piles = self.rows.parts.iter().chain([&self.rows.loose]).map(leg);
            piles.flat_map(|pile| pile.rows().map(|(_, row)| row))
        };
        let orders = apart(orders, |row| collected.packed_order(row).to_vec(), known(|part| &part.orders));
        let reports =
            apart(reports, |row| collected.packed_report(row).to_vec(), known(|part| &part.reports));
        orders.book(&mut self.balance, moved);
        reports.book(&mut self.balance, moved);
        orders.new.iter().for_each(|row| collected.order(row));
        reports.new.iter().for_each(|row| collected.report(row));
        self.rows.add(collected);
        self.carried.orders.extend(orders.new);
        self.carried.reports.extend(reports.new);
    }
}

/// Carried rows, each fact once, and apart from them those that are known already.
struct Apart<R> {
    new: Vec<R>,
    told_again: Vec<R>,
}

impl<R: Fact> Apart<R> {
    fn book(&self, balance: &mut Balance, moved: Moved) {
        balance.book(moved, &self.new);
        if moved == Moved::Opening {
            balance.book(Moved::Opening, &self.told_again);
            balance.book(Moved::ToldAgain, &self.told_again);
        }
    }
}

/// Rows are equal where they are packed into equal bytes.
fn apart<'k, R: Fact>(
    rows: Vec<R>,
    mut pack: impl FnMut(&R) -> Vec<u8>,
    known: impl Iterator<Item = &'k [u8]>,
) -> Apart<R> {
    let mut apart = Apart { new: Vec::new(), told_again: Vec::new() };
    if rows.is_empty() {
        return apart;
    }
    let mut firsts: HashMap<Vec<u8>, bool, _> = HashMap::with_hasher(HASH);
    let mut each_once = Vec::new();
    for row in rows {
        let packed = pack(&row);
        if firsts.insert(packed.clone(), false).is_none() {
            each_once.push((row, packed));
        }
    }
    for row in known {
        if let Some(is_known) = firsts.get_mut(row) {
            *is_known = true;
        }
    }
    for (row, packed) in each_once {
        let is_known = firsts.get(&packed).copied().unwrap_or(false);
        if is_known { apart.told_again.push(row) } else { apart.new.push(row) }
    }
    apart
}
