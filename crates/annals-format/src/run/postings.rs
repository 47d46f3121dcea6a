//! Lists of positions: ascending, relative to the first position of the run.
//!
//! A list of 2 to 128 positions is short: the first one, then for each other one how many positions lie
//! between it and the one before. A longer list is cut into blocks of 128 whose gaps are packed at a fixed
//! number of bits; its skip table, behind the blocks, has an entry for each, so that the n-th position, or
//! the number of positions up to some position, is found without reading the list.

use crate::damage::Damage;
use crate::varint::{put_varint, take_varint};
use crate::wire::u64_at;

/// Positions in a block; the last one of a list may have fewer.
pub const BLOCK_POSITIONS: usize = 128;
/// Length of an entry of a skip table.
pub const SKIP_ENTRY_BYTES: usize = 16;
/// Most bytes that a position of a short list takes: positions have at most 48 bits.
pub const LIST_POSITION_BYTES_MAX: u64 = 7;

const WIDTH_MAX: u8 = 48;
const PACKED_BYTES_MAX: usize = ((BLOCK_POSITIONS - 1) * WIDTH_MAX as usize).div_ceil(8);

/// Appends a short list.
pub(super) fn put_short_list(out: &mut Vec<u8>, positions: &[u64]) {
    debug_assert!((2..=BLOCK_POSITIONS).contains(&positions.len()));
    put_varint(out, positions[0]);
    gaps(positions).for_each(|gap| put_varint(out, gap));
}

/// Walks a short list.
#[derive(Clone, Debug)]
pub struct ShortList<'a> {
    rest: &'a [u8],
    /// Where `rest` ends in the file.
    end: u64,
    /// Positions lie below this one.
    bound: u64,
    /// The least that the next position can be.
    next: u64,
}

impl<'a> ShortList<'a> {
    /// Begins at the front of a list that lies at `offset` of the file, of positions below `bound`.
    #[must_use]
    pub fn new(bytes: &'a [u8], bound: u64, offset: u64) -> Self {
        ShortList { rest: bytes, end: offset.saturating_add(bytes.len() as u64), bound, next: 0 }
    }

    /// The next position. The list does not know where it ends.
    ///
    /// # Errors
    /// The bytes end before the position does, or it does not lie below the bound.
    #[inline]
    pub fn next_position(&mut self) -> Result<u64, Damage> {
        let Some(gap) = take_varint(&mut self.rest) else {
            return Err(self.damage("gap in a list of positions", 0));
        };
        let position = self.next.saturating_add(gap);
        if position >= self.bound {
            return Err(self.damage("position in a list", position));
        }
        self.next = position + 1;
        Ok(position)
    }

    #[cold]
    fn damage(&self, what: &'static str, found: u64) -> Damage {
        Damage::new(self.end - self.rest.len() as u64, what, found, self.bound)
    }
}

/// What a skip table says of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockEntry {
    /// The block's first position.
    pub first: u64,
    /// Where the block is, relative to the dictionary.
    pub place: u64,
    /// How many bits a gap has.
    pub width: u8,
}

impl BlockEntry {
    /// The entry as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; SKIP_ENTRY_BYTES] {
        let mut bytes = [0; SKIP_ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.first.to_le_bytes());
        bytes[8..].copy_from_slice(&((self.place << 8) | u64::from(self.width)).to_le_bytes());
        bytes
    }

    /// Reads an entry that lies at `offset` of the file, of positions below `bound`.
    ///
    /// # Errors
    /// The first position does not lie below the bound, or the width is not possible.
    pub fn decode(bytes: &[u8; SKIP_ENTRY_BYTES], bound: u64, offset: u64) -> Result<Self, Damage> {
        let (first, place) = (u64_at(bytes, 0), u64_at(bytes, 8));
        if first >= bound {
            return Err(Damage::new(offset, "first position of a block", first, bound));
        }
        let width = bytes[8];
        if width > WIDTH_MAX {
            return Err(Damage::new(offset + 8, "width of the gaps of a block", width, WIDTH_MAX));
        }
        Ok(BlockEntry { first, place: place >> 8, width })
    }

    /// Length in bytes of a block of `count` positions.
    #[must_use]
    pub fn length(&self, count: usize) -> u64 {
        (count.saturating_sub(1) as u64 * u64::from(self.width)).div_ceil(8)
    }
}

/// Appends a block of 1 to 128 positions that will lie at `place` of the dictionary, and returns its entry.
pub fn put_block(out: &mut Vec<u8>, positions: &[u64], place: u64) -> BlockEntry {
    debug_assert!((1..=BLOCK_POSITIONS).contains(&positions.len()));
    let width = u64::BITS - gaps(positions).fold(0, |all, gap| all | gap).leading_zeros();
    debug_assert!(width <= WIDTH_MAX.into());
    let (mut pending, mut bits) = (0u128, 0);
    for gap in gaps(positions) {
        pending |= u128::from(gap) << bits;
        bits += width;
        while bits >= 8 {
            out.push(pending as u8);
            pending >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(pending as u8);
    }
    BlockEntry { first: positions[0], place, width: width as u8 }
}

/// Unpacks a block of as many positions as `out` has (at most 128). `bytes` are those of the block, at
/// `offset` of the file; positions lie below `bound`.
///
/// # Errors
/// There are too few bytes, or a position does not lie below the bound.
pub fn decode_block(
    entry: &BlockEntry,
    bytes: &[u8],
    bound: u64,
    offset: u64,
    out: &mut [u64],
) -> Result<(), Damage> {
    let length = entry.length(out.len());
    let Some(packed) = bytes.get(..length as usize).filter(|packed| packed.len() <= PACKED_BYTES_MAX) else {
        return Err(Damage::new(offset, "length of a block of positions", bytes.len() as u64, length));
    };
    // Eight bytes more than the longest block, so that each gap is within one word that begins in it.
    let mut words = [0; PACKED_BYTES_MAX + 8];
    words[..packed.len()].copy_from_slice(packed);
    let width = usize::from(entry.width.min(WIDTH_MAX));
    let mask = (1u64 << width) - 1;
    let Some((first, others)) = out.split_first_mut() else { return Ok(()) };
    *first = entry.first;
    let mut position = entry.first;
    for (index, out) in others.iter_mut().enumerate() {
        let bit = index * width;
        let gap = (u64_at(&words, bit / 8) >> (bit % 8)) & mask;
        position = position.saturating_add(gap + 1);
        *out = position;
    }
    if position >= bound {
        return Err(Damage::new(offset, "last position of a block", position, bound));
    }
    Ok(())
}

/// How many positions lie between each position and the one before it.
fn gaps(positions: &[u64]) -> impl Iterator<Item = u64> + '_ {
    positions.windows(2).map(|pair| {
        debug_assert!(pair[0] < pair[1]);
        pair[1] - pair[0] - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_types::Position;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const BOUND: u64 = Position::MAX.get();

    fn unpacked(entry: &BlockEntry, bytes: &[u8], count: usize) -> Result<Vec<u64>, Damage> {
        let mut out = vec![0; count];
        decode_block(entry, bytes, BOUND, 0, &mut out).map(|()| out)
    }

    #[test]
    fn a_short_list_is_its_first_position_and_gaps() {
        let mut bytes = Vec::new();
        put_short_list(&mut bytes, &[5, 6, 300]);
        assert_eq!(bytes, b"\x05\x00\xA5\x02");
        let mut list = ShortList::new(&bytes, 301, 0);
        assert_eq!([(); 3].map(|()| list.next_position().unwrap()), [5, 6, 300]);
        assert!(list.next_position().is_err());
    }

    #[test]
    fn a_short_list_beyond_its_bound_is_damage() {
        assert!(ShortList::new(b"\x05", 5, 0).next_position().is_err());
        let mut huge = ShortList::new(b"\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", BOUND, 0);
        assert_eq!(huge.next_position(), Ok(1));
        assert!(huge.next_position().is_err());
    }

    #[test]
    fn consecutive_positions_take_no_room_in_a_block() {
        let positions: Vec<u64> = (1000..1128).collect();
        let mut bytes = Vec::new();
        let entry = put_block(&mut bytes, &positions, 77);
        assert_eq!((entry, bytes.len()), (BlockEntry { first: 1000, place: 77, width: 0 }, 0));
        assert_eq!(unpacked(&entry, &bytes, 128), Ok(positions));
    }

    #[test]
    fn entries_of_a_skip_table_are_bounded() {
        let entry = BlockEntry { first: 9, place: (1 << 56) - 1, width: 48 };
        assert_eq!(BlockEntry::decode(&entry.encode(), 10, 0), Ok(entry));
        assert!(BlockEntry::decode(&entry.encode(), 9, 0).is_err());
        let wide = BlockEntry { width: 49, ..entry };
        assert!(BlockEntry::decode(&wide.encode(), 10, 0).is_err());
    }

    #[test]
    fn a_block_that_is_cut_or_leads_beyond_its_bound_is_damage() {
        let mut bytes = Vec::new();
        let entry = put_block(&mut bytes, &[1, 5, 9, 200], 0);
        assert!(unpacked(&entry, &bytes[..bytes.len() - 1], 4).is_err());
        assert!(decode_block(&entry, &bytes, 200, 0, &mut [0; 4]).is_err());
        let far = BlockEntry { first: u64::MAX, ..entry };
        assert!(decode_block(&far, &bytes, BOUND, 0, &mut [0; 4]).is_err());
    }

    fn ascending() -> impl Strategy<Value = BTreeSet<u64>> {
        (1u64..=BOUND).prop_flat_map(|bound| proptest::collection::btree_set(0..bound, 1..=128))
    }

    proptest! {
        #[test]
        fn every_block_and_list_comes_back(positions in ascending()) {
            let positions: Vec<u64> = positions.into_iter().collect();
            let mut bytes = Vec::new();
            let entry = put_block(&mut bytes, &positions, 0);
            prop_assert_eq!(entry.length(positions.len()), bytes.len() as u64);
            prop_assert_eq!(unpacked(&entry, &bytes, positions.len()).unwrap(), positions.clone());
            if positions.len() > 1 {
                bytes.clear();
                put_short_list(&mut bytes, &positions);
                prop_assert!(bytes.len() as u64 <= positions.len() as u64 * LIST_POSITION_BYTES_MAX);
                let mut list = ShortList::new(&bytes, BOUND, 0);
                for position in positions {
                    prop_assert_eq!(list.next_position(), Ok(position));
                }
            }
        }
    }
}
