//! What the cache holds, finds and loses, and the memory that it takes.

use super::sets::WAYS;
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
