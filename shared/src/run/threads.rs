//! Work shared by threads, and its results in their order again.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::general::append;
use super::write::Written;
use super::{Outputs, RunError, Work};
use crate::reconcile::Line;

/// Does `count` tasks, each thread taking the next one when it is done with one, and hands out what the threads gathered.
/// The first error ends it all.
pub(super) fn share<S: Send>(
    work: Work,
    count: usize,
    begin: impl Fn() -> S + Sync,
    step: impl Fn(&mut S, usize) -> Result<(), RunError> + Sync,
) -> Result<Vec<S>, RunError> {
    let next = AtomicUsize::new(0);
    let run = || -> Result<S, RunError> {
        let mut gathered = begin();
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= count {
                return Ok(gathered);
            }
            step(&mut gathered, task).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
        }
    };
    let helpers = work.threads.get().min(count).saturating_sub(1);
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(run)).collect();
        let own = run();
        let mut gathered = Vec::with_capacity(helpers.len().saturating_add(1));
        for helper in helpers {
            gathered.push(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        gathered.push(own?);
        Ok(gathered)
    })
}

/// Takes what parts gave in any order and hands it on in theirs. Whoever brings the part that is due writes it, and those
/// behind it that are there already; nobody waits for a disk but the one who writes.
pub(super) struct Queue<'o> {
    state: Mutex<State<'o>>,
}

struct State<'o> {
    due: usize,
    waiting: BTreeMap<usize, Written>,
    /// Away while somebody writes.
    outputs: Option<&'o mut dyn Outputs>,
    kept: Vec<Line>,
    /// What was written and can be filled again.
    spare: Vec<Written>,
}

impl<'o> Queue<'o> {
    pub(super) fn new(outputs: &'o mut dyn Outputs) -> Queue<'o> {
        let (waiting, kept, spare) = (BTreeMap::new(), Vec::new(), Vec::new());
        let state = State { due: 0, waiting, outputs: Some(outputs), kept, spare };
        Queue { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<'o>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something empty to write into, with the room of what was written before.
    pub(super) fn empty(&self) -> Written {
        self.lock().spare.pop().unwrap_or_default()
    }

    /// Brings what a part gave.
    pub(super) fn put(&self, number: usize, written: Written) -> Result<(), RunError> {
        let mut state = self.lock();
        state.waiting.insert(number, written);
        let Some(outputs) = state.outputs.take() else { return Ok(()) };
        loop {
            let due = state.due;
            let Some(mut written) = state.waiting.remove(&due) else {
                state.outputs = Some(outputs);
                return Ok(());
            };
            state.due = due.saturating_add(1);
            state.kept.append(&mut written.kept);
            drop(state);
            let stored: io::Result<()> = append(&written.tables, outputs);
            written.tables.clear();
            state = self.lock();
            state.spare.push(written);
            stored?;
        }
    }

    /// The breaks that were kept, in the order of the outputs.
    pub(super) fn finish(self) -> Vec<Line> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).kept
    }
}
