//! Merging key files: a copy is brought up to date, and what was destroyed stays so.

use super::{FILE, bytes, disk_with, open};
use crate::common::World;
use annals::vfs::MemoryDisk;
use annals::{KeyError, KeyFile, KeysMerged, Timestamp};

fn named(keys: &KeyFile) -> Vec<String> {
    let mut names: Vec<_> = keys.list().into_iter().filter_map(|key| key.name).collect();
    names.sort_unstable();
    names
}

fn told(merged: KeysMerged) -> [u64; 3] {
    [merged.added, merged.destroyed, merged.kept_destroyed]
}

#[test]
fn a_destroyed_key_does_not_come_back_with_an_old_copy_and_a_lost_one_does() {
    let world = World::new(9);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    for name in ["ada", "bob"] {
        keys.create(name).unwrap();
    }
    let old = disk_with(&bytes(&disk));
    keys.destroy("ada").unwrap();
    let destroyed = keys.list();
    let copy = open(&world, &old).unwrap();
    assert_eq!(named(&copy), ["ada", "bob"]);
    assert_eq!(told(keys.merge(&copy).unwrap()), [0, 0, 1]);
    assert_eq!(keys.list(), destroyed);
    drop(keys);
    assert_eq!(open(&world, &disk).unwrap().list(), destroyed);

    // The key file is gone, and the program has gone on with another one: what the copy has comes back, under its own ids.
    let lost = MemoryDisk::new();
    let keys = open(&world, &lost).unwrap();
    keys.create("cy").unwrap();
    assert_eq!(told(keys.merge(&copy).unwrap()), [2, 0, 0]);
    assert_eq!(told(keys.merge(&copy).unwrap()), [0, 0, 0], "they are there");
    let found = keys.list();
    drop(keys);
    assert_eq!(open(&world, &lost).unwrap().list(), found);
    assert!(copy.list().iter().all(|key| found.contains(key)) && found.len() == 3);
    assert_eq!(told(copy.merge(&copy.clone()).unwrap()), [0, 0, 0], "itself");
}

#[test]
fn a_copy_that_is_brought_up_to_date_has_destroyed_what_was_destroyed() {
    let world = World::new(10);
    let (disk, other) = (world.disk(), MemoryDisk::new());
    let keys = open(&world, &disk).unwrap();
    keys.create("ada").unwrap();
    let copy = open(&world, &other).unwrap();
    copy.merge(&keys).unwrap();
    keys.create("bob").unwrap();
    // Created and destroyed while the copy knew nothing of it.
    world.clock.set(Timestamp::from_nanos(5));
    keys.create("cy").unwrap();
    world.clock.set(Timestamp::from_nanos(9));
    for name in ["ada", "cy"] {
        keys.destroy(name).unwrap();
    }
    assert_eq!(told(copy.merge(&keys).unwrap()), [1, 1, 0]);
    let mut both = [keys.list(), copy.list()];
    both.iter_mut().for_each(|list| list.sort_unstable_by_key(|key| key.id));
    assert_eq!(both[0], both[1]);
    assert!(!bytes(&other).windows(3).any(|window| window == b"ada"), "its secret is overwritten");
    drop(copy);
    let mut again = open(&world, &other).unwrap().list();
    again.sort_unstable_by_key(|key| key.id);
    assert_eq!(again, both[0]);
}

#[test]
fn a_merge_that_was_cut_short_anywhere_brings_no_destroyed_key_back_and_is_done_again() {
    let world = World::new(11);
    let (disk, other) = (world.disk(), MemoryDisk::new());
    let (keys, theirs) = (open(&world, &disk).unwrap(), open(&world, &other).unwrap());
    keys.create("ada").unwrap();
    theirs.merge(&keys).unwrap();
    for name in ["bob", "cy", "dan"] {
        theirs.create(name).unwrap();
    }
    for name in ["ada", "cy"] {
        theirs.destroy(name).unwrap();
    }
    let before = bytes(&disk);
    keys.merge(&theirs).unwrap();
    let (after, list) = (bytes(&disk), keys.list());
    assert_eq!(named(&keys), ["bob", "dan"]);
    drop(keys);
    for end in before.len()..after.len() {
        // Overwritten is what was destroyed only when all that is appended is durable.
        let disk = disk_with(&[&before, &after[before.len()..end]].concat());
        let keys = open(&world, &disk).unwrap();
        assert!(!named(&keys).contains(&"cy".to_owned()), "cut at {end}");
        keys.merge(&theirs).unwrap();
        let mut found = keys.list();
        found.sort_unstable_by_key(|key| key.id);
        let mut whole = list.clone();
        whole.sort_unstable_by_key(|key| key.id);
        assert_eq!(found, whole, "cut at {end}");
    }
}

#[test]
fn of_two_keys_of_one_name_the_newer_one_is_used_and_both_are_destroyed() {
    let world = World::new(12);
    let (disk, other) = (world.disk(), MemoryDisk::new());
    let copy = open(&world, &other).unwrap();
    let old = copy.create("ada").unwrap();
    world.clock.set(Timestamp::from_nanos(old.created_at.as_nanos() + 5));
    let keys = open(&world, &disk).unwrap();
    let new = keys.create("ada").unwrap();
    keys.merge(&copy).unwrap();
    assert_eq!(keys.create("ada").unwrap().id, new.id);
    drop(keys);
    let keys = open(&world, &disk).unwrap();
    assert_eq!((keys.list().len(), keys.create("ada").unwrap().id), (2, new.id));
    assert!(keys.destroy("ada").unwrap());
    assert!(keys.list().iter().all(|key| key.destroyed_at.is_some()));
    assert!(!bytes(&disk).windows(3).any(|window| window == b"ada"));
    drop(keys);
    assert!(named(&open(&world, &disk).unwrap()).is_empty());
}

#[test]
fn two_keys_under_one_id_are_told_and_nothing_is_taken() {
    let world = World::new(13);
    let (disk, other) = (world.disk(), MemoryDisk::new());
    let keys = open(&world, &disk).unwrap();
    let id = keys.create("ada").unwrap().id;
    let mut changed = bytes(&disk);
    changed[48 + 48] ^= 1;
    annals_format::keys::reseal_key_file(&mut changed);
    other.set_content(FILE, &changed).unwrap();
    let copy = open(&world, &other).unwrap();
    copy.create("bob").unwrap();
    let refused = keys.merge(&copy);
    assert!(matches!(refused, Err(KeyError::Conflict { key }) if key == id), "{refused:?}");
    assert_eq!(named(&keys), ["ada"]);
}
