//! A run in stages: what one invocation cannot hold is cut into parts, each worked on by an invocation of its own, under the
//! state machine. Such a run reads everything anew. Every stage may be repeated: it reads what the ones before have left below
//! `work/`, and writes the same again.

mod plan;
mod store;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use cuadre::aws::rows::RowFile;
use cuadre::aws::schedule::TickError;
use cuadre::calendar::{Clock, Instant};
use cuadre::formats::Leg;
use cuadre::run::stages::{Cut, Joined, Placed, Whole, cut, join, judge, write};
use cuadre::run::{OUTPUTS, OutputsInMemory, Work};
pub use plan::Planned;
use plan::{Cuts, PART_BYTES, PLAN};
use store::Store;

use crate::account::{Reconciled, finish, new_record, result};
use crate::context::Context;
use crate::event::{Stage, TaskError};
use crate::judge::{HeardFile, JudgeError, Judged, Objects, input};
use crate::manifest::Manifest;
use crate::{Answer, Clients, Config, ReconcileError, gather, moment, tell};

/// Works on a stage.
pub(crate) async fn work(
    stage: &Stage,
    clients: &Clients,
    config: &Config,
    clock: Clock<'_>,
) -> Result<Answer, ReconcileError> {
    let account = config.accounts.find(stage.account()).ok_or(TaskError::Tick(TickError::UnknownAccount))?;
    let as_of = stage.as_of()?;
    let store = |as_of| Store::of(account, as_of, &clients.bucket);
    let done = |done| Ok(Answer::Done { done });
    let name = match stage {
        Stage::Plan { order, .. } => {
            let as_of = moment::free(account, as_of, order.cut.is_some(), &clients.bucket, clock).await?;
            let part_bytes = order.part_bytes.unwrap_or(PART_BYTES);
            let planned = plan::plan(account, as_of, part_bytes, &store(as_of), clients).await?;
            tracing::info!(
                outcome = "stage",
                account,
                stage = "plan",
                parts = planned.parts.len(),
                "stage done"
            );
            return Ok(Answer::Planned(planned));
        }
        Stage::Cut { cut, .. } => Desk::open(store(as_of)).await?.cut(*cut).await.map(|()| "cut")?,
        Stage::Judge { .. } => Desk::open(store(as_of)).await?.judge().await.map(|()| "judge")?,
        Stage::Write { part, .. } => Desk::open(store(as_of)).await?.write(*part).await.map(|()| "write")?,
        Stage::Join { .. } => {
            let run = Desk::open(store(as_of)).await?.join(account, as_of, clients, clock).await?;
            tell(&run);
            return Ok(Answer::Reconciled(run));
        }
    };
    tracing::info!(outcome = "stage", account, stage = name, "stage done");
    done(name)
}

/// A run whose inputs and cuts are fixed.
struct Desk {
    store: Store,
    manifest: Manifest,
    cuts: Cuts,
}

fn shared_work() -> Work {
    Work { threads: available_parallelism().unwrap_or(NonZeroUsize::MIN), ..Work::default() }
}

/// Does what takes long where it holds up nobody who brings and stores.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JudgeError> + Send + 'static,
) -> Result<T, ReconcileError> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

impl Desk {
    async fn open(store: Store) -> Result<Desk, ReconcileError> {
        let manifest = store.manifest().await?.ok_or_else(|| store.not_planned())?;
        let cuts = serde_json::from_slice(&store.get(PLAN).await?).map_err(JudgeError::Manifest)?;
        Ok(Desk { store, manifest, cuts })
    }

    /// Under what rows are read and parts written: nothing that is in other objects.
    fn bare(&self) -> Result<Context, JudgeError> {
        Context::of(&self.manifest.bare(), &mut Objects::new())
    }

    /// Under what the run is made.
    async fn context(&self) -> Result<Context, ReconcileError> {
        let manifest = Manifest { rows: BTreeMap::new(), ..self.manifest.clone() };
        let mut objects = gather::fetched(&self.store.bucket, &manifest).await?;
        Ok(Context::of(&manifest, &mut objects)?)
    }

    /// Reads the files of a cut, and leaves their rows by part.
    async fn cut(self, number: usize) -> Result<(), ReconcileError> {
        let context = self.bare()?;
        let places = self.cuts.cuts.get(number).ok_or(JudgeError::Part("cuts"))?;
        let files = Files::fetched(&self.manifest, &self.store, |place, _| places.contains(&place)).await?;
        let plan = self.cuts.plan.clone();
        let Cut { parts, gist } =
            apart(move || Ok(cut(&plan, &files.placed(context.as_of), &context.settings(), shared_work())?))
                .await?;
        for (part, piece) in parts {
            self.store.put(&store::piece(part, number), piece).await?;
        }
        self.store.put(&store::gist(number), gist).await
    }

    /// Judges what hangs together across parts.
    async fn judge(self) -> Result<(), ReconcileError> {
        let context = self.context().await?;
        let files = Files::fetched(&self.manifest, &self.store, |_, leg| leg.is_judged_whole()).await?;
        let (plan, left) = (self.cuts.plan.clone(), self.store.left(self.cuts.cuts.len()));
        let Whole { terms, parts, judged } = apart(move || {
            let ledgers = files.placed(context.as_of);
            Ok(judge(&plan, &ledgers, &left, true, &context.settings(), shared_work())?)
        })
        .await?;
        for (number, part) in parts.into_iter().enumerate() {
            self.store.put(&store::elsewhere(number), part).await?;
        }
        self.store.put(store::TERMS, terms).await?;
        self.store.put(store::JUDGED, judged).await
    }

    /// Judges a part and writes its lines.
    async fn write(self, part: usize) -> Result<(), ReconcileError> {
        let context = self.bare()?;
        let (terms, own) =
            (self.store.get(store::TERMS).await?, self.store.get(&store::elsewhere(part)).await?);
        let pieces = self.store.pieces(part).await?;
        let plan = self.cuts.plan.clone();
        let (written, done) = apart(move || {
            let mut written = OutputsInMemory::default();
            let settings = context.settings();
            let done = write(&plan, &terms, &own, &pieces, &settings, shared_work(), &mut written)?;
            Ok((written, done))
        })
        .await?;
        for (name, bytes) in written.in_order() {
            self.store.put(&store::output(part, name), bytes).await?;
        }
        self.store.put(&store::done(part), done).await
    }

    /// Puts everything together, and tells.
    async fn join(
        self,
        account: &str,
        as_of: Instant,
        clients: &Clients,
        clock: Clock<'_>,
    ) -> Result<Reconciled, ReconcileError> {
        let record = new_record(account, as_of, &clients.bucket);
        if clients.table.newest_run(account).await?.is_some_and(|newest| newest > as_of) {
            return Ok(Reconciled { overtaken: true, ..result(&record, None) });
        }
        let context = self.context().await?;
        let parts = self.cuts.plan.parts();
        let mut done = Vec::new();
        for part in 0..parts {
            done.push(self.store.get(&store::done(part)).await?);
        }
        let judged = self.store.get(store::JUDGED).await?;
        let Joined { run, begin, end } =
            join(&self.cuts.plan, &judged, &done, &context.settings()).map_err(JudgeError::Run)?;
        let told = self.put_outputs(begin, end).await?;
        let told = |name: &str| told.get(name).map(Vec::as_slice).unwrap_or_default();
        let difference = context.difference(told("summary.json"), told("breaks.csv"))?;
        self.store.put_output("difference.json", difference.to_json().map_err(JudgeError::Manifest)?).await?;
        let judged = Judged { run, outputs: Vec::new(), difference, meanwhile: context.meanwhile };
        finish(record, &judged, self.manifest.policy_sha256, false, clients, clock).await
    }

    /// Writes each output as one file: what stands before the parts, what they have written, and what stands behind them. Gives
    /// those that the run before is held against.
    async fn put_outputs(&self, begin: Named, end: Named) -> Result<Objects, ReconcileError> {
        let (mut begin, mut end): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (begin.into_iter().collect(), end.into_iter().collect());
        let mut told = Objects::new();
        for name in OUTPUTS {
            let (first, last) = (begin.remove(name), end.remove(name));
            if first.is_none() && last.is_none() {
                continue;
            }
            let mut upload = self.store.upload(name);
            let mut put = async |bytes: Vec<u8>| {
                if matches!(name, "summary.json" | "breaks.csv") {
                    told.entry(name.to_owned()).or_default().extend_from_slice(&bytes);
                }
                upload.append(&bytes).await
            };
            put(first.unwrap_or_default()).await?;
            for part in 0..self.cuts.plan.parts() {
                put(self.store.find(&store::output(part, name)).await?.unwrap_or_default()).await?;
            }
            put(last.unwrap_or_default()).await?;
            upload.finish().await?;
        }
        Ok(told)
    }
}

/// Outputs by name.
type Named = Vec<(&'static str, Vec<u8>)>;

/// Files of a run with their places in it.
pub(crate) struct Files {
    rows: Vec<(usize, RowFile)>,
    heard: Vec<(usize, HeardFile)>,
}

impl Files {
    /// Those that are wanted by place and leg.
    async fn fetched(
        manifest: &Manifest,
        store: &Store,
        wanted: impl Fn(usize, Leg) -> bool,
    ) -> Result<Files, ReconcileError> {
        let listed = plan::listed(manifest);
        let first_heard = listed.len();
        let of_rows: Vec<_> = listed.into_iter().filter(|file| wanted(file.place, file.leg)).collect();
        let rows = store.rows(&of_rows).await?;
        let as_of = manifest.moment().ok_or(JudgeError::Part("as_of"))?;
        let heard = HeardFile::all(manifest, as_of)?;
        let heard = (first_heard..).zip(heard).filter(|(place, file)| wanted(*place, file.leg));
        Ok(Files { rows, heard: heard.collect() })
    }

    fn placed(&self, as_of: Instant) -> Vec<Placed<'_>> {
        let rows = self.rows.iter().map(|(place, file)| Placed { place: *place, file: input(file, as_of) });
        let heard = self.heard.iter().map(|(place, file)| Placed { place: *place, file: file.input() });
        rows.chain(heard).collect()
    }
}
