//! The footer of a sealed segment: where each record is, and when it was recorded.
//!
//! Everything in it can be computed again from the frames before it. It lies behind the last frame:
//! offsets, times, page checksums, trailer; the trailer ends the file.

use crate::FORMAT_VERSION;
use crate::binding::Binding;
use crate::damage::{Damage, FormatError};
use crate::pages::{PAGE_BYTES, page_checksums, page_count};
use crate::wire::{i64_at, put_i64, put_u32, put_u64, u32_at, u64_at};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};
use crc32fast::hash;
use std::ops::Range;

const MAGIC: [u8; 8] = *b"ANNALFTR";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const SEGMENT_ID: usize = 16;
const FIRST_POSITION: usize = 24;
const COUNT: usize = 32;
const FRAMES_END: usize = 40;
const RECORDED_MIN: usize = 48;
const RECORDED_MAX: usize = 56;
const OCCURRED_MIN: usize = 64;
const OCCURRED_MAX: usize = 72;
const PAGES_CHECKSUM: usize = 80;
const RESERVED: usize = 84;

/// Length of the trailer that ends a sealed segment.
pub const FOOTER_TRAILER_BYTES: usize = 88;
/// The footer has the recorded_at of every so manieth record, so that a time is found with few page reads.
pub const TIME_STRIDE: usize = 256;

/// The earliest and the latest of some moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The earliest.
    pub min: Timestamp,
    /// The latest.
    pub max: Timestamp,
}

impl TimeRange {
    /// The range of no moments at all: `min` lies after `max`.
    pub const EMPTY: TimeRange = TimeRange { min: Timestamp::MAX, max: Timestamp::MIN };

    /// Widens the range to hold `time`.
    pub fn include(&mut self, time: Timestamp) {
        self.min = self.min.min(time);
        self.max = self.max.max(time);
    }
}

/// What a trailer says of its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The segment's number.
    pub segment_id: u64,
    /// Position of its first event.
    pub first_position: Position,
    /// How many events it has.
    pub count: u64,
    /// Where the frames end and the footer begins.
    pub frames_end: u64,
    /// Range of recorded_at.
    pub recorded: TimeRange,
    /// Range of occurred_at.
    pub occurred: TimeRange,
    pages_checksum: u32,
}

/// Collects a footer, record by record in order of positions.
#[derive(Debug)]
pub struct FooterBuilder {
    offsets: Vec<u32>,
    times: Vec<i64>,
    recorded: TimeRange,
    occurred: TimeRange,
}

impl Default for FooterBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl FooterBuilder {
    /// Of no records yet.
    #[must_use]
    pub fn new() -> Self {
        FooterBuilder {
            offsets: Vec::new(),
            times: Vec::new(),
            recorded: TimeRange::EMPTY,
            occurred: TimeRange::EMPTY,
        }
    }

    /// Adds the next record, which begins at `offset` of the file.
    pub fn push(&mut self, offset: u32, recorded_at: Timestamp, occurred_at: Timestamp) {
        if self.offsets.len().is_multiple_of(TIME_STRIDE) {
            self.times.push(recorded_at.as_nanos());
        }
        self.offsets.push(offset);
        self.recorded.include(recorded_at);
        self.occurred.include(occurred_at);
    }

    /// Adds the record of a lost event. When it occurred is not known, so the range of occurred_at is left as it is.
    pub fn push_lost(&mut self, offset: u32, recorded_at: Timestamp) {
        let occurred = self.occurred;
        self.push(offset, recorded_at, recorded_at);
        self.occurred = occurred;
    }

    /// The footer as bytes, to be written at `frames_end`, and what its trailer says.
    #[must_use]
    pub fn finish(
        &self,
        binding: Binding,
        segment_id: u64,
        first_position: Position,
        frames_end: u64,
    ) -> (Vec<u8>, Footer) {
        let mut bytes = Vec::with_capacity(self.offsets.len() * 4 + self.times.len() * 8 + 256);
        self.offsets.iter().for_each(|offset| bytes.extend_from_slice(&offset.to_le_bytes()));
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        self.times.iter().for_each(|time| bytes.extend_from_slice(&time.to_le_bytes()));
        let table: Vec<u8> = page_checksums(&bytes).flat_map(u32::to_le_bytes).collect();
        let pages_checksum = hash(&table);
        bytes.extend_from_slice(&table);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let footer = Footer {
            segment_id,
            first_position,
            count: self.offsets.len() as u64,
            frames_end,
            recorded: self.recorded,
            occurred: self.occurred,
            pages_checksum,
        };
        bytes.extend_from_slice(&footer.encode_trailer(binding));
        (bytes, footer)
    }
}

impl Footer {
    fn encode_trailer(&self, binding: Binding) -> [u8; FOOTER_TRAILER_BYTES] {
        let mut bytes = [0; FOOTER_TRAILER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        put_u64(&mut bytes, SEGMENT_ID, self.segment_id);
        put_u64(&mut bytes, FIRST_POSITION, self.first_position.get());
        put_u64(&mut bytes, COUNT, self.count);
        put_u64(&mut bytes, FRAMES_END, self.frames_end);
        put_i64(&mut bytes, RECORDED_MIN, self.recorded.min.as_nanos());
        put_i64(&mut bytes, RECORDED_MAX, self.recorded.max.as_nanos());
        put_i64(&mut bytes, OCCURRED_MIN, self.occurred.min.as_nanos());
        put_i64(&mut bytes, OCCURRED_MAX, self.occurred.max.as_nanos());
        put_u32(&mut bytes, PAGES_CHECKSUM, self.pages_checksum);
        let checksum = trailer_checksum(&bytes, binding);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// Reads the trailer that ends a sealed segment of `file_length` bytes.
    ///
    /// The checks, in order: magic, checksum (bound to store and segment), version, reserved bytes, and that
    /// header, frames, tables and trailer fill the file exactly.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode_trailer(
        bytes: &[u8; FOOTER_TRAILER_BYTES],
        binding: Binding,
        file_length: u64,
    ) -> Result<Self, FormatError> {
        let base = file_length.saturating_sub(FOOTER_TRAILER_BYTES as u64);
        let at = |field: usize| base + field as u64;
        if bytes[..8] != MAGIC {
            return Err(Damage::new(base, "footer magic", u64_at(bytes, 0), u64_at(&MAGIC, 0)).into());
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), trailer_checksum(bytes, binding));
        if found != expected && !planted(Bug::FooterChecksumNotVerified) {
            return Err(Damage::new(at(CHECKSUM), "footer checksum", found, expected).into());
        }
        let version = u32_at(bytes, VERSION);
        if version > FORMAT_VERSION {
            return Err(FormatError::Newer { found: version, supported: FORMAT_VERSION });
        }
        if u32_at(bytes, RESERVED) != 0 {
            let found = u32_at(bytes, RESERVED);
            return Err(Damage::new(at(RESERVED), "reserved bytes of the footer", found, 0u32).into());
        }
        let footer = Footer {
            segment_id: u64_at(bytes, SEGMENT_ID),
            first_position: Position::new(u64_at(bytes, FIRST_POSITION)),
            count: u64_at(bytes, COUNT),
            frames_end: u64_at(bytes, FRAMES_END),
            recorded: range_at(bytes, RECORDED_MIN),
            occurred: range_at(bytes, OCCURRED_MIN),
            pages_checksum: u32_at(bytes, PAGES_CHECKSUM),
        };
        // A segment never has 2^32 records; bounding the count first keeps the sums below from overflowing.
        let fits = footer.count <= u64::from(u32::MAX)
            && footer.frames_end <= file_length
            && footer.trailer_end() == file_length;
        if !fits {
            return Err(Damage::new(at(COUNT), "lengths in the footer", footer.count, file_length).into());
        }
        Ok(footer)
    }

    /// Where the table of offsets lies in the file: four bytes for each record.
    #[must_use]
    pub fn offsets(&self) -> Range<u64> {
        self.frames_end..self.frames_end + self.count * 4
    }

    /// Where the table of times lies in the file: eight bytes for every [`TIME_STRIDE`]th record.
    #[must_use]
    pub fn times(&self) -> Range<u64> {
        let start = self.offsets().end.next_multiple_of(8);
        start..start + self.count.div_ceil(TIME_STRIDE as u64) * 8
    }

    /// Where the page checksums lie in the file. They cover everything from `frames_end` up to here.
    #[must_use]
    pub fn page_table(&self) -> Range<u64> {
        let start = self.times().end;
        start..start + (start - self.frames_end).div_ceil(PAGE_BYTES as u64) * 4
    }

    /// Verifies the whole footer, given the bytes from `frames_end` up to the end of the file.
    ///
    /// # Errors
    /// The page table, the zeros behind it, or the first page that is not as written.
    pub fn check_tables(&self, bytes: &[u8]) -> Result<(), Damage> {
        let within = |at: u64| usize::try_from(at - self.frames_end).unwrap_or(usize::MAX);
        let table = self.page_table();
        let (Some(covered), Some(sums)) =
            (bytes.get(..within(table.start)), bytes.get(within(table.start)..within(table.end)))
        else {
            return Err(Damage::new(self.frames_end, "length of the footer", bytes.len() as u64, table.end));
        };
        let found = hash(sums);
        if found != self.pages_checksum {
            return Err(Damage::new(table.start, "checksum of the page table", found, self.pages_checksum));
        }
        let padding = bytes.get(within(table.end)..within(table.end.next_multiple_of(8))).unwrap_or_default();
        if padding.iter().any(|byte| *byte != 0) {
            let found = padding.iter().filter(|byte| **byte != 0).count() as u64;
            return Err(Damage::new(table.end, "zeros behind the page table", found, 0u64));
        }
        debug_assert_eq!(sums.len(), page_count(covered.len()) * 4);
        for (page, (found, expected)) in page_checksums(covered).zip(sums.chunks_exact(4)).enumerate() {
            let expected = u32_at(expected, 0);
            if found != expected {
                let at = self.frames_end + (page * PAGE_BYTES) as u64;
                return Err(Damage::new(at, "footer page checksum", found, expected));
            }
        }
        Ok(())
    }

    fn trailer_end(&self) -> u64 {
        self.page_table().end.next_multiple_of(8) + FOOTER_TRAILER_BYTES as u64
    }
}

/// See [`crate::reseal`]. `bytes` are those of the whole file.
pub fn reseal_footer(bytes: &mut [u8], binding: Binding) {
    let length = bytes.len() as u64;
    let seal = |bytes: &mut [u8]| {
        // An open segment ends with a frame or zeros.
        let trailer = bytes.last_chunk_mut::<FOOTER_TRAILER_BYTES>().filter(|end| end.starts_with(&MAGIC))?;
        let checksum = trailer_checksum(trailer, binding);
        put_u32(trailer, CHECKSUM, checksum);
        Footer::decode_trailer(trailer, binding, length).ok()
    };
    let Some(footer) = seal(bytes) else { return };
    // That these lie within the file was checked by decoding.
    let place = |range: Range<u64>| range.start as usize..range.end as usize;
    let table = footer.page_table();
    let sums = page_checksums(&bytes[place(footer.frames_end..table.start)]);
    let sums: Vec<u8> = sums.flat_map(u32::to_le_bytes).collect();
    bytes[place(table)].copy_from_slice(&sums);
    if let Some(trailer) = bytes.last_chunk_mut::<FOOTER_TRAILER_BYTES>() {
        put_u32(trailer, PAGES_CHECKSUM, hash(&sums));
    }
    seal(bytes);
}

fn range_at(bytes: &[u8], offset: usize) -> TimeRange {
    TimeRange {
        min: Timestamp::from_nanos(i64_at(bytes, offset)),
        max: Timestamp::from_nanos(i64_at(bytes, offset + 8)),
    }
}

fn trailer_checksum(bytes: &[u8; FOOTER_TRAILER_BYTES], binding: Binding) -> u32 {
    let mut covered = [0; FOOTER_TRAILER_BYTES - 4];
    covered[..CHECKSUM].copy_from_slice(&bytes[..CHECKSUM]);
    covered[CHECKSUM..].copy_from_slice(&bytes[SEGMENT_ID..]);
    binding.checksum(&covered)
}
