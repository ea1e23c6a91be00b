//! A report over HTTP: window by window, page by page, each stored before the next is asked for.

mod page;
mod progress;
mod rows;
mod seen;
mod store;

use chrono::TimeDelta;
use cuadre::aws::StoreError;
use cuadre::aws::layout::{self, PullNames};
use cuadre::calendar::Instant;
use cuadre::config::sources::{Mode, Paging, Report, Request, Schedule, Source, Window};
use cuadre::formats::{self, FileError, MappingError};
use cuadre::ids::hash_parts;
use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::client::ClientError;
use serde::Serialize;
use tokio::time;

use crate::source::Pull;
use crate::{Ending, PullError, TaskError};
use page::Which;
pub use progress::Counts;
use progress::Progress;
use rows::{Part, Reader, Taking};

/// Pages of one window, at most: a provider that never comes to an end is stopped.
const PAGES_MAX: u64 = 10_000;

/// How often it is written down how far a pull is, in pages, besides at each stop: what came since is read once more after a
/// crash, and stored under the same names.
const SAVED_EVERY: usize = 16;

/// Why a report could not be pulled.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The account's secret holds nothing for the source.
    #[error(
        "the account's secret holds no value for this source: add it under \"sources\", by the source's name"
    )]
    NoCredential,
    /// There is no mapping of that name.
    #[error("there is no mapping {0:?}: put it into the bucket as config/mappings/{0}.toml")]
    NoMapping(String),
    /// The mapping cannot be used.
    #[error("config/mappings/{name}.toml: {error}")]
    Mapping {
        /// The name in the policy.
        name: String,
        /// What is wrong with it.
        error: MappingError,
    },
    /// No good answer to a page.
    #[error("page {page} brought no answer")]
    Page {
        /// The page, 1 for the first.
        page: u64,
        /// What became of it.
        #[source]
        source: ClientError,
    },
    /// An answer that holds no rows that can be read. It is kept below `raw/`.
    #[error("page {page} cannot be read: {reason}")]
    Unreadable {
        /// The page, 1 for the first.
        page: u64,
        /// What is wrong with it, without its content.
        reason: String,
    },
    /// Every row of a page was rejected: the mapping does not fit.
    #[error(
        "no row of page {page} can be read, the first since {reason}: correct the mapping of this source"
    )]
    AllRejected {
        /// The page, 1 for the first.
        page: u64,
        /// The field and the reason of its first row.
        reason: String,
    },
    /// The same page again and again.
    #[error("page {page} is the one before it again: the report does not come to an end")]
    Repeated {
        /// The page, 1 for the first.
        page: u64,
    },
    /// Another page than the one that was asked for.
    #[error("page {asked} was asked for, and the answer says that it is page {got}")]
    OutOfOrder {
        /// The number that was asked for.
        asked: u64,
        /// The number in the answer.
        got: u64,
    },
    /// A page does not say of itself what the policy expects.
    #[error("a page states no number at {place}: correct paging in the policy")]
    Silent {
        /// The place.
        place: String,
    },
    /// Fewer or more rows than the report says that it has.
    #[error(
        "the report says that it has {stated} rows, and {got} came, or it said otherwise before: it changed while it was \
         read, or pages are lost"
    )]
    Incomplete {
        /// As the newest page states.
        stated: u64,
        /// Rows that came up to it, read or rejected.
        got: u64,
    },
    /// More pages than a window may have.
    #[error("the window has more than {PAGES_MAX} pages: lower window_hours, or raise the size of a page")]
    TooManyPages,
}

impl ReportError {
    /// Whether the pages that were read are of no use to the repetition: it begins with the first one.
    const fn is_of_the_whole(&self) -> bool {
        matches!(self, ReportError::Incomplete { .. } | ReportError::TooManyPages)
    }
}

/// What a pull of a report brought, all its windows together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// Windows that were read to their end.
    pub windows: u64,
    /// Pages that were asked for.
    pub pages: u64,
    /// Rows.
    pub counts: Counts,
}

/// What a pull of one report goes by.
struct Context<'p> {
    pull: &'p Pull<'p>,
    source: &'p Source,
    report: &'p Report,
    reader: Reader,
    credential: Option<Secret>,
}

/// Pulls the windows that are due, or the one that a person names. First of all a pull that was stopped comes to its end.
pub(crate) async fn pull(pull: &Pull<'_>, source: &Source, report: &Report) -> Result<Ending, PullError> {
    let keys = pull.clients.secrets.keys(pull.account, (pull.clock)()).await?;
    let context = Context {
        pull,
        source,
        report,
        reader: reader(pull, source, report).await?,
        credential: keys.sources.get(&source.name).cloned(),
    };
    match pull.window {
        Some(window) => context.by_hand(window).await,
        None => context.scheduled().await,
    }
}

/// How the source's answers are read: as a mapping of the deployment says, or in the canonical format.
async fn reader(pull: &Pull<'_>, source: &Source, report: &Report) -> Result<Reader, PullError> {
    if !rows::is_mapped(&source.kind) {
        return Ok(Reader::SettlementReport);
    }
    let mapping = match &report.mapping {
        None => formats::Mapping::default(),
        Some(name) => match pull.clients.bucket.get(&layout::mapping_key(name), None).await? {
            Some(object) => {
                let text = String::from_utf8_lossy(&object.bytes);
                let error = |error| ReportError::Mapping { name: name.clone(), error };
                formats::Mapping::parse(&text).map_err(error)?
            }
            None => return Err(ReportError::NoMapping(name.clone()).into()),
        },
    };
    Ok(Reader::Mapped(Box::new(match report.leg {
        formats::Leg::Settlements => mapping.settlements,
        _ => mapping.reports,
    })))
}

/// What is known of a pull of a window.
enum Standing {
    /// It was stopped before its end, and the source is described as it was then.
    Stopped(Box<Progress>),
    /// It begins. The pull before it was given up or is done; what it stored is not written again, so that this one has a
    /// later time than it.
    Begins { not_before: Option<Instant> },
}

impl Context<'_> {
    async fn by_hand(&self, window: Window) -> Result<Ending, PullError> {
        let (from, to) = (layout::stamp(window.from), layout::stamp(window.to));
        let id = format!("{}#{from}#{to}", self.source.name);
        let progress = match self.standing(&id).await? {
            Standing::Stopped(progress) => *progress,
            Standing::Begins { not_before } => {
                self.begun(window, self.pull.mode.unwrap_or(Mode::Incremental), not_before)
            }
        };
        let mut reported = Reported::default();
        let all = self.window(&id, progress, &mut reported).await?;
        Ok(if all { Ending::Reported(reported) } else { Ending::Paused })
    }

    async fn scheduled(&self) -> Result<Ending, PullError> {
        let Pull { account, clients, tick, mode, .. } = *self.pull;
        let schedule = self.report.schedule;
        let whole_by_hand = mode == Some(Mode::Full);
        if whole_by_hand && schedule.since.is_none() {
            return Err(TaskError::NoFirstDay.into());
        }
        let id = self.source.name.as_str();
        let mut reported = Reported::default();
        let mut not_before = None;
        match self.standing(id).await? {
            Standing::Stopped(progress) => {
                let is_whole = progress.mode == Mode::Full;
                if !self.window(id, *progress, &mut reported).await? {
                    return Ok(Ending::Paused);
                }
                if whole_by_hand && is_whole {
                    return Ok(Ending::Reported(reported));
                }
            }
            Standing::Begins { not_before: time } => not_before = time,
        }
        let schedule = Schedule { mode: mode.unwrap_or(schedule.mode), ..schedule };
        // Who asks for the whole once more wants it whatever was heard.
        let covered_until = if whole_by_hand { None } else { clients.table.watermark(account, id).await? };
        for window in schedule.windows(covered_until, tick.min((self.pull.clock)())) {
            let begun = self.begun(window, schedule.mode, not_before);
            if !self.window(id, begun, &mut reported).await? {
                return Ok(Ending::Paused);
            }
        }
        Ok(if reported.windows == 0 { Ending::AlreadyDone } else { Ending::Reported(reported) })
    }

    async fn standing(&self, id: &str) -> Result<Standing, StoreError> {
        let Pull { account, clients, .. } = *self.pull;
        let text = clients.table.pull_progress(account, id).await?;
        let progress: Option<Progress> = text.and_then(|text| serde_json::from_str(&text).ok());
        let Some(progress) = progress else { return Ok(Standing::Begins { not_before: None }) };
        // None where another version wrote it in a form of its own.
        let tick = progress.of_what().map(|(_, tick)| tick);
        let is_done = progress.manifest.is_some();
        if tick.is_some() && !is_done && progress.description == description(self.report) {
            return Ok(Standing::Stopped(Box::new(progress)));
        }
        // The windows of a schedule follow each other, and none is read twice under one tick but by hand.
        let is_by_hand = self.pull.window.is_some() || self.pull.mode.is_some();
        let is_apart = is_done && !is_by_hand;
        Ok(Standing::Begins { not_before: tick.filter(|_| !is_apart).map(later) })
    }

    fn begun(&self, window: Window, mode: Mode, not_before: Option<Instant>) -> Progress {
        let Pull { tick, clock, .. } = *self.pull;
        // A tick may be ahead of the clock, and nothing is claimed to have been heard then.
        let tick = tick.min(clock());
        let tick = not_before.map_or(tick, |time| tick.max(time));
        Progress::begun(window, mode, tick, description(self.report))
    }

    /// Reads a window from where `progress` stands. `false` where the time is up before its end.
    async fn window(&self, id: &str, progress: Progress, reported: &mut Reported) -> Result<bool, PullError> {
        let resumed = !progress.pages.is_empty();
        let (what, mode) = (progress.of_what(), progress.mode);
        match Box::pin(self.read(id, progress, reported)).await {
            // A cursor may not outlive the pause.
            Err(PullError::Report(ReportError::Page { source: ClientError::Refused { .. }, page }))
                if resumed && matches!(self.report.request.paging, Paging::Cursor { .. }) =>
            {
                tracing::warn!(
                    account = self.pull.account,
                    source = self.source.name,
                    page,
                    "cursor is no longer taken: window begins anew"
                );
                let Some((window, tick)) = what else { return Ok(false) };
                Box::pin(self.read(id, self.begun(window, mode, Some(later(tick))), reported)).await
            }
            outcome => outcome,
        }
    }

    async fn read(
        &self,
        id: &str,
        mut progress: Progress,
        reported: &mut Reported,
    ) -> Result<bool, PullError> {
        let Pull { account, .. } = *self.pull;
        let Some((window, tick)) = progress.of_what() else { return Ok(false) };
        let names = PullNames { account, source: &self.source.name, window, tick };
        let seen = store::seen(self, names, &progress).await?;
        let same = store::same(self, names, &progress).await?;
        let mut taking = Taking::new(account, tick, seen, same);
        loop {
            let is_last = match self.page(names, window, &mut taking, &mut progress).await {
                Ok(Some(is_last)) => is_last,
                // The pages before are stored, and the repetition goes on with this one.
                Ok(None) => {
                    store::save(self, id, &progress).await?;
                    return Ok(false);
                }
                Err(PullError::Report(error)) => {
                    if error.is_of_the_whole() {
                        progress.give_up();
                    }
                    store::save(self, id, &progress).await?;
                    return Err(error.into());
                }
                Err(error) => return Err(error),
            };
            reported.pages = reported.pages.saturating_add(1);
            if is_last {
                store::finish(self, id, names, &mut progress).await?;
                reported.windows = reported.windows.saturating_add(1);
                reported.counts.add(&progress.counts);
                return Ok(true);
            }
            if progress.pages.len().is_multiple_of(SAVED_EVERY) {
                store::save(self, id, &progress).await?;
            }
        }
    }

    /// Asks for the next page, keeps it as it came and stores its rows; says whether it was the last. None where the time
    /// is up.
    async fn page(
        &self,
        names: PullNames<'_>,
        window: Window,
        taking: &mut Taking<'_>,
        progress: &mut Progress,
    ) -> Result<Option<bool>, PullError> {
        let Pull { account, clients, stop_at, clock, .. } = *self.pull;
        if !self.pull.time_left() {
            return Ok(None);
        }
        let before = u64::try_from(progress.pages.len()).unwrap_or(u64::MAX);
        if before >= PAGES_MAX {
            return Err(ReportError::TooManyPages.into());
        }
        let number = before.saturating_add(1);
        let which = Which { window, before, cursor: progress.cursor.as_deref() };
        let question = page::question(self.report, which, self.credential.as_ref())?;
        let asked_at = clock();
        let Ok(answer) = time::timeout_at(stop_at, clients.reports.ask(&question)).await else {
            return Ok(None);
        };
        let reply = answer.map_err(|source| ReportError::Page { page: number, source })?;
        let request = page::for_archive(self.report, which);
        store::raw(self, names, number, asked_at, &request, &reply).await?;
        let format = self.reader.format(&reply.body);
        let unreadable =
            |error: &FileError| ReportError::Unreadable { page: number, reason: error.to_string() };
        let name = format!("page {number}");
        let rows = self.reader.read(self.report, &name, account, format, &reply.body);
        let rows = rows.map_err(|error| unreadable(&error))?;
        let (here, hash) = (rows.count(), layout::short_hash(&reply.body));
        // Before anything of the page counts: after a failure it is asked for again.
        let repeated = ReportError::Repeated { page: number };
        if here > 0 && progress.pages.last() == Some(&hash) {
            return Err(repeated.into());
        }
        let standing = page::standing(&self.report.request.paging, format, &reply.body, before)?;
        if standing.next.is_some() && standing.next == progress.cursor {
            return Err(repeated.into());
        }
        if let Some(reason) = rows.why_none_is_good() {
            return Err(ReportError::AllRejected { page: number, reason }.into());
        }
        let full = page::size(&self.report.request.paging);
        let is_last = standing.is_last.unwrap_or_else(|| full.is_none_or(|size| here < size));
        let mut part = Part::default();
        let (mut taken, news) = taking.take(rows, &mut part);
        store::facts(self, &news).await?;
        store::part(self, names, number, part, &taken.contents).await?;
        taken.counts.bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
        progress.counts.add(&taken.counts);
        for (name, total) in taken.totals {
            progress.totals.entry(name).or_default().add(total);
        }
        progress.hash_rows(&taken.contents);
        progress.note_columns(taken.unknown_columns);
        progress.pages.push(hash);
        progress.cursor = standing.next;
        check_total(standing.total, progress, is_last)?;
        Ok(Some(is_last))
    }
}

/// Whether the report says the same of its length on every page, and at its end as many rows came.
fn check_total(stated: Option<u64>, progress: &mut Progress, is_last: bool) -> Result<(), ReportError> {
    let Some(stated) = stated else { return Ok(()) };
    let counts = &progress.counts;
    let got = counts.rows.saturating_add(counts.rejected).saturating_add(counts.foreign);
    let is_same = progress.stated_total.is_none_or(|earlier| earlier == stated);
    if !is_same || (is_last && stated != got) {
        return Err(ReportError::Incomplete { stated, got });
    }
    progress.stated_total = Some(stated);
    Ok(())
}

/// A moment after it, as far as names of objects tell moments apart.
fn later(tick: Instant) -> Instant {
    tick.moved(TimeDelta::seconds(1))
}

/// What a pull goes on under: with another request, mapping or schedule, other windows and pages would follow those that
/// were read.
fn description(report: &Report) -> String {
    let Report { leg, request, schedule, mapping } = report;
    let Request { url, body, content_type, accept, time_format, paging, authorization: _ } = request;
    let body = body.as_deref().unwrap_or_default();
    let mapping = mapping.as_deref().unwrap_or_default();
    let (paging, schedule) = (format!("{paging:?}"), format!("{schedule:?}"));
    let parts = [leg.word(), url, body, content_type, accept, time_format, &paging, &schedule, mapping];
    hex::encode(hash_parts(parts.map(str::as_bytes)).first_chunk::<6>().copied().unwrap_or_default())
}
