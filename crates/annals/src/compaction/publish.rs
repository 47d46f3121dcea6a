//! Putting what was written anew in the place of what there was.

use super::unit::{Unit, Written};
use crate::catalog::{Beside, Compacted, END};
use crate::core::Core;
use crate::part::Part;
use crate::parts::Parts;
use annals_format::{CompactionEntry, SealedSegment};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_wal::{LogError, Segment};
use std::sync::Arc;

impl Unit {
    /// Makes the manifest name the new files instead of the old ones, and shows them to readers. The index keeps what it has beside them.
    pub(crate) fn publish(&self, core: &Core, written: Written, number: u64) -> Result<(), LogError> {
        let old: Vec<SealedSegment> =
            self.segments().filter_map(|segment| segment.sealed_entry().cloned()).collect();
        let mut catalog = core.catalog.lock();
        let beside = self.beside(&core.parts.load_full());
        let length = |entries: &[SealedSegment]| entries.iter().map(|entry| entry.length).sum();
        let entry = CompactionEntry {
            number,
            at: written.gone.erased_at.unwrap_or_else(|| core.env.clock.now()),
            first: written.gone.first.unwrap_or(Position::ZERO),
            last: written.gone.last,
            bytes_before: length(&old),
            bytes_after: length(&written.sealed),
            dropped: written.dropped,
            rewritten: written.rewritten,
            merged: written.merged,
            events: written.gone.events,
            erased: written.gone.erased,
        };
        let (sealed, runs) = (written.sealed.clone(), written.runs.clone());
        let change = Compacted { old: &old, beside, sealed, runs, entry };
        let gone = match catalog.compacted(core.watermark.durable(), change) {
            Ok(gone) => gone,
            Err(error) => {
                // The manifest on disk may have been replaced all the same, and its name not be durable.
                if !written.sealed.iter().any(|entry| catalog.has_segment_on_disk(entry)) {
                    written.remove(core);
                }
                return Err(error);
            }
        };
        self.show(core, &written, beside, entry.last);
        drop(catalog);
        // Their files go with the last reader.
        for segment in self.segments() {
            if planted(Bug::CompactedRemovedAtOnce) {
                let _ = core.env.disk.remove(segment.path());
            }
            segment.retire();
            core.rebuilt.forget(segment.id());
        }
        core.remove_runs(&gone);
        Ok(())
    }

    /// Where the segments end and begin that lie beside it.
    fn beside(&self, parts: &Parts) -> Beside {
        let (first, last) = (self.first_position(), self.last_position());
        let at = parts.segments.partition_point(|segment| segment.first_position() < first);
        let before = parts.segments[..at].last().and_then(|segment| segment.sealed_entry());
        let behind = parts.segments[at..].iter().find(|segment| segment.first_position() > last);
        Beside {
            end_before: before.map_or(Position::ZERO, |entry| entry.last_position().next()),
            first_behind: behind.map_or(END, |segment| segment.first_position()),
        }
    }

    fn show(&self, core: &Core, written: &Written, beside: Beside, removed: Position) {
        let new = |entry: &SealedSegment| {
            Arc::new(Segment::sealed(Arc::clone(&core.env.disk), &core.store_id, entry.clone()))
        };
        let segments: Vec<Arc<Segment>> = written.sealed.iter().map(new).collect();
        let parts: Vec<Arc<Part>> = (written.runs.iter().zip(&segments))
            .map(|(run, segment)| Arc::new(core.run_part(Some(*run), vec![Arc::clone(segment)])))
            .collect();
        let own = |segment: &Arc<Segment>| self.segments().any(|own| Arc::ptr_eq(own, segment));
        core.change_parts(|all| {
            let at = all.segments.iter().position(own).unwrap_or(all.segments.len());
            all.segments.retain(|segment| !own(segment));
            all.segments.splice(at..at, segments.iter().cloned());
            let left = |part: &Arc<Part>, first, end| part_within(core, part, first, end);
            let before = all.index.iter().filter_map(|part| left(part, Position::ZERO, beside.end_before));
            let behind = all.index.iter().filter_map(|part| left(part, beside.first_behind, END));
            all.index = before.chain(parts.iter().cloned()).chain(behind).collect();
            all.removed = all.removed.max(removed);
        });
    }
}

/// What is left of a part within some positions.
fn part_within(core: &Core, part: &Arc<Part>, first: Position, end: Position) -> Option<Arc<Part>> {
    let Some(run) = part.as_run() else {
        return (first..end).contains(&part.first_position()).then(|| Arc::clone(part));
    };
    let (entry, segments) = run.within(first, end)?;
    if segments.len() == run.segments().len() {
        return Some(Arc::clone(part));
    }
    Some(Arc::new(core.run_part(entry, segments)))
}
