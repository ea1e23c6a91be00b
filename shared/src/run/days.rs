//! What a run takes over from the runs before it, and what it hands on.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::general::Reading;
use super::heard::Heard;
use super::{RunError, Settings};
use crate::calendar::Instant;
use crate::carry::{
    Balance, Carried, CarriedFile, Fact, FactText, Legs, Living, Moved, Told, Touched, without_known,
};
use crate::config::Policy;
use crate::formats::{self, Format, Leg, LegMapping, Source, Table};
use crate::ids::{BreakId, Cip};
use crate::lifecycle::evidence::{SettlementKind, SettlementRow};
use crate::lifecycle::settle::RowIndex;
use crate::money::Currency;
use crate::reconcile::{Bundle, ClosedFees, Inputs, SettlementName, month_of, settlement_of, settlements_of};
use crate::report::InputRecord;

impl<'a> Reading<'a> {
    /// Books everything that was read so far as having arrived.
    pub(super) fn book_arrivals(&mut self) {
        self.balance.book(Moved::New, &self.inputs.orders);
        self.balance.book(Moved::New, &self.inputs.reports);
        self.balance.book(Moved::New, self.inputs.notices.iter().flatten());
        self.balance.book(Moved::New, self.inputs.settlements.iter().flatten());
        self.balance.book(Moved::New, self.inputs.bank.iter().flatten());
        self.settlements.judge(self.inputs.settlements.iter().flatten());
    }

    /// Takes over what files of earlier runs tell, each fact once. What has arrived again counts as arrived.
    pub(super) fn take_over(
        &mut self,
        told: &'a Told<'_>,
        moved: Moved,
        settings: &Settings<'_>,
    ) -> Result<(), RunError> {
        let canonical = LegMapping::default();
        let mut orders = read(&told.orders, Leg::Orders, |source| formats::read_orders(source, &canonical))?;
        let mut reports = Vec::new();
        for (name, facts) in &told.reports {
            let source_id = self.heard.source_id(name)?;
            let read_one = |source: &Source<'a>| formats::read_reports(source, source_id, &canonical);
            reports.extend(read(facts, Leg::Reports, read_one)?);
        }
        let mut notices =
            read(&told.notices, Leg::Notices, |source| formats::read_notices(source, &canonical))?;
        if let Some(own) = settings.only_account {
            orders.retain(|row| row.account == own);
            reports.retain(|row| row.account == own);
            notices.retain(|row| row.account == own);
        }
        join(&mut self.balance, moved, &mut self.inputs.orders, orders);
        join(&mut self.balance, moved, &mut self.inputs.reports, reports);
        if !notices.is_empty() || told.heard.has(Leg::Notices) {
            join(&mut self.balance, moved, self.inputs.notices.get_or_insert_default(), notices);
        }
        self.settlements.take_over(told, moved, settings, &mut self.inputs, &mut self.balance)?;
        remember(&mut self.inputs, &mut self.heard, told, settings);
        Ok(())
    }

    /// The stubs that are touched, as far as they are still remembered at this moment.
    pub(super) fn touched_stubs<'f>(
        &mut self,
        touched: impl FnOnce(&Self) -> Touched,
        files: &[CarriedFile<'f>],
        settings: &Settings<'_>,
        moment: Option<Instant>,
    ) -> Result<Told<'f>, RunError> {
        if files.is_empty() {
            return Ok(Told::default());
        }
        take_stubs(touched(self), files, settings, moment, &mut self.heard)
    }

    /// Books what is closed and what is carried on, and checks that nothing was lost on the way.
    pub(super) fn close_balance(&mut self, living: &Living) -> Result<(), RunError> {
        book_ends(&mut self.balance, &self.inputs, living, &[]);
        Ok(self.balance.check()?)
    }
}

/// The settlements of a run, by whether all their lines are there.
#[derive(Debug, Default)]
pub(super) struct Settlements {
    /// Those that are here with all their lines.
    judged: BTreeSet<SettlementName>,
    /// Those of which a run before knew that they were closed.
    known: BTreeSet<SettlementName>,
}

impl Settlements {
    /// Notes that settlements are here with all these lines.
    pub(super) fn judge<'r, 'a: 'r>(&mut self, lines: impl IntoIterator<Item = &'r SettlementRow<'a>>) {
        self.judged.extend(settlements_of(lines));
    }

    /// Takes over lines of settlements and of the bank, each once. What has arrived again counts as arrived.
    pub(super) fn take_over<'a>(
        &mut self,
        told: &'a Told<'_>,
        moved: Moved,
        settings: &Settings<'_>,
        inputs: &mut Inputs<'a>,
        balance: &mut Balance,
    ) -> Result<(), RunError> {
        let canonical = LegMapping::default();
        let read_lines = |source: &Source<'a>| formats::read_settlements(source, &canonical);
        let mut judged = numbered(&told.settlements, Leg::Settlements, read_lines, set_settlement_ordinal)?;
        let mut closed = numbered(&told.settled, Leg::Settlements, read_lines, set_settlement_ordinal)?;
        let read_bank = |source: &Source<'a>| formats::read_bank(source, &canonical);
        let bank = numbered(&told.bank, Leg::Bank, read_bank, |row, ordinal| row.ordinal = ordinal)?;
        if let Some(own) = settings.only_account {
            judged.retain(|row| row.account == own);
            closed.retain(|row| row.account == own);
        }
        self.judge(&judged);
        self.known.extend(settlements_of(&closed));
        judged.append(&mut closed);
        if !judged.is_empty() || told.heard.has(Leg::Settlements) {
            join(balance, moved, inputs.settlements.get_or_insert_default(), judged);
        }
        if !bank.is_empty() || told.heard.has(Leg::Bank) {
            join(balance, moved, inputs.bank.get_or_insert_default(), bank);
        }
        Ok(())
    }

    /// Settlements that are closed and settle a payment which another settlement carries too: which of them does so twice
    /// can be told only where both are judged.
    pub(super) fn elsewhere(&self, inputs: &Inputs<'_>) -> Touched {
        let payments = || {
            let rows = inputs.settlements.iter().flatten();
            rows.filter(|row| row.kind == SettlementKind::Payment)
                .filter_map(|row| Some(((row.account.as_ref(), row.cip?), row)))
        };
        let mut first: HashMap<(&str, Cip), &str> = HashMap::new();
        let mut several: HashSet<(&str, Cip)> = HashSet::new();
        for (key, row) in payments() {
            if *first.entry(key).or_insert(&row.settlement_id) != row.settlement_id {
                several.insert(key);
            }
        }
        let closed = payments()
            .filter(|(key, row)| several.contains(key) && !self.judged.contains(&settlement_of(row)));
        Touched::by_settlements(closed.map(|(_, row)| (row.account.as_ref(), row.settlement_id.as_ref())))
    }

    /// Tells the run which settlements are closed: of them only lines are there that payments need.
    pub(super) fn close(&self, inputs: &mut Inputs<'_>) {
        inputs.closed_settlements = self.known.difference(&self.judged).cloned().collect();
        // What is judged again counts for itself.
        inputs.closed_fees.retain(|fees| !fees.is_of(&self.judged));
    }
}

/// The stubs that are touched, as far as they are still remembered at this moment; says how many are not.
pub(super) fn take_stubs<'f>(
    touched: Touched,
    files: &[CarriedFile<'f>],
    settings: &Settings<'_>,
    moment: Option<Instant>,
    heard: &mut Heard,
) -> Result<Told<'f>, RunError> {
    let days = settings.policy.carry.closed_days;
    let oldest = moment.map(|moment| moment.moved(TimeDelta::days(i64::from(days).saturating_neg())));
    let stubs = touched.stubs(files, oldest)?;
    if stubs.forgotten > 0 {
        heard.warnings.push(format!(
            "facts arrived of pairs that were closed more than {days} days ago (stubs: {}), and are judged without what was known of them then",
            stubs.forgotten
        ));
    }
    Ok(stubs)
}

/// Names the files of earlier runs among the inputs.
pub(super) fn note_carried(heard: &mut Heard, carried: &Carried<'_>, open: &Told<'_>, stubs: &[&Told<'_>]) {
    let kinds = [("open", carried.open, &[open][..]), ("closed", carried.closed, stubs)];
    for (leg, files, told) in kinds {
        heard.records.extend(files.iter().map(|file| InputRecord {
            leg: leg.into(),
            name: file.name.to_owned(),
            source: String::new(),
            sha256: hex::encode(Sha256::digest(file.bytes)),
            rows: told.iter().map(|told| told.rows_of(file.name)).sum(),
            rejected: 0,
            covered_until: None,
            cleansed: BTreeMap::new(),
            unknown_columns: Vec::new(),
        }));
    }
}

/// Takes over what is remembered beside facts.
pub(super) fn remember(inputs: &mut Inputs<'_>, heard: &mut Heard, told: &Told<'_>, settings: &Settings<'_>) {
    let is_own = |account: &str| settings.only_account.is_none_or(|own| account == own);
    let known = told.heard.accounts.iter().filter(|account| is_own(account)).cloned();
    inputs.known_accounts.extend(known);
    for (currency, names) in &told.heard.bank_accounts {
        if let Some(currency) = Currency::from_code(currency) {
            let known = inputs.known_bank_accounts.entry(currency).or_default();
            known.extend(names.iter().cloned());
        }
    }
    inputs.closed_fees.extend(told.heard.fees.iter().filter(|fees| is_own(&fees.account)).cloned());
    heard.bank.remember(&told.heard.bank);
    heard.looks.extend(told.looks.iter().cloned());
    heard.before = heard.before.max(told.heard.as_of);
    for leg in [Leg::Orders, Leg::Reports, Leg::Notices, Leg::Settlements] {
        if let Some(until) = told.heard.until(leg) {
            let known = heard.covered_until.entry(leg).or_insert(until);
            *known = until.max(*known);
        }
    }
}

/// Books what of these rows is closed and what is carried on, but for lines of settlements that are booked elsewhere.
pub(super) fn book_ends(balance: &mut Balance, inputs: &Inputs<'_>, living: &Living, elsewhere: &[bool]) {
    let once = living.each_fact_once(inputs);
    let legs = Legs::of(inputs);
    let here = |_| true;
    book_out(balance, legs.orders, (&living.orders, &once.orders), here);
    book_out(balance, legs.reports, (&living.reports, &once.reports), here);
    book_out(balance, legs.notices, (&living.notices, &once.notices), here);
    let ends = (&living.settlements[..], &once.settlements[..]);
    book_out(balance, legs.settlements, ends, |line| !elsewhere.get(line).copied().unwrap_or(false));
    book_out(balance, legs.bank, (&living.bank, &once.bank), here);
}

/// For so many days after stubs are forgotten the fees of a settlement stand by themselves: it may have been closed that long
/// after its payout.
const FEES_APART: TimeDelta = TimeDelta::days(366);

/// What settlements kept back that are closed by now, for the next run.
pub(super) fn closed_fees(
    inputs: &Inputs<'_>,
    bundles: &[Bundle],
    living: &Living,
    policy: &Policy,
    as_of: Option<Instant>,
) -> Vec<ClosedFees> {
    let remembered = TimeDelta::days(i64::from(policy.carry.closed_days));
    let oldest = as_of.map(|as_of| month_of(as_of.moved(-remembered).moved(-FEES_APART).business_day()));
    let closed = bundles.iter().zip(&living.bundles).filter(|(_, lives)| !**lives);
    let fees = closed.flat_map(|(bundle, _)| &bundle.fees).chain(&inputs.closed_fees);
    ClosedFees::summed(fees.cloned(), oldest.as_deref().unwrap_or_default())
}

/// When breaks that are known already were first seen: by what keeps them, else by the run before.
pub(super) fn opened(settings: &Settings<'_>, told: &Told<'_>) -> BTreeMap<BreakId, Instant> {
    let mut opened = told.opened.clone();
    opened.extend(settings.opened.iter().map(|(id, time)| (id.clone(), *time)));
    opened
}

pub(super) fn read<'t, R>(
    facts: &'t FactText<'_>,
    leg: Leg,
    read: impl FnOnce(&Source<'t>) -> Result<Table<R>, formats::FileError>,
) -> Result<Vec<R>, RunError> {
    if facts.ndjson.is_empty() {
        return Ok(Vec::new());
    }
    let source =
        Source { name: "carried facts", bytes: &facts.ndjson, format: Format::Ndjson, account: None };
    let table = read(&source)?;
    match table.rejected.first() {
        Some(rejected) => Err(facts.error(leg, rejected).into()),
        None => Ok(table.rows),
    }
}

/// Rows that keep the numbers which they had in their files.
fn numbered<'t, R>(
    facts: &'t FactText<'_>,
    leg: Leg,
    read_leg: impl FnOnce(&Source<'t>) -> Result<Table<R>, formats::FileError>,
    set_ordinal: impl Fn(&mut R, u32),
) -> Result<Vec<R>, RunError> {
    let mut rows = read(facts, leg, read_leg)?;
    rows.iter_mut().zip(&facts.ordinals).for_each(|(row, ordinal)| set_ordinal(row, *ordinal));
    Ok(rows)
}

fn set_settlement_ordinal(row: &mut SettlementRow<'_>, ordinal: u32) {
    row.ordinal = ordinal;
}

pub(super) fn join<R: Fact>(balance: &mut Balance, moved: Moved, known: &mut Vec<R>, carried: Vec<R>) {
    let (new, told_again) = without_known(known, carried);
    balance.book(moved, &new);
    if moved == Moved::Opening {
        balance.book(Moved::Opening, &told_again);
        balance.book(Moved::ToldAgain, &told_again);
    }
    known.extend(new);
}

fn book_out<R: Fact>(
    balance: &mut Balance,
    rows: &[R],
    (living, once): (&[bool], &[bool]),
    is_here: impl Fn(RowIndex) -> bool,
) {
    let ends = rows.iter().zip(living.iter().zip(once)).enumerate().filter(|(row, _)| is_here(*row));
    let ends: Vec<(&R, bool, bool)> = ends.map(|(_, (row, (lives, once)))| (row, *lives, *once)).collect();
    let of = |moved: fn(bool, bool) -> bool| {
        ends.iter().filter(move |(_, lives, once)| moved(*lives, *once)).map(|(row, ..)| *row)
    };
    balance.book(Moved::Closed, of(|lives, _| !lives));
    balance.book(Moved::ToldAgain, of(|lives, once| lives && !once));
    balance.book(Moved::Carried, of(|_, once| once));
}
