//! A report over HTTP: window by window, page by page, each stored before the next is asked for.

mod page;
mod progress;
mod rows;
mod seen;
mod store;

use cuadre::aws::StoreError;
use cuadre::aws::layout::{self, PullNames};
use cuadre::config::sources::{Mode, Paging, Report, Source, Window};
use cuadre::formats::{self, FileError, MappingError};
use cuadre::ids::hash_parts;
use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::client::ClientError;
use serde::Serialize;
use tokio::time;

use crate::source::Pull;
use crate::{Ending, PullError};
use page::{Standing, Which};
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
        "the report says that it has {stated} rows, and {got} came: it changed while it was read, or pages are lost"
    )]
    Incomplete {
        /// As the last page states.
        stated: u64,
        /// Rows that came, read or rejected.
        got: u64,
    },
    /// More pages than a window may have.
    #[error("the window has more than {PAGES_MAX} pages: lower window_hours, or raise the size of a page")]
    TooManyPages,
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
        Some(window) => {
            let mode = pull.mode.unwrap_or(Mode::Incremental);
            let id = format!("{}#{}#{}", source.name, layout::stamp(window.from), layout::stamp(window.to));
            let begun = Progress::begun(window, mode, pull.tick);
            let mut reported = Reported::default();
            let all =
                context.window(&id, context.under_way(&id).await?.unwrap_or(begun), &mut reported).await?;
            Ok(if all { Ending::Reported(reported) } else { Ending::Paused })
        }
        None => context.scheduled().await,
    }
}

/// How the source's answers are read: the deployment's own mapping before a preset of the same name.
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

impl Context<'_> {
    async fn scheduled(&self) -> Result<Ending, PullError> {
        let Pull { account, clients, tick, .. } = *self.pull;
        let id = self.source.name.as_str();
        let mut reported = Reported::default();
        if let Some(progress) = self.under_way(id).await?
            && !self.window(id, progress, &mut reported).await?
        {
            return Ok(Ending::Paused);
        }
        let schedule = cuadre::config::sources::Schedule {
            mode: self.pull.mode.unwrap_or(self.report.schedule.mode),
            ..self.report.schedule
        };
        let covered_until = clients.table.watermark(account, id).await?;
        for window in schedule.windows(covered_until, tick) {
            let begun = Progress::begun(window, schedule.mode, tick);
            if !self.window(id, begun, &mut reported).await? {
                return Ok(Ending::Paused);
            }
        }
        Ok(if reported.windows == 0 { Ending::AlreadyDone } else { Ending::Reported(reported) })
    }

    /// A pull that was stopped before its end, if this version can go on with it.
    async fn under_way(&self, id: &str) -> Result<Option<Progress>, StoreError> {
        let Pull { account, clients, .. } = *self.pull;
        let text = clients.table.pull_progress(account, id).await?;
        let progress: Option<Progress> = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(progress.filter(|progress| progress.manifest.is_none() && progress.of_what().is_some()))
    }

    /// Reads a window from where `progress` stands. `false` where the time is up before its end.
    async fn window(&self, id: &str, progress: Progress, reported: &mut Reported) -> Result<bool, PullError> {
        let resumed = !progress.pages.is_empty();
        match Box::pin(self.read(id, progress, reported)).await {
            // A cursor may not outlive the pause; the window is read anew, and what is known of it is not stored twice.
            Err(PullError::Report(ReportError::Page { source: ClientError::Refused { .. }, page }))
                if resumed && matches!(self.report.request.paging, Paging::Cursor { .. }) =>
            {
                tracing::warn!(
                    account = self.pull.account,
                    source = self.source.name,
                    page,
                    "cursor is no longer taken: window begins anew"
                );
                let standing = self.under_way(id).await?.and_then(|progress| progress.of_what());
                let Some((window, tick)) = standing else { return Ok(false) };
                let mode = self.pull.mode.unwrap_or(self.report.schedule.mode);
                Box::pin(self.read(id, Progress::begun(window, mode, tick), reported)).await
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
        let mut taking = Taking::new(account, tick, seen);
        loop {
            let standing = match self.page(names, window, &mut taking, &mut progress).await {
                Ok(Some(standing)) => standing,
                // The pages before are stored, and the repetition goes on with this one.
                Ok(None) => {
                    store::save(self, id, &progress).await?;
                    return Ok(false);
                }
                Err(PullError::Report(error)) => {
                    store::save(self, id, &progress).await?;
                    return Err(error.into());
                }
                Err(error) => return Err(error),
            };
            reported.pages = reported.pages.saturating_add(1);
            if standing.is_last == Some(true) {
                self.check_total(&standing, &progress)?;
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

    /// Asks for the next page, keeps it as it came and stores its rows. None where the time is up.
    async fn page(
        &self,
        names: PullNames<'_>,
        window: Window,
        taking: &mut Taking<'_>,
        progress: &mut Progress,
    ) -> Result<Option<Standing>, PullError> {
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
        store::raw(self, names, number, asked_at, &question, &reply).await?;
        let format = self.reader.format(&reply.body);
        let unreadable =
            |error: &FileError| ReportError::Unreadable { page: number, reason: error.to_string() };
        let name = format!("page {number}");
        let rows = self.reader.read(self.report, &name, account, format, &reply.body);
        let rows = rows.map_err(|error| unreadable(&error))?;
        let (here, hash) = (rows.count(), short_hash(&reply.body));
        // Before anything of the page counts: after a failure it is asked for again.
        let repeated = ReportError::Repeated { page: number };
        if here > 0 && progress.pages.last() == Some(&hash) {
            return Err(repeated.into());
        }
        let mut standing = page::standing(&self.report.request.paging, format, &reply.body, before)?;
        if standing.next.is_some() && standing.next == progress.cursor {
            return Err(repeated.into());
        }
        if let Some(reason) = rows.why_none_is_good() {
            return Err(ReportError::AllRejected { page: number, reason }.into());
        }
        if standing.is_last.is_none() {
            standing.is_last = Some(page::size(&self.report.request.paging).is_none_or(|size| here < size));
        }
        let mut part = Part::default();
        let (mut taken, news) = taking.take(rows, &mut part);
        store::facts(self, &news).await?;
        store::part(self, names, number, part).await?;
        taken.counts.bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
        progress.counts.add(&taken.counts);
        for (name, total) in taken.totals {
            progress.totals.entry(name).or_default().add(total);
        }
        progress.hash_rows(&taken.contents);
        for column in taken.unknown_columns {
            if !progress.unknown_columns.contains(&column) {
                progress.unknown_columns.push(column);
            }
        }
        progress.pages.push(hash);
        progress.cursor.clone_from(&standing.next);
        Ok(Some(standing))
    }

    /// Whether as many rows came as the report says that it has.
    fn check_total(&self, standing: &Standing, progress: &Progress) -> Result<(), ReportError> {
        let counts = &progress.counts;
        let got = counts.rows.saturating_add(counts.rejected).saturating_add(counts.foreign);
        match standing.total {
            Some(stated) if stated != got => Err(ReportError::Incomplete { stated, got }),
            _ => Ok(()),
        }
    }
}

fn short_hash(bytes: &[u8]) -> String {
    hex::encode(hash_parts([bytes]).first_chunk::<6>().copied().unwrap_or_default())
}
