//! Placing frames in the active segment: stamp, write, sync.

mod rolling;

use crate::active::{Active, WRITE_BACK_EVERY, WRITE_BACK_FROM};
use crate::recovery::Recovered;
use crate::syncs::{Landing, SyncJob, Syncs};
use crate::watermark::Watermark;
use annals_format::{FRAME_HEADER_BYTES, FrameBuilder, FrameStamp, StoreId};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp, Version};
use std::io;
use std::sync::Arc;

/// The one writer of a log. A group is a number of [`LogWriter::stage`]d frames and one [`LogWriter::launch`], or, where
/// nothing is to be written meanwhile, one [`LogWriter::commit`].
#[derive(Debug)]
pub struct LogWriter {
    store_id: StoreId,
    watermark: Arc<Watermark>,
    /// Those that were launched.
    syncs: Arc<Syncs>,
    active: Option<Active>,
    /// The position that the next event gets.
    next: Position,
    last_recorded: Timestamp,
    failed: bool,
}

/// A write or a sync failed. Whether the bytes are on the disk is not known, and never will be to this
/// process: the writer refuses everything from now on.
#[derive(Debug, thiserror::Error)]
#[error("writing to the log failed, and whether the batch is durable is not known")]
pub struct WriteFailed {
    /// What the system says.
    pub source: io::Error,
}

impl LogWriter {
    /// Goes on where recovery (in `Mode::Repair`) found the end of the log.
    #[must_use]
    pub fn new(store_id: StoreId, recovered: &mut Recovered, watermark: Arc<Watermark>) -> Self {
        let segment = recovered.segments.last().cloned();
        let end = recovered.frames_ends.last().copied();
        let active = match (segment, end, recovered.active.take()) {
            (Some(segment), Some(end), Some((output, capacity))) => {
                Some(Active::new(segment, output, capacity, end))
            }
            _ => None,
        };
        LogWriter {
            store_id,
            watermark,
            syncs: Arc::default(),
            active,
            next: recovered.next,
            last_recorded: recovered.last_recorded,
            failed: false,
        }
    }

    /// The position that the next event gets.
    #[must_use]
    pub fn next_position(&self) -> Position {
        self.next
    }

    /// Whether a write or a sync has failed; then nothing can be written any more.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed || self.syncs.have_failed()
    }

    /// The recorded_at of the next frame: the clock's time, but never before the last one.
    #[must_use]
    pub fn recorded_at(&self, now: Timestamp) -> Timestamp {
        if planted(Bug::RecordedAtFollowsTheClock) { now } else { now.max(self.last_recorded) }
    }

    /// Gives a frame its place behind those that are staged, and returns what it was stamped with.
    /// Its bytes must go to the next [`LogWriter::commit`], in the order of staging.
    ///
    /// `None`, and nothing staged, if there is no active segment or the writer has failed; the frame must have
    /// been given room, see [`LogWriter::has_room_for`].
    pub fn stage(
        &mut self,
        frame: &mut FrameBuilder,
        recorded_at: Timestamp,
        version: impl Fn(usize) -> Version,
    ) -> Option<FrameStamp> {
        if self.has_failed() {
            return None;
        }
        debug_assert!(self.has_room_for(frame) && recorded_at >= self.last_recorded);
        let active = self.active.as_mut()?;
        let written = planted(Bug::DurablePositionOfWritten);
        let durable = if written { self.next.previous() } else { self.watermark.durable() };
        let stamp =
            FrameStamp { binding: active.segment.binding(), first_position: self.next, durable, recorded_at };
        frame.stamp(&stamp, version);
        let mut position = self.next;
        for within in frame.record_offsets() {
            let offset = active.staged_end + u64::from(within);
            active.segment.set_offset(position, u32::try_from(offset).unwrap_or(0));
            position = position.next();
        }
        active.segment.set_occurred(self.next..position, frame.occurred(recorded_at));
        active.staged_end += frame.bytes().len() as u64;
        active.told = stamp.durable;
        self.next = position;
        self.last_recorded = recorded_at;
        Some(stamp)
    }

    /// Writes the staged frames with one write and, if asked, one sync. On success everything staged is
    /// written, and with `sync` durable; publishing it is left to the caller.
    ///
    /// # Errors
    /// The write or the sync failed, now or earlier: then the writer has failed for good.
    pub fn commit<'a>(
        &mut self,
        frames: impl Iterator<Item = &'a [u8]>,
        sync: bool,
    ) -> Result<(), WriteFailed> {
        if sync {
            // Nothing is durable before what lies in front of it is.
            self.syncs.wait();
        }
        self.write(frames, false)?;
        let last = self.next.previous();
        if let Some(active) = &mut self.active {
            active.set_off(WRITE_BACK_EVERY);
        }
        // Around the system's cache there is no other way to write. It is asked for without a sync only for a mark, when
        // there is nothing else to do.
        let active = self.active.as_mut().filter(|active| sync || active.is_direct());
        let Some(active) = active else {
            if planted(Bug::WrittenTakenForDurable) {
                self.watermark.set_durable(last);
            }
            return Ok(());
        };
        if let Err(source) = active.make_durable() {
            return Err(self.fail(source));
        }
        if sync {
            active.unsynced = false;
            active.set_off = active.end;
            self.watermark.set_durable(last);
        }
        Ok(())
    }

    /// Writes the staged frames with one write. Gives back the sync that makes them durable, to be run by whoever likes to
    /// while more is written, and what is to be said when it and all that were launched before it have ended: of one
    /// behind another that failed, that it failed too. `None` if nothing is staged; what was launched before may still be
    /// under way then.
    ///
    /// # Errors
    /// The write failed, now or earlier: then the writer has failed for good.
    pub fn launch<'a>(
        &mut self,
        frames: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<(SyncJob, Landing)>, WriteFailed> {
        // Where nothing is staged nothing is synced either, though there may be a mark: nobody is told anything by that.
        let staged = self.active.as_ref().is_some_and(|active| active.staged_end > active.end);
        self.write(frames, true)?;
        let last = self.next.previous();
        let Some(active) = self.active.as_mut().filter(|_| staged) else { return Ok(None) };
        active.unsynced = false;
        active.set_off(WRITE_BACK_FROM);
        // The sync does the rest.
        active.set_off = active.end;
        Ok(Some(self.syncs.begin(&active.output, &self.watermark, last)))
    }

    fn write<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>, synced: bool) -> Result<(), WriteFailed> {
        self.refuse_after_failure()?;
        let Some(active) = &mut self.active else { return Ok(()) };
        active.write(frames, synced).map_err(|source| self.fail(source))
    }

    fn fail(&mut self, source: io::Error) -> WriteFailed {
        self.failed = !planted(Bug::NotPoisonedAfterFailure);
        WriteFailed { source }
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// The sync failed, now or earlier: then the writer has failed for good.
    pub fn sync(&mut self) -> Result<(), WriteFailed> {
        self.syncs.wait();
        self.refuse_after_failure()?;
        // A frame without events counts as well: in a segment that is sealed there must be no hole in its place.
        let unsynced = self.active.as_ref().is_some_and(|active| active.unsynced);
        if !unsynced && self.watermark.durable() >= self.next.previous() {
            return Ok(());
        }
        self.commit(std::iter::empty(), true)
    }

    /// A sync that is tried again may say `Ok` although the bytes of the one that failed are lost, so nothing
    /// may be concluded from it.
    fn refuse_after_failure(&self) -> Result<(), WriteFailed> {
        if self.has_failed() {
            return Err(WriteFailed { source: io::Error::other("an earlier write or sync has failed") });
        }
        Ok(())
    }

    /// Writes, without a sync, an empty frame that tells what is durable, unless the last frame told it: then
    /// damage to the last batch before a crash can be told from a torn tail. Says whether the log tells it now; it
    /// does not if the segment has no room for the frame.
    ///
    /// # Errors
    /// The write failed, now or earlier; then the writer has failed for good.
    pub fn mark_durable(&mut self) -> Result<bool, WriteFailed> {
        self.refuse_after_failure()?;
        let durable = self.watermark.durable();
        if planted(Bug::DurableMarkNotWritten) {
            return Ok(true);
        }
        let mut frame = FrameBuilder::new();
        if self.active.as_ref().is_none_or(|active| active.header.is_some() || active.told >= durable) {
            return Ok(true);
        }
        if !self.has_room_for(&frame) {
            return Ok(false);
        }
        debug_assert_eq!(frame.bytes().len(), FRAME_HEADER_BYTES);
        self.stage(&mut frame, self.last_recorded, |_| Version::ZERO);
        self.commit(std::iter::once(frame.bytes()), false).map(|()| true)
    }
}
