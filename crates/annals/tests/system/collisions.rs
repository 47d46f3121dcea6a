//! Many events of one stream, and many streams whose names somebody has chosen to do harm.

use annals::vfs::{Env, MemoryDisk, SeededRandom, SystemClock};
use annals::{Batch, Durability, Expected, NewEvent, Options, Position, Query, Store, Version};
use std::sync::Arc;

const EVENTS: u64 = 100_000;

fn open(disk: &MemoryDisk) -> Store {
    let random = Arc::new(SeededRandom::new(11));
    let env = Env { disk: Arc::new(disk.clone()), clock: Arc::new(SystemClock), random };
    Options::new()
        .env(env)
        .segment_bytes(1 << 20)
        .durability(Durability::Os)
        .background(false)
        .open("memory")
        .unwrap()
}

#[test]
fn a_hundred_thousand_events_of_one_stream_are_found_from_both_ends_and_the_middle() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    for first in (0..EVENTS).step_by(1_000) {
        let mut batch = Batch::new();
        batch.expect("one", Expected::Exact(Version::new(first))).unwrap();
        for number in first..first + 1_000 {
            batch.push("one", &NewEvent::new("t", number.to_string().into_bytes())).unwrap();
        }
        store.append_batch(batch).unwrap();
    }
    store.maintain().unwrap();
    let check = |store: &Store| {
        let view = store.view();
        assert_eq!(view.stream("one").unwrap().unwrap().last_version, Version::new(EVENTS));
        let versions = |query: Query| -> Vec<u64> {
            view.read(query).unwrap().map(|event| event.unwrap().version.get()).collect()
        };
        assert_eq!(versions(Query::stream("one").backwards().limit(3)), [EVENTS, EVENTS - 1, EVENTS - 2]);
        for middle in [1, 2, 999, 1_000, 1_001, EVENTS / 2, EVENTS - 1, EVENTS] {
            let from = Query::stream("one").from_version(Version::new(middle)).limit(1);
            assert_eq!(versions(from), [middle]);
            let event = view.event_at(Position::new(middle)).unwrap().unwrap();
            assert_eq!(&*event.data().unwrap(), (middle - 1).to_string().as_bytes());
        }
        assert!(versions(Query::stream("one")).into_iter().eq(1..=EVENTS));
    };
    check(&store);
    store.close().unwrap();
    check(&open(&disk));
}

/// A stream for each event, and all of one category, type and tag: nothing of that is looked through for an append.
#[test]
fn as_many_streams_as_events_are_each_found_by_name() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    let streams = EVENTS / 4;
    let name = |number: u64| format!("same-{number}");
    for first in (0..streams).step_by(1_000) {
        let mut batch = Batch::new();
        for number in first..first + 1_000 {
            batch.expect(&name(number), Expected::NoStream).unwrap();
            batch.push(&name(number), &NewEvent::new("t", &b""[..]).with_tag("same")).unwrap();
        }
        store.append_batch(batch).unwrap();
    }
    store.maintain().unwrap();
    store.close().unwrap();
    let store = open(&disk);
    let view = store.view();
    assert_eq!(view.streams("same-").count() as u64, streams);
    for number in (0..streams).step_by(997) {
        let events: Vec<_> = view.read(Query::stream(name(number))).unwrap().map(Result::unwrap).collect();
        assert_eq!((events.len(), events[0].position.get()), (1, number + 1));
    }
    assert_eq!(view.read(Query::all().category("same").tagged("same")).unwrap().count() as u64, streams);
}
