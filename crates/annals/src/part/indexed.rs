//! What the index is told of the events of the log.

use annals_format::{Binding, Corruption, Damage, Manifest};
use annals_index::{IndexedEvent, MemoryIndex, TermKey, TermKind};
use annals_types::{EventRef, Position, Version};
use annals_wal::Segment;

/// How the memory indexes of a store are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexPlan {
    /// Random and kept secret, see the manifest.
    pub(crate) hash_seed: u64,
    /// Whether ids that producers gave can be looked up.
    pub(crate) ids: bool,
}

impl IndexPlan {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        IndexPlan { hash_seed: manifest.hash_seed, ids: manifest.ids_indexed }
    }

    /// An index of no events yet.
    pub(crate) fn begin(self, first_position: Position) -> MemoryIndex {
        let index = MemoryIndex::new(first_position, self.hash_seed);
        if self.ids { index } else { index.without_ids() }
    }
}

/// The event type under which the index has the positions of lost events. No event has it.
pub(crate) const LOST: &str = "";

/// The event as the index sees it: only ids that producers gave are looked up there.
pub(crate) fn indexed<'a>(event: &EventRef<'a>, binding: Binding) -> IndexedEvent<'a> {
    let made = binding.made_id(event.position, event.recorded_at);
    IndexedEvent {
        position: event.position,
        stream: event.stream,
        version: event.version,
        event_type: event.event_type,
        tags: event.tags,
        id: (event.id != made).then_some(event.id),
    }
}

/// Takes an event of the log into an index, where it must follow the one before it in its stream.
pub(crate) fn insert_stored(
    index: &mut MemoryIndex,
    segment: &Segment,
    event: &EventRef<'_>,
) -> Result<(), Corruption> {
    let inserted = index.try_insert(&indexed(event, segment.binding()));
    inserted.map_err(|expected| out_of_order(segment, event, expected))
}

/// The same with events that lie one behind the other, which wait for memory together.
pub(crate) fn insert_all_stored(
    index: &mut MemoryIndex,
    segment: &Segment,
    events: &[EventRef<'_>],
) -> Result<(), Corruption> {
    let (before, seed, binding) = (index.event_count(), index.hash_seed(), segment.binding());
    let hashed = events.iter().map(|event| {
        let hash = TermKey::new(TermKind::Stream, event.stream, seed).hash(seed);
        (hash, indexed(event, binding))
    });
    index.insert_all(hashed).map_err(|expected| {
        let inserted = usize::try_from(index.event_count() - before).unwrap_or(usize::MAX);
        events.get(inserted).map_or_else(
            || unreachable!("the event that was refused is one of these"),
            |event| out_of_order(segment, event, expected),
        )
    })
}

fn out_of_order(segment: &Segment, event: &EventRef<'_>, expected: Version) -> Corruption {
    let offset = segment.offset_of(event.position).ok().flatten().map_or(0, u64::from);
    let damage = Damage::new(offset, "version in its stream", event.version.get(), expected.get());
    let mut corruption = damage.in_file(segment.path());
    corruption.what = format!("{} (position {})", corruption.what, event.position);
    corruption
}
