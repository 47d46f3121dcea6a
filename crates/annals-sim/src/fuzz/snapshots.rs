//! Files of snapshots: looking up, listing, verifying, merging and pruning whatever is in one.

use super::input::{Mode, split};
use super::structures::STORE_ID;
use annals_format::snapshot::{SNAPSHOT_HEADER_BYTES, SnapshotFilePreamble};
use annals_format::{Corruption, names, reseal};
use annals_snapshot::{NewSnapshot, SnapshotOptions, Snapshots, verify};
use annals_types::{Position, Timestamp, Uuid, Version};
use annals_vfs::{Env, ManualClock, MemoryDisk, SeededRandom};
use std::sync::Arc;

/// Steps of the background that are done at most: far more than there is work.
const STEPS_MAX: usize = 1_000;
const TAG: &str = "balance/1";

/// A file of snapshots, as the only one of its store.
///
/// # Panics
/// If anything does with it what it must not do.
pub fn snapshots(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::snapshots(&mut bytes);
    }
    let preamble = bytes.first_chunk::<SNAPSHOT_HEADER_BYTES>().map(SnapshotFilePreamble::decode);
    let header = preamble.and_then(|preamble| preamble.ok()?.complete(&bytes[SNAPSHOT_HEADER_BYTES..]).ok());
    let id = header.map_or(1, |header| header.file_id).min(1 << 40);
    let disk = MemoryDisk::new();
    disk.set_content(&names::snapshots(id), &bytes).expect("memory for a small file");

    check_verification(&disk, bytes.len() as u64);
    let mut options = SnapshotOptions::writing();
    options.file_records = 4;
    let snapshots = open(&disk, options);
    let before = look(&snapshots, bytes.len());
    for _ in 0..STEPS_MAX {
        if !snapshots.step(1 << 16).expect("a disk in memory has no errors") {
            break;
        }
    }
    assert!(!snapshots.step(1 << 16).expect("a disk in memory has no errors"), "the work does not end");
    let after = look(&snapshots, bytes.len());
    // Under made-up checksums, one may stand in the place of another.
    let kept = before.iter().zip(&after).all(|(before, after)| before <= after);
    assert!(mode == Mode::Resealed || kept, "what was found is gone: {before:?}, then {after:?}");
    put(&snapshots, "account-1", u64::MAX);
    snapshots.prune(1).expect("a disk in memory has no errors");
    let found = snapshots.find("account-1", TAG, Version::new(u64::MAX), None);
    let found = found.expect("a disk in memory has no errors").snapshot.expect("it was put");
    assert_eq!(found.version, Version::new(u64::MAX));
}

/// What is damaged lies within the file.
fn check_verification(disk: &MemoryDisk, length: u64) {
    let check = &mut |corruption: Corruption| assert!(corruption.offset <= length, "{corruption}");
    verify(disk, &STORE_ID, check).expect("a disk in memory has no errors");
}

/// Looks up and lists; gives the versions that are found, 0 for none.
fn look(snapshots: &Snapshots, length: usize) -> Vec<u64> {
    let mut versions = Vec::new();
    for stream in ["account-1", "account-2", "account-3", "nobody"] {
        for at_most in [0, 1, 2, 5, u64::MAX] {
            for by in [None, Some(Timestamp::from_nanos(3))] {
                let found = snapshots.find(stream, TAG, Version::new(at_most), by);
                let found = found.expect("a disk in memory has no errors").snapshot;
                versions.push(found.as_ref().map_or(0, |found| found.version.get()));
                let Some(found) = found else { continue };
                assert!(found.version.get() <= at_most && found.payload.len() <= length);
                assert!(by.is_none_or(|by| found.occurred_max <= by));
            }
        }
    }
    assert!(snapshots.list("").count() <= length, "more is listed than there can be");
    versions
}

fn open(disk: &MemoryDisk, options: SnapshotOptions) -> Snapshots {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let env = Env { disk: Arc::new(disk.clone()), clock, random: Arc::new(SeededRandom::new(5)) };
    Snapshots::open(env, STORE_ID, options).expect("a disk in memory has no errors")
}

fn put(snapshots: &Snapshots, stream: &str, version: u64) {
    let payload = [version as u8; 40];
    let new = NewSnapshot {
        stream,
        tag: TAG,
        version: Version::new(version),
        position: Position::new(version.min(1000)),
        event_id: Uuid::from_u128(version.into()),
        recorded_at: Timestamp::EPOCH,
        occurred_max: Timestamp::from_nanos(version as i64),
        codec: 1,
        payload: &payload[..(version % 41) as usize],
    };
    snapshots.put(&new).expect("a disk in memory has no errors");
}

/// A written and a sorted file.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, SnapshotOptions::writing());
    for version in 1..=5 {
        put(&snapshots, &format!("account-{}", version % 3 + 1), version);
        snapshots.sync().expect("a disk in memory has no errors");
    }
    let mut seeds: Vec<Vec<u8>> = disk.image().into_values().collect();
    snapshots.close().expect("a disk in memory has no errors");
    seeds.extend(disk.image().into_values());
    seeds
}
