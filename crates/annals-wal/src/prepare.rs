//! Segments laid out before they are needed.

use crate::error::LogError;
use crate::output::{Output, open_output};
use crate::room::{Room, lay_out};
use annals_format::{OpenSegment, names};
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

    /// Gives back the space for others who need it more. The segment stays the next one, and is laid out again when it is taken. Says
    /// whether it had any.
    ///
    /// # Errors
    /// What the system says.
    pub fn give_back(&mut self) -> Result<bool, LogError> {
        if self.capacity == 0 {
            return Ok(false);
        }
        let cut = self.output.file().set_len(0);
        cut.map_err(LogError::io(format!("cut {}", names::segment(self.entry.id))))?;
        self.resize(0).map(|()| true)
    }

    /// Makes it as large as it should be: for a batch that is larger than a segment, which has a segment to itself, and where the disk had
    /// no room for all of it before.
    ///
    /// # Errors
    /// What the system says, in particular that the disk is full; the segment stays as it was.
    pub(crate) fn grow(&mut self, room: Room) -> Result<(), LogError> {
        let name = names::segment(self.entry.id);
        let laid_out = lay_out(self.output.file(), self.capacity, room);
        self.resize(laid_out.map_err(LogError::io(format!("reserve {} bytes for {name}", room.least)))?)
    }

    fn resize(&mut self, capacity: u64) -> Result<(), LogError> {
        let name = names::segment(self.entry.id);
        let mapping = self.output.resize(capacity);
        self.mapping = mapping.map_err(LogError::io(format!("map {name}")))?;
        self.capacity = capacity;
        Ok(())
    }
}

/// Creates a segment file of zeros, as many as there is room for, and makes it and its name durable. It may be written only
/// after a manifest that names it is durable. With `direct` it will be written around the system's cache, if it can be.
///
/// # Errors
/// What the system says. A file that was left behind is in no manifest, and removed when the store is
/// opened again.
pub fn prepare_segment(
    disk: &dyn Disk,
    entry: OpenSegment,
    room: Room,
    direct: bool,
) -> Result<PreparedSegment, LogError> {
    let name = names::segment(entry.id);
    let file = disk.create(&name).map_err(LogError::io(format!("create {name}")))?;
    let durably = |capacity| {
        file.sync_data()?;
        if !planted(Bug::SegmentNameNotSynced) {
            disk.sync_dir(names::LOG_DIR)?;
        }
        Ok(capacity)
    };
    let laid_out = lay_out(&*file, 0, room)
        .and_then(durably)
        .map_err(LogError::io(format!("lay out {name} with {} bytes", room.least)));
    // The name is in no manifest; leaving the file would only take room from a disk that may be full.
    let capacity = laid_out.inspect_err(|_| drop(disk.remove(&name)))?;
    PreparedSegment::new(disk, entry, file, capacity, direct)
}
