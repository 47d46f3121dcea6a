//! Event ids that producers gave.

use super::slots::Slots;
use crate::key::IdKey;
use annals_format::run::id_hash;
use annals_types::Uuid;
use std::collections::BTreeMap;

/// Ids and their positions, relative to the first of the index.
pub(super) struct Ids {
    hash_seed: u64,
    slots: Slots,
    ids: Vec<Uuid>,
    /// The first position of each of `ids`.
    positions: Vec<u32>,
    /// Further positions of an id. Apart, because many entries under one hash make a hash table slow.
    repeated: BTreeMap<Uuid, Vec<u32>>,
    repeated_count: usize,
}

impl Ids {
    pub(super) fn new(hash_seed: u64) -> Self {
        Ids {
            hash_seed,
            slots: Slots::new(),
            ids: Vec::new(),
            positions: Vec::new(),
            repeated: BTreeMap::new(),
            repeated_count: 0,
        }
    }

    /// Adds an id at a position behind all others.
    pub(super) fn insert(&mut self, id: Uuid, position: u32) {
        let hash = id_hash(id, self.hash_seed);
        if self.number(hash, id).is_some() {
            self.repeated.entry(id).or_default().push(position);
            self.repeated_count += 1;
            return;
        }
        let number = u32::try_from(self.ids.len()).expect("a memory index has less than 2^32 events");
        self.slots.insert(hash, number);
        self.ids.push(id);
        self.positions.push(position);
    }

    /// The positions of an id, ascending.
    pub(super) fn find(&self, key: &IdKey) -> impl Iterator<Item = u32> + '_ {
        let id = key.id();
        let first = self.number(key.hash(self.hash_seed), id);
        let first = first.map(|number| self.positions[number as usize]);
        let repeated = if first.is_some() { self.repeated.get(&id) } else { None };
        first.into_iter().chain(repeated.into_iter().flatten().copied())
    }

    /// Every id with every position, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (Uuid, u32)> + '_ {
        let first = self.ids.iter().copied().zip(self.positions.iter().copied());
        let repeated = self.repeated.iter().flat_map(|(id, all)| all.iter().map(|position| (*id, *position)));
        first.chain(repeated)
    }

    pub(super) fn count(&self) -> u64 {
        (self.ids.len() + self.repeated_count) as u64
    }

    pub(super) fn memory_bytes(&self) -> usize {
        // A repeated id takes an entry of the map and an array of its own, at worst for each position.
        self.slots.memory_bytes()
            + self.ids.capacity() * size_of::<Uuid>()
            + self.positions.capacity() * size_of::<u32>()
            + self.repeated_count * 2 * (size_of::<Uuid>() + size_of::<Vec<u32>>())
    }

    fn number(&self, hash: u64, id: Uuid) -> Option<u32> {
        self.slots.find(hash, |number| self.ids[number as usize] == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_given_many_times_has_all_its_positions() {
        let mut ids = Ids::new(1);
        for position in 0..1000 {
            ids.insert(Uuid::from_u128(u128::from(position % 3)), position);
        }
        let expected: Vec<u32> = (0..1000).filter(|position| position % 3 == 2).collect();
        assert_eq!(ids.find(&IdKey::new(Uuid::from_u128(2), 1)).collect::<Vec<_>>(), expected);
        assert_eq!(ids.find(&IdKey::new(Uuid::from_u128(3), 7)).next(), None);
        assert_eq!((ids.count(), ids.all().count()), (1000, 1000));
    }
}
