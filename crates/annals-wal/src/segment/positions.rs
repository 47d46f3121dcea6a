//! Which positions a segment has, and which of its records has which.
//!
//! In a segment that was appended to each record has the position behind that of the record before it. In one that compaction
//! has written positions may be missing, and its stretches tell which ones there are: those in the footer if they are as they
//! were written, and otherwise those that are found by walking the frames. Which of the two it is, is decided once, so that the
//! number of a record stays what it is for as long as the segment is open.

use super::sealed::{Loaded, Rebuilt, Sealed};
use super::tables::Tables;
use super::{Body, Segment};
use crate::error::LogError;
use annals_format::{Damage, SEGMENT_HEADER_BYTES, SealedSegment, Stretch};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::Mapping;

/// Where no stretch is told, all records lie in one, from the first position on.
const ONLY: Stretch = Stretch { position: 0, record: 0 };

/// Where the stretches of a segment are.
#[derive(Clone, Copy)]
enum Stretches<'s> {
    Footer(&'s Tables, &'s Mapping),
    Found(&'s Rebuilt),
}

/// The numbers of the records of a segment of which positions are missing. Positions are counted from the segment's first.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'s> {
    stretches: Stretches<'s>,
    /// How many records there are, which is fewer than were written where damage has taken some and the stretches as well.
    pub(super) records: u64,
}

impl Numbers<'_> {
    fn count(self) -> u32 {
        let told = match self.stretches {
            Stretches::Footer(tables, _) => tables.stretch_count(),
            Stretches::Found(rebuilt) => u32::try_from(rebuilt.stretches.len()).unwrap_or(u32::MAX),
        };
        told.max(1)
    }

    fn get(self, number: u32) -> Stretch {
        let told = match self.stretches {
            Stretches::Footer(tables, mapping) => tables.stretch(mapping, number),
            Stretches::Found(rebuilt) => rebuilt.stretches.get(number as usize).copied(),
        };
        told.unwrap_or(ONLY)
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

    /// The number of the record at a position, or else how many records lie in front of it.
    pub(super) fn find(self, distance: u64) -> Result<u64, u64> {
        let Some(number) = self.last_up_to(distance, |stretch| stretch.position) else { return Err(0) };
        let (stretch, next) = (self.get(number), number + 1);
        let end = if next < self.count() { self.get(next).record.into() } else { self.records };
        // No stretch has a number above its position.
        let record = u64::from(stretch.record) + (distance - u64::from(stretch.position));
        if record < end { Ok(record) } else { Err(end) }
    }

    pub(super) fn rank(self, distance: u64) -> u64 {
        self.find(distance).unwrap_or_else(|rank| rank)
    }

    /// The position of a record.
    pub(super) fn distance_of(self, record: u64) -> u64 {
        let stretch = self.get(self.last_up_to(record, |stretch| stretch.record).unwrap_or(0));
        u64::from(stretch.position) + record.saturating_sub(stretch.record.into())
    }
}

impl Segment {
    /// The number of a position counted from the segment's first, which is that of its record where none is missing.
    #[inline]
    pub(super) fn distance(&self, position: Position) -> u64 {
        position.events_since(self.first_position)
    }

    /// The number of the record of a position, which must be at or after the segment's first; `None` if its event was removed.
    ///
    /// # Errors
    /// That the file cannot be read, or that it is so damaged that this is not known.
    #[inline]
    pub(super) fn record_of(&self, position: Position) -> Result<Option<u64>, LogError> {
        if self.whole { Ok(Some(self.distance(position))) } else { self.find_record(position) }
    }

    fn find_record(&self, position: Position) -> Result<Option<u64>, LogError> {
        let Some(numbers) = self.numbers()? else { return Ok(Some(self.distance(position))) };
        match numbers.find(self.distance(position)) {
            Ok(record) if position >= self.first_position => Ok(Some(record)),
            _ => self.removed(position).map(|()| None),
        }
    }

    /// The same if it is known without opening the file and without walking it; `None` otherwise, too.
    #[inline]
    pub(super) fn known_record(&self, position: Position) -> Option<u64> {
        if self.whole {
            return Some(self.distance(position));
        }
        let Body::Sealed(sealed) = &self.body else { return None };
        self.known_numbers(sealed, sealed.loaded.get()?)?.find(self.distance(position)).ok()
    }

    /// How many records lie in front of a position, if that is known in the same way.
    pub(super) fn known_rank(&self, position: Position) -> Option<u64> {
        if self.whole {
            return Some(self.distance(position));
        }
        let Body::Sealed(sealed) = &self.body else { return None };
        Some(self.known_numbers(sealed, sealed.loaded.get()?)?.rank(self.distance(position)))
    }

    /// Says that the event of a position was removed; an error if it may also be one of those that damage has taken. That is so
    /// where the stretches are damaged and so are frames: then there are fewer records than the manifest says, and nothing
    /// tells which ones are missing.
    pub(super) fn removed(&self, position: Position) -> Result<(), LogError> {
        let known = self.has_all_records()? || position > self.last_position();
        if known || planted(Bug::DamagedTakenForRemoved) { Ok(()) } else { Err(self.unreadable(position)) }
    }

    /// How many events the segment has in front of a position; in front of one behind it, all.
    ///
    /// # Errors
    /// That the file cannot be read, or that it is so damaged that the number is not known.
    pub fn rank(&self, position: Position) -> Result<u64, LogError> {
        let distance = self.distance(position);
        let Some(numbers) = self.numbers()? else { return Ok(distance.min(self.count())) };
        self.check_all_there(numbers)?;
        Ok(numbers.rank(distance))
    }

    /// The position of an event, by how many the segment has in front of it.
    ///
    /// # Errors
    /// As [`Segment::rank`]; that it does not have so many.
    pub fn position_of(&self, rank: u64) -> Result<Position, LogError> {
        let distance = match self.numbers()? {
            Some(numbers) => {
                self.check_all_there(numbers)?;
                numbers.distance_of(rank)
            }
            None => rank,
        };
        let position = self.first_position.plus(distance);
        if rank < self.count() { Ok(position) } else { Err(self.unreadable(position)) }
    }

    fn check_all_there(&self, numbers: Numbers<'_>) -> Result<(), LogError> {
        let (found, expected) = (numbers.records, self.count());
        if found == expected {
            return Ok(());
        }
        let damage = Damage::new(SEGMENT_HEADER_BYTES as u64, "events that can be read", found, expected);
        Err(LogError::corrupt(&self.path, damage))
    }

    /// The first position at or behind one that has an event in this segment; `None` if there is none.
    ///
    /// # Errors
    /// That the file cannot be read, or that it is so damaged that this is not known.
    pub fn next_position(&self, position: Position) -> Result<Option<Position>, LogError> {
        let position = position.max(self.first_position);
        let Some(numbers) = self.numbers()? else {
            return Ok((self.distance(position) < self.count()).then_some(position));
        };
        match numbers.find(self.distance(position)) {
            Ok(_) => Ok(Some(position)),
            Err(rank) => {
                self.removed(position)?;
                Ok((rank < numbers.records).then(|| self.first_position.plus(numbers.distance_of(rank))))
            }
        }
    }

    /// The last position at or in front of one that has an event in this segment; `None` if there is none.
    ///
    /// # Errors
    /// As [`Segment::next_position`].
    pub fn last_position_up_to(&self, position: Position) -> Result<Option<Position>, LogError> {
        if position < self.first_position {
            return Ok(None);
        }
        let Some(numbers) = self.numbers()? else { return Ok(Some(position.min(self.last_position()))) };
        match numbers.find(self.distance(position)) {
            Ok(_) => Ok(Some(position)),
            Err(rank) => {
                self.check_all_there(numbers)?;
                let last = rank.checked_sub(1).map(|record| numbers.distance_of(record));
                Ok(last.map(|distance| self.first_position.plus(distance)))
            }
        }
    }

    /// About how many bytes a position takes in a sealed segment: from its record to the next one, or to the end of the frames.
    /// Nothing of it is verified. 0 if its event was removed.
    ///
    /// # Errors
    /// As [`Segment::event`], and [`Segment::next_position`].
    pub fn room_of(&self, position: Position) -> Result<u64, LogError> {
        let Some(offset) = self.offset_of(position)? else { return Ok(0) };
        let next = match self.next_position(position.next())? {
            Some(next) => self.offset_of(next)?.map(u64::from),
            None => self.sealed_entry().map(|entry| entry.frames_end),
        };
        Ok(next.map_or(0, |next| next.saturating_sub(u64::from(offset))))
    }

    /// The last position that it covers; of a live segment that is not known here.
    fn last_position(&self) -> Position {
        self.sealed_entry().map_or(Position::MAX, SealedSegment::last_position)
    }

    /// How many events it has; of a live segment that is not known here, and all positions count.
    pub(super) fn count(&self) -> u64 {
        self.sealed_entry().map_or(u64::MAX, |entry| entry.count)
    }

    /// Whether no record is missing that the manifest knows of.
    pub(super) fn has_all_records(&self) -> Result<bool, LogError> {
        Ok(self.numbers()?.is_none_or(|numbers| numbers.records == self.count()))
    }

    /// The numbers of the records, if positions are missing.
    pub(super) fn numbers(&self) -> Result<Option<Numbers<'_>>, LogError> {
        let Body::Sealed(sealed) = &self.body else { return Ok(None) };
        if self.whole {
            return Ok(None);
        }
        let known = self.known_numbers(sealed, self.loaded(sealed)?);
        known.map_or_else(|| self.rebuild().map(found), Ok).map(Some)
    }

    fn known_numbers<'s>(&'s self, sealed: &'s Sealed, loaded: &'s Loaded) -> Option<Numbers<'s>> {
        self.numbers_of_footer(sealed, loaded).or_else(|| sealed.rebuilt.get().map(found))
    }

    /// The numbers by the footer, if its stretches are as they were written.
    pub(super) fn numbers_of_footer<'s>(
        &'s self,
        sealed: &Sealed,
        loaded: &'s Loaded,
    ) -> Option<Numbers<'s>> {
        let tables = loaded.tables.as_ref()?;
        let sound = tables.stretches_are_sound(&loaded.mapping, sealed.entry.positions());
        let stretches = Stretches::Footer(tables, &loaded.mapping);
        sound.then_some(Numbers { stretches, records: sealed.entry.count })
    }
}

/// The numbers of what was found in the frames.
fn found(rebuilt: &Rebuilt) -> Numbers<'_> {
    Numbers { stretches: Stretches::Found(rebuilt), records: rebuilt.offsets.len() as u64 }
}
