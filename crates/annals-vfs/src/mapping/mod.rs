//! Files seen as memory, read-only.
//!
//! # Why this is sound
//! A mapping shows what is written to the file later, so a slice of it could change while somebody reads it,
//! which Rust forbids. Nothing in the types prevents that; the discipline of the engine does:
//!
//! - **Written once.** The engine writes every byte range of a mapped file at most once, and asks a mapping
//!   for a range only after the write of that range was published to the reading thread (a release store
//!   paired with an acquire load, or a lock). No slice covers bytes that are still to be written.
//! - **Never cut.** A file with mappings is removed, not truncated below a range that is read; a removed
//!   file lives as long as its mappings. The length is checked when the mapping is made.
//! - **One owner.** The store lock and the modes 0600/0700 keep other programs away. A program that
//!   truncates a mapped file all the same makes the next read of it end this process with `SIGBUS`.

mod memory;
mod region;

pub use memory::Memory;
pub(crate) use region::Region;

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that the processor fetches at once.
const LINE_BYTES: usize = 64;

/// The first bytes of a file, as memory to read. It shows later writes to the file, and keeps the contents
/// alive when the file is closed or its name is removed.
///
/// Ask only for ranges whose writes are finished and known to this thread, see the head of the module.
pub struct Mapping {
    length: u64,
    backing: Backing,
}

/// Where the bytes are.
enum Backing {
    /// Nowhere: the system does not map zero bytes.
    Empty,
    /// Pages of the file system.
    Pages(memmap2::Mmap),
    /// Memory of a file of a [`crate::MemoryDisk`], or of a [`Memory`].
    Region(Arc<Region>),
}

impl Mapping {
    /// Maps the first `length` bytes of an open file.
    ///
    /// # Errors
    /// `InvalidInput` if the file is shorter, otherwise what the system says.
    pub(crate) fn of_file(file: &std::fs::File, length: u64) -> io::Result<Self> {
        if file.metadata()?.len() < length {
            return Err(too_short());
        }
        if length == 0 {
            return Ok(Mapping { length, backing: Backing::Empty });
        }
        let mapped = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut options = memmap2::MmapOptions::new();
        options.len(mapped);
        #[expect(unsafe_code, reason = "the system cannot promise that a mapped file stays as it is")]
        // SAFETY: the bytes under a slice do not change and do not go away by the discipline above, which
        // the engine keeps; the file has all the bytes, checked above.
        let pages = unsafe { options.map(file) }?;
        // Most reads are of single records and pages. Without this a read of one page of a file that is not in the page
        // cache reads 32 of them; who reads a stretch says so with `prefetch`.
        let _ = pages.advise(memmap2::Advice::Random);
        Ok(Mapping { length, backing: Backing::Pages(pages) })
    }

    /// A view of the first `length` bytes of a region.
    ///
    /// # Errors
    /// `InvalidInput` if the region is smaller.
    pub(crate) fn of_region(region: Arc<Region>, length: u64) -> io::Result<Self> {
        if region.capacity() < length {
            return Err(too_short());
        }
        Ok(Mapping { length, backing: Backing::Region(region) })
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes of a range, `None` if it is inverted or reaches past the end.
    #[must_use]
    pub fn bytes(&self, range: Range<u64>) -> Option<&[u8]> {
        let range = self.checked(&range)?;
        match &self.backing {
            Backing::Empty => Some(&[]),
            Backing::Pages(pages) => pages.get(range),
            Backing::Region(region) => region.bytes(range),
        }
    }

    /// Says that a range will be read soon. Only a hint: ranges out of bounds and errors are ignored.
    pub fn prefetch(&self, range: Range<u64>) {
        let (Backing::Pages(pages), Some(range)) = (&self.backing, self.checked(&range)) else { return };
        if !range.is_empty() {
            // memmap2 aligns the start to a page. A hint that is not taken changes nothing.
            let _ = pages.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
        }
    }

    /// Says that the bytes at an offset will be read within a microsecond, so that the processor fetches them from memory
    /// while it does something else: as many of its cache lines as `lines` says, as far as there are so many. Only a hint:
    /// offsets out of bounds are ignored, and pages that are not in memory are not read for it.
    #[inline]
    pub fn prefetch_lines(&self, offset: u64, lines: u64) {
        let end = offset.saturating_add(lines * LINE_BYTES as u64).min(self.length);
        if let Some(bytes) = self.bytes(offset..end) {
            prefetch_bytes(bytes);
        }
    }

    fn checked(&self, range: &Range<u64>) -> Option<Range<usize>> {
        if range.start > range.end || range.end > self.length {
            return None;
        }
        Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the bytes: some of them may be in the middle of being written.
        f.debug_struct("Mapping").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Says that bytes of a [`Mapping`] will be read within a microsecond, as [`Mapping::prefetch_lines`] does.
#[inline]
pub fn prefetch_bytes(bytes: &[u8]) {
    bytes.iter().step_by(LINE_BYTES).for_each(|byte| fetch(byte));
}

/// Says that a value in ordinary memory will be looked at within a microsecond, so that the processor fetches the cache
/// lines in which it begins and ends while it does something else. Only a hint.
#[inline]
pub fn prefetch_value<T>(value: &T) {
    let begin = std::ptr::from_ref(value).cast::<u8>();
    let last = begin.wrapping_add(size_of::<T>().saturating_sub(1));
    fetch(begin);
    if begin.addr() / LINE_BYTES != last.addr() / LINE_BYTES {
        fetch(last);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    #[expect(unsafe_code, reason = "there is no other way to tell the processor")]
    // SAFETY: a prefetch changes nothing that a program can see, wherever it points to.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch(_line: *const u8) {}

/// The error for a mapping longer than its file.
pub(crate) fn too_short() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "file is shorter than the mapping asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(bytes: &[u8]) -> Mapping {
        let region = Region::zeroed(bytes.len()).unwrap();
        region.write(0, bytes);
        Mapping::of_region(Arc::new(region), bytes.len() as u64).unwrap()
    }

    #[test]
    fn a_range_inside_is_given_and_any_other_is_not() {
        let mapping = mapped(b"abcdef");
        assert_eq!(mapping.bytes(1..4), Some(&b"bcd"[..]));
        assert_eq!(mapping.bytes(6..6), Some(&b""[..]));
        assert_eq!(mapping.bytes(3..7), None);
        assert_eq!(mapping.bytes(7..7), None);
        assert_eq!(mapping.bytes(Range { start: 4, end: 2 }), None);
        assert_eq!(mapping.bytes(0..u64::MAX), None);
    }

    #[test]
    fn an_empty_mapping_has_one_range() {
        for mapping in [mapped(b""), Mapping::of_file(&tempfile::tempfile().unwrap(), 0).unwrap()] {
            assert!(mapping.is_empty());
            assert_eq!(mapping.bytes(0..0), Some(&b""[..]));
            assert_eq!(mapping.bytes(0..1), None);
            mapping.prefetch(0..1);
        }
    }

    #[test]
    fn prefetch_takes_any_range() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10_000).unwrap();
        let mapping = Mapping::of_file(&file, 9_999).unwrap();
        mapping.prefetch(5_000..9_999);
        mapping.prefetch(5_000..u64::MAX);
        for offset in [0, 9_998, 9_999, u64::MAX] {
            mapping.prefetch_lines(offset, 3);
        }
        assert_eq!(mapping.len(), 9_999);
        assert_eq!(mapping.bytes(9_990..9_999), Some(&[0; 9][..]));
    }

    #[test]
    fn a_mapping_can_be_sent_and_shared() {
        fn check<T: Send + Sync>() {}
        check::<Mapping>();
    }
}
