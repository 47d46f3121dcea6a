//! How many snapshots there are, and what they take.

use crate::error::SnapshotError;
use crate::store::Snapshots;

/// Figures of the snapshots of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotStats {
    /// Snapshots in all files, those included that a later one of the same stream, tag and version has superseded.
    pub snapshots: u64,
    /// Files that are still appended to, or wait to be sorted.
    pub written_files: u64,
    /// Files with an index.
    pub sorted_files: u64,
    /// Files that nothing can be looked up in.
    pub broken_files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes in sorted files that are not wanted any more, as far as the last survey of the background knew; `None` if there
    /// was none since the snapshots were opened.
    pub superseded_bytes: Option<u64>,
    /// Snapshots that merging has dropped since the snapshots were opened because they were not wanted any more.
    pub dropped: u64,
    /// Damaged records that merging has left behind since the snapshots were opened.
    pub damaged: u64,
}

impl Snapshots {
    /// Figures, from what is in memory but for the lengths of written files.
    ///
    /// # Errors
    /// [`SnapshotError::Io`] if the system does not tell the length of a file.
    pub fn stats(&self) -> Result<SnapshotStats, SnapshotError> {
        let files = self.files();
        let sorted: u64 = files.sorted.iter().map(|file| file.trailer.count).sum();
        let written: u64 = files.written.iter().map(|file| file.count()).sum();
        let (superseded_bytes, dropped, damaged) = {
            let maintenance = self.lock_maintenance();
            let superseded = maintenance.superseded.as_ref().map(|files| files.values().sum());
            (superseded, maintenance.dropped, maintenance.damaged)
        };
        Ok(SnapshotStats {
            snapshots: sorted + written,
            written_files: files.written.len() as u64,
            sorted_files: files.sorted.len() as u64,
            broken_files: files.broken.len() as u64,
            bytes: files.bytes()?,
            superseded_bytes,
            dropped,
            damaged,
        })
    }
}
