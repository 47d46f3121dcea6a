//! Noticing cheaply that another process has appended to the store.

use crate::catalog::read_manifest;
use crate::open::Opened;
use annals_format::{FRAME_HEADER_BYTES, names};
use annals_vfs::{Access, Env, read_up_to};

/// Where the log ended: the bytes there are zero until the writer goes on.
#[derive(Debug)]
pub(crate) struct LogEnd {
    generation: u64,
    segment_id: u64,
    offset: u64,
}

impl LogEnd {
    /// Where the log ended in this look at it; `None` if nothing is laid out to be written next.
    pub(crate) fn of(opened: &Opened) -> Option<Self> {
        let last = opened.recovered.segments.last().zip(opened.recovered.frames_ends.last());
        let (segment_id, offset) = match last {
            Some((segment, end)) => (segment.id(), *end),
            None => (opened.manifest.open.first()?.id, 0),
        };
        Some(LogEnd { generation: opened.manifest.generation, segment_id, offset })
    }

    /// Whether it still ends there. In doubt it does not.
    pub(crate) fn is_still(&self, env: &Env) -> bool {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let blank = env
            .disk
            .open(&names::segment(self.segment_id), Access::Read)
            .and_then(|file| read_up_to(&*file, &mut bytes, self.offset))
            .is_ok();
        let manifest = read_manifest(&*env.disk).ok().flatten();
        let same = manifest.is_some_and(|manifest| manifest.generation == self.generation);
        same && blank && bytes.iter().all(|byte| *byte == 0)
    }
}
