//! The SHA-256 of a file whose pieces are read in any order: each is hashed when its turn comes, by whoever brings the
//! piece that is due, so that no byte is read twice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256, digest};

/// A buffer, and the part of it that is to be hashed.
type Brought = (Vec<u8>, Range<usize>);

/// The hash of one file, as far as it has come.
pub(super) struct FileDigest {
    state: Mutex<State>,
}

struct State {
    /// Away while somebody hashes.
    hasher: Option<Context>,
    /// Where the next piece begins.
    due: usize,
    waiting: BTreeMap<usize, Brought>,
    /// Buffers that can be filled again.
    spare: Vec<Vec<u8>>,
}

impl FileDigest {
    /// Begins with the bytes before the first piece.
    pub(super) fn after(head: &[u8]) -> FileDigest {
        let mut hasher = Context::new(&SHA256);
        hasher.update(head);
        let state =
            State { hasher: Some(hasher), due: head.len(), waiting: BTreeMap::new(), spare: Vec::new() };
        FileDigest { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the piece that begins at `start`; gives a buffer back.
    pub(super) fn bring(&self, start: usize, buffer: Vec<u8>, piece: Range<usize>) -> Vec<u8> {
        let mut state = self.lock();
        state.waiting.insert(start, (buffer, piece));
        if let Some(mut hasher) = state.hasher.take() {
            loop {
                let due = state.due;
                let Some((buffer, piece)) = state.waiting.remove(&due) else { break };
                drop(state);
                let bytes = buffer.get(piece).unwrap_or_default();
                hasher.update(bytes);
                let length = bytes.len();
                state = self.lock();
                state.due = due.saturating_add(length);
                state.spare.push(buffer);
                if length == 0 {
                    break;
                }
            }
            state.hasher = Some(hasher);
        }
        state.spare.pop().unwrap_or_default()
    }

    /// The hash in hexadecimal, when all pieces have been brought.
    pub(super) fn finish(self) -> String {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.hasher.map(|hasher| hex::encode(hasher.finish())).unwrap_or_default()
    }
}

/// The SHA-256 of bytes in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn pieces_in_any_order_give_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let expected = hex::encode(Sha256::digest(&bytes));
        assert_eq!(sha256_hex(&bytes), expected);
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let digest = FileDigest::after(&bytes[..100]);
            for piece in order {
                let start = 100 + piece * 225;
                let buffer = [b"xyz", &bytes[start..start + 225], b"more"].concat();
                digest.bring(start, buffer, 3..228);
            }
            assert_eq!(digest.finish(), expected, "{order:?}");
        }
    }
}
