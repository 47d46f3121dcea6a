//! Which positions a segment has, and which of its records has which.
//!
//! In a segment that was appended to each record has the position behind that of the record before it. In one that compaction
//! has written positions may be missing, and its stretches tell which ones there are.

use super::sealed::Rebuilt;
use super::tables::Tables;
use super::{Body, Segment};
use crate::error::LogError;
use annals_format::{SealedSegment, Stretch};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::Mapping;

/// The stretches of a segment, from its footer, where they were verified, or from its frames.
#[derive(Clone, Copy)]
enum Stretches<'s> {
    Footer(&'s Tables, &'s Mapping),
    Found(&'s Rebuilt),
}

impl Stretches<'_> {
    fn count(self) -> u32 {
        match self {
            // Without a table all records follow each other from the first position on, and the last positions are missing.
            Stretches::Footer(tables, _) => tables.stretch_count().max(1),
            Stretches::Found(rebuilt) => u32::try_from(rebuilt.stretches.len()).unwrap_or(u32::MAX),
        }
    }

    fn get(self, number: u32) -> Stretch {
        let found = match self {
            Stretches::Footer(tables, _) if tables.stretch_count() == 0 => {
                Some(Stretch { position: 0, record: 0 })
            }
            Stretches::Footer(tables, mapping) => tables.stretch(mapping, number),
            Stretches::Found(rebuilt) => rebuilt.stretches.get(number as usize).copied(),
        };
        debug_assert!(found.is_some(), "asked for stretch {number}");
        found.unwrap_or(Stretch { position: 0, record: 0 })
    }

    /// The last stretch whose `key` is not above a value.
    fn last_up_to(self, value: u64, key: impl Fn(Stretch) -> u32) -> Option<u32> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            if u64::from(key(self.get(middle))) <= value { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }
}

impl Segment {
    /// Whether every position from the first to the last has an event, without looking at the file.
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        match &self.body {
            Body::Live(_) => true,
            Body::Sealed(sealed) => sealed.entry.positions() == sealed.entry.count,
        }
    }

    /// The number of a position counted from the segment's first, which is that of its record where none is missing.
    #[inline]
    pub(super) fn distance(&self, position: Position) -> u64 {
        position.events_since(self.first_position)
    }

    /// The number of the record of a position, which must be at or after the segment's first; `None` if its event was removed.
    ///
    /// # Errors
    /// That the file cannot be read.
    #[inline]
    pub(super) fn record_of(&self, position: Position) -> Result<Option<u64>, LogError> {
        if self.is_whole() { Ok(Some(self.distance(position))) } else { self.find_record(position) }
    }

    fn find_record(&self, position: Position) -> Result<Option<u64>, LogError> {
        let rank = self.rank(position)?;
        let there = rank < self.records()? && self.position_of(rank)? == position;
        if there { Ok(Some(rank)) } else { self.removed(position).map(|()| None) }
    }

    /// Says that the event of a position was removed; an error if it may also be one of those that damage has taken. That is so
    /// where the stretches are damaged and so are frames: then there are fewer records than the manifest says, and nothing
    /// tells which ones are missing.
    fn removed(&self, position: Position) -> Result<(), LogError> {
        let known = self.has_all_records()? || position > self.last_position();
        if known || planted(Bug::DamagedTakenForRemoved) { Ok(()) } else { Err(self.unreadable(position)) }
    }

    /// How many records the segment has in front of a position; of one behind it, all.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn rank(&self, position: Position) -> Result<u64, LogError> {
        let distance = self.distance(position.max(self.first_position));
        let Some(stretches) = self.stretches()? else { return Ok(distance.min(self.count())) };
        let Some(number) = stretches.last_up_to(distance, |stretch| stretch.position) else { return Ok(0) };
        let stretch = stretches.get(number);
        let next = number + 1;
        let end = if next < stretches.count() { stretches.get(next).record.into() } else { self.records()? };
        let record = u64::from(stretch.record) + (distance - u64::from(stretch.position));
        Ok(record.min(end))
    }

    /// The position of a record, by its number.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn position_of(&self, record: u64) -> Result<Position, LogError> {
        let Some(stretches) = self.stretches()? else { return Ok(self.first_position.plus(record)) };
        let number = stretches.last_up_to(record, |stretch| stretch.record).unwrap_or(0);
        let stretch = stretches.get(number);
        let within = record.saturating_sub(stretch.record.into());
        Ok(self.first_position.plus(u64::from(stretch.position) + within))
    }

    /// About how many bytes a position takes in a sealed segment: from its record to the next one, or to the end of the frames.
    /// Nothing of it is verified. 0 if its event was removed.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn room_of(&self, position: Position) -> Result<u64, LogError> {
        let Some(offset) = self.offset_of(position)? else { return Ok(0) };
        let next = match self.next_position(position.next())? {
            Some(next) => self.offset_of(next)?.map(u64::from),
            None => self.sealed_entry().map(|entry| entry.frames_end),
        };
        Ok(next.map_or(0, |next| next.saturating_sub(u64::from(offset))))
    }

    /// The first position at or behind one that has an event in this segment; `None` if there is none.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn next_position(&self, position: Position) -> Result<Option<Position>, LogError> {
        let rank = self.rank(position)?;
        let next = if rank < self.records()? { Some(self.position_of(rank)?) } else { None };
        if next != Some(position) {
            self.removed(position)?;
        }
        Ok(next)
    }

    /// The last position at or in front of one that has an event in this segment; `None` if there is none.
    ///
    /// # Errors
    /// That the file cannot be read.
    pub fn last_position_up_to(&self, position: Position) -> Result<Option<Position>, LogError> {
        if position < self.first_position || self.is_whole() {
            return Ok(Some(position).filter(|position| *position >= self.first_position));
        }
        let rank = self.rank(position.next())?;
        let last = rank.checked_sub(1).map(|record| self.position_of(record)).transpose()?;
        if last != Some(position) {
            self.removed(position)?;
        }
        Ok(last)
    }

    /// The last position that it covers; of a live segment that is not known here.
    fn last_position(&self) -> Position {
        self.sealed_entry().map_or(Position::MAX, SealedSegment::last_position)
    }

    /// How many events it has; of a live segment that is not known here, and all positions count.
    pub(super) fn count(&self) -> u64 {
        self.sealed_entry().map_or(u64::MAX, |entry| entry.count)
    }

    /// Whether no record is missing that the manifest knows of, or none can be because the footer tells them all.
    pub(super) fn has_all_records(&self) -> Result<bool, LogError> {
        Ok(self.records()? == self.count())
    }

    /// How many records are there, which is fewer where damage has taken some and the stretches as well.
    fn records(&self) -> Result<u64, LogError> {
        Ok(match self.stretches()? {
            Some(Stretches::Found(rebuilt)) => rebuilt.offsets.len() as u64,
            _ => self.count(),
        })
    }

    /// The stretches, if positions are missing.
    fn stretches(&self) -> Result<Option<Stretches<'_>>, LogError> {
        let Body::Sealed(sealed) = &self.body else { return Ok(None) };
        if self.is_whole() {
            return Ok(None);
        }
        if let Some(rebuilt) = sealed.rebuilt.get() {
            return Ok(Some(Stretches::Found(rebuilt)));
        }
        let loaded = self.loaded(sealed)?;
        let positions = sealed.entry.positions();
        let tables = loaded.tables.as_ref();
        match tables.filter(|tables| tables.stretches_are_sound(&loaded.mapping, positions)) {
            Some(tables) => Ok(Some(Stretches::Footer(tables, &loaded.mapping))),
            None => Ok(Some(Stretches::Found(self.rebuild()?))),
        }
    }
}
