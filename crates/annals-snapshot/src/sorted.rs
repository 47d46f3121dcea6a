//! A sorted file: records in the order of their keys, found through a filter and an index behind them.

use crate::written::Order;
use annals_format::run::FilterBlock;
use annals_format::snapshot::{
    SNAPSHOT_ENTRY_BYTES, SNAPSHOT_TRAILER_BYTES, SnapshotEntry, SnapshotFileHeader, SnapshotKey,
    SnapshotParts, SnapshotTrailer,
};
use annals_format::{Binding, Damage, FormatError, PAGE_BYTES, names, page_checksums};
use annals_vfs::Mapping;
use annals_vfs::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::ops::Range;
use std::sync::Arc;

const PAGE: u64 = PAGE_BYTES as u64;
const ENTRY: u64 = SNAPSHOT_ENTRY_BYTES as u64;

/// A sorted file, read through a mapping. Pages of index and filter are verified when they are first touched.
#[derive(Debug)]
pub(crate) struct Sorted {
    pub(crate) id: u64,
    pub(crate) header: SnapshotFileHeader,
    pub(crate) binding: Binding,
    pub(crate) trailer: SnapshotTrailer,
    pub(crate) mapping: Arc<Mapping>,
    parts: SnapshotParts,
    /// A bit for each page, set once it was found sound. Two threads may verify the same page.
    sound: Box<[AtomicU64]>,
    /// Whether damage was found in index or filter, so that the file is to be made again.
    pub(crate) damaged: AtomicBool,
}

impl Sorted {
    /// Opens a file whose header was read. The checks, in order: the trailer, the page checksums.
    ///
    /// # Errors
    /// The first check that fails.
    pub(crate) fn open(header: SnapshotFileHeader, mapping: Mapping) -> Result<Self, FormatError> {
        let (length, header_length) = (mapping.len(), header.length() as u64);
        let start = length.saturating_sub(SNAPSHOT_TRAILER_BYTES as u64);
        let trailer = mapping.bytes(start..length).and_then(<[u8]>::first_chunk);
        let Some(trailer) = trailer.filter(|_| start >= header_length) else {
            let least = header_length + SNAPSHOT_TRAILER_BYTES as u64;
            return Err(Damage::new(length, "length of a sorted file of snapshots", length, least).into());
        };
        let binding = header.binding();
        let trailer = SnapshotTrailer::decode(trailer, header_length, length, binding)?;
        let Some(parts) = trailer.parts() else {
            return Err(Damage::new(start, "lengths in the snapshot trailer", trailer.count, length).into());
        };
        let at = parts.page_table.start;
        let found = PayloadSum::of(mapping.bytes(at..parts.trailer.start).unwrap_or_default());
        if found != trailer.pages_checksum {
            let expected = trailer.pages_checksum;
            return Err(Damage::new(at, "checksum of the page table of snapshots", found, expected).into());
        }
        let words = (parts.filter.end - parts.index.start).div_ceil(PAGE).div_ceil(64);
        Ok(Sorted {
            id: header.file_id,
            header,
            binding,
            trailer,
            mapping: Arc::new(mapping),
            parts,
            sound: (0..words).map(|_| AtomicU64::new(0)).collect(),
            damaged: AtomicBool::new(false),
        })
    }

    /// Whether a filter leaves it open that there is a snapshot with this key.
    ///
    /// # Errors
    /// What is damaged.
    pub(crate) fn may_contain(&self, key: &SnapshotKey) -> Result<bool, Damage> {
        let hash = key.filter_hash();
        let Some(block) = self.trailer.filter.block_bytes(hash) else { return Ok(self.trailer.count > 0) };
        let start = self.parts.filter.start;
        let bytes = self.bytes(start + block.start..start + block.end)?;
        Ok(FilterBlock::may_contain(bytes, hash))
    }

    /// The entry with a number; `None` behind the last.
    ///
    /// # Errors
    /// What is damaged.
    pub(crate) fn entry(&self, number: u64) -> Result<Option<SnapshotEntry>, Damage> {
        if number >= self.trailer.count {
            return Ok(None);
        }
        let start = self.parts.index.start + number * ENTRY;
        Ok(self.bytes(start..start + ENTRY)?.first_chunk().map(SnapshotEntry::decode))
    }

    /// The number of the first entry at or behind a place in the order, which is not before `least`.
    ///
    /// Hashes are spread evenly, so the search begins where the entry should be and doubles its steps from there: two or
    /// three pages are touched, however large the index is.
    ///
    /// # Errors
    /// What is damaged.
    pub(crate) fn lower_bound(&self, order: &Order, least: u64) -> Result<u64, Damage> {
        let count = self.trailer.count;
        if least >= count {
            return Ok(count);
        }
        let guess = ((u128::from(order.0.stream) * u128::from(count)) >> 64) as u64;
        let (mut low, mut high) = (least, count);
        let (mut at, mut step) = (guess.clamp(low, count - 1), 16);
        // The bounds close in on the place from one side, in steps that grow.
        while low < high {
            let before = self.is_before(at, order)?;
            let next = if before {
                low = at + 1;
                low.saturating_add(step)
            } else {
                high = at;
                at.saturating_sub(step)
            };
            step = step.saturating_mul(4);
            if next <= low || next >= high {
                break;
            }
            at = next;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            (low, high) = if self.is_before(middle, order)? { (middle + 1, high) } else { (low, middle) };
        }
        Ok(low)
    }

    fn is_before(&self, number: u64, order: &Order) -> Result<bool, Damage> {
        Ok(self.entry(number)?.is_some_and(|entry| entry.order() < *order))
    }

    /// Bytes of index or filter, verified.
    fn bytes(&self, range: Range<u64>) -> Result<&[u8], Damage> {
        let base = self.parts.index.start;
        let within = range.start >= base && range.end <= self.parts.filter.end;
        let Some(bytes) = self.mapping.bytes(range.clone()).filter(|_| within && !range.is_empty()) else {
            return Err(Damage::new(
                range.start,
                "range in a file of snapshots",
                range.end,
                self.parts.filter.end,
            ));
        };
        for page in (range.start - base) / PAGE..=(range.end - 1 - base) / PAGE {
            let word = self.sound.get((page / 64) as usize);
            if word.is_none_or(|word| word.load(Ordering::Relaxed) >> (page % 64) & 1 == 0) {
                self.check_page(page)?;
            }
        }
        Ok(bytes)
    }

    #[cold]
    fn check_page(&self, page: u64) -> Result<(), Damage> {
        let start = self.parts.index.start + page * PAGE;
        let entry = self.parts.page_table.start + page * 4;
        let bytes = self.mapping.bytes(start..(start + PAGE).min(self.parts.filter.end)).unwrap_or_default();
        let expected = self.mapping.bytes(entry..entry + 4).and_then(<[u8]>::first_chunk);
        let (Some(found), Some(expected)) = (page_checksums(bytes).next(), expected) else {
            return Err(Damage::new(start, "page of a file of snapshots", page, 0u64));
        };
        let expected = u32::from_le_bytes(*expected);
        if found != expected {
            self.damaged.store(true, Ordering::Relaxed);
            return Err(Damage::new(start, "page checksum of a file of snapshots", found, expected));
        }
        if let Some(word) = self.sound.get((page / 64) as usize) {
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Verifies every page, and says what is wrong with each that is not as written.
    pub(crate) fn check_pages(&self, report: &mut dyn FnMut(Damage)) {
        let pages = (self.parts.filter.end - self.parts.index.start).div_ceil(PAGE);
        (0..pages).filter_map(|page| self.check_page(page).err()).for_each(report);
    }

    /// Where the records are.
    pub(crate) fn records(&self) -> Range<u64> {
        self.header.length() as u64..self.trailer.records_end
    }

    /// What lies between the records and the index, between index and filter, and before the trailer: zeros.
    pub(crate) fn gaps(&self) -> [Range<u64>; 3] {
        let parts = &self.parts;
        [
            self.trailer.records_end..parts.index.start,
            parts.index.end..parts.filter.start,
            parts.page_table.end..parts.trailer.start,
        ]
    }

    pub(crate) fn length(&self) -> u64 {
        self.mapping.len()
    }

    pub(crate) fn path(&self) -> String {
        names::snapshots(self.id)
    }
}

/// The checksum of the page checksums: a plain CRC-32, as that of a payload.
type PayloadSum = annals_format::snapshot::PayloadChecksum;
