//! How far a pull of one window has come, and what is written down at its end.

use std::collections::BTreeMap;

use cuadre::calendar::Instant;
use cuadre::config::sources::{Mode, Window};
use cuadre::ids::hash_parts;
use serde::{Deserialize, Serialize};

/// How many unknown columns are told, and how long the name of one is, at most.
const COLUMNS_MAX: usize = 200;
const COLUMN_BYTES_MAX: usize = 200;

/// How far a pull has come. All that it counts is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) mode: Mode,
    /// The time for which the pull is done: a later tick finishes it in its name.
    pub(super) tick: String,
    pub(super) counts: Counts,
    /// By currency and status or kind, how many rows and how many minor units.
    pub(super) totals: BTreeMap<String, Total>,
    /// The short hash of each page, in their order.
    pub(super) pages: Vec<String>,
    /// Of the content of all rows so far, in their order.
    pub(super) rows_hash: String,
    /// Columns that no field is mapped to, as far as rows had them.
    pub(super) unknown_columns: Vec<String>,
    /// The cursor of the next page, where pages are named by one.
    pub(super) cursor: Option<String>,
    /// How many rows the report says that it has.
    #[serde(default)]
    pub(super) stated_total: Option<u64>,
    /// What the source was like when the pull began; of one that was given up, nothing.
    #[serde(default)]
    pub(super) description: String,
    /// The manifest, once all is done.
    pub(super) manifest: Option<String>,
}

/// What a pull of a window came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that could be read.
    pub rows: u64,
    /// Rows that were not known.
    pub new: u64,
    /// Rows that say something else than the last time.
    pub changed: u64,
    /// Of those, rows of payments, which do not change by themselves.
    pub restated: u64,
    /// Rows that could not be read.
    pub rejected: u64,
    /// Rows that bear another account and were left out.
    pub foreign: u64,
    /// Bytes of all answers.
    pub bytes: u64,
}

impl Counts {
    /// Counts together.
    pub(super) fn add(&mut self, more: &Counts) {
        let Counts { rows, new, changed, restated, rejected, foreign, bytes } = *more;
        for (sum, more) in [
            (&mut self.rows, rows),
            (&mut self.new, new),
            (&mut self.changed, changed),
            (&mut self.restated, restated),
            (&mut self.rejected, rejected),
            (&mut self.foreign, foreign),
            (&mut self.bytes, bytes),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// A control total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Total {
    pub(super) rows: u64,
    /// The amounts of reports in minor units, the net of settlements in millionths of the currency.
    pub(super) sum: i64,
}

impl Total {
    pub(super) fn add(&mut self, more: Total) {
        self.rows = self.rows.saturating_add(more.rows);
        self.sum = self.sum.saturating_add(more.sum);
    }
}

impl Progress {
    pub(super) fn begun(window: Window, mode: Mode, tick: Instant, description: String) -> Progress {
        Progress {
            from: window.from.to_string(),
            to: window.to.to_string(),
            mode,
            tick: tick.to_string(),
            counts: Counts::default(),
            totals: BTreeMap::new(),
            pages: Vec::new(),
            rows_hash: String::new(),
            unknown_columns: Vec::new(),
            cursor: None,
            stated_total: None,
            description,
            manifest: None,
        }
    }

    /// The window and the tick; none where another version wrote them in a form of its own.
    pub(super) fn of_what(&self) -> Option<(Window, Instant)> {
        let window = Window { from: Instant::parse(&self.from)?, to: Instant::parse(&self.to)? };
        Some((window, Instant::parse(&self.tick)?))
    }

    /// Lets the repetition begin with the first page.
    pub(super) fn give_up(&mut self) {
        self.description.clear();
    }

    /// Adds columns that are not known, as many as an item of the table has room for.
    pub(super) fn note_columns(&mut self, columns: impl IntoIterator<Item = String>) {
        for column in columns {
            let is_long = column.len() > COLUMN_BYTES_MAX;
            let is_full = self.unknown_columns.len() >= COLUMNS_MAX;
            if !is_long && !is_full && !self.unknown_columns.contains(&column) {
                self.unknown_columns.push(column);
            }
        }
    }

    /// Takes a page's rows into the hash of all of them.
    pub(super) fn hash_rows(&mut self, content: &[u8]) {
        self.rows_hash = hex::encode(hash_parts([self.rows_hash.as_bytes(), content]));
    }
}

/// `manifest.json`: what a pull of one window read, so that anybody can prove it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) account: String,
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) mode: Mode,
    pub(super) tick: String,
    pub(super) ended_at: String,
    pub(super) counts: Counts,
    pub(super) totals: BTreeMap<String, Total>,
    pub(super) pages: Vec<String>,
    pub(super) rows_hash: String,
    pub(super) unknown_columns: Vec<String>,
    /// The manifest of an earlier pull of the same window that brought other rows.
    pub(super) restates: Option<String>,
    /// How many rows fewer than the snapshot before.
    pub(super) shrunk_by: u64,
    /// The version of Cuadre that read it.
    pub(super) engine: String,
}
