//! The parts of the index that a query has to look into, in its direction.

use crate::occurred::{Occurred, Shown};
use crate::part::Part;
use crate::query::Query;
use crate::view::View;
use annals_format::SealedSegment;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_wal::Segment;
use std::ops::Range;

/// A part of the index, with the first and the last position that is wanted of it.
pub(crate) type Stretch<'v> = (&'v Part, Position, Position);

/// Parts that are still to be looked into.
#[derive(Debug)]
pub(crate) struct PartCursor<'v> {
    view: &'v View,
    positions: (Position, Position),
    /// Their numbers.
    left: Range<usize>,
    backwards: bool,
    /// When the events that are looked for occurred, which may exclude some of them.
    times: Occurred,
    /// What was put back of the last part.
    rest: Option<Stretch<'v>>,
}

impl<'v> PartCursor<'v> {
    /// The parts with positions of a query from `from` up to `to`.
    pub(crate) fn new(view: &'v View, query: &Query, from: Position, to: Position) -> Self {
        let first = view.parts.parts_up_to(from).saturating_sub(1);
        let end = if from <= to { view.parts.parts_up_to(to) } else { first };
        PartCursor {
            view,
            positions: (from, to),
            left: first..end,
            backwards: query.backwards,
            times: Occurred::of(view, query),
            rest: None,
        }
    }

    /// The next part.
    pub(crate) fn next(&mut self) -> Option<Stretch<'v>> {
        if let Some(rest) = self.rest.take() {
            return Some(rest);
        }
        let (from, to) = self.positions;
        loop {
            let number = if self.backwards { self.left.next_back() } else { self.left.next() }?;
            let (part, first, last) = self.view.parts.part(number, to)?;
            if let Some((first, last)) = self.within(first.max(from), last) {
                return Some((part, first, last));
            }
        }
    }

    /// What of a stretch is walked event by event before something can be passed over: up to segments that have no events of
    /// the query. What lies behind these is the next part.
    pub(crate) fn without_gaps(&mut self, stretch: Stretch<'v>) -> Stretch<'v> {
        let (part, first, last) = stretch;
        if self.times.is_ever() {
            return stretch;
        }
        let hidden = |segment: &&Segment| self.times.of_segment(segment) == Shown::None;
        let mut segments = self.view.parts.segments_within(first, last);
        let gap = if self.backwards { segments.rfind(hidden) } else { segments.find(hidden) };
        let Some(end) = gap.and_then(|segment| Some((segment.first_position(), last_of(segment)?))) else {
            return stretch;
        };
        let (gap_first, gap_last) = end;
        let (walked, rest) = if self.backwards {
            ((gap_last.next(), last), (first, gap_first.previous()))
        } else {
            ((first, gap_first.previous()), (gap_last.next(), last))
        };
        if !planted(Bug::ScanEndsAtHiddenSegment) {
            self.rest = self.within(rest.0, rest.1).map(|(first, last)| (part, first, last));
        }
        (part, walked.0, walked.1)
    }

    /// Between which of two positions there can be events of the query, as far as the times of their segments tell.
    fn within(&self, first: Position, last: Position) -> Option<(Position, Position)> {
        if self.times.is_ever() {
            return Some((first, last)).filter(|(first, last)| first <= last);
        }
        let shown = |segment: &&Segment| self.times.of_segment(segment) != Shown::None;
        let mut segments = self.view.parts.segments_within(first, last).filter(shown);
        let oldest = segments.next()?;
        let newest = segments.next_back().unwrap_or(oldest);
        let end = last_of(newest).map_or(last, |end| end.min(last));
        Some((first.max(oldest.first_position()), end)).filter(|(first, last)| first <= last)
    }
}

/// The last position of a sealed segment.
fn last_of(segment: &Segment) -> Option<Position> {
    segment.sealed_entry().map(SealedSegment::last_position)
}
