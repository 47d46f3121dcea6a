//! The snapshots of a store: opened when they are first asked for, so that a store without any does not pay for them.

use crate::core::Core;
use crate::error::ReadError;
use annals_snapshot::{NewSnapshot, SnapshotError, SnapshotOptions, Snapshots};
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use annals_wal::LogError;
use std::sync::Arc;

/// How much of the background work on snapshots is done at once.
const STEP_BYTES: u64 = 1 << 20;
/// After so many bytes the background worker looks whether there is work.
const WAKE_BYTES: u64 = 1 << 20;
/// What a snapshot takes next to its payload, roughly.
const OVERHEAD_BYTES: u64 = 200;

#[derive(Debug)]
pub(crate) struct LazySnapshots {
    options: SnapshotOptions,
    state: Mutex<State>,
    /// Put since the worker was woken for them.
    bytes: AtomicU64,
}

#[derive(Debug)]
enum State {
    NotYet,
    Open(Arc<Snapshots>),
    /// Of a store that was closed: its files may be somebody else's.
    Closed,
}

impl LazySnapshots {
    pub(crate) fn new(options: SnapshotOptions) -> Self {
        LazySnapshots { options, state: Mutex::new(State::NotYet), bytes: AtomicU64::new(0) }
    }

    fn opened(&self) -> Option<Arc<Snapshots>> {
        match &*self.state.lock() {
            State::Open(snapshots) => Some(Arc::clone(snapshots)),
            State::NotYet | State::Closed => None,
        }
    }
}

impl Core {
    pub(crate) fn snapshots(&self) -> Result<Arc<Snapshots>, SnapshotError> {
        let mut state = self.snapshots.state.lock();
        match &*state {
            State::Open(snapshots) => Ok(Arc::clone(snapshots)),
            State::Closed => Err(SnapshotError::Closed),
            State::NotYet => {
                let options = self.snapshots.options.clone();
                let opened = Arc::new(Snapshots::open(self.env.clone(), self.store_id, options)?);
                *state = State::Open(Arc::clone(&opened));
                // An earlier process may have left work.
                self.wake_worker();
                Ok(opened)
            }
        }
    }

    pub(crate) fn put_snapshot(&self, new: &NewSnapshot<'_>) -> Result<(), SnapshotError> {
        self.snapshots()?.put(new)?;
        let bytes = new.payload.len() as u64 + OVERHEAD_BYTES;
        if self.snapshots.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= WAKE_BYTES {
            self.snapshots.bytes.store(0, Ordering::Relaxed);
            self.wake_worker();
        }
        Ok(())
    }

    /// Takes in what another process has put, if snapshots were asked for at all.
    pub(crate) fn refresh_snapshots(&self) -> Result<(), SnapshotError> {
        self.snapshots.opened().map_or(Ok(()), |snapshots| snapshots.refresh())
    }

    /// How many there are; none once the store is closed.
    pub(crate) fn snapshot_count(&self) -> Result<u64, ReadError> {
        match self.snapshots().and_then(|snapshots| snapshots.stats()) {
            Ok(stats) => Ok(stats.snapshots),
            Err(SnapshotError::Closed) => Ok(0),
            Err(error) => Err(log_error(error).into()),
        }
    }

    /// Works on the snapshots for a moment. Says whether there was anything to do.
    pub(crate) fn snapshot_step(&self) -> Result<bool, LogError> {
        match self.snapshots.opened() {
            None => Ok(false),
            Some(snapshots) => snapshots.step(STEP_BYTES).map_err(log_error),
        }
    }

    /// Ends the use of snapshots, in good order if that is asked for. What cannot be done costs reading when they are opened
    /// the next time.
    pub(crate) fn close_snapshots(&self, in_order: bool) {
        let state = std::mem::replace(&mut *self.snapshots.state.lock(), State::Closed);
        if let State::Open(snapshots) = state
            && in_order
        {
            let _ = snapshots.close();
        }
    }
}

fn log_error(error: SnapshotError) -> LogError {
    match error {
        SnapshotError::Io { what, source } => LogError::Io { what, source },
        other => LogError::Io { what: "work on the snapshots".into(), source: std::io::Error::other(other) },
    }
}
