//! Directories of the file system as places to copy from and to.

use super::error::BackupError;
use crate::error::OpenError;
use annals_vfs::{Disk, Env, RealDisk};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The directory at `to`, created if it is not there, as a place for a copy of what lies on `from`.
pub(crate) fn real_places(from: &dyn Disk, to: &Path) -> Result<Env, BackupError> {
    let overlapping = || BackupError::Overlapping { path: to.to_owned() };
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::NotADirectory => {
            let reason = "it is no directory, or lies below something that is none".into();
            BackupError::NotABackup { path: to.to_owned(), reason }
        }
        _ => BackupError::io(format!("create {}", to.display()))(error),
    };
    let store = from.backing().and_then(|backing| backing.downcast_ref::<RealDisk>());
    if let Some(store) = store {
        if store.contains(to).map_err(refused)? {
            return Err(overlapping());
        }
        match RealDisk::open(to) {
            Ok(there) if there.contains_disk(store).map_err(refused)? => return Err(overlapping()),
            _ => {}
        }
    }
    Ok(Env::system(Arc::new(RealDisk::create(to).map_err(refused)?)))
}

/// The directory of a backup.
pub(super) fn open_backup(path: &Path) -> Result<Env, OpenError> {
    match RealDisk::open(path) {
        Ok(disk) => Ok(Env::system(Arc::new(disk))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::NotFound { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(OpenError::NotAStore { path: path.to_owned(), reason: "it is not a directory".into() })
        }
        Err(error) => Err(OpenError::io(format!("open {}", path.display()))(error)),
    }
}
