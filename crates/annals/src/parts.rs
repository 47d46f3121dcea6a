//! The log as of some moment: its segments, and the parts of the index.

use crate::erasure::UnderWay;
use crate::error::ReadError;
use crate::part::Part;
use crate::retention::SharedRules;
use crate::schema::Schemas;
use annals_index::TermKey;
use annals_types::{EventRef, PayloadError, Position, Version};
use annals_wal::Segment;
use std::ops::Range;
use std::sync::Arc;

/// All segments in order of positions, and the parts of the index, which cover the same positions. Never changed, only
/// replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// The seed of the hashes in all parts of the index.
    pub(crate) hash_seed: u64,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) index: Vec<Arc<Part>>,
    /// How events are brought to the newest versions of their schemas. It is kept here so that a view takes no more to make
    /// than it would without.
    pub(crate) schemas: Arc<Schemas>,
    /// The highest position of which the event was removed.
    pub(crate) removed: Position,
    /// What hides events. Kept here for the same reason.
    pub(crate) retention: Arc<SharedRules>,
    /// Requests to erase that are not finished; `None` if there are none.
    pub(crate) erasing: Option<Arc<UnderWay>>,
    /// How many requests to erase have come since the store was opened.
    pub(crate) erasures: u64,
}

impl Parts {
    /// The segment that holds a position.
    #[inline]
    pub(crate) fn segment_of(&self, position: Position) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.first_position() <= position);
        self.segments.get(after.checked_sub(1)?).map(|segment| &**segment)
    }

    /// The segment that holds a position, and all positions for which it is the one.
    pub(crate) fn segment_with_positions(&self, position: Position) -> Option<(&Segment, Range<Position>)> {
        let after = self.segments.partition_point(|segment| segment.first_position() <= position);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        let end = self.segments.get(after).map_or(Position::MAX, |next| next.first_position());
        Some((segment, segment.first_position()..end))
    }

    /// How many events lie between two positions, which must be visible. Those that were lost count; those that were removed do
    /// not.
    pub(crate) fn events_between(&self, first: Position, last: Position) -> Result<u64, ReadError> {
        let mut events = 0;
        let numbers = self.segments_begun(first).saturating_sub(1)..self.segments_begun(last);
        for (segment, own, end) in numbers.filter_map(|number| self.segment(number, last)) {
            let (first, end) =
                (own.max(first), segment.sealed_entry().map_or(end, |entry| entry.last_position().min(end)));
            if first <= end {
                events += segment.rank(end.next())? - segment.rank(first)?;
            }
        }
        Ok(events)
    }

    /// The segment that covers a position, and all positions for which it is the one; `None` if it was removed as a whole.
    pub(crate) fn holder_of(&self, position: Position) -> Option<(&Segment, Range<Position>)> {
        let (segment, mut positions) = self.segment_with_positions(position)?;
        if let Some(entry) = segment.sealed_entry() {
            positions.end = positions.end.min(entry.last_position().next());
        }
        positions.contains(&position).then_some((segment, positions))
    }

    /// The nearest position at or behind one, in the direction of reading, of which the event was not removed.
    pub(crate) fn nearest(&self, position: Position, backwards: bool) -> Result<Option<Position>, ReadError> {
        if position > self.removed {
            return Ok(Some(position));
        }
        let begun = self.segments_begun(position);
        let mut numbers = if backwards { 0..begun } else { begun.saturating_sub(1)..self.segments.len() };
        while let Some(number) = if backwards { numbers.next_back() } else { numbers.next() } {
            let segment = &self.segments[number];
            let found = match backwards {
                true => segment.last_position_up_to(position)?,
                false => segment.next_position(position)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The event at a position, which must be visible; `None` if it was removed.
    #[inline]
    pub(crate) fn event(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        match self.segment_of(position).filter(|segment| covers(segment, position)) {
            Some(segment) => Ok(segment.event(position)?),
            None => Ok(None),
        }
    }

    /// What a payload that cannot be read is to whoever cannot go on without it: damage of its segment, if it is that.
    #[cold]
    pub(crate) fn payload_error(&self, error: PayloadError) -> ReadError {
        let segment = self.segment_of(error.position()).filter(|_| error.is_damage());
        match segment.map(Segment::dictionary) {
            Some(Err(damage)) => damage.into(),
            _ => error.into(),
        }
    }

    /// The same for an error of reading what the store has written for itself.
    #[cold]
    pub(crate) fn own_error(&self, error: ReadError) -> ReadError {
        match error {
            ReadError::Payload(error) => self.payload_error(error),
            other => other,
        }
    }

    /// The version of a stream's last event, staged ones included; [`Version::ZERO`] if it has none.
    pub(crate) fn head(&self, stream: &TermKey<'_>) -> Result<Version, ReadError> {
        for part in self.index.iter().rev() {
            if let Some(version) = part.last_version(stream)? {
                return Ok(version);
            }
        }
        Ok(Version::ZERO)
    }

    /// The version of a stream's last event up to a position, staged ones included; [`Version::ZERO`] if it has none.
    pub(crate) fn last_version(&self, stream: &TermKey<'_>, last: Position) -> Result<Version, ReadError> {
        Self::last_version_in(self.ranges(last).rev(), stream)
    }

    /// The same of what is not sealed yet.
    pub(crate) fn last_version_in_memory(
        &self,
        stream: &TermKey<'_>,
        last: Position,
    ) -> Result<Version, ReadError> {
        let in_memory = self.ranges(last).rev().filter(|(part, ..)| part.as_run().is_none());
        Self::last_version_in(in_memory, stream)
    }

    /// In the parts of an index, the last one first.
    fn last_version_in<'p>(
        parts: impl Iterator<Item = (&'p Part, Position, Position)>,
        stream: &TermKey<'_>,
    ) -> Result<Version, ReadError> {
        for (part, _, last) in parts {
            let Some(mut located) = part.find_key(stream)? else { continue };
            let count = if part.ends_by(last) { located.count() } else { part.rank(&mut located, last)? };
            if count > 0 {
                return Ok(located.first_version().plus(count - 1));
            }
        }
        Ok(Version::ZERO)
    }

    /// The version of a stream's first event that is stored; `None` if there is none.
    pub(crate) fn first_version(&self, stream: &TermKey<'_>) -> Result<Option<Version>, ReadError> {
        for part in &self.index {
            if let Some(located) = part.find_key(stream)? {
                return Ok(Some(located.first_version()));
            }
        }
        Ok(None)
    }

    /// Has what the runs need for looking up a term fetched into the processor's cache.
    pub(crate) fn prefetch(&self, key: &TermKey<'_>) {
        self.index.iter().rev().filter_map(|part| part.as_run()).for_each(|run| run.prefetch(key));
    }

    /// The parts of the index that may have events up to `last`: first and last position of each.
    pub(crate) fn ranges(
        &self,
        last: Position,
    ) -> impl DoubleEndedIterator<Item = (&Part, Position, Position)> {
        stretches(&self.index, last, Part::first_position)
    }

    /// How many parts of the index begin at or before a position.
    pub(crate) fn parts_up_to(&self, position: Position) -> usize {
        self.index.partition_point(|part| part.first_position() <= position)
    }

    /// A part of the index by its number, with the first and the last position that it has up to `last`.
    pub(crate) fn part(&self, number: usize, last: Position) -> Option<(&Part, Position, Position)> {
        let part = self.index.get(number)?;
        let next = self.index.get(number + 1);
        let end = next.map_or(last, |next| next.first_position().previous().min(last));
        Some((part, part.first_position(), end))
    }

    /// How many segments begin at or before a position.
    pub(crate) fn segments_begun(&self, position: Position) -> usize {
        self.segments.partition_point(|segment| segment.first_position() <= position)
    }

    /// A segment by its number, with the first and the last position that it has up to `last`.
    pub(crate) fn segment(&self, number: usize, last: Position) -> Option<(&Segment, Position, Position)> {
        let segment = self.segments.get(number)?;
        let next = self.segments.get(number + 1);
        let end = next.map_or(last, |next| next.first_position().previous().min(last));
        Some((segment, segment.first_position(), end))
    }

    /// The segments that may have events up to `last`: first and last position of each.
    pub(crate) fn segments_up_to(
        &self,
        last: Position,
    ) -> impl DoubleEndedIterator<Item = (&Segment, Position, Position)> {
        stretches(&self.segments, last, Segment::first_position)
    }

    /// The segments that hold the positions of a range.
    pub(crate) fn segments_within(
        &self,
        first: Position,
        last: Position,
    ) -> impl DoubleEndedIterator<Item = &Segment> {
        let from = self.segments.partition_point(|segment| segment.first_position() <= first);
        let to = self.segments.partition_point(|segment| segment.first_position() <= last);
        self.segments[from.saturating_sub(1)..to.max(from.saturating_sub(1))].iter().map(|segment| &**segment)
    }
}

/// Whether a position is not behind a segment: where segments were removed as a whole, positions lie between others.
#[inline]
fn covers(segment: &Segment, position: Position) -> bool {
    segment.sealed_entry().is_none_or(|entry| position <= entry.last_position())
}

/// What lies side by side, with the first and the last position of each, up to `last`.
fn stretches<T>(
    all: &[Arc<T>],
    last: Position,
    first_of: impl Fn(&T) -> Position + Copy,
) -> impl DoubleEndedIterator<Item = (&T, Position, Position)> {
    let within = all.partition_point(|one| first_of(one) <= last);
    (0..within)
        .map(move |index| {
            let end = all.get(index + 1).map_or(last, |next| first_of(next).previous().min(last));
            (&*all[index], first_of(&all[index]), end)
        })
        .filter(|(_, first, last)| first <= last)
}
