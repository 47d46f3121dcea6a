//! The occurred clock, which may run in any order: which events lie between two of its times, and how much the tables of
//! segments and blocks tell of it without reading.

use crate::error::ReadError;
use crate::parts::Parts;
use crate::query::Query;
use crate::surroundings::Surroundings;
use crate::view::View;
use annals_format::TimeRange;
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Timestamp};
use annals_wal::Segment;

/// How much of a stretch of the log is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Everything that is not lost.
    All,
    None,
    Some,
}

impl Shown {
    /// The same of two stretches together.
    fn and(self, other: Shown) -> Shown {
        if self == other { self } else { Shown::Some }
    }
}

/// The times between which events must have occurred, both inclusive. Nothing lies between them if the first is after the
/// second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurred {
    first: Timestamp,
    last: Timestamp,
}

impl Occurred {
    /// Any time.
    pub(crate) const EVER: Occurred = Occurred { first: Timestamp::MIN, last: Timestamp::MAX };

    /// What a query asks for, as far as a view shows it.
    pub(crate) fn of(view: &View, query: &Query) -> Self {
        let (first, until) = query.occurred;
        let mut times = Occurred { first, last: view.occurred.unwrap_or(Timestamp::MAX) };
        match until.map(|until| until.as_nanos().checked_sub(1)) {
            Some(Some(before)) => times.last = times.last.min(Timestamp::from_nanos(before)),
            // Before the first of all times there is none.
            Some(None) => times = Occurred { first: Timestamp::MAX, last: Timestamp::MIN },
            None => {}
        }
        times
    }

    /// What a view shows.
    pub(crate) fn by(view: &View) -> Self {
        Occurred { last: view.occurred.unwrap_or(Timestamp::MAX), ..Self::EVER }
    }

    /// Whether this restricts nothing.
    pub(crate) fn is_ever(&self) -> bool {
        *self == Self::EVER
    }

    /// The same as a range.
    pub(crate) fn range(&self) -> TimeRange {
        TimeRange { min: self.first, max: self.last }
    }

    fn holds(&self, time: Timestamp) -> bool {
        self.first <= time && time <= self.last
    }

    pub(crate) fn of_range(&self, range: TimeRange) -> Shown {
        if range.is_outside(self.range()) {
            return Shown::None;
        }
        let all = self.holds(range.min) && self.holds(range.max);
        if all || planted(Bug::PartlyShownCountedWhole) { Shown::All } else { Shown::Some }
    }

    /// How much of a segment lies between these times, as far as the manifest tells. That is about all of its events: of those
    /// that a view has, it may be all or none where this says some.
    pub(crate) fn of_segment(&self, segment: &Segment) -> Shown {
        match segment.sealed_entry() {
            _ if self.is_ever() => Shown::All,
            Some(entry) => self.of_range(entry.occurred),
            None => Shown::Some,
        }
    }

    /// The same of all segments that hold the positions of a range.
    pub(crate) fn between(&self, parts: &Parts, first: Position, last: Position) -> Shown {
        if self.is_ever() {
            return Shown::All;
        }
        let shown = parts.segments_within(first, last).map(|segment| self.of_segment(segment));
        shown.reduce(Shown::and).unwrap_or(Shown::None)
    }

    /// Divides a range of positions into stretches of whole segments that are alike.
    pub(crate) fn stretches<'p>(
        &self,
        parts: &'p Parts,
        first: Position,
        last: Position,
    ) -> impl Iterator<Item = (Position, Position, Shown)> + use<'p> {
        let times = *self;
        let mut next = Some(first).filter(|first| *first <= last);
        std::iter::from_fn(move || {
            let start = next?;
            let mut segments = parts.segments_within(start, last);
            let shown = segments.next().map_or(Shown::None, |segment| times.of_segment(segment));
            let other = segments.find(|segment| times.of_segment(segment) != shown);
            next = other.map(Segment::first_position);
            Some((start, next.map_or(last, Position::previous), shown))
        })
    }
}

/// Tells of single events whether they are shown. They are read only where no table tells.
#[derive(Debug)]
pub(crate) struct Teller<'v> {
    parts: &'v Parts,
    times: Occurred,
    /// Whether events may have been lost, of which tables tell nothing.
    lost: bool,
    surroundings: Surroundings<'v>,
}

impl<'v> Teller<'v> {
    /// About positions up to `visible`.
    pub(crate) fn new(parts: &'v Parts, times: Occurred, lost: bool, visible: Position) -> Self {
        Teller { parts, times, lost, surroundings: Surroundings::new(parts, times, visible) }
    }

    /// Whether the event at a position, which must be visible, is shown.
    pub(crate) fn shows(&mut self, position: Position) -> Result<bool, ReadError> {
        match self.surroundings.around(position)?.1 {
            Shown::All if !self.lost => Ok(true),
            Shown::None => Ok(false),
            Shown::All | Shown::Some => {
                let shown = |event: EventRef<'_>| !event.is_lost() && self.times.holds(event.occurred_at);
                Ok(self.parts.event(position)?.is_some_and(shown))
            }
        }
    }

    /// How many events between two visible positions are shown.
    pub(crate) fn count(&mut self, first: Position, last: Position) -> Result<u64, ReadError> {
        let (mut count, mut next) = (0, first);
        while next <= last {
            let (stretch, shown) = self.surroundings.around(next)?;
            let behind = stretch.end.min(last.next());
            match shown {
                Shown::All if !self.lost => count += self.parts.events_between(next, behind.previous())?,
                Shown::None => {}
                Shown::All | Shown::Some => {
                    for position in next.get()..behind.get() {
                        count += u64::from(self.shows(Position::new(position))?);
                    }
                }
            }
            next = behind;
        }
        Ok(count)
    }
}
