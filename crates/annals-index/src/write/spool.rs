//! Bytes that are needed again later, in the order in which they came.

use super::scratch::{Scratch, ScratchFile};
use std::io;

/// A queue of bytes: first all are put in, then all are taken out. What does not fit into its memory goes into a scratch
/// file.
pub(super) struct Spool {
    memory_bytes: usize,
    buffer: Vec<u8>,
    file: ScratchFile,
    /// How many bytes are in the file; those in the buffer come behind them.
    written: u64,
    taken: u64,
}

impl Spool {
    pub(super) fn new(memory_bytes: usize) -> Self {
        Spool { memory_bytes, buffer: Vec::new(), file: ScratchFile::default(), written: 0, taken: 0 }
    }

    /// Puts bytes behind all others.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8], scratch: &mut Scratch) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > self.memory_bytes { self.overflow(scratch) } else { Ok(()) }
    }

    /// Puts the next bytes, at most `most`, into `out` in the place of what is there; none if all were taken.
    pub(super) fn take(&mut self, most: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        let in_file = self.written.saturating_sub(self.taken).min(most as u64) as usize;
        if in_file > 0 {
            out.resize(in_file, 0);
            self.file.read(out, self.taken)?;
        } else {
            let start = (self.taken - self.written) as usize;
            out.extend_from_slice(&self.buffer[start..self.buffer.len().min(start.saturating_add(most))]);
        }
        self.taken += out.len() as u64;
        Ok(())
    }

    /// Makes it empty. The file is kept, and written over.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        (self.written, self.taken) = (0, 0);
    }

    #[cold]
    fn overflow(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        self.file.write(&self.buffer, self.written, scratch)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_vfs::{Disk, MemoryDisk};

    #[test]
    fn bytes_come_out_as_they_went_in_from_memory_and_from_a_file() {
        let bytes: Vec<u8> = (0..1000).map(|number| (number % 251) as u8).collect();
        for memory_bytes in [0, 1, 100, 999, 1000, usize::MAX] {
            let disk = MemoryDisk::new();
            let mut scratch = Scratch::new(Box::new(move || disk.create("scratch")));
            let mut spool = Spool::new(memory_bytes);
            // The second round writes over the first one's file.
            for round in 1..3 {
                bytes.chunks(7 * round).for_each(|piece| spool.put(piece, &mut scratch).unwrap());
                let (mut all, mut piece) = (Vec::new(), Vec::new());
                loop {
                    spool.take(33, &mut piece).unwrap();
                    if piece.is_empty() {
                        break;
                    }
                    all.extend_from_slice(&piece);
                }
                assert_eq!(all, bytes);
                spool.clear();
            }
        }
    }

    #[test]
    fn without_scratch_files_more_than_fits_into_memory_is_an_error() {
        let mut spool = Spool::new(3);
        spool.put(b"abc", &mut Scratch::none()).unwrap();
        let error = spool.put(b"d", &mut Scratch::none()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
