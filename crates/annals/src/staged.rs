//! Batches that have their place in the log and are not written yet.

use crate::batch::Batch;
use crate::error::ReadError;
use annals_format::{FrameBuilder, FrameStamp};
use annals_types::{EventRef, Position};

/// Batches in the order of their places.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    batches: Vec<StagedBatch>,
    /// The events of so many batches, from the front, are in the index of the active part.
    indexed: usize,
    /// How many events the others have, and how many bytes.
    unindexed: (u64, u64),
}

/// A batch with its place.
#[derive(Debug)]
pub(crate) struct StagedBatch {
    pub(crate) stamp: FrameStamp,
    pub(crate) batch: Box<Batch>,
    /// Which outcome of the group it is; `None` if it is none of a group's.
    pub(crate) outcome: Option<usize>,
}

impl Staged {
    pub(crate) fn push(&mut self, staged: StagedBatch) {
        self.unindexed.0 += staged.batch.len() as u64;
        self.unindexed.1 += staged.batch.bytes() as u64;
        self.batches.push(staged);
    }

    /// How many events are not in the index yet, and how many bytes their batches take.
    pub(crate) fn unindexed(&self) -> (u64, u64) {
        self.unindexed
    }

    /// The batches that are not in the index yet. They count as being there from now on.
    pub(crate) fn take_unindexed(&mut self) -> &[StagedBatch] {
        self.unindexed = (0, 0);
        let from = std::mem::replace(&mut self.indexed, self.batches.len());
        &self.batches[from..]
    }

    pub(crate) fn into_batches(self) -> Vec<StagedBatch> {
        self.batches
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(crate) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        self.batches.iter().map(|staged| staged.batch.frame.bytes())
    }

    pub(crate) fn last(&self) -> Option<&StagedBatch> {
        self.batches.last()
    }

    /// The position of the first event, if there is one.
    pub(crate) fn first_position(&self) -> Option<Position> {
        self.batches.first().map(|staged| staged.stamp.first_position)
    }

    /// The frame that holds a position, and the index of its record there. Its bytes are not in the file yet.
    pub(crate) fn at(&self, position: Position) -> Option<(&FrameStamp, usize, &FrameBuilder)> {
        self.place(position).map(|(stamp, index, batch)| (stamp, index, &batch.frame))
    }

    fn place(&self, position: Position) -> Option<(&FrameStamp, usize, &Batch)> {
        let after = self.batches.partition_point(|staged| staged.stamp.first_position <= position);
        let StagedBatch { stamp, batch, .. } = self.batches.get(after.checked_sub(1)?)?;
        let index = usize::try_from(position.events_since(stamp.first_position)).ok()?;
        (index < batch.frame.record_count()).then_some((stamp, index, &**batch))
    }

    /// The event at a position, if it is staged.
    pub(crate) fn event(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        let Some((stamp, index, batch)) = self.place(position) else { return Ok(None) };
        let event = batch.frame.event(index, stamp);
        event
            .map(|event| Some(batch.lent(event)))
            .map_err(|damage| ReadError::Corrupt(damage.in_file("a batch that is not written yet")))
    }
}
