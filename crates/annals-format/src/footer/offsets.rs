//! Where the records of a block begin, in little space: a straight line for the block, and how far above it each offset
//! lies, in just as many bits as the farthest one needs.
//!
//! Offsets ascend by the lengths of the records, which scatter around their mean; so the distance from the line grows
//! with the root of the number of records only. One offset is one entry and one word: nothing has to be summed up.

use super::BLOCK_RECORDS;
use crate::wire::u32_at;

/// Length of the entry of a block.
pub(super) const ENTRY_BYTES: usize = 16;
/// The distances of a block begin at a multiple of so many bytes, and a whole block takes one of these for each bit.
pub(super) const UNIT_BYTES: usize = BLOCK_RECORDS / 8;

const SLOPE: usize = 4;
const PLACE: usize = 8;
const WIDTH: usize = 12;
const RESERVED: usize = 13;
/// The slope is in fixed point, with so many bits behind the point: over a block its error is less than one byte.
const FRACTION: u32 = 8;

/// A line through the offsets of a block. All sums are modulo 2^32: the beginning of the line may lie before the file.
#[derive(Clone, Copy)]
struct Line {
    base: u32,
    slope: u32,
}

impl Line {
    /// The line below all offsets of a block, and how far above it the farthest of them lies.
    fn below(offsets: &[u32], slope: u32) -> (Self, u64) {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for (within, offset) in (0..).zip(offsets) {
            let above = i64::from(*offset) - i64::from(rise(slope, within));
            (least, most) = (least.min(above), most.max(above));
        }
        // Cut to 32 bits on purpose, see above.
        (Line { base: least as u32, slope }, most.abs_diff(least))
    }

    /// The line of those tried that leaves the least distance; it is less than 2^32.
    fn through(offsets: &[u32]) -> (Self, u32) {
        let tried = [ends(offsets), mean(offsets), 0].map(|slope| Line::below(offsets, slope));
        let best = tried.into_iter().min_by_key(|(_, distance)| *distance);
        let (line, distance) = best.unwrap_or((Line { base: 0, slope: 0 }, 0));
        // The flat line leaves at most the difference of two offsets.
        (line, u32::try_from(distance).unwrap_or(u32::MAX))
    }

    fn at(self, within: u32) -> u32 {
        self.base.wrapping_add(rise(self.slope, within))
    }
}

/// How far a line has risen at a record of the block: less than 2^32, as there are 2^8 of them.
fn rise(slope: u32, within: u32) -> u32 {
    ((u64::from(slope) * u64::from(within % BLOCK_RECORDS as u32)) >> FRACTION) as u32
}

/// The slope from the first to the last offset.
fn ends(offsets: &[u32]) -> u32 {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return 0 };
    let rise = u64::from(last.saturating_sub(*first)) << FRACTION;
    let steps = (offsets.len() as u64).saturating_sub(1).max(1);
    u32::try_from((rise + steps / 2) / steps).unwrap_or(u32::MAX)
}

/// The slope with the least squares.
fn mean(offsets: &[u32]) -> u32 {
    // With the middle of the block as origin, and in halves, so that all of it is whole numbers: at most 2^8 records
    // times 2^8 times 2^32.
    let middle = offsets.len() as i64 - 1;
    let (mut product, mut squares) = (0_i64, 0_i64);
    for (within, offset) in (0_i64..).zip(offsets) {
        let from_middle = 2 * within - middle;
        product += from_middle * i64::from(*offset);
        squares += from_middle * from_middle;
    }
    let slope = (product << (FRACTION + 1)) / squares.max(1);
    u32::try_from(slope.max(0)).unwrap_or(u32::MAX)
}

/// Writes the entries of all blocks and the distances that belong to them.
pub(super) fn encode(offsets: &[u32]) -> (Vec<u8>, Vec<u8>) {
    let (mut entries, mut distances) = (Vec::new(), Vec::new());
    for block in offsets.chunks(BLOCK_RECORDS) {
        let (line, distance) = Line::through(block);
        let width = u32::BITS - distance.leading_zeros();
        let place = u32::try_from(distances.len() / UNIT_BYTES).unwrap_or(u32::MAX);
        for word in [line.base, line.slope, place, width] {
            entries.extend_from_slice(&word.to_le_bytes());
        }
        pack(block, line, width, &mut distances);
    }
    (entries, distances)
}

fn pack(block: &[u32], line: Line, width: u32, distances: &mut Vec<u8>) {
    let (mut bits, mut held) = (0_u64, 0);
    for (within, offset) in (0..).zip(block) {
        bits |= u64::from(offset.wrapping_sub(line.at(within))) << held;
        held += width;
        while held >= 8 {
            distances.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        distances.push(bits as u8);
    }
    distances.resize(distances.len().next_multiple_of(UNIT_BYTES), 0);
}

/// Where the distances of a block begin, according to its entry.
pub(super) fn place(entry: &[u8; ENTRY_BYTES]) -> u64 {
    u64::from(u32_at(entry, PLACE)) * UNIT_BYTES as u64
}

/// How far behind that the distance of a record begins, in whole bytes.
#[inline]
pub(super) fn within(entry: &[u8; ENTRY_BYTES], within: u32) -> u64 {
    u64::from(within) * u64::from(entry[WIDTH]) / 8
}

/// The offset of a record, by the entry of its block and its number within it; `distances` are those of all blocks.
/// `None` if the entry says what no entry can say, or leads behind the distances.
#[inline]
pub(super) fn find(entry: &[u8; ENTRY_BYTES], distances: &[u8], within: u32) -> Option<u32> {
    let line = Line { base: u32_at(entry, 0), slope: u32_at(entry, SLOPE) };
    let width = u32::from(entry[WIDTH]);
    if width > u32::BITS || entry[RESERVED..] != [0; 3] {
        return None;
    }
    if width == 0 {
        return Some(line.at(within));
    }
    let bit = u64::from(within) * u64::from(width);
    let byte = place(entry) + bit / 8;
    let bytes = distances.get(usize::try_from(byte).ok()?..)?;
    let shift = (bit % 8) as u32;
    let word = match bytes.first_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => last_word(bytes, shift + width)?,
    };
    let distance = (word >> shift) & ((1 << width) - 1);
    Some(line.at(within).wrapping_add(distance as u32))
}

/// The word at the end of the distances, which has `bits` bits at least.
#[cold]
fn last_word(bytes: &[u8], bits: u32) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    (bytes.len() * 8 >= bits as usize).then(|| u64::from_le_bytes(word))
}
