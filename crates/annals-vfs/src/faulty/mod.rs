//! Any disk, with chosen calls failing.
//!
//! Run something once for every `nth` until [`FaultyDisk::fired`] says `false`: then every call of it has
//! failed once.

mod plan;
#[cfg(test)]
mod tests;

pub use plan::{Call, Fault, When};

use crate::disk::{Access, DIRECT_BLOCK_BYTES, DirEntry, DirectFile, Disk, File, Lock, Taken};
use crate::io_ext::joined;
use crate::mapping::Mapping;
use plan::Plan;
use std::any::Any;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

/// A disk that counts the calls of another one, and lets those fail that it was told to. Clones, and the
/// files opened through it, share the counts and the faults.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    plan: Arc<Plan>,
}

impl FaultyDisk {
    /// A disk without faults over `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        FaultyDisk { inner, plan: Arc::default() }
    }

    /// Adds a fault. Calls are counted for it from now on; of several faults that meet the same call, the
    /// one added first happens.
    pub fn arm(&self, when: When, fault: Fault) {
        self.plan.arm(when, fault);
    }

    /// Removes all faults. What was counted stays.
    pub fn disarm(&self) {
        self.plan.disarm();
    }

    /// Calls of one kind so far, those that failed included.
    #[must_use]
    pub fn calls(&self, call: Call) -> u64 {
        self.plan.calls(call)
    }

    /// Calls of all kinds so far.
    #[must_use]
    pub fn total_calls(&self) -> u64 {
        Call::ALL.iter().map(|call| self.plan.calls(*call)).sum()
    }

    /// Whether any fault has happened since the disk was made.
    #[must_use]
    pub fn fired(&self) -> bool {
        self.plan.fired()
    }

    fn wrap(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(FaultyFile { inner: file, plan: Arc::clone(&self.plan) })
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = self.plan.around(Call::Create, || self.inner.create(path))?;
        Ok(self.wrap(file))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let call = match access {
            Access::Read => Call::Open,
            Access::ReadWrite => Call::OpenToWrite,
        };
        let file = self.plan.around(call, || self.inner.open(path, access))?;
        Ok(self.wrap(file))
    }

    fn open_direct(&self, path: &str) -> io::Result<Option<Arc<dyn DirectFile>>> {
        let file = self.plan.around(Call::OpenToWrite, || self.inner.open_direct(path))?;
        let plan = Arc::clone(&self.plan);
        Ok(file.map(|inner| Arc::new(FaultyDirectFile { inner, plan }) as Arc<dyn DirectFile>))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.plan.around(Call::Rename, || self.inner.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.plan.around(Call::Remove, || self.inner.remove(path))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.plan.around(Call::CreateDir, || self.inner.create_dir(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        self.plan.around(Call::List, || self.inner.list(path))
    }

    fn take_from(&self, from: &dyn Disk, source: &str, to: &str, link: bool) -> io::Result<Option<Taken>> {
        self.plan.around(Call::Take, || self.inner.take_from(from, source, to, link))
    }

    fn backing(&self) -> Option<&dyn Any> {
        self.inner.backing()
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.plan.around(Call::SyncDir, || self.inner.sync_dir(path))
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.plan.around(Call::Lock, || self.inner.try_lock(path))
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        self.plan.around(Call::Lock, || self.inner.is_locked(path))
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[derive(Debug)]
struct FaultyDirectFile {
    inner: Arc<dyn DirectFile>,
    plan: Arc<Plan>,
}

impl DirectFile for FaultyDirectFile {
    fn write_durably_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.plan.around_some(Call::Write, |most| {
            if most == usize::MAX {
                return self.inner.write_durably_at(parts, offset);
            }
            // A device takes whole blocks; what is cut off may lie anywhere in memory here.
            let mut bytes = joined(parts);
            bytes.truncate(most.next_multiple_of(DIRECT_BLOCK_BYTES));
            self.inner.write_durably_at(&[IoSlice::new(&bytes)], offset)
        })
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn File>,
    plan: Arc<Plan>,
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.plan.around_some(Call::Read, |most| {
            let taken = buffer.len().min(most);
            self.inner.read_at(&mut buffer[..taken], offset)
        })
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.plan.around_some(Call::Write, |most| {
            if most == usize::MAX {
                return self.inner.write_at(parts, offset);
            }
            let mut bytes = joined(parts);
            bytes.truncate(most);
            self.inner.write_at(&[IoSlice::new(&bytes)], offset)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.plan.around(Call::SyncData, || self.inner.sync_data())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.plan.around(Call::SetLength, || self.inner.set_len(length))
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.plan.around(Call::Preallocate, || self.inner.preallocate(length))
    }

    fn length(&self) -> io::Result<u64> {
        self.plan.around(Call::Length, || self.inner.length())
    }

    fn begin_write_back(&self, range: Range<u64>) {
        self.inner.begin_write_back(range);
    }

    fn data_from(&self, offset: u64) -> io::Result<Option<u64>> {
        self.inner.data_from(offset)
    }

    fn no_read_ahead(&self) {
        self.inner.no_read_ahead();
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        self.plan.around(Call::Map, || self.inner.map(length))
    }
}
