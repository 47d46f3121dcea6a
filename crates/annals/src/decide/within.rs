//! Which thread is within a decision, and may not call what would wait for it.

use crate::error::AppendError;
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::thread::{ThreadId, own_id};

/// Which thread is within the closure of a decision: it holds the writer, and would wait for itself.
#[derive(Debug, Default)]
pub(crate) struct Deciding {
    /// Saves who appends the lock: a thread always sees what it has stored itself, which is all that matters.
    any: AtomicBool,
    who: Mutex<Option<ThreadId>>,
}

impl Deciding {
    /// Called with the writer held, so there is one at a time.
    pub(super) fn enter(&self) -> Within<'_> {
        *self.who.lock() = Some(own_id());
        self.any.store(true, Ordering::Relaxed);
        Within(self)
    }

    /// Whether the thread that asks is within a closure.
    pub(crate) fn is_own(&self) -> bool {
        self.any.load(Ordering::Relaxed) && *self.who.lock() == Some(own_id())
    }

    /// Refuses calls that need the writer.
    pub(crate) fn refuse_own(&self) -> Result<(), AppendError> {
        if self.is_own() { Err(AppendError::WithinDecide) } else { Ok(()) }
    }
}

/// As long as it lives, its thread is within the closure; a panic ends that, too.
pub(super) struct Within<'d>(&'d Deciding);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.0.any.store(false, Ordering::Relaxed);
        *self.0.who.lock() = None;
    }
}
