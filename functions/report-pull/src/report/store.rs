//! What a pull of a report stores, and in which order: pages as they came, facts, rows, which rows they were, how far the
//! pull has come, and the watermark last.

use std::collections::HashMap;

use cuadre::aws::StoreError;
use cuadre::aws::layout::{self, PullNames};
use cuadre::aws::rows::{compressed, unpacked};
use cuadre::calendar::Instant;
use cuadre::config::sources::{Mode, Paging};
use cuadre::formats::Leg;
use cuadre::lifecycle::evidence::ReportRow;
use cuadre::pagoefectivo::client::wire::Reply;
use cuadre::report::rejected_csv;
use futures_util::future::try_join_all;
use serde_json::json;

use super::Context;
use super::progress::{Manifest, Progress};
use super::rows::Part;
use super::seen::Seen;
use crate::source::Pull;

/// How many rows are written to the table at a time, and how many objects are read.
const LANES: usize = 16;

/// No window is longer than this, but that of a snapshot: further back nothing of a window in question is looked for.
const WINDOW_DAYS_MAX: chrono::TimeDelta = chrono::TimeDelta::days(367);

/// Keeps a page as it was asked for and as it came: a line of JSON, and behind it the body.
pub(super) async fn raw(
    context: &Context<'_>,
    names: PullNames<'_>,
    number: u64,
    asked_at: Instant,
    request: &serde_json::Value,
    reply: &Reply,
) -> Result<(), StoreError> {
    let head = json!({
        "asked_at": asked_at.to_string(),
        "request": request,
        "status": reply.status,
        "content_type": reply.content_type,
        "bytes": reply.body.len(),
    });
    let mut raw = head.to_string().into_bytes();
    raw.push(b'\n');
    raw.extend_from_slice(&reply.body);
    let bucket = &context.pull.clients.bucket;
    // By the body alone: a page that comes again as it was is not kept again.
    bucket.put_new(&names.page(number, &reply.body), compressed(&raw)?).await.map(drop)
}

/// Records the new rows of a page as facts of their CIPs.
pub(super) async fn facts(context: &Context<'_>, news: &[ReportRow<'_>]) -> Result<(), StoreError> {
    let table = &context.pull.clients.table;
    for some in news.chunks(LANES) {
        let source = &context.source.name;
        try_join_all(some.iter().map(|row| Box::pin(table.record_report(source, row)))).await?;
    }
    Ok(())
}

/// What earlier pulls brought of the time of this window, and this one so far. Of snapshots the newest whole one.
pub(super) async fn seen(
    context: &Context<'_>,
    names: PullNames<'_>,
    progress: &Progress,
) -> Result<Seen, StoreError> {
    let bucket = &context.pull.clients.bucket;
    let prefix = names.pulls_prefix();
    let first = names.window.from.to_utc() - WINDOW_DAYS_MAX;
    let first = Instant::from_utc(first).unwrap_or(Instant::UNIX_EPOCH);
    let after = format!("{prefix}window={}", layout::stamp(first));
    let read = progress.pages.len();
    let (from, to) = (layout::stamp(names.window.from), layout::stamp(names.window.to));
    let own = names.manifest().replace(layout::MANIFEST, "");
    let mut keys: Vec<String> = Vec::new();
    for listed in bucket.list(&prefix, Some(&after)).await? {
        let Some((begin, end)) = layout::window_of(&listed.key) else { continue };
        let meets = begin < to.as_str() && end > from.as_str();
        // Of this pull itself nothing that it will write again.
        let is_ahead = own_page(&listed.key, &own).is_some_and(|page| page > read);
        if meets && !is_ahead && layout::is_part(&listed.key) {
            keys.push(listed.key);
        }
    }
    // In the order of the pulls, whatever their windows: the newest word counts.
    keys.sort_by(|a, b| tick_of(a).cmp(tick_of(b)).then_with(|| a.cmp(b)));
    let mut seen = Seen::default();
    for some in keys.chunks(LANES) {
        let objects = try_join_all(some.iter().map(|key| Box::pin(bucket.get(key, None)))).await?;
        for (key, object) in some.iter().zip(objects) {
            let Some(object) = object else { continue };
            let what = StoreError::Unreadable { what: "list of rows", field: "zstd" };
            seen.learn(&unpacked(key, object.bytes).map_err(|_| what)?);
        }
    }
    Ok(seen)
}

/// The number of the page whose rows an object of this pull lists.
fn own_page(key: &str, own: &str) -> Option<usize> {
    key.strip_prefix(own)?.strip_prefix("rows-")?.strip_suffix(".zst")?.parse().ok()
}

/// The stamp of the pull that wrote an object.
fn tick_of(key: &str) -> &str {
    key.rsplit('/').nth(1).unwrap_or_default()
}

/// Stores the rows of a page, those that are new and those that cannot be read.
pub(super) async fn part(
    context: &Context<'_>,
    names: PullNames<'_>,
    number: u64,
    part: Part,
    contents: &[u8],
) -> Result<(), StoreError> {
    let (bucket, leg) = (&context.pull.clients.bucket, context.report.leg);
    let Part { lines, marks, rejected } = part;
    if !rejected.is_empty() {
        let not_written =
            |error: csv::Error| StoreError::Refused { operation: "csv", code: error.to_string() };
        let csv = rejected_csv(&rejected).map_err(not_written)?;
        bucket.put_new(&names.rejected(leg, &csv), csv).await?;
    }
    if !lines.is_empty() {
        bucket.put_new(&names.rows(leg, &lines), compressed(&lines)?).await?;
        // After the rows: what is listed here is not stored again.
        bucket.put(&names.part(number), compressed(&marks)?).await?;
    }
    if counts_lines(context) {
        bucket.put(&names.lines(number), compressed(contents)?).await?;
    }
    Ok(())
}

/// Whether a pull that goes on has to know how often each line came before.
fn counts_lines(context: &Context<'_>) -> bool {
    context.report.leg == Leg::Settlements && context.report.request.paging != Paging::None
}

/// How often each line of a settlement came in the pages that were read.
pub(super) async fn same(
    context: &Context<'_>,
    names: PullNames<'_>,
    progress: &Progress,
) -> Result<HashMap<u64, u32>, StoreError> {
    let mut same: HashMap<u64, u32> = HashMap::new();
    if !counts_lines(context) {
        return Ok(same);
    }
    let bucket = &context.pull.clients.bucket;
    for (number, _) in (1_u64..).zip(&progress.pages) {
        let key = names.lines(number);
        let missing = StoreError::Unreadable { what: "list of lines", field: "zstd" };
        let Some(object) = bucket.get(&key, None).await? else { return Err(missing) };
        let contents = unpacked(&key, object.bytes).map_err(|_| missing)?;
        for content in contents.as_chunks::<8>().0 {
            let count = same.entry(u64::from_be_bytes(*content)).or_default();
            *count = count.saturating_add(1);
        }
    }
    Ok(same)
}

/// Writes down how far the pull is.
pub(super) async fn save(context: &Context<'_>, id: &str, progress: &Progress) -> Result<(), StoreError> {
    let text = serde_json::to_string(progress);
    let text = text.map_err(|_| StoreError::Unreadable { what: "pull", field: "progress" })?;
    context.pull.clients.table.save_pull_progress(context.pull.account, id, &text).await
}

/// Writes the manifest, moves the watermark and tells what a person should know.
pub(super) async fn finish(
    context: &Context<'_>,
    id: &str,
    names: PullNames<'_>,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let Pull { account, clients, clock, .. } = *context.pull;
    let before = clients.table.pull_progress(account, &format!("{id}#done")).await?;
    let before: Option<Progress> = before.and_then(|text| serde_json::from_str(&text).ok());
    let manifest = Manifest {
        account: account.to_owned(),
        source: context.source.name.clone(),
        kind: context.source.kind.word().to_owned(),
        from: progress.from.clone(),
        to: progress.to.clone(),
        mode: progress.mode,
        tick: progress.tick.clone(),
        ended_at: clock().to_string(),
        counts: progress.counts,
        totals: progress.totals.clone(),
        pages: progress.pages.clone(),
        rows_hash: progress.rows_hash.clone(),
        unknown_columns: progress.unknown_columns.clone(),
        restates: restated(context, names, progress).await?,
        shrunk_by: shrunk_by(before.as_ref(), progress),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let text = serde_json::to_vec_pretty(&manifest);
    let text = text.map_err(|_| StoreError::Unreadable { what: "pull", field: "manifest" })?;
    clients.bucket.put_new(&names.manifest(), text).await?;
    tell(&manifest, before.as_ref());
    if is_gapless(context, &context.source.name, names).await? {
        // A window by hand may end later than there was anything to hear.
        let heard = names.tick.moved(-context.report.schedule.lag);
        clients.table.move_watermark(account, &context.source.name, names.window.to.min(heard)).await?;
    }
    progress.manifest = Some(names.manifest());
    save(context, &format!("{id}#done"), progress).await?;
    save(context, id, progress).await
}

/// Whether the watermark may move to the end of the window: nothing between it and the window is unheard.
async fn is_gapless(context: &Context<'_>, source: &str, names: PullNames<'_>) -> Result<bool, StoreError> {
    if context.pull.window.is_none() {
        return Ok(true);
    }
    let until = context.pull.clients.table.watermark(context.pull.account, source).await?;
    Ok(until.is_some_and(|until| until >= names.window.from))
}

/// The newest manifest of the same window that tells of other rows.
async fn restated(
    context: &Context<'_>,
    names: PullNames<'_>,
    progress: &Progress,
) -> Result<Option<String>, StoreError> {
    let bucket = &context.pull.clients.bucket;
    let listed = bucket.list(&names.window_prefix(), None).await?;
    let own = names.manifest();
    let mut earlier = listed.into_iter().map(|object| object.key);
    let earlier = earlier.rfind(|key| key.ends_with(layout::MANIFEST) && *key < own);
    let Some(key) = earlier else { return Ok(None) };
    let Some(object) = bucket.get(&key, None).await? else { return Ok(None) };
    let manifest: Option<Manifest> = serde_json::from_slice(&object.bytes).ok();
    Ok(manifest.filter(|manifest| manifest.rows_hash != progress.rows_hash).map(|_| key))
}

/// How many rows fewer a snapshot has than the one before.
fn shrunk_by(before: Option<&Progress>, progress: &Progress) -> u64 {
    let whole = |progress: &&Progress| progress.mode == Mode::Full && progress.manifest.is_some();
    match before.filter(whole) {
        Some(before) if progress.mode == Mode::Full => {
            before.counts.rows.saturating_sub(progress.counts.rows)
        }
        _ => 0,
    }
}

fn tell(manifest: &Manifest, before: Option<&Progress>) {
    let Manifest { account, source, from, to, counts, .. } = manifest;
    if manifest.restates.is_some() || counts.restated > 0 {
        let (restated, restates) = (counts.restated, manifest.restates.as_deref());
        tracing::warn!(
            outcome = "restated",
            account,
            source,
            from,
            to,
            restated,
            restates,
            "report says something else than before"
        );
    }
    if manifest.shrunk_by > 0 {
        let rows = manifest.shrunk_by;
        tracing::warn!(
            outcome = "shrunk",
            account,
            source,
            from,
            to,
            rows,
            "snapshot has fewer rows than the one before"
        );
    }
    if counts.rejected > 0 {
        let rejected = counts.rejected;
        tracing::warn!(
            outcome = "rejected",
            account,
            source,
            from,
            to,
            rejected,
            "rows of the report cannot be read"
        );
    }
    if let Some(before) = before
        && before.unknown_columns != manifest.unknown_columns
    {
        let (old, new) = (before.unknown_columns.join(","), manifest.unknown_columns.join(","));
        tracing::warn!(outcome = "drift", account, source, old, new, "report has other columns than before");
    }
}
