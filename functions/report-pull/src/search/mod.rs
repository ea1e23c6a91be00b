//! One search of one account: what is due, ask, store, and the watermark last.

mod harvest;
pub(crate) mod pace;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use cuadre::aws::table::Check;
use cuadre::aws::{StoreError, layout};
use cuadre::config::sources::CipSearch;
use cuadre::ids::Cip;
use cuadre::pagoefectivo::Credentials;
use cuadre::telemetry;
use serde::Serialize;
use tokio::time;

use crate::source::Pull;
use crate::{Ending, PullError};
use harvest::Harvest;

/// What a search brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// CIPs that the provider was asked for.
    pub asked: usize,
    /// In how many questions.
    pub batches: usize,
    /// Rows that tell something new, stored.
    pub news: usize,
    /// CIPs that the provider does not know.
    pub unknown: usize,
    /// Entries of the provider that cannot be read; they are in `raw/`.
    pub unreadable: usize,
}

/// Asks the provider what became of every CIP of the account that is due. What a batch brought is written down, and its
/// CIPs are due again later, before the next batch is asked: a repetition goes on with what is still due.
pub(crate) async fn pull(pull: &Pull<'_>, settings: CipSearch) -> Result<Ending, PullError> {
    let Pull { account, clients, config, tick, clock, .. } = *pull;
    let begun_at = clock();
    let heard_until = clients.table.watermark(account, layout::SEARCH).await?;
    if heard_until.is_some_and(|until| until >= tick) {
        return Ok(Ending::AlreadyDone);
    }
    let keys = clients.secrets.keys(account, begun_at).await?;
    let due = clients.table.due_checks(account, tick).await?;
    let due: BTreeMap<Cip, Check> = due.into_iter().map(|check| (check.cip, check)).collect();
    let search = Search {
        pull,
        keys: &keys.current,
        due: &due,
        recheck: settings.recheck_days.map_or(config.recheck, |days| TimeDelta::days(days.into())),
    };
    let mut searched = Searched::default();
    let batch_cips = settings.batch_cips.unwrap_or(config.batch_cips).max(1);
    // Those first that have been due the longest: should the time never suffice for all, each has its turn.
    let mut cips: Vec<&Check> = due.values().collect();
    cips.sort_by_key(|check| (check.due_at, check.cip));
    let cips: Vec<Cip> = cips.into_iter().map(|check| check.cip).collect();
    let batches: Vec<&[Cip]> = cips.chunks(batch_cips).collect();
    if search.ask(&batches, &mut searched).await? == Asked::OutOfTime {
        return Ok(Ending::Paused);
    }
    manifest(pull, &searched).await?;
    clients.table.move_watermark(account, layout::SEARCH, tick.min(begun_at)).await?;
    Ok(Ending::Searched(searched))
}

/// What a search came to, for whoever has to prove it; its exchanges lie below `raw/` under the same time.
#[derive(Serialize)]
struct Manifest<'a> {
    account: &'a str,
    source: &'static str,
    kind: &'static str,
    tick: String,
    #[serde(flatten)]
    searched: &'a Searched,
    engine: &'static str,
}

/// Writes the manifest of a search that asked for anything.
async fn manifest(pull: &Pull<'_>, searched: &Searched) -> Result<(), StoreError> {
    if searched.asked == 0 {
        return Ok(());
    }
    let manifest = Manifest {
        account: pull.account,
        source: layout::SEARCH,
        kind: "cip_search",
        tick: pull.tick.to_string(),
        searched,
        engine: env!("CARGO_PKG_VERSION"),
    };
    let text = serde_json::to_vec_pretty(&manifest);
    let text = text.map_err(|_| StoreError::Unreadable { what: "search", field: "manifest" })?;
    let key = layout::search_manifest_key(pull.account, pull.tick);
    pull.clients.bucket.put_new(&key, text).await.map(drop)
}

/// Whether all batches were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    All,
    OutOfTime,
}

/// What all batches of one search have in common.
struct Search<'p> {
    pull: &'p Pull<'p>,
    keys: &'p Credentials,
    due: &'p BTreeMap<Cip, Check>,
    recheck: TimeDelta,
}

impl Search<'_> {
    /// Asks for one batch after the other and stores what each brings before the next is asked. One that is refused or
    /// not understood does not keep the others from being asked; only a provider out of reach and the time end it.
    async fn ask(&self, batches: &[&[Cip]], searched: &mut Searched) -> Result<Asked, PullError> {
        let Pull { account, clients, stop_at, clock, .. } = *self.pull;
        let (mut failed, mut first_error, mut unasked) = (0_usize, None, batches.len());
        for batch in batches {
            // Before the question: what happens while it is answered is not claimed to have been seen.
            let asked_at = clock();
            let question = clients.provider.search(self.keys, batch, clock);
            let answer = match self.pull.time_left() {
                true => time::timeout_at(stop_at, question).await.ok(),
                false => None,
            };
            let Some(answer) = answer else { break };
            unasked = unasked.saturating_sub(1);
            match answer {
                Ok(exchange) => {
                    Harvest::of(self, batch, &exchange, asked_at, searched).store(self, &exchange).await?;
                }
                Err(error) => {
                    let goes_on = error.concerns_one_question();
                    let reason = telemetry::chain(&error);
                    tracing::warn!(account, cips = batch.len(), reason, "batch failed");
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
            None if unasked > 0 => Ok(Asked::OutOfTime),
            None => Ok(Asked::All),
        }
    }
}
