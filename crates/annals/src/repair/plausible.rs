//! How many positions the files of the original can have held at most.
//!
//! A right checksum says that bytes are as they were written, not that what they say makes sense. A position that is
//! believed becomes as many lost records as lie before it, so none is believed that the files had no room for.

use super::source::SourceSegment;
use annals_format::{Manifest, RECORD_HEADER_BYTES};
use annals_types::Position;
use annals_types::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX};
use annals_types::planted::{Bug, planted};

/// How far the log can have reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// The position behind the last one that the known segments can hold.
    pub(super) end: Position,
    /// The number of the last of them.
    last_id: u64,
    /// The most records of a segment of which nothing is known.
    unknown: u64,
}

impl Reach {
    /// What the segments can hold. Takes those out that begin further on than all before them, known or missing, can
    /// have reached.
    pub(super) fn of(
        segments: &mut Vec<SourceSegment>,
        manifest: Option<&Manifest>,
        notes: &mut Vec<String>,
    ) -> Reach {
        let gaps = manifest.is_some_and(|manifest| manifest.removed.is_some());
        let mut reach = Reach { end: Position::FIRST, last_id: 0, unknown: unknown(segments, manifest) };
        segments.retain(|segment| {
            let most = reach.before(segment.id);
            // What compaction has removed in front of a segment takes no room, and a manifest tells of it.
            let told = gaps && segment.named;
            if let Some(first) = segment.first.filter(|first| *first > most && !told) {
                let name = &segment.name;
                notes.push(format!(
                    "{name} was not used: it begins with position {first}, further than all segments before it can reach"
                ));
                return false;
            }
            let room = records_in(segment.file_length()).max(reach.unknown);
            let most = segment.first.unwrap_or(reach.end).plus(room);
            let end = match segment.end {
                // What was removed behind its last event had its room in the file that it was made of.
                Some(end)
                    if segment.sparse && !segment.named && !planted(Bug::RepairEndsAtRemovedEnd) =>
                {
                    end.max(most)
                }
                Some(end) => end,
                None => most,
            };
            reach.end = reach.end.max(end);
            reach.last_id = reach.last_id.max(segment.id);
            true
        });
        reach
    }

    /// The highest position with which the segment or run of this number can begin: those with the numbers in between
    /// may be missing.
    pub(super) fn before(&self, id: u64) -> Position {
        let missing = id.saturating_sub(self.last_id).saturating_sub(1);
        self.end.plus(missing.saturating_mul(self.unknown))
    }
}

/// How many records fit into so many bytes, of which no segment has more than its largest size.
pub(super) fn records_in(bytes: u64) -> u64 {
    bytes.min(SEGMENT_BYTES_MAX + BATCH_BYTES_MAX as u64) / RECORD_HEADER_BYTES as u64
}

/// A segment has the size that the manifest says, or that of one batch. Without a manifest it is taken to be like the
/// others.
fn unknown(segments: &[SourceSegment], manifest: Option<&Manifest>) -> u64 {
    let bytes = match manifest {
        Some(manifest) => manifest.segment_bytes,
        None => segments.iter().map(SourceSegment::file_length).fold(SEGMENT_BYTES_DEFAULT, u64::max),
    };
    records_in(bytes).max(BATCH_EVENTS_MAX as u64)
}
