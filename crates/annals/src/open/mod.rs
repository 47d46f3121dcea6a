//! Opening a store: find it or create it, lock it, recover its log, put its parts together.

mod assemble;
mod create;
mod present;
mod reading;
mod writing;

pub(crate) use create::check_foreign;
pub(crate) use present::{newest_unnamed, present_files};
pub(crate) use reading::{observe, open_for_reading};
pub(crate) use writing::{open_for_writing, take_lock};

use crate::error::OpenError;
use crate::options::Options;
use crate::part::Rebuilt;
use crate::parts::Parts;
use crate::recovery::RecoveryReport;
use annals_format::{Manifest, names};
use annals_index::MemoryIndex;
use annals_vfs::sync::RwLock;
use annals_vfs::{Access, Disk, Env, RealDisk};
use annals_wal::Recovered;
use present::Edition;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What opening put together.
pub(crate) struct Opened {
    pub(crate) manifest: Manifest,
    /// The files of segments that are there, whether the manifest names them or not.
    present: BTreeSet<Edition>,
    pub(crate) recovered: Recovered,
    pub(crate) parts: Parts,
    /// What stands in for runs that are missing or damaged.
    pub(crate) rebuilt: Arc<Rebuilt>,
    /// Index of the active part.
    pub(crate) active: Option<Arc<RwLock<MemoryIndex>>>,
    pub(crate) report: RecoveryReport,
    /// Whether it is a backup that nobody has written since it was made.
    backup: bool,
}

/// The disk and the rest of the world for a store at `path`.
pub(crate) fn environment(options: &Options, path: &Path) -> Result<Env, OpenError> {
    if let Some(env) = &options.env {
        return Ok(env.clone());
    }
    let create = options.create && !options.read_only;
    let disk = match RealDisk::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => RealDisk::create(path),
        // Perhaps a creation that was interrupted before the directory's own name was durable.
        Ok(disk) if create && disk.open(names::MANIFEST, Access::Read).is_err() => RealDisk::create(path),
        other => other,
    };
    match disk {
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
