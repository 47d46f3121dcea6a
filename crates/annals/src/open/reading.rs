//! Opening a store for reading, also while another process writes it.

use super::Opened;
use super::assemble::assemble;
use super::create::check_foreign;
use crate::budget::Budget;
use crate::catalog::read_manifest;
use crate::error::OpenError;
use crate::parts::Parts;
use annals_format::{Manifest, names};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::Env;
use annals_vfs::sync::thread;
use annals_wal::Mode;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How often a look at a store that another process writes is repeated when it was changing meanwhile.
const LOOKS: usize = 20;

/// Opens for reading. With a living writer, and where nothing can be written, nothing is changed.
pub(crate) fn open_for_reading(
    env: &Env,
    budget: Budget,
    path: &Path,
) -> Result<(Opened, Position), OpenError> {
    check_foreign(&*env.disk, false, path)?;
    match env.disk.try_lock(names::LOCK) {
        Ok(Some(_lock)) => {
            let manifest = existing_manifest(env, path)?;
            let go = |mode| assemble(env, manifest.clone(), mode, budget, (&Parts::default(), false));
            let look = || go(Mode::Observe);
            let (opened, proven_only) = match go(Mode::Mend) {
                // A disk that is full or cannot be written: the recovered log can be read all the same.
                Err(OpenError::Io { source, .. }) if is_refusal(&source) => (look()?, false),
                // A disk that fails: after a failed sync the bytes that are seen may not be on it.
                Err(OpenError::Io { .. }) => (look()?, !planted(Bug::FailedMendShown)),
                other => (other?, false),
            };
            hold_runs(&opened.parts);
            let last = opened.recovered.next.previous();
            let visible = if proven_only { opened.recovered.durable.min(last) } else { last };
            Ok((opened, visible))
        }
        Ok(None) => observe(env, path, budget, &Parts::default()),
        Err(_) => {
            let manifest = existing_manifest(env, path)?;
            let opened = assemble(env, manifest, Mode::Observe, budget, (&Parts::default(), false))?;
            hold_runs(&opened.parts);
            let visible = opened.recovered.next.previous();
            Ok((opened, visible))
        }
    }
}

/// Whether the disk does not let itself be written, which says nothing against what is on it.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

/// Looks at a store that another process writes. Files change while they are looked at: what seems damaged is
/// looked at again. Only what is known to be durable is visible.
pub(crate) fn observe(
    env: &Env,
    path: &Path,
    budget: Budget,
    known: &Parts,
) -> Result<(Opened, Position), OpenError> {
    let mut looks = 0;
    loop {
        looks += 1;
        match assemble(env, existing_manifest(env, path)?, Mode::Observe, budget, (known, false)) {
            Ok(opened) => {
                // A writer that merged meanwhile has removed the runs that this manifest names.
                if !hold_runs(&opened.parts) && looks < LOOKS && is_replaced(env, &opened.manifest) {
                    continue;
                }
                let last = opened.recovered.next.previous();
                let all = planted(Bug::ReaderShowsWhatIsNotDurable);
                let visible = if all { last } else { opened.recovered.durable.min(last) };
                return Ok((opened, visible));
            }
            Err(OpenError::Corrupt(_)) if looks < LOOKS => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Most runs that a reader opens ahead. A store in order has some dozens.
const RUNS_HELD_MAX: usize = 1024;

/// Opens the runs, so that they stay readable when a writer merges and removes them: a reader does not hear of that before
/// there are new events, and would make their indexes again. Says whether all are there.
fn hold_runs(parts: &Parts) -> bool {
    let newest = parts.index.iter().rev().take(RUNS_HELD_MAX);
    newest.filter_map(|part| part.as_run()).filter(|run| run.sound().is_none()).count() == 0
}

/// Whether there is another manifest by now.
fn is_replaced(env: &Env, manifest: &Manifest) -> bool {
    let now = read_manifest(&*env.disk).ok().flatten();
    now.is_none_or(|now| now.generation != manifest.generation)
}

fn existing_manifest(env: &Env, path: &Path) -> Result<Manifest, OpenError> {
    read_manifest(&*env.disk)?.ok_or_else(|| OpenError::NotFound { path: path.to_owned() })
}
