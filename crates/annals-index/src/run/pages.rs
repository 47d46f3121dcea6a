//! A mapped file whose pages are verified when they are first touched.

use annals_format::{Damage, PAGE_BYTES, page_checksums};
use annals_types::planted::{Bug, planted};
use annals_vfs::Mapping;
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use std::ops::Range;

const PAGE: u64 = PAGE_BYTES as u64;

/// The bytes of a run. None is handed out before the checksum of its page was compared.
pub(super) struct Pages {
    mapping: Mapping,
    /// Where the checksums are; the pages are what lies before them.
    table: Range<u64>,
    /// A bit for each page, set once it was found sound. Nothing is read because of the bit but what the
    /// mapping has held all along, so no order between threads is needed; two may verify the same page.
    sound: Box<[AtomicU64]>,
}

impl Pages {
    /// `table` is where the mapping has the checksums, one for each page before it.
    pub(super) fn new(mapping: Mapping, table: Range<u64>) -> Self {
        let words = table.start.div_ceil(PAGE).div_ceil(64);
        Pages { mapping, table, sound: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The bytes of a range of the file.
    ///
    /// # Errors
    /// The range reaches beyond the pages, or one of the pages is not as written.
    #[inline]
    pub(super) fn bytes(&self, range: Range<u64>) -> Result<&[u8], Damage> {
        let within = range.end <= self.table.start;
        let Some(bytes) = self.mapping.bytes(range.clone()).filter(|_| within) else {
            // A place that leads too far is damage somewhere before the end of the pages.
            let at = range.start.min(self.table.start);
            return Err(Damage::new(at, "range in a run", range.end, self.table.start));
        };
        if !bytes.is_empty() {
            for page in range.start / PAGE..=(range.end - 1) / PAGE {
                if !self.is_sound(page) {
                    self.check(page)?;
                }
            }
        }
        Ok(bytes)
    }

    /// Says that a range will be read soon.
    pub(super) fn prefetch(&self, range: Range<u64>) {
        self.mapping.prefetch(range);
    }

    /// Says that the bytes at an offset, so many lines of the processor's cache, will be read at once.
    #[inline]
    pub(super) fn prefetch_lines(&self, offset: u64, lines: u64) {
        self.mapping.prefetch_lines(offset, lines);
    }

    /// Verifies every page, also those that were found sound before.
    ///
    /// # Errors
    /// The first page that is not as written.
    pub(super) fn check_all(&self) -> Result<(), Damage> {
        (0..self.table.start.div_ceil(PAGE)).try_for_each(|page| self.check(page))
    }

    fn is_sound(&self, page: u64) -> bool {
        let word = self.sound.get((page / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (page % 64) & 1 == 1)
    }

    #[cold]
    fn check(&self, page: u64) -> Result<(), Damage> {
        let start = page * PAGE;
        let entry = self.table.start + page * 4;
        let bytes = self.mapping.bytes(start..(start + PAGE).min(self.table.start)).unwrap_or_default();
        let expected = self.mapping.bytes(entry..entry + 4).and_then(<[u8]>::first_chunk);
        let (Some(found), Some(expected)) = (page_checksums(bytes).next(), expected) else {
            return Err(Damage::new(start, "page of a run", page, self.table.start / PAGE));
        };
        let expected = u32::from_le_bytes(*expected);
        if found != expected && !planted(Bug::RunPageChecksumNotVerified) {
            return Err(Damage::new(start, "run page checksum", found, expected));
        }
        if let Some(word) = self.sound.get((page / 64) as usize) {
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
        Ok(())
    }
}
