//! Run files on their way to the disk.

use annals_format::{RunEntry, StoreId, names};
use annals_index::{MemoryIndex, RunIdentity, write_run};
use annals_vfs::{Disk, File, write_all_at};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// Bytes that are written before they are synced. A large run is not left to one sync at its end, which would take seconds
/// that a segment may have to wait for, and the syncs of appends with it.
const SYNC_BYTES: u64 = 16 << 20;

/// A run file that is being written from front to back.
pub(crate) struct RunFile {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    end: u64,
    /// Up to here it is synced.
    synced: u64,
}

impl RunFile {
    /// # Errors
    /// What the system says, also if there is a file of this name.
    pub(crate) fn create(disk: &dyn Disk, run_id: u64) -> io::Result<Self> {
        let file = disk.create(&names::run(run_id))?;
        Ok(RunFile { file, buffer: Vec::with_capacity(BUFFER), end: 0, synced: 0 })
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
        if self.end - self.synced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.synced = self.end;
        }
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
        file: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_vfs::{Call, FaultyDisk, MemoryDisk};

    #[test]
    fn a_large_run_is_synced_piece_by_piece() {
        let memory = MemoryDisk::new();
        memory.create_dir(names::INDEX_DIR).unwrap();
        let disk = FaultyDisk::new(Arc::new(memory.clone()));
        let mut file = RunFile::create(&disk, 7).unwrap();
        let piece = vec![7; 1 << 20];
        for _ in 0..40 {
            file.write(&piece).unwrap();
        }
        assert_eq!(disk.calls(Call::SyncData), 2);
        file.finish(&disk).unwrap();
        assert_eq!(memory.image()[&names::run(7)].len(), 40 << 20);
    }
}
