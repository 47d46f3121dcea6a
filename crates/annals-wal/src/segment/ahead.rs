//! Telling memory and disk what will be read next. Mappings read single pages unless they are told.

use super::{Body, Segment};
use annals_format::PAGE_BYTES;
use annals_types::Position;
use annals_vfs::Mapping;
use std::ops::Range;

/// How much a walk from front to back asks for at once.
const WINDOW: u64 = 1 << 20;

impl Segment {
    /// Says that the event at a position will be read within a microsecond or so: its first bytes are fetched into the
    /// processor's cache while it does something else. Only a hint. Does nothing where it would have to open the file
    /// first, for positions that are not there, and for records whose page is not in memory. To find the record it looks at
    /// the table of offsets, as reading the event will.
    #[inline]
    pub fn prefetch(&self, position: Position) {
        if let Some((mapping, offset)) = self.known_place(position) {
            mapping.prefetch_line(offset);
        }
    }

    /// Says that the events at these positions (visible, ascending, of this segment as far as they count) will be read soon,
    /// so that their pages, and those of their offsets, are read from the disk at once and not one by one. Only a hint: what
    /// goes wrong is told by the reads that follow.
    pub fn read_ahead(&self, positions: Range<Position>) {
        let first = positions.start.max(self.first_position);
        let end = self
            .sealed_entry()
            .map_or(positions.end, |entry| positions.end.min(entry.last_position().next()));
        if first >= end || self.mapping().is_err() {
            return;
        }
        if let Body::Sealed(sealed) = &self.body
            && let Some(loaded) = sealed.loaded.get()
            && let Some(tables) = &loaded.tables
        {
            let records = self.index_of(first)..self.index_of(end);
            loaded.mapping.prefetch(tables.places_of_offsets(&loaded.mapping, &records));
        }
        let (Some((mapping, start)), Some((_, last))) =
            (self.known_place(first), self.known_place(end.previous()))
        else {
            return;
        };
        let most = self.sealed_entry().map_or(mapping.len(), |entry| entry.frames_end);
        // How long the last record is nobody knows before it is read, if no other one follows it.
        let behind = self.known_place(end).map_or(last + PAGE_BYTES as u64, |(_, next)| next);
        mapping.prefetch(start..behind.min(most).max(start));
    }

    /// The mapping and the offset of a record, if the file is mapped and tells.
    #[inline]
    fn known_place(&self, position: Position) -> Option<(&Mapping, u64)> {
        if position < self.first_position {
            return None;
        }
        let index = self.index_of(position);
        match &self.body {
            Body::Live(live) => Some((&live.mapping, live.offsets.get(index)?.into())),
            Body::Sealed(sealed) => {
                let loaded = sealed.loaded.get()?;
                let offset = match sealed.rebuilt.get() {
                    Some(rebuilt) => super::offset_in(rebuilt, index),
                    None => loaded.tables.as_ref()?.offset(&loaded.mapping, index),
                };
                Some((&loaded.mapping, offset?.into()))
            }
        }
    }
}

/// Prefetches in windows what a walk comes to next.
pub(crate) struct Ahead<'m> {
    mapping: &'m Mapping,
    /// Where the walk ends.
    end: u64,
    /// What was asked for so far.
    asked: u64,
}

impl<'m> Ahead<'m> {
    /// For a walk up to `end`.
    pub(crate) fn new(mapping: &'m Mapping, end: u64) -> Self {
        Ahead { mapping, end: end.min(mapping.len()), asked: 0 }
    }

    /// The walk has come to this offset: the window behind it is asked for, once half of the one before is used up.
    #[inline]
    pub(crate) fn reach(&mut self, offset: u64) {
        if offset + WINDOW / 2 >= self.asked && self.asked < self.end {
            let next = (self.asked.max(offset) + WINDOW).min(self.end);
            self.mapping.prefetch(self.asked.max(offset)..next);
            self.asked = next;
        }
    }
}
