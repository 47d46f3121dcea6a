//! Making a backup: the order in which things are done.
//!
//! 1. The destination is looked at, locked, and marked.
//! 2. Files are taken, and verified as they come. What the directory's manifest names stays as it is.
//! 3. `BACKUP` gets a second state, that of the next manifest.
//! 4. The manifest is replaced. From here on the directory is the new backup.
//! 5. What it does not name is removed.

use super::Look;
use super::check::{Checks, Ending, clean_mark};
use super::destination::Destination;
use super::error::BackupError;
use super::files::Copier;
use super::log::{Log, LogCopy};
use super::options::BackupOptions;
use super::report::{BackupProgress, BackupReport, Progress};
use super::snapshots::{take_snapshots, verify_snapshots};
use annals_format::{BackupMark, BackupState, CleanMark, Manifest, Removed, SealedSegment, names};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp, Uuid};
use annals_vfs::{Disk, Env, replace_file};
use std::collections::BTreeSet;

/// How often the store is looked at when files go before they were taken.
pub(super) const LOOKS: usize = 100;

/// Makes a backup of a store, whose files lie on `from`, in the directory `to`. `look` looks at the store.
pub(crate) fn back_up(
    from: &dyn Disk,
    to: &Env,
    options: &BackupOptions,
    look: &mut dyn FnMut() -> Result<Look, BackupError>,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<BackupReport, BackupError> {
    let first = look()?;
    let destination = Destination::take(to, &first.manifest.store_id)?;
    if let Some(base) = &destination.base {
        is_continued_by(&base.state, &first, &destination)?;
    }
    let mut copier = Copier::new(from, &*to.disk, options.links, Progress::new(progress));
    let mut checks = Checks::new(to, options.verify, &first.manifest);
    drop(first);
    let taken = take_all(&destination, &mut copier, &mut checks, look);
    let (log, ending, manifest, snapshots) = taken.inspect_err(|_| copier.withdraw())?;

    // Whether the manifest was replaced is not known when one of these fails, so nothing is removed then.
    let state = publish(&destination, &manifest, &log, ending)?;
    remove_unnamed(&*to.disk, &manifest, &snapshots);
    copier.progress.end();
    let former = destination.base.as_ref().map(|base| base.state.position);
    Ok(BackupReport {
        position: state.position,
        recorded_at: ending.recorded_at,
        former,
        files: copier.counts,
        verified_bytes: checks.verified_bytes,
        notes: checks.notes,
    })
}

type Taken = (Log, Ending, Manifest, BTreeSet<u64>);

/// Takes everything, verified and durable.
fn take_all(
    destination: &Destination,
    copier: &mut Copier<'_>,
    checks: &mut Checks<'_>,
    look: &mut dyn FnMut() -> Result<Look, BackupError>,
) -> Result<Taken, BackupError> {
    let mut looks = 0;
    let (snapshots, log, source) = loop {
        let erasures = look()?.manifest.erasures;
        // Snapshots first: of each of them the events are among those that are taken afterwards.
        let snapshots = take_snapshots(copier)?;
        let mut copy = LogCopy::new(&destination.env, destination.base.as_ref())?;
        let (log, source) = loop {
            let look = look()?;
            if let Some(log) = copy.take(&look, copier, checks)? {
                break (log, look.manifest);
            }
            looks += 1;
            if looks >= LOOKS {
                return Err(BackupError::Restless);
            }
        };
        // What was erased meanwhile is not in this log any more, and may be in snapshots that were taken before.
        if source.erasures == erasures || planted(Bug::BackupKeepsForgottenSnapshots) {
            break (snapshots, log, source);
        }
        looks += 1;
    };
    sync_directories(copier.to)?;
    verify_snapshots(copier.to, &source.store_id, checks)?;
    let former = destination.base.as_ref().map_or(0, |base| base.manifest.generation);
    let manifest = manifest_of(source, former, &log);
    let ending = checks.end(&manifest, log.position)?;
    Ok((log, ending, manifest, snapshots))
}

/// Makes the names of all that was taken durable.
pub(super) fn sync_directories(disk: &dyn Disk) -> Result<(), BackupError> {
    for directory in [names::LOG_DIR, names::INDEX_DIR] {
        let synced = disk.sync_dir(directory);
        synced.map_err(BackupError::io(format!("sync {directory} of the copy")))?;
    }
    Ok(())
}

/// The manifest of a copy: closed in good order, where the log was taken to.
pub(super) fn manifest_of(source: Manifest, former_generation: u64, log: &Log) -> Manifest {
    Manifest {
        generation: source.generation.max(former_generation).saturating_add(1),
        durable: log.position,
        sealed: log.sealed.clone(),
        open: log.open.clone(),
        runs: log.runs.clone(),
        clean: Some(clean_mark(log.tail)),
        // A copy that ends before has nothing removed behind its end.
        removed: source
            .removed
            .map(|removed| Removed { through: removed.through.min(log.position), ..removed }),
        ..source
    }
}

/// Whether the store goes on from where the backup ends.
fn is_continued_by(state: &BackupState, look: &Look, destination: &Destination) -> Result<(), BackupError> {
    let (path, position) = (destination.path.clone(), state.position);
    if position > look.position {
        return Err(BackupError::Ahead { path, backup: position, store: look.position });
    }
    if position == Position::ZERO || state.event_id.is_nil() {
        return Ok(());
    }
    // What retention has removed since cannot be compared.
    let Ok(Some(event)) = look.parts.event(position) else { return Ok(()) };
    if event.id == state.event_id && event.recorded_at == state.recorded_at {
        Ok(())
    } else {
        Err(BackupError::Diverged { path, position })
    }
}

/// Makes what was taken count.
fn publish(
    destination: &Destination,
    manifest: &Manifest,
    log: &Log,
    ending: Ending,
) -> Result<BackupState, BackupError> {
    let (bytes, sum) = manifest.encode_with_sum();
    // Without the event at the last position there is none that the next backup could compare.
    let compared = ending.recorded_at.zip(ending.event_id);
    let (recorded_at, event_id) = compared.unwrap_or((Timestamp::MIN, Uuid::nil()));
    let (segment_id, frames_end) = log.tail;
    let state = BackupState {
        manifest: sum,
        position: log.position,
        recorded_at,
        event_id,
        taken_at: destination.env.clock.now(),
        tail: CleanMark { segment_id, frames_end },
    };
    let former = destination.base.as_ref().map(|base| base.state.clone());
    let former = former.filter(|_| !planted(Bug::BackupMarkForgetsFormer));
    let states = former.into_iter().chain([state.clone()]).collect();
    destination.write_mark(&BackupMark { store_id: manifest.store_id, states })?;
    let written = replace_file(&*destination.env.disk, names::MANIFEST, &bytes);
    written.map_err(BackupError::io(format!("write {}/{}", destination.path.display(), names::MANIFEST)))?;
    Ok(state)
}

/// Removes what the manifest, which is durable, does not name. What cannot be removed only takes room until the next backup.
pub(super) fn remove_unnamed(disk: &dyn Disk, manifest: &Manifest, snapshots: &BTreeSet<u64>) {
    let segments = manifest.sealed.iter().map(SealedSegment::path);
    let segments = segments.chain(manifest.open.iter().map(|entry| names::segment(entry.id)));
    let runs = manifest.runs.iter().map(|entry| names::run(entry.id));
    let named: BTreeSet<String> =
        segments.chain(runs).chain(snapshots.iter().map(|id| names::snapshots(*id))).collect();
    for directory in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
        let Ok(kinds) = disk.kinds(directory) else { continue };
        for (name, kind) in kinds {
            let path = format!("{directory}/{name}");
            if kind == annals_vfs::EntryKind::File && is_ours(&name) && !named.contains(&path) {
                let _ = disk.remove(&path);
            }
        }
    }
}

/// Whether a file has a name that only the engine gives.
fn is_ours(name: &str) -> bool {
    names::parse_edition(name).is_some()
        || names::parse_run(name).is_some()
        || names::parse_scratch(name).is_some()
        || names::parse_snapshots(name).is_some()
        || names::parse_snapshots_temporary(name).is_some()
}
