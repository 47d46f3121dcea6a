//! Files for what does not fit into memory while a run is written.

use annals_vfs::File;
use std::io;
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
    pub(super) fn create(&mut self) -> io::Result<Arc<dyn File>> {
        match &mut self.0 {
            Some(files) => files(),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
