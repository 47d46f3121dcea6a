//! A disk of which some pages of one file cannot be read.

use annals::vfs::{Access, DirEntry, Disk, File, Lock, Mapping, MemoryDisk};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct BadPages {
    pub(crate) disk: MemoryDisk,
    pub(crate) file: String,
    /// Numbers of pages of 4096 bytes.
    pub(crate) pages: Range<u64>,
}

#[derive(Debug)]
struct BadFile {
    inner: Arc<dyn File>,
    pages: Range<u64>,
}

impl Disk for BadPages {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        self.disk.create(path)
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let inner = self.disk.open(path, access)?;
        let pages = if path == self.file { self.pages.clone() } else { 0..0 };
        Ok(Arc::new(BadFile { inner, pages }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        self.disk.list(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.disk.try_lock(path)
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        self.disk.is_locked(path)
    }

    fn describe(&self) -> String {
        self.disk.describe()
    }
}

impl File for BadFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = offset + buffer.len() as u64;
        if offset < self.pages.end * 4096 && end > self.pages.start * 4096 {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.inner.write_at(parts, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.inner.preallocate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        self.inner.map(length)
    }
}
