//! The header of a frame: what it says, and the checks that make it sound.

use super::{
    CHECKSUM, DURABLE, FIRST_POSITION, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, LENGTH, MAGIC, MISSING,
    RECORD_COUNT, RECORDED_AT, RECORDS_CHECKSUM, header_checksum,
};
use crate::binding::Binding;
use crate::damage::Damage;
use crate::record::RECORD_HEADER_BYTES;
use crate::segment::SEGMENT_HEADER_BYTES;
use crate::wire::{i64_at, u32_at, u64_at};
use annals_types::limits::BATCH_BYTES_MAX;
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};

/// The header of a frame that was found sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the frame in the file: header, records and the zeros behind them.
    pub length: u64,
    /// How many records it has; 0 for a frame that only says what is durable.
    pub record_count: u32,
    /// Position of its first record (with no records: of the next one to come).
    pub first_position: Position,
    /// The position up to which the log was known to be durable when the frame was written.
    pub durable: Position,
    /// When the store took the batch.
    pub recorded_at: Timestamp,
    /// How many positions are missing between its first record and its last one; only in a rewritten segment any.
    pub missing: u32,
    pub(super) records_checksum: u32,
}

/// Why there is no sound frame at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// All bytes of the header are zero: nothing was written here.
    Blank,
    /// There is less room than the frame (or its header) needs: this many bytes.
    Short {
        /// How many bytes a frame here would have, as far as is known.
        needed: u64,
    },
    /// The bytes are not a frame of this segment.
    Damaged(Damage),
}

impl FrameHeader {
    /// Reads a frame's header at the front of `bytes`; `offset` is where that is in the file.
    ///
    /// The checks, in order: all zero, magic, checksum (bound to store and segment), bounds of length and count, positions
    /// missing only between records.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8], binding: Binding, offset: u64) -> Result<Self, FrameFault> {
        let Some(bytes) = bytes.first_chunk::<FRAME_HEADER_BYTES>() else {
            return Err(FrameFault::Short { needed: FRAME_HEADER_BYTES as u64 });
        };
        let damaged = |at, what, found: u64, expected: u64| {
            Err(FrameFault::Damaged(Damage::new(offset + at as u64, what, found, expected)))
        };
        let magic = u32_at(bytes, 0);
        if magic != MAGIC {
            if bytes.iter().all(|byte| *byte == 0) {
                return Err(FrameFault::Blank);
            }
            return damaged(0, "frame magic", magic.into(), MAGIC.into());
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), header_checksum(bytes, binding));
        if found != expected && !planted(Bug::FrameHeaderChecksumNotVerified) {
            return damaged(CHECKSUM, "frame header checksum", found.into(), expected.into());
        }
        let (length, count) = (u32_at(bytes, LENGTH) as usize, u32_at(bytes, RECORD_COUNT) as usize);
        if !length.is_multiple_of(FRAME_ALIGNMENT)
            || !(FRAME_HEADER_BYTES..=BATCH_BYTES_MAX).contains(&length)
        {
            return damaged(LENGTH, "frame length", length as u64, BATCH_BYTES_MAX as u64);
        }
        if count > (length - FRAME_HEADER_BYTES) / RECORD_HEADER_BYTES {
            let most = (length - FRAME_HEADER_BYTES) / RECORD_HEADER_BYTES;
            return damaged(RECORD_COUNT, "record count", count as u64, most as u64);
        }
        let missing = u32_at(bytes, MISSING);
        if missing > 0 && count < 2 {
            return damaged(MISSING, "missing positions of a frame", missing.into(), 0);
        }
        Ok(FrameHeader {
            length: length as u64,
            record_count: u32_at(bytes, RECORD_COUNT),
            first_position: Position::new(u64_at(bytes, FIRST_POSITION)),
            durable: Position::new(u64_at(bytes, DURABLE)),
            recorded_at: Timestamp::from_nanos(i64_at(bytes, RECORDED_AT)),
            missing,
            records_checksum: u32_at(bytes, RECORDS_CHECKSUM),
        })
    }

    /// The position of the last record; one less than `first_position` if there is none.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.first_position.plus(u64::from(self.record_count)).plus(self.missing.into()).previous()
    }

    /// Whether it has no records but the dictionary of the segment.
    #[must_use]
    pub fn has_dictionary(&self) -> bool {
        self.record_count == 0 && self.length > FRAME_HEADER_BYTES as u64
    }

    /// That it may be where it is, in a segment that was rewritten or one that was not; `offset` is where that is in the file.
    ///
    /// # Errors
    /// Only in a rewritten segment positions may be missing in a frame, and only the first frame of one may have a dictionary.
    pub fn check_place(&self, rewritten: bool, offset: u64) -> Result<(), Damage> {
        if self.missing > 0 && !rewritten {
            let at = offset + MISSING as u64;
            return Err(Damage::new(at, "positions missing in an appended frame", self.missing, 0u32));
        }
        if self.has_dictionary() && !(rewritten && offset == SEGMENT_HEADER_BYTES as u64) {
            let at = offset + LENGTH as u64;
            return Err(Damage::new(at, "a dictionary that is out of place", self.length, 0u64));
        }
        Ok(())
    }
}
