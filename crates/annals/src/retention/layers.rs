//! Streams with rules or floors of their own, in little memory: 32 bytes for each.
//!
//! The name of a stream is not kept. Each entry has the hash of the name and the position of an event in the log that says it: two
//! streams with one hash are told apart there. Entries lie in layers, each sorted by hash and never changed, the newest last. A
//! change adds a small layer, and neighbours are merged where the newer one has grown to half of the older one: so there are about as
//! many layers as the logarithm of the entries says, views share them, and a change among a million streams does not copy a million.
//! A million streams take 32 MB, and as much again for a moment where the largest layers are merged: a process had 52 MB more after it had
//! read the rules of a million closed streams (2026-11-30).

use annals_types::{Position, Version};
use std::sync::Arc;

/// In the upper bits of [`Entry::anew`]. Versions are far below.
const TOMBSTONED: u64 = 1 << 63;
const HAS_RULE: u64 = 1 << 62;
const FLAGS: u64 = TOMBSTONED | HAS_RULE;

/// What is known of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) hash: u64,
    /// Of an event that names the stream: the one with its rule, if it has one.
    position: u64,
    /// The first version that was not truncated or deleted.
    floor: u64,
    /// The first version behind the last deletion, and flags.
    anew: u64,
}

const _: () = assert!(size_of::<Entry>() == 32);

impl Entry {
    pub(crate) fn new(hash: u64, position: Position) -> Self {
        Entry { hash, position: position.get(), floor: 0, anew: 0 }
    }

    pub(crate) fn position(&self) -> Position {
        Position::new(self.position)
    }

    /// The first version that was not truncated or deleted; at least 1.
    pub(crate) fn floor(&self) -> Version {
        Version::new(self.floor.max(1))
    }

    /// The first version behind the last deletion; 1 if there was none.
    pub(crate) fn anew(&self) -> Version {
        Version::new((self.anew & !FLAGS).max(1))
    }

    pub(crate) fn is_tombstoned(&self) -> bool {
        self.anew & TOMBSTONED != 0
    }

    /// Whether the event at its position is a rule that says something.
    pub(crate) fn has_rule(&self) -> bool {
        self.anew & HAS_RULE != 0
    }

    pub(crate) fn set_rule(&mut self, position: Position, is_rule: bool) {
        self.position = position.get();
        self.anew = (self.anew & !HAS_RULE) | if is_rule { HAS_RULE } else { 0 };
    }

    /// A floor never goes down: what was below it may be gone.
    pub(crate) fn truncate(&mut self, before: Version) {
        self.floor = self.floor.max(before.get() & !FLAGS);
    }

    pub(crate) fn delete(&mut self, before: Version, for_good: bool) {
        self.truncate(before);
        let before = (self.anew & !FLAGS).max(before.get() & !FLAGS);
        self.anew = before | (self.anew & FLAGS) | if for_good { TOMBSTONED } else { 0 };
    }
}

/// The entries of all streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// The oldest first. Within one, by hash; of equal hashes the newest first.
    layers: Vec<Arc<Vec<Entry>>>,
    /// Hashes that several streams have: entries with these are never taken for newer ones of each other.
    shared: Arc<Vec<u64>>,
}

impl Layers {
    /// The newest entry with a hash of which `is_it` says that it is the stream's.
    pub(crate) fn find<E>(
        &self,
        hash: u64,
        mut is_it: impl FnMut(&Entry) -> Result<bool, E>,
    ) -> Result<Option<Entry>, E> {
        for layer in self.layers.iter().rev() {
            let from = first_with(layer, hash);
            for entry in layer[from..].iter().take_while(|entry| entry.hash == hash) {
                if is_it(entry)? {
                    return Ok(Some(*entry));
                }
            }
        }
        Ok(None)
    }

    /// Several streams have this hash.
    pub(crate) fn note_shared(&mut self, hash: u64) {
        if let Err(at) = self.shared.binary_search(&hash) {
            Arc::make_mut(&mut self.shared).insert(at, hash);
        }
    }

    /// Adds entries, which take the place of those with the same stream.
    pub(crate) fn add(&mut self, mut entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        entries.sort_by_key(|entry| entry.hash);
        entries.shrink_to_fit();
        let mut newest = Arc::new(entries);
        while let Some(older) = self.layers.pop_if(|older| newest.len() >= older.len() / 2) {
            newest = Arc::new(self.merged(&older, &newest));
        }
        self.layers.push(newest);
    }

    fn merged(&self, older: &[Entry], newer: &[Entry]) -> Vec<Entry> {
        let mut merged = Vec::with_capacity(older.len() + newer.len());
        let (mut old, mut new) = (older.iter().peekable(), newer.iter().peekable());
        loop {
            match (old.peek(), new.peek()) {
                (Some(one), Some(other)) if one.hash == other.hash => {
                    let hash = one.hash;
                    merged.extend(std::iter::from_fn(|| new.next_if(|entry| entry.hash == hash)));
                    let shared = self.shared.binary_search(&hash).is_ok();
                    while let Some(entry) = old.next_if(|entry| entry.hash == hash) {
                        if shared {
                            merged.push(*entry);
                        }
                    }
                }
                (Some(one), Some(other)) if one.hash > other.hash => merged.extend(new.next()),
                (Some(_), _) => merged.extend(old.next()),
                (None, Some(_)) => merged.extend(new.next()),
                (None, None) => return merged,
            }
        }
    }

    /// How many entries there are; those that newer ones have taken the place of may be counted, too.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.layers.iter().map(|layer| layer.len()).sum()
    }
}

/// Where in a layer the entries with a hash are, or would be. Hashes are spread evenly, so a hash itself tells about where: it is looked
/// for around there, in steps that double, and so in few pages of a layer of many megabytes.
fn first_with(layer: &[Entry], hash: u64) -> usize {
    let guess = (u128::from(hash) * layer.len() as u128) >> 64;
    let guess = usize::try_from(guess).unwrap_or(0);
    let (mut low, mut high, mut step) = (guess, guess, 16);
    while low > 0 && layer[low - 1].hash >= hash {
        low = low.saturating_sub(step);
        step *= 2;
    }
    while high < layer.len() && layer[high].hash < hash {
        high = (high + step).min(layer.len());
        step *= 2;
    }
    low + layer[low..high].partition_point(|entry| entry.hash < hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Finds the entry of a stream, whose events stand at positions of which the map tells the stream.
    fn found(layers: &Layers, streams: &HashMap<u64, u8>, stream: u8, hash: u64) -> Option<Entry> {
        let is_it = |entry: &Entry| Ok::<_, ()>(streams[&entry.position().get()] == stream);
        layers.find(hash, is_it).unwrap()
    }

    proptest! {
        /// Hashes of three values for twenty streams: most of them are shared.
        #[test]
        fn the_newest_entry_of_each_stream_is_found_whatever_hashes_they_share(
            changes in prop::collection::vec(prop::collection::vec(0..20_u8, 1..6), 0..40)
        ) {
            let (mut layers, mut streams, mut model) = (Layers::default(), HashMap::new(), HashMap::new());
            let mut position = 0;
            for change in changes {
                let mut added: HashMap<u8, Entry> = HashMap::new();
                for stream in change {
                    let hash = u64::from(stream % 3);
                    let is_it = |entry: &Entry| Ok::<_, ()>(streams[&entry.position().get()] == stream);
                    let known = layers.find(hash, is_it).unwrap();
                    let others = layers.find(hash, |entry| is_it(entry).map(|is| !is)).unwrap().is_some();
                    if others || added.keys().any(|other| *other != stream && other % 3 == stream % 3) {
                        layers.note_shared(hash);
                    }
                    position += 1;
                    streams.insert(position, stream);
                    let before = added.get(&stream).copied().or(known);
                    let mut entry = before.unwrap_or(Entry::new(hash, Position::new(position)));
                    entry.truncate(Version::new(position));
                    added.insert(stream, entry);
                    model.insert(stream, entry);
                }
                layers.add(added.into_values().collect());
                for stream in 0..20 {
                    let found = found(&layers, &streams, stream, u64::from(stream % 3));
                    prop_assert_eq!(found, model.get(&stream).copied());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_hash_is_looked_for_where_it_is_wherever_that_is(
            mut hashes in prop::collection::vec(prop_oneof![any::<u64>(), 0..50_u64, u64::MAX - 50..=u64::MAX], 0..200),
            wanted in prop_oneof![any::<u64>(), 0..50_u64, u64::MAX - 50..=u64::MAX],
        ) {
            hashes.sort_unstable();
            let layer: Vec<Entry> = hashes.iter().map(|hash| Entry::new(*hash, Position::FIRST)).collect();
            for hash in hashes.iter().copied().chain([wanted, 0, u64::MAX]) {
                prop_assert_eq!(first_with(&layer, hash), layer.partition_point(|entry| entry.hash < hash));
            }
        }
    }

    #[test]
    fn a_million_streams_take_32_bytes_each_and_few_layers() {
        let mut layers = Layers::default();
        for chunk in 0..1000_u64 {
            let entries = (0..1000).map(|number| {
                let number = chunk * 1000 + number;
                Entry::new(number.wrapping_mul(0x9E37_79B9_7F4A_7C15), Position::new(number + 1))
            });
            layers.add(entries.collect());
        }
        assert_eq!(layers.len(), 1_000_000);
        assert!(layers.layers.len() < 20, "{} layers", layers.layers.len());
    }

    #[test]
    fn floors_do_not_go_down_and_flags_do_not_touch_versions() {
        let mut entry = Entry::new(1, Position::new(5));
        assert_eq!((entry.floor(), entry.anew()), (Version::FIRST, Version::FIRST));
        entry.truncate(Version::new(4));
        entry.truncate(Version::new(2));
        entry.set_rule(Position::new(7), true);
        assert_eq!((entry.floor(), entry.anew(), entry.has_rule()), (Version::new(4), Version::FIRST, true));
        entry.delete(Version::new(9), true);
        entry.truncate(Version::new(8));
        assert_eq!((entry.floor(), entry.anew()), (Version::new(9), Version::new(9)));
        assert!(entry.has_rule() && entry.is_tombstoned());
        entry.set_rule(Position::new(8), false);
        assert!(!entry.has_rule() && entry.is_tombstoned() && entry.position() == Position::new(8));
    }
}
