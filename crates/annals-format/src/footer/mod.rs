//! The footer of a sealed segment: where each record is, when it was recorded, when the events of a block occurred, and a
//! checksum of each span of the segment's bytes.
//!
//! Everything in it can be computed again from the frames before it. It lies behind the last frame:
//! tables, page checksums, trailer; the trailer ends the file.
//!
//! Version 2 has other tables than version 1, and versions 3 and 4 one more each; [`Footer`] reads all of them.

mod builder;
mod offsets;
mod range;
mod stretches;
mod tables;

pub use builder::FooterBuilder;
pub use range::TimeRange;
pub use stretches::Stretch;

use crate::FORMAT_VERSION;
use crate::binding::Binding;
use crate::damage::{Damage, FormatError};
use crate::pages::page_checksums;
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
/// The upper half of the count up to version 3, and zero.
const STRETCHES: usize = 36;
const FRAMES_END: usize = 40;
const RECORDED_MIN: usize = 48;
const RECORDED_MAX: usize = 56;
const OCCURRED_MIN: usize = 64;
const OCCURRED_MAX: usize = 72;
const PAGES_CHECKSUM: usize = 80;
/// Reserved in version 1.
const DISTANCE_UNITS: usize = 84;
/// More than any file has, and so much less than 2^64 that sums of lengths do not overflow.
const LENGTH_MAX: u64 = 1 << 62;

/// Length of the trailer that ends a sealed segment.
pub const FOOTER_TRAILER_BYTES: usize = 88;
/// The footer has the recorded_at of every so manieth record, so that a time is found with few page reads.
pub const TIME_STRIDE: usize = 256;
/// So many records, counted from the first one of the segment, are a block of the footer's tables.
pub const BLOCK_RECORDS: usize = 256;

/// So many records, counted from the first one of the segment, have one range of occurred_at; up to version 3 all of a block had
/// one. Who asks for a time reads the events of ranges that hold it, which costs 90 ns each, and passes over the others at 1 ns
/// (2026-11-30).
pub const OCCURRED_RECORDS: usize = 64;

/// So many bytes of the file, counted from its beginning, are a span; the last one ends with the frames. The footer has the
/// checksum of each. Summing up costs 5.8 ns per record of 315 bytes, 5.5 with spans of 64 KiB and 7.2 with 4 KiB
/// (2026-11-30); who reads a few records pays for a whole span.
pub const SPAN_BYTES: usize = 16 << 10;

/// The checksum of the bytes of a span.
#[must_use]
pub fn span_checksum(bytes: &[u8]) -> u32 {
    hash(bytes)
}

/// What a trailer says of its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The version of the format that it was written in.
    pub version: u32,
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
    /// How long the table of distances is, which is none in version 1.
    distance_units: u32,
    /// How many stretches of positions there are, if positions are missing; otherwise 0.
    stretches: u32,
}

impl Footer {
    fn encode_trailer(&self, binding: Binding) -> [u8; FOOTER_TRAILER_BYTES] {
        let mut bytes = [0; FOOTER_TRAILER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, self.version);
        put_u64(&mut bytes, SEGMENT_ID, self.segment_id);
        put_u64(&mut bytes, FIRST_POSITION, self.first_position.get());
        put_u64(&mut bytes, COUNT, self.count | u64::from(self.stretches) << 32);
        put_u64(&mut bytes, FRAMES_END, self.frames_end);
        put_i64(&mut bytes, RECORDED_MIN, self.recorded.min.as_nanos());
        put_i64(&mut bytes, RECORDED_MAX, self.recorded.max.as_nanos());
        put_i64(&mut bytes, OCCURRED_MIN, self.occurred.min.as_nanos());
        put_i64(&mut bytes, OCCURRED_MAX, self.occurred.max.as_nanos());
        put_u32(&mut bytes, PAGES_CHECKSUM, self.pages_checksum);
        put_u32(&mut bytes, DISTANCE_UNITS, self.distance_units);
        let checksum = trailer_checksum(&bytes, binding);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// Reads the trailer that ends a sealed segment of `file_length` bytes.
    ///
    /// The checks, in order: magic, checksum (bound to store and segment), version, reserved bytes (version 1), and that
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
        let distance_units = u32_at(bytes, DISTANCE_UNITS);
        if version < 2 && distance_units != 0 {
            let at = at(DISTANCE_UNITS);
            return Err(Damage::new(at, "reserved bytes of the footer", distance_units, 0u32).into());
        }
        // Up to version 3 a count with an upper half is too large.
        let (count, stretches) = match version {
            ..=3 => (u64_at(bytes, COUNT), 0),
            _ => (u32_at(bytes, COUNT).into(), u32_at(bytes, STRETCHES)),
        };
        let footer = Footer {
            version,
            segment_id: u64_at(bytes, SEGMENT_ID),
            first_position: Position::new(u64_at(bytes, FIRST_POSITION)),
            count,
            frames_end: u64_at(bytes, FRAMES_END),
            recorded: range_at(bytes, RECORDED_MIN),
            occurred: range_at(bytes, OCCURRED_MIN),
            pages_checksum: u32_at(bytes, PAGES_CHECKSUM),
            distance_units,
            stretches,
        };
        // A segment never has 2^32 records; bounding the count first keeps the sums below from overflowing.
        let fits = footer.count <= u64::from(u32::MAX)
            && u64::from(footer.stretches) <= footer.count
            && footer.frames_end <= file_length.min(LENGTH_MAX)
            && footer.trailer_end() == file_length;
        if !fits {
            return Err(Damage::new(at(COUNT), "lengths in the footer", footer.count, file_length).into());
        }
        Ok(footer)
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
