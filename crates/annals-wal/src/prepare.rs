//! Segments laid out before they are needed.

use crate::error::LogError;
use crate::output::{Output, open_output};
use annals_format::{OpenSegment, names};
use annals_types::limits::BATCH_BYTES_MAX;
use annals_types::planted::{Bug, planted};
use annals_vfs::{Disk, File, Mapping};
use std::io;
use std::sync::Arc;

/// A segment file with its space reserved, all zeros, whose name is durable.
#[derive(Debug)]
pub struct PreparedSegment {
    /// Number and salt, as they stand in the manifest.
    pub entry: OpenSegment,
    pub(crate) output: Output,
    pub(crate) mapping: Mapping,
    pub(crate) capacity: u64,
}

impl PreparedSegment {
    pub(crate) fn new(
        disk: &dyn Disk,
        entry: OpenSegment,
        file: Arc<dyn File>,
        capacity: u64,
        direct: bool,
    ) -> Result<Self, LogError> {
        let name = names::segment(entry.id);
        let (output, mapping) = open_output(disk, &name, file, (0, capacity), direct)?;
        Ok(PreparedSegment { entry, output, mapping, capacity })
    }

    /// Gives back the space, when the log is closed. The next opening lays it out again.
    ///
    /// # Errors
    /// What the system says.
    pub fn cut_unused(self) -> io::Result<()> {
        self.output.file().set_len(0)?;
        self.output.file().sync_data()
    }

    /// Makes room for a batch that is larger than a segment: such a batch has a segment to itself.
    ///
    /// # Errors
    /// What the system says, in particular that the disk is full; the segment stays as it was.
    pub(crate) fn grow(&mut self, capacity: u64) -> Result<(), LogError> {
        debug_assert!(capacity <= self.capacity + BATCH_BYTES_MAX as u64);
        let name = names::segment(self.entry.id);
        let file = self.output.file();
        file.preallocate(capacity).map_err(LogError::io(format!("reserve {capacity} bytes for {name}")))?;
        self.mapping = match &mut self.output {
            Output::Cached(cached) => cached.grow(capacity),
            Output::Direct { direct, .. } => direct.grow(capacity),
        }
        .map_err(LogError::io(format!("map {name}")))?;
        self.capacity = capacity;
        Ok(())
    }
}

/// Creates a segment file of `capacity` zeros and makes it and its name durable. It may be written only
/// after a manifest that names it is durable. With `direct` it will be written around the system's cache, if it can be.
///
/// # Errors
/// What the system says. A file that was left behind is in no manifest, and removed when the store is
/// opened again.
pub fn prepare_segment(
    disk: &dyn Disk,
    entry: OpenSegment,
    capacity: u64,
    direct: bool,
) -> Result<PreparedSegment, LogError> {
    let name = names::segment(entry.id);
    let file = disk.create(&name).map_err(LogError::io(format!("create {name}")))?;
    let laid_out = file
        .preallocate(capacity)
        .and_then(|()| file.sync_data())
        .and_then(
            |()| if planted(Bug::SegmentNameNotSynced) { Ok(()) } else { disk.sync_dir(names::LOG_DIR) },
        )
        .map_err(LogError::io(format!("lay out {name} with {capacity} bytes")));
    if let Err(error) = laid_out {
        // The name is in no manifest; leaving the file would only take room from a disk that may be full.
        let _ = disk.remove(&name);
        return Err(error);
    }
    PreparedSegment::new(disk, entry, file, capacity, direct)
}
