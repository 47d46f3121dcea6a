//! When the events of a live segment occurred, block by block, for one writer and any number of readers without a lock.

use annals_format::{BLOCK_RECORDS, TimeRange};
use annals_types::Timestamp;
use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicI64, Ordering};
use std::fmt;
use std::ops::Range;

/// Blocks whose memory is taken at once.
const CHUNK: usize = 64;

/// The ranges of occurred_at of blocks of [`BLOCK_RECORDS`] records, as a footer will tell them, only perhaps wider: what is
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
        let chunks = usize::try_from(most.div_ceil((CHUNK * BLOCK_RECORDS) as u64)).unwrap_or(usize::MAX);
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
            next = (next / BLOCK_RECORDS as u64 + 1) * BLOCK_RECORDS as u64;
        }
    }

    /// The records of the block that one of them is in, and their range; `None` if nothing was noted of it.
    pub(crate) fn get(&self, index: u64) -> Option<(Range<u64>, TimeRange)> {
        let (chunk, within) = split(index);
        let block = &self.chunks.get(chunk)?.get()?[within];
        let first = index / BLOCK_RECORDS as u64 * BLOCK_RECORDS as u64;
        Some((first..first + BLOCK_RECORDS as u64, block.range()))
    }

    /// The records of the blocks from that of a record on, towards the end or the beginning, none of which occurred within
    /// `times`.
    pub(crate) fn outside(&self, index: u64, times: TimeRange, backwards: bool) -> Range<u64> {
        let (mut outside, mut next) = (index..index, index);
        while let Some((records, _)) = self.get(next).filter(|(_, occurred)| occurred.is_outside(times)) {
            let empty = outside.is_empty();
            match backwards {
                true => outside = records.start..if empty { records.end } else { outside.end },
                false => outside = if empty { records.start } else { outside.start }..records.end,
            }
            next = if backwards { outside.start.wrapping_sub(1) } else { outside.end };
        }
        outside
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
    let block = usize::try_from(index / BLOCK_RECORDS as u64).unwrap_or(usize::MAX);
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
        table.widen(255..257, range(3, 4));
        table.widen(70_000..70_001, range(-7, 9));
        assert_eq!(table.get(17), Some((0..256, range(3, 5))));
        assert_eq!(table.get(256), Some((256..512, range(3, 4))));
        assert_eq!(table.get(600), Some((512..768, TimeRange::EMPTY)));
        assert_eq!(table.get(70_100), Some((69_888..70_144, range(-7, 9))));
        assert_eq!(table.get(40_000), None);
        assert_eq!((table.get(200_000), table.get(u64::MAX)), (None, None));
    }

    #[test]
    fn blocks_outside_of_a_time_are_one_stretch_up_to_the_first_that_is_not() {
        let table = OccurredTable::new(5 * 256);
        for block in 0..5 {
            let time = if block == 3 { 50 } else { 10 };
            table.widen(block * 256..block * 256 + 1, range(time, time));
        }
        assert_eq!(table.outside(300, range(40, 60), false), 256..768);
        assert_eq!(table.outside(300, range(40, 60), true), 0..512);
        assert_eq!(table.outside(1100, range(40, 60), true), 1024..1280);
        assert_eq!(table.outside(800, range(40, 60), true), 800..800);
        // What nothing was noted of has no event yet.
        assert_eq!(table.outside(1100, range(40, 60), false).start, 1024);
    }
}
