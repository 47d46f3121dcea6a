//! Who compacts: one at a time, and the worker makes room for whoever asks.

use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The right to compact a store.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    running: Mutex<()>,
    /// Whether somebody compacts who was asked to, or waits until the worker has made room.
    asked: AtomicBool,
}

/// It is one's turn until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    _running: MutexGuard<'t, ()>,
    /// Dropped behind the lock.
    _asked: Option<Asked<'t>>,
}

#[derive(Debug)]
struct Asked<'t>(&'t AtomicBool);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Turns {
    /// The turn of somebody who was asked to compact, which the worker makes room for at its next step; `None` if it is the
    /// turn of somebody else who was.
    pub(crate) fn ask(&self) -> Option<Turn<'_>> {
        if self.asked.swap(true, Ordering::SeqCst) {
            return None;
        }
        let asked = Asked(&self.asked);
        Some(Turn { _running: self.running.lock(), _asked: Some(asked) })
    }

    /// The turn of the worker; `None` if it is somebody's.
    pub(super) fn take(&self) -> Option<Turn<'_>> {
        if self.is_asked() {
            return None;
        }
        let running = self.running.try_lock_for(Duration::ZERO)?;
        Some(Turn { _running: running, _asked: None })
    }

    /// Whether the worker has to make room.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until nobody compacts.
    pub(crate) fn wait(&self) {
        drop(self.running.lock());
    }
}
