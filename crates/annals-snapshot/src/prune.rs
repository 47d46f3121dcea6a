//! Dropping at once what is not wanted any more.

use crate::error::SnapshotError;
use crate::merge::{Keep, Kind, Sources, Survey};
use crate::store::Snapshots;
use crate::verify::verify_sorted;
use std::collections::{BTreeMap, BTreeSet};

/// What [`Snapshots::prune`] has done.
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
    /// Drops all but the newest `keep` snapshots of each pair of stream and tag, 0 for all of them, from what was put before,
    /// and gives the space back. Also reads everything and leaves behind whatever is damaged. Others may read and put meanwhile; what is done in
    /// the background waits.
    ///
    /// # Errors
    /// [`SnapshotError::ReadOnly`], [`SnapshotError::Closed`]; [`SnapshotError::Io`], then some of it may be done. Nothing is
    /// found any more that was dropped, also after a crash, once this has returned without an error.
    pub fn prune(&self, keep: u64) -> Result<Pruned, SnapshotError> {
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
        let (before, dropped) = (self.files().bytes()?, maintenance.dropped);
        self.discard_broken();
        while let Some(sources) = self.full_written(&maintenance) {
            self.complete_job(&mut maintenance, Kind::Sort, &sources, Keep::newest(Some(keep)))?;
        }
        let mut survey = Survey::new(&self.files(), Some(keep));
        while !survey.step(u64::MAX) {}
        let mut ids: BTreeSet<u64> = survey.superseded().into_keys().collect();
        ids.extend(self.files().to_make_again());
        ids.extend(self.damaged_anywhere()?);
        for id in ids {
            if let Some(sources) = Sources::rewriting(&self.files(), id) {
                self.complete_job(&mut maintenance, Kind::Rewrite, &sources, Keep::newest(Some(keep)))?;
            }
        }
        self.removal.run(&*self.env.disk)?;
        self.removal.sync_names(&*self.env.disk)?;
        maintenance.superseded = Some(BTreeMap::new());
        let (dropped, bytes_after) = (maintenance.dropped - dropped, self.files().bytes()?);
        Ok(Pruned { dropped, bytes_before: before, bytes_after })
    }

    /// Sorted files in which any byte is not as written.
    fn damaged_anywhere(&self) -> Result<Vec<u64>, SnapshotError> {
        let mut damaged = Vec::new();
        for file in &self.files().sorted {
            let mut sound = true;
            verify_sorted(file, &mut |_| sound = false)
                .map_err(SnapshotError::io(format!("read {}", file.path())))?;
            if !sound {
                damaged.push(file.id);
            }
        }
        Ok(damaged)
    }
}
