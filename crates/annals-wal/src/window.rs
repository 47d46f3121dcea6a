//! A moving window over a file, for walking frames in bounded memory.

use annals_vfs::{File, read_up_to};
use std::io;

/// How much is read at once.
const STEP: usize = 1 << 20;

/// Bytes of a file around the place that is looked at. Reads through the file, not through a mapping: another
/// process may be writing it.
pub(crate) struct Window<'f> {
    file: &'f dyn File,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'f> Window<'f> {
    pub(crate) fn new(file: &'f dyn File) -> io::Result<Self> {
        Ok(Window { file, length: file.length()?, start: 0, bytes: Vec::new() })
    }

    /// Length of the file when the window was made.
    pub(crate) fn file_length(&self) -> u64 {
        self.length
    }

    /// The bytes from `offset` on: at least `wanted`, or up to the end of the file. More where they are there.
    pub(crate) fn at(&mut self, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        let available = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(available);
        let within = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let held = within.and_then(|skip| self.bytes.len().checked_sub(skip));
        if held.is_none_or(|held| held < wanted) {
            let size = wanted.max(STEP).min(available);
            self.bytes.resize(size, 0);
            let read = read_up_to(self.file, &mut self.bytes, offset)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let skip = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(skip..).unwrap_or_default())
    }
}
