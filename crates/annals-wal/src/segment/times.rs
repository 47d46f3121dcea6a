//! From times of recording to positions.

use super::{Body, Segment, tables};
use crate::error::LogError;
use annals_format::TIME_STRIDE;
use annals_types::{Position, Timestamp};
use std::ops::Range;

impl Segment {
    /// The last position in `range` (of this segment, ascending) up to which all events were recorded at or before `time`;
    /// the position before the range if there is none. Logarithmic: recorded_at never goes backwards.
    ///
    /// # Errors
    /// As [`Segment::event`].
    pub fn position_at(&self, time: Timestamp, range: Range<Position>) -> Result<Position, LogError> {
        let numbers = self.numbers()?;
        let rank = |position| {
            let distance = self.distance(position);
            numbers.map_or(distance.min(self.count()), |numbers| numbers.rank(distance))
        };
        let position_of =
            |record| self.first_position.plus(numbers.map_or(record, |numbers| numbers.distance_of(record)));
        let recorded_by = |record| self.recorded_by(position_of(record), time);
        let all = rank(range.start)..rank(range.end);
        let (mut low, mut high) = (all.start, all.end);
        if let Some((from, to)) = self.narrow_by_footer(time, &all) {
            let before = from == all.start || recorded_by(from - 1)?;
            if before && (to == all.end || !recorded_by(to)?) {
                (low, high) = (from, to);
            }
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if recorded_by(middle)? { low = middle + 1 } else { high = middle }
        }
        // Behind the last event there may be positions whose events were removed.
        let next = if low == all.end { range.end } else { position_of(low) };
        // Nobody knows when events were recorded that damage has taken.
        let compared = if low == all.start { range.start } else { position_of(low - 1).next() };
        if compared < next {
            self.removed(compared)?;
        }
        Ok(next.max(range.start).previous())
    }

    fn recorded_by(&self, position: Position, time: Timestamp) -> Result<bool, LogError> {
        match self.event(position)? {
            Some(event) => Ok(event.recorded_at <= time),
            None => Err(self.unreadable(position)),
        }
    }

    /// The stretch of `range`, which is one of records, in which `time` falls according to the footer's sparse table, which is
    /// not trusted: the caller looks at the events at both ends.
    fn narrow_by_footer(&self, time: Timestamp, range: &Range<u64>) -> Option<(u64, u64)> {
        let Body::Sealed(sealed) = &self.body else { return None };
        let loaded = self.loaded(sealed).ok()?;
        let after = tables::not_after(loaded.tables.as_ref()?.times(&loaded.mapping)?, time);
        let stride = TIME_STRIDE as u64;
        let (from, to) = (after.saturating_sub(1) * stride, after * stride);
        Some((from.clamp(range.start, range.end), to.clamp(range.start, range.end)))
    }
}
