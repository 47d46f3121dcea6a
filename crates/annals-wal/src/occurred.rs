//! When the events of a live segment occurred, block by block, for one writer and any number of readers without a lock.

use annals_format::{OCCURRED_RECORDS, TimeRange};
use annals_types::Timestamp;
use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicI64, Ordering};
use std::fmt;
use std::ops::Range;

/// Blocks whose memory is taken at once.
const CHUNK: usize = 64;

/// The ranges of occurred_at of blocks of [`OCCURRED_RECORDS`] records, as a footer will tell them, only perhaps wider: what is
/// staged widens them at once, whatever becomes of it.
///
/// A range only grows. The writer widens it before the position is published, and whoever asks for a published position thereby
/// sees it (see [`OffsetTable`](crate::offsets::OffsetTable)); that its two ends are not read at one moment does no harm.
pub(crate) struct OccurredTable {
    chunks: Box<[OnceLock<Box<[Block]>>]>,
}

struct Block {
    min: AtomicI64,
    max: AtomicI64,
}

impl OccurredTable {
    /// Room for `most` records; memory is taken chunk by chunk as they come.
    pub(crate) fn new(most: u64) -> Self {
        let chunks = usize::try_from(most.div_ceil((CHUNK * OCCURRED_RECORDS) as u64)).unwrap_or(usize::MAX);
        OccurredTable { chunks: (0..chunks).map(|_| OnceLock::new()).collect() }
    }

    /// Notes that no event of these records occurred outside of a range. There is one writer.
    pub(crate) fn widen(&self, records: Range<u64>, occurred: TimeRange) {
        let mut next = records.start;
        while next < records.end {
            let (chunk, within) = split(next);
            // A record that there is no room for is not found at all.
            let Some(chunk) = self.chunks.get(chunk) else { return };
            let block = &chunk.get_or_init(|| (0..CHUNK).map(|_| Block::new()).collect())[within];
            block.widen(occurred);
            next = (next / OCCURRED_RECORDS as u64 + 1) * OCCURRED_RECORDS as u64;
        }
    }

    /// The records of the block that one of them is in, and their range; `None` if nothing was noted of it.
    pub(crate) fn get(&self, index: u64) -> Option<(Range<u64>, TimeRange)> {
        let (chunk, within) = split(index);
        let block = &self.chunks.get(chunk)?.get()?[within];
        let first = index / OCCURRED_RECORDS as u64 * OCCURRED_RECORDS as u64;
        Some((first..first + OCCURRED_RECORDS as u64, block.range()))
    }

    /// The records of the blocks from that of a record on, towards the end or the beginning, none of which occurred within
    /// `times`.
    pub(crate) fn outside(&self, index: u64, times: TimeRange, backwards: bool) -> Range<u64> {
        let own = usize::try_from(index / OCCURRED_RECORDS as u64).unwrap_or(usize::MAX);
        let blocks = self.chunks.len().saturating_mul(CHUNK);
        let mut count = 0;
        // Chunk by chunk, so that each block costs a nanosecond.
        let mut next = Some(own).filter(|own| *own < blocks);
        while let Some(block) = next {
            let Some(chunk) = self.chunks[block / CHUNK].get() else { break };
            let within = block % CHUNK;
            let part = if backwards { &chunk[..=within] } else { &chunk[within..] };
            let is_outside = |block: &&Block| block.range().is_outside(times);
            let found = match backwards {
                true => part.iter().rev().take_while(is_outside).count(),
                false => part.iter().take_while(is_outside).count(),
            };
            count += found;
            if found < part.len() {
                break;
            }
            next = match backwards {
                true => block.checked_sub(found),
                false => Some(block + found).filter(|block| *block < blocks),
            };
        }
        if count == 0 {
            return index..index;
        }
        let (first, end) = if backwards { (own + 1 - count, own + 1) } else { (own, own + count) };
        (first * OCCURRED_RECORDS) as u64..(end * OCCURRED_RECORDS) as u64
    }
}

impl Block {
    fn new() -> Self {
        let TimeRange { min, max } = TimeRange::EMPTY;
        Block { min: AtomicI64::new(min.as_nanos()), max: AtomicI64::new(max.as_nanos()) }
    }

    fn widen(&self, occurred: TimeRange) {
        let (min, max) = (occurred.min.as_nanos(), occurred.max.as_nanos());
        if min < self.min.load(Ordering::Relaxed) {
            self.min.store(min, Ordering::Relaxed);
        }
        if max > self.max.load(Ordering::Relaxed) {
            self.max.store(max, Ordering::Relaxed);
        }
    }

    fn range(&self) -> TimeRange {
        TimeRange {
            min: Timestamp::from_nanos(self.min.load(Ordering::Relaxed)),
            max: Timestamp::from_nanos(self.max.load(Ordering::Relaxed)),
        }
    }
}

impl fmt::Debug for OccurredTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OccurredTable").field("chunks", &self.chunks.len()).finish_non_exhaustive()
    }
}

fn split(index: u64) -> (usize, usize) {
    let block = usize::try_from(index / OCCURRED_RECORDS as u64).unwrap_or(usize::MAX);
    (block / CHUNK, block % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(min: i64, max: i64) -> TimeRange {
        TimeRange { min: Timestamp::from_nanos(min), max: Timestamp::from_nanos(max) }
    }

    #[test]
    fn ranges_of_blocks_only_grow_and_blocks_side_by_side_know_nothing_of_each_other() {
        let table = OccurredTable::new(100_000);
        table.widen(0..1, range(5, 5));
        table.widen(63..65, range(3, 4));
        table.widen(70_000..70_001, range(-7, 9));
        assert_eq!(table.get(17), Some((0..64, range(3, 5))));
        assert_eq!(table.get(64), Some((64..128, range(3, 4))));
        assert_eq!(table.get(200), Some((192..256, TimeRange::EMPTY)));
        assert_eq!(table.get(70_010), Some((69_952..70_016, range(-7, 9))));
        assert_eq!(table.get(40_000), None);
        assert_eq!((table.get(200_000), table.get(u64::MAX)), (None, None));
    }

    #[test]
    fn blocks_outside_of_a_time_are_one_stretch_up_to_the_first_that_is_not() {
        let table = OccurredTable::new(200 * 64);
        for block in 0..150 {
            let time = if block == 130 { 50 } else { 10 };
            table.widen(block * 64..block * 64 + 1, range(time, time));
        }
        assert_eq!(table.outside(100, range(40, 60), false), 64..130 * 64, "over a chunk");
        assert_eq!(table.outside(129 * 64 + 5, range(40, 60), true), 0..130 * 64);
        assert_eq!(table.outside(140 * 64, range(40, 60), true), 131 * 64..141 * 64);
        assert_eq!(table.outside(130 * 64, range(40, 60), true), 130 * 64..130 * 64);
        // What nothing was noted of has no event yet.
        assert_eq!(table.outside(140 * 64, range(40, 60), false).start, 140 * 64);
        assert_eq!(table.outside(u64::MAX, range(40, 60), false), u64::MAX..u64::MAX);
    }
}
