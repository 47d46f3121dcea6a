//! Noticing cheaply that another process has appended to the store.

use crate::catalog::read_manifest;
use crate::open::Opened;
use annals_format::{FRAME_HEADER_BYTES, names};
use annals_vfs::{Access, Env, read_up_to};

/// Where the log ended, and where else it may go on: the bytes there are zero until the writer does.
#[derive(Debug)]
pub(crate) struct LogEnd {
    generation: u64,
    /// Segments and offsets: behind the last frame, and the segments that are laid out.
    places: Vec<(u64, u64)>,
}

impl LogEnd {
    /// Where the log ended in this look at it.
    pub(crate) fn of(opened: &Opened) -> Self {
        let active = opened.recovered.segments.last().map(|segment| segment.id());
        let begun = opened.recovered.findings.iter().filter(|finding| Some(finding.segment_id) >= active);
        let places = begun.map(|finding| (finding.segment_id, finding.frames_end)).collect();
        LogEnd { generation: opened.manifest.generation, places }
    }

    /// Whether it still ends there. In doubt it does not.
    pub(crate) fn is_still(&self, env: &Env) -> bool {
        let blank = |(segment_id, offset): &(u64, u64)| {
            let mut bytes = [0; FRAME_HEADER_BYTES];
            let file = env.disk.open(&names::segment(*segment_id), Access::Read);
            let read = file.and_then(|file| read_up_to(&*file, &mut bytes, *offset));
            read.is_ok() && bytes.iter().all(|byte| *byte == 0)
        };
        if !self.places.iter().all(blank) {
            return false;
        }
        // Last: what is laid out, used and sealed meanwhile is in another manifest.
        let manifest = read_manifest(&*env.disk).ok().flatten();
        manifest.is_some_and(|manifest| manifest.generation == self.generation)
    }
}
