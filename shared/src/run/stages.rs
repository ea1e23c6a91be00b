//! A run in stages, for an account whose rows do not fit into one process: the rows are cut into the same parts that threads
//! take, each part is judged and written by itself, and what hangs together across parts is judged once, between the two.
//!
//! ```text
//! plan ── cut ×files ── judge ── write ×parts ── join
//! ```
//!
//! What a stage leaves for the next is bytes, so that each may be worked on anywhere; no number of cuts and parts changes a
//! byte of the outputs. Such a run stands alone: it takes over nothing from runs before it, and is of one account.

mod cut;
mod join;
mod judge;
mod load;
mod pairs;
mod part;
mod plan;
mod wire;

use std::io;

pub use cut::{Cut, cut};
pub use join::{Joined, join};
pub use judge::{Whole, judge};
pub use part::write;
pub use plan::{Plan, Planner};

use super::InputFile;

/// One input of a run in stages.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Which of the files of the run it is, in their order.
    pub place: usize,
    /// The file.
    pub file: InputFile<'a>,
}

/// What the cuts have left.
pub trait Left: Sync {
    /// How many cuts there were.
    fn cuts(&self) -> usize;

    /// What a cut has told beside the rows of the parts.
    ///
    /// # Errors
    /// Whatever the store says.
    fn gist(&self, cut: usize) -> io::Result<Vec<u8>>;

    /// All that the cuts have left of a part, in any order.
    ///
    /// # Errors
    /// Whatever the store says.
    fn pieces(&self, part: usize) -> io::Result<Vec<Vec<u8>>>;
}
