//! Opening a store for writing: its lock, its log in order again, and nothing left over.

use super::Opened;
use super::assemble::assemble;
use super::create::{check_foreign, create};
use super::present::remove_orphans;
use crate::catalog::{Catalog, read_manifest};
use crate::error::OpenError;
use crate::options::{Durability, Options};
use crate::parts::Parts;
use crate::room::is_disk_full;
use annals_format::{Manifest, names};
use annals_types::planted::{Bug, planted};
use annals_vfs::sync::thread;
use annals_vfs::{Disk, Env, Lock};
use annals_wal::Mode;
use std::path::Path;
use std::time::Duration;

/// Opens for writing, creating the store if it is not there. The lock is held from here on.
pub(crate) fn open_for_writing(
    options: &Options,
    env: &Env,
    path: &Path,
) -> Result<(Opened, Catalog, Box<dyn Lock>), OpenError> {
    check_foreign(&*env.disk, options.create, path)?;
    let lock = take_lock(&*env.disk, path)?;
    let existing = read_manifest(&*env.disk)?;
    let created = existing.is_none();
    let mut catalog = match existing {
        Some(manifest) => Catalog::new(env.clone(), manifest),
        None => create(options, env, path)?,
    };
    let manifest = catalog.manifest().clone();
    catalog.direct = writes_directly(options, env, &manifest)?;
    let known = (&Parts::default(), catalog.direct);
    let mut opened = assemble(env, manifest, Mode::Repair, options.budget(), known)?;
    if opened.backup {
        // From the next manifest on it is a store like any other, and what a later backup has left must not look newer.
        catalog.pass_over(opened.present.last().map(|(id, _)| *id));
    }
    if !created && !planted(Bug::CleanMarkKept) {
        // From here on the log may grow behind the mark of a close in good order. And if the process before this
        // one was killed between the renaming of the manifest and the sync of its name, the next loss of power
        // would bring back the one before it, which does not name the segments that are appended to from now on,
        // and names files that are about to be removed.
        take_mark_out(env, &mut catalog, &mut opened)?;
    }
    if !planted(Bug::OrphansNotRemoved) {
        remove_orphans(&*env.disk, &opened.manifest, &opened.present)?;
    }
    Ok((opened, catalog, lock))
}

/// Takes the mark of a close in good order out of the manifest. On a disk that has no room for that, what was laid out is given back
/// first, and what is left over is removed: it may be what fills the disk.
fn take_mark_out(env: &Env, catalog: &mut Catalog, opened: &mut Opened) -> Result<(), OpenError> {
    let durable = opened.recovered.next.previous();
    let error = match catalog.set_clean(durable, None) {
        Err(error) if is_disk_full(&error) && !opened.backup => error,
        noted => return Ok(noted?),
    };
    // The manifest that is there has to stay there before files go which the one before it may name.
    env.disk.sync_dir("").map_err(OpenError::io("sync the store's directory"))?;
    if !planted(Bug::OrphansNotRemoved) {
        remove_orphans(&*env.disk, &opened.manifest, &opened.present)?;
        opened.present.clear();
    }
    opened.recovered.give_back()?;
    match catalog.set_clean(durable, None) {
        Err(again) if is_disk_full(&again) => Err(error.into()),
        noted => Ok(noted?),
    }
}

/// Whether the log is to be written around the system's cache, and can be: the segments lie where the manifest does. With `os`
/// durability that would be slower and worth nothing.
fn writes_directly(options: &Options, env: &Env, manifest: &Manifest) -> Result<bool, OpenError> {
    let durability = options.durability.or(Durability::from_code(manifest.durability));
    if !options.direct_io || durability != Some(Durability::Sync) {
        return Ok(false);
    }
    let opened = env.disk.open_direct(names::MANIFEST);
    Ok(opened.map_err(OpenError::io("open MANIFEST for direct writes"))?.is_some())
}

/// How often a writer asks for the lock, and how long it waits between: a reader holds it for the moment of opening.
const LOCK_TRIES: usize = 5;
const LOCK_WAIT: Duration = Duration::from_millis(15);

pub(crate) fn take_lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn Lock>, OpenError> {
    for attempt in 0..LOCK_TRIES {
        if attempt > 0 {
            thread::sleep(LOCK_WAIT);
        }
        if let Some(lock) = disk.try_lock(names::LOCK).map_err(OpenError::io("lock the store (file LOCK)"))? {
            return Ok(lock);
        }
    }
    Err(OpenError::Locked { path: path.to_owned() })
}
