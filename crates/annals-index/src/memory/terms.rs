//! The terms of a memory index, found by kind and name.

use super::lists::List;
use super::slots::Slots;
use crate::postings::Postings;
use annals_format::run::{TermKind, term_hash};
use annals_types::Version;
use annals_vfs::{prefetch_bytes, prefetch_value};

/// One term. Its number is its place among all terms.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// Where its name is among the names.
    name: u32,
    name_length: u16,
    kind: TermKind,
    pub(super) list: List,
    /// Of a stream: the number of its category.
    pub(super) category: u32,
    /// Of a stream: the version of its first event here.
    pub(super) first_version: Version,
}

// Half a cache line. Whoever adds a field finds out here what it costs.
const _: () = assert!(size_of::<Term>() == 32);

impl Term {
    pub(super) fn postings(&self, number: u32) -> Postings {
        Postings::whole(self.list.count(), self.first_version, number.into())
    }
}

/// All terms.
pub(super) struct Terms {
    hash_seed: u64,
    slots: Slots,
    terms: Vec<Term>,
    /// All names, one behind the other.
    names: String,
    /// The numbers of the terms of each kind.
    kinds: [Vec<u32>; 4],
}

impl Terms {
    pub(super) fn new(hash_seed: u64) -> Self {
        Terms {
            hash_seed,
            slots: Slots::new(),
            terms: Vec::new(),
            names: String::new(),
            kinds: Default::default(),
        }
    }

    pub(super) fn hash_seed(&self) -> u64 {
        self.hash_seed
    }

    /// The number of a term.
    #[inline]
    pub(super) fn find(&self, kind: TermKind, name: &str) -> Option<u32> {
        self.find_hashed(self.hash(kind, name), kind, name)
    }

    /// The number of a term, which is made if it is not there.
    #[inline]
    pub(super) fn find_or_add(&mut self, kind: TermKind, name: &str) -> u32 {
        let hash = self.hash(kind, name);
        match self.find_hashed(hash, kind, name) {
            Some(number) => number,
            None => self.add(hash, kind, name),
        }
    }

    #[inline]
    pub(super) fn hash(&self, kind: TermKind, name: &str) -> u64 {
        term_hash(kind, name, self.hash_seed)
    }

    #[inline]
    pub(super) fn find_hashed(&self, hash: u64, kind: TermKind, name: &str) -> Option<u32> {
        self.slots.find(hash, |number| {
            let term = self.get(number);
            term.kind == kind && self.name_bytes(term) == name.as_bytes()
        })
    }

    /// Has fetched at what a search for a hash looks first.
    #[inline]
    pub(super) fn ask_for_slot(&self, hash: u64) {
        self.slots.ask_for(hash);
    }

    /// The number of a term that a search for a hash is likely to find, whose fields are fetched.
    #[inline]
    pub(super) fn ask_for_term(&self, hash: u64) -> Option<u32> {
        let number = self.slots.find(hash, |_| true)?;
        prefetch_value(self.get(number));
        Some(number)
    }

    /// Has the name of a term fetched.
    #[inline]
    pub(super) fn ask_for_name(&self, term: &Term) {
        prefetch_bytes(self.name_bytes(term));
    }

    /// Whether a number is that of a term of a kind with this name.
    #[inline]
    pub(super) fn is(&self, number: u32, kind: TermKind, name: &str) -> bool {
        self.try_get(number).is_some_and(|term| term.kind == kind && self.name_bytes(term) == name.as_bytes())
    }

    /// Makes a term that is not there yet.
    pub(super) fn add(&mut self, hash: u64, kind: TermKind, name: &str) -> u32 {
        let number = u32::try_from(self.terms.len()).expect("a memory index has less than 2^32 terms");
        let start = u32::try_from(self.names.len()).expect("a memory index has less than 4 GiB of names");
        let name_length = u16::try_from(name.len()).expect("names have at most 1024 bytes");
        self.slots.insert(hash, number);
        self.names.push_str(name);
        self.kinds[kind.index()].push(number);
        let list = List::default();
        let first_version = Version::ZERO;
        self.terms.push(Term { name: start, name_length, kind, list, category: 0, first_version });
        number
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> &Term {
        &self.terms[number as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut Term {
        &mut self.terms[number as usize]
    }

    pub(super) fn try_get(&self, number: u32) -> Option<&Term> {
        self.terms.get(number as usize)
    }

    /// How long all names are together.
    pub(super) fn name_bytes_total(&self) -> u64 {
        self.names.len() as u64
    }

    pub(super) fn name(&self, term: &Term) -> &str {
        &self.names[term.name as usize..term.name as usize + usize::from(term.name_length)]
    }

    /// The numbers of the terms of a kind, in the order in which they came.
    pub(super) fn of_kind(&self, kind: TermKind) -> &[u32] {
        &self.kinds[kind.index()]
    }

    /// The numbers of the terms of a kind, in the order of their names.
    pub(super) fn sorted(&self, kind: TermKind) -> Vec<u32> {
        let mut numbers = self.of_kind(kind).to_vec();
        self.sort(&mut numbers);
        numbers
    }

    /// The numbers of the first `limit` terms of a kind that begin with `prefix` and lie after `after`, in
    /// the order of their names.
    pub(super) fn select(&self, kind: TermKind, prefix: &str, after: Option<&str>, limit: usize) -> Vec<u32> {
        let wanted = |number: &u32| {
            let name = self.name_bytes(self.get(*number));
            name.starts_with(prefix.as_bytes()) && after.is_none_or(|after| name > after.as_bytes())
        };
        let mut numbers: Vec<u32> = self.of_kind(kind).iter().copied().filter(wanted).collect();
        if limit < numbers.len() {
            numbers.select_nth_unstable_by(limit, |one, other| self.compare(*one, *other));
            numbers.truncate(limit);
        }
        self.sort(&mut numbers);
        numbers
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let kinds: usize = self.kinds.iter().map(|numbers| numbers.capacity() * size_of::<u32>()).sum();
        self.slots.memory_bytes() + self.terms.capacity() * size_of::<Term>() + self.names.capacity() + kinds
    }

    /// Sorts terms by their names.
    ///
    /// Names of streams begin alike and lie all over the memory, so comparing two of them costs more than all
    /// the rest: sorting a million took 250 ms that way, and 120 ms with a few bytes of each name at hand
    /// (November 2026).
    fn sort(&self, numbers: &mut [u32]) {
        let mut keyed: Vec<(u64, u32)> = numbers.iter().map(|number| (0, *number)).collect();
        self.sort_from(&mut keyed, 0);
        numbers.iter_mut().zip(keyed).for_each(|(place, (_, number))| *place = number);
    }

    /// Sorts terms whose names have the first `depth` bytes in common. The room for keys is overwritten.
    fn sort_from(&self, keyed: &mut [(u64, u32)], depth: usize) {
        for (key, number) in keyed.iter_mut() {
            *key = sort_key(self.name_bytes(self.get(*number)), depth);
        }
        keyed.sort_unstable();
        for alike in keyed.chunk_by_mut(|one, other| one.0 == other.0) {
            if alike.len() > 1 {
                self.sort_from(alike, depth + SORT_KEY_BYTES);
            }
        }
    }

    fn compare(&self, one: u32, other: u32) -> std::cmp::Ordering {
        self.name_bytes(self.get(one)).cmp(self.name_bytes(self.get(other)))
    }

    #[inline]
    fn name_bytes(&self, term: &Term) -> &[u8] {
        &self.names.as_bytes()[term.name as usize..][..usize::from(term.name_length)]
    }
}

/// Bytes of a name in a sort key.
const SORT_KEY_BYTES: usize = 7;

/// The bytes of a name from `depth` on as a number that sorts as they do: seven bytes, then how many there
/// were, which tells a name that ends from one that goes on with zeros. Names with the same key go on, since no
/// two are equal.
fn sort_key(name: &[u8], depth: usize) -> u64 {
    let rest = name.get(depth..).unwrap_or_default();
    let taken = rest.len().min(SORT_KEY_BYTES);
    let mut key = [0; 8];
    key[..taken].copy_from_slice(&rest[..taken]);
    key[SORT_KEY_BYTES] = rest.len().min(SORT_KEY_BYTES + 1) as u8;
    u64::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Names that somebody has chosen, knowing the hash but not the seed of the store.
    #[test]
    fn names_that_collide_under_a_known_seed_do_not_under_another() {
        let hash = |name: &str| term_hash(TermKind::Stream, name, 0);
        let names = (0..).map(|number: u64| format!("order-{number}"));
        let chosen: Vec<_> =
            names.filter(|name| hash(name) & (0x3f << 58 | 0xff << 26) == 0).take(400).collect();
        let longest_search = |seed: u64| {
            let mut terms = Terms::new(seed);
            for name in &chosen {
                terms.find_or_add(TermKind::Stream, name);
            }
            terms.slots.longest_search()
        };
        assert!(longest_search(0) >= 100, "the names are chosen well: {}", longest_search(0));
        for seed in 1..=50_u64 {
            let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            assert!(longest_search(seed) <= 20, "{} with seed {seed}", longest_search(seed));
        }
    }

    proptest! {
        #[test]
        fn terms_are_sorted_as_their_names_are(
            names in proptest::collection::btree_set("[a\0]{0,30}", 0..50),
            limit in 0..60usize,
        ) {
            let mut terms = Terms::new(1);
            let shuffled: BTreeSet<(u64, &String)> =
                names.iter().map(|name| (term_hash(TermKind::Tag, name, 7), name)).collect();
            for (_, name) in shuffled {
                terms.find_or_add(TermKind::Tag, name);
            }
            let of = |numbers: Vec<u32>| -> Vec<String> {
                numbers.into_iter().map(|number| terms.name(terms.get(number)).to_owned()).collect()
            };
            prop_assert_eq!(of(terms.sorted(TermKind::Tag)), names.iter().cloned().collect::<Vec<_>>());
            let selected = of(terms.select(TermKind::Tag, "a", Some("aa"), limit));
            let expected = names.iter().filter(|name| name.starts_with('a') && name.as_str() > "aa");
            prop_assert_eq!(selected, expected.take(limit).cloned().collect::<Vec<_>>());
        }
    }
}
