//! A moving window over a file, for walking frames in bounded memory.

use annals_vfs::{File, read_up_to};
use std::io;

/// How much is read at once: little enough to be in the processor's cache while it is looked at, and so that little is read
/// of what was reserved behind the end of the frames and never written.
pub(crate) const STEP: usize = 1 << 18;
/// How much is given up where the disk cannot read.
const PAGE: usize = 4096;

/// Bytes of a file around the place that is looked at. Reads through the file, not through a mapping: another
/// process may be writing it, and a disk that cannot read says so with an error and not with a signal.
#[derive(Debug)]
pub struct Window<'f> {
    file: &'f dyn File,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
    tolerant: bool,
    unreadable: Option<(u64, io::Error)>,
}

impl<'f> Window<'f> {
    /// A window over the file as long as it is now.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(file: &'f dyn File) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Window { file, length, start: 0, bytes: Vec::new(), tolerant: false, unreadable: None })
    }

    /// The same, but shows zeros in the place of pages that the disk cannot read, see [`Window::unreadable`].
    ///
    /// # Errors
    /// What the system says of the file's length.
    pub fn tolerant(file: &'f dyn File) -> io::Result<Self> {
        Ok(Window { tolerant: true, ..Window::new(file)? })
    }

    /// Takes the file for one that ends here, if it is longer.
    pub(crate) fn end_at(&mut self, length: u64) {
        self.length = self.length.min(length);
    }

    /// Length of the file when the window was made.
    #[must_use]
    pub fn file_length(&self) -> u64 {
        self.length
    }

    /// The first place at or after `offset` where there may be anything but zeros, as the file system tells it without a
    /// read; where the file ends, if there is none.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn data_from(&self, offset: u64) -> io::Result<u64> {
        Ok(self.file.data_from(offset)?.map_or(self.length, |found| found.clamp(offset, self.length)))
    }

    /// The first place so far that the disk could not read, and what it said.
    #[must_use]
    pub fn unreadable(&self) -> Option<&(u64, io::Error)> {
        self.unreadable.as_ref()
    }

    /// The bytes from `offset` on: at least `wanted`, or up to the end of the file. More where they are there.
    ///
    /// # Errors
    /// What the system says; never in a tolerant window.
    pub fn at(&mut self, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        let available = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(available);
        let within = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let held = within.and_then(|skip| self.bytes.len().checked_sub(skip));
        if held.is_none_or(|held| held < wanted) {
            let size = wanted.max(STEP).min(available);
            self.bytes.resize(size, 0);
            let read = match read_up_to(self.file, &mut self.bytes, offset) {
                Err(error) if self.tolerant => self.read_pages(offset, error),
                other => other?,
            };
            self.bytes.truncate(read);
            self.start = offset;
        }
        let skip = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(skip..).unwrap_or_default())
    }

    /// Reads page by page what could not be read at once.
    fn read_pages(&mut self, offset: u64, error: io::Error) -> usize {
        let mut done = 0;
        while done < self.bytes.len() {
            // Up to the next page of the file.
            let here = offset + done as u64;
            let page = PAGE - usize::try_from(here % PAGE as u64).unwrap_or(0);
            let end = (done + page).min(self.bytes.len());
            let page = &mut self.bytes[done..end];
            match read_up_to(self.file, page, here) {
                Ok(read) if read < page.len() => return done + read,
                Ok(_) => {}
                Err(own) => {
                    page.fill(0);
                    self.unreadable.get_or_insert((here, own));
                }
            }
            done = end;
        }
        // It went well the second time: nothing is missing, but somebody should know of such a disk.
        self.unreadable.get_or_insert((offset, error));
        done
    }
}
