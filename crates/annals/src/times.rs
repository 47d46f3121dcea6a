//! From a time to a position, on either clock.

use crate::error::ReadError;
use crate::query::Clock;
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
            Clock::Occurred => self.occurred_by(time),
        }
    }

    /// The last position recorded at or before a time.
    pub(crate) fn recorded_by(&self, time: Timestamp) -> Result<Position, ReadError> {
        let excluded = i64::from(planted(Bug::AsOfExcludesItsMoment));
        let time = Timestamp::from_nanos(time.as_nanos().saturating_sub(excluded));
        let mut found = Position::ZERO;
        for (segment, first, last) in self.parts.segments_up_to(self.position).rev() {
            if segment.sealed_entry().is_some_and(|entry| entry.recorded.min > time) {
                found = first.previous();
                continue;
            }
            found = segment.position_at(time, first..last.next())?;
            if found >= first {
                break;
            }
        }
        Ok(found)
    }

    /// The last position whose event occurred at or before a time.
    fn occurred_by(&self, time: Timestamp) -> Result<Position, ReadError> {
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
            let event = segment.event(position)?;
            if event.occurred_at <= time && self.shows(&event) {
                return Ok(Some(position));
            }
            position = position.previous();
        }
        Ok(None)
    }
}
