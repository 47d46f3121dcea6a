//! Segments before and behind the active one: laid out ahead, and full ones that wait for their footer.

use super::Core;
use crate::budget::Budget;
use annals_types::Position;
use annals_vfs::sync::Deadline;
use annals_vfs::sync::atomic::Ordering;
use annals_wal::{LogError, PreparedSegment, Room, Segment};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How many full segments may wait for their footer before an append waits for them, whatever memory their indexes take:
/// after a kill all of them are read again. Models have few segments, and are to see appends wait.
const FULL_SEGMENTS_MAX: usize = if cfg!(feature = "shuttle") { 2 } else { 4 };
/// How long an append waits for that.
const SEALING_PATIENCE: Duration = Duration::from_secs(10);

/// What is laid out ahead, and what waits to be sealed.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    prepared: VecDeque<PreparedSegment>,
    full: VecDeque<FullSegment>,
    /// Why the worker could not do all that there was to do when it last tried.
    failure: Option<LogError>,
}

/// A segment that gets no more frames and waits for its footer and its run.
#[derive(Clone, Debug)]
pub(crate) struct FullSegment {
    pub(crate) segment: Arc<Segment>,
    pub(crate) last_position: Position,
    pub(crate) frames_end: u64,
    /// Memory that its index takes.
    pub(crate) index_bytes: usize,
}

impl Ahead {
    pub(super) fn new(prepared: Vec<PreparedSegment>) -> Self {
        Ahead { prepared: prepared.into(), ..Ahead::default() }
    }

    /// Whether no more segments may become full before one is sealed.
    fn is_crowded(&self, budget: Budget) -> bool {
        let bytes: usize = self.full.iter().map(|full| full.index_bytes).sum();
        self.full.len() >= FULL_SEGMENTS_MAX || bytes > budget.full
    }
}

impl Core {
    /// A segment to write to next: one that was laid out ahead or, if the worker is behind, one laid out now.
    pub(crate) fn take_prepared(&self, room: Room) -> Result<PreparedSegment, LogError> {
        self.wait_for_sealing()?;
        if let Some(prepared) = self.ahead.lock().prepared.pop_front() {
            return Ok(prepared);
        }
        let mut catalog = self.catalog.lock();
        // The worker may have been laying one out while we waited for the catalog.
        if let Some(prepared) = self.ahead.lock().prepared.pop_front() {
            return Ok(prepared);
        }
        catalog.prepare(self.watermark.durable(), room)
    }

    /// Takes back a segment that could not be used. It stays the next one: segments are begun in the order in
    /// which the manifest has them, and one that was passed over would look like one that was lost.
    pub(crate) fn give_back(&self, prepared: PreparedSegment) {
        self.ahead.lock().prepared.push_front(prepared);
    }

    /// Gives back pressure when sealing is far behind. Without a worker the caller seals.
    fn wait_for_sealing(&self) -> Result<(), LogError> {
        let mut ahead = self.ahead.lock();
        let deadline = Deadline::after(SEALING_PATIENCE);
        while ahead.is_crowded(self.budget) {
            let Some(worker) = &self.worker else {
                drop(ahead);
                self.seal_next()?;
                ahead = self.ahead.lock();
                continue;
            };
            // What has failed before may be possible by now.
            ahead.failure = None;
            let _ = worker.try_send(());
            let timed_out = self.sealed_one.wait_until(&mut ahead, deadline);
            if !ahead.is_crowded(self.budget) {
                break;
            }
            // A full disk, say. Going on would take memory without a bound.
            if let Some(failure) = ahead.failure.take() {
                return Err(failure);
            }
            if timed_out {
                let source = io::Error::other("the segments before it cannot be given their footers");
                return Err(LogError::Io { what: "begin a new segment".into(), source });
            }
        }
        Ok(())
    }

    /// Notes how the worker's last attempt ended, for those who wait for it.
    pub(crate) fn note_attempt(&self, attempt: Result<(), LogError>) {
        if let Err(failure) = attempt {
            self.ahead.lock().failure = Some(failure);
            self.sealed_one.notify_all();
        }
    }

    pub(crate) fn add_full(&self, full: FullSegment) {
        self.ahead.lock().full.push_back(full);
    }

    pub(crate) fn next_full(&self) -> Option<FullSegment> {
        self.ahead.lock().full.front().cloned()
    }

    pub(crate) fn full_is_sealed(&self) {
        self.ahead.lock().full.pop_front();
        self.sealed_one.notify_all();
    }

    /// Has the next segment laid out, if it is not yet.
    pub(crate) fn next_is_needed(&self) {
        if !self.next_needed.swap(true, Ordering::SeqCst) {
            self.wake_worker();
        }
    }

    pub(crate) fn needs_prepared(&self) -> bool {
        self.next_needed.load(Ordering::SeqCst)
            && !self.worker_stops.load(Ordering::SeqCst)
            && self.ahead.lock().prepared.is_empty()
    }

    /// Gives back the space of segments that were laid out and not used, which stay the next ones. Says whether any of them had some.
    pub(crate) fn give_back_prepared(&self) -> bool {
        let mut ahead = self.ahead.lock();
        // What cannot be given back stays laid out.
        let given_back = ahead.prepared.iter_mut().map(|prepared| prepared.give_back().unwrap_or(false));
        given_back.fold(false, |all, one| all | one)
    }

    /// Gives back the space of segments that were laid out and not used, when the store is closed.
    pub(crate) fn cut_unused(&self) {
        for prepared in self.ahead.lock().prepared.drain(..) {
            // Space that is not given back only takes room until the store is opened again.
            let _ = prepared.cut_unused();
        }
    }

    pub(crate) fn add_prepared(&self, prepared: PreparedSegment) {
        self.ahead.lock().prepared.push_back(prepared);
    }
}
