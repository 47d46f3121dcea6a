//! Waiting for events, also for those that another process appends.

use super::Store;
use crate::error::ReadError;
use crate::follow::LogEnd;
use crate::open::observe;
use annals_types::Position;
use annals_vfs::sync::{Deadline, thread};
use std::sync::Arc;
use std::time::Duration;

/// How often a store that another process writes is looked at while waiting for events.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Store {
    /// Waits until there are events after `position`, at most for `timeout`; says whether there are. For a store
    /// that is open for reading only, this is also what takes in the events that another process has appended.
    ///
    /// Once the store is closed nothing more comes: it says at once whether there are events after `position`, and
    /// [`Store::close`] lets go whoever waits on another clone. `false` before the time is over means that.
    ///
    /// # Errors
    /// As [`ReadError`] says, only for stores that are open for reading only.
    pub fn wait_beyond(&self, position: Position, timeout: Duration) -> Result<bool, ReadError> {
        let core = &self.0.core;
        // Within a decision nothing can come.
        let deciding = self.0.writing.as_ref().is_some_and(|writing| writing.deciding.is_own());
        let timeout = if deciding { Duration::ZERO } else { timeout };
        if self.0.writing.is_some() || core.watermark.visible() > position {
            return Ok(core.watermark.wait_beyond(position, timeout));
        }
        let deadline = Deadline::after(timeout);
        loop {
            if core.watermark.has_ended() {
                return Ok(core.watermark.visible() > position);
            }
            self.take_in()?;
            let left = deadline.left();
            if core.watermark.visible() > position || left.is_zero() {
                return Ok(core.watermark.visible() > position);
            }
            thread::sleep(LOOK_EVERY.min(left));
        }
    }

    /// Looks what another process has appended since.
    pub(super) fn take_in(&self) -> Result<(), ReadError> {
        let core = &self.0.core;
        let mut end = self.0.end.lock();
        if end.as_ref().is_some_and(|end| end.is_still(&core.env)) {
            return Ok(());
        }
        let known = core.parts.load_full();
        let (opened, visible) = observe(&core.env, &self.0.path, core.budget, &known)?;
        *end = Some(LogEnd::of(&opened));
        core.retention.note_manifest(opened.manifest.has_rules);
        // Also if there is nothing new: compaction may have put other files in the place of those that are known.
        if visible >= core.watermark.visible() {
            let parts = Arc::new(opened.parts);
            core.parts.store(parts);
            // It tells of removals that are not in the ledger yet.
            core.catalog.lock().follow(opened.manifest);
            core.watermark.follow(visible);
            // Without them more events are read.
            let _ = core.refresh_snapshots();
        }
        Ok(())
    }
}
