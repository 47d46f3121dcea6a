//! Dropping snapshots at once.

use crate::common::{find, open, put, settle, small};
use crate::files::{check, files};
use annals_snapshot::SnapshotOptions;
use annals_vfs::{MemoryDisk, Survival};

#[test]
fn pruning_keeps_the_newest_of_each_and_gives_the_space_back() {
    for keep in 0..5u64 {
        let disk = MemoryDisk::new();
        let snapshots = open(&disk, small());
        for version in 1..=60 {
            put(&snapshots, &format!("s-{}", version % 4), version, 0).unwrap();
            put(&snapshots, "twice", 5, version).unwrap();
            if version % 9 == 0 {
                settle(&snapshots);
            }
        }
        let pruned = snapshots.prune(keep).unwrap();
        let bytes: usize = disk.image().values().map(Vec::len).sum();
        assert_eq!(pruned.bytes_after, bytes as u64);
        assert!(pruned.bytes_after < pruned.bytes_before);
        assert_eq!(check(&disk), 4 * keep + keep.min(1));
        for survived in [Survival::Synced, Survival::All] {
            let again = open(&disk.crash(survived), SnapshotOptions::reading());
            for stream in 0..4 {
                let last = 60 - (60 - stream) % 4;
                for back in 0..5 {
                    let wanted = (back < keep).then(|| (last - 4 * back, 0));
                    assert_eq!(find(&again, &format!("s-{stream}"), last - 4 * back), wanted);
                }
            }
            assert_eq!(find(&again, "twice", 5), (keep > 0).then_some((5, 60)));
        }
        if keep == 0 {
            assert_eq!(files(&disk), [] as [&str; 0]);
        }
        assert_eq!(snapshots.prune(keep).unwrap().dropped, 0);
        put(&snapshots, "s-1", 100, 0).unwrap();
        assert_eq!(find(&snapshots, "s-1", 100), Some((100, 0)));
    }
}
