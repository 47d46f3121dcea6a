//! All events between two positions, from front to back.

use crate::error::ReadError;
use crate::parts::Parts;
use annals_types::{EventRef, Position};
use annals_wal::{Segment, Walk};

/// Positions whose pages are asked for at once when a range is walked.
pub(crate) const STRETCH: u64 = 2048;

/// Walks the events of a range, segment by segment. Nothing is looked up per event.
#[derive(Debug)]
pub(crate) struct Range<'v> {
    parts: &'v Parts,
    /// The segment of the next event, the walk in it, and the first position behind it; `None` before the first event.
    walked: Option<(&'v Segment, Walk<'v>, Position)>,
    first: Position,
    last: Position,
    /// Up to here, without this position itself, the walk goes before something has to be asked for.
    stop: Position,
}

impl<'v> Range<'v> {
    /// The events between two positions, which must be visible.
    pub(crate) fn new(parts: &'v Parts, first: Position, last: Position) -> Self {
        Range { parts, walked: None, first, last, stop: first }
    }

    /// The next event, if nothing has to be looked at before it and its record has no optional fields; `None` otherwise,
    /// which says nothing about the event.
    #[inline(always)]
    pub(crate) fn next_plain(&mut self) -> Option<EventRef<'v>> {
        let (_, walk, _) = self.walked.as_mut()?;
        if walk.position() < self.stop { walk.next_plain() } else { None }
    }

    /// The same with optional fields.
    #[inline(always)]
    pub(crate) fn next_sound(&mut self) -> Option<EventRef<'v>> {
        let (_, walk, _) = self.walked.as_mut()?;
        if walk.position() < self.stop { walk.next_sound() } else { None }
    }

    /// The next event; `None` behind the last one.
    ///
    /// # Errors
    /// That it cannot be read. Asked again, the same event is tried again.
    pub(crate) fn next_event(&mut self) -> Result<Option<EventRef<'v>>, ReadError> {
        loop {
            let next = self.walked.as_ref().map_or(self.first, |(_, walk, _)| walk.position());
            if next >= self.stop && !self.go_on(next)? {
                return Ok(None);
            }
            let Some((_, walk, end)) = &mut self.walked else { return Ok(None) };
            if let Some(event) = walk.next_event()? {
                return Ok(Some(event));
            }
            // What the segment has up to its end, or up to that of the range, was removed.
            self.stop = (*end).min(self.last.next());
            self.first = self.stop;
            self.walked = None;
        }
    }

    /// Asks for the next stretch, in the next segment if this one ends here; `false` behind the last event.
    #[cold]
    fn go_on(&mut self, next: Position) -> Result<bool, ReadError> {
        if next > self.last {
            return Ok(false);
        }
        if self.walked.as_ref().is_none_or(|(_, _, end)| next >= *end) {
            let found = self.parts.segment_with_positions(next);
            let Some((segment, positions)) = found else { return Ok(false) };
            let walk = segment.walk(next..positions.end.min(self.last.next()))?;
            self.walked = Some((segment, walk, positions.end));
        }
        let Some((segment, _, end)) = &self.walked else { return Ok(false) };
        let end = self.last.next().min(*end);
        // What is live was written a moment ago.
        self.stop = if segment.sealed_entry().is_some() { next.plus(STRETCH).min(end) } else { end };
        if segment.sealed_entry().is_some() {
            segment.read_ahead(next..self.stop);
        }
        Ok(next < self.stop)
    }
}
