//! The raw floor.

use crate::workload::EVENT_TYPE;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much space is laid out; the writes go round in it.
const RING_BYTES: u64 = 64 << 20;
/// Length of a record's header: checksum, length, stream length, type length, position.
const HEADER_BYTES: usize = 24;

/// A file of zeros that batches are written into, one write and one sync each.
#[derive(Debug)]
pub struct Floor {
    file: File,
    end: u64,
    position: u64,
    buffer: Vec<u8>,
}

impl Floor {
    /// Lays the file out: written with zeros and synced, so that nothing but data is left to write.
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
        Ok(Floor { file, end: 0, position: 0, buffer: Vec::new() })
    }

    /// Encodes an event into the batch at hand.
    pub fn push(&mut self, stream: &str, data: &[u8]) {
        self.position += 1;
        encode(&mut self.buffer, self.position, stream, data);
    }

    /// Writes the batch with one write and, if asked, makes it durable with one sync.
    ///
    /// # Errors
    /// What the system says.
    pub fn commit(&mut self, sync: bool) -> io::Result<()> {
        if self.end + self.buffer.len() as u64 > RING_BYTES {
            self.end = 0;
        }
        self.file.write_all_at(&self.buffer, self.end)?;
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
        if sync { self.file.sync_data() } else { Ok(()) }
    }
}

fn encode(out: &mut Vec<u8>, position: u64, stream: &str, data: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out.extend_from_slice(stream.as_bytes());
    out.extend_from_slice(EVENT_TYPE.as_bytes());
    out.extend_from_slice(data);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    let record = &mut out[start..];
    record[4..8].copy_from_slice(&length.to_le_bytes());
    record[8..12].copy_from_slice(&u32::try_from(stream.len()).unwrap_or(0).to_le_bytes());
    record[12..16].copy_from_slice(&u32::try_from(EVENT_TYPE.len()).unwrap_or(0).to_le_bytes());
    record[16..24].copy_from_slice(&position.to_le_bytes());
    let checksum = crc32fast::hash(&record[4..]);
    record[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// A written log that is read through a mapping, every checksum verified.
#[derive(Debug)]
pub struct FloorLog {
    mapping: memmap2::Mmap,
    offsets: Vec<usize>,
}

impl FloorLog {
    /// Writes `events` events and maps them. Where each record is, is known without looking.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(
        path: &Path,
        events: u64,
        mut event: impl FnMut(&mut dyn FnMut(&str, &[u8])),
    ) -> io::Result<Self> {
        let (mut buffer, mut offsets) = (Vec::new(), Vec::new());
        for position in 1..=events {
            offsets.push(buffer.len());
            event(&mut |stream, data| encode(&mut buffer, position, stream, data));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        file.write_all_at(&buffer, 0)?;
        file.sync_all()?;
        drop(buffer);
        #[expect(unsafe_code, reason = "the bench's own file, which nobody changes while it is mapped")]
        // SAFETY: the file was made by this function in a folder of the bench, and is not written again.
        let mapping = unsafe { memmap2::Mmap::map(&file)? };
        Ok(FloorLog { mapping, offsets })
    }

    /// Reads everything; returns how many bytes of data there were, `None` if a checksum is wrong.
    #[must_use]
    pub fn scan(&self) -> Option<usize> {
        let mut bytes = 0;
        for index in 0..self.offsets.len() {
            bytes += self.read(index)?.len();
        }
        Some(bytes)
    }

    /// The data of one event, `None` if its checksum is wrong.
    #[must_use]
    pub fn read(&self, index: usize) -> Option<&[u8]> {
        let record = self.mapping.get(*self.offsets.get(index)?..)?;
        let word = |at: usize| record.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let record = record.get(..usize::try_from(word(4)?).ok()?)?;
        let names = usize::try_from(word(8)? + word(12)?).ok()?;
        (crc32fast::hash(&record[4..]) == word(0)?).then(|| &record[HEADER_BYTES + names..])
    }
}
