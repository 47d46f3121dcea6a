//! Cost of the index alone: taking events in, finding streams, merging runs; all in memory.

use annals_benches::workload::{EVENT_TYPE, Workload, mix};
use annals_index::{IndexedEvent, MemoryIndex, Merge, MergeTarget, Run, TermKey, TermKind, write_run};
use annals_types::{Position, Tags, Uuid, Version};
use annals_vfs::{Access, Disk, MemoryDisk};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

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

/// An event to be taken in.
struct Event {
    hash: u64,
    stream: String,
    position: Position,
    version: Version,
}

impl Event {
    fn indexed(&self) -> IndexedEvent<'_> {
        let Event { position, version, stream, .. } = self;
        let (position, version, tags) = (*position, *version, Tags::default());
        IndexedEvent { position, stream, version, event_type: EVENT_TYPE, tags, id: None }
    }
}

/// Events of so many streams in random order, in halves.
fn events_of(streams: u64) -> (Vec<Event>, Vec<Event>) {
    let mut versions: HashMap<u64, Version> = HashMap::new();
    let mut event = |number: u64| {
        let stream = mix(number) % streams;
        let version = versions.entry(stream).or_default();
        *version = version.next();
        let name = format!("account-{stream:06}");
        let hash = TermKey::new(TermKind::Stream, &name, 42).hash(42);
        Event { hash, stream: name, position: Position::new(number), version: *version }
    };
    let all: Vec<Event> = (1..=2 * EVENTS).map(&mut event).collect();
    let mut halves = all;
    let second = halves.split_off(halves.len() / 2);
    (halves, second)
}

fn filled_with(events: &[Event]) -> MemoryIndex {
    let mut index = MemoryIndex::new(Position::FIRST, 42);
    events.iter().for_each(|event| index.insert(&event.indexed()));
    index
}

const STORE_ID: [u8; 16] = *b"the store's name";
const HASH_SEED: u64 = 0x5EED_5EED_5EED_5EED;
/// Runs that are merged, and events of each.
const RUNS: u64 = 4;
const RUN_EVENTS: u64 = 100_000;

fn opened(memory: &MemoryIndex, run_id: u64) -> Arc<Run> {
    let mut bytes = Vec::new();
    let identity = write_run(memory, &STORE_ID, run_id, HASH_SEED, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    let (disk, identity) = (MemoryDisk::new(), identity.expect("memory takes all bytes"));
    disk.set_content("run", &bytes).expect("memory takes all bytes");
    let file = disk.open("run", Access::Read).expect("the file was made");
    let mapping = file.map(identity.length).expect("the file has all bytes");
    Arc::new(Run::open(mapping, &STORE_ID, &identity).expect("the run was just written"))
}

/// Neighbouring runs of streams of `length` events each, the names in no order; with a tag and an id for each event, or
/// neither.
fn neighbours(length: u64, tag_and_id: bool) -> Vec<Arc<Run>> {
    let tags = b"\x08\0branch:7";
    let tags = if tag_and_id { Tags::from_encoded(tags).expect("one tag") } else { Tags::default() };
    let run = |number: u64| {
        let first = number * RUN_EVENTS;
        let mut memory = MemoryIndex::new(Position::new(first + 1), 42);
        for event in first..first + RUN_EVENTS {
            let stream = format!("account-{:08}", (event / length).wrapping_mul(0x9E37_79B9) % 100_000_000);
            let id = u128::from(event).wrapping_mul(0x9E37_79B9_7F4A_7C15_1234_5678_9ABC_DEF1);
            memory.insert(&IndexedEvent {
                position: Position::new(event + 1),
                stream: &stream,
                version: Version::new(event % length + 1),
                event_type: EVENT_TYPE,
                tags,
                id: tag_and_id.then(|| Uuid::from_u128(id)),
            });
        }
        opened(&memory, number + 1)
    };
    (0..RUNS).map(run).collect()
}

fn merge(runs: &[Arc<Run>], memory_bytes: usize) -> u64 {
    let (disk, mut files) = (MemoryDisk::new(), 0);
    let scratch = Box::new(move || {
        files += 1;
        disk.create(&format!("scratch {files}"))
    });
    let sink = Box::new(|bytes: &[u8]| {
        black_box(bytes);
        Ok(())
    });
    let target =
        MergeTarget { store_id: STORE_ID, run_id: 9, hash_seed: HASH_SEED, sink, gaps: false, scratch };
    let mut merge = Merge::new(runs.to_vec(), target, memory_bytes).expect("the runs are neighbours");
    loop {
        if let Some(identity) = merge.step(4000).expect("nothing fails in memory") {
            return identity.length;
        }
    }
}

fn merging(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge of 4 runs");
    group.sample_size(20);
    for (what, length, tag_and_id) in
        [("400,000 streams of one event", 1, false), ("40,000 streams of ten events, tags, ids", 10, true)]
    {
        let runs = neighbours(length, tag_and_id);
        group.throughput(Throughput::Elements(RUNS * RUN_EVENTS));
        group.bench_function(what, |bencher| bencher.iter(|| merge(&runs, 1 << 22)));
    }
    group.finish();
}

/// Names that are not there: settled by the filter, but for one in a hundred.
fn absent(criterion: &mut Criterion) {
    let runs = neighbours(1, false);
    let names: Vec<String> = (0..100_000u32).map(|number| format!("account-x{number:07}")).collect();
    let mut group = criterion.benchmark_group("run");
    group.throughput(Throughput::Elements(1));
    for (what, ahead) in
        [("ask 4 runs for a name that is not there", false), ("the same, with prefetch", true)]
    {
        let mut next = 0;
        group.bench_function(what, |bencher| {
            bencher.iter(|| {
                next = (next + 1) % names.len();
                let key = TermKey::new(TermKind::Stream, &names[next], HASH_SEED);
                if ahead {
                    runs.iter().for_each(|run| run.prefetch_key(&key));
                }
                runs.iter().filter(|run| matches!(run.find_key(&key), Ok(Some(_)))).count()
            });
        });
    }
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    let events = events();
    let mut group = criterion.benchmark_group("index");
    group.sample_size(20);
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("take in 200,000 events of 100,000 streams", |bencher| {
        bencher.iter_batched(|| (), |()| filled(&events), BatchSize::PerIteration);
    });
    let (names, few) = (events_of(100_000), events_of(16));
    for (what, events) in [("100,000 streams", &names), ("16 streams", &few)] {
        group.bench_function(format!("one by one, in a full index of {what}"), |bencher| {
            let take = |mut index: MemoryIndex| {
                for event in &events.1 {
                    index.insert(&event.indexed());
                }
                index
            };
            bencher.iter_batched(|| filled_with(&events.0), take, BatchSize::PerIteration);
        });
        group.bench_function(format!("batches of 1000, in a full index of {what}"), |bencher| {
            let take = |mut index: MemoryIndex| {
                for batch in events.1.chunks(1000) {
                    let batch = batch.iter().map(|event| (event.hash, event.indexed()));
                    index.insert_all(batch).expect("versions go on");
                }
                index
            };
            bencher.iter_batched(|| filled_with(&events.0), take, BatchSize::PerIteration);
        });
    }
    let index = filled(&events);
    group.throughput(Throughput::Elements(1));
    group.bench_function("find a stream in memory", |bencher| {
        let mut workload = Workload::new(9);
        bencher.iter(|| black_box(index.find(TermKind::Stream, workload.event().0)));
    });
    group.finish();
}

criterion_group!(all, benches, merging, absent);
criterion_main!(all);
