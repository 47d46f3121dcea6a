//! The file that a merge writes.

use annals_vfs::{File, write_all_at};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// A file that is written from front to back.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) file: Arc<dyn File>,
    buffer: Vec<u8>,
    flushed: u64,
}

impl Output {
    pub(crate) fn new(file: Arc<dyn File>) -> Self {
        Output { file, buffer: Vec::with_capacity(BUFFER_BYTES), flushed: 0 }
    }

    /// How many bytes there are.
    pub(crate) fn end(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends zeros up to a multiple of so many bytes, at most 64.
    pub(crate) fn align(&mut self, alignment: u64) -> io::Result<()> {
        let missing = (self.end().next_multiple_of(alignment) - self.end()) as usize;
        self.write(&[0; 64][..missing])
    }

    /// Writes what was gathered, and has the system begin to put it on the disk, so that the sync has less to wait for.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        write_all_at(&*self.file, &mut [IoSlice::new(&self.buffer)], self.flushed)?;
        let end = self.end();
        self.file.begin_write_back(self.flushed..end);
        self.flushed = end;
        self.buffer.clear();
        Ok(())
    }
}
