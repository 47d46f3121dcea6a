//! Page checksums: parts of files that are read at random places through a mapping are cut into pages,
//! and a table after them holds the checksum of each, so that a reader verifies just what it touches.

use crc32fast::hash;

/// Bytes covered by one page checksum.
pub const PAGE_BYTES: usize = 4096;

/// How many pages a part of this length has; the last one may be short.
#[must_use]
pub fn page_count(length: usize) -> usize {
    length.div_ceil(PAGE_BYTES)
}

/// The checksum of every page, in order.
pub fn page_checksums(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks(PAGE_BYTES).map(hash)
}
