//! Reading the events of one segment, live or sealed.

mod ahead;
mod blocks;
mod payloads;
mod sealed;
mod steps;
mod tables;
mod walk;

pub(crate) use ahead::Ahead;

use crate::error::LogError;
use crate::occurred::OccurredTable;
use crate::offsets::OffsetTable;
use annals_format::{
    Binding, Corruption, Damage, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SealedSegment, StoreId,
    TIME_STRIDE, names, parse_record, record_length,
};
use annals_types::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Timestamp};
use annals_vfs::{Disk, Mapping};
use payloads::Payloads;
use sealed::Sealed;
use std::ops::Range;
use std::sync::Arc;
pub use steps::Place;
pub use walk::Walk;

/// One segment as readers see it. Events are borrowed from its mapping.
#[derive(Debug)]
pub struct Segment {
    id: u64,
    path: String,
    binding: Binding,
    first_position: Position,
    body: Body,
    payloads: Payloads,
}

#[derive(Debug)]
enum Body {
    Live(Live),
    Sealed(Box<Sealed>),
}

/// A segment that is written, or was and has no footer yet.
#[derive(Debug)]
struct Live {
    mapping: Mapping,
    offsets: OffsetTable,
    occurred: OccurredTable,
}

impl Segment {
    pub(crate) fn live(id: u64, binding: Binding, first_position: Position, mapping: Mapping) -> Self {
        // However long the file claims to be, a segment does not get longer than that.
        let length = mapping.len().min(SEGMENT_BYTES_MAX + BATCH_BYTES_MAX as u64);
        let most = length.saturating_sub(SEGMENT_HEADER_BYTES as u64) / RECORD_HEADER_BYTES as u64;
        let (offsets, occurred) = (OffsetTable::new(most), OccurredTable::new(most));
        let body = Body::Live(Live { mapping, offsets, occurred });
        Segment { id, path: names::segment(id), binding, first_position, body, payloads: Payloads::default() }
    }

    /// A sealed segment of the manifest. The file is not touched before it is read.
    #[must_use]
    pub fn sealed(disk: Arc<dyn Disk>, store_id: &StoreId, entry: SealedSegment) -> Self {
        Segment {
            id: entry.id,
            path: names::segment(entry.id),
            binding: entry.binding(store_id),
            first_position: entry.first_position,
            body: Body::Sealed(Box::new(Sealed::new(entry, disk))),
            payloads: Payloads::default(),
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its file, relative to the store's directory.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Position of its first event.
    #[must_use]
    pub fn first_position(&self) -> Position {
        self.first_position
    }

    /// The seed of its checksums.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// What the manifest says of it, if it is sealed.
    #[must_use]
    pub fn sealed_entry(&self) -> Option<&SealedSegment> {
        match &self.body {
            Body::Live(_) => None,
            Body::Sealed(sealed) => Some(&sealed.entry),
        }
    }

    /// The event at a position, verified. The position must be visible and at or after the segment's first.
    ///
    /// # Errors
    /// That the file cannot be read, or that the bytes are wrong; then with file, offset and position.
    #[inline]
    pub fn event(&self, position: Position) -> Result<EventRef<'_>, LogError> {
        let offset = self.offset_of(position)?;
        self.event_at(position, self.place_at(self.mapping()?, offset))
    }

    /// The bytes of the record at a position, verified.
    ///
    /// # Errors
    /// As [`Segment::event`].
    pub fn record(&self, position: Position) -> Result<&[u8], LogError> {
        self.event(position)?;
        let (bytes, _) = self.bytes_at(position)?;
        Ok(record_length(bytes).and_then(|length| bytes.get(..length)).unwrap_or(bytes))
    }

    /// The last position in `range` (of this segment, ascending) whose event was recorded at or before `time`;
    /// the position before the range if there is none. Logarithmic: recorded_at never goes backwards.
    ///
    /// # Errors
    /// As [`Segment::event`].
    pub fn position_at(&self, time: Timestamp, range: Range<Position>) -> Result<Position, LogError> {
        let (mut low, mut high) = (range.start, range.end);
        if let Some((from, to)) = self.narrow_by_footer(time, &range) {
            let before = from == range.start || self.event(from.previous())?.recorded_at <= time;
            if before && (to == range.end || self.event(to)?.recorded_at > time) {
                (low, high) = (from, to);
            }
        }
        while low < high {
            let middle = Position::new(low.get() + high.events_since(low) / 2);
            if self.event(middle)?.recorded_at <= time { low = middle.next() } else { high = middle }
        }
        Ok(low.previous())
    }

    /// All bytes of the segment that are mapped, for walking its frames.
    ///
    /// # Errors
    /// That the file cannot be read or is shorter than the manifest says.
    pub fn mapped(&self) -> Result<&[u8], LogError> {
        let mapping = self.mapping()?;
        Ok(mapping.bytes(0..mapping.len()).unwrap_or_default())
    }

    pub(crate) fn set_offset(&self, position: Position, offset: u32) {
        if let Body::Live(live) = &self.body {
            live.offsets.set(self.index_of(position), offset);
        }
    }

    pub(crate) fn has_room_for(&self, position: Position) -> bool {
        match &self.body {
            Body::Live(live) => live.offsets.has_room_for(self.index_of(position)),
            Body::Sealed(_) => false,
        }
    }

    /// Where the record of a position begins in the file, as far as is known without looking at it. The position must
    /// be visible and at or after the segment's first.
    ///
    /// # Errors
    /// As [`Segment::event`].
    #[inline]
    pub fn offset_of(&self, position: Position) -> Result<u32, LogError> {
        let index = self.index_of(position);
        let offset = match &self.body {
            Body::Live(live) => live.offsets.get(index),
            Body::Sealed(sealed) => match sealed.rebuilt.get() {
                Some(rebuilt) => offset_in(rebuilt, index),
                None => match self.footer_offset(index)? {
                    Some(offset) => Some(offset),
                    None => offset_in(self.rebuild_offsets()?, index),
                },
            },
        };
        offset.ok_or_else(|| self.unreadable(position))
    }

    #[inline]
    fn index_of(&self, position: Position) -> u64 {
        position.events_since(self.first_position)
    }

    #[inline]
    pub(crate) fn mapping(&self) -> Result<&Mapping, LogError> {
        match &self.body {
            Body::Live(live) => Ok(&live.mapping),
            Body::Sealed(sealed) => Ok(&self.loaded(sealed)?.mapping),
        }
    }

    fn bytes_at(&self, position: Position) -> Result<(&[u8], u64), LogError> {
        let offset = self.offset_of(position)?;
        let place = self.place_at(self.mapping()?, offset);
        Ok((place.bytes, place.offset))
    }

    fn unreadable(&self, position: Position) -> LogError {
        LogError::Corrupt(Corruption {
            file: self.path.clone(),
            offset: SEGMENT_HEADER_BYTES as u64,
            what: format!("no readable record for position {position}"),
            found: 0,
            expected: position.get(),
        })
    }

    /// The record at `tried` is damaged, or the footer is and pointed to a wrong place: walk the frames to tell.
    #[cold]
    fn event_without_footer(
        &self,
        position: Position,
        tried: u64,
        damage: Damage,
    ) -> Result<EventRef<'_>, LogError> {
        let corrupt = |damage: Damage| {
            let mut corruption = damage.in_file(self.path.as_str());
            corruption.what = format!("{} (position {position})", corruption.what);
            LogError::Corrupt(corruption)
        };
        let Body::Sealed(sealed) = &self.body else { return Err(corrupt(damage)) };
        // The frames may have been walked since the footer was asked: for another event, or by another thread.
        let found = sealed.rebuilt.get().and_then(|rebuilt| offset_in(rebuilt, self.index_of(position)));
        let told = match sealed.rebuilt.get() {
            Some(_) => found.is_none_or(|offset| u64::from(offset) == tried),
            None => planted(Bug::FooterNotMadeAgain) || self.footer_is_sound()?,
        };
        if told {
            return Err(corrupt(damage));
        }
        self.rebuild_offsets()?;
        let (bytes, offset) = self.bytes_at(position)?;
        parse_record(bytes, self.binding, position, offset).map(|event| self.lent(event)).map_err(corrupt)
    }

    /// The stretch of `range` in which `time` falls according to the footer's sparse table, which is not
    /// trusted: the caller looks at the events at both ends.
    fn narrow_by_footer(&self, time: Timestamp, range: &Range<Position>) -> Option<(Position, Position)> {
        let Body::Sealed(sealed) = &self.body else { return None };
        let loaded = self.loaded(sealed).ok()?;
        let after = tables::not_after(loaded.tables.as_ref()?.times(&loaded.mapping)?, time);
        let stride = TIME_STRIDE as u64;
        let from = self.first_position.plus(after.saturating_sub(1) * stride);
        let to = self.first_position.plus(after * stride);
        Some((from.clamp(range.start, range.end), to.clamp(range.start, range.end)))
    }
}

fn offset_in(offsets: &[u32], index: u64) -> Option<u32> {
    offsets.get(usize::try_from(index).ok()?).copied().filter(|offset| *offset != 0)
}
