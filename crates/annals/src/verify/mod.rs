//! Reading and checking every byte of a store, without opening it and without changing anything.

mod file;
mod found;
mod open;
mod orphans;
mod run;
mod sealed;
mod snapshots;
mod survey;

pub use found::{Finding, Verification};
pub(crate) use run::{Runs, open_run};
pub(crate) use sealed::Sealed;

use crate::backup::mark_of;
use crate::catalog::read_manifest;
use crate::error::OpenError;
use crate::open::check_foreign;
use annals_format::{BackupState, Manifest, names};
use annals_types::Timestamp;
use annals_vfs::{Disk, Env, RealDisk};
use open::{check_open, open_bytes};
use orphans::note_orphans;
use snapshots::{check_snapshots, snapshot_bytes};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
