//! A directory of the file system.
//!
//! Everything goes through descriptors: the root is opened once, and every path is walked from there part
//! by part without following symbolic links. Renaming the directory under a running store is harmless, and
//! a link put into it leads nowhere.

mod direct;
mod entries;
mod file;
mod lock;
mod take;
#[cfg(test)]
mod tests;

use crate::disk::{Access, DirEntry, DirectFile, Disk, EntryKind, File, Lock, Taken, parts, split};
use file::RealFile;
use lock::RealLock;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::any::Any;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How directories are opened; with `NOFOLLOW` added for all but the root.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How files are opened. Without `NONBLOCK` a FIFO put in the place of a file would block the open for ever;
/// for plain files it means nothing.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// Readable and writable by the owner.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Of use to the owner only.
const DIRECTORY_MODE: Mode = Mode::RWXU;

/// A directory of the file system. Cheap to clone; all clones use the same descriptor.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: Arc<OwnedFd>,
    path: PathBuf,
}

impl RealDisk {
    /// Opens a directory that exists.
    ///
    /// # Errors
    /// `NotFound` if there is nothing at `path`, `NotADirectory` if there is something else, otherwise what
    /// the system says.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let root = rustix::io::retry_on_intr(|| rustix::fs::open(path, DIRECTORY, Mode::empty()))?;
        Ok(RealDisk { root: Arc::new(root), path: path.to_path_buf() })
    }

    /// Opens a directory, creating it and the missing ones above it for their owner only. When this returns
    /// the names of all of them are durable.
    ///
    /// # Errors
    /// `NotADirectory` if there is something else at `path` or above, otherwise what the system says.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let (mut inner, missing) = deepest_existing(path)?;
        // Directories are made from the top, each name made durable before the next one. So if an earlier
        // call was killed half way, the name of the deepest directory is the only one that may not be
        // durable; it is synced again here. Above a directory that somebody else made we may not be allowed
        // to look, and have made nothing either.
        match open_dir(inner.as_fd(), OsStr::new("..")) {
            Ok(parent) => rustix::fs::fsync(parent)?,
            Err(Errno::ACCESS | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        for name in missing {
            match rustix::fs::mkdirat(&inner, name, DIRECTORY_MODE) {
                // Somebody was faster.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            rustix::fs::fsync(&inner)?;
            inner = open_dir(inner.as_fd(), name)?;
        }
        Ok(RealDisk { root: Arc::new(inner), path: path.to_path_buf() })
    }

    /// Whether `path` is this directory or lies within it, whatever links and `..` lead there. What does not exist lies
    /// where it would be created.
    ///
    /// # Errors
    /// What the system says; `NotFound` if nothing can be created at `path`.
    pub fn contains(&self, path: impl AsRef<Path>) -> io::Result<bool> {
        let (directory, _) = deepest_existing(path.as_ref())?;
        self.lies_above(directory)
    }

    /// Whether another disk is this directory or lies within it.
    ///
    /// # Errors
    /// What the system says.
    pub fn contains_disk(&self, other: &RealDisk) -> io::Result<bool> {
        self.lies_above(other.root.try_clone()?)
    }

    /// Whether a directory is this one or lies within it.
    fn lies_above(&self, mut directory: OwnedFd) -> io::Result<bool> {
        let identity = |directory: BorrowedFd<'_>| {
            let stat = rustix::fs::fstat(directory)?;
            io::Result::Ok((stat.st_dev, stat.st_ino))
        };
        let own = identity(self.root.as_fd())?;
        loop {
            let here = identity(directory.as_fd())?;
            if here == own {
                return Ok(true);
            }
            // Only the way is of interest, so the right to list the directory is not asked for.
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            directory = rustix::fs::openat(&directory, "..", flags, Mode::empty())?;
            if identity(directory.as_fd())? == here {
                return Ok(false);
            }
        }
    }

    /// Walks to a directory.
    fn directory(&self, path: &str) -> io::Result<Directory<'_>> {
        let mut directory = Directory { root: self.root.as_fd(), inner: None };
        for part in parts(path)? {
            let flags = DIRECTORY | OFlags::NOFOLLOW;
            let inner = rustix::io::retry_on_intr(|| {
                rustix::fs::openat(directory.as_fd(), part, flags, Mode::empty())
            })?;
            directory.inner = Some(inner);
        }
        Ok(directory)
    }

    /// Opens a plain file, created if the flags say so.
    fn file(&self, path: &str, flags: OFlags) -> io::Result<std::fs::File> {
        let (directory, name) = split(path)?;
        let directory = self.directory(directory)?;
        let file = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(directory.as_fd(), name, FILE | flags, FILE_MODE)
        })?;
        match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(file.into()),
            FileType::Directory => Err(io::ErrorKind::IsADirectory.into()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file")),
        }
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = self.file(path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        Ok(Arc::new(RealFile(self.file(path, flags)?)))
    }

    fn open_direct(&self, path: &str) -> io::Result<Option<Arc<dyn DirectFile>>> {
        direct::open(self, path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let ((from, old), (to, new)) = (split(from)?, split(to)?);
        Ok(rustix::fs::renameat(self.directory(from)?, old, self.directory(to)?, new)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (directory, name) = split(path)?;
        Ok(rustix::fs::unlinkat(self.directory(directory)?, name, AtFlags::empty())?)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        let (directory, name) = split(path)?;
        Ok(rustix::fs::mkdirat(self.directory(directory)?, name, DIRECTORY_MODE)?)
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        entries::list(self, path)
    }

    fn kinds(&self, path: &str) -> io::Result<Vec<(String, EntryKind)>> {
        entries::kinds(self, path)
    }

    fn take_from(&self, from: &dyn Disk, source: &str, to: &str, link: bool) -> io::Result<Option<Taken>> {
        take::take(self, from, source, to, link)
    }

    fn backing(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let directory = self.directory(path)?;
        Ok(rustix::io::retry_on_intr(|| rustix::fs::fsync(&directory))?)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        // Who may only read can take the lock of a store all the same: otherwise a reader could not tell whether
        // somebody writes.
        let file = match self.file(path, OFlags::RDWR | OFlags::CREATE) {
            // If there is none, then what was refused is to create it.
            Err(error) if is_refusal(&error) => self.file(path, OFlags::RDONLY).map_err(|_| error)?,
            other => other?,
        };
        Ok(RealLock::take(file)?.map(|lock| Box::new(lock) as Box<dyn Lock>))
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        match self.file(path, OFlags::RDONLY) {
            Ok(file) => lock::is_held(&file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }
}

/// Whether a file may not be written, by this user or by anybody.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// A directory below the root, or the root itself.
struct Directory<'a> {
    root: BorrowedFd<'a>,
    inner: Option<OwnedFd>,
}

impl AsFd for Directory<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_ref().map_or(self.root, AsFd::as_fd)
    }
}

/// The deepest directory on the way to `path` that exists, and the names below it that do not, from the
/// top.
fn deepest_existing(path: &Path) -> io::Result<(OwnedFd, Vec<&OsStr>)> {
    let mut missing = Vec::new();
    let mut at = path;
    loop {
        // Above a single name is the directory we are in; an empty path itself names nothing.
        let here = if at.as_os_str().is_empty() && !missing.is_empty() { Path::new(".") } else { at };
        match rustix::io::retry_on_intr(|| rustix::fs::open(here, DIRECTORY, Mode::empty())) {
            Ok(directory) => {
                missing.reverse();
                return Ok((directory, missing));
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        // A path ending in `..` below something missing has no name to make.
        let (Some(name), Some(parent)) = (at.file_name(), at.parent()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        missing.push(name);
        at = parent;
    }
}

fn open_dir(at: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    rustix::io::retry_on_intr(|| rustix::fs::openat(at, name, DIRECTORY, Mode::empty()))
}
