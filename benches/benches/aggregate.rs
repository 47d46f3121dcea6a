//! Cost of loading a state: what a snapshot saves, now and at a past moment. The files lie in the current folder.

use annals::{
    Aggregate, Aggregates, AsOf, Batch, Durability, NewEvent, SnapshotPolicy, Store, Timestamp, Version,
};
use criterion::{Criterion, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use std::hint::black_box;

/// Events of the long stream. Fewer where nothing is optimized, since then nobody measures.
const EVENTS: u64 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
/// Events behind each snapshot.
const BEHIND: u64 = 100;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccountEvent {
    Deposited { cents: u64, branch: String },
}

#[derive(Default, Serialize, Deserialize)]
struct Account {
    cents: u64,
    deposits: u64,
}

impl Aggregate for Account {
    type Event = AccountEvent;

    fn apply(&mut self, AccountEvent::Deposited { cents, .. }: AccountEvent) {
        self.cents += cents;
        self.deposits += 1;
    }
}

/// When an event of the long stream happened: in order, but for every tenth, which was a minute late.
fn happened(number: u64) -> Timestamp {
    let late = if number.is_multiple_of(10) { 60 } else { 0 };
    Timestamp::from_nanos((1_700_000_000 + i64::try_from(number).expect("few events") - late) * 1_000_000_000)
}

fn fill(store: &Store) {
    for first in (0..EVENTS).step_by(1000) {
        let mut batch = Batch::new();
        for number in first..first + 1000 {
            let data = format!(r#"{{"cents":{},"branch":"branch-{}"}}"#, number % 977, number % 40);
            batch
                .push("long", &NewEvent::json("deposited", data).at(happened(number)))
                .expect("within the limits");
        }
        // Other streams lie between.
        for number in 0..20 {
            batch
                .push(&format!("other-{}", (first / 7 + number) % 5000), &NewEvent::json("deposited", "{}"))
                .expect("small");
        }
        store.append_batch(batch).expect("appended");
    }
    for _ in 0..BEHIND {
        let event = NewEvent::json("deposited", r#"{"cents":500,"branch":"branch-7"}"#);
        store.append("short", annals::Expected::Any, &[event]).expect("appended");
    }
}

fn benches(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let store =
        Store::options().durability(Durability::Os).open(folder.path().join("store")).expect("a store");
    fill(&store);
    // A snapshot waits until its events are durable.
    store.sync().expect("synced");
    let plain: Aggregates<Account> = store.aggregates();
    let saving = plain.clone().with_snapshots("account/1", SnapshotPolicy::only_when_told());
    let past = EVENTS / 2;
    for version in [past - BEHIND, EVENTS - BEHIND] {
        let mut loaded = plain.load_at_version("long", Version::new(version)).expect("loaded");
        saving.save(&mut loaded).expect("saved");
    }
    let view = store.view();
    let recorded = {
        let event =
            view.read(annals::Query::stream("long").from_version(Version::new(past))).expect("read").next();
        event.expect("there").expect("sound")
    };

    let mut group = criterion.benchmark_group("load");
    group.sample_size(20);
    group.bench_function("a stream of 100 events", |bencher| {
        bencher.iter(|| black_box(plain.load("short").expect("loaded").state().cents));
    });
    group.bench_function("a snapshot and 100 events", |bencher| {
        bencher.iter(|| {
            let loaded = saving.load("long").expect("loaded");
            assert_eq!((loaded.events_read(), loaded.version().get()), (BEHIND, EVENTS));
            black_box(loaded.state().cents)
        });
    });
    group.bench_function("the same at a past position", |bencher| {
        bencher.iter(|| {
            let loaded = saving.load_as_of("long", AsOf::Position(recorded.position)).expect("loaded");
            assert_eq!((loaded.events_read(), loaded.version().get()), (BEHIND, past));
            black_box(loaded.state().cents)
        });
    });
    group.bench_function("the same at a past time of recording", |bencher| {
        bencher.iter(|| {
            let loaded = saving.load_as_of("long", AsOf::Recorded(recorded.recorded_at)).expect("loaded");
            black_box(loaded.state().cents)
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("load without a snapshot");
    group.sample_size(10);
    group.bench_function("all events", |bencher| {
        bencher.iter(|| black_box(plain.load("long").expect("loaded").state().cents));
    });
    group.bench_function("what had occurred by a past time, with a snapshot", |bencher| {
        let moment = AsOf::Occurred(happened(past));
        bencher.iter(|| black_box(saving.load_as_of("long", moment).expect("loaded").state().deposits));
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
