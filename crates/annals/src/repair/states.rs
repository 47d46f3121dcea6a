//! The snapshots of the original that the new store gets: those that are sound, and belong to what was kept.
//!
//! Elsewhere a snapshot is derived. Here it may be all that is left of events: of those below a floor, and of those that were lost.
//! Every one is looked at by itself, and compared with the new log. None is taken of what lies behind the end of that: its position
//! and version will be given again.

use super::progress::Progress;
use super::report::RepairReport;
use crate::error::OpenError;
use crate::options::Options;
use crate::snapshots::log_error;
use crate::stats::bytes_in;
use crate::view::View;
use annals_format::{StoreId, names};
use annals_snapshot::{Salvage, Salvaged, SnapshotError, SnapshotOptions, Snapshots};
use annals_types::planted::{Bug, planted};
use annals_vfs::{Disk, Env};
use annals_wal::LogError;
use std::path::PathBuf;

/// So many places are told where snapshots are damaged; of the others how many they are.
const TOLD_MAX: usize = 16;

/// How many bytes there are to be looked at.
pub(super) fn bytes(disk: &dyn Disk) -> u64 {
    // What cannot be listed is told when it is to be read.
    bytes_in(disk, names::SNAPSHOT_DIR).unwrap_or(0)
}

/// Takes over what belongs to the new store, which is complete but for that.
pub(super) fn take_states(
    from: &Env,
    to: &Env,
    store_id: &StoreId,
    report: &mut RepairReport,
    progress: &mut Progress<'_>,
) -> Result<(), OpenError> {
    let mut found = Salvage::open(&*from.disk, store_id).map_err(failed)?.peekable();
    if found.peek().is_none() {
        return Ok(());
    }
    let store = Options::new().env(to.clone()).read_only(true).open(PathBuf::from(to.disk.describe()))?;
    let view = store.view();
    let own = Snapshots::open(to.clone(), *store_id, SnapshotOptions::writing()).map_err(failed)?;
    let mut damaged = 0;
    for salvaged in found {
        match salvaged {
            Ok(salvaged) => {
                take(&salvaged, &view, &own, report)?;
                progress.add(salvaged.snapshot.payload.len() as u64);
            }
            Err(unusable) => {
                damaged += 1;
                if damaged <= TOLD_MAX {
                    report.notes.push(format!("{unusable}; what this was about is not among the snapshots"));
                }
            }
        }
    }
    if damaged > TOLD_MAX {
        report.notes.push(format!("snapshots are damaged in {} more places", damaged - TOLD_MAX));
    }
    own.close().map_err(failed)
}

fn take(
    salvaged: &Salvaged,
    view: &View,
    own: &Snapshots,
    report: &mut RepairReport,
) -> Result<(), OpenError> {
    let Salvaged { stream, tag, snapshot } = salvaged;
    if !view.has_behind(stream, snapshot)? && !planted(Bug::RepairTakesAnyState) {
        report.snapshots_left_out += 1;
        return Ok(());
    }
    match own.take_over(stream, tag, snapshot) {
        Ok(()) => report.snapshots += 1,
        // Bytes with a right checksum that no store writes.
        Err(SnapshotError::NoEvent { .. } | SnapshotError::Invalid(_) | SnapshotError::SchemaTag { .. }) => {
            report.snapshots_left_out += 1;
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(())
}

fn failed(error: SnapshotError) -> OpenError {
    LogError::into(log_error(error))
}
