//! Maintenance on the caller's thread, and when compaction in the background begins.

use super::Store;
use crate::committer::Committer;
use crate::error::AppendError;
use crate::maintenance::{MaintainError, maintain, mark_durable};
use annals_wal::LogError;
use std::sync::Arc;

impl Store {
    /// Has what rules let go removed in the background, and erasures finished that a crash has left, unless that was begun before, or there
    /// is nothing to be done there.
    #[inline]
    pub(super) fn compact_from_now_on(&self) {
        if self.0.core.compactor.is_due() {
            self.0.core.compactor.start(|| Store(Arc::clone(&self.0), None));
        }
    }

    /// Makes everything appended so far durable, whatever the store's [`Durability`](crate::Durability).
    ///
    /// # Errors
    /// [`AppendError::DurabilityUnknown`] if the sync failed; the store takes no more appends then.
    pub fn sync(&self) -> Result<(), AppendError> {
        let Some(writing) = &self.0.writing else { return Ok(()) };
        writing.deciding.refuse_own()?;
        writing.queue.with_sink(Committer::sync)
    }

    /// Does the background work that is due: lays out a segment, seals full ones, writes runs that are missing.
    /// Only needed with [`Options::background`](crate::Options::background) switched off.
    ///
    /// # Errors
    /// That something could not be done; it is left for the next call.
    pub fn maintain(&self) -> Result<(), MaintainError> {
        match &self.0.writing {
            Some(writing) => {
                if let Err(source) = writing.deciding.refuse_own() {
                    let source = std::io::Error::other(source);
                    return Err(LogError::Io { what: "maintain the store".into(), source }.into());
                }
                // Once the store is closed, its files may be somebody else's.
                let closed = writing.closed.lock();
                if closed.is_some() { Ok(()) } else { maintain(&self.0.core).map_err(MaintainError::from) }
            }
            None => Ok(()),
        }
    }

    /// Merges the files of the index further than appends make necessary, as the background thread does when nobody has
    /// appended for a second: the fewer there are, the quicker are lookups. Takes time in proportion to the index where
    /// most of it is in small files, and much less otherwise; appends go on meanwhile.
    ///
    /// # Errors
    /// As [`Store::maintain`].
    pub fn settle(&self) -> Result<(), MaintainError> {
        self.0.core.set_settling(true);
        let settled = self.maintain();
        self.0.core.set_settling(false);
        settled
    }

    /// Tells behind the last batch, or in the manifest, what is durable, so that damage to that batch can be told from a
    /// torn tail. The background thread does this after a tenth of a second without appends; only needed with
    /// [`Options::background`](crate::Options::background) switched off. While other threads append it may do nothing: each batch tells what was durable
    /// before it.
    ///
    /// # Errors
    /// [`AppendError::Io`] if the manifest could not be written: nothing is lost, and the next call tries again.
    /// [`AppendError::DurabilityUnknown`] if the write to the log failed, [`AppendError::Poisoned`] if one has failed
    /// before; the store takes no more appends then.
    pub fn mark_durable(&self) -> Result<(), AppendError> {
        let Some(writing) = &self.0.writing else { return Ok(()) };
        writing.deciding.refuse_own()?;
        let closed = writing.closed.lock();
        if closed.is_some() { Ok(()) } else { mark_durable(&self.0.core, &writing.queue).unwrap_or(Ok(())) }
    }
}
