//! What the tables of segments and blocks tell of a position and those around it: whether anything there is shown, and where
//! the next event can be that is.

use crate::error::ReadError;
use crate::occurred::{Occurred, Shown};
use crate::parts::Parts;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use std::ops::Range;

/// The surroundings of the position that was asked for last. Nothing is read but tables, each once on the way.
#[derive(Debug)]
pub(crate) struct Surroundings<'v> {
    parts: &'v Parts,
    times: Occurred,
    /// The last position that is visible. Of events behind it, which may be staged, nothing is known.
    visible: Position,
    known: (Range<Position>, Shown),
}

impl<'v> Surroundings<'v> {
    pub(crate) fn new(parts: &'v Parts, times: Occurred, visible: Position) -> Self {
        Surroundings { parts, times, visible, known: (Position::ZERO..Position::ZERO, Shown::None) }
    }

    /// Whether any time is asked for, so that nothing is hidden.
    pub(crate) fn is_ever(&self) -> bool {
        self.times.is_ever()
    }

    /// Whether the event at a position is hidden, as far as that is known without reading it.
    #[inline]
    pub(crate) fn hide(&mut self, position: Position) -> Result<bool, ReadError> {
        Ok(!self.times.is_ever() && self.around(position)?.1 == Shown::None)
    }

    /// The nearest position at or behind this one, in the direction of reading, that may be shown.
    pub(crate) fn next_shown(
        &mut self,
        position: Position,
        backwards: bool,
    ) -> Result<Option<Position>, ReadError> {
        let mut next = position;
        while self.hide(next)? {
            self.widen(next, backwards)?;
            let stretch = &self.known.0;
            next = if backwards { stretch.start.previous() } else { stretch.end };
            if next == Position::ZERO {
                return Ok(None);
            }
            if planted(Bug::LeapToTheEnd) {
                return Ok(None);
            }
        }
        Ok(Some(next))
    }

    /// Takes the blocks that lie behind a hidden one, and are hidden as well, into what is known.
    fn widen(&mut self, position: Position, backwards: bool) -> Result<(), ReadError> {
        let segment = self.parts.segment_of(position);
        let Some(segment) = segment.filter(|segment| self.times.of_segment(segment) == Shown::Some) else {
            return Ok(());
        };
        let outside = segment.occurred_outside(position, self.times.range(), backwards)?;
        let known = &mut self.known.0;
        known.start = known.start.min(outside.start);
        known.end = known.end.max(outside.end.min(self.visible.next()));
        Ok(())
    }

    /// A stretch of positions that holds this one, and how much of it is shown.
    pub(crate) fn around(&mut self, position: Position) -> Result<(Range<Position>, Shown), ReadError> {
        if !self.known.0.contains(&position) {
            self.known = self.look(position)?;
        }
        Ok(self.known.clone())
    }

    fn look(&self, position: Position) -> Result<(Range<Position>, Shown), ReadError> {
        if position > self.visible {
            return Ok((self.visible.next()..Position::MAX, Shown::Some));
        }
        let Some((segment, positions)) = self.parts.segment_with_positions(position) else {
            // In front of the first segment.
            return Ok((position..position.next(), Shown::None));
        };
        let mut known = (positions, self.times.of_segment(segment));
        if known.1 == Shown::Some {
            // Without a sound block nothing is known of this event, and perhaps something of the next one.
            known = match segment.occurred_block(position)? {
                Some((block, range)) => (block, self.times.of_range(range)),
                None => (position..position.next(), Shown::Some),
            };
        }
        let last =
            segment.sealed_entry().map_or(self.visible, |entry| entry.last_position().min(self.visible));
        if position > last {
            // Behind a segment that had just been sealed when the view was made.
            return Ok((position..position.next(), Shown::Some));
        }
        known.0.end = known.0.end.min(last.next());
        Ok(known)
    }
}
