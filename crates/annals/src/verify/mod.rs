//! Reading and checking every byte of a store, without opening it and without changing anything.

mod file;
mod open;
mod run;
mod sealed;
mod survey;

use crate::backup::mark_of;
use crate::catalog::read_manifest;
use crate::error::OpenError;
use crate::open::{check_foreign, newest_unnamed, present_files};
use annals_format::{BackupState, Corruption, FormatError, Manifest, SealedSegment, names};
use annals_snapshot::SnapshotError;
use annals_types::{EventRef, Position, Timestamp};
use annals_vfs::{Disk, Env, RealDisk, is_shortage};
use open::{check_open, open_bytes};
pub(crate) use run::{Runs, open_run};
pub(crate) use sealed::Sealed;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Whole events that were read.
    pub events: u64,
    /// Positions of events that were lost before the store was repaired. That is noted, and is no damage.
    pub lost: u64,
    /// Segments that were read.
    pub segments: u64,
    /// Runs that were read.
    pub runs: u64,
    /// Sound snapshots that were read.
    pub snapshots: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The last position that was read.
    pub last_position: Position,
    /// Everything that is wrong. Empty: the store is sound.
    pub findings: Vec<Finding>,
    /// What is not wrong but worth knowing: a torn tail after a crash, an index file that will be made again.
    pub notes: Vec<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the store's directory.
    pub file: String,
    /// Where in the file, if it is at one place.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// Whether the system refused to give the bytes, so that nothing is known of them: what it said is in `what`.
    pub refused: bool,
}

/// How far [`verify`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes read so far.
    pub bytes_done: u64,
    /// Bytes to be read in all.
    pub bytes_total: u64,
}

/// Reads and checks every byte of every file of the store at `path`: manifest, segments, footers, runs, and the
/// runs against the log. Goes on after damage and lists all of it. Changes nothing.
///
/// Of the segments that have no footer yet, what is behind the last position known to be durable is what a crash leaves,
/// and noted; what is missing or wrong before it is damage. A file that the system does not give (it is a directory, the
/// disk cannot read it) is a finding that says what the system said.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// use annals::{Expected, NewEvent, Store, verify};
/// let store = Store::open(&path)?;
/// store.append("account-7", Expected::NoStream, &[NewEvent::json("opened", "{}")])?;
/// store.close()?;
///
/// let found = verify(&path, &mut |progress| assert!(progress.bytes_done <= progress.bytes_total))?;
/// assert_eq!((found.events, found.findings.len()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`OpenError`] says, if there is no store, or one of a newer version, or if its directory or its manifest may not be
/// read. Damage is no error but a finding.
pub fn verify(
    path: impl AsRef<Path>,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<Verification, OpenError> {
    let path = path.as_ref();
    let disk = match RealDisk::open(path) {
        Ok(disk) => disk,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NotFound { path: path.to_owned() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotAStore {
                path: path.to_owned(),
                reason: "it is not a directory".into(),
            });
        }
        Err(error) => return Err(OpenError::io(format!("open {}", path.display()))(error)),
    };
    verify_in(&Env::system(Arc::new(disk)), progress)
}

/// As [`verify`], on a disk of the caller's own, such as a simulated one.
///
/// # Errors
/// As [`verify`].
pub fn verify_in(env: &Env, progress: &mut dyn FnMut(VerifyProgress)) -> Result<Verification, OpenError> {
    let path = &*PathBuf::from(env.disk.describe());
    let generation = || read_manifest(&*env.disk).ok().flatten().map(|manifest| manifest.generation);
    let mut earlier: Vec<Finding> = Vec::new();
    for _ in 0..LOOKS {
        let before = generation();
        let mut found = verify_env(env, path, progress)?;
        if found.findings.is_empty() || generation() == before {
            return Ok(found);
        }
        // The store is being written, and a file that changes between two looks at it is no damage. Damage stays.
        let stayed: Vec<Finding> =
            found.findings.iter().filter(|finding| earlier.contains(finding)).cloned().collect();
        if !stayed.is_empty() {
            found.findings = stayed;
            return Ok(found);
        }
        earlier = found.findings;
    }
    let mut found = verify_env(env, path, progress)?;
    found.findings.retain(|finding| earlier.contains(finding));
    found.notes.push("the store was written while it was read; verify it again when it is closed".into());
    Ok(found)
}

/// How often a store that changes meanwhile is looked at before what was different each time is let go.
const LOOKS: usize = 5;

fn verify_env(
    env: &Env,
    path: &Path,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<Verification, OpenError> {
    let mut found = Verification::default();
    let manifest = match read_manifest(&*env.disk) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => {
            check_foreign(&*env.disk, false, path)?;
            return Err(OpenError::NotFound { path: path.to_owned() });
        }
        Err(OpenError::Corrupt(corruption)) => {
            found.corrupt(corruption);
            return Ok(found);
        }
        // What may not be read is not damaged, and nothing else can be said of a store without its manifest.
        Err(OpenError::Io { what, source }) if source.kind() != io::ErrorKind::PermissionDenied => {
            found.refused(names::MANIFEST, None, &what, &source);
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    let sealed = manifest.sealed.iter().map(|segment| segment.length);
    let lengths = sealed.chain(manifest.runs.iter().map(|run| run.length));
    // Lengths are what the manifest says, and that may be anything.
    let unnamed = open_bytes(&*env.disk, &manifest).saturating_add(snapshot_bytes(&*env.disk));
    let bytes_total = lengths.fold(unnamed, u64::saturating_add);
    // Snapshots may be put meanwhile.
    let mut done = |found: &Verification| {
        progress(VerifyProgress { bytes_done: found.bytes.min(bytes_total), bytes_total });
    };
    done(&found);
    let mut last_recorded = Timestamp::MIN;
    let mut runs = Runs::new(&*env.disk, &manifest);
    for entry in &manifest.sealed {
        Sealed { disk: &*env.disk, manifest: &manifest, entry }.check(
            &mut runs,
            &mut last_recorded,
            &mut found,
        );
        done(&found);
    }
    let backup = backup_state(&*env.disk, &manifest, &mut found)?;
    let cut = backup.as_ref().map(|backup| backup.tail);
    check_open(env, &manifest, last_recorded, cut, &mut found)?;
    done(&found);
    check_snapshots(&*env.disk, &manifest, &mut found)?;
    done(&found);
    note_orphans(&*env.disk, &manifest, backup.is_some(), &mut found);
    if found.lost > 0 {
        let what = format!("{} positions are those of events that were lost before a repair", found.lost);
        found.notes.push(what);
    }
    Ok(found)
}

impl Verification {
    /// Counts what stands at a position.
    pub(crate) fn count(&mut self, event: &EventRef<'_>) {
        if event.is_lost() {
            self.lost += 1
        } else {
            self.events += 1
        }
        self.last_position = event.position;
    }

    pub(crate) fn corrupt(&mut self, corruption: Corruption) {
        let numbers = corruption.numbers();
        let Corruption { file, offset, what, .. } = corruption;
        self.finding(&file, Some(offset), format!("{what}{numbers}"));
    }

    /// Bytes of a file that cannot be decoded.
    pub(crate) fn undecodable(&mut self, file: &str, what: &str, error: FormatError) {
        match error {
            FormatError::Damaged(damage) => self.corrupt(damage.in_file(file)),
            other => self.finding(file, None, format!("{what}: {other}")),
        }
    }

    pub(crate) fn finding(&mut self, file: &str, offset: Option<u64>, what: impl Into<String>) {
        self.findings.push(Finding { file: file.into(), offset, what: what.into(), refused: false });
    }

    /// The system does not let the file be read: `doing` is what was tried.
    pub(crate) fn refused(&mut self, file: &str, offset: Option<u64>, doing: &str, error: &io::Error) {
        let what = format!("cannot {doing}: {error}");
        self.findings.push(Finding { file: file.into(), offset, what, refused: true });
    }

    /// Positions that should be here and are not.
    pub(crate) fn missing(&mut self, file: &str, offset: Option<u64>, first: Position, last: Position) {
        let what = match first == last {
            true => format!("position {first} is missing"),
            false => format!("positions {first} to {last} are missing"),
        };
        self.finding(file, offset, what);
    }
}

/// What the mark of a backup says, if the store is one.
fn backup_state(
    disk: &dyn Disk,
    manifest: &Manifest,
    found: &mut Verification,
) -> Result<Option<BackupState>, OpenError> {
    match mark_of(disk, manifest) {
        Err(OpenError::Io { what, source }) => {
            found.refused(names::BACKUP, None, &what, &source);
            Ok(None)
        }
        other => other,
    }
}

fn snapshot_bytes(disk: &dyn Disk) -> u64 {
    let entries = disk.list(names::SNAPSHOT_DIR).unwrap_or_default();
    entries.iter().map(|entry| entry.length).fold(0, u64::saturating_add)
}

/// A damaged snapshot costs reading more events and nothing else. Its bytes are wrong all the same, and the disk has a reason for
/// that.
fn check_snapshots(disk: &dyn Disk, manifest: &Manifest, found: &mut Verification) -> Result<(), OpenError> {
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

fn note_orphans(disk: &dyn Disk, manifest: &Manifest, backup: bool, found: &mut Verification) {
    let present = present_files(disk, names::LOG_DIR, names::parse_edition);
    match present.and_then(|present| newest_unnamed(disk, manifest, &present)) {
        Ok(None) => {}
        // Of the next backup, which did not come to its end.
        Ok(Some(_)) if backup => {}
        Ok(Some(segment)) => {
            let segment = names::segment(segment);
            let what = format!("the manifest is older than the log: it does not know of {segment}");
            found.finding(names::MANIFEST, None, what);
        }
        Err(OpenError::Io { what, source }) => found.refused(names::LOG_DIR, None, &what, &source),
        Err(error) => found.finding(names::LOG_DIR, None, error.to_string()),
    }
    let segments = manifest.sealed.iter().map(SealedSegment::path);
    let segments = segments.chain(manifest.open.iter().map(|segment| names::segment(segment.id)));
    let named: BTreeSet<String> =
        segments.chain(manifest.runs.iter().map(|run| names::run(run.id))).collect();
    for directory in [names::LOG_DIR, names::INDEX_DIR] {
        let entries = match disk.list(directory) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    found.refused(directory, None, "list", &error);
                }
                continue;
            }
        };
        for entry in entries {
            let name = format!("{directory}/{}", entry.name);
            if !named.contains(&name) {
                found.notes.push(format!("{name} does not belong to the store (left over, or not from it)"));
            }
        }
    }
}
