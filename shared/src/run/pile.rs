//! Packed rows in blocks: memory grows by a block at a time, and is never copied to grow.

use bytes::BytesMut;

use super::packed::Head;

/// Room of a usual block. A row that is longer has a block of its own.
const BLOCK_BITS: u32 = 16;
const BLOCK_BYTES: usize = 1 << BLOCK_BITS;

/// So much memory is asked for at once where many piles grow: for each block by itself the heap would have to grow.
const STOCK_BYTES: usize = 64 * BLOCK_BYTES;

/// Memory out of which the blocks of many piles are taken. It is given back when none of them is left.
#[derive(Debug, Default)]
pub(super) struct Stock {
    rest: BytesMut,
}

impl Stock {
    /// An empty block for a row.
    fn block(&mut self, row: &[u8]) -> BytesMut {
        if row.len() > BLOCK_BYTES {
            return own_block(row);
        }
        if self.rest.capacity() < BLOCK_BYTES {
            self.rest = BytesMut::with_capacity(STOCK_BYTES);
        }
        let rest = self.rest.split_off(BLOCK_BYTES);
        std::mem::replace(&mut self.rest, rest)
    }
}

/// An empty block for a row, of which nothing else is a part.
fn own_block(row: &[u8]) -> BytesMut {
    BytesMut::with_capacity(row.len().max(BLOCK_BYTES))
}

/// Where a packed row lies in its pile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At(u32);

/// Packed rows in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Pile {
    full: Vec<BytesMut>,
    /// The block that is filled; apart, because most rows touch nothing else.
    open: BytesMut,
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
        self.add(row, own_block);
    }

    /// Adds a packed row, in a block of a stock for many piles.
    pub(super) fn push_from(&mut self, row: &[u8], stock: &mut Stock) {
        self.add(row, |row| stock.block(row));
    }

    fn add(&mut self, row: &[u8], block: impl FnOnce(&[u8]) -> BytesMut) {
        if self.open.capacity().saturating_sub(self.open.len()) < row.len() {
            let full = std::mem::replace(&mut self.open, block(row));
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
        let mut bytes = Vec::with_capacity(self.blocks().map(BytesMut::len).fold(0, usize::saturating_add));
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

    fn blocks(&self) -> impl Iterator<Item = &BytesMut> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of this length, as its head says, filled with a number.
    fn row(length: usize, number: u8) -> Vec<u8> {
        let mut row = vec![number; length];
        row[..4].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        row
    }

    #[test]
    fn piles_of_one_stock_keep_their_own_rows() {
        let mut stock = Stock::default();
        let mut piles = [Pile::default(), Pile::default(), Pile::default()];
        let mut expected = [Vec::new(), Vec::new(), Vec::new()];
        for number in 0..=u8::MAX {
            let length = if number == 100 { 3 * BLOCK_BYTES } else { 32 + usize::from(number) * 97 };
            for ((place, pile), expected) in piles.iter_mut().enumerate().zip(&mut expected) {
                let row = row(length, number ^ u8::try_from(place).unwrap());
                pile.push_from(&row, &mut stock);
                expected.push(row);
            }
        }
        for (pile, expected) in piles.iter().zip(&expected) {
            let rows: Vec<_> = pile.rows().collect();
            assert_eq!(rows.len(), expected.len());
            for ((at, row), expected) in rows.iter().zip(expected) {
                assert_eq!(row, expected);
                assert_eq!(pile.row(*at), Some(expected.as_slice()));
            }
            assert!(pile.full.len() > 10);
            assert_eq!(pile.to_bytes(), expected.concat());
        }
    }
}
