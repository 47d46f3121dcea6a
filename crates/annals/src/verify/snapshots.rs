//! Verifying the snapshots.

use super::Verification;
use crate::error::OpenError;
use annals_format::{Manifest, names};
use annals_snapshot::SnapshotError;
use annals_vfs::{Disk, is_shortage};

pub(super) fn snapshot_bytes(disk: &dyn Disk) -> u64 {
    let entries = disk.list(names::SNAPSHOT_DIR).unwrap_or_default();
    entries.iter().map(|entry| entry.length).fold(0, u64::saturating_add)
}

/// A damaged snapshot costs reading more events and nothing else. Its bytes are wrong all the same, and the disk has a reason for
/// that.
pub(super) fn check_snapshots(
    disk: &dyn Disk,
    manifest: &Manifest,
    found: &mut Verification,
) -> Result<(), OpenError> {
    let mut damaged = Vec::new();
    let verified =
        annals_snapshot::verify(disk, &manifest.store_id, &mut |corruption| damaged.push(corruption));
    match verified {
        Ok(verified) => {
            found.snapshots = verified.snapshots;
            found.bytes += verified.bytes;
            let newer =
                verified.newer.into_iter().map(|file| format!("{file} can be read by a newer program only"));
            found.notes.extend(newer);
        }
        Err(SnapshotError::Io { what, source }) if is_shortage(&source) => {
            return Err(OpenError::io(what)(source));
        }
        Err(error) => found.finding(names::SNAPSHOT_DIR, None, error.to_string()),
    }
    damaged.into_iter().for_each(|corruption| found.corrupt(corruption));
    Ok(())
}
