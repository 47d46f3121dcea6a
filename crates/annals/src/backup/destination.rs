//! The directory that a backup goes to: what it may be, and what it holds already.

use super::error::BackupError;
use super::mark::{read_mark, sum_on_disk};
use crate::catalog::read_manifest;
use crate::error::OpenError;
use crate::open::take_lock;
use annals_format::{BackupMark, BackupState, Manifest, StoreId, names};
use annals_vfs::{Disk, Env, Lock, replace_file};
use std::io;
use std::path::{Path, PathBuf};

/// What a directory may hold in which the first backup was begun.
const UNFINISHED: [&str; 8] = [
    names::LOCK,
    names::BACKUP,
    names::BACKUP_TEMPORARY,
    names::MANIFEST_TEMPORARY,
    names::LOG_DIR,
    names::INDEX_DIR,
    names::SNAPSHOT_DIR,
    "lost+found",
];

/// A destination that is locked and may be written.
pub(super) struct Destination {
    pub(super) env: Env,
    pub(super) path: PathBuf,
    /// The backup that is there, if there is one.
    pub(super) base: Option<Base>,
    _lock: Box<dyn Lock>,
}

/// A backup that the next one is made of.
pub(super) struct Base {
    pub(super) manifest: Manifest,
    pub(super) state: BackupState,
}

/// What stands in a directory.
enum Held {
    Nothing,
    /// A first backup that did not come to its end.
    Unfinished,
    Backup(Box<Base>),
}

impl Destination {
    /// Looks at the directory, and takes it if the backup of this store may go there. Nothing is changed otherwise.
    pub(super) fn take(env: &Env, store_id: &StoreId) -> Result<Self, BackupError> {
        let path = PathBuf::from(env.disk.describe());
        let look = || held(&*env.disk, store_id, &path);
        // Before the lock, which makes a file where there may be somebody else's.
        look()?;
        let lock = take_lock(&*env.disk, &path).map_err(|error| match error {
            OpenError::Locked { path } => BackupError::InUse { path },
            other => other.into(),
        })?;
        let held = look()?;
        let base = match held {
            Held::Backup(base) => Some(*base),
            Held::Nothing | Held::Unfinished => None,
        };
        let destination = Destination { env: env.clone(), path, base, _lock: lock };
        if destination.base.is_none() {
            let mark = BackupMark { store_id: *store_id, states: Vec::new() };
            destination.write_mark(&mark)?;
        }
        for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
            match destination.env.disk.create_dir(name) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    let what = format!("create {}/{name}", destination.path.display());
                    return Err(BackupError::io(what)(error));
                }
                _ => {}
            }
        }
        let synced = destination.env.disk.sync_dir("");
        synced.map_err(BackupError::io(format!("sync {}", destination.path.display())))?;
        Ok(destination)
    }

    pub(super) fn write_mark(&self, mark: &BackupMark) -> Result<(), BackupError> {
        let written = replace_file(&*self.env.disk, names::BACKUP, &mark.encode());
        written.map_err(BackupError::io(format!("write {}/{}", self.path.display(), names::BACKUP)))
    }
}

fn held(disk: &dyn Disk, store_id: &StoreId, path: &Path) -> Result<Held, BackupError> {
    let entries = disk.list("").map_err(BackupError::io(format!("list {}", path.display())))?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    let not_a_backup = |reason: String| Err(BackupError::NotABackup { path: path.to_owned(), reason });
    let Some(bytes) = read_mark(disk)? else {
        let own = [names::LOCK, names::BACKUP_TEMPORARY, "lost+found"];
        return match entries.iter().find(|entry| !own.contains(&entry.name.as_str())) {
            None => Ok(Held::Nothing),
            Some(_) if has(names::MANIFEST) => not_a_backup("it is a store of its own".into()),
            Some(foreign) => not_a_backup(format!("there is {:?} in it", foreign.name)),
        };
    };
    let mark = match BackupMark::decode(&bytes) {
        Ok(mark) => mark,
        Err(error) => return not_a_backup(format!("its file BACKUP cannot be used: {error}")),
    };
    if mark.store_id != *store_id {
        return Err(BackupError::OtherStore { path: path.to_owned() });
    }
    if !has(names::MANIFEST) {
        let foreign = entries.iter().find(|entry| !UNFINISHED.contains(&entry.name.as_str()));
        if let Some(foreign) = foreign {
            return not_a_backup(format!("there is {:?} in it, and no MANIFEST", foreign.name));
        }
        if mark.states.len() > 1 {
            return not_a_backup("its MANIFEST is missing".into());
        }
        return Ok(Held::Unfinished);
    }
    let manifest = read_manifest(disk).map_err(|error| BackupError::of_copy(path, error.into()))?;
    let sum = sum_on_disk(disk)?;
    match (manifest, sum.and_then(|sum| mark.state_of(sum).cloned())) {
        (Some(manifest), Some(state)) => Ok(Held::Backup(Box::new(Base { manifest, state }))),
        _ => Err(BackupError::Written { path: path.to_owned() }),
    }
}
