//! The same few snapshots for all tests.

use annals_snapshot::{NewSnapshot, SnapshotError, SnapshotOptions, Snapshots};
use annals_types::{Position, Timestamp, Uuid, Version};
use annals_vfs::{Disk, Env, ManualClock, SeededRandom};
use std::sync::Arc;

pub(crate) const STORE_ID: [u8; 16] = *b"the store's name";

pub(crate) fn env(disk: Arc<dyn Disk>) -> Env {
    let clock = Arc::new(ManualClock::new(Timestamp::from_nanos(1_700_000_000_000_000_000)));
    Env { disk, clock, random: Arc::new(SeededRandom::new(7)) }
}

/// Files of a few records, so that there are many.
pub(crate) fn small() -> SnapshotOptions {
    let mut options = SnapshotOptions::writing();
    options.file_records = 4;
    options.merged_bytes = 1 << 20;
    options
}

pub(crate) fn open(disk: &(impl Disk + Clone + 'static), options: SnapshotOptions) -> Snapshots {
    try_open(disk, options).unwrap()
}

pub(crate) fn try_open(
    disk: &(impl Disk + Clone + 'static),
    options: SnapshotOptions,
) -> Result<Snapshots, SnapshotError> {
    Snapshots::open(env(Arc::new(disk.clone())), STORE_ID, options)
}

/// A payload by which it is known what it is of.
pub(crate) fn payload(stream: &str, tag: &str, version: u64, edition: u64) -> Vec<u8> {
    let mut payload = format!("{stream}|{tag}|{version}|{edition}|").into_bytes();
    payload.extend(std::iter::repeat_n(version as u8, (version * 37 % 90) as usize));
    payload
}

pub(crate) fn new<'a>(stream: &'a str, tag: &'a str, version: u64, payload: &'a [u8]) -> NewSnapshot<'a> {
    NewSnapshot {
        stream,
        tag,
        version: Version::new(version),
        position: Position::new(version * 10),
        event_id: Uuid::from_u128(version.into()),
        recorded_at: Timestamp::from_nanos(version as i64),
        occurred_max: Timestamp::from_nanos(version as i64 * 100),
        codec: 3,
        payload,
    }
}

/// Puts the `edition`-th snapshot of a stream at a version.
pub(crate) fn put(
    snapshots: &Snapshots,
    stream: &str,
    version: u64,
    edition: u64,
) -> Result<(), SnapshotError> {
    snapshots.put(&new(stream, "t/1", version, &payload(stream, "t/1", version, edition)))
}

/// Version and edition of what is found; nothing may have been passed over.
pub(crate) fn find(snapshots: &Snapshots, stream: &str, at_most: u64) -> Option<(u64, u64)> {
    let found = snapshots.find(stream, "t/1", Version::new(at_most), None).unwrap();
    assert_eq!(found.passed_over, []);
    found.snapshot.map(|snapshot| (snapshot.version.get(), edition(stream, &snapshot)))
}

/// The edition of a snapshot, which is exactly what was put.
pub(crate) fn edition(stream: &str, snapshot: &annals_snapshot::Snapshot) -> u64 {
    let version = snapshot.version.get();
    let text = String::from_utf8_lossy(&snapshot.payload);
    let edition = text.split('|').nth(3).and_then(|word| word.parse().ok()).unwrap();
    assert_eq!(snapshot.payload, payload(stream, "t/1", version, edition));
    let wanted = new(stream, "t/1", version, &[]);
    let known = (snapshot.position, snapshot.event_id, snapshot.recorded_at, snapshot.occurred_max);
    assert_eq!(known, (wanted.position, wanted.event_id, wanted.recorded_at, wanted.occurred_max));
    assert_eq!(snapshot.codec, wanted.codec);
    edition
}

/// Does all work that is due.
pub(crate) fn settle(snapshots: &Snapshots) {
    for _ in 0..10_000 {
        if !snapshots.step(4096).unwrap() {
            return;
        }
    }
    panic!("the work does not end");
}

/// A number that looks like chance and is the same every time.
pub(crate) fn scrambled(seed: u64) -> u64 {
    let word = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
