//! Batches that have their place in the log and are not written yet.

use crate::error::ReadError;
use annals_format::{FrameBuilder, FrameStamp};
use annals_types::{EventRef, Position};

/// Frames in the order of their places. The index of the active part has their events already.
#[derive(Debug, Default)]
pub(crate) struct Staged(Vec<(FrameStamp, FrameBuilder)>);

impl Staged {
    pub(crate) fn push(&mut self, stamp: FrameStamp, frame: FrameBuilder) {
        self.0.push((stamp, frame));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn frames(&self) -> impl Iterator<Item = &(FrameStamp, FrameBuilder)> {
        self.0.iter()
    }

    /// The position of the first event, if there is one.
    pub(crate) fn first_position(&self) -> Option<Position> {
        self.0.first().map(|(stamp, _)| stamp.first_position)
    }

    /// The frame that holds a position, and the index of its record there. Its bytes are not in the file yet.
    pub(crate) fn at(&self, position: Position) -> Option<(&FrameStamp, usize, &FrameBuilder)> {
        let after = self.0.partition_point(|(stamp, _)| stamp.first_position <= position);
        let (stamp, frame) = self.0.get(after.checked_sub(1)?)?;
        let index = usize::try_from(position.events_since(stamp.first_position)).ok()?;
        (index < frame.record_count()).then_some((stamp, index, frame))
    }

    /// The event at a position, if it is staged.
    pub(crate) fn event(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        let Some((stamp, index, frame)) = self.at(position) else { return Ok(None) };
        let event = frame.event(index, stamp);
        event
            .map(Some)
            .map_err(|damage| ReadError::Corrupt(damage.in_file("a batch that is not written yet")))
    }
}
