//! One reconciliation from bytes to outputs: the same function behind the command and the Lambda. Pure.
//!
//! There are two ways to the same bytes. The general one (`general`) holds every row and knows every rule. The quick
//! one (`quick`) reads by pieces, holds rows packed, judges plain pairs where they lie, and hands everything else to the
//! general rules, with what settlements and the bank say something of. In a run that goes on from others, keeps stubs, or has
//! notices or searches, it hands all pairs to the general rules, part by part.

mod announced;
mod bank;
mod content;
mod days;
mod digest;
mod general;
mod heard;
mod ledger;
mod link;
mod opened;
mod packed;
mod parts;
mod pile;
mod quick;
mod read;
mod references;
mod routes;
mod settle;
mod sort;
mod sorted;
pub mod stages;
mod suspects;
mod takeover;
mod threads;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;

use thiserror::Error;

pub use content::{Blocks, Content};

use serde::{Deserialize, Serialize};

use crate::calendar::Instant;
use crate::carry::{BalanceError, Carried, CarryError};
use crate::config::Policy;
use crate::formats::{FileError, Format, Leg, Mapping, Source, Table};
use crate::ids::{BreakId, Cip};
use crate::lifecycle::evidence::SettlementRow;
use crate::reconcile::class::Class;
use crate::reconcile::{ClassTotals, ConservationError, Line, NoticeHealth, RefusedCallbacks};

/// One input of a run.
#[derive(Clone, Copy, Debug)]
pub struct InputFile<'a> {
    /// Whose words it holds.
    pub leg: Leg,
    /// Its name in errors, rejects and the summary.
    pub name: &'a str,
    /// The source that tells it; operation numbers are compared only within one.
    pub source: &'a str,
    /// Its bytes, decompressed.
    pub bytes: &'a [u8],
    /// How they are laid out.
    pub format: Format,
    /// How far it speaks.
    pub coverage: FileCoverage,
}

/// One input of a run whose bytes are read as they are needed.
#[derive(Clone, Copy)]
pub struct StreamedFile<'a> {
    /// Whose words it holds.
    pub leg: Leg,
    /// Its name in errors, rejects and the summary.
    pub name: &'a str,
    /// The source that tells it; operation numbers are compared only within one.
    pub source: &'a str,
    /// Its bytes, decompressed.
    pub content: Content<'a>,
    /// How they are laid out.
    pub format: Format,
    /// How far it speaks.
    pub coverage: FileCoverage,
}

impl<'a> From<&InputFile<'a>> for StreamedFile<'a> {
    fn from(file: &InputFile<'a>) -> StreamedFile<'a> {
        StreamedFile {
            leg: file.leg,
            name: file.name,
            source: file.source,
            content: Content::Bytes(file.bytes),
            format: file.format,
            coverage: file.coverage,
        }
    }
}

/// How far the silence of a file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileCoverage {
    /// Up to the latest time found in it, for everything.
    Plain,
    /// Up to the last look at each CIP, for that CIP alone.
    Search,
    /// Up to a time that is known otherwise, for everything.
    UpTo(Instant),
}

/// A search asked for this CIP at this time, whether or not the provider knew it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The PagoEfectivo service.
    pub account: String,
    /// The CIP asked for.
    pub cip: Cip,
    /// When.
    pub looked_at: Instant,
}

/// A provider's own layout of settlements, which is told by how a file begins. The core knows none itself.
#[derive(Clone, Copy, Debug)]
pub struct SettlementLayout {
    /// Whether a file is in it.
    pub is_one: fn(&[u8]) -> bool,
    /// Reads it; the lines are of the account given.
    pub read: for<'a> fn(&Source<'a>, &'a str) -> Result<Table<SettlementRow<'a>>, FileError>,
}

/// Under what a run is made.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The account of files without account column.
    pub account: Option<&'a str>,
    /// How the files' columns are read.
    pub mapping: &'a Mapping,
    /// What the merchant decided.
    pub policy: &'a Policy,
    /// The moment of judgement; absent = the latest time found in the files.
    pub as_of: Option<Instant>,
    /// What searches asked for, beside the rows that they found.
    pub looks: &'a [Look],
    /// When breaks that are known already were first seen.
    pub opened: &'a BTreeMap<BreakId, Instant>,
    /// The run is this account's alone: rows of another one are left out, and a person is told.
    pub only_account: Option<&'a str>,
    /// How many callbacks were refused for their signature; absent where nobody counted.
    pub refused: Option<&'a [RefusedCallbacks]>,
    /// Layouts of settlements beside the canonical one.
    pub settlement_layouts: &'a [SettlementLayout],
    /// What somebody must look at beside the rows: a file that cannot be read, a notice in quarantine.
    pub needs_person: &'a [String],
    /// What the person who started the run should know beside what the run finds out itself.
    pub notes: &'a [String],
}

/// How a run works; nothing of it changes what comes out.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// How many threads share it.
    pub threads: NonZeroUsize,
    /// How many bytes of a file a thread reads at once, and about how many it hands on at once.
    pub piece_bytes: usize,
    /// How many bytes of input make one part, which is sorted and judged as a whole; more where there would be many parts.
    pub part_bytes: usize,
    /// Whether the breaks are kept in memory beside the outputs.
    pub keep_breaks: bool,
}

impl Default for Work {
    fn default() -> Self {
        // A piece fits into the second cache of a core, and what a part of usual files gives too.
        Work { threads: NonZeroUsize::MIN, piece_bytes: 1 << 20, part_bytes: 4 << 20, keep_breaks: true }
    }
}

/// Where the outputs of a run go. What is appended under one name is one file.
pub trait Outputs: Send {
    /// Appends bytes to the output of that name.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being stored; the run ends with it.
    fn append(&mut self, name: &'static str, bytes: &[u8]) -> io::Result<()>;
}

/// The outputs of a run, in the order in which it lists them. The last two are there only where they are asked for, and
/// where settlements are a part of the run.
pub const OUTPUTS: [&str; 7] = [
    "summary.json",
    "breaks.csv",
    "matched.csv",
    "rejected.csv",
    "open.ndjson",
    "closed.ndjson",
    "settlements.csv",
];

/// Outputs in memory.
#[derive(Debug, Default)]
pub struct OutputsInMemory(Vec<(&'static str, Vec<u8>)>);

impl OutputsInMemory {
    /// Those that were written, by name, in the order of [`OUTPUTS`].
    #[must_use]
    pub fn in_order(mut self) -> Vec<(&'static str, Vec<u8>)> {
        self.0.sort_by_key(|(name, _)| OUTPUTS.iter().position(|known| known == name));
        self.0
    }
}

impl Outputs for OutputsInMemory {
    fn append(&mut self, name: &'static str, bytes: &[u8]) -> io::Result<()> {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, output)) => output.extend_from_slice(bytes),
            None => self.0.push((name, bytes.to_vec())),
        }
        Ok(())
    }
}

/// Why a run gave nothing.
#[derive(Debug, Error)]
pub enum RunError {
    /// A file cannot be read at all: the user has to mend it.
    #[error(transparent)]
    File(#[from] FileError),
    /// More report sources than can be told apart.
    #[error("more than 65535 report sources in one run: give fewer files")]
    TooManySources,
    /// The bytes of a file cannot be read.
    #[error("{file} cannot be read ({error}): check the file and its disk")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        error: io::Error,
    },
    /// What was stored for a row is not what was read: a defect of Cuadre.
    #[error("a row that was stored cannot be read again: this is a defect of Cuadre, nothing was written")]
    Packing,
    /// What the cuts have left cannot be brought.
    #[error("what the cuts of the run have left cannot be brought: {0}")]
    Left(io::Error),
    /// What one stage of a run has left is not what the next one reads.
    #[error(
        "a stage of the run has left something else than this one reads ({0}): run all stages with one version"
    )]
    Stage(#[from] postcard::Error),
    /// The books do not add up: a defect of Cuadre.
    #[error(transparent)]
    Conservation(#[from] ConservationError),
    /// A file of a run before this one is not as it was written: the user has to give the right one.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// What came in from the run before and what goes out to the next do not add up: a defect of Cuadre.
    #[error(transparent)]
    Balance(#[from] BalanceError),
    /// An output could not be stored.
    #[error("an output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// An output could not be written to memory.
    #[error("an output cannot be written: {0}")]
    Csv(#[from] csv::Error),
    /// An output could not be written to memory.
    #[error("an output cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// What a run gave.
#[derive(Debug)]
pub struct Run {
    /// The moment of judgement; absent where no row bears a time and none was given.
    pub as_of: Option<Instant>,
    /// The files: name and bytes; empty where they went elsewhere.
    pub outputs: Vec<(&'static str, Vec<u8>)>,
    /// `summary.json` once more.
    pub summary: Vec<u8>,
    /// What somebody must look at, in the order of `breaks.csv`; empty where they were not to be kept.
    pub breaks: Vec<Line>,
    /// Every class of the run.
    pub totals: BTreeMap<Class, ClassTotals>,
    /// How well each account is told of its payments; empty where notices are no part of the run.
    pub notice_health: BTreeMap<String, NoticeHealth>,
    /// Rows that could not be read.
    pub rejected: u64,
    /// What somebody must look at beside breaks and rejected rows.
    pub needs_person: Vec<String>,
    /// What the person who started the run should know.
    pub warnings: Vec<String>,
}

impl Run {
    /// How many lines somebody must look at.
    #[must_use]
    pub fn break_count(&self) -> u64 {
        let breaks = self.totals.iter().filter(|(class, _)| class.is_break());
        breaks.map(|(_, totals)| totals.count).fold(0, u64::saturating_add)
    }

    /// Whether nothing needs a person: no break, no rejected row, nothing left out.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.break_count() == 0 && self.rejected == 0 && self.needs_person.is_empty()
    }
}

/// Reads the files, reconciles them and writes the outputs to memory.
///
/// # Errors
/// [`RunError`]: a file that cannot be read at all, or a defect. Bad rows are no error; they are in `rejected.csv`.
pub fn execute(files: &[InputFile<'_>], settings: &Settings<'_>) -> Result<Run, RunError> {
    execute_after(&Carried::default(), files, settings)
}

/// The same, going on from where earlier runs ended: `files` hold what has arrived since.
///
/// # Errors
/// As for [`execute`], and where a file of an earlier run is not as it was written.
pub fn execute_after(
    carried: &Carried<'_>,
    files: &[InputFile<'_>],
    settings: &Settings<'_>,
) -> Result<Run, RunError> {
    in_memory(files, |files, outputs| stream(carried, files, settings, Work::default(), outputs))
}

fn in_memory<'a>(
    files: &[InputFile<'a>],
    run: impl FnOnce(&[StreamedFile<'a>], &mut OutputsInMemory) -> Result<Run, RunError>,
) -> Result<Run, RunError> {
    let files: Vec<StreamedFile<'_>> = files.iter().map(StreamedFile::from).collect();
    let mut outputs = OutputsInMemory::default();
    let run = run(&files, &mut outputs)?;
    Ok(Run { outputs: outputs.in_order(), ..run })
}

/// The same over files that are read as they are needed, with outputs that go where `outputs` puts them.
///
/// # Errors
/// [`RunError`], as for [`execute_after`]. What `outputs` was given until then is not to be used.
pub fn stream(
    carried: &Carried<'_>,
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    work: Work,
    outputs: &mut dyn Outputs,
) -> Result<Run, RunError> {
    match quick::execute(carried, files, settings, work, outputs)? {
        Some(run) => Ok(run),
        None => general::execute(carried, files, settings, outputs),
    }
}

/// Whether a run goes the quick way, as far as that can be told before anything is read. The outputs are the same.
#[must_use]
pub fn goes_quick(settings: &Settings<'_>) -> bool {
    quick::knows_how(settings)
}

/// The same by the general rules alone: what every quicker way is held against.
///
/// # Errors
/// [`RunError`], as for [`execute_after`].
pub fn reference(
    carried: &Carried<'_>,
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    outputs: &mut dyn Outputs,
) -> Result<Run, RunError> {
    general::execute(carried, files, settings, outputs)
}
