//! Cost of the bytes alone: encoding, stamping and verifying records in memory.

use annals_benches::workload::{EVENT_TYPE, Workload};
use annals_format::{Binding, FrameBuilder, FrameStamp, check_frame};
use annals_types::{NewEvent, Position, Timestamp, Version};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const EVENTS: u64 = 1000;

fn frame(workload: &mut Workload) -> FrameBuilder {
    let mut frame = FrameBuilder::new();
    for _ in 0..EVENTS {
        let (stream, data) = workload.event();
        frame.push(stream, &NewEvent::new(EVENT_TYPE, data)).expect("within the limits");
    }
    frame
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("format");
    group.throughput(Throughput::Elements(EVENTS));
    let mut workload = Workload::new(1);
    group.bench_function("encode a batch of 1000 events", |bencher| bencher.iter(|| frame(&mut workload)));

    let binding = Binding::new(&[7; 16], 1, 42);
    let (first_position, durable, recorded_at) = (Position::FIRST, Position::ZERO, Timestamp::EPOCH);
    let stamp = FrameStamp { binding, first_position, durable, recorded_at };
    let encoded = frame(&mut workload);
    group.bench_function("stamp a batch of 1000 events", |bencher| {
        let stamped = |mut frame: FrameBuilder| {
            frame.stamp(&stamp, |_| Version::FIRST);
            frame
        };
        bencher.iter_batched(|| encoded.clone(), stamped, BatchSize::LargeInput);
    });

    let mut stamped = encoded.clone();
    stamped.stamp(&stamp, |_| Version::FIRST);
    group.bench_function("verify a batch of 1000 events", |bencher| {
        bencher.iter(|| {
            check_frame(stamped.bytes(), binding, 64, |_, event| {
                black_box(event);
            })
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
