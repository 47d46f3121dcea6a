//! Cost of the index alone: taking events in and finding streams, in memory.

use annals_benches::workload::{EVENT_TYPE, Workload};
use annals_index::{IndexedEvent, MemoryIndex, TermKind};
use annals_types::{Position, Tags, Version};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::collections::HashMap;
use std::hint::black_box;

const EVENTS: u64 = 200_000;

fn events() -> Vec<(String, Version)> {
    let mut workload = Workload::new(1);
    let mut versions: HashMap<String, Version> = HashMap::new();
    let mut event = || {
        let stream = workload.event().0.to_owned();
        let version = versions.entry(stream.clone()).or_default();
        *version = version.next();
        (stream, *version)
    };
    (0..EVENTS).map(|_| event()).collect()
}

fn filled(events: &[(String, Version)]) -> MemoryIndex {
    let mut index = MemoryIndex::new(Position::FIRST, 42);
    for (number, (stream, version)) in (1..).zip(events) {
        let (position, version, tags) = (Position::new(number), *version, Tags::default());
        index.insert(&IndexedEvent { position, stream, version, event_type: EVENT_TYPE, tags, id: None });
    }
    index
}

fn benches(criterion: &mut Criterion) {
    let events = events();
    let mut group = criterion.benchmark_group("index");
    group.sample_size(20);
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("take in 200,000 events of 100,000 streams", |bencher| {
        bencher.iter_batched(|| (), |()| filled(&events), BatchSize::PerIteration);
    });
    let index = filled(&events);
    group.throughput(Throughput::Elements(1));
    group.bench_function("find a stream in memory", |bencher| {
        let mut workload = Workload::new(9);
        bencher.iter(|| black_box(index.find(TermKind::Stream, workload.event().0)));
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
