//! What hangs together across parts, and what belongs to no pair, judged once.

use std::collections::{BTreeMap, BTreeSet};

use super::super::digest::sha256_hex;
use super::super::heard::{FileName, Heard};
use super::super::ledger;
use super::super::link::{Beyond, Judging, gather_all};
use super::super::parts::Part;
use super::super::quick::conclude;
use super::super::routes::Routes;
use super::super::settle::settle;
use super::super::sort::{Group, Ranks, Sorted};
use super::super::sorted::link_places;
use super::super::suspects::{link_suspects, weigh};
use super::super::write::{Books, by_part};
use super::super::{FileCoverage, Look, RunError, Settings, Work};
use super::load::{Loaded, Loader};
use super::pairs::{Brought, Kept};
use super::wire::{Elsewhere, FileGist, Gist, Judged, Terms, packed};
use super::{Left, Placed, Plan};
use crate::carry::{Balance, Moved, Share};
use crate::formats::{Leg, Source};
use crate::ids::Cip;
use crate::reconcile::{Inputs, PlainJudge, ReadRows, Seen, Suspects, fraud_rules_ran};
use crate::report::Tables;

/// What was judged over all parts.
#[derive(Debug)]
pub struct Whole {
    /// Under what the parts are written.
    pub terms: Vec<u8>,
    /// By part: what belongs there.
    pub parts: Vec<Vec<u8>>,
    /// For the end.
    pub judged: Vec<u8>,
}

/// Judges what hangs together across parts: references on several CIPs, settlements and the bank, fraud rules over many rows.
/// `ledgers` are the files of settlements and of the bank.
///
/// # Errors
/// [`RunError`]: a file that cannot be read at all, parts that cannot be brought, or a defect.
pub fn judge(
    plan: &Plan,
    ledgers: &[Placed<'_>],
    left: &dyn Left,
    keep_closed: bool,
    settings: &Settings<'_>,
    work: Work,
) -> Result<Whole, RunError> {
    let settings = &Settings { only_account: Some(plan.account()), ..*settings };
    let (names, shared) = (plan.names(), plan.shared());
    let mut gathered = Gathered::of(left)?;
    let mut heard = plan.heard(settings);
    let mut inputs = Inputs { refused: settings.refused, is_of_one_account: true, ..Inputs::default() };
    let searched = gathered.hear(ledgers, settings, &mut inputs, &mut heard)?;
    if gathered.has_rows() {
        inputs.known_accounts.insert(plan.account().to_owned());
    }
    heard.looks.extend(gathered.looks.iter().cloned());
    let as_of = settings.as_of.or(heard.latest_of_all());
    let coverage = heard.coverage(settings, as_of.unwrap_or_default());
    let shortcut = !keep_closed && !gathered.has_notices && !searched && settings.looks.is_empty();
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
        keep_closed,
        shortcut,
    };
    let (orders_read, reports_read) = (gathered.orders_read.clone(), gathered.reports_read.clone());
    let has_notices = gathered.has_notices;
    let loader = Loader::new(left, judging);
    let has_bank = inputs.bank.is_some() && !shortcut;
    let Overall { elsewhere, books, begun, closed_payouts } =
        Overall::judge(gathered, inputs, &loader, judging, work)?;
    let terms = Terms { coverage: coverage.clone(), as_of, keep_closed, shortcut, has_notices, has_bank };
    let terms_bytes = packed(&terms)?;
    let judged = Judged { terms, heard, books, begun, closed_payouts, orders_read, reports_read };
    Ok(Whole { terms: terms_bytes, parts: elsewhere, judged: packed(&judged)? })
}

/// What all cuts have left beside the rows of the parts.
#[derive(Default)]
struct Gathered {
    files: BTreeMap<usize, FileGist>,
    loose: Part,
    listed: Vec<Cip>,
    links: Vec<(u64, Group)>,
    seen: Seen,
    looks: Vec<Look>,
    orders_read: ReadRows,
    reports_read: ReadRows,
    balance: Balance,
    has_notices: bool,
}

impl Gathered {
    fn of(left: &dyn Left) -> Result<Gathered, RunError> {
        let mut all = Gathered::default();
        for cut in 0..left.cuts() {
            let bytes = left.gist(cut).map_err(RunError::Left)?;
            let gist = Gist::read(&bytes)?;
            gist.loose.put_to(&mut all.loose)?;
            all.files.extend(gist.files.into_iter().map(|file| (file.place, file)));
            all.listed.extend(gist.listed);
            all.links.extend(gist.links);
            all.seen.append(gist.seen);
            all.looks.extend(gist.looks);
            all.orders_read.merge(&gist.orders_read);
            all.reports_read.merge(&gist.reports_read);
            all.balance.merge(&gist.balance);
            all.has_notices |= gist.has_notices;
        }
        for (leg, read) in [(Leg::Orders, &all.orders_read), (Leg::Reports, &all.reports_read)] {
            for (currency, held) in read.held() {
                let share = Share { rows: held.rows, minor: held.minor };
                all.balance.book_share(leg, currency, Moved::New, share);
            }
        }
        Ok(all)
    }

    fn has_rows(&self) -> bool {
        self.orders_read.held().chain(self.reports_read.held()).any(|(_, held)| held.rows > 0)
    }

    /// Hears all files in their order; the ledgers are read here. Gives whether any of them is a search.
    fn hear<'f>(
        &mut self,
        ledgers: &[Placed<'f>],
        settings: &Settings<'f>,
        inputs: &mut Inputs<'f>,
        heard: &mut Heard,
    ) -> Result<bool, RunError> {
        let mut searched = false;
        let ledgers: BTreeMap<usize, &Placed<'f>> =
            ledgers.iter().map(|placed| (placed.place, placed)).collect();
        let mut files = std::mem::take(&mut self.files);
        let places: BTreeSet<usize> = files.keys().chain(ledgers.keys()).copied().collect();
        for place in places {
            if let Some(gist) = files.remove(&place) {
                searched |= gist.file().coverage == FileCoverage::Search;
                heard.needs_person.extend(gist.needs_person.iter().cloned());
                let file = gist.file();
                heard.note(file, settings.policy, gist.facts.clone());
            } else if let Some(placed) = ledgers.get(&place) {
                let file = placed.file;
                let name =
                    FileName { leg: file.leg, name: file.name, source: file.source, coverage: file.coverage };
                let source = Source {
                    name: file.name,
                    bytes: file.bytes,
                    format: file.format,
                    account: settings.account,
                };
                let read = ledger::read(&source, file.leg, settings)?;
                let facts = read.take(name, sha256_hex(file.bytes), settings, inputs, heard);
                heard.note(name, settings.policy, facts);
            }
        }
        Ok(searched)
    }
}

/// What was judged over all, before it is packed.
struct Overall {
    /// By part.
    elsewhere: Vec<Vec<u8>>,
    books: Books,
    begun: Tables,
    closed_payouts: Vec<u8>,
}

impl Overall {
    fn judge<'j>(
        gathered: Gathered,
        inputs: Inputs<'j>,
        loader: &Loader<'j>,
        judging: Judging<'j>,
        work: Work,
    ) -> Result<Overall, RunError> {
        let Judging { settings, coverage, as_of, names, shared, .. } = judging;
        let fraud = &settings.policy.fraud;
        let mut suspects = Suspects::among(gathered.seen, fraud, names);
        let mut sorted: Vec<Sorted> = (0..shared.parts()).map(|_| Sorted::default()).collect();
        link(gathered.links, &gathered.listed, &mut sorted, judging);
        let plain = PlainJudge::new(coverage, settings.policy, as_of, settings.opened);
        weigh(&mut suspects, &loader.with(&sorted), judging, &plain)?;
        link_suspects(&suspects, &mut sorted, judging);

        let settles = inputs.settlements.is_some() || inputs.bank.is_some();
        let mut inputs: Inputs<'_> = Inputs { notices: gathered.has_notices.then(Vec::new), ..inputs };
        let mut balance = gathered.balance;
        balance.book(Moved::New, inputs.settlements.iter().flatten());
        balance.book(Moved::New, inputs.bank.iter().flatten());
        let mut books = Books::begin(&inputs, &fraud_rules_ran(fraud, &inputs), balance);
        let (linked, groups): (Vec<Loaded>, Vec<_>) =
            loader.with(&sorted).linked(settles, work)?.into_iter().unzip();
        for (sorted, groups) in sorted.iter_mut().zip(groups) {
            sorted.link(groups);
        }
        gather_all(&gathered.loose, names, &mut inputs)?;
        for part in &linked {
            gather_all(&part.pairs, names, &mut inputs)?;
            inputs.notices.iter_mut().for_each(|notices| notices.extend(part.notices.iter().cloned()));
        }
        // Pairs that the general rules judge where they lie are given their lines of settlements.
        let lines = inputs.settlements.as_ref().filter(|_| !judging.shortcut).cloned();
        let kept = Kept::new(sorted.len());
        let (mut settled, mut routes) = (None, Routes::default());
        if settles {
            let named = inputs.settlements.as_deref().unwrap_or_default();
            let mut pairs = Brought::new(loader, &kept, named, judging, work);
            let (known, told) = settle(&mut pairs, &mut sorted, &mut inputs, judging, &plain)?;
            (settled, routes) = (Some(known), told);
            let followed = std::mem::take(&mut pairs.notices);
            inputs.notices.iter_mut().for_each(|notices| notices.extend(followed.iter().cloned()));
        }
        let beyond = settled.map(|settled| Beyond { settled, routes: &routes });
        let (mut general, begun) = conclude(&inputs, beyond, suspects, &sorted, judging)?;
        let has_lines = lines.is_some();
        let routed = routes.by_part(lines.unwrap_or_default(), sorted.len());
        let closed_payouts = std::mem::take(&mut general.closed_payouts);
        books.enter_general(&mut general);
        let lines = by_part(general.lines, sorted.len());
        let elsewhere = sorted.into_iter().zip(lines).zip(routed).map(|((sorted, lines), settlements)| {
            let settlements = has_lines.then_some(settlements);
            packed(&Elsewhere { linked: sorted.linked, lines, settlements })
        });
        let elsewhere = elsewhere.collect::<Result<_, _>>()?;
        Ok(Overall { elsewhere, books, begun, closed_payouts })
    }
}

/// Links the groups that hang together with others: those whose rows share something, and those of CIPs that orders list
/// beside others.
fn link(mut links: Vec<(u64, Group)>, listed: &[Cip], sorted: &mut [Sorted], judging: Judging<'_>) {
    let own = judging.names.first().map(String::as_str).unwrap_or_default();
    links.sort_unstable();
    links.dedup();
    let shared = links.chunk_by(|a, b| a.0 == b.0).filter(|bearers| bearers.len() > 1).flatten();
    let cips = shared.filter_map(|(_, group)| group.cip()).chain(listed.iter().map(|cip| cip.number()));
    link_places(cips.map(|cip| judging.place(own, Some(cip))).collect(), sorted);
}
