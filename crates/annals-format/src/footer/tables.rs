//! Reading the tables of a footer: where they lie, what they say of a record, and whether they are as written.
//!
//! All of these get the **tables**: the bytes of the file from `frames_end` up to its end. Ranges are offsets in the file.

use super::offsets::{self, ENTRY_BYTES, UNIT_BYTES};
use super::stretches::STRETCH_BYTES;
use super::{BLOCK_RECORDS, Footer, OCCURRED_RECORDS, SPAN_BYTES, TIME_STRIDE, TimeRange, range_at};
use crate::damage::Damage;
use crate::pages::{PAGE_BYTES, page_checksums, page_count};
use crate::wire::u32_at;
use crc32fast::hash;
use std::ops::Range;

/// Length of the range of occurred_at of a block.
const RANGE_BYTES: usize = 16;

impl Footer {
    fn has_blocks(&self) -> bool {
        self.version >= 2
    }

    fn blocks(&self) -> u64 {
        if self.has_blocks() { self.count.div_ceil(BLOCK_RECORDS as u64) } else { 0 }
    }

    /// Where the table of offsets lies: in version 1 four bytes for each record, since version 2 an entry of sixteen bytes
    /// for each block of [`BLOCK_RECORDS`].
    #[must_use]
    pub fn offsets(&self) -> Range<u64> {
        let length = if self.has_blocks() { self.blocks() * ENTRY_BYTES as u64 } else { self.count * 4 };
        self.frames_end..self.frames_end + length
    }

    /// How many records have one range of occurred_at: [`OCCURRED_RECORDS`], and up to version 3 those of a block.
    #[must_use]
    pub fn occurred_records(&self) -> u64 {
        if self.version >= 4 { OCCURRED_RECORDS as u64 } else { BLOCK_RECORDS as u64 }
    }

    /// Where the ranges of occurred_at lie, sixteen bytes for each [`Footer::occurred_records`]; empty in version 1.
    #[must_use]
    pub fn occurred_blocks(&self) -> Range<u64> {
        let start = self.offsets().end.next_multiple_of(8);
        let ranges = if self.has_blocks() { self.count.div_ceil(self.occurred_records()) } else { 0 };
        start..start + ranges * RANGE_BYTES as u64
    }

    /// Where the table of times lies: eight bytes for every [`TIME_STRIDE`]th record.
    #[must_use]
    pub fn times(&self) -> Range<u64> {
        let start = self.occurred_blocks().end;
        start..start + self.count.div_ceil(TIME_STRIDE as u64) * 8
    }

    /// Where the distances of the offsets from the lines of their blocks lie; empty in version 1.
    #[must_use]
    pub fn distances(&self) -> Range<u64> {
        let start = self.times().end;
        start..start + u64::from(self.distance_units) * UNIT_BYTES as u64
    }

    /// How many spans have a checksum: all of the segment before the footer, and none up to version 2.
    #[must_use]
    pub fn span_count(&self) -> u64 {
        if self.version >= 3 { self.frames_end.div_ceil(SPAN_BYTES as u64) } else { 0 }
    }

    /// Where the checksums of the spans lie, four bytes for each.
    #[must_use]
    pub fn spans(&self) -> Range<u64> {
        let start = self.distances().end;
        start..start + self.span_count() * 4
    }

    /// Where the stretches of positions lie, eight bytes for each; empty where no position is missing.
    #[must_use]
    pub fn stretches(&self) -> Range<u64> {
        let start = self.spans().end;
        start..start + u64::from(self.stretches) * STRETCH_BYTES as u64
    }

    /// Where the page checksums lie. They cover everything from `frames_end` up to here.
    #[must_use]
    pub fn page_table(&self) -> Range<u64> {
        let start = self.stretches().end;
        start..start + (start - self.frames_end).div_ceil(PAGE_BYTES as u64) * 4
    }

    /// Where the record number `index` of the segment begins, as far as the tables say. They are not verified: the record
    /// there tells whether it is the one. `None` if there is no such record, or if the tables cannot be right.
    #[must_use]
    #[inline]
    pub fn offset(&self, tables: &[u8], index: u64) -> Option<u32> {
        if index >= self.count {
            return None;
        }
        if !self.has_blocks() {
            let at = usize::try_from(index * 4).ok()?;
            return tables.get(at..)?.first_chunk().map(|offset| u32::from_le_bytes(*offset));
        }
        let at = usize::try_from(index / BLOCK_RECORDS as u64).ok()? * ENTRY_BYTES;
        let entry = tables.get(at..)?.first_chunk()?;
        let distances = tables.get(self.within(&self.distances())?)?;
        offsets::find(entry, distances, (index % BLOCK_RECORDS as u64) as u32)
    }

    /// Where in the file the entry of the table of offsets lies that the record number `index` needs, if there is such a
    /// record. For fetching it ahead.
    #[must_use]
    #[inline]
    pub fn offset_entry(&self, index: u64) -> u64 {
        let within = if self.has_blocks() {
            index / BLOCK_RECORDS as u64 * ENTRY_BYTES as u64
        } else {
            index.saturating_mul(4)
        };
        self.frames_end.saturating_add(within)
    }

    /// Where in the file the distance of the record number `index` lies, as far as the tables say; `None` if they do not. For
    /// fetching it ahead: nothing of it is verified.
    #[must_use]
    #[inline]
    pub fn distance_of(&self, tables: &[u8], index: u64) -> Option<u64> {
        if index >= self.count || !self.has_blocks() {
            return None;
        }
        let at = usize::try_from(index / BLOCK_RECORDS as u64).ok()? * ENTRY_BYTES;
        let entry = tables.get(at..)?.first_chunk()?;
        let within = (index % BLOCK_RECORDS as u64) as u32;
        Some(self.distances().start + offsets::place(entry) + offsets::within(entry, within))
    }

    /// Where the distances of some records, ascending, lie in the file, as far as the tables say; an empty range if they do
    /// not. For reading ahead: nothing of it is verified.
    #[must_use]
    pub fn distances_of(&self, tables: &[u8], records: &Range<u64>) -> Range<u64> {
        let all = self.distances();
        let start_of = |index: u64| {
            let at = usize::try_from(index / BLOCK_RECORDS as u64).ok()?.checked_mul(ENTRY_BYTES)?;
            let entry =
                tables.get(at..)?.first_chunk().filter(|_| self.has_blocks() && index < self.count)?;
            Some((all.start + offsets::place(entry)).min(all.end))
        };
        let next_block = records.end.min(self.count).div_ceil(BLOCK_RECORDS as u64);
        let Some(start) = start_of(records.start) else { return all.start..all.start };
        let end = start_of(next_block * BLOCK_RECORDS as u64).unwrap_or(all.end);
        start..end.max(start)
    }

    /// The numbers of the records that have one range of occurred_at with the record number `index`, and where that lies. `None` if
    /// there is no such record or no such table.
    #[must_use]
    pub fn occurred_block(&self, index: u64) -> Option<(Range<u64>, Range<u64>)> {
        if index >= self.count || !self.has_blocks() {
            return None;
        }
        let records = self.occurred_records();
        let range = index / records;
        let first = range * records;
        let at = self.occurred_blocks().start + range * RANGE_BYTES as u64;
        Some((first..(first + records).min(self.count), at..at + RANGE_BYTES as u64))
    }

    /// The range of occurred_at of the record number `index` and those beside it. Who hides events because of it has to
    /// verify its pages, see [`Footer::check_page`].
    #[must_use]
    pub fn occurred_in_block(&self, tables: &[u8], index: u64) -> Option<TimeRange> {
        let (_, at) = self.occurred_block(index)?;
        Some(range_at(tables.get(self.within(&at)?)?.first_chunk::<RANGE_BYTES>()?, 0))
    }

    /// The ranges of occurred_at of the record number `index` and of those behind it, or in front of it
    /// from the nearest to the first, each with the page of the tables that it is on. Who hides events because of it has to
    /// verify these pages.
    pub fn occurred_from<'t>(
        &self,
        tables: &'t [u8],
        index: u64,
        backwards: bool,
    ) -> impl Iterator<Item = (u64, TimeRange)> + use<'t> {
        let table = self.occurred_blocks();
        let start = table.start - self.frames_end;
        let all = self.within(&table).and_then(|range| tables.get(range)).unwrap_or_default();
        let all = all.as_chunks::<RANGE_BYTES>().0;
        let block = usize::try_from(index / self.occurred_records()).unwrap_or(usize::MAX).min(all.len());
        // Only one of the two is walked.
        let (before, behind) = all.split_at(if backwards { (block + 1).min(all.len()) } else { block });
        let (before, behind) = if backwards { (before, &all[..0]) } else { (&all[..0], behind) };
        let (behind, first) = (behind.iter().enumerate(), all.len() - behind.len());
        let behind = behind.map(move |(number, bytes)| (first + number, bytes));
        behind.chain(before.iter().enumerate().rev()).map(move |(block, bytes)| {
            // A range lies within one page: both lengths are powers of two, and the first begins at a multiple of its own.
            let page = (start + (block * RANGE_BYTES) as u64) / PAGE_BYTES as u64;
            (page, range_at(bytes, 0))
        })
    }

    /// Where the checksum of a span lies. `None` if there is no such span or no such table.
    #[must_use]
    #[inline]
    pub fn place_of_span(&self, span: u64) -> Option<Range<u64>> {
        let spans = self.spans();
        let at = spans.start + span.checked_mul(4)?;
        (at < spans.end).then_some(at..at + 4)
    }

    /// The checksum of a span. Who believes in records because of it has to verify its pages, see [`Footer::check_page`].
    #[must_use]
    #[inline]
    pub fn span_checksum(&self, tables: &[u8], span: u64) -> Option<u32> {
        let place = self.within(&self.place_of_span(span)?)?;
        Some(u32_at(tables.get(place)?, 0))
    }

    /// Verifies the whole footer.
    ///
    /// # Errors
    /// The page table, the zeros behind it, or the first page that is not as written.
    pub fn check_tables(&self, tables: &[u8]) -> Result<(), Damage> {
        self.check_page_table(tables)?;
        let pages = (self.page_table().start - self.frames_end).div_ceil(PAGE_BYTES as u64);
        (0..pages).try_for_each(|page| self.check_page(tables, page))
    }

    /// Verifies the page checksums themselves, and the zeros behind them.
    ///
    /// # Errors
    /// What is not as written.
    pub fn check_page_table(&self, tables: &[u8]) -> Result<(), Damage> {
        let table = self.page_table();
        let Some(sums) = self.within(&table).and_then(|range| tables.get(range)) else {
            return Err(self.too_short(tables));
        };
        let found = hash(sums);
        if found != self.pages_checksum {
            return Err(Damage::new(table.start, "checksum of the page table", found, self.pages_checksum));
        }
        let padding = self.within(&(table.end..table.end.next_multiple_of(8)));
        let padding = padding.and_then(|range| tables.get(range)).unwrap_or_default();
        if padding.iter().any(|byte| *byte != 0) {
            let found = padding.iter().filter(|byte| **byte != 0).count() as u64;
            return Err(Damage::new(table.end, "zeros behind the page table", found, 0u64));
        }
        Ok(())
    }

    /// Verifies one page of the tables; page 0 begins at `frames_end`. The page checksums must have been verified before.
    ///
    /// # Errors
    /// That there is no such page, or that it is not as written.
    pub fn check_page(&self, tables: &[u8], page: u64) -> Result<(), Damage> {
        let table = self.page_table();
        let covered = self.within(&(self.frames_end..table.start)).and_then(|range| tables.get(range));
        let sums = self.within(&table).and_then(|range| tables.get(range));
        let (Some(covered), Some(sums)) = (covered, sums) else { return Err(self.too_short(tables)) };
        debug_assert_eq!(sums.len(), page_count(covered.len()) * 4);
        let place = usize::try_from(page).ok().filter(|page| *page < sums.len() / 4);
        let Some(place) = place else {
            return Err(Damage::new(table.start, "page of a footer", page, sums.len() as u64 / 4));
        };
        let expected = u32_at(sums, place * 4);
        let found = page_checksums(&covered[place * PAGE_BYTES..]).next().unwrap_or(!expected);
        if found != expected {
            let at = self.frames_end + page * PAGE_BYTES as u64;
            return Err(Damage::new(at, "footer page checksum", found, expected));
        }
        Ok(())
    }

    fn too_short(&self, tables: &[u8]) -> Damage {
        Damage::new(self.frames_end, "length of the footer", tables.len() as u64, self.page_table().end)
    }

    /// A range of the file as a range of the tables.
    pub(super) fn within(&self, range: &Range<u64>) -> Option<Range<usize>> {
        let place = |at: u64| at.checked_sub(self.frames_end).and_then(|at| usize::try_from(at).ok());
        Some(place(range.start)?..place(range.end)?)
    }
}
