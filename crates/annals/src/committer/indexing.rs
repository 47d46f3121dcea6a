//! Taking what is staged into the index of the active part.
//!
//! Not batch by batch: a group of many small batches waits for memory together, as one large batch does; and a group that is
//! on its way to the disk is taken in meanwhile. Whoever looks into the index for what is staged has it taken in before.
//! Heads of streams are in the cache of heads from the moment at which a batch is staged.

use super::Committer;
use crate::staged::{Staged, StagedBatch};
use annals_format::FrameBuilder;
use annals_index::{IndexedEvent, MemoryIndex};
use annals_types::planted::{Bug, planted};

impl Committer {
    /// Has everything that is staged in the index.
    pub(super) fn index_staged(&mut self) {
        if self.staged.unindexed().0 > 0 && !planted(Bug::ExpectationWithoutStaged) {
            let mut staged = std::mem::take(&mut self.staged);
            self.index(&mut staged);
            self.staged = staged;
        }
    }

    /// Takes batches into the index that are not there yet.
    pub(super) fn index(&mut self, staged: &mut Staged) {
        let Some(index) = &self.active else { return };
        let batches = staged.take_unindexed();
        self.heads.begin_anew();
        if batches.is_empty() {
            return;
        }
        let inserted = index.write().insert_all(batches.iter().flat_map(indexed));
        debug_assert_eq!(inserted, Ok(()), "versions have a gap");
    }

    /// Whether segment and index of the active part take a frame.
    pub(super) fn has_room_for(&self, frame: &FrameBuilder) -> bool {
        let (staged_events, staged_bytes) = self.staged.unindexed();
        let events = staged_events + frame.record_count() as u64;
        let bytes = staged_bytes + frame.bytes().len() as u64;
        let budget = self.core.budget.active;
        let room = |index: &MemoryIndex| {
            // The first batch of a segment goes into it whatever it takes.
            let within = index.memory_bytes() < budget || index.event_count() + staged_events == 0;
            within && index.has_room_for(events, bytes)
        };
        self.active.as_ref().is_some_and(|index| room(&index.read())) && self.writer.has_room_for(frame)
    }
}

/// The events of a batch as the index sees them, each with the hash of its stream's name.
fn indexed(staged: &StagedBatch) -> impl Iterator<Item = (u64, IndexedEvent<'_>)> {
    let StagedBatch { stamp, batch, .. } = staged;
    let mut next = stamp.first_position;
    batch.events.iter().zip(batch.frame.terms()).map(move |(event, terms)| {
        let position = next;
        next = next.next();
        let stream = &batch.streams[event.stream as usize];
        let made = |id: &_| *id == stamp.binding.made_id(position, stamp.recorded_at);
        let event = IndexedEvent {
            position,
            stream: &stream.name,
            version: event.version,
            event_type: terms.event_type,
            tags: terms.tags,
            id: terms.given_id.filter(|id| !made(id)),
        };
        (stream.hash, event)
    })
}
