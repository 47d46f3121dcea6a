//! The bytes of one file.

use crate::mapping::{Mapping, Region, too_short};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Weak};

/// Smallest region made for a file that is written, so that small files do not grow byte by byte.
const RESERVED_MIN: usize = 4096;

/// The bytes of a file, as they are now. Everything is done under the lock of the file.
#[derive(Debug)]
pub(super) struct Content {
    region: Arc<Region>,
    /// Regions that the file has outgrown and that mappings still look at: they get every write as well,
    /// so that a mapping shows later writes whatever happened to the file since.
    outgrown: Vec<Weak<Region>>,
    length: usize,
    /// Every byte from here on is zero; at most `length`. Reserved space is neither copied nor cleared.
    written: usize,
}

impl Content {
    pub(super) fn empty() -> Self {
        Content { region: Arc::new(Region::empty()), outgrown: Vec::new(), length: 0, written: 0 }
    }

    /// A copy that shares nothing with this one.
    ///
    /// # Errors
    /// `StorageFull` if there is no memory for it.
    pub(super) fn copy(&self) -> io::Result<Self> {
        let mut copy = Content::empty();
        copy.set_length(self.length)?;
        copy.write(0, self.stored(0..self.length))?;
        Ok(copy)
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The bytes of a range, as far as the file has them.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        let end = range.end.min(self.length);
        self.region.bytes(range.start.min(end)..end).unwrap_or_default()
    }

    /// The bytes of a range up to where the file is only zeros.
    pub(super) fn stored(&self, range: Range<usize>) -> &[u8] {
        self.bytes(range.start..range.end.min(self.written))
    }

    /// Writes bytes; the file grows if they reach past its end.
    ///
    /// # Errors
    /// `StorageFull` if there is no memory to grow, `FileTooLarge` if no memory could ever do. Then nothing
    /// was written.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.reserve(end, end.saturating_mul(2).max(RESERVED_MIN))?;
        self.each_region(|region| region.write(offset, bytes));
        self.length = self.length.max(end);
        self.written = self.written.max(end);
        Ok(())
    }

    /// Writes zeros over a range, without growing the file.
    pub(super) fn clear(&mut self, range: Range<usize>) {
        let end = range.end.min(self.written);
        if range.start < end {
            self.each_region(|region| region.clear(range.start..end));
        }
    }

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// `StorageFull` if there is no memory to grow; then nothing has changed.
    pub(super) fn set_length(&mut self, length: usize) -> io::Result<()> {
        self.reserve(length, length)?;
        self.clear(length..self.written);
        self.written = self.written.min(length);
        self.length = length;
        Ok(())
    }

    /// Looks at the first `length` bytes.
    ///
    /// # Errors
    /// `InvalidInput` if the file is shorter.
    pub(super) fn map(&self, length: u64) -> io::Result<Mapping> {
        if length > self.length as u64 {
            return Err(too_short());
        }
        Mapping::of_region(Arc::clone(&self.region), length)
    }

    /// Makes room for `needed` bytes, by a region of `wanted` if the present one is too small.
    fn reserve(&mut self, needed: usize, wanted: usize) -> io::Result<()> {
        if needed as u64 <= self.region.capacity() {
            return Ok(());
        }
        let region = Region::zeroed(wanted)?;
        region.write(0, self.stored(0..self.length));
        let old = std::mem::replace(&mut self.region, Arc::new(region));
        self.outgrown.retain(|region| region.strong_count() > 0);
        self.outgrown.push(Arc::downgrade(&old));
        Ok(())
    }

    fn each_region(&self, change: impl Fn(&Region)) {
        change(&self.region);
        for region in self.outgrown.iter().filter_map(Weak::upgrade) {
            change(&region);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_shows_writes_made_after_the_file_outgrew_its_region() {
        let mut content = Content::empty();
        content.set_length(8).unwrap();
        let mapping = content.map(8).unwrap();
        content.write(1_000_000, b"far").unwrap();
        content.write(2, b"near").unwrap();
        assert_eq!(mapping.bytes(0..8), Some(&b"\0\0near\0\0"[..]));
    }

    #[test]
    fn bytes_that_were_cut_off_come_back_as_zeros() {
        let mut content = Content::empty();
        content.write(0, b"abcdef").unwrap();
        content.set_length(2).unwrap();
        content.set_length(5).unwrap();
        assert_eq!(content.bytes(0..9), b"ab\0\0\0");
        assert_eq!(content.stored(0..9), b"ab");
    }

    #[test]
    fn a_copy_shares_nothing() {
        let mut content = Content::empty();
        content.write(3, b"x").unwrap();
        let mut copy = content.copy().unwrap();
        copy.write(0, b"y").unwrap();
        assert_eq!(content.bytes(0..4), b"\0\0\0x");
        assert_eq!(copy.bytes(0..4), b"y\0\0x");
    }
}
