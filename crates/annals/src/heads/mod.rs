//! A bounded cache of the heads of hot streams: name to the version of the last event.
//!
//! For the one writer, which asks for the head of each stream that it appends to; so there are no locks. What is not in
//! the cache is looked up in the index. It is set-associative: a hash names a set of [`WAYS`](sets::WAYS) entries, a name is in that set
//! or not at all. A lookup reads the set's tags (32 bytes, all tags together small enough to stay in the processor's
//! cache) and one entry (64 bytes, one cache line). A tag only narrows down: whole names are compared.
//!
//! When a set is full the clock decides: entries that were asked for since the hand last came by are passed over, the
//! first one that was not gives way. New entries have not been asked for, so that a flood of streams that get one event
//! each pushes out its own kind, not the hot ones.

mod sets;
#[cfg(test)]
mod tests;

use annals_types::Version;
use annals_types::planted::{Bug, planted};
use annals_vfs::prefetch_value;
use hashbrown::HashSet;
use sets::{
    ASKED, CACHE_LINE_BYTES, EMPTY, Filled, LENGTH_AT, NAME_AT, NAME_BYTES_MAX, SET_BYTES, alike, choose_way,
};

/// The heads of hot streams, in bounded memory. It takes none before the first [`HeadCache::put`], and then what the system
/// gives page by page as sets come into use.
#[derive(Debug)]
pub(crate) struct HeadCache {
    sets: usize,
    /// Set and tag of what gave way to others, or was not taken: at most as many as events may be staged.
    lost: HashSet<(usize, u16), foldhash::fast::RandomState>,
    /// `None` before the first entry.
    filled: Option<Filled>,
}

impl HeadCache {
    /// A cache that takes at most `bytes` of memory. With fewer than a set needs (about a kibibyte) it keeps nothing.
    pub(crate) fn new(bytes: usize) -> Self {
        HeadCache {
            sets: bytes.saturating_sub(2 * CACHE_LINE_BYTES) / SET_BYTES,
            lost: HashSet::default(),
            filled: None,
        }
    }

    /// Has fetched what looking up these hashes is likely to read. In two loops of a few instructions each: a prefetch that
    /// misses the table of pages holds up what follows it, and the shorter a loop, the more of them wait at once.
    pub(crate) fn ask_for(&self, hashes: impl Iterator<Item = u64> + Clone) {
        let Some(filled) = &self.filled else { return };
        for hash in hashes.clone() {
            prefetch_value(filled.words(self.set_of(hash)));
        }
        for hash in hashes {
            let set = self.set_of(hash);
            let alike = alike(filled.words(set), tag_of(hash));
            if alike != 0 {
                prefetch_value(filled.entry(set, alike.trailing_zeros() as usize));
            }
        }
    }

    /// The version last put under a name, if it is still there. `hash` is keyed, and always the same for a name.
    pub(crate) fn get(&mut self, hash: u64, name: &str) -> Option<Version> {
        let set = self.set_of(hash);
        let filled = self.filled.as_mut()?;
        let way = filled.find(set, tag_of(hash), name)?;
        filled.words_mut(set)[ASKED] |= 1 << way;
        let (version, _) = filled.entry(set, way).split_first_chunk()?;
        Some(Version::new(u64::from_le_bytes(*version)))
    }

    /// Whether there is an entry with a name, as far as its hash tells; does not count as asking for it.
    pub(crate) fn may_know(&self, hash: u64) -> bool {
        let alike = |filled: &Filled| alike(filled.words(self.set_of(hash)), tag_of(hash)) != 0;
        self.filled.as_ref().is_some_and(alike)
    }

    /// Keeps the head of a stream, perhaps in the place of another one's.
    pub(crate) fn put(&mut self, hash: u64, name: &str, version: Version) {
        let (set, tag) = (self.set_of(hash), tag_of(hash));
        let mut displaced = EMPTY;
        if name.len() > NAME_BYTES_MAX || self.sets == 0 {
            return self.lose(set, tag);
        }
        let filled = self.filled.get_or_insert_with(|| Filled::new(self.sets));
        let way = match filled.find(set, tag, name) {
            Some(_) if planted(Bug::CachedHeadNotMoved) => return,
            Some(way) => way,
            None => {
                let way = choose_way(filled.words_mut(set));
                displaced = std::mem::replace(&mut filled.words_mut(set)[way], tag);
                let entry = filled.entry_mut(set, way);
                entry[LENGTH_AT] = u8::try_from(name.len()).unwrap_or(u8::MAX);
                entry[NAME_AT..NAME_AT + name.len()].copy_from_slice(name.as_bytes());
                way
            }
        };
        filled.entry_mut(set, way)[..LENGTH_AT].copy_from_slice(&version.get().to_le_bytes());
        if displaced != EMPTY {
            self.lose(set, displaced);
        }
    }

    fn lose(&mut self, set: usize, tag: u16) {
        if !planted(Bug::LostHeadForgotten) {
            self.lost.insert((set, tag));
        }
    }

    /// Whether the head of a stream may have been put here and be gone since [`HeadCache::begin_anew`].
    pub(crate) fn may_have_lost(&self, hash: u64) -> bool {
        !self.lost.is_empty() && self.lost.contains(&(self.set_of(hash), tag_of(hash)))
    }

    /// What was lost up to now can be found in the index.
    pub(crate) fn begin_anew(&mut self) {
        self.lost.clear();
    }

    /// How many bytes it has taken: nothing before the first [`HeadCache::put`], never more than it was given.
    #[cfg(test)]
    fn memory_bytes(&self) -> usize {
        self.filled.as_ref().map_or(0, Filled::bytes)
    }

    /// The high bits of the hash choose the set; [`tag_of`] takes the low ones.
    fn set_of(&self, hash: u64) -> usize {
        usize::try_from((u128::from(hash) * self.sets as u128) >> 64).unwrap_or(0)
    }
}

/// Never [`EMPTY`].
fn tag_of(hash: u64) -> u16 {
    let [low, high, ..] = hash.to_le_bytes();
    u16::from_le_bytes([low, high]).max(EMPTY + 1)
}
