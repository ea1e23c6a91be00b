//! The first stage: what the run reads, and how it is cut.

use cuadre::calendar::Instant;
use cuadre::formats::Leg;
use cuadre::run::stages::{Plan, Planner};
use serde::{Deserialize, Serialize};

use super::store::Store;
use crate::context::Context;
use crate::event::Stage;
use crate::gather::{Wanted, fix, gathered};
use crate::judge::{HeardFile, JudgeError, LEGS, Objects, input};
use crate::manifest::{Manifest, Version};
use crate::{Clients, ReconcileError, moment};

/// The name of the plan.
pub(super) const PLAN: &str = "plan.json";

/// About so many bytes of rows make one cut, and one part. An invocation holds a cut as it is and packed; the rows of a part it
/// judges by all rules, which take eight times as much memory.
pub(super) const PART_BYTES: usize = 64 * 1024 * 1024;

/// So many objects are in memory at once.
const READ_AT_ONCE: usize = 16;

/// How a run is cut.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cuts {
    pub(super) plan: Plan,
    /// Which files belong to each cut, by their places.
    pub(super) cuts: Vec<Vec<usize>>,
}

/// The stages of a run, as the state machine hands them back one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Those that read files.
    pub cuts: Vec<Stage>,
    /// The one that judges what hangs together.
    pub judge: Stage,
    /// Those that write the parts.
    pub parts: Vec<Stage>,
    /// The last one.
    pub join: Stage,
}

/// An object with rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'m> {
    /// Which of the files of the run it is.
    pub(super) place: usize,
    pub(super) leg: Leg,
    pub(super) version: &'m Version,
}

/// The objects with rows in the order of the run: by leg, and by key.
pub(super) fn listed(manifest: &Manifest) -> Vec<Listed<'_>> {
    let mut listed = Vec::new();
    for leg in LEGS {
        let mut of_leg: Vec<&Version> = manifest.of_leg(leg).iter().collect();
        of_leg.sort();
        for version in of_leg {
            listed.push(Listed { place: listed.len(), leg, version });
        }
    }
    listed
}

/// Fixes what the run reads and how it is cut; where an attempt before has, that holds.
pub(super) async fn plan(
    account: &str,
    as_of: Instant,
    part_bytes: usize,
    store: &Store,
    clients: &Clients,
) -> Result<Planned, ReconcileError> {
    let manifest = match store.manifest().await? {
        Some(standing) => standing,
        None => {
            let wanted = Wanted { account, as_of, full: true, dry: false };
            let manifest = gathered(&wanted, &store.run_prefix, true, clients).await?.0;
            fix(manifest, Objects::new(), &store.run_prefix, &store.bucket).await?.0
        }
    };
    moment::check_own(&manifest)?;
    let cuts = match store.find(PLAN).await? {
        Some(standing) => serde_json::from_slice(&standing).map_err(JudgeError::Manifest)?,
        None => {
            let cuts = cuts(&manifest, part_bytes, store).await?;
            store.put(PLAN, serde_json::to_vec(&cuts).map_err(JudgeError::Manifest)?).await?;
            cuts
        }
    };
    let (account, as_of) = (account.to_owned(), as_of.to_string());
    let of = |make: &dyn Fn(String, String) -> Stage| make(account.clone(), as_of.clone());
    Ok(Planned {
        cuts: (0..cuts.cuts.len())
            .map(|cut| of(&|account, as_of| Stage::Cut { account, as_of, cut }))
            .collect(),
        judge: of(&|account, as_of| Stage::Judge { account, as_of }),
        parts: (0..cuts.plan.parts())
            .map(|part| of(&|account, as_of| Stage::Write { account, as_of, part }))
            .collect(),
        join: of(&|account, as_of| Stage::Join { account, as_of }),
    })
}

/// Looks at all files, one after the other.
async fn cuts(manifest: &Manifest, part_bytes: usize, store: &Store) -> Result<Cuts, ReconcileError> {
    let context = Context::of(&manifest.bare(), &mut Objects::new())?;
    let (settings, mut planner) = (context.settings(), Planner::begin(&manifest.account));
    let mut cuts: Vec<Vec<usize>> = vec![Vec::new()];
    let mut bytes = 0_usize;
    let mut enter = |place: usize, length: usize| {
        bytes = bytes.saturating_add(length);
        if bytes > part_bytes && cuts.last().is_some_and(|cut| !cut.is_empty()) {
            cuts.push(Vec::new());
            bytes = length;
        }
        cuts.last_mut().into_iter().for_each(|cut| cut.push(place));
    };
    let is_cut = |leg: Leg| !leg.is_judged_whole();
    let listed = listed(manifest);
    let of_pairs: Vec<_> = listed.iter().copied().filter(|file| is_cut(file.leg)).collect();
    for some in of_pairs.chunks(READ_AT_ONCE) {
        for (place, file) in store.rows(some).await? {
            planner.take(&input(&file, context.as_of), &settings).map_err(JudgeError::Run)?;
            enter(place, file.bytes.len());
        }
    }
    for (place, file) in (listed.len()..).zip(HeardFile::all(manifest, context.as_of)?) {
        if is_cut(file.leg) {
            planner.take(&file.input(), &settings).map_err(JudgeError::Run)?;
            enter(place, 0);
        }
    }
    Ok(Cuts { plan: planner.finish(part_bytes), cuts })
}
