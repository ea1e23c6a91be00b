//! The quick way: pieces of files are read by several threads at once, rows go packed into parts, and parts are judged and
//! written side by side. No number of threads and no size of a piece or part changes a byte of what comes out.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::digest::FileDigest;
use super::general::{Found, append, close, name};
use super::heard::Heard;
use super::link::{Judging, Ready, gather, gather_all, judge};
use super::opened::{Opened, Reading, head, open};
use super::parts::Part;
use super::read::{Read, Rows, read};
use super::references::{Bins, repeated};
use super::sort::{
    ACCOUNTS_MAX, Entry, Group, Sorted, Terms, groups, keys, link_bearers, link_shared, shared_keys, sort,
    wanted_by,
};
use super::threads::{Queue, share};
use super::write::{Books, by_part, write};
use super::{Content, FileCoverage, Outputs, Run, RunError, Settings, StreamedFile, Work};
use crate::calendar::Instant;
use crate::carry::Carried;
use crate::formats::Leg;
use crate::reconcile::{Inputs, PlainJudge, fraud_rules_ran};
use crate::report::{self, Tables};

/// Reconciles the quick way; `None` where only the general way knows how.
pub(super) fn execute(
    carried: &Carried<'_>,
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    work: Work,
    outputs: &mut dyn Outputs,
) -> Result<Option<Run>, RunError> {
    if !knows_how(carried, files, settings) {
        return Ok(None);
    }
    let mut quoted = vec![false; files.len()];
    loop {
        // Where a file turns out to have quotes, all is begun anew, and that file is read at once.
        match attempt(files, settings, work, outputs, &quoted)? {
            Attempt::Done(run) => return Ok(Some(*run)),
            Attempt::TooManyAccounts => return Ok(None),
            Attempt::Quoted(file) => match quoted.get_mut(file) {
                Some(flag) if !*flag => *flag = true,
                _ => return Ok(None),
            },
        }
    }
}

/// Whether the quick way gives what the general one does. It sees the rows of a pair together and no others: it takes over
/// nothing from runs before, keeps no stubs, and looks for no fraud, which shows over many pairs.
pub(super) fn knows_how(carried: &Carried<'_>, files: &[StreamedFile<'_>], settings: &Settings<'_>) -> bool {
    let usual = |file: &StreamedFile<'_>| {
        matches!(file.leg, Leg::Orders | Leg::Reports) && file.coverage != FileCoverage::Search
    };
    let alone = carried.open.is_empty() && carried.closed.is_empty() && !carried.keep_closed;
    let legs = Inputs { refused: settings.refused, ..Inputs::default() };
    files.iter().all(usual)
        && alone
        && settings.looks.is_empty()
        && !settings.policy.has_fx_rates()
        && fraud_rules_ran(&settings.policy.fraud, &legs).is_empty()
}

enum Attempt {
    Done(Box<Run>),
    Quoted(usize),
    TooManyAccounts,
}

fn attempt(
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    work: Work,
    outputs: &mut dyn Outputs,
    quoted: &[bool],
) -> Result<Attempt, RunError> {
    let mut heard = Heard::new(settings);
    let heads = files.iter().zip(quoted).map(|(file, quoted)| head(file, settings, *quoted));
    let heads = heads.collect::<Result<Vec<_>, _>>()?;
    let mut opened = Vec::with_capacity(files.len());
    for ((file, head), quoted) in files.iter().zip(&heads).zip(quoted) {
        let source_id = if file.leg == Leg::Reports { heard.source_id(file.source)? } else { 0 };
        let reading = open(file, head, source_id, settings, *quoted)?;
        let (whole, before) = match (file.content, &reading) {
            (Content::Bytes(bytes), _) => (Some(bytes), 0),
            (Content::Stored(_), Reading::Pieces(sheet)) => (None, sheet.body_start),
            (Content::Stored(_), _) => (Some(head.as_ref()), 0),
        };
        let digest = FileDigest::after(head.get(..before).unwrap_or_default());
        opened.push(Opened { file, source_id, reading, whole, digest });
    }
    let mut read = match read(&opened, settings, work)? {
        Ok(read) => read,
        Err(file) => return Ok(Attempt::Quoted(file)),
    };
    for (opened, (mut facts, left_out)) in opened.into_iter().zip(std::mem::take(&mut read.facts)) {
        if let Some(own) = settings.only_account {
            heard.note_left_out(opened.file.name, own, left_out);
        }
        if opened.whole.is_none() {
            facts.sha256 = opened.digest.finish();
        }
        heard.note(name(opened.file), settings.policy, facts);
    }
    if read.rows.names.len() > ACCOUNTS_MAX {
        return Ok(Attempt::TooManyAccounts);
    }
    let as_of = settings.as_of.or(heard.latest_of_all());
    let found = judge_all(read, &heard, settings, as_of, work, outputs)?;
    close(heard, settings, as_of, found, outputs).map(|run| Attempt::Done(Box::new(run)))
}

/// Judges all rows and writes all lines.
fn judge_all(
    read: Read,
    heard: &Heard,
    settings: &Settings<'_>,
    as_of: Option<Instant>,
    work: Work,
    outputs: &mut dyn Outputs,
) -> Result<Found, RunError> {
    let Read { mut rows, shared, .. } = read;
    let (references, repeated) = sort_references(std::mem::take(&mut rows.references), work)?;
    let names = &rows.names;
    let by_name: BTreeMap<&str, u32> = ranked(names);
    let ranks: Vec<u32> =
        names.iter().map(|name| by_name.get(name.as_str()).copied().unwrap_or_default()).collect();
    let rank = |account: u32| usize::try_from(account).ok().and_then(|account| ranks.get(account)).copied();
    let shared_cips = rows.shared_cips.iter();
    let shared_cips =
        shared_cips.filter_map(|(account, cip)| Some(Group::new(rank(*account)?, Some(cip.number()))));
    let terms = Terms {
        references: &references,
        names,
        ranks: &ranks,
        repeated: &repeated,
        shared_cips: &shared_cips.collect(),
    };
    let sorted = sort_all(&rows, &terms, work)?;
    drop(references);

    let coverage = heard.coverage(settings, as_of.unwrap_or_default());
    let judging = Judging {
        settings,
        coverage: &coverage,
        as_of,
        sources: &heard.sources,
        names,
        ranks: &by_name,
        shared: &shared,
        keep_breaks: work.keep_breaks,
    };
    let mut inputs = Inputs::default();
    gather_all(&rows.loose, names, &mut inputs)?;
    for (part, sorted) in rows.parts.iter().zip(&sorted) {
        let linked = |group: &&[Entry]| group.first().is_some_and(|first| sorted.is_linked(first.group()));
        for group in groups(&sorted.entries).filter(|_| !sorted.linked.is_empty()).filter(linked) {
            gather(part, group, names, &mut inputs)?;
        }
    }
    let mut general = judge(&inputs, judging)?;
    drop(inputs);
    let mut books = Books::default();
    books.enter_general(&mut general);
    let elsewhere = by_part(general.lines, rows.parts.len());

    let mut begun = Tables::begin();
    let mut next = heard.for_the_next(as_of, &Inputs::default());
    next.accounts.extend(names.iter().cloned());
    begun.open = report::open_header(&next)?;
    append(&begun, outputs)?;
    let waiting: Vec<Mutex<Option<Waiting>>> = rows
        .parts
        .into_iter()
        .zip(sorted)
        .zip(elsewhere)
        .map(|((part, sorted), elsewhere)| Mutex::new(Some(Waiting { part, sorted, elsewhere })))
        .collect();
    let plain = PlainJudge::new(&coverage, settings.policy, as_of, settings.opened);
    let queue = Queue::new(&mut *outputs);
    let books_of_threads = share(work, waiting.len(), Books::default, |books: &mut Books, number| {
        let taken =
            waiting.get(number).and_then(|part| part.lock().unwrap_or_else(PoisonError::into_inner).take());
        let Some(Waiting { part, sorted, elsewhere }) = taken else { return Ok(()) };
        let written = write(&part, &sorted, elsewhere, judging, &plain, books, queue.empty())?;
        // What is done is given back before anything waits.
        drop((part, sorted));
        queue.put(number, written)
    })?;
    books_of_threads.into_iter().for_each(|other| books.add(other));
    let breaks = queue.finish();
    let closed = books.close(&rows.orders_read, &rows.reports_read)?;
    outputs.append("open.ndjson", &closed.without_line)?;
    Ok(Found { breaks, ..closed.found })
}

/// A part that waits to be judged.
struct Waiting {
    part: Part,
    sorted: Sorted,
    elsewhere: Vec<Ready>,
}

/// The rank of each account, in the order of their names.
fn ranked(names: &[String]) -> BTreeMap<&str, u32> {
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.into_iter().zip(0..).collect()
}

/// Puts the references of orders in order, and tells the tags of those that occur more than once.
fn sort_references(references: Bins, work: Work) -> Result<(Bins, HashSet<u32>), RunError> {
    let bins: Vec<Mutex<Vec<u64>>> = references.into_bins().into_iter().map(Mutex::new).collect();
    let found = share(work, bins.len(), Vec::new, |found: &mut Vec<u32>, number| {
        if let Some(bin) = bins.get(number) {
            found.extend(repeated(&mut bin.lock().unwrap_or_else(PoisonError::into_inner)));
        }
        Ok(())
    })?;
    let bins = bins.into_iter().map(|bin| bin.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    Ok((Bins::from_sorted(bins), found.into_iter().flatten().collect()))
}

/// Sorts all parts, and links what hangs together across them.
fn sort_all(rows: &Rows, terms: &Terms<'_>, work: Work) -> Result<Vec<Sorted>, RunError> {
    let sorted: Vec<Mutex<Sorted>> = rows.parts.iter().map(|_| Mutex::new(Sorted::default())).collect();
    let place =
        |number: usize| sorted.get(number).map(|place| place.lock().unwrap_or_else(PoisonError::into_inner));
    share(
        work,
        rows.parts.len(),
        || (),
        |(), number| {
            if let (Some(part), Some(mut place)) = (rows.parts.get(number), place(number)) {
                *place = sort(part, terms)?;
            }
            Ok(())
        },
    )?;
    let mut wanted: HashSet<u32> = HashSet::new();
    let mut all_keys: Vec<(u64, Group)> = Vec::new();
    for sorted in (0..sorted.len()).filter_map(place) {
        wanted.extend(&sorted.wanted);
        all_keys.extend(&sorted.keys);
    }
    for (_, row) in rows.loose.reports.rows() {
        wanted.extend(wanted_by(row, terms)?);
        keys(row, Group::LOOSE, true, terms, &mut all_keys)?;
    }
    let shared = shared_keys(all_keys);
    share(
        work,
        sorted.len(),
        || (),
        |(), number| {
            if let Some(mut place) = place(number) {
                if !wanted.is_empty() {
                    link_bearers(&mut place, &wanted);
                }
                if !shared.is_empty() {
                    link_shared(&mut place, &shared);
                }
                place.keys = Vec::new();
            }
            Ok(())
        },
    )?;
    Ok(sorted.into_iter().map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
}
