//! Reading events in steps, each of which asks the processor's cache for what the next one looks at.
//!
//! To read an event waits for memory three times: for the footer's entry of its block, for the distance of its offset, and
//! for its record. Who reads several events takes these steps for all of them in turn, so that the waiting is shared. All
//! steps but the last are hints: they do nothing where the file would have to be opened first, and can be left out.

use super::{Body, Segment};
use crate::error::LogError;
use annals_format::parse_record;
use annals_types::{EventRef, Position};
use annals_vfs::{Mapping, prefetch_bytes};

/// Bytes of a record that are fetched ahead; from there on the processor sees for itself where the reading goes.
const FETCHED_BYTES: usize = 384;

/// Where the record of an event begins, as far as is known without looking at it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'s> {
    /// The bytes of the segment from there on, up to its footer.
    pub(super) bytes: &'s [u8],
    pub(super) offset: u64,
}

impl Place<'_> {
    /// Fourth step: asks for the front of the record, whose page is not read if it is not in memory.
    #[inline]
    pub fn ask_for_front(&self) {
        prefetch_bytes(self.bytes.get(..1).unwrap_or_default());
    }

    /// Fifth step: asks for more of the record.
    #[inline]
    pub fn ask_for_more(&self) {
        prefetch_bytes(self.bytes.get(64..FETCHED_BYTES.min(self.bytes.len())).unwrap_or_default());
    }
}

impl Segment {
    /// First step: asks for the footer's entry of the block that a position is in.
    #[inline]
    pub fn ask_for_block(&self, position: Position) {
        if let Body::Sealed(sealed) = &self.body
            && position >= self.first_position
            && self.whole
            && let Some(loaded) = sealed.loaded.get()
            && let Some(tables) = &loaded.tables
        {
            loaded.mapping.prefetch_lines(tables.entry_of(self.distance(position)), 1);
        }
    }

    /// Second step: asks for what the footer says of a position.
    #[inline]
    pub fn ask_for_offset(&self, position: Position) {
        if let Body::Sealed(sealed) = &self.body
            && position >= self.first_position
            && self.whole
            && let Some(loaded) = sealed.loaded.get()
            && let Some(tables) = &loaded.tables
            && let Some(place) = tables.place_of_offset(&loaded.mapping, self.distance(position))
        {
            loaded.mapping.prefetch_lines(place, 1);
        }
    }

    /// Third step: where the record of a position begins, if that is known without opening the file and without walking it.
    #[inline]
    #[must_use]
    pub fn place_of(&self, position: Position) -> Option<Place<'_>> {
        let (mapping, offset) = self.known_place(position)?;
        Some(self.place_at(mapping, offset))
    }

    /// Last step: the event at a position, verified, as [`Segment::event`] gives it, by the place that
    /// [`Segment::place_of`] of this segment has told for it.
    ///
    /// # Errors
    /// As [`Segment::event`].
    #[inline]
    pub fn event_at<'s>(&'s self, position: Position, place: Place<'s>) -> Result<EventRef<'s>, LogError> {
        match parse_record(place.bytes, self.binding, position, place.offset) {
            Ok(event) => Ok(self.lent(event)),
            Err(damage) => self.event_without_footer(position, place.offset, damage),
        }
    }

    #[inline]
    pub(super) fn place_at<'s>(&'s self, mapping: &'s Mapping, offset: u32) -> Place<'s> {
        let offset = u64::from(offset);
        // Records never reach into the footer, so that its bytes are not taken for a record's.
        let end = self.sealed_entry().map_or(mapping.len(), |entry| entry.frames_end);
        // An offset from a damaged footer may lie behind the file. No bytes are no record either, and then the
        // frames are walked.
        let bytes = mapping.bytes(offset..end.max(offset)).unwrap_or_default();
        Place { bytes, offset: offset.min(end) }
    }

    /// The mapping and the offset of the record at a position, if the file is mapped and tells.
    #[inline]
    fn known_place(&self, position: Position) -> Option<(&Mapping, u32)> {
        if position < self.first_position {
            return None;
        }
        self.known_offset(self.known_record(position)?)
    }

    /// The same of a record, by its number.
    #[inline]
    pub(super) fn known_offset(&self, record: u64) -> Option<(&Mapping, u32)> {
        match &self.body {
            Body::Live(live) => Some((&live.mapping, live.offsets.get(record)?)),
            Body::Sealed(sealed) => {
                let loaded = sealed.loaded.get()?;
                let offset = match sealed.rebuilt.get() {
                    Some(rebuilt) => rebuilt.offset(record),
                    None => loaded.tables.as_ref()?.offset(&loaded.mapping, record),
                };
                Some((&loaded.mapping, offset?))
            }
        }
    }
}
