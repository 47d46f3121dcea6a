//! Which sorted files are merged next.

use crate::sorted::Sorted;
use std::sync::Arc;

/// Files of one size that are too many.
const FAN_OUT: usize = 4;
/// Most files that are merged at once.
const SOURCES_MAX: usize = 16;
/// Files of up to four times this many bytes are of one size.
const SMALLEST_TIER_BYTES: u64 = 4096;

/// Files that are worth merging: of the smallest size of which there are four, as many as fit into one file; at least two.
pub(crate) fn choose(files: &[Arc<Sorted>], bytes_max: u64) -> Option<Vec<Arc<Sorted>>> {
    let mut by_size: Vec<&Arc<Sorted>> = files.iter().collect();
    by_size.sort_by_key(|file| (file.length(), file.id));
    let tiers = by_size.chunk_by(|one, other| tier(one.length()) == tier(other.length()));
    tiers.filter(|tier| tier.len() >= FAN_OUT).find_map(|tier| {
        let mut room = bytes_max;
        let fitting = tier.iter().take(SOURCES_MAX).take_while(|file| {
            let fits = file.length() <= room;
            room = room.saturating_sub(file.length());
            fits
        });
        let chosen: Vec<Arc<Sorted>> = fitting.map(|file| Arc::clone(file)).collect();
        (chosen.len() >= 2).then_some(chosen)
    })
}

/// The logarithm of a size to the base of four.
fn tier(bytes: u64) -> u32 {
    (bytes / SMALLEST_TIER_BYTES).checked_ilog2().unwrap_or(0) / 2
}
