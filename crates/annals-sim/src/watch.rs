//! A disk that somebody watches: told of every call before it is done, and able to let it fail.

use annals::vfs::{
    Access, Call, DirEntry, DirectFile, Disk, File, Lock, Mapping, MemoryDisk, Taken, read_up_to,
    write_all_at,
};
use std::any::Any;
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Who watches a disk.
pub(crate) trait Watcher: Send + Sync + Debug {
    /// A call is about to be done, with this path.
    ///
    /// # Errors
    /// What the call is to fail with; then it is not done.
    fn before(&self, call: Call, path: &str) -> io::Result<()>;
}

/// A disk in memory with a watcher.
#[derive(Clone, Debug)]
pub(crate) struct WatchedDisk {
    disk: MemoryDisk,
    watcher: Arc<dyn Watcher>,
}

impl WatchedDisk {
    pub(crate) fn new(disk: MemoryDisk, watcher: Arc<dyn Watcher>) -> Arc<Self> {
        Arc::new(WatchedDisk { disk, watcher })
    }

    fn wrap(&self, path: &str, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(WatchedFile { file, path: path.into(), watcher: Arc::clone(&self.watcher) })
    }
}

impl Disk for WatchedDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        self.watcher.before(Call::Create, path)?;
        Ok(self.wrap(path, self.disk.create(path)?))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        self.watcher.before(Call::Open, path)?;
        Ok(self.wrap(path, self.disk.open(path, access)?))
    }

    fn open_direct(&self, path: &str) -> io::Result<Option<Arc<dyn DirectFile>>> {
        self.watcher.before(Call::OpenToWrite, path)?;
        let Some(direct) = self.disk.open_direct(path)? else { return Ok(None) };
        let file = self.disk.open(path, Access::ReadWrite)?;
        let watcher = Arc::clone(&self.watcher);
        Ok(Some(Arc::new(WatchedDirectFile { direct, file, path: path.into(), watcher })))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.watcher.before(Call::Rename, from)?;
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.watcher.before(Call::Remove, path)?;
        self.disk.remove(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.watcher.before(Call::CreateDir, path)?;
        self.disk.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        self.watcher.before(Call::List, path)?;
        self.disk.list(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.watcher.before(Call::SyncDir, path)?;
        self.disk.sync_dir(path)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.watcher.before(Call::Lock, path)?;
        self.disk.try_lock(path)
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        self.watcher.before(Call::Lock, path)?;
        self.disk.is_locked(path)
    }

    fn take_from(&self, from: &dyn Disk, source: &str, to: &str, link: bool) -> io::Result<Option<Taken>> {
        self.watcher.before(Call::Take, to)?;
        self.disk.take_from(from, source, to, link)
    }

    fn backing(&self) -> Option<&dyn Any> {
        self.disk.backing()
    }

    fn describe(&self) -> String {
        self.disk.describe()
    }
}

#[derive(Debug)]
struct WatchedFile {
    file: Arc<dyn File>,
    path: Arc<str>,
    watcher: Arc<dyn Watcher>,
}

impl File for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.watcher.before(Call::Read, &self.path)?;
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.watcher.before(Call::Write, &self.path)?;
        self.file.write_at(parts, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.watcher.before(Call::SyncData, &self.path)?;
        self.file.sync_data()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.watcher.before(Call::SetLength, &self.path)?;
        self.file.set_len(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.watcher.before(Call::Preallocate, &self.path)?;
        self.file.preallocate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.watcher.before(Call::Length, &self.path)?;
        self.file.length()
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        self.watcher.before(Call::Map, &self.path)?;
        self.file.map(length)
    }
}

#[derive(Debug)]
struct WatchedDirectFile {
    direct: Arc<dyn DirectFile>,
    /// The same file.
    file: Arc<dyn File>,
    path: Arc<str>,
    watcher: Arc<dyn Watcher>,
}

impl DirectFile for WatchedDirectFile {
    /// The watcher gets to see the middle of it as well: the bytes are there, and none of them is durable. Those that were there
    /// before are no part of that.
    fn write_durably_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.watcher.before(Call::Write, &self.path)?;
        let bytes = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
        let mut old = vec![0; bytes.len()];
        let length = read_up_to(&*self.file, &mut old, offset)?;
        let same = bytes.iter().zip(&old[..length]).take_while(|(new, old)| new == old).count();
        let new = &bytes[same..];
        if !new.is_empty() {
            write_all_at(&*self.file, &mut [IoSlice::new(new)], offset + same as u64)?;
        }
        self.watcher.before(Call::SyncData, &self.path)?;
        self.direct.write_durably_at(parts, offset)
    }
}
