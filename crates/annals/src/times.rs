//! From a time to a position, on either clock.

use crate::error::ReadError;
use crate::query::{Clock, Query};
use crate::view::View;
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};
use annals_wal::Segment;

impl View {
    /// The position of the last event of this view with a time up to `time`, inclusive; [`Position::ZERO`] if there is none.
    ///
    /// On the recorded clock everything up to that position was known then, and nothing behind it, whatever of it the view
    /// shows. On the occurred clock,
    /// which may run in any order, what lies behind it had not happened yet; before it there may be events that had not
    /// either. Both are answered from tables: a few events are looked at, at most those of the active segment.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Clock, Expected, NewEvent, Timestamp};
    /// let at = |second: i64| Timestamp::from_nanos(second * 1_000_000_000);
    /// let events = [3, 1, 2].map(|second| NewEvent::json("measured", "{}").at(at(second)));
    /// store.append("sensor-1", Expected::NoStream, &events)?;
    /// let view = store.view();
    /// assert_eq!(view.position_at(Clock::Occurred, at(1))?.get(), 2);
    /// assert_eq!(view.position_at(Clock::Occurred, at(0))?.get(), 0);
    /// assert_eq!(view.position_at(Clock::Recorded, Timestamp::MAX)?, view.position());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn position_at(&self, clock: Clock, time: Timestamp) -> Result<Position, ReadError> {
        match clock {
            Clock::Recorded => self.recorded_by(time),
            Clock::Occurred => self.last_occurred_by(time),
        }
    }

    /// The last position recorded at or before a time.
    pub(crate) fn recorded_by(&self, time: Timestamp) -> Result<Position, ReadError> {
        let excluded = i64::from(planted(Bug::AsOfExcludesItsMoment));
        let time = Timestamp::from_nanos(time.as_nanos().saturating_sub(excluded));
        let Some((segment, first, last)) = self.last_begun_by(time)? else { return Ok(Position::ZERO) };
        if segment.sealed_entry().is_some_and(|entry| entry.recorded.max <= time) {
            return Ok(last);
        }
        Ok(segment.position_at(time, first..last.next())?)
    }

    /// The last segment whose first event was recorded at or before a time, and what of it this view has. Logarithmic:
    /// recorded_at never goes backwards.
    fn last_begun_by(&self, time: Timestamp) -> Result<Option<(&Segment, Position, Position)>, ReadError> {
        let (mut low, mut high) = (0, self.parts.segments_begun(self.position));
        while low < high {
            let middle = low.midpoint(high);
            let segment = &self.parts.segments[middle];
            let begun = match segment.sealed_entry() {
                Some(entry) => entry.recorded.min,
                // Nothing is removed from a segment that is not sealed. One that a crash has left without an event shares its
                // first position with the next one.
                None => {
                    let first = self.parts.event(segment.first_position())?;
                    first.map_or(Timestamp::MAX, |event| event.recorded_at)
                }
            };
            let at_once = begun == time && !planted(Bug::SegmentsOfOneTimeLeftOut);
            if begun < time || at_once { low = middle + 1 } else { high = middle }
        }
        Ok(low.checked_sub(1).and_then(|number| self.parts.segment(number, self.position)))
    }

    /// Between which positions the events of a query lie, of those up to `last`, which may lie behind the view. On the
    /// recorded clock a range of times is a range of positions.
    pub(crate) fn positions_of(
        &self,
        query: &Query,
        last: Position,
    ) -> Result<(Position, Position), ReadError> {
        let (mut from, mut to) = query.positions;
        from = from.max(Position::FIRST);
        to = if planted(Bug::ReadBeyondView) { to } else { to.min(last) };
        if query.recorded.0 > Timestamp::MIN {
            let before = Timestamp::from_nanos(query.recorded.0.as_nanos() - 1);
            from = from.max(self.recorded_by(before)?.next());
        }
        if let Some(until) = query.recorded.1 {
            let before = until.as_nanos().checked_sub(1).map(Timestamp::from_nanos);
            let end = before.map(|before| self.recorded_by(before)).transpose()?;
            // Behind the last event of the view, what is staged is compared one by one.
            let end = end.map(|end| if end < self.position { end } else { last });
            to = end.unwrap_or(Position::ZERO).min(to);
        }
        Ok((from, to))
    }

    /// The last position whose event occurred at or before a time.
    fn last_occurred_by(&self, time: Timestamp) -> Result<Position, ReadError> {
        for (segment, first, last) in self.parts.segments_up_to(self.position).rev() {
            if segment.sealed_entry().is_some_and(|entry| entry.occurred.min > time) {
                continue;
            }
            if let Some(found) = self.occurred_within(segment, first, last, time)? {
                return Ok(found);
            }
        }
        Ok(Position::ZERO)
    }

    /// The same between two positions of one segment: block by block from the end, and event by event only where the block
    /// has one.
    fn occurred_within(
        &self,
        segment: &Segment,
        first: Position,
        last: Position,
        time: Timestamp,
    ) -> Result<Option<Position>, ReadError> {
        let mut position = last;
        let mut looked_at = Position::MAX;
        while position >= first {
            if position < looked_at
                && let Some((block, occurred)) = segment.occurred_block(position)?
            {
                if occurred.min > time {
                    position = block.start.previous();
                    if planted(Bug::OccurredBlockTooLong) {
                        position = position.previous();
                    }
                    continue;
                }
                looked_at = block.start;
            }
            let Some(present) = segment.last_position_up_to(position)? else { break };
            if present < position {
                position = present;
                continue;
            }
            if let Some(event) = segment.event(position)?
                && event.occurred_at <= time
                && self.shows(&event)
            {
                return Ok(Some(position));
            }
            position = position.previous();
        }
        Ok(None)
    }
}
