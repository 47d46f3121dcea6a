//! Copying what is sound of a damaged store into a new one.
//!
//! The original is only read. What is kept stays at its position, with its version, id and times. A position whose event
//! cannot be kept gets a record that says so, see `docs/decisions/0008-repair.md`. The log is read at least twice: first
//! to find what is lost, then to be copied; in between, if anything is lost, to find out which streams it belonged to.

mod assign;
mod beginnings;
mod copy;
mod editions;
mod evidence;
mod found;
mod inherited;
mod known;
mod log;
mod losses;
mod piece;
mod plausible;
mod presence;
mod progress;
mod report;
mod salvage;
mod source;
mod sparse;
mod states;
mod write;

pub use report::{LostRange, RepairProgress, RepairReport, TornBytes};

use crate::error::OpenError;
use crate::verify::verify_in;
use annals_format::{Corruption, names};
use annals_vfs::{Disk, Env, RealDisk};
use copy::copy;
use inherited::inherit;
use losses::{find_streams, look};
use progress::Progress;
use source::Source;
use states::take_states;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use write::Destination;

/// Copies all events that can be read of the store at `from` into a new store at `to`, which must not exist or be an
/// empty directory, and reports every position that was lost. The original is not changed in any way.
///
/// Positions, versions, ids and times stay as they are, and so does the store id. Lost positions are kept free: reading
/// skips them, and [`View::event_at`](crate::View::event_at) says that they are lost. The new store is verified before
/// this returns.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let (path, repaired) = (directory.path().join("store"), directory.path().join("repaired"));
/// use annals::{Expected, NewEvent, Position, ReadError, Store, repair};
/// let store = Store::open(&path)?;
/// for data in ["1", "22", "333"] {
///     store.append("account-7", Expected::Any, &[NewEvent::json("deposited", data)])?;
/// }
/// store.close()?;
/// // The data of the second event are damaged.
/// let segment = path.join("log/000000000001.seg");
/// let mut bytes = std::fs::read(&segment)?;
/// let at = bytes.windows(2).position(|data| data == b"22").expect("it is there");
/// bytes[at] = b'?';
/// std::fs::write(&segment, bytes)?;
///
/// let report = repair(&path, &repaired, &mut |_| {})?;
/// assert_eq!((report.events, report.lost_positions), (2, 1));
/// assert_eq!(report.lost[0].streams, ["account-7"]);
/// let store = Store::open(&repaired)?;
/// assert!(matches!(store.view().event_at(Position::new(2)), Err(ReadError::Lost { .. })));
/// let third = store.view().event_at(Position::new(3))?.map(|event| event.version.get());
/// assert_eq!(third, Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`OpenError::Locked`] if the original is open for writing, or was written meanwhile;
/// [`OpenError::DestinationTaken`] and [`OpenError::DestinationWithin`]; what else keeps it from being read at all ([`OpenError::NotFound`],
/// [`OpenError::NotAStore`], [`OpenError::Newer`]), and what the system says, in particular that the disk is full. Then
/// `to` holds what was written so far, which is no store and can be removed.
pub fn repair(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    progress: &mut dyn FnMut(RepairProgress),
) -> Result<RepairReport, OpenError> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let disk = match RealDisk::open(from) {
        Ok(disk) => disk,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NotFound { path: from.to_owned() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let reason = "it is not a directory".into();
            return Err(OpenError::NotAStore { path: from.to_owned(), reason });
        }
        Err(error) => return Err(OpenError::io(format!("open {}", from.display()))(error)),
    };
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::NotADirectory => OpenError::DestinationTaken { path: to.to_owned() },
        _ => OpenError::io(format!("create {}", to.display()))(error),
    };
    if disk.contains(to).map_err(refused)? {
        return Err(OpenError::DestinationWithin { path: to.to_owned() });
    }
    run(&Env::system(Arc::new(disk)), progress, || {
        let disk = RealDisk::create(to).map_err(refused)?;
        Ok(Env::system(Arc::new(disk)))
    })
}

/// As [`repair`], on disks of the caller's own, such as simulated ones.
///
/// # Errors
/// As [`repair`].
pub fn repair_in(
    from: &Env,
    to: &Env,
    progress: &mut dyn FnMut(RepairProgress),
) -> Result<RepairReport, OpenError> {
    run(from, progress, || Ok(to.clone()))
}

fn run(
    from: &Env,
    progress: &mut dyn FnMut(RepairProgress),
    destination: impl FnOnce() -> Result<Env, OpenError>,
) -> Result<RepairReport, OpenError> {
    let disk = &*from.disk;
    let path = PathBuf::from(disk.describe());
    refuse_writer(disk, &path)?;
    let before = picture(disk)?;
    let mut source = Source::survey(disk, &path)?;
    let states = states::bytes(disk);
    let mut progress = Progress::new(progress, (3 * source.bytes).saturating_add(states));
    let (mut known, mut seen) = look(disk, &source, &mut progress)?;
    if seen.compaction > 0 && !source.compacted {
        // Only the ledger tells: of all that was written anew nothing is left. So nothing proves that what is missing was lost.
        source.compacted = true;
        (known, seen) = look(disk, &source, &mut progress)?;
    }
    progress.set(source.bytes);
    let streams = find_streams(&source, &mut known)?;

    let to = destination()?;
    let inherited = inherit(&source, &seen, to.clock.now());
    let copied = copy(&source, known, streams, Destination::begin(&to, inherited)?, &mut progress);
    let mut report = copied?;
    progress.set(2 * source.bytes);
    let taken = take_states(from, &to, &source.store_id, &mut report, &mut progress);
    taken.inspect_err(|_| withdraw(&*to.disk))?;
    progress.set((2 * source.bytes).saturating_add(states));
    refuse_writer(disk, &path)?;
    if picture(disk)? != before {
        withdraw(&*to.disk);
        return Err(OpenError::Locked { path });
    }
    let base = progress.done;
    let verified = verify_in(&to, &mut |verified| {
        let (done, total) = (u128::from(verified.bytes_done), u128::from(verified.bytes_total.max(1)));
        let share = u128::from(source.bytes) * done / total;
        progress.set(base.saturating_add(u64::try_from(share).unwrap_or(0)));
    })?;
    if let Some(finding) = verified.findings.into_iter().next() {
        withdraw(&*to.disk);
        let what = format!("{} (in the new store, which cannot be relied on)", finding.what);
        let offset = finding.offset.unwrap_or(0);
        return Err(OpenError::Corrupt(Corruption {
            file: finding.file,
            offset,
            what,
            found: 0,
            expected: 0,
        }));
    }
    progress.set(progress.total);
    let unmark = to.disk.remove(names::REPAIR).and_then(|()| to.disk.sync_dir(""));
    unmark.map_err(OpenError::io("remove the file REPAIR from the new store"))?;
    report.notes.extend(source.notes);
    if report.unassigned > 0 {
        report.notes.push(format!(
            "of {} lost positions the stream is not known: versions of streams may have ended higher than they do now",
            report.unassigned
        ));
    }
    Ok(report)
}

/// A writer that comes later is noticed by what it changes.
fn refuse_writer(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    let locked = disk.is_locked(names::LOCK).map_err(OpenError::io("look at the lock (file LOCK)"))?;
    if locked { Err(OpenError::Locked { path: path.to_owned() }) } else { Ok(()) }
}

/// What a writer of the original would change: names and lengths of files, and the manifest, which it replaces when it
/// opens the store.
fn picture(disk: &dyn Disk) -> Result<Vec<(String, u64)>, OpenError> {
    let mut files = Vec::new();
    for directory in ["", names::LOG_DIR] {
        match disk.list(directory) {
            Ok(entries) => {
                let entries = entries.into_iter().filter(|entry| entry.name != names::LOCK);
                files.extend(entries.map(|entry| (entry.name, entry.length)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(OpenError::io(format!("list {directory:?}"))(error)),
        }
    }
    let generation =
        crate::catalog::read_manifest(disk).ok().flatten().map_or(0, |manifest| manifest.generation);
    files.push((String::new(), generation));
    Ok(files)
}

/// Takes the manifest away again: what is left is no store.
fn withdraw(disk: &dyn Disk) {
    let _ = disk.remove(names::MANIFEST).and_then(|()| disk.sync_dir(""));
}
