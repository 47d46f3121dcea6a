//! A written log that is read through a mapping.

use super::record::{Record, encode};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A written log that is read through a mapping, every checksum verified.
#[derive(Debug)]
pub struct FloorLog {
    mapping: memmap2::Mmap,
    offsets: Vec<usize>,
}

impl FloorLog {
    /// Writes `events` events without versions and maps them. Where each record is, is known without looking.
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
            event(&mut |stream, data| encode(&mut buffer, position, 0, stream, data));
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

    /// Maps a log that was written before, and looks for its records until there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).open(path)?;
        #[expect(unsafe_code, reason = "the bench's own file, which nobody changes while it is mapped")]
        // SAFETY: the file lies in a folder of the bench, whose writer has ended.
        let mapping = unsafe { memmap2::Mmap::map(&file)? };
        let (mut offsets, mut end) = (Vec::new(), 0);
        while let Some(record) = Record::decode(&mapping[end..]) {
            offsets.push(end);
            end += record.bytes;
        }
        Ok(FloorLog { mapping, offsets })
    }

    /// The events, each with the offset of its record.
    pub fn records(&self) -> impl Iterator<Item = (usize, Option<Record<'_>>)> {
        self.offsets.iter().map(|offset| (*offset, self.read_at(*offset)))
    }

    /// How many bytes the records take.
    #[must_use]
    pub fn end(&self) -> usize {
        let last = self.offsets.last().and_then(|offset| Some(offset + self.read_at(*offset)?.bytes));
        last.unwrap_or(0)
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
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
        Some(self.record(index)?.data)
    }

    /// One event, `None` if its checksum is wrong.
    #[must_use]
    pub fn record(&self, index: usize) -> Option<Record<'_>> {
        self.read_at(*self.offsets.get(index)?)
    }

    /// The event whose record lies at an offset, `None` if its checksum is wrong.
    #[must_use]
    pub fn read_at(&self, offset: usize) -> Option<Record<'_>> {
        Record::decode(self.mapping.get(offset..)?)
    }
}
