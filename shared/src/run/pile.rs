//! Packed rows in blocks: memory grows by a block at a time, is never copied to grow, and is given back block by block.

use super::packed::Head;

/// Room of a usual block. A row that is longer has a block of its own.
const BLOCK_BITS: u32 = 16;
const BLOCK_BYTES: usize = 1 << BLOCK_BITS;

/// Where a packed row lies in its pile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At(u32);

/// Packed rows in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Pile {
    full: Vec<Vec<u8>>,
    /// The block that is filled; apart, because most rows touch nothing else.
    open: Vec<u8>,
    count: usize,
}

impl Pile {
    /// Where the next row will lie, if it is of this length.
    fn next(&self, length: usize) -> Option<At> {
        let fits = self.open.capacity().saturating_sub(self.open.len()) >= length;
        let (block, start) = if fits {
            (self.full.len(), self.open.len())
        } else {
            (self.full.len() + usize::from(!self.open.is_empty()), 0)
        };
        u32::try_from((block << BLOCK_BITS) | start).ok().map(At)
    }

    /// Adds a packed row, and tells its place; none where there is no room for more.
    pub(super) fn keep(&mut self, row: &[u8]) -> Option<At> {
        let at = self.next(row.len())?;
        self.push(row);
        Some(at)
    }

    /// Adds a packed row.
    pub(super) fn push(&mut self, row: &[u8]) {
        if self.open.capacity().saturating_sub(self.open.len()) < row.len() {
            let block = Vec::with_capacity(row.len().max(BLOCK_BYTES));
            let full = std::mem::replace(&mut self.open, block);
            if !full.is_empty() {
                self.full.push(full);
            }
        }
        self.open.extend_from_slice(row);
        self.count += 1;
    }

    /// How many rows there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Adds the rows of another pile, and nothing can be added after.
    pub(super) fn append(&mut self, other: Pile) {
        self.count += other.count;
        let own = std::mem::take(&mut self.open);
        self.full.extend(
            [own].into_iter().chain(other.full).chain([other.open]).filter(|block| !block.is_empty()),
        );
    }

    /// All rows, one behind the other.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.blocks().map(Vec::len).fold(0, usize::saturating_add));
        self.blocks().for_each(|block| bytes.extend_from_slice(block));
        bytes
    }

    /// Adds rows that lie one behind the other; `false` where they do not.
    pub(super) fn push_all(&mut self, mut rows: &[u8]) -> bool {
        while let Some(size) = Head::read(rows).and_then(|head| usize::try_from(head.size).ok()) {
            let Some((row, rest)) = rows.split_at_checked(size).filter(|(row, _)| !row.is_empty()) else {
                return false;
            };
            self.push(row);
            rows = rest;
        }
        rows.is_empty()
    }

    /// The row at a place.
    pub(super) fn row(&self, at: At) -> Option<&[u8]> {
        let from = self.get(at)?;
        from.get(..usize::try_from(Head::read(from)?.size).ok()?)
    }

    fn blocks(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.full.iter().chain([&self.open])
    }

    /// Every row with its place. `None` in place of a row is a defect of the packing.
    pub(super) fn rows(&self) -> impl Iterator<Item = (At, &[u8])> {
        self.blocks().enumerate().flat_map(|(number, block)| {
            let mut start = 0;
            std::iter::from_fn(move || {
                let rest = block.get(start..)?;
                let size = usize::try_from(Head::read(rest)?.size).ok()?;
                let at = (number << BLOCK_BITS) | start;
                start += size;
                Some((At(u32::try_from(at).ok()?), rest.get(..size)?))
            })
        })
    }

    /// The row at a place, and whatever is behind it.
    pub(super) fn get(&self, at: At) -> Option<&[u8]> {
        let place = usize::try_from(at.0).ok()?;
        self.full.get(place >> BLOCK_BITS).unwrap_or(&self.open).get(place & (BLOCK_BYTES - 1)..)
    }

    /// Looks at the row at a place, so that it is near when it is read. Looks at several rows do not wait for each other,
    /// while a row that is read and judged waits for its bytes.
    pub(super) fn look(&self, at: At) -> u8 {
        /// A usual row is some hundred bytes long, and lies in two or three lines of a cache.
        const PLACES: [usize; 3] = [0, 64, 96];
        let row = self.get(at).unwrap_or_default();
        PLACES.iter().filter_map(|place| row.get(*place)).fold(0, |sum, byte| sum ^ byte)
    }
}
