//! The trailer that ends a sorted file of snapshots: how many of everything there are, and with that where everything is.

use super::entry::SNAPSHOT_ENTRY_BYTES;
use super::header::check_version;
use crate::FORMAT_VERSION;
use crate::binding::Binding;
use crate::damage::{Damage, FormatError};
use crate::pages::PAGE_BYTES;
use crate::run::{FILTER_ALIGNMENT, FilterShape};
use crate::wire::{put_u32, put_u64, u32_at, u64_at};
use std::ops::Range;

const MAGIC: [u8; 8] = *b"ANNALSNX";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const RECORDS_END: usize = 16;
const COUNT: usize = 24;
const KEYS: usize = 32;
const LAST_SEQUENCE: usize = 40;
const FILTER: usize = 48;
const PAGES_CHECKSUM: usize = 52;
const RESERVED: usize = 56;

/// Length of the trailer.
pub const SNAPSHOT_TRAILER_BYTES: usize = 64;
/// Offsets have 32 bits, in units of 8 bytes.
const FILE_BYTES_MAX: u64 = (u32::MAX as u64) * 8;

const _: () = assert!(RESERVED + 8 == SNAPSHOT_TRAILER_BYTES);

/// What a trailer says of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotTrailer {
    /// Where the records end: a multiple of 8.
    pub records_end: u64,
    /// How many snapshots there are.
    pub count: u64,
    /// How many pairs of stream and tag, told apart by their hashes, they are of.
    pub keys: u64,
    /// The highest sequence of them; 0 if there are none.
    pub last_sequence: u64,
    /// The filter of the keys.
    pub filter: FilterShape,
    /// The checksum of the page checksums.
    pub pages_checksum: u32,
}

/// Where the parts of a sorted file lie behind its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotParts {
    /// The entries. The first page begins with the first of them.
    pub index: Range<u64>,
    /// The filter. The last page ends with it.
    pub filter: Range<u64>,
    /// The page checksums.
    pub page_table: Range<u64>,
    /// The trailer, behind zeros up to a multiple of 8.
    pub trailer: Range<u64>,
}

impl SnapshotParts {
    /// The parts of a file. `None` if they are larger than any file.
    #[must_use]
    pub fn new(records_end: u64, count: u64, filter: FilterShape) -> Option<Self> {
        let align = |at: u64, to: u64| at.checked_next_multiple_of(to);
        let index = align(records_end, FILTER_ALIGNMENT)?;
        let index_end = index.checked_add(count.checked_mul(SNAPSHOT_ENTRY_BYTES as u64)?)?;
        let filter_start = align(index_end, FILTER_ALIGNMENT)?;
        let filter_end = filter_start.checked_add(filter.length())?;
        let pages = (filter_end - index).div_ceil(PAGE_BYTES as u64);
        let table_end = filter_end.checked_add(pages * 4)?;
        let trailer = align(table_end, 8)?;
        let end = trailer.checked_add(SNAPSHOT_TRAILER_BYTES as u64)?;
        Some(SnapshotParts {
            index: index..index_end,
            filter: filter_start..filter_end,
            page_table: filter_end..table_end,
            trailer: trailer..end,
        })
    }
}

impl SnapshotTrailer {
    /// Where the parts are.
    #[must_use]
    pub fn parts(&self) -> Option<SnapshotParts> {
        SnapshotParts::new(self.records_end, self.count, self.filter)
    }

    /// Whether bytes begin as a trailer does. Nothing is verified.
    #[must_use]
    pub fn may_be(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The trailer as bytes.
    #[must_use]
    pub fn encode(&self, binding: Binding) -> [u8; SNAPSHOT_TRAILER_BYTES] {
        let mut bytes = [0; SNAPSHOT_TRAILER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        put_u64(&mut bytes, RECORDS_END, self.records_end);
        put_u64(&mut bytes, COUNT, self.count);
        put_u64(&mut bytes, KEYS, self.keys);
        put_u64(&mut bytes, LAST_SEQUENCE, self.last_sequence);
        put_u32(&mut bytes, FILTER, self.filter.blocks);
        put_u32(&mut bytes, PAGES_CHECKSUM, self.pages_checksum);
        let checksum = trailer_checksum(&bytes, binding);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// Reads the trailer that ends a file of `file_length` bytes whose header takes `header_length`.
    ///
    /// The checks, in order: magic, checksum (bound to store and file), version, reserved bytes, length of the file, and that
    /// the parts fill the file exactly.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(
        bytes: &[u8; SNAPSHOT_TRAILER_BYTES],
        header_length: u64,
        file_length: u64,
        binding: Binding,
    ) -> Result<Self, FormatError> {
        let base = file_length.saturating_sub(SNAPSHOT_TRAILER_BYTES as u64);
        let at = |field: usize| base + field as u64;
        if bytes[..8] != MAGIC {
            let (found, expected) = (u64_at(bytes, 0), u64_at(&MAGIC, 0));
            return Err(Damage::new(base, "magic number of the snapshot trailer", found, expected).into());
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), trailer_checksum(bytes, binding));
        if found != expected {
            return Err(Damage::new(at(CHECKSUM), "snapshot trailer checksum", found, expected).into());
        }
        check_version(u32_at(bytes, VERSION), at(VERSION))?;
        let reserved = u64_at(bytes, RESERVED);
        if reserved != 0 {
            let what = "reserved bytes of the snapshot trailer";
            return Err(Damage::new(at(RESERVED), what, reserved, 0u64).into());
        }
        if file_length > FILE_BYTES_MAX {
            return Err(
                Damage::new(base, "length of a file of snapshots", file_length, FILE_BYTES_MAX).into()
            );
        }
        let trailer = SnapshotTrailer {
            records_end: u64_at(bytes, RECORDS_END),
            count: u64_at(bytes, COUNT),
            keys: u64_at(bytes, KEYS),
            last_sequence: u64_at(bytes, LAST_SEQUENCE),
            filter: FilterShape { blocks: u32_at(bytes, FILTER) },
            pages_checksum: u32_at(bytes, PAGES_CHECKSUM),
        };
        let end = trailer.parts().map(|parts| parts.trailer.end);
        let fits = trailer.records_end.is_multiple_of(8)
            && trailer.records_end >= header_length
            && trailer.keys <= trailer.count
            && end == Some(file_length);
        if !fits {
            let what = "lengths in the snapshot trailer";
            return Err(Damage::new(at(RECORDS_END), what, trailer.records_end, file_length).into());
        }
        Ok(trailer)
    }
}

/// See [`crate::reseal`].
pub(super) fn reseal_trailer(bytes: &mut [u8], binding: Binding) {
    let start = bytes.len().saturating_sub(SNAPSHOT_TRAILER_BYTES);
    let Some(trailer) = bytes.last_chunk::<SNAPSHOT_TRAILER_BYTES>() else { return };
    let trailer = *trailer;
    let filter = FilterShape { blocks: u32_at(&trailer, FILTER) };
    let parts = SnapshotParts::new(u64_at(&trailer, RECORDS_END), u64_at(&trailer, COUNT), filter);
    if let Some(parts) = parts.filter(|parts| parts.trailer.end == bytes.len() as u64) {
        let [index, filter_end, table_end] =
            [parts.index.start, parts.filter.end, parts.page_table.end].map(|at| at as usize);
        let sums: Vec<u8> =
            crate::pages::page_checksums(&bytes[index..filter_end]).flat_map(u32::to_le_bytes).collect();
        bytes[filter_end..table_end].copy_from_slice(&sums);
        let checksum = crc32fast::hash(&bytes[filter_end..start]);
        put_u32(&mut bytes[start..], PAGES_CHECKSUM, checksum);
    }
    let checksum = trailer_checksum(&bytes[start..], binding);
    put_u32(&mut bytes[start..], CHECKSUM, checksum);
}

fn trailer_checksum(bytes: &[u8], binding: Binding) -> u32 {
    binding.checksum_of(&[&bytes[..CHECKSUM], &bytes[RECORDS_END..]])
}
