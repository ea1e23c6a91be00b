//! One pull of one account: what is open, ask, store, and the watermark last.

use std::collections::{BTreeMap, BTreeSet};

use cuadre::aws::bucket::Bucket;
use cuadre::aws::rows::{RowFile, compressed};
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::{Clock, Instant};
use cuadre::formats::{self, Format, Leg, Mapping, Source};
use cuadre::ids::{Cip, hash_parts};
use cuadre::lifecycle::evidence::{Doubt, OrderRow, ReportRow};
use cuadre::pagoefectivo::client::Exchange;
use cuadre::pagoefectivo::{Credentials, search};
use cuadre::telemetry;
use serde::Serialize;
use tokio::time;

use crate::open::{is_news, newest, open_cips};
use crate::{Clients, Config, PullError, Pulled};

/// Pulls one account for one tick and asks nothing more after `stop_at`. Every object is named by tick and content, and a
/// row is stored only when it tells something new: work that is done again after a failure doubles nothing.
pub(crate) async fn pull(
    account: &str,
    clients: &Clients,
    config: &Config,
    tick: Instant,
    stop_at: time::Instant,
    clock: Clock<'_>,
) -> Result<Pulled, PullError> {
    let mut pulled = Pulled { account: account.to_owned(), ..Pulled::default() };
    let begun_at = clock();
    let heard_until = clients.table.watermark(account, layout::SEARCH).await?;
    if heard_until.is_some_and(|until| until >= tick) {
        pulled.already_done = true;
        return Ok(pulled);
    }
    let keys = clients.secrets.keys(account, begun_at).await?;
    let (order_files, report_files) = (
        row_files(&clients.bucket, Leg::Orders, account).await?,
        row_files(&clients.bucket, Leg::Reports, account).await?,
    );
    let orders = read_orders(&order_files, account);
    let searched = read_searched(&report_files, account);
    let notices = clients.table.notices(account).await?;
    let known = newest(&searched);
    let doubted = clients.table.doubted(account, layout::SEARCH).await?;
    let open = open_cips(&orders, &notices, &known, &doubted, config.recheck, begun_at);
    let open: Vec<Cip> = open.into_iter().collect();

    let pull = Pull {
        account,
        clients,
        keys: &keys.current,
        known: &known,
        doubted: &doubted,
        tick,
        stop_at,
        clock,
    };
    pull.ask(&batches(&open, config.batch_cips, begun_at), &mut pulled).await?;
    clients.table.move_watermark(account, layout::SEARCH, tick.min(begun_at)).await?;
    Ok(pulled)
}

/// The batches, beginning with another one each time: should the time never suffice for all, each has its turn.
fn batches(open: &[Cip], batch_cips: usize, now: Instant) -> Vec<&[Cip]> {
    let mut batches: Vec<&[Cip]> = open.chunks(batch_cips.max(1)).collect();
    let [a, b, ..] = hash_parts([now.to_string().as_bytes()]);
    let first = usize::from(u16::from_be_bytes([a, b])).checked_rem(batches.len()).unwrap_or_default();
    batches.rotate_left(first);
    batches
}

/// There is one doubt of a search about a CIP: the latest thing that it said and nobody understands.
const DOUBT_ID: &str = "latest";

/// What all batches of one pull have in common.
struct Pull<'p> {
    account: &'p str,
    clients: &'p Clients,
    keys: &'p Credentials,
    known: &'p BTreeMap<Cip, &'p ReportRow<'p>>,
    /// CIPs whose last answer nobody understood: the next one that is understood is news, whatever it says.
    doubted: &'p BTreeSet<Cip>,
    tick: Instant,
    stop_at: time::Instant,
    clock: Clock<'p>,
}

impl Pull<'_> {
    /// Asks for one batch after the other and stores what each brings before the next is asked. One that is refused or
    /// not understood does not keep the others from being asked; only a provider out of reach and the time end it.
    async fn ask(&self, batches: &[&[Cip]], pulled: &mut Pulled) -> Result<(), PullError> {
        let (mut failed, mut first_error, mut unasked) = (0_usize, None, batches.len());
        for batch in batches {
            // Before the question: what happens while it is answered is not claimed to have been seen.
            let asked_at = (self.clock)();
            let question = self.clients.provider.search(self.keys, batch, self.clock);
            let answer = match self.time_left() {
                true => time::timeout_at(self.stop_at, question).await.ok(),
                false => None,
            };
            let Some(answer) = answer else { break };
            unasked = unasked.saturating_sub(1);
            match answer {
                Ok(exchange) => self.keep(batch, &exchange, asked_at, pulled).await?,
                Err(error) => {
                    let goes_on = error.concerns_one_question();
                    tracing::warn!(
                        account = self.account,
                        cips = batch.len(),
                        reason = telemetry::chain(&error),
                        "batch failed"
                    );
                    failed = failed.saturating_add(1);
                    first_error.get_or_insert(error);
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        match first_error {
            Some(source) => Err(PullError::Provider { failed, unasked, source }),
            None if unasked > 0 => Err(PullError::OutOfTime { unasked }),
            None => Ok(()),
        }
    }

    fn time_left(&self) -> bool {
        time::Instant::now() < self.stop_at
    }

    /// Stores one answer: as it came, then what it tells.
    async fn keep(
        &self,
        batch: &[Cip],
        exchange: &Exchange,
        asked_at: Instant,
        pulled: &mut Pulled,
    ) -> Result<(), StoreError> {
        store_raw(&self.clients.bucket, self.account, self.tick, asked_at, exchange).await?;
        let mut harvest = Harvest::default();
        harvest.take(self, batch, exchange, asked_at, pulled);
        harvest.store(self.clients, self.account, self.tick).await?;
        for snapshot in &exchange.answer.found {
            if self.doubted.contains(&snapshot.cip) {
                self.clients.table.understood(self.account, layout::SEARCH, snapshot.cip).await?;
            }
        }
        Ok(())
    }
}

/// What a batch brings, before it is stored. No two batches of a tick have a CIP in common, so that their contents and
/// hence their names differ.
#[derive(Default)]
struct Harvest<'h> {
    rows: Vec<u8>,
    looks: Vec<u8>,
    news: Vec<ReportRow<'h>>,
    doubts: Vec<(Cip, Doubt)>,
}

/// One line of `normalized/looks`: this CIP was asked for, found or not.
#[derive(Serialize)]
struct LookLine<'a> {
    account: &'a str,
    cip: String,
    looked_at: String,
}

impl<'h> Harvest<'h> {
    fn take(
        &mut self,
        pull: &Pull<'h>,
        asked: &[Cip],
        exchange: &'h Exchange,
        now: Instant,
        pulled: &mut Pulled,
    ) {
        let account = pull.account;
        let answer = &exchange.answer;
        for snapshot in &answer.found {
            let (row, mut line) = (snapshot.row(account, now), Vec::new());
            formats::write_report_ndjson(&row, &mut line);
            if pull.doubted.contains(&snapshot.cip) || tells_news(&line, pull.known.get(&snapshot.cip)) {
                self.rows.extend_from_slice(&line);
                self.news.push(row);
                pulled.news = pulled.news.saturating_add(1);
            }
        }
        for entry in &answer.unreadable {
            let cip = entry.cip.map(|cip| cip.to_string()).unwrap_or_default();
            tracing::warn!(
                account,
                cip.number = cip,
                field = entry.field,
                reason = entry.reason,
                "entry cannot be read"
            );
            // Without its CIP, or with a CIP that the answer is silent about, there is nobody to doubt.
            if let Some(cip) = entry.cip.filter(|_| entry.field != "cip" && entry.field != "data") {
                let reason = format!("the search says of it: {} {}", entry.field, entry.reason);
                self.doubts
                    .push((cip, Doubt { source: layout::SEARCH.to_owned(), reason, observed_at: Some(now) }));
            }
        }
        // Of an entry that cannot be read nothing was heard, and of one without CIP it is not known whose it was.
        let heard = |cip: &Cip| {
            answer.found.iter().any(|snapshot| snapshot.cip == *cip) || answer.unknown.contains(cip)
        };
        for cip in asked.iter().filter(|cip| heard(cip)) {
            let line = LookLine { account, cip: cip.to_string(), looked_at: now.to_string() };
            // A struct of three texts always serialises.
            if let Ok(text) = serde_json::to_string(&line) {
                self.looks.extend_from_slice(text.as_bytes());
                self.looks.push(b'\n');
            }
        }
        pulled.asked = pulled.asked.saturating_add(asked.len());
        pulled.unknown = pulled.unknown.saturating_add(answer.unknown.len());
        pulled.unreadable = pulled.unreadable.saturating_add(answer.unreadable.len());
    }

    /// Facts before rows: what is a row already is no news to the next pull, and would never become a fact. Rows before
    /// looks: a look without its row would claim a silence that was none.
    async fn store(self, clients: &Clients, account: &str, tick: Instant) -> Result<(), StoreError> {
        for row in &self.news {
            clients.table.record_report(layout::SEARCH, row).await?;
        }
        for (cip, doubt) in &self.doubts {
            clients.table.record_doubt(account, *cip, DOUBT_ID, doubt).await?;
        }
        let bucket = &clients.bucket;
        if !self.rows.is_empty() {
            bucket.put_new(&layout::search_rows_key(account, tick, &self.rows), self.rows).await?;
        }
        if !self.looks.is_empty() {
            bucket.put_new(&layout::looks_key(account, tick, &self.looks), self.looks).await?;
        }
        Ok(())
    }
}

/// Compares a line as it will be read back, since the known row has been cleansed on its way too: a reference with an
/// odd blank in it would be news for ever otherwise.
fn tells_news(line: &[u8], known: Option<&&ReportRow<'_>>) -> bool {
    let source = Source { name: "line", bytes: line, format: Format::Ndjson, account: None };
    match formats::read_reports(&source, 0, &Mapping::default().reports) {
        Ok(table) => table.rows.first().is_none_or(|row| is_news(row, known)),
        Err(_) => true,
    }
}

/// One line of `raw/search`.
#[derive(Serialize)]
struct RawExchange<'a> {
    asked_at: String,
    request: &'a str,
    response: &'a str,
}

async fn store_raw(
    bucket: &Bucket,
    account: &str,
    tick: Instant,
    now: Instant,
    exchange: &Exchange,
) -> Result<(), StoreError> {
    let response = search::without_tokens(&exchange.response);
    let raw = RawExchange { asked_at: now.to_string(), request: &exchange.request, response: &response };
    let text = serde_json::to_vec(&raw)
        .map_err(|error| StoreError::Refused { operation: "serialize", code: error.to_string() })?;
    bucket.put_new(&layout::raw_search_key(account, tick, &text), compressed(&text)?).await.map(drop)
}

async fn row_files(bucket: &Bucket, leg: Leg, account: &str) -> Result<Vec<RowFile>, StoreError> {
    let read = bucket.row_files(leg, account).await?;
    for (key, reason) in &read.left_out {
        tracing::warn!(account, object.key = key, reason, "object left out");
    }
    Ok(read.files)
}

/// The account's rows of all order files. A file that cannot be read is reconcile's to complain about; the others are
/// good.
fn read_orders<'a>(files: &'a [RowFile], account: &'a str) -> Vec<OrderRow<'a>> {
    let mapping = Mapping::default();
    let read = |file: &'a RowFile| match formats::read_orders(&source(file, account), &mapping.orders) {
        Ok(table) => only_of(account, file, table.rows, |row| row.account.as_ref()),
        Err(error) => {
            tracing::warn!(account, object.key = file.key, reason = %error, "file of orders left out");
            Vec::new()
        }
    };
    files.iter().flat_map(read).collect()
}

/// The account's rows that earlier searches brought. Other sources speak of payments in their own words and are not
/// compared.
fn read_searched<'a>(files: &'a [RowFile], account: &'a str) -> Vec<ReportRow<'a>> {
    let mapping = Mapping::default();
    let read = |file: &'a RowFile| match formats::read_reports(&source(file, account), 0, &mapping.reports) {
        Ok(table) => only_of(account, file, table.rows, |row| row.account.as_ref()),
        Err(error) => {
            tracing::warn!(account, object.key = file.key, reason = %error, "file of reports left out");
            Vec::new()
        }
    };
    files.iter().filter(|file| layout::source_of(&file.key) == layout::SEARCH).flat_map(read).collect()
}

/// Leaves out rows that name another account: its CIPs are not to be asked for with this one's keys.
fn only_of<R>(account: &str, file: &RowFile, mut rows: Vec<R>, account_of: impl Fn(&R) -> &str) -> Vec<R> {
    let all = rows.len();
    rows.retain(|row| account_of(row) == account);
    let left_out = all.saturating_sub(rows.len());
    if left_out > 0 {
        tracing::warn!(account, object.key = file.key, rows = left_out, "rows of another account left out");
    }
    rows
}

fn source<'a>(file: &'a RowFile, account: &'a str) -> Source<'a> {
    Source { name: &file.key, bytes: &file.bytes, format: file.format, account: Some(account) }
}
