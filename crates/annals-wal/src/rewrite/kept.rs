//! A segment of which positions are missing, made of records that a repair has found in the segments of another store.

use super::frames::Kept;
use super::output::Output;
use super::{POSITIONS_MAX, RewriteTarget, STEP_BYTES, invalid};
use crate::error::LogError;
use annals_format::{KeptFrame, Rewritten, SealedSegment, SegmentHeader, names};
use annals_types::{Position, Timestamp};
use annals_vfs::Disk;
use std::fmt;

/// A segment that is written of frames of records that have their positions and versions already.
pub struct KeptSegment<'d> {
    target: RewriteTarget,
    output: Output<'d>,
}

impl<'d> KeptSegment<'d> {
    /// Begins the segment with this number and edition, which covers all positions from `first_position` on.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(
        disk: &'d dyn Disk,
        target: RewriteTarget,
        first_position: Position,
    ) -> Result<Self, LogError> {
        let header = SegmentHeader {
            store_id: target.store_id,
            segment_id: target.id,
            first_position,
            salt: target.salt,
        };
        let name = names::edition(target.id, target.edition);
        Ok(KeptSegment { target, output: Output::create(disk, name, &header, target.compression)? })
    }

    /// Whether a segment that covers this position does not cover more than one can.
    #[must_use]
    pub fn reaches(&self, position: Position) -> bool {
        position.next().events_since(self.output.header.first_position) <= POSITIONS_MAX
    }

    /// About how long the file is by now, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.output.length()
    }

    /// Adds a frame behind those before it. Its records are plain, encrypted, erased or lost; all of them were recorded at this time.
    ///
    /// # Errors
    /// What the system says; that there is more than fits into one segment.
    pub fn push(&mut self, records: KeptFrame, recorded_at: Timestamp) -> Result<(), LogError> {
        // That the log was durable up to somewhere is told by the manifest that will name this segment.
        self.output.take_kept(Kept { records, durable: Position::ZERO, recorded_at });
        if self.output.pending() >= STEP_BYTES {
            self.output.write()?;
        }
        Ok(())
    }

    /// Gives the segment its footer, and makes it and its name durable. It covers all positions up to `last_position`.
    ///
    /// # Errors
    /// What the system says; that what was written does not read back as it should; `InvalidInput` if it has no records, or if it
    /// does not [reach](KeptSegment::reaches) so far.
    pub fn finish(mut self, last_position: Position) -> Result<SealedSegment, LogError> {
        if self.output.is_empty() || !self.reaches(last_position) {
            return Err(invalid(&self.output.name, "no segment has so many positions, or so few records"));
        }
        self.output.complete();
        self.output.write()?;
        let rewritten = Rewritten {
            edition: self.target.edition,
            positions: last_position.next().events_since(self.output.header.first_position),
            compaction: self.target.compaction,
        };
        self.output.seal(last_position, rewritten)
    }
}

impl fmt::Debug for KeptSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptSegment").field("target", &self.target).finish_non_exhaustive()
    }
}
