//! What may go of each segment, for a plan.

use super::handle::Retention;
use crate::error::ReadError;
use crate::range::Range;
use crate::view::View;
use annals_compaction::{Plan, PlanOptions, SegmentFigures, plan};
use annals_index::{TermKey, TermKind};
use annals_types::{EventRef, Position, Version};
use annals_wal::Segment;

impl Retention {
    /// Options for [`Retention::plan`] as they fit this store.
    #[must_use]
    pub fn plan_options(&self) -> PlanOptions {
        PlanOptions::new(self.store.shared().segment_bytes)
    }

    /// Plans which segments would be dropped, rewritten or merged by the rules as they stand. Nothing is done.
    ///
    /// All events are read for it. The last event of a stream stays, as what is left of it has to tell its version; those of a stream
    /// whose name is closed may all go.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Action, Kept};
    /// let retention = store.retention();
    /// store.append("a", annals::Expected::Any, &[annals::NewEvent::json("t", "1")])?;
    /// let plan = retention.plan(&retention.plan_options().all(true))?;
    /// assert_eq!(plan.segments[0].action, Action::Keep(Kept::NotSealed));
    /// assert!(plan.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn plan(&self, options: &PlanOptions) -> Result<Plan, ReadError> {
        let view = self.store.view();
        let segment_bytes = self.store.shared().segment_bytes;
        let mut segments = Vec::new();
        for (segment, first, last) in view.parts.segments_up_to(view.position()) {
            let sealed = segment.sealed_entry().is_some_and(|entry| entry.last_position() <= last);
            let (going_events, going_bytes) =
                if sealed { going(&view, segment, first, last)? } else { (0, 0) };
            segments.push(SegmentFigures {
                segment_id: segment.id(),
                first_position: first,
                last_position: last,
                sealed,
                events: segment.sealed_entry().map_or(last.next().events_since(first), |entry| entry.count),
                bytes: segment.sealed_entry().map_or(segment_bytes, |entry| entry.length),
                going_events,
                going_bytes,
            });
        }
        Ok(plan(segments, options))
    }
}

/// How many events of a segment may go, and how many bytes their records take.
fn going(view: &View, segment: &Segment, first: Position, last: Position) -> Result<(u64, u64), ReadError> {
    let Some(mut hider) = view.hider(None)? else { return Ok((0, 0)) };
    let (mut events, mut bytes) = (0, 0);
    let mut range = Range::new(&view.parts, first, last);
    let mut known: Option<(&str, Option<Version>)> = None;
    while let Some(event) = range.next_event()? {
        if event.is_lost() || hider.shows(&event)? {
            continue;
        }
        let stays = match known {
            Some((stream, stays)) if stream == event.stream => stays,
            _ => known.insert((event.stream, staying(view, &event)?)).1,
        };
        if stays != Some(event.version) {
            events += 1;
            bytes += segment.record(event.position)?.len() as u64;
        }
    }
    Ok((events, bytes))
}

/// The version of a stream that stays although it is hidden.
fn staying(view: &View, event: &EventRef<'_>) -> Result<Option<Version>, ReadError> {
    if super::handle::own(view, event.stream)?.is_some_and(|own| own.tombstoned) {
        return Ok(None);
    }
    let key = TermKey::new(TermKind::Stream, event.stream, view.parts.hash_seed);
    view.parts.last_version(&key, view.taken).map(Some)
}
