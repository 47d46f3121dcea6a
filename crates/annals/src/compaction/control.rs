//! Watching a compaction, and making it wait or stop.

use annals_types::Position;
use annals_vfs::sync::{Condvar, Deadline, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// How often a compaction that waits looks whether the store is being closed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How far a compaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionProgress {
    /// Bytes of segments that were read to find out what goes.
    pub bytes_surveyed: u64,
    /// Bytes of segments that are to be written anew, once that is known.
    pub bytes_total: u64,
    /// Bytes of them that were read.
    pub bytes_read: u64,
    /// Bytes that were written.
    pub bytes_written: u64,
    /// How many events went, as far as that is in the manifest.
    pub events_removed: u64,
    /// Up to here the log was gone through.
    pub position: Position,
    /// Whether it waits.
    pub paused: bool,
}

/// A handle on compactions that run on other threads. All clones are the same.
#[derive(Clone, Debug, Default)]
pub struct CompactionControl(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    progress: CompactionProgress,
    stopped: bool,
}

impl CompactionControl {
    /// A handle, to be given to [`Compaction::control`](crate::Compaction::control).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes it wait before its next step. What it has written so far is kept.
    pub fn pause(&self) {
        self.0.state.lock().progress.paused = true;
    }

    /// Makes it go on.
    pub fn resume(&self) {
        self.0.state.lock().progress.paused = false;
        self.0.changed.notify_all();
    }

    /// Ends it before its next step. What the manifest has by then stays done, and of the rest everything is as before.
    pub fn stop(&self) {
        self.0.state.lock().stopped = true;
        self.0.changed.notify_all();
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> CompactionProgress {
        self.0.state.lock().progress
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut CompactionProgress)) {
        note(&mut self.0.state.lock().progress);
    }

    /// Begins to count anew.
    pub(super) fn begin(&self) {
        self.note(|progress| {
            *progress = CompactionProgress { paused: progress.paused, ..Default::default() };
        });
    }

    /// Some more was surveyed.
    pub(super) fn surveyed(&self, bytes: u64) {
        self.note(|progress| progress.bytes_surveyed += bytes);
    }

    /// Whether it was told to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.state.lock().stopped
    }

    /// Lets some time pass, unless it is to end.
    pub(super) fn rest(&self, time: Duration, others: &dyn Fn() -> bool) {
        if time.is_zero() {
            return;
        }
        let deadline = Deadline::after(time);
        let mut state = self.0.state.lock();
        while !state.stopped && others() {
            let left = deadline.left();
            if left.is_zero()
                || self.0.changed.wait_until(&mut state, Deadline::after(left.min(LOOK_EVERY)))
                    && left <= LOOK_EVERY
            {
                return;
            }
        }
    }

    /// Has whoever waits look whether there is a reason to end.
    pub(super) fn wake(&self) {
        drop(self.0.state.lock());
        self.0.changed.notify_all();
    }

    /// Waits as long as it is paused; `false` if it is to end, for which there may be another cause.
    pub(super) fn may_go_on(&self, others: &dyn Fn() -> bool) -> bool {
        let mut state = self.0.state.lock();
        while state.progress.paused && !state.stopped && others() {
            self.0.changed.wait_until(&mut state, Deadline::after(LOOK_EVERY));
        }
        !state.stopped && others()
    }
}
