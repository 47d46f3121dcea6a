//! An open segment's file, as recovery finds it.

use super::Mode;
use crate::error::LogError;
use crate::window::Window;
use annals_format::{
    Binding, Damage, FormatError, OpenSegment, SEGMENT_HEADER_BYTES, SegmentHeader, StoreId, names,
};
use annals_vfs::{Access, Disk, File, Mapping};
use std::io;
use std::sync::Arc;

/// How often a file that is cut while it is mapped is looked at.
const LOOKS: usize = 5;

/// A file of an open segment, with what its header says.
pub(super) struct OpenFile {
    pub(super) entry: OpenSegment,
    pub(super) name: String,
    pub(super) binding: Binding,
    pub(super) file: Arc<dyn File>,
    pub(super) header: Result<SegmentHeader, FormatError>,
    /// Whether there are only zeros where the header belongs.
    pub(super) blank: bool,
}

impl OpenFile {
    pub(super) fn open(
        disk: &dyn Disk,
        mode: Mode,
        entry: OpenSegment,
        store_id: &StoreId,
    ) -> Result<Self, LogError> {
        let name = names::segment(entry.id);
        let access = if mode == Mode::Observe { Access::Read } else { Access::ReadWrite };
        let file = disk.open(&name, access).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                // R8: the file was durable before the manifest that names it.
                let damage = Damage::new(0, "segment file that is not there", 0u64, 0u64);
                return LogError::corrupt(&name, damage);
            }
            LogError::Io { what: format!("open {name}"), source: error }
        })?;
        // The file system fills what was reserved and never written with zeros when it is read, and reads ahead of who reads:
        // of a segment of 64 MiB that was only laid out this took 100 to 200 ms (2026-11-30).
        file.no_read_ahead();
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        if file.data_from(0).map_err(LogError::io(format!("look at {name}")))?.is_some() {
            annals_vfs::read_up_to(&*file, &mut bytes, 0).map_err(LogError::io(format!("read {name}")))?;
        }
        let header = SegmentHeader::decode(&bytes);
        if let Err(error @ FormatError::Newer { .. }) = header {
            return Err(LogError::format(&name, error));
        }
        let blank = bytes == [0; SEGMENT_HEADER_BYTES];
        Ok(OpenFile { entry, binding: entry.binding(store_id), name, file, header, blank })
    }

    pub(super) fn corrupt(&self, damage: Damage) -> LogError {
        LogError::corrupt(&self.name, damage)
    }

    /// The whole file. A living writer may cut it between the look at its length and the mapping.
    pub(super) fn map(&self) -> Result<Mapping, LogError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let length = self.file.length().map_err(self.failed("look at"))?;
            match self.file.map(length) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput && looks < LOOKS => {}
                other => return other.map_err(self.failed("map")),
            }
        }
    }

    pub(super) fn window(&self) -> Result<Window<'_>, LogError> {
        Window::new(&*self.file).map_err(self.failed("look at"))
    }

    pub(super) fn failed(&self, what: &str) -> impl FnOnce(io::Error) -> LogError + use<> {
        LogError::io(format!("{what} {}", self.name))
    }
}
