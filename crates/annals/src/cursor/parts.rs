//! The parts of the index that a query has to look into, in its direction.

use crate::part::Part;
use crate::query::Query;
use crate::view::View;
use annals_types::{Position, Timestamp};
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
    /// Whether times may exclude some of them.
    by_time: bool,
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
            by_time: view.occurred.is_some() || query.occurred != (Timestamp::MIN, None),
        }
    }

    /// The next part.
    pub(crate) fn next(&mut self, query: &Query) -> Option<Stretch<'v>> {
        let (from, to) = self.positions;
        loop {
            let number = if self.backwards { self.left.next_back() } else { self.left.next() }?;
            let (part, first, last) = self.view.parts.part(number, to)?;
            let first = first.max(from);
            let held =
                if self.by_time { may_hold(self.view, query, first, last) } else { Some((first, last)) };
            if let Some((first, last)) = held.filter(|(first, last)| first <= last) {
                return Some((part, first, last));
            }
        }
    }
}

/// Between which of two positions there can be events of the query, as far as the times of their segments tell.
fn may_hold(view: &View, query: &Query, first: Position, last: Position) -> Option<(Position, Position)> {
    let (since, until) = query.occurred;
    let within = |segment: &&Segment| {
        segment.sealed_entry().is_none_or(|entry| {
            entry.occurred.max >= since
                && until.is_none_or(|until| entry.occurred.min < until)
                && view.occurred.is_none_or(|time| entry.occurred.min <= time)
        })
    };
    let mut segments = view.parts.segments_within(first, last).filter(within);
    let oldest = segments.next()?;
    let newest = segments.next_back().unwrap_or(oldest);
    let end = newest.sealed_entry().map_or(last, |entry| entry.last_position().min(last));
    Some((first.max(oldest.first_position()), end))
}
