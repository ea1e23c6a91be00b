//! The bytes of an input, in memory or where they are stored.

use std::borrow::Cow;
use std::io;

/// Bytes that are stored somewhere and can be read from any place, by several threads at once.
pub trait Blocks: Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` with the bytes from `offset`; fewer than fit only at the end. Returns how many.
    ///
    /// # Errors
    /// Whatever the store says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// The bytes of an input.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// Stored elsewhere.
    Stored(&'a dyn Blocks),
}

impl<'a> Content<'a> {
    /// How many bytes there are.
    pub(super) fn len(self) -> usize {
        match self {
            Content::Bytes(bytes) => bytes.len(),
            Content::Stored(blocks) => usize::try_from(blocks.len()).unwrap_or(usize::MAX),
        }
    }

    /// Puts up to `count` bytes from `offset` into `buffer`, in place of what it held; fewer only at the end.
    pub(super) fn read(self, offset: usize, count: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        let count = count.min(self.len().saturating_sub(offset));
        match self {
            Content::Bytes(bytes) => {
                buffer.clear();
                let end = offset.saturating_add(count);
                buffer.extend_from_slice(bytes.get(offset..end).unwrap_or_default());
            }
            Content::Stored(blocks) => {
                buffer.resize(count, 0);
                let offset = u64::try_from(offset).unwrap_or(u64::MAX);
                let read = blocks.read_at(offset, buffer)?;
                buffer.truncate(read);
            }
        }
        Ok(())
    }

    /// All of it.
    ///
    /// # Errors
    /// Whatever the store says.
    pub fn whole(self) -> io::Result<Cow<'a, [u8]>> {
        match self {
            Content::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::Stored(_) => {
                let mut bytes = Vec::new();
                self.read(0, self.len(), &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}
