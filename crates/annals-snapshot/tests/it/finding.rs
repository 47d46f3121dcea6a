//! Looking snapshots up.

use crate::common::{find, new, open, payload, put, settle, small};
use annals_snapshot::{SnapshotError, SnapshotOptions};
use annals_types::limits::SNAPSHOT_BYTES_MAX;
use annals_types::{Position, Timestamp, Version};
use annals_vfs::MemoryDisk;

#[test]
fn the_newest_snapshot_at_or_before_a_version_is_found_in_files_of_every_kind() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    for version in 1..=100 {
        for stream in ["account-1", "account-2", "order-7"] {
            put(&snapshots, stream, version * 10, 0).unwrap();
        }
        if version % 7 == 0 {
            settle(&snapshots);
        }
    }
    for round in 0..3 {
        for stream in ["account-1", "account-2", "order-7"] {
            for at_most in [0, 9, 10, 11, 19, 555, 999, 1000, 1001, u64::MAX] {
                let wanted = (at_most.min(1000) / 10 > 0).then(|| (at_most.min(1000) / 10 * 10, 0));
                assert_eq!(find(&snapshots, stream, at_most), wanted, "{stream} {at_most} round {round}");
            }
        }
        assert_eq!(find(&snapshots, "account-3", 1000), None);
        settle(&snapshots);
    }
    let stats = snapshots.stats().unwrap();
    assert_eq!(stats.snapshots, 300);
    assert!(stats.sorted_files > 0 && stats.sorted_files < 20 && stats.written_files <= 1, "{stats:?}");
    drop(snapshots);
    let again = open(&disk, SnapshotOptions::reading());
    assert_eq!(find(&again, "order-7", 777), Some((770, 0)));
    assert_eq!(again.stats().unwrap().snapshots, 300);
}

#[test]
fn of_snapshots_put_twice_the_last_one_counts_wherever_they_are() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    for edition in 0..30 {
        for version in [5, 6] {
            put(&snapshots, "s", version, edition).unwrap();
            assert_eq!(find(&snapshots, "s", version), Some((version, edition)));
        }
        if edition % 3 == 0 {
            settle(&snapshots);
            assert_eq!(find(&snapshots, "s", 5), Some((5, edition)));
        }
    }
    snapshots.close().unwrap();
    assert_eq!(find(&open(&disk, small()), "s", 9), Some((6, 29)));
}

#[test]
fn a_snapshot_of_events_that_occurred_later_is_not_used() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    for (version, occurred) in [(1, 50), (2, 70), (3, 60), (4, 70), (5, 90)] {
        let payload = payload("s", "t/1", version, 0);
        let mut new = new("s", "t/1", version, &payload);
        new.occurred_max = Timestamp::from_nanos(occurred);
        snapshots.put(&new).unwrap();
    }
    for _ in 0..2 {
        for (by, wanted) in
            [(49, None), (50, Some(1)), (60, Some(3)), (69, Some(3)), (70, Some(4)), (90, Some(5))]
        {
            let found = snapshots.find("s", "t/1", Version::new(9), Some(Timestamp::from_nanos(by))).unwrap();
            assert_eq!(found.snapshot.map(|snapshot| snapshot.version.get()), wanted, "{by}");
        }
        snapshots.close().unwrap();
    }
}

#[test]
fn tags_are_kept_apart() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    for tag in ["a", "b", "ab"] {
        snapshots.put(&new("s", tag, 3, tag.as_bytes())).unwrap();
    }
    let get =
        |tag| snapshots.find("s", tag, Version::new(3), None).unwrap().snapshot.map(|found| found.payload);
    assert_eq!(
        [get("a"), get("b"), get("ab"), get("c")],
        [Some(b"a".to_vec()), Some(b"b".to_vec()), Some(b"ab".to_vec()), None]
    );
}

#[test]
fn what_is_no_snapshot_is_refused_with_a_reason() {
    let disk = MemoryDisk::new();
    let mut options = small();
    options.payload_bytes_max = 10;
    let snapshots = open(&disk, options);
    let refused = |new| snapshots.put(&new).unwrap_err().to_string();
    assert_eq!(
        refused(new("s", "t", 1, &[0; 11])),
        "a snapshot in this store has at most 10 bytes, this one has 11"
    );
    assert_eq!(refused(new("s", "", 1, b"")), "a schema tag has 1 to 128 bytes, this one has 0");
    assert!(refused(new("s", &"t".repeat(129), 1, b"")).ends_with("this one has 129"));
    assert!(matches!(snapshots.put(&new("", "t", 1, b"")), Err(SnapshotError::Invalid(_))));
    assert!(matches!(snapshots.put(&new("s", "t", 0, b"")), Err(SnapshotError::NoEvent { .. })));
    let mut beyond = new("s", "t", 1, b"");
    beyond.position = Position::MAX.next();
    assert!(matches!(snapshots.put(&beyond), Err(SnapshotError::NoEvent { .. })));
    snapshots.put(&new("s", "t", 1, &[0; 10])).unwrap();
    let reader = open(&disk, SnapshotOptions::reading());
    assert!(matches!(reader.put(&new("s", "t", 1, b"")), Err(SnapshotError::ReadOnly)));
    snapshots.close().unwrap();
    assert!(matches!(snapshots.put(&new("s", "t", 1, b"")), Err(SnapshotError::Closed)));
}

#[test]
fn the_largest_snapshot_is_put_found_and_merged_in_small_steps() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    let large: Vec<u8> = (0..SNAPSHOT_BYTES_MAX).map(|index| (index % 251) as u8).collect();
    snapshots.put(&new("s", "t", 1, &large)).unwrap();
    put(&snapshots, "s", 2, 0).unwrap();
    let found = |version| snapshots.find("s", "t", Version::new(version), None).unwrap().snapshot.unwrap();
    assert!(found(1).payload == large);
    let mut steps = 0;
    while snapshots.step(1 << 20).unwrap() {
        steps += 1;
    }
    assert!(steps > 100, "{steps}");
    assert_eq!(snapshots.stats().unwrap().sorted_files, 1);
    assert!(found(1).payload == large);
    assert_eq!(find(&snapshots, "s", 9), Some((2, 0)));
}
