//! The newest part of the index: in memory, and added to with each append.

mod adding;
mod batch;
mod finding;
mod ids;
mod lists;
mod slots;
mod terms;

use annals_format::run::TermKind;
use annals_types::Position;
use ids::Ids;
use lists::Lists;
use std::fmt;
use terms::Terms;

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

    /// The seed of its hashes.
    #[must_use]
    pub fn hash_seed(&self) -> u64 {
        self.terms.hash_seed()
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
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex")
            .field("first_position", &self.first_position)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
