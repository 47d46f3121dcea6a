//! Taking the snapshots of a store. They are derived: one that cannot be taken costs reading more events.

use super::check::Checks;
use super::error::BackupError;
use super::files::{Copier, Got};
use annals_format::{StoreId, names};
use annals_snapshot::{SnapshotError, SnapshotOptions, Snapshots};
use annals_types::Position;
use annals_vfs::{Access, DirEntry, Disk, EntryKind, Env, read_up_to};
use std::collections::BTreeSet;
use std::io;

/// How often the directory is listed again when files were merged meanwhile.
const LOOKS: usize = 5;
/// So much of the beginning tells a file from another that had its number: salt and checksum are in it.
const HEADER_BYTES: usize = 64;

/// Copies the files of snapshots that are not there yet, or have grown. Gives their numbers. Whoever decides on a position
/// afterwards has every event that these snapshots are made of.
pub(super) fn take_snapshots(copier: &mut Copier<'_>) -> Result<BTreeSet<u64>, BackupError> {
    let mut there = BTreeSet::new();
    for _ in 0..LOOKS {
        let mut gone = false;
        let listed = list(copier.from).map_err(BackupError::io("list snapshots"))?;
        let present: BTreeSet<u64> = listed.iter().map(|(id, _)| *id).collect();
        for (id, length) in listed {
            if !there.contains(&id) {
                match take(copier, id, length)? {
                    Got::There => drop(there.insert(id)),
                    Got::Gone => gone = true,
                }
            }
        }
        // One that was merged since counts for nothing.
        there.retain(|id| present.contains(id));
        if !gone {
            break;
        }
    }
    let synced = copier.to.sync_dir(names::SNAPSHOT_DIR);
    synced.map_err(BackupError::io("sync snapshots of the copy"))?;
    Ok(there)
}

fn take(copier: &mut Copier<'_>, id: u64, length: u64) -> Result<Got, BackupError> {
    let name = names::snapshots(id);
    if is_same(copier, &name, length).map_err(BackupError::io(format!("compare {name} with the copy")))? {
        copier.counts.kept.add(length);
        return Ok(Got::There);
    }
    let temporary = names::snapshots_temporary(id);
    let got = copier.copy(&name, &temporary, length)?;
    if got == Got::There {
        copier
            .to
            .rename(&temporary, &name)
            .map_err(BackupError::io(format!("rename {temporary} of the copy")))?;
        copier.renamed(&temporary, &name);
    }
    Ok(got)
}

/// Whether a file is there already. Files are only appended to, and each begins with a salt of its own.
fn is_same(copier: &Copier<'_>, name: &str, length: u64) -> io::Result<bool> {
    let mut headers = [[0; HEADER_BYTES]; 2];
    for (disk, header) in [copier.from, copier.to].into_iter().zip(&mut headers) {
        let file = match disk.open(name, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        if file.length()? != length {
            return Ok(false);
        }
        read_up_to(&*file, header, 0)?;
    }
    Ok(headers[0] == headers[1])
}

/// Numbers and lengths of the files of snapshots.
fn list(disk: &dyn Disk) -> io::Result<Vec<(u64, u64)>> {
    let entries = match disk.list(names::SNAPSHOT_DIR) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    Ok(files
        .filter_map(|entry: &DirEntry| Some((names::parse_snapshots(&entry.name)?, entry.length)))
        .collect())
}

/// Reads all snapshots of the copy and notes what is wrong with them.
pub(super) fn verify_snapshots(
    disk: &dyn Disk,
    store_id: &StoreId,
    checks: &mut Checks<'_>,
) -> Result<(), BackupError> {
    if !checks.verify {
        return Ok(());
    }
    let mut damaged = Vec::new();
    let verified = annals_snapshot::verify(disk, store_id, &mut |corruption| damaged.push(corruption));
    match verified {
        Ok(verified) => checks.verified_bytes = checks.verified_bytes.saturating_add(verified.bytes),
        Err(error) => return Err(BackupError::io("read the snapshots of the copy")(io::Error::other(error))),
    }
    let note = |corruption| format!("{corruption}; a damaged snapshot costs reading more events");
    checks.notes.extend(damaged.into_iter().map(note));
    Ok(())
}

/// Puts the snapshots of a store that are of events up to a position into a new one.
pub(super) fn put_snapshots(
    from: &Env,
    to: &Env,
    store_id: &StoreId,
    last: Position,
    checks: &mut Checks<'_>,
) -> Result<(), BackupError> {
    let failed = |error| BackupError::io("restore the snapshots")(io::Error::other(error));
    let source = Snapshots::open(from.clone(), *store_id, SnapshotOptions::reading()).map_err(failed)?;
    let own = Snapshots::open(to.clone(), *store_id, SnapshotOptions::writing()).map_err(failed)?;
    for info in source.list("") {
        let info = match info {
            Ok(info) if info.position <= last => info,
            Ok(_) => continue,
            Err(SnapshotError::Corrupt(corruption)) => {
                checks.notes.push(format!("{corruption}; the snapshot was left out"));
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        let found = source.find(&info.stream, &info.tag, info.version, None).map_err(failed)?;
        if let Some(snapshot) = found.snapshot.filter(|snapshot| snapshot.version == info.version) {
            own.take_over(&info.stream, &info.tag, &snapshot).map_err(failed)?;
        }
    }
    own.close().map_err(failed)
}
