//! Cost of the whole store. The files lie in the current folder: in a temporary folder they might lie in memory,
//! where a sync costs nothing.

use annals::{Batch, Expected, NewEvent, Query, Store};
use annals_benches::workload::{EVENT_TYPE, Workload};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const EVENTS: u64 = 200_000;

fn benches(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let store = Store::open(folder.path().join("store")).expect("a store");
    let mut workload = Workload::new(1);
    for _ in 0..EVENTS / 1000 {
        let mut batch = Batch::new();
        for _ in 0..1000 {
            let (stream, data) = workload.event();
            batch.push(stream, &NewEvent::new(EVENT_TYPE, data)).expect("within the limits");
        }
        store.append_batch(batch).expect("appended");
    }

    let mut group = criterion.benchmark_group("store");
    group.sample_size(20);
    let view = store.view();
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("scan 200,000 events", |bencher| {
        bencher.iter(|| {
            view.read(Query::all())
                .expect("read")
                .map(|event| event.expect("sound").data().expect("plain").len())
                .sum::<usize>()
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("read a random stream of about 2 events", |bencher| {
        let mut workload = Workload::new(9);
        bencher.iter(|| black_box(view.read(Query::stream(workload.event().0)).expect("read").count()));
    });
    group.bench_function("append one event, durably", |bencher| {
        bencher.iter(|| {
            let (stream, data) = workload.event();
            store.append(stream, Expected::Any, &[NewEvent::new(EVENT_TYPE, data)]).expect("appended")
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
