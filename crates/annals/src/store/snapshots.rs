//! What is known of the snapshots of a store, and pruning them.

use super::Store;
use crate::core::Core;
use annals_snapshot::{Infos, Pruned, SnapshotError};

impl Store {
    /// The snapshots of streams whose names begin with `prefix` (all of them, if it is empty): which states of which versions are
    /// saved, by [`Aggregates`](crate::Aggregates) of all kinds. Those of a stream and schema tag come together, the newest one first.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Document, Expected, NewEvent, SnapshotPolicy};
    /// store.append("order-1", Expected::NoStream, &[NewEvent::json("placed", r#"{"total":25}"#)])?;
    /// store.aggregates::<Document>().with_snapshots("order/1", SnapshotPolicy::every(1)).load("order-1")?;
    /// let snapshot = store.snapshots("order-1")?.next().unwrap()?;
    /// assert_eq!((snapshot.tag.as_str(), snapshot.version.get()), ("order/1", 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SnapshotError::Io`], and [`SnapshotError::Closed`] after the store was closed; each item may be an error, too: of a
    /// damaged snapshot, behind which the list goes on.
    pub fn snapshots(&self, prefix: &str) -> Result<Infos, SnapshotError> {
        let snapshots = self.0.core.snapshots()?;
        snapshots.refresh()?;
        Ok(snapshots.list(prefix))
    }

    /// Drops all but the newest `keep` snapshots of each stream and schema tag, and gives their space back before it returns. 0
    /// drops all. Loading states as of moments before the ones that stay costs reading more events, and nothing else.
    ///
    /// # Errors
    /// As [`SnapshotError`] says; what was done is done.
    pub fn prune_snapshots(&self, keep: u64) -> Result<Pruned, SnapshotError> {
        if !self.is_writable() {
            return Err(SnapshotError::ReadOnly);
        }
        self.0.core.snapshots()?.prune(keep)
    }

    /// Makes the snapshots durable that were taken so far. Without it the system does that in its own time, and a loss of power
    /// may cost reading more events.
    ///
    /// # Errors
    /// As [`SnapshotError`] says.
    pub fn sync_snapshots(&self) -> Result<(), SnapshotError> {
        if self.is_writable() { self.0.core.snapshots()?.sync() } else { Ok(()) }
    }

    pub(crate) fn shared(&self) -> &Core {
        &self.0.core
    }
}
