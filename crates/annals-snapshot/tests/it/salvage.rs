//! What is sound of damaged files: all of it, nothing else, and a word on what is not.

use crate::common::{STORE_ID, edition, open, put, settle, small};
use annals_format::{names, reseal};
use annals_snapshot::{Forget, Salvage, SnapshotOptions, Snapshots, Unusable};
use annals_types::{Timestamp, Version};
use annals_vfs::MemoryDisk;
use std::collections::BTreeMap;

/// What is salvaged: editions by streams and versions. And what is told of the rest.
type Found = (BTreeMap<(String, u64), u64>, Vec<Unusable>);

fn salvaged(disk: &MemoryDisk) -> Found {
    let (mut found, mut told) = (BTreeMap::new(), Vec::new());
    for salvaged in Salvage::open(disk, &STORE_ID).unwrap() {
        match salvaged {
            Ok(salvaged) => {
                let edition = edition(&salvaged.stream, &salvaged.snapshot);
                let key = (salvaged.stream, salvaged.snapshot.version.get());
                assert_eq!(salvaged.tag, "t/1");
                assert_eq!(found.insert(key.clone(), edition), None, "{key:?} comes twice");
            }
            Err(unusable) => told.push(unusable),
        }
    }
    (found, told)
}

/// Three snapshots of one stream and one of another, in a sorted file, or in a written one of which all but the last is durable.
fn some(sorted: bool) -> (MemoryDisk, String) {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, SnapshotOptions::writing());
    for version in 1..=3 {
        put(&snapshots, "s", version, 0).unwrap();
    }
    snapshots.sync().unwrap();
    put(&snapshots, "other", 7, 0).unwrap();
    if sorted {
        snapshots.close().unwrap();
    }
    let names: Vec<String> = disk.image().into_keys().collect();
    assert_eq!(names.len(), 1);
    (disk, names[0].clone())
}

fn with(name: &str, bytes: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.set_content(name, bytes).unwrap();
    disk
}

#[test]
fn every_flipped_bit_costs_at_most_the_snapshot_that_it_hit() {
    for sorted in [true, false] {
        let (disk, name) = some(sorted);
        let bytes = disk.image()[&name].clone();
        let (whole, told) = salvaged(&disk);
        assert_eq!((whole.len(), told), (4, Vec::new()));
        // The header of a file has its salt, without which nothing is sound.
        let header = if sorted { 72 } else { 64 };
        let durable = if sorted { bytes.len() } else { bytes.len() - 300 };
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (found, told) = salvaged(&with(&name, &flipped));
            assert!(found.iter().all(|(key, edition)| whole.get(key) == Some(edition)), "bit {bit}");
            let least = if bit / 8 < header { 0 } else { 3 };
            assert!(found.len() >= least, "sorted {sorted}, bit {bit}: {found:?}, {told:?}");
            let silent = found.len() < 4 && told.is_empty();
            assert!(!silent || bit / 8 >= durable, "sorted {sorted}, bit {bit}: nothing is said");
            let named = |unusable: &Unusable| unusable.to_string().contains(&name);
            assert!(told.iter().all(named), "bit {bit}: {told:?}");
        }
    }
}

#[test]
fn a_file_cut_anywhere_gives_what_lies_in_front_of_the_cut() {
    for sorted in [true, false] {
        let (disk, name) = some(sorted);
        let bytes = disk.image()[&name].clone();
        let ends: Vec<usize> = {
            let snapshots = open(&disk, SnapshotOptions::reading());
            let infos = snapshots.list("").map(Result::unwrap);
            let end = |info: annals_snapshot::SnapshotInfo| {
                let length = 96 + info.stream.len() + info.tag.len();
                info.offset as usize + length + info.bytes as usize
            };
            infos.map(end).collect()
        };
        for length in 0..bytes.len() {
            let (found, told) = salvaged(&with(&name, &bytes[..length]));
            let whole = ends.iter().filter(|end| **end <= length).count();
            // Zeros end a record, up to a multiple of 8.
            assert!(found.len() == whole || found.len() + 1 == whole, "{sorted} {length}: {found:?}");
            assert!(!sorted || length < 64 || !told.is_empty(), "cut at {length}: nothing is said");
        }
    }
}

#[test]
fn of_several_with_one_version_the_last_one_that_is_sound_counts() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    for edition in 0..3 {
        for version in 1..=4 {
            put(&snapshots, "s", version, edition).unwrap();
        }
    }
    let (found, told) = salvaged(&disk);
    assert!(told.is_empty() && found.len() == 4 && found.values().all(|edition| *edition == 2), "{found:?}");
    // Files of four records: the newest is gone.
    let newest = disk.image().into_keys().max().unwrap();
    let mut image = disk.image();
    image.remove(&newest);
    let (found, _) = salvaged(&MemoryDisk::from_image(image).unwrap());
    assert!(found.len() == 4 && found.values().all(|edition| *edition == 1), "{found:?}");
}

#[test]
fn what_was_forgotten_does_not_come_back_with_a_file_that_was_left_over() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, SnapshotOptions::writing());
    for version in 1..=5 {
        put(&snapshots, "s", version, 0).unwrap();
    }
    put(&snapshots, "other", 1, 0).unwrap();
    let before = disk.image();
    let mut forget = Forget::new(&STORE_ID);
    forget.from_on("s", Version::new(3));
    snapshots.forget(&forget).unwrap();
    let mut image = disk.image();
    assert!(before.keys().all(|name| !image.contains_key(name)), "the file was to go");
    // A crash may keep it: its removal was not durable.
    image.extend(before);
    let (found, told) = salvaged(&MemoryDisk::from_image(image).unwrap());
    assert_eq!(told, []);
    let streams: Vec<(&str, u64)> =
        found.keys().map(|(stream, version)| (stream.as_str(), *version)).collect();
    assert_eq!(streams, [("other", 1), ("s", 1), ("s", 2)]);
}

#[test]
fn files_of_another_store_or_a_newer_program_are_named_and_not_used() {
    let (disk, name) = some(true);
    let bytes = disk.image()[&name].clone();
    let mut own = Salvage::open(&disk, b"another store's!").unwrap();
    assert!(matches!(own.next(), Some(Err(Unusable::Damaged(damage))) if damage.file == name));
    assert!(own.next().is_none());
    let moved = with(&names::snapshots(9), &bytes);
    assert!(matches!(&salvaged(&moved).1[..], [Unusable::Damaged(damage)] if damage.what.contains("number")));
    let mut newer = bytes.clone();
    newer[8..12].copy_from_slice(&99u32.to_le_bytes());
    reseal::snapshots(&mut newer);
    let (found, told) = salvaged(&with(&name, &newer));
    assert!(found.is_empty() && matches!(told[..], [Unusable::Newer { .. }]), "{told:?}");
}

#[test]
fn what_is_taken_over_says_when_it_was_taken_and_is_found_by_who_looks() {
    let (disk, _) = some(false);
    let to = MemoryDisk::new();
    let own: Snapshots = open(&to, small());
    let mut taken_at = Vec::new();
    for salvaged in Salvage::open(&disk, &STORE_ID).unwrap().map(Result::unwrap) {
        let mut snapshot = salvaged.snapshot;
        snapshot.taken_at = Timestamp::from_nanos(1_000 + snapshot.version.get() as i64);
        own.take_over(&salvaged.stream, &salvaged.tag, &snapshot).unwrap();
        let found = own.find(&salvaged.stream, &salvaged.tag, snapshot.version, None).unwrap();
        assert_eq!(found.snapshot, Some(snapshot.clone()));
        taken_at.push(snapshot.taken_at);
    }
    settle(&own);
    own.close().unwrap();
    let reading = open(&to, SnapshotOptions::reading());
    let mut listed: Vec<_> = reading.list("").map(|info| info.unwrap().taken_at).collect();
    listed.sort_unstable();
    taken_at.sort_unstable();
    assert_eq!(listed, taken_at);
}
