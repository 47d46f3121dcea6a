//! Adding the events of an append, one by one, in the order of their positions.

use super::{MemoryIndex, NO_TERM};
use crate::event::IndexedEvent;
use annals_format::run::TermKind;
use annals_types::{Position, Version, category_of};

impl MemoryIndex {
    /// Adds the next event, which the store has made. Positions come without gaps, and the versions of a stream
    /// ascend by one.
    ///
    /// # Panics
    /// After 2^32 - 1 events or 4 GiB of names: the index has to be written out long before.
    #[inline]
    pub fn insert(&mut self, event: &IndexedEvent<'_>) {
        let inserted = self.try_insert(event);
        debug_assert_eq!(inserted, Ok(()), "versions have a gap");
    }

    /// Adds the next event, as the log says it. Positions come without gaps; versions are looked at, since no checksum
    /// ties a record to the one before it in its stream, and lookups by version rely on them.
    ///
    /// # Errors
    /// The version that should follow in the stream, if the event's is another one. Nothing is added then.
    ///
    /// # Panics
    /// As [`MemoryIndex::insert`].
    #[inline]
    pub fn try_insert(&mut self, event: &IndexedEvent<'_>) -> Result<(), Version> {
        self.insert_hashed(self.terms.hash(TermKind::Stream, event.stream), NO_TERM, event)
    }

    /// Adds the next event, with the hash of its stream's name, and the term that this is likely to be.
    #[inline]
    pub(super) fn insert_hashed(
        &mut self,
        hash: u64,
        likely: u32,
        event: &IndexedEvent<'_>,
    ) -> Result<(), Version> {
        let position = self.events;
        debug_assert_eq!(event.position, self.first_position.plus(position.into()), "positions have a gap");
        debug_assert_eq!(hash, self.terms.hash(TermKind::Stream, event.stream), "the hash of another name");
        let named = !event.stream.is_empty();
        let stream = named.then(|| self.stream(hash, likely, event.stream, event.version)).transpose()?;
        self.events = position.checked_add(1).expect("a memory index has less than 2^32 events");

        // Of a lost event the stream may not be known.
        if let Some(stream) = stream {
            let category = self.terms.get(stream).category;
            self.push(stream, position);
            self.push(category, position);
        }
        self.last_type = self.term_like(self.last_type, TermKind::Type, event.event_type);
        self.push(self.last_type, position);
        for tag in event.tags.iter() {
            let tag = self.terms.find_or_add(TermKind::Tag, tag);
            // A tag may be given twice.
            if self.lists.last(&self.terms.get(tag).list) != Some(position) {
                self.push(tag, position);
            }
        }
        if let Some(id) = event.id.filter(|_| self.ids_wanted) {
            self.ids.insert(id, position);
        }
        Ok(())
    }

    /// Passes over positions whose events were removed, so that the next one is at `position`; does nothing if that is not
    /// behind the next one.
    ///
    /// # Panics
    /// As [`MemoryIndex::insert`].
    pub fn skip_to(&mut self, position: Position) {
        let events = position.events_since(self.first_position.min(position));
        if events > u64::from(self.events) {
            self.events = u32::try_from(events).expect("a memory index has less than 2^32 events");
        }
    }

    /// Whether `events` more events with names of together at most `name_bytes` bytes can be inserted.
    #[must_use]
    pub fn has_room_for(&self, events: u64, name_bytes: u64) -> bool {
        let most = u64::from(u32::MAX);
        // A category is kept apart from the stream name that it is a part of.
        u64::from(self.events) + events <= most && self.terms.name_bytes_total() + 2 * name_bytes <= most
    }

    /// The number of a stream's term, which is made if need be, together with that of its category; or the version
    /// that should follow, if it is not this one.
    #[inline]
    fn stream(&mut self, hash: u64, likely: u32, name: &str, version: Version) -> Result<u32, Version> {
        let likely = self.terms.is(likely, TermKind::Stream, name).then_some(likely);
        if let Some(number) = likely.or_else(|| self.terms.find_hashed(hash, TermKind::Stream, name)) {
            let term = self.terms.get(number);
            let expected = term.first_version.plus(term.list.count());
            return if version == expected { Ok(number) } else { Err(expected) };
        }
        self.last_category = self.term_like(self.last_category, TermKind::Category, category_of(name));
        let number = self.terms.add(hash, TermKind::Stream, name);
        let term = self.terms.get_mut(number);
        (term.category, term.first_version) = (self.last_category, version);
        Ok(number)
    }

    /// The number of a term, which is made if it is not there; asked first is the one that it was last time.
    #[inline]
    fn term_like(&mut self, last: u32, kind: TermKind, name: &str) -> u32 {
        if self.terms.is(last, kind, name) { last } else { self.terms.find_or_add(kind, name) }
    }

    #[inline]
    fn push(&mut self, term: u32, position: u32) {
        self.lists.push(&mut self.terms.get_mut(term).list, position);
    }
}
