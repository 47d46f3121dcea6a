//! A bounded cache of the heads of hot streams: name to the version of the last event.
//!
//! For the one writer, which asks for the head of each stream that it appends to; so there are no locks. What is not in
//! the cache is looked up in the index. It is set-associative: a hash names a set of [`WAYS`] entries, a name is in that set
//! or not at all. A lookup reads the set's tags (32 bytes, all tags together small enough to stay in the processor's
//! cache) and one entry (64 bytes, one cache line). A tag only narrows down: whole names are compared.
//!
//! When a set is full the clock decides: entries that were asked for since the hand last came by are passed over, the
//! first one that was not gives way. New entries have not been asked for, so that a flood of streams that get one event
//! each pushes out its own kind, not the hot ones.

use annals_types::Version;
use annals_types::planted::{Bug, planted};
use annals_vfs::prefetch_value;
use hashbrown::HashSet;

/// How many entries a set has.
const WAYS: usize = 14;
/// How many 16-bit words a set's tags take: the tags, then one bit per way for "asked for", then the clock's hand.
const TAG_WORDS: usize = 16;
const ASKED: usize = WAYS;
const HAND: usize = WAYS + 1;
/// The tag of a way without an entry.
const EMPTY: u16 = 0;
/// An entry: version, length of the name, name.
const ENTRY_BYTES: usize = CACHE_LINE_BYTES;
const LENGTH_AT: usize = 8;
const NAME_AT: usize = 9;
const CACHE_LINE_BYTES: usize = 64;
/// What a set takes.
const SET_BYTES: usize = WAYS * ENTRY_BYTES + TAG_WORDS * 2;

/// Longer names are not kept.
pub(crate) const NAME_BYTES_MAX: usize = ENTRY_BYTES - NAME_AT;

const _: () = {
    assert!(WAYS + 2 == TAG_WORDS && WAYS <= 16, "a set's words hold its tags, a bit for each, and the hand");
    assert!(NAME_BYTES_MAX <= u8::MAX as usize);
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

#[derive(Debug)]
struct Filled {
    tags: Lines<u16>,
    entries: Lines<u8>,
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
        self.filled.as_ref().map_or(0, |filled| filled.tags.bytes() + filled.entries.bytes())
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

/// The ways of a set with a tag, a bit for each.
#[inline]
fn alike(words: &[u16; TAG_WORDS], tag: u16) -> u16 {
    let mut alike = 0;
    for (way, own) in words[..WAYS].iter().enumerate() {
        alike |= u16::from(*own == tag) << way;
    }
    alike
}

/// The way for a new entry: one that is empty, or the first one behind the hand that was not asked for since the hand
/// last came by. The hand goes round at most once, since it takes the mark of what it passes over.
fn choose_way(words: &mut [u16]) -> usize {
    if let Some(empty) = words[..WAYS].iter().position(|tag| *tag == EMPTY) {
        return empty;
    }
    loop {
        let way = usize::from(words[HAND]);
        words[HAND] = if way + 1 < WAYS { words[HAND] + 1 } else { 0 };
        if words[ASKED] & 1 << way == 0 {
            return way;
        }
        words[ASKED] &= !(1 << way);
    }
}

impl Filled {
    fn new(sets: usize) -> Self {
        Filled { tags: Lines::new(sets * TAG_WORDS), entries: Lines::new(sets * WAYS * ENTRY_BYTES) }
    }

    fn words(&self, set: usize) -> &[u16; TAG_WORDS] {
        self.tags.part(set * TAG_WORDS)
    }

    fn words_mut(&mut self, set: usize) -> &mut [u16; TAG_WORDS] {
        self.tags.part_mut(set * TAG_WORDS)
    }

    fn entry(&self, set: usize, way: usize) -> &[u8; ENTRY_BYTES] {
        self.entries.part((set * WAYS + way) * ENTRY_BYTES)
    }

    fn entry_mut(&mut self, set: usize, way: usize) -> &mut [u8; ENTRY_BYTES] {
        self.entries.part_mut((set * WAYS + way) * ENTRY_BYTES)
    }

    fn find(&self, set: usize, tag: u16, name: &str) -> Option<usize> {
        let mut alike = alike(self.words(set), tag);
        while alike != 0 {
            let way = alike.trailing_zeros() as usize;
            let entry = self.entry(set, way);
            let same =
                usize::from(entry[LENGTH_AT]) == name.len() && entry[NAME_AT..].starts_with(name.as_bytes());
            if same || planted(Bug::CachedNamesNotCompared) {
                return Some(way);
            }
            alike &= alike - 1;
        }
        None
    }
}

/// Cells, at first zero, the first of which begins a cache line.
#[derive(Debug)]
struct Lines<T> {
    cells: Vec<T>,
    start: usize,
}

impl<T: Copy + Default> Lines<T> {
    fn new(count: usize) -> Self {
        let slack = CACHE_LINE_BYTES / size_of::<T>();
        // Zeros of plain numbers come from the system as pages that take no memory before they are touched.
        let cells = vec![T::default(); count + slack];
        // An offset that cannot be told costs a second cache line, nothing else.
        let start = Some(cells.as_ptr().align_offset(CACHE_LINE_BYTES)).filter(|start| *start <= slack);
        Lines { cells, start: start.unwrap_or(0) }
    }

    fn part<const COUNT: usize>(&self, from: usize) -> &[T; COUNT] {
        self.cells[self.start + from..].first_chunk().expect("parts lie within")
    }

    fn part_mut<const COUNT: usize>(&mut self, from: usize) -> &mut [T; COUNT] {
        self.cells[self.start + from..].first_chunk_mut().expect("parts lie within")
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_format::run::{TermKind, term_hash};
    use proptest::prelude::*;
    use std::collections::HashMap;

    const KIBIBYTE: usize = 1 << 10;

    fn hash(name: &str) -> u64 {
        term_hash(TermKind::Stream, name, 42)
    }

    fn held(cache: &mut HeadCache, names: &[String], hash: impl Fn(&str) -> u64) -> usize {
        names.iter().filter(|name| cache.get(hash(name), name).is_some()).count()
    }

    fn numbered(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{prefix}-{number}")).collect()
    }

    #[test]
    fn a_cache_without_entries_takes_no_memory() {
        let mut cache = HeadCache::new(64 * KIBIBYTE);
        assert_eq!((cache.memory_bytes(), cache.get(hash("a"), "a")), (0, None));
        cache.put(hash("a"), "a", Version::new(7));
        assert!(cache.memory_bytes() > 0);
        assert_eq!(cache.get(hash("a"), "a"), Some(Version::new(7)));
    }

    #[test]
    fn memory_stays_within_what_was_given_and_is_used() {
        for bytes in [0, 1, 100, 1055, 1056, 1057, 2000, 5000, 64 * KIBIBYTE, 1024 * KIBIBYTE] {
            let mut cache = HeadCache::new(bytes);
            for name in numbered("s", 100) {
                cache.put(hash(&name), &name, Version::FIRST);
            }
            let taken = cache.memory_bytes();
            assert!(taken <= bytes, "{taken} of {bytes}");
            assert!(taken + SET_BYTES + 2 * CACHE_LINE_BYTES > bytes, "{taken} of {bytes}");
        }
    }

    #[test]
    fn as_many_streams_as_there_are_entries_for_mostly_fit() {
        let mut cache = HeadCache::new(1024 * KIBIBYTE);
        let names = numbered("account", 1024 * KIBIBYTE / SET_BYTES * WAYS * 3 / 4);
        for name in &names {
            cache.put(hash(name), name, Version::FIRST);
        }
        assert!(held(&mut cache, &names, hash) > names.len() * 9 / 10);
    }

    #[test]
    fn a_lookup_reads_one_line_of_tags_and_one_of_entries() {
        for bytes in [2000, 10_000, 1024 * KIBIBYTE] {
            let mut cache = HeadCache::new(bytes);
            cache.put(hash("a"), "a", Version::FIRST);
            let sets = cache.sets;
            let filled = cache.filled.as_mut().unwrap();
            let line = |address: usize| address / CACHE_LINE_BYTES;
            for set in 0..sets {
                let words = filled.words(set).as_ptr_range();
                assert_eq!(line(words.start.addr()), line(words.end.addr() - 1));
                let entry = filled.entry(set, set % WAYS).as_ptr_range();
                assert_eq!(line(entry.start.addr()), line(entry.end.addr() - 1));
            }
        }
    }

    #[test]
    fn names_up_to_a_length_are_kept_and_longer_ones_left_out() {
        let mut cache = HeadCache::new(4 * KIBIBYTE);
        for length in [1, NAME_BYTES_MAX - 1, NAME_BYTES_MAX, NAME_BYTES_MAX + 1, 1024] {
            let name = "n".repeat(length);
            cache.put(hash(&name), &name, Version::new(length as u64));
            let kept = (length <= NAME_BYTES_MAX).then_some(Version::new(length as u64));
            assert_eq!(cache.get(hash(&name), &name), kept);
        }
    }

    #[test]
    fn names_chosen_to_collide_only_push_each_other_out() {
        let mut cache = HeadCache::new(64 * KIBIBYTE);
        let others = numbered("other", 100);
        for name in &others {
            cache.put(hash(name), name, Version::new(5));
        }
        let before = held(&mut cache, &others, hash);
        let colliding = numbered("evil", 1000);
        for (number, name) in colliding.iter().enumerate() {
            cache.put(u64::MAX, name, Version::new(number as u64));
            assert_eq!(cache.get(u64::MAX, name), Some(Version::new(number as u64)));
        }
        let left: Vec<u64> =
            colliding.iter().filter_map(|name| cache.get(u64::MAX, name)).map(Version::get).collect();
        assert!(!left.is_empty() && left.len() <= WAYS, "{left:?}");
        assert!(held(&mut cache, &others, hash) + WAYS >= before);
        assert_eq!(cache.get(u64::MAX, "evil-1000"), None);
    }

    #[test]
    fn a_prefix_of_a_kept_name_and_a_longer_name_are_not_found_under_its_hash() {
        let mut cache = HeadCache::new(4 * KIBIBYTE);
        cache.put(7, "account-12", Version::new(3));
        for other in ["account-1", "account-123", "account-13", ""] {
            assert_eq!(cache.get(7, other), None, "{other:?}");
        }
        cache.put(7, "account-1", Version::new(4));
        assert_eq!(cache.get(7, "account-12"), Some(Version::new(3)));
        assert_eq!(cache.get(7, "account-1"), Some(Version::new(4)));
    }

    #[test]
    fn what_was_put_and_cannot_be_found_is_known_to_be_lost_until_everything_begins_anew() {
        let mut cache = HeadCache::new(4 * KIBIBYTE);
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        let names: Vec<String> = numbered("stream", 1000).into_iter().chain([long]).collect();
        assert!(!names.iter().any(|name| cache.may_have_lost(hash(name))));
        for name in &names {
            cache.put(hash(name), name, Version::FIRST);
        }
        let mut kept = 0;
        for name in &names {
            let there = cache.get(hash(name), name).is_some();
            kept += usize::from(there);
            assert!(there || cache.may_have_lost(hash(name)), "{name}");
        }
        assert!(kept > 0 && kept < 100);
        cache.begin_anew();
        assert!(!names.iter().any(|name| cache.may_have_lost(hash(name))));
        let mut nothing = HeadCache::new(0);
        nothing.put(hash("a"), "a", Version::FIRST);
        assert!(nothing.may_have_lost(hash("a")));
    }

    #[test]
    fn hot_streams_outlast_a_flood_of_streams_with_one_event() {
        let mut cache = HeadCache::new(16 * KIBIBYTE);
        let hot = numbered("hot", 40);
        for name in &hot {
            cache.put(hash(name), name, Version::FIRST);
        }
        let kept: Vec<&String> = hot.iter().filter(|name| cache.get(hash(name), name).is_some()).collect();
        assert!(kept.len() >= 38);
        for (number, cold) in numbered("cold", 20_000).iter().enumerate() {
            cache.put(hash(cold), cold, Version::FIRST);
            let name = kept[number % kept.len()];
            assert_eq!(cache.get(hash(name), name), Some(Version::FIRST), "{name} after {number}");
        }
    }

    proptest! {
        #[test]
        fn a_hit_is_always_the_version_last_put(
            bytes in 0_usize..8 * KIBIBYTE,
            hashes in prop::collection::vec(any::<u64>(), 1..5),
            steps in prop::collection::vec((0_u8..60, 0_u8..3, any::<u64>()), 1..400),
        ) {
            let mut cache = HeadCache::new(bytes);
            let mut model: HashMap<String, Version> = HashMap::new();
            for (number, what, version) in steps {
                // Few names and fewer hashes, so that sets and tags are shared. A name always has the same hash.
                let name = "n".repeat(usize::from(number % 7) * 10) + &number.to_string();
                let hash = if number & 1 == 0 { hash(&name) } else { hashes[usize::from(number) % hashes.len()] };
                // Fetching changes nothing.
                cache.ask_for([hash].into_iter());
                match what {
                    0 => {
                        let found = cache.get(hash, &name);
                        prop_assert!(found.is_none() || found == model.get(&name).copied());
                    }
                    _ => {
                        cache.put(hash, &name, Version::new(version));
                        model.insert(name.clone(), Version::new(version));
                        let kept = (name.len() <= NAME_BYTES_MAX && cache.sets > 0).then_some(Version::new(version));
                        prop_assert_eq!(cache.get(hash, &name), kept);
                    }
                }
                prop_assert!(cache.memory_bytes() <= bytes);
            }
            let found = model.iter().filter(|(name, version)| {
                let number: usize = name.trim_start_matches('n').parse().unwrap_or(0);
                let hash = if number & 1 == 0 { hash(name) } else { hashes[number % hashes.len()] };
                cache.get(hash, name) == Some(**version)
            });
            prop_assert!(found.count() <= cache.sets * WAYS);
        }
    }
}
