//! Making a store of a backup, as of a moment.
//!
//! Files that need no cut are linked or copied as they are. The segment in which the log is cut becomes an open one: its frames are
//! copied as they are, up to the last batch that counts. If compaction has removed events of it, what of it counts is written anew. The store keeps its id, to which every checksum is bound.

use super::Look;
use super::check::Checks;
use super::error::BackupError;
use super::files::Copier;
use super::log::{LogCopy, first_stored};
use super::make::{LOOKS, manifest_of, remove_unnamed, sync_directories};
use super::options::{BackupOptions, RestoreTo};
use super::place::{open_backup, real_places};
use super::report::{BackupProgress, Progress, RestoreReport};
use super::snapshots::{put_snapshots, take_snapshots, verify_snapshots};
use crate::error::{OpenError, ReadError};
use crate::open::take_lock;
use crate::options::Options;
use crate::query::AsOf;
use crate::store::Store;
use annals_format::{Manifest, names};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};
use annals_vfs::{Disk, Env, Lock, replace_file, write_all_at};
use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

/// Makes a store of the backup at `backup` in the directory `destination`, which must be empty or not exist: everything that
/// the backup has, or up to a position or a time. The backup is only read; any store can be restored from, also one that is in use.
///
/// The new store is open to writing and goes on from where it ends. It keeps the id of the store, and positions behind its end are
/// given again. So if it takes the place of the original, consumers that have read further have to be set back, and backups that
/// have more are refused by [`Store::backup`]: make the next one in another directory.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let [path, backup, restored] = ["store", "backup", "restored"].map(|name| directory.path().join(name));
/// use annals::{BackupOptions, Expected, NewEvent, Position, RestoreTo, Store, restore};
/// let store = Store::open(&path)?;
/// for data in ["1", "22", "333"] {
///     store.append("account-7", Expected::Any, &[NewEvent::json("deposited", data)])?;
/// }
/// store.backup(&backup, &BackupOptions::new(), &mut |_| {})?;
///
/// let to = RestoreTo::Position(Position::new(2));
/// let report = restore(&backup, &restored, to, &BackupOptions::new(), &mut |_| {})?;
/// assert_eq!((report.position.get(), report.backup_position.get()), (2, 3));
/// let again = Store::open(&restored)?.append("account-7", Expected::Any, &[NewEvent::json("closed", "{}")])?;
/// assert_eq!(again.first_position.get(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`BackupError`] says. Then the destination is no store; restore to it again, or remove it.
pub fn restore(
    backup: impl AsRef<Path>,
    destination: impl AsRef<Path>,
    to: RestoreTo,
    options: &BackupOptions,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<RestoreReport, BackupError> {
    let from = open_backup(backup.as_ref())?;
    let store = open(&from, backup.as_ref())?;
    let destination = real_places(&*from.disk, destination.as_ref())?;
    run(&store, &from, &destination, to, options, progress)
}

/// As [`restore`], on disks of the caller's own, such as simulated ones.
///
/// # Errors
/// As [`restore`].
pub fn restore_in(
    backup: &Env,
    destination: &Env,
    to: RestoreTo,
    options: &BackupOptions,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<RestoreReport, BackupError> {
    let store = open(backup, &PathBuf::from(backup.disk.describe()))?;
    run(&store, backup, destination, to, options, progress)
}

fn open(from: &Env, path: &Path) -> Result<Store, OpenError> {
    Options::new().env(from.clone()).read_only(true).open(path)
}

fn run(
    store: &Store,
    from: &Env,
    to: &Env,
    moment: RestoreTo,
    options: &BackupOptions,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<RestoreReport, BackupError> {
    let asked = position_of(store, moment)?;
    let backup_position = store.last_position();
    let _lock = begin(&*to.disk)?;
    let mut copier = Copier::new(&*from.disk, &*to.disk, options.links, Progress::new(progress));
    let mut look = || {
        let look = store.look_for_copy()?;
        Ok(Look { position: asked.unwrap_or(look.position), ..look })
    };
    let mut checks = Checks::new(to, options.verify, &look()?.manifest);
    let copied = copy(from, to, asked, &mut copier, &mut checks, &mut look);
    let (manifest, recorded_at) = copied.inspect_err(|_| copier.withdraw())?;
    let unmark = || {
        let unmarked = to.disk.remove(names::RESTORE).and_then(|()| to.disk.sync_dir(""));
        unmarked.map_err(BackupError::io("remove the file RESTORE from the new store"))
    };
    if planted(Bug::RestoreMarkRemovedEarly) {
        unmark()?;
    }
    // Whether it is there is not known if this fails, so nothing is removed then.
    let written = replace_file(&*to.disk, names::MANIFEST, &manifest.encode());
    written.map_err(BackupError::io("write MANIFEST of the new store"))?;
    let position = manifest.durable;
    if !planted(Bug::RestoreMarkRemovedEarly) {
        unmark()?;
    }
    copier.progress.end();
    if let RestoreTo::Position(asked) = moment
        && position < asked
    {
        checks.notes.push(why_before(store, asked));
    }
    Ok(RestoreReport {
        position,
        recorded_at,
        backup_position: backup_position.max(position),
        files: copier.counts,
        verified_bytes: checks.verified_bytes,
        notes: checks.notes,
    })
}

/// Why a store that was to end at a position ends before it.
fn why_before(store: &Store, asked: Position) -> String {
    match store.view().event_at(asked) {
        Err(ReadError::Removed { .. }) => {
            format!("the event at position {asked} was removed, the store ends with the last one before it")
        }
        _ => format!("position {asked} is within a batch, which is left out whole"),
    }
}

/// The position to restore to; `None` if it is the end.
fn position_of(store: &Store, moment: RestoreTo) -> Result<Option<Position>, BackupError> {
    let view = store.view();
    let position = match moment {
        RestoreTo::End => return Ok(None),
        RestoreTo::Position(asked) if asked > view.position() => {
            return Err(BackupError::Beyond { asked, last: view.position() });
        }
        // As of then there was nothing, whatever was removed since.
        RestoreTo::Position(Position::ZERO) => return Ok(Some(Position::ZERO)),
        RestoreTo::Position(asked) => asked,
        RestoreTo::Recorded(time) => view.as_of(AsOf::Recorded(time))?.position(),
    };
    match first_stored(&view.parts)? {
        first if position < first && first > Position::FIRST => {
            // A time has no position where nothing is left that was recorded by then.
            let asked = if position == Position::ZERO { first.previous() } else { position };
            Err(BackupError::Removed { asked, first })
        }
        _ => Ok(Some(position)),
    }
}

/// Marks the destination as one that is being written, and lays it out.
fn begin(disk: &dyn Disk) -> Result<Box<dyn Lock>, BackupError> {
    let path = PathBuf::from(disk.describe());
    let failed = |error| BackupError::io(format!("create {}", path.display()))(error);
    // Before the lock, which makes a file where there may be somebody else's.
    is_begun(disk, &path)?;
    let lock = take_lock(disk, &path).map_err(|error| match error {
        OpenError::Locked { path } => BackupError::InUse { path },
        other => other.into(),
    })?;
    // Again, since whoever had the lock may have made a store here meanwhile.
    if !is_begun(disk, &path)? {
        let text = b"a backup is being restored here, or this was interrupted: then restore it again\n";
        let mark = disk.create(names::RESTORE).map_err(failed)?;
        write_all_at(&*mark, &mut [IoSlice::new(text)], 0).map_err(failed)?;
        mark.sync_data().map_err(failed)?;
    }
    // Also a mark that is there already, of which the sync may have failed: a crash must not leave anything else without it.
    disk.sync_dir("").map_err(failed)?;
    for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
        match disk.create_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
    }
    disk.sync_dir("").map_err(failed)?;
    Ok(lock)
}

/// Whether a restore to the directory was begun and has not come to its end: what it has left is taken.
///
/// # Errors
/// [`BackupError::DestinationTaken`] if there is anything else in it.
fn is_begun(disk: &dyn Disk, path: &Path) -> Result<bool, BackupError> {
    let entries = disk.list("").map_err(BackupError::io(format!("list {}", path.display())))?;
    let own = [names::LOCK, names::RESTORE, names::MANIFEST_TEMPORARY, names::LOG_DIR, names::INDEX_DIR];
    let own = |name: &str| own.contains(&name) || name == names::SNAPSHOT_DIR || name == "lost+found";
    let begun = entries.iter().any(|entry| entry.name == names::RESTORE);
    let bare = entries.iter().all(|entry| entry.name == names::LOCK || entry.name == "lost+found");
    if bare || (begun && entries.iter().all(|entry| own(&entry.name))) {
        Ok(begun)
    } else {
        Err(BackupError::DestinationTaken { path: path.to_owned() })
    }
}

/// Copies everything. Gives the manifest that is to be written, and when the last event was recorded.
fn copy(
    from: &Env,
    to: &Env,
    asked: Option<Position>,
    copier: &mut Copier<'_>,
    checks: &mut Checks<'_>,
    look: &mut dyn FnMut() -> Result<Look, BackupError>,
) -> Result<(Manifest, Option<Timestamp>), BackupError> {
    let mut snapshots = BTreeSet::new();
    if asked.is_none() {
        snapshots = take_snapshots(copier)?;
    }
    let mut copy = LogCopy::new(to, None)?;
    let mut looks = 0;
    let (log, source) = loop {
        let look = look()?;
        if let Some(log) = copy.take(&look, copier, checks)? {
            break (log, look.manifest);
        }
        looks += 1;
        if looks == LOOKS {
            return Err(BackupError::Restless);
        }
    };
    sync_directories(copier.to)?;
    let manifest = manifest_of(source, 0, &log);
    let ending = checks.end(&manifest, log.position)?;
    remove_unnamed(copier.to, &manifest, &snapshots);
    if asked.is_some() {
        put_snapshots(from, to, &manifest.store_id, log.position, checks)?;
    }
    verify_snapshots(copier.to, &manifest.store_id, checks)?;
    Ok((manifest, ending.recorded_at))
}
