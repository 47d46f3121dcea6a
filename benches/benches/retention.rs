//! What rules of retention cost: a scan without any, with some, and with a million closed streams; reading the rules after opening, and
//! the memory that they take. The files lie in the current folder.

use annals::{Batch, Durability, NewEvent, Query, RetentionRule, RetentionScope, Store, Version};
use annals_benches::memory::Memory;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

/// Events of the log, and closed streams. Fewer where nothing is optimized, since then nobody measures.
const EVENTS: u64 = if cfg!(debug_assertions) { 2000 } else { 200_000 };
const CLOSED: u64 = if cfg!(debug_assertions) { 2000 } else { 1_000_000 };
/// Streams that the events are of, one after the other.
const STREAMS: u64 = if cfg!(debug_assertions) { 50 } else { 5000 };

fn open(path: &Path) -> Store {
    Store::options().durability(Durability::Os).open(path).expect("opened")
}

fn fill(store: &Store) {
    for first in (0..EVENTS).step_by(1000) {
        let mut batch = Batch::new();
        for number in first..first + 1000 {
            let stream = format!("account-{}", number.wrapping_mul(0x9E37_79B9) % STREAMS);
            let data = format!(r#"{{"cents":{},"branch":"branch-{}"}}"#, number % 977, number % 40);
            batch.push(&stream, &NewEvent::json("deposited", data)).expect("within the limits");
        }
        store.append_batch(batch).expect("appended");
    }
    store.sync().expect("synced");
}

fn close_streams(store: &Store) {
    for first in (0..CLOSED).step_by(1000) {
        let mut batch = Batch::new();
        for number in first..first + 1000 {
            let data = format!(r#"{{"stream":"customer-{number}","before":1}}"#);
            batch
                .push("$annals.retention", &NewEvent::json("$annals.StreamTombstoned", data))
                .expect("as the store writes it");
        }
        store.append_batch(batch).expect("appended");
    }
}

fn scan(c: &mut Criterion, store: &Store, name: &str) {
    let mut group = c.benchmark_group("retention");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(20);
    group.bench_function(format!("scan, {name}"), |bencher| {
        bencher.iter(|| {
            let view = store.view();
            let query = Query::all().to_position(annals::Position::new(EVENTS));
            let bytes = |event: Result<annals::EventRef<'_>, _>| {
                event.map_or(0, |event| event.data().map_or(0, |data| data.len()))
            };
            black_box(view.read(query).expect("read").map(bytes).sum::<usize>())
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("read a stream, {name}"), |bencher| {
        bencher.iter(|| black_box(store.view().read(Query::stream("account-7")).expect("read").count()));
    });
    group.bench_function(format!("append, {name}"), |bencher| {
        bencher.iter(|| {
            let event = NewEvent::json("deposited", r#"{"cents":5}"#);
            black_box(store.append("late-1", annals::Expected::Any, &[event]).expect("appended"))
        });
    });
    group.finish();
}

fn all(c: &mut Criterion) {
    let directory = tempfile::tempdir_in(".").expect("a folder to write to");
    let path = directory.path().join("store");
    let store = open(&path);
    fill(&store);
    scan(c, &store, "no rules");
    let retention = store.retention();
    let many = RetentionRule::new().max_count(1 << 40);
    retention.set(&RetentionScope::category("none"), &many).expect("set");
    scan(c, &store, "a rule of another category");
    retention.set(&RetentionScope::category("account"), &many).expect("set");
    scan(c, &store, "a rule of the category of all streams");
    retention.truncate("account-7", Version::new(2)).expect("truncated");
    close_streams(&store);
    store.close().expect("closed");

    let begun = Instant::now();
    let store = open(&path);
    let opened = begun.elapsed();
    let before = Memory::now().expect("told").anonymous;
    let begun = Instant::now();
    assert_eq!(store.view().floor("customer-9").expect("read"), Version::new(1));
    let read = begun.elapsed();
    let took = Memory::now().expect("told").anonymous.saturating_sub(before);
    println!(
        "{CLOSED} closed streams: opened in {opened:?}, rules read in {read:?}, {took} bytes of memory more"
    );
    scan(c, &store, &format!("{CLOSED} closed streams"));
}

criterion_group!(benches, all);
criterion_main!(benches);
