//! The segment that is written: its room, and rolling over to the next one.

use super::{LogWriter, WriteFailed};
use crate::active::Active;
use crate::error::LogError;
use crate::prepare::PreparedSegment;
use crate::room::{Room, is_full, needed_for};
use crate::segment::Segment;
use annals_format::{Binding, FrameBuilder, OpenSegment, SEGMENT_HEADER_BYTES, SegmentHeader};
use annals_types::Version;
use annals_types::planted::{Bug, planted};
use std::io;
use std::sync::Arc;

impl LogWriter {
    /// The active segment and where its frames end.
    #[must_use]
    pub fn active(&self) -> Option<(&Arc<Segment>, u64)> {
        self.active.as_ref().map(|active| (&active.segment, active.end))
    }

    /// Whether so much of the active segment is used that the next one should be laid out.
    #[must_use]
    pub fn is_half_full(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.end > active.capacity / 2)
    }

    /// Gives back the space behind the last frame, when the log is closed. The next opening lays it out again.
    ///
    /// # Errors
    /// What the system says; nothing of the log is lost then.
    pub fn cut_unused(&mut self) -> io::Result<()> {
        match &mut self.active {
            Some(active) if active.header.is_none() => {
                active.capacity = active.end;
                active.output.file().set_len(active.end)?;
                active.output.file().sync_data()
            }
            _ => Ok(()),
        }
    }

    /// Gives back the space of the active segment but for the next `kept` bytes, for others who need it more. It ends earlier then. Says
    /// whether there was anything to be given back.
    ///
    /// # Errors
    /// What the system says; nothing of the log is lost then.
    pub fn give_back(&mut self, kept: u64) -> io::Result<bool> {
        let Some(active) = self.active.as_mut() else { return Ok(false) };
        let before = active.capacity;
        active.capacity = active.output.shrink(active.staged_end + kept, before)?;
        Ok(active.capacity < before)
    }

    /// Whether the active segment takes a frame of this length, behind those that are staged.
    #[must_use]
    pub fn has_room_for(&self, frame: &FrameBuilder) -> bool {
        self.active.as_ref().is_some_and(|active| {
            let last = self.next.plus(frame.record_count() as u64).previous();
            active.staged_end + frame.bytes().len() as u64 <= active.capacity
                && active.segment.has_room_for(last)
        })
    }

    /// Begins the next segment with the next frame. What was written before is made durable first, so that a
    /// segment's header proves all earlier segments. Returns the segment that is now full, and where its
    /// frames end.
    ///
    /// # Errors
    /// The sync failed, now or earlier: then the writer has failed for good.
    pub fn roll(&mut self, prepared: PreparedSegment) -> Result<Option<(Arc<Segment>, u64)>, WriteFailed> {
        if !planted(Bug::OldSegmentNotSyncedOnRoll) {
            self.sync()?;
        }
        let OpenSegment { id, salt } = prepared.entry;
        let header =
            SegmentHeader { store_id: self.store_id, segment_id: id, first_position: self.next, salt };
        let binding = Binding::new(&self.store_id, id, salt);
        let segment = Arc::new(Segment::live(id, binding, self.next, prepared.mapping));
        let active = Active::new(segment, prepared.output, prepared.capacity, SEGMENT_HEADER_BYTES as u64);
        let full = self.active.replace(active.beginning_with(header.encode()));
        Ok(full.map(|active| (active.segment, active.end)))
    }

    /// Writes an empty frame to a segment that was rolled over to, and makes it durable, so that the segment is begun although there is
    /// nothing to append: its header goes out with the first frame.
    ///
    /// # Errors
    /// The write or the sync failed, now or earlier: then the writer has failed for good.
    pub fn begin_segment(&mut self) -> Result<(), WriteFailed> {
        self.refuse_after_failure()?;
        if self.active.as_ref().is_none_or(|active| active.header.is_none()) {
            return Ok(());
        }
        let mut frame = FrameBuilder::new();
        self.stage(&mut frame, self.last_recorded, |_| Version::ZERO);
        self.commit(std::iter::once(frame.bytes()), true)
    }

    /// Grows a prepared segment if the frame needs more than a segment's usual size, or if it was not laid out to that.
    ///
    /// # Errors
    /// What the system says, in particular that the disk is full.
    pub fn fit(prepared: &mut PreparedSegment, frame: &FrameBuilder, room: Room) -> Result<(), LogError> {
        let bytes = frame.bytes().len();
        let room = room.for_frame(bytes);
        if room.usual <= prepared.capacity {
            return Ok(());
        }
        match prepared.grow(room) {
            // What it has is enough for this frame.
            Err(LogError::Io { source, .. })
                if is_full(&source) && needed_for(bytes) <= prepared.capacity =>
            {
                Ok(())
            }
            grown => grown,
        }
    }
}
