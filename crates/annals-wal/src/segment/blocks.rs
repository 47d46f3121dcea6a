//! When the events of the blocks of a segment occurred.

use super::{Body, Segment};
use crate::error::LogError;
use annals_format::TimeRange;
use annals_types::Position;
use std::ops::Range;

impl Segment {
    /// The block of records that a position of the segment is in, and the range of their occurred_at: no event at the positions
    /// told occurred outside of it, and if the range is empty, all of them are lost. `None` where this is not known: with a
    /// footer of version 1, or if the footer is damaged. What is told was verified. Of a live segment it holds for those events
    /// of the block that are visible by now. The position must be at or after the segment's first.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn occurred_block(
        &self,
        position: Position,
    ) -> Result<Option<(Range<Position>, TimeRange)>, LogError> {
        let Some(record) = self.record_or_next(position)? else { return Ok(None) };
        let found = match &self.body {
            Body::Live(live) => live.occurred.get(record),
            Body::Sealed(sealed) => {
                let loaded = self.loaded(sealed)?;
                loaded.tables.as_ref().and_then(|tables| tables.occurred(&loaded.mapping, record))
            }
        };
        match found {
            Some((records, occurred)) => Ok(Some((self.positions_of(&records, position)?, occurred))),
            None => Ok(None),
        }
    }

    /// The stretch of blocks from that of a position on, towards the end of the segment or its beginning, none of whose events
    /// occurred within `times`, as far as is known; empty if that is not known of the block of the position itself.
    ///
    /// # Errors
    /// As [`Segment::occurred_block`].
    pub fn occurred_outside(
        &self,
        position: Position,
        times: TimeRange,
        backwards: bool,
    ) -> Result<Range<Position>, LogError> {
        let Some(record) = self.record_or_next(position)? else { return Ok(position..position) };
        let outside = match &self.body {
            Body::Live(live) => live.occurred.outside(record, times, backwards),
            Body::Sealed(sealed) => {
                let loaded = self.loaded(sealed)?;
                let tables = loaded.tables.as_ref();
                tables.map_or(record..record, |tables| {
                    tables.outside(&loaded.mapping, record, times, backwards)
                })
            }
        };
        if outside.is_empty() { Ok(position..position) } else { self.positions_of(&outside, position) }
    }

    /// Notes that no event of some positions occurred outside of a range, before any of them is visible.
    pub(crate) fn set_occurred(&self, positions: Range<Position>, occurred: TimeRange) {
        if let Body::Live(live) = &self.body {
            live.occurred.widen(self.distance(positions.start)..self.distance(positions.end), occurred);
        }
    }

    /// The number of the record at a position, or of the one that comes next; `None` if there is none or if damage has moved the
    /// numbers of the records.
    fn record_or_next(&self, position: Position) -> Result<Option<u64>, LogError> {
        if position < self.first_position {
            return Ok(None);
        }
        let distance = self.distance(position);
        let Some(numbers) = self.numbers()? else { return Ok((distance < self.count()).then_some(distance)) };
        let record = numbers.rank(distance);
        Ok((numbers.records == self.count() && record < numbers.records).then_some(record))
    }

    /// The positions of some records, of which the first may be the one behind `asked`.
    fn positions_of(&self, records: &Range<u64>, asked: Position) -> Result<Range<Position>, LogError> {
        let (first, last) =
            (self.position_of(records.start)?, self.position_of(records.end.saturating_sub(1))?);
        Ok(first.min(asked)..last.next())
    }
}
