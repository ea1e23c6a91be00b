//! Finds what separates fields and rows, many bytes at a time.

use wide::u8x16;

/// What one block of bytes holds, a bit a byte, the lowest for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// Marks and line feeds.
    pub ends: u64,
    /// Line feeds.
    pub line_feeds: u64,
    /// What no plain row holds: odd marks, and whatever is not printable ASCII.
    pub odd: u64,
}

/// Bytes that are looked at together.
pub(super) const BLOCK_BYTES: usize = 64;

const LANE_BYTES: usize = 16;

/// Looks at a block for marks and for those that are odd.
#[inline]
pub(super) fn look(block: &[u8; BLOCK_BYTES], mark: u8, odd_mark: u8) -> Marks {
    let (marked, feeds) = (u8x16::splat(mark), u8x16::splat(b'\n'));
    let (first, last, odd_marks) = (u8x16::splat(0x20), u8x16::splat(0x7E), u8x16::splat(odd_mark));
    let mut marks = Marks { ends: 0, line_feeds: 0, odd: 0 };
    let (lanes, _) = block.as_chunks::<LANE_BYTES>();
    for lane in lanes.iter().rev() {
        let lane = u8x16::new(*lane);
        let feed = lane.simd_eq(feeds);
        let plain = lane.max(first).min(last).simd_eq(lane);
        let strange = !plain | lane.simd_eq(odd_marks);
        let bits = |found: u8x16| u64::from(found.to_bitmask());
        marks.ends = marks.ends << LANE_BYTES | bits(feed | lane.simd_eq(marked));
        marks.line_feeds = marks.line_feeds << LANE_BYTES | bits(feed);
        marks.odd = marks.odd << LANE_BYTES | bits(strange);
    }
    marks.odd &= !marks.line_feeds;
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit() {
        for (mark, odd_mark) in [(b',', b'"'), (b';', b'"'), (b'\t', b'"'), (b'|', b'"'), (b'"', b'\\')] {
            for byte in 0..=u8::MAX {
                for place in [0, 1, 15, 16, 31, 47, 48, 63] {
                    let mut block = [b'x'; BLOCK_BYTES];
                    block[place] = byte;
                    let bit = |set: bool| if set { 1_u64 << place } else { 0 };
                    let feed = byte == b'\n';
                    let odd = !feed && (byte == odd_mark || !(0x20..0x7F).contains(&byte));
                    let expected =
                        Marks { ends: bit(feed || byte == mark), line_feeds: bit(feed), odd: bit(odd) };
                    assert_eq!(look(&block, mark, odd_mark), expected, "{byte} at {place}");
                }
            }
        }
    }
}
