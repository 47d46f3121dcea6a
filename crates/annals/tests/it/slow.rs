//! A disk whose syncs take time, so that appends meet in groups.

use annals::vfs::{Access, DirEntry, DirectFile, Disk, File, Lock, Mapping, MemoryDisk};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct SlowDisk(MemoryDisk);

impl SlowDisk {
    pub(crate) fn over(disk: MemoryDisk) -> Arc<dyn Disk> {
        Arc::new(SlowDisk(disk))
    }
}

#[derive(Debug)]
struct SlowFile(Arc<dyn File>);

#[derive(Debug)]
struct SlowDirectFile(Arc<dyn DirectFile>);

impl Disk for SlowDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(SlowFile(self.0.create(path)?)))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(SlowFile(self.0.open(path, access)?)))
    }

    fn open_direct(&self, path: &str) -> io::Result<Option<Arc<dyn DirectFile>>> {
        Ok(self.0.open_direct(path)?.map(|file| Arc::new(SlowDirectFile(file)) as Arc<dyn DirectFile>))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        self.0.list(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.0.try_lock(path)
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        self.0.is_locked(path)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

impl File for SlowFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.0.write_at(parts, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        std::thread::sleep(Duration::from_micros(300));
        self.0.sync_data()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.0.preallocate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        self.0.map(length)
    }
}

impl DirectFile for SlowDirectFile {
    fn write_durably_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        std::thread::sleep(Duration::from_micros(300));
        self.0.write_durably_at(parts, offset)
    }
}
