//! Putting what was written anew in the place of what there was.

use super::unit::{Piece, Unit, Written};
use crate::catalog::Compacted;
use crate::core::Core;
use annals_format::{CompactionEntry, SealedSegment};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_wal::{LogError, Segment};
use std::sync::Arc;

impl Unit {
    /// Makes the manifest name the new files instead of the old ones, and shows them to readers. `false`, and the new files are
    /// removed, if somebody has put other ones there meanwhile.
    pub(crate) fn publish(&self, core: &Core, written: Written, number: u64) -> Result<bool, LogError> {
        let old = self.segments();
        let mut catalog = core.catalog.lock();
        if !self.parts.iter().all(|part| core.has_part(part)) {
            drop(catalog);
            written.remove(core);
            return Ok(false);
        }
        let segments: Vec<Arc<Segment>> = written.pieces.iter().map(|piece| piece.segment(core)).collect();
        let sealed: Vec<SealedSegment> =
            segments.iter().filter_map(|segment| segment.sealed_entry().cloned()).collect();
        let length = |entries: &[SealedSegment]| entries.iter().map(|entry| entry.length).sum();
        let before: Vec<SealedSegment> =
            old.iter().filter_map(|segment| segment.sealed_entry().cloned()).collect();
        let entry = CompactionEntry {
            number,
            at: written.gone.erased_at.unwrap_or_else(|| core.env.clock.now()),
            first: written.gone.first.unwrap_or(Position::ZERO),
            last: written.gone.last,
            bytes_before: length(&before),
            bytes_after: length(&sealed),
            dropped: written.dropped,
            rewritten: written.rewritten,
            merged: written.merged,
            events: written.gone.events,
            erased: written.gone.erased,
        };
        let change = Compacted { old: &before, sealed, runs: written.runs.clone(), entry };
        let gone = match catalog.compacted(core.watermark.durable(), change) {
            Ok(gone) => gone,
            Err(error) => {
                // The manifest on disk may have been replaced all the same, and its name not be durable.
                if !written.pieces.iter().any(|piece| piece.is_named_on_disk(&catalog)) {
                    written.remove(core);
                }
                return Err(error);
            }
        };
        let parts: Vec<_> = (written.runs.iter().zip(&segments))
            .map(|(run, segment)| Arc::new(core.run_part(Some(*run), vec![Arc::clone(segment)])))
            .collect();
        let through = entry.last;
        core.change_parts(|all| {
            let at = all.segments.iter().position(|segment| Arc::ptr_eq(segment, &old[0]));
            if let Some(at) = at {
                all.segments.splice(at..at + old.len(), segments.iter().cloned());
            }
            if let Some(at) = all.index.iter().position(|part| Arc::ptr_eq(part, &self.parts[0])) {
                all.index.splice(at..at + self.parts.len(), parts.iter().cloned());
            }
            all.removed = all.removed.max(through);
        });
        drop(catalog);
        // Their files go with the last reader.
        let stays = |segment: &&Arc<Segment>| segments.iter().any(|new| Arc::ptr_eq(new, segment));
        old.iter().filter(|segment| !stays(segment)).for_each(|segment| {
            if planted(Bug::CompactedRemovedAtOnce) {
                let _ = core.env.disk.remove(segment.path());
            }
            segment.retire();
        });
        old.iter().for_each(|segment| core.rebuilt.forget(segment.id()));
        core.remove_runs(&gone);
        Ok(true)
    }
}

impl Piece {
    fn is_named_on_disk(&self, catalog: &crate::catalog::Catalog) -> bool {
        match self {
            Piece::Old(_) => false,
            Piece::New(entry) => catalog.has_segment_on_disk(entry),
        }
    }
}
