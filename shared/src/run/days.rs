//! What a run takes over from the runs before it, and what it hands on.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::general::Reading;
use super::{RunError, Settings};
use crate::calendar::Instant;
use crate::carry::{
    Balance, Carried, CarriedFile, Fact, FactText, Living, Moved, Told, Touched, marked, without_known,
};
use crate::formats::{self, Format, Leg, LegMapping, Source, Table};
use crate::ids::BreakId;
use crate::reconcile::Inputs;
use crate::report::InputRecord;

impl<'a> Reading<'a> {
    /// Books everything that was read so far as having arrived.
    pub(super) fn book_arrivals(&mut self) {
        self.balance.book(Moved::New, &self.inputs.orders);
        self.balance.book(Moved::New, &self.inputs.reports);
        self.balance.book(Moved::New, self.inputs.notices.iter().flatten());
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
        self.heard.looks.extend(told.looks.iter().cloned());
        self.heard.before = self.heard.before.max(told.heard.as_of);
        for leg in [Leg::Orders, Leg::Reports, Leg::Notices] {
            if let Some(until) = told.heard.until(leg) {
                let known = self.heard.covered_until.entry(leg).or_insert(until);
                *known = until.max(*known);
            }
        }
        Ok(())
    }

    /// The stubs that anything of this run touches, as far as they are still remembered at this moment.
    pub(super) fn touched_stubs<'f>(
        &mut self,
        files: &[CarriedFile<'f>],
        settings: &Settings<'_>,
        moment: Option<Instant>,
    ) -> Result<Told<'f>, RunError> {
        if files.is_empty() {
            return Ok(Told::default());
        }
        let days = settings.policy.carry.closed_days;
        let oldest = moment.map(|moment| moment.moved(TimeDelta::days(i64::from(days).saturating_neg())));
        let stubs = Touched::by(&self.inputs).stubs(files, oldest)?;
        if stubs.forgotten > 0 {
            self.heard.warnings.push(format!(
                "facts arrived of pairs that were closed more than {days} days ago (stubs: {}), and are judged without what was known of them then",
                stubs.forgotten
            ));
        }
        Ok(stubs)
    }

    /// Names the files of earlier runs among the inputs.
    pub(super) fn note_carried(&mut self, carried: &Carried<'_>, open: &Told<'_>, stubs: &Told<'_>) {
        let kinds = [("open", carried.open, open), ("closed", carried.closed, stubs)];
        for (leg, files, told) in kinds {
            self.heard.records.extend(files.iter().map(|file| InputRecord {
                leg,
                name: file.name.to_owned(),
                source: String::new(),
                sha256: hex::encode(Sha256::digest(file.bytes)),
                rows: told.rows_of(file.name),
                rejected: 0,
                covered_until: None,
                cleansed: BTreeMap::new(),
                unknown_columns: Vec::new(),
            }));
        }
    }

    /// Books what is closed and what is carried on, and checks that nothing was lost on the way.
    pub(super) fn close_balance(&mut self, living: &Living) -> Result<(), RunError> {
        book_ends(&mut self.balance, &self.inputs, living);
        Ok(self.balance.check()?)
    }
}

/// Books what of these rows is closed and what is carried on.
pub(super) fn book_ends(balance: &mut Balance, inputs: &Inputs<'_>, living: &Living) {
    let once = living.each_fact_once(inputs);
    let Inputs { orders, reports, notices, .. } = inputs;
    let notices = notices.as_deref().unwrap_or_default();
    book_out(balance, orders, &living.orders, &once.orders);
    book_out(balance, reports, &living.reports, &once.reports);
    book_out(balance, notices, &living.notices, &once.notices);
}

/// When breaks that are known already were first seen: by what keeps them, else by the run before.
pub(super) fn opened(settings: &Settings<'_>, told: &Told<'_>) -> BTreeMap<BreakId, Instant> {
    let mut opened = told.opened.clone();
    opened.extend(settings.opened.iter().map(|(id, time)| (id.clone(), *time)));
    opened
}

fn read<'t, R>(
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

fn join<R: Fact>(balance: &mut Balance, moved: Moved, known: &mut Vec<R>, carried: Vec<R>) {
    let (new, told_again) = without_known(known, carried);
    balance.book(moved, &new);
    if moved == Moved::Opening {
        balance.book(Moved::Opening, &told_again);
        balance.book(Moved::ToldAgain, &told_again);
    }
    known.extend(new);
}

fn book_out<R: Fact>(balance: &mut Balance, rows: &[R], living: &[bool], once: &[bool]) {
    let all = || rows.iter().zip(living.iter().zip(once));
    balance.book(Moved::Closed, all().filter(|(_, (lives, _))| !**lives).map(|(row, _)| row));
    balance.book(Moved::ToldAgain, all().filter(|(_, (lives, once))| **lives && !**once).map(|(row, _)| row));
    balance.book(Moved::Carried, marked(rows, once).map(|(_, row)| row));
}
