//! Files for what does not fit into memory while a run is written.

use annals_vfs::{File, read_exact_at, write_all_at};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Creates a new, empty scratch file. What is in it means nothing once it is closed, so it needs no sync, and its name
/// can be removed at any time.
pub type ScratchFiles = Box<dyn FnMut() -> io::Result<Arc<dyn File>> + Send>;

/// Where scratch files come from, if from anywhere.
pub(crate) struct Scratch(Option<ScratchFiles>);

impl Scratch {
    /// Of a writer that keeps everything in memory.
    pub(crate) fn none() -> Self {
        Scratch(None)
    }

    pub(crate) fn new(files: ScratchFiles) -> Self {
        Scratch(Some(files))
    }

    /// A new file.
    fn create(&mut self) -> io::Result<Arc<dyn File>> {
        match &mut self.0 {
            Some(files) => files(),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A scratch file that is created when something is written into it.
#[derive(Default)]
pub(super) struct ScratchFile(Option<Arc<dyn File>>);

impl ScratchFile {
    /// Whether anything was written.
    #[cfg(test)]
    pub(super) fn is_used(&self) -> bool {
        self.0.is_some()
    }

    /// Writes bytes at an offset.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64, scratch: &mut Scratch) -> io::Result<()> {
        let file = match &self.0 {
            Some(file) => file,
            None => self.0.insert(scratch.create()?),
        };
        write_all_at(&**file, &mut [IoSlice::new(bytes)], offset)
    }

    /// Fills the buffer with what was written from an offset on.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.0 {
            Some(file) => read_exact_at(&**file, buffer, offset),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
