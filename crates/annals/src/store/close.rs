//! Closing a store, in good order or not.

use super::{Closing, Handle, Writing};
use crate::committer::{Committer, Flush, Item};
use crate::core::Core;
use crate::error::{AppendError, ReadError};
use annals_format::CleanMark;
use annals_types::planted::{Bug, planted};
use annals_vfs::sync::thread;

impl Handle {
    pub(super) fn close(&self) -> Result<(), AppendError> {
        if let Some(writing) = &self.writing {
            writing.deciding.refuse_own()?;
        }
        let result = self.close_files();
        // Behind everything that may still publish. A close that failed ends the store as well.
        self.core.watermark.end();
        result
    }

    fn close_files(&self) -> Result<(), AppendError> {
        let Some(writing) = &self.writing else { return Ok(()) };
        let mut closed = writing.closed.lock();
        match *closed {
            None => *closed = Some(false),
            Some(true) => return Ok(()),
            Some(false) => return Err(AppendError::Poisoned),
        }
        // What was submitted before this is written; what comes from now on is refused.
        let _ = writing.queue.commit(Item::Flush(Flush::NOTHING));
        let end = writing.queue.with_sink(Committer::close);
        writing.serving.end(&writing.queue);
        writing.stop_worker(&self.core);
        self.core.compactor.end();
        if !planted(Bug::CompactedAfterClose) {
            // A compaction that was asked for ends with its step.
            self.core.turns.wait();
        }
        self.core.abandon_merges();
        self.core.close_snapshots(true);
        self.core.cut_unused();
        let result = end.and_then(|end| {
            let (segment_id, frames_end) =
                end.as_ref().map_or((0, 0), |end| (end.segment.id(), end.frames_end));
            let in_order = end.is_none_or(|active| self.core.seal_at_close(active));
            let clean = in_order.then_some(CleanMark { segment_id, frames_end });
            let durable = self.core.watermark.durable();
            let noted = self.core.catalog.lock().set_clean(durable, clean);
            noted.map_err(|error| ReadError::from(error).into())
        });
        writing.lock.lock().take();
        *closed = Some(result.is_ok());
        result
    }
}

impl Writing {
    fn stop_worker(&self, core: &Core) {
        core.stop_worker();
        if let Some(worker) = self.worker.lock().take() {
            // A worker that panicked has left files that the next open puts in order.
            let _ = worker.join();
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let handle = &self.0;
        // A thread that unwinds may have left anything: the log is in order after any crash, so leave it at that.
        if thread::panicking() {
            if let Some(writing) = &handle.writing
                && writing.closed.lock().replace(false).is_none()
            {
                // Before the lock is let go: then nobody of this store may write any more.
                writing.serving.end(&writing.queue);
                writing.stop_worker(&handle.core);
                handle.core.compactor.end();
                handle.core.close_snapshots(false);
                writing.lock.lock().take();
            }
            return;
        }
        let _ = handle.close();
    }
}
