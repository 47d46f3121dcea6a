//! The raw floor.

mod log;
mod record;

pub use log::FloorLog;
pub use record::{Record, encode};

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much space is laid out; the writes go round in it.
const RING_BYTES: u64 = 64 << 20;

/// A file that batches are written into, one write and one sync each.
#[derive(Debug)]
pub struct Floor {
    file: File,
    /// Where writing begins at the front again.
    bytes_max: u64,
    end: u64,
    position: u64,
    buffer: Vec<u8>,
}

impl Floor {
    /// Lays a ring out: written with zeros and synced, so that nothing but data is left to write.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let zeros = vec![0; 1 << 20];
        for chunk in 0..RING_BYTES >> 20 {
            file.write_all_at(&zeros, chunk << 20)?;
        }
        file.sync_all()?;
        Ok(Floor { file, bytes_max: RING_BYTES, end: 0, position: 0, buffer: Vec::new() })
    }

    /// A file that grows, behind the `events` events that lie in its first `end` bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn growing(path: &Path, events: u64, end: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Floor { file, bytes_max: u64::MAX, end, position: events, buffer: Vec::new() })
    }

    /// Encodes an event into the batch at hand, without a version.
    pub fn push(&mut self, stream: &str, data: &[u8]) {
        self.push_version(stream, 0, data);
    }

    /// Encodes an event into the batch at hand.
    pub fn push_version(&mut self, stream: &str, version: u64, data: &[u8]) {
        self.position += 1;
        encode(&mut self.buffer, self.position, version, stream, data);
    }

    /// Writes the batch with one write and, if asked, makes it durable with one sync.
    ///
    /// # Errors
    /// What the system says.
    pub fn commit(&mut self, sync: bool) -> io::Result<()> {
        if self.end + self.buffer.len() as u64 > self.bytes_max {
            self.end = 0;
        }
        self.file.write_all_at(&self.buffer, self.end)?;
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
        if sync { self.sync() } else { Ok(()) }
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
