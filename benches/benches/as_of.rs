//! From a time to a position, and what a view of that time counts, over few and many segments. The disk is memory, so this is
//! the work of the processor alone.

use annals::vfs::{Env, ManualClock, MemoryDisk, SeededRandom};
use annals::{AsOf, Batch, Clock, NewEvent, Options, Query, Store, Timestamp, View, limits};
use annals_benches::workload::Draws;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use std::hint::black_box;
use std::sync::Arc;

const BATCH: u64 = 20;

/// The time of an event, on both clocks. On the clock of what occurred, all but one event in a thousand are in order.
fn time(number: u64) -> Timestamp {
    Timestamp::from_nanos(1_700_000_000_000_000_000 + number.cast_signed() * 1_000_000)
}

/// A store of so many segments, the last of which is written.
fn store(segments: u64) -> (Store, u64) {
    let clock = Arc::new(ManualClock::new(time(0)));
    let random = Arc::new(SeededRandom::new(1));
    let env = Env { disk: Arc::new(MemoryDisk::new()), clock: clock.clone(), random };
    let options = Options::new().env(env).segment_bytes(limits::SEGMENT_BYTES_MIN).background(false);
    let store = options.open("memory").expect("a store");
    let mut number = 0;
    while number == 0 || store.stats().expect("figures").segments < segments {
        // The figures are dear; so many batches do not fill a segment.
        for _ in 0..3 {
            clock.set(time(number));
            let mut batch = Batch::new();
            for _ in 0..BATCH {
                number += 1;
                let late = number.is_multiple_of(1000);
                let event =
                    NewEvent::new("t", &[7; 100][..]).at(time(if late { number / 2 } else { number }));
                batch.push(&format!("account-{}", number % 97), &event).expect("within the limits");
            }
            store.append_batch(batch).expect("appended");
        }
    }
    store.maintain().expect("sealed");
    (store, number)
}

fn benches(criterion: &mut Criterion) {
    for segments in [10, 100, 1000] {
        let (store, events) = store(segments);
        let mut group = criterion.benchmark_group(format!("as of, {segments} segments"));
        of_view(&mut group, &store.view(), events);
        group.finish();
    }
}

fn of_view(group: &mut BenchmarkGroup<'_, WallTime>, view: &View, events: u64) {
    let mut draws = Draws::new(3);
    let mut random = move || time(draws.draw() % events);
    let at = |clock, time| view.position_at(clock, time).expect("found");
    group.bench_function("recorded time to position", |bencher| {
        bencher.iter(|| black_box(at(Clock::Recorded, random())));
    });
    group.bench_function("occurred time to position", |bencher| {
        bencher.iter(|| black_box(at(Clock::Occurred, random())));
    });
    // Every segment has to be passed over.
    group.bench_function("a time before all events to position", |bencher| {
        bencher.iter(|| black_box(at(Clock::Occurred, Timestamp::EPOCH)));
    });
    let then = view.as_of(AsOf::Occurred(time(events / 2))).expect("a view");
    for (what, query) in [("all", Query::all()), ("a stream", Query::stream("account-7"))] {
        group.bench_function(format!("{what} counted as of an occurred time"), |bencher| {
            bencher.iter(|| then.count(query.clone()).expect("counted"));
        });
        group.bench_function(format!("{what} read as of an occurred time"), |bencher| {
            bencher.iter(|| then.read(query.clone()).expect("read").count());
        });
    }
}

criterion_group!(all, benches);
criterion_main!(all);
