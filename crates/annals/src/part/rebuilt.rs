//! Indexes that stand in for runs that are missing or damaged: made again from single segments, and only as many of them
//! kept as a budget allows.

use super::indexed::{IndexPlan, insert_stored};
use crate::error::ReadError;
use annals_index::MemoryIndex;
use annals_types::Position;
use annals_vfs::sync::Mutex;
use annals_wal::Segment;
use std::collections::VecDeque;
use std::sync::Arc;

/// The indexes of single segments that were made last.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    plan: IndexPlan,
    memory_max: usize,
    /// By the number of their segment, the one that was asked last in front.
    kept: Mutex<VecDeque<(u64, Arc<MemoryIndex>)>>,
}

impl Rebuilt {
    pub(crate) fn new(plan: IndexPlan, memory_max: usize) -> Self {
        Rebuilt { plan, memory_max, kept: Mutex::new(VecDeque::new()) }
    }

    /// The index of a sealed segment; made again if it is not kept, which reads the whole segment.
    pub(super) fn of(&self, segment: &Segment) -> Result<Arc<MemoryIndex>, ReadError> {
        if let Some(index) = self.kept_of(segment.id()) {
            return Ok(index);
        }
        let index = Arc::new(self.build(segment)?);
        let mut kept = self.kept.lock();
        kept.push_front((segment.id(), Arc::clone(&index)));
        let mut bytes = 0;
        kept.retain(|(_, index)| {
            let first = bytes == 0;
            bytes += index.memory_bytes();
            first || bytes <= self.memory_max
        });
        Ok(index)
    }

    /// The index of a sealed segment, made from its events if it is not kept, and not kept for that: it is asked for once.
    pub(super) fn kept_or_built(&self, segment: &Segment) -> Result<Arc<MemoryIndex>, ReadError> {
        match self.kept_of(segment.id()) {
            Some(index) => Ok(index),
            None => self.build(segment).map(Arc::new),
        }
    }

    /// The index of a sealed segment, made from its events.
    fn build(&self, segment: &Segment) -> Result<MemoryIndex, ReadError> {
        let mut index = self.plan.begin(segment.first_position());
        let last = segment.sealed_entry().map_or(Position::ZERO, annals_format::SealedSegment::last_position);
        let mut walk = segment.walk(segment.first_position()..last.next())?;
        while let Some(event) = walk.next_event()? {
            index.skip_to(event.position);
            insert_stored(&mut index, segment, &event).map_err(ReadError::Corrupt)?;
        }
        index.skip_to(last.next());
        Ok(index)
    }

    /// Forgets what is kept for a segment: its run is there again.
    pub(crate) fn forget(&self, segment_id: u64) {
        self.kept.lock().retain(|(id, _)| *id != segment_id);
    }

    fn kept_of(&self, segment_id: u64) -> Option<Arc<MemoryIndex>> {
        let mut kept = self.kept.lock();
        let at = kept.iter().position(|(id, _)| *id == segment_id)?;
        let found = kept.remove(at)?;
        let index = Arc::clone(&found.1);
        kept.push_front(found);
        Some(index)
    }
}
