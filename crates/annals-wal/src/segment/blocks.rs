//! When the events of the blocks of a segment occurred.

use super::{Body, Segment};
use crate::error::LogError;
use annals_format::TimeRange;
use annals_types::Position;
use std::ops::Range;

impl Segment {
    /// The block of records that a position of the segment is in, and the range of their occurred_at: no event of the block
    /// occurred outside of it, and if the range is empty, all of them are lost. `None` where this is not known: with a footer
    /// of version 1, or if the footer is damaged. What is told was verified. Of a live segment it holds for those events of the
    /// block that are visible by now.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn occurred_block(
        &self,
        position: Position,
    ) -> Result<Option<(Range<Position>, TimeRange)>, LogError> {
        if position < self.first_position {
            return Ok(None);
        }
        let found = self.block(self.index_of(position))?;
        Ok(found.map(|(records, occurred)| (self.positions_of(&records), occurred)))
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
        if position < self.first_position {
            return Ok(position..position);
        }
        let index = self.index_of(position);
        let outside = match &self.body {
            Body::Live(live) => live.occurred.outside(index, times, backwards),
            Body::Sealed(sealed) => {
                let loaded = self.loaded(sealed)?;
                let tables = loaded.tables.as_ref();
                tables.map_or(index..index, |tables| tables.outside(&loaded.mapping, index, times, backwards))
            }
        };
        Ok(self.positions_of(&outside))
    }

    /// Notes that no event of some positions occurred outside of a range, before any of them is visible.
    pub(crate) fn set_occurred(&self, positions: Range<Position>, occurred: TimeRange) {
        if let Body::Live(live) = &self.body {
            live.occurred.widen(self.index_of(positions.start)..self.index_of(positions.end), occurred);
        }
    }

    #[inline]
    fn block(&self, index: u64) -> Result<Option<(Range<u64>, TimeRange)>, LogError> {
        Ok(match &self.body {
            Body::Live(live) => live.occurred.get(index),
            Body::Sealed(sealed) => {
                let loaded = self.loaded(sealed)?;
                loaded.tables.as_ref().and_then(|tables| tables.occurred(&loaded.mapping, index))
            }
        })
    }

    fn positions_of(&self, records: &Range<u64>) -> Range<Position> {
        self.first_position.plus(records.start)..self.first_position.plus(records.end)
    }
}
