//! Cost of very many snapshots: putting, opening, finding. The files lie in the current folder.

use annals_benches::memory::Memory;
use annals_snapshot::{NewSnapshot, SnapshotOptions, Snapshots};
use annals_types::{Position, Timestamp, Uuid, Version};
use annals_vfs::{Env, RealDisk};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;

/// Each of a stream of its own. Fewer where nothing is optimized, since then nobody measures.
const SNAPSHOTS: u64 = if cfg!(debug_assertions) { 5_000 } else { 1_000_000 };
const STORE: [u8; 16] = [7; 16];

fn put(snapshots: &Snapshots, number: u64) {
    let snapshot = NewSnapshot {
        stream: &format!("account-{number}"),
        tag: "account/1",
        version: Version::new(100),
        position: Position::new(number + 1),
        event_id: Uuid::from_u128(number.into()),
        recorded_at: Timestamp::EPOCH,
        occurred_max: Timestamp::EPOCH,
        codec: 1,
        payload: &[7; 100],
    };
    snapshots.put(&snapshot).expect("put");
}

/// Finds another one each time.
fn find(snapshots: &Snapshots, number: &mut u64) {
    *number = (*number + 611_953) % SNAPSHOTS;
    let stream = format!("account-{number}");
    let found = snapshots.find(&stream, "account/1", Version::new(200), None).expect("looked up");
    assert!(found.snapshot.is_some_and(|snapshot| snapshot.position.get() == *number + 1));
}

/// Memory of the process that is no file.
fn anonymous_bytes() -> u64 {
    Memory::now().expect("the system tells").anonymous
}

fn benches(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let disk = || Env::system(Arc::new(RealDisk::open(folder.path()).expect("a folder")));
    let snapshots = Snapshots::open(disk(), STORE, SnapshotOptions::writing()).expect("opened");
    for number in 0..SNAPSHOTS {
        put(&snapshots, number);
        if number % 10_000 == 0 {
            while snapshots.step(1 << 20).expect("a step") {}
        }
    }
    while snapshots.step(1 << 20).expect("a step") {}
    snapshots.close().expect("closed");
    let stats = snapshots.stats().expect("stats");
    let per_snapshot = stats.bytes as f64 / stats.snapshots as f64;
    println!("{} snapshots in {} files, {per_snapshot:.0} bytes each", stats.snapshots, stats.sorted_files);
    drop(snapshots);

    let mut group = criterion.benchmark_group("snapshots");
    group.sample_size(20);
    group.bench_function("open", |bencher| {
        bencher
            .iter(|| black_box(Snapshots::open(disk(), STORE, SnapshotOptions::reading()).expect("opened")));
    });
    let before = anonymous_bytes();
    let snapshots = Snapshots::open(disk(), STORE, SnapshotOptions::reading()).expect("opened");
    let mut number = 0;
    for _ in 0..SNAPSHOTS / 10 {
        find(&snapshots, &mut number);
    }
    println!("memory to find them: {} KiB", anonymous_bytes().saturating_sub(before) >> 10);
    group.bench_function("find, of all of them", |bencher| {
        bencher.iter(|| find(&snapshots, &mut number));
    });
    group.bench_function("find nothing", |bencher| {
        bencher.iter(|| {
            number += 1;
            let stream = format!("nobody-{number}");
            assert!(
                snapshots
                    .find(&stream, "account/1", Version::new(200), None)
                    .expect("looked up")
                    .snapshot
                    .is_none()
            );
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
