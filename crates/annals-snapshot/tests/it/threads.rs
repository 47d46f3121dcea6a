//! Many threads at once.

use crate::common::{find, open, put, small};
use crate::files::check;
use annals_vfs::MemoryDisk;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const STREAMS: u64 = 8;

#[test]
fn lookups_beside_puts_merges_and_syncs_never_go_back() {
    let disk = MemoryDisk::new();
    let mut options = small();
    options.file_records = 16;
    let snapshots = open(&disk, options);
    // The last version of each stream that was put.
    let put_up_to: Vec<AtomicU64> = (0..STREAMS).map(|_| AtomicU64::new(0)).collect();
    let ended = AtomicBool::new(false);
    let name = |stream: u64| format!("s-{stream}");
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (snapshots, ended) = (&snapshots, &ended);
            scope.spawn(move || {
                while !ended.load(Ordering::SeqCst) {
                    snapshots.step(3000).unwrap();
                    if worker == 0 {
                        snapshots.sync().unwrap();
                    }
                    snapshots.stats().unwrap();
                }
            });
        }
        for _ in 0..2 {
            let (snapshots, ended, put_up_to) = (&snapshots, &ended, &put_up_to);
            scope.spawn(move || {
                let mut round = 0;
                while !ended.load(Ordering::SeqCst) {
                    round += 1;
                    let stream = round % STREAMS;
                    let least = put_up_to[stream as usize].load(Ordering::SeqCst);
                    let found = find(snapshots, &name(stream), u64::MAX).map_or(0, |(version, _)| version);
                    assert!(found >= least, "{found} after {least}");
                    if least > 1 {
                        assert_eq!(find(snapshots, &name(stream), least - 1), Some((least - 1, 0)));
                    }
                }
            });
        }
        let writers: Vec<_> = (0..2)
            .map(|half| {
                let (snapshots, put_up_to) = (&snapshots, &put_up_to);
                scope.spawn(move || {
                    for version in 1..=150 {
                        for stream in (0..STREAMS).filter(|stream| stream % 2 == half) {
                            put(snapshots, &name(stream), version, 0).unwrap();
                            put_up_to[stream as usize].store(version, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        ended.store(true, Ordering::SeqCst);
    });
    snapshots.close().unwrap();
    assert_eq!(check(&disk), STREAMS * 150);
}

#[test]
fn snapshots_and_a_listing_of_them_can_be_sent_and_shared() {
    fn check<T: Send + Sync>() {}
    check::<annals_snapshot::Snapshots>();
    check::<annals_snapshot::Infos>();
}
