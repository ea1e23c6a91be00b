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

/// Takes what parts gave in any order and hands it on in theirs. Whoever brings what is due writes it, and what is there
/// already behind it; nobody waits for a disk but the one who writes.
pub(super) struct Queue<'o> {
    state: Mutex<State<'o>>,
    piece_bytes: usize,
}

/// A part, and which of its pieces.
type Turn = (usize, usize);

struct State<'o> {
    due: Turn,
    /// What is not due yet, and whether it is the last of its part.
    waiting: BTreeMap<Turn, (Written, bool)>,
    /// Away while somebody writes.
    outputs: Option<&'o mut dyn Outputs>,
    kept: Vec<Line>,
    /// What was written and can be filled again.
    spare: Vec<Written>,
}

impl<'o> Queue<'o> {
    /// What parts give is handed on in pieces of about so many bytes, which are copied while they are near.
    pub(super) fn new(outputs: &'o mut dyn Outputs, piece_bytes: usize) -> Queue<'o> {
        let (waiting, kept, spare) = (BTreeMap::new(), Vec::new(), Vec::new());
        let state = State { due: (0, 0), waiting, outputs: Some(outputs), kept, spare };
        Queue { state: Mutex::new(state), piece_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, State<'o>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a part is written.
    pub(super) const fn of_part(&self, part: usize) -> Shelf<'_, 'o> {
        Shelf { queue: self, turn: (part, 0) }
    }

    /// Something empty to write into, with the room of what was written before.
    fn empty(&self) -> Written {
        self.lock().spare.pop().unwrap_or_default()
    }

    fn put(&self, turn: Turn, written: Written, is_last: bool) -> Result<(), RunError> {
        let mut state = self.lock();
        state.waiting.insert(turn, (written, is_last));
        let Some(outputs) = state.outputs.take() else { return Ok(()) };
        loop {
            let due = state.due;
            let Some((mut written, is_last)) = state.waiting.remove(&due) else {
                state.outputs = Some(outputs);
                return Ok(());
            };
            let (part, piece) = due;
            state.due = if is_last { (part.saturating_add(1), 0) } else { (part, piece.saturating_add(1)) };
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

/// Where what one part gives is put, piece by piece.
pub(super) struct Shelf<'q, 'o> {
    queue: &'q Queue<'o>,
    turn: Turn,
}

impl Shelf<'_, '_> {
    /// Something empty to write into.
    pub(super) fn empty(&self) -> Written {
        self.queue.empty()
    }

    /// Brings what was written so far, if it is as long as a piece; then nothing is left of it.
    pub(super) fn put_long(&mut self, written: &mut Written) -> Result<(), RunError> {
        if written.tables.len() < self.queue.piece_bytes {
            return Ok(());
        }
        let (part, piece) = self.turn;
        self.turn = (part, piece.saturating_add(1));
        self.queue.put((part, piece), std::mem::replace(written, self.empty()), false)
    }

    /// Brings the last piece, which may be empty.
    pub(super) fn end(self, written: Written) -> Result<(), RunError> {
        self.queue.put(self.turn, written, true)
    }
}
