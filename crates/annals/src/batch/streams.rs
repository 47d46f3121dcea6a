//! The streams of a batch, found by their names.

use super::{Batch, BatchEvent};
use annals_index::{TermKey, TermKind};
use annals_types::{Expected, Version};
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

/// One stream of a batch.
#[derive(Debug)]
pub(crate) struct BatchStream {
    pub(crate) name: Box<str>,
    pub(crate) expected: Option<Expected>,
    /// How many events of the batch it gets.
    pub(crate) events: u64,
    /// Of its name, for the index. Known once the batch is given to a store.
    pub(crate) hash: u64,
    /// The version of its last event, with those of the batch. Known once the batch was decided on.
    pub(crate) head: Version,
}

/// Up to this many streams are found by looking at each.
const FEW: usize = 8;

impl BatchStream {
    /// What it is looked up with, once it is hashed with this seed.
    pub(crate) fn key(&self, hash_seed: u64) -> TermKey<'_> {
        TermKey::hashed(TermKind::Stream, &self.name, hash_seed, self.hash)
    }
}

impl Batch {
    /// Hashes the names of its streams for the index of a store: on the caller's thread, which has the time.
    pub(crate) fn hash_streams(&mut self, hash_seed: u64) {
        for stream in &mut self.streams {
            stream.hash = TermKey::new(TermKind::Stream, &stream.name, hash_seed).hash(hash_seed);
        }
    }

    pub(super) fn stream_index(&mut self, name: &str) -> u32 {
        // Events of one stream often follow each other.
        if let Some(BatchEvent { stream: last, .. }) = self.events.last()
            && *self.streams[*last as usize].name == *name
        {
            return *last;
        }
        if self.streams.len() <= FEW {
            if let Some(index) = self.streams.iter().position(|stream| *stream.name == *name) {
                return u32::try_from(index).unwrap_or(u32::MAX);
            }
            if self.streams.len() < FEW {
                return self.add_stream(name);
            }
        }
        self.find_or_add(name)
    }

    fn add_stream(&mut self, name: &str) -> u32 {
        let index = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        let (name, head) = (name.into(), Version::ZERO);
        self.streams.push(BatchStream { name, expected: None, events: 0, hash: 0, head });
        index
    }

    /// Where there are more than a few streams: one hash for looking and for adding.
    fn find_or_add(&mut self, name: &str) -> u32 {
        let (streams, hasher) = (&self.streams, &self.hasher);
        let hash_of = |index: &u32| hasher.hash_one(&*streams[*index as usize].name);
        if self.by_name.is_empty() {
            for index in 0..u32::try_from(streams.len()).unwrap_or(0) {
                self.by_name.insert_unique(hash_of(&index), index, hash_of);
            }
        }
        let same = |index: &u32| *streams[*index as usize].name == *name;
        match self.by_name.entry(self.hasher.hash_one(name), same, hash_of) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(vacant) => {
                let index = u32::try_from(streams.len()).unwrap_or(u32::MAX);
                vacant.insert(index);
                self.add_stream(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_types::NewEvent;

    #[test]
    fn streams_are_told_apart_by_name_however_many_there_are() {
        let mut batch = Batch::new();
        for round in 0..3 {
            for stream in 0..50 {
                batch.push(&format!("s-{stream}"), &NewEvent::new("t", &b""[..])).unwrap();
            }
            assert_eq!((batch.streams.len(), batch.len()), (50, 50 * (round + 1)));
        }
        assert!(batch.streams.iter().all(|stream| stream.events == 3));
        assert!(batch.events[50..53].iter().map(|event| event.stream).eq(0..3));
    }
}
