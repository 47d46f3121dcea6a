//! Lists of positions that grow, many of them short.
//!
//! Up to two positions are in the [`List`] itself. Up to 124 are in a chain of chunks, each twice as long as
//! the one before it, all cut from one array. Longer lists have an array of their own.

use annals_vfs::prefetch_value;

/// Positions that a [`List`] holds itself.
const INLINE: usize = 2;
/// Positions in the first chunk; each next one has twice as many.
const CHUNK: usize = 4;
const CHUNK_CLASSES: u32 = 5;
/// Positions in a chain of all chunks.
const CHAIN_MAX: usize = CHUNK * ((1 << CHUNK_CLASSES) - 1);

/// One list: how long it is, and where its positions are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    count: u32,
    /// The positions themselves; or the first and the last chunk; or the number of the long list.
    place: [u32; INLINE],
}

impl List {
    pub(super) fn count(&self) -> u64 {
        self.count.into()
    }
}

/// The positions of all lists that do not fit into a [`List`].
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Chunks: a word that says where the next one is, then the positions.
    words: Vec<u32>,
    long: Vec<Vec<u32>>,
    long_bytes: usize,
}

impl Lists {
    /// Adds a position behind the others.
    #[inline]
    pub(super) fn push(&mut self, list: &mut List, position: u32) {
        let count = list.count as usize;
        match count {
            0..INLINE => list.place[count] = position,
            INLINE => {
                let [first, second] = list.place;
                let head = self.chunk(0);
                let at = head as usize;
                self.words[at + 1..=at + 3].copy_from_slice(&[first, second, position]);
                list.place = [head, head];
            }
            3..CHAIN_MAX => {
                let (class, used) = chunk_of(count);
                if used == 0 {
                    let next = self.chunk(class);
                    self.words[list.place[1] as usize] = next;
                    list.place[1] = next;
                }
                self.words[list.place[1] as usize + 1 + used] = position;
            }
            CHAIN_MAX => {
                let mut positions = Vec::with_capacity(2 * CHAIN_MAX);
                self.slices(list).for_each(|slice| positions.extend_from_slice(slice));
                positions.push(position);
                self.long_bytes += positions.capacity() * size_of::<u32>();
                list.place = [number(self.long.len()), 0];
                self.long.push(positions);
            }
            _ => {
                let positions = &mut self.long[list.place[0] as usize];
                let before = positions.capacity();
                positions.push(position);
                self.long_bytes += (positions.capacity() - before) * size_of::<u32>();
            }
        }
        list.count += 1;
    }

    /// Has fetched what the next [`Lists::push`] writes to. Long lists are used so often that they are at hand.
    #[inline]
    pub(super) fn ask_for_end(&self, list: &List) {
        let count = list.count as usize;
        if count <= INLINE || count >= CHAIN_MAX {
            return;
        }
        // Where a new chunk begins, the last word that is written to is the link to it.
        let (_, used) = chunk_of(count);
        let within = if used == 0 { 0 } else { 1 + used };
        if let Some(word) = self.words.get(list.place[1] as usize + within) {
            prefetch_value(word);
        }
    }

    /// The last position.
    pub(super) fn last(&self, list: &List) -> Option<u32> {
        let last = (list.count as usize).checked_sub(1)?;
        if last < INLINE {
            Some(list.place[last])
        } else if last < CHAIN_MAX {
            Some(self.words[list.place[1] as usize + 1 + chunk_of(last).1])
        } else {
            self.long[list.place[0] as usize].last().copied()
        }
    }

    /// The positions, ascending, in as many slices as they lie in.
    pub(super) fn slices<'a>(&'a self, list: &'a List) -> Slices<'a> {
        let count = list.count as usize;
        let (whole, chunk) = match count {
            0..=INLINE => (&list.place[..count], 0),
            3..=CHAIN_MAX => (&[][..], list.place[0] as usize),
            _ => (&self.long[list.place[0] as usize][..], 0),
        };
        let left = if whole.is_empty() { count } else { 0 };
        Slices { words: &self.words, whole, chunk, length: CHUNK, left }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
            + self.long.capacity() * size_of::<Vec<u32>>()
            + self.long_bytes
    }

    fn chunk(&mut self, class: u32) -> u32 {
        let at = self.words.len();
        self.words.resize(at + 1 + (CHUNK << class), 0);
        number(at)
    }
}

/// The slices of a list.
#[derive(Clone, Debug)]
pub(super) struct Slices<'a> {
    words: &'a [u32],
    /// All positions, if they lie together.
    whole: &'a [u32],
    chunk: usize,
    length: usize,
    left: usize,
}

impl<'a> Iterator for Slices<'a> {
    type Item = &'a [u32];

    fn next(&mut self) -> Option<&'a [u32]> {
        if !self.whole.is_empty() {
            return Some(std::mem::take(&mut self.whole));
        }
        if self.left == 0 {
            return None;
        }
        let taken = self.left.min(self.length);
        let slice = &self.words[self.chunk + 1..][..taken];
        self.chunk = self.words[self.chunk] as usize;
        self.length *= 2;
        self.left -= taken;
        Some(slice)
    }
}

/// In which chunk of a chain an ordinal is, and where in it.
#[inline]
fn chunk_of(ordinal: usize) -> (u32, usize) {
    let class = (ordinal / CHUNK + 1).ilog2();
    (class, ordinal - CHUNK * ((1 << class) - 1))
}

/// All numbers of a memory index have 32 bits; there are fewer events than that.
fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a memory index has less than 2^32 positions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_every_length_keep_all_positions_in_order() {
        let mut lists = Lists::default();
        let mut all = vec![List::default(); 300];
        // Interleaved, so that no chunk lies next to the one before it.
        for position in 0..300 {
            for (length, list) in all.iter_mut().enumerate().filter(|(length, _)| position < *length) {
                let position = (position * 7 + length) as u32;
                lists.push(list, position);
                assert_eq!(lists.last(list), Some(position));
            }
        }
        for (length, list) in all.iter().enumerate() {
            let expected: Vec<u32> = (0..length).map(|position| (position * 7 + length) as u32).collect();
            assert_eq!(lists.slices(list).flatten().copied().collect::<Vec<_>>(), expected);
            assert_eq!(list.count(), length as u64);
            assert_eq!(lists.last(list), expected.last().copied());
        }
    }

    #[test]
    fn memory_is_counted_for_short_and_long_lists() {
        let mut lists = Lists::default();
        let mut list = List::default();
        for position in 0..10_000 {
            lists.push(&mut list, position);
            let least = if list.count as usize <= INLINE { 0 } else { list.count as usize * 4 };
            assert!(lists.memory_bytes() >= least);
        }
    }
}
