//! The newest part of the index: in memory, and added to with each append.

mod batch;
mod ids;
mod lists;
mod slots;
mod terms;

use crate::event::IndexedEvent;
use crate::key::{IdKey, TermKey};
use crate::postings::Postings;
use annals_format::run::TermKind;
use annals_types::{Position, Uuid, Version, category_of};
use ids::Ids;
use lists::Lists;
use std::fmt;
use terms::{Term, Terms};

/// The index of the newest events.
///
/// An event of a known stream costs no allocation of its own: names lie in one string, positions in chunks of
/// one array, both of which grow now and then.
///
/// ```
/// use annals_index::{IndexedEvent, MemoryIndex, TermKind};
/// use annals_types::{Position, Tags, Version};
///
/// let mut index = MemoryIndex::new(Position::FIRST, 42);
/// for (position, stream, version) in [(1, "account-7", 1), (2, "account-8", 1), (3, "account-7", 2)] {
///     index.insert(&IndexedEvent {
///         position: Position::new(position),
///         stream,
///         version: Version::new(version),
///         event_type: "deposited",
///         tags: Tags::default(),
///         id: None,
///     });
/// }
/// let stream = index.find(TermKind::Stream, "account-7").expect("two of the events are its");
/// assert_eq!((stream.count(), stream.last_version()), (2, Version::new(2)));
/// let mut positions = Vec::new();
/// index.positions(&stream, 0, 10, &mut positions);
/// assert_eq!(positions, [Position::new(1), Position::new(3)]);
/// assert_eq!(index.term_count(TermKind::Stream), 2);
/// ```
pub struct MemoryIndex {
    first_position: Position,
    /// The relative position of the next event: how many there are, unless some were removed.
    events: u32,
    terms: Terms,
    lists: Lists,
    ids: Ids,
    ids_wanted: bool,
    /// The terms of the last event's type, and of the category of the stream that was new last: mostly the next one's, too.
    last_type: u32,
    last_category: u32,
}

/// The number that no term has.
const NO_TERM: u32 = u32::MAX;

impl MemoryIndex {
    /// An index of no events yet. The first one will be at `first_position`; `hash_seed` is random and not
    /// known outside, so that nobody can choose names that all fall into one place.
    #[must_use]
    pub fn new(first_position: Position, hash_seed: u64) -> Self {
        MemoryIndex {
            first_position,
            events: 0,
            terms: Terms::new(hash_seed),
            lists: Lists::default(),
            ids: Ids::new(hash_seed),
            ids_wanted: true,
            last_type: NO_TERM,
            last_category: NO_TERM,
        }
    }

    /// The same, for a store whose events are not looked up by id: ids are left out, and take no room.
    #[must_use]
    pub fn without_ids(mut self) -> Self {
        self.ids_wanted = false;
        self
    }

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
    fn insert_hashed(&mut self, hash: u64, likely: u32, event: &IndexedEvent<'_>) -> Result<(), Version> {
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

    /// Where a term is, `None` if it has not occurred.
    #[must_use]
    pub fn find(&self, kind: TermKind, key: &str) -> Option<Postings> {
        self.terms.find(kind, key).map(|number| self.terms.get(number).postings(number))
    }

    /// As [`MemoryIndex::find`], with the hash computed before: for who asks many parts for the same term.
    #[must_use]
    pub fn find_key(&self, key: &TermKey<'_>) -> Option<Postings> {
        let hash = key.hash(self.terms.hash_seed());
        let number = self.terms.find_hashed(hash, key.kind(), key.name())?;
        Some(self.terms.get(number).postings(number))
    }

    /// Appends to `out` the positions of the ordinals `from..from + limit`, as far as there are, ascending.
    pub fn positions(&self, postings: &Postings, from: u64, limit: usize, out: &mut Vec<Position>) {
        let Some(term) = self.term(postings) else { return };
        let wanted = postings.ordinals(from, limit);
        let mut start = 0;
        for slice in self.lists.slices(&term.list) {
            if start >= wanted.end {
                break;
            }
            let end = start + slice.len() as u64;
            let (low, high) = (wanted.start.clamp(start, end), wanted.end.clamp(start, end));
            let found = &slice[(low - start) as usize..(high - start) as usize];
            out.extend(found.iter().map(|position| self.first_position.plus((*position).into())));
            start = end;
        }
    }

    /// How many of the first `postings.count()` positions lie at or before `position`.
    #[must_use]
    pub fn rank(&self, postings: &Postings, position: Position) -> u64 {
        let Some(term) = self.term(postings) else { return 0 };
        if position < self.first_position {
            return 0;
        }
        let relative = position.events_since(self.first_position);
        let mut rank = 0;
        for slice in self.lists.slices(&term.list) {
            let within = slice.partition_point(|position| u64::from(*position) <= relative);
            rank += within as u64;
            if within < slice.len() || rank >= postings.count {
                break;
            }
        }
        rank.min(postings.count)
    }

    /// Appends to `out` the positions that may have an id, ascending.
    pub fn find_id(&self, id: Uuid, out: &mut Vec<Position>) {
        self.find_id_key(&IdKey::new(id, self.terms.hash_seed()), out);
    }

    /// As [`MemoryIndex::find_id`], with the hash computed before.
    pub fn find_id_key(&self, key: &IdKey, out: &mut Vec<Position>) {
        out.extend(self.ids.find(key).map(|position| self.first_position.plus(position.into())));
    }

    /// The seed of its hashes.
    #[must_use]
    pub fn hash_seed(&self) -> u64 {
        self.terms.hash_seed()
    }

    /// The terms of a kind that begin with `prefix`, in the order of their bytes, strictly after `after` if
    /// given; at most `limit`, with their postings.
    ///
    /// Looks at every term of the kind, so who wants all of them asks for many at a time.
    #[must_use]
    pub fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<(String, Postings)> {
        let found = self.terms.select(kind, prefix, after, limit);
        let answer = |number| {
            let term = self.terms.get(number);
            (self.terms.name(term).to_owned(), term.postings(number))
        };
        found.into_iter().map(answer).collect()
    }

    /// Appends to `out` those of the terms number `from..from + limit` of a kind, in the order in which they came,
    /// that begin with `prefix`. Returns the number to go on from.
    ///
    /// For who shares the index with a writer and wants all terms: it can be unlocked between the calls.
    pub fn terms_as_they_came(
        &self,
        kind: TermKind,
        prefix: &str,
        from: usize,
        limit: usize,
        out: &mut Vec<(String, Postings)>,
    ) -> usize {
        let all = self.terms.of_kind(kind);
        let end = from.saturating_add(limit).min(all.len());
        for number in all.get(from..end).unwrap_or_default() {
            let term = self.terms.get(*number);
            let name = self.terms.name(term);
            if name.as_bytes().starts_with(prefix.as_bytes()) {
                out.push((name.to_owned(), term.postings(*number)));
            }
        }
        end.max(from)
    }

    /// How many terms of a kind there are.
    #[must_use]
    pub fn term_count(&self, kind: TermKind) -> u64 {
        self.terms.of_kind(kind).len() as u64
    }

    /// How many events have an id that their producer gave.
    #[must_use]
    pub fn id_count(&self) -> u64 {
        self.ids.count()
    }

    /// How many positions it is about, those of removed events among them.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.events.into()
    }

    /// The position of the first event.
    #[must_use]
    pub fn first_position(&self) -> Position {
        self.first_position
    }

    /// How many bytes of memory the index has taken, whether they are in use yet or not.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.terms.memory_bytes() + self.lists.memory_bytes() + self.ids.memory_bytes()
    }

    /// The terms of a kind in the order of their names: name, first version, positions.
    pub(crate) fn sorted_terms(&self, kind: TermKind) -> impl Iterator<Item = TermPositions<'_>> {
        self.terms.sorted(kind).into_iter().map(|number| {
            let term = self.terms.get(number);
            TermPositions {
                name: self.terms.name(term),
                first_version: term.first_version,
                count: term.list.count(),
                slices: self.lists.slices(&term.list),
            }
        })
    }

    /// Every id with its position, relative to the first.
    pub(crate) fn all_ids(&self) -> impl Iterator<Item = (Uuid, u32)> + '_ {
        self.ids.all()
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

    /// The term of postings; `None` only if they are of another index.
    fn term(&self, postings: &Postings) -> Option<&Term> {
        u32::try_from(postings.place).ok().and_then(|number| self.terms.try_get(number))
    }
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex")
            .field("first_position", &self.first_position)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// A term with all of its positions, relative to the first of the index.
pub(crate) struct TermPositions<'a> {
    pub(crate) name: &'a str,
    pub(crate) first_version: Version,
    pub(crate) count: u64,
    slices: lists::Slices<'a>,
}

impl<'a> TermPositions<'a> {
    /// The positions, ascending.
    pub(crate) fn positions(self) -> impl Iterator<Item = u64> + use<'a> {
        self.slices.flatten().map(|position| u64::from(*position))
    }
}
