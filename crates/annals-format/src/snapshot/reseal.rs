//! Wrong bytes under right checksums, for tests and fuzzing only.

use super::header::{SNAPSHOT_HEADER_BYTES, SnapshotFileKind, SnapshotFilePreamble, reseal_header};
use super::record::{SNAPSHOT_ALIGNMENT, reseal_record};
use super::trailer::{SNAPSHOT_TRAILER_BYTES, reseal_trailer};

/// A file of snapshots: its header, whatever begins as a record does, and in a sorted file pages and trailer.
pub fn reseal_snapshots(bytes: &mut [u8]) {
    reseal_header(bytes);
    let Some(first) = bytes.first_chunk::<SNAPSHOT_HEADER_BYTES>() else { return };
    let Ok(preamble) = SnapshotFilePreamble::decode(first) else { return };
    let Some(rest) = bytes.get(SNAPSHOT_HEADER_BYTES..) else { return };
    let Ok(header) = preamble.complete(rest) else { return };
    let mut next = header.length();
    while let Some(rest) = bytes.get_mut(next..).filter(|rest| !rest.is_empty()) {
        next += reseal_record(rest, next as u64, header.binding()).unwrap_or(SNAPSHOT_ALIGNMENT);
    }
    let has_room = bytes.len() >= header.length() + SNAPSHOT_TRAILER_BYTES;
    if header.kind == SnapshotFileKind::Sorted && has_room {
        reseal_trailer(bytes, header.binding());
    }
}
