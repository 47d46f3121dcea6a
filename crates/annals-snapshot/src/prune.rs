//! Dropping at once what newer snapshots supersede.

use crate::dropping::Pruned;
use crate::error::SnapshotError;
use crate::merge::{Keep, Survey};
use crate::store::Snapshots;
use crate::verify::verify_sorted;
use std::collections::BTreeSet;

impl Snapshots {
    /// Drops all but the newest `keep` snapshots of each pair of stream and tag, 0 for all of them, from what was put before,
    /// and gives the space back. Also reads everything and leaves behind whatever is damaged. Others may read and put meanwhile; what is done in
    /// the background waits.
    ///
    /// # Errors
    /// [`SnapshotError::ReadOnly`], [`SnapshotError::Closed`]; [`SnapshotError::Io`], then some of it may be done. Nothing is
    /// found any more that was dropped, also after a crash, once this has returned without an error.
    pub fn prune(&self, keep: u64) -> Result<Pruned, SnapshotError> {
        self.drop_all_but(&Keep::newest(Some(keep)), |snapshots| {
            let mut survey = Survey::new(&snapshots.files(), Some(keep));
            while !survey.step(u64::MAX) {}
            let mut ids: BTreeSet<u64> = survey.superseded().into_keys().collect();
            ids.extend(snapshots.damaged_anywhere()?);
            Ok(ids)
        })
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
