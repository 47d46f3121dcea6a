//! The sets of the cache in memory: which cache lines they take, what their words say, and who gives way.

use annals_types::planted::{Bug, planted};

/// How many entries a set has.
pub(super) const WAYS: usize = 14;
/// How many 16-bit words a set's tags take: the tags, then one bit per way for "asked for", then the clock's hand.
const TAG_WORDS: usize = 16;
pub(super) const ASKED: usize = WAYS;
const HAND: usize = WAYS + 1;
/// The tag of a way without an entry.
pub(super) const EMPTY: u16 = 0;
/// An entry: version, length of the name, name.
const ENTRY_BYTES: usize = CACHE_LINE_BYTES;
pub(super) const LENGTH_AT: usize = 8;
pub(super) const NAME_AT: usize = 9;
pub(super) const CACHE_LINE_BYTES: usize = 64;
/// What a set takes.
pub(super) const SET_BYTES: usize = WAYS * ENTRY_BYTES + TAG_WORDS * 2;

/// Longer names are not kept.
pub(super) const NAME_BYTES_MAX: usize = ENTRY_BYTES - NAME_AT;

const _: () = {
    assert!(WAYS + 2 == TAG_WORDS && WAYS <= 16, "a set's words hold its tags, a bit for each, and the hand");
    assert!(NAME_BYTES_MAX <= u8::MAX as usize);
};

/// Sets, all of them; at first without entries.
#[derive(Debug)]
pub(super) struct Filled {
    tags: Lines<u16>,
    entries: Lines<u8>,
}

/// The ways of a set with a tag, a bit for each.
#[inline]
pub(super) fn alike(words: &[u16; TAG_WORDS], tag: u16) -> u16 {
    let mut alike = 0;
    for (way, own) in words[..WAYS].iter().enumerate() {
        alike |= u16::from(*own == tag) << way;
    }
    alike
}

/// The way for a new entry: one that is empty, or the first one behind the hand that was not asked for since the hand
/// last came by. The hand goes round at most once, since it takes the mark of what it passes over.
pub(super) fn choose_way(words: &mut [u16]) -> usize {
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
    pub(super) fn new(sets: usize) -> Self {
        Filled { tags: Lines::new(sets * TAG_WORDS), entries: Lines::new(sets * WAYS * ENTRY_BYTES) }
    }

    pub(super) fn words(&self, set: usize) -> &[u16; TAG_WORDS] {
        self.tags.part(set * TAG_WORDS)
    }

    pub(super) fn words_mut(&mut self, set: usize) -> &mut [u16; TAG_WORDS] {
        self.tags.part_mut(set * TAG_WORDS)
    }

    pub(super) fn entry(&self, set: usize, way: usize) -> &[u8; ENTRY_BYTES] {
        self.entries.part((set * WAYS + way) * ENTRY_BYTES)
    }

    pub(super) fn entry_mut(&mut self, set: usize, way: usize) -> &mut [u8; ENTRY_BYTES] {
        self.entries.part_mut((set * WAYS + way) * ENTRY_BYTES)
    }

    pub(super) fn find(&self, set: usize, tag: u16, name: &str) -> Option<usize> {
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

    /// How many bytes it takes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.tags.bytes() + self.entries.bytes()
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
