//! Reading the events of one segment, live or sealed.

mod ahead;
mod blocks;
mod payloads;
mod positions;
mod sealed;
mod steps;
mod tables;
mod times;
mod walk;

pub(crate) use ahead::Ahead;

use crate::error::LogError;
use crate::occurred::OccurredTable;
use crate::offsets::OffsetTable;
use annals_format::{
    Binding, Corruption, Damage, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SealedSegment, StoreId, names,
    parse_record, record_length,
};
use annals_types::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position};
use annals_vfs::{Disk, Mapping};
use payloads::Payloads;
use sealed::Sealed;
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
    /// Whether every position from the first to the last has an event. It is asked at every read, and lies beside what else is
    /// looked at there.
    whole: bool,
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
        Segment {
            id,
            path: names::segment(id),
            binding,
            first_position,
            whole: true,
            body,
            payloads: Payloads::default(),
        }
    }

    /// A segment that compaction has written, and that has no footer yet.
    pub(crate) fn written(
        path: String,
        id: u64,
        binding: Binding,
        first_position: Position,
        mapping: Mapping,
    ) -> Self {
        let body =
            Body::Live(Live { mapping, offsets: OffsetTable::new(0), occurred: OccurredTable::new(0) });
        Segment { id, path, binding, first_position, whole: true, body, payloads: Payloads::default() }
    }

    /// A sealed segment of the manifest. The file is not touched before it is read.
    #[must_use]
    pub fn sealed(disk: Arc<dyn Disk>, store_id: &StoreId, entry: SealedSegment) -> Self {
        Segment {
            id: entry.id,
            path: entry.path(),
            binding: entry.binding(store_id),
            first_position: entry.first_position,
            whole: entry.positions() == entry.count,
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

    /// The first position that it covers; unless it was rewritten, that of its first event.
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

    /// The event at a position, verified; `None` if it was removed, or if the segment is sealed and the position lies behind the
    /// last one that it covers: all of the segments that covered it were removed. The position must be visible and at or after
    /// the segment's first.
    ///
    /// # Errors
    /// That the file cannot be read, or that the bytes are wrong; then with file, offset and position.
    #[inline]
    pub fn event(&self, position: Position) -> Result<Option<EventRef<'_>>, LogError> {
        let Some(offset) = self.offset_of(position)? else { return Ok(None) };
        self.event_at(position, self.place_at(self.mapping()?, offset)).map(Some)
    }

    /// The bytes of the record at a position, verified; `None` where [`Segment::event`] gives none.
    ///
    /// # Errors
    /// As [`Segment::event`].
    pub fn record(&self, position: Position) -> Result<Option<&[u8]>, LogError> {
        if self.event(position)?.is_none() {
            return Ok(None);
        }
        let Some((bytes, _)) = self.bytes_at(position)? else { return Ok(None) };
        Ok(Some(record_length(bytes).and_then(|length| bytes.get(..length)).unwrap_or(bytes)))
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
            live.offsets.set(self.distance(position), offset);
        }
    }

    pub(crate) fn has_room_for(&self, position: Position) -> bool {
        match &self.body {
            Body::Live(live) => live.offsets.has_room_for(self.distance(position)),
            Body::Sealed(_) => false,
        }
    }

    /// Where the record of a position begins in the file, as far as is known without looking at it; `None` where
    /// [`Segment::event`] gives none. The position must be visible and at or after the segment's first.
    ///
    /// # Errors
    /// As [`Segment::event`].
    #[inline]
    pub fn offset_of(&self, position: Position) -> Result<Option<u32>, LogError> {
        let Some(record) = self.record_of(position)? else { return Ok(None) };
        let offset = match &self.body {
            Body::Live(live) => live.offsets.get(record),
            Body::Sealed(sealed) => match sealed.rebuilt.get() {
                Some(rebuilt) => rebuilt.offset(record),
                None => self.footer_offset(record)?,
            },
        };
        if offset.is_some() { Ok(offset) } else { self.offset_in_frames(position, record) }
    }

    /// The same where no table tells.
    #[cold]
    fn offset_in_frames(&self, position: Position, record: u64) -> Result<Option<u32>, LogError> {
        let Body::Sealed(sealed) = &self.body else { return Err(self.unreadable(position)) };
        if position > sealed.entry.last_position() {
            return Ok(None);
        }
        let offset = self.rebuild()?.offset(record);
        offset.map(Some).ok_or_else(|| self.unreadable(position))
    }

    #[inline]
    pub(crate) fn mapping(&self) -> Result<&Mapping, LogError> {
        match &self.body {
            Body::Live(live) => Ok(&live.mapping),
            Body::Sealed(sealed) => Ok(&self.loaded(sealed)?.mapping),
        }
    }

    fn bytes_at(&self, position: Position) -> Result<Option<(&[u8], u64)>, LogError> {
        let Some(offset) = self.offset_of(position)? else { return Ok(None) };
        let place = self.place_at(self.mapping()?, offset);
        Ok(Some((place.bytes, place.offset)))
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
        let told = match sealed.rebuilt.get() {
            Some(_) => self.offset_of(position)?.is_none_or(|offset| u64::from(offset) == tried),
            None => planted(Bug::FooterNotMadeAgain) || self.footer_is_sound()?,
        };
        if told {
            return Err(corrupt(damage));
        }
        self.rebuild()?;
        let Some((bytes, offset)) = self.bytes_at(position)? else { return Err(corrupt(damage)) };
        parse_record(bytes, self.binding, position, offset).map(|event| self.lent(event)).map_err(corrupt)
    }
}
