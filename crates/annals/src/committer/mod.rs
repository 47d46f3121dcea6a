//! The writer's side of an append: decide on each batch of a group, write the group, publish it.

mod applied;
mod decision;
mod flight;

use crate::batch::{Appended, AppendedStream, Batch};
use crate::core::{Core, FullSegment};
use crate::error::{AppendError, ReadError};
use crate::heads::HeadCache;
use crate::options::Durability;
use crate::part::{Part, indexed};
use crate::staged::Staged;
use crate::view::View;
use annals_format::{FrameBuilder, FrameStamp};
use annals_index::{IndexedEvent, MemoryIndex};
use annals_types::planted::{Bug, planted};
use annals_types::{Invalid, Position, Version};
use annals_vfs::sync::RwLock;
use annals_wal::{GroupSink, LogError, LogWriter, WriteFailed};
use flight::{GroupFlight, unknown_from};
use std::sync::Arc;

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Item {
    Batch(Batch),
    Flush(Flush),
}

/// A decision waits for what it is founded on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flush {
    /// Up to here everything has to be written and, under `sync` durability, durable.
    up_to: Position,
    /// Whether a batch of the decision is among it.
    own: bool,
}

impl Flush {
    /// Waits for what is in the queue, and for nothing in particular.
    pub(crate) const NOTHING: Flush = Flush { up_to: Position::ZERO, own: false };

    #[cfg(test)]
    pub(crate) fn own(self) -> bool {
        self.own
    }
}

/// What an append gives back; nothing for a [`Flush`].
pub(crate) type Outcome = Result<Option<Appended>, AppendError>;

/// The one that writes. Lives behind the commit queue, so there is one group at a time.
#[derive(Debug)]
pub(crate) struct Committer {
    core: Arc<Core>,
    writer: LogWriter,
    /// Index of the active part; `None` before the first append to an empty log.
    active: Option<Arc<RwLock<MemoryIndex>>>,
    /// Frames that were given their place and are not written yet.
    staged: Staged,
    /// The last position that is written: it can be read, and may be on its way to the disk.
    written: Position,
    /// Why the last write failed, for who is to be told first.
    failure: Option<std::io::Error>,
    /// Heads of the streams that were appended to last.
    heads: HeadCache,
    /// Heads of the streams of the batch at hand, with the hashes of their names; and versions of its events. Kept to save
    /// allocations.
    found: Vec<(u64, Version)>,
    versions: Vec<Version>,
    /// Whether runs that are missing could not be written.
    index_stays_missing: bool,
    closed: bool,
    /// Set while a group is worked off: found set afterwards, a panic left things half-done.
    busy: bool,
}

/// What is decided about a batch before it is written.
enum Decision {
    /// It takes its place in the log; the versions of its events are in `Committer::versions`.
    Append(Vec<AppendedStream>),
    /// It was appended before.
    Already(Appended),
}

impl GroupSink for Committer {
    type Item = Item;
    type Outcome = Outcome;
    type Flight = GroupFlight;

    fn commit(&mut self, group: Vec<Item>, outcomes: &mut Vec<Outcome>) -> Option<GroupFlight> {
        if std::mem::replace(&mut self.busy, true) || self.writer.has_failed() {
            outcomes.extend(group.into_iter().map(|item| match item {
                Item::Batch(_) => Err(AppendError::Poisoned),
                Item::Flush(flush) => flush.ended(&self.core, &mut self.failure),
            }));
            return None;
        }
        self.prefetch(&group);
        let mut flushes = Vec::new();
        // Outcomes from here on depend on frames that are not written yet.
        let mut pending = 0;
        for item in group {
            let outcome = match item {
                Item::Batch(batch) => self.take(batch, outcomes, &mut pending).map(Some),
                Item::Flush(flush) => {
                    flushes.push((outcomes.len(), flush));
                    Ok(None)
                }
            };
            outcomes.push(outcome);
        }
        let flight = self.launch(outcomes, pending, flushes);
        self.busy = false;
        flight
    }

    fn abandoned() -> Outcome {
        Err(AppendError::DurabilityUnknown { source: None })
    }
}

impl Committer {
    pub(crate) fn new(core: Arc<Core>, writer: LogWriter, active: Option<Arc<RwLock<MemoryIndex>>>) -> Self {
        Committer {
            heads: HeadCache::new(core.budget.heads),
            found: Vec::new(),
            core,
            active,
            staged: Staged::default(),
            written: writer.next_position().previous(),
            failure: None,
            writer,
            versions: Vec::new(),
            index_stays_missing: false,
            closed: false,
            busy: false,
        }
    }

    /// Makes everything appended durable.
    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        self.alone(|own| own.write_staged().and_then(|()| own.writer.sync()))
    }

    /// As [`LogWriter::mark_durable`].
    pub(crate) fn mark_durable(&mut self) -> Result<bool, AppendError> {
        self.alone(|own| own.write_staged().and_then(|()| own.writer.mark_durable()))
    }

    /// Writes outside of a group, behind what decisions have staged.
    fn alone<R>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<R, WriteFailed>,
    ) -> Result<R, AppendError> {
        self.refuse_after_failure()?;
        self.busy = true;
        let result = write(self);
        self.busy = false;
        result.map_err(unknown)
    }

    /// Refuses what begins now, after a close or a failure.
    pub(crate) fn refuse_if_over(&self) -> Result<(), AppendError> {
        if self.closed { Err(AppendError::Closed) } else { self.refuse_after_failure() }
    }

    /// After a panic in the middle of a group there may be staged frames that were never written: nothing may be
    /// said of them, or written behind them.
    fn refuse_after_failure(&self) -> Result<(), AppendError> {
        if self.busy || self.writer.has_failed() { Err(AppendError::Poisoned) } else { Ok(()) }
    }

    /// Refuses appends from now on, and makes everything durable. Says where the log ends.
    pub(crate) fn close(&mut self) -> Result<Option<FullSegment>, AppendError> {
        self.closed = true;
        if planted(Bug::CloseWithoutSync) {
            self.alone(Self::write_staged)?;
        } else {
            self.sync()?;
        }
        // Space that is not given back only takes room until the store is opened again.
        let _ = self.writer.cut_unused();
        let last_position = self.writer.next_position().previous();
        let index_bytes = self.active.as_ref().map_or(0, |index| index.read().memory_bytes());
        Ok(self.writer.active().map(|(segment, frames_end)| FullSegment {
            segment: Arc::clone(segment),
            last_position,
            frames_end,
            index_bytes,
        }))
    }

    /// The position of the last event, staged ones included.
    pub(crate) fn last_position(&self) -> Position {
        self.writer.next_position().previous()
    }

    /// What is written, and what is staged behind it.
    pub(crate) fn state(&self) -> (View, &Staged) {
        (View::new(self.core.parts.load_full(), self.written), &self.staged)
    }

    /// Takes a batch outside of a group; `None` if it has no events. It is written with the next group, or by whoever writes
    /// before that.
    pub(crate) fn take_alone(&mut self, batch: Batch) -> Outcome {
        batch.check_ids()?;
        if batch.is_empty() {
            return self.decide(&batch).map(|_| None);
        }
        self.busy = true;
        let taken = self.take(batch, &mut [], &mut 0);
        self.busy = false;
        taken.map(Some)
    }

    /// What has to be waited for before anything is said of the log as it stands; `own` says whether a batch of who asks is
    /// in it.
    pub(crate) fn flush_needed(&self, own: bool) -> Option<Flush> {
        let up_to = self.last_position();
        (up_to > self.core.watermark.visible()).then_some(Flush { up_to, own })
    }

    /// Decides on a batch and gives it its place among the staged ones.
    fn take(
        &mut self,
        mut batch: Batch,
        decided: &mut [Outcome],
        pending: &mut usize,
    ) -> Result<Appended, AppendError> {
        if self.closed {
            return Err(AppendError::Closed);
        }
        if self.writer.has_failed() {
            return Err(AppendError::Poisoned);
        }
        if batch.is_empty() {
            return Err(AppendError::Invalid(Invalid::BatchEmpty));
        }
        let streams = match self.decide(&batch)? {
            Decision::Append(streams) => streams,
            Decision::Already(appended) => return Ok(appended),
        };
        if self.writer.next_position().plus(batch.len() as u64) > Position::MAX {
            let source = std::io::Error::other("the store has reached its last position");
            return Err(AppendError::Io { what: "append".into(), source });
        }
        if planted(Bug::HeadsNotedBeforeRoom) {
            self.note_heads(&batch);
        }
        if !self.has_room_for(&batch.frame) {
            self.flush(decided, pending);
            self.roll(&batch.frame)?;
        }
        let recorded_at = self.writer.recorded_at(self.core.env.clock.now());
        let stamp = self.writer.stage(&mut batch.frame, recorded_at, |index| self.versions[index]);
        let Some(stamp) = stamp else { return Err(AppendError::Poisoned) };
        let count = batch.len() as u64;
        if !planted(Bug::ExpectationWithoutStaged) {
            self.index_batch(&stamp, &batch);
        }
        self.note_heads(&batch);
        self.staged.push(stamp, batch.frame);
        Ok(Appended {
            first_position: stamp.first_position,
            last_position: stamp.first_position.plus(count).previous(),
            recorded_at,
            already_applied: false,
            streams,
        })
    }

    /// Adds the events of a batch, which was just staged, to the index of the active part.
    fn index_batch(&self, stamp: &FrameStamp, batch: &Batch) {
        let Some(index) = &self.active else { return };
        let FrameStamp { binding, recorded_at, .. } = *stamp;
        let mut next = stamp.first_position;
        let versions = batch.stream_of.iter().zip(&self.versions);
        let events = versions.zip(batch.frame.terms()).map(|((stream, version), terms)| {
            let position = next;
            next = next.next();
            let (hash, _) = self.found[*stream as usize];
            let event = IndexedEvent {
                position,
                stream: &batch.streams[*stream as usize].name,
                version: *version,
                event_type: terms.event_type,
                tags: terms.tags,
                id: terms.given_id.filter(|id| *id != binding.made_id(position, recorded_at)),
            };
            (hash, event)
        });
        let inserted = index.write().insert_all(events);
        debug_assert_eq!(inserted, Ok(()), "versions have a gap");
    }

    /// Adds the events of a staged frame to the index of the active part.
    fn index(&self, stamp: &FrameStamp, frame: &FrameBuilder) {
        let Some(index) = &self.active else { return };
        let mut index = index.write();
        for record in 0..frame.record_count() {
            match frame.event(record, stamp) {
                Ok(event) => index.insert(&indexed(&event, stamp.binding)),
                Err(damage) => unreachable!("a record that was just encoded: {damage}"),
            }
        }
    }

    /// Whether segment and index of the active part take a frame.
    fn has_room_for(&self, frame: &FrameBuilder) -> bool {
        let (events, bytes) = (frame.record_count() as u64, frame.bytes().len() as u64);
        let budget = self.core.budget.active;
        let room = |index: &MemoryIndex| {
            // The first batch of a segment goes into it whatever it takes.
            let within = index.memory_bytes() < budget || index.event_count() == 0;
            within && index.has_room_for(events, bytes)
        };
        self.active.as_ref().is_some_and(|index| room(&index.read())) && self.writer.has_room_for(frame)
    }

    /// Writes what is staged, and leaves the rest to a flight: nothing that was decided stands before that has landed, for it
    /// was decided with what is on its way. Under `os` durability there is nothing to wait for.
    fn launch(
        &mut self,
        outcomes: &mut [Outcome],
        pending: usize,
        flushes: Vec<(usize, Flush)>,
    ) -> Option<GroupFlight> {
        let last = self.last_position();
        if self.core.durability != Durability::Sync || planted(Bug::VisibleBeforeDurable) {
            let mut pending = pending;
            self.flush(outcomes, &mut pending);
            for (index, flush) in flushes {
                outcomes[index] = flush.ended(&self.core, &mut self.failure);
            }
            return None;
        }
        let written = self.staged_for_writing();
        match self.writer.launch(written.frames().map(|(_, frame)| frame.bytes())) {
            Ok(launched) => {
                self.has_written(last);
                let (sync, landing) = launched.unzip();
                let core = Arc::clone(&self.core);
                Some(GroupFlight { core, sync, landing, from: pending, flushes, written })
            }
            Err(WriteFailed { source }) => {
                let mut source = Some(source);
                unknown_from(pending, outcomes, &mut source);
                for (index, flush) in flushes {
                    outcomes[index] = flush.ended(&self.core, &mut source);
                }
                None
            }
        }
    }

    /// Writes and syncs what is staged, and publishes it. If that fails, nothing decided since the last flush
    /// stands.
    fn flush(&mut self, decided: &mut [Outcome], pending: &mut usize) {
        let from = std::mem::replace(pending, decided.len());
        let Err(WriteFailed { source }) = self.write_staged() else { return };
        self.failure = Some(source);
        unknown_from(from, decided, &mut self.failure);
    }

    /// Writes and syncs what is staged, and publishes it.
    fn write_staged(&mut self) -> Result<(), WriteFailed> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let sync = self.core.durability == Durability::Sync;
        let last = self.last_position();
        if planted(Bug::VisibleBeforeDurable) {
            self.core.publish(last);
        }
        let staged = self.staged_for_writing();
        self.writer.commit(staged.frames().map(|(_, frame)| frame.bytes()), sync)?;
        self.has_written(last);
        self.core.publish(last);
        Ok(())
    }

    /// Takes what is staged: it is written now, or never.
    fn staged_for_writing(&mut self) -> Staged {
        let staged = std::mem::take(&mut self.staged);
        if planted(Bug::ExpectationWithoutStaged) {
            staged.frames().for_each(|(stamp, frame)| self.index(stamp, frame));
        }
        staged
    }

    fn has_written(&mut self, last: Position) {
        self.written = last;
        if self.writer.is_half_full() {
            self.core.next_is_needed();
        }
    }

    /// Begins the next segment, large enough for `frame`.
    fn roll(&mut self, frame: &FrameBuilder) -> Result<(), AppendError> {
        if self.writer.has_failed() {
            return Err(AppendError::Poisoned);
        }
        let refused = |error| match error {
            LogError::Io { what, source } => AppendError::Io { what, source },
            other => ReadError::from(other).into(),
        };
        let mut prepared = self.core.take_prepared().map_err(refused)?;
        if let Err(error) = LogWriter::fit(&mut prepared, frame) {
            self.core.give_back(prepared);
            return Err(refused(error));
        }
        let full = self.writer.roll(prepared).map_err(unknown)?;
        let last = self.writer.next_position().previous();
        let Some((segment, _)) = self.writer.active() else { return Err(AppendError::Poisoned) };
        let segment = Arc::clone(segment);
        let mut plan = self.core.plan;
        plan.ids |= planted(Bug::NewSegmentIndexesIds);
        let index = Arc::new(RwLock::new(plan.begin(self.writer.next_position())));
        let part = Part::in_memory(Arc::clone(&segment), Arc::clone(&index));
        let before = self.active.replace(index);
        let index_bytes = before.map_or(0, |index| index.read().memory_bytes());
        let full = full.map(|(segment, frames_end)| FullSegment {
            segment,
            last_position: last,
            frames_end,
            index_bytes,
        });
        self.core.begin_part(&segment, part, full);
        Ok(())
    }
}

fn unknown(failed: WriteFailed) -> AppendError {
    AppendError::DurabilityUnknown { source: Some(failed.source) }
}
