//! The footer of a mapped segment: what is looked up in its tables, and which of their pages were found sound.

use annals_format::{
    Binding, FOOTER_TRAILER_BYTES, Footer, PAGE_BYTES, SPAN_BYTES, SealedSegment, Stretch, TimeRange,
    span_checksum,
};
use annals_types::Timestamp;
use annals_types::planted::{Bug, planted};
use annals_vfs::Mapping;
use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use std::ops::Range;

/// A footer whose trailer is sound. Its tables are not read before they are asked.
pub(super) struct Tables {
    footer: Footer,
    /// Whether the page checksums are as written.
    sums: OnceLock<bool>,
    /// Whether the stretches of positions, all of which are verified together, are as written.
    stretches: OnceLock<bool>,
    /// A bit for each page of the tables, set once it was found sound. Nothing is read because of the bit but what the mapping
    /// has held all along, so no order between threads is needed; two may verify the same page.
    sound: Box<[AtomicU64]>,
}

impl Tables {
    /// The footer, if it is sound and is the one that the manifest means.
    pub(super) fn read(mapping: &Mapping, binding: Binding, entry: &SealedSegment) -> Option<Self> {
        let length = mapping.len();
        let trailer = mapping.bytes(length.checked_sub(FOOTER_TRAILER_BYTES as u64)?..length)?;
        let footer = Footer::decode_trailer(trailer.first_chunk()?, binding, length).ok()?;
        let same = footer.segment_id == entry.id
            && footer.first_position == entry.first_position
            && footer.count == entry.count
            && footer.frames_end == entry.frames_end;
        // The tables lie within the file, so this is bounded by its length.
        let pages = (footer.page_table().start - footer.frames_end).div_ceil(PAGE_BYTES as u64);
        let sound = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        same.then(|| Tables { footer, sums: OnceLock::new(), stretches: OnceLock::new(), sound })
    }

    /// Where a record begins, as far as the tables say, which are not verified.
    #[inline]
    pub(super) fn offset(&self, mapping: &Mapping, index: u64) -> Option<u32> {
        self.footer.offset(self.bytes(mapping), index)
    }

    /// Where in the file the entry lies that leads to the offset of a record, if there is such a record.
    #[inline]
    pub(super) fn entry_of(&self, index: u64) -> u64 {
        self.footer.offset_entry(index)
    }

    /// Where in the file that lies which is added to the entry's line, as far as the tables say.
    #[inline]
    pub(super) fn place_of_offset(&self, mapping: &Mapping, index: u64) -> Option<u64> {
        self.footer.distance_of(self.bytes(mapping), index)
    }

    /// The recorded_at of every so manieth record, not verified.
    pub(super) fn times<'m>(&self, mapping: &'m Mapping) -> Option<&'m [[u8; 8]]> {
        Some(mapping.bytes(self.footer.times())?.as_chunks().0)
    }

    /// The numbers of the records in the block of a record, and their range of occurred_at; `None` if the footer has none
    /// or if it is damaged. Events are hidden because of it, so its page is verified.
    pub(super) fn occurred(&self, mapping: &Mapping, index: u64) -> Option<(Range<u64>, TimeRange)> {
        let (records, place) = self.footer.occurred_block(index)?;
        let tables = self.bytes(mapping);
        // A range lies within one page: both lengths are powers of two, and the first range begins at a multiple of its own.
        let sound = self.page_is_sound(tables, place.start) || planted(Bug::OccurredBlockNotVerified);
        let occurred = self.footer.occurred_in_block(tables, index).filter(|_| sound)?;
        Some((records, occurred))
    }

    /// The records of the blocks from that of a record on, towards the end or the beginning, none of which occurred within
    /// `times`, as far as sound pages tell. A segment may have thousands of blocks, so each costs a nanosecond.
    pub(super) fn outside(
        &self,
        mapping: &Mapping,
        index: u64,
        times: TimeRange,
        backwards: bool,
    ) -> Range<u64> {
        let tables = self.bytes(mapping);
        let (mut trusted, mut blocks) = (None, 0);
        for (page, occurred) in self.footer.occurred_from(tables, index, backwards) {
            let sound = trusted == Some(page) || self.is_sound(page) || self.check(tables, page);
            if !sound || !occurred.is_outside(times) {
                break;
            }
            (trusted, blocks) = (Some(page), blocks + 1);
        }
        let records = self.footer.occurred_records();
        let block = index / records;
        let (first, end) = if backwards { (block + 1 - blocks, block + 1) } else { (block, block + blocks) };
        first * records..(end * records).min(self.footer.count)
    }

    /// How many stretches of positions there are.
    pub(super) fn stretch_count(&self) -> u32 {
        self.footer.stretch_count()
    }

    /// A stretch, which was verified.
    #[inline]
    pub(super) fn stretch(&self, mapping: &Mapping, number: u32) -> Option<Stretch> {
        self.footer.stretch(self.bytes(mapping), number)
    }

    /// Whether the stretches are as written, and ones that a segment of so many positions can have. Events are taken for
    /// removed because of them.
    pub(super) fn stretches_are_sound(&self, mapping: &Mapping, positions: u64) -> bool {
        *self.stretches.get_or_init(|| {
            let tables = self.bytes(mapping);
            let mut pages = self.footer.pages_of_stretches();
            let sound = pages.all(|page| self.is_sound(page) || self.check(tables, page))
                || planted(Bug::StretchesNotVerified);
            sound && self.footer.check_stretches(tables, positions).is_ok()
        })
    }

    /// Whether there are sums of spans.
    pub(super) fn has_spans(&self) -> bool {
        self.footer.span_count() > 0
    }

    /// Whether the bytes of a span are those that were summed up when the segment was sealed. They are summed up each time.
    /// Records are believed because of it, so the page that the sum is on is verified.
    pub(super) fn span_is_sound(&self, mapping: &Mapping, span: u64) -> bool {
        let bytes = self.span_bytes(mapping, span);
        let (Some(bytes), Some(place)) = (bytes, self.footer.place_of_span(span)) else { return false };
        let tables = self.bytes(mapping);
        // A sum lies within one page: the table begins at a multiple of eight.
        let expected =
            self.footer.span_checksum(tables, span).filter(|_| self.page_is_sound(tables, place.start));
        expected == Some(span_checksum(bytes)) || planted(Bug::SpanNotVerified)
    }

    fn span_bytes<'m>(&self, mapping: &'m Mapping, span: u64) -> Option<&'m [u8]> {
        let start = span.checked_mul(SPAN_BYTES as u64)?;
        mapping.bytes(start..self.footer.frames_end.min(start.checked_add(SPAN_BYTES as u64)?))
    }

    /// Whether all of the footer is as written.
    pub(super) fn all_sound(&self, mapping: &Mapping) -> bool {
        mapping.prefetch(self.footer.frames_end..mapping.len());
        self.footer.check_tables(self.bytes(mapping)).is_ok()
    }

    /// Where the offsets of some records, ascending, lie in the file.
    pub(super) fn places_of_offsets(&self, mapping: &Mapping, records: &Range<u64>) -> Range<u64> {
        self.footer.distances_of(self.bytes(mapping), records)
    }

    fn bytes<'m>(&self, mapping: &'m Mapping) -> &'m [u8] {
        mapping.bytes(self.footer.frames_end..mapping.len()).unwrap_or_default()
    }

    /// Whether the page of the tables at an offset of the file is as written.
    #[inline]
    fn page_is_sound(&self, tables: &[u8], offset: u64) -> bool {
        let page = (offset - self.footer.frames_end) / PAGE_BYTES as u64;
        self.is_sound(page) || self.check(tables, page)
    }

    fn is_sound(&self, page: u64) -> bool {
        let word = self.sound.get((page / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (page % 64) & 1 == 1)
    }

    #[cold]
    fn check(&self, tables: &[u8], page: u64) -> bool {
        let sums = *self.sums.get_or_init(|| self.footer.check_page_table(tables).is_ok());
        if !sums || self.footer.check_page(tables, page).is_err() {
            return false;
        }
        if let Some(word) = self.sound.get((page / 64) as usize) {
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
        true
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").field("footer", &self.footer).finish_non_exhaustive()
    }
}

/// How many of the times are not after `time`.
pub(super) fn not_after(times: &[[u8; 8]], time: Timestamp) -> u64 {
    times.partition_point(|bytes| i64::from_le_bytes(*bytes) <= time.as_nanos()) as u64
}
