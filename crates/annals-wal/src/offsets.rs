//! Where the records of a live segment begin, for one writer and any number of readers without a lock.

use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicU32, Ordering};
use std::fmt;

/// Models have few records, and are to see the table grow.
const CHUNK: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 2 } else { 4096 };

/// Offsets by index, growing in chunks that never move.
///
/// The writer stores an offset before the position is published, and readers only ask for published
/// positions; the publication (release) and the load of the watermark (acquire) order the two, so the
/// accesses here can be relaxed.
pub(crate) struct OffsetTable {
    chunks: Box<[OnceLock<Box<[AtomicU32]>>]>,
}

impl OffsetTable {
    /// Room for `most` records; memory is taken chunk by chunk as they come.
    pub(crate) fn new(most: u64) -> Self {
        let chunks = usize::try_from(most.div_ceil(CHUNK as u64)).unwrap_or(usize::MAX);
        OffsetTable { chunks: (0..chunks).map(|_| OnceLock::new()).collect() }
    }

    /// Whether an index can be stored.
    pub(crate) fn has_room_for(&self, index: u64) -> bool {
        index < (self.chunks.len() * CHUNK) as u64
    }

    pub(crate) fn set(&self, index: u64, offset: u32) {
        let Some((chunk, within)) = split(index) else { return };
        // A record that there is no room for is not found again: then its position cannot be read, and says so.
        let Some(chunk) = self.chunks.get(chunk) else { return };
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| AtomicU32::new(0)).collect());
        chunk[within].store(offset, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, index: u64) -> Option<u32> {
        let (chunk, within) = split(index)?;
        let offset = self.chunks.get(chunk)?.get()?[within].load(Ordering::Relaxed);
        // No record begins at 0, where the segment's header is.
        (offset != 0).then_some(offset)
    }
}

impl fmt::Debug for OffsetTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OffsetTable").field("chunks", &self.chunks.len()).finish_non_exhaustive()
    }
}

fn split(index: u64) -> Option<(usize, usize)> {
    let index = usize::try_from(index).ok()?;
    Some((index / CHUNK, index % CHUNK))
}

#[cfg(test)]
// The models include this file, and the test has no place in them.
#[cfg(not(feature = "loom"))]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_found_by_index_and_unset_ones_are_none() {
        let table = OffsetTable::new(10_000);
        table.set(0, 64);
        table.set(9_999, 77);
        assert_eq!((table.get(0), table.get(9_999), table.get(1)), (Some(64), Some(77), None));
        assert_eq!(table.get(u64::MAX), None);
        assert!(table.has_room_for(12_287) && !table.has_room_for(12_288));
        table.set(12_288, 64);
        assert_eq!(table.get(12_288), None);
    }
}
