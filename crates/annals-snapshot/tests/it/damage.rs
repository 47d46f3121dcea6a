//! Flipped bits, files cut short, rubbish: a right snapshot, an older one, or none and a report. Never anything else.

use crate::common::{STORE_ID, edition, find, new, open, put, settle, small};
use annals_format::{Corruption, names, reseal};
use annals_snapshot::{SnapshotOptions, Snapshots, Unusable, verify};
use annals_types::Version;
use annals_vfs::MemoryDisk;
use proptest::prelude::*;

/// A disk with a sorted file of three snapshots of a stream and one of another, and what is its name.
fn sorted() -> (MemoryDisk, String) {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, SnapshotOptions::writing());
    for version in 1..=3 {
        put(&snapshots, "s", version, 0).unwrap();
    }
    put(&snapshots, "other", 7, 0).unwrap();
    snapshots.close().unwrap();
    let names: Vec<String> = disk.image().into_keys().collect();
    assert_eq!(names.len(), 1);
    (disk, names[0].clone())
}

/// A disk with a written file of the same; all but the last had been synced before that was put, as the file itself proves.
fn written() -> (MemoryDisk, String) {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, SnapshotOptions::writing());
    for version in 1..=3 {
        put(&snapshots, "s", version, 0).unwrap();
    }
    snapshots.sync().unwrap();
    put(&snapshots, "other", 7, 0).unwrap();
    (disk, names::snapshots(1))
}

fn with(name: &str, bytes: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.set_content(name, bytes).unwrap();
    disk
}

fn findings(disk: &MemoryDisk) -> Vec<Corruption> {
    let mut found = Vec::new();
    verify(disk, &STORE_ID, &mut |corruption| found.push(corruption)).unwrap();
    found
}

/// The version that is found of the stream; 0 if there is none. Says whether anything was passed over.
fn look(snapshots: &Snapshots, stream: &str) -> (u64, bool) {
    let found = snapshots.find(stream, "t/1", Version::new(u64::MAX), None).unwrap();
    let version = found.snapshot.map_or(0, |found| {
        assert_eq!(edition(stream, &found), 0);
        found.version.get()
    });
    (version, !found.passed_over.is_empty())
}

/// A damaged disk never gives anything wrong, says that it is damaged, and is usable after the background has had its way.
fn judge(disk: &MemoryDisk, what: &str, must_be_told: bool) {
    let told = findings(disk);
    assert!(!told.is_empty() || !must_be_told, "{what}: verify is silent");
    for options in [SnapshotOptions::reading(), small()] {
        let snapshots = open(disk, options);
        let (version, passed_over) = look(&snapshots, "s");
        assert!(version == 3 || passed_over || !must_be_told, "{what}: {version} and no report");
        let (other, passed_over) = look(&snapshots, "other");
        assert!([0, 7].contains(&other) && (other == 7 || passed_over || !must_be_told), "{what}: {other}");
        let listed = snapshots.list("").filter_map(Result::ok);
        assert!(listed.count() <= 4, "{what}");
    }
    let snapshots = open(disk, small());
    let (before, _) = look(&snapshots, "s");
    settle(&snapshots);
    put(&snapshots, "s", 9, 0).unwrap();
    assert_eq!(find(&snapshots, "s", 99), Some((9, 0)), "{what}");
    let found = snapshots.find("s", "t/1", Version::new(8), None).unwrap().snapshot;
    assert!(found.map_or(0, |found| found.version.get()) >= before, "{what}: more is lost by working on it");
    snapshots.prune(5).unwrap();
    assert_eq!(findings(disk), [], "{what}: damage survives pruning");
}

#[test]
fn every_flipped_bit_is_noticed_and_costs_at_most_what_it_hit() {
    for (kind, (disk, name)) in [("sorted", sorted()), ("written", written())] {
        let bytes = disk.image()[&name].clone();
        // Behind the last snapshot that was durable nothing can be told from a torn tail.
        let durable = if kind == "sorted" {
            bytes.len()
        } else {
            let snapshots = open(&disk, SnapshotOptions::reading());
            let infos: Vec<_> = snapshots.list("other").map(Result::unwrap).collect();
            infos[0].offset as usize
        };
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            judge(&with(&name, &flipped), &format!("{kind} bit {bit}"), bit / 8 < durable);
        }
    }
}

#[test]
fn a_file_cut_anywhere_gives_what_is_left_of_it() {
    for (kind, (disk, name)) in [("sorted", sorted()), ("written", written())] {
        let bytes = disk.image()[&name].clone();
        for length in 0..bytes.len() {
            // One that is shorter than its header may be the beginning of a first put.
            let told = kind == "sorted" && length >= 64;
            judge(&with(&name, &bytes[..length]), &format!("{kind} cut at {length}"), told);
        }
    }
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_next_older_one_and_reported() {
    let (disk, name) = sorted();
    let mut bytes = disk.image()[&name].clone();
    let snapshots = open(&disk, SnapshotOptions::reading());
    let infos: Vec<_> = snapshots.list("s").map(Result::unwrap).collect();
    // The newest comes first, and its payload lies behind its header and its names.
    bytes[infos[0].offset as usize + 96 + 4 + 2] ^= 1;
    let damaged = with(&name, &bytes);
    let found = open(&damaged, SnapshotOptions::reading()).find("s", "t/1", Version::new(9), None).unwrap();
    assert_eq!(found.snapshot.unwrap().version.get(), 2);
    let [Unusable::Damaged(corruption)] = &found.passed_over[..] else { panic!("{:?}", found.passed_over) };
    assert_eq!(
        (corruption.file.as_str(), corruption.what.as_str()),
        (name.as_str(), "checksum of a payload")
    );
    assert_eq!(corruption.offset, infos[0].offset + 96 + 4);
}

#[test]
fn a_file_with_a_damaged_end_is_made_again_from_its_records() {
    let (disk, name) = sorted();
    let mut bytes = disk.image()[&name].clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let damaged = with(&name, &bytes);
    let snapshots = open(&damaged, small());
    assert_eq!(look(&snapshots, "s"), (0, true));
    assert_eq!(snapshots.stats().unwrap().broken_files, 1);
    settle(&snapshots);
    assert_eq!((look(&snapshots, "s"), look(&snapshots, "other")), ((3, false), (7, false)));
    assert_eq!(findings(&damaged), []);
}

#[test]
fn a_lost_first_block_of_a_sorted_file_is_told() {
    let (disk, name) = sorted();
    let mut bytes = disk.image()[&name].clone();
    bytes[..512].fill(0);
    judge(&with(&name, &bytes), "first block", true);
}

#[test]
fn what_only_a_newer_program_reads_is_passed_over_said_and_kept() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, SnapshotOptions::writing());
    put(&snapshots, "s", 1, 0).unwrap();
    put(&snapshots, "s", 2, 0).unwrap();
    let infos: Vec<_> = snapshots.list("").map(Result::unwrap).collect();
    let name = names::snapshots(1);
    let bytes = disk.image()[&name].clone();
    let newest = infos.iter().find(|info| info.version.get() == 2).unwrap();
    for bit in [0, 1, 31] {
        let mut bytes = bytes.clone();
        bytes[newest.offset as usize + 20 + bit / 8] |= 1 << (bit % 8);
        reseal::snapshots(&mut bytes);
        let flagged = with(&name, &bytes);
        let snapshots = open(&flagged, small());
        for _ in 0..2 {
            let found = snapshots.find("s", "t/1", Version::new(9), None).unwrap();
            assert_eq!(found.snapshot.unwrap().version.get(), 1);
            let [newer @ Unusable::Newer { found, .. }] = &found.passed_over[..] else { panic!() };
            assert_eq!(*found, 1 << bit);
            assert!(newer.to_string().contains("flags of a snapshot"));
            assert_eq!(snapshots.list("").map(Result::unwrap).filter(|info| info.newer).count(), 1);
            snapshots.close().unwrap();
        }
        assert_eq!(findings(&flagged), []);
    }
    let mut newer = bytes;
    newer[8] = 200;
    reseal::snapshots(&mut newer);
    let disk = with(&name, &newer);
    let snapshots = open(&disk, small());
    let found = snapshots.find("s", "t/1", Version::new(9), None).unwrap();
    assert!(matches!(found.passed_over[..], [Unusable::Newer { found: 200, .. }]));
    settle(&snapshots);
    snapshots.prune(0).unwrap();
    assert_eq!(disk.image()[&name], newer);
    let verified = verify(&disk, &STORE_ID, &mut |corruption| panic!("{corruption}")).unwrap();
    assert_eq!(verified.newer, [name]);
}

#[test]
fn a_file_of_another_store_or_under_another_number_is_not_read_and_not_removed() {
    let (disk, name) = sorted();
    let bytes = disk.image()[&name].clone();
    let moved = with(&names::snapshots(9), &bytes);
    assert_eq!(findings(&moved).len(), 1);
    let snapshots = open(&moved, small());
    assert_eq!(look(&snapshots, "s"), (0, true));
    settle(&snapshots);
    assert_eq!(moved.image()[&names::snapshots(9)], bytes);

    let mut other = STORE_ID;
    other[0] ^= 1;
    let env = crate::common::env(std::sync::Arc::new(disk.clone()));
    let snapshots = Snapshots::open(env, other, small()).unwrap();
    assert_eq!(look(&snapshots, "s"), (0, true));
    settle(&snapshots);
    assert_eq!(disk.image()[&name], bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_as_a_file_are_borne(bytes: Vec<u8>) {
        judge(&with(&names::snapshots(1), &bytes), "any bytes", false);
    }

    #[test]
    fn wrong_numbers_under_right_checksums_are_borne(
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        of_sorted: bool,
    ) {
        let (disk, name) = if of_sorted { sorted() } else { written() };
        let mut bytes = disk.image()[&name].clone();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        reseal::snapshots(&mut bytes);
        let damaged = with(&name, &bytes);
        let _ = findings(&damaged);
        let snapshots = open(&damaged, small());
        for _ in 0..2 {
            for stream in ["s", "other"] {
                for at_most in [1, 2, 3, 7, u64::MAX] {
                    snapshots.find(stream, "t/1", Version::new(at_most), None).unwrap();
                }
            }
            prop_assert!(snapshots.list("").count() <= 100);
            for _ in 0..100 {
                if !snapshots.step(1 << 20).unwrap() {
                    break;
                }
            }
        }
        snapshots.put(&new("s", "t/1", 9, b"x")).unwrap();
        snapshots.prune(1).unwrap();
    }
}
