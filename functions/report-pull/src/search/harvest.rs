//! What a batch brings, and the order in which it is stored.

use std::collections::BTreeMap;

use cuadre::aws::rows::compressed;
use cuadre::aws::table::{Check, Checked};
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::Instant;
use cuadre::formats::{self, Format, Mapping, Source};
use cuadre::ids::Cip;
use cuadre::lifecycle::evidence::{Doubt, ReportRow};
use cuadre::pagoefectivo::client::Exchange;
use cuadre::pagoefectivo::search;
use futures_util::future::try_join_all;
use serde::Serialize;

use super::{Search, Searched, pace};

/// There is one doubt of a search about a CIP: the latest thing that it said and nobody understands.
const DOUBT_ID: &str = "latest";

/// How many CIPs are written down at a time.
const LANES: usize = 16;

/// What a batch brings, before it is stored. No two batches of a tick have a CIP in common, so that their contents and
/// hence their names differ.
pub(super) struct Harvest<'h> {
    asked_at: Instant,
    rows: Vec<u8>,
    looks: Vec<u8>,
    news: Vec<ReportRow<'h>>,
    doubts: Vec<(Cip, Doubt)>,
    /// What became of each CIP of which the answer speaks.
    seen: BTreeMap<Cip, Seen>,
}

/// What the answer says of a CIP.
enum Seen {
    /// The canonical line of the row, and whether it is news.
    Row(Vec<u8>, bool),
    /// The provider does not know it.
    Unknown,
    /// Nobody understands it.
    Doubted,
}

/// One line of `normalized/looks`: this CIP was asked for, found or not.
#[derive(Serialize)]
struct LookLine<'a> {
    account: &'a str,
    cip: String,
    looked_at: String,
}

impl<'h> Harvest<'h> {
    /// Reads what an answer brings.
    pub(super) fn of(
        search: &Search<'h>,
        asked: &[Cip],
        exchange: &'h Exchange,
        asked_at: Instant,
        searched: &mut Searched,
    ) -> Harvest<'h> {
        let mut harvest = Harvest {
            asked_at,
            rows: Vec::new(),
            looks: Vec::new(),
            news: Vec::new(),
            doubts: Vec::new(),
            seen: BTreeMap::new(),
        };
        harvest.take_rows(search, exchange);
        harvest.take_unreadable(search.pull.account, exchange);
        for cip in &exchange.answer.unknown {
            harvest.seen.entry(*cip).or_insert(Seen::Unknown);
        }
        harvest.note_looks(search.pull.account, asked);
        searched.batches = searched.batches.saturating_add(1);
        searched.asked = searched.asked.saturating_add(asked.len());
        searched.news = searched.news.saturating_add(harvest.news.len());
        searched.unknown = searched.unknown.saturating_add(exchange.answer.unknown.len());
        searched.unreadable = searched.unreadable.saturating_add(exchange.answer.unreadable.len());
        harvest
    }

    fn take_rows(&mut self, search: &Search<'h>, exchange: &'h Exchange) {
        for snapshot in &exchange.answer.found {
            let (row, mut line) = (snapshot.row(search.pull.account, self.asked_at), Vec::new());
            formats::write_report_ndjson(&row, &mut line);
            let is_news = search.due.get(&snapshot.cip).is_some_and(|check| tells_news(&line, check));
            if is_news {
                self.rows.extend_from_slice(&line);
                self.news.push(row);
            }
            self.seen.insert(snapshot.cip, Seen::Row(line, is_news));
        }
    }

    fn take_unreadable(&mut self, account: &str, exchange: &Exchange) {
        for entry in &exchange.answer.unreadable {
            let cip = entry.cip.map(|cip| cip.to_string()).unwrap_or_default();
            let (field, reason) = (entry.field, entry.reason.as_str());
            tracing::warn!(account, cip.number = cip, field, reason, "entry cannot be read");
            // Without its CIP, or with a CIP that the answer is silent about, there is nobody to doubt.
            if let Some(cip) = entry.cip.filter(|_| entry.field != "cip" && entry.field != "data") {
                let reason = format!("the search says of it: {} {}", entry.field, entry.reason);
                let observed_at = Some(self.asked_at);
                self.doubts.push((cip, Doubt { source: layout::SEARCH.to_owned(), reason, observed_at }));
                self.seen.entry(cip).or_insert(Seen::Doubted);
            }
        }
    }

    /// Of an entry that cannot be read nothing was heard, and of one without CIP it is not known whose it was.
    fn note_looks(&mut self, account: &str, asked: &[Cip]) {
        let heard = |cip: &&Cip| matches!(self.seen.get(cip), Some(Seen::Row(..) | Seen::Unknown));
        for cip in asked.iter().filter(heard) {
            let line = LookLine { account, cip: cip.to_string(), looked_at: self.asked_at.to_string() };
            // A struct of three texts always serialises.
            if let Ok(text) = serde_json::to_string(&line) {
                self.looks.extend_from_slice(text.as_bytes());
                self.looks.push(b'\n');
            }
        }
    }

    /// Stores what was brought: the exchange as it came, facts, rows, looks, and when each CIP is due again last. A look
    /// without its row would claim a silence that was none, and what is not due again would never become a fact.
    pub(super) async fn store(self, search: &Search<'_>, exchange: &Exchange) -> Result<(), StoreError> {
        let (pull, table, bucket) = (search.pull, &search.pull.clients.table, &search.pull.clients.bucket);
        let (account, tick) = (pull.account, pull.tick);
        let raw = raw(self.asked_at, exchange)?;
        bucket.put_new(&layout::raw_search_key(account, tick, &raw), compressed(&raw)?).await?;
        for row in &self.news {
            table.record_report(layout::SEARCH, row).await?;
        }
        for (cip, doubt) in &self.doubts {
            table.record_doubt(account, *cip, DOUBT_ID, doubt).await?;
        }
        if !self.rows.is_empty() {
            bucket.put_new(&layout::search_rows_key(account, tick, &self.rows), self.rows.clone()).await?;
        }
        if !self.looks.is_empty() {
            bucket.put_new(&layout::looks_key(account, tick, &self.looks), self.looks.clone()).await?;
        }
        let seen: Vec<(&Check, &Seen)> =
            self.seen.iter().filter_map(|(cip, seen)| Some((search.due.get(cip)?, seen))).collect();
        for some in seen.chunks(LANES) {
            try_join_all(some.iter().map(|(check, seen)| Box::pin(self.plan(search, check, seen)))).await?;
        }
        Ok(())
    }

    /// Writes down when a CIP is due again, and what is known of it now.
    async fn plan(&self, search: &Search<'_>, check: &Check, seen: &Seen) -> Result<(), StoreError> {
        let doubted = match seen {
            Seen::Doubted => true,
            Seen::Row(..) => false,
            Seen::Unknown => check.doubted,
        };
        let newest = match seen {
            Seen::Row(line, true) => str::from_utf8(line).ok(),
            _ => None,
        };
        let known = newest.or(check.row.as_deref()).unwrap_or_default();
        let due_at = with_row(known.as_bytes(), |row| {
            pace::next_look(check, row, doubted, search.recheck, self.asked_at)
        });
        let checked = Checked { due_at, row: newest, doubted };
        search.pull.clients.table.save_checked(search.pull.account, check, &checked).await
    }
}

/// Compares a line as it will be read back, since the known row has been cleansed on its way too: a reference with an
/// odd blank in it would be news for ever otherwise.
fn tells_news(line: &[u8], check: &Check) -> bool {
    let known = check.row.as_deref().unwrap_or_default();
    with_row(line, |row| {
        row.is_none_or(|row| with_row(known.as_bytes(), |known| pace::is_news(row, known, check)))
    })
}

/// Calls with the row of a canonical line, if there is one.
fn with_row<T>(line: &[u8], act: impl FnOnce(Option<&ReportRow<'_>>) -> T) -> T {
    let source = Source { name: "line", bytes: line, format: Format::Ndjson, account: None };
    match formats::read_reports(&source, 0, &Mapping::default().reports) {
        Ok(table) => act(table.rows.first()),
        Err(_) => act(None),
    }
}

/// One object of `raw/search`.
#[derive(Serialize)]
struct RawExchange<'a> {
    asked_at: String,
    request: &'a str,
    response: &'a str,
}

fn raw(asked_at: Instant, exchange: &Exchange) -> Result<Vec<u8>, StoreError> {
    let response = search::without_tokens(&exchange.response);
    let raw = RawExchange { asked_at: asked_at.to_string(), request: &exchange.request, response: &response };
    serde_json::to_vec(&raw)
        .map_err(|error| StoreError::Refused { operation: "serialize", code: error.to_string() })
}
