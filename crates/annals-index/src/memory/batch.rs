//! Taking in many events at once.

use super::{MemoryIndex, NO_TERM};
use crate::event::IndexedEvent;
use annals_types::Version;

/// Events whose memory is fetched together. Taken in one by one, an event of one of 100,000 streams took 160 ns, together
/// 97 ns (2026-11-30).
const TOGETHER: usize = 32;

impl MemoryIndex {
    /// Adds the next events, each with the hash of its stream's name, as [`TermKey::hash`](crate::TermKey::hash) gives it
    /// for [`MemoryIndex::hash_seed`] (of an event without a stream: that of the empty name).
    ///
    /// The same as [`MemoryIndex::try_insert`] one after the other, but the waiting for memory is shared: what the events
    /// of a group touch is fetched in steps, each of which only needs what the one before it has brought.
    ///
    /// # Errors
    /// That of the first event that [`MemoryIndex::try_insert`] refuses. Those before it are in the index then, which
    /// [`MemoryIndex::event_count`] tells; it and those behind it are not.
    ///
    /// # Panics
    /// As [`MemoryIndex::insert`].
    pub fn insert_all<'a>(
        &mut self,
        events: impl IntoIterator<Item = (u64, IndexedEvent<'a>)>,
    ) -> Result<(), Version> {
        let mut events = events.into_iter();
        let mut group: Vec<(u64, IndexedEvent<'a>)> = Vec::with_capacity(TOGETHER);
        loop {
            group.clear();
            group.extend(events.by_ref().take(TOGETHER));
            if group.is_empty() {
                return Ok(());
            }
            let likely = self.fetch(&group);
            for ((hash, event), likely) in group.iter().zip(likely) {
                self.insert_hashed(*hash, likely, event)?;
            }
        }
    }

    /// Has what the streams of a group take fetched into the processor's cache. Gives the terms that they are likely to be.
    ///
    /// In loops of a few instructions each: a prefetch that misses the table of pages holds up what follows it, and the
    /// shorter a loop, the more of them wait at once.
    fn fetch(&self, group: &[(u64, IndexedEvent<'_>)]) -> [u32; TOGETHER] {
        for (hash, _) in group {
            self.terms.ask_for_slot(*hash);
        }
        let mut found = [NO_TERM; TOGETHER];
        for (number, (hash, _)) in found.iter_mut().zip(group) {
            *number = self.terms.ask_for_term(*hash).unwrap_or(NO_TERM);
        }
        for term in found.iter().filter_map(|number| self.terms.try_get(*number)) {
            self.terms.ask_for_name(term);
            self.lists.ask_for_end(&term.list);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TermKey, TermKind};
    use annals_types::{Position, Tags};

    const SEED: u64 = 7;

    fn event(position: u64, stream: &str, version: u64) -> (u64, IndexedEvent<'_>) {
        let (position, version) = (Position::new(position), Version::new(version));
        let event =
            IndexedEvent { position, stream, version, event_type: "t", tags: Tags::default(), id: None };
        (TermKey::new(TermKind::Stream, stream, SEED).hash(SEED), event)
    }

    #[test]
    fn a_version_that_does_not_follow_ends_a_batch_before_its_event() {
        for before in [0, 1, 31, 32, 33, 100] {
            let mut index = MemoryIndex::new(Position::FIRST, SEED);
            let good = (1..=before).map(|number| event(number, "a", number));
            let bad = [event(before + 1, "b", 1), event(before + 2, "b", 3), event(before + 3, "c", 1)];
            assert_eq!(index.insert_all(good.chain(bad)), Err(Version::new(2)));
            assert_eq!(index.event_count(), before + 1);
            assert_eq!(index.find(TermKind::Stream, "b").unwrap().count(), 1);
            assert!(index.find(TermKind::Stream, "c").is_none());
        }
    }

    #[test]
    fn a_stream_that_comes_for_the_first_time_may_come_again_in_the_same_batch() {
        let mut index = MemoryIndex::new(Position::FIRST, SEED);
        index.insert_all((1..=200).map(|number| event(number, "a", number))).unwrap();
        assert_eq!(index.find(TermKind::Stream, "a").unwrap().last_version(), Version::new(200));
        assert_eq!(index.term_count(TermKind::Stream), 1);
    }

    #[test]
    fn lost_events_of_unknown_streams_may_be_among_the_others() {
        let mut index = MemoryIndex::new(Position::FIRST, SEED);
        index.insert_all([event(1, "a", 1), event(2, "", 0), event(3, "", 0), event(4, "a", 2)]).unwrap();
        assert_eq!((index.event_count(), index.term_count(TermKind::Stream)), (4, 1));
    }

    /// Two names under one hash: the term that is fetched ahead is the other one's.
    #[test]
    fn the_term_that_was_likely_is_compared_by_name() {
        let mut index = MemoryIndex::new(Position::FIRST, SEED);
        let other = index.terms.add(event(1, "a", 1).0, TermKind::Stream, "b");
        let likely = index.fetch(&[event(1, "a", 1)]);
        assert_eq!(likely[0], other);
        assert!(!index.terms.is(other, TermKind::Stream, "a"));
        assert!(!index.terms.is(other, TermKind::Tag, "b") && index.terms.is(other, TermKind::Stream, "b"));
    }
}
