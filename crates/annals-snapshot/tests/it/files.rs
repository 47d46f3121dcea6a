//! What becomes of files: sorting, merging, leftovers, readers beside a writer.

use crate::common::{STORE_ID, find, open, put, settle, small};
use annals_format::names;
use annals_snapshot::{SnapshotOptions, verify};
use annals_vfs::{Disk, MemoryDisk};

/// The names of all files of snapshots.
pub(crate) fn files(disk: &MemoryDisk) -> Vec<String> {
    disk.image().into_keys().collect()
}

/// Everything on the disk is sound, and there are so many snapshots.
pub(crate) fn check(disk: &MemoryDisk) -> u64 {
    verify(disk, &STORE_ID, &mut |corruption| panic!("{corruption}")).unwrap().snapshots
}

#[test]
fn opening_and_looking_around_changes_nothing_on_the_disk() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    assert_eq!(find(&snapshots, "s", 9), None);
    assert!(!snapshots.step(1 << 20).unwrap());
    assert_eq!(snapshots.list("").count(), 0);
    snapshots.sync().unwrap();
    snapshots.close().unwrap();
    assert!(disk.list(names::SNAPSHOT_DIR).is_err());
    assert_eq!(check(&disk), 0);
}

#[test]
fn many_files_of_a_size_become_few() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    for version in 1..=1000 {
        put(&snapshots, &format!("s-{}", version % 50), version, 0).unwrap();
        while snapshots.step(2000).unwrap() {}
    }
    let stats = snapshots.stats().unwrap();
    assert!(stats.sorted_files <= 12, "{stats:?}");
    assert_eq!((stats.snapshots, check(&disk)), (1000, 1000));
    assert_eq!(snapshots.list("s-1").count(), 220);
    let infos: Vec<_> = snapshots.list("s-7").map(Result::unwrap).collect();
    assert_eq!(infos.len(), 20);
    assert!(
        infos.iter().all(|info| info.stream == "s-7" && info.tag == "t/1" && info.codec == 3 && !info.newer)
    );
    assert!(infos.is_sorted_by(|one, other| one.version > other.version));
}

#[test]
fn no_file_grows_beyond_what_merging_may_make() {
    let disk = MemoryDisk::new();
    let mut options = small();
    options.merged_bytes = 10_000;
    let snapshots = open(&disk, options);
    for version in 1..=400 {
        put(&snapshots, "s", version, 0).unwrap();
        while snapshots.step(1 << 20).unwrap() {}
    }
    let lengths: Vec<usize> = disk.image().into_values().map(|bytes| bytes.len()).collect();
    assert!(lengths.iter().all(|length| *length <= 11_000), "{lengths:?}");
    assert!(lengths.len() < 30, "{lengths:?}");
    assert_eq!(check(&disk), 400);
}

#[test]
fn merging_keeps_the_newest_if_it_is_told_to() {
    let disk = MemoryDisk::new();
    let mut options = small();
    options.keep_last = Some(2);
    let snapshots = open(&disk, options);
    for version in 1..=300 {
        put(&snapshots, &format!("s-{}", version % 3), version, 0).unwrap();
        put(&snapshots, &format!("only-{version}"), version, 0).unwrap();
        while snapshots.step(1 << 20).unwrap() {}
    }
    snapshots.close().unwrap();
    let stats = snapshots.stats().unwrap();
    // Not everything meets in a merge, but most does.
    assert!((306..420).contains(&stats.snapshots), "{stats:?}");
    for stream in 0..3 {
        let last = 300 - (300 - stream) % 3;
        assert_eq!(find(&snapshots, &format!("s-{stream}"), 999), Some((last, 0)));
        assert_eq!(find(&snapshots, &format!("s-{stream}"), last - 1), Some((last - 3, 0)));
    }
    assert_eq!(find(&snapshots, "only-7", 7), Some((7, 0)));
}

#[test]
fn a_file_that_is_mostly_not_wanted_any_more_is_made_again() {
    let disk = MemoryDisk::new();
    let mut options = small();
    options.file_records = 40;
    options.keep_last = Some(1);
    // Too little for any two of the files.
    options.merged_bytes = 12_000;
    let snapshots = open(&disk, options);
    for version in 1..=20 {
        for stream in 0..40 {
            put(&snapshots, &format!("s-{stream}"), version, 0).unwrap();
        }
        settle(&snapshots);
    }
    let stats = snapshots.stats().unwrap();
    assert!(stats.snapshots < 200 && stats.dropped >= 600, "{stats:?}");
    assert!(stats.superseded_bytes.is_some());
    assert!((0..40).all(|stream| find(&snapshots, &format!("s-{stream}"), 99) == Some((20, 0))));
    check(&disk);
}

#[test]
fn a_program_that_opens_and_puts_one_snapshot_again_and_again_leaves_few_files() {
    let disk = MemoryDisk::new();
    for version in 1..=200 {
        let snapshots = open(&disk, SnapshotOptions::writing());
        assert_eq!(
            find(&snapshots, "s", 999).map(|(version, _)| version),
            (version > 1).then(|| version - 1)
        );
        put(&snapshots, "s", version, 0).unwrap();
        match version % 3 {
            0 => snapshots.close().unwrap(),
            1 => snapshots.sync().unwrap(),
            _ => settle(&snapshots),
        }
    }
    assert!(files(&disk).len() <= 20, "{:?}", files(&disk));
    assert_eq!(check(&disk), 200);
}

#[test]
fn without_any_background_a_put_sorts_what_is_full() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    for version in 1..=200 {
        put(&snapshots, "s", version, 0).unwrap();
        assert!(snapshots.stats().unwrap().written_files <= 6);
    }
    assert_eq!(find(&snapshots, "s", 3), Some((3, 0)));
}

#[test]
fn a_reader_sees_what_it_began_with_and_after_a_refresh_what_there_is() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    let reader = open(&disk, SnapshotOptions::reading());
    let mut seen = 0;
    for version in 1..=120 {
        put(&snapshots, "s", version, 0).unwrap();
        if version % 5 == 0 {
            while snapshots.step(1 << 20).unwrap() {}
        }
        assert_eq!(find(&reader, "s", 999).map_or(0, |(version, _)| version), seen);
        if version % 7 == 0 {
            reader.refresh().unwrap();
            seen = version;
        }
    }
    snapshots.prune(0).unwrap();
    assert_eq!(find(&reader, "s", 999).unwrap().0, seen);
    reader.refresh().unwrap();
    assert_eq!(find(&reader, "s", 999), None);
}

#[test]
fn what_is_not_a_file_of_snapshots_is_left_alone() {
    let disk = MemoryDisk::new();
    let names = ["snapshots/readme.txt", "snapshots/7.snap", "snapshots/000000000009.snap.bak"];
    names.iter().for_each(|name| disk.set_content(name, b"mine").unwrap());
    disk.set_content("snapshots/000000000003.tmp", b"left over").unwrap();
    let snapshots = open(&disk, small());
    (1..=50).for_each(|version| put(&snapshots, "s", version, 0).unwrap());
    settle(&snapshots);
    snapshots.prune(1).unwrap();
    let image = disk.image();
    assert!(names.iter().all(|name| image[*name] == b"mine"));
    assert!(!image.contains_key("snapshots/000000000003.tmp"));
}
