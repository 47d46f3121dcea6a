//! Bytes of a file that is read from front to back: through a mapping, or some at a time through a handle.

use annals_vfs::{File, Mapping, read_up_to};
use std::io;
use std::sync::Arc;

/// Bytes that are read, or told to the system to be needed, at a time.
const WINDOW_BYTES: usize = 256 << 10;

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Behind a handle, because the file still grows.
    File(Arc<dyn File>),
    /// In memory.
    Mapped(Arc<Mapping>),
}

/// A stretch of a file that moves forwards.
#[derive(Debug)]
pub(crate) struct Window {
    source: Source,
    end: u64,
    start: u64,
    buffer: Vec<u8>,
    /// Up to where the system was told that the bytes will be needed.
    told: u64,
}

impl Window {
    /// `end` is where the file, or what is read of it, ends.
    pub(crate) fn new(source: Source, end: u64) -> Self {
        Window { source, end, start: 0, buffer: Vec::new(), told: 0 }
    }

    /// As many bytes from an offset on as are asked for; fewer at the end. Not for more than some hundred KiB.
    pub(crate) fn at(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let stop = offset.saturating_add(length as u64).min(self.end).max(offset);
        match &self.source {
            Source::Mapped(mapping) => {
                if stop > self.told {
                    self.told = offset + WINDOW_BYTES as u64;
                    mapping.prefetch(offset..self.told.min(self.end));
                }
                Ok(mapping.bytes(offset..stop).unwrap_or_default())
            }
            Source::File(file) => {
                let held = self.start..self.start + self.buffer.len() as u64;
                if offset < held.start || stop > held.end {
                    let wanted = WINDOW_BYTES.max(length) as u64;
                    let wanted = wanted.min(self.end.saturating_sub(offset)) as usize;
                    self.buffer.resize(wanted, 0);
                    self.start = offset;
                    let read = match read_up_to(&**file, &mut self.buffer, offset) {
                        Ok(read) => read,
                        Err(error) => {
                            self.buffer.clear();
                            return Err(error);
                        }
                    };
                    self.buffer.truncate(read);
                }
                let from = ((offset - self.start) as usize).min(self.buffer.len());
                let to = ((stop - self.start) as usize).min(self.buffer.len());
                Ok(&self.buffer[from..to])
            }
        }
    }
}
