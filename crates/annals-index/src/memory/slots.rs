//! Hash to number: the table under the names and under the ids.
//!
//! Open addressing with linear probing, eight bytes a slot, nothing ever removed. A lookup in a large table
//! waits for one cache line, where a table with control bytes beside its slots (hashbrown) waits for two, one
//! after the other: an event of one of a million streams took 690 ns with the latter and takes 560 ns with
//! this one, of one of ten thousand it is 57 ns and 60 ns (November 2026).

use annals_vfs::prefetch_value;

/// The table is cut into this many, so that growing never moves all of it at once: with a million entries a
/// whole table takes tens of milliseconds to grow, which an append would have to wait for.
const SHARDS: usize = 64;
const SHARD_SLOTS_MIN: usize = 16;

/// Numbers, to be found by the hash of what they stand for. Who asks compares what they stand for in full.
#[derive(Debug)]
pub(super) struct Slots {
    shards: Vec<Shard>,
    bytes: usize,
}

/// A part of the table. There are none or a power of two of slots, at most three quarters of them taken.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<Slot>,
    taken: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    number: u32,
}

/// The number that no entry has.
const FREE: u32 = u32::MAX;

impl Slots {
    pub(super) fn new() -> Self {
        Slots { shards: (0..SHARDS).map(|_| Shard::default()).collect(), bytes: 0 }
    }

    /// Has the slot fetched at which a search for a hash begins.
    #[inline]
    pub(super) fn ask_for(&self, hash: u64) {
        let (shard, hash) = split(hash);
        let slots = &self.shards[shard].slots[..];
        if let Some(slot) = slots.get(hash as usize & slots.len().wrapping_sub(1)) {
            prefetch_value(slot);
        }
    }

    /// A number under a hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (shard, hash) = split(hash);
        let slots = &self.shards[shard].slots[..];
        let mask = slots.len().checked_sub(1)?;
        let mut place = hash as usize & mask;
        loop {
            // There is a free slot in every shard that has any, so the search ends.
            let slot = slots[place & mask];
            if slot.number == FREE {
                return None;
            }
            if slot.hash == hash && is_it(slot.number) {
                return Some(slot.number);
            }
            place += 1;
        }
    }

    /// Adds a number that is not there yet.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        assert!(number != FREE, "a memory index has less than 2^32 - 1 of everything");
        let (shard, hash) = split(hash);
        let shard = &mut self.shards[shard];
        if (shard.taken + 1) * 4 > shard.slots.len() * 3 {
            let before = shard.slots.len();
            shard.grow();
            self.bytes += (shard.slots.len() - before) * size_of::<Slot>();
        }
        shard.put(Slot { hash, number });
    }

    /// How many slots the longest of all searches looks at.
    #[cfg(test)]
    pub(super) fn longest_search(&self) -> usize {
        let searches = self.shards.iter().flat_map(|shard| {
            let mask = shard.slots.len().wrapping_sub(1);
            let taken = shard.slots.iter().enumerate().filter(|(_, slot)| slot.number != FREE);
            taken.map(move |(place, slot)| (place.wrapping_sub(slot.hash as usize) & mask) + 1)
        });
        searches.max().unwrap_or(0)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes + SHARDS * size_of::<Shard>()
    }
}

impl Shard {
    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut place = slot.hash as usize & mask;
        while self.slots[place].number != FREE {
            place = (place + 1) & mask;
        }
        self.slots[place] = slot;
        self.taken += 1;
    }

    #[cold]
    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(SHARD_SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![Slot { hash: 0, number: FREE }; length]);
        self.taken = 0;
        old.into_iter().filter(|slot| slot.number != FREE).for_each(|slot| self.put(slot));
    }
}

/// The shard of a hash, and the half of the hash that is kept.
#[inline]
fn split(hash: u64) -> (usize, u32) {
    // Of the hash of an id only the highest 42 bits are known.
    ((hash >> 58) as usize % SHARDS, (hash >> 26) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_under_one_hash_are_told_apart_by_the_caller() {
        let mut slots = Slots::new();
        (0..100).for_each(|number| slots.insert(7, number));
        assert_eq!(slots.find(7, |number| number == 63), Some(63));
        assert_eq!(slots.find(7, |_| false), None);
        assert_eq!(slots.find(7 | 1 << 63, |_| true), None);
    }

    #[test]
    fn every_number_is_found_while_the_table_grows() {
        let hash = |number: u32| u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut slots = Slots::new();
        for number in 0..10_000 {
            assert_eq!(slots.find(hash(number), |_| true), None);
            slots.insert(hash(number), number);
            assert!(slots.memory_bytes() > number as usize * size_of::<Slot>());
        }
        for number in 0..10_000 {
            assert_eq!(slots.find(hash(number), |found| found == number), Some(number));
        }
    }
}
