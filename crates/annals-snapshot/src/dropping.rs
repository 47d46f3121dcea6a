//! Dropping snapshots at once, so that their bytes go from the disk as well: what forgetting and pruning have in common.

use crate::error::SnapshotError;
use crate::merge::{Keep, Kind, Sources};
use crate::store::Snapshots;
use std::collections::{BTreeMap, BTreeSet};

/// What [`Snapshots::prune`] or [`Snapshots::forget`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots that were dropped.
    pub dropped: u64,
    /// Bytes of files before and after; what was put meanwhile included.
    pub bytes_before: u64,
    /// See [`Pruned::bytes_before`].
    pub bytes_after: u64,
}

impl Snapshots {
    /// Sorts what was put before without what is not kept, and writes the sorted files anew that `chosen` then names, and those that are damaged where nobody can tell
    /// what they have.
    ///
    /// # Errors
    /// As [`Snapshots::prune`]: once this has returned without one, nothing is found any more that was dropped.
    pub(crate) fn drop_all_but(
        &self,
        keep: &Keep,
        chosen: impl FnOnce(&Self) -> Result<BTreeSet<u64>, SnapshotError>,
    ) -> Result<Pruned, SnapshotError> {
        self.check_writable()?;
        let mut maintenance = self.maintenance.lock();
        self.abandon(&mut maintenance)?;
        {
            let mut writer = self.writer.lock();
            if writer.closed {
                return Err(SnapshotError::Closed);
            }
            writer.end_active();
        }
        let (bytes_before, dropped) = (self.files().bytes()?, maintenance.dropped);
        self.discard_broken();
        while let Some(sources) = self.full_written(&maintenance) {
            self.complete_job(&mut maintenance, Kind::Sort, &sources, keep.clone())?;
        }
        let mut ids = chosen(self)?;
        ids.extend(self.files().to_make_again());
        for id in ids {
            if let Some(sources) = Sources::rewriting(&self.files(), id) {
                self.complete_job(&mut maintenance, Kind::Rewrite, &sources, keep.clone())?;
            }
        }
        // Again what could not be removed when it was replaced: this must not succeed while it is there.
        self.removal.run(&*self.env.disk)?;
        self.removal.sync_names(&*self.env.disk)?;
        maintenance.superseded = Some(BTreeMap::new());
        let (dropped, bytes_after) = (maintenance.dropped - dropped, self.files().bytes()?);
        Ok(Pruned { dropped, bytes_before, bytes_after })
    }
}
