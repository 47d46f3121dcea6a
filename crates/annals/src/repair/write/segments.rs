//! The segments behind the last position that may be missing: batches become frames, and full segments are sealed, each
//! with its run.

use super::{Active, Destination, begin_log, failed};
use crate::error::OpenError;
use crate::part::IndexPlan;
use crate::run_file::write_run_file;
use annals_format::{Binding, FrameBuilder, FrameStamp, OpenSegment, names};
use annals_index::{IndexedEvent, MemoryIndex};
use annals_types::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX};
use annals_types::{EventRef, Position};
use annals_wal::{LogWriter, Room, Segment, prepare_segment, seal_segment};
use std::io;
use std::sync::Arc;

/// Frames are gathered up to so many bytes before they are written.
const GROUP_BYTES: usize = 1 << 20;

impl Destination<'_> {
    /// Ends the batch: what was kept and lost since the last one becomes a frame.
    pub(in super::super) fn end_batch(&mut self) -> Result<(), OpenError> {
        if let Some(sparse) = &mut self.sparse {
            return sparse.end_batch(self.recorded_at);
        }
        if self.frame.record_count() == 0 {
            return Ok(());
        }
        debug_assert!(
            self.frame.bytes().len() <= BATCH_BYTES_MAX && self.frame.record_count() <= BATCH_EVENTS_MAX
        );
        let mut frame = std::mem::take(&mut self.frame);
        if !self.has_room_for(&frame) {
            self.write_staged()?;
            self.roll(&frame)?;
        }
        let versions = std::mem::take(&mut self.versions);
        let stamp = self.writer.stage(&mut frame, self.recorded_at, |index| versions[index]);
        let (Some(stamp), Some(active)) = (stamp, &mut self.active) else {
            let source = io::Error::other("an earlier write has failed");
            return Err(OpenError::Io { what: "write the new store".into(), source });
        };
        index_frame(&mut active.index, &stamp, &frame);
        self.versions = versions;
        self.versions.clear();
        self.heads.clear();
        self.staged_bytes += frame.bytes().len();
        self.staged.push(frame);
        if self.staged_bytes >= GROUP_BYTES { self.write_staged() } else { Ok(()) }
    }

    /// From this position on none is missing.
    pub(super) fn begin_dense(&mut self, next: Position) -> Result<(), OpenError> {
        let Some(sparse) = self.sparse.take() else { return Ok(()) };
        let (files, stands_in) = sparse.close(next.previous(), self.recorded_at)?;
        self.stand_in = stands_in.then_some(next.previous());
        (self.sealed, self.runs, self.next_file_id) = (files.sealed, files.runs, files.next_file_id);
        (self.writer, self.watermark) = begin_log(self.env, &self.inherited, next, self.recorded_at)?;
        Ok(())
    }

    fn has_room_for(&self, frame: &FrameBuilder) -> bool {
        let (events, bytes) = (frame.record_count() as u64, frame.bytes().len() as u64);
        self.active.as_ref().is_some_and(|active| active.index.has_room_for(events, bytes))
            && self.writer.has_room_for(frame)
    }

    pub(super) fn write_staged(&mut self) -> Result<(), OpenError> {
        let written = self.writer.commit(self.staged.iter().map(FrameBuilder::bytes), false);
        self.staged.clear();
        self.staged_bytes = 0;
        written.map_err(failed)
    }

    /// Seals the segment that is full, and begins the next one, large enough for `frame`.
    pub(super) fn roll(&mut self, frame: &FrameBuilder) -> Result<(), OpenError> {
        let mut salt = [0; 8];
        self.env.random.fill(&mut salt).map_err(OpenError::io("get random bytes"))?;
        let entry = OpenSegment { id: self.new_file_id(), salt: u64::from_le_bytes(salt) };
        let room = Room::whole(self.inherited.segment_bytes);
        let mut prepared = prepare_segment(&*self.env.disk, entry, room, false)?;
        LogWriter::fit(&mut prepared, frame, room)?;
        let last = self.writer.next_position().previous();
        let full = self.writer.roll(prepared).map_err(failed)?;
        let plan = IndexPlan { hash_seed: self.hash_seed, ids: self.inherited.ids_indexed };
        let index = plan.begin(last.next());
        let before = self.active.replace(Active { entry, index });
        match (before, full) {
            (Some(active), Some((segment, end))) => self.seal(&active, &segment, last, end),
            _ => Ok(()),
        }
    }

    fn seal(&mut self, full: &Active, segment: &Segment, last: Position, end: u64) -> Result<(), OpenError> {
        let disk = Arc::clone(&self.env.disk);
        self.sealed.push(seal_segment(&*disk, segment, full.entry.salt, last, end)?);
        let id = self.new_file_id();
        let run = write_run_file(&*disk, &full.index, &self.inherited.store_id, id, self.hash_seed);
        self.runs.push(run.map_err(OpenError::io(format!("write {}", names::run(id))))?);
        Ok(())
    }

    fn new_file_id(&mut self) -> u64 {
        self.next_file_id += 1;
        self.next_file_id - 1
    }
}

fn index_frame(index: &mut MemoryIndex, stamp: &FrameStamp, frame: &FrameBuilder) {
    for record in 0..frame.record_count() {
        match frame.event(record, stamp) {
            Ok(event) => index.insert(&indexed(&event, stamp.binding)),
            Err(damage) => unreachable!("a record that was found sound: {damage}"),
        }
    }
}

fn indexed<'a>(event: &EventRef<'a>, binding: Binding) -> IndexedEvent<'a> {
    crate::part::indexed(event, binding)
}
