//! Run files on their way to the disk.

use annals_format::{RunEntry, StoreId, names};
use annals_index::{MemoryIndex, RunIdentity, write_run};
use annals_vfs::{Disk, File, write_all_at};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// A run file that is being written from front to back.
pub(crate) struct RunFile {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    end: u64,
}

impl RunFile {
    /// # Errors
    /// What the system says, also if there is a file of this name.
    pub(crate) fn create(disk: &dyn Disk, run_id: u64) -> io::Result<Self> {
        let file = disk.create(&names::run(run_id))?;
        Ok(RunFile { file, buffer: Vec::with_capacity(BUFFER), end: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.put() } else { Ok(()) }
    }

    /// Writes what is left, and makes the file durable, name included.
    pub(crate) fn finish(mut self, disk: &dyn Disk) -> io::Result<()> {
        self.put()?;
        self.file.sync_data()?;
        disk.sync_dir(names::INDEX_DIR)
    }

    fn put(&mut self) -> io::Result<()> {
        write_all_at(&*self.file, &mut [IoSlice::new(&self.buffer)], self.end)?;
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Writes a run and makes it durable, name included.
pub(crate) fn write_run_file(
    disk: &dyn Disk,
    index: &MemoryIndex,
    store_id: &StoreId,
    run_id: u64,
    hash_seed: u64,
) -> io::Result<RunEntry> {
    let mut file = RunFile::create(disk, run_id)?;
    let identity = write_run(index, store_id, run_id, hash_seed, &mut |bytes| file.write(bytes))?;
    file.finish(disk)?;
    Ok(entry(&identity))
}

/// What the manifest says of a run.
pub(crate) fn entry(identity: &RunIdentity) -> RunEntry {
    RunEntry {
        id: identity.run_id,
        first_position: identity.first_position,
        count: identity.count,
        length: identity.length,
        trailer_checksum: identity.trailer_checksum,
    }
}
