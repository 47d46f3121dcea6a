//! Memory that is written while others look at parts of it: what a shared mapping is to a real file, and what stands for
//! one that is written around the system's cache.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;

/// A fixed number of bytes, zero at first, written and read through shared references.
///
/// Who writes must hold the lock of the file that the region belongs to, or be the only one who can; who reads must keep to
/// the discipline of [`super`].
pub(crate) struct Region {
    start: NonNull<u8>,
    capacity: usize,
    /// What the bytes are part of, if they are no allocation of their own.
    pages: Option<memmap2::MmapRaw>,
}

#[expect(unsafe_code, reason = "a pointer is not Send by itself")]
// SAFETY: the region owns its allocation, and nothing about it belongs to one thread.
unsafe impl Send for Region {}

#[expect(unsafe_code, reason = "a pointer is not Sync by itself")]
// SAFETY: writers exclude each other by the lock of the file or are alone, and readers read only bytes whose writes are
// finished and published, by the discipline in the head of the parent module.
unsafe impl Sync for Region {}

impl Region {
    /// `capacity` zero bytes. Pages that are never written cost no memory.
    ///
    /// # Errors
    /// `StorageFull` if the memory cannot be had: for a file in memory that is its disk being full.
    pub(crate) fn zeroed(capacity: usize) -> io::Result<Self> {
        if capacity == 0 {
            return Ok(Region::empty());
        }
        let layout = Layout::array::<u8>(capacity).map_err(|_| io::ErrorKind::StorageFull)?;
        #[expect(unsafe_code, reason = "only this way does an allocation that fails not end the process")]
        // SAFETY: the layout is not of size zero, checked above.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).ok_or(io::ErrorKind::StorageFull)?;
        Ok(Region { start, capacity, pages: None })
    }

    /// No bytes at all.
    pub(crate) fn empty() -> Self {
        Region { start: NonNull::dangling(), capacity: 0, pages: None }
    }

    /// `capacity` zero bytes that begin with a page of the system, as devices want it that fetch bytes from memory by
    /// themselves. Pages that are never written cost no memory.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn of_pages(capacity: usize) -> io::Result<Self> {
        if capacity == 0 {
            return Ok(Region::empty());
        }
        let pages = memmap2::MmapRaw::from(memmap2::MmapMut::map_anon(capacity)?);
        let start = NonNull::new(pages.as_mut_ptr()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Region { start, capacity, pages: Some(pages) })
    }

    /// Number of bytes.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity as u64
    }

    /// The bytes of a range, `None` if it is inverted or reaches past the end.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Option<&[u8]> {
        if range.start > range.end || range.end > self.capacity {
            return None;
        }
        #[expect(unsafe_code, reason = "the bytes are behind a pointer, so that they can be written as well")]
        // SAFETY: the start of the range lies in the allocation, checked above.
        let first = unsafe { self.start.add(range.start) };
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: the whole range lies in the allocation, all of which is initialised and lives as long as
        // `self`; nobody writes under the slice by the discipline of the parent module.
        let bytes = unsafe { std::slice::from_raw_parts(first.as_ptr(), range.len()) };
        Some(bytes)
    }

    /// Writes bytes at an offset; what reaches past the end is left out. The caller holds the lock of the
    /// file.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        if offset >= self.capacity {
            return;
        }
        let taken = bytes.len().min(self.capacity - offset);
        #[expect(unsafe_code, reason = "mappings hold shared references to the region while it is written")]
        // SAFETY: the offset lies in the allocation, checked above.
        let first = unsafe { self.start.add(offset) };
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: `taken` bytes fit behind `first`; `bytes` is not part of the region, since slices of it
        // never cover what is still written; no other thread writes, since the caller holds the lock or is alone.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), first.as_ptr(), taken);
        }
    }

    /// Writes zeros over a range; what reaches past the end is left out. The caller holds the lock of the
    /// file.
    pub(crate) fn clear(&self, range: Range<usize>) {
        const ZEROS: [u8; 4096] = [0; 4096];
        for start in range.clone().step_by(ZEROS.len()) {
            self.write(start, &ZEROS[..ZEROS.len().min(range.end - start)]);
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.pages.take().is_some() {
            return;
        }
        let Ok(layout) = Layout::array::<u8>(self.capacity) else { return };
        if layout.size() > 0 {
            #[expect(unsafe_code, reason = "the counterpart of the allocation in `zeroed`")]
            // SAFETY: allocated in `zeroed` with the same layout, and given back only here.
            unsafe {
                dealloc(self.start.as_ptr(), layout);
            }
        }
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_past_the_end_is_cut() {
        let region = Region::zeroed(4).unwrap();
        region.write(2, b"abc");
        region.write(9, b"abc");
        assert_eq!(region.bytes(0..4), Some(&b"\0\0ab"[..]));
        assert_eq!(region.bytes(0..5), None);
    }

    #[test]
    fn clearing_leaves_the_bytes_around_alone() {
        let region = Region::zeroed(10_000).unwrap();
        region.write(0, &[7; 10_000]);
        region.clear(1..9_998);
        let bytes = region.bytes(0..10_000).unwrap();
        assert_eq!((bytes[0], bytes[1], bytes[9_997], bytes[9_998]), (7, 0, 0, 7));
    }

    #[test]
    fn more_memory_than_there_is_is_an_error() {
        assert_eq!(Region::zeroed(usize::MAX).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(Region::zeroed(isize::MAX as usize).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
