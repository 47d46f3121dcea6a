//! Memory in the place of a mapped file, for files that are written around the system's cache: a mapping would have to be
//! read from the disk again after every write.

use super::{Mapping, Region};
use std::io;
use std::sync::Arc;

/// Bytes that are written once, one after the other, and are looked at through [`Mapping`]s meanwhile. There is one who
/// writes: this value is not cloned. Begins with a page of the system; pages that were not written cost no memory.
#[derive(Debug)]
pub struct Memory {
    region: Arc<Region>,
    /// Where the next byte goes.
    end: u64,
}

impl Memory {
    /// Room for `capacity` bytes, all zeros.
    ///
    /// # Errors
    /// What the system says, in particular that there is not so much memory.
    pub fn new(capacity: u64) -> io::Result<Self> {
        let capacity = usize::try_from(capacity).map_err(|_| io::ErrorKind::OutOfMemory)?;
        Ok(Memory { region: Arc::new(Region::of_pages(capacity)?), end: 0 })
    }

    /// Where the bytes end that were written.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Writes bytes behind those that were written. They are to be told to other threads by a release store or a lock.
    ///
    /// # Errors
    /// `WriteZero` if they do not fit; then nothing was written.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() as u64 > self.region.capacity() - self.end {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.region.write(usize::try_from(self.end).unwrap_or(usize::MAX), bytes);
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// The whole capacity, as a file of this length would be mapped. It shows what is written later.
    ///
    /// # Errors
    /// None that can happen.
    pub fn map(&self) -> io::Result<Mapping> {
        Mapping::of_region(Arc::clone(&self.region), self.region.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_shows_what_is_written_later_and_outlives_the_writer() {
        let mut memory = Memory::new(10_000).unwrap();
        let mapping = memory.map().unwrap();
        memory.push(b"one").unwrap();
        memory.push(&[7; 9000]).unwrap();
        assert_eq!((memory.end(), mapping.len()), (9003, 10_000));
        drop(memory);
        assert_eq!(mapping.bytes(1..5), Some(&b"ne\x07\x07"[..]));
        assert_eq!(mapping.bytes(9002..9005), Some(&[7, 0, 0][..]));
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let mut memory = Memory::new(4).unwrap();
        memory.push(b"abc").unwrap();
        assert_eq!(memory.push(b"de").unwrap_err().kind(), io::ErrorKind::WriteZero);
        memory.push(b"d").unwrap();
        assert_eq!(memory.map().unwrap().bytes(0..4), Some(&b"abcd"[..]));
        assert!(Memory::new(0).unwrap().map().unwrap().is_empty());
    }

    #[test]
    fn it_begins_with_a_page() {
        let memory = Memory::new(4096).unwrap();
        let mapping = memory.map().unwrap();
        assert_eq!(mapping.bytes(0..1).unwrap().as_ptr().addr() % 4096, 0);
    }
}
