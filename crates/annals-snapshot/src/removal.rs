//! Files that are to go, until it is certain that they do not come back.
//!
//! A removed name comes back after a crash if its directory was not synced since. A sorted file names the files that it
//! replaces, so one that comes back beside it counts for nothing; but when that file is itself replaced, the next one has to
//! name them too, unless their removal has become durable meanwhile. So every file that is made names all that are to go at
//! that time: those that still have a name, and those that had one.

use crate::error::SnapshotError;
use annals_format::names;
use annals_vfs::Disk;
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeSet;
use std::io;

/// What is to go.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    sets: Mutex<Sets>,
    /// Whether names in the directory have changed since it was synced.
    names_changed: AtomicBool,
    /// Whether the directory itself may be new.
    directory_new: AtomicBool,
}

#[derive(Debug, Default)]
struct Sets {
    /// Files that still have their name, as far as is known.
    named: BTreeSet<u64>,
    /// Files whose name was removed; not durably yet.
    unnamed: BTreeSet<u64>,
    /// Files under their temporary name.
    temporaries: BTreeSet<u64>,
}

impl Removal {
    /// With what opening found. What another process did to names may not be durable.
    pub(crate) fn new(named: BTreeSet<u64>, temporaries: BTreeSet<u64>) -> Self {
        Removal {
            sets: Mutex::new(Sets { named, temporaries, ..Sets::default() }),
            names_changed: AtomicBool::new(true),
            directory_new: AtomicBool::new(true),
        }
    }

    /// Has a file go, once the names that take its place are durable.
    pub(crate) fn add(&self, id: u64) {
        self.sets.lock().named.insert(id);
    }

    /// Removes a file at once that holds nothing which anybody was told is there.
    pub(crate) fn remove_at_once(&self, disk: &dyn Disk, id: u64) {
        let removed = disk.remove(&names::snapshots(id)).is_ok();
        self.names_changed();
        let mut sets = self.sets.lock();
        let set = if removed { &mut sets.unnamed } else { &mut sets.named };
        set.insert(id);
    }

    /// Has a file go that has not taken its name.
    pub(crate) fn add_temporary(&self, id: u64) {
        self.sets.lock().temporaries.insert(id);
    }

    /// Tells that names have changed.
    pub(crate) fn names_changed(&self) {
        self.names_changed.store(true, Ordering::SeqCst);
    }

    /// Tells that the directory of snapshots is new itself.
    pub(crate) fn directory_made(&self) {
        self.directory_new.store(true, Ordering::SeqCst);
    }

    /// The files that must not come back.
    pub(crate) fn doomed(&self) -> BTreeSet<u64> {
        let sets = self.sets.lock();
        sets.named.union(&sets.unnamed).copied().collect()
    }

    /// Whether there is something to remove.
    pub(crate) fn is_pending(&self) -> bool {
        let sets = self.sets.lock();
        !sets.named.is_empty() || !sets.temporaries.is_empty()
    }

    /// Makes the names durable.
    ///
    /// # Errors
    /// What the system says; then they are made durable the next time.
    pub(crate) fn sync_names(&self, disk: &dyn Disk) -> Result<(), SnapshotError> {
        if self.directory_new.swap(false, Ordering::SeqCst)
            && let Err(error) = disk.sync_dir("")
        {
            self.directory_made();
            return Err(SnapshotError::io("sync the directory of the store")(error));
        }
        if !self.names_changed.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let unnamed = self.sets.lock().unnamed.clone();
        match disk.sync_dir(names::SNAPSHOT_DIR) {
            Ok(()) => {
                self.sets.lock().unnamed.retain(|id| !unnamed.contains(id));
                Ok(())
            }
            // Nothing was put yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => {
                self.names_changed();
                Err(SnapshotError::io(format!("sync {}", names::SNAPSHOT_DIR))(error))
            }
        }
    }

    /// Removes what is to go. The names of what takes its place become durable first: a crash may keep the removal and
    /// lose what came before it.
    ///
    /// # Errors
    /// What the system says; then what is left goes the next time.
    pub(crate) fn run(&self, disk: &dyn Disk) -> Result<(), SnapshotError> {
        if !self.is_pending() {
            return Ok(());
        }
        // What is added from now on may be replaced by a name that is not durable yet.
        let (named, temporaries) = {
            let sets = self.sets.lock();
            (sets.named.clone(), sets.temporaries.clone())
        };
        self.sync_names(disk)?;
        for id in temporaries {
            remove(disk, &names::snapshots_temporary(id))?;
            self.sets.lock().temporaries.remove(&id);
        }
        for id in named {
            remove(disk, &names::snapshots(id))?;
            self.names_changed();
            let mut sets = self.sets.lock();
            sets.named.remove(&id);
            sets.unnamed.insert(id);
        }
        Ok(())
    }
}

fn remove(disk: &dyn Disk, path: &str) -> Result<(), SnapshotError> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(SnapshotError::io(format!("remove {path}"))(error))
        }
        _ => Ok(()),
    }
}
