//! Wrong bytes under right checksums, for tests and fuzzing only: nothing else may call this.
//!
//! A decoder looks at the checksum first, so bytes that were changed at random get no further. Each function here
//! takes a structure that was changed, and makes the checksums right that its writer would have computed over the
//! rest, as far as the lengths in it lead; all other numbers stay as wrong as they are. They live beside the
//! layouts that they know.

pub use crate::archive::reseal_catalog as catalog;
pub use crate::backup::reseal_backup_mark as backup_mark;
pub use crate::footer::reseal_footer as footer;
pub use crate::frame::reseal_frame as frame;
pub use crate::keys::reseal_key_file as key_file;
pub use crate::manifest::reseal_manifest as manifest;
pub use crate::payload::dictionary::reseal_dictionary as dictionary;
pub use crate::record::reseal_record as record;
pub use crate::run::reseal_run as run;
pub use crate::segment::reseal_segment_header as segment_header;
pub use crate::snapshot::reseal_snapshots as snapshots;

use crate::binding::Binding;
use crate::frame::{FRAME_ALIGNMENT, starts_frame};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};

/// The header of a segment, and behind it whatever begins as a frame does. Returns the binding that the header
/// stands for, if it can be decoded then.
pub fn segment(bytes: &mut [u8]) -> Option<Binding> {
    segment_header(bytes);
    let header: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk()?;
    let binding = SegmentHeader::decode(header).ok()?.binding();
    frames(bytes, SEGMENT_HEADER_BYTES, binding);
    Some(binding)
}

/// Whatever begins as a frame does, from `start` on.
fn frames(bytes: &mut [u8], start: usize, binding: Binding) {
    let mut next = start;
    while let Some(rest) = bytes.get_mut(next..).filter(|rest| !rest.is_empty()) {
        let length = if starts_frame(rest) { frame(rest, binding) } else { None };
        next += length.unwrap_or(FRAME_ALIGNMENT);
    }
}
