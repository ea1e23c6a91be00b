//! Reads all files into parts: pieces are taken by several threads, and what they gave is put together in the order of the
//! files.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::digest::sha256_hex;
use super::general::{name, unreadable};
use super::heard::{FileFacts, FileName, Heard, words};
use super::ledger::{self, Ledger};
use super::opened::{Opened, Reading, piece};
use super::parts::{Border, Collected, Part, Shared, borders};
use super::references::Bins;
use super::threads::share;
use super::{Look, RunError, Settings, Work};
use crate::formats::{Leg, Piece, Source};
use crate::ids::Cip;
use crate::lifecycle::evidence::{OrderRow, ReportRow};
use crate::reconcile::{Inputs, ReadRows, Seen};

/// Places of a file that are looked at to learn how its rows are spread, and how much at each.
const SAMPLES_MAX: usize = 64;
const SAMPLE_BYTES: usize = 16 * 1024;

/// Each row that is read goes to the end of its part, and of more parts than this the ends do not lie near.
const PARTS_MAX: usize = 128;

/// What one thread does at a time: reads a stretch of a file, or all of it, or hashes all its bytes.
#[derive(Clone, Copy)]
enum Task {
    Hash {
        file: usize,
    },
    /// All rows of a file of notices, of settlements or of the bank.
    Ledger {
        file: usize,
    },
    Rows {
        file: usize,
        start: usize,
        end: usize,
    },
}

/// The rows of a run, packed and in parts.
#[derive(Default)]
pub(super) struct Rows {
    pub parts: Vec<Part>,
    pub loose: Part,
    pub names: Vec<String>,
    pub shared_cips: Vec<(u32, Cip)>,
    pub references: Bins,
    pub seen: Seen,
    pub looks: Vec<Look>,
    pub orders_read: ReadRows,
    pub reports_read: ReadRows,
}

/// What reading gave: the rows, and of each file what else it told, with the number of rows that were left out.
pub(super) struct Read<'f> {
    pub rows: Rows,
    pub facts: Vec<(FileFacts, u64)>,
    /// Notices, settlements and lines of the bank, by the place of their file.
    pub ledgers: BTreeMap<usize, Ledger<'f>>,
}

impl<'f> Read<'f> {
    /// Puts the rows of notices, settlements and the bank to the inputs, and notes of each file, by its place, what it gave.
    /// Gives the other rows.
    pub(super) fn finish(
        self,
        opened: Vec<Opened<'f>>,
        settings: &Settings<'f>,
        inputs: &mut Inputs<'f>,
        heard: &mut Heard,
        mut note: impl FnMut(&mut Heard, usize, FileName<'_>, FileFacts),
    ) -> Rows {
        let Read { rows, facts, mut ledgers } = self;
        for (place, (opened, (mut facts, left_out))) in opened.into_iter().zip(facts).enumerate() {
            if let Some(own) = settings.only_account {
                heard.note_left_out(opened.file.name, own, left_out);
            }
            if opened.whole.is_none() {
                facts.sha256 = opened.digest.finish();
            }
            if let Some(ledger) = ledgers.remove(&place) {
                facts = ledger.take(name(opened.file), facts.sha256, settings, inputs, heard);
            }
            note(heard, place, name(opened.file), facts);
        }
        rows
    }
}

/// Reads the rows of one stretch.
fn read_rows(opened: &Opened<'_>, rows: &[u8], collected: &mut Collected<'_>) -> Option<Piece> {
    let Reading::Pieces(sheet) = &opened.reading else { return Some(Piece::default()) };
    let read = match opened.file.leg {
        Leg::Orders => sheet.orders(rows, |row| collected.order(row)),
        _ => {
            let coverage = opened.file.coverage;
            sheet.reports(rows, opened.source_id, |row| collected.told(row, coverage))
        }
    };
    read.ok()
}

/// Accounts and CIPs from all over the files.
pub(super) fn sample(opened: &[Opened<'_>]) -> Result<Vec<Border>, RunError> {
    let mut found: Vec<Border> = Vec::new();
    for opened in opened {
        match &opened.reading {
            Reading::Orders(table) => {
                let step = table.rows.len().div_ceil(SAMPLES_MAX * 64).max(1);
                let key = |row: &OrderRow<'_>| Some((row.account.to_string(), row.cips.first()?.number()));
                found.extend(table.rows.iter().step_by(step).filter_map(key));
            }
            Reading::Reports(table) => {
                let step = table.rows.len().div_ceil(SAMPLES_MAX * 64).max(1);
                let key = |row: &ReportRow<'_>| Some((row.account.to_string(), row.cip?.number()));
                found.extend(table.rows.iter().step_by(step).filter_map(key));
            }
            Reading::Ledger => {}
            Reading::Pieces(sheet) => {
                let body = opened.file.content.len().saturating_sub(sheet.body_start);
                let places = body.div_ceil(SAMPLE_BYTES).min(SAMPLES_MAX);
                let mut buffer = Vec::new();
                for place in 0..places {
                    let start = sheet.body_start + body / places * place;
                    let stretch = (start, (start + SAMPLE_BYTES).min(opened.file.content.len()));
                    let rows = piece(opened.file, stretch, sheet.body_start, &mut buffer);
                    let rows = rows.map_err(|error| unreadable(opened.file, error))?.bytes;
                    // A quote is found again when the file is read.
                    let _quoted = match opened.file.leg {
                        Leg::Orders => sheet.orders(rows, |row| {
                            found.extend(row.cips.first().map(|cip| (row.account.to_string(), cip.number())));
                        }),
                        _ => sheet.reports(rows, 0, |row| {
                            found.extend(row.cip.map(|cip| (row.account.to_string(), cip.number())));
                        }),
                    };
                }
            }
        }
    }
    Ok(found)
}

/// Where the parts of these files begin.
pub(super) fn partition(opened: &[Opened<'_>], work: Work) -> Result<Vec<Border>, RunError> {
    let bytes = opened.iter().map(|opened| opened.file.content.len()).fold(0, usize::saturating_add);
    let parts = bytes.div_ceil(work.part_bytes.max(1)).clamp(1, PARTS_MAX);
    let sample = if parts > 1 { sample(opened)? } else { Vec::new() };
    Ok(borders(sample, parts))
}

/// Reads all files; the inner error is the place of a file that has quotes.
pub(super) fn read<'f>(
    opened: &[Opened<'f>],
    shared: &Shared,
    settings: &Settings<'f>,
    work: Work,
) -> Result<Result<Read<'f>, usize>, RunError> {
    let tasks = tasks(opened, work);
    let quoted_at = AtomicUsize::new(usize::MAX);
    let begin = || Reader {
        collected: Collected::new(shared, settings),
        buffer: Vec::new(),
        pieces: Vec::new(),
        hashes: Vec::new(),
        ledgers: Vec::new(),
    };
    let readers = share(work, tasks.len(), begin, |reader: &mut Reader<'_, 'f>, task| {
        if quoted_at.load(Ordering::Relaxed) != usize::MAX {
            return Ok(());
        }
        if let Some(file) =
            tasks.get(task).map(|next| reader.take(task, *next, opened, settings)).transpose()?.flatten()
        {
            quoted_at.store(file, Ordering::Relaxed);
        }
        Ok(())
    })?;
    if quoted_at.load(Ordering::Relaxed) != usize::MAX {
        return Ok(Err(quoted_at.into_inner()));
    }
    let mut rows = Rows {
        parts: (0..shared.parts()).map(|_| Part::default()).collect(),
        references: Bins::new(shared.parts()),
        ..Rows::default()
    };
    let mut facts: Vec<ReadFile> = opened.iter().map(ReadFile::begin).collect();
    let mut pieces = Vec::new();
    let mut ledgers = BTreeMap::new();
    for reader in readers {
        rows.add(reader.collected);
        pieces.extend(reader.pieces);
        ledgers.extend(reader.ledgers);
        for (file, sha256) in reader.hashes {
            if let Some(facts) = facts.get_mut(file) {
                facts.sha256 = sha256;
            }
        }
    }
    let mut collected = Collected::new(shared, settings);
    for (opened, facts) in opened.iter().zip(&mut facts) {
        facts.take_table(opened, &mut collected);
    }
    rows.add(collected);
    pieces.sort_unstable_by_key(|(task, ..)| *task);
    for (_, file, left_out, piece) in pieces {
        if let Some(facts) = facts.get_mut(file) {
            facts.left_out = facts.left_out.saturating_add(left_out);
            facts.piece.add(piece);
        }
    }
    rows.names = shared.account_names();
    let facts = opened.iter().zip(facts).map(|(opened, facts)| facts.finish(opened)).collect();
    Ok(Ok(Read { rows, facts, ledgers }))
}

/// Cuts the files into tasks. Whole files come first, then their hashes: each takes long and cannot be shared.
fn tasks(opened: &[Opened<'_>], work: Work) -> Vec<Task> {
    let in_memory = opened.iter().enumerate().filter(|(_, opened)| opened.whole.is_some());
    let ledgers = opened.iter().enumerate().filter(|(_, opened)| matches!(opened.reading, Reading::Ledger));
    let mut tasks: Vec<Task> = ledgers.map(|(file, _)| Task::Ledger { file }).collect();
    tasks.extend(in_memory.map(|(file, _)| Task::Hash { file }));
    let piece_bytes = work.piece_bytes.max(1);
    for (file, opened) in opened.iter().enumerate() {
        let Reading::Pieces(sheet) = &opened.reading else { continue };
        let length = opened.file.content.len();
        let starts = (sheet.body_start..length).step_by(piece_bytes);
        tasks.extend(starts.map(|start| Task::Rows { file, start, end: (start + piece_bytes).min(length) }));
    }
    tasks
}

/// What one thread reads with.
struct Reader<'s, 'f> {
    collected: Collected<'s>,
    buffer: Vec<u8>,
    /// By task: the file, the rows left out, and what else the piece gave.
    pieces: Vec<(usize, usize, u64, Piece)>,
    hashes: Vec<(usize, String)>,
    ledgers: Vec<(usize, Ledger<'f>)>,
}

impl<'f> Reader<'_, 'f> {
    /// Does a task; gives the file's place where it has quotes.
    fn take(
        &mut self,
        number: usize,
        task: Task,
        opened: &[Opened<'f>],
        settings: &Settings<'f>,
    ) -> Result<Option<usize>, RunError> {
        match task {
            Task::Ledger { file } => {
                let Some(Opened { file: of, whole: Some(bytes), .. }) = opened.get(file) else {
                    return Ok(None);
                };
                let source = Source { name: of.name, bytes, format: of.format, account: settings.account };
                self.ledgers.push((file, ledger::read(&source, of.leg, settings)?));
            }
            Task::Hash { file } => {
                let Some(opened) = opened.get(file) else { return Ok(None) };
                let bytes = opened.whole.unwrap_or_default();
                self.hashes.push((file, sha256_hex(bytes)));
            }
            Task::Rows { file, start, end } => {
                let Some(opened) = opened.get(file) else { return Ok(None) };
                let Reading::Pieces(sheet) = &opened.reading else { return Ok(None) };
                let left_out = self.collected.left_out;
                let mut buffer = std::mem::take(&mut self.buffer);
                let rows = piece(opened.file, (start, end), sheet.body_start, &mut buffer);
                let rows = rows.map_err(|error| unreadable(opened.file, error))?;
                match read_rows(opened, rows.bytes, &mut self.collected) {
                    Some(piece) => {
                        let left_out = self.collected.left_out.saturating_sub(left_out);
                        self.pieces.push((number, file, left_out, piece));
                    }
                    None => return Ok(Some(file)),
                }
                let before = rows.before;
                if opened.whole.is_none() {
                    let stretch = before..before.saturating_add(end.saturating_sub(start));
                    buffer = opened.digest.bring(start, buffer, stretch);
                }
                self.buffer = buffer;
            }
        }
        Ok(None)
    }
}

/// What the reading of one file gave beside its rows, while it is put together.
#[derive(Default)]
struct ReadFile {
    piece: Piece,
    left_out: u64,
    sha256: String,
    from_table: Option<FileFacts>,
}

impl ReadFile {
    fn begin(opened: &Opened<'_>) -> ReadFile {
        let mut facts = ReadFile::default();
        if let Reading::Pieces(sheet) = &opened.reading {
            facts.piece.lines = sheet.first_line;
        }
        facts
    }

    /// Takes over the rows of a file that was read at once.
    fn take_table(&mut self, opened: &Opened<'_>, collected: &mut Collected<'_>) {
        let before = collected.left_out;
        self.from_table = match &opened.reading {
            Reading::Pieces(_) | Reading::Ledger => None,
            Reading::Orders(table) => {
                table.rows.iter().for_each(|row| collected.order(row));
                Some(FileFacts::of(table))
            }
            Reading::Reports(table) => {
                table.rows.iter().for_each(|row| collected.told(row, opened.file.coverage));
                Some(FileFacts::of(table))
            }
        };
        self.left_out = collected.left_out.saturating_sub(before);
    }

    fn finish(self, opened: &Opened<'_>) -> (FileFacts, u64) {
        let Reading::Pieces(sheet) = &opened.reading else {
            let mut facts = self.from_table.unwrap_or_default();
            facts.rows = facts.rows.saturating_sub(self.left_out);
            facts.sha256 = self.sha256;
            return (facts, self.left_out);
        };
        let facts = FileFacts {
            rows: self.piece.rows.saturating_sub(self.left_out),
            cleansed: words(&self.piece.cleansed()),
            unknown_columns: sheet.unknown_columns(&self.piece),
            latest: self.piece.latest,
            rejected: self.piece.rejected,
            sha256: self.sha256,
        };
        (facts, self.left_out)
    }
}

impl Rows {
    pub(super) fn add(&mut self, collected: Collected<'_>) {
        for (part, other) in self.parts.iter_mut().zip(collected.parts) {
            part.append(other);
        }
        self.loose.append(collected.loose);
        self.shared_cips.extend(collected.shared_cips);
        self.references.append(collected.references);
        self.seen.append(collected.seen);
        self.looks.extend(collected.looks);
        self.orders_read.merge(&collected.orders_read);
        self.reports_read.merge(&collected.reports_read);
    }
}
