//! A disk at whose calls the scheduler chooses who goes on.

use crate::switch;
use annals_vfs::{Access, DirEntry, Disk, File, Lock, Mapping, MemoryDisk};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// A disk in memory. Threads change places before each of its calls; within a call it has locks of its own, which no
/// thread of a model is ever stopped in.
#[derive(Debug)]
pub struct ScheduledDisk(MemoryDisk);

#[derive(Debug)]
struct ScheduledFile(Arc<dyn File>);

impl ScheduledDisk {
    /// Over this disk.
    #[must_use]
    pub fn over(disk: MemoryDisk) -> Arc<dyn Disk> {
        Arc::new(ScheduledDisk(disk))
    }
}

impl Disk for ScheduledDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        switch();
        Ok(Arc::new(ScheduledFile(self.0.create(path)?)))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        switch();
        Ok(Arc::new(ScheduledFile(self.0.open(path, access)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        switch();
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        switch();
        self.0.remove(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        switch();
        self.0.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        switch();
        self.0.list(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        switch();
        self.0.sync_dir(path)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        switch();
        self.0.try_lock(path)
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        switch();
        self.0.is_locked(path)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

impl File for ScheduledFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        switch();
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        switch();
        self.0.write_at(parts, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        switch();
        self.0.sync_data()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        switch();
        self.0.set_len(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        switch();
        self.0.preallocate(length)
    }

    fn length(&self) -> io::Result<u64> {
        switch();
        self.0.length()
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        switch();
        self.0.map(length)
    }
}
