//! The key file: what it keeps, what it destroys, and what crashes and damage do to it.

mod merging;

use crate::common::World;
use annals::vfs::{Env, MemoryDisk, Survival};
use annals::{KeyError, KeyFile, KeyInfo, Timestamp};
use std::sync::Arc;

const FILE: &str = "keys";
const MARK_BYTES: usize = 48;

fn env(world: &World, disk: MemoryDisk) -> Env {
    Env { disk: Arc::new(disk), clock: world.clock.clone(), random: world.random.clone() }
}

fn open(world: &World, disk: &MemoryDisk) -> Result<KeyFile, KeyError> {
    KeyFile::open_in(env(world, disk.clone()), FILE)
}

fn names(keys: &KeyFile) -> Vec<Option<String>> {
    keys.list().into_iter().map(|key| key.name).collect()
}

/// The file up to the mark that all of it is durable, which need not have reached the disk.
fn bytes(disk: &MemoryDisk) -> Vec<u8> {
    let mut all = all_bytes(disk);
    let end = all.len() - MARK_BYTES;
    let mark = &all[end..];
    assert!(mark.starts_with(b"AKEY") && mark[12] == 4, "there is no mark");
    all.truncate(end);
    all
}

fn all_bytes(disk: &MemoryDisk) -> Vec<u8> {
    disk.image().remove(FILE).unwrap()
}

/// A disk whose only content is this key file.
fn disk_with(content: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.set_content(FILE, content).unwrap();
    disk
}

#[test]
fn keys_are_there_when_the_file_is_opened_again_and_destroyed_ones_are_not() {
    let world = World::new(1);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    assert!(matches!(open(&world, &disk), Err(KeyError::Locked)), "one writer at a time");
    let ids: Vec<_> = ["ada", "bob", "cy"].map(|name| keys.create(name).unwrap().id).into();
    assert_eq!(keys.create("bob").unwrap().id, ids[1]);
    world.clock.set(Timestamp::from_nanos(5));
    assert!(keys.destroy("bob").unwrap());
    assert!(!keys.destroy("bob").unwrap() && !keys.destroy("nobody").unwrap());
    let before = keys.list();
    drop(keys);
    let keys = open(&world, &disk).unwrap();
    assert_eq!(keys.list(), before);
    assert_eq!(names(&keys), [Some("ada".into()), None, Some("cy".into())]);
    let destroyed: &KeyInfo = &before[1];
    assert_eq!((destroyed.id, destroyed.destroyed_at), (ids[1], Some(Timestamp::from_nanos(5))));
    let again = keys.create("bob").unwrap();
    assert_ne!(again.id, ids[1], "the name is free for another key");
    for name in [String::new(), "x".repeat(1025)] {
        assert!(matches!(keys.create(&name), Err(KeyError::Name { .. })));
    }
}

#[test]
fn neither_key_nor_name_of_a_destroyed_key_is_in_the_file_any_more() {
    let world = World::new(2);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    keys.create("first subject").unwrap();
    let from = bytes(&disk).len();
    keys.create("second subject").unwrap();
    let secret = bytes(&disk)[from + 48..from + 48 + 32].to_vec();
    assert!(secret.iter().any(|byte| *byte != 0));
    let holds = |part: &[u8]| bytes(&disk).windows(part.len()).any(|window| window == part);
    assert!(holds(&secret) && holds(b"second subject"));
    keys.destroy("second subject").unwrap();
    assert!(!holds(&secret) && !holds(b"second subject") && holds(b"first subject"));
}

#[test]
fn a_key_that_was_handed_out_survives_the_loss_of_power() {
    let world = World::new(3);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    for name in ["ada", "bob", "cy"] {
        let id = keys.create(name).unwrap().id;
        let crashed = disk.crash(Survival::Synced);
        let found = open(&world, &crashed).unwrap();
        assert!(found.list().iter().any(|key| key.id == id && key.name.as_deref() == Some(name)));
    }
    keys.destroy("bob").unwrap();
    let crashed = disk.crash(Survival::Synced);
    assert_eq!(names(&open(&world, &crashed).unwrap()), [Some("ada".into()), None, Some("cy".into())]);
}

#[test]
fn a_creation_that_was_cut_short_anywhere_leaves_the_keys_before_it() {
    let world = World::new(4);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    keys.create("ada").unwrap();
    let whole = bytes(&disk).len();
    keys.create("bob").unwrap();
    drop(keys);
    let all = bytes(&disk);
    for end in whole..all.len() {
        for zeros in [0, 40] {
            // What is missing is zeros.
            if zeros > 0 && all[end..].iter().all(|byte| *byte == 0) {
                continue;
            }
            let torn = [&all[..end], &vec![0; zeros][..]].concat();
            let disk = disk_with(&torn);
            let keys = open(&world, &disk).unwrap();
            assert_eq!(names(&keys), [Some("ada".into())], "cut at {end}");
            keys.create("cy").unwrap();
            drop(keys);
            assert_eq!(names(&open(&world, &disk).unwrap()), [Some("ada".into()), Some("cy".into())]);
        }
    }
    for end in 0..=48 {
        let disk = disk_with(&all[..end]);
        assert!(open(&world, &disk).unwrap().list().is_empty(), "of a file of {end} bytes");
    }
}

#[test]
fn a_destruction_that_was_interrupted_is_finished_when_the_file_is_opened() {
    let world = World::new(5);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    keys.create("ada").unwrap();
    keys.create("bob").unwrap();
    let before = bytes(&disk);
    keys.destroy("ada").unwrap();
    drop(keys);
    let after = bytes(&disk);
    // The record says so, and of the secret any part is overwritten.
    for overwritten in [0, 1, 20, 32, 33] {
        let mut half = after.clone();
        half[48 + 48..before.len()].copy_from_slice(&before[48 + 48..]);
        half[48 + 48..48 + 48 + overwritten].fill(0);
        let disk = disk_with(&half);
        let keys = open(&world, &disk).unwrap();
        assert_eq!(names(&keys), [None, Some("bob".into())]);
        assert_eq!(bytes(&disk), after, "{overwritten} bytes were overwritten");
    }
}

#[test]
fn damage_to_a_key_that_was_durable_is_an_error_and_never_a_missing_key() {
    let world = World::new(6);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    for name in ["ada", "bob", "cy"] {
        keys.create(name).unwrap();
    }
    keys.destroy("bob").unwrap();
    drop(keys);
    let sound = bytes(&disk);
    let secret_of_bob = 48 + 88 + 48..48 + 88 + 88;
    let last = sound.len() - 48;
    for at in 0..last {
        let mut flipped = sound.clone();
        flipped[at] ^= 4;
        match open(&world, &disk_with(&flipped)) {
            Err(KeyError::Corrupt(_) | KeyError::Foreign { .. }) => {}
            Ok(keys) if secret_of_bob.contains(&at) => assert_eq!(keys.list().len(), 3),
            other => panic!("flipped at {at}: {other:?}"),
        }
    }
}

/// A flipped bit in what was written last made all keys of that write count for nothing, and the next opening cut them off.
#[test]
fn damage_to_the_last_write_is_an_error_once_the_mark_behind_it_is_on_the_disk() {
    let world = World::new(20);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    keys.create("ada").unwrap();
    keys.create("bob").unwrap();
    drop(keys);
    let (all, end) = (all_bytes(&disk), bytes(&disk).len());
    for at in 48..end {
        let mut flipped = all.clone();
        flipped[at] ^= 8;
        let disk = disk_with(&flipped);
        assert!(matches!(open(&world, &disk), Err(KeyError::Corrupt(_))), "flipped at {at}");
        assert_eq!(all_bytes(&disk), flipped, "nothing is cut off");
    }
    // The mark itself is only evidence, in whole or in part.
    for kept in 0..=MARK_BYTES {
        let disk = disk_with(&all[..end + kept]);
        let keys = open(&world, &disk).unwrap();
        assert_eq!((names(&keys).len(), all_bytes(&disk)), (2, all.clone()), "{kept} bytes of it");
    }
    let mut flipped = all.clone();
    flipped[end + 20] ^= 1;
    assert_eq!(names(&open(&world, &disk_with(&flipped)).unwrap()).len(), 2);
}

/// A write that was cut short before its first sector was written leaves the mark, and what it has left behind that counts for nothing.
#[test]
fn what_stands_behind_the_mark_counts_for_nothing_unless_it_proves_that_a_write_was_lost() {
    let world = World::new(21);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    keys.create("ada").unwrap();
    let before = all_bytes(&disk);
    keys.create("bob").unwrap();
    let after = all_bytes(&disk);
    let secret_only = [&before[..], &bytes(&disk)[before.len()..]].concat();
    let disk = disk_with(&secret_only);
    let keys = open(&world, &disk).unwrap();
    assert_eq!((names(&keys), all_bytes(&disk)), (vec![Some("ada".into())], before.clone()));
    keys.create("cy").unwrap();
    assert_eq!(names(&open(&world, &disk_with(&all_bytes(&disk))).unwrap()).len(), 2);
    // The mark of the write that is not there.
    let lost = [&before[..], &after[before.len()..]].concat();
    assert!(matches!(open(&world, &disk_with(&lost)), Err(KeyError::Corrupt(_))));
}

#[test]
fn any_part_of_a_write_of_several_keys_may_be_lost_in_a_crash() {
    let world = World::new(7);
    let disk = world.disk();
    let keys = open(&world, &disk).unwrap();
    keys.create("ada").unwrap();
    let whole = bytes(&disk).len();
    drop(keys);
    // One write of three: through a batch with three subjects.
    let store = annals::Options::new()
        .env(env(&world, MemoryDisk::new()))
        .background(false)
        .keys(open(&world, &disk).unwrap())
        .encrypt(annals::Encrypt::Prefix("user-".into()))
        .open("memory")
        .unwrap();
    let mut batch = annals::Batch::new();
    for name in ["user-1", "user-2", "user-3"] {
        batch.push(name, &annals::NewEvent::json("t", "1")).unwrap();
    }
    store.append_batch(batch).unwrap();
    store.close().unwrap();
    let all = bytes(&disk);
    let third = (all.len() - whole) / 3;
    assert_eq!(third * 3, all.len() - whole);
    for lost in 0..8u8 {
        let mut torn = all.clone();
        for part in (0..3).filter(|part| lost & 1 << part != 0) {
            torn[whole + part * third..whole + (part + 1) * third].fill(0);
        }
        let keys = open(&world, &disk_with(&torn)).unwrap();
        assert_eq!(keys.list().len(), 1 + lost.trailing_zeros().min(3) as usize, "lost {lost:03b}");
        assert!(keys.list().iter().all(|key| key.destroyed_at.is_none()));
    }
}

#[test]
fn a_file_that_is_none_is_refused_and_a_missing_one_is_told() {
    let world = World::new(8);
    let disk = disk_with(&[7; 100]);
    assert!(matches!(open(&world, &disk), Err(KeyError::Foreign { .. })));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    assert!(matches!(KeyFile::open_read_only(&path), Err(KeyError::NotFound { .. })));
    KeyFile::open(&path).unwrap().create("ada").unwrap();
    let read = KeyFile::open_read_only(&path).unwrap();
    assert_eq!(names(&read), [Some("ada".into())]);
    assert!(matches!(read.create("bob"), Err(KeyError::ReadOnly)));
    assert!(matches!(read.destroy("ada"), Err(KeyError::ReadOnly)));
}
