//! The quick way: pieces of files are read by several threads at once, rows go packed into parts, and parts are judged and
//! written side by side. No number of threads and no size of a piece or part changes a byte of what comes out.

use std::sync::{Mutex, PoisonError};

use super::announced::{announce, follow};
use super::days;
use super::general::{Found, append, close};
use super::heard::Heard;
use super::link::{Beyond, General, Judging, gather, gather_all, judge};
use super::opened::{head, open_all};
use super::parts::{Part, Shared};
use super::read::{Rows, partition, read};
use super::routes::Routes;
use super::settle::{self, settle};
use super::sort::{ACCOUNTS_MAX, Ranks, Sorted, groups};
use super::sorted::{InMemory, sort_all};
use super::suspects::{beside, link_suspects, weigh};
use super::takeover::TakeOver;
use super::threads::{Queue, share};
use super::write::{Books, Elsewhere, by_part, write};
use super::{FileCoverage, Outputs, Run, RunError, Settings, StreamedFile, Work};
use crate::carry::{Balance, Carried, Told};
use crate::formats::Leg;
use crate::lifecycle::evidence::NoticeRow;
use crate::reconcile::{Inputs, PlainJudge, Scope, Suspects, fraud_rules_ran};
use crate::report::{self, Tables};

/// Reconciles the quick way; `None` where only the general way knows how.
pub(super) fn execute(
    carried: &Carried<'_>,
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    work: Work,
    outputs: &mut dyn Outputs,
) -> Result<Option<Run>, RunError> {
    if !knows_how(settings) {
        return Ok(None);
    }
    let told = Told::open(carried.open)?;
    let mut quoted = vec![false; files.len()];
    loop {
        // Where a file turns out to have quotes, all is begun anew, and that file is read at once.
        match attempt((carried, &told), files, settings, work, outputs, &quoted)? {
            Attempt::Done(run) => return Ok(Some(*run)),
            Attempt::General => return Ok(None),
            Attempt::Quoted(file) => match quoted.get_mut(file) {
                Some(flag) if !*flag => *flag = true,
                _ => return Ok(None),
            },
        }
    }
}

/// Whether the quick way gives what the general one does: it knows no rates of exchange.
pub(super) fn knows_how(settings: &Settings<'_>) -> bool {
    !settings.policy.has_fx_rates()
}

/// Whether a run takes over nothing, keeps no stubs, and has neither notices nor searches: its plain pairs are judged where
/// they lie.
fn is_alone(carried: &Carried<'_>, files: &[StreamedFile<'_>], settings: &Settings<'_>) -> bool {
    let usual = |file: &StreamedFile<'_>| file.leg != Leg::Notices && file.coverage != FileCoverage::Search;
    let alone = carried.open.is_empty() && carried.closed.is_empty() && !carried.keep_closed;
    alone && settings.looks.is_empty() && files.iter().all(usual)
}

enum Attempt {
    Done(Box<Run>),
    Quoted(usize),
    /// Only the general way knows how, as was seen on the way.
    General,
}

fn attempt(
    (carried, told): (&Carried<'_>, &Told<'_>),
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    work: Work,
    outputs: &mut dyn Outputs,
    quoted: &[bool],
) -> Result<Attempt, RunError> {
    let mut stubs = <[Told<'_>; 2]>::default();
    let mut heard = Heard::new(settings);
    let heads = files.iter().zip(quoted).map(|(file, quoted)| head(file, settings, *quoted));
    let heads = heads.collect::<Result<Vec<_>, _>>()?;
    let opened = open_all(files, &heads, quoted, &mut heard, settings)?;
    let shared = Shared::new(partition(&opened, work)?);
    let read = match read(&opened, &shared, settings, work)? {
        Ok(read) => read,
        Err(file) => return Ok(Attempt::Quoted(file)),
    };
    let mut inputs = Inputs::default();
    let mut rows = read.finish(opened, settings, &mut inputs, &mut heard, |heard, _, file, facts| {
        heard.note(file, settings.policy, facts);
    });
    heard.looks.append(&mut rows.looks);
    let over = TakeOver::new(&mut rows, &mut inputs, &mut heard, &shared, settings);
    let (as_of, balance) = over.take_all(carried, told, &mut stubs)?;
    let of_pairs = shared.account_names();
    for row in inputs.notices.iter().flatten() {
        shared.know(&row.account);
    }
    let names = shared.account_names();
    let refused = settings.refused.unwrap_or_default().len();
    if names.len().saturating_add(refused) > ACCOUNTS_MAX {
        return Ok(Attempt::General);
    }
    inputs.known_accounts.extend(of_pairs);
    let known_breaks = days::opened(settings, told);
    let settings = &Settings { opened: &known_breaks, ..*settings };
    let coverage = heard.coverage(settings, as_of.unwrap_or_default());
    let ranks = Ranks::new(&names);
    let judging = Judging {
        settings,
        coverage: &coverage,
        as_of,
        heard: &heard,
        names: &names,
        ranks: &ranks,
        shared: &shared,
        keep_breaks: work.keep_breaks,
        keep_closed: carried.keep_closed,
        shortcut: is_alone(carried, files, settings),
    };
    let found = judge_all(rows, inputs, balance, judging, work, outputs)?;
    close(heard, settings, as_of, found, outputs).map(|run| Attempt::Done(Box::new(run)))
}

/// Judges all rows and writes all lines; `inputs` holds the rows that belong to no pair.
fn judge_all<'j>(
    mut rows: Rows,
    mut inputs: Inputs<'j>,
    balance: Balance,
    judging: Judging<'j>,
    work: Work,
    outputs: &mut dyn Outputs,
) -> Result<Found, RunError> {
    let Judging { settings, coverage, as_of, .. } = judging;
    inputs.refused = settings.refused;
    let fraud = &settings.policy.fraud;
    let mut suspects = Suspects::among(std::mem::take(&mut rows.seen), fraud, judging.names);
    let settles = inputs.settlements.is_some() || inputs.bank.is_some();
    let mut sorted = sort_all(&mut rows, judging, settles, work)?;
    let plain = PlainJudge::new(coverage, settings.policy, as_of, settings.opened);
    weigh(&mut suspects, &InMemory { parts: &rows.parts, sorted: &sorted }, judging, &plain)?;
    link_suspects(&suspects, &mut sorted, judging);
    let mut books = Books::begin(&inputs, &fraud_rules_ran(fraud, &inputs), balance);
    let notices = inputs.notices.take();
    let has_notices = notices.is_some();
    let mut announced = announce(notices.unwrap_or_default(), &rows, &mut sorted, judging);
    inputs.notices = has_notices.then_some(announced.linked);
    // Pairs that the general rules judge where they lie are given their lines of settlements.
    let lines = inputs.settlements.as_ref().filter(|_| !judging.shortcut).cloned();
    let (has_lines, has_bank) = (lines.is_some(), inputs.bank.is_some() && !judging.shortcut);
    let apart = &mut announced.by_part;
    let (mut general, begun, routes) =
        judge_linked(&rows, &mut sorted, (inputs, apart), suspects, judging, &plain, work)?;
    let routed = routes.by_part(lines.unwrap_or_default(), rows.parts.len());
    let closed_payouts = std::mem::take(&mut general.closed_payouts);
    books.enter_general(&mut general);
    append(&begun, outputs)?;
    if judging.keep_closed {
        outputs.append("closed.ndjson", &[])?;
    }

    let elsewhere = by_part(general.lines, rows.parts.len()).into_iter().zip(announced.by_part).zip(routed);
    let elsewhere = elsewhere.map(|((lines, notices), settlements)| Elsewhere {
        lines,
        notices: has_notices.then_some(notices),
        settlements: has_lines.then_some(settlements),
        has_bank,
    });
    let parts = rows.parts.into_iter().zip(sorted).zip(elsewhere);
    let waiting: Vec<Mutex<Option<Waiting<'_>>>> = parts
        .map(|((part, sorted), elsewhere)| Mutex::new(Some(Waiting { part, sorted, elsewhere })))
        .collect();
    let queue = Queue::new(&mut *outputs, work.piece_bytes);
    let books_of_threads = share(work, waiting.len(), Books::default, |books: &mut Books, number| {
        let taken =
            waiting.get(number).and_then(|part| part.lock().unwrap_or_else(PoisonError::into_inner).take());
        let Some(Waiting { part, sorted, elsewhere }) = taken else { return Ok(()) };
        let mut shelf = queue.of_part(number);
        let last = write(&part, &sorted, elsewhere, judging, &plain, books, &mut shelf)?;
        // What is done is given back before anything waits.
        drop((part, sorted));
        shelf.end(last)
    })?;
    books_of_threads.into_iter().for_each(|other| books.add(other));
    let breaks = queue.finish();
    let closed = books.close(&rows.orders_read, &rows.reports_read)?;
    outputs.append("open.ndjson", &closed.without_line)?;
    if judging.keep_closed {
        outputs.append("closed.ndjson", &closed_payouts)?;
        outputs.append("closed.ndjson", &closed.closed_without_line)?;
    }
    if closed.found.conservation.settlements.is_some() {
        outputs.append("settlements.csv", &report::settlements_csv(&closed.found.settlements)?)?;
    }
    Ok(Found { breaks, ..closed.found })
}

/// Judges what hangs together across parts, and what belongs to no pair. Gives with it what stands before all lines: the
/// headers, how far the run has heard, and the settlements that live on; and which lines of settlements are told with pairs that
/// are not linked. Notices follow the pairs that settlements and the bank link.
fn judge_linked<'n: 'p, 'p>(
    rows: &'p Rows,
    sorted: &mut [Sorted],
    (mut inputs, apart): (Inputs<'p>, &mut [Vec<NoticeRow<'n>>]),
    suspects: Suspects,
    judging: Judging<'p>,
    plain: &PlainJudge<'_>,
    work: Work,
) -> Result<(General, Tables, Routes), RunError> {
    let names = judging.names;
    inputs.is_of_one_account = judging.settings.only_account.is_some();
    gather_all(&rows.loose, names, &mut inputs)?;
    for (part, sorted) in rows.parts.iter().zip(&*sorted) {
        let linked = groups(&sorted.entries).filter(|_| !sorted.linked.is_empty());
        for group in linked.filter(|group| sorted.are_linked(group)) {
            gather(part, group, names, &mut inputs)?;
        }
    }
    let settles = inputs.settlements.is_some() || inputs.bank.is_some();
    let (settled, routes) = match settles {
        true => {
            Some(settle(&mut settle::InMemory { rows, work }, sorted, &mut inputs, judging, plain)?).unzip()
        }
        false => (None, None),
    };
    let routes = routes.unwrap_or_default();
    if settles {
        follow(apart, sorted, judging, &mut inputs.notices);
    }
    let beyond = settled.map(|settled| Beyond { settled, routes: &routes });
    let (general, begun) = conclude(&inputs, beyond, suspects, sorted, judging)?;
    Ok((general, begun, routes))
}

/// Judges the rows that are gathered, with what stands before all lines.
pub(super) fn conclude(
    inputs: &Inputs<'_>,
    beyond: Option<Beyond<'_>>,
    suspects: Suspects,
    sorted: &[Sorted],
    judging: Judging<'_>,
) -> Result<(General, Tables), RunError> {
    let beside = beside(suspects, sorted, judging);
    let mut general = judge(inputs, beyond, judging, Scope::Suspects(&beside))?;
    let mut next = judging.heard.for_the_next(judging.as_of, inputs);
    next.fees = std::mem::take(&mut general.fees);
    let mut begun = Tables::begin();
    begun.open = report::open_header(&next)?;
    begun.open.append(&mut general.payouts);
    Ok((general, begun))
}

/// A part that waits to be judged.
struct Waiting<'w> {
    part: Part,
    sorted: Sorted,
    elsewhere: Elsewhere<'w>,
}
